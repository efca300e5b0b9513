"""Trainers in files: all that training needs to go on bit for bit, in the safetensors format.

A file holds arrays, numbers and names. Nothing in it is executed, and nothing that it names is imported: components
are looked up in the registry, which may load plugins that are installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..formats.modelfile import files
from ..formats.modelfile.restoring import restored

if TYPE_CHECKING:
    from .trainer import Trainer


def load(path: files.Path) -> Trainer:
    """A trainer from a file that `Trainer.save` wrote; it goes on exactly where that one stood.

    Training continued by it gives the same bits as training without a break would have given, on the same machine
    and version, also in the middle of an epoch. Nothing in the file is executed or imported; components are looked up
    by their names among the built-in ones, those registered and those of installed plugins.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Trainer
        With its history, and with `metadata` as it was saved.

    Raises
    ------
    ModelFileError
        If the file cannot be read or is damaged, or a component that it names is not there; the message names the
        field, and the distribution that had provided the component. Where there is no file at all, the error is a
        FileNotFoundError, too.

    Examples
    --------
    >>> trainer.save("model.nbt")  # doctest: +SKIP
    >>> trainer = nbtrain.load("model.nbt")  # doctest: +SKIP
    """
    from .trainer import Trainer

    trainer: Trainer = restored(Trainer, files.read(path), files.checked_path(path))
    return trainer
