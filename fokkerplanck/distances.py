"""Distances between two densities on the same grid.

Densities are constant on cells. Total variation, L1, L2, the divergences and the 1-D Wasserstein
distances are exact for them; 2-D Wasserstein distances come with an error estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import quantiles
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid

__all__ = [
    "Distance",
    "hellinger",
    "kl",
    "l1",
    "l2",
    "masses",
    "relative_fisher",
    "total_variation",
    "wasserstein",
    "wasserstein_pair",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance and its absolute error (0 where it is exact for the given cells)."""

    value: float
    error: float = 0.0


def l1(p: Array, q: Array, grid: Grid) -> float:
    """``int |p - q|``."""
    return grid.integrate(np.abs(p - q))


def total_variation(p: Array, q: Array, grid: Grid) -> float:
    """Total variation ``int |p - q| / 2``, between 0 and 1."""
    return 0.5 * l1(p, q, grid)


def l2(p: Array, q: Array, grid: Grid) -> float:
    """``sqrt(int (p - q)^2)``."""
    return float(np.sqrt(grid.integrate((p - q) ** 2)))


def kl(p: Array, q: Array, grid: Grid) -> float:
    """Kullback-Leibler divergence ``int p ln(p / q)`` of the normalised densities.

    Infinite where p has mass and q has none.
    """
    a, b = masses(p, grid), masses(q, grid)
    held = a > 0
    if np.any(b[held] == 0):
        return float("inf")
    # a ln(a/b) - a + b is never negative, and sums to the same
    with np.errstate(under="ignore"):
        terms = a[held] * np.log(a[held] / b[held]) - a[held] + b[held]
    return float(max(terms.sum() + b[~held].sum(), 0.0))


def hellinger(p: Array, q: Array, grid: Grid) -> float:
    """Hellinger distance ``sqrt(1 - int sqrt(p q))`` of the normalised densities, in [0, 1]."""
    a, b = masses(p, grid), masses(q, grid)
    # the sum of squares keeps the digits of close densities, 1 - BC does not
    return float(np.sqrt(0.5 * ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()))


def relative_fisher(p: Array, q: Array, grid: Grid) -> float:
    """Relative Fisher information ``int p |grad ln(p / q)|^2``.

    Differences over the links between neighbouring cells, weighted with the geometric mean of p;
    second order in the spacing. Links where either density vanishes are left out.
    """
    a, b = masses(p, grid), masses(q, grid)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(a) - np.log(b)
    total = 0.0
    for k, axis in enumerate(grid.axes):
        turn = -1 if axis.periodic else None
        slope = (_next(ratio, k, turn) - _here(ratio, k, turn)) / axis.spacing
        weight = np.sqrt(_next(a, k, turn) * _here(a, k, turn))
        fine = np.isfinite(slope) & (weight > 0)
        total += float((weight[fine] * slope[fine] ** 2).sum())
    return total


def wasserstein(p: Array, q: Array, grid: Grid, order: int = 2) -> Distance:
    """Wasserstein distance of the normalised densities, Euclidean ground distance.

    On a line (or a ring) it is exact for the piecewise constant densities. On a plane, order 1
    is Beckmann's least flux on at most 128 cells per axis and order 2 a debiased Sinkhorn
    divergence on at most 64, cut to the box that holds the masses; the error is estimated from
    two resolutions.

    Parameters
    ----------
    p, q : ndarray, shape (*grid.shape,)
        Densities.
    grid : Grid
        Periodic axes are rings: the shorter way counts.
    order : int
        1 or 2.

    Returns
    -------
    Distance

    Raises
    ------
    CaseError
        If `order` is not 1 or 2, or a density has no mass.

    References
    ----------
    C. Villani, Topics in Optimal Transportation, theorem 2.18 (line).
    """
    if order not in (1, 2):
        msg = f"Wasserstein distances of order 1 and 2 are known, got {order}"
        raise CaseError(msg)
    return wasserstein_pair(p, q, grid)[order - 1]


def wasserstein_pair(p: Array, q: Array, grid: Grid) -> tuple[Distance, Distance]:
    """Both Wasserstein distances, of order 1 and 2, for less than twice the work."""
    a, b = masses(p, grid), masses(q, grid)
    if grid.dim == 2:
        return _plane(a, b, grid)
    axis = grid.axes[0]
    first, second = (
        quantiles.wasserstein(a, b, axis.spacing, order, ring=axis.periodic) for order in (1, 2)
    )
    return Distance(first), Distance(second)


def masses(density: Array, grid: Grid) -> Array:
    """Cell masses summing to 1; rounding below zero is cut off."""
    mass = np.maximum(np.asarray(density, dtype=np.float64), 0.0)
    total = mass.sum()
    if not (np.isfinite(total) and total > 0):
        msg = f"a density needs a finite positive mass, got {total * grid.volume:g}"
        raise CaseError(msg)
    return np.asarray(mass / total)


def _plane(a: Array, b: Array, grid: Grid) -> tuple[Distance, Distance]:
    from fokkerplanck.solvers import transport

    if np.array_equal(a, b):
        return Distance(0.0), Distance(0.0)
    rings = (grid.axes[0].periodic, grid.axes[1].periodic)
    if not any(rings):
        a, b = _cropped(a, b)
    spacing = np.array(grid.spacing)
    first = transport.first_order(a, b, spacing, rings)
    second = transport.second_order(a, b, spacing, rings)
    # W2 >= W1 >= the distance of the means (rings have no mean)
    low = 0.0 if any(rings) else _shift(a - b, spacing)
    high = max(second.value + second.error, low)
    value = min(max(first.value, low), high)
    return (
        Distance(value, min(first.error, high - low)),
        Distance(max(second.value, low), second.error),
    )


def _cropped(a: Array, b: Array) -> tuple[Array, Array]:
    """Both masses inside the smallest box that holds all but a negligible part of them."""
    keep = (a + b) > 1e-16
    box = []
    for k in (0, 1):
        where = np.flatnonzero(keep.any(axis=1 - k))
        low, high = int(where[0]), int(where[-1]) + 1
        # the boxes of the coarse grids need a few cells
        spare = max(0, 8 - (high - low))
        low = max(0, low - spare)
        box.append(slice(low, min(a.shape[k], high + spare)))
    a, b = a[tuple(box)], b[tuple(box)]
    return a / a.sum(), b / b.sum()


def _shift(excess: Array, spacing: Array) -> float:
    parts = [
        (excess.sum(axis=1 - k) * np.arange(excess.shape[k])).sum() * spacing[k] for k in (0, 1)
    ]
    return float(np.hypot(*parts))


def _here(values: Array, axis: int, turn: int | None) -> Array:
    return values if turn else np.take(values, np.arange(values.shape[axis] - 1), axis=axis)


def _next(values: Array, axis: int, turn: int | None) -> Array:
    if turn:
        return np.roll(values, turn, axis=axis)
    return np.take(values, np.arange(1, values.shape[axis]), axis=axis)
