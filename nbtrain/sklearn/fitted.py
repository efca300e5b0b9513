"""The network of a fitted estimator: a trainer, built from its parameters, reused, pickled as plain data."""

from __future__ import annotations

import copy
import ctypes
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..checks.messages import wrong
from ..compiler.locks import held_across_forks
from ..components import Component
from ..errors import InputError
from ..model.state import State
from ..training.trainer import Trainer
from . import declare
from .data import Array, Data
from .parameters import RULES

RATES = ("learning_rate", "rate_scale")  # of the descriptor
PENALTY = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
AUTO_BATCH = 200  # scikit-learn's batch_size="auto"
_reviving = threading.Lock()
held_across_forks(_reviving)


class FittedNetwork:
    """A trainer with what its estimator needs of it.

    Parameters
    ----------
    seed : int
        For shuffling and dropout.
    **options
        Arguments of the trainer.
    """

    seed: int
    options: dict[str, Any]
    trainer: Trainer

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


def revived(kept: dict[str, Any]) -> FittedNetwork:
    """The fitted network that `export` described."""
    fitted = FittedNetwork(kept["seed"], **kept["options"])
    fitted.resume(kept)
    for name, rate in kept["rates"].items():
        fitted.trainer.engine.descriptor[name] = rate
    return fitted


class HasFittedNetwork(BaseEstimator):
    """An estimator whose fitted model is a trainer; `coefs_` and `intercepts_` are views of its parameters."""

    coefs_: list[Array]
    intercepts_: list[Array]

    def _loss(self) -> Component:
        raise NotImplementedError

    def _build(self, data: Data, random: Any, drawn: Any, incremental: bool) -> FittedNetwork:
        """A trainer for these parameters. It continues from the fitted one, unless new weights were drawn."""
        before = None if drawn is not None else self._live()
        dtype = data.X.dtype if before is None else before.trainer.dtype
        options = self._options(data.X.shape[1], dtype, self._batch(len(data.X), before if incremental else None))
        if before is not None and incremental and before.options == options:
            before.parameters = self._snapshot()
            return before
        if before is not None and before.trainer.network.sizes != options["network"].sizes:
            was, now = before.trainer.network.sizes[1:-1], options["network"].sizes[1:-1]
            hint = "use warm_start=False or a new estimator to start again"
            raise InputError(wrong("hidden_layer_sizes", f"be {was} as in the fitted model", str(now), hint))
        seed = int(random.randint(np.iinfo(np.int32).max)) if before is None else before.seed
        fitted = FittedNetwork(seed, **options)
        if before is not None:
            fitted.take(self.coefs_, self.intercepts_)
            fitted.resume(before.export())
        elif self.initializer is None:
            fitted.trainer.set_weights(drawn)
        return self._adopt(fitted)

    def _options(self, inputs: int, dtype: Any, batch_size: int) -> dict[str, Any]:
        """Arguments of the trainer."""
        return {
            "network": declare.network(self, inputs, self.n_outputs_),
            "loss": self._loss(),
            "optimizer": declare.optimizer(self),
            "regularizer": declare.regularizer(self),
            "batch_size": batch_size,
            "shuffle": bool(self.shuffle),
            "dtype": np.dtype(dtype),
            "clip_value": self.clip_value,
            "clip_norm": self.clip_norm,
            "threads": self.threads,
        }

    def _adopt(self, fitted: FittedNetwork) -> FittedNetwork:
        fitted.parameters = self._snapshot()
        self._fitted, self.coefs_, self.intercepts_ = fitted, list(fitted.coefs), list(fitted.intercepts)
        return fitted

    def _parameters(self) -> dict[str, Any]:
        """The parameters that have rules, which are those of the trainer; arrays as lists, which can be compared."""
        found = {name: value for name, value in vars(self).items() if name in RULES}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}

    def _snapshot(self) -> dict[str, Any]:
        """The parameters, safe from changes of a list or dict in place."""
        found = self._parameters().items()
        return {name: copy.deepcopy(value) if isinstance(value, list | dict) else value for name, value in found}

    def _unchanged(self) -> FittedNetwork | None:
        """The fitted network, if it was built from the present parameters, which then need no checks."""
        fitted: FittedNetwork | None = self.__dict__.get("_fitted")
        if fitted is None:
            return None
        before, now = fitted.parameters, self._parameters()
        same = before == now and all(type(before[name]) is type(value) for name, value in now.items())  # 5 == 5.0
        return self._live() if same else None

    def _batch(self, rows: int, before: FittedNetwork | None) -> int:
        """Samples of a batch; partial_fit keeps the present trainer's, as long as the batches are the same."""
        if isinstance(self.batch_size, str):
            return AUTO_BATCH
        if self.batch_size > rows:
            warnings.warn(
                f"Got `batch_size` less than 1 or larger than sample size. It is going to be clipped to {rows}.",
                stacklevel=7,
            )
        if before is not None and self._serves(before, rows):
            return int(before.trainer.batch_size)
        return min(int(self.batch_size), rows)

    def _serves(self, fitted: FittedNetwork, rows: int) -> bool:
        """Whether a fitted network makes the batches that the parameters ask for of so many rows."""
        return (
            isinstance(self.batch_size, str)
            or min(self.batch_size, rows) <= fitted.trainer.batch_size <= self.batch_size
        )

    # ---- after fitting

    def _live(self) -> FittedNetwork:
        """The fitted network, rebuilt after unpickling, with the weights in `coefs_` and `intercepts_`."""
        fitted: FittedNetwork | None = self.__dict__.get("_fitted")
        if fitted is None:
            with _reviving:
                fitted = self.__dict__.get("_fitted") or self._revived()
        fitted.take(self.coefs_, self.intercepts_)
        return fitted

    def _revived(self) -> FittedNetwork:
        kept = self.__dict__.get("_kept")
        if kept is not None:
            fitted = revived(kept)
        else:  # coefs_ and intercepts_ were set without fitting, as scikit-learn's callbacks do
            first = np.asarray(self.coefs_[0], np.result_type(self.coefs_[0], np.float32))
            fitted = FittedNetwork(0, **self._options(first.shape[0], first.dtype, AUTO_BATCH))
        fitted.take(self.coefs_, self.intercepts_)
        self._adopt(fitted)
        self.__dict__.pop("_kept", None)
        return fitted

    @property
    def trainer_(self) -> Trainer:
        """The nbtrain.Trainer of the fitted model; its weights are the estimator's own.

        Raises
        ------
        AttributeError
            If the estimator is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from nbtrain.sklearn import MLPRegressor
        >>> model = MLPRegressor(hidden_layer_sizes=(4,), tol=1000.0, random_state=0).fit(np.eye(8), np.arange(8.0))
        >>> model.trainer_.network.sizes
        (8, 4, 1)
        """
        if "coefs_" not in self.__dict__:
            raise AttributeError(f"this {type(self).__name__} is not fitted yet and has no trainer_")
        return self._live().trainer

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        fitted = state.pop("_fitted", None)
        if fitted is not None:
            state["_kept"] = fitted.export()
        specs = declare.registered_specs(self)
        return state | {"_registered": specs} if specs else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Also register components that the parameters name and this process lacks: a worker's, for example."""
        for spec in state.get("_registered", ()):
            declare.register_missing(spec)
        super().__setstate__({name: value for name, value in state.items() if name != "_registered"})
