"""Weights and biases of a trainer, layer by layer: drawn, and taken from what the user gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import arrays as checks
from .dataset import Intake
from .errors import InputError
from .network import Network

Array = np.ndarray[Any, Any]
Layers = Sequence[tuple[Array, Array]]


def draw(network: Network, weights: Layers, random: np.random.Generator) -> None:
    """Fill the weights as the layers' initializers say; the biases begin at zero."""
    for layer, (w, b) in zip(network.layers, weights, strict=True):
        initializer = layer.initializer
        w[...] = initializer.spec.function(*w.shape, random, *initializer.values)
        b[...] = 0.0


def checked_weights(given: Any, own: Layers, intake: Intake) -> list[tuple[Array, Array]]:
    """(target, source) for every W and b: what was given, of the shapes of `own`, finite."""
    if not isinstance(given, Iterable) or len(given := list(given)) != len(own):
        raise InputError(f"weights: a sequence of {len(own)} pairs (W, b) is wanted, one per layer")
    checked = []
    for index, (pair, wanted) in enumerate(zip(given, own, strict=True)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InputError(f"weights[{index}]: a pair (W, b) is wanted")
        for part, target, name in zip(pair, wanted, ("W", "b"), strict=True):
            array = checks.numbers(part, intake.dtype, f"weights[{index}] {name}")
            if array.shape != target.shape:
                raise InputError(f"weights[{index}] {name}: shape {array.shape} given; {target.shape} is wanted")
            intake.check_finite(array, f"weights[{index}] {name}")
            checked.append((target, array))
    return checked
