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
    from fokkerplanck.grid import Axis, Grid
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.levy import Levy
    from fokkerplanck.levy_plane import PlaneLevy

__all__ = ["levy", "levy_start", "strength"]

Array = NDArray[np.float64]


def levy(case: Case) -> Levy | PlaneLevy:
    """Make the problem of a case of heavy-tailed noise, on a line or in the plane.

    Raises
    ------
    CaseError
        A grid or a landscape that is not one for long jumps.
    DataError
        If a file of the case cannot be read.
    """
    from fokkerplanck.landscapes.decay import decayed

    space = build.grid(case)
    with located(case, "landscape"):
        loss = build.landscape(case)
    with located(case, ""):
        decay = 0.0 if case.sgd is None else case.sgd.weight_decay
        loss = decayed(loss, decay) if decay else loss
        # fails here, before any output is touched
        return _on_line(case, space, loss) if space.dim == 1 else _in_plane(case, space, loss)


def _on_line(case: Case, space: Grid, loss: Landscape) -> Levy:
    from fokkerplanck.levy import Levy

    noise, scale = case.noise, strength(case)
    assert isinstance(noise, LevyNoise)
    assert isinstance(scale, float)
    made = Levy(space, loss, noise.alpha, scale, noise.temperature, noise.outside)
    made.at(space.shape[0])
    return made


def _in_plane(case: Case, space: Grid, loss: Landscape) -> PlaneLevy:
    from fokkerplanck.levy_plane import PlaneLevy

    noise = case.noise
    assert isinstance(noise, LevyNoise)
    made = PlaneLevy(
        space,
        loss,
        noise.alpha,
        strength(case),
        noise.temperature,
        noise.components or "isotropic",
        noise.outside,
    )
    made.generator()
    return made


def strength(case: Case) -> float | tuple[float, float]:
    r"""Scale of the jumps, or a pair of independent ones: as given, or that of SGD.

    A step ``w -= eta (grad f + sigma S)`` with S of a stable law is one of :math:`dw = -\nabla f
    dt + \eta^{(\alpha - 1) / \alpha} \sigma dL` in the time eta.

    References
    ----------
    U. Simsekli, L. Sagun and M. Gurbuzbalaban, ICML 2019, eq. (6).
    """
    noise, sgd = case.noise, settings(case)
    assert isinstance(noise, LevyNoise)
    if isinstance(noise.scale, tuple):
        x, y = noise.scale
        return x, y
    if noise.scale is not None:
        return noise.scale
    assert sgd is not None
    assert noise.sigma is not None
    return float(noise.sigma * sgd.learning_rate ** ((noise.alpha - 1.0) / noise.alpha))


def levy_start(case: Case, problem: Levy | PlaneLevy) -> Array:
    """Make the initial density on the cells, shape (*shape,), of mass 1; see `build.initial`.

    A point is shared by its neighbours, so that the mean is where it should be.
    """
    if case.initial is not None and case.initial.kind == "delta":
        parts = [
            _shared(axis, c) for axis, c in zip(problem.grid.axes, case.initial.mean, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.multiply.outer(*parts)
    if case.initial is not None and case.initial.kind == "stationary":
        with located(case, "initial"):
            return _stationary(problem)
    return build.initial(case, problem)


def _shared(axis: Axis, place: float) -> Array:
    x, h = axis.centres, axis.spacing
    at = np.clip(place, x[0], x[-1])
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(x - at) / h) / h)


def _stationary(problem: Levy | PlaneLevy) -> Array:
    from fokkerplanck.levy_density import levy_stationary

    found = np.maximum(levy_stationary(problem).density, 0.0)
    return np.asarray(found / problem.grid.integrate(found))
