"""Which minima a saddle connects: paths of steepest descent on both of its sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fokkerplanck.landscapes.base import Array, Landscape
from fokkerplanck.landscapes.newton import Box

__all__ = ["connected_minima", "highest_on_path"]

#: first step off a saddle and radius of arrival, relative to the box
OFF = 1e-5
ARRIVED = 1e-3
#: longest descent, in units of the inverse downward curvature of the saddle
LONGEST = 1e5


def connected_minima(
    landscape: Landscape, box: Box, saddle: Array, minima: Array
) -> tuple[int | None, int | None]:
    """Minima at which steepest descent from the two sides of a saddle ends; None for a wall.

    Parameters
    ----------
    saddle : ndarray, shape (dim,)
    minima : ndarray, shape (count, dim)
    """
    hessian = landscape.hessian(saddle)
    values, vectors = np.linalg.eigh(hessian)
    rate = max(-float(values[0]), 1e-8 * float(np.abs(values).max()), np.finfo(float).tiny)
    downhill = vectors[:, 0]
    first, second = (
        _descend(landscape, box, saddle + side * OFF * box.size * downhill, minima, rate)
        for side in (-1.0, 1.0)
    )
    return first, second


def highest_on_path(
    edges: Sequence[tuple[float, int, int]], count: int, start: int, end: int
) -> int | None:
    """Find the number of the edge that tops the min-max path between two of `count` nodes.

    Edges are (height, node, node). Joining nodes from the lowest edge up (Kruskal), the edge
    that first connects the two is the top. None where nothing connects them.
    """
    group = np.arange(count)
    for k in sorted(range(len(edges)), key=lambda k: edges[k][0]):
        _, a, b = edges[k]
        group[group == group[a]] = group[b]
        if group[start] == group[end]:
            return k
    return None


def _descend(
    landscape: Landscape, box: Box, start: Array, minima: Array, rate: float
) -> int | None:
    """Follow dx/ds = -grad L; number of the minimum reached, None when it leaves the box."""
    from scipy.integrate import solve_ivp

    # well inside the nearest other minimum, however close two of them lie
    radius = np.array([_arrival(box, k, minima) for k in range(len(minima))])

    def gaps(x: Array) -> Array:
        return np.asarray([box.distance(x, m) for m in minima] - radius)

    def arrived(_: float, x: Array) -> float:
        return float(gaps(x).min())

    def left(_: float, x: Array) -> float:
        edge = np.minimum(x - box.low, box.high - x)
        return float(np.where(box.periodic, box.size, edge).min()) + OFF * box.size

    arrived.terminal = left.terminal = True  # type: ignore[attr-defined]
    path = solve_ivp(
        lambda _, x: -landscape.gradient(box.inside(x)),
        (0.0, LONGEST / rate),
        start,
        method="LSODA",
        jac=lambda _, x: -landscape.hessian(box.inside(x)),
        events=[arrived, left],
        rtol=1e-6,
        atol=1e-8 * box.size,
    )
    if path.t_events is None or not len(path.t_events[0]):
        return None
    return int(np.argmin(gaps(path.y[:, -1])))


def _arrival(box: Box, k: int, minima: Array) -> float:
    others = [box.distance(minima[k], m) for i, m in enumerate(minima) if i != k]
    return min([ARRIVED * box.size, *(0.1 * d for d in others)])
