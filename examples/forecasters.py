"""Ten thousand forecasters: a network for each customer of an electricity supplier, trained in one call.

    pip install '.[sklearn]'        # in a checkout of nbtrain
    python examples/forecasters.py

Each customer's consumption of the next day depends on the weather, the weekday and the day before, and on habits that
no column tells: how large the household is, below which temperature it heats and how much, and what it does at
weekends. So `nbtrain.sklearn.GroupedMLPRegressor` trains a small network for each, on between 200 and 400 days. The
last four weeks are for the test. The forecasts are compared with what was consumed a week before, and with one network
for all customers. The data are made up, so that the error of the best possible forecast is known.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

TEST_DAYS = 28
NOISE = 0.06  # of a customer's mean consumption
HIDDEN = (16,)


def make_days(customers: int, seed: int) -> dict[str, np.ndarray]:
    """Rows of all customers, day after day: features, consumption, customer, and whether a row is for the test."""
    random = np.random.default_rng(seed)
    lengths = random.integers(200, 401, customers)
    customer = np.repeat(np.arange(customers), lengths)
    day = np.concatenate([np.arange(365 * 3 - length, 365 * 3) for length in lengths])  # all end on the same day
    weather = 10.0 - 11.0 * np.cos(2 * np.pi * np.arange(365 * 3 + 1) / 365) + 3.0 * wander(random, 365 * 3 + 1)
    temperature = weather[day] + random.normal(0.0, 1.0, customers)[customer]  # places differ a little

    level = np.exp(random.normal(2.2, 0.6, customers))  # kWh a day
    threshold, heating = random.uniform(8.0, 18.0, customers), random.gamma(2.0, 0.025, customers)
    weekend = random.normal(0.1, 0.25, customers)
    share = 1.0 + heating[customer] * np.maximum(0.0, threshold[customer] - temperature)
    share += weekend[customer] * (day % 7 >= 5)
    used = level[customer] * (share + NOISE * random.normal(size=len(day)))

    before = np.concatenate([used[:1], used[:-1]])
    before[np.concatenate([[0], np.cumsum(lengths)[:-1]])] = level  # a customer's first day
    angle = 2 * np.pi * day / 7
    features = np.stack([temperature, np.sin(angle), np.cos(angle), day % 7 >= 5, before], axis=1)
    return {
        "features": features.astype(np.float32),
        "used": used.astype(np.float32),
        "customer": customer,
        "test": day >= 365 * 3 - TEST_DAYS,
        "noise": NOISE * level[customer],
    }


def wander(random: np.random.Generator, days: int) -> np.ndarray:
    """Weather that is like the day before's, with standard deviation 1."""
    steps, found = random.normal(size=days), np.zeros(days)
    for i in range(1, days):
        found[i] = 0.8 * found[i - 1] + 0.6 * steps[i]
    return found


def relative_error(forecast: np.ndarray, days: dict[str, np.ndarray]) -> float:
    """Mean absolute error of the test days in percent of the mean consumption."""
    test = days["test"]
    return float(100 * np.abs(forecast - days["used"][test]).mean() / days["used"][test].mean())


def week_before(days: dict[str, np.ndarray]) -> np.ndarray:
    """What was consumed a week before each test day."""
    return np.concatenate([np.zeros(7, np.float32), days["used"][:-7]])[days["test"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--threads", default="auto", help="a number, or auto")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    try:
        from nbtrain.sklearn import GroupedMLPRegressor
    except ImportError as error:
        print(error, file=sys.stderr)
        return 1

    days = make_days(given.customers, given.seed)
    X, y, customer, test = (days[name] for name in ("features", "used", "customer", "test"))
    print(f"{given.customers:,} customers, {np.count_nonzero(~test):,} days to learn from")
    settings = {
        "hidden_layer_sizes": HIDDEN,
        "activation": "tanh",
        "learning_rate_init": 0.01,
        "alpha": 0.01,
        "max_iter": given.epochs,
        "n_iter_no_change": np.inf,  # all epochs
        "threads": given.threads if given.threads == "auto" else int(given.threads),
        "random_state": given.seed,
    }
    begun = time.perf_counter()
    each = GroupedMLPRegressor(**settings)
    each.fit(X[~test], y[~test], groups=customer[~test])
    seconds = time.perf_counter() - begun
    together = GroupedMLPRegressor(**settings | {"batch_size": 1024, "max_iter": max(1, given.epochs // 10)})
    together.fit(X[~test], y[~test])
    own = each.predict(X[test], groups=customer[test])
    print(f"trained in {seconds:.1f} s, {1e6 * seconds / given.customers:,.0f} µs a network, data checked and scaled")
    print(f"error of a forecast, in percent of the consumption, {np.count_nonzero(test):,} days:")
    print(f"  as a week before           {relative_error(week_before(days), days):.2f}")
    print(f"  one network for all        {relative_error(together.predict(X[test]), days):.2f}")
    print(f"  a network for each         {relative_error(own, days):.2f}")
    best = float(100 * np.sqrt(2 / np.pi) * days["noise"][test].mean() / y[test].mean())
    print(f"  the best that is possible  {best:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
