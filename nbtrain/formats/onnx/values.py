"""Values that stand for tensors: what is computed with them is written into a graph."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import Graph
from .tracing import Paths, Untranslatable

Operation = Callable[..., Any]
NAMED: dict[str, Operation] = {}  # formulas beyond ONNX's operators, by name: `arithmetic` fills it
FORMULAS: dict[Any, Operation] = {}  # functions of math, NumPy and Python -> their formulas: `standins` fills it


class Tracer:
    """A graph, and the ways through the function that is being run."""

    paths: Paths

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.paths = Paths()

    def value(self, given: Any) -> Value:
        """A value, a number or a truth as a number."""
        if isinstance(given, Value):
            return given.number()
        if isinstance(given, np.ndarray) and given.shape == ():  # as np.where gives
            given = given.item()
        if not isinstance(given, int | float | np.number | np.bool):
            raise Untranslatable(f"it computes with {type(given).__name__}, not with numbers")
        return Value(self, self.graph.number(given))

    def condition(self, given: Any) -> Value:
        """A value, a number or a truth as a truth."""
        if isinstance(given, Value):
            return given if given.truth else given != 0.0
        return Value(self, self.graph.tensor("", np.asarray(bool(given))), True)

    def add(self, name: str, *inputs: Any, truth: bool = False, **attributes: Any) -> Value:
        """An operator's output, of numbers."""
        return Value(self, self.graph.add(name, *(self.value(item).name for item in inputs), **attributes), truth)

    def where(self, condition: Value, yes: Any, no: Any) -> Any:
        """`yes` where the condition is true, else `no`."""
        first, second = self.value(yes), self.value(no)
        if first.name == second.name:  # a number stays one
            return first if isinstance(yes, Value) else yes
        return Value(self, self.graph.add("Where", self.condition(condition).name, first.name, second.name))

    def choose(self, condition: str, yes: Any, no: Any) -> Any:
        """`where`, for a condition that the function has decided by."""
        if not isinstance(yes, Value) and not isinstance(no, Value) and yes == no:
            return yes
        return self.where(Value(self, condition, True), yes, no)


def _both(name: str) -> tuple[Operation, Operation]:
    """An operator of two numbers, and the same with its operands exchanged."""

    def forward(self: Value, other: Any) -> Any:
        return _operation(name, self, other)

    def backward(self: Value, other: Any) -> Any:
        return _operation(name, other, self)

    return forward, backward


def _operation(name: str, first: Any, second: Any) -> Any:
    function = NAMED.get(name)
    if function is not None:
        return function(first, second)
    return tracer_of(first, second).add(name, first, second)


def _comparison(name: str, negated: bool = False) -> Operation:
    def compare(self: Value, other: Any) -> Value:
        found = self.tracer.add(name, self, other, truth=True)
        return ~found if negated else found

    return compare


def _logical(name: str) -> Operation:
    def combine(self: Value, other: Any) -> Value:
        if not self.truth:
            raise Untranslatable(f"it computes with the bits of numbers ({name})")
        if other is (name == "And"):  # it changes nothing
            return self
        names = self.name, self.tracer.condition(other).name
        return Value(self.tracer, self.tracer.graph.add(name, *names), True)

    return combine


