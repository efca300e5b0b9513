"""`nbtrain train`, `predict`, `evaluate`: called as functions, and where a process matters, as one."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import sys

import numpy as np
import processes
import pytest
from rectangles import FAST, QUICK, called, shapes, write

import nbtrain
from nbtrain import table
from nbtrain.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of the rectangles, and the file that it was trained on."""
    folder = tmp_path_factory.mktemp("rectangles")
    data, path = write(folder / "data.csv", shapes(400)), str(folder / "model.nbt")
    assert main(["train", data, "--target", "form", "--save", path, *QUICK, *FAST]) == 0
    return path, data


def test_training_reports_and_saves(tmp_path, capsys):
    data, path = write(tmp_path / "d.csv", shapes(400)), tmp_path / "m.nbt"
    code, out, err = called(capsys, "train", data, "--target", "form", "--save", str(path), "--epochs", "30")
    assert (code, err) == (0, "")
    assert "260 to train on, 60 to validate, 80 to test" in out
    assert "target 'form': 2 classes" in out
    assert sum(line.startswith("epoch") for line in out.splitlines()) >= 10
    accuracy = next(line for line in out.splitlines() if line.startswith("accuracy"))
    assert float(accuracy.split()[1]) > 0.9
    assert f"saved {path}" in out
    assert len(table.load(path).trainers) == 5
    with pytest.raises(nbtrain.ModelFileError, match=r"5 networks; nbtrain\.table\.load reads it"):
        nbtrain.load(path)


def test_json_is_all_of_the_output(tmp_path, capsys):
    data = write(tmp_path / "d.csv", ([a, b, c, float(a) * 100 - float(b)] for a, b, c, _ in shapes(300)))
    code, out, err = called(capsys, "train", data, "--target", "form", "--json", *FAST, *QUICK)
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["task"] == "regression"
    assert report["rows"] == {"train": 195, "validation": 45, "test": 60}
    assert report["scores"]["on"] == "test"
    assert report["scores"]["r2"] > 0.95
    assert report["scores"]["mae"] > 1.0  # in the target's own unit, whose deviation is about 230
    assert report["epochs"] == 30 or report["stopped"] == "patience"


def test_the_same_seed_gives_the_same_report(tmp_path, capsys):
    data = write(tmp_path / "d.csv", shapes(200))
    command = ("train", data, "--target", "form", "--json", *QUICK)
    first, second = (json.loads(called(capsys, *command)[1])["scores"] for _ in range(2))
    other = json.loads(called(capsys, *command, "--seed", "1")[1])["scores"]
    assert first == second
    assert first != other


