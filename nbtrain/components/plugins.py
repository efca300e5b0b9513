"""Plugins: which are installed and allowed, what their hooks yield, and why one cannot be used."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pluggy

from ..checks.messages import brief, wrong
from ..errors import PluginError
from . import KINDS, Spec
from .hooks import CONTRACT_VERSION, HOOKS, OLDEST_CONTRACT, Hooks

if TYPE_CHECKING:
    from importlib import metadata

GROUP = "nbtrain"
MARK = "nbtrain_impl"  # the attribute that pluggy's hookimpl sets
PACKAGE = str(Path(__file__).parent.parent)
LONGEST_CAUSE = 400  # characters; a message is to be read


@dataclass(frozen=True)
class Entry:
    """A registered component."""

    spec: Spec
    provider: str


@dataclass
class Provider:
    """Where components come from: a distribution's entry point, or an object registered at run time."""

    label: str
    plugin: object | None = None
    fault: str | None = None
    entries: list[Entry] = field(default_factory=list)
    distribution: str = ""
    version: str = ""


# ---- installed plugins


def installed() -> tuple[list[metadata.EntryPoint], list[str]]:
    """Entry points of the group `nbtrain`, in the order of their distributions' names, and what could not be read."""
    from importlib import metadata  # takes a third as long as NumPy, and built-in names need no plugin

    points: Iterable[metadata.EntryPoint]
    faults: list[str] = []
    try:
        points = metadata.entry_points(group=GROUP)
    except Exception:  # caused by any installed package, which need not have to do with nbtrain
        points, faults = _readable(metadata.distributions())
    return sorted(points, key=lambda point: (owner(point), point.name)), faults


def _readable(distributions: Iterable[metadata.Distribution]) -> tuple[list[metadata.EntryPoint], list[str]]:
    """Entry points of the distributions that can be read, the first of each name, and what is wrong with the others."""
    found: dict[tuple[str, str], metadata.EntryPoint] = {}
    faults = []
    for distribution in distributions:
        try:
            for point in distribution.entry_points.select(group=GROUP):
                found.setdefault((str(distribution.name), point.name), point)
        except Exception as error:
            faults.append(f"the metadata of an installed package cannot be read, so it adds no plugins: {error!r}")
    return list(found.values()), faults


def owner(point: metadata.EntryPoint) -> tuple[str, str]:
    """Name and version of an entry point's distribution."""
    return (point.dist.name, point.dist.version) if point.dist is not None else ("unknown distribution", "")


def provider_of(point: metadata.EntryPoint) -> Provider:
    """The provider of an entry point; nothing is imported yet."""
    name, version = owner(point)
    label = f"{name} {version}".strip() + f" (entry point {point.name})"
    return Provider(label, distribution=name, version=version)


def allowed_names() -> set[str] | None:
    """Distributions and entry points that NBTRAIN_PLUGINS allows; None: all."""
    wanted = os.environ.get("NBTRAIN_PLUGINS")
    return None if wanted is None else {normal_name(name) for name in wanted.split(",") if name.strip()}


def names_of(point: metadata.EntryPoint) -> set[str]:
    """What an allow list can name an entry point by."""
    return {normal_name(point.name), normal_name(owner(point)[0])}


def normal_name(name: str) -> str:
    """A distribution's name as packaging compares them."""
    return name.strip().lower().replace("_", "-").replace(".", "-")


# ---- what a plugin yields


def collect(plugin: object, label: str) -> list[Entry]:
    """What a plugin's hooks yield.

    Raises
    ------
    PluginError
        If it needs another version of the contract, a hook is misspelt, unmarked or takes arguments, or yields
        something that is not a component of its kind.
    """
    check_contract(plugin)
    hooks = _hooks(plugin)
    for name, function in hooks.items():
        if name not in HOOKS.values():
            raise PluginError(f"unknown hook {name}{_nearest_hook(name)}")
        _check_arguments(function, name)
    if not hooks:
        raise PluginError(f"it implements none of the hooks {', '.join(HOOKS.values())} with @nbtrain.hookimpl")
    manager = pluggy.PluginManager("nbtrain")
    manager.add_hookspecs(Hooks)
    manager.register(SimpleNamespace(**hooks))  # not the plugin itself: its other attributes are not read
    entries = []
    for kind, hook in HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            entries += [Entry(spec, label) for spec in _yielded(implementation.function, kind, hook)]
    _check_names(entries)
    return entries


