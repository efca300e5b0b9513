"""Members of a population: a model takes one after the other, and trains it for all its epochs.

A member's row is the snapshot of the model that trains it: it is read when the member's turn comes, and written at the
end of every finite epoch. So a member stands at the end of a finite epoch at any moment, whatever becomes of the epoch
under way. Single steps (`train_steps`) work on the row itself, which saves two copies a step.
"""

from __future__ import annotations

import numpy as np

from ..compiler.jit import jit, vector_at
from .calls import call
from .layout import (
    BUSY,
    DESCRIPTOR,
    DROPOUT_RATE,
    FLOAT64_NUMBER,
    HITS_NONE,
    LAYER,
    MEMBER,
    MONITOR,
    OK,
    POPULATION,
    SPAN,
    TARGET,
    TASK,
    TYPED_NUMBER,
    WATCH,
    WORKER,
    WRONG_MEMBER,
)
from .net import FLOAT64, INT64, ZERO, Batch, open_net
from .slices import copy, mean_loss
from .team.atomics import atomic_load, clock, compare_and_swap
from .team.busy import CALL, enter

NEXT = POPULATION.fields["next"][1]
WORDS = len(MEMBER.names)  # of eight bytes
FIRST_WORD = DESCRIPTOR.fields[MEMBER.names[0]][1]
KEEP_SCALE = LAYER.fields["keep_scale"][1] - LAYER.fields["threshold"][1]
LARGEST_WORD, WORD_VALUES = (1 << 32) - 1, float(1 << 32)


# ---- a call of fit


@jit
def run_members(model, population, worker, dtype):
    """Train members that no other model has taken, until there are none or the slice of time is over -> status.

    `worker.member` is then -1, or a member whose training goes on in the next call.
    """
    d = vector_at(model, 1, DESCRIPTOR)[0]
    p, w = vector_at(population, 1, POPULATION)[0], vector_at(worker, 1, WORKER)[0]
    end = clock() + d.slice_time
    while True:
        if w.member < 0:
            turn = next_turn(population, p.turn_count)
            if turn < 0:
                return np.int64(OK)
            w.member = vector_at(p.turns, p.turn_count, INT64)[turn]
            take_row(model, p, w.member, dtype)
            d.log, d.log_size, d.watch = w.log, 1, w.watch
            take_watch(d, p, w)
        if train_member(d, p, w, end):
            finish_member(d, p, w, dtype)
            w.member = -1
        if clock() > end:
            return np.int64(OK)


@jit
def next_turn(population, count):
    """A place in the order of turns that nobody else gets, or -1."""
    while True:
        turn = atomic_load(population + NEXT)
        if turn >= count:
            return np.int64(-1)
        if compare_and_swap(population + NEXT, turn, turn + 1):
            return turn


@jit
def train_member(d, p, w, end):
    """Train until the member's last epoch, or the end of the slice of time -> whether the member is finished."""
    task = vector_at(p.tasks, p.count, TASK)[w.member]
    data = own_data(d, p, task)
    until_look = d.clock_steps
    while d.epoch < task.epochs and task.stopped == 0:
        before = d.iteration
        status = call(p.epoch_inside, (d.here, data.x, data.y, data.weight, data.rows, end))
        if status == OK and d.position != 0:
            return False
        if status == OK:
            keep_record(d, p, w.member)
            status = finish_epoch(d, p, w, task)
        if status != OK:
            give_up(d, task, status, d.position == 0 and d.epoch != d.snapshot_epoch)
            return True
        until_look -= d.iteration - before + 1
        if until_look <= 0:
            until_look = d.clock_steps
            if clock() > end:
                return d.epoch >= task.epochs or task.stopped != 0
    return True


@jit
def finish_epoch(d, p, w, task):
    """Validate and follow a number, where that is wanted, and log the epoch -> status."""
    status = np.int64(OK)
    if d.watch != 0:
        status = call(p.watch_inside, (d.here,))
        d.failed = 0
        keep_monitor(d, task)
    log_member(d, p, w, task)
    return status


