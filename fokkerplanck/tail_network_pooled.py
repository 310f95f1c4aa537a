"""The public procedure on the noise of all weights of a network, and on Gaussian noise like it.

The code that goes with Simsekli, Sagun and Gurbuzbalaban (ICML 2019) writes the noise of all
weights and minibatches into one row, minibatch after minibatch, and takes sums over blocks of K1
neighbours, K1 the largest divisor of the length up to its root. The same is done here with noise
that is Gaussian by construction and has the variances, or the covariance, of the network's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONTROLS",
    "Pooled",
    "draw_batches",
    "fair_estimates",
    "noise_factor",
    "pooled_estimates",
    "pooled_index",
]
__all__ += ["published_block"]

Array = NDArray[np.float64]
Single = NDArray[np.float32]
#: Controls, in the order of their rows.
CONTROLS = ("variances", "covariance", "shuffled")
#: What the public code adds to sizes before their logarithm.
TINY = float(np.finfo(np.float64).eps)
#: Groups of minibatches that the error is taken from.
GROUPS = 8


class Pooled(NamedTuple):
    """Estimates of ``1/alpha``, rows: the noise, then those of `CONTROLS`.

    Parameters
    ----------
    inverse : ndarray, shape (4,)
    error : ndarray, shape (4,)
        Standard error from groups of minibatches; of controls, the standard deviation over draws.
    block : int
        K1.
    """

    inverse: Array
    error: Array
    block: int


def fair_estimates(
    centred: Single, batch: int, minibatches: int, draws: int, rng: np.random.Generator
) -> Array:
    """Take the public estimate of some weights, with a control by medians in place of variances.

    Where few samples make the variances, these scatter from weight to weight, which is a sign of
    heavy tails and not a reason not to believe in them. So Gaussian noise with the correlations of
    the noise is also given its medians of ``|x|`` in place of its variances. Its correlations stay
    what few samples may have made them: for truly heavy tails the control is low, too.

    Returns
    -------
    ndarray, shape (3, 2)
        ``1/alpha`` and its error, as in `Pooled`: of the noise, of Gaussian noise of its
        covariance, and of that with its medians.
    """
    samples, weights = centred.shape
    block = published_block(minibatches * weights)
    noise = draw_batches(samples, batch, minibatches, rng) @ centred
    size = np.float32(sqrt(noise_factor(samples, batch) / samples))
    middle = np.median(np.abs(noise), axis=0)
    found = []
    for _ in range(draws):
        mixed = size * (rng.standard_normal((minibatches, samples), dtype=np.float32) @ centred)
        fair = mixed * (middle / np.median(np.abs(mixed), axis=0))
        found.append([pooled_index(one, block)[0] for one in (mixed, fair)])
    mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
    return np.vstack([pooled_index(noise, block), np.column_stack([mean, spread])])


def published_block(count: int) -> int:
    """Largest divisor of a number of values up to its root."""
    return next(k for k in range(isqrt(count), 0, -1) if count % k == 0)


def pooled_index(noise: NDArray[np.floating], block: int) -> tuple[float, float]:
    """``1/alpha`` of all values in one row, and its standard error.

    ``(mean ln|Y| - mean ln|X|) / ln K1`` for values X and sums Y of K1 neighbours; the error is
    that of the mean over 8 groups of minibatches, which are independent of each other where
    neighbours are not.

    Parameters
    ----------
    noise : ndarray, shape (minibatches, weights)
    block : int
        K1.
    """
    parts = np.ascontiguousarray(noise).reshape(-1, block)
    single = np.log(np.abs(parts) + TINY).mean(axis=1, dtype=np.float64)
    rise = np.log(np.abs(parts.sum(axis=1, dtype=np.float64)) + TINY) - single
    groups = np.array([part.mean() for part in np.array_split(rise, GROUPS)])
    error = float(groups.std(ddof=1)) / sqrt(GROUPS)
    return float(rise.mean()) / log(block), error / log(block)


def noise_factor(samples: int, batch: int) -> float:
    """Return what the variance over samples is multiplied by: ``(N - B) / (B (N - 1))``.

    Of batches drawn without replacement from N samples; the variance is that with divisor N.
    """
    return (samples - batch) / (batch * (samples - 1))


def draw_batches(samples: int, batch: int, count: int, rng: np.random.Generator) -> Single:
    """Draw batches, each without replacement; rows of weights ``1/B``, shape (count, samples)."""
    rows = np.zeros((count, samples), dtype=np.float32)
    keys = rng.random((count, samples), dtype=np.float32)
    chosen = np.argpartition(keys, batch - 1, axis=1)[:, :batch]
    np.put_along_axis(rows, chosen, np.float32(1 / batch), axis=1)
    return rows


def pooled_estimates(
    centred: Single, batch: int, minibatches: int, draws: int, rng: np.random.Generator
) -> Pooled:
    """Take the public estimate of minibatch noise, and of its surrogates.

    Parameters
    ----------
    centred : ndarray of float32, shape (samples, weights)
        Gradients of single samples without their mean.
    batch, minibatches : int
        Size and number of the minibatches.
    draws : int
        Of each surrogate.

    Returns
    -------
    Pooled
        Of the noise; of Gaussian noise with its exact variances (independent weights); of Gaussian
        noise with its exact covariance; of its own values in random order.
    """
    samples, weights = centred.shape
    block = published_block(minibatches * weights)
    noise = draw_batches(samples, batch, minibatches, rng) @ centred
    size = np.float32(sqrt(noise_factor(samples, batch)))
    deviations = size * np.sqrt((centred.astype(np.float64) ** 2).mean(axis=0)).astype(np.float32)
    shape = (minibatches, weights)

    def covariance() -> Single:
        mixed = rng.standard_normal((minibatches, samples), dtype=np.float32) @ centred
        return np.asarray(mixed * (size / np.float32(sqrt(samples))))

    makers: dict[str, Callable[[], Single]] = {
        "variances": lambda: deviations * rng.standard_normal(shape, dtype=np.float32),
        "covariance": covariance,
        "shuffled": lambda: rng.permutation(noise.ravel()).reshape(shape),
    }
    found = [pooled_index(noise, block)]
    for name in CONTROLS:
        inverse = np.array([pooled_index(makers[name](), block)[0] for _ in range(draws)])
        found.append((float(inverse.mean()), float(inverse.std(ddof=1))))
    table = np.array(found)
    return Pooled(table[:, 0], table[:, 1], block)
