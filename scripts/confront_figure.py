"""The figure of a confrontation: landscape, stationary density, escape times, survival."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray
from reproduce_axes import POINT, log_axis

from fokkerplanck.confrontation import Confrontation
from fokkerplanck.confrontation_occupation import Occupation
from fokkerplanck.confrontation_row import Measured, Row
from fokkerplanck.grid import Grid
from fokkerplanck.in_plane import InPlane
from fokkerplanck.plot.passage import side_bar
from fokkerplanck.plot.plane import density_image, frame, loss_contours, shape_ratio
from fokkerplanck.plot.style import WELLS, WIDTH, letter
from fokkerplanck.sampling import normal_quantile
from fokkerplanck.sets import Ball, PointSet
from fokkerplanck.steady_state import stationary

__all__ = ["draw"]

Array = NDArray[np.float64]
READINGS = {"ito": "Itô", "stratonovich": "Stratonovich", "hanggi-klimontovich": "Hänggi–Kl."}
#: colours of the readings, and of the Gaussian twin; descent itself is black
COLOURS = dict(zip(READINGS, WELLS, strict=False))
TWIN = WELLS[3]
#: cells along an axis on which smooth things are drawn, by dimension
CELLS = {1: 512, 2: 192}


def draw(plane: InPlane, found: Confrontation, rate: float, target: PointSet) -> Figure:
    """Draw four panels.

    Parameters
    ----------
    plane : InPlane
    found : Confrontation
    rate : float
        Learning rate of the densities and the survival curves: the row nearest to it that has a
        stationary density.
    target : PointSet
    """
    rows = [row for row in found.rows if row.occupation is not None]
    if not rows:
        msg = "no row has a stationary density to draw; see its notes"
        raise SystemExit(msg)
    row = min(rows, key=lambda one: abs(one.learning_rate - rate))
    line = plane.dim == 1
    tall = 4.9 if line else 2.6 + 0.48 * WIDTH / shape_ratio(plane.grid())
    figure = Figure((WIDTH, min(tall, 7.5)), layout="constrained")
    share = 1.0 if line else max((tall - 2.6) / 2.4, 0.7)
    axes = figure.subplots(2, 2, height_ratios=(share, 1.0)).ravel()
    (_line if line else _plane)(plane, row, axes[:2], target)
    _times(found, row, axes[2])
    _survival(row, axes[3])
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def _line(plane: InPlane, row: Row, axes: Array, _: PointSet) -> None:
    assert row.occupation is not None
    problem = plane.problem(1.0, 1, cells=CELLS[1])
    x = problem.grid.axes[0].centres
    loss, ax = problem.potential(), axes[0]
    ax.plot(x, loss, color="0.2", label="loss")
    variance = 2 * problem.diffusion()[:, 0, 0]
    ax.plot(x, variance, color=WELLS[1], label="gradient variance of a sample")
    for well in row.occupation.wells:
        ax.plot(well[0], np.interp(well[0], x, loss), "o", color="0.2", mfc="white", ms=4.5)
    ax.set_ylim(bottom=0)
    ax.legend(loc="center", bbox_to_anchor=(0.5, 0.35))
    _densities(plane, row, axes[1])
    for one in axes:
        one.set_xlim(x[0], x[-1])
        one.set_xlabel("distance of weights along the line")


def _densities(plane: InPlane, row: Row, ax: Axes) -> None:
    found = row.occupation
    assert found is not None
    axis, z = found.grid.axes[0], normal_quantile(row.survival.confidence)
    x = axis.centres
    for one, colour, label in (
        (found.sgd, "black", "SGD"),
        (found.gaussian, TWIN, "Gaussian noise"),
    ):
        low, high = (np.maximum(one.density + s * z * one.density_error, 0.0) for s in (-1, 1))
        ax.fill_between(x, low, high, step="mid", color=colour, alpha=0.25, lw=0)
        ax.stairs(one.density, axis.edges, color=colour, lw=1.0, label=label)
    for reading, name in READINGS.items():
        problem = plane.problem(row.learning_rate, row.batch_size, reading, cells=CELLS[1])
        fine = problem.grid.axes[0].centres
        ax.plot(fine, stationary(problem).density, color=COLOURS[reading], lw=1.1, label=name)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("stationary density")
    ax.legend(loc="upper center", title=_title(row), alignment="left")


def _plane(plane: InPlane, row: Row, axes: Array, target: PointSet) -> None:
    found = row.occupation
    assert found is not None
    problem = plane.problem(row.learning_rate, row.batch_size, cells=CELLS[2])
    # averages over the same cells, so that nothing differs by how finely it is drawn
    exact = found.fokker_planck["ito"].density
    norm = Normalize(0.0, float(max(exact.max(), found.sgd.density.max())))
    loss = problem.potential()
    for ax, values, name in (
        (axes[0], exact, "Fokker–Planck, Itô"),
        (axes[1], found.sgd.density, "SGD"),
    ):
        image = density_image(values, found.grid, ax, norm=norm)
        loss_contours(loss, problem.grid, ax)
        _marks(found, ax, target)
        frame(ax, problem.grid)
        ax.set_title(f"{name}, {_title(row)}")
    _labels(axes, problem.grid)
    side_bar(image, axes[1], "stationary density")


def _labels(axes: Array, grid: Grid) -> None:
    for ax in axes:
        ax.set_xlabel(f"distance of weights along ${grid.axes[0].name}$")
    axes[0].set_ylabel(f"along ${grid.axes[1].name}$")
    axes[1].set_ylabel("")
    axes[1].tick_params(labelleft=False)


def _marks(found: Occupation, ax: Axes, target: PointSet) -> None:
    """Mark the minima with the share of each well, and the target where it is a disc."""
    halo = [withStroke(linewidth=1.6, foreground="black")]
    shares = found.fokker_planck["ito"].occupation
    if ax.get_subplotspec().colspan.start:  # type: ignore[union-attr]
        shares = found.sgd.occupation
    for well, share in zip(found.wells, shares, strict=True):
        ax.plot(*well, "o", color="white", mec="black", mew=0.5, ms=3.2, zorder=6)
        ax.annotate(
            f"{100 * share:.0f} %",
            well,
            xytext=(0, 16),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color="white",
            fontsize=8,
            path_effects=halo,
            zorder=7,
        )
    if isinstance(target, Ball) and not target.is_point:
        turn = np.linspace(0, 2 * np.pi, 100)
        x, y = np.array(target.centre)[:, None] + target.radius * np.array(
            [np.cos(turn), np.sin(turn)]
        )
        ax.plot(x, y, color="white", lw=0.9, ls=(0, (3, 2)), zorder=5)


def _times(found: Confrontation, drawn: Row, ax: Axes) -> None:
    rates = np.array([row.learning_rate for row in found.rows])
    lines = []
    for reading, name in READINGS.items():
        steps = [row.fokker_planck[reading].mean_steps for row in found.rows]
        lines += ax.plot(rates, steps, color=COLOURS[reading], lw=1.1, label=name)
    z, bars = normal_quantile(found.confidence), []
    kinds: tuple[tuple[str, str, str, Callable[[Row], Measured]], ...] = (
        ("o", "black", "SGD", lambda row: row.sgd),
        ("s", TWIN, "Gaussian noise", lambda row: row.gaussian),
    )
    for mark, colour, label, of in kinds:
        mean = [of(row).mean_steps for row in found.rows]
        error = [z * of(row).standard_error for row in found.rows]
        bar = ax.errorbar(
            rates, mean, error, fmt=mark, color=colour, mfc="none", lw=0.8, label=label, **POINT
        )
        bars.append(bar)
    log_axis(ax, rates.tolist())
    ax.set_yscale("log")
    ax.set_xlabel(f"learning rate, batches of {drawn.batch_size:g}")
    ax.set_ylabel("mean escape time, steps")
    first = ax.legend(handles=lines, loc="upper right", title="Fokker–Planck", alignment="left")
    ax.add_artist(first)
    ax.legend(handles=bars, loc="lower left")


def _survival(row: Row, ax: Axes) -> None:
    curves = row.survival
    steps = np.array(curves.steps)
    for one, colour, label in (
        (curves.sgd, "black", "SGD"),
        (curves.gaussian, TWIN, "Gaussian noise"),
    ):
        survival = np.array(one.survival)
        low, high = (np.clip(survival + s * one.band, 0.0, 1.0) for s in (-1, 1))
        ax.fill_between(steps, low, high, color=colour, alpha=0.25, lw=0)
        ax.plot(steps, survival, color=colour, lw=1.0, label=label)
        ax.plot(steps, one.exponential, color=colour, lw=0.8, ls=(0, (1, 2)))
    ax.plot([], [], color="0.3", lw=0.8, ls=(0, (1, 2)), label="exponential, same mean")
    ax.plot(steps, curves.fokker_planck, color=COLOURS["ito"], lw=1.1, label=READINGS["ito"])
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(numticks=9))
    ax.set_xlim(steps[0], steps[-1])
    ax.set_ylim(0.0, 1.02)
    ax.set_xlabel("steps")
    ax.set_ylabel("walkers that have not escaped")
    ax.legend(loc="lower left", title=_title(row), alignment="left")


def _title(row: Row) -> str:
    return f"$\\eta = {row.learning_rate:g}$, $B = {row.batch_size}$"
