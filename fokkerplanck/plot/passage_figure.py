"""Figures of passages: on a line committor and survival, in the plane the paths they take."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fokkerplanck.plot.escape import Material
from fokkerplanck.plot.landing import landing_curves, lands
from fokkerplanck.plot.line import landscape_strip
from fokkerplanck.plot.passage import (
    INK,
    STREAMS,
    committor_curve,
    committor_map,
    current_map,
    reactive_streams,
    set_outlines,
    set_spans,
    side_bar,
    survival_curve,
    time_map,
)
from fokkerplanck.plot.plane import (
    critical_marks,
    density_image,
    loss_contours,
    shape_ratio,
    streamlines,
)
from fokkerplanck.plot.spectrum import ladder
from fokkerplanck.plot.style import WELLS, WIDTH, large_number, letter, plain, shortened
from fokkerplanck.plot.well_density import well_curves, well_image
from fokkerplanck.stored_escape import StoredPassage

__all__ = ["line_passages", "plane_passages", "survival_figure"]

#: colours of several passages, none of them that of a set
COLOURS = WELLS[2:]
#: most letters of a name above a large and a small panel
LONG, SHORT = 32, 20
#: most maps in one figure
PANELS = 6
#: strength of the sets where several passages share a panel
LIGHT = 0.5


def line_passages(found: Material, what: str | None, *, log: bool = False) -> Figure:
    """Draw loss, committor and densities of wells; on the right survival, landing, time scales."""
    survival = what != "committor" and what != "reactive"
    survival = survival and any(p.survival is not None for p in found.passages)
    steps = what is None and found.spectrum is not None
    landed = what in (None, "passage") and len(found.passages) == 1 and lands(found.passages[0])
    right = [survival, landed, steps].count(True)
    wells = what is None and bool(found.densities)
    height = 5.6 if right == 3 else 4.6 if wells else 3.7
    figure = Figure((WIDTH if right else 3.7, height), layout="constrained")
    columns = figure.add_gridspec(1, 2 if right else 1)
    ratios = (1, 1.9, 1.4) if wells else (1, 1.9)
    left = columns[0].subgridspec(len(ratios), 1, height_ratios=ratios)
    main = figure.add_subplot(left[1])
    strip = figure.add_subplot(left[0], sharex=main)
    landscape_strip(found.loss, found.grid, strip, found.wells)
    strip.tick_params(labelbottom=False)
    strip.set_xlabel("")
    axes = [strip, main]
    for p, colour in zip(found.passages, COLOURS, strict=False):
        if p.committor is not None:
            committor_curve(p, found.grid, main, colour=colour)
        elif not any(q.committor is not None for q in found.passages):
            # beside a committor times would need an axis of their own: see `--passage`
            _times_curve(p, found, main, colour)
    if len(found.passages) == 1:
        set_spans(found.passages[0], found.grid, [strip, main])
    else:
        for p, colour in zip(found.passages, COLOURS, strict=False):
            set_spans(p, found.grid, [main], colours=("0.6", colour), strength=LIGHT)
        main.legend(loc="best")
    if wells:
        axes.append(figure.add_subplot(left[2], sharex=main))
        well_curves(found.densities, found.grid, axes[-1], wells=found.wells, log=log)
        main.tick_params(labelbottom=False)
        main.set_xlabel("")
        figure.align_ylabels(axes)
    if right:
        rows = columns[1].subgridspec(right, 1)
        if survival:
            axes.append(figure.add_subplot(rows[0]))
            _draw_survival(axes[-1], found)
        if landed:
            axes.append(figure.add_subplot(rows[int(survival)]))
            landing_curves(found.passages[0], axes[-1])
        if steps and found.spectrum is not None:
            axes.append(figure.add_subplot(rows[right - 1]))
            ladder(found.spectrum, found.grid, axes[-1])
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def plane_passages(found: Material, what: str | None, *, log: bool = False) -> Figure:
    """Draw committor and paths of each passage, and densities of wells; below time scales."""
    grid, n = found.grid, len(found.passages)
    below = []
    if what in (None, "passage") and any(p.survival is not None for p in found.passages):
        below.append("survival")
    if what is None and found.spectrum is not None:
        below.append("ladder")
    times = what in (None, "passage") and n == 1
    wells = found.densities[: PANELS - n - times] if what is None else ()
    total = n + times + len(wells)
    columns = 2 if total in (2, 4) else min(total, 3)
    rows = -(-total // columns)
    side = (WIDTH - 1.0) / columns if columns > 1 else 4.2
    height = rows * (side / shape_ratio(grid) + 0.55)
    low_height = (1.7 if "survival" in below else 0.75) * bool(below)
    figure = Figure((side * columns + 0.9, height + low_height), layout="compressed")
    ratios = [height] + [low_height] * bool(below)
    outer = figure.add_gridspec(1 + bool(below), 1, height_ratios=ratios)
    panels = outer[0].subgridspec(rows, columns)
    axes = []
    for k, p in enumerate(found.passages):
        axes.append(figure.add_subplot(panels[k // columns, k % columns]))
        _draw_way(axes[-1], p, found, what)
        if n > 1 and k % columns:
            axes[-1].set_ylabel("")
            axes[-1].tick_params(labelleft=False)
    if times:
        axes.append(figure.add_subplot(panels[0, 1]))
        draw = _draw_times if found.stationary is None else _draw_stationary
        draw(axes[-1], found.passages[0], found)
    for k, q in enumerate(wells, start=n + times):
        axes.append(figure.add_subplot(panels[k // columns, k % columns]))
        well_image(q, found.loss, grid, axes[-1], wells=found.wells, log=log)
    if below:
        low = outer[1].subgridspec(1, len(below))
        for k, name in enumerate(below):
            axes.append(figure.add_subplot(low[k]))
            if name == "survival":
                _draw_survival(axes[-1], found)
            elif found.spectrum is not None:
                ladder(found.spectrum, grid, axes[-1], flat=True)
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def survival_figure(found: Material) -> Figure:
    """Draw the probability not to have arrived, and below the density of arrivals."""
    figure = Figure((4.2, 4.2), layout="constrained")
    top, low = figure.subplots(2, 1, sharex=True, height_ratios=(1.4, 1))
    _draw_survival(top, found)
    top.set_xlabel("")
    for p, colour in zip(found.passages, COLOURS, strict=False):
        if p.times is not None and p.arrival is not None:
            low.plot(p.times, p.times * p.arrival, color=colour)
    low.set_xlabel("time $t$")
    low.set_ylabel("arrivals, $-\\mathrm{d}S/\\mathrm{d}\\ln t$")
    low.set_ylim(bottom=0.0)
    for k, ax in enumerate((top, low)):
        letter(ax, k)
    return figure


def _draw_way(ax: Axes, p: StoredPassage, found: Material, what: str | None) -> None:
    """Draw one passage in the plane: committor or current, with streamlines and sets."""
    alone = len(found.passages) == 1
    # long jumps have a committor and no current
    if p.committor is None or (p.current is None and what == "reactive"):
        _draw_times(ax, p, found)
        return
    grid = found.grid
    if what == "reactive":
        filled = current_map(p, grid, ax)
        label = "reactive current $|J_{AB}|\\,/\\,\\nu$"
    else:
        filled = committor_map(p, grid, ax)
        label = "committor $q$"
    dark = what == "reactive"
    loss_contours(found.loss, grid, ax, colour="0.7" if dark else "0.35")
    if what != "committor" and p.current is not None:
        colour = "white" if dark else INK
        count, width = (STREAMS, 0.7) if alone else (STREAMS // 2, 0.5)
        reactive_streams(p, grid, ax, count=count, colour=colour, width=width)
    set_outlines(p, grid, ax)
    if found.wells is not None:
        critical_marks(found.wells, ax)
    ax.set_title(plain(shortened(p.name, LONG if alone else SHORT)))
    # all committors have one scale: a bar beside the last is enough
    if dark or p is [q for q in found.passages if q.committor is not None][-1]:
        side_bar(filled, ax, label)


def _draw_times(ax: Axes, p: StoredPassage, found: Material) -> None:
    filled = time_map(p, found.grid, ax)
    loss_contours(found.loss, found.grid, ax, colour="0.35")
    set_outlines(p, found.grid, ax, colour="white", filled=False)
    name = f"{plain(shortened(p.name, SHORT))}, " if len(found.passages) > 1 else ""
    ax.set_title(f"{name}$\\tau = {large_number(p.facts['log10_mean'], 4)}$")
    side_bar(filled, ax, "mean time to the target, over $\\tau$")


def _draw_stationary(ax: Axes, p: StoredPassage, found: Material) -> None:
    """Draw the stationary density, and the current that it may carry."""
    assert found.stationary is not None
    state, grid = found.stationary, found.grid
    image = density_image(state.density, grid, ax)
    loss_contours(found.loss, grid, ax)
    if state.current is not None:
        streamlines(state.current, grid, ax)
    ax.set_title("stationary")
    side_bar(image, ax, "density $p$")


def _times_curve(p: StoredPassage, found: Material, ax: Axes, colour: str) -> None:
    """Where there is no committor, draw the mean time from each place."""
    if p.log10_time is None:
        return
    ratio = 10.0 ** (p.log10_time - p.facts["log10_mean"])
    ax.plot(found.grid.axes[0].centres, ratio, color=colour, label=plain(p.name))
    ax.set_ylabel("mean time to the target, over $\\tau$")
    ax.set_xlim(found.grid.axes[0].min, found.grid.axes[0].max)
    ax.set_xlabel(f"${found.grid.names[0]}$")


def _draw_survival(ax: Axes, found: Material) -> None:
    for p, colour in zip(found.passages, COLOURS, strict=False):
        if p.survival is not None:
            law = survival_curve(p, ax, colour=colour)[-1]
    law.set_label("$e^{-t/\\tau}$")
    ax.legend(loc="lower left")
