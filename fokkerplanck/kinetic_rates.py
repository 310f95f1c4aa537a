"""Rates between two wells over decades of friction: the turnover of Kramers, with errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import MINIMUM_CELLS
from fokkerplanck.kinetic_line import FEWEST, Stretch
from fokkerplanck.solvers.kinetic_elements import DEGREE, element_nodes
from fokkerplanck.solvers.kinetic_modes import slowest
from fokkerplanck.solvers.kinetic_slowest import slowest_between_walls
from fokkerplanck.underdamped import Underdamped

__all__ = ["FrictionCurve", "rate_against_friction"]

Array = NDArray[np.float64]
Point = tuple[float, float, int, str]
#: Cells and modes, over those of a point, that its error is estimated from; order in the cells.
COARSER, ORDER = 0.75, 4
#: The same of elements and half-range functions, and the most of these that are tried.
FEWER, MOST_FUNCTIONS = 0.7, 180
#: Factor of the modes from one try to the next, and the most that are tried.
MORE, MOST_TRIED = 1.5, 1000
#: The two maxima of the density must differ from that between them by this factor.
LEAST_DEPTH = 2.0


@dataclass(frozen=True, eq=False)
class FrictionCurve:
    """Rates between two wells against friction.

    Parameters
    ----------
    frictions : ndarray, shape (n,)
    rates : ndarray, shape (n, 2)
        From the left well to the right one, and back: the slowest eigenvalue times the
        equilibrium population of the other well.
    eigenvalues : ndarray, shape (n,)
        Slowest eigenvalue lambda_1, the sum of both rates.
    errors : ndarray, shape (n,)
        Relative errors to be expected, from fewer modes and fewer cells; inf where neither method
        would do: such points are not to be used.
    modes : ndarray of int, shape (n,)
        Functions of velocity that were needed.
    methods : tuple of str
        ``"half-range"`` (spectral elements, see `fokkerplanck.solvers.kinetic_slowest`), or
        ``"hermite"`` where the errors of those are above the tolerance, and larger.
    populations : ndarray, shape (2,)
        Equilibrium populations of both wells.
    barrier : float
        Position of the barrier between them.
    """

    frictions: Array
    rates: Array
    eigenvalues: Array
    errors: Array
    modes: NDArray[np.int64] = field(repr=False)
    methods: tuple[str, ...] = field(repr=False)
    populations: Array
    barrier: float


def rate_against_friction(
    problem: Underdamped,
    frictions: ArrayLike | Sequence[float],
    *,
    tolerance: float = 1e-2,
    on_point: Callable[[float, float, float], None] | None = None,
) -> FrictionCurve:
    """Find the rates between two wells at each friction.

    Where the error estimate is above the tolerance, the number of modes is raised by half until
    it is not.

    Parameters
    ----------
    problem : Underdamped
        Its friction is replaced; its modes, if given, are where each point begins.
    frictions : array, shape (n,)
        Positive.
    tolerance : float
        Relative error that is good enough.
    on_point : callable, optional
        Called with friction, lambda_1 and error of each point as it is done.

    Raises
    ------
    CaseError
        When a friction is not positive, or the loss does not have two wells on the grid.
    """
    given = np.atleast_1d(np.asarray(frictions, dtype=np.float64))
    top, populations = _two_wells(problem)
    points = []
    for friction in given:
        points.append(_point(replace(problem, friction=float(friction)), top, tolerance))
        if on_point is not None:
            on_point(float(friction), *points[-1][:2])
    values, errors = (np.array([p[k] for p in points]) for k in (0, 1))
    return FrictionCurve(
        given,
        values[:, None] * populations[::-1],
        values,
        errors,
        np.array([p[2] for p in points]),
        tuple(p[3] for p in points),
        populations,
        top,
    )


def _point(problem: Underdamped, top: float, tolerance: float) -> Point:
    """Slowest eigenvalue, its relative error, the modes taken, and by which method."""
    first = _by_elements(problem, top, tolerance)
    if first[1] <= tolerance:
        return first
    second = _by_hermite(problem, top, tolerance)
    return first if first[1] <= second[1] else second


def _by_elements(problem: Underdamped, top: float, tolerance: float) -> Point:
    axis = problem.grid.axes[0]
    stretch = Stretch(problem, axis.min, axis.max, (False, False), top, None, "", "")
    count = max(int(np.ceil(axis.cells / DEGREE)), FEWEST)
    fewer = max(int(FEWER * count), FEWEST - 2)
    share = 1.0 / ((count / fewer) ** DEGREE - 1.0)
    functions = stretch.functions
    while True:
        value = _on(stretch, count, functions, top)
        less = _on(stretch, count, int(FEWER * functions), top)
        in_velocity = abs(less / value - 1.0)
        if not in_velocity > 0.5 * tolerance or MORE * functions > MOST_FUNCTIONS:
            break
        functions = int(MORE * functions)
    error = in_velocity + share * abs(_on(stretch, fewer, functions, top) / value - 1.0)
    good = np.isfinite(error) and value > 0
    return value, error if good else np.inf, 2 * functions, "half-range"


def _on(stretch: Stretch, count: int, functions: int, top: float) -> float:
    problem = stretch.problem
    elements = stretch.elements(count=count, functions=functions)
    nodes, _ = element_nodes(elements.edges)
    shift = 1e-3 * min(problem.rate, problem.frequency)
    try:
        return slowest_between_walls(elements, np.where(nodes > top, 1.0, -1.0), shift)
    except NumericalError:
        return np.nan


def _by_hermite(problem: Underdamped, top: float, tolerance: float) -> Point:
    cells, modes = problem.grid.shape[0], problem.mode_count
    fewer = max(int(COARSER * cells), MINIMUM_CELLS)
    share = 1.0 / ((cells / fewer) ** ORDER - 1.0)
    while True:
        value = _slowest(problem, modes, cells, top)
        less = _slowest(problem, max(2 * int(0.5 * COARSER * modes), 4), cells, top)
        in_modes = abs(less / value - 1.0)
        if not in_modes > 0.5 * tolerance or MORE * modes > MOST_TRIED:
            break
        modes = 2 * int(0.5 * MORE * modes)
    error = in_modes + share * abs(_slowest(problem, modes, fewer, top) / value - 1.0)
    good = np.isfinite(error) and value > 0
    return value, error if good else np.inf, modes, "hermite"


def _slowest(problem: Underdamped, modes: int, cells: int, top: float) -> float:
    axis = problem.grid.axes[0]
    width = (axis.max - axis.min) / cells
    centres = axis.min + width * (np.arange(cells) + 0.5)
    try:
        operator = problem.operator(modes=modes, cells=cells)
        shift = 1e-4 * min(problem.rate, problem.frequency)
        return slowest(operator, np.where(centres > top, 1.0, -1.0), shift)
    except NumericalError:
        return np.nan


def _two_wells(problem: Underdamped) -> tuple[float, Array]:
    """Position of the barrier between the two deepest wells, and both populations."""
    axis = problem.grid.axes[0]
    if axis.periodic:
        msg = "on a ring two wells have two barriers: take a line that reflects"
        raise CaseError(msg, key="grid.x.walls")
    loss = problem.operator().cells
    weight = np.exp(-(loss - loss.min()))
    weight /= weight.sum()
    inner = np.arange(1, loss.size - 1)
    wells = inner[(loss[inner] <= loss[inner - 1]) & (loss[inner] < loss[inner + 1])]
    if wells.size == 2:
        between = np.arange(wells[0], wells[1] + 1)
        top = int(between[np.argmax(loss[between])])
        if loss[top] - loss[wells].max() > np.log(LEAST_DEPTH):
            place = _vertex(loss, top, axis.centres, axis.spacing)
            right = float(weight[axis.centres > place].sum())
            return place, np.array([1.0 - right, right])
    msg = f"needs a loss with two wells on the grid and a barrier between them, found {wells.size}"
    raise CaseError(msg, key="landscape")


def _vertex(loss: Array, k: int, centres: Array, h: float) -> float:
    """Top of the parabola through three values."""
    left, here, right = loss[k - 1 : k + 2]
    bend = left - 2.0 * here + right
    return float(centres[k] + (0.5 * h * (left - right) / bend if bend < 0 else 0.0))
