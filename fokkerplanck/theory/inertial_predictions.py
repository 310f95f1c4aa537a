"""Predictions for a particle with inertia: its rates by three laws, and its law in a parabola.

Pure functions of a landscape, the box that is searched, friction and temperature (mass 1), with the
quantities that cases name; what registers them knows how a case spells friction and temperature.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.escape_predictions import PASSAGE, RATES, SLOWEST, said
from fokkerplanck.theory.eyring_kramers import EscapeRate
from fokkerplanck.theory.klein_kramers import inertial_wells
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.prediction import Prediction, entry, invalid, is_index, unknown

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import Landscape

__all__ = ["INERTIAL", "inertial_passage", "inertial_process"]

Array = NDArray[np.float64]
STATIONARY = ("stationary.mean.i", "stationary.covariance.i.j", "stationary.entropy_production")
#: Relative change of the Hessian in the box that still is rounding.
ROUNDING = 1e-9


def _escape(
    landscape: Landscape,
    grid: Grid,
    friction: float,
    temperature: float,
    quantity: str,
    *,
    law: str,
) -> Prediction:
    """Slowest rate of two wells, or the rate between two neighbours, ``rates.rates.i.j``."""
    parts = quantity.split(".")
    matrix = len(parts) == 4 and ".".join([*parts[:2], "i", "j"]) in RATES
    if quantity not in SLOWEST and not matrix:
        raise unknown(quantity, law, (*SLOWEST, *RATES))
    try:
        wells = inertial_wells(landscape, grid, friction, temperature)
        if not matrix:
            return _said(wells.relaxation(law), SLOWEST[quantity])
        count = len(wells.minima)
        if not all(is_index(k, count) for k in parts[2:]):
            raise unknown(quantity, law, (*SLOWEST, *RATES))
        i, j = (int(k) % count for k in parts[2:])
        read = SLOWEST["spectrum.0" if parts[1] == "rates" else "spectrum_modes.log10_rates.0"]
        return _said(wells.rate(i, j, law), read)
    except CaseError as error:
        if error.key == "expect.quantity":
            raise
        return invalid(str(error))


def inertial_passage(
    landscape: Landscape,
    grid: Grid,
    friction: float,
    temperature: float,
    wells: tuple[int, int],
    field: str,
    *,
    law: str = "melnikov-meshkov",
) -> Prediction:
    """Predict a field of a first passage between the bottoms of two wells, such as ``"mean"``.

    See `InertialWells.passage`: with little friction the first passage is sooner than the change
    of wells.

    Parameters
    ----------
    landscape, grid
        A line, and the box that is searched.
    friction, temperature : float
    wells : tuple of int
        Numbers of the minima, by position, of start and target.
    field : str
        A key of `escape_predictions.PASSAGE`.
    law : str
        A key of `klein_kramers.LAWS`.

    Raises
    ------
    CaseError
        For a field that is not known.
    """
    if field not in PASSAGE:
        asked = f"passage.NAME.{field}"
        raise unknown(asked, law, [f"passage.NAME.{key}" for key in PASSAGE])
    try:
        found = inertial_wells(landscape, grid, friction, temperature).passage(*wells, law)
    except CaseError as error:
        return invalid(str(error))
    read = PASSAGE[field]
    return _said(found, lambda rate: read(-rate))


def inertial_process(
    landscape: Landscape, grid: Grid, friction: float, temperature: float
) -> OrnsteinUhlenbeck | str:
    """Find the linear process of ``(x, v)`` in a parabola; or say why there is none.

    Parameters
    ----------
    landscape : Landscape
        In one or two coordinates, with one minimum.
    grid : Grid
        Its first axes, one for each coordinate, are the box in which the loss must be a parabola.
    friction, temperature : float
        g and T: the noise on v is ``2 g T``.
    """
    from fokkerplanck.grid import Grid as AnyGrid

    n = landscape.dim
    points = AnyGrid(grid.axes[:n]).points().reshape(-1, n)
    hessians = landscape.hessian(points)
    h = hessians[0]
    if np.abs(hessians - h).max() > ROUNDING * np.abs(h).max():
        return "the loss is no parabola"
    if np.linalg.eigvalsh(h)[0] <= 0:
        return "the parabola has no minimum"
    centre = points[0] - np.linalg.solve(h, landscape.gradient(points[0]))
    zero, one = np.zeros((n, n)), np.eye(n)
    rate = np.block([[zero, -one], [h, friction * one]])
    diffusion = np.block([[zero, zero], [zero, friction * temperature * one]])
    return OrnsteinUhlenbeck(rate, diffusion, np.append(centre, np.zeros(n)))


def _limiting(
    landscape: Landscape, grid: Grid, friction: float, temperature: float, quantity: str
) -> Prediction:
    """Stationary moments of positions and velocities in a parabola, and their dissipation."""
    process = inertial_process(landscape, grid, friction, temperature)
    head, *rest = quantity.split(".")
    known: dict[str, Callable[[OrnsteinUhlenbeck], object]] = {
        "mean": lambda p: p.centre,
        "covariance": lambda p: p.stationary_covariance,
        "entropy_production": lambda p: (
            p.under_reversal(np.repeat([1.0, -1.0], landscape.dim)).entropy_production
        ),
    }
    if head != "stationary" or not rest or rest[0] not in known:
        raise unknown(quantity, "limiting-dynamics", STATIONARY)
    if isinstance(process, str):
        return invalid(process)
    value = known[rest[0]](process)
    return Prediction(entry(value, rest[1:], quantity, "limiting-dynamics", STATIONARY))


def _said(found: EscapeRate, read: Callable[[float], float]) -> Prediction:
    return said((found.log_rate, found.barrier, found.caveat), read)


#: Name in a case file -> formula, called with (landscape, grid, friction, temperature, quantity).
INERTIAL: dict[str, Callable[[Any, Any, float, float, str], Prediction]] = {
    "kramers-grote-hynes": partial(_escape, law="kramers-grote-hynes"),
    "melnikov-meshkov": partial(_escape, law="melnikov-meshkov"),
    "energy-diffusion": partial(_escape, law="energy-diffusion"),
    "limiting-dynamics": _limiting,
}
