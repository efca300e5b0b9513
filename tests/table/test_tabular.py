"""Tables: what a file's cells become, and what is said of those that cannot be used."""

from __future__ import annotations

import csv
import gzip
import re
import sys
from datetime import date

import numpy as np
import pytest

import nbtrain
from nbtrain.table import files, outliers
from nbtrain.table.cells import Reading, kind_of, parse
from nbtrain.table.columns import fit, moments
from nbtrain.table.csvfile import Dialect
from nbtrain.table.preparation import Preparation, fit_columns
from nbtrain.table.split import split
from nbtrain.table.table import Table
from nbtrain.table.targets import Target, detect, for_loss

READING = Reading.of()


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return str(path)


def table_of(**columns):
    return Table("t.csv", tuple(columns), tuple(columns.values()))


# ---- CSV


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("a,b\n1,x y\n2.5,z\n", "utf-8"),
        ("\ufeffa,b\r\n1,x y\r\n2.5,z\r\n", "utf-8"),
        ("a;b\n1;x y\n2,5;z\n", "utf-8"),
        ('a\tb\n1\t"x y"\n2.5\tz', "utf-16"),
        ("a|b\n\n1|x y\n\n2.5|z\n\n", "utf-8"),
        ('"a", "b"\n 1 , "x y"\n2.5, z \n', "utf-8"),
        (",a,b\n0,1,x y\n1,2.5,z\n", "utf-8"),  # the row numbers that pandas writes
        ("a,b,\n1,x y,\n2.5,z,\n", "utf-8"),  # a delimiter at the end of each line
    ],
    ids=["plain", "bom", "semicolon", "utf-16", "blank-lines", "quotes-and-spaces", "index", "trailing"],
)
def test_csv_in_many_forms_is_the_same_table(tmp_path, text, encoding):
    table = files.read(write(tmp_path / "t.csv", text, encoding))
    assert table.names == ("a", "b")
    assert table["b"] == ["x y", "z"]
    assert parse(table["a"], "number", READING, table, "a").values.tolist() == [1.0, 2.5]


def test_quoted_fields_may_hold_delimiters_quotes_and_line_breaks(tmp_path):
    table = files.read(write(tmp_path / "t.csv", 'a,b\n1,"x, ""y""\nz"\n2,w\n'))
    assert table["b"] == ['x, "y"\nz', "w"]
    assert table.place(1, "b").endswith("row 2 (line 4), column 'b'")


def test_compressed_and_single_column_files(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert files.read(str(tmp_path / "t.csv.gz")).names == ("a", "b")
    table = files.read(write(tmp_path / "one.csv", "a\n1\n\n3\n\n\n"))
    assert table["a"] == ["1", "", "3"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b\n1,2\n", True),
        ("1,2\n3,4\n", False),
        ("5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n", False),
        ("country,2019,2020\nx,1,2\n", True),
        ("1.5,b\n1,2\n", False),
    ],
)
def test_whether_there_is_a_header_is_found_out(tmp_path, text, named):
    table = files.read(write(tmp_path / "t.csv", text))
    assert table.named is named
    assert named or table.names[0] == "column 1"


def test_a_header_can_be_declared(tmp_path):
    path = write(tmp_path / "t.csv", "2019,2020\n1,2\n")
    assert files.read(path, Dialect(header=True)).names == ("2019", "2020")
    assert files.read(path, expected={"2020"}).names == ("2019", "2020")
    assert len(files.read(path)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"a,b\n", "no rows of data"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields, where line 1 has 2"),
        (b"a,a\n1,2\n", "two columns are called 'a'"),
        (b"a,b\n1,caf\xe9\n", "line 2: this is not utf-8 text"),
        (b'a,b\n1,"x\n2,y\n', "line 2: a quotation mark opens a field here"),
        (b"a,b\n1,\x00\n", "line 2: it contains a NUL"),
        (b"a,b,c,d,e\n1,2,3,4,5\n\n6,7\n", "line 4: 2 fields, where line 1 has 5"),
        (b"a,b\n1,2\n3\n", "line 3: 1 field, where line 1 has 2"),
        (b'a,b\n1,2\n3,"x\n4,y\n', "line 3: a quotation mark opens a field here that is never closed"),
        (b'a,b\n1,"x"y\n', "line 2: .* a quotation mark is written twice"),
    ],
)
def test_files_that_cannot_be_read_are_refused_by_line(tmp_path, text, told):
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    with pytest.raises(nbtrain.InputError) as error:
        files.read(str(path))
    assert told in str(error.value) or re.search(told, str(error.value))


