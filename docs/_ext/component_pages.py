"""Writes a page for each kind of component: formula, parameters, picture and source of all that have a name.

The formula is the first paragraph of the function's docstring; the pictures are those of `nbtrain plugins plot`.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import textwrap
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure
from pages import write
from sphinx.errors import SphinxError

import nbtrain
from nbtrain.cli import drawing
from nbtrain.components import KINDS
from nbtrain.components.by_name import bound


class Kind(NamedTuple):
    """What a page says about its kind."""

    title: str
    text: str
    main: tuple[str, ...]  # the function whose docstring is the formula: the first that the component has


PAGES = {
    "activation": Kind(
        "Activations",
        'An activation is applied to every unit of a layer: `Dense(64, "relu")`, or with parameters '
        "`Dense(64, nbtrain.activation(name, …))`.",
        ("value",),
    ),
    "loss": Kind(
        "Losses",
        'The loss is what training minimizes: `Trainer(network, loss="mse")`, or `nbtrain.loss(name, …)`. In the '
        "pictures, p is the prediction; for losses with their own output activation, it is z.",
        ("value", "row", "rows"),
    ),
    "optimizer": Kind(
        "Optimizers",
        "An optimizer moves the weights along the gradient: "
        "`Trainer(…, optimizer=nbtrain.optimizer(name, learning_rate=…))`. The pictures show 60 iterations from "
        "(-2, 0.7) in a valley ten times as steep as long, f(x, y) = x²/2 + 10 y²/2, each with the learning rate that "
        "suits it best there. They explain the formulas; they do not rank the optimizers.",
        ("step",),
    ),
    "schedule": Kind(
        "Learning-rate schedules",
        "A schedule changes the learning rate with the iteration t = 1, 2, …: "
        "`nbtrain.optimizer(name, learning_rate=nbtrain.schedule(name, …))`.",
        ("rate",),
    ),
    "regularizer": Kind(
        "Regularizers",
        "A regularizer adds a penalty for every weight, not for biases: "
        "`Trainer(…, regularizer=nbtrain.regularizer(name, …))`.",
        ("penalty",),
    ),
    "initializer": Kind(
        "Initializers",
        'An initializer draws the weights before training; biases start at 0: `Dense(64, initializer="he_normal")`.',
        ("function",),
    ),
    "constraint": Kind(
        "Constraints",
        "A constraint projects the weights of a layer after every update: "
        "`Dense(64, constraint=nbtrain.constraint(name, …))`.",
        ("project", "scale"),
    ),
}
assert PAGES.keys() == KINDS.keys()
INDEX = """Everything that has a name: what nbtrain brings, and what the packages in the repository's folder plugins/
add. `nbtrain plugins list` shows what is installed on your computer; `nbtrain plugins plot NAME` draws the pictures
of these pages."""
THEMES = {
    "light": ("#24292f", ("#0969da", "#bc4c00", "#1a7f37", "#8250df")),
    "dark": ("#ced6dd", ("#58a6ff", "#f0883e", "#56d364", "#bc8cff")),
}
SVG = {"svg.fonttype": "none", "svg.hashsalt": "nbtrain", "path.simplify_threshold": 0.5}  # small, always the same
BOUNDS = {"minimum": "at least", "above": "above", "maximum": "at most", "below": "below"}


def write_pages(folder: Path) -> None:
    """Write the index, the pages and the pictures.

    Raises
    ------
    SphinxError
        If a plugin cannot be used.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nbtrain.PluginWarning)
        rows = nbtrain.registry.components()
    broken = [f"{row['provider']}: {row['state']}" for row in rows if row["state"] != "ok"]
    if broken:
        raise SphinxError("; ".join(broken))
    for kind, page in PAGES.items():
        own = sorted((row for row in rows if row["kind"] == kind), key=lambda row: (not _built_in(row), row["name"]))
        sections = [_section(row, folder / "pictures") for row in own]
        write(folder / f"{kind}.md", "\n\n".join([f"# {page.title}", page.text, _table(own), *sections]) + "\n")
    write(folder / "index.md", _index(rows))


def _index(rows: list[dict[str, Any]]) -> str:
    lines = ["# Components\n", INDEX, "\n| kind | names |\n|---|---|"]
    for kind, page in PAGES.items():
        names = sorted(row["name"] for row in rows if row["kind"] == kind)
        links = ", ".join(f"[`{name}`]({kind}.md#{name})" for name in names)
        lines.append(f"| [{page.title}]({kind}.md) | {links} |")
    return "\n".join([*lines, "\n```{toctree}\n:hidden:\n", *PAGES, "```\n"])


def _built_in(row: dict[str, Any]) -> bool:
    return bool(row["provider"] == "nbtrain")


