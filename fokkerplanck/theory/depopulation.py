"""How far the top of a well is emptied when friction replaces too slowly what has escaped."""

from __future__ import annotations

from math import acosh, asinh, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError

__all__ = ["depopulation", "log_depopulation"]

Array = NDArray[np.float64]
#: Step of the trapezoidal rule: singularities lie at Im u = pi/4 and beyond, and leave 2e-17. From
#: losses of this size on the integrand is a bump, as narrow as their square root.
STEP, NARROW = 0.125, 50.0
#: The integrand is nothing where its exponential is below e^-UNDERFLOW.
UNDERFLOW = 745.0


def depopulation(loss: float) -> float:
    """Depopulation factor A of Mel'nikov and Meshkov, to rounding.

    ``A(d) = exp{(1/pi) int_0^inf ln[1 - e^{-d (l^2 + 1/4)}] / (l^2 + 1/4) dl}``; it goes from
    ``d (1 - 0.82 sqrt d)`` to ``1 - erfc(sqrt(d) / 2)``.

    Parameters
    ----------
    loss : float
        d >= 0, the energy lost to friction in one round trip at the height of the barrier, in
        temperatures: ``d = g S / T``. It may be infinite.

    Raises
    ------
    CaseError
        For a loss that is negative or not a number.

    References
    ----------
    V. I. Mel'nikov and S. V. Meshkov, J. Chem. Phys. 85 (1986) 1018, equation 5.24.
    """
    return float(np.exp(log_depopulation(loss)))


def log_depopulation(loss: float) -> float:
    """Natural logarithm of `depopulation`, accurate as such where A is close to 1 too."""
    if not loss >= 0:
        msg = f"the energy lost in a round trip is a number >= 0, got {loss}"
        raise CaseError(msg)
    if loss == 0:
        return -np.inf
    # with l = sinh(u) / 2 the integrand is even and analytic around the real line: the
    # trapezoidal rule converges exponentially
    reach = asinh(1.0) if loss >= 4 * UNDERFLOW else acosh((4 * UNDERFLOW / loss) ** 0.5)
    step = STEP / sqrt(1 + min(loss, 4 * UNDERFLOW) / NARROW)
    u = step * np.arange(int(reach / step) + 2)
    cosh = np.cosh(u)
    values = _log_gone(loss / 4 * cosh**2) / cosh
    return float(2 / pi * step * (values.sum() - 0.5 * values[0]))


def _log_gone(x: Array) -> Array:
    """``ln(1 - e^-x)`` for x > 0, without loss at either end."""
    small = x < log(2.0)
    near = np.log(-np.expm1(-np.where(small, x, 1.0)))
    return np.where(small, near, np.log1p(-np.exp(-np.where(small, 1.0, x))))
