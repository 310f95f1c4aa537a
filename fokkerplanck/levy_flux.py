"""Probability currents under long jumps: what drifts, diffuses and jumps over each face."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy

if TYPE_CHECKING:
    from fokkerplanck.levy_plane import PlaneLevy
    from fokkerplanck.levy_plane_flux import PlaneLevyCurrent

__all__ = ["LevyCurrent", "levy_current"]

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class LevyCurrent:
    r"""Net flux of probability to the right, at the faces between nodes and at the walls.

    Parameters
    ----------
    grid : Grid
    x : ndarray, shape (n + 1,)
        Faces: the walls, and half-way between neighbouring nodes.
    total : ndarray, shape (n + 1,)
        Mass that passes per unit of time; its differences are exactly what the masses of the nodes
        lose, so that it is constant where the density is stationary.
    drift, gaussian, jumps : ndarray, shape (n + 1,)
        Its parts: ``-L' p``, ``-T p'``, and all jumps from one side of the face to the other, less
        those back. At a wall: what is killed there.
    rounding : float
        Size of what rounding leaves undetermined of `total`.
    """

    grid: Grid
    x: Array
    total: Array = field(repr=False)
    drift: Array = field(repr=False)
    gaussian: Array = field(repr=False)
    jumps: Array = field(repr=False)
    rounding: float


@overload
def levy_current(problem: Levy, density: ArrayLike) -> LevyCurrent: ...
@overload
def levy_current(problem: PlaneLevy, density: ArrayLike) -> PlaneLevyCurrent: ...
def levy_current(problem: Levy | PlaneLevy, density: ArrayLike) -> LevyCurrent | PlaneLevyCurrent:
    r"""Net flux through each face, of drift, Gaussian noise and jumps.

    .. math::

        J = -L' p - T p' + s^\alpha C_{1, \alpha} \int_0^\infty dy\,y^{-1 - \alpha}
        \int_{x - y}^{x} \bigl(p(z) - p(z + y)\bigr) dz

    It is taken from the rates of the lattice: sums over all pairs of nodes astride the face. In the
    plane see `fokkerplanck.levy_plane_flux`.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    density : array_like, shape (n,) or (nx, ny)
        At the nodes of the problem.

    Raises
    ------
    CaseError
        When there is not one finite value per node.
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_flux import plane_current

        return plane_current(problem, density)
    nodes = problem.at(problem.grid.shape[0])
    g, h = nodes.generator, nodes.generator.spacing
    p = np.asarray(density, dtype=np.float64)
    if p.shape != nodes.x.shape or not np.isfinite(p).all():
        msg = f"needs a finite density at the {len(nodes.x)} nodes, got shape {p.shape}"
        raise CaseError(msg, key="density")
    drift, gaussian, leaps = (np.zeros(g.nodes + 1) for _ in range(3))
    gaussian[1:-1] = -problem.temperature * np.diff(p) / h
    drift[1:-1] = g.flux @ p - gaussian[1:-1]
    for side, (sign, fate) in enumerate(zip((-1.0, 1.0), g.outside, strict=True)):
        if fate == "killed":
            by_drift, by_noise, beside = sign * h * (g.wall_rates(side) @ p)
            drift[-side], gaussian[-side] = by_drift, by_noise
            leaps[-side] = beside + sign * h * float(g.beyond[side] @ p)
    gained = g.apply_transposed(h * p)
    total = np.empty(g.nodes + 1)
    total[0] = drift[0] + gaussian[0] + leaps[0]
    last = drift[-1] + gaussian[-1] + leaps[-1]
    # from both ends, so that what rounding leaves is met in the middle of neither
    total[1:] = total[0] - np.cumsum(gained)
    off = float(total[-1] - last)
    total -= off * np.linspace(0.0, 1.0, g.nodes + 1)
    leaps[1:-1] = total[1:-1] - drift[1:-1] - gaussian[1:-1]
    x = np.concatenate(
        ([problem.grid.axes[0].min], nodes.x[:-1] + 0.5 * h, [problem.grid.axes[0].max])
    )
    rounding = abs(off) + EPS * abs(float(g.jumps.first[0])) * h * float(np.abs(p).sum())
    rounding += EPS * float(np.abs(drift).max())
    return LevyCurrent(problem.grid, x, total, drift, gaussian, leaps, rounding)
