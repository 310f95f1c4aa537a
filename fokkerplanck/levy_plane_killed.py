"""Long jumps in the plane with absorbing sets: which cells live, and what their edges do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.levy_plane import PlaneLevy
from fokkerplanck.sets import PointSet
from fokkerplanck.solvers.levy_plane_generator import PlaneLevyGenerator, edge_killing
from fokkerplanck.solvers.levy_plane_solve import PlaneLevySystem, Transfer

__all__ = ["KilledPlane", "plane_system"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: Cells along an axis up to which the boundary of a set is looked for.
REACH = 4
#: Distances from a boundary, in cells, below which it is met in all directions.
TOUCHED = 1e-9
#: Shares of a coarse cell that are none.
NONE = 1e-9


@dataclass(frozen=True, eq=False)
class KilledPlane:
    r"""A problem in the plane whose walkers end in one of some sets.

    Parameters
    ----------
    problem : PlaneLevy
    sets : sequence of PointSet
    inverted : bool
        End outside of the sets instead, that is beyond the domain that the first of them is.

    Notes
    -----
    Cells whose centre is well inside of a set are dead. Along the axis that meets a boundary first,
    the edge is put where the boundary is, by killing in the outermost cells
    (`fokkerplanck.solvers.levy_plane_generator.edge_killing`). This is exact for boundaries along
    axes and diagonals of square cells.
    """

    problem: PlaneLevy
    sets: Sequence[PointSet]
    inverted: bool = False

    @cached_property
    def edges(self) -> list[tuple[Array, Array]]:
        """Of each set: share of each cell that lives, and rate of killing in it."""
        return [self._edge(part) for part in self.sets]

    @cached_property
    def live(self) -> Mask:
        """Cells that no set has killed."""
        dead = [share <= 0.0 for share, _ in self.edges]
        return np.asarray(
            ~np.any([np.zeros(self.problem.grid.shape, dtype=np.bool_), *dead], axis=0)
        )

    @cached_property
    def open(self) -> PlaneLevyGenerator:
        """Generator without the sets."""
        return self.problem.generator()

    @cached_property
    def generator(self) -> PlaneLevyGenerator:
        """Generator with all sets absorbing."""
        if not self.sets:
            return self.open
        killing = sum((rate for _, rate in self.edges), np.zeros(self.problem.grid.shape))
        return replace(self.open, live=self.live, killing=np.where(self.live, killing, 0.0))

    @cached_property
    def system(self) -> PlaneLevySystem:
        """Equations of times and probabilities."""
        if not self.sets:
            return plane_system(self.problem, self.open)
        share = np.prod([share for share, _ in self.edges], axis=0)
        return plane_system(self.problem, self.generator, share)

    def absorption(self, row: int) -> Array:
        """Rate at which each live cell is emptied into a set."""
        share, rate = self.edges[row]
        dead = np.where(share > 0.0, 0.0, 1.0)
        for before, _ in self.edges[:row]:
            dead[before <= 0.0] = 0.0
        into = self.generator.into(dead)
        return np.asarray(into + np.where(self.live, rate, 0.0))

    def _edge(self, part: PointSet) -> tuple[Array, Array]:
        grid, p = self.problem.grid, self.problem
        distance, slopes = _distances(part, grid, inverted=self.inverted)
        steps = [s / h for s, h in zip(slopes, grid.spacing, strict=True)]
        if p.components == "isotropic":
            jumps = p.scales[0] ** p.alpha * (steps[0] ** 2 + steps[1] ** 2) ** (0.5 * p.alpha)
        else:
            jumps = sum((s * w) ** p.alpha for s, w in zip(p.scales, steps, strict=True))
        gauss = p.temperature * (steps[0] ** 2 + steps[1] ** 2)
        wind = _at_centres(self.open.wind)
        slant = np.minimum(*slopes)
        return edge_killing(distance, jumps * (1.0 - wind), gauss, p.alpha, slant)


def plane_system(
    problem: PlaneLevy,
    generator: PlaneLevyGenerator,
    share: Array | None = None,
    *,
    transposed: bool = False,
    shift: float = 0.0,
    restart: float = 0.0,
) -> PlaneLevySystem:
    """Equations on the cells of a problem, and on fewer cells to precondition them.

    Parameters
    ----------
    problem : PlaneLevy
    generator : PlaneLevyGenerator
        On its grid.
    share : ndarray, optional
        Share of each cell that lives; all of it unless given.
    transposed : bool
    shift, restart : float
        See `PlaneLevySystem`.
    """
    levels = [generator]
    for coarse in problem.coarser():
        made = coarse.generator()
        if share is not None:
            # grids that are too coarse to see a set still have its share of killing
            share = Transfer(levels[-1].shape, made.shape).down(share)
            live = share > NONE
            strength = (max(problem.scales) / min(made.spacing)) ** problem.alpha
            strength += problem.temperature / min(made.spacing) ** 2
            killing = np.where(live, strength * (1.0 - share) / np.maximum(share, NONE), 0.0)
            made = replace(made, live=live, killing=killing)
        levels.append(made)
    return PlaneLevySystem(tuple(levels), transposed, shift, restart)


def _distances(part: PointSet, grid: Grid, *, inverted: bool) -> tuple[Array, list[Array]]:
    """Signed distance of centres from a set, in cells along the axis that meets it first.

    Returns
    -------
    ndarray, shape (nx, ny)
        Negative inside; infinite further away than `REACH` cells.
    list of ndarray
        Change of that distance for a step of one cell along each axis, without sign.
    """
    centres = grid.points().reshape(-1, 2)
    inside = part.contains(centres, grid)
    near = part.near(centres, 2.0 * REACH * max(grid.spacing), grid) | inside
    along = np.full((2, len(centres)), np.inf)
    for axis in range(2):
        for sign in (-1.0, 1.0):
            step = np.zeros(2)
            step[axis] = sign * REACH * grid.spacing[axis]
            for which, ends in ((near & ~inside, (0.0, 1.0)), (inside, (1.0, 0.0))):
                here = np.flatnonzero(which)
                met = part.entry(
                    centres[here] + ends[0] * step, centres[here] + ends[1] * step, grid
                )
                cells = met if ends[0] == 0.0 else np.where(met > 0.0, 1.0 - met, np.inf)
                along[axis, here] = np.minimum(along[axis, here], REACH * np.abs(cells))
    distance = np.maximum(along.min(axis=0), TOUCHED)
    with np.errstate(invalid="ignore"):
        slopes = [
            np.where(np.isfinite(a), distance / np.maximum(a, TOUCHED), 0.0).reshape(grid.shape)
            for a in along
        ]
    distance = np.where(inside, -distance, distance)
    return (-distance if inverted else distance).reshape(grid.shape), slopes


def _at_centres(faces: tuple[Array, Array]) -> Array:
    """Larger of the means over opposite faces of each cell."""
    x, y = faces
    return np.asarray(np.maximum(0.5 * (x[1:] + x[:-1]), 0.5 * (y[:, 1:] + y[:, :-1])))
