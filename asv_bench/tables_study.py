"""The defaults of `nbtrain.table.train` beside scikit-learn's MLP, on public tables.

    python tables_study.py run FOLDER --methods mlp,mlp_early,mlp_early_5,nbtrain --output runs.jsonl
    python tables_study.py show runs.jsonl

FOLDER holds clones of the repositories that TABLES names: github.com/vincentarelbundock/Rdatasets,
jbrownlee/Datasets (as `jbrownlee`), selva86/datasets (as `selva86`) and mwaskom/seaborn-data; the other tables come
with scikit-learn and vega_datasets. For each table and split, a quarter of the rows is held out at random, and all
methods get the same rows. A run adds one line of JSON for each result, and skips those that are in the file already.

scikit-learn's MLPs stand in a pipeline with imputation (median; most frequent text), standard scaling, one-hot encoding
(rare and unseen texts together beyond 50) and, for regressions, a scaled target. They get dates as year, month, day of
the year, weekday and hour.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS = 4000  # of larger tables, so many are drawn
SEEDS = 1000  # between the seeds of networks that are averaged
R, J, S, B = "Rdatasets/csv", "jbrownlee", "selva86", "seaborn-data"


@dataclass(frozen=True)
class Table:
    """One table: where it is, what is predicted, what is left out because it gives the answer away or counts rows."""

    file: str
    target: str | int
    task: str
    drop: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    seen: bool = False  # whether the defaults were chosen with its help


TABLES = {
    # tables that the choice of the defaults had no part of
    "attrition": Table(f"{R}/modeldata/attrition.csv", "Attrition", "c"),
    "credit": Table(f"{R}/modeldata/credit_data.csv", "Status", "c"),
    "churn 2": Table(f"{R}/modeldata/mlc_churn.csv", "churn", "c"),
    "cells": Table(f"{R}/modeldata/cells.csv", "class", "c", ("case",)),
    "hpc": Table(f"{R}/modeldata/hpc_data.csv", "class", "c"),
    "stackoverflow": Table(f"{R}/modeldata/stackoverflow.csv", "Remote", "c"),
    "leaves": Table(f"{R}/modeldata/leaf_id_flavia.csv", "species", "c"),
    "caravan": Table(f"{R}/ISLR/Caravan.csv", "Purchase", "c"),
    "email": Table(f"{R}/openintro/email.csv", "spam", "c", (), ("time",)),
    "hmda": Table(f"{R}/AER/HMDA.csv", "deny", "c"),
    "chile": Table(f"{R}/carData/Chile.csv", "vote", "c"),
    "fishing": Table(f"{R}/Ecdat/Fishing.csv", "mode", "c", ("price", "catch")),
    "monica": Table(f"{R}/DAAG/monica.csv", "outcome", "c"),
    "biopsy": Table(f"{R}/MASS/biopsy.csv", "class", "c", ("ID",)),
    "seattle": Table("vega:seattle-weather.csv", "weather", "c", (), ("date",)),
    "breast cancer": Table("sklearn:breast_cancer", "target", "c"),
    "wine": Table("sklearn:wine", "target", "c"),
    "digits": Table("sklearn:digits", "target", "c"),
    "concrete": Table(f"{R}/modeldata/concrete.csv", "compressive_strength", "r"),
    "ames": Table(f"{R}/modeldata/ames.csv", "Sale_Price", "r"),
    "sacramento": Table(f"{R}/modeldata/Sacramento.csv", "price", "r"),
    "car prices": Table(f"{R}/modeldata/car_prices.csv", "Price", "r"),
    "biomass": Table(f"{R}/modeldata/biomass.csv", "HHV", "r", ("sample", "dataset")),
    "deliveries": Table(f"{R}/modeldata/deliveries.csv", "time_to_delivery", "r"),
    "carseats": Table(f"{R}/ISLR/Carseats.csv", "Sales", "r"),
    "college": Table(f"{R}/ISLR/College.csv", "Outstate", "r"),
    "credit balance": Table(f"{R}/ISLR/Credit.csv", "Balance", "r", ("ID",)),
    "professors": Table(f"{R}/carData/Salaries.csv", "salary", "r"),
    "slid": Table(f"{R}/carData/SLID.csv", "wages", "r"),
    "computers": Table(f"{R}/Ecdat/Computers.csv", "price", "r"),
    "cps 1985": Table(f"{R}/AER/CPS1985.csv", "wage", "r"),
    "saratoga": Table(f"{R}/mosaicData/SaratogaHouses.csv", "price", "r"),
    "evaluations": Table(f"{R}/openintro/evals.csv", "score", "r", ("course_id", "prof_id")),
    "diabetes": Table("sklearn:diabetes", "target", "r"),
    # tables that the defaults were chosen on
    "penguins": Table(f"{B}/penguins.csv", "species", "c", seen=True),
    "titanic": Table(f"{B}/titanic.csv", "survived", "c", ("alive",), seen=True),
    "churn": Table(f"{S}/Churn_Modelling.csv", "Exited", "c", ("RowNumber", "CustomerId", "Surname"), seen=True),
    "german": Table(f"{J}/german.csv", 20, "c", seen=True),
    "spam": Table(f"{S}/spam.csv", -1, "c", seen=True),
    "mammography": Table(f"{J}/mammography.csv", 6, "c", seen=True),
    "oil spill": Table(f"{J}/oil-spill.csv", 49, "c", seen=True),
    "phoneme": Table(f"{J}/phoneme.csv", 5, "c", seen=True),
    "soybean": Table(f"{S}/Soybean.csv", "Class", "c", seen=True),
    "votes": Table(f"{S}/HouseVotes84.csv", "Class", "c", seen=True),
    "orange juice": Table(f"{S}/orange_juice_withmissing.csv", "Purchase", "c", seen=True),
    "diamonds": Table(f"{B}/diamonds.csv", "price", "r", seen=True),
    "mpg": Table(f"{B}/mpg.csv", "mpg", "r", ("name",), seen=True),
    "abalone": Table(f"{J}/abalone.csv", 8, "r", seen=True),
    "boston": Table(f"{J}/housing.csv", 13, "r", seen=True),
    "white wine": Table(f"{J}/winequality-white.csv", 11, "r", seen=True),
    "hitters": Table(f"{S}/Hitters.csv", "Salary", "r", seen=True),
    "wage": Table(f"{S}/Wage.csv", "wage", "r", ("logwage",), seen=True),
    "life": Table(f"{S}/Life_Expectancy_Data.csv", "Life expectancy ", "r", seen=True),
    "taxis": Table(f"{B}/taxis.csv", "tip", "r", (), ("pickup", "dropoff"), seen=True),
}


def load(name: str, folder: Path) -> tuple[pd.DataFrame, str]:
    """The table and the name of its target; rows without a target are left out."""
    table = TABLES[name]
    kind, _, item = table.file.partition(":")
    if kind == "sklearn":
        from sklearn import datasets

        frame = getattr(datasets, f"load_{item}")(as_frame=True).frame
    else:
        if kind == "vega":
            import vega_datasets

            path = Path(vega_datasets.__file__).parent / "_data" / item
        else:
            path = folder / table.file
        header: Any = 0 if isinstance(table.target, str) or name == "spam" else None
        words = ["?", "NA", ""]
        frame = pd.read_csv(path, header=header, na_values=words, keep_default_na=False, skipinitialspace=True)
        if header is None:
            frame.columns = [f"c{i}" for i in range(frame.shape[1])]
    target = table.target if isinstance(table.target, str) else frame.columns[table.target]
    left_out = [*table.drop, *(column for column in ("rownames", "Unnamed: 0") if column in frame)]
    frame = frame.drop(columns=left_out).dropna(subset=[target])
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, random_state=0)
    return frame.reset_index(drop=True), target


def parts_of_dates(frame: pd.DataFrame, dates: Iterable[str]) -> pd.DataFrame:
    """Dates as numbers, for a pipeline that knows none."""
    frame = frame.copy()
    for name in dates:
        moment = pd.to_datetime(frame.pop(name), utc=True)
        for part in ("year", "month", "dayofyear", "weekday", "hour"):
            frame[f"{name} {part}"] = getattr(moment.dt, part)
    return frame


def pipeline(task: str, frame: pd.DataFrame, **options: Any) -> Any:
    """scikit-learn's MLP with what it needs around it."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = list(frame.select_dtypes(["number", "bool"]).columns)
    texts = [name for name in frame.columns if name not in numbers]
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=51, sparse_output=False)
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=np.nan), one_hot), texts),
    )
    if task == "c":
        return make_pipeline(prepared, MLPClassifier(**options))
    network = make_pipeline(prepared, MLPRegressor(**options))
    return TransformedTargetRegressor(network, transformer=StandardScaler())


