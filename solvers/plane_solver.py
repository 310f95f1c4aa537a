"""Large chains on a plane whose answers span hundreds of decades, solved entry by entry right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import multigrid_kernels as kernels
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.multigrid import (
    Level,
    coarse_right_hand_sides,
    cycle,
    hierarchy,
    interpolated,
    padded,
)

__all__ = ["PlaneSolver"]

Array = NDArray[np.float64]

#: Relative error, proven, that is aimed at; and the largest that is accepted.
AIM, ACCEPTED = 1e-11, 1e-8
FAINT = 1e-300
#: Krylov vectors between two looks at the true residual; and how often it is looked at.
VECTORS, ROUNDS = 6, 12
#: Largest factor by which an answer is changed at once.
MOST = 8.0


class PlaneSolver:
    r"""Solve ``(1 - W) u = b`` for b >= 0, each entry of u to relative accuracy, however small."""

    def __init__(self, stencil: Array) -> None:
        self.stencil = stencil
        self.levels = hierarchy(stencil)
        self.rows = stencil.shape[1] - 1
        self.log: list = []

    def solve(self, b: Array, guess: Array | None = None, aim: float = AIM) -> tuple[Array, float]:
        u = self.first(b) if guess is None else guess
        return self._refined(u, b, aim)

    def first(self, b: Array) -> Array:
        """An answer that is right within some per cent, from the coarsest level to the finest."""
        sides = coarse_right_hand_sides(self.levels, b)
        u = padded((self.levels[-1].inverse @ sides[-1][1:-1, 1:-1].ravel()).reshape(self.levels[-1].shape))
        for k in range(len(self.levels) - 2, -1, -1):
            level = self.levels[k]
            u = interpolated(level, u)
            for _ in range(1 if k == 0 else 2):
                for d in (0, 1):
                    for e in (0, 1):
                        kernels.sweep(level.stencil, u, sides[k], d, e)
            if k > 0:
                for _ in range(2):
                    u = _multiplied(level, u, sides[k], 2)
        return u

    def _refined(self, u, b, aim):
        c = self.stencil
        u[u < FAINT] = 0.0
        h = _conditioned(c, u)
        r = np.zeros_like(u)
        scale = u.copy()
        for k in range(ROUNDS):
            rho = _relative(c, u, b, r)
            worst = float(np.abs(rho).max())
            self.log.append(worst)
            if worst < 3e-15 or (k > 1 and worst > 0.5 * self.log[-2] and worst < 1e-12):
                break
            g = u / np.where(scale > 0, scale, 1.0)
            e = _krylov(h, (rho * g).astype(np.float32), VECTORS)
            np.clip(1.0 + e / np.where(g > 0, g, 1), 1 / MOST, MOST, out=g)
            u *= g
            if k == 0 and worst > 0.3:
                h = _conditioned(c, u); scale = u.copy()
        t = _krylov(h, (u > 0).astype(np.float32), 5, 0.1)
        return u, worst, float(t.max()), float(_defect(h, t, u > 0))

def _defect(h, t, live):
    out = np.zeros_like(t)
    kernels.product(h[0].stencil, t.astype(np.float32), out, 1, t.shape[0] - 1)
    return out[live].min()

def _relative(c, u, b, r):
    kernels.residual(c, u, b, r, 1, u.shape[0] - 1)
    return np.divide(r, u, out=np.zeros_like(u), where=u > 0.0)


def _conditioned(c: Array, u: Array) -> list[Level]:
    out = np.zeros(c.shape, np.float32)
    kernels.transform(c, u, out, 1, u.shape[0] - 1)
    return hierarchy(out)


def _multiplied(level: Level, u: Array, b: Array, cycles: int) -> Array:
    c = level.stencil
    h = _conditioned(c, u)
    rho = _relative(c, u, b, np.zeros_like(u)).astype(np.float32)
    e = cycle(h, rho)
    for _ in range(cycles - 1):
        cycle(h, rho, e)
    return u * np.clip(1.0 + e.astype(np.float64), 1 / MOST, MOST)


def _krylov(levels: list[Level], b, vectors: int, enough: float = 1e-4):
    """Correction e with ``(1 - W) e = b`` to some digits, by GMRES after a V-cycle."""
    size = float(np.linalg.norm(b))
    if size == 0.0:
        return b
    c, rows = levels[0].stencil, b.shape[0] - 1
    basis = np.empty((vectors + 1, b.size), b.dtype)
    basis[0] = b.ravel() / size
    h = np.zeros((vectors + 1, vectors))
    w = np.zeros_like(b)
    for k in range(vectors):
        z = cycle(levels, basis[k].reshape(b.shape))
        kernels.product(c, z, w, 1, rows)
        v = w.ravel()
        h[: k + 1, k] = basis[: k + 1] @ v
        v = v - h[: k + 1, k].astype(b.dtype) @ basis[: k + 1]
        h[k + 1, k] = np.linalg.norm(v)
        basis[k + 1] = v / h[k + 1, k]
        target = np.zeros(k + 2)
        target[0] = size
        y, *_ = np.linalg.lstsq(h[: k + 2, : k + 1], target, rcond=None)
        left = np.linalg.norm(h[: k + 2, : k + 1] @ y - target)
        if left < enough * size:
            break
    z = y.astype(b.dtype) @ basis[: y.size]
    return cycle(levels, z.reshape(b.shape))
