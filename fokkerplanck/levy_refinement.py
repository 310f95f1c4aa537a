"""Errors of what is found on nodes under long jumps, from what fewer nodes give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError

__all__ = ["changes", "left_over"]

Array = NDArray[np.float64]
#: Parts of the nodes, beside half, that are asked where edges lie between nodes, and what their
#: changes are multiplied by; the last two up to so many cells, and none beyond so many.
MORE, FURTHER, SMALLER, SMALL = (0.6, 1.7), ((0.7, 1.4), (0.8, 1.8)), 1024, 16384
#: Slowest fall of errors per halving that is believed, and margin for what is left then.
SLOW, LEFT = 1.2, 1.5
#: Multiple of the change where nothing tells how fast errors fall.
UNKNOWN = 2.0
TINY = 1e-300


def changes(
    cells: int,
    numbers: Callable[[int], ArrayLike],
    found: ArrayLike,
    *,
    inner: bool = True,
) -> Array:
    """Errors of numbers that were found on all cells, by asking for them on fewer nodes.

    See `left_over`. Where edges lie between nodes (`inner`), errors depend on where: one change may
    be small by chance, and more are asked for.
    """
    known = np.asarray(found)

    def on(part: float) -> Array:
        return np.asarray(numbers(int(part * cells)))

    half = on(0.5)
    try:
        before = np.abs(on(0.25) - half)
    except (CaseError, NumericalError):  # too few nodes to see the sets
        largest = UNKNOWN * np.abs(half - known)
    else:
        largest = left_over(np.abs(half - known), before)
    parts = (MORE, *FURTHER) if cells <= SMALLER else (MORE,)
    for part, weight in parts if inner and cells <= SMALL else ():
        largest = np.maximum(largest, weight * np.abs(on(part) - known))
    return np.asarray(largest)


def left_over(last: ArrayLike, before: ArrayLike) -> Array:
    """Errors, from the change on half as many nodes, and from these on a quarter.

    At second order a third of the last change is left, and the change itself counts. It may be
    small by chance: then a quarter of the change before does. Where the two fall slowly, as next
    to walls and in layers thinner than the cells, what is left is more.
    """
    last = np.maximum(last, 0.25 * np.asarray(before))
    falls = np.maximum(before / np.maximum(last, TINY), SLOW) - 1.0
    return np.asarray(np.maximum(last, LEFT * last / falls))
