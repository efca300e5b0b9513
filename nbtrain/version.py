"""The version of nbtrain."""

__version__ = "0.1.0"
