"""Components written in every usual way: right by the formula on arrays, in the model's dtype, and vector code."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from author_components import ACTIVATIONS, ALL, CONSTRAINTS, LOSSES, OPTIMIZERS, REGULARIZERS, SCHEDULES, Entry

from nbtrain import compiler
from nbtrain.compiler.inspect import assembly, is_vectorized, scalar_calls
from nbtrain.testing import blocks

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 4e-6, "float64": 4e-14}
LOOPING = [entry for entry in ALL if entry.spec.kind != "schedule"]
WIDENING = r"v?cvt(ps2pd|ss2sd|si2s|usi2s|dq2pd|qq2pd|tss2si|tps2)|fcvtl|\bscvtf|\bfcvtzs"
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def of(entries: Any) -> Any:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.spec.name)


def close(got: Any, wanted: Any, dtype: str) -> None:
    np.testing.assert_allclose(got, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def numbers(dtype: str) -> Any:
    """Away from the corners at multiples of 1/2."""
    return np.linspace(-4.03, 3.97, 801).astype(dtype)


def differences(function: Any, x: Any, *others: Any) -> Any:
    """Derivative of a function on arrays, by central differences."""
    step = 1e-6
    with np.errstate(all="ignore"):
        return (function(x + step, *others) - function(x - step, *others)) / (2 * step)


@of(LOOPING)
def test_they_are_vector_code_in_float32_without_a_conversion(entry: Entry) -> None:
    assert scalar_calls(entry.spec, "float32") == ()
    assert is_vectorized(entry.spec, "float32") == (True, "")
    code = assembly(entry.spec, "float32")
    if entry.spec.kind == "activation":  # others convert where float64 is wanted: sums and hyperparameters
        assert not re.search(WIDENING, code)


@both_dtypes
@of(ACTIVATIONS)
def test_activations_are_their_formulas(entry: Entry, dtype: str) -> None:
    z, oracle = numbers(dtype), entry.oracle["value"]
    close(blocks.activation_value(entry.spec, z, entry.values), oracle(z.astype(float)), dtype)
    slope = blocks.activation_slope(entry.spec, z, entry.values)
    wanted = differences(oracle, z.astype(float))
    # Where the oracle has a corner, differences across it say nothing.
    smooth = np.abs(differences(oracle, z.astype(float) + 1e-5) - wanted) < 1e-2
    assert smooth.mean() > 0.95
    np.testing.assert_allclose(slope[smooth], wanted[smooth], rtol=2e-5, atol=2e-5)


@both_dtypes
@of(LOSSES)
def test_losses_are_their_formulas(entry: Entry, dtype: str) -> None:
    p = numbers(dtype)[:, None]
    y = np.random.default_rng(1).uniform(-2, 2, p.shape).astype(dtype)
    if entry.spec.name == "focal":
        p, y = (p + 4.1) / 8.2, (y > 0).astype(dtype)
    oracle = entry.oracle["value"]
    losses, slopes = blocks.loss(entry.spec, p, y, entry.values)
    p, y = p.astype(float), y.astype(float)
    close(losses, oracle(p, y)[:, 0], dtype)
    wanted = differences(oracle, p, y)
    smooth = np.abs(differences(oracle, p + 1e-5, y) - wanted) < 1e-2
    assert smooth.mean() > 0.95
    np.testing.assert_allclose(slopes[smooth], wanted[smooth], rtol=3e-5, atol=3e-5)


@both_dtypes
@of(REGULARIZERS)
def test_regularizers_are_their_formulas(entry: Entry, dtype: str) -> None:
    w = np.append(numbers(dtype), np.zeros(1, dtype))
    close(blocks.penalty(entry.spec, w, entry.values), entry.oracle["penalty"](w.astype(float)), dtype)
    close(blocks.penalty_slope(entry.spec, w, entry.values), entry.oracle["slope"](w.astype(float)), dtype)


@both_dtypes
@of(CONSTRAINTS)
def test_constraints_are_their_formulas(entry: Entry, dtype: str) -> None:
    w = numbers(dtype)
    wanted = entry.oracle["project"](w)
    given = np.array(entry.values, dtype)
    address = compiler.component(entry.spec, np.dtype(dtype)).addresses["project"]
    blocks.call(address, blocks.at(w), w.size, blocks.at(given))
    np.testing.assert_array_equal(w, wanted)


@both_dtypes
@of(OPTIMIZERS)
def test_optimizers_step_as_their_formulas(entry: Entry, dtype: str) -> None:
    spec, rng = entry.spec, np.random.default_rng(2)
    code = compiler.component(spec, np.dtype(dtype)).addresses
    hyper = np.array([spec.learning_rate, *(p.default for p in spec.parameters.values())])
    w = rng.normal(size=301).astype(dtype)
    slots = [np.zeros_like(w) for _ in spec.slots]
    pointers = np.array([blocks.at(slot) for slot in slots] or [0])
    oracle_w, oracle_slots = w.astype(float), [np.zeros(w.size) for _ in slots]
    given, prepared = hyper.astype(dtype), np.zeros(8)
    for t in range(1, 6):
        g = rng.normal(size=w.size).astype(dtype)
        if "prepare" in code:
            blocks.call(code["prepare"], t, 0, blocks.at(hyper), blocks.at(prepared))
        now = prepared.astype(dtype)
        blocks.call(
            code["step"], blocks.at(w), blocks.at(g), blocks.at(pointers), w.size, blocks.at(now), blocks.at(given)
        )
        oracle_w = entry.oracle["step"](oracle_w, g.astype(float), oracle_slots, t)
    np.testing.assert_allclose(w, oracle_w, rtol=0, atol={"float32": 2e-5, "float64": 1e-12}[dtype])


@of(SCHEDULES)
def test_schedules_are_their_formulas(entry: Entry) -> None:
    t = np.arange(1, 121)
    given = np.array([p.default for p in entry.spec.parameters.values()])
    address = compiler.component(entry.spec, np.dtype("float64")).addresses["rate"]
    rates = np.zeros(t.size)
    for i in range(t.size):
        blocks.call(address, int(t[i]), blocks.at(given), blocks.at(rates[i:]))
    np.testing.assert_allclose(rates, entry.oracle["rate"](t), rtol=1e-12, atol=1e-15)
