"""Where jumps land beyond the edges of a set, against the distance from the edge."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fokkerplanck.plot.style import WELLS, new_axes, number, plain
from fokkerplanck.stored_escape import StoredPassage

__all__ = ["landing_curves", "lands"]

#: most sides of one passage that are drawn
MOST = 4


def lands(passage: StoredPassage) -> bool:
    """Whether there is a density of landing points to draw."""
    return any((side.density > 0.0).any() for side in passage.landings)


def landing_curves(passage: StoredPassage, ax: Axes | None = None) -> list[Line2D]:
    """Draw the density of landing points beyond each edge, both axes logarithmic.

    What creeps over an edge lands on it, and is told in the legend.
    """
    ax, lines = new_axes(ax), list[Line2D]()
    for side, colour in zip(passage.landings[:MOST], WELLS, strict=False):
        away = np.abs(side.points - side.edge)
        there = (away > 0.0) & (side.density > 0.0)
        if not there.any():
            continue
        # the target is named elsewhere: "TARGET, from the left"
        share = f"{plain(side.name.rpartition(', ')[2])}: {number(side.probability, 3)}"
        if side.creep > 0.0:
            share += f", {number(side.creep, 2)} creep"
        lines += ax.plot(away[there], side.density[there], color=colour, label=share)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("distance beyond the edge")
    ax.set_ylabel("density of landing")
    ax.legend(loc="lower left")
    return lines
