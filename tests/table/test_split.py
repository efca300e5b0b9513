"""Splits by groups and by time, and the folds of a cross-validation."""

from __future__ import annotations

import numpy as np
import pytest

import nbtrain
from nbtrain.table.split import folds, split

RANDOM = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(20), RANDOM.integers(1, 30, 20))
TIMES = RANDOM.integers(0, 80, 400).astype(float)


def whole(parts, rows):
    """Each row is in one part."""
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))


@pytest.mark.parametrize("seed", range(5))
def test_a_group_stays_in_one_part(seed):
    parts = split(None, len(GROUPS), (0.15, 0.2), seed, groups=GROUPS)
    whole(parts, len(GROUPS))
    found = [set(GROUPS[part]) for part in parts]
    assert sum(map(len, found)) == len(set(GROUPS))
    assert 0.05 < len(parts[1]) / len(GROUPS) < 0.3
    assert 0.1 < len(parts[2]) / len(GROUPS) < 0.35


def test_parts_follow_each_other_in_time():
    train, validation, test = split(None, len(TIMES), (0.15, 0.2), 0, order=TIMES)
    whole([train, validation, test], len(TIMES))
    assert TIMES[train].max() < TIMES[validation].min() <= TIMES[validation].max() < TIMES[test].min()
    assert abs(len(test) - 80) < 15
    assert abs(len(validation) - 60) < 15


def test_too_few_groups_or_times_are_refused():
    with pytest.raises(nbtrain.InputError, match="2 groups are too few to be split into 3 parts"):
        split(None, 4, (0.2, 0.2), 0, groups=np.array([0, 0, 1, 1]))
    with pytest.raises(nbtrain.InputError, match="too few different times"):
        split(None, 4, (0.2, 0.2), 0, order=np.zeros(4))
    with pytest.raises(nbtrain.InputError, match=r"fewer groups than parts of the cross-validation \(5\)"):
        folds(None, 4, 5, 0, groups=np.array([0, 0, 1, 1]))


def test_each_row_is_tested_once_and_classes_are_spread():
    classes = np.repeat([0, 1, 2], [200, 90, 10])
    found = folds(classes, 300, 5, 0)
    whole([test for _, test in found], 300)
    for train, test in found:
        whole([train, test], 300)
        assert np.bincount(classes[test]).tolist() == [40, 18, 2]


def test_folds_keep_groups_whole_and_about_equal():
    found = folds(None, len(GROUPS), 4, 0, groups=GROUPS)
    whole([test for _, test in found], len(GROUPS))
    for train, test in found:
        assert not set(GROUPS[train]) & set(GROUPS[test])
        assert len(test) == pytest.approx(len(GROUPS) / 4, rel=0.2)


def test_folds_in_time_train_on_the_past_alone():
    found = folds(None, len(TIMES), 4, 0, order=TIMES)
    assert len(found) == 4
    for (train, test), (_, later) in zip(found, [*found[1:], found[-1]], strict=True):
        assert TIMES[train].max() < TIMES[test].min()
        assert TIMES[test].max() < TIMES[later].min() or later is test
    assert sum(len(test) for _, test in found) == len(TIMES) - len(found[0][0])
