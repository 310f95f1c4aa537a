"""How far off an interpolant is between its samples, found by leaving samples out.

Every second sample is left out and predicted from the rest; what is found there on twice the
spacing is scaled to the actual spacing by the order of convergence that is observed when three of
four are left out, never more than the order of the method. Where too few samples are left to
observe an order, nothing is scaled, and the figure is an upper one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from fokkerplanck.landscapes.base import Array

__all__ = ["Estimate", "estimate", "every", "left_out"]

#: an interpolant needs this many samples along each axis
FEWEST = 4


@dataclass(frozen=True)
class Estimate:
    """Estimated error of something interpolated, in its own units.

    Parameters
    ----------
    largest, rms : float
        Over the samples that were left out, scaled to the actual spacing.
    relevant : float
        The largest where the loss is below the level that was asked for.
    relative : float
        The largest part of the local size that is wrong.
    order : float or None
        Observed order of convergence, at most that of the method; None: not scaled.
    position : tuple of float
        Where the largest one is.
    """

    largest: float
    rms: float
    relevant: float
    relative: float
    order: float | None
    position: tuple[float, ...]

    def json(self) -> dict[str, Any]:
        """Return it as a part of a JSON object."""
        return {**self.__dict__, "position": list(self.position)}


def every(values: Array, step: int, dim: int) -> Array:
    """Every so many samples along each of the first `dim` axes."""
    return np.asarray(values[(slice(None, None, step),) * dim])


def left_out(shape: tuple[int, ...], step: int) -> tuple[np.ndarray, ...] | None:
    """Find the samples in the middle of what a lattice of `step` spacings leaves out.

    Their indices, one array for each axis; None where fewer than four samples would be left
    along an axis.
    """
    kept = [range(0, n, step) for n in shape]
    if min(map(len, kept)) < FEWEST:
        return None
    between = [range(0, k[-1] + 1, step // 2) for k in kept]
    places = [p for p in product(*between) if any(i % step for i in p)]
    return tuple(np.array(places).T)


def estimate(
    axes: tuple[Array, ...],
    truth: Array,
    predictor: Callable[[int], Callable[[Array], Array]],
    order: float,
    below: np.ndarray,
    *,
    itself: bool = False,
) -> Estimate | None:
    """Estimate the error of an interpolant; None where there are too few samples.

    Parameters
    ----------
    axes : tuple of ndarray
    truth : ndarray, shape (*lattice, ...)
        What is predicted, at the samples.
    predictor : callable
        Makes the interpolant through every so many samples, a function of points.
    order : float
        Of the method, on smooth functions.
    below : ndarray of bool, shape (*lattice)
        Samples that count as relevant.
    itself : bool
        `truth` comes from the interpolant through all samples: its own error is added.
    """
    found: list[tuple[tuple[np.ndarray, ...], Array]] = []
    shape = tuple(len(axis) for axis in axes)
    for step in (2, 4):
        where = left_out(shape, step)
        if where is None:
            break
        points = np.stack([axis[i] for axis, i in zip(axes, where, strict=True)], axis=-1)
        found.append((where, _size(predictor(step)(points) - truth[where], len(points))))
    if not found:
        return None
    rms = [float(np.sqrt(np.mean(wrong**2))) for _, wrong in found]
    observed = None
    if len(rms) == 2:
        observed = float(np.clip(np.log2(rms[1] / rms[0]), 0.0, order)) if rms[0] > 0 else order
    factor = 1.0 if observed is None else 2.0**-observed
    if itself and observed is not None:
        factor /= max(1.0 - factor, 0.5)
    where, wrong = found[0]
    at = int(wrong.argmax())
    local = _size(truth[where], len(wrong))
    near = below[where]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(local > 0, wrong / local, 0.0)
    return Estimate(
        largest=factor * float(wrong[at]),
        rms=factor * rms[0],
        relevant=factor * float(wrong[near].max(initial=0.0)),
        relative=factor * float(share.max()),
        order=observed,
        position=tuple(float(axis[i[at]]) for axis, i in zip(axes, where, strict=True)),
    )


def _size(values: Array, count: int) -> Array:
    """Euclidean length (of a matrix, Frobenius norm) of each value."""
    return np.asarray(np.linalg.norm(values.reshape(count, -1), axis=-1))
