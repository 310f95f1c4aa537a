"""Masses at the nodes of a line under long jumps: stationary, at the start, on fewer nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from fokkerplanck.errors import CaseError
from fokkerplanck.levy import Levy, Nodes, point_inside

__all__ = ["between", "fewer", "l1_distance", "start_masses", "steady"]

Array = NDArray[np.float64]
#: What the mass of a given start may be off by.
OFF = 1e-3


def steady(problem: Levy, nodes: Nodes) -> tuple[Array, float]:
    """Stationary masses, sum 1, and their rounding.

    Walkers are taken away at a rate and put anywhere, for free.
    """
    count = len(nodes.x)
    size = 0.5 * nodes.generator.spacing * count
    rate = (problem.scale / size) ** problem.alpha + problem.temperature / size**2
    p, rounding = problem.system(nodes, transposed=True, restart=rate).solve(np.full(count, rate))
    p = np.maximum(p, 0.0)  # of rounding
    return p / p.sum(), rounding


def start_masses(problem: Levy, start: float | ArrayLike, nodes: Nodes) -> Array:
    """Masses, sum 1: of a density in the cells, or of a point shared by its two neighbours.

    Nodes are the centres of cells unless walls absorb; then densities are interpolated.

    Raises
    ------
    CaseError
        When the point lies outside, or there is no density of mass 1 in the cells.
    """
    x, h = nodes.x, nodes.generator.spacing
    if np.ndim(start) == 0:
        at = np.clip(point_inside(start, problem.grid, "initial.point"), x[0], x[-1])
        return np.asarray(np.maximum(0.0, 1.0 - np.abs(x - at) / h))
    p = np.asarray(start, dtype=np.float64)
    axis = problem.grid.axes[0]
    if p.shape != axis.centres.shape or not np.isfinite(p).all() or p.min() < 0.0:
        msg = f"needs a point, or a density >= 0 in the {len(axis.centres)} cells, got "
        msg += f"shape {p.shape}"
        raise CaseError(msg, key="initial")
    total = float(p.sum() * axis.spacing)
    if not abs(total - 1.0) < OFF:
        msg = f"the initial density has mass {total:.6g} on the grid, not 1"
        raise CaseError(msg, key="initial")
    if "absorbing" in problem.grid.walls[0]:
        p = between(x, axis.centres, p)
    return np.asarray(p / p.sum())


def fewer(p: Array, nodes: Nodes, half: Nodes) -> Array:
    """Masses interpolated on half as many nodes, with the same sum."""
    q = between(half.x, nodes.x, p)
    return np.asarray(q * (p.sum() / q.sum()))


def l1_distance(p: Array, nodes: Nodes, q: Array, half: Nodes) -> float:
    """L1 distance of masses on nodes and on half as many."""
    h, wide = nodes.generator.spacing, half.generator.spacing
    return float(np.abs(p - between(nodes.x, half.x, q) * (h / wide)).sum())


def between(x: Array, nodes: Array, p: Array) -> Array:
    """Interpolation that stays within its neighbours, constant beyond the outermost nodes."""
    with np.errstate(over="ignore", divide="ignore"):  # means of slopes that are almost 0 are 0
        found = PchipInterpolator(nodes, p)
    return np.asarray(found(np.clip(x, nodes[0], nodes[-1])))
