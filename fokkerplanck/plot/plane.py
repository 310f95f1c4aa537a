"""Artists of results in the plane: density images, contours of the loss, current streamlines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.contour import QuadContourSet
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.plot.style import STEPS, WELLS, density_map, new_axes
from fokkerplanck.plot.wells import Wells
from fokkerplanck.store import VELOCITY

__all__ = [
    "Streams",
    "aspect",
    "critical_marks",
    "density_image",
    "extent",
    "frame",
    "landscape_image",
    "loss_contours",
    "loss_levels",
    "shape_ratio",
    "streamlines",
    "thinned",
]

Array = NDArray[np.float64]

#: streamlines are drawn where the current is above this part of its maximum
CURRENT_FLOOR = 0.01
#: points along an axis of the grid on which streamlines are integrated
STREAM_CELLS = 64
#: points along an axis of the grid on which contours are found
CONTOUR_CELLS = 256
#: equal aspect is kept unless one side is this many times longer
LONGEST = 4.0
#: shape of a plane of position and velocity
PHASE = 1.2


def extent(grid: Grid) -> tuple[float, float, float, float]:
    """Walls of the grid as matplotlib's image extent: left, right, bottom, top."""
    x, y = grid.axes
    return (x.min, x.max, y.min, y.max)


def aspect(grid: Grid) -> Literal["equal", "auto"]:
    """``equal``, unless the domain would become a ribbon, or v has a unit of its own."""
    if grid.names[-1] == VELOCITY:
        return "auto"
    left, right, bottom, top = extent(grid)
    ratio = (right - left) / (top - bottom)
    return "equal" if 1 / LONGEST <= ratio <= LONGEST else "auto"


def shape_ratio(grid: Grid) -> float:
    """Width over height of the axes of a grid."""
    if grid.names[-1] == VELOCITY:
        return PHASE
    left, right, bottom, top = extent(grid)
    return float(np.clip((right - left) / (top - bottom), 1 / LONGEST, LONGEST))


def density_image(
    values: Array, grid: Grid, ax: Axes | None = None, *, norm: Normalize | None = None
) -> AxesImage:
    """Draw a cell-valued field, one pixel per cell, x to the right and y upwards.

    Parameters
    ----------
    values : ndarray, shape (nx, ny)
        Field on cells; the image's array is its transpose.
    """
    ax = new_axes(ax, height=3.0)
    image = ax.imshow(
        values.T,
        origin="lower",
        extent=extent(grid),
        aspect=aspect(grid),
        cmap=density_map(),
        norm=norm if norm is not None else Normalize(0.0, float(values.max()) or 1.0),
    )
    frame(ax, grid)
    return image


def loss_levels(loss: Array, count: int = 9) -> Array:
    """Levels between which about equal areas lie, denser at the bottom of the wells."""
    parts = 0.9 * np.linspace(0.0, 1.0, count + 1)[1:] ** 1.5
    levels = np.unique(np.quantile(loss, parts))
    return np.asarray(levels[(levels > loss.min()) & (levels < loss.max())])


def loss_contours(
    loss: Array, grid: Grid, ax: Axes | None = None, *, colour: str = "white"
) -> QuadContourSet | None:
    """Draw thin contours of the loss; None where it is flat."""
    ax = new_axes(ax, height=3.0)
    levels = loss_levels(loss)
    if not len(levels):
        return None
    x, y, thin = thinned(loss, grid)
    contours = ax.contour(
        x,
        y,
        thin.T,
        levels=levels,
        colors=colour,
        linewidths=0.45,
        linestyles="solid",
        alpha=0.5,
        zorder=2,
    )
    frame(ax, grid)
    return contours


def landscape_image(
    loss: Array, grid: Grid, ax: Axes | None = None, wells: Wells | None = None
) -> QuadContourSet | None:
    """Draw the loss itself in shades of grey with its deep wells in colour; None where flat."""
    ax = new_axes(ax, height=3.0)
    levels = loss_levels(loss, 12)
    contours = None
    if len(levels) > 1:
        x, y, thin = thinned(loss, grid)
        greys = [str(g) for g in np.linspace(0.99, 0.55, len(levels) + 1)]
        ax.contourf(x, y, thin.T, levels=[loss.min(), *levels], colors=greys, extend="max")
        contours = ax.contour(
            x, y, thin.T, levels=levels, colors="0.35", linewidths=0.4, linestyles="solid"
        )
    if wells is not None:
        critical_marks(wells, ax, coloured=True)
    frame(ax, grid)
    return contours


