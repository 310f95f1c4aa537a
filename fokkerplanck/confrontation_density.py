"""Stationary densities: as walkers have them, and as the Fokker-Planck equation says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from fokkerplanck import observe
from fokkerplanck.confrontation_plain import UNWRITTEN
from fokkerplanck.distances import l1
from fokkerplanck.regrid import regrid
from fokkerplanck.sampling import LEVEL, student_quantile, wilson, z_score
from fokkerplanck.steady_state import stationary

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.in_plane_sample import InPlaneSample
    from fokkerplanck.problem import Problem
    from fokkerplanck.sets import PointSet

__all__ = ["Occupied", "StationaryLaw"]

Array = NDArray[np.float64]
Numbers = tuple[float, ...]
#: Samples that are drawn from the walkers anew, to see what sampling alone does.
DRAWN_ANEW = 400


@dataclass(frozen=True, eq=False)
class StationaryLaw:
    """Stationary density of the Fokker-Planck equation in one reading.

    Parameters
    ----------
    reading : str
    occupation : tuple of float
        Mass in the basin of each well.
    mean : tuple of float, shape (dim,)
    covariance : tuple, shape (dim, dim)
    error : float
        Largest error of an occupation by the cells, from a grid of half as many along each axis.
    density : ndarray
        Averages over the cells of the histogram.
    """

    reading: str
    occupation: Numbers
    mean: Numbers
    covariance: tuple[Numbers, ...]
    error: float
    density: Array = field(repr=False, metadata=UNWRITTEN)

    @classmethod
    def of(
        cls, reading: str, pair: tuple[Problem, Problem], wells: Sequence[PointSet], grid: Grid
    ) -> StationaryLaw:
        """Solve for it.

        Parameters
        ----------
        reading : str
        pair : (Problem, Problem)
            On the cells wanted, and on half as many along each axis.
        wells : sequence of PointSet
        grid : Grid
            Of the histogram.
        """
        (fine, occupation), (_, coarse) = (_solved(problem, wells) for problem in pair)
        source = pair[0].grid
        return cls(
            reading,
            _numbers(occupation),
            _numbers(observe.mean(source, fine)),
            tuple(_numbers(row) for row in observe.covariance(source, fine)),
            float(np.abs(occupation - coarse).max()) / 3,  # of second order
            regrid(fine, source, grid).density,
        )


@dataclass(frozen=True, eq=False)
class Occupied:
    """Where walkers are once nothing changes any more.

    Parameters
    ----------
    noise : str
        ``"minibatch"`` or ``"gaussian"``.
    occupation, standard_error : tuple of float
        Share of time in the basin of each well, and its standard error from walker to walker.
    interval : tuple of (float, float)
        Of the level of the confrontation.
    mean, mean_error : tuple of float, shape (dim,)
    covariance, covariance_error : tuple, shape (dim, dim)
    l1 : mapping of str to float
        L1 distance of the histogram from each reading's stationary density: twice the total
        variation.
    sampling, sampling_bound : float
        L1 distance that sampling alone makes: its mean, and what it exceeds only with the
        probability that the level of the confrontation leaves. By drawing walkers anew.
    z : mapping of str to tuple of float
        Occupations less those of each reading, in standard errors (with the reading's error).
    agreement : float
        Probability of occupations as different, between walkers that started in different wells,
        if the start were forgotten; 1 where there is one well.
    density, density_error : ndarray
        Histogram, and its standard error.
    """

    noise: str
    occupation: Numbers
    standard_error: Numbers
    interval: tuple[tuple[float, float], ...]
    mean: Numbers
    mean_error: Numbers
    covariance: tuple[Numbers, ...]
    covariance_error: tuple[Numbers, ...]
    l1: Mapping[str, float]
    sampling: float
    sampling_bound: float
    z: Mapping[str, Numbers]
    agreement: float
    density: Array = field(repr=False, metadata=UNWRITTEN)
    density_error: Array = field(repr=False, metadata=UNWRITTEN)

    @classmethod
    def of(
        cls,
        noise: str,
        sample: InPlaneSample,
        groups: NDArray[np.intp],
        wells: Sequence[PointSet],
        laws: Mapping[str, StationaryLaw],
        grid: Grid,
        confidence: float,
        seed: int,
    ) -> Occupied:
        """Read it off positions.

        Parameters
        ----------
        noise : str
        sample : InPlaneSample
        groups : ndarray of int, shape (walkers,)
            In which well each started.
        wells : sequence of PointSet
        laws : mapping of str to StationaryLaw
            By reading.
        grid : Grid
            Of the histogram.
        confidence : float
        seed : int
            Of the samples that are drawn anew.
        """
        time = _time_inside(sample, wells, grid)
        share, error = time.mean(axis=1), time.std(axis=1, ddof=1) / sqrt(sample.walkers)
        density, deviation = sample.density(grid)
        alone = _alone(sample, groups, grid, seed)
        return cls(
            noise,
            _numbers(share),
            _numbers(error),
            tuple(
                _interval(p, e, sample.walkers, confidence)
                for p, e in zip(share, error, strict=True)
            ),
            *_moments(sample),
            {name: l1(density, law.density, grid) for name, law in laws.items()},
            float(alone.mean()),
            float(np.quantile(alone, confidence)),
            {name: _away(share, error, law) for name, law in laws.items()},
            _agreement(time, groups),
            density,
            deviation,
        )

    @property
    def settled(self) -> bool:
        """Whether the start is forgotten as far as can be seen."""
        return self.agreement >= LEVEL


def _solved(problem: Problem, wells: Sequence[PointSet]) -> tuple[Array, Array]:
    density = stationary(problem).density
    masses = [float((well.shares(problem.grid) * density).sum()) for well in wells]
    return density, np.array(masses) * problem.grid.volume


def _time_inside(sample: InPlaneSample, wells: Sequence[PointSet], grid: Grid) -> Array:
    """Share of its time that each walker spends in each well, shape (wells, walkers)."""
    x = sample.positions.reshape(-1, grid.dim)
    shape = sample.positions.shape[:2]
    return np.stack([well.contains(x, grid).reshape(shape).mean(axis=0) for well in wells])


def _interval(share: float, error: float, walkers: int, confidence: float) -> tuple[float, float]:
    """Student's interval within 0 and 1; Wilson's where all walkers agree."""
    if error == 0.0:
        low, high = wilson(share * walkers, walkers, confidence).tolist()
        return low, high
    half = student_quantile(confidence, walkers - 1) * error
    return max(float(share - half), 0.0), min(float(share + half), 1.0)


def _moments(
    sample: InPlaneSample,
) -> tuple[Numbers, Numbers, tuple[Numbers, ...], tuple[Numbers, ...]]:
    """Mean and covariance over walkers and moments, each with its error from walker to walker."""
    mean, covariance = sample.moments()
    away = sample.positions - mean
    root = sqrt(sample.walkers)
    spread = away.mean(axis=0).std(axis=0, ddof=1) / root
    # to first order a covariance is the mean of the products of distances from the mean
    products = np.einsum("twi,twj->wij", away, away) / len(sample.steps)
    error = products.std(axis=0, ddof=1) / root
    rows = [tuple(_numbers(row) for row in matrix) for matrix in (covariance, error)]
    return _numbers(mean), _numbers(spread), rows[0], rows[1]


def _alone(sample: InPlaneSample, groups: NDArray[np.intp], grid: Grid, seed: int) -> Array:
    """L1 distances between histograms of walkers drawn anew and that of all."""
    share = sample.shares(grid)
    rng = np.random.default_rng([seed, 2])
    moved = np.zeros((DRAWN_ANEW, share.shape[1]))
    for group in np.unique(groups):
        part = share[groups == group]
        n = len(part)
        times = rng.multinomial(n, np.full(n, 1.0 / n), size=DRAWN_ANEW)
        moved += (times - 1.0) @ part / len(groups)
    return np.asarray(np.abs(moved).sum(axis=1))


def _away(share: Array, error: Array, law: StationaryLaw) -> Numbers:
    pairs = zip(share - np.array(law.occupation), np.hypot(error, law.error), strict=True)
    return tuple(z_score(float(a), float(b)).statistic for a, b in pairs)


def _agreement(time: Array, groups: NDArray[np.intp]) -> float:
    """Test that walkers from all wells occupy them alike; the worst well counts."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    worst = 1.0
    for inside in time:
        means = np.bincount(group, inside) / sizes
        square = float(((inside - means[group]) ** 2).sum()) / max(group.size - sizes.size, 1)
        between = float((sizes * (means - inside.mean()) ** 2).sum())
        if between > 0.0:
            p = chdtrc(sizes.size - 1, between / square) if square > 0.0 else 0.0
            worst = min(worst, float(p))
    # shares of all wells add up to 1: one of them says nothing new
    return min(1.0, worst * max(len(time) - 1, 1))


def _numbers(values: Array) -> Numbers:
    return tuple(float(v) for v in np.ravel(values))
