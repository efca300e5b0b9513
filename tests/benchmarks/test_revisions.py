"""asv_bench/revisions: whether a change cost speed, tried on a small repository whose speed is known."""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import processes
import pytest

BENCH = Path(__file__).parents[2] / "asv_bench"
spec = importlib.util.spec_from_file_location("interval_of_revisions", BENCH / "revisions" / "interval.py")
intervals = importlib.util.module_from_spec(spec)
spec.loader.exec_module(intervals)
Interval = intervals.Interval

PROJECT = '[project]\nname = "nbtrain"\ndependencies = []\n'
PACKAGE = "def work():\n    return sum(range({}))\n"
SUITE = """
import os, time
import nbtrain

class Work:
    timer = time.process_time
    params = (1, 2)

    def setup(self, times):
        self.times = times

    def time_work(self, times):
        for _ in range(times):
            nbtrain.work()

class Other:
    def time_what_is_only_new(self):
        nbtrain.added()

    def time_what_raises(self):
        raise ValueError("in both")

class Endless:
    def setup(self):
        with open(os.environ["PIDS"], "a") as file:
            print(os.getpid(), file=file, flush=True)

    def time_endless(self):
        time.sleep(600)

class Program:
    def timeraw_program(self):
        return "import nbtrain; nbtrain.work()"
"""


@pytest.mark.parametrize("count", [9, 10, 17, 20])
def test_the_interval_is_that_of_wilcoxons_test(count):
    """It holds the shifts that the test does not reject, in scipy's exact distribution."""
    stats = pytest.importorskip("scipy.stats")
    logarithms = np.random.default_rng(count).normal(0.02, 0.01, count)
    low, middle, high = (math.log1p(value) for value in intervals.interval(np.exp(logarithms)))
    level = (1 - intervals.CONFIDENCE) / intervals.LOOKS

    def rejected(shift):
        return stats.wilcoxon(logarithms - shift, method="exact").pvalue <= level

    for end, outwards in ((low, -1e-9), (high, 1e-9)):
        assert rejected(end + outwards)
        assert not rejected(end - outwards)
    pairs = itertools.combinations_with_replacement(logarithms, 2)
    assert middle == pytest.approx(np.median([(a + b) / 2 for a, b in pairs]), abs=1e-12)


def test_fewer_rounds_than_the_confidence_needs_are_refused():
    fewest = intervals.fewest_rounds()
    chance = 2.0 ** (1 - fewest)  # that all rounds are on one side of the truth
    assert chance <= (1 - intervals.CONFIDENCE) / intervals.LOOKS < 2 * chance


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Interval(-0.004, 0.001, 0.0052), "no difference within 0.6 %"),
        (Interval(0.002, 0.004, 0.006), "no difference within 0.6 %"),
        (Interval(-0.02, 0.0, 0.019), "no difference within 2.0 %"),
        (Interval(0.0312, 0.04, 0.0501), "slower by 3.1 to 5.1 %"),
        (Interval(0.0112, 0.04, 0.0501), "slower by 1.1 to 5.1 %, not surely beyond the limit"),
        (Interval(-0.5, -0.4, -0.0211), "faster by 2.1 to 50.0 %"),
        (Interval(-0.01, 0.04, 0.08), "not sure: between 1.0 % faster and 8.0 % slower"),
    ],
)
def test_the_words_say_what_the_interval_tells(found, words):
    assert found.verdict(0.03) == words


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A package that needs twice the time since its second commit."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("asv_bench/benchmarks", "nbtrain"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(BENCH / "revisions", folder / "asv_bench" / "revisions")
    (folder / "asv_bench" / "benchmarks" / "__init__.py").write_text("")
    (folder / "asv_bench" / "benchmarks" / "suite.py").write_text(SUITE)
    (folder / "pyproject.toml").write_text(PROJECT)
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", "-C", folder]
    processes.run([*git, "init", "--quiet"], check=True)
    for loops, more in ((20_000, ""), (40_000, "def added():\n    return 1\n")):
        (folder / "nbtrain" / "__init__.py").write_text(PACKAGE.format(loops) + more)
        processes.run([*git, "add", "."], check=True)
        processes.run([*git, "commit", "--quiet", "-m", str(loops)], check=True)
    return folder


