"""Training and prediction for callers that are compiled themselves: thin `@njit` doors to the compiled core.

    from numba import njit
    from nbtrain import kernel

    @njit(cache=True)
    def simulate(model, x, y, steps):
        for _ in range(steps):
            loss = kernel.train_step(model, x, y)
        return loss

    simulate(trainer.model, x, y, 1000)        # trains the trainer's own parameters

Every function takes the `Model` of a trainer (`trainer.model`). Arrays are C-contiguous; x, float targets, weights and
out have the dtype of the model's parameters, labels are int64. Anything else raises a `TypeError` (an
`nbtrain.InputError`) when the caller is compiled; its message names the argument, the place and the remedy.

The core checks sizes, labels and weights on every call. If they are wrong, nothing is written: `predict`, `forward`,
`backward`, `input_gradient` and `update` return a status, the others NaN, and `status_of(loss)` gives the status of
that very call. `model.status` holds the status of the last call on the model, by any thread. `nbtrain.status.WORDS`
explains each status, `nbtrain.status.check` raises the error. Values of x and float y are not checked, but a step whose
loss (status 8) or gradient (status 13) is NaN or infinite changes nothing. The optimizer's state is not checked: in
float32, squares of gradients above 1.8e19 are infinite, and remain so in Adam's state until `Trainer.reset_optimizer`.

A call runs on the calling thread alone and returns BUSY at once if another thread is using the model, but for
`predict_with`, `work_size`, `layer` and `model_at`, which need no turn. It allocates nothing and raises nothing.

- Pass models to compiled functions as arguments. Numba takes globals, variables of closures and defaults for
  constants, and would train a copy: such models are refused.
- Several models of one dtype are best passed as a `numba.typed.List`, also to loops over `prange`. Numba compiles code
  of its own for every length of a tuple, which takes long for a long one, and cannot index a tuple in `prange`.
- A loss of your own needs no declaration: `forward`, then the derivative of the objective by the outputs, `backward`
  and `update`. `backward` and `input_gradient` also give derivatives by the inputs, as actors need of their critics.
- A target network is another trainer's model: `copy(target, model)` and `blend(target, model, tau)` change its
  parameters. `layer(model, i)` gives the weights and biases of a layer.
- Several threads, or the turns of a loop over `prange`, predict with one model by `predict_with`, each with a workspace
  of `work_size(model, m)` bytes.
- A callback for C (`numba.cfunc`) gets the address of a model, `trainer.model.descriptor.ctypes.data`, and
  `model_at(address, dtype)` makes a model of it.
- Members of a `Population`: `train_members`, `predict_members` and `copy_member` take `population.model`, on as many
  threads at once as the population has; see docs/population.md.
- With `fastmath=True` Numba may drop any test for NaN, but not `status_of(loss) != 0`.
- Python sees Ctrl-C when a compiled function returns: let long loops return now and then.

The doors contain no training code: they call the installed core by its address in the model. So a caller compiles only
its own code, and its disk cache never holds an outdated core.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

from ..checks.messages import unknown
from ..compiler.jit import always_njit
from ..core.functions import DOORS, MEMBER_DOORS, check_complete
from ..core.layout import QUIET_NAN, WRONG_MODEL
from .address import model_at as model_at
from .apart import predict_with as predict_with
from .apart import work_size as work_size
from .members import copy_member as copy_member
from .members import predict_members as predict_members
from .members import train_members as train_members
from .opened import DOUBLE, INT64, Opened, rows_of
from .pair import backward as backward
from .pair import forward as forward
from .pair import input_gradient as input_gradient
from .parameters import blend as blend
from .parameters import copy as copy
from .parameters import gradient_norm as gradient_norm
from .parameters import layer as layer
from .parameters import regularize as regularize
from .typing import check_array, check_model, check_output, check_target

__all__ = sorted([*DOORS, *MEMBER_DOORS, "layer", "model_at", "status", "status_of"])

_MEANT = {"fit": "train_epoch", "train": "train_step", "partial_fit": "train_step", "predict_proba": "predict"}
_RESULTS = 3  # float64 numbers that a function on data may write


def __getattr__(name: str) -> Any:
    meant = f"did you mean {_MEANT[name]!r}?" if name in _MEANT else ""
    raise AttributeError(f"nbtrain.kernel: {unknown('function', name, __all__, meant)}")


@intrinsic(prefer_literal=True)  # the code depends on the name
def _on_data(typing_context: Any, name: Any, model: Any, x: Any, y: Any, weight: Any) -> Any:
    """Three float64 numbers that the core's function `name` wrote for x, y and sample weights."""
    dtype = check_model(model)
    check_array("x", x, dtype, (2,), "(m, inputs)")
    kind = check_target(y, dtype)
    weighted = not isinstance(weight, types.NoneType | types.Omitted)
    if weighted:
        check_array("sample_weight", weight, dtype, (1,), "(m,)")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        opened = Opened(context, builder, model, values[1])
        zero = ir.Constant(INT64, 0)
        data = rows_of(context, builder, x, values[2]) + rows_of(context, builder, y, values[3])
        fits = cgutils.true_bit
        weight_address = zero
        if weighted:
            weight_address, count, _ = rows_of(context, builder, weight, values[4])
            fits = builder.icmp_signed("==", count, data[1])
        # a weight vector of another length is passed as address -1: the core refuses it
        weight_address = builder.select(fits, weight_address, ir.Constant(INT64, -1))
        refused = builder.bitcast(ir.Constant(INT64, QUIET_NAN | WRONG_MODEL), DOUBLE)
        result = cgutils.alloca_once(builder, ir.ArrayType(DOUBLE, _RESULTS))
        builder.store(cgutils.pack_array(builder, [refused] * _RESULTS), result)
        arguments = [*data, ir.Constant(INT64, kind), weight_address, builder.ptrtoint(result, INT64)]
        opened.call(name.literal_value, arguments)
        return builder.load(result)

    return types.UniTuple(types.float64, _RESULTS)(name, model, x, y, weight), codegen


