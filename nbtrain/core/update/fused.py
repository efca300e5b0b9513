"""Gradient and update together, for large models: weights are updated while their derivatives are in the cache.

It goes from the last layer, whose delta is in the cache, to the first, whose weights the next iteration reads first.
The results are those of `gradient` and `update`.

Weights are written here before all derivatives exist. So this is only for iterations whose derivatives cannot overflow,
by the largest inputs and deltas.
"""

from __future__ import annotations

import numpy as np

from ...compiler.jit import jit, matrix_at, matrix_in, vector_at
from ..magnitudes import exponent, largest_exponent
from ..matmul.products import bias_slope, in_blocks, slope_block, weight_slope
from ..matmul.sizes import BLOCK_ROWS
from ..net import TRAINING, ZERO
from ..team.team import share
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
def is_bounded(net, batch, team):
    """Whether a member's rows of inputs and deltas are too small for any derivative of the batch to overflow."""
    d, dtype, (first, last) = net.descriptor[0], net.theta.dtype, share(batch.rows, team)
    room = largest_exponent(dtype) - 3  # two for |x delta| < 2**(e + 1) 2**(e' + 1), and one for rounding
    rows, source = batch.rows, batch.x
    while rows > 0:  # and one for each doubling of the sum
        rows, room = rows >> 1, room - 1
    for index in range(net.layers.size):
        layer, count = net.layers[index], last - first
        x = vector_at(source + first * layer.inputs * d.itemsize, count * layer.inputs, dtype)
        delta = vector_at(layer.delta + first * layer.units * d.itemsize, count * layer.units, dtype)
        inputs = max(exponent(x), np.int64(-1))  # 2**0 is the factor of a bias
        if inputs >= largest_exponent(dtype) or inputs + exponent(delta) > room:
            return False
        source = output_of(layer, TRAINING)
    return True


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
