"""Currents in position and velocity: what time reversal keeps, and what relaxes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.currents import Current
from fokkerplanck.phase_space import PhaseState, density_of_modes, phase_state
from fokkerplanck.solvers.kinetic_cells import averages
from fokkerplanck.underdamped import Underdamped

__all__ = ["KineticCurrent", "kinetic_current"]

Array = NDArray[np.float64]
#: Cells whose density is below this part of the peak are left out of the entropy production.
RARE = 1e-12


@dataclass(frozen=True, eq=False)
class KineticCurrent(Current):
    r"""Probability current of underdamped motion; fields of `Current`, on the plane of x and v.

    `field` is :math:`J = (v p, -(L' / m + g v) p - (g T / m) \partial_v p)`, the sum of both
    parts; its first component integrates to the rate of change of the mean position.
    `entropy_production` is that of the irreversible part alone,
    :math:`\int J_v^2 / (g T p / m)`: noise acts on v only.

    Parameters
    ----------
    reversible : ndarray, shape (*shape, 2)
        :math:`(v p, -L' p / m)`: turns with the motion, and stays at equilibrium.
    irreversible : ndarray, shape (*shape, 2)
        :math:`(0, -g v p - (g T / m) \partial_v p)`: vanishes at equilibrium.
    """

    reversible: Array = dataclasses.field(repr=False)
    irreversible: Array = dataclasses.field(repr=False)


def kinetic_current(problem: Underdamped, density: PhaseState | ArrayLike) -> KineticCurrent:
    """Find the current of a density in (x, v), averaged over cells.

    Parameters
    ----------
    problem : Underdamped
    density : PhaseState or array, shape (cells, cells in v)

    References
    ----------
    H. Risken, *The Fokker-Planck Equation*, sections 6.4 and 10.1.
    """
    state = density if isinstance(density, PhaseState) else phase_state(problem, density)
    op, axis = state.operator, problem.grid.axes[0]
    w_e, w_o = op.weights
    even, odd = w_e * state.even, w_o * state.odd
    modes = averages(op, even, odd)
    faces = axis.edges[:-1] if op.periodic else axis.edges[1:-1]
    pull = [
        -problem.landscape.gradient(x[:, None])[:, 0] / problem.mass for x in (axis.centres, faces)
    ]
    drift = density_of_modes(problem, op, _times_w(modes) * op.speed)
    force = density_of_modes(problem, op, averages(op, pull[0] * even, pull[1] * odd))
    friction = density_of_modes(problem, op, -problem.rate * op.speed * _relaxing(modes, op.cold))
    p = state.density()
    zero = np.zeros_like(p)
    reversible = np.stack([drift, force], axis=-1)
    irreversible = np.stack([zero, friction], axis=-1)
    seen = p > RARE * p.max()
    noise = problem.rate * problem.speed**2
    production = float((friction[seen] ** 2 / (noise * p[seen])).sum() * problem.phase_grid.volume)
    return KineticCurrent(
        problem.phase_grid,
        reversible + irreversible,
        _outflow(problem, state),
        production,
        reversible,
        irreversible,
    )


def _times_w(c: Array) -> Array:
    """Modes of ``w p``: one more than of p."""
    n = c.shape[0]
    root = np.sqrt(np.arange(1.0, n + 1))[:, None]
    out = np.zeros((n + 1, c.shape[1]))
    out[1:] = root * c
    out[: n - 1] += root[:-1] * c[1:]
    return out


def _relaxing(c: Array, cold: float) -> Array:
    """Modes of ``w p + cold dp/dw``, in which equilibrium vanishes."""
    n = c.shape[0]
    root = np.sqrt(np.arange(1.0, n + 1))[:, None]
    out = np.zeros((n + 1, c.shape[1]))
    out[: n - 1] = root[:-1] * c[1:]
    out[1:] += (1.0 - cold) * root * c
    return out


def _outflow(problem: Underdamped, state: PhaseState) -> Array:
    """``-dp/dt`` of the cells, from the operator itself."""
    op = state.operator
    k = op.transport
    e, o = state.even.T.ravel(), state.odd.T.ravel()
    d_e, d_o = op.damping
    new_e = (d_e * e + k.T @ o).reshape(op.count, op.half).T
    new_o = (d_o * o - k @ e).reshape(-1, op.half).T
    if op.cold != 1.0:
        j = np.arange(1, op.half)[:, None]
        feed = op.rate * (1.0 - op.cold)
        new_e[1:] += feed * np.sqrt(2.0 * j * (2 * j - 1)) * state.even[:-1]
        new_o[1:] += feed * np.sqrt((2 * j + 1) * 2.0 * j) * state.odd[:-1]
    w_e, w_o = op.weights
    return density_of_modes(problem, op, averages(op, w_e * new_e, w_o * new_o))
