"""Update: the regularizer's slope and one iteration of the optimizer, in one pass over the parameters."""

from __future__ import annotations

from ..compiler.door import jit, vector_at
from .calls import call
from .layout import BLOCK_SIZE
from .net import FLOAT64
from .passes import update_in_passes
from .slots import step
from .team import share


@jit
def prepare(net):
    """The numbers of this iteration: learning rate, hyperparameters and what the optimizer prepares from them."""
    d = net.descriptor[0]
    t = d.iteration + 1
    if d.rate != 0:
        call(d.rate, (t, d.rate_parameters, d.rate_result))
    hyper = vector_at(d.hyper, d.hyper_count, FLOAT64)
    hyper[0] = d.learning_rate * d.rate_scale
    if d.prepare != 0:
        call(d.prepare, (t, d.scalars, d.hyper, d.prepared))
    copy_typed(hyper, vector_at(d.hyper_typed, d.hyper_count, net.theta.dtype))
    prepared = vector_at(d.prepared, d.prepared_count, FLOAT64)
    copy_typed(prepared, vector_at(d.prepared_typed, d.prepared_count, net.theta.dtype))


@jit
def copy_typed(source, target):
    """float64 numbers in the model's dtype."""
    for i in range(source.size):
        target[i] = target.dtype.type(source[i])


@jit
def update(net, regularization, team):
    """w <- w - … for this thread's part of theta, `regularization` (1/m, or 0) times the penalty's slope included."""
    d = net.descriptor[0]
    if d.passes != 0:
        update_in_passes(net, regularization, team)
        return
    first, last = share(d.parameters, team)
    if regularization != 0.0 and d.slope != 0:
        bound = min(max(first, d.regularized), last)
        update_range(net, first, bound, regularization, team.rank)
        first = bound
    update_range(net, first, last, 0.0, team.rank)


@jit
def update_range(net, first, last, regularization, rank):
    """Blocks of parameters from `first` to `last`: all of them regularized, or none."""
    d = net.descriptor[0]
    for start in range(first, last, BLOCK_SIZE):
        n, skip = min(BLOCK_SIZE, last - start), start * d.itemsize
        if regularization != 0.0:
            call(d.slope, (d.theta + skip, d.gradient + skip, n, d.regularizer_parameters, regularization))
        step(net, start, n, rank)


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
