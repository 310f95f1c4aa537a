"""Exact passage on a line by quadrature, at any barrier: times, variances, splitting.

Nothing here knows of a grid or a generator; the solvers are checked against it. All integrands
are positive and carry their exponents apart, so that relative accuracy survives a barrier of
thousands of temperatures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, log, log1p

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.theory.line_integrals import (
    Scaled,
    log_integral,
    log_running,
    running,
    running_back,
)
from fokkerplanck.theory.line_panels import LinePanels
from fokkerplanck.theory.line_process import LineProcess, scale_density, speed_weight

__all__ = ["LinePassage", "exit_passage", "line_committor", "line_passage", "stationary_masses"]

Array = NDArray[np.float64]
#: A point, or the ends of an interval over which the stationary density is averaged.
Start = float | tuple[float, float]
LOG10 = log(10.0)


@dataclass(frozen=True)
class LinePassage:
    """First-passage time on a line.

    Parameters
    ----------
    log_mean, log_variance : float
        Natural logarithms of the mean and the variance of the time.
    log_probability : float
        Of the probability to leave where asked.
    error : float
        Estimated relative error of the mean and the variance.
    """

    log_mean: float
    log_variance: float
    log_probability: float
    error: float

    @property
    def mean(self) -> float:
        """Mean time; inf beyond the range of floating point."""
        return _exp(self.log_mean)

    @property
    def variance(self) -> float:
        """Variance of the time; inf beyond the range of floating point."""
        return _exp(self.log_variance)

    @property
    def rate(self) -> float:
        """``1 / mean``, the flux over the population of Kramers."""
        return _exp(-self.log_mean)

    @property
    def probability(self) -> float:
        """Probability to leave where asked."""
        return _exp(self.log_probability)

    @property
    def log10_mean(self) -> float:
        """Decimal logarithm of the mean."""
        return self.log_mean / LOG10

    @property
    def log10_variance(self) -> float:
        """Decimal logarithm of the variance."""
        return self.log_variance / LOG10


def line_passage(process: LineProcess, start: Start, target: float) -> LinePassage:
    """First passage of `target`; the wall on the other side of the start reflects.

    ``T = int_{x0}^b s(y) M(y) dy``, ``M(y) = int_a^y w``, and
    ``Var = 2 int_{x0}^b s(y) int_a^y s(z) M(z)^2 dz dy``, which holds no difference.

    Parameters
    ----------
    process : LineProcess
    start : float or (float, float)
        A point, or an interval over which the start is drawn from the stationary density.
    target : float
        Absorbs; not inside `start`.

    Raises
    ------
    ValueError
        When the target lies in the start or beyond a wall, or nothing confines on the other side.

    References
    ----------
    C. W. Gardiner, Handbook of Stochastic Methods, 3rd ed., section 5.2.7.
    """
    first, last = _ends(start)
    _check(process, first, last, target)
    if target <= first:
        return line_passage(process.mirrored(), (-last, -first), -target)
    if first == last == target:
        return LinePassage(-inf, -inf, 0.0, 0.0)
    floor = process.floor(first, target - first)

    def compute(panels: LinePanels) -> tuple[float, ...]:
        s, w = (make(panels, process.kappa) for make in (scale_density, speed_weight))
        return _one_sided(panels, s, w, w, (first, last))

    (mean, variance), error = _twice(process, process.panels(floor, first, last, target), compute)
    return LinePassage(mean, variance, 0.0, error)


def exit_passage(
    process: LineProcess, start: Start, ends: tuple[float, float], side: str | None = None
) -> LinePassage:
    """First exit from an interval, both of whose ends absorb.

    With ``S(x) = int_A^x s`` and ``R(x) = int_x^B s`` the probability to leave at B is
    ``S(x0) / S(B)``, and the mean time the integral of the Green's function
    ``G(x0, z) = w(z) S(min) R(max) / S(B)``. Paths that leave at B are those of the process with
    ``w S^2`` and ``s / S^2`` instead of w and s (Doob), which never meets A.

    Parameters
    ----------
    process : LineProcess
    start : float or (float, float)
        Inside the interval; see `line_passage`.
    ends : tuple of float
        A < B.
    side : str, optional
        ``"left"`` or ``"right"``: mean and variance for the paths that leave there, and their
        probability. By default all paths count.

    Raises
    ------
    ValueError
        When the start is not inside.
    """
    first, last = _ends(start)
    low, high = ends
    if not low <= first <= last <= high or side not in (None, "left", "right"):
        msg = f"a start {start} does not lie in {ends}, or {side!r} is not left or right"
        raise ValueError(msg)
    if side == "left":
        return exit_passage(process.mirrored(), (-last, -first), (-high, -low), "right")
    place = (first, last)

    def compute(panels: LinePanels) -> tuple[float, ...]:
        s, w = (make(panels, process.kappa) for make in (scale_density, speed_weight))
        up = running(s, panels.half_widths)
        probability = _splitting(panels, s, w, place)
        if side is None:
            return (*_two_sided(panels, s, w, place), 0.0)
        return (*_one_sided(panels, s / (up * up), w * up * up, w * up, place), probability)

    if first == last and first in ends:
        absorbed = side is None or first == high
        return LinePassage(-inf, -inf, 0.0 if absorbed else -inf, 0.0)
    panels = process.panels(low, first, last, high)
    (mean, variance, probability), error = _twice(process, panels, compute)
    return LinePassage(mean, variance, probability, error)


def line_committor(
    process: LineProcess, source: float, target: float, points: ArrayLike
) -> tuple[Array, Array]:
    """Logarithms of the committor: to meet `target` before `source`, or the other way round.

    Parameters
    ----------
    process : LineProcess
    source, target : float
        Two points.
    points : array_like, shape (n,)
        On the line; beyond the source or the target the answer is that at it.

    Returns
    -------
    log_target, log_source : ndarray, shape (n,)
        Logarithms of q and of 1 - q, each to relative accuracy.
    """
    x = np.atleast_1d(np.asarray(points, dtype=np.float64))
    if source > target:
        return line_committor(process.mirrored(), -source, -target, -x)
    x = np.clip(x, source, target)
    panels = process.panels(source, target, *x.tolist()).halved(process.potential)
    s, half = scale_density(panels, process.kappa), panels.half_widths
    up = log_running(s, half)
    down = log_running(Scaled(s.value[::-1, ::-1], s.exponent[::-1, ::-1]), half[::-1])[::-1]
    at = np.searchsorted(panels.edges, x)
    return up[at] - up[-1], down[at] - up[-1]


def stationary_masses(process: LineProcess, edges: ArrayLike) -> Array:
    """Logarithms of the stationary probabilities between `edges`, without a current.

    Parameters
    ----------
    process : LineProcess
        Its walls reflect, or the drift confines.
    edges : array_like, shape (n + 1,)
        Increasing, the outer ones may be infinite; what lies outside of them counts in the
        normalisation.

    Returns
    -------
    ndarray, shape (n,)
    """
    x = np.asarray(edges, dtype=np.float64)
    near = np.clip(x[np.isfinite(x)], process.low, process.high)
    unit = float(np.ptp(near)) or 1.0
    low = process.floor(float(near[-1]), unit)
    high = -process.mirrored().floor(-float(near[0]), unit)
    inside = np.clip(x, low, high)
    panels = process.panels(low, high, *inside.tolist()).halved(process.potential)
    w, half = speed_weight(panels, process.kappa), panels.half_widths
    at = np.searchsorted(panels.edges, inside)
    parts = [log_integral(w.part(a, b), half[a:b]) for a, b in pairwise(at)]
    return np.array(parts) - log_integral(w, half)


def _one_sided(
    panels: LinePanels, s: Scaled, w: Scaled, density: Scaled, place: tuple[float, float]
) -> tuple[float, float]:
    """Logarithms of mean and variance up to the last edge, for a start with the given density."""
    half = panels.half_widths
    first, last = (panels.index(x) for x in place)
    reached = _reached(density, half, first, last)
    m = running(w, half)
    mean = log_integral(s * m * reached, half)
    spread = running(s * m * m, half)
    variance = log(2.0) + log_integral(s * spread * reached, half)
    if last > first:
        later = running_back((s * m).part(first, last), half[first:last])
        among = _variance_among(later, density.part(first, last), half[first:last])
        variance = float(np.logaddexp(variance, among))
    return mean, variance


def _two_sided(
    panels: LinePanels, s: Scaled, w: Scaled, place: tuple[float, float]
) -> tuple[float, float]:
    """Logarithms of mean and variance of the time to leave through either end."""
    half = panels.half_widths
    first, last = (panels.index(x) for x in place)
    up, down = running(s, half), running_back(s, half)
    whole = log_integral(s, half)

    def green(source: Scaled) -> tuple[float, Scaled | None]:
        """Integral of the Green's function over its second argument times `source`."""
        left, right = source * up, source * down
        if first == last:
            a = log_integral(s.part(last, None), half[last:]) + log_integral(
                left.part(0, first), half[:first]
            )
            b = log_integral(s.part(0, first), half[:first]) + log_integral(
                right.part(last, None), half[last:]
            )
            return float(np.logaddexp(a, b)) - whole, None
        field = (down * running(left, half)).plus(up * running_back(right, half)).scaled(-whole)
        start = w.part(first, last)
        cut = half[first:last]
        mean = log_integral(field.part(first, last) * start, cut) - log_integral(start, cut)
        return mean, field

    mean, field = green(w)
    fall, rise = running(w * up, half), running_back(w * down, half)
    top = np.maximum(fall.exponent, rise.exponent)
    slope = fall.value * np.exp(fall.exponent - top) - rise.value * np.exp(rise.exponent - top)
    # dT/dx = s slope / S(B), and the variance solves Lb v = -2 D (dT/dx)^2
    variance, _ = green((s * Scaled(2 * slope**2, 2 * top)).scaled(-2 * whole))
    if field is not None:
        among = _variance_among(field.part(first, last), w.part(first, last), half[first:last])
        variance = float(np.logaddexp(variance, among))
    return mean, variance


