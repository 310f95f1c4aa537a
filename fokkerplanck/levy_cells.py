"""From nodes of long jumps to the cells of a grid, and back.

Unless a wall absorbs, the nodes are the centres of the cells and nothing is changed. Where one
does, they lie a fraction of a cell away (`Levy.nodes`), and densities are moved through their
distribution function: a monotone cubic through the mass left of the points half-way between
nodes, read at the edges of the cells. Mass and positivity are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.levy import Levy
from fokkerplanck.levy_state import between

__all__ = ["cell_density", "cell_values", "node_density"]

Array = NDArray[np.float64]
#: Nodes nearer to the centres of cells than this part of a cell are there.
SAME = 1e-9


def cell_density(problem: Levy, density: Array) -> Array:
    """Density on the cells of the grid, shape (n,), of one at the nodes; both have one mass."""
    nodes, edges = _edges(problem), problem.grid.axes[0].edges
    return _moved(density, _spacing(problem), nodes, edges)


def node_density(problem: Levy, density: Array) -> Array:
    """Density at the nodes, shape (n,), of one on the cells of the grid; both have one mass."""
    axis = problem.grid.axes[0]
    moved = _moved(density, axis.spacing, axis.edges, _edges(problem))
    return np.asarray(moved * np.diff(_edges(problem)) / _spacing(problem))


def cell_values(problem: Levy, values: Array) -> Array:
    """Values at the centres of cells of something known at the nodes, within its neighbours."""
    x, centres = problem.nodes, problem.grid.axes[0].centres
    if np.abs(x - centres).max() < SAME * problem.grid.spacing[0]:
        return values
    return between(centres, x, values)


def _spacing(problem: Levy) -> float:
    return problem.at(problem.grid.shape[0]).generator.spacing


def _edges(problem: Levy) -> Array:
    """Points between which the mass of each node lies: half-way to its neighbours, and walls."""
    axis, x = problem.grid.axes[0], problem.nodes
    return np.concatenate(([axis.min], 0.5 * (x[1:] + x[:-1]), [axis.max]))


def _moved(density: Array, spacing: float, old: Array, new: Array) -> Array:
    """Density between new edges, of masses ``density * spacing`` between old ones."""
    if np.abs(old - new).max() < SAME * spacing:
        return density
    below = np.concatenate(([0.0], np.cumsum(density * spacing)))
    moved = np.diff(between(new, old, below)) / np.diff(new)
    return np.asarray(np.maximum(moved, 0.0))
