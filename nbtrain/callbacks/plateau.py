"""When a metric stops improving: end the training, or lower the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import arrays as checks
from ..checks.arguments import explain_arguments, no_new_attributes
from ..checks.messages import brief, unknown, wrong
from ..errors import InputError
from ..metrics import Metric, as_metric, as_metrics, check_metric, smaller_is_better
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class MetricMonitor(Callback):
    """Follows a metric: its best value, and the number of epochs since then."""

    patience: int
    min_delta: float
    sign: float
    best: float
    waited: int

    def __init__(self, metric: Any, mode: str, patience: int, min_delta: float, validation_data: Any) -> None:
        if mode not in ("auto", "min", "max"):
            raise InputError(wrong("mode", "be 'auto', 'min' or 'max'", brief(mode)))
        self.metric: str | Metric | None = metric if isinstance(metric, str) else as_metric(metric, "metric")
        if self.metric is None:
            raise InputError(wrong("metric", "be a name, a function or an nbtrain.metrics.Metric", brief(metric)))
        self.patience = checks.whole_number(patience, "patience", 0)
        self.min_delta = checks.finite_number(min_delta, "min_delta", "a number >= 0")
        if self.min_delta < 0:
            raise InputError(wrong("min_delta", "be a number >= 0", brief(min_delta)))
        self.validation_data = validation_data
        if validation_data is not None:
            checks.pair(validation_data, "validation_data")
        self.sign = -1.0 if mode == "min" or (mode == "auto" and smaller_is_better(self._name)) else 1.0
        self.best = math.nan
        self.waited = 0

    @property
    def _name(self) -> str:
        return self.metric.name if isinstance(self.metric, Metric) else str(self.metric)

    def on_start(self, trainer: Trainer) -> None:
        self.best, self.waited = math.nan, 0
        if self.validation_data is not None:
            for metric in self._computed():
                check_metric(metric, trainer.engine)

    def _computed(self) -> list[Metric]:
        """The metric to compute on the callback's own data, unless evaluate does so by itself."""
        name = self._name.removeprefix("val_")
        return as_metrics([self.metric if isinstance(self.metric, Metric) else name])

    def state_dict(self) -> dict[str, Any]:
        best = None if math.isnan(self.best) else self.best if math.isfinite(self.best) else str(self.best)  # JSON's
        return {"metric": self._name, "sign": self.sign, "best": best, "waited": self.waited}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> bool | None:
        """Continue counting, if the checkpoint is of the same metric.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` resumes.
        state : mapping
            What `state_dict` gave when the checkpoint was written.

        Returns
        -------
        bool or None
            True if this callback had already stopped the training.
        """
        if (state["metric"], state["sign"]) == (self._name, self.sign):
            self.best = math.nan if state["best"] is None else float(state["best"])
            self.waited = int(state["waited"])
            return self.load_state(trainer, state)
        return None

    def load_state(self, trainer: Trainer, state: Mapping[str, Any]) -> bool | None:
        """Take the rest of a state, once the metric's own part is taken.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` resumes.
        state : mapping
            As for `resume`.

        Returns
        -------
        bool or None
            As for `resume`.
        """

    def improved(self, trainer: Trainer, metrics: Mapping[str, float]) -> bool:
        """Decide whether this epoch is better than the best one by more than `min_delta`; NaN never is.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` was called.
        metrics : mapping
            The epoch's numbers by name.

        Returns
        -------
        bool
            True also makes it the best one.

        Examples
        --------
        >>> import nbtrain
        >>> X, y = nbtrain.datasets.load_digits()
        >>> trainer = nbtrain.Trainer(nbtrain.Network(64, [nbtrain.Dense(10)]), loss="softmax_cross_entropy", rng=0)
        >>> stopping = nbtrain.callbacks.EarlyStopping("loss", patience=1)
        >>> history = trainer.fit(X, y, epochs=1, callbacks=[stopping])
        >>> stopping.improved(trainer, {"loss": 1e9}), stopping.improved(trainer, {"loss": 0.0})
        (False, True)
        """
        value = self._value(trainer, metrics)
        if math.isnan(value):
            better = False
        else:
            better = math.isnan(self.best) or self.sign * (value - self.best) > self.min_delta
        self.best, self.waited = (value, 0) if better else (self.best, self.waited + 1)
        return better

    def _lost_patience(self) -> bool:
        return self.waited > 0 and self.waited >= self.patience

    def _value(self, trainer: Trainer, metrics: Mapping[str, float]) -> float:
        name = self._name
        if self.validation_data is not None:
            name = name.removeprefix("val_")
            X, y, weight = checks.pair(self.validation_data, "validation_data")
            metrics = trainer.evaluate(X, y, weight, metrics=self._computed())
        if name not in metrics and f"val_{name}" in metrics:
            name = f"val_{name}"
        if name not in metrics:
            validated = any(key.startswith("val_") for key in metrics)
            need = name.startswith("val_") and not validated
            raise InputError(unknown("metric", name, metrics, "val_* metrics need validation_data" if need else ""))
        return float(metrics[name])


