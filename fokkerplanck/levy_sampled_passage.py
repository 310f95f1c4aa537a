"""First passages of walkers with long jumps: when they arrive, where they land, how deep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.arrivals import Arrivals
from fokkerplanck.ensemble import stream, whole_number
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.levy_walk_plan import Jumping, LevyWalkers, starts_in
from fokkerplanck.levy_walk_target import depths, jump_target
from fokkerplanck.passage import start_and_target
from fokkerplanck.sampled_passage import SampledPassage
from fokkerplanck.sampling import check_confidence, wilson
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.solvers.hit_targets import Target
    from fokkerplanck.solvers.levy_walk import LevyHits

__all__ = ["LevyArrivals", "sample_levy_passage"]

Array = NDArray[np.float64]
#: Walkers where no number is given.
WALKERS = 10_000
#: How steps are taken: cut at jumps and near targets, or of one length.
SCHEMES = ("adapted", "euler")
#: Quantiles of the depth of landing that are given.
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Most steps of all walkers together that are begun unasked, and about how many make a second.
MOST_WORK, PER_SECOND = 3e9, 2e6
#: Walkers that go ahead to tell how long it takes, steps after which they stop first, by what that
#: is multiplied, and mean times after which a walker is given up.
SCOUTS, FIRST, FURTHER, PATIENCE = 64, 1000.0, 8.0, 30.0


@dataclass(frozen=True, eq=False)
class LevyArrivals(SampledPassage):
    """First passages of independent walkers with long jumps.

    Parameters
    ----------
    landing : ndarray, shape (arrived, dim)
        Where walkers landed, in the order of `times`.
    depth : ndarray, shape (arrived,)
        How far from the edge, inside of the target or beyond the walls: the overshoot.
    levels : ndarray, shape (q,)
    depth_quantiles, depth_intervals : ndarray, shapes (q,) and (q, 2)
        Quantiles of the depth at these levels, and intervals of confidence from order statistics.
    creeps : float
        Share of arrivals at the edge itself, by drift or Gaussian noise. Pure jumps of index 1 and
        above, and those without drift, never do.
    creeps_interval : (float, float)
        Wilson's; (0, 0) where nobody can creep.
    unresolved : int
        Arrivals that steps count at the edge although only a jump, too short to tell, leads there.
    scheme : str
        ``"adapted"`` or ``"euler"``.

    Notes
    -----
    The other parameters are those of `SampledPassage`.
    """

    landing: Array = field(repr=False)
    depth: Array = field(repr=False)
    levels: Array
    depth_quantiles: Array
    depth_intervals: Array = field(repr=False)
    creeps: float
    creeps_interval: tuple[float, float]
    unresolved: int
    scheme: str

    def _repr_html_(self) -> str:
        depths = zip(self.levels, self.depth_quantiles, self.depth_intervals, strict=True)
        rows = "".join(
            f"<tr><td>{level:.0%}</td><td>{depth:.4g}</td><td>{low:.4g} to {high:.4g}</td></tr>"
            for level, depth, (low, high) in depths
        )
        creeps = f"<p>{self.creeps:.3g} of the arrivals creep over the edge</p>"
        return (
            f"{super()._repr_html_()}{creeps}<table><tr><th>share</th><th>lands within</th>"
            f"<th>{100 * self.confidence:g} % interval</th></tr>{rows}</table>"
        )


def sample_levy_passage(
    problem: Jumping,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str,
    *,
    walkers: int = WALKERS,
    seed: int = 0,
    step: float | None = None,
    scheme: str = "adapted",
    confidence: float = 0.95,
    most_time: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> LevyArrivals:
    """Follow walkers under stable noise until they reach a set.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    start : PointSet or point
        On a line walkers of a set start from the stationary density within.
    target : PointSet or ``"walls"``
        A jump into the set counts, one over it does not. On a line a set that reaches a wall goes
        on beyond. ``"walls"`` means all absorbing walls.
    walkers, seed : int
        The same seed gives the same result whatever the number of threads.
    step : float, optional
        Time of the longest step; a small part of the shortest relaxation time if left out.
    scheme : str
        ``"adapted"``: jumps at their own times, with steps that shrink near the target and the
        exact law of a jump out of a ball (see `LevyWalk`); ``"euler"``: steps of fixed length with
        stable increments, which arrive at ends of steps only and hence late.
    confidence : float
        Level of the intervals.
    most_time : float, optional
        When walkers are given up. If left out, enough for nearly all to arrive.
    progress : callable, optional
        Told the fraction of the walks that have ended.

    Returns
    -------
    LevyArrivals
        `step_error` is the mean of a second run, with steps and thresholds of jumps twice as large,
        less `mean`.

    Raises
    ------
    CaseError
        For a target that is a point, a start inside it, or arguments out of range.
    NumericalError
        If nobody arrives, or the run would take far too long.
    """
    check_confidence(confidence)
    whole_number(walkers, "walkers", 2)
    if scheme not in SCHEMES:
        msg = f"the scheme is one of {', '.join(SCHEMES)}, got {scheme!r}"
        raise CaseError(msg, key="ensemble.scheme")
    # of a problem with jumps it reads the grid alone
    begin, sets = start_and_target(problem, start, target)  # type: ignore[arg-type]
    end = sets[0] if sets else None
    if end is not None and end.is_point:
        msg = f"the target, {end.text}, is a point, which jumps lead over: give it a radius"
        raise CaseError(msg, key="to")
    words = end.text if end is not None else str(target)
    made = LevyWalkers.of(problem, step)
    starts = starts_in(begin, end, problem, walkers, np.random.default_rng([seed, 0]))
    run = _Run(made, starts, jump_target(end, problem.grid), scheme == "euler", end is None)
    limit = _limit(run, walkers, most_time, stream(seed, 3), begin.text, words)
    hits = run.hits(stream(seed, 1), 1, limit, progress)
    found = run.arrivals(hits, limit)
    if not found.times.size:
        raise NumericalError(_nobody(found, begin.text, words, limit))
    mean, error = found.mean()
    shift = deviation = None
    other = run.arrivals(run.hits(stream(seed, 2), 2, limit), limit)
    if other.times.size:
        coarse, coarse_error = other.mean()
        shift, deviation = coarse - mean, float(np.hypot(error, coarse_error))
    ends = found.times.size + found.lost
    notes = [made.note, "steps of fixed length" if scheme == "euler" else "steps cut at jumps"]
    if found.censored:
        notes.append(
            f"{found.censored} of {walkers} walkers were given up at t = {limit:.4g}; mean and "
            "error are those of an exponential law"
        )
    p_low, p_high = wilson(found.times.size, ends, confidence)
    return LevyArrivals(
        mean=mean,
        standard_error=error,
        interval=found.interval(mean, error, confidence),
        variance=mean**2 if found.censored else float(found.times.var(ddof=1)),
        rate=1.0 / mean,
        rate_error=error / mean**2,
        probability=found.times.size / ends,
        probability_interval=(float(p_low), float(p_high)) if found.lost else (1.0, 1.0),
        times=np.sort(found.times),
        walkers=walkers,
        arrived=int(found.times.size),
        lost=found.lost,
        censored=found.censored,
        limit=limit,
        step=made.step,
        step_error=shift,
        step_error_deviation=deviation,
        dynamics="levy",
        seed=seed,
        confidence=confidence,
        start=begin.text,
        target=words,
        note="; ".join(notes),
        scheme=scheme,
        **run.landing(hits, confidence),
    )


@dataclass(frozen=True, eq=False)
class _Run:
    """Walks from given starts to a target."""

    made: LevyWalkers
    starts: Array
    target: Target | None
    fixed: bool
    walls: bool

    def hits(
        self,
        seed: int,
        longer: int,
        limit: float,
        progress: Callable[[float], None] | None = None,
        count: int | None = None,
    ) -> LevyHits:
        walk = self.made.walk(seed, longer=longer, fixed=self.fixed)
        return walk.first_hits(self.starts[:count], self.target, limit, progress)

    def arrivals(self, hits: LevyHits, limit: float) -> Arrivals:
        arrived, lost = self._ended(hits)
        on_the_way = int((hits.shape == -1).sum())
        return Arrivals(hits.times[arrived], hits.times[lost], on_the_way, limit)

    def landing(self, hits: LevyHits, confidence: float) -> dict[str, Any]:
        """Where walkers arrived, in the order of their times, and how deep."""
        arrived = np.flatnonzero(self._ended(hits)[0])
        arrived = arrived[np.argsort(hits.times[arrived], kind="stable")]
        where, n = hits.where[arrived], len(arrived)
        deep = depths(self.target, self.made.problem.grid, where, hits.shape[arrived])
        crept = hits.crept[arrived]
        deep[crept] = 0.0
        count = int(crept.sum())
        low, high = wilson(count, n, confidence)
        creeps = self._creeping()
        quantiles, intervals = _quantiles(np.sort(deep), confidence)
        return {
            "landing": where,
            "depth": deep,
            "levels": np.array(LEVELS),
            "depth_quantiles": quantiles,
            "depth_intervals": intervals,
            "creeps": count / n if creeps else 0.0,
            "creeps_interval": (float(low), float(high)) if creeps else (0.0, 0.0),
            "unresolved": 0 if creeps else count,
        }

    def _creeping(self) -> bool:
        """Whether edges may be reached between jumps: by Gaussian noise, or drift where alpha < 1.

        Steps of fixed length do not tell.
        """
        problem = self.made.problem
        heat = problem.temperature > 0.0 or problem.alpha == 2.0
        return not self.fixed and (heat or (problem.alpha < 1.0 and self.made.drifts))

    def _ended(self, hits: LevyHits) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Who arrived, and who was lost at walls that are no target."""
        walls = hits.shape == -2
        arrived = walls if self.walls else hits.shape >= 0
        return arrived, walls & ~arrived


