"""Constraints for nbtrain: norms of the incoming weights of each unit, and signs. NaN comes through all of them."""

from __future__ import annotations

from collections.abc import Iterator

import nbtrain

__version__ = "1.0.0"
nbtrain_contract = 1


def max_norm(norm: float, limit: float) -> float:
    """w ← w min(1, limit / ‖w‖) for the incoming weights w of each unit.

    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: Dropout: a simple way to prevent neural
    networks from overfitting. JMLR 15, 2014, section 5.1.
    """
    return limit / norm if norm > limit else 1.0


def unit_norm(norm: float) -> float:
    """w ← w / ‖w‖ for the incoming weights w of each unit; weights that are all 0 stay so."""
    return 1.0 if norm == 0.0 else 1.0 / norm


def non_negative(w: float) -> float:
    """w ← max(0, w).

    J. Chorowski, J. M. Zurada: Learning understandable neural networks with nonnegative weight constraints. IEEE TNNLS
    26, 2015.
    """
    return 0.0 if w < 0.0 else w


@nbtrain.hookimpl
def nbtrain_constraints() -> Iterator[nbtrain.Constraint]:
    yield nbtrain.Constraint("max_norm", scale=max_norm, parameters={"limit": nbtrain.Parameter(2.0, above=0.0)})
    yield nbtrain.Constraint("unit_norm", scale=unit_norm)
    yield nbtrain.Constraint("non_negative", project=non_negative)
