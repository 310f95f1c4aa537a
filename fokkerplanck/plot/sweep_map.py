"""A quantity over two varied keys, as a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.plot.style import letter
from fokkerplanck.plot.sweep_words import formula_label, quantity_label
from fokkerplanck.sweep_data import SweepResult

__all__ = ["map_figure"]

Array = NDArray[np.float64]

MOST_PANELS = 6
ABSENT = "0.85"
#: two values that are apart by more than this factor are spaced by ratios
RATIO = 8.0


def map_figure(result: SweepResult, quantities: Sequence[str]) -> Figure:
    """Draw quantities over the two keys of a full grid.

    Raises
    ------
    CaseError
        When the sweep is not a full grid of two keys with numbers, or there is nothing to draw.
    """
    keys, shape = result.header.keys, result.header.shape
    numbers = all(v.dtype != object for v in result.varied.values())
    if len(shape) != 2 or not numbers or min(shape) < 2:
        msg = f"a map needs a full grid of two keys with numbers; varied are {', '.join(keys)}"
        raise CaseError(msg, key="--what")
    if not quantities:
        msg = "nothing to draw: name a --quantity"
        raise CaseError(msg, key="--quantity")
    shown = quantities[:MOST_PANELS]
    columns = min(len(shown), 2)
    rows = -(-len(shown) // columns)
    figure = Figure((3.7 * columns, 2.9 * rows), layout="constrained")
    x, y = (np.array(values, dtype=np.float64) for values in result.header.values)
    for k, name in enumerate(shown):
        ax = figure.add_subplot(rows, columns, k + 1)
        _draw(ax, x, y, result.quantity(name).reshape(shape), name)
        ax.set_xlabel(formula_label(keys[0]))
        ax.set_ylabel(formula_label(keys[1]))
        if len(shown) > 1:
            letter(ax, k)
    return figure


def _draw(ax: Axes, x: Array, y: Array, values: Array, name: str) -> None:
    i, j = np.argsort(x), np.argsort(y)
    x, y, values = x[i], y[j], values[np.ix_(i, j)]
    colours = colormaps["viridis"].with_extremes(bad=ABSENT)
    mesh = ax.pcolormesh(
        _edges(x), _edges(y), np.ma.masked_invalid(values.T), cmap=colours, rasterized=True
    )
    if _by_ratio(x):
        ax.set_xscale("log")
    if _by_ratio(y):
        ax.set_yscale("log")
    for axis, at in ((ax.xaxis, x), (ax.yaxis, y)):
        if at.size <= 8:
            axis.set_ticks(at, [f"{v:g}" for v in at])
            axis.set_ticks([], minor=True)
    assert ax.figure is not None
    bar = ax.figure.colorbar(mesh, ax=ax)
    bar.set_label(quantity_label(name))
    bar.outline.set_linewidth(0.6)


def _by_ratio(at: Array) -> bool:
    """Whether values are spaced by ratios rather than evenly."""
    if at[0] <= 0 or at.size < 3:
        return bool(at[0] > 0 and at[-1] > RATIO * at[0])
    unevenness = [np.std(np.diff(s)) / np.mean(np.diff(s)) for s in (np.log(at), at)]
    return bool(unevenness[0] < unevenness[1])


def _edges(at: Array) -> Array:
    """Edges of cells half-way between values, by ratio where these span decades."""
    s = np.log(at) if _by_ratio(at) else at
    middle = (s[1:] + s[:-1]) / 2
    edges = np.concatenate([[2 * s[0] - middle[0]], middle, [2 * s[-1] - middle[-1]]])
    return np.asarray(np.exp(edges) if _by_ratio(at) else edges)
