"""Densities over time: ``dP/dt = Q.T P`` for a problem, from an initial density."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.solvers.evolve import Step
from fokkerplanck.solvers.evolve import evolve as evolve_masses
from fokkerplanck.solvers.schedule import evolve_scheduled

__all__ = ["Evolution", "Step", "evolve", "evolve_steps"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evolution:
    """Densities at a list of times.

    Parameters
    ----------
    grid : Grid
    times : ndarray, shape (n,)
    density : ndarray, shape (n, *grid.shape)
        Density per length or area, p = P / cell volume; none negative.
    mass_error : float
        Largest difference of the mass from that of the initial density; with absorbing walls,
        largest gain over the mass of the time before (what is lost there is lost rightly).
    minimum_density : float
        Smallest density in any cell at any time.
    time_error : float
        L1 error of the time integration accumulated to the last time, per unit mass.
    clipped : float
        Mass of the negative rounding that was set to zero on the way, as a fraction.
    methods : tuple of str
        Method that led to each time.
    """

    grid: Grid
    times: Array
    density: Array = field(repr=False)
    mass_error: float
    minimum_density: float
    time_error: float
    clipped: float
    methods: tuple[str, ...]

    def at(self, time: float) -> Array:
        """Return the density at the listed time nearest to `time`, shape (*grid.shape,)."""
        return np.asarray(self.density[int(np.argmin(np.abs(self.times - time)))])

    def _repr_html_(self) -> str:
        shape = " x ".join(str(n) for n in self.grid.shape)
        methods = ", ".join(dict.fromkeys(self.methods))
        rows = {
            "times": f"{self.times.size}, from {self.times[0]:g} to {self.times[-1]:g}",
            "cells": shape,
            "mass error": f"{self.mass_error:.1e}",
            "smallest density": f"{self.minimum_density:.1e}",
            "L1 error of time integration": f"{self.time_error:.1e}",
            "method": methods,
        }
        body = "".join(f"<tr><th>{k}</th><td>{v}</td></tr>" for k, v in rows.items())
        return f"<table>{body}</table>"


def evolve(
    problem: Problem,
    initial: ArrayLike,
    times: ArrayLike | Sequence[float],
    *,
    tolerance: float = 1e-8,
    method: str = "auto",
    weight: str = "fitted",
    start: float = 0.0,
    on_step: Callable[[Step], None] | None = None,
) -> Evolution:
    """Evolve a density to a list of times.

    Parameters
    ----------
    problem : Problem
        What is solved; a schedule of the noise is followed.
    initial : array, shape (*grid.shape,)
        Density at `start`, finite and not negative.
    times : array, shape (n,)
        Increasing, none before `start`.
    tolerance : float
        L1 error of the time integration, accumulated, per unit mass.
    method : str
        "auto", "tridiagonal", "chebyshev", "uniformisation", "rational" or "fipy".
    weight : str
        Link weight of the generator, "fitted" or "midpoint".
    start : float
        Time of `initial`.
    on_step : callable, optional
        Called with each `Step` as it is done.

    Raises
    ------
    CaseError
        If the initial density, the times, the tolerance or the method are not as asked for.
    NumericalError
        If the error or the mass balance cannot be vouched for.
    """
    p = _density(initial, problem.grid)
    steps = []
    for step in evolve_steps(
        problem, p, times, tolerance=tolerance, method=method, weight=weight, start=start
    ):
        steps.append(step)
        if on_step is not None:
            on_step(step)
    return _evolution(problem.grid, p, steps)


def evolve_steps(
    problem: Problem,
    initial: ArrayLike,
    times: ArrayLike | Sequence[float],
    *,
    tolerance: float = 1e-8,
    method: str = "auto",
    weight: str = "fitted",
    start: float = 0.0,
    shares: int | None = None,
) -> Iterator[Step]:
    """Yield one `Step` (time, cell masses, error) per time, each computed when asked for.

    Parameters are those of `evolve`; `shares` is the number of output intervals among which the
    tolerance is shared (a resumed run passes that of the whole run).
    """
    mass = _density(initial, problem.grid) * problem.grid.volume
    options = {"tolerance": tolerance, "method": method, "start": start, "shares": shares}
    schedule = problem.schedule
    try:
        if schedule is None:
            generator = problem.generator(weight)
            fields = problem.fields() if method == "fipy" else None
            return evolve_masses(generator, mass, times, fields=fields, **options)  # type: ignore[arg-type]
        return evolve_scheduled(
            lambda t: problem.generator(weight, t),
            mass,
            times,
            breakpoints=schedule.breakpoints,
            piecewise_constant=schedule.piecewise_constant,
            fields_at=problem.fields if method == "fipy" else None,
            **options,  # type: ignore[arg-type]
        )
    except ValueError as error:
        if isinstance(error, CaseError):
            raise
        raise CaseError(str(error), key="evolve") from error


def _density(initial: ArrayLike, grid: Grid) -> Array:
    p = np.asarray(initial, dtype=np.float64)
    if p.shape != grid.shape:
        msg = f"a density of shape {grid.shape} is needed, got {p.shape}"
        raise CaseError(msg, key="initial")
    bad = ~(np.isfinite(p) & (p >= 0.0))
    if bad.any() or not p.any():
        msg = "the initial density has no mass"
        if bad.any():
            cell = tuple(int(i) for i in np.argwhere(bad)[0])
            msg = f"a density is finite and not negative, got {p[cell]} in cell {cell}"
        raise CaseError(msg, key="initial")
    return p


def _evolution(grid: Grid, initial: Array, steps: list[Step]) -> Evolution:
    masses = np.array([step.mass.sum() for step in steps])
    amount = float(initial.sum() * grid.volume)
    absorbing = any("absorbing" in pair for pair in grid.walls)
    before = np.concatenate([[amount], masses[:-1]])
    change = np.maximum(masses - before, 0.0) if absorbing else np.abs(masses - amount)
    density = np.array([step.mass.reshape(grid.shape) for step in steps]) / grid.volume
    return Evolution(
        grid,
        np.array([step.time for step in steps]),
        density,
        float(change.max()),
        float(density.min()),
        steps[-1].error / amount,
        steps[-1].clipped / amount,
        tuple(step.method for step in steps),
    )
