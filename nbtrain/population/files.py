"""A population as the bytes of a model file, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..compiler.numerics import numerics_id
from ..core.layout import MOST_THREADS
from ..errors import ModelFileError
from ..formats.modelfile.container import HEADER_LIMIT, LENGTH, Container, decode, encode, parse, refuse
from ..formats.modelfile.description import FORMAT, Fields, Parts, describe, recipe_of
from ..formats.modelfile.reading import HISTORY
from ..model.recipe import Recipe
from ..model.state import COUNTERS, NUMBERS, SEED, START, RowLayout, State
from .members import Members

Array = np.ndarray[Any, Any]
KIND, VERSION = "population", "2"
WORDS = (*SEED, *COUNTERS, START)  # of a member's record; the other ones are NUMBERS
MARKS = ("status", "failed_epoch", "failed_iteration")
STOPPING = ("best_epoch", "waited", "stopped")
INTEGERS, FLOATS = np.dtype(np.int64), np.dtype(np.float64)


class Saved(NamedTuple):
    """What a file holds of a population."""

    where: str
    recipes: list[Recipe]
    family: Array  # (members,) of each member
    words: Array  # (members, …) integers of the records
    numbers: Array  # (members, …) floats of the records
    columns: list[str]  # names of the hyperparameters
    values: Array  # (members, columns)
    marks: Array
    stopping: Array
    best_values: Array
    rows: list[Array]  # of each family
    best: dict[int, Array]  # best parameters of members that were under way
    history: dict[str, Array]
    epochs: Array
    groups: Array | None
    seed: dict[str, Any]
    run: dict[str, Any]  # of a call of fit with a checkpoint
    metadata: dict[str, Any]
    threads: int
    numerics: str
    altered: list[str]


def encoded(
    members: Members,
    history: Mapping[str, Array],
    epochs: Array,
    described: Mapping[str, Any],
    groups: Array | None,
    best: Mapping[int, Array],
    metadata: str,
) -> list[memoryview]:
    """The bytes of a file, in parts to be written one after the other.

    `described` is what JSON can hold of the population itself: seed, threads, the call of fit.
    """
    families = [describe(family.recipe, State(family.layout)) for family in members.families]
    text = dict(described) | {"families": families, "columns": members.columns, "groups": _group_text(groups)}
    tensors: dict[str, Array] = {
        "family": members.family,
        "words": _together(members.records, WORDS, INTEGERS),
        "numbers": _together(members.records, NUMBERS, FLOATS),
        "values": members.values,
        "marks": _together(members.tasks, MARKS, INTEGERS),
        "stopping": _together(members.tasks, STOPPING, INTEGERS),
        "best_values": members.tasks["best_value"][:, np.newaxis],
        "epochs": epochs,
        "best": np.array(sorted(best), np.int64),
    }
    tensors |= {HISTORY + name: column for name, column in history.items()}
    tensors |= {f"best.{k}": best[k].view(np.uint8) for k in sorted(best)}
    tensors |= {f"rows.{index}": family.rows for index, family in enumerate(members.families)}
    tensors["description"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    strings = {"format": FORMAT, "version": VERSION, "numerics": numerics_id(), "kind": KIND, "metadata": metadata}
    return encode(strings, tensors)


def _together(records: Array, names: Sequence[str], dtype: np.dtype[Any]) -> Array:
    return np.stack([records[name] for name in names], axis=1).astype(dtype)


def _group_text(groups: Array | None) -> Any:
    """The groups as JSON can hold them."""
    if groups is None:
        return None
    plain = groups.view(np.int64) if groups.dtype.kind in "mM" else groups
    return {"dtype": groups.dtype.str if groups.dtype != object else "object", "values": plain.tolist()}


def _groups(found: Any, count: int, where: str) -> Array | None:
    if found is None:
        return None
    try:
        dtype = np.dtype(found["dtype"])
        kept = np.array(found["values"], np.int64 if dtype.kind in "mM" else dtype)
        groups = kept.view(dtype) if dtype.kind in "mM" else kept
    except (TypeError, ValueError, KeyError) as error:
        refuse(where, "description.groups", str(error))
    if groups.shape != (count,):
        refuse(where, "description.groups", f"expected {count}, got shape {groups.shape}")
    return np.asarray(groups)


def is_population(data: bytes | bytearray) -> bool:
    """Whether the bytes of a model file, which may be damaged, say that they are a population's."""
    length = int.from_bytes(data[:LENGTH], "little")
    if not 0 < length <= HEADER_LIMIT:
        return False
    try:
        found = json.loads(bytes(data[LENGTH : LENGTH + length]))["__metadata__"]["kind"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return bool(found == KIND)


def saved(data: bytes | bytearray, where: str, known: Sequence[Recipe | Parts] | None = None) -> Saved:
    """Read everything in a file, or raise ModelFileError, which names `where`."""
    container = decode(data, where)
    texts = Fields(container.metadata, where, "", [])
    if texts.text("format") != FORMAT or texts.text("version") != VERSION or texts.text("kind") != KIND:
        refuse(where, "version", f"expected version {VERSION!r} of a {KIND}")
    found = parse(_tensor(container, "description", np.uint8, where).tobytes(), where, "description")
    fields = Fields(found, where, "description.", [])
    described = fields.several("families")
    recipes = [recipe_of(each, None if known is None else known[i]) for i, each in enumerate(described)]
    family = _tensor(container, "family", np.int64, where)
    count = len(family)
    if family.ndim != 1 or not count or family.min() < 0 or family.max() >= len(recipes):
        refuse(where, "tensor 'family'", f"expected numbers from 0 to {len(recipes) - 1}")

    def table(name: str, columns: int, dtype: Any) -> Array:
        array = _tensor(container, name, dtype, where)
        if array.shape != (count, columns):
            refuse(where, f"tensor {name!r}", f"expected shape {(count, columns)}, got {array.shape}")
        return array

    columns, words = list(fields.names("columns")), table("words", len(WORDS), np.int64)
    _check_words(words, where)
    epochs = _tensor(container, "epochs", np.int64, where)
    history = {
        name.removeprefix(HISTORY): array for name, array in container.tensors.items() if name.startswith(HISTORY)
    }
    _check_history(history, epochs, count, where)
    return Saved(
        where=where,
        recipes=recipes,
        family=family,
        words=words,
        numbers=table("numbers", len(NUMBERS), np.float64),
        columns=columns,
        values=table("values", len(columns), np.float64),
        marks=table("marks", len(MARKS), np.int64),
        stopping=table("stopping", len(STOPPING), np.int64),
        best_values=table("best_values", 1, np.float64)[:, 0],
        rows=[_rows(container, i, recipe, family, where) for i, recipe in enumerate(recipes)],
        best=_best(container, recipes, family, where),
        history=history,
        epochs=epochs,
        groups=_groups(found.get("groups"), count, where),
        seed=_seed(fields),
        run=dict(fields.inner("run").entries),
        metadata=parse(texts.text("metadata"), where, "metadata"),
        threads=fields.whole("threads", 1, MOST_THREADS),
        numerics=container.metadata.get("numerics", ""),
        altered=list(dict.fromkeys(name for part in described for name in part.altered)),
    )


def _tensor(container: Container, name: str, dtype: Any, where: str) -> Array:
    found = container.tensors.get(name)
    if found is None or found.dtype != dtype:
        refuse(where, f"tensor {name!r}", f"missing, or not of {np.dtype(dtype)}")
    return found


def _check_words(words: Array, where: str) -> None:
    seeds, counters = words[:, :4], words[:, 4:]
    if (words < 0).any() or (seeds >= 2**32).any() or (counters >= 2**62).any():
        refuse(where, "tensor 'words'", "a seed or a counter is out of range")
    position, samples = words[:, WORDS.index("position")], words[:, WORDS.index("samples")]
    if ((position > 0) & (position >= samples)).any():
        refuse(where, "tensor 'words'", "a member is beyond the end of its epoch")


def _check_history(history: Mapping[str, Array], epochs: Array, count: int, where: str) -> None:
    if epochs.shape != (count,) or (epochs < 0).any():
        refuse(where, "tensor 'epochs'", f"expected {count} numbers >= 0")
    for name, column in history.items():
        if column.ndim != 2 or len(column) != count or column.shape[1] < epochs.max(initial=0):
            refuse(where, f"tensor {HISTORY + name!r}", f"expected ({count}, epochs), got {column.shape}")


def _rows(container: Container, index: int, recipe: Recipe, family: Array, where: str) -> Array:
    rows, name = _tensor(container, f"rows.{index}", np.uint8, where), f"tensor 'rows.{index}'"
    wanted = int(np.count_nonzero(family == index)), -(-RowLayout.of(recipe).nbytes // 8) * 8
    if rows.shape != wanted:
        refuse(where, name, f"expected shape {wanted}, got {rows.shape}")
    return rows


def _best(container: Container, recipes: Sequence[Recipe], family: Array, where: str) -> dict[int, Array]:
    found: dict[int, Array] = {}
    for k in _tensor(container, "best", np.int64, where).tolist():
        if not 0 <= k < len(family):
            refuse(where, "tensor 'best'", f"no member {k}")
        layout, data = RowLayout.of(recipes[family[k]]), _tensor(container, f"best.{k}", np.uint8, where)
        if data.shape != (layout.parameters * layout.dtype.itemsize,):
            refuse(where, f"tensor 'best.{k}'", f"it has {data.size} bytes")
        found[k] = np.frombuffer(data.tobytes(), layout.dtype)
    return found


def _seed(fields: Fields) -> dict[str, Any]:
    """The arguments of a SeedSequence, and how many children it had."""
    found = dict(fields.inner("seed").entries)
    try:
        np.random.SeedSequence(found["entropy"], spawn_key=tuple(found["spawn_key"]), pool_size=found["pool_size"])
        found["spawned"] = int(found["spawned"])
    except (TypeError, ValueError, KeyError) as error:
        fields.refuse("seed", str(error))
    return found


def put(members: Members, found: Saved) -> None:
    """Let members stand where those of a file do."""
    for index, name in enumerate(WORDS):
        members.records[name] = found.words[:, index]
    for index, name in enumerate(NUMBERS):
        members.records[name] = found.numbers[:, index]
    for names, table in ((MARKS, found.marks), (STOPPING, found.stopping)):
        for index, name in enumerate(names):
            members.tasks[name] = table[:, index]
    members.tasks["best_value"] = found.best_values
    for column, name in enumerate(found.columns):
        if name not in members.columns:
            raise ModelFileError(f"{found.where}: the members have no hyperparameter {name!r}")
        members.values[:, members.columns.index(name)] = found.values[:, column]
    for family, rows in zip(members.families, found.rows, strict=True):
        family.rows[...] = rows


def back_of(found: Saved) -> Array:
    """Epochs from each member's last one back to that of its parameters."""
    back = found.run.get("back")
    if not isinstance(back, list) or len(back) != len(found.family) or not all(type(each) is int for each in back):
        return np.zeros(len(found.family), np.int64)
    return np.clip(np.array(back, np.int64), 0, found.epochs)
