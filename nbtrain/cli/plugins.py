"""`nbtrain plugins`: what can be asked for by name, and where it comes from."""

from __future__ import annotations

import argparse
import json
import warnings
from typing import Any

from ..errors import PluginWarning
from ..registry import registry


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "plugins",
        help="activations, optimizers, losses, ... by name",
        description="What can be asked for by name: built-in components, and those of installed plugins.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "list all components and the plugins that could not be used"
    listing = actions.add_parser("list", help=text, description=text.capitalize() + ".")
    listing.add_argument("--json", action="store_true", help="for programs: kind, name, parameters, provider, state")
    listing.set_defaults(run=run_list)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the components, as a table or as JSON; a broken plugin is a row of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the list says the same
        rows = registry.components()
    broken = [row for row in rows if row["state"] != "ok"]
    sound = [row for row in rows if row["state"] == "ok"]
    if arguments.json:
        print(json.dumps({"components": sound, "broken": broken}, indent=2))
        return 0
    table = [("kind", "name", "parameters", "provider")]
    table += [(row["kind"], row["name"], _parameters(row), row["provider"]) for row in sound]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for row in broken:
        print(f"\ncould not be used: {row['provider']}: {row['state']}")
    return 0


def _parameters(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in row["parameters"].items())
