"""Predictions about escape under heavy-tailed noise: exact without drift, and for weak noise."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log10
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.case_line import line_way
from fokkerplanck.theory.levy import (
    NARROW,
    getoor_time,
    levy_exit_side,
    levy_exit_time,
    levy_landing_quantile,
    levy_ou_scale,
    levy_well_rates,
)
from fokkerplanck.theory.prediction import Prediction, invalid, is_index, passage_asked, unknown

if TYPE_CHECKING:
    from fokkerplanck.levy import Levy
    from fokkerplanck.sgd_settings import SGD

    Subject = tuple[Levy, SGD | None]

__all__ = ["LEVY_ESCAPES", "LevyWells"]

Array = NDArray[np.float64]
#: A slope of the loss below this part of what jumps do in a cell is none.
FLAT = 1e-12
#: From a mean time: what is known of it.
TIMES: dict[str, Callable[[float], float]] = {
    "mean": lambda t: t,
    "log10_mean": log10,
    "rate": lambda t: 1.0 / t,
    "log10_rate": lambda t: -log10(t),
}
#: The same of a time that is distributed exponentially.
EXPONENTIAL: dict[str, Callable[[float], float]] = {
    **TIMES,
    "variance": lambda t: t**2,
    "log10_variance": lambda t: 2.0 * log10(t),
}
#: What is known of walkers beyond one wall: their share, and quantiles of the overshoot.
LANDING = {"probability": 1.0, "jump": 1.0} | {
    f"overshoot.{k}": share for k, share in enumerate((0.05, 0.25, 0.5, 0.75, 0.95))
}
CHAIN = (
    *(f"passage.NAME.{key}" for key in EXPONENTIAL),
    *("rates.rates.i.j", "rates.log10_rates.i.j", "spectrum.k"),
)


class LevyWells(NamedTuple):
    """Wells of a loss on a line, in order, and the maxima between them."""

    minima: Array
    curvatures: Array
    maxima: Array

    @classmethod
    def of(cls, problem: Levy) -> LevyWells | str:
        """Find them; or say what is wrong."""
        from fokkerplanck.landscapes.critical import critical_points

        points = critical_points(problem.landscape, problem.grid)
        found = sorted(points, key=lambda p: float(p.position[0]))
        wells = [p for p in found if p.kind == "minimum"]
        tops = [float(p.position[0]) for p in found if p.kind != "minimum"]
        if not wells:
            return "needs a loss with a minimum"
        m = np.array([float(p.position[0]) for p in wells])
        inner = np.array([x for x in tops if m[0] < x < m[-1]])
        if len(inner) != len(m) - 1:
            return "needs one maximum between two minima"
        return cls(m, np.array([float(p.eigenvalues[0]) for p in wells]), inner)

    def doubt(self, problem: Levy, edges: Array) -> str:
        """Say so where the law in a well is no narrow one beside the way to its edge."""
        if problem.temperature > 0.0:
            return "Gaussian noise beside the jumps is not in it"
        distance = np.abs(edges[None, :] - self.minima[:, None]).min(axis=1)
        if not (self.curvatures > 0.0).all():
            return "a minimum has no curvature"
        widths = [levy_ou_scale(problem.alpha, problem.scale, k) for k in self.curvatures]
        part = float((np.array(widths) / distance).max())
        if part <= NARROW:
            return ""
        return f"weak noise wanted: the law in a well is {part:.2g} of the way to its edge wide"


def _getoor(subject: Subject, case: Any, quantity: str) -> Prediction:
    """Mean exit time from an interval without any drift, and where jumps land: exact."""
    asked, problem = passage_asked(case, quantity), subject[0]
    side, _, of_side = asked[1].removeprefix("landing.sides.").partition(".") if asked else [""] * 3
    landing = side in ("left wall", "right wall")
    if not asked or not (asked[1] in TIMES or (landing and of_side in LANDING)):
        known = [*TIMES, *(f"landing.sides.right wall.{key}" for key in LANDING)]
        raise unknown(quantity, "getoor", [f"passage.NAME.{key}" for key in known])
    axis = problem.grid.axes[0]
    slope = np.abs(problem.landscape.gradient(problem.nodes[:, None])).max()
    if slope > FLAT * (problem.scale / axis.spacing) ** problem.alpha * axis.spacing:
        return invalid("Getoor's time is that of jumps alone: needs a flat loss, 0*x")
    if problem.temperature > 0.0 or set(axis.walls) != {"absorbing"}:
        return invalid("needs noise.temperature = 0, and two walls that absorb")
    start = line_way(problem, asked[0])
    if isinstance(start, str) or start.target is not None or np.ptp(start.start) > 0.0:
        return invalid('needs a passage from a point to "walls"')
    radius, middle = 0.5 * (axis.max - axis.min), 0.5 * (axis.max + axis.min)
    from_middle = start.start[0] - middle
    if landing:
        if problem.alpha == 2.0:
            return invalid("needs alpha below 2: without jumps all ends on the walls")
        x = from_middle / radius if side == "right wall" else -from_middle / radius
        return Prediction(_beyond_wall(problem.alpha, float(x), radius, of_side))
    time = getoor_time(from_middle, problem.alpha, radius=radius, scale=problem.scale)
    return Prediction(TIMES[asked[1]](float(time)))


def _beyond_wall(alpha: float, x: float, radius: float, key: str) -> float:
    """Jumps from x in (-1, 1) that land beyond 1: their share, or a quantile of the overshoot."""
    if key in ("probability", "jump"):
        return float(levy_exit_side(x, alpha))
    return levy_landing_quantile(LANDING[key], alpha, start=x * radius, radius=radius)


def _exit(subject: Subject, case: Any, quantity: str) -> Prediction:
    """One jump out of a well, over absorbing walls or into a set, for weak noise."""
    asked, problem = passage_asked(case, quantity), subject[0]
    if not asked or asked[1] not in EXPONENTIAL:
        raise unknown(quantity, "levy-exit", [f"passage.NAME.{key}" for key in EXPONENTIAL])
    wells, way = LevyWells.of(problem), line_way(problem, asked[0])
    if isinstance(wells, str) or isinstance(way, str):
        return invalid(wells if isinstance(wells, str) else str(way))
    if len(wells.minima) != 1:
        return invalid(f"needs one minimum, found {len(wells.minima)}: see levy-transition")
    if problem.alpha == 2.0:
        return invalid("needs alpha below 2: there are no long jumps")
    m, axis = float(wells.minima[0]), problem.grid.axes[0]
    if way.target is None:
        killed = [fate == "killed" for fate in problem.fates]
        left = m - axis.min if killed[0] else inf
        right = axis.max - m if killed[1] else inf
    else:
        if "absorbing" in axis.walls:
            return invalid("walls that absorb compete with the target")
        near, far = _beyond(problem, way.target)
        left, right = (m - far, inf) if far < m else (inf, near - m)
        if near > axis.min and far < np.inf and near > -np.inf:
            return invalid("needs a target that reaches to a wall")
    law = levy_exit_time(
        problem.alpha, problem.scale, left, right, curvature=float(wells.curvatures[0])
    )
    note = law.note or wells.doubt(problem, m + np.array([-left, right]))
    return Prediction(EXPONENTIAL[asked[1]](law.value), not note, note)


def _transition(subject: Subject, case: Any, quantity: str) -> Prediction:
    """Chain of wells in which one jump leads from any to any other, for weak noise."""
    problem, parts = subject[0], quantity.split(".")
    asked, wells = passage_asked(case, quantity), LevyWells.of(problem)
    matrix = len(parts) == 4 and parts[0] == "rates" and parts[1] in ("rates", "log10_rates")
    mode = len(parts) == 2 and parts[0] == "spectrum"
    if not (asked and asked[1] in EXPONENTIAL) and not matrix and not mode:
        raise unknown(quantity, "levy-transition", CHAIN)
    if isinstance(wells, str) or len(wells.minima) < 2:
        return invalid(wells if isinstance(wells, str) else "needs two minima: see levy-exit")
    if problem.alpha == 2.0 or set(problem.fates) != {"stopped"}:
        return invalid('needs alpha below 2, and walls where jumps are "stopped"')
    rates = levy_well_rates(wells.minima, wells.maxima, problem.alpha, problem.scale)  # type: ignore[arg-type]
    note, count = wells.doubt(problem, wells.maxima), len(wells.minima)
    if matrix or mode:
        if not all(is_index(k, count - mode) for k in parts[1 + matrix :]):
            raise unknown(quantity, "levy-transition", CHAIN)
        if mode:
            value = float(np.sort(np.linalg.eigvals(-rates).real)[1:][int(parts[1])])
        else:
            rate = float(rates[int(parts[2]), int(parts[3])])
            value = rate if parts[1] == "rates" else log10(rate)
        return Prediction(value, not note, note)
    assert asked is not None
    time = _chain_time(problem, asked[0], wells, rates)
    if isinstance(time, str):
        return invalid(time)
    return Prediction(EXPONENTIAL[asked[1]](time), not note, note)


def _chain_time(problem: Levy, table: Any, wells: LevyWells, rates: Array) -> float | str:
    """Mean time of the chain from the well of the start to those inside the target."""
    way = line_way(problem, table)
    if isinstance(way, str) or way.target is None:
        return way if isinstance(way, str) else "the target is a wall"
    low, high = _beyond(problem, way.target)
    inside = (low <= wells.minima) & (wells.minima <= high)
    start = int(np.searchsorted(wells.maxima, 0.5 * sum(way.start)))
    if not inside.any() or inside[start]:
        return "needs a target with a minimum inside, other than that of the start"
    left = np.flatnonzero(~inside)
    times = np.linalg.solve(-rates[np.ix_(left, left)], np.ones(len(left)))
    return float(times[left == start][0])


def _beyond(problem: Levy, target: tuple[float, float]) -> tuple[float, float]:
    """Find the ends of a target; one at a wall that stops jumps has no end."""
    axis, (low, high) = problem.grid.axes[0], target
    stopped = [fate == "stopped" for fate in problem.fates]
    tiny = 1e-9 * (axis.max - axis.min)
    return (
        -inf if stopped[0] and low <= axis.min + tiny else low,
        inf if stopped[1] and high >= axis.max - tiny else high,
    )


#: Name in a case file -> formula, called with ((problem, sgd), case, quantity).
LEVY_ESCAPES: dict[str, Callable[[Any, Any, str], Prediction]] = {
    "getoor": _getoor,
    "levy-exit": _exit,
    "levy-transition": _transition,
}
