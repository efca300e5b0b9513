"""`nbtrain predict` and `nbtrain evaluate`: use a model that `nbtrain train` saved."""

from __future__ import annotations

import argparse
import csv
import io
import json
from typing import Any

import numpy as np

from ..errors import InputError
from ..table import files, scores
from ..table.preparation import Preparation
from ..table.table import Table
from ..table.targets import Target
from . import modelfile, options, output
from .watching import note

Array = np.ndarray[Any, Any]


def add(commands: Any) -> None:
    """Add both commands to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "predict",
        help="predict with a saved model",
        description="Predict every row of a table, as CSV. Columns are matched by name, in any order and "
        "among others, or by position in a file without header.",
    )
    _add_common(parser)
    parser.add_argument("--output", metavar="FILE", help="output file (default, and -: standard output)")
    parser.add_argument("--proba", action="store_true", help="also write the probabilities of the classes")
    parser.add_argument(
        "--keep", type=options.listing, default=[], metavar="NAME,…", help="columns to copy to the output"
    )
    parser.set_defaults(run=run_predict)
    parser = commands.add_parser(
        "evaluate",
        help="test a saved model on a table with the target",
        description="Predict every row of a table that contains the target, and report the scores.",
    )
    _add_common(parser)
    parser.set_defaults(run=run_evaluate)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="file written by nbtrain train --save")
    parser.add_argument("data", metavar="FILE", help="table: CSV (- for standard input), Parquet, npy, npz")
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")
    parser.add_argument(
        "--strict", action="store_true", help="make a category that training did not see an error, not a note"
    )
    options.add_dialect(parser)


def run_predict(arguments: argparse.Namespace) -> int:
    """Print or write one row of output for each row of the table."""
    output.check(arguments.output, "--output", {"model": arguments.model, "table": arguments.data})
    trainer, preparation = modelfile.load(arguments.model)
    target = preparation.target
    if arguments.proba and target.task == "regression":
        raise InputError(f"--proba: the model predicts numbers ({target.name!r}); only classes have probabilities")
    table = _table(arguments, preparation)
    kept = [table.find(name, "--keep") for name in arguments.keep]
    outputs = trainer.predict(_inputs(arguments, preparation, table, trainer.dtype))
    columns: dict[str, list[Any]] = {name: list(table[name]) for name in kept}
    columns[_free("prediction", columns)] = predictions(target, outputs)
    if arguments.proba:
        for label, values in zip(target.labels, target.probabilities(outputs).T, strict=True):
            columns[_free(f"probability {label}", columns)] = [float(value) for value in values]
    if arguments.json:
        text = json.dumps({"target": target.name, "task": target.task, "columns": columns}, ensure_ascii=False) + "\n"
    else:
        text = _csv(columns)
    output.write(text, arguments.output, "--output")
    return 0


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Print the scores."""
    trainer, preparation = modelfile.load(arguments.model)
    target = preparation.target
    table = _table(arguments, preparation)
    if target.name not in table.names:
        raise InputError(f"{table.source}: the target column {target.name!r} is missing")
    codes = target.codes(table[target.name], preparation.reading, table)
    found = evaluated(trainer, target, _inputs(arguments, preparation, table, trainer.dtype), codes)
    if arguments.json:
        print(json.dumps({"file": table.source, "rows": len(table), "scores": found}, indent=2, ensure_ascii=False))
    else:
        print(f"{table.source}: {len(table)} rows, target {target.name!r}\n{scores.in_words(found)}")
    return 0


def evaluated(trainer: Any, target: Target, X: Array, codes: Array) -> dict[str, Any]:
    """The loss and the other scores of a report."""
    found: dict[str, Any] = {"loss": trainer.evaluate(X, target.encode(codes))["loss"]}
    predicted = target.decode(trainer.predict(X))
    if target.task == "classification":
        return found | scores.classification(codes, predicted, target.labels)
    return found | scores.regression(codes, predicted)


def predictions(target: Target, outputs: Array) -> list[Any]:
    """Names of classes, or numbers."""
    decoded = target.decode(outputs)
    if target.task == "classification":
        return [target.labels[index] for index in decoded]
    return [float(value) for value in decoded]


def _table(arguments: argparse.Namespace, preparation: Preparation) -> Table:
    expected = set(preparation.names) if preparation.named else set()
    return preparation.align(files.read(arguments.data, options.dialect(arguments), expected))


def _inputs(arguments: argparse.Namespace, preparation: Preparation, table: Table, dtype: Any) -> Array:
    encoded = preparation.encode(table, dtype, arguments.strict)
    for text in encoded.notes:
        note(text)
    return encoded.X


def _free(name: str, taken: dict[str, Any]) -> str:
    while name in taken:
        name += " (model)"
    return name


def _csv(columns: dict[str, list[Any]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()
