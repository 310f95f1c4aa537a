"""Arrivals of walkers: their mean time, and what those still on the way say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.ensemble import Ensemble
from fokkerplanck.ensemble_target import ARRIVED, LOST, WALKING, first_hits
from fokkerplanck.sampling import normal_quantile, student_quantile
from fokkerplanck.sets import PointSet

__all__ = ["Arrivals"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Times of those that arrived, and what became of the others.

    Parameters
    ----------
    times, lost_times : ndarray
        Of arrival at the target, and of absorption elsewhere.
    censored : int
        Walkers that were given up on the way.
    limit : float
        When.
    """

    times: Array
    lost_times: Array
    censored: int
    limit: float

    @classmethod
    def of(
        cls,
        ensemble: Ensemble,
        starts: Array,
        end: PointSet | None,
        steps: int,
        seed: int,
        longer: int,
        progress: Callable[[float], None] | None = None,
    ) -> Arrivals:
        """Let walkers go; `longer` multiplies the step of the plan."""
        step = ensemble.plan.step * longer
        walk = ensemble.walk(step, 1.0, seed)
        bridge = ensemble.plan.dynamics == "sde"
        grid = ensemble.problem.grid
        times, fate = first_hits(walk, starts, end, grid, steps, bridge=bridge, progress=progress)
        arrived, lost = fate == ARRIVED, fate == LOST
        gone = int((fate == WALKING).sum())
        return cls(times[arrived] * step, times[lost] * step, gone, steps * step)

    @property
    def lost(self) -> int:
        """Walkers that an absorbing wall took elsewhere."""
        return int(self.lost_times.size)

    def mean(self) -> tuple[float, float]:
        """Mean time and its standard error; by an exponential law where walkers were given up."""
        n = self.times.size
        if not self.censored:
            spread = float(self.times.std(ddof=1)) if n > 1 else float(self.times[0])
            return float(self.times.mean()), spread / sqrt(n)
        ends = n + self.lost
        spent = float(self.times.sum() + self.lost_times.sum() + self.censored * self.limit)
        return spent / ends, spent / ends / sqrt(ends)

    def interval(self, mean: float, error: float, confidence: float) -> tuple[float, float]:
        """Bounds of the mean: Student's, or for an exponential law symmetric in its logarithm."""
        if self.censored:
            away = float(np.exp(normal_quantile(confidence) * error / mean))
            return mean / away, mean * away
        away = student_quantile(confidence, max(self.times.size - 1, 1)) * error
        return mean - away, mean + away
