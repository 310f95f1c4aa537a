"""The normal random numbers that walkers use, as an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.walk_kernels import fill_normals_kernel

__all__ = ["normals"]


def normals(seed: int, walkers: int, count: int, *, first: int = 0) -> NDArray[np.float64]:
    """Return the first normals of each walker's own stream.

    A stream is xoshiro256++, its state made by splitmix64 from the seed and the walker's number;
    two of its words with 53 bits each become two normals by Box-Muller, so that no normal is
    larger than 8.57.

    Parameters
    ----------
    seed : int
        Of all streams.
    walkers, count : int
        How many streams, and normals of each.
    first : int
        Number of the first walker.

    Returns
    -------
    ndarray, shape (walkers, count)

    References
    ----------
    Blackman and Vigna, *ACM Transactions on Mathematical Software* 47 (2021) 36.
    """
    out = np.empty((walkers, count + count % 2))
    fill_normals_kernel(np.uint64(seed % 2**64), first, out)
    return out[:, :count]
