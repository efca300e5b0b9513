"""`nbtrain train`: from a file with a table to a trained model with a report."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from ..errors import DivergenceError, InputError
from ..table import scores
from ..table.cells import MISSING
from . import modelfile, options, output
from .job import EPOCHS, ITERATIONS, PATIENCE, PATIENT_ITERATIONS, Job, build, introduction, prepare
from .predict import evaluated
from .signals import as_interrupts, number_of
from .watching import KeepBest, Kept, Progress, warnings_as_notes

if TYPE_CHECKING:
    from ..training.trainer import Trainer

CHECKPOINT_MINUTES = 0.1  # the most training that a kill can lose

DESCRIPTION = """
Train a network on a table: CSV (also .gz, or - for standard input), .npy, .npz, or Parquet where pandas is installed.
Text columns become categories, numbers and dates are scaled; the target column decides whether classes or numbers are
predicted. Some rows are held out for the report, and some to choose the best epoch, whose parameters are kept. Ctrl-C,
SIGTERM and SIGHUP stop the training and keep the best parameters so far. With --checkpoint, the same command resumes
after an interruption.
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train", help="train on a table in a file", description=DESCRIPTION
    )
    parser.add_argument("data", metavar="FILE", help="the table")
    parser.add_argument(
        "--target", required=True, metavar="NAME", help="column to predict, or its number in a file without header"
    )
    parser.add_argument("--save", metavar="MODEL", help="write the model to this file, such as model.nbt")
    parser.add_argument(
        "--checkpoint", metavar="FILE",
        help="save the training state there, and resume from it if the file exists",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object as output, for programs")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    _add_table(parser)
    _add_network(parser)
    _add_training(parser)
    options.add_dialect(parser)
    parser.set_defaults(run=run)


def _add_table(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("table")
    group.add_argument("--task", choices=("classification", "regression"), help="by default detected from the target")
    group.add_argument(
        "--drop",
        type=options.listing,
        default=[],
        metavar="NAME,…",
        help="columns to leave out; quote names that contain a comma: '\"length, cm\",age'",
    )
    group.add_argument(
        "--categorical", type=options.listing, default=[], metavar="NAME,…", help="columns whose numbers are codes"
    )
    group.add_argument(
        "--max-categories", type=options.whole(1), default=50, metavar="N", help="in a column (default 50)"
    )
    group.add_argument(
        "--impute",
        action="store_true",
        help="fill missing numbers with the median and make missing a category; rows without a target are left out",
    )
    group.add_argument(
        "--missing",
        type=options.listing,
        default=list(MISSING),
        metavar="TEXT,…",
        help=f"texts that mean a missing value, besides empty cells (default {','.join(MISSING)})".replace("%", "%%"),
    )
    for name, purpose, size in (("--test-size", "the report", 0.2), ("--validation-size", "validation", 0.15)):
        text = f"fraction of rows for {purpose} (default {size:g})"
        group.add_argument(name, type=options.fraction, default=size, metavar="F", help=text)


def _add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network", "NAME:PARAMETER=NUMBER sets parameters; names: nbtrain plugins list")
    group.add_argument(
        "--hidden",
        type=options.widths,
        default=[64, 64],
        metavar="UNITS,…",
        help="hidden units, or none (default 64,64)",
    )
    group.add_argument(
        "--activation",
        type=options.named_list,
        default="relu",
        metavar="NAME,…",
        help="one, or one a layer (default relu)",
    )
    group.add_argument(
        "--dropout", type=options.rates, default="0", metavar="RATE,…", help="one, or one a layer (default 0)"
    )
    group.add_argument("--loss", type=options.Named, metavar="NAME", help="default: softmax_cross_entropy or mse")
    group.add_argument(
        "--regularizer", type=options.Named, metavar="NAME", help="such as l2:strength=1e-3; none by default"
    )
    group.add_argument("--optimizer", type=options.Named, default="adam", metavar="NAME", help="default adam")
    group.add_argument(
        "--learning-rate",
        type=options.learning_rate,
        metavar="RATE",
        help="a number or a schedule such as cosine:steps=5000",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training")
    group.add_argument(
        "--epochs", type=options.whole(1), metavar="N",
        help=f"at most (default {EPOCHS}; more for few rows, to make {ITERATIONS} iterations)",
    )  # fmt: skip
    group.add_argument("--batch-size", type=options.whole(1), default=32, metavar="N", help="default 32")
    group.add_argument(
        "--patience", type=options.whole(0), metavar="N",
        help="stop after N epochs without a lower validation loss; 0 never stops (default "
        f"{PATIENCE}; more for few rows, to make {PATIENT_ITERATIONS} iterations)",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=options.whole(0), default=0, metavar="N", help="for split, weights, order (default 0)"
    )
    group.add_argument(
        "--threads", type=options.threads, default=1, metavar="N", help="threads per training step (default 1)"
    )
    group.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default float32")


def run(arguments: argparse.Namespace) -> int:
    """Read, train, save, report -> 0, 1 if training diverged or the model could not be saved, 128 + n for signal n."""
    with as_interrupts():
        _check_destinations(arguments)
        job = prepare(arguments)
        trainer = build(job)
        if not arguments.json:
            print(introduction(job), flush=True)
        code = fit(trainer, job)
        failed = False
        if arguments.save and job.report["best_epoch"]:
            saved = modelfile.keep(arguments.save, trainer, job.preparation)
            failed = saved != arguments.save
            job.report |= {"saved": saved} if saved else {}
        finish(trainer, job)
        return 1 if failed else code


def fit(trainer: Trainer, job: Job) -> int:
    """Train and restore the best epoch's parameters -> 0, 1 if it diverged, 128 + n if signal n ended it.

    Raises
    ------
    DivergenceError
        If it diverged before the first good epoch.
    """
    arguments, validation = job.arguments, job.parts.get("validation")
    patience = arguments.patience if validation and arguments.patience else arguments.epochs + 1  # 0 never stops
    best = KeepBest("val_loss" if validation else "loss", patience=patience)
    callbacks: list[Any] = [best]
    stream = sys.stderr if arguments.json else sys.stdout
    if not arguments.quiet and stream is not None:
        callbacks.append(Progress(arguments.epochs, stream, tolerant=bool(arguments.save or arguments.checkpoint)))
    checkpoint = arguments.checkpoint and Kept(arguments.checkpoint, every_minutes=CHECKPOINT_MINUTES)
    start, code, ended = time.perf_counter(), 0, ""
    try:
        with warnings_as_notes():
            trainer.fit(
                *job.parts["train"],
                arguments.epochs,
                validation_data=validation,
                callbacks=callbacks,
                checkpoint=checkpoint,
            )
    except KeyboardInterrupt as interrupt:
        code, ended = 128 + number_of(interrupt), "interrupted"
    except DivergenceError as error:
        if not math.isfinite(best.best):
            raise
        with contextlib.suppress(OSError):  # the model is saved even if the message cannot be written
            print(f"nbtrain: {error}", file=sys.stderr, flush=True)
        code, ended = 1, "diverged"
    job.report |= {
        **({"resumed_after_epoch": best.resumed} if best.resumed else {}),
        "epochs": trainer.epoch,
        "best_epoch": best.best_epoch or trainer.epoch,
        "stopped": ended or ("patience" if best.stopped else "epochs"),
        "seconds": round(time.perf_counter() - start, 3),
    }
    return code


def finish(trainer: Trainer, job: Job) -> None:
    """Evaluate the model, on unseen rows if there are any, and print the report."""
    report = job.report
    part = next(part for part in ("test", "validation", "train") if part in job.parts)
    report["scores"] = {"on": part, **evaluated(trainer, job.preparation.target, job.parts[part][0], job.codes[part])}
    if job.arguments.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return
    words = {"patience": "the validation loss stopped improving", "epochs": "finished"}
    seconds = f"{report['seconds']:.2f} s"
    epochs = f"{report['epochs']} epoch{'s' * (report['epochs'] != 1)}"
    before = f" (resumed after epoch {report['resumed_after_epoch']})" if "resumed_after_epoch" in report else ""
    ended = words.get(report["stopped"], report["stopped"])
    print(f"{ended} after {epochs}{before}, {seconds}; kept epoch {report['best_epoch']}")
    print(f"\n{part} rows ({len(job.codes[part])})\n{scores.in_words(report['scores'])}")
    print(f"\nsaved {report['saved']}" if "saved" in report else "\nnot saved (--save MODEL)", flush=True)


def _check_destinations(arguments: argparse.Namespace) -> None:
    """Check before the training that the files can, and may, be written."""
    save, checkpoint = arguments.save, arguments.checkpoint
    output.check(save, "--save", {"table": arguments.data}, model=True)
    output.check(checkpoint, "--checkpoint", {"table": arguments.data, "model (--save)": save}, model=True)
    if save and checkpoint and os.path.realpath(save) == os.path.realpath(checkpoint):
        raise InputError(f"--checkpoint and --save are both {checkpoint!r}; use different files")
