"""Model files of the command line: a trainer, with what lies between a table and its inputs in the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ModelFileError
from ..tabular.preparation import Preparation

if TYPE_CHECKING:
    from ..trainer import Trainer

KEY = "table"


def save(path: str, trainer: Trainer, preparation: Preparation) -> None:
    """Write a trainer with its preparation."""
    trainer.save(path, metadata={KEY: preparation.to_dict()})


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
