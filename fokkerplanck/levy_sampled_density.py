"""Densities from walkers with long jumps: histograms over time, with their errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.ensemble import stream, whole_number
from fokkerplanck.ensemble_start import Start, positions_of
from fokkerplanck.errors import CaseError
from fokkerplanck.levy_walk_plan import Jumping, LevyWalkers
from fokkerplanck.sampled_density import (
    WALKERS,
    SampledDensities,
    beyond_sampling,
    counted,
    evolution_times,
)
from fokkerplanck.sampling import (
    binomial_error,
    check_confidence,
    expected_distances,
    moments_with_errors,
    wilson,
)

__all__ = ["sample_levy_densities"]

#: Steps of all walkers together that are refused, four hours, and about how many make a second.
MOST_WORK, PER_SECOND = 3e10, 2e6


def sample_levy_densities(
    problem: Jumping,
    initial: Start,
    times: ArrayLike | Sequence[float],
    *,
    walkers: int = WALKERS,
    seed: int = 0,
    step: float | None = None,
    confidence: float = 0.95,
) -> SampledDensities:
    """Follow independent walkers under stable noise and count them in the cells of the grid.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    initial : density, point or NormalStart
        As for `sample_densities`.
    times : array, shape (n,)
        Increasing, none below 0.
    walkers, seed : int
        The same seed gives the same result whatever the number of threads.
    step : float, optional
        Time of a step; a small part of the shortest relaxation time if left out.
    confidence : float
        Level of the intervals.

    Returns
    -------
    SampledDensities
        Between walls that do not absorb, by half a step of the drift's flow, a stable increment and
        another half (weak order two); with walls that do, by steps cut at jumps, see `LevyWalk`.
        Means and covariances are those of walkers kept within the walls.

    Raises
    ------
    CaseError
        For what is out of range, or would take hours.
    """
    from fokkerplanck.landscapes.critical import basin_labels

    check_confidence(confidence)
    whole_number(walkers, "walkers", 2)
    when, made, grid = evolution_times(times), LevyWalkers.of(problem, step), problem.grid
    if walkers * when[-1] / made.step > MOST_WORK:
        hours = walkers * when[-1] / made.step / PER_SECOND / 3600
        msg = f"{walkers} walkers with steps of {made.step:.3g} up to t = {when[-1]:.4g} take some "
        msg += f"{hours:.2g} hours; take fewer walkers, longer steps or shorter times"
        raise CaseError(msg, key="evolve.times")
    starts = positions_of(initial, grid, walkers, np.random.default_rng([seed, 0]))
    fixed = not any("absorbing" in pair for pair in grid.walls)
    runs = [
        made.walk(stream(seed, n), longer=n, fixed=fixed).snapshots(starts, when) for n in (1, 2)
    ]
    counts, moments, errors = [], [], []
    for x, y in zip(*runs, strict=True):
        inside, other = (v[np.isfinite(v).all(axis=1)] for v in (x, y))
        counts.append(counted(inside, grid))
        moments.append(moments_with_errors(inside))
        errors.append(beyond_sampling(counts[-1], counted(other, grid), walkers))
    share = np.array(counts) / walkers
    labels, minima = basin_labels(problem.landscape, grid)
    wells = max(len(minima), 1)
    hits = np.array([np.bincount(labels.ravel(), c.ravel(), wells) for c in counts])
    density = share / grid.volume
    mean, mean_error, covariance, covariance_error = map(np.array, zip(*moments, strict=True))
    return SampledDensities(
        *(grid, when, density, binomial_error(share, walkers) / grid.volume),
        *(mean, mean_error, covariance, covariance_error),
        *(hits / walkers, wilson(hits, walkers, confidence)),
        np.array([expected_distances(p, grid, (walkers, None))["l1"] for p in density]),
        np.array(errors),
        walkers,
        seed,
        made.step,
        "levy",
        confidence,
        made.note + ("; steps of fixed length" if fixed else "; steps cut at jumps"),
    )
