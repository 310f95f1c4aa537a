"""From a checked case to the things that are solved: problem, initial density, times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case.models import Case, FileStart, TimesTable
from fokkerplanck.case.noise_tables import FormulaSchedule, HessianNoise, StepSchedule
from fokkerplanck.case.set_tables import point_set
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.grid import Axis, Grid

if TYPE_CHECKING:
    from fokkerplanck.forces import Force
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.noise import Noise
    from fokkerplanck.problem import Problem
    from fokkerplanck.schedule import Schedule
    from fokkerplanck.sets import PointSet

__all__ = ["grid", "initial", "passages", "problem", "times"]

Array = NDArray[np.float64]
#: share of a stored density that must lie inside the grid it is moved to
INSIDE = 0.999
#: shares of cells are equal to this
INSIDE_ROUNDING = 1e-9


def problem(case: Case) -> Problem:
    """Grid, landscape, noise and force of a case, evaluated once on the grid.

    Raises
    ------
    CaseError
        What only the numbers show: an expression that is not allowed or not finite, a tensor
        that is not positive definite in some cell, a loss that does not fit periodic walls.
    DataError
        If a file of the case cannot be read.
    """
    from fokkerplanck.problem import Problem

    space = grid(case)
    with _located(case, "landscape"):
        loss = _landscape(case)
    with _located(case, "noise"):
        noise = _noise(case)
    with _located(case, "dynamics.drift"):
        force = _force(case)
    with _located(case, ""):
        made = Problem(space, loss, noise, force)
        made.fields()  # fails here, before any output is touched
    return made


def grid(case: Case) -> Grid:
    """Grid of a case."""
    named = zip(case.grid.axes, "xy", strict=False)
    with _located(case, "grid"):
        return Grid(tuple(Axis(a.min, a.max, a.cells, a.walls, name) for a, name in named))


def initial(case: Case, problem: Problem) -> Array:
    """Make the initial density, shape (*shape), of mass 1.

    Raises
    ------
    CaseError
        If the case has no [initial], or the density does not fit into the grid.
    DataError
        If the file of ``kind = "file"`` cannot be read.
    """
    from fokkerplanck import initial as densities

    start, space = case.initial, problem.grid
    with _located(case, "initial"):
        if start is None:
            msg = "missing table [initial]: say where the density starts"
            raise CaseError(msg)
        if start.kind == "gaussian":
            return densities.gaussian(space, start.mean, start.std, covariance=start.covariance)
        if start.kind == "delta":
            return densities.delta(space, start.mean)
        if start.kind == "uniform":
            return densities.uniform(space)
        if start.kind == "stationary":
            from fokkerplanck.steady_state import stationary

            return stationary(problem).density
        return _from_file(start, case.folder, space)


def times(case: Case) -> Array:
    """List the times of the snapshots, increasing; none without [evolve]."""
    if case.evolve is None:
        return np.empty(0)
    given = case.evolve.times
    if not isinstance(given, TimesTable):
        return np.array(given)
    space = np.geomspace if given.spacing == "log" else np.linspace
    return np.asarray(space(given.start, given.stop, given.count))


def passages(case: Case, problem: Problem) -> tuple[tuple[PointSet, PointSet | str], ...]:
    """Make the sets of every [[passage]]: where it starts, and where it ends or ``"walls"``.

    Raises
    ------
    CaseError
        A set outside of the grid, or a start that lies inside of the end.
    """
    made = []
    for k, table in enumerate(case.passage):
        with _located(case, f"passage.{k}.from"):
            start = point_set(table.from_, problem)
        end: PointSet | str = "walls"
        if not isinstance(table.to, str):
            with _located(case, f"passage.{k}.to"):
                end = point_set(table.to, problem)
            with _located(case, f"passage.{k}.from"):
                _check_way(start, end, problem.grid)
        made.append((start, end))
    return tuple(made)


def _check_way(start: PointSet, end: PointSet, grid: Grid) -> None:
    """Refuse a start that lies inside of the end: there is no way to go."""
    point = start.representative()
    if point is None or not end.contains(point[None], grid)[0]:
        return
    if np.all(start.shares(grid) <= end.shares(grid) + INSIDE_ROUNDING):
        msg = f"lies inside of the set it should reach: {start.text}, {end.text}"
        raise CaseError(msg)


@contextmanager
def _located(case: Case, key: str) -> Iterator[None]:
    """Add the case's file, and the table's key, to an error from deeper down."""
    file = str(case.path) if case.path else None
    try:
        yield
    except CaseError as error:
        raise CaseError(error.message, file=error.file or file, key=_full(key, error.key)) from None
    except DataError as error:
        msg = ": ".join(part for part in (file, f"{key}.file", str(error)) if part)
        raise DataError(msg) from None


def _full(table: str, key: str | None) -> str | None:
    """Dotted path of a key that may or may not start with its table's own."""
    if not key:
        return table or None
    inside = key.replace("[", ".").replace("]", "")
    whole = inside.split(".")[0] == table.split(".")[0] or not table
    return inside if whole else f"{table}.{inside}"


