"""Regions of a landscape that belong to one critical point each: the frozen noise model.

Density diffusion theory (Xie, Sato and Sugiyama, ICLR 2021) freezes the noise of SGD at the
Hessian of a minimum up to some point of the climb and at that of the saddle beyond it. Here the
switch is where the Hessian stops being positive definite: in one dimension the inflection point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fokkerplanck.cut_cells import mean_shares
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.landscapes.critical import CriticalPoint

__all__ = ["Regions", "borders", "convex_regions", "curvature_at", "find_regions"]

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
#: Halvings that find a border on a line to rounding.
BISECTIONS = 60
#: Cut cells handled at a time, which bounds the memory.
CHUNK = 1 << 11
#: Part of the typical curvature on the grid below which a critical point is degenerate.
DEGENERATE = 1e-7


@dataclass(frozen=True, eq=False)
class Regions:
    """Which critical point each cell belongs to.

    Parameters
    ----------
    points : tuple of CriticalPoint
        Minima, then saddles.
    owner : ndarray of int, shape (*shape,)
        Index of the point that the cell's centre belongs to.
    curvature : ndarray, shape (*shape, dim, dim)
        ``|H|`` of that point (matrix absolute value: eigenvalues in modulus). A cell that a border
        cuts has the harmonic mean over its volume.
    """

    points: tuple[CriticalPoint, ...]
    owner: Labels
    curvature: Array


def find_regions(landscape: Landscape, grid: Grid) -> Regions:
    """Divide the cells of a grid among the minima and saddles of a landscape.

    Where the Hessian is positive definite, a point belongs to the minimum whose connected region
    (on the grid, over faces of cells) it lies in; to the nearest one if several minima share the
    region, and to the nearest minimum of all if its region holds none, as a valley may whose
    minimum lies beyond the walls. Elsewhere it belongs to the nearest saddle; without a saddle,
    to the nearest minimum, and the other way round. "Nearest" is Euclidean, around periodic axes.
    In one dimension the top of a barrier is the saddle. Points equally near share (harmonic mean).

    The harmonic mean in a cell that a border cuts keeps ``int D^-1 grad L dx`` across it right,
    and with it what a jump of D does to ``D^kappa p``: results converge to second order in the
    cell width, where taking D at the centre would leave a first-order error in every exponent.

    Raises
    ------
    CaseError
        Without any minimum or saddle inside the walls, or when the Hessian of one that is needed
        is singular.
    """
    division = _Division.of(landscape, grid)
    shares = division.shares(grid.points(), division.label, division.positive)
    owner = np.asarray(shares.argmax(axis=-1))
    shares = shares.reshape(-1, shares.shape[-1])
    for cells in _chunks(_border(owner, grid)):
        shares[cells] = division.sampled(cells)
    _check_curvature(division, shares.max(axis=0) > 0)
    return Regions(division.points, owner, _mean_curvature(division.points, shares, grid))


def curvature_at(landscape: Landscape, grid: Grid, points: Array) -> Array:
    """``|H|`` of the critical point that each of `points` (..., dim) belongs to.

    Shape (..., dim, dim). Points on a border, to rounding, get that of either side.
    """
    division = _Division.of(landscape, grid)
    owner = division.owner(points)
    used = np.zeros(len(division.points), dtype=np.bool_)
    used[owner] = True
    _check_curvature(division, used)
    return np.array([_magnitude(p) for p in division.points])[owner]


def borders(landscape: Landscape, grid: Grid) -> Array:
    """Places on a line where one region ends and another begins, by bisection, shape (n,)."""
    division = _Division.of(landscape, grid)
    x = grid.axes[0].half_points
    owner = division.owner(x[:, None])
    changes = np.flatnonzero(owner[1:] != owner[:-1])
    low, high, first = x[changes], x[changes + 1], owner[changes]
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        same = division.owner(middle[:, None]) == first
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.asarray((low + high) / 2)


def convex_regions(positive: NDArray[np.bool_], periodic: Sequence[bool]) -> Labels:
    """Label connected cells (over faces, around periodic axes) from 1; 0 where not `positive`."""
    label, count = ndimage.label(positive)
    pairs = []
    for axis, wraps in enumerate(periodic):
        if wraps:
            ends = np.take(label, [0, -1], axis=axis)
            facing = np.moveaxis(ends, axis, 0).reshape(2, -1)
            pairs.append(facing[:, (facing > 0).all(axis=0)])
    if not pairs or not count:
        return np.asarray(label, dtype=np.intp)
    i, j = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(i.size), (i, j)), shape=(count + 1, count + 1))
    # component numbers come in order of first appearance, so 0 stays alone and stays 0
    return np.asarray(connected_components(graph, directed=False)[1][label], dtype=np.intp)


@dataclass(frozen=True, eq=False)
class _Division:
    """Everything needed to say which critical point any point of the grid belongs to."""

    landscape: Landscape
    grid: Grid
    points: tuple[CriticalPoint, ...]
    minima: int
    positive: NDArray[np.bool_]
    label: Labels
    candidates: NDArray[np.bool_]  # (labels, minima)
    typical: float  # size of the Hessian

    @classmethod
    def of(cls, landscape: Landscape, grid: Grid) -> _Division:
        from fokkerplanck.landscapes.critical import critical_points

        found = critical_points(landscape, grid)
        minima = [c for c in found if c.kind == "minimum"]
        saddles = [c for c in found if c.kind == "saddle"]
        if not minima and not saddles:
            msg = "the frozen noise model needs a minimum or a saddle inside the walls: none found"
            raise CaseError(msg, key="noise.model")
        hessian = landscape.hessian(grid.points())
        positive = _positive_definite(hessian)
        label = convex_regions(positive, [axis.periodic for axis in grid.axes])
        candidates = np.zeros((int(label.max()) + 1, len(minima)), dtype=bool)
        for k, minimum in enumerate(minima):
            candidates[label[grid.cell_of(minimum.position.tolist())], k] = True
        candidates[0] = False
        candidates[~candidates.any(axis=1)] = True
        points = (*minima, *saddles)
        typical = float(np.median(np.linalg.norm(hessian, axis=(-2, -1))))
        return cls(landscape, grid, points, len(minima), positive, label, candidates, typical)

    def shares(self, x: Array, label: Labels, positive: NDArray[np.bool_]) -> Array:
        """Share of each critical point in points `x`, shape (..., points)."""
        distance = self._distance(x)
        if 0 < self.minima < len(self.points):
            allowed = np.empty(distance.shape, dtype=bool)
            allowed[..., : self.minima] = positive[..., None] & self.candidates[label]
            allowed[..., self.minima :] = ~positive[..., None]
            distance[~allowed] = np.inf
        elif self.minima:
            distance[positive[..., None] & ~self.candidates[label]] = np.inf
        # ties are split, so that a mirrored landscape has a mirrored tensor
        slack = 1e-7 * min(self.grid.spacing)
        nearest = distance <= distance.min(axis=-1, keepdims=True) + slack
        return np.asarray(nearest / nearest.sum(axis=-1, keepdims=True))

    def owner(self, x: Array) -> Labels:
        """Index of the critical point that each of the points x (..., dim) belongs to."""
        positive = _positive_definite(self.landscape.hessian(x))
        cells = []
        for i, axis in enumerate(self.grid.axes):
            k = np.floor((x[..., i] - axis.min) / axis.spacing).astype(np.intp)
            cells.append(np.clip(k, 0, axis.cells - 1))
        label = _spread_labels(self.label, self.grid)[tuple(cells)]
        return np.asarray(self.shares(x, label, positive).argmax(axis=-1))

    def sampled(self, cells: NDArray[np.intp]) -> Array:
        """Mean shares over the volume of the cells with the given flat indices."""
        label = _spread_labels(self.label, self.grid).ravel()[cells]

        def shares(x: Array, number: NDArray[np.intp]) -> Array:
            positive = _positive_definite(self.landscape.hessian(x))
            return self.shares(x, np.broadcast_to(label[number][:, None], x.shape[:-1]), positive)

        centres = self.grid.points().reshape(-1, self.grid.dim)[cells]
        return mean_shares(shares, centres, self.grid.spacing)

    def _distance(self, x: Array) -> Array:
        out = np.zeros((*x.shape[:-1], len(self.points)))
        for k, point in enumerate(self.points):
            for i, axis in enumerate(self.grid.axes):
                d = x[..., i] - point.position[i]
                if axis.periodic:
                    period = axis.max - axis.min
                    d = d - period * np.round(d / period)
                out[..., k] += d * d
        return np.sqrt(out)


def _positive_definite(hessian: Array) -> NDArray[np.bool_]:
    if hessian.shape[-1] == 1:
        return np.asarray(hessian[..., 0, 0] > 0)
    a, b, d = hessian[..., 0, 0], hessian[..., 0, 1], hessian[..., 1, 1]
    return np.asarray((a > 0) & (a * d > b * b))


def _modes(grid: Grid) -> list[Literal["wrap", "nearest"]]:
    return ["wrap" if axis.periodic else "nearest" for axis in grid.axes]


def _border(owner: Labels, grid: Grid) -> NDArray[np.intp]:
    """Flat indices of cells with a neighbour, diagonal ones too, that has another owner."""
    high = ndimage.maximum_filter(owner, size=3, mode=_modes(grid))
    low = ndimage.minimum_filter(owner, size=3, mode=_modes(grid))
    return np.flatnonzero(high != low)


def _spread_labels(label: Labels, grid: Grid) -> Labels:
    """Give cells outside all regions the label of a region next to them."""
    near = ndimage.maximum_filter(label, size=3, mode=_modes(grid))
    return np.where(label > 0, label, near)


def _chunks(cells: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    count = -(-cells.size // CHUNK)
    return np.array_split(cells, count) if cells.size else []


def _magnitude(point: CriticalPoint) -> Array:
    """Matrix absolute value of the Hessian."""
    value, vector = np.linalg.eigh(point.hessian)
    return np.asarray((vector * np.abs(value)) @ vector.T)


def _check_curvature(division: _Division, used: NDArray[np.bool_]) -> None:
    for point, needed in zip(division.points, used, strict=True):
        flattest = np.abs(np.linalg.eigvalsh(point.hessian)).min()
        if needed and flattest <= DEGENERATE * division.typical:
            msg = (
                f"the {point.kind} at {np.round(point.position, 6).tolist()} has curvatures "
                f"{', '.join(f'{v:.6g}' for v in point.eigenvalues)}: noise frozen at |H| would "
                "vanish along a flat direction, and its tensor would not be positive definite; "
                'use model = "absolute" with a floor, or another kind of noise'
            )
            raise CaseError(msg, key="noise.model")


def _mean_curvature(points: tuple[CriticalPoint, ...], shares: Array, grid: Grid) -> Array:
    magnitudes = np.array([_magnitude(p) for p in points])
    out = magnitudes[shares.argmax(axis=-1)]
    mixed = np.flatnonzero(shares.max(axis=-1) < 1)
    used = shares.max(axis=0) > 0
    inverses = np.linalg.inv(magnitudes[used])
    out[mixed] = np.linalg.inv(np.tensordot(shares[mixed][:, used], inverses, axes=1))
    return np.asarray(out.reshape(*grid.shape, grid.dim, grid.dim))
