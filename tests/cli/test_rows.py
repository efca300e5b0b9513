"""Which rows are trained on and which are scored, weights, several networks, options from files."""

from __future__ import annotations

import json
import signal
import sys

import numpy as np
import pandas as pd
import processes
import pytest
from rectangles import FAST, QUICK, called, shapes, write

from nbtrain import table
from nbtrain.cli import main
from nbtrain.cli.wording import in_options

ONE = ("--quiet", "--seeds", "1", "--epochs", "60", "--json")


def saved(folder, **columns):
    pd.DataFrame(columns).to_csv(folder / "t.csv", index=False)
    return str(folder / "t.csv")


def scores(capsys, *arguments):
    code, out, err = called(capsys, "train", *arguments, *ONE)
    assert code == 0, err
    return json.loads(out)


def test_cross_validation_predicts_rows_by_networks_that_have_not_seen_them(tmp_path, capsys):
    random = np.random.default_rng(0)
    noise = saved(
        tmp_path, **dict(zip("abcdefgh", random.normal(size=(8, 120)), strict=True)), y=random.normal(size=120)
    )
    learn = ("--target", "y", "--regularizer", "none", "--patience", "0", "--learning-rate", "0.01")
    assert scores(capsys, noise, *learn, "--test-size", "0", "--validation-size", "0")["scores"]["r2"] > 0.9
    report = scores(capsys, noise, *learn, "--cv", "4")
    assert report["scores"]["on"] == "cross-validation"
    assert report["scores"]["r2"] < 0.2  # there is nothing to learn
    assert "saved" not in report
    path = str(tmp_path / "m.nbt")
    report = scores(capsys, noise, *learn, "--cv", "4", "--save", path)
    assert report["saved"] == path
    assert len(table.load(path).trainers) == 1


def test_groups_stay_together(tmp_path, capsys):
    random = np.random.default_rng(0)
    person = np.repeat(np.arange(60), 6)
    marks = random.normal(size=(60, 3))[person]  # that tell who it is
    ill = random.integers(0, 2, 60)[person]
    data = saved(tmp_path, person=person, a=marks[:, 0], b=marks[:, 1], c=marks[:, 2], ill=ill)
    mixed = scores(capsys, data, "--target", "ill", "--cv", "5", *FAST, "--drop", "person")["scores"]["accuracy"]
    apart = scores(capsys, data, "--target", "ill", "--cv", "5", *FAST, "--group", "person")["scores"]["accuracy"]
    assert mixed > 0.75  # it remembers persons
    assert apart < 0.65
    report = scores(capsys, data, "--target", "ill", "--group", "person")
    assert report["inputs"] == 3
    assert all(count % 6 == 0 for count in report["rows"].values())


def test_the_latest_rows_are_held_out(tmp_path, capsys):
    random = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=300)
    x = random.normal(size=300)
    y = x + np.where(np.arange(300) < 240, 0.0, 10.0)  # all changes in the last fifth
    order = random.permutation(300)
    data = saved(tmp_path, day=days[order].astype(str), x=x[order], y=y[order])
    report = scores(capsys, data, "--target", "y", "--time", "day", *FAST)
    assert report["rows"] == {"train": 195, "validation": 45, "test": 60}
    assert report["scores"]["rmse"] > 8
    assert scores(capsys, data, "--target", "y", *FAST)["scores"]["rmse"] < 4


def test_the_rows_of_the_report_may_be_in_another_file(tmp_path, capsys):
    train, test = write(tmp_path / "a.csv", shapes(200)), write(tmp_path / "b.csv", shapes(70, seed=5))
    path = str(tmp_path / "m.nbt")
    command = ("train", train, "--target", "form", "--test-file", test, "--json", "--save", path, *QUICK, *FAST)
    report = json.loads(called(capsys, *command)[1])
    assert report["rows"] == {"train": 170, "validation": 30, "test": 70}
    evaluated = json.loads(called(capsys, "evaluate", path, test, "--json")[1])
    assert {**evaluated["scores"], "on": "test"} == report["scores"]


