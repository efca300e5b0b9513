"""What the commands write and what they leave alone: files, links, pipes, full disks, signals, checkpoints."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import processes
import pytest
from rectangles import FAST, QUICK, called, shapes, write

import nbtrain
from nbtrain import table
from nbtrain.cli import main, train, watching

COMMAND = [sys.executable, "-m", "nbtrain"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model, the table it was trained on, and what it predicts for that."""
    folder = tmp_path_factory.mktemp("model")
    data, path, out = write(folder / "data.csv", shapes(200)), str(folder / "model.nbt"), folder / "wanted.csv"
    assert main(["train", data, "--target", "form", "--save", path, *QUICK, *FAST]) == 0
    assert main(["predict", path, data, "--output", str(out)]) == 0
    return path, data, out.read_text()


def predict(model, output):
    return main(["predict", model[0], model[1], "--output", str(output)])


# ---- where predictions go


def test_an_output_that_is_replaced_keeps_its_permissions_and_links(model, tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    if os.getuid() == 0:
        os.chown(real, 12345, 23456)
    before = real.stat()
    assert predict(model, link) == 0
    assert link.is_symlink()
    assert real.read_text() == model[2]
    after = real.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.csv", "real.csv"]


def test_a_pipe_is_written_into(model, tmp_path):
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()), daemon=True)
    reader.start()
    assert predict(model, pipe) == 0
    reader.join(20)
    assert found == [model[2]]
    assert pipe.is_fifo()


