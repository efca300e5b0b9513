"""The data that ships with the package."""

from __future__ import annotations

import numpy as np
import pytest

from nbtrain.datasets import load_digits


def test_digits_have_the_documented_shape_dtype_and_range():
    X, y = load_digits()
    assert X.shape == (1797, 64)
    assert X.dtype == np.float32
    assert (X.min(), X.max()) == (0, 1)
    assert y.shape == (1797,)
    assert y.dtype == np.int64
    assert sorted(set(y.tolist())) == list(range(10))


def test_digits_are_those_of_scikit_learn():
    reference = pytest.importorskip("sklearn.datasets").load_digits()
    X, y = load_digits()
    np.testing.assert_array_equal(X * 16, reference.data)
    np.testing.assert_array_equal(y, reference.target)


def test_each_call_gives_arrays_of_its_own():
    first, _ = load_digits()
    first[:] = -1
    assert load_digits()[0].min() == 0
