"""A model by its address: in callbacks that C calls, which take no arrays."""

from __future__ import annotations

import ctypes

import numba
import numpy as np
import pytest
from numba import carray, cfunc, njit

import nbtrain
from nbtrain import kernel
from nbtrain.core import layout
from nbtrain.kernel.address import model_type

DTYPES = ("float32", "float64")


def make(dtype="float64", outputs=1, **options):
    network = nbtrain.Network(2, [nbtrain.Dense(8, "tanh"), nbtrain.Dense(outputs)])
    return nbtrain.Trainer(network, loss="mse", dtype=dtype, rng=0, **options)


def address(trainer):
    return trainer.model.descriptor.ctypes.data


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_type_is_that_of_a_trainers_model(dtype, optimizer):
    assert numba.typeof(make(dtype, optimizer=optimizer).model) == model_type(numba.from_dtype(np.dtype(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_by_its_address_trains_the_trainer(dtype):
    number = np.dtype(dtype).type
    ours, theirs = make(dtype), make(dtype)
    x = np.random.default_rng(0).normal(size=(16, 2)).astype(dtype)
    y = x[:, :1] * x[:, 1:]

    @njit
    def step(address, x, y):
        model = kernel.model_at(address, number)
        loss = kernel.train_step(model, x, y)
        return loss, model.theta.copy(), model.state.copy(), model.iteration[0], model.gradient.copy()

    @njit
    def rate(address, value):
        kernel.model_at(address, number).learning_rate[0] = value

    rate(address(ours), 0.05)
    theirs.learning_rate = 0.05
    for _ in range(3):
        loss, theta, state, iteration, gradient = step(address(ours), x, y)
        assert loss == theirs.train_step(x, y)
    np.testing.assert_array_equal(theta, theirs.theta)
    np.testing.assert_array_equal(ours.theta, theirs.theta)
    np.testing.assert_array_equal(state, theirs.model.state)
    np.testing.assert_array_equal(gradient, theirs.model.gradient)
    assert iteration == 3


def test_a_callback_of_scipy_integrates_a_network():
    scipy = pytest.importorskip("scipy")
    from scipy.integrate import quad

    trainer = make()

    @cfunc("float64(intc, CPointer(float64), voidptr)")
    def integrand(count, point, data):
        model = kernel.model_at(carray(data, 1, np.int64)[0], np.float64)
        x, out = carray(point, (1, 2)), np.empty((1, 1))
        kernel.predict(model, x, out)
        return out[0, 0]

    place = np.array([address(trainer)])
    function = scipy.LowLevelCallable(integrand.ctypes, place.ctypes.data_as(ctypes.c_void_p))
    found, _ = quad(function, -1.0, 2.0, args=(0.5,))
    grid = np.linspace(-1, 2, 20_001)
    values = trainer.predict(np.column_stack([grid, np.full_like(grid, 0.5)]))[:, 0]
    assert found == pytest.approx(np.trapezoid(values, grid), abs=1e-8)


def test_what_is_no_model_of_the_dtype_has_no_parameters_and_is_refused():
    trainer = make("float32")
    copied = trainer.model.descriptor.copy()

    @njit
    def use(address, x, y, out, work):
        model = kernel.model_at(address, np.float64)
        model.learning_rate[0] = 3.0  # harms nobody
        w, _ = kernel.layer(model, 0)
        statuses = (
            kernel.status_of(kernel.train_step(model, x, y)),
            kernel.predict(model, x, out),
            kernel.predict_with(model, x, out, work),
            kernel.update(model),
            kernel.copy(model, model),
            kernel.regularize(model, 1.0),
            kernel.status_of(kernel.gradient_norm(model)),
            kernel.status(model),
        )
        return statuses, (model.theta.size, model.gradient.size, model.state.size, w.size, kernel.work_size(model, 3))

    for at in (0, address(trainer), copied.ctypes.data):
        statuses, sizes = use(at, np.ones((3, 2)), np.ones((3, 1)), np.empty((3, 1)), np.empty(10_000, np.uint8))
        assert set(statuses) == {layout.WRONG_MODEL}
        assert set(sizes) == {0}
    assert trainer.iteration == 0


def test_arguments_of_other_types_are_refused_by_name():
    @njit
    def made(address, dtype):
        return kernel.status(kernel.model_at(address, dtype))

    trainer = make()
    where = address(trainer)
    assert made(where, np.dtype("float64")) == 0
    for wrong, told in [
        ((where, np.int32), r"dtype must be np\.float32 or np\.float64, got class\(int32\)"),
        ((where, 8), r"dtype must be np\.float32 or np\.float64, got int64"),
        ((1.5, np.float64), "address must be an integer, got float64"),
    ]:
        with pytest.raises(nbtrain.InputError, match=told):
            made(*wrong)
