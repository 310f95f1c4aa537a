"""Escape over a saddle in any number of dimensions: Eyring and Kramers, Langer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, inf, log, pi
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError

__all__ = ["EscapeRate", "eyring_kramers", "high_enough", "langer", "over_paths"]

Array = NDArray[np.float64]
#: Barriers below this many temperatures are outside of the range of rate theory.
LEAST_BARRIER = 5.0
#: Rounding of a barrier that is 5 temperatures.
ROUNDING = 1e-9


class Critical(Protocol):
    """Loss and Hessian at a critical point, such as `landscapes.critical.CriticalPoint`."""

    @property
    def loss(self) -> float: ...

    @property
    def hessian(self) -> Array: ...


@dataclass(frozen=True)
class EscapeRate:
    """Rate of escape from a well, in the limit of small noise.

    Parameters
    ----------
    log_rate : float
        Natural logarithm of the rate at which the far side of the barrier is reached for good.
    barrier : float
        Height of the (lowest) barrier in temperatures, ``Delta L / T``.
    caveat : str
        Why the law does not hold whatever the barrier; empty where it does.
    """

    log_rate: float
    barrier: float
    caveat: str = ""

    @property
    def rate(self) -> float:
        """The rate; 0 below the range of floating point."""
        return _exp(self.log_rate)

    @property
    def time(self) -> float:
        """Mean time to the far side of the barrier, ``1 / rate``."""
        return _exp(-self.log_rate)

    @property
    def log_time(self) -> float:
        """Natural logarithm of the mean time to the far side."""
        return -self.log_rate

    @property
    def log_touch_time(self) -> float:
        """Natural logarithm of the mean time to first touch the saddle's ridge: half as long.

        From the ridge, half of all paths fall back.
        """
        return -self.log_rate - log(2.0)

    @property
    def valid(self) -> bool:
        """Whether the barrier is at least 5 temperatures, and nothing else is wrong."""
        return high_enough(self.barrier) and not self.caveat

    @property
    def note(self) -> str:
        """Why it is not valid; empty if it is."""
        low = f"barrier / T = {self.barrier:.3g} is below {LEAST_BARRIER:g}"
        return "; ".join(filter(None, ("" if high_enough(self.barrier) else low, self.caveat)))


def high_enough(barrier: float) -> bool:
    """Whether a barrier in temperatures is in the range of rate theory."""
    return barrier >= LEAST_BARRIER * (1 - ROUNDING)


def eyring_kramers(minimum: Critical, saddle: Critical, temperature: float) -> EscapeRate:
    """Escape with drift ``-grad L`` and isotropic noise ``D = T``.

    ``k = |lambda_-| / (2 pi) sqrt(det H_a / |det H_s|) e^{-Delta L / T}`` with the negative
    eigenvalue of the Hessian at the saddle; Kramers' rate in one dimension.

    Parameters
    ----------
    minimum, saddle : CriticalPoint
        Anything with a ``loss`` and a ``hessian``.
    temperature : float
        T > 0; the relative error is of order T / Delta L, and above a fifth of the barrier the
        result says that it is not valid.

    Raises
    ------
    CaseError
        When the one is no minimum or the other has not just one direction down.

    References
    ----------
    A. Bovier, M. Eckhoff, V. Gayrard and M. Klein, J. Eur. Math. Soc. 6 (2004) 399.
    """
    return langer(minimum, saddle, temperature, np.eye(len(minimum.hessian)))


def langer(
    minimum: Critical, saddle: Critical, temperature: float, mobility: ArrayLike
) -> EscapeRate:
    """Escape with drift ``-M grad L`` and noise ``D = T M``, M constant (detailed balance).

    As `eyring_kramers`, with the negative eigenvalue of ``M H_s``. Anisotropic noise on the plain
    drift ``-grad L``, as that of stochastic gradient descent, is *not* of this kind.

    Parameters
    ----------
    minimum, saddle : CriticalPoint
        Anything with a ``loss`` and a ``hessian``.
    temperature : float
        T > 0.
    mobility : array_like, shape (n, n)
        M, symmetric and positive definite.

    Raises
    ------
    CaseError
        On a mobility that is not, or points of another kind.

    References
    ----------
    J. S. Langer, Ann. Phys. 54 (1969) 258; A. Berezhkovskii and A. Szabo, J. Chem. Phys. 122
    (2005) 014503.
    """
    well, top = (np.atleast_2d(np.asarray(p.hessian, dtype=np.float64)) for p in (minimum, saddle))
    m = np.atleast_2d(np.asarray(mobility, dtype=np.float64))
    if m.shape != well.shape or not np.allclose(m, m.T, rtol=1e-12, atol=0):
        msg = f"the mobility must be symmetric of shape {well.shape}, got {m.tolist()}"
        raise CaseError(msg)
    try:
        root = np.linalg.cholesky(m)
    except np.linalg.LinAlgError:
        msg = f"the mobility must be positive definite, got {m.tolist()}"
        raise CaseError(msg) from None
    if np.linalg.eigvalsh(well)[0] <= 0:
        msg = "an escape starts at a minimum: its Hessian must be positive definite"
        raise CaseError(msg)
    # M H and the symmetric R^T H R, with M = R R^T, have the same eigenvalues
    values = np.linalg.eigvalsh(root.T @ top @ root)
    if not (values[0] < 0 and (values[1:] > 0).all()):
        msg = "an escape passes a saddle: its Hessian must have one negative eigenvalue"
        raise CaseError(msg)
    barrier = (saddle.loss - minimum.loss) / temperature
    dets = np.linalg.slogdet(well)[1] - np.linalg.slogdet(top)[1]
    return EscapeRate(float(log(-values[0] / (2 * pi)) + 0.5 * dets - barrier), barrier)


def over_paths(rates: Iterable[EscapeRate]) -> EscapeRate:
    """Sum of rates: of several saddles that lead out of a well, or of the two ways over one.

    The sum of both ways over a single saddle is the slowest rate of relaxation of two wells.
    """
    given = list(rates)
    total = float(np.logaddexp.reduce([r.log_rate for r in given]))
    caveats = dict.fromkeys(r.caveat for r in given if r.caveat)
    return EscapeRate(total, min(r.barrier for r in given), "; ".join(caveats))


def _exp(x: float) -> float:
    return exp(x) if x < 709.7 else inf
