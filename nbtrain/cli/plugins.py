"""`nbtrain plugins`: list, check and plot components; create a new plugin."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterable
from typing import Any

from ..checks.messages import brief, unknown, wrong
from ..checks.suggestions import an, nearest
from ..components import KINDS
from ..components.by_name import bound, registry
from ..components.plugins import normal_name
from ..errors import InputError, PluginWarning
from . import drawing, template


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "plugins",
        help="activations, optimizers, losses, ... by name",
        description="Components by name: built-in ones, and those of installed plugins.",
    )
    actions = parser.add_subparsers(title="actions", required=True)
    text = "list all components, and plugins that cannot be used"
    listing = actions.add_parser("list", help=text, description=text.capitalize() + ".")
    listing.add_argument("--json", action="store_true", help="for programs: kind, name, parameters, provider, state")
    listing.set_defaults(run=run_list)
    text = "check a component, or all components of a distribution"
    check = actions.add_parser("check", help=text, description=text.capitalize() + ", as nbtrain.testing does.")
    check.add_argument("name", help="a component (elu or activation:elu) or a distribution")
    check.set_defaults(run=run_check)
    text = "create the source of a new, working plugin with tests"
    new = actions.add_parser("new", help=text, description=text.capitalize() + ".")
    new.add_argument("name", help="name of the distribution, such as nbtrain-squareplus")
    new.add_argument(
        "--kind",
        default="activation",
        metavar="KIND",
        help=f"kind of its component: {', '.join(KINDS)} (default: activation)",
    )
    new.add_argument("--directory", default=".", help="where to create its folder (default: here)")
    new.set_defaults(run=run_new)
    text = "draw a component: its curves, an optimizer's path, an initializer's weights"
    plot = actions.add_parser("plot", help=text, description=text.capitalize() + "; requires matplotlib.")
    plot.add_argument("name", help="a component, or with its kind: schedule:step")
    plot.add_argument("--output", help="file of the picture (default: NAME.png)")
    plot.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    plot.set_defaults(run=run_plot)


def _rows() -> list[dict[str, Any]]:
    """All components, and plugins that cannot be used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the rows say the same
        return registry.components()


def run_list(arguments: argparse.Namespace) -> int:
    """Print the components as a table or as JSON; broken plugins are listed separately."""
    rows = _rows()
    broken = [row for row in rows if row["state"] != "ok"]
    sound = [row for row in rows if row["state"] == "ok"]
    if arguments.json:
        print(json.dumps({"components": sound, "broken": broken}, indent=2))
        return 0
    table = [("kind", "name", "parameters", "provider")]
    table += [(row["kind"], row["name"], _parameters(row), _provider(row)) for row in sound]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for row in broken:
        print(f"\ncannot be used: {_title(row)}: {row['state']}")
    return 0


def _provider(row: dict[str, Any]) -> str:
    return f"{row['provider']} {row['version']}".strip()


def _title(row: dict[str, Any]) -> str:
    return f"{row['kind']} {row['name']} of {_provider(row)}" if row["kind"] else _provider(row)


def _parameters(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in row["parameters"].items())


def run_check(arguments: argparse.Namespace) -> int:
    """Check every component of that name; 1 if one is wrong."""
    found = named(arguments.name, _rows())
    failures = 0
    for row in found:
        wrong, slow = _checked(row)
        failures += bool(wrong)
        print(f"{'wrong' if wrong else 'ok':5}  {_title(row)}", flush=True)
        for line in [*wrong, *slow]:
            print(f"       {line}")
    print(f"{len(found)} checked, {failures or 'none'} wrong")
    return 1 if failures else 0


def _checked(row: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Lines about what is wrong with a component, and about what is slow."""
    from .. import testing

    if row["state"] != "ok":
        return [row["state"]], []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            testing.check(registry.get(row["kind"], row["name"]))
        except AssertionError as error:
            return [line.strip() for line in str(error).splitlines()[1:]], []
    return [], [f"slow: {warning.message}" for warning in caught if warning.category is PluginWarning]


def named(name: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a component or distribution.

    Raises
    ------
    InputError
        If there are none.
    """
    rows = list(rows)
    kind, _, short = name.rpartition(":")
    found = [row for row in rows if row["name"] == short and kind in ("", row["kind"])]
    found = found or [row for row in rows if normal_name(row["provider"]) == normal_name(name)]
    if not found:
        near = nearest(short, {known for row in rows for known in (row["name"], row["provider"])})
        hint = f"did you mean {near[0]!r}?" if near else "see `nbtrain plugins list`"
        raise InputError(unknown("component or distribution", name, (), hint))
    return found


def run_new(arguments: argparse.Namespace) -> int:
    """Write a new distribution."""
    folder = template.write(arguments.name, arguments.directory, arguments.kind)
    shown = folder if folder.is_absolute() else f"./{folder}"  # pip looks up a name without a slash in its index
    print(f"{folder} is a working plugin with {an(arguments.kind)}. Next:\n")
    print(f"    pip install -e '{shown}[test]'\n    pytest {shown}")
    print(f"    nbtrain plugins check {arguments.name}\n")
    print(f"and write your own formulas in {folder / template.package(arguments.name) / '__init__.py'}.")
    return 0


def run_plot(arguments: argparse.Namespace) -> int:
    """Plot the component of that name."""
    rows = [row for row in named(arguments.name, _rows()) if row["state"] == "ok"]
    if len(rows) != 1:
        several = " or ".join(f"{row['kind']}:{row['name']}" for row in rows)
        raise InputError(wrong("NAME", f"be {several or drawing.PLOTTED}", brief(arguments.name)))
    (row,) = rows
    component = bound(registry.get(row["kind"], row["name"]), dict(map(_assignment, arguments.parameter)))
    output = arguments.output or f"{row['name']}.png"
    drawing.draw(component, output)
    print(output)
    return 0


def _assignment(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise InputError(wrong("--parameter", "be NAME=VALUE with a number", brief(text))) from None
