"""What the command line says to who knows it little: misspelt options, names and parameters, small tables."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

import nbtrain
from nbtrain import cli
from nbtrain.checks import suggestions
from nbtrain.components import plugins
from nbtrain.components.builtin import MODULES
from nbtrain.components.registry import Registry

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def table(tmp_path):
    """A table of 40 rows whose second row lacks a number."""
    random = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'wide' if a > b else 'tall'}" for a, b in random.uniform(1, 9, (40, 2))]
    rows[1] = ",1.0,tall"
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["width,height,form", *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "command", "error"),
    [
        (
            ["train", "x", "--target", "y", "--hiden", "3"],
            "train",
            "unrecognized option --hiden; did you mean --hidden?",
        ),
        (["train", "x", "--target", "y", "--lr=3"], "train", "unrecognized option --lr; did you mean --learning-rate?"),
        (["predict", "x", "y", "--keeep", "z"], "predict", "unrecognized option --keeep; did you mean --keep?"),
        (["plugins", "list", "--jsn"], "plugins list", "unrecognized option --jsn; did you mean --json?"),
        (["demo", "--zzz"], "demo", "unrecognized option --zzz"),
        (["demo", "twice"], "demo", "unrecognized arguments: twice"),
        (["plugins"], "plugins", "missing required argument: {list,check,new,plot}"),
        (
            ["plugins", "chek"],
            "plugins",
            "unknown command 'chek'; did you mean 'check'? Available: list, check, new, plot",
        ),
        (
            ["trian"],
            "",
            "unknown command 'trian'; did you mean 'train'? Available: demo, inspect, train, predict, evaluate, "
            "export, warmup, cache, plugins, completion",
        ),
    ],
)
def test_what_no_command_takes_is_told_with_where_help_is(arguments, command, error, capsys):
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    name = f"nbtrain {command}".rstrip()
    assert capsys.readouterr().err == f"{name}: {error}\nSee: {name} --help\n"


def test_without_a_command_all_commands_are_told(capsys):
    assert cli.main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert all(re.search(rf"^    {name} +\w", told.err, re.MULTILINE) for name in ("demo", "train", "plugins"))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--optimizer", "adm"), "--optimizer: unknown optimizer 'adm'; did you mean 'adam'?"),
        (
            ("--optimizer", "adam:lr=0.1"),
            "--optimizer: unknown parameter of optimizer 'adam': 'lr'; did you mean 'learn",
        ),
        (("--activation", "relu,RELU"), "--activation: unknown activation 'RELU'; did you mean 'relu'?"),
        (
            ("--activation", "relu,relu,relu"),
            "--activation must have one value, or one for each of 2 layers, got 3 values",
        ),
        (("--learning-rate", "cosin"), "--learning-rate: unknown schedule 'cosin'; did you mean 'cosine'?"),
        (("--regularizer", "l2:strength=-1"), "--regularizer: strength must be a finite number >= 0, got -1.0"),
        (("--loss", "mean_squared"), "--loss: unknown loss 'mean_squared'"),
        (("--learning-rate", "fast"), "--learning-rate: unknown schedule 'fast'. Available: constant, cosine"),
        (
            ("--activation", "softmax"),
            "--activation: unknown activation 'softmax'; softmax belongs to the loss: use loss",
        ),
        (("--drop", "form"), "--drop: 'form' is the target"),
        (("--test-size", "0.9"), "--validation-size and --test-size together must leave rows"),
    ],
)
def test_options_are_checked_before_the_data(table, options, error, capsys):
    assert cli.main(["train", table, "--target", "form", *options]) == 1
    assert capsys.readouterr().err.startswith(f"nbtrain: {error}")


def test_small_tables_get_more_epochs_and_large_ones_do_not(table, capsys):
    def report(*options):
        command = ["train", table, "--target", "form", "--seeds", "1", "--json", "--quiet", "--hidden", "4", *options]
        assert cli.main(command) == 0
        return json.loads(capsys.readouterr().out)

    assert report("--patience", "0")["epochs"] == 2000  # one batch an epoch
    assert report("--patience", "0", "--batch-size", "1")["epochs"] == 200
    assert report("--patience", "0", "--epochs", "3")["epochs"] == 3
    stopped = report("--learning-rate", "1e-30")
    assert (stopped["stopped"], stopped["epochs"]) == ("patience", 301)
    stopped = report("--learning-rate", "1e-30", "--batch-size", "1")
    assert (stopped["stopped"], stopped["epochs"]) == ("patience", 16)


def test_one_epoch_is_no_epochs(table, capsys):
    assert cli.main(["train", table, "--target", "form", "--seeds", "1", "--epochs", "1"]) == 0
    assert "finished after 1 epoch, " in capsys.readouterr().out


def provided(folder):
    """(kind, name) of everything that a plugin package's module yields."""
    path = next(folder.glob("nbtrain_*/__init__.py"))
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {(entry.spec.kind, entry.spec.name) for entry in plugins.collect(module, "here")}


def test_what_is_offered_is_what_the_plugin_packages_provide():
    folders = {folder.name: folder for folder in PLUGINS.iterdir() if (folder / "pyproject.toml").exists()}
    assert set(folders) == set(suggestions.OFFERED)
    for package, kinds in suggestions.OFFERED.items():
        named = {(kind, name) for kind, names in kinds.items() for name in names.split()}
        assert named == provided(folders[package]), package


@pytest.mark.parametrize(("name", "shown"), [("gelu", "gelu"), ("GELU", "gelu")])
def test_a_name_of_a_package_that_is_not_there_says_which_package(name, shown, monkeypatch):
    monkeypatch.delenv("NBTRAIN_DISABLE_PLUGINS", raising=False)
    registry = Registry(MODULES, [])
    wanted = (
        f"unknown activation '{name}'; the package nbtrain-activations, which provides '{shown}', is not installed: "
        "pip install ./plugins/nbtrain-activations in a checkout of nbtrain"
    )
    with pytest.raises(nbtrain.InputError, match=re.escape(wanted)):
        registry.get("activation", name)
    monkeypatch.setenv("NBTRAIN_DISABLE_PLUGINS", "1")
    with pytest.raises(nbtrain.InputError, match="is not used while NBTRAIN_DISABLE_PLUGINS is set"):
        Registry(MODULES, []).get("activation", name)
    with pytest.raises(nbtrain.InputError, match="unknown loss 'gelu'; 'gelu' is an activation, not a loss"):
        registry.get("loss", "gelu")


def test_abbreviations_of_parameters_are_understood_as_far_as_to_suggest_them():
    with pytest.raises(nbtrain.InputError, match="did you mean 'learning_rate'"):
        nbtrain.optimizer("adam", lr=0.1)
    with pytest.raises(nbtrain.InputError, match="did you mean 'epsilon'"):
        nbtrain.optimizer("rmsprop", eps=0.1)
