"""Escape of a particle with inertia, from no friction to infinite friction.

``dx = v dt``, ``m dv = (-grad L - m g v) dt + sqrt(2 m g T) dW`` has the stationary density
``e^{-(m v^2 / 2 + L) / T}``, and three ways to be slow: at strong friction the particle crosses the
top as it diffuses, at weak friction it must first gain the energy, and in between a path that
reaches the top has crossed it. Each regime has its law, and `InertialEscape` has them all.

References
----------
H. A. Kramers, Physica 7 (1940) 284; R. F. Grote and J. T. Hynes, J. Chem. Phys. 73 (1980) 2715;
V. I. Mel'nikov and S. V. Meshkov, J. Chem. Phys. 85 (1986) 1018; P. Haenggi, P. Talkner and M.
Borkovec, Rev. Mod. Phys. 62 (1990) 251.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import asinh, expm1, inf, isfinite, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.depopulation import log_depopulation
from fokkerplanck.theory.eyring_kramers import EscapeRate, over_paths
from fokkerplanck.theory.well_action import round_trip
from fokkerplanck.theory.wells import chain_log_time, degenerate

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.landscapes.critical import CriticalPoint

__all__ = ["LAWS", "InertialEscape", "InertialWells", "inertial_wells"]

Array = NDArray[np.float64]
#: A law of one regime holds where it is this close to the one that bridges them all.
CLOSE = 0.05


@dataclass(frozen=True)
class InertialEscape:
    """All laws of the escape from one well on a line over one top, side by side.

    Parameters
    ----------
    well, top : float
        Squares ``w_a^2 = L''(a) / m`` and ``w_b^2 = |L''(b)| / m`` of the frequencies.
    height : float
        ``L(b) - L(a)``.
    actions : tuple of float
        S, at the energy of the top, of the well that is left and of the one beyond; infinite
        where the orbit never turns.
    friction, temperature : float
        g, a rate, and T.
    caveat : str
        What the landscape has that the laws have no place for.
    """

    well: float
    top: float
    height: float
    actions: tuple[float, float]
    friction: float
    temperature: float
    caveat: str = ""

    @property
    def barrier(self) -> float:
        """Height in temperatures."""
        return self.height / self.temperature

    @property
    def losses(self) -> tuple[float, float]:
        """Energy ``d = g S / T`` that one round trip loses, on this side and beyond."""
        here, beyond = (self.friction * s / self.temperature for s in self.actions)
        return here, beyond

    @property
    def absorbed(self) -> InertialEscape:
        """The same with nothing that comes back from beyond."""
        return replace(self, actions=(self.actions[0], inf))

    @property
    def transition_state(self) -> EscapeRate:
        """``k = w_a / (2 pi) e^{-Delta L / T}``: every crossing counts; an upper bound."""
        return self._limit(self._log_attempts)

    @property
    def kramers_grote_hynes(self) -> EscapeRate:
        """Moderate to strong friction.

        ``k = w_a / (2 pi) [sqrt(g^2/4 + w_b^2) - g/2] / w_b e^{-Delta L / T}``. It holds where a
        round trip loses a few temperatures; below, the top of the well is depleted.
        """
        return self._limit(self._log_crossing)

    @property
    def overdamped(self) -> EscapeRate:
        """Kramers' law without inertia, ``k = w_a w_b / (2 pi g) e^{-Delta L / T}``."""
        speed = 0.5 * log(self.top) - log(self.friction)
        return self._limit(self._log_attempts + speed)

    @property
    def energy_diffusion(self) -> EscapeRate:
        """Weak friction, ``k = d w_a / (2 pi) e^{-Delta L / T}`` with the loss d of a round trip.

        With a well beyond of loss e, from which paths come back, ``d e / (d + e)`` in place of d.
        """
        inverse = sum(1 / loss for loss in self.losses)
        return self._limit(self._log_attempts - (log(inverse) if inverse else -inf))

    @property
    def melnikov_meshkov(self) -> EscapeRate:
        """All frictions: `kramers_grote_hynes` times ``A(d)``, the share of those that arrive.

        With a well beyond of loss e the factor is ``A(d) A(e) / A(d + e)``. What it leaves out
        falls with the barrier; at 5 temperatures it is 5 % at strong and 20 % at weak friction.
        """
        return EscapeRate(self._log_turnover, self.barrier, self.caveat)

    @property
    def _log_attempts(self) -> float:
        return 0.5 * log(self.well) - log(2 * pi) - self.barrier

    @property
    def _log_crossing(self) -> float:
        # sqrt(1 + y^2) - y = e^{-asinh y}
        return self._log_attempts - asinh(self.friction / (2 * sqrt(self.top)))

    @property
    def _log_turnover(self) -> float:
        here, beyond = self.losses
        factor = log_depopulation(here)
        if isfinite(beyond):
            factor += log_depopulation(beyond) - log_depopulation(here + beyond)
        return self._log_crossing + factor

    def _limit(self, log_rate: float) -> EscapeRate:
        off = expm1(min(log_rate - self._log_turnover, 700.0))
        caveats = [self.caveat] if self.caveat else []
        if abs(off) > CLOSE:
            caveats.append(f"{off:+.2g} off the law for all frictions (Mel'nikov and Meshkov)")
        return EscapeRate(log_rate, self.barrier, "; ".join(caveats))


