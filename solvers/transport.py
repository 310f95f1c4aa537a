"""Optimal transport between two sets of cell masses on a plane, with error estimates.

Distance of order 1: the flux m that carries p - q away with the least ``int |m|`` (Beckmann),
by Douglas-Rachford splitting. Of order 2: debiased Sinkhorn divergence with separable kernels in
the log domain. Both compare two resolutions for their error estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, fft, idct, ifft

__all__ = ["Transport", "coarsened", "first_order", "second_order"]

Array = NDArray[np.float64]

#: Cells per axis that the two methods work on; finer grids are summed in blocks.
FIRST_ORDER_CELLS = 128
SECOND_ORDER_CELLS = 64
FIRST_ORDER_STEPS = 250
FIRST_ORDER_GAP = 5e-4


@dataclass(frozen=True)
class Transport:
    """A distance and an estimate of its absolute error."""

    value: float
    error: float


def first_order(p: Array, q: Array, spacing: Array, periodic: tuple[bool, bool]) -> Transport:
    """Wasserstein distance of order 1 (earth mover's) with the Euclidean ground distance.

    ``W1 = min int |m|`` over fluxes with ``div m = p - q`` and none through the walls.

    Parameters
    ----------
    p, q : ndarray, shape (n, m)
        Cell masses of equal sum.
    spacing : array_like, shape (2,)
        Cell widths.
    periodic : tuple of bool
        Which axes are rings.

    Returns
    -------
    Transport
        The error adds the gap between primal and dual value to the change on a grid twice as
        coarse.

    References
    ----------
    M. Beckmann, Econometrica 20 (1952) 643; J.-D. Benamou and G. Carlier, J. Optim. Theory
    Appl. 167 (2015) 1.
    """
    if np.array_equal(p, q):
        return Transport(0.0, 0.0)
    (p, q), spacing = _resized((p, q), spacing, FIRST_ORDER_CELLS)
    fine = _least_flux(p - q, spacing, periodic)
    (p, q), spacing = coarsened((p, q), spacing, max(p.shape) // 2)
    coarse = _least_flux(p - q, spacing, periodic)
    return Transport(fine.value, fine.error + abs(fine.value - coarse.value))


def second_order(p: Array, q: Array, spacing: Array, periodic: tuple[bool, bool]) -> Transport:
    """Wasserstein distance of order 2.

    The debiased Sinkhorn divergence with a blur of one cell, which differs from W2 by second
    order in the blur.

    Parameters
    ----------
    p, q, spacing, periodic
        As for `first_order`.

    Returns
    -------
    Transport
        The error is the change on a grid (and with a blur) twice as coarse.

    References
    ----------
    J. Feydy et al., AISTATS 2019, arXiv:1810.08278, equation 3 and algorithm 1.
    """
    if np.array_equal(p, q):
        return Transport(0.0, 0.0)
    (p, q), spacing = _resized((p, q), spacing, SECOND_ORDER_CELLS)
    fine = _sinkhorn(p, q, spacing, periodic)
    (p, q), spacing = coarsened((p, q), spacing, max(p.shape) // 2)
    return Transport(fine, abs(fine - _sinkhorn(p, q, spacing, periodic)))


def coarsened(
    masses: tuple[Array, ...], spacing: Array, most: int
) -> tuple[tuple[Array, ...], Array]:
    """Sum cells in blocks until no axis has more than `most`; the last blocks may be padded."""
    spacing = np.array(spacing, dtype=np.float64)
    for axis, cells in enumerate(masses[0].shape):
        block = -(-cells // most)
        starts = np.arange(0, cells, block)
        masses = tuple(np.add.reduceat(m, starts, axis=axis) for m in masses)
        spacing[axis] *= block
    return masses, spacing


def _resized(
    masses: tuple[Array, ...], spacing: Array, most: int
) -> tuple[tuple[Array, ...], Array]:
    """Bring the longer axis close to `most` cells: sum cells in blocks, or cut them into equals."""
    cut = most // max(masses[0].shape)
    if cut < 2:
        return coarsened(masses, spacing, most)
    split = np.full((cut, cut), 1 / cut**2)
    return tuple(np.asarray(np.kron(m, split)) for m in masses), np.asarray(spacing) / cut


def _least_flux(excess: Array, spacing: Array, periodic: tuple[bool, bool]) -> Transport:
    """Douglas-Rachford on fluxes kept at the four corners of every cell.

    Corner values make the norm separable; their mean over a face is the flux there, which one
    Poisson solve makes obey the constraint. The primal value is an upper bound of W1 of the
    piecewise constant densities, as the norm is convex.
    """
    volume = float(np.prod(spacing))
    source = excess / volume
    solve = _Poisson(excess.shape, spacing, periodic)
    faces = solve.correct(np.zeros((2, *excess.shape)), source)[0]
    size = np.hypot(*faces)
    step = 0.15 * float((size**2).sum() / max(size.sum(), 1e-300))
    corners = _to_corners(faces)
    upper = dual = 0.0
    for k in range(FIRST_ORDER_STEPS):
        faces, phi = solve.correct(_to_faces(corners, periodic), source)
        if k % 10 == 9:
            upper = 0.25 * volume * float(np.hypot(*_to_corners(faces)).sum())
            dual = -float((phi * excess).sum()) / step
            if abs(upper - dual) <= FIRST_ORDER_GAP * upper:
                break
        at = _to_corners(faces)
        reflected = 2 * at - corners
        norm = np.maximum(np.hypot(*reflected), 1e-300)
        corners += np.maximum(0.0, 1 - step / norm) * reflected - at
    return Transport(upper, abs(upper - dual))


class _Poisson:
    """Nearest flux (low face of every cell) whose divergence is a given source."""

    def __init__(self, shape: tuple[int, ...], spacing: Array, periodic: tuple[bool, bool]) -> None:
        self.spacing, self.periodic = spacing, periodic
        symbols: list[Array] = [
            np.asarray((2 - 2 * np.cos((2 if ring else 1) * np.pi * np.arange(n) / n)) / h**2)
            for n, h, ring in zip(shape, spacing, periodic, strict=True)
        ]
        self.symbol = np.add.outer(*symbols)
        self.symbol[0, 0] = 1.0

    def correct(self, faces: Array, source: Array) -> tuple[Array, Array]:
        divergence = np.zeros_like(source)
        for k in (0, 1):
            divergence += (np.roll(faces[k], -1, axis=k) - faces[k]) / self.spacing[k]
        phi = self._solve(divergence - source)
        steps = [(phi - np.roll(phi, 1, axis=k)) / self.spacing[k] for k in (0, 1)]
        return _closed(faces + np.stack(steps), self.periodic), phi

    def _solve(self, f: Array) -> Array:
        """Solve ``-laplace(phi) = f`` with mean zero."""
        c = f.astype(complex) if any(self.periodic) else f
        for k, ring in enumerate(self.periodic):
            c = fft(c, axis=k) if ring else dct(c, axis=k)
        c = c / self.symbol
        c[0, 0] = 0.0
        for k, ring in enumerate(self.periodic):
            c = ifft(c, axis=k) if ring else idct(c, axis=k)
        return np.ascontiguousarray(c.real)


def _closed(faces: Array, periodic: tuple[bool, bool]) -> Array:
    if not periodic[0]:
        faces[0, 0, :] = 0.0
    if not periodic[1]:
        faces[1, :, 0] = 0.0
    return faces


def _to_corners(faces: Array) -> Array:
    """Flux vectors at the corners, shape (component, low or high x, low or high y, n, m)."""
    x = np.stack([faces[0], np.roll(faces[0], -1, axis=0)])
    y = np.stack([faces[1], np.roll(faces[1], -1, axis=1)])
    shape = (2, 2, *faces.shape[1:])
    return np.stack([np.broadcast_to(x[:, None], shape), np.broadcast_to(y[None, :], shape)])


def _to_faces(corners: Array, periodic: tuple[bool, bool]) -> Array:
    x, y = corners[0].mean(axis=1), corners[1].mean(axis=0)
    means = [
        0.5 * (x[0] + np.roll(x[1], 1, axis=0)),
        0.5 * (y[0] + np.roll(y[1], 1, axis=1)),
    ]
    return _closed(np.stack(means), periodic)


def _sinkhorn(p: Array, q: Array, spacing: Array, periodic: tuple[bool, bool]) -> float:
    """Debiased Sinkhorn with annealing; symmetrised updates, so that p and q may be swapped."""
    p, q = p / p.sum(), q / q.sum()
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    size = float(np.sum((np.array(p.shape) * spacing) ** 2))
    final = float(np.max(spacing)) ** 2
    levels = [*(size * 0.5 ** np.arange(int(np.log2(size / final)) + 1)), *[final] * 12]

    costs = (
        _half_squares(p.shape[0], spacing[0], periodic[0]),
        _half_squares(p.shape[1], spacing[1], periodic[1]),
    )

    def softmin(log_weight: Array, potential: Array, eps: float) -> Array:
        return _softmin(log_weight + potential / eps, costs, eps)

    zero = np.zeros_like(p)
    f = b = softmin(log_q, zero, size)
    g = a = softmin(log_p, zero, size)
    for eps in levels:
        f, g = 0.5 * (f + softmin(log_q, g, eps)), 0.5 * (g + softmin(log_p, f, eps))
        a, b = 0.5 * (a + softmin(log_p, a, eps)), 0.5 * (b + softmin(log_q, b, eps))
    f, g = softmin(log_q, g, final), softmin(log_p, f, final)
    a, b = softmin(log_p, a, final), softmin(log_q, b, final)
    squared = 2 * float(((f - a) * p).sum() + ((g - b) * q).sum())
    return float(np.sqrt(max(squared, 0.0)))


def _softmin(weights: Array, costs: tuple[Array, Array], eps: float) -> Array:
    """``-eps log sum_y exp(weights(y) - |x - y|^2 / (2 eps))``: one axis after the other."""
    along = _log_sum(weights, costs[1] / eps)
    return np.asarray(-eps * _log_sum(along.T, costs[0] / eps).T)


def _log_sum(weights: Array, cost: Array) -> Array:
    """``log sum_j exp(weights[:, j] - cost[i, j])``, shape as `weights`."""
    exponent = weights[:, None, :] - cost
    best = exponent.max(axis=-1)
    exponent -= np.where(np.isfinite(best), best, 0.0)[..., None]
    np.exp(exponent, out=exponent)
    with np.errstate(divide="ignore"):
        return np.asarray(best + np.log(exponent.sum(axis=-1)))


def _half_squares(cells: int, spacing: float, ring: bool) -> Array:
    """Half the squared distance between two cells of an axis, the shorter way on a ring."""
    apart = np.abs(np.subtract.outer(np.arange(cells), np.arange(cells)))
    if ring:
        apart = np.minimum(apart, cells - apart)
    return np.asarray(0.5 * (spacing * apart) ** 2)
