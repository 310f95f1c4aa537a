"""Passages of a case between wells, from the rates between these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.case_line import set_of
from fokkerplanck.theory.wells import Wells, chain_log_time

if TYPE_CHECKING:
    from fokkerplanck.landscapes.critical import CriticalPoint
    from fokkerplanck.problem import Problem
    from fokkerplanck.sets import PointSet

__all__ = ["WellRates", "well_passage"]

Array = NDArray[np.float64]
#: Targets nearer to a saddle than this many widths of its distribution touch it too early.
TOUCH = 2.0


@dataclass(frozen=True, eq=False)
class WellRates:
    """Rates between wells in the limit of small noise.

    Parameters
    ----------
    logs : ndarray, shape (wells, wells)
        Natural logarithms of the rates; -inf where no saddle leads.
    lowest : callable
        Lowest climb out of any of the wells with the given numbers.
    noise : callable
        Diffusion at a saddle, along its way down.
    even : bool
        Whether half of all paths return from the border of two basins.
    """

    logs: Array
    lowest: Callable[[Sequence[int]], float]
    noise: Callable[[CriticalPoint], float]
    even: bool


def well_passage(
    problem: Problem, table: Any, wells: Wells, rates: WellRates
) -> tuple[float, float] | str:
    """Logarithm of the mean time of a passage and the lowest climb on the way; or what is wrong.

    Parameters
    ----------
    problem : Problem
    table : PassageTable
        A ``[[passage]]`` of a case.
    wells : Wells
    rates : WellRates
    """
    if isinstance(table.to, str):
        return "the target is a wall"
    start = _start_well(problem, table.from_, wells)
    if isinstance(start, str):
        return start
    target, border = set_of(problem, table.to), table.to.basin is not None
    held = [k for k, m in enumerate(wells.minima) if _holds(target, m.position, problem)]
    if not held or start in held:
        return "the target must hold a minimum, and not that of the start"
    if border and not rates.even:
        return "with this tensor the border of a basin is not where half of all paths return"
    for saddle, a, b in wells.ways:
        crossed = (a in held) != (b in held)
        if crossed and not border and _touches(problem, target, saddle, rates.noise(saddle)):
            return "the target reaches up to a saddle, which is touched in less time"
    logs = rates.logs.copy()
    passed = [k for k in range(len(wells.minima)) if k not in held]
    if border:  # half of all paths return from the ridge, so it is touched twice as often
        logs[np.ix_(passed, held)] += log(2.0)
    return chain_log_time(logs, start, held), rates.lowest(passed)


def _start_well(problem: Problem, table: Any, wells: Wells) -> int | str:
    """Find the number of the minimum that a start belongs to; or say what is wrong."""
    from fokkerplanck import sets

    part = set_of(problem, table)
    held = [k for k, m in enumerate(wells.minima) if _holds(part, m.position, problem)]
    if len(held) > 1:
        return "the start holds more than one minimum"
    if held:
        return held[0]
    point = part.representative()
    for k, minimum in enumerate(wells.minima):
        basin = sets.Basin(minimum.position, problem.landscape)
        if point is not None and _holds(basin, point, problem):
            return k
    return "the start is in no well"


def _holds(part: PointSet, point: Array, problem: Problem) -> bool:
    return bool(part.contains(point[None], problem.grid)[0])


def _touches(problem: Problem, target: PointSet, saddle: CriticalPoint, noise: float) -> bool:
    """Whether a target comes within two widths of a saddle, along the way down."""
    values, vectors = np.linalg.eigh(saddle.hessian)
    reach = TOUCH * np.sqrt(noise / abs(values[0]))
    steps = np.linspace(-reach, reach, 65)[:, None]
    return bool(target.contains(saddle.position + steps * vectors[:, 0], problem.grid).any())
