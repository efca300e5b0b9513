"""scikit-learn's MLPClassifier and MLPRegressor, trained by nbtrain, ensembles of them, and a network for each group.

Requires scikit-learn (`nbtrain[sklearn]`).
"""

from __future__ import annotations

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("nbtrain.sklearn needs scikit-learn: pip install scikit-learn") from error

from .classifier import MLPClassifier
from .ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from .grouped import GroupedMLPRegressor
from .regressor import MLPRegressor

__all__ = ["GroupedMLPRegressor", "MLPClassifier", "MLPEnsembleClassifier", "MLPEnsembleRegressor", "MLPRegressor"]

for _public in (GroupedMLPRegressor, MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor):
    _public.__module__ = __name__  # pickles and tracebacks name the public path


def __dir__() -> list[str]:
    return sorted(__all__)
