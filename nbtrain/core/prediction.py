"""Prediction that writes nothing in the model, so that any number of threads can predict with one at once.

Everything is computed in a workspace of the caller's: panels for the matrix products, then two arrays in which the
layers' z and a take turns. Rows are cut into chunks as `inference.predict` cuts them, so the bits are the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compiler.jit import jit, vector_at
from .checks import check_x
from .forward import dense
from .inference import output_of_loss
from .layout import CACHE_LINE, DESCRIPTOR, LAYER, OK, WRONG_MODEL, WRONG_OUT, WRONG_WORK
from .matmul.tiles import itemsize_of
from .net import ZERO, Net


class Rows(NamedTuple):
    """Rows of numbers."""

    address: int
    rows: int
    columns: int


@jit
def belongs(address, dtype):
    """Whether a model of this dtype is at `address`, and not a copy of one."""
    d = vector_at(address, 1, DESCRIPTOR)[0]
    return d.here == address and d.itemsize == itemsize_of(dtype)


@jit
def whole_lines(size):
    """Bytes in whole cache lines, with one to spare."""
    return (size + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE + CACHE_LINE


@jit
def panels_bytes(d):
    """Bytes for the panels of the matrix products."""
    return whole_lines(d.panel_size * d.itemsize)


@jit
def layer_bytes(d, rows):
    """Bytes for one result of the widest layer, for a chunk of so many rows."""
    layers, widest = vector_at(d.layers, d.layer_count, LAYER), ZERO
    for index in range(layers.size):
        widest = max(widest, layers[index].units)
    return whole_lines(min(max(rows, 1), d.batch_size) * widest * d.itemsize)


@jit
def work_size(address, rows, dtype):
    """Bytes of a workspace for predictions of at most so many rows; 0 for a model that cannot be used."""
    if not belongs(address, dtype):
        return ZERO
    d = vector_at(address, 1, DESCRIPTOR)[0]
    return CACHE_LINE + panels_bytes(d) + 2 * layer_bytes(d, rows)


@jit
def predict_apart(address, x, out, work, dtype):
    """Predictions for x (address, rows, columns), written to out (likewise), in work (address, bytes) -> status."""
    if not belongs(address, dtype):
        return WRONG_MODEL
    d = vector_at(address, 1, DESCRIPTOR)[0]
    status = check_x(d, x.rows, x.columns)
    if status != OK:
        return status
    if out.rows != x.rows or out.columns != d.outputs:
        return WRONG_OUT
    if work[1] < work_size(address, x.rows, dtype):
        return WRONG_WORK
    return predict_chunks(address, x, out.address, (work[0] + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE, dtype)


@jit
def predict_chunks(address, x, out, work, dtype):
    """The same with checked arguments."""
    descriptor = vector_at(address, 1, DESCRIPTOR)
    d = descriptor[0]
    theta, gradient = vector_at(d.theta, d.parameters, dtype), vector_at(d.gradient, d.parameters, dtype)
    panels = vector_at(work, d.panel_size, dtype)
    net = Net(descriptor, vector_at(d.layers, d.layer_count, LAYER), theta, gradient, panels)
    first_results = work + panels_bytes(d)
    results = first_results, first_results + layer_bytes(d, x.rows)
    for first in range(0, x.rows, d.batch_size):
        rows = min(x.rows - first, d.batch_size)
        a = last_layer(net, x.address + first * d.inputs * d.itemsize, rows, results)
        status = output_of_loss(net, a, rows, out + first * d.outputs * d.itemsize)
        if status != OK:
            return status
    return OK


@jit
def last_layer(net, source, rows, results):
    """Compute layer by layer, without dropout -> address of the last layer's a."""
    for index in range(net.layers.size):
        layer = net.layers[index]
        z, a = results[0], results[1]
        if source == z:
            z, a = a, z
        dense(net, layer, source, (z, a), rows, (ZERO, rows))
        source = a if layer.value != 0 else z
    return source


def functions(dtype: np.dtype[Any]) -> dict[str, Any]:
    """The C functions, for float32 or float64, by name."""

    @jit
    def predict_with(model, x, rows, columns, out, out_rows, out_columns, work, work_bytes):
        given, written = Rows(x, rows, columns), Rows(out, out_rows, out_columns)
        return np.int64(predict_apart(model, given, written, (work, work_bytes), dtype))

    @jit
    def size(model, rows):
        return work_size(model, rows, dtype)

    return {"predict_with": predict_with, "work_size": size}
