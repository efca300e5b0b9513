"""Resuming from a checkpoint, so that the run gives the bits of one without a break, and never mixes two trainings."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Callback
from ..callbacks.base import keeps_state
from ..compiler.numerics import numerics_id
from ..errors import InputError
from ..formats.modelfile import files
from ..formats.modelfile.callback_states import CallbackState
from ..formats.modelfile.reading import Contents, contents
from ..model.recipe import Recipe
from ..model.state import COUNTERS
from .data import SPREAD, Dataset, sampled_rows

if TYPE_CHECKING:
    from .sources.feeds import Feed
    from .trainer import Trainer

Array = np.ndarray[Any, Any]
MAY_DIFFER = ("seed", "seeded", "threads", "automatic")  # of the recipe; the seed has a check of its own


class UnfinishedEpoch(Callback):
    """Remembers which callbacks have not yet seen the last epoch: an interrupt or an error came in between."""

    validated: bool

    def __init__(self) -> None:
        self.validated = False
        self.called: int | None = None  # how many callbacks have seen that epoch; None: there is no such epoch

    def state_dict(self) -> dict[str, Any]:
        return {"validated": self.validated, "called": self.called}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> None:
        self.validated, called = bool(state["validated"]), state["called" if "called" in state else "told"]
        self.called = None if called is None else max(0, int(called))


class TrainingData(Callback):
    """Remembers, for checkpoints, the data of a call of fit and where the trainer stood before it.

    Parameters
    ----------
    feed : Feed or None
        None for data that this process does not train on itself.
    trainer : Trainer, optional
        As it is before a run that may be started again.
    plan : dict, optional
        How an epoch that was begun takes its data, where there is no feed any more.
    """

    began: Any

    def __init__(
        self, feed: Feed | None, trainer: Trainer | None = None, *, plan: dict[str, Any] | None = None
    ) -> None:
        self.feed, self._plan = feed, plan
        self.began = None if trainer is None else _beginning(trainer)
        self._state: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        if self.feed is None:
            return {"plan": self._plan}
        if not self._state:
            sample, total = self.feed.sample(), self.feed.total
            digest = "" if sample is None else digest_of(sample, total)
            self._state = {"samples": total, "digest": digest, "sampled": self.feed.sampled}
        plan = {"plan": self.feed.described}
        return self._state | plan | ({} if self.began is None else {"began": self.began})

    def is_started_again(self, trainer: Trainer, kept: Mapping[str, Any]) -> bool:
        """Whether the trainer stands where that of a checkpoint did when its run began: the same program, it seems.

        Without a seed given, the parameters differ from run to run and only the counters are compared.
        """
        theirs = kept.get("began")
        if self.began is None or not isinstance(theirs, list) or len(theirs) != len(self.began):
            return False
        compared = 3 if trainer.engine.recipe.seeded else 2
        return bool(self.began[:compared] == theirs[:compared])

    def adopt(self, kept: Mapping[str, Any], path: str) -> None:
        """Continue the run whose checkpoint kept this; raise InputError where it cannot be continued."""
        self.began = kept.get("began", self.began)
        plan = kept.get("plan")
        if self.feed is None or not isinstance(plan, dict):
            return
        if not same_plan(plan, self.feed.described):
            raise InputError(
                f"checkpoint: {path} was written while training with {plan_text(plan)}, got "
                f"{plan_text(self.feed.described)}; give the same, or another path to train anew"
            )
        self.feed.resume(plan)

    def check(self, kept: Mapping[str, Any], path: str) -> None:
        """Raise InputError for another number of samples than the checkpoint's; warn of other numbers.

        Files of trainers that were not in fit hold nothing about data.
        """
        own = self.state_dict()
        if "samples" not in kept:
            return
        if kept["samples"] != own["samples"]:
            raise InputError(
                f"checkpoint: {path} was written while training on {kept['samples']} samples, got {own['samples']}; "
                f"give another path to train anew, or continue with these from nbtrain.load({path!r}) and another path"
            )
        alike = kept.get("sampled", SPREAD) == own.get("sampled", SPREAD)  # else the digests are of other rows
        if alike and kept.get("digest") != own["digest"]:
            warnings.warn(
                f"checkpoint: {path} was written with different data of the same size; the result will differ from "
                "that of an uninterrupted run",
                UserWarning,
                stacklevel=7,  # where fit was called
            )


def resume(trainer: Trainer, path: str, data: TrainingData) -> list[CallbackState] | None:
    """Set a trainer to where a checkpoint stands, its seed included, if the file exists.

    Returns
    -------
    list of CallbackState, or None
        The states of the callbacks when the file was written; None if there is no file.

    Raises
    ------
    InputError
        If the file belongs to another training; the trainer is unchanged.
    ModelFileError
        If the file is damaged.
    """
    if not os.path.exists(path):
        return None
    found, engine = contents(files.read(path), path), trainer.engine
    _check_recipe(engine.recipe, found, path)
    _check_training(trainer, found, data, path)
    _warn_of_numerics(found, path)
    engine.put(found.state)
    engine.epoch_plan = kept_plan(found)
    engine.recipe = dataclasses.replace(engine.recipe, seeded=found.recipe.seeded)
    trainer.metadata = found.metadata
    trainer.history.replace(found.history)
    return found.callbacks


def _check_recipe(own: Recipe, found: Contents, path: str) -> None:
    for name in (field.name for field in dataclasses.fields(Recipe) if field.name not in MAY_DIFFER):
        if _compared(found.recipe, name) != _compared(own, name):
            theirs, ours = getattr(found.recipe, name), getattr(own, name)
            raise InputError(
                f"checkpoint: {path} has another {name}: {theirs!r}, not {ours!r}; give another path, or remove the "
                "file to start anew"
            )
    if found.altered:
        raise InputError(
            f"checkpoint: the code of {' and '.join(found.altered)} has changed since {path} was written; remove the "
            "file to start anew, or load it and save it there to continue with the new code"
        )


def _warn_of_numerics(found: Contents, path: str) -> None:
    own = numerics_id()
    if found.numerics and found.numerics != own:
        warnings.warn(
            f"checkpoint: {path} was written with other numerics ({found.numerics}) than are used here ({own}); the "
            "last bits of the result will differ from those of an uninterrupted run",
            UserWarning,
            stacklevel=6,  # where fit was called
        )


def _compared(recipe: Recipe, name: str) -> Any:
    """A field of a recipe, without the initializers, which have done their work before a checkpoint is written."""
    value = getattr(recipe, name)
    if name != "network":
        return value
    return value.inputs, [(d.units, d.activation, d.dropout, d.constraint) for d in value.layers]


def _check_training(trainer: Trainer, found: Contents, data: TrainingData, path: str) -> None:
    """Raise InputError where resuming would discard what the trainer has learned, or mix two trainings."""
    kept: Mapping[str, Any] = next(
        (state.values for state in found.callbacks if state.kind == type(data).__qualname__), {}
    )
    recipe = trainer.engine.recipe
    fresh = trainer.iteration == 0 or data.is_started_again(trainer, kept)
    if not fresh and not _stands_there(trainer, found):
        raise InputError(
            f"checkpoint: this trainer was trained differently ({_progress(trainer.engine.descriptor)}) from {path} "
            f"({_progress(found.state.counters)}); resuming would discard its training. Make a new trainer to resume "
            "from the file; or give another path, or save this trainer there first (trainer.save), to continue with it"
        )
    if fresh and recipe.seeded and recipe.seed != found.recipe.seed:
        raise InputError(
            f"checkpoint: {path} was written with another seed, whose words are {_hex(found.recipe.seed)}; those of "
            f"rng= here are {_hex(recipe.seed)}. Pass the same rng=, or rng=None to accept any, or another path"
        )
    data.adopt(kept, path)
    if fresh:  # a trainer that has been trained may continue on other data
        data.check(kept, path)


def _stands_there(trainer: Trainer, found: Contents) -> bool:
    """Whether a file holds the same training, as far: the same seed, counters and losses; without epochs, weights.

    With epochs the weights are not compared: a callback may have restored better ones.
    """
    d, theirs = trainer.engine.descriptor, found.state.counters
    if trainer.engine.recipe.seed != found.recipe.seed or any(d[name] != theirs[name] for name in COUNTERS[:3]):
        return False
    own = trainer.history
    if own.keys() != found.history.keys():
        return False
    if own:
        return all(np.array_equal(column, found.history[name], equal_nan=True) for name, column in own.items())
    return np.array_equal(trainer.theta, found.state.theta)


def savers_last(callbacks: Sequence[Callback]) -> list[Callback]:
    """The callbacks in their order, but those that save after those whose state they save."""
    if len(callbacks) < 2:
        return list(callbacks)
    own = [keeps_state(callback) for callback in callbacks]
    last = max((index for index, found in enumerate(own) if found), default=-1)
    places = [last + 0.5 if callback.first_at_end and i < last else i for i, callback in enumerate(callbacks)]
    return [callbacks[i] for i in sorted(range(len(callbacks)), key=places.__getitem__)]


def digest(data: Dataset) -> str:
    """A digest of X and y, of about a thousand rows where there are more."""
    rows = sampled_rows(len(data.x))
    return digest_of(Dataset(data.x[rows], data.y[rows], None), len(data.x))


def digest_of(sample: Dataset, total: int) -> str:
    """The same of rows that were picked from so many."""
    shapes = tuple((total, *array.shape[1:]) for array in (sample.x, sample.y))
    found = hashlib.blake2b(repr(shapes).encode(), digest_size=8)
    for array in (sample.x, sample.y):
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def kept_plan(found: Contents) -> dict[str, Any] | None:
    """How the data of the epoch in a file are taken, where it says so."""
    kinds = [state.values.get("plan") for state in found.callbacks if state.kind == TrainingData.__qualname__]
    return kinds[0] if kinds and isinstance(kinds[0], dict) else None


def same_plan(kept: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether two epochs take their data in the same way."""
    return all(kept.get(name) == own.get(name) for name in own if name not in ("rows_before", "rows"))


def plan_text(plan: Mapping[str, Any]) -> str:
    """How an epoch takes its data, for messages."""
    if plan.get("shuffle") == "batches":
        steps = f" in epochs of {plan['epoch_rows']:,} rows" if plan.get("epoch_rows") else ""
        return f"batches{steps}"
    sizes = [f"{name}={plan[name]:,}" for name in ("block_rows", "piece_rows") if name in plan]
    return ", ".join([f"shuffle={plan.get('shuffle')!r}", *sizes])


def _beginning(trainer: Trainer) -> list[Any]:
    """Iterations, epochs and a digest of the parameters."""
    theta = hashlib.blake2b(trainer.theta.data, digest_size=8).hexdigest()
    return [int(trainer.iteration), int(trainer.epoch), theta]


def _progress(counters: Array) -> str:
    iteration, epoch = (int(counters[name][0]) for name in ("iteration", "epoch"))
    return f"{epoch} epoch{'s' * (epoch != 1)}, {iteration} iteration{'s' * (iteration != 1)}"


def _hex(seed: Iterable[int]) -> str:
    return "-".join(f"{word:08x}" for word in seed)