@jit
def finish_member(d, p, w, dtype):
    """Go back to the best parameters, where that is wanted."""
    task = vector_at(p.tasks, p.count, TASK)[w.member]
    if p.restores != 0 and task.best_epoch > 0:
        best = vector_at(best_of(p, w), d.parameters, dtype)
        copy(best, vector_at(row_of(p, w.member), d.parameters, dtype))


@jit
def own_data(d, p, task):
    """The member's samples."""
    x, y = p.x + task.x_first * d.inputs * d.itemsize, p.y + task.y_first * d.target_bytes
    return Batch(x, y, p.weight + task.weight_first * d.itemsize if p.weight != 0 else ZERO, task.rows)


@jit
def give_up(d, task, status, ended):
    """Mark a member, where it was in an epoch or had just `ended` one; its row stands at the last finite epoch."""
    task.status = status
    task.failed_epoch = d.epoch + (0 if ended else 1)
    task.failed_iteration = d.iteration + (0 if ended else 1)


@jit
def log_member(d, p, w, task):
    """Add an epoch to the member's log: its loss, and its accuracy where there is one."""
    sums = vector_at(w.log, 3, FLOAT64)
    start = (w.member * p.log_epochs + task.logged) * p.log_columns
    line = vector_at(p.log + start * 8, p.log_columns, FLOAT64)
    line[0] = sums[0] / sums[1] if sums[1] > 0.0 else 0.0
    if p.accuracy >= 0:
        line[p.accuracy] = sums[2] / sums[1] if d.hits != HITS_NONE and sums[1] > 0.0 else 0.0
    if p.val_loss >= 0:
        found = vector_at(vector_at(d.watch, 1, WATCH)[0].log, 3, FLOAT64)
        line[p.val_loss] = found[0] / found[1]
        if p.val_accuracy >= 0:
            line[p.val_accuracy] = found[2] / found[1]
    task.logged += 1


# ---- validation and early stopping


@jit
def best_of(p, w):
    """Where the member's best parameters are kept: in memory of its own, or in the model's."""
    own = vector_at(p.best, p.count, INT64)[w.member] if p.best != 0 else ZERO
    return own if own != 0 else w.best_theta


@jit
def take_watch(d, p, w):
    """Point the watch at the member's validation data, and let its monitor go on where the member's stood."""
    if w.watch == 0:
        return
    task, watch = vector_at(p.tasks, p.count, TASK)[w.member], vector_at(w.watch, 1, WATCH)[0]
    if p.valid_x != 0:
        watch.x = p.valid_x + task.valid_x_first * d.inputs * d.itemsize
        watch.y = p.valid_y + task.valid_y_first * d.target_bytes
        watch.weight = p.valid_weight + task.valid_weight_first * d.itemsize if p.valid_weight != 0 else ZERO
        watch.rows = task.valid_rows
    if watch.monitor_count > 0:
        monitor = vector_at(watch.monitors, 1, MONITOR)[0]
        monitor.best_value, monitor.best_epoch = task.best_value, task.best_epoch
        monitor.waited, monitor.stopped = task.waited, task.stopped
        monitor.best_theta = best_of(p, w) if p.keeps_best != 0 else ZERO


@jit
def keep_monitor(d, task):
    """Write to the member what its monitor has seen."""
    watch = vector_at(d.watch, 1, WATCH)[0]
    if watch.monitor_count > 0:
        monitor = vector_at(watch.monitors, 1, MONITOR)[0]
        task.best_value, task.best_epoch = monitor.best_value, monitor.best_epoch
        task.waited, task.stopped = monitor.waited, monitor.stopped


# ---- from a member to a model, and back


