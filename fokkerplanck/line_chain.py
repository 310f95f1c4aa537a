"""Absorbing sets on a line: nodes at cells, sets and starts, with rates by quadrature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.killed_chain import KilledChain
from fokkerplanck.line_nodes import Nodes, chain_rates
from fokkerplanck.sets import PointSet
from fokkerplanck.solvers import birth_death
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.scaled import log_sum
from fokkerplanck.solvers.stationary import log_stationary

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["LEVELS", "LineChain"]

Array = NDArray[np.float64]
#: How many chains answers are extrapolated from, each with twice the nodes of the one before.
LEVELS = 3


@dataclass(frozen=True, eq=False)
class NodeModes:
    """Modes on nodes: ln of the rates (count,), eigenfunctions and -masses (count, nodes)."""

    log_rates: Array
    right: Array
    left: Array
    errors: Array


class LineChain(KilledChain):
    """Chain of the nodes of a line or ring; see `KilledChain`.

    Cell centres, walls, edges of sets, starts and jumps of D are nodes.

    Parameters
    ----------
    problem : Problem
    sets, points : sequence of PointSet
        What absorbs, and where answers will be asked for.
    nodes : Nodes
        Those of all sets and points, in this order.
    """

    weight = "quadrature"
    anchors = 0
    jumps = 1.0
    error = 1e-14

    def __init__(
        self,
        problem: Problem,
        sets: Sequence[PointSet],
        points: Sequence[PointSet],
        nodes: Nodes,
    ) -> None:
        self.problem, self.sets, self.points = problem, tuple(sets), tuple(points)
        self.nodes = nodes
        self.rates = chain_rates(problem, self.nodes.x)
        n = self.nodes.x.size
        walls = np.zeros((1, n), dtype=np.bool_)
        low, high = problem.grid.walls[0]
        walls[0, [0, -1]] = low == "absorbing", high == "absorbing"
        inside = [self._covered(k, part) for k, part in enumerate(self.sets)]
        ends = np.concatenate([np.array(inside, dtype=np.bool_).reshape(-1, n), walls])
        #: which set or wall each node belongs to, the first if to several; shape (sets + 1, nodes)
        self.ends = np.asarray(ends & (np.cumsum(ends, axis=0) == 1))
        self.live = np.logical_not(ends.any(axis=0))
        self.open = self._generator(self.rates.up, self.rates.down, np.zeros(n))
        self._cut(self.rates.up, self.rates.down)

    def _covered(self, k: int, part: PointSet) -> NDArray[np.bool_]:
        found = part.contains(self.nodes.x[:, None], self.problem.grid)
        found[self.nodes.at_edges(k)] = True
        return found

    def _cut(self, up: Array, down: Array) -> None:
        """Take `up` and `down` as rates; those into absorbing nodes become absorption."""
        above, below = np.roll(self.ends, -1, axis=1), np.roll(self.ends, 1, axis=1)
        absorption = np.where(self.live, above * up + below * down, 0.0)
        with np.errstate(divide="ignore"):
            self.log_absorption = np.log(absorption)
        self.all_up, self.all_down = up, down
        self.up = np.where(self.live & np.roll(self.live, -1), up, 0.0)
        self.down = np.where(self.live & np.roll(self.live, 1), down, 0.0)
        self.absorption = absorption.sum(axis=0)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """Live nodes in the order of a line: around a ring from the first end on."""
        n = self.live.size
        ends = np.flatnonzero(~self.live)
        begin = int(ends[0]) if self.nodes.ring and ends.size else 0
        order = (begin + np.arange(n)) % n
        return order[self.live[order]]

    def solve(self, log_b: Array) -> Array:
        """Ln of u, where ``-Q u = b``."""
        return self._solved(birth_death.solve, log_b)

    def solve_transposed(self, log_b: Array) -> Array:
        """Ln of y, where ``-Q.T y = b``."""
        return self._solved(birth_death.solve_transposed, log_b)

    def _solved(self, solve: Callable[..., Array], log_b: Array) -> Array:
        k = self._order
        out = np.full(self.live.size, -np.inf)
        out[k] = solve(self.up[k], self.down[k], self.absorption[k], log_b[k], log=True)
        return out

    def inside(self, row: int) -> NDArray[np.bool_]:
        """Nodes of a set, or on the absorbing walls for row -1."""
        return np.asarray(self.ends[row])

    def modes(self, count: int) -> NodeModes:
        """Slowest nonzero modes of the chain between live nodes, exact however slow."""
        from fokkerplanck.solvers.line_modes import modes

        k = self._order
        found = modes(self.up[k], self.down[k], self.absorption[k], count)
        right, left = np.zeros((2, len(found.rates), self.live.size))
        right[:, k], left[:, k] = found.right, found.left
        return NodeModes(found.rates.log(), right, left, found.errors)

    @cached_property
    def generator(self) -> Generator:
        """Rates between live nodes, and absorption."""
        return self._generator(self.up, self.down, self.absorption)

    def _generator(self, up: Array, down: Array, absorption: Array) -> Generator:
        n = up.size
        tail = np.arange(n if self.nodes.ring else n - 1, dtype=np.int32)
        head = (tail + 1) % np.int32(n)
        one = np.ones((tail.size, 1), dtype=np.int32)
        h = self.problem.grid.spacing
        return Generator((n,), h, tail, head, one, up[tail], down[head], absorption, self.weight)

    @cached_property
    def log_mass(self) -> Array:
        """Ln of the stationary masses of the nodes of the problem without absorption."""
        if self.nodes.ring:
            return log_stationary(self.open)
        log = np.r_[0.0, np.cumsum(np.log(self.rates.up[:-1]) - np.log(self.rates.down[1:]))]
        return np.asarray(log - log_sum(log))

    @cached_property
    def reversed(self) -> LineChain | None:
        """The chain that runs backwards in its stationary state."""
        if self.ends[-1].any():
            return None
        if not self.nodes.ring:
            return self
        p = self.log_mass
        made = object.__new__(LineChain)
        made.__dict__.update({k: v for k, v in vars(self).items() if k != "_order"})
        up = np.roll(self.rates.down, -1) * np.exp(np.roll(p, -1) - p)
        down = np.roll(self.rates.up, 1) * np.exp(np.roll(p, 1) - p)
        made._cut(up, down)
        return made

    def at(self, log_u: Array, start: PointSet) -> float:
        """Ln of u at a point, or of its mean over the stationary density within a set."""
        inside, weight = self._log_start(start)
        if inside.sum() == 1:
            return float(log_u[inside][0])
        return log_sum(weight + log_u) - log_sum(weight)

    def start_mass(self, start: PointSet) -> Array:
        """Masses of the nodes to start from."""
        inside, weight = self._log_start(start)
        return inside.astype(np.float64) if inside.sum() == 1 else np.exp(weight - log_sum(weight))

    def _log_start(self, start: PointSet) -> tuple[NDArray[np.bool_], Array]:
        """Nodes within a set, and ln of the stationary masses within it."""
        k = len(self.sets) + self.points.index(start)
        inside = np.zeros(self.live.size, dtype=np.bool_)
        inside[self.nodes.at_edges(k)] = True
        inside |= start.contains(self.nodes.x[:, None], self.problem.grid)
        if inside.sum() == 1:
            return inside, np.where(inside, 0.0, -np.inf)
        weight = self.log_mass + self._log_part(inside)
        if not np.isfinite(weight[self.live]).any():
            msg = f"the start, {start.text}, lies inside the target"
            raise CaseError(msg, key="from")
        return inside, weight

    def _log_part(self, inside: NDArray[np.bool_]) -> Array:
        """Ln of the part of each node's mass that comes from panels within a set.

        Those inside the target are left out, not those that end on its border.
        """
        begin = np.arange(self.rates.climb.size)
        end = (begin + 1) % inside.size
        both = inside[begin] & inside[end] & (self.live[begin] | self.live[end])
        part = np.bincount(begin, both * self.rates.left, inside.size)
        part += np.bincount(end, both * self.rates.right, inside.size)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(part))

    def filled(self, log_u: Array, inside: float | Sequence[float]) -> Array:
        """Return values on all nodes, with `inside` (one for each set) in those of the sets."""
        out = np.array(log_u)
        values = [inside] * len(self.sets) if isinstance(inside, int | float) else inside
        for part, value in zip(self.ends, values, strict=False):
            out[part] = value
        return out

    def on_grid(self, log_u: Array, inside: float | Sequence[float]) -> Array:
        """Return values in the cells of the grid, shape (*shape,)."""
        return self.filled(log_u, inside)[self.nodes.centres]

    def per_volume(self, mass: NDArray[Any]) -> NDArray[Any]:
        """Densities of masses of the nodes, which stand for half of both neighbouring panels."""
        x = self.nodes.x
        if self.nodes.ring:
            axis = self.problem.grid.axes[0]
            ahead = np.append(np.diff(x), x[0] + axis.max - axis.min - x[-1])
            return np.asarray(mass / (ahead + np.roll(ahead, 1)))
        gap = np.diff(x)
        return np.asarray(mass / (np.append(gap, 0.0) + np.append(0.0, gap)))

    def current(self, net: Array) -> Array:
        """Probability current in the cells of net fluxes on links, the mean of both sides."""
        before = np.roll(net, 1) if self.nodes.ring else np.append(net[0], net)
        after = net if self.nodes.ring else np.append(net, net[-1])
        return ((before + after) / 2)[self.nodes.centres][:, None]
