"""States of callbacks in checkpoints.

The metadata of a file has an entry `callbacks`, JSON: class and values of each callback that has a state. Arrays among
the values are tensors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...checks.messages import brief, wrong
from ...errors import InputError
from .container import FLOATS, parse, refuse

if TYPE_CHECKING:
    from ...callbacks import Callback
    from .description import Fields

Array = np.ndarray[Any, Any]
RENAMED = {"Broken": "UnfinishedEpoch"}  # classes that older files name
PREFIX = "callbacks."  # how the names of their tensors begin


class CallbackState(NamedTuple):
    """The state of a callback of a class."""

    kind: str
    values: dict[str, Any]


def collect(callbacks: Iterable[Callback]) -> tuple[str, dict[str, Array]]:
    """JSON and tensors of the callbacks' states; the wider tensors first.

    Raises
    ------
    InputError
        If a state cannot be written.
    """
    entries: list[dict[str, Any]] = []
    tensors: dict[str, Array] = {}
    for callback in callbacks:
        kind = type(callback).__qualname__
        state, plain = callback.state_dict(), {}
        if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
            raise InputError(
                wrong(f"callbacks: state_dict of {kind}", "return a dict with strings as keys", brief(state))
            )
        for name, value in state.items():
            if isinstance(value, np.ndarray) and value.ndim and value.dtype in FLOATS:
                tensors[f"{PREFIX}{len(entries)}.{name}"] = value.copy()
            else:
                plain[name] = value
        try:
            json.dumps(plain, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"callbacks: the state of {kind} cannot be written as JSON: {error}") from error
        entries.append({"class": kind, "state": plain})
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    return json.dumps(entries), dict(ordered)


def callback_states(texts: Fields, tensors: Mapping[str, Array]) -> list[CallbackState]:
    """The states in a file; none in files of trainers that were not in fit."""
    if "callbacks" not in texts.entries:
        return []
    where = texts.where
    listed = parse(f'{{"callbacks": {texts.text("callbacks")}}}', where, "callbacks")["callbacks"]
    if not isinstance(listed, list) or not all(_is_entry(entry) for entry in listed):
        refuse(where, "callbacks", "expected a list of objects with class and state")
    states = [CallbackState(RENAMED.get(entry["class"], entry["class"]), entry["state"]) for entry in listed]
    for name, array in tensors.items():
        if name.startswith(PREFIX):
            index, _, key = name.removeprefix(PREFIX).partition(".")
            if not (index.isascii() and index.isdigit() and int(index) < len(states)):
                refuse(where, f"tensor {name!r}", f"there are {len(states)} callbacks")
            states[int(index)].values[key] = array
    return states


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("class"), str) and isinstance(entry.get("state"), dict)


def hand_out(states: Iterable[CallbackState], callbacks: Iterable[Callback]) -> list[tuple[Callback, dict[str, Any]]]:
    """Which callback resumes from which state: the first of a class from the first of that class, and so on."""
    left = list(states)
    pairs = []
    for callback in callbacks:
        kind = type(callback).__qualname__
        found = next((state for state in left if state.kind == kind), None)
        if found is not None:
            left.remove(found)
            pairs.append((callback, found.values))
    return pairs
