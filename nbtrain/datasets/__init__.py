"""Data sets that ship with the package, for examples, tests and first steps."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np

__all__ = ["load_digits"]


def load_digits() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Load 1,797 images of handwritten digits, 8 x 8 pixels each, and their labels.

    Returns
    -------
    X : ndarray of shape (1797, 64), float32
        Rows of pixels from 0 (paper) to 1 (ink).
    y : ndarray of shape (1797,), int64
        The labels, 0 to 9.

    Notes
    -----
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0; the same samples, in the same order, as
    scikit-learn's `sklearn.datasets.load_digits`, whose pixels go from 0 to 16.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> X.shape, y[:5].tolist()
    ((1797, 64), [0, 1, 2, 3, 4])
    """
    path = files(__name__).joinpath("digits.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        images, labels = archive["images"], archive["labels"]
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(16), labels.astype(np.int64)


def __dir__() -> list[str]:
    return sorted(__all__)
