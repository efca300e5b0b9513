"""The slopes of weights and biases, shared by a team, and by parts of a batch where a team exchanges less that way.

A member finds the slopes of some rows of every layer's weights, for which it reads all samples that the others have
just worked on. With many samples and few parameters it is better that members sum over their own samples: each part of
the batch then has a gradient of its own, and they are added in their order. How many parts there are depends on the
model alone, so the bits do not depend on the team.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...compiler.jit import jit, matrix_at, matrix_in, vector_at
from ..matmul.products import bias_slope, weight_slope
from ..net import ZERO
from ..team.team import coarse_cut, cut, fetch, meet

WEIGHT_ROWS = 8  # rows of a layer's weights that fall to one member
ONE = np.int64(1)


class Section(NamedTuple):
    """The way through the parameters from `first` to `last`, in fractions of `of`."""

    first: int
    last: int
    of: int


@jit
def section_of(part, parts, team):
    """What falls to a member of one part's parameters: the parts laid end to end are cut into equal pieces."""
    before = part * team.size
    first = min(max(team.rank * parts - before, 0), team.size)
    return Section(first, min(max((team.rank + 1) * parts - before, 0), team.size), team.size)


@jit
def weight_rows(layer, section):
    """Rows of a layer's weights in a section: whole cache lines, mostly."""
    if section.of == 1:
        return ZERO, layer.inputs
    grain = WEIGHT_ROWS if layer.inputs >= 2 * WEIGHT_ROWS else 1
    return coarse_cut(layer.inputs, grain, section.first, section.last, section.of)


@jit
def has_biases(section):
    """Whether the biases belong to a section: the last member's does, since the leader does the bookkeeping."""
    return section.last == section.of and section.first < section.of


@jit
def parts_of(d, rows):
    """How many parts a batch of so many rows has."""
    return d.parts if rows >= d.parts else ONE


@jit
def parameter_slopes(net, batch, training, parts, accumulate, team):
    """gradient (+)= dJ/dW = input' delta and dJ/db = column sums of delta: a member's share, part by part."""
    d = net.descriptor[0]
    for part in range(parts):
        section = section_of(part, parts, team)
        rows = cut(batch.rows, part, parts)
        if section.first < section.last and rows[0] < rows[1]:
            part_slopes(net, batch, training, rows, (gradient_of(d, part), accumulate, section), team)


@jit
def gradient_of(d, part):
    """Address of the sums of a part's slopes: for the first one the gradient's."""
    return d.gradient if part == 0 else d.part_slopes + (part - 1) * d.parameters * d.itemsize


@jit
def part_slopes(net, batch, training, rows, goal, team):
    """Slopes of a section of the parameters by some rows of a batch; `goal`: where they go, and if they are added."""
    address, accumulate, section = goal
    dtype, count = net.theta.dtype, rows[1] - rows[0]
    gradient = vector_at(address, net.gradient.size, dtype)
    source = batch.x
    for index in range(net.layers.size):
        layer = net.layers[index]
        here, below = fetched_operands(layer, source, rows, net.theta.itemsize, section, team)
        x, delta = matrix_at(here, count, layer.inputs, dtype), matrix_at(below, count, layer.units, dtype)
        dw = matrix_in(gradient, layer.weights, layer.inputs, layer.units)
        weight_slope(x, delta, dw, weight_rows(layer, section), accumulate, net.panels)
        if has_biases(section):
            bias_slope(delta, gradient[layer.biases : layer.biases + layer.units], (ZERO, layer.units), accumulate)
        source = output_of(layer, training)


@jit
def fetched_operands(layer, source, rows, itemsize, section, team):
    """Addresses of some rows of a layer's inputs and delta, fetched for a member who makes a section of the slopes."""
    first, last = rows
    here, below = source + first * layer.inputs * itemsize, layer.delta + first * layer.units * itemsize
    if section.last - section.first < section.of:  # else a member reads what is its own, mostly
        fetch(here, (last - first) * layer.inputs * itemsize, team)
        fetch(below, (last - first) * layer.units * itemsize, team)
    return here, below


@jit
def output_of(layer, training):
    """Address of what the next layer has been given."""
    return layer.out if training and layer.mask != 0 else layer.a


@jit
def add_parts(net, parts, team):
    """gradient += the slopes of all parts but the first, for a member's share of the parameters."""
    if parts == 1:
        return
    meet(team)
    d, section = net.descriptor[0], section_of(ZERO, ONE, team)
    for index in range(net.layers.size):
        layer = net.layers[index]
        first, last = weight_rows(layer, section)
        add_slopes(net, parts, layer.weights + first * layer.units, layer.weights + last * layer.units)
    if has_biases(section):
        add_slopes(net, parts, d.regularized, d.parameters)


@jit
def add_slopes(net, parts, first, last):
    """gradient[first:last] += those of the other parts."""
    sums = net.gradient[first:last]
    for part in range(1, parts):
        address = gradient_of(net.descriptor[0], part) + first * net.theta.itemsize
        add(vector_at(address, last - first, net.theta.dtype), sums)


@jit
def add(numbers, sums):
    """sums += numbers."""
    for i in range(sums.size):
        sums[i] += numbers[i]
