"""Stochastic complementation: split a metastable chain into a tame rest and a tiny anchor chain.

An ordinary factorisation of a generator loses one digit for every factor of ten in the time that
mass stays in a well. Here one cell of every well, its *anchor*, is taken out: from all other cells
an anchor or the end is met within few jumps, so that an elimination without pivoting, in
which nothing but the diagonal cancels, keeps the digits. What the anchors do among themselves
is a chain of a few states, solved without any subtraction.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.small_chain import SmallChain
from fokkerplanck.solvers.threads import one_blas_thread

__all__ = ["MAX_JUMPS", "Reduction"]

Array = NDArray[np.float64]
Cells = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Mean number of jumps before an anchor or the end is met that is allowed: an elimination loses
#: at most about this factor times the rounding unit.
MAX_JUMPS = 1e8
MAX_ANCHORS = 64
#: Probability to be killed at a jump while anchors are searched: keeps every number finite.
KILLING = 1e-9
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
        self, generator: Generator, live: Mask | None = None, anchors: Cells | None = None
    ) -> None:
        self.generator = generator
        out = generator.exit_rate
        if live is None:
            into = np.bincount(generator.head, generator.forward, generator.cells)
            into += np.bincount(generator.tail, generator.backward, generator.cells)
            live = (out > 0) | (into > 0)
        self.live = live
        stuck = self.live & ~(out > 0)
        if stuck.any():
            msg = f"cell {_place(generator, int(np.argmax(stuck)))} can never be left: "
            msg += "every jump rate out of it is 0"
            raise NumericalError(msg)
        self._split(_lowest(generator, self.live) if anchors is None else anchors)

    @property
    def error(self) -> float:
        """Relative rounding error to be expected: that of the unit, times the jumps."""
        return ROUNDING * self.jumps

    @one_blas_thread
    def solve(self, log_b: Array) -> Array:
        """Natural logarithm of u, where ``-Q u = b`` and ``log_b`` = ln b, -inf for 0.

        Parameters
        ----------
        log_b : ndarray, shape (cells,)

        Returns
        -------
        ndarray, shape (cells,)
            -inf where u = 0, and in cells that are not live.
        """
        shift, b = _scaled(np.where(self.live, log_b, -np.inf))
        near = self._lu.solve(b[self.rest] / self._out[self.rest])
        u = np.full(self.generator.cells, -np.inf)
        if self.anchors.size == 0:
            u[self.rest] = shift + _log(near)
            return u
        source = b[self.anchors] + self.leaving @ near
        at_anchors = self.chain.solve(source).log()
        u[self.anchors] = shift + at_anchors
        top = max(float(at_anchors.max()), 0.0)
        rest = self.hits @ np.exp(at_anchors - top) + near * np.exp(-top)
        u[self.rest] = shift + top + _log(rest)
        return u

    @one_blas_thread
    def solve_transposed(self, log_b: Array) -> Array:
        """Natural logarithm of y, where ``-Q.T y = b``: mean time spent in cells by a source b."""
        shift, b = _scaled(np.where(self.live, log_b, -np.inf))
        y = np.full(self.generator.cells, -np.inf)
        if self.anchors.size == 0:
            y[self.rest] = shift + _log(self.back(b[self.rest]))
            return y
        source = b[self.anchors] + self.hits.T @ b[self.rest]
        at_anchors = self.chain.solve_transposed(source).log()
        y[self.anchors] = shift + at_anchors
        top = max(float(at_anchors.max()), 0.0)
        entering = np.exp(at_anchors - top) @ self.leaving + b[self.rest] * np.exp(-top)
        y[self.rest] = shift + top + _log(self.back(entering))
        return y

    @one_blas_thread
    def stationary(self) -> Array:
        """Natural logarithms of the stationary masses, shape (cells,), of a conservative chain."""
        at_anchors = self.chain.stationary().log()
        at_anchors -= at_anchors.max()
        p = np.full(self.generator.cells, -np.inf)
        p[self.anchors] = at_anchors
        p[self.rest] = _log(self.back(np.exp(at_anchors) @ self.leaving))
        top = p.max()
        return p - top - np.log(np.exp(p - top).sum())

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
        """LU of (1 + killing) I - W without pivoting: a row-scaled M-matrix."""
        g = self.generator
        number = np.full(g.cells, -1, dtype=np.int64)
        kept = self.live.copy()
        kept[anchors] = False
        self.anchors, self.rest = anchors, np.flatnonzero(kept)
        number[self.rest] = np.arange(self.rest.size)
        number[anchors] = self.rest.size + np.arange(anchors.size)
        self._out = g.exit_rate
        self._rates = _off_diagonal(g, number, self.rest.size + anchors.size)
        n = self.rest.size
        w = sp.diags_array(-1.0 / self._out[self.rest]) @ self._rates[:n, :n]
        matrix = sp.csc_array(w + (1.0 + killing) * sp.eye_array(n))
        try:
            self._lu = _lu(matrix)
            self._jumps = np.asarray(self._lu.solve(np.ones(n)))
        except RuntimeError:  # exactly singular: a closed class without an anchor
            self._jumps = np.full(n, np.inf)
            if killing:
                raise
        for name in ("hits", "leaving", "chain", "relaxation"):
            self.__dict__.pop(name, None)

    def back(self, b: Array) -> Array:
        """Solve ``-Q.T y = b`` among the rest alone: mean times spent there before an anchor."""
        y = self._lu.solve(b, trans="T")  # type: ignore[call-overload]
        return np.asarray(y / self._out[self.rest])

    def forward(self, b: Array) -> Array:
        """Solve ``-Q u = b`` among the rest alone, for b of shape (rest,) or (rest, n)."""
        out = self._out[self.rest]
        return np.asarray(self._lu.solve(b / (out if b.ndim == 1 else out[:, None])))

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
        return np.asarray(self._lu.solve(into))

    @cached_property
    def leaving(self) -> sp.csr_array:
        """Rates from the anchors into the rest."""
        n = self.rest.size
        return self._rates[n:, :n]

    @cached_property
    def chain(self) -> SmallChain:
        """The chain of the anchors alone."""
        n = self.rest.size
        absorption = self.generator.absorption
        ends = self._lu.solve(absorption[self.rest] / self._out[self.rest])
        rates = np.asarray(self._rates[n:, n:].todense()) + self.leaving @ self.hits
        return SmallChain(rates, absorption[self.anchors] + self.leaving @ ends)


def _lu(matrix: sp.csc_array) -> SuperLU:
    return splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def _off_diagonal(g: Generator, number: Cells, n: int) -> sp.csr_array:
    tail, head = number[g.tail], number[g.head]
    i, j = np.concatenate([tail, head]), np.concatenate([head, tail])
    rates = np.concatenate([g.forward, g.backward])
    kept = (rates > 0) & (i >= 0) & (j >= 0)
    return sp.coo_array((rates[kept], (i[kept], j[kept])), shape=(n, n)).tocsr()


def _lowest(g: Generator, live: Mask) -> Cells:
    """Cells out of which every link climbs, away from the target: the bottoms of the wells."""
    ends = g.absorption > 0
    low = live & ~ends
    low[g.tail[ends[g.head]]] = False
    low[g.head[ends[g.tail]]] = False
    low[g.tail[g.forward > g.backward]] = False
    low[g.head[g.backward >= g.forward]] = False  # of two cells equally low one is enough
    return np.flatnonzero(low)


def _tame(jumps: Array) -> bool:
    if not jumps.size:
        return True
    return bool(np.isfinite(jumps).all() and jumps.min() > 0.5 and jumps.max() <= MAX_JUMPS)


def _scaled(log_b: Array) -> tuple[float, Array]:
    top = float(log_b.max())
    if not np.isfinite(top):
        return 0.0, np.zeros(log_b.size)
    return top, np.exp(log_b - top)


def _log(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(values, 0.0))


def _place(generator: Generator, cell: int) -> int | tuple[int, ...]:
    index = tuple(int(k) for k in np.unravel_index(cell, generator.shape))
    return index[0] if len(index) == 1 else index
