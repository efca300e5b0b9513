"""nbtrain.testing: the built-in components pass, and wrong ones are told what to change."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbtrain
from nbtrain import testing
from nbtrain.components.builtin import MODULES
from nbtrain.components.hooks import HOOKS

BUILT_IN = [spec for module in MODULES for hook in HOOKS.values() for spec in getattr(module, hook, tuple)()]


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: f"{spec.kind}-{spec.name}")
def test_the_built_in_components_pass(spec):
    testing.check(spec)


def test_every_kind_of_component_has_a_check():
    assert set(testing.CHECKS) == set(HOOKS)
    for kind, check in testing.CHECKS.items():
        assert check is getattr(testing, f"check_{kind}")
    with pytest.raises(nbtrain.InputError, match=r"spec must be the spec of a component, .* got 'relu'"):
        testing.check("relu")


def overflowing(z):
    return math.log(1.0 + math.exp(z))


def logistic(z):
    return 1.0 / (1.0 + math.exp(-z))


def hiding(z):
    return z if z > 0.0 else 0.0


def cancelling(z):
    return (10000.0 + z) - 10000.0


WRONG_ACTIVATIONS = {
    "wrong slope": (lambda z: z * z, lambda z: z, "slope: at z = .* central differences of value give"),
    "slope of a, from z": (math.tanh, lambda z: 1.0 - z * z, "plain Python function"),
    "overflow": (overflowing, logistic, "value: at z = 89 it gives inf in float32"),
    "hidden NaN": (hiding, lambda z: 1.0 if z > 0.0 else 0.0, "value: NaN becomes 0 .* reverse comparisons"),
    "cancellation": (cancelling, lambda z: 1.0, "value: at z = .* float32 gives"),
    "raising": (lambda z: 1.0 / (z - z), lambda z: 0.0, "value: at z = .* Python raises ZeroDivisionError"),
}


@pytest.mark.parametrize("case", WRONG_ACTIVATIONS)
def test_a_wrong_activation_is_told_what_to_change(case):
    value, slope, told = WRONG_ACTIVATIONS[case]
    with pytest.raises((AssertionError, nbtrain.InputError), match=told):
        testing.check_activation(nbtrain.Activation("wrong", value, slope))


def test_what_cannot_be_compiled_is_told_with_its_line():
    def value(z):
        if z > 1e30:
            raise ValueError("too large")
        return z

    with pytest.raises(AssertionError, match=r"cannot be compiled: .* line \d+: `raise`"):
        testing.check_activation(nbtrain.Activation("wrong", value, lambda z: 1.0))


def test_parameters_are_tried_at_more_than_their_defaults():
    wrong = nbtrain.Activation("scaled", lambda z, b: b * z, lambda z, b: 1.0, {"b": 1.0})
    with pytest.raises(AssertionError, match=r"slope: at z = .* with b=0\.5 it gives 1, .* give 0\.5"):
        testing.check_activation(wrong)


def test_a_component_is_checked_with_its_own_parameters():
    wrong = nbtrain.Activation("scaled", lambda z, b: b * z, lambda z, b: 1.0, {"b": 1.0})
    nbtrain.register(wrong)
    try:
        testing.check_activation(nbtrain.activation("scaled", b=1.0))
        with pytest.raises(AssertionError, match="with b=3 "):
            testing.check_activation(nbtrain.activation("scaled", b=3.0))
    finally:
        nbtrain.unregister(wrong)


# ---- the other kinds: (what is wrong, component, what is told)


def quiet(w, g, slots, prepared, hyper):
    return w - hyper.learning_rate * (1.0 if g > 0.0 else -1.0), ()


def climbing(w, g, slots, prepared, hyper):
    return w + hyper.learning_rate * g, ()


def dividing(w, g, slots, prepared, hyper):
    return w - hyper.learning_rate * g / abs(g), ()


def fixed_rate(w, g, slots, prepared, hyper):
    return w - 0.01 * g, ()


def coarse(w, g, slots, prepared, hyper):
    V = hyper.beta * slots.velocity + (1.0 - hyper.beta) * g
    return w - hyper.learning_rate * V, (V,)


def slow(w, g, slots, prepared, hyper):
    return w - 1e-6 * hyper.learning_rate * g, ()


def forgets_a_slope(z, y, slope):
    slope[0] = z[0] - y[0]
    return 0.5 * (z[0] - y[0]) ** 2


def goes_too_far(z, y, slope):
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[k + 1]
        total += 0.5 * (z[k] - y[k]) ** 2
    return total


def half_the_slope(z, y, slope):
    total = 0.0
    for k in range(z.size):
        slope[k] = 0.5 * (z[k] - y[k])
        total += 0.5 * (z[k] - y[k]) ** 2
    return total


def overflowing_softmax(z, y, slope):
    total = 0.0
    for k in range(z.size):
        total += math.exp(z[k])
    for k in range(z.size):
        slope[k] = math.exp(z[k]) / total - (1.0 if k == y else 0.0)
    return math.log(total) - z[y]


def squares(p, y):
    return (p - y) ** 2


def squares_slope(p, y):
    return 2.0 * (p - y)


Optimizer, Loss, Schedule = nbtrain.Optimizer, nbtrain.Loss, nbtrain.Schedule
BETA = {"beta": nbtrain.Parameter(0.9999, minimum=0.0, below=1.0)}
WRONG = {
    "optimizer hides NaN": (Optimizer("wrong", quiet), "gradient of NaN leaves finite parameters"),
    "optimizer climbs": (Optimizer("wrong", climbing, learning_rate=0.1), "it diverges on a convex problem"),
    "optimizer divides by 0": (Optimizer("wrong", dividing), "Python raises|gradients of 0 make parameters nan"),
    "optimizer ignores the rate": (Optimizer("wrong", fixed_rate), "half the learning rate moves parameters as far"),
    "optimizer spoilt by float32": (
        Optimizer("wrong", coarse, ("velocity",), parameters=BETA, learning_rate=1.0),
        "float32 and float64 differ .* in prepare",
    ),
    "optimizer with a slot that stays 0": (
        Optimizer("wrong", lambda w, g, slots, prepared, hyper: (w - hyper.learning_rate * g, slots), ("mean",)),
        "step: mean of its slots stays 0 with gradients of sizes from 1e-4 to 2e3",
    ),
    "optimizer too slow": (Optimizer("wrong", slow), "take a convex function from .* only"),
    "regularizer's slope": (
        nbtrain.Regularizer("wrong", lambda w: w * w, lambda w: w),
        "slope: at w = .* central differences of penalty",
    ),
    "loss's slope": (Loss("wrong", squares, lambda p, y: p - y), "slope: at p = .*, y = .* central differences"),
    "loss's output": (
        Loss("wrong", squares, squares_slope, output=lambda z: 2.0 * z, minimum=0.0, maximum=1.0),
        "output: at z = .* must be between 0 and 1",
    ),
    "row leaves a slope unset": (Loss("wrong", row=forgets_a_slope), "row: slope.1. of 2 outputs is left unset"),
    "row goes too far": (Loss("wrong", row=goes_too_far), "row: with 1 outputs index 1 is out of bounds"),
    "row's slope": (Loss("wrong", row=half_the_slope), "central differences of the loss"),
    "row overflows": (Loss("wrong", row=overflowing_softmax, target="label"), "row: for z = ±100 it gives NaN"),
    "schedule below 0": (
        Schedule("wrong", lambda t: 0.1 - 0.001 * t),
        r"at t = 101 it must be finite and >= 0, got -0\.001",
    ),
    "schedule raises": (
        Schedule("wrong", lambda t: 1.0 / (t - 3)),
        "at t = 1 it must be .* >= 0, got -0.5",
    ),
    "schedule without a first rate": (
        Schedule("wrong", lambda t: 1.0 / (t - 1.0)),
        "at t = 1 it must be .* >= 0, got inf",
    ),
    "initializer's shape": (
        nbtrain.Initializer("wrong", lambda fan_in, fan_out, rng: rng.normal(size=fan_in)),
        "it must return floats of shape .fan_in, fan_out., got float64",
    ),
    "initializer draws elsewhere": (
        nbtrain.Initializer(
            "wrong", lambda fan_in, fan_out, rng: np.random.default_rng().normal(size=(fan_in, fan_out))
        ),
        "two equal generators give different weights",
    ),
    "constraint that goes on": (
        nbtrain.Constraint("wrong", project=lambda w: 0.5 * w),
        "project: applied twice .* moves them again",
    ),
    "constraint without an answer": (
        nbtrain.Constraint("wrong", scale=lambda norm: 1.0 / norm),
        "scale: weights of about 0 become NaN",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_component_is_told_what_to_change(case):
    spec, told = WRONG[case]
    with pytest.raises(AssertionError, match=told):
        testing.check(spec)


def test_what_is_not_vectorized_is_warned_of_with_the_reason():
    def looping(z):
        x = abs(z)
        while 1.0 < x < 1e300:
            x = 0.5 * x
        return z + 0.0 * x

    slow_code = nbtrain.Activation("slow", looping, lambda z: 1.0)
    with pytest.warns(nbtrain.PluginWarning, match="'slow' is not vectorized in float32: value .* has a `while`"):
        testing.check_activation(slow_code)
