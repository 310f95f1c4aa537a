"""The action of one round trip in a well on a line, at the height of the barrier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import NumericalError

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.landscapes.critical import CriticalPoint

__all__ = ["Orbit", "round_trip"]

Array = NDArray[np.float64]
#: Gauss-Legendre nodes in a panel, panels to begin with, and how often they are halved at most.
NODES, PANELS, HALVINGS = 16, 4, 40
#: Change by halving, as a part of the action, at which a panel has settled.
SETTLED = 1e-14
#: Tops whose heights differ by less than this part of the barrier are of one height.
SAME = 1e-10


@dataclass(frozen=True)
class Orbit:
    """The orbit that starts from the top of a barrier, down one side of it.

    Parameters
    ----------
    action : float
        ``S = 2 int sqrt(2 m (L_b - L(x))) dx`` from the top to where the orbit turns; infinite
        where it never does.
    turn : float
        Where it turns; the wall where it never does.
    minima : int
        Number of minima that it passes.
    """

    action: float
    turn: float
    minima: int


def round_trip(
    landscape: Landscape,
    points: tuple[CriticalPoint, ...],
    top: CriticalPoint,
    side: int,
    walls: tuple[float, float],
    mass: float = 1.0,
) -> Orbit:
    """Follow the orbit at the energy of a top, and integrate its action.

    Both ends are taken right: the square root at the turning point, and the straight line into
    which the root turns at the top, by ``x = c - r cos(theta)``.

    Parameters
    ----------
    landscape : Landscape
        On a line.
    points : tuple of CriticalPoint
        All between the walls.
    top : CriticalPoint
        A maximum.
    side : int
        -1 for the well to its left, 1 for the one to its right.
    walls : tuple of float
        Where the search for the turning point ends.
    mass : float
        m.

    Raises
    ------
    NumericalError
        When the quadrature does not settle.
    """
    start, height = _x(top), top.loss
    beyond = sorted((p for p in points if side * (_x(p) - start) > 0), key=lambda p: side * _x(p))
    wall, count = walls[0 if side < 0 else 1], 0
    places = [(_x(p), str(p.kind), p.loss) for p in beyond]
    places.append((wall, "wall", _loss(landscape, wall)))
    same = SAME * (height - min(loss for *_, loss in places))
    before = start
    for place, kind, loss in places:
        count += kind == "minimum"
        if loss >= height - same and kind != "minimum":
            turn = place if loss <= height + same else _crossing(landscape, height, before, place)
            return Orbit(_action(landscape, height, (start, turn), mass), turn, count)
        before = place
    return Orbit(np.inf, wall, count)


def _crossing(landscape: Landscape, height: float, low: float, high: float) -> float:
    """Where the loss rises to a height, on a stretch on which it only rises."""
    from scipy.optimize import brentq

    def above(x: float) -> float:
        return _loss(landscape, x) - height

    return float(brentq(above, low, high, xtol=1e-15 * max(abs(low), abs(high)), rtol=1e-14))


def _action(landscape: Landscape, height: float, ends: tuple[float, float], mass: float) -> float:
    """Integrate over angles, halving the panels that have not settled (at kinks of the slope)."""
    middle, half = sum(ends) / 2, abs(ends[1] - ends[0]) / 2
    nodes, weights = np.polynomial.legendre.leggauss(NODES)

    def panels(low: Array, high: Array) -> Array:
        width = (high - low)[:, None] / 2
        angle = low[:, None] + width * (nodes + 1)
        depth = height - landscape.loss((middle - half * np.cos(angle))[..., None])
        # rounding at the ends may leave the loss above the height
        speed = np.sqrt(2 * mass * np.maximum(depth, 0.0))
        return np.asarray((2 * half * width * weights * speed * np.sin(angle)).sum(axis=1))

    edges = np.linspace(0.0, np.pi, PANELS + 1)
    low, high = edges[:-1], edges[1:]
    whole, done = panels(low, high), 0.0
    for _ in range(HALVINGS):
        centre = (low + high) / 2
        parts = panels(low, centre), panels(centre, high)
        better = parts[0] + parts[1]
        rough = np.abs(better - whole) > SETTLED * (done + float(better.sum()))
        done += float(better[~rough].sum())
        if not rough.any():
            return done
        low, high = (
            np.concatenate(p) for p in ((low[rough], centre[rough]), (centre[rough], high[rough]))
        )
        whole = np.concatenate([part[rough] for part in parts])
    msg = f"the action of the well between {min(ends):.6g} and {max(ends):.6g} does not settle"
    raise NumericalError(msg)


def _loss(landscape: Landscape, x: float) -> float:
    return float(landscape.loss(np.array([x])))


def _x(point: CriticalPoint) -> float:
    return float(point.position[0])
