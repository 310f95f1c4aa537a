"""How the figures of works made anew draw points and logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

__all__ = ["POINT", "log_axis"]

#: how measured points look
POINT = {"ms": 4.0, "mew": 0.8, "ls": "none"}


def log_axis(ax: Axes, ticks: Sequence[float]) -> None:
    """Make the abscissa logarithmic, with these numbers on it."""
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
