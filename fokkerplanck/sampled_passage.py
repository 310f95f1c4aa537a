"""First-passage times from walkers, with intervals of confidence; those still on the way count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.arrivals import Arrivals
from fokkerplanck.ensemble import Ensemble, stream, whole_number
from fokkerplanck.ensemble_start import positions_in
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.passage import start_and_target
from fokkerplanck.sampling import Agreement, check_confidence, wilson, z_score
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["SampledPassage", "agreement", "sample_passage"]

Array = NDArray[np.float64]
#: Walkers of a passage where no number is given.
WALKERS = 10_000
#: Most steps of all walkers together that are begun unasked, some minutes; and how many steps are
#: taken in a second, to tell.
MOST_WORK, PER_SECOND = 3e10, 1e8
#: Mean times after which a walker is given up, if nothing else is said.
PATIENCE = 30.0
#: Cells of the grid on which the mean time is guessed beforehand.
GUESS_CELLS = 128**2


@dataclass(frozen=True, eq=False)
class SampledPassage:
    """First-passage times of independent walkers.

    Parameters
    ----------
    mean, standard_error : float
        Of the time, given that the target is reached before an absorbing wall that is none.
    interval : (float, float)
        Of the mean, at the level `confidence`.
    variance : float
        Of the time; where walkers were given up that of the exponential law.
    rate, rate_error : float
        ``1 / mean`` and its standard error.
    probability : float
        Of reaching the target before such a wall.
    probability_interval : (float, float)
        Wilson's.
    times : ndarray, shape (arrived,)
        Times of those that arrived, ascending.
    walkers, arrived, lost, censored : int
        Followed; arrived; absorbed elsewhere; given up on the way.
    limit : float
        Time after which a walker is given up.
    step : float
        Time of a step.
    step_error, step_error_deviation : float or None
        Mean of a run with steps of twice the length less `mean`: about the error that the step
        makes, or three times that where D is constant; and its standard deviation. None for
        descent.
    dynamics : str
        ``"sde"`` or ``"sgd"``.
    seed : int
    confidence : float
    start, target : str
        What they are, in words.
    note : str
        What was done and assumed.
    """

    mean: float
    standard_error: float
    interval: tuple[float, float]
    variance: float
    rate: float
    rate_error: float
    probability: float
    probability_interval: tuple[float, float]
    times: Array = field(repr=False)
    walkers: int
    arrived: int
    lost: int
    censored: int
    limit: float
    step: float
    step_error: float | None
    step_error_deviation: float | None
    dynamics: str
    seed: int
    confidence: float
    start: str
    target: str
    note: str

    def survival(self, times: ArrayLike) -> Array:
        """Share of the walkers that will arrive and have not, at each of the times."""
        at = np.searchsorted(self.times, np.asarray(times, dtype=np.float64), side="right")
        on_the_way = self.censored * self.probability
        return np.asarray((self.arrived + on_the_way - at) / (self.arrived + on_the_way))

    def _repr_html_(self) -> str:
        low, high = self.interval
        step = "-" if self.step_error is None else f"{self.step_error:.1e}"
        return (
            f"<p>from {escape(self.start)} to {escape(self.target)}; {escape(self.note)}</p><table>"
            f"<tr><th>mean time</th><th>{100 * self.confidence:g} % interval</th>"
            "<th>arrived</th><th>given up</th><th>step error</th></tr>"
            f"<tr><td>{self.mean:.6g} &plusmn; {self.standard_error:.2g}</td>"
            f"<td>{low:.6g} to {high:.6g}</td><td>{self.arrived} of {self.walkers}</td>"
            f"<td>{self.censored}</td><td>{step}</td></tr></table>"
        )


def sample_passage(
    problem: Problem,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str,
    *,
    walkers: int = WALKERS,
    seed: int = 0,
    step: float | None = None,
    dynamics: str = "sde",
    confidence: float = 0.95,
    most_steps: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> SampledPassage:
    """Follow walkers until they reach a set.

    Parameters
    ----------
    problem : Problem
        Overdamped, with noise that does not depend on time.
    start, target
        As for `mean_first_passage`; walkers of a set start from its equilibrium density.
    walkers, seed : int
        The same seed gives the same result whatever the number of threads.
    step : float, optional
        Time of a step; a small part of the shortest relaxation time if left out. For descent that
        of an iteration, which the problem's hyper-parameters know.
    dynamics : str
        ``"sde"``: paths of the stochastic equation, which may meet the target between two steps (a
        Brownian bridge tells how likely that is); ``"sgd"``: the steps of descent themselves, which
        arrive at the first step that ends in the target, or beyond it on a line.
    confidence : float
        Level of the intervals.
    most_steps : int, optional
        Steps after which a walker is given up. If left out, enough for nearly all to arrive.
    progress : callable, optional
        Told the fraction of the walks that have ended.

    Returns
    -------
    SampledPassage
        With walkers that were given up, mean and error are those of an exponential law (maximum
        likelihood with censoring), and `note` says so.

    Raises
    ------
    CaseError
        As for `mean_first_passage`, or for arguments out of range.
    NumericalError
        If nobody arrives, or the run would take far too long; the message says what to do.
    """
    check_confidence(confidence)
    whole_number(walkers, "walkers", 2)
    if problem.schedule is not None:
        msg = "a mean passage time needs noise that does not change in time; leave the schedule out"
        raise CaseError(msg, key="noise.schedule")
    if dynamics == "sgd" and problem.sgd is not None and problem.sgd.scheduled:
        msg = "a mean passage time needs a learning rate that does not change in time"
        raise CaseError(msg, key="sgd.learning_rate")
    begin, sets = start_and_target(problem, start, target)
    end = sets[0] if sets else None
    words = end.text if end is not None else str(target)
    ensemble = Ensemble.of(problem, dynamics, step)
    limit = _limit(ensemble, begin, end, walkers, most_steps)
    rng = np.random.default_rng([seed, 0])
    starts = positions_in(begin, end, problem, walkers, rng)
    found = Arrivals.of(ensemble, starts, end, limit, stream(seed, 1), 1, progress)
    if not found.times.size:
        raise NumericalError(_nobody(found, ensemble, begin.text, words, limit))
    mean, error = found.mean()
    shift = deviation = None
    if dynamics == "sde":
        other = Arrivals.of(ensemble, starts, end, limit // 2 + 1, stream(seed, 2), 2)
        if other.times.size:
            coarse, coarse_error = other.mean()
            shift, deviation = coarse - mean, float(np.hypot(error, coarse_error))
    ends = found.times.size + found.lost
    notes = [ensemble.plan.note]
    if found.censored:
        notes.append(
            f"{found.censored} of {walkers} walkers were given up at t = "
            f"{limit * ensemble.plan.step:.4g}; mean and error are those of an exponential law"
        )
    low, high = found.interval(mean, error, confidence)
    p_low, p_high = wilson(found.times.size, ends, confidence)
    return SampledPassage(
        mean=mean,
        standard_error=error,
        interval=(low, high),
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
        limit=limit * ensemble.plan.step,
        step=ensemble.plan.step,
        step_error=shift,
        step_error_deviation=deviation,
        dynamics=dynamics,
        seed=seed,
        confidence=confidence,
        start=begin.text,
        target=words,
        note="; ".join(notes),
    )


def agreement(sampled: SampledPassage, exact: float, error: float = 0.0) -> Agreement:
    """Test a sampled mean time against another, whose own standard error may be given."""
    return z_score(sampled.mean - float(exact), float(np.hypot(sampled.standard_error, error)))


def _limit(
    ensemble: Ensemble, start: PointSet, end: PointSet | None, walkers: int, most: int | None
) -> int:
    """Choose after how many steps a walker is given up; refuse what would take too long."""
    step = ensemble.plan.step
    if most is not None:
        return whole_number(most, "most_steps", 1)
    guess = _guess(ensemble.problem, start, end)
    fair = MOST_WORK / walkers
    if guess is None:
        return int(fair)
    work = walkers * guess / step
    if work > MOST_WORK:
        msg = (
            f"walkers would need about {guess / step:.2g} steps each to arrive (the mean time is "
            f"about {guess:.3g}, a step {step:.3g}): {walkers} of them some "
            f"{work / PER_SECOND / 3600:.2g} hours. Solve the Fokker-Planck equation instead "
            '(method = "auto"), which takes no longer for a higher barrier; or take fewer '
            "walkers, more noise, or give most_steps to stop early"
        )
        raise NumericalError(msg)
    return int(PATIENCE * guess / step) + 1000


def _guess(problem: Problem, start: PointSet, end: PointSet | None) -> float | None:
    """Solve for the mean time on a coarse grid, only to know what is to come; None if it fails."""
    from fokkerplanck.passage import mean_first_passage
    from fokkerplanck.refinement import regridded

    level = sqrt(GUESS_CELLS / np.prod(problem.grid.shape)) if problem.grid.dim > 1 else 1.0
    try:
        coarse = regridded(problem, level) if level < 1.0 else problem
        found = mean_first_passage(coarse, start, "walls" if end is None else end)
    except (CaseError, NumericalError):
        return None
    return found.mean if np.isfinite(found.mean) else 10.0 ** min(found.log10_mean, 300.0)


def _nobody(found: Arrivals, ensemble: Ensemble, start: str, end: str, limit: int) -> str:
    what = f"none of the walkers from {start} came to {end} within {limit} steps"
    what += f" (t = {limit * ensemble.plan.step:.4g})"
    if found.lost:
        what += f"; {found.lost} were absorbed by a wall"
    return (
        f"{what}: nothing is known of the time. Allow more steps (most_steps), take more noise or "
        'a lower barrier, or solve the Fokker-Planck equation instead (method = "auto")'
    )
