"""Kinetic modes as averages over the cells of x: even ones from centres, odd ones from faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.kinetic import Kinetic

__all__ = ["averages", "on_cells"]

Array = NDArray[np.float64]


def on_cells(operator: Kinetic, even: Array, odd: Array) -> Array:
    """Cell averages of the modes c_n from symmetrised ones, shape (modes, cells)."""
    w_e, w_o = operator.weights
    return averages(operator, w_e * even, w_o * odd)


def averages(operator: Kinetic, even: Array, odd: Array) -> Array:
    r"""Averages over cells of values at centres and at live faces, to fourth order.

    :math:`\bar c = c + \delta^2 c / 24` and ``(-1, 13, 13, -1) / 24`` of the four faces around.
    At walls even modes are mirrored and odd ones mirrored with their sign changed. Both keep sums.
    """
    half, n = even.shape
    out = np.empty((2 * half, n))
    if operator.periodic:
        left, right = np.roll(even, 1, axis=1), np.roll(even, -1, axis=1)
        f = np.concatenate([odd[:, -1:], odd, odd[:, :2]], axis=1)
    else:
        left = np.concatenate([even[:, :1], even[:, :-1]], axis=1)
        right = np.concatenate([even[:, 1:], even[:, -1:]], axis=1)
        wall = np.zeros((half, 1))
        f = np.concatenate([-odd[:, :1], wall, odd, wall, -odd[:, -1:]], axis=1)
    out[0::2] = even + (left - 2.0 * even + right) / 24.0
    out[1::2] = (13.0 * (f[:, 1:-2] + f[:, 2:-1]) - f[:, :-3] - f[:, 3:]) / 24.0
    return out
