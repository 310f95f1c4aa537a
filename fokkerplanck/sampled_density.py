"""Densities from walkers: histograms over time, with the errors of sampling and of the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.ensemble import Ensemble, whole_number
from fokkerplanck.ensemble_start import Start, positions_of
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.sampling import (
    binomial_error,
    check_confidence,
    expected_distances,
    moments_with_errors,
    wilson,
)

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = [
    "SampledDensities",
    "SampledStep",
    "beyond_sampling",
    "check_work",
    "counted",
    "evolution_times",
    "sample_densities",
    "sampled_steps",
]

Array = NDArray[np.float64]
#: Walkers of a density where no number is given.
WALKERS = 100_000
#: Steps of all walkers together that are refused, eight hours, and about how many make a second.
MOST_WORK, PER_SECOND = 3e12, 1e8


@dataclass(frozen=True, eq=False)
class SampledStep:
    """An ensemble at one time.

    Parameters
    ----------
    time : float
        When; for descent the time of the step nearest to what was asked for.
    counts : ndarray of int, shape (*shape,)
        Walkers in each cell; those that absorbing walls took are in none.
    mean, mean_error : ndarray, shape (dim,)
        Of the positions themselves, not of the cells.
    covariance, covariance_error : ndarray, shape (dim, dim)
    step_error : float or None
        Estimated L1 error that the length of the step makes, an upper one where it is lost in
        that of sampling; None for descent, whose step is part of what is sampled.
    step_shift : ndarray, shape (dim,), or None
        Change of the mean by a step of twice the length: about the error of the mean.
    """

    time: float
    counts: NDArray[np.int64]
    mean: Array
    mean_error: Array
    covariance: Array
    covariance_error: Array
    step_error: float | None
    step_shift: Array | None


@dataclass(frozen=True, eq=False)
class SampledDensities:
    """Densities of an ensemble at a list of times.

    Parameters
    ----------
    grid : Grid
    times : ndarray, shape (n,)
        Those reached; for descent whole numbers of steps.
    density, density_error : ndarray, shape (n, *grid.shape)
        Share of the walkers in each cell over its volume, and its binomial standard error.
    mean, mean_error : ndarray, shape (n, dim)
        Of the positions, with standard errors.
    covariance, covariance_error : ndarray, shape (n, dim, dim)
    basins, basin_intervals : ndarray, shape (n, wells) and (n, wells, 2)
        Share of the walkers in each basin, and Wilson's intervals.
    sampling_error : ndarray, shape (n,)
        L1 distance that sampling alone is expected to make.
    step_error : ndarray, shape (n,), or None
        Estimated L1 error that the length of the step makes, from a companion run with steps of
        twice the length; it cannot be seen much below the error of sampling. None for descent.
    walkers, seed : int
    step : float
        Time of the longest step.
    dynamics : str
        ``"sde"`` or ``"sgd"``.
    confidence : float
        Level of the intervals.
    note : str
        What was done.
    """

    grid: Grid
    times: Array
    density: Array = field(repr=False)
    density_error: Array = field(repr=False)
    mean: Array
    mean_error: Array
    covariance: Array = field(repr=False)
    covariance_error: Array = field(repr=False)
    basins: Array
    basin_intervals: Array = field(repr=False)
    sampling_error: Array
    step_error: Array | None
    walkers: int
    seed: int
    step: float
    dynamics: str
    confidence: float
    note: str

    def at(self, time: float) -> Array:
        """Return the density at the listed time nearest to `time`, shape (*grid.shape,)."""
        return np.asarray(self.density[int(np.argmin(np.abs(self.times - time)))])

    def _repr_html_(self) -> str:
        rows = {
            "times": f"{self.times.size}, from {self.times[0]:g} to {self.times[-1]:g}",
            "walkers": f"{self.walkers} (seed {self.seed})",
            "step": f"{self.step:.3g}",
            "sampling error (L1)": f"{self.sampling_error[-1]:.1e}",
            "step error (L1)": "-" if self.step_error is None else f"{self.step_error[-1]:.1e}",
            "dynamics": self.note,
        }
        body = "".join(f"<tr><th>{k}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table>{body}</table>"


def sample_densities(
    problem: Problem,
    initial: Start,
    times: ArrayLike | Sequence[float],
    *,
    walkers: int = WALKERS,
    seed: int = 0,
    step: float | None = None,
    dynamics: str = "sde",
    confidence: float = 0.95,
) -> SampledDensities:
    """Follow independent walkers and count them in the cells of the grid.

    Parameters
    ----------
    problem : Problem
        A schedule of the noise is followed.
    initial : density, point or NormalStart
        A density on the cells, shape (*grid.shape,), has its walkers evenly within each cell; a
        point, shape (dim,), has them all.
    times : array, shape (n,)
        Increasing, none below 0.
    walkers, seed : int
        The same seed gives the same result whatever the number of threads.
    step : float, optional
        Time of a step; a small part of the shortest relaxation time if left out. For descent that
        of an iteration, which the problem's hyper-parameters know.
    dynamics : str
        ``"sde"``: steps of the stochastic equation in the problem's reading, of weak order two
        where D is constant (see `EnsembleFields.for_step`) and one elsewhere; ``"sgd"``: the steps
        of descent themselves, with gradient noise of covariance 2 D / step.
    confidence : float
        Level of the intervals.

    Returns
    -------
    SampledDensities

    Raises
    ------
    CaseError
        For what is out of range, or dynamics without a learning rate.
    """
    from fokkerplanck.landscapes.critical import basin_labels

    check_confidence(confidence)
    steps = list(
        sampled_steps(
            problem, initial, times, walkers=walkers, seed=seed, step=step, dynamics=dynamics
        )
    )
    ensemble = Ensemble.of(problem, dynamics, step)
    grid, counts = problem.grid, np.array([s.counts for s in steps])
    share = counts / walkers
    labels, minima = basin_labels(problem.landscape, grid)
    wells = max(len(minima), 1)
    hits = np.array([np.bincount(labels.ravel(), c.ravel(), wells) for c in counts])
    density = share / grid.volume
    errors = [s.step_error for s in steps]
    return SampledDensities(
        grid,
        np.array([s.time for s in steps]),
        density,
        binomial_error(share, walkers) / grid.volume,
        np.array([s.mean for s in steps]),
        np.array([s.mean_error for s in steps]),
        np.array([s.covariance for s in steps]),
        np.array([s.covariance_error for s in steps]),
        hits / walkers,
        wilson(hits, walkers, confidence),
        np.array([expected_distances(p, grid, (walkers, None))["l1"] for p in density]),
        None if None in errors else np.array(errors, dtype=np.float64),
        walkers,
        seed,
        ensemble.plan.step,
        dynamics,
        confidence,
        ensemble.plan.note,
    )


def sampled_steps(
    problem: Problem,
    initial: Start,
    times: ArrayLike | Sequence[float],
    *,
    walkers: int = WALKERS,
    seed: int = 0,
    step: float | None = None,
    dynamics: str = "sde",
    tell: Callable[[float], None] | None = None,
) -> Iterator[SampledStep]:
    """Yield the ensemble at each of the times; parameters as for `sample_densities`."""
    whole_number(walkers, "walkers", 2)
    when = evolution_times(times)
    ensemble = Ensemble.of(problem, dynamics, step)
    check_work(walkers, float(when[-1]), ensemble.plan.step)
    grid = problem.grid
    starts = positions_of(initial, grid, walkers, np.random.default_rng([seed, 0]))
    legs = ensemble.plan.legs(when)
    companion: Iterator[tuple[float, Array]] | None = None
    if dynamics == "sde":
        companion = ensemble.follow(starts, legs, seed, longer=2)
    for time, x in ensemble.follow(starts, legs, seed):
        inside = x[np.isfinite(x).all(axis=1)]
        counts = counted(inside, grid)
        moments = moments_with_errors(inside)
        if companion is None:
            yield SampledStep(time, counts, *moments, None, None)
            continue
        _, y = next(companion)
        y = y[np.isfinite(y).all(axis=1)]
        error = beyond_sampling(counts, counted(y, grid), walkers)
        shift = y.mean(axis=0) - moments[0] if len(y) else None
        yield SampledStep(time, counts, *moments, error, shift)


def counted(x: Array, grid: Grid) -> NDArray[np.int64]:
    """Count walkers in the cells of the grid."""
    index = [
        np.clip(((x[:, d] - a.min) / a.spacing).astype(np.int64), 0, a.cells - 1)
        for d, a in enumerate(grid.axes)
    ]
    flat = np.ravel_multi_index(tuple(index), grid.shape)
    size = int(np.prod(grid.shape))
    return np.bincount(flat, minlength=size).astype(np.int64).reshape(grid.shape)


def beyond_sampling(a: NDArray[np.int64], b: NDArray[np.int64], walkers: int) -> float:
    """Bound the L1 distance of two laws by their samples, expected sampling error taken off.

    ``L1^2 <= sum (p - q)^2 / m`` for m the mean of both, whose estimate by counts exceeds it by
    about one per occupied cell and the walkers.
    """
    both = (a + b).ravel()
    there = both > 0
    square = ((a - b).ravel()[there] ** 2 / both[there] - 1.0) * 2.0 / walkers
    return float(np.sqrt(max(float(square.sum()), 0.0)))


def check_work(walkers: int, end: float, step: float) -> None:
    """Refuse what would take days."""
    work = walkers * end / step
    if work > MOST_WORK:
        msg = (
            f"{walkers} walkers with steps of {step:.3g} up to t = {end:.4g} take some "
            f"{work / PER_SECOND / 3600:.2g} hours; take fewer walkers, longer steps or shorter "
            'times, or solve the Fokker-Planck equation instead (method = "auto")'
        )
        raise CaseError(msg, key="evolve.times")


def evolution_times(times: ArrayLike | Sequence[float]) -> Array:
    """Raise `CaseError` unless times are finite, increase and none is below 0."""
    when = np.atleast_1d(np.asarray(times, dtype=np.float64))
    good = when.ndim == 1 and when.size and np.isfinite(when).all()
    if not good or when[0] < 0 or (np.diff(when) <= 0).any():
        msg = f"times are finite, increase and none is below 0, got {times!r:.80}"
        raise CaseError(msg, key="evolve.times")
    return when
