"""Errors for authors of components: they name the component, its function, the line, and what is not supported."""

from __future__ import annotations

import functools
import math
import re
import sys

import numpy as np
import pytest

import nbtrain
from nbtrain import compiler
from nbtrain.compiler.language.loops import has_for, has_while, reached
from nbtrain.testing import blocks

FLOAT64 = np.dtype(np.float64)
TABLE = np.array([1.0, 2.0])
FIRST = 3  # the line of what is told, in the functions below


def told(text, arguments, make):
    """What a component is refused with whose function has these lines, the second of which is line 3."""
    scope = {"np": np, "math": math, "functools": functools, "TABLE": TABLE, "sys": sys}
    scope |= {"SEVENTH": SEVENTH, "seventh": seventh}
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    exec(compile(f"def case({arguments}):\n    first = 1.0\n{lines}", "case.py", "exec"), scope)
    with pytest.raises(nbtrain.PluginError) as refused:
        compiler.component(make(scope["case"]), FLOAT64)
    assert re.search(r"\(case, case\.py:1\)", str(refused.value))
    return str(refused.value)


UNSUPPORTED = " is not supported; see docs/reference/language.md"
MEMORY = "a new array (write a loop over the elements)" + UNSUPPORTED
ROWS = {
    "slope[:] = z - y": MEMORY,
    "slope = z - y": MEMORY,
    "slope[:] = -z": MEMORY,
    "slope[:] = z.copy()": MEMORY,
    "return np.sum(z > 0)": MEMORY,
    "return np.median(z)": MEMORY,
    "return 1.0 if z > 0 else 0.0": MEMORY,
    "return z @ z": "`@`" + UNSUPPORTED,
    "return np.dot(slope, slope)": "`np.dot`" + UNSUPPORTED,
    "return max(z)": "max must be called with two numbers or more; of a row: np.max(z)",
    "return min(slope)": "min must be called with two numbers or more; of a row: np.min(z)",
    "return np.exp(z)": "exp must be called with real numbers, got a row; call it for one number at a time, in a loop",
    "a, *b = z": "unpacking with `*`" + UNSUPPORTED,
    "z[:] = slope": "writing to z, y or a constant" + UNSUPPORTED,
}


@pytest.mark.parametrize("text", ROWS)
def test_what_a_loss_of_rows_cannot_do_with_a_row(text):
    message = told(text, "z, y, slope", lambda row: nbtrain.Loss("wrong", row=row))
    assert re.search(rf"line {FIRST}: {re.escape(ROWS[text])}", message)


INNER = "an inner function, lambda, comprehension or generator"
NUMBERS = {
    'if z > 0: raise ValueError(f"bad {z}")\nreturn z': "`raise` or `assert`",
    'assert z == z, f"nan {z}"\nreturn z': "`raise` or `assert`",
    "print(z)\nreturn z": "`print`",
    'print(f"{z=}")\nreturn z': "an f-string",
    "return np.where(z > 0, *(z, 0.0))": "`:=` inside an expression, or `*` before an argument,",
    "return sum([z * k for k in (1, 2)])": INNER,
    "return sum(z * k for k in (1, 2))": INNER,
    "return (lambda x: x * z)(z)": INNER,
    "def inner(x): return x\nreturn inner(z)": INNER,
    "del first\nreturn z": "`del`",
    "with z: return z": "`with`",
    "import math; return math.exp(z)": "`import` inside a function",
    "try: return z\nexcept: return 0.0": "`try`",
    "global TABLE; TABLE = z\nreturn z": "`global`",
    "yield z": "`yield`",
    "return np.float16(z)": "`np.float16`",
    "return math.hypot(z, 1, 2)": "`hypot` with this number of arguments",
    "return (int(z) & 10**20) * z": "the integer 100000000000000000000, which is beyond 64 bits,",
    "return 1.0 if z in (0, 1, 2.5) else z": "`in` with a tuple or an array",
}


@pytest.mark.parametrize("text", NUMBERS)
def test_what_a_function_of_a_number_cannot_have(text):
    message = told(text, "z", lambda value: nbtrain.Activation("wrong", value, one))
    assert re.search(rf"line {FIRST}: {re.escape(NUMBERS[text] + UNSUPPORTED)}", message)


def one(z):
    return 1.0


def raising(z):
    if z > 0.0:
        raise ValueError
    return z


def scipys(z):
    return np.float16(z)


def wide(z):
    return (TABLE * 2.0)[0]


