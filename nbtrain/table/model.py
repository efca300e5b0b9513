"""TableModel: an encoder and networks, from a table's rows to predictions, and its file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ModelFileError
from ..formats.modelfile import container, files
from ..formats.modelfile.tables import TABLE, networks_of, packed
from ..metrics import CLASS, VALUES, as_metrics
from . import scores
from .encoder import TableEncoder
from .frames import as_frame, listed
from .parsing import Words
from .reading import Table, located, read
from .target import Target
from .weights import row_weights

if TYPE_CHECKING:
    from ..training.history import History
    from ..training.trainer import Trainer

Array = np.ndarray[Any, Any]
Path = str | os.PathLike[str]
VERSION = 1  # of the description in a file


@dataclass(frozen=True)
class Outcome:
    """How the training of a network ended.

    Parameters
    ----------
    epochs : int
    best_epoch : int
        Whose parameters it has.
    stopped : {"patience", "epochs", "interrupted", "diverged"}
    """

    epochs: int
    best_epoch: int
    stopped: str


@dataclass(frozen=True)
class Member:
    """A network of a model, and how its training ended."""

    trainer: Trainer
    outcome: Outcome


class TableModel:
    """Predicts a column of a table from the others; `nbtrain.table.train` and `nbtrain.table.load` make one.

    Predictions are the average over its networks.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted.
    target : Target
        Name, task and classes of what is predicted.
    members : sequence of Member
        The networks, and how their training ended.
    notes : sequence of str, default ()
        What was done with the table.
    options : mapping, optional
        What was said of the files that it was trained on.
    columns : sequence of str, default ()
        All columns of the table that it was trained on.

    Attributes
    ----------
    encoder : TableEncoder
        Makes the inputs.
    target : Target
        Name, task and classes of what is predicted.
    trainers : list of nbtrain.Trainer
        The networks, whose inputs are the encoded columns.
    history : list of nbtrain.History
        One for each network.
    outcomes : list of Outcome
        How the training of each network ended.
    notes : list of str
        What was done with the table.
    options : dict
        What was said of the files that it was trained on; `read` says it again.
    columns : list of str
        All columns of the table that it was trained on.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from nbtrain.table import Target, TableModel, load, train
    >>> size = np.linspace(0.0, 1.0, 200)
    >>> frame = pd.DataFrame({"size": size, "kind": np.where(size > 0.5, "large", "small")})
    >>> model = train(frame, target="kind", seeds=1, epochs=60)
    >>> isinstance(model, TableModel), model.classes.tolist(), len(model.history)
    (True, ['large', 'small'], 1)
    >>> new = pd.DataFrame({"size": [0.1, 0.9]})
    >>> model.predict(new).tolist()
    ['small', 'large']
    >>> model.predict_proba(new).shape, model.outputs(new).shape
    ((2, 2), (2, 2))
    >>> bool(model.evaluate(frame)["accuracy"] > 0.9)
    True
    >>> new.to_csv("new.csv", index=False)
    >>> len(model.read("new.csv").frame)
    2
    >>> model.save("model.nbt")
    >>> load("model.nbt").predict(new).tolist()
    ['small', 'large']

    For other runtimes:

    >>> graph = model.to_onnx("model.onnx")  # doctest: +SKIP
    >>> inputs = model.onnx_inputs(new)

    What is kept of the target:

    >>> target = model.target
    >>> Target.from_dict(target.to_dict()) == target, target.outputs
    (True, 2)
    >>> target.probabilities(model.outputs(new)).shape
    (2, 2)
    """

    encoder: TableEncoder
    target: Target
    trainers: list[Trainer]
    outcomes: list[Outcome]
    notes: list[str]
    options: dict[str, Any]
    columns: list[str]

    def __init__(
        self,
        encoder: TableEncoder,
        target: Target,
        members: Sequence[Member],
        notes: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self.encoder, self.target = encoder, target
        self.trainers = [member.trainer for member in members]
        self.outcomes = [member.outcome for member in members]
        self.notes, self.options, self.columns = list(notes), dict(options or {}), list(columns)

    @property
    def history(self) -> list[History]:
        """The History of each network."""
        return [trainer.history for trainer in self.trainers]

    @property
    def classes(self) -> Array:
        """The classes, in the order of `predict_proba`'s columns."""
        return self.target.classes

    def __repr__(self) -> str:
        count = len(self.trainers)
        return (
            f"<TableModel: {self.target.task} of {self.target.name!r} from {len(self.encoder.columns_)} columns, "
            f"{count} network{'s' * (count > 1)}>"
        )

    # ---- prediction

    def read(self, source: Any, **options: Any) -> Table:
        """Read files as those that the model was trained on.

        Codes and numbers with marks of their own are read as in training. The columns of a file without header are
        matched by position.

        Parameters
        ----------
        source : path, list of paths, glob, "-" or binary file
            As for `nbtrain.table.read`.
        **options : object
            Those of `nbtrain.table.read`, in place of what was said of the files of training.

        Returns
        -------
        Table
            For `predict` and `evaluate`.

        Raises
        ------
        InputError
            If a file cannot be read.
        """
        given = self.options | options
        given.setdefault("text_columns", [*self.encoder.text_columns, *self._target_text()])
        given.setdefault("expected", self.columns)
        table = read(source, **given)
        return table if table.named else replace(table, frame=self._named(table.frame, table.source), named=True)

    def _target_text(self) -> list[str]:
        return [self.target.name] * (self.target.type == "text" or self.target.read != "|.|")

    def _named(self, frame: Any, source: str) -> Any:
        """The frame with the model's names: of all columns, or of those that are not the target."""
        features = [column.name for column in self.encoder.columns_]
        used = [column.name for column in self.encoder.columns_ if column.names]
        for names in (self.columns, [name for name in self.columns if name != self.target.name], features, used):
            if len(names) == len(frame.columns):
                return frame.set_axis(list(names), axis=1)
        raise InputError(
            f"{source}: {len(frame.columns)} columns without names; the model takes {len(features)}: {listed(features)}"
        )

    def outputs(self, frame: Any) -> Array:
        """Compute what the networks predict on average.

        Parameters
        ----------
        frame : DataFrame, Table, or an object with `__arrow_c_stream__`
            As for `predict`.

        Returns
        -------
        ndarray of shape (rows, outputs), float64
            Probabilities, or scaled numbers.

        Raises
        ------
        InputError
            As `predict` raises it.
        """
        with located(frame):
            X = np.asarray(self.encoder.transform(as_frame(frame)))
        if not len(X):
            return np.empty((0, self.target.outputs))
        return self._averaged(X)

    def _averaged(self, X: Array) -> Array:
        return np.asarray(np.mean([trainer.predict(X) for trainer in self.trainers], axis=0, dtype=np.float64))

    def predict(self, frame: Any) -> Array:
        """The class of each row, of the type that the target had, or its number.

        Numbers end at the range that the target had in training.

        Parameters
        ----------
        frame : DataFrame, Table, or an object with `__arrow_c_stream__`
            With the columns that the model was trained on, in any order and among others.

        Returns
        -------
        ndarray of shape (rows,)

        Raises
        ------
        InputError
            If a column is missing or a cell cannot be read; the message names it. `encoder.check(frame)` lists the
            cells that are read, but unlike those of training.
        """
        found = self.outputs(frame)
        if self.target.task == "regression":
            return self.target.numbers(found)
        return np.asarray(self.classes[self.target.probabilities(found).argmax(axis=1)])

    def predict_proba(self, frame: Any) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        frame : DataFrame, Table, or an object with `__arrow_c_stream__`
            As for `predict`.

        Returns
        -------
        ndarray of shape (rows, classes)
            In the order of `classes`.

        Raises
        ------
        InputError
            If the model predicts numbers, or as `predict` raises it.
        """
        if self.target.task == "regression":
            raise InputError(f"predict_proba: the model predicts numbers ({self.target.name!r}), not classes")
        return self.target.probabilities(self.outputs(frame))

    def evaluate(self, frame: Any, *, metrics: Any = (), weight: Any = None) -> dict[str, Any]:
        """How good the predictions are on rows whose target is known.

        Parameters
        ----------
        frame : DataFrame, Table, or an object with `__arrow_c_stream__`
        metrics : list of str or function, default ()
            More metrics by name, such as "auc" or "log_loss": see `nbtrain.metrics`.
        weight : str or array_like, optional
            Column with a weight for each row, or the weights.

        Returns
        -------
        dict
            `loss`, the mean over the networks; accuracy, balanced_accuracy, f1_macro, classes and confusion (rows: true
            class), or r2, mae and rmse in the target's unit; then the metrics.

        Raises
        ------
        InputError
            If the target or another column is missing, a cell cannot be read, or a metric does not fit.
        """
        wanted, table = as_metrics(metrics), frame
        frame = as_frame(frame)
        if self.target.name not in frame.columns:
            raise InputError(
                f"the target column {self.target.name!r} is missing; the table has {listed(frame.columns)}"
            )
        with located(table):
            codes = self.target.codes(frame[self.target.name], self._words())
            weights = None if weight is None else row_weights(frame, weight)
            X, y = np.asarray(self.encoder.transform(frame)), self.target.encode(codes)
        losses = [trainer.evaluate(X, y, weights)["loss"] for trainer in self.trainers]
        found: dict[str, Any] = {"loss": float(np.mean(losses))}
        outputs = self._averaged(X)
        if self.target.task == "regression":
            predicted = self.target.numbers(outputs)
            return (
                found | scores.regression(codes, predicted, weights) | self._metrics(wanted, codes, predicted, weights)
            )
        probable = self.target.probabilities(outputs)
        named = scores.classification(codes, probable.argmax(axis=1), self.target.labels, weights)
        return found | named | self._metrics(wanted, codes, probable, weights)

    def _metrics(self, metrics: Any, truth: Array, prediction: Array, weight: Any) -> dict[str, float]:
        from ..training.evaluation import of_predictions

        task = CLASS if self.target.task == "classification" else VALUES
        for metric in metrics:
            if task not in getattr(metric, "tasks", (task,)):
                raise InputError(
                    f"metrics: {metric.name!r} does not suit the {self.target.task} of {self.target.name!r}"
                )
        return of_predictions(metrics, task, truth, prediction, weight)

    def _words(self) -> Words:
        return Words.of(word for word in self.encoder.missing if word != "None")

    # ---- files

    def save(self, path: Path) -> None:
        """Write encoder, target and networks to one file, which `nbtrain.table.load` reads; nothing in it is executed.

        Parameters
        ----------
        path : str or path-like
            The file.

        Raises
        ------
        OSError
            If the file cannot be written; an existing one stays as it was.
        """
        files.write(path, packed(json.dumps(self.to_dict(), allow_nan=False), [t._bytes() for t in self.trainers]))

    def to_dict(self) -> dict[str, Any]:
        """Give all but the networks.

        Returns
        -------
        dict
            Of what JSON can hold.

        Examples
        --------
        >>> model = nbtrain.table.load("model.nbt")  # doctest: +SKIP
        >>> sorted(model.to_dict())  # doctest: +SKIP
        """
        return {
            "version": VERSION,
            "encoder": self.encoder.to_dict(),
            "target": self.target.to_dict(),
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
            "notes": self.notes,
            "options": self.options,
            "columns": self.columns,
        }

    def to_onnx(self, path: Path | None = None) -> Any:
        """Encoder and networks as an ONNX model, which takes the columns as they are.

        One input for each column that is used, called as the column, of shape (batch, 1): texts as strings, empty where
        missing; numbers as double, NaN where missing; dates as double, in seconds since 1970, UTC; booleans as double,
        1 or 0. `onnx_inputs` makes them of a DataFrame. Outputs: `label` and `probabilities`, or `prediction`, averaged
        over the networks.

        Parameters
        ----------
        path : str or path-like, optional
            Also write the model there.

        Returns
        -------
        onnx.ModelProto

        Raises
        ------
        Error
            If the package onnx is not installed.
        InputError
            If a component has no form in ONNX operators.
        """
        from ..formats.onnx import export
        from .onnx import exported

        return export.write(exported(self), path)

    def onnx_inputs(self, frame: Any) -> dict[str, Array]:
        """Make the inputs of the ONNX model, see `to_onnx`, for the rows of a table.

        Parameters
        ----------
        frame : DataFrame, Table, or an object with `__arrow_c_stream__`
            As for `predict`.

        Returns
        -------
        dict of str to ndarray of shape (rows, 1)
            By the names of the columns.

        Raises
        ------
        InputError
            As `predict` raises it.
        """
        from .onnx import inputs

        return inputs(self.encoder, as_frame(frame))


def load(path: Path) -> TableModel:
    """Load the model that `TableModel.save`, or the command `nbtrain train --save`, wrote.

    Nothing in the file is executed or imported.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    TableModel
        It predicts the same numbers.

    Raises
    ------
    ModelFileError
        If the file cannot be read, is damaged, holds no table's model, or one of an older version of the encoder. A
        missing file is also a FileNotFoundError.

    Examples
    --------
    >>> import pandas as pd, nbtrain
    >>> model = nbtrain.table.load("model.nbt")  # doctest: +SKIP
    >>> model.predict(pd.read_csv("new.csv"))  # doctest: +SKIP
    """
    from ..training.trainer import Trainer

    where = files.checked_path(path)
    found = container.decode(files.read(path), where)
    networks = networks_of(found, where)
    if networks is None:
        old = '"table"' in found.metadata.get("metadata", "")
        raise ModelFileError(
            f"{where}: the columns in it are encoded in the way of an older nbtrain; train the model again"
            if old
            else f"{where}: holds a trainer without a table; nbtrain.load reads it"
        )
    described = container.parse(found.tensors[TABLE].tobytes(), where, TABLE)
    try:
        if described["version"] != VERSION:
            raise ModelFileError(
                f"{where}: a table's model of version {described['version']!r}; this nbtrain reads {VERSION}"
            )
        encoder = TableEncoder.from_dict(described["encoder"])
        target = Target.from_dict(described["target"])
        outcomes = [Outcome(**given) for given in described["outcomes"]]
        notes, options = [str(note) for note in described["notes"]], dict(described["options"])
        columns = [str(name) for name in described["columns"]]
        members = [Member(Trainer.from_bytes(data), outcome) for data, outcome in zip(networks, outcomes, strict=True)]
    except ModelFileError as error:
        raise ModelFileError(f"{where}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{where}: the description of the table cannot be read: {error!r}") from error
    shape = (len(encoder.get_feature_names_out()), target.outputs)
    if (
        any((member.trainer.network.inputs, member.trainer.network.outputs) != shape for member in members)
        or not members
    ):
        raise ModelFileError(f"{where}: its columns do not match its networks")
    return TableModel(encoder, target, members, notes, options, columns)
