"""The header nbtrain.h for hosts in C and C++, made from the table of the core's functions.

python -m nbtrain.model.header        # writes nbtrain/include/nbtrain.h, after the table has changed
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from ..core import layout
from ..core.functions import HOST_FUNCTIONS, NUMBERS, SIGNATURES, check_complete
from ..errors import Error
from ..status import WORDS

FOLDER = Path(__file__).parent.parent / "include"
WIDTH = 110
TOGETHER = "\xa0"  # a space at which no line is broken

STATUSES = (
    *("OK", "WRONG_X", "WRONG_Y", "WRONG_TARGET", "WRONG_LABEL", "WRONG_OUT", "WRONG_WEIGHT", "BUSY", "DIVERGED"),
    *("NO_MEMORY", "FAILED", "WRONG_MODEL", "WRONG_RATE", "WRONG_GRADIENT", "NO_FORWARD", "TOO_MANY_ROWS"),
    *("OTHER_NETWORK", "WRONG_MEMBER", "WRONG_WORK", "WRONG_TAU", "WRONG_M"),
)

# What a wrapper takes in place of an address; `source` is another model.
POINTERS = {
    **dict.fromkeys(("x", "y", "weight", "delta"), "const void *"),
    **dict.fromkeys(("out", "dx", "work"), "void *"),
    "result": "double *",
    "source": "const struct nbtrain *",
}

ABOUT = {
    "train_step": "One iteration on one batch. result[0]: mean data loss before the update.",
    "train_epoch": "One epoch, or the rest of one that was begun. result[0]: mean data loss over its steps.",
    "loss_and_gradient": "The gradient of the objective, penalty included, without dropout. result[0]: the objective.",
    "update": "One iteration of the optimizer with the gradient as it is.",
    "evaluate": "result[0..2]: sums of the weighted losses, of the weights, and of the correct predictions.",
    "predict": "Predictions for x, written to out.",
    "forward": "The last layer's activation for at most batch_size rows, written to out; keeps what backward needs.",
    "backward": "After forward of the same rows: the gradient for delta = dJ/d out, and dJ/dx unless dx is NULL.",
    "input_gradient": "The same for dx alone; the gradient stays as it is.",
    "predict_with": "As predict, in work, and nothing in the model is written: many threads may call it at once.",
    "work_size": "Bytes of work that predict_with needs for so many rows, not a status; 0 for a copy of a model.",
    "copy": "The parameters become those of source.",
    "blend": "The parameters become (1 - tau) times their own plus tau times those of source.",
    "regularize": "Adds the derivative of the penalty, divided by m, to the gradient.",
    "gradient_norm": "result[0], of one number: the Euclidean norm of the gradient.",
}

HEAD = """\
/* nbtrain.h: training, evaluation and prediction in C and C++, without the interpreter.

   Generated from the table of functions of nbtrain; docs/how-to/c.md describes them.

   Python makes a trainer and passes the host an array of int64 that begins with the model's address, followed by those
   of the functions in the order of trainer.c_functions():

       addresses = [address for address, _ in trainer.c_functions().values()]
       table = numpy.array([trainer.model.descriptor.ctypes.data, *addresses], numpy.int64)

   The host uses it as a `struct nbtrain` as long as the trainer lives:

       int64_t train(const struct nbtrain *net, const float *x, const float *y, int64_t rows) {
           double result[3];
           return nbtrain_train_step(net, x, rows, 4, y, rows, 2, NBTRAIN_FLOATS, NULL, result);
       }

   x, y, weight, out, delta and dx hold numbers of the trainer's dtype, float or double, row after row; labels are
   int64_t. Unless said otherwise, a function returns a status, NBTRAIN_OK for success. */

#ifndef NBTRAIN_H
#define NBTRAIN_H

#include <stdint.h>
"""


def text() -> str:
    """The whole header."""
    if {getattr(layout, name) for name in STATUSES} != set(WORDS):
        raise Error("nbtrain.h: STATUSES in nbtrain/model/header.py are not those of nbtrain/status.py")
    check_complete("nbtrain.h", ABOUT, HOST_FUNCTIONS)
    parts = [HEAD, _constants(), _table()]
    parts += [_wrapper(name) for name in HOST_FUNCTIONS]
    return "\n".join([*parts, "#endif\n"])


def name_of_status(code: int) -> str:
    """What a status is called here and in nbtrain.core.layout."""
    return next(name for name in STATUSES if getattr(layout, name) == code)


def _constants() -> str:
    """Statuses, kinds of targets, and the size of the table."""
    lines = ["enum nbtrain_status {"]
    for code, words in sorted(WORDS.items()):
        lines.append(_folded(f"    /* {words} */", 7))
        lines.append(f"    NBTRAIN_{name_of_status(code)} = {code},")
    lines[-1] = lines[-1].rstrip(",")
    lines += ["};", "", "enum nbtrain_targets { NBTRAIN_FLOATS = 0, NBTRAIN_LABELS = 1 };", ""]
    lines += [f"#define NBTRAIN_FUNCTIONS {len(HOST_FUNCTIONS)} /* in struct nbtrain, after the model */", ""]
    return "\n".join(lines)


def _table() -> str:
    """The structure of the model's address and the functions."""
    lines = ["struct nbtrain {", "    int64_t model;"]
    for name in HOST_FUNCTIONS:
        kinds = ", ".join("double" if argument in NUMBERS else "int64_t" for argument in SIGNATURES[name])
        lines.append(_folded(f"    int64_t (*{name})({kinds});", 8))
    return "\n".join([*lines, "};", ""])


def _wrapper(name: str) -> str:
    """A function with pointers in place of addresses."""
    taken, passed = ["const struct nbtrain *self".replace(" ", TOGETHER)], ["self->model"]
    for argument in SIGNATURES[name][1:]:
        pointer = POINTERS.get(argument)
        kind = pointer or ("double " if argument in NUMBERS else "int64_t ")
        taken.append(f"{kind}{argument}".replace(" ", TOGETHER))
        address = f"{argument}->model" if argument == "source" else f"(int64_t)(intptr_t){argument}"
        passed.append(address if pointer else argument)
    return "\n".join(
        [
            f"/* {ABOUT[name]} */",
            _folded(f"static inline int64_t nbtrain_{name}({', '.join(taken)}) {{", 8),
            _folded(f"    return self->{name}({', '.join(passed)});", 8),
            "}\n",
        ]
    )


def _folded(line: str, indent: int) -> str:
    """A line of C, continued where it is too long."""
    folded = textwrap.wrap(line, WIDTH, subsequent_indent=" " * indent)
    return "\n".join(folded).replace(TOGETHER, " ").replace("…", "...")


def get_include() -> str:
    """Folder of the header nbtrain.h, for the compiler of a host in C or C++.

    Returns
    -------
    str

    Raises
    ------
    Error
        If nbtrain is in an archive, which compilers do not read.

    Examples
    --------
    >>> import nbtrain
    >>> command = ["cc", "-shared", "-fPIC", f"-I{nbtrain.get_include()}", "host.c", "-o", "host.so"]
    """
    if not (FOLDER / "nbtrain.h").is_file():
        raise Error(f"get_include: there is no {FOLDER / 'nbtrain.h'}; unpack nbtrain into a folder, or install it")
    return str(FOLDER)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "nbtrain.h").write_text(text(), encoding="utf-8")
