"""From an estimator's parameters to its engine, which is built, kept, taken up again, pickled and revived."""

from __future__ import annotations

import operator
import threading
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..compiler.locks import whole_in_children
from ..components import Component
from ..errors import InputError
from ..training.trainer import Trainer
from . import declare
from .data import Data
from .engine import Engine, revived
from .parameters import RULES

CHANGING = (list, tuple, Mapping, np.ndarray)  # what may hold something else later, though it is the same object
AUTO_BATCH = 200  # scikit-learn's batch_size="auto"
_reviving = threading.Lock()
whole_in_children(_reviving)


def inside(value: Any) -> Any:
    """What is in a list, dict or array, as it is now; anything else itself."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype, value.tolist() if value.dtype.hasobject else value.tobytes()
    if isinstance(value, Mapping):
        return tuple((key, inside(item)) for key, item in value.items())
    return tuple(map(inside, value)) if isinstance(value, list | tuple) else value


class HasEngine(BaseEstimator):
    """An estimator whose fitted model is a trainer; `coefs_` and `intercepts_` are views of its parameters."""

    def _loss(self) -> Component:
        raise NotImplementedError

    def _build(self, data: Data, random: Any, drawn: Any, incremental: bool) -> Engine:
        """A trainer for these parameters, which goes on from what was fitted unless weights were drawn."""
        before = None if drawn is not None else self._live()
        dtype = data.X.dtype if before is None else before.trainer.dtype
        options = self._options(data.X.shape[1], dtype, self._batch(len(data.X), before if incremental else None))
        if before is not None and incremental and before.options == options:
            self._note_asked(before)
            return before
        if before is not None and before.trainer.network.sizes != options["network"].sizes:
            was, now = before.trainer.network.sizes[1:-1], options["network"].sizes[1:-1]
            raise InputError(
                f"hidden_layer_sizes: {now} given, where the weights that are to be trained on are of {was}; "
                "warm_start=False, or a new estimator, begins anew"
            )
        seed = int(random.randint(np.iinfo(np.int32).max)) if before is None else before.seed
        engine = Engine(seed, **options)
        if before is not None:
            engine.take(self.coefs_, self.intercepts_)
            engine.resume(before.export())
        elif self.initializer is None:
            engine.trainer.set_weights(drawn)
        return self._adopt(engine)

    def _options(self, inputs: int, dtype: Any, batch_size: int) -> dict[str, Any]:
        """What a trainer is built from."""
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
        self._note_asked(engine)
        self._engine, self.coefs_, self.intercepts_ = engine, list(engine.coefs), list(engine.intercepts)
        return engine

    def _asked(self) -> tuple[Any, ...]:
        """The parameters as the objects that they are now."""
        return tuple(map(self.__dict__.get, RULES))

    def _note_asked(self, engine: Engine) -> None:
        """Keep the parameters that an engine serves, with what is in lists and the like."""
        engine.asked = self._asked()
        engine.insides = {i: inside(value) for i, value in enumerate(engine.asked) if isinstance(value, CHANGING)}

    def _at_hand(self) -> Engine | None:
        """The engine, if it was built from these very parameters: they need no second look."""
        engine: Engine | None = self.__dict__.get("_engine")
        if engine is None or not engine.asked or not all(map(operator.is_, engine.asked, self._asked())):
            return None
        if any(inside(engine.asked[i]) != kept for i, kept in engine.insides.items()):
            return None
        return self._live()

    def _batch(self, rows: int, before: Engine | None) -> int:
        """Rows of a batch; in partial_fit the trainer at hand serves as long as it makes no difference."""
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
        """Whether an engine's batches of so many rows are those that the parameters want."""
        return (
            isinstance(self.batch_size, str)
            or min(self.batch_size, rows) <= engine.trainer.batch_size <= self.batch_size
        )

    # ---- after fitting

    def _live(self) -> Engine:
        """The engine, made anew after unpickling, with the weights that `coefs_` and `intercepts_` hold."""
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
        else:  # somebody has set coefs_ and intercepts_ without fitting
            first = np.asarray(self.coefs_[0], np.result_type(self.coefs_[0], np.float32))
            engine = Engine(0, **self._options(first.shape[0], first.dtype, AUTO_BATCH))
        engine.take(self.coefs_, self.intercepts_)
        self._adopt(engine)
        self.__dict__.pop("_kept", None)
        return engine

    @property
    def trainer_(self) -> Trainer:
        """The nbtrain.Trainer of the fitted model: its weights are the estimator's own."""
        if "coefs_" not in self.__dict__:
            raise AttributeError(f"this {type(self).__name__} is not fitted yet and has no trainer_")
        return self._live().trainer

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        engine = state.pop("_engine", None)
        if engine is not None:
            state["_kept"] = engine.export()
        return state