@pytest.mark.parametrize("helper", [raising, scipys, wide])
def test_a_line_of_a_helper_is_told_with_its_name_and_file(helper):
    start = helper.__code__.co_firstlineno
    with pytest.raises(nbtrain.PluginError) as refused:
        compiler.component(nbtrain.Activation("wrong", lambda z: helper(z), one), FLOAT64)
    place = rf" \(in {helper.__name__}, .*test_author_errors\.py\)$"
    assert re.search(rf"line ({start + 1}|{start + 2})\b.*{place}", str(refused.value))


STEPS = {
    "slots.m = g": "setting `.m`" + UNSUPPORTED,
    "slots[0] = g": "assigning to an element of a tuple" + UNSUPPORTED,
    "return w - hyper.lr * g, (g,)": "unknown attribute of hyper: 'lr'; did you mean 'learning_rate'? "
    "Available: learning_rate, beta",
    "return w - slots.v * g, (g,)": "unknown attribute of slots: 'v'. Available: m",
    "return w, slots._replace(m=g)": "unknown attribute of slots: '_replace'. Available: m",
    "return w, (slots['m'],)": "`item(tuple of 1 float64, m)`" + UNSUPPORTED,
    "m, v = slots": "unpacking 2 values of a tuple that holds 1" + UNSUPPORTED,
    "return w - g * slots[1], (g,)": "takes element 1 of a tuple that holds 1",
    "return w - g * hyper[-3], (g,)": "takes element -3 of a tuple that holds 2",
    "return w - g * prepared[0], (g,)": "takes element 0 of a tuple that holds 0",
}


@pytest.mark.parametrize("text", STEPS)
def test_what_a_step_cannot_do_with_its_tuples(text):
    message = told(
        text,
        "w, g, slots, prepared, hyper",
        lambda step: nbtrain.Optimizer("wrong", step, slots=("m",), parameters={"beta": 0.9}),
    )
    assert f"line {FIRST}: {STEPS[text]}" in message


def test_tuples_of_several_lengths_are_told_at_one_of_the_returns():
    message = told(
        "if g > 0: return w, (g,)\nreturn w, (g, g)",
        "w, g, slots, prepared, hyper",
        lambda step: nbtrain.Optimizer("wrong", step, slots=("m",), parameters={"beta": 0.9}),
    )
    assert f"line {FIRST}: it returns" in message or f"line {FIRST + 1}: it returns" in message
    assert message.endswith("return as many numbers on each")
    assert "(float64, (float64,))" in message
    assert "(float64, (float64, float64))" in message


def test_what_prepare_and_scale_cannot_do_with_their_tuples():
    def step(w, g, slots, prepared, hyper):
        return w, ()

    def unlike(t, hyper):
        if t > 3:
            return (1.0,)
        return (1.0, 2.0)

    with pytest.raises(nbtrain.InputError, match=r"no attribute 'bta'\"\); hyper has learning_rate, beta$"):
        nbtrain.Optimizer("wrong", step, prepare=lambda t, hyper: (hyper.bta,), parameters={"beta": 0.9})
    with pytest.raises(
        nbtrain.PluginError, match=r"different things on different paths: \(float64,\), \(float64, float"
    ):
        compiler.component(nbtrain.Optimizer("wrong", step, prepare=unlike), FLOAT64)
    scaled = nbtrain.Optimizer("wrong", step, norms="layer", scale=lambda norm_w, norm_u, hyper: hyper.lr)
    with pytest.raises(nbtrain.PluginError, match="unknown attribute of hyper: 'lr'; did you mean 'learning_rate'"):
        compiler.component(scaled, FLOAT64)


ARGUMENTS = {
    "step": (lambda w, g: (w, ()), r"5 arguments \(w, g, slots, prepared, hyper\), got <lambda>\(w, g\)"),
    "prepare": (lambda t: (1.0,), r"2 arguments \(t, hyper\), got <lambda>\(t\)"),
    "scale": (lambda norm: norm, r"3 arguments \(norm_w, norm_u, hyper\), got <lambda>\(norm\)"),
}


@pytest.mark.parametrize("role", ARGUMENTS)
def test_the_arguments_of_an_optimizers_functions_are_named(role):
    function, told = ARGUMENTS[role]
    given = {"step": lambda w, g, slots, prepared, hyper: (w, ()), role: function}
    with pytest.raises(nbtrain.InputError, match=rf"^{role} of optimizer 'wrong' must take {told}$"):
        nbtrain.Optimizer("wrong", **given, norms="layer" if role == "scale" else None)


def four(t, hyper):
    return (1.0, 2.0, 3.0, 4.0)


