"""The course of a training: all networks as members of a population, or one trainer after the other."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..callbacks import Callback, EarlyStopping
from ..components.by_name import loss as loss_named
from ..errors import DivergenceError
from .model import Member, Outcome

if TYPE_CHECKING:
    from ..population import Population
    from ..training.trainer import Trainer

Array = np.ndarray[Any, Any]
Data = tuple[Array, ...]  # X and y, and weights where there are any
Told = Callable[[int, int, Mapping[str, float]], Any]  # is given a network's number, an epoch, and its numbers
HALVES = 2.0  # of a squared error that mse is
MOST_BYTES = 1 << 28  # that the rows of all networks may take at once


class Part(NamedTuple):
    """The rows of a network: to train on, and to validate with, if any."""

    train: Data
    validation: Data | None


class Limits(NamedTuple):
    """When the training of a network ends."""

    epochs: int
    patience: int  # 0: never before the last epoch

    @property
    def waiting(self) -> int:
        """Epochs that early stopping waits for a better one."""
        return self.patience or self.epochs + 1

    def ended(self, epochs: int, best: int) -> str:
        """Why it has ended."""
        if epochs - best >= self.waiting:
            return "patience"
        return "epochs" if epochs >= self.epochs else "interrupted"


# ---- one after the other


class Teller(Callback):
    """Tells a function of the epochs of a network."""

    def __init__(self, k: int, told: Told) -> None:
        self.k, self.told = k, told

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        self.told(self.k, epoch, metrics)


def train_one(
    network: Trainer, part: Part, limits: Limits, callbacks: Sequence[Any], finished: list[Member], **options: Any
) -> None:
    """Train a network, and add it to those that are finished if it has finished an epoch, whatever happens."""
    best = EarlyStopping("val_loss" if part.validation else "loss", patience=limits.waiting)
    (X, y), weight = part.train[:2], _weight(part.train)
    ended = "interrupted"
    try:
        network.fit(
            X, y, limits.epochs, sample_weight=weight, validation_data=part.validation, callbacks=[best, *callbacks],
            **options,
        )  # fmt: skip
        ended = "patience" if best.stopped else "epochs"
    except DivergenceError:
        ended = "diverged"
        raise
    finally:
        if best.best_epoch:
            finished.append(Member(network, Outcome(network.epoch, best.best_epoch, ended)))


def _weight(data: Data) -> Array | None:
    return data[2] if len(data) > 2 else None


def numbered(path: Any, k: int) -> str:
    """The checkpoint of network k: `run.nbt`, `run.2.nbt`, …"""
    found = Path(path)
    return str(found.with_name(f"{found.stem}.{k + 1}{found.suffix}")) if k else os.fspath(path)


# ---- as members of a population


def fits_together(networks: Sequence[Trainer], X: Array) -> bool:
    """Whether the networks can be trained as a population that keeps the same history, in not too much memory."""
    follows = not _has_r2(networks[0]) or networks[0].engine.recipe.loss == loss_named("mse")  # R², from the loss
    return len(networks) > 1 and follows and len(networks) * X.nbytes <= MOST_BYTES


def _has_r2(network: Trainer) -> bool:
    return bool(network.engine.descriptor["squares"][0])


class Together:
    """The training of all networks as members of a population, which ends at the bits of trainers.

    Parameters
    ----------
    networks : list of Trainer
        What the members are like; they are not trained themselves.
    parts : list of Part
        Of each network.
    limits : Limits
    rng : int
        The seed that those of the networks were spawned from.
    threads : int or "auto"
        That train networks side by side.
    """

    def __init__(
        self, networks: Sequence[Trainer], parts: Sequence[Part], limits: Limits, rng: int, threads: Any
    ) -> None:
        from ..population import Population

        recipe, count = networks[0].engine.recipe, len(networks)
        self.parts, self.limits = parts, limits
        self._spreads: dict[int, tuple[float, Any]] = {}
        self.many: Population = Population(
            recipe.network, count, loss=recipe.loss, optimizer=recipe.optimizer, regularizer=recipe.regularizer,
            batch_size=recipe.batch_size, dtype=recipe.dtype, rng=rng,
            threads=threads if threads == "auto" else min(threads, count),
        )  # fmt: skip

    def fit(self, told: Told | None) -> None:
        """Train all of them.

        Raises
        ------
        DivergenceError
            If one of them diverged.
        """
        data, groups = _joined([part.train for part in self.parts])
        held = [part.validation for part in self.parts if part.validation is not None]
        watched: dict[str, Any] = {}
        if held:
            watched["validation_data"], watched["validation_groups"] = _joined(held)
        stopping = {"metric": self._metric, "patience": self.limits.waiting}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "[0-9,]+ of [0-9,]+ members diverged", RuntimeWarning)
            self.many.fit(
                data[0], data[1], self.limits.epochs, groups=groups, sample_weight=_weight(data),
                early_stopping=stopping, progress=False if told is None else self._follower(told), **watched,
            )  # fmt: skip
        if self.many.status.any():
            raise DivergenceError(self.many.why(int(self.many.status.argmax())))

    @property
    def _metric(self) -> str:
        return "val_loss" if self.parts[0].validation is not None else "loss"

    def _follower(self, told: Told) -> Any:
        from ..population.progress import Follower

        def completed(k: int, epoch: int, numbers: dict[str, float]) -> None:
            told(k, epoch, numbers | {name: float(value) for name, value in self._r2(k, numbers).items()})

        return Follower(completed)

    def _r2(self, k: int, numbers: Mapping[str, Any]) -> dict[str, Any]:
        """R² of the validation rows, where the loss is half their mean squared error."""
        from ..training.evaluation import r2_of

        if not self.has_r2:
            return {}
        weight, spread = self._spread(k)
        errors = HALVES * weight * np.asarray(numbers["val_loss"])
        return {"val_r2": r2_of(errors[..., None], spread)}

    @cached_property
    def has_r2(self) -> bool:
        """Whether trainers would log the R² of the validation rows."""
        return _has_r2(self.many[0]) and self.parts[0].validation is not None

    def _spread(self, k: int) -> tuple[float, Any]:
        """The sum of the weights of a network's validation rows, and how far their targets are from their mean."""
        from ..training.data import Dataset
        from ..training.evaluation import spread_of

        if k not in self._spreads:
            validation, dtype = self.parts[k].validation, self.many[0].dtype
            assert validation is not None
            y, weight = validation[1].reshape(len(validation[1]), -1).astype(dtype), _weight(validation)
            weight = None if weight is None else weight.astype(dtype)
            total = len(y) if weight is None else weight.sum(dtype=np.float64)
            self._spreads[k] = float(total), spread_of(Dataset(validation[0], y, weight), y.shape[1])
        return self._spreads[k]

    def finished(self) -> dict[int, Member]:
        """The networks that have finished an epoch, each at its best one, by number."""
        found = {}
        for k, trainer in enumerate(self.many):
            history = trainer.history
            numbers = np.array(history.get(self._metric, ()))
            if not np.isfinite(numbers).any():
                continue
            for name, column in self._r2(k, history).items():
                history[name] = column.tolist()
            best = int(np.nanargmin(numbers)) + 1
            found[k] = Member(trainer, Outcome(trainer.epoch, best, self.limits.ended(trainer.epoch, best)))
        return found


def _joined(parts: Sequence[Data]) -> tuple[Data, Array]:
    """The rows of all networks one after the other, and the network that each belongs to."""
    columns = zip(*parts, strict=True)
    return tuple(map(np.concatenate, columns)), np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
