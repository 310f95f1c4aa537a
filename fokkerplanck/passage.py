"""Mean first-passage times: how long it takes to reach a set, at any barrier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.killed_chain import KilledChain, check_target, killed_chains
from fokkerplanck.sets import PointSet, as_set

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = [
    "Passage",
    "coarse_differences",
    "exp",
    "extrapolated",
    "mean_first_passage",
    "start_and_target",
]

Array = NDArray[np.float64]
LN10 = log(10.0)
EPSILON = float(np.finfo(np.float64).eps)
#: Variances below this part of the squared mean are found without the difference of two squares.
NARROW = 1e-3
#: Relative error from which on nothing is known of a time, and none is given.
LOST = 10.0
#: Cells of the coarser grids that tell of the discretisation, the first that can be solved.
COARSER = (0.5, 2 / 3, 3 / 4)
#: A second one for grids of up to so many cells: where errors do not fall steadily, as at corners
#: of targets and in wells of a few cells, one difference alone may be small by chance.
SECOND, SMALL = 0.6, 150_000


@dataclass(frozen=True, eq=False)
class Passage:
    """First passage from a start to a target.

    Parameters
    ----------
    grid : Grid
    mean, variance : float
        Of the passage time; inf beyond 1e308. Given that the target is reached.
    log10_mean, log10_variance : float
        Their decimal logarithms, always finite.
    rate, log10_rate : float
        ``1 / mean``: the flux into the target over the population, when everything that arrives is
        put back at the start.
    probability : float
        Of reaching the target before an absorbing wall that is not the target.
    error : float
        Relative error to be expected of `mean`: of the solve, from the conditioning seen, and of
        the discretisation, from a coarser grid or, on a line, from fewer nodes. nan where no
        coarser grid can be solved.
    variance_error : float
        The same of the variance.
    jumps : float
        Largest mean number of jumps before an anchor or the target is met.
    anchors : int
        Metastable wells that were split off.
    log10_times : ndarray, shape (*shape,)
        Decimal logarithm of the mean passage time from every cell; -inf inside the target.
    start, target : str
        What they are, in words.
    weight : str
        Link weight; ``"quadrature"`` on a line.
    probability_error : float, optional
        Absolute error to be expected of `probability`, where one is known: under long jumps.
    """

    grid: Grid = field(repr=False)
    mean: float
    variance: float
    log10_mean: float
    log10_variance: float
    rate: float
    log10_rate: float
    probability: float
    error: float
    variance_error: float
    jumps: float
    anchors: int
    log10_times: Array = field(repr=False)
    start: str
    target: str
    weight: str
    probability_error: float | None = field(default=None, kw_only=True)

    def _repr_html_(self) -> str:
        return (
            f"<p>from {self.start} to {self.target}</p><table><tr><th>mean time</th><th>log10</th>"
            "<th>variance / mean^2</th><th>relative error</th></tr>"
            f"<tr><td>{self.mean:.8g}</td><td>{self.log10_mean:.8g}</td>"
            f"<td>{10 ** (self.log10_variance - 2 * self.log10_mean):.6g}</td>"
            f"<td>{self.error:.1e}</td></tr></table>"
        )


def mean_first_passage(
    problem: Problem,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str,
    *,
    weight: str = "midpoint",
) -> Passage:
    r"""Mean and variance of the time at which a set is first reached.

    The mean time T solves :math:`Q T = -1` outside the target, the second moment
    :math:`Q M = -2 T`. Where absorbing walls compete with the target, both are conditional on
    reaching it: :math:`Q (q T) = -q` with q the probability to do so.

    Parameters
    ----------
    problem : Problem
        Overdamped, with noise that does not depend on time.
    start : PointSet or point
        A point is interpolated between cells; a set is averaged over the stationary density
        restricted to it.
    target : PointSet, point (on a line) or ``"walls"``
        Where the clock stops; ``"walls"`` means all absorbing walls. Its boundary is where it is,
        not where cells end.
    weight : str
        Link weight in the plane; falls back to ``"fitted"`` where links are steep.

    Returns
    -------
    Passage

    Raises
    ------
    CaseError
        If the start lies in the target, a set cannot be seen on the grid, or the noise has a
        schedule. Of a start that overlaps the target, the part outside counts.
    NumericalError
        If the target cannot be reached, or the answer cannot be vouched for.

    References
    ----------
    Pontryagin, Andronov and Vitt, Zh. Eksp. Teor. Fiz. 3, 165 (1933); Gardiner, *Handbook of
    Stochastic Methods*, section 5.2.7.
    """
    begin, sets = start_and_target(problem, start, target)
    chains = killed_chains(problem, sets, weight=weight, points=[begin])
    found = [_moments(chain, begin, 0 if sets else -1) for chain in chains]
    mean, error = extrapolated([f[0] for f in found])
    variance, variance_error = extrapolated([f[1] for f in found])
    probability, _ = extrapolated([f[2] for f in found])
    last = chains[-1]
    times = last.on_grid(found[-1][3], -np.inf) / LN10
    solved = (last.error, last.jumps, last.anchors, last.weight)
    one = len(chains) == 1
    del chains, last  # large planes leave no memory for those and for a coarser one
    if one:

        def on_other_grid(other: Problem) -> Sequence[float]:
            (chain,) = killed_chains(other, sets, weight=weight, points=[begin])
            return _moments(chain, begin, 0 if sets else -1)[:2]

        error, variance_error = coarse_differences(problem, on_other_grid, (mean, variance))
    # in this order nan stays; a time is only as good as the rounding of its logarithm
    error = max(error, solved[0], EPSILON * abs(mean))
    if not np.isfinite(mean):
        msg = f"the target, {_words(target, sets)}, cannot be reached from {begin.text}"
        raise NumericalError(msg)
    if error > LOST:
        msg = (
            f"the grid is too coarse for a mean passage time: it came out as 10^{mean / LN10:.1f}, "
            f"with an error estimated at {error:.1e} times that; use more cells"
        )
        raise NumericalError(msg)
    return Passage(
        grid=problem.grid,
        mean=exp(mean),
        variance=exp(variance),
        log10_mean=mean / LN10,
        log10_variance=variance / LN10,
        rate=exp(-mean),
        log10_rate=-mean / LN10,
        probability=exp(min(probability, 0.0)),
        error=error,
        variance_error=max(variance_error, 2 * solved[0], EPSILON * abs(variance)),
        jumps=solved[1],
        anchors=solved[2],
        log10_times=times,
        start=begin.text,
        target=_words(target, sets),
        weight=solved[3],
    )


def start_and_target(
    problem: Problem,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str,
) -> tuple[PointSet, list[PointSet]]:
    """Make the sets of a passage; no target sets where it is the walls.

    Raises
    ------
    CaseError
        If a point to start from lies in the target, or a point in the plane is the target.
    """
    begin = as_set(start)
    end = target if isinstance(target, str) else as_set(target)
    sets = check_target(problem, end)
    begin.check_on(problem.grid)
    point = begin.representative()
    for part in sets:
        part.check_on(problem.grid)
        if begin.is_point and point is not None and bool(part.contains(point, problem.grid)):
            msg = f"the start, {begin.text}, lies in the target, {part.text}"
            raise CaseError(msg, key="from")
        if problem.grid.dim > 1 and part.is_point:
            msg = f"the target, {part.text}, is a point, which a path in the plane never hits: "
            msg += "give it a radius"
            raise CaseError(msg, key="to")
    return begin, sets


def coarse_differences(
    problem: Problem, logs: Callable[[Problem], Sequence[float]], found: Sequence[float]
) -> list[float]:
    """Relative errors of numbers by their differences from those on coarser grids.

    Parameters
    ----------
    problem : Problem
    logs : callable
        From a problem to natural logarithms of the numbers.
    found : sequence of float
        Those of `problem`. Errors are taken to fall with the square of the cell width.

    Returns
    -------
    list of float
        The larger of two estimates, above `SMALL` cells one; nan where no coarser grid can be
        solved.
    """
    from fokkerplanck.refinement import regridded

    def differences(level: float) -> Array | None:
        try:
            coarse = logs(regridded(problem, level))
        except (CaseError, NumericalError):
            return None
        # a coarse grid that is off by a factor tells the same whichever way it is off
        away = np.abs(np.asarray(coarse) - np.asarray(found))
        with np.errstate(over="ignore"):
            return np.asarray(np.expm1(away) / (level**-2 - 1.0))

    first = next((d for d in map(differences, COARSER) if d is not None), None)
    if first is None:
        return [np.nan] * len(found)
    second = differences(SECOND) if np.prod(problem.grid.shape) <= SMALL else None
    return [float(d) for d in (first if second is None else np.maximum(first, second))]


def extrapolated(logs: Sequence[float]) -> tuple[float, float]:
    """Limit of ln x on chains of twice the nodes each, and its relative error.

    Errors are a series in squares of the distances between nodes. The first term is taken away
    (Richardson), and the second too (Romberg) where the series is seen to converge. A single
    value is given back as it is, without any error.
    """
    if len(logs) < 3 or not np.isfinite(logs[-3:]).all():
        return logs[-1], 0.0
    x = np.exp(np.array(logs[-3:]) - logs[-1])
    change = np.diff(x)
    first, best = x[1:] + change / 3
    error = abs(best - first)
    if error < abs(change[1]) / 4:
        best += (best - first) / 15
        error /= 5  # three times the last step, which may happen to be small
    if not best > 0:
        return logs[-1], float(abs(change[1]))
    return logs[-1] + float(np.log(best)), float(error)


def exp(log: float) -> float:
    """Value of a natural logarithm, inf or 0 out of the range of floats."""
    with np.errstate(over="ignore"):
        return float(np.exp(log))


def _words(target: object, sets: Sequence[PointSet]) -> str:
    return sets[0].text if sets else str(target)


def _moments(chain: KilledChain, start: PointSet, row: int) -> tuple[float, float, float, Array]:
    """Ln of mean, variance and probability at the start, and of the mean from every state."""
    others = np.delete(chain.log_absorption, row, axis=0)
    live = np.where(chain.live, 0.0, -np.inf)
    certain = not np.isfinite(others).any()
    reach = live if certain else chain.solve(chain.log_absorption[row])
    reach[chain.inside(row)] = 0.0  # a start may border on the target
    first = chain.solve(reach)
    at = [0.0 if certain else chain.at(reach, start)]
    at += [chain.at(first, start), chain.solve_at(first, start)]
    if not np.isfinite(at).all():
        return np.inf, np.inf, at[0], first
    mean = at[1] - at[0]
    spread = float(np.expm1(np.log(2.0) + at[2] - at[0] - 2 * mean))
    with np.errstate(invalid="ignore"):
        times = np.where(chain.live, first - reach, -np.inf)
    if spread > NARROW:
        return mean, float(np.log(spread)) + 2 * mean, at[0], times
    narrow = chain.solve(_scatter(chain, times, reach, row))
    return mean, chain.at(narrow, start) - at[0], at[0], times


def _scatter(chain: KilledChain, times: Array, reach: Array, row: int) -> Array:
    """Ln of the source of the variance: squared changes of the mean time at jumps.

    ``-Q (q v) = sum_j Q_ij q_j (T_j - T_i)^2 + a_i T_i^2``, free of cancellation where the passage
    time is sharp.
    """
    g = chain.generator
    seen = np.isfinite(reach)
    top = float(times[seen].max())
    t, q = np.exp(np.where(seen, times, -np.inf) - top), np.where(seen, reach, -np.inf)
    square = (t[g.tail] - t[g.head]) ** 2
    # relative to q at the start of each jump, which may be beyond floats
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.exp(np.nan_to_num(np.log(g.forward) + q[g.head] - q[g.tail], nan=-np.inf))
        down = np.exp(np.nan_to_num(np.log(g.backward) + q[g.tail] - q[g.head], nan=-np.inf))
        end = np.exp(np.nan_to_num(chain.log_absorption[row] - q, nan=-np.inf))
        source = np.bincount(g.tail, up * square, t.size)
        source += np.bincount(g.head, down * square, t.size)
        source += end * t**2
        return np.asarray(np.log(source) + q + 2 * top)
