r"""Explicit evolution of kinetic modes: a Chebyshev series of exp on the imaginary axis.

With R a bound on the frequencies, d half the largest damping and :math:`A = (L + d) / R`,

.. math:: e^{\tau L} = e^{-\tau d} \Big[ J_0(\tau R)
          + 2 \sum_k J_k(\tau R)\, \phi_k(A) \Big], \qquad
          \phi_{k+1} = 2 A \phi_k + \phi_{k-1},

about one product with L for each unit of :math:`\tau R`: nothing else is as cheap while the
density oscillates. Damping bends the axis by d / R; steps are so short that the series does not
grow by more than `GROWTH` on the way.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray
from scipy.special import jv

from fokkerplanck.solvers.kinetic import STENCIL, Kinetic

__all__ = ["Explicit"]

Array = NDArray[np.float64]
Neighbours = tuple[NDArray[np.int64], Array, Array, int, int]
#: Damping over half a step, whose exponential multiplies rounding.
GROWTH = 3.0
#: Bessel functions below this are left out.
CUT = 1e-17


class Explicit:
    """Applies ``exp(t L)`` to kinetic modes at any accuracy, at a cost of about t times its norm.

    Parameters
    ----------
    operator : Kinetic
    """

    def __init__(self, operator: Kinetic) -> None:
        self.operator = operator
        self.products = 0

    @cached_property
    def bound(self) -> tuple[float, float]:
        """Bound R on the frequencies, and half the largest damping d."""
        op = self.operator
        half = 0.5 * op.rate * (op.modes - 1) * (2.0 - op.cold)
        return 1.01 * max(op.fastest, half), half

    def cost(self, time: float) -> float:
        """Estimate the number of products with L that a time takes."""
        top, half = self.bound
        pieces = max(np.ceil(time * half / GROWTH), 1.0)
        return float(time * top + 25.0 * pieces)

    def advance(self, even: Array, odd: Array, time: float) -> tuple[Array, Array]:
        """Return ``exp(time L)`` applied to modes of shapes `even_shape` and `odd_shape`."""
        op = self.operator
        top, half = self.bound
        pieces = int(max(np.ceil(time * half / GROWTH), np.ceil(time * top / 2000.0), 1.0))
        tau = time / pieces
        series = _series(tau * top, half / top)
        e, o = np.ascontiguousarray(even), np.ascontiguousarray(odd)
        for _ in range(pieces):
            e, o = chebyshev_kernel(
                e, o, *self._stencils, op.speed, op.rate, op.cold, series, top, half
            )
            factor = np.exp(-tau * half)
            e *= factor
            o *= factor
        self.products += pieces * series.size
        return e, o

    @cached_property
    def _stencils(self) -> tuple[Neighbours, Neighbours]:
        """What each face takes from cells, and each cell from faces."""
        op = self.operator
        return _neighbours(op.raising, op.lowering), _neighbours(
            sp.csr_array(op.raising.T), sp.csr_array(op.lowering.T)
        )


def _neighbours(p: sp.csr_array, q: sp.csr_array) -> Neighbours:
    """Both matrices as (index, weights, weights, first, last): rows between are regular."""
    rows, width = p.shape[0], len(STENCIL)
    index = np.zeros((width, rows), dtype=np.int64)
    weights = np.zeros((2, width, rows))
    for i in range(rows):
        for k, (a, b) in enumerate(((p, 0), (q, 1))):
            lo, hi = a.indptr[i], a.indptr[i + 1]
            index[: hi - lo, i] = a.indices[lo:hi]
            weights[k, : hi - lo, i] = a.data[lo:hi]
            del b
    regular = (np.diff(index, axis=0) == 1).all(axis=0)
    inside = np.flatnonzero(
        regular & (index[0] - np.arange(rows) == index[0, rows // 2] - rows // 2)
    )
    return index, weights[0], weights[1], int(inside[0]), int(inside[-1]) + 1


def _series(reach: float, bend: float) -> Array:
    """Coefficients J_0, 2 J_1, 2 J_2, ... of the series, cut where its terms vanish.

    Off the axis by `bend`, polynomials grow by ``bend + sqrt(1 + bend^2)`` from one to the next.
    """
    most = int(2.0 * reach + 12.0 * np.cbrt(reach + 1.0) + 60)
    order = np.arange(most + 1)
    values = 2.0 * jv(order, reach)
    values[0] *= 0.5
    with np.errstate(divide="ignore"):
        size = np.log(np.abs(values)) + order * np.arcsinh(bend)
    seen = np.flatnonzero(size > np.log(CUT))
    return np.ascontiguousarray(values[: seen[-1] + 1])


@njit(cache=True, fastmath={"contract", "reassoc"})
def _gather(out, d, own, a, x, b, y, index, p, q, first, last):  # type: ignore[no-untyped-def]
    """``out = d own + sum_k (a p_k x + b q_k y)`` over four neighbours each."""
    m = last - first
    k0 = index[0, first]
    x0, x1, x2, x3 = x[k0 : k0 + m], x[k0 + 1 : k0 + 1 + m], x[k0 + 2 : k0 + 2 + m], x[k0 + 3 :]
    y0, y1, y2, y3 = y[k0 : k0 + m], y[k0 + 1 : k0 + 1 + m], y[k0 + 2 : k0 + 2 + m], y[k0 + 3 :]
    p0, p1, p2, p3 = p[0, first:last], p[1, first:last], p[2, first:last], p[3, first:last]
    q0, q1, q2, q3 = q[0, first:last], q[1, first:last], q[2, first:last], q[3, first:last]
    z, w = out[first:last], own[first:last]
    for i in range(m):
        z[i] = (
            d * w[i]
            + a * (p0[i] * x0[i] + p1[i] * x1[i] + p2[i] * x2[i] + p3[i] * x3[i])
            + b * (q0[i] * y0[i] + q1[i] * y1[i] + q2[i] * y2[i] + q3[i] * y3[i])
        )
    for part in range(2):
        for i in range(0 if part == 0 else last, first if part == 0 else out.size):
            value = d * own[i]
            for k in range(4):
                value += a * p[k, i] * x[index[k, i]] + b * q[k, i] * y[index[k, i]]
            out[i] = value


@njit(cache=True)
def _apply(e, o, ce, co, at_faces, at_cells, s, g, cold, scale, shift):  # type: ignore[no-untyped-def]
    """(ce, co) = scale (L + shift) (e, o)."""
    half = e.shape[0]
    cells, up, down, first, last = at_faces
    faces, up_t, down_t, first_t, last_t = at_cells
    for j in range(half):
        a = -scale * s * np.sqrt(2.0 * j + 1.0)
        b = -scale * s * np.sqrt(2.0 * j + 2.0) if j + 1 < half else 0.0
        c = scale * s * np.sqrt(2.0 * j)
        d_e, d_o = scale * (shift - g * 2 * j), scale * (shift - g * (2 * j + 1))
        above, below = e[min(j + 1, half - 1)], o[max(j - 1, 0)]
        _gather(co[j], d_o, o[j], a, e[j], b, above, cells, up, down, first, last)
        _gather(ce[j], d_e, e[j], -a, o[j], c, below, faces, up_t, down_t, first_t, last_t)
        if cold != 1.0 and j > 0:
            ce[j] -= scale * g * (1.0 - cold) * np.sqrt(2.0 * j * (2 * j - 1)) * e[j - 1]
            co[j] -= scale * g * (1.0 - cold) * np.sqrt((2 * j + 1) * 2.0 * j) * o[j - 1]


@njit(cache=True)
def chebyshev_kernel(e, o, at_faces, at_cells, s, g, cold, series, top, shift):  # type: ignore[no-untyped-def]
    """Sum ``series_k phi_k(A) (e, o)`` with ``A = (L + shift) / top``."""
    e0, o0 = e.copy(), o.copy()
    e1, o1 = np.empty_like(e), np.empty_like(o)
    e2, o2 = np.empty_like(e), np.empty_like(o)
    se, so = series[0] * e, series[0] * o
    if series.size == 1:
        return se, so
    _apply(e0, o0, e1, o1, at_faces, at_cells, s, g, cold, 1.0 / top, shift)
    for k in range(1, series.size):
        c = series[k]
        se += c * e1
        so += c * o1
        if k + 1 < series.size:
            _apply(e1, o1, e2, o2, at_faces, at_cells, s, g, cold, 2.0 / top, shift)
            e2 += e0
            o2 += o0
            e0, e1, e2 = e1, e2, e0
            o0, o1, o2 = o1, o2, o0
    return se, so
