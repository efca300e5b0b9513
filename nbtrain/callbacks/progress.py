"""Progress of training: a tqdm bar where tqdm is installed, otherwise one line per epoch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..checks.arguments import no_new_attributes
from ..checks.messages import brief, wrong
from ..errors import Error, InputError
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


def as_progress(given: Any, epochs: int) -> list[Callback]:
    """The callback for fit's argument `progress`."""
    if given is False or given is None:
        return []
    if given == "plain":
        return [PrintProgress(epochs)]
    if given == "tqdm":
        return [TqdmProgress(epochs)]
    if given is not True:
        raise InputError(wrong("progress", "be True, False, 'tqdm' or 'plain'", brief(given)))
    try:
        return [TqdmProgress(epochs)]
    except Error:
        return [PrintProgress(epochs)]


def _numbers(metrics: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{number:.4f}" for name, number in metrics.items()}


@no_new_attributes
class PrintProgress(Callback):
    """Print one line per epoch to standard output.

    Epochs are counted over the trainer's life, as callbacks count them.

    Parameters
    ----------
    epochs : int
        How many this call of fit trains.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> history = trainer.fit(X, y, epochs=1, callbacks=[nbtrain.callbacks.PrintProgress(1)])
    epoch 1/1  loss ...  accuracy ...
    """

    last: int

    def __init__(self, epochs: int) -> None:
        self.epochs = self.last = epochs

    def on_start(self, trainer: Trainer) -> None:
        self.last = trainer.epoch + self.epochs

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        numbers = "  ".join(f"{name} {number}" for name, number in _numbers(metrics).items())
        print(f"epoch {epoch:{len(str(self.last))}d}/{self.last}  {numbers}", flush=True)


@no_new_attributes
class TqdmProgress(Callback):
    """Show a tqdm bar over the epochs, in a terminal or a notebook; long epochs also show the loss as they run.

    Parameters
    ----------
    epochs : int
        How many this call of fit trains.

    Raises
    ------
    Error
        If tqdm is not installed.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> bar = nbtrain.callbacks.TqdmProgress(5)  # doctest: +SKIP
    >>> history = trainer.fit(X, y, epochs=5, callbacks=[bar])  # doctest: +SKIP
    """

    every_seconds: float | None = 0.5

    def __init__(self, epochs: int) -> None:
        try:
            self._tqdm = bar_class()
        except ImportError as error:
            raise Error("progress='tqdm' needs tqdm: pip install tqdm") from error
        self.epochs = epochs
        self._bar: Any = None

    def on_start(self, trainer: Trainer) -> None:
        self._bar = self._tqdm(initial=trainer.epoch, total=trainer.epoch + self.epochs, unit="epoch")

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> None:
        self._bar.set_postfix(_numbers(metrics))

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        self._bar.set_postfix(_numbers(metrics), refresh=False)
        self._bar.update(epoch - self._bar.n)

    def on_end(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.close()


def bar_class() -> Any:
    """The class of bars: a widget in notebooks with ipywidgets, elsewhere text, without tqdm's warning."""
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm
    return tqdm
