"""Densities of underdamped motion at a list of times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.density import Evolution
from fokkerplanck.errors import CaseError
from fokkerplanck.phase_space import PhaseState, phase_state
from fokkerplanck.solvers.kinetic_evolve import KineticStep, evolve_modes
from fokkerplanck.underdamped import Underdamped

__all__ = ["KineticEvolution", "KineticMoment", "kinetic_evolve", "kinetic_evolve_steps"]

Array = NDArray[np.float64]
#: Masses near walls, beyond the velocity axis or in the highest mode that are remarked on.
NOTICED = 1e-6


@dataclass(frozen=True, eq=False)
class KineticEvolution(Evolution):
    """Densities of underdamped motion; fields of `Evolution`, on the plane of x and v.

    `minimum_density` may be negative: see `fokkerplanck.solvers.kinetic`.

    Parameters
    ----------
    means : ndarray, shape (n, 2)
        Means of x and v, from the modes.
    covariances : ndarray, shape (n, 2, 2)
    wall_mass : float
        Largest mass in the two outermost cells of x, at any time; 0 on a ring.
    beyond : float
        Largest mass beyond the velocity axis.
    top_mode : float
        Largest L1 size of the two highest modes.
    remarks : tuple of str
        What of these is larger than 1e-6, in words.
    """

    means: Array = field(repr=False)
    covariances: Array = field(repr=False)
    wall_mass: float
    beyond: float
    top_mode: float
    remarks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class KineticMoment:
    """State at one time, the L1 error of time integration so far, and the method.

    `step` is all that the evolution goes on from.
    """

    time: float
    state: PhaseState
    error: float
    method: str
    step: KineticStep | None = field(default=None, repr=False)


def kinetic_evolve(
    problem: Underdamped,
    initial: PhaseState | ArrayLike,
    times: ArrayLike | Sequence[float],
    *,
    tolerance: float = 1e-8,
    on_step: Callable[[KineticMoment], None] | None = None,
) -> KineticEvolution:
    """Evolve a density in (x, v) to a list of times.

    Parameters
    ----------
    problem : Underdamped
    initial : PhaseState or array, shape (cells, cells in v)
        At time 0; an array of cell averages is projected onto the modes.
    times : array, shape (n,)
        Increasing, none negative.
    tolerance : float
        L1 error of the time integration, accumulated, per unit mass.
    on_step : callable, optional
        Called with each `KineticMoment` as it is done.

    Raises
    ------
    CaseError
        If the initial density, the times or the tolerance are not as asked for.
    NumericalError
        If the error or the mass balance cannot be vouched for.
    """
    moments = []
    for moment in kinetic_evolve_steps(problem, initial, times, tolerance=tolerance):
        moments.append(moment)
        if on_step is not None:
            on_step(moment)
    return _evolution(problem, moments)


def kinetic_evolve_steps(
    problem: Underdamped,
    initial: PhaseState | ArrayLike,
    times: ArrayLike | Sequence[float],
    *,
    tolerance: float = 1e-8,
    after: KineticStep | None = None,
) -> Iterator[KineticMoment]:
    """Yield one `KineticMoment` per time, each computed when asked for; see `kinetic_evolve`.

    With `after`, the step of an earlier moment, it goes on from there as if there had been no
    break, and `initial` is not used.
    """
    given = np.atleast_1d(np.asarray(times, dtype=np.float64))
    good = given.ndim == 1 and given.size > 0 and np.isfinite(given).all()
    if not good or given[0] < 0 or not (np.diff(given) > 0).all():
        msg = f"times are finite, increasing and none negative, got {times!r:.80}"
        raise CaseError(msg, key="evolve.times")
    if not 0 < tolerance < 1:
        msg = f"tolerance is between 0 and 1, got {tolerance}"
        raise CaseError(msg, key="evolve.tolerance")
    start: PhaseState | KineticStep
    if after is not None:
        start = after
    else:
        start = initial if isinstance(initial, PhaseState) else phase_state(problem, initial)
    modes = start.operator, start.even, start.odd
    steps = evolve_modes(*modes, given, tolerance=tolerance, after=after)
    return _moments(problem, steps)


def _moments(problem: Underdamped, steps: Iterator[KineticStep]) -> Iterator[KineticMoment]:
    for step in steps:
        state = PhaseState(problem, step.operator, step.even, step.odd, f"t = {step.time:.6g}")
        yield KineticMoment(step.time, state, step.error, step.method, step)


def _evolution(problem: Underdamped, moments: Sequence[KineticMoment]) -> KineticEvolution:
    states = [moment.state for moment in moments]
    density = np.array([state.density() for state in states])
    periodic = problem.grid.axes[0].periodic
    h, volume = problem.grid.axes[0].spacing, problem.phase_grid.volume
    edge = 0.0 if periodic else max(float(s.modes()[0, [0, 1, -2, -1]].sum() * h) for s in states)
    outside = float(np.abs(density[:, :, [0, -1]]).sum(axis=(1, 2)).max() * volume)
    top = max(state.top_mode for state in states)
    return KineticEvolution(
        problem.phase_grid,
        np.array([moment.time for moment in moments]),
        density,
        float(max(abs(state.mass - 1.0) for state in states)),
        float(density.min()),
        moments[-1].error,
        0.0,
        tuple(moment.method for moment in moments),
        np.array([state.mean for state in states]),
        np.array([state.covariance for state in states]),
        edge,
        outside,
        top,
        _remarks(edge, outside, top, problem.mode_count),
    )


def _remarks(edge: float, outside: float, top: float, modes: int) -> tuple[str, ...]:
    out = []
    if edge > NOTICED:
        out.append(f"walls are close: up to {edge:.1e} of the mass is in the cells next to them")
    if outside > NOTICED:
        out.append(
            f"the velocity axis is short: up to {outside:.1e} of the mass is in its outermost cells"
        )
    if top > NOTICED:
        out.append(
            f"velocities are barely resolved: the highest of {modes} modes hold up to {top:.1e}"
        )
    return tuple(out)
