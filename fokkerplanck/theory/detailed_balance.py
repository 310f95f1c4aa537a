"""Reading a heat bath off a problem: one temperature, and a mobility that fits the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["Bath", "bath"]

Array = NDArray[np.float64]
#: Relative mismatch below which a drift is one of detailed balance.
ROUNDING = 1e-9


class Bath(NamedTuple):
    """Constant noise in detailed balance: ``D = T M``, drift ``-M grad L``."""

    temperature: float
    mobility: Array


def bath(problem: Problem, *, isotropic: bool) -> Bath | str:
    """Find temperature and mobility of a problem; or say why it has none.

    With noise D and drift f, ``f = -D grad L / T`` must hold everywhere for one T. A drift
    ``-grad L`` under constant noise that is not isotropic does not obey it.

    Parameters
    ----------
    problem : Problem
    isotropic : bool
        Whether the drift must be ``-grad L`` itself.
    """
    if problem.schedule is not None:
        return "the diffusion follows a schedule"
    if any(wall == "absorbing" for pair in problem.grid.walls for wall in pair):
        return "a wall absorbs"
    dim = problem.grid.dim
    d = problem.diffusion().reshape(-1, dim, dim)
    if np.ptp(d, axis=0).max() > 1e-12 * np.abs(d).max():
        return "the diffusion is not constant"
    fields = problem.fields()
    gradient = fields.gradient.reshape(-1, dim)
    drift = -gradient if fields.force is None else fields.force.reshape(-1, dim) - gradient
    pull = -gradient @ d[0]
    inverse = float((pull * drift).sum() / (pull * pull).sum())
    if inverse <= 0 or np.abs(drift - inverse * pull).max() > ROUNDING * np.abs(drift).max():
        return "no detailed balance: the drift is not -M grad L with noise T M"
    if isotropic and np.abs(d[0] * inverse - np.eye(dim)).max() > ROUNDING:
        return "needs drift -grad L and isotropic noise"
    return Bath(1 / inverse, d[0] * inverse)
