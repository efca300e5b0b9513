"""Model files of the command line: a trainer, with the encoding of the table in its metadata."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from typing import TYPE_CHECKING

from ..errors import InputError, ModelFileError
from ..table.preparation import Preparation

if TYPE_CHECKING:
    from ..training.trainer import Trainer

KEY = "table"


def save(path: str, trainer: Trainer, preparation: Preparation) -> None:
    """Write a trainer and its preparation."""
    trainer.save(path, metadata={KEY: preparation.to_dict()})


def keep(path: str, trainer: Trainer, preparation: Preparation) -> str:
    """Write a trainer to `path`, or, if that fails, to the temporary directory -> its path; "" if both failed."""
    try:
        save(path, trainer, preparation)
        return path
    except (OSError, InputError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        problem = f"nbtrain: --save: cannot write {path!r}: {reason}"
    other = _elsewhere(trainer, preparation)
    result = f"the model was saved as {other!r}" if other else "the temporary directory cannot be written either"
    print(f"{problem}; {result}", file=sys.stderr, flush=True)
    return other


def _elsewhere(trainer: Trainer, preparation: Preparation) -> str:
    """Write a trainer to a new file in the temporary directory -> its path, or ""."""
    with contextlib.suppress(OSError):
        descriptor, path = tempfile.mkstemp(".nbt", "nbtrain-")
        os.close(descriptor)
        try:
            save(path, trainer, preparation)
            return path
        except OSError:
            os.unlink(path)
    return ""


def load(path: str) -> tuple[Trainer, Preparation]:
    """A trainer and its preparation.

    Raises
    ------
    ModelFileError
        If the file is damaged or does not describe a table.
    """
    from .. import load as load_trainer

    trainer = load_trainer(path)
    if KEY not in trainer.metadata:
        raise ModelFileError(
            f"{path}: not written by `nbtrain train`, so its inputs are unknown; in Python, use "
            "nbtrain.load(path).predict(X)"
        )
    preparation = Preparation.from_dict(trainer.metadata[KEY], path)
    if (preparation.inputs, preparation.target.outputs) != (trainer.network.inputs, trainer.network.sizes[-1]):
        raise ModelFileError(f"{path}: its columns do not match its network")
    return trainer, preparation
