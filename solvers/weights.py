"""Link weights: how the rate of a jump depends on the climb along its link."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.pieces import in_pieces

__all__ = ["WEIGHTS", "bernoulli", "jump_weights"]

Array = NDArray[np.float64]

#: ``fitted``: exponential fitting, tame on steep slopes, for transient densities.
#: ``midpoint``: potential at the middle of the link, close to fourth order for passage times,
#: rates and stationary fluxes, but stiff where a link climbs by more than about 2.
WEIGHTS = ("fitted", "midpoint")
#: Halves of links that climb by more than this are fitted under either weight: the exponential
#: would overflow, and hardly any mass passes there.
STEEPEST = 300.0
#: Coefficients of sinh(u) / u in powers of u^2.
SERIES = tuple(1.0 / math.factorial(2 * k + 1) for k in range(8))
#: From this many links on fitted ones take a compiled loop, and two exponentials each.
MANY = 20_000


def bernoulli(z: Array) -> Array:
    """Bernoulli function ``B(z) = z / (e^z - 1)``, without cancellation or overflow."""
    z = np.asarray(z, dtype=np.float64)
    small = np.abs(z) < 1e-5
    near = np.where(small, z, 0.0)
    with np.errstate(over="ignore"):
        value = z / np.expm1(np.where(small, 1.0, z))
    return np.where(small, 1 - near / 2 + near * near / 12, value)


def jump_weights(first: Array, second: Array, weight: str) -> tuple[Array, Array]:
    r"""Weights of the jumps up and down links whose two halves climb by `first` and `second`.

    With the climb :math:`\Phi(s)` from the tail, the flux that a constant current needs gives a
    weight :math:`1 / \int_0^1 e^{\Phi(s)}\,ds`.

    Parameters
    ----------
    first, second : ndarray, shape (links,)
        Climb of ``Phi = -int D^-1 f . dl`` from tail to middle and from middle to head.
    weight : str
        ``"fitted"``: the integral with Phi linear on either half, exact for constant drift.
        ``"midpoint"``: ``exp(-first), exp(second)``, the integral by its middle value; fitted where
        half a link climbs by more than 300.

    Returns
    -------
    forward, backward : ndarray, shape (links,)
        Their ratio is ``exp(-first - second)`` either way.

    References
    ----------
    Scharfetter and Gummel, IEEE Trans. Electron Devices 16, 64 (1969); Wang, Peskin and Elston,
    J. Theor. Biol. 221, 491 (2003).
    """
    if weight not in WEIGHTS:
        msg = f"unknown link weight {weight!r}; known: {', '.join(WEIGHTS)}"
        raise ValueError(msg)
    if weight == "fitted" and first.size < MANY:
        return _fitted(first, second)
    forward, backward = np.empty(first.size), np.empty(first.size)
    make = _fitted_piece if weight == "fitted" else _midpoint_piece

    def piece(low: int, high: int) -> None:
        part = slice(low, high)
        a, b, up, down = first[part], second[part], forward[part], backward[part]
        with np.errstate(over="ignore"):
            make(a, b, up, down)
        steep = np.maximum(np.abs(a), np.abs(b)) > STEEPEST
        if steep.any():
            up[steep], down[steep] = _fitted(a[steep], b[steep])

    in_pieces(piece, first.size)
    return forward, backward


def _midpoint_piece(first: Array, second: Array, up: Array, down: Array) -> None:
    np.exp(np.negative(first, out=up), out=up)
    np.exp(second, out=down)


def _fitted_piece(first: Array, second: Array, up: Array, down: Array) -> None:
    np.exp(np.multiply(first, 0.5, out=up), out=up)
    np.exp(np.multiply(second, -0.5, out=down), out=down)
    _fitted_kernel(first, second, up, down)


def _fitted(first: Array, second: Array) -> tuple[Array, Array]:
    zero = np.zeros_like(first)
    with np.errstate(over="ignore"):
        up = _mean_exponential(zero, first) + _mean_exponential(first, second)
        down = _mean_exponential(zero, -second) + _mean_exponential(-second, -first)
        return 2 / up, 2 / down


def _mean_exponential(a: Array, z: Array) -> Array:
    """Mean of ``e^(a + z s)`` over ``0 <= s <= 1``; inf where it overflows, never nan."""
    small = np.abs(z) < 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.exp(a) / bernoulli(np.where(small, z, 0.0))
        far = (np.exp(a + z) - np.exp(a)) / np.where(small, 1.0, z)
    mean = np.where(small, near, far)
    return np.where(np.isnan(mean), np.inf, mean)


@njit(cache=True, nogil=True, error_model="numpy")
def _fitted_kernel(first, second, up, down):  # type: ignore[no-untyped-def]
    """``2 / int_0^1 e^Phi`` up and down each link, Phi linear on either half.

    With u = first / 2, v = -second / 2 and the even function h(u) = sinh(u) / u, the integral is
    ``e^(u - v) (e^v h(u) + e^u h(v)) / 2`` up and ``e^(v - u)`` times the same down. `up` and
    `down` hold e^u and e^v at first; exchanging the ends of a link exchanges u and v.
    """
    for i in range(first.size):
        e_u, e_v = up[i], down[i]
        r_u, r_v = 1.0 / e_u, 1.0 / e_v
        h_u, h_v = _even_kernel(0.5 * first[i], e_u, r_u), _even_kernel(-0.5 * second[i], e_v, r_v)
        both = 2.0 / (e_v * h_u + e_u * h_v)
        up[i], down[i] = both * (e_v * r_u), both * (e_u * r_v)


@njit(cache=True, nogil=True, error_model="numpy")
def _even_kernel(u, e, r):  # type: ignore[no-untyped-def]
    """``sinh(u) / u`` from ``e^u`` and ``e^-u``, near 0 by its series."""
    s = u * u
    far = SERIES[4] + s * (SERIES[5] + s * (SERIES[6] + s * SERIES[7]))
    near = 1.0 + s * (SERIES[1] + s * (SERIES[2] + s * (SERIES[3] + s * far)))
    return near if abs(u) < 0.5 else (e - r) / (2.0 * u)