#: Name of a law -> how it is read off an escape.
LAWS: dict[str, Callable[[InertialEscape], EscapeRate]] = {
    "transition-state": lambda e: e.transition_state,
    "kramers-grote-hynes": lambda e: e.kramers_grote_hynes,
    "melnikov-meshkov": lambda e: e.melnikov_meshkov,
    "energy-diffusion": lambda e: e.energy_diffusion,
    "overdamped": lambda e: e.overdamped,
}


@dataclass(frozen=True, eq=False)
class InertialWells:
    """Wells in a row on a line, and the escapes between neighbours.

    Parameters
    ----------
    minima : tuple of CriticalPoint
        By position.
    escapes : dict
        (i, j) -> the escape from minimum i to its neighbour j; j is -1, or the number of minima,
        for an outermost top that leads away for good.
    """

    minima: tuple[CriticalPoint, ...]
    escapes: dict[tuple[int, int], InertialEscape]

    def rate(self, start: int, end: int, law: str = "melnikov-meshkov") -> EscapeRate:
        """Rate from one minimum to its neighbour.

        Raises
        ------
        CaseError
            For wells that are no neighbours, or a law that is not in `LAWS`.
        """
        if law not in LAWS:
            msg = f"the laws are {', '.join(LAWS)}, got {law!r:.60}"
            raise CaseError(msg)
        if (start, end) not in self.escapes:
            known = ", ".join(f"{i} -> {j}" for i, j in sorted(self.escapes))
            msg = f"no top lies between wells {start} and {end} alone; there are {known or 'none'}"
            raise CaseError(msg)
        return LAWS[law](self.escapes[start, end])

    def log_rates(self, law: str = "melnikov-meshkov") -> Array:
        """Natural logarithms of all rates between wells, -inf where no single top leads."""
        count = len(self.minima)
        logs = np.full((count, count), -np.inf)
        for i, j in self.escapes:
            if 0 <= j < count:
                logs[i, j] = self.rate(i, j, law).log_rate
        return logs

    def passage(self, start: int, end: int, law: str = "melnikov-meshkov") -> EscapeRate:
        """First passage from the bottom of one well to that of another, as one rate.

        Its `log_time` is the logarithm of the mean time. Over the last top nothing comes back from
        beyond: what has little friction passes the other bottom before it returns, so that ``A(d)``
        alone counts there. Wells between are those of a chain.

        Raises
        ------
        CaseError
            For wells that are not there or the same, or a law that is not in `LAWS`.
        """
        count = len(self.minima)
        if not (0 <= start < count and 0 <= end < count and start != end):
            msg = f"a passage is between two of the wells 0 to {count - 1}, got {start} and {end}"
            raise CaseError(msg)
        step, logs = 1 if end > start else -1, self.log_rates(law)
        way = [self.rate(k, k + step, law) for k in range(start, end, step)]
        last = end - step
        way[-1] = LAWS[law](self.escapes[last, end].absorbed)
        logs[last, end] = way[-1].log_rate
        whole = over_paths(way)
        return EscapeRate(-chain_log_time(logs, start, [end]), whole.barrier, whole.caveat)

    def relaxation(self, law: str = "melnikov-meshkov") -> EscapeRate:
        """Slowest relaxation rate of two wells, the sum of both rates.

        Raises
        ------
        CaseError
            Unless there are just two wells, or as `rate`.
        """
        if len(self.minima) != 2:
            msg = f"the slowest rate is that of two wells, and there are {len(self.minima)}"
            raise CaseError(msg)
        return over_paths([self.rate(0, 1, law), self.rate(1, 0, law)])


