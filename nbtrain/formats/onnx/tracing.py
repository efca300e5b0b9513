"""Running a function both ways wherever it decides by a value; the results are chosen from by `Where`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

MOST_PATHS, MOST_DECISIONS = 512, 64


class Untranslatable(Exception):
    """Something cannot be written in ONNX."""


class Paths:
    """The decisions of one function: which were made in this run, and what is still to be tried."""

    runs: int

    def __init__(self) -> None:
        self.runs = 0
        self._prefix: list[bool] = []
        self._made: dict[str, bool] = {}  # condition's name in the graph -> decision, in the order of the decisions

    def decide(self, condition: str) -> bool:
        """What a condition is taken for in this run: the same each time."""
        if condition not in self._made:
            place = len(self._made)
            if place >= MOST_DECISIONS:
                raise Untranslatable(
                    f"it makes more than {MOST_DECISIONS} decisions in a row, perhaps in a loop that ends by a value"
                )
            self._made[condition] = self._prefix[place] if place < len(self._prefix) else True
        return self._made[condition]

    def explore(
        self, run: Callable[[], Sequence[Any]], choose: Callable[[str, Any, Any], Any], prefix: Sequence[bool] = ()
    ) -> list[Any]:
        """The results of a function for all decisions that begin with `prefix`.

        Parameters
        ----------
        run : function
            Calls the function -> its results, as many each time.
        choose : function
            `choose(condition, yes, no)` -> one of two results, by a condition.
        prefix : sequence of bool, optional
        """
        self.runs += 1
        if self.runs > MOST_PATHS:
            raise Untranslatable(
                f"it has more than {MOST_PATHS} execution paths; use min, max and np.where, which do not branch"
            )
        self._prefix, self._made = list(prefix), {}
        results = list(run())
        made = list(self._made.items())
        for place in reversed(range(len(prefix), len(made))):
            others = self.explore(run, choose, [*(way for _, way in made[:place]), False])
            results = [choose(made[place][0], yes, no) for yes, no in zip(results, others, strict=True)]
        return results