def _quantiles(ordered: Array, confidence: float) -> tuple[Array, Array]:
    """Quantiles and distribution-free intervals of them."""
    from scipy.stats import binom

    n, q = len(ordered), np.array(LEVELS)
    low, high = (
        np.asarray(binom.ppf((1.0 + way * confidence) / 2, n, q)).astype(int) for way in (-1, 1)
    )
    ends = np.stack([np.clip(low - 1, 0, n - 1), np.clip(high, 0, n - 1)], axis=-1)
    return np.quantile(ordered, q), ordered[ends]


def _limit(run: _Run, walkers: int, most: float | None, seed: int, start: str, end: str) -> float:
    """Choose when walkers are given up; refuse what would take too long."""
    if most is not None:
        if not (np.isfinite(most) and most > 0.0):
            msg = f"the longest time is a positive number, got {most}"
            raise CaseError(msg, key="ensemble.most_time")
        return float(most)
    step = run.made.step
    longest = MOST_WORK / walkers * step
    limit = min(FIRST * step, longest)
    while True:
        scouts = run.arrivals(run.hits(seed, 1, limit, count=SCOUTS), limit)
        count = scouts.times.size + scouts.lost + scouts.censored
        if scouts.times.size >= max(count // 2, 1) or 2 * scouts.lost > count:
            break
        if limit >= longest:
            msg = (
                f"of {count} walkers from {start} only {scouts.times.size} came to {end} by t = "
                f"{limit:.3g}, in steps of {step:.3g}; {walkers} of them would take more than "
                f"{MOST_WORK / PER_SECOND / 60:.0f} minutes. Solve the fractional equation "
                "instead, take fewer walkers or more noise, or give most_time to stop early"
            )
            raise NumericalError(msg)
        limit = min(FURTHER * limit, longest)
    if not scouts.times.size:
        return limit
    return max(PATIENCE * scouts.mean()[0], limit)


def _nobody(found: Arrivals, start: str, end: str, limit: float) -> str:
    what = f"none of the walkers from {start} came to {end} by t = {limit:.4g}"
    if found.lost:
        what += f"; {found.lost} were absorbed by a wall"
    return f"{what}: nothing is known of the time. Give more time (most_time) or take more noise"
