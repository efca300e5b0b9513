"""How a run is divided into rounds, and at which learning rate each of them trains.

Everything here follows from the arguments and the numbers of rows, never from what was measured: results must not
depend on how fast an engine is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..components import Component
from ..errors import InputError
from ..model.recipe import Recipe

LOCAL, SYNCHRONOUS = "local_sgd", "synchronous"
MOST_STEPS = 16  # of a round, unless the caller says
LEAST_ROUNDS = 8  # of an epoch, likewise
MANY_SHARDS = 8  # above this a rate that grows with the shards is often too high
UNLIKE = 3.0  # losses of the first round that differ by this factor are those of shards that differ
COMPARED_ROWS = 64  # in the first round of a shard, at least, to compare losses


@dataclass(frozen=True)
class Plan:
    """The rounds of a run.

    Attributes
    ----------
    rows : tuple of int
        Of each shard.
    batch_size : int
    algorithm : str
    steps_per_round : int
    factor : float
        By which the learning rate is multiplied after the warm-up.
    warmup : int
        Rounds in which it rises to that.
    first_epoch : int
        Epochs that the trainer had trained before the run.
    """

    rows: tuple[int, ...]
    batch_size: int
    algorithm: str
    steps_per_round: int
    factor: float
    warmup: int = 0
    first_epoch: int = 0

    @classmethod
    def of(cls, rows: Sequence[int], recipe: Recipe, algorithm: str, steps: Any, scale: Any) -> Self:
        """The plan for shards of so many rows, without its warm-up."""
        batch = recipe.batch_size
        whole = -(-max(rows) // batch)
        if algorithm == SYNCHRONOUS:
            each = 1
        elif steps is None:
            each = max(1, min(MOST_STEPS, whole // LEAST_ROUNDS))
        else:
            each = min(steps, whole)
        return cls(tuple(rows), batch, algorithm, each, rate_factor(scale, len(rows)))

    def begun(self, epoch: int, epochs: int, warmup: int | None) -> Self:
        """The plan of a run of `epochs` epochs; without a given warm-up it is 5 % of the rounds, 2 to 10.

        A round of the synchronous algorithm is a single step: its warm-up is as long in steps.
        """
        if warmup is None:
            unit = MOST_STEPS if self.algorithm == SYNCHRONOUS else 1
            fifth = math.ceil(0.05 * self.rounds * epochs)
            warmup = min(10 * unit, max(2 * unit, fifth))
        return replace(self, warmup=warmup, first_epoch=epoch)

    @property
    def steps(self) -> int:
        """Steps of an epoch: those of the largest shard. Smaller ones begin their next epoch meanwhile."""
        return -(-max(self.rows) // self.batch_size)

    @property
    def rounds(self) -> int:
        """Rounds of an epoch."""
        return -(-self.steps // self.steps_per_round)

    def until(self, step: int) -> int:
        """The step of the epoch at which the round that holds `step` ends."""
        return min(self.steps, (step // self.steps_per_round + 1) * self.steps_per_round)

    def rate(self, epoch: int, step: int) -> float:
        """What the learning rate is multiplied by in the round that begins with a step of an epoch."""
        number = (epoch - self.first_epoch) * self.rounds + step // self.steps_per_round
        if number >= self.warmup:
            return self.factor
        return 1.0 + (self.factor - 1.0) * (number + 1) / (self.warmup + 1)

    def described(self) -> dict[str, Any]:
        """What checkpoints keep."""
        return {
            "rows": list(self.rows),
            "algorithm": self.algorithm,
            "steps_per_round": self.steps_per_round,
            "factor": self.factor,
            "warmup": self.warmup,
            "first_epoch": self.first_epoch,
        }

    def resumed(self, kept: Mapping[str, Any], path: str) -> Self:
        """The plan with which a checkpoint's run goes on.

        Raises
        ------
        InputError
            If the run was begun with other arguments.
        """
        own = self.described()
        for name, words in COMPARED.items():
            if name in kept and kept[name] != own[name]:
                theirs, ours = (_words(name, entry[name]) for entry in (kept, own))
                raise InputError(
                    f"checkpoint: {path} was written by a run with another {words}: {theirs}, not {ours}; pass the "
                    "same arguments, give another path, or remove the file to start anew"
                )
        warmup, first = kept.get("warmup", self.warmup), kept.get("first_epoch", self.first_epoch)
        return replace(self, warmup=int(warmup), first_epoch=int(first))


COMPARED = {
    "rows": "division into shards",
    "algorithm": "algorithm",
    "steps_per_round": "steps_per_round",
    "factor": "learning_rate_scale",
}


def _words(name: str, value: Any) -> str:
    return f"{len(value)} shards of {min(value)} to {max(value)} rows" if name == "rows" else str(value)


def checked_algorithm(algorithm: Any, steps: Any) -> int | None:
    """`steps_per_round`, or None for the default; both arguments are checked."""
    if not isinstance(algorithm, str) or algorithm not in (LOCAL, SYNCHRONOUS):
        raise InputError(wrong("algorithm", f"be {LOCAL!r} or {SYNCHRONOUS!r}", brief(algorithm)))
    if steps is None:
        return None
    count = checks.whole_number(steps, "steps_per_round", 1)
    if algorithm == SYNCHRONOUS and count != 1:
        hint = "leave it out: the synchronous algorithm adds the gradients of every step"
        raise InputError(wrong("steps_per_round", f"be 1 with algorithm={SYNCHRONOUS!r}", count, hint))
    return count


def rate_factor(scale: Any, shards: int) -> float:
    """What `learning_rate_scale` multiplies the rate by."""
    if isinstance(scale, str):
        known = {"linear": float(shards), "sqrt": math.sqrt(shards)}
        if scale in known:
            return known[scale]
        scale_shown = brief(scale)
        raise InputError(wrong("learning_rate_scale", "be 'linear', 'sqrt' or a number > 0", scale_shown))
    return checks.positive_number(scale, "learning_rate_scale", "'linear', 'sqrt' or a number > 0")


def warn_of_plan(plan: Plan, recipe: Recipe, given_steps: int | None, scale: Any, stacklevel: int) -> None:
    """Warn of what usually costs accuracy."""
    shards = len(plan.rows)
    if shards == 1:
        return
    found = []
    if plan.factor <= 1.0:
        found.append(
            f"learning_rate_scale: {plan.factor:g} with {shards} shards makes an epoch worth less: each shard takes "
            f"1/{shards} of the steps, and their mean moves no further than one of them. The accuracy after as many "
            "epochs is often much lower (digits, 8 shards: 0.86 in place of 0.97); 'linear' is the default"
        )
    if scale == "linear" and shards > MANY_SHARDS:
        found.append(
            f"learning_rate_scale: 'linear' with {shards} shards multiplies the learning rate by {shards}, which above "
            f"{MANY_SHARDS} is often too much; use fewer shards, a lower learning rate, or learning_rate_scale='sqrt'"
        )
    if isinstance(recipe.optimizer.learning_rate, Component):
        found.append(
            f"the schedule {recipe.optimizer.learning_rate!r} counts the steps of one shard: {plan.steps} an epoch, "
            f"not those of all {shards} shards together; its lengths in iterations must fit that"
        )
    if plan.algorithm == LOCAL and given_steps is not None and plan.rounds < LEAST_ROUNDS:
        found.append(
            f"steps_per_round: {given_steps} makes {plan.rounds} round{'s' * (plan.rounds != 1)} an epoch; with fewer "
            f"than {LEAST_ROUNDS} the shards move apart between rounds (a regression's error rose from 0.03 to 0.10 "
            "with one round an epoch)"
        )
    for text in found:
        warnings.warn(text, UserWarning, stacklevel=stacklevel)


def unlike_shards(losses: Sequence[float], rows: Sequence[float]) -> tuple[int, int] | None:
    """The shards of the lowest and the highest loss in the first round, where the shards seem to differ."""
    known = [index for index, count in enumerate(rows) if count >= COMPARED_ROWS]
    if len(known) < 2:
        return None
    low, high = min(known, key=losses.__getitem__), max(known, key=losses.__getitem__)
    return (low, high) if losses[high] > UNLIKE * max(losses[low], 0.0) else None
