"""The same training with several libraries: Adam with L2, shuffled batches, float32, from the same initial weights.

Each class is made from a workload and a number of threads, and has `epochs(n)`, which returns when they are done, and
`version`. The libraries are imported by those who use them.
"""

from __future__ import annotations

import tempfile
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


class OnnxRuntime:
    """On-device training of onnxruntime-training: one call for the gradient and one for AdamW, for each batch.

    Its AdamW has no L2 that goes through the moments; it trains without, which is less work.
    """

    def __init__(self, workload: Workload, threads: int) -> None:
        import onnxruntime
        from onnxruntime.training import artifacts
        from onnxruntime.training.api import CheckpointState, Module, Optimizer

        self.version = f"onnxruntime-training {onnxruntime.__version__}"
        self.x, self.y = workload.data()
        self.batch_size, self.random = workload.batch_size, np.random.default_rng(0)
        classes = workload.loss == "softmax_cross_entropy"
        kind = artifacts.LossType.CrossEntropyLoss if classes else artifacts.LossType.MSELoss
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        with tempfile.TemporaryDirectory() as folder:
            model = _onnx_model(workload)
            artifacts.generate_artifacts(
                model, requires_grad=[tensor.name for tensor in model.graph.initializer], loss=kind,
                optimizer=artifacts.OptimType.AdamW, artifact_directory=folder,
            )  # fmt: skip
            self.state = CheckpointState.load_checkpoint(f"{folder}/checkpoint")
            training, evaluation, optimizer = (
                f"{folder}/{name}_model.onnx" for name in ("training", "eval", "optimizer")
            )
            self.module = Module(training, self.state, evaluation, device="cpu", session_options=options)
            self.optimizer = Optimizer(optimizer, self.module)
        self.optimizer.set_learning_rate(LEARNING_RATE)
        self.module.train()

    def epochs(self, count: int) -> None:
        for _ in range(count):
            order = self.random.permutation(len(self.x))
            x, y = self.x[order], self.y[order]
            for start in range(0, len(x), self.batch_size):
                self.module(x[start : start + self.batch_size], y[start : start + self.batch_size])
                self.optimizer.step()
                self.module.lazy_reset_grad()


def _onnx_model(workload: Workload) -> Any:
    """The network as an ONNX model, with its initial weights."""
    from onnx import TensorProto, helper, numpy_helper

    activation, last = {"relu": "Relu", "tanh": "Tanh"}[workload.activation], len(workload.sizes) - 2
    nodes, tensors, given = [], [], "x"
    for layer, (w, b) in enumerate(workload.weights()):
        tensors += [numpy_helper.from_array(w, f"w{layer}"), numpy_helper.from_array(b, f"b{layer}")]
        result = "out" if layer == last else f"z{layer}"
        nodes.append(helper.make_node("Gemm", [given, f"w{layer}", f"b{layer}"], [result]))
        if layer < last:
            given = f"a{layer}"
            nodes.append(helper.make_node(activation, [result], [given]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", size])
        for name, size in (("x", workload.sizes[0]), ("out", workload.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


PEERS: dict[str, tuple[str, type]] = {  # name -> (the module that it needs, class)
    "nbtrain": ("nbtrain", Nbtrain),
    "jax": ("jax", Jax),
    "torch": ("torch", PyTorch),
    "scikit-learn": ("sklearn", ScikitLearn),
    "onnxruntime": ("onnxruntime.training.api", OnnxRuntime),
}
