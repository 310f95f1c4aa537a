"""Multigrid for Markov chains on a plane: a hierarchy of coarser chains, and its V-cycle.

The matrix is ``1 - W`` with jump probabilities W between neighbours, row sums of W at most 1. Every
coarser level is such a chain again, that of the walker watched on every second cell along
both axes: jumps that lead between those cells are followed until one of them is met, nothing
is ever subtracted, and what is absorbed on the way is lost. So all levels are stable for any
drift; Gauss-Seidel steps in all four directions solve for drift that points anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import multigrid_kernels as kernels

__all__ = ["Level", "cycle", "hierarchy", "interpolated", "padded", "right_hand_sides"]

Array = NDArray[Any]

#: Levels of up to so many cells, or of so few along an axis, are solved directly.
FEW, THIN = 160, 3
#: Total rate out of a cell that can never be left.
SMALLEST = 1e-300
#: Directions of the steps before and after the correction by coarser levels, as (down, left).
BEFORE, AFTER = ((0, 0), (1, 1)), ((0, 1), (1, 0))


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
    """

    stencil: Array
    weights: Array | None = None
    scale: Array | None = None
    inverse: Array | None = None
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.shape = (self.stencil.shape[1] - 2, self.stencil.shape[2] - 2)

    def zeros(self) -> Array:
        """Make a vector with a rim."""
        return np.zeros(self.stencil.shape[1:], self.stencil.dtype)


def padded(values: NDArray[Any]) -> NDArray[Any]:
    """Values with a rim of zeros."""
    return np.pad(values, 1)


def hierarchy(stencil: Array) -> list[Level]:
    """Levels from the finest to the coarsest, in the precision of the stencil."""
    levels = [Level(stencil)]
    while np.prod(levels[-1].shape) > FEW and min(levels[-1].shape) > THIN:
        levels.append(_coarser(levels[-1]))
    levels[-1].inverse = _inverse(levels[-1]).astype(stencil.dtype)
    return levels


def _coarser(level: Level) -> Level:
    c, (nx, ny) = level.stencil, level.shape
    mx, my = (nx + 1) // 2, (ny + 1) // 2
    level.weights = np.zeros((8, mx + 2, my + 2), c.dtype)
    level.scale = np.zeros((mx + 2, my + 2), c.dtype)
    stencil = np.zeros((8, mx + 2, my + 2), c.dtype)
    kernels.line_weights(c, level.weights, 1, mx + 1)
    kernels.middle_weights(c, level.weights, 1, mx + 1)
    kernels.coarse_stencil(c, level.weights, stencil, level.scale, 1, mx + 1)
    return Level(stencil)


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


def _restricted(level: Level, r: Array, below: Level) -> Array:
    """Residuals of the coarse cells; changes r."""
    last = below.shape[0] + 1
    kernels.gather_middle(level.stencil, r, 1, last)
    kernels.gather_lines(level.stencil, r, 1, last)
    out = below.zeros()
    kernels.restrict(level.stencil, level.scale, r, out, 1, last)
    return out


def right_hand_sides(levels: list[Level], b: Array, *, transposed: bool = False) -> list[Array]:
    """Right-hand sides of all levels."""
    out = [b]
    for fine, coarse in pairwise(levels):
        if transposed:
            out.append(coarse.zeros())
            last = coarse.shape[0] + 1
            kernels.restrict_transposed(fine.weights, out[-2], out[-1], 1, last)
        else:
            out.append(_restricted(fine, out[-1].copy(), coarse))
    return out


def interpolated(level: Level, coarse: Array, *, transposed: bool = False) -> Array:
    """Values of a level from those of the next coarser one; none is negative if those are not."""
    out, last = level.zeros(), coarse.shape[0] - 1
    if transposed:
        c = level.stencil
        kernels.spread_lines(c, level.scale, coarse, out, 1, last)
        kernels.spread_middle(c, out, 1, last)
        return out
    kernels.correct(level.weights, coarse, out, 1, last)
    return out


def cycle(levels: list[Level], b: Array, u: Array | None = None) -> Array:
    """One V-cycle for ``(1 - W) u = b``, from 0 unless u is given (and changed)."""
    level, rest = levels[0], levels[1:]
    if not rest:
        assert level.inverse is not None
        inner = level.inverse @ b[1:-1, 1:-1].ravel()
        return padded(inner.reshape(level.shape))
    u = level.zeros() if u is None else u
    for down, left in BEFORE:
        kernels.sweep(level.stencil, u, b, down, left)
    r = level.zeros()
    kernels.residual(level.stencil, u, b, r, 1, level.shape[0] + 1)
    coarse = cycle(rest, _restricted(level, r, rest[0]))
    kernels.correct(level.weights, coarse, u, 1, coarse.shape[0] - 1)
    for down, left in AFTER:
        kernels.sweep(level.stencil, u, b, down, left)
    return u
