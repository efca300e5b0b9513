"""Options from a file: `--config FILE` stands for the options that a TOML or JSON file names."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Sequence
from typing import Any

from ..checks.messages import brief, unknown, wrong
from ..errors import InputError

POSITIONAL = "data"
NAME = "--config"


def expanded(arguments: Sequence[str], options: Collection[str], flags: Collection[str]) -> list[str]:
    """The arguments, with those of configuration files before them: what the command line says counts.

    Parameters
    ----------
    arguments : sequence of str
    options : collection of str
        The command's options, such as `--batch-size`.
    flags : collection of str
        Those of them that take no value.

    Raises
    ------
    InputError
        If a file cannot be read, or holds something else than options.
    """
    files, rest = _files(list(arguments))
    given, data = [], []
    for path in files:
        for key, value in read(path).items():
            if key == POSITIONAL:
                data = [str(item) for item in (value if isinstance(value, list) else [value])]
            else:
                given += _option(path, key, value, options, flags)
    positional = data if data and not _has_positional(rest, options, flags) else []
    return [*positional, *given, *rest]


def read(path: str) -> dict[str, Any]:
    """The options that a file holds."""
    try:
        with open(path, "rb") as file:
            text = file.read()
        found = json.loads(text) if path.lower().endswith(".json") else tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise InputError(f"{NAME}: cannot read {path!r}: {error.strerror or error}") from error
    except ValueError as error:
        hint = "" if path.lower().endswith(".json") else "; a file whose name ends in .json is read as JSON"
        raise InputError(f"{NAME}: {path}: not TOML or JSON: {' '.join(str(error).split())}{hint}") from error
    if not isinstance(found, dict):
        raise InputError(wrong(f"{NAME}: {path}", "hold names and values of options", brief(found)))
    return found


def _option(path: str, key: str, value: Any, options: Collection[str], flags: Collection[str]) -> list[str]:
    """One option as arguments."""
    name = "--" + key.replace("_", "-")
    if name not in options or name == NAME:
        names = sorted(option.removeprefix("--") for option in options if option.startswith("--") and option != NAME)
        raise InputError(f"{NAME}: {path}: {unknown('option', key, names)}")
    if name in flags:
        if not isinstance(value, bool):
            raise InputError(wrong(f"{NAME}: {path}: {key}", "be true or false", brief(value)))
        return [name] if value else []
    if isinstance(value, bool | dict) or (isinstance(value, list) and any(isinstance(v, dict | list) for v in value)):
        raise InputError(wrong(f"{NAME}: {path}: {key}", "be a number, a text or a list of them", brief(value)))
    return [f"{name}={_text(value)}"]


def _text(value: Any) -> str:
    """A value as it stands on the command line; names in lists are quoted where they contain commas."""
    if not isinstance(value, list):
        return str(value)
    texts = [str(item) for item in value]
    return ",".join('"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text for text in texts)


def _files(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The configuration files, and the other arguments."""
    files, rest = [], []
    for index, text in enumerate(arguments):
        if text == NAME and index + 1 < len(arguments):
            files.append(arguments[index + 1])
        elif text.startswith(f"{NAME}="):
            files.append(text.removeprefix(f"{NAME}="))
        elif not (index and arguments[index - 1] == NAME):
            rest.append(text)
    return files, rest


def _has_positional(arguments: Sequence[str], options: Collection[str], flags: Collection[str]) -> bool:
    """Whether the arguments name files besides options and their values."""
    value = False
    for text in arguments:
        if not value and (text == "-" or not text.startswith("-")):
            return True
        value = not value and text in options and text not in flags
    return False
