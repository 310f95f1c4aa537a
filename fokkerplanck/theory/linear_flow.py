"""``e^{-At}`` and what it makes of vectors and noise, at many times from one decomposition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["LinearFlow", "leap"]

Array = NDArray[np.float64]
Modes = NDArray[np.float64] | NDArray[np.complex128]
#: Condition of the modes up to which they are used, and largest relative error, times the root of
#: their number, of a matrix that is taken to their frame and back.
LARGEST_CONDITION, LARGEST_ERROR = 1e4, 5e-14
#: Steps that differ by less than this part are one.
SAME = 1e-12


@dataclass(frozen=True, eq=False)
class LinearFlow:
    """The flow ``dx/dt = -A x``.

    Where A has a well-conditioned set of modes, ``A = V diag(lambda) V^-1``, every time costs two
    products of matrices. Where it has none (a defective A, as at critical damping), exponentials
    of the differences between times are taken, one for each that is different.

    Parameters
    ----------
    rate : ndarray, shape (n, n)
        A.
    """

    rate: Array

    @cached_property
    def modes(self) -> tuple[Modes, Modes, Modes] | None:
        """``(lambda, V, V^-1)``, or None where they would lose digits."""
        from scipy.linalg import solve

        a = self.rate
        if np.array_equal(a, a.T):
            values, vectors = np.linalg.eigh(a)
            return values, vectors, vectors.T
        values, vectors = np.linalg.eig(a)
        sizes = np.linalg.svd(vectors, compute_uv=False)
        if sizes[-1] * LARGEST_CONDITION < sizes[0]:
            return None
        inverse = solve(vectors, np.eye(len(a)))
        back = (vectors * values) @ inverse
        return (values, vectors, inverse) if _close(back, a) else None

    def propagators(self, times: Array) -> Iterator[Array]:
        """``e^{-A t}`` at each time, shape (n, n)."""
        if self.modes is None:
            yield from (decay for decay, _ in self._stepped(times, None))
            return
        values, vectors, inverse = self.modes
        for t in times:
            yield _real((vectors * np.exp(-values * t)) @ inverse)

    def applied(self, times: Array, vectors: Array) -> Array:
        """``e^{-A t} x`` for x of shape (n,); shape (times, n)."""
        if self.modes is None:
            return np.array([decay @ vectors for decay in self.propagators(times)])
        values, axes, inverse = self.modes
        parts = inverse @ vectors
        return _real((np.exp(-np.multiply.outer(times, values)) * parts) @ axes.T)

    def traces_gone(self, times: Array, matrix: Array) -> Array:
        """``tr[(1 - e^{-A t}) M]``, shape (times,); without cancellation at short times."""
        if self.modes is None:
            one = np.eye(len(matrix))
            return np.array([np.sum((one - e) * matrix.T) for e in self.propagators(times)])
        values, vectors, inverse = self.modes
        parts = np.einsum("ki,ij,jk->k", inverse, matrix, vectors, optimize=True)
        return _real(-np.expm1(-np.multiply.outer(times, values)) @ parts)

    def covariances(self, times: Array, start: Array, diffusion: Array) -> Iterator[Array]:
        """``e^{-At} S0 e^{-A^T t} + 2 int_0^t e^{-As} D e^{-A^T s} ds`` at each time, (n, n).

        For any A: entries of the frame of its modes grow by ``2 D_kl (1 - e^{-zt}) / z`` with
        ``z = lambda_k + lambda_l*``, so no stationary law is needed.
        """
        framed = self._framed(start, diffusion)
        if self.modes is None or framed is None:
            for decay, grown in self._stepped(times, diffusion):
                yield _symmetric(decay @ start @ decay.T + grown)
            return
        values, vectors, _ = self.modes
        begun, noise = framed
        pairs = values[:, None] + values.conj()
        at_rest = np.abs(pairs) <= 1e-300
        safe = np.where(at_rest, 1.0, pairs)
        for t in times:
            grown = np.where(at_rest, t, -np.expm1(-safe * t) / safe) * 2
            inner = np.exp(-pairs * t) * begun + grown * noise
            yield _symmetric(_back(vectors, inner))

    def _framed(self, *matrices: Array) -> tuple[Modes, ...] | None:
        """Take covariances to the frame of the modes; None where they come back with errors.

        The condition counts twice there, so that it tells less than this.
        """
        if self.modes is None:
            return None
        _, vectors, inverse = self.modes
        found = tuple(inverse @ m @ inverse.conj().T for m in matrices)
        good = all(_close(_back(vectors, x), m) for x, m in zip(found, matrices, strict=True))
        return found if good else None

    def _stepped(self, times: Array, diffusion: Array | None) -> Iterator[tuple[Array, Array]]:
        """Propagator and covariance grown from zero, from each time to the next later one."""
        n = len(self.rate)
        known: list[tuple[float, Array, Array]] = []
        found: dict[int, tuple[Array, Array]] = {}
        now, decay, grown = 0.0, np.eye(n), np.zeros((n, n))
        for k in np.argsort(times, kind="stable"):
            gap = float(times[k]) - now
            step = next((s for s in known if abs(s[0] - gap) <= SAME * abs(gap)), None)
            if step is None:
                step = (gap, *leap(self.rate, diffusion, gap))
                known.append(step)
            _, e, noise = step
            now, decay = float(times[k]), e @ decay
            grown = _symmetric(e @ grown @ e.T + noise)
            found[int(k)] = decay, grown
        for k in range(len(times)):
            yield found[k]


def leap(rate: Array, diffusion: Array | None, time: float) -> tuple[Array, Array]:
    """``e^{-At}`` and the covariance grown from zero (0 without diffusion), for any A.

    By doubling, from a step so short that a block exponential (Van Loan) holds no large numbers:
    ``G(2t) = G(t) + E G(t) E^T`` and ``E(2t) = E^2`` subtract nothing.
    """
    from scipy.linalg import expm

    n = len(rate)
    if diffusion is None:
        return np.asarray(expm(-rate * time)), np.zeros((n, n))
    size = float(np.abs(rate).sum(axis=0).max()) * abs(time)
    doublings = max(0, int(np.ceil(np.log2(size)))) if size > 0 else 0
    short = time / 2**doublings
    block = np.block([[-rate, 2 * diffusion], [np.zeros((n, n)), rate.T]])
    whole = expm(short * block)
    decay = whole[:n, :n]
    grown = _symmetric(whole[:n, n:] @ decay.T)
    for _ in range(doublings):
        grown = _symmetric(grown + decay @ grown @ decay.T)
        decay = decay @ decay
    return decay, grown


def _back(vectors: Modes, inner: Modes) -> Array:
    """``V X V*`` where it is real: two real products in place of four at the end."""
    right = inner @ vectors.conj().T
    whole = vectors.real @ right.real
    return whole - vectors.imag @ right.imag if np.iscomplexobj(vectors) else np.asarray(whole)


def _close(found: Modes, due: Array) -> bool:
    limit = LARGEST_ERROR * np.sqrt(len(due)) * np.abs(due).max()
    return bool(np.abs(found - due).max() <= limit)


def _real(matrix: Modes) -> Array:
    return np.ascontiguousarray(matrix.real, dtype=np.float64)


def _symmetric(matrix: Array) -> Array:
    return np.asarray(0.5 * (matrix + matrix.T))
