"""Absorbing sets in the plane: cells, links cut by the sets' boundaries, reduction to anchors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.interpolate import around, interpolate
from fokkerplanck.killed_chain import KilledChain
from fokkerplanck.link_weight import too_steep, too_steep_in_wells
from fokkerplanck.sets import PointSet
from fokkerplanck.solvers.assemble import link_strength
from fokkerplanck.solvers.current import current_of_fluxes
from fokkerplanck.solvers.detailed_balance import link_climbs, log_equilibrium
from fokkerplanck.solvers.live_links import links_of
from fokkerplanck.solvers.reduction import Reduction
from fokkerplanck.solvers.scaled import log_sum
from fokkerplanck.solvers.stationary import log_stationary
from fokkerplanck.solvers.targets import Arms, Cut, Killed, absorb
from fokkerplanck.solvers.weights import jump_weights

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.generator import Generator
    from fokkerplanck.solvers.links import Links

__all__ = ["PlaneChain"]

Array = NDArray[np.float64]
Cells = NDArray[np.int64]
#: From numbers of links to the strengths of both directions.
Strength = Callable[[Cells], tuple[Array, Array]]
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
        self.parts = [part.cells(problem.grid).ravel() for part in self.sets]
        for part, inside in zip(self.sets, self.parts, strict=True):
            if not inside.any():
                msg = f"the {part.text} holds no centre of a cell; take more cells or a larger set"
                raise CaseError(msg)
        generator = problem.generator(weight)
        climb = link_climbs(generator)
        found = log_equilibrium(generator, climb)
        self.reversible = found is not None
        steep = (
            too_steep_in_wells(generator)
            if found is None
            else too_steep(generator, np.exp(found), FEW, climb)
        )
        del climb
        if steep:
            generator, found = problem.generator("fitted"), None
        self.weight, self._log_equilibrium = generator.weight, found
        links = problem.links()
        self._kill(generator, links, lambda k: link_strength(_some(links, k), problem.noise.kappa))

    def _kill(self, generator: Generator, links: Links, strength: Strength) -> None:
        self.conservative = generator.conservative
        self.killed = _killed(generator, links, strength, self._cuts(links))
        self.live = self.killed.live

    def _cuts(self, links: Links) -> list[Cut]:
        cut = partial(_cut, self.problem.grid, links)
        return [cut(*each) for each in zip(self.sets, self.parts, strict=True)]

    @cached_property
    def open(self) -> Generator:  # type: ignore[override]
        """Rates between all cells, as if no set absorbed; made anew, since few ask for them."""
        return self.problem.generator(self.weight)

    @property
    def log_absorption(self) -> Array:  # type: ignore[override]
        """Ln of the rates into each set and through the walls, shape (sets + 1, cells)."""
        return self.killed.log_absorption

    @cached_property
    def reduction(self) -> Reduction:
        """The chain reduced to its anchors: where the time goes."""
        return Reduction(self.killed.generator, self.live, log_mass=self._log_equilibrium)

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
        return self.parts[row]

    @property
    def generator(self) -> Generator:
        """Rates between live cells, and absorption."""
        return self.killed.generator

    def solve(self, log_b: Array) -> Array:
        """Ln of u, where ``-Q u = b``."""
        return self.reduction.solve(log_b)

    def solve_at(self, log_b: Array, start: PointSet) -> float:
        """Ln of u at a start; nothing is solved for where only what anchors collect matters."""
        far = self.reduction.solve_far(log_b)
        found = np.nan if far is None else self.at(far, start)
        return super().solve_at(log_b, start) if np.isnan(found) else found

    def solve_transposed(self, log_b: Array) -> Array:
        """Ln of y, where ``-Q.T y = b``."""
        return self.reduction.solve_transposed(log_b)

    @cached_property
    def log_mass(self) -> Array:
        """Ln of the stationary masses of the problem without absorption."""
        if self._log_equilibrium is not None:
            return self._log_equilibrium
        closed = replace(self.open, absorption=np.zeros(self.open.cells))
        return log_stationary(closed)

    @cached_property
    def reversed(self) -> PlaneChain | None:
        """The chain that runs backwards in its stationary state; itself in detailed balance."""
        if not self.conservative:
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
        made = object.__new__(PlaneChain)
        made.problem, made.sets, made.parts = self.problem, self.sets, self.parts
        made.weight, made.reversible, made._log_equilibrium = self.weight, False, None
        made.open = replace(g, forward=forward, backward=backward)

        def strength(k: Cells) -> tuple[Array, Array]:
            up, down = jump_weights(links.first[k], links.second[k], self.weight)
            with_weight = ((forward[k], up), (backward[k], down))
            out, into = (
                np.divide(rate, weight, out=np.zeros_like(rate), where=weight > 0.0)
                for rate, weight in with_weight
            )
            return out, into

        made._kill(made.open, links, strength)
        return made

    def at(self, log_u: Array, start: PointSet) -> float:
        """Ln of u at a point, or of its mean over the stationary density within a set."""
        weight = self._log_start(start)
        if weight is None:
            return interpolate(log_u, self.live, self.problem.grid, _point(start))
        part = np.isfinite(weight)
        return log_sum(weight[part] + log_u[part]) - log_sum(weight)

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
        values = [inside] * len(self.parts) if isinstance(inside, int | float) else inside
        for cells, value in zip(self.parts, values, strict=True):
            out[cells] = value
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
    walls = np.flatnonzero(g.absorption)
    live = np.ones(g.cells, dtype=np.bool_)
    return Killed(g, live, 0, np.zeros_like(walls), walls, g.absorption[walls])


def _some(links: Links, k: Cells) -> Links:
    """Links of which only strengths are asked for."""
    rho_tail, rho_head, harmonic = links.rho_tail[k], links.rho_head[k], links.harmonic[k]
    return replace(links, rho_tail=rho_tail, rho_head=rho_head, harmonic=harmonic)


def _cut(grid: Grid, links: Links, part: PointSet, inside: NDArray[np.bool_]) -> Cut:
    """Where a set meets cells and links."""
    spacing = np.asarray(grid.spacing)
    columns = links.offset.T  # one by one: a reduction over rows of two takes ten times as long
    furthest = [max(c.max(initial=0), -c.min(initial=0)) for c in columns]
    wider = part.wider(float(np.linalg.norm(spacing * furthest)))
    begins = ~inside if wider is None else wider.cells(grid).ravel() & ~inside

    # both ways along all links in one go: following paths to basins costs more than their company
    out, back = links_of(begins, links.tail), links_of(begins, links.head)
    if part.met_by_ends:
        out, back = out[inside[links.head[out]]], back[inside[links.tail[back]]]
    cell = np.concatenate([links.tail[out], links.head[back]])
    other = np.concatenate([links.head[out], links.tail[back]])
    steps = np.concatenate([links.offset[out], -links.offset[back]]) * spacing
    places = np.unravel_index(cell, grid.shape)
    start = np.stack([a.centres[k] for a, k in zip(grid.axes, places, strict=True)], axis=-1)
    met = part.entry(start, start + steps, grid)
    fraction = np.where(inside[other] & ~(met <= 1.0), 1.0, met)
    meets = np.isfinite(fraction)
    (there, at), (here, to) = (
        (link[hit], found[hit])
        for link, hit, found in (
            (out, meets[: out.size], fraction[: out.size]),
            (back, meets[out.size :], fraction[out.size :]),
        )
    )
    return Cut(inside, Arms(there, at), Arms(here, to))


def _point(start: PointSet) -> Array:
    point = start.representative()
    assert point is not None  # only points have no volume
    return point