def test_without_test_rows_the_scores_say_that_they_are_of_rows_that_were_seen(tmp_path, capsys):
    data = write(tmp_path / "a.csv", shapes(100))
    code, out, _ = called(capsys, "train", data, "--target", "form", "--test-size", "0", *QUICK)
    assert code == 0
    assert "rows that the networks were trained on (100); --test-size or --cv score rows" in out


def test_rows_of_weight_0_count_nothing(tmp_path, capsys):
    random = np.random.default_rng(0)
    x, good = random.normal(size=400), random.random(400) < 0.6
    data = saved(tmp_path, x=x, y=np.where(good, x, -5 * x), trust=good.astype(float))
    weighted = scores(capsys, data, "--target", "y", "--weight", "trust", *FAST)
    assert weighted["inputs"] == 1
    assert weighted["scores"]["r2"] > 0.95
    assert scores(capsys, data, "--target", "y", "--drop", "trust", *FAST)["scores"]["r2"] < 0.5


def test_balanced_classes_find_more_of_the_rare_one(tmp_path, capsys):
    random = np.random.default_rng(0)
    x = random.normal(size=1500)
    data = saved(tmp_path, x=x, y=np.where(x + random.normal(size=1500) > 2.4, "rare", "usual"))
    recall = {
        options: scores(capsys, data, "--target", "y", *options)["scores"]["classes"][0]["recall"]
        for options in ((), ("--class-weight", "balanced"), ("--class-weight", "rare=20"))
    }
    assert recall[()] < 0.5
    assert min(value for options, value in recall.items() if options) > 0.65


def test_networks_differ_and_their_mean_is_predicted(tmp_path, capsys):
    data, path = write(tmp_path / "d.csv", shapes(150)), str(tmp_path / "m.nbt")
    code, out, _ = called(capsys, "train", data, "--target", "form", "--seeds", "3", "--save", path, "--json", *QUICK)
    report, model = json.loads(out), table.load(path)
    assert code == 0
    assert [set(one) for one in report["networks"]] == [{"epochs", "best_epoch", "stopped"}] * 3
    assert len({trainer.theta.tobytes() for trainer in model.trainers}) == 3
    X = model.encoder.transform(pd.read_csv(data))
    mean = np.mean([trainer.predict(X)[:, 0] for trainer in model.trainers], axis=0)
    found = pd.read_csv(pd.io.common.StringIO(called(capsys, "predict", path, data, "--proba")[1]))
    np.testing.assert_allclose(found["probability tall"], mean, atol=1e-6)


def test_a_signal_keeps_the_networks_that_are_there_and_the_command_goes_on(tmp_path, capsys):
    data, whole, parts = write(tmp_path / "d.csv", shapes(300)), str(tmp_path / "w.nbt"), str(tmp_path / "p.nbt")
    given = [data, "--target", "form", "--seeds", "3", "--epochs", "300", "--patience", "0", "--hidden", "8"]
    command = [sys.executable, "-m", "nbtrain", "train", *given, "--save", parts]
    process = processes.start([*command, "--checkpoint", str(tmp_path / "c.nbt")])
    for line in process.stdout:
        if "(network 2 of 3)" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 130, err
    assert "interrupted after 2 networks" in out
    assert len(table.load(parts).trainers) == 2
    assert main(["train", *given, "--save", parts, "--checkpoint", str(tmp_path / "c.nbt"), "--quiet"]) == 0
    assert main(["train", *given, "--save", whole, "--quiet"]) == 0
    for one, other in zip(table.load(parts).trainers, table.load(whole).trainers, strict=True):
        np.testing.assert_array_equal(one.theta, other.theta)
    assert sorted(path.name for path in tmp_path.glob("c*.nbt")) == ["c.2.nbt", "c.3.nbt", "c.nbt"]


