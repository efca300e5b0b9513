"""The registry: names -> component specs, from the built-ins, installed plugins, and what is registered at run time.

Built-in names need no plugin and are never shadowed. Installed plugins (entry points of the group `nbtrain`) are
imported when a name is asked for that is not built-in, or when all are listed; one that cannot be used is reported
once, and everything else goes on working.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

from .components import KINDS, Component, Parameter, Spec
from .errors import InputError, PluginError, PluginWarning
from .hookspecs import HOOKS, Hooks

if TYPE_CHECKING:
    from importlib import metadata

GROUP = "nbtrain"
BUILTIN = "nbtrain"


@dataclass(frozen=True)
class Entry:
    """A registered component."""

    spec: Spec
    provider: str


@dataclass
class Provider:
    """Somebody who provides components: a distribution's entry point, or an object registered at run time."""

    label: str
    plugin: object | None = None
    fault: str | None = None
    entries: list[Entry] = field(default_factory=list)


class Registry:
    """Components by kind and name.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint, optional
        Instead of those of the installed distributions.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        self._given = entry_points
        self._lock = threading.RLock()
        self._found: dict[tuple[str, str], Entry] = {}
        self._providers: dict[str, Provider] = {}
        self._clashes: dict[tuple[str, str], str] = {}
        self._loaded = False
        from .builtin import MODULES

        for module in MODULES:
            provider = Provider(BUILTIN, module)
            self._collect(provider)
            self._admit(provider)

    # ---- asking

    def get(self, kind: str, name: Any) -> Spec:
        """The spec of that name.

        Raises
        ------
        InputError
            If there is none; the message lists what there is and the nearest spelling.
        """
        if not isinstance(name, str):
            raise InputError(f"{kind}: {name!r} given; a name is wanted: {self._listed(kind)}")
        with self._lock:
            entry = self._found.get((kind, name))
            if entry is None:
                self.load()
                entry = self._found.get((kind, name))
            if entry is None:
                raise InputError(self._unknown(kind, name))
            return entry.spec

    def provider(self, spec: Spec) -> str:
        """Who provides a spec, in words: a distribution with its version and entry point, or what was registered."""
        with self._lock:
            entry = self._found.get((spec.kind, spec.name))
        return entry.provider if entry is not None and entry.spec is spec else "an unregistered spec"

    def knows(self, spec: Spec) -> bool:
        """Whether this very spec is what its name stands for."""
        entry = self._found.get((spec.kind, spec.name))
        return entry is not None and entry.spec is spec

    def _listed(self, kind: str) -> str:
        return ", ".join(sorted(name for found, name in self._found if found == kind))

    def _unknown(self, kind: str, name: str) -> str:
        names = [known for found, known in self._found if found == kind]
        near = _nearest(name, names)
        message = f"{kind}: there is no {name!r}"
        message += f"; did you mean {near[0]!r}?" if near else ";"
        message += f" There are: {self._listed(kind)}."
        for provider in self._providers.values():
            if provider.fault:
                message += f" {provider.label} could not be used: {provider.fault}."
        return message

    def components(self) -> list[dict[str, Any]]:
        """All components and broken plugins: kind, name, parameters, provider, state; plugins are loaded for it."""
        with self._lock:
            self.load()
            rows = [
                {
                    "kind": kind,
                    "name": name,
                    "parameters": {key: value.default for key, value in entry.spec.parameters.items()},  # type: ignore[attr-defined]
                    "provider": entry.provider,
                    "state": "ok",
                }
                for (kind, name), entry in sorted(self._found.items())
            ]
            for provider in self._providers.values():
                if provider.fault:
                    row = {"kind": "", "name": "", "parameters": {}, "provider": provider.label}
                    rows.append(row | {"state": provider.fault})
            return rows

    # ---- registering

    def register(self, plugin: object, name: str | None = None) -> None:
        """Add the components of a module or object with hooks, or a spec itself; a second time replaces the first.

        Raises
        ------
        PluginError
            If a hook is misspelt or yields something else, or a name is taken by another provider.
        """
        label = name or getattr(plugin, "__name__", None) or f"{type(plugin).__name__} object"
        if isinstance(plugin, Spec):
            label = name or f"{plugin.kind} {plugin.name!r} registered at run time"
            provider = Provider(label, plugin, None, [Entry(plugin, label)])
        else:
            provider = Provider(label, plugin)
            self._collect(provider)
        with self._lock:
            previous = self._providers.get(label)
            if previous is not None:
                self._remove(previous)
            try:
                self._refuse_clashes(provider)
            except PluginError:
                if previous is not None:
                    self._admit(previous)
                raise
            self._admit(provider)

    def unregister(self, plugin: object) -> None:
        """Remove what `register` added: the object itself, or the name that it was registered under.

        Models that use its components keep them.
        """
        with self._lock:
            for provider in list(self._providers.values()):
                if provider.label == plugin or provider.plugin is plugin:
                    self._remove(provider)
                    return
        raise InputError(f"plugin: {plugin!r} given; it is not registered")

    def _remove(self, provider: Provider) -> None:
        self._providers.pop(provider.label, None)
        for entry in provider.entries:
            self._found.pop((entry.spec.kind, entry.spec.name), None)

    def _admit(self, provider: Provider) -> None:
        if provider.label != BUILTIN:
            self._providers[provider.label] = provider
        for entry in provider.entries:
            self._found[entry.spec.kind, entry.spec.name] = entry

    def _refuse_clashes(self, provider: Provider) -> None:
        for entry in provider.entries:
            known = self._found.get((entry.spec.kind, entry.spec.name))
            if known is not None:
                raise PluginError(
                    f"{entry.spec.kind} {entry.spec.name!r} is provided by {known.provider} and by {provider.label}; "
                    f"{known.provider} keeps the name"
                )

    def _collect(self, provider: Provider) -> None:
        """The specs that a plugin's hooks yield."""
        manager = pluggy.PluginManager("nbtrain")
        manager.add_hookspecs(Hooks)
        manager.register(provider.plugin)
        try:
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            hooks = ", ".join(HOOKS.values())
            raise PluginError(f"{provider.label}: {error}; the hooks are {hooks}") from None
        callers = manager.get_hookcallers(provider.plugin) or []
        if not callers:
            raise PluginError(f"{provider.label} implements none of the hooks {', '.join(HOOKS.values())}")
        for kind, hook in HOOKS.items():
            for implementation in getattr(manager.hook, hook).get_hookimpls():
                for spec in implementation.function() or ():
                    if not isinstance(spec, KINDS[kind]):
                        raise PluginError(
                            f"{provider.label}: {hook} yields {spec!r}; nbtrain.{KINDS[kind].__name__} is wanted"
                        )
                    provider.entries.append(Entry(spec, provider.label))

    # ---- installed plugins

    def load(self) -> None:
        """Import the installed plugins, once; each on its own."""
        with self._lock:
            if self._loaded:
                return
            self._loaded = True
            if os.environ.get("NBTRAIN_DISABLE_PLUGINS", "0") not in ("", "0"):
                return
            for point in self._given if self._given is not None else _installed():
                if _allowed(point):
                    self._load_one(point)

    def _load_one(self, point: metadata.EntryPoint) -> None:
        provider = Provider(_label(point))
        try:
            provider.plugin = point.load()
            self._collect(provider)
            self._refuse_clashes(provider)
        except (Exception, SystemExit) as error:
            provider.entries.clear()
            provider.fault = _cause(error)
            self._providers[provider.label] = provider
            message = f"plugin {provider.label} could not be used: {provider.fault}"
            if os.environ.get("NBTRAIN_STRICT_PLUGINS", "0") not in ("", "0"):
                raise PluginError(message) from error
            warnings.warn(message, PluginWarning, stacklevel=4)
            return
        self._admit(provider)


