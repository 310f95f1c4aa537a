"""The figure of the rates between wells: the network on its landscape, and the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray

from fokkerplanck.plot.escape import Material
from fokkerplanck.plot.line import landscape_strip
from fokkerplanck.plot.plane import landscape_image, shape_ratio
from fokkerplanck.plot.style import WELLS, WIDTH, large_number, letter, new_axes, number
from fokkerplanck.stored_escape import StoredRates

__all__ = ["rate_matrix_image", "rate_network", "rates_figure"]

Array = NDArray[np.float64]

#: rates below the fastest by more than these powers of ten are drawn thinnest
SPAN = 8.0
#: least margin of the colours, in powers of ten
EQUAL = 0.25
#: largest matrix whose entries are written out
WRITTEN = 5


def rates_figure(found: Material) -> Figure:
    """Draw the wells with arrows between them, and the matrix of rates."""
    assert found.rates is not None
    plane = found.grid.dim == 2
    height = (WIDTH - 0.8) / 2 / shape_ratio(found.grid) + 0.5 if plane else 3.0
    figure = Figure((WIDTH, max(height, 3.0)), layout="constrained")
    left, right = figure.subplots(1, 2)
    if plane:
        landscape_image(found.loss, found.grid, left)
        rate_network(found.rates, left)
    else:
        landscape_strip(found.loss, found.grid, left, found.wells)
    rate_matrix_image(found.rates, right)
    for k, ax in enumerate((left, right)):
        letter(ax, k)
    return figure


def rate_network(rates: StoredRates, ax: Axes) -> list[FancyArrowPatch]:
    """Draw an arrow for each rate, thicker where it is faster, and discs sized by population."""
    logs, arrows = np.asarray(rates.log10_rates), list[FancyArrowPatch]()
    n = len(logs)
    top = max((logs[i, j] for i in range(n) for j in range(n) if i != j), default=0.0)
    for i in range(n):
        for j in range(n):
            if i == j or not logs[i, j] > top - 2 * SPAN:
                continue
            part = float(np.clip(1.0 + (logs[i, j] - top) / SPAN, 0.0, 1.0))
            arrow = FancyArrowPatch(
                tuple(rates.wells[i]),
                tuple(rates.wells[j]),
                connectionstyle="arc3,rad=0.22",
                arrowstyle="-|>",
                mutation_scale=5 + 6 * part,
                linewidth=0.4 + 1.8 * part,
                color=WELLS[i % len(WELLS)],
                shrinkA=7,
                shrinkB=7,
                zorder=5,
            )
            ax.add_patch(arrow)
            arrows.append(arrow)
    for i, place in enumerate(rates.wells):
        size = 4.0 + 7.0 * float(np.sqrt(rates.populations[i]))
        edge: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 0.6, "zorder": 6}
        ax.plot(*place, "o", color=WELLS[i % len(WELLS)], markersize=size, **edge)
        ax.annotate(
            f"{i + 1}",
            place,
            (0, -6 - size / 2),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
            zorder=7,
        )
    return arrows


def rate_matrix_image(rates: StoredRates, ax: Axes | None = None) -> AxesImage:
    """Draw the matrix of rates in the colours of their logarithms, numbers written into it."""
    ax = new_axes(ax, height=3.0)
    logs = np.array(rates.log10_rates, dtype=float)
    np.fill_diagonal(logs, np.nan)
    known = logs[np.isfinite(logs)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    # equal rates differ in rounding: that is no reason for another colour
    margin = max(0.15 * (high - low), EQUAL)
    norm = Normalize(low - margin, high + margin)
    image = ax.imshow(logs, cmap=colormaps["viridis"].with_extremes(bad="0.93"), norm=norm)
    n = len(logs)
    names = [f"{k + 1}" for k in range(n)]
    ax.set_xticks(range(n), names)
    ax.set_yticks(range(n), names)
    ax.tick_params(length=0)
    ax.set_xlabel("to well")
    ax.set_ylabel("from well")
    for i in range(n) if n <= WRITTEN else ():
        for j in range(n):
            text = (
                f"$p = {number(float(rates.populations[i]), 2)}$" if i == j else _power(logs[i, j])
            )
            dark = i != j and norm(logs[i, j]) < 0.6
            ax.text(
                j, i, text, ha="center", va="center", color="white" if dark else "black", fontsize=8
            )
    ax.figure.colorbar(image, ax=ax, pad=0.02, aspect=24, label="$\\log_{10}$ rate")
    return image


def _power(log10: float) -> str:
    """Write the number that has this logarithm."""
    if not np.isfinite(log10):
        return "$0$"
    return f"${large_number(log10)}$"
