"""Whether a stable law fits: distance of characteristic functions, judged by simulated samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.tail_index_regression import StableFit, empirical_modulus, fit_stable
from fokkerplanck.tail_index_stable import StableLaw

__all__ = ["LARGEST", "GoodnessOfFit", "goodness_of_fit", "standardised", "thinned"]

Array = NDArray[np.float64]
#: Frequencies of the distance, in units of one over the fitted scale.
STEP, POINTS = 0.1, 30
#: Most values that are tested; what else there is is thinned out evenly.
LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class GoodnessOfFit:
    """A fitted stable law, and how far the values are from it.

    Parameters
    ----------
    fit : StableFit
        Of the values after each coordinate was divided by its median of ``|x|``.
    distance : float
        ``n sum_k exp(-u_k^2 / 2) (|phi_n|^2 - |phi|^2)^2 du`` of the fit.
    p_value : float
        Share of samples from the fitted law that are as far from their own fit.
    draws : int
        Of samples; the least p-value is ``1 / (draws + 1)``.
    samples, coordinates : int
        Shape of what was tested.
    """

    fit: StableFit
    distance: float
    p_value: float
    draws: int
    samples: int
    coordinates: int


def goodness_of_fit(
    values: ArrayLike, draws: int = 99, rng: np.random.Generator | None = None
) -> GoodnessOfFit:
    """Test by parametric bootstrap whether coordinates follow one stable law up to their scales.

    Every simulated array has the shape of the tested one, and goes through the same division by
    scales and the same fit, so that neither disturbs the p-value. Values are taken to be
    independent.

    Parameters
    ----------
    values : array_like, shape (samples,) or (samples, coordinates)
    draws : int
        At least 19.
    rng : Generator, optional

    Raises
    ------
    CaseError
        Too few draws, or values that `fit_stable` refuses.
    NumericalError
        No stable law fits at all.
    """
    if draws < 19:
        msg = f"{draws} draws: a p-value needs at least 19"
        raise CaseError(msg)
    rng = np.random.default_rng(0) if rng is None else rng
    x = thinned(np.asarray(values, dtype=np.float64).reshape(len(np.asarray(values)), -1))
    fit, distance = _distance(standardised(x))
    # simulated arrays are scaled as the tested one was, whatever the law's scale
    law, further, done = StableLaw(fit.law.alpha), 0, 0
    for _ in range(draws):
        try:
            further += _distance(standardised(law.sample(x.shape, rng)))[1] >= distance
            done += 1
        except NumericalError:
            continue
    if 2 * done < draws:
        msg = f"only {done} of {draws} samples from the fitted law could be fitted themselves"
        raise NumericalError(msg)
    return GoodnessOfFit(fit, distance, (1 + further) / (1 + done), done, *x.shape)


def standardised(x: Array) -> Array:
    """Divide every coordinate by its median of ``|x|``."""
    middle = np.median(np.abs(x), axis=0)
    if (middle == 0).any():
        k = int(np.argmin(middle))
        msg = f"half of the values or more of coordinate {k} are 0: no stable law has such an atom"
        raise CaseError(msg)
    return np.asarray(x / middle)


def thinned(x: Array, most: int = LARGEST) -> Array:
    """Leave at most so many values: whole coordinates at even distances, then samples."""
    rows = min(len(x), most)
    columns = min(x.shape[1], max(1, most // rows))
    return np.asarray(x[np.ix_(_even(len(x), rows), _even(x.shape[1], columns))])


def _even(size: int, count: int) -> NDArray[np.int64]:
    return np.linspace(0, size - 1, count).astype(np.int64)


def _distance(x: Array) -> tuple[StableFit, float]:
    flat = x.ravel()
    fit = fit_stable(flat)
    u = STEP * np.arange(1, POINTS + 1)
    off = empirical_modulus(flat, STEP / fit.scale, POINTS) - np.exp(-2 * u**fit.law.alpha)
    return fit, float(len(flat) * STEP * np.exp(-(u**2) / 2) @ off**2)
