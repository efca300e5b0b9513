"""The hooks through which components come in: a plugin implements any of them with `@nbtrain.hookimpl`."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from . import Activation, Constraint, Initializer, Loss, Optimizer, Regularizer, Schedule

# The version of the contract between nbtrain and plugins: hooks, specs, and the signatures of their functions. It goes
# up whenever plugins can say something new; the oldest that is supported goes up when something old ends.
CONTRACT_VERSION = 1
OLDEST_CONTRACT = 1

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker("nbtrain")
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker("nbtrain")


class Hooks:
    """Every hook takes nothing and yields or returns specs of its kind."""

    @hookspec
    def nbtrain_activations(self) -> Iterable[Activation]:  # type: ignore[empty-body]
        """Activations.

        Examples
        --------
        >>> import nbtrain
        >>> @nbtrain.hookimpl
        ... def nbtrain_activations():
        ...     yield nbtrain.Activation("cube", value=lambda z: z * z * z, slope=lambda z: 3.0 * z * z)
        """

    @hookspec
    def nbtrain_regularizers(self) -> Iterable[Regularizer]:  # type: ignore[empty-body]
        """Regularizers.

        Examples
        --------
        >>> import nbtrain
        >>> @nbtrain.hookimpl
        ... def nbtrain_regularizers():
        ...     yield nbtrain.Regularizer("quartic", penalty=lambda w: w**4, slope=lambda w: 4.0 * w**3)
        """

    @hookspec
    def nbtrain_optimizers(self) -> Iterable[Optimizer]:  # type: ignore[empty-body]
        """Optimizers.

        Examples
        --------
        >>> import nbtrain
        >>> def step(w, g, slots, prepared, hyper):
        ...     return w - hyper.learning_rate * (1.0 if g > 0.0 else -1.0), ()
        >>> @nbtrain.hookimpl
        ... def nbtrain_optimizers():
        ...     yield nbtrain.Optimizer("sign_descent", step)
        """

    @hookspec
    def nbtrain_losses(self) -> Iterable[Loss]:  # type: ignore[empty-body]
        """Losses.

        Examples
        --------
        >>> import nbtrain
        >>> @nbtrain.hookimpl
        ... def nbtrain_losses():
        ...     yield nbtrain.Loss("quartic", value=lambda p, y: (p - y) ** 4, slope=lambda p, y: 4.0 * (p - y) ** 3)
        """

    @hookspec
    def nbtrain_initializers(self) -> Iterable[Initializer]:  # type: ignore[empty-body]
        """Initializers.

        Examples
        --------
        >>> import nbtrain
        >>> @nbtrain.hookimpl
        ... def nbtrain_initializers():
        ...     yield nbtrain.Initializer("tiny", lambda fan_in, fan_out, rng: rng.normal(0, 1e-3, (fan_in, fan_out)))
        """

    @hookspec
    def nbtrain_schedules(self) -> Iterable[Schedule]:  # type: ignore[empty-body]
        """Learning-rate schedules.

        Examples
        --------
        >>> import nbtrain
        >>> @nbtrain.hookimpl
        ... def nbtrain_schedules():
        ...     yield nbtrain.Schedule("inverse", lambda t, rate: rate / t, {"rate": 0.1})
        """

    @hookspec
    def nbtrain_constraints(self) -> Iterable[Constraint]:  # type: ignore[empty-body]
        """Constraints on the weights of a layer.

        Examples
        --------
        >>> import nbtrain
        >>> @nbtrain.hookimpl
        ... def nbtrain_constraints():
        ...     yield nbtrain.Constraint("at_most", project=lambda w, limit: min(w, limit), parameters={"limit": 1.0})
        """


# Kind of component -> its hook.
HOOKS = {
    "activation": "nbtrain_activations",
    "regularizer": "nbtrain_regularizers",
    "optimizer": "nbtrain_optimizers",
    "loss": "nbtrain_losses",
    "initializer": "nbtrain_initializers",
    "schedule": "nbtrain_schedules",
    "constraint": "nbtrain_constraints",
}