@jit
def take_row(model, p, member, dtype):
    """Let a model stand where a member does, and keep its snapshots in the member's row."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    row = row_of(p, member)
    take_record(d, p, member)
    take_numbers(d, p, member, dtype)
    count, size = d.parameters, d.parameters * d.itemsize
    copy(vector_at(row, count, dtype), vector_at(d.theta, count, dtype))
    copy(vector_at(row + size, d.slots * count, dtype), vector_at(d.state, d.slots * count, dtype))
    copy_words(scalars_of(d, row), d.scalars, d.scalar_count)
    d.snapshot = row
    d.snapshot_iteration, d.snapshot_epoch, d.snapshot_start = d.iteration, d.epoch, d.optimizer_start


@jit
def row_of(p, member):
    """Address of a member's row."""
    return vector_at(p.rows, p.count, INT64)[member]


@jit
def scalars_of(d, row):
    """Where a row has the optimizer's scalars."""
    return row + ((1 + d.slots) * d.parameters * d.itemsize + 7) // 8 * 8


@jit
def copy_words(source, target, count):
    """Copy words of eight bytes."""
    copy(vector_at(source, count, INT64), vector_at(target, count, INT64))


@jit
def take_record(d, p, member):
    """The member's counters and seed become the model's."""
    copy_words(p.members + member * WORDS * 8, d.here + FIRST_WORD, WORDS)
    d.order_epoch = -1  # the order that was drawn last is another member's


@jit
def keep_record(d, p, member):
    """Write the model's counters to the member's record."""
    copy_words(d.here + FIRST_WORD, p.members + member * WORDS * 8, WORDS)


@jit
def take_numbers(d, p, member, dtype):
    """Write the member's own hyperparameters where the model reads them."""
    start, targets = p.values + member * p.columns * 8, vector_at(p.targets, p.columns, TARGET)
    values = vector_at(start, p.columns, FLOAT64)
    for column in range(p.columns):
        place, kind, number = d.here + targets[column].offset, targets[column].kind, values[column]
        if kind == TYPED_NUMBER:
            typed = vector_at(place, 1, dtype)
            typed[0] = typed.dtype.type(number)
        elif kind == DROPOUT_RATE:
            word = np.rint(number * WORD_VALUES)
            vector_at(place, 1, INT64)[0] = np.int64(word) if word < WORD_VALUES else np.int64(LARGEST_WORD)
            vector_at(place + KEEP_SCALE, 1, FLOAT64)[0] = 1.0 / (1.0 - number)
        elif kind == FLOAT64_NUMBER:
            vector_at(place, 1, FLOAT64)[0] = number


# ---- steps for compiled callers


@jit
def free_model(p, itemsize):
    """Enter a model of the population that nobody is using -> its address, or 0."""
    models = vector_at(p.models, p.model_count, INT64)
    for index in range(p.model_count):
        if enter(models[index], itemsize, CALL) == OK:
            return models[index]
    return ZERO


@jit
def train_some(model, p, data, blocks, chosen, steps, dtype):
    """Train each of the chosen members (first, last) for some steps -> OK, or the status of one that failed."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    theta, state, found = d.theta, d.state, np.int64(OK)
    tasks, losses = vector_at(p.tasks, p.count, TASK), vector_at(p.losses, p.count, FLOAT64)
    first, last = chosen
    for member in range(first, last):
        task = tasks[member]
        block = data if blocks == 1 else block_of(d, data, member - first)
        if task.status == OK:
            status = train_steps(model, p, member, block, steps, dtype)
            losses[member] = mean_loss(open_net(model, dtype, ZERO)) if status == OK else np.nan
            if status != OK:
                give_up(d, task, status, False)
                found = status
    d.theta, d.state = theta, state
    return found


@jit
def block_of(d, data, index):
    """One of several blocks of equally many rows."""
    start = index * data.rows
    x, y = data.x + start * d.inputs * d.itemsize, data.y + start * d.target_bytes
    return Batch(x, y, data.weight + start * d.itemsize if data.weight != 0 else ZERO, data.rows)


@jit
def train_steps(model, p, member, data, steps, dtype):
    """Steps of a member, on its row itself; one that fails changes nothing -> status."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    row = row_of(p, member)
    take_record(d, p, member)
    take_numbers(d, p, member, dtype)
    d.theta, d.state = row, row + d.parameters * d.itemsize
    copy_words(scalars_of(d, row), d.scalars, d.scalar_count)
    status = call(p.steps_inside, (model, data.x, data.y, data.weight, data.rows, steps))
    copy_words(d.scalars, scalars_of(d, row), d.scalar_count)
    keep_record(d, p, member)
    return status


