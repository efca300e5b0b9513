"""Threads that share the work of a call, and the lock of a model."""