def with_sklearn(networks: int = 1, **options: Any) -> Callable[..., Any]:
    """A method: its predictions for the held-out rows, probabilities in the order of the classes.

    Of several networks, whose seeds and validation rows differ, it is the mean.
    """

    def predictions(table: Table, train: pd.DataFrame, test: pd.DataFrame, target: str, split: int) -> Any:
        x, held = (parts_of_dates(part.drop(columns=target), table.dates) for part in (train, test))
        texts = [name for name in x.columns if x[name].dtype.kind not in "biuf"]
        x[texts], held[texts] = x[texts].astype(object), held[texts].astype(object)
        y = train[target].astype(str) if table.task == "c" else train[target].astype(float)
        seeds = (split + SEEDS * k for k in range(networks))
        models = [pipeline(table.task, x, random_state=seed, **options).fit(x, y) for seed in seeds]
        found = [model.predict_proba(held) if table.task == "c" else model.predict(held) for model in models]
        return np.mean(found, axis=0)

    return predictions


def with_nbtrain(**options: Any) -> Callable[..., Any]:
    """A method: `nbtrain.table.train` with its defaults, but for the options."""

    def predictions(table: Table, train: pd.DataFrame, test: pd.DataFrame, target: str, split: int) -> Any:
        import nbtrain.table

        task = "classification" if table.task == "c" else "regression"
        model = nbtrain.table.train(train, target=target, task=task, rng=split, **options)
        held = test.drop(columns=target)
        if table.task != "c":
            return np.asarray(model.predict(held), float)
        found = np.asarray(model.predict_proba(held))
        labels = sorted(train[target].astype(str).unique())  # the order in which scikit-learn has them
        return found[:, [list(model.target.labels).index(label) for label in labels]]

    return predictions


