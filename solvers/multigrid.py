"""Multigrid for Markov chains on a plane: a hierarchy of coarser chains, and its V-cycle.

The matrix is ``1 - W`` with jump probabilities W between neighbours, row sums of W at most 1. Every
coarser level is such a chain again, that of the walker watched on every second cell along
both axes: jumps that lead between those cells are followed until one of them is met, nothing
is ever subtracted, and what is absorbed on the way is lost. So all levels are stable for any
drift. Gauss-Seidel passes up and down the rows, each of which is solved to the right and back,
solve for drift that points anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import multigrid_coarse as coarse_chains
from fokkerplanck.solvers import multigrid_kernels as kernels
from fokkerplanck.solvers import multigrid_transfer as transfer
from fokkerplanck.solvers.multigrid_rows import Span, shared, strips
from fokkerplanck.solvers.multigrid_smoothing import smooth

__all__ = [
    "Level",
    "cycle",
    "hierarchy",
    "interpolated",
    "padded",
    "right_hand_sides",
    "smoothed",
]

Array = NDArray[Any]

#: Levels of up to so many cells, or of so few along an axis, are solved directly.
FEW, THIN = 160, 3
#: Total rate out of a cell that can never be left.
SMALLEST = 1e-300
#: Passes after the correction by coarser levels, down or not (measured: the second of them is worth
#: more than another cycle).
AFTER = (False, True)


@dataclass(eq=False)
class Level:
    """One chain of the hierarchy, and how the next coarser one is reached.

    Parameters
    ----------
    stencil : ndarray, shape (4 or 8, nx + 2, ny + 2)
        Jump probabilities, see `fokkerplanck.solvers.multigrid_kernels`.
    weights, scale : ndarray
        Of the coarse cells; None on the coarsest level.
    inverse : ndarray, shape (cells, cells)
        Of the matrix, on the coarsest level.
    u, b, r : ndarray
        Where cycles keep an answer, its right-hand side and its residual; made when needed.
    kept : tuple of ndarray
        Vectors that are kept by what uses the cycles; made when needed.
    """

    stencil: Array
    weights: Array | None = None
    scale: Array | None = None
    inverse: Array | None = None
    u: Array | None = None
    b: Array | None = None
    r: Array | None = None
    kept: tuple[Array, Array] | None = None
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.shape = (self.stencil.shape[1] - 2, self.stencil.shape[2] - 2)

    @property
    def strips(self) -> tuple[Span, ...]:
        """Rows, in strips."""
        return strips(*self.shape)

    @property
    def coarse_strips(self) -> tuple[Span, ...]:
        """Rows of the next coarser level, in strips."""
        return strips((self.shape[0] + 1) // 2, 2 * self.shape[1])

    def zeros(self) -> Array:
        """Make a vector with a rim."""
        return np.zeros(self.stencil.shape[1:], self.stencil.dtype)

    def room(self, name: str) -> Array:
        """Vector that is kept for u, b or r, with a rim of zeros."""
        found: Array | None = getattr(self, name)
        if found is None:
            found = self.zeros()
            setattr(self, name, found)
        return found

    def pairs(self, count: int) -> tuple[Array, Array]:
        """Two times `count` vectors that are kept, with rims of zeros."""
        if self.kept is None:
            shape = (count, *self.stencil.shape[1:])
            self.kept = np.zeros(shape, self.stencil.dtype), np.zeros(shape, self.stencil.dtype)
        return self.kept


def padded(values: NDArray[Any]) -> NDArray[Any]:
    """Values with a rim of zeros."""
    return np.pad(values, 1)


def hierarchy(
    stencil: Array, *, steep: bool = False, old: list[Level] | None = None
) -> list[Level]:
    """Levels from the finest to the coarsest, in the precision of the stencil.

    Parameters
    ----------
    stencil : ndarray, shape (4 or 8, nx + 2, ny + 2)
    steep : bool
        Whether answers change by factors from cell to cell, not by little.
    old : list of Level, optional
        Those of another stencil of that shape, given up: their memory is used again.
    """
    levels = [Level(stencil)] if old is None else old[:1]
    levels[0].stencil = stencil
    while np.prod(levels[-1].shape) > FEW and min(levels[-1].shape) > THIN:
        below = None if old is None else old[len(levels)]
        levels.append(_coarser(levels[-1], below, steep))
    levels[-1].inverse = _inverse(levels[-1]).astype(stencil.dtype)
    return levels


def _coarser(level: Level, below: Level | None, steep: bool) -> Level:
    c, (nx, ny) = level.stencil, level.shape
    mx, my = (nx + 1) // 2, (ny + 1) // 2
    if below is None:
        level.weights = np.zeros((coarse_chains.COUNT, mx + 2, my + 2), c.dtype)
        level.scale = np.zeros((mx + 2, my + 2), c.dtype)
        below = Level(np.zeros((8, mx + 2, my + 2), c.dtype))
    p, scale, out, parts = level.weights, level.scale, below.stencil, level.coarse_strips
    shared(lambda _, *rows: coarse_chains.line_weights(c, p, steep, *rows), parts)
    shared(lambda _, *rows: coarse_chains.middle_weights(c, p, *rows), parts)
    shared(lambda _, *rows: coarse_chains.coarse_stencil(c, p, out, scale, *rows), parts)
    return below


def _inverse(level: Level) -> NDArray[np.float64]:
    """Inverse of the matrix of a small level; no entry is negative, and all keep their digits."""
    (nx, ny), c = level.shape, level.stencil.astype(np.float64)
    number = padded(np.arange(1, nx * ny + 1).reshape(nx, ny)) - 1
    w = np.zeros((nx * ny, nx * ny))
    here = number[1:-1, 1:-1]
    for k, (x, y) in enumerate(kernels.WAYS[: len(c)]):
        there = number[1 + x : nx + 1 + x, 1 + y : ny + 1 + y]
        inside = there >= 0
        w[here[inside], there[inside]] = c[k, 1:-1, 1:-1][inside]
    return _without_subtraction(w)


def _without_subtraction(w: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(1 - w)^-1`` of jump probabilities w >= 0 with row sums of at most 1, by Gauss-Jordan."""
    n = len(w)
    a, x = w.copy(), np.eye(n)
    ends = np.maximum(1.0 - a.sum(axis=1), 0.0)
    for k in range(n):  # an elimination as of Grassmann, Taksar and Heyman
        a[k, k] = 0.0
        total = max(ends[k] + a[k].sum(), SMALLEST)
        a[k] /= total
        x[k] /= total
        ends[k] /= total
        f = a[:, k].copy()
        f[k] = 0.0
        a[:, k] = 0.0
        a += np.outer(f, a[k])
        x += np.outer(f, x[k])
        ends += f * ends[k]
    return np.asarray(x)