@no_new_attributes
class EarlyStopping(MetricMonitor):
    """Stop when a metric stops improving, and restore the best parameters.

    The best parameters are restored however the training ends: by this or another callback, after the last epoch, by
    divergence or by Ctrl-C. The optimizer's state remains that of the last epoch.

    Parameters
    ----------
    metric : str, function or nbtrain.metrics.Metric, default "val_loss"
        A column of the history, or any metric of `nbtrain.metrics`.
    patience : int, default 10
        Epochs without improvement after which training stops.
    min_delta : float, default 0.0
        An improvement must be larger than this to count.
    mode : {"auto", "min", "max"}, default "auto"
        Which direction is better; "auto" tells losses and errors from scores by their names.
    validation_data : (X, y) or (X, y, sample_weight), optional
        Data to compute the metric on, instead of the validation data of fit.
    restore_best : bool, default True

    Attributes
    ----------
    best : float
        The best value so far; NaN before there is one.
    best_epoch : int
        Its epoch; 0 before there is one.
    stopped : bool
        Whether this callback stopped the training.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(32, "relu"), nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> stopping = nbtrain.callbacks.EarlyStopping(patience=2)
    >>> history = trainer.fit(
    ...     X[:300], y[:300], epochs=200, validation_data=(X[300:], y[300:]), callbacks=[stopping]
    ... )
    >>> stopping.stopped, history.epochs == stopping.best_epoch + 2
    (True, True)
    """

    best_epoch: int
    stopped: bool

    @explain_arguments
    def __init__(
        self,
        metric: Any = "val_loss",
        *,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        validation_data: Any = None,
        restore_best: bool = True,
    ) -> None:
        super().__init__(metric, mode, patience, min_delta, validation_data)
        self.restore_best = restore_best
        self.best_epoch, self.stopped = 0, False
        self._parameters: np.ndarray[Any, Any] | None = None

    def on_start(self, trainer: Trainer) -> None:
        super().on_start(trainer)
        self.best_epoch, self.stopped, self._parameters = 0, False, None

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool:
        if self.improved(trainer, metrics):
            self.best_epoch = epoch
            if self.restore_best:
                self._parameters = trainer.theta.copy()
        self.stopped = self._lost_patience()
        return self.stopped

    def state_dict(self) -> dict[str, Any]:
        best = {} if self._parameters is None else {"parameters": self._parameters}
        return super().state_dict() | {"best_epoch": self.best_epoch} | best

    def load_state(self, trainer: Trainer, state: Mapping[str, Any]) -> bool:
        self.best_epoch, self.stopped = int(state["best_epoch"]), self._lost_patience()
        if self.restore_best and "parameters" in state:
            parameters = np.asarray(state["parameters"], trainer.dtype)
            if parameters.shape != trainer.theta.shape or not np.isfinite(parameters).all():
                raise ValueError(f"parameters of shape {parameters.shape}, or not finite")
            self._parameters = parameters.copy()
        return self.stopped

    def on_end(self, trainer: Trainer) -> None:
        if self._parameters is not None:
            trainer.theta[...] = self._parameters
            self._parameters = None


@no_new_attributes
class ReduceOnPlateau(MetricMonitor):
    """Multiply the learning rate by a factor when a metric stops improving; this scales a schedule's rates, too.

    Parameters
    ----------
    metric : str, function or nbtrain.metrics.Metric, default "val_loss"
        As for `EarlyStopping`.
    factor : float, default 0.1
        Above 0, below 1.
    patience : int, default 10
        Epochs without improvement after which the rate is reduced.
    min_delta : float, default 0.0
        As for `EarlyStopping`.
    mode : {"auto", "min", "max"}, default "auto"
        As for `EarlyStopping`.
    cooldown : int, default 0
        Epochs to wait after a reduction before counting again.
    minimum : float, default 0.0
        Smallest learning rate.
    validation_data : (X, y) or (X, y, sample_weight), optional
        As for `EarlyStopping`.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> plateau = nbtrain.callbacks.ReduceOnPlateau("loss", factor=0.5, patience=1, min_delta=1.0)
    >>> history = trainer.fit(X, y, epochs=6, callbacks=[plateau])
    >>> trainer.learning_rate < 1e-3
    True
    """

    factor: float
    cooldown: int
    minimum: float
    waited: int

    @explain_arguments
    def __init__(
        self,
        metric: Any = "val_loss",
        *,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        cooldown: int = 0,
        minimum: float = 0.0,
        validation_data: Any = None,
    ) -> None:
        super().__init__(metric, mode, patience, min_delta, validation_data)
        self.factor = checks.finite_number(factor, "factor", "a number > 0 and < 1")
        if not 0.0 < self.factor < 1.0:
            raise InputError(wrong("factor", "be a number > 0 and < 1", brief(factor)))
        self.cooldown = checks.whole_number(cooldown, "cooldown", 0)
        self.minimum = checks.finite_number(minimum, "minimum")
        self._resting = 0

    def on_start(self, trainer: Trainer) -> None:
        super().on_start(trainer)
        self._resting = 0

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"resting": self._resting}

    def load_state(self, trainer: Trainer, state: Mapping[str, Any]) -> None:
        self._resting = int(state["resting"])

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        self.improved(trainer, metrics)
        if self._resting:
            self._resting -= 1
            self.waited = 0
        if self._lost_patience():
            rate = trainer.learning_rate
            if rate > self.minimum:
                trainer.scale_learning_rate(max(self.factor, self.minimum / rate))
            self.waited, self._resting = 0, self.cooldown
