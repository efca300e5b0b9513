"""A loss that leaves the rows which it was given writes nothing there, changes nothing, and is reported."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

import nbtrain
from nbtrain import compiler, kernel
from nbtrain.core import layout
from nbtrain.testing import blocks


def written_beyond(z, y, slope):
    total = 0.0
    for k in range(z.size + 3):
        slope[k] = z[k % z.size] - y[k % z.size]
        total += slope[k % z.size] ** 2
    return 0.5 * total


def far_away(z, y, slope):
    slope[int(1e12 + z[0])] = 1.0
    return z[0]


def read_beyond(z, y, slope):
    for k in range(z.size):
        slope[k] = z[k + 1] - y[k]
    return z[-z.size - 1]


def helper(slope, k):
    slope[k] -= 1.0


def in_a_helper(z, y, slope):
    helper(slope, -z.size - 1)
    return z[0]


def output_beyond(z, out):
    for k in range(z.size + 1):
        out[k] = z[k]


def well(z, y, slope):
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[k]
        total += 0.5 * slope[k] ** 2
    return total


def rows_beyond(z, y, slope, losses, outputs):
    for r in range(0, losses.size + 1):
        losses[r] = z[r * outputs]


BAD = {function.__name__: {"row": function} for function in (written_beyond, far_away, read_beyond, in_a_helper)} | {
    "rows_beyond": {"rows": rows_beyond}
}


def trainer_with(loss, dtype="float32", **options):
    network = nbtrain.Network(3, [nbtrain.Dense(4, "tanh"), nbtrain.Dense(2)])
    return nbtrain.Trainer(network, loss=loss, batch_size=8, dtype=dtype, rng=0, **options)


def samples(dtype="float32"):
    rng = np.random.default_rng(1)
    return rng.normal(size=(20, 3)).astype(dtype), rng.normal(size=(20, 2)).astype(dtype)


@njit
def compiled_step(model, x, y):
    return kernel.train_step(model, x, y)


@pytest.mark.parametrize("name", BAD)
def test_training_says_that_the_loss_failed_and_changes_nothing(name):
    trainer = trainer_with(nbtrain.Loss(name, **BAD[name]))
    X, y = samples()
    before = trainer.theta.copy()
    for work in (
        lambda: trainer.fit(X, y, epochs=2),
        lambda: trainer.train_step(X[:8], y[:8]),
        lambda: trainer.loss_and_gradient(X, y),
        lambda: trainer.evaluate(X, y),
    ):
        with pytest.raises(nbtrain.Error, match=f"^loss '{name}': a function of the loss used an index out of range"):
            work()
    assert np.isnan(compiled_step(trainer.model, X[:8], y[:8]))
    assert trainer.model.status[0] == layout.FAILED
    np.testing.assert_array_equal(trainer.theta, before)
    assert trainer.iteration == 0
    assert trainer.predict(X).shape == (20, 2)


def test_a_member_of_a_team_that_fails_is_heard_of():
    trainer = trainer_with(nbtrain.Loss("written_beyond", row=written_beyond), threads=2)
    with pytest.raises(nbtrain.Error, match="index out of range"):
        trainer.fit(*samples(), epochs=2)


def test_an_output_beyond_its_row_is_reported_by_predictions_alone():
    trainer = trainer_with(nbtrain.Loss("output_beyond", row=well, row_output=output_beyond))
    X, y = samples()
    trainer.fit(X, y, epochs=1)
    with pytest.raises(nbtrain.Error, match="index out of range"):
        trainer.predict(X)
    out = np.zeros((20, 2), np.float32)
    assert njit(lambda model, x, out: kernel.predict(model, x, out))(trainer.model, X, out) == layout.FAILED
    trainer.fit(X, y, epochs=1)


def test_rows_within_their_bounds_are_the_built_in_losses():
    X, y = samples("float64")
    ours, built_in = trainer_with(nbtrain.Loss("well", row=well), "float64"), trainer_with("mse", "float64")
    for trainer in (ours, built_in):
        trainer.fit(X, y, epochs=3)
    np.testing.assert_allclose(ours.theta, built_in.theta, rtol=1e-12)


def test_a_range_whose_step_may_be_zero_is_refused():
    def stepping(z):
        total = z
        for k in range(0, 3, int(z)):
            total = total + k
        return total

    with pytest.raises(nbtrain.PluginError, match=r"line \d+: a `range` whose step may be 0 is not supported"):
        compiler.component(nbtrain.Activation("stepping", stepping, lambda z: 1.0), np.float32)


def counting(z, step):
    for _ in range(0, 5, step):
        z = z + 1.0
    return z


def by_a_constant(z):
    return counting(z, 2)


def by_a_number(z):
    return counting(z, int(z))


def test_a_helper_that_could_raise_is_refused_and_one_that_cannot_is_not():
    np.testing.assert_array_equal(values(by_a_constant, [1.0, -2.0]), [4.0, 1.0])
    with pytest.raises(nbtrain.PluginError, match="activation 'by_a_number': value could raise an exception"):
        values(by_a_number, [1.0])


def calls_itself(z):
    return z if z < 0.0 else calls_itself(z - 1.0)


def one_way(z):
    return z if z < 0.0 else other_way(z - 1.0)


def other_way(z):
    return -z if z < 0.0 else one_way(z - 1.0)


@pytest.mark.parametrize("function", [calls_itself, one_way])
def test_a_function_that_calls_itself_is_refused(function):
    with pytest.raises(nbtrain.PluginError, match=rf"line \d+: recursion \(of {function.__name__}\) is not supported"):
        values(function, [1.0])


def test_elements_that_nobody_looks_at_are_refused():
    def flat(z, y, slope):
        slope.flat[10**9] = 1.0
        return z[0]

    with pytest.raises(nbtrain.PluginError, match=r"line \d+: `\.flat` is not supported"):
        compiler.component(nbtrain.Loss("flat", row=flat), np.float32)


TABLE = (0.5, 1.5, 2.5, 3.5)
ARRAY = np.array(TABLE)


def tuple_part(z):
    return TABLE[1:][int(z)]


def array_part(z):
    part = ARRAY[1:3]
    return part[int(z)]


@pytest.mark.parametrize("function", [tuple_part, array_part])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_index_beyond_a_part_of_a_table_gives_nan(function, dtype):
    numbers = [0.0, 1.0, 2.0, 3.0, -1.0, -2.0, -3.0, -4.0, 7.0, 1e30]

    np.testing.assert_array_equal(values(function, numbers, dtype), [or_nan(function, number) for number in numbers])


def constant_of_a_part(z):
    return ARRAY[int(z) :][2]


def behind_the_end(z):
    return ARRAY[4:][int(z)]


def long(z, table):
    """Too long for LLVM to take it into its callers, where it would see which tables these are."""
    s = z + math.exp(-z * z) * math.sin(z) + math.tanh(z) * math.erf(z) + math.log1p(z * z) + math.atan(z)
    s = s + math.exp(-abs(s)) * math.cos(s) + math.sinh(-s * s / 99.0) + math.exp(-s * s) * math.sin(s) + math.tanh(s)
    return s * table[2] + table[0]


def constant_in_a_helper(z):
    return long(z, TABLE) + long(2 * z, ARRAY) + long(3 * z, TABLE[:3]) + long(4 * z, ARRAY[:3]) + long(5 * z, ARRAY)


@pytest.mark.parametrize("function", [constant_of_a_part, behind_the_end, constant_in_a_helper])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constant_indices_of_parts_and_of_helpers_tables(function, dtype):
    numbers = [0.0, 1.0, 2.0, 3.0, 4.0]

    np.testing.assert_allclose(values(function, numbers, dtype), [or_nan(function, n) for n in numbers], rtol=1e-5)


def extremes(z, y, slope):
    slope[0], slope[1], slope[2] = np.max(z), z.min(), np.amin(z[1:])
    slope[3], slope[4] = np.sum(z), z[y.size - 1]
    return np.mean(z) + np.argmax(z) + z[:3].max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_of_rows_may_call_numpy_on_a_row(dtype):
    z = np.array([[0.5, -1.0, 2.0, 7.0, -3.0], [1.0, 2.0, math.nan, 4.0, 5.0]], dtype)
    slope, losses = np.zeros_like(z), np.empty(2)
    code = compiler.component(nbtrain.Loss("extremes", row=extremes), dtype)
    blocks.call(code.addresses["loss"], *map(blocks.at, (z, z)), 0, *map(blocks.at, (slope, losses)), 2, 5, 0, 1.0)
    wanted = np.zeros_like(z)
    wanted_losses = [extremes(row, row, into) for row, into in zip(z, wanted, strict=True)]
    np.testing.assert_allclose(slope, wanted, rtol=1e-6)
    np.testing.assert_allclose(losses, wanted_losses, rtol=1e-6)


def clipped_target(z, y, slope):
    y[0] = min(max(y[0], 0.0), 1.0)
    return z[0]


def raised_output(z, y, slope):
    z[0] += 1.0
    return z[0]


def lowered_label(z, y, slope, losses, outputs):
    y[0] = y[0] - 1


@pytest.mark.parametrize(
    "forms", [{"row": clipped_target}, {"row": raised_output}, {"rows": lowered_label, "target": "label"}]
)
def test_what_a_loss_is_given_cannot_be_written_to(forms):
    with pytest.raises(nbtrain.PluginError, match=r"line \d+: writing to z, y or a constant is not supported"):
        compiler.component(nbtrain.Loss("writing", **forms), np.float32)


LEFT, FAR = -1, 100


def shifted(z):
    n = 3
    n <<= 2
    return z + (5 >> 1) + (-7 >> 1) + (-1 >> FAR) + (7 >> FAR) + (1 << 5) + n


def shifted_by_odd_counts(z):
    if (1 << LEFT) > 0 or (1 << FAR) != 0 or (8 >> LEFT) != 0:
        return z + 100.0
    return z


def test_shifts_by_any_count_are_defined():
    np.testing.assert_array_equal(values(shifted, [1.0, -2.0]), [shifted(1.0), shifted(-2.0)])
    np.testing.assert_array_equal(values(shifted_by_odd_counts, [1.0, -2.0]), [1.0, -2.0])


def element(z):
    return TABLE[int(z)]


def nearest_element(z):
    return TABLE[round(z)]


def counted(z):
    total = 0.0
    for k in range(np.int64(z)):
        total = total + k
    return total


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_index_of_no_number_is_out_of_range(dtype):
    odd = [math.nan, math.inf, -math.inf, 1e30, -1e30]
    for function, wanted in ((element, [0.5, 2.5]), (nearest_element, [0.5, 3.5])):
        np.testing.assert_array_equal(values(function, [0.4, 2.6, *odd], dtype), [*wanted, *[np.nan] * 5])
    np.testing.assert_array_equal(values(counted, [4.2, *odd], dtype), [6.0, *[0.0] * 5])


def or_nan(function, number):
    """What Python gives, NaN where it raises for an index."""
    try:
        return function(number)
    except IndexError:
        return np.nan


def values(function, numbers, dtype="float32"):
    """What a component of the function gives."""
    code = compiler.component(nbtrain.Activation(function.__name__, function, lambda z: 1.0), dtype)
    z = np.array(numbers, dtype)
    a = np.empty_like(z)
    blocks.call(code.addresses["value"], blocks.at(z), blocks.at(a), z.size, 0)
    return a
