"""`nbtrain.kernel`: prediction by several threads with one model."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from ..compiler.jit import always_njit
from .opened import Opened, rows_of
from .typing import check_array, check_integer, check_model, check_output


@intrinsic
def _predict_with(typing_context: Any, model: Any, x: Any, out: Any, work: Any) -> Any:
    dtype = check_model(model)
    check_array("x", x, dtype, (2,), "(m, inputs)")
    check_output("out", out, dtype, "(m, outputs)")
    check_output("work", work, types.uint8, "(kernel.work_size(model, m),)")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = zip((x, out, work), values[1:], strict=True)
        (*given, _) = [part for kind, value in kinds for part in rows_of(context, builder, kind, value)]
        return Opened(context, builder, model, values[0]).call("predict_with", given)

    return types.int64(model, x, out, work), codegen


@intrinsic
def _work_size(typing_context: Any, model: Any, m: Any) -> Any:
    check_model(model)
    check_integer("m", m)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows = context.cast(builder, values[1], m, types.int64)
        return Opened(context, builder, model, values[0]).call("work_size", [rows], refused=0)

    return types.int64(model, m), codegen


@always_njit()
def predict_with(model, x, out, work):  # type: ignore[no-untyped-def]
    """Write predictions for x to out, as `predict` does and with the same bits, but without entering the model.

    Nothing in the model is written, its status included, so any number of threads may predict with one model at once,
    for example in a loop over `prange`: each with an `out` and a `work` of its own. If another thread trains the model
    or writes to its parameters meanwhile, the call is safe, but its predictions may come from a mixture of old and new
    parameters.

    Parameters
    ----------
    model : Model
    x : ndarray of shape (m, inputs)
    out : ndarray of shape (m, outputs)
    work : ndarray of shape (work_size(model, m),), uint8
        Workspace, which may be larger; what it holds does not matter.

    Returns
    -------
    int64
        Status: 0 on success, 18 if work is too small.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def sum_of_predictions(model, x):
    ...     out = np.empty((len(x), 1), np.float32)
    ...     work = np.empty(kernel.work_size(model, len(x)), np.uint8)
    ...     kernel.predict_with(model, x, out, work)
    ...     return out.sum()
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> total = sum_of_predictions(trainer.model, np.ones((3, 2), np.float32))
    """
    return _predict_with(model, x, out, work)


@always_njit()
def work_size(model, m):  # type: ignore[no-untyped-def]
    """Bytes of the workspace with which `predict_with` can predict up to m rows at once.

    It does not grow beyond the rows of the trainer's `batch_size`, in blocks of which rows are predicted. It changes
    nothing in the model and needs no lock.

    Parameters
    ----------
    model : Model
    m : int

    Returns
    -------
    int64
        0 for a model that is a copy.
    """
    return _work_size(model, m)
