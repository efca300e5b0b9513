"""Numbers that write LLVM instructions: the language in which the vector mathematics is spelled.

A rule such as `exp(x)` is ordinary Python over `Real`, `Integer` and `Condition`.  Run once, while Numba
lowers a caller, it leaves straight-line code in the caller's own loop, which LLVM turns into vector code.
Jitted functions would need less machinery and serve worse:

- LLVM does not inline a function as long as `pow`, and a loop with a call in it is not vectorized;
- Numba widens: `float32 + 1` becomes float64, `int32 + int32` int64, and every constant needs a cast;
- with `contract`, LLVM may fuse a product into a sum although other code uses the rounded product, which
  destroys error compensation.  Instructions written here are fused only where a rule says `fma`, so that a
  value does not depend on the code around it either;
- every jitted helper costs tens of milliseconds of compilation, a rule about one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from llvmlite import ir

from nbtrain.compiler.processor import compiled_for, has_slow_sqrt

# Numba adds the caller's fast-math flags to every instruction that has none. `afn` allows approximate library
# functions, of which there are none here: it is there only to keep `contract` away.
_FLAGS = ("afn",)


def _host_features() -> set[str]:
    """Names of the instruction sets that code is made for, as LLVM spells them (`fma`, `avx2`, ...)."""
    return {feature[1:] for feature in compiled_for()[1].split(",") if feature.startswith("+")}


@dataclass(frozen=True)
class Format:
    """Floating-point format of the numbers of one rule, and the place where their instructions go."""

    builder: Any
    dtype: np.dtype[Any]

    @cached_property
    def single(self) -> bool:
        return self.dtype.itemsize == 4

    @cached_property
    def real_type(self) -> Any:
        return ir.FloatType() if self.single else ir.DoubleType()

    @cached_property
    def integer_type(self) -> Any:
        return ir.IntType(8 * self.dtype.itemsize)

    @cached_property
    def fraction(self) -> int:
        """Bits of the fraction: 23 or 52."""
        return int(np.finfo(self.dtype).nmant)

    @cached_property
    def bias(self) -> int:
        """Exponent field of 1.0: 127 or 1023."""
        return int(np.finfo(self.dtype).maxexp) - 1

    @cached_property
    def smallest_normal(self) -> float:
        return float(np.finfo(self.dtype).smallest_normal)

    @cached_property
    def sign_bit(self) -> int:
        """The bit that is 1 in negative numbers, as a signed integer of that width."""
        return -(1 << (8 * self.dtype.itemsize - 1))

    @cached_property
    def shifter(self) -> float:
        """Adding this number leaves the nearest integer in the lowest bits: 1.5 * 2**fraction."""
        return 1.5 * 2.0**self.fraction

    @cached_property
    def has_fma(self) -> bool:
        """Whether the host multiplies and adds with one rounding, without a call to the C library."""
        return not self._on_x86 or "fma" in _host_features()

    @cached_property
    def has_rounding(self) -> bool:
        """Whether the host has instructions for floor and its kin."""
        return not self._on_x86 or "sse4.1" in _host_features()

    @cached_property
    def slow_sqrt(self) -> bool:
        """Whether square roots are made of multiplications."""
        return self._on_x86 and has_slow_sqrt(compiled_for()[1])

    @cached_property
    def _on_x86(self) -> bool:
        return str(self.builder.module.triple).startswith(("x86", "i386", "i686"))

    def pick(self, single: Any, double: Any) -> Any:
        """The first for float32, the second for float64."""
        return single if self.single else double

    def real(self, value: Any) -> Real:
        """A constant, or a `Real` as it is."""
        return value if isinstance(value, Real) else Real(self, self.real_type(float(value)))

    def integer(self, value: Any) -> Integer:
        return value if isinstance(value, Integer) else Integer(self, self.integer_type(value))

    def bits(self, value: float) -> int:
        """The bits of a constant, as an integer that Python can work with."""
        return int(np.array(value, self.dtype).view(f"i{self.dtype.itemsize}"))

    def call(self, name: str, *arguments: Any) -> Real:
        """Result of the LLVM intrinsic `llvm.<name>`, which must be one that lowers to instructions."""
        function_type = ir.FunctionType(self.real_type, [self.real_type] * len(arguments))
        function = self.builder.module.declare_intrinsic(f"llvm.{name}", [self.real_type], function_type)
        return Real(self, self.builder.call(function, [self.real(argument).value for argument in arguments]))


@dataclass(frozen=True, eq=False)
class Real:
    """A floating-point number that will exist when the code runs."""

    format: Format
    value: Any

    def _write(self, operation: str, left: Any, right: Any) -> Real:
        code = self.format
        instruction = getattr(code.builder, operation)
        return Real(code, instruction(code.real(left).value, code.real(right).value, flags=_FLAGS))

    def __add__(self, other: Any) -> Real:
        return self._write("fadd", self, other)

    def __radd__(self, other: Any) -> Real:
        return self._write("fadd", other, self)

    def __sub__(self, other: Any) -> Real:
        return self._write("fsub", self, other)

    def __rsub__(self, other: Any) -> Real:
        return self._write("fsub", other, self)

    def __mul__(self, other: Any) -> Real:
        return self._write("fmul", self, other)

    def __rmul__(self, other: Any) -> Real:
        return self._write("fmul", other, self)

    def __truediv__(self, other: Any) -> Real:
        return self._write("fdiv", self, other)

    def __rtruediv__(self, other: Any) -> Real:
        return self._write("fdiv", other, self)

    def __neg__(self) -> Real:
        return Real(self.format, self.format.builder.fneg(self.value))

    def _compare(self, relation: str, other: Any) -> Condition:
        code = self.format
        return Condition(code, code.builder.fcmp_ordered(relation, self.value, code.real(other).value))

    def __lt__(self, other: Any) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Condition:
        return self._compare(">=", other)

    def equals(self, other: Any) -> Condition:
        return self._compare("==", other)

    def is_nan(self) -> Condition:
        return self._compare("uno", self)

    def bits(self) -> Integer:
        return Integer(self.format, self.format.builder.bitcast(self.value, self.format.integer_type))


@dataclass(frozen=True, eq=False)
class Integer:
    """An integer as wide as the `Real`s it goes with; it wraps around, `>>` fills with zeros."""

    format: Format
    value: Any

    def _write(self, operation: str, left: Any, right: Any) -> Integer:
        code = self.format
        instruction = getattr(code.builder, operation)
        return Integer(code, instruction(code.integer(left).value, code.integer(right).value))

    def __add__(self, other: Any) -> Integer:
        return self._write("add", self, other)

    def __sub__(self, other: Any) -> Integer:
        return self._write("sub", self, other)

    def __rsub__(self, other: Any) -> Integer:
        return self._write("sub", other, self)

    def __and__(self, other: Any) -> Integer:
        return self._write("and_", self, other)

    def __or__(self, other: Any) -> Integer:
        return self._write("or_", self, other)

    def __xor__(self, other: Any) -> Integer:
        return self._write("xor", self, other)

    def __lshift__(self, count: int) -> Integer:
        return self._write("shl", self, count)

    def __rshift__(self, count: int) -> Integer:
        return self._write("lshr", self, count)

    def is_zero(self) -> Condition:
        code = self.format
        return Condition(code, code.builder.icmp_signed("==", self.value, code.integer_type(0)))

    def as_bits(self) -> Real:
        """The `Real` that has these bits."""
        return Real(self.format, self.format.builder.bitcast(self.value, self.format.real_type))

    def as_real(self) -> Real:
        """This value, below 2**22 or 2**51, as a `Real`; AVX2 has no conversion of 64-bit integers."""
        shifter = self.format.shifter
        return (self + self.format.bits(shifter)).as_bits() - shifter


@dataclass(frozen=True)
class Condition:
    """A truth value that will be known when the code runs."""

    format: Format
    value: Any

    def __and__(self, other: Condition) -> Condition:
        return Condition(self.format, self.format.builder.and_(self.value, other.value))

    def __or__(self, other: Condition) -> Condition:
        return Condition(self.format, self.format.builder.or_(self.value, other.value))

    def __invert__(self) -> Condition:
        return Condition(self.format, self.format.builder.not_(self.value))


Rule = Callable[..., Real]
