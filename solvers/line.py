"""Chains on a line whose rates are integrals of exp(+-Phi) between nodes: limited by quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError

__all__ = ["GAUSS", "LineRates", "gauss_rule", "line_rates"]

Array = NDArray[np.float64]
#: Gauss-Legendre points between two nodes.
GAUSS = 6
#: Largest climb between two nodes; the quadrature keeps all digits up to about 5.
STEEPEST = 600.0


@dataclass(frozen=True, eq=False)
class LineRates:
    """A birth-death chain on the nodes of a line or ring.

    Parameters
    ----------
    up, down : ndarray, shape (nodes,)
        Rates to the next and to the previous node; 0 at the ends of a line.
    climb : ndarray, shape (panels,)
        Log-ratio of stationary weights of the nodes left and right of each panel.
    left, right : ndarray, shape (panels,)
        Part of the mass of the left and of the right node that comes from the panel between.
    """

    up: Array
    down: Array
    climb: Array
    left: Array
    right: Array


@cache
def gauss_rule(count: int = GAUSS) -> tuple[Array, Array, Array]:
    """Points and weights of [0, 1], and the matrix that integrates from 0 to each point.

    Returns
    -------
    points, weights : ndarray, shape (count,)
    running : ndarray, shape (count, count)
        Row k integrates the polynomial through values at the points from 0 to point k.
    """
    x, w = np.polynomial.legendre.leggauss(count)
    legendre = np.polynomial.legendre.legvander(x, count)
    # int_{-1}^x P_k = (P_{k+1} - P_{k-1}) / (2 k + 1), and x + 1 for k = 0
    k = np.arange(1, count)
    integral = np.empty((count, count))
    integral[:, 0] = x + 1
    integral[:, 1:] = (legendre[:, 2:] - legendre[:, :-2]) / (2 * k + 1)
    coefficients = np.linalg.inv(legendre[:, :count])
    return (x + 1) / 2, w / 2, integral @ coefficients / 2


def line_rates(
    width: Array, phi: Array, climb: Array, d: Array, kappa: float, *, ring: bool = False
) -> LineRates:
    r"""Rates between neighbouring nodes, exact for what is asked of the nodes.

    With the speed weight :math:`w = D^{-\kappa} e^{-\Phi}` and the scale density
    :math:`s = D^{\kappa-1} e^{\Phi}`, neighbours a < b have the conductance
    :math:`1 / \int_a^b s`, and node a the mass :math:`\int w \phi_a`, where :math:`\phi_a` falls
    from 1 at a to 0 at the next nodes and is harmonic in between. Mean passage times and
    committors of this chain are those of the diffusion at the nodes, whatever their distance; other
    quantities err by the square of it.

    Parameters
    ----------
    width : ndarray, shape (panels,)
        Distance of the two nodes of each panel.
    phi : ndarray, shape (panels, GAUSS)
        ``Phi = -int f / D`` at Gauss points, from the left node on.
    climb : ndarray, shape (panels,)
        Phi at the right node.
    d : ndarray, shape (panels, GAUSS)
        D at Gauss points.
    kappa : float
        Reading of the noise.
    ring : bool
        Whether the last panel leads back to the first node.

    Raises
    ------
    NumericalError
        If Phi climbs by more than 600 between two nodes.

    References
    ----------
    Gardiner, *Handbook of Stochastic Methods*, section 5.2 (speed and scale); the nodal exactness
    is that of finite elements with harmonic basis functions.
    """
    steep = np.maximum(np.abs(climb), np.abs(phi).max(axis=1, initial=0.0))
    if not (steep < STEEPEST).all():
        msg = (
            f"the potential climbs by {np.nanmax(steep):.3g} times the noise strength between two "
            "nodes of the line; use more cells"
        )
        raise NumericalError(msg)
    _, weights, running = gauss_rule(phi.shape[1])
    up_shift = np.maximum(phi.max(axis=1), 0.0)
    low_shift = np.minimum(phi.min(axis=1), 0.0)
    s = d ** (kappa - 1) * np.exp(phi - up_shift[:, None])
    w = d ** (-kappa) * np.exp(low_shift[:, None] - phi)
    total = s @ weights
    share = np.clip((s @ running.T) / total[:, None], 0.0, 1.0)
    log_s = up_shift + np.log(width * total)
    # of panel p: what it gives to its left node (scaled there) and to its right node
    to_left = np.log(width * ((w * (1 - share)) @ weights)) - low_shift
    to_right = np.log(width * ((w * share) @ weights)) - low_shift + climb
    return _chain(log_s, climb, to_left, to_right, ring)


def _chain(log_s: Array, climb: Array, to_left: Array, to_right: Array, ring: bool) -> LineRates:
    before = np.roll(to_right, 1) if ring else np.append(-np.inf, to_right)
    after = to_left if ring else np.append(to_left, -np.inf)
    log_m = np.logaddexp(before, after)
    next_m = np.roll(log_m, -1) if ring else log_m[1:]
    here_m = log_m if ring else log_m[:-1]
    up, down = np.exp(-log_s - here_m), np.exp(climb - log_s - next_m)
    if not ring:
        up, down = np.append(up, 0.0), np.append(0.0, down)
    else:
        down = np.roll(down, 1)
    return LineRates(up, down, climb, np.exp(to_left - here_m), np.exp(to_right - next_m))
