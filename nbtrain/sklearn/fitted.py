"""The trainer behind a fitted estimator: built from its parameters, reused, pickled."""

from __future__ import annotations

import copy
import threading
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..checks.messages import wrong
from ..compiler.locks import held_across_forks
from ..components import Component
from ..errors import InputError
from ..training.trainer import Trainer
from . import declare
from .data import Data
from .engine import Engine, revived
from .parameters import RULES

AUTO_BATCH = 200  # scikit-learn's batch_size="auto"
_reviving = threading.Lock()
held_across_forks(_reviving)


class HasEngine(BaseEstimator):
    """An estimator whose fitted model is a trainer; `coefs_` and `intercepts_` are views of its parameters."""

    def _loss(self) -> Component:
        raise NotImplementedError

    def _build(self, data: Data, random: Any, drawn: Any, incremental: bool) -> Engine:
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
        engine = Engine(seed, **options)
        if before is not None:
            engine.take(self.coefs_, self.intercepts_)
            engine.resume(before.export())
        elif self.initializer is None:
            engine.trainer.set_weights(drawn)
        return self._adopt(engine)

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

    def _adopt(self, engine: Engine) -> Engine:
        engine.parameters = self._snapshot()
        self._engine, self.coefs_, self.intercepts_ = engine, list(engine.coefs), list(engine.intercepts)
        return engine

    def _parameters(self) -> dict[str, Any]:
        """The parameters that have rules, which are those of the trainer; arrays as lists, which can be compared."""
        found = {name: value for name, value in vars(self).items() if name in RULES}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}

    def _snapshot(self) -> dict[str, Any]:
        """The parameters, safe from changes of a list or dict in place."""
        found = self._parameters().items()
        return {name: copy.deepcopy(value) if isinstance(value, list | dict) else value for name, value in found}

    def _unchanged(self) -> Engine | None:
        """The engine, if it was built from the present parameters, which then need no checks."""
        engine: Engine | None = self.__dict__.get("_engine")
        return self._live() if engine is not None and engine.parameters == self._parameters() else None

    def _batch(self, rows: int, before: Engine | None) -> int:
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

    def _serves(self, engine: Engine, rows: int) -> bool:
        """Whether an engine makes the batches that the parameters ask for of so many rows."""
        return (
            isinstance(self.batch_size, str)
            or min(self.batch_size, rows) <= engine.trainer.batch_size <= self.batch_size
        )

    # ---- after fitting

    def _live(self) -> Engine:
        """The engine, rebuilt after unpickling, with the weights in `coefs_` and `intercepts_`."""
        engine: Engine | None = self.__dict__.get("_engine")
        if engine is None:
            with _reviving:
                engine = self.__dict__.get("_engine") or self._revived()
        engine.take(self.coefs_, self.intercepts_)
        return engine

    def _revived(self) -> Engine:
        kept = self.__dict__.get("_kept")
        if kept is not None:
            engine = revived(kept)
        else:  # coefs_ and intercepts_ were set without fitting, as scikit-learn's callbacks do
            first = np.asarray(self.coefs_[0], np.result_type(self.coefs_[0], np.float32))
            engine = Engine(0, **self._options(first.shape[0], first.dtype, AUTO_BATCH))
        engine.take(self.coefs_, self.intercepts_)
        self._adopt(engine)
        self.__dict__.pop("_kept", None)
        return engine

    @property
    def trainer_(self) -> Trainer:
        """The nbtrain.Trainer of the fitted model; its weights are the estimator's own."""
        if "coefs_" not in self.__dict__:
            raise AttributeError(f"this {type(self).__name__} is not fitted yet and has no trainer_")
        return self._live().trainer

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        engine = state.pop("_engine", None)
        if engine is not None:
            state["_kept"] = engine.export()
        return state
