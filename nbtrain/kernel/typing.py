"""Errors of `nbtrain.kernel` while a compiled caller is typed: one line that names argument, place and remedy.

Numba puts the messages of its own TypingErrors behind pages of signatures. Other exceptions pass through it
unchanged, so these are not Numba's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

from numba import types
from numba.core import ir
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.core.typing.typeof import Purpose
from numba.extending import models, register_model, typeof_impl, unbox

from ..checks.messages import wrong
from ..errors import InputError
from ..model import Model
from ..training.trainer import Trainer

TARGETS, LABELS = 0, 1
HERE = Path(__file__).parent
NO_TRAINER = "compiled code cannot use a Trainer; pass trainer.model, and call nbtrain.kernel's functions on it"


class ArgumentTypeError(InputError, TypeError):
    """An argument of a function of `nbtrain.kernel` with a type that compiled code cannot take."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text  # Numba adds the names of its passes to `args`


def refuse(text: str) -> NoReturn:
    """Raise, with the place of the call in compiled code."""
    place = _caller()
    raise ArgumentTypeError(f"nbtrain.kernel: {text}" + (f" ({place})" if place else ""))


def _caller() -> str:
    """File and line of the innermost call outside nbtrain that Numba is typing, if they can be found."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        place = getattr(frame.f_locals.get("self"), "loc", None)
        if isinstance(place, ir.Loc) and place.filename and Path(place.filename).parent != HERE:
            return f"{place.filename}, line {place.line}"
        frame = frame.f_back
    return ""


class TrainerType(types.Type):
    """A Trainer passed to compiled code, which cannot use it: it has a type so that the error can say what to pass."""

    def __init__(self) -> None:
        super().__init__(name="Trainer")


@typeof_impl.register(Trainer)
def _typeof_trainer(trainer: Trainer, context: Any) -> TrainerType:
    return TrainerType()


register_model(TrainerType)(models.OpaqueModel)


@typeof_impl.register(Model)
def _typeof_model(model: Model, context: Any) -> Any:
    if context.purpose is Purpose.constant:
        refuse(
            "model: Numba takes a global, a closure's variable or a default argument for a constant; "
            "pass the model as an argument of the compiled function"
        )
    return name_model_type(typeof_impl.dispatch(tuple)(model, context))


def name_model_type(found: Any) -> Any:
    """Give the type of a model a short name."""
    dtype = found.types[found.fields.index("theta")].dtype
    found.types[found.fields.index("descriptor")].name = "the descriptor of a model"  # else its fields fill pages
    found.name = f"Model({dtype})"  # parallel loops find the class by what is before the parenthesis
    return found


@unbox(TrainerType)
def _unbox_trainer(typ: Any, given: Any, context: Any) -> NoReturn:
    refuse(f"argument: {NO_TRAINER}")


@infer_getattr
class _TrainerAttributes(AttributeTemplate):
    key = TrainerType

    def generic_resolve(self, trainer: Any, name: str) -> NoReturn:
        refuse(f"trainer.{name}: {NO_TRAINER}")


def check_array(name: str, given: Any, dtype: Any, dimensions: tuple[int, ...], shape: str) -> None:
    """Refuse an array that the core cannot read."""
    array = isinstance(given, types.Array)
    if array and given.ndim in dimensions and given.layout == "C" and given.aligned and given.dtype == dtype:
        return
    expected = f"be a C-contiguous {dtype} array of shape {shape}"
    refuse(wrong(name, expected, _short(given), _remedy(name, given, dtype, dimensions)))


def check_output(name: str, given: Any, dtype: Any, shape: str) -> None:
    """Refuse an array that the core cannot write to."""
    check_array(name, given, dtype, (1 if name == "work" else 2,), shape)
    if not given.mutable:
        hint = "globals are read-only for Numba: make it in the function or pass it as an argument"
        refuse(wrong(name, "be writable", "a read-only array", hint))


def check_flag(name: str, given: Any) -> None:
    """Refuse what is not a bool."""
    if not isinstance(given, types.Boolean):
        refuse(wrong(name, "be a bool", _short(given)))


def check_integer(name: str, given: Any) -> None:
    """Refuse what is not an integer."""
    if not isinstance(given, types.Integer):
        refuse(wrong(name, "be an integer", _short(given)))


def check_number(name: str, given: Any) -> None:
    """Refuse what is not a number."""
    if not isinstance(given, types.Integer | types.Float):
        refuse(wrong(name, "be a number", _short(given)))


def _remedy(name: str, given: Any, dtype: Any, dimensions: tuple[int, ...]) -> str:
    """An expression that makes the array, if there is a simple one."""
    if isinstance(given, types.List | types.ListType | types.BaseTuple):
        labels = f", or np.array({name}, np.int64) for labels" if name == "y" else ""
        return f"use np.array({name}, np.{dtype}){labels}"
    if isinstance(given, types.Optional):
        return f"call once with {name} and once without, in two branches"
    if not isinstance(given, types.Array):
        return ""
    if name in ("out", "dx"):
        return f"use np.empty((len(x), {'outputs' if name == 'out' else 'inputs'}), np.{dtype})"
    if name == "work":
        return "use np.empty(kernel.work_size(model, len(x)), np.uint8)"
    if given.ndim not in dimensions:
        return f"use {name}.reshape(1, -1) for a single sample" if (given.ndim, dimensions) == (1, (2,)) else ""
    if given.dtype != dtype:
        return f"use {name}.astype(np.{dtype})"
    return f"use np.ascontiguousarray({name})"


def _short(given: Any) -> str:
    """A type in words, shortened: those of models fill pages."""
    text = str(given)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_model(model: Any, name: str = "model") -> Any:
    """Dtype of a model's parameters."""
    fields = getattr(model, "fields", ())
    if isinstance(model, TrainerType):
        refuse(wrong(name, "be a trainer's model", "a Trainer", "pass trainer.model"))
    if not isinstance(model, types.NamedTuple) or "descriptor" not in fields or "theta" not in fields:
        refuse(wrong(name, "be a trainer's model", _short(model), "pass trainer.model"))
    theta = model.types[fields.index("theta")]
    if not theta.mutable:
        refuse(f"{name}: its theta is read-only, but training writes to it; use theta.setflags(write=True)")
    return theta.dtype


