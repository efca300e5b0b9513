"""Completion of the command line, by the shells themselves."""

from __future__ import annotations

import shlex
import shutil
import sys

import processes
import pytest

pytest.importorskip("shtab")

# What each shell offers for a line; bash and zsh have no command for that. zsh completes in a terminal only.
BASH = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$(({count} - 1))
_shtab_nbtrain nbtrain "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}" 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "source {script}; complete --do-complete {line}"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The scripts for all shells, in one folder."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        done = processes.run([sys.executable, "-m", "nbtrain", "completion", shell])
        assert (done.returncode, done.stderr) == (0, "")
        (folder / shell).write_text(done.stdout)
    return folder


def needed(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")


def offered(shell, scripts, words, cwd=None):
    """What a shell offers for the last of these words."""
    needed(shell)
    script = shlex.quote(str(scripts / shell))
    if shell == "bash":
        program = BASH.format(script=script, words=shlex.join(words), count=len(words))
    else:
        program = FISH.format(script=script, line=shlex.quote(" ".join(words)))
    done = processes.run([shell, "-c", program], cwd=cwd)
    assert done.returncode == 0, done.stderr
    return {line.split("\t")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_it_offers_commands_subcommands_options_and_choices(shell, scripts):
    assert {"train", "plugins"} <= offered(shell, scripts, ["nbtrain", ""])
    assert offered(shell, scripts, ["nbtrain", "pre"]) == {"predict"}
    assert offered(shell, scripts, ["nbtrain", "cache", "in"]) == {"info"}
    assert "--hidden" in offered(shell, scripts, ["nbtrain", "train", "--hi"])
    assert "float64" in offered(shell, scripts, ["nbtrain", "warmup", "--dtype", ""])


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_it_offers_files_where_files_belong(shell, scripts, tmp_path):
    (tmp_path / "table.csv").touch()
    assert "table.csv" in offered(shell, scripts, ["nbtrain", "train", "ta"], tmp_path)
    assert "table.csv" in offered(shell, scripts, ["nbtrain", "train", "x.csv", "--save", "ta"], tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_can_read_their_scripts(shell, scripts):
    needed(shell)
    done = processes.run([shell, "-n", scripts / shell])
    assert (done.returncode, done.stderr) == (0, "")


def test_without_shtab_the_error_says_what_to_install():
    program = "import sys; sys.modules['shtab'] = None; from nbtrain.cli import main; sys.exit(main())"
    done = processes.run([sys.executable, "-c", program, "completion", "bash"])
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install nbtrain[completion]" in done.stderr
