"""A scikit-learn pipeline on a table with categories, with nbtrain's network at its end.

    pip install '.[sklearn]'        # in a checkout of nbtrain
    python examples/sklearn_pipeline.py

`nbtrain.sklearn.MLPRegressor` takes scikit-learn's place by its import line: here in a pipeline with one-hot encoding
and scaling, a scaled target, cross-validation and a grid search. The search also tries dropout, which scikit-learn's
network lacks. The rents are made up, so that nothing has to be downloaded and the best possible R² is known.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np

DISTRICTS = {"harbour": 11.0, "hill": 16.0, "market": 14.0, "mill": 9.5, "station": 12.0}
HEATING = {"district": 0.0, "gas": -0.3, "oil": -0.9, "stove": -2.0}
NOISE = 60.0


def make_rents(flats: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Rows of district, heating, balcony, square metres, floor, year; rents; the best possible R²."""
    random = np.random.default_rng(seed)
    district, heating = random.choice(list(DISTRICTS), flats), random.choice(list(HEATING), flats)
    balcony = random.choice(["yes", "no"], flats)
    area, floor, year = random.gamma(9.0, 8.0, flats), random.integers(0, 7, flats), random.integers(1890, 2025, flats)
    rate = np.array([DISTRICTS[name] for name in district]) + np.array([HEATING[name] for name in heating])
    rate += 1.5 * (balcony == "yes") * (district == "hill") + np.where(year > 1990, (year - 1990) / 15, 0.0)
    exact = area * (rate - 0.8 * np.log(area / 50) - 0.25 * (floor == 0)) + 40.0
    rows = np.empty((flats, 6), object)
    for index, column in enumerate((district, heating, balcony, area, floor, year)):
        rows[:, index] = column
    return rows, exact + NOISE * random.normal(size=flats), float(1 - NOISE**2 / (exact.var() + NOISE**2))


def make_pipeline(network: Any) -> Any:
    """Encoding, scaling and a network; the target is scaled for training, and predictions are in its own unit."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [0, 1, 2]),
            ("numbers", StandardScaler(), [3, 4, 5]),
        ]
    )
    pipeline = Pipeline([("columns", columns), ("network", network)])
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler())


def main(arguments: list[str] | None = None) -> int:
    """Cross-validate both libraries' networks in the same pipeline, then search for better settings with nbtrain's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flats", type=int, default=3000, help="default 3000")
    parser.add_argument("--folds", type=int, default=5, help="of the cross-validation (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    try:
        from sklearn import neural_network
        from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
    except ImportError:
        print("this example needs scikit-learn: pip install '.[sklearn]' in a checkout of nbtrain", file=sys.stderr)
        return 1
    import nbtrain.sklearn

    X, y, best = make_rents(options.flats, options.seed)
    X, X_test, y, y_test = train_test_split(X, y, random_state=options.seed)
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (64, 32),
        "batch_size": 32,
        "early_stopping": True,
        "max_iter": 200,
        "random_state": options.seed,
    }
    ours = make_pipeline(nbtrain.sklearn.MLPRegressor(**settings))
    ours.fit(X[:100], y[:100])  # what is compiled once is not timed
    for name, library in (("scikit-learn", neural_network), ("nbtrain", nbtrain.sklearn)):
        model = make_pipeline(library.MLPRegressor(**settings))
        start = time.perf_counter()
        scores = cross_val_score(model, X, y, cv=options.folds)
        print(f"{name:12}  R² {scores.mean():.4f} ± {scores.std():.4f}  {time.perf_counter() - start:.2f} s")

    grid = {
        "regressor__network__hidden_layer_sizes": [(64, 32), (64, 64)],
        "regressor__network__dropout": [0.0, 0.05],
    }
    search = GridSearchCV(ours, grid, cv=options.folds).fit(X, y)
    for name, value in search.best_params_.items():
        print(f"best {name.removeprefix('regressor__network__')}: {value}")
    print(f"test R² {search.score(X_test, y_test):.4f}; no model can expect more than {best:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
