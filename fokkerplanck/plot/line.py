"""Artists and figures of results on a line: densities, landscape, space-time map, wells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.plot.select import LOG_FLOOR, Shot, is_logarithmic
from fokkerplanck.plot.style import (
    SEQUENCE,
    STEPS,
    WELLS,
    density_map,
    new_axes,
    number,
    time_label,
)
from fokkerplanck.plot.wells import Wells

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar

__all__ = [
    "current_curves",
    "current_note",
    "curve_top",
    "density_curves",
    "label_place",
    "landscape_strip",
    "mean_current",
    "scale_densities",
    "spacetime",
    "time_bar",
    "time_colours",
    "time_edges",
    "well_masses",
]

Array = NDArray[np.float64]
Colour = tuple[float, float, float, float]

#: a narrow start may leave the axis through the top: later curves are the message
CLIPPED = 2.5
#: currents whose peaks differ by more than this are drawn each on its own scale
COMMON_CURRENTS = 5.0
#: colour of a curve that stands alone, as part of the sequence
ALONE = 0.35
#: cells across the space-time map; finer grids are averaged
MAP_CELLS = 1024


def time_colours(count: int) -> list[Colour]:
    """Colours of curves from early (dark) to late (bright), evenly apart."""
    if count == 1:
        return [SEQUENCE(ALONE)]
    return [SEQUENCE(k / (count - 1)) for k in range(count)]


def curve_top(densities: Sequence[Array]) -> float:
    """Top of the density axis: the peak, unless a narrow start would dwarf all that follows."""
    peaks = [float(p.max()) for p in densities]
    if not max(peaks) > 0:  # everything has left through the walls
        return 1.0
    later = max(peaks[-1], float(np.median(peaks)))
    return 1.06 * (max(peaks) if max(peaks) < 1.5 * CLIPPED * later else CLIPPED * later)


def density_curves(
    shots: Sequence[Shot],
    grid: Grid,
    ax: Axes | None = None,
    *,
    stationary: Shot | None = None,
    log: bool = False,
) -> list[Line2D]:
    """Draw densities at several times, early dark and late bright; the stationary one dashed.

    Those of an ensemble have a band of one standard error on either side.

    Returns
    -------
    list of Line2D
        One for each shot, then that of the stationary density if there is one.
    """
    ax, x = new_axes(ax), grid.axes[0].centres
    lines: list[Line2D] = []
    for s, colour in zip(shots, time_colours(len(shots)), strict=True):
        label = time_label(s.time) if len(shots) == 1 else None
        lines += ax.plot(x, s.density, color=colour, label=label, solid_capstyle="round")
        if s.error is not None:
            low, high = (s.density + k * s.error for k in (-1, 1))
            ax.fill_between(x, low, high, color=colour, alpha=0.3, linewidth=0, zorder=1)
    if stationary is not None:
        dashes: dict[str, Any] = {
            "color": "black",
            "linewidth": 1.1,
            "linestyle": (0, (4, 2.2)),
            "zorder": 5,
        }
        lines += ax.plot(x, stationary.density, label="stationary", **dashes)
    states = [*shots, *([stationary] if stationary is not None else [])]
    if states:
        scale_densities(ax, states, log=log)
    label_place(ax, grid)
    ax.set_ylabel("density $p(x, t)$")
    return lines


def scale_densities(ax: Axes, states: Sequence[Shot], *, log: bool) -> None:
    """Scale the ordinate for densities, the last of which is where they tend to."""
    top = curve_top([s.density for s in states])
    if log:
        peak = max(float(s.density.max()) for s in states) or 1.0
        ax.set_yscale("log")
        ax.set_ylim(LOG_FLOOR * peak, 2.0 * peak)
    else:
        ax.set_ylim(0.0, top)


def landscape_strip(
    loss: Array, grid: Grid, ax: Axes | None = None, wells: Wells | None = None
) -> Line2D:
    """Draw the loss, cut far above the passes; minima as discs, passes as crosses."""
    ax, x = new_axes(ax, height=1.2), grid.axes[0].centres
    (line,) = ax.plot(x, loss, color="0.25", linewidth=1.0)
    low, high = float(loss.min()), float(loss.max())
    if wells is not None and wells.passes:
        high = min(high, low + 2.5 * (max(float(loss[c]) for c in wells.passes) - low))
        for k, cell in enumerate(wells.minima):
            ax.plot(x[cell], loss[cell], "o", color=WELLS[k], markersize=4, clip_on=False)
        for cell in wells.passes:
            ax.plot(x[cell], loss[cell], "x", color="0.25", markersize=4, markeredgewidth=0.9)
    span = high - low or 1.0
    ax.set_ylim(low - 0.08 * span, high + 0.08 * span)
    label_place(ax, grid)
    ax.set_ylabel("loss $L$")
    return line


def spacetime(
    times: Array, densities: Array, grid: Grid, ax: Axes | None = None, *, norm: Normalize
) -> QuadMesh:
    """Draw the density as a map over time (horizontal, logarithmic over decades) and place.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Increasing times; positive where they span decades.
    densities : ndarray, shape (n, cells)
        Densities at those times.
    """
    ax, axis = new_axes(ax), grid.axes[0]
    step = -(-axis.cells // MAP_CELLS)
    while axis.cells % step:
        step += 1
    coarse = densities.reshape(len(times), -1, step).mean(axis=2)
    logarithmic = is_logarithmic(times)
    mesh = ax.pcolormesh(
        time_edges(times, logarithmic=logarithmic),
        axis.edges[::step],
        coarse.T,
        norm=norm,
        cmap=density_map(),
        rasterized=True,
    )
    if logarithmic:
        ax.set_xscale("log")
    ax.set_ylim(axis.min, axis.max)
    ax.tick_params(which="both", direction="out")
    ax.set_xlabel("time $t$")
    ax.set_ylabel(f"${axis.name}$")
    return mesh


def time_edges(times: Array, *, logarithmic: bool) -> Array:
    """Edges of the columns of a map over time, shape (n + 1,): halfway between the times."""
    t = np.log(times) if logarithmic else np.asarray(times, dtype=float)
    middle = 0.5 * (t[1:] + t[:-1])
    edges = np.concatenate([[2 * t[0] - middle[0]], middle, [2 * t[-1] - middle[-1]]])
    return np.exp(edges) if logarithmic else edges


def well_masses(
    times: Array,
    masses: Array,
    names: Sequence[str],
    ax: Axes | None = None,
    *,
    stationary: Array | None = None,
) -> list[Line2D]:
    """Draw the mass in each well against time; dashed where it ends at stationarity.

    Parameters
    ----------
    masses : ndarray, shape (n, wells)
        Mass in each well at each time.
    stationary : ndarray, shape (wells,), optional
        Mass in each well of the stationary density.
    """
    ax, lines = new_axes(ax), []
    for k, name in enumerate(names):
        lines += ax.plot(times, masses[:, k], color=WELLS[k], label=name)
        if stationary is not None:
            ax.axhline(stationary[k], color=WELLS[k], linewidth=0.8, linestyle=(0, (4, 2.2)))
    if is_logarithmic(times):
        ax.set_xscale("log")
    ax.set_xlim(times[times > 0].min() if is_logarithmic(times) else times[0], times[-1])
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("time $t$")
    ax.set_ylabel("mass in well")
    # lines end all over: names stand on white, wherever they are put
    ground = {"frameon": True, "facecolor": "white", "edgecolor": "none", "framealpha": 0.9}
    ax.legend(loc="best", ncols=1 if len(names) < 4 else 2, **ground)
    return lines


def time_bar(shots: Sequence[Shot], ax: Axes | Sequence[Axes]) -> Colorbar:
    """Draw a bar with one field for each curve, in its colour, that names its time."""
    first = ax if isinstance(ax, Axes) else ax[0]
    n = len(shots)
    fields = ScalarMappable(Normalize(0, n), ListedColormap(time_colours(n)))
    bar = first.figure.colorbar(fields, ax=ax, pad=0.02, aspect=30)
    bar.set_ticks([k + 0.5 for k in range(n)])
    bar.set_ticklabels([f"${number(s.time or 0.0, 2)}$" for s in shots])
    bar.ax.tick_params(length=0, labelsize=7.5)
    bar.set_label("time $t$")
    return bar


def label_place(ax: Axes, grid: Grid) -> None:
    """Let the abscissa run from wall to wall."""
    axis = grid.axes[0]
    ax.set_xlim(axis.min, axis.max)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    ax.set_xlabel(f"${axis.name}$")
    if ax.get_yscale() != "log":
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))


def current_curves(
    shots: Sequence[Shot],
    grid: Grid,
    ax: Axes | None = None,
    *,
    stationary: Shot | None = None,
) -> list[Line2D]:
    """Draw currents over place; each scaled by its largest value where they differ too much.

    Shots without a current are left out.
    """
    ax, x = new_axes(ax), grid.axes[0].centres
    styles: list[dict[str, Any]] = [{"color": c} for c in time_colours(len(shots))]
    pairs = list(zip(shots, styles, strict=True))
    if stationary is not None:
        dashes = {"color": "black", "linestyle": (0, (4, 2.2)), "label": "stationary"}
        pairs.append((stationary, dashes))
    drawn = [(s.current[..., 0], style) for s, style in pairs if s.current is not None]
    peaks = [float(np.abs(field).max()) for field, _ in drawn]
    common = max(peaks) <= COMMON_CURRENTS * min(peaks)
    lines = []
    for (field, style), peak in zip(drawn, peaks, strict=True):
        lines += ax.plot(x, field if common else field / peak, **style)
    ax.axhline(0.0, color="0.6", linewidth=0.6, zorder=0)
    label_place(ax, grid)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.15 * (high - low))  # room for the legend
    ax.set_ylabel("current $J(x, t)$" if common else r"current $J\,/\,\max|J|$")
    return lines


def mean_current(
    times: Array, means: Array, ax: Axes | None = None, *, stationary: float | None = None
) -> Line2D:
    """Draw the current round a ring, averaged over the ring, against time."""
    ax = new_axes(ax)
    (line,) = ax.plot(times, means, color=WELLS[1])
    if stationary is not None:
        ax.axhline(stationary, color="black", linewidth=0.9, linestyle=(0, (4, 2.2)))
    if is_logarithmic(times):
        ax.set_xscale("log")
    ax.set_xlabel("time $t$")
    ax.set_ylabel(r"mean current $\langle J\rangle$")
    return line


def current_note(state: Shot, grid: Grid, ax: Axes) -> Text | None:
    """Write the constant stationary current of a driven ring into a panel, with its direction."""
    if state.current is None or not grid.axes[0].periodic:
        return None
    mean = float(state.current.mean())
    arrow = r"\rightarrow" if mean > 0 else r"\leftarrow"
    note = f"$J = {number(mean)}\\;\\;{arrow}$"
    return ax.text(0.03, 0.95, note, transform=ax.transAxes, va="top", ha="left")
