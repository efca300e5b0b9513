"""When a metric has stopped getting better: end the training, or lower the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import arrays as checks
from ..checks.suggestions import nearest
from ..errors import InputError
from ..metrics import ALWAYS, Metric, as_metric, smaller_is_better
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class Watching(Callback):
    """Watches a metric: how good it was at best, and for how many epochs it has not been better."""

    def __init__(self, metric: Any, mode: str, patience: int, min_delta: float, validation_data: Any) -> None:
        if mode not in ("auto", "min", "max"):
            raise InputError(f"mode: {mode!r} given; 'auto', 'min' or 'max' is wanted")
        self.metric: str | Metric | None = metric if isinstance(metric, str) else as_metric(metric, "metric")
        if self.metric is None:
            raise InputError(f"metric: {metric!r} given; a name, a function or an nbtrain.metrics.Metric is wanted")
        self.patience = checks.whole_number(patience, "patience", 0)
        self.min_delta = checks.finite_number(min_delta, "min_delta", "a number of at least 0")
        if self.min_delta < 0:
            raise InputError(f"min_delta: {min_delta!r} given; a number of at least 0 is wanted")
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

    def state_dict(self) -> dict[str, Any]:
        best = None if math.isnan(self.best) else self.best if math.isfinite(self.best) else str(self.best)  # JSON's
        return {"metric": self._name, "sign": self.sign, "best": best, "waited": self.waited}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> bool | None:
        """Go on counting, unless it was another metric that was watched."""
        if (state["metric"], state["sign"]) == (self._name, self.sign):
            self.best = math.nan if state["best"] is None else float(state["best"])
            self.waited = int(state["waited"])
            return self.go_on(trainer, state)
        return None

    def go_on(self, trainer: Trainer, state: Mapping[str, Any]) -> bool | None:
        """What else there is to be taken from a state."""

    def improved(self, trainer: Trainer, metrics: Mapping[str, float]) -> bool:
        """Whether this epoch was better than the best before by more than min_delta; NaN never is."""
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
            wanted = [] if name in ALWAYS else [self.metric if isinstance(self.metric, Metric) else name]
            X, y, weight = checks.pair(self.validation_data, "validation_data")
            metrics = trainer.evaluate(X, y, weight, metrics=wanted)
        if name not in metrics and f"val_{name}" in metrics:
            name = f"val_{name}"
        if name not in metrics:
            near = [] if name.removeprefix("val_") in metrics else nearest(name, metrics)
            meant = f"did you mean {near[0]!r}? There" if near else "there"
            raise InputError(
                f"metric: {name!r} given; {meant} are {', '.join(metrics)}"
                + ("" if any(key.startswith("val_") for key in metrics) else "; val_ ones want validation_data")
            )
        return float(metrics[name])


class EarlyStopping(Watching):
    """Stop when a metric has not got better for a while, and go back to the parameters it was best with.

    The best parameters are put back however the training ends: by this callback, another, the last epoch, divergence
    or Ctrl-C. The optimizer's state stays that of the last epoch.

    Parameters
    ----------
    metric : str, function or nbtrain.metrics.Metric, default "val_loss"
        A column of the history, or any metric of `nbtrain.metrics`.
    patience : int, default 10
        Epochs without improvement after which training stops.
    min_delta : float, default 0.0
        By how much more than that the metric must be better to count.
    mode : {"auto", "min", "max"}, default "auto"
        Which is better; "auto" knows losses and errors from scores by their names.
    validation_data : (X, y) or (X, y, sample_weight), optional
        To compute the metric on, instead of that of fit.
    restore_best : bool, default True

    Attributes
    ----------
    best : float
        The best value; NaN before there is one.
    best_epoch : int
        The epoch of it.
    stopped : bool
        Whether it was this callback that stopped the training.
    """

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

    def go_on(self, trainer: Trainer, state: Mapping[str, Any]) -> bool:
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


class ReduceOnPlateau(Watching):
    """Multiply the learning rate by a factor when a metric has not got better for a while; a schedule's rates, too.

    Parameters
    ----------
    metric, mode, validation_data
        As for `EarlyStopping`.
    factor : float, default 0.1
        Above 0, below 1.
    patience : int, default 10
        Epochs without improvement after which the rate is lowered.
    min_delta : float, default 0.0
    cooldown : int, default 0
        Epochs after a reduction that do not count.
    minimum : float, default 0.0
        No learning rate below it is set.
    """

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
        self.factor = checks.finite_number(factor, "factor", "a number above 0 and below 1")
        if not 0.0 < self.factor < 1.0:
            raise InputError(f"factor: {factor!r} given; a number above 0 and below 1 is wanted")
        self.cooldown = checks.whole_number(cooldown, "cooldown", 0)
        self.minimum = checks.finite_number(minimum, "minimum")
        self._resting = 0

    def on_start(self, trainer: Trainer) -> None:
        super().on_start(trainer)
        self._resting = 0

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"resting": self._resting}

    def go_on(self, trainer: Trainer, state: Mapping[str, Any]) -> None:
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