def check_members(model: Any) -> Any:
    """Dtype of the parameters of a population's members."""
    fields = getattr(model, "fields", ())
    if not isinstance(model, types.NamedTuple) or "population" not in fields or "theta" not in fields:
        hint = "pass population.model" if "descriptor" not in fields else "a trainer's model is of one network"
        refuse(wrong("model", "be a population's model", _short(model), hint))
    return model.types[fields.index("theta")].dtype


def check_block_target(y: Any, dtype: Any, blocks: bool) -> int:
    """Kind of the targets of rows for all members, or of a block of rows for each of them."""
    if not blocks:
        return check_target(y, dtype)
    labels = isinstance(y, types.Array) and isinstance(y.dtype, types.Integer)
    if labels:
        check_array("y", y, types.int64, (2,), "(members, m), labels of each member, as X has three dimensions")
        return LABELS
    check_array("y", y, dtype, (2, 3), "(members, m, outputs), or labels (members, m), as X has three dimensions")
    return TARGETS


def check_target(y: Any, dtype: Any) -> int:
    """Kind of the targets: floats in the model's dtype, or labels."""
    if isinstance(y, types.Array) and y.dtype == types.int64 and y.ndim == 1 and y.layout == "C" and y.aligned:
        return LABELS
    if isinstance(y, types.Array) and isinstance(y.dtype, types.Integer):
        expected = "be a C-contiguous int64 array of shape (m,) for labels"
        refuse(wrong("y", expected, str(y), _remedy("y", y, types.int64, (1,))))
    check_array("y", y, dtype, (1, 2), "(m, outputs), or int64 labels of shape (m,)")
    return TARGETS
