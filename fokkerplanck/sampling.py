"""Statistics of independent walkers: errors of counts, of means and of times, and agreement.

Walkers are independent, so counts in cells are multinomial and every error here is that of
sampling alone: steps that are too long, and grids that are too coarse, add to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri, stdtrit

from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid

__all__ = [
    "Agreement",
    "binomial_error",
    "check_confidence",
    "chi_squared",
    "expected_distances",
    "moments_with_errors",
    "normal_quantile",
    "student_quantile",
    "wilson",
    "z_score",
]

Array = NDArray[np.float64]
#: E |Z| of a standard normal Z.
MEAN_SIZE = float(np.sqrt(2.0 / np.pi))
#: Cells in which fewer walkers are expected are taken together in the chi-squared test.
FEWEST = 5.0
#: Probability below which two laws are called different.
LEVEL = 0.01


@dataclass(frozen=True)
class Agreement:
    """Whether two numbers, or two histograms, agree within sampling error.

    Parameters
    ----------
    statistic : float
        z for a number, chi-squared for histograms.
    freedom : int
        Degrees of freedom; 1 for a number.
    p : float
        Probability of a statistic at least as large if the two have the same law.
    """

    statistic: float
    freedom: int
    p: float

    @property
    def agrees(self) -> bool:
        """Whether a statistic as large is seen in one of a hundred samples or more."""
        return self.p >= LEVEL

    @property
    def text(self) -> str:
        """A statement for tables."""
        verdict = "agrees within" if self.agrees else "differs by more than"
        return f"{verdict} sampling error: p = {self.p:.2g}"


def binomial_error(p: ArrayLike, walkers: int) -> Array:
    """Return the standard error ``sqrt(p (1 - p) / n)`` of a share that n walkers show."""
    p = np.asarray(p, dtype=np.float64)
    return np.asarray(np.sqrt(np.clip(p * (1.0 - p), 0.0, None) / walkers))


def wilson(hits: ArrayLike, walkers: int, confidence: float = 0.95) -> Array:
    """Wilson's score interval of a share; shape (..., 2). It keeps its level at 0 and at n.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).
    """
    z, n = normal_quantile(confidence), float(walkers)
    p = np.asarray(hits, dtype=np.float64) / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.stack([np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)], axis=-1)


def normal_quantile(confidence: float) -> float:
    """Half width, in standard deviations, of a central normal interval."""
    return float(ndtri(0.5 + confidence / 2))


def student_quantile(confidence: float, freedom: int) -> float:
    """Half width, in standard errors, of a central interval of Student's law."""
    return float(stdtrit(freedom, 0.5 + confidence / 2))