def test_options_come_from_a_file_and_the_command_line_counts_more(tmp_path, capsys):
    data = write(tmp_path / "d.csv", ((*row, 7, i) for i, row in enumerate(shapes(80))),
                 ("width", "height", "colour", "form", "a, b", "id"))  # fmt: skip
    config = tmp_path / "options.toml"
    config.write_text(
        f'data = ["{data}"]\ntarget = "form"\ndrop = ["a, b", "id"]\nhidden = [8, 4]\nseeds = 2\nepochs = 3\n'
        "quiet = true\njson = true\n"
    )
    report = json.loads(called(capsys, "train", "--config", str(config))[1])
    assert report["left_out"] == ["a, b", "id"]
    assert [one["epochs"] for one in report["networks"]] == [3, 3]
    report = json.loads(called(capsys, "train", "--config", str(config), "--epochs", "2", data)[1])
    assert [one["epochs"] for one in report["networks"]] == [2, 2]
    (tmp_path / "options.json").write_text(json.dumps({"target": "form", "epochs": 1, "json": True, "quiet": True}))
    report = json.loads(called(capsys, "train", data, f"--config={tmp_path / 'options.json'}")[1])
    assert report["networks"][0]["epochs"] == 1


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("o.toml", "hiden = 3", "unknown option 'hiden'; did you mean 'hidden'?"),
        ("o.toml", "json = 1", "json must be true or false, got 1"),
        ("o.toml", "seeds = true", "seeds must be a number, a text or a list of them, got True"),
        ("o.toml", "seeds = ", "not TOML or JSON"),
        ("o.json", "[1]", "must hold names and values of options, got [1]"),
        ("o.toml", "hidden = [0]", "--hidden must be integers >= 1"),
    ],
)
def test_files_of_options_are_checked(name, text, told, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    with pytest.raises(SystemExit) as error:
        main(["train", "d.csv", "--target", "y", "--config", str(tmp_path / name)])
    assert error.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("t.csv: say delimiter=, skip_rows= or comment=", "t.csv: say --delimiter, --skip-rows or --comment"),
        ("decimal=',' is wanted", "--decimal ',' is wanted"),
        ("drop: unknown column 'a'", "--drop: unknown column 'a'"),
        ("header=False", "--no-header"),
        ("row 3, column 'header': header is no option here", "row 3, column 'header': header is no option here"),
    ],
)
def test_arguments_of_functions_are_options_of_the_command(text, told):
    assert in_options(text) == told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--cv", "3", "--test-file", "x.csv"), "--cv and --test-file: choose one"),
        (("--group", "colour", "--time", "width"), "--group and --time: choose one"),
        (("--report", "d.csv"), "--report: 'd.csv' is the table, which would be overwritten"),
        (("--history", "r.html", "--report", "r.html"), "--history and --report are both 'r.html'"),
        (("--group", "form"), "--group: 'form' is the target"),
        (("--test-file", "d.csv", "--drop", "no"), "--drop: d.csv has no column 'no'"),
    ],
)
def test_options_that_exclude_each_other(options, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.csv", shapes(40))
    assert main(["train", "d.csv", "--target", "form", *options]) == 1
    assert told in capsys.readouterr().err


def test_inspect_shows_each_column(tmp_path, capsys):
    rows = [*shapes(60)]
    rows[3][0] = ""
    data = write(tmp_path / "d.csv", rows, delimiter=";")
    code, out, err = called(capsys, "inspect", data)
    assert (code, err) == (0, "")
    assert "read with delimiter ';', decimal mark '.', encoding utf-8, a header" in out
    lines = out.splitlines()
    first = next(line for line in lines if line.startswith("width"))
    assert first.split()[:3] == ["width", "number", "1"]
    assert out.endswith(f"to train: nbtrain train {data} --target COLUMN\n")
    assert "target 'form': 2 classes" in called(capsys, "inspect", data, "--target", "4")[1]
