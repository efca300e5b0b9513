"""Writes the pages of the API reference before Sphinx reads: one for each module, which list its names in groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import api_groups
from pages import write
from sphinx.errors import SphinxError


def write_pages(folder: Path) -> None:
    """Write the index and the pages of the modules.

    Raises
    ------
    SphinxError
        If a public name is in no group.
    """
    faults = api_groups.faults()
    if faults:
        raise SphinxError("; ".join(faults))
    index = ["# API\n", "| module | |\n|---|---|"]
    for name, module in api_groups.present().items():
        write(folder / f"{name}.rst", _page(name, module))
        index.append(f"| [`{name}`]({name}.rst) | {module.title}. {module.text} |")
    index.append("\n```{toctree}\n:hidden:\n\n" + "\n".join(api_groups.present()) + "\n```\n")
    write(folder / "index.md", "\n".join(index))


def _page(name: str, module: api_groups.Module) -> str:
    lines = [name, "=" * len(name), "", f".. currentmodule:: {name}", "", f"{module.title}. {_rst(module.text)}", ""]
    for heading, names in api_groups.shown(name).items():
        lines += [heading, "-" * len(heading), ""] if heading else []
        lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
        lines += [f"   {one}" for one in names if f"{name}.{one}" not in api_groups.VALUES] + [""]
        for one in names:
            text = api_groups.VALUES.get(f"{name}.{one}")
            lines += [f".. py:data:: {name}.{one}", "", f"   {text}", ""] if text else []
    return "\n".join(lines)


def _rst(text: str) -> str:
    return text.replace("`", "``")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    # not in builder-inited: autosummary has looked for the pages by then
    app.connect("config-inited", lambda app, config: write_pages(Path(app.srcdir) / "reference" / "api"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