EARLY = {"early_stopping": True, "hidden_layer_sizes": (64, 64), "validation_fraction": 0.15, "n_iter_no_change": 20}
METHODS = {
    "mlp": with_sklearn(),
    "mlp_early": with_sklearn(**EARLY, batch_size=32),
    "mlp_early_5": with_sklearn(5, **EARLY, batch_size=32),
    "nbtrain": with_nbtrain(),
    "nbtrain_1": with_nbtrain(seeds=1),
}


def result(name: str, method: str, split: int, folder: Path) -> dict[str, Any]:
    """Score and time of one method on one split."""
    from sklearn.metrics import accuracy_score, log_loss, r2_score
    from sklearn.model_selection import train_test_split

    table, (frame, target) = TABLES[name], load(name, folder)
    classes = frame[target].astype(str) if table.task == "c" else None
    if classes is not None:
        frame[target] = classes
        often = classes.map(classes.value_counts()) > 1
        frame, classes = frame[often], classes[often]
    train, test = train_test_split(frame, test_size=0.25, random_state=split, stratify=classes)
    start = time.process_time()
    found = METHODS[method](table, train, test, target, split)
    row: dict[str, Any] = {"table": name, "method": method, "split": split, "task": table.task, "rows": len(train)}
    row |= {"columns": frame.shape[1] - 1, "seconds": round(time.process_time() - start, 3)}
    if classes is None:
        return row | {"score": r2_score(test[target].astype(float), found)}
    labels = sorted(train[target].unique())
    held = test[target].isin(labels)
    shares = np.clip(found[held.to_numpy()], 1e-7, 1)
    loss = log_loss(test[target][held], shares / shares.sum(axis=1, keepdims=True), labels=labels)
    accuracy = accuracy_score(test[target][held], np.array(labels)[shares.argmax(axis=1)])
    return row | {"score": -loss, "accuracy": accuracy}


