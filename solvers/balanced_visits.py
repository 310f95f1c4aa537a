"""What a chain near detailed balance collects between its visits to anchors, without a solve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.detailed_balance import unbalanced
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.scaled import log_sum

__all__ = ["DEFECT", "BalancedVisits"]

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

#: Largest mismatch of ln masses with detailed balance on a link that is taken for rounding.
DEFECT = 1e-10
#: Largest share of links out of balance, and chance to meet an anchor on those.
SHARE, HALF = 0.05, 0.5
#: Part of a sum that may be left out; how far terms may cancel.
NEGLIGIBLE, CANCELLED = 1e-13, 10.0
#: Chances below this are taken for 0.
FAINT = 1e-300


class BalancedVisits:
    r"""Mean times in all cells of the rest between leaving an anchor and meeting the next one.

    With the rates q, those between cells of the rest as the matrix Q, and the chance h_a(x) to meet
    anchor a first from x, the time in x times the rate of leaving a is

    .. math:: \nu_a(x) = \sum_y q_{ay} G(y, x) = \frac{\pi_x}{\pi_a} h_a(x), \qquad G = (-Q)^{-1}

    if the masses pi are in detailed balance. Cells beside an absorbing set are not: the set
    shortens one arm of a cell, and this makes the opposite one faster. With fluxes
    :math:`\Delta_{ij} = \pi_i q_{ij} - \pi_j q_{ji}` of such links,
    :math:`\nu_a = \pi h_a / \pi_a + r^T G` and

    .. math:: r_j = \frac{1}{\pi_a} \sum_i h_a(i) \Delta_{ij} .

    Parameters
    ----------
    generator : Generator
    log_mass : ndarray, shape (cells,)
        Ln of pi.
    anchors, rest : ndarray of int
    hits : ndarray, shape (rest, anchors)
        Chances h, 0 below 1e-300.

    Raises
    ------
    ValueError
        If many links are out of balance, or some where h is large.
    """

    def __init__(
        self, generator: Generator, log_mass: Array, anchors: Cells, rest: Cells, hits: Array
    ) -> None:
        g = generator
        links = unbalanced(g, log_mass, DEFECT)
        if links.size > SHARE * g.tail.size:
            msg = "the masses are not in detailed balance"
            raise ValueError(msg)
        self.log_rest, self.log_anchors, self.hits = log_mass[rest], log_mass[anchors], hits
        number = np.full(g.cells, -1, dtype=np.int64)
        number[rest] = np.arange(rest.size)
        tail, head = g.tail[links], g.head[links]
        self.i, self.j = number[tail], number[head]
        if (self.i < 0).any() or (self.j < 0).any():
            msg = "a link of an anchor is out of balance"
            raise ValueError(msg)
        self.end_i, self.end_j = (1.0 - hits[k].sum(axis=1) for k in (self.i, self.j))
        if not (np.minimum(self.end_i, self.end_j) >= HALF).all():
            msg = "links out of balance from which anchors are met"
            raise ValueError(msg)
        with np.errstate(divide="ignore"):
            ahead = log_mass[tail] + np.log(g.forward[links])
            back = log_mass[head] + np.log(g.backward[links])
        self.top = np.maximum(ahead, back)
        self.flux = np.exp(ahead - self.top) - np.exp(back - self.top)

    def ends(self, log_absorption: Array) -> Array | None:
        """Ln of the rates to end before an anchor is met again, of ln rates on the rest.

        As the chance to end is ``e = 1 - h`` where h is small, this is
        ``nu.k = (sum pi h k + sum Delta_ij (h_i e_j - h_j e_i)) / pi_a`` for absorption k.
        """
        out = self._collected(log_absorption)
        if out is None:
            return None
        for a, hit in enumerate(self.hits.T):
            terms = hit[self.i] * self.end_j - hit[self.j] * self.end_i
            with np.errstate(divide="ignore"):
                logs = np.log(np.abs(terms * self.flux)) + self.top - self.log_anchors[a]
            most = max(out[a], float(logs.max(initial=-np.inf)))
            if not np.isfinite(most):
                continue
            parts = np.sign(terms * self.flux) * np.exp(logs - most)
            total, size = np.exp(out[a] - most) + parts.sum(), np.abs(parts).sum()
            if not total * CANCELLED > size:
                return None
            out[a] = most + np.log(total)
        return out

    def collected(self, log_b: Array, log_most: float) -> Array | None:
        """Ln of ``nu.b`` of ln b on the rest, where ``ln G b`` is nowhere above `log_most`.

        None where what links out of balance add is not known to be negligible.
        """
        out = self._collected(log_b)
        if out is None:
            return None
        for a, hit in enumerate(self.hits.T):
            with np.errstate(divide="ignore"):
                logs = np.log(np.abs(self.flux) * (hit[self.i] + hit[self.j])) + self.top
            added = log_sum(logs) - self.log_anchors[a] + log_most
            if not added <= out[a] + np.log(NEGLIGIBLE):
                return None
        return out

    def _collected(self, log_b: Array) -> Array | None:
        """Ln of ``sum pi h_a b / pi_a``; None where chances taken for 0 may matter."""
        out = np.empty(self.log_anchors.size)
        weight = self.log_rest + log_b
        for a, hit in enumerate(self.hits.T):
            lost = hit == 0.0
            with np.errstate(divide="ignore"):
                out[a] = log_sum(weight + np.log(hit))
            if log_sum(weight[lost]) + np.log(FAINT) > out[a] + np.log(NEGLIGIBLE):
                return None
        return out - self.log_anchors
