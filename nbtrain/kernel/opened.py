"""What a door compiles into its caller: the model's address, those of arrays, and the call of the core's function."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from ..core.layout import WRONG_MODEL

INT64: Any = ir.IntType(64)
DOUBLE: Any = ir.DoubleType()


class Opened:
    """A model in the code of a caller: its descriptor's address, and the fields in it."""

    types: dict[Any, Any]
    whole: Any
    address: Any

    def __init__(self, context: Any, builder: Any, model_type: Any, model: Any) -> None:
        self.builder = builder
        addresses, self.types = {}, {}
        for name in ("descriptor", "theta"):
            position = model_type.fields.index(name)
            self.types[name] = model_type.types[position]
            array = context.make_array(self.types[name])(context, builder, builder.extract_value(model, position))
            addresses[name] = builder.ptrtoint(array.data, INT64)
        self.address = addresses["descriptor"]
        self.whole = builder.icmp_signed("==", addresses["theta"], self.field("theta"))

    def field(self, name: str) -> Any:
        """One of the descriptor's integers."""
        place = self.builder.add(self.address, ir.Constant(INT64, self.types["descriptor"].dtype.offset(name)))
        return self.builder.load(self.builder.inttoptr(place, INT64.as_pointer()))

    def call(self, name: str, arguments: list[Any], refused: int = WRONG_MODEL) -> Any:
        """What the core's function `name` returns; `refused` for a model whose theta was replaced by `_replace`."""
        status = cgutils.alloca_once_value(self.builder, ir.Constant(INT64, refused))
        with self.builder.if_then(self.whole, likely=True):
            kind = ir.FunctionType(INT64, [INT64, *(argument.type for argument in arguments)])
            function = self.builder.inttoptr(self.field(name), kind.as_pointer())
            self.builder.store(self.builder.call(function, [self.address, *arguments]), status)
        return self.builder.load(status)


def rows_of(context: Any, builder: Any, array_type: Any, value: Any) -> list[Any]:
    """Address, rows and columns (1 for a vector) of an array."""
    array = context.make_array(array_type)(context, builder, value)
    shape = cgutils.unpack_tuple(builder, array.shape)
    columns = shape[1] if array_type.ndim == 2 else ir.Constant(INT64, 1)
    return [builder.ptrtoint(array.data, INT64), shape[0], columns]
