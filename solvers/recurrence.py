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
from fokkerplanck.solvers.llvm import carray, fma, reals
from fokkerplanck.solvers.operator import Jump, aligned

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
#: Largest share of the work on a strip that another strip does as well.
SHARED = 0.14


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
        self.total: Array = aligned(mass.size)
        np.multiply(c, mass, out=self.total)
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
        passes = -(-a.size // self.depth)  # of about the same number of terms
        parts = [slice(a.size * k // passes, a.size * (k + 1) // passes) for k in range(passes)]
        return np.concatenate([self._pass(a[k], b[k], c[k]) for k in parts])

    def _pass(self, a: Array, b: Array, c: Array) -> Array:
        jump, total = self.jump, self.total
        norms = np.zeros((a.size, -(-jump.cells // BLOCK)))

        def run(strip: _Strip) -> None:
            _pass_kernel(
                jump.bands, jump.offsets, jump.stay, strip.pad, strip.start, strip.low, strip.high,
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
        self.low, self.high, self.pad, n = low, high, -(-jump.pad // 8) * 8, jump.cells
        self.start, self.stop = max(low - halo, 0), min(high + halo, n)
        self.old = aligned(self.stop - self.start + 2 * self.pad)
        self.new = aligned(self.old.size)
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
        deepest = min(deepest, int(SHARED * width / max(jump.pad, 1)))
    return max(deepest, 1)


@njit(cache=True, nogil=True)
def _pass_kernel(  # type: ignore[no-untyped-def]
    bands, offsets, stay, pad, start, low, high, old, new, total, a, b, c, norms
):
    """``u_i <- a_k (stay_i v_i + sum_d band_di v_(i + offset_d)) + b_k u_i``, k after k.

    Term k runs behind term k - 1 by the longest jump, so that both find what they need in place.
    `old` and `new` begin `pad` cells before cell `start`; `total` takes cells from `low` to `high`,
    two terms at a time. Beyond these only what later terms of the pass read is found.
    """
    cells = old.size - 2 * pad
    behind = -(-pad // BLOCK) * BLOCK
    work = carray(reals(1024), BLOCK)  # on the stack: nothing else can lie there
    terms = a.size
    for front in range(0, cells + (terms - 1) * behind, BLOCK):
        for k in range(terms):
            at, reach = front - k * behind, (terms - 1 - k) * pad
            first = start + at
            if at < 0 or at >= cells or first + BLOCK <= low - reach or first >= high + reach:
                continue
            m = min(BLOCK, cells - at)
            v, u = (old, new) if k % 2 == 0 else (new, old)
            here = pad + at
            _product_kernel(bands, offsets, stay, first, v, here, m, work)
            x, y = v[here : here + m], u[here : here + m]
            ak, bk = a[k], b[k]
            mine = low <= first < high
            if mine and (k % 2 == 1 or k == terms - 1):
                t = total[first : first + m]
                c0, c1 = c[k - 1] if k % 2 == 1 else 0.0, c[k]
                for i in range(m):
                    new_y = fma(ak, work[i], bk * y[i])
                    y[i] = new_y
                    t[i] = fma(c1, new_y, fma(c0, x[i], t[i]))
            else:
                for i in range(m):
                    y[i] = fma(ak, work[i], bk * y[i])
            if mine:
                norms[k, first // BLOCK] = _length_kernel(y)


@njit(cache=True, nogil=True, forceinline=True)
def _product_kernel(bands, offsets, stay, first, v, here, m, work):  # type: ignore[no-untyped-def]
    """One block of the product; the six or four diagonals of most planes in one loop."""
    d, last, end = offsets.size, first + m, here + m
    r0, x0 = stay[first:last], v[here:end]
    if d >= 4:
        r1, x1 = bands[0, first:last], v[here + offsets[0] : end + offsets[0]]
        r2, x2 = bands[1, first:last], v[here + offsets[1] : end + offsets[1]]
        r3, x3 = bands[2, first:last], v[here + offsets[2] : end + offsets[2]]
        r4, x4 = bands[3, first:last], v[here + offsets[3] : end + offsets[3]]
    if d >= 6:
        r5, x5 = bands[4, first:last], v[here + offsets[4] : end + offsets[4]]
        r6, x6 = bands[5, first:last], v[here + offsets[5] : end + offsets[5]]
        for i in range(m):
            s = fma(r2[i], x2[i], fma(r1[i], x1[i], r0[i] * x0[i]))
            s = fma(r4[i], x4[i], fma(r3[i], x3[i], s))
            work[i] = fma(r6[i], x6[i], fma(r5[i], x5[i], s))
    elif d >= 4:
        for i in range(m):
            s = fma(r2[i], x2[i], fma(r1[i], x1[i], r0[i] * x0[i]))
            work[i] = fma(r4[i], x4[i], fma(r3[i], x3[i], s))
    else:
        for i in range(m):
            work[i] = r0[i] * x0[i]
    for k in range(6 if d >= 6 else 4 if d >= 4 else 0, d):
        r, x = bands[k, first:last], v[here + offsets[k] : end + offsets[k]]
        for i in range(m):
            work[i] = fma(r[i], x[i], work[i])


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _length_kernel(y):  # type: ignore[no-untyped-def]
    """L1 norm, added up in whichever order is fast: it is only compared with others."""
    length = 0.0
    for i in range(y.size):
        length += abs(y[i])
    return length


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