SEVENTH = 7
PREPARED = {
    "return w - g * prepared[4], ()": "takes element 4 of a tuple that holds 4",
    "return w - g * prepared[-5], ()": "takes element -5 of a tuple that holds 4",
    "return w - g * prepared[SEVENTH], ()": "takes element 7 of a tuple that holds 4",
    "return w - g * seventh(prepared), ()": "takes element 7 of a tuple that holds 4 (in seventh, ",
    "a, b, c = prepared; return w - g * c, ()": "unpacking 3 values of a tuple that holds 4",
    "a, b, c, d, e = prepared; return w - g * e, ()": "unpacking 5 values of a tuple that holds 4",
}


def seventh(numbers):
    return numbers[SEVENTH]


@pytest.mark.parametrize("text", PREPARED)
def test_a_step_cannot_take_what_prepare_does_not_return(text):
    arguments = "w, g, slots, prepared, hyper"
    message = told(text, arguments, lambda step: nbtrain.Optimizer("wrong", step, prepare=four))
    assert message.startswith("optimizer 'wrong': step")
    assert re.search(rf"line \d+: {re.escape(PREPARED[text])}", message)


def test_a_step_takes_the_last_number_of_prepare_by_a_negative_index():
    class Plugin:
        @nbtrain.hookimpl
        def nbtrain_optimizers(self):
            def step(w, g, slots, prepared, hyper):
                return w - prepared[-1] * g, ()

            return [nbtrain.Optimizer("by_place", step, prepare=four)]

    plugin = Plugin()
    nbtrain.register(plugin)
    try:
        network = nbtrain.Network(1, [nbtrain.Dense(1)])
        trainer = nbtrain.Trainer(network, loss="mse", optimizer="by_place", dtype="float64")
    finally:
        nbtrain.unregister(plugin)
    trainer.theta[:] = 0.0
    trainer.train_step([[1.0]], [1.0])
    np.testing.assert_allclose(trainer.theta, -4.0 * trainer.model.gradient)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("if z > 0: return z", "returns nothing (None) on some paths; add the missing `return`"),
        ("return (z, z)", "returns (float64, float64); it must return a number"),
    ],
)
def test_what_a_function_cannot_return(text, words):
    assert words in told(text, "z", lambda value: nbtrain.Activation("wrong", value, one))


@pytest.mark.parametrize(("given", "shown"), [({"c": 0.1}, "{'c': 0.1}"), ([0.1], "[0.1]"), (0.1, "0.1")])
def test_what_prepare_returns_is_looked_at_when_the_optimizer_is_made(given, shown):
    with pytest.raises(
        nbtrain.InputError, match=re.escape(f"prepare must return a tuple of numbers, got {shown}; called")
    ):
        nbtrain.Optimizer("wrong", lambda w, g, slots, prepared, hyper: (w, ()), prepare=lambda t, hyper: given)


@pytest.mark.parametrize("name", ["expit", "softmax"])
def test_functions_of_scipy_are_refused(name):
    function = getattr(pytest.importorskip("scipy.special"), name)
    with pytest.raises(nbtrain.PluginError, match=rf"line \d+: `scipy\.special\.{name}` is not supported"):
        compiler.component(nbtrain.Activation("wrong", lambda z: function(z), one), FLOAT64)


class Holder:
    def value(self, z):
        return z


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (math.tanh, "wrap it: lambda z: math.tanh(z)"),
        (np.tanh, "wrap it: lambda z: np.tanh(z)"),
        (abs, "wrap it: lambda z: abs(z)"),
        (functools.partial(math.atan2, 1.0), "write one that calls it with the numbers filled in"),
        (Holder().value, "move the method to the module"),
        (lambda z, b, _c=0.8: z, "only helpers may have arguments with default values, as _c is"),
    ],
)
def test_what_is_no_plain_function_is_told_how_to_become_one(function, words):
    with pytest.raises(nbtrain.InputError, match=re.escape(words)):
        nbtrain.Activation("wrong", function, one, {"b": 1.0})


# ---- constants


UNSIGNED = {dtype: np.array([1, 2, 200], dtype) for dtype in (np.uint8, np.uint16, np.uint32, np.uint64)}
U8, U64 = UNSIGNED[np.uint8], UNSIGNED[np.uint64]
PAIR, SCALAR, LARGE = (np.uint8(1), np.uint16(2)), np.uint32(3), np.array([2**64 - 1], np.uint64)
TABLE3 = (10.0, 20.0, 30.0)


def by_constant_index(z):
    return (U8[0] - U8[1]) * 1.0 + z + (U64[0] - U64[2]) - U8[1] * z


def signs(z):
    return -U8[1] + abs(U8[0] - U64[1]) * z + (PAIR[0] - PAIR[1]) + (2 - SCALAR)


def in_loops(z):
    total = 0.0 * z
    for u in U64:
        total += u - 3
    for k in range(U8[1]):
        total += (k - SCALAR) * z
    return total


