"""Reading a linear process off a problem, and the start of a case as two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem
    from fokkerplanck.sgd_settings import SGD

__all__ = ["initial_moments", "linear_process", "snapshot_times"]

Array = NDArray[np.float64]

#: A drift this close to a linear one, relative to its largest value, is linear.
ROUNDING = 1e-10


def linear_process(problem: Problem) -> tuple[OrnsteinUhlenbeck | None, str]:
    """Find A, mu and D of a problem whose drift is ``-A (x - mu)`` and whose D is constant.

    Returns
    -------
    process : OrnsteinUhlenbeck or None
    fault : str
        Why there is none: the drift is not linear on the half lattice, D varies or follows a
        schedule, or A is singular (no centre).
    """
    if problem.schedule is not None:
        return None, "the diffusion follows a schedule"
    fields, dim = problem.fields(), problem.grid.dim
    d = fields.diffusion.reshape(-1, dim, dim)
    if np.ptp(d, axis=0).max() > 1e-12 * np.abs(d).max():
        return None, "the diffusion is not constant"
    x = problem.grid.half_points().reshape(-1, dim)
    f = fields.drift().reshape(-1, dim)
    design = np.column_stack([x, np.ones(len(x))])
    # normal equations: the lattice is well conditioned, and may hold millions of points
    found = np.linalg.solve(design.T @ design, design.T @ f)
    if np.abs(design @ found - f).max() > ROUNDING * max(np.abs(f).max(), 1e-300):
        return None, "the drift is not linear"
    rate, constant = -found[:dim].T, found[dim]
    if np.linalg.cond(rate) > 1 / ROUNDING:
        return None, "the linear drift has no centre"
    return OrnsteinUhlenbeck(rate, d[0], np.linalg.solve(rate, constant)), ""


def initial_moments(case: Any, dim: int) -> tuple[Array, Array]:
    """Mean and covariance of the start of a case: a normal density or a point.

    Raises
    ------
    CaseError
        For any other start.
    """
    start = case.initial
    kind = getattr(start, "kind", None)
    if kind not in ("gaussian", "delta"):
        msg = f"this prediction starts from a gaussian or a delta, got {kind}"
        raise CaseError(msg, key="initial.kind")
    mean = np.atleast_1d(np.asarray(start.mean, dtype=np.float64))
    if kind == "delta":
        return mean, np.zeros((dim, dim))
    if start.covariance is not None:
        return mean, np.atleast_2d(np.asarray(start.covariance, dtype=np.float64))
    return mean, np.diag(np.broadcast_to(np.asarray(start.std, dtype=np.float64) ** 2, (dim,)))


def snapshot_times(case: Any, sgd: SGD | None) -> Array:
    """List the times of the snapshots of a case; empty when it does not evolve."""
    if case.evolve is None:
        return np.empty(0)
    given = case.evolve.times
    if hasattr(given, "start"):
        space = np.geomspace if given.spacing == "log" else np.linspace
        listed = np.asarray(space(given.start, given.stop, given.count))
    else:
        listed = np.asarray(given, dtype=np.float64)
    unit = getattr(given, "unit", None) or getattr(case.evolve, "unit", None) or "time"
    return listed if sgd is None else sgd.time(listed, unit)
