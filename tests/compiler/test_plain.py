"""What authors of components write, in every usual spelling, becomes vector code in the model's dtype."""

from __future__ import annotations

import ctypes
import math
import re
import sys
import types
from math import exp, sqrt
from math import tanh as hyperbolic

import numpy as np
import pytest
from numba import njit
from numpy import log1p

import nbtrain
from nbtrain import compiler
from nbtrain.compiler.inspect import assembly, is_vectorized, scalar_calls

tools = types.ModuleType("nbtrain_test_tools")
exec("import math\nHALF = 0.5\ndef half_exp(z):\n    return HALF * math.exp(z)\n", tools.__dict__)
sys.modules["nbtrain_test_tools"] = tools
LIMIT = 3.0
THREE = 3
WORDS = {"a": 1.0}
LIST = [1, 0.5]
ARRAY = np.array([0.25, 0.5])
SHIFTS = (0.25, 0.5)
INTEGERS = (4, 5, 6)
PLANE = np.ones((2, 2))


@njit(fastmath=True)
def careless(z):
    return z * 2.0 if z == z else 7.0


def helper(z, by=0.5):
    return by * exp(z)


def polynomial(z, coefficients=(1, 0.5, 0.25), *, scale=2):
    total = 0
    for c in coefficients:
        total = total * z + c
    return scale * total


def partly(z, by=1.0, *, plus):
    return z * by + plus


def nothing_beyond(table, index):
    """What Python has, and NaN where Python raises."""
    return table[index] if -len(table) <= index < len(table) else math.nan


def taken(z, table=ARRAY):
    return table[int(z)]


def horner(z, table):
    total = 0.0
    for i in range(len(table)):
        total = total * z + table[i]
    for c in table[1:]:
        total = total + c
    return total


def power_in_place(z):
    z **= 3
    return z


def powers_of_a_count(z):
    total = z * 0
    for k in range(3):
        total = total + z * k**2
    return total


def counted(z):
    steps, total = int(3.7), 0
    for i in range(steps):
        total = total + z * i / (2 * i + 1) * (2 * i + 1)
    return total if z != 0 else 0


def signed(z):
    sign = 1 if z > 0 else -1
    return sign * (1 - sign * z)


SPELLINGS = {
    "integers on two ways": (signed, lambda z: np.where(z > 0, 1 - z, -1 - z)),
    "keyword-only arguments": (lambda z: polynomial(z, scale=THREE), lambda z: 3 * (z * z + 0.5 * z + 0.25)),
    "what is keyword-only after a default": (lambda z: partly(z, plus=THREE), lambda z: z + 3),
    "an array for a helper": (lambda z: horner(z, ARRAY), lambda z: 0.25 * z + 1),
    "a tuple for a helper": (lambda z: horner(z, SHIFTS), lambda z: 0.25 * z + 1),
    "int as a count": (counted, lambda z: 3 * z),
    "int as a number": (lambda z: int(z) * 0.5 + round(z), lambda z: 0.5 * np.trunc(z) + np.rint(z)),
    "bits of an int": (lambda z: (int(abs(z)) & 1) * 1.0, lambda z: np.trunc(np.abs(z)) % 2),
    "a list and an array": (lambda z: z * LIST[1] + ARRAY[1], lambda z: 0.5 * z + 0.5),
    "np.where of conditions": (
        lambda z: np.where((z > -1) & ~(z > 1), z, THREE),
        lambda z: np.where((z > -1) & (z <= 1), z, 3),
    ),
    "np.clip of None": (lambda z: np.clip(z, None, THREE), lambda z: np.minimum(z, 3)),
    "min of a tuple": (lambda z: min((z, 1, z * z)), lambda z: np.minimum(np.minimum(z, 1), z * z)),
    "a global as exponent": (lambda z: z**THREE + abs(z) ** 0.5, lambda z: z * z * z + np.sqrt(np.abs(z))),
    "remainders": (
        lambda z: z % 3 + z // 0.7 + math.fmod(z, THREE),
        lambda z: z % 3 + z // np.float32(0.7) + np.fmod(z, 3),
    ),
    "math.exp": (lambda z: math.exp(z), np.exp),
    "np.exp": (lambda z: np.exp(z), np.exp),
    "from math import exp": (lambda z: exp(z), np.exp),
    "from math import tanh as": (lambda z: hyperbolic(z), np.tanh),
    "np.tanh": (lambda z: np.tanh(z), np.tanh),
    "from numpy import log1p": (lambda z: log1p(abs(z)), lambda z: np.log1p(np.abs(z))),
    "sqrt": (lambda z: sqrt(abs(z)) + np.sqrt(z * z), lambda z: np.sqrt(np.abs(z)) + np.abs(z)),
    "power": (lambda z: abs(z) ** 1.7, lambda z: np.abs(z) ** 1.7),
    "math.pow": (lambda z: math.pow(abs(z), 0.3), lambda z: np.abs(z) ** 0.3),
    "square": (lambda z: z**2, lambda z: z * z),
    "whole powers": (
        lambda z: z**0 + (0.25 * z) ** 4.0 + (0.25 * z) ** 14,
        lambda z: 1 + np.power(0.25 * z, 4.0) + np.power(0.25 * z, 14.0),
    ),
    "a power in place": (power_in_place, lambda z: z * z * z),
    "powers of a count": (powers_of_a_count, lambda z: z * 5),
    "negative powers": (lambda z: (1 + abs(z)) ** -2, lambda z: (1 + np.abs(z)) ** -2.0),
    "erf": (lambda z: z * math.erf(z), lambda z: z * np.vectorize(math.erf)(z)),
    "sin": (lambda z: z + math.sin(z) * np.sin(z), lambda z: z + np.sin(z) ** 2),
    "min and max": (lambda z: min(max(z, -1.0), LIMIT), lambda z: np.clip(z, -1, 3)),
    "np.minimum": (lambda z: np.minimum(np.maximum(z, -1.0), LIMIT), lambda z: np.clip(z, -1, 3)),
    "a helper": (lambda z: helper(z) + helper(z, 0.25), lambda z: 0.75 * np.exp(z)),
    "a jitted helper": (lambda z: careless(z), lambda z: z * 2),
    "another module": (lambda z: tools.half_exp(z) * tools.HALF, lambda z: 0.25 * np.exp(z)),
    "a tuple": (lambda z: z * SHIFTS[0] + SHIFTS[1], lambda z: z * 0.25 + 0.5),
    "integers": (lambda z: 2 * z / (1 + abs(z)) - 1, lambda z: 2 * z / (1 + np.abs(z)) - 1),
    "constants": (lambda z: z * math.pi + np.e, lambda z: z * np.pi + np.e),
}


