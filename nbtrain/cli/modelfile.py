"""Model files of the command line: a trainer, with what lies between a table and its inputs in the metadata."""

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
    """Write a trainer with its preparation."""
    trainer.save(path, metadata={KEY: preparation.to_dict()})


def keep(path: str, trainer: Trainer, preparation: Preparation) -> str:
    """Write a trainer, to the temporary folder if it cannot be written to `path` -> where it is; "" for nowhere."""
    try:
        save(path, trainer, preparation)
        return path
    except (OSError, InputError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        told = f"nbtrain: --save: {path!r} cannot be written: {reason}"
    other = _elsewhere(trainer, preparation)
    print(f"{told}; the model was saved as {other!r}" if other else f"{told}, and neither can another file",
          file=sys.stderr, flush=True)  # fmt: skip
    return other


def _elsewhere(trainer: Trainer, preparation: Preparation) -> str:
    """Write a trainer to a new file in the temporary folder -> its path; "" where that is not possible either."""
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
        If the file is damaged, or no table was described when it was written.
    """
    from .. import load as load_trainer

    trainer = load_trainer(path)
    if KEY not in trainer.metadata:
        raise ModelFileError(
            f"{path}: it does not say what its inputs are, as files that `nbtrain train` writes do; "
            "in Python, nbtrain.load(path).predict(X) works with any"
        )
    preparation = Preparation.from_dict(trainer.metadata[KEY], path)
    if (preparation.inputs, preparation.target.outputs) != (trainer.network.inputs, trainer.network.sizes[-1]):
        raise ModelFileError(f"{path}: its columns and its network do not fit together")
    return trainer, preparation
