"""nbtrain.sklearn beside scikit-learn on four small data sets: scores and times of the same fits, seed by seed.

    python examples/compare_scikit_learn.py            ten seeds
    python examples/compare_scikit_learn.py --seeds 2 --data wine

Both are fitted with their defaults, in turn, on the same split of scaled data. Times are CPU times of one thread, which
other programs on the machine disturb less than wall-clock times.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings

DATA = ("digits", "breast_cancer", "wine", "diabetes")


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Print a Markdown table; mean scores and the ratio of times by data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--data", choices=DATA, action="append")
    given = parser.parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    import sklearn

    import nbtrain

    print(f"Python {platform.python_version()}, scikit-learn {sklearn.__version__}, nbtrain {nbtrain.__version__}\n")
    print(
        "| data | samples x inputs | score scikit-learn | score nbtrain | difference | scikit-learn | nbtrain | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|")
    return {name: compare(name, given.seeds) for name in given.data or DATA}


def compare(name: str, seeds: int) -> dict[str, float]:
    """Fit both on every seed's split and print a line."""
    import numpy as np
    from sklearn import datasets, neural_network

    import nbtrain.sklearn

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    pair = getattr(neural_network, kind), getattr(nbtrain.sklearn, kind)
    if kind == "MLPRegressor":
        y = (y - y.mean()) / y.std()
    first = {} if kind == "MLPRegressor" else {"classes": np.unique(y)}
    pair[1]().partial_fit(X, y, **first)  # compiles, or loads what was compiled
    scores, times = np.array([run(pair, X, y, seed) for seed in range(seeds)]).transpose(1, 0, 2)
    difference = scores[:, 1] - scores[:, 0]
    error = difference.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
    ratio = float(np.median(times[:, 0] / times[:, 1]))
    mean, seconds = scores.mean(axis=0), np.median(times, axis=0)
    print(
        f"| {name} | {X.shape[0]} x {X.shape[1]} | {mean[0]:.4f} | {mean[1]:.4f} "
        f"| {difference.mean():+.4f} ± {error:.4f} | {seconds[0]:.3f} s | {seconds[1]:.3f} s | {ratio:.1f} |",
        flush=True,
    )
    return {"theirs": float(mean[0]), "ours": float(mean[1]), "ratio": ratio}


def run(pair: tuple[type, type], X: object, y: object, seed: int) -> tuple[list[float], list[float]]:
    """Scores on the held-out quarter and fit times of both, the order changing from seed to seed."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    train, test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    scores, times = [0.0, 0.0], [0.0, 0.0]
    for index in (0, 1) if seed % 2 == 0 else (1, 0):
        model = pair[index](random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.process_time()
            model.fit(train, y_train)
            times[index] = time.process_time() - start
        scores[index] = model.score(test, y_test)
    return scores, times


if __name__ == "__main__":
    main()
