"""Sets on a line as intervals: what of a line with long jumps kills, and where walkers begin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.sets import PointSet, as_set

__all__ = ["Interval", "checked_start", "checked_target", "covered", "intervals"]

Array = NDArray[np.float64]
Interval = tuple[float, float]
#: Fewest cells of an interval that kills: half as many nodes, for the error, have to see it.
FEWEST = 4.0
#: Part of a cell below which a gap is rounding.
SAME = 1e-9


def intervals(part: PointSet, grid: Grid) -> list[Interval]:
    """Intervals that a set consists of between the walls; ends at walls are infinite."""
    axis = grid.axes[0]
    inner = part.representative()
    points = np.append(axis.half_points, [] if inner is None else inner)
    x = np.unique(np.clip(points, axis.min, axis.max))
    inside = part.contains(x[:, None], grid)
    change = np.flatnonzero(inside[1:] != inside[:-1])
    begins = np.where(inside[change], x[change + 1], x[change])
    ends = np.where(inside[change], x[change], x[change + 1])
    places = np.empty(0)
    if change.size:
        fraction = np.minimum(part.entry(begins[:, None], ends[:, None], grid), 1.0)
        places = begins + fraction * (ends - begins)
    low = [-np.inf] if inside[0] else []
    high = [np.inf] if inside[-1] else []
    ordered = np.concatenate([low, places, high])
    return [(float(a), float(b)) for a, b in zip(ordered[::2], ordered[1::2], strict=True)]


def checked_target(
    grid: Grid, target: PointSet | float | Sequence[float] | ArrayLike | str, key: str = "to"
) -> tuple[list[Interval], str]:
    """Intervals of a target, none for ``"walls"``, and what it is in words.

    Raises
    ------
    CaseError
        If no wall absorbs, or the set is a point, off the grid, or narrower than four cells, or a
        gap beside it is.
    """
    if isinstance(target, str):
        if target != "walls":
            msg = f'a target is a set of points or "walls", got {target!r}'
            raise CaseError(msg, key=key)
        if "absorbing" not in grid.walls[0]:
            msg = 'the target is "walls", but nobody leaves: no wall of the grid is absorbing'
            raise CaseError(msg, key=key)
        return [], target
    part = as_set(target)
    part.check_on(grid)
    if part.is_point:
        msg = f"the target, {part.text}, is a point, which jumps lead over: give it a radius"
        raise CaseError(msg, key=key)
    found, h = intervals(part, grid), grid.spacing[0]
    axis = grid.axes[0]
    widths = [min(b, axis.max) - max(a, axis.min) for a, b in found]
    if not found or min(widths) < FEWEST * h:
        width = min(widths, default=0.0)
        msg = f"{part.text} is {width:.3g} wide, less than {FEWEST:g} cells of {h:.3g}: take more "
        msg += "cells"
        raise CaseError(msg, key=key)
    _check_gaps(found, axis, part.text, key)
    if sum(widths) > (1.0 - 1e-12) * (axis.max - axis.min):
        msg = f"{part.text} covers the grid [{axis.min:g}, {axis.max:g}]: nothing is left of it"
        raise CaseError(msg, key=key)
    return found, part.text


def _check_gaps(found: Sequence[Interval], axis: Axis, words: str, key: str) -> None:
    """Refuse gaps between intervals, and to walls, that cells do not see."""
    ends = np.clip(np.ravel([*found]), axis.min, axis.max)
    gaps = np.diff(np.concatenate([[axis.min], ends, [axis.max]]))[::2]
    narrow = gaps[(gaps > SAME * axis.spacing) & (gaps < FEWEST * axis.spacing)]
    if narrow.size:
        msg = f"{words} leaves a gap of {narrow[0]:.3g} beside it, less than {FEWEST:g} cells of "
        msg += f"{axis.spacing:.3g}: let it reach the wall, or take more cells"
        raise CaseError(msg, key=key)


def checked_start(
    grid: Grid,
    start: PointSet | float | Sequence[float] | ArrayLike,
    killed: Sequence[Interval],
    words: str,
) -> PointSet:
    """Make the set to start from.

    Raises
    ------
    CaseError
        If it lies off the grid, on a wall, or wholly where walkers are killed.
    """
    begin = as_set(start)
    begin.check_dim(grid)
    axis = grid.axes[0]
    if begin.is_point:
        point = begin.representative()
        assert point is not None
        x = float(point[0])
        if not axis.min < x < axis.max:
            msg = f"needs a point between the walls {axis.min:.6g} and {axis.max:.6g}, got {x:.6g}"
            raise CaseError(msg, key="from")
        if any(a <= x <= b for a, b in killed):
            msg = f"the start, {begin.text}, lies in the target, {words}"
            raise CaseError(msg, key="from")
        return begin
    begin.check_on(grid)
    if not covered(intervals(begin, grid), killed, axis.edges).any():
        msg = f"the start, {begin.text}, lies inside the target, {words}"
        raise CaseError(msg, key="from")
    return begin


def covered(parts: Sequence[Interval], without: Sequence[Interval], edges: Array) -> Array:
    """Length that intervals, less others, cover of each cell between `edges`; shape (n,)."""
    ends = np.array([*parts, *without]).ravel()
    cuts = np.unique(np.concatenate([edges, np.clip(ends, edges[0], edges[-1])]))
    middle = 0.5 * (cuts[1:] + cuts[:-1])
    counts = _within(middle, parts) & ~_within(middle, without)
    total = np.concatenate([[0.0], np.cumsum(np.where(counts, np.diff(cuts), 0.0))])
    return np.asarray(np.diff(total[np.searchsorted(cuts, edges)]))


def _within(x: Array, parts: Sequence[Interval]) -> NDArray[np.bool_]:
    inside = np.zeros(len(x), dtype=np.bool_)
    for a, b in parts:
        inside |= (a <= x) & (x <= b)
    return inside
