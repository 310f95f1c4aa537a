"""First passage of underdamped motion through a point of the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.kinetic_line import FEWEST, FEWEST_FUNCTIONS, Stretch, stretch_of
from fokkerplanck.passage import Passage
from fokkerplanck.solvers.kinetic_elements import DEGREE, Elements
from fokkerplanck.solvers.kinetic_passage import Observable, exit_moments
from fokkerplanck.underdamped import Underdamped

__all__ = ["KineticPassage", "kinetic_first_passage"]

Array = NDArray[np.float64]
#: Elements and functions, over those of the problem, that errors are estimated from.
COARSER = 0.7
#: Factor of the functions from one try to the next, and the most that are tried.
MORE, MOST_FUNCTIONS = 1.5, 200
#: Error from which on no time is given, and what refinement may still change.
LOST, MOST_DOUBT = 0.1, 1e-3


@dataclass(frozen=True, eq=False)
class KineticPassage(Passage):
    """First passage in x; fields of `Passage`, times on the plane of x and v.

    `jumps` is nan and `anchors` 0: nothing is censored here. `error` is the sum of what fewer
    elements and fewer functions of velocity change, and of rounding.

    Parameters
    ----------
    functions, elements : int
        Half-range functions of velocity, and elements of the line.
    """

    functions: int
    elements: int


def kinetic_first_passage(
    problem: Underdamped,
    start: float | Sequence[float],
    target: float | Sequence[float],
    *,
    tolerance: float = 1e-3,
) -> KineticPassage:
    r"""Mean and variance of the time at which x first passes a point.

    The mean time T(x, v) solves :math:`L^\dagger T = -1` with T = 0 at the target for velocities
    that fly through it, half the second moment :math:`L^\dagger M = -T`. The far wall reflects.

    Parameters
    ----------
    problem : Underdamped
    start : float or (float, float)
        Position, with thermal velocities, or position and velocity.
    target : float or (float, float)
        One point, or two that the start lies between.
    tolerance : float
        Unless the problem gives a number of modes, velocities are resolved until the mean changes
        by less than half of this.

    Raises
    ------
    CaseError
        When the start lies on the target, or anything off the grid.
    NumericalError
        If the answer cannot be vouched for: very low friction asks for more modes, barriers of
        more than some 30 temperatures are beyond double precision here.
    """
    if not 0 < tolerance < 1:
        msg = f"tolerance is between 0 and 1, got {tolerance}"
        raise CaseError(msg, key="passage.tolerance")
    stretch = stretch_of(problem, start, target)
    functions = stretch.functions
    while True:
        mean, second, doubt = exit_moments(stretch.elements(functions=functions))
        found = _at_start(stretch, mean, second)
        less = max(int(COARSER * functions), FEWEST_FUNCTIONS - 2)
        velocity = _change(stretch, found, stretch.elements(functions=less))
        fixed = problem.modes is not None or int(MORE * functions) > MOST_FUNCTIONS
        if fixed or doubt > MOST_DOUBT or not velocity[0] > 0.5 * tolerance:
            break
        functions = int(MORE * functions)
    fewer = max(int(COARSER * stretch.count), FEWEST - 2)
    share = 1.0 / ((stretch.count / fewer) ** DEGREE - 1.0)
    coarse = stretch.elements(count=fewer, functions=functions)
    error = doubt + velocity + share * _change(stretch, found, coarse)
    if not (found > 0).all() or doubt > MOST_DOUBT or not error[0] < LOST:
        msg = (
            f"the mean passage time from {stretch.start} to {stretch.target} came out as "
            f"{found[0]:.4g}, uncertain by {error[0]:.1e}: low friction asks for more modes than "
            f"{problem.mode_count}, steep slopes for more cells, and barriers above some 30 "
            "temperatures are beyond double precision"
        )
        raise NumericalError(msg)
    log = np.log10(found)
    return KineticPassage(
        grid=problem.phase_grid,
        mean=float(found[0]),
        variance=float(found[1]),
        log10_mean=float(log[0]),
        log10_variance=float(log[1]),
        rate=float(1.0 / found[0]),
        log10_rate=float(-log[0]),
        probability=1.0,
        error=float(error[0]),
        variance_error=float(error[1]),
        jumps=float("nan"),
        anchors=0,
        log10_times=_on_plane(stretch, mean),
        start=stretch.start,
        target=stretch.target,
        weight="half-range",
        functions=functions,
        elements=mean.elements.count,
    )


def _change(stretch: Stretch, found: Array, elements: Elements) -> Array:
    """Relative change of mean and variance on other elements."""
    return np.asarray(np.abs(_at_start(stretch, *exit_moments(elements)[:2]) / found - 1.0))


def _at_start(stretch: Stretch, mean: Observable, second: Observable) -> Array:
    """Mean and variance from the start."""
    if stretch.velocity is None:
        first, square = (u.thermal(stretch.place) for u in (mean, second))
    else:
        x, w = np.array([stretch.place]), np.array([stretch.velocity / stretch.problem.speed])
        first, square = (float(u.value(x, w)[0, 0]) for u in (mean, second))
    return np.array([first, 2.0 * square - first**2])


def _on_plane(stretch: Stretch, mean: Observable) -> Array:
    """Decimal logarithms of the mean times from cell centres, -inf beyond the target."""
    x_axis, v_axis = stretch.problem.phase_grid.axes
    inside, x = stretch.on(x_axis.centres)
    out = np.full(stretch.problem.phase_grid.shape, -np.inf)
    times = mean.value(x[inside], v_axis.centres / stretch.problem.speed)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[inside] = np.log10(np.maximum(times, 0.0))
    return out
