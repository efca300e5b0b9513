"""Doors for losses of the caller's own: forward, backward, and gradients with respect to the inputs."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..compiler.jit import always_njit
from .opened import INT64, Opened, rows_of
from .typing import check_array, check_flag, check_integer, check_model, check_output


@intrinsic
def _forward(typing_context: Any, model: Any, x: Any, out: Any, training: Any, draw: Any) -> Any:
    dtype = check_model(model)
    check_array("x", x, dtype, (2,), "(m, inputs)")
    check_output("out", out, dtype, "(m, outputs)")
    check_flag("training", training)
    check_integer("draw", draw)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = rows_of(context, builder, x, values[1]) + rows_of(context, builder, out, values[2])
        with_dropout = context.cast(builder, values[3], training, types.int64)
        number = context.cast(builder, values[4], draw, types.int64)
        return Opened(context, builder, model, values[0]).call("forward", [*data, with_dropout, number])

    return types.int64(model, x, out, training, draw), codegen


def _check_derivatives(model: Any, x: Any, delta: Any, dx: Any) -> None:
    dtype = check_model(model)
    check_array("x", x, dtype, (2,), "(m, inputs)")
    check_array("delta", delta, dtype, (2,), "(m, outputs)")
    if dx is not None:
        check_output("dx", dx, dtype, "(m, inputs)")


@intrinsic
def _backward(typing_context: Any, model: Any, x: Any, delta: Any, dx: Any, accumulate: Any) -> Any:
    without = isinstance(dx, types.NoneType | types.Omitted)
    _check_derivatives(model, x, delta, None if without else dx)
    check_flag("accumulate", accumulate)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = rows_of(context, builder, x, values[1]) + rows_of(context, builder, delta, values[2])
        data += [ir.Constant(INT64, 0)] * 3 if without else rows_of(context, builder, dx, values[3])
        again = context.cast(builder, values[4], accumulate, types.int64)
        return Opened(context, builder, model, values[0]).call("backward", [*data, again])

    return types.int64(model, x, delta, dx, accumulate), codegen


@intrinsic
def _input_gradient(typing_context: Any, model: Any, x: Any, delta: Any, dx: Any) -> Any:
    _check_derivatives(model, x, delta, dx)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = [
            item for i, kind in ((1, x), (2, delta), (3, dx)) for item in rows_of(context, builder, kind, values[i])
        ]
        return Opened(context, builder, model, values[0]).call("input_gradient", data)

    return types.int64(model, x, delta, dx), codegen


@always_njit()
def forward(model, x, out, training=True, draw=0):  # type: ignore[no-untyped-def]
    """Write the network's outputs for x to out, and keep what `backward` needs.

    Parameters
    ----------
    model : Model
    x : ndarray of shape (m, inputs)
        At most `batch_size` rows.
    out : ndarray of shape (m, outputs)
        Gets the last layer's activation: logits where the loss has an output activation of its own, for which
        `predict` gives probabilities.
    training : bool, default True
        With dropout.
    draw : int, default 0
        Which of the independent masks of the coming iteration dropout uses; 0 is that of `train_step`. The same number
        gives the same masks until an iteration is made.

    Returns
    -------
    int64
        Status, 0 on success; 15 for more rows than `batch_size`.

    Examples
    --------
    One step of gradient descent on a loss of the caller's own, the mean of out⁴:

    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def step(model, x, out, delta):
    ...     kernel.forward(model, x, out)
    ...     for i in range(len(out)):
    ...         delta[i, 0] = 4.0 * out[i, 0] ** 3 / len(out)
    ...     kernel.backward(model, x, delta)
    ...     kernel.regularize(model, len(x))
    ...     norm = kernel.gradient_norm(model)
    ...     kernel.update(model)
    ...     return norm
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", regularizer="l2", rng=0)
    >>> x, out, delta = np.ones((4, 2), np.float32), np.empty((4, 1), np.float32), np.empty((4, 1), np.float32)
    >>> step(trainer.model, x, out, delta) > 0.0, trainer.iteration
    (True, 1)
    """
    return _forward(model, x, out, training, draw)


@always_njit()
def backward(model, x, delta, dx=None, accumulate=False):  # type: ignore[no-untyped-def]
    """Write the gradient of J for a given dJ/d out to `model.gradient`, after `forward` of the same rows.

    J is the caller's: no penalty, sample weight or clipping is added, and nothing is divided by m. `update` then makes
    the optimizer's iteration. The pair may be repeated with other deltas, but not after any other call on the model.

    Parameters
    ----------
    model : Model
    x : ndarray of shape (m, inputs)
        As given to `forward`.
    delta : ndarray of shape (m, outputs)
        dJ/d out.
    dx : ndarray of shape (m, inputs), optional
        Gets dJ/dx. It may be x itself.
    accumulate : bool, default False
        Add to `model.gradient`. Refused (status 14) as the first backward after an iteration, for which the optimizer
        may have used `model.gradient` as its workspace.

    Returns
    -------
    int64
        Status, 0 on success; 14 if there was no forward of as many rows just before.
    """
    return _backward(model, x, delta, dx, accumulate)


@always_njit()
def input_gradient(model, x, delta, dx):  # type: ignore[no-untyped-def]
    """Write dJ/dx to dx for a given dJ/d out, as `backward` does, and leave `model.gradient` as it is.

    Parameters
    ----------
    model : Model
        `trainer.model`.
    x : ndarray of shape (m, inputs)
        As given to `forward`.
    delta : ndarray of shape (m, outputs)
        The derivatives dJ/d out.
    dx : ndarray of shape (m, inputs)
        Gets dJ/dx. It may be x itself.

    Returns
    -------
    int64
        Status, 0 on success; 14 if there was no forward of as many rows just before.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def slope(model, x, out, dx):
    ...     kernel.forward(model, x, out, False)
    ...     return kernel.input_gradient(model, x, np.ones_like(out), dx)
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> trainer.set_weights([([[2.0], [-3.0]], [0.0])])
    >>> x, out, dx = np.ones((1, 2), np.float32), np.empty((1, 1), np.float32), np.empty((1, 2), np.float32)
    >>> slope(trainer.model, x, out, dx), dx.tolist()
    (0, [[2.0, -3.0]])
    """
    return _input_gradient(model, x, delta, dx)
