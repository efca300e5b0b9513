"""A trainer with what its estimator needs, and its state as plain data that can be pickled."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..model.state import State
from ..training.trainer import Trainer

Array = np.ndarray[Any, Any]
RATES = ("learning_rate", "rate_scale")  # of the descriptor
PENALTY = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)


class Engine:
    """A trainer with what its estimator needs of it.

    Parameters
    ----------
    seed : int
        For shuffling and dropout.
    **options
        Arguments of the trainer.
    """

    def __init__(self, seed: int, **options: Any) -> None:
        self.seed, self.options = seed, options
        self.parameters: dict[str, Any] = {}  # of the estimator, which the options were made from
        self.trusting = False  # whether inputs of predictions were checked before
        self.trainer = Trainer(options["network"], rng=seed, **{k: v for k, v in options.items() if k != "network"})
        pairs = self.trainer.weights
        self.coefs: tuple[Array, ...] = tuple(w for w, _ in pairs)
        self.intercepts: tuple[Array, ...] = tuple(b for _, b in pairs)
        d = self.trainer.engine.descriptor
        self._penalty = PENALTY(int(d["penalty"][0])) if d["penalty"][0] else None

    # ---- weights

    def take(self, coefs: Sequence[Array], intercepts: Sequence[Array]) -> None:
        """Copy these weights and biases, unless they are the trainer's own arrays."""
        own = (*self.coefs, *self.intercepts)
        given = (*coefs, *intercepts)
        if len(own) != len(given) or any(a is not b for a, b in zip(own, given, strict=True)):
            self.trainer.set_weights(list(zip(coefs, intercepts, strict=True)))

    def penalty(self) -> float:
        """The regularizer's penalty, summed over all weights and not divided by m."""
        if self._penalty is None:
            return 0.0
        d = self.trainer.engine.descriptor
        total = self.trainer.engine.memory.array("penalty_sum")
        total[0] = 0.0
        self._penalty(*(int(d[name][0]) for name in ("theta", "regularized", "regularizer_parameters", "penalty_sum")))
        return float(total[0])

    def finite(self) -> bool:
        """Whether all weights and biases are finite."""
        return bool(np.isfinite(self.trainer.theta).all())

    def end_epoch(self) -> None:
        """Let the next call start a new epoch instead of continuing an interrupted one."""
        self.trainer.engine.descriptor["position"] = 0

    # ---- state

    def marked(self) -> State:
        """The state at the end of an epoch, for `back_to`."""
        return self.trainer.engine.take()

    def back_to(self, state: State) -> None:
        """Return to a marked state, but keep counting epochs, and keep the learning rate."""
        engine = self.trainer.engine
        for name in ("epoch", *RATES):
            state.counters[name] = engine.descriptor[name]
        engine.put(state)
        self.end_epoch()

    def export(self) -> dict[str, Any]:
        """Everything except the weights, as plain arrays, numbers and components."""
        trainer = self.trainer
        return {
            "seed": self.seed,
            "options": self.options,
            "state": trainer.model.state.copy(),
            "scalars": trainer.engine.memory.array("scalars").copy(),
            "iteration": trainer.iteration,
            "epoch": trainer.epoch,
            "rates": {name: float(trainer.engine.descriptor[name][0]) for name in RATES},
        }

    def resume(self, kept: dict[str, Any]) -> None:
        """Continue the counters and, if the optimizer is of the same kind, its state."""
        trainer = self.trainer
        model, scalars = trainer.model, trainer.engine.memory.array("scalars")
        trainer.engine.descriptor["epoch"] = kept["epoch"]
        spec, before = self.options["optimizer"].spec, kept["options"]["optimizer"].spec
        same = spec.name == before.name and spec.slots == before.slots and spec.scalars == before.scalars
        if same and model.state.shape == kept["state"].shape:
            model.state[...], scalars[...], model.iteration[0] = kept["state"], kept["scalars"], kept["iteration"]


def revived(kept: dict[str, Any]) -> Engine:
    """The engine that `export` described."""
    engine = Engine(kept["seed"], **kept["options"])
    engine.resume(kept)
    for name, rate in kept["rates"].items():
        engine.trainer.engine.descriptor[name] = rate
    return engine
