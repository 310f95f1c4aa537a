"""Which cells and points of a plane belong to which minimum, by following steepest descent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Array, Landscape
from fokkerplanck.landscapes.critical import CriticalPoint, critical_points
from fokkerplanck.landscapes.descent import OPEN, SADDLE, WALL, Codes, Descent
from fokkerplanck.landscapes.newton import Box
from fokkerplanck.landscapes.ridges import Ridges
from fokkerplanck.landscapes.watershed import Labels
from fokkerplanck.landscapes.wells import Watersheds

__all__ = ["BasinMap"]

Mask = NDArray[np.bool_]

#: lattices on which borders are sought, from coarse to single cells
STRIDES = (16, 8, 4, 2, 1)
#: points that tell the share of a cell on a border, and their generator: a Fibonacci lattice,
#: whose points have different x and different y, as borders often run along an axis
SAMPLES = (21, 13)
#: offset of the two points that tell which minima a saddle connects, in boxes
OFF = 1e-5


class BasinMap:
    """Basins of attraction of all minima in the box of a grid.

    Watersheds of the cells only suggest where borders may lie: a path from cell to cell strays
    from the true one by up to 22 degrees all along. So cells near each border are followed down
    along -grad L, until the border that this gives is followed everywhere.

    Parameters
    ----------
    landscape : Landscape
        Of two coordinates.
    grid : Grid

    Raises
    ------
    CaseError
        If there is no minimum.
    """

    def __init__(self, landscape: Landscape, grid: Grid) -> None:
        found = critical_points(landscape, grid)
        self.landscape, self.grid = landscape, grid
        self.minima = tuple(p for p in found if p.kind == "minimum")
        self._saddles = tuple(p for p in found if p.kind == "saddle")
        if not self.minima:
            msg = "the landscape has no minimum in the grid, and so no basin"
            raise CaseError(msg)
        self._descent = Descent(landscape, grid, _places(self.minima), _places(self._saddles))
        minima = [(self.grid.cell_of(m.position.tolist()), m.loss) for m in self.minima]
        self._sheds = Watersheds(landscape, grid, minima)
        self._wells = self._sheds.deep([s.loss for s in self._saddles])
        self._exact = np.zeros(grid.shape, dtype=np.bool_)
        self._members: dict[int, Mask] = {}
        self._known: dict[int, Codes] = {}
        self._shares: dict[int, Array] = {}
        self._ridges: dict[int, Ridges] = {}

    def nearest(self, point: Array) -> int:
        """Give the number of the minimum nearest to a point."""
        box = Box.around(self.grid)
        return int(np.argmin([box.distance(m.position, point) for m in self.minima]))

    def member(self, basin: int) -> Mask:
        """Whether the centre of each cell is in a basin or on its border; shape (*shape,)."""
        if basin not in self._members:
            self._follow_border(basin)
            self._members[basin] = self._is(self._codes, basin)
            safe = ~_near(self._edge(basin), 2, self._wraps)
            decided = np.where(self._codes == OPEN, WALL, self._codes)
            self._known[basin] = np.where(safe, decided, self._wells)
        return self._members[basin]

    def contains(self, points: Array, basin: int) -> Mask:
        """Whether points, shape (n, dim), are in a basin or on its border."""
        member, points = self.member(basin), self._descent.inside(points)
        cell = self._descent.cells(points)
        inside = member[cell]
        unsure = np.flatnonzero(self._known[basin][cell] == OPEN)
        centres = self._centres(np.stack(cell, axis=-1)[unsure])
        off = np.abs(points[unsure] - centres) > 1e-9 * np.array(self.grid.spacing)
        unsure = unsure[off.any(axis=-1)]
        inside[unsure] = self._is(self._ends(points[unsure], self._known[basin]), basin)
        return np.asarray(inside)

    def crossings(self, start: Array, way: Array, basin: int) -> Array:
        """Fractions at which segments ``start + t way`` may cross a border, nan for unknown.

        A guess, but a good one where the border rises from a saddle.
        """
        if basin not in self._ridges:
            touching = (self._feet == basin).any(axis=-1)
            saddles = [s for s, near in zip(self._saddles, touching, strict=True) if near]
            self._ridges[basin] = Ridges(self.landscape, self.grid, saddles)
        return self._ridges[basin].crossings(start, way)

    def shares(self, basin: int) -> Array:
        """Share of each cell that is in a basin, told by points in the cells that are cut."""
        if basin not in self._shares:
            shares = self.member(basin).astype(np.float64)
            cut = self._edge(basin)
            k = np.arange(SAMPLES[0])
            within = np.stack([k, k * SAMPLES[1] % SAMPLES[0]], axis=-1) + 0.5
            offsets = (within / SAMPLES[0] - 0.5) * self.grid.spacing
            points = self.grid.points()[cut][:, None, :] + offsets
            inside = self.contains(points.reshape(-1, 2), basin)
            shares[cut] = inside.reshape(-1, SAMPLES[0]).mean(axis=-1)
            self._shares[basin] = shares
        return self._shares[basin]

    def _follow_border(self, basin: int) -> None:
        """Find out the true ends of all cells along a border, and so where it is."""
        for stride in STRIDES:
            lattice = np.zeros(self.grid.shape, dtype=np.bool_)
            lattice[stride // 2 :: stride, stride // 2 :: stride] = True
            while True:
                todo = lattice & ~self._exact
                if stride < STRIDES[0]:
                    todo &= _near(self._edge(basin), stride - 1, self._wraps)
                if not todo.any():
                    break
                self._follow(np.argwhere(todo), stride)

    def _edge(self, basin: int) -> Mask:
        """Cells with a neighbour on the other side of a border, and the minimum's own cell.

        In a narrow valley the basin may lie between the centres of cells.
        """
        inside = self._is(self._codes, basin)
        edge = _near(inside, 1, self._wraps) & _near(~inside, 1, self._wraps)
        edge[self.grid.cell_of(self.minima[basin].position.tolist())] = True
        return edge

    def _follow(self, cells: Labels, stride: int) -> None:
        """Set the ends of some cells, and of those around them that are not known better."""
        ends, where = self._ends(self._centres(cells), self._wells), tuple(cells.T)
        guess = self._codes[where]
        wrong = ends != guess
        corners = cells[wrong] - stride // 2
        for (i, j), end, old in zip(corners, ends[wrong], guess[wrong], strict=True):
            block = np.s_[max(i, 0) : i + stride, max(j, 0) : j + stride]
            self._codes[block][~self._exact[block] & (self._codes[block] == old)] = end
        self._codes[where], self._exact[where] = ends, True

    def _ends(self, points: Array, known: Codes) -> Codes:
        """Follow paths; one that comes to rest nowhere belongs to the watershed it is in."""
        ends = self._descent.ends(points, known)
        lost = np.flatnonzero(ends == OPEN)
        ends[lost] = self._sheds.suggested[self._descent.cells(self._descent.inside(points[lost]))]
        return ends

    def _is(self, ends: Codes, basin: int) -> Mask:
        feet = self._feet == basin
        touches = feet.any(axis=-1) if len(feet) else np.zeros(1, dtype=np.bool_)
        saddle = np.clip(SADDLE - ends, 0, len(touches) - 1)
        return np.asarray((ends == basin) | ((ends <= SADDLE) & touches[saddle]))

    @property
    def _wraps(self) -> tuple[bool, ...]:
        return tuple(axis.periodic for axis in self.grid.axes)

    def _centres(self, cells: Labels) -> Array:
        parts = [axis.centres[cells[:, i]] for i, axis in enumerate(self.grid.axes)]
        return np.stack(parts, axis=-1)

    @cached_property
    def _codes(self) -> Codes:
        """End of each cell, at first that of the lowest cell of its watershed.

        The cell of a minimum may drain into another watershed, hence the last two lines.
        """
        lowest = self._centres(np.array(self._sheds.lowest))
        codes = self._ends(lowest, self._wells)[self._sheds.labels]
        codes = np.where(self._wells == OPEN, codes, self._wells)
        cells = np.array([self.grid.cell_of(m.position.tolist()) for m in self.minima])
        codes[tuple(cells.T)] = self._ends(self._centres(cells), self._wells)
        return codes

    @cached_property
    def _feet(self) -> Codes:
        """Ends of the paths from the two sides of each saddle, shape (saddles, 2)."""
        if not self._saddles:
            return np.empty((0, 2), dtype=np.int32)
        off = OFF * Box.around(self.grid).size
        down = [np.linalg.eigh(s.hessian)[1][:, 0] for s in self._saddles]
        sides = [
            s.position + side * off * way
            for s, way in zip(self._saddles, down, strict=True)
            for side in (-1, 1)
        ]
        return self._ends(np.array(sides), self._wells).reshape(-1, 2)


def _places(points: Sequence[CriticalPoint]) -> Array:
    return np.array([p.position for p in points]).reshape(-1, 2)


def _near(mask: Mask, distance: int, wraps: tuple[bool, ...]) -> Mask:
    """Cells at most `distance` cells away from one of `mask` along both axes."""
    from scipy.ndimage import maximum_filter1d

    out = mask.astype(np.uint8)
    for axis, wrap in enumerate(wraps):
        size = 2 * distance + 1
        out = maximum_filter1d(out, size, axis=axis, mode="wrap" if wrap else "nearest")
    return np.asarray(out, dtype=np.bool_)
