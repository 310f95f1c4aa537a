"""Tail index of measured noise, by sums over blocks: an estimate from data.

Kesten's index, of the tail that multiplicative noise gives to the weights of a regression, is
another thing: `fokkerplanck.theory.tail_index` computes it from the hyper-parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.tail_index_stable import log_variance

__all__ = ["FEWEST", "FEWEST_BLOCKS", "BlockEstimate", "block_estimate"]
__all__ += ["block_logs", "checked_block", "checked_values", "default_block"]

Array = NDArray[np.float64]
#: Values along the samples, and blocks, that an estimate takes at least.
FEWEST, FEWEST_BLOCKS = 64, 8


@dataclass(frozen=True, slots=True)
class BlockEstimate:
    """An index, and how well it is known.

    Parameters
    ----------
    alpha : float
        Not cut at 2: half of all estimates from normal noise are above.
    error : float
        Standard error if the values are independent and stable, ``(alpha^2 / ln K1)
        sqrt(Var ln|X| / K2)``; of several coordinates, if these are independent, too.
    spread_error : float
        Standard error from the spread of the blocks, which only takes blocks to be independent:
        coordinates may depend on each other, and the law need not be stable.
    block, blocks : int
        K1 and K2.
    coordinates : int
    """

    alpha: float
    error: float
    spread_error: float
    block: int
    blocks: int
    coordinates: int


def block_estimate(values: ArrayLike, block: int | None = None) -> BlockEstimate:
    """Estimate the index of symmetric stable noise around 0 from sums over blocks.

    Sums of K1 values are K1^(1/alpha) times as large as one value, so that ``1/alpha`` is ``(mean
    ln|Y| - mean ln|X|) / ln K1`` for the sums Y of K2 blocks. Over coordinates ``1/alpha`` is
    averaged: it is unbiased, alpha is not.

    Parameters
    ----------
    values : array_like, shape (samples,) or (samples, coordinates)
        Blocks run along the samples; what is left after the last whole block is not used.
    block : int, optional
        K1; otherwise the root of the number of samples.

    Raises
    ------
    CaseError
        Too few values, a block length out of range, or values that are not finite or exactly 0.
    NumericalError
        Sums do not grow with their length at all: values cancel each other.

    References
    ----------
    M. Mohammadi, A. Mohammadpour and H. Ogata, Metrika 78, 549 (2015).
    """
    x = checked_values(values)
    _refuse(x == 0, "exactly 0")
    k1 = default_block(len(x)) if block is None else checked_block(block, len(x))
    k2 = len(x) // k1
    inverse = block_logs(x, k1) / log(k1)
    mean = float(inverse.mean())
    if mean <= 0:
        msg = f"sums of {k1} values are no larger than single values (1/alpha = {mean:.2g}): {k2} "
        msg += "blocks are too few, or values that follow each other cancel, as minibatches of an "
        msg += "epoch do: shuffle the samples"
        raise NumericalError(msg)
    alpha = 1 / mean
    coordinates = x.shape[1]
    spread = float(inverse.mean(axis=1).std(ddof=1)) / sqrt(k2)
    error = alpha**2 / log(k1) * sqrt(log_variance(alpha) / (k2 * coordinates))
    return BlockEstimate(alpha, error, alpha**2 * spread, k1, k2, coordinates)


def block_logs(x: Array, block: int) -> Array:
    """``ln|Y| - mean ln|X|`` of every block and coordinate, shape (blocks, coordinates)."""
    parts = x[: len(x) // block * block].reshape(-1, block, x.shape[1])
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(parts.sum(axis=1))) - np.log(np.abs(parts)).mean(axis=1)
    if not np.isfinite(logs).all():
        msg = "a block of values adds up to exactly 0: noise with atoms is not stable; "
        msg += f"choose another block length than {block}, or leave such coordinates out"
        raise CaseError(msg)
    return np.asarray(logs)


def default_block(samples: int) -> int:
    """Root of the number of samples."""
    return isqrt(samples)


def checked_block(block: int, samples: int) -> int:
    """Give back a block length that leaves blocks enough.

    Raises
    ------
    CaseError
        It is below 2, or there are fewer than 8 blocks.
    """
    largest = samples // FEWEST_BLOCKS
    if not 2 <= block <= largest:
        msg = f"block length {block}: allowed are 2 to {largest} for {samples} samples "
        msg += f"(at least {FEWEST_BLOCKS} blocks)"
        raise CaseError(msg)
    return block


def checked_values(values: ArrayLike) -> Array:
    """Give back values as (samples, coordinates) of doubles.

    Raises
    ------
    CaseError
        Another shape, too few samples, or values that are not finite.
    """
    # in one order, so that sums do not depend on how a file was written
    x = np.ascontiguousarray(values, dtype=np.float64)
    if np.ndim(values) not in (1, 2):
        msg = f"values have shape {x.shape}; needed is (samples,) or (samples, coordinates)"
        raise CaseError(msg)
    x = x.reshape(len(x), -1 if x.size else int(x.ndim == 1))
    if len(x) < FEWEST or not x.shape[1]:
        msg = f"{len(x)} samples of {x.shape[1]} coordinates: at least {FEWEST} samples are needed"
        raise CaseError(msg)
    _refuse(~np.isfinite(x), "not finite")
    return x


def _refuse(bad: NDArray[np.bool_], what: str) -> None:
    if bad.any():
        sample, coordinate = (int(k) for k in np.argwhere(bad)[0])
        msg = f"{int(bad.sum())} of {bad.size} values are {what}, the first at sample {sample}, "
        msg += f"coordinate {coordinate}: the logarithm of noise must exist"
        raise CaseError(msg)