@pytest.fixture
def surroundings(repository, tmp_path):
    """How to start the comparison: its folder, and an environment whose scratch folder is known."""
    (tmp_path / "scratch").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "scratch"), "PIDS": str(tmp_path / "pids")}
    return {"cwd": repository / "asv_bench", "env": environment}


def compare(surroundings, *arguments):
    command = [sys.executable, "-m", "revisions", "--rounds", "9", "--seconds", "0.05", *arguments]
    done = processes.run(command, **surroundings)
    assert os.listdir(surroundings["env"]["TMPDIR"]) == []
    return done


def test_twice_the_time_is_found(surroundings):
    done = compare(surroundings, "HEAD~1", "--bench", r"time_work\(2\)", "--limit", "20")
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("suite.Work")]
    low, high = map(float, re.search(r"slower by ([\d.]+) to ([\d.]+) %$", line).groups())
    assert 30 < low <= high < 300
    assert "1 benchmarks compared, slower by more than 20 %: suite.Work.time_work(2)." in done.stdout


def test_the_same_code_is_not_slower(surroundings):
    done = compare(
        surroundings, "HEAD", "--new", "HEAD", "--bench", r"time_work\(1\)", "--bench", "program", "--limit", "60"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 benchmarks compared, none slower by more than 60 %." in done.stdout
    ratios = re.findall(r"s  (\d\.\d+)  \d\.\d+ … \d\.\d+  ", done.stdout)
    assert len(ratios) == 2
    assert all(0.7 < float(ratio) < 1.4 for ratio in ratios)


def test_the_working_tree_is_compared_as_it_is(repository, surroundings):
    module = repository / "nbtrain" / "__init__.py"
    committed = module.read_text()
    try:
        module.write_text(PACKAGE.format(4_000))
        done = compare(surroundings, "HEAD", "--bench", r"time_work\(1\)")
    finally:
        module.write_text(committed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(r"the working tree \(HEAD \(\w+\), with changes\) against HEAD \(\w+\)", done.stdout)
    assert float(re.search(r"faster by ([\d.]+)", done.stdout)[1]) > 50


def test_what_cannot_be_compared_is_named(surroundings):
    done = compare(surroundings, "HEAD~1", "--bench", "Other")
    assert done.returncode == 2
    assert re.search(r"only_new +not compared: AttributeError: module 'nbtrain' has no .*, in HEAD~1 \(", done.stdout)
    assert re.search(r"raises +not compared: ValueError: in both", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "there is no revision 'nowhere' in "),
        (["HEAD", "--bench", "nothing"], "no benchmark matches nothing; there is for instance suite."),
        (["HEAD", "--bench", "("], "--bench: not a regular expression"),
        (["HEAD", "--limit", "0"], "--limit must be a percentage between 0 and 100, got 0"),
        (["HEAD", "--rounds", "3"], "--rounds must be >= 9, got 3; fewer do not give 99% confidence"),
        (["HEAD", "--cores", "4096"], "--cores must be some of "),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(arguments, words, surroundings):
    done = compare(surroundings, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_leaves_neither_processes_nor_files(surroundings):
    command = [sys.executable, "-m", "revisions", "HEAD", "--bench", "Endless"]
    running, pids = processes.start(command, **surroundings), Path(surroundings["env"]["PIDS"])
    deadline = time.monotonic() + processes.PATIENCE
    while not (pids.exists() and len(pids.read_text().splitlines()) == 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=processes.PATIENCE)
    assert running.returncode == 130, errors
    assert errors.strip() == "interrupted after 0 benchmarks; processes and copies are gone"
    assert os.listdir(surroundings["env"]["TMPDIR"]) == []
    for pid in pids.read_text().split():
        assert not Path(f"/proc/{pid}").exists()
