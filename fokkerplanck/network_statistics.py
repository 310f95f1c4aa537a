"""A path of heavy-ball SGD along directions, reduced to block means that all else is made of.

Everything is a mean over blocks of consecutive steps, so that its error is found from the scatter
of the blocks whatever the correlations are, as long as a block is longer than they last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from fokkerplanck.errors import CaseError

__all__ = ["Estimate", "PathStatistics", "estimate", "jackknife", "log_lags", "reduce_path"]

Array = NDArray[np.float64]
#: blocks of a path, points of it that are kept for pictures, steps of a piece of it
BLOCKS, POINTS, PIECE = 10, 400, 200
#: cells of a side of the phase plane, and its half width in standard deviations
CELLS, REACH = 48, 4.0
#: lags of correlations
LAGS = 24


@dataclass(frozen=True)
class Estimate:
    """A mean of block means, its standard error, and the half width of its 95 % interval."""

    value: float
    error: float
    half_width: float


@dataclass(frozen=True, eq=False)
class PathStatistics:
    """Block means of a path along K directions; b blocks.

    Parameters
    ----------
    position, velocity : ndarray, shape (b, K)
        Means of x and v.
    position_square : ndarray, shape (b, K, K)
        ``<x x^T>``, about the origin of the positions.
    velocity_square, cross : ndarray, shape (b, K)
        ``<v^2>`` and ``<x v>``.
    force, force_position, force_velocity, force_square : ndarray, shape (b, K)
        ``<G>``, ``<G x>``, ``<G v>``, ``<G^2>`` of the gradient of the step that follows,
        ``G_k = beta v_k - v_{k+1}``, weight decay included.
    lags : ndarray of int, shape (l,)
    correlation, swirl : ndarray, shape (b, l, K)
        ``<y(k + lag) y(k)>`` and ``<y(k + lag) v(k)> - <v(k + lag) y(k)>``, y the position less its
        mean over the whole path.
    circulation : ndarray, shape (b, l, K (K - 1) / 2)
        ``<y_i(k + lag) y_j(k)> - <y_j(k + lag) y_i(k)>`` for i < j, row by row: zero where the path
        looks the same backwards.
    turn : ndarray, shape (b, K)
        Mean angle from a step to the next in the plane ``(y / std y, v / std v)``.
    phase : ndarray of int, shape (K, CELLS, CELLS)
        Counts of ``(y / std y, v / std v)`` in cells from -REACH to REACH.
    points : ndarray, shape (p, 2, K)
        Positions and velocities now and then.
    piece : ndarray, shape (q, 2, K)
        The same of the first steps, every one.
    sizes : ndarray, shape (b,)
        Means of ``|theta_{k+1} - theta_k|^2`` in all weights.
    steps : int
    """

    position: Array
    velocity: Array
    position_square: Array
    velocity_square: Array
    cross: Array
    force: Array
    force_position: Array
    force_velocity: Array
    force_square: Array
    lags: NDArray[np.int64]
    correlation: Array
    swirl: Array
    circulation: Array
    turn: Array
    phase: NDArray[np.int64]
    points: Array
    piece: Array
    sizes: Array
    steps: int

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Arrays that a file holds."""
        return tuple(f.name for f in fields(cls) if f.name != "steps")


