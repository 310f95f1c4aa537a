"""Rates of long jumps on a lattice of the plane: powers of the discrete Laplacian, and of axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma, i0e, i1e

from fokkerplanck.solvers.fractional import jump_rates, tail_rates

__all__ = ["PlaneRates", "independent_rates", "isotropic_rates"]

Array = NDArray[np.float64]
#: Step of the trapezoidal rule in ln t: its error is ``exp(-pi^2 / STEP)``.
STEP = 0.22
#: What is left out at both ends of the integrals, as a power of e.
DECADES = 40.0
#: Bessel functions are summed to where they have decayed to ``exp(-DECADES)``, or, at times where
#: that is further than this many times the offsets, what they sum to is used.
FURTHER = 4.0


@dataclass(frozen=True, eq=False)
class PlaneRates:
    """Rates of jumps from a cell of the plane to others, and beyond lines and corners.

    Parameters
    ----------
    single : ndarray, shape (nx, ny)
        Over ``j`` cells in x and ``k`` in y, to one of up to four mirrored places; 0 at (0, 0).
    past_x : ndarray, shape (nx, ny)
        Over at least ``j + 1`` cells to one side in x, and exactly k in y.
    past_y : ndarray, shape (nx, ny)
        Over exactly j cells in x, and at least ``k + 1`` to one side in y.
    past_both : ndarray, shape (nx, ny)
        Over at least ``j + 1`` cells in x and ``k + 1`` in y, into one quadrant.
    total : float
        All of them.
    """

    single: Array
    past_x: Array
    past_y: Array
    past_both: Array
    total: float


def independent_rates(
    alpha: float, scale: tuple[float, float], shape: tuple[int, int], spacing: tuple[float, float]
) -> PlaneRates:
    r"""Rates of jumps along axes only: :math:`\sum_i s_i^\alpha (-\partial_i^2)^{\alpha / 2}`.

    Parameters
    ----------
    alpha : float
        0 < alpha <= 2.
    scale : (float, float)
    shape : (int, int)
    spacing : (float, float)
    """
    single, past_x, past_y = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    rates = [
        s**alpha * jump_rates(alpha, n, h) for s, n, h in zip(scale, shape, spacing, strict=True)
    ]
    past = [
        s**alpha * tail_rates(alpha, n, h) for s, n, h in zip(scale, shape, spacing, strict=True)
    ]
    single[:, 0] += rates[0]
    single[0, :] += rates[1]
    past_x[:, 0], past_y[0, :] = past
    total = 2.0 * float(past[0][0] + past[1][0])
    return PlaneRates(single, past_x, past_y, np.zeros(shape), total)


def isotropic_rates(
    alpha: float, scale: float, shape: tuple[int, int], spacing: tuple[float, float]
) -> PlaneRates:
    r"""Rates of the power alpha / 2 of the five-point Laplacian, :math:`s^\alpha (-\Delta_h)^{a}`.

    A walk on the lattice seen at random times (subordination), so that all rates are positive:

    .. math::

        w_{jk} = \frac{a}{\Gamma(1 - a)} \int_0^\infty \beta_j(t / h_x^2) \beta_k(t / h_y^2)
        t^{-1 - a} dt, \qquad \beta_j(\tau) = e^{-2 \tau} I_j(2 \tau), \quad a = \alpha / 2

    The integrals are trapezoidal sums in ln t, which converge exponentially, so that tables of
    all offsets are products of small matrices; jumps beyond lines and corners have the sums of
    Bessel functions in the place of single ones. Nothing is cut off, and nothing cancels.

    Parameters
    ----------
    alpha : float
        0 < alpha <= 2; at 2 the five-point Laplacian itself.
    scale : float
    shape : (int, int)
    spacing : (float, float)

    References
    ----------
    S. Bochner, PNAS 35 (1949) 368 (subordination).
    """
    if alpha == 2.0:
        return independent_rates(2.0, (scale, scale), shape, spacing)
    a = 0.5 * alpha
    # the unit of time is that of one step along the axis of closer cells
    unit = min(spacing)
    rate = np.array([(unit / h) ** 2 for h in spacing])
    reach = max(n / np.sqrt(r) for n, r in zip(shape, rate, strict=True)) ** 2
    top = np.log(reach + 1.0) + DECADES / (1.0 + a)
    log = np.arange(-DECADES / (2.0 - a), top, STEP)
    t = np.exp(log)
    weight = a / gamma(1.0 - a) * STEP * np.exp(-a * log)
    bx, sx = _walk(shape[0], rate[0] * t)
    by, sy = _walk(shape[1], rate[1] * t)
    single = (bx[:-1] * weight) @ by[:-1].T
    past_x = (sx * weight) @ by[:-1].T
    past_y = (bx[:-1] * weight) @ sy.T
    past_both = (sx * weight) @ sy.T
    late = _late(a, rate, shape, (t[-1], weight[-1]))
    past_x, past_y, past_both = past_x + late[0], past_y + late[1], past_both + late[2]
    # what is linear in small t, over which sums in ln t converge slowly near alpha = 2
    first, both = _first_jump(a, rate, t, weight)
    single[0, 0] = 0.0
    for axis, table in ((0, past_x), (1, past_y)):
        step = (1, 0) if axis == 0 else (0, 1)
        change = first[axis] - single[step]
        single[step] += change
        table[0, 0] += change
    size = (scale / unit) ** alpha
    return PlaneRates(size * single, size * past_x, size * past_y, size * past_both, size * both)


def _walk(count: int, t: Array) -> tuple[Array, Array]:
    """Law of a walk with unit rates to both sides at times t, and of being at least so far out.

    Returns
    -------
    ndarray, shape (count + 1, times)
        At 0, 1, ..., count.
    ndarray, shape (count, times)
        At 1 or more, ..., count or more.
    """
    furthest = int(FURTHER * count + 4.0 * DECADES)
    late = 4.0 * DECADES * t > furthest**2
    law, beyond = np.empty((count + 1, len(t))), np.empty((count, len(t)))
    early = _early_walk(furthest, 2.0 * t[~late])
    law[:, ~late] = early[: count + 1]
    beyond[:, ~late] = np.cumsum(early[:0:-1], axis=0)[::-1][:count]
    law[:, late] = _late_walk(count, 2.0 * t[late])
    seen = np.cumsum(law[: count + 1, late], axis=0)[:-1]
    beyond[:, late] = 0.5 * (1.0 - 2.0 * seen + law[0, late])
    return law, beyond


def _early_walk(furthest: int, z: Array) -> Array:
    """``e^-z I_j(z)`` by ratios r of neighbours from the outside inwards, by 1 - r."""
    law = np.empty((furthest + 1, len(z)))
    short = furthest + 0.5 + (furthest + 1.5) ** 2 / (np.hypot(furthest + 1.5, z) + z)
    missing = short / (short + z)
    for j in range(furthest, 0, -1):
        excess = 2.0 * j / z - missing
        law[j] = 1.0 / (1.0 + excess)
        missing = excess * law[j]
    law[0] = i0e(z)
    return np.cumprod(law, axis=0, out=law)


def _late_walk(count: int, z: Array) -> Array:
    """``e^-z I_j(z)``, j up to `count`, for many jumps: Fourier integrals by trapezoidal sums."""
    step = 2.0 * np.pi / (count + np.sqrt(2.0 * DECADES * z))
    points = int(np.ceil(1.1 * (np.sqrt(2.0 * DECADES / z) / step).max()))
    angle = step * np.arange(1, points + 1)[:, None]
    height = step / np.pi * np.exp(-2.0 * z * np.sin(0.5 * np.minimum(angle, np.pi)) ** 2)
    law = np.repeat(0.5 * step[None, :] / np.pi, count + 1, axis=0)
    for w, x in zip(height, angle, strict=True):
        law += w * np.cos(np.arange(count + 1)[:, None] * x)
    return law


def _late(
    a: float, rate: Array, shape: tuple[int, int], last: tuple[float, float]
) -> tuple[Array, Array, Array]:
    """Sum what all times after the last add to jumps beyond lines and corners.

    The law of a walk is flat there, and half of it is beyond either side.
    """
    t, weight = last
    rest = [weight / np.expm1((a + p) * STEP) for p in (0.0, 0.5)]
    flat = 1.0 / np.sqrt(4.0 * np.pi * rate * t)
    x, y = (2.0 * f * (np.arange(n) + 0.5) for f, n in zip(flat, shape, strict=True))
    both = 0.25 * (rest[0] - rest[1] * (x[:, None] + y))
    return 0.5 * rest[1] * flat[1], 0.5 * rest[1] * flat[0], both


def _first_jump(a: float, rate: Array, t: Array, weight: Array) -> tuple[Array, float]:
    """Rates over one cell along each axis, and the total rate, in units of the first.

    Sums are taken of what is at most quadratic in small t, the rest is known.
    """
    out = 2.0 * float(rate.sum())
    stay = np.exp(-out * t)
    z = 2.0 * rate[:, None] * t
    early = z.max(axis=0) < 1.0
    zero, one = np.zeros_like(z), np.zeros_like(z)
    term = np.where(early, 0.25 * z**2, 0.0)
    power = np.ones_like(term)
    for k in range(1, 12):
        power = power * term / k
        zero += power / gamma(k + 1.0)
        one += power / gamma(k + 2.0)
    both = i0e(z).prod(axis=0) - stay
    both[early] = (stay * (zero[0] + zero[1] + zero[0] * zero[1]))[early]
    first = []
    for r, x, y, up, other in zip(rate, z, z[::-1], one, zero[::-1], strict=True):
        more = i1e(x) * i0e(y) - 0.5 * x * stay
        more[early] = (0.5 * x * stay * (up + other + up * other))[early]
        first.append(r * a * out ** (a - 1.0) + float(weight @ more))
    return np.array(first), out**a - float(weight @ both)
