"""Artists of passages: committors, reactive currents, survival of what has not arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.contour import QuadContourSet
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.plot.line import label_place
from fokkerplanck.plot.plane import frame, thinned
from fokkerplanck.plot.streams import flux_streams
from fokkerplanck.plot.style import STEPS, WELLS, large_number, new_axes, plain
from fokkerplanck.stored_escape import StoredPassage

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar

__all__ = [
    "COMMITTOR",
    "INK",
    "STREAMS",
    "committor_curve",
    "committor_map",
    "current_map",
    "reactive_streams",
    "set_outlines",
    "set_spans",
    "side_bar",
    "survival_curve",
    "time_map",
]

Array = NDArray[np.float64]

#: from the colour of the source through paper white to that of the target
SOURCE, TARGET = WELLS[0], WELLS[1]
COMMITTOR: Colormap = LinearSegmentedColormap.from_list(
    "committor", ["#5b9bc8", "#a9cbe3", "#f7f7f5", "#f3c19c", "#e08a4a"]
)
#: filled bands of the committor, and of times over that from the start
BANDS = np.linspace(0.0, 1.0, 11)
#: streamlines in a figure; each carries the same share of the flux
STREAMS = 14
INK = "#1c1c2b"


def committor_curve(
    passage: StoredPassage, grid: Grid, ax: Axes | None = None, *, colour: str = INK
) -> list[Line2D]:
    """Draw the committor on a line; the backward one dashed, and dotted the even odds."""
    ax, x = new_axes(ax), grid.axes[0].centres
    q = np.asarray(passage.committor)
    lines = ax.plot(x, q, color=colour, label=plain(passage.name))
    known = passage.committor_backward is not None
    backward = 1.0 - np.asarray(passage.committor_backward) if known else q
    if np.abs(backward - q).max() > 1e-3:  # equal in detailed balance
        lines += ax.plot(x, backward, color=colour, linewidth=0.9, linestyle=(0, (4, 2.2)))
    ax.axhline(0.5, color="0.7", linewidth=0.6, linestyle=(0, (1, 2)), zorder=0)
    ax.set_ylim(-0.04, 1.04)
    label_place(ax, grid)
    ax.set_ylabel("committor $q(x)$")
    return lines


def set_spans(
    passage: StoredPassage,
    grid: Grid,
    axes: Sequence[Axes],
    *,
    colours: tuple[str, str] = (SOURCE, TARGET),
    strength: float = 1.0,
) -> None:
    """Shade source and target on a line; a set within one cell is a thin line.

    Where several passages share a panel, give each its colours and less strength.
    """
    edges = grid.axes[0].edges
    for share, colour in zip((passage.source, passage.target), colours, strict=True):
        for first, last in _runs(share > 0.0):
            low, high = edges[first], edges[last + 1]
            if last > first:  # cells at the ends are covered in part
                low += (1.0 - share[first]) * grid.spacing[0]
                high -= (1.0 - share[last]) * grid.spacing[0]
            for ax in axes:
                if last - first > 1:
                    ax.axvspan(
                        low, high, color=colour, alpha=0.16 * strength, linewidth=0, zorder=0
                    )
                else:
                    middle = 0.5 * (low + high)
                    ax.axvline(middle, color=colour, alpha=strength, linewidth=0.9, zorder=0)


def survival_curve(
    passage: StoredPassage, ax: Axes | None = None, *, colour: str = INK
) -> list[Line2D]:
    """Draw the probability not to have arrived; dashed the exponential law of the same mean."""
    ax, times = new_axes(ax), np.asarray(passage.times)
    shown = np.isfinite(times) & (times > 0)
    t = times[shown]
    tau = f"$\\tau = {large_number(passage.facts['log10_mean'])}$"
    label = f"{plain(passage.name)}, {tau}"
    lines = ax.plot(t, np.asarray(passage.survival)[shown], color=colour, label=label)
    law = np.exp(-(10.0 ** (np.log10(t) - passage.facts["log10_mean"])))
    style: dict[str, Any] = {"color": "black", "linewidth": 0.9, "linestyle": (0, (4, 2.2))}
    lines += ax.plot(t, law, **style)
    ax.set_xscale("log")
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("time $t$")
    ax.set_ylabel("not arrived, $S(t)$")
    return lines


def committor_map(passage: StoredPassage, grid: Grid, ax: Axes | None = None) -> QuadContourSet:
    """Fill bands of the committor, the source's colour to the target's; dark where odds are even.

    Returns
    -------
    QuadContourSet
        The filled bands, for a colour bar.
    """
    ax = new_axes(ax, height=3.0)
    x, y, q = thinned(np.asarray(passage.committor), grid)
    filled = ax.contourf(x, y, q.T.clip(0.0, 1.0), levels=BANDS, cmap=COMMITTOR, zorder=0)
    ax.contour(x, y, q.T, levels=[0.5], colors=INK, linewidths=1.1, zorder=3)
    frame(ax, grid)
    return filled


def time_map(passage: StoredPassage, grid: Grid, ax: Axes | None = None) -> QuadContourSet:
    """Fill bands of the mean time to the target over that from the start."""
    ax = new_axes(ax, height=3.0)
    x, y, log10 = thinned(np.asarray(passage.log10_time), grid)
    ratio = 10.0 ** (log10 - passage.facts["log10_mean"])
    top = max(1.0, float(np.nanmax(ratio)))
    # behind a well all times are a little longer: that shall not bend the scale
    levels = BANDS if top < 1.1 else MaxNLocator(10, steps=STEPS).tick_values(0.0, top)
    filled = ax.contourf(
        x, y, ratio.T.clip(0.0, levels[-1]), levels=levels, cmap="viridis", zorder=0
    )
    frame(ax, grid)
    return filled


def current_map(passage: StoredPassage, grid: Grid, ax: Axes | None = None) -> QuadContourSet:
    """Fill bands of the size of the reactive current, per unit of flux."""
    ax = new_axes(ax, height=3.0)
    size = np.linalg.norm(np.asarray(passage.current), axis=-1)
    x, y, thin = thinned(size, grid)
    # the current piles up at small sets: they shall not hide the passage
    top = float(np.quantile(size[size > 0.01 * size.max()], 0.98))
    levels = MaxNLocator(12, steps=STEPS).tick_values(0.0, top)
    filled = ax.contourf(x, y, thin.T, levels=levels, cmap="viridis", extend="max", zorder=0)
    frame(ax, grid)
    return filled


def reactive_streams(
    passage: StoredPassage,
    grid: Grid,
    ax: Axes | None = None,
    *,
    count: int = STREAMS,
    colour: str = INK,
    width: float = 0.7,
) -> LineCollection | None:
    """Draw streamlines of the reactive current; each stands for the same share of trajectories."""
    ax = new_axes(ax, height=3.0)
    ends = (passage.source > 0.5) | (passage.target > 0.5)
    current, q = np.asarray(passage.current), np.asarray(passage.committor)
    lines = flux_streams(current, q, ends, grid, count)
    if not lines:
        return None
    drawn = LineCollection(lines, colors=colour, linewidths=width, capstyle="round", zorder=4)
    ax.add_collection(drawn, autolim=False)
    for line in lines[1 :: 4 if count >= STREAMS else 3]:
        _arrow(line, q, grid, ax, colour)
    frame(ax, grid)
    return drawn


def set_outlines(
    passage: StoredPassage, grid: Grid, ax: Axes, *, colour: str = "black", filled: bool = True
) -> None:
    """Draw the edges of source and target; a source within one cell is a disc."""
    points = grid.points()
    for share, face in ((passage.source, SOURCE), (passage.target, TARGET)):
        if not share.any():
            continue
        if np.count_nonzero(share) == 1:
            place = points[np.unravel_index(int(share.argmax()), share.shape)]
            ax.plot(*place, "o", color=face, markeredgecolor=colour, markersize=5.0, zorder=7)
            continue
        if _is_place(share):
            x = points[int(share.any(axis=1).argmax()), 0, 0]
            ax.axvline(x, color=colour, linewidth=0.9, linestyle=(0, (2, 2)), zorder=5)
            continue
        x, y, thin = thinned(share, grid)
        if filled:
            ax.contourf(x, y, thin.T, levels=[0.5, 2.0], colors=[face], alpha=0.6, zorder=5)
        ax.contour(x, y, thin.T, levels=[0.5], colors=colour, linewidths=0.9, zorder=5)


def _is_place(share: Array) -> bool:
    """Whether a set of the plane is one place in x, whatever the other coordinate."""
    rows = share.any(axis=1)
    return bool(np.count_nonzero(rows) == 1 and share[rows].all())


def side_bar(filled: ScalarMappable, ax: Axes, label: str) -> Colorbar:
    """Draw a colour bar that is as high as its axes, also where those keep an aspect."""
    bar = ax.figure.colorbar(filled, cax=ax.inset_axes((1.025, 0.0, 0.04, 1.0)))
    bar.set_label(label)
    return bar


def _arrow(line: Array, q: Array, grid: Grid, ax: Axes, colour: str) -> None:
    """Put a head halfway between even odds and the target."""
    inside = line[np.isfinite(line).all(axis=1)]
    cells = tuple(
        np.clip(((inside[:, d] - a.min) / a.spacing).astype(int), 0, a.cells - 1)
        for d, a in enumerate(grid.axes)
    )
    middle = int(np.abs(q[cells] - 0.5).argmin())
    k = min(max((middle + len(inside)) // 2, 1), len(inside) - 2)
    if len(inside) < 3:
        return
    ax.annotate(
        "",
        xy=inside[k + 1],
        xytext=inside[k - 1],
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 0.7, "mutation_scale": 6},
        zorder=4,
    )


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last places of the runs of True."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(a), int(b) - 1) for a, b in zip(steps[::2], steps[1::2], strict=True)]
