"""What a walk does, as the tuples that its kernel takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import walk_kernels as k
from fokkerplanck.solvers.field_tables import LineTables, PlaneTables
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget, Target

if TYPE_CHECKING:
    from fokkerplanck.solvers.ensemble import Walk

__all__ = ["Rules"]

Array = NDArray[np.float64]
WALLS = {"reflecting": k.REFLECTING, "absorbing": k.ABSORBING, "periodic": k.PERIODIC}


@dataclass(frozen=True, eq=False)
class Rules:
    """A kernel and what it is told: fields, rules of a step, and where walks end."""

    kernel: Any
    fields: tuple[Any, ...]
    rules: tuple[Any, ...]
    ends: tuple[Any, ...]

    @classmethod
    def of(
        cls, walk: Walk, *, discrete: bool, sharp: bool = False, target: Target | None = None
    ) -> Rules:
        """Check a walk and lay it out.

        Parameters
        ----------
        walk : Walk
            The walk.
        discrete : bool
            Whether nothing happens between two steps.
        sharp : bool
            Whether targets are met after whole steps only, although the walk is not discrete.
        target : Target, optional
            Where walks end, apart from absorbing walls.

        Raises
        ------
        ValueError
            If something of the walk is not allowed.
        """
        if not (np.isfinite(walk.step) and walk.step > 0):
            msg = f"step must be positive, got {walk.step}"
            raise ValueError(msg)
        if not 0 <= walk.momentum < 1:
            msg = f"momentum must be at least 0 and below 1, got {walk.momentum}"
            raise ValueError(msg)
        discrete = discrete or walk.momentum > 0
        if not 0 <= walk.kappa <= 1 or (walk.kappa != 1 and (discrete or walk.tables.dim == 2)):
            msg = (
                "kappa must be in [0, 1], and 1 for discrete walks (these are Ito) and in the "
                f"plane (the drift holds (1 - kappa) div D); got {walk.kappa}"
            )
            raise ValueError(msg)
        walls = [tuple(WALLS[w] for w in axis) for axis in walk.walls[: walk.tables.dim]]
        if len(walls) < walk.tables.dim or any((k.PERIODIC in w) != (w == (2, 2)) for w in walls):
            msg = f"walls of each axis: a pair of words, both or none periodic; got {walk.walls}"
            raise ValueError(msg)
        if isinstance(walk.tables, LineTables):
            on_line = target if isinstance(target, LineTarget) else None
            return _line(walk, walk.tables, discrete, sharp, walls, on_line)
        in_plane = target if isinstance(target, PlaneTarget) else None
        return _plane(walk, walk.tables, discrete, sharp, walls, in_plane)

    def run(self, blocks: tuple[Any, ...], times: Any, walkers: Any, out: Any) -> None:
        """Call the kernel."""
        self.kernel(*blocks, times, walkers, self.fields, self.rules, self.ends, out)


def _line(
    walk: Walk,
    t: LineTables,
    discrete: bool,
    sharp: bool,
    walls: list[Any],
    target: LineTarget | None,
) -> Rules:
    inverse = t.cells / (t.upper - t.lower)
    constant = -1.0 if t.constant is None else t.constant
    breaks = np.zeros((0, 6)) if discrete else _breaks(t, walk.kappa)
    ends = _ends(target, t.lower, t.upper, walls[0], discrete, sharp)
    if walls[0][0] == k.PERIODIC:
        length = t.upper - t.lower
        breaks = np.concatenate([breaks + s * length * np.eye(6)[0] for s in (0, 1, -1)])
    fields = (
        *(t.lower, t.upper, inverse, t.cells),
        *(t.ito_drift(walk.kappa), t.diffusion, t.cut, constant, breaks),
    )
    rules = (walk.step, walk.momentum, discrete, *walls[0])
    return Rules(k.line_walk_kernel, fields, rules, ends)


def _ends(
    target: LineTarget | None,
    low: float,
    high: float,
    walls: tuple[int, int],
    discrete: bool,
    sharp: bool,
) -> tuple[Array, NDArray[np.int64]]:
    """Intervals as rows (from, to, their places, whether after whole steps only), and fates.

    Walkers between two walls see the images of a target behind the walls too.
    """
    rows = []
    inside = np.clip(target.intervals, low, high) if target else np.zeros((0, 2))
    for fate, (a, b) in enumerate(inside):
        far = (-np.inf if a == low else a, np.inf if b == high else b)
        rows.append((*far, a, b, discrete or sharp, fate))
        if discrete:
            continue
        if walls[0] == k.PERIODIC:
            for shift in (high - low, low - high):
                rows.append((a + shift, b + shift, a, b, sharp, fate))
        for wall in (w for w, kind in zip((low, high), walls, strict=True) if kind == k.REFLECTING):
            if wall not in (a, b):
                rows.append((2 * wall - b, 2 * wall - a, b, a, sharp, fate))
    # a wall behind a target is never met
    if walls[0] == k.ABSORBING and not (inside == low).any():
        rows.append((-np.inf, low, low, low, discrete, k.LOST))
    if walls[1] == k.ABSORBING and not (inside == high).any():
        rows.append((high, np.inf, high, high, discrete, k.LOST))
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return np.ascontiguousarray(table[:, :5]), table[:, 5].astype(np.int64)


def _breaks(tables: LineTables, kappa: float) -> Array:
    """Place, sqrt(2 D) and Ito drift on both sides, and the probability of the upper side."""
    at, below, above = tables.breaks[:, :3].T
    with np.errstate(divide="ignore"):
        odds = (above / below) ** (0.5 - kappa)
    up = np.where(np.isfinite(odds), odds / (1 + odds), 1.0)
    # the cubics on both sides: the slope of D is in the Ito drift
    n, place = tables.cells, (at - tables.lower) / tables.spacing
    cell = np.floor(place).astype(int)
    within = tables.cut[cell] == at
    node = np.round(place).astype(int)
    rows = np.where(within, cell, node - 1 + n), np.where(within, cell + n, node)
    places = np.where(within, place - cell, 1.0), np.where(within, place - cell, 0.0)
    cubics = tables.ito_drift(kappa)
    drift = [
        (cubics[r] * t[:, None] ** np.arange(4)).sum(1) for r, t in zip(rows, places, strict=True)
    ]
    return np.stack([at, np.sqrt(2 * below), np.sqrt(2 * above), *drift, up], axis=1)


def _plane(
    walk: Walk,
    tables: PlaneTables,
    discrete: bool,
    sharp: bool,
    walls: list[Any],
    target: PlaneTarget | None,
) -> Rules:
    low, high = tables.lower, tables.upper
    inverse = tuple(1.0 / h for h in tables.spacing)
    fields = (
        *(low, high, inverse, tables.cells),
        *(tables.drift, tables.diffusion, tables.weights),
    )
    rows: list[Any] = []
    images = [(0.0, 0.0)] if discrete else _shifts(tables, walls)
    for fate, shape in enumerate(target.shapes if target else ()):
        for shift in images:
            rows.append((*_moved(shape, shift), discrete or sharp, fate))
    for axis in (0, 1):
        unit = np.eye(2)[axis]
        if walls[axis][0] == k.ABSORBING:
            rows.append((k.HALF_PLANE, *-unit, -low[axis], 0.0, discrete, k.LOST))
        if walls[axis][1] == k.ABSORBING:
            rows.append((k.HALF_PLANE, *unit, high[axis], 0.0, discrete, k.LOST))
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    level = target.level if target else np.zeros((0, 0))
    frame = np.array([*target.corner, *target.spacing] if target else [0.0] * 4)
    ends = np.ascontiguousarray(table[:, :6]), table[:, 6].astype(np.int64), level, frame
    rules = (walk.step, walk.momentum, discrete, *walls)
    return Rules(k.plane_walk_kernel, fields, rules, ends)


def _shifts(tables: PlaneTables, walls: list[Any]) -> list[tuple[float, float]]:
    """Periods by which images of a target are moved."""
    ways: list[tuple[float, ...]] = []
    for low, high, kinds in zip(tables.lower, tables.upper, walls, strict=True):
        ways.append((0.0, high - low, low - high) if kinds[0] == k.PERIODIC else (0.0,))
    return [(a, b) for a in ways[0] for b in ways[1]]


def _moved(shape: Array, shift: tuple[float, float]) -> tuple[float, ...]:
    """Move a disc or a box; half-planes and sets of cells have no images."""
    kind, a, b, c, d = (float(v) for v in shape)
    x, y = shift
    if kind == k.DISC:
        return kind, a + x, b + y, c, d
    if kind == k.BOX:
        return kind, a + x, b + x, c + y, d + y
    return kind, a, b, c, d
