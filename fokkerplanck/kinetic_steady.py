"""The stationary state of underdamped motion: Boltzmann's, with the current that turns in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.kinetic_currents import kinetic_current
from fokkerplanck.phase_space import PhaseState
from fokkerplanck.steady_state import Stationary
from fokkerplanck.underdamped import Underdamped

__all__ = ["KineticStationary", "equilibrium_state", "kinetic_stationary"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KineticStationary(Stationary):
    """Stationary state in (x, v); fields of `Stationary`, on the plane of x and v.

    `current` turns for ever, but it is all reversible: `entropy_production` and `irreversibility`
    (the L1 norm of the irreversible part over that of the whole) are 0 up to rounding.

    Parameters
    ----------
    reversible, irreversible : ndarray, shape (*shape, 2)
        Parts of the current.
    wall_mass : float
        Mass of the two outermost cells of x at each wall; 0 on a ring.
    """

    reversible: Array = field(repr=False)
    irreversible: Array = field(repr=False)
    wall_mass: float


def equilibrium_state(problem: Underdamped) -> PhaseState:
    """Boltzmann's density as modes: the zeroth alone."""
    op = problem.operator()
    even = np.zeros(op.even_shape)
    even[0] = op.equilibrium
    return PhaseState(problem, op, even, np.zeros(op.odd_shape), "equilibrium")


def kinetic_stationary(problem: Underdamped) -> KineticStationary:
    r"""Density :math:`e^{-(m v^2 / 2 + L) / T}`, exactly stationary for the modes too.

    Parameters
    ----------
    problem : Underdamped

    Returns
    -------
    KineticStationary
        `residual` is the largest change of a cell over its throughput, `mean_climb` the mean of
        the steepest change of L / T between neighbouring cells.
    """
    state = equilibrium_state(problem)
    op = state.operator
    p, j = state.density(), kinetic_current(problem, state)
    size = float(np.abs(j.field).sum())
    axis = problem.grid.axes[0]
    fastest = problem.speed / axis.spacing
    marginal = op.weights[0] * state.even[0] * op.spacing
    return KineticStationary(
        problem.phase_grid,
        p,
        j.field,
        j.entropy_production,
        float(np.abs(j.irreversible).sum()) / size if size > 0 else 0.0,
        float(np.abs(j.divergence).max() / (p.max() * fastest)),
        "hermite",
        op.climb,
        j.reversible,
        j.irreversible,
        0.0 if axis.periodic else float(marginal[[0, 1, -2, -1]].sum()),
    )
