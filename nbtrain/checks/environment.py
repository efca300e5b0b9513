"""Switches in environment variables."""

from __future__ import annotations

import os


def switched_on(variable: str) -> bool:
    """Whether an environment variable is set to something but 0."""
    return os.environ.get(variable, "0") not in ("", "0")
