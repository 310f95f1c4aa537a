"""Laws of one step of in-plane SGD on a line, as atoms: displacements and their probabilities.

Real minibatches of one sample have the atoms that there are. Sums of more samples live on a fine
lattice that atoms are spread over with weights which keep their first four moments; Gaussian noise
on Gauss-Legendre points between the places at which what it is integrated with has kinks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.cramer import cramer_root
from fokkerplanck.solvers.errors import NumericalError

__all__ = ["Atoms", "batch_atoms", "cubic_weights", "normal_atoms", "sample_atoms"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Standard deviations that normal laws reach; Gauss-Legendre points between two nodes.
REACH, POINTS = 20.0, 6
#: Standard deviation of a normal step, in distances of nodes, that the points resolve.
RESOLVED = 0.5
#: Points of the lattice of a sum in a distance of nodes at least, and in its standard deviation.
PARTS = 4
#: Probability, of the largest of the tilted law, below which Fourier transforms know nothing.
FLOOR = 1e-14
#: Points of a lattice that is still transformed.
LARGEST = 2**22


@dataclass(frozen=True, eq=False)
class Atoms:
    """Where a step from each of n places may lead.

    Parameters
    ----------
    places, probabilities : ndarray, shape (k,)
        Those of the first place, then those of the second, ...
    first : ndarray of int, shape (n + 1,)
        Where those of each place begin, and the end.
    """

    places: Array
    probabilities: Array
    first: Integers

    @classmethod
    def joined(cls, parts: list[tuple[Array, Array]]) -> Atoms:
        """Join the atoms of several places."""
        sizes = np.cumsum([0, *(len(z) for z, _ in parts)])
        places, probabilities = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        return cls(places, probabilities, sizes.astype(np.int64))

    def where(self, mask: NDArray[np.bool_], other: Atoms) -> Atoms:
        """Take the atoms of this law at places where `mask` holds, and those of another elsewhere.

        Parameters
        ----------
        mask : ndarray of bool, shape (n,)
        other : Atoms
        """
        parts = []
        for k, here in enumerate(mask):
            law = self if here else other
            part = slice(law.first[k], law.first[k + 1])
            parts.append((law.places[part], law.probabilities[part]))
        return Atoms.joined(parts)


def sample_atoms(x: Array, gradients: Array, eta: float) -> Atoms:
    """Steps ``x - eta g_i(x)`` of probability 1/N.

    Parameters
    ----------
    x : ndarray, shape (n,)
    gradients : ndarray, shape (n, N)
    eta : float
    """
    n, samples = gradients.shape
    places = (x[:, None] - eta * gradients).ravel()
    first = np.arange(n + 1, dtype=np.int64) * samples
    return Atoms(places, np.full(places.size, 1.0 / samples), first)


def normal_atoms(
    x: Array, mean: Array, deviation: Array, lattice: tuple[float, float]
) -> Atoms:
    """Steps to a normal law, in Gauss-Legendre points between the places of a lattice.

    Parameters
    ----------
    x, mean, deviation : ndarray, shape (n,)
        Places, and mean and standard deviation of the displacement.
    lattice : (float, float)
        A place of the lattice, and its spacing.

    Raises
    ------
    NumericalError
        Where the points do not resolve the law.
    """
    origin, h = lattice
    if (deviation < RESOLVED * h).any():
        msg = f"steps of a standard deviation of {deviation.min():.3g} on nodes {h:.3g} apart: take"
        raise NumericalError(msg + " more nodes")
    t, weight = np.polynomial.legendre.leggauss(POINTS)
    t, weight = (1 + t) / 2, weight / 2
    parts = []
    for centre, sigma in zip(x + mean, deviation, strict=True):
        low, high = (np.floor((centre + side * REACH * sigma - origin) / h) for side in (-1, 1))
        z = origin + h * (np.arange(low, high + 1)[:, None] + t).ravel()
        away = (z - centre) / sigma
        density = np.exp(-(away**2) / 2) / (sigma * np.sqrt(2 * np.pi))
        parts.append((z, density * np.tile(h * weight, len(z) // POINTS)))
    return Atoms.joined(parts)


def batch_atoms(
    x: Array, gradients: Array, eta: float, batch: int, lattice: tuple[float, float]
) -> Atoms:
    """Steps ``x - (eta / B) sum of B gradients``, each of them drawn from all.

    Parameters
    ----------
    x : ndarray, shape (n,)
    gradients : ndarray, shape (n, N)
    eta : float
    batch : int
        B.
    lattice : (float, float)
        A place of the lattice of nodes, and its spacing h; atoms are at its places and between
        them, and half a distance off, so that no edge that is a node cuts an atom.

    Raises
    ------
    NumericalError
        If the lattice would be too large.

    Notes
    -----
    The B-fold convolution is a power of the Fourier transform. That knows probabilities down to
    rounding of the largest one, so the law is tilted beforehand, by half of what takes the mean
    of the walk to the way up: typical steps and those of a climb then are equally near.
    """
    h = lattice[1]
    deviation = eta * gradients.std(axis=1).min() / np.sqrt(batch)
    step = h / max(PARTS, int(np.ceil(PARTS * h / max(deviation, h / 64))))
    tilt = cramer_root(gradients) * batch / (2 * eta)
    parts = []
    for n, centre in enumerate(x):
        moves = -(eta / batch) * gradients[n]
        # B shifts bring the sum from the node to half a distance beyond a place of the lattice
        shift = (lattice[0] + step / 2 - centre) % step / batch
        index, single = _spread((moves - shift) / step)
        low, size = index * batch, batch * (len(single) - 1) + 1
        if size > LARGEST:
            msg = f"the sum of {batch} gradients would need {size} points of a lattice {step:.2g} "
            raise NumericalError(msg + "apart: take fewer nodes or smaller batches")
        law = _power(single, batch, tilt[n] * step if np.isfinite(tilt[n]) else 0.0, size)
        keep = np.flatnonzero(law)
        z = centre + step * (low + keep) + batch * shift
        parts.append((z, law[keep]))
    return Atoms.joined(parts)


def cubic_weights(t: Array) -> Array:
    """Lagrange's weights of places -1, 0, 1, 2 at t, shape (..., 4)."""
    t = np.asarray(t)
    return np.stack(
        [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ],
        axis=-1,
    )


def _spread(places: Array) -> tuple[int, Array]:
    """Spread equal atoms over whole places: the first of them, and probabilities."""
    cell = np.floor(places).astype(np.int64)
    low = int(cell.min()) - 1
    weight = cubic_weights(places - cell) / len(places)
    at = cell[:, None] + np.arange(-1, 3) - low
    return low, np.bincount(at.ravel(), weight.ravel())


def _power(single: Array, batch: int, tilt: float, size: int) -> Array:
    """Probabilities of the sum of `batch` draws, by Fourier transform of the tilted law."""
    from scipy.fft import irfft, next_fast_len, rfft

    place = np.arange(len(single))
    middle = int((place * single).sum())
    tilted = single * np.exp(tilt * (place - middle))
    total = tilted.sum()
    length = next_fast_len(size, real=True)
    law = irfft(rfft(tilted / total, length) ** batch, length)[:size]
    law[np.abs(law) < FLOOR * law.max()] = 0.0
    out = np.zeros(size)
    keep = np.flatnonzero(law)
    back = batch * np.log(total) - tilt * (keep - batch * middle)
    out[keep] = law[keep] * np.exp(back)
    return out