def test_blank_lines_are_passed_over_and_empty_fields_are_missing_cells(tmp_path):
    table = files.read(write(tmp_path / "t.csv", "  \na,b,c\n1,2,3\n\n   \n4,,\n\n"))
    assert (table["a"], table["c"], table.lines) == (["1", "4"], ["3", ""], [3, 6])


def test_fields_may_be_long(tmp_path):
    limit = csv.field_size_limit()
    assert files.read(write(tmp_path / "t.csv", f"a,b\n{'x' * 200_000},2\n"))["a"] == ["x" * 200_000]
    assert csv.field_size_limit() == limit  # it is that of the whole process


# ---- arrays


def test_arrays_are_tables(tmp_path):
    X, y = np.arange(6.0).reshape(3, 2), np.array(["u", "v", "u"])
    np.savez(tmp_path / "t.npz", X=X, y=y, sure=np.array([True, False, True]))
    table = files.read(str(tmp_path / "t.npz"))
    assert table.names == ("X 1", "X 2", "y", "sure")
    assert table["y"] == ["u", "v", "u"]
    assert table["X 2"].tolist() == [1.0, 3.0, 5.0]
    assert kind_of(table["sure"], READING, table, "sure") == "boolean"
    np.save(tmp_path / "t.npy", X.astype(np.int16))
    assert files.read(str(tmp_path / "t.npy")).names == ("column 1", "column 2")
    records = np.array([(1.5, "u"), (2.5, "v")], [("a", "f4"), ("b", "U1")])
    np.save(tmp_path / "r.npy", records)
    table = files.read(str(tmp_path / "r.npy"))
    assert (table.names, table["b"], table.named) == (("a", "b"), ["u", "v"], True)


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 2)), np.zeros((2, 2), complex), np.array(["a", None])]
)
def test_other_arrays_are_refused(tmp_path, array):
    np.save(tmp_path / "t.npy", array, allow_pickle=True)
    with pytest.raises(nbtrain.InputError, match=r"t\.npy"):
        files.read(str(tmp_path / "t.npy"))


def test_parquet_without_pandas_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(nbtrain.Error, match="pip install pandas pyarrow"):
        files.read(str(tmp_path / "t.parquet"))


def test_a_frame_is_a_table(monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, None, 3], "b": ["x", None, "y"], "c": pandas.to_datetime(["2024-01-02"] * 3)})
    monkeypatch.setattr(pandas, "read_parquet", lambda path: frame)  # pyarrow, which reads it, is a large package
    table = files.read("t.parquet")
    np.testing.assert_array_equal(table["a"], [1.0, np.nan, 3.0])
    assert table["b"] == ["x", "", "y"]
    assert kind_of(table["c"], READING, table, "c") == "date"


# ---- cells


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2.5", "1e3", ".5", "NA"], "number"),
        (["1" * 30, "2"], "number"),
        (["True", "FALSE", "true", ""], "boolean"),
        (["2024-01-31", "1999-12-01"], "date"),
        (["2024-01-31T12:00:00+02:00", "2024-01-31 10:00"], "date"),
        (["red", "blue"], "category"),
        (["1_000", "2_000"], "category"),
        (["yes", "no", "?"], "category"),
        (["", "nan", "N/A"], None),
    ],
)
def test_the_kind_of_a_column_is_found_out(cells, kind):
    assert kind_of(cells, READING, table_of(c=cells), "c") == kind


