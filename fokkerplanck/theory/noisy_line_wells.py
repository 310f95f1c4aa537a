"""Wells in a row under noise that varies: escape in any reading, by exact climbs."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.theory.case_line import line_process
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.line_wells import LineWells, line_points
from fokkerplanck.theory.varying_noise import varying_noise_log_time

if TYPE_CHECKING:
    from fokkerplanck.landscapes.critical import CriticalPoint
    from fokkerplanck.problem import Problem

__all__ = ["NoisyLineWells"]


@dataclass(frozen=True, eq=False)
class NoisyLineWells(LineWells):
    """As `LineWells`, but for a noise D(x); everything temperatures say there, climbs say here.

    Parameters
    ----------
    process : LineProcess
        Drift and noise, whose climbs ``int -f / D dx`` are found by quadrature.
    published : bool
        Whether rates are those of the Hanggi-Klimontovich reading, whatever that of the process.
    """

    process: LineProcess
    published: bool = False

    @classmethod
    def at(cls, problem: Problem, *, published: bool = False) -> NoisyLineWells | str:
        """Find the wells of a problem on a line; or say what is wrong with them."""
        found, process = line_points(problem), line_process(problem)
        if isinstance(found, str):
            return found
        if isinstance(process, str):
            return process
        axis = problem.grid.axes[0]
        walls = (axis.min, axis.max)
        return cls(problem.landscape, walls, *found, nan, False, process, published)

    def noise_at(self, point: CriticalPoint) -> float:
        """D at a minimum or top."""
        d = self.process.diffusion
        return float(d(point.position)[0] if callable(d) else d)

    def _log_rate(self, minimum: CriticalPoint, top: CriticalPoint) -> float:
        climb = self._climb(float(minimum.position[0]), float(top.position[0]))
        noise = self.noise_at(minimum), self.noise_at(top)
        kappa = 0.0 if self.published else self.process.kappa
        return -varying_noise_log_time(minimum.hessian, top.hessian, noise, climb, kappa)

    def _width(self, top: CriticalPoint) -> float:
        return sqrt(self.noise_at(top) / abs(float(top.eigenvalues[0])))

    def _climb(self, low: float, high: float) -> float:
        inside = np.clip([low, high], self.process.low, self.process.high)
        return self.process.climb(float(inside[0]), float(inside[1]))
