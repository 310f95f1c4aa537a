"""Linear systems with absorbing walls: elements condensed to their ends, and these in a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.kinetic_elements import DEGREE, Elements
from fokkerplanck.solvers.threads import one_blas_thread

__all__ = ["Walled"]

Array = NDArray[np.float64]
Numbers = NDArray[Any]
#: Most refinements of a solution, and the relative correction at which they end.
REFINEMENTS, SETTLED = 8, 1e-11


class Walled:
    r"""Factorised :math:`\theta - t L^\dagger` of an `Elements`.

    Unknowns are scaled by the roots of their weights: ``even`` of shape (nodes, count) and ``odd``
    of shape (elements, p, count - 1).

    Parameters
    ----------
    elements : Elements
    shift : complex or float
        theta; not negative where real.
    time : float
        t.
    factorise : bool
        Without factors there are products only.
    """

    def __init__(
        self,
        elements: Elements,
        shift: complex = 0.0,
        time: float = 1.0,
        *,
        factorise: bool = True,
    ) -> None:
        self.elements, self.shift, self.time = elements, shift, time
        v = elements.velocity
        self._x1, self._x2 = (elements.speed * m for m in elements.differences())
        self._w, self._r = v.raising + v.lowering, v.lowering
        self._odd = shift * np.eye(v.count - 1) + time * elements.rate * v.odd
        self._inverse = np.linalg.inv(self._odd)
        self._even = shift * np.eye(v.count) + time * elements.rate * v.even
        if factorise:
            self._factorise()

    @property
    def bytes(self) -> int:
        """Memory that the factors take."""
        return sum(a.nbytes + b.nbytes for a, b in self._inner)

    def product(self, even: Numbers, odd: Numbers) -> tuple[Numbers, Numbers]:
        """Apply the matrix."""
        zero = np.zeros_like(even), np.zeros_like(odd)
        r_e, r_o = self._residual(even, odd, *zero)
        return -r_e, -r_o

    def transport(self, even: Numbers) -> Numbers:
        """Transport from even to odd."""
        local = self._local(even)
        first = np.einsum("eqk,ekm->eqm", self._x1, local, optimize=True) @ self._w.T
        second = np.einsum("eqk,ekm->eqm", self._x2, local, optimize=True) @ self._r.T
        return np.asarray(first + second)

    def back(self, odd: Numbers) -> Numbers:
        """Transposed transport, from odd to even."""
        first = np.einsum("eqk,eqm->ekm", self._x1, odd @ self._w, optimize=True)
        first = first + np.einsum("eqk,eqm->ekm", self._x2, odd @ self._r, optimize=True)
        return self._assembled(first)

    @one_blas_thread
    def solve(
        self, even: Numbers, odd: Numbers, *, refinements: int = REFINEMENTS
    ) -> tuple[Numbers, Numbers, float]:
        """Solve; also returns the last relative correction."""
        e, o = self._once(even, odd)
        doubt = np.inf
        for _ in range(refinements):
            r_e, r_o = self._residual(e, o, even, odd)
            d_e, d_o = self._once(r_e, r_o)
            size = np.sqrt(np.linalg.norm(e) ** 2 + np.linalg.norm(o) ** 2)
            doubt = float(np.sqrt(np.linalg.norm(d_e) ** 2 + np.linalg.norm(d_o) ** 2) / size)
            e, o = e + d_e, o + d_o
            if doubt < SETTLED:
                break
        return e, o, doubt

    def _local(self, even: Numbers) -> Numbers:
        index = np.arange(DEGREE + 1) + DEGREE * np.arange(self.elements.count)[:, None]
        return np.asarray(even[index])

    def _assembled(self, local: Numbers) -> Numbers:
        out = np.zeros((self.elements.nodes.size, local.shape[-1]), dtype=local.dtype)
        for k in range(DEGREE + 1):
            out[k : k + 1 + DEGREE * (self.elements.count - 1) : DEGREE] += local[:, k]
        return out

    def _walls(self, even: Numbers) -> Numbers:
        out = np.zeros_like(even)
        for wall, k in zip(self.elements.absorbing, (0, -1), strict=True):
            if wall:
                out[k] = even[k] @ self._wall(k)
        return out

    def _wall(self, k: int) -> Array:
        el = self.elements
        return np.asarray(self.time * el.speed / el.node_weights[k] * el.velocity.flux)

    def _residual(
        self, e: Numbers, o: Numbers, even: Numbers, odd: Numbers
    ) -> tuple[Numbers, Numbers]:
        r_e = even - e @ self._even - self._walls(e) - self.time * self.back(o)
        return r_e, odd - o @ self._odd + self.time * self.transport(e)

    def _once(self, even: Numbers, odd: Numbers) -> tuple[Numbers, Numbers]:
        e = self._condensed(even - self.time * self.back(odd @ self._inverse))
        return e, (odd + self.time * self.transport(e)) @ self._inverse

    @one_blas_thread
    def _factorise(self) -> None:
        el, n, m = self.elements, self.elements.count, self.elements.velocity.count
        t2 = self.time**2
        ww, wr = self._w.T @ self._inverse @ self._w, self._w.T @ self._inverse @ self._r
        rr = self._r.T @ self._inverse @ self._r
        self._inner: list[tuple[Numbers, Numbers]] = []
        diagonal = np.zeros((n + 1, m, m), dtype=np.result_type(self._inverse, float))
        off = np.zeros((n, m, m), dtype=diagonal.dtype)
        for k in range(n):
            x1, x2 = self._x1[k], self._x2[k]
            block: Numbers = t2 * (
                _kron(x1.T @ x1, ww)
                + _kron(x1.T @ x2, wr)
                + _kron(x2.T @ x1, wr.T)
                + _kron(x2.T @ x2, rr)
            )
            for j in range(1, DEGREE):
                block[j, :, j, :] += self._even
            size = (DEGREE - 1) * m
            inside = block[1:-1, :, 1:-1, :].reshape(size, size)
            ends = block[1:-1][:, :, [0, DEGREE], :].reshape(size, 2 * m)
            inverse = np.linalg.inv(inside)
            moved = inverse @ ends
            outer = block[[0, DEGREE]][:, :, [0, DEGREE], :].reshape(2 * m, 2 * m) - ends.T @ moved
            self._inner.append((inverse, moved))
            diagonal[k] += outer[:m, :m]
            diagonal[k + 1] += outer[m:, m:]
            off[k] = outer[:m, m:]
        for wall, k in zip(el.absorbing, (0, n), strict=True):
            if wall:
                diagonal[k] += self._wall(0 if k == 0 else -1)
        diagonal += self._even
        self._pivots, self._off = [np.linalg.inv(diagonal[0])], off
        for k in range(n):
            self._pivots.append(
                np.linalg.inv(diagonal[k + 1] - off[k].T @ self._pivots[k] @ off[k])
            )
        if not all(np.isfinite(p).all() for p in self._pivots):
            msg = "the elimination of a kinetic system with absorbing walls broke down"
            raise NumericalError(msg)

    def _condensed(self, right: Numbers) -> Numbers:
        n, m = self.elements.count, self.elements.velocity.count
        local = right[:-1].reshape(n, DEGREE, m)
        inner = local[:, 1:].reshape(n, -1)
        ends = right[::DEGREE].astype(np.result_type(right, self._inverse))
        for k, (_, moved) in enumerate(self._inner):
            change = inner[k] @ moved
            ends[k] -= change[:m]
            ends[k + 1] -= change[m:]
        for k in range(n):
            ends[k + 1] -= ends[k] @ self._pivots[k] @ self._off[k]
        out = np.zeros(right.shape, dtype=ends.dtype)
        out[-1] = ends[n] @ self._pivots[n].T
        for k in range(n - 1, -1, -1):
            out[DEGREE * k] = self._pivots[k] @ (ends[k] - self._off[k] @ out[DEGREE * (k + 1)])
        for k, (inverse, moved) in enumerate(self._inner):
            both = np.concatenate([out[DEGREE * k], out[DEGREE * (k + 1)]])
            out[DEGREE * k + 1 : DEGREE * (k + 1)] = (inverse @ inner[k] - moved @ both).reshape(
                -1, m
            )
        return out


def _kron(x: Numbers, v: Numbers) -> Numbers:
    """Kronecker product as an array (node, mode, node, mode)."""
    return np.asarray(x[:, None, :, None] * v[None, :, None, :])
