"""Tables as people have them, given to `nbtrain train` and its other commands as they are."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import json
import lzma
import math
import random
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from rectangles import called

from nbtrain import table
from nbtrain.cli import main

FAST = ("--quiet", "--seeds", "1", "--epochs", "40", "--learning-rate", "0.01")


@pytest.fixture
def draw():
    return random.Random(0)


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def trained(capsys, path, *options):
    """The report of a training that succeeds."""
    code, out, err = called(capsys, "train", path, "--json", *FAST, *options)
    assert code == 0, err
    return json.loads(out)


def linear(draw, rows=120):
    """Rows (x, z, 2x - z)."""
    for _ in range(rows):
        x, z = draw.gauss(0, 1), draw.gauss(0, 1)
        yield x, z, 2 * x - z


def test_semicolons_and_decimal_commas(tmp_path, draw, capsys):
    rows = ["a;b;y"] + [";".join(f"{v:.3f}".replace(".", ",") for v in row) for row in linear(draw)]
    assert trained(capsys, write(tmp_path / "eu.csv", rows), "--target", "y")["scores"]["r2"] > 0.9
    rows = [f"{draw.gauss(0, 1):.1f};{draw.gauss(0, 1):.1f};{i % 2}".replace(".", ",") for i in range(120)]
    report = trained(capsys, write(tmp_path / "bare.csv", rows), "--target", "-1")
    assert (report["task"], report["classes"], report["target"]) == ("classification", ["0", "1"], "column 3")


def test_a_first_row_of_data_is_no_header(tmp_path, draw, capsys):
    def people(count):
        for _ in range(count):
            wealthy = draw.choice(["<=50K", ">50K"])
            yield f"{draw.randint(20, 60)},{draw.choice(['Private', 'Self-emp'])},0,{draw.choice([0, 1])},{wealthy}"

    data, path = write(tmp_path / "t.csv", ["39,Private,0,1,<=50K", *people(60)]), str(tmp_path / "m.nbt")
    report = trained(capsys, data, "--target", "-1", "--save", path)
    assert (sum(report["rows"].values()), report["classes"]) == (61, ["<=50K", ">50K"])
    code, out, _ = called(capsys, "predict", path, write(tmp_path / "new.csv", people(5)))
    assert (code, len(out.splitlines())) == (0, 6)


def test_far_cells_at_prediction_are_told_and_cut(tmp_path, draw, capsys):
    rows = ["a,b,y"] + [",".join(f"{v:.3f}" for v in row) for row in linear(draw, 200)]
    path = str(tmp_path / "m.nbt")
    trained(capsys, write(tmp_path / "t.csv", rows), "--target", "y", "--save", path)
    new = write(tmp_path / "new.csv", ["a,b", "0.1,0.2", "1e6,0.2", "0.1,-1e9"])
    code, out, err = called(capsys, "predict", path, new)
    assert code == 0
    assert all(abs(float(value)) < 15 for value in out.split()[1:])
    for row, name in ((2, "a"), (3, "b")):
        place = rf"{re.escape(new)}, row {row} \(line {row + 1}\), column '{name}'"
        assert re.search(rf"^note: {place}: \S+ is outside of what", err, re.MULTILINE)


def test_seasons_are_learnt_from_dates(tmp_path, draw, capsys):
    rows = ["day,y"]
    for i in range(1500):
        day = datetime.date(2015, 1, 1) + datetime.timedelta(i)
        rows.append(f"{day},{10 + 8 * math.sin(2 * math.pi * day.timetuple().tm_yday / 365) + draw.gauss(0, 1):.2f}")
    data, path = write(tmp_path / "d.csv", rows), str(tmp_path / "m.nbt")
    assert trained(capsys, data, "--target", "y", "--save", path)["scores"]["r2"] > 0.85  # noise leaves about 0.97
    new = write(tmp_path / "new.csv", ["day", "2016-07-01", "2033-07-01"])
    _, out, err = called(capsys, "predict", path, new)
    near, later = map(float, out.split()[1:])
    assert abs(near - later) < 6
    assert "row 2 (line 3), column 'day'" in err
    assert "row 1" not in err


def test_words_for_missing_cells_add_up(tmp_path, draw, capsys):
    rows = ["a,b,y"]
    for i, (x, z, y) in enumerate(linear(draw, 60)):
        first = "NA" if i % 9 == 0 else "unknown" if i % 11 == 0 else "-999" if i % 13 == 0 else f"{x:.3f}"
        rows.append(f"{first},{z:.3f},{y:.3f}")
    data = write(tmp_path / "t.csv", rows)
    code, out, _ = called(capsys, "inspect", data, "--missing", "-999,unknown", "--json")
    (column, *_) = json.loads(out)["columns"]
    assert (code, column["kind"]) == (0, "number")
    assert column["missing"] == sum(not re.match(r"-?\d+\.", row) for row in rows[1:])
    assert trained(capsys, data, "--target", "y", "--missing=-999,unknown")["task"] == "regression"
    rows = ["under,y"] + [f"{'None' if i % 3 else i % 4},{i % 7}" for i in range(60)]
    data = write(tmp_path / "none.csv", rows)
    missing = [json.loads(called(capsys, "inspect", data, "--json", *options)[1])["columns"][0]["missing"]
               for options in ((), ("--not-missing", "None", "--categorical", "under"))]  # fmt: skip
    assert missing == [40, 0]


def test_names_with_commas_as_they_are_printed(tmp_path, capsys):
    rows = ['"City, State","len, cm",a,y'] + [f'"Town{i}, AL",{i % 3},{i % 5},{i}.5' for i in range(60)]
    data = write(tmp_path / "n.csv", rows)
    for drop in ("City, State", '"City, State"'):
        report = trained(capsys, data, "--target", "y", "--drop", drop, "--categorical", "len, cm")
        assert report["left_out"] == ["City, State"]
    assert trained(capsys, data, "--target", "y", "--drop", "len, cm,City, State")["left_out"][:2] == [
        "len, cm",
        "City, State",
    ]


def test_large_whole_numbers_do_not_merge(tmp_path, capsys):
    ids, n = 9007199254740992 + np.arange(80) % 2, np.arange(80)
    frame = pd.DataFrame({"id": ids, "y": 5.0 * (ids % 2) + 0.01 * n})
    frame.to_csv(tmp_path / "d.csv", index=False)
    frame.to_parquet(tmp_path / "d.parquet")
    np.savez(tmp_path / "d.npz", **{name: frame[name].to_numpy() for name in frame})
    for name in ("d.csv", "d.parquet", "d.npz"):
        report = trained(capsys, str(tmp_path / name), "--target", "id", "--task", "classification")
        assert report["classes"] == ["9007199254740992", "9007199254740993"]
        report = trained(capsys, str(tmp_path / name), "--target", "y", "--categorical", "id")
        assert report["scores"]["r2"] > 0.9


@pytest.mark.parametrize("form", ['"{:,}"', "${}", "{} €"])
def test_amounts_are_numbers_as_target(form, tmp_path, draw, capsys):
    prices = [100_000 + i % 40 * 25_000 for i in range(120)]
    rows = ["size,price"] + [f"{price / 1000 + draw.gauss(0, 5):.1f},{form.format(price)}" for price in prices]
    report = trained(capsys, write(tmp_path / "p.csv", rows), "--target", "price")
    assert report["task"] == "regression"
    assert report["scores"]["r2"] > 0.8
    assert report["scores"]["mae"] > 1000  # of prices, not of thousands


@pytest.mark.parametrize("form", ["{:.2f}%", "{:.0f} bhp", "${:.2f}"])
def test_numbers_with_units_are_numbers(form, tmp_path, capsys):
    rows = ["rate,y"] + [f"{form.format(70 + i)},{i * 0.5}" for i in range(90)]
    assert trained(capsys, write(tmp_path / "r.csv", rows), "--target", "y")["scores"]["r2"] > 0.8


def test_the_content_decides_what_a_file_is(tmp_path, capsys, monkeypatch):
    text = "\n".join(["a,y", *(f"{i},{i}.5" for i in range(60))]).encode()
    files = {"P.CSV.GZ": gzip.compress(text), "p.bz2": bz2.compress(text), "p.csv": lzma.compress(text)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        assert trained(capsys, str(tmp_path / name), "--target", "y")["rows"]["train"] == 39
    pd.read_csv(io.BytesIO(text)).to_excel(tmp_path / "p.xlsx", index=False)
    assert trained(capsys, str(tmp_path / "p.xlsx"), "--target", "y")["rows"]["train"] == 39
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(text))))
    assert trained(capsys, "-", "--target", "y")["rows"]["train"] == 39


SMALL = {
    "excel's first line": ["sep=;", "a;y", *(f"{i};{i}.5" for i in range(60))],
    "a comment": ["# logger 3", "a,y", *(f"{i},{i}.5" for i in range(60))],
    "one name less": ["a,y", *(f"{i},{i % 7},{i}.5" for i in range(60))],
    "a space behind a name": ["a,y ", *(f"{i},{i}.5" for i in range(60))],
    "years and months": ["month,y", *(f"{1950 + i // 12}-{1 + i % 12:02},{i}.5" for i in range(60))],
    "day first": [
        "id,d,y",
        *(f"{100 + i}-{10 + i}-{1000 + i},{1 + i % 28}/{1 + i % 12}/2023,{i}.5" for i in range(60)),
    ],
}


@pytest.mark.parametrize("rows", SMALL.values(), ids=SMALL)
def test_small_things_are_understood(rows, tmp_path, capsys):
    report = trained(capsys, write(tmp_path / "t.csv", rows), "--target", "y ")
    assert (report["target"], sum(report["rows"].values())) == ("y", 60)


def test_dates_and_codes_and_names_are_told_apart(tmp_path, capsys):
    rows = ["name,zip,d,y"]
    for i in range(80):
        code = ["02139", "10001", "94105", "00501"][i % 4]
        rows.append(f"Person {i},{code},{1 + i % 28}/{1 + i % 12}/2023,{i % 4 * 2 + i * 0.01:.2f}")
    code, out, _ = called(capsys, "inspect", write(tmp_path / "t.csv", rows), "--target", "y", "--json")
    kinds = {column["name"]: column["kind"] for column in json.loads(out)["columns"]}
    assert (code, kinds) == (0, {"name": "identifier", "zip": "category", "d": "date"})


def test_thousands_in_a_file_with_tabs(tmp_path, draw, capsys):
    people = [draw.randint(100, 3000) for _ in range(300)]
    rows = ["town\tpeople\tshops"] + [f"{'ABC'[i % 3]}\t{p:,}\t{p * 0.01:.2f}" for i, p in enumerate(people)]
    path = str(tmp_path / "m.nbt")
    report = trained(capsys, write(tmp_path / "t.tsv", rows), "--target", "shops", "--save", path)
    assert report["scores"]["r2"] > 0.98
    new = write(tmp_path / "new.tsv", ["town\tpeople", "A\t990", "B\t1,010", "C\t2,500"])
    _, out, _ = called(capsys, "predict", path, new)
    np.testing.assert_allclose([float(value) for value in out.split()[1:]], [9.9, 10.1, 25.0], atol=1.5)
    rows = ["a\tpeople"] + [f"{p * 0.01:.2f}\t{p:,}" for p in people]
    report = trained(capsys, write(tmp_path / "target.tsv", rows), "--target", "people")
    assert report["scores"]["rmse"] > 1.0
    assert report["scores"]["r2"] > 0.98


def test_columns_of_many_texts_are_not_lost(tmp_path, draw, capsys):
    level = [draw.gauss(0, 10) for _ in range(80)]
    rows = ["town,x,y"]
    for _ in range(2500):
        k, x = draw.randrange(80), draw.gauss(0, 1)
        rows.append(f"town {k},{x:.3f},{level[k] + x:.3f}")
    data = write(tmp_path / "t.csv", rows)
    report = trained(capsys, data, "--target", "y")
    whole = trained(capsys, data, "--target", "y", "--max-categories", "80")["scores"]["r2"]
    assert whole > 0.95
    assert report["scores"]["r2"] > 0.4  # without the column, it would be about 0.01
    assert any("'town': 80 texts" in note for note in report["notes"])


def test_a_model_of_the_command_predicts_frames(tmp_path, draw, capsys):
    rows = ["a,b,y"] + [",".join(f"{v:.3f}" for v in row) for row in linear(draw)]
    data, path = write(tmp_path / "t.csv", rows), str(tmp_path / "m.nbt")
    trained(capsys, data, "--target", "y", "--save", path)
    frame = pd.read_csv(data)
    predicted = table.load(path).predict(frame[["b", "a"]])
    assert called(capsys, "predict", path, data)[1].split()[1:] == [str(float(value)) for value in predicted]


def test_several_files_and_patterns_are_one_table(tmp_path, draw, capsys):
    rows = [",".join(f"{v:.3f}" for v in row) for row in linear(draw)]
    write(tmp_path / "part-1.csv", ["a,b,y", *rows[:50]])
    write(tmp_path / "part-2.csv", ["a,b,y", *rows[50:]])
    path = str(tmp_path / "m.nbt")
    report = trained(capsys, str(tmp_path / "part-*.csv"), "--target", "y", "--save", path)
    assert sum(report["rows"].values()) == 120
    both = [str(tmp_path / f"part-{k}.csv") for k in (1, 2)]
    assert len(called(capsys, "predict", path, *both)[1].splitlines()) == 121
    assert main(["train", str(tmp_path / "none-*.csv"), "--target", "y"]) == 1
    assert "none-*.csv: no file has such a name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        (["a,b", "1,2", "1,2,3", "3,4"], (), "--delimiter"),
        (["a,b", "1,2", "3,4", "5,6"], ("--delimiter", ",,"), "--delimiter must be one character"),
        (["a,b", "1,2", "3,4", "5,6"], ("--encoding", "latin-99"), "--encoding must be a name such as utf-8"),
        (["a,b", "1,2", "3,4", "5,6"], ("--drop", "c"), "--drop: "),
        (["a,b", "1,x", "3,y", "5,x"], ("--time", "b", "--target", "a"), "--time: "),
        (
            ["a,b", "1,x", "3,y", "5,x"],
            ("--weight", "b", "--target", "a"),
            "--weight of row 1 (line 2) must be",
        ),
        (["a,b", "1,x", "3,y", "5,x"], ("--class-weight", "z=2", "--target", "b"), "--class-weight: unknown class 'z'"),
        (["a,b", "1,x", "3,y", "5,x"], ("--metrics", "mae", "--target", "b"), "--metrics: 'mae' is for numbers"),
        (["a,b", "1,2", "3,4"], ("--date-format", "%d.%m.%Y"), "--date-format: no column holds dates"),
    ],
)
def test_messages_name_the_option_that_helps(rows, options, told, tmp_path, capsys):
    data = write(tmp_path / "t.csv", rows)
    target = () if "--target" in options else ("--target", "b")
    code, out, err = called(capsys, "train", data, *target, *options)
    assert (code, out) == (1, "")
    assert told in err
    assert err.count("\n") == 1


def test_columns_that_give_the_answer_away_are_told(tmp_path, draw, capsys):
    rows = ["x,alive,code,log,y,price"]
    for i in range(200):
        dead, price = draw.random() < 0.4, draw.uniform(1, 9)
        rows.append(f"{draw.gauss(0, 1):.3f},{'no' if dead else 'yes'},{i},{math.log(price)!r},{int(dead)},{price!r}")
    data = write(tmp_path / "t.csv", rows)
    told = [note for note in trained(capsys, data, "--target", "y")["notes"] if "alone" in note]
    assert told == [
        "'alive' alone tells 'y' in 100.0% of rows; if it is not known beforehand, leave it out with --drop alive"
    ]
    told = [note for note in trained(capsys, data, "--target", "price")["notes"] if "alone" in note]
    assert len(told) == 1
    assert told[0].startswith("'log' alone has the order of 'price'")
    out = called(capsys, "inspect", data, "--target", "y")[1]
    assert "note: 'alive' alone tells" in out


# ---- rows and cells of the files


def test_messages_name_the_line_and_the_file(tmp_path, capsys):
    lines = ["size,y", *(f"{n},{'yes' if n % 2 else 'no'}" for n in range(60))]
    data, model = write(tmp_path / "d.csv", lines), str(tmp_path / "m.nbt")
    assert called(capsys, "train", data, "--target", "y", "--save", model, *FAST)[0] == 0
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("size,y\n1,yes\n2,no\n")
    bad.write_text("size,y\n3,yes\n\nmany,no\n5,maybe\n")
    code, _, err = called(capsys, "predict", model, str(bad))
    assert code == 1
    assert "row 2 (line 4), column 'size' must be a number, as in training, got 'many'" in err
    code, _, err = called(capsys, "predict", model, str(good), str(bad))
    assert f"row 4 ({bad}, line 4), column 'size'" in err
    good.write_text("size,y\n1,yes\n\n900,no\n2,maybe\n")
    code, _, err = called(capsys, "predict", model, str(good))
    assert code == 0
    assert "row 2 (line 4), column 'size': 900 is outside" in err
    code, _, err = called(capsys, "evaluate", model, str(good))
    assert code == 1
    assert "row 3 (line 5), column 'y': unknown class 'maybe'" in err
    good.write_text("size,y\n" + "1,yes\n2,no\n" * 20 + "\n3,\n")
    code, out, err = called(capsys, "train", str(good), "--target", "y", *FAST)
    assert code == 0
    assert "1 row without a target left out, the first is row 41 (line 43)" in out


@pytest.mark.parametrize("given", ["path", "pipe", "redirection"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_kept_columns_stay_as_they_stand_in_the_file(tmp_path, given, pack):
    lines = [f"{n}.10,{n:03},{'NA' if n % 3 else ' x'},{n}" for n in range(40)]
    data, model = tmp_path / "d.csv", str(tmp_path / "m.nbt")
    data.write_bytes(pack(("price,code,note,y\n" + "\n".join(lines) + "\n").encode()))
    assert main(["train", str(data), "--target", "y", "--task", "regression", "--save", model, *FAST]) == 0
    source = str(data) if given == "path" else "-"
    with open(data, "rb") as file:
        stdin = {"input": file.read()} if given == "pipe" else {"stdin": file}
        done = subprocess.run(
            [sys.executable, "-m", "nbtrain", "predict", model, source, "--keep", "note,price,code"],
            capture_output=True, check=True, **stdin,
        )  # fmt: skip
    kept = [line.rsplit(",", 1)[0] for line in done.stdout.decode().splitlines()]
    assert kept == ["note,price,code", *(f"{note.strip()},{price},{code}" for price, code, note, _ in
                                         (line.split(",") for line in lines))]  # fmt: skip
