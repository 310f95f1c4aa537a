"""Artists of spectra: the ladder of time scales, and slow modes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import CenteredNorm
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.plot.line import label_place
from fokkerplanck.plot.passage import COMMITTOR
from fokkerplanck.plot.plane import aspect, extent, frame, loss_contours
from fokkerplanck.plot.style import WELLS, large_number, new_axes
from fokkerplanck.stored_escape import StoredSpectrum

__all__ = ["MODE_COLOURS", "eigenvalue_plane", "first_mode", "ladder", "mode_curves", "mode_image"]

Array = NDArray[np.float64]

MODE_COLOURS = ("#1c1c2b", *WELLS)
#: time scales further apart than this factor stand for different things
GAP = 10.0
#: ends of a rung, as parts of the width of the panel
RUNG = (0.12, 0.5)
#: rungs nearer than this part of the height of the panel share one label
CLOSE = 0.07
#: rates that span more than this factor are shown on a logarithmic axis
LOG_RATES = 20.0


def ladder(
    spectrum: StoredSpectrum, grid: Grid, ax: Axes | None = None, *, flat: bool = False
) -> LineCollection:
    """Draw a rung for each time scale, slow ones above; if `flat`, a mark on a line, to the right.

    The axis is that of logarithms, so that no time scale is too long for it. Modes are numbered as
    `first_mode` says.
    """
    ax = new_axes(ax)
    scales = -np.asarray(spectrum.log10_rates)
    colours = [MODE_COLOURS[k % len(MODE_COLOURS)] for k in range(len(scales))]
    low, high = float(scales.min()), float(scales.max())
    room = 0.12 * max(high - low, 1.0)
    begin, end = (0.2, 0.8) if flat else RUNG
    ends = [[(s, begin), (s, end)] if flat else [(begin, s), (end, s)] for s in scales]
    drawn = LineCollection(ends, colors=colours, linewidths=1.8, capstyle="round")
    ax.add_collection(drawn, autolim=False)
    (ax.set_xlim if flat else ax.set_ylim)(low - room, high + room)
    (ax.set_ylim if flat else ax.set_xlim)(0.0, 1.0)
    along, across = (ax.xaxis, ax.yaxis) if flat else (ax.yaxis, ax.xaxis)
    along.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    along.set_major_formatter(FuncFormatter(lambda v, _: f"$10^{{{v:g}}}$"))
    across.set_ticks([])
    (ax.set_xlabel if flat else ax.set_ylabel)("time scale $1/\\lambda_k$")
    if not flat:
        _names(scales, ax, high - low + 2 * room, first_mode(grid))
    _gap(scales, ax, flat)
    return drawn


def eigenvalue_plane(spectrum: StoredSpectrum, grid: Grid, ax: Axes | None = None) -> list[Line2D]:
    """Mark each mode by its decay rate, to the right, and its frequency, upwards.

    Modes that oscillate lie above and below the axis, those that only decay on it.
    """
    ax, first, drawn = new_axes(ax), first_mode(grid), []
    rates, turning = np.asarray(spectrum.rates), np.asarray(spectrum.frequencies)
    ax.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
    for k, (rate, frequency) in enumerate(zip(rates, turning, strict=True)):
        colour = MODE_COLOURS[k % len(MODE_COLOURS)]
        drawn += ax.plot(rate, frequency, "o", color=colour, markersize=5.0, clip_on=False)
        name = ax.annotate(
            f"$\\lambda_{{{first + k}}}$", (rate, frequency), (4.0, 4.0), textcoords="offset points"
        )
        name.set_fontsize(8)
    if rates[-1] > LOG_RATES * rates[0]:
        ax.set_xscale("log")
        ax.set_xlim(rates[0] / 2.0, 2.5 * rates[-1])
    else:
        ax.set_xlim(0.0, 1.2 * float(rates.max()))
    half = 1.25 * float(np.abs(turning).max()) or 1.0
    ax.set_ylim(-half, half)
    ax.set_xlabel("rate $\\lambda_k$")
    ax.set_ylabel("frequency $\\omega_k$")
    return drawn


def first_mode(grid: Grid) -> int:
    """Return the number of the slowest mode: 1 beside the stationary one; 0 where walls absorb."""
    return 0 if any("absorbing" in pair for pair in grid.walls) else 1


def _names(scales: Array, ax: Axes, height: float, first: int) -> None:
    """Write the time scale beside each rung that stands alone, or at the head of a group."""
    last = np.inf
    for k, s in enumerate(scales, start=first):
        if last - s > CLOSE * height:
            text = f"$1/\\lambda_{{{k}}} = {large_number(float(s))}$"
            ax.text(RUNG[1] + 0.05, s, text, ha="left", va="center", fontsize=8)
            last = s


def _gap(scales: Array, ax: Axes, flat: bool) -> None:
    """Write into the widest gap how wide it is."""
    if len(scales) < 2:
        return
    steps = scales[:-1] - scales[1:]
    k = int(steps.argmax())
    if steps[k] < np.log10(GAP):
        return
    middle = 0.5 * float(scales[k] + scales[k + 1])
    x, y = (middle, 0.5) if flat else (0.5 * sum(RUNG), middle)
    text = f"gap\n${large_number(float(steps[k]), 2)}$"
    text = text.replace("\n", " ") if flat else text
    ax.text(x, y, text, ha="center", va="center", fontsize=8, color="0.35")


def mode_curves(modes: Array, grid: Grid, ax: Axes | None = None) -> list[Line2D]:
    """Draw modes on a line in the colours of their rungs."""
    ax, lines = new_axes(ax), []
    for k, mode in enumerate(modes):
        label = f"$k = {first_mode(grid) + k}$"
        lines += ax.plot(grid.axes[0].centres, _signed(mode), color=MODE_COLOURS[k], label=label)
    ax.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
    label_place(ax, grid)
    return lines


def mode_image(mode: Array, loss: Array, grid: Grid, ax: Axes | None = None) -> AxesImage:
    """Draw a mode in the plane, white where it changes sign, over contours of the loss."""
    ax = new_axes(ax, height=3.0)
    half = float(np.nanmax(np.abs(mode))) or 1.0
    image = ax.imshow(
        _signed(mode).T / half,
        origin="lower",
        extent=extent(grid),
        aspect=aspect(grid),
        cmap=COMMITTOR,
        norm=CenteredNorm(0.0, 1.0),
    )
    loss_contours(loss, grid, ax, colour="0.35")
    frame(ax, grid)
    return image


def _signed(mode: Array) -> Array:
    """Choose the sign of a mode, which is free: negative at the first cells."""
    flat = mode.ravel()
    large = flat[np.abs(flat) > 0.5 * np.nanmax(np.abs(flat))]
    return -mode if large.size and large[0] > 0 else mode
