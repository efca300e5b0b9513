"""TableEncoder: what it makes of columns, against the arithmetic of its documentation done by hand."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pandas as pd
import pytest

from nbtrain import InputError, ModelFileError
from nbtrain.table import Column, TableEncoder

ROWS = 60


def encoded(column, **options) -> tuple[np.ndarray, Column, TableEncoder]:
    """The inputs, the Column and the encoder of a column called x, checked for what holds of all."""
    frame = pd.DataFrame({"x": column})
    encoder = TableEncoder(dtype="float64", **options)
    X = encoder.fit_transform(frame)
    assert np.isfinite(X).all()
    assert X.shape == (len(frame), len(encoder.get_feature_names_out()))
    assert np.array_equal(X, encoder.transform(frame))
    again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert np.array_equal(X, again.transform(frame))
    assert encoder.check(frame) == [] or np.abs(frame["x"]).max() > 1e150
    return X, encoder.columns_[0], encoder


def scaled(values) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return (values - values.mean()) / values.std()


# ---- numbers


def test_numbers_have_mean_0_and_deviation_1():
    values = np.random.default_rng(0).normal(5.0, 3.0, ROWS)
    X, column, _ = encoded(values)
    assert column.kind == "number"
    np.testing.assert_allclose(X[:, 0], scaled(values), atol=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "Int64", "int64[pyarrow]", "bool[pyarrow]", "object"])
def test_numbers_of_any_dtype_are_the_same(dtype):
    values = np.tile([0, 1, 1], 20)
    X, column, _ = encoded(pd.Series(values).astype(dtype))
    assert column.kind == ("boolean" if "bool" in dtype else "number")
    np.testing.assert_allclose(X[:, 0], 2.0 * values - 1.0 if "bool" in dtype else scaled(values), atol=1e-12)


def test_missing_numbers_are_the_median_and_marked():
    values = np.array([1.0, np.nan, 3.0, 8.0, np.inf] * 12)
    X, _, encoder = encoded(values)
    filled = np.where(np.isfinite(values), values, 3.0)
    np.testing.assert_allclose(X[:, 0], scaled(filled), atol=1e-12)
    assert np.array_equal(X[:, 1], ~np.isfinite(values))
    assert list(encoder.get_feature_names_out()) == ["x", "x (missing)"]
    assert "24 cells missing; the median, 3," in encoder.notes_[0]


def test_numbers_that_mean_missing_are():
    _, column, _ = encoded([1.0, 2.0, 3.0, -999.0] * 15, missing=["-999"])
    assert (column.fill, column.least, column.indicator) == (2.0, 1.0, True)


def test_far_numbers_are_brought_near_by_a_logarithm_in_training():
    values = np.array([*np.linspace(0.0, 1.0, 101), 1000.0])
    X, column, encoder = encoded(values)
    low, high = np.quantile(values, [0.25, 0.75])
    reach = 10.0 * (high - low)
    edge, step = high + reach, (high + reach - 0.0) / 21.0  # nothing is far below, so low is the least number
    near = np.where(values > edge, edge + step * np.log1p(np.maximum(values - edge, 0.0) / step), values)
    np.testing.assert_allclose(X[:, 0], scaled(near), atol=1e-12)
    assert (column.low, column.high) == (0.0, pytest.approx(edge))
    assert "1 cell outside" in encoder.notes_[0]


def test_numbers_end_at_trainings_range_and_are_told():
    frame = pd.DataFrame({"x": np.linspace(-1.0, 1.0, ROWS)})
    encoder = TableEncoder().fit(frame)
    new = pd.DataFrame({"x": [0.0, 1e300, -1e9, np.inf, np.nan, 1.1]})
    X = encoder.transform(new)[:, 0]
    edges = encoder.transform(frame)[[0, -1], 0]
    assert X[1] == X[5] == edges[1]
    assert X[2] == edges[0]
    told = encoder.check(new)
    assert (
        "row 2, column 'x': 1e+300 is outside of what training saw, and cut off; so is 1 other cell of the column"
        in told[0]
    )
    assert "row 4, column 'x': inf is missing, as no cell was in training; the median" in told[1]


@pytest.mark.parametrize("values", [[1.7e308, -1.7e308], [1e-320, 2e-320], [5.0, 5.0, 5.0 + 1e-15]])
def test_extreme_numbers_stay_finite(values):
    encoded(np.array(values * 20))


def test_sentinels_are_told():
    values = np.append(np.random.default_rng(0).normal(size=200), [-200.0] * 10)
    _, _, encoder = encoded(values)
    assert "-200 stands in 10 cells" in encoder.notes_[0]


def test_row_numbers_are_told():
    assert "counts the rows" in encoded(np.arange(100.0))[2].notes_[0]
    some = np.sort(np.random.default_rng(0).permutation(100)[:80])  # as where other rows are held back
    assert "counts the rows" in encoded(some + 1.0)[2].notes_[0]
    assert not encoded(np.sort(np.random.default_rng(0).permutation(1000)[:80]))[2].notes_


def test_whole_numbers_that_float64_cannot_hold_are_codes():
    X, column, _ = encoded(9007199254740992 + np.arange(ROWS) % 2)
    assert column.categories == ("9007199254740992", "9007199254740993")
    assert np.array_equal(X[:, 0], 2.0 * (np.arange(ROWS) % 2) - 1.0)


# ---- number-like texts


def money(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


FORMS = {
    "percent": lambda v: f"{v:.2f}%",
    "dollars": lambda v: f"${v:,.2f}",
    "dollars and space": lambda v: f"$ {v:.2f}",
    "unit": lambda v: f"{v:.2f} kg",
    "unit without space": lambda v: f"{v:.2f}kg",
    "euros": lambda v: f"{money(v)} €",
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "three decimals after a comma": lambda v: f"{v / 1000:.3f}".replace(".", ","),
    "thousands": lambda v: f"{v:,.2f}",
    "Swiss": lambda v: f"{v:,.2f}".replace(",", "'"),
    "scientific": lambda v: f"{v:.5e}",
}


@pytest.mark.parametrize("form", FORMS)
def test_number_like_texts_are_numbers(form):
    values = np.random.default_rng(2).gamma(2.0, 800.0, ROWS).round(2)
    values[0] = 12.34
    X, column, encoder = encoded([FORMS[form](v) for v in values])
    assert column.kind == "number"
    np.testing.assert_allclose(X[:, 0], scaled(values), rtol=1e-3, atol=1e-3)
    assert ("read as numbers" in "".join(encoder.notes_)) == (form != "scientific")


def test_the_form_belongs_to_the_state():
    encoder = TableEncoder().fit(pd.DataFrame({"people": ["990", "1,010", "2,500"] * 20}))
    X = encoder.transform(pd.DataFrame({"people": ["990", "2,500"]}))
    assert np.array_equal(X, encoder.transform(pd.DataFrame({"people": [990, 2500]})))
    assert encoder.text_columns == ["people"]


def test_codes_and_mixtures_stay_texts():
    made = random.Random(0)
    for texts in (
        ["02139", "10001", "00501"],
        ["70-79", "80-89"],
        ["A1", "B2"],
        ["5 kg", "7 lb", "9 st"],
        ["1.2.3", "1.2.4"],
    ):
        assert encoded([made.choice(texts) for _ in range(ROWS)])[1].kind == "category"


def test_a_few_words_among_numbers_are_missing_and_told():
    X, column, encoder = encoded(["rotary", *map(str, range(59))])
    assert (column.kind, column.words, X[0, 1]) == ("number", ("rotary",), 1.0)
    assert "'rotary' among numbers: taken as missing (1 cell)" in encoder.notes_[0]
    assert encoder.transform(pd.DataFrame({"x": ["rotary"]}))[0, 1] == 1.0
    with pytest.raises(InputError, match=r"row 2, column 'x' must be a number, as in training, got 'diesel'"):
        encoder.transform(pd.DataFrame({"x": ["3", "diesel"]}))


# ---- dates


def turn(days: np.ndarray, length: float) -> list[np.ndarray]:
    return [np.sin(2 * np.pi * days / length), np.cos(2 * np.pi * days / length)]


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "datetime64", "zoned", "arrow"],
)
def test_dates_are_their_parts(form):
    moments = pd.Series(pd.date_range("2021-01-30 03:10", periods=ROWS, freq="219h"))
    column = moments.dt.strftime(form) if "%" in form else moments
    if form == "zoned":
        column = moments.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    if form == "arrow":
        column = moments.astype("timestamp[us][pyarrow]")
    X, found, encoder = encoded(column)
    days = (moments - pd.Timestamp("1970-01-01")) / pd.Timedelta("1D")
    monday = days.to_numpy() - 4.0  # 1970-01-05 was a Monday
    expected = [scaled(days), *turn(days.to_numpy(), 365.2425), *turn(monday, 7.0), *turn(days.to_numpy(), 1.0)]
    assert found.kind == "date"
    np.testing.assert_allclose(X, np.column_stack(expected), atol=1e-6)
    assert encoder.get_feature_names_out()[1] == "x (sin season)"


@pytest.mark.parametrize("form", ["{}Q{}", "{}-Q{}", "{} Q{}"])
def test_quarters_are_their_first_days(form):
    first = pd.Series(pd.date_range("1974-01-01", periods=ROWS, freq="QS"))
    X, found, _ = encoded(pd.Series([form.format(day.year, day.quarter) for day in first]))
    expected = encoded(first)[0]
    assert found.kind == "date"
    np.testing.assert_allclose(X, expected, atol=1e-6)
    assert encoded(pd.Series(["1974Q1", "1974Q5", "1975Q1"] * 9))[1].kind == "category"


def test_only_parts_that_vary_are_inputs():
    assert encoded(pd.Series(pd.date_range("2021-01-01", periods=20)).dt.strftime("%Y-%m-%d"))[1].parts == (
        "elapsed",
        "weekday",
    )
    assert encoded([f"{1 + k % 12:02}:{k % 60:02}" for k in range(ROWS)])[1].parts == ("hour",)
    assert encoded([f"{1950 + k // 12}-{1 + k % 12:02}" for k in range(ROWS)])[1].parts[:2] == ("elapsed", "season")
    assert encoded(pd.date_range("2021-01-01", periods=900), dates="number")[1].parts == ("elapsed",)


def test_days_and_months_that_could_be_either_are_told():
    _, column, encoder = encoded([f"{1 + k % 12}/{1 + k % 11}/2024" for k in range(ROWS)])
    assert column.form == "%d/%m/%Y"
    assert "date_format='%m/%d/%Y'" in encoder.notes_[0]
    months = [f"{1 + k % 12}/1/{1960 + k // 12}" for k in range(ROWS)]  # in order if the month is first
    assert encoded(months)[1].form == "%m/%d/%Y"
    _, column, encoder = encoded([f"{1 + k % 12}/{1 + k % 28}/2024" for k in range(ROWS)])
    assert (column.form, encoder.notes_) == ("%m/%d/%Y", [])


def test_numbers_of_people_are_no_dates():
    assert encoded([f"{100 + i}-{10 + i % 90}-{1000 + i}" for i in range(ROWS)])[1].kind == "identifier"


# ---- texts


def test_each_text_has_an_input_and_rare_and_unseen_ones_share_one():
    column = ["red"] * 20 + ["blue"] * 20 + ["green"] * 17 + ["mauve", "puce", "teal"]
    X, _, encoder = encoded(column)
    assert list(encoder.get_feature_names_out()) == ["x=blue", "x=green", "x=red", "x=(other)"]
    names = [text if text in ("blue", "green", "red") else "(other)" for text in column]
    assert np.array_equal(X, pd.get_dummies(pd.Series(names))[["blue", "green", "red", "(other)"]].to_numpy(float))
    assert encoder.transform(pd.DataFrame({"x": ["azure"]})).tolist() == [[0, 0, 0, 1]]


def test_two_texts_share_one_input():
    X, _, encoder = encoded(["yes", "no"] * 30)
    assert np.array_equal(X[:, 0], [1.0, -1.0] * 30)
    new = pd.DataFrame({"x": [" yes ", "perhaps", None]})
    assert encoder.transform(new)[:, 0].tolist() == [1.0, 0.0, 0.0]
    told = encoder.check(new)
    assert "row 2, column 'x': 'perhaps' is a text that training did not see" in told[0]
    assert "row 3" in told[1]


def test_missing_texts_have_an_input():
    X, _, encoder = encoded(["a", "b", None, "NA", "?"] * 12)
    assert encoder.get_feature_names_out()[-1] == "x=(missing)"
    assert np.array_equal(X[:5], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]])


def test_of_very_many_texts_the_most_frequent_have_inputs_and_all_their_frequency():
    counts = {f"town {k}": 5 + k for k in range(120)}
    column = [town for town, count in counts.items() for _ in range(count)] + ["hamlet"]
    X, _, encoder = encoded(column, max_categories=10)
    assert X.shape == (len(column), 12)
    logs = np.log(list(counts.values()))
    expected = (np.log([counts.get(town, 1) for town in column]) - logs.mean()) / logs.std()
    np.testing.assert_allclose(X[:, -1], expected, atol=1e-12)
    assert set(encoder.columns_[0].categories) == {f"town {k}" for k in range(110, 120)}
    assert "121 texts; the 10 most frequent have an input each" in encoder.notes_[0]


def test_at_most_a_thousand_texts_are_counted():
    column = [f"t{k}" for k in range(3000) for _ in range(6)]
    found = encoded(column)[1]
    assert len(found.counts) == 1000


def test_numbers_as_codes():
    X, column, _ = encoded([3.0, 1.0, 2.0, np.nan] * 15, categorical=["x"])
    assert column.categories == ("1", "2", "3")
    assert np.array_equal(X[:4], [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    "column", [[True, False, True] * 20, ["TRUE", "false", "True"] * 20, pd.array([True, False, True] * 20)]
)
def test_booleans(column):
    X, found, encoder = encoded(column)
    assert found.kind == "boolean"
    assert X[:3, 0].tolist() == [1.0, -1.0, 1.0]
    assert encoder.transform(pd.DataFrame({"x": [1, 0, "true"]}))[:, 0].tolist() == [1.0, -1.0, 1.0]
    with pytest.raises(InputError, match="must be true or false"):
        encoder.transform(pd.DataFrame({"x": ["yes"]}))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["a"] * 30, "constant"),
        ([1.5] * 30, "constant"),
        ([None] * 30, "empty"),
        ([f"p{k}" for k in range(30)], "identifier"),
    ],
)
def test_columns_that_tell_nothing_give_nothing(column, kind):
    X, found, encoder = encoded(column)
    assert (found.kind, X.shape[1]) == (kind, 0)
    assert "'x'" in encoder.notes_[0]


def test_columns_of_any_objects_are_texts():
    for column in ([[1], [2, 3]] * 30, [b"a", b"b"] * 30, [(1,), None] * 30, pd.Categorical(["u", "v"] * 30)):
        assert encoded(column)[1].kind == "category"
    with pytest.raises(InputError, match="column 'x' must hold real numbers"):
        encoded([1j, 2j] * 30)


# ---- frames


@pytest.fixture
def frame():
    made = np.random.default_rng(0)
    return pd.DataFrame({
        "x": made.normal(size=ROWS), "n": made.integers(0, 5, ROWS),
        "city": made.choice(["Bonn", "Oslo", "Rome"], ROWS), "gap": [1.0, np.nan, 3.0] * 20,
        "day": pd.date_range("2024-01-01", periods=ROWS).strftime("%d.%m.%Y"),
    })  # fmt: skip


def test_columns_are_found_by_name(frame):
    encoder = TableEncoder().fit(frame)
    X = encoder.transform(frame)
    assert np.array_equal(X, encoder.transform(frame[["gap", "day", "city", "n", "x"]].assign(more=1)))
    with pytest.raises(InputError, match=r"columns 'n', 'gap' missing; the table has 'x', 'city', 'day'"):
        encoder.transform(frame[["x", "city", "day"]])
    assert encoder.transform(frame[:0]).shape == (0, X.shape[1])
    assert np.array_equal(encoder.transform(frame[5:6]), X[5:6])


def test_drop_and_parameters_are_checked(frame):
    assert "city" not in " ".join(TableEncoder(drop=["city"]).fit(frame).get_feature_names_out())
    for options, words in (
        ({"drop": ["citty"]}, "drop: unknown column 'citty'; did you mean 'city'"),
        ({"categorical": 3}, "categorical must be a list of names"),
        ({"far": 0}, "far must be a finite number > 0"),
        ({"min_count": 0}, "min_count must be an integer >= 1"),
        ({"max_categories": 1001}, "max_categories must be an integer from 1 to 1000"),
        ({"dates": "all"}, "dates must be 'parts' or 'number'"),
        ({"dtype": "int"}, "dtype must be 'float32' or 'float64'"),
    ):
        with pytest.raises(InputError, match=words):
            TableEncoder(**options).fit(frame)
    with pytest.raises(TypeError, match="did you mean 'max_categories'"):
        TableEncoder(max_category=3)
    with pytest.raises(InputError, match="call fit first"):
        TableEncoder().transform(frame)
    for odd in ([1, 2], "table.csv", frame["x"], pd.concat([frame, frame], axis=1), pd.DataFrame()):
        with pytest.raises(InputError):
            TableEncoder().fit(odd)
    with pytest.raises(InputError, match="at least one row"):
        TableEncoder().fit(frame[:0])


def test_tables_of_arrow_and_arrays(frame):
    pyarrow = pytest.importorskip("pyarrow")
    encoder = TableEncoder().fit(frame)
    table = pyarrow.Table.from_pandas(frame)
    X = encoder.transform(frame)
    assert np.array_equal(encoder.transform(table), X)
    assert np.array_equal(TableEncoder().fit_transform(table), X)
    assert np.array_equal(encoder.transform(frame.to_dict("list")), X)

    class Stream:  # what polars, DuckDB and others have
        def __arrow_c_stream__(self, requested_schema=None):
            return table.__arrow_c_stream__(requested_schema)

    assert np.array_equal(encoder.transform(Stream()), X)
    assert TableEncoder().fit_transform(frame[["x", "n"]].to_numpy()).shape == (ROWS, 2)


def test_the_state_is_checked():
    state = TableEncoder().fit(pd.DataFrame({"x": [1.0, 2.0] * 20, "c": ["a", "b", "d", None] * 10})).to_dict()
    number = state["columns"][0]
    with pytest.raises(ModelFileError, match="version 99"):
        TableEncoder.from_dict(state | {"version": 99})
    odd = [
        {"scale": 0.0}, {"scale": "1"}, {"low": float("nan")}, {"low": 5.0, "high": 1.0}, {"kind": "numbers"},
        {"more": 1}, {"name": 3}, {"step": -1.0}, {"form": "a|b"}, {"counts": [1]}, {"indicator": 1},
        {"categories": [1, 2]}, {"kind": "date", "parts": ["tide"]},
    ]  # fmt: skip
    for change in odd:
        with pytest.raises(ModelFileError, match="cannot be read"):
            TableEncoder.from_dict(state | {"columns": [number | change]})
    for gone in state:
        with pytest.raises(ModelFileError):
            TableEncoder.from_dict({key: value for key, value in state.items() if key != gone})
    with pytest.raises(ModelFileError, match="two columns have one name"):
        TableEncoder.from_dict(state | {"columns": [number, number]})


def test_the_caller_s_frame_stays_as_it_is(frame):
    before = frame.copy(deep=True)
    TableEncoder().fit(frame).transform(frame)
    pd.testing.assert_frame_equal(frame, before)


# ---- scikit-learn


def test_among_scikit_learns_tools(frame):
    sklearn = pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline

    y = frame["x"] * 2.0 + (frame["city"] == "Oslo")
    model = make_pipeline(TableEncoder(), Ridge(0.01))
    assert cross_val_score(model, frame, y).min() > 0.85
    assert model.fit(frame, y).score(frame, y) > 0.99
    assert "TableEncoder" in repr(model)
    assert model._repr_html_()
    search = GridSearchCV(model, {"tableencoder__far": [1.0, 10.0]}).fit(frame, y)
    assert search.best_score_ > 0.85
    made = clone(TableEncoder(far=3.0, drop=["n"]).set_output(transform="pandas"))
    found = made.fit_transform(frame)
    assert (made.far, made.drop) == (3.0, ["n"])
    assert list(found.columns) == list(made.get_feature_names_out())
    assert found.index.equals(frame.index)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(TableEncoder().fit_transform(frame), pd.DataFrame)
    both = make_column_transformer((TableEncoder(), ["x", "city"]), ("passthrough", ["n"]))
    assert both.fit_transform(frame).shape == (ROWS, 5)
    assert both.get_feature_names_out()[0] == "tableencoder__x"
    assert TableEncoder().set_params(far=2.0).get_params()["far"] == 2.0
    again = pickle.loads(pickle.dumps(made))
    assert again.transform(frame).equals(found)
