"""Loops that do not end are found in helpers that a component reaches through modules, too."""

from __future__ import annotations

import subprocess
import sys

import pytest

HELPERS = """
from numba import njit

@njit
def wrapped(z):
    while abs(z) > 1.0:
        z = z - 2.0 if z > 0.0 else z + 2.0
    return z

@njit
def rounded(z):
    for _ in range(3):
        z = 0.5 * (z + 1.0)
    return z
"""
SCRIPT = """
import numpy as np
import helpers, outer.inner
from nbtrain import Activation, testing

helpers.wrapped(0.5), helpers.wrapped(np.float32(0.5))  # compiled: nothing would interrupt it
outer.inner.wrapped(0.5), outer.inner.wrapped(np.float32(0.5))

def of_a_closure():
    module = outer
    return lambda z: module.inner.{name}(z)

functions = {{
    "module": lambda z: helpers.{name}(z),
    "package": lambda z: outer.inner.{name}(z),
    "closure": of_a_closure(),
}}
try:
    testing.check_activation(Activation("wrong", functions[{way!r}], lambda z: 0.125))
except AssertionError as error:
    print(error)
"""


def findings(folder, name, way):
    """What is found about an activation whose helper has that name and is reached in that way."""
    (folder / "outer").mkdir()
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "outer" / "__init__.py").write_text("")
    (folder / "outer" / "inner.py").write_text(HELPERS)
    script = folder / "script.py"
    script.write_text(SCRIPT.format(name=name, way=way))
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return done.stdout


@pytest.mark.parametrize("way", ["module", "package", "closure"])
def test_a_loop_that_does_not_end_is_found_in_a_helper_of_a_module(way, tmp_path):
    assert "value: for z = 1e+10 it has not ended" in findings(tmp_path, "wrapped", way)


def test_a_loop_that_ends_is_accepted_in_a_helper_of_a_module(tmp_path):
    assert findings(tmp_path, "rounded", "module") == ""
