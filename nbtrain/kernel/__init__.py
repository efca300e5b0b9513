"""Training and prediction for callers that are compiled themselves: thin `@njit` doors to the compiled core.

    from numba import njit
    from nbtrain import kernel

    @njit(cache=True)
    def simulate(model, x, y, steps):
        for _ in range(steps):
            loss = kernel.train_step(model, x, y)
        return loss

    simulate(trainer.model, x, y, 1000)        # trains the trainer's own parameters

Every function takes the `Model` of a trainer (`trainer.model`). Arrays are C-contiguous; x, float targets, weights and
out have the dtype of the model's parameters, labels are int64. Anything else raises a `TypeError` (an
`nbtrain.InputError`) when the caller is compiled; its message names the argument, the place and the remedy.

The core checks sizes, labels and weights on every call. If they are wrong, nothing is written: `predict` and `update`
return a status, the others NaN, and `status_of(loss)` gives the status of that very call. `model.status` holds the
status of the last call on the model, by any thread. `nbtrain.status.WORDS` explains each status,
`nbtrain.status.check` raises the error. Values of x and float y are not checked, but a step whose loss (status 8) or
gradient (status 13) is NaN or infinite changes nothing. The optimizer's state is not checked: in float32, squares of
gradients above 1.8e19 are infinite, and remain so in Adam's state until `Trainer.reset_optimizer`.

A call runs on the calling thread alone and returns BUSY at once if another thread is using the model. It allocates
nothing and raises nothing.

- Pass models to compiled functions as arguments. Numba takes globals, variables of closures and defaults for
  constants, and would train a copy: such models are refused.
- A loop over several models in `prange` takes them from a `numba.typed.List`; Numba cannot index a tuple there.
- `target.theta[:] = model.theta` copies the parameters of one model to another of the same network, for example a
  target network: make two trainers.
- With `fastmath=True` Numba may drop any test for NaN, but not `status_of(loss) != 0`.
- Python sees Ctrl-C when a compiled function returns: let long loops return now and then.

The doors contain no training code: they call the installed core by its address in the model. So a caller compiles only
its own code, and its disk cache never holds an outdated core.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

from ..checks.messages import unknown, wrong
from ..compiler.jit import always_njit
from ..core.functions import DOORS, MEMBER_DOORS, check_complete
from ..core.layout import QUIET_NAN, WRONG_MODEL
from .typing import check_array, check_block_target, check_members, check_model, check_target, refuse

__all__ = [*sorted(DOORS), *sorted(MEMBER_DOORS), "status", "status_of"]

_MEANT = {"fit": "train_epoch", "train": "train_step", "partial_fit": "train_step", "predict_proba": "predict"}
_INT64, _DOUBLE = ir.IntType(64), ir.DoubleType()
_RESULTS = 3  # float64 numbers that a function on data may write


def __getattr__(name: str) -> Any:
    meant = f"did you mean {_MEANT[name]!r}?" if name in _MEANT else ""
    raise AttributeError(f"nbtrain.kernel: {unknown('function', name, __all__, meant)}")


class _Opened:
    """A model in the code of a caller: its descriptor's address, and the fields in it."""

    def __init__(self, context: Any, builder: Any, model_type: Any, model: Any) -> None:
        self.builder = builder
        addresses, self.types = {}, {}
        for name in ("descriptor", "theta"):
            position = model_type.fields.index(name)
            self.types[name] = model_type.types[position]
            array = context.make_array(self.types[name])(context, builder, builder.extract_value(model, position))
            addresses[name] = builder.ptrtoint(array.data, _INT64)
        self.address = addresses["descriptor"]
        self.whole = builder.icmp_signed("==", addresses["theta"], self.field("theta"))

    def field(self, name: str) -> Any:
        """One of the descriptor's integers."""
        place = self.builder.add(self.address, ir.Constant(_INT64, self.types["descriptor"].dtype.offset(name)))
        return self.builder.load(self.builder.inttoptr(place, _INT64.as_pointer()))

    def call(self, name: str, arguments: list[Any]) -> Any:
        """Status of the core's function `name`; a model whose theta was replaced by `_replace` is refused here."""
        status = cgutils.alloca_once_value(self.builder, ir.Constant(_INT64, WRONG_MODEL))
        with self.builder.if_then(self.whole, likely=True):
            kind = ir.FunctionType(_INT64, [_INT64] * (1 + len(arguments)))
            function = self.builder.inttoptr(self.field(name), kind.as_pointer())
            self.builder.store(self.builder.call(function, [self.address, *arguments]), status)
        return self.builder.load(status)


