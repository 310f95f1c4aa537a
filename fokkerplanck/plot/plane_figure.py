"""The figure of a result in the plane: landscape, snapshots with currents, wells over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fokkerplanck.plot.line_figure import draw_masses
from fokkerplanck.plot.plane import (
    critical_marks,
    density_image,
    landscape_image,
    loss_contours,
    shape_ratio,
    streamlines,
)
from fokkerplanck.plot.select import Scale, Shot, scale_of
from fokkerplanck.plot.style import WIDTH, density_map, letter, number, time_label
from fokkerplanck.plot.subject import Subject
from fokkerplanck.plot.window import crop

__all__ = ["CURVE_TIMES", "PANELS", "plane_figure", "shown_field", "shown_states", "state_panel"]

Array = NDArray[np.float64]

#: most times in one figure
PANELS = 4
#: fewest times worth a curve
CURVE_TIMES = 6
#: room for labels and colour bar, inches
MARGIN_X, MARGIN_Y, TITLE, STRIP = 1.1, 0.45, 0.28, 1.45


def plane_figure(subject: Subject, *, log: bool = False) -> Figure:
    """Compose the figure of a result in the plane.

    Returns
    -------
    Figure
        Landscape first, then one panel for each time and the stationary state; below, if there
        are several wells, the mass in each against time. A single state gets one large panel.
    """
    whole, subject = subject, crop(subject, log=log)
    states = shown_states(subject)
    if len(states) == 1:
        return _single(subject, states[0], log)
    strip = subject.metastable and subject.survey is not None and subject.what is None
    strip = strip and subject.survey is not None and len(subject.survey.times) >= CURVE_TIMES
    columns, rows, height = _layout(subject, len(states) + 1)
    figure = Figure((WIDTH, height + (STRIP if strip else 0.0)), layout="compressed")
    spec = figure.add_gridspec(
        rows + strip, columns, height_ratios=[height / rows] * rows + [STRIP] * strip
    )
    axes = [figure.add_subplot(spec[k // columns, k % columns]) for k in range(len(states) + 1)]
    landscape_image(subject.loss, subject.grid, axes[0], subject.wells)
    axes[0].set_title("loss $L$")
    scale = scale_of([shown_field(s, subject) for s in states], log=log)
    for ax, state, norm in zip(axes[1:], states, scale.norms, strict=True):
        state_panel(ax, state, subject, norm, peak=not scale.shared)
    _bar(figure, axes, scale, subject.what)
    _outer_labels(axes, columns)
    if strip:
        axes.append(figure.add_subplot(spec[rows, :]))
        draw_masses(whole, axes[-1])
        for state in subject.shots:
            axes[-1].axvline(state.time or 0.0, color="0.8", linewidth=0.7, zorder=0)
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def state_panel(
    ax: Axes, state: Shot, subject: Subject, norm: Normalize, *, peak: bool = False
) -> None:
    """Draw one state: its density, contours of the loss, minima and passes, streamlines."""
    field = shown_field(state, subject)
    density_image(field, subject.grid, ax, norm=norm)
    loss_contours(subject.loss, subject.grid, ax)
    if subject.wells is not None and subject.metastable:
        critical_marks(subject.wells, ax)
    if state.current is not None and subject.what != "density":
        streamlines(state.current, subject.grid, ax)
    ax.set_title(time_label(state.time))
    if peak:
        symbol = "|J|" if subject.what == "current" else "p"
        ax.text(
            0.97,
            0.965,
            f"$\\max {symbol} = {number(float(field.max()), 2)}$",
            transform=ax.transAxes,
            ha="right",
            va="top",
            color="white",
            fontsize=7.5,
            zorder=7,
        )


def shown_states(subject: Subject) -> tuple[Shot, ...]:
    """States that get a panel."""
    if subject.what == "stationary" and subject.stationary is not None:
        return (subject.stationary,)
    if subject.survey is None and subject.shots:
        return subject.shots
    if subject.what == "current":
        return tuple(s for s in subject.states if s.current is not None)
    return subject.states


def shown_field(state: Shot, subject: Subject) -> Array:
    """Field of a panel: the density, or the size of the current."""
    if subject.what == "current" and state.current is not None:
        return np.asarray(np.linalg.norm(state.current, axis=-1))
    return state.density


def _layout(subject: Subject, panels: int) -> tuple[int, int, float]:
    """Columns, rows and height of the panels, so that each is as large as the page allows."""
    ratio = shape_ratio(subject.grid)
    columns = 2 if ratio > 1.9 else 3 if ratio > 0.6 else 6
    columns = panels if panels <= columns else 2 if panels == 4 else columns
    rows = -(-panels // columns)
    each = (WIDTH - MARGIN_X) / columns / ratio + TITLE
    return columns, rows, min(rows * each + MARGIN_Y, 9.0)


def _single(subject: Subject, state: Shot, log: bool) -> Figure:
    ratio = shape_ratio(subject.grid)
    side = 3.6 * min(1.0, ratio)
    figure = Figure((side + 1.2, side / ratio + 0.65), layout="constrained")
    ax = figure.add_subplot()
    scale = scale_of([shown_field(state, subject)], log=log)
    state_panel(ax, state, subject, scale.norms[0])
    _bar(figure, [ax], scale, subject.what)
    return figure


def _bar(figure: Figure, axes: Sequence[Axes], scale: Scale, what: str | None) -> None:
    symbol = "|J|" if what == "current" else "p"
    norm = scale.norms[0] if scale.shared else Normalize(0.0, 1.0)
    bar = figure.colorbar(
        ScalarMappable(norm, density_map()),
        ax=axes,
        pad=0.015,
        aspect=18 * max(1, len(axes) // 3) + 8,
        shrink=0.9 if len(axes) > 1 else 1.0,
        extend="min" if scale.floor > 0 else "neither",
    )
    name = "current" if what == "current" else "density"
    label = f"{name} ${symbol}$" if scale.shared else f"{name} ${symbol}\\,/\\,\\max {symbol}$"
    bar.set_label(label)


def _outer_labels(axes: Sequence[Axes], columns: int) -> None:
    """Keep tick and axis labels at the outside of a block of panels."""
    for k, ax in enumerate(axes):
        if k % columns:
            ax.tick_params(labelleft=False)
            ax.set_ylabel("")
        if k // columns < (len(axes) - 1) // columns:
            ax.tick_params(labelbottom=k + columns >= len(axes))
            ax.set_xlabel("")