def _splitting(panels: LinePanels, s: Scaled, w: Scaled, place: tuple[float, float]) -> float:
    """Logarithm of the probability to leave at the last edge."""
    half = panels.half_widths
    first, last = (panels.index(x) for x in place)
    whole = log_integral(s, half)
    if first == last:
        return log_integral(s.part(0, first), half[:first]) - whole
    up, cut = running(s, half).part(first, last), half[first:last]
    start = w.part(first, last)
    return log_integral(up * start, cut) - log_integral(start, cut) - whole


def _reached(density: Scaled, half: Array, first: int, last: int) -> Scaled:
    """Part of the start that lies left of every node."""
    shape = density.value.shape
    value = np.zeros(shape)
    value[last:] = 1.0
    exponent = np.zeros(shape)
    if last > first:
        cut, width = density.part(first, last), half[first:last]
        inside = running(cut, width).scaled(-log_integral(cut, width))
        value[first:last], exponent[first:last] = np.broadcast_arrays(*inside)
    return Scaled(value, exponent)


def _variance_among(times: Scaled, density: Scaled, half: Array) -> float:
    """Logarithm of the variance of mean times over a start."""
    total = log_integral(density, half)
    mean = log_integral(times * density, half) - total
    square = log_integral(times * times * density, half) - total
    # (E T^2 - (E T)^2) may round to nothing, where it adds nothing to a sum of logarithms
    return square + log1p(-exp(min(2 * mean - square, 0.0))) if 2 * mean < square else -inf


def _twice(
    process: LineProcess,
    panels: LinePanels,
    compute: Callable[[LinePanels], tuple[float, ...]],
) -> tuple[tuple[float, ...], float]:
    """Compute on the panels and on twice as many; the relative change is an error estimate."""
    fine = panels.halved(process.potential)
    before, after = compute(panels), compute(fine)
    # an empty probability is -inf twice
    change = max(abs(a - b) if a != b else 0.0 for a, b in zip(before, after, strict=True))
    return after, change + fine.rounding


def _ends(start: Start) -> tuple[float, float]:
    first, last = start if isinstance(start, tuple) else (start, start)
    return float(first), float(last)


def _check(process: LineProcess, first: float, last: float, target: float) -> None:
    inside = process.low <= first <= last <= process.high
    if not inside or not process.low <= target <= process.high:
        msg = f"a start [{first:g}, {last:g}] or a target {target:g} lies beyond a wall"
        raise ValueError(msg)
    if first < target < last:
        msg = f"the target {target:g} lies inside the start [{first:g}, {last:g}]"
        raise ValueError(msg)


def _exp(x: float) -> float:
    return exp(x) if x < 709.7 else inf
