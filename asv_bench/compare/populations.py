"""Time populations of networks beside JAX's and PyTorch's vmap, in turns, and print a table.

    python -m compare.populations

Each library draws the initial weights and trains all networks, every time anew: Adam, shuffled batches of 32, float32.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .__main__ import environment, processor
from .table import number

FOLDER = Path(__file__).parent.parent
BATCH, RATE, BETA1, BETA2, EPSILON = 32, 1e-3, 0.9, 0.999, 1e-7


class Task(NamedTuple):
    """So many networks of a shape, with data of their own."""

    members: int
    sizes: tuple[int, ...]
    rows: int
    epochs: int

    @property
    def steps(self) -> int:
        """Of each network."""
        return self.epochs * (self.rows // BATCH)

    def data(self) -> tuple[Any, Any]:
        """X (members, rows, inputs) and y (members, rows, outputs)."""
        random = np.random.default_rng(0)
        shapes = ((self.members, self.rows, size) for size in (self.sizes[0], self.sizes[-1]))
        return tuple(random.standard_normal(shape).astype(np.float32) for shape in shapes)  # type: ignore[return-value]


TASKS = {
    "1,000 × 8-16-1, 64 rows, 100 steps": Task(1000, (8, 16, 1), 64, 50),
    "64 × 30-64-64-2, 1,024 rows, 64 steps": Task(64, (30, 64, 64, 2), 1024, 2),
    "1,024 × 30-64-64-2, 256 rows, 16 steps": Task(1024, (30, 64, 64, 2), 256, 2),
}


class Nbtrain:
    """`Population`."""

    def __init__(self, task: Task) -> None:
        import nbtrain

        self.version, self.task = f"nbtrain {nbtrain.__version__}", task
        self.x, self.y = task.data()

    def run(self) -> None:
        """Make and train all networks."""
        from nbtrain import Dense, Network, Population, optimizer

        sizes, task = self.task.sizes, self.task
        network = Network(sizes[0], [*(Dense(units, "tanh") for units in sizes[1:-1]), Dense(sizes[-1])])
        adam = optimizer("adam", learning_rate=RATE, beta1=BETA1, beta2=BETA2, epsilon=EPSILON)
        many = Population(network, task.members, loss="mse", optimizer=adam, batch_size=BATCH, rng=0)
        many.fit(self.x, self.y, task.epochs)


class Jax:
    """`jax.vmap` of one network's whole training, a compiled loop over epochs and batches."""

    def __init__(self, task: Task) -> None:
        import jax

        self.version, self.task, self.jax = f"jax {jax.__version__}", task, jax
        self.x, self.y = (jax.numpy.array(array) for array in task.data())
        self.keys = jax.random.split(jax.random.PRNGKey(0), task.members)
        self.trained = self.compiled(self.one)

    def compiled(self, one: Any) -> Any:
        """The training of all networks."""
        return self.jax.jit(self.jax.vmap(one))

    def one(self, key: Any, x: Any, y: Any) -> Any:
        """Draw and train one network -> its parameters."""
        jax, jnp, task = self.jax, self.jax.numpy, self.task
        keys = jax.random.split(key, len(task.sizes))
        bounds = [np.sqrt(6 / (a + b)) for a, b in zip(task.sizes[:-1], task.sizes[1:], strict=True)]
        theta = [
            (jax.random.uniform(k, (a, b), minval=-bound, maxval=bound), jnp.zeros(b))
            for k, a, b, bound in zip(keys[1:], task.sizes[:-1], task.sizes[1:], bounds, strict=True)
        ]
        zeros = jax.tree.map(jnp.zeros_like, theta)

        def epoch(state: Any, key: Any) -> tuple[Any, None]:
            order = jax.random.permutation(key, task.rows).reshape(-1, BATCH)
            return jax.lax.scan(lambda s, rows: (self.step(s, x[rows], y[rows]), None), state, order)[0], None

        return jax.lax.scan(epoch, (theta, zeros, zeros, 1.0, 1.0), jax.random.split(keys[0], task.epochs))[0][0]

    def step(self, state: Any, x: Any, y: Any) -> Any:
        """Adam on one batch."""
        jax, jnp = self.jax, self.jax.numpy

        def loss(theta: Any) -> Any:
            a = x
            for w, b in theta[:-1]:
                a = jnp.tanh(a @ w + b)
            return 0.5 * jnp.mean(jnp.sum((a @ theta[-1][0] + theta[-1][1] - y) ** 2, axis=1))

        theta, v, s, power1, power2 = state
        slopes, power1, power2 = jax.grad(loss)(theta), power1 * BETA1, power2 * BETA2
        v = jax.tree.map(lambda v, g: BETA1 * v + (1 - BETA1) * g, v, slopes)
        s = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, s, slopes)

        def moved(w: Any, v: Any, s: Any) -> Any:
            return w - RATE * (v / (1 - power1)) / (jnp.sqrt(s / (1 - power2)) + EPSILON)

        return jax.tree.map(moved, theta, v, s), v, s, power1, power2

    def run(self) -> None:
        """Draw and train all networks."""
        self.jax.block_until_ready(self.trained(self.keys, self.x, self.y))


