"""A run of rounds: the driver keeps the trainer, gives out rounds, averages what comes back, and decides everything."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Callback
from ..compiler.numerics import numerics_id
from ..core import layout
from ..errors import DivergenceError
from ..formats.modelfile.callback_states import CallbackState
from ..metrics import Metric
from ..model.state import State
from ..status import DIVERGENCES, check
from ..training.checkpointing import TrainingData
from ..training.data import Dataset
from ..training.fit import Fit
from .interrupts import uninterrupted
from .plan import SYNCHRONOUS, Plan, unlike_shards
from .rounds import RESTORED, Order
from .sums import mean, scores
from .workers import Workers

if TYPE_CHECKING:
    from ..training.trainer import Trainer

Array = np.ndarray[Any, Any]
SUMS = ("epoch_loss", "epoch_weight", "epoch_hits")


class ShardsData(TrainingData):
    """Remembers, for checkpoints, the shards of a run and how it is divided into rounds.

    Parameters
    ----------
    plan : Plan
    digests : sequence of str
        Of the shards' data.
    trainer : Trainer, optional
        As it is before a run that may be started again.
    """

    plan: Plan

    def __init__(self, plan: Plan, digests: Sequence[str], trainer: Trainer | None = None) -> None:
        super().__init__(None, trainer)
        self.plan = plan
        self._digest = hashlib.blake2b("".join(digests).encode(), digest_size=8).hexdigest()

    def state_dict(self) -> dict[str, Any]:
        began = {} if self.began is None else {"began": self.began}
        return {"samples": sum(self.plan.rows), "digest": self._digest} | self.plan.described() | began

    def adopt(self, kept: Mapping[str, Any], path: str) -> None:
        super().adopt(kept, path)
        self.plan = self.plan.resumed(kept, path)


class RoundsFit(Fit):
    """One call of `nbtrain.distributed.fit`: rounds in the place of slices.

    After every round the trainer stands at a whole round, whatever comes then: its position is a step of the largest
    shard, and the sums of the epoch are those of all shards.
    """

    plan: Plan
    workers: Workers
    validation_shards: int
    shards: int
    numerics: str
    compared: bool

    def __init__(
        self,
        trainer: Trainer,
        data: ShardsData,
        validation: Dataset | None,
        callbacks: Sequence[Callback],
        metrics: Sequence[Metric] = (),
        states: Sequence[CallbackState] | None = None,
        *,
        workers: Workers,
        validation_shards: int = 0,
    ) -> None:
        super().__init__(trainer, data, validation, callbacks, metrics, states)
        self.plan, self.workers, self.validation_shards = data.plan, workers, validation_shards
        self.shards, self.numerics = len(data.plan.rows), numerics_id()
        self.compared = self.shards == 1

    def can_watch(self) -> bool:
        """Epochs end here, not in compiled code."""
        return False

    # ---- a round

    def slice(self) -> None:
        """Do a round."""
        d, plan = self.engine.descriptor, self.plan
        if d["snapshot_due"][0]:
            self.engine.write_snapshot()
        epoch, step = int(d["epoch"][0]), 0
        sums: tuple[float, ...] = (0.0, 0.0, 0.0)
        if d["position"][0] and d["samples"][0] == max(plan.rows):  # an epoch that was begun
            step, sums = int(d["position"][0]) // plan.batch_size, tuple(float(d[name][0]) for name in SUMS)
        end, token = plan.until(step), self.workers.job.token
        where = f"epoch {epoch + 1}, round {step // plan.steps_per_round + 1} of {plan.rounds}"
        order = Order(
            *("train", token, self.numerics, 0),
            first=epoch * plan.steps + step,
            steps=end - step,
            rate_scale=float(d["rate_scale"][0]) * plan.rate(epoch, step),
        )
        orders = [order._replace(shard=shard) for shard in range(self.shards)]
        orders[0] = orders[0]._replace(sums=sums)
        do = self.gradient_round if plan.algorithm == SYNCHRONOUS else self.local_round
        try:
            do(orders, where, end)
        except DivergenceError:
            self.engine.restore_snapshot()
            raise

    def local_round(self, orders: list[Order], where: str, end: int) -> None:
        """Train all shards from the same state, and continue from the mean of theirs, weighted by their samples."""
        state = self.engine.take()
        values = self.workers.run([order._replace(state=state.data) for order in orders], where)
        found = [State(state.layout, data) for data, _ in values]
        weights = self.weights(orders, values)
        self.compare(orders, values, weights)
        if sum(weights) > 0.0:
            fine = mean([one.theta for one in found], weights, state.theta)
            fine &= mean([one.state.reshape(-1) for one in found], weights, state.state.reshape(-1))
            fine &= mean([one.scalars for one in found], weights, state.scalars)
            if not fine:
                raise self.not_finite(where)
            furthest = max(found, key=lambda one: int(one.counters["iteration"][0]))
            for name in ("iteration", "learning_rate"):
                state.counters[name] = furthest.counters[name]
        with uninterrupted():
            self.engine.put(state)
            self.end_round(orders, values, end)

    def gradient_round(self, orders: list[Order], where: str, end: int) -> None:
        """Make one step with the mean gradient of all shards, weighted by their samples."""
        theta, iteration = self.engine.theta.copy(), self.trainer.iteration
        orders = [order._replace(task="gradient", state=theta, iteration=iteration) for order in orders]
        orders[0] = orders[0]._replace(penalty=True)
        values = self.workers.run(orders, where)
        weights = self.weights(orders, values)
        if sum(weights) > 0.0:
            if weights[0] == 0.0:  # its step was left out, and with it the penalty: another shard takes that
                other = next(shard for shard, weight in enumerate(weights) if weight > 0.0)
                values[other] = self.workers.run([orders[other]._replace(penalty=True)], where)[0]
            gradient = np.empty_like(theta)
            mean([value[0] for value in values], weights, gradient)
            self.update(gradient, orders, values, where, end)
        else:
            with uninterrupted():
                self.end_round(orders, values, end)

    def update(self, gradient: Array, orders: list[Order], values: list[Any], where: str, end: int) -> None:
        """The optimizer's iteration with the gradient of all shards."""
        engine, d = self.engine, self.engine.descriptor
        scale = float(d["rate_scale"][0])
        with uninterrupted():
            engine.model.gradient[...] = gradient
            d["rate_scale"] = orders[0].rate_scale
            status = engine.in_turn(engine.native.update)
            d["rate_scale"] = scale
            fine = status == layout.OK and (end < self.plan.steps or self.is_finite())
            if fine:
                self.end_round(orders, values, end)
        if status in DIVERGENCES or (status == layout.OK and not fine):
            raise self.not_finite(where)
        check(status, engine.recipe.loss)

    def weights(self, orders: list[Order], values: list[Any]) -> list[float]:
        """What each shard has trained on in the round: samples, or the sum of their weights."""
        return [value[1][1] - order.sums[1] for order, value in zip(orders, values, strict=True)]

    def end_round(self, orders: list[Order], values: list[Any], end: int) -> None:
        """Note that a round is done; at the end of an epoch, log it and keep a snapshot."""
        d, plan = self.engine.descriptor, self.plan
        totals = [0.0, 0.0, 0.0]
        for _, sums in values:
            totals = [total + part for total, part in zip(totals, sums, strict=True)]
        for name, total in zip(SUMS, totals, strict=True):
            d[name] = total
        d["position"], d["samples"] = end * plan.batch_size, max(plan.rows)
        if end < plan.steps:
            return
        d["position"] = 0
        d["epoch"] += 1
        self.engine.memory.array("log")[0] = totals
        d["log_count"] = 1
        self.engine.write_snapshot()

    def is_finite(self) -> bool:
        """Whether all parameters and the optimizer's state are finite."""
        return all(bool(np.isfinite(array).all()) for array in (self.engine.theta, self.engine.model.state))

    def not_finite(self, where: str) -> DivergenceError:
        return DivergenceError(
            f"training diverged: NaN or infinity in the mean of the shards, {where}; {RESTORED}. A smaller learning "
            "rate, a longer warm-up, or inputs scaled to about 1 usually help."
        )

    def compare(self, orders: list[Order], values: list[Any], weights: list[float]) -> None:
        """Warn after the first round if the shards seem to hold different kinds of samples."""
        if self.compared:
            return
        self.compared = True
        sums = zip(orders, values, weights, strict=True)
        losses = [(value[1][0] - order.sums[0]) / weight if weight else 0.0 for order, value, weight in sums]
        found = unlike_shards(losses, weights)
        if found is not None:
            low, high = found
            warnings.warn(
                f"the shards differ: in the first round the loss of shard {low} is {losses[low]:.3g}, that of shard "
                f"{high} {losses[high]:.3g}. Averages of shards that hold different kinds of samples train worse; mix "
                "the rows before dividing them, or use fewer steps_per_round",
                UserWarning,
                stacklevel=10,  # where fit was called
            )

    # ---- validation

    def validate(self) -> dict[str, float]:
        """Scores on the validation data: of shards, their sums in the shards' order."""
        if not self.validation_shards:
            return super().validate()
        order = Order("evaluate", self.workers.job.token, self.numerics, 0, state=self.engine.theta.copy())
        orders = [order._replace(shard=self.shards + number) for number in range(self.validation_shards)]
        return scores(self.engine, self.workers.run(orders, f"validation after epoch {self.trainer.epoch}"))