def critical_marks(wells: Wells, ax: Axes | None = None, *, coloured: bool = False) -> list[Line2D]:
    """Mark minima by small discs and passes by small crosses."""
    ax = new_axes(ax, height=3.0)
    edge: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 0.5, "zorder": 6}
    marks = []
    for k, place in enumerate(wells.bottoms):
        size, face = (5.0, WELLS[k]) if coloured else (3.2, "white")
        marks += ax.plot(*place, "o", color=face, markersize=size, **edge)
    for place in wells.saddles:
        size = 5.0 if coloured else 3.6
        marks += ax.plot(*place, "X", color="white", markersize=size, **edge)
    return marks


@dataclass(frozen=True, slots=True)
class Streams:
    """Streamlines on their axes.

    Parameters
    ----------
    lines : LineCollection
        The white lines, in short segments of varying width.
    rim : LineCollection
        The same segments, dark and a little wider, below: white shows on bright densities too.
    arrows : tuple of FancyArrowPatch
        The heads, pointing along the current.
    """

    lines: LineCollection
    rim: LineCollection
    arrows: tuple[FancyArrowPatch, ...]

    def remove(self) -> None:
        """Take everything off the axes."""
        for artist in (self.lines, self.rim, *self.arrows):
            artist.remove()


def streamlines(
    current: Array, grid: Grid, ax: Axes | None = None, *, density: float = 1.0
) -> Streams | None:
    """Draw streamlines of a current, thicker where it is stronger, none below a floor.

    The field is averaged over blocks of cells first, which keeps it free of divergence where it
    is, and the drawing fast.

    Parameters
    ----------
    current : ndarray, shape (nx, ny, 2)
        Current on cells.
    density : float
        Closeness of the lines, as in `matplotlib.axes.Axes.streamplot`.

    Returns
    -------
    Streams or None
        None where the current vanishes everywhere.
    """
    ax = new_axes(ax, height=3.0)
    x, y, field = _blocks(current, grid)
    size = np.hypot(field[..., 0], field[..., 1])
    if not size.max() > 0:
        return None
    part = size / size.max()
    hidden = part < CURRENT_FLOOR
    u, v = (np.ma.array(field[..., d] / size.max(), mask=hidden).T for d in (0, 1))
    width = 0.4 + 1.1 * np.sqrt(np.where(hidden, 0.0, part))
    before = set(ax.patches)
    drawn = ax.streamplot(
        x, y, u, v, density=density, color="white", linewidth=width.T, arrowsize=0.6, zorder=4
    )
    arrows = tuple(p for p in ax.patches if p not in before and isinstance(p, FancyArrowPatch))
    frame(ax, grid)
    return Streams(drawn.lines, _rim(drawn.lines, ax), arrows)


def _rim(lines: LineCollection, ax: Axes) -> LineCollection:
    widths = np.asarray(lines.get_linewidth()) + 0.8
    rim = LineCollection(
        lines.get_segments(), linewidths=widths, colors="#2d1e4f", capstyle="round", zorder=3.9
    )
    lines.set_capstyle("round")
    ax.add_collection(rim, autolim=False)
    return rim


def _blocks(field: Array, grid: Grid) -> tuple[Array, Array, Array]:
    """Means over blocks of cells; cells that fill no block at the upper walls are left out."""
    steps = [max(1, axis.cells // STREAM_CELLS) for axis in grid.axes]
    m, n = (axis.cells // step for axis, step in zip(grid.axes, steps, strict=True))
    inner = field[: m * steps[0], : n * steps[1]]
    means = np.asarray(inner.reshape(m, steps[0], n, steps[1], 2).mean(axis=(1, 3)))
    x, y = (
        np.asarray(axis.edges[: k * step].reshape(k, step).mean(axis=1) + 0.5 * axis.spacing)
        for axis, step, k in zip(grid.axes, steps, (m, n), strict=True)
    )
    return x, y, means


def thinned(loss: Array, grid: Grid) -> tuple[Array, Array, Array]:
    """Every so many cells of a smooth field: contours of more points are not finer in print.

    The outermost values are repeated at the walls, so that no rim is left white.
    """
    steps = [max(1, axis.cells // CONTOUR_CELLS) for axis in grid.axes]
    x, y = (
        np.concatenate([[axis.min], axis.centres[::step], [axis.max]])
        for axis, step in zip(grid.axes, steps, strict=True)
    )
    return x, y, np.pad(loss[:: steps[0], :: steps[1]], 1, mode="edge")


def frame(ax: Axes, grid: Grid) -> None:
    """Let axes run from wall to wall, in equal units, with ticks outside of the picture."""
    left, right, bottom, top = extent(grid)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect(aspect(grid))
    # inward ticks vanish on dark images
    ax.tick_params(direction="out")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    ax.set_xlabel(f"${grid.axes[0].name}$")
    ax.set_ylabel(f"${grid.axes[1].name}$")
