"""scikit-learn's MLPClassifier and MLPRegressor, trained by nbtrain; they want scikit-learn (`nbtrain[sklearn]`)."""

from __future__ import annotations

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("nbtrain.sklearn needs scikit-learn: pip install 'nbtrain[sklearn]'") from error

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