class Value:
    """A number, or with `truth` a truth, for each row and unit."""

    tracer: Tracer
    name: str
    truth: bool

    def __init__(self, tracer: Tracer, name: str, truth: bool = False) -> None:
        self.tracer, self.name, self.truth = tracer, name, truth

    def number(self) -> Value:
        """1 and 0 for a truth."""
        if not self.truth:
            return self
        one, zero = self.tracer.graph.number(1.0), self.tracer.graph.number(0.0)
        return Value(self.tracer, self.tracer.graph.add("Where", self.name, one, zero))

    __add__, __radd__ = _both("Add")
    __sub__, __rsub__ = _both("Sub")
    __mul__, __rmul__ = _both("Mul")
    __truediv__, __rtruediv__ = _both("Div")
    __pow__, __rpow__ = _both("power")
    __mod__, __rmod__ = _both("mod")
    __floordiv__, __rfloordiv__ = _both("floor_divide")
    __lt__, __le__ = _comparison("Less"), _comparison("LessOrEqual")
    __gt__, __ge__ = _comparison("Greater"), _comparison("GreaterOrEqual")
    __eq__ = _comparison("Equal")
    __ne__ = _comparison("Equal", negated=True)
    __and__ = __rand__ = _logical("And")
    __or__ = __ror__ = _logical("Or")
    __xor__ = __rxor__ = _logical("Xor")
    __hash__ = object.__hash__

    def __neg__(self) -> Value:
        return self.tracer.add("Neg", self)

    def __pos__(self) -> Value:
        return self.number()

    def __abs__(self) -> Value:
        return self.tracer.add("Abs", self)

    def __round__(self) -> Value:
        return self.tracer.add("Round", self)

    def __invert__(self) -> Value:
        if not self.truth:
            raise Untranslatable("it computes with the bits of numbers (~)")
        return Value(self.tracer, self.tracer.graph.add("Not", self.name), True)

    def __bool__(self) -> bool:
        return self.tracer.paths.decide(self.tracer.condition(self).name)

    def __index__(self) -> int:
        raise Untranslatable("it takes an element, or counts a loop, by a computed value")

    def __float__(self) -> float:
        raise Untranslatable("it gives a computed value to a function that is unknown here")

    __int__ = __float__

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            given = [item.item() if isinstance(item, np.generic | np.ndarray) else item for item in inputs]
            return (UFUNCS.get(function) or _named(function))(*given)
        raise Untranslatable(f"it calls np.{function.__name__} with options")

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        return _named(function)(*arguments, **options)


# NumPy's functions of numbers that are operators.
UFUNCS: dict[Any, Operation] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.negative: operator.neg,
    np.absolute: operator.abs,
    np.fabs: operator.abs,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
}


def _named(function: Any) -> Operation:
    """The formula of a function of NumPy."""
    found = FORMULAS.get(function)
    if found is None:
        raise Untranslatable(f"it calls np.{function.__name__}, which has no ONNX equivalent")
    return found


class Row:
    """A row of outputs: of the values that a loss's output activation reads, or of those that it writes.

    A part of a row is a view of it, as in NumPy.

    Parameters
    ----------
    storage : list
        Of the whole row.
    places : range, optional
        Of the elements in it; by default all.
    """

    places: range

    def __init__(self, storage: list[Any], places: range | None = None) -> None:
        self.storage = storage
        self.places = range(len(storage)) if places is None else places

    @property
    def items(self) -> list[Any]:
        """The elements."""
        return [self.storage[place] for place in self.places]

    @property
    def size(self) -> int:
        """Their number."""
        return len(self.places)

    @property
    def shape(self) -> tuple[int]:
        """Their number, as NumPy says it."""
        return (len(self.places),)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place: Any) -> Any:
        found = self.places[place]
        return Row(self.storage, found) if isinstance(found, range) else self.storage[found]

    def __setitem__(self, place: Any, value: Any) -> None:
        found = self.places[place]
        if isinstance(found, int):
            self.storage[found] = value
            return
        given = value.items if isinstance(value, Row) else [value] * len(found)
        for one, item in zip(found, given, strict=True):
            self.storage[one] = item

    def max(self) -> Any:
        """The largest."""
        return NAMED["largest"](*self.items)

    def min(self) -> Any:
        """The smallest."""
        return NAMED["smallest"](*self.items)

    def sum(self) -> Any:
        """The sum."""
        return sum(self.items[1:], self.items[0])

    def mean(self) -> Any:
        """The mean."""
        return self.sum() / len(self.items)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        raise Untranslatable(f"it calls np.{function.__name__} on a whole row")

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        known = {np.max: Row.max, np.min: Row.min, np.sum: Row.sum, np.mean: Row.mean}
        if function not in known or len(arguments) != 1 or options:
            raise Untranslatable(f"it calls np.{function.__name__} on a row, which has no ONNX equivalent")
        return known[function](arguments[0])


def tracer_of(*given: Any) -> Tracer:
    """The tracer of the values among these."""
    return next(item.tracer for item in given if isinstance(item, Value))
