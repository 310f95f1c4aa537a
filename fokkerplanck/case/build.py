"""From a checked case to the things that are solved: problem, initial density, times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case.models import Case, TimesTable
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.problem import Problem

__all__ = ["grid", "initial", "problem", "times"]

Array = NDArray[np.float64]


def problem(case: Case) -> Problem:
    """Grid, landscape, noise and force of a case.

    Raises
    ------
    CaseError
        What only the numbers show: an expression that is not allowed or not finite, a tensor
        that is not positive definite in some cell, a data file that does not fit.
    """
    space = grid(case)
    with _located(case, "landscape"):
        loss = _landscape(case)
    with _located(case, "noise"):
        noise = _noise(case, space)
    with _located(case, "dynamics.drift"):
        force = _force(case)
    with _located(case, "noise"):
        return Problem(space, loss, noise, force)


def grid(case: Case) -> Grid:
    """Grid of a case."""
    named = zip(case.grid.axes, "xy", strict=False)
    with _located(case, "grid"):
        return Grid(tuple(Axis(a.min, a.max, a.cells, a.walls, name) for a, name in named))


def initial(case: Case, problem: Problem) -> Array:
    """Initial density, shape (*shape), with mass 1.

    Raises
    ------
    CaseError
        If the case has no [initial], or the density does not fit into the grid.
    """
    from fokkerplanck import initial as densities

    start, space = case.initial, problem.grid
    with _located(case, "initial"):
        if start is None:
            msg = "missing table [initial]: say where the density starts"
            raise CaseError(msg)
        if start.kind == "gaussian":
            return densities.gaussian(space, start.mean, std=start.std, covariance=start.covariance)
        if start.kind == "delta":
            return densities.delta(space, start.point)
        if start.kind == "uniform":
            return densities.uniform(space)
        if start.kind == "stationary":
            from fokkerplanck.stationary import stationary

            return stationary(problem).density
        return _from_file(case, space)


def times(case: Case) -> Array:
    """Times of the snapshots, increasing; empty without [evolve]."""
    if case.evolve is None:
        return np.empty(0)
    given = case.evolve.times
    if not isinstance(given, TimesTable):
        return np.array(given)
    space = np.geomspace if given.spacing == "log" else np.linspace
    return np.asarray(space(given.start, given.stop, given.count))


@contextmanager
def _located(case: Case, key: str) -> Iterator[None]:
    """Add the file, and the table's name, to an error from deeper down."""
    try:
        yield
    except CaseError as error:
        inner = error.key or ""
        full = inner if inner.split(".")[0] == key.split(".")[0] else f"{key}.{inner}".strip(".")
        file = error.file or (str(case.path) if case.path else None)
        raise CaseError(error.message, file=file, key=full) from None


def _landscape(case: Case) -> Any:
    from fokkerplanck import landscapes

    table = case.landscape
    return landscapes.from_expression(table.loss, case.dim, table.parameters)


def _noise(case: Case, space: Grid) -> Any:
    from fokkerplanck import noise

    table = case.noise
    if table.kind == "white":
        return noise.white(table.temperature, reading=table.reading)
    return noise.tensor(table.D, reading=table.reading)


def _force(case: Case) -> Any:
    return None


def _from_file(case: Case, space: Grid) -> Array:
    raise NotImplementedError
