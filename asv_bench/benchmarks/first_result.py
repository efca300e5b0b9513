"""How long a new process takes to train its first epoch, with a warm disk cache."""

from __future__ import annotations

import subprocess
import sys

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

    timeout = 300

    def setup_cache(self) -> None:
        subprocess.run([sys.executable, "-c", PROGRAM], check=True)

    def timeraw_first_epoch(self) -> str:
        return PROGRAM
