"""Masses under long jumps in time: extrapolated implicit steps, whose systems need no matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from fokkerplanck.solvers.extrapolation import COLUMNS, Extrapolation
from fokkerplanck.solvers.levy_generator import LevyGenerator
from fokkerplanck.solvers.levy_solve import LevySystem

__all__ = ["levy_masses"]

Array = NDArray[np.float64]
#: Numbers in the factors of all steps that are kept for the next ones.
KEPT = 3e7


def levy_masses(
    generator: LevyGenerator,
    coarse: LevyGenerator,
    start: Array,
    times: Sequence[float],
    tolerance: float,
) -> tuple[Array, Array]:
    r"""Masses :math:`e^{t Q^T} P` at increasing times, and the L1 errors of integration.

    Parameters
    ----------
    generator, coarse : LevyGenerator
        See `LevySystem`.
    start : ndarray, shape (n,)
    times : sequence of float
        Increasing, the first at least 0.
    tolerance : float
        L1 error over all times.

    Returns
    -------
    ndarray, shape (times, n)
    ndarray, shape (times,)
        Estimates of the errors until then.

    Raises
    ------
    NumericalError
        When steps do not meet the tolerance, or a system could not be solved.
    """
    steps = _JumpSteps(generator, coarse)
    found, errors = [], []
    p, now, error = start, 0.0, 0.0
    for time in times:
        if time > now:
            share = tolerance / len(times)
            p, added = steps.advance(p, time - now, share)
            now, error = time, error + added
        found.append(p)
        errors.append(error)
    return np.array(found), np.array(errors)


@dataclass(frozen=True, eq=False)
class _Step:
    """One implicit step, ``(1 - dt Q^T)^{-1}``."""

    system: LevySystem

    def solve(self, p: Array) -> Array:
        return self.system.solve(self.system.shift * p)[0]


class _JumpSteps(Extrapolation):
    """Extrapolated implicit Euler steps with the systems of `LevySystem`."""

    def __init__(self, generator: LevyGenerator, coarse: LevyGenerator) -> None:
        n = generator.nodes
        super().__init__(csc_array((n, n)), "killed" not in generator.outside)
        self.generator, self.coarse = generator, coarse
        self._steps: dict[float, _Step] = {}
        self._most = max(COLUMNS, int(KEPT / min(n, coarse.nodes * 4) ** 2))

    def _factor(self, dt: float) -> _Step:  # type: ignore[override]
        step = self._steps.get(dt)
        if step is None:
            if len(self._steps) >= self._most:
                self._steps.clear()
            step = _Step(LevySystem(self.generator, self.coarse, True, shift=1.0 / dt))
            self._steps[dt] = step
        return step
