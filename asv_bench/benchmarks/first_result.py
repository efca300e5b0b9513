"""How long a new process takes to train its first epoch: with a warm disk cache, an empty one, and a wheel's code."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = """
import nbtrain
from nbtrain.datasets import load_digits
X, y = load_digits()
network = nbtrain.Network(64, [nbtrain.Dense(64, "relu"), nbtrain.Dense(10)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
trainer.fit(X, y, epochs=1)
"""


class FirstResult:
    """Import, build, load the compiled code, train one epoch of the digits."""

    timeout = 600

    def setup_cache(self) -> None:
        subprocess.run([sys.executable, "-c", PROGRAM], check=True)

    def timeraw_first_epoch(self) -> str:
        return PROGRAM


def seconds_with_an_empty_cache(**environment: str) -> float:
    """Of a new process that trains the first epoch."""
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ | {"NBTRAIN_CACHE_DIR": folder, "NBTRAIN_QUIET": "1"} | environment
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROGRAM], check=True, env=given)
        return time.perf_counter() - start


class ColdCompile:
    """The same with an empty cache, and without the code that a wheel may bring."""

    timeout = 600

    def track_first_epoch(self) -> float:
        return seconds_with_an_empty_cache(NBTRAIN_PREBUILT="0")

    track_first_epoch.unit = "seconds"  # type: ignore[attr-defined]


class Prebuilt:
    """The same with an empty cache, where the installation brings code for this processor (`make wheel`)."""

    timeout = 600

    def setup(self) -> None:
        try:
            from nbtrain.compiler import prebuilt
        except ImportError as error:
            raise NotImplementedError(str(error)) from error  # asv's word for a benchmark that is left out
        bundle, reason = prebuilt.in_use()
        if bundle is None:
            raise NotImplementedError(reason)

    def track_first_epoch(self) -> float:
        return statistics.median(seconds_with_an_empty_cache() for _ in range(5))

    track_first_epoch.unit = "seconds"  # type: ignore[attr-defined]
