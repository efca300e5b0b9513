"""Trainer: a network with its loss, optimizer and data order; Python's way to the compiled core."""

from __future__ import annotations

import os
import threading
from typing import Any, Self

import numpy as np

from ..callbacks import Checkpoint
from ..checks.arguments import IN_FIT, IN_TRAINER, NOT_SETTABLE, SETTABLE, check_attribute, told
from ..components import Component
from ..components.network import Network
from ..core import layout
from ..model import quick
from ..model.build import build
from ..model.native import native
from ..model.recipe import Recipe
from ..model.settings import checked_recipe, seed_words, with_threads
from ..model.threads import Team
from ..status import check
from . import forks
from .data import Intake
from .engine import SHORT_CALL_FLOPS
from .fit import Fit, Options, describe_divergence, fit, training_data
from .history import History
from .hosts import Hosting
from .parameters import Parameters, draw
from .saving import Saving
from .use import Use

Array = np.ndarray[Any, Any]


class Trainer(Parameters, Use, Saving, Hosting):
    """Trains a network; compiled once per dtype, whatever the network.

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
        Samples per iteration; the last batch of an epoch holds what is left. Also the size of the workspace: larger
        batches given to `train_step` are worked off in parts.
    shuffle : bool, default True
        Draw a new order of the samples every epoch.
    dtype : {"float32", "float64"}, default "float32"
        Of parameters, data and arithmetic; losses and metrics are summed in float64.
    rng : int, numpy.random.SeedSequence, numpy.random.Generator or None
        Seed of initial weights, order and dropout; None takes entropy from the system.
    clip_value : float, optional
        Every number of the gradient is brought to the range -clip_value … clip_value before the update.
    clip_norm : float, optional
        The gradient g of all parameters together, the regularization included, is multiplied by
        min(1, clip_norm / ‖g‖) before the update, ‖g‖ its Euclidean norm; after clip_value, if both are given.
        R. Pascanu et al.: On the difficulty of training recurrent neural networks. ICML 2013.
    threads : int or "auto", default 1
        Threads that share the work of a step, the caller's included: the results are the same, to the bit, for any
        number. They are used by `fit`, and by other calls on much data. "auto" takes as many as the cores that the
        process may use and the work of a step make worth while, and only while they make training faster. Where
        cores turn out to be busy otherwise, training goes on with one thread and tries again later.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.
    MemoryError
        If there is no memory for the model; the message says how much it takes, and whether by `batch_size`.

    Notes
    -----
    Several Python threads may use one trainer: their calls come one after the other. A call of fit is one call, also
    where it trains for hours, and others wait for its end; only its own callbacks, which run in its thread, get at
    the trainer meanwhile. An assignment to `learning_rate`, and `scale_learning_rate`, count from the next step on.
    Compiled callers (`nbtrain.kernel`, C) do not wait: what finds another thread inside the model answers BUSY, and
    what comes between two slices of a call of fit is done there. Keep them off a trainer that is in fit.
    """

    @told("Trainer(network, loss=…)", IN_FIT)
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
        )
        self._build(with_threads(recipe, threads))
        draw(network, self.weights, np.random.default_rng(words[4:]))

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """A trainer whose parameters are all zero."""
        trainer = cls.__new__(cls)
        trainer._build(recipe)
        return trainer

    def _build(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.history = History()
        self.metadata: dict[str, Any] = {}
        self._run: Fit | None = None  # the call of fit that is under way
        self.model, self.memory, core = build(self.recipe)
        self._lock = threading.RLock()
        self._native, self._short = native(core), native(core, holding=True)
        self.team = Team(recipe.threads, recipe.automatic, self.memory, self._native.assist)
        self.result = np.zeros(3)
        self._result_address = int(self.result.ctypes.data)
        self._descriptor = self.memory.addresses["descriptor"]
        self._kind = int(self.model.descriptor["target_kind"][0])
        self._outputs, self._dtype, spec = recipe.network.outputs, recipe.dtype, recipe.loss.spec
        self._intake = Intake(recipe.network.inputs, self._outputs, spec, self.dtype, self._native)
        interpreter = self.memory.array("interpreter")
        self._quick_step = quick.builtin("quick_step", core.addresses["quick_step"], interpreter)
        self._quick_predict = quick.builtin("quick_predict", core.addresses["quick_predict"], interpreter)
        self._quick_rows = int(SHORT_CALL_FLOPS / (6.0 * self.theta.size))
        self._quick_limit = self.model.descriptor["quick_rows"]  # a view
        self._quick_limit[0] = self._quick_rows
        forks.watch(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if type(self) is Trainer and "_quick_limit" in self.__dict__:  # it is built
            check_attribute(self, name, SETTABLE, NOT_SETTABLE)
        object.__setattr__(self, name, value)

    network = property(lambda self: self.recipe.network, doc="The Network that is trained.")
    batch_size = property(lambda self: self.recipe.batch_size, doc="Samples per iteration.")
    dtype = property(lambda self: self.recipe.dtype, doc="dtype of parameters and arithmetic.")
    threads = property(lambda self: self.recipe.threads, doc="Threads that share a step, at most.")

    def __repr__(self) -> str:
        r = self.recipe
        threads = "auto" if r.automatic else r.threads
        return (
            f"Trainer({r.network!r}, loss={r.loss!r}, optimizer={r.optimizer!r}, regularizer={r.regularizer!r}, "
            f"batch_size={r.batch_size}, shuffle={r.shuffle}, dtype='{r.dtype}', clip_value={r.clip_value!r}, "
            f"clip_norm={r.clip_norm!r}, threads={threads!r})"
        )

    # ---- training

    @told("Trainer.fit(X, y, epochs)", IN_TRAINER)
    def fit(
        self,
        X: Any,
        y: Any,
        epochs: int = 1,
        *,
        sample_weight: Any = None,
        validation_data: Any = None,
        metrics: Any = (),
        callbacks: Any = (),
        progress: bool | str = False,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    ) -> History:
        """Train for `epochs` epochs; called again, it continues.

        Parameters
        ----------
        X : array_like of shape (samples, inputs)
        y : array_like of shape (samples, outputs), or (samples,) for labels and for one output
        epochs : int, default 1
        sample_weight : array_like of shape (samples,), optional
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after every epoch.
        metrics : list of str, function or nbtrain.metrics.Metric, optional
            What else to compute on validation_data: `val_…` in the history; see `nbtrain.metrics`.
        callbacks : sequence of Callback or function, optional
            See `nbtrain.callbacks`.
        progress : bool, "tqdm" or "plain", default False
            True shows a bar where tqdm is installed, and otherwise prints a line after every epoch.
        checkpoint : path or nbtrain.callbacks.Checkpoint, optional
            Save the trainer there after every epoch (or as often as the `Checkpoint` says) and at the end. If the
            file is there already, go on from it, bit for bit: the same program, started again after it was
            interrupted, completes the run. With it, `epochs` is how many the trainer is to have in the end, and
            callbacks go on counting where they were (`Callback.state_dict`). The file is refused where going on from
            it would mix two trainings: where the trainer differs, also by its seed (`rng=None` has none to differ),
            where this trainer has trained itself and does not stand where the file does, and where the number of
            samples is another; a warning tells of other data (a digest of a thousand rows). To go on with more data,
            load the file, and give another path or none.

        Returns
        -------
        History
            Of this call; `trainer.history` holds all epochs of the trainer.

        Raises
        ------
        InputError
            If an argument cannot be used; also a checkpoint of another trainer, or of one with a plugin's component
            whose code has changed since.
        DivergenceError
            If the loss or a parameter became NaN or infinite; the model is back at its last finite epoch.
        KeyboardInterrupt
            On Ctrl-C, within a fraction of a second; the next call continues the interrupted epoch.
        """
        options = Options(epochs, metrics, callbacks, progress, checkpoint)
        data, validation = training_data(self._intake, X, y, sample_weight, validation_data)
        with self._alone():
            return fit(self, data, validation, options)

    def train_step(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One iteration on one batch.

        Parameters
        ----------
        x : array_like of shape (m, inputs)
        y : array_like of shape (m, outputs), or (m,) for labels and for one output
        sample_weight : array_like of shape (m,), optional

        Returns
        -------
        float
            Mean data loss of the batch, before the update.

        Raises
        ------
        InputError
            If an argument cannot be used.
        DivergenceError
            If the loss is NaN or infinite; no parameter was changed.
        """
        if sample_weight is None:
            loss = self._quick_step(x, y)
            if loss == loss:  # not NaN: it was done
                return loss
        batch = self._intake.dataset(x, y, sample_weight)
        with self._lock:
            status = self.call_on("train_step", batch)
            if status == layout.DIVERGED:
                raise describe_divergence(self, batch, "no parameter was changed")
            check(status, self.recipe.loss)
            return float(self.result[0])


Trainer.__module__ = "nbtrain"  # as users and pickles name it
