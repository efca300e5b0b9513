"""How a Trainer is saved, pickled and copied: all three through the bytes of its file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from ..history import History
from ..memory import Memory
from ..model import Model
from ..recipe import Recipe
from . import files
from .restoring import from_bytes
from .writing import metadata_text, parts_of

if TYPE_CHECKING:
    from ..fitting import Fit


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

    def _bytes(self) -> bytes:
        with self._held():
            return b"".join(parts_of(self, metadata_text(self.metadata)))

    def __reduce__(self) -> tuple[Any, ...]:
        return from_bytes, (self._bytes(), type(self))

    def __deepcopy__(self, memo: Any) -> Self:
        copied: Self = from_bytes(self._bytes(), type(self), self.recipe)
        return copied
