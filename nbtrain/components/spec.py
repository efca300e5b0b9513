"""What all kinds of components share: named parameters with bounds, checked plain functions, bound values."""

from __future__ import annotations

import functools
import inspect
import keyword
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from numbers import Real
from types import FunctionType, MappingProxyType, MethodType
from typing import Any, ClassVar

import numpy as np

from ..checks.messages import brief, wrong
from ..errors import InputError

NAME = re.compile(r"[a-z][a-z0-9_]*")
NAME_RULE = "lower-case letters, digits and _, no keyword of Python"
Function = Callable[..., Any]


def is_name(given: Any) -> bool:
    """Whether a parameter or a slot can have this name."""
    return isinstance(given, str) and NAME.fullmatch(given) is not None and not keyword.iskeyword(given)


class PerMember:
    """A number for each member of a population, as the value of a parameter; it is compared and hashed like a number.

    Parameters
    ----------
    numbers : array_like of shape (members,)
        Copied, as float64.

    Attributes
    ----------
    numbers : ndarray of shape (members,), float64
        Read-only.
    """

    numbers: np.ndarray[Any, Any]

    __slots__ = ("numbers",)

    def __init__(self, numbers: Any) -> None:
        self.numbers = np.array(numbers, np.float64)
        self.numbers.setflags(write=False)

    def __len__(self) -> int:
        return len(self.numbers)

    def __bool__(self) -> bool:
        return bool(self.numbers.any())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerMember) and np.array_equal(self.numbers, other.numbers)

    def __hash__(self) -> int:
        return hash(self.numbers.tobytes())

    def __repr__(self) -> str:
        if len(self) <= 4:
            return repr(self.numbers.tolist())
        return f"<{len(self):,} numbers from {self.numbers.min():g} to {self.numbers.max():g}>"

    def __reduce__(self) -> Any:
        return PerMember, (self.numbers,)


def is_per_member(value: Any) -> bool:
    """Whether a value is a list, a tuple or an array of numbers: one for each member of a population."""
    return isinstance(value, PerMember | list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)


def per_member(value: Any, argument: str, check: Callable[[Any, str], float]) -> PerMember:
    """Numbers of members, each of them checked; an error names the member."""
    if isinstance(value, PerMember):
        value = value.numbers
    if not len(value):
        raise InputError(wrong(argument, "be a number, or one number for each member of a Population", brief(value)))
    items = value.tolist() if isinstance(value, np.ndarray) else value
    return PerMember([check(item, f"{argument} of member {k}") for k, item in enumerate(items)])


@dataclass(frozen=True)
class Parameter:
    """A named number of a component, with the bounds in which it makes sense.

    Parameters
    ----------
    default : float
        The value where none is given.
    minimum, maximum : float, optional
        Smallest and largest allowed value.
    above, below : float, optional
        Bounds that the value itself must not take.

    Examples
    --------
    >>> import nbtrain
    >>> beta = nbtrain.Parameter(0.9, minimum=0.0, below=1.0)
    >>> beta.checked(0.5, "beta")
    0.5
    """

    default: float
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "default", self.checked(self.default, "default"))

    def checked(self, value: Any, argument: str) -> Any:
        """Check a value against the bounds.

        Parameters
        ----------
        value : float, or array_like of shape (members,)
            The value, or one for each member of a population.
        argument : str
            What the message calls it.

        Returns
        -------
        float or PerMember
            The value.

        Raises
        ------
        InputError
            If it is no finite number or out of bounds; the message names the argument and the bounds.
        """
        if is_per_member(value):
            return per_member(value, argument, self.checked)
        number = isinstance(value, Real) and not isinstance(value, bool | np.bool) and math.isfinite(value)
        if not number or not self._inside(float(value)):
            raise InputError(wrong(argument, f"be {self._words()}", brief(value)))
        return float(value)

    def _inside(self, value: float) -> bool:
        return not (
            (self.minimum is not None and value < self.minimum)
            or (self.maximum is not None and value > self.maximum)
            or (self.above is not None and value <= self.above)
            or (self.below is not None and value >= self.below)
        )

    def _words(self) -> str:
        bounds = [
            f"{word} {bound:g}"
            for word, bound in (
                (">=", self.minimum),
                (">", self.above),
                ("<=", self.maximum),
                ("<", self.below),
            )
            if bound is not None
        ]
        joined = " and ".join(bounds)
        return f"a finite number {joined}".rstrip()


