"""Doors to members of a population: training for some steps, and predictions."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..checks.messages import wrong
from ..compiler.jit import always_njit
from .opened import INT64
from .typing import check_array, check_block_target, check_members, refuse


class _OpenedMembers:
    """A population's model in the code of a caller."""

    def __init__(self, context: Any, builder: Any, model_type: Any, model: Any) -> None:
        self.builder, position = builder, model_type.fields.index("population")
        self.type = model_type.types[position]
        array = context.make_array(self.type)(context, builder, builder.extract_value(model, position))
        self.address = builder.ptrtoint(array.data, INT64)

    def call(self, name: str, arguments: list[Any]) -> Any:
        """Status of the core's function `name`."""
        place = self.builder.add(self.address, ir.Constant(INT64, self.type.dtype.offset(name)))
        kind = ir.FunctionType(INT64, [INT64] * (1 + len(arguments)))
        found = self.builder.load(self.builder.inttoptr(place, INT64.as_pointer()))
        return self.builder.call(self.builder.inttoptr(found, kind.as_pointer()), [self.address, *arguments])


def _of_blocks(context: Any, builder: Any, array_type: Any, value: Any, blocks: bool) -> tuple[list[Any], Any]:
    """Address, rows and columns of an array, or of the first of its blocks; how many blocks there are."""
    array = context.make_array(array_type)(context, builder, value)
    shape, one = list(cgutils.unpack_tuple(builder, array.shape)), ir.Constant(INT64, 1)
    count = shape.pop(0) if blocks else one
    return [builder.ptrtoint(array.data, INT64), shape[0], shape[1] if len(shape) == 2 else one], count


@intrinsic
def _train_members(
    typing_context: Any, model: Any, x: Any, y: Any, first: Any, last: Any, steps: Any, weight: Any
) -> Any:
    dtype = check_members(model)
    check_array("X", x, dtype, (2, 3), "(m, inputs), or (members, m, inputs)")
    blocks = x.ndim == 3
    kind = check_block_target(y, dtype, blocks)
    weighted = not isinstance(weight, types.NoneType | types.Omitted)
    if weighted:
        check_array("sample_weight", weight, dtype, (2,) if blocks else (1,), "(members, m)" if blocks else "(m,)")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data, count = _of_blocks(context, builder, x, values[1], blocks)
        target, targets = _of_blocks(context, builder, y, values[2], blocks)
        address, fits = ir.Constant(INT64, 0), builder.icmp_signed("==", count, targets)
        if weighted:
            (address, rows, _), weights = _of_blocks(context, builder, weight, values[6], blocks)
            same = builder.and_(builder.icmp_signed("==", rows, data[1]), builder.icmp_signed("==", weights, count))
            address = builder.select(same, address, ir.Constant(INT64, -1))  # the core refuses it
        count = builder.select(fits, count, ir.Constant(INT64, -1))  # likewise
        arguments = [*data, *target, ir.Constant(INT64, kind), address, count, values[3], values[4], values[5]]
        return _OpenedMembers(context, builder, model, values[0]).call("train_members", arguments)

    int64 = types.int64
    return int64(model, x, y, int64, int64, int64, weight), codegen


@intrinsic
def _predict_members(typing_context: Any, model: Any, x: Any, out: Any, first: Any, last: Any) -> Any:
    dtype = check_members(model)
    check_array("X", x, dtype, (2, 3), "(m, inputs), or (members, m, inputs)")
    check_array("out", out, dtype, (3,), "(members, m, outputs)")
    if not out.mutable:
        hint = "globals are read-only for Numba: make it in the function or pass it as an argument"
        refuse(wrong("out", "be writable", "a read-only array", hint))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data, count = _of_blocks(context, builder, x, values[1], x.ndim == 3)
        written, members = _of_blocks(context, builder, out, values[2], True)
        fits = builder.icmp_signed("==", written[1], data[1])
        total = builder.select(fits, builder.mul(written[1], members), ir.Constant(INT64, -1))  # the core refuses it
        arguments = [*data, written[0], total, written[2], count, values[3], values[4]]
        return _OpenedMembers(context, builder, model, values[0]).call("predict_members", arguments)

    return types.int64(model, x, out, types.int64, types.int64), codegen


@intrinsic
def _copy_member(typing_context: Any, model: Any, target: Any, source: Any) -> Any:
    check_members(model)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _OpenedMembers(context, builder, model, values[0]).call("copy_member", [values[1], values[2]])

    return types.int64(model, types.int64, types.int64), codegen


@always_njit()
def train_members(model, X, y, first, last, steps, sample_weight=None):  # type: ignore[no-untyped-def]
    """Train the members `first` to `last` - 1 of a population, each for so many steps.

    Parameters
    ----------
    model : MembersModel
        `population.model`.
    X : ndarray of shape (m, inputs), or (members, m, inputs)
        Samples for all of them, or of each of these members. A member goes on in its epoch, whose batches have the
        population's size and order.
    y : ndarray of shape (m, outputs) or (m,), or with the members before
        As the loss takes it: floats, or int64 labels.
    first, last, steps : int64
    sample_weight : ndarray of shape (m,), or (members, m), optional

    Returns
    -------
    int64
        Status: 0 on success; 7 if all models of the population are in use; 17 if there are no such members, or not one
        block of X and y for each. Otherwise the status of a member that failed: `model.status` marks the members that
        did, and they are left out from then on. `model.loss` has the mean loss of each.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def train(model, X, y, out):
    ...     kernel.train_members(model, X, y, 0, 3, 10)
    ...     kernel.copy_member(model, 2, 0)
    ...     return kernel.predict_members(model, X, out, 0, 3)
    >>> many = nbtrain.Population(nbtrain.Network(2, [nbtrain.Dense(1)]), 3, loss="mse", rng=0)
    >>> out = np.empty((3, 32, 1), np.float32)
    >>> train(many.model, np.ones((32, 2), np.float32), np.ones((32, 1), np.float32), out)
    0
    >>> many.iteration.tolist(), bool((out[2] == out[0]).all())
    ([10, 10, 10], True)
    """
    return _train_members(model, X, y, first, last, steps, sample_weight)


@always_njit()
def predict_members(model, X, out, first, last):  # type: ignore[no-untyped-def]
    """Write predictions of the members `first` to `last` - 1 of a population to out.

    Parameters
    ----------
    model : MembersModel
        `population.model`.
    X : ndarray of shape (m, inputs), or (members, m, inputs)
        Samples for all of them, or of each of these members.
    out : ndarray of shape (members, m, outputs)
        Gets the predictions.
    first, last : int64
        The members, which are `last` - `first`.

    Returns
    -------
    int64
        Status, 0 on success.
    """
    return _predict_members(model, X, out, first, last)


@always_njit()
def copy_member(model, target, source):  # type: ignore[no-untyped-def]
    """Let a member of a population stand where another does.

    Parameters, optimizer state and its t are copied, neither seed nor hyperparameters; a mark of divergence is removed.

    Parameters
    ----------
    model : MembersModel
        `population.model`.
    target, source : int64
        Indices of the members.

    Returns
    -------
    int64
        Status, 0 on success.
    """
    return _copy_member(model, target, source)
