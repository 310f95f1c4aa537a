"""Large chains on a plane, solved in a time that grows with the cells, every entry right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import multigrid_kernels as kernels
from fokkerplanck.solvers.conditioned_chain import (
    ConditionedChain,
    changed,
    longest,
    relative,
    weighed,
)
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.multigrid import (
    Level,
    hierarchy,
    interpolated,
    padded,
    right_hand_sides,
    smoothed,
)
from fokkerplanck.solvers.multigrid_rows import shared, strips

__all__ = ["PlaneSolver", "suits"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Relative error, as proven, that is aimed at, and the largest that is accepted.
AIM, ACCEPTED = 5e-9, 1e-6
#: What is aimed at for numbers of jumps, which are only compared with large numbers.
ROUGH = 0.1
#: Entries below this part of what is given are taken for 0.
FAINT = 1e-300
#: How far residuals fall in single precision between two looks at the true one, and how often it is
#: looked at.
FALL, ROUNDS = 1e-5, 20
#: How much longer conditioned chains take than others, as a guess.
LONGER = 6.0
#: Relative change of an entry from which on the chain is conditioned anew.
CHANGED = 0.5
#: Residual, relative to the entries, of a good estimate, and how often one is improved.
GOOD, TRIES = 0.05, 20
#: By how much residuals of estimates fall.
QUICK = 0.1


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
        self.levels = hierarchy(self.stencil, steep=True)
        self._room: list[Level] = []
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
        """Mean numbers of jumps until the chain ends, right to a tenth."""
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
        c, u = stencils[0], self._estimate(stencils, b, transposed)
        u[u < FAINT] = 0.0
        r, s = np.zeros_like(b), np.zeros_like(b)
        chain: ConditionedChain | None = None
        before = np.inf
        for _ in range(ROUNDS):
            worst, over = relative(c, u, b, r)
            if not np.isfinite(worst):  # the estimate has lost entries
                for down in (False, True):
                    smoothed(c, u, b, down)
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
                chain = self._conditioned(c, u)
                s[:] = u
            done = chain.cycles
            e = chain.solve(weighed(r, u, s, chain), max(FALL, aim / likely / 4))
            self.cycles += chain.cycles - done
            if changed(u, s, e) > CHANGED:
                chain = None
        if over > max(aim, ACCEPTED):
            if chain is not None:
                over = worst * longest(chain, c, u, aim / worst)
            if not over <= max(aim, ACCEPTED):  # a chain that was conditioned on u itself may do
                over = worst * longest(self._conditioned(c, u), c, u, aim / worst)
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
            for down in (False, True):
                smoothed(stencils[k], u, sides[k], down)
            if k > 0:
                self._improve(k, stencils[k], u, sides[k])
        return u

    def _improve(self, k: int, c: Array, u: Array, b: Array) -> None:
        """V-cycles for the relative error of an estimate, until this is some tens of per cent."""
        r, s = np.zeros_like(u), np.zeros_like(u)
        for _ in range(TRIES):
            worst, _ = relative(c, u, b, r)
            if worst < GOOD:
                break
            chain = self._conditioned(c, u, k)
            s[:] = u
            changed(u, s, chain.solve(weighed(r, u, s, chain), QUICK))
            if worst > GOOD:
                for down in (False, True):
                    smoothed(c, u, b, down)

    def _conditioned(self, c: Array, u: Array, k: int = 0) -> ConditionedChain:
        """Chain of level k conditioned on what u is the mean of; the last one made is given up."""
        if self._room and self._room[0].stencil.dtype == self.precision:
            old = self._room[k:]
        else:
            old = None
        out = np.zeros(c.shape, self.precision) if old is None else old[0].stencil
        rows = strips(u.shape[0] - 2, u.shape[1] - 2)
        shared(lambda _, *part: kernels.transform(c, u, out, *part), rows)
        levels = hierarchy(out, old=old)
        if k == 0:
            self._room = levels
        return ConditionedChain(levels)

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
    number = np.zeros(9, dtype=np.int64)
    for k, (x, y) in enumerate(kernels.WAYS):
        number[3 * x + y + 4] = k
    with np.errstate(divide="ignore"):
        per = 1.0 / (g.exit_rate * diagonal)
    kernels.scatter(c, g.tail, g.head, g.offset, g.forward, g.backward, per, kept, number)
    return c
