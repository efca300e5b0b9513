"""MLPRegressor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from ..checks.messages import wrong
from ..components import Component
from ..components.by_name import resolve
from ..errors import InputError
from . import declare
from .base import BaseMLP, has_epochs
from .data import DTYPES, Array, Data
from .hooks import with_callbacks
from .texts import documented

SQUARED = "squared_error"
OUTPUTS = {"poisson_deviance": "exp"}
LOSSES = {SQUARED: "mse", "poisson": "poisson_deviance"}


@documented()
class MLPRegressor(RegressorMixin, BaseMLP):
    """Fully connected network for regression: scikit-learn's class of this name, trained by nbtrain.

    Parameters
    ----------
    loss : str or component, default "squared_error"
        "squared_error", "poisson" (half the deviance, with the exponential function as output activation), or any loss
        for float targets by name or from `nbtrain.loss`.
    {parameters}

    Attributes
    ----------
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from nbtrain.sklearn import MLPRegressor
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=20, solver="lbfgs", activation="tanh", random_state=0)
    >>> bool(model.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.99)
    True
    """

    _numeric = True

    def __init__(
        self,
        loss: Any = SQUARED,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        scoring: Any = None,
        callbacks: Any = None,
        threads: int | str = 1,
    ) -> None:
        self.__dict__.update((name, value) for name, value in locals().items() if name != "self")

    @available_if(has_epochs)
    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train one epoch on these samples, continuing from the previous call.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        MLPRegressor

        Raises
        ------
        ValueError
            If an argument is invalid, or the solver is "lbfgs".

        Examples
        --------
        >>> import numpy as np
        >>> from nbtrain.sklearn import MLPRegressor
        >>> X = np.linspace(-1, 1, 200)[:, None]
        >>> model = MLPRegressor(hidden_layer_sizes=(8,), random_state=0)
        >>> for epoch in range(3):
        ...     model = model.partial_fit(X, X[:, 0])
        """
        return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    def predict(self, X: Any) -> Array:
        """Predict values.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_outputs) for several outputs
            In the dtype of the weights.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    # ---- for BaseMLP

    def _encoded(self, y: Any, fresh: bool, incremental: bool) -> Array:
        targets: Array = y.reshape(-1, 1) if y.ndim == 1 else y
        if not fresh and targets.shape[1] != self.n_outputs_:
            got = f"{targets.shape[1]}"
            raise InputError(wrong("y", f"have {self.n_outputs_} outputs, as in the first call", got))
        return targets

    def _decoded(self, target: Array) -> Array:
        return target[:, 0] if target.shape[1] == 1 else target

    def _quick_target(self, y: Array) -> Array | None:
        if y.dtype not in DTYPES or not np.isfinite(y).all():
            return None
        targets: Array = y[:, None] if y.ndim == 1 else y
        return targets if targets.ndim == 2 and targets.shape[1] == self.n_outputs_ > int(y.ndim == 2) else None

    def _loss(self) -> Component:
        given = LOSSES.get(self.loss, self.loss) if isinstance(self.loss, str) else self.loss
        component = resolve("loss", given, "loss")
        if component.spec.target != "float":
            raise InputError(
                wrong("loss", "be a loss for float targets", f"{component.name!r}, which takes class labels")
            )
        return declare.with_plain_targets(component)

    def _loss_scale(self) -> float:
        return 1.0 / self.n_outputs_ if self.loss == SQUARED else 1.0

    def _out_activation(self) -> str:
        component = self._loss()
        return OUTPUTS.get(component.name, component.name if component.spec.owns_output else "identity")

    def _validation_score(self, metrics: Mapping[str, float], data: Data) -> float:
        if "val_r2" in metrics:
            return metrics["val_r2"]
        predicted = self._live().trainer.predict(data.X)
        return float(np.asarray(r2_score(data.target, predicted, sample_weight=data.weight)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