def test_a_stray_text_among_numbers_is_named():
    cells = ["1", "2", "3", "4", "twelve", "5"]
    with pytest.raises(nbtrain.InputError, match=r"row 5, column 'age': 'twelve' is not a number"):
        kind_of(cells, READING, table_of(age=cells), "age")


def test_dates_are_days_and_times_parts_of_them():
    cells = ["2024-03-01", "1970-01-01", "2024-01-31T12:00:00+02:00"]
    values = parse(cells, "date", READING, table_of(d=cells), "d").values
    wanted = [(date(2024, 3, 1) - date(1970, 1, 1)).days, 0, (date(2024, 1, 31) - date(1970, 1, 1)).days + 10 / 24]
    np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1" * 400, "1e999"])
def test_infinite_numbers_are_refused(text):
    cells = ["1", text]
    with pytest.raises(nbtrain.InputError, match=r"row 2, column 'c'.* finite"):
        parse(cells, "number", READING, table_of(c=cells), "c")


def test_words_for_missing_cells_can_be_chosen():
    reading = Reading.of(["-999", "none at all"])
    cells = ["-999", "", "None at all", "NA"]
    assert parse(cells, "category", reading, table_of(c=cells), "c").missing.tolist() == [True, True, True, False]
    numbers = np.array([-999.0, 1.0, np.nan])
    assert parse(numbers, "number", reading, table_of(c=numbers), "c").missing.tolist() == [True, False, True]


# ---- columns


@pytest.mark.parametrize(
    "values", [[1.0, 2.0, 4.0], [1e308, -1e308, 0.0], [1e18, 1e18 + 512, 1e18 + 1024], [1e-300, 0]]
)
def test_moments_are_mean_and_deviation_without_overflow(values):
    from fractions import Fraction

    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    deviation = (float(sum((x - mean) ** 2 for x in exact) / len(exact) / Fraction(max(values)) ** 2)) ** 0.5 * max(
        values
    )
    center, scale = moments(np.array(values))
    assert center == pytest.approx(float(mean), rel=1e-12, abs=1e-3 * deviation)
    assert scale == pytest.approx(deviation, rel=1e-6)


def test_a_column_is_scaled_by_its_training_rows_alone():
    cells = ["1", "3", "1000"]
    parsed = parse(cells, "number", READING, table_of(c=cells), "c")
    column = fit("c", "number", parsed, np.array([0, 1]), impute=False)
    assert (column.center, column.scale) == (2.0, 1.0)
    assert column.encode(parsed)[0].ravel().tolist() == [-1.0, 1.0, 998.0]


def test_missing_numbers_become_the_median_and_missing_categories_one_of_their_own():
    table = table_of(n=["1", "", "3", "8"], c=["x", "", "y", "x"])
    columns = fit_columns(table, np.arange(4), READING, impute=True)
    made = Preparation(tuple(columns), Target("t", "regression"), READING, table.names, True)
    X, notes = made.encode(table, np.float64)
    assert notes == []
    filled = np.array([1.0, 3.0, 3.0, 8.0])
    np.testing.assert_allclose(X[:, 0], (filled - filled.mean()) / filled.std(), rtol=1e-12)
    assert X[:, 1:].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_constant_columns_give_nothing_and_crowded_ones_are_refused_together():
    table = table_of(c=["5"] * 4, n=["1", "2", "3", "4"], t=["x"] * 4, u=["x", "x", "y", "x"])
    columns = fit_columns(table, np.arange(4), READING, False)
    assert [column.width for column in columns] == [0, 1, 0, 2]
    assert (
        not columns[2].encode(parse(["x", "z"], "category", READING, table, "t"))[1].any()
    )  # nothing is unknown to it
    assert [column.width for column in fit_columns(table, np.array([0, 1]), READING, False)] == [0, 1, 0, 0]
    texts = [f"name {i}" for i in range(60)]
    table = table_of(first=texts, n=["1"] * 60, last=texts)
    with pytest.raises(nbtrain.InputError, match=r"'first' \(60\), 'last' \(60\).*--drop 'first,last'"):
        fit_columns(table, np.arange(60), READING, False)


