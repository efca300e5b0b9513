"""A search of hyperparameters on a Dask cluster: scikit-learn's, through joblib, or Optuna's, with its trials as tasks.

    python examples/dask_search.py
    python examples/dask_search.py --optuna --scheduler tcp://scheduler:8786

Needs scikit-learn, dask and distributed, and optuna for --optuna. Each network is trained by one process: for searches
this is the way to use a cluster, with networks of any size.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import joblib
import numpy as np
from distributed import Client, LocalCluster, as_completed
from sklearn.model_selection import RandomizedSearchCV, cross_val_score, train_test_split

import nbtrain.sklearn
from nbtrain.datasets import load_digits

WIDTHS = (16, 32, 64)


def estimator(seed: int, **parameters: Any) -> nbtrain.sklearn.MLPClassifier:
    """What is tried; it stops when a part of its data, held out, is predicted no better."""
    stop = {"early_stopping": True, "n_iter_no_change": 3, "tol": 1e-3, "max_iter": 500}
    return nbtrain.sklearn.MLPClassifier(**stop, random_state=seed, **parameters)


def score(parameters: dict[str, Any], X: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Accuracy by cross-validation: a task."""
    given = {"hidden_layer_sizes": (parameters["width"],), "learning_rate_init": parameters["rate"]}
    return float(cross_val_score(estimator(seed, **given), X, y, cv=3).mean())


def with_scikit_learn(client: Client, X: np.ndarray, y: np.ndarray, trials: int, seed: int) -> tuple[float, Any]:
    """Its search: joblib sends the fits to the cluster."""
    rates = np.geomspace(1e-3, 1e-1, 9).tolist()
    space = {"hidden_layer_sizes": [(width,) for width in WIDTHS], "learning_rate_init": rates}
    search = RandomizedSearchCV(estimator(seed), space, n_iter=trials, cv=3, random_state=seed)
    with joblib.parallel_backend("dask", client=client):
        search.fit(X, y)
    return search.best_score_, search.best_params_


def with_optuna(client: Client, X: np.ndarray, y: np.ndarray, trials: int, seed: int) -> tuple[float, Any]:
    """Its study stays here, so that it needs no database: trials are asked for, and told when their tasks end."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    data = client.scatter([X, y], broadcast=True)
    running, pending = {}, as_completed()

    def begin() -> None:
        trial = study.ask()
        parameters = {
            "width": trial.suggest_categorical("width", WIDTHS),
            "rate": trial.suggest_float("rate", 1e-3, 1e-1, log=True),
        }
        task = client.submit(score, parameters, *data, seed, pure=False)
        running[task.key] = trial
        pending.add(task)

    for _ in range(min(trials, 2 * len(client.nthreads()))):
        begin()
    for task in pending:
        study.tell(running.pop(task.key), task.result())
        if len(study.trials) < trials:
            begin()
    return study.best_value, study.best_params


def main(arguments: list[str] | None = None) -> int:
    """Search, and print the best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler", help="address of a running cluster; by default one is started on this machine")
    parser.add_argument(
        "--optuna", action="store_true", help="Optuna's sampler in place of scikit-learn's random search"
    )
    parser.add_argument("--trials", type=int, default=20, help="default 20")
    parser.add_argument("--samples", type=int, default=1797, help="of the digits (default all)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    X, y = load_digits()
    X, _, y, _ = train_test_split(X, y, train_size=options.samples - 10, random_state=options.seed, stratify=y)
    where = options.scheduler or LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with Client(where) as client:
        search = with_optuna if options.optuna else with_scikit_learn
        best, parameters = search(client, X, y, options.trials, options.seed)
    if not options.scheduler:
        where.close()
    print(f"best accuracy {best:.3f} with {parameters}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
