"""What every set of points offers, and how its boundary is found on segments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid

__all__ = [
    "Array",
    "Mask",
    "PointSet",
    "centres",
    "coordinates",
    "image",
    "images",
    "nearest_image",
    "periods",
    "separate",
    "snapped",
    "words",
]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: shares this close to 0 or 1 differ from them by rounding
ROUNDING = 1e-12
#: by how much distances are stretched, so that rounding leaves nothing out
STRETCH = 1.0 + 1e-9


class PointSet(ABC):
    """A closed set of points of a line or a plane.

    Attributes
    ----------
    dim : int
        Number of coordinates, 1 or 2.
    text : str
        A few words for tables.

    Notes
    -----
    Along periodic axes the nearest image of the set counts, and a segment is the short way from
    its start to its end.
    """

    dim: int
    text: str

    @abstractmethod
    def contains(self, points: ArrayLike, grid: Grid) -> Mask:
        """Whether each of the points, shape (..., dim), is in the set; shape (...)."""

    @abstractmethod
    def shares(self, grid: Grid) -> Array:
        """Share of each cell that the set covers, between 0 and 1; shape (*shape,)."""

    @abstractmethod
    def representative(self) -> Array | None:
        """Return a point inside, shape (dim,), or None where no single one stands for the set."""

    @abstractmethod
    def _first(self, start: Array, end: Array, grid: Grid) -> Array:
        """Fractions of `entry` to rounding; anything above 1 for segments that stay outside."""

    def entry(self, start: ArrayLike, end: ArrayLike, grid: Grid) -> Array:
        """Fraction of each segment at which it first meets the set.

        Parameters
        ----------
        start, end : array_like, shape (n, dim)
            Ends of straight segments.
        grid : Grid
            Whose periodic axes count.

        Returns
        -------
        ndarray, shape (n,)
            In (0, 1] where a segment from outside meets the set, even if it ends outside again;
            0 where it starts inside; inf where it stays outside.
        """
        self.check_dim(grid)
        start = np.asarray(start, dtype=np.float64)
        end = nearest_image(np.asarray(end, dtype=np.float64), start, grid)
        fraction = self._first(start, end, grid)
        # to rounding an end on the boundary may be missed
        fraction[fraction > 1.0] = np.inf
        fraction[self.contains(end, grid) & (fraction > 1.0)] = 1.0
        fraction[self.contains(start, grid)] = 0.0
        return fraction

    def cells(self, grid: Grid) -> Mask:
        """Whether the centre of each cell is in the set, shape (*shape,)."""
        return self.contains(grid.points(), grid)

    def near(self, points: ArrayLike, distance: float, grid: Grid) -> Mask:
        """Whether points may lie within a distance of the set; sets that cannot tell say yes.

        Parameters
        ----------
        points : array_like, shape (..., dim)
        distance : float
        grid : Grid
            Whose periodic axes count.

        Returns
        -------
        ndarray of bool, shape (...)
        """
        wider = self.wider(distance)
        if wider is None:
            return np.ones(np.shape(points)[:-1], dtype=np.bool_)
        return wider.contains(points, grid)

    def wider(self, distance: float) -> PointSet | None:
        """Return a set that holds all points within a distance; None where none is known."""
        return None

    @property
    def is_point(self) -> bool:
        """Whether the set is a single point."""
        return False

    @property
    def met_by_ends(self) -> bool:
        """Whether only segments that end in the set are taken to meet it."""
        return False

    def check_on(self, grid: Grid) -> None:
        """Raise `CaseError` unless the set can be seen on a grid.

        In the plane it must hold the centre of a cell, or be a point; on a line it is enough that
        part of it lies between the walls.
        """
        self.check_dim(grid)
        if self._point_on(grid) or self.cells(grid).any():
            return
        if not self.shares(grid).any():
            box = " x ".join(f"[{a.min:g}, {a.max:g}]" for a in grid.axes)
            msg = f"the {self.text} lies outside the grid {box}"
            raise CaseError(msg)
        if grid.dim > 1:
            widths = " x ".join(f"{h:.3g}" for h in grid.spacing)
            msg = f"the {self.text} holds no centre of a cell of {widths}; take more cells"
            raise CaseError(msg)

    def check_dim(self, grid: Grid) -> None:
        """Raise `CaseError` unless set and grid have as many coordinates."""
        if self.dim != grid.dim:
            msg = f"the {self.text} is {self.dim}-D, but the grid is {grid.dim}-D"
            raise CaseError(msg)

    def _point_on(self, grid: Grid) -> bool:
        """Whether the set is a single point, and that on the grid."""
        return False

    def _repr_html_(self) -> str:
        return f"<p>{self.text}</p>"


def coordinates(values: ArrayLike, key: str) -> tuple[float, ...]:
    """One or two finite numbers; raises `CaseError` for anything else."""
    try:
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if array.ndim != 1 or array.size not in (1, 2) or not np.isfinite(array).all():
        msg = f"needs one or two finite numbers, got {values!r:.80}"
        raise CaseError(msg, key=key)
    return tuple(float(v) for v in array)


def words(point: ArrayLike) -> str:
    """Coordinates as they are printed: ``(1.06, -0.27)``."""
    return "(" + ", ".join(f"{c:.4g}" for c in np.atleast_1d(point)) + ")"


def snapped(shares: Array) -> Array:
    """Shares without the rounding errors that full and empty cells have."""
    shares = np.where(shares > 1.0 - ROUNDING, 1.0, shares)
    return np.where(shares < ROUNDING, 0.0, shares)


def periods(grid: Grid) -> Array:
    """Length of each periodic axis, 0 of the others; shape (dim,)."""
    return np.array([axis.max - axis.min if axis.periodic else 0.0 for axis in grid.axes])


def separate(points: Array) -> tuple[Array, ...]:
    """Coordinates of points, one array for each axis."""
    return tuple(np.moveaxis(points, -1, 0))


def centres(grid: Grid) -> tuple[Array, ...]:
    """Coordinates of the cell centres, one array for each axis that is spread over the others."""
    return tuple(np.meshgrid(*(axis.centres for axis in grid.axes), indexing="ij", sparse=True))


def image(x: Array, centre: float, axis: Axis) -> Array:
    """Coordinates moved by whole periods, if the axis is periodic, to lie nearest to `centre`."""
    if not axis.periodic:
        return x
    length = axis.max - axis.min
    return np.asarray(x - np.rint((x - centre) / length) * length)


def nearest_image(points: Array, centre: Array, grid: Grid) -> Array:
    """Points moved by whole periods so that they lie nearest to `centre`."""
    length = periods(grid)
    if not length.any():
        return points
    turns = np.rint((points - centre) / np.where(length > 0.0, length, np.inf))
    return points - turns * length


def images(grid: Grid, reach: Array) -> Iterator[Array]:
    """Shifts by which a set is repeated along periodic axes.

    A set that reaches no further than `reach` from its centre, shape (dim,), can meet a segment
    that starts within half a period of it only as one of these.
    """
    sides = [
        (0.0, -length, length) if length and far >= length / 2 else (0.0,)
        for length, far in zip(periods(grid), reach, strict=True)
    ]
    for shift in product(*sides):
        yield np.array(shift)
