"""Wells of a landscape and the rates between them, in the limit of small noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.landscapes.remember import remembered
from fokkerplanck.theory.eyring_kramers import EscapeRate, langer, over_paths

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.landscapes.critical import CriticalPoint

__all__ = ["Wells", "chain_log_time", "degenerate", "find_wells"]

Array = NDArray[np.float64]
#: A curvature below this part of the largest one at any of the points counts as none.
FLAT = 1e-7


@dataclass(frozen=True, eq=False)
class Wells:
    """Minima of a landscape, and the saddles that connect two different ones.

    Parameters
    ----------
    minima : tuple of CriticalPoint
        Ordered by position.
    ways : tuple of (CriticalPoint, int, int)
        Saddle, and numbers of the minima on its two sides.
    """

    minima: tuple[CriticalPoint, ...]
    ways: tuple[tuple[CriticalPoint, int, int], ...]

    def rate(
        self, start: int, end: int, temperature: float, mobility: Array | None = None
    ) -> EscapeRate | None:
        """Rate over all saddles that lead from one minimum to another; None if none does.

        Parameters
        ----------
        start, end : int
            Numbers of the minima.
        temperature : float
        mobility : ndarray, optional
            See `eyring_kramers.langer`; by default the unit matrix.
        """
        minimum = self.minima[start]
        m = np.eye(len(minimum.position)) if mobility is None else mobility
        saddles = [s for s, a, b in self.ways if {a, b} == {start, end}]
        rates = [langer(minimum, saddle, temperature, m) for saddle in saddles]
        return over_paths(rates) if rates else None

    def log_rates(self, temperature: float, mobility: Array | None = None) -> Array:
        """Natural logarithms of all rates, shape (wells, wells); -inf where no saddle leads."""
        count = len(self.minima)
        logs = np.full((count, count), -inf)
        for i in range(count):
            for j in range(count):
                rate = self.rate(i, j, temperature, mobility) if i != j else None
                logs[i, j] = -inf if rate is None else rate.log_rate
        return logs

    def lowest_barrier(self, wells: Sequence[int], temperature: float) -> float:
        """Lowest barrier out of any of the given wells, in temperatures."""
        heights = [
            saddle.loss - self.minima[k].loss
            for saddle, *sides in self.ways
            for k in sides
            if k in wells
        ]
        return float(min(heights, default=inf)) / temperature


@remembered
def find_wells(landscape: Landscape, grid: Grid) -> Wells:
    """Find the minima between the walls of a grid and the saddles that connect them."""
    from fokkerplanck.landscapes.critical import critical_points
    from fokkerplanck.landscapes.newton import Box
    from fokkerplanck.landscapes.paths import connected_minima

    points = critical_points(landscape, grid)
    minima = tuple(p for p in points if p.kind == "minimum")
    if not minima:
        return Wells((), ())
    places = np.array([m.position for m in minima])
    box = Box.around(grid)
    ways = []
    for saddle in (p for p in points if p.kind == "saddle"):
        a, b = connected_minima(landscape, box, saddle.position, places)
        if a is not None and b is not None and a != b:
            ways.append((saddle, a, b))
    return Wells(minima, tuple(ways))


def degenerate(points: Iterable[CriticalPoint]) -> bool:
    """Whether any minimum or saddle has a direction without curvature."""
    sizes = [np.abs(p.eigenvalues) for p in points]
    return bool(min(float(s.min()) for s in sizes) <= FLAT * max(float(s.max()) for s in sizes))


def chain_log_time(log_rates: Array, start: int, target: Sequence[int]) -> float:
    """Logarithm of the mean time of a Markov chain to reach one of its states `target`.

    States are eliminated one by one (Grassmann, Taksar and Heyman); nothing is subtracted, so
    that rates may span any range.

    Parameters
    ----------
    log_rates : ndarray, shape (n, n)
        Natural logarithms of the rates from i to j; the diagonal is not used.
    start : int
    target : sequence of int
    """
    r, time = log_rates.copy(), np.zeros(len(log_rates))
    np.fill_diagonal(r, -inf)
    live = [k for k in range(len(r)) if k not in target and k != start]
    gone: list[int] = []
    for k in live:
        gone.append(k)
        stay = [j for j in range(len(r)) if j not in gone]
        out = float(np.logaddexp.reduce(r[k, stay]))
        if out == -inf:
            continue  # nothing leads here but from the target
        for i in stay:
            if i in target:
                continue
            time[i] = np.logaddexp(time[i], r[i, k] - out + time[k])
            for j in stay:
                if j != i:
                    r[i, j] = np.logaddexp(r[i, j], r[i, k] + r[k, j] - out)
    return float(time[start] - np.logaddexp.reduce(r[start, list(target)]))
