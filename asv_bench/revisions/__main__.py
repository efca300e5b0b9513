"""Compare the speed of the working tree, or of a revision, with that of another one, in minutes.

Both are copied to a scratch folder. For each benchmark, processes of both take turns on one core; from the ratios of
their times follows how much slower or faster the new one is, and how sure that is. The status is 1 if a benchmark is
surely slower than the limit allows, 2 if the comparison could not be made, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .checkouts import CannotCompare, Checkout, prepare, surroundings
from .interval import CONFIDENCE, LOOKS, Interval, fewest_rounds, interval
from .pairs import NoTime, Round, Setting, round_of

# What users wait for most; a few minutes in all.
USUAL = [
    r"^steps.Training.time_epoch\('(4-16-1|30-64-64-2|784-128-10|64-256-256-10|10-32-32-1), batch (1|32|128)'\)",
    r"^steps.Training.time_train_step\('30-64-64-2, batch 32'\)",
    r"^steps.Prediction.time_predict\('30-64-64-2",
    r"^overhead.Making.time_100_trainers\('30-64-64-2'\)",
    r"^overhead.Fit.time_100_(calls|epochs_with_validation_and_early_stopping)$",
    r"^populations.Small.time_100_steps$",
    r"^imports.Imports.timeraw_nbtrain$",
    r"^first_result.FirstResult.timeraw_first_epoch$",
]


class Result(NamedTuple):
    """A benchmark's rounds, or why there are none."""

    name: str
    rounds: list[Round]
    fault: str = ""

    @property
    def difference(self) -> Interval:
        """From all rounds."""
        return interval([each.ratio for each in self.rounds])


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m revisions", description=__doc__.split("\n\n")[0])
    parser.add_argument("base", metavar="BASE", help="the revision to compare with, for instance main or v0.1.0")
    parser.add_argument("--new", metavar="REVISION", help="instead of the working tree")
    parser.add_argument("--bench", action="append", metavar="REGEX", help="benchmarks, in place of the usual ones")
    parser.add_argument("--all", action="store_true", help="all benchmarks of times, which takes hours")
    parser.add_argument("--limit", type=float, default=3.0, help="percent that count as slower (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=10, help="at first (default %(default)s); as many again if unsure"
    )
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu", help="wall where several threads work")
    parser.add_argument("--cores", help="0 or 0,1; none for all (default: the last that may be used)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each in a round, about (default %(default)s)")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for an answer (default %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times there, too")
    options = parser.parse_args(arguments)
    if options.rounds < fewest_rounds():
        few = f"fewer do not give {CONFIDENCE:.0%} confidence"
        parser.error(f"--rounds must be >= {fewest_rounds()}, got {options.rounds}; {few}")
    if not 0.0 < options.limit < 100.0:
        parser.error(f"--limit must be a percentage between 0 and 100, got {options.limit:g}")
    options.cores = cores(parser, options.cores)
    return options


def cores(parser: argparse.ArgumentParser, given: str | None) -> list[int]:
    """The cores to run on; none where they cannot be chosen, as on macOS."""
    if not hasattr(os, "sched_setaffinity") or given == "none":
        return []
    usable = sorted(os.sched_getaffinity(0))
    chosen = usable[-1:] if given is None else [int(core) for core in re.findall(r"\d+", given)]
    if not chosen or not set(chosen) <= set(usable):
        parser.error(f"--cores must be some of {','.join(map(str, usable))}, or none, got {given}")
    return chosen


def chosen(checkout: Checkout, folder: Path, patterns: Sequence[str]) -> list[tuple[str, int]]:
    """The benchmarks to compare: those that the new revision can import, and whose names match."""
    command = [str(checkout.python), "-m", "revisions.subject"]
    done = subprocess.run(command, cwd=folder, env=surroundings(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotCompare(f"the benchmarks cannot be listed in {checkout.name}:\n{done.stderr}")
    try:
        matches = [re.compile(pattern).search for pattern in patterns]
    except re.error as error:
        raise CannotCompare(f"--bench: not a regular expression: {error}") from None
    names = [(str(name), int(index)) for name, index in json.loads(done.stdout)]
    found = [(name, index) for name, index in names if any(match(name) for match in matches)]
    if not found:
        raise CannotCompare(f"no benchmark matches {' or '.join(patterns)}; there is for instance {names[0][0]}")
    return found


class Progress:
    """One line that is written anew, where the errors go to a terminal."""

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty()

    def show(self, words: str) -> None:
        """Replace the line."""
        if self.shown:
            print(f"\r\x1b[K{words[:110]}", end="", file=sys.stderr, flush=True)


def measured(
    checkouts: tuple[Checkout, Checkout],
    benchmark: tuple[str, int],
    setting: Setting,
    options: argparse.Namespace,
    progress: Progress,
    place: str,
) -> Result:
    """As many rounds as were asked for, and again as many where these do not decide."""
    rounds: list[Round] = []
    try:
        for turn in range(LOOKS * options.rounds):
            if turn == options.rounds and interval([each.ratio for each in rounds]).decided(options.limit / 100):
                break
            progress.show(f"{place} {benchmark[0]}: round {turn + 1}{'' if turn else ', compiling where needed'}")
            rounds.append(round_of(checkouts, benchmark, setting, turn))
    except NoTime as reason:
        return Result(benchmark[0], [], str(reason))
    finally:
        progress.show("")
    return Result(benchmark[0], rounds)


def line(result: Result, width: int, limit: float) -> str:
    """A result as a line of the table."""
    if result.fault:
        return f"{result.name:{width}}  not compared: {result.fault}"
    old, new = (statistics.median(times) for times in zip(*((r.base, r.new) for r in result.rounds), strict=True))
    found = result.difference
    numbers = (
        f"{duration(old):>9} {duration(new):>9}  {1 + found.middle:.3f}  {1 + found.low:.3f} … {1 + found.high:.3f}"
    )
    return f"{result.name:{width}} {numbers}  {found.verdict(limit)}"


def duration(seconds: float) -> str:
    """A time with three digits and its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1.0 or unit == "µs":
            break
    value = seconds * factor
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def compare(options: argparse.Namespace, scratch: Path, results: list[Result]) -> None:
    """Fill the list of results, and print each as soon as it is known."""
    progress = Progress()
    progress.show("copying both revisions")
    checkouts = prepare(options.base, options.new, scratch)
    setting = Setting(scratch / "suite", options.clock, options.cores, options.timeout, options.seconds)
    progress.show("listing the benchmarks")
    benchmarks = chosen(checkouts[1], setting.folder, [""] if options.all else options.bench or USUAL)
    progress.show("")
    clock = "CPU time" if options.clock == "cpu" else "time of the clock"
    where = f" on core {','.join(map(str, options.cores))}" if options.cores else ""
    print(f"{checkouts[1].name} against {checkouts[0].name}: {clock}{where}, {CONFIDENCE:.0%} confidence\n")
    width = max(len(name) for name, _ in benchmarks)
    print(f"{'benchmark':{width}} {'base':>9} {'new':>9}  ratio  interval", flush=True)
    for number, benchmark in enumerate(benchmarks, 1):
        place = f"[{number}/{len(benchmarks)}]"
        results.append(measured(checkouts, benchmark, setting, options, progress, place))
        print(line(results[-1], width, options.limit / 100), flush=True)


def summary(results: Sequence[Result], limit: float) -> tuple[str, int]:
    """What it comes to, in words, and the status."""
    compared = [result for result in results if not result.fault]
    slower = [result.name for result in compared if result.difference.low > limit / 100]
    unsure = [result.name for result in compared if not result.difference.decided(limit / 100)]
    if not compared:
        return "Nothing could be compared.", 2
    words = f"{len(compared)} benchmarks compared"
    if slower:
        return f"{words}, slower by more than {limit:g} %: {', '.join(slower)}.", 1
    if unsure:
        return f"{words}, none surely slower by more than {limit:g} %; not sure about {', '.join(unsure)}.", 0
    return f"{words}, none slower by more than {limit:g} %.", 0


def written(options: argparse.Namespace, results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured."""
    named = {result.name: result.fault or [each._asdict() for each in result.rounds] for result in results}
    return {"base": options.base, "new": options.new, "clock": options.clock, "results": named}


def interrupted(number: int, frame: Any) -> None:
    """Stop at the first signal, and let nothing disturb the cleaning up."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and return the status."""
    options = parsed(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    results: list[Result] = []
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="nbtrain-revisions-") as scratch:
            compare(options, Path(scratch), results)
    except KeyboardInterrupt:
        Progress().show("")
        print(f"\ninterrupted after {len(results)} benchmarks; processes and copies are gone", file=sys.stderr)
        return 130
    except CannotCompare as error:
        Progress().show("")
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        if options.json and results:
            options.json.write_text(json.dumps(written(options, results), indent=1) + "\n", encoding="utf-8")
    words, status = summary(results, options.limit)
    print(f"\n{words} {time.monotonic() - start:.0f} s.")
    return status


if __name__ == "__main__":
    sys.exit(main())
