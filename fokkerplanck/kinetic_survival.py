"""The whole law of a first-passage time of underdamped motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.kinetic_line import Stretch, stretch_of
from fokkerplanck.kinetic_passage import kinetic_first_passage
from fokkerplanck.solvers.kinetic_passage import Observable
from fokkerplanck.solvers.kinetic_survival import KineticSurvival
from fokkerplanck.survival import Survival
from fokkerplanck.underdamped import Underdamped

__all__ = ["kinetic_passage_distribution"]

Array = NDArray[np.float64]
#: Range of the times in units of the mean, and their number, unless they are given.
FIRST, LAST, COUNT = 1e-3, 10.0, 25
#: Halvings of the steps of time.
MOST_HALVINGS = 6


def kinetic_passage_distribution(
    problem: Underdamped,
    start: float | Sequence[float],
    target: float | Sequence[float],
    times: ArrayLike | None = None,
    *,
    count: int = COUNT,
    tolerance: float = 1e-5,
) -> Survival:
    r"""Survival :math:`S(t) = e^{t L^\dagger} 1` at the start, and the density -dS/dt.

    Parameters
    ----------
    problem, start, target
        As in `kinetic_first_passage`.
    times : array_like, shape (n,), optional
        Increasing, > 0. Unless given, `count` times from 1e-3 to 10 mean passage times, at
        logarithmic distances. Each time within the relaxation of the wells takes factorisations of
        its own: seconds.
    count : int
        How many times, at least 2.
    tolerance : float
        Error of the time integration.

    Raises
    ------
    CaseError, NumericalError
        As in `kinetic_first_passage`; and for times that are not positive and increasing.
    """
    passage = kinetic_first_passage(problem, start, target)
    moments = _times(times, count, passage.mean)
    stretch = stretch_of(problem, start, target)
    elements, step = stretch.elements(), 1.0 / max(problem.frequency, problem.rate)
    follow = KineticSurvival(elements, step, 0.1 * tolerance)
    found, error = _follow(stretch, follow, moments), np.inf
    for _ in range(MOST_HALVINGS):
        step *= 0.5
        before = found
        found = _follow(
            stretch, KineticSurvival(elements, step, 0.1 * tolerance, follow.slow), moments
        )
        error = float(np.abs(found[0] - before[0]).max())
        if error <= tolerance:
            break
    else:
        msg = f"the survival still changes by {error:.1e} when steps are halved to {step:.1e}"
        raise NumericalError(msg)
    survival, density = np.clip(found[0], 0.0, 1.0), found[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        log10 = np.log10(np.maximum(survival, 0.0))
    return Survival(
        moments,
        survival,
        log10,
        density,
        error,
        passage.mean,
        passage.start,
        passage.target,
    )


def _follow(stretch: Stretch, follow: KineticSurvival, times: Array) -> Array:
    """Survival and density at the start, shape (2, n)."""
    both = [follow.at(float(time)) for time in times]
    return np.array([[_at(stretch, u) for u in pair] for pair in both]).T


def _at(stretch: Stretch, u: Observable) -> float:
    if stretch.velocity is None:
        return u.thermal(stretch.place)
    speed = stretch.velocity / stretch.problem.speed
    return float(u.value(np.array([stretch.place]), np.array([speed]))[0, 0])


def _times(times: ArrayLike | None, count: int, mean: float) -> Array:
    if times is None:
        if count < 2:
            msg = f"count is an integer >= 2, got {count}"
            raise CaseError(msg, key="count")
        return np.asarray(np.geomspace(FIRST, LAST, count) * mean)
    given = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if not (np.isfinite(given).all() and (given > 0).all() and (np.diff(given) > 0).all()):
        msg = "times are positive, finite and increasing"
        raise CaseError(msg, key="times")
    return given