def _rows(context: Any, builder: Any, array_type: Any, value: Any) -> list[Any]:
    """Address, rows and columns (1 for a vector) of an array."""
    array = context.make_array(array_type)(context, builder, value)
    shape = cgutils.unpack_tuple(builder, array.shape)
    columns = shape[1] if array_type.ndim == 2 else ir.Constant(_INT64, 1)
    return [builder.ptrtoint(array.data, _INT64), shape[0], columns]


@intrinsic(prefer_literal=True)  # the code depends on the name
def _on_data(typing_context: Any, name: Any, model: Any, x: Any, y: Any, weight: Any) -> Any:
    """Three float64 numbers that the core's function `name` wrote for x, y and sample weights."""
    dtype = check_model(model)
    check_array("x", x, dtype, (2,), "(m, inputs)")
    kind = check_target(y, dtype)
    weighted = not isinstance(weight, types.NoneType | types.Omitted)
    if weighted:
        check_array("sample_weight", weight, dtype, (1,), "(m,)")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        opened = _Opened(context, builder, model, values[1])
        zero = ir.Constant(_INT64, 0)
        data = _rows(context, builder, x, values[2]) + _rows(context, builder, y, values[3])
        fits = cgutils.true_bit
        weight_address = zero
        if weighted:
            weight_address, count, _ = _rows(context, builder, weight, values[4])
            fits = builder.icmp_signed("==", count, data[1])
        # a weight vector of another length is passed as address -1: the core refuses it
        weight_address = builder.select(fits, weight_address, ir.Constant(_INT64, -1))
        refused = builder.bitcast(ir.Constant(_INT64, QUIET_NAN | WRONG_MODEL), _DOUBLE)
        result = cgutils.alloca_once(builder, ir.ArrayType(_DOUBLE, _RESULTS))
        builder.store(cgutils.pack_array(builder, [refused] * _RESULTS), result)
        arguments = [*data, ir.Constant(_INT64, kind), weight_address, builder.ptrtoint(result, _INT64)]
        opened.call(name.literal_value, arguments)
        return builder.load(result)

    return types.UniTuple(types.float64, _RESULTS)(name, model, x, y, weight), codegen


@intrinsic
def _predict(typing_context: Any, model: Any, x: Any, out: Any) -> Any:
    dtype = check_model(model)
    check_array("x", x, dtype, (2,), "(m, inputs)")
    check_array("out", out, dtype, (2,), "(m, outputs)")
    if not out.mutable:
        hint = "globals are read-only for Numba: make it in the function or pass it as an argument"
        refuse(wrong("out", "be writable", "a read-only array", hint))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = _rows(context, builder, x, values[1]) + _rows(context, builder, out, values[2])
        return _Opened(context, builder, model, values[0]).call("predict", data)

    return types.int64(model, x, out), codegen


@intrinsic
def _update(typing_context: Any, model: Any) -> Any:
    check_model(model)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _Opened(context, builder, model, values[0]).call("update", [])

    return types.int64(model), codegen


class _OpenedMembers:
    """A population's model in the code of a caller."""

    def __init__(self, context: Any, builder: Any, model_type: Any, model: Any) -> None:
        self.builder, position = builder, model_type.fields.index("population")
        self.type = model_type.types[position]
        array = context.make_array(self.type)(context, builder, builder.extract_value(model, position))
        self.address = builder.ptrtoint(array.data, _INT64)

    def call(self, name: str, arguments: list[Any]) -> Any:
        """Status of the core's function `name`."""
        place = self.builder.add(self.address, ir.Constant(_INT64, self.type.dtype.offset(name)))
        kind = ir.FunctionType(_INT64, [_INT64] * (1 + len(arguments)))
        found = self.builder.load(self.builder.inttoptr(place, _INT64.as_pointer()))
        return self.builder.call(self.builder.inttoptr(found, kind.as_pointer()), [self.address, *arguments])


