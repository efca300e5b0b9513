"""The rooms of nbtrain/: imports lead one way through them, and the paths that users import by stay."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import re
import sys
from pathlib import Path

import processes
import pytest
from common import ROOT

MOST_ENTRIES = 28  # of nbtrain/: more are not taken in at a glance
KERNELS_USE = {f"nbtrain.compiler.{name}" for name in ("jit", "processor", "sources", "targets")}
CALLS_THE_COMPILER = "nbtrain.core.compiled"  # the one module of the core that has it compiled
PUBLIC = {
    "nbtrain": "*",
    "nbtrain.callbacks": "*",
    "nbtrain.cli": "main",
    "nbtrain.compiler": "cache, component, core, machine, regularized_step",
    "nbtrain.compiler.inspect": "assembly, is_vectorized",
    "nbtrain.components": "Activation, Constraint, Initializer, Loss, Optimizer, Regularizer, Schedule",
    "nbtrain.datasets": "load_digits",
    "nbtrain.distributed": "WorkerError, evaluate, fit, predict",
    "nbtrain.errors": "DivergenceError, Error, InputError, ModelFileError, PluginError, PluginWarning",
    "nbtrain.kernel": "backward, evaluate, forward, input_gradient, loss_and_gradient, predict, status, status_of, "
    "train_epoch, train_step, update",
    "nbtrain.metrics": "Metric",
    "nbtrain.model": "Model",
    "nbtrain.population": "Population, PopulationHistory",
    "nbtrain.sklearn": "MLPClassifier, MLPRegressor",
    "nbtrain.status": "WORDS, check",
    "nbtrain.table": "Column, Table, TableEncoder, TableModel, Training, load, read, train",
    "nbtrain.testing": "check_activation, check_loss, check_optimizer, check_regularizer",
}


def modules() -> dict[str, Path]:
    """The path of each module, by its name."""
    found = {}
    for path in sorted((ROOT / "nbtrain").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


class Imports(ast.NodeVisitor):
    """What a module imports of nbtrain, inside functions too, but not for type checkers alone."""

    def __init__(self, name: str) -> None:
        self.package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
        self.found: set[str] = set()
        self.visit(ast.parse(MODULES[name].read_text(encoding="utf-8")))
        self.found.discard(name)

    def visit_If(self, node: ast.If) -> None:
        for statement in node.orelse if "TYPE_CHECKING" in ast.unparse(node.test) else [*node.body, *node.orelse]:
            self.visit(statement)

    def visit_Import(self, node: ast.Import) -> None:
        self.found.update(alias.name for alias in node.names if alias.name in MODULES)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        source = importlib.util.resolve_name("." * node.level + (node.module or ""), self.package)
        for alias in node.names:  # a module of a package, or what is in the package itself
            inner = f"{source}.{alias.name}"
            self.found |= {inner if inner in MODULES else source} & MODULES.keys()


IMPORTS = {name: Imports(name).found for name in MODULES}


def room(module: str) -> str:
    """The entry of nbtrain/ that a module belongs to; nbtrain/__init__.py is one of its own."""
    return ".".join(module.split(".")[:2])


def in_order(graph: dict[str, set[str]]) -> None:
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_module_imports_itself_by_way_of_others():
    in_order(IMPORTS)


def test_no_room_imports_one_that_imports_it():
    rooms: dict[str, set[str]] = {room(name): set() for name in MODULES}
    for name, imported in IMPORTS.items():
        rooms[room(name)] |= {room(other) for other in imported} - {room(name)}
    in_order(rooms)


def test_packages_import_only_those_below_them_in_the_developers_page():
    page = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    listed = [f"nbtrain.{name}" for name in re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE)]
    packages = {room(name) for name, path in MODULES.items() if path.parent.name != "nbtrain"}
    assert set(listed) == packages
    upward = [
        f"{name} imports {other}"
        for name, imported in IMPORTS.items()
        for other in imported
        if {room(name), room(other)} <= packages and listed.index(room(other)) < listed.index(room(name))
    ]
    assert not upward


def test_the_compiler_knows_nothing_of_the_core_and_kernels_little_of_the_compiler():
    # `compiler.core` is a name that stays, found by the compiler's `__getattr__` when it is asked for
    used: dict[str, set[str]] = {"nbtrain.core": set(), "nbtrain.compiler": set()}
    for name, imported in IMPORTS.items():
        if room(name) in used and name != CALLS_THE_COMPILER:
            used[room(name)] |= imported
    assert {other for other in used["nbtrain.core"] if room(other) == "nbtrain.compiler"} <= KERNELS_USE
    assert not {other for other in used["nbtrain.compiler"] if room(other) == "nbtrain.core"}


def test_the_top_is_taken_in_at_a_glance():
    entries = [path.name for path in (ROOT / "nbtrain").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES, entries


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_imported_in_a_new_process(module):
    done = processes.run([sys.executable, "-W", "error", "-c", f"from {module} import {PUBLIC[module]}"])
    assert done.returncode == 0, done.stderr
