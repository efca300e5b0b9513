"""What callbacks have counted so far, on its way to a checkpoint and back.

A file's metadata has `callbacks`, JSON: for each callback that has a state its class and its values; the arrays among
them are tensors of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import InputError
from .container import NAMES, parse, refuse

if TYPE_CHECKING:
    from ...callbacks import Callback
    from .description import Fields

Array = np.ndarray[Any, Any]
STATES = "callbacks."  # how the names of their tensors begin


class State(NamedTuple):
    """What a callback of that class has kept."""

    kind: str
    values: dict[str, Any]


def collect(callbacks: Iterable[Callback]) -> tuple[str, dict[str, Array]]:
    """JSON and tensors of what callbacks have to keep; the wider tensors first.

    Raises
    ------
    InputError
        If a state holds what cannot be written.
    """
    entries: list[dict[str, Any]] = []
    tensors: dict[str, Array] = {}
    for callback in callbacks:
        kind = type(callback).__qualname__
        state, plain = callback.state_dict(), {}
        if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
            raise InputError(
                f"callbacks: {state!r} given by state_dict of {kind}; a dict with strings as keys is wanted"
            )
        for name, value in state.items():
            if isinstance(value, np.ndarray) and value.ndim and value.dtype in NAMES:
                tensors[f"{STATES}{len(entries)}.{name}"] = value.copy()
            else:
                plain[name] = value
        try:
            json.dumps(plain, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"callbacks: the state of {kind} cannot be written as JSON: {error}") from error
        entries.append({"class": kind, "state": plain})
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    return json.dumps(entries), dict(ordered)


def states_of(texts: Fields, tensors: Mapping[str, Array]) -> list[State]:
    """The states that a file holds; none in files of trainers that were not in fit."""
    if "callbacks" not in texts.entries:
        return []
    where = texts.where
    listed = parse(f'{{"callbacks": {texts.text("callbacks")}}}', where, "callbacks")["callbacks"]
    if not isinstance(listed, list) or not all(_is_entry(entry) for entry in listed):
        refuse(where, "callbacks", "a list of objects with class and state is wanted")
    states = [State(entry["class"], entry["state"]) for entry in listed]
    for name, array in tensors.items():
        if name.startswith(STATES):
            index, _, key = name.removeprefix(STATES).partition(".")
            if not (index.isascii() and index.isdigit() and int(index) < len(states)):
                refuse(where, f"tensor {name!r}", f"there are {len(states)} callbacks")
            states[int(index)].values[key] = array
    return states


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("class"), str) and isinstance(entry.get("state"), dict)


def hand_out(states: Iterable[State], callbacks: Iterable[Callback]) -> list[tuple[Callback, dict[str, Any]]]:
    """Which callback goes on from which state: the first of a class from the first of that class, and so on."""
    left = list(states)
    pairs = []
    for callback in callbacks:
        kind = type(callback).__qualname__
        found = next((state for state in left if state.kind == kind), None)
        if found is not None:
            left.remove(found)
            pairs.append((callback, found.values))
    return pairs