def inertial_wells(
    landscape: Landscape, grid: Grid, friction: float, temperature: float, mass: float = 1.0
) -> InertialWells:
    """Find the wells of a landscape on a line, and what their escapes need.

    Parameters
    ----------
    landscape : Landscape
        With one coordinate.
    grid : Grid
        Its first axis is searched, from wall to wall; where an orbit at the height of a top meets
        no turning point before the wall, nothing comes back from there.
    friction : float
        g > 0, a rate: the force is ``-m g v``.
    temperature, mass : float
        T > 0 and m > 0.

    Raises
    ------
    CaseError
        On numbers that are not positive, a plane, a periodic line, or minima and tops that are
        not in turn or have no curvature.
    """
    for name, value in (("friction", friction), ("temperature", temperature), ("mass", mass)):
        if not (isfinite(value) and value > 0):
            msg = f"{name} is a positive number, got {value}"
            raise CaseError(msg, key=f"dynamics.{name}")
    if landscape.dim != 1 or grid.axes[0].periodic:
        msg = "wells in a row need a landscape on a line with walls; in a plane there is "
        msg += "langer_with_momentum"
        raise CaseError(msg, key="landscape")
    points = _points(landscape, grid)
    minima = tuple(p for p in points if p.kind == "minimum")
    walls = grid.axes[0].min, grid.axes[0].max
    found: dict[tuple[int, int], InertialEscape] = {}
    for top in (p for p in points if p.kind == "saddle"):
        right = sum(_x(m) < _x(top) for m in minima)
        orbits = [round_trip(landscape, points, top, side, walls, mass) for side in (-1, 1)]
        for here, there in ((right - 1, right), (right, right - 1)):
            if not 0 <= here < len(minima):
                continue
            own = orbits if here < there else orbits[::-1]
            found[here, there] = InertialEscape(
                minima[here].eigenvalues[0] / mass,
                -top.eigenvalues[0] / mass,
                top.loss - minima[here].loss,
                (own[0].action, own[1].action),
                friction,
                temperature,
                _caveat([orbit.minima for orbit in own], own[0].action),
            )
    return InertialWells(minima, found)


def _points(landscape: Landscape, grid: Grid) -> tuple[CriticalPoint, ...]:
    from fokkerplanck.grid import Grid as AnyGrid
    from fokkerplanck.landscapes.critical import critical_points

    found = critical_points(landscape, AnyGrid(grid.axes[:1]))
    points = tuple(sorted(found, key=_x))
    kinds = [p.kind for p in points]
    if not points or any(a == b for a, b in pairwise(kinds)):
        msg = "needs minima with a maximum between any two, between the walls"
        raise CaseError(msg, key="landscape")
    if degenerate(points):
        msg = "a minimum or maximum has no curvature"
        raise CaseError(msg, key="landscape")
    return points


def _caveat(minima: list[int], action: float) -> str:
    if not isfinite(action):
        return "the orbit at the top never turns on the side of the start"
    if minima[0] > 1:
        return "the orbit at the top visits another well on the side of the start"
    if minima[1] > 1:
        return "the orbit at the top visits more than one well beyond"
    return ""


def _x(point: CriticalPoint) -> float:
    return float(point.position[0])
