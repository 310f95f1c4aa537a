"""Tail indices estimated from simulated noise, heavy-tailed and not."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log, pi, sqrt

import numpy as np
from scipy.special import digamma

from fokkerplanck.tail_index import block_estimate
from fokkerplanck.tail_index_controls import pooled_order
from fokkerplanck.tail_index_regression import fit_stable
from fokkerplanck.tail_index_stable import StableLaw
from fokkerplanck.verification.rows import Entry, Row

__all__ = ["ENTRIES"]

ALPHAS = (1.0, 1.2, 1.5, 1.8, 2.0)
#: Samples of each index, blocks of each, and their length.
SAMPLES, BLOCKS, BLOCK = 20, 100, 100
#: Standard errors of a mean that chance allows.
SURE = 3.0
#: Log-standard deviation of the scales of Gaussian coordinates.
SCALES = 0.5
BY_BLOCKS, BY_FUNCTION = "stable law, 3 sd of block sums", "stable law, 3 sd of the regression"
ALONE = "Gaussian law, 3 sd"
LAPLACE = "2 ln K1 / (psi(K1) - psi(1)), 3 sd"


def _indices() -> Iterator[Row]:
    rng = np.random.default_rng(32)
    for alpha in ALPHAS:
        law = StableLaw(alpha)
        x = law.sample((BLOCKS * BLOCK, SAMPLES), rng)
        found = np.array([block_estimate(column, BLOCK).alpha for column in x.T])
        # of the formula, not of the estimates
        sd = alpha**2 / log(BLOCK) * sqrt(law.log_variance / BLOCKS)
        tolerance = SURE * sd / sqrt(SAMPLES) / alpha
        name = f"mean alpha of {SAMPLES} samples, alpha = {alpha:g}"
        yield Row(name, float(found.mean()), alpha, tolerance, BY_BLOCKS)
        # a chi-square law: sd of a sample's sd
        spread = float(np.sqrt(((found - alpha) ** 2).mean()))
        yield Row(
            f"sd of alpha, alpha = {alpha:g}", spread, sd, SURE / sqrt(2 * SAMPLES), BY_BLOCKS
        )
        fit = fit_stable(x[:, 0])
        tolerance = SURE * fit.alpha_error / alpha
        yield Row(
            f"alpha of one sample, alpha = {alpha:g}", fit.alpha, alpha, tolerance, BY_FUNCTION
        )
    yield from _unequal(rng)
    x = rng.laplace(size=1000 * BLOCK)
    # squared scales of a Laplace law are exponential, their sums of the gamma law
    due = 2 * log(BLOCK) / float(digamma(BLOCK) - digamma(1))
    one = block_estimate(x, BLOCK)
    yield Row("alpha of Laplace noise", one.alpha, due, SURE * one.spread_error / due, LAPLACE)


def _unequal(rng: np.random.Generator) -> Iterator[Row]:
    """Gaussian coordinates of unequal scales: the pooled index is not theirs."""
    samples, coordinates = 200, 2000
    scales = np.exp(SCALES * rng.standard_normal(coordinates))
    x = scales * rng.standard_normal((samples, coordinates))
    # scales of the drawn coordinates, not of all: blocks of neighbours have their mean square
    squares = (scales.reshape(-1, BLOCK) ** 2).sum(axis=1)
    due = log(BLOCK) / (0.5 * np.log(squares).mean() - np.log(scales).mean())
    pooled = block_estimate(pooled_order(x), BLOCK)
    yield Row(
        "pooled alpha, Gaussian of unequal scales",
        pooled.alpha,
        float(due),
        SURE * pooled.error / due,
        "same blocks, logarithms of their sums of squares",
    )
    one = block_estimate(x, 14)
    yield Row("the same, per coordinate", one.alpha, 2.0, SURE * one.error / 2, ALONE)


def _logarithms() -> Iterator[Row]:
    rng = np.random.default_rng(33)
    n = 100_000
    for alpha in ALPHAS:
        law = StableLaw(alpha)
        logs = np.log(np.abs(law.sample(n, rng)))
        shift = exp(law.log_mean)
        # relative error of the geometric mean is the error of the logarithm
        tolerance = SURE * sqrt(law.log_variance / n)
        name = f"geometric mean of |X|, alpha = {alpha:g}"
        yield Row(name, exp(float(logs.mean())), shift, tolerance, "exp((1/alpha - 1) 0.5772...)")
        spread = float(((logs - logs.mean()) ** 4).mean() / logs.var() ** 2)
        yield Row(
            f"variance of ln|X|, alpha = {alpha:g}",
            float(logs.var()),
            pi**2 / 6 * (1 / alpha**2 + 0.5),
            SURE * sqrt((spread - 1) / n),
            "(pi^2 / 6)(1/alpha^2 + 1/2)",
        )


def _rows() -> Iterator[Row]:
    yield from _indices()
    yield from _logarithms()


ENTRIES = (
    Entry(
        "I.32",
        "tail index of noise",
        "stable samples of known index, by block sums and by characteristic functions; Gaussian "
        "coordinates of unequal scales, pooled and one by one; Laplace noise; logarithms of stable "
        "samples",
        _rows,
    ),
)
