"""How long an import takes, in a process of its own."""

from __future__ import annotations


class Imports:
    """`import nbtrain` beside NumPy's own import, which it contains."""

    def timeraw_nbtrain(self) -> str:
        return "import nbtrain"

    def timeraw_numpy(self) -> str:
        return "import numpy"
