"""What curvatures that change across a straight path up a saddle do to the escape of SGD.

With frozen noise ``D`` along and ``M`` across the path (|H| of the minimum or of the saddle, over
eb), the curvature ``Q`` of the quasi-potential across obeys on the way up

    Q' = h' / D + (h Q + Q h - 2 Q M Q) / L',    Q = M^-1 h = 1 at the minimum,

with the curvatures h(x) of the loss across, and the time has a factor ``exp int tr(M Q - h) / L'
dx``. In detailed balance, which needs h constant or D = M, the integrand vanishes. Where the noise
switches Q jumps, because that border is a curved surface ``x = c + y.K y / 2``: by
``L' (1 / D_a - 1 / D_b) K``.

References
----------
F. Bouchet and J. Reygner, Ann. Henri Poincare 17 (2016) 3499 (prefactors without detailed balance;
the equation of Q is the second order of ``grad Phi . D grad Phi = grad L . grad Phi``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.descent_path import Surface

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

__all__ = ["factor_across"]

Array = NDArray[np.float64]
#: Knots of the splines on each of the two stretches.
KNOTS = 1025
#: Curvatures across that change by less than this part do not.
CONSTANT = 1e-6
#: Distance from the ends at which to start and stop, and step of differences at the border, in
#: lengths of the path.
MARGIN, STEP = 1e-4, 1e-3


def factor_across(landscape: Surface, minimum: Array, saddle: Array, border: float) -> float:
    """Logarithm of the factor on the escape time.

    Parameters
    ----------
    landscape : Surface
    minimum, saddle : ndarray, shape (n,)
        Ends of a straight path that is an axis of the Hessian all along.
    border : float
        Distance from the minimum at which the noise switches.

    Raises
    ------
    CaseError
        When Q grows without bound: the lowest way up the quasi-potential leaves this path.
    """
    far = float(np.linalg.norm(saddle - minimum))
    line = _Line(landscape, minimum, (saddle - minimum) / far)
    slope, along, across = line.at(np.array([0.0, border, far]))
    if not _changes(line, far, across[0]):
        return 0.0
    margin = MARGIN * far
    below = _Stretch.of(line, (0.0, border), abs(along[0]), across[0])
    above = _Stretch.of(line, (border, far), abs(along[2]), across[2])
    q, before = below.climbed(below.started(margin), (margin, border))
    q = q + (1 / below.noise - 1 / above.noise) * slope[1] * _border(line, border, STEP * far)
    q, after = above.climbed(q, (border, far - margin))
    # the integrand is smooth at both ends
    ends = below.leak(margin, below.started(margin)) + above.leak(far - margin, q)
    return before + after + margin * ends


@dataclass(frozen=True, eq=False)
class _Line:
    landscape: Surface
    origin: Array
    direction: Array

    def at(self, x: Array) -> tuple[Array, Array, Array]:
        """Slope, curvature along and curvatures across at distances x, first axis first."""
        e = self.direction
        basis = np.linalg.svd(e[None])[2][1:].T
        points = self.origin + x[:, None] * e
        h = self.landscape.hessian(points)
        along = np.einsum("i,kij,j->k", e, h, e)
        return self.landscape.gradient(points) @ e, along, basis.T @ h @ basis


@dataclass(frozen=True, eq=False)
class _Stretch:
    """A part of the way up with one noise, along and across."""

    noise: float
    across: Array
    pull: CubicSpline
    curvature: CubicSpline
    change: CubicSpline

    @classmethod
    def of(cls, line: _Line, span: tuple[float, float], noise: float, across: Array) -> _Stretch:
        """Tabulate the landscape on a stretch, where it is smooth."""
        x = np.linspace(*span, KNOTS)
        slope, _, h = line.at(x)
        from scipy.interpolate import CubicSpline  # slow to import

        curvature = CubicSpline(x, h)
        return cls(noise, across, CubicSpline(x, slope), curvature, curvature.derivative())

    def started(self, x: float) -> Array:
        """Q next to the minimum, ``1 + x Q1``."""
        h, vectors = np.linalg.eigh(self.across)
        # Q1 = h' / D + (2 h' - M Q1 - Q1 M) / L'', and D = L'' here
        q1 = 3 * (vectors.T @ self.change(0.0) @ vectors) / (self.noise + h[:, None] + h)
        return np.asarray(np.eye(h.size) + x * (vectors @ q1 @ vectors.T))

    def leak(self, x: float, q: Array) -> float:
        """``tr(M Q - h) / L'``."""
        return float(np.trace(self.across @ q - self.curvature(x)) / self.pull(x))

    def climbed(self, q: Array, span: tuple[float, float]) -> tuple[Array, float]:
        """Follow Q uphill; its end, and the integral of the leak."""
        from scipy.integrate import solve_ivp

        n, m = len(q), self.across

        def slope(x: float, y: Array) -> Array:
            q, h = y[:-1].reshape(n, n), self.curvature(x)
            change = self.change(x) / self.noise + (h @ q + q @ h - 2 * q @ m @ q) / self.pull(x)
            return np.append(change.ravel(), self.leak(x, q))

        start = np.append(q.ravel(), 0.0)
        found = solve_ivp(slope, span, start, method="LSODA", rtol=1e-9, atol=1e-11)
        end = found.y[:, -1]
        if found.status != 0 or not np.isfinite(end).all():
            msg = "the curvature of the quasi-potential across the path grows without bound"
            raise CaseError(msg)
        return end[:-1].reshape(n, n), float(end[-1])


def _changes(line: _Line, far: float, first: Array) -> bool:
    across = line.at(np.linspace(0.0, far, 33))[2]
    return bool(np.abs(across - first).max() > CONSTANT * np.abs(first).max())


def _border(line: _Line, x: float, step: float) -> Array:
    """K of the surface where the Hessian turns singular, ``x = c + y.K y / 2``."""
    _, along, across = line.at(x + step * np.array([-1.0, 0.0, 1.0]))
    third = (along[2] - along[0]) / (2 * step)
    first = (across[2] - across[0]) / (2 * step)
    second = (across[2] - 2 * across[1] + across[0]) / step**2
    return np.asarray(-(second - 2 * first @ np.linalg.solve(across[1], first)) / third)
