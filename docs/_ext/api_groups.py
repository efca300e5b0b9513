"""Which public names the API reference shows, and where: read by the build and by a test.

A public name that is in no group, in two, or that does not exist is a fault, and ends the build.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

ALL = "*"  # stands for all names of the module, in the order of its `__all__`


class Module(NamedTuple):
    """A page of the reference."""

    title: str
    text: str
    groups: dict[str, tuple[str, ...]]


MODULES = {
    "nbtrain": Module(
        "Networks, training and components",
        "The names that most programs need.",
        {
            "Networks and training": ("Network", "Dense", "Trainer", "History", "load"),
            "Many networks": ("Population", "PopulationHistory"),
            "Components by name": (
                "activation", "loss", "optimizer", "schedule", "regularizer", "initializer", "constraint",
            ),
            "Plugins": ("hookimpl", "register", "unregister", "registry", "CONTRACT_VERSION"),
            "Kinds of components": (
                "Activation", "Loss", "Optimizer", "Schedule", "Regularizer", "Initializer", "Constraint", "Parameter",
                "Component",
            ),
            "For C": ("get_include",),
            "Errors": ("Error", "InputError", "DivergenceError", "ModelFileError", "PluginError", "PluginWarning"),
        },
    ),
    "nbtrain.sklearn": Module("Estimators for scikit-learn", "They need the extra `sklearn`.", {"": (ALL,)}),
    "nbtrain.callbacks": Module("Early stopping, checkpoints, logs", "What `fit` calls as it trains.", {"": (ALL,)}),
    "nbtrain.metrics": Module("Metrics", "What `evaluate` and `fit` compute besides the loss.", {"": (ALL,)}),
    "nbtrain.plot": Module("Pictures of networks", "They need the extra `plot`.", {"": (ALL,)}),
    "nbtrain.datasets": Module("Data sets", "Small data for a first try; nothing is downloaded.", {"": (ALL,)}),
    "nbtrain.kernel": Module("Inside compiled functions", "Functions for code that Numba compiles.", {"": (ALL,)}),
    "nbtrain.table": Module("Tables", "Files and DataFrames. It needs the extra `table`.", {"": (ALL,)}),
    "nbtrain.distributed": Module("Several processes and machines", "Rounds on executors, Dask and MPI.", {"": (ALL,)}),
    "nbtrain.torch": Module("A network in PyTorch", "It needs the extra `torch`.", {"": (ALL,)}),
    "nbtrain.testing": Module("Checks for authors of components", "Each raises AssertionError.", {"": (ALL,)}),
    "nbtrain.compiler.inspect": Module("Looking at compiled code", "What a component became.", {"": (ALL,)}),
}  # fmt: skip

NEEDS = {"nbtrain.torch": "torch"}  # what only a large package can import

# Public, but on no page of its own: the version of the package, and a name that another page documents.
ELSEWHERE = {"nbtrain": {"__version__", "Callback"}, "nbtrain.callbacks": {"as_callbacks"}}

# Values, whose own docstrings are those of their classes.
VALUES = {
    "nbtrain.CONTRACT_VERSION": "int: the version of the contract between nbtrain and plugins. A plugin states the "
    "version that it is written for as ``nbtrain_contract``.",
    "nbtrain.hookimpl": "Decorator that marks a function as the implementation of one of nbtrain's hooks.",
    "nbtrain.registry": "The registry of this process, where components are found by name.",
}


def present() -> dict[str, Module]:
    """The modules that can be imported here: large packages are not installed everywhere."""
    missing = {module for module, package in NEEDS.items() if find_spec(package) is None}
    return {name: module for name, module in MODULES.items() if name not in missing}


def public(module: str) -> list[str]:
    """The public names of a module, without its submodules."""
    found = import_module(module)
    return [name for name in found.__all__ if not isinstance(getattr(found, name), ModuleType)]


def shown(module: str) -> dict[str, list[str]]:
    """Heading -> names, of one page."""
    hidden = ELSEWHERE.get(module, set())
    groups = {}
    for heading, names in MODULES[module].groups.items():
        groups[heading] = [name for name in public(module) if name not in hidden] if ALL in names else list(names)
    return groups


def faults() -> list[str]:
    """What is wrong with the groups, in words; an empty list where all is well."""
    found = []
    for module in present():
        listed = [name for names in shown(module).values() for name in names]
        there = set(public(module)) - ELSEWHERE.get(module, set())
        found += [f"{module}.{name} is in no group of docs/_ext/api_groups.py" for name in sorted(there - {*listed})]
        found += [f"{module}.{name} of docs/_ext/api_groups.py does not exist" for name in sorted({*listed} - there)]
        found += [f"{module}.{name} is in two groups" for name in sorted({n for n in listed if listed.count(n) > 1})]
    return found
