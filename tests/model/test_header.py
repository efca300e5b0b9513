"""The header for C and C++: it is that of the table, and programs that are compiled with it train and predict."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

import nbtrain
from nbtrain import status
from nbtrain.core import layout
from nbtrain.model import header

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
COMPILER_CPP = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-shared", "-fPIC"]
needs_compiler = pytest.mark.skipif(COMPILER is None or os.name != "posix", reason="needs a C compiler and pthreads")

HOST = r"""
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nbtrain.h"

int64_t functions(void) { return NBTRAIN_FUNCTIONS; }

/* Steps on one batch of `rows` samples -> status; the last loss, then the evaluation's sums. */
int64_t train(const struct nbtrain *net, const float *x, const float *y, int64_t rows, int64_t steps, double *found) {
    double result[3] = {0.0, 0.0, 0.0};
    int64_t status = NBTRAIN_OK;
    for (int64_t i = 0; i < steps && status == NBTRAIN_OK; i++)
        status = nbtrain_train_step(net, x, rows, 3, y, rows, 2, NBTRAIN_FLOATS, NULL, result);
    found[0] = result[0];
    if (status == NBTRAIN_OK)
        status = nbtrain_evaluate(net, x, rows, 3, y, rows, 2, NBTRAIN_FLOATS, NULL, result);
    memcpy(found + 1, result, sizeof result);
    return status;
}

struct task {
    const struct nbtrain *net;
    const float *x;
    float *out;
    int64_t rows, times, status;
};

static void *predict_often(void *given) {
    struct task *task = (struct task *)given;
    int64_t bytes = nbtrain_work_size(task->net, task->rows);
    void *work = malloc((size_t)bytes);
    task->status = work == NULL ? NBTRAIN_NO_MEMORY : NBTRAIN_OK;
    for (int64_t i = 0; i < task->times && task->status == NBTRAIN_OK; i++)
        task->status = nbtrain_predict_with(task->net, task->x, task->rows, 3, task->out, task->rows, 2, work, bytes);
    free(work);
    return NULL;
}

/* Two threads predict for the same rows at once, each into its own array -> 0, or the status of a call that failed. */
int64_t predict_twice(const struct nbtrain *net, const float *x, int64_t rows, int64_t times, float *out, float *twin) {
    struct task tasks[2] = {{net, x, out, rows, times, 0}, {net, x, twin, rows, times, 0}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, predict_often, &tasks[i]) != 0)
            return -1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return tasks[0].status != 0 ? tasks[0].status : tasks[1].status;
}

