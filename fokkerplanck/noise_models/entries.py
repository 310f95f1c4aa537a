"""Matrices of numbers and formulas of the coordinates, or functions that give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.noise_models.base import Array, spread

__all__ = ["Entries", "Entry", "TensorFunction", "rows_of"]

Entry = float | str
TensorFunction = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Entries:
    """A symmetric matrix that may depend on the place.

    Parameters
    ----------
    given : tuple of rows, or callable
        Numbers and formulas; or a vectorised function from points (..., dim) to matrices.
    parameters : mapping
        Names used in the formulas.
    key : str
        Key of the case file that errors name.
    """

    given: tuple[tuple[Entry, ...], ...] | TensorFunction
    parameters: Mapping[str, float] = field(default_factory=dict)
    key: str = "noise.D"

    @property
    def constant(self) -> bool:
        """Whether it is the same everywhere."""
        return not callable(self.given) and not any(
            isinstance(entry, str) for row in self.given for entry in row
        )

    @property
    def diagonal(self) -> bool:
        """Whether entries off the diagonal are the number 0."""
        return not callable(self.given) and all(
            i == j or (not isinstance(entry, str) and entry == 0.0)
            for i, row in enumerate(self.given)
            for j, entry in enumerate(row)
        )

    def in_cells(self, grid: Grid) -> Array:
        """Evaluate at the centres of cells, shape (*shape, dim, dim)."""
        if self.constant:
            return spread(self.at(grid, np.empty(grid.dim)), grid.shape)
        if callable(self.given):
            return self.at(grid, grid.points())
        return self._filled(grid, np.ix_(*(axis.centres for axis in grid.axes)))

    def at(self, grid: Grid, points: Array) -> Array:
        """Evaluate at points (..., dim), shape (..., dim, dim)."""
        if not callable(self.given):
            return self._filled(grid, [points[..., i] for i in range(grid.dim)])
        shape = (grid.dim, grid.dim)
        value = np.asarray(self.given(points), dtype=np.float64)
        if value.shape[-2:] != shape:
            msg = f"the tensor function must return (..., {grid.dim}, {grid.dim}) values, "
            msg += f"got shape {value.shape}"
            raise CaseError(msg, key=self.key)
        return np.array(np.broadcast_to(value, (*points.shape[:-1], *shape)))

    def _filled(self, grid: Grid, columns: Sequence[Array]) -> Array:
        """Evaluate where each coordinate has its own array, of shapes that go together."""
        assert not callable(self.given)
        if len(self.given) != grid.dim or any(len(row) != grid.dim for row in self.given):
            msg = f"needs {grid.dim} x {grid.dim} entries on a {grid.dim}-D grid"
            raise CaseError(msg, key=self.key)
        shape = np.broadcast_shapes(*(c.shape for c in columns))
        out = np.empty((*shape, grid.dim, grid.dim))
        for i, row in enumerate(self.given):
            for j, entry in enumerate(row):
                key = f"{self.key}[{i}][{j}]"
                out[..., i, j] = self._entry(entry, key, columns, grid.names)
        return out

    def _entry(
        self, entry: Entry, key: str, columns: Sequence[Array], names: Sequence[str]
    ) -> Array | float:
        if not isinstance(entry, str):
            return entry
        from fokkerplanck.landscapes.expression import ScalarField

        return ScalarField(entry, tuple(names), self.parameters, key).value_at(columns)


def rows_of(
    matrix: Entry | Sequence[Sequence[Entry]] | Array, key: str
) -> tuple[tuple[Entry, ...], ...]:
    """Rows of a matrix; a lone number or formula is a matrix of one entry."""
    if isinstance(matrix, str):
        return ((matrix,),)
    if isinstance(matrix, int | float | np.number):
        return ((float(matrix),),)
    try:
        return tuple(tuple(e if isinstance(e, str) else float(e) for e in row) for row in matrix)
    except (TypeError, ValueError):
        msg = "needs rows of numbers or expressions, such as [[0.1, 0.02], [0.02, 0.05]], got "
        msg += str(matrix)
        raise CaseError(msg, key=key) from None
