"""What Numba is spared changes nothing in what it makes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from numba import types
from numba.extending import overload

from nbtrain.compiler.jit import jit
from nbtrain.compiler.objects import object_code

DIGEST = """
import contextlib, hashlib
import numpy as np
from nbtrain.core import exports
from nbtrain.compiler import objects
SPARED
code = objects.object_code(exports.functions(np.dtype("f4"), "members"), level=objects.CORE_LEVEL)
print(len(code), hashlib.sha256(code).hexdigest())
"""


def digest(spared):
    program = DIGEST.replace("SPARED", spared)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=True
    ).stdout


def test_objects_have_the_same_bytes_as_from_numba_as_it_is():
    assert digest("") == digest("objects.lean = lambda context: contextlib.nullcontext()")


def added_later(number):
    """Declared to Numba after something was compiled."""


def test_declarations_that_come_after_a_compilation_are_seen():
    @jit
    def before(number):
        return number + np.int64(1)

    @jit
    def after(number):
        return added_later(number)

    object_code({"before": (before, (types.int64,))})

    @overload(added_later)
    def declared(number):
        return lambda number: number * 3

    assert b"nbtrain_after" in object_code({"after": (after, (types.int64,))})
