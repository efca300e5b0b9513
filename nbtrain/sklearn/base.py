"""What the classifier and the regressor share: checks, the way to a trainer, prediction, pickling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..components import Component
from ..errors import InputError
from ..formats.modelfile.files import Path
from . import declare, lbfgs, scoring, stochastic
from .data import DTYPES, SPARSE, Array, Data, by_rows
from .engine import Engine
from .fitted import HasEngine
from .hooks import CallbackSupportMixin, Hooks, with_callbacks
from .parameters import check_parameters

SPARSE_BYTES = 1 << 23  # of a sparse matrix that are made dense at a time in prediction
STALE = """
    _engine _kept history_ loss_curve_ best_loss_ validation_scores_ best_validation_score_
""".split()


class BaseMLP(CallbackSupportMixin, HasEngine):
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

    def _decoded(self, target: Array) -> Array:
        """y as it was given, of such targets."""
        raise NotImplementedError

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

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n_samples, n_features)
            A sparse matrix is made dense as a whole; where that is too much, `partial_fit` takes it in parts.
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or an indicator matrix of several labels per sample; a regressor's numbers.
        sample_weight : array_like of shape (n_samples,), optional
        X_val, y_val, sample_weight_val : optional
            Validation data, scored after every epoch; with `early_stopping` they take the place of the split.

        Returns
        -------
        MLPClassifier or MLPRegressor
            Itself.

        Raises
        ------
        ValueError
            If an argument cannot be used, or weights became NaN or infinite.
        MemoryError
            If a sparse matrix is larger, as an array, than the memory of this computer or its container.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any], incremental: bool = False
    ) -> Self:
        if validation[0] is None:
            for name, value in zip(("y_val", "sample_weight_val"), validation[1:], strict=True):
                if value is not None:
                    raise InputError(f"{name}: given without X_val, the inputs that it is for")
        engine = self._at_hand() if incremental else None
        if engine is None:
            check_parameters(self)
            scoring.check_name(self.scoring)
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
            data = data.dense()
            lbfgs.train(self, self._build(data, random, drawn, incremental), data, hooks)
            return
        held_out = None
        if validation[0] is not None:
            held_out = self._checked_validation(*validation)
        elif self.early_stopping:
            data, held_out = stochastic.split(data, self.validation_fraction, self._strata(data.target), random)
            held_out = held_out.dense()
        data = data.dense()
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
        return Data(by_rows(X), target, self._weighted(y, weight, incremental))

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
        return Data(by_rows(X), self._encoded(y, fresh=False, incremental=True), weight).dense()

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

    # ---- predicting

    def _outputs(self, X: Any) -> Array:
        """The network's predictions, (samples, n_outputs_)."""
        if "coefs_" not in self.__dict__:
            check_is_fitted(self)
        engine = self._live()
        if engine.trusting or self._as_fitted(X, engine):
            try:
                return engine.trainer.predict(X)
            except InputError:
                pass  # scikit-learn's checks say it in its own words
        X = validate_data(self, X, accept_sparse=SPARSE, dtype=DTYPES, reset=False)
        if not issparse(X):
            return engine.trainer.predict(X)
        X = X.tocsr()
        step = max(1, SPARSE_BYTES // (X.shape[1] * X.dtype.itemsize))
        out = np.empty((X.shape[0], engine.trainer.network.outputs), engine.trainer.dtype)
        for first in range(0, X.shape[0], step):
            out[first : first + step] = engine.trainer.predict(X[first : first + step].toarray())
        return out

    def to_onnx(self, path: Path | None = None) -> Any:
        """The fitted network as an ONNX model, whose input is `x` (batch, n_features_in_), of the weights' dtype.

        A regressor's output is `prediction` (batch, n_outputs_). A classifier's are `label` (batch,), of int64 or
        strings, and, where there is `predict_proba`, `probabilities` (batch, n_classes). `Trainer.to_onnx` says more.

        Parameters
        ----------
        path : str or path-like, optional
            Where to write the model, too.

        Returns
        -------
        onnx.ModelProto

        Raises
        ------
        Error
            If the package onnx is not installed.
        InputError
            If a component or the classes have no form in ONNX, or the path cannot be used.
        """
        from ..formats.onnx import export

        check_is_fitted(self)
        return export.write(self._live().trainer._onnx_model(self._onnx_outputs), path)

    _onnx_outputs: Any = None  # what makes outputs of the prediction; by default it is one itself

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def has_epochs(estimator: Any) -> bool:
    """Whether partial_fit is there; an AttributeError says why not."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True
