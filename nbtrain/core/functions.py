"""The table of the core's C functions, and the numbers of what they do.

A function of the core is added by a row here, its code in `exports`, and, where it is a door, a function with a
docstring in `nbtrain.kernel`. Everything else follows from its row: its C signature, the field of the descriptor that
holds its address, what Python and C hosts are given. Each side checks itself against the table, so that what was
forgotten is an error that names it. This module needs neither Numba nor NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import Error

# What a function does with data, and what a team of threads shares (`helper.SHARES`). The first two are iterations, at
# a position of an epoch or on a given batch. A slice is made of others: it is not shared itself.
OPERATIONS = (
    *("train epoch", "train step", "gradient", "evaluate", "predict", "check", "snapshot", "train slice"),
    *("forward", "backward"),
)
TRAIN_EPOCH, TRAIN_STEP, GRADIENT, EVALUATE, PREDICT, CHECK, SNAPSHOT, TRAIN_SLICE, *_PAIR = range(len(OPERATIONS))
FORWARD, BACKWARD = _PAIR
SHARED = [name for name in OPERATIONS if name != "train slice"]


# Modules of compiled code. Most programs need the first one alone.
TRAINING, MEMBERS, DRAWS = MODULES = ("core", "members", "draws")


class Function(NamedTuple):
    """A row of the table.

    All arguments are int64 (addresses too), but for those in `NUMBERS`, which are float64. An int64 is returned: a
    status, a size, or an object of the interpreter's.
    """

    arguments: tuple[str, ...]
    operation: int | None = None
    work: float = 0.0  # floating-point operations for a parameter and a sample
    door: bool = False  # compiled callers reach it through `nbtrain.kernel`, by its address in the descriptor
    host: bool = False  # `Trainer.c_functions` hands it out
    module: str = TRAINING  # where its code is: each module is compiled when something of it is first needed
    inside: bool = False  # the members' module calls it, on a model that it has entered

    @property
    def on_data(self) -> bool:
        """Whether it works on x, y and weights, which `exports` checks in one place for all that do."""
        return self.arguments == DATA

    @property
    def on_population(self) -> bool:
        """Whether compiled callers hand it a population in place of a model."""
        return self.arguments[0] == "population"


DATA = ("model", "x", "rows", "columns", "y", "y_rows", "y_columns", "y_kind", "weight", "result")
OUT = ("model", "x", "rows", "columns", "out", "out_rows", "out_columns")
SPANS = ("model", "population", "spans", "count")
INSIDE_DATA = ("model", "x", "y", "weight", "rows")
SOME = ("blocks", "first", "last")  # of a population: how many blocks of rows there are, and the members
FROM_DELTA = (
    *("model", "x", "rows", "columns"),
    *("delta", "delta_rows", "delta_columns", "dx", "dx_rows", "dx_columns"),
)
NUMBERS = {"regularization", "tau", "m"}

CORE = {
    "train_step": Function(DATA, TRAIN_STEP, work=6.0, door=True, host=True),
    "train_epoch": Function(DATA, TRAIN_EPOCH, door=True, host=True),
    "train_slice": Function(DATA, TRAIN_SLICE),
    "loss_and_gradient": Function(DATA, GRADIENT, work=6.0, door=True, host=True),
    "update": Function(("model",), door=True, host=True),
    "evaluate": Function(DATA, EVALUATE, work=2.0, door=True, host=True),
    "predict": Function(OUT, PREDICT, work=2.0, door=True, host=True),
    "forward": Function((*OUT, "training", "draw"), FORWARD, work=2.0, door=True, host=True),
    "backward": Function((*FROM_DELTA, "accumulate"), BACKWARD, work=4.0, door=True, host=True),
    "input_gradient": Function(FROM_DELTA, BACKWARD, work=2.0, door=True, host=True),
    "activations": Function(OUT, FORWARD, work=2.0),
    "predict_with": Function((*OUT, "work", "work_bytes"), door=True, host=True),
    "work_size": Function(("model", "rows"), door=True, host=True),
    "copy": Function(("model", "source"), door=True, host=True),
    "blend": Function(("model", "source", "tau"), door=True, host=True),
    "regularize": Function(("model", "m"), door=True, host=True),
    "gradient_norm": Function(("model", "result"), door=True, host=True),
    "assist": Function(("model", "call")),
    "hold": Function(("model",)),
    "let_go": Function(("model",)),
    "release": Function(("model",)),
    "draw_order": Function(("model", "block", "rows", "order")),
    "bad_number": Function(("address", "count")),
    "bad_weight": Function(("address", "count")),
    "bad_label": Function(("address", "count", "classes")),
    "run_members": Function(("model", "population", "worker"), module=MEMBERS),
    "predict_spans": Function((*SPANS, "x", "out"), module=MEMBERS),
    "evaluate_spans": Function((*SPANS, "x", "y", "weight", "sums"), module=MEMBERS),
    "train_members": Function(("population", *DATA[1:-1], *SOME, "steps"), door=True, module=MEMBERS),
    "predict_members": Function(("population", *OUT[1:], *SOME), door=True, module=MEMBERS),
    "copy_member": Function(("population", "target", "source"), door=True, module=MEMBERS),
    "hash_seeds": Function(("entropy", "length", "first", "last", "out", "words"), module=DRAWS),
    "draw_uniform": Function(
        ("states", "first", "last", "theta", "stride", "bounds", "layers", "itemsize"), module=DRAWS
    ),
    "epoch_inside": Function((*INSIDE_DATA, "end"), inside=True),
    "steps_inside": Function((*INSIDE_DATA, "steps"), inside=True),
    "watch_inside": Function(("model",), inside=True),
    "predict_inside": Function(("model", "x", "rows", "out"), inside=True),
    "evaluate_inside": Function((*INSIDE_DATA, "result"), inside=True),
}

# The interpreter calls these as its own functions (`METH_FASTCALL`): they are handed objects, not numbers.
QUICK = {name: Function(("self", "arguments", "count")) for name in ("quick_step", "quick_predict")}

# A module of its own, compiled for the models that need it.
PASSES = {"update_in_passes": Function(("model", "regularization", "rank", "size"))}

SIGNATURES = {name: function.arguments for name, function in CORE.items()}
DOORS = tuple(name for name, function in CORE.items() if function.door and not function.on_population)
MEMBER_DOORS = tuple(name for name, function in CORE.items() if function.door and function.on_population)
INSIDE = tuple(name for name, function in CORE.items() if function.inside)
HOST_FUNCTIONS = tuple(name for name, function in CORE.items() if function.host)
WORK = {name: function.work for name, function in CORE.items() if function.work}


def names_of(module: str) -> tuple[str, ...]:
    """The functions of a module, without those that the interpreter calls."""
    return tuple(name for name, function in CORE.items() if function.module == module)


def check_complete(place: str, found: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise an Error unless `place` has exactly the names that are listed here."""
    there, listed = set(found), set(wanted)
    if listed - there:
        raise Error(f"{place} lacks {', '.join(sorted(listed - there))}, which nbtrain/core/functions.py lists")
    if there - listed:
        raise Error(f"{place} has {', '.join(sorted(there - listed))}, which nbtrain/core/functions.py does not list")