def test_the_device_of_standard_output_is_appended_to(model, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("was there\n")
    with open(out, "a") as file:
        command = [*COMMAND, "predict", model[0], model[1], "--output", "/dev/stdout"]
        subprocess.run(command, stdout=file, check=True, timeout=processes.PATIENCE)
    assert out.read_text() == f"was there\n{model[2]}"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file of somebody else")
def test_the_group_stays_where_the_owner_cannot(model, tmp_path, monkeypatch):
    out, give = tmp_path / "out.csv", os.fchown
    out.write_text("old")
    os.chown(out, 12345, 23456)

    def as_a_member_of_the_group(descriptor, owner, group):
        if owner not in (-1, os.getuid()):
            raise PermissionError(1, "Operation not permitted")
        give(descriptor, owner, group)

    monkeypatch.setattr(os, "fchown", as_a_member_of_the_group)
    assert predict(model, out) == 0
    assert out.read_text() == model[2]
    assert (out.stat().st_uid, out.stat().st_gid) == (0, 23456)


def test_a_device_stays_a_device(model, tmp_path, capsys):
    device = tmp_path / "full"
    try:
        os.mknod(device, 0o600 | 0o020000, os.makedev(1, 7))  # the device on which there is never space left
        os.close(os.open(device, os.O_WRONLY))
    except PermissionError:
        pytest.skip("devices cannot be made or used here")
    assert predict(model, device) == 1
    assert capsys.readouterr().err.endswith(f"--output: cannot write '{device}': No space left on device\n")
    assert device.is_char_device()


def test_a_dash_is_standard_output(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert predict(model, "-") == 0
    assert capsys.readouterr().out == model[2]
    assert not list(tmp_path.iterdir())


# ---- what is read is not written over


def copies(model, tmp_path):
    """The model and the table, each with a symbolic and a hard link, and another file."""
    found = {}
    for name, source in (("m.nbt", model[0]), ("t.csv", model[1])):
        shutil.copy(source, tmp_path / name)
        (tmp_path / f"soft-{name}").symlink_to(tmp_path / name)
        os.link(tmp_path / name, tmp_path / f"hard-{name}")
        found[name] = (tmp_path / name).read_bytes()
    (tmp_path / "notes.txt").write_text("mine")
    shutil.copy(model[0], tmp_path / "other.nbt")
    return found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("predict m.nbt t.csv --output {}m.nbt", "--output: '{}m.nbt' is the model, which would be overwritten"),
        ("predict m.nbt t.csv --output {}t.csv", "--output: '{}t.csv' is the table, which would be overwritten"),
        ("train t.csv --target form --save {}t.csv", "--save: '{}t.csv' is the table, which would be overwritten"),
        (
            "train t.csv --target form --checkpoint {}t.csv",
            "--checkpoint: '{}t.csv' is the table, which would be overwritten",
        ),
    ],
)
@pytest.mark.parametrize("link", ["", "./", "soft-", "hard-"])
def test_an_input_is_not_overwritten(arguments, told, link, model, tmp_path, monkeypatch, capsys):
    before = copies(model, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(arguments.format(link).split()) == 1
    assert told.format(link) in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("train t.csv --target form --save notes.txt", "--save: 'notes.txt' exists and is not an nbtrain model"),
        ("train t.csv --target form --save .", "--save must be the path of a file, got '.'"),
        ("train t.csv --target form --save -", "--save must be the path of a file, got '-'"),
        (
            "train t.csv --target form --save a.nbt --checkpoint a.nbt",
            "--checkpoint and --save are both 'a.nbt'; use different files",
        ),
        ("predict m.nbt t.csv --output other.nbt", "--output: 'other.nbt' exists and is an nbtrain model"),
    ],
)
def test_files_of_another_kind_are_not_overwritten(arguments, told, model, tmp_path, monkeypatch, capsys):
    copies(model, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 1
    assert told in capsys.readouterr().err
    assert Path("notes.txt").read_text() == "mine"
    assert Path("other.nbt").read_bytes() == Path(model[0]).read_bytes()


def test_a_model_or_an_empty_file_is_replaced(model, tmp_path):
    for content in (b"", Path(model[0]).read_bytes()):
        (tmp_path / "m.nbt").write_bytes(content)
        assert (
            main(["train", model[1], "--target", "form", "--save", str(tmp_path / "m.nbt"), *QUICK, "--seed", "1"]) == 0
        )
        assert table.load(tmp_path / "m.nbt").trainers
        assert (tmp_path / "m.nbt").read_bytes() != content


# ---- what cannot be written


def test_a_model_that_cannot_be_saved_is_saved_elsewhere(model, tmp_path, capsys, monkeypatch):
    folder, spare = tmp_path / "gone", tmp_path / "spare"
    folder.mkdir(), spare.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    fit = train.fit

    def fit_and_lose_the_folder(training, job):
        found = fit(training, job)
        folder.rmdir()
        return found

    monkeypatch.setattr(train, "fit", fit_and_lose_the_folder)
    path = str(folder / "m.nbt")
    code, out, err = called(capsys, "train", model[1], "--target", "form", "--save", path, *QUICK, *FAST)
    (kept,) = spare.iterdir()
    assert code == 1
    assert err.startswith(f"nbtrain: --save: cannot write {path!r}: ")
    assert err.endswith(f"the model was saved as {str(kept)!r}\n")
    assert f"saved {kept}" in out
    assert main(["evaluate", str(kept), model[1]]) == 0


def limited(arguments, stdout, folder, size):
    """A command that can write no file of more than so many bytes."""
    return subprocess.run(
        [*COMMAND, *arguments],
        stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=600, env={**os.environ, "TMPDIR": str(folder)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


def test_a_full_disk_is_told_in_a_line(model, tmp_path):
    path = str(tmp_path / "m.nbt")
    arguments = ["train", model[1], "--target", "form", "--save", path, "--epochs", "2", "--quiet"]
    done = limited(arguments, subprocess.PIPE, tmp_path, 2000)
    assert done.returncode == 1
    assert done.stderr == (
        f"nbtrain: --save: cannot write {path!r}: File too large; the temporary directory cannot be written either\n"
    )
    assert "accuracy" in done.stdout
    assert not list(tmp_path.iterdir())


def test_output_that_cannot_be_written_is_told_in_a_line(tmp_path):
    with open(tmp_path / "out", "w") as stdout:
        done = limited(["plugins", "list"], stdout, tmp_path, 100)
    assert (done.returncode, done.stderr) == (1, "nbtrain: standard output: File too large\n")


# ---- signals and checkpoints


def begun(*arguments, ignored=()):
    """A training that has told of an epoch."""
    process = processes.start([*COMMAND, "train", *arguments], ignored)
    for line in process.stdout:
        if line.startswith("epoch"):
            return process
    raise AssertionError(process.communicate()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_keep_the_best_model(number, model, tmp_path):
    path = tmp_path / "m.nbt"
    process = begun(model[1], "--target", "form", "--save", str(path), "--epochs", "100000", "--patience", "0")
    process.send_signal(number)
    out, err = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 128 + number, err
    assert not err
    assert "interrupted after" in out
    assert main(["evaluate", str(path), model[1]]) == 0


def test_what_is_ignored_stays_ignored(model):
    given = model[1], "--target", "form", "--epochs", "100000", "--patience", "0"
    process = begun(*given, ignored=(signal.SIGHUP,))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "interrupted after" in out


def test_a_killed_training_goes_on_from_its_checkpoint_with_the_same_result(model, tmp_path, capsys):
    given = [model[1], "--target", "form", "--patience", "0", "--hidden", "8", "--seeds", "1"]
    checkpoint = ["--checkpoint", str(tmp_path / "c.nbt")]
    process = begun(*given, *checkpoint, "--epochs", "100000", "--save", str(tmp_path / "m.nbt"))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=processes.PATIENCE)[0]
    done = nbtrain.load(tmp_path / "c.nbt").epoch
    epochs = ["--epochs", str(done + 10)]
    code, out, _ = called(capsys, "train", *given, *epochs, *checkpoint, "--save", str(tmp_path / "m.nbt"))
    assert code == 0
    assert f"finished after {done + 10} epochs (resumed after epoch {done})" in out
    assert called(capsys, "train", *given, *epochs, "--save", str(tmp_path / "whole.nbt"), "--quiet")[0] == 0
    theta = [nbtrain.load(tmp_path / name).theta for name in ("m.nbt", "whole.nbt")]
    np.testing.assert_array_equal(*theta)


def test_a_reader_that_goes_away_ends_no_training_that_is_to_be_saved(model, tmp_path):
    path = tmp_path / "m.nbt"
    process = begun(model[1], "--target", "form", "--save", str(path), "--epochs", "5000", "--patience", "0")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 1  # the report could not be written
    process.stderr.close()
    assert main(["evaluate", str(path), model[1]]) == 0


def test_a_checkpoint_that_cannot_be_written_ends_no_training(model, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.setattr(watching.Kept, "on_start", lambda self, trainer: folder.rmdir())
    path, checkpoint = str(tmp_path / "m.nbt"), str(folder / "c.nbt")
    given = ["train", model[1], "--target", "form", "--save", path, "--checkpoint", checkpoint]
    code, _, err = called(capsys, *given, *QUICK, "--seeds", "1")
    assert code == 0
    assert err.count("note: --checkpoint: cannot write ") == err.count("cannot write") == 1
    assert main(["evaluate", path, model[1]]) == 0


def test_a_table_that_was_changed_is_noted_where_a_checkpoint_goes_on(tmp_path):
    rows = [list(row) for row in shapes(100)]
    given = ["train", write(tmp_path / "d.csv", rows), "--target", "form", "--checkpoint", str(tmp_path / "c.nbt")]
    given += ["--seeds", "1"]
    assert main([*given, "--epochs", "2", "--quiet"]) == 0
    for row in rows:
        row[0] = "5.5" if row[0] < "5" else row[0]
    write(tmp_path / "d.csv", rows)
    done = processes.run([*COMMAND, *given, "--epochs", "4", "--quiet"])
    assert done.returncode == 0
    assert re.fullmatch(r"note: checkpoint: .* was written with different data.*\n", done.stderr)
