"""How a Trainer is saved, pickled and copied: all three through the bytes of its file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from ..formats.modelfile import files
from ..formats.modelfile.restoring import restored
from ..formats.modelfile.writing import metadata_text, parts_of
from ..model import Model
from ..model.memory import Memory
from ..model.recipe import Recipe
from .history import History

if TYPE_CHECKING:
    from .fit import Fit


class Saving:
    """What a Trainer has for that."""

    recipe: Recipe
    model: Model
    memory: Memory
    history: History
    metadata: dict[str, Any]
    _run: Fit | None
    _held: Callable[[], AbstractContextManager[None]]

    def save(self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the trainer to a file, from which `nbtrain.load` makes one that goes on bit for bit.

        The file is in the safetensors format, with a SHA-256 over all of it. It is written beside its place, synced
        and moved there: if anything goes wrong, the old file stays.

        Parameters
        ----------
        path : str or path-like
        metadata : dict, optional
            Whatever JSON can hold; becomes `trainer.metadata`, which is saved with the trainer (1 MB at most).

        Raises
        ------
        InputError
            If the path or the metadata cannot be used.
        DivergenceError
            If a parameter or the learning rate is NaN or infinite; nothing is written.
        OSError
            If the file cannot be written.
        """
        text = metadata_text(self.metadata if metadata is None else metadata)
        with self._held():
            self.metadata = json.loads(text)
            parts = parts_of(self, text)
        files.write(path, parts)

    @classmethod
    def from_bytes(cls, data: bytes, known: Recipe | None = None) -> Self:
        """A trainer from the bytes of its file; `known` has its components, where the registry need not be asked."""
        trainer: Self = restored(cls, data, "bytes of a trainer", known)
        return trainer

    def _bytes(self) -> bytes:
        with self._held():
            return b"".join(parts_of(self, metadata_text(self.metadata)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self._bytes(),)

    def __deepcopy__(self, memo: Any) -> Self:
        return self.from_bytes(self._bytes(), self.recipe)
