"""Forward: x -> z = x W + b -> a = g(z) -> dropout, layer by layer."""

from __future__ import annotations

import numpy as np

from ..compiler.jit import jit, matrix_at, matrix_in, vector_at
from . import random
from .calls import call
from .layout import MASK_BLOCK
from .matmul.products import affine
from .team.team import share

BYTE = np.dtype(np.uint8)


@jit
def forward(net, batch, first_row, training, team):
    """Fill every layer's z, a and out for this thread's rows; `first_row` is the first row's place in the iteration."""
    source = batch.x
    rows = share(batch.rows, team)
    for index in range(net.layers.size):
        layer = net.layers[index]
        dense(net, layer, source, (layer.z, layer.a), batch.rows, rows)
        if training and layer.mask != 0:
            drop(net, index, first_row, rows)
            source = layer.out
        else:
            source = layer.a


@jit
def dense(net, layer, source, results, count, rows):
    """z = x W + b and a = g(z), at the addresses `results`, for a range of the `count` rows at `source`."""
    (first, last), (z_address, a_address) = rows, results
    dtype = net.theta.dtype
    x = matrix_at(source, count, layer.inputs, dtype)  # (count, inputs)
    z = matrix_at(z_address, count, layer.units, dtype)  # (count, units)
    w = matrix_in(net.theta, layer.weights, layer.inputs, layer.units)
    b = net.theta[layer.biases : layer.biases + layer.units]
    affine(x, w, b, z, rows, net.panels)
    if layer.value != 0:
        skip, n = first * layer.units * net.theta.itemsize, (last - first) * layer.units
        call(layer.value, (z_address + skip, a_address + skip, n, layer.parameters))


@jit
def drop(net, index, first_row, rows):
    """out = a / (1 - p) where a unit is kept, else 0, by a mask drawn for this iteration and the descriptor's draw."""
    layer, d = net.layers[index], net.descriptor[0]
    first, last = rows
    start = first_row * layer.units  # the chunk's first element within the iteration
    base = start // MASK_BLOCK
    begin = (start + first * layer.units) // MASK_BLOCK
    end = (start + last * layer.units + MASK_BLOCK - 1) // MASK_BLOCK
    stream = random.redrawn(random.stream(d, random.DROPOUT, d.iteration + 1, index), d.draw)
    random.fill_mask(stream, layer.threshold, begin, end - begin, layer.mask + (begin - base) * MASK_BLOCK)
    skip, n = first * layer.units * net.theta.itemsize, (last - first) * layer.units
    mask = vector_at(mask_of(layer, first_row, first), n, BYTE)
    a = vector_at(layer.a + skip, n, net.theta.dtype)
    out = vector_at(layer.out + skip, n, net.theta.dtype)
    keep(a, mask, layer.keep_scale, out)


@jit
def mask_of(layer, first_row, row):
    """Address of the mask's bytes for a row of the chunk that begins with `first_row` of the iteration."""
    return layer.mask + first_row * layer.units % MASK_BLOCK + row * layer.units


@jit
def keep(source, mask, scale, target):
    """target = source * scale where the mask is 1, else 0."""
    scale = target.dtype.type(scale)
    zero = target.dtype.type(0)
    for i in range(target.size):
        target[i] = source[i] * scale if mask[i] != 0 else zero
