"""Tails of minibatch noise of a network coordinate by coordinate, and how they go with the batch.

The noise of a batch is a mean over its samples. If that of samples is of finite variance, its scale
falls as ``B^(-1/2)`` and its index goes to 2; if it is stable, the index stays what it is and the
scale falls as ``B^(1/alpha - 1)``. So sizes of batches tell one from the other without any look at
tails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.tail_index import block_estimate
from fokkerplanck.tail_index_regression import StableFit, fit_stable
from fokkerplanck.tail_network_pooled import draw_batches

__all__ = ["CoordinateTails", "batch_noise", "coordinate_tails", "scale_index"]

Array = NDArray[np.float64]
#: Standard errors by which a coordinate is below 2.
SURE = 3.0
#: Quantiles over coordinates that are kept.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False, slots=True)
class CoordinateTails:
    """Indices of the noise of one batch size, over coordinates.

    Parameters
    ----------
    batch, count : int
        Size and number of batches.
    block, block_error : float
        By sums over blocks of batches, ``1/alpha`` averaged over coordinates; the error is that
        from the spread of blocks, for which coordinates may depend on each other.
    alpha, alpha_error : float
        By characteristic functions, averaged over coordinates; the error is that of one
        coordinate, as if they depended on each other entirely.
    quantiles : ndarray, shape (5,)
        Of alpha (characteristic functions) over coordinates, at `QUANTILES`.
    spread : float
        Its standard deviation over coordinates; `alpha_error` is what it would be for one index.
    rejected : float
        Share of coordinates whose alpha is below 2 by three of its errors: not Gaussian.
    scale, scale_error : float
        Geometric mean over coordinates of the scale of the stable law, and the relative error of
        that of one coordinate.
    kurtosis : float
        Median over coordinates of the excess of the kurtosis, from all samples; it is exact.
    not_fitted : int
    """

    batch: int
    count: int
    block: float
    block_error: float
    alpha: float
    alpha_error: float
    quantiles: Array
    spread: float
    rejected: float
    scale: float
    scale_error: float
    kurtosis: float
    not_fitted: int


def batch_noise(
    centred: NDArray[np.floating], batch: int, count: int, rng: np.random.Generator
) -> Array:
    """Noise of batches without replacement, shape (count, coordinates).

    Batches of one are the samples themselves in random order, each at most once.

    Parameters
    ----------
    centred : ndarray, shape (samples, coordinates)
        Gradients of single samples without their mean.
    """
    samples = len(centred)
    if not 1 <= batch < samples:
        msg = f"a batch of {batch}: allowed are 1 to {samples - 1} for {samples} samples"
        raise CaseError(msg)
    if batch == 1:
        return np.asarray(centred[rng.permutation(samples)[:count]], dtype=np.float64)
    rows = draw_batches(samples, batch, count, rng).astype(centred.dtype)
    return np.asarray(rows @ centred, dtype=np.float64)


def coordinate_tails(
    centred: NDArray[np.floating], batch: int, count: int, rng: np.random.Generator
) -> CoordinateTails:
    """Estimate the index of every coordinate of the noise of batches, by both estimators."""
    x = batch_noise(centred, batch, count, rng)
    block = block_estimate(x)
    fits = [fit for fit in map(_fit, x.T) if fit is not None]
    if not fits:
        msg = f"no stable law fits any of {x.shape[1]} coordinates of the noise of batches of "
        raise NumericalError(msg + str(batch))
    alpha, error = (np.array([getattr(f, k) for f in fits]) for k in ("alpha", "alpha_error"))
    scale, scatter = (np.array([getattr(f, k) for f in fits]) for k in ("scale", "scale_error"))
    return CoordinateTails(
        batch=batch,
        count=len(x),
        block=block.alpha,
        block_error=block.spread_error,
        alpha=float(alpha.mean()),
        alpha_error=float(error.mean()),
        quantiles=np.quantile(alpha, QUANTILES),
        spread=float(alpha.std(ddof=1)) if len(alpha) > 1 else 0.0,
        rejected=float((2 - alpha > SURE * error).mean()),
        scale=float(np.exp(np.log(scale).mean())),
        scale_error=float((scatter / scale).mean()),
        kurtosis=_kurtosis(centred, batch),
        not_fitted=x.shape[1] - len(fits),
    )


def scale_index(
    batch: ArrayLike, scale: ArrayLike, error: ArrayLike, samples: int
) -> tuple[Array, Array]:
    """Index of how scales fall from each batch size to the next, and its standard error.

    ``1 / (1 + d ln scale / d ln B)``: alpha if the noise is stable, 2 if its variance is finite.
    Scales are freed of the factor ``(N - B) / (N - 1)`` of batches without replacement; infinite
    where they fall no more slowly than one over the batch.

    Parameters
    ----------
    batch, scale, error : array_like, shape (n,)
        Batch sizes, scales there, and relative errors of these.
    samples : int
        N.

    Returns
    -------
    index, error : ndarray, shape (n - 1,)
    """
    size, spread = np.asarray(batch, dtype=np.float64), np.asarray(error, dtype=np.float64)
    free = np.sqrt((samples - size) / (samples - 1))
    steps = np.diff(np.log(size))
    inverse = 1 + np.diff(np.log(np.asarray(scale) / free)) / steps
    with np.errstate(divide="ignore"):
        index = np.where(inverse > 0, 1 / inverse, np.inf)
    return index, index**2 * np.hypot(spread[1:], spread[:-1]) / steps


def _fit(column: Array) -> StableFit | None:
    try:
        return fit_stable(column)
    except (CaseError, NumericalError):
        return None


def _kurtosis(centred: NDArray[np.floating], batch: int) -> float:
    """Median of the excess over coordinates; that of a mean of B is B times smaller.

    Of batches with replacement: without, a part of the order B/N less.
    """
    x = np.asarray(centred, dtype=np.float64)
    second = (x**2).mean(axis=0)
    return float(np.median((x**4).mean(axis=0) / second**2 - 3)) / batch
