"""Absorbing sets in the plane: cells, links cut by the sets' boundaries, reduction to anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.interpolate import around, interpolate
from fokkerplanck.killed_chain import KilledChain, log_sum
from fokkerplanck.link_weight import too_steep, too_steep_in_wells
from fokkerplanck.sets import PointSet
from fokkerplanck.solvers.assemble import link_strength
from fokkerplanck.solvers.current import current_of_fluxes
from fokkerplanck.solvers.reduction import Reduction
from fokkerplanck.solvers.stationary import log_equilibrium, log_stationary
from fokkerplanck.solvers.targets import Cut, Killed, absorb
from fokkerplanck.solvers.weights import jump_weights

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.generator import Generator
    from fokkerplanck.solvers.links import Links

__all__ = ["PlaneChain"]

Array = NDArray[np.float64]
Strength = tuple[Array, Array]
#: Share of jumps over steep links up to which midpoint weights give the better times (measured on
#: turned wells of anisotropy 5 to 50).
FEW = 0.03


class PlaneChain(KilledChain):
    """Chain of the cells of a plane; see `KilledChain`.

    Parameters
    ----------
    problem : Problem
    sets : sequence of PointSet
        Absorbing sets; each must hold the centre of a cell.
    weight : str
        Link weight.
    """

    def __init__(self, problem: Problem, sets: Sequence[PointSet], weight: str) -> None:
        self.problem, self.sets = problem, tuple(sets)
        for part in self.sets:
            if not part.contains(problem.grid.points(), problem.grid).any():
                msg = f"the {part.text} holds no centre of a cell; take more cells or a larger set"
                raise CaseError(msg)
        self.open = problem.generator(weight)
        found = log_equilibrium(self.open)
        self.reversible = found is not None
        steep = (
            too_steep_in_wells(self.open)
            if found is None
            else too_steep(self.open, np.exp(found), FEW)
        )
        if steep:
            self.open = problem.generator("fitted")
        self.weight = self.open.weight
        links = problem.links()
        self._kill(links, self.open, link_strength(links, problem.noise.kappa))

    def _kill(self, links: Links, generator: Generator, strength: Strength) -> None:
        self.cuts = [_cut(part, self.problem.grid, links) for part in self.sets]
        self.killed = _killed(generator, links, strength, self.cuts)
        none = np.empty(0)  # the fractions of links are used up
        self.cuts = [replace(cut, forward=none, backward=none) for cut in self.cuts]
        self.live = self.killed.live
        with np.errstate(divide="ignore"):
            self.log_absorption = np.log(self.killed.absorption)

    @cached_property
    def reduction(self) -> Reduction:
        """The chain reduced to its anchors: where the time goes."""
        return Reduction(self.killed.generator, self.live)

    @property
    def error(self) -> float:  # type: ignore[override]
        """Relative rounding error to be expected of the solves."""
        return self.reduction.error

    @property
    def jumps(self) -> float:  # type: ignore[override]
        """Largest mean number of jumps before an anchor or the end is met."""
        return self.reduction.jumps

    @property
    def anchors(self) -> int:  # type: ignore[override]
        """Wells that were split off."""
        return int(self.reduction.anchors.size)

    def inside(self, row: int) -> NDArray[np.bool_]:
        """Cells of a set; no cell is on the walls."""
        if row < 0:
            return np.zeros(self.live.size, dtype=np.bool_)
        return self.cuts[row].inside

    @property
    def generator(self) -> Generator:
        """Rates between live cells, and absorption."""
        return self.killed.generator

    def solve(self, log_b: Array) -> Array:
        """Ln of u, where ``-Q u = b``."""
        return self.reduction.solve(log_b)

    def solve_transposed(self, log_b: Array) -> Array:
        """Ln of y, where ``-Q.T y = b``."""
        return self.reduction.solve_transposed(log_b)

    @cached_property
    def log_mass(self) -> Array:
        """Ln of the stationary masses of the problem without absorption."""
        closed = replace(self.open, absorption=np.zeros(self.open.cells))
        return log_stationary(closed)

    @cached_property
    def reversed(self) -> PlaneChain | None:
        """The chain that runs backwards in its stationary state; itself in detailed balance."""
        if not self.open.conservative:
            return None
        if self.reversible:
            return self
        g, p = self.open, self.log_mass
        # cells with a mass below all numbers keep their rates outwards: nothing ever gets there
        lost = np.isneginf(p)
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead, behind = np.log(g.forward), np.log(g.backward)
            forth = np.where(lost[g.tail], ahead, behind + p[g.head] - p[g.tail])
            back = np.where(lost[g.head], behind, ahead + p[g.tail] - p[g.head])
            climb = np.where(np.isfinite(forth) & np.isfinite(back), back - forth, 0.0)
        forward, backward = np.exp(forth), np.exp(back)
        links = replace(self.problem.links(), first=climb / 2, second=climb / 2)
        up, down = jump_weights(links.first, links.second, self.weight)
        made = object.__new__(PlaneChain)
        made.problem, made.sets, made.weight = self.problem, self.sets, self.weight
        made.reversible = False
        made.open = replace(g, forward=forward, backward=backward)
        strength = [
            np.divide(rate, weight, out=np.zeros_like(rate), where=weight > 0.0)
            for rate, weight in ((forward, up), (backward, down))
        ]
        made._kill(links, made.open, (strength[0], strength[1]))
        return made

    def at(self, log_u: Array, start: PointSet) -> float:
        """Ln of u at a point, or of its mean over the stationary density within a set."""
        weight = self._log_start(start)
        if weight is None:
            return interpolate(log_u, self.live, self.problem.grid, _point(start))
        return log_sum(weight + log_u) - log_sum(weight)

    def start_mass(self, start: PointSet) -> Array:
        """Masses of the cells to start from."""
        weight = self._log_start(start)
        if weight is None:
            return around(self.live, self.problem.grid, _point(start))
        return np.exp(weight - log_sum(weight))

    def _log_start(self, start: PointSet) -> Array | None:
        """Ln of the stationary masses within a set; None for a point."""
        grid = self.problem.grid
        if start.is_point:
            return None
        shares = start.shares(grid).ravel()
        covered = sum((part.shares(grid).ravel() for part in self.sets), np.zeros_like(shares))
        # cells whose centre is in a target may still hold part of a start that borders on it
        outside = shares - np.maximum(shares + covered - 1.0, 0.0)
        with np.errstate(divide="ignore"):
            weight = self.log_mass + np.log(np.maximum(outside, 0.0))
        if not np.isfinite(weight[self.live]).any():
            msg = f"the start, {start.text}, lies inside the target"
            raise CaseError(msg, key="from")
        return weight

    def filled(self, log_u: Array, inside: float | Sequence[float]) -> Array:
        """Return values on all cells, with `inside` (one for each set) in those of the sets."""
        out = np.array(log_u)
        values = [inside] * len(self.cuts) if isinstance(inside, int | float) else inside
        for cut, value in zip(self.cuts, values, strict=True):
            out[cut.inside] = value
        return out

    def on_grid(self, log_u: Array, inside: float | Sequence[float]) -> Array:
        """Return values in the cells of the grid, shape (*shape,)."""
        return self.filled(log_u, inside).reshape(self.problem.grid.shape)

    def per_volume(self, mass: NDArray[Any]) -> NDArray[Any]:
        """Densities of masses of the cells, up to a common factor."""
        return mass

    def current(self, net: Array) -> Array:
        """Turn net fluxes on links into current densities in cells."""
        return current_of_fluxes(self.open, net)


def _killed(g: Generator, links: Links, strength: Strength, cuts: Sequence[Cut]) -> Killed:
    if cuts:
        return absorb(g, links, strength, cuts)
    return Killed(g, np.ones(g.cells, dtype=np.bool_), g.absorption[None, :])


def _cut(part: PointSet, grid: Grid, links: Links) -> Cut:
    """Where a set meets cells and links."""
    centres = grid.points().reshape(-1, grid.dim)
    inside = part.contains(centres, grid)
    spacing = np.asarray(grid.spacing)
    longest = np.linalg.norm(spacing * np.abs(links.offset).max(axis=0, initial=0))
    begins = part.near(centres, float(longest), grid) & ~inside

    # both ways along all links in one go: following paths to basins costs more than their company
    cell = np.concatenate([links.tail, links.head])
    other = np.concatenate([links.head, links.tail])
    steps = np.concatenate([links.offset, -links.offset]) * spacing
    link = np.flatnonzero(begins[cell])
    start = centres[cell[link]]
    met = part.entry(start, start + steps[link], grid)
    fraction = np.full(cell.size, np.inf)
    fraction[link] = np.where(inside[other[link]] & ~(met <= 1.0), 1.0, met)
    return Cut(inside, fraction[: links.tail.size], fraction[links.tail.size :])


def _point(start: PointSet) -> Array:
    point = start.representative()
    assert point is not None  # only points have no volume
    return point
