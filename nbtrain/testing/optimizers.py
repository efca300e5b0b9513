"""check_optimizer."""

from __future__ import annotations

import collections
import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from ..components import Component, Optimizer
from ..components.by_name import bound
from ..components.network import Dense, Network
from .curves import FLOAT32, FLOAT64
from .report import Report, Values

Array = np.ndarray[Any, Any]

SIZE = 3 * 1024 + 37  # no whole number of vectors, and more than two blocks of an update in passes
PERIOD = 37
TOLERANCE = 1e-10
SINGLE_TOLERANCE = 1e-4  # of how far the parameters moved
STEPS = 3000
FAR = 1e6  # what parameters that began within 1 never reach
GRADIENTS = (0.0, 1e-30, 1e-20, 1e-8, 1.0, 1e8, 1e15)


def check_optimizer(optimizer: str | Optimizer | Component) -> None:
    """Check an optimizer on gradients that are given to it, and on a small convex problem.

    Its functions compile for float32 and float64 and do what Python says; float32 agrees with float64; tiny, large and
    zero gradients give finite parameters, and a NaN shows; the learning rate counts; a quadratic function is descended
    with the default learning rate; results do not depend on a parameter's place. Parameters are tried at their defaults
    and at one other value each. A step that is not vectorized is warned of (`nbtrain.PluginWarning`).

    Parameters
    ----------
    optimizer : str, nbtrain.Optimizer or component
        `nbtrain.optimizer("lion", learning_rate=1e-4)` is checked with that rate and those parameters only.

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.

    Examples
    --------
    >>> from nbtrain import testing
    >>> testing.check_optimizer("momentum")
    """
    report = Report("optimizer", optimizer)
    if report.compiled():
        unused = set(report.spec.slots)  # type: ignore[attr-defined]
        for values in report.parameter_sets():
            component = _component(report, values)
            where = report.with_values(values)
            _check_against_python(report, component, where)
            _check_single(report, component, where)
            _check_gradients(report, component, where)
            _check_learning_rate(report, component, where)
            _check_descent(report, component, where)
            _check_blocks(report, component, where)
            unused &= _slots_at_rest(component)
        _tell_unused(report, unused)
    report.finish()
    report.warn_where_slow()


def _component(report: Report, values: Values) -> Component:
    if report.fixed is not None:
        return report.fixed
    names = report.spec.parameters  # type: ignore[attr-defined]
    return bound(report.spec, dict(zip(names, values, strict=True)))


def _rate(component: Component) -> float:
    rate = component.learning_rate
    return float(rate) if not isinstance(rate, Component) else 1e-3


