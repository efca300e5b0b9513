"""Whether a training may go on from a checkpoint: none is thrown away, and none is mixed with another."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Callback
from ..errors import InputError
from ..model.settings import DrawnSeed
from .data import Dataset

if TYPE_CHECKING:
    from ..formats.modelfile.restoring import Contents
    from .trainer import Trainer

Array = np.ndarray[Any, Any]
COUNTERS = ("iteration", "epoch", "position")
DIGESTED_ROWS = 1024  # of the data, evenly spaced


class TrainingData(Callback):
    """What checkpoints keep of the data of a call of fit, to know them again, and of where the trainer stood.

    Parameters
    ----------
    data : Dataset
    trainer : Trainer, optional
        As it is before a run that may be started again.
    """

    def __init__(self, data: Dataset, trainer: Trainer | None = None) -> None:
        self.data = data
        self.began = None if trainer is None else _beginning(trainer)
        self._state: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        if not self._state:
            self._state = {"samples": len(self.data.x), "digest": digest(self.data)}
        return self._state | ({} if self.began is None else {"began": self.began})

    def is_begun_again(self, trainer: Trainer, kept: Mapping[str, Any]) -> bool:
        """Whether the trainer stands where that of a checkpoint did when its run began: by the same program, it seems.

        What an unseeded one had learnt before comes out otherwise each time; its counters are the same.
        """
        theirs = kept.get("began")
        if self.began is None or not isinstance(theirs, list) or len(theirs) != len(self.began):
            return False
        compared = 2 if isinstance(trainer.recipe.seed, DrawnSeed) else 3
        return self.began[:compared] == theirs[:compared]

    def check(self, kept: Mapping[str, Any], path: str) -> None:
        """Refuse another number of samples than that of a checkpoint's data; warn of other numbers.

        Files of trainers that were not in fit, and those of older versions, say nothing of data.
        """
        own = self.state_dict()
        if "samples" not in kept:
            return
        if kept["samples"] != own["samples"]:
            raise InputError(
                f"checkpoint: {path} is of a training on {kept['samples']} samples, here there are "
                f"{own['samples']}; give another path to train anew, or go on with these from nbtrain.load({path!r}), "
                "with a path of its own"
            )
        if kept.get("digest") != own["digest"]:
            warnings.warn(
                f"checkpoint: {path} is of a training on other data, of the same number of samples: X or y are not "
                "what they were, and what comes out is not what training at once would have given",
                UserWarning,
                stacklevel=8,  # where fit was called
            )


def _beginning(trainer: Trainer) -> list[Any]:
    """Iterations, epochs and a digest of the parameters."""
    theta = hashlib.blake2b(trainer.theta.data, digest_size=8).hexdigest()
    return [int(trainer.iteration), int(trainer.epoch), theta]


def digest(data: Dataset) -> str:
    """A digest of X and y, of about a thousand rows where there are more."""
    rows = np.unique(np.linspace(0, len(data.x) - 1, DIGESTED_ROWS).astype(np.int64))
    found = hashlib.blake2b(repr((data.x.shape, data.y.shape)).encode(), digest_size=8)
    for array in (data.x, data.y):
        found.update(np.ascontiguousarray(array[rows]).data)
    return found.hexdigest()


def check(trainer: Trainer, found: Contents, data: TrainingData, path: str) -> None:
    """Refuse a file that is not of what the trainer was made for, or that knows nothing of what it has learnt.

    Raises
    ------
    InputError
        If the trainer has another seed, or has trained and does not stand where the file does, or the data are of
        another number of samples.
    """
    states = (state.values for state in found.states if state.kind == TrainingData.__qualname__)
    kept: Mapping[str, Any] = next(states, {})
    fresh = not trainer.model.descriptor["iteration"][0] or data.is_begun_again(trainer, kept)
    if not fresh and not _stands_there(trainer, found):
        own, theirs = _words(trainer.model.descriptor), _words(found.counters)
        raise InputError(
            f"checkpoint: this trainer has trained already ({own}), and not as {path} has ({theirs}): to go on from "
            "the file would throw away what it has learnt. Make a new trainer to go on from the file; give another "
            "path to go on with this one, or save it there first (trainer.save) to replace the file"
        )
    if fresh and not isinstance(trainer.recipe.seed, DrawnSeed) and trainer.recipe.seed != found.recipe.seed:
        raise InputError(
            f"checkpoint: {path} is of a trainer with another seed: its words are {_hex(found.recipe.seed)}, those of "
            f"rng= here are {_hex(trainer.recipe.seed)}; give the rng= that it was made with, or another path. A "
            "trainer with rng=None goes on from any"
        )
    if fresh:  # a trainer that goes on by itself may have been given other data
        data.check(kept, path)
    data.began = kept.get("began", data.began)


def _stands_there(trainer: Trainer, found: Contents) -> bool:
    """Whether a file holds the same training, as far: the same seed, counters and losses; without epochs, weights.

    The weights say nothing where there are epochs: a callback may have put better ones back.
    """
    d = trainer.model.descriptor
    if trainer.recipe.seed != found.recipe.seed or any(int(d[name][0]) != found.counters[name] for name in COUNTERS):
        return False
    theirs = {
        name.removeprefix("history."): column for name, column in found.tensors.items() if name.startswith("history.")
    }
    own = {name: np.array(column) for name, column in trainer.history.items()}
    if own.keys() != theirs.keys():
        return False
    if own:
        return all(np.array_equal(own[name], theirs[name], equal_nan=True) for name in own)
    pairs = enumerate(trainer.weights)
    return all(
        np.array_equal(array, found.tensors[f"layers.{index}.{name}"])
        for index, layer in pairs
        for name, array in zip("Wb", layer, strict=True)
    )


def _words(counters: Mapping[str, Any] | Array) -> str:
    iteration, epoch = (int(np.ravel(counters[name])[0]) for name in ("iteration", "epoch"))
    return f"{epoch} epoch{'s' * (epoch != 1)}, {iteration} iteration{'s' * (iteration != 1)}"


def _hex(seed: Iterable[int]) -> str:
    return "-".join(f"{word:08x}" for word in seed)