/* A gradient of the host's own, penalty and norm, and a target network that follows. */
int64_t follow(const struct nbtrain *net, const struct nbtrain *target, const float *x, int64_t rows, double *norm) {
    float out[64], delta[64];
    int64_t status = nbtrain_forward(net, x, rows, 3, out, rows, 2, 1, 0);
    for (int64_t i = 0; i < 2 * rows; i++)
        delta[i] = out[i] / (float)rows;
    if (status == NBTRAIN_OK)
        status = nbtrain_backward(net, x, rows, 3, delta, rows, 2, NULL, 0, 0, 0);
    if (status == NBTRAIN_OK)
        status = nbtrain_regularize(net, (double)rows);
    if (status == NBTRAIN_OK)
        status = nbtrain_gradient_norm(net, norm);
    if (status == NBTRAIN_OK)
        status = nbtrain_update(net);
    if (status == NBTRAIN_OK)
        status = nbtrain_blend(target, net, 0.25);
    return status;
}
"""


def test_the_header_is_that_of_the_table():
    written = (header.FOLDER / "nbtrain.h").read_text(encoding="utf-8")
    assert written == header.text(), "run python -m nbtrain.model.header"
    assert written.isascii()
    assert max(map(len, written.splitlines())) <= 120


def test_the_statuses_have_the_core_s_names_and_numbers():
    codes = dict(re.findall(r"^    NBTRAIN_(\w+) = (\d+),?$", header.text(), re.MULTILINE))
    assert {int(code) for code in codes.values()} == set(status.WORDS)
    assert all(getattr(layout, name) == int(code) for name, code in codes.items())


def test_a_package_in_an_archive_has_no_folder_of_headers(monkeypatch, tmp_path):
    monkeypatch.setattr(header, "FOLDER", tmp_path)
    with pytest.raises(nbtrain.Error, match=r"get_include: there is no .*nbtrain\.h; unpack nbtrain into a folder"):
        nbtrain.get_include()


def compiled(folder, compiler, suffix, *flags):
    source, library = folder / f"host.{suffix}", folder / f"host_{suffix}.so"
    source.write_text(HOST, encoding="utf-8")
    include = f"-I{nbtrain.get_include()}"
    command = [compiler, *flags, *FLAGS, include, str(source), "-o", str(library), "-pthread"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    library = ctypes.CDLL(str(compiled(tmp_path_factory.mktemp("host"), COMPILER, "c", "-std=c99")))
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.train.argtypes = pointer, pointer, pointer, number, number, pointer
    library.predict_twice.argtypes = pointer, pointer, number, number, pointer, pointer
    library.follow.argtypes = pointer, pointer, pointer, number, pointer
    for name in ("functions", "train", "predict_twice", "follow"):
        getattr(library, name).restype = number
    return library


def make(rng=0):
    network = nbtrain.Network(3, [nbtrain.Dense(16, "tanh"), nbtrain.Dense(2)])
    return nbtrain.Trainer(network, loss="mse", regularizer="l2", batch_size=32, rng=rng)


def table(trainer):
    addresses = [address for address, _ in trainer.c_functions().values()]
    return np.array([trainer.model.descriptor.ctypes.data, *addresses], np.int64)


def samples(rows=32):
    random = np.random.default_rng(0)
    return random.normal(size=(rows, 3)).astype(np.float32), random.normal(size=(rows, 2)).astype(np.float32)


@needs_compiler
def test_a_program_in_c_trains_and_evaluates(host):
    (X, y), ours, theirs = samples(), make(), make()
    found, addresses = np.zeros(4), table(ours)
    assert len(addresses) == 1 + host.functions()
    assert host.train(addresses.ctypes.data, X.ctypes.data, y.ctypes.data, 32, 50, found.ctypes.data) == 0
    losses = [theirs.train_step(X, y) for _ in range(50)]
    assert found[0] == losses[-1]
    assert found[1] / found[2] == theirs.evaluate(X, y)["loss"]
    np.testing.assert_array_equal(ours.theta, theirs.theta)
    assert host.train(addresses.ctypes.data, X.ctypes.data, y.ctypes.data, 0, 1, found.ctypes.data) == layout.WRONG_X


@needs_compiler
def test_two_threads_of_a_program_in_c_predict_with_one_model(host):
    (X, _), trainer = samples(100), make()
    out, other = np.zeros((100, 2), np.float32), np.zeros((100, 2), np.float32)
    addresses = table(trainer)
    arguments = X.ctypes.data, 100, 500, out.ctypes.data, other.ctypes.data
    assert host.predict_twice(addresses.ctypes.data, *arguments) == 0
    for found in (out, other):
        np.testing.assert_array_equal(found, trainer.predict(X))


@needs_compiler
def test_a_program_in_c_has_gradients_of_its_own_and_a_target_network(host):
    (X, _), ours, target = samples(), make(), make(1)
    before, norm = target.theta.astype(float), np.zeros(1)
    gradient = make().loss_and_gradient(X, np.zeros((32, 2), np.float32))[1]  # of half the squares of the outputs
    tables = table(ours), table(target)
    assert host.follow(tables[0].ctypes.data, tables[1].ctypes.data, X.ctypes.data, 32, norm.ctypes.data) == 0
    assert norm[0] == pytest.approx(np.linalg.norm(gradient.astype(float)), rel=1e-5)
    assert ours.iteration == 1
    np.testing.assert_allclose(target.theta, 0.75 * before + 0.25 * ours.theta.astype(float), rtol=1e-6, atol=1e-7)


@pytest.mark.skipif(COMPILER_CPP is None or os.name != "posix", reason="needs a C++ compiler")
def test_the_header_is_cpp_too(tmp_path):
    compiled(tmp_path, COMPILER_CPP, "cpp", "-std=c++11")
