"""The report of a training: a page that stands alone, says what is so, and draws what it was given."""

from __future__ import annotations

import html.parser
import json
import re

import numpy as np
import pandas as pd
import pytest
from rectangles import QUICK, called, shapes, write
from sklearn import metrics

from nbtrain.cli.report import charts, importance

VOID = {"meta", "path", "rect", "circle", "br"}


class Page(html.parser.HTMLParser):
    """The elements of a page: (tag, attributes, text), and whether all that opens is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.elements:
            self.elements[-1][2] += data

    def texts(self, tag, **attributes):
        return [text for name, given, text in self.elements if name == tag and attributes.items() <= given.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report of three classes, with names that HTML must not take for tags, and the JSON of the same run."""
    folder, random = tmp_path_factory.mktemp("report"), np.random.default_rng(0)
    x, noise = random.normal(size=300), random.normal(size=300)
    kind = np.array(["a<b>", "b&c", "<script>alert(1)</script>"])[
        np.digitize(x + 0.3 * random.normal(size=300), [-0.5, 0.5])
    ]
    frame = pd.DataFrame({"x <i>": x, "noise": noise, "when": "2024-01-05", "kind": kind})
    frame.to_csv(folder / "t.csv", index=False)
    return folder, str(folder / "t.csv")


@pytest.fixture
def page(made, capsys):
    folder, data = made
    options = ("--target", "kind", "--json", "--report", str(folder / "r.html"), "--history", str(folder / "h.csv"))
    code, out, err = called(capsys, "train", data, *options, *QUICK, "--seeds", "2", "--metrics", "auc")
    assert (code, err) == (0, f"wrote {folder / 'h.csv'}\nwrote {folder / 'r.html'}\n")
    return json.loads(out), (folder / "r.html").read_text(encoding="utf-8"), folder


def test_the_page_stands_alone_and_says_what_the_json_says(page):
    report, text, folder = page
    found = Page(text)
    assert not re.search(r"(src|href)=|https?://|<script", text)
    tiles = dict(zip(found.texts("span"), found.texts("b"), strict=False))
    assert tiles["accuracy"] == f"{report['scores']['accuracy']:.4f}"
    assert tiles["area under the ROC curve"] == f"{report['scores']['metrics']['auc']:.4f}"
    assert "Scores of the 60 test rows, which no network has seen." in found.texts("p")
    counts = [int(n) for row in report["scores"]["confusion"] for n in row if n]
    drawn = [text for kind in ("on", "off") for text in found.texts("text", **{"class": f"count {kind}"})]
    assert sorted(map(int, drawn)) == sorted(counts)
    assert sum(counts) == 60
    cells = found.texts("td", **{"class": "name"})
    assert cells[:3] == report["classes"]
    assert cells[3:] == ["x <i>", "noise", "when"]
    command = found.texts("pre")[0]
    assert command.startswith(f"nbtrain train {folder / 't.csv'} --target kind ")
    assert [row["name"] for row in report["importance"]] == ["x <i>", "noise"]
    assert report["importance"][0]["mean"] > 10 * abs(report["importance"][1]["mean"])


def test_curves_are_those_of_the_history(page):
    _, text, folder = page
    history = pd.read_csv(folder / "h.csv")
    assert sorted(set(history.network)) == [1, 2]
    paths = re.findall(r'<path class="validation" d="(M[^"]*)"><title>network (\d), validation loss', text)
    assert len(paths) == 2
    for path, network in paths:
        points = np.array([[float(n) for n in point.split(",")] for point in path[1:].split("L")])
        values = history[history.network == int(network)].val_loss.to_numpy()
        np.testing.assert_allclose(np.corrcoef(points[:, 1], values)[0, 1], -1, atol=1e-3)  # up is larger
        np.testing.assert_allclose(np.diff(points[:, 0]), np.diff(points[:, 0]).mean(), atol=0.2)
        best = re.search(rf"network {network}, validation loss: \S+ after epoch (\d+), which was kept", text)
        assert int(best[1]) == values.argmin() + 1


def test_a_regression_shows_its_errors_and_a_cross_validation_says_so(tmp_path, capsys):
    rows = ([*sides, colour, float(sides[0]) - float(sides[1])] for *sides, colour, _ in shapes(150))
    data, path = write(tmp_path / "d.csv", rows), tmp_path / "r.html"
    code, out, _ = called(
        capsys, "train", data, "--target", "form", "--cv", "3", "--report", str(path), "--history",
        str(tmp_path / "h.json"), *QUICK, "--seeds", "1",
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    found = Page(text)
    assert code == 0
    assert "cross-validation (150 rows, each predicted by networks that have not seen it)" in out
    assert any(text.startswith("Cross-validated scores of 150 rows") for text in found.texts("p"))
    dots = re.findall(r"true ([-\d.]+), predicted ([-\d.]+)<", text)
    assert len(dots) == 150
    true, predicted = np.array([[float(n) for n in dot] for dot in dots]).T
    shown = float(next(line for line in out.splitlines() if line.startswith("R²")).split()[1])
    assert metrics.r2_score(true, predicted) == pytest.approx(shown, abs=2e-3)
    assert len(json.loads((tmp_path / "h.json").read_text())) == 3


def test_importance_is_what_shuffling_costs():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(400, 3)), columns=["much", "little", "nothing"])
    truth = 3 * frame.much + frame.little

    def score(sample, rows):
        return metrics.r2_score(truth.iloc[rows], 3 * sample.much + sample.little)

    found = {row["name"]: row for row in importance(frame, list(frame.columns), score)}
    # a shuffled column costs twice its share of the variance
    assert found["much"]["mean"] == pytest.approx(2 * 9 / 10, rel=0.1)
    assert found["little"]["mean"] == pytest.approx(2 * 1 / 10, rel=0.15)
    assert found["nothing"] == {"name": "nothing", "mean": 0.0, "low": 0.0, "high": 0.0}
    assert list(found) == ["much", "little", "nothing"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-3, 12, [0, 5, 10]), (0.21, 0.34, [0.22, 0.24, 0.26, 0.28, 0.3, 0.32, 0.34])],
)
def test_ticks_are_round_numbers(low, high, ticks):
    assert charts.round_ticks(low, high) == ticks


def test_numbers_are_short():
    assert [charts.number(value) for value in (0, 1234567.0, 51059.1, 0.25, 12.0, 1e-9, -0.04476)] == [
        "0", "1.23e+06", "51,059", "0.25", "12", "1e-09", "-0.04476",
    ]  # fmt: skip


def test_the_roc_curve_ends_where_it_should_and_encloses_the_auc():
    random = np.random.default_rng(0)
    truth = random.random(300) < 0.4
    probability = np.round(truth * 0.3 + random.random(300), 2)  # with ties
    (path,) = re.findall(r'class="validation" d="M([^"]*)"', charts.roc(truth, probability))
    points = np.array([[float(n) for n in point.split(",")] for point in path.split("L")])
    x = (points[:, 0] - points[0, 0]) / (points[-1, 0] - points[0, 0])
    y = (points[:, 1] - points[0, 1]) / (points[-1, 1] - points[0, 1])
    assert np.trapezoid(y, x) == pytest.approx(metrics.roc_auc_score(truth, probability), abs=2e-3)
