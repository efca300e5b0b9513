"""The parameters of models in compiled code: copied, blended, regularized, measured, layer by layer."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from numba import njit

import nbtrain
from nbtrain import kernel
from nbtrain.core import layout

DTYPES = ("float32", "float64")


def make(rng=0, dtype="float32", sizes=(3, 5, 2), activation="tanh", **options):
    layers = [nbtrain.Dense(units, activation) for units in sizes[1:-1]] + [nbtrain.Dense(sizes[-1])]
    options = {"loss": "mse", "batch_size": 8} | options
    return nbtrain.Trainer(nbtrain.Network(sizes[0], layers), rng=rng, dtype=dtype, **options)


def samples(dtype="float32", rows=12):
    random = np.random.default_rng(1)
    return random.normal(size=(rows, 3)).astype(dtype), random.normal(size=(rows, 2)).astype(dtype)


@njit
def blend(target, source, tau):
    return kernel.blend(target, source, tau)


@njit
def copy(target, source):
    return kernel.copy(target, source)


@njit
def views(model, i):
    return kernel.layer(model, i)


@njit
def regularize(model, m):
    return kernel.regularize(model, m)


@njit
def gradient_norm(model):
    return kernel.gradient_norm(model)


@pytest.mark.parametrize("dtype", DTYPES)
def test_blend_is_the_formula_to_rounding(dtype):
    target, source = make(0, dtype), make(1, dtype)
    exact = np.float64 if dtype == "float32" else np.longdouble
    for tau in (0.005, 0.25, 1 / 3, 0.999):
        before = target.theta.astype(exact)
        wanted = ((1 - exact(tau)) * before + exact(tau) * source.theta.astype(exact)).astype(dtype)
        assert blend(target.model, source.model, tau) == 0
        largest = np.maximum(np.abs(before), np.abs(source.theta)).astype(np.float64)
        assert (np.abs(target.theta - wanted) <= 2 * np.finfo(dtype).eps * largest).all()
        assert not np.array_equal(target.theta, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_ends_of_a_blend_are_exact_whatever_the_numbers(dtype):
    target, source = make(0, dtype), make(1, dtype)
    source.theta[:4] = np.nan, np.inf, -0.0, np.finfo(dtype).tiny / 4
    before = target.theta.copy()
    for nothing in (0, 0.0):  # an integer is a number
        assert blend(target.model, source.model, nothing) == 0
        np.testing.assert_array_equal(target.theta, before)
    target.theta[:] = np.inf
    assert blend(target.model, source.model, 1) == 0
    assert target.theta.tobytes() == source.theta.tobytes()


def test_a_copy_is_of_the_parameters_alone():
    X, y = samples()
    source = make(1, activation="relu", loss="mse", optimizer="sgd")
    target, twin = make(0), make(0)
    for trainer in (target, twin):
        trainer.fit(X, y, epochs=2)
    state, rate = target.model.state.copy(), target.learning_rate
    assert copy(target.model, source.model) == 0
    np.testing.assert_array_equal(target.theta, source.theta)
    np.testing.assert_array_equal(target.model.state, state)
    assert (target.iteration, target.epoch, target.learning_rate) == (twin.iteration, twin.epoch, rate)
    twin.theta[:] = source.theta  # and the training continues from there
    assert target.fit(X, y, epochs=2)["loss"] == twin.fit(X, y, epochs=2)["loss"]


OTHERS = [{"sizes": (7, 4)}, {"sizes": (3, 4, 2)}, {"sizes": (3, 5, 2, 2)}, {"dtype": "float64"}]


@pytest.mark.parametrize("options", OTHERS, ids=str)
def test_another_network_or_dtype_is_refused(options):
    target, source = make(0), make(1, **options)
    if options == OTHERS[0]:
        assert target.theta.size == source.theta.size
    before = target.theta.copy(), source.theta.copy()
    for one, other in ((target, source), (source, target)):
        assert blend(one.model, other.model, 0.5) == layout.OTHER_NETWORK
        assert copy(one.model, other.model) == layout.OTHER_NETWORK
        assert (one.model.status[0], other.model.status[0]) == (layout.OTHER_NETWORK, layout.OTHER_NETWORK)
    np.testing.assert_array_equal(target.theta, before[0])
    np.testing.assert_array_equal(source.theta, before[1])
    assert "different sizes" in nbtrain.status.WORDS[layout.OTHER_NETWORK]
    assert np.isfinite(target.train_step(*samples()))  # both can be used afterwards
    assert gradient_norm(source.model) == 0.0


@pytest.mark.parametrize("tau", [-0.001, 1.001, np.nan, np.inf, 2])
def test_a_tau_outside_0_and_1_changes_nothing(tau):
    target, source = make(0), make(1)
    before = target.theta.copy()
    assert blend(target.model, source.model, tau) == layout.WRONG_TAU
    np.testing.assert_array_equal(target.theta, before)


def test_a_busy_model_on_either_side_changes_nothing_and_locks_nothing():
    target, source = make(0), make(1)
    before = target.theta.copy()
    for busy in (target, source):
        busy.engine.descriptor["busy"] = layout.CALL  # as if another thread were inside
        assert blend(target.model, source.model, 0.5) == layout.BUSY
        assert copy(target.model, source.model) == layout.BUSY
        np.testing.assert_array_equal(target.theta, before)
        assert [each.engine.descriptor["busy"][0] for each in (target, source)].count(layout.FREE) == 1
        assert (target.model.status[0], source.model.status[0]) == (0, 0)
        busy.engine.descriptor["busy"] = layout.FREE
    assert copy(target.model, source.model) == 0


def test_a_model_and_itself():
    target = make(0)
    before = target.theta.copy()
    assert copy(target.model, target.model) == 0
    assert blend(target.model, target.model, 0.3) == 0
    np.testing.assert_array_equal(target.theta, before)
    assert target.engine.descriptor["busy"][0] == layout.FREE
    target.engine.descriptor["busy"] = layout.CALL
    assert copy(target.model, target.model) == layout.BUSY


def test_a_model_with_other_arrays_is_refused():
    target, source = make(0), make(1)
    replaced = source.model._replace(theta=source.theta.copy())
    before = target.theta.copy()
    assert copy(target.model, replaced) == layout.WRONG_MODEL
    assert copy(replaced, target.model) == layout.WRONG_MODEL
    assert [array.size for array in views(replaced, 0)] == [0, 0]
    assert nbtrain.kernel.status_of(gradient_norm(replaced)) == layout.WRONG_MODEL
    assert regularize(replaced, 1) == layout.WRONG_MODEL
    np.testing.assert_array_equal(target.theta, before)


def test_two_threads_that_copy_in_opposite_directions_never_wait_for_each_other():
    one, other = make(0, sizes=(3, 64, 2)), make(1, sizes=(3, 64, 2))
    one.theta[:], other.theta[:] = 1.0, 2.0

    @njit(nogil=True)
    def often(target, source, count):
        done = 0
        for _ in range(count):
            done += kernel.copy(target, source) == 0
        return done

    often(one.model, one.model, 1)
    done = []
    pairs = [(one, other), (other, one)] * 2
    threads = [threading.Thread(target=lambda a=a, b=b: done.append(often(a.model, b.model, 20_000))) for a, b in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) > 0
    for trainer in (one, other):  # whole copies only
        assert np.ptp(trainer.theta) == 0.0
        assert trainer.theta[0] in (1.0, 2.0)
        assert trainer.engine.descriptor["busy"][0] == layout.FREE


@pytest.mark.parametrize("dtype", DTYPES)
def test_regularize_adds_the_penalty_of_m_samples(dtype):
    X, y = samples(dtype)
    plain, own = make(0, dtype), make(0, dtype, regularizer=nbtrain.regularizer("l2", strength=0.3))
    plain.loss_and_gradient(X, y)
    wanted = own.loss_and_gradient(X, y)[1]
    own.model.gradient[:] = plain.model.gradient
    assert regularize(own.model, 12.0) == 0
    np.testing.assert_allclose(own.model.gradient, wanted, rtol=1e-6 if dtype == "float32" else 1e-14)
    weights = own.network.weight_count
    by_hand = plain.model.gradient[:weights] + 0.3 * own.theta[:weights] / 12
    np.testing.assert_allclose(own.model.gradient[:weights], by_hand, rtol=1e-5 if dtype == "float32" else 1e-13)
    assert regularize(plain.model, 5) == 0  # without a regularizer nothing is added
    np.testing.assert_array_equal(plain.model.gradient, plain.loss_and_gradient(X, y)[1])


@pytest.mark.parametrize("m", [0, 0.0, -1.0, np.nan, np.inf, 5e-324])
def test_regularize_refuses_what_is_no_number_of_samples(m):
    trainer = make(0, regularizer="l2")
    before = trainer.model.gradient.copy()
    assert regularize(trainer.model, m) == layout.WRONG_M
    np.testing.assert_array_equal(trainer.model.gradient, before)


def test_gradients_of_two_losses_and_a_penalty_make_the_step_of_their_sum():
    """Accumulated by hand, as an actor-critic program does."""
    X, y = samples("float64")
    made = [make(0, "float64", regularizer="l2", optimizer="momentum", batch_size=12) for _ in range(2)]

    @njit
    def steps(model, x, y, count):
        half = len(x) // 2
        for _ in range(count):
            total = np.zeros_like(model.gradient)
            for first in (0, half):
                kernel.loss_and_gradient(model, x[first : first + half], y[first : first + half])
                total += 0.5 * model.gradient
            model.gradient[:] = total
            kernel.update(model)

    plain = make(0, "float64", regularizer=None, optimizer="momentum", batch_size=12)
    steps(plain.model, X, y, 1)
    unpenalized = plain.model.gradient.copy()
    made[0].train_step(X, y)
    made[1].model.gradient[:] = unpenalized
    assert regularize(made[1].model, len(X)) == 0
    assert kernel.update(made[1].model) == 0
    np.testing.assert_allclose(made[1].theta, made[0].theta, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_norm_of_a_gradient(dtype):
    trainer, random = make(0, dtype, sizes=(3, 40, 2)), np.random.default_rng(0)
    gradient = trainer.model.gradient
    for scale in (1.0, 1e-30, 1e30) if dtype == "float32" else (1.0, 1e-200, 1e-310, 1e200, 1e306):
        gradient[:] = (scale * random.normal(size=gradient.size)).astype(dtype)
        wanted = scale * np.linalg.norm(gradient.astype(np.longdouble) / np.longdouble(scale))
        assert gradient_norm(trainer.model) == pytest.approx(float(wanted), rel=1e-12)
    gradient[:] = 0.0
    assert gradient_norm(trainer.model) == 0.0
    gradient[7] = -np.inf
    assert gradient_norm(trainer.model) == np.inf
    gradient[9] = np.nan
    norm = gradient_norm(trainer.model)
    assert np.isnan(norm)
    assert kernel.status_of(norm) == 0  # it is the gradient's own
    trainer.engine.descriptor["busy"] = layout.CALL
    assert kernel.status_of(gradient_norm(trainer.model)) == layout.BUSY


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_are_views(dtype):
    trainer = make(0, dtype, sizes=(3, 5, 7, 2))
    for i, (w, b) in enumerate(trainer.weights):
        for index in (i, i - 3, np.uint8(i)):
            found = views(trainer.model, index)
            np.testing.assert_array_equal(found[0], w)
            np.testing.assert_array_equal(found[1], b)
    for index in (3, -4, 10**15, -(10**15)):
        assert [array.shape for array in views(trainer.model, index)] == [(0, 0), (0,)]

    @njit
    def halve(model, i):
        w, b = kernel.layer(model, i)
        w *= 0.5
        b += 1.0

    wanted = trainer.weights[1][0] * trainer.dtype.type(0.5), trainer.weights[1][1] + 1
    others = trainer.weights[0][0].copy(), trainer.weights[2][0].copy()
    halve(trainer.model, 1)
    np.testing.assert_array_equal(trainer.weights[1][0], wanted[0])
    np.testing.assert_array_equal(trainer.weights[1][1], wanted[1])
    np.testing.assert_array_equal(trainer.weights[0][0], others[0])
    np.testing.assert_array_equal(trainer.weights[2][0], others[1])


def test_a_layer_keeps_its_model_alive():
    trainer = make(0, sizes=(3, 50, 2))
    w, b = views(trainer.model, 0)
    wanted = w.copy()
    del trainer
    gc.collect()
    rest = [make(seed, sizes=(3, 50, 2)) for seed in range(5)]  # which would take the memory
    np.testing.assert_array_equal(w, wanted)
    assert len(rest) == 5
    assert b.shape == (50,)


def refusal(function, *arguments):
    """What a call says, in one line, that compiled code refuses while it is typed."""
    with pytest.raises(nbtrain.InputError) as raised:
        function(*arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_arguments_of_other_types_are_refused_by_name():
    trainer = make(0)
    model = trainer.model
    assert "source must be a trainer's model, got a Trainer; pass trainer.model" in refusal(copy, model, trainer)
    assert "target must be a trainer's model, got float64; pass trainer.model" in refusal(copy, 1.0, model)
    assert "tau must be a number, got unicode_type" in refusal(blend, model, model, "0.5")
    assert "m must be a number, got none" in refusal(regularize, model, None)
    assert "i must be an integer, got float64" in refusal(views, model, 0.5)