def one(z):
    return 1.0


def values(spec, x):
    address = compiler.component(spec, x.dtype).addresses["value"]
    out = np.empty_like(x)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(address)
    assert function(x.ctypes.data, out.ctypes.data, x.size, 0) == 0
    return out


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_vector_code_of_the_models_dtype(spelling):
    function, oracle = SPELLINGS[spelling]
    spec = nbtrain.Activation("spelt", function, one)
    x = np.linspace(-4, 4, 1001, dtype=np.float32)
    wanted = oracle(x.astype(np.float64))
    np.testing.assert_allclose(values(spec, x), wanted, rtol=6e-7, atol=6e-7)
    assert scalar_calls(spec, np.float32) == ()
    assert is_vectorized(spec, np.float32) == (True, "")
    assert not re.search(r"cvtps2pd|cvtss2sd|fcvtl", assembly(spec, np.float32))


def test_a_helper_sees_nan_whatever_flags_it_was_compiled_with():
    spec = nbtrain.Activation("careless", lambda z: careless(z), one)
    x = np.array([1.0, np.nan] * 20, np.float32)
    np.testing.assert_array_equal(values(spec, x), [2.0, 7.0] * 20)


@pytest.mark.parametrize("spelling", ["np.exp", "a helper", "another module"])
def test_float64_keeps_its_precision(spelling):
    function, oracle = SPELLINGS[spelling]
    x = np.linspace(-4, 4, 1001)
    np.testing.assert_allclose(values(nbtrain.Activation("spelt", function, one), x), oracle(x), rtol=1e-15)


def test_a_function_that_no_library_is_sure_to_have_is_refused_with_the_components_name():
    spec = nbtrain.Activation("log_gamma", lambda z: math.lgamma(z), one)
    with pytest.raises(nbtrain.PluginError, match=r"'log_gamma': .*line \d+: `math.lgamma` is not supported"):
        compiler.component(spec, np.float32)


def set_in_one_branch(z):
    if z > 0:
        power = 2.0 * z
    return power


def set_in_some_turns(z):
    for turn in range(3):
        if z > turn:
            power = z * turn
    return power


def set_within_a_while_that_is_left_at_its_beginning(z):
    """As Python 3.14 compiles every `while`."""
    while True:
        if z <= 1.0:
            break
        z, power = 0.5 * z, z
    return power


def set_within_while(z):
    while z > 1.0:
        z, power = 0.5 * z, z
    return power


UNSET = [set_in_one_branch, set_in_some_turns, set_within_while, set_within_a_while_that_is_left_at_its_beginning]


@pytest.mark.parametrize("function", UNSET)
def test_a_variable_that_may_have_no_value_is_refused(function):
    words = r"value \(.*\): line \d+: 'power' may be used before it is assigned; assign it on every path"
    with pytest.raises(nbtrain.PluginError, match=words):
        compiler.component(nbtrain.Activation("unset", function, one), np.float32)


def set_in_every_branch(z):
    if z > 1.0:
        power = z
    elif z > 0.0:
        power = 2.0 * z
    else:
        power = 0.0
    return power


