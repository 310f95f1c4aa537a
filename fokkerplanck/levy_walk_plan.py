"""Walkers of a problem with long jumps: their tables, their step, and where they begin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.ensemble_start import positions_of
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Landscape
from fokkerplanck.levy import Levy
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.solvers.field_tables import FieldTables
    from fokkerplanck.solvers.levy_walk import LevyWalk

__all__ = ["Jumping", "LevyWalkers", "starting_point", "starts_in"]

Array = NDArray[np.float64]
#: Step as a part of the shortest relaxation time, and of that in which noise spreads over this part
#: of the shortest axis, at most.
SHARE, SPREAD = 0.02, 0.02
#: Mean error of tables, of the drift around the minima, that is aimed at and the largest allowed.
TOLERANCE, PLANE_TOLERANCE, LARGEST = 1e-6, 1e-4, 1e-2
#: Fewest and most intervals of a line, and of each axis of a plane.
LINE, PLANE = (512, 2**17), (64, 1024)
#: Places at which tables are compared with the drift, and their reach in widths of a well.
PLACES, REACH = 2000, 3.0
#: Rounds of drawing again what fell outside of a set.
ROUNDS = 1000


class Jumping(Protocol):
    """What walkers ask of a problem: `Levy` on a line, `PlaneLevy` in the plane."""

    @property
    def grid(self) -> Grid:
        """Axes and walls."""
        ...

    @property
    def landscape(self) -> Landscape:
        """The loss."""
        ...

    @property
    def alpha(self) -> float:
        """Index of the tail."""
        ...

    @property
    def temperature(self) -> float:
        """Of Gaussian noise beside the jumps."""
        ...


@dataclass(frozen=True, eq=False)
class LevyWalkers:
    """What walkers of a problem look up, and how long their steps are.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    step : float
        Time of the longest step.
    rate : float
        Of the fastest relaxation where walkers mostly are.
    """

    problem: Jumping
    step: float
    rate: float

    @classmethod
    def of(cls, problem: Jumping, step: float | None = None) -> LevyWalkers:
        """Choose the step where none is given; raises `CaseError` for one that is none."""
        if step is not None and not (np.isfinite(step) and step > 0):
            msg = f"the step is a positive number, got {step}"
            raise CaseError(msg, key="ensemble.step")
        rate = _fastest(problem)
        if step is None:
            step = min(_spreading(problem), SHARE / rate if rate > 0.0 else np.inf)
        return cls(problem, float(step), rate)

    @property
    def scales(self) -> tuple[float, float]:
        """Amplitude of the stable noise along both axes."""
        return _scales(self.problem)

    @property
    def independent(self) -> bool:
        """Whether the axes have noise of their own."""
        return getattr(self.problem, "components", "isotropic") == "independent"

    @property
    def drifts(self) -> bool:
        """Whether there is any drift."""
        return bool(np.any(self.tables.drift))

    @property
    def note(self) -> str:
        """How steps are taken, for outputs."""
        part = f"{self.step * self.rate:.2g} of the shortest relaxation time"
        part = part if self.rate > 0.0 else f"{self.step:.3g}"
        return f"paths under stable noise (alpha {self.problem.alpha:g}), longest step {part}"

    @cached_property
    def tables(self) -> FieldTables:
        """Tables of the drift, with as many nodes as it takes."""
        return _tables(self.problem)

    def walk(self, seed: int, *, longer: int = 1, fixed: bool = False) -> LevyWalk:
        """Make the walk; `longer` multiplies the step, and the threshold of jumps near targets."""
        from fokkerplanck.solvers.levy_walk import FINENESS, LevyWalk

        kept = getattr(self.problem, "outside", "stopped")
        walls = [
            tuple("absorbing" if w == "absorbing" else kept for w in pair)
            for pair in self.problem.grid.walls
        ]
        return LevyWalk(
            tables=self.tables,
            alpha=self.problem.alpha,
            scale=self.scales,
            temperature=self.problem.temperature,
            step=self.step * longer,
            walls=cast("Any", walls),
            independent=self.independent,
            fineness=FINENESS * longer,
            fixed=fixed,
            seed=seed,
        )


def starts_in(
    part: PointSet, avoid: PointSet | None, problem: Jumping, walkers: int, rng: Any
) -> Array:
    """Draw where walkers begin: at a point, or on a line from the stationary density in a set.

    Walls that absorb are closed for that density.

    Raises
    ------
    CaseError
        For sets in the plane, which take a point, or if nothing is left outside of `avoid`.
    """
    if part.is_point or not isinstance(problem, Levy):
        return np.tile(starting_point(part), (walkers, 1))
    grid = problem.grid
    weight = part.shares(grid) * _equilibrium(problem)
    if avoid is not None:
        weight = weight * (1.0 - avoid.shares(grid))
    if not weight.any():
        msg = f"nothing is left of the {part.text} to start from"
        raise CaseError(msg, key="from")
    made = np.empty((0, grid.dim))
    for _ in range(ROUNDS):
        x = positions_of(weight, grid, walkers, rng)
        good = part.contains(x, grid)
        if avoid is not None:
            good &= ~avoid.contains(x, grid)
        made = np.concatenate([made, x[good]])
        if len(made) >= walkers:
            return made[:walkers]
    msg = "hardly any position drawn for a walker lies inside: is the set thinner than a cell?"
    raise CaseError(msg, key="from")


def starting_point(part: PointSet) -> Array:
    """Return the point where walkers in the plane begin; raises `CaseError` for other sets."""
    point = part.representative()
    if not part.is_point or point is None:
        msg = f"walkers with long jumps in the plane start from a point, not from the {part.text}"
        raise CaseError(msg, key="from")
    return np.asarray(point, dtype=np.float64)


def _equilibrium(problem: Levy) -> Array:
    """Stationary density in the cells, with closed walls."""
    from fokkerplanck.levy_density import levy_stationary

    grid = problem.grid
    if "absorbing" in grid.walls[0]:
        axis = grid.axes[0]
        closed = Grid.line(axis.min, axis.max, axis.cells, walls="reflecting")
        problem = replace(problem, grid=closed)
    found = levy_stationary(problem)
    return np.interp(grid.points()[:, 0], found.x, np.maximum(found.density, 0.0))


def _scales(problem: Any) -> tuple[float, float]:
    x, y = getattr(problem, "scales", (problem.scale, problem.scale))
    return float(x), float(y)


def _sizes(problem: Jumping, points: Array) -> Array:
    """Norms of the Hessian of the loss at points (n, dim)."""
    return np.asarray(np.linalg.norm(problem.landscape.hessian(points), ord=2, axis=(-2, -1)))


def _wells(problem: Jumping) -> list[tuple[Array, float, float]]:
    """Minima, the width over which noise spreads walkers in each, and the fastest rate within.

    The width w is the largest with ``w <= s / k^(1 / alpha)`` or ``w^2 <= 2 T / k``, where k is the
    largest curvature within w of the minimum.
    """
    from fokkerplanck.landscapes.critical import critical_points

    grid, alpha, scale = problem.grid, problem.alpha, max(_scales(problem))
    found = critical_points(problem.landscape, grid)
    points = grid.points().reshape(-1, grid.dim)
    sizes = _sizes(problem, points)
    wells = []
    for well in (p for p in found if p.kind == "minimum"):
        at = np.asarray(well.position, dtype=np.float64).reshape(-1)
        away = np.linalg.norm(points - at, axis=1)
        order = np.argsort(away, kind="stable")
        away = away[order]
        k = np.maximum.accumulate(np.maximum(sizes[order], _sizes(problem, at[None])[0]))
        with np.errstate(divide="ignore"):
            wide = np.maximum(scale / k ** (1.0 / alpha), np.sqrt(2.0 * problem.temperature / k))
        inside = int(np.count_nonzero(away <= wide))
        rate = float(k[max(inside - 1, 0)])
        wells.append((at, float(min(wide[max(inside - 1, 0)], away[-1])), rate))
    return wells


def _fastest(problem: Jumping) -> float:
    wells = _wells(problem)
    if wells:
        return max(rate for _, _, rate in wells)
    points = problem.grid.points().reshape(-1, problem.grid.dim)
    return float(np.median(_sizes(problem, points)))


def _spreading(problem: Jumping) -> float:
    """Time in which noise, or drift without wells, leads over a small part of the shortest axis."""
    far = SPREAD * min(axis.max - axis.min for axis in problem.grid.axes)
    jumps = float((far / max(_scales(problem))) ** problem.alpha)
    heat = far**2 / (2.0 * problem.temperature) if problem.temperature > 0.0 else np.inf
    points = problem.grid.points().reshape(-1, problem.grid.dim)
    slope = 0.0 if _wells(problem) else float(np.abs(_drift(problem, points)).max())
    return min(jumps, heat, far / slope if slope > 0.0 else np.inf)


def _tables(problem: Jumping) -> FieldTables:
    line = problem.grid.dim == 1
    count, most = LINE if line else PLANE
    while count < min(max(problem.grid.shape), most):
        count *= 2
    places = _places(problem)
    exact = _drift(problem, places)
    while True:
        tables = _line(problem, count) if line else _plane(problem, count)
        found = tables.values(places[:, 0] if line else places)[0].reshape(exact.shape)
        size = float(np.abs(exact).mean())
        error = float(np.abs(found - exact).mean()) / size if size > 0.0 else 0.0
        if error <= (TOLERANCE if line else PLANE_TOLERANCE) or 2 * count > most:
            break
        count *= 2
    if not error <= LARGEST:
        msg = (
            f"the drift changes too fast for tables of {count} intervals: between their nodes it "
            f"is off by {error:.1e} around the minima; take a smaller grid"
        )
        raise NumericalError(msg)
    return tables


def _places(problem: Jumping) -> Array:
    """Places around the minima, and without any all over the grid."""
    grid = problem.grid
    rng = np.random.default_rng(0)
    low = np.array([a.min for a in grid.axes])
    high = np.array([a.max for a in grid.axes])
    wells = _wells(problem)
    if not wells:
        return np.asarray(low + (high - low) * rng.random((PLACES, grid.dim)))
    parts = [
        at + REACH * wide * (2.0 * rng.random((PLACES // len(wells) + 1, grid.dim)) - 1.0)
        for at, wide, _ in wells
    ]
    return np.clip(np.concatenate(parts), low, high)


def _drift(problem: Jumping, points: Array) -> Array:
    drift = -problem.landscape.gradient(points)
    if not np.isfinite(drift).all():
        at = points[~np.isfinite(drift).all(axis=-1)][0]
        msg = f"the gradient of the loss is not finite at {at}"
        raise CaseError(msg, key="landscape")
    return np.asarray(drift)


def _line(problem: Jumping, count: int) -> FieldTables:
    from fokkerplanck.solvers.field_tables import line_tables

    axis = problem.grid.axes[0]
    x = np.linspace(axis.min, axis.max, count + 1)
    slope = -problem.landscape.hessian(x[:, None])[:, 0, 0]
    none = np.zeros_like(x)
    return line_tables(x, _drift(problem, x[:, None])[:, 0], slope, none, none)


def _plane(problem: Jumping, count: int) -> FieldTables:
    from fokkerplanck.solvers.field_tables import plane_tables

    x, y = (np.linspace(a.min, a.max, count + 1) for a in problem.grid.axes)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    return plane_tables(x, y, _drift(problem, points), np.zeros((2, 2)))
