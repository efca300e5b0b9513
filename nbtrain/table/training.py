"""Training: from a table to a model that predicts one of its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import arrays as checks
from ..checks.arguments import explain_arguments
from ..checks.messages import brief, unknown, wrong
from ..components.network import Dense
from ..errors import DivergenceError, InputError
from . import target as targets
from .course import Data, Limits, Part, Teller, Together, fits_together, numbered, train_one
from .encoder import TableEncoder
from .fitting import SURELY, longest_step
from .frames import MOST_LISTED, as_frame
from .model import Member, TableModel
from .parsing import MISSING, Cells, Words
from .reading import Table, located
from .settings import chosen_settings, loss_of, networks_of
from .split import split
from .weights import class_factors, row_weights

if TYPE_CHECKING:
    from ..training.trainer import Trainer

Array = np.ndarray[Any, Any]

VALIDATION = 0.15
MOST_LOOKED_AT = 5000  # rows, for whether they follow each other


class Training:
    """The training of a table's model: everything is checked and encoded when it is made, `fit` trains.

    Parameters
    ----------
    frame, target, task, validation, seeds, class_weight, weight, group, time, categorical, drop, min_count
    max_categories, missing, encoder, hidden, activation, dropout, loss, optimizer, learning_rate, regularizer
    batch_size, epochs, patience, rng, dtype, threads
        As for `nbtrain.table.train`.

    Attributes
    ----------
    encoder : TableEncoder
    target : Target
    networks : list of Trainer
    settings : dict
        What was chosen: hidden, batch_size, learning_rate, epochs, patience, seeds.
    notes : list of str
    model : TableModel or None
        Of the networks that have finished an epoch so far, each at its best one.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from nbtrain.table import Training
    >>> size = np.linspace(0.0, 1.0, 200)
    >>> frame = pd.DataFrame({"size": size, "price": 100.0 * size})
    >>> training = Training(frame, "price", seeds=1, epochs=20)
    >>> training.sizes
    (170, 30)
    >>> training.settings["hidden"]
    (64, 64)
    >>> model = training.fit()
    >>> training.model is not None
    True
    """

    target: targets.Target
    _codes: Array
    _given: Data | None  # rows to validate with, where they are a table of their own
    options: dict[Any, Any]
    rng: int
    columns: list[Any]
    encoder: TableEncoder
    settings: dict[str, Any]
    networks: list[Trainer]

    @explain_arguments
    def __init__(
        self,
        frame: Any,
        target: str,
        *,
        task: str | None = None,
        validation: Any = VALIDATION,
        seeds: int | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        weight: Any = None,
        group: str | None = None,
        time: str | None = None,
        categorical: Sequence[str] = (),
        drop: Sequence[str] = (),
        min_count: int = 5,
        max_categories: int = 50,
        missing: Sequence[str] = MISSING,
        encoder: TableEncoder | None = None,
        hidden: Sequence[int] | Sequence[Dense] | None = None,
        activation: Any = "relu",
        dropout: float = 0.0,
        loss: Any = None,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        regularizer: Any = "default",
        batch_size: int | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        rng: int = 0,
        dtype: str = "float32",
        threads: int | str = 1,
    ) -> None:
        given, frame = frame, self._taken(frame, rng)
        words = tuple(_listed(missing))
        self._words = Words.of(word for word in words if word.casefold() != "none")  # a class, maybe
        self._weighting = (weight, class_weight)
        is_code = task is None and target in _listed(categorical)
        frame = self._rows(given, frame, target, "classification" if is_code else task, group, time)
        features = self._features(frame, group, time, drop)
        chosen = [name for name in _listed(categorical) if _known(frame, name, "categorical") in features.columns]
        parameters = encoder.get_params() if encoder is not None else {
            "categorical": chosen, "min_count": min_count, "max_categories": max_categories, "missing": words,
            "dtype": dtype,
        }  # fmt: skip
        self._X = self._encoded(features, parameters)
        made = loss_of(self.target, loss)
        self.target = targets.for_loss(self.target, made.spec, self._codes)
        self._set_validation(validation)
        if self._fraction and group is None and time is None:
            self.notes += self._order(features)
        rows = len(self._X) - round(self._fraction * len(self._X))
        self.settings = chosen_settings(rows, hidden, learning_rate, batch_size, epochs, patience, seeds)
        self._threads = threads
        self.networks = networks_of(
            self._X.shape[1], self.target.outputs, self.settings, activation, dropout, optimizer, regularizer,
            self.rng, loss=made, dtype=dtype, threads=threads,
        )  # fmt: skip
        self._finished: list[Member] = []

    # ---- preparation

    def _taken(self, frame: Any, rng: Any) -> Any:
        """The frame, of which notes and options are kept."""
        self.options = dict(getattr(frame, "options", {}))
        self.notes: list[str] = list(getattr(frame, "notes", []))
        self.rng = checks.whole_number(rng, "rng", 0)
        if not getattr(frame, "named", True):
            self.options.setdefault("header", False)
        found = as_frame(frame)
        self.columns = list(found.columns)
        return found

    def _rows(self, given: Any, frame: Any, target: str, task: str | None, group: str | None, time: str | None) -> Any:
        """The rows that have a target; what they are predicted to be, count, and stay together by is set."""
        if task not in (None, *targets.TASKS):
            raise InputError(wrong("task", "be 'classification', 'regression' or None", brief(task)))
        target = _known(frame, target, "target")
        with located(given) as place:
            frame, weight = self._with_target(given, frame, target)
            place.rows = frame.index
            self.target, found = targets.detect(frame[target], target, task, self._words)
            self.notes += found
            self._codes = self.target.codes(frame[target], self._words)
            self._weight = self._weights(frame, weight, self._codes)
            self._groups = None if group is None else group_codes(_of(frame, group, "group"))
            self._times = None if time is None else times(_of(frame, time, "time"))
        return frame

    def _with_target(self, given: Any, frame: Any, target: str) -> tuple[Any, Any]:
        """The rows that have a target, and their weights."""
        weight = self._weighting[0]
        if weight is not None and not isinstance(weight, str):
            weight = row_weights(frame, weight)
        gone = Cells(frame[target], self._words).gone
        count = int(gone.sum())
        if count == len(frame):
            raise InputError(wrong(f"target {target!r}", "hold classes or numbers", "no cell that is not missing"))
        if not count:
            return frame, weight
        first = int(gone.argmax()) + 1
        note = f"{count} row{'s' * (count > 1)} without a target left out, the first is row {first}"
        self.notes += given.located([note]) if isinstance(given, Table) else [note]
        return frame[~gone], weight if weight is None or isinstance(weight, str) else weight[~gone]

    def _features(self, frame: Any, group: str | None, time: str | None, drop: Sequence[str]) -> Any:
        """The frame without the target, weights, groups, and columns to leave out."""
        for argument, name in (("group", group), ("time", time), *(("drop", name) for name in _listed(drop))):
            if name is not None and _known(frame, name, argument) == self.target.name:
                raise InputError(f"{argument}: {name!r} is the target")
        weight = self._weighting[0]
        gone = {self.target.name, group, *_listed(drop), *([weight] if isinstance(weight, str) else [])}
        features = frame[[name for name in frame.columns if name not in gone]]
        if not len(features.columns):
            raise InputError(f"target {self.target.name!r}: no column is left to predict it from")
        return features

    def _encoded(self, features: Any, parameters: Mapping[str, Any]) -> Array:
        self.encoder = TableEncoder(**parameters)
        X = np.asarray(self.encoder.fit_transform(features))
        self.notes += self.encoder.notes_
        if not X.shape[1]:
            what = ", ".join(f"{column.name!r} is {column.kind}" for column in self.encoder.columns_[:MOST_LISTED])
            raise InputError(f"target {self.target.name!r}: no column is left to predict it from: {what}")
        return X

    def _order(self, features: Any) -> list[str]:
        """A sentence if the rows follow each other in time, since rows at random are then no test of later ones."""
        for column in self.encoder.columns_:
            if "elapsed" in column.parts:
                days = column.values(Cells(features[column.name].iloc[:MOST_LOOKED_AT], self.encoder._words()))
                days = days[~np.isnan(days)]
                if len(set(days.tolist())) > SURELY and longest_step(days) < np.inf:
                    what = f"the rows follow each other in {column.name!r}"
                    return [f"{what}; time={column.name!r} holds back the latest, not rows at random"]
        return []

    def _weights(self, frame: Any, weight: Any, codes: Array) -> Array | None:
        """The weight of each row: its own times that of its class."""
        found = None if weight is None else row_weights(frame, weight)
        class_weight = self._weighting[1]
        if class_weight is None:
            return found
        if self.target.task == "regression":
            raise InputError("class_weight: the target holds numbers, not classes")
        factors = class_factors(class_weight, self.target.labels, self._codes)[codes]
        return factors if found is None else found * factors

    def _set_validation(self, validation: Any) -> None:
        """A fraction of the rows, or a table of its own."""
        self._fraction, self._given = 0.0, None
        if validation is None or validation is False:
            return
        if isinstance(validation, int | float) and not isinstance(validation, bool):
            if not 0.0 <= validation < 1.0:
                raise InputError(wrong("validation", "be a number >= 0 and < 1, or a table", brief(validation)))
            self._fraction = float(validation)
            return
        frame = as_frame(validation, "validation")
        _known(frame, self.target.name, "validation")
        weight = self._weighting[0] if isinstance(self._weighting[0], str) else None
        with located(validation):
            codes = self.target.codes(frame[self.target.name], self._words, "validation, ")
            weights = self._weights(frame, weight, codes)
            given = np.asarray(self.encoder.transform(frame)), self.target.encode(codes)
        self._given = given if weights is None else (*given, weights)

    # ---- training

    def fit(
        self,
        *,
        callbacks: Sequence[Any] | Callable[[int], Sequence[Any]] = (),
        checkpoint: Any = None,
        metrics: Any = (),
        progress: Any = False,
    ) -> TableModel:
        """Train the networks, each with validation rows of its own, and stop each at its best epoch.

        They are trained as a `nbtrain.Population`, `threads` of them side by side; one after the other where callbacks,
        metrics, a checkpoint or bars of progress look at each, where the population's copies of the rows would take
        more than 256 MB, or with a loss other than mse for numbers. The results are the same.

        Parameters
        ----------
        callbacks : sequence, or function of a network's number from 0 that gives one
            Handed to each network's `fit`.
        checkpoint : path or function, optional
            Of the first network; that of network k has `.k` before its suffix. Where they exist, training resumes. Or a
            function of a network's number from 0 that gives its path or `nbtrain.callbacks.Checkpoint`.
        metrics : sequence, default ()
            What else to compute on the validation rows.
        progress : bool, str or function, default False
            A function is given the number of a network from 0, an epoch and its numbers by name: of every epoch, in
            order, at the latest a tenth of a second after it.

        Returns
        -------
        TableModel
            Of all networks.

        Raises
        ------
        DivergenceError
            If a network diverged; `model` then has those that have finished an epoch before.
        KeyboardInterrupt
            On Ctrl-C; `model` then has the networks that have finished an epoch.
        """
        plain = not callable(callbacks) and not list(callbacks) and checkpoint is None and not metrics
        plain = plain and not self._finished and (callable(progress) or not progress)
        if not (plain and fits_together(self.networks, self._X) and self._fit_together(progress)):
            self._fit_in_turn(callbacks, checkpoint, metrics, progress)
        model = self.model
        assert model is not None
        return model

    def _fit_together(self, progress: Any) -> bool:
        """Train all networks as a population -> whether it was of use: not where one diverged, which trainers tell."""
        parts = [self._part(k) for k in range(len(self.networks))]
        limits = Limits(self.settings["epochs"], self.settings["patience"])
        together = Together(self.networks, parts, limits, self.rng, self._threads)
        try:
            together.fit(progress or None)
        except DivergenceError:
            return False
        except BaseException:
            self._keep(together)
            raise
        self._keep(together)
        return True

    def _keep(self, together: Together) -> None:
        """Take the networks that have finished an epoch."""
        for k, member in together.finished().items():
            self.networks[k] = member.trainer
            self._finished.append(member)

    def _fit_in_turn(self, callbacks: Any, checkpoint: Any, metrics: Any, progress: Any) -> None:
        """Train one network after the other, but for those that are finished."""
        limits = Limits(self.settings["epochs"], self.settings["patience"])
        for k, network in enumerate(self.networks):
            if any(member.trainer is network for member in self._finished):
                continue
            given = list(callbacks(k)) if callable(callbacks) else list(callbacks)
            given += [Teller(k, progress)] if callable(progress) else []
            path = checkpoint(k) if callable(checkpoint) else None if checkpoint is None else numbered(checkpoint, k)
            train_one(
                network, self._part(k), limits, given, self._finished, checkpoint=path, metrics=metrics,
                progress=not callable(progress) and progress,
            )  # fmt: skip

    def _part(self, k: int) -> Part:
        """The rows of network k."""
        columns: list[Array] = [self._X, self.target.encode(self._codes)]
        columns += [] if self._weight is None else [self._weight]
        if self._given is not None or not self._fraction:
            return Part(tuple(columns), self._given)
        rest, held = self._split(k)
        if not len(held):
            return Part(tuple(columns), None)
        return Part(tuple(column[rest] for column in columns), tuple(column[held] for column in columns))

    def _split(self, k: int) -> tuple[Array, Array]:
        classes = self._codes if self.target.task == "classification" else None
        seed = np.random.SeedSequence(self.rng, spawn_key=(k, 1))
        rest, held = split(classes, len(self._X), (self._fraction,), seed, groups=self._groups, order=self._times)
        return rest, held

    @property
    def sizes(self) -> tuple[int, int]:
        """How many rows the first network trains on, and how many it validates with."""
        train, validation = self._part(0)
        return len(train[0]), 0 if validation is None else len(validation[0])

    @property
    def model(self) -> TableModel | None:
        """The model of the networks that have finished an epoch; None if none has."""
        if not self._finished:
            return None
        return TableModel(self.encoder, self.target, self._finished, self.notes, self.options, self.columns)


def _known(frame: Any, name: Any, argument: str) -> str:
    """The name of a column, which may have space around it; InputError if there is none."""
    if isinstance(name, str) and name not in frame.columns:
        name = name.strip()  # as files' names are read
    if not isinstance(name, str) or name not in frame.columns:
        raise InputError(f"{argument}: {unknown('column', name, list(frame.columns))}")
    return name


def _of(frame: Any, name: str, argument: str) -> Any:
    return frame[_known(frame, name, argument)]


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def group_codes(column: Any) -> Array:
    """A number for each group of rows, which are equal in this column.

    Raises
    ------
    InputError
        If a cell is missing.
    """
    codes = np.asarray(column.factorize()[0])
    if (codes < 0).any():
        row = int((codes < 0).argmax()) + 1
        raise InputError(f"group: row {row} has no {column.name!r}; every row must be in a group")
    return codes


def times(column: Any) -> Array:
    """Dates, in days since 1970, or numbers, by which rows follow each other.

    Raises
    ------
    InputError
        If the column holds something else, or a cell is missing.
    """
    made = TableEncoder(min_count=1).fit(column.to_frame()).columns_[0]
    if made.kind not in ("number", "date"):
        place, hint = f"time: column {column.name!r}", "date_format= says how dates are written"
        raise InputError(wrong(place, "hold different dates or numbers", f"{made.kind} values", hint))
    values = made.values(Cells(column, Words.of(MISSING)))
    if np.isnan(values).any():
        row = int(np.isnan(values).argmax()) + 1
        raise InputError(f"time: row {row} has no {column.name!r}; every row must have a time")
    return values


def train(frame: Any, target: str, **options: Any) -> TableModel:
    """Train networks that predict one column of a table from the others.

    `Training(frame, target, **options).fit().model`, with callbacks, checkpoint, metrics and progress handed to `fit`.

    Parameters
    ----------
    frame : DataFrame, or Table from `nbtrain.table.read`
    target : str
        Name of the column to predict.
    task : {"classification", "regression"}, optional
        By default text, booleans and few different whole numbers are classes.
    validation : float or table, default 0.15
        Fraction of the rows that choose the best epoch, drawn anew for each network (with every class in it), or a
        table of its own; 0 or None: the best epoch is that of the lowest training loss.
    seeds : int, optional
        Networks, whose predictions are averaged; by default 5, or 3 above 10,000 rows.
    class_weight : "balanced" or dict, optional
        Weights of the classes; "balanced" makes each count the same in sum.
    weight : str or array_like, optional
        Column with a weight for each row, which is then no input; or the weights.
    group : str, optional
        Column whose equal rows stay together, all in training or all in validation; no input.
    time : str, optional
        Column by which the last rows are for validation.
    categorical, drop, min_count, max_categories, missing, encoder
        See `TableEncoder`; `encoder` is one that is not fitted, in place of the others.
    hidden : sequence of int or Dense, optional
        By default (64, 64), or (128, 128) above 10,000 rows.
    activation, dropout
        Of the hidden layers, by default "relu" and 0.0.
    loss : str or component, optional
        By default softmax_cross_entropy, or mse.
    optimizer, learning_rate
        By default adam with 1e-3, or 3e-3 above 10,000 rows.
    regularizer : str or component, optional
        By default l2 with strength 0.03; None is none.
    batch_size : int, optional
        By default 32, or 256 above 10,000 rows.
    epochs : int, optional
        At most; by default 200, or those of 2,000 iterations where that is more.
    patience : int, optional
        Epochs without a better validation loss, after which a network stops; by default 15, or those of 300
        iterations; 0 never stops.
    rng : int, default 0
        Seed of the splits, weights and orders.
    dtype, threads
        See `nbtrain.Trainer`.
    callbacks, checkpoint, metrics, progress
        See `Training.fit`.

    Returns
    -------
    TableModel

    Raises
    ------
    InputError
        If an argument is invalid, names no column, or the table holds nothing to learn from.
    DivergenceError
        If a network diverged before its first good epoch.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from nbtrain import table
    >>> size = np.linspace(0.0, 1.0, 200)
    >>> frame = pd.DataFrame({"size": size, "kind": np.where(size > 0.5, "large", "small")})
    >>> model = table.train(frame, target="kind", seeds=1, epochs=60)
    >>> model.predict(pd.DataFrame({"size": [0.1, 0.9]})).tolist()
    ['small', 'large']
    """
    running = {
        name: options.pop(name) for name in ("callbacks", "checkpoint", "metrics", "progress") if name in options
    }
    return Training(frame, target, **options).fit(**running)
