"""One network trained by a Dask cluster: on this machine, or with --scheduler on the machines of a real one.

    python examples/dask_cluster.py
    python examples/dask_cluster.py --scheduler tcp://scheduler:8786

Needs dask and distributed (pip install "nbtrain[distributed]"). The data are made by the workers, shard by shard, so
that nothing has to fit into one machine. The same program without a cluster (--serial) gives the same parameters, to
the bit; docs/clusters.md says why, and for which networks a cluster pays.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import sys
import time

import numpy as np

import nbtrain

INPUTS = 32


def target(X: np.ndarray) -> np.ndarray:
    """What is to be learned: a smooth function of the inputs."""
    weights = np.random.default_rng(99).normal(size=(INPUTS, 3)) / np.sqrt(INPUTS)
    z = X @ weights
    return np.sin(2 * z[:, 0]) + z[:, 1] * z[:, 2]


def shard_of(shard: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The data of a shard. A real program reads a file of its own here; it must give the same each time."""
    random = np.random.default_rng([seed, shard])
    X = random.normal(size=(rows, INPUTS)).astype(np.float32)
    return X, (target(X) + 0.1 * random.normal(size=rows)).astype(np.float32)


def main(arguments: list[str] | None = None) -> int:
    """Train in a cluster, and say what was learned."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler", help="address of a running cluster; by default one is started on this machine")
    parser.add_argument("--serial", action="store_true", help="without a cluster")
    parser.add_argument("--workers", type=int, default=2, help="of a cluster on this machine (default 2)")
    parser.add_argument(
        "--shards", type=int, default=4, help="part of the recipe, not the number of workers (default 4)"
    )
    parser.add_argument("--rows", type=int, default=50_000, help="of each shard (default 50,000)")
    parser.add_argument("--epochs", type=int, default=5, help="default 5")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    network = nbtrain.Network(INPUTS, [nbtrain.Dense(128, "tanh"), nbtrain.Dense(128, "tanh"), nbtrain.Dense(1)])
    trainer = nbtrain.Trainer(network, loss="mse", batch_size=64, rng=options.seed)
    fit = functools.partial(
        nbtrain.distributed.fit,
        trainer,
        functools.partial(shard_of, rows=options.rows, seed=options.seed),
        options.epochs,
        shards=options.shards,
        validation_data=shard_of(1_000_000, 5_000, options.seed),
        progress="plain",
    )
    start = time.perf_counter()
    if options.serial:
        fit()
    else:
        from distributed import Client, LocalCluster

        # One line makes a cluster on this machine one on many.
        where = options.scheduler or LocalCluster(
            n_workers=options.workers, threads_per_worker=1, dashboard_address=None
        )
        with Client(where) as client:
            fit(executor=client)
        if not options.scheduler:
            where.close()
    print(f"trained for {time.perf_counter() - start:.1f} s")
    print(f"validation R² {trainer.history['val_r2'][-1]:.3f}")
    print(f"digest of the parameters {hashlib.blake2b(trainer.theta.tobytes(), digest_size=8).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
