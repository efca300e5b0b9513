"""nbtrain.testing: the built-in components pass, and wrong ones are told what to change."""

from __future__ import annotations

import math

import pytest

import nbtrain
from nbtrain import testing
from nbtrain.builtin import activations

ACTIVATIONS = {spec.name: spec for spec in activations.nbtrain_activations()}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_built_in_activations_pass(name):
    testing.check_activation(name)


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
    "hidden NaN": (hiding, lambda z: 1.0 if z > 0.0 else 0.0, "value: NaN becomes 0 .* turn comparisons round"),
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

    with pytest.raises(AssertionError, match=r"cannot be compiled: .* line \d+ can raise"):
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