def set_by_a_loop(z):
    for turn in range(3):
        for part in (1.0, 2.0):
            last = turn * part * z
    return last


def set_where_the_loop_is_left(z):
    while True:
        z = 0.5 * z
        if abs(z) < 1.0:
            power = z
            break
    return power


@pytest.mark.parametrize("function", [set_in_every_branch, set_by_a_loop, set_where_the_loop_is_left])
def test_a_variable_that_has_a_value_on_every_way_is_not(function):
    x = np.array([-7.0, -0.5, 0.0, 0.5, 1.5, 7.0] * 4, np.float32)
    np.testing.assert_array_equal(values(nbtrain.Activation("set", function, one), x), [function(z) for z in x])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda z: z.clip(0, 1), r"line \d+: the attribute `.clip` is not supported"),
        (lambda z: np.linalg.norm(z), r"line \d+: `norm\(float32\)` is not supported"),
        (lambda z: np.exp(1j * z), r"line \d+: exp must be called with real numbers, got complex128"),
        (lambda z: np.random.normal(), r"line \d+: `numpy.random.normal` is not supported"),  # noqa: NPY002
        (lambda z: nbtrain.Parameter, r"line \d+: `nbtrain.Parameter` is not supported"),
        (
            lambda z: WORDS["a"],
            r"line \d+: `WORDS`, not a number, tuple, array or plain function, is not supported",
        ),
        (lambda z: (e := math.exp(z)) / (1 + e), r"line \d+: `:=` inside an expression"),
        (lambda z: ARRAY[2] * z, r"line \d+: takes element 2 of 2"),
        (lambda z: SHIFTS[-3] * z, r"line \d+: takes element -3 of 2"),
        (
            lambda z: PLANE[int(z), 0],
            r"line \d+: a computed index is supported for tables of numbers with one index only",
        ),
        (lambda z: partly(z), r"line \d+: `add\(float32, none\)` is not supported"),
        (lambda z: max(z), r"line \d+: max must be called with two numbers or more"),
    ],
)
def test_what_cannot_be_compiled_is_told_with_its_line(function, words):
    with pytest.raises(nbtrain.PluginError, match=r"activation 'wrong': value \(<lambda>, .*\): " + words):
        compiler.component(nbtrain.Activation("wrong", function, one), np.float32)


def test_maximum_and_clip_let_nan_through_and_keep_infinities():
    spec = nbtrain.Activation("bounded", lambda z: np.maximum(np.clip(z, -2, np.inf), -1), one)
    x = np.array([np.nan, np.inf, -np.inf, -0.5] * 10, np.float32)
    np.testing.assert_array_equal(values(spec, x), [np.nan, np.inf, -1, -0.5] * 10)


@pytest.mark.parametrize(
    ("function", "oracle"),
    [
        (lambda z: ARRAY[int(z)], lambda z: nothing_beyond(ARRAY, int(z))),
        (lambda z: SHIFTS[int(z) + 1], lambda z: nothing_beyond(SHIFTS, int(z) + 1)),
        (lambda z: INTEGERS[math.floor(z) % 3 - 3] * z, lambda z: INTEGERS[math.floor(z) % 3 - 3] * z),
        (lambda z: (z, z + 1)[int(z)], lambda z: nothing_beyond((z, z + 1), int(z))),
        (lambda z: ARRAY[~int(z)], lambda z: nothing_beyond(ARRAY, ~int(z))),
        (lambda z: PLANE[1, 0] * z, lambda z: z),
        (lambda z: taken(z), lambda z: nothing_beyond(ARRAY, int(z))),
        (lambda z: taken(z, SHIFTS), lambda z: nothing_beyond(SHIFTS, int(z))),
    ],
)
def test_an_element_beyond_a_table_is_nan(function, oracle):
    spec = nbtrain.Activation("looking_up", function, one)
    x = np.array([0.0, 0.5, 1.5, -0.5, -1.5, 2.0, -2.5, -3.0, 7.0, 1e9, -1e9], np.float32)
    np.testing.assert_array_equal(values(spec, x), np.array([oracle(z) for z in x.tolist()], np.float32))


def test_an_index_that_is_nan_reads_nothing():
    spec = nbtrain.Activation("looking_up", lambda z: ARRAY[int(z)], one)
    x = np.full(20, np.nan, np.float32)
    np.testing.assert_array_equal(values(spec, x), x)


@pytest.mark.parametrize("name", ["numpy_like", "numpyro.of_somebody", None])
def test_helpers_of_modules_that_are_called_almost_as_numpy_are_helpers(name):
    names = {"__name__": name}
    exec("def half(z):\n    return 0.5 * z", names)
    half = names["half"]
    half.__module__ = name
    x = np.linspace(-4, 4, 41, dtype=np.float32)
    spec = nbtrain.Activation("halved", lambda z: half(z) + 1.0, one)
    np.testing.assert_allclose(values(spec, x), 0.5 * x + 1.0, rtol=1e-6)
