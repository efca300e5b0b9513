"""Model files of the command line, saved somewhere even where the disk is full."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile

from ..errors import InputError
from ..table import TableModel


def keep(path: str, model: TableModel) -> str:
    """Write a model to `path`, or, if that fails, to the temporary directory -> its path; "" if both failed."""
    try:
        model.save(path)
        return path
    except (OSError, InputError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        problem = f"nbtrain: --save: cannot write {path!r}: {reason}"
    other = _elsewhere(model)
    result = f"the model was saved as {other!r}" if other else "the temporary directory cannot be written either"
    print(f"{problem}; {result}", file=sys.stderr, flush=True)
    return other


def _elsewhere(model: TableModel) -> str:
    """Write a model to a new file in the temporary directory -> its path, or ""."""
    with contextlib.suppress(OSError):
        descriptor, path = tempfile.mkstemp(".nbt", "nbtrain-")
        os.close(descriptor)
        try:
            model.save(path)
            return path
        except OSError:
            os.unlink(path)
    return ""
