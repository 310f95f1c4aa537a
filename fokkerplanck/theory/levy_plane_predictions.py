"""Closed forms for cases of heavy-tailed noise in the plane."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad

from fokkerplanck.theory.prediction import Prediction, entry, invalid, unknown

if TYPE_CHECKING:
    from fokkerplanck.levy_plane import PlaneLevy

__all__ = ["plane_levy_ou", "plane_wave"]

Array = NDArray[np.float64]
#: A slope this close to linear, relative to its largest value, is one.
ROUNDING = 1e-9
#: Laws wider than this part of the way to a wall feel it.
WIDE = 0.1
KNOWN = ("stationary.characteristic.real.k", "stationary.characteristic.imaginary.k")


def plane_levy_ou(problem: PlaneLevy, case: Any, quantity: str) -> Prediction:
    """Characteristic function of the stationary law in a parabola, at the frequencies asked for."""
    parts = quantity.split(".")
    if parts[:2] != ["stationary", "characteristic"] or parts[2:3] not in (["real"], ["imaginary"]):
        raise unknown(quantity, "levy-ou", KNOWN)
    found = _parabola(problem)
    if isinstance(found, str):
        return invalid(found)
    curvature, centre = found
    asked = getattr(case.stationary, "frequencies", None) or ()
    seen = [
        plane_wave(problem, curvature, np.array(k)) * np.exp(1j * np.dot(k, centre)) for k in asked
    ]
    values = [getattr(w, "real" if parts[2] == "real" else "imag") for w in seen]
    value = entry(values, parts[3:], quantity, "levy-ou", KNOWN)
    reach = [
        min(axis.max - c, c - axis.min) for axis, c in zip(problem.grid.axes, centre, strict=True)
    ]
    slow = problem.alpha * float(np.linalg.eigvalsh(curvature)[0])
    part = max(problem.scales) * slow ** (-1.0 / problem.alpha) / min(reach)
    if not 0.0 < part < WIDE:
        return Prediction(value, False, f"the law is {part:.2g} of the way to a wall wide")
    return Prediction(value)


def plane_wave(problem: PlaneLevy, curvature: Array, k: Array) -> float:
    r"""Stationary :math:`E e^{i k \cdot (x - c)}` in the loss ``(x - c) H (x - c) / 2``.

    .. math:: \log E e^{i k \cdot (x - c)} = -\int_0^\infty \psi(e^{-H t} k) dt, \quad \psi(q) =
        \begin{cases} s^\alpha |q|^\alpha \\ \sum_i s_i^\alpha |q_i|^\alpha \end{cases} + T |q|^2

    References
    ----------
    K. Sato and M. Yamazato, Stoch. Proc. Appl. 17 (1984) 73.
    """
    rates, axes = np.linalg.eigh(curvature)
    along = axes.T @ k
    alpha, s = problem.alpha, np.array(problem.scales)

    def exponent(t: float) -> float:
        q = axes @ (np.exp(-rates * t) * along)
        size = np.abs(q) if problem.components == "independent" else np.array([np.hypot(*q), 0.0])
        return float((s * size) ** alpha @ np.ones(2) + problem.temperature * (q @ q))

    # in pieces: components may change sign, which leaves a kink
    ends = np.arange(60) / (alpha * rates[0])
    parts = [quad(exponent, a, b, epsabs=1e-14)[0] for a, b in pairwise(ends)]
    return float(np.exp(-np.sum(parts)))


def _parabola(problem: PlaneLevy) -> tuple[Array, Array] | str:
    """Hessian and centre of a quadratic loss; or what is wrong with it."""
    points = problem.grid.points().reshape(-1, 2)
    slope = problem.landscape.gradient(points)
    rows = np.column_stack([points, np.ones(len(points))])
    found = np.linalg.lstsq(rows, slope, rcond=None)[0]
    if np.abs(rows @ found - slope).max() > ROUNDING * np.abs(slope).max():
        return "needs a quadratic loss"
    curvature = 0.5 * (found[:2] + found[:2].T)
    if not np.linalg.eigvalsh(curvature)[0] > 0.0:
        return "needs a quadratic loss with a minimum"
    if {fate for pair in problem.fates for fate in pair} != {"stopped"}:
        return 'needs walls where jumps are "stopped", which stand for the whole plane'
    return curvature, -np.linalg.solve(curvature, found[2])
