"""Uniform Cartesian grids of cells in one or two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError

__all__ = ["Axis", "Grid", "Wall", "lattice"]

Array = NDArray[np.float64]
Wall = Literal["reflecting", "absorbing", "periodic"]
WALLS: tuple[Wall, ...] = ("reflecting", "absorbing", "periodic")
MINIMUM_CELLS = 3


@dataclass(frozen=True, slots=True)
class Axis:
    """One coordinate, cut into equal cells.

    Parameters
    ----------
    min, max : float
        The walls (dimensionless).
    cells : int
        Number of cells, at least 3.
    walls : tuple of str
        ``(low, high)``, each ``"reflecting"`` (no flux), ``"absorbing"`` or ``"periodic"``;
        periodic on both sides or on neither.
    name : str
        Name of the coordinate in files and plots.
    """

    min: float
    max: float
    cells: int
    walls: tuple[Wall, Wall] = ("reflecting", "reflecting")
    name: str = "x"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.min) and np.isfinite(self.max) and self.min < self.max):
            msg = f"needs finite min < max, got min = {self.min}, max = {self.max}"
            raise CaseError(msg, key=f"grid.{self.name}")
        if self.cells < MINIMUM_CELLS:
            msg = f"needs at least {MINIMUM_CELLS} cells, got {self.cells}"
            raise CaseError(msg, key=f"grid.{self.name}.cells")
        if any(w not in WALLS for w in self.walls):
            msg = f"each wall is one of {', '.join(WALLS)}, got {self.walls}"
            raise CaseError(msg, key=f"grid.{self.name}.walls")
        if (self.walls[0] == "periodic") != (self.walls[1] == "periodic"):
            msg = f"a periodic axis is periodic on both sides, got {self.walls}"
            raise CaseError(msg, key=f"grid.{self.name}.walls")

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return (self.max - self.min) / self.cells

    @property
    def periodic(self) -> bool:
        """Whether the two walls are the same point."""
        return self.walls[0] == "periodic"

    @property
    def centres(self) -> Array:
        """Cell centres, shape (cells,)."""
        return self.half_points[1::2]

    @property
    def edges(self) -> Array:
        """Cell edges from wall to wall, shape (cells + 1,)."""
        return self.half_points[0::2]

    @property
    def half_points(self) -> Array:
        """Edges and centres in turn, shape (2 cells + 1,): centres at the odd places."""
        k = np.arange(2 * self.cells + 1)
        # weights of the two walls, so that a mirrored axis has mirrored points to rounding
        return (self.min * (2 * self.cells - k) + self.max * k) / (2 * self.cells)


@dataclass(frozen=True, slots=True)
class Grid:
    """A line or a plane of equal cells; arrays on it have axis order ``(x, y)``.

    Parameters
    ----------
    axes : tuple of Axis
        One or two axes.
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        if len(self.axes) not in (1, 2):
            msg = f"a grid has one or two axes, got {len(self.axes)}"
            raise CaseError(msg, key="grid")

    @classmethod
    def line(
        cls, min: float, max: float, cells: int, walls: Wall | Sequence[Wall] = "reflecting"
    ) -> Grid:
        """Make a 1-D grid; `walls` is one word for both sides or a pair."""
        return cls((Axis(min, max, cells, _pair(walls), "x"),))

    @classmethod
    def plane(
        cls,
        x: tuple[float, float, int],
        y: tuple[float, float, int],
        walls: Wall | tuple[Wall | Sequence[Wall], Wall | Sequence[Wall]] = "reflecting",
    ) -> Grid:
        """Make a 2-D grid from ``(min, max, cells)`` of each axis and walls for both or each."""
        wx, wy = (walls, walls) if isinstance(walls, str) else walls
        return cls((Axis(*x, _pair(wx), "x"), Axis(*y, _pair(wy), "y")))

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells along each axis."""
        return tuple(axis.cells for axis in self.axes)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Cell widths."""
        return tuple(axis.spacing for axis in self.axes)

    @property
    def volume(self) -> float:
        """Length or area of one cell."""
        return float(np.prod(self.spacing))

    @property
    def walls(self) -> tuple[tuple[Wall, Wall], ...]:
        """``(low, high)`` wall of each axis."""
        return tuple(axis.walls for axis in self.axes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)

    def points(self) -> Array:
        """Cell centres, shape (*shape, dim)."""
        return lattice([axis.centres for axis in self.axes])

    def half_points(self, rows: slice = slice(None)) -> Array:
        """Points of the half lattice, shape (*(2 n + 1), dim): centres where all indices are odd.

        Of all rows along the first axis, or of some.

        Every lattice link between two cells has its midpoint on this lattice, and so have the
        walls.
        """
        first, *others = (axis.half_points for axis in self.axes)
        return lattice([first[rows], *others])

    def cell_of(self, point: Sequence[float]) -> tuple[int, ...]:
        """Index of the cell that holds `point`; raises `CaseError` when it lies outside."""
        if len(point) != self.dim:
            msg = f"a point here has {self.dim} coordinates, got {list(point)}"
            raise CaseError(msg)
        index = []
        for axis, c in zip(self.axes, point, strict=True):
            if not axis.min <= c <= axis.max:
                msg = f"{axis.name} = {c} lies outside the grid [{axis.min}, {axis.max}]"
                raise CaseError(msg)
            index.append(min(int((c - axis.min) / axis.spacing), axis.cells - 1))
        return tuple(index)

    def integrate(self, values: Array) -> float:
        """Integral of a cell-valued function, sum times the cell volume."""
        return float(values.sum() * self.volume)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{a.name}</td><td>[{a.min:g}, {a.max:g}]</td><td>{a.cells}</td>"
            f"<td>{a.walls[0]} | {a.walls[1]}</td></tr>"
            for a in self.axes
        )
        head = "<tr><th>axis</th><th>range</th><th>cells</th><th>walls</th></tr>"
        return f"<table>{head}{rows}</table>"


def _pair(walls: Wall | Sequence[Wall]) -> tuple[Wall, Wall]:
    if isinstance(walls, str):
        return (walls, walls)
    low, high = walls
    return (low, high)


def lattice(axes: Sequence[Array]) -> Array:
    """Points of all combinations of coordinates, shape (n, 1) or (n, m, 2)."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
