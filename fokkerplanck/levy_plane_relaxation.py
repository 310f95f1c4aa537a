"""Slowest modes of relaxation under long jumps in the plane."""

from __future__ import annotations

from fokkerplanck.levy_plane import PlaneLevy
from fokkerplanck.levy_plane_killed import plane_system
from fokkerplanck.solvers.levy_chain import PlaneLevyChain
from fokkerplanck.solvers.levy_modes import LevyModes, levy_modes

__all__ = ["plane_modes"]


def plane_modes(problem: PlaneLevy, part: int, count: int) -> LevyModes:
    """Find the modes on ``1 / part`` of the cells along each axis; see `levy_spectrum`."""
    problem = problem.fewer(1.0 / part)
    chain = PlaneLevyChain(plane_system(problem, problem.generator()).levels)
    size = 0.5 * min(axis.max - axis.min for axis in problem.grid.axes)
    rate = (max(problem.scales) / size) ** problem.alpha + problem.temperature / size**2
    return levy_modes(chain, count, rate)
