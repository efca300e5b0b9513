"""What several test files need: trainers and oracles of the same network, and data for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from oracle import Array, Oracle, draw

import nbtrain

LABEL_LOSSES = {"softmax_cross_entropy"}
SUPPORT = Path(__file__).parent  # these helpers; on the path of the tests, and of programs that are given it
ROOT = SUPPORT.parent.parent  # of the repository
SOAKING = bool(os.environ.get("NBTRAIN_SOAK"))  # as `make soak` sets it


def times(few: int, many: int) -> int:
    """How often something is tried: `few` in every run of the tests, `many` in `make soak`."""
    return many if SOAKING else few


def data(loss: str, samples: int, inputs: int, outputs: int, seed: int = 1) -> tuple[Array, Array]:
    """Samples and targets that a loss accepts, in float64 or as int64 labels."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(samples, inputs))
    if loss in LABEL_LOSSES:
        return X, random.integers(0, outputs, samples)
    if loss == "binary_cross_entropy":
        return X, random.integers(0, 2, (samples, outputs)).astype(float)
    return X, random.normal(size=(samples, outputs))


def network(sizes: Sequence[int], activations: Sequence[Any], dropout: Sequence[float] = ()) -> nbtrain.Network:
    """A network of these layer sizes, inputs first; an activation is a name, (name, slope) or a component."""
    rates = list(dropout) or [0.0] * len(activations)
    layers = []
    for units, given, rate in zip(sizes[1:], activations, rates, strict=True):
        activation = nbtrain.activation(given[0], slope=given[1]) if isinstance(given, tuple) else given
        layers.append(nbtrain.Dense(units, activation, dropout=rate))
    return nbtrain.Network(sizes[0], layers)


def pair(
    sizes: Sequence[int],
    activations: Sequence[Any],
    loss: str,
    optimizer: str = "sgd",
    *,
    hyper: dict[str, float] | None = None,
    l2: float = 0.0,
    dropout: Sequence[float] = (),
    dtype: str = "float64",
    seed: int = 0,
    **options: Any,
) -> tuple[nbtrain.Trainer, Oracle]:
    """A trainer and an oracle that start from the same weights."""
    weights = draw(sizes, seed)
    hyper = hyper or {}
    trainer = nbtrain.Trainer(
        network(sizes, activations, dropout),
        loss=loss,
        optimizer=nbtrain.optimizer(optimizer, **hyper),
        regularizer=nbtrain.regularizer("l2", strength=l2) if l2 else None,
        dtype=dtype,
        rng=seed,
        **options,
    )
    trainer.set_weights(weights)
    return trainer, Oracle(weights, activations, loss, optimizer, hyper, l2, dropout)


def run_python(*arguments: Any, **environment: str) -> str:
    """What another interpreter, in which this package and the modules of the tests are, writes to its output."""
    paths = [str(ROOT), str(SUPPORT), os.environ.get("PYTHONPATH", "")]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=variables, timeout=300)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"
    return done.stdout


def theta(trainer: nbtrain.Trainer) -> Array:
    """A copy of all parameters: weights of all layers, then biases."""
    return np.concatenate([w.ravel() for w, _ in trainer.weights] + [b for _, b in trainer.weights])


def assert_close(found: Any, wanted: Any, tolerance: float) -> None:
    """Largest difference, relative to the largest wanted number or 1."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    worst = np.abs(found - wanted).max()
    assert worst <= tolerance * max(1.0, np.abs(wanted).max()), f"differs by {worst:.3g}"
