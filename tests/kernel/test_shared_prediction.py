"""Prediction by many threads with one model: the same bits as `predict`, and nothing in the model is written."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from common import network
from numba import njit, prange

import nbtrain
from nbtrain import kernel
from nbtrain.core import layout

# Sizes whose products go by all ways: rows, dots, panels in place and packed, one unit, few and many.
NETWORKS = [
    ([1, 1], ["identity"]),
    ([4, 2], ["tanh"]),
    ([30, 64, 64, 2], ["relu", "tanh", "identity"]),
    ([5, 3, 1], ["identity", "identity"]),
    ([200, 300, 7, 90], ["tanh", "identity", "sigmoid"]),
    ([784, 128, 10], ["relu", "identity"]),
]


@njit
def predict_with(model, x, out, work):
    return kernel.predict_with(model, x, out, work)


@njit
def work_size(model, m):
    return kernel.work_size(model, m)


def make(sizes=(3, 5, 2), activations=("tanh", "identity"), loss="mse", **options):
    return nbtrain.Trainer(network(sizes, activations), loss=loss, **({"rng": 0} | options))


def rows(trainer, count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, trainer.network.inputs)).astype(trainer.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("sizes", "activations"), NETWORKS, ids=str)
def test_the_bits_are_those_of_predict(sizes, activations, dtype):
    for batch_size in (1, 7, 300):
        trainer = make(sizes, activations, batch_size=batch_size, dtype=dtype)
        for count in (1, 2, 3, 16, 50):
            x = rows(trainer, count)
            out = np.empty((count, sizes[-1]), dtype)
            work = np.full(work_size(trainer.model, count), 255, np.uint8)  # NaN
            assert predict_with(trainer.model, x, out, work) == 0
            assert out.tobytes() == trainer.predict(x).tobytes()


LOSSES = ["softmax_cross_entropy", "binary_cross_entropy"]


@pytest.mark.parametrize("loss", LOSSES)
def test_predictions_are_what_the_loss_makes_of_outputs_and_dropout_is_off(loss):
    layers = [nbtrain.Dense(9, "tanh", dropout=0.5), nbtrain.Dense(3)]
    trainer = nbtrain.Trainer(nbtrain.Network(4, layers), loss=loss, rng=0)
    x, out = rows(trainer, 40), np.empty((40, 3), np.float32)
    assert predict_with(trainer.model, x, out, np.empty(work_size(trainer.model, 40), np.uint8)) == 0
    assert out.tobytes() == trainer.predict(x).tobytes()
    z = np.tanh(x.astype(float) @ trainer.weights[0][0] + trainer.weights[0][1]) @ trainer.weights[1][0]
    z += trainer.weights[1][1]
    wanted = np.exp(z) / np.exp(z).sum(1, keepdims=True) if loss == LOSSES[0] else 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(out, wanted, atol=1e-6)


def test_nothing_in_the_model_is_written_and_no_lock_is_needed():
    trainer = make((6, 40, 3), ("tanh", "identity"))
    x, out = rows(trainer, 100), np.empty((100, 3), np.float32)
    wanted = trainer.predict(x)
    work = np.empty(work_size(trainer.model, 100), np.uint8)
    trainer.engine.descriptor["busy"], trainer.engine.descriptor["status"] = layout.CALL, layout.WRONG_Y
    before = trainer.engine.memory.block.tobytes()
    assert work_size(trainer.model, 100) == work.size
    assert predict_with(trainer.model, x, out, work) == 0
    assert predict_with(trainer.model, x[:, :5].copy(), out, work) == layout.WRONG_X
    assert trainer.engine.memory.block.tobytes() == before
    np.testing.assert_array_equal(out, wanted)


def test_work_stays_within_its_bytes_wherever_it_begins():
    trainer = make((30, 70, 5), ("relu", "identity"), batch_size=64)
    for count in (1, 3, 64, 1000):
        x, size = rows(trainer, count), work_size(trainer.model, count)
        for skip in (0, 1, 7, 63):
            whole = np.full(size + 200, 170, np.uint8)
            out = np.empty((count, 5), np.float32)
            assert predict_with(trainer.model, x, out, whole[skip : skip + size]) == 0
            assert (whole[:skip] == 170).all()
            assert (whole[skip + size :] == 170).all()
            np.testing.assert_array_equal(out, trainer.predict(x))


def test_the_workspace_grows_with_the_rows_up_to_a_batch():
    trainer = make((30, 70, 5), ("relu", "identity"), batch_size=64)
    sizes = [work_size(trainer.model, m) for m in (1, 10, 64, 65, 10**12)]
    assert sizes[0] < sizes[1] < sizes[2] == sizes[3] == sizes[4]
    assert work_size(trainer.model, 0) == work_size(trainer.model, -5) == sizes[0]


def test_what_does_not_fit_is_refused_and_nothing_is_written():
    trainer = make()
    x, out = rows(trainer, 4), np.full((4, 2), 7, np.float32)
    work = np.empty(work_size(trainer.model, 4), np.uint8)
    model = trainer.model
    assert predict_with(model, x, out, work[:-1]) == layout.WRONG_WORK
    assert predict_with(model, x, out, work[:0]) == layout.WRONG_WORK
    assert predict_with(model, x[:0], out, work) == layout.WRONG_X
    assert predict_with(model, x[:3], out, work) == layout.WRONG_OUT
    assert predict_with(model, x, np.zeros((4, 3), np.float32), work) == layout.WRONG_OUT
    replaced = model._replace(theta=model.theta.copy())
    assert predict_with(replaced, x, out, work) == layout.WRONG_MODEL
    assert work_size(replaced, 4) == 0
    assert (out == 7).all()


def refusal(function, *arguments):
    """What a call says, in one line, that compiled code refuses while it is typed."""
    with pytest.raises(nbtrain.InputError) as raised:
        function(*arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_arguments_of_other_types_are_refused_by_name():
    trainer = make()
    model, x, out = trainer.model, rows(trainer, 4), np.empty((4, 2), np.float32)
    assert "work must be a C-contiguous uint8 array of shape (kernel.work_size(model, m),), got array(float32, 1d, C); "
    found = refusal(predict_with, model, x, out, np.empty(9, np.float32))
    assert "work must be a C-contiguous uint8 array of shape (kernel.work_size(model, m),), got array(float32" in found
    assert "use np.empty(kernel.work_size(model, len(x)), np.uint8)" in found
    work = np.empty(work_size(model, 4), np.uint8)
    work.flags.writeable = False
    assert "work must be writable" in refusal(predict_with, model, x, out, work)
    assert "m must be an integer, got float64" in refusal(work_size, model, 4.0)


@njit(parallel=True)
def predict_in_parallel(model, x, out):
    """Rows shared by the threads of a parallel loop."""
    status = np.zeros(len(x), np.int64)
    for i in prange(len(x)):
        work = np.empty(kernel.work_size(model, x.shape[1]), np.uint8)
        status[i] = kernel.predict_with(model, x[i], out[i], work)
    return status


def test_a_parallel_loop_predicts_with_one_model():
    trainer = make((6, 40, 3), ("tanh", "identity"))
    x = np.random.default_rng(0).normal(size=(64, 20, 6)).astype(np.float32)
    out = np.zeros((64, 20, 3), np.float32)
    assert (predict_in_parallel(trainer.model, x, out) == 0).all()
    for i in range(64):
        np.testing.assert_array_equal(out[i], trainer.predict(x[i]))


def test_threads_that_predict_while_another_trains_are_never_refused():
    trainer = make((6, 60, 3), ("tanh", "identity"), batch_size=16)
    x = rows(trainer, 64)
    y = np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32)

    @njit(nogil=True)
    def often(model, x, count):
        out, work = np.empty((len(x), 3), np.float32), np.empty(kernel.work_size(model, len(x)), np.uint8)
        wrong = 0
        for _ in range(count):
            wrong += kernel.predict_with(model, x, out, work) != 0
            wrong += not np.isfinite(out).all()
        return wrong

    @njit(nogil=True)
    def train(model, x, y, count):
        failed = 0
        for _ in range(count):
            failed += kernel.status_of(kernel.train_epoch(model, x, y)) != 0
        return failed

    found = []
    work = [lambda: often(trainer.model, x, 500)] * 3 + [lambda: train(trainer.model, x, y, 500)]
    threads = [threading.Thread(target=lambda task=task: found.append(task())) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0, 0, 0, 0]  # nor did the training find the model busy
    out = np.empty((64, 3), np.float32)
    assert predict_with(trainer.model, x, out, np.empty(work_size(trainer.model, 64), np.uint8)) == 0
    np.testing.assert_array_equal(out, trainer.predict(x))


def output_beyond(z, out):
    for k in range(z.size + 1):
        out[k] = z[k]


def half_squares(z, y, slope):
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[k]
        total += 0.5 * slope[k] ** 2
    return total


def test_a_failing_function_of_the_loss_is_this_calls_own_matter():
    trainer = make(loss=nbtrain.Loss("output_beyond", row=half_squares, row_output=output_beyond))
    x, out = rows(trainer, 4), np.empty((4, 2), np.float32)
    work = np.empty(work_size(trainer.model, 4), np.uint8)
    assert predict_with(trainer.model, x, out, work) == layout.FAILED
    assert trainer.model.status[0] == layout.OK
    assert kernel.update(trainer.model) == 0  # the next call does not hear of it
