"""`nbtrain export`: a saved model as an ONNX file."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from . import modelfile, output
from .watching import note


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "export",
        help="write a saved model as an ONNX file, for other runtimes",
        description="Write the network of a model file in the ONNX format, which many runtimes read. Its output "
        "`prediction` is that of Trainer.predict. The encoding of a table's columns is not part of the network: its "
        "input `x` takes the encoded columns, which the file's metadata entry `table` describes.",
    )
    parser.add_argument("model", metavar="MODEL", help="file written by nbtrain train --save or Trainer.save")
    parser.add_argument("output", metavar="FILE", help="the ONNX file to write; an existing one is replaced")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    from .. import load

    output.check(arguments.output, "FILE", {"model": arguments.model})
    trainer = load(arguments.model)
    trainer.to_onnx(arguments.output)
    network = trainer.network
    print(f"wrote {arguments.output}: from x, {network.inputs} {trainer.dtype} numbers a row, to prediction, "
          f"{network.outputs}", file=sys.stderr)  # fmt: skip
    if modelfile.KEY in trainer.metadata:
        note("x takes the encoded columns; the metadata entry 'table' describes them")
    return 0
