"""The schedules by nbtrain's own checks, in training, and against PyTorch."""

from __future__ import annotations

import math

import nbtrain_schedules as schedules
import numpy as np
import pytest

import nbtrain
from nbtrain import testing

SPECS = {spec.name: spec for spec in schedules.nbtrain_schedules()}


@pytest.mark.parametrize("name", SPECS)
def test_it_is_sound(name):
    testing.check_schedule(SPECS[name])


def rates(schedule, steps):
    """Learning rates of a training run: sgd moves a bias whose gradient is 1 by as much."""
    network = nbtrain.Network(1, [nbtrain.Dense(1)])
    optimizer = nbtrain.optimizer("sgd", learning_rate=schedule)
    trainer = nbtrain.Trainer(network, loss="mse", optimizer=optimizer, dtype="float64", rng=0)
    found = []
    for _ in range(steps):
        before = trainer.weights[0][1][0]
        trainer.train_step([[0.0]], [[trainer.weights[0][1][0] - 1.0]])
        found.append(before - trainer.weights[0][1][0])
    return np.array(found)


T = np.arange(1, 81)
CASES = {
    "warmup": ({"rate": 0.1, "steps": 20}, np.minimum(0.1 * T / 20, 0.1)),
    "polynomial": (
        {"steps": 50, "rate": 0.1, "minimum": 0.01, "power": 2},
        0.01 + 0.09 * np.maximum(1 - (T - 1) / 50, 0) ** 2,
    ),
    "inverse_time": ({"rate": 0.1, "steps": 10, "decay": 0.5}, 0.1 / (1 + 0.05 * (T - 1))),
    "inverse_sqrt": ({"rate": 0.1, "warmup": 16}, 0.1 * np.minimum(T / 16, 4 / np.sqrt(T))),
    "cosine_restarts": (
        {"steps": 10, "rate": 0.1, "minimum": 0.01, "factor": 2, "warmup": 5},
        [0.1 * t / 5 for t in range(1, 6)]
        + [0.055 + 0.045 * math.cos(math.pi * k / n) for n in (10, 20, 40, 80) for k in range(n)],
    ),
    "cyclic": (
        {"rate": 0.1, "minimum": 0.02, "steps": 8},
        np.interp((T - 1) % 16, [0, 8, 16], [0.02, 0.1, 0.02]),
    ),
    "one_cycle": (
        {"steps": 60, "rate": 0.1, "rise": 0.25, "start_divisor": 10, "end_divisor": 100},
        [0.01 + 0.09 * (1 - math.cos(math.pi * t / 14)) / 2 for t in range(15)]
        + [1e-4 + (0.1 - 1e-4) * (1 + math.cos(math.pi * t / 45)) / 2 for t in range(1, 46)]
        + [1e-4] * 20,
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_training_takes_its_rates(name):
    parameters, wanted = CASES[name]
    found = rates(nbtrain.schedule(name, **parameters), len(T))
    np.testing.assert_allclose(found, np.asarray(wanted)[: len(T)], rtol=1e-9)


def test_restarts_of_equal_length():
    found = rates(nbtrain.schedule("cosine_restarts", steps=7, rate=0.1, factor=1), 28).reshape(4, 7)
    np.testing.assert_allclose(found, np.tile(found[0], (4, 1)), rtol=1e-9)
    assert (np.diff(found[0]) < 0).all()


def by_torch(name):
    torch = pytest.importorskip("torch")
    scheduler = torch.optim.lr_scheduler
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    made = {
        "polynomial": lambda: scheduler.PolynomialLR(rule, 50, power=2.0),
        "cosine_restarts": lambda: scheduler.CosineAnnealingWarmRestarts(rule, 10, T_mult=2, eta_min=0.01),
        "one_cycle": lambda: scheduler.OneCycleLR(
            rule, 0.1, total_steps=60, pct_start=0.25, div_factor=10, final_div_factor=100, cycle_momentum=False
        ),
        "cyclic": lambda: scheduler.CyclicLR(rule, 0.02, 0.1, step_size_up=8, cycle_momentum=False),
    }
    schedule = made[name]()
    found = []
    for _ in range(60):
        found.append(rule.param_groups[0]["lr"])
        rule.step()
        if len(found) < 60:
            schedule.step()
    return found


@pytest.mark.parametrize("name", ["polynomial", "cosine_restarts", "one_cycle", "cyclic"])
def test_it_is_pytorchs(name):
    wanted = by_torch(name)
    changed = {"polynomial": {"minimum": 0.0}, "cosine_restarts": {"warmup": 0.0}}.get(name, {})
    found = rates(nbtrain.schedule(name, **CASES[name][0] | changed), 60)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
