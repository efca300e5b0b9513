"""How long a new process takes to train its first epoch: with a warm disk cache, and with an empty one."""

from __future__ import annotations

import os
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


class ColdCompile:
    """The same with an empty cache."""

    timeout = 600

    def track_first_epoch(self) -> float:
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"NBTRAIN_CACHE_DIR": folder, "NBTRAIN_QUIET": "1"}
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", PROGRAM], check=True, env=environment)
            return time.perf_counter() - start

    track_first_epoch.unit = "seconds"  # type: ignore[attr-defined]
