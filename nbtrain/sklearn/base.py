"""What the classifier and the regressor share: checks, the way to a trainer, prediction, pickling."""

from __future__ import annotations

import operator
import threading
import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..components import Component
from ..errors import InputError
from ..trainer import Trainer
from . import declare, lbfgs, stochastic
from .data import DTYPES, SPARSE, Array, Data, dense
from .engine import Engine, revived
from .hooks import CallbackSupportMixin, Hooks
from .parameters import RULES, check_parameters

AUTO_BATCH = 200  # scikit-learn's batch_size="auto"
SPARSE_ROWS = 1024  # rows of a sparse matrix that are made dense at a time in prediction
STALE = """
    _engine _kept history_ loss_curve_ best_loss_ validation_scores_ best_validation_score_
""".split()
_reviving = threading.Lock()


class BaseMLP(CallbackSupportMixin, BaseEstimator):
    """Base of MLPClassifier and MLPRegressor."""

    # ---- what the two differ in

    _numeric = False  # whether y holds numbers

    def _encoded(self, y: Any, fresh: bool, incremental: bool) -> Array:
        """y as targets of the loss."""
        raise NotImplementedError

    def _loss(self) -> Component:
        raise NotImplementedError

    def _out_activation(self) -> str:
        raise NotImplementedError

    def _loss_scale(self) -> float:
        """What the trainer's loss is multiplied by to be scikit-learn's."""
        return 1.0

    def _validation_score(self, metrics: Mapping[str, float], data: Data) -> float:
        raise NotImplementedError

    def _quick_target(self, y: Array) -> Array | None:
        """Targets for a plain array of what was seen before; None has the thorough checks look at it."""
        return None

    def _strata(self, target: Array) -> Array | None:
        """What the validation split keeps the proportions of."""
        return None

    def _weighted(self, y: Any, weight: Array | None, incremental: bool) -> Array | None:
        """Sample weights with the class weights in them."""
        return weight

    # ---- fitting

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any], incremental: bool = False
    ) -> Self:
        engine = self._at_hand() if incremental else None
        if engine is None:
            check_parameters(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        data = None if engine is None or sample_weight is not None else self._quickly_checked(X, y, engine)
        if data is None:
            data = self._checked(X, y, sample_weight, fresh, incremental)
        hooks = Hooks(self, X, y, sample_weight)
        self._train(data, validation, engine, fresh, hooks, incremental)
        if not self._engine.finite():
            raise stochastic.NonFiniteError(stochastic.NON_FINITE)
        hooks.end()
        return self

    def _train(
        self,
        data: Data,
        validation: tuple[Any, Any, Any],
        engine: Engine | None,
        fresh: bool,
        hooks: Hooks,
        incremental: bool,
    ) -> None:
        """Draw weights, split, find the engine, run the solver; what is random is drawn in scikit-learn's order."""
        random = check_random_state(self.random_state)
        drawn = self._begin(data, random) if fresh else None
        if self.solver == "lbfgs":
            lbfgs.refuse(self, validation[0])
            lbfgs.train(self, self._build(data, random, drawn, incremental), data, hooks)
            return
        held_out = None
        if validation[0] is not None:
            held_out = self._checked_validation(*validation)
        elif self.early_stopping:
            data, held_out = stochastic.split(data, self.validation_fraction, self._strata(data.target), random)
        if engine is None or not self._serves(engine, len(data.X)):
            engine = self._build(data, random, drawn, incremental)
        stochastic.train(self, engine, data, held_out, hooks, incremental)

    def _begin(self, data: Data, random: Any) -> list[tuple[Array, Array]]:
        """Fitted attributes of a new model, and its initial weights."""
        for name in STALE:
            self.__dict__.pop(name, None)
        self.n_outputs_ = self._output_count(data.target)
        self.n_iter_, self.t_ = 0, 0
        self.out_activation_ = self._out_activation()
        sizes = (data.X.shape[1], *declare.hidden_units(self), self.n_outputs_)
        self.n_layers_ = len(sizes)
        return declare.draw_scikit_learn(self, sizes, random)

    def _output_count(self, target: Array) -> int:
        return target.shape[1] if target.ndim == 2 else 1

    # ---- checks of data

    def _checked(self, X: Any, y: Any, sample_weight: Any, fresh: bool, incremental: bool) -> Data:
        X, y = self._validated(X, y, fresh)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        target = self._encoded(y, fresh, incremental)
        return Data(dense(X), target, self._weighted(y, weight, incremental))

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, accept_sparse=SPARSE, dtype=DTYPES, multi_output=True, y_numeric=self._numeric, reset=reset
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _checked_validation(self, X: Any, y: Any, sample_weight: Any) -> Data:
        if y is None:
            raise InputError("y_val: None given; targets for X_val are wanted")
        X, y = self._validated(X, y, reset=False)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        return Data(dense(X), self._encoded(y, fresh=False, incremental=True), weight)

    def _quickly_checked(self, X: Any, y: Any, engine: Engine) -> Data | None:
        """Plain arrays like those that were fitted; None where scikit-learn's checks have to look, and to complain."""
        if not self._as_fitted(X, engine) or type(y) is not np.ndarray or len(y) != len(X):
            return None
        target = self._quick_target(y)
        return None if target is None or not np.isfinite(X).all() else Data(X, target, None)

    def _as_fitted(self, X: Any, engine: Engine) -> bool:
        """Whether X is a plain array of the model's dtype and width."""
        return (
            type(X) is np.ndarray
            and X.dtype == engine.trainer.dtype
            and X.ndim == 2
            and X.shape[1] == self.n_features_in_
            and X.shape[0] > 0
            and "feature_names_in_" not in self.__dict__
        )

    # ---- the trainer

    def _build(self, data: Data, random: Any, drawn: Any, incremental: bool) -> Engine:
        """A trainer for these parameters, which goes on from what was fitted unless weights were drawn."""
        before = None if drawn is not None else self._live()
        dtype = data.X.dtype if before is None else before.trainer.dtype
        options = self._options(data.X.shape[1], dtype, self._batch(len(data.X), before if incremental else None))
        if before is not None and incremental and before.options == options:
            before.asked = self._asked()
            return before
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
            "threads": self.threads,
        }

    def _adopt(self, engine: Engine) -> Engine:
        engine.asked = self._asked()
        self._engine, self.coefs_, self.intercepts_ = engine, list(engine.coefs), list(engine.intercepts)
        return engine

    def _asked(self) -> tuple[Any, ...]:
        """The parameters as the objects that they are now."""
        return tuple(map(self.__dict__.get, RULES))

    def _at_hand(self) -> Engine | None:
        """The engine, if it was built from these very parameters: they need no second look."""
        engine: Engine | None = self.__dict__.get("_engine")
        if engine is None or not engine.asked or not all(map(operator.is_, engine.asked, self._asked())):
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

    # ---- predicting

    def _outputs(self, X: Any) -> Array:
        """The network's predictions, (samples, n_outputs_)."""
        if "coefs_" not in self.__dict__:
            check_is_fitted(self)
        engine = self._live()
        if self._as_fitted(X, engine):
            try:
                return engine.trainer.predict(X)
            except InputError:
                pass  # scikit-learn's checks say it in its own words
        X = validate_data(self, X, accept_sparse=SPARSE, dtype=DTYPES, reset=False)
        if not issparse(X):
            return engine.trainer.predict(X)
        X = X.tocsr()
        parts = [engine.trainer.predict(dense(X[i : i + SPARSE_ROWS])) for i in range(0, X.shape[0], SPARSE_ROWS)]
        return np.concatenate(parts)

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

    # ---- pickling

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        engine = state.pop("_engine", None)
        if engine is not None:
            state["_kept"] = engine.export()
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def has_epochs(estimator: Any) -> bool:
    """Whether partial_fit is there; an AttributeError says why not."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True