def test_every_gap_is_told_with_the_first_one_placed():
    table = table_of(a=["1", "2", "NA"], b=["x", "", ""])
    with pytest.raises(nbtrain.InputError, match=r"row 2, column 'b': missing value.*'a' 1, 'b' 2"):
        fit_columns(table, np.arange(3), READING, False)


def prepared():
    table = table_of(n=["1", "2", "3"], c=["x", "y", "x"], t=["u", "v", "u"])
    target = detect(table["t"], "", READING, table, "t")
    columns = fit_columns(table.without(["t"]), np.arange(3), READING, False)
    return Preparation(tuple(columns), target, READING, table.names), table


def test_columns_are_found_by_name_in_any_order_among_others():
    made, table = prepared()
    other = table_of(c=table["c"], extra=["?"] * 3, n=table["n"])
    np.testing.assert_array_equal(made.encode(other, "float32").X, made.encode(table, "float32").X)


def test_what_prediction_cannot_use_is_named():
    made, _ = prepared()
    with pytest.raises(nbtrain.InputError, match="column 'c' missing; the file has 'n', 'd'"):
        made.encode(table_of(n=["1"], d=["x"]), "float32")
    with pytest.raises(nbtrain.InputError, match=r"row 2, column 'n' must be a number, got 'x'"):
        made.encode(table_of(n=["1", "x"], c=["x", "x"]), "float32")
    with pytest.raises(nbtrain.InputError, match=r"row 1, column 'c': missing value.*without --impute"):
        made.encode(table_of(n=["1"], c=[""]), "float32")
    with pytest.raises(nbtrain.InputError, match=r"row 1, column 'n': too far"):
        made.encode(table_of(n=["1e300"], c=["x"]), "float32")


def test_an_unknown_category_is_zero_everywhere_and_noted_or_refused():
    made, _ = prepared()
    table = table_of(n=["1", "2", "3"], c=["x", "green", "blue"])
    X, notes = made.encode(table, "float64")
    assert X[:, 1:].tolist() == [[1, 0], [0, 0], [0, 0]]
    assert len(notes) == 1
    assert "row 2, column 'c': category 'green'" in notes[0]
    assert "1 more" in notes[0]
    with pytest.raises(nbtrain.InputError, match="green"):
        made.encode(table, "float64", strict=True)


def test_nameless_columns_are_matched_by_position():
    made, table = prepared()
    for names in ((0, 1, 2), (0, 1)):
        nameless = Table(
            "n.csv", ("column 1", "column 2", "column 3")[: len(names)], tuple(table.columns[i] for i in names), False
        )
        np.testing.assert_array_equal(made.encode(made.align(nameless), "float32").X, made.encode(table, "float32").X)
    with pytest.raises(nbtrain.InputError, match="1 columns without names; the model takes 2"):
        made.align(Table("n.csv", ("column 1",), (["1"],), False))


def test_a_preparation_survives_json():
    import json

    made, _ = prepared()
    assert Preparation.from_dict(json.loads(json.dumps(made.to_dict())), "m.nbt") == made
    for broken in ({}, {**made.to_dict(), "version": 99}, {**made.to_dict(), "columns": [{"nonsense": 1}]}):
        with pytest.raises(nbtrain.ModelFileError, match=r"m\.nbt"):
            Preparation.from_dict(broken, "m.nbt")


# ---- cells far from all others


@pytest.mark.parametrize("far", [1e4, -1e9, 1e300])
def test_a_cell_that_decides_the_scale_is_told_with_its_place(far):
    random = np.random.default_rng(0)
    values = random.normal(size=500)
    values[17] = far
    table = table_of(a=[str(v) for v in values], b=[str(v) for v in random.normal(size=500)])
    (note,) = outliers.notes(table, fit_columns(table, np.arange(500), READING, False), READING)
    assert note.startswith(f"{table.place(17, 'a')}: {far:g} is far from the other values, half of which are from -0.")


