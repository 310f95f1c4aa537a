"""What is evaluated on the half lattice of a grid, in pieces that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.solvers.pieces import all_finite

__all__ = ["HalfLattice"]

Array = NDArray[np.float64]
OnAxes = Callable[[Sequence[Array]], Array]
#: Points that formulas are evaluated on at a time: their temporaries stay in the cache. Two
#: threads gain nothing, since the interpreter is asked for too often.
PIECE = 1 << 16
#: Points that others are evaluated on at a time, to hold little besides the values.
BLOCK = 1 << 20


@dataclass(frozen=True)
class HalfLattice:
    """The half lattice of a grid: edges and centres of cells along every axis.

    Parameters
    ----------
    grid : Grid
    """

    grid: Grid

    @property
    def axes(self) -> list[Array]:
        """Its coordinates along each axis."""
        return [axis.half_points for axis in self.grid.axes]

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(2 * n + 1 for n in self.grid.shape)

    def values(
        self, function: OnAxes, what: str, size: tuple[int, ...] = (), *, elementwise: bool
    ) -> Array:
        """Evaluate a function of coordinates along the axes, shape (*shape, *size).

        Parameters
        ----------
        function : callable
            Of arrays of coordinates along each axis; gives values at all their combinations.
        what : str
            Name in errors.
        size : tuple of int
            Shape of one value.
        elementwise : bool
            Whether it treats every point alike, whatever others are given.

        Raises
        ------
        CaseError
            Where a value is not finite: the first one in the order of the array.
        """
        found = np.empty((*self.shape, *size))

        def keep(part: slice, values: Array) -> None:
            found[part] = values

        self._evaluate(function, what, keep, elementwise)
        return found

    def check(self, function: OnAxes, what: str) -> None:
        """Evaluate an elementwise function as `values`, and only see that it is finite."""
        self._evaluate(function, what, lambda part, values: None, elementwise=True)

    def _evaluate(
        self, function: OnAxes, what: str, keep: Callable[[slice, Array], None], elementwise: bool
    ) -> None:
        first, *others = self.axes
        row = int(np.prod(self.shape[1:]))
        each = max(1, (PIECE if elementwise else BLOCK) // row)
        for low in range(0, first.size, each):
            part = slice(low, low + each)
            values = np.asarray(function([first[part], *others]), dtype=np.float64)
            if not all_finite(values):
                _refuse(values, [first[part], *others], what, self.grid)
            keep(part, values)


def _refuse(values: Array, axes: Sequence[Array], what: str, grid: Grid) -> None:
    index = np.unravel_index(int((~np.isfinite(values)).argmax()), values.shape)
    point = [axis[k] for axis, k in zip(axes, index, strict=False)]
    where = ", ".join(f"{n} = {v:.6g}" for n, v in zip(grid.names, point, strict=True))
    msg = f"the {what} is {values[index]} at {where}; it must be finite on the whole grid"
    raise CaseError(msg, key="landscape")
