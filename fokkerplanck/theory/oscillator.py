"""Damped oscillators in all three regimes, without loss of digits between them.

``x'' + 2 g x' + w^2 x = 0`` with rates ``r, s = g -+ sqrt(g^2 - w^2)``. At critical damping, above
and below, all that is needed is the response ``S(t) = (e^{-rt} - e^{-st}) / (s - r)``, which is
smooth in ``g^2 - w^2`` where that vanishes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Response", "oscillator", "oscillator_lag"]

Array = NDArray[np.float64]
#: Times, in units of the fastest rate, up to which the lag is integrated rather than subtracted.
EARLY = 1.0
NODES, WEIGHTS = np.polynomial.legendre.leggauss(14)


class Response(NamedTuple):
    """What a displacement and a velocity at time 0 have become; shape (..., times).

    Parameters
    ----------
    stays : ndarray
        x at t from x = 1, at rest: ``e^{-rt} + r S``; also the correlation of x.
    kicked : ndarray
        x at t from 0 with velocity 1, ``S``; velocity from rest at 1 is ``-w^2 S``.
    speed : ndarray
        Velocity at t from 0 with velocity 1, ``e^{-st} - r S``.
    """

    stays: Array
    kicked: Array
    speed: Array


def oscillator(damping: ArrayLike, stiffness: ArrayLike, times: ArrayLike) -> Response:
    """Respond at times.

    Parameters
    ----------
    damping, stiffness : array_like, shape (...)
        g >= 0, and ``w^2``, which may be negative (an instability).
    times : array_like, shape (times,)
    """
    return _response(*_each(damping, stiffness, times))


def oscillator_lag(damping: ArrayLike, stiffness: ArrayLike, times: ArrayLike) -> Array:
    """``1 - stays``, what is lost of a displacement, to relative accuracy at all times.

    ``w^2 int_0^t S``; parameters as of `oscillator`, shape (..., times).
    """
    g, w2, t = _each(damping, stiffness, times)
    width = np.sqrt(np.abs(g * g - w2))
    early = np.maximum(g, width) * t <= EARLY
    out = np.empty(t.shape)
    half = 0.5 * t[early]
    at = half[:, None] * (NODES + 1)
    kicked = _response(*np.broadcast_arrays(g[early][:, None], w2[early][:, None], at)).kicked
    out[early] = w2[early] * half * (kicked @ WEIGHTS)
    g, w2, t, width = (v[~early] for v in (g, w2, t, width))
    # far beyond critical damping the two rates apart, elsewhere at once
    apart = (g * g > w2) & (width * t > EARLY / 2)
    late = 1 - _response(g, w2, t).stays
    g, w2, t, width = (v[apart] for v in (g, w2, t, width))
    fast, slow = g + width, w2 / (g + width)
    late[apart] = (slow * np.expm1(-fast * t) - fast * np.expm1(-slow * t)) / (2 * width)
    out[~early] = late
    return out


def _each(*arguments: ArrayLike) -> tuple[Array, Array, Array]:
    g, w2 = (np.asarray(v, dtype=np.float64)[..., None] for v in arguments[:2])
    t = np.atleast_1d(np.asarray(arguments[2], dtype=np.float64))
    damping, stiffness, times = np.broadcast_arrays(g, w2, t)
    return damping, stiffness, times


def _response(g: Array, w2: Array, t: Array) -> Response:
    """Each oscillator at a time of its own."""
    gap = g * g - w2
    width = np.sqrt(np.abs(gap))
    # below critical damping: both rates have the real part g
    fade, angle = np.exp(-g * t), width * t
    turning = fade * t * np.sinc(angle / np.pi)
    waving = fade * np.cos(angle)
    below = Response(waving + g * turning, turning, waving - g * turning)
    # above it: the slower rate without subtraction, and the faster from there
    width = np.where(gap >= 0, width, 0.0)
    fast = g + width
    slow = w2 / np.where(fast > 0, fast, 1.0)
    kept, spread = np.exp(-slow * t), 2 * width * t
    share = np.where(spread > 0, -np.expm1(-spread) / np.where(spread > 0, spread, 1.0), 1.0)
    kicked = kept * t * share
    above = Response(kept + slow * kicked, kicked, np.exp(-fast * t) - slow * kicked)
    return Response(*(np.where(gap < 0, a, b) for a, b in zip(below, above, strict=True)))