@pytest.mark.parametrize("kind", ["normal", "lognormal", "cauchy", "zeros", "two groups", "constant", "wide"])
def test_columns_that_are_just_so_are_not_told(kind):
    random = np.random.default_rng(0)
    values = {
        "normal": random.normal(size=2000),
        "lognormal": np.exp(random.normal(size=2000)),
        "cauchy": random.standard_t(2, size=2000),
        "zeros": np.where(random.random(2000) < 0.9, 0.0, random.random(2000) * 1e4),
        "two groups": random.normal(size=2000) + 1e6 * (np.arange(2000) % 2),
        "constant": np.full(2000, 3.0),
        "wide": random.normal(size=2000) + 1e4 * (np.arange(2000) % 10 == 0),  # a tenth of the rows is no stray
    }[kind]
    assert not len(outliers.far_rows(values))
    assert not len(outliers.far_rows(np.full(3, np.nan)))


def test_forms_of_dates_that_are_not_read_are_told():
    for text in ("{:02}.12.2024", "12/{:02}/2024", "{} Dec 2024"):
        table = table_of(when=[text.format(day) for day in range(1, 29)])
        with pytest.raises(nbtrain.InputError, match=r"'when' seems to hold dates such as .*have the form 2024-12-31"):
            fit_columns(table, np.arange(28), READING, False, most=20)


@pytest.mark.parametrize("name", ["t.npy", "t.npz"])
def test_damaged_arrays_are_refused_with_a_line(name, tmp_path):
    path, random = tmp_path / name, np.random.default_rng(0)
    values = np.arange(60.0).reshape(20, 3)
    np.save(path, values) if name == "t.npy" else np.savez_compressed(path, X=values)
    whole, refused = path.read_bytes(), []
    for _ in range(300):
        damaged = bytearray(whole)
        for place in random.integers(0, min(200, len(whole)), 2):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged if random.random() < 0.7 else damaged[: random.integers(len(whole))])
        try:
            files.read(str(path))
        except nbtrain.InputError as error:
            refused.append(str(error))
    assert len(refused) > 200
    assert all(text.startswith(str(path)) and "\n" not in text for text in refused)


# ---- targets


