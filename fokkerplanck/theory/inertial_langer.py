"""Langer's law with momentum: escape with inertia over saddles in any number of dimensions."""

from __future__ import annotations

from math import isfinite, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.eyring_kramers import Critical, EscapeRate, over_paths
from fokkerplanck.theory.wells import degenerate, find_wells

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import Landscape

__all__ = ["langer_rates", "langer_with_momentum"]

Array = NDArray[np.float64]


def langer_rates(
    landscape: Landscape, grid: Grid, friction: ArrayLike, temperature: float
) -> dict[tuple[int, int], EscapeRate]:
    """Rates between all wells that share a saddle, by `langer_with_momentum`.

    Parameters
    ----------
    landscape : Landscape
        In one or two coordinates; the mass is 1.
    grid : Grid
        The box that is searched for minima and saddles.
    friction : array_like
        G, a number or a symmetric positive definite matrix.
    temperature : float
        T > 0.

    Returns
    -------
    dict
        (i, j) -> the rate from minimum i to minimum j over all their saddles; minima are numbered
        by position, as everywhere.

    Raises
    ------
    CaseError
        As `langer_with_momentum`; and for minima or saddles without curvature.
    """
    if not (isfinite(temperature) and temperature > 0):
        msg = f"temperature is a positive number, got {temperature}"
        raise CaseError(msg, key="dynamics.temperature")
    wells = find_wells(landscape, grid)
    if wells.ways and degenerate((*wells.minima, *(saddle for saddle, *_ in wells.ways))):
        msg = "a minimum or saddle has a direction without curvature"
        raise CaseError(msg, key="landscape")
    found: dict[tuple[int, int], list[EscapeRate]] = {}
    for saddle, a, b in wells.ways:
        for i, j in ((a, b), (b, a)):
            rate = langer_with_momentum(wells.minima[i], saddle, temperature, friction)
            found.setdefault((i, j), []).append(rate)
    return {way: over_paths(rates) for way, rates in sorted(found.items())}


def langer_with_momentum(
    minimum: Critical, saddle: Critical, temperature: float, friction: ArrayLike
) -> EscapeRate:
    """Escape with inertia in any number of dimensions, at moderate to strong friction.

    ``k = lambda_+ / (2 pi) sqrt(det H_a / |det H_b|) e^{-Delta L / T}``, where ``lambda_+`` is the
    positive eigenvalue of ``[[0, 1], [-H_b, -G]]``, the rate at which paths leave the saddle. For
    weak friction nothing is known in more than one dimension, and nothing is said of it here.

    Parameters
    ----------
    minimum, saddle : CriticalPoint
        Anything with a ``loss`` and a ``hessian``; the mass is 1.
    temperature : float
        T > 0, the same for all velocities: the noise on them is ``2 T G``.
    friction : array_like
        G, a number or a symmetric positive definite matrix of shape (n, n).

    Raises
    ------
    CaseError
        On a friction that is not, or points of another kind.

    References
    ----------
    J. S. Langer, Ann. Phys. 54 (1969) 258.
    """
    well, top = (np.atleast_2d(np.asarray(p.hessian, dtype=np.float64)) for p in (minimum, saddle))
    g = np.asarray(friction, dtype=np.float64)
    g = g * np.eye(len(well)) if g.ndim == 0 else g
    if g.shape != well.shape or np.abs(g - g.T).max() > 1e-12 * np.abs(g).max():
        msg = f"the friction is a number or a symmetric matrix of shape {well.shape}, got {g.shape}"
        raise CaseError(msg)
    if np.linalg.eigvalsh(g)[0] <= 0:
        msg = "the friction must be positive definite"
        raise CaseError(msg)
    signs = np.linalg.eigvalsh(top)
    if np.linalg.eigvalsh(well)[0] <= 0 or not (signs[0] < 0 and (signs[1:] > 0).all()):
        msg = "an escape starts at a minimum and passes a saddle with one direction down"
        raise CaseError(msg)
    barrier = (saddle.loss - minimum.loss) / temperature
    dets = np.linalg.slogdet(well)[1] - np.linalg.slogdet(top)[1]
    rate = log(_leaving(top, g) / (2 * pi)) + 0.5 * float(dets) - barrier
    return EscapeRate(rate, barrier)


def _leaving(hessian: Array, friction: Array) -> float:
    """Positive root of ``det(lambda^2 + lambda G + H) = 0``, without cancellation.

    The lowest eigenvalue of that matrix rises with lambda, from below zero.
    """
    from scipy.optimize import brentq

    one, down = np.eye(len(hessian)), -np.linalg.eigvalsh(hessian)[0]

    def lowest(rate: float) -> float:
        return float(np.linalg.eigvalsh(rate * (rate * one + friction) + hessian)[0])

    least, most = np.linalg.eigvalsh(friction)[[0, -1]]
    # with the least or the most friction in all directions: bounds of the root
    low, high = (down / (g / 2 + sqrt(g * g / 4 + down)) for g in (most, least))
    if high - low <= 1e-14 * high:
        return float(low)
    return float(brentq(lowest, low * (1 - 1e-12), high * (1 + 1e-12), xtol=1e-300, rtol=1e-14))