def run(arguments: argparse.Namespace) -> None:
    """All results that the output lacks, split by split."""
    warnings.simplefilter("ignore")
    done = {(row["table"], row["method"], row["split"]) for row in rows_of([arguments.output])}
    for split in range(arguments.splits):
        for name in arguments.tables.split(",") if arguments.tables else TABLES:
            for method in arguments.methods.split(","):
                if (name, method, split) not in done:
                    row = result(name, method, split, arguments.folder)
                    with arguments.output.open("a") as file:
                        file.write(json.dumps(row) + "\n")


def rows_of(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The results in files."""
    return [json.loads(line) for path in paths if path.exists() for line in path.read_text().splitlines()]


def show(arguments: argparse.Namespace) -> None:
    """Tables of means in Markdown, and a sign test for each pair of methods."""
    from scipy.stats import binomtest

    frame = pd.DataFrame(rows_of(arguments.files))
    frame["seen"] = frame.table.map(lambda name: TABLES[name].seen)
    scores = frame.pivot_table(index=["task", "table"], columns="method", values="score")
    methods = [name for name in METHODS if name in scores]
    for task, word in (("c", "log-loss"), ("r", "R²")):
        print(f"\n| {word} | rows | columns | " + " | ".join(methods) + " |\n|" + "---|" * (3 + len(methods)))
        sign = -1 if task == "c" else 1
        for name, row in scores.loc[task].iterrows():
            first = frame[frame.table == name].iloc[0]
            cells = " | ".join(f"{sign * row[method]:.3f}" for method in methods)
            print(f"| {name}{'' if first.seen else ' *'} | {first.rows} | {first['columns']} | {cells} |")
    for ours in (name for name in methods if name.startswith("nbtrain")):
        for other in (name for name in methods if not name.startswith("nbtrain")):
            print(f"\n{ours} against {other}")
            both = frame.pivot_table(index=["seen", "task", "table", "split"], columns="method", values="score")
            gain = (
                (both[ours] - both[other]).dropna().groupby(["seen", "task", "table"]).mean().reset_index(name="gain")
            )
            selections = {
                "all": gain.seen.notna(), "not seen": ~gain.seen, "seen": gain.seen,
                "classes": gain.task == "c", "regressions": gain.task == "r",
                "regressions, not seen": (gain.task == "r") & ~gain.seen,
            }  # fmt: skip
            for what, chosen in selections.items():
                part = gain[chosen].gain
                better, worse = int((part > 0).sum()), int((part < 0).sum())
                p = binomtest(better, better + worse).pvalue if better + worse else 1.0
                print(f"  {what}: {better} better, {worse} worse, p = {p:.2g}, median gain {part.median():+.4f}")
    seconds = frame.groupby("method").seconds.mean()
    print("\nseconds a run (CPU): " + ", ".join(f"{name} {seconds[name]:.2f}" for name in methods))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run")
    runs.add_argument("folder", type=Path)
    runs.add_argument("--methods", default=",".join(METHODS))
    runs.add_argument("--tables", default="")
    runs.add_argument("--splits", type=int, default=10)
    runs.add_argument("--output", type=Path, default=Path("runs.jsonl"))
    runs.set_defaults(run=run)
    shown = commands.add_parser("show")
    shown.add_argument("files", type=Path, nargs="+")
    shown.set_defaults(run=show)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
