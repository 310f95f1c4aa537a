"""What the pooled estimate says of noise without heavy tails: surrogates of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.tail_index import block_logs
from fokkerplanck.tail_index_scan import BlockScan, block_scan

__all__ = ["Control", "controls", "pooled_order", "surrogates"]

Array = NDArray[np.float64]
Surrogate = Callable[[np.random.Generator], Array]
#: Median of ``|X|`` of a standard normal X.
NORMAL_MEDIAN = 0.6744897501960817
#: Floating-point operations that Gaussian noise of the same covariance may take, in all.
WORK = 4e11
#: Chance, on one side, at which a pooled estimate differs from a control: three standard errors.
CHANCE = 1.35e-3


@dataclass(frozen=True, eq=False, slots=True)
class Control:
    """Pooled estimates of surrogates.

    Parameters
    ----------
    name : str
    inverse, deviation : float
        Mean of ``1/alpha`` over the draws, and its standard deviation.
    draws : int
    scan : BlockScan
        Of one draw.
    """

    name: str
    inverse: float
    deviation: float
    draws: int
    scan: BlockScan

    @property
    def alpha(self) -> float:
        """Index at the mean of ``1/alpha``; infinite where that is not above 0."""
        return 1 / self.inverse if self.inverse > 0 else inf

    @property
    def spread(self) -> float:
        """Standard deviation of alpha over the draws."""
        return self.alpha**2 * self.deviation

    def above(self, pooled: float) -> bool:
        """Whether a pooled estimate is below those of the surrogates, and not by chance."""
        return 1 / pooled - self.inverse > self.margin

    def differs(self, pooled: float) -> bool:
        """Whether it is elsewhere."""
        return abs(1 / pooled - self.inverse) > self.margin

    @property
    def margin(self) -> float:
        """Largest difference of ``1/alpha`` by chance (1.35e-3 on each side), by Student's law."""
        from scipy.special import stdtrit

        quantile = -float(stdtrit(self.draws - 1, CHANCE))
        return quantile * self.deviation * sqrt(1 + 1 / self.draws)


def pooled_order(x: Array) -> Array:
    """All values in one row, as the public procedure has them: blocks over neighbours.

    Neighbours are coordinates of the same sample, so that scales of coordinates, and what
    coordinates have to do with each other, enter the estimate.
    """
    return x.reshape(-1, 1)


def controls(x: Array, block: int, draws: int, rng: np.random.Generator) -> tuple[Control, ...]:
    """Estimate the index of surrogates as `pooled_order` has them.

    Parameters
    ----------
    x : ndarray, shape (samples, coordinates)
    block : int
        K1.
    draws : int
        Surrogates of each kind.
    rng : Generator

    Returns
    -------
    tuple of Control
        ``shuffled`` (all values in random order: dependence is gone, scales stay), ``gaussian
        variances`` and ``gaussian medians`` (independent normal coordinates with the variances, or
        the medians of ``|x|``, of the data; the first is unfair to heavy tails, whose sample
        variances scatter), ``gaussian covariance`` (normal with the covariance of the data; left
        out where it would take too long).
    """
    found = []
    for name, make in surrogates(x, draws).items():
        logs = [block_logs(pooled_order(make(rng)), block).mean() for _ in range(draws)]
        inverse = np.array(logs) / log(block)
        scan = block_scan(pooled_order(make(rng)))
        deviation = float(inverse.std(ddof=1))
        found.append(Control(name, float(inverse.mean()), deviation, draws, scan))
    return tuple(found)


def surrogates(x: Array, draws: int = 1) -> dict[str, Surrogate]:
    """Return what makes a surrogate of each kind, by name, as `controls` describes them."""
    deviations = np.sqrt((x**2).mean(axis=0))
    medians = np.median(np.abs(x), axis=0) / NORMAL_MEDIAN
    made: dict[str, Surrogate] = {
        "shuffled": lambda rng: rng.permutation(x.ravel()).reshape(x.shape),
        "gaussian variances": lambda rng: deviations * rng.standard_normal(x.shape),
        "gaussian medians": lambda rng: medians * rng.standard_normal(x.shape),
    }
    if x.shape[1] > 1 and 2 * draws * x.size * min(x.shape) < WORK:
        made["gaussian covariance"] = _of_covariance(x)
    return made


def _of_covariance(x: Array) -> Surrogate:
    """Make normal rows whose second moments are those of the rows of x, of any rank."""
    n, d = x.shape
    # normal combinations of the rows themselves, or of as few that have the same moments
    root = x / n**0.5 if n <= d else np.linalg.qr(x / n**0.5, mode="r")
    return lambda rng: rng.standard_normal((n, len(root))) @ root
