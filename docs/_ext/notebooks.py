"""Runs the Python blocks of pages when the site is built, shows what they print and draw, and writes notebooks of them.

The pages are those that conf.py lists as `notebook_pages`. A page stays plain Markdown, which can be read elsewhere as
well: an indented text right after a block is the output as its author wrote it, and is replaced by that of the build.
Marks of blocks are as tests/docs/test_blocks.py describes them: a block marked `raises` must raise that error. All
blocks of a page run in one namespace.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import linecache
import os
import re
import tempfile
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gallery_style
import matplotlib

CODE = re.compile(r"^```python\n(?P<code>(?s:.*?))^```\n(?P<written>\n(?:    .*\n|\n(?=    ))+)?", re.MULTILINE)
MARK = re.compile(r"^<!-- (continues|raises|needs)(?:: ([\w.]+))? -->\n", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
SILENT = re.compile(r"matplotlib|numpy\.ndarray|list")  # types of values that are not shown
FOLDER = "notebooks"  # in docs/, for what is written here
DPI = 120
SHOWN = 640  # width of a picture in a page, in pixels


@dataclass
class Cell:
    """A piece of text, or a block of code with what it gave."""

    text: str
    line: int = 0  # of the page, where the code begins; 0 for text
    error: str = ""  # that it must raise
    printed: str = ""
    html: str = ""
    pictures: list[bytes] = field(default_factory=list)


def cells(page: str) -> list[Cell]:
    """Split a page into cells of text and of code."""
    found, end = [], 0
    for match in CODE.finditer(page):
        before = page[end : match.start()]
        marks = dict(MARK.findall(before))
        found.append(Cell(MARK.sub("", before)))
        found.append(Cell(match["code"], page.count("\n", 0, match.start("code")) + 1, marks.get("raises", "")))
        end = match.end()
    return [cell for cell in [*found, Cell(page[end:])] if cell.line or cell.text.strip()]


def run(page: list[Cell], name: str) -> None:
    """Run the code of a page, in a folder of its own, and note what it gives.

    Raises
    ------
    RuntimeError
        If a block raises an error that it should not raise, or does not raise one that it should.
    """
    matplotlib.use("Agg")  # draws into memory, without windows
    names: dict[str, Any] = {"__name__": "__main__"}
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the author of the page has in a file of settings
        matplotlib.rcParams.update(gallery_style.settings())
        os.chdir(folder)
        try:
            for cell in page:
                if cell.line:
                    _run(cell, f"{name}.md", names)
        finally:
            os.chdir(before)


def _run(cell: Cell, name: str, names: dict[str, Any]) -> None:
    from matplotlib import pyplot

    title = f"<{name}, line {cell.line}>"
    linecache.cache[title] = len(cell.text), None, cell.text.splitlines(keepends=True), title  # for inspect.getsource
    body = ast.parse(cell.text, title).body
    last = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    raised, value, printed = "", None, io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            exec(compile(ast.Module(body, []), title, "exec"), names)
            value = eval(compile(last, title, "eval"), names) if last else None
        except (Exception, SystemExit) as error:
            raised = type(error).__name__
            printed.write("".join(traceback.format_exception_only(error)))
            if raised != cell.error:
                raise RuntimeError(f"{name}: the block at line {cell.line} raised {raised}: {error}") from error
    if raised != cell.error:
        raise RuntimeError(f"{name}: the block at line {cell.line} must raise {cell.error}")
    if hasattr(value, "_repr_html_"):
        cell.html = value._repr_html_()
    elif value is not None and not SILENT.search(str(type(value))):
        printed.write(f"{value!r}\n")
    cell.printed = printed.getvalue()
    for number in pyplot.get_fignums():
        picture = io.BytesIO()
        pyplot.figure(number).savefig(picture, dpi=DPI, metadata={"Software": None})
        cell.pictures.append(picture.getvalue())
    pyplot.close("all")


def as_notebook(page: list[Cell], address: str) -> dict[str, Any]:
    """The notebook, of nbformat 4.5; relative links of the text lead to `address`."""
    made, count = [], 0
    for number, cell in enumerate(page):
        kind = "code" if cell.line else "markdown"
        source = cell.text.strip("\n") if cell.line else _with_addresses(cell.text, address).strip("\n")
        one = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
        if cell.line:
            count += 1
            one |= {"execution_count": count, "outputs": _outputs(cell)}
            one["metadata"] = {"tags": ["raises-exception"]} if cell.error else {}  # Jupyter then goes on
        made.append(one)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _outputs(cell: Cell) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    if cell.printed:
        text = cell.printed.splitlines(keepends=True)
        shown.append({"output_type": "stream", "name": "stdout", "text": text})
    data = [{"text/html": cell.html}] if cell.html else []
    data += [{"image/png": base64.b64encode(picture).decode()} for picture in cell.pictures]
    return shown + [{"output_type": "display_data", "metadata": {}, "data": one} for one in data]


def _with_addresses(text: str, address: str) -> str:
    return LINK.sub(lambda match: os.path.normpath(f"{address}/{match[1]}").replace(":/", "://", 1), text)


def as_page(page: list[Cell], name: str, up: str) -> str:
    """The page in MyST Markdown, with its outputs and with a link to the notebook; `up` leads to docs/."""
    lines, pictures = [], 0
    for cell in page:
        if not cell.line:
            lines.append(cell.text)
            continue
        lines.append(f"```python\n{cell.text}```\n")
        if cell.printed:
            lines.append(f"```{{code-block}} none\n:class: printed\n\n{cell.printed.rstrip()}\n```\n")
        if cell.html:
            lines.append(f'<div class="printed">{cell.html}</div>\n')
        for _ in cell.pictures:
            pictures += 1
            source, options = f"{up}{FOLDER}/{name}-{pictures}.png", f":class: drawn\n:width: {SHOWN}px"
            lines.append(f"```{{image}} {source}\n:alt: What the code draws\n{options}\n```\n")
    link = f"{{download}}`Download this page as a notebook <{up}{FOLDER}/{name}.ipynb>`, outputs included.\n"
    title, _, rest = "\n".join(lines).partition("\n")
    return f"{title}\n\n{link}\n{rest}"


def show(app: Any, name: str, content: list[str]) -> None:
    """Run a page, write its notebook and pictures, and put the outputs into it."""
    if name not in app.config.notebook_pages:
        return
    page, folder, short = cells(content[0]), Path(app.srcdir) / FOLDER, name.rpartition("/")[2]
    run(page, name)
    folder.mkdir(exist_ok=True)
    pictures = [picture for cell in page for picture in cell.pictures]
    for number, picture in enumerate(pictures, 1):
        (folder / f"{short}-{number}.png").write_bytes(picture)
    address = f"{app.config.repository_url}/blob/main/docs/{name.rpartition('/')[0]}"
    notebook = json.dumps(as_notebook(page, address), indent=1, ensure_ascii=False)
    (folder / f"{short}.ipynb").write_text(notebook + "\n", encoding="utf-8")
    content[0] = as_page(page, short, "../" * name.count("/"))


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("notebook_pages", [], "env")
    app.connect("source-read", show, priority=600)  # after links that lead out of docs/ have their addresses
    return {"parallel_read_safe": False, "parallel_write_safe": True}  # pages run in a folder of their own, one by one