def reduce_path(
    positions: ArrayLike,
    sizes: ArrayLike,
    learning_rate: float,
    momentum: float,
    blocks: int = BLOCKS,
) -> PathStatistics:
    """Reduce a path to its block means.

    Parameters
    ----------
    positions : array_like, shape (n + 1, K)
        Before the first step and after each one.
    sizes : array_like, shape (n,)
        ``|theta_{k+1} - theta_k|^2``.
    learning_rate, momentum : float
    blocks : int

    Raises
    ------
    CaseError
        For a path that is too short, or arrays that do not fit.
    """
    x, size = np.asarray(positions, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if x.ndim != 2 or size.shape != (len(x) - 1,) or len(x) - 1 < 100 * blocks:
        msg = (
            f"a path needs positions (n + 1, K) and sizes (n,) with n >= {100 * blocks}, "
            f"got {x.shape} and {size.shape}"
        )
        raise CaseError(msg)
    if not np.isfinite(x).all() or not np.isfinite(size).all():
        msg = "positions and sizes of a path must be finite numbers"
        raise CaseError(msg)
    v = np.diff(x, axis=0) / learning_rate
    now, speed, force = x[1:-1], v[:-1], momentum * v[:-1] - v[1:]
    deviation, length = x - x.mean(axis=0), len(now) // blocks
    lags = log_lags(length // 2, LAGS)

    def mean(values: Array) -> Array:
        cut = values[: blocks * length]
        return np.asarray(cut.reshape(blocks, length, *values.shape[1:]).mean(axis=1))

    y = deviation[1:-1]
    scaled = np.stack([y / _spread(y), speed / _spread(speed)], axis=1)
    every = max(1, len(now) // POINTS)
    both, pairs = np.stack([now, speed], axis=1), np.stack([y, speed], axis=1)
    i, j = np.triu_indices(x.shape[1], 1)
    return PathStatistics(
        position=mean(now),
        velocity=mean(speed),
        position_square=mean(now[:, :, None] * now[:, None, :]),
        velocity_square=mean(speed**2),
        cross=mean(now * speed),
        force=mean(force),
        force_position=mean(force * now),
        force_velocity=mean(force * speed),
        force_square=mean(force**2),
        lags=lags,
        correlation=_lagged(lambda u, w: u[:, 0] * w[:, 0], pairs, lags, blocks, length),
        swirl=_lagged(
            lambda u, w: u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0], pairs, lags, blocks, length
        ),
        circulation=_lagged(
            lambda u, w: u[:, 0, i] * w[:, 0, j] - u[:, 0, j] * w[:, 0, i],
            pairs,
            lags,
            blocks,
            length,
        ),
        turn=mean(_turns(scaled)),
        phase=_histograms(scaled),
        points=both[::every],
        piece=both[:PIECE],
        sizes=mean(size[1:]),
        steps=len(size),
    )


def estimate(blocks: ArrayLike) -> Estimate:
    """Mean of block means with Student's error, as if blocks were independent."""
    values = np.asarray(blocks, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return Estimate(float(values.mean()) if len(values) else np.nan, np.nan, np.nan)
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return Estimate(float(values.mean()), error, float(stdtrit(len(values) - 1, 0.975)) * error)


def log_lags(last: int, count: int) -> NDArray[np.int64]:
    """Whole numbers from 1 to `last`, evenly spaced on a logarithmic scale."""
    return np.unique(np.round(np.geomspace(1, max(last, 1), count)).astype(np.int64))


def _lagged(
    product: Callable[[Array, Array], Array],
    pairs: Array,
    lags: NDArray[np.int64],
    blocks: int,
    length: int,
) -> Array:
    """Means of a product of later and earlier points over each block, shape (b, l, ...)."""
    parts = pairs[: blocks * length].reshape(blocks, length, *pairs.shape[1:])
    found = [
        [product(part[lag:], part[: length - lag]).mean(axis=0) for lag in lags] for part in parts
    ]
    return np.array(found)


def _turns(scaled: Array) -> Array:
    """Angle from each point of the phase plane to the next, in (-pi, pi]; shape (n, K)."""
    z = scaled[:, 0] + 1j * scaled[:, 1]
    turn = np.angle(z[1:] * z[:-1].conj())
    return np.concatenate([turn, turn[-1:]])


def _histograms(scaled: Array) -> NDArray[np.int64]:
    edges = np.linspace(-REACH, REACH, CELLS + 1)
    counts = [
        np.histogram2d(scaled[:, 0, k], scaled[:, 1, k], bins=(edges, edges))[0]
        for k in range(scaled.shape[2])
    ]
    return np.array(counts, dtype=np.int64).reshape(-1, CELLS, CELLS)


def _spread(values: Array) -> Array:
    found = values.std(axis=0)
    return np.where(found > 0, found, 1.0)


def jackknife(function: Callable[..., Any], *blocks: Array) -> Estimate:
    """Evaluate a function of means over blocks; its error by leaving out each block in turn."""
    count = len(blocks[0])
    whole = float(function(*(b.mean(axis=0) for b in blocks)))
    without = np.array(
        [function(*((b.sum(axis=0) - b[k]) / (count - 1) for b in blocks)) for k in range(count)]
    )
    pseudo = count * whole - (count - 1) * without
    found = estimate(pseudo)
    return Estimate(whole, found.error, found.half_width)
