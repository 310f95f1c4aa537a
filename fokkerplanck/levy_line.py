"""A line with long jumps where intervals and walls kill: its equations, and reading them off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import barycentric_interpolate
from scipy.special import betainc

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy, Nodes
from fokkerplanck.levy_sets import Interval, covered, intervals
from fokkerplanck.sets import PointSet
from fokkerplanck.solvers.levy_edges import layer_ratios
from fokkerplanck.solvers.levy_generator import Outside
from fokkerplanck.solvers.levy_killed import KilledLevy, kill
from fokkerplanck.solvers.levy_solve import LevySystem

__all__ = ["KilledLine", "Span", "killed_line"]

Array = NDArray[np.float64]
#: Nodes around a point that values there are interpolated from.
STENCIL = 6
#: Nodes next to an edge that are corrected for the lattice.
LAYER = 64
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Span:
    """Living nodes in a row, and what bounds them.

    Parameters
    ----------
    first, last : int
        The outermost.
    ends : (float, float)
        Where it begins and ends.
    sinks : (int, int)
        What kills there: number of an interval, that of all intervals for the left wall, one more
        for the right; -1 where walls reflect.
    powers : (float, float)
        Of the distance, that times from near the ends are like; 0 where they do not vanish there,
        or over less than a cell.
    """

    first: int
    last: int
    ends: tuple[float, float]
    sinks: tuple[int, int]
    powers: tuple[float, float]


@dataclass(frozen=True, eq=False)
class KilledLine:
    """A problem on some nodes, with killing.

    Parameters
    ----------
    problem : Levy
    x : ndarray, shape (n,)
    generator, coarse : KilledLevy
        On the nodes, and on few for the coarse level of the equations.
    pieces : sequence of (float, float)
        Intervals that kill. They are numbered as sinks, then the left and the right wall.
    """

    problem: Levy
    x: Array
    generator: KilledLevy
    coarse: KilledLevy
    pieces: Sequence[Interval]

    @property
    def walls(self) -> tuple[int, int]:
        """Numbers of the two walls as sinks."""
        return len(self.pieces), len(self.pieces) + 1

    def rates(self, sink: int) -> tuple[Array, Array]:
        """Rates into a sink from all nodes: by long jumps, and by drift and Gaussian noise."""
        if sink < len(self.pieces):
            return self.generator.rates_into(sink)
        return self.generator.rates_beyond(sink - len(self.pieces))

    def into(self, sinks: Sequence[int]) -> Array:
        """Rates into any of some sinks from all nodes."""
        total = np.zeros(len(self.x))
        for sink in sinks:
            total += np.sum(self.rates(sink), axis=0)
        return total

    def solve(self, right: Array) -> tuple[Array, float]:
        """Solution u of ``-Q u = right``, 0 where walkers are dead, and its relative rounding.

        The error of FFT products is counted: it is that part of the largest rate, and times
        amplify it.
        """
        live = self.generator.live
        u, rounding = self._times.solve(np.where(live, right, 0.0))
        u = np.where(live, u, 0.0)
        top = float(np.abs(right).max())
        product = EPSILON * abs(float(self.generator.jumps.first[0])) * float(np.abs(u).max())
        return u, rounding + (product / top if top > 0.0 else 0.0)

    def occupation(self, start: Array) -> tuple[Array, float]:
        """Mean times spent at the nodes by a source of walkers, and their relative rounding."""
        system = LevySystem(self.generator, self.coarse, transposed=True)
        g, rounding = system.solve(start)
        return np.where(self.generator.live, g, 0.0), rounding

    def at(self, u: Array, begin: PointSet, values: Sequence[float] | None = None) -> float:
        """Solution at a point, or its mean over the stationary density within a set.

        Parameters
        ----------
        u : ndarray, shape (n,)
        begin : PointSet
        values : sequence of float, optional
            What u is in each sink; 0 unless given.
        """
        if not begin.is_point:
            mass = self.start_mass(begin)
            return float(mass @ u)
        point = begin.representative()
        assert point is not None
        return self._between(u, float(point[0]), values)

    def start_mass(self, begin: PointSet) -> Array:
        """Masses of the nodes to start from; shape (n,), sum 1."""
        if begin.is_point:
            point = begin.representative()
            assert point is not None
            return self._shared(float(point[0]))
        axis = self.problem.grid.axes[0]
        edges = np.concatenate([[axis.min], 0.5 * (self.x[1:] + self.x[:-1]), [axis.max]])
        length = covered(intervals(begin, self.problem.grid), self.pieces, edges)
        mass = np.where(self.generator.live, self._stationary * length / np.diff(edges), 0.0)
        total = float(mass.sum())
        if not total > 0.0:
            msg = f"nothing of the start, {begin.text}, is left outside of the target"
            raise CaseError(msg, key="from")
        return np.asarray(mass / total)

    def span(self, x: float) -> Span:
        """Living nodes around a point."""
        for found in self.spans:
            if found.ends[0] < x < found.ends[1]:
                return found
        msg = f"no node lives around x = {x:.6g} on {len(self.x)} nodes: more cells are needed"
        raise NumericalError(msg)

    @cached_property
    def spans(self) -> list[Span]:
        """All rows of living nodes."""
        live = self.generator.live.astype(np.int64)
        change = np.diff(np.concatenate([[0], live, [0]]))
        first, last = np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1
        return [self._span(int(i), int(j)) for i, j in zip(first, last, strict=True)]

    def smooth(self, u: Array, values: Sequence[float] | None = None) -> Array:
        """Solution at the nodes without what is of the lattice next to edges, see `layer_ratios`.

        Killed nodes get what u is in their interval, or outside of it what it is near its edge.
        Parameters are those of `at`.
        """
        known = np.zeros(len(self.pieces) + 2) if values is None else np.asarray(values)
        owner = self.generator.owner
        out = np.where(owner < 0, u, known[np.maximum(owner, 0)])
        for span in self.spans:
            for side in (0, 1):
                if span.sinks[side] >= 0:
                    self._smooth_edge(out, span, side, float(known[span.sinks[side]]))
        return np.asarray(out)

    def _smooth_edge(self, out: Array, span: Span, side: int, value: float) -> None:
        node, way = (span.last, -1) if side else (span.first, 1)
        alpha, power = self.problem.alpha, span.powers[side]
        distance = -way * (span.ends[side] - float(self.x[node])) / self.generator.spacing
        if power == 0.5 * alpha:
            most = min(LAYER, (span.last - span.first + 1) // 2)
            near = node + way * np.arange(most)
            out[near] = value + (out[near] - value) * layer_ratios(alpha, distance, most)
        beyond = node - way
        if distance > 1.0 and 0 <= beyond < len(out):
            part = ((distance - 1.0) / distance) ** (power or 1.0)
            out[beyond] = value + (out[node] - value) * part

    @cached_property
    def _times(self) -> LevySystem:
        return LevySystem(self.generator, self.coarse)

    @cached_property
    def _stationary(self) -> Array:
        """Stationary masses as if nothing killed."""
        p = self.problem
        fates: list[Outside] = [p.outside if f == "killed" else f for f in p.fates]
        open_walls = replace(p, grid=_reflecting(p))
        base = replace(p.at(len(self.x)).generator, outside=(fates[0], fates[1]))
        rate = (p.scale / (0.5 * base.spacing * len(self.x))) ** p.alpha
        coarse = open_walls.coarse(Nodes(self.x, base))
        system = LevySystem(base, coarse.generator, transposed=True, restart=rate)
        mass, _ = system.solve(np.full(len(self.x), rate))
        return np.maximum(mass, 0.0)

    def _span(self, first: int, last: int) -> Span:
        axis = self.problem.grid.axes[0]
        ends, sinks, powers = [], [], []
        for side, node, wall in ((0, first, axis.min), (1, last, axis.max)):
            sign = 2 * side - 1
            found = [e for e in self.generator.edges if e.node == node and e.side == sign]
            kills = bool(found) or self.generator.outside[side] == "killed"
            windy = self.generator.wind[node + side] > 0.0
            power = 1.0 if self.problem.temperature > 0.0 else 0.5 * self.problem.alpha
            ends.append(found[0].at if found else wall)
            sinks.append(found[0].piece if found else self.walls[side] if kills else -1)
            powers.append(power if kills and not windy else 0.0)
        return Span(first, last, (ends[0], ends[1]), (sinks[0], sinks[1]), (powers[0], powers[1]))

    def _between(self, u: Array, at: float, values: Sequence[float] | None) -> float:
        """Interpolate between nodes, with what is singular at the ends divided out."""
        span = self.span(at)
        count = span.last - span.first + 1
        if count < STENCIL:
            msg = f"just {count} nodes lie around the start x = {at:.6g}, between "
            msg += f"{span.ends[0]:.6g} and {span.ends[1]:.6g}: more cells are needed"
            raise NumericalError(msg)
        most = span.last + 1 - STENCIL
        first = int(np.clip(np.searchsorted(self.x, at) - STENCIL // 2, span.first, most))
        near = slice(first, first + STENCIL)
        points = np.append(self.x[near], at)
        weight = np.ones(STENCIL + 1)
        for sign, end, power in zip((1.0, -1.0), span.ends, span.powers, strict=True):
            weight *= (sign * (points - end)) ** power
        known = _baseline(points, span, values)
        rest = (self.smooth(u, values)[near] - known[:-1]) / weight[:-1]
        return float(known[-1] + barycentric_interpolate(points[:-1], rest, at) * weight[-1])

    def _shared(self, at: float) -> Array:
        """Share unit mass at a point between its two neighbours."""
        span = self.span(at)
        count = span.last - span.first + 1
        if count < STENCIL:
            msg = f"just {count} nodes lie around the start x = {at:.6g}: more cells are needed"
            raise NumericalError(msg)
        mass = np.zeros(len(self.x))
        k = int(np.clip(np.searchsorted(self.x, at) - 1, span.first, span.last - 1))
        share = float(np.clip((at - self.x[k]) / (self.x[k + 1] - self.x[k]), 0.0, 1.0))
        mass[k], mass[k + 1] = 1.0 - share, share
        return mass


def killed_line(problem: Levy, count: int, pieces: Sequence[Interval]) -> KilledLine:
    """Place `count` nodes, and kill in intervals.

    Raises
    ------
    CaseError
        When no node is left alive.
    """
    nodes = problem.at(count)
    few = problem.coarse(nodes)
    generator = kill(nodes.generator, nodes.x, pieces)
    if not generator.live.any():
        axis = problem.grid.axes[0]
        msg = f"nothing of the grid [{axis.min:g}, {axis.max:g}] is left outside of the target"
        raise CaseError(msg, key="to")
    coarse = generator if few is nodes else kill(few.generator, few.x, pieces)
    return KilledLine(problem, nodes.x, generator, coarse, tuple(pieces))


def _baseline(x: Array, span: Span, values: Sequence[float] | None) -> Array:
    """Make a function with the values of the sinks at the ends, and singular as solutions are.

    It is the probability to leave an interval through one of its ends by jumps alone, an
    incomplete beta function.
    """
    if values is None:
        return np.zeros(len(x))
    # where nothing kills, the value of the other end will do
    known = [values[k] if k >= 0 else None for k in span.sinks]
    left, right = (v if v is not None else o for v, o in zip(known, known[::-1], strict=True))
    if left is None or right is None:
        return np.zeros(len(x))
    low, high = span.ends
    p, q = (power or 1.0 for power in span.powers)
    share = betainc(p, q, np.clip((x - low) / (high - low), 0.0, 1.0))
    return np.asarray(left + (right - left) * share)


def _reflecting(problem: Levy) -> Grid:
    axis = problem.grid.axes[0]
    return Grid.line(axis.min, axis.max, axis.cells, walls="reflecting")
