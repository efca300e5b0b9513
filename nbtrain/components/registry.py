"""The registry: names -> component specs, of the built-ins, installed plugins, and what is registered at run time.

Built-in names need no plugin and are never shadowed. Installed plugins (entry points of the group `nbtrain`) are
imported when a name is requested that is not built in, or when all are listed; one that cannot be used is reported
once, and everything else keeps working.
"""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..checks.environment import switched_on
from ..checks.messages import brief, unknown, wrong
from ..checks.suggestions import SOFTMAX, an, package_of, synonyms
from ..errors import InputError, PluginError, PluginWarning
from ..version import __version__
from . import KINDS, Parameter, Spec
from .plugins import Entry, Provider, allowed_names, cause, collect, installed, names_of, provider_of

if TYPE_CHECKING:
    from importlib import metadata

BUILTIN = "nbtrain"
UNREGISTERED = "an unregistered spec"
AT_RUN_TIME = "registered at run time"  # how the provider of a single spec is called
RESERVED = {BUILTIN, UNREGISTERED}  # labels of providers that are never registered


class Registry:
    """Components by kind and name.

    Parameters
    ----------
    builtin : iterable of modules
        Whose components are there from the start.
    entry_points : iterable of importlib.metadata.EntryPoint, optional
        Instead of those of the installed distributions.
    """

    def __init__(
        self, builtin: Iterable[object] = (), entry_points: Iterable[metadata.EntryPoint] | None = None
    ) -> None:
        self._given = entry_points
        self._lock = threading.RLock()
        self._found: dict[tuple[str, str], Entry] = {}
        self._providers: dict[str, Provider] = {}
        self._left_out: list[dict[str, Any]] = []  # rows of the list: components whose names were taken
        self._disabled: list[Provider] = []
        self._loaded = False
        self._strict_fault = ""
        self.importing: Callable[[], AbstractContextManager[object]] = nullcontext  # around the import of plugins
        for module in builtin:
            self._admit(Provider(BUILTIN, module, entries=collect(module, BUILTIN)))

    # ---- asking

    def get(self, kind: str, name: Any) -> Spec:
        """The spec of that name; a spec of that kind is given back, registered or not.

        Raises
        ------
        InputError
            If there is none; the message lists what there is and the nearest spelling.
        PluginError
            If NBTRAIN_STRICT_PLUGINS is set and a plugin cannot be used.
        """
        if isinstance(name, Spec) and name.kind == kind:
            return name
        if not isinstance(name, str):
            raise InputError(wrong(kind, "be a name", name, f"available: {', '.join(self._names(kind))}"))
        with self._lock:
            entry = self._found.get((kind, name))
            if entry is None or (self._strict_fault and entry.provider != BUILTIN):
                self.load()
                entry = self._found.get((kind, name))
            if entry is None:
                raise InputError(self._unknown(kind, name))
            return entry.spec

    def provider(self, spec: Spec) -> str:
        """The provider of a spec: a distribution with version and entry point, or a label of what was registered."""
        with self._lock:
            entry = self._found.get((spec.kind, spec.name))
        return entry.provider if entry is not None and entry.spec is spec else UNREGISTERED

    def is_installed(self, spec: Spec) -> bool:
        """Whether it is built in or of an installed distribution, so that other processes find it by its name."""
        with self._lock:
            provider = self.provider(spec)
            return provider == BUILTIN or bool(provider in self._providers and self._providers[provider].distribution)

    def registered(self, kind: str, name: str) -> Spec | None:
        """The spec of that name that this program has registered; None for what other processes find, or none do."""
        with self._lock:
            entry = self._found.get((kind, name))
        return None if entry is None or self.is_installed(entry.spec) else entry.spec

    def same(self, spec: Spec) -> Spec:
        """The registered spec that has the same functions and parameters; else the spec itself."""
        entry = self._found.get((spec.kind, spec.name))
        if entry is None or entry.spec != spec:
            return spec
        return entry.spec if entry.spec.parameters == spec.parameters else spec  # type: ignore[attr-defined]

    def _names(self, kind: str) -> list[str]:
        return sorted(name for found, name in self._found if found == kind)

    def _unknown(self, kind: str, name: str) -> str:
        names = self._names(kind)  # nbtrain itself has no constraints
        message = unknown(kind, name, names, self._hint(kind, name))
        if not names:
            message += f". None is available; plugins such as nbtrain-{kind}s provide them"
        for provider in self._providers.values():
            if provider.fault:
                message += f". {provider.label} could not be used: {provider.fault}"
        return message

    def _hint(self, kind: str, name: str) -> str:
        """What was probably meant by a name; empty where only its spelling may be wrong."""
        if kind == "activation" and name.lower().replace("_", "") in ("softmax", "logsoftmax"):
            return SOFTMAX
        known = [own for found, own in self._found if found == kind]
        for meant in (name.lower(), *synonyms(name)):
            package = package_of(kind, meant)
            if package and meant not in known:
                return f"the package {package}, which provides {meant!r}, is not {self._missing(package)}"
        others = [other for other in KINDS if (other, name) in self._found or package_of(other, name)]
        if others:
            return f"{name!r} is {an(others[0])}, not {an(kind)}"
        return ""

    def _missing(self, package: str) -> str:
        """Why a package's components are missing: it is not …"""
        if switched_on("NBTRAIN_DISABLE_PLUGINS"):
            return "used while NBTRAIN_DISABLE_PLUGINS is set"
        if package in {p.distribution for p in self._disabled}:
            return "allowed by NBTRAIN_PLUGINS"
        return f"installed: pip install ./plugins/{package} in a checkout of nbtrain"

    def components(self) -> list[dict[str, Any]]:
        """All components, and plugins that cannot be used or may not: plugins are loaded for it.

        Returns
        -------
        list of dict
            `kind`, `name`, `parameters` (name -> default), `provider`, `version`, and `state`: "ok", or why not. A
            plugin that cannot be used as a whole has no kind and no name.
        """
        with self._lock:
            self.load()
            rows = [self._row(entry) for _, entry in sorted(self._found.items(), key=lambda item: item[0])]
            rows += self._left_out
            for provider in (*self._providers.values(), *self._disabled):
                if provider.fault:
                    row = {"kind": "", "name": "", "parameters": {}}
                    rows.append(row | _provided_by(provider) | {"state": provider.fault})
            return rows

    def _row(self, entry: Entry, state: str = "ok") -> dict[str, Any]:
        parameters: dict[str, Parameter] = entry.spec.parameters  # type: ignore[attr-defined]
        defaults = {key: value.default for key, value in parameters.items()}
        provider = self._providers.get(entry.provider, Provider(entry.provider))
        row = {"kind": entry.spec.kind, "name": entry.spec.name, "parameters": defaults}
        return row | _provided_by(provider) | {"state": state}

    # ---- registering

    def register(self, plugin: object, name: str | None = None) -> None:
        """Add the components of a module or object with hooks, or a spec itself.

        They replace what the same object, a module of the same file, or a spec of the same kind and name registered
        before, and what was registered under the same explicit name.

        Raises
        ------
        InputError
            If the explicit name is reserved.
        PluginError
            If a hook is misspelt or yields something else, or a name is taken by another provider.
        """
        if name in RESERVED:
            raise InputError(wrong("name", f"not be {name!r}, which stands for other components", brief(name)))
        with self._lock:
            previous = [known for known in self._providers.values() if _replaces(plugin, name, known)]
            label = name or self._label(plugin, previous)
            provider = Provider(label, plugin, entries=self._entries(plugin, label))
            for known in previous:
                self._remove(known)
            clash = self._clash(provider.entries)
            if clash:
                for known in previous:
                    self._admit(known)
                raise PluginError(clash)
            self._admit(provider)

    @staticmethod
    def _entries(plugin: object, label: str) -> list[Entry]:
        """What is registered: a spec, or what the hooks yield."""
        if isinstance(plugin, Spec):
            return [Entry(plugin, label)]
        try:
            return collect(plugin, label)
        except PluginError as error:
            raise PluginError(f"{label}: {error}") from None

    def _label(self, plugin: object, previous: list[Provider]) -> str:
        """A label that no other provider has."""
        if isinstance(plugin, Spec):
            return f"{plugin.kind} {plugin.name!r} {AT_RUN_TIME}"
        first = getattr(plugin, "__name__", None) or f"{type(plugin).__name__} object"
        taken = RESERVED | self._providers.keys() - {known.label for known in previous}
        numbered = (f"{first} ({number})" for number in itertools.count(2))
        return next(label for label in itertools.chain([first], numbered) if label not in taken)

    def unregister(self, plugin: object) -> None:
        """Remove what `register` added: the object itself, or the name that it was registered under.

        Models that use its components keep them.
        """
        with self._lock:
            for provider in list(self._providers.values()):
                if provider.label == plugin or provider.plugin is plugin:
                    self._remove(provider)
                    return
        raise InputError(wrong("plugin", "be registered", brief(plugin)))

    def _remove(self, provider: Provider) -> None:
        self._providers.pop(provider.label, None)
        for entry in provider.entries:
            self._found.pop((entry.spec.kind, entry.spec.name), None)

    def _admit(self, provider: Provider) -> None:
        if provider.label != BUILTIN:
            self._providers[provider.label] = provider
        for entry in provider.entries:
            self._found[entry.spec.kind, entry.spec.name] = entry

    def _clash(self, entries: Iterable[Entry]) -> str:
        """What is wrong if one of these names is taken; else an empty string."""
        for entry in entries:
            known = self._found.get((entry.spec.kind, entry.spec.name))
            if known is not None:
                return (
                    f"{entry.spec.kind} {entry.spec.name!r} is provided by {known.provider} and by {entry.provider}; "
                    f"{known.provider} keeps the name{self._until(known.provider)}"
                )
        return ""

    def _until(self, label: str) -> str:
        """How a name becomes free that was registered at run time."""
        provider = self._providers.get(label)
        return f" until nbtrain.unregister({label!r})" if provider and not provider.distribution else ""

    # ---- installed plugins

    def load(self) -> None:
        """Import the installed plugins, once. Each one that cannot be used gets a warning; the others are loaded.

        Raises
        ------
        PluginError
            If NBTRAIN_STRICT_PLUGINS is set and a plugin cannot be used.
        """
        with self._lock:
            if not self._loaded:
                self._loaded = True  # before plugins are imported, which may ask for components themselves
                try:
                    with self.importing():
                        faults = [] if switched_on("NBTRAIN_DISABLE_PLUGINS") else self._load_all()
                except KeyboardInterrupt:  # the next call starts again; what was loaded is known by its module
                    self._loaded = False
                    self._disabled.clear()
                    self._left_out.clear()
                    raise
                self._report(faults)
            if self._strict_fault:
                raise PluginError(self._strict_fault)

    def _load_all(self) -> list[str]:
        """Load the allowed plugins and return what is wrong."""
        points, faults = installed() if self._given is None else (list(self._given), [])
        allowed = allowed_names()
        for point in points:
            if allowed is None or names_of(point) & allowed:
                faults += self._load_one(point)
            else:
                provider = provider_of(point)
                provider.fault = "not allowed by NBTRAIN_PLUGINS"
                self._disabled.append(provider)
        for name in sorted((allowed or set()).difference(*map(names_of, points))):
            faults.append(f"NBTRAIN_PLUGINS allows {name!r}, which is not installed")
        return faults

    def _load_one(self, point: metadata.EntryPoint) -> list[str]:
        provider = provider_of(point)
        try:
            provider.plugin = point.load()
            if any(known.plugin is provider.plugin for known in self._providers.values()):
                return []  # it was registered at run time
            provider.entries = collect(provider.plugin, provider.label)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit, and panics of extension modules in Rust
            provider.fault = cause(error)
            self._providers[provider.label] = provider
            return [f"plugin {provider.label} could not be used: {provider.fault}"]
        clashing = {id(entry): clash for entry in provider.entries if (clash := self._clash([entry]))}
        left_out = [entry for entry in provider.entries if id(entry) in clashing]
        provider.entries = [entry for entry in provider.entries if id(entry) not in clashing]
        self._admit(provider)
        self._left_out += [self._row(entry, clashing[id(entry)]) for entry in left_out]
        return list(clashing.values())

    def _report(self, faults: list[str]) -> None:
        """Issue the collected warnings; in strict mode keep them as one error."""
        if faults and switched_on("NBTRAIN_STRICT_PLUGINS"):
            self._strict_fault = "; ".join(faults)
            return
        for message in faults:
            warnings.warn(message, PluginWarning, stacklevel=5)


def _replaces(plugin: object, name: str | None, known: Provider) -> bool:
    """Whether a registration takes the place of a former one."""
    if known.plugin is plugin or (known.label == name and not known.distribution):
        return True
    if isinstance(plugin, Spec):
        former = known.plugin
        return name is None and isinstance(former, Spec) and (former.kind, former.name) == (plugin.kind, plugin.name)
    file = getattr(plugin, "__file__", None) if isinstance(plugin, ModuleType) else None
    return file is not None and isinstance(known.plugin, ModuleType) and file == getattr(known.plugin, "__file__", None)


def _provided_by(provider: Provider) -> dict[str, str]:
    """The provider of a component, for the list."""
    if provider.label == BUILTIN:
        return {"provider": BUILTIN, "version": __version__}
    return {"provider": provider.distribution or provider.label, "version": provider.version}
