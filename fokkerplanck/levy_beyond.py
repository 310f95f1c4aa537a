"""Integrals over the occupation of a line for jumps that land beyond one of its edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from fokkerplanck.levy_line import KilledLine, Span
from fokkerplanck.solvers.fractional import jump_constant

__all__ = ["Beyond"]

Array = NDArray[np.float64]
#: Most and fewest nodes next to the edge whose occupation is integrated as a power times a smooth
#: function; and how many stay between them and a point to start from, where it is singular.
NEAR, LEAST, APART = 64, 8, 4
#: Panels, each twice as long as the one before, and points in each.
PANELS, POINTS = 160, 8
#: Distances that quantiles are searched in, in units of the grid, how many, and how often the
#: distance between two is halved.
SMALL, LARGE, STEPS, HALVINGS = 1e-40, 1e12, 200, 36


@dataclass(frozen=True, eq=False)
class Beyond:
    r"""Jumps over an edge in one direction, from all living nodes on its other side.

    Parameters
    ----------
    line : KilledLine
    mass : ndarray, shape (n,)
        Mean times spent at the nodes.
    edge : float
    way : int
        1 for jumps to the right, -1 to the left.
    width : float
        How far the landing place reaches beyond the edge; may be infinite.
    start : float or None
        Point to start from, where the occupation is singular.

    Notes
    -----
    Next to the edge the occupation is like :math:`t^a` at a distance t, while a jump to y beyond
    has the rate density :math:`(t + y)^{-1 - \alpha}`: sums over nodes would see neither. There
    they are integrated on panels that double, with the rest of the occupation as a spline.
    """

    line: KilledLine
    mass: Array
    edge: float
    way: int
    width: float
    start: float | None

    @cached_property
    def here(self) -> NDArray[np.bool_]:
        """Living nodes that jumps come from."""
        return np.asarray(self.line.generator.live & (self.way * (self.edge - self.line.x) > 0.0))

    @property
    def drift(self) -> float:
        """Drift over the edge."""
        x, generator = self.line.x, self.line.generator
        face = int(np.searchsorted(x, self.edge)) if x[0] < self.edge else 0
        return self.way * float(generator.drift[face])

    def density(self, y: ArrayLike) -> Array:
        """Density of landing at places y beyond the edge."""
        z = self.way * (np.asarray(y, dtype=np.float64) - self.edge)
        alpha = self.line.problem.alpha
        return self._measure * self._sum(z, -1.0 - alpha)

    def jumped(self, distance: float) -> float:
        """Probability to land further than a distance beyond the edge, within the width."""
        alpha = self.line.problem.alpha
        if self._measure == 0.0:  # alpha = 2 is Gaussian
            return 0.0
        found = self._sum(np.array([distance]), -alpha)
        if np.isfinite(self.width):
            found = found - self._sum(np.array([self.width]), -alpha)
        return float(self._measure / alpha * found[0])

    def quantiles(self, levels: Array) -> Array:
        """Distances within which given shares of the jumps land; 0 below 1e-40 grids."""
        alpha, axis = self.line.problem.alpha, self.line.problem.grid.axes[0]
        length = axis.max - axis.min
        z = length * np.geomspace(SMALL, LARGE ** max(1.0, 1.0 / alpha), STEPS)
        rest = 0.0
        if np.isfinite(self.width):
            z = np.append(z[z < self.width], self.width)
            rest = float(self._sum(z[-1:], -alpha)[0])
        whole = self.jumped(0.0) * alpha / self._measure
        left = (1.0 - levels) * whole + rest
        sums = self._sum(z, -alpha)
        above = np.clip([np.searchsorted(-sums, -v) for v in left], 1, len(z) - 1)
        low, high = z[above - 1], z[above]
        for _ in range(HALVINGS):
            middle = np.sqrt(low * high)
            more = self._sum(middle, -alpha) > left
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        return np.asarray(np.where(left > sums[0], 0.0, np.sqrt(low * high)))

    @property
    def _measure(self) -> float:
        p = self.line.problem
        return float(p.scale**p.alpha * jump_constant(p.alpha))

    def _sum(self, z: Array, power: float) -> Array:
        """Integral of ``g (t + z)^power`` over all t, the distance from the edge."""
        t, weights, (first, own, rest) = self._points
        out = np.empty(len(z))
        # in blocks: nodes may be many
        for k in range(0, len(z), 16):
            out[k : k + 16] = (t + z[k : k + 16, None]) ** power @ weights
        if rest == 0.0:  # no panels
            return out
        # what lies below the first panel, far below any z but 0
        total = own + 1.0
        below = np.where(z > 0.0, np.maximum(z, first) ** power / total, 0.0)
        if (z == 0.0).any():
            below[z == 0.0] = first**power / (total + power)
        return np.asarray(out + rest * first**total * below)

    @cached_property
    def _points(self) -> tuple[Array, Array, tuple[float, float, float]]:
        """Distances from the edge, shares of the occupation there, and what it is below these.

        That is a largest distance, a power of the distance, and the factor of that power.
        """
        t = self.way * (self.edge - self.line.x)
        far, near = self.here.copy(), self._near()
        if near is None:
            return t[far], self.mass[far], (1.0, 0.0, 0.0)
        span, nodes = near
        far[nodes] = False
        places, weights, below = self._panels(span, nodes)
        return np.append(t[far], places), np.append(self.mass[far], weights), below

    def _near(self) -> tuple[Span, NDArray[np.int64]] | None:
        """Nodes next to the edge, from there on; None where too few."""
        side = 1 if self.way > 0 else 0
        spans = [s for s in self.line.spans if s.ends[side] == self.edge and s.sinks[side] >= 0]
        if not spans:
            return None
        span = spans[0]
        count = min(NEAR, (span.last - span.first + 1) // 2)
        node = span.last if side else span.first
        if self.start is not None and span.ends[0] < self.start < span.ends[1]:
            free = abs(self.edge - self.start) / self.line.generator.spacing - APART
            count = min(count, int(free))
        return (span, node - self.way * np.arange(count)) if count >= LEAST else None

    def _panels(
        self, span: Span, nodes: NDArray[np.int64]
    ) -> tuple[Array, Array, tuple[float, float, float]]:
        h, alpha = self.line.generator.spacing, self.line.problem.alpha
        power = span.powers[1 if self.way > 0 else 0]
        if power == 0.0 and alpha >= 1.0:
            # the layer at the edge is there, even if it is thinner than a cell
            power = 0.5 * alpha
        t = self.way * (self.edge - self.line.x[nodes])
        g = self.line.smooth(self.mass)[nodes] / h
        rest = CubicSpline(t, g / t**power)
        y, w = leggauss(POINTS)
        ends = (t[-1] + 0.5 * h) * 2.0 ** np.arange(-PANELS, 1.0)
        middle, half = 0.5 * (ends[1:] + ends[:-1]), 0.5 * np.diff(ends)
        places = (middle[:, None] + half[:, None] * y).ravel()
        weights = (half[:, None] * w).ravel()
        # below the last node the smooth part is taken from there
        part = rest(np.maximum(places, t[0]))
        return places, weights * places**power * part, (float(ends[0]), power, float(part[0]))
