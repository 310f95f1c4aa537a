"""The figure of a result on a line: landscape and curves; map over time, wells, current."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fokkerplanck.plot.line import (
    current_curves,
    current_note,
    curve_top,
    density_curves,
    landscape_strip,
    mean_current,
    spacetime,
    time_bar,
    well_masses,
)
from fokkerplanck.plot.select import LOG_FLOOR, is_logarithmic, scale_of
from fokkerplanck.plot.style import WIDTH, letter
from fokkerplanck.plot.subject import Subject

__all__ = ["CURVES", "CURVE_TIMES", "MAP_TIMES", "draw_map", "draw_masses", "line_figure"]

Array = NDArray[np.float64]
Fields = Callable[[int], Array]
Panel = Callable[[Axes], object]

#: most curves in one panel
CURVES = 7
#: fewest times worth a map or a curve over time
MAP_TIMES, CURVE_TIMES = 8, 3


def line_figure(
    subject: Subject, density: Fields, current: Callable[[int], Array | None], *, log: bool = False
) -> Figure:
    """Compose the figure of a result on a line.

    Parameters
    ----------
    subject : Subject
        What to show.
    density, current : callable
        Snapshot number -> density (cells,) and current (cells, 1), for the panels over time.
    log : bool
        Logarithmic densities.

    Returns
    -------
    Figure
        On the left landscape and curves over place, on the right what is told over time.
    """
    right = _panels_over_time(subject, density, current, log)
    figure = Figure((WIDTH if right else 3.7, 4.0 if right else 3.4), layout="constrained")
    columns = figure.add_gridspec(1, 2 if right else 1)
    left = columns[0].subgridspec(2, 1, height_ratios=(1, 2.6))
    main = figure.add_subplot(left[1])
    strip = figure.add_subplot(left[0], sharex=main)
    panels = [strip, main]
    _draw_places(subject, strip, main, log)
    if right:
        rows = columns[1].subgridspec(len(right), 1, height_ratios=[w for w, _ in right])
        over_time: list[Axes] = []
        for k, (_, draw) in enumerate(right):
            over_time.append(figure.add_subplot(rows[k], sharex=over_time[0] if k else None))
            draw(over_time[-1])
        for ax in over_time[:-1]:
            ax.tick_params(labelbottom=False)
            ax.set_xlabel("")
        panels += over_time
    for k, ax in enumerate(panels):
        letter(ax, k)
    return figure


def _draw_places(subject: Subject, strip: Axes, main: Axes, log: bool) -> None:
    landscape_strip(subject.loss, subject.grid, strip, subject.wells)
    strip.tick_params(labelbottom=False)
    strip.set_xlabel("")
    shots = subject.shots
    if subject.what == "current":
        shots = tuple(s for s in shots if s.current is not None)
        current_curves(shots, subject.grid, main, stationary=subject.stationary)
    else:
        density_curves(shots, subject.grid, main, stationary=subject.stationary, log=log)
        if subject.stationary is not None and subject.what != "density":
            current_note(subject.stationary, subject.grid, main)
    if len(shots) > 1:
        time_bar(shots, [strip, main])
    if main.get_legend_handles_labels()[0]:
        main.legend(loc="best", handlelength=2.0)


def _panels_over_time(
    subject: Subject, density: Fields, current: Callable[[int], Array | None], log: bool
) -> list[tuple[float, Panel]]:
    """List the panels over time that this result deserves, each with its relative height."""
    if subject.survey is None:
        return []
    times, panels = subject.survey.times, list[tuple[float, Panel]]()
    if subject.what != "current" and len(times) >= MAP_TIMES:
        panels.append((1.6, lambda ax: draw_map(subject, density, ax, log)))
    if subject.what != "current" and subject.metastable and len(times) >= CURVE_TIMES:
        panels.append((1.0, lambda ax: draw_masses(subject, ax)))
    driven = subject.grid.axes[0].periodic and any(s.current is not None for s in subject.states)
    if subject.what != "density" and driven and len(times) >= CURVE_TIMES:
        panels.append((1.0, lambda ax: _draw_mean_current(subject, current, ax)))
    return panels


def draw_map(subject: Subject, density: Fields, ax: Axes, log: bool) -> None:
    """Draw the density as a map over time, with its scale."""
    assert subject.survey is not None
    times = subject.survey.times
    shown = np.flatnonzero(times > 0) if is_logarithmic(times) else np.arange(len(times))
    stack = np.stack([density(int(k)) for k in shown])
    norm = scale_of([stack], log=log).norms[0]
    if not log:
        norm.vmax = curve_top([s.density for s in subject.states]) / 1.06
    mesh = spacetime(times[shown], stack, subject.grid, ax, norm=norm)
    over = bool(stack.max() > 1.001 * (norm.vmax or 0.0))
    under = log and bool(stack.min() < LOG_FLOOR * stack.max())
    extend = {(True, True): "both", (True, False): "max", (False, True): "min"}
    bar = ax.figure.colorbar(
        mesh, ax=ax, pad=0.02, aspect=18, extend=extend.get((over, under), "neither")
    )
    bar.set_label("density $p$")


def draw_masses(subject: Subject, ax: Axes) -> None:
    """Draw the mass in each well against time, in the colours of the wells."""
    assert subject.survey is not None
    assert subject.survey.masses is not None
    assert subject.wells is not None
    grid, wells = subject.grid, subject.wells
    final = None
    if subject.stationary is not None:
        final = wells.masses(subject.stationary.density, grid.volume)
    well_masses(subject.survey.times, subject.survey.masses, wells.names(), ax, stationary=final)


def _draw_mean_current(subject: Subject, current: Callable[[int], Array | None], ax: Axes) -> None:
    assert subject.survey is not None
    times = subject.survey.times
    values = [current(k) for k in range(len(times))]
    means = np.array([np.nan if v is None else v.mean() for v in values])
    state = subject.stationary
    final = None if state is None or state.current is None else float(state.current.mean())
    mean_current(times, means, ax, stationary=final)
