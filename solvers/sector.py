"""How far the modes of a driven chain may oscillate, and what a rational step then does to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.poles import POLES, RESIDUES
from fokkerplanck.solvers.threads import one_blas_thread

__all__ = ["Sector", "find_sector", "worst_error"]

Array = NDArray[np.float64]

#: Crouzeix and Palencia, SIAM J. Matrix Anal. Appl. 38, 649 (2017): |f(Q)| <= (1 + sqrt 2) sup |f|
#: over the field of values of Q.
CROUZEIX_PALENCIA = 1.0 + np.sqrt(2.0)
#: The slope is approached from below, to about a per cent; this goes beyond it.
MARGIN = 1.1
STEADY, FEWEST, MOST = 1e-3, 12, 80
#: Stationary masses below this fraction of the largest are left out.
INVISIBLE = 1e-200


@dataclass(frozen=True, eq=False)
class Sector:
    r"""Sector that holds the field of values of Q in the stationary-weighted norm.

    With the stationary masses as weights, Q is a negative symmetric part plus an antisymmetric
    one, carried by the stationary net fluxes: ``|Im <f, Q f>| <= slope * |Re <f, Q f>|``.

    Parameters
    ----------
    stationary : ndarray, shape (cells,)
        Stationary masses, summing to 1.
    slope : float
        Tangent of half the opening angle; 0 in detailed balance.
    """

    stationary: Array
    slope: float

    def bound(self, mass: Array, parts: int) -> float:
        """Bound the L1 error of a rational step of any length, taken in `parts` equal steps.

        A bound as far as the slope is one: that comes from a power iteration, with a margin.

        ``|error|_1 <= |error / pi|_pi <= (1 + sqrt 2) sup |r(z / m)^m - e^z| |P / pi - 1|_pi``.
        """
        worst = CROUZEIX_PALENCIA * worst_error(self.slope, parts)
        return float(worst * np.sqrt(self._contributions(mass).sum()))

    def visible(self, mass: Array, amount: float) -> Array:
        """Take mass of at most `amount` from where it is far above its stationary share.

        Rounding that lies where next to nothing belongs would dominate the weighted norm. What
        is taken is spread over the rest, which moves the density, now and ever after, by at most
        ``2 amount`` in L1.
        """
        order = np.argsort(self._contributions(mass))[::-1]
        taken = order[: int(np.searchsorted(np.cumsum(mass[order]), amount))]
        kept = mass.copy()
        kept[taken] = 0.0
        return np.asarray(kept * (mass.sum() / kept.sum()))

    def _contributions(self, mass: Array) -> Array:
        excess = mass - mass.sum() * self.stationary
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            share = excess**2 / self.stationary
        return np.asarray(np.where(excess == 0.0, 0.0, share))


@one_blas_thread
def find_sector(generator: Generator, stationary: Array) -> Sector | None:
    """Find the sector of a conservative generator from its stationary masses.

    The slope is the largest ``|<f, A f>| / <f, -S f>`` of the antisymmetric over the symmetric
    part, found by power iteration with a factorisation of S. For an Ornstein-Uhlenbeck process
    it is the spectral radius of ``D^-1/2 i Q D^-1/2``, Q the antisymmetric current matrix.

    Returns
    -------
    Sector or None
        None where rounding leaves no answer.
    """
    pi = np.asarray(stationary, dtype=np.float64).ravel()
    a = generator.forward * pi[generator.tail]
    b = generator.backward * pi[generator.head]
    keep = pi > INVISIBLE * pi.max()
    keep[np.argmax(pi)] = False  # f = 0 there takes the constant out
    ends = (generator.tail, generator.head)
    conductance = _on_links(generator, ends, (a + b) / 2, (a + b) / 2)
    diagonal = np.asarray(conductance.sum(axis=1)).ravel()[keep]
    if not (diagonal > 0).all():
        return None
    scale = 1.0 / np.sqrt(diagonal)  # unit diagonal: the same ratio, well scaled
    scaling = sp.diags_array(scale)
    inside = np.flatnonzero(keep)
    symmetric = sp.eye_array(inside.size) - scaling @ conductance[inside][:, inside] @ scaling
    flux = _on_links(generator, ends, (a - b) / 2, (b - a) / 2)[inside][:, inside]
    slope = _largest_ratio(sp.csc_array(symmetric), sp.csr_array(scaling @ flux @ scaling))
    return None if slope is None else Sector(pi, MARGIN * slope)


def _on_links(
    generator: Generator, ends: tuple[NDArray[np.int32], ...], there: Array, back: Array
) -> sp.csr_array:
    rows, columns = np.concatenate(ends), np.concatenate(ends[::-1])
    shape = (generator.cells, generator.cells)
    return sp.coo_array((np.concatenate([there, back]), (rows, columns)), shape=shape).tocsr()


def _largest_ratio(symmetric: sp.csc_array, antisymmetric: sp.csr_array) -> float | None:
    """Largest eigenvalue modulus of ``S^-1 A``, in the norm of S."""
    try:
        lu = splu(symmetric, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
                  options={"SymmetricMode": True})  # fmt: skip
    except RuntimeError:
        return None
    v = np.random.default_rng(0).standard_normal(symmetric.shape[0])
    v /= np.sqrt(v @ (symmetric @ v))
    largest, before = 0.0, 0.0
    for k in range(MOST):
        u = lu.solve(antisymmetric @ v)
        square = float(u @ (symmetric @ u))
        if not (np.isfinite(square) and square >= 0.0):
            return None
        if square == 0.0:
            return largest
        ratio = float(np.sqrt(square))
        largest = max(largest, ratio)
        if k >= FEWEST and k % 6 == 0:
            if abs(ratio - before) < STEADY * ratio:
                break
            before = ratio
        v = u / ratio
    return largest


@cache
def worst_error(slope: float, parts: int) -> float:
    """Largest ``|r(z / m)^m - e^z|`` over the sector: it lies on the edge.

    Parameters
    ----------
    slope : float
        Tangent of half the opening angle.
    parts : int
        Number m of equal steps.
    """
    x = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 4001)])
    z = -x * np.exp(1j * np.arctan(slope))
    w = z / parts
    r = np.zeros_like(z)
    for pole, c in zip(POLES, RESIDUES, strict=True):
        r += c / (w - pole) + np.conj(c) / (w - np.conj(pole))
    return float(np.abs(r**parts - np.exp(z)).max())
