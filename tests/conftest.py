"""One compile cache for the whole test run, apart from the user's own; subprocesses inherit it."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

# Set here, not in a fixture: test modules import nbtrain while pytest collects them.
# A run that was given a directory itself (a developer who wants a warm one) uses that.
_OWN = "NBTRAIN_CACHE_DIR" not in os.environ
if _OWN:
    os.environ["NBTRAIN_CACHE_DIR"] = tempfile.mkdtemp(prefix="nbtrain-test-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the cache with the process that made it."""
    if _OWN:
        shutil.rmtree(os.environ["NBTRAIN_CACHE_DIR"], ignore_errors=True)
