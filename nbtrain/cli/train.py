"""`nbtrain train`: from files with a table to a trained model with a report."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from dataclasses import replace
from typing import Any

from ..errors import DivergenceError, InputError
from ..table import TableModel, Training
from ..table.course import numbered
from ..table.reading import located
from ..table.settings import EPOCHS, ITERATIONS, L2, PATIENCE, PATIENT_ITERATIONS
from . import crossvalidation, modelfile, options, output, reading, telling, writing
from .crossvalidation import Crossed
from .job import Job, prepare
from .outcome import Outcome, outcome
from .signals import as_interrupts, number_of
from .watching import Kept, Progress, warnings_as_notes
from .wording import as_options

MOST_CHECKED = 5  # checkpoints of as many networks, before the table says how many there are

DESCRIPTION = """
Train on a table: CSV and its kin, Excel (.xlsx), Parquet, npy or npz, also compressed; several files are one table, and
- is standard input. Text becomes categories, numbers and dates are scaled; the target column decides whether classes or
numbers are predicted. Several networks are trained, each with validation rows of its own, and their predictions are
averaged. Other rows are held out for the report. nbtrain inspect FILE shows beforehand how the table is read. Ctrl-C,
SIGTERM and SIGHUP stop the training and keep the best parameters so far. With --checkpoint, the same command resumes
after an interruption.
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train", help="train on a table in a file", description=DESCRIPTION
    )
    reading.add_files(parser)
    parser.add_argument("--target", required=True, metavar="NAME", help="column to predict, or its number from 1")
    parser.add_argument("--save", metavar="MODEL", help="write the model to this file, such as model.nbt")
    parser.add_argument("--report", metavar="FILE", help="write an HTML page: scores, curves, importance, columns")
    parser.add_argument("--history", metavar="FILE", help="write the losses by epoch: .csv, or .json")
    parser.add_argument(
        "--checkpoint", metavar="FILE",
        help="save the training state there, and resume from it if the file exists",
    )  # fmt: skip
    options.add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object as output, for programs")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    _add_table(parser)
    _add_rows(parser)
    _add_network(parser)
    _add_training(parser)
    options.add_reading(parser)
    parser.set_defaults(run=run)


