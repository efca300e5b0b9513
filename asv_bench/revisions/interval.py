"""From ratios of times to an interval for the ratio, and to words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.99
LOOKS = 2  # at the ratios: after the first rounds and, where these do not decide, after as many again
NOTHING = 0.01  # a difference of less than one percent is not worth a word


class Interval(NamedTuple):
    """By how much the new revision takes longer: 0.03 is 3 percent."""

    low: float
    middle: float
    high: float

    def within(self, limit: float) -> bool:
        """Whether the difference is surely smaller than that, in either direction."""
        return -limit <= self.low and self.high <= limit

    def decided(self, limit: float) -> bool:
        """Whether more rounds would hardly change the words."""
        return self.within(limit) or self.low > limit or self.high < -limit

    def verdict(self, limit: float) -> str:
        """In words, for instance `no difference within 1.2 %`."""
        if self.within(NOTHING) or (self.within(limit) and self.low <= 0.0 <= self.high):
            return f"no difference within {_percent(max(-self.low, self.high, 0.001))} %"
        if self.low > 0.0:
            words = f"slower by {_percent(self.low, down=True)} to {_percent(self.high)} %"
            return words if self.low > limit else f"{words}, not surely beyond the limit"
        if self.high < 0.0:
            return f"faster by {_percent(-self.high, down=True)} to {_percent(-self.low)} %"
        return f"not sure: between {_percent(-self.low)} % faster and {_percent(self.high)} % slower"


def fewest_rounds() -> int:
    """With fewer values the confidence cannot be had: all of them on one side is not rare enough."""
    return math.ceil(math.log2(2 * LOOKS / (1 - CONFIDENCE)))


def interval(ratios: Sequence[float]) -> Interval:
    """The interval of the logarithms' centre by Wilcoxon's signed ranks, and the estimate of Hodges and Lehmann.

    It assumes independent ratios whose logarithms are symmetric about the centre, not that they are normal: one round
    that something else disturbed moves it little. M. Hollander, D. A. Wolfe: Nonparametric statistical methods,
    section 3.3.

    Parameters
    ----------
    ratios : sequence of float
        Of each round: time of the new revision over that of the base.
    """
    logarithms = np.log(np.asarray(ratios, dtype=float))
    first, second = np.triu_indices(len(logarithms))
    averages = np.sort((logarithms[first] + logarithms[second]) / 2.0)
    skipped = _skipped(len(logarithms), (1 - CONFIDENCE) / LOOKS)
    low, middle, high = averages[skipped], np.median(averages), averages[len(averages) - 1 - skipped]
    return Interval(*(math.expm1(value) for value in (low, middle, high)))


def _skipped(count: int, level: float) -> int:
    """How many averages of pairs lie outside the interval at each end: the largest k with 2 P(W <= k) <= level."""
    ways = np.zeros(count * (count + 1) // 2 + 1)  # of each sum of ranks
    ways[0] = 1.0
    for rank in range(1, count + 1):
        ways[rank:] = ways[rank:] + ways[:-rank]
    below = np.cumsum(ways) / 2.0**count
    return int(np.count_nonzero(2.0 * below <= level)) - 1


def _percent(value: float, down: bool = False) -> str:
    """A share as percent with one digit, rounded away from nothing or down."""
    tenths = math.floor(1000 * value) if down else math.ceil(1000 * value - 1e-9)
    return f"{tenths / 10:.1f}"