@jit
def copy_member(population, target, source):
    """Let a member stand where another does: parameters, optimizer state and its t; its mark is removed -> status."""
    p = vector_at(population, 1, POPULATION)[0]
    if min(target, source) < 0 or max(target, source) >= p.count:
        return np.int64(WRONG_MEMBER)
    if p.running != 0:
        return np.int64(BUSY)
    d = vector_at(vector_at(p.models, 1, INT64)[0], 1, DESCRIPTOR)[0]
    copy_words(row_of(p, source), row_of(p, target), scalars_of(d, ZERO) // 8 + d.scalar_count)
    records, tasks = vector_at(p.members, p.count, MEMBER), vector_at(p.tasks, p.count, TASK)
    records[target].iteration = records[source].iteration
    records[target].optimizer_start = records[source].optimizer_start
    tasks[target].status = OK
    return np.int64(OK)


# ---- prediction and evaluation


@jit
def predict_member(model, p, member, batch, out, dtype):
    """Predictions of a member for the rows of a batch, written to `out`."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    theta = d.theta
    take_numbers(d, p, member, dtype)
    d.theta = row_of(p, member)
    call(p.predict_inside, (model, batch.x, batch.rows, out))
    d.theta = theta


@jit
def predict_spans(model, population, spans, count, x, out, dtype):
    """Predictions of members for spans of rows."""
    d, p = vector_at(model, 1, DESCRIPTOR)[0], vector_at(population, 1, POPULATION)[0]
    listed = vector_at(spans, count, SPAN)
    for index in range(count):
        span = listed[index]
        batch = Batch(x + span.x_first * d.inputs * d.itemsize, ZERO, ZERO, span.rows)
        predict_member(model, p, span.member, batch, out + span.out_first * d.outputs * d.itemsize, dtype)


@jit
def evaluate_spans(model, population, spans, count, data, sums, dtype):
    """What the core's evaluation finds for members and spans of rows: its sums, then the squared errors."""
    d, p = vector_at(model, 1, DESCRIPTOR)[0], vector_at(population, 1, POPULATION)[0]
    listed, theta, columns = vector_at(spans, count, SPAN), d.theta, 3 + d.outputs
    for index in range(count):
        span = listed[index]
        x, y = data.x + span.x_first * d.inputs * d.itemsize, data.y + span.y_first * d.target_bytes
        weight = data.weight + span.weight_first * d.itemsize if data.weight != 0 else ZERO
        take_numbers(d, p, span.member, dtype)
        d.theta = row_of(p, span.member)
        line = sums + index * columns * 8
        call(p.evaluate_inside, (model, x, y, weight, span.rows, line))
        copy_words(d.squared_errors, line + 24, d.outputs)
    d.theta = theta


@jit
def predict_some(model, p, batch, blocks, chosen, out, dtype):
    """Predictions of the chosen members (first, last): for the same rows, or for a block of rows each."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    first, last = chosen
    for member in range(first, last):
        block = batch if blocks == 1 else block_of(d, batch, member - first)
        predict_member(model, p, member, block, out + (member - first) * batch.rows * d.outputs * d.itemsize, dtype)


@jit
def enter_free(population, chosen, blocks, itemsize):
    """A model for a compiled caller -> status and address; members (first, last) and their blocks must be there."""
    p = vector_at(population, 1, POPULATION)[0]
    if chosen[0] < 0 or chosen[1] > p.count or not (blocks == 1 or blocks == chosen[1] - chosen[0]):
        return np.int64(WRONG_MEMBER), ZERO
    model = free_model(p, itemsize) if p.running == 0 else ZERO
    return np.int64(OK if model != 0 else BUSY), model
