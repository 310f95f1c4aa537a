"""Borders of basins as curves: steepest ascent from the saddles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Array, Landscape
from fokkerplanck.landscapes.critical import CriticalPoint
from fokkerplanck.landscapes.newton import Box

__all__ = ["Ridges"]

#: first step off a saddle, in boxes
OFF = 1e-5
#: longest ascent, in inverse curvatures of the saddle
LONGEST = 1e3
#: a path this much slower than at its start has come to a maximum
SLOW = 1e-3
#: error of one step, in boxes
TOLERANCE = 1e-11
#: distance of nodes, in cells
NODES = 0.5
ITERATIONS = 6
#: a fraction of a segment beyond this is none
FARTHEST = 10.0


class Ridges:
    """Curves that steepest ascent from saddles follows, up to the walls or a maximum.

    Points on them flow down to their saddle, so they are borders of basins; others may begin at
    walls. Ascent draws neighbouring paths onto them: they are found with few steps and in many
    digits.

    Parameters
    ----------
    landscape : Landscape
        Of two coordinates.
    grid : Grid
    saddles : sequence of CriticalPoint
    """

    def __init__(self, landscape: Landscape, grid: Grid, saddles: Sequence[CriticalPoint]) -> None:
        self._landscape, self._box = landscape, Box.around(grid)
        self._cell = min(grid.spacing)
        found = [self._branch(saddle, side) for saddle in saddles for side in (-1.0, 1.0)]
        self._branches = [branch for branch in found if branch is not None]

    def crossings(self, start: Array, way: Array) -> Array:
        """Fraction at which each segment ``start + t way`` crosses a curve near its middle.

        Parameters
        ----------
        start, way : ndarray, shape (n, 2)

        Returns
        -------
        ndarray, shape (n,)
            nan where none was found.
        """
        fraction = np.full(len(start), np.nan)
        if not self._branches or not len(start):
            return fraction
        from scipy.spatial import cKDTree

        nodes = np.concatenate([b.nodes for b in self._branches])
        owner = np.repeat(np.arange(len(self._branches)), [len(b.times) for b in self._branches])
        middle = self._box.inside(start + way / 2)
        shift = start + way / 2 - middle
        nearest = np.asarray(cKDTree(nodes).query(middle)[1])
        first = np.searchsorted(owner, np.arange(len(self._branches)))
        for k in np.unique(owner[nearest]):
            mine = np.flatnonzero(owner[nearest] == k)
            node = nearest[mine] - first[k]
            fraction[mine] = self._met(self._branches[k], node, (start - shift)[mine], way[mine])
        return fraction

    def _met(self, branch: _Branch, node: Array, start: Array, way: Array) -> Array:
        """Newton's method for the time on the curve and the fraction of the segment."""
        time, turn = branch.times[node], branch.turns[node]
        t = np.full(len(start), 0.5)
        for _ in range(ITERATIONS):
            place = branch.path(time).T - turn
            speed = self._landscape.gradient(self._box.inside(place))
            away = start + t[:, None] * way - place
            cross = speed[:, 0] * way[:, 1] - speed[:, 1] * way[:, 0]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                longest = 2.0 * self._cell / np.hypot(speed[:, 0], speed[:, 1])
                dtime = (away[:, 0] * way[:, 1] - away[:, 1] * way[:, 0]) / cross
                t = t + (away[:, 0] * speed[:, 1] - away[:, 1] * speed[:, 0]) / cross
            t = np.where(np.abs(t) < FARTHEST, t, np.nan)
            time = np.clip(time + np.clip(dtime, -longest, longest), 0.0, branch.times[-1])
            time = np.where(np.isfinite(time), time, 0.0)
        return np.asarray(t)

    def _branch(self, saddle: CriticalPoint, side: float) -> _Branch | None:
        from scipy.integrate import solve_ivp

        box, landscape = self._box, self._landscape
        values, vectors = np.linalg.eigh(saddle.hessian)
        if values[-1] <= 0.0:
            return None
        start = saddle.position + side * OFF * box.size * vectors[:, -1]

        def speed(_: float, x: Array) -> Array:
            return landscape.gradient(box.inside(x))

        def left(_: float, x: Array) -> float:
            edge = np.minimum(x - box.low, box.high - x)
            return float(np.where(box.periodic, box.size, edge).min())

        slowest = SLOW * float(np.linalg.norm(speed(0.0, start)))

        def slow(_: float, x: Array) -> float:
            return float(np.linalg.norm(speed(0.0, x))) - slowest

        left.terminal = slow.terminal = True  # type: ignore[attr-defined]
        found = solve_ivp(
            speed,
            (0.0, LONGEST / float(values[-1])),
            start,
            method="LSODA",
            events=[left, slow],
            dense_output=True,
            rtol=1e-10,
            atol=TOLERANCE * box.size,
        )
        if not found.success or found.sol is None or len(found.t) < 2:
            return None
        return _Branch.through(found.sol, found.t, box, NODES * self._cell)


@dataclass(frozen=True, eq=False)
class _Branch:
    """One curve, with nodes at short distances.

    Parameters
    ----------
    path : callable
        Points, shape (2, n), at times, shape (n,).
    times : ndarray, shape (nodes,)
    nodes : ndarray, shape (nodes, 2)
        Moved into the box by ``turns``.
    turns : ndarray, shape (nodes, 2)
    """

    path: Callable[[Array], Any]
    times: Array
    nodes: Array
    turns: Array

    @classmethod
    def through(cls, path: Callable[[Array], Any], steps: Array, box: Box, apart: float) -> _Branch:
        """Put nodes on a path, about `apart` from each other."""
        points = path(steps).T
        length = np.linalg.norm(np.diff(points, axis=0), axis=-1)
        parts = [
            np.linspace(a, b, max(1, int(1.5 * gap / apart)), endpoint=False)
            for a, b, gap in zip(steps[:-1], steps[1:], length, strict=True)
        ]
        times = np.concatenate([*parts, steps[-1:]])
        points = path(times).T
        nodes = box.inside(points)
        return cls(path, times, nodes, points - nodes)
