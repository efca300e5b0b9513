"""Files of tables as people have them: what is read of each, against the frame that it was written from."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import itertools
import lzma
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import processes
import pytest

from nbtrain import Error, InputError
from nbtrain.table import TableEncoder, read
from nbtrain.table.reading import located

ROWS = 60


@pytest.fixture
def numbers():
    random = np.random.default_rng(0)
    return pd.DataFrame({name: random.normal(size=ROWS).round(3) for name in ("a", "b", "y")})


def text(frame: pd.DataFrame, delimiter: str = ",", decimal: str = ".", header: bool = True) -> str:
    return frame.to_csv(index=False, sep=delimiter, decimal=decimal, header=header)


def table(content: str | bytes, **options):
    return read(io.BytesIO(content.encode() if isinstance(content, str) else content), **options)


def equal(found, expected: pd.DataFrame) -> bool:
    pd.testing.assert_frame_equal(found.frame, expected, check_dtype=False)
    return True


# ---- delimiters, decimal marks, headers


@pytest.mark.parametrize("rows", [4, ROWS])
@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(numbers, delimiter, columns, rows):
    frame = numbers.iloc[:rows, -columns:].reset_index(drop=True)
    found = table(text(frame, delimiter))
    assert equal(found, frame)
    assert (found.dialect.delimiter, found.dialect.decimal, found.named) == (delimiter, ".", True)


@pytest.mark.parametrize("rows", [4, ROWS])
@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas_are_found(numbers, delimiter, columns, rows):
    frame = numbers.iloc[:rows, -columns:].reset_index(drop=True)
    assert equal(table(text(frame, delimiter, ",")), frame)


def test_decimal_commas_are_found_without_a_header_and_with_a_comma_in_it(numbers):
    nameless = table(text(numbers, ";", ",", header=False))
    assert equal(nameless, numbers.set_axis(["column 1", "column 2", "column 3"], axis=1))
    assert not nameless.named
    assert equal(
        table(text(numbers.rename(columns={"a": "Temp, C"}), ";", ",")), numbers.rename(columns={"a": "Temp, C"})
    )


def test_spaces_separate_and_surround_cells(numbers):
    rows = [f"  {a}   {b} {y}" for a, b, y in numbers.to_numpy()]
    assert equal(table("\n".join(["a b y", *rows]) + "\n"), numbers)
    spaced = table("\n".join(["a , b , y ", *[f"{a} , {b} , {y} " for a, b, y in numbers.to_numpy()]]))
    assert equal(spaced, numbers)


def people(header: bool) -> str:
    random = np.random.default_rng(1)
    rows = [f"{random.integers(20, 60)},{random.choice(['Private', 'Local'])},0,{random.choice(['<=50K', '>50K'])}"
            for _ in range(ROWS)]  # fmt: skip
    return "\n".join([*(["age,work,gain,income"] * header), *rows]) + "\n"


@pytest.mark.parametrize("header", [True, False])
def test_a_header_over_texts_and_numbers_is_told_from_a_row(header):
    found = table(people(header))
    assert (len(found), found.named) == (ROWS, header)
    assert found.frame.columns[0] == ("age" if header else "column 1")


@pytest.mark.parametrize("header", [True, False])
def test_what_the_caller_says_counts(header):
    found = table("1,2\n3,4\n5,6\n", header=header)
    assert (len(found), list(found.frame.columns)) == ((2, ["1", "2"]) if header else (3, ["column 1", "column 2"]))
    assert found.options == {"header": header}


def test_years_are_names():
    rows = [f"land{i},{i}.5,{i + 1}.5,{i + 2}.5" for i in range(30)]
    assert list(table("\n".join(["land,1990,1991,1992", *rows])).frame.columns) == ["land", "1990", "1991", "1992"]


def test_thousands_are_left_to_the_encoder_and_never_read_as_decimals():
    found = table("town\tpeople\n" + "".join(f"A\t{people:,}\n" for people in range(990, 1050)))
    assert TableEncoder(min_count=1).fit(found.frame).columns_[1].most == 1049.0
    assert table("n;y\n1,500;1\n990;2\n2,500;3\n", thousands=",").frame["n"].tolist() == [1500, 990, 2500]


# ---- lines that are no rows


@pytest.mark.parametrize(
    ("before", "noted"),
    [
        ("sep=;\n", ""),
        ("# logger 3; x\n# second\n", ""),
        ("My table\n\n", "My table"),
        ("My table; of 2024\n", "My table"),
        ("\n\n", ""),
    ],
)
def test_lines_before_the_table_are_skipped(numbers, before, noted):
    found = table(before + text(numbers, ";"))
    assert equal(found, numbers)
    assert noted in "".join(found.notes)


def test_a_title_over_two_columns(numbers):
    assert equal(table("My table\n" + text(numbers[["a", "y"]])), numbers[["a", "y"]])


def test_lines_that_the_caller_says_are_skipped(numbers):
    assert equal(table("1,2,3\n4,5,6\n" + text(numbers), skip_rows=2), numbers)
    assert equal(table(text(numbers).replace("\n", " # noted\n"), comment="#"), numbers)


@pytest.mark.parametrize("units", ["m,kg,s", "[m],,(s)"])
def test_a_row_of_units_is_skipped_and_told(numbers, units):
    first, rest = text(numbers).split("\n", 1)
    found = table(f"{first}\n{units}\n{rest}")
    assert equal(found, numbers)
    assert "units" in found.notes[0]


def test_a_word_in_the_first_row_is_no_unit():
    found = table("a,b,y\nunknown,1.5,2\n" + "1,2,3\n" * 20)
    assert len(found) == 21


def test_names_that_are_missing_or_double(numbers):
    rest = text(numbers).split("\n", 1)[1]
    found = table("a,a,y\n" + rest)
    assert list(found.frame.columns) == ["a", "a (2)", "y"]
    assert "two columns are called 'a'" in found.notes[0]
    assert list(table("a,,y\n" + rest).frame.columns) == ["a", "column 2", "y"]


def test_columns_without_name_that_hold_nothing_or_number_the_rows_are_left_out(numbers):
    trailing = table("a,b,y\n" + text(numbers).split("\n", 1)[1].replace("\n", ",\n"))
    assert equal(trailing, numbers)
    assert equal(table(numbers.to_csv()), numbers)  # with the index, as pandas writes it
    assert equal(table(numbers.reset_index(names="Unnamed: 0").to_csv()), numbers)  # read and written again
    head, rest = numbers.to_csv().split("\n", 1)
    assert equal(table(f"{head[1:]}\n{rest}"), numbers)  # as R writes it: no name for the row names


def test_newlines_and_delimiters_within_quotes():
    frame = pd.DataFrame({"a\nb": ['x\n"1"', "y, z", "w"] * 20, "y": np.arange(60) + 0.5})
    assert equal(table(text(frame)), frame)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_ends_of_lines(numbers, end):
    assert equal(table(text(numbers).replace("\n", end)), numbers)


# ---- texts


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_are_found(encoding):
    frame = pd.DataFrame({"größe": np.arange(40) + 0.5, "stadt": ["Köln", "Łódź", "東京", "Oslo"] * 10})
    assert equal(table(text(frame, "\t").encode(encoding)), frame)


@pytest.mark.parametrize("rows", [10, 50_000])  # within and beyond what is looked at first
def test_what_is_not_utf_8_is_read_as_cp1252_and_told(rows):
    frame = pd.DataFrame({"a": ["x"] * (rows - 1) + ["ü"], "y": np.arange(rows)})
    found = table(text(frame).encode("cp1252"))
    assert found.frame["a"].iloc[-1] == "ü"
    assert "encoding=" in found.notes[0]
    with pytest.raises(InputError, match="encoding="):
        table(text(frame).encode("cp1252"), encoding="utf-8")


def test_codes_keep_their_zeros():
    found = table("zip,y\n" + "".join(f"{code},1.5\n" for code in ["02139", "10001", "00501"] * 10))
    assert found.frame["zip"].tolist()[:3] == ["02139", "10001", "00501"]
    assert table("zip,y\n10001,1.5\n", text_columns=["zip"]).frame["zip"].tolist() == ["10001"]


def test_names_in_apostrophes_are_names():
    assert list(table("'a'\t'b b'\n" + "1\t2\n" * 9).frame.columns) == ["a", "b b"]
    assert list(table("'a'\tb's\n" + "1\t2\n" * 9).frame.columns) == ["'a'", "b's"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_codes_keep_their_zeros_wherever_the_first_stands(pack):
    codes = [str(number) for number in range(10_000, 70_000)] + ["", "00501"]
    numbers = range(len(codes))
    lines = [f"{code};{n};{n % 28 + 1:02}/01/2024;0.{n};0{n};{n}" for code, n in zip(codes, numbers, strict=True)]
    text = "code;n;day;share;padded;last\n" + "\n".join(lines) + "\n"
    found = table(pack(text.encode())).frame
    assert found["code"].fillna("").tolist() == codes
    assert found["code"].isna().sum() == 1
    assert found["padded"].tolist() == [f"0{n}" for n in numbers]
    expected = pd.read_csv(io.StringIO(text), sep=";")
    for name in ("n", "share", "last"):
        pd.testing.assert_series_equal(found[name], expected[name])


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("name,size\n" + "a@,1\n" * 9, {}),
        ("# a title\n\nname,size\n" + "a@,1\n\n  \nb@,2\n" * 9, {}),
        ('name,size\n"two@\nlines",1\nb@,2\n"three@\n\nlines",3\n' + "c@,4\n" * 9, {}),
        ("name,size\n(word),(kg)\n" + "a@,1\n" * 9, {}),
        ("name;size\r\n" + "a@;1,5\r\n" * 9, {}),
        ("name,size\n" + "a@,1 ! what\n! more\nb@,2\n" * 9, {"comment": "!"}),
        ("a@ 1\nb@  2\n" * 9, {"header": False}),
        ("name,size\n" + "\u00e4@,1\n\nb@,2\n" * 9, {"encoding": "utf-16"}),
    ],
)
@pytest.mark.parametrize("pack", [bytes, bz2.compress])
def test_rows_are_located_in_their_lines(tmp_path, text, options, pack):
    path, numbers = tmp_path / "t.csv", itertools.count()
    text = re.sub("@", lambda _: f"-{next(numbers)}.", text)
    path.write_bytes(pack(text.encode(options.get("encoding", "utf-8"))))
    found = read(path, **options)
    lines = text.replace("\r\n", "\n").split("\n")
    assert len(found) == next(numbers)
    for row, cell in enumerate(found.frame.iloc[:, 0]):
        (told,) = found.located([f"row {row + 1}, column 'size': bad, as is row 1"])
        place = re.fullmatch(rf"row {row + 1} \(line (\d+)\), column 'size': bad, as is row 1", told)
        assert place, told
        assert lines[int(place[1]) - 1].lstrip('"').startswith(cell.split("\n")[0])


def test_rows_of_several_files_are_located_in_theirs(tmp_path):
    for name, rows in (("a.csv", 3), ("b.csv", 2)):
        (tmp_path / name).write_text("x,y\n" + "1,2\n" * rows)
    found = read([tmp_path / "a.csv", tmp_path / "b.csv"])
    b = tmp_path / "b.csv"
    assert found.located(["row 4: a", "row 3", "no row", "row 9"]) == [
        f"row 4 ({b}, line 2): a", f"row 3 ({tmp_path / 'a.csv'}, line 4)", "no row", "row 9",
    ]  # fmt: skip
    assert found.located(["row 1"], rows=[4]) == [f"row 5 ({b}, line 3)"]
    b.unlink()
    assert found.located(["row 4"]) == ["row 4"]
    assert read(io.BytesIO(b"x,y\n1,2\n\n3,4\n")).located(["row 2"]) == ["row 2 (line 4)"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_that_are_closed_since_have_no_lines_and_hide_no_errors(tmp_path, pack):
    path = tmp_path / "t.csv"
    path.write_bytes(pack(b"x,y\n" + b"1,2\n" * 3))
    with open(path, "rb") as file:
        found = read(file)
        assert found.located(["row 2: bad"]) == ["row 2 (line 3): bad"]
    assert found.located(["row 2: bad", "no row"]) == ["row 2: bad", "no row"]
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: cannot be read again: .*closed"):
        found.texts(["x"])
    with pytest.raises(InputError, match=r"^row 3 is wrong$"), located(found):
        raise InputError("row 3 is wrong")


def test_cells_as_they_stand_in_the_file(tmp_path):
    cells = [("1.10", "007", "NA", ' "a, b"'), ("2", "08", "", "c"), ("1e3", "9", "null", "d")] * 5
    text = "x;n;gone;s\n" + "".join(f"{x};{n};{gone};{s}\n" for x, n, gone, s in cells)
    for source in (io.BytesIO(text.encode()), io.BytesIO(gzip.compress(text.encode()))):
        found = read(source, delimiter=";").texts(["n", "x", "gone", "s"])
        assert found["x"] == [x for x, *_ in cells]
        assert found["n"] == [n for _, n, *_ in cells]
        assert found["gone"] == [gone for *_, gone, _ in cells]
        assert found["s"][:3] == ["a, b", "c", "d"]
    frame = pd.DataFrame({"x": [1.5, None], "s": ["a", None]})
    frame.to_parquet(tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").texts(["x", "s"]) == {"x": ["1.5", ""], "s": ["a", ""]}


def test_none_is_a_text_and_other_words_are_missing():
    frame = table("s,x\n" + "".join(f"{s},{x}\n" for s, x in [("None", "1"), ("A", "NaN"), ("NA", "?")] * 9)).frame
    assert frame["s"].isna().sum() == 9
    assert frame["x"].isna().sum() == 18
    assert (frame["s"] == "None").sum() == 9


def test_dates_in_a_given_format():
    frame = table(
        "d,y\n" + "".join(f"{m}/{d}/2024,1\n" for m in (1, 2, 3) for d in (4, 5)), date_format="%m/%d/%Y"
    ).frame
    assert frame["d"].dt.month.tolist() == [1, 1, 2, 2, 3, 3]


# ---- formats


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_known_by_their_bytes(numbers, tmp_path, pack):
    packed = pack(text(numbers).encode())
    path = tmp_path / "TABLE.CSV.GZ"
    path.write_bytes(packed)
    assert equal(read(path), numbers)
    assert equal(table(packed), numbers)
    with pytest.raises(InputError, match="damaged"):
        table(packed[: len(packed) // 2])


def test_zip_archives(numbers):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("t.csv", text(numbers))
    found = table(stream.getvalue())
    assert equal(found, numbers)
    assert "t.csv" in found.notes[0]
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("u.csv", text(numbers))
    with pytest.raises(InputError, match=r"2 files \('t.csv', 'u.csv'\)"):
        table(stream.getvalue())


def test_excel(numbers, tmp_path):
    pytest.importorskip("openpyxl")
    frame = numbers.assign(when=pd.date_range("2024-01-01", periods=ROWS), name=["x", "y"] * 30)
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        frame.to_excel(book, sheet_name="first", index=False, startrow=2)
        numbers.to_excel(book, sheet_name="second", index=False)
        book.sheets["first"]["A1"] = "A title"
    found = read(tmp_path / "t.xlsx")
    pd.testing.assert_frame_equal(found.frame, frame, check_dtype=False, check_column_type=False)
    assert found.frame["when"].dtype.kind == "M"
    assert "2 sheets" in found.notes[0]
    assert equal(read(tmp_path / "t.xlsx", sheet="second"), numbers)
    with pytest.raises(InputError, match=r"sheet must be one of 'first', 'second', got 'third'"):
        read(tmp_path / "t.xlsx", sheet="third")


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_arrow_files(numbers, tmp_path, kind):
    pytest.importorskip("pyarrow")
    frame = numbers.assign(
        id=9007199254740992 + np.arange(ROWS), when=pd.date_range("2024-01-01", periods=ROWS, tz="UTC")
    )
    getattr(frame, f"to_{kind}")(tmp_path / "t")
    assert equal(read(tmp_path / "t"), frame)


def test_numpy_files(numbers, tmp_path):
    np.save(tmp_path / "t.npy", numbers.to_numpy())
    assert equal(read(tmp_path / "t.npy"), numbers.set_axis(["column 1", "column 2", "column 3"], axis=1))
    np.savez(tmp_path / "t.npz", X=numbers[["a", "b"]].to_numpy(), y=numbers["y"].to_numpy())
    assert equal(read(tmp_path / "t.npz"), numbers.set_axis(["X 1", "X 2", "y"], axis=1))
    np.save(tmp_path / "o.npy", np.array([1, "a", None], object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        read(tmp_path / "o.npy")


# ---- sources


def test_several_files_are_one_table(numbers, tmp_path):
    (tmp_path / "a.csv").write_text(text(numbers[:20]))
    (tmp_path / "b.csv").write_text(text(numbers[20:][["y", "b", "a"]], ";", ","))
    for source in (tmp_path / "*.csv", str(tmp_path / "*.csv"), [tmp_path / "a.csv", str(tmp_path / "b.csv")]):
        assert equal(read(source), numbers)
    (tmp_path / "c.csv").write_text(text(numbers.rename(columns={"b": "c"})))
    with pytest.raises(InputError, match=r"c\.csv: its columns are not those of .*a\.csv: 'b', 'c'"):
        read(tmp_path / "*.csv")


def test_standard_input(numbers):
    code = "import nbtrain.table as t; print(t.read('-').frame.to_csv(index=False), end='')"
    done = processes.run([sys.executable, "-c", code], input=text(numbers, ";", ","), stdin=None)
    assert done.stdout == text(numbers), done.stderr
    packed = gzip.compress(text(numbers).encode())
    done = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True, check=False)
    assert done.stdout.decode() == text(numbers), done.stderr


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("redirected", [True, False])
def test_standard_input_is_read_again(tmp_path, pack, redirected):
    path = tmp_path / "t"
    path.write_bytes(pack(b"x,s\n" + b"1.10,a\n2.00,b\n" * 5))
    code = (
        "import nbtrain.table as t; found = t.read('-'); "
        "print(found.texts(['x'])['x'][:2], *found.located(['row 2']), found.texts(['s'])['s'][:2])"
    )
    with open(path, "rb") as file:
        given = {"stdin": file} if redirected else {"input": file.read()}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, **given)
    assert done.stdout.decode().strip() == "['1.10', '2.00'] row 2 (line 3) ['a', 'b']", done.stderr.decode()


# ---- errors


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "must have rows and columns"),
        ("a,b\n", "must have rows and columns, got 0 rows and 2 columns"),
        ("a,y\n" + "1,2\n" * 60 + "1,2,3\n", "line 62: 3 cells, where the header has 2.*delimiter="),
        ("a,y\n1,2,3\n" + "1,2\n" * 60, "more cells than the 2 columns.*delimiter="),
        ('[{"a": 1}]', "looks like JSON"),
        ("<html></html>", "looks like HTML"),
        (b"%PDF-1.4 ...", "a PDF file"),
        (b"\xd0\xcf\x11\xe0 ...", "Excel file of the old kind; save it as .xlsx"),
        (b"\x00\x01\x02\x03" * 100, "no text file"),
        (b"PAR1" + b"\x00" * 40, "cannot be read"),
        (b"\x93NUMPY" + b"\x00" * 40, "damaged"),
    ],
)
def test_what_cannot_be_read_is_told(content, words):
    with pytest.raises(InputError, match=words):
        table(content)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("delimiter", ";;", "delimiter must be one character, got ';;'"),
        ("decimal", ";", "decimal must be '.' or ','"),
        ("thousands", ".", "thousands must differ from decimal"),
        ("skip_rows", -1, "skip_rows must be an integer >= 0, got -1"),
        ("encoding", "utf-99", "encoding must be a name such as"),
        ("header", "yes", "header must be True, False or None"),
        ("date_format", "dates", "date_format must be a format"),
        ("date_format", "%d/%m/%Y", "no column holds dates"),
        ("comment", "//", "comment must be one character"),
    ],
)
def test_options_are_checked(option, value, words):
    with pytest.raises(InputError, match=words):
        table("a,y\n1,2\n3,4\n", **{option: value})


def test_unknown_options_are_told():
    with pytest.raises(TypeError, match="read: unknown argument 'delimeter'; did you mean 'delimiter'"):
        table("a,y\n1,2\n", delimeter=";")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"no\.csv: cannot be read: No such file"):
        read(tmp_path / "no.csv")
    with pytest.raises(InputError, match=r"no file has such a name"):
        read(str(tmp_path / "*.csv"))
    with pytest.raises(InputError, match=r"this is a folder"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"source must be a path"):
        read(3)


def test_bytes_at_random_are_read_or_refused_but_raise_nothing_else(numbers):
    random = np.random.default_rng(3)
    stream = io.BytesIO()
    np.save(stream, numbers.to_numpy())
    for start in (text(numbers).encode(), gzip.compress(text(numbers).encode()), stream.getvalue()):
        for _ in range(60):
            content = bytearray(start)
            for _ in range(random.integers(1, 6)):
                place = int(random.integers(len(content)))
                content[place : place + int(random.integers(0, 4))] = random.bytes(int(random.integers(0, 6)))
            with contextlib.suppress(Error):
                table(bytes(content))


def test_without_pandas_the_error_says_what_to_install():
    code = "import sys; sys.modules['pandas'] = None\nimport nbtrain.table as t\nt.read('t.csv')"
    done = processes.run([sys.executable, "-c", code])
    assert "pip install nbtrain[table]" in done.stderr.splitlines()[-1]


def test_nbtrain_and_its_table_package_do_not_import_pandas():
    code = "import sys, nbtrain, nbtrain.table; nbtrain.table.TableEncoder; assert 'pandas' not in sys.modules"
    done = processes.run([sys.executable, "-c", code + "\nassert 'sklearn' not in sys.modules"])
    assert done.returncode == 0, done.stderr
