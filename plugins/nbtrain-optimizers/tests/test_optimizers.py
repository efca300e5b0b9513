"""The optimizers by nbtrain's own checks, and 100 iterations of each against NumPy, PyTorch and optax."""

from __future__ import annotations

import nbtrain_optimizers as optimizers
import numpy as np
import pytest

import nbtrain
from nbtrain import testing

SPECS = {spec.name: spec for spec in optimizers.nbtrain_optimizers()}
RATE, STEPS = 3e-3, 100


@pytest.mark.parametrize("name", SPECS)
def test_it_is_sound(name):
    testing.check_optimizer(SPECS[name])


@pytest.mark.parametrize("name", SPECS)
def test_it_is_found_by_name(name):
    """Without an import or a registration: through the installed distribution's entry point."""
    assert nbtrain.optimizer(name, learning_rate=RATE).name == name


# Each a generator that is sent gradients and yields parameters: the papers' algorithms over whole vectors.


def nesterov(w, mu=0.9):
    v = 0.0
    while True:
        g = yield w
        v = mu * v + g
        w = w - RATE * (g + mu * v)


def adagrad(w):
    S = 0.0
    while True:
        g = yield w
        S = S + g**2
        w = w - RATE * g / (np.sqrt(S) + 1e-10)


def adadelta(w, rho=0.9, epsilon=1e-6):
    S = D = 0.0
    while True:
        g = yield w
        S = rho * S + (1 - rho) * g**2
        change = np.sqrt(D + epsilon) / np.sqrt(S + epsilon) * g
        D = rho * D + (1 - rho) * change**2
        w = w - RATE * change


def adam_moments(V, S, g, beta1=0.9, beta2=0.999):
    return beta1 * V + (1 - beta1) * g, beta2 * S + (1 - beta2) * g**2


def adamw(w, decay=1e-2):
    V = S = 0.0
    t = 0
    while True:
        g = yield w
        t += 1
        V, S = adam_moments(V, S, g)
        w = w * (1 - RATE * decay) - RATE * (V / (1 - 0.9**t)) / (np.sqrt(S / (1 - 0.999**t)) + 1e-8)


def amsgrad(w):
    V = S = largest = 0.0
    t = 0
    while True:
        g = yield w
        t += 1
        V, S = adam_moments(V, S, g)
        largest = np.maximum(largest, S)
        w = w - RATE * (V / (1 - 0.9**t)) / (np.sqrt(largest / (1 - 0.999**t)) + 1e-8)


def nadam(w):
    V = S = 0.0
    t, mus = 0, []
    while True:
        g = yield w
        t += 1
        mus.append(0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)))
        after = 0.9 * (1 - 0.5 * 0.96 ** ((t + 1) * 4e-3))
        V, S = adam_moments(V, S, g)
        ahead = after * V / (1 - np.prod(mus) * after) + (1 - mus[-1]) * g / (1 - np.prod(mus))
        w = w - RATE * ahead / (np.sqrt(S / (1 - 0.999**t)) + 1e-8)


def radam(w):
    V = S = 0.0
    t, largest = 0, 2 / (1 - 0.999) - 1
    while True:
        g = yield w
        t += 1
        V, S = adam_moments(V, S, g)
        rho = largest - 2 * t * 0.999**t / (1 - 0.999**t)
        change = V / (1 - 0.9**t)
        if rho > 5:
            r = np.sqrt((rho - 4) * (rho - 2) * largest / ((largest - 4) * (largest - 2) * rho))
            change = change * r * np.sqrt(1 - 0.999**t) / (np.sqrt(S) + 1e-8)
        w = w - RATE * change


def lion(w):
    m = 0.0
    while True:
        g = yield w
        w = w - RATE * np.sign(0.9 * m + 0.1 * g)
        m = 0.99 * m + 0.01 * g


def by_torch(name, start):
    torch = pytest.importorskip("torch")
    w = torch.tensor(start, requires_grad=True)
    make = {
        "nesterov": lambda: torch.optim.SGD([w], RATE, momentum=0.9, nesterov=True),
        "adagrad": lambda: torch.optim.Adagrad([w], RATE),
        "adadelta": lambda: torch.optim.Adadelta([w], RATE),
        "adamw": lambda: torch.optim.AdamW([w], RATE),
        "amsgrad": lambda: torch.optim.Adam([w], RATE, amsgrad=True),
        "nadam": lambda: torch.optim.NAdam([w], RATE),
        "radam": lambda: torch.optim.RAdam([w], RATE),
    }
    rule = make[name]()
    while True:
        g = yield w.detach().numpy().copy()
        w.grad = torch.tensor(g)
        rule.step()


def by_optax(name, start):
    assert name == "lion"  # which PyTorch does not have
    optax = pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        rule = optax.lion(RATE, weight_decay=0.0)
        w = jax.numpy.asarray(start)
        state = rule.init(w)
        while True:
            g = yield np.array(w)
            updates, state = rule.update(jax.numpy.asarray(g), state, w)
            w = optax.apply_updates(w, updates)


SOURCES = {
    "numpy": lambda name, start: globals()[name](start),
    "torch": by_torch,
    "optax": by_optax,
}


@pytest.mark.parametrize(
    ("source", "name"),
    [("numpy", name) for name in SPECS] + [("torch" if name != "lion" else "optax", name) for name in SPECS],
)
def test_100_iterations_are_those_of(source, name):
    random = np.random.default_rng(4)
    network = nbtrain.Network(3, [nbtrain.Dense(8, "tanh"), nbtrain.Dense(2)])
    optimizer = nbtrain.optimizer(name, learning_rate=RATE)
    trainer = nbtrain.Trainer(network, loss="mse", optimizer=optimizer, dtype="float64", rng=0)
    start = trainer.theta.copy()
    other = SOURCES[source](name, start)
    next(other)
    for _ in range(STEPS):
        x, y = random.normal(size=(16, 3)), random.normal(size=(16, 2))
        _, gradient = trainer.loss_and_gradient(x, y)
        wanted = other.send(gradient)
        trainer.train_step(x, y)
        np.testing.assert_allclose(trainer.theta, wanted, rtol=1e-10, atol=1e-10)
    assert (trainer.theta != start).all()
    other.close()


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_weight_decay_shrinks_parameters_without_a_gradient(name):
    optimizer = nbtrain.optimizer(name, learning_rate=0.1, weight_decay=0.5)
    trainer = nbtrain.Trainer(
        nbtrain.Network(1, [nbtrain.Dense(1)]), loss="mse", optimizer=optimizer, dtype="float64", rng=0
    )
    trainer.set_weights([([[2.0]], [0.0])])
    trainer.train_step([[0.0]], [[0.0]])
    np.testing.assert_allclose(trainer.theta, [2.0 * (1 - 0.1 * 0.5), 0.0], rtol=1e-15)


def test_radam_begins_without_adaptation():
    """With β2 = 0.999 the first five updates are α V̂, that is α g for a constant gradient."""
    optimizer = nbtrain.optimizer("radam", learning_rate=0.5)
    trainer = nbtrain.Trainer(
        nbtrain.Network(1, [nbtrain.Dense(1)]), loss="mse", optimizer=optimizer, dtype="float64", rng=0
    )
    trainer.set_weights([([[0.0]], [0.0])])
    trainer.train_step([[0.0]], [[-3.0]])  # dJ/db = 3
    assert trainer.theta[1] == pytest.approx(-1.5, rel=1e-12)
