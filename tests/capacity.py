"""Passage times of the case three_wells from the capacity between two wells, by plain scipy.

With the committor q from set A to set B, the mean time from A to B is
``int q exp(-V/T) / cap`` and back ``int (1 - q) exp(-V/T) / cap``,
``cap = T int |grad q|^2 exp(-V/T)`` (Bovier, Eckhoff, Gayrard and Klein, J. Eur. Math. Soc. 6, 399
(2004)). The solve starts in the well of less weight; so q is not small where the weight is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

Array = NDArray[np.float64]

SCALE = 0.56
#: A, a, b, c, x0, y0 of the four terms
TERMS = np.array(
    [
        [-200.0, -1.0, 0.0, -10.0, 1.0, 0.0],
        [-100.0, -1.0, 0.0, -10.0, 0.0, 0.5],
        [-170.0, -6.5, 11.0, -6.5, -0.5, 1.5],
        [15.0, 0.7, 0.6, 0.7, -1.0, 1.0],
    ]
)
LOWEST, SECOND, RADIUS = (-0.55822363, 1.44172584), (0.6234994, 0.02803776), 0.1
#: steeper than this above the lowest cell nothing matters
HIGHEST = 300.0


def loss(x: Array, y: Array) -> Array:
    """V = sum A exp(a u^2 + b u v + c v^2), scaled."""
    out = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for amplitude, a, b, c, x0, y0 in TERMS:
        u, v = x - x0, y - y0
        out += SCALE * amplitude * np.exp(a * u * u + b * u * v + c * v * v)
    return out


def weights(x: Array, y: Array) -> Array:
    return np.exp(-np.minimum(loss(x, y) - loss(*np.array(LOWEST)[:, None]), HIGHEST))


def times_between_wells(n: int) -> Array:
    """Mean times down and up on a grid of 15 n x 14 n cells; second order."""
    h = 0.2 / n
    x, y = -1.7 + h * (np.arange(15 * n) + 0.5), -0.6 + h * (np.arange(14 * n) + 0.5)
    number = np.arange(x.size * y.size).reshape(x.size, y.size)
    links = [
        (number[:-1], number[1:], weights(x[:-1, None] + h / 2, y[None, :])),
        (number[:, :-1], number[:, 1:], weights(x[:, None], y[None, :-1] + h / 2)),
    ]
    i, j, k = (np.concatenate([link[part].ravel() for link in links]) for part in range(3))
    both = sparse.coo_array((np.r_[k, k], (np.r_[i, j], np.r_[j, i])), shape=(number.size,) * 2)
    jumps = sparse.diags_array(1 / both.sum(axis=1)) @ both
    away = [np.hypot(x[:, None] - a, y[None, :] - b).ravel() for a, b in (SECOND, LOWEST)]
    start, goal = (d <= RADIUS for d in away)
    free = ~(start | goal)
    q = start.astype(float)
    system = sparse.eye_array(int(free.sum())) - jumps[free][:, free]
    factors = linalg.splu(
        system.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    q[free] = factors.solve(jumps[free] @ q)
    mass = weights(x[:, None], y[None, :]).ravel() * h * h
    return np.array([mass @ q, mass @ (1 - q)]) / (k @ (q[i] - q[j]) ** 2)


def three_wells() -> dict[str, float]:
    """Numbers of the case, from two grids extrapolated."""
    coarse, fine = times_between_wells(10), times_between_wells(20)
    down, up = (4 * fine - coarse) / 3
    return {
        "passage.down.mean": down,
        "passage.up.mean": up,
        "spectrum.0": 1 / down + 1 / up,
        "rates.rates.0.1": 1 / up,
        "rates.populations.2": down / up,
    }
