"""What happens between two epochs: validation, and callbacks that follow a number, in compiled code.

A Watch says what to validate with and where the sums go; a Monitor follows one number, as `EarlyStopping` and
`ReduceOnPlateau` do in Python, whose rules these are. Their arrays belong to whoever trains: `Trainer.fit`, or a
population for the member whose turn it is.
"""

from __future__ import annotations

import numpy as np

from ..compiler.jit import jit, vector_at
from .calls import copy_bytes
from .inference import evaluate
from .layout import MONITOR, OK, WATCH
from .net import FLOAT64, ZERO, Batch

SUMS = 3  # of an epoch or an evaluation: weighted loss, weights, hits


@jit
def watch_epoch(net):
    """Validate after an epoch that was logged, and let the monitors see its numbers -> status."""
    d = net.descriptor[0]
    w = vector_at(d.watch, 1, WATCH)[0]
    if w.x != 0:
        validate(net, w, d.log_count - 1)
        if d.failed != 0:
            return np.int64(d.failed)
        w.log_count = d.log_count
    monitors = vector_at(w.monitors, w.monitor_count, MONITOR)
    for i in range(w.monitor_count):
        m = monitors[i]
        better = follow(m, number(d, w, m.metric), d.epoch)
        if better and m.best_theta != 0:
            copy_bytes(m.best_theta, d.theta, d.parameters * d.itemsize)
        react(d, w, m)
    return np.int64(OK)


@jit
def validate(net, w, line):
    """Evaluate the validation data, as many rows at a time as Python would, and write a line of its log."""
    d = net.descriptor[0]
    data = d.data_x, d.data_y, d.data_weight, d.data_rows
    total = vector_at(w.log + line * SUMS * 8, SUMS, FLOAT64)
    total[:] = 0.0
    errors = vector_at(w.errors + line * d.outputs * 8, d.outputs if w.errors != 0 else ZERO, FLOAT64)
    errors[:] = 0.0
    sums = vector_at(w.sums, SUMS, FLOAT64)
    for first in range(0, w.rows, w.rows_per_call):
        rows = min(w.rows - first, w.rows_per_call)
        weight = w.weight + first * d.itemsize if w.weight != 0 else ZERO
        batch = Batch(w.x + first * d.inputs * d.itemsize, w.y + first * d.target_bytes, weight, rows)
        d.data_x, d.data_y, d.data_weight, d.data_rows = batch.x, batch.y, batch.weight, batch.rows  # for helpers
        evaluate(net, batch, sums)
        found = vector_at(d.squared_errors, d.outputs, FLOAT64)
        for i in range(SUMS):
            total[i] += sums[i]
        for i in range(errors.size):
            errors[i] += found[i]
    d.data_x, d.data_y, d.data_weight, d.data_rows = data


@jit
def number(d, w, metric):
    """What a monitor follows in the last epoch: loss, accuracy, val_loss or val_accuracy (0 to 3)."""
    log = d.log if metric < 2 else w.log
    sums = vector_at(log + (d.log_count - 1) * SUMS * 8, SUMS, FLOAT64)
    if sums[1] == 0.0:
        return 0.0
    return (sums[0] if metric % 2 == 0 else sums[2]) / sums[1]


@jit
def follow(m, value, epoch):
    """Whether a number is better than the best one by more than min_delta; NaN never is."""
    better = False
    if not np.isnan(value):
        better = np.isnan(m.best_value) or m.sign * (value - m.best_value) > m.min_delta
    if better:
        m.best_value, m.best_epoch, m.waited = value, epoch, 0
    else:
        m.waited += 1
    return better


@jit
def react(d, w, m):
    """Stop, or reduce the learning rate, where a number has not been better for too long."""
    if m.factor == 0.0:
        if m.waited > 0 and m.waited >= m.patience:
            w.stopped = m.stopped = 1
        return
    if m.resting > 0:
        m.resting -= 1
        m.waited = 0
    if m.waited > 0 and m.waited >= m.patience:
        rate = d.learning_rate * d.rate_scale
        if rate > m.minimum:
            d.rate_scale *= max(m.factor, m.minimum / rate)
        m.waited, m.resting = 0, m.cooldown


@jit
def begin_watch(address):
    """Let all monitors begin anew."""
    w = vector_at(address, 1, WATCH)[0]
    w.log_count, w.stopped = 0, 0
    monitors = vector_at(w.monitors, w.monitor_count, MONITOR)
    for i in range(w.monitor_count):
        m = monitors[i]
        m.best_value, m.best_epoch, m.waited, m.resting, m.stopped = np.nan, 0, 0, 0, 0
