"""What the classifier and the regressor share: checks, training, prediction."""

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
from . import declare, lbfgs, stochastic
from .data import DTYPES, SPARSE, Array, Data, by_rows
from .fitted import FittedNetwork, HasFittedNetwork
from .hooks import CallbackSupportMixin, Hooks, with_callbacks
from .parameters import check_parameters

SPARSE_BYTES = 1 << 23  # prediction makes a sparse matrix dense in blocks of this size
STALE = """
    _fitted _kept history_ loss_curve_ best_loss_ validation_scores_ best_validation_score_
""".split()


class BaseMLP(CallbackSupportMixin, HasFittedNetwork):
    """Base of MLPClassifier and MLPRegressor."""

    n_outputs_: int
    n_iter_: int
    t_: int
    out_activation_: str
    n_layers_: int

    # ---- overridden by the two

    _numeric = False  # whether y holds numbers

    def _encoded(self, y: Any, fresh: bool, incremental: bool) -> Array:
        """y as targets of the loss."""
        raise NotImplementedError

    def _loss(self) -> Component:
        raise NotImplementedError

    def _out_activation(self) -> str:
        raise NotImplementedError

    def _loss_scale(self) -> float:
        """Factor from the trainer's loss to scikit-learn's."""
        return 1.0

    def _decoded(self, target: Array) -> Array:
        """Targets of the loss as y."""
        raise NotImplementedError

    def _validation_score(self, metrics: Mapping[str, float], data: Data) -> float:
        raise NotImplementedError

    @property
    def _one_class(self) -> bool:
        """Whether there is a single class, which `predict` gives whatever the network says."""
        return False

    def _quick_target(self, y: Array) -> Array | None:
        """Targets, if y is a plain array of known classes or outputs; None leaves it to the full checks."""
        return None

    def _strata(self, target: Array) -> Array | None:
        """Classes whose proportions the validation split keeps."""
        return None

    def _weighted(self, y: Any, weight: Array | None, incremental: bool) -> Array | None:
        """Sample weights multiplied by class weights."""
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
            A sparse matrix is converted to a dense array; if that is too large, pass it in parts to `partial_fit`.
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, an indicator matrix of several labels per sample, or the regressor's targets.
        sample_weight : array_like of shape (n_samples,), optional
        X_val, y_val, sample_weight_val : optional
            Validation data, scored after every epoch. With `early_stopping` they replace the validation split.

        Returns
        -------
        MLPClassifier or MLPRegressor

        Raises
        ------
        ValueError
            If an argument is invalid, or weights became NaN or infinite.
        MemoryError
            If a sparse matrix, as a dense array, exceeds the memory of this computer or its container.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any], incremental: bool = False
    ) -> Self:
        if validation[0] is None:
            for name, value in zip(("y_val", "sample_weight_val"), validation[1:], strict=True):
                if value is not None:
                    raise InputError(f"{name} requires X_val")
        fitted = self._unchanged() if incremental else None
        if fitted is None:
            check_parameters(self)
            stochastic.check_scoring(self.scoring)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        data = None if fitted is None or sample_weight is not None else self._quickly_checked(X, y, fitted)
        if data is None:
            data = self._checked(X, y, sample_weight, fresh, incremental)
        hooks = Hooks(self, X, y, sample_weight)
        self._train(data, validation, fitted, fresh, hooks, incremental)
        if not self._fitted.finite():
            raise stochastic.NonFiniteError(stochastic.NON_FINITE)
        hooks.end()
        return self

    def _train(
        self,
        data: Data,
        validation: tuple[Any, Any, Any],
        fitted: FittedNetwork | None,
        fresh: bool,
        hooks: Hooks,
        incremental: bool,
    ) -> None:
        """Draw weights, split, find or build the network, run the solver.

        Random numbers are drawn in scikit-learn's order.
        """
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
        if fitted is None or not self._serves(fitted, len(data.X)):
            fitted = self._build(data, random, drawn, incremental)
        stochastic.train(self, fitted, data, held_out, hooks, incremental)

    def _begin(self, data: Data, random: Any) -> list[tuple[Array, Array]]:
        """Reset the fitted attributes, and draw initial weights."""
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
            raise InputError("X_val requires y_val")
        X, y = self._validated(X, y, reset=False)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        return Data(by_rows(X), self._encoded(y, fresh=False, incremental=True), weight).dense()

    def _quickly_checked(self, X: Any, y: Any, fitted: FittedNetwork) -> Data | None:
        """The data, if they are plain arrays like those of the fit; None leaves them to scikit-learn's checks."""
        if not self._as_fitted(X, fitted) or type(y) is not np.ndarray or len(y) != len(X):
            return None
        target = self._quick_target(y)
        return None if target is None or not np.isfinite(X).all() else Data(X, target, None)

    def _as_fitted(self, X: Any, fitted: FittedNetwork) -> bool:
        """Whether X is a plain array of the model's dtype and width."""
        return (
            type(X) is np.ndarray
            and X.dtype == fitted.trainer.dtype
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
        fitted = self._live()
        if fitted.trusting or self._as_fitted(X, fitted):
            try:
                return fitted.trainer.predict(X)
            except InputError:
                pass  # scikit-learn's checks raise its own errors
        X = validate_data(self, X, accept_sparse=SPARSE, dtype=DTYPES, reset=False)
        if not issparse(X):
            return fitted.trainer.predict(X)
        X = X.tocsr()
        step = max(1, SPARSE_BYTES // (X.shape[1] * X.dtype.itemsize))
        out = np.empty((X.shape[0], fitted.trainer.network.outputs), fitted.trainer.dtype)
        for first in range(0, X.shape[0], step):
            out[first : first + step] = fitted.trainer.predict(X[first : first + step].toarray())
        return out

    def to_onnx(self, path: Path | None = None) -> Any:
        """Export the fitted network as an ONNX model. Its input is `x` (batch, inputs), of the weights' dtype.

        A regressor's output is `prediction` (batch, outputs). A classifier's outputs are `label` (batch,), of int64
        or strings, and, if there is `predict_proba`, `probabilities` (batch, n_classes). See also `Trainer.to_onnx`.

        Parameters
        ----------
        path : str or path-like, optional
            Also write the model to this file.

        Returns
        -------
        onnx.ModelProto

        Raises
        ------
        Error
            If the package onnx is not installed.
        InputError
            If a component or the classes cannot be expressed in ONNX, or the path is invalid.

        Examples
        --------
        >>> import numpy as np
        >>> from nbtrain.sklearn import MLPRegressor
        >>> model = MLPRegressor(hidden_layer_sizes=(4,), tol=1000.0, random_state=0).fit(np.eye(8), np.arange(8.0))
        >>> graph = model.to_onnx("model.onnx")  # doctest: +SKIP
        """
        from ..formats.onnx import export

        check_is_fitted(self)
        return export.write(self._live().trainer._onnx_model(self._onnx_outputs), path)

    _onnx_outputs: Any = None  # makes outputs from the prediction; None: the prediction is the output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def has_epochs(estimator: Any) -> bool:
    """Whether there is partial_fit; otherwise an AttributeError says why."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True
