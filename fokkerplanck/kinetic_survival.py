"""The whole law of a first-passage time of underdamped motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
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


def kinetic_passage_distribution(
    problem: Underdamped,
    start: float | Sequence[float],
    target: float | Sequence[float],
    times: ArrayLike | None = None,
    *,
    count: int = COUNT,
    tolerance: float = 1e-6,
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
    follow = KineticSurvival(
        stretch.elements(), tolerance, 1.0 / max(problem.frequency, problem.rate)
    )
    survival, density = np.empty(moments.size), np.empty(moments.size)
    for k, time in enumerate(moments):
        alive, falls = follow.at(float(time))
        survival[k], density[k] = _at(stretch, alive), _at(stretch, falls)
    with np.errstate(divide="ignore", invalid="ignore"):
        log10 = np.log10(np.maximum(survival, 0.0))
    return Survival(
        moments,
        survival,
        log10,
        density,
        follow.error,
        passage.mean,
        passage.start,
        passage.target,
    )


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
