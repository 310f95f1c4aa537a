"""From a checked case of heavy-tailed noise to its problem and its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case import build
from fokkerplanck.case.build import located
from fokkerplanck.case.models import Case
from fokkerplanck.case.noise_tables import LevyNoise
from fokkerplanck.case.sgd_tables import settings

if TYPE_CHECKING:
    from fokkerplanck.levy import Levy

__all__ = ["levy", "levy_start", "strength"]

Array = NDArray[np.float64]


def levy(case: Case) -> Levy:
    """Make the problem of a case of heavy-tailed noise.

    Raises
    ------
    CaseError
        A grid or a landscape that is not one for long jumps.
    DataError
        If a file of the case cannot be read.
    """
    from fokkerplanck.landscapes.decay import decayed
    from fokkerplanck.levy import Levy

    noise = case.noise
    assert isinstance(noise, LevyNoise)
    space = build.grid(case)
    with located(case, "landscape"):
        loss = build.landscape(case)
    with located(case, ""):
        decay = 0.0 if case.sgd is None else case.sgd.weight_decay
        made = Levy(
            space,
            decayed(loss, decay) if decay else loss,
            noise.alpha,
            strength(case),
            noise.temperature,
            noise.outside,
        )
        made.at(space.shape[0])  # fails here, before any output is touched
    return made


def strength(case: Case) -> float:
    r"""Scale of the jumps: as given, or that of SGD.

    A step ``w -= eta (grad f + sigma S)`` with S of a stable law is one of :math:`dw = -\nabla f
    dt + \eta^{(\alpha - 1) / \alpha} \sigma dL` in the time eta.

    References
    ----------
    U. Simsekli, L. Sagun and M. Gurbuzbalaban, ICML 2019, eq. (6).
    """
    noise, sgd = case.noise, settings(case)
    assert isinstance(noise, LevyNoise)
    if noise.scale is not None:
        return noise.scale
    assert sgd is not None
    assert noise.sigma is not None
    return float(noise.sigma * sgd.learning_rate ** ((noise.alpha - 1.0) / noise.alpha))


def levy_start(case: Case, problem: Levy) -> Array:
    """Make the initial density on the cells, shape (n,), of mass 1; see `build.initial`.

    A point is shared by its two neighbours, so that the mean is where it should be.
    """
    if case.initial is not None and case.initial.kind == "delta":
        axis = problem.grid.axes[0]
        x, h = axis.centres, axis.spacing
        at = np.clip(case.initial.mean[0], x[0], x[-1])
        return np.asarray(np.maximum(0.0, 1.0 - np.abs(x - at) / h) / h)
    if case.initial is not None and case.initial.kind == "stationary":
        from fokkerplanck.levy_density import levy_stationary

        with located(case, "initial"):
            found = levy_stationary(problem).density
            return np.asarray(found / problem.grid.integrate(found))
    return build.initial(case, problem)
