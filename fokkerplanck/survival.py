"""The whole law of a first-passage time: survival curve and density on logarithmic times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.killed_chain import KilledChain, killed_chains
from fokkerplanck.passage import mean_first_passage, start_and_target
from fokkerplanck.solvers.evolve import evolve
from fokkerplanck.solvers.late import Late

if TYPE_CHECKING:
    from fokkerplanck.passage import Passage
    from fokkerplanck.problem import Problem
    from fokkerplanck.sets import PointSet
    from fokkerplanck.solvers.generator import Generator

__all__ = ["Survival", "first_passage_distribution", "passage_times"]

Array = NDArray[np.float64]
#: Range of the times in units of the mean, unless they are given.
FIRST, LAST = 1e-4, 30.0
#: How many times, by the dimension, unless told.
COUNTS = {1: 81, 2: 41}
#: How much faster than those of fitted weights the rates of midpoint weights may be.
STIFF = 100.0


@dataclass(frozen=True, eq=False)
class Survival:
    """Law of a first-passage time.

    Parameters
    ----------
    times : ndarray, shape (n,)
    survival : ndarray, shape (n,)
        Probability not to have reached the target yet, given that it will be reached.
    log10_survival : ndarray, shape (n,)
    density : ndarray, shape (n,)
        ``-d survival / dt``, from the flux into the target.
    error : float
        Error of the survival by time integration, accumulated.
    mean : float
        Mean first-passage time of the stationary equation.
    start, target : str
        What they are, in words.
    """

    times: Array
    survival: Array = field(repr=False)
    log10_survival: Array = field(repr=False)
    density: Array = field(repr=False)
    error: float
    mean: float
    start: str
    target: str

    def _repr_html_(self) -> str:
        few = slice(None, None, max(len(self.times) // 8, 1))
        rows = "".join(
            f"<tr><td>{t:.4g}</td><td>{s:.6g}</td></tr>"
            for t, s in zip(self.times[few], self.survival[few], strict=True)
        )
        head = "<tr><th>time</th><th>survival</th></tr>"
        return f"<p>from {self.start} to {self.target}</p><table>{head}{rows}</table>"


def first_passage_distribution(
    problem: Problem,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str,
    times: ArrayLike | None = None,
    *,
    count: int | None = None,
    tolerance: float = 1e-8,
    weight: str = "midpoint",
    passage: Passage | None = None,
) -> Survival:
    r"""Evolve the mass that has not reached the target yet.

    With :math:`\dot P = Q^T P` outside the target and q the probability to reach it (1 unless other
    walls absorb), the survival is :math:`\sum_i P_i(t) q_i / \sum_i P_i(0) q_i`.

    Parameters
    ----------
    problem, start, target, weight
        As in `mean_first_passage`. A point in the plane is spread over the nearest four cells.
        Where fast modes are to be followed and midpoint rates are a hundred times those of fitted
        weights, these are taken: mean and curve then differ by the discretisation.
    times : array_like, shape (n,), optional
        Increasing, > 0. Unless given, `count` times from 1e-4 to 30 mean passage times, at
        logarithmic distances.
    count : int
        How many times, at least 2; 81 on a line and 41 in the plane unless given.
    tolerance : float
        L1 error of the time integration.
    passage : Passage, optional
        What `mean_first_passage` gives, where that is known already.

    Returns
    -------
    Survival

    Raises
    ------
    CaseError, NumericalError
        As in `mean_first_passage`; and when there is an error of time integration above the
        tolerance, or the mean passage time is beyond 1e290 and no times are given.
    """
    mean = passage or mean_first_passage(problem, start, target, weight=weight)
    moments = passage_times(times, count or COUNTS[problem.grid.dim], mean.log10_mean)
    begin, sets = start_and_target(problem, start, target)
    chain = _chain(problem, begin, sets, weight)
    late = Late(chain.generator) if problem.grid.dim > 1 else None
    if late is not None and moments[0] < late.earliest(tolerance) and _stiff(problem, chain):
        chain = _chain(problem, begin, sets, "fitted")
        late = Late(chain.generator)
    row = 0 if sets else -1
    other = np.delete(chain.log_absorption, row, axis=0)
    live = np.where(chain.live, 0.0, -np.inf)
    reach = np.exp(chain.solve(chain.log_absorption[row]) if np.isfinite(other).any() else live)
    into = np.exp(chain.log_absorption[row])
    mass = np.where(chain.live, chain.start_mass(begin), 0.0)
    mass /= mass.sum()
    whole = float(mass @ reach)
    survival, density, error = np.empty(moments.size), np.empty(moments.size), 0.0
    for k, (now, doubt) in enumerate(_masses(chain.generator, late, mass, moments, tolerance)):
        survival[k] = min(float(now @ reach) / whole, 1.0)
        density[k] = now @ into / whole
        error = max(error, doubt)
    with np.errstate(divide="ignore"):
        log10 = np.log10(survival)
    return Survival(
        moments, survival, log10, density, error / whole, mean.mean, mean.start, mean.target
    )


def _chain(problem: Problem, begin: PointSet, sets: Sequence[PointSet], weight: str) -> KilledChain:
    chains = killed_chains(problem, sets, weight=weight, points=[begin])
    return chains[min(1, len(chains) - 1)]


def _stiff(problem: Problem, chain: KilledChain) -> bool:
    """Whether rates of midpoint weights at steep walls are too fast to be followed in time."""
    fastest = float(problem.generator("fitted").exit_rate.max())
    return float(chain.generator.exit_rate.max()) > STIFF * fastest


def _masses(
    generator: Generator, late: Late | None, mass: Array, times: Array, tolerance: float
) -> Iterator[tuple[Array, float]]:
    """Masses at the times with their L1 errors; late ones each from the start, by slow modes."""
    early = times if late is None else times[times < late.earliest(tolerance)]
    for step in evolve(generator, mass, early, tolerance=tolerance) if early.size else ():
        yield step.mass, step.error
    for time in times[early.size :]:
        assert late is not None
        found = late.advance(mass, float(time), tolerance)
        yield found.mass, found.error


def passage_times(times: ArrayLike | None, count: int, log10_mean: float) -> Array:
    """Check times, or choose `count` from 1e-4 to 30 mean passage times at logarithmic distances.

    Raises
    ------
    CaseError
        Unless they are positive and increase; and for a mean beyond 1e290.
    """
    if times is not None:
        given = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if not (np.isfinite(given).all() and (given > 0).all() and (np.diff(given) > 0).all()):
            msg = "times are positive, finite and increasing"
            raise CaseError(msg, key="times")
        return given
    if count < 2:
        msg = f"count is an integer >= 2, got {count}"
        raise CaseError(msg, key="count")
    if log10_mean > 290:
        msg = f"the mean passage time is 10^{log10_mean:.1f}: give times within 1e308"
        raise CaseError(msg, key="times")
    return np.asarray(np.geomspace(FIRST, LAST, count) * 10.0**log10_mean)