class Updates:
    """The compiled update of `SIZE` parameters and more, fed with gradients.

    Parameters
    ----------
    component : Component
    dtype : numpy.dtype
    rate : float
    """

    trainer: Any

    def __init__(self, component: Component, dtype: Any, rate: float) -> None:
        from ..training.trainer import Trainer

        given = dict(component.parameters) | {"learning_rate": rate}
        network = Network(1, [Dense((SIZE + 1) // 2)])
        self.trainer = Trainer(network, loss="mse", optimizer=bound(component.spec, given), dtype=dtype, rng=0)
        self._update = updater(self.trainer)

    @property
    def w(self) -> Array:
        """The parameters."""
        return np.asarray(self.trainer.model.theta)

    def start(self, w: Any) -> Array:
        """Put all parameters to `w`, repeated as often as needed."""
        theta = self.w
        theta[:] = np.resize(np.asarray(w, theta.dtype), theta.size)
        return theta

    def step(self, g: Any) -> None:
        """One iteration with gradients `g`, repeated as often as needed."""
        gradient = self.trainer.model.gradient
        gradient[:] = np.resize(np.asarray(g, gradient.dtype), gradient.size)
        self._update()

    def step_alone(self, g: float) -> None:
        """The function `step` by itself, after an iteration, with gradients that the core would refuse."""
        model, memory = self.trainer.model, self.trainer.engine.memory
        model.gradient[:] = g
        memory.array("slot_pointers").reshape(-1)[: len(model.state)] = [row.ctypes.data for row in model.state]
        places = ("theta", "gradient", "slot_pointers", "prepared_typed", "hyper_typed")
        theta, gradient, pointers, *numbers = map(memory.address, places)
        function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 6)(int(model.descriptor["step"][0]))
        function(theta, gradient, pointers, model.theta.size, *numbers)


def updater(trainer: Any) -> Callable[[], None]:
    """A function that makes one update of a trainer's parameters by its present gradient."""
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(trainer.c_functions()["update"][0])
    descriptor = int(trainer.model.descriptor.ctypes.data)

    def update() -> None:
        status = function(descriptor)
        assert status == 0, f"the update returned {status}"

    return update


def _gradients(steps: int, count: int) -> Array:
    """Gradients (steps, count) of both signs and of sizes from 0.1 to 2."""
    random = np.random.default_rng(5)
    signs = np.where(random.random((steps, count)) < 0.5, -1.0, 1.0)
    return random.uniform(0.1, 2.0, (steps, count)) * signs


def _check_against_python(report: Report, component: Component, where: str) -> None:
    spec: Any = component.spec
    if getattr(spec, "norms", None) is not None:  # step returns no w then
        return
    rate, steps, w0 = _rate(component), 20, np.linspace(-1.0, 1.0, 5)
    g = _gradients(steps, len(w0))
    updates = Updates(component, FLOAT64, rate)
    w = updates.start(w0)
    try:
        wanted = [_in_python(spec, component, rate, w0[i], g[:, i]) for i in range(len(w0))]
    except Exception as error:
        report.wrong(f"step or prepare: Python raises {error!r}{where}; give a number for every input")
        return
    for row in g:
        updates.step(row)
    if not np.allclose(w[: len(w0)], wanted, rtol=TOLERANCE, atol=TOLERANCE):
        report.wrong(
            f"step: after {steps} iterations{where} the compiled functions are at {w[:3]}, Python's are at "
            f"{np.array(wanted[:3])}; use floats, math functions and conditional expressions only"
        )


def _in_python(spec: Any, component: Component, rate: float, w: float, gradients: Array) -> float:
    """One parameter after these gradients, by the author's functions as they are."""
    hyper = _record("Hyper", ("learning_rate", *spec.parameters), (rate, *component.values))
    slots = _record("Slots", spec.slots, (0.0,) * len(spec.slots))
    scalars = _record("Scalars", spec.scalars, (0.0,) * len(spec.scalars))
    prepared: Any = ()
    for t, g in enumerate(gradients, 1):
        if spec.prepare is not None and spec.scalars:
            prepared, kept = spec.prepare(t, scalars, hyper)
            scalars = type(scalars)(*kept)
        elif spec.prepare is not None:
            prepared = spec.prepare(t, hyper)
        w, new = spec.step(w, float(g), slots, prepared, hyper)
        slots = type(slots)(*new)
    return w


def _record(name: str, fields: tuple[str, ...], values: tuple[float, ...]) -> Any:
    make: Any = collections.namedtuple
    return make(name, fields)(*values)


def _check_single(report: Report, component: Component, where: str) -> None:
    rate, steps, w0 = _rate(component), 20, np.linspace(-0.02, 0.02, PERIOD).astype(FLOAT32)
    g = _gradients(steps, PERIOD).astype(FLOAT32)
    ends = []
    for dtype in (FLOAT32, FLOAT64):
        updates = Updates(component, dtype, rate)
        w = updates.start(w0)
        for row in g:
            updates.step(row)
        ends.append(w[:PERIOD].astype(FLOAT64))
    moved = np.abs(ends[1] - w0).max()
    worst = np.abs(ends[0] - ends[1]).max()
    if not worst <= SINGLE_TOLERANCE * moved + 1e-7:
        report.wrong(
            f"step: after {steps} iterations{where} float32 and float64 differ by {worst:.3g}, where the parameters "
            f"moved by {moved:.3g}; form 1 - beta and bias corrections in prepare, which works in float64"
        )


def _slots_at_rest(component: Component) -> set[str]:
    """Names of slots that are 0 after some iterations with gradients that are not."""
    updates = Updates(component, FLOAT64, _rate(component))
    updates.start(0.5)
    for scale in (1.0, 1e-3, 1e3):
        for row in _gradients(5, PERIOD):
            updates.step(scale * row)
    state = updates.trainer.model.state
    return {name for name, slot in zip(component.spec.slots, state, strict=False) if not np.any(slot)}


def _tell_unused(report: Report, unused: set[str]) -> None:
    if unused and report.fixed is None:  # a parameter that is given may switch a slot off
        report.wrong(
            f"step: {', '.join(sorted(unused))} of its slots stays 0 with gradients of sizes from 1e-4 to 2e3; return "
            "the new value, `return w, (m,)`, or leave the slot out"
        )


def _check_gradients(report: Report, component: Component, where: str) -> None:
    for dtype in (FLOAT32, FLOAT64):
        updates = Updates(component, dtype, _rate(component))
        for g in GRADIENTS:
            w = updates.start(0.5)
            for _ in range(3):
                updates.step(g)
            if not np.isfinite(w).all():
                report.wrong(
                    f"step: gradients of {g:g}{where} make parameters {w[0]} in {dtype}; add epsilon to what is "
                    "divided by, or take 0/0 as 0"
                )
                break
    updates.step_alone(np.nan)
    model = updates.trainer.model
    moved = updates.w if component.spec.norms is None else model.gradient  # with norms, what is made is an update
    if np.isfinite(moved[0]) and np.isfinite(model.state[:, 0]).all():
        report.wrong(
            f"step: a gradient of NaN{where} leaves finite parameters and state, which hides a failure from training; "
            "turn comparisons round so that NaN falls through"
        )


def _check_learning_rate(report: Report, component: Component, where: str) -> None:
    ends = []
    for factor in (1.0, 0.5):
        updates = Updates(component, FLOAT64, factor * _rate(component))
        w = updates.start(0.5)
        updates.step(1.0)
        updates.step(1.0)
        ends.append(float(w[0]))
    if ends[0] == ends[1]:
        report.wrong(
            f"step: half the learning rate moves parameters as far{where}; use hyper.learning_rate, which schedules set"
        )


def _check_descent(report: Report, component: Component, where: str) -> None:
    """½ Σ h (w - c)² falls to a tenth with the default rate, from no further away than that rate can go."""
    updates = Updates(component, FLOAT64, _rate(component))
    h, c = np.linspace(0.5, 2.0, updates.w.size), np.linspace(-0.5, 0.5, updates.w.size)
    w = updates.w
    w[:] = c + np.where(np.arange(w.size) % 2 == 0, 0.25, -0.25)
    start = float(np.sum(h * (w - c) ** 2))
    for step in range(STEPS):
        updates.step(h * (w - c))
        if not np.abs(w).max() < FAR:
            report.wrong(f"step: it diverges on a convex problem at iteration {step + 1}{where}; check its signs")
            return
    end = float(np.sum(h * (w - c) ** 2))
    if not end < 0.1 * start:
        report.wrong(
            f"step: {STEPS} iterations with learning rate {_rate(component):g}{where} take a convex function from "
            f"{start:.3g} to {end:.3g} only; check its signs, or give a default learning_rate that suits it"
        )


def _check_blocks(report: Report, component: Component, where: str) -> None:
    """Parameters of equal start and equal gradients stay equal, wherever they stand."""
    if getattr(component.spec, "norms", None) is not None:  # equal wherever they stand in one layer only
        return
    for dtype in (FLOAT32, FLOAT64):
        updates = Updates(component, dtype, _rate(component))
        w = updates.start(np.linspace(-1.0, 1.0, PERIOD))
        for row in _gradients(5, PERIOD):
            updates.step(row)
        if not np.array_equal(w, np.resize(w[:PERIOD], w.size)):
            report.wrong(
                f"step: in {dtype}{where} the result depends on a parameter's place; use w, g, slots, prepared and "
                "hyper only"
            )
            return
