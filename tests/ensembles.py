"""Ensembles of Langevin paths on the surface of Müller and Brown, to check solvers against.

``dx = -grad L dt + sqrt(2 D) dW`` with a constant tensor D, in Heun's steps for additive noise
(weak order 2). A path that is looked at every dt only meets a set later than it should; sets are
therefore widened by 0.5826 standard deviations of a step normal to their boundary, which leaves
an error of order dt.

References
----------
Broadie, Glasserman and Kou, Math. Finance 7, 325 (1997), for the shift -zeta(1/2)/sqrt(2 pi);
Gobet and Menozzi, Stochastic Process. Appl. 120, 130 (2010), for curved boundaries and tensors.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np

from fokkerplanck.landscapes.mueller_brown import TERMS


@dataclass(frozen=True)
class Ensemble:
    """Many paths at once, the same for the same seed.

    Parameters
    ----------
    diffusion : ndarray, shape (2, 2)
        Constant tensor D.
    dt : float
    seed : int
    scale : float
        Factor on the loss.
    """

    diffusion: np.ndarray
    dt: float
    seed: int = 0
    scale: float = 1.0

    def passages(self, start, centre, radius, count):
        """First times at which `count` paths from a point meet a disc."""
        discs = np.array([[*centre, radius]])
        starts = np.tile(np.asarray(start, dtype=float), (count, 1))
        parts = self._spread(_first_hits, starts, discs)
        return np.concatenate([times for times, _ in parts])

    def splits(self, start, discs, count):
        """How many of `count` paths from a point meet each of some discs first."""
        starts = np.tile(np.asarray(start, dtype=float), (count, 1))
        parts = self._spread(_first_hits, starts, np.asarray(discs, dtype=float))
        return np.bincount(np.concatenate([which for _, which in parts]), minlength=len(discs))

    def transitions(self, discs, steps, count):
        """Moves between discs of `count` long paths that begin in one of them each.

        Returns
        -------
        moves : ndarray, shape (count, n, n)
            Arrivals at disc j of paths that were last in disc i.
        times : ndarray, shape (count, n)
            Time during which disc i was the last one met.
        """
        discs = np.asarray(discs, dtype=float)
        starts = discs[np.arange(count) % len(discs), :2].copy()
        parts = self._spread(_moves, starts, discs, steps)
        moves, times = (np.concatenate([p[k] for p in parts]) for k in (0, 1))
        return moves, times

    def _spread(self, kernel, starts, discs, *options):
        """Run a kernel on shares of the paths, each with its own seed."""
        shares = np.array_split(starts, max(2, len(starts) // 256))
        rngs = np.random.default_rng(self.seed).spawn(len(shares))
        terms = TERMS.copy()
        terms[0] *= self.scale
        root = np.linalg.cholesky(2.0 * self.dt * np.asarray(self.diffusion, dtype=float))
        with ThreadPoolExecutor(2) as pool:
            jobs = [
                pool.submit(kernel, terms, root, self.dt, share, discs, rng, *options)
                for share, rng in zip(shares, rngs, strict=True)
            ]
            return [job.result() for job in jobs]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _force(terms, x, y):
    fx = fy = 0.0
    for k in range(terms.shape[1]):
        u, v = x - terms[4, k], y - terms[5, k]
        a, b, c = terms[1, k], terms[2, k], terms[3, k]
        e = terms[0, k] * np.exp(a * u * u + b * u * v + c * v * v)
        fx -= e * (2.0 * a * u + b * v)
        fy -= e * (b * u + 2.0 * c * v)
    return fx, fy


@numba.njit(cache=True, nogil=True, fastmath=True)
def _step(terms, root, dt, rng, x, y):
    """One step of Heun: ``x' = x + (f(x) + f(x + f dt + noise)) dt / 2 + noise``."""
    first, second = rng.standard_normal(), rng.standard_normal()
    nx, ny = root[0, 0] * first, root[1, 0] * first + root[1, 1] * second
    fx, fy = _force(terms, x, y)
    gx, gy = _force(terms, x + fx * dt + nx, y + fy * dt + ny)
    return x + 0.5 * (fx + gx) * dt + nx, y + 0.5 * (fy + gy) * dt + ny


@numba.njit(cache=True, nogil=True, fastmath=True)
def _met(root, discs, x, y):
    """Which of the widened discs holds the point, -1 if none."""
    for k in range(discs.shape[0]):
        u, v, r = x - discs[k, 0], y - discs[k, 1], discs[k, 2]
        away = np.sqrt(u * u + v * v)
        if away <= r:
            return k
        # standard deviation of a step along the line to the centre
        along = root[0, 0] * u + root[1, 0] * v, root[1, 1] * v
        spread = np.sqrt(along[0] ** 2 + along[1] ** 2) / away
        if away <= r + 0.5825971579390107 * spread:
            return k
    return -1


@numba.njit(cache=True, nogil=True)
def _first_hits(terms, root, dt, starts, discs, rng):
    times, which = np.empty(len(starts)), np.empty(len(starts), dtype=np.int64)
    for i in range(len(starts)):
        x, y = starts[i]
        steps, met = 0, -1
        while met < 0:
            x, y = _step(terms, root, dt, rng, x, y)
            steps += 1
            met = _met(root, discs, x, y)
        times[i], which[i] = steps * dt, met
    return times, which


@numba.njit(cache=True, nogil=True)
def _moves(terms, root, dt, starts, discs, rng, steps):
    n = len(discs)
    moves, times = np.zeros((len(starts), n, n)), np.zeros((len(starts), n))
    for i in range(len(starts)):
        x, y = starts[i]
        last = _met(root, discs, x, y)
        for _ in range(steps):
            times[i, last] += dt
            x, y = _step(terms, root, dt, rng, x, y)
            met = _met(root, discs, x, y)
            if met >= 0 and met != last:
                moves[i, last, met] += 1
                last = met
    return moves, times
