"""Checks of what users give, and the words of the errors."""
