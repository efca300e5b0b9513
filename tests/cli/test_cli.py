"""The command line, run as users run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import processes
import pytest

import nbtrain
from nbtrain import cli


def command(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "nbtrain", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | environment,
    )


def test_version():
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"nbtrain {nbtrain.__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("demo",),
        ("train",),
        ("predict",),
        ("evaluate",),
        ("export",),
        ("cache",),
        ("cache", "info"),
        ("cache", "clear"),
        ("warmup",),
        ("plugins",),
        ("completion",),
    ],
)
def test_every_command_has_a_help(arguments):
    done = command(*arguments, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: nbtrain")
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [(), ("dmeo",), ("demo", "--nonsense"), ("cache",), ("plugins",)])
def test_wrong_usage_exits_with_2(arguments):
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("nbtrain" if arguments else "usage: nbtrain")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (
            nbtrain.InputError("X: this is wrong;\n  that is wanted"),
            1,
            "nbtrain: X: this is wrong; that is wanted\n",
        ),
        (nbtrain.PluginError("plugin p: broken"), 1, "nbtrain: plugin p: broken\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
    ids=["input", "plugin", "interrupt"],
)
def test_what_goes_wrong_is_one_line_on_stderr(raised, code, told, monkeypatch, capsys):
    def run(arguments):
        raise raised

    monkeypatch.setattr(cli.demo, "run", run)
    assert cli.main(["demo"]) == code
    assert capsys.readouterr().err == told


TRAINS_WITHOUT_NUMBA = """
import sys
import nbtrain
from nbtrain.datasets import load_digits
X, y = load_digits()
for optimizer in ("adam", "momentum"):
    network = nbtrain.Network(64, [nbtrain.Dense(8, "tanh", dropout=0.1), nbtrain.Dense(10)])
    penalty = nbtrain.regularizer("l2", strength=1e-3)
    trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", optimizer=optimizer, regularizer=penalty, rng=0)
    trainer.fit(X, y, epochs=1)
assert "numba" not in sys.modules, "something was not compiled ahead of time"
"""


def test_the_cache_can_be_filled_looked_at_and_cleared(tmp_path):
    place = {"NBTRAIN_CACHE_DIR": str(tmp_path / "cache")}
    for arguments in (("cache", "info"), ("cache", "clear"), ("cache", "info")):  # no such directory yet
        assert command(*arguments, **place).returncode == 0
    warm = command("warmup", **place)
    assert warm.returncode == 0, warm.stderr
    info = command("cache", "info", **place)
    assert str(tmp_path / "cache") in info.stdout
    assert not re.search(r"\b0 entries", info.stdout)
    assert re.search(r"^numerics: .*-byte vectors, .*sources [0-9a-f]{12}$", info.stdout, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", TRAINS_WITHOUT_NUMBA], env=os.environ | place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert command("cache", "clear", **place).returncode == 0
    assert re.search(r"\b0 entries", command("cache", "info", **place).stdout)


@pytest.mark.skipif(os.name != "posix", reason="modes of directories")
@pytest.mark.parametrize("arguments", [("cache", "info"), ("cache", "clear"), ("warmup",)])
def test_a_cache_that_cannot_be_trusted_is_a_failure_that_says_why(arguments, tmp_path):
    tmp_path.chmod(0o777)
    done = command(*arguments, NBTRAIN_CACHE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path} can be written by other users; set NBTRAIN_CACHE_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_plugins_list_names_the_components():
    done = command("plugins", "list")
    assert done.returncode == 0
    for name in ("relu", "l2", "adam", "softmax_cross_entropy", "glorot_uniform", "cosine"):
        assert re.search(rf"\b{name}\b", done.stdout)


def test_plugins_list_as_json():
    done = command("plugins", "list", "--json")
    assert done.returncode == 0
    listed = json.loads(done.stdout)
    found = {(component["kind"], component["name"]) for component in listed["components"]}
    assert {("activation", "relu"), ("optimizer", "adam"), ("loss", "mse")} <= found


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_the_demo_without_a_traceback():
    endless = "import sys; from nbtrain.cli import demo, main; demo.EPOCHS = 10**6; sys.exit(main(['demo']))"
    process = processes.start([sys.executable, "-c", endless])
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in errors
