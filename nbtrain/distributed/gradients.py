"""The gradient of a shard's batch, by an optimizer that keeps it instead of moving the parameters.

So a gradient comes with everything that a training step has: the order of rows, dropout, sample weights and the sums of
losses. Clipping, constraints and the learning rate act where all gradients are added.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..components import Optimizer
from ..components.by_name import bound
from ..components.network import Dense, Network
from ..model.recipe import Recipe

Numbers = tuple[float, ...]


def keep(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """w ← w; the state is the gradient."""
    return w, (g,)


KEEPER = Optimizer("kept_gradient", keep, ("gradient",))


def recording(recipe: Recipe, penalty: bool) -> Recipe:
    """A recipe whose steps leave the mean gradient of the data loss in the optimizer's state.

    With `penalty` it has the regularizer's part, divided by the m of the batch. The weighted mean of the shards'
    gradients has it once, divided by the m of all of them, if just one shard's gradient has it.
    """
    layers = [
        Dense(layer.units, layer.activation, dropout=layer.dropout, initializer=layer.initializer)
        for layer in recipe.network.layers
    ]
    return replace(
        recipe,
        network=Network(recipe.network.inputs, layers),
        optimizer=bound(KEEPER, {}),
        regularizer=recipe.regularizer if penalty else None,
        clip_value=None,
        clip_norm=None,
    )
