"""Large chains on a plane, solved in a time that grows with the cells, every entry right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import multigrid_kernels as kernels
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.multigrid import (
    Level,
    cycle,
    hierarchy,
    interpolated,
    padded,
    right_hand_sides,
)

__all__ = ["PlaneSolver", "suits"]

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

#: Relative error, as proven, that is aimed at, and the largest that is accepted.
AIM, ACCEPTED = 5e-9, 1e-6
#: The same of numbers of jumps, which are only compared with large numbers.
ROUGH = 1e-3
#: Entries below this part of what is given are taken for 0.
FAINT = 1e-300
#: V-cycles between two looks at the true residual, how far it falls meanwhile, and how often it
#: is looked at.
VECTORS, FALL, ROUNDS = 10, 1e-5, 20
#: Least and most directions that are kept, and cells of all of them together.
KEPT, ALL_KEPT = (6, 16), 1 << 25
#: How much longer conditioned chains take than others, as a guess.
LONGER = 6.0
#: Largest factor by which an entry is changed at once; changes of more than some of it change the
#: chain that is conditioned on the answer, too.
MOST, CHANGED = 100.0, 0.5
#: Residual, relative to the entries, of a good estimate, and how often one is improved.
GOOD, TRIES = 0.1, 20
#: By how much residuals of good estimates fall.
QUICK = 0.05


def suits(generator: Generator) -> bool:
    """Whether all jumps lead to neighbours on a plane that is not periodic."""
    if len(generator.shape) != 2 or generator.reach > 1 or min(generator.shape) < 4:
        return False
    step = generator.offset[:, 0] * generator.shape[1] + generator.offset[:, 1]
    return bool((generator.head - generator.tail == step).all())


class PlaneSolver:
    r"""Solve ``(1 - W) u = b`` and its transpose for b >= 0, every entry to relative accuracy.

    W are jump probabilities of a chain that ends within a tame number of jumps, but
    entries of u may differ by hundreds of decades, as chances to climb a barrier do. With any
    estimate s of the answer the problem becomes that of the chain conditioned on it,

    .. math:: (1 - W^s)\, g = b / s, \qquad W^s_{ij} = W_{ij} s_j / s_i, \quad u = s g,

    whose unknown g is close to 1 everywhere: what a norm sees of it is the relative error of u.
    First estimates come from the coarsest grid upwards, without any subtraction. Corrections
    of g, in single precision, come from GMRES after a V-cycle of a hierarchy of the conditioned
    chain; residuals are those of u itself, in double precision.

    The error is proven: W^s is not negative, so if :math:`(1 - W^u) t \ge \delta > 0`,
    then u is off by less than the part :math:`\max_i |r_i / u_i| \, \max t / \delta`; and where b
    is positive, by less than :math:`\max_i |r_i / b_i|`.

    Parameters
    ----------
    generator : Generator
        For which `suits` is true.
    kept : ndarray of bool, shape (cells,)
        Cells of the chain; jumps to others end it.
    killing : float
        Added to the diagonal.

    Attributes
    ----------
    error : float
        Largest relative error, as proven, of all answers that were given.
    longest : float
        Largest mean number of jumps, once `jumps` was asked.
    cycles : int
        V-cycles for all answers on the finest grid, without those that proved their errors.

    References
    ----------
    Doob, *Classical Potential Theory and Its Probabilistic Counterpart*, 2.X (conditioning);
    Dendy, J. Comput. Phys. 48, 366 (1982) (interpolation that follows the operator);
    Berman and Plemmons, *Nonnegative Matrices in the Mathematical Sciences*, 6 (the bounds).
    """

    def __init__(self, generator: Generator, kept: Mask, killing: float = 0.0) -> None:
        self.shape, self.rest = generator.shape, np.flatnonzero(kept)
        self.error, self.longest, self.cycles = 0.0, np.inf, 0
        self.stencil = _stencil(generator, kept, 1.0 + killing)
        self.killing = killing
        self.precision: type[np.floating] = np.float32
        self.levels = hierarchy(self.stencil)
        self._across: list[Array] | None = None

    def solve(self, b: Array, trans: str = "N", aim: float = AIM) -> Array:
        """Solve for b of shape (rest,) or (rest, n), transposed if `trans` is "T".

        Raises
        ------
        NumericalError
            If the error that can be proven is larger than 1e-6.
        """
        if b.ndim == 2:
            columns = [self.solve(column, trans, aim) for column in b.T]
            return np.stack(columns, axis=1) if columns else np.zeros(b.shape)
        if (b < 0.0).any():
            return self.solve(np.maximum(b, 0.0), trans, aim) - self.solve(
                np.maximum(-b, 0.0), trans, aim
            )
        if not b.any():
            return np.zeros(b.shape)
        top = float(b.max())
        side = np.zeros(self.shape)
        side.ravel()[self.rest] = b / (top * (1.0 + self.killing))
        u = self._vouched_for(padded(side), trans == "T", aim)
        return np.asarray(u[1:-1, 1:-1].ravel()[self.rest] * top)

    def jumps(self) -> Array:
        """Mean numbers of jumps until the chain ends, right to a per mille."""
        one = np.ones(self.rest.size)
        before, self.error = self.error, 0.0
        u = self.solve(one, aim=ROUGH)
        self.error, self.longest = before, float(u.max())
        return u

    def _vouched_for(self, b: Array, transposed: bool, aim: float) -> Array:
        """Answer found with corrections in single precision, if need be from now on in double."""
        try:
            return self._solved(b, transposed, aim)
        except NumericalError:
            if self.precision is np.float64:
                raise
            self.precision = np.float64
            return self._solved(b, transposed, aim)

    def _solved(self, b: Array, transposed: bool, aim: float) -> Array:
        stencils = self._transposed() if transposed else [v.stencil for v in self.levels]
        u = self._estimate(stencils, b, transposed)
        u[u < FAINT] = 0.0
        r, last = np.zeros_like(b), b.shape[0] - 1
        chain: _Conditioned | None = None
        before = np.inf
        for _ in range(ROUNDS):
            worst, over = kernels.relative(stencils[0], u, b, r, 1, last)
            if not np.isfinite(worst):  # the estimate has lost entries
                for down, left in ((0, 0), (1, 1), (0, 1), (1, 0)):
                    kernels.sweep(stencils[0], u, b, down, left)
                u[u < FAINT] = 0.0
                chain = None
                continue
            likely = min(over, worst * LONGER * self.longest)
            if (
                likely <= aim
                or worst <= 2.0 * kernels.UNIT
                or (worst < 1e-12 and worst > before / 4)
            ):
                break
            before = worst
            if chain is None:
                chain, s = _Conditioned(stencils[0], u, self.precision), u.copy()
            g = np.divide(u, s, out=np.zeros_like(u), where=s > 0.0)
            np.minimum(r, MOST, out=r)
            done = chain.cycles
            change = chain.solve(r * g, max(FALL, aim / likely / 4))
            self.cycles += chain.cycles - done
            np.divide(change, g, out=g, where=g > 0.0)
            if np.abs(g).max() > CHANGED:
                chain = None
            u *= np.clip(1.0 + g, 1.0 / MOST, MOST)
        if over > max(aim, ACCEPTED):
            chain = _Conditioned(stencils[0], u, self.precision) if chain is None else chain
            over = worst * _longest(chain, stencils[0], u)
        if not over <= max(aim, ACCEPTED):
            msg = f"the multigrid solver proves no error below {over:.1e}"
            raise NumericalError(msg)
        self.error = max(self.error, over)
        return u

    def _estimate(self, stencils: Sequence[Array], b: Array, transposed: bool) -> Array:
        """First estimate, from the coarsest level to the finest: only sums of positive terms."""
        sides = right_hand_sides(self.levels, b, transposed=transposed)
        inverse = self.levels[-1].inverse
        assert inverse is not None
        side = sides[-1][1:-1, 1:-1].ravel()
        u = side @ inverse if transposed else inverse @ side
        u = padded(u.reshape(self.levels[-1].shape))
        for k in range(len(self.levels) - 2, -1, -1):
            u = interpolated(self.levels[k], u, transposed=transposed)
            for down in (0, 1):
                for left in (0, 1):
                    kernels.sweep(stencils[k], u, sides[k], down, left)
            if k > 0:
                u = _improved(stencils[k], u, sides[k], self.precision)
        return u

    def _transposed(self) -> list[Array]:
        if self._across is None:
            self._across = []
            for level in self.levels:
                out = np.zeros_like(level.stencil)
                kernels.transposed(level.stencil, out, 1, level.shape[0] + 1)
                self._across.append(out)
        return self._across


def _stencil(g: Generator, kept: Mask, diagonal: float) -> Array:
    """Jump probabilities between kept cells along each direction."""
    nx, ny = g.shape
    ways = 4 if int(np.abs(g.offset).sum(axis=1).max(initial=0)) <= 1 else 8
    c = np.zeros((ways, nx + 2, ny + 2))
    out = g.exit_rate
    code = g.offset[:, 0] * 3 + g.offset[:, 1]
    flat = c.reshape(ways, -1)
    both = kept[g.tail] & kept[g.head]
    for k, (x, y) in enumerate(kernels.WAYS[:ways]):
        for way, cell, rate in ((1, g.tail, g.forward), (-1, g.head, g.backward)):
            links = np.flatnonzero((code == way * (3 * x + y)) & both)
            at = cell[links]
            i = (at // ny + 1) * (ny + 2) + at % ny + 1
            flat[k, i] += rate[links] / (out[at] * diagonal)
    return c


def _conditioned(c: Array, u: Array, precision: type[np.floating]) -> list[Level]:
    """Hierarchy of the chain conditioned on what u is the mean of."""
    out = np.zeros(c.shape, precision)
    kernels.transform(c, u, out, 1, u.shape[0] - 1)
    return hierarchy(out)


def _improved(c: Array, u: Array, b: Array, precision: type[np.floating]) -> Array:
    """V-cycles for the relative error of an estimate, until this is some tens of per cent."""
    r = np.zeros_like(u)
    for k in range(TRIES):
        worst, _ = kernels.relative(c, u, b, r, 1, u.shape[0] - 1)
        if k > 0 and worst < GOOD:
            break
        chain = _Conditioned(c, u, precision)
        change = chain.solve(np.minimum(r, MOST), QUICK if worst < GOOD else FALL)
        u = u * np.clip(1.0 + change.astype(np.float64), 1.0 / MOST, MOST)
        if worst > GOOD:
            kernels.sweep(c, u, b, 0, 0)
            kernels.sweep(c, u, b, 1, 1)
    return u


def _longest(chain: _Conditioned, c: Array, u: Array) -> float:
    """Bound of the norm of the inverse of the chain conditioned on u, which `chain` resembles."""
    r = (u > 0.0).astype(np.float64)
    t, last = np.zeros_like(u), u.shape[0] - 1
    for _ in range(6):
        t += chain.solve(r, 0.03)
        if not (t[u > 0.0] > 0.0).all():
            return np.inf
        kernels.relative(c, u * t, u, r, 1, last)
        r *= t  # 1 - (1 - W^u) t
        margin = 1.0 - float(np.abs(r).max())
        if margin > 0.25:
            return float(t.max()) / margin
    return np.inf


class _Conditioned:
    """A conditioned chain: its hierarchy, and directions that its equations were solved along.

    Those are pairs z and ``c = (1 - W) z``, orthonormal in c, which are kept from one residual
    to the next, so that what is slow is found once.

    References
    ----------
    Eisenstat, Elman and Schultz, SIAM J. Numer. Anal. 20, 345 (1983) (generalised conjugate
    residuals).
    """

    def __init__(self, stencil: Array, u: Array, precision: type[np.floating]) -> None:
        self.levels = _conditioned(stencil, u, precision)
        self.pairs: list[tuple[Floats, Floats]] = []
        self.cycles = 0
        self.kept = min(max(ALL_KEPT // u.size, KEPT[0]), KEPT[1])

    def solve(self, b: Floats, fall: float) -> Floats:
        """Solve ``(1 - W) e = b`` until the residual has fallen to a part of b."""
        c, rows = self.levels[0].stencil, b.shape[0] - 1
        r, e = b.astype(c.dtype), self.levels[0].zeros()
        enough = fall * kernels.length(r)
        for z, v in self.pairs:
            kernels.add(kernels.take_out(v, r), z, e)
        for _ in range(VECTORS):
            if not kernels.length(r) > enough:
                break
            z = cycle(self.levels, r)
            self.cycles += 1
            v = self.levels[0].zeros()
            kernels.product(c, z, v, 1, rows)
            for past, image in self.pairs:
                kernels.add(-kernels.take_out(image, v), past, z)
            norm = kernels.length(v)
            if not norm > 0.0:
                break
            kernels.scale(v, 1.0 / norm)
            kernels.scale(z, 1.0 / norm)
            kernels.add(kernels.take_out(v, r), z, e)
            self.pairs.append((z, v))
            del self.pairs[: -self.kept]
        return e
