"""Constraints: the weights of a layer are projected after an update."""

from __future__ import annotations

import numpy as np

from ...compiler.jit import jit, matrix_in, vector_at
from ..calls import call, square_root
from ..net import FLOAT64
from ..team.team import share


@jit
def constrain(net, team):
    """Every layer's constraint, on this thread's share of its weights: elements, or units."""
    d = net.descriptor[0]
    for index in range(net.layers.size):
        layer = net.layers[index]
        if layer.project != 0:
            first, last = share(layer.inputs * layer.units, team)
            address = d.theta + (layer.weights + first) * d.itemsize
            call(layer.project, (address, last - first, layer.constraint_parameters))
        elif layer.rescale != 0:
            first, last = share(layer.units, team)
            rescale_units(net, layer, first, last)


@jit
def rescale_units(net, layer, first, last):
    """Multiply the columns of W by the constraint's factors, which it computes from their norms."""
    w = matrix_in(net.theta, layer.weights, layer.inputs, layer.units)
    numbers = vector_at(layer.unit_norms, layer.units, FLOAT64)[first:last]
    numbers[:] = 0.0
    for i in range(layer.inputs):
        add_squares(w[i, first:last], numbers)
    for j in range(numbers.size):
        numbers[j] = square_root(numbers[j])
    call(layer.rescale, (layer.unit_norms + first * 8, last - first, layer.constraint_parameters))
    changed = False
    for j in range(numbers.size):
        changed |= numbers[j] != 1.0
    if changed:
        for i in range(layer.inputs):
            multiply_each(w[i, first:last], numbers)


@jit
def add_squares(row, sums):
    """sums += row**2, in float64."""
    for j in range(row.size):
        sums[j] += np.float64(row[j]) * np.float64(row[j])


@jit
def multiply_each(row, factors):
    """row *= factors, rounded once."""
    for j in range(row.size):
        row[j] = row.dtype.type(np.float64(row[j]) * factors[j])
