"""The language in which components are written: Python functions of numbers, and what is refused."""
