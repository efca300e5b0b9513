"""The gradient: derivatives with respect to weights and biases, shared by a team.

A member computes the derivatives of some rows of every layer's weights, for which it reads all samples that the others
have just worked on. With many samples and few parameters it is better that members sum over their own samples: the
gradient is then made of several sums, each over a chunk of the batch, which are added in their order. How many sums
there are depends on the model alone, so the bits do not depend on the team.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...compiler.jit import jit, jit_inline, matrix_at, matrix_in, vector_at
from ..layout import CACHE_LINE
from ..magnitudes import all_finite
from ..matmul.products import bias_slope, weight_slope
from ..net import ZERO
from ..team.team import FAULT, any_says, barrier, coarse_cut, cut, fetch, say

WEIGHT_ROWS = 8  # rows of a layer's weights that one member computes
ONE = np.int64(1)


class Share(NamedTuple):
    """A member's share of all parameters: from `first` to `last`, in fractions of `of`."""

    first: int
    last: int
    of: int


@jit
def share_of_sum(index, sums, team):
    """A member's share of the parameters of one sum: all sums, end to end, are cut into equal shares."""
    before = index * team.size
    first = min(max(team.rank * sums - before, 0), team.size)
    return Share(first, min(max((team.rank + 1) * sums - before, 0), team.size), team.size)


@jit
def share_of_parameters(team):
    """A member's share where there is one sum only."""
    return share_of_sum(ZERO, ONE, team)


@jit
def weight_rows(layer, own):
    """Rows of a layer's weights in a share: whole cache lines, mostly."""
    if own.of == 1:
        return ZERO, layer.inputs
    grain = WEIGHT_ROWS if layer.inputs >= 2 * WEIGHT_ROWS else 1
    return coarse_cut(layer.inputs, grain, own.first, own.last, own.of)


@jit
def has_biases(own):
    """Whether a share includes the biases: the last member's does, since the leader does the bookkeeping."""
    return own.last == own.of and own.first < own.of


@jit
def sums_of(d, rows):
    """How many sums the gradient of so many rows is made of."""
    return d.gradient_count if rows >= d.gradient_count else ONE


@jit
def add_to_gradient(net, batch, training, sums, again, team):
    """gradient (+)= dJ/dW = input' delta and dJ/db = column sums of delta: a member's share, sum by sum.

    `again`: whether to add to what is in the first sum, the gradient itself, and to what is in the others.
    """
    d = net.descriptor[0]
    for index in range(sums):
        own = share_of_sum(index, sums, team)
        rows = cut(batch.rows, index, sums)
        if own.first < own.last and rows[0] < rows[1]:
            accumulate = again[0] if index == 0 else again[1]
            sum_over_rows(net, batch, training, rows, (address_of_sum(d, index), accumulate, own), team)


@jit
def address_of_sum(d, index):
    """Address of one of the sums: the first is in the gradient."""
    return d.gradient if index == 0 else d.partial_gradients + (index - 1) * d.parameters * d.itemsize


@jit
def sum_over_rows(net, batch, training, rows, goal, team):
    """Derivatives by some rows of a batch; `goal`: address of the sum, whether to add to it, a member's share."""
    address, accumulate, own = goal
    dtype, count = net.theta.dtype, rows[1] - rows[0]
    gradient = vector_at(address, net.gradient.size, dtype)
    source = batch.x
    for index in range(net.layers.size):
        layer = net.layers[index]
        here, below = fetched_operands(layer, source, rows, net.theta.itemsize, own, team)
        x, delta = matrix_at(here, count, layer.inputs, dtype), matrix_at(below, count, layer.units, dtype)
        dw = matrix_in(gradient, layer.weights, layer.inputs, layer.units)
        weight_slope(x, delta, dw, weight_rows(layer, own), accumulate, net.panels)
        if has_biases(own):
            bias_slope(delta, gradient[layer.biases : layer.biases + layer.units], (ZERO, layer.units), accumulate)
        source = output_of(layer, training)


@jit
def fetched_operands(layer, source, rows, itemsize, own, team):
    """Addresses of some rows of a layer's inputs and delta, prefetched where others have written them."""
    first, last = rows
    here, below = source + first * layer.inputs * itemsize, layer.delta + first * layer.units * itemsize
    if own.last - own.first < own.of:  # else a member mostly reads what it wrote itself
        fetch(here, (last - first) * layer.inputs * itemsize, team)
        fetch(below, (last - first) * layer.units * itemsize, team)
    return here, below


@jit
def output_of(layer, training):
    """Address of the input of the next layer."""
    return layer.out if training and layer.mask != 0 else layer.a


@jit
def add_sums(net, sums, team):
    """gradient += all sums but the first, for a member's share of the parameters."""
    if sums == 1:
        return
    barrier(team)
    d, own = net.descriptor[0], share_of_parameters(team)
    for index in range(net.layers.size):
        layer = net.layers[index]
        first, last = weight_rows(layer, own)
        add_range(net, sums, layer.weights + first * layer.units, layer.weights + last * layer.units)
    if has_biases(own):
        add_range(net, sums, d.regularized, d.parameters)


@jit_inline
def is_finite(net, team):
    """Whether the whole gradient is finite."""
    d, lanes = net.descriptor[0], CACHE_LINE // net.theta.itemsize
    if team.size == 1:  # whole cache lines: what is beside the gradient is 0
        return all_finite(vector_at(d.gradient, (net.gradient.size + lanes - 1) // lanes * lanes, net.theta.dtype))
    return shares_are_finite(net, team)


@jit
def shares_are_finite(net, team):
    """The same, of which every member checks its share, before any of them updates."""
    d, own, fine = net.descriptor[0], share_of_parameters(team), True
    for index in range(net.layers.size):
        layer = net.layers[index]
        first, last = weight_rows(layer, own)
        fine &= all_finite(net.gradient[layer.weights + first * layer.units : layer.weights + last * layer.units])
    if has_biases(own):
        fine &= all_finite(net.gradient[d.regularized :])
    say(team, FAULT, not fine)
    barrier(team)
    return not any_says(team, FAULT)


@jit
def add_range(net, sums, first, last):
    """gradient[first:last] += the other sums there."""
    total = net.gradient[first:last]
    for index in range(1, sums):
        address = address_of_sum(net.descriptor[0], index) + first * net.theta.itemsize
        add(vector_at(address, last - first, net.theta.dtype), total)


@jit
def add(numbers, total):
    """total += numbers."""
    for i in range(total.size):
        total[i] += numbers[i]
