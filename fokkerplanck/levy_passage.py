"""First passages under long jumps: mean times, their variance, and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy
from fokkerplanck.levy_line import KilledLine, killed_line
from fokkerplanck.levy_refinement import changes
from fokkerplanck.levy_sets import checked_start, checked_target
from fokkerplanck.passage import Passage
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.levy_plane import PlaneLevy

__all__ = ["ToTarget", "levy_exit", "levy_first_passage", "to_target"]

Array = NDArray[np.float64]
#: Error from which on no time is given.
LOST = 0.1
TINY = 1e-300


def levy_first_passage(
    problem: Levy | PlaneLevy,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str,
) -> Passage:
    r"""Mean and variance of the time at which a set is first entered, by drift or by a jump.

    .. math::

        Q (q T) = -q, \quad Q (q M) = -2 q T, \quad Q q = 0, \qquad
        Q u = -L' u' + T_0 u'' - s^\alpha (-\Delta)^{\alpha / 2} u

    outside the target, with q the probability to enter it before an absorbing wall is crossed: 1
    in the target, 0 beyond such walls. Walkers who jump over the target go on.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    start : PointSet or point
        A set is averaged over the stationary density restricted to it, that of the problem with
        reflecting walls. Of a start that overlaps the target, the part outside counts.
    target : PointSet or ``"walls"``
        At least four cells wide on a line. ``"walls"`` means beyond absorbing walls.

    Returns
    -------
    Passage
        Times and variance are conditional on reaching the target. Its `log10_times` are those of
        the nodes of the problem; `jumps` counts those from node to node.

    Raises
    ------
    CaseError
        If the start lies in the target, or the target is a point, narrower than four cells, all of
        the grid, or walls of which none absorbs.
    NumericalError
        When the equations could not be solved to 1e-5, or coarser grids change the time, or the
        probability, by more than a tenth.

    References
    ----------
    Q. Du, M. Gunzburger, R. Lehoucq and K. Zhou, SIAM Rev. 54 (2012) 667, for equations with
    killing in sets of finite width ("volume constraints").
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_passage import plane_first_passage

        return plane_first_passage(problem, start, target)
    pieces, words = checked_target(problem.grid, target)
    begin = checked_start(problem.grid, start, pieces, words)

    def on(count: int) -> ToTarget:
        return to_target(killed_line(problem, count, pieces), begin, words)

    found = on(problem.grid.shape[0])
    away = changes(
        problem.grid.shape[0], lambda n: on(n).numbers, found.numbers, inner=bool(pieces)
    )
    away /= np.maximum(np.abs(found.numbers), TINY)
    # the second moment is what is solved for
    worse = 1.0 + found.mean**2 / found.variance
    error, variance_error = away[0] + found.rounding, away[1] + 2.0 * worse * found.rounding
    probability_error = away[2] + found.rounding * (found.probability < 1.0)
    for name, value, doubt in (
        ("mean time", found.mean, away[0]),
        ("probability to come", found.probability, away[2]),
    ):
        if not doubt + found.rounding < LOST:
            msg = (
                f"the {name} from {begin.text} to {words} came out as {value:.4g} on "
                f"{problem.grid.shape[0]} nodes, and other by {doubt:.2g} of that on fewer, with "
                f"{found.rounding:.1g} of rounding: more cells are needed, or a shorter grid"
            )
            raise NumericalError(msg)
    return Passage(
        grid=problem.grid,
        mean=found.mean,
        variance=found.variance,
        log10_mean=float(np.log10(found.mean)),
        log10_variance=float(np.log10(found.variance)),
        rate=1.0 / found.mean,
        log10_rate=-float(np.log10(found.mean)),
        probability=found.probability,
        error=float(error),
        variance_error=float(variance_error),
        jumps=float(found.times.max() * -found.line.generator.jumps.first[0]),
        anchors=0,
        log10_times=found.log10_times,
        start=begin.text,
        target=words,
        weight="jumps",
        probability_error=float(probability_error * found.probability),
    )


def levy_exit(
    problem: Levy | PlaneLevy,
    start: float | Sequence[float] | ArrayLike | PointSet,
    domain: tuple[float, float] | PointSet | None = None,
) -> Passage:
    """Mean time to leave a domain, by drift or by a jump over its edge.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    start : point or PointSet
    domain : (float, float) or PointSet, optional
        Its ends on a line, which is cut into as many cells as the grid; a set in the plane. The
        grid of the problem, whose walls then absorb on at least one side, unless given.

    Returns
    -------
    Passage
        To the target ``"walls"``, on the domain.

    Raises
    ------
    CaseError, NumericalError
        As `levy_first_passage`.
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_passage import plane_exit

        return plane_exit(problem, start, domain)
    if domain is not None:
        if isinstance(domain, PointSet):
            msg = "the domain of an exit on a line is given by its ends, (low, high)"
            raise CaseError(msg, key="domain")
        cells = problem.grid.shape[0]
        problem = replace(problem, grid=Grid.line(*domain, cells, walls="absorbing"))
    return levy_first_passage(problem, start, "walls")


@dataclass(frozen=True, eq=False)
class ToTarget:
    """Passage to a target on some nodes.

    Parameters
    ----------
    line : KilledLine
    reach, times : ndarray, shape (n,)
        Probability q to reach the target, and q T.
    values : list of float
        What q is in the sinks of the line.
    into : ndarray, shape (n,)
        Rates into the target.
    probability, mean, variance : float
        At the start.
    rounding : float
        Relative size of what solving leaves undetermined.
    """

    line: KilledLine
    reach: Array
    times: Array
    values: list[float]
    into: Array
    probability: float
    mean: float
    variance: float
    rounding: float

    @property
    def numbers(self) -> tuple[float, float, float]:
        """What coarser grids are asked for."""
        return self.mean, self.variance, self.probability

    @property
    def log10_times(self) -> Array:
        """Decimal logarithm of T at the nodes; -inf in the target."""
        reach, times = self.line.smooth(self.reach, self.values), self.line.smooth(self.times)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(reach > 0.0, np.log10(times / reach), -np.inf))


def to_target(line: KilledLine, begin: PointSet, words: str) -> ToTarget:
    """Solve for a target: the intervals of a line, or its walls where there are none."""
    live = line.generator.live.astype(np.float64)
    own = range(len(line.pieces)) if line.pieces else line.walls
    other = line.walls if line.pieces else ()
    values = [1.0 if k in own else 0.0 for k in range(len(line.pieces) + 2)]
    into, lost = line.into(own), line.into(other)
    reach, rounding = (live, 0.0) if not lost.any() else line.solve(into)
    first, doubt = line.solve(reach)
    second, more = line.solve(2.0 * first)
    q = 1.0 if not lost.any() else line.at(reach, begin, values)
    times, squares = line.at(first, begin), line.at(second, begin)
    if not (q > 0.0 and times > 0.0):
        msg = f"the target, {words}, cannot be reached from {begin.text}: its probability comes "
        msg += f"out as {q:.3g}"
        raise NumericalError(msg)
    mean = times / q
    variance = squares / q - mean**2
    if not variance > 0.0:
        msg = f"the variance of the time from {begin.text} to {words} comes out as {variance:.3g}, "
        msg += f"beside a mean of {mean:.4g}: it is lost in rounding"
        raise NumericalError(msg)
    return ToTarget(
        line, reach, first, values, into, q, mean, variance, max(rounding + doubt, more)
    )