@intrinsic
def _predict(typing_context: Any, model: Any, x: Any, out: Any) -> Any:
    dtype = check_model(model)
    check_array("x", x, dtype, (2,), "(m, inputs)")
    check_output("out", out, dtype, "(m, outputs)")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = rows_of(context, builder, x, values[1]) + rows_of(context, builder, out, values[2])
        return Opened(context, builder, model, values[0]).call("predict", data)

    return types.int64(model, x, out), codegen


@intrinsic
def _update(typing_context: Any, model: Any) -> Any:
    check_model(model)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return Opened(context, builder, model, values[0]).call("update", [])

    return types.int64(model), codegen


@intrinsic
def _bits(typing_context: Any, number: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], INT64)

    return types.int64(types.float64), codegen


@always_njit()
def train_step(model, x, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """One iteration on one batch.

    Parameters
    ----------
    model : Model
    x : ndarray of shape (m, inputs)
    y : ndarray of shape (m, outputs), or int64 labels of shape (m,), as the loss takes
    sample_weight : ndarray of shape (m,), optional

    Returns
    -------
    float64
        Mean data loss of the batch before the update; NaN if nothing was done, also where the gradient is not finite
        (see `status_of`).

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def train(model, x, y, steps):
    ...     loss = 0.0
    ...     for _ in range(steps):
    ...         loss = kernel.train_step(model, x, y)
    ...         if kernel.status_of(loss) != 0:
    ...             break
    ...     return loss, kernel.status(model)
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> loss, status = train(trainer.model, np.ones((4, 2), np.float32), np.ones((4, 1), np.float32), 100)
    >>> status, trainer.iteration
    (0, 100)
    """
    return _on_data("train_step", model, x, y, sample_weight)[0]


@always_njit()
def train_epoch(model, X, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """Train an epoch over X, or the rest of an epoch already begun.

    Parameters
    ----------
    model : Model
        `trainer.model`.
    X : ndarray of shape (samples, inputs)
        All samples; the batches have the trainer's size and order.
    y : ndarray of shape (samples, outputs), or int64 labels of shape (samples,), as the loss takes
        Their targets.
    sample_weight : ndarray of shape (samples,), optional
        By default every sample counts the same.

    Returns
    -------
    float64
        Mean data loss over its steps; NaN if a step failed (see `status_of`).

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def best_of(model, X, y, epochs):
    ...     best = np.inf
    ...     for _ in range(epochs):
    ...         kernel.train_epoch(model, X, y)
    ...         loss, accuracy = kernel.evaluate(model, X, y)
    ...         best = min(best, loss)
    ...     return best
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> best = best_of(trainer.model, np.ones((40, 2), np.float32), np.ones((40, 1), np.float32), 5)
    >>> trainer.epoch
    5
    """
    return _on_data("train_epoch", model, X, y, sample_weight)[0]


@always_njit()
def loss_and_gradient(model, x, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """Compute J with the penalty, without dropout, and write its gradient to `model.gradient`.

    Parameters
    ----------
    model : Model
        `trainer.model`.
    x : ndarray of shape (m, inputs)
        The samples.
    y : ndarray of shape (m, outputs), or int64 labels of shape (m,), as the loss takes
        Their targets.
    sample_weight : ndarray of shape (m,), optional
        By default every sample counts the same.

    Returns
    -------
    float64
        J; NaN if nothing was done (see `status_of`).

    Examples
    --------
    A step of the optimizer with a gradient that the caller has changed:

    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> from numba import njit
    >>> @njit
    ... def step(model, x, y):
    ...     loss = kernel.loss_and_gradient(model, x, y)
    ...     model.gradient[:] = np.sign(model.gradient)
    ...     kernel.update(model)
    ...     return loss
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> loss = step(trainer.model, np.ones((4, 2), np.float32), np.ones((4, 1), np.float32))
    >>> trainer.iteration
    1
    """
    return _on_data("loss_and_gradient", model, x, y, sample_weight)[0]


@always_njit()
def update(model):  # type: ignore[no-untyped-def]
    """Make one iteration of the optimizer with `model.gradient` as it is, after clipping, if the trainer clips.

    Parameters
    ----------
    model : Model
        `trainer.model`.

    Returns
    -------
    int64
        Status: 0 on success, 13 if the gradient has NaN or infinity.
    """
    return _update(model)


@always_njit()
def predict(model, x, out):  # type: ignore[no-untyped-def]
    """Write predictions for x to out: what the loss's output activation gives.

    Parameters
    ----------
    model : Model
        `trainer.model`.
    x : ndarray of shape (m, inputs)
        The samples; any number of them.
    out : ndarray of shape (m, outputs)
        Gets the predictions.

    Returns
    -------
    int64
        Status, 0 on success.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import kernel
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> out = np.empty((3, 1), np.float32)
    >>> kernel.predict(trainer.model, np.ones((3, 2), np.float32), out)
    0
    """
    return _predict(model, x, out)


@always_njit(error_model="numpy")  # a weight of 0 gives NaN
def evaluate(model, X, y, sample_weight=None):  # type: ignore[no-untyped-def]
    """Compute mean data loss and accuracy over X, without dropout.

    Parameters
    ----------
    model : Model
        `trainer.model`.
    X : ndarray of shape (samples, inputs)
        The samples.
    y : ndarray of shape (samples, outputs), or int64 labels of shape (samples,), as the loss takes
        Their targets.
    sample_weight : ndarray of shape (samples,), optional
        By default every sample counts the same.

    Returns
    -------
    loss : float64
        NaN if nothing was done (see `status_of`), or if all weights are 0.
    accuracy : float64
        NaN where the loss is; 0 for a loss without classes.
    """
    loss, weight, hits = _on_data("evaluate", model, X, y, sample_weight)
    return loss / weight, hits / weight


@always_njit()
def status(model):  # type: ignore[no-untyped-def]
    """Give the status of the last call on this model, by any thread.

    Parameters
    ----------
    model : Model
        `trainer.model`.

    Returns
    -------
    int64
        0 on success; `nbtrain.status.WORDS` explains the others.
    """
    return model.status[0]


@always_njit()
def status_of(number):  # type: ignore[no-untyped-def]
    """Status of the call that returned `number`, a loss or a result of `evaluate`.

    Parameters
    ----------
    number : float64
        As `train_step`, `train_epoch`, `loss_and_gradient` or `evaluate` returned it, unchanged.

    Returns
    -------
    int64
        0 on success; 7 if another thread was using the model.
    """
    bits = _bits(number)
    return bits & 0xFF if bits & QUIET_NAN == QUIET_NAN else 0


_functions = [name for name, item in globals().items() if isinstance(item, Dispatcher) and not name.startswith("_")]
check_complete("nbtrain.kernel", _functions, __all__)


def __dir__() -> list[str]:
    return __all__
