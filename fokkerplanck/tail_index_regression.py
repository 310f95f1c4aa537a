"""Index and scale of a stable law from the empirical characteristic function."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.tail_index_stable import StableLaw

__all__ = ["StableFit", "empirical_modulus", "fit_stable"]

Array = NDArray[np.float64]
#: Frequencies, in units of one over the scale: multiples of the first.
STEP, POINTS = 0.2, 7
#: Of fewer values, fewer frequencies: the last ones would be noise.
MANY, FEW_POINTS = 1000, 5
#: Weights are those of this index where alpha is larger: for the normal law they would be singular.
SMOOTHEST = 1.9
#: Iterations of the weights, the change at which they stand still, and fewest values.
ITERATIONS, STILL, FEWEST = 100, 1e-9, 64
#: Range of indices that the frequencies are made for, and room above 2 for the error.
LOWEST, HIGHEST = 0.3, 4.0
#: The scale lies within this factor of the median of ``|x|``; halvings of that range.
BRACKET, HALVINGS = 8.0, 8
#: Values of which powers are held at once.
CHUNK = 200_000


@dataclass(frozen=True, slots=True)
class StableFit:
    """Index and scale, with standard errors for independent stable values.

    Parameters
    ----------
    alpha, alpha_error : float
        The index is not cut at 2.
    scale, scale_error : float
    count : int
        Of values.
    """

    alpha: float
    alpha_error: float
    scale: float
    scale_error: float
    count: int

    @property
    def law(self) -> StableLaw:
        """The stable law nearest to the fit: alpha at most 2."""
        return StableLaw(min(self.alpha, 2.0), self.scale)


def fit_stable(values: ArrayLike) -> StableFit:
    """Fit ``ln(-ln|phi(w)|) = alpha ln w + alpha ln(scale)`` by weighted least squares.

    The modulus of the empirical characteristic function does not depend on where the law is
    centred; its square is freed of its bias ``1/n``. Weights are the inverse covariance of the
    logarithms under the law that is fitted (``Cov(cos wX, cos vX) = (phi(w + v) + phi(w - v)) / 2 -
    phi(w) phi(v)``); frequencies are measured in one over the scale.

    Parameters
    ----------
    values : array_like, shape (n,)

    Raises
    ------
    CaseError
        Fewer than 64 values, values that are not finite, or constant ones.
    NumericalError
        The fit does not settle: the values are not like those of a stable law.

    References
    ----------
    I. A. Koutrouvelis, J. Am. Stat. Assoc. 75, 918 (1980); A. Feuerverger and P. McDunnough, J. R.
    Stat. Soc. B 43, 20 (1981).
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if len(x) < FEWEST or not np.isfinite(x).all():
        msg = f"a fit needs at least {FEWEST} finite values, got {len(x)}"
        raise CaseError(msg)
    x = x - np.median(x)
    return _regressed(x, _first_scale(x))


def empirical_modulus(x: Array, step: float, points: int) -> Array:
    """``|phi|^2`` at multiples of a frequency, freed of bias; powers instead of cosines."""
    total = np.zeros(points, dtype=np.complex128)
    for start in range(0, len(x), CHUNK):
        one = np.exp(1j * step * x[start : start + CHUNK])
        power = np.ones_like(one)
        for k in range(points):
            power *= one
            total[k] += power.sum()
    n = len(x)
    square = (np.abs(total) ** 2 / n - 1) / (n - 1)
    # what is left of it below 1/n is noise, and has no logarithm
    return np.asarray(np.maximum(square, 1 / n))


def _regressed(x: Array, scale: float) -> StableFit:
    n = len(x)
    points = POINTS if n >= MANY else FEW_POINTS
    u = np.arange(1, points + 1, dtype=np.float64) * STEP
    design = np.column_stack([np.log(u), np.ones(points)])
    logs = np.log(-np.log(empirical_modulus(x, STEP / scale, points)) / 2)
    alpha = 1.5
    for _ in range(ITERATIONS):
        line = _line(design, u, alpha)
        slope, level = (float(value) for value in line @ logs)
        settled = abs(slope - alpha) < STILL
        alpha = slope
        if settled and LOWEST <= alpha < HIGHEST:
            spread = line @ _covariance(u, min(alpha, 2.0)) @ line.T / n
            found = scale * exp(level / alpha)
            errors = sqrt(spread[0, 0]), found / alpha * sqrt(spread[1, 1])
            return StableFit(alpha, errors[0], found, errors[1], n)
    msg = f"no stable law with alpha >= {LOWEST} fits {n} values: their characteristic function is "
    msg += f"not like that of one (slope {alpha:.3g} of its double logarithm)"
    raise NumericalError(msg)


def _first_scale(x: Array) -> float:
    """One over the frequency where the modulus is 1/e, by bisection around the median of ``|x|``.

    Everything else is measured in it; that it depends on the values changes no error at first
    order.
    """
    middle = float(np.median(np.abs(x)))
    if middle == 0:
        msg = "half of the values or more are equal: no stable law has such an atom"
        raise CaseError(msg)
    low, high = -log(BRACKET), log(BRACKET)
    for _ in range(HALVINGS):
        centre = (low + high) / 2
        below = empirical_modulus(x, exp(centre) / middle, 1)[0] < exp(-2)
        low, high = (low, centre) if below else (centre, high)
    return middle * exp(-(low + high) / 2)


def _line(design: Array, u: Array, alpha: float) -> Array:
    """Linear map from logarithms to slope and level."""
    weights = np.linalg.inv(_covariance(u, float(np.clip(alpha, LOWEST, SMOOTHEST))))
    return np.asarray(np.linalg.solve(design.T @ weights @ design, design.T @ weights))


def _covariance(u: Array, alpha: float) -> Array:
    """Covariance of ``ln(-ln|phi|)`` for one value, from that of the cosines."""
    phi = np.exp(-(u**alpha))
    both = np.exp(-((u[:, None] + u) ** alpha)) + np.exp(-(np.abs(u[:, None] - u) ** alpha))
    slope = phi * np.log(phi)
    return np.asarray((both / 2 - np.outer(phi, phi)) / np.outer(slope, slope))
