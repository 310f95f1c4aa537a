"""Three-term recurrences of jumps, several terms at a time: what explicit methods spend time on.

A term costs one pass over the rates and the vectors. Beyond the cache that is bound by the
memory, so several terms are taken in one pass: the k-th of them follows the one before at a
distance of the longest jump, while the rates are still in the cache. Threads take strips of the
cells that overlap by as much as these terms reach. Every cell goes through the same operations
in the same order whatever the number of threads and of terms in a pass: so do results.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.crew import available_threads, team
from fokkerplanck.solvers.operator import Jump

__all__ = ["Recurrence"]

Array = NDArray[np.float64]

#: Cells that are worked on at a time.
BLOCK = 1024
#: Most terms in one pass.
DEEPEST = 8
#: Bytes between the first and the last term of a pass, at most: they stay in the cache.
NEAR = 3 * 2**20
#: Least number of cells for each thread.
STRIP = 16384
#: Largest share of the cells of a strip that another strip works on as well.
SHARED = 0.125


class Recurrence:
    """Terms ``u_k = a_k W u_(k-1) + b_k u_(k-2)`` and their sum ``sum_k c_k u_k``.

    Parameters
    ----------
    jump : Jump
        The matrix W.
    mass : ndarray, shape (cells,)
        The term u_0; u_(-1) is zero.
    c : float
        Its coefficient c_0.
    threads : int, optional
        Threads to share the work, by default all, on grids large enough.
    depth : int, optional
        Most terms in a pass.
    """

    def __init__(
        self,
        jump: Jump,
        mass: Array,
        c: float,
        threads: int | None = None,
        depth: int | None = None,
    ) -> None:
        self.jump = jump
        self.total: Array = c * mass
        n = jump.cells
        self._strips: list[_Strip] = []
        if not jump.diagonals:
            self._two = [mass.copy(), np.zeros_like(mass)]
            return
        blocks = -(-n // BLOCK)
        count = min(threads or max(1, min(available_threads(), n // STRIP)), blocks)
        self.depth = min(depth or DEEPEST, _deepest(jump, n // count if count > 1 else None))
        halo = -(-self.depth * jump.pad // BLOCK) * BLOCK
        edges = [min(blocks * i // count * BLOCK, n) for i in range(count)] + [n]
        self._strips = [_Strip(jump, mass, *span, halo) for span in pairwise(edges)]

    def extend(self, a: Array, b: Array, c: Array) -> Array:
        """Add terms with these coefficients; return their L1 norms."""
        if not self._strips:
            return np.array([self._one(*abc) for abc in zip(a, b, c, strict=True)])
        if a.size == 0:
            return np.zeros(0)
        parts = [slice(k, k + self.depth) for k in range(0, a.size, self.depth)]
        return np.concatenate([self._pass(a[k], b[k], c[k]) for k in parts])

    def _pass(self, a: Array, b: Array, c: Array) -> Array:
        jump, total = self.jump, self.total
        norms = np.zeros((a.size, -(-jump.cells // BLOCK)))

        def run(strip: _Strip) -> None:
            _pass_kernel(
                jump.bands, jump.offsets, jump.stay, jump.pad, strip.start, strip.low, strip.high,
                strip.old, strip.new, total, a, b, c, norms,
            )  # fmt: skip
            strip.swap(a.size)

        team(run, self._strips)
        for left, right in pairwise(self._strips):
            left.exchange(right)
        return np.asarray(norms.sum(axis=1))

    def _one(self, a: float, b: float, c: float) -> float:
        jump, (old, new) = self.jump, self._two
        self._two = [new, old]
        return float(
            _rows_kernel(
                jump.rows, jump.columns, jump.rates, jump.stay, old, new, self.total, a, b, c
            )
        )


class _Strip:
    """Cells `low` to `high`, and copies of those around that a pass reads."""

    def __init__(self, jump: Jump, mass: Array, low: int, high: int, halo: int) -> None:
        self.low, self.high, self.pad, n = low, high, jump.pad, jump.cells
        self.start, self.stop = max(low - halo, 0), min(high + halo, n)
        self.old = np.zeros(self.stop - self.start + 2 * self.pad)
        self.new = np.zeros_like(self.old)
        self.old[self.pad : self.old.size - self.pad] = mass[self.start : self.stop]

    def swap(self, terms: int) -> None:
        """Put the last term first."""
        if terms % 2:
            self.old, self.new = self.new, self.old

    def exchange(self, other: _Strip) -> None:
        """Copy what lies in the strip to the right from there, and the reverse."""
        for name in ("old", "new"):
            here, there = getattr(self, name), getattr(other, name)
            mine = self._span(self.high, self.stop)
            here[mine] = there[other._span(self.high, self.stop)]
            there[other._span(other.start, other.low)] = here[self._span(other.start, other.low)]

    def _span(self, low: int, high: int) -> slice:
        return slice(low - self.start + self.pad, high - self.start + self.pad)


def _deepest(jump: Jump, width: int | None) -> int:
    """How many terms a pass may take; `width` is that of strips that overlap."""
    distance = max(-(-jump.pad // BLOCK), 1) * BLOCK
    deepest = NEAR // (8 * (jump.diagonals + 5) * distance)
    if width is not None:
        deepest = min(deepest, int(SHARED * width / (2 * max(jump.pad, 1))))
    return max(deepest, 1)


@njit(cache=True, nogil=True)
def _pass_kernel(  # type: ignore[no-untyped-def]
    bands, offsets, stay, pad, start, low, high, old, new, total, a, b, c, norms
):
    """``u_i <- a_k (stay_i v_i + sum_d band_di v_(i + offset_d)) + b_k u_i``, k after k.

    Term k runs behind term k - 1 by the longest jump, so that both find what they need in place.
    `old` and `new` begin `pad` cells before cell `start`; `total` takes cells from `low` to `high`.
    """
    cells = old.size - 2 * pad
    behind = -(-pad // BLOCK) * BLOCK
    work = np.empty(BLOCK)
    terms = a.size
    for front in range(0, cells + (terms - 1) * behind, BLOCK):
        for k in range(terms):
            at = front - k * behind
            if at < 0 or at >= cells:
                continue
            m = min(BLOCK, cells - at)
            v, u = (old, new) if k % 2 == 0 else (new, old)
            here, first = pad + at, start + at
            _product_kernel(bands, offsets, stay, first, v, here, m, work)
            y = u[here : here + m]
            ak, bk, ck = a[k], b[k], c[k]
            for i in range(m):
                y[i] = ak * work[i] + bk * y[i]
            if first < low or first >= high:
                continue
            t = total[first : first + m]
            l0 = l1 = l2 = l3 = 0.0
            full = m - m % 4
            for i in range(m):
                t[i] += ck * y[i]
            for i in range(0, full, 4):
                l0 += abs(y[i])
                l1 += abs(y[i + 1])
                l2 += abs(y[i + 2])
                l3 += abs(y[i + 3])
            for i in range(full, m):
                l0 += abs(y[i])
            norms[k, first // BLOCK] = (l0 + l1) + (l2 + l3)


@njit(cache=True, nogil=True)
def _product_kernel(bands, offsets, stay, first, v, here, m, work):  # type: ignore[no-untyped-def]
    """One block of the product, two diagonals in each loop."""
    r0 = stay[first : first + m]
    x0 = v[here : here + m]
    for i in range(m):
        work[i] = r0[i] * x0[i]
    d = offsets.size
    k = 0
    while k + 1 < d:
        r0, r1 = bands[k, first : first + m], bands[k + 1, first : first + m]
        p0, p1 = here + offsets[k], here + offsets[k + 1]
        x0, x1 = v[p0 : p0 + m], v[p1 : p1 + m]
        for i in range(m):
            work[i] = work[i] + r0[i] * x0[i] + r1[i] * x1[i]
        k += 2
    if k < d:
        r0 = bands[k, first : first + m]
        x0 = v[here + offsets[k] : here + offsets[k] + m]
        for i in range(m):
            work[i] += r0[i] * x0[i]


@njit(cache=True)
def _rows_kernel(rows, columns, rates, stay, v, u, total, a, b, c):  # type: ignore[no-untyped-def]
    """``u_i <- a (stay_i v_i + sum_j W_ij v_j) + b u_i`` by compressed rows."""
    norm = 0.0
    for i in range(stay.size):
        inflow = stay[i] * v[i]
        for k in range(rows[i], rows[i + 1]):
            inflow += rates[k] * v[columns[k]]
        u[i] = a * inflow + b * u[i]
        total[i] += c * u[i]
        norm += abs(u[i])
    return norm
