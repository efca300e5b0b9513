"""Permutation importance: how much worse the scores are when the cells of one column are shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
MOST_ROWS = 2000
REPEATS = 5


def importance(
    frame: Any,
    columns: Sequence[str],
    score: Callable[[Any, Array], float],
    seed: int = 0,
    repeats: int = REPEATS,
) -> list[dict[str, Any]]:
    """The loss of score by column, the largest first.

    L. Breiman: Random forests. Machine Learning 45 (2001), section 10; with A. Fisher, C. Rudin, F. Dominici: All
    models are wrong, but many are useful. JMLR 20 (2019), whose estimate this is, with permutations in place of all
    pairs.

    Parameters
    ----------
    frame : DataFrame
        Rows that the model was not trained on; at most 2,000 of them are used, chosen at random.
    columns : sequence of str
        The columns to shuffle.
    score : function
        `score(frame, rows) -> float`, larger is better: the model's score on a frame whose rows are these rows of
        `frame`.
    seed : int
    repeats : int
        Shuffles of each column.

    Returns
    -------
    list of dict
        `name`, `mean`, `low` and `high`: the mean, least and largest loss of score over the shuffles.
    """
    random = np.random.default_rng(seed)
    rows = np.arange(len(frame))
    if len(rows) > MOST_ROWS:
        rows = np.sort(random.choice(rows, MOST_ROWS, replace=False))
    sample = frame.iloc[rows]
    whole = score(sample, rows)
    found = []
    for name in columns:
        lost = []
        for _ in range(repeats):
            shuffled = sample.copy(deep=False)
            shuffled[name] = sample[name].take(random.permutation(len(rows))).set_axis(sample.index)
            lost.append(whole - score(shuffled, rows))
        found.append({"name": name, "mean": float(np.mean(lost)), "low": min(lost), "high": max(lost)})
    return sorted(found, key=lambda row: -row["mean"])
