r"""Velocities for absorbing walls: polynomials in :math:`|w|` under the normal density.

At a wall that absorbs, a density is cut off at w = 0 and varies like :math:`\sqrt{|w|}` on the side
that comes back; Hermite polynomials, smooth there, converge like a power of their number below 1.
Even functions :math:`P_k(|w|)` and odd ones :math:`w R_k(|w|)`, orthonormal polynomials on the
half line, have an end point at w = 0 where they resolve on a scale of :math:`k^{-3/2}`. Even ones
may have a kink there, odd ones vanish: their sum is continuous, which is all that diffusion asks
for. The constant is among them, and multiplying by w leads from even to odd: mass and equilibrium
are exact.

References
----------
B. Shizgal, J. Comput. Phys. 41, 309 (1981), for the polynomials; M. A. Burschka and U. M.
Titulaer, J. Stat. Phys. 25, 569 (1981), for the boundary layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

__all__ = ["HalfRange", "half_range"]

Array = NDArray[np.float64]
#: Points of Gauss-Legendre quadrature on each panel.
POINTS = 24


@dataclass(frozen=True, eq=False)
class HalfRange:
    r"""Matrices between `count` even functions e and one less odd ones o.

    Brackets are integrals under the normal density over all w; :math:`a = \partial_w` and
    :math:`a^\dagger = w - \partial_w`.

    Parameters
    ----------
    count : int
    raising, lowering : ndarray, shape (count - 1, count)
        :math:`\langle o, a^\dagger e \rangle` and :math:`\langle o, a e \rangle`.
    even, odd : ndarray
        :math:`\langle \partial e, \partial e \rangle` and :math:`\langle \partial o, \partial o
        \rangle`, the friction.
    flux : ndarray, shape (count, count)
        :math:`\langle e, |w| e \rangle`, what flies through a wall.
    """

    count: int
    raising: Array = field(repr=False)
    lowering: Array = field(repr=False)
    even: Array = field(repr=False)
    odd: Array = field(repr=False)
    flux: Array = field(repr=False)
    _recurrences: tuple[Array, Array] = field(repr=False)

    def values(self, w: float) -> tuple[Array, Array]:
        """Even and odd functions at a velocity, shapes (count,) and (count - 1,)."""
        p, r = (_evaluate(c, abs(w)) for c in self._recurrences)
        return p, w * r


@cache
def half_range(count: int) -> HalfRange:
    """Make the functions by Lanczos iterations on a fine quadrature, to rounding."""
    u, weight = _quadrature(2.0 * np.sqrt(count) + 12.0)
    rho = 2.0 * weight * np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)
    p, dp, even = _polynomials(u, rho, count)
    r, dr, odd = _polynomials(u, rho * u * u, count - 1)
    slope = dr + r / u  # of w R, as its values are r
    lowering = r @ dp.T
    return HalfRange(
        count,
        r @ (u * p).T - lowering,
        lowering,
        dp @ dp.T,
        slope @ slope.T,
        p @ (u * p).T,
        (even, odd),
    )


def _quadrature(top: float) -> tuple[Array, Array]:
    x, w = leggauss(POINTS)
    edges = np.concatenate(
        [[0.0], np.geomspace(1e-3, 0.2, 6), np.linspace(0.2, top, int(6 * top) + 1)[1:]]
    )
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def _polynomials(u: Array, rho: Array, count: int) -> tuple[Array, Array, Array]:
    """Orthonormal polynomials and derivatives times ``sqrt(rho)``, and their recurrence (a, b)."""
    q, a, b = np.zeros((count, u.size)), np.zeros(count), np.zeros(count)
    b[0] = np.sqrt(rho.sum())
    q[0] = np.sqrt(rho) / b[0]
    for k in range(count):
        v = u * q[k]
        a[k] = v @ q[k]
        if k + 1 < count:
            for _ in range(2):
                v = v - q[: k + 1].T @ (q[: k + 1] @ v)
            b[k + 1] = np.linalg.norm(v)
            q[k + 1] = v / b[k + 1]
    d = np.zeros_like(q)
    for k in range(count - 1):
        before = b[k] * d[k - 1] if k else 0.0
        d[k + 1] = (q[k] + (u - a[k]) * d[k] - before) / b[k + 1]
    return q, d, np.array([a, b])


def _evaluate(recurrence: Array, u: float) -> Array:
    a, b = recurrence
    out = np.zeros(a.size)
    out[0] = 1.0 / b[0]
    for k in range(a.size - 1):
        before = b[k] * out[k - 1] if k else 0.0
        out[k + 1] = ((u - a[k]) * out[k] - before) / b[k + 1]
    return out
