"""Stochastic complementation: split a metastable chain into a tame rest and a tiny anchor chain.

An ordinary factorisation of a generator loses one digit for every factor of ten in the time that
mass stays in a well. Here one cell of every well, its *anchor*, is taken out: from all other cells
an anchor or the end is met within few jumps, so that an elimination without pivoting, in
which nothing but the diagonal cancels, keeps the digits. What the anchors do among themselves
is a chain of a few states, solved without any subtraction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fokkerplanck.solvers.balanced_visits import DEFECT, BalancedVisits
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.rest_solver import METHODS, RestSolver, rates_between
from fokkerplanck.solvers.scaled import Scaled
from fokkerplanck.solvers.small_chain import SmallChain
from fokkerplanck.solvers.threads import one_blas_thread

__all__ = ["MAX_JUMPS", "Reduction", "lowest_cells"]

Array = NDArray[np.float64]
Cells = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Mean number of jumps before an anchor or the end is met that is allowed: an elimination loses
#: at most about this factor times the rounding unit.
MAX_JUMPS = 1e8
MAX_ANCHORS = 64
#: Chains of up to this many cells are solved without any reduction.
FEW = 200
#: Probabilities below this are taken for 0, so that none has lost digits to the end of floats;
#: so are entries of an answer below this part of the largest, which that may have changed.
FAINT, LOST = 1e-300, 1e-290
#: Relative change of an answer by those probabilities that is not allowed.
DOUBT = 1e-8
#: Probability to be killed at a jump while anchors are searched: keeps every number finite.
KILLING = 1e-9
#: Ln of the part of an answer that is left out.
NEGLIGIBLE = np.log(1e-13)
#: What depends on the anchors.
CACHED = (
    "hits", "_ends", "leaving", "_leave", "chain", "relaxation", "_visits", "_collected_ends"
)  # fmt: skip
ROUNDING = np.finfo(float).eps
TINY = np.finfo(float).tiny


class Reduction:
    """A chain of cells, reduced to its anchors.

    Solves ``-Q u = b`` and its transpose for ``b >= 0``, whatever the barriers, where Q are the
    rates between the live cells minus absorption; and the stationary masses if nothing absorbs.

    Parameters
    ----------
    generator : Generator
        Rates between cells, and absorption.
    live : ndarray of bool, shape (cells,), optional
        Cells that take part; those that have links unless given.
    anchors : ndarray of int, optional
        Where to begin with; otherwise the bottoms of all wells.
    exact : int
        Chains of up to so many live cells are solved as a whole, in numbers of any size.
    method : str
        How the rest is solved: ``"auto"``, ``"lu"`` or ``"multigrid"``, see `RestSolver`.
    log_mass : ndarray, shape (cells,), optional
        Ln of masses in detailed balance on most links; spares solves by iteration.

    Attributes
    ----------
    anchors, rest : ndarray of int
        Cell numbers of both kinds.
    jumps : float
        Largest mean number of jumps from any cell before an anchor or the end is met.

    Raises
    ------
    NumericalError
        If some cells can reach neither the end nor an anchor, or there are too many wells.

    References
    ----------
    Meyer, SIAM Rev. 31, 240 (1989).
    """

    def __init__(
        self,
        generator: Generator,
        live: Mask | None = None,
        anchors: Cells | None = None,
        *,
        exact: int = FEW,
        method: str = "auto",
        log_mass: Array | None = None,
    ) -> None:
        if method not in METHODS:
            msg = f"unknown method {method!r}; known: {', '.join(METHODS)}"
            raise ValueError(msg)
        self.generator, self.method, self._log_mass = generator, method, log_mass
        out = generator.exit_rate
        if live is None:
            into = np.bincount(generator.head, generator.forward, generator.cells)
            into += np.bincount(generator.tail, generator.backward, generator.cells)
            live = (out > 0) | (into > 0)
        self.live = live
        self.exact = exact
        stuck = self.live & ~(out > 0)
        if stuck.any():
            msg = f"cell {_place(generator, int(np.argmax(stuck)))} can never be left: "
            msg += "every jump rate out of it is 0"
            raise NumericalError(msg)
        self._split(lowest_cells(generator, self.live) if anchors is None else anchors)

    @property
    def error(self) -> float:
        """Relative error to be expected: of rounding times the jumps, as proven, of masses used."""
        masses = DEFECT if self.__dict__.get("_visits") else 0.0
        return max(ROUNDING * self.jumps, self._inner.error, masses)

    @one_blas_thread
    def solve(self, log_b: Array) -> Array:
        """Natural logarithm of u, where ``-Q u = b`` and ``log_b`` = ln b, -inf for 0.

        Parameters
        ----------
        log_b : ndarray, shape (cells,)

        Returns
        -------
        ndarray, shape (cells,)
            -inf where u is 0, or below 1e-290 of the largest unless cells are `exact`; and in cells
            that are not live.

        Raises
        ------
        NumericalError
            If hitting probabilities below 1e-300 matter.
        """
        if self._whole is not None:
            return self._exactly(self._whole.solve, log_b)
        a, r = self.anchors, self.rest
        (source,), top = _scaled(log_b[r] - self._log_out[r])
        near = _kept(self._inner.solve(source), FAINT)

        def answer(chain: SmallChain, least: float) -> Scaled:
            seen = np.maximum(near, least if source.any() else 0.0)
            into = Scaled.from_log(top + self._log_out[a]) * (self._leave @ seen)
            return chain.solve(into + Scaled.from_log(log_b[a]))

        at_anchors = self._among_anchors(answer, 0.0)
        (far, close), top = _scaled(at_anchors, top + _log(near))
        return self._joined(at_anchors, top + _log(_kept(self.hits @ far + close, LOST)))

    @one_blas_thread
    def solve_far(self, log_b: Array) -> Array | None:
        """Find u as `solve` does, where what is added before an anchor is met is negligible.

        Nothing is solved for. Nan in cells where it may not be negligible; None where there are no
        anchors or no detailed balance, and where factors make `solve` cheap.
        """
        if self._visits is None or not self.anchors.size:
            return None
        before = (log_b[self.rest] - self._log_out[self.rest]).max() + np.log(2.0 * self.jumps)
        into = self._visits.collected(log_b[self.rest], before)
        if into is None:
            return None
        source = Scaled.from_log(into) + Scaled.from_log(log_b[self.anchors])
        at_anchors = self._among_anchors(lambda chain, _: chain.solve(source), 0.0)
        (far,), top = _scaled(at_anchors)
        u = top + _log(_kept(self.hits @ far, LOST))
        u[~(u + NEGLIGIBLE > before)] = np.nan
        return self._joined(at_anchors, u)

    @one_blas_thread
    def solve_transposed(self, log_b: Array) -> Array:
        """Natural logarithm of y, where ``-Q.T y = b``: mean time spent in cells by a source b."""
        if self._whole is not None:
            return self._exactly(self._whole.solve_transposed, log_b)
        (source,), top = _scaled(log_b[self.rest])
        direct, log_out = Scaled.from_log(log_b[self.anchors]), self._log_out[self.anchors]

        def answer(chain: SmallChain, least: float) -> Scaled:
            into = np.maximum(self.hits, least).T @ source
            return chain.solve_transposed(Scaled.from_log(top) * into + direct)

        return self._spread_out(self._among_anchors(answer, log_out), log_b[self.rest])

    @one_blas_thread
    def stationary(self) -> Array:
        """Natural logarithms of the stationary masses, shape (cells,), of a conservative chain."""
        if self._whole is not None:
            return self._joined(self._whole.stationary().log())
        log_out = self._log_out[self.anchors]
        at_anchors = self._among_anchors(lambda chain, _: chain.stationary(), log_out)
        p = self._spread_out(at_anchors, np.full(self.rest.size, -np.inf))
        top = p.max()
        return np.asarray(p - top - np.log(np.exp(p - top).sum()))

    def _among_anchors(
        self, answer: Callable[[SmallChain, float], Scaled], scale: Array | float
    ) -> Array:
        """Ln of an answer of the anchor chain, if it is the same with all that was taken for 0.

        With a scale, what is added to it, entries are compared with the largest to tell which may
        be lost.
        """
        if not self.anchors.size:
            return np.empty(0)
        try:
            found = answer(self.chain, 0.0).log()
        except NumericalError as error:
            msg = (
                "a well is left for the target, or for the other wells, with probabilities below "
                "1e-300 or not at all: there is no unique answer, or it is beyond floats"
            )
            raise NumericalError(msg) from error
        most = answer(self._anchor_chain(FAINT), FAINT).log()
        with np.errstate(invalid="ignore"):
            doubt = (found != most) & ~(np.abs(found - most) < DOUBT)
        (visits,), _ = _scaled(np.maximum(found, most) + scale)
        if (visits[doubt] > LOST).any():
            msg = "wells that are met with probabilities below 1e-300 matter: beyond floats"
            raise NumericalError(msg)
        return np.where(doubt, -np.inf, found)

    def _spread_out(self, at_anchors: Array, log_b: Array) -> Array:
        """Ln of the time spent in all cells, from that in the anchors and a source in the rest."""
        (leave, source), top = _scaled(at_anchors + self._log_out[self.anchors], log_b)
        visits = self._inner.solve(leave @ self._leave + source, "T")
        return self._joined(at_anchors, top + _log(_kept(visits, LOST)) - self._log_out[self.rest])

    def _exactly(self, solve: Callable[[Scaled], Scaled], log_b: Array) -> Array:
        return self._joined(solve(Scaled.from_log(log_b[self.live])).log())

    def _joined(self, first: Array, rest: Array | None = None) -> Array:
        """Values of the anchors and the rest, or of all live cells, among those of all cells."""
        out = np.full(self.generator.cells, -np.inf)
        if rest is None:
            out[self.live] = first
        else:
            out[self.anchors], out[self.rest] = first, rest
        return out

    # ---------------------------------------------------------------- the split

    @one_blas_thread
    def _split(self, anchors: Cells) -> None:
        if anchors.size > MAX_ANCHORS:
            anchors = anchors[:0]
        if not anchors.size and self.generator.conservative:
            anchors = np.array([int(np.argmax(self.live))])
        self._factorise(anchors, 0.0)
        if not _tame(self._jumps):
            self._search(list(anchors))
        self.jumps = float(self._jumps.max(initial=1.0))

    def _search(self, anchors: list[int]) -> None:
        """Add anchors where mass stays long, until there is no such place left."""
        while True:
            self._factorise(np.array(anchors, dtype=np.int64), KILLING)
            jumps = self._jumps
            if jumps.max(initial=1.0) <= MAX_JUMPS:
                break
            if len(anchors) >= MAX_ANCHORS:
                msg = (
                    f"more than {MAX_ANCHORS} metastable wells: raise the noise, or use a grid "
                    "that does not resolve the roughness of the landscape"
                )
                raise NumericalError(msg)
            occupation = self.back(np.ones(self.rest.size))
            long = jumps > jumps.max() / 2
            anchors.append(int(self.rest[np.argmax(np.where(long, occupation, 0.0))]))
        self._factorise(np.array(anchors, dtype=np.int64), 0.0)
        if not _tame(self._jumps / (1.0 + 2.0 * KILLING * MAX_JUMPS)):  # killing hid some jumps
            msg = (
                "some cells of the grid can reach neither the target nor a well: "
                "there is no unique answer"
            )
            raise NumericalError(msg)

    def _factorise(self, anchors: Cells, killing: float) -> None:
        """Make the solver of (1 + killing) I - W, a row-scaled M-matrix."""
        g = self.generator
        number = np.full(g.cells, -1, dtype=np.int64)
        kept = self.live.copy()
        kept[anchors] = False
        self.anchors, self.rest = anchors, np.flatnonzero(kept)
        number[self.rest] = np.arange(self.rest.size)
        number[anchors] = self.rest.size + np.arange(anchors.size)
        self._out = g.exit_rate
        with np.errstate(divide="ignore"):
            self._log_out = np.log(self._out)
        n = self.rest.size
        self._rates = rates_between(g, number, n + anchors.size, first=n)
        try:
            self._inner = RestSolver(g, self.rest, killing, self.method)
            self._jumps = self._inner.jumps()
        except RuntimeError:  # exactly singular: a closed class without an anchor
            self._jumps = np.full(n, np.inf)
            if killing:
                raise
        for name in CACHED:
            self.__dict__.pop(name, None)

    def back(self, b: Array) -> Array:
        """Solve ``-Q.T y = b`` among the rest alone: mean times spent there before an anchor."""
        y = self._inner.solve(b, "T")
        return np.asarray(y / self._out[self.rest])

    def forward(self, b: Array) -> Array:
        """Solve ``-Q u = b`` among the rest alone, for b of shape (rest,) or (rest, n)."""
        out = self._out[self.rest]
        return np.asarray(self._inner.solve(b / (out if b.ndim == 1 else out[:, None])))

    @cached_property
    def relaxation(self) -> float:
        """Largest mean time from any cell until an anchor or the end is met."""
        return float(self.forward(np.ones(self.rest.size)).max(initial=0.0))

    def deep(self, factor: float) -> Mask:
        """Anchors of wells that hold mass for more than `factor` times the relaxation outside.

        The shallowest is eliminated first, which prolongs the stay in its neighbours, and so on.
        """
        rates = self.chain.rates.value()
        ends = self.chain.total_absorption.value()
        stay = 1.0 + self.leaving @ self.forward(np.ones(self.rest.size))
        kept = np.ones(stay.size, dtype=np.bool_)
        relaxation = self.relaxation
        while kept.sum() > (1 if self.generator.conservative else 0):
            out = rates.sum(axis=1) + ends
            leave = np.full(stay.size, np.inf)
            np.divide(stay, out, out=leave, where=kept & (out > TINY))
            a = int(np.argmin(leave))
            if leave[a] > factor * relaxation:
                break
            kept[a] = False
            share = rates[:, a] / out[a]
            stay, ends = stay + share * stay[a], ends + share * ends[a]
            rates = rates + share[:, None] * rates[a]
            rates[:, a] = rates[a] = 0.0
            np.fill_diagonal(rates, 0.0)
            relaxation = max(relaxation, leave[a])
        return kept

    @cached_property
    def hits(self) -> Array:
        """Probability to meet each anchor first, from every cell of the rest."""
        n = self.rest.size
        into = np.asarray(self._rates[:n, n:].todense()) / self._out[self.rest][:, None]
        return _kept(self._inner.solve(into), FAINT)

    @cached_property
    def _ends(self) -> Array:
        """Probability to end before any anchor is met, from every cell of the rest."""
        if self.generator.conservative:
            return np.zeros(self.rest.size)
        into = self.generator.absorption[self.rest] / self._out[self.rest]
        return _kept(self._inner.solve(into), FAINT)

    @cached_property
    def leaving(self) -> sp.csr_array:
        """Rates from the anchors into the rest."""
        n = self.rest.size
        return self._rates[n:, :n]

    @cached_property
    def _leave(self) -> sp.csr_array:
        """Probabilities of the jumps from the anchors into the rest."""
        return sp.csr_array(sp.diags_array(1.0 / self._out[self.anchors]) @ self.leaving)

    @cached_property
    def chain(self) -> SmallChain:
        """The chain of the anchors alone."""
        return self._anchor_chain(0.0)

    def _anchor_chain(self, least: float) -> SmallChain:
        """Make the chain of the anchors, no hitting probability less than `least`."""
        n, out = self.rest.size, Scaled.of(self._out[self.anchors])
        hits = self._leave @ np.maximum(self.hits, least)
        direct = np.asarray(self._rates[n:, n:].todense())
        absorption = self.generator.absorption[self.anchors]
        ends = self._collected_ends
        if ends is None:
            often = np.maximum(self._ends, least if self._ends.any() else 0.0)
            ends = out * (self._leave @ often)
        return SmallChain(out.reshape(-1, 1) * hits + direct, ends + absorption)

    @cached_property
    def _visits(self) -> BalancedVisits | None:
        """Time spent in the rest, near detailed balance; None where factors are as fast."""
        if self._whole is not None or self._log_mass is None or self._inner.method == "lu":
            return None
        try:
            return BalancedVisits(
                self.generator, self._log_mass, self.anchors, self.rest, self.hits
            )
        except ValueError:
            return None

    @cached_property
    def _collected_ends(self) -> Scaled | None:
        """Rates to end before any other anchor is met, without a solve; None where unknown."""
        if self._visits is None:
            return None
        found = self._visits.ends(_log(self.generator.absorption[self.rest]))
        return None if found is None else Scaled.from_log(found)

    @cached_property
    def _whole(self) -> SmallChain | None:
        """The chain of all live cells, where these are few."""
        n, g = int(self.live.sum()), self.generator
        if n > self.exact:
            return None
        number = np.cumsum(self.live) - 1
        kept = self.live[g.tail] & self.live[g.head]
        tail, head = number[g.tail[kept]], number[g.head[kept]]
        rates = np.zeros((n, n))
        np.add.at(rates, (tail, head), g.forward[kept])
        np.add.at(rates, (head, tail), g.backward[kept])
        return SmallChain(rates, g.absorption[self.live])


def lowest_cells(g: Generator, live: Mask | None = None) -> Cells:
    """Find cells out of which every link climbs, away from the end: the bottoms of the wells."""
    ends = g.absorption > 0
    low = ~ends if live is None else live & ~ends
    low[g.tail[ends[g.head]]] = False
    low[g.head[ends[g.tail]]] = False
    low[g.tail[g.forward > g.backward]] = False
    low[g.head[g.backward >= g.forward]] = False  # of two cells equally low one is enough
    return np.flatnonzero(low)


def _tame(jumps: Array) -> bool:
    if not jumps.size:
        return True
    return bool(np.isfinite(jumps).all() and jumps.min() > 0.5 and jumps.max() <= MAX_JUMPS)


def _scaled(*logs: Array) -> tuple[list[Array], float]:
    """Exponentials over the largest of them all, and the logarithm of that; 0 for none."""
    top = max(float(x.max(initial=-np.inf)) for x in logs)
    if not np.isfinite(top):
        top = 0.0
    return [np.exp(x - top) for x in logs], top


def _kept(values: Array, part: float) -> Array:
    """Values without those below a part of the largest, or of 1."""
    return np.where(values > part * max(float(values.max(initial=0.0)), 1.0), values, 0.0)


def _log(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _place(generator: Generator, cell: int) -> int | tuple[int, ...]:
    index = tuple(int(k) for k in np.unravel_index(cell, generator.shape))
    return index[0] if len(index) == 1 else index
