"""Critical points of any landscape: minima, saddles, maxima, and the barriers between minima."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Array, Landscape
from fokkerplanck.landscapes.newton import Box, polished, seeds
from fokkerplanck.landscapes.paths import connected_minima, highest_on_path
from fokkerplanck.landscapes.remember import remembered
from fokkerplanck.landscapes.watershed import Labels, basins, join_to

__all__ = ["Barrier", "CriticalPoint", "barrier", "basin_labels", "basins", "critical_points"]

Kind = Literal["minimum", "saddle", "maximum"]
KINDS: tuple[Kind, ...] = ("minimum", "saddle", "maximum")
#: points closer than this part of the box are one
SAME = 1e-6
#: a Hessian eigenvalue below this part of the typical curvature counts as zero
FLAT = 1e-7
#: degenerate points closer than this many lattice cells belong to one line of them
CHAIN = 2.5


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """A point where the gradient vanishes.

    Parameters
    ----------
    position : ndarray, shape (dim,)
    loss : float
    hessian : ndarray, shape (dim, dim)
    eigenvalues : ndarray, shape (dim,)
        Of the Hessian, ascending.
    kind : str
        ``"minimum"``, ``"saddle"`` or ``"maximum"``; on a line the top of a barrier is called
        its saddle, as it is the one that escape passes.
    """

    position: Array
    loss: float
    hessian: Array
    eigenvalues: Array
    kind: Kind

    def _repr_html_(self) -> str:
        place = ", ".join(f"{c:.6g}" for c in self.position)
        curvature = ", ".join(f"{h:.6g}" for h in self.eigenvalues)
        return (
            f"<table><tr><th>{self.kind}</th><td>({place})</td></tr><tr><th>loss</th>"
            f"<td>{self.loss:.6g}</td></tr><tr><th>curvature</th><td>{curvature}</td></tr></table>"
        )


@dataclass(frozen=True, eq=False)
class Barrier:
    """The lowest pass between two minima.

    Parameters
    ----------
    saddle : CriticalPoint
        The highest point of the path between them whose highest point is lowest.
    height, reverse : float
        Loss of the saddle above the minimum left and above the one reached.
    start, end : CriticalPoint
        The two minima.
    """

    saddle: CriticalPoint
    height: float
    reverse: float
    start: CriticalPoint
    end: CriticalPoint


@remembered
def critical_points(landscape: Landscape, grid: Grid) -> tuple[CriticalPoint, ...]:
    """All critical points in the box of `grid`: minima, then saddles, then maxima.

    Within a kind they are ordered by position. Starting points come from the cells of a lattice
    in which every gradient component may vanish; damped Newton steps with the exact Hessian
    polish them to rounding.

    Notes
    -----
    A line of degenerate points (a valley floor) is given once. Where the loss is flat nothing is
    critical; where it has no Hessian (a kink, as in abs(x)) nothing is found. The one-dimensional
    points of inflection with a horizontal tangent are left out.
    """
    _check_dim(landscape, grid)
    box = Box.around(grid)
    try:
        starts, scale = seeds(landscape, box)
        points = polished(landscape, box, starts)
        if not len(points):
            return ()
        return _classified(landscape, box, points, scale)
    except CaseError:
        _check_loss(landscape, box)
        return ()


def barrier(
    landscape: Landscape,
    grid: Grid,
    from_minimum: CriticalPoint | ArrayLike,
    to_minimum: CriticalPoint | ArrayLike,
) -> Barrier:
    """Barrier from one minimum to another over the lowest saddle that connects them.

    Parameters
    ----------
    landscape : Landscape
    grid : Grid
        The box that is searched.
    from_minimum, to_minimum : CriticalPoint, or array_like of shape (dim,)
        The minimum nearest to a given position is meant.

    Raises
    ------
    CaseError
        Fewer than two minima, the same one twice, or no saddle in the box that connects them.

    Notes
    -----
    Each saddle connects the two minima that steepest descent from its two sides leads to; in the
    graph of minima and saddles the highest saddle of the min-max path is found.
    """
    points, box = critical_points(landscape, grid), Box.around(grid)
    minima = [p for p in points if p.kind == "minimum"]
    saddles = [p for p in points if p.kind == "saddle"]
    start, end = (_nearest(minima, box, m) for m in (from_minimum, to_minimum))
    if start == end:
        msg = f"a barrier lies between two minima; nearest to both places is {_text(minima[start])}"
        raise CaseError(msg)
    places = np.array([m.position for m in minima])
    feet = [connected_minima(landscape, box, s.position, places) for s in saddles]
    edges = [
        (s.loss, a, b, s)
        for s, (a, b) in zip(saddles, feet, strict=True)
        if a is not None and b is not None
    ]
    top = highest_on_path([edge[:3] for edge in edges], len(minima), start, end)
    if top is None:
        msg = f"no saddle in the grid connects {_text(minima[start])} with {_text(minima[end])}"
        raise CaseError(msg)
    saddle, a, b = edges[top][3], minima[start], minima[end]
    return Barrier(saddle, saddle.loss - a.loss, saddle.loss - b.loss, a, b)


def basin_labels(landscape: Landscape, grid: Grid) -> tuple[Labels, tuple[CriticalPoint, ...]]:
    """Basin of each cell, numbered as the minima that are returned with it.

    Unlike `basins`, which knows cells only, there is one basin for each true minimum, however
    coarsely the grid draws a narrow valley. Without any minimum all labels are 0.

    Returns
    -------
    labels : ndarray of int, shape (*shape)
    minima : tuple of CriticalPoint
    """
    minima = tuple(p for p in critical_points(landscape, grid) if p.kind == "minimum")
    if not minima:
        return np.zeros(grid.shape, dtype=np.intp), ()
    loss, periodic = landscape.loss(grid.points()), tuple(axis.periodic for axis in grid.axes)
    labels, _ = basins(loss, periodic, grid.spacing)
    cells = [grid.cell_of([float(c) for c in m.position]) for m in minima]
    return join_to(loss, labels, periodic, cells), minima


def _classified(
    landscape: Landscape, box: Box, points: Array, scale: float
) -> tuple[CriticalPoint, ...]:
    eigenvalues = np.linalg.eigvalsh(landscape.hessian(points))
    size = np.abs(eigenvalues).max(axis=-1)
    flat = np.abs(eigenvalues).min(axis=-1) <= FLAT * np.maximum(size, scale)
    regular = points[~flat][box.representatives(points[~flat], SAME * box.size)]
    lines = points[flat][box.representatives(points[flat], CHAIN * box.cell)]
    found = [_point(landscape, p, _kind_of(landscape.hessian(p))) for p in regular]
    kinds = [_kind_around(landscape, box, p) for p in lines]
    found += [_point(landscape, p, k) for p, k in zip(lines, kinds, strict=True) if k]
    return tuple(sorted(found, key=lambda c: _order(c, box)))


def _order(point: CriticalPoint, box: Box) -> tuple[float, ...]:
    rounded = np.round(point.position / (SAME * box.size))
    return (KINDS.index(point.kind), *rounded.tolist())


def _point(landscape: Landscape, position: Array, kind: Kind) -> CriticalPoint:
    hessian = landscape.hessian(position)
    loss = float(landscape.loss(position))
    eigenvalues = np.asarray(np.linalg.eigvalsh(hessian), dtype=np.float64)
    return CriticalPoint(position, loss, hessian, eigenvalues, kind)


def _kind_of(hessian: Array) -> Kind:
    """Kind by the number of negative eigenvalues of a regular Hessian."""
    negative = int((np.linalg.eigvalsh(hessian) < 0.0).sum())
    return KINDS[negative]


def _kind_around(landscape: Landscape, box: Box, position: Array) -> Kind | None:
    """Kind of a degenerate point, from the loss on a small ring; None where it is flat there."""
    ring = box.inside(position + 2.0 * box.cell * _directions(box.dim))
    here = float(landscape.loss(position))
    rise = landscape.loss(ring) - here
    noise = 16.0 * np.finfo(float).eps * max(abs(here), float(np.abs(rise).max()))
    up, down = bool((rise > noise).any()), bool((rise < -noise).any())
    if up and down:
        return "saddle" if box.dim == 2 else None
    if down:
        return "maximum" if box.dim == 2 else "saddle"
    return "minimum" if up else None


def _directions(dim: int) -> Array:
    if dim == 1:
        return np.array([[-1.0], [1.0]])
    angle = np.arange(16) * (np.pi / 8)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _nearest(minima: Sequence[CriticalPoint], box: Box, wanted: CriticalPoint | ArrayLike) -> int:
    if len(minima) < 2:
        msg = f"a barrier lies between two minima; this landscape has {len(minima)} in the grid"
        raise CaseError(msg)
    given = wanted.position if isinstance(wanted, CriticalPoint) else wanted
    place = np.atleast_1d(np.asarray(given, dtype=np.float64))
    if place.shape != (box.dim,):
        msg = f"a position here has {box.dim} coordinates, got {place.tolist()}"
        raise CaseError(msg)
    return int(np.argmin([box.distance(m.position, place) for m in minima]))


def _check_dim(landscape: Landscape, grid: Grid) -> None:
    if landscape.dim != grid.dim:
        msg = f"the landscape has {landscape.dim} coordinates, the grid {grid.dim}"
        raise CaseError(msg, key="landscape")


def _check_loss(landscape: Landscape, box: Box) -> None:
    landscape.loss(box.lattice())  # a loss that cannot be evaluated stays an error


def _text(point: CriticalPoint) -> str:
    return "(" + ", ".join(f"{c:.6g}" for c in point.position) + ")"
