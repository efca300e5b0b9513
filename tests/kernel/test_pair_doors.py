"""The pair's doors in compiled callers: optional arguments, keywords, and errors of types."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numba import njit

import nbtrain
from nbtrain import kernel


@pytest.fixture
def trainer():
    net = nbtrain.Network(3, [nbtrain.Dense(8, "tanh", dropout=0.5), nbtrain.Dense(2)])
    return nbtrain.Trainer(net, loss="softmax_cross_entropy", dtype="float64", batch_size=8, rng=0)


@pytest.fixture
def arrays():
    random = np.random.default_rng(1)
    return random.standard_normal((5, 3)), random.standard_normal((5, 2)), np.empty((5, 2)), np.empty((5, 3))


@njit
def by_position(model, x, delta, out, dx, flag, number):
    return (
        kernel.forward(model, x, out, flag, number)
        + kernel.backward(model, x, delta, dx, flag)
        + kernel.backward(model, x, delta, None, False)
        + kernel.backward(model, x, delta, dx)
        + kernel.input_gradient(model, x, delta, dx)
    )


@njit
def by_keyword(model, x, delta, out, dx, flag, number):
    return (
        kernel.forward(model, x, out=out, draw=number, training=flag)
        + kernel.backward(model, x, delta, accumulate=flag, dx=dx)
        + kernel.backward(model, x, delta, dx=None)
        + kernel.backward(model, x, delta=delta, accumulate=False, dx=dx)
        + kernel.input_gradient(model, x, dx=dx, delta=delta)
    )


@njit
def literal(model, x, delta, out, dx):
    return (
        kernel.forward(model, x, out, training=False)
        + kernel.forward(model, x, out, draw=3)
        + kernel.forward(model, x, out)
        + kernel.backward(model, x, delta, dx=None, accumulate=True)
        + kernel.backward(model, x, delta)
    )


def test_arguments_are_taken_by_position_and_keyword(trainer, arrays):
    x, delta, out, dx = arrays
    results = []
    for function in (by_position, by_keyword):
        for flag, number in ((True, 0), (False, np.int32(3)), (np.True_, np.uint8(7)), (True, np.uint64(7))):
            assert function(trainer.model, x, delta, out, dx, flag, number) == 0
            wanted = trainer.forward(x, bool(flag), int(number))
            np.testing.assert_array_equal(out, wanted)
            results.append((trainer.backward(x, delta).copy(), dx.copy()))
    for first, second in zip(results, results[4:], strict=False):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(results[2][1], results[3][1])
    assert literal(trainer.model, x, delta, out, dx) == 0
    np.testing.assert_array_equal(out, trainer.forward(x))


def test_the_doors_are_functions_of_python_too(trainer, arrays):
    x, delta, out, dx = arrays
    assert kernel.forward(trainer.model, x, out, draw=2) == 0
    assert kernel.backward(trainer.model, x, delta, dx, accumulate=False) == 0
    np.testing.assert_array_equal(out, trainer.forward(x, draw=2))
    wanted = np.empty_like(dx)
    trainer.backward(x, delta, wanted)
    np.testing.assert_array_equal(dx, wanted)


def refusal(function, *arguments, **named):
    """What a call says, in one line, that compiled code refuses while it is typed."""
    with pytest.raises(nbtrain.InputError) as raised:
        function(*arguments, **named)
    assert isinstance(raised.value, TypeError)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@njit
def caller(model, x, delta, out, dx, flag, number):
    status = kernel.forward(model, x, out, flag, number)
    return status + kernel.backward(model, x, delta, dx, flag)


CALL = "status = kernel.forward("
LINE = next(i for i, line in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), 1) if CALL in line)
WRONG = {
    "out": (2, lambda out: out.astype(np.float32), "out must be a C-contiguous float64 array of shape (m, outputs), "
            "got array(float32, 2d, C); use np.empty((len(x), outputs), np.float64)", 0),
    "training": (4, lambda _: 1, "training must be a bool, got int64", 0),
    "no training": (4, lambda _: None, "training must be a bool, got none", 0),
    "draw": (5, lambda _: 1.5, "draw must be an integer, got float64", 0),
    "draw of a list": (5, lambda _: np.ones(2), "draw must be an integer, got array(float64, 1d, C)", 0),
    "delta": (1, lambda delta: np.asfortranarray(delta), "delta must be a C-contiguous float64 array of shape "
              "(m, outputs), got array(float64, 2d, F); use np.ascontiguousarray(delta)", 1),
    "delta of one column": (1, lambda delta: delta[:, 0].copy(), "delta must be a C-contiguous float64 array of shape "
                            "(m, outputs), got array(float64, 1d, C); use delta.reshape(1, -1) for a single sample", 1),
    "dx": (3, lambda dx: dx.astype(np.float32), "dx must be a C-contiguous float64 array of shape (m, inputs), got "
           "array(float32, 2d, C); use np.empty((len(x), inputs), np.float64)", 1),
    "dx as a flag": (3, lambda dx: True, "dx must be a C-contiguous float64 array of shape (m, inputs), got bool", 1),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_type_is_told_in_one_line_with_the_argument_and_the_place(case, trainer, arrays):
    place, change, message, line = WRONG[case]
    x, delta, out, dx = arrays
    arguments = [x, delta, out, dx, True, 0]
    arguments[place] = change(arguments[place])
    assert refusal(caller, trainer.model, *arguments) == (f"nbtrain.kernel: {message} ({__file__}, line {LINE + line})")


def test_arrays_that_cannot_be_written_to_are_refused(trainer, arrays):
    x, delta, out, dx = arrays
    out.flags.writeable = dx.flags.writeable = False
    told = "must be writable, got a read-only array"
    assert f"out {told}" in refusal(kernel.forward, trainer.model, x, out)
    assert f"dx {told}" in refusal(kernel.backward, trainer.model, x, delta, dx)
    assert f"dx {told}" in refusal(kernel.input_gradient, trainer.model, x, delta, dx)


def test_an_optional_dx_and_a_trainer_are_refused(trainer, arrays):
    x, delta, out, dx = arrays

    @njit
    def maybe(model, x, delta, dx, wanted):
        target = dx if wanted else None
        return kernel.backward(model, x, delta, target)

    assert (
        refusal(maybe, trainer.model, x, delta, dx, True)
        .split(" (/")[0]
        .endswith("call once with dx and once without, in two branches")
    )
    told = "model must be a trainer's model, got a Trainer; pass trainer.model"
    for call in (
        lambda: kernel.forward(trainer, x, out),
        lambda: kernel.backward(trainer, x, delta),
        lambda: kernel.input_gradient(trainer, x, delta, dx),
    ):
        assert told in refusal(call)
