"""Where steepest descent ends: dx/dt = -grad L from many points at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Array, Landscape

__all__ = ["OPEN", "SADDLE", "WALL", "Codes", "Descent"]

Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]

#: the end is not known
OPEN = np.int32(-1)
#: the path ends at a wall
WALL = np.int32(-2)
#: it ends at saddle j: ``SADDLE - j``
SADDLE = np.int32(-3)

#: error allowed in one step, in cells; near a resting place paths dance about by this much
TOLERANCE = 3e-8
#: a path this near to a saddle, in boxes, ends there
ON_SADDLE = 1e-9
#: arrival at a minimum, in boxes, and in distances to the next critical point
ARRIVED = (1e-3, 0.1)
MOST_STEPS = 3000

# Dormand and Prince, J. Comput. Appl. Math. 6, 19 (1980), table 2: RK5(4)7M
A = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
E = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


@dataclass(frozen=True, eq=False)
class Descent:
    """Paths of steepest descent in the box of a grid.

    They slide along reflecting walls and end at absorbing ones.

    Parameters
    ----------
    landscape : Landscape
    grid : Grid
    minima : ndarray, shape (count, dim)
    saddles : ndarray, shape (saddles, dim)
    """

    landscape: Landscape
    grid: Grid
    minima: Array
    saddles: Array

    def ends(self, points: Array, known: Codes) -> Codes:
        """Where the paths from `points` end.

        Parameters
        ----------
        points : ndarray, shape (n, dim)
        known : ndarray of int32, shape (*shape)
            For cells from all of whose points the end is known, that end; `OPEN` for others.

        Returns
        -------
        ndarray of int32, shape (n,)
            Number of the minimum, `WALL`, ``SADDLE - j`` for saddle j, or an entry of `known`;
            `OPEN` where a path comes to rest elsewhere, as on a plateau.

        Notes
        -----
        Explicit Runge-Kutta steps of order 5, each path with its own.
        """
        ends = np.full(len(points), OPEN)
        live, x = np.arange(len(points)), self.inside(points)
        speed = self._velocity(x)
        size = np.hypot.reduce(speed, axis=-1)
        with np.errstate(divide="ignore"):
            dt = min(self.grid.spacing) / size
        for _ in range(MOST_STEPS):
            code, critical = self._arrival(x, known)
            wall = self._at_wall(x)
            shortest = TOLERANCE * np.select([critical, wall], [0.01, 10.0], 3.0)
            still = (code == OPEN) & (self._progress(x, speed, dt) <= shortest)
            code[still & wall] = WALL
            ends[live] = code
            go = (code == OPEN) & ~still
            live, x, speed, dt = live[go], x[go], speed[go], dt[go]
            if not live.size:
                break
            x, speed, dt, out = self._stepped(x, speed, dt)
            ends[live[out]] = WALL
            if out.any():
                live, x, speed, dt = live[~out], x[~out], speed[~out], dt[~out]
        return ends

    def cells(self, points: Array) -> tuple[NDArray[np.intp], ...]:
        """Index of the cell of each point inside the box."""
        return tuple(
            np.clip((points[:, i] - axis.min) / axis.spacing, 0, axis.cells - 1).astype(np.intp)
            for i, axis in enumerate(self.grid.axes)
        )

    def inside(self, points: Array) -> Array:
        """Points moved into the box: wrapped along periodic axes, onto the wall along others."""
        out = np.empty_like(points)
        for i, axis in enumerate(self.grid.axes):
            x = points[:, i]
            out[:, i] = (
                axis.min + np.mod(x - axis.min, axis.max - axis.min)
                if axis.periodic
                else np.clip(x, axis.min, axis.max)
            )
        return out

    def _velocity(self, x: Array) -> Array:
        return -self.landscape.gradient(x)

    def _stepped(self, x: Array, speed: Array, dt: Array) -> tuple[Array, Array, Array, Mask]:
        """One step of each path, taken where it is accurate; the last says which left the box."""
        stages, scale, there = [speed], dt[:, None], x
        for row in A:
            there = x + scale * _combined(row, stages)
            stages.append(self._velocity(self.inside(there)))
        error = np.abs(scale * _combined(E, stages)).max(axis=-1)
        worst = error / (TOLERANCE * min(self.grid.spacing))
        good = worst <= 1.0
        x = np.where(good[:, None], self.inside(there), x)
        speed = np.where(good[:, None], stages[-1], speed)
        with np.errstate(divide="ignore"):
            dt = dt * np.clip(0.9 * worst**-0.2, 0.2, 5.0)
        return x, speed, dt, good & self._beyond(there, ("absorbing",))

    def _beyond(self, x: Array, walls: tuple[str, ...], touching: bool = False) -> Mask:
        """Whether points lie beyond (or on) a wall of one of these kinds."""
        out = np.zeros(len(x), dtype=np.bool_)
        for i, axis in enumerate(self.grid.axes):
            low, high = axis.min - x[:, i], x[:, i] - axis.max
            for wall, past in zip(axis.walls, (low, high), strict=True):
                if wall in walls:
                    out |= (past >= 0.0) if touching else (past > 0.0)
        return out

    def _at_wall(self, x: Array) -> Mask:
        return self._beyond(x, ("reflecting", "absorbing"), touching=True)

    def _progress(self, x: Array, speed: Array, dt: Array) -> Array:
        """Length of the next step in cells, without what walls hold back."""
        speed = speed.copy()
        for i, axis in enumerate(self.grid.axes):
            if not axis.periodic:
                pressed = (x[:, i] <= axis.min) & (speed[:, i] < 0.0)
                pressed |= (x[:, i] >= axis.max) & (speed[:, i] > 0.0)
                speed[pressed, i] = 0.0
        held = np.hypot.reduce(speed, axis=-1)
        moving = np.where(held > 0.0, dt, 0.0)
        return np.asarray(held * moving / min(self.grid.spacing))

    def _arrival(self, x: Array, known: Codes) -> tuple[Codes, Mask]:
        """End of each path, `OPEN` where it has not arrived; is it near a critical point."""
        code, (tree, codes, radii) = known[self.cells(x)], self._targets
        bound = max(float(radii.max(initial=0.0)), min(self.grid.spacing))
        away, which = tree.query(x, distance_upper_bound=bound)
        critical = np.isfinite(away)
        near = np.flatnonzero(critical)
        near = near[away[near] <= radii[which[near]]]
        code[near] = codes[which[near]]
        return code, critical

    @cached_property
    def _targets(self) -> tuple[Any, Codes, Array]:
        """Critical points with their images, codes and radii of arrival, in a search tree."""
        from scipy.spatial import cKDTree

        places = np.concatenate([self.minima, self.saddles])
        codes = np.concatenate(
            [np.arange(len(self.minima)), SADDLE - np.arange(len(self.saddles))]
        ).astype(np.int32)
        sides = np.array([axis.max - axis.min for axis in self.grid.axes])
        turns = [(-1, 0, 1) if axis.periodic else (0,) for axis in self.grid.axes]
        shifts = np.array(list(product(*turns))) * sides
        every = (places[:, None, :] + shifts).reshape(-1, self.grid.dim)
        tree = cKDTree(every)
        # a point that is alone has its next one at infinity
        apart = np.asarray(tree.query(places, k=[2])[0])[:, 0]
        radii = np.minimum(ARRIVED[0] * sides.max(), ARRIVED[1] * apart)
        radii[len(self.minima) :] = ON_SADDLE * sides.max()
        return tree, np.repeat(codes, len(shifts)), np.repeat(radii, len(shifts))


def _combined(weights: tuple[float, ...], stages: list[Array]) -> Array:
    return reduce(np.add, [w * k for w, k in zip(weights, stages, strict=True) if w])
