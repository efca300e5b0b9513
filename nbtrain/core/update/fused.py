"""Gradient and update together, for large models: weights are updated while their derivatives are in the cache.

It goes from the last layer, whose delta is in the cache, to the first, whose weights the next iteration reads first.
The results are those of `gradient` and `update`.
"""

from __future__ import annotations

from ...compiler.jit import jit, matrix_at, matrix_in
from ..matmul.products import bias_slope, in_blocks, slope_block, weight_slope
from ..matmul.sizes import BLOCK_ROWS
from ..net import TRAINING, ZERO
from .gradient import fetched_operands, has_biases, output_of, share_of_parameters, sums_of, weight_rows
from .slots import step

LARGE = 1 << 18  # bytes of parameters; with fewer, the whole gradient is still in the cache when it is complete


@jit
def fuses_update(d, rows):
    """Whether an iteration on so many rows can update weights as soon as it has their gradient, and gains by that."""
    if d.parameters * d.itemsize <= LARGE or d.passes != 0:
        return False
    return rows <= d.batch_size and sums_of(d, rows) == 1


@jit
def fused_update(net, batch, regularization, team):
    """A member's share of dJ/dW, dJ/db and of the optimizer's iteration, `regularization` times r'(w) added."""
    d, dtype, own = net.descriptor[0], net.theta.dtype, share_of_parameters(team)
    for index in range(net.layers.size - 1, -1, -1):
        layer = net.layers[index]
        source = batch.x if index == 0 else output_of(net.layers[index - 1], TRAINING)
        here, below = fetched_operands(layer, source, (ZERO, batch.rows), net.theta.itemsize, own, team)
        x, delta = matrix_at(here, batch.rows, layer.inputs, dtype), matrix_at(below, batch.rows, layer.units, dtype)
        update_weights(net, layer, x, delta, weight_rows(layer, own), regularization, team.rank)
        if has_biases(own):
            bias_slope(delta, net.gradient[layer.biases : layer.biases + layer.units], (ZERO, layer.units), False)
    if has_biases(own):
        step(net, d.regularized, d.parameters - d.regularized, 0.0, team.rank)


@jit
def update_weights(net, layer, x, delta, rows, regularization, rank):
    """Gradient and new values of some rows of a layer's weights: block by block, or all at once."""
    (first, last), units = rows, layer.units
    dw = matrix_in(net.gradient, layer.weights, layer.inputs, units)
    if not in_blocks(x.shape[0], layer.inputs, units, net.theta.dtype):
        weight_slope(x, delta, dw, rows, False, net.panels)
        step(net, layer.weights + first * units, (last - first) * units, regularization, rank)
        return
    for begin in range(first, last, BLOCK_ROWS):
        end = min(begin + BLOCK_ROWS, last)
        slope_block(x, delta, dw, (begin, end), begin > first, net.panels)
        step(net, layer.weights + begin * units, (end - begin) * units, regularization, rank)