def _check_names(entries: list[Entry]) -> None:
    """Refuse two components of one kind and name."""
    seen: dict[tuple[str, str], Spec] = {}
    for entry in entries:
        spec = entry.spec
        if seen.setdefault((spec.kind, spec.name), spec) is not spec:
            raise PluginError(f"{HOOKS[spec.kind]} yields two components named {spec.name!r}; give each its own name")


def check_contract(plugin: object) -> None:
    """Refuse a plugin that was written for a version of the contract which this nbtrain does not support."""
    version = getattr(plugin, "nbtrain_contract", CONTRACT_VERSION)
    if not isinstance(version, int) or isinstance(version, bool):
        raise PluginError(wrong("nbtrain_contract", f"be an integer, now {CONTRACT_VERSION}", brief(version)))
    if not OLDEST_CONTRACT <= version <= CONTRACT_VERSION:
        supported = (
            f"{OLDEST_CONTRACT} to {CONTRACT_VERSION}" if OLDEST_CONTRACT < CONTRACT_VERSION else OLDEST_CONTRACT
        )
        cure = "upgrade nbtrain" if version > CONTRACT_VERSION else "upgrade the plugin"
        raise PluginError(
            f"it is written for version {version} of the plugin contract; this nbtrain supports {supported}: {cure}"
        )


def _hooks(plugin: object) -> dict[str, Any]:
    """A plugin's hooks by name, bound to it: the routines with the mark of `hookimpl`.

    Only hooks are looked up on the plugin: a property, or a name that a lazy module would import, stays untouched.

    Raises
    ------
    PluginError
        If a function is named like a hook but lacks the mark, so that pluggy would ignore it.
    """
    found = {}
    for name in dir(plugin):
        held = inspect.getattr_static(plugin, name, None)
        if held is None and name in HOOKS.values():
            held = getattr(plugin, name, None)  # of a module's own __getattr__
        function = getattr(held, "__func__", held) if isinstance(held, staticmethod | classmethod) else held
        if not inspect.isroutine(function):
            continue
        if hasattr(held, MARK) and held is not function:  # @nbtrain.hookimpl above @staticmethod or @classmethod
            setattr(function, MARK, getattr(held, MARK))
        if hasattr(function, MARK):
            found[name] = getattr(plugin, name)
        elif name.startswith("nbtrain_"):
            nearest = "" if name in HOOKS.values() else _nearest_hook(name)
            raise PluginError(f"{name} lacks @nbtrain.hookimpl{nearest}")
    return found


def _nearest_hook(name: str) -> str:
    from difflib import get_close_matches  # needed for errors only

    near = get_close_matches(name, HOOKS.values(), 1)
    return f"; did you mean {near[0]}?" if near else f"; the hooks are {', '.join(HOOKS.values())}"


def _check_arguments(function: Any, hook: str) -> None:
    arguments = list(inspect.signature(function).parameters)
    if arguments:
        raise PluginError(f"{hook} takes {', '.join(arguments)}; a hook takes nothing and yields components")


def _yielded(function: Any, kind: str, hook: str) -> list[Spec]:
    wanted = KINDS[kind]
    given = function()
    if given is None:
        raise PluginError(f"{hook} returns nothing; yield nbtrain.{wanted.__name__}(...), or return a list of them")
    if isinstance(given, Spec) or not isinstance(given, Iterable):
        raise PluginError(f"{hook} returns {given!r}; yield nbtrain.{wanted.__name__}(...), or return a list of them")
    specs = list(given)
    for spec in specs:
        if not isinstance(spec, wanted):
            raise PluginError(wrong(hook, f"yield nbtrain.{wanted.__name__}(...)", brief(spec)))
    return specs


# ---- what is wrong with a plugin


def cause(error: BaseException) -> str:
    """An exception in one short line, with the plugin's line that raised it."""
    if isinstance(error, SystemExit):
        text = f"it called sys.exit({error.code!r})"
    elif isinstance(error, PluginError):
        return " ".join(str(error).split())
    else:
        words = " ".join(str(error).split())
        text = f"{type(error).__name__}: {words}".rstrip(": ")
    if len(text) > LONGEST_CAUSE:
        text = text[:LONGEST_CAUSE] + " ..."
    return text + ("" if isinstance(error, SyntaxError) else _place(error))


def _place(error: BaseException) -> str:
    """File and line of the last frame that is neither nbtrain's nor the import machinery's."""
    found, traceback = "", error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith((PACKAGE, "<")) and f"{os.sep}importlib{os.sep}" not in file:
            found = f" ({os.path.basename(file)}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return found