def _provider(row: dict[str, Any]) -> str:
    return "built in" if _built_in(row) else f"`{row['provider']}`"


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["| name | parameters | from |", "|---|---|---|"]
    for row in rows:
        parameters = ", ".join(f"`{name}={value:g}`" for name, value in row["parameters"].items())
        lines.append(f"| [`{row['name']}`](#{row['name']}) | {parameters} | {_provider(row)} |")
    return "\n".join(lines)


def _section(row: dict[str, Any], pictures: Path) -> str:
    """Heading, formula, facts, picture and source of a component."""
    spec: Any = nbtrain.registry.get(row["kind"], row["name"])
    main = next(role for role in PAGES[spec.kind].main if getattr(spec, role, None) is not None)
    formula, rest = _paragraphs(getattr(spec, main))
    lines = [f"## {spec.name}", _formula(formula)]
    if getattr(spec, "slope", None) is not None:
        lines.append(_formula("Derivative: " + _paragraphs(spec.slope)[0]))
    lines += [rest] if rest else []
    lines.append(" · ".join([_provider(row), *_facts(spec)]))
    if _draw(spec, pictures):
        name = f"{spec.kind}-{spec.name}"
        lines.append("\n".join(f"![{spec.kind} {spec.name}](pictures/{name}-{theme}.svg){{.only-{theme} .plot}}"
                               for theme in THEMES))  # fmt: skip
    lines.append(f":::{{dropdown}} Source\n```python\n{_source(spec)}\n```\n:::")
    return "\n\n".join(lines)


def _facts(spec: Any) -> list[str]:
    """Short statements about a component, its parameters last."""
    facts = []
    if spec.kind == "optimizer":
        facts.append(f"learning rate {spec.learning_rate:g} by default")
        facts.append(f"numbers of state for each parameter: {len(spec.slots)}")
    if spec.kind == "loss":
        facts.append("integer labels" if spec.target == "label" else "float targets")
        facts += ["its own output activation"] if spec.owns_output else []
    for name, parameter in spec.parameters.items():
        bounds = [f"{words} {getattr(parameter, key):g}" for key, words in BOUNDS.items()
                  if getattr(parameter, key) is not None]  # fmt: skip
        facts.append(f"`{name}={parameter.default:g}`" + (f" ({', '.join(bounds)})" if bounds else ""))
    return facts


def _paragraphs(function: Any) -> tuple[str, str]:
    """The first paragraph of a docstring and the others, as Markdown."""
    first, _, rest = (inspect.getdoc(function) or "").partition("\n\n")
    return _escaped(first), _escaped(rest)


def _escaped(text: str) -> str:
    """Text whose stars, underscores and brackets are no markup, except in code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>|\[\]\\])", r"\\\1", part) for part in parts)


def _formula(text: str) -> str:
    """A formula on lines of their own, one for each assignment."""
    return "\n".join(f"> {line}\\" for line in text.split("; ")).removesuffix("\\")


def _source(spec: Any) -> str:
    """The functions of a component, each once."""
    roles = [*KINDS[spec.kind].roles, "function"]
    functions = [getattr(spec, role, None) for role in roles]
    sources = [textwrap.dedent(inspect.getsource(function)).rstrip() for function in functions if function is not None]
    return "\n\n\n".join(dict.fromkeys(sources))


def _draw(spec: Any, folder: Path) -> bool:
    """Draw a component for both themes, unless that was done -> whether it has a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    component = bound(spec, {})
    drawn_by = Path(drawing.__file__).read_bytes() + Path(__file__).read_bytes()
    digest = hashlib.sha256(repr((_source(spec), component)).encode() + drawn_by).hexdigest()
    stamp = folder / f"{spec.kind}-{spec.name}.sha256"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return True
    try:
        for theme, (ink, colours) in THEMES.items():
            figure = Figure(figsize=(4.8, 2.7), layout="constrained")
            axes = figure.add_subplot()
            drawing.paint(axes, component, colours)
            _in_ink(figure, axes, ink)
            with matplotlib.rc_context(SVG):
                figure.savefig(folder / f"{spec.kind}-{spec.name}-{theme}.svg", metadata={"Date": None})
    except nbtrain.InputError:  # losses of whole rows of floats
        return False
    stamp.write_text(digest, encoding="utf-8")
    return True


def _in_ink(figure: Any, axes: Any, ink: str) -> None:
    """Text and lines in one colour, on no background."""
    figure.patch.set_alpha(0.0)
    axes.patch.set_alpha(0.0)
    axes.tick_params(colors=ink)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(ink)
    for name, spine in axes.spines.items():
        spine.set_color(ink)
        spine.set_visible(name in ("left", "bottom"))
    if axes.get_legend():
        axes.get_legend().get_frame().set_alpha(0.0)
        for text in axes.get_legend().get_texts():
            text.set_color(ink)
            text.set_fontsize("small")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("config-inited", lambda app, config: write_pages(Path(app.srcdir) / "reference" / "components"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
