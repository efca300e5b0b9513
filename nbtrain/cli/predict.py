"""`nbtrain predict` and `nbtrain evaluate`: use a model that `nbtrain train` saved."""

from __future__ import annotations

import argparse
import csv
import io
import json
from typing import Any

from ..errors import InputError
from ..table import Table, TableModel, load, scores
from ..table.reading import located
from ..table.scores import check_named
from ..table.weights import row_weights
from . import options, output, reading
from .job import target_words
from .outcome import outcome
from .wording import as_options


def add(commands: Any) -> None:
    """Add both commands to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "predict",
        help="predict with a saved model",
        description="Predict every row of a table, as CSV. Columns are matched by name, in any order and "
        "among others, or by position in a file without header. Files are read as those of the training were.",
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
    parser.add_argument(
        "--metrics", type=options.listing, default=[], metavar="NAME,…", help="more scores, such as auc or log_loss"
    )
    parser.add_argument("--weight", metavar="NAME", help="column with the weight of each row in the scores")
    parser.set_defaults(run=run_evaluate)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="file written by nbtrain train --save")
    reading.add_files(parser)
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")
    parser.add_argument(
        "--strict", action="store_true", help="make cells unlike those of training an error, not a note"
    )
    options.add_config(parser)
    options.add_reading(parser)


def run_predict(arguments: argparse.Namespace) -> int:
    """Print or write one row of output for each row of the table."""
    with as_options():
        files = [("table", path) for path in reading.sources(arguments.data)]
        output.check(arguments.output, "--output", [("model", arguments.model), *files])
        model = load(arguments.model)
        target = model.target
        if arguments.proba and target.task == "regression":
            raise InputError(f"--proba: the model predicts numbers ({target.name!r}); only classes have probabilities")
        table = _table(arguments, model)
        columns = _kept(arguments, table)
        _check(arguments, model, table)
        if target.task == "regression":
            columns[_free("prediction", columns)] = [float(value) for value in model.predict(table)]
        else:
            shares = model.predict_proba(table)
            columns[_free("prediction", columns)] = [target.labels[index] for index in shares.argmax(axis=1)]
            for label, values in zip(target.labels, shares.T, strict=True) if arguments.proba else ():
                columns[_free(f"probability {label}", columns)] = [float(value) for value in values]
    if arguments.json:
        text = json.dumps({"target": target.name, "task": target.task, "columns": columns}, ensure_ascii=False) + "\n"
    else:
        text = _csv(columns)
    output.write(text, arguments.output, "--output")
    return 0


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Print the scores."""
    with as_options():
        model = load(arguments.model)
        target, words = model.target, target_words(arguments)
        check_named(arguments.metrics, target.task == "classification")
        table = _table(arguments, model)
        names = list(table.frame.columns)
        if target.name not in names:
            raise InputError(f"{table.source}: the target column {target.name!r} is missing")
        name = arguments.weight
        name = None if name is None else reading.column(names, name, "--weight", table.source)
        with located(table):
            weight = None if name is None else row_weights(table.frame, name)
            codes = target.codes(table.frame[target.name], words, f"{table.source}, ")
        _check(arguments, model, table)
        found = outcome(model, table.frame, codes, weight).scores(arguments.metrics)
    if arguments.json:
        print(json.dumps({"file": table.source, "rows": len(table), "scores": found}, indent=2, ensure_ascii=False))
    else:
        print(f"{table.source}: {len(table)} rows, target {target.name!r}\n{scores.in_words(found)}")
    return 0


def _table(arguments: argparse.Namespace, model: TableModel, **more: Any) -> Table:
    """The table, read as that of the training, but for what the options say."""
    said = {name: value for name, value in options.reading(arguments).items() if value is not None}
    table = model.read(reading.sources(arguments.data), **said, **more)
    reading.tell(f"{table.source}: {text}" for text in table.notes)
    return table


def _kept(arguments: argparse.Namespace, table: Table) -> dict[str, list[Any]]:
    """The columns to copy, as they stand in the file."""
    if not arguments.keep:
        return {}
    names = reading.columns(list(table.frame.columns), arguments.keep, "--keep", table.source)
    return dict(table.texts(list(dict.fromkeys(names))))


def _check(arguments: argparse.Namespace, model: TableModel, table: Table) -> None:
    """Print notes about cells unlike those of training; with --strict, raise them."""
    with located(table):
        notes = table.located([f"{table.source}, {text}" for text in model.encoder.check(table.frame)])
    if notes and arguments.strict:
        raise InputError("; ".join(notes))
    reading.tell(notes)


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
