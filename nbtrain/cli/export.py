"""`nbtrain export`: a saved model as an ONNX file."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..errors import ModelFileError
from ..table import TableModel, load
from ..table.frames import listed
from . import output


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "export",
        help="write a saved model as an ONNX file, for other runtimes",
        description="Write a model in the ONNX format, which many runtimes read. A model of nbtrain train takes the "
        "columns of the table, one input each, and gives the classes with their probabilities or the numbers, averaged "
        "over its networks. One that Trainer.save wrote takes the inputs of its network.",
    )
    parser.add_argument("model", metavar="MODEL", help="file written by nbtrain train --save or Trainer.save")
    parser.add_argument("output", metavar="FILE", help="the ONNX file to write; an existing one is replaced")
    parser.add_argument("--network", action="store_true", help="the network alone, whose input is the encoded columns")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    output.check(arguments.output, "FILE", [("model", arguments.model)])
    model = None if arguments.network else _table_model(arguments.model)
    told = _network(arguments) if model is None else _table(arguments, model)
    print(f"wrote {arguments.output}: {told}", file=sys.stderr)
    return 0


def _table_model(path: str) -> TableModel | None:
    """The model of a table; None if the file is of another kind."""
    try:
        return load(path)
    except ModelFileError:
        return None  # nbtrain.load reads it, or says what is wrong with it


def _table(arguments: argparse.Namespace, model: TableModel) -> str:
    """Write a table's model -> what it takes and gives."""
    model.to_onnx(arguments.output)
    names = [column.name for column in model.encoder.columns_ if column.names]
    gives = "prediction" if model.target.task == "regression" else "label, probabilities"
    return f"from the columns {listed(names)} to {gives}"


def _network(arguments: argparse.Namespace) -> str:
    """Write a trainer's network -> what it takes and gives."""
    from .. import load as load_trainer

    trainer = load_trainer(arguments.model)
    trainer.to_onnx(arguments.output)
    network = trainer.network
    return f"from x, {network.inputs} {trainer.dtype} numbers a row, to prediction, {network.outputs}"
