"""From a checked case of underdamped motion to its problem, its start, and its passages."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case.build import INSIDE, located
from fokkerplanck.case.models import Case, DeltaStart, FileStart, GaussianStart
from fokkerplanck.case.set_tables import TargetTable, point_set
from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.phase_space import PhaseState
    from fokkerplanck.problem import Problem
    from fokkerplanck.sets import PointSet
    from fokkerplanck.underdamped import Underdamped

__all__ = ["KineticEnds", "phase_passages", "phase_start", "underdamped"]

Array = NDArray[np.float64]
#: noise that varies by less over the line is the same everywhere
CONSTANT = 1e-12
#: parts in which a line is searched for a target
PIECES = 4


def underdamped(case: Case, limit: Problem) -> Underdamped:
    """Make the problem in position and velocity of a case.

    Parameters
    ----------
    case : Case
    limit : Problem
        The same without inertia: its diffusion is the temperature.

    Raises
    ------
    CaseError
        For noise that is not the same everywhere, a velocity axis that is too short for it, a loss
        that does not fit periodic walls.
    """
    from fokkerplanck.grid import Axis
    from fokkerplanck.underdamped import Underdamped

    table, v = case.dynamics, case.grid.v
    options: dict[str, Any] = {"modes": getattr(table, "modes", None)}
    if v is not None:
        options["velocity"] = Axis(v.min, v.max, v.cells, name="v")
    with located(case, "noise"):
        temperature = _temperature(limit)
    with located(case, ""):
        if limit.sgd is None:
            friction = float(getattr(table, "friction", None) or 0.0)
            made = Underdamped(limit.grid, limit.landscape, friction, temperature, **options)
        else:
            scale = temperature / limit.sgd.eb
            made = Underdamped.momentum(limit.grid, limit.landscape, limit.sgd, scale, **options)
        made.operator()  # fails here, before any output is touched
    return made


def _temperature(limit: Problem) -> float:
    d = limit.fields().diffusion
    if float(np.ptp(d)) > CONSTANT * float(d.max()):
        x = limit.grid.half_points().reshape(-1, 1)
        low, high = (int(k) for k in (d.argmin(), d.argmax()))
        values = d.reshape(-1)
        where = x if x.shape[0] == values.size else limit.grid.points().reshape(-1, 1)
        msg = (
            f"varies from {values[low]:.4g} at x = {where[low, 0]:.4g} to {values[high]:.4g} at "
            f"x = {where[high, 0]:.4g}, but underdamped motion has one temperature: give a "
            "constant "
            "covariance = [[c]], or overdamped dynamics"
        )
        raise CaseError(msg, key=f"noise.{limit.noise.kind}")
    return float(d.flat[0])


def phase_start(case: Case, problem: Underdamped) -> PhaseState:
    """Make the density in (x, v) that a case starts from.

    Raises
    ------
    CaseError
        If the case has no [initial], or its density does not fit the grid or the modes.
    DataError
        If the file of ``kind = "file"`` cannot be read.
    """
    from fokkerplanck import initial as densities
    from fokkerplanck import phase_space
    from fokkerplanck.kinetic_steady import equilibrium_state

    start, line = case.initial, problem.grid
    with located(case, "initial"):
        if start is None:
            msg = "missing table [initial]: say where the density starts"
            raise CaseError(msg)
        if isinstance(start, GaussianStart) and len(start.mean) == 1:
            width = {"std": start.std, "covariance": start.covariance}
            return phase_space.phase_thermal(
                problem,
                densities.gaussian(line, start.mean, **width),  # type: ignore[arg-type]
            )
        if isinstance(start, GaussianStart):
            return phase_space.phase_gaussian(
                problem, start.mean, start.std, covariance=start.covariance
            )
        if isinstance(start, DeltaStart) and len(start.mean) == 1:
            axis = line.axes[0]
            width_x = phase_space.POINT_CELLS * axis.spacing
            return phase_space.phase_thermal(problem, densities.gaussian(line, start.mean, width_x))
        if isinstance(start, DeltaStart):
            return phase_space.phase_delta(problem, start.mean)
        if isinstance(start, FileStart):
            return _from_file(start, case, problem)
        if start.kind == "uniform":
            return phase_space.phase_thermal(problem, densities.uniform(line))
        return equilibrium_state(problem)


def _from_file(start: FileStart, case: Case, problem: Underdamped) -> PhaseState:
    """State of a stored snapshot: of x and v, or of x with thermal velocities."""
    from fokkerplanck import store
    from fokkerplanck.phase_space import phase_state, phase_thermal
    from fokkerplanck.regrid import regrid

    with store.read(case.folder / start.file) as result:
        if result.times.size == 0:
            msg = f"{start.file} holds no density"
            raise CaseError(msg, key="initial.file")
        source = result.grid
        if source.names not in (("x",), ("x", "v")):
            msg = f"{start.file} is a density in {' and '.join(source.names)}; needs x, or x and v"
            raise CaseError(msg, key="initial.file")
        density = np.maximum(
            result.density(-1 if start.at is None else result.index_of(start.at)), 0
        )
    space = problem.phase_grid if source.dim == 2 else problem.grid
    before = source.integrate(density)
    if source != space:
        density = regrid(density, source, space).density
    mass = space.integrate(density)
    if not mass >= INSIDE * before > 0:
        msg = f"only {mass:.6g} of the mass {before:.6g} in {start.file} lies inside this grid"
        raise CaseError(msg, key="initial.file")
    make = phase_state if source.dim == 2 else phase_thermal
    return make(problem, np.asarray(density / mass))


@dataclass(frozen=True)
class KineticEnds:
    """Where a passage starts and what it is to reach.

    Parameters
    ----------
    start : tuple of float
        Position, with thermal velocities, or position and velocity.
    target : tuple of float
        The one or two points that bound the target towards the start.
    sets : tuple of PointSet
        Both in x: the point it starts from, and all of the target.
    """

    start: tuple[float, ...]
    target: tuple[float, ...]
    sets: tuple[PointSet, PointSet]


def phase_passages(case: Case, limit: Problem) -> tuple[KineticEnds, ...]:
    """Make the ends of every [[passage]].

    Raises
    ------
    CaseError
        A start or a target off the grid, or a start inside the target.
    """
    from fokkerplanck.sets import Ball

    made = []
    for k, table in enumerate(case.passage):
        centre = table.from_.centre or ()
        with located(case, f"passage.{k}.from"):
            start = Ball(centre[:1], 0.0)
            start.check_on(limit.grid)
        with located(case, f"passage.{k}.to"):
            assert isinstance(table.to, TargetTable)
            end = point_set(table.to, limit)
            target = _edges(end, limit, float(centre[0]))
        made.append(KineticEnds(tuple(centre), target, (start, end)))
    return tuple(made)


def _edges(end: PointSet, limit: Problem, start: float) -> tuple[float, ...]:
    """Points of the target that a path from the start may come to first, one or two."""
    if end.contains(np.array([[start]]), limit.grid)[0]:
        msg = f"holds the start, x = {start:g}"
        raise CaseError(msg)
    axis = limit.grid.axes[0]
    turn = axis.max - axis.min
    walls = (start - turn, start + turn) if axis.periodic else (axis.min, axis.max)
    found = (_first(end, limit, start, wall) for wall in walls)
    return tuple(x for x in found if x is not None)


def _first(end: PointSet, limit: Problem, start: float, wall: float) -> float | None:
    """First point of a set on the way to a wall: in pieces, the short way on a ring is meant."""
    stops = np.linspace(start, wall, PIECES + 1)
    for here, there in pairwise(stops.tolist()):
        part = float(end.entry([[here]], [[there]], limit.grid)[0])
        if part <= 1.0:
            return float(here + part * (there - here))
    return None
