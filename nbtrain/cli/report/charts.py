"""Charts as SVG, drawn from plain numbers; their colours are those of the page's style sheet.

Each function returns the text of one `<svg>`. Marks have a `<title>`, which browsers show under the pointer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

WIDTH, HEIGHT = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 68, 14, 14, 40
WIDE = 30.0  # the ratio of largest to smallest value from which an axis is logarithmic
POINTS = 400  # of a curve; longer ones are thinned
MARKS = 1500  # in a scatter plot
LETTER = 7.0  # width that a letter may need
Numbers = Any  # a sequence or an array of numbers


@dataclass(frozen=True)
class Scale:
    """From values to places along an axis."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.logarithmic:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, low))
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + min(max(share, -0.02), 1.02) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """About five round values."""
        if self.logarithmic:
            return log_ticks(self.low, self.high)
        return round_ticks(self.low, self.high)


@dataclass(frozen=True)
class Line:
    """A curve: values by epoch, counted from 1, with a mark at the best one."""

    values: Numbers
    style: str  # a class of the style sheet
    title: str
    mark: int = 0


def round_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`."""
    if not (math.isfinite(high - low) and high > low):
        return [low]
    step = 10 ** math.floor(math.log10((high - low) / about))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= about + 2)
    return [round(k * step, 12) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and what is between them where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1.0,) if len(powers) > 3 else (1.0, 2.0, 5.0)
    return [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]


def number(value: float) -> str:
    """A number as people write it: three or four digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 1e-3 <= abs(value) < 1e6:
        digits = max(0, 3 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"


def curves(lines: Sequence[Line], label: str) -> str:
    """Curves over epochs: losses or scores of several networks."""
    found = np.concatenate([np.asarray(line.values, float) for line in lines] or [np.zeros(0)])
    found = found[np.isfinite(found)]
    if not found.size:
        return ""
    longest = max(len(line.values) for line in lines)
    logarithmic = bool(found.min() > 0 and found.max() / found.min() > WIDE)
    low, high = float(found.min()), float(found.max())
    if not logarithmic:
        low, high = low - 0.04 * (high - low), high + 0.04 * (high - low)
    x, y = Scale(1, max(longest, 2), LEFT, WIDTH - RIGHT), Scale(low, high, HEIGHT - BOTTOM, TOP, logarithmic)
    parts = [*_axes(x, y, "epoch", label)]
    for line in lines:
        parts.append(f'<path class="{line.style}" d="{_path(line.values, x, y)}"><title>{escape(line.title)}</title>')
        parts.append("</path>")
    for line in lines:
        if 0 < line.mark <= len(line.values) and math.isfinite(line.values[line.mark - 1]):
            value = line.values[line.mark - 1]
            told = escape(f"{line.title}: {number(value)} after epoch {line.mark}, which was kept")
            at = f'cx="{x(line.mark):.1f}" cy="{y(value):.1f}"'
            parts.append(f'<circle class="{line.style} mark" {at} r="3.5"><title>{told}</title></circle>')
    return _svg(parts, WIDTH, HEIGHT, f"{label} by epoch")


def _path(values: Numbers, x: Scale, y: Scale) -> str:
    every = max(1, len(values) // POINTS)
    kept = [k for k in range(len(values)) if k % every == 0 or k == len(values) - 1]
    drawn = [(x(k + 1), y(values[k])) for k in kept if math.isfinite(values[k])]
    if len(drawn) == 1:  # one epoch: a short stroke
        drawn.append((drawn[0][0] + 3, drawn[0][1]))
    return "M" + "L".join(f"{a:.1f},{b:.1f}" for a, b in drawn) if drawn else ""


def scatter(truth: Numbers, predicted: Numbers, label: str) -> str:
    """Predicted over true numbers, with the line on which both are equal."""
    t, p = np.asarray(truth, float), np.asarray(predicted, float)
    if len(t) > MARKS:
        picked = np.random.default_rng(0).choice(len(t), MARKS, replace=False)
        t, p = t[picked], p[picked]
    both = np.concatenate([t, p])
    low, high = float(both.min()), float(both.max())
    margin = 0.03 * (high - low) or 1.0
    size = HEIGHT + 40
    x = Scale(low - margin, high + margin, LEFT, WIDTH - RIGHT)
    y = Scale(low - margin, high + margin, size - BOTTOM, TOP)
    parts = _axes(x, y, f"true {label}", "predicted", size)
    parts.append(f'<path class="equal" d="M{x(low):.1f},{y(low):.1f}L{x(high):.1f},{y(high):.1f}"/>')
    for a, b in zip(t, p, strict=True):
        told = f"true {number(a)}, predicted {number(b)}"
        parts.append(f'<circle class="dot" cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.6"><title>{told}</title></circle>')
    return _svg(parts, WIDTH, size, "predicted over true values")


def histogram(values: Numbers, label: str) -> str:
    """How often values fall into each of some thirty ranges; the outermost hold what is beyond."""
    v = np.asarray(values, float)
    low, high = np.quantile(v, [0.005, 0.995])
    if not high > low:
        low, high = v.min() - 0.5, v.max() + 0.5
    counts, edges = np.histogram(np.clip(v, low, high), bins=31, range=(low, high))
    x = Scale(float(low), float(high), LEFT, WIDTH - RIGHT)
    y = Scale(0, float(counts.max()) * 1.05, HEIGHT - BOTTOM, TOP)
    parts = _axes(x, y, label, "rows")
    for count, left, right in zip(counts, edges, edges[1:], strict=False):
        told = f"{number(left)} to {number(right)}: {count} rows"
        box = f'x="{x(left) + 0.5:.1f}" y="{y(count):.1f}" width="{max(x(right) - x(left) - 1, 0.5):.1f}"'
        parts.append(f'<rect class="bar" {box} height="{y(0) - y(count):.1f}"><title>{told}</title></rect>')
    if low < 0 < high:
        parts.append(f'<path class="equal" d="M{x(0):.1f},{TOP}V{HEIGHT - BOTTOM}"/>')
    return _svg(parts, WIDTH, HEIGHT, f"distribution of {label}")


def bars(rows: Sequence[tuple[str, float, float, float]], label: str) -> str:
    """Horizontal bars, (name, value, least, most) each, with a line from least to most."""
    names = max((min(len(name), 26) for name, *_ in rows), default=0) * LETTER + 12
    step, width = 24, WIDTH
    bottom = TOP + step * len(rows)
    low = min(0.0, *(least for _, _, least, _ in rows))
    high = max(1e-12, *(most for *_, most in rows))
    x = Scale(low, high, names, width - RIGHT - 44)
    parts = [f'<path class="axis" d="M{x(0):.1f},{TOP - 4}V{bottom}"/>']
    for k, (name, value, least, most) in enumerate(rows):
        middle = TOP + step * (k + 0.5)
        told = escape(f"{name}: {number(value)} (from {number(least)} to {number(most)})")
        left, right = sorted((x(0.0), x(value)))
        parts += [
            f'<text class="name" x="{names - 8:.1f}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{escape(short(name))}</text>",
            f'<rect class="bar" x="{left:.1f}" y="{middle - 7:.1f}" width="{max(right - left, 0.8):.1f}" height="14">'
            f"<title>{told}</title></rect>",
            f'<path class="whisker" d="M{x(least):.1f},{middle:.1f}H{x(most):.1f}"/>',
            f'<text class="value" x="{x(max(value, most, 0.0)) + 5:.1f}" y="{middle + 4:.1f}">{number(value)}</text>',
        ]
    parts.append(f'<text class="label" x="{x(0):.1f}" y="{bottom + 18}">{escape(label)}</text>')
    return _svg(parts, width, bottom + 26, label)


def confusion(counts: Sequence[Sequence[float]], labels: Sequence[str]) -> str:
    """A row for each true class, coloured by the share that was predicted as each class."""
    table = np.asarray(counts, float)
    n = len(labels)
    left = min(max(map(len, labels)), 16) * LETTER + 34
    cell = max(24.0, min(64.0, (WIDTH - left - RIGHT) / n))
    tilted = any(len(label) * LETTER > cell - 4 for label in labels)
    top = 24 + (min(max(map(len, labels)), 16) * LETTER * 0.75 + 6 if tilted else 16)
    totals = table.sum(axis=1)
    parts = [
        f'<text class="label" x="{left + cell * n / 2:.1f}" y="14" text-anchor="middle">predicted</text>',
        f'<text class="label" transform="translate(12 {top + cell * n / 2:.1f}) rotate(-90)" '
        'text-anchor="middle">true</text>',
    ]
    for k, label in enumerate(labels):
        x, y, text = left + cell * (k + 0.5), top + cell * (k + 0.5), escape(short(label, 16))
        place = f'transform="translate({x:.1f} {top - 6:.1f}) rotate(-45)"' if tilted else f'x="{x:.1f}" y="{top - 6}"'
        anchor = "start" if tilted else "middle"
        parts.append(f'<text class="name" {place} text-anchor="{anchor}">{text}</text>')
        parts.append(f'<text class="name" x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        for j, other in enumerate(labels):
            share = table[k, j] / totals[k] if totals[k] else 0.0
            told = escape(f"{number(table[k, j])} rows of {label!r} predicted as {other!r} ({share:.1%})")
            box = f'x="{left + cell * j + 1:.1f}" y="{top + cell * k + 1:.1f}" width="{cell - 2:.1f}"'
            shade = f'class="heat{"" if k == j else " wrong"}" style="fill-opacity:{0.04 + 0.86 * share:.2f}"'
            parts.append(f'<rect {shade} {box} height="{cell - 2:.1f}" rx="2"><title>{told}</title></rect>')
            ink = "on" if share > 0.5 else "off"
            if table[k, j] and cell >= 26:
                at = f'x="{left + cell * (j + 0.5):.1f}" y="{y + 4:.1f}"'
                parts.append(f'<text class="count {ink}" {at} text-anchor="middle">{number(table[k, j])}</text>')
    return _svg(parts, left + cell * n + RIGHT + (30 if tilted else 0), top + cell * n + 8, "confusion matrix")


def roc(truth: Numbers, probability: Numbers) -> str:
    """Share of hits over share of false alarms, for all thresholds."""
    t, p = np.asarray(truth, bool), np.asarray(probability, float)
    order = np.argsort(-p, kind="stable")
    last = np.append(np.diff(p[order]) != 0, True)  # equal probabilities are one step
    hits = np.concatenate([[0.0], np.cumsum(t[order])[last] / max(t.sum(), 1)])
    alarms = np.concatenate([[0.0], np.cumsum(~t[order])[last] / max((~t).sum(), 1)])
    size = HEIGHT + 40
    x, y = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(0, 1, size - BOTTOM, TOP)
    every = max(1, len(hits) // POINTS)
    kept = [k for k in range(len(hits)) if k % every == 0 or k == len(hits) - 1]
    path = "M" + "L".join(f"{x(alarms[k]):.1f},{y(hits[k]):.1f}" for k in kept)
    parts = _axes(x, y, "share of false alarms", "share of hits", size)
    parts.append(f'<path class="equal" d="M{x(0):.1f},{y(0):.1f}L{x(1):.1f},{y(1):.1f}"/>')
    parts.append(f'<path class="validation" d="{path}"/>')
    return _svg(parts, WIDTH, size, "ROC curve")


def short(text: str, most: int = 26) -> str:
    """The text, or its beginning."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _axes(x: Scale, y: Scale, below: str, beside: str, height: float = HEIGHT) -> list[str]:
    """Grid lines with numbers, and the names of both axes."""
    parts = []
    for tick in y.ticks():
        parts.append(f'<path class="grid" d="M{LEFT},{y(tick):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    for tick in x.ticks():
        parts.append(f'<text x="{x(tick):.1f}" y="{height - BOTTOM + 16}" text-anchor="middle">{number(tick)}</text>')
    parts.append(f'<path class="axis" d="M{LEFT},{height - BOTTOM}H{WIDTH - RIGHT}"/>')
    middle, centre = (LEFT + WIDTH - RIGHT) / 2, (TOP + height - BOTTOM) / 2
    parts.append(
        f'<text class="label" x="{middle:.1f}" y="{height - 6}" text-anchor="middle">{escape(short(below, 50))}</text>'
    )
    turned = f'transform="translate(12 {centre:.1f}) rotate(-90)"'
    parts.append(f'<text class="label" {turned} text-anchor="middle">{escape(short(beside, 36))}</text>')
    return parts


def _svg(parts: Iterable[str], width: float, height: float, title: str) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width * 1.25:.0f}px"'
    return f'<svg {size} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
