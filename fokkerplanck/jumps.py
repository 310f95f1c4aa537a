"""Places on a line where a function jumps, told from places where it is merely steep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_jumps"]

Array = NDArray[np.float64]
#: Relative change between neighbouring points that is looked into.
SUSPECT = 1e-3
#: Halvings that find a jump to rounding, and the part of the change that must then be left.
HALVINGS, LEFT = 60, 0.5


def find_jumps(function: Callable[[Array], Array], x: Array) -> Array:
    """Find the jumps of a positive function between neighbouring points, at most one in each gap.

    Parameters
    ----------
    function : callable
        Of points (n,), with values (n,).
    x : ndarray, shape (n,)
        Ascending.

    Returns
    -------
    ndarray, shape (jumps,)
        Ascending.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(function(x))
    change = np.abs(np.diff(value))
    gap = np.flatnonzero(change > SUSPECT)
    low, high, before, after = x[gap], x[gap + 1], value[gap], value[gap + 1]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.log(function(middle)) if gap.size else middle
        left = np.abs(at - before) > np.abs(after - at)
        low, before = np.where(left, low, middle), np.where(left, before, at)
        high, after = np.where(left, middle, high), np.where(left, at, after)
    return np.asarray(((low + high) / 2)[np.abs(after - before) > LEFT * change[gap]])
