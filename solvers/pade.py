"""Subdiagonal Pade approximations of exp: damped at infinity, never growing left of the axis.

Unlike that of `fokkerplanck.solvers.poles`, which is best on the negative half line and
grows where a step turns an oscillation by some 12, these may be repeated as often as one likes.

References
----------
E. Hairer and G. Wanner, *Solving Ordinary Differential Equations II*, section IV.4, theorem 4.12.
"""

from __future__ import annotations

from functools import cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

__all__ = ["pade"]

Complex = NDArray[np.complex128]


@cache
def pade(degree: int) -> tuple[Complex, Complex]:
    """Poles in the upper half plane and their residues, of type (degree - 1, degree).

    ``exp(z) = 2 Re sum_j c_j / (z - theta_j)``, right to the order ``2 degree - 1``.

    Parameters
    ----------
    degree : int
        Even, so that no pole is real.
    """
    m, k = degree, degree - 1
    whole = factorial(k + m)
    below = [
        (-1) ** j * factorial(k + m - j) * factorial(m) / (whole * factorial(j) * factorial(m - j))
        for j in range(m + 1)
    ]
    above = [
        factorial(k + m - j) * factorial(k) / (whole * factorial(j) * factorial(k - j))
        for j in range(k + 1)
    ]
    q, p = np.poly1d(below[::-1]), np.poly1d(above[::-1])
    poles = np.array([z for z in q.roots if z.imag > 0])
    return poles, p(poles) / q.deriv()(poles)
