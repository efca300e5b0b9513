"""Forward, backward and gradients with respect to the inputs, from compiled code and in a PyTorch model."""

from __future__ import annotations

import time

import numpy as np
from numba import njit

from nbtrain import kernel

from .workloads import WORKLOADS

SOME = ["30-64-64-2, batch 32", "784-128-10, batch 128", "10-32-32-1, batch 1"]
CALLS = 100


@njit
def steps(model, x, y):
    for _ in range(CALLS):
        kernel.train_step(model, x, y)


@njit
def pairs(model, x, out, delta):
    for _ in range(CALLS):
        kernel.forward(model, x, out)
        kernel.backward(model, x, delta)
        kernel.update(model)


@njit
def pairs_with_dx(model, x, out, delta, dx):
    for _ in range(CALLS):
        kernel.forward(model, x, out)
        kernel.backward(model, x, delta, dx)
        kernel.update(model)


@njit
def input_gradients(model, x, out, delta, dx):
    for _ in range(CALLS):
        kernel.forward(model, x, out)
        kernel.input_gradient(model, x, delta, dx)


class Pair:
    """The compiled loops make a hundred calls each; a step with a declared loss is there for comparison."""

    timeout = 600
    timer = time.thread_time
    params = (SOME,)
    param_names = ("workload",)

    def setup(self, name: str) -> None:
        workload = WORKLOADS[name]
        self.trainer = workload.trainer()
        x, y = workload.data()
        self.x, self.y = x[: workload.batch_size].copy(), y[: workload.batch_size].copy()
        self.out = np.empty((len(self.x), workload.sizes[-1]), np.float32)
        self.delta = np.full_like(self.out, 1e-6)
        self.dx = np.empty_like(self.x)
        for run in (self.time_steps, self.time_pairs, self.time_pairs_with_dx, self.time_input_gradients):
            run(name)

    def time_steps(self, name: str) -> None:
        """train_step."""
        steps(self.trainer.model, self.x, self.y)

    def time_pairs(self, name: str) -> None:
        """forward, backward, update."""
        pairs(self.trainer.model, self.x, self.out, self.delta)

    def time_pairs_with_dx(self, name: str) -> None:
        """The same with derivatives by the inputs."""
        pairs_with_dx(self.trainer.model, self.x, self.out, self.delta, self.dx)

    def time_input_gradients(self, name: str) -> None:
        """forward and input_gradient."""
        input_gradients(self.trainer.model, self.x, self.out, self.delta, self.dx)


class TorchLayer:
    """A network of 30-64-64-2 in a PyTorch graph, forward and backward: nbtrain's layer, and PyTorch's own layers."""

    timeout = 600
    timer = time.thread_time

    def setup(self) -> None:
        try:
            import torch

            import nbtrain.torch
        except ImportError as error:
            raise NotImplementedError(str(error)) from error  # asv's word for a benchmark that is left out
        torch.set_num_threads(1)
        workload = WORKLOADS[SOME[0]]
        self.x = torch.from_numpy(workload.data()[0][: workload.batch_size].copy())
        self.delta = torch.full((workload.batch_size, workload.sizes[-1]), 1e-6)
        self.layer = nbtrain.torch.layer(workload.trainer())
        linear = [torch.nn.Linear(*pair) for pair in zip(workload.sizes, workload.sizes[1:], strict=False)]
        self.plain = torch.nn.Sequential(linear[0], torch.nn.ReLU(), linear[1], torch.nn.ReLU(), linear[2])
        self.time_layer()
        self.time_plain()

    def time_layer(self) -> None:
        """nbtrain's."""
        self.layer(self.x).backward(self.delta)

    def time_plain(self) -> None:
        """PyTorch's."""
        self.plain(self.x).backward(self.delta)
