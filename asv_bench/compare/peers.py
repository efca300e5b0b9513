"""The same training with several libraries: Adam with L2, shuffled batches, float32, from the same initial weights.

Each class is made from a workload and a number of threads, and has `epochs(n)`, which returns when they are done, and
`version`. The libraries are imported by those who use them.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from benchmarks.workloads import BETA1, BETA2, EPSILON, LEARNING_RATE, STRENGTH, Workload


class Nbtrain:
    """`Trainer.fit`."""

    def __init__(self, workload: Workload, threads: int) -> None:
        import nbtrain

        self.version = f"nbtrain {nbtrain.__version__}"
        self.x, self.y = workload.data()
        self.trainer = workload.trainer(threads=threads)

    def epochs(self, count: int) -> None:
        self.trainer.fit(self.x, self.y, epochs=count)


class ScikitLearn:
    """`MLPClassifier` or `MLPRegressor`; one call of fit for all epochs."""

    def __init__(self, workload: Workload, threads: int) -> None:
        import sklearn
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        warnings.simplefilter("ignore", ConvergenceWarning)
        self.version = f"scikit-learn {sklearn.__version__}"
        self.x, y = workload.data()
        self.y = y.ravel()
        kind = MLPRegressor if workload.loss == "mse" else MLPClassifier
        self.make = lambda count: kind(
            hidden_layer_sizes=workload.sizes[1:-1],
            activation=workload.activation,
            alpha=STRENGTH * workload.batch_size,
            batch_size=workload.batch_size,
            max_iter=count,
            tol=1e-30,
            n_iter_no_change=10**9,
            random_state=0,
        )

    def epochs(self, count: int) -> None:
        self.make(count).fit(self.x, self.y)


class PyTorch:
    """`nn.Sequential` with the fused Adam, batches as slices of a permuted tensor."""

    def __init__(self, workload: Workload, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.version, self.torch, self.batch_size = f"torch {torch.__version__}", torch, workload.batch_size
        self.x, self.y = map(torch.from_numpy, workload.data())
        parts: list[Any] = []
        for w, b in workload.weights():
            layer = torch.nn.Linear(*w.shape)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(w.T))
                layer.bias.copy_(torch.from_numpy(b))
            parts += [layer, torch.nn.ReLU() if workload.activation == "relu" else torch.nn.Tanh()]
        self.network = torch.nn.Sequential(*parts[:-1])
        mse = torch.nn.functional.mse_loss
        entropy = torch.nn.functional.cross_entropy
        self.loss = (lambda p, y: 0.5 * mse(p, y)) if workload.loss == "mse" else entropy
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), LEARNING_RATE, (BETA1, BETA2), EPSILON, weight_decay=STRENGTH, fused=True
        )

    def epochs(self, count: int) -> None:
        for _ in range(count):
            order = self.torch.randperm(len(self.x))
            batches = zip(self.x[order].split(self.batch_size), self.y[order].split(self.batch_size), strict=True)
            for x, y in batches:
                self.optimizer.zero_grad(set_to_none=True)
                self.loss(self.network(x), y).backward()
                self.optimizer.step()


class Jax:
    """A whole epoch in one `jit`, `lax.scan` over the batches, Adam by hand: its fastest form on a CPU."""

    def __init__(self, workload: Workload, threads: int) -> None:
        import jax
        import jax.numpy as jnp

        self.version, self.jax, self.samples = f"jax {jax.__version__}", jax, workload.samples
        x, y = workload.data()
        targets = y if workload.loss == "mse" else np.eye(workload.sizes[-1], dtype=np.float32)[y]
        self.data = jnp.array(x), jnp.array(targets)
        weights = [(jnp.array(w), jnp.array(b)) for w, b in workload.weights()]
        zeros = jax.tree_util.tree_map(jnp.zeros_like, weights)
        self.state = (weights, zeros, jax.tree_util.tree_map(jnp.zeros_like, weights), jnp.float32(1), jnp.float32(1))
        self.random = np.random.default_rng(0)
        step, batch_size = _jax_step(jax, jnp, workload), workload.batch_size

        def epoch(state: Any, x: Any, y: Any, order: Any) -> Any:
            batches = x[order].reshape(-1, batch_size, x.shape[1]), y[order].reshape(-1, batch_size, y.shape[1])
            return jax.lax.scan(lambda state, batch: (step(state, *batch), None), state, batches)[0]

        self.epoch = jax.jit(epoch, donate_argnums=0)

    def epochs(self, count: int) -> None:
        for _ in range(count):
            order = self.random.permutation(self.samples).astype(np.int32)
            self.state = self.epoch(self.state, *self.data, order)
        self.jax.block_until_ready(self.state)


def _jax_step(jax: Any, jnp: Any, workload: Workload) -> Any:
    activation = jax.nn.relu if workload.activation == "relu" else jnp.tanh

    def loss(weights: Any, x: Any, y: Any) -> Any:
        for w, b in weights[:-1]:
            x = activation(x @ w + b)
        z = x @ weights[-1][0] + weights[-1][1]
        if workload.loss == "mse":
            return 0.5 * jnp.mean(jnp.sum((z - y) ** 2, axis=1))
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(z) * y, axis=1))

    def step(state: Any, x: Any, y: Any) -> Any:
        weights, first, second, power1, power2 = state
        slopes = jax.grad(loss)(weights, x, y)
        slopes = [(dw + STRENGTH * w, db) for (dw, db), (w, _) in zip(slopes, weights, strict=True)]
        power1, power2 = power1 * BETA1, power2 * BETA2
        rate, scale = LEARNING_RATE / (1 - power1), jax.lax.rsqrt(1 - power2)
        each = jax.tree_util.tree_map
        first = each(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, slopes)
        second = each(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, slopes)
        weights = each(lambda w, m, v: w - rate * m / (jnp.sqrt(v) * scale + EPSILON), weights, first, second)
        return weights, first, second, power1, power2

    return step


PEERS: dict[str, tuple[str, type]] = {  # name -> (the module that it needs, class)
    "nbtrain": ("nbtrain", Nbtrain),
    "jax": ("jax", Jax),
    "torch": ("torch", PyTorch),
    "scikit-learn": ("sklearn", ScikitLearn),
}
