"""Masses under long jumps in time, by exponentials of the whole generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.levy_generator import LevyGenerator

__all__ = ["MOST", "levy_masses"]

Array = NDArray[np.float64]
#: Most nodes whose exponential is taken: some seconds for each length of step.
MOST = 2048
#: Lengths of steps that differ by less, relatively, are one.
SAME = 1e-9


def levy_masses(
    generator: LevyGenerator, start: Array, times: Sequence[float]
) -> tuple[Array, Array]:
    r"""Masses :math:`e^{t Q^T} P` at increasing times, and their L1 errors.

    Parameters
    ----------
    generator : LevyGenerator
        On at most `MOST` nodes.
    start : ndarray, shape (n,)
    times : sequence of float
        Increasing, the first at least 0; steps of equal length share one exponential.

    Returns
    -------
    ndarray, shape (times, n)
    ndarray, shape (times,)
        What rounding took from columns of the exponentials, which sum to 1 with the killed.

    Raises
    ------
    NumericalError
        When masses are not finite.
    """
    columns = _with_the_killed(generator)
    found, errors = [], []
    p, now, error = np.append(start, 0.0), 0.0, 0.0
    length, step, defect = 0.0, np.eye(len(p)), 0.0
    for time in times:
        dt = time - now
        if dt > 0.0:
            if not abs(dt - length) <= SAME * dt:
                length, step = dt, expm(dt * columns)
                defect = float(np.abs(step.sum(axis=0) - 1.0).max())
            p, now, error = step @ p, time, error + defect
        if not np.isfinite(p).all():
            msg = f"the exponential of the generator overflows at time {time:.4g}"
            raise NumericalError(msg)
        found.append(p[:-1])
        errors.append(error)
    return np.array(found), np.array(errors)


def _with_the_killed(generator: LevyGenerator) -> Array:
    """``Q^T`` with one more state, where the killed stay; columns sum to 0."""
    n = generator.nodes
    q = np.zeros((n + 1, n + 1))
    q[:n, :n] = generator.dense().T
    if "killed" in generator.outside:
        q[n, :n] = -q[:n, :n].sum(axis=0)
    return q
