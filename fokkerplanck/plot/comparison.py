"""The figure that sets two densities side by side: both, their difference, and the distances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fokkerplanck.compare import Comparison, Snapshot, compare, of_one_kind
from fokkerplanck.grid import Grid
from fokkerplanck.plot.plane import aspect, density_image, extent, loss_contours, shape_ratio
from fokkerplanck.plot.select import LOG_FLOOR, scale_of
from fokkerplanck.plot.style import (
    DIFFERENCE,
    STEPS,
    WELLS,
    WIDTH,
    density_map,
    letter,
    new_axes,
    number,
    styled,
)
from fokkerplanck.regrid import common_grid, regrid

__all__ = ["comparison_figure", "difference_curve", "difference_image"]

Array = NDArray[np.float64]

#: metrics that are printed, and how; the others are in the JSON of ``compare``
PRINTED = {
    "tv": r"\mathrm{TV}",
    "l1": r"L^1",
    "l2": r"L^2",
    "kl": r"\mathrm{KL}(A\,\Vert\,B)",
    "kl_reverse": r"\mathrm{KL}(B\,\Vert\,A)",
    "hellinger": r"\mathrm{Hellinger}",
    "w1": r"W_1",
    "w2": r"W_2",
    "mean": r"|\Delta\,\mathrm{mean}|",
    "covariance": r"|\Delta\,\mathrm{cov}|",
    "basin_masses": r"\max|\Delta\,\mathrm{basin}|",
    "max_current_difference": r"\max|\Delta J|",
}


def comparison_figure(
    a: Snapshot, b: Snapshot, *, log: bool = False, comparison: Comparison | None = None
) -> Figure:
    """Draw two densities, their difference and their distances.

    Parameters
    ----------
    a, b : Snapshot
        Densities of one dimension; on different grids the difference is taken on the common one.
    log : bool
        Logarithmic densities; the difference stays linear.
    comparison : Comparison, optional
        The metrics, where they are known already.

    Raises
    ------
    CaseError
        If the dimensions differ.
    """
    found = compare(a, b) if comparison is None else comparison
    a, b, _ = of_one_kind(a, b)
    grid = common_grid(a.grid, b.grid)
    difference = regrid(a.density, a.grid, grid).density - regrid(b.density, b.grid, grid).density
    with styled():
        draw = _line if grid.dim == 1 else _plane
        return draw(a, b, grid, difference, _metrics(found), log)


def difference_curve(difference: Array, grid: Grid, ax: Axes | None = None) -> Line2D:
    """Draw a signed difference on a line, filled with the two ends of the diverging colours."""
    ax, x = new_axes(ax, height=1.4), grid.axes[0].centres
    (line,) = ax.plot(x, difference, color="0.2", linewidth=0.9)
    for part, colour in ((np.maximum(difference, 0), 0.85), (np.minimum(difference, 0), 0.15)):
        ax.fill_between(x, 0.0, part, color=DIFFERENCE(colour), alpha=0.7, linewidth=0)
    ax.axhline(0.0, color="0.5", linewidth=0.6)
    half = 1.12 * (float(np.abs(difference).max()) or 1.0)
    ax.set_ylim(-half, half)
    ax.set_xlim(grid.axes[0].min, grid.axes[0].max)
    ax.set_xlabel(f"${grid.names[0]}$")
    ax.set_ylabel("$p_A - p_B$")
    return line


def difference_image(difference: Array, grid: Grid, ax: Axes | None = None) -> AxesImage:
    """Draw a signed difference in the plane, white where it vanishes."""
    ax = new_axes(ax, height=3.0)
    half = float(np.abs(difference).max()) or 1.0
    return ax.imshow(
        difference.T,
        origin="lower",
        extent=extent(grid),
        aspect=aspect(grid),
        cmap=DIFFERENCE,
        norm=CenteredNorm(0.0, half),
    )


def _line(
    a: Snapshot, b: Snapshot, grid: Grid, difference: Array, metrics: list[str], log: bool
) -> Figure:
    figure = Figure((5.4, 3.7), layout="constrained")
    spec = figure.add_gridspec(2, 2, height_ratios=(2.2, 1), width_ratios=(3, 1))
    top = figure.add_subplot(spec[0, 0])
    low = figure.add_subplot(spec[1, 0], sharex=top)
    styles: tuple[dict[str, Any], ...] = (
        {"color": WELLS[0]},
        {"color": WELLS[1], "linestyle": (0, (4, 1.8))},
    )
    for s, name, style in zip((a, b), "AB", styles, strict=True):
        top.plot(s.grid.axes[0].centres, s.density, label=f"${name}$", **style)
    peak = max(float(a.density.max()), float(b.density.max()))
    if log:
        top.set_yscale("log")
    top.set_ylim(LOG_FLOOR * peak if log else 0.0, (2.0 if log else 1.06) * peak)
    top.set_ylabel("density $p$")
    top.tick_params(labelbottom=False)
    top.legend(loc="upper right")
    difference_curve(difference, grid, low)
    figure.align_ylabels([top, low])
    letter(top, 0)
    letter(low, 1)
    side = figure.add_subplot(spec[:, 1])
    side.axis("off")
    for k, (s, name) in enumerate(((a, "A"), (b, "B"))):
        text = f"{name}: {_label(s)}"
        side.text(0, 1 - 0.07 * k, text, fontsize=7.5, va="top", parse_math=False)
    for k, text in enumerate(metrics):
        side.text(0, 0.82 - 0.066 * k, text, fontsize=7.5, va="top")
    return figure


def _plane(
    a: Snapshot, b: Snapshot, grid: Grid, difference: Array, metrics: list[str], log: bool
) -> Figure:
    left, right, bottom, top = extent(grid)
    ratio = shape_ratio(grid)
    figure = Figure((WIDTH, 1.95 / ratio + 1.75), layout="constrained")
    spec = figure.add_gridspec(2, 3, height_ratios=(1.95 / ratio + 0.9, 0.62))
    axes = [figure.add_subplot(spec[0, k]) for k in range(3)]
    scale = scale_of([a.density, b.density], log=log)
    for ax, s, name, norm in zip(axes, (a, b), "AB", scale.norms, strict=False):
        density_image(s.density, s.grid, ax, norm=norm)
        if s.loss is not None:
            loss_contours(s.loss, s.grid, ax)
        ax.set_title(f"${name}$")
        mappable = ScalarMappable(norm, density_map())
        _bar(figure, mappable, ax, f"$p_{name}$", log)
    image = difference_image(difference, grid, axes[2])
    if a.loss is not None:
        loss_contours(a.loss, a.grid, axes[2], colour="0.4")
    axes[2].set_title("$p_A - p_B$")
    _bar(figure, image, axes[2], "$p_A - p_B$", log=False)
    for k, ax in enumerate(axes):
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=f"${grid.names[0]}$")
        ax.set_ylabel("" if k else f"${grid.names[1]}$")
        ax.tick_params(direction="out", labelleft=not k)
        ax.locator_params(steps=STEPS, nbins=5)
        letter(ax, k)
    _table(figure.add_subplot(spec[1, :]), a, b, metrics)
    return figure


def _bar(figure: Figure, mappable: ScalarMappable, ax: Axes, label: str, log: bool) -> None:
    bar = figure.colorbar(mappable, ax=ax, location="bottom", pad=0.03, aspect=25, label=label)
    bar.ax.tick_params(labelsize=7)
    if not log:
        bar.locator = MaxNLocator(4, steps=STEPS)
        bar.formatter.set_powerlimits((-2, 3))  # type: ignore[attr-defined]
        bar.update_ticks()


def _table(ax: Axes, a: Snapshot, b: Snapshot, metrics: list[str], columns: int = 4) -> None:
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    for k, (s, name) in enumerate(((a, "A"), (b, "B"))):
        text = f"{name}: {_label(s)}"
        ax.text(0.5 * k, 1.0, text, fontsize=8, va="top", parse_math=False)
    for k, text in enumerate(metrics):
        row, column = divmod(k, columns)
        ax.text(column / columns, 0.68 - 0.26 * row, text, fontsize=8, va="top")


def _metrics(found: Comparison) -> list[str]:
    """Metrics as mathtext, in the order of `PRINTED`; unknown ones are left out."""
    values = {name: found.metrics.get(name) for name in PRINTED}
    return [
        f"${PRINTED[name]} = {number(value, 3)}$"
        for name, value in values.items()
        if value is not None
    ]


def _label(s: Snapshot) -> str:
    name = Path(s.label).name if s.label else "density"
    when = "stationary" if s.time is None else f"t = {s.time:.4g}"
    return f"{name}, {when}"
