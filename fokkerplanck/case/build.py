"""From a checked case to the things that are solved: problem, initial density, times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case.models import Case, FileStart, TimesTable
from fokkerplanck.case.noise_tables import FormulaSchedule, LevyNoise, StepSchedule
from fokkerplanck.case.set_tables import point_set
from fokkerplanck.case.sgd_tables import scaled_by_sgd, settings, unit_of_times
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.grid import Axis, Grid

if TYPE_CHECKING:
    from fokkerplanck.forces import Force
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.landscapes.base import OnGrid
    from fokkerplanck.noise import Noise
    from fokkerplanck.problem import Problem
    from fokkerplanck.schedule import Schedule
    from fokkerplanck.sets import PointSet
    from fokkerplanck.sgd_settings import SGD

__all__ = ["INSIDE", "grid", "initial", "landscape", "located", "passages", "problem", "times"]

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
    with located(case, "landscape"):
        loss = landscape(case)
    with located(case, ""):
        sgd = settings(case)
    with located(case, "noise"):
        noise = _noise(case, sgd)
    with located(case, "dynamics.drift"):
        force = _force(case)
    with located(case, ""):
        made = Problem(space, loss, noise, force, sgd)
        _check_schedule(case, made)
        made.fields()  # fails here, before any output is touched
    return made


def grid(case: Case) -> Grid:
    """Grid of a case."""
    named = zip(case.grid.axes, "xy", strict=False)
    with located(case, "grid"):
        return Grid(tuple(Axis(a.min, a.max, a.cells, a.walls, name) for a, name in named))


def initial(case: Case, problem: OnGrid) -> Array:
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
    with located(case, "initial"):
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

            return stationary(cast("Problem", problem)).density
        return _from_file(start, case.folder, space)


def times(case: Case) -> Array:
    """List the times of the snapshots, increasing; none without [evolve].

    Raises
    ------
    CaseError
        For times in steps or epochs that the schedule of the learning rate never reaches.
    """
    if case.evolve is None:
        return np.empty(0)
    given, unit = case.evolve.times, unit_of_times(case)
    if not isinstance(given, TimesTable):
        listed = np.array(given)
    else:
        space = np.geomspace if given.spacing == "log" else np.linspace
        listed = np.asarray(space(given.start, given.stop, given.count))
    if unit == "time":
        return listed
    with located(case, ""):
        sgd = settings(case)
        return listed if sgd is None else sgd.time(listed, unit)


def passages(case: Case, problem: OnGrid) -> tuple[tuple[PointSet, PointSet | str], ...]:
    """Make the sets of every [[passage]]: where it starts, and where it ends or ``"walls"``.

    Raises
    ------
    CaseError
        A set outside of the grid, or a start that lies inside of the end.
    """
    made = []
    for k, table in enumerate(case.passage):
        with located(case, f"passage.{k}.from"):
            start = point_set(table.from_, problem)
        end: PointSet | str = "walls"
        if not isinstance(table.to, str):
            with located(case, f"passage.{k}.to"):
                end = point_set(table.to, problem)
            with located(case, f"passage.{k}.from"):
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
def located(case: Case, key: str) -> Iterator[None]:
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


def landscape(case: Case) -> Landscape:
    """Landscape of a case, without weight decay."""
    from fokkerplanck import landscapes

    keys = case.landscape.model_dump(exclude_none=True)
    changes = ("hessian_scale", "shear", "rotate", "translate")
    moved = {name: keys.pop(name, None) for name in changes}
    if "file" in keys:
        keys["file"] = str(case.folder / keys["file"])
    return landscapes.make(keys.pop("kind"), case.dim, keys, **moved)


def _noise(case: Case, sgd: SGD | None) -> Noise:
    from fokkerplanck import noise

    table = case.noise
    common: dict[str, Any] = {"reading": table.reading, "schedule": _schedule(case)}
    if table.kind == "white":
        return noise.white(table.temperature, **common)
    if isinstance(table, LevyNoise):  # at alpha = 2, else see `build_levy`: jumps are Gaussian
        from fokkerplanck.case.build_levy import strength

        scale = strength(case)
        if not isinstance(scale, tuple):
            return noise.white(table.temperature + scale**2, **common)
        x, y = (table.temperature + s**2 for s in scale)
        return noise.tensor(((x, 0.0), (0.0, y)), **common)
    if table.kind == "tensor":
        return noise.tensor(table.D, parameters=table.parameters, **common)
    if table.kind == "loss" and table.c is not None:
        return noise.loss(table.c, hessian=table.hessian, offset=table.offset, **common)
    common["sgd"] = sgd
    if table.kind == "loss":
        return noise.loss(hessian=table.hessian, offset=table.offset, **common)
    if table.kind == "covariance":
        common |= {"floor": table.floor, "isotropic": bool(table.isotropic)}
        return noise.covariance(table.covariance, parameters=table.parameters, **common)
    return noise.hessian(model=table.model, floor=table.floor, **common)


def _schedule(case: Case) -> Schedule | None:
    """Make the factor of time; that of learning rates and batch sizes comes with [sgd]."""
    given = case.noise.schedule
    if given is None:
        return None
    from fokkerplanck.schedule import Schedule

    if isinstance(given, str):
        return Schedule.expression(given)
    if isinstance(given, StepSchedule):
        return Schedule.steps(given.times, given.factor)
    if isinstance(given, FormulaSchedule):
        return Schedule.expression(given.factor, given.parameters)
    if not scaled_by_sgd(case):
        msg = "learning rates belong to hessian noise, covariance noise and loss noise without c; "
        msg += f"give noise of kind {case.noise.kind} a factor"
        raise CaseError(msg, key="noise.schedule")
    return None


def _check_schedule(case: Case, made: Problem) -> None:
    """Fail here rather than halfway through the evolution."""
    until = np.array([0.0, *times(case)])
    if made.schedule is not None:
        for time in until:
            made.schedule.factor(float(time))
    if made.sgd is not None and made.sgd.scheduled:
        made.sgd.batch_size_at(until)
        made.sgd.steps(until)  # positive learning rates all the way


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