def _landscape(case: Case) -> Landscape:
    from fokkerplanck import landscapes

    keys = case.landscape.model_dump(exclude_none=True)
    changes = ("hessian_scale", "shear", "rotate", "translate")
    moved = {name: keys.pop(name, None) for name in changes}
    if "file" in keys:
        keys["file"] = str(case.folder / keys["file"])
    return landscapes.make(keys.pop("kind"), case.dim, keys, **moved)


def _noise(case: Case) -> Noise:
    from fokkerplanck import noise

    table = case.noise
    common: dict[str, Any] = {"reading": table.reading, "schedule": _schedule(case)}
    if table.kind == "white":
        return noise.white(table.temperature, **common)
    if table.kind == "tensor":
        return noise.tensor(table.D, parameters=table.parameters, **common)
    return noise.hessian(
        table.learning_rate,
        table.batch_size,
        model=table.model,
        floor=table.floor,
        dataset_size=table.dataset_size,
        **common,
    )


def _schedule(case: Case) -> Schedule | None:
    given, noise = case.noise.schedule, case.noise
    if given is None:
        return None
    from fokkerplanck.schedule import Schedule

    if isinstance(given, str):
        made = Schedule.expression(given)
    elif isinstance(given, StepSchedule):
        made = Schedule.steps(given.times, given.factor)
    elif isinstance(given, FormulaSchedule):
        made = Schedule.expression(given.factor, given.parameters)
    elif isinstance(noise, HessianNoise):
        made = Schedule.hyperparameters(
            noise.learning_rate,
            noise.batch_size,
            noise.dataset_size,
            learning_rate_of_t=given.learning_rate,
            batch_size_of_t=given.batch_size,
            parameters=given.parameters,
        )
    else:
        msg = f"learning rates belong to hessian noise; give noise of kind {noise.kind} a factor"
        raise CaseError(msg, key="noise.schedule")
    for time in (0.0, *times(case)):  # fails here rather than halfway through the evolution
        made.factor(float(time))
    return made


def _force(case: Case) -> Force | None:
    drift = case.dynamics.drift
    if isinstance(drift, str):
        return None
    from fokkerplanck import forces

    return forces.expressions(drift.force, drift.parameters)


def _from_file(start: FileStart, folder: Path, space: Grid) -> Array:
    """Density of a stored snapshot on this grid, scaled to mass 1."""
    from fokkerplanck import store

    with store.read(folder / start.file) as result:
        if result.times.size == 0:
            msg = f"{start.file} holds no density"
            raise CaseError(msg, key="initial.file")
        if result.grid.dim != space.dim:
            msg = f"{start.file} is {result.grid.dim}-D, but the grid is {space.dim}-D"
            raise CaseError(msg, key="initial.file")
        density = result.density(-1 if start.at is None else result.index_of(start.at))
        source = result.grid
    before = source.integrate(density)
    if source != space:
        from fokkerplanck.regrid import regrid

        density = regrid(density, source, space).density
    mass = space.integrate(density)
    if not mass >= INSIDE * before > 0:
        msg = f"only {mass:.6g} of the mass {before:.6g} in {start.file} lies inside this grid"
        raise CaseError(msg, key="initial.file")
    return np.asarray(density / mass)
