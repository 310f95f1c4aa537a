"""Slowest rates on a line by quadrature: relaxation between walls, escape through absorbing ends.

The inverse of the generator is an integral operator with a positive kernel, so its largest
eigenvalue is found by iteration without a single subtraction: a rate of 1e-1000 has as many
digits as one of 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.line_integrals import Scaled, log_integral, running, running_back
from fokkerplanck.theory.line_panels import LinePanels
from fokkerplanck.theory.line_process import LineProcess, scale_density, speed_weight

__all__ = ["LineRate", "escape_rate", "relaxation_rate"]

#: Iterations of the inverse; neighbours in the spectrum that are closer show up in the error.
ITERATIONS = 400
#: Relative change of a rate between two iterations that counts as none.
SETTLED = 2e-15


@dataclass(frozen=True)
class LineRate:
    """A rate on a line.

    Parameters
    ----------
    log_rate : float
        Natural logarithm.
    error : float
        Estimated relative error.
    """

    log_rate: float
    error: float

    @property
    def rate(self) -> float:
        """The rate; 0 below the range of floating point."""
        return exp(self.log_rate) if self.log_rate > -745 else 0.0

    @property
    def log10_rate(self) -> float:
        """Decimal logarithm."""
        return self.log_rate / log(10.0)


def relaxation_rate(process: LineProcess, around: float = 0.0, unit: float = 1.0) -> LineRate:
    """Slowest rate of relaxation to the stationary density (the spectral gap).

    With ``W = int_a^x w``, ``R = int_x^b w`` and ``Z = W(b)``, the derivative of an observable is
    divided by the generator as ``u' -> (s / Z) (R int_a^y W u' + W int_y^b R u')``; the slowest
    mode is monotonic, so that u' > 0.

    Parameters
    ----------
    process : LineProcess
        Its walls reflect, or the drift confines.
    around, unit : float
        A point between the walls and a length, from which sides without a wall are explored.
    """
    low = process.floor(around, unit)
    high = -process.mirrored().floor(-around, unit)

    def iterate(panels: LinePanels) -> tuple[float, float]:
        half = panels.half_widths
        s, w = (make(panels, process.kappa) for make in (scale_density, speed_weight))
        left, right = running(w, half), running_back(w, half)
        total = log_integral(w, half)

        def divide(u: Scaled) -> Scaled:
            back = left * running_back(right * u, half)
            return (s * (right * running(left * u, half)).plus(back)).scaled(-total)

        one = Scaled(s.value, -s.exponent)
        return _largest(divide, s * left * right, one, half)

    return _refined(process, process.panels(low, around, high), iterate)


def escape_rate(
    process: LineProcess, left: float | None = None, right: float | None = None
) -> LineRate:
    """Slowest rate of escape through absorbing ends; its mode is quasi-stationary.

    Parameters
    ----------
    process : LineProcess
    left, right : float, optional
        Absorbing ends, at least one; a side without one has its wall, or is confined.
    """
    if left is None and right is None:
        msg = "an escape needs an absorbing end"
        raise ValueError(msg)
    if right is None:
        assert left is not None
        return escape_rate(process.mirrored(), None, -left)
    both = left is not None
    low = left if left is not None else process.floor(right, max(1.0, abs(right)))

    def iterate(panels: LinePanels) -> tuple[float, float]:
        half = panels.half_widths
        s, w = (make(panels, process.kappa) for make in (scale_density, speed_weight))
        up, down = running(s, half), running_back(s, half)
        total = log_integral(s, half)

        def divide(u: Scaled) -> Scaled:
            if not both:
                return running_back(s * running(w * u, half), half)
            here = (down * running(w * up * u, half)).plus(up * running_back(w * down * u, half))
            return here.scaled(-total)

        return _largest(divide, up * down if both else down, w, half)

    return _refined(process, process.panels(low, right), iterate)


def _largest(
    divide: Callable[[Scaled], Scaled], u: Scaled, weight: Scaled, half: NDArray[np.float64]
) -> tuple[float, float]:
    """Logarithm of the smallest rate by inverse iteration, and its last change."""
    found, change = inf, inf
    for _ in range(ITERATIONS):
        v = divide(u)
        product = log_integral(u * v * weight, half)
        square = log_integral(v * v * weight, half)
        change, found = abs(product - square - found), product - square
        if change < SETTLED * max(1.0, abs(found)):
            break
        u = v.scaled(-0.5 * square)
    return found, change


def _refined(
    process: LineProcess, panels: LinePanels, iterate: Callable[[LinePanels], tuple[float, float]]
) -> LineRate:
    fine = panels.halved(process.potential)
    (before, _), (after, change) = iterate(panels), iterate(fine)
    return LineRate(after, abs(after - before) + change + fine.rounding)
