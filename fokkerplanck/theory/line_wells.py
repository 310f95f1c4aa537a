"""Kramers' law for wells in a row, with targets anywhere beyond a barrier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log, log1p, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from fokkerplanck.theory.eyring_kramers import eyring_kramers
from fokkerplanck.theory.kramers import derivatives, kramers_correction
from fokkerplanck.theory.wells import chain_log_time, degenerate

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.landscapes.critical import CriticalPoint
    from fokkerplanck.problem import Problem

__all__ = ["LineWells", "line_points"]

Array = NDArray[np.float64]
#: Depth in temperatures below which a start or a wall is not well inside, or outside, of a well.
DEPTH = 4.0
#: Part of the way from minimum to top over which the curvature is differentiated.
REACH = 0.1
#: A target this many widths beyond a top is passed by nearly all that touch it.
WIDTHS = 3.0


@dataclass(frozen=True, eq=False)
class LineWells:
    """Minima and tops in turn between two reflecting walls.

    Parameters
    ----------
    landscape : Landscape
    walls : tuple of float
    minima, tops : tuple of CriticalPoint
        By position; one top between any two neighbouring minima, perhaps more outside.
    temperature : float
    corrected : bool
        Whether times include the factor ``1 + c1 T``.
    """

    landscape: Landscape
    walls: tuple[float, float]
    minima: tuple[CriticalPoint, ...]
    tops: tuple[CriticalPoint, ...]
    temperature: float
    corrected: bool

    @classmethod
    def of(cls, problem: Problem, temperature: float, *, corrected: bool) -> LineWells | str:
        """Find the wells of a problem on a line; or say what is wrong with them."""
        found = line_points(problem)
        if isinstance(found, str):
            return found
        axis = problem.grid.axes[0]
        return cls(problem.landscape, (axis.min, axis.max), *found, temperature, corrected)

    def relaxation(self) -> tuple[float, float] | str:
        """Logarithm of the slow rate of two wells, the sum of both rates; lowest barrier."""
        if len(self.minima) != 2:
            return f"needs exactly two minima, found {len(self.minima)}"
        left, right = self.minima
        top = next(p for p in self.tops if _x(left) < _x(p) < _x(right))
        there, back = self._log_rate(left, top), self._log_rate(right, top)
        return float(np.logaddexp(there, back)), self._barrier(self.minima, (top,))

    def passage(
        self, start: tuple[float, float], target: tuple[float, float]
    ) -> tuple[float, float, str] | str:
        """Logarithm of a mean first-passage time, the lowest barrier passed, and a caveat.

        A target at a top takes half the time of one well beyond it; near it, a share
        ``(1 + erf(delta / sqrt(2 T / |L''|))) / 2`` at the distance delta.
        """
        if start[1] <= target[0]:
            return self._towards(1.0, start, target[0])
        if start[0] >= target[1]:
            return self._towards(-1.0, start, target[1])
        return "start and target overlap"

    def _towards(
        self, side: float, start: tuple[float, float], target: float
    ) -> tuple[float, float, str] | str:
        """Passage to the right, in the coordinate ``side x``."""
        t, (first, last) = side * target, sorted(side * x for x in start)
        minima, tops = (sorted(p, key=lambda c: side * _x(c)) for p in (self.minima, self.tops))
        crossed = [b for b in tops if last <= side * _x(b) <= t + self._width(b)]
        if not crossed:
            return "no maximum lies between start and target"
        inside = [m for m in minima if side * _x(m) < side * _x(crossed[-1])]
        behind = [b for b in tops if side * _x(b) < side * _x(crossed[0])]
        well = len([b for b in behind if inside and side * _x(b) > side * _x(inside[0])])
        away = behind and side * _x(behind[-1]) > first
        if away or len(crossed) != len(inside) - well:
            return "the start is not in one well"
        ways = [b for b in tops if side * _x(inside[0]) < side * _x(b) <= side * _x(crossed[-1])]
        past = side * (target - _x(crossed[-1]))
        logs = self._log_rates(inside, ways, past)
        time = chain_log_time(logs, well, [len(inside)])
        caveat = self._caveat(side, (first, last), t, crossed, inside, minima, past)
        return time, self._barrier(inside, ways), caveat

    def _log_rates(
        self, minima: Sequence[CriticalPoint], tops: Sequence[CriticalPoint], past: float
    ) -> Array:
        """Rates between wells in a row; the last top leads to the target at a distance."""
        count = len(minima)
        logs = np.full((count + 1, count + 1), -inf)
        for k, top in enumerate(tops):
            logs[k, k + 1] = self._log_rate(minima[k], top)
            if k + 1 < count:
                logs[k + 1, k] = self._log_rate(minima[k + 1], top)
        logs[count - 1, count] -= log(0.5 * erfc(-past / (sqrt(2.0) * self._width(tops[-1]))))
        return logs

    def _log_rate(self, minimum: CriticalPoint, top: CriticalPoint) -> float:
        rate = eyring_kramers(minimum, top, self.temperature).log_rate
        if not self.corrected:
            return rate
        reach = REACH * abs(_x(top) - _x(minimum))
        ends = [derivatives(self._curvature, _x(p), reach) for p in (minimum, top)]
        return rate - log1p(kramers_correction(*ends) * self.temperature)

    def _width(self, top: CriticalPoint) -> float:
        """Distance from a top over which paths make up their mind."""
        return sqrt(self.temperature / abs(top.eigenvalues[0]))

    def _curvature(self, x: Array) -> Array:
        return np.asarray(self.landscape.hessian(x[:, None])[:, 0, 0])

    def _barrier(self, minima: Sequence[CriticalPoint], tops: Sequence[CriticalPoint]) -> float:
        """Lowest climb in temperatures, of minima over the tops between and after them."""
        pairs = [*zip(minima, tops, strict=False), *zip(minima[1:], tops, strict=False)]
        return float(min(self._climb(_x(m), _x(top)) for m, top in pairs))

    def _climb(self, low: float, high: float) -> float:
        """``(L(high) - L(low)) / T`` of two places."""
        losses = self.landscape.loss(np.array([[low], [high]]))
        return float(losses[1] - losses[0]) / self.temperature

    def _caveat(
        self,
        side: float,
        start: tuple[float, float],
        target: float,
        crossed: Sequence[CriticalPoint],
        inside: Sequence[CriticalPoint],
        minima: Sequence[CriticalPoint],
        past: float,
    ) -> str:
        """Say what Kramers' law has no place for; empty where it holds."""
        if min(self._climb(side * x, _x(crossed[0])) for x in start) < DEPTH:
            return "the start is too high up the barrier"
        if self._climb(_x(inside[0]), self.walls[0 if side > 0 else 1]) < DEPTH:
            return "the wall behind the start cuts its well"
        beyond = [m for m in minima if side * _x(m) > side * _x(crossed[-1])]
        past_it = bool(beyond) and target > side * _x(beyond[0])
        if past_it and self._climb(_x(beyond[0]), side * target) > 1:
            return "the target lies up the far side of the other well"
        near = past < WIDTHS * self._width(crossed[-1])
        if self.corrected and (near or len(inside) > 1):
            return "the correction is that of one barrier, crossed to well beyond it"
        return ""


def line_points(
    problem: Problem,
) -> tuple[tuple[CriticalPoint, ...], tuple[CriticalPoint, ...]] | str:
    """Minima and tops of a problem on a line, in turn; or what is wrong with them."""
    from fokkerplanck.landscapes.critical import critical_points

    points = critical_points(problem.landscape, problem.grid)
    minima = tuple(p for p in points if p.kind == "minimum")
    tops = tuple(p for p in points if p.kind == "saddle")
    between = np.searchsorted([_x(p) for p in tops], [_x(p) for p in minima])
    if not minima or (np.diff(between) != 1).any():
        return "needs minima with a maximum between any two"
    if degenerate((*minima, *tops)):
        return "a minimum or maximum has no curvature"
    return minima, tops


def _x(point: CriticalPoint) -> float:
    return float(point.position[0])
