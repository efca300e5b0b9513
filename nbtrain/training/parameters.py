"""What training changes in a trainer: weights and biases, learning rate, counters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..checks import arrays as checks
from ..components import Component
from ..components.network import Network
from ..errors import InputError
from ..model import Model, layer_views
from ..model.memory import Memory
from ..model.recipe import Recipe
from .data import Intake
from .engine import Calling

Array = np.ndarray[Any, Any]
Layers = Sequence[tuple[Array, Array]]


class Parameters(Calling):
    """What a Trainer has to look at and change them."""

    recipe: Recipe
    model: Model
    memory: Memory
    _intake: Intake

    theta = property(lambda self: self.model.theta, doc="All parameters, flat: weights of all layers, then biases.")
    iteration = property(lambda self: int(self.model.iteration[0]), doc="Updates made so far.")
    epoch = property(lambda self: int(self.model.descriptor["epoch"][0]), doc="Epochs finished so far.")

    @property
    def learning_rate(self) -> float:
        """Of the last step where a schedule sets it, else of the next; assign to change it."""
        d = self.model.descriptor
        return float(d["learning_rate"][0] * d["rate_scale"][0])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        rate = checks.finite_number(value, "learning_rate", "a positive number")
        if rate <= 0:
            raise InputError(f"learning_rate: {value!r} given; a positive number is wanted")
        if rate > float(np.finfo(self.recipe.dtype).max):
            raise InputError(f"learning_rate: {value!r} given, which is infinite in {self.recipe.dtype}")
        if isinstance(self.recipe.optimizer.learning_rate, Component):
            raise InputError(
                "learning_rate: the optimizer's schedule sets it; use scale_learning_rate, or a trainer with a number"
            )
        self.model.descriptor["learning_rate"], self.model.descriptor["rate_scale"] = rate, 1.0

    def scale_learning_rate(self, factor: float) -> None:
        """Multiply the learning rate from now on, also all those that a schedule will set."""
        number = checks.finite_number(factor, "factor", "a positive number")
        if number <= 0:
            raise InputError(f"factor: {factor!r} given; a positive number is wanted")
        self.model.descriptor["rate_scale"] *= number

    def reset_optimizer(self) -> None:
        """Have the optimizer forget what it has gathered: its state and scalars begin anew.

        `iteration`, by which schedules go and Adam corrects its means, goes on. For a run whose parameters are good
        but whose state is not, as after a batch whose gradient's square is infinite.
        """
        with self._held():
            self.model.state[...] = 0.0
            self.memory.array("scalars")[...] = 0.0

    @property
    def weights(self) -> list[tuple[Array, Array]]:
        """[(W, b), …]: views into theta, W of shape (inputs, units), b of shape (units,)."""
        return layer_views(self.model, self.recipe.network.sizes)

    def set_weights(self, weights: Sequence[tuple[Any, Any]]) -> None:
        """Copy [(W, b), …] into theta; the optimizer's state stays as it is.

        Raises
        ------
        InputError
            If the number of layers or a shape is wrong, or a number is not finite.
        """
        checked = checked_weights(weights, self.weights, self._intake)
        with self._held():
            for target, array in checked:
                target[...] = array


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
