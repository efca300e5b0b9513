"""`nbtrain.kernel`: a model from its address, for C callbacks that are compiled by Numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic

from ..checks.messages import wrong
from ..compiler.jit import always_njit, array_value
from ..core.layout import DESCRIPTOR, WRONG_MODEL
from ..model import Model
from .opened import INT64
from .typing import check_integer, name_model_type, refuse

ITEMSIZES: dict[Any, int] = {types.float32: 4, types.float64: 8}


def model_type(dtype: Any) -> Any:
    """Numba's type of a model, as `typeof` finds it for a trainer's."""
    record = from_dtype(DESCRIPTOR)
    kinds = [
        types.Array(record, 1, "C", readonly=True),
        types.Array(dtype, 1, "C"),
        types.Array(dtype, 1, "C"),
        types.Array(dtype, 2, "C"),
        types.Array(types.float64, 1, "C"),
        types.Array(types.int64, 1, "C"),
        types.Array(types.int64, 1, "C"),
    ]
    return name_model_type(types.NamedTuple(kinds, Model))


def _dtype(given: Any) -> Any:
    """The dtype that an argument stands for."""
    found = getattr(given, "dtype", None)  # of np.float32 as well as of np.dtype("float32")
    if found not in ITEMSIZES:
        refuse(wrong("dtype", "be np.float32 or np.float64", str(given)))
    return found


@intrinsic
def _model_at(typing_context: Any, address: Any, dtype: Any) -> Any:
    check_integer("address", address)
    made = model_type(_dtype(dtype))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given = context.cast(builder, values[0], address, types.int64)
        start, parts = _parts(context, builder, given, ITEMSIZES[made.types[1].dtype])
        kinds = zip(made.fields, made.types, strict=True)
        arrays = [array_value(context, builder, kind, *parts(start, name)) for name, kind in kinds]
        return context.make_tuple(builder, made, arrays)

    return made(address, dtype), codegen


def _parts(context: Any, builder: Any, address: Any, itemsize: int) -> Any:
    """Address of a descriptor to use, and a function of it and a field's name -> address and shape of an array.

    Where there is no model of the dtype at the address, the descriptor is one of no parameters, all of whose uses are
    refused.
    """
    zero, one = ir.Constant(INT64, 0), ir.Constant(INT64, 1)
    nothing = builder.ptrtoint(_no_model(builder.module), INT64)
    found = cgutils.alloca_once_value(builder, nothing)

    def at(start: Any, name: str) -> Any:
        return builder.add(start, ir.Constant(INT64, DESCRIPTOR.fields[name][1]))  # type: ignore[index]

    def number(start: Any, name: str) -> Any:
        return builder.load(builder.inttoptr(at(start, name), INT64.as_pointer()))

    with builder.if_then(builder.icmp_signed("!=", address, zero), likely=True):
        here = builder.icmp_signed("==", number(address, "here"), address)
        fits = builder.icmp_signed("==", number(address, "itemsize"), ir.Constant(INT64, itemsize))
        builder.store(builder.select(builder.and_(here, fits), address, nothing), found)
    start = builder.load(found)

    def parts(start: Any, name: str) -> Any:
        if name == "descriptor":
            return start, [one]
        count = number(start, "parameters")
        if name in ("theta", "gradient"):  # the theta of no model is not where its descriptor says
            missing = builder.zext(builder.icmp_signed("==", start, nothing), INT64)
            return builder.or_(number(start, name), missing), [count]
        if name == "state":
            return number(start, name), [number(start, "slots"), count]
        return at(start, name), [one]

    return start, parts


def _no_model(module: Any) -> Any:
    """A descriptor in the caller's own code that is no model's."""
    name = "nbtrain.no_model"
    if name in module.globals:
        return module.globals[name]
    words = np.zeros(DESCRIPTOR.itemsize // 8, np.int64)
    words[DESCRIPTOR.fields["status"][1] // 8] = WRONG_MODEL  # type: ignore[index]
    made = cgutils.global_constant(module, name, ir.Constant(ir.ArrayType(INT64, words.size), words.tolist()))
    made.global_constant = False  # callers may write to the learning rate
    return made


@always_njit()
def model_at(address, dtype):  # type: ignore[no-untyped-def]
    """The model whose descriptor is at an address: for C callbacks (`numba.cfunc`), which take no arrays.

    Parameters
    ----------
    address : int
        `trainer.model.descriptor.ctypes.data`. It is valid while the trainer, or an array of its model, exists: the
        model made here does not keep them alive.
    dtype : np.float32 or np.float64
        The trainer's.

    Returns
    -------
    Model
        For the functions of `nbtrain.kernel`. If the address is 0, or that of a copy or of a model of another dtype, it
        has no parameters, and they refuse it (status 11).

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import cfunc, njit
    >>> @cfunc("int64(int64)")
    ... def update(address):
    ...     return kernel.update(kernel.model_at(address, np.float32))
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> update.ctypes(trainer.model.descriptor.ctypes.data)
    0
    """
    return _model_at(address, dtype)
