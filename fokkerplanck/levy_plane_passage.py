"""First passages and exits under long jumps in the plane, and where paths go first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid, Wall
from fokkerplanck.interpolate import interpolate
from fokkerplanck.levy_plane import PlaneLevy, point_in_plane
from fokkerplanck.levy_plane_density import steady_masses
from fokkerplanck.levy_plane_killed import KilledPlane
from fokkerplanck.passage import Passage
from fokkerplanck.sets import PointSet, as_set
from fokkerplanck.transitions import Committor

__all__ = ["checked_ends", "plane_committor", "plane_exit", "plane_first_passage"]

Array = NDArray[np.float64]
Place = PointSet | Sequence[float] | ArrayLike
#: Cells along an axis of the coarser grids that tell of the discretisation, over those asked for.
COARSER = (0.5, 0.6)
#: Estimated relative error from which on no time is given. Against exits from discs and passages
#: between wells on 20 to 56 cells along an axis (116 of them), errors were a quarter of the
#: estimate in the median, above it in one case (1.3 times).
LOST = 0.2
#: Probabilities of arrival below which no time is given.
TINY = 1e-12
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class _Moments:
    """Mean, variance, probability at the start; rounding; times in all cells; largest rate."""

    mean: float
    variance: float
    probability: float
    rounding: float
    times: Array
    rate: float


def plane_first_passage(problem: PlaneLevy, start: Place, target: Place | str = "walls") -> Passage:
    r"""Mean and variance of the time at which a set is first reached, by drift or a jump into it.

    The mean solves :math:`Q T = -1` outside of the target, the second moment :math:`Q M = -2 T`;
    a jump over the target does not count. Where absorbing walls compete, both are given that the
    target is reached, :math:`Q (q T) = -q` with q the probability to do so.

    Parameters
    ----------
    problem : PlaneLevy
    start : PointSet or point
        A point is interpolated between cells; a set is averaged over the stationary density within
        it.
    target : PointSet or ``"walls"``
        ``"walls"`` are all absorbing walls.

    Returns
    -------
    Passage
        ``error`` is the larger of the changes from grids of 0.5 and 0.6 times as many cells along
        each axis, taken to fall with the width of the cell, and what solving the equations leaves
        undetermined; `anchors` is 0, and `jumps` the mean number of jumps over single cells or more
        on the longest way.

    Raises
    ------
    CaseError
        When the start lies in the target or outside, a set holds no centre of a cell, or no wall
        absorbs.
    NumericalError
        When the equations could not be solved, or coarser grids change the mean by more than a
        fifth.
    """
    begin, end = checked_ends(problem, start, target)
    return _passage(problem, begin, end, "walls" if end is None else end.text)


def checked_ends(
    problem: PlaneLevy, start: Place, target: Place | str
) -> tuple[PointSet, PointSet | None]:
    """Make the sets of a passage, None for the walls; raises what `plane_first_passage` does."""
    begin = _start(problem, start)
    if isinstance(target, str):
        _check_walls(problem, target)
        return begin, None
    return begin, _target(problem, target, begin, "passage.to")


def plane_exit(problem: PlaneLevy, start: Place, domain: object = None) -> Passage:
    r"""Mean and variance of the time to leave a domain, by drift or by a jump over its edge.

    .. math:: -\nabla L \cdot \nabla T + J T = -1, \quad T = 0 \text{ outside}

    Parameters
    ----------
    problem : PlaneLevy
    start : point or PointSet
    domain : PointSet, optional
        What is left; the grid, whose walls then absorb on at least one side, unless given. Beyond
        the grid is outside of it.

    Raises
    ------
    CaseError, NumericalError
        As `plane_first_passage`.
    """
    if domain is None:
        return plane_first_passage(problem, start, "walls")
    if not isinstance(domain, PointSet):
        msg = f"the domain of an exit in the plane is a set, got {domain!r:.80}"
        raise CaseError(msg, key="domain")
    domain.check_on(problem.grid)
    begin = _start(problem, start)
    point = begin.representative()
    if begin.is_point and not bool(domain.contains(point, problem.grid)):  # type: ignore[arg-type]
        msg = f"the start, {begin.text}, lies outside of the domain, {domain.text}"
        raise CaseError(msg, key="passage.from")
    return _passage(_walled(problem), begin, domain, f"outside of the {domain.text}", inverted=True)


def plane_committor(problem: PlaneLevy, source: object, target: object) -> Committor:
    """Probability to meet one set before another, from every cell.

    Parameters
    ----------
    problem : PlaneLevy
    source, target : PointSet
        Disjoint.

    Returns
    -------
    Committor
        ``backward`` is nan: long jumps with drift are not in detailed balance, and the reversed
        process is not solved for. ``error`` is the largest change from a grid of half as many cells
        along each axis, over 3.

    Raises
    ------
    CaseError
        When a set cannot be seen on the grid, or they overlap.
    NumericalError
        When the equations could not be solved.
    """
    source, target = _set(source, "committor.from"), _set(target, "committor.to")
    found, rounding = _commit(problem, source, target)
    coarse = problem.fewer(0.5)
    try:
        rough, _ = _commit(coarse, source, target)
        error = _apart(found, problem.grid, rough, coarse.grid) / 3.0 + rounding
    except (CaseError, NumericalError):
        error = np.nan
    missing = np.full(problem.grid.shape, np.nan)
    return Committor(problem.grid, found, missing, error, source.text, target.text)


def _passage(
    problem: PlaneLevy, begin: PointSet, end: PointSet | None, text: str, *, inverted: bool = False
) -> Passage:
    found = _moments(problem, begin, end, inverted=inverted)
    errors = _differences(
        problem,
        lambda other: _moments(other, begin, end, inverted=inverted),
        (found.mean, found.variance),
    )
    error, spread = (e + found.rounding for e in errors)
    if not (found.mean > 0.0 and found.variance > 0.0 and not error >= LOST):
        cells = " x ".join(map(str, problem.grid.shape))
        msg = f"the mean passage time from {begin.text} came out as {found.mean:.4g} on {cells} "
        msg += f"cells, with an error estimated at {error:.1e} times that: take more cells"
        raise NumericalError(msg)
    with np.errstate(divide="ignore"):
        logs = np.log10(np.maximum(found.times, 0.0))
    return Passage(
        grid=problem.grid,
        mean=found.mean,
        variance=found.variance,
        log10_mean=float(np.log10(found.mean)),
        log10_variance=float(np.log10(found.variance)),
        rate=1.0 / found.mean,
        log10_rate=-float(np.log10(found.mean)),
        probability=found.probability,
        error=error,
        variance_error=spread,
        jumps=found.rate * float(found.times.max()),
        anchors=0,
        log10_times=logs,
        start=begin.text,
        target=text,
        weight="long jumps",
    )


def _moments(
    problem: PlaneLevy, begin: PointSet, end: PointSet | None, *, inverted: bool
) -> _Moments:
    sets = [] if end is None else [end]
    chain = KilledPlane(problem, sets, inverted=inverted)
    live = chain.live
    # only a target that competes with walls may be missed
    certain = inverted or not sets or not problem.absorbing
    reach, lost = live.astype(np.float64), 0.0
    if not certain:
        reach, lost = chain.system.solve(chain.absorption(0))
        if not reach.min() > -lost - EPSILON * reach.size:
            msg = "probabilities to reach the target came out negative: take more cells"
            raise NumericalError(msg)
    first, one = chain.system.solve(reach)
    second, two = chain.system.solve(2.0 * first)
    where = _Place(problem, begin, live)
    probability = 1.0 if certain else where.value(reach)
    mean = where.value(first) / probability
    variance = where.value(second) / probability - mean**2
    rate = float(chain.generator.rates.total)
    # products by FFT are off by this part of the largest rate, which times amplify
    rounding = lost + one + two + EPSILON * rate * float(first.max())
    times = np.divide(first, reach, out=np.zeros_like(first), where=reach > TINY)
    return _Moments(mean, variance, min(probability, 1.0), rounding, times, rate)


class _Place:
    """A start: values there of what is known in the live cells."""

    def __init__(self, problem: PlaneLevy, begin: PointSet, live: NDArray[np.bool_]) -> None:
        self.problem, self.begin, self.live = problem, begin, live.ravel()
        self.weight: Array | None = None
        if not begin.is_point:
            shares = begin.shares(problem.grid) * live
            if not shares.any():
                msg = f"the start, {begin.text}, lies inside the target"
                raise CaseError(msg, key="passage.from")
            mass, _ = steady_masses(problem)
            self.weight = np.maximum(mass, 0.0) * shares
            self.weight /= self.weight.sum()

    def value(self, u: Array) -> float:
        if self.weight is not None:
            return float((self.weight * u).sum())
        point = self.begin.representative()
        assert point is not None
        with np.errstate(divide="ignore"):
            log = np.log(np.maximum(u.ravel(), 0.0))
        return float(np.exp(interpolate(log, self.live, self.problem.grid, point)))


def _set(part: object, key: str) -> PointSet:
    if not isinstance(part, PointSet):
        msg = f"committors in the plane lead from one set to another, got {part!r:.80}"
        raise CaseError(msg, key=key)
    return part


def _commit(problem: PlaneLevy, source: PointSet, target: PointSet) -> tuple[Array, float]:
    for part, key in ((source, "committor.from"), (target, "committor.to")):
        _seen(problem, part, key)
    shares = source.shares(problem.grid) + target.shares(problem.grid)
    if not shares.max() <= 1.0 + 1e-9:
        msg = f"the {source.text} and the {target.text} overlap"
        raise CaseError(msg, key="committor")
    chain = KilledPlane(problem, [source, target])
    found, rounding = chain.system.solve(chain.absorption(1))
    inside = chain.edges[1][0] <= 0.0
    return np.where(inside, 1.0, np.clip(found, 0.0, 1.0)), rounding


def _apart(fine: Array, grid: Grid, rough: Array, coarse: Grid) -> float:
    """Largest difference of values on two grids, away from their edges."""
    from scipy.interpolate import RegularGridInterpolator

    axes = [axis.centres for axis in grid.axes]
    finer = RegularGridInterpolator(axes, fine, bounds_error=False, fill_value=None)
    return float(np.abs(finer(coarse.points()) - rough).max())


def _differences(
    problem: PlaneLevy, other: Callable[[PlaneLevy], _Moments], found: tuple[float, float]
) -> list[float]:
    """Relative errors by differences from coarser grids; nan where none can be solved."""
    worst = [np.nan, np.nan]
    for level in COARSER:
        try:
            coarse = other(problem.fewer(level))
        except (CaseError, NumericalError):
            continue
        values = (coarse.mean, coarse.variance)
        away = [abs(v / f - 1.0) / (1.0 / level - 1.0) for v, f in zip(values, found, strict=True)]
        worst = [float(np.fmax(w, a)) for w, a in zip(worst, away, strict=True)]
    return worst


def _walled(problem: PlaneLevy) -> PlaneLevy:
    """Return the problem with walls that all absorb."""
    walls: tuple[Wall, Wall] = ("absorbing", "absorbing")
    axes = tuple(replace(axis, walls=walls) for axis in problem.grid.axes)
    return replace(problem, grid=Grid(axes))


def _check_walls(problem: PlaneLevy, target: str) -> None:
    if target != "walls":
        msg = f'the target is a set or "walls", got {target!r}'
        raise CaseError(msg, key="passage.to")
    if not problem.absorbing:
        msg = "nobody leaves: make a wall of the grid absorbing, or give a set to be reached"
        raise CaseError(msg, key="grid.x.walls")


def _start(problem: PlaneLevy, start: Place) -> PointSet:
    begin = start if isinstance(start, PointSet) else as_set(start)
    begin.check_on(problem.grid)
    point = begin.representative()
    if begin.is_point and point is not None:
        point_in_plane(point, problem.grid, "passage.from")
    elif problem.absorbing:
        msg = "a set to start from is averaged over the stationary density, and there is none where"
        msg += " walls absorb: start from a point"
        raise CaseError(msg, key="passage.from")
    return begin


def _target(problem: PlaneLevy, target: object, begin: PointSet, key: str) -> PointSet:
    end = as_set(target)  # type: ignore[arg-type]
    _seen(problem, end, key)
    point = begin.representative()
    if begin.is_point and point is not None and bool(end.contains(point, problem.grid)):
        msg = f"the start, {begin.text}, lies in the target, {end.text}"
        raise CaseError(msg, key="passage.from")
    return end


def _seen(problem: PlaneLevy, part: PointSet, key: str) -> None:
    part.check_on(problem.grid)
    if part.is_point:
        msg = f"the target, {part.text}, is a point, which a path in the plane never hits: "
        msg += "give it a radius"
        raise CaseError(msg, key=key)
