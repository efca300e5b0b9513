"""What a trainer's network is used for: predictions, scores, the loss and its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..components.network import Network
from ..core import layout
from ..metrics import Metric, as_metrics
from ..model import Model, layer_views
from ..model.quick import Function
from ..status import check
from .data import Dataset, Intake
from .engine import Calling
from .evaluation import scores

if TYPE_CHECKING:
    from ..formats.modelfile.files import Path
    from .trainer import Trainer

Array = np.ndarray[Any, Any]


class Use(Calling):
    """What a Trainer has for whoever uses its network as it is."""

    model: Model
    network: Network
    metadata: dict[str, Any]
    dtype: np.dtype[Any]
    _intake: Intake
    _outputs: int
    _dtype: np.dtype[Any]
    _quick_predict: Function
    _quick_rows: int

    def predict(self, X: Any) -> Array:
        """What the loss's output activation gives: class probabilities, or values.

        Parameters
        ----------
        X : array_like of shape (samples, inputs)

        Returns
        -------
        ndarray of shape (samples, outputs)
        """
        if type(X) is np.ndarray and X.ndim == 2 and len(X) <= self._quick_rows:
            out = np.empty((len(X), self._outputs), self._dtype)
            if self._quick_predict(X, out) == layout.OK:
                return out
        x = self._intake.inputs(X)
        out = np.empty((len(x), self.network.sizes[-1]), self.dtype)
        part = self.part_rows()
        with self._alone():
            for first in range(0, len(x), part):
                rows, written = x[first : first + part], out[first : first + part]
                shared = self.team.send(2.0 * self.theta.size * len(rows))
                function = (self._native if shared else self._fast(len(rows))).predict
                given = rows.ctypes.data, *rows.shape, written.ctypes.data, *written.shape
                check(self.in_turn(function, *given), self.recipe.loss)
        return out

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None, *, metrics: Any = ()) -> dict[str, float]:
        """Mean data loss and accuracy (classification) or R² (float targets), without dropout, and other metrics.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As for `fit`.
        metrics : list of str, function or nbtrain.metrics.Metric, optional
            What else to compute; see `nbtrain.metrics`.

        Returns
        -------
        dict
            `{"loss": …, "accuracy": …}` or `{"loss": …, "r2": …}`, then the other metrics by their names.
        """
        wanted = as_metrics(metrics)
        return self.scores(self._intake.dataset(X, y, sample_weight), wanted)

    def scores(self, dataset: Dataset, metrics: Sequence[Metric] = ()) -> dict[str, float]:
        """`evaluate` on checked data."""
        with self._alone():
            return scores(cast("Trainer", self), dataset, metrics)

    def loss_and_gradient(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[float, Array]:
        """J with the penalty, and its gradient with respect to theta; no dropout, nothing is updated.

        Returns
        -------
        J : float
        gradient : ndarray of shape (parameters,)
            A copy, in the order of `theta`.
        """
        batch = self._intake.dataset(X, y, sample_weight)
        with self._alone():
            check(self.call_on("loss_and_gradient", batch), self.recipe.loss)
            return float(self.result[0]), self.model.gradient.copy()

    def to_onnx(self, path: Path | None = None) -> Any:
        """The network as an ONNX model, which other runtimes run; its output is what `predict` gives, to rounding.

        The input `x` (batch, inputs) and the output `prediction` (batch, outputs) have the trainer's dtype; the batch
        may be of any size. Dropout is left out, as in `predict`. `metadata` is in the model's metadata_props, each
        value as JSON. Plugins' components are translated as the built-in ones are.

        Parameters
        ----------
        path : str or path-like, optional
            Where to write the model, too; a file that is there is replaced in one step.

        Returns
        -------
        onnx.ModelProto
            Of opset 17 and IR version 8, checked by onnx.checker.

        Raises
        ------
        Error
            If the package onnx is not installed.
        InputError
            If a component computes something that has no form in ONNX operators (the message names the component
            and who provides it), or the path cannot be used.
        DivergenceError
            If a parameter is NaN or infinite; nothing is written.
        OSError
            If the file cannot be written.
        """
        from ..formats.onnx import export

        return export.write(self._onnx_model(), path)

    def _onnx_model(self, finish: Any = None) -> Any:
        """The model; `finish` makes its outputs of the prediction."""
        from ..formats.onnx import export

        with self._held():
            weights = [(w.copy(), b.copy()) for w, b in layer_views(self.model, self.network.sizes)]
        return export.model(self.recipe, weights, self.metadata, finish)
