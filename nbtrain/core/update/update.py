"""Update: the regularizer's derivative and one iteration of the optimizer, in one pass over the parameters."""

from __future__ import annotations

import numpy as np

from ...compiler.jit import address_of, jit, vector_at
from ..calls import call
from ..net import FLOAT64, ZERO
from .gradient import has_biases, share_of_parameters, weight_rows
from .slots import step


@jit
def prepare(net):
    """The numbers of this iteration: learning rate, hyperparameters and what the optimizer prepares from them.

    Schedules count all iterations, the optimizer those since its state was last cleared.
    """
    d = net.descriptor[0]
    t = d.iteration + 1
    if d.optimizer_start > d.iteration:  # the caller has set the iteration back
        d.optimizer_start = 0
    if d.rate != 0:
        call(d.rate, (t, d.rate_parameters, d.rate_result))
    hyper = vector_at(d.hyper, d.hyper_count, FLOAT64)
    hyper[0] = d.learning_rate * d.rate_scale
    if d.prepare != 0:
        copy_typed(vector_at(d.scalars, d.scalar_count, FLOAT64), vector_at(d.next_scalars, d.scalar_count, FLOAT64))
        call(d.prepare, (t - d.optimizer_start, d.next_scalars, d.hyper, d.prepared))
    copy_typed(hyper, vector_at(d.hyper_typed, d.hyper_count, net.theta.dtype))
    prepared = vector_at(d.prepared, d.prepared_count, FLOAT64)
    copy_typed(prepared, vector_at(d.prepared_typed, d.prepared_count, net.theta.dtype))


@jit
def is_good_rate(net):
    """Whether the learning rate is neither negative nor, in the model's dtype, infinite or NaN."""
    rate = vector_at(net.descriptor[0].hyper_typed, 1, net.theta.dtype)[0]
    return 0 <= rate < np.inf


@jit
def accept(net):
    """Keep the optimizer's scalars that `prepare` computed: the iteration was completed."""
    d = net.descriptor[0]
    if d.prepare != 0:
        copy_typed(vector_at(d.next_scalars, d.scalar_count, FLOAT64), vector_at(d.scalars, d.scalar_count, FLOAT64))


@jit
def copy_typed(source, target):
    """target = source, in the dtype of the target."""
    for i in range(source.size):
        target[i] = target.dtype.type(source[i])


@jit
def update(net, regularization, team):
    """w <- w - … for this member's share of the parameters, `regularization` (1/m, or 0) times r'(w) added."""
    d = net.descriptor[0]
    if d.passes != 0:
        call(d.passes, (address_of(net.descriptor), regularization, team.rank, team.size))
        return
    own = share_of_parameters(team)
    if team.size == 1:
        step(net, ZERO, d.regularized, regularization, team.rank)
    else:
        for index in range(net.layers.size):
            layer = net.layers[index]
            first, last = weight_rows(layer, own)
            if first < last:
                start, count = layer.weights + first * layer.units, (last - first) * layer.units
                step(net, start, count, regularization, team.rank)
    if has_biases(own):
        step(net, d.regularized, d.parameters - d.regularized, 0.0, team.rank)


@jit
def penalty(net):
    """r(W) summed over all weights, in float64."""
    d = net.descriptor[0]
    total = vector_at(d.penalty_sum, 1, FLOAT64)
    total[0] = 0.0
    if d.penalty != 0:
        call(d.penalty, (d.theta, d.regularized, d.regularizer_parameters, d.penalty_sum))
    return total[0]


@jit
def regularize(net, regularization):
    """gradient += regularization * r'(W)."""
    d = net.descriptor[0]
    if d.slope != 0:
        call(d.slope, (d.theta, d.gradient, d.regularized, d.regularizer_parameters, regularization))
