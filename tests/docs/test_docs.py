"""docs/: every hook has an example, and the examples run."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

import nbtrain
from nbtrain import callbacks, cli, metrics
from nbtrain.components.hooks import HOOKS
from nbtrain.table import TableEncoder, parsing, target, training

DOCS = Path(__file__).parents[2] / "docs"
BENCH = DOCS.parent / "asv_bench"
TEXT = (DOCS / "reference" / "hooks.md").read_text(encoding="utf-8")
CALLBACKS = (DOCS / "how-to" / "callbacks.md").read_text(encoding="utf-8")
BUILT_IN = [getattr(callbacks, name) for name in callbacks.__all__ if name not in ("Callback", "as_callbacks")]


def sections(text):
    """Heading -> text below it."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("hook", HOOKS.values())
def test_every_hook_has_an_example(hook):
    section = sections(TEXT)[hook]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert f"@nbtrain.hookimpl\ndef {hook}():" in example
    assert "yield nbtrain." in example
    assert f"[`{hook}`](#{hook})" in TEXT


def test_no_hook_is_described_that_there_is_not():
    assert {name for name in sections(TEXT) if name.startswith("nbtrain_")} == set(HOOKS.values())


def test_the_examples_run(tmp_path):
    script = tmp_path / "hooks.py"
    script.write_text("\n\n".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    r2 = float(re.search(r"'r2': ([\d.]+)", done.stdout)[1])
    assert r2 > 0.9


def parameters_of(function):
    """Names and defaults as they are written in the page."""
    shown, named = [], False
    for parameter in list(inspect.signature(function).parameters.values()):
        if parameter.kind is parameter.KEYWORD_ONLY and not named:
            shown, named = [*shown, "*"], True
        default = parameter.default
        text = f'"{default}"' if isinstance(default, str) else repr(default)
        shown.append(parameter.name + ("" if default is parameter.empty else f"={text}"))
    return ", ".join(shown)


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.__name__)
def test_every_callback_is_described_with_its_parameters_and_an_example(kind):
    text = " ".join(CALLBACKS.split())
    assert f"`{kind.__name__}({parameters_of(kind)})`" in text
    (section,) = [part for part in CALLBACKS.split("\n### ") if kind.__name__ in part.splitlines()[0]]
    assert "```python\n" in section


def test_every_method_and_attribute_of_callbacks_is_described():
    methods = {f"{name}({parameters_of(member)})".replace("self, ", "").replace("self", "")
               for name, member in vars(callbacks.Callback).items() if inspect.isfunction(member)}  # fmt: skip
    attributes = {name for name in vars(callbacks.Callback) if not name.startswith("_")}
    attributes -= {method.partition("(")[0] for method in methods}
    table = sections(CALLBACKS)["A class"]
    assert set(re.findall(r"^\| `(\w+\(.*?\))` \|", table, re.MULTILINE)) == methods
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == attributes


def test_every_metric_is_described():
    rows = re.findall(r"^\| (`.*?) \|", sections(CALLBACKS)["Metrics"], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {*metrics.CLASSIFICATION, *metrics.REGRESSION, "top_2", "top_3"}
    fields = ", ".join(
        field.name + ("" if (default := field.default) is dataclasses.MISSING else f"={default!r}").replace("'", '"')
        for field in dataclasses.fields(metrics.Metric)
    )
    assert f"`nbtrain.metrics.Metric({fields}={{}})`" in " ".join(CALLBACKS.split())


def test_the_speed_table_and_its_picture_are_those_of_the_measurement():
    measured = json.loads((BENCH / "measured" / "xeon-amx.json").read_text(encoding="utf-8"))
    page = (DOCS / "explanation" / "performance.md").read_text(encoding="utf-8")
    picture = (DOCS / "speed.svg").read_text(encoding="utf-8")
    assert len(measured["times"]) == 9
    for network, times in measured["times"].items():
        (row,) = re.findall(rf"^\| {network} \| (.*) \|$", page, re.MULTILINE)
        *cells, ratio = row.split(" | ")
        for cell, found in zip(cells, times.values(), strict=True):
            numbers = [float(number) for number in re.findall(r"[\d.]+", cell)]
            assert numbers == pytest.approx([found["median"], found["smallest"], found["largest"]], rel=5e-3)
        peers = [found["median"] for library, found in times.items() if library != "nbtrain"]
        assert float(ratio) == pytest.approx(min(peers) / times["nbtrain"]["median"], abs=0.0051)
        assert f">{network}</text>" in picture


def test_the_picture_of_the_series_shows_its_commits():
    files = list((BENCH / "series" / "epyc-2-cores").glob("*-*.json"))
    commits = [json.loads(file.read_text(encoding="utf-8"))["commit_hash"] for file in files]
    picture = (DOCS / "speed-series.svg").read_text(encoding="utf-8")
    assert len(commits) >= 6
    assert [commit for commit in commits if picture.count(f">{commit[:7]}</text>") != 2] == []  # in both panels


def test_every_built_in_component_is_defined():
    text = (DOCS / "reference" / "definitions.md").read_text(encoding="utf-8")
    built_in = {entry["name"] for entry in nbtrain.registry.components() if entry["provider"] == "nbtrain"}
    assert len(built_in) > 20
    assert {name for name in built_in if f"`{name}`" not in text} == set()


def another(cell):
    """A cell of the same kind."""
    if cell in ("true", "false"):
        return "false" if cell == "true" else "true"
    if "2024" in cell:
        return cell.replace("2024", "2025")
    return re.sub(r"[1-9]", lambda digit: str(int(digit[0]) % 9 + 1), cell, count=1)


def test_the_command_line_page_says_what_is_so(capsys):
    text = (DOCS / "how-to" / "command-line.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    nbtrain ([^>#\n]*)", text, re.MULTILINE)  # without what the shell takes
    assert len(commands) == 9
    for command in commands:
        if "--config" not in command:
            cli.build_parser().parse_args(command.split())
    options = set(re.findall(r"`(--[a-z-]+)", text))
    for name in ("train", "predict", "inspect", "warmup"):
        with pytest.raises(SystemExit):
            cli.main([name, "--help"])
    told = capsys.readouterr().out
    assert options
    assert not [option for option in options if option not in told]
    assert f"at most {target.MOST_CLASSES} different" in text
    assert f"(`--validation-size`, {training.VALIDATION})" in text
    assert all(f"`{word}`" in text for word in parsing.MISSING if not word.startswith("-"))
    for kind, line in re.findall(r"^\| (number|date|boolean|category) \| (.*) \|$", text, re.MULTILINE):
        for cell in re.findall(r"`(?!--)(.*?)`", line):
            other = another(cell)
            frame = pandas.DataFrame({"c": [cell, other] * 30})
            assert TableEncoder().fit(frame).columns_[0].kind == kind, cell