def smoothed(c: Array, u: Array, b: Array, down: bool, *, fresh: bool = False) -> None:
    """One pass over all rows; strips of them take what lies around them as it was before."""
    parts = strips(u.shape[0] - 2, u.shape[1] - 2)
    nothing = np.zeros_like(u[0])
    around = [
        (nothing, nothing) if fresh else (u[first - 1].copy(), u[last].copy())
        for first, last in parts
    ]
    shared(lambda k, *rows: smooth(c, u, b, down, fresh, *rows, *around[k]), parts)


def _restricted(level: Level, r: Array, out: Array) -> None:
    """Residuals of the coarse cells."""
    c, p, scale = level.stencil, level.weights, level.scale
    shared(lambda _, *rows: transfer.restrict(c, p, scale, r, out, *rows), level.coarse_strips)


def right_hand_sides(levels: list[Level], b: Array, *, transposed: bool = False) -> list[Array]:
    """Right-hand sides of all levels."""
    out = [b]
    for fine, coarse in pairwise(levels):
        fine_side, side = out[-1], coarse.zeros()
        if transposed:
            transfer.restrict_transposed(fine.weights, fine_side, side, 1, coarse.shape[0] + 1)
        else:
            _restricted(fine, fine_side, side)
        out.append(side)
    return out


def interpolated(level: Level, coarse: Array, *, transposed: bool = False) -> Array:
    """Values of a level from those of the next coarser one; none is negative if those are not."""
    out, last = level.zeros(), coarse.shape[0] - 1
    if transposed:
        c = level.stencil
        transfer.spread_lines(c, level.scale, coarse, out, 1, last)
        transfer.spread_middle(c, out, 1, last)
        return out
    _correct(level, coarse, out)
    return out


def _correct(level: Level, coarse: Array, u: Array) -> None:
    p = level.weights
    shared(lambda _, *rows: transfer.correct(p, coarse, u, *rows), level.coarse_strips)


def cycle(levels: list[Level], b: Array, out: Array | None = None) -> Array:
    """One V-cycle for ``(1 - W) u = b`` from 0; u is put into `out`, which has a rim of zeros."""
    level, rest = levels[0], levels[1:]
    u = level.room("u") if out is None else out
    if not rest:
        assert level.inverse is not None
        u[1:-1, 1:-1] = (level.inverse @ b[1:-1, 1:-1].ravel()).reshape(level.shape)
        return u
    smoothed(level.stencil, u, b, False, fresh=True)
    below = rest[0].room("b")
    _restricted(level, _residual(level, u, b), below)
    _correct(level, cycle(rest, below), u)
    for down in AFTER:
        smoothed(level.stencil, u, b, down)
    return u


def _residual(level: Level, u: Array, b: Array) -> Array:
    c, r = level.stencil, level.room("r")
    shared(lambda _, *rows: kernels.residual(c, u, b, r, *rows), level.strips)
    return r
