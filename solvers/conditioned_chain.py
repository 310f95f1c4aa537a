"""A chain on a plane that is conditioned on an estimate, and its equations solved by multigrid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import multigrid_kernels as kernels
from fokkerplanck.solvers import multigrid_vectors as vectors
from fokkerplanck.solvers.multigrid import Level, cycle
from fokkerplanck.solvers.multigrid_rows import shared, strips

__all__ = ["ConditionedChain", "changed", "longest", "relative", "weighed"]

Array = NDArray[np.float64]
Floats = NDArray[np.floating]

#: Most cycles for one residual.
VECTORS = 10
#: Least and most directions that are kept, and cells of all of them together: more save cycles only
#: where little is absorbed.
KEPT, ALL_KEPT = (6, 16), 1 << 22
#: Squared length of an image that is not taken for 0.
TINY = 1e-290
#: Square of the residual, relative to that before a cycle, from which on this is taken for stuck.
STUCK = 0.8
#: How far the residual of a proof falls between two looks at it, and how often it is looked at.
PROOF, PROOFS = 0.1, 8
#: Largest factor by which an entry is changed at once.
MOST = 100.0


class ConditionedChain:
    """A conditioned chain: its hierarchy, and directions that its equations were solved along.

    Those are pairs z and ``c = (1 - W) z``, orthogonal in c, which are kept from one residual
    to the next, so that what is slow is found once.

    References
    ----------
    Eisenstat, Elman and Schultz, SIAM J. Numer. Anal. 20, 345 (1983) (generalised conjugate
    residuals; Orthodir, which does not get stuck).
    """

    def __init__(self, levels: list[Level]) -> None:
        self.levels, self.strips = levels, levels[0].strips
        self.cycles = 0
        self.z, self.v = levels[0].pairs(
            min(max(ALL_KEPT // levels[0].stencil[0].size, KEPT[0]), KEPT[1])
        )
        self.squares = np.ones(len(self.v))
        self.count, self.next = 0, 0

    def solve(self, r: Floats, fall: float) -> Floats:
        """Solve ``(1 - W) e = r`` until the residual, which r becomes, has fallen to a part."""
        c, e = self.levels[0].stencil, self.levels[0].zeros()
        along, square = self._along(r)
        enough = fall**2 * square
        if self.count:
            square = self._combine(self.v, -along, r)
            self._combine(self.z, along, e)
        source = r
        for _ in range(VECTORS):
            if not square > enough:
                break
            at = self.next
            z, v = self.z[at], self.v[at]
            cycle(self.levels, source, z)
            self.cycles += 1
            shared(lambda _, *rows, z=z, v=v: kernels.product(c, z, v, *rows), self.strips)
            factors, self.squares[at] = self._along(v)
            if self.count:
                factors[at : at + 1] = 0.0  # the oldest pair gives way
                self.squares[at] = self._combine(self.v, -factors, v)
                self._combine(self.z, -factors, z)
            if not TINY < self.squares[at] < np.inf:  # out of the range of the precision
                self.count, self.next = min(self.count, at), at
                break
            self.next, self.count = (at + 1) % len(self.v), max(self.count, at + 1)
            step = self._along(r, at)[0]
            before, square = square, self._combine(self.v[at : at + 1], -step, r)
            self._combine(self.z[at : at + 1], step, e)
            # where it does not help, the same again would not either: follow the image instead
            source = r if square < STUCK * before else v
        return e

    def _along(self, v: Floats, only: int | None = None) -> tuple[Array, float]:
        """Components of v along the images of all pairs, or of one; and its squared length."""
        pairs = slice(0, self.count) if only is None else slice(only, only + 1)
        many = self.v[pairs]
        parts = np.zeros((len(self.strips), len(many) + 1))
        shared(lambda k, *rows: vectors.dots(many, v, parts[k], *rows), self.strips)
        found = parts.sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(found[:-1] / self.squares[pairs]), float(found[-1])

    def _combine(self, many: Floats, factors: Array, v: Floats) -> float:
        """Add to v the first vectors times factors; returns the squared length of the sum."""
        parts = np.zeros(len(self.strips))

        def part(k: int, first: int, last: int) -> None:
            parts[k] = vectors.combine(many, factors, v, first, last)

        shared(part, self.strips)
        return float(parts.sum())


def relative(c: Array, u: Array, b: Array, r: Array) -> tuple[float, float]:
    """Residuals relative to u, and the largest of them and of those relative to b."""
    rows = strips(u.shape[0] - 2, u.shape[1] - 2)
    found = np.zeros((len(rows), 2))

    def part(k: int, first: int, last: int) -> None:
        found[k] = kernels.relative(c, u, b, r, first, last)

    shared(part, rows)
    worst, over = found.max(axis=0)
    return float(worst), float(over)


def weighed(r: Array, u: Array, s: Array, chain: ConditionedChain) -> Floats:
    """Right-hand side of a chain that is conditioned on s, for relative residuals r of u."""
    out = chain.levels[0].zeros()
    rows = chain.levels[0].strips
    shared(lambda _, *part: vectors.weigh(r, u, s, MOST, out, *part), rows)
    return out


def changed(u: Array, s: Array, e: Floats) -> float:
    """Add s e to u; the largest relative change."""
    rows = strips(u.shape[0] - 2, u.shape[1] - 2)
    found = np.zeros(len(rows))

    def part(k: int, first: int, last: int) -> None:
        found[k] = vectors.change(u, s, e, MOST, first, last)

    shared(part, rows)
    return float(found.max())


def longest(chain: ConditionedChain, c: Array, u: Array, enough: float) -> float:
    """Bound of the norm of the inverse of the chain conditioned on u, which `chain` resembles.

    The best that is found, or one of `enough`.
    """
    t, r = np.zeros_like(u), (u > 0.0).astype(chain.levels[0].stencil.dtype)
    rows = chain.strips
    found = np.zeros((len(rows), 3))

    def part(k: int, first: int, last: int) -> None:
        found[k] = kernels.remainder(c, u, t, r, first, last)

    bound = np.inf
    for _ in range(PROOFS):
        t += chain.solve(r, PROOF)
        shared(part, rows)
        least, most, rest = found[:, 0].min(), found[:, 1].max(), found[:, 2].max()
        rest += 4.0 * kernels.UNIT * most  # what rounding may have added to (1 - W^u) t
        if least > 0.0 and rest < 1.0:
            bound = min(bound, float(most / (1.0 - rest)))
            if bound <= enough or rest < 0.75:
                break
    return bound
