"""Trainer: a network with its loss, optimizer and data order; what users call."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Self, TypeVar, overload

import numpy as np

from ..callbacks import Checkpoint
from ..checks import arrays as checks
from ..checks.arguments import check_attribute, explain_arguments
from ..checks.messages import wrong
from ..components import Component
from ..components.absent import Absent
from ..components.network import Network
from ..core import layout
from ..core.functions import HOST_FUNCTIONS
from ..errors import InputError, ModelFileError, PluginError
from ..formats.modelfile import files, writing
from ..formats.modelfile.description import Parts
from ..formats.modelfile.reading import Contents, contents, warn_of_altered
from ..metrics import as_metrics
from ..model import Model, layer_views, quick
from ..model.draws import draw
from ..model.native import c_signature
from ..model.recipe import Recipe
from ..model.settings import checked_recipe, seed_words, with_threads
from ..model.state import State, reset_optimizer
from ..status import DIVERGENCES, check
from . import gradients
from .checkpointing import TrainingData, kept_plan
from .engine import Engine
from .evaluation import evaluate
from .fit import Options, describe_divergence, fit
from .history import History
from .sources.given import Given, evaluated, feed_of, validation_of
from .sources.predicting import predict
from .weights import checked_weights

Array = np.ndarray[Any, Any]
Path = str | os.PathLike[str]
Out = TypeVar("Out")


class Trainer:
    """Trains a network. The code is compiled once per dtype, not per network.

    Parameters
    ----------
    network : Network
        What to train.
    loss : str or component
        `"mse"`, `"binary_cross_entropy"`, `"softmax_cross_entropy"` or `nbtrain.loss(...)`.
    optimizer : str or component, default "adam"
        `nbtrain.optimizer(name, learning_rate=…, …)`; the learning rate may be a schedule.
    regularizer : str or component, optional
        `nbtrain.regularizer("l2", strength=…)`, divided by the samples of the batch; none by default.
    batch_size : int, default 32
        Samples per iteration; the last batch of an epoch holds the remainder. The workspace has this size: larger
        batches given to `train_step` are processed in chunks.
    shuffle : bool, default True
        Draw a new order of the samples every epoch.
    dtype : {"float32", "float64"}, default "float32"
        Of parameters, data and arithmetic; losses and metrics are summed in float64.
    rng : int, numpy.random.SeedSequence, numpy.random.Generator or None
        Seed of initial weights, order and dropout; None takes entropy from the system.
    clip_value : float, optional
        Clip every element of the gradient to [-clip_value, clip_value] before the update.
    clip_norm : float, optional
        Multiply the gradient g of all parameters, regularization included, by min(1, clip_norm / ‖g‖) before the
        update, where ‖g‖ is its Euclidean norm; after clip_value, if both are given.
        R. Pascanu et al.: On the difficulty of training recurrent neural networks. ICML 2013.
    threads : int or "auto", default 1
        Threads that share the work of a step, the caller's included. The results are identical, to the bit, for any
        number. `fit` uses them, and so do other calls on much data. "auto" chooses the number from the work of a step
        and the cores that the process may use, and uses several only while they make training faster. Where the cores
        are busy with other work, training continues with one thread and tries again later.

    Raises
    ------
    InputError
        If an argument is invalid; the message names it.
    MemoryError
        If there is not enough memory for the model; the message says how much it needs, and whether `batch_size` is
        the reason.

    Notes
    -----
    Several Python threads may use one trainer: their calls run one after the other. A call of fit counts as one call,
    even if it trains for hours; only its own callbacks, which run in its thread, can use the trainer meanwhile. An
    assignment to `learning_rate` and a call of `scale_learning_rate` take effect at the next step.
    Compiled callers (`nbtrain.kernel`, C) do not wait: a call that finds another thread inside the model returns BUSY,
    and a call between two slices of fit changes the model in between. Do not let them use a trainer that is in fit.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(32, "relu"), nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", batch_size=50, rng=0)
    >>> history = trainer.fit(X[:1500], y[:1500], epochs=8)
    >>> trainer.epoch, trainer.iteration
    (8, 240)
    >>> bool(trainer.evaluate(X[1500:], y[1500:])["accuracy"] > 0.8)
    True
    >>> trainer.predict(X[:2]).shape
    (2, 10)
    >>> trainer.save("digits.nbt")
    >>> nbtrain.load("digits.nbt").iteration
    240

    What it is made of:

    >>> [w.shape for w, b in trainer.weights], trainer.theta.size == trainer.network.parameter_count
    ([(64, 32), (32, 10)], True)
    >>> trainer.batch_size, str(trainer.dtype), trainer.threads
    (50, 'float32', 1)
    """

    engine: Engine
    history: History
    metadata: dict[str, Any]
    _quick_step: quick.Function
    _quick_predict: quick.Function
    _quick_rows: int
    _outputs: int
    _dtype: np.dtype[Any]

    @explain_arguments
    def __init__(
        self,
        network: Network,
        *,
        loss: str | Component,
        optimizer: str | Component = "adam",
        regularizer: str | Component | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        dtype: Any = "float32",
        rng: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        threads: int | str = 1,
    ) -> None:
        words = seed_words(rng)
        recipe = checked_recipe(
            *(network, loss, optimizer, regularizer, batch_size, shuffle, dtype, words[:4]),
            clip_value=clip_value,
            clip_norm=clip_norm,
            seeded=rng is not None,
        )
        self._set_up(Engine(with_threads(recipe, threads)))
        draw(network, self.engine.native, np.array([words[4:]], np.uint32), self.theta[np.newaxis])

    def _set_up(self, engine: Engine) -> None:
        recipe = engine.recipe
        vars(self).update(
            engine=engine,
            history=History(),
            metadata={},
            _quick_step=engine.quick_step,
            _quick_predict=engine.quick_predict,
            _quick_rows=engine.quick_rows,
            _outputs=recipe.network.outputs,
            _dtype=recipe.dtype,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if type(self) is Trainer and "_dtype" in self.__dict__:  # __init__ is done
            check_attribute(self, name, fixed=("engine", "history"))
        object.__setattr__(self, name, value)

    @property
    def model(self) -> Model:
        """What compiled callers pass to the functions of `nbtrain.kernel`.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> from nbtrain import kernel
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> out = np.empty((3, 1), np.float32)
        >>> kernel.predict(trainer.model, np.ones((3, 2), np.float32), out)
        0
        """
        return self.engine.model

    @property
    def network(self) -> Network:
        """The network that is trained."""
        return self.engine.recipe.network

    @property
    def batch_size(self) -> int:
        """Samples per iteration."""
        return self.engine.recipe.batch_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters, data and arithmetic."""
        return self.engine.recipe.dtype

    @property
    def threads(self) -> int:
        """Most threads that share the work of a step."""
        return self.engine.recipe.threads

    @property
    def theta(self) -> Array:
        """All parameters in one array: the weights of all layers, then their biases. Writing to it changes them."""
        return self.model.theta

    @property
    def iteration(self) -> int:
        """Updates made so far."""
        return int(self.model.iteration[0])

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return int(self.engine.descriptor["epoch"][0])

    def __dir__(self) -> list[str]:
        """What is for users; tab completion shows it."""
        return [name for name in super().__dir__() if name not in ("engine", "from_bytes")]

    def __repr__(self) -> str:
        r = self.engine.recipe
        threads = "auto" if r.automatic else r.threads
        return (
            f"Trainer({r.network!r}, loss={r.loss!r}, optimizer={r.optimizer!r}, regularizer={r.regularizer!r}, "
            f"batch_size={r.batch_size}, shuffle={r.shuffle}, dtype='{r.dtype}', clip_value={r.clip_value!r}, "
            f"clip_norm={r.clip_norm!r}, threads={threads!r})"
        )

    def _repr_html_(self) -> str:
        r = self.engine.recipe
        settings = {
            **{"loss": r.loss, "optimizer": r.optimizer, "regularizer": r.regularizer, "batch size": r.batch_size},
            **{"dtype": r.dtype, "threads": "auto" if r.automatic else r.threads},
            **{"epochs": self.epoch, "iterations": self.iteration},
        }
        shown = ", ".join(f"{name} {escape(str(value))}" for name, value in settings.items() if value is not None)
        return f"<p>Trainer: {shown}</p>{self.network.summary(self.batch_size, self.dtype)._repr_html_()}"

    # ---- training

    @explain_arguments
    def fit(
        self,
        X: Any = None,
        y: Any = None,
        epochs: int = 1,
        *,
        sample_weight: Any = None,
        batches: Any = None,
        steps_per_epoch: int | None = None,
        shuffle: bool | str | None = None,
        block_rows: int | None = None,
        validation_data: Any = None,
        validation_batches: Any = None,
        metrics: Any = (),
        callbacks: Any = (),
        progress: bool | str = False,
        checkpoint: Path | Checkpoint | None = None,
    ) -> History:
        """Train for `epochs` epochs. Calling it again continues training.

        Data need not fit in memory: large arrays in files are read block by block, with the same results to the bit.

        Parameters
        ----------
        X : array_like of shape (samples, inputs)
            Also a `numpy.memmap`, or a dataset of h5py, zarr or Dask: anything with `shape`, `dtype` and slices of
            rows. What is large is not copied as a whole, but read in blocks of about 1 MB by a helper thread.
        y : array_like of shape (samples, outputs), or (samples,) for labels and for one output
            For a loss with `target_columns`, of shape (samples, target_columns). It may be of another kind than X.
        epochs : int, default 1
        sample_weight : array_like of shape (samples,), optional
        batches : function, iterable or iterator, optional
            In place of X and y: a function that returns an iterator of (X, y) or (X, y, sample_weight), an object that
            can be iterated anew in every epoch or has `__len__` and `__getitem__`, or, for one epoch, an iterator.
            Batches may have any sizes; they are cut anew to `batch_size` and trained in their order.
        steps_per_epoch : int, optional
            With `batches`: an epoch has so many steps, and the next one goes on where it ended. For endless batches.
        shuffle : bool or "blocks", optional
            By default the trainer's `shuffle`. True draws an order of single rows, which a memmap gives as well as an
            array in memory; h5py, zarr and Dask do not, and are loaded whole. "blocks" reads random pieces of the data
            into a block and shuffles that: see Data that does not fit in memory, in the documentation.
        block_rows : int, optional
            With `shuffle="blocks"`: rows of a block, by default those of 64 MB. Two blocks are in memory.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after every epoch; arrays as for X and y.
        validation_batches : function, iterable or iterator, optional
            In place of validation_data, as `batches`.
        metrics : list of str, function or nbtrain.metrics.Metric, optional
            What else to compute on the validation data: `val_…` in the history; see `nbtrain.metrics`.
        callbacks : sequence of Callback or function, optional
            See `nbtrain.callbacks`.
        progress : bool, "tqdm" or "plain", default False
            True shows a bar where tqdm is installed, and otherwise prints a line after every epoch.
        checkpoint : path or nbtrain.callbacks.Checkpoint, optional
            Save the trainer there after every epoch (or as often as the `Checkpoint` says) and at the end. If the
            file exists, resume from it, bit for bit: a program that was interrupted completes its run when it is
            started again. `epochs` is then the total, and callbacks continue their counts (`Callback.state_dict`).
            Raises InputError if the file's settings, seed or number of samples differ, or if this trainer has been
            trained differently; other data of the same size cause a warning (a thousand rows are compared). To
            continue with more data, load the file and give another path or none.

        Returns
        -------
        History
            Of this call, or with `checkpoint` of the whole run, also where nothing was left to train. `trainer.history`
            holds all epochs of the trainer.

        Raises
        ------
        InputError
            If an argument is invalid, or the checkpoint belongs to another trainer or to other code of a plugin.
        DivergenceError
            If the loss or a parameter became NaN or infinite; the model is back at its last finite epoch.
        MemoryError
            If there is not enough memory; the message says how much was needed, and what avoids it.
        KeyboardInterrupt
            On Ctrl-C, within a fraction of a second; the next call continues the interrupted epoch. The data are then
            to be given in the same way: same order and `block_rows`, batches from the first on.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> def batches():
        ...     for seed in range(10):
        ...         X = np.random.default_rng(seed).normal(size=(50, 2))
        ...         yield X, X.sum(axis=1)
        >>> trainer.fit(batches=batches, epochs=3).epochs
        3
        """
        options = Options(epochs, metrics, callbacks, progress, checkpoint)
        given = Given(X, y, sample_weight, batches, steps_per_epoch, shuffle, block_rows)
        with self.engine.alone():
            feed = feed_of(self.engine, given, options.epochs)
            validation = validation_of(self.engine, validation_data, validation_batches, options.epochs)
            return fit(self, feed, validation, options)

    def train_step(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """Run one iteration on one batch.

        Parameters
        ----------
        x : array_like of shape (m, inputs)
            The samples.
        y : array_like of shape (m, outputs), or (m,) for labels and for one output
            Their targets.
        sample_weight : array_like of shape (m,), optional
            By default every sample counts the same.

        Returns
        -------
        float
            Mean data loss of the batch, before the update.

        Raises
        ------
        InputError
            If an argument is invalid.
        DivergenceError
            If the loss or the gradient is NaN or infinite; nothing was changed. State of the optimizer that becomes
            infinite, as Adam's squares do for gradients above 1.8e19 in float32, is found by `fit` at the end of an
            epoch, but not here.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> x, y = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)
        >>> first = trainer.train_step(x, y)
        >>> trainer.train_step(x, y) < first
        True
        """
        if sample_weight is None:
            loss = self._quick_step(x, y)
            if loss == loss:  # not NaN: it was done
                return loss
        engine = self.engine
        batch = engine.inputs.dataset(x, y, sample_weight)
        with engine.turn():
            status = engine.call("train_step", batch)
            if status in DIVERGENCES:
                raise describe_divergence(engine, batch, "no parameter was changed")
            check(status, engine.recipe.loss)
            return float(engine.result[0])

    def loss_and_gradient(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[float, Array]:
        """Compute J, penalty included, and its gradient with respect to theta; without dropout or an update.

        Parameters
        ----------
        X : array_like of shape (samples, inputs)
            The samples.
        y : array_like of shape (samples, outputs), or (samples,) for labels and for one output
            Their targets.
        sample_weight : array_like of shape (samples,), optional
            By default every sample counts the same.

        Returns
        -------
        J : float
            Mean data loss plus the regularizer's penalty.
        gradient : ndarray of shape (parameters,)
            A copy, in the order of `theta`.

        Raises
        ------
        InputError
            If an argument is invalid.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", dtype="float64", rng=0)
        >>> X, y = np.ones((4, 2)), np.zeros((4, 1))
        >>> J, gradient = trainer.loss_and_gradient(X, y)
        >>> trainer.theta[0] += 1e-6
        >>> bool(abs((trainer.loss_and_gradient(X, y)[0] - J) / 1e-6 - gradient[0]) < 1e-4)
        True
        """
        engine = self.engine
        batch = engine.inputs.dataset(X, y, sample_weight)
        with engine.alone():
            check(engine.call("loss_and_gradient", batch), engine.recipe.loss)
            return float(engine.result[0]), self.model.gradient.copy()

    # ---- gradients for objectives of the caller's own

    def forward(self, X: Any, training: bool = True, draw: int = 0) -> Array:
        """Compute the network's outputs, and keep what `backward` needs.

        Parameters
        ----------
        X : array_like of shape (m, inputs)
            At most `batch_size` rows.
        training : bool, default True
            With dropout.
        draw : int, default 0
            Which of the independent masks of the coming iteration dropout uses; 0 is that of `train_step`. The same
            number gives the same masks until an iteration is made.

        Returns
        -------
        ndarray of shape (m, outputs)
            The last layer's activation: logits where the loss has an output activation of its own, for which `predict`
            gives probabilities.

        Raises
        ------
        InputError
            If an argument is invalid.

        Examples
        --------
        One step of gradient descent on J = mean of the outputs, with the trainer's optimizer:

        >>> import numpy as np, nbtrain
        >>> network = nbtrain.Network(2, [nbtrain.Dense(3, "tanh"), nbtrain.Dense(1)])
        >>> trainer = nbtrain.Trainer(network, loss="mse", rng=0)
        >>> x = np.ones((4, 2), np.float32)
        >>> out = trainer.forward(x)
        >>> gradient = trainer.backward(x, np.full_like(out, 1 / 4))
        >>> trainer.update()
        >>> bool(trainer.forward(x).mean() < out.mean())
        True
        """
        return gradients.forward(self.engine, X, training, draw)

    def backward(self, X: Any, delta: Any, dx: Array | None = None, accumulate: bool = False) -> Array:
        """Compute the gradient of J for a given dJ/d output, after `forward` of the same rows.

        J is the caller's: no penalty, sample weight or clipping is added, and nothing is divided by m. It may be
        repeated with other deltas. After any other call that uses the model, `forward` is needed again.

        Parameters
        ----------
        X : array_like of shape (m, inputs)
            As given to `forward`.
        delta : array_like of shape (m, outputs), or (m,) for one output
            dJ/d output.
        dx : ndarray of shape (m, inputs) and the trainer's dtype, optional
            Gets dJ/dX. It may be X itself.
        accumulate : bool, default False
            Add to the gradient that is there. Refused as the first backward after an iteration, for which the optimizer
            may have used `model.gradient` as its workspace.

        Returns
        -------
        ndarray of shape (parameters,)
            `model.gradient` itself, in the order of `theta`: `update` uses it as it is then.

        Raises
        ------
        InputError
            If an argument is invalid, or there was no `forward` of as many rows just before.
        """
        return gradients.backward(self.engine, X, delta, dx, accumulate)

    def input_gradient(self, X: Any, delta: Any = None) -> Array:
        """Compute dJ/dX, without dropout, for any number of rows; no `forward` is needed.

        Parameters
        ----------
        X : array_like of shape (samples, inputs)
        delta : array_like of shape (samples, outputs), or (samples,) for one output; optional for one output
            dJ/d output, where the output is what `forward` gives; by default ones, for the gradient of the output.

        Returns
        -------
        ndarray of shape (samples, inputs)

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> trainer.set_weights([([[2.0], [-3.0]], [0.0])])
        >>> trainer.input_gradient(np.zeros((1, 2)))
        array([[ 2., -3.]], dtype=float32)
        """
        return gradients.input_gradient(self.engine, X, delta)

    def update(self) -> None:
        """Make one iteration of the optimizer with `model.gradient` as it is, after clipping, if the trainer clips.

        Raises
        ------
        DivergenceError
            If the gradient has NaN or infinity; nothing is changed.
        InputError
            If the learning rate of a schedule is negative or not finite.
        """
        gradients.update(self.engine)

    def activations(self, X: Any) -> list[Array]:
        """Compute the activations of every layer, without dropout.

        Parameters
        ----------
        X : array_like of shape (samples, inputs)

        Returns
        -------
        list of ndarray of shape (samples, units)
            One for each layer, after its activation function; the last one is what `forward` gives.

        Raises
        ------
        InputError
            If X is invalid.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> network = nbtrain.Network(2, [nbtrain.Dense(3, "tanh"), nbtrain.Dense(1)])
        >>> trainer = nbtrain.Trainer(network, loss="mse", rng=0)
        >>> [a.shape for a in trainer.activations(np.ones((5, 2)))]
        [(5, 3), (5, 1)]
        """
        return gradients.activations(self.engine, X)

    # ---- prediction and evaluation

    @overload
    def predict(self, X: Any) -> Array: ...

    @overload
    def predict(self, X: Any, out: Out) -> Out: ...

    def predict(self, X: Any, out: Any = None) -> Any:
        """Predict what the loss's output activation gives: class probabilities, or values.

        Parameters
        ----------
        X : array_like of shape (samples, inputs)
            The samples; any number of them. Large arrays in files are read block by block, as by `fit`.
        out : array of shape (samples, outputs) and any float dtype, optional
            Gets the predictions, for example a `numpy.memmap` or a dataset of h5py. After an error, such as NaN in a
            row of X, the rows before it may have been written.

        Returns
        -------
        ndarray of shape (samples, outputs)
            In the trainer's dtype; or `out`, if it was given.

        Raises
        ------
        InputError
            If X is invalid.
        """
        if out is None and type(X) is np.ndarray and X.ndim == 2 and len(X) <= self._quick_rows:
            out = np.empty((len(X), self._outputs), self._dtype)
            if self._quick_predict(X, out) == layout.OK:
                return out
        return predict(self.engine, X, out)

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None, *, metrics: Any = ()) -> dict[str, float]:
        """Compute the mean data loss, accuracy (classification) or R² (float targets), and other metrics.

        Dropout is off.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As for `fit`; large arrays in files are read block by block, with the same result to the bit.
        metrics : list of str, function or nbtrain.metrics.Metric, optional
            What else to compute; see `nbtrain.metrics`.

        Returns
        -------
        dict
            `loss`, then `accuracy` or `r2`, then the metrics.
        """
        wanted = as_metrics(metrics)
        return evaluate(self.engine, evaluated(self.engine.inputs, X, y, sample_weight), wanted)

    # ---- parameters

    @property
    def learning_rate(self) -> float:
        """Current learning rate; with a schedule, that of the last step. Assignable where there is no schedule.

        Raises
        ------
        InputError
            If an assigned rate is not a finite number > 0, or a schedule sets the rate.

        Examples
        --------
        >>> import nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> trainer.learning_rate = 0.01
        >>> trainer.scale_learning_rate(0.5)
        >>> trainer.learning_rate
        0.005
        """
        d = self.engine.descriptor
        return float(d["learning_rate"][0] * d["rate_scale"][0])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        rate, recipe = checks.positive_number(value, "learning_rate"), self.engine.recipe
        if rate > float(np.finfo(recipe.dtype).max):
            raise InputError(wrong("learning_rate", f"be finite in {recipe.dtype}", value))
        if isinstance(recipe.optimizer.learning_rate, Component):
            raise InputError(
                "learning_rate is set by the optimizer's schedule; use scale_learning_rate, or make a trainer with a "
                "number as its learning rate"
            )
        self.engine.descriptor["learning_rate"], self.engine.descriptor["rate_scale"] = rate, 1.0

    def scale_learning_rate(self, factor: float) -> None:
        """Multiply the learning rate from now on, including all rates that a schedule will set.

        Parameters
        ----------
        factor : float
            Above 0.

        Raises
        ------
        InputError
            If the factor is not a finite number > 0.

        Examples
        --------
        >>> import nbtrain
        >>> rate = nbtrain.schedule("cosine", steps=1000)
        >>> optimizer = nbtrain.optimizer("adam", learning_rate=rate)
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", optimizer=optimizer, rng=0)
        >>> trainer.scale_learning_rate(0.1)
        """
        self.engine.descriptor["rate_scale"] *= checks.positive_number(factor, "factor")

    def reset_optimizer(self) -> None:
        """Let the optimizer begin anew: its next steps are those of a new one.

        Its state is cleared, and its bias corrections count from here. `iteration`, which schedules use, continues. For
        a run whose parameters are good but whose optimizer state is not, for example after a batch whose squared
        gradient is infinite.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> loss = trainer.train_step(np.full((4, 2), 1e9), np.zeros(4))
        >>> trainer.reset_optimizer()
        >>> trainer.iteration
        1
        """
        with self.engine.held():
            reset_optimizer(self.engine.memory)

    @property
    def weights(self) -> list[tuple[Array, Array]]:
        """[(W, b), …]: views into theta, W of shape (inputs, units), b of shape (units,)."""
        return layer_views(self.model, self.network.sizes)

    def set_weights(self, weights: Sequence[tuple[Any, Any]]) -> None:
        """Copy [(W, b), …] into theta; the optimizer's state is unchanged.

        Parameters
        ----------
        weights : sequence of (array_like of shape (inputs, units), array_like of shape (units,))
            Weights and biases of each layer, as `weights` gives them.

        Raises
        ------
        InputError
            If the number of layers or a shape is wrong, or a number is not finite.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> trainer.set_weights([([[2.0], [-3.0]], [0.5])])
        >>> trainer.predict(np.ones((1, 2)))
        array([[-0.5]], dtype=float32)
        """
        checked = checked_weights(weights, self.weights, self.engine.inputs)
        with self.engine.held():
            for target, array in checked:
                target[...] = array

    # ---- files

    def save(self, path: Path, *, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the trainer to a file; `nbtrain.load` restores one that continues bit for bit.

        The file is in the safetensors format, with a SHA-256 over all of it. It is written under a temporary name,
        synced and moved into place: if anything goes wrong, an existing file stays as it was.

        Parameters
        ----------
        path : str or path-like
        metadata : dict, optional
            Anything that JSON can hold; becomes `trainer.metadata`, which is saved with the trainer (1 MB at most).

        Raises
        ------
        InputError
            If the path or the metadata are invalid.
        DivergenceError
            If a parameter or the learning rate is NaN or infinite; nothing is written.
        OSError
            If the file cannot be written.
        """
        text = writing.metadata_text(self.metadata if metadata is None else metadata)
        with self.engine.held():
            self.metadata = json.loads(text)
            parts = self._file(text)
        files.write(path, parts)

    def _file(self, metadata: str) -> list[memoryview]:
        """The bytes of the trainer's file, a copy of its state; the engine is held meanwhile."""
        engine = self.engine
        keepers = None if engine.run is None else engine.run.keepers
        if keepers is None and engine.epoch_plan is not None:  # of an epoch that was begun
            keepers = [TrainingData(None, plan=engine.epoch_plan)]
        return writing.encoded(engine.recipe, State.take(engine.memory, engine.recipe), self.history, metadata, keepers)

    def _bytes(self) -> bytes:
        with self.engine.held():
            return b"".join(self._file(writing.metadata_text(self.metadata)))

    @classmethod
    def from_bytes(cls, data: bytes, known: Recipe | Parts | None = None) -> Self:
        """Make a trainer from the bytes of its file.

        Parameters
        ----------
        data : bytes
            What `save` writes.
        known : Recipe or Parts, optional
            Provides the components in place of the registry.

        Returns
        -------
        Trainer
            Which continues bit for bit.

        Raises
        ------
        ModelFileError
            If the bytes are damaged, or need a component that is not there.

        Examples
        --------
        >>> import nbtrain
        >>> nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0).save("model.nbt")
        >>> with open("model.nbt", "rb") as file:
        ...     trainer = nbtrain.Trainer.from_bytes(file.read())
        """
        return cls._restored(contents(data, "bytes of a trainer", known))

    @classmethod
    def _restored(cls, found: Contents) -> Self:
        warn_of_altered(found.where, found.altered, stacklevel=4)
        trainer = cls.__new__(cls)
        trainer._set_up(found.make(Engine))
        trainer.metadata = found.metadata
        trainer.engine.put(found.state)
        trainer.engine.epoch_plan = kept_plan(found)
        trainer.history.replace(found.history)
        return trainer

    @classmethod
    def _loaded(cls, data: bytes | bytearray, where: str) -> Self:
        """A trainer from the bytes of its file, for `nbtrain.load`."""
        return cls._restored(contents(data, where))

    @classmethod
    def _of(cls, recipe: Recipe, state: State, history: Mapping[str, Sequence[float]]) -> Self:
        """A trainer that stands where a state does."""
        trainer = cls.__new__(cls)
        trainer._set_up(Engine(recipe))
        trainer.engine.put(state)
        trainer.history.replace(history)
        return trainer

    def __reduce__(self) -> tuple[Any, ...]:
        if "_pickled" in vars(self):
            return type(self)._unpickled, vars(self)["_pickled"]
        r = self.engine.recipe
        return type(self)._unpickled, (self._bytes(), (r.network, r.loss, r.optimizer, r.regularizer))

    @classmethod
    def _unpickled(cls, data: bytes, parts: tuple[Any, ...]) -> Self:
        """A trainer from a pickle, which has the components beside the bytes; every use raises if one is missing."""
        try:
            return cls.from_bytes(data, Parts(*parts))
        except (ModelFileError, PluginError) as error:
            trainer, absent = cls.__new__(cls), Absent(str(error))
            quick = {"_quick_rows": -1, "_quick_step": absent, "_quick_predict": absent}
            vars(trainer).update(engine=absent, history=History(), metadata={}, _pickled=(data, parts), **quick)
            return trainer

    def __deepcopy__(self, memo: Any) -> Self:
        return self.from_bytes(self._bytes(), self.engine.recipe)

    def to_onnx(self, path: Path | None = None) -> Any:
        """Export the network as an ONNX model, whose output is that of `predict`, to rounding.

        The input `x` (batch, inputs) and the output `prediction` (batch, outputs) have the trainer's dtype; the batch
        may have any size. Dropout is left out, as in `predict`. `metadata` becomes the model's metadata_props, each
        value as JSON. Plugins' components are translated like built-in ones.

        Parameters
        ----------
        path : str or path-like, optional
            Also write the model there; an existing file is replaced in one step.

        Returns
        -------
        onnx.ModelProto
            Of opset 17 and IR version 8, checked by onnx.checker.

        Raises
        ------
        Error
            If the package onnx is not installed.
        InputError
            If a component has no form in ONNX operators (the message names the component and its provider), or the
            path is invalid.
        DivergenceError
            If a parameter is NaN or infinite; nothing is written.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> model = trainer.to_onnx("network.onnx")  # doctest: +SKIP
        """
        from ..formats.onnx import export

        return export.write(self._onnx_model(), path)

    def _onnx_model(self, finish: Any = None) -> Any:
        """The model; `finish` makes its outputs from the prediction."""
        from ..formats.onnx import export

        with self.engine.held():
            weights = [(w.copy(), b.copy()) for w, b in self.weights]
        return export.model(self.engine.recipe, weights, self.metadata, finish)

    # ---- C

    def c_functions(self) -> dict[str, tuple[int, str]]:
        """Addresses and C declarations of the core's functions, for hosts in C and C++.

        All arguments and return values are int64, but for `tau` and `m`, which are float64; pointers are passed as
        int64.

        model
            Address of the trainer's descriptor, `trainer.model.descriptor.ctypes.data`: valid while the trainer, or
            an array of its model, exists.
        x, rows, columns
            Samples (rows, columns) in the trainer's dtype, row after row; columns are the network's inputs.
        y, y_rows, y_columns, y_kind
            Targets: y_kind 0 for floats (y_rows, y_columns) in the trainer's dtype, y_columns the network's outputs or
            the loss's `target_columns`; y_kind 1 for int64 labels (y_rows,), y_columns 1.
        weight
            Sample weights (rows,) in the trainer's dtype, or 0 for none.
        out, out_rows, out_columns
            Where predictions are written: (rows, outputs) in the trainer's dtype.
        result
            Address of three float64 numbers, NaN after any status but 0; their meaning follows.
        work, work_bytes
            Workspace of at least `work_size` bytes.
        source
            Address of the descriptor of another trainer with layers of the same sizes and the same dtype.

        `train_step`
            One iteration on one batch of any number of rows. result[0]: mean data loss before the update.
        `train_epoch`
            One epoch in batches of the trainer's size and order, or the rest of the one begun. result[0]: mean data
            loss over its steps.
        `loss_and_gradient`
            result[0]: J with the penalty, without dropout. Its gradient is at `trainer.model.gradient`.
        `update`
            One iteration of the optimizer with the gradient that is there.
        `forward`
            Writes the last layer's activation for at most batch_size rows to out, with dropout unless training is 0;
            draw is which of the iteration's masks it uses.
        `backward`
            After `forward` of the same x: writes the gradient for delta, dJ/d out (rows, outputs), to
            `trainer.model.gradient`, or adds it unless accumulate is 0; and dJ/dx to dx (rows, inputs), unless dx is 0.
        `input_gradient`
            The same for dx alone.
        `evaluate`
            Without dropout. result[0]: sum of the samples' weighted data losses; result[1]: sum of their weights, or
            their number; result[2]: weighted number of samples classified correctly, 0 for a loss without classes.
            Mean loss and accuracy are result[0] / result[1] and result[2] / result[1].
        `predict`
            Writes what the loss's output activation gives: probabilities, or values.
        `predict_with`
            The same in a workspace of the caller's. Nothing in the model is written, so several threads may call it.
        `work_size`
            Returns the bytes that `predict_with` needs for so many rows.
        `copy`
            Copies the parameters of `source` to `model`.
        `blend`
            Sets the parameters to (1 - tau) θ + tau θ', θ' those of `source`.
        `regularize`
            Adds the derivative of the penalty, divided by m > 0, to the gradient.
        `gradient_norm`
            result[0], the only one: Euclidean norm of the gradient.

        The other return values are a status of `nbtrain.status`, 0 for success; after any other but those of divergence
        (8 and 13) nothing was written. Sizes, kinds, labels and weights are checked, the contents of x and float y are
        not. A call runs on the calling thread alone, takes no lock of Python's, allocates nothing after the first
        epoch, and returns BUSY while another thread is inside the model.

        Returns
        -------
        dict
            Name -> (address, declaration).

        Examples
        --------
        >>> import nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> address, declaration = trainer.c_functions()["update"]
        >>> declaration
        'int64_t update(int64_t model)'
        """
        return {name: (self.engine.addresses[name], c_signature(name)) for name in HOST_FUNCTIONS}


Trainer.__module__ = "nbtrain"  # as users and pickles name it
