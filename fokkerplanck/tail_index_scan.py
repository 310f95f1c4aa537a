"""The index against the length of blocks, all powers of two at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.tail_index import FEWEST_BLOCKS

__all__ = ["BlockScan", "block_scan"]

Array = NDArray[np.float64]
#: Doublings between the two block lengths of a local index.
SPAN = 3


@dataclass(frozen=True, eq=False, slots=True)
class BlockScan:
    """Indices at block lengths 2, 4, 8, ...

    A stable law has the same index at all of them; that of a law of finite variance climbs to 2.

    Parameters
    ----------
    block : ndarray of int, shape (n,)
        K1.
    alpha, error : ndarray, shape (n,)
        From single values to sums of K1; standard errors from the spread of blocks.
    local, local_error : ndarray, shape (n,)
        From sums of ``K1 / 8`` to sums of K1; nan before there are such.
    """

    block: NDArray[np.int64]
    alpha: Array
    error: Array
    local: Array
    local_error: Array

    @property
    def shortest(self) -> tuple[int, float, float] | None:
        """Block length, local index and its error of the shortest blocks, from 1 to 8 values."""
        known = self._known()
        return self._at(known[0]) if len(known) else None

    @property
    def longest(self) -> tuple[int, float, float] | None:
        """The same of the longest blocks of which there are some 16."""
        known = self._known()
        # the last ones have so few blocks that their errors are not known themselves
        return self._at(known[-2]) if len(known) > 1 else None

    def _known(self) -> list[int]:
        return [int(k) for k in np.flatnonzero(np.isfinite(self.local + self.local_error))]

    def _at(self, k: int) -> tuple[int, float, float]:
        return int(self.block[k]), float(self.local[k]), float(self.local_error[k])


def block_scan(x: Array) -> BlockScan:
    """Scan values of shape (samples, coordinates); blocks run along the samples."""
    sums, means, errors = x, list[float](), list[float]()
    while len(sums) >= FEWEST_BLOCKS:
        with np.errstate(divide="ignore"):
            logs = np.log(np.abs(sums))
        # a sum that is exactly 0 leaves no index at this length
        rows = np.where(np.isfinite(logs), logs, np.nan).mean(axis=1)
        means.append(float(rows.mean()))
        errors.append(float(rows.std(ddof=1)) / len(rows) ** 0.5)
        half = len(sums) // 2
        sums = sums[: 2 * half].reshape(half, 2, -1).sum(axis=1)
    mean, error = np.array(means), np.array(errors)
    level = np.arange(1, len(mean))
    length = np.asarray(level * log(2), dtype=np.float64)
    alpha, sd = _index(mean[1:] - mean[0], np.hypot(error[1:], error[0]), length)
    local, local_sd = np.full(len(level), np.nan), np.full(len(level), np.nan)
    if len(level) >= SPAN:
        rise, both = mean[SPAN:] - mean[:-SPAN], np.hypot(error[SPAN:], error[:-SPAN])
        local[SPAN - 1 :], local_sd[SPAN - 1 :] = _index(rise, both, SPAN * log(2))
    return BlockScan(2**level, alpha, sd, local, local_sd)


def _index(rise: Array, error: Array, length: Array | float) -> tuple[Array, Array]:
    """Index of sums whose logarithms rise so much; nan where they do not."""
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.where(rise > 0, length / rise, np.nan)
        return alpha, alpha**2 * error / length
