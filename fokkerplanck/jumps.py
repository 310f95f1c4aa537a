"""Places on a line where a function jumps, told from places where it is merely steep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_jumps"]

Array = NDArray[np.float64]
#: Change between neighbouring points that is looked into, of the largest value.
SUSPECT = 1e-3
#: Halvings that find a jump to rounding, and the part of the change that must then be left: at the
#: jump itself a function may take the value in the middle.
HALVINGS, LEFT = 60, 0.4
#: Part of the change below which the search is given up.
HOPELESS = 0.1


def find_jumps(function: Callable[[Array], Array], x: Array) -> Array:
    """Find the jumps of a function between neighbouring points, at most one in each gap.

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
    value = function(x)
    change = np.abs(np.diff(value))
    gap = np.flatnonzero(change > SUSPECT * np.abs(value).max(initial=0.0))
    low, high, before, after = x[gap], x[gap + 1], value[gap], value[gap + 1]
    change = change[gap]
    for _ in range(HALVINGS):
        # what is merely steep is soon left behind
        part = np.abs(after - before) > HOPELESS * change
        low, high, before, after, change = (a[part] for a in (low, high, before, after, change))
        if not change.size:
            break
        middle = (low + high) / 2
        at = function(middle)
        left = np.abs(at - before) > np.abs(after - at)
        low, before = np.where(left, low, middle), np.where(left, before, at)
        high, after = np.where(left, middle, high), np.where(left, at, after)
    return np.asarray(((low + high) / 2)[np.abs(after - before) > LEFT * change])