def check_confidence(confidence: float) -> float:
    """Raise `CaseError` unless a level lies between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        msg = f"the level of confidence lies between 0 and 1, such as 0.95; got {confidence}"
        raise CaseError(msg, key="ensemble.confidence")
    return float(confidence)


def moments_with_errors(x: Array) -> tuple[Array, Array, Array, Array]:
    """Mean and covariance of positions (n, dim), and the standard error of each entry."""
    n, dim = x.shape
    if n < 2:
        empty, square = np.full(dim, np.nan), np.full((dim, dim), np.nan)
        return (x.mean(axis=0) if n else empty), empty, square, square
    mean = x.mean(axis=0)
    away = x - mean
    covariance = away.T @ away / (n - 1)
    square = away**2
    fourth = square.T @ square / n
    spread = np.sqrt(np.clip(fourth - covariance**2, 0.0, None) / n)
    return mean, np.sqrt(np.diagonal(covariance) / n), covariance, spread


def expected_distances(
    p: Array, grid: Grid, walkers: tuple[int | None, int | None]
) -> dict[str, float]:
    """Distances that sampling alone is expected to put between histograms of one density.

    Parameters
    ----------
    p : ndarray, shape (*shape,)
        The density.
    grid : Grid
    walkers : pair of int or None
        Of each of the two; None for a density that is not sampled.

    Returns
    -------
    dict
        ``tv``, ``l1``, ``l2``, ``kl``, ``hellinger``, on a line ``w1``, ``mean`` and ``covariance``
        (root mean square). By the
        normal approximation to the multinomial law; KL and Hellinger's distance by their second
        order, ``(K - 1) / (2 n)`` and ``sqrt((K - 1) / (8 n))`` for K occupied cells.
    """
    inverse = sum(1.0 / n for n in walkers if n)
    share = np.clip(p * grid.volume, 0.0, 1.0)
    deviation = np.sqrt(share * (1.0 - share) * inverse)
    # a cell in which hardly any walker is expected is off by at most twice its share
    l1 = float(np.minimum(MEAN_SIZE * deviation, 2.0 * share).sum())
    occupied = float(np.clip(share / inverse, 0.0, 1.0).sum()) - 1.0 if inverse else 0.0
    occupied = max(occupied, 0.0)
    found = {
        "tv": l1 / 2,
        "l1": l1,
        "l2": float(np.sqrt((deviation**2).sum() / grid.volume)),
        "kl": occupied * inverse / 2,
        "hellinger": float(np.sqrt(occupied * inverse / 8)),
    }
    total = share.sum()
    if not total > 0:
        return found
    share = share / total
    if grid.dim == 1:
        below = np.clip(share.cumsum(), 0.0, 1.0)
        width = MEAN_SIZE * np.sqrt(below * (1.0 - below) * inverse)
        found["w1"] = float(width.sum() * grid.spacing[0])
    x = grid.points().reshape(-1, grid.dim)
    mass = share.ravel()
    away = x - mass @ x
    covariance = (away * mass[:, None]).T @ away
    fourth = (away**2 * mass[:, None]).T @ away**2
    found["mean"] = float(np.sqrt(np.trace(covariance) * inverse))
    found["covariance"] = float(np.sqrt((fourth - covariance**2).sum() * inverse))
    return found


def chi_squared(a: Array, b: Array, walkers: tuple[int | None, int | None]) -> Agreement:
    """Pearson's test that two arrays of cell masses, at least one sampled, have the same law.

    What is missing from mass 1 (walkers that were absorbed) counts as one more cell. Cells in
    which fewer than 5 walkers are expected are taken together.
    """
    n, m = walkers
    if n is None:
        a, b, n, m = b, a, m, n
    if n is None:
        msg = "neither density is sampled: there is no sampling error to compare with"
        raise CaseError(msg)
    p, q = (_with_lost(mass) for mass in (a, b))
    if m is None:
        scale, pooled = 1.0 / n, q
    else:
        scale, pooled = 1.0 / n + 1.0 / m, (n * p + m * q) / (n + m)
    many = pooled * min(n, m or n) >= FEWEST
    p, q, pooled = (np.append(v[many], v[~many].sum()) for v in (p, q, pooled))
    if pooled[-1] * min(n, m or n) < FEWEST and pooled.size > 1:
        k = int(pooled[:-1].argmin())  # the rest is too rare to stand alone
        for v in (p, q, pooled):
            v[k] += v[-1]
        p, q, pooled = p[:-1], q[:-1], pooled[:-1]
    there = pooled > 0.0
    statistic = float(((p - q)[there] ** 2 / pooled[there]).sum() / scale)
    freedom = max(int(there.sum()) - 1, 1)
    return Agreement(statistic, freedom, float(chdtrc(freedom, statistic)))


def z_score(difference: float, error: float) -> Agreement:
    """Two-sided test of a difference against its standard error."""
    z = difference / error if error > 0 else (0.0 if difference == 0 else np.inf)
    return Agreement(float(z), 1, float(2 * ndtr(-abs(z))))


def _with_lost(mass: Array) -> Array:
    mass = np.clip(np.ravel(mass), 0.0, None)
    return np.append(mass, max(1.0 - float(mass.sum()), 0.0))
