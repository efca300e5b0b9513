"""Pictures of the gallery: readable on a light and on a dark page, since their background is transparent."""

from __future__ import annotations

from typing import Any

INK = "#7d8590"
COLOURS = ("#3b82f6", "#e8590c", "#2f9e44", "#b069db", "#c2255c", "#0c8599")


def settings() -> dict[str, Any]:
    """matplotlib's settings."""
    from cycler import cycler

    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color",
                         "ytick.color", "legend.labelcolor"), INK)  # fmt: skip
    return ink | {
        "axes.facecolor": "none",
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "figure.figsize": (6.4, 3.6),
        "grid.alpha": 0.3,
        "legend.frameon": False,
        "savefig.facecolor": "none",
        "savefig.transparent": True,
    }


def reset(gallery_conf: dict[str, Any], fname: str, when: str = "before") -> None:
    """Called by sphinx-gallery around each example."""
    from matplotlib import pyplot

    pyplot.rcParams.update(settings())
