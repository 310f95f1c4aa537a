"""Panels on a line that resolve a drift and a diffusion, however steep or broken they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["NODES", "LinePanels", "Potential", "antiderivative", "resolve"]

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

#: Gauss-Legendre nodes in a panel.
NODES = 16
#: Largest change of Phi over a panel: a degree of 15 then leaves 1e-17 of its exponential.
CLIMB = 2.0
#: Largest of the last two Legendre coefficients of a resolved function.
TAIL = 2e-14
#: Where a panel is looked at next to its ends, and how far off its polynomial may be there: the
#: outer nodes leave gaps in which a jump would hide.
RIM = 1 - 1e-9
RIM_ERROR = 1e-9
#: Roundings of a loss that may add up in a coefficient.
ROUNDINGS = 32
#: Equal panels to start with, so that no narrow feature is jumped over.
FIRST = 64
#: Panels are not halved below this part of the line and its distance: that is a jump.
LEAST = 1e-14
MOST_PANELS = 1 << 18
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Potential:
    """``Phi = -int f / D`` by its slope or, where only a loss is known, by differences of it.

    Parameters
    ----------
    diffusion : callable
        D > 0 at points of shape (n,).
    drift, loss : callable, optional
        f and L at points of shape (n,). One of them is enough where D does not vary, and the
        drift serves if both are given: rounding of a steep loss is the larger one.
    """

    diffusion: Function
    drift: Function | None
    loss: Function | None

    def sample(self, left: Array, right: Array) -> tuple[Array, Array, Array, Array]:
        """Evaluate panels, shape (n,) of ends, at their nodes.

        Returns
        -------
        rise, log_diffusion : ndarray, shape (n, NODES)
            Phi relative to the left end, and ln D.
        climb : ndarray, shape (n,)
            Phi of the right end relative to the left.
        tail : ndarray, shape (n,)
            How much of Phi, or of ln D, its polynomial misses, in units of what rounding leaves.
        """
        x, half = _places(left, right), 0.5 * (right - left)
        d = _values(self.diffusion, x, "diffusion")
        if not d.min() > 0:
            msg = f"the diffusion must be positive, got {d.min():g} at {x.flat[d.argmin()]:g}"
            raise ValueError(msg)
        log_d = np.log(d)
        if self.drift is not None:
            rise, climb, tail = self._by_drift(self.drift, x, half, d)
        else:
            rise, climb, tail = self._by_loss(x, left, right, d)
            if (np.ptp(log_d, axis=1) > 4 * EPS).any():
                msg = "a loss alone is enough only where the diffusion is constant: give the drift"
                raise ValueError(msg)
        return rise, log_d[:, 1:-1], climb, np.maximum(tail, _misfit(log_d, TAIL))

    def _by_drift(
        self, drift: Function, x: Array, half: Array, d: Array
    ) -> tuple[Array, Array, Array]:
        slope = -_values(drift, x, "drift") / d * half[:, None]
        _, weights = _rule()
        inside = slope[:, 1:-1]
        return inside @ antiderivative().T, inside @ weights, _misfit(slope, TAIL)

    def _by_loss(self, x: Array, left: Array, right: Array, d: Array) -> tuple[Array, Array, Array]:
        assert self.loss is not None  # LineProcess asks for one of them
        ends = [_values(self.loss, end, "loss") for end in (left, right)]
        values = _values(self.loss, x, "loss")
        rise, climb = (values - ends[0][:, None]) / d, (ends[1] - ends[0]) / d[:, 0]
        # of values, and of points where the loss is steep
        rounding = np.abs(values).max(axis=1) / d[:, 0] + np.abs(climb * x[:, 0]) / (right - left)
        return rise[:, 1:-1], climb, _misfit(rise, TAIL + ROUNDINGS * EPS * rounding)


@dataclass(frozen=True, eq=False)
class LinePanels:
    """Nodes on a line with Phi and ln D, fine enough for integrals of their exponentials.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        Ends of the panels.
    points, phi, log_diffusion : ndarray, shape (n, NODES)
        Nodes, Phi (zero at the first edge) and ln D.
    """

    edges: Array
    points: Array
    phi: Array
    log_diffusion: Array

    @property
    def half_widths(self) -> Array:
        """Half the width of every panel, shape (n,)."""
        return np.asarray(0.5 * np.diff(self.edges))

    @property
    def rounding(self) -> float:
        """Relative error that rounding of Phi leaves in its exponential."""
        return float(EPS * (8 + np.ptp(self.phi)))

    def halved(self, potential: Potential) -> LinePanels:
        """Twice as many panels."""
        middle = 0.5 * (self.edges[:-1] + self.edges[1:])
        return _panels(potential, np.sort(np.concatenate([self.edges, middle])))

    def index(self, point: float) -> int:
        """Panel edge at a point that was among the `marks`."""
        return int(np.argmin(np.abs(self.edges - point)))


def resolve(potential: Potential, marks: Array) -> LinePanels:
    """Panels between the first and the last of `marks`, with an edge at each.

    Panels are halved until Phi changes by at most `CLIMB` over each, and it and ln D are
    polynomials on each to rounding.

    Raises
    ------
    ValueError
        When that takes more than `MOST_PANELS` of them, or a value is not finite.
    """
    marks = np.unique(marks)
    span, size = float(marks[-1] - marks[0]), float(np.ptp(np.append(marks, 0.0)))
    parts = [
        np.linspace(a, b, 2 + int(FIRST * (b - a) / span))[:-1] for a, b in pairwise(marks.tolist())
    ]
    edges = np.concatenate([*parts, marks[-1:]])
    left, right = edges[:-1], edges[1:]
    done: list[Array] = []
    while left.size:
        rise, _, climb, tail = potential.sample(left, right)
        steep = np.maximum(np.ptp(rise, axis=1), np.abs(climb)) > CLIMB
        rough = (tail > 1) & (right - left > LEAST * size)
        split = steep | rough
        done.append(left[~split])
        left, right = left[split], right[split]
        middle = 0.5 * (left + right)
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
        if left.size + sum(part.size for part in done) > MOST_PANELS:
            msg = f"the drift over the diffusion needs more than {MOST_PANELS} panels"
            raise ValueError(msg)
    return _panels(potential, np.append(np.sort(np.concatenate(done)), marks[-1]))


@lru_cache(maxsize=1)
def antiderivative() -> Array:
    """Matrix from values at the nodes in (-1, 1) to integrals from -1 up to each node."""
    legendre = np.polynomial.legendre
    nodes, _ = _rule()
    integrated = legendre.legint(_transform(), lbnd=-1, axis=0)
    return np.asarray(legendre.legval(nodes, integrated).T)


def _panels(potential: Potential, edges: Array) -> LinePanels:
    rise, log_d, climb, _ = potential.sample(edges[:-1], edges[1:])
    # many small steps: summed in extended precision where there is one
    start = np.concatenate([[0.0], np.cumsum(climb.astype(np.longdouble))[:-1]])
    phi = np.asarray(start[:, None] + rise, dtype=np.float64)
    return LinePanels(edges, _nodes(edges[:-1], edges[1:]), phi, log_d)


def _nodes(left: Array, right: Array) -> Array:
    return _places(left, right)[:, 1:-1]


def _places(left: Array, right: Array) -> Array:
    """Nodes of panels, and a point next to either end, shape (n, NODES + 2)."""
    at = np.concatenate([[-RIM], _rule()[0], [RIM]])
    return np.asarray(0.5 * ((left + right)[:, None] + (right - left)[:, None] * at))


def _values(function: Function, x: Array, what: str) -> Array:
    out = np.broadcast_to(np.asarray(function(x.ravel()), dtype=np.float64), x.size).reshape(
        x.shape
    )
    if not np.isfinite(out).all():
        where = x.flat[int(np.argmin(np.isfinite(out)))]
        msg = f"the {what} is not finite at {where:g}"
        raise ValueError(msg)
    return out


def _misfit(values: Array, tail: float | Array) -> Array:
    """How far values at `_places` are from a polynomial: 1 where it is as good as can be."""
    inside = values[:, 1:-1]
    last = np.abs(inside @ _transform()[-2:].T).max(axis=1) / tail
    rim = np.abs(inside @ _rim().T - values[:, [0, -1]]).max(axis=1) / RIM_ERROR
    return np.asarray(np.maximum(last, rim))


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return nodes, weights


@lru_cache(maxsize=1)
def _transform() -> Array:
    """Matrix from values at the nodes to Legendre coefficients."""
    nodes, weights = _rule()
    order = np.arange(NODES)
    basis = np.polynomial.legendre.legvander(nodes, NODES - 1)
    return np.asarray((order[:, None] + 0.5) * basis.T * weights)


@lru_cache(maxsize=1)
def _rim() -> Array:
    """Matrix from values at the nodes to those of their polynomial next to the ends."""
    vander = np.polynomial.legendre.legvander(np.array([-RIM, RIM]), NODES - 1)
    return np.asarray(vander @ _transform())
