"""scikit-learn's callbacks (1.9 and later): tasks "fit" and, within it, one per epoch or iteration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

if TYPE_CHECKING:  # scikit-learn has no annotations, which would make every decorated method Any

    class CallbackSupportMixin:
        """scikit-learn's, or nothing."""

    def with_callbacks(method: Method) -> Method:
        """scikit-learn's, or the method unchanged."""
        return method

else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # scikit-learn before 1.9

        class CallbackSupportMixin:
            """Stand-in: this scikit-learn has no callbacks."""

        def with_callbacks(method: Method) -> Method:
            """Return the method unchanged."""
            return method


__all__ = ["CallbackSupportMixin", "Hooks", "with_callbacks"]


class Hooks:
    """Calls the callbacks of `set_callbacks`, or of a meta-estimator, during an estimator's fit.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    X, y, sample_weight
        Arguments of fit.
    """

    data: dict[str, Any]

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self.estimator = estimator
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"X": X, "y": y, "metadata": metadata}
        self.fit: Any = None
        self.epoch: Any = None
        if hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx"):
            self.fit = estimator._init_callback_context(max_subtasks=None)

    def begin(self) -> None:
        """Before the first epoch."""
        if self.fit is not None:
            self.fit.call_on_fit_task_begin(estimator=self.estimator, **self.data)
            self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.epoch = self.fit.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(
            estimator=self.estimator, **self.data, reconstruction_attributes=self._attributes
        )

    def end_epoch(self, last: bool) -> bool:
        """After every epoch -> whether a callback stops the training; if not, the next epoch begins."""
        if self.fit is None:
            return False
        stop = self.epoch.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=self._attributes
        )
        if not (last or stop):
            self._begin_epoch()
        return bool(stop)

    def end(self) -> None:
        """After the last epoch."""
        if self.fit is not None:
            self.fit.call_on_fit_task_end(
                estimator=self.estimator, **self.data, reconstruction_attributes=self._attributes
            )

    def _attributes(self) -> dict[str, Any]:
        """Attributes with which a copy of the estimator predicts as it does now."""
        names = ("coefs_", "intercepts_")
        return {name: [array.copy() for array in getattr(self.estimator, name)] for name in names}