@pytest.mark.parametrize(
    ("cells", "task", "labels"),
    [
        (["b", "a", "b"] * 5, "classification", ("a", "b")),
        (["1", "0", "1.0", "0"] * 5, "classification", ("0", "1")),
        (["10", "9", "100"] * 5, "classification", ("9", "10", "100")),
        (["True", "False"] * 5, "classification", ("False", "True")),
        ([str(i) for i in range(40)], "regression", ()),
        (["0.5", "1.5"] * 20, "regression", ()),
        (["01", "02", "10"] * 5, "classification", ("01", "02", "10")),
        ([f"{i:03}" for i in range(30)] * 2, "classification", tuple(f"{i:03}" for i in range(30))),
        ([f"{i:03}" for i in range(40)], "regression", ()),
        (["+1", "-1"] * 5, "classification", ("-1", "+1")),
    ],
)
def test_classes_or_numbers_is_found_out(cells, task, labels):
    target = detect(cells, "", READING, table_of(t=cells), "t")
    assert (target.task, target.labels) == (task, labels)
    codes = target.codes(cells, READING, table_of(t=cells))
    if labels:
        assert [labels[code] for code in codes] == [cell.removesuffix(".0") for cell in cells]
    else:
        assert codes.tolist() == [float(cell) for cell in cells]
    assert detect(["01", "02"] * 5, "regression", READING, table_of(t=cells), "t").task == "regression"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["a"] * 5, "only one class, 'a'"),
        (["1.5"] * 5, "1.5 in every row"),
        (["2024-01-01", "2024-01-02"], "date"),
        (["", "NA"], "all values of the target are missing"),
        ([f"name {i}" for i in range(30)], "30 classes in 30 rows"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused(cells, told):
    with pytest.raises(nbtrain.InputError, match=told):
        detect(cells, "", READING, table_of(t=cells), "t")


def test_numbers_are_learnt_scaled_and_come_back_in_their_unit():
    codes = np.array([100.0, 300.0, 500.0])
    target = for_loss(Target("t", "regression"), nbtrain.loss("mse").spec, codes)
    learnt = target.encode(codes)
    assert learnt.mean() == pytest.approx(0.0)
    assert learnt.std() == pytest.approx(1.0)
    np.testing.assert_allclose(target.decode(learnt[:, None]), codes)


def test_classes_take_the_form_of_the_loss():
    two, three = (Target("t", "classification", tuple("abc"[:n])) for n in (2, 3))
    softmax, logistic, mse = (nbtrain.loss(n).spec for n in ("softmax_cross_entropy", "binary_cross_entropy", "mse"))
    codes = np.array([0, 1])
    assert for_loss(two, softmax, codes).encode(codes).tolist() == [0, 1]
    assert (for_loss(two, logistic, codes).outputs, for_loss(three, logistic, codes).outputs) == (1, 3)
    assert for_loss(three, mse, codes).encode(codes).tolist() == [[1, 0, 0], [0, 1, 0]]
    binary = for_loss(two, logistic, codes)
    assert binary.probabilities(np.array([[0.25]])).tolist() == [[0.75, 0.25]]
    assert binary.decode(np.array([[0.25], [0.75]])).tolist() == [0, 1]
    with pytest.raises(nbtrain.InputError, match="is for classes"):
        for_loss(Target("t", "regression"), softmax, codes)


# ---- splits and scores


def test_a_split_gives_each_row_once_and_each_part_its_share_of_every_class():
    classes = np.repeat([0, 1, 2, 3], [1000, 100, 10, 1])
    parts = split(classes, len(classes), (0.15, 0.2), 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(classes)))
    counts = np.array([np.bincount(classes[part], minlength=4) for part in parts])
    assert counts[1].tolist()[:2] == [150, 15]
    assert counts[2].tolist()[:2] == [200, 20]
    assert (counts[0] > 0).all()
    again = split(classes, len(classes), (0.15, 0.2), 0)
    other = split(classes, len(classes), (0.15, 0.2), 1)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    assert not np.array_equal(parts[1], other[1])


def test_damaged_files_are_read_or_refused_but_raise_nothing_else(tmp_path):
    """Bytes are put in, replaced and cut off at random: a job comes out, or an error of nbtrain's own."""
    import random

    from nbtrain.cli import build_parser
    from nbtrain.cli.job import prepare

    draw = random.Random(0)
    lines = [f"{i / 7:.3f};{i % 5};{'red blue'.split()[i % 2]};2024-01-{i % 28 + 1:02};{i % 3}" for i in range(60)]
    sound = "\n".join(["size;count;colour;day;t", *lines]).encode()
    spoilers = (
        b'; , " \n \r \t \x00 \xff inf nan NA 1e999 1e308 -1e308 2024-13-45 0001-01-01T00:00+14:00 1_0 \xef\xbb\xbf'
    )
    options = ("--impute", "--task=classification", "--task=regression", "--categorical=1", "--no-header", "--header")
    parser, path, outcomes = build_parser(), tmp_path / "t.csv", []
    for _ in range(300):
        damaged = bytearray(sound)
        for _ in range(draw.choice([0, 1, 2, 6])):
            start = draw.randrange(len(damaged))
            damaged[start : start + draw.choice([0, 1, 12])] = draw.choice(spoilers.split(b" ")) * draw.choice([1, 3])
        path.write_bytes(damaged)
        chosen = draw.sample(options[:4], draw.randrange(3)) + draw.sample(options[4:], draw.randrange(2))
        arguments = parser.parse_args(["train", str(path), "--target", draw.choice(["t", "-1", "1"]), *chosen])
        try:
            job = prepare(arguments)
        except nbtrain.Error:
            outcomes.append("refused")
            continue
        outcomes.append("read")
        X, _ = job.parts["train"]
        assert np.isfinite(X).all()
        assert X.shape[1] == job.preparation.inputs
    assert min(outcomes.count("read"), outcomes.count("refused")) > 20
