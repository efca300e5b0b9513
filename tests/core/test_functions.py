"""The table of the core's functions: whatever is forgotten beside a row of it is an error that names it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nbtrain.core import functions, layout
from nbtrain.core.functions import CORE, DOORS, HOST_FUNCTIONS, OPERATIONS, SHARED
from nbtrain.errors import Error

WITH_ROW = """
from nbtrain.core import functions as f
row = f.Function(("model", "x", "rows", "columns", "delta"), door=True, host=True)
f.CORE["backward_from"], f.DOORS = row, (*f.DOORS, "backward_from")
f.SIGNATURES["backward_from"] = row.arguments
"""
WITHOUT = """
from nbtrain.core import functions as f
del f.CORE["predict"]
f.DOORS = tuple(name for name in f.DOORS if name != "predict")
"""
MODEL = """
import nbtrain
from nbtrain.core import compiled
usual = compiled.core
def core(dtype):
    found = type(usual(dtype))(dict(usual(dtype).addresses))
    CHANGE
    return found
compiled.core = core
nbtrain.Trainer(nbtrain.Network(1, [nbtrain.Dense(1)]), loss="mse")
"""
FORGOTTEN = {
    "nbtrain.core.exports lacks backward_from": WITH_ROW
    + "import numpy\nfrom nbtrain.core import exports\nexports.functions(numpy.float32)",
    "nbtrain.core.exports has predict": WITHOUT
    + "import numpy\nfrom nbtrain.core import exports\nexports.functions(numpy.float32)",
    "nbtrain.kernel lacks backward_from": WITH_ROW + "import nbtrain.kernel",
    "nbtrain.kernel has predict": WITHOUT + "import nbtrain.kernel",
    "the compiled core lacks predict": MODEL.replace("CHANGE", 'found.addresses["predict"] = 0'),
    "the compiled core lacks update": MODEL.replace("CHANGE", 'del found.addresses["update"]'),
    "nbtrain.core.helper.SHARES lacks tidy": """
from nbtrain.core import functions as f
f.SHARED = [*f.SHARED, "tidy"]
import nbtrain.core.helper""",
    "nbtrain.core.helper.SHARES has snapshot": """
from nbtrain.core import functions as f
f.SHARED = [name for name in f.SHARED if name != "snapshot"]
import nbtrain.core.helper""",
}


@pytest.mark.parametrize("message", FORGOTTEN)
def test_what_was_forgotten_is_named_and_ends_no_process(message):
    command = [sys.executable, "-c", FORGOTTEN[message]]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 1, found.stderr
    assert f"Error: {message}, which nbtrain/core/functions.py" in found.stderr


def test_names_that_are_all_there_are_no_error():
    functions.check_complete("here", ["b", "a"], ["a", "b"])
    with pytest.raises(Error, match=r"^here lacks a, b, which nbtrain/core/functions\.py lists$"):
        functions.check_complete("here", [], ["b", "a"])
    with pytest.raises(Error, match=r"^here has c, which nbtrain/core/functions\.py does not list$"):
        functions.check_complete("here", ["c"], [])


def test_every_door_and_host_function_takes_a_model_first():
    for name in {*DOORS, *HOST_FUNCTIONS}:
        assert CORE[name].arguments[0] == "model"


def test_operations_have_one_number_each():
    assert set(SHARED) < set(OPERATIONS)
    names = [name for name in vars(functions) if name.replace("_", " ").lower() in OPERATIONS]
    assert [OPERATIONS[getattr(functions, name)] for name in names] == [n.replace("_", " ").lower() for n in names]
    assert len(names) == len(OPERATIONS)


def test_the_fields_of_a_member_are_one_range_of_bytes_in_cache_lines_of_their_own():
    ranges = [layout.byte_range(owner) for owner in layout.FIELDS]
    assert [name for fields in layout.FIELDS.values() for name in fields] == list(layout.DESCRIPTOR.names)
    for (_, end), (start, _) in zip(ranges, ranges[1:], strict=False):
        assert end <= start
        assert start % layout.CACHE_LINE == 0
    start, stop = layout.byte_range("member")
    offsets = [layout.DESCRIPTOR.fields[name][1] for name in layout.FIELDS["member"]]
    assert offsets == list(range(start, stop, 8))


def test_a_training_continues_from_a_copy_of_the_member_fields():
    """The words of a member, and theta, state and scalars, are all that tells one training from another."""
    import nbtrain

    def make(rng):
        network = nbtrain.Network(3, [nbtrain.Dense(8, "tanh", dropout=0.3), nbtrain.Dense(2)])
        rate = nbtrain.schedule("exponential", rate=0.1, steps=4)
        optimizer = nbtrain.optimizer("adam", learning_rate=rate)
        return nbtrain.Trainer(network, loss="mse", optimizer=optimizer, batch_size=8, rng=rng)

    random = np.random.default_rng(0)
    X, y = random.standard_normal((30, 3)).astype(np.float32), random.standard_normal((30, 2)).astype(np.float32)
    first, second = make(0), make(1)
    first.fit(X, y, epochs=3)
    start, stop = layout.byte_range("member")
    own = {"log", "snapshot"}  # addresses of arrays of their own
    source, target = (t.engine.descriptor for t in (first, second))
    kept = {name: target[name].copy() for name in own}
    target.view(np.uint8)[start:stop] = source.view(np.uint8)[start:stop]
    for name in own:
        target[name] = kept[name]
    second.theta[:] = first.theta
    second.model.state[:] = first.model.state
    second.engine.memory.array("scalars")[:] = first.engine.memory.array("scalars")
    assert second.fit(X, y, epochs=2)["loss"][-2:] == first.fit(X, y, epochs=2)["loss"][-2:]
    np.testing.assert_array_equal(first.theta, second.theta)