def _nearest(name: str, names: list[str]) -> list[str]:
    """The name that was probably meant, if there is one."""
    from difflib import get_close_matches  # wanted for errors alone

    return get_close_matches(name, names, 1)


def _installed() -> Iterable[metadata.EntryPoint]:
    from importlib import metadata  # takes a third as long as NumPy, and built-in names need no plugin

    return metadata.entry_points(group=GROUP)


def _label(point: metadata.EntryPoint) -> str:
    distribution = point.dist
    owner = f"{distribution.name} {distribution.version}" if distribution is not None else "unknown distribution"
    return f"{owner} (entry point {point.name})"


def _allowed(point: metadata.EntryPoint) -> bool:
    wanted = os.environ.get("NBTRAIN_PLUGINS")
    if wanted is None:
        return True
    names = {name.strip() for name in wanted.split(",")}
    return point.name in names or (point.dist is not None and point.dist.name in names)


def _cause(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")


# ---- components by name, from the registry of the process

registry = Registry()


def bound(spec: Spec, given: dict[str, Any]) -> Component:
    """A spec with parameter values."""
    parameters: dict[str, Parameter] = spec.parameters  # type: ignore[attr-defined]
    rate = () if spec.kind != "optimizer" else ("learning_rate",)
    unknown = [name for name in given if name not in parameters and name not in rate]
    if unknown:
        names = [*rate, *parameters]
        near = _nearest(unknown[0], names)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        known = f"it has {', '.join(names)}" if names else "it has none"
        raise InputError(f"{unknown[0]}: {spec.kind} {spec.name!r} has no such parameter{hint}; {known}")
    values: list[tuple[str, Any]] = []
    if rate:
        values.append(("learning_rate", _rate(given.get("learning_rate", spec.learning_rate))))  # type: ignore[attr-defined]
    for name, parameter in parameters.items():
        values.append((name, parameter.checked(given.get(name, parameter.default), name)))
    return Component(spec.kind, spec.name, tuple(values), spec)


def _rate(value: Any) -> Any:
    if isinstance(value, Component) and value.kind == "schedule":
        return value
    if isinstance(value, str | Component | Spec):
        return resolve("schedule", value, "learning_rate")
    return Parameter(1.0, above=0.0).checked(value, "learning_rate")


def resolve(kind: str, value: Any, argument: str) -> Component:
    """A bound component from a name, a spec or a bound component, or an InputError that names the argument."""
    if isinstance(value, Component) and value.kind == kind:
        return value
    if isinstance(value, Spec) and value.kind == kind:
        return bound(value, {})
    if isinstance(value, str):
        try:
            return bound(registry.get(kind, value), {})
        except InputError as error:
            raise InputError(str(error) if argument == kind else f"{argument}: {error}") from None
    raise InputError(f"{argument}: {value!r} given; the name of a{'n' * (kind[0] in 'aeiou')} {kind} is wanted")


def by_name(kind: str, name: str, parameters: tuple[tuple[str, Any], ...]) -> Component:
    """A pickled component, from the registry of this process."""
    return bound(registry.get(kind, name), dict(parameters))


def activation(name: str, /, **parameters: Any) -> Component:
    """An activation by name: `nbtrain.activation("leaky_relu", slope=0.02)`."""
    return bound(registry.get("activation", name), parameters)


def regularizer(name: str, /, **parameters: Any) -> Component:
    """A regularizer by name: `nbtrain.regularizer("l2", strength=1e-4)`."""
    return bound(registry.get("regularizer", name), parameters)


def optimizer(name: str, /, **parameters: Any) -> Component:
    """An optimizer by name: `nbtrain.optimizer("adam", learning_rate=1e-3)`; the rate may be a schedule."""
    return bound(registry.get("optimizer", name), parameters)


def loss(name: str, /, **parameters: Any) -> Component:
    """A loss by name: `nbtrain.loss("mse")`."""
    return bound(registry.get("loss", name), parameters)


def initializer(name: str, /, **parameters: Any) -> Component:
    """An initializer by name: `nbtrain.initializer("he_normal")`."""
    return bound(registry.get("initializer", name), parameters)


def schedule(name: str, /, **parameters: Any) -> Component:
    """A learning-rate schedule by name: `nbtrain.schedule("cosine", steps=10_000)`."""
    return bound(registry.get("schedule", name), parameters)


def constraint(name: str, /, **parameters: Any) -> Component:
    """A constraint by name: `nbtrain.constraint("max_norm", limit=3)`."""
    return bound(registry.get("constraint", name), parameters)


def register(plugin: object, name: str | None = None) -> None:
    """Register a module or object with hooks, or a single spec, with the registry of this process."""
    registry.register(plugin, name)


def unregister(plugin: object) -> None:
    """Undo `register`; models that use its components keep them."""
    registry.unregister(plugin)
