"""Numbers that are too large, and memory that is not there: named, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from common import network

import nbtrain

OVER = 1e39  # more than a float32 can hold


def make(layers=None, **options):
    net = nbtrain.Network(3, layers or [nbtrain.Dense(4, "tanh"), nbtrain.Dense(2)])
    return nbtrain.Trainer(net, **{"loss": "mse", "rng": 0} | options)


def limited(w, limit):
    return min(max(w, -limit), limit)


def unit(norm, limit):
    return min(1.0, limit / norm)


def falling(t, first, steps):
    return first / (1 + t / steps)


def constant(fan_in, fan_out, rng, value):
    import numpy as np

    return np.full((fan_in, fan_out), value)


CONSTRAINT = nbtrain.Constraint("limited", project=limited, parameters={"limit": 1.0})
UNITS = nbtrain.Constraint("unit", scale=unit, parameters={"limit": 1.0})
SCHEDULE = nbtrain.Schedule("falling_rate", rate=falling, parameters={"first": 0.1, "steps": 10.0})
INITIALIZER = nbtrain.Initializer("constantly", constant, parameters={"value": 0.5})
OVERFLOWING = {
    "limit": lambda **o: make([nbtrain.Dense(2, constraint=nbtrain.constraint(CONSTRAINT, limit=OVER))], **o),
    "limit ": lambda **o: make([nbtrain.Dense(2, constraint=nbtrain.constraint(UNITS, limit=OVER))], **o),
    "first": lambda **o: make(
        optimizer=nbtrain.optimizer("sgd", learning_rate=nbtrain.schedule(SCHEDULE, first=OVER)), **o
    ),
    "value": lambda **o: make([nbtrain.Dense(2, initializer=nbtrain.initializer(INITIALIZER, value=OVER))], **o),
    "slope": lambda **o: make([nbtrain.Dense(2, nbtrain.activation(STEEP, slope=OVER))], **o),
}


def steep(z, slope):
    return slope * z


def steep_slope(z, a, slope):
    return slope


STEEP = nbtrain.Activation("steep", value=steep, slope=steep_slope, parameters={"slope": 1.0})


@pytest.fixture(autouse=True)
def _registered():
    specs = (CONSTRAINT, UNITS, SCHEDULE, INITIALIZER, STEEP)
    for spec in specs:
        nbtrain.register(spec)
    yield
    for spec in specs:
        nbtrain.unregister(spec)


@pytest.mark.parametrize("name", OVERFLOWING)
def test_parameters_that_the_dtype_cannot_hold_are_named(name):
    with pytest.raises(
        nbtrain.InputError, match=rf"^{name.strip()} must be finite in float32, got 1e\+39; it is given to "
    ):
        OVERFLOWING[name](dtype="float32")
    assert OVERFLOWING[name](dtype="float64").dtype == "float64"


@pytest.mark.parametrize("exponent", [0, 500, 1020])
def test_r2_of_huge_targets_is_that_of_targets_of_which_they_are_multiples(exponent):
    X, y = np.linspace(-1, 1, 20)[:, None], np.random.default_rng(0).normal(size=(20, 1))
    trainer = nbtrain.Trainer(network((1, 1), ["identity"]), loss="mse", dtype="float64", rng=0)
    factor = 2.0**exponent
    trainer.set_weights([([[0.5 * factor]], [0.0])])
    residual = ((y - 0.5 * X) ** 2).sum()
    wanted = 1 - residual / ((y - y.mean()) ** 2).sum()
    found = trainer.evaluate(X, y * factor)["r2"]
    assert found == (pytest.approx(wanted, rel=1e-12) if exponent <= 500 else -np.inf)  # errors are summed unscaled


# ---- repr


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(clip_norm=1.5, clip_value=0.1, threads=2),
        dict(threads="auto", dtype="float64", shuffle=False, batch_size=7),
        dict(optimizer=nbtrain.optimizer("rmsprop", learning_rate=nbtrain.schedule("cosine", steps=100))),
        dict(regularizer="l2", loss="binary_cross_entropy"),
    ],
)
def test_the_repr_of_a_trainer_makes_one_like_it(options):
    trainer = make(**options)
    again = eval(repr(trainer), vars(nbtrain))
    assert repr(again) == repr(trainer)
    for name in ("network", "loss", "optimizer", "regularizer", "batch_size", "shuffle", "dtype"):
        assert getattr(again.engine.recipe, name) == getattr(trainer.engine.recipe, name)
    for name in ("clip_value", "clip_norm", "threads", "automatic"):
        assert getattr(again.engine.recipe, name) == getattr(trainer.engine.recipe, name)


# ---- memory


@pytest.mark.parametrize("size", [10**14, 2**60, 2**63, 10**40])
def test_a_batch_for_which_there_is_no_memory_is_named_with_its_bytes(size):
    with pytest.raises(
        MemoryError,
        match=rf"^batch_size must .*, got {size:,}; .* needs [\d,]+ bytes, [\d,]+ of",
    ):
        make(batch_size=size)


@pytest.mark.parametrize("units", [10**8, 10**30])
def test_a_network_for_which_there_is_no_memory_is_named_with_its_bytes(units):
    with pytest.raises(MemoryError, match=r"^network must .*, got Network\(10*, .*; .* needs [\d,]+ bytes"):
        nbtrain.Trainer(network((units, units), ["identity"]), loss="mse")


SCARCE = """
    import os, resource, sys
    import numpy as np
    import nbtrain

    MIB = 2**20
    folder = sys.argv[1]

    def limit(more):
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, resource.RLIM_INFINITY))

    def fails(kind, words, use):
        try:
            use()
        except kind as error:
            assert words in str(error), error
        else:
            raise AssertionError(words)

    def make(units=8, **options):
        network = nbtrain.Network(1, [nbtrain.Dense(units, "tanh"), nbtrain.Dense(1)])
        return nbtrain.Trainer(network, loss="mse", rng=1, **options)

    rows = 32 * MIB
    X, y = np.ones((rows, 1), np.float32), np.ones((rows, 1), np.float32)  # 128 MiB each, as the order
    trainer, twin = make(batch_size=1024), make(batch_size=1024)
    big = make(3 * MIB, batch_size=1)
    big.save(f"{folder}/big.nbt")  # 36 MiB of parameters, 108 with the state of adam
    size = os.path.getsize(f"{folder}/big.nbt")

    limit(16 * MIB)
    fails(MemoryError, "batch_size must be smaller to fit in memory", lambda: make(64, batch_size=1_000_000))
    fails(MemoryError, "network must be smaller", lambda: make(4 * MIB, batch_size=1))
    fails(MemoryError, "order of the samples", lambda: trainer.fit(X, y))
    fails(MemoryError, "", lambda: big.save(f"{folder}/big.nbt"))
    fails(nbtrain.ModelFileError, "not enough memory for its", lambda: nbtrain.load(f"{folder}/big.nbt"))
    assert os.listdir(folder) == ["big.nbt"] and os.path.getsize(f"{folder}/big.nbt") == size

    limit(4096 * MIB)
    for one in (trainer, twin):  # what failed has changed nothing
        one.fit(X[:4096], y[:4096], epochs=2)
    assert trainer.theta.tobytes() == twin.theta.tobytes()
    assert nbtrain.load(f"{folder}/big.nbt").theta.tobytes() == big.theta.tobytes()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory as Linux has them")
def test_where_memory_is_scarce_errors_say_so_and_nothing_is_lost(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(SCARCE), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
