"""`nbtrain.kernel`: the parameters of models, their gradient, and their layers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from ..compiler.jit import always_njit
from ..core.layout import LAYER, QUIET_NAN, WRONG_MODEL
from .opened import DOUBLE, INT64, Opened
from .typing import check_integer, check_model, check_number


@intrinsic
def _blend(typing_context: Any, target: Any, source: Any, tau: Any) -> Any:
    """Call `blend`, or `copy` where tau is None."""
    check_model(target, "target")
    check_model(source, "source")
    mixed = not isinstance(tau, types.NoneType)
    if mixed:
        check_number("tau", tau)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        goal = Opened(context, builder, target, values[0])
        other = Opened(context, builder, source, values[1])
        arguments = [builder.select(other.whole, other.address, ir.Constant(INT64, 0))]  # 0 is refused by the core
        if mixed:
            arguments.append(context.cast(builder, values[2], tau, types.float64))
        return goal.call("blend" if mixed else "copy", arguments)

    return types.int64(target, source, tau), codegen


@intrinsic
def _regularize(typing_context: Any, model: Any, m: Any) -> Any:
    check_model(model)
    check_number("m", m)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = context.cast(builder, values[1], m, types.float64)
        return Opened(context, builder, model, values[0]).call("regularize", [number])

    return types.int64(model, m), codegen


@intrinsic
def _gradient_norm(typing_context: Any, model: Any) -> Any:
    check_model(model)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        refused = builder.bitcast(ir.Constant(INT64, QUIET_NAN | WRONG_MODEL), DOUBLE)
        result = cgutils.alloca_once_value(builder, refused)
        Opened(context, builder, model, values[0]).call("gradient_norm", [builder.ptrtoint(result, INT64)])
        return builder.load(result)

    return types.float64(model), codegen


@intrinsic
def _layer(typing_context: Any, model: Any, index: Any) -> Any:
    """Views of theta: W of shape (inputs, units) and b of shape (units,), both empty where there is no such layer."""
    dtype = check_model(model)
    check_integer("i", index)
    kinds = types.Array(dtype, 2, "C"), types.Array(dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        position = model.fields.index("theta")
        theta = context.make_array(model.types[position])(context, builder, builder.extract_value(values[0], position))
        fields = _layer_fields(context, builder, Opened(context, builder, model, values[0]), signature, values[1])
        itemsize = context.get_constant(types.intp, dtype.bitwidth // 8)
        made = []
        for kind, start, names in zip(kinds, ("weights", "biases"), (("inputs", "units"), ("units",)), strict=True):
            shape = [fields[name] for name in names]
            row = builder.mul(itemsize, fields["units"])
            array = context.make_array(kind)(context, builder)
            populate_array(
                array,
                data=builder.gep(theta.data, [fields[start]]),
                shape=shape,
                strides=[row, itemsize][-len(shape) :],
                itemsize=itemsize,
                meminfo=theta.meminfo,
                parent=theta.parent,
            )
            made.append(array._getvalue())
        pair = context.make_tuple(builder, signature.return_type, made)
        return impl_ret_borrowed(context, builder, signature.return_type, pair)

    return types.Tuple(kinds)(model, index), codegen


def _layer_fields(context: Any, builder: Any, opened: Opened, signature: Any, given: Any) -> dict[str, Any]:
    """Offsets and sizes of a layer, counted from the last one where the index is negative; all 0 if there is none."""
    index = context.cast(builder, given, signature.args[1], types.int64)
    zero, count = ir.Constant(INT64, 0), opened.field("layer_count")
    index = builder.select(builder.icmp_signed("<", index, zero), builder.add(index, count), index)
    inside = builder.and_(builder.icmp_unsigned("<", index, count), opened.whole)
    found = {name: cgutils.alloca_once_value(builder, zero) for name in ("inputs", "units", "weights", "biases")}
    with builder.if_then(inside, likely=True):
        size = ir.Constant(INT64, LAYER.itemsize)
        start = builder.add(opened.field("layers"), builder.mul(index, size))
        for name, place in found.items():
            offset = ir.Constant(INT64, LAYER.fields[name][1])  # type: ignore[index]
            address = builder.inttoptr(builder.add(start, offset), INT64.as_pointer())
            builder.store(builder.load(address), place)
    return {name: builder.load(place) for name, place in found.items()}


@always_njit()
def copy(target, source):  # type: ignore[no-untyped-def]
    """Copy the parameters of one model to another of the same layer sizes; no state of the optimizer.

    Parameters
    ----------
    target, source : Model
        The activations, losses and optimizers may differ.

    Returns
    -------
    int64
        Status: 0 on success, 7 if another thread is using one of the two, 16 if sizes or dtypes differ. After any
        status but 0, nothing was changed.

    Examples
    --------
    A target network that follows another one slowly:

    >>> import nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def follow(target, model):
    ...     status = kernel.blend(target, model, 0.005)
    ...     w, b = kernel.layer(target, -1)
    ...     return status, w.shape[1]
    >>> network = nbtrain.Network(2, [nbtrain.Dense(3, "tanh"), nbtrain.Dense(1)])
    >>> trainer = nbtrain.Trainer(network, loss="mse", rng=0)
    >>> target = nbtrain.Trainer(network, loss="mse", rng=1)
    >>> kernel.copy(target.model, trainer.model)
    0
    >>> follow(target.model, trainer.model)
    (0, 1)
    """
    return _blend(target, source, None)


@always_njit()
def blend(target, source, tau):  # type: ignore[no-untyped-def]
    """Move the parameters of a model towards another's: target = (1 - tau) target + tau source, in float64.

    Parameters
    ----------
    target, source : Model
        As for `copy`.
    tau : float
        From 0, which changes nothing, to 1, which copies; both are exact.

    Returns
    -------
    int64
        Status: 0 on success, 7 if another thread is using one of the two, 16 if sizes or dtypes differ, 19 if tau is
        not from 0 to 1. After any status but 0, nothing was changed.
    """
    return _blend(target, source, tau)


@always_njit()
def regularize(model, m):  # type: ignore[no-untyped-def]
    """Add the derivative of the regularizer's penalty, divided by m, to `model.gradient`.

    Without a regularizer it adds nothing. `update` uses the gradient as it is, so call this before it, once.

    Parameters
    ----------
    model : Model
    m : float
        Samples, or sum of their weights, that the gradient is made of.

    Returns
    -------
    int64
        Status: 0 on success, 7 if another thread is using the model, 20 if m is not finite and above 0.
    """
    return _regularize(model, m)


@always_njit()
def gradient_norm(model):  # type: ignore[no-untyped-def]
    """Euclidean norm of `model.gradient` as it is, summed in float64.

    Parameters
    ----------
    model : Model

    Returns
    -------
    float64
        NaN if nothing was done (see `status_of`), or if the gradient has NaN.
    """
    return _gradient_norm(model)


@always_njit()
def layer(model, i):  # type: ignore[no-untyped-def]
    """Weights and biases of a layer as views of `model.theta`: writing to them changes the model.

    Nothing keeps other threads from using the model meanwhile.

    Parameters
    ----------
    model : Model
    i : int
        Layer, from 0; -1 is the last one.

    Returns
    -------
    W : ndarray of shape (inputs, units)
    b : ndarray of shape (units,)
        Both are empty if there is no such layer.
    """
    return _layer(model, i)
