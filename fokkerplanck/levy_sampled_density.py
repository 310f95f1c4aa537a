"""Densities from walkers with long jumps: histograms over time, with their errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.ensemble import stream, whole_number
from fokkerplanck.ensemble_start import Start, positions_of
from fokkerplanck.errors import CaseError
from fokkerplanck.levy_walk_plan import Jumping, LevyWalkers
from fokkerplanck.sampled_density import (
    WALKERS,
    SampledDensities,
    SampledStep,
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

__all__ = ["check_levy_work", "note_of", "sample_levy_densities", "sampled_levy_steps"]

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
    made, grid = LevyWalkers.of(problem, step), problem.grid
    steps = list(sampled_levy_steps(made, initial, times, walkers=walkers, seed=seed))
    counts = np.array([s.counts for s in steps])
    share = counts / walkers
    labels, minima = basin_labels(problem.landscape, grid)
    wells = max(len(minima), 1)
    hits = np.array([np.bincount(labels.ravel(), c.ravel(), wells) for c in counts])
    density = share / grid.volume
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
        np.array([s.step_error for s in steps], dtype=np.float64),
        walkers,
        seed,
        made.step,
        "levy",
        confidence,
        note_of(made),
    )


def sampled_levy_steps(
    made: LevyWalkers,
    initial: Start,
    times: ArrayLike | Sequence[float],
    *,
    walkers: int = WALKERS,
    seed: int = 0,
) -> Iterator[SampledStep]:
    """Yield the ensemble at each of the times; parameters as for `sample_levy_densities`."""
    whole_number(walkers, "walkers", 2)
    when, grid = evolution_times(times), made.problem.grid
    check_levy_work(walkers, float(when[-1]), made.step)
    starts = positions_of(initial, grid, walkers, np.random.default_rng([seed, 0]))
    runs = [
        made.walk(stream(seed, n), longer=n, fixed=_fixed(made)).snapshots(starts, when)
        for n in (1, 2)
    ]
    for time, x, y in zip(when, *runs, strict=True):
        inside, other = (v[np.isfinite(v).all(axis=1)] for v in (x, y))
        counts, moments = counted(inside, grid), moments_with_errors(inside)
        error = beyond_sampling(counts, counted(other, grid), walkers)
        shift = other.mean(axis=0) - moments[0] if len(other) else None
        yield SampledStep(float(time), counts, *moments, error, shift)


def check_levy_work(walkers: int, end: float, step: float) -> None:
    """Refuse what would take hours."""
    if walkers * end / step > MOST_WORK:
        hours = walkers * end / step / PER_SECOND / 3600
        msg = f"{walkers} walkers with steps of {step:.3g} up to t = {end:.4g} take some "
        msg += f"{hours:.2g} hours; take fewer walkers, longer steps or shorter times"
        raise CaseError(msg, key="evolve.times")


def note_of(made: LevyWalkers) -> str:
    """How densities are walked, for outputs."""
    return made.note + ("; steps of fixed length" if _fixed(made) else "; steps cut at jumps")


def _fixed(made: LevyWalkers) -> bool:
    """Whether no wall absorbs, so that steps need not be cut."""
    return not any("absorbing" in pair for pair in made.problem.grid.walls)
