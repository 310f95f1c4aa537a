"""The part of the plane that a figure is about: where there is density, and the wells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid
from fokkerplanck.plot.select import LOG_FLOOR, Shot

if TYPE_CHECKING:
    from fokkerplanck.plot.subject import Subject

__all__ = ["crop", "cut", "part_of", "window"]

Array = NDArray[np.float64]

#: density above this part of its peak is to be seen on a linear scale
VISIBLE = 2e-3
#: room around it, as part of its length
MARGIN = 0.15
#: an axis of which this part is needed is shown from wall to wall
NEARLY_ALL = 0.85


def crop(subject: Subject, *, log: bool = False) -> Subject:
    """Cut empty surroundings off the fields of a subject.

    Walls are set far from the density, where they do no harm; a figure does not need them. All
    minima and passes stay inside. Labels of wells and the survey are those of the whole grid.
    """
    slices = window(_seen(subject, LOG_FLOOR if log else VISIBLE), subject.grid)
    steady = subject.stationary
    return replace(
        subject,
        grid=part_of(subject.grid, slices),
        loss=subject.loss[slices],
        shots=tuple(cut(s, slices) for s in subject.shots),
        stationary=None if steady is None else cut(steady, slices),
    )


def window(seen: NDArray[np.bool_], grid: Grid) -> tuple[slice, ...]:
    """Slices of the axes that hold all cells to be seen, and some room around them."""
    where = np.nonzero(seen)
    return tuple(_needed(axis, w) for axis, w in zip(grid.axes, where, strict=True))


def part_of(grid: Grid, slices: tuple[slice, ...]) -> Grid:
    """Return the part of a grid that slices of its axes leave."""
    return Grid(tuple(_part(axis, s) for axis, s in zip(grid.axes, slices, strict=True)))


def _seen(subject: Subject, floor: float) -> NDArray[np.bool_]:
    """Cells with density in any state, and those of minima and passes."""
    seen = np.zeros(subject.grid.shape, dtype=bool)
    for state in subject.states:
        seen |= state.density > floor * state.density.max()
    if subject.wells is not None:
        for cell in (*subject.wells.minima, *subject.wells.passes):
            seen[cell] = True
    return seen if seen.any() else ~seen


def _needed(axis: Axis, seen: NDArray[np.intp]) -> slice:
    first, last = int(seen.min()), int(seen.max())
    room = round(MARGIN * (last - first + 1)) + 1
    low, high = max(first - room, 0), min(last + 1 + room, axis.cells)
    whole = axis.periodic or high - low >= NEARLY_ALL * axis.cells
    return slice(0, axis.cells) if whole else slice(low, high)


def _part(axis: Axis, part: slice) -> Axis:
    if part == slice(0, axis.cells):
        return axis
    low, high = float(axis.edges[part.start]), float(axis.edges[part.stop])
    return Axis(low, high, part.stop - part.start, name=axis.name)


def cut(state: Shot, slices: tuple[slice, ...]) -> Shot:
    """Return the part of a state that slices of the axes leave."""
    current = None if state.current is None else state.current[slices]
    error = None if state.error is None else state.error[slices]
    return replace(state, density=state.density[slices], current=current, error=error)
