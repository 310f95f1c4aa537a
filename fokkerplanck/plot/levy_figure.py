"""The figure of a result with heavy tails: densities near the wells, their tails, what evolves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.plot.line import density_curves, landscape_strip, time_bar, time_colours
from fokkerplanck.plot.line_figure import CURVE_TIMES, MAP_TIMES, draw_map, draw_masses
from fokkerplanck.plot.select import Shot
from fokkerplanck.plot.style import WIDTH, letter, new_axes
from fokkerplanck.plot.subject import Subject
from fokkerplanck.plot.window import crop

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = ["Tails", "levy_figure", "tail_curves", "tails_of"]

Array = NDArray[np.float64]
#: where along the distance from the wells a power is drawn, as parts of the way to the wall
FROM, TO = 0.25, 0.9
#: the lowest density that is shown, over that of the last state next to a wall
LOWEST = 0.1


@dataclass(frozen=True)
class Tails:
    """How densities fall off, in theory.

    Parameters
    ----------
    low, high : float or None
        Powers of the distance at both ends; None where a wall is the end of all.
    """

    low: float | None
    high: float | None


def tails_of(result: StoredResult) -> Tails:
    """Powers of the tails of a result: stationary ones, or those that jumps leave at once."""
    alpha = float(result.attrs["alpha"])
    stopped = result.attrs["outside"] == "stopped" and alpha < 2.0
    facts = dict(result.file["stationary"].attrs) if "stationary" in result.file else {}
    powers = []
    for side, wall in zip(("low", "high"), result.grid.walls[0], strict=True):
        known = stopped and wall == "reflecting"
        power = float(facts.get(f"tail_exponent_{side}", 1.0 + alpha))
        powers.append(power if known and np.isfinite(power) else None)
    return Tails(*powers)


def levy_figure(
    subject: Subject, tails: Tails, density: Callable[[int], Array], *, log: bool = False
) -> Figure:
    """Compose the figure of a result with heavy tails.

    Parameters
    ----------
    subject : Subject
    tails : Tails
    density : callable
        Snapshot number -> density (cells,), for the map over time.
    log : bool
        Logarithmic densities, from wall to wall.

    Returns
    -------
    Figure
        On the left the landscape and densities where they are large, on the right their tails on
        logarithmic axes, and what is told over time.
    """
    near = subject if log else crop(subject)
    over_time = _over_time(subject)
    figure = Figure((WIDTH, 4.6 if over_time else 3.6), layout="constrained")
    columns = figure.add_gridspec(1, 2)
    left = columns[0].subgridspec(2, 1, height_ratios=(1, 2.6))
    main = figure.add_subplot(left[1])
    strip = figure.add_subplot(left[0], sharex=main)
    landscape_strip(subject.loss, subject.grid, strip, subject.wells)
    strip.tick_params(labelbottom=False)
    strip.set_xlabel("")
    density_curves(near.shots, near.grid, main, stationary=near.stationary, log=log)
    if main.get_legend_handles_labels()[0]:
        main.legend(loc="best", handlelength=2.0)
    right = columns[1].subgridspec(1 + len(over_time), 1, height_ratios=(1.3, *over_time.values()))
    far = figure.add_subplot(right[0])
    tail_curves(subject.shots, subject, far, tails)
    if len(subject.shots) > 1:
        time_bar(subject.shots, [strip, main])
    axes = [strip, main, far]
    for k, name in enumerate(over_time):
        axes.append(figure.add_subplot(right[1 + k], sharex=axes[-1] if k else None))
        if name == "map":
            draw_map(near, _cut(density, subject.grid, near.grid), axes[-1], log)
        else:
            draw_masses(subject, axes[-1])
    if len(over_time) == 2:
        axes[-2].tick_params(labelbottom=False)
        axes[-2].set_xlabel("")
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def tail_curves(
    shots: Sequence[Shot], subject: Subject, ax: Axes | None = None, tails: Tails | None = None
) -> list[Line2D]:
    """Draw densities against the distance from the wells, both logarithmic; dotted their powers.

    To the right full lines, to the left thin ones.
    """
    ax, lines = new_axes(ax), list[Line2D]()
    middle = _middle(subject)
    away = subject.grid.axes[0].centres - middle
    states = [(s, c, "-") for s, c in zip(shots, time_colours(max(len(shots), 1)), strict=False)]
    if subject.stationary is not None:
        states.append((subject.stationary, "black", (0, (4, 2.2))))  # type: ignore[arg-type]
    for state, colour, dashes in states:
        for side, width in ((1.0, 1.2), (-1.0, 0.6)):
            part = (side * away > 0.0) & (state.density > 0.0)
            lines += ax.plot(
                side * away[part],
                state.density[part],
                color=colour,
                linewidth=width,
                linestyle=dashes,
            )
    last = states[-1][0].density
    for side, power in ((1.0, tails.high), (-1.0, tails.low)) if tails else ():
        if power is not None:
            _draw_power(side * away, last, power, ax)
            if tails is not None and tails.low == tails.high:
                break
    ax.set_xscale("log")
    ax.set_yscale("log")
    ends = last[[0, -1]]
    lowest = float(ends[ends > 0.0].min(initial=float(last.max())))
    top = max(float(s.density.max()) for s, _, _ in states)
    ax.set_ylim(LOWEST * lowest, 3.0 * top)
    ax.set_xlim(float(np.abs(away).max()) / 100.0, float(np.abs(away).max()) * 1.05)
    sign = "-" if middle > 0.0 else "+"
    ax.set_xlabel("$|x|$" if middle == 0.0 else f"$|x {sign} {abs(middle):.3g}|$")
    ax.set_ylabel("density $p$")
    return lines


def _draw_power(away: Array, density: Array, power: float, ax: Axes) -> None:
    """Draw ``|x|^-power`` beside the tail of a density, a little above it."""
    reach = float(away.max())
    part = (away > FROM * reach) & (away < TO * reach)
    if not part.any() or density[part].min() <= 0.0:
        return
    x = np.sort(away[part])
    k = int(np.flatnonzero(part)[np.argmax(away[part])])
    y = 2.0 * density[k] * (x / away[k]) ** -power
    ax.plot(x, y, color="0.4", linewidth=0.9, linestyle=(0, (1, 1.5)))
    label = f"$|x|^{{-{power:.3g}}}$"
    ax.annotate(
        label, (x[len(x) // 3], y[len(x) // 3]), (3, 3), textcoords="offset points", color="0.3"
    )


def _middle(subject: Subject) -> float:
    """Middle of the outermost wells, or of the grid."""
    axis = subject.grid.axes[0]
    if subject.wells is None:
        return 0.5 * (axis.min + axis.max)
    places = subject.wells.bottoms[:, 0]
    middle = 0.5 * float(places.min() + places.max())
    return 0.0 if abs(middle) < axis.spacing else middle


def _over_time(subject: Subject) -> dict[str, float]:
    """Panels over time that there is something to show in, and their heights."""
    if subject.survey is None:
        return {}
    times, found = subject.survey.times, {}
    if len(times) >= MAP_TIMES:
        found["map"] = 1.1
    if subject.metastable and len(times) >= CURVE_TIMES:
        found["masses"] = 0.9
    return found


def _cut(density: Callable[[int], Array], grid: Grid, part: Grid) -> Callable[[int], Array]:
    """Densities on a part of the grid."""
    first = round((part.axes[0].min - grid.axes[0].min) / grid.spacing[0])
    return lambda k: density(k)[first : first + part.shape[0]]
