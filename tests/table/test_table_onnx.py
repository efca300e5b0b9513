"""The ONNX model of a table, run by onnxruntime: its predictions, also of cells that training never saw."""

from __future__ import annotations

import numpy as np
import onnx_runtime
import pandas as pd
import pytest

from nbtrain import table

ROWS = 240


@pytest.fixture(scope="module")
def frame():
    made = np.random.default_rng(0)
    return pd.DataFrame({
        "x": made.normal(size=ROWS),
        "far": np.append(made.normal(size=ROWS - 2), [1e6, -1e5]),
        "gap": np.where(made.random(ROWS) < 0.2, np.nan, made.normal(size=ROWS)),
        "sentinel": made.choice([1.0, 2.0, -999.0], ROWS),
        "price": [f"${value:,.2f}" for value in made.gamma(2.0, 800.0, ROWS)],
        "yes": made.choice(["yes", "no"], ROWS),
        "colour": made.choice(["red", "blue", "green", None], ROWS),
        "rare": [*["a"] * 100, *["b"] * 100, *map(str, range(40))],
        "town": made.choice([f"town {k}" for k in range(20)], ROWS),
        "flag": made.choice([True, False, None], ROWS),
        "stamp": pd.date_range("2021-01-01", periods=ROWS, freq="37h").strftime("%Y-%m-%d %H:%M:%S"),
        "day": pd.date_range("2021-01-01", periods=ROWS, freq="3D").where(made.random(ROWS) > 0.1),
        "const": "same",
    })  # fmt: skip


def strange(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells that training never saw, one kind in each of the last rows."""
    found = frame.astype({name: object for name in ("yes", "colour", "rare", "town", "flag", "stamp", "price")})
    numbers = [name for name in found if found[name].dtype == np.float64]
    for row, value in enumerate([1e9, -1e9, np.nan, np.inf, -np.inf, 1e300]):
        found.loc[row, numbers] = value
    for row, value in enumerate(["unseen", None, "", "NA", "n/a"]):
        found.loc[row, ["yes", "colour", "rare", "town"]] = value
    found.loc[0, "stamp"], found.loc[1, "stamp"], found.loc[2, "stamp"] = "1969-12-31 23:59:59", "2099-07-01", None
    found.loc[0, "price"], found.loc[1, "price"], found.loc[2, "price"] = "$9,999,999", "$-1", None
    return found


def check(frame, target, **options) -> None:
    training = frame.assign(y=target)
    encoder = table.TableEncoder(missing=[*table.MISSING, "-999"], max_categories=10, min_count=3)
    model = table.train(training, "y", encoder=encoder, epochs=3, hidden=(8,), **options)
    assert {column.kind for column in model.encoder.columns_} == {"number", "category", "boolean", "date", "constant"}
    made = model.to_onnx()
    assert {one.name for one in made.graph.input} == {c.name for c in model.encoder.columns_ if c.names}
    for rows in (frame, strange(frame), frame[:1]):
        found = onnx_runtime.run(made, model.onnx_inputs(rows))
        if model.target.task == "regression":
            np.testing.assert_allclose(found["prediction"][:, 0], model.predict(rows), rtol=1e-5, atol=1e-5)
        else:
            np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows), atol=1e-5)
            predicted = model.predict(rows)
            assert found["label"].tolist() == list(predicted if model.target.type == "integer" else map(str, predicted))


def test_classes(frame):
    check(frame, np.where(frame["x"] > 0, "up", "down"), seeds=3)


def test_whole_numbers_as_classes_of_a_binary_loss(frame):
    check(frame, (frame["x"] > 0).astype(int), seeds=1, loss="binary_cross_entropy")


def test_booleans_as_classes_in_float64(frame):
    check(frame, frame["x"] > 0, seeds=2, dtype="float64")


def test_numbers(frame):
    check(frame, 1000.0 * frame["x"] + 5e5, seeds=2)


def test_the_file_and_its_metadata(frame, tmp_path):
    model = table.train(frame.assign(y=frame["x"]), "y", seeds=1, epochs=1, hidden=())
    made = model.to_onnx(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == made.SerializeToString()
    assert {entry.key: entry.value for entry in made.metadata_props}["target"] == '"y"'
