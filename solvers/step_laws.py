"""Laws of one step of in-plane SGD on a line, as atoms: displacements and their probabilities.

Real minibatches of one sample have the atoms that there are. Sums of more samples live on a fine
lattice that atoms are spread over with weights which keep their first four moments; Gaussian noise
on Gauss-Legendre points between the places at which what it is integrated with has kinks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError

__all__ = ["Atoms", "batch_atoms", "cubic_weights", "normal_atoms", "sample_atoms"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Standard deviations that normal laws reach, beyond the mean of a climb; Gauss-Legendre points
#: between two nodes.
REACH, POINTS = 9.0, 4
#: Standard deviation of a normal step, in distances of nodes, that the points resolve.
RESOLVED = 0.5
#: Points of the lattice of a sum in a distance of nodes at least, and in its standard deviation.
PARTS = 4
#: Probability, of the largest, below which the ends of a law are cut off.
FAINT = 1e-200


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
    """Give steps ``x - eta g_i(x)`` of probability 1/N.

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


def normal_atoms(x: Array, mean: Array, deviation: Array, lattice: tuple[float, float]) -> Atoms:
    """Give steps of a normal law, in Gauss-Legendre points between the places of a lattice.

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
    for at, move, sigma in zip(x, mean, deviation, strict=True):
        # a climb has the steps of a normal law about minus the mean: nothing beyond it counts
        centre, reach = at + move, REACH * sigma + 2 * abs(move)
        low, high = (np.floor((centre + side * reach - origin) / h) for side in (-1, 1))
        z = origin + h * (np.arange(low, high + 1)[:, None] + t).ravel()
        away = (z - centre) / sigma
        density = np.exp(-(away**2) / 2) / (sigma * np.sqrt(2 * np.pi))
        parts.append((z, density * np.tile(h * weight, len(z) // POINTS)))
    return Atoms.joined(parts)


def batch_atoms(
    x: Array, gradients: Array, eta: float, batch: int, lattice: tuple[float, float]
) -> Atoms:
    """Give steps ``x - (eta / B) sum of B gradients``, each drawn from all.

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

    Notes
    -----
    Convolutions are summed directly. A Fourier transform would know probabilities only down to
    rounding of the largest one; steps of a climb, and of leaps, are rarer than that.
    """
    h = lattice[1]
    deviation = eta * gradients.std(axis=1).min() / np.sqrt(batch)
    step = h / max(PARTS, int(np.ceil(PARTS * h / max(deviation, h / 64))))
    parts = []
    for n, centre in enumerate(x):
        moves = -(eta / batch) * gradients[n]
        # B shifts bring the sum from the node to half a distance beyond a place of the lattice
        shift = (lattice[0] + step / 2 - centre) % step / batch
        index, single = _spread((moves - shift) / step)
        low, law = _power(single, batch)
        z = centre + step * (index * batch + low + np.arange(len(law))) + batch * shift
        parts.append((z, law))
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
    return low, np.asarray(np.bincount(at.ravel(), weight.ravel()), dtype=np.float64)


def _power(single: Array, batch: int) -> tuple[int, Array]:
    """Law of the sum of `batch` draws: its first place and its probabilities, by doubling."""
    low, law = 0, np.ones(1)
    shift, double = 0, single
    while True:
        if batch % 2:
            low, law = _sum((low, law), (shift, double))
        batch //= 2
        if not batch:
            return low, law
        shift, double = _sum((shift, double), (shift, double))


def _sum(one: tuple[int, Array], other: tuple[int, Array]) -> tuple[int, Array]:
    """Law of the sum of two draws, without the ends that hold next to nothing."""
    law = np.convolve(one[1], other[1])
    keep = np.flatnonzero(np.abs(law) > FAINT * law.max())
    first = int(keep[0])
    return one[0] + other[0] + first, law[first : keep[-1] + 1]
