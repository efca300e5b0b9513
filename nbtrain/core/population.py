"""The C functions of a population: those that Python calls with a model, and those of compiled callers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.jit import jit, vector_at
from . import members
from .checks import X, Y, bad_weight, check_data, check_x
from .layout import DESCRIPTOR, OK, POPULATION, WRONG_OUT, WRONG_WEIGHT
from .matmul.tiles import itemsize_of
from .net import ZERO, Batch
from .team.busy import CALL, enter, finish


def functions(dtype: np.dtype[Any]) -> dict[str, Any]:
    """All of them, by name."""
    return _on_members(dtype) | _on_population(dtype)


def _on_members(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions of a model and the population whose members it takes, as Python calls them."""

    @jit
    def run_members(model, population, worker):
        status = enter(model, itemsize_of(dtype), CALL)
        if status == OK:
            status = finish(model, members.run_members(model, population, worker, dtype))
        return status

    @jit
    def predict_spans(model, population, spans, count, x, out):
        status = enter(model, itemsize_of(dtype), CALL)
        if status == OK:
            members.predict_spans(model, population, spans, count, x, out, dtype)
            status = finish(model, np.int64(OK))
        return status

    @jit
    def evaluate_spans(model, population, spans, count, x, y, weight, sums):
        status = enter(model, itemsize_of(dtype), CALL)
        if status == OK:
            members.evaluate_spans(model, population, spans, count, Batch(x, y, weight, ZERO), sums, dtype)
            status = finish(model, np.int64(OK))
        return status

    return {"run_members": run_members, "predict_spans": predict_spans, "evaluate_spans": evaluate_spans}


def _on_population(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions of some members of a population, and of x and y or out: of all these members, or a block for each."""

    @jit
    def train_members(population, x, rows, columns, y, y_rows, y_columns, y_kind, weight, blocks, first, last, steps):
        status, model = members.enter_free(population, (first, last), blocks, itemsize_of(dtype))
        if status != OK:
            return status
        d, p = vector_at(model, 1, DESCRIPTOR)[0], vector_at(population, 1, POPULATION)[0]
        status = check_data(d, X(x, rows * blocks, columns), Y(y, y_rows * blocks, y_columns, y_kind))
        weighted = status == OK and weight != 0
        if weighted and (weight == -1 or bad_weight(vector_at(weight, rows * blocks, dtype)) >= 0):
            status = np.int64(WRONG_WEIGHT)
        if status == OK:
            data = Batch(x, y, weight, rows)
            status = members.train_some(model, p, data, blocks, (first, last), steps, dtype)
        return finish(model, status)

    @jit
    def predict_members(population, x, rows, columns, out, out_rows, out_columns, blocks, first, last):
        status, model = members.enter_free(population, (first, last), blocks, itemsize_of(dtype))
        if status != OK:
            return status
        d, p = vector_at(model, 1, DESCRIPTOR)[0], vector_at(population, 1, POPULATION)[0]
        status = check_x(d, rows, columns)
        if status == OK and (out_rows != rows * (last - first) or out_columns != d.outputs):
            status = WRONG_OUT
        if status == OK:
            members.predict_some(model, p, Batch(x, ZERO, ZERO, rows), blocks, (first, last), out, dtype)
        return finish(model, status)

    @jit
    def copy_member(population, target, source):
        return members.copy_member(population, target, source)

    return {"train_members": train_members, "predict_members": predict_members, "copy_member": copy_member}
