"""The update in several passes: for gradient clipping, optimizers that need norms, and constraints.

A norm is summed over blocks of parameters whose bounds do not depend on the team: each block has its own sum of
squares, in float64, and member 0 adds them in their order. So the bits do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from ...compiler.jit import jit, matrix_at, vector_at
from ..calls import call, square_root
from ..layout import BLOCK
from ..net import FLOAT64
from ..team.team import barrier, share
from .constraints import constrain
from .norms import norm, sum_of_squares
from .slots import step


@jit
def update_in_passes(net, regularization, team):
    """Clip the gradient, make the optimizer's step, scale it by norms, constrain the weights: whichever apply."""
    d = net.descriptor[0]
    barrier(team)  # a member's blocks are not its share of the gradient
    clipped_by_norm = d.clip_norm > 0.0
    if clipped_by_norm:
        measure_gradient(net, regularization, team)
    step_blocks(net, regularization, clipped_by_norm, team)
    if d.scale != 0:
        apply_scaled(net, team)
    barrier(team)
    constrain(net, team)


@jit
def measure_gradient(net, regularization, team):
    """Complete the gradient, regularization included, and find the factor that clips its norm."""
    d = net.descriptor[0]
    blocks, sums = vector_at(d.blocks, d.block_count, BLOCK), vector_at(d.square_sums, d.block_count, FLOAT64)
    first, last = share(d.block_count, team)
    for index in range(first, last):
        block = blocks[index]
        complete_gradient(net, block, regularization)
        sums[index] = sum_of_squares(net.gradient[block.start : block.start + block.size])
    barrier(team)
    if team.rank == 0:
        total = 0.0
        for index in range(sums.size):
            total += sums[index]
        length = square_root(total) if total < np.inf else norm(net.gradient)
        d.clip_factor = clip_factor(length, d.clip_norm)
    barrier(team)


@jit
def clip_factor(norm, limit):
    """min(1, limit / norm); NaN for an infinite norm, so that divergence shows."""
    if norm > limit:
        return limit / norm if norm < np.inf else np.nan
    return 1.0


@jit
def step_blocks(net, regularization, complete, team):
    """The optimizer's step, block by block; `complete`: the gradient is, and has to be scaled by clip_factor."""
    d = net.descriptor[0]
    blocks, sums = vector_at(d.blocks, d.block_count, BLOCK), matrix_at(d.square_sums, 2, d.block_count, FLOAT64)
    first, last = share(d.block_count, team)
    for index in range(first, last):
        block = blocks[index]
        if not complete:
            complete_gradient(net, block, regularization)
        elif d.clip_factor != 1.0:
            multiply(net.gradient[block.start : block.start + block.size], d.clip_factor)
        step(net, block.start, block.size, 0.0, team.rank)
        if d.scale != 0:  # the gradient now holds the update
            stop = block.start + block.size
            sums[0, index] = sum_of_squares(net.theta[block.start : stop])
            sums[1, index] = sum_of_squares(net.gradient[block.start : stop])


@jit
def apply_scaled(net, team):
    """w <- w - s u, the scale s from the norms of w and u, tensor by tensor."""
    d = net.descriptor[0]
    barrier(team)
    if team.rank == 0:
        find_scales(d)
    barrier(team)
    blocks, scales = vector_at(d.blocks, d.block_count, BLOCK), matrix_at(d.tensor_norms, d.tensor_count, 3, FLOAT64)
    first, last = share(d.block_count, team)
    for index in range(first, last):
        block = blocks[index]
        stop = block.start + block.size
        subtract(net.theta[block.start : stop], net.gradient[block.start : stop], scales[block.tensor, 2])


@jit
def find_scales(d):
    """Norms of every tensor from the sums of its blocks, and the optimizer's scales."""
    blocks, sums = vector_at(d.blocks, d.block_count, BLOCK), matrix_at(d.square_sums, 2, d.block_count, FLOAT64)
    norms = matrix_at(d.tensor_norms, d.tensor_count, 3, FLOAT64)
    norms[:, :] = 0.0
    for index in range(blocks.size):
        tensor = blocks[index].tensor
        norms[tensor, 0] += sums[0, index]
        norms[tensor, 1] += sums[1, index]
    for tensor in range(d.tensor_count):
        norms[tensor, 0], norms[tensor, 1] = square_root(norms[tensor, 0]), square_root(norms[tensor, 1])
    call(d.scale, (d.tensor_norms, d.tensor_count, d.hyper))


@jit
def complete_gradient(net, block, regularization):
    """Add the penalty's derivative to a block of the gradient, and clip it by value."""
    d = net.descriptor[0]
    skip = block.start * d.itemsize
    if regularization != 0.0 and d.slope != 0 and block.regularized != 0:
        call(d.slope, (d.theta + skip, d.gradient + skip, block.size, d.regularizer_parameters, regularization))
    if d.clip_value > 0.0:
        clip(net.gradient[block.start : block.start + block.size], d.clip_value)


@jit
def clip(numbers, limit):
    """Clip numbers to -limit … limit; NaN stays."""
    bound = numbers.dtype.type(limit)
    for i in range(numbers.size):
        number = numbers[i]
        number = bound if number > bound else number
        numbers[i] = -bound if number < -bound else number


@jit
def multiply(numbers, factor):
    """numbers *= factor."""
    typed = numbers.dtype.type(factor)
    for i in range(numbers.size):
        numbers[i] *= typed


@jit
def subtract(numbers, updates, scale):
    """numbers -= scale * updates."""
    typed = numbers.dtype.type(scale)
    for i in range(numbers.size):
        numbers[i] -= typed * updates[i]
