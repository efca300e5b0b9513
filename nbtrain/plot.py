"""Pictures of what is inside a trained network: histograms of its weights and activations.

Needs the extra `plot`: pip install nbtrain[plot]. matplotlib is imported when something is drawn. The curves of a
training run are drawn by `History.plot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .checks.arrays import whole_number
from .checks.messages import brief, wrong
from .errors import Error, InputError
from .training.trainer import Trainer

__all__ = ["activations", "dead_units", "weights"]

Array = np.ndarray[Any, Any]
NAMED = 5  # dead units whose numbers stand above a panel; of more only their count
WIDTH, HEIGHT = 3.4, 3.2  # inches of a panel
COLUMNS = 4  # panels beside each other in a new figure


def weights(trainer: Trainer, axes: Any = None, *, bins: int = 50, log: bool = False) -> Any:
    """Draw a histogram of the weights of every layer, without biases.

    Parameters
    ----------
    trainer : Trainer
    axes : matplotlib axes or a sequence of them, optional
        Where to draw: one for each layer. By default a new figure.
    bins : int, default 50
        Bars of each histogram, between its smallest and its largest weight.
    log : bool, default False
        A logarithmic scale for the counts.

    Returns
    -------
    matplotlib axes or ndarray of them
        As given, or an array with one for each layer of the new figure.

    Raises
    ------
    Error
        If matplotlib is not installed.
    InputError
        If an argument is invalid, or a weight is NaN or infinite.

    Examples
    --------
    >>> import nbtrain
    >>> from nbtrain import plot
    >>> network = nbtrain.Network(4, [nbtrain.Dense(8, "relu"), nbtrain.Dense(1)])
    >>> axes = plot.weights(nbtrain.Trainer(network, loss="mse"))  # doctest: +SKIP
    """
    layers = [W for W, _ in _trainer(trainer).weights]
    count = whole_number(bins, "bins", 1)
    for number, W in enumerate(layers, 1):
        if not np.isfinite(W).all():
            raise InputError(wrong("trainer", "have finite weights", f"NaN or infinity in layer {number}"))
    places, given = _places(axes, len(layers))
    for place, number, W in zip(places, range(1, len(layers) + 1), layers, strict=True):
        place.hist(W.ravel(), bins=count, log=log, color="C0")
        _finish(place, trainer, number, f"mean {W.mean():.2g}, std {W.std():.2g}", ("weight", "weights"))
    return given


def activations(trainer: Trainer, X: Any, axes: Any = None, *, bins: int = 50, log: bool = False) -> Any:
    """Draw a histogram of the activations of every layer, with those of dead units in another colour.

    Parameters
    ----------
    trainer : Trainer
    X : array_like of shape (samples, inputs)
        Samples to be looked at, at least 2; without dropout.
    axes : matplotlib axes or a sequence of them, optional
        Where to draw: one for each layer. By default a new figure.
    bins : int, default 50
        Bars of each histogram, between its smallest and its largest activation.
    log : bool, default False
        A logarithmic scale for the counts.

    Returns
    -------
    matplotlib axes or ndarray of them
        As given, or an array with one for each layer of the new figure.

    Raises
    ------
    Error
        If matplotlib is not installed.
    InputError
        If an argument is invalid, or an activation is NaN or infinite.

    Notes
    -----
    The title of a panel counts the dead units of its layer and names a few of them; `dead_units` gives all. The last
    layer's activations are what `Trainer.forward` gives.

    Examples
    --------
    >>> import nbtrain
    >>> from nbtrain import plot
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(32, "relu"), nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy")
    >>> axes = plot.activations(trainer, X)  # doctest: +SKIP
    """
    layers = _activations(_trainer(trainer), X)
    count = whole_number(bins, "bins", 1)
    for number, a in enumerate(layers, 1):
        if not np.isfinite(a).all():
            raise InputError(wrong("X", "give finite activations", f"NaN or infinity in layer {number}"))
    places, given = _places(axes, len(layers))
    for place, number, a in zip(places, range(1, len(layers) + 1), layers, strict=True):
        dead = _dead(a)
        live = np.setdiff1d(np.arange(a.shape[1]), dead)
        values, options = [a[:, live].ravel(), a[:, dead].ravel()], {"color": ["C0", "C1"], "label": ["alive", "dead"]}
        place.hist(values, bins=count, log=log, stacked=True, **options)
        if len(dead):
            place.legend(fontsize="small")
        _finish(place, trainer, number, _counted(dead, a.shape[1]), ("activation", "samples × units"))
    return given


def dead_units(trainer: Trainer, X: Any) -> list[Array]:
    """Find the units whose activation is the same for all samples: they tell the next layer nothing.

    A relu that is 0 for every sample is dead, and so is a tanh that is 1 for every sample, to the last bit. A unit may
    be dead on some samples and alive on others, so X should be the training data or a good part of them.

    Parameters
    ----------
    trainer : Trainer
    X : array_like of shape (samples, inputs)
        At least 2 samples, not all alike.

    Returns
    -------
    list of ndarray of int64
        For each layer the numbers of its dead units, from 0, in ascending order.

    Raises
    ------
    InputError
        If an argument is invalid.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> from nbtrain import plot
    >>> trainer = nbtrain.Trainer(nbtrain.Network(1, [nbtrain.Dense(2, "relu"), nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> trainer.set_weights([([[1.0, 1.0]], [0.0, -5.0]), ([[1.0], [1.0]], [0.0])])
    >>> plot.dead_units(trainer, [[0.0], [1.0], [2.0]])  # the second unit answers from 5 on
    [array([1]), array([], dtype=int64)]
    """
    return [_dead(a) for a in _activations(_trainer(trainer), X)]


def _trainer(trainer: Any) -> Trainer:
    if isinstance(trainer, Trainer):
        return trainer
    hint = "pass its attribute trainer_" if hasattr(type(trainer), "trainer_") else ""
    raise InputError(wrong("trainer", "be a Trainer", brief(trainer), hint))


def _activations(trainer: Trainer, X: Any) -> list[Array]:
    layers = trainer.activations(X)
    if len(layers[0]) < 2:
        raise InputError(wrong("X", "have at least 2 rows", str(len(layers[0]))))
    return layers


def _dead(a: Array) -> Array:
    """Numbers of the columns whose values are all the same."""
    return np.flatnonzero(a.min(axis=0) == a.max(axis=0))


def _counted(dead: Array, units: int) -> str:
    named = f": {', '.join(map(str, dead))}" if 0 < len(dead) <= NAMED else ""
    return f"{len(dead)} of {units} unit{'s' * (units != 1)} dead{named}"


def _places(axes: Any, layers: int) -> tuple[Sequence[Any], Any]:
    """Axes for each layer, and what is to be returned."""
    if axes is None:
        axes = _new_axes(layers)
    places = [axes] if hasattr(axes, "hist") else list(np.ravel(axes))
    if len(places) != layers or not all(hasattr(place, "hist") for place in places):
        found = str(len(places)) if all(hasattr(place, "hist") for place in places) else brief(axes)
        raise InputError(wrong("axes", f"be {layers} matplotlib axes, one for each layer", found))
    return places, axes


def _new_axes(layers: int) -> Array:
    """A new figure with a panel for each layer, in rows of four."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise Error("nbtrain.plot needs matplotlib: pip install nbtrain[plot]") from error
    columns = min(layers, COLUMNS)
    rows = -(-layers // columns)
    size = (WIDTH * columns, HEIGHT * rows)
    figure, places = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for spare in places.flat[layers:]:
        figure.delaxes(spare)
    return np.asarray(places.flat[:layers])


def _finish(axes: Any, trainer: Trainer, number: int, said: str, labels: tuple[str, str]) -> None:
    """The title, with what there is to say about the layer in its second line, and the labels of both axes."""
    activation = trainer.network.layers[number - 1].activation.name
    axes.set_title(f"layer {number}, {activation}\n{said}", fontsize="medium")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