def _add_table(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("columns")
    group.add_argument("--task", choices=("classification", "regression"), help="by default found out from the target")
    options.add_columns(group)
    group.add_argument("--weight", metavar="NAME", help="column with the weight of each row; no input")
    group.add_argument(
        "--class-weight", type=options.weights, metavar="CLASS=WEIGHT,…", help="or balanced: all classes count the same"
    )
    group.add_argument("--impute", action="store_true", help=argparse.SUPPRESS)  # missing cells always are


def _add_rows(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rows", "for the report, rows are held out that no network sees")
    for name, purpose, size in (("--test-size", "the report", 0.2), ("--validation-size", "validation", 0.15)):
        text = f"fraction of rows for {purpose} (default {size:g})"
        group.add_argument(name, type=options.fraction, default=size, metavar="F", help=text)
    group.add_argument(
        "--test-file",
        nargs="+",
        metavar="FILE",
        help="rows for the report are in these files; all others are trained on",
    )
    group.add_argument(
        "--cv", type=options.whole(2), metavar="K",
        help="cross-validate: report on all rows, each predicted by networks that were trained on K-1 of K parts "
        "without it; with --save, a model of all rows is trained then",
    )  # fmt: skip
    group.add_argument("--group", metavar="NAME", help="rows equal in this column stay in one part; no input")
    group.add_argument("--time", metavar="NAME", help="the latest rows by this column are held out")
    group.add_argument(
        "--metrics", type=options.listing, default=[], metavar="NAME,…", help="more scores, such as auc or log_loss"
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network", "NAME:PARAMETER=NUMBER sets parameters; names: nbtrain plugins list")
    group.add_argument(
        "--hidden", type=options.widths, metavar="UNITS,…",
        help="hidden units, or none (default 64,64; 128,128 for more than 10,000 rows)",
    )  # fmt: skip
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
    group.add_argument("--initializer", type=options.Named, metavar="NAME", help="of the weights: glorot_uniform")
    group.add_argument("--loss", type=options.Named, metavar="NAME", help="default: softmax_cross_entropy or mse")
    group.add_argument("--regularizer", type=options.Named, metavar="NAME", help=f"default l2:strength={L2:g}; or none")
    group.add_argument("--optimizer", type=options.Named, default="adam", metavar="NAME", help="default adam")
    group.add_argument(
        "--learning-rate",
        type=options.learning_rate,
        metavar="RATE",
        help="a number or a schedule such as cosine:steps=5000 (default 0.001; 0.003 for more than 10,000 rows)",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training")
    group.add_argument(
        "--seeds", type=options.whole(1), metavar="N", help="networks (default 5; 3 for more than 10,000 rows)"
    )
    group.add_argument(
        "--epochs", type=options.whole(1), metavar="N",
        help=f"at most (default {EPOCHS}; more for few rows, to make {ITERATIONS} iterations)",
    )  # fmt: skip
    group.add_argument(
        "--batch-size", type=options.whole(1), metavar="N", help="default 32; 256 for more than 10,000 rows"
    )
    group.add_argument(
        "--patience", type=options.whole(0), metavar="N",
        help="stop after N epochs without a lower validation loss; 0 never stops (default "
        f"{PATIENCE}; more for few rows, to make {PATIENT_ITERATIONS} iterations)",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=options.whole(0), default=0, metavar="N", help="for splits, weights, orders (default 0)"
    )
    group.add_argument(
        "--threads",
        type=options.threads,
        default=1,
        metavar="N",
        help="networks trained at a time, or threads per step (default 1)",
    )
    group.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default float32")


def run(arguments: argparse.Namespace) -> int:
    """Read, train, save, report -> 0, 1 if training diverged or the model could not be saved, 128 + n for signal n."""
    with as_interrupts(), as_options():
        _check_destinations(arguments)
        job = prepare(arguments)
        training = job.training(job.rows)
        job.report |= telling.plan(job, training)
        if not arguments.json:
            print(telling.introduction(job, training), flush=True)
        crossed = crossvalidation.run(job) if arguments.cv else None
        code, model = (0, None) if crossed and not arguments.save else fit(training, job)
        failed = False
        if arguments.save and model is not None:
            saved = modelfile.keep(arguments.save, model)
            failed = saved != arguments.save
            job.report |= {"saved": saved} if saved else {}
        finish(job, model, crossed)
        return 1 if failed else code


def fit(training: Training, job: Job) -> tuple[int, TableModel]:
    """Train all networks -> 0, 1 if one diverged, 128 + n if signal n ended it; and the model.

    Raises
    ------
    DivergenceError
        If the first network diverged before its first good epoch.
    KeyboardInterrupt
        If a signal came before the first epoch was complete.
    """
    path, watched = job.arguments.checkpoint, Progress.of(job.arguments, training)
    start, code = time.perf_counter(), 0
    try:
        with warnings_as_notes():
            if path:
                training.fit(callbacks=[watched], checkpoint=lambda k: Kept(numbered(path, k)))
            else:
                watched.train(training)
    except KeyboardInterrupt as interrupt:
        if training.model is None:
            raise
        code = 128 + number_of(interrupt)
    except DivergenceError as error:
        if training.model is None:
            raise
        with contextlib.suppress(OSError):  # the model is saved even if the message cannot be written
            print(f"nbtrain: {error}", file=sys.stderr, flush=True)
        code = 1
    assert training.model is not None
    resumed = {"resumed_after_epoch": watched.resumed} if watched.resumed else {}
    job.report |= telling.ended(training.model.outcomes, code) | resumed
    job.report["seconds"] = round(time.perf_counter() - start, 3)
    return code, training.model


def finish(job: Job, model: TableModel | None, crossed: Crossed | None) -> None:
    """Score rows that no network has seen, write report and history, and print."""
    arguments, report = job.arguments, job.report
    if crossed is not None:
        found, on = crossed.outcome, "cross-validation"
    else:
        assert model is not None
        found, on = scored(job, model)
    report["scores"] = {"on": on, **found.scores(arguments.metrics)}
    if arguments.history:
        writing.history(arguments.history, model, crossed)
    if arguments.report:
        writing.report(job, model, crossed, found)
    if arguments.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print(telling.conclusion(job, found), flush=True)


def scored(job: Job, model: TableModel) -> tuple[Outcome, str]:
    """What the model predicts for the test rows, or, where there are none, for the rows that it was trained on."""
    table, on = (job.tested, "test") if len(job.test) else (replace(job.table, frame=job.frame), "train")
    with located(table):
        codes = model.target.codes(table.frame[job.roles.target], job.words)
        return outcome(model, table.frame, codes, job.weight(table.frame)), on


def _check_destinations(arguments: argparse.Namespace) -> None:
    """Check before the training that the files can, and may, be written."""
    tables = [("table", path) for path in reading.sources([*arguments.data, *(arguments.test_file or ())])]
    save, checkpoint = arguments.save, arguments.checkpoint
    output.check(save, "--save", tables, model=True)
    for k in range(MOST_CHECKED if checkpoint else 0):
        output.check(numbered(checkpoint, k), "--checkpoint", [*tables, ("model (--save)", save)], model=True)
    others = [*tables, ("model (--save)", save), ("checkpoint", checkpoint)]
    output.check(arguments.report, "--report", others)
    output.check(arguments.history, "--history", [*others, ("report (--report)", arguments.report)])
    named = [("--save", save), ("--checkpoint", checkpoint), ("--report", arguments.report)]
    named.append(("--history", arguments.history))
    for index, (option, path) in enumerate(named):
        for other, second in named[:index]:
            if path and second and path != output.STANDARD and os.path.realpath(path) == os.path.realpath(second):
                raise InputError(f"{option} and {other} are both {path!r}; use different files")
