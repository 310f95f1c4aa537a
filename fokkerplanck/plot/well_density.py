"""Quasi-stationary densities: of wells before they are left, within the borders of the basins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.plot.line import label_place, landscape_strip
from fokkerplanck.plot.passage import side_bar
from fokkerplanck.plot.plane import (
    critical_marks,
    density_image,
    loss_contours,
    shape_ratio,
    thinned,
)
from fokkerplanck.plot.select import LOG_FLOOR
from fokkerplanck.plot.style import WELLS, WIDTH, large_number, letter, new_axes, plain, shortened
from fokkerplanck.plot.wells import Wells
from fokkerplanck.stored_escape import StoredQuasiStationary

if TYPE_CHECKING:
    from fokkerplanck.plot.escape import Material

__all__ = ["line_wells", "plane_wells", "well_curves", "well_image", "wells_figure"]

Array = NDArray[np.float64]

#: most letters of a name above a map
LONGEST = 18
#: parts of the height of a panel that are left free above curves, and for each row of a legend
HEAD, ROW = 0.06, 0.12
#: colour of the border of a basin in the plane, on dark and on bright densities
BORDER = "#ff9d5c"


def wells_figure(found: Material, *, log: bool = False) -> Figure:
    """Draw the density in each well, with the loss."""
    return (line_wells if found.grid.dim == 1 else plane_wells)(found, log=log)


def line_wells(found: Material, *, log: bool = False) -> Figure:
    """Draw the loss, and below it the densities."""
    figure = Figure((4.4, 3.7), layout="constrained")
    strip, main = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.9))
    landscape_strip(found.loss, found.grid, strip, found.wells)
    strip.set_xlabel("")
    well_curves(found.densities, found.grid, main, wells=found.wells, log=log)
    for k, ax in enumerate((strip, main)):
        letter(ax, k)
    return figure


def plane_wells(found: Material, *, log: bool = False) -> Figure:
    """Draw a map for each well."""
    n = len(found.densities)
    columns = min(n, 2)
    rows = -(-n // columns)
    side = (WIDTH - 1.6) / 2 if n > 1 else 4.0
    height = rows * (side / shape_ratio(found.grid) + 0.55)
    figure = Figure((columns * (side + 0.8), height), layout="compressed")
    for k, one in enumerate(found.densities):
        ax = figure.add_subplot(rows, columns, k + 1)
        well_image(one, found.loss, found.grid, ax, wells=found.wells, log=log)
        if k % columns:
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
        letter(ax, k)
    return figure


def well_curves(
    densities: Sequence[StoredQuasiStationary],
    grid: Grid,
    ax: Axes | None = None,
    *,
    wells: Wells | None = None,
    log: bool = False,
) -> list[Line2D]:
    """Draw densities on a line in the colours of their wells; dotted where the basins end."""
    ax, x, lines = new_axes(ax), grid.axes[0].centres, list[Line2D]()
    top = max(float(q.density.max()) for q in densities)
    for k, q in enumerate(densities):
        colour = WELLS[_number(q, wells, k) % len(WELLS)]
        label = f"{plain(q.name)}, exit after ${large_number(-q.facts['log10_rate'])}$"
        inside = np.where(q.well > 0.0, q.density, np.nan)
        lines += ax.plot(x, inside, color=colour, label=label)
        ax.fill_between(x, 0.0, q.density, color=colour, alpha=0.15, linewidth=0)
        for border in _borders(q.well, grid):
            ax.axvline(border, color=colour, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
    room = 1.0 / (1.0 - HEAD - ROW * len(lines))  # for the legend
    if log:
        ax.set_yscale("log")
        ax.set_ylim(LOG_FLOOR * top, LOG_FLOOR * top * LOG_FLOOR**-room)
    else:
        ax.set_ylim(0.0, room * top)
    label_place(ax, grid)
    ax.set_ylabel("density in the well")
    ax.legend(loc="best")
    return lines


def well_image(
    one: StoredQuasiStationary,
    loss: Array,
    grid: Grid,
    ax: Axes | None = None,
    *,
    wells: Wells | None = None,
    log: bool = False,
) -> AxesImage:
    """Draw a density in the plane, over contours of the loss, with the border of its basin."""
    ax, top = new_axes(ax, height=3.0), float(one.density.max())
    norm = LogNorm(LOG_FLOOR * top, top) if log else None
    image = density_image(one.density, grid, ax, norm=norm)
    loss_contours(loss, grid, ax)
    x, y, share = thinned(one.well, grid)
    ax.contour(x, y, share.T, levels=[0.5], colors=BORDER, linewidths=1.2, zorder=5)
    if wells is not None:
        critical_marks(wells, ax)
    time = large_number(-one.facts["log10_rate"])
    ax.set_title(f"{plain(shortened(one.name, LONGEST))}, exit after ${time}$")
    side_bar(image, ax, "density in the well")
    return image


def _number(one: StoredQuasiStationary, wells: Wells | None, default: int) -> int:
    """Which of the wells of a figure a density is in."""
    if wells is None:
        return default
    distance = np.linalg.norm(wells.bottoms - np.asarray(one.facts["minimum"]), axis=1)
    return int(distance.argmin())


def _borders(share: Array, grid: Grid) -> list[float]:
    """Find the ends of a well on a line, but for those at walls that do not absorb."""
    axis, found = grid.axes[0], list[float]()
    inside = np.flatnonzero(share > 0.0)
    for cell, sign, wall in ((inside[0], 1.0, axis.walls[0]), (inside[-1], -1.0, axis.walls[1])):
        edge = axis.edges[cell + (sign < 0)] + sign * (1.0 - share[cell]) * axis.spacing
        if wall == "absorbing" or axis.min < edge < axis.max:
            found.append(float(edge))
    return found