def test_the_options_reach_the_trainer(tmp_path, capsys):
    data, path = write(tmp_path / "d.csv", shapes(100)), tmp_path / "m.nbt"
    options = (
        "--hidden 8,4 --activation leaky_relu:slope=0.1,tanh --dropout 0.2,0.1 --optimizer adam:beta1=0.8 "
        "--learning-rate cosine:rate=0.01:steps=500 --regularizer l2:strength=0.01 --loss binary_cross_entropy "
        "--batch-size 16 --dtype float64 --epochs 2 --quiet --patience 0 --seeds 1 --initializer he_normal"
    ).split()
    assert called(capsys, "train", data, "--target", "form", "--save", str(path), *options)[0] == 0
    trainer = nbtrain.load(path)
    assert trainer.network == nbtrain.Network(
        3,
        [
            nbtrain.Dense(8, nbtrain.activation("leaky_relu", slope=0.1), dropout=0.2, initializer="he_normal"),
            nbtrain.Dense(4, "tanh", dropout=0.1, initializer="he_normal"),
            nbtrain.Dense(1),
        ],
    )
    recipe = trainer.engine.recipe
    rate = nbtrain.schedule("cosine", rate=0.01, steps=500)
    assert recipe.optimizer == nbtrain.optimizer("adam", beta1=0.8, learning_rate=rate)
    assert recipe.regularizer == nbtrain.regularizer("l2", strength=0.01)
    assert (recipe.loss.name, recipe.batch_size, str(recipe.dtype)) == ("binary_cross_entropy", 16, "float64")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--target", "shape"), "has no column 'shape'"),
        (("--target", "from"), "did you mean 'form'?"),
        (("--target", "form", "--drop", "color"), "--drop: "),
        (("--target", "form", "--optimizer", "adma"), "did you mean 'adam'?"),
        (
            ("--target", "form", "--dropout", "0.1,0.2,0.3"),
            "--dropout must have one value, or one for each of 2 layers, got 3 values",
        ),
        (("--target", "form", "--validation-size", "0.5", "--test-size", "0.5"), "rows to train on"),
        (
            ("--target", "form", "--save", "/no/such/folder/m.nbt"),
            "--save: the directory of '/no/such/folder/m.nbt' does not exist",
        ),
        (("--target", "form", "--task", "regression"), "must hold numbers for --task 'regression', got '"),
        (("--target", "form", "--drop", "width,height,colour"), "no column is left"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(arguments, told, tmp_path, capsys):
    data = write(tmp_path / "d.csv", shapes(50))
    code, out, err = called(capsys, "train", data, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("nbtrain: ")
    assert err.count("\n") == 1
    assert told in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "missing required argument: --target"),
        (
            ("--target", "form", "--hidden", "0"),
            "--hidden must be integers >= 1 such as 64,64, or none, got '0'",
        ),
        (("--target", "form", "--epochs", "-1"), "--epochs must be an integer >= 1, got '-1'"),
        (("--target", "form", "--epochs"), "argument --epochs: expected one argument"),
        (
            ("--target", "form", "--activation", "leaky_relu:slope"),
            "--activation must be a name, or name:parameter=number such as leaky_relu:slope=0.1, got 'leaky_relu:slo",
        ),
        (("--target", "form", "--test-size", "1"), "--test-size must be a number >= 0 and < 1, got '1'"),
        (
            ("--target", "form", "--dropout", "0.1,1.5"),
            "--dropout must be numbers >= 0 and < 1, such as 0.2 or 0.2,0.1, got '0.1,1.5'",
        ),
        (
            ("--target", "form", "--learning-rate", "-1"),
            "--learning-rate must be a number > 0, or a schedule such as cosine:steps=5000, got '-1'",
        ),
        (
            ("--target", "form", "--learning-rate=nan"),
            "--learning-rate must be a number > 0, or a schedule such as cosine:steps=5000, got 'nan'",
        ),
        (
            ("--target", "form", "--task", "regresion"),
            "argument --task: unknown choice 'regresion'; did you mean 'regression'? Available: cl",
        ),
        (("--target", "form", "--header", "--no-header"), "argument --no-header: not allowed with argument --header"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wanted(arguments, told, capsys):
    with pytest.raises(SystemExit) as error:
        main(["train", "data.csv", *arguments])
    assert error.value.code == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"nbtrain train: {told}")
    assert second == "See: nbtrain train --help"


def test_missing_cells_are_filled_and_told(tmp_path, capsys):
    rows = list(shapes(200))
    for row in range(10, 22):
        rows[row][0] = "NA"
    rows[9][2], rows[30][3] = "", ""
    data, path = write(tmp_path / "d.csv", rows), str(tmp_path / "m.nbt")
    code, out, err = called(capsys, "train", data, "--target", "form", "--save", path, *QUICK, *FAST)
    assert (code, err) == (0, "")
    assert f"note: {data}: 1 row without a target left out, the first is row 31 (line 32)" in out
    assert re.search(r"note: 'width': \d+ cells missing; the median, [\d.]+, stands there, and an input of", out)
    new = write(tmp_path / "new.csv", [["", "2", ""]], ("width", "height", "colour"))
    code, out, err = called(capsys, "predict", path, new)
    assert (code, err) == (0, "")
    assert out.splitlines()[1] in ("wide", "tall")


def test_predictions_are_those_of_the_trainers_in_the_order_of_the_rows(model, tmp_path, capsys):
    path, _ = model
    rows = list(shapes(50, seed=1))
    shuffled = [[form, "x", colour, height, width] for width, height, colour, form in rows]
    header = ("form", "extra", "colour", "height", "width")
    data = write(tmp_path / "new.csv", shuffled, header, delimiter=";", encoding="utf-8-sig")
    code, out, err = called(capsys, "predict", path, data, "--proba", "--keep", "width,colour")
    assert (code, err) == (0, "")
    made = list(csv.DictReader(io.StringIO(out)))
    assert [row["width"] for row in made] == [row[0] for row in rows]
    assert [row["colour"] for row in made] == [row[2] for row in rows]
    assert sum(new["prediction"] == row[3] for new, row in zip(made, rows, strict=True)) >= 45
    loaded = table.load(path)
    described = {column["name"]: column for column in loaded.encoder.to_dict()["columns"]}
    sides = []
    for index, name in enumerate(("width", "height")):
        d = described[name]
        cut = np.clip([float(row[index]) for row in rows], d["least"], d["most"])
        sides.append((cut - d["center"]) / d["scale"])
    colours = [1.0 if row[2] == described["colour"]["categories"][1] else -1.0 for row in rows]
    X = np.array([*sides, colours]).T
    expected = np.mean([trainer.predict(X) for trainer in loaded.trainers], axis=0)
    for row, (tall, wide) in zip(made, expected, strict=True):
        assert float(row["probability tall"]) == pytest.approx(tall, abs=1e-6)
        assert float(row["probability wide"]) == pytest.approx(wide, abs=1e-6)
        assert row["prediction"] == ("wide" if wide > tall else "tall")


def test_predictions_go_to_a_file_or_become_json(model, tmp_path, capsys):
    path, data = model
    output = tmp_path / "out.csv"
    code, out, _ = called(capsys, "predict", path, data, "--output", str(output))
    assert (code, out) == (0, "")
    lines = output.read_text().splitlines()
    assert (lines[0], len(lines)) == ("prediction", 401)
    assert list(tmp_path.iterdir()) == [output]
    found = json.loads(called(capsys, "predict", path, data, "--json")[1])
    assert found["columns"]["prediction"] == lines[1:]
    code, _, err = called(capsys, "predict", path, data, "--output", str(tmp_path / "no" / "out.csv"))
    assert code == 1
    assert "--output" in err


def test_evaluation_agrees_with_the_predictions(model, tmp_path, capsys):
    path, _ = model
    rows = list(shapes(80, seed=2))
    data = write(tmp_path / "new.csv", rows)
    report = json.loads(called(capsys, "evaluate", path, data, "--json")[1])
    predicted = called(capsys, "predict", path, data)[1].splitlines()[1:]
    hits = sum(guess == row[3] for guess, row in zip(predicted, rows, strict=True))
    assert report["scores"]["accuracy"] == pytest.approx(hits / 80)
    assert report["rows"] == 80
    assert "accuracy" in called(capsys, "evaluate", path, data)[1]
    rows[4][3] = "round"
    code, _, err = called(capsys, "evaluate", path, write(tmp_path / "bad.csv", rows))
    assert code == 1
    assert "bad.csv, row 5 (line 6), column 'form': unknown class 'round'; the model knows 'tall', 'wide'" in err


def test_unknown_categories_are_noted_or_with_strict_refused(model, tmp_path, capsys):
    path, _ = model
    data = write(tmp_path / "new.csv", [["1", "2", "red", ""], ["1", "2", "green", ""]])
    code, out, err = called(capsys, "predict", path, data)
    assert code == 0
    assert len(out.splitlines()) == 3
    assert f"note: {data}, row 2 (line 3), column 'colour': 'green' is a text that training did not see\n" in err
    code, out, err = called(capsys, "predict", path, data, "--strict")
    assert (code, out) == (1, "")
    assert "green" in err


@pytest.mark.parametrize(
    ("rows", "header", "told"),
    [
        ([["1", "2"]], ("width", "height"), "column 'colour' missing"),
        (
            [["1", "2", "red"], ["1", "two", "red"]],
            ("width", "height", "colour"),
            "row 2 (line 3), column 'height' must be a number, as in training, got 'two'",
        ),
    ],
)
def test_what_prediction_cannot_use_is_named(rows, header, told, model, tmp_path, capsys):
    code, out, err = called(capsys, "predict", model[0], write(tmp_path / "new.csv", rows, header))
    assert (code, out) == (1, "")
    assert told in err


def test_files_without_header_work_from_end_to_end(tmp_path, capsys):
    data, path = write(tmp_path / "d.csv", shapes(200), header=None), str(tmp_path / "m.nbt")
    code, out, _ = called(capsys, "train", data, "--target", "-1", "--save", path, *QUICK)
    assert code == 0
    assert "target 'column 4': 2 classes" in out
    new = write(tmp_path / "new.csv", (row[:3] for row in shapes(20, seed=3)), header=None)
    code, out, _ = called(capsys, "predict", path, new)
    assert (code, len(out.splitlines())) == (0, 21)
    assert called(capsys, "evaluate", path, data)[0] == 0


def test_arrays_train_too(tmp_path, capsys):
    from nbtrain.datasets import load_digits

    X, y = load_digits()
    np.savez(tmp_path / "digits.npz", X=X[:600], y=y[:600])
    code, out, _ = called(
        capsys, "train", str(tmp_path / "digits.npz"), "--target", "y", "--json", "--hidden", "32", "--quiet"
    )
    assert code == 0
    assert json.loads(out)["scores"]["accuracy"] > 0.85


def test_models_that_describe_no_table_are_refused(tmp_path, capsys):
    trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    trainer.save(tmp_path / "m.nbt")
    data = write(tmp_path / "d.csv", [["1", "2"]], ("a", "b"))
    code, _, err = called(capsys, "predict", str(tmp_path / "m.nbt"), data)
    assert code == 1
    assert "m.nbt: holds a trainer without a table; nbtrain.load reads it" in err
    code, _, err = called(capsys, "predict", data, data)
    assert code == 1
    assert "d.csv" in err


def sums(folder):
    random = np.random.default_rng(0)
    rows = random.standard_normal((300, 3))
    table = [[*row, row.sum()] for row in rows]
    return write(folder / "t.csv", [[f"{number:.6f}" for number in row] for row in table], ("a", "b", "c", "y"))


def test_a_training_that_diverges_keeps_the_best_epoch(tmp_path, capsys):
    data, path = sums(tmp_path), str(tmp_path / "m.nbt")
    wild = ("--optimizer", "sgd", "--learning-rate", "warmup:rate=200:steps=20000", "--patience", "0")
    arguments = ["train", data, "--target", "y", "--save", path, "--json", "--quiet", "--seeds", "1", *wild]
    code, out, err = called(capsys, *arguments, "--epochs", "400")
    report = json.loads(out)
    assert code == 1
    assert err.startswith("nbtrain: training diverged: ")
    assert err.count("\n") == 1
    assert report["stopped"] == "diverged"
    assert 1 <= report["best_epoch"] <= report["epochs"] < 400
    kept = nbtrain.load(path)
    assert np.isfinite(kept.theta).all()
    code, out, err = called(capsys, *arguments, "--epochs", str(report["epochs"]))  # the same, without what came after
    assert (code, json.loads(out)["best_epoch"]) == (0, report["best_epoch"])
    assert nbtrain.load(path).theta.tobytes() == kept.theta.tobytes()


def test_a_training_that_diverges_at_once_saves_nothing(tmp_path, capsys):
    data, path = sums(tmp_path), tmp_path / "m.nbt"
    wild = ("--optimizer", "sgd", "--learning-rate", "1e30", "--quiet")
    code, out, err = called(capsys, "train", data, "--target", "y", "--save", str(path), *wild)
    assert code == 1
    assert err.startswith("nbtrain: training diverged: ")
    assert "has the parameters of" not in out
    assert not path.exists()


def test_ctrl_c_keeps_the_best_model(tmp_path):
    data, path = write(tmp_path / "d.csv", shapes(3000)), tmp_path / "m.nbt"
    command = [sys.executable, "-m", "nbtrain", "train", data, "--target", "form", "--save", str(path)]
    process = processes.start([*command, "--epochs", "100000", "--patience", "0"])
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted after" in out
    assert "accuracy" in out
    assert main(["evaluate", str(path), data]) == 0


def test_a_column_name_with_a_comma_stands_in_quotes(tmp_path, capsys):
    rows = [(i, i * i % 7, i % 3, "ab"[i % 2]) for i in range(60)]
    data = write(tmp_path / "d.csv", rows, header=("length, cm", "size", "age", "kind"))
    code, out, _ = called(capsys, "train", data, "--target", "kind", "--drop", 'size,"length, cm"', "--epochs", "1")
    assert code == 0
    assert "5 networks, each with 1 inputs" in out