def as_indices(z):
    return TABLE3[U8[0]] + TABLE[U8[1] - 1] * z + U8[int(z)] - U8[2]


def written_inside(z):
    return np.uint8(3) - np.uint8(5) - np.uint64(7) * z + LARGE[0] * 0.0


def single_constants(z):
    return np.float32(0.1) * z + np.float32(1) / np.float32(3) + SINGLE - np.float32(0.1)


SINGLE = np.float32(0.1)
UNSIGNED_CASES = {
    by_constant_index: lambda z: -1.0 + z - 199 - 2 * z,
    signs: lambda z: -2 + z - 1 - 1,
    in_loops: lambda z: (1 + 2 + 200 - 9) + (-3 - 2) * z,
    as_indices: lambda z: 20.0 + 2.0 * z + np.array([1, 2, 200])[z.astype(int)] - 200,
    written_inside: lambda z: -2 - 7 * z,
    single_constants: lambda z: float(SINGLE) * z + 1 / 3,
}


@pytest.mark.parametrize("function", UNSIGNED_CASES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants_of_numpys_types_are_computed_with_as_pythons(function, dtype):
    z = np.array([0.25, 1.5, 2.75] * 4, dtype)
    found = blocks.activation_value(nbtrain.Activation("unsigned", function, one), z, ())
    np.testing.assert_allclose(
        found, UNSIGNED_CASES[function](z.astype(float)), rtol=1e-6 if dtype == "float32" else 1e-14
    )


def test_large_whole_numbers_are_floats_and_pythons_own_limits_are_constants():
    spec = nbtrain.Activation("large", lambda z: z * 10**20 + sys.float_info.epsilon, one)
    z = np.array([0.0, 1.5])
    np.testing.assert_array_equal(blocks.activation_value(spec, z, ()), z * 1e20 + sys.float_info.epsilon)


# ---- rows into rows


def shifted(z, y, slope):
    slope[:] = z
    slope[1:] = slope[:-1]
    return 0.0


def shifted_back(z, y, slope):
    slope[:] = z
    slope[:-1] = slope[1:]
    slope[:1] = y[-1:]
    return slope[0]


def one_for_all(z, y, slope):
    slope[:] = y
    slope[1:] = z[:1]
    return 0.0


def too_long(z, y, slope):
    slope[1:] = z
    return 0.0


@pytest.mark.parametrize("function", [shifted, shifted_back, one_for_all])
def test_a_row_is_copied_into_another_as_numpy_does(function):
    z, y = np.arange(5.0)[None], 10 * np.arange(1.0, 6.0)[None]
    losses, slopes = blocks.loss(nbtrain.Loss("copying", row=function), z, y, ())
    wanted = np.empty(5)
    assert losses[0] == function(z[0], y[0], wanted)
    np.testing.assert_array_equal(slopes[0], wanted)


def test_rows_of_different_lengths_stop_training():
    with pytest.raises(AssertionError, match="a compiled function returned"):
        blocks.loss(nbtrain.Loss("copying", row=too_long), np.ones((1, 3)), np.ones((1, 3)), ())


def turned_round(z, y, slope):
    slope[:] = z
    slope[::-1] = slope[:]
    return 0.0


def test_a_row_is_not_copied_to_a_part_with_steps():
    with pytest.raises(nbtrain.PluginError, match=r"line \d+: part must be a row without steps; write a loop"):
        blocks.loss(nbtrain.Loss("copying", row=turned_round), np.ones((1, 3)), np.ones((1, 3)), ())


# ---- loops


def long_counting():
    """A loop whose body is too long for a jump of one byte."""
    names = {}
    exec("def f(z):\n for i in range(9):\n" + "  z = z * 0.5 + 1.0 - i * z\n" * 80 + " return z", names)
    return names["f"]


def counting(z):
    for _ in range(3):
        z = 0.5 * z
    return z


def waiting(z):
    while z > 1.0:
        z = 0.5 * z
    return z


def waiting_within(z):
    for _ in range(3):
        while True:
            z = 0.5 * z
            if z < 1.0:
                break
    return z


def by_way_of_a_helper(z):
    return waiting(z)


@pytest.mark.parametrize(
    ("function", "whiles", "fors"),
    [
        (one, 0, 0),
        (counting, 0, 1),
        (long_counting(), 0, 1),
        (waiting, 1, 0),
        (waiting_within, 1, 1),
        (by_way_of_a_helper, 1, 0),
    ],
)
def test_loops_are_told_apart(function, whiles, fors):
    functions = reached([function])
    assert sum(map(has_while, functions)) == whiles
    assert sum(map(has_for, functions)) == fors
