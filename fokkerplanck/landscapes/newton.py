"""Zeros of a gradient in a box: starting points from a lattice, then damped Newton steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Array, Landscape

__all__ = ["Box", "polished", "seeds"]

#: lattice intervals per axis, at least and at most, on a line and on a plane
RESOLUTION = {1: (1024, 8192), 2: (128, 512)}
MOST_SEEDS = 4096
ITERATIONS = 80
HALVINGS = 12
#: a Newton step this small, relative to the box, ends the search
SETTLED = 1e-12
#: eigenvalues below this part of the largest are not inverted further
FLOOR = 1e-10


@dataclass(frozen=True, eq=False)
class Box:
    """The box of a grid with a lattice fine enough to see its critical points.

    Parameters
    ----------
    low, high : ndarray, shape (dim,)
        The walls.
    counts : tuple of int
        Lattice intervals along each axis.
    periodic : tuple of bool
        For each axis.
    """

    low: Array
    high: Array
    counts: tuple[int, ...]
    periodic: tuple[bool, ...]

    @classmethod
    def around(cls, grid: Grid) -> Box:
        """Box of a grid."""
        fewest, most = RESOLUTION[grid.dim]
        return cls(
            np.array([axis.min for axis in grid.axes]),
            np.array([axis.max for axis in grid.axes]),
            tuple(min(max(axis.cells, fewest), most) for axis in grid.axes),
            tuple(axis.periodic for axis in grid.axes),
        )

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.counts)

    @property
    def size(self) -> float:
        """Length of the longest side."""
        return float((self.high - self.low).max())

    @property
    def cell(self) -> float:
        """Longest lattice interval."""
        return float(((self.high - self.low) / self.counts).max())

    def lattice(self) -> Array:
        """Points from wall to wall (the second wall only where it is another point)."""
        axes = [
            np.linspace(a, b, n + 1)[: n if wraps else n + 1]
            for a, b, n, wraps in zip(self.low, self.high, self.counts, self.periodic, strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)

    def inside(self, points: Array) -> Array:
        """Points moved into the box: wrapped along periodic axes, onto the wall along others."""
        wrapped = self.low + np.mod(points - self.low, self.high - self.low)
        return np.where(self.periodic, wrapped, np.clip(points, self.low, self.high))

    def distance(self, a: Array, b: Array) -> float:
        """Distance, the short way round along periodic axes."""
        gap, side = np.abs(a - b), self.high - self.low
        gap = np.where(self.periodic, np.minimum(gap, np.abs(side - gap)), gap)
        return float(np.hypot.reduce(gap))

    def representatives(self, points: Array, radius: float) -> NDArray[np.intp]:
        """Index of the middlemost point of each chain of points closer than `radius`."""
        if len(points) < 2:
            return np.arange(len(points))
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
        from scipy.spatial import cKDTree

        sides = np.where(self.periodic, self.high - self.low, 0.0)
        offset = np.where(self.periodic, np.mod(points - self.low, self.high - self.low), points)
        shift = np.where(self.periodic, 0.0, -offset.min(axis=0))
        pairs = cKDTree(offset + shift, boxsize=sides).query_pairs(radius, output_type="ndarray")
        ones = np.ones(len(pairs))
        graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2)
        count, label = connected_components(graph, directed=False)
        return np.array([_middle(points, np.flatnonzero(label == k)) for k in range(count)])


def seeds(landscape: Landscape, box: Box) -> tuple[Array, float]:
    """Lattice points near which every gradient component may vanish, and a typical curvature."""
    lattice = box.lattice()
    gradient = landscape.gradient(lattice)
    size = np.hypot.reduce(gradient, axis=-1)
    likely = np.ones(size.shape, dtype=bool)
    for i in range(box.dim):
        part = gradient[..., i]
        likely &= _window(part, box.periodic, np.minimum) <= 0.0
        likely &= _window(part, box.periodic, np.maximum) >= 0.0
    likely |= size <= _window(size, box.periodic, np.minimum)
    found = lattice[likely]
    if len(found) > MOST_SEEDS:
        step = -(-len(found) // MOST_SEEDS)
        found = found[::step]
    hints = landscape.minimum_hint()
    hints = hints[((hints >= box.low) & (hints <= box.high)).all(axis=-1)]
    return np.concatenate([found, hints]), float(np.median(size)) / box.size


def polished(landscape: Landscape, box: Box, starts: Array) -> Array:
    """Critical points reached from `starts`, each as often as it was reached.

    Newton steps no longer than two lattice cells, halved until the gradient shrinks: the gradient
    may have kinks (piecewise landscapes), across which a full step would hop for ever.
    """
    points = starts.copy()
    gradient = landscape.gradient(points)
    done = np.zeros(len(points), dtype=bool)
    for _ in range(ITERATIONS):
        live = np.flatnonzero(~done)
        if not live.size:
            break
        step = _newton_step(landscape.hessian(points[live]), gradient[live], 2.0 * box.cell)
        settled = np.hypot.reduce(step, axis=-1) <= SETTLED * box.size
        moved, there, stuck = _shorten(landscape, box, points[live], gradient[live], step)
        points[live], gradient[live] = moved, there
        done[live[settled]] = True
        lost = live[stuck & ~settled]
        points[lost], done[lost] = np.nan, True
    points[~done] = np.nan
    good = np.isfinite(points).all(axis=-1)
    return points[good]


def _newton_step(hessian: Array, gradient: Array, longest: float) -> Array:
    """-H^-1 g with the smallest eigenvalues kept away from zero, no longer than `longest`."""
    values, vectors = np.linalg.eigh(hessian)
    floor = FLOOR * np.abs(values).max(axis=-1, keepdims=True) + np.finfo(float).tiny
    values = np.where(values < 0.0, -1.0, 1.0) * np.maximum(np.abs(values), floor)
    along = np.einsum("nji,nj->ni", vectors, gradient)
    with np.errstate(over="ignore"):
        step = -np.einsum("nij,nj->ni", vectors, along / values)
    step = np.clip(step, -1e150, 1e150)
    length = np.hypot.reduce(step, axis=-1, keepdims=True)
    return np.asarray(step * np.minimum(1.0, longest / np.maximum(length, longest)))


def _shorten(
    landscape: Landscape, box: Box, points: Array, gradient: Array, step: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Take each step, halved until the gradient is smaller; say where it never was."""
    best, there = points.copy(), gradient.copy()
    size = np.hypot.reduce(gradient, axis=-1)
    open_ = np.arange(len(points))
    for k in range(HALVINGS):
        trial = box.inside(points[open_] + step[open_] * 0.5**k)
        new = landscape.gradient(trial)
        smaller = np.hypot.reduce(new, axis=-1) < size[open_]
        best[open_[smaller]], there[open_[smaller]] = trial[smaller], new[smaller]
        open_ = open_[~smaller]
        if not open_.size:
            break
    stuck = np.zeros(len(points), dtype=bool)
    stuck[open_] = True
    return best, there, stuck


def _window(
    values: Array, periodic: tuple[bool, ...], extreme: Callable[[Array, Array], Array]
) -> Array:
    """Extreme value over each point and its lattice neighbours."""
    for axis, wraps in enumerate(periodic):
        width = [(1, 1) if a == axis else (0, 0) for a in range(values.ndim)]
        wide = np.pad(values, width, mode="wrap" if wraps else "edge")
        n = values.shape[axis]
        low, middle, high = (np.take(wide, np.arange(k, n + k), axis=axis) for k in range(3))
        values = extreme(extreme(low, middle), high)
    return values


def _middle(points: Array, members: NDArray[np.intp]) -> int:
    centre = np.median(points[members], axis=0)
    gap = np.hypot.reduce(points[members] - centre, axis=-1)
    return int(members[int(np.argmin(gap))])