@dataclass(frozen=True)
class Spec:
    """What all components have in common."""

    kind: ClassVar[str]
    name: str

    def _check(self, parameters: Mapping[str, Any], functions: Mapping[str, tuple[Function | None, int | str]]) -> None:
        """Validate name, parameters, and the functions, each with its leading arguments: how many, or their names."""
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise InputError(wrong("name", "be made of lower-case letters, digits and _", repr(self.name)))
        if not isinstance(parameters, Mapping):
            raise InputError(wrong("parameters", "be a dict of names and defaults", brief(parameters)))
        made = {}
        for key, value in parameters.items():
            if not is_name(key):
                raise InputError(wrong("parameters", f"have valid names ({NAME_RULE})", repr(key)))
            made[key] = value if isinstance(value, Parameter) else Parameter(value)
        object.__setattr__(self, "parameters", MappingProxyType(made))
        for role, (function, leading) in functions.items():
            if function is not None:
                object.__setattr__(self, role, plain_function(function, role))
                self._check_signature(role, leading)

    def _check_signature(self, role: str, own: int | str) -> None:
        """The arguments after the leading ones are the parameters, in their order."""
        leading = len(own.split(", ")) if isinstance(own, str) else own
        function: Function = getattr(self, role)
        arguments = list(inspect.signature(function).parameters)
        wanted = list(self.parameters) if self.kind != "optimizer" else []  # type: ignore[attr-defined]
        if len(arguments) < leading or arguments[leading:] != wanted:
            extra = [name for name in arguments[leading:] if name not in wanted]
            raise InputError(
                f"{role} of {self.kind} {self.name!r} must take {_own(own, leading, wanted)}"
                + f", got {function.__name__}({', '.join(arguments)})"
                + _for_defaults(function, extra)
            )

    @property
    def functions(self) -> dict[str, Function]:
        """The functions that are compiled, by what they are for.

        Examples
        --------
        >>> import nbtrain
        >>> cube = nbtrain.Activation("cube", value=lambda z: z * z * z, slope=lambda z: 3.0 * z * z)
        >>> sorted(cube.functions)
        ['slope', 'value']
        """
        found = {role: getattr(self, role) for role in self.roles}
        return {role: function for role, function in found.items() if function is not None}

    roles: ClassVar[tuple[str, ...]] = ()

    def __reduce__(self) -> Any:
        given = {entry.name: _as_held(getattr(self, entry.name)) for entry in fields(self) if entry.init}
        if "parameters" in given:  # a read-only view, which cannot be pickled
            given["parameters"] = dict(given["parameters"])
        return partial(type(self), **given), ()

    def __deepcopy__(self, memo: Any) -> Spec:
        return self


def is_importable(spec: Spec) -> bool:
    """Whether all functions of a spec can be pickled by plain pickle: modules have them under their names."""
    functions = [value for value in vars(spec).values() if isinstance(value, FunctionType)]
    return all(map(_is_found, functions))


def _is_found(function: FunctionType) -> bool:
    """Whether a function, or what Numba has made of it, is in its module under its name."""
    held = getattr(sys.modules.get(function.__module__), function.__qualname__, None)
    return getattr(held, "py_func", held) is function


def _own(own: int | str, leading: int, parameters: list[str]) -> str:
    """The arguments that a function must take, in words."""
    names = ", ".join(parameters)
    if leading == 0:
        return names or "no arguments"
    named = f" ({own})" if isinstance(own, str) else ""
    return f"{leading} argument{'s' * (leading != 1)}{named}" + (f", then {names}" if names else "")


def plain_function(function: Any, argument: str) -> Function:
    """The Python function behind what was given; its own compiler flags do not count."""
    found = getattr(function, "py_func", function)
    if not isinstance(found, FunctionType):
        raise InputError(wrong(argument, "be a plain Python function", brief(function), _wrapped(found)))
    return found


def _as_held(value: Any) -> Any:
    """What a module holds in place of a function, if it has been decorated by Numba: a pickle can name only that."""
    if not isinstance(value, FunctionType):
        return value
    held = getattr(sys.modules.get(value.__module__), value.__name__, None)
    return held if getattr(held, "py_func", None) is value else value


def _for_defaults(function: Function, extra: list[str]) -> str:
    """What to write instead of arguments with default values."""
    parameters = inspect.signature(function).parameters
    fixed = [name for name in extra if parameters[name].default is not inspect.Parameter.empty]
    if not fixed:
        return ""
    return (
        f"; only helpers may have arguments with default values, as {fixed[0]} is: write the constant in the function "
        f"or in its module, or make it a parameter, parameters={{{fixed[0]!r}: ...}}"
    )


def _wrapped(given: Any) -> str:
    """How to make a plain function of another callable."""
    if isinstance(given, functools.partial):
        return "write one that calls it with the numbers filled in, or make them parameters of the component"
    if isinstance(given, MethodType):
        return "move the method to the module, and make what it takes from self constants or parameters"
    module = {"numpy": "np", "builtins": ""}.get(_module(given), _module(given))
    name = getattr(given, "__name__", None)
    if not callable(given) or isinstance(given, type) or not isinstance(name, str):
        return ""
    return f"wrap it: lambda z: {module + '.' * bool(module)}{name}(z)"


def _module(given: Any) -> str:
    return "np" if isinstance(given, np.ufunc) else str(getattr(given, "__module__", "") or "")


@dataclass(frozen=True)
class Component:
    """A component with the values of its parameters: what `nbtrain.activation("leaky_relu", slope=0.02)` returns.

    Parameters
    ----------
    kind : str
        "activation", "loss" and so on.
    name : str
        Of the component.
    parameters : tuple of (str, float)
        Names and values, an optimizer's learning rate first.
    spec : Activation, Loss, …
        Its definition.

    Examples
    --------
    >>> import nbtrain
    >>> adam = nbtrain.optimizer("adam", learning_rate=0.01)
    >>> isinstance(adam, nbtrain.Component)
    True
    >>> adam.kind, adam.name, adam.learning_rate
    ('optimizer', 'adam', 0.01)
    >>> nbtrain.activation("leaky_relu", slope=0.02).values
    (0.02,)
    """

    kind: str
    name: str
    parameters: tuple[tuple[str, Any], ...]
    spec: Any = field(compare=False, repr=False)

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The parameters' values in the spec's order, without an optimizer's learning rate."""
        return tuple(value for name, value in self.parameters if name != "learning_rate")

    @property
    def learning_rate(self) -> Any:
        """An optimizer's learning rate: a float or a schedule."""
        return dict(self.parameters)["learning_rate"]

    def __deepcopy__(self, memo: Any) -> Component:
        return self

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.parameters)
        return f"{self.kind}({self.name!r}{given})"
