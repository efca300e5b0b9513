"""Forward and backward as two calls: against NumPy, PyTorch and finite differences, and what ends the pair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from common import assert_close, data, network
from numba import njit
from oracle import ACTIVATIONS, Oracle, draw, flat

import nbtrain
from nbtrain import kernel
from nbtrain.core import layout
from nbtrain.model import recipe
from nbtrain.model import threads as team

EVER = 10**17  # nanoseconds: a leader of such patience never sends its helpers away
BATCH = 700


def trainer_of(sizes, activations, dropout=(), dtype="float64", batch_size=BATCH, loss="mse", seed=3, **options):
    net = network(sizes, activations, dropout)
    trainer = nbtrain.Trainer(net, loss=loss, dtype=dtype, batch_size=batch_size, rng=seed, **options)
    trainer.set_weights(draw(sizes, seed))
    return trainer


def numbers(*shape, seed=0, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def by_hand(trainer, activations, x, delta):
    """Output, dJ/dtheta and dJ/dx by the chain rule in NumPy, without dropout."""
    weights = [(w.astype(float), b.astype(float)) for w, b in trainer.weights]
    zs, taken = Oracle(weights, activations, "mse").forward(x)
    gradients = []
    for index in reversed(range(len(weights))):
        name, *parameters = (activations[index],) if isinstance(activations[index], str) else activations[index]
        delta = delta * ACTIVATIONS[name][1](zs[index], *parameters)
        gradients.insert(0, (taken[index].T @ delta, delta.sum(axis=0)))
        delta = delta @ weights[index][0].T
    return taken[-1], flat(gradients), delta


@njit
def both(model, x, out, delta, dx, training, draw):
    """The pair, from compiled code -> its statuses."""
    first = kernel.forward(model, x, out, training, draw)
    return first, kernel.backward(model, x, delta, dx)


@njit
def forward(model, x, out):
    return kernel.forward(model, x, out)


@njit
def backward(model, x, delta):
    return kernel.backward(model, x, delta)


@njit
def add(model, x, delta):
    return kernel.backward(model, x, delta, accumulate=True)


@njit
def input_gradient(model, x, delta, dx):
    return kernel.input_gradient(model, x, delta, dx)


# ---- what the pair computes


def architectures():
    """Random depths, widths, activations and numbers of rows."""
    random = np.random.default_rng(8)
    names = [*ACTIVATIONS, ("leaky_relu", 0.3)]
    for _ in range(40):
        sizes = [int(np.exp(random.uniform(0, 4))) for _ in range(random.integers(2, 7))]
        chosen = [names[random.integers(len(names))] for _ in sizes[1:]]
        yield sizes, chosen, int(np.exp(random.uniform(0, np.log(BATCH))))
    yield (3, 2), ["tanh"], 700  # a gradient of several sums
    yield (8, 16, 1), ["tanh", "identity"], 700
    yield (300, 260, 3), ["relu", "sigmoid"], 130  # a large one


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
def test_outputs_and_gradients_of_random_networks_are_those_of_the_chain_rule(dtype, tolerance):
    several = 0
    for sizes, activations, rows in architectures():
        trainer = trainer_of(sizes, activations, dtype=dtype)
        several += trainer.engine.recipe.gradient_count > 1
        x, delta = numbers(rows, sizes[0], seed=1, dtype=dtype), numbers(rows, sizes[-1], seed=2, dtype=dtype)
        out, dx = np.empty((rows, sizes[-1]), dtype), np.empty_like(x)
        assert both(trainer.model, x, out, delta, dx, True, 0) == (0, 0)
        wanted = by_hand(trainer, activations, x.astype(float), delta.astype(float))
        for found, right in zip((out, trainer.model.gradient, dx), wanted, strict=True):
            assert_close(found, right, tolerance)
    assert several > 10


def test_outputs_and_gradients_of_random_networks_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    functions = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": torch.nn.functional.leaky_relu,
        ("leaky_relu", 0.3): lambda z: torch.nn.functional.leaky_relu(z, 0.3),
        "identity": lambda z: z,
    }
    for sizes, activations, rows in architectures():
        trainer = trainer_of(sizes, activations)
        x, delta = numbers(rows, sizes[0], seed=1), numbers(rows, sizes[-1], seed=2)
        out, dx = np.empty((rows, sizes[-1])), np.empty_like(x)
        assert both(trainer.model, x, out, delta, dx, True, 0) == (0, 0)
        tensor = a = torch.tensor(x, requires_grad=True)
        parameters = [[torch.tensor(p.copy(), requires_grad=True) for p in pair] for pair in trainer.weights]
        for (w, b), activation in zip(parameters, activations, strict=True):
            a = functions[activation](a @ w + b)
        a.backward(torch.tensor(delta))
        assert_close(out, a.detach(), 1e-10)
        assert_close(dx, tensor.grad, 1e-10)
        assert_close(trainer.model.gradient, flat([(w.grad.numpy(), b.grad.numpy()) for w, b in parameters]), 1e-10)


def swish(z, beta):
    return z / (1.0 + np.exp(-beta * z))


def swish_slope(z, a, beta):
    s = 1.0 / (1.0 + np.exp(-beta * z))
    return s + beta * a * (1.0 - s)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_with_a_mask_and_a_plugins_activation_are_central_differences(training):
    own = nbtrain.Activation("swish", swish, swish_slope, parameters={"beta": 0.7})
    net = nbtrain.Network(
        4, [nbtrain.Dense(9, own, dropout=0.4), nbtrain.Dense(7, "tanh", dropout=0.5), nbtrain.Dense(3, own)]
    )
    trainer = nbtrain.Trainer(net, loss="mse", dtype="float64", rng=0)
    x, delta = numbers(6, 4), numbers(6, 3, seed=1)

    def objective():
        return float((delta * trainer.forward(x, training, draw=5)).sum())

    objective()
    dx = np.empty_like(x)
    gradient = trainer.backward(x, delta, dx).copy()
    for vector, found in ((trainer.theta, gradient), (x.reshape(-1), dx.reshape(-1))):
        for index in range(len(vector)):
            kept = vector[index]
            vector[index] = kept + 1e-6
            above = objective()
            vector[index] = kept - 1e-6
            slope = (above - objective()) / 2e-6
            vector[index] = kept
            assert found[index] == pytest.approx(slope, rel=1e-6, abs=1e-8)


DOT = nbtrain.Loss("dot", lambda p, y: p * y, lambda p, y: y)  # its derivative is y: J = mean of p y
SHAPES = {
    "small": ((7, 9, 6, 3), ["tanh", "relu", "identity"], 32, {}),
    "one layer": ((7, 3), ["sigmoid"], 32, {}),
    "one row": ((7, 9, 3), ["tanh", "identity"], 1, {}),
    "sums": ((8, 16, 2), ["tanh", "identity"], 512, {}),
    "large": ((430, 160, 30, 2), ["relu", "tanh", "identity"], 64, {"dropout": [0.3, 0.2, 0.0]}),
    "dropout": ((7, 30, 6, 3), ["tanh", "relu", "tanh"], 32, {"dropout": [0.3, 0.5, 0.0]}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", SHAPES)
def test_the_pair_and_an_update_make_the_iterations_of_train_step_to_the_bit(case, dtype):
    sizes, activations, rows, options = SHAPES[case]
    ours, theirs = (
        trainer_of(sizes, activations, dtype=dtype, batch_size=rows, loss=DOT, optimizer="adam", **options)
        for _ in range(2)
    )
    for step in range(3):
        x, y = numbers(rows, sizes[0], seed=step, dtype=dtype), numbers(rows, sizes[-1], seed=9, dtype=dtype)
        loss = theirs.train_step(x, y)
        out = ours.forward(x)
        assert float((out.astype(float) * y).sum() / rows) == pytest.approx(loss, rel=1e-5)
        ours.backward(x, y * np.asarray(1 / rows, dtype))  # exact: a power of two
        ours.update()
        assert ours.theta.tobytes() == theirs.theta.tobytes()
        assert ours.iteration == theirs.iteration == step + 1


def test_without_dropout_the_pair_is_predict_and_loss_and_gradient_to_the_bit():
    sizes, activations = (7, 30, 6, 3), ["tanh", "relu", "identity"]
    trainer = trainer_of(sizes, activations, [0.3, 0.5, 0.0], loss=DOT, dtype="float32", batch_size=64)
    x, y = numbers(64, 7, dtype="float32"), numbers(64, 3, seed=1, dtype="float32")
    _, wanted = trainer.loss_and_gradient(x, y)
    predicted = trainer.predict(x)
    assert trainer.forward(x, training=False).tobytes() == predicted.tobytes()
    assert trainer.backward(x, y / np.float32(64)).tobytes() == wanted.tobytes()
    assert trainer.forward(x).tobytes() != predicted.tobytes()


def test_outputs_are_logits_where_the_loss_has_an_output_activation():
    for loss in ("softmax_cross_entropy", "binary_cross_entropy"):
        trainer = trainer_of((4, 5, 3), ["tanh", "identity"], loss=loss)
        x = numbers(11, 4)
        assert_close(trainer.forward(x), by_hand(trainer, ["tanh", "identity"], x, np.zeros((11, 3)))[0], 1e-13)
        assert np.abs(trainer.predict(x) - trainer.forward(x)).max() > 0.1


# ---- masks


def masked(trainer, x, draw=0):
    """Which units of the one hidden layer were kept, seen through weights that are the identity."""
    return trainer.forward(x, draw=draw) != 0


def mask_trainer():
    trainer = nbtrain.Trainer(
        nbtrain.Network(64, [nbtrain.Dense(64, dropout=0.25), nbtrain.Dense(64)]), loss="mse", rng=0, dtype="float32"
    )
    trainer.set_weights([(np.eye(64), np.zeros(64))] * 2)
    return trainer


def test_draws_are_independent_masks_that_can_be_had_again():
    trainer, x = mask_trainer(), np.ones((32, 64), np.float32)
    masks = [masked(trainer, x, draw) for draw in (0, 1, 2, 3, 2**40, 2**63 - 1)]
    for first, second in itertools.combinations(masks, 2):
        agreement = (first == second).mean()  # 0.625 for independent ones; 2048 elements, five deviations
        assert abs(agreement - (0.75**2 + 0.25**2)) < 5 * np.sqrt(0.625 * 0.375 / first.size)
    for mask in masks:
        assert abs(mask.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / mask.size)
    np.testing.assert_array_equal(masked(trainer, x, 2), masks[2])
    before = trainer.theta.copy()
    trainer.backward(x, np.zeros_like(x))
    trainer.update()
    trainer.theta[:] = before
    assert (masked(trainer, x, 2) != masks[2]).any()  # another iteration, other masks


def test_a_draw_does_not_last():
    ours, theirs = (trainer_of((7, 30, 3), ["tanh", "identity"], [0.5, 0.0], batch_size=32) for _ in range(2))
    x, y = data("mse", 32, 7, 3)
    ours.forward(x, draw=4)
    assert ours.train_step(x, y) == theirs.train_step(x, y)


# ---- accumulation


@pytest.mark.parametrize("rows", [32, 700])
def test_gradients_add_up_exactly(rows):
    sizes = (8, 16, 2)
    trainer = trainer_of(sizes, ["tanh", "identity"])
    assert trainer.engine.recipe.gradient_count > 1
    x, deltas = numbers(rows, 8), [numbers(rows, 2, seed=seed) for seed in range(3)]
    trainer.forward(x)
    gradients = [trainer.backward(x, delta).copy() for delta in deltas]
    trainer.backward(x, deltas[0])
    for delta in deltas[1:]:
        trainer.backward(x, delta, accumulate=True)
    assert_close(trainer.model.gradient, sum(gradients), 1e-14)
    trainer.backward(x, deltas[1])
    assert trainer.model.gradient.tobytes() == gradients[1].tobytes()


def test_rows_beyond_the_batch_size_add_up_in_parts():
    sizes, activations = (5, 8, 2), ["tanh", "identity"]
    trainer = trainer_of(sizes, activations, batch_size=16)
    x, delta = numbers(45, 5), numbers(45, 2, seed=1)
    for first in range(0, 45, 16):
        part = slice(first, first + 16)
        trainer.forward(x[part])
        trainer.backward(x[part], delta[part], accumulate=first > 0)
    assert_close(trainer.model.gradient, by_hand(trainer, activations, x, delta)[1], 1e-13)


@pytest.mark.parametrize("optimizer", ["adam", "lamb"])
def test_nothing_is_added_to_a_gradient_that_an_iteration_has_used(optimizer):
    trainer = trainer_of((5, 8, 2), ["tanh", "identity"], batch_size=16, optimizer=optimizer, clip_norm=0.1)
    x, delta, out = numbers(16, 5), numbers(16, 2, seed=1), np.empty((16, 2))
    forward(trainer.model, x, out)
    assert add(trainer.model, x, delta) == 0  # to the zeros of a new trainer
    wanted = trainer.model.gradient.copy()
    iterations = [trainer.update, lambda: trainer.train_step(x, delta), lambda: trainer.fit(x, delta)]
    for iterate in iterations:
        iterate()
        forward(trainer.model, x, out)
        used = trainer.model.gradient.copy()
        assert add(trainer.model, x, delta) == layout.NO_FORWARD
        assert trainer.model.gradient.tobytes() == used.tobytes()
        assert backward(trainer.model, x, delta) == 0
        assert add(trainer.model, x, delta) == 0
    trainer.train_step(x, delta)
    trainer.loss_and_gradient(x, delta)
    trainer.forward(x)
    trainer.backward(x, delta, accumulate=True)
    assert not np.allclose(trainer.model.gradient, wanted)


def test_a_gradient_with_respect_to_the_inputs_forms_no_other():
    for rows in (3, 700):
        trainer = trainer_of((8, 16, 2), ["tanh", "identity"])
        sums = trainer.engine.memory.array("partial_gradients")
        trainer.model.gradient[:] = np.pi
        sums[...] = np.e
        x, delta = numbers(rows, 8), numbers(rows, 2, seed=1)
        dx = np.empty_like(x)
        assert forward(trainer.model, x, np.empty((rows, 2))) == 0
        assert input_gradient(trainer.model, x, delta, dx) == 0
        assert_close(dx, by_hand(trainer, ["tanh", "identity"], x, delta)[2], 1e-13)
        assert (trainer.model.gradient == np.pi).all()
        assert (sums == np.e).all()


def test_the_gradient_with_respect_to_the_inputs_may_take_their_place():
    trainer = trainer_of((8, 16, 2), ["tanh", "identity"])
    x, delta = numbers(40, 8), numbers(40, 2, seed=1)
    wanted = by_hand(trainer, ["tanh", "identity"], x, delta)
    both(trainer.model, x, np.empty((40, 2)), delta, x, True, 0)
    assert_close(x, wanted[2], 1e-13)
    assert_close(trainer.model.gradient, wanted[1], 1e-13)


def test_infinite_numbers_stay_where_they_belong_and_no_update_takes_them():
    trainer = trainer_of((3, 4, 2), ["tanh", "identity"])
    x, delta = numbers(5, 3), numbers(5, 2, seed=1)
    before = trainer.theta.copy()
    forward(trainer.model, x, np.empty((5, 2)))
    delta[2, 0] = np.nan
    dx = np.empty_like(x)
    assert input_gradient(trainer.model, x, delta, dx) == 0
    assert np.flatnonzero(np.isnan(dx).any(axis=1)).tolist() == [2]
    assert backward(trainer.model, x, delta) == 0
    with pytest.raises(nbtrain.DivergenceError, match="the gradient has NaN or infinity; no parameter was changed"):
        trainer.update()
    np.testing.assert_array_equal(trainer.theta, before)
    assert trainer.iteration == 0
    forward(trainer.model, x, np.empty((5, 2)))
    assert backward(trainer.model, x, np.ones((5, 2))) == 0
    trainer.update()
    assert trainer.iteration == 1


# ---- what ends a pair

USES = {
    "predict": lambda trainer, x, y: trainer.predict(x),
    "predict of one row": lambda trainer, x, y: trainer.predict(x[:1]),
    "evaluate": lambda trainer, x, y: trainer.evaluate(x, y),
    "train_step": lambda trainer, x, y: trainer.train_step(x, y),
    "fit": lambda trainer, x, y: trainer.fit(x, y),
    "loss_and_gradient": lambda trainer, x, y: trainer.loss_and_gradient(x, y),
    "update": lambda trainer, x, y: trainer.update(),
    "set_weights": lambda trainer, x, y: trainer.set_weights(trainer.weights),
    "reset_optimizer": lambda trainer, x, y: trainer.reset_optimizer(),
    "activations": lambda trainer, x, y: trainer.activations(x),
    "input_gradient": lambda trainer, x, y: trainer.input_gradient(x, y),
    "another forward": lambda trainer, x, y: trainer.forward(x[:-1]),
    "a refused forward": lambda trainer, x, y: forward(trainer.model, x, np.empty((1, 2))),
}


@pytest.mark.parametrize("use", USES)
def test_whatever_else_uses_the_model_ends_the_pair(use):
    trainer = trainer_of((4, 6, 2), ["tanh", "identity"], batch_size=16)
    x, y = data("mse", 16, 4, 2)
    gradient, dx = trainer.model.gradient, np.full_like(x, 7.0)
    trainer.forward(x)
    USES[use](trainer, x, y)
    before = gradient.copy()
    if use != "input_gradient":  # which repeats the forward itself, of all of these rows
        assert backward(trainer.model, x, y) == layout.NO_FORWARD
        assert input_gradient(trainer.model, x, y, dx) == layout.NO_FORWARD
        assert trainer.model.status[0] == layout.NO_FORWARD
        with pytest.raises(nbtrain.InputError, match="need a forward of as many rows just before"):
            trainer.backward(x, y)
    np.testing.assert_array_equal(gradient, before)
    assert (dx == 7.0).all()
    out = trainer.forward(x)
    wanted = by_hand(trainer, ["tanh", "identity"], x, y)
    assert_close(out, wanted[0], 1e-13)
    assert_close(trainer.backward(x, y, dx), wanted[1], 1e-13)
    assert_close(dx, wanted[2], 1e-13)


def test_misuse_is_a_status_and_writes_nothing():
    trainer = trainer_of((4, 6, 2), ["tanh", "identity"], batch_size=16)
    model, x, delta = trainer.model, numbers(8, 4), numbers(8, 2, seed=1)
    model.gradient[:] = np.pi
    out, dx = np.full((8, 2), 7.0), np.full((8, 4), 7.0)
    assert both(model, x, out[:7], delta, dx, True, 0) == (layout.WRONG_OUT, layout.NO_FORWARD)
    assert both(model, x[:, :3].copy(), out, delta, dx, True, 0) == (layout.WRONG_X,) * 2
    assert both(model, x[:0], out[:0], delta[:0], dx[:0], True, 0) == (layout.WRONG_X,) * 2
    long, longer = numbers(17, 4), np.full((17, 2), 7.0)
    assert both(model, long, longer, longer, np.full((17, 4), 7.0), True, 0) == (layout.TOO_MANY_ROWS,) * 2
    assert (out == 7.0).all()
    assert (longer == 7.0).all()
    assert backward(model, x, delta) == layout.NO_FORWARD
    assert forward(model, x, np.empty((8, 2))) == 0
    assert backward(model, x[:7], delta[:7]) == layout.NO_FORWARD
    assert backward(model, x, delta[:7]) == layout.WRONG_OUT
    assert backward(model, x, np.ones((8, 3))) == layout.WRONG_OUT
    for wrong in (dx[:7], np.full((8, 5), 7.0)):
        assert input_gradient(model, x, delta, wrong) == layout.WRONG_OUT
        assert (wrong == 7.0).all()
    trainer.engine.descriptor["busy"] = layout.CALL
    assert both(model, x, out, delta, dx, True, 0) == (layout.BUSY,) * 2
    trainer.engine.descriptor["busy"] = layout.FREE
    assert (model.gradient == np.pi).all()
    assert input_gradient(model, x, delta, dx) == 0  # none of that ended the pair
    assert_close(dx, by_hand(trainer, ["tanh", "identity"], x, delta)[2], 1e-13)


# ---- the team

CASES = {
    "small": dict(sizes=(19, 37, 18, 5), activations=["relu", "tanh", "sigmoid"], dropout=[0.3, 0.2, 0.0]),
    "one layer": dict(sizes=(19, 5), activations=["tanh"]),
    "sums": dict(sizes=(19, 37, 5), activations=["relu", "identity"], batch_size=100),
    "large": dict(sizes=(430, 160, 30, 2), activations=["relu", "tanh", "identity"], dropout=[0.3, 0.0, 0.0]),
    "fewer rows": dict(sizes=(19, 37, 5), activations=["relu", "tanh"], batch_size=3),
}


def shared(threads, batch_size=80, **options):
    """A trainer whose calls wait for all of its helpers."""
    trainer = trainer_of(batch_size=batch_size, threads=threads, regularizer="l2", **options)
    d = trainer.engine.descriptor
    d["team_patience"], d["team_awaited"], d["team_late"] = EVER, threads - 1, 30 * 10**9
    return trainer


def passes(trainer):
    """Everything that the methods give, as bytes."""
    x = numbers(trainer.batch_size, trainer.network.inputs, dtype=trainer.dtype)
    found = []
    for number, training in ((0, True), (3, True), (0, False)):
        out = trainer.forward(x, training, number)
        dx = np.empty_like(x)
        found += [out.tobytes(), trainer.backward(x, out, dx).tobytes(), dx.tobytes()]
        found.append(trainer.backward(x, 2 * out, x.copy(), accumulate=True).tobytes())
        trainer.update()
    found.append(trainer.input_gradient(x, out).tobytes())
    return found + [trainer.theta.tobytes()] + [a.tobytes() for a in trainer.activations(x)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_the_bits_do_not_depend_on_the_number_of_threads(case, dtype, monkeypatch):
    monkeypatch.setattr(team, "CALL_FLOPS", 0.0)
    monkeypatch.setattr(recipe, "SUM_ROWS", 30)
    wanted = passes(shared(1, dtype=dtype, **CASES[case]))
    for threads in (2, 3, 4):
        trainer = shared(threads, dtype=dtype, **CASES[case])
        assert trainer.engine.recipe.gradient_count > 1 or case != "sums"
        assert passes(trainer) == wanted
        assert trainer.engine.descriptor["team_tasks"][0] >= 12
