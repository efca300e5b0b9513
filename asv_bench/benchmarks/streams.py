"""Data that are read block by block, beside the same data in memory; the files are in the system's page cache."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import nbtrain

ROWS, INPUTS, BATCH = 200_000, 30, 32
Array = np.ndarray[Any, Any]


class Streams:
    """An epoch of 6,250 steps of a network of 30-64-64-1."""

    timeout = 600
    params = (
        ("memory", "float32 memmap", "float64 memmap", "float32 memmap, Fortran order", "batches of 1000"),
        ("in order", "exact", "blocks"),
    )
    param_names = ("source", "shuffle")

    def setup(self, source: str, shuffle: str) -> None:
        self.folder = Path(tempfile.mkdtemp())  # asv calls teardown where setup skips, too
        if source.startswith("batches") and shuffle != "in order":
            raise NotImplementedError
        random = np.random.default_rng(0)
        self.X = random.standard_normal((ROWS, INPUTS)).astype(np.float32)
        self.y = random.standard_normal((ROWS, 1)).astype(np.float32)
        self.given: dict[str, Any] = {"shuffle": {"in order": False, "exact": True, "blocks": "blocks"}[shuffle]}
        if source.startswith("batches"):
            self.given |= {"batches": self.batches}
        else:
            self.given |= {"X": self.X if source == "memory" else self.mapped(source), "y": self.y}
        self.time_epoch(source, shuffle)

    def mapped(self, source: str) -> Array:
        file = np.memmap(
            self.folder / "X", source.split()[0], "w+", shape=self.X.shape, order="F" if "Fortran" in source else "C"
        )
        file[...] = self.X
        return file

    def batches(self) -> Any:
        for first in range(0, ROWS, 1000):
            yield self.X[first : first + 1000], self.y[first : first + 1000]

    def teardown(self, source: str, shuffle: str) -> None:
        self.given = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def time_epoch(self, source: str, shuffle: str) -> None:
        layers = [nbtrain.Dense(64, "relu"), nbtrain.Dense(64, "relu"), nbtrain.Dense(1)]
        trainer = nbtrain.Trainer(nbtrain.Network(INPUTS, layers), loss="mse", batch_size=BATCH, rng=0)
        trainer.fit(**self.given)
