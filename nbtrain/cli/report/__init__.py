"""The report of a training as one HTML file: plain data in, a page without scripts and without the network out."""

from __future__ import annotations

from .importance import importance
from .page import page

__all__ = ["importance", "page"]
