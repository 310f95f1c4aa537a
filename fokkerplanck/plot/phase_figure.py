"""The figure of underdamped motion: the loss, snapshots in position and velocity, what is left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fokkerplanck.plot.line import label_place
from fokkerplanck.plot.line_figure import draw_masses
from fokkerplanck.plot.plane import loss_levels
from fokkerplanck.plot.plane_figure import CURVE_TIMES, shown_field, shown_states, state_panel
from fokkerplanck.plot.select import LOG_FLOOR, Scale, is_logarithmic, scale_of
from fokkerplanck.plot.style import WELLS, WIDTH, density_map, letter
from fokkerplanck.plot.subject import Subject
from fokkerplanck.plot.window import cut, part_of, window

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = ["PANELS", "moments", "phase_figure", "phase_moments", "potential_panel"]

Array = NDArray[np.float64]
#: most times in one figure
PANELS = 4
COLUMNS = 3
#: density above this part of its peak is to be seen
VISIBLE = 0.02
#: times at distances that differ by less are even
EVEN = 0.01
#: heights of a row of panels and of the strip below, inches
ROW, STRIP = 2.0, 1.45
#: colours of position and velocity
MOMENTS = (WELLS[0], WELLS[1])


def phase_figure(
    subject: Subject, potential: Array, means: tuple[Array, Array] | None, *, log: bool = False
) -> Figure:
    """Compose the figure of a result in position (to the right) and velocity (upwards).

    Parameters
    ----------
    subject : Subject
        Its ``loss`` is the energy, whose contours are the orbits without friction and noise.
    potential : ndarray, shape (cells,)
        Loss at the centres in x.
    means : (ndarray, ndarray) or None
        Mean and covariance of x and v at all times, shapes (n, 2) and (n, 2, 2).

    Returns
    -------
    Figure
        The loss first, then one panel for each time and the stationary state; below, the mass in
        each well against time, or in a single well the means of x and v.
    """
    whole, part = subject, _orbits(subject, log=log)
    states = shown_states(part)
    if len(states) == 1:
        return _single(part, log)
    strip = (
        whole.survey is not None and whole.what is None and (whole.metastable or means is not None)
    )
    strip = strip and whole.survey is not None and len(whole.survey.times) >= CURVE_TIMES
    total = len(states) + 1
    columns = 2 if total in (2, 4) else COLUMNS
    rows = -(-total // columns)
    figure = Figure((WIDTH, ROW * rows + 0.4 + STRIP * strip), layout="constrained")
    spec = figure.add_gridspec(
        rows + strip, columns, height_ratios=[ROW] * rows + [STRIP] * bool(strip)
    )
    axes = [figure.add_subplot(spec[k // columns, k % columns]) for k in range(total)]
    potential_panel(potential, whole, part, axes[0])
    scale = scale_of([shown_field(s, part) for s in states], log=log)
    for ax, state, norm in zip(axes[1:], states, scale.norms, strict=True):
        state_panel(ax, state, part, norm, peak=not scale.shared)
    _labels(axes, columns)
    _bar(figure, axes, scale, part.what)
    if strip:
        axes.append(figure.add_subplot(spec[rows, :]))
        if whole.metastable:
            draw_masses(whole, axes[-1])
        elif means is not None:
            moments(np.asarray(whole.survey.times), *means, axes[-1])  # type: ignore[union-attr]
        for state in whole.shots:
            axes[-1].axvline(state.time or 0.0, color="0.8", linewidth=0.7, zorder=0)
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def potential_panel(potential: Array, whole: Subject, part: Subject, ax: Axes) -> Axes:
    """Draw the loss over the part of x that is shown, and in it the energies of the contours."""
    axis, x = part.grid.axes[0], whole.grid.axes[0].centres
    seen = (x > axis.min) & (x < axis.max)
    x, loss = x[seen], potential[seen]
    levels = loss_levels(part.loss)
    for level in levels:
        below = np.where(loss < level, level, np.nan)
        ax.plot(x, below, color="0.8", linewidth=0.5, zorder=0)
    ax.plot(x, loss, color="0.25", linewidth=1.2)
    if whole.wells is not None:
        for k, (cell, place) in enumerate(
            zip(whole.wells.minima, whole.wells.bottoms, strict=True)
        ):
            ax.plot(place[0], potential[cell[0]], "o", color=WELLS[k], markersize=4.5, zorder=3)
        for cell, place in zip(whole.wells.passes, whole.wells.saddles, strict=True):
            ax.plot(place[0], potential[cell[0]], "X", color="0.25", markersize=4.5, zorder=3)
    low = float(loss.min())
    top = float(levels[-1]) if len(levels) else float(loss.max())
    ax.set_ylim(low - 0.05 * (top - low), top + 0.05 * (top - low))
    label_place(ax, part.grid)
    ax.set_ylabel("loss $L$")
    ax.set_title("loss")
    return ax


def moments(times: Array, mean: Array, covariance: Array, ax: Axes) -> Axes:
    """Draw the means of position and velocity, with a band of one standard deviation."""
    steps = np.diff(times)
    logarithmic = is_logarithmic(times) and float(np.ptp(steps)) > EVEN * float(steps.max())
    shown = times > 0 if logarithmic else np.ones(times.size, dtype=bool)
    for k, name in enumerate("xv"):
        m = mean[shown, k]
        spread = np.sqrt(covariance[shown, k, k])
        ax.fill_between(
            times[shown], m - spread, m + spread, color=MOMENTS[k], alpha=0.15, linewidth=0
        )
        ax.plot(times[shown], m, color=MOMENTS[k], label=f"${name}$")
    ax.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
    if logarithmic:
        ax.set_xscale("log")
    ax.set_xlim(times[shown][0], times[shown][-1])
    ax.set_xlabel("time $t$")
    ax.set_ylabel("mean $\\pm$ std")
    ax.legend(loc="upper right", ncols=2)
    return ax


def _orbits(subject: Subject, *, log: bool) -> Subject:
    """Cut a subject to the orbits that densities are seen on, and no part of these off."""
    floor = LOG_FLOOR if log else VISIBLE
    top = max(
        float(subject.loss[s.density > floor * s.density.max()].max()) for s in subject.states
    )
    seen = subject.loss <= top
    if subject.wells is not None:
        for cell in (*subject.wells.minima, *subject.wells.passes):
            seen[cell] = True
    slices = window(seen, subject.grid)
    steady = subject.stationary
    return replace(
        subject,
        grid=part_of(subject.grid, slices),
        loss=subject.loss[slices],
        shots=tuple(cut(s, slices) for s in subject.shots),
        stationary=None if steady is None else cut(steady, slices),
    )


def phase_moments(result: StoredResult) -> tuple[Array, Array] | None:
    """Means and covariances of all saved times, shapes (n, 2) and (n, 2, 2)."""
    if not len(result.times):
        return None
    x, v, xx, xv, vv = (
        result.file[name][...]
        for name in ("mean_x", "mean_v", "covariance_xx", "covariance_xv", "covariance_vv")
    )
    rows = np.stack([np.stack([xx, xv], -1), np.stack([xv, vv], -1)], -2)
    return np.stack([x, v], -1), rows


def _single(part: Subject, log: bool) -> Figure:
    figure = Figure((4.6, 3.5), layout="constrained")
    ax = figure.add_subplot()
    state = shown_states(part)[0]
    scale = scale_of([shown_field(state, part)], log=log)
    state_panel(ax, state, part, scale.norms[0])
    _bar(figure, [ax], scale, part.what)
    return figure


def _bar(figure: Figure, axes: list[Axes], scale: Scale, what: str | None) -> None:
    symbol, name = ("|J|", "current") if what == "current" else ("p", "density")
    norm = scale.norms[0] if scale.shared else Normalize(0.0, 1.0)
    bar = figure.colorbar(
        ScalarMappable(norm, density_map()),
        ax=axes,
        pad=0.015,
        aspect=28 if len(axes) > 3 else 18,
        extend="min" if scale.floor > 0 else "neither",
    )
    bar.set_label(
        f"{name} ${symbol}$" if scale.shared else f"{name} ${symbol}\\,/\\,\\max {symbol}$"
    )


def _labels(axes: list[Axes], columns: int) -> None:
    """Keep labels at the outside; the panel beside the loss has the first axis of v."""
    for k, ax in enumerate(axes):
        if k % columns and k != 1:
            ax.tick_params(labelleft=False)
            ax.set_ylabel("")
        if k + columns < len(axes):
            ax.tick_params(labelbottom=False)
            ax.set_xlabel("")
