"""The path of steepest descent from a saddle to a minimum, in any number of dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.base import Array
from fokkerplanck.landscapes.newton import Box

__all__ = ["DescentPath", "Surface", "descent_path"]

#: first step off the saddle, and where the path has arrived, in distances from it to the minimum
OFF, ARRIVED = 1e-6, 1e-5
#: longest descent, in units of the inverse downward curvature of the saddle
LONGEST = 1e5
#: given points further than this from the critical points, in distances between the two, are wrong
NEAR = 0.05
NEWTON_STEPS = 30


class Surface(Protocol):
    """A loss with its derivatives at points of shape (..., n), such as a `Landscape`."""

    def loss(self, points: Array, /) -> Array:
        """L, shape (...)."""

    def gradient(self, points: Array, /) -> Array:
        """dL/dx_i, shape (..., n)."""

    def hessian(self, points: Array, /) -> Array:
        """Second derivatives, shape (..., n, n)."""


@dataclass(frozen=True, eq=False)
class DescentPath:
    """The way down from a saddle; it is also the lowest way up.

    Parameters
    ----------
    minimum, saddle : ndarray, shape (n,)
    at : callable
        Points at parameters from 0 (the minimum) to 1 (the saddle), shapes (k,) and (k, n).
    knots : ndarray, shape (m,)
        Parameters between which the path is smooth and short, ascending.
    """

    minimum: Array
    saddle: Array
    at: Callable[[Array], Array]
    knots: Array

    @property
    def bend(self) -> float:
        """Largest distance from the straight line, in its length."""
        line = self.saddle - self.minimum
        off = self.at(self.knots) - self.minimum
        off = off - np.outer(off @ line, line) / (line @ line)
        return float(np.sqrt((off**2).sum(axis=1).max() / (line @ line)))


def descent_path(
    landscape: Surface, minimum: ArrayLike, saddle: ArrayLike, box: Box | None = None
) -> DescentPath:
    """Follow ``dx/dt = -grad L`` from a saddle to the minimum on one of its sides.

    Parameters
    ----------
    landscape : Surface
        Any object with `loss`, `gradient` and `hessian`; not necessarily a `Landscape`.
    minimum, saddle : array_like, shape (n,)
        Both are polished by Newton steps.
    box : Box, optional
        Of a grid, whose periodic axes the path goes around. The path may come to an image of the
        minimum, which is then the one it ends in.

    Raises
    ------
    CaseError
        When the points are not of these kinds, or the descent does not lead there.
    """
    a, b = (np.atleast_1d(np.asarray(p, dtype=np.float64)) for p in (minimum, saddle))
    far = float(np.linalg.norm(a - b)) or 1.0
    a, b = (_polished(landscape, p, far) for p in (a, b))
    values, vectors = np.linalg.eigh(landscape.hessian(b))
    if np.linalg.eigvalsh(landscape.hessian(a))[0] <= 0:
        msg = f"there is no minimum at {a.tolist()}"
        raise CaseError(msg)
    if not (values[0] < 0 and (values[1:] > 0).all()):
        msg = f"there is no saddle with one direction down at {b.tolist()}"
        raise CaseError(msg)
    # the side that faces the minimum first
    facing = 1.0 if vectors[:, 0] @ (a - b) >= 0 else -1.0
    for side in (facing, -facing):
        found = _descended(landscape, a, b, side * vectors[:, 0], -float(values[0]), box)
        if found is not None:
            return found
    msg = f"steepest descent from the saddle at {b.tolist()} does not lead to {a.tolist()}"
    raise CaseError(msg)


def _polished(landscape: Surface, start: Array, far: float) -> Array:
    x = start.copy()
    for _ in range(NEWTON_STEPS):
        step = np.linalg.solve(landscape.hessian(x), landscape.gradient(x))
        x = x - step
        if np.linalg.norm(step) <= 1e-15 * far:
            break
    if not np.linalg.norm(x - start) <= NEAR * far:
        msg = f"there is no critical point near {start.tolist()}"
        raise CaseError(msg)
    return np.asarray(x)


def _descended(
    landscape: Surface,
    minimum: Array,
    saddle: Array,
    downhill: Array,
    rate: float,
    box: Box | None,
) -> DescentPath | None:
    from scipy.integrate import solve_ivp

    def inside(x: Array) -> Array:
        return x if box is None else box.inside(x)

    def image(x: Array) -> Array:
        """Return the image of the minimum next to x, around periodic axes."""
        if box is None:
            return minimum
        turns = np.round((x - minimum) / (box.high - box.low))
        return np.asarray(minimum + np.where(box.periodic, turns * (box.high - box.low), 0.0))

    far = float(np.linalg.norm(minimum - saddle)) or 1.0

    def arrived(_: float, x: Array) -> float:
        return float(np.linalg.norm(image(x) - x)) - ARRIVED * far

    arrived.terminal = True  # type: ignore[attr-defined]
    path = solve_ivp(
        lambda _, x: -landscape.gradient(inside(x)),
        (0.0, LONGEST / rate),
        saddle + OFF * far * downhill,
        method="LSODA",
        jac=lambda _, x: -landscape.hessian(inside(x)),
        events=arrived,
        dense_output=True,
        rtol=1e-8,
        atol=1e-11 * far,
    )
    if path.t_events is None or not len(path.t_events[0]) or path.sol is None:
        return None
    times, dense = path.t, path.sol
    end = image(path.y[:, -1])
    # parameters: the minimum, the steps of the integrator backwards, the saddle
    knots = np.linspace(0.0, 1.0, times.size + 2)

    def at(u: Array) -> Array:
        u = np.atleast_1d(u)
        t = np.interp(u, knots[1:-1], times[::-1])
        x = dense(t).T
        low, high = u < knots[1], u > knots[-2]
        w = (u[low] / knots[1])[:, None]
        x[low] = end + w * (path.y[:, -1] - end)
        w = ((1 - u[high]) / (1 - knots[-2]))[:, None]
        x[high] = saddle + w * (path.y[:, 0] - saddle)
        return np.asarray(x)

    return DescentPath(end, saddle, at, knots)
