"""The parameters of two models with layers of the same sizes: copy and blend. The norm of a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.jit import jit, vector_at
from .calls import nan_of
from .layout import BUSY, DESCRIPTOR, LAYER, OK, OTHER_NETWORK, WRONG_M, WRONG_MODEL, WRONG_TAU
from .matmul.tiles import itemsize_of
from .net import FLOAT64, ZERO, open_net
from .slices import copy as copy_numbers
from .team.busy import CALL, enter, finish, give_back
from .update.norms import norm
from .update.update import regularize


@jit
def enter_both(target, source, dtype):
    """Lock two models, both or none -> status; where both are locked, OK or OTHER_NETWORK. One alone is locked once."""
    if source == 0:  # its theta is another array
        return np.int64(WRONG_MODEL)
    other = vector_at(source, 1, DESCRIPTOR)[0]
    if other.here != source:
        return np.int64(WRONG_MODEL)
    status = np.int64(enter(target, itemsize_of(dtype), CALL))
    if status != OK or source == target:
        return status
    if enter(source, other.itemsize, CALL) != OK:
        give_back(target)
        return np.int64(BUSY)
    d = vector_at(target, 1, DESCRIPTOR)[0]
    return np.int64(OK) if other.itemsize == d.itemsize and have_same_sizes(d, other) else np.int64(OTHER_NETWORK)


@jit
def finish_both(target, source, status):
    """Unlock them, with the status of this call."""
    if source != target:
        finish(source, status)
    return finish(target, status)


@jit
def have_same_sizes(one, other):
    """Whether the layers of two models have the same inputs and units."""
    if one.layer_count != other.layer_count:
        return False
    layers, others = vector_at(one.layers, one.layer_count, LAYER), vector_at(other.layers, one.layer_count, LAYER)
    same = True
    for index in range(layers.size):
        same &= layers[index].inputs == others[index].inputs and layers[index].units == others[index].units
    return same


@jit
def mix(target, source, tau):
    """target = (1 - tau) target + tau source, in float64, rounded once."""
    keep = 1.0 - tau
    for i in range(target.size):
        target[i] = target.dtype.type(keep * np.float64(target[i]) + tau * np.float64(source[i]))


def functions(dtype: np.dtype[Any]) -> dict[str, Any]:
    """The C functions, for float32 or float64, by name."""

    @jit
    def blend(model, source, tau):
        status = enter_both(model, source, dtype)
        if status != OK and status != OTHER_NETWORK:
            return status
        if status == OK and not 0.0 <= tau <= 1.0:
            status = np.int64(WRONG_TAU)
        if status == OK and source != model and tau > 0.0:
            ours, theirs = open_net(model, dtype, ZERO).theta, open_net(source, dtype, ZERO).theta
            if tau == 1.0:
                copy_numbers(theirs, ours)
            else:
                mix(ours, theirs, tau)
        return finish_both(model, source, status)

    @jit
    def copy(model, source):
        return blend(model, source, 1.0)

    @jit
    def regularize_gradient(model, m):
        status = np.int64(enter(model, itemsize_of(dtype), CALL))
        if status != OK:
            return status
        if not (m > 0.0 and 1.0 / m < np.inf and m < np.inf):
            return finish(model, np.int64(WRONG_M))
        regularize(open_net(model, dtype, ZERO), 1.0 / m)
        return finish(model, status)

    @jit
    def gradient_norm(model, result):
        status = np.int64(enter(model, itemsize_of(dtype), CALL))
        written = vector_at(result, 1, FLOAT64)
        written[0] = nan_of(status)
        if status != OK:
            return status
        written[0] = norm(open_net(model, dtype, ZERO).gradient)
        return finish(model, status)

    return {"copy": copy, "blend": blend, "regularize": regularize_gradient, "gradient_norm": gradient_norm}
