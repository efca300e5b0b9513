"""What the classifier and the regressor share: fitting, predicting, pickling."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..callbacks import as_callbacks
from ..components import Component
from ..errors import DivergenceError, InputError
from ..history import History
from ..trainer import Trainer
from . import declare, lbfgs
from .engine import Engine, revived
from .hooks import CallbackSupportMixin, Hooks
from .monitor import Monitor, total
from .parameters import check_parameters

Array = np.ndarray[Any, Any]
DTYPES = (np.float64, np.float32)
SPARSE = ["csr", "csc"]
AUTO_BATCH = 200  # scikit-learn's batch_size="auto"
SPARSE_ROWS = 1024  # rows of a sparse matrix that are made dense at a time in prediction
STALE = """
    _engine _kept history_ loss_curve_ best_loss_ validation_scores_ best_validation_score_
""".split()
NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)
_reviving = threading.Lock()


class NonFiniteError(DivergenceError, ValueError):
    """Training produced NaN or infinity; scikit-learn raises ValueError for it."""


class Data(NamedTuple):
    """Samples as the trainer takes them."""

    X: Array
    target: Array
    weight: Array | None

    def at(self, rows: Array) -> Data:
        """Some of the samples."""
        return Data(self.X[rows], self.target[rows], None if self.weight is None else self.weight[rows])


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

    def _weighted(self, y: Any, weight: Array | None, incremental: bool) -> Array | None:
        """Sample weights with the class weights in them."""
        return weight

    # ---- fitting

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any], incremental: bool = False
    ) -> Self:
        check_parameters(self)
        units = declare.hidden_units(self)
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        data = self._checked(X, y, sample_weight, fresh, incremental)
        random = check_random_state(self.random_state)
        self.n_outputs_ = self._output_count(data.target)
        sizes = (data.X.shape[1], *units, self.n_outputs_)
        drawn = declare.draw_scikit_learn(self, sizes, random) if fresh else None
        if fresh:
            self._start(sizes)
        hooks = Hooks(self, X, y, sample_weight)
        if self.solver == "lbfgs":
            self._fit_lbfgs(data, random, drawn, hooks)
        else:
            self._fit_stochastic(data, validation, random, drawn, hooks, incremental)
        if not self._engine.finite():
            raise NonFiniteError(NON_FINITE)
        hooks.end()
        return self

    def _checked(self, X: Any, y: Any, sample_weight: Any, fresh: bool, incremental: bool) -> Data:
        X, y = self._validated(X, y, fresh)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        target = self._encoded(y, fresh, incremental)
        return Data(_dense(X), target, self._weighted(y, weight, incremental))

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, accept_sparse=SPARSE, dtype=DTYPES, multi_output=True, y_numeric=self._numeric, reset=reset
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _output_count(self, target: Array) -> int:
        return target.shape[1] if target.ndim == 2 else 1

    def _start(self, sizes: tuple[int, ...]) -> None:
        """Fitted attributes at the beginning of a new model."""
        for name in STALE:
            self.__dict__.pop(name, None)
        self.n_iter_, self.t_ = 0, 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._out_activation()

    def _start_curves(self, validated: bool) -> None:
        """The attributes that only stochastic solvers have; they go on in a warm start."""
        if not hasattr(self, "history_"):
            self.history_ = History()
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_: float | None = None
            self.validation_scores_: list[float] | None = None
            self.best_validation_score_: float | None = None
        if validated and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf

    def _build(self, inputs: int, dtype: Any, rows: int, random: Any, drawn: Any, incremental: bool) -> Engine:
        """A trainer for these parameters, which goes on from what was fitted unless weights were drawn."""
        before = None if drawn is not None else self._live()
        if before is not None:
            dtype = before.trainer.dtype
        options = self._options(inputs, dtype, self._batch(rows, before if incremental else None))
        if before is not None and incremental and before.options == options:
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
            "threads": int(self.threads),
        }

    def _adopt(self, engine: Engine) -> Engine:
        self._engine, self.coefs_, self.intercepts_ = engine, list(engine.coefs), list(engine.intercepts)
        return engine

    def _batch(self, rows: int, before: Engine | None) -> int:
        """Rows of a batch; in partial_fit the trainer at hand serves as long as it makes no difference."""
        if isinstance(self.batch_size, str):
            return AUTO_BATCH
        if self.batch_size > rows:
            warnings.warn(
                f"Got `batch_size` less than 1 or larger than sample size. It is going to be clipped to {rows}.",
                stacklevel=6,
            )
        batch = min(int(self.batch_size), rows)
        kept = 0 if before is None else before.trainer.batch_size
        return kept if batch <= kept <= self.batch_size else batch

    def _fit_stochastic(
        self, data: Data, validation: tuple[Any, Any, Any], random: Any, drawn: Any, hooks: Hooks, incremental: bool
    ) -> None:
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        held_out = None
        if validation[0] is not None:
            held_out = self._checked_validation(*validation)
        elif self.early_stopping:
            data, held_out = self._split(data, random)
        rows = len(data.X)
        engine = self._build(data.X.shape[1], data.X.dtype, rows, random, drawn, incremental)
        self._start_curves(held_out is not None)
        weight_sum = total(data.weight, rows)
        score: Callable[[Mapping[str, float]], float] | None = None
        if held_out is not None:
            score = lambda metrics: self._validation_score(metrics, held_out)  # noqa: E731
        monitor = Monitor(self, engine, rows, weight_sum, score, incremental, hooks.end_epoch)
        self.n_iter_ = 0
        hooks.begin()
        self._train(engine, monitor, data, held_out, 1 if incremental else int(self.max_iter))

    def _train(self, engine: Engine, monitor: Monitor, data: Data, held_out: Data | None, epochs: int) -> None:
        try:
            engine.trainer.fit(
                data.X,
                data.target,
                epochs,
                sample_weight=data.weight,
                validation_data=None if held_out is None else tuple(held_out),
                callbacks=[monitor, *as_callbacks(self.callbacks or ())],
            )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
            return
        except DivergenceError as error:
            if monitor.best is None:
                raise NonFiniteError(f"{NON_FINITE} {error}") from error
            if self.validation_scores_ is not None:
                self.validation_scores_.append(float("nan"))
            warnings.warn(f"The best weights of before were put back: {error}", ConvergenceWarning, stacklevel=5)
            return
        finally:
            monitor.restore_best()
        if self.n_iter_ == self.max_iter and not (monitor.converged or monitor.asked or monitor.incremental):
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _split(self, data: Data, random: Any) -> tuple[Data, Data]:
        """Training and validation part, by scikit-learn's own split."""
        train, held_out = train_test_split(
            np.arange(len(data.X)),
            random_state=random,
            test_size=self.validation_fraction,
            stratify=self._strata(data.target),
        )
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return data.at(train), data.at(held_out)

    def _strata(self, target: Array) -> Array | None:
        return None

    def _checked_validation(self, X: Any, y: Any, sample_weight: Any) -> Data:
        if y is None:
            raise InputError("y_val: None given; targets for X_val are wanted")
        X, y = self._validated(X, y, reset=False)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        return Data(_dense(X), self._encoded(y, fresh=False, incremental=True), weight)

    def _fit_lbfgs(self, data: Data, random: Any, drawn: Any, hooks: Hooks) -> None:
        if np.any(np.asarray(self.dropout)):
            raise InputError(
                f"dropout: {self.dropout!r} given; with solver='lbfgs', which has no iterations, 0 is wanted"
            )
        engine = self._build(data.X.shape[1], data.X.dtype, len(data.X), random, drawn, incremental=False)
        told = as_callbacks(self.callbacks or ())
        trainer = engine.trainer
        self.n_iter_ = 0
        weight_sum = total(data.weight, len(data.X))

        def as_loss(value: float) -> float:
            penalty = engine.penalty() / weight_sum
            return (value - penalty) * self._loss_scale() + penalty

        def after(value: float) -> bool:
            self.n_iter_ += 1
            self.loss_ = as_loss(value)
            if self.verbose:
                print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
            stops = [callback.on_epoch(trainer, self.n_iter_, {"loss": self.loss_}) for callback in told]
            return hooks.end_epoch(self.n_iter_ == self.max_iter) or any(stops)

        hooks.begin()
        for callback in told:
            callback.on_start(trainer)
        try:
            value, self.n_iter_ = lbfgs.minimize_loss(self, engine, (data.X, data.target, data.weight), after)
        finally:
            for callback in told:
                callback.on_end(trainer)
        self.loss_ = as_loss(value)

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
        parts = [engine.trainer.predict(_dense(X[i : i + SPARSE_ROWS])) for i in range(0, X.shape[0], SPARSE_ROWS)]
        return np.concatenate(parts)

    def _as_fitted(self, X: Any, engine: Engine) -> bool:
        """Whether X is a plain array that needs no conversion: then the trainer's own checks suffice."""
        return (
            type(X) is np.ndarray
            and X.dtype == engine.trainer.dtype
            and X.ndim == 2
            and X.shape[1] == self.n_features_in_
            and X.shape[0] > 0
            and "feature_names_in_" not in self.__dict__
        )

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


def _dense(X: Any) -> Array:
    dense: Array = X.toarray() if issparse(X) else X
    return dense


def stochastic(estimator: Any) -> bool:
    """Whether partial_fit is there; an AttributeError says why not."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True