def _of_blocks(context: Any, builder: Any, array_type: Any, value: Any, blocks: bool) -> tuple[list[Any], Any]:
    """Address, rows and columns of an array, or of the first of its blocks; how many blocks there are."""
    array = context.make_array(array_type)(context, builder, value)
    shape, one = list(cgutils.unpack_tuple(builder, array.shape)), ir.Constant(_INT64, 1)
    count = shape.pop(0) if blocks else one
    return [builder.ptrtoint(array.data, _INT64), shape[0], shape[1] if len(shape) == 2 else one], count


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
        address, fits = ir.Constant(_INT64, 0), builder.icmp_signed("==", count, targets)
        if weighted:
            (address, rows, _), weights = _of_blocks(context, builder, weight, values[6], blocks)
            same = builder.and_(builder.icmp_signed("==", rows, data[1]), builder.icmp_signed("==", weights, count))
            address = builder.select(same, address, ir.Constant(_INT64, -1))  # the core refuses it
        count = builder.select(fits, count, ir.Constant(_INT64, -1))  # likewise
        arguments = [*data, *target, ir.Constant(_INT64, kind), address, count, values[3], values[4], values[5]]
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
        total = builder.select(fits, builder.mul(written[1], members), ir.Constant(_INT64, -1))  # the core refuses it
        arguments = [*data, written[0], total, written[2], count, values[3], values[4]]
        return _OpenedMembers(context, builder, model, values[0]).call("predict_members", arguments)

    return types.int64(model, x, out, types.int64, types.int64), codegen


@intrinsic
def _bits(typing_context: Any, number: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], _INT64)

    return types.int64(types.float64), codegen


@always_njit()
def train_step(model, x, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """One iteration on one batch.

    Parameters
    ----------
    model : Model
    x : ndarray of shape (m, inputs)
    y : ndarray of shape (m, outputs), or int64 labels of shape (m,), as the loss takes
    sample_weight : ndarray of shape (m,), optional

    Returns
    -------
    float64
        Mean data loss of the batch before the update; NaN if nothing was done, also where the gradient is not finite
        (see `status_of`).
    """
    return _on_data("train_step", model, x, y, sample_weight)[0]


@always_njit()
def train_epoch(model, X, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """One epoch over X, or the rest of an epoch already begun -> mean data loss over its steps."""
    return _on_data("train_epoch", model, X, y, sample_weight)[0]


@always_njit()
def loss_and_gradient(model, x, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """J with the penalty, without dropout; its gradient is written to `model.gradient`."""
    return _on_data("loss_and_gradient", model, x, y, sample_weight)[0]


@always_njit()
def update(model):  # type: ignore[no-untyped-def]
    """One iteration of the optimizer with `model.gradient` as it is -> status, 0 on success."""
    return _update(model)


@always_njit()
def predict(model, x, out):  # type: ignore[no-untyped-def]
    """Write predictions for x (m, inputs) to out (m, outputs) -> status, 0 on success."""
    return _predict(model, x, out)


@always_njit(error_model="numpy")  # a weight of 0 gives NaN
def evaluate(model, X, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """Mean data loss and accuracy over X, without dropout; accuracy is 0 for a loss without classes.

    Both are NaN if nothing was done (see `status_of`), or if all weights are 0.
    """
    loss, weight, hits = _on_data("evaluate", model, X, y, sample_weight)
    return loss / weight, hits / weight


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
    """
    return _train_members(model, X, y, first, last, steps, sample_weight)


@always_njit()
def predict_members(model, X, out, first, last):  # type: ignore[no-untyped-def]
    """Write predictions of the members `first` to `last` - 1 of a population to out (members, m, outputs) -> status.

    X is (m, inputs), the same for all of them, or (members, m, inputs).
    """
    return _predict_members(model, X, out, first, last)


@always_njit()
def status(model):  # type: ignore[no-untyped-def]
    """Status of the last call on this model, by any thread: 0 on success."""
    return model.status[0]


@always_njit()
def status_of(number):  # type: ignore[no-untyped-def]
    """Status of the call that returned `number`, a loss or a result of `evaluate`.

    Parameters
    ----------
    number : float64
        As `train_step`, `train_epoch`, `loss_and_gradient` or `evaluate` returned it, unchanged.

    Returns
    -------
    int64
        0 on success; 7 if another thread was using the model.
    """
    bits = _bits(number)
    return bits & 0xFF if bits & QUIET_NAN == QUIET_NAN else 0


_functions = [name for name, item in globals().items() if isinstance(item, Dispatcher) and not name.startswith("_")]
check_complete("nbtrain.kernel", _functions, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
