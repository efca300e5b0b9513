"""scipy.optimize on all parameters of a network: L-BFGS on the digits instead of nbtrain's optimizers.

    pip install scipy
    python examples/scipy_minimize.py

`trainer.theta` is one flat vector of all weights and biases, and `trainer.loss_and_gradient` gives the objective with
the penalty and its gradient in the same order: all that SciPy's minimizers need. The example uses float64, because a
line search compares values that are nearly equal.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import nbtrain
from nbtrain.datasets import load_digits


def main(arguments: list[str] | None = None) -> int:
    """Minimize, and compare the objective and the gradient before and after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=200, help="at most (default 200)")
    parser.add_argument("--hidden", type=int, default=32, help="hidden units (default 32)")
    parser.add_argument("--strength", type=float, default=1.0, help="of the L2 penalty (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    try:
        from scipy.optimize import minimize
    except ImportError:
        print("this example needs SciPy: pip install scipy", file=sys.stderr)
        return 1

    X, y = load_digits()
    order = np.random.default_rng(options.seed).permutation(len(X))
    training, test = order[:1257], order[1257:]
    trainer = nbtrain.Trainer(
        nbtrain.Network(64, [nbtrain.Dense(options.hidden, "tanh"), nbtrain.Dense(10)]),
        loss="softmax_cross_entropy",
        regularizer=nbtrain.regularizer("l2", strength=options.strength),
        batch_size=len(training),
        dtype="float64",
        rng=options.seed,
    )

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        trainer.theta[...] = theta
        return trainer.loss_and_gradient(X[training], y[training])

    before, gradient = objective(trainer.theta.copy())
    print(f"{trainer.theta.size} parameters, J {before:.4f}, gradient {np.abs(gradient).max():.1e}")
    start = time.perf_counter()
    found = minimize(
        objective, trainer.theta.copy(), jac=True, method="L-BFGS-B", options={"maxiter": options.iterations}
    )
    seconds = time.perf_counter() - start
    trainer.theta[...] = found.x
    largest = np.abs(found.jac).max()
    work = f"{found.nit} iterations, {found.nfev} evaluations, {seconds:.2f} s"
    print(f"{work}: J {found.fun:.4f}, gradient {largest:.1e}")
    print(f"test accuracy {trainer.evaluate(X[test], y[test])['accuracy']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