class JaxMap(Jax):
    """`jax.lax.map`: the same, one network after the other."""

    def compiled(self, one: Any) -> Any:
        """The training of all networks."""
        jax = self.jax
        return jax.jit(lambda *arrays: jax.lax.map(lambda given: one(*given), arrays))


class Torch:
    """`torch.func.vmap` of a network's gradient; Adam on the stacked parameters."""

    def __init__(self, task: Task) -> None:
        import torch

        torch.set_num_threads(1)
        self.version, self.task, self.torch = f"torch {torch.__version__}", task, torch
        self.x, self.y = (torch.from_numpy(array) for array in task.data())

    def run(self) -> None:
        """Draw and train all networks."""
        torch, task = self.torch, self.task
        theta = []
        for a, b in zip(task.sizes[:-1], task.sizes[1:], strict=True):
            bound = (6 / (a + b)) ** 0.5
            theta.append(torch.empty(task.members, a, b).uniform_(-bound, bound).requires_grad_())
            theta.append(torch.zeros(task.members, 1, b).requires_grad_())
        adam = torch.optim.Adam(theta, lr=RATE, betas=(BETA1, BETA2), eps=EPSILON, foreach=True)
        slopes = torch.func.vmap(torch.func.grad(self.loss))
        with torch.no_grad():
            for _ in range(task.epochs):
                order = torch.rand(task.members, task.rows).argsort(dim=1)
                for rows in order.split(BATCH, dim=1):
                    x, y = (
                        torch.gather(array, 1, rows[:, :, None].expand(-1, -1, array.shape[2]))
                        for array in (self.x, self.y)
                    )
                    for parameter, slope in zip(theta, slopes(tuple(theta), x, y), strict=True):
                        parameter.grad = slope
                    adam.step()

    def loss(self, theta: Any, x: Any, y: Any) -> Any:
        """Of one network and batch."""
        a = x
        for w, b in zip(theta[:-2:2], theta[1:-2:2], strict=True):
            a = self.torch.tanh(a @ w + b)
        return 0.5 * ((a @ theta[-2] + theta[-1] - y) ** 2).sum(dim=1).mean()


PEERS = {
    "nbtrain": ("nbtrain", Nbtrain),
    "jax vmap": ("jax", Jax),
    "jax lax.map": ("jax", JaxMap),
    "torch.func.vmap": ("torch", Torch),
}


def work(peer: str, name: str) -> None:
    """Train once to warm up, then once for each line of input, and answer with seconds."""
    import time

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    subject = PEERS[peer][1](TASKS[name])
    subject.run()
    print(subject.version, file=answers, flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        subject.run()
        print(time.process_time() - start, file=answers, flush=True)


def started(peer: str, name: str, core: str | None) -> subprocess.Popen[str]:
    """A process that trains one task with one library."""
    command = [sys.executable, "-m", "compare.populations", "--worker", peer, name]
    command = command if core is None else ["taskset", "-c", core, *command]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER, env=environment(1)
    )


def asked(process: subprocess.Popen[str], line: str = "") -> str:
    """The process's answer to a line."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    answer = process.stdout.readline().strip()
    if not answer:
        raise RuntimeError(f"{process.args} ended")
    return answer


def main() -> None:
    """Print the table in Markdown, row by row."""
    parser = argparse.ArgumentParser(prog="python -m compare.populations", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="of each task and library (default 5)")
    parser.add_argument("--cores", help="run on this processor core alone, with taskset")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker)
        return
    peers = [name for name, (module, _) in PEERS.items() if importlib.util.find_spec(module)]
    print(f"Microseconds of CPU time per network, median of {options.repeats} (smallest … largest):\n")
    print(f"| networks | {' | '.join(peers)} | best peer / nbtrain |\n|---|{'---|' * (len(peers) + 1)}", flush=True)
    versions: list[str] = []
    for name, task in TASKS.items():
        workers = {peer: started(peer, name, options.cores) for peer in peers}
        try:
            versions = [asked(worker) for worker in workers.values()]
            times: dict[str, list[float]] = {peer: [] for peer in peers}
            for _ in range(options.repeats):
                for peer, worker in workers.items():
                    times[peer].append(float(asked(worker, "go")))
        finally:
            for worker in workers.values():
                worker.communicate()
        print(row(name, times, task.members), flush=True)
    print(f"\n{', '.join(dict.fromkeys(versions))}; Python {platform.python_version()}; {processor()}")


def row(name: str, times: dict[str, list[float]], members: int) -> str:
    """A line of the table."""
    cells, middle = [], {peer: float(np.median(values)) for peer, values in times.items()}
    for peer, values in times.items():
        one, low, high = (1e6 * seconds / members for seconds in (middle[peer], min(values), max(values)))
        cells.append(f"{number(one)} ({number(low)} … {number(high)})")
    others = [value for peer, value in middle.items() if peer != "nbtrain"]
    ratio = f"{min(others) / middle['nbtrain']:.2f}" if others else ""
    return f"| {name} | {' | '.join(cells)} | {ratio} |"


if __name__ == "__main__":
    main()
