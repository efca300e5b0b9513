"""Training runs against the plain NumPy oracle, and what is promised about them."""

from __future__ import annotations

import numpy as np
import pytest
from common import LABEL_LOSSES, assert_close, data, network, pair, theta
from oracle import LOSSES, OPTIMIZERS

import nbtrain
from nbtrain.core.matmul import sizes
from nbtrain.core.update import fused

SIZES = (4, 9, 6, 3)
LARGE = (420, 150, 33, 2)
HYPER = {
    "sgd": {"learning_rate": 0.05},
    "momentum": {"learning_rate": 0.05, "beta": 0.8},
    "rmsprop": {"learning_rate": 0.003, "beta": 0.85, "epsilon": 1e-6},
    "adam_epsilon_hat": {"learning_rate": 0.003, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6},
    "adam": {"learning_rate": 0.01, "beta1": 0.85, "beta2": 0.99, "epsilon": 1e-6},
}
ACTIVATIONS = ["tanh", ("leaky_relu", 0.1), "identity"]


# ---- whole runs


@pytest.mark.parametrize("custom", [False, True], ids=["defaults", "custom"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_of_100_iterations_is_the_oracles(optimizer, custom):
    hyper = HYPER[optimizer] if custom else {}
    options = {"batch_size": 8, "shuffle": False}
    trainer, oracle = pair(SIZES, ACTIVATIONS, "mse", optimizer, hyper=hyper, l2=0.3, **options)
    X, y = data("mse", 80, SIZES[0], SIZES[-1])
    history = trainer.fit(X, y, epochs=10)
    assert_close(history["loss"], oracle.fit(X, y, 10, 8), 1e-10)
    assert_close(theta(trainer), oracle.theta, 1e-10)
    assert int(trainer.model.iteration[0]) == oracle.t == 100


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "leaky_relu", "identity"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_activation_and_loss_trains_as_the_oracle_does(loss, activation):
    layers = [activation, activation, "identity"]
    trainer, oracle = pair(SIZES, layers, loss, "adam", l2=0.1, batch_size=16, shuffle=False)
    X, y = data(loss, 48, SIZES[0], SIZES[-1])
    history = trainer.fit(X, y, epochs=34)
    assert_close(history["loss"], oracle.fit(X, y, 34, 16), 1e-10)
    assert_close(theta(trainer), oracle.theta, 1e-10)
    assert_close(trainer.predict(X), oracle.predict(X), 1e-10)
    assert_close(trainer.evaluate(X, y)["loss"], oracle.data_loss(X, y), 1e-10)


@pytest.mark.parametrize("sizes", [(3, 1), (1, 1), (5, 3, 3, 3, 3, 2), (2, 70, 33, 1)], ids=str)
@pytest.mark.parametrize("batch_size", [1, 7, 33, 1000])
def test_networks_of_any_depth_and_width(sizes, batch_size):
    layers = ["tanh"] * (len(sizes) - 2) + ["identity"]
    trainer, oracle = pair(sizes, layers, "mse", "momentum", batch_size=batch_size, shuffle=False)
    X, y = data("mse", 33, sizes[0], sizes[-1])
    trainer.fit(X, y, epochs=3)
    oracle.fit(X, y, 3, batch_size)
    assert_close(theta(trainer), oracle.theta, 1e-11)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_large_networks_whose_weights_are_updated_block_by_block(optimizer):
    """Batches of 64 and 36 samples, and one of 150, which is gone through in pieces and updates all weights at once."""
    trainer, oracle = pair(LARGE, ACTIVATIONS, "mse", optimizer, l2=0.2, batch_size=64, shuffle=False)
    X, y = data("mse", 100, LARGE[0], LARGE[-1])
    history = trainer.fit(X, y, epochs=3)
    assert_close(history["loss"], oracle.fit(X, y, 3, 64), 1e-10)
    X, y = data("mse", 150, LARGE[0], LARGE[-1])
    assert_close(trainer.train_step(X, y), oracle.train_step(X, y), 1e-10)
    assert_close(theta(trainer), oracle.theta, 1e-9)


def test_large_networks_with_dropout_sample_weights_and_labels():
    sizes, loss = (420, 150, 33, 3), "softmax_cross_entropy"
    trainer, oracle = pair(sizes, ACTIVATIONS, loss, "adam", l2=0.2, dropout=[0.4, 0.0, 0.0], batch_size=64)
    X, y = data(loss, 64, sizes[0], sizes[-1])
    weight = np.random.default_rng(2).uniform(0, 2, 64)
    for _ in range(3):
        found = trainer.train_step(X, y, weight)
        kept = trainer.engine.memory.array("mask0")[: 64 * 150].reshape(64, 150) != 0
        assert 0.5 < kept.mean() < 0.7
        assert_close(found, oracle.train_step(X, y, weight, [kept, None, None]), 1e-10)
    assert_close(theta(trainer), oracle.theta, 1e-10)


def test_accuracy_of_a_large_network_is_that_before_each_update():
    sizes, loss = (420, 150, 33, 3), "softmax_cross_entropy"
    trainer, oracle = pair(sizes, ACTIVATIONS, loss, "adam", batch_size=100, shuffle=False)
    X, y = data(loss, 100, sizes[0], sizes[-1])
    for _ in range(3):
        right = (oracle.predict(X).argmax(axis=1) == y).mean()
        assert trainer.fit(X, y, epochs=1)["accuracy"] == [right]
        oracle.train_step(X, y)


def test_large_is_large_enough_to_be_trained_block_by_block():
    trainer, _ = pair(LARGE, ACTIVATIONS, "mse", dtype="float32")
    assert trainer.theta.nbytes > fused.LARGE
    assert LARGE[0] > sizes.BLOCK_ROWS
    assert LARGE[1] >= sizes.PACK_LEFT_COLUMNS


def test_a_loss_that_is_not_finite_changes_no_weight_of_a_large_network():
    trainer, _ = pair(LARGE, ACTIVATIONS, "mse", "adam", batch_size=64)
    X, y = data("mse", 64, LARGE[0], LARGE[-1])
    trainer.train_step(X, y)
    before = theta(trainer).copy(), trainer.model.state.copy()
    with pytest.raises(nbtrain.DivergenceError, match="no parameter was changed"):
        trainer.train_step(X, np.where(y > 1, 1e200, y))
    assert (theta(trainer) == before[0]).all()
    assert (trainer.model.state == before[1]).all()


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_iteration_has_its_own_learning_rate(optimizer, scheduled):
    """Set by hand or by a schedule, and lowered on the way."""
    trainer, oracle = pair(SIZES, ACTIVATIONS, "mse", optimizer)
    if scheduled:
        rate = nbtrain.schedule("exponential", rate=0.02, factor=0.5, steps=2)
        net = trainer.network
        own = nbtrain.optimizer(optimizer, learning_rate=rate)
        trainer, weights = nbtrain.Trainer(net, loss="mse", optimizer=own, dtype="float64", rng=0), trainer.weights
        trainer.set_weights(weights)
    X, y = data("mse", 20, SIZES[0], SIZES[-1])
    rates = []
    for step, by_hand in enumerate((0.02, 0.001, 0.005, 0.0, 0.02, 0.03)):
        if not scheduled:
            trainer.model.learning_rate[...] = by_hand
        if step == 3:
            trainer.scale_learning_rate(0.1)
        trainer.train_step(X, y)
        rates.append(trainer.learning_rate)
        assert scheduled or rates[-1] == pytest.approx(by_hand * (0.1 if step >= 3 else 1.0))
        oracle.hyper["learning_rate"] = rates[-1]
        oracle.train_step(X, y)
    assert len(set(rates)) == 6
    assert_close(theta(trainer), oracle.theta, 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_train_step_is_one_iteration_of_the_oracle(loss):
    trainer, oracle = pair(SIZES, ACTIVATIONS, loss, "rmsprop", l2=0.2)
    for seed, samples in enumerate((5, 32, 1, 50)):
        X, y = data(loss, samples, SIZES[0], SIZES[-1], seed)
        assert_close(trainer.train_step(X, y), oracle.train_step(X, y), 1e-12)
        assert_close(theta(trainer), oracle.theta, 1e-11)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_float32_run_agrees_with_the_float64_run(loss):
    layers = ["tanh", "relu", "identity"]
    X, y = data(loss, 64, SIZES[0], SIZES[-1])
    runs = []
    for dtype in ("float32", "float64"):
        options = {"batch_size": 16, "shuffle": False, "dtype": dtype}
        trainer, _ = pair(SIZES, layers, loss, "momentum", l2=0.1, **options)
        runs.append((trainer.fit(X, y, epochs=25)["loss"], theta(trainer), trainer.predict(X)))
    for single, double in zip(*runs, strict=True):
        assert_close(single, double, 1e-4)


# ---- mini-batches


def test_the_last_batch_counts_with_its_own_size():
    trainer, oracle = pair((2, 3, 1), ["tanh", "identity"], "mse", l2=5.0, batch_size=8, shuffle=False)
    X, y = data("mse", 17, 2, 1)
    history = trainer.fit(X, y, epochs=4)
    assert_close(history["loss"], oracle.fit(X, y, 4, 8), 1e-12)
    assert_close(theta(trainer), oracle.theta, 1e-12)
    assert int(trainer.model.iteration[0]) == 12


def visited(trainer, samples, rate):
    """Order in which an epoch took the samples: at every step the bias takes `rate` of what is left."""
    trainer.set_weights([(np.zeros((samples, 1)), np.zeros(1))])
    trainer.fit(np.eye(samples), np.ones((samples, 1)), epochs=1)
    steps = np.log(trainer.weights[0][0][:, 0] / rate) / np.log(1 - rate)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
    return np.argsort(np.round(steps).astype(int)), sorted(np.round(steps).astype(int))


def one_by_one(shuffle, seed=0, samples=40, rate=2**-6):
    optimizer = nbtrain.optimizer("sgd", learning_rate=rate)
    options = {"batch_size": 1, "shuffle": shuffle, "dtype": "float64", "rng": seed}
    return nbtrain.Trainer(network((samples, 1), ["identity"]), loss="mse", optimizer=optimizer, **options)


def test_without_shuffling_the_order_is_that_of_the_data():
    trainer = one_by_one(shuffle=False)
    for _ in range(2):
        order, steps = visited(trainer, 40, 2**-6)
        assert steps == list(range(40))
        assert order.tolist() == list(range(40))


def test_shuffling_takes_every_sample_once_in_a_new_order_every_epoch():
    trainer = one_by_one(shuffle=True)
    orders = []
    for _ in range(3):
        order, steps = visited(trainer, 40, 2**-6)
        assert steps == list(range(40))
        orders.append(tuple(order))
    assert len(set(orders)) == 3
    assert tuple(range(40)) not in orders


def test_the_seed_determines_the_order():
    orders = [tuple(visited(one_by_one(True, seed), 40, 2**-6)[0]) for seed in (0, 0, 1)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_every_sample_comes_first_equally_often():
    firsts = np.zeros(5)
    trainer = one_by_one(True, samples=5)
    for _ in range(1000):
        firsts[visited(trainer, 5, 2**-6)[0][0]] += 1
    assert np.abs(firsts - 200).max() < 5 * np.sqrt(160)  # five standard deviations


# ---- regularization, sample weights


def test_l2_shrinks_the_weights_by_exactly_its_factor_and_no_bias():
    rate, strength, m = 0.125, 0.5, 4
    trainer = nbtrain.Trainer(
        network((3, 2), ["identity"]),
        loss="mse",
        optimizer=nbtrain.optimizer("sgd", learning_rate=rate),
        regularizer=nbtrain.regularizer("l2", strength=strength),
        dtype="float64",
        rng=0,
    )
    w, b = np.array([[1.0, 2.0], [3.0, -4.0], [0.5, 0.0]]), np.array([8.0, -2.0])
    trainer.set_weights([(w, b)])
    trainer.train_step(np.zeros((m, 3)), np.tile(b, (m, 1)))  # right predictions: no data gradient
    np.testing.assert_array_equal(trainer.weights[0][0], w * (1 - rate * strength / m))
    np.testing.assert_array_equal(trainer.weights[0][1], b)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_sample_of_weight_two_is_that_sample_twice(loss, optimizer):
    X, y = data(loss, 12, SIZES[0], SIZES[-1])
    weight = np.array([1, 2, 0, 1, 3, 1, 1, 0, 2, 1, 1, 2])
    copies = np.repeat(np.arange(12), weight)
    weighted, _ = pair(SIZES, ACTIVATIONS, loss, optimizer, l2=0.3)
    repeated, _ = pair(SIZES, ACTIVATIONS, loss, optimizer, l2=0.3)
    for _ in range(10):
        once = weighted.train_step(X, y, sample_weight=weight)
        assert_close(once, repeated.train_step(X[copies], y[copies]), 1e-12)
    assert_close(theta(weighted), theta(repeated), 1e-10)
    scores = [weighted.evaluate(X, y, sample_weight=weight), repeated.evaluate(X[copies], y[copies])]
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_weighted_runs_are_the_oracles(loss):
    trainer, oracle = pair(SIZES, ACTIVATIONS, loss, "adam", l2=0.3, batch_size=8, shuffle=False)
    X, y = data(loss, 43, SIZES[0], SIZES[-1])
    weight = np.random.default_rng(5).exponential(size=43)
    history = trainer.fit(X, y, epochs=10, sample_weight=weight)
    assert_close(history["loss"], oracle.fit(X, y, 10, 8, weight), 1e-11)
    assert_close(theta(trainer), oracle.theta, 1e-10)


def test_a_batch_of_weight_zero_makes_no_update_and_does_not_count():
    options = {"l2": 1.0, "batch_size": 4, "shuffle": False}
    trainer, oracle = pair((3, 4, 2), ["tanh", "identity"], "mse", "adam", **options)
    X, y = data("mse", 12, 3, 2)
    weight = np.repeat([1.0, 0.0, 1.0], 4)
    trainer.fit(X, y, epochs=3, sample_weight=weight)
    oracle.fit(X, y, 3, 4, weight)
    assert oracle.t == 6
    assert int(trainer.model.iteration[0]) == 6
    assert_close(theta(trainer), oracle.theta, 1e-12)


# ---- optimizers


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "adam_epsilon_hat"])
def test_without_epsilon_parameters_that_never_had_a_gradient_stay(optimizer, dtype):
    hyper = {"learning_rate": 0.01, "epsilon": 0.0}
    trainer, oracle = pair((3, 4, 2), ["tanh", "identity"], "mse", optimizer, hyper=hyper, dtype=dtype)
    X, y = data("mse", 16, 3, 2)
    X[:, 1] = 0.0
    kept = trainer.weights[0][0][1].copy()
    for _ in range(20):
        trainer.train_step(X, y)
        oracle.train_step(X, y)
    np.testing.assert_array_equal(trainer.weights[0][0][1], kept)
    assert np.isfinite(theta(trainer)).all()
    assert_close(theta(trainer), oracle.theta, 1e-10 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fit_in_pieces_is_fit_at_once_bit_for_bit(optimizer):
    X, y = data("softmax_cross_entropy", 50, SIZES[0], SIZES[-1])
    thetas = []
    for pieces in ([6], [1, 2, 3], [1] * 6):
        options = {"dropout": [0.3, 0.0, 0.0], "batch_size": 8, "dtype": "float32"}
        trainer, _ = pair(SIZES, ACTIVATIONS, "softmax_cross_entropy", optimizer, **options)
        losses = [loss for epochs in pieces for loss in trainer.fit(X, y, epochs=epochs)["loss"]]
        thetas.append(np.concatenate([theta(trainer), losses]))
    assert thetas[0].tobytes() == thetas[1].tobytes() == thetas[2].tobytes()


def test_the_iteration_counter_of_adam_goes_on_over_calls():
    trainer, oracle = pair(SIZES, ACTIVATIONS, "mse", "adam", batch_size=8, shuffle=False)
    X, y = data("mse", 40, SIZES[0], SIZES[-1])
    trainer.fit(X, y, epochs=2)
    trainer.train_step(X[:3], y[:3])
    trainer.fit(X, y, epochs=1)
    oracle.fit(X, y, 2, 8)
    oracle.train_step(X[:3], y[:3])
    oracle.fit(X, y, 1, 8)
    assert_close(theta(trainer), oracle.theta, 1e-12)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    X, y = data("mse", 50, SIZES[0], SIZES[-1])
    results = []
    for seed in (7, 7, 8):
        net = network(SIZES, ["relu", "tanh", "identity"], [0.2, 0.2, 0.0])
        trainer = nbtrain.Trainer(net, loss="mse", batch_size=8, rng=seed)
        trainer.fit(X, y, epochs=3)
        results.append(theta(trainer).tobytes())
    assert results[0] == results[1] != results[2]


def test_the_global_random_state_plays_no_part():
    X, y = data("mse", 20, SIZES[0], SIZES[-1])
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    nbtrain.Trainer(network(SIZES, ACTIVATIONS), loss="mse", rng=1).fit(X, y, epochs=2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# ---- what NaN does


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "leaky_relu", "identity"])
def test_every_activation_hands_nan_on(activation, dtype):
    trainer = nbtrain.Trainer(network((2, 40, 1), [activation, "identity"]), loss="mse", dtype=dtype, rng=0)
    trainer.weights[0][0][0, 17] = np.nan
    assert np.isnan(trainer.predict(np.ones((3, 2)))).all()
    assert np.isnan(trainer.evaluate(np.ones((3, 2)), np.ones((3, 1)))["loss"])


@pytest.mark.parametrize("loss", LOSSES)
def test_training_on_a_nan_parameter_is_reported(loss):
    trainer = nbtrain.Trainer(network((2, 5, 3), ["relu", "identity"]), loss=loss, rng=0)
    X, y = data(loss, 6, 2, 3)
    trainer.weights[0][0][0, 3] = np.nan
    with pytest.raises(nbtrain.DivergenceError):
        trainer.train_step(X, y)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_diverged_run_says_so_and_leaves_finite_parameters(optimizer):
    trainer = nbtrain.Trainer(
        network((3, 8, 8, 2), ["relu", "relu", "identity"]),
        loss="mse",
        optimizer=nbtrain.optimizer(optimizer, learning_rate=1e25),
        rng=0,
    )
    X, y = data("mse", 64, 3, 2)
    with pytest.raises(nbtrain.DivergenceError, match=r"learning rate") as caught:
        trainer.fit(100 * X, y, epochs=50)
    assert "epoch" in str(caught.value)
    assert np.isfinite(theta(trainer)).all()
    assert np.isfinite(trainer.model.state).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_and_tanh_do_not_overflow(dtype):
    for activation, limits in (("sigmoid", (0.0, 1.0)), ("tanh", (-1.0, 1.0))):
        trainer = nbtrain.Trainer(network((1, 1), [activation]), loss="mse", dtype=dtype, rng=0)
        trainer.set_weights([([[1.0]], [0.0])])
        big = float(np.finfo(dtype).max)
        found = trainer.predict([[-big], [-1000.0], [0.0], [1000.0], [big]])[:, 0]
        low, high = limits
        np.testing.assert_allclose(found, [low, low, (low + high) / 2, high, high], atol=1e-30)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_cross_entropies_do_not_overflow(loss, dtype):
    trainer = nbtrain.Trainer(network((1, 2), ["identity"]), loss=loss, dtype=dtype, rng=0)
    trainer.set_weights([([[1.0, -1.0]], [0.0, 0.0])])
    right, wrong = (0, 1) if loss in LABEL_LOSSES else ([1.0, 0.0], [0.0, 1.0])
    assert trainer.evaluate([[1e4]], [right])["loss"] == 0.0
    assert trainer.evaluate([[1e4]], [wrong])["loss"] == pytest.approx(2e4, rel=1e-6)
    objective, gradient = trainer.loss_and_gradient([[1e4]], [wrong])
    assert np.isfinite(objective)
    np.testing.assert_allclose(gradient[2:], [1.0, -1.0], rtol=1e-6)


# ---- history, evaluation


@pytest.mark.parametrize("loss", LOSSES)
def test_validation_numbers_are_those_of_evaluate_after_the_epoch(loss):
    X, y = data(loss, 40, SIZES[0], SIZES[-1])
    X_val, y_val = data(loss, 21, SIZES[0], SIZES[-1], seed=9)
    trainer, _ = pair(SIZES, ACTIVATIONS, loss, "adam", batch_size=8, dropout=[0.3, 0, 0])
    scores = []
    history = trainer.fit(
        X,
        y,
        epochs=3,
        validation_data=(X_val, y_val),
        callbacks=[lambda trainer, epoch, metrics: scores.append(trainer.evaluate(X_val, y_val)) and None],
    )
    assert history["val_loss"] == [score["loss"] for score in scores]
    assert {f"val_{name}" for name in scores[0]} <= set(history)
    assert all(len(column) == 3 for column in history.values())


def test_validation_does_not_change_the_training():
    X, y = data("mse", 40, SIZES[0], SIZES[-1])
    thetas = []
    for validation in (None, (X[:7], y[:7])):
        trainer, _ = pair(SIZES, ACTIVATIONS, "mse", "adam", batch_size=8, dropout=[0.3, 0, 0])
        trainer.fit(X, y, epochs=3, validation_data=validation)
        thetas.append(theta(trainer).tobytes())
    assert thetas[0] == thetas[1]


def test_accuracy_counts_the_largest_output():
    trainer, oracle = pair(SIZES, ACTIVATIONS, "softmax_cross_entropy")
    X, y = data("softmax_cross_entropy", 40, SIZES[0], SIZES[-1])
    assert trainer.evaluate(X, y)["accuracy"] == pytest.approx((oracle.predict(X).argmax(axis=1) == y).mean())
    np.testing.assert_allclose(trainer.predict(X).sum(axis=1), 1.0)


def test_no_epochs_change_nothing():
    trainer, oracle = pair(SIZES, ACTIVATIONS, "mse")
    X, y = data("mse", 10, SIZES[0], SIZES[-1])
    history = trainer.fit(X, y, epochs=0)
    assert len(history.get("loss", [])) == 0
    np.testing.assert_array_equal(theta(trainer), oracle.theta)


def test_an_activation_that_is_only_called_identity_is_computed():
    twice = nbtrain.Activation("identity", value=lambda z: 2 * z, slope=lambda z: 2.0)
    trainer = nbtrain.Trainer(nbtrain.Network(3, [nbtrain.Dense(2, twice)]), loss="mse", dtype="float64", rng=0)
    x = np.eye(3)
    np.testing.assert_allclose(trainer.predict(x), 2 * trainer.weights[0][0])
    with pytest.raises(nbtrain.InputError, match="must have the built-in activation 'identity'"):
        nbtrain.Trainer(trainer.network, loss="softmax_cross_entropy")


def test_an_optimizer_has_no_more_slots_than_there_is_room_for_their_pointers():
    def step(w, g, slots, prepared, hyper):
        return w - hyper.learning_rate * g, slots

    names = [f"s{i}" for i in range(17)]
    with pytest.raises(nbtrain.InputError, match="slots must have at most 16 names, got 17"):
        nbtrain.Optimizer("many", step, names)
    trainer = nbtrain.Trainer(
        nbtrain.Network(3, [nbtrain.Dense(2)]),
        loss="mse",
        rng=0,
        threads=2,
        optimizer=nbtrain.Optimizer("many", step, names[:16]),
    )
    assert np.isfinite(trainer.fit(np.eye(3), np.ones((3, 2)))["loss"][0])
