"""Closed forms by name, for the ``[[expect]]`` tables of a case."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.boltzmann import boltzmann_density
from fokkerplanck.theory.escape_predictions import ESCAPES
from fokkerplanck.theory.kramers import two_wells
from fokkerplanck.theory.linear import initial_moments, linear_process, snapshot_times
from fokkerplanck.theory.prediction import Prediction, entry, is_index, pick, unknown
from fokkerplanck.theory.quadrature_predictions import QUADRATURES
from fokkerplanck.theory.ring import driven_ring
from fokkerplanck.theory.sgd_predictions import SGD_ESCAPES
from fokkerplanck.theory.stationary_predictions import STATIONARY

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["PREDICTIONS", "Prediction"]

Array = NDArray[np.float64]

#: Barriers below this many temperatures are outside of the range of rate theory.
LEAST_BARRIER = 5.0
#: Late means after this many relaxation times inside the wells: the flux over the saddle lags
#: behind by a few of them.
LATE = 1e3
#: Walls nearer than this many standard deviations deform a normal law.
WALLS = 5.0


def _boltzmann(problem: Problem, case: Any, quantity: str) -> Prediction:
    """``exp(-L / T) / Z`` inside the walls, for constant isotropic noise and no extra force."""
    temperature, fault = _temperature(problem)
    if fault:
        return Prediction(nan, False, fault)
    walls = {w for pair in problem.grid.walls for w in pair}
    if "absorbing" in walls:
        return Prediction(nan, False, "absorbing walls leave no stationary density")
    found = boltzmann_density(problem.landscape.loss, temperature, problem.grid)
    known: dict[str, Callable[[], Any]] = {
        "mean": lambda: found.mean,
        "covariance": lambda: found.covariance,
        "basin_masses": lambda: found.basin_masses(_basins(problem)),
        "entropy_production": lambda: 0.0,
        "log_partition": lambda: found.log_partition,
    }
    return Prediction(pick(quantity, "boltzmann", "stationary", known))


def _ornstein_uhlenbeck(problem: Problem, case: Any, quantity: str) -> Prediction:
    """Linear drift with constant diffusion, read off the problem."""
    process, fault = linear_process(problem)
    if process is None:
        return Prediction(nan, False, fault)
    head, _, rest = quantity.partition(".")
    if head == "stationary":
        if not process.stable:
            return Prediction(nan, False, "the linear drift has no stationary law")
        known = {
            "mean": lambda: process.centre,
            "covariance": lambda: process.stationary_covariance,
            "entropy_production": lambda: process.entropy_production,
        }
        value = pick(quantity, "ornstein-uhlenbeck", "stationary", known)
        return _inside(problem, value, process.centre, process.stationary_covariance)
    name, k, *indices = [*rest.split("."), ""]
    times = snapshot_times(case, problem.sgd)
    if head != "evolve" or name not in ("mean", "covariance") or not is_index(k, len(times)):
        raise unknown(quantity, "ornstein-uhlenbeck", _OU_QUANTITIES)
    mean, covariance = initial_moments(case, process.dim)
    time = float(times[int(k)])
    mean, covariance = process.mean(time, mean), process.covariance(time, covariance)
    chosen = mean if name == "mean" else covariance
    value = entry(chosen, indices[:-1], quantity, "ornstein-uhlenbeck", _OU_QUANTITIES)
    return _inside(problem, value, mean, covariance)


_OU_QUANTITIES = (
    "stationary.mean.i",
    "stationary.covariance.i.j",
    "stationary.entropy_production",
    "evolve.mean.k.i",
    "evolve.covariance.k.i.j",
)


def _driven_ring(problem: Problem, case: Any, quantity: str) -> Prediction:
    """Constant force and constant noise on a periodic line."""
    fields = problem.fields()
    if problem.grid.dim != 1 or not problem.grid.axes[0].periodic:
        return Prediction(nan, False, "the driven ring is a periodic line")
    d, f = fields.diffusion.ravel(), fields.force
    force = np.zeros(1) if f is None else f.ravel()
    if problem.schedule is not None or np.ptp(d) > 1e-12 * d.max():
        return Prediction(nan, False, "the driven ring has constant diffusion")
    if np.ptp(force) > 1e-12 * np.abs(force).max():
        return Prediction(nan, False, "the driven ring has a constant force")
    axis = problem.grid.axes[0]
    found = driven_ring(
        lambda x: problem.landscape.loss((axis.min + x)[:, None]),
        float(force[0]),
        float(d[0]),
        axis.max - axis.min,
    )
    known: dict[str, Callable[[], Any]] = {
        "current": lambda: found.current,
        "velocity": lambda: found.velocity,
        "entropy_production": lambda: found.entropy_production,
    }
    return Prediction(pick(quantity, "driven-ring", "stationary", known))


def _kramers_relaxation(problem: Problem, case: Any, quantity: str) -> Prediction:
    """Masses of two wells on a line long after each has come to its own equilibrium."""
    temperature, fault = _temperature(problem)
    if fault or problem.grid.dim != 1 or set(problem.grid.walls[0]) != {"reflecting"}:
        return Prediction(nan, False, fault or "needs a line with reflecting walls")
    parts, times = quantity.split("."), snapshot_times(case, problem.sgd)
    fits = len(parts) == 4 and parts[:2] == ["evolve", "basin_masses"]
    if not (fits and is_index(parts[2], len(times)) and is_index(parts[3], 2)):
        raise unknown(quantity, "kramers-relaxation", ("evolve.basin_masses.k.j",))
    wells = _line_wells(problem)
    if wells is None:
        return Prediction(nan, False, "needs exactly two minima and one saddle")
    minima, saddle, barrier, curvature = wells
    axis = problem.grid.axes[0]

    def loss(x: Array) -> Array:
        return problem.landscape.loss(x[:, None])

    found = two_wells(loss, temperature, (axis.min, axis.max), minima, saddle)
    time = float(times[int(parts[2])])
    right = found.mass_right(time, _start_right(case, axis.min, axis.max, found.committor))
    value = right if int(parts[3]) % 2 else 1 - right
    if barrier < LEAST_BARRIER * temperature:
        return Prediction(value, False, f"barrier / T = {barrier / temperature:.3g} is below 5")
    if time * curvature < LATE:
        return Prediction(value, False, f"t = {time:g} is not late inside the wells")
    return Prediction(value)


def _temperature(problem: Problem) -> tuple[float, str]:
    """Constant isotropic diffusion of a problem without extra force, or what is wrong."""
    d = problem.diffusion()
    temperature = float(d.flat[0])
    even = np.abs(d - temperature * np.eye(problem.grid.dim)).max() <= 1e-12 * temperature
    if problem.schedule is not None or not even:
        return nan, "needs constant isotropic diffusion"
    if problem.force is not None and np.any(problem.fields().force):
        return nan, "needs a drift that is a gradient"
    return temperature, ""


def _basins(problem: Problem) -> NDArray[np.intp]:
    from fokkerplanck.landscapes.critical import basins

    periodic = tuple(axis.periodic for axis in problem.grid.axes)
    return basins(problem.potential(), periodic)[0]


def _line_wells(problem: Problem) -> tuple[tuple[float, float], float, float, float] | None:
    """Minima, saddle, lower barrier and least curvature of a double well on a line."""
    from fokkerplanck.landscapes.critical import critical_points

    points = critical_points(problem.landscape, problem.grid)
    minima = sorted((p for p in points if p.kind == "minimum"), key=lambda p: p.position[0])
    saddles = [p for p in points if p.kind == "saddle"]
    if len(minima) != 2 or len(saddles) != 1:
        return None
    left, right = (float(p.position[0]) for p in minima)
    barrier = float(saddles[0].loss - max(p.loss for p in minima))
    curvature = min(float(p.hessian[0, 0]) for p in minima)
    return (left, right), float(saddles[0].position[0]), barrier, curvature


def _start_right(case: Any, low: float, high: float, committor: Callable[[Array], Array]) -> float:
    """Share of the initial mass that settles in the right well before any escape."""
    start = case.initial
    kind = getattr(start, "kind", None)
    if kind == "uniform":
        return float(committor(np.linspace(low, high, 20001)).mean())
    mean, covariance = initial_moments(case, 1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    x = np.clip(mean[0] + np.sqrt(covariance[0, 0]) * nodes, low, high)
    return float(weights @ committor(x) / weights.sum())


def _inside(problem: Problem, value: float, mean: Array, covariance: Array) -> Prediction:
    reach = WALLS * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    for axis, m, r in zip(problem.grid.axes, mean, reach, strict=True):
        if axis.periodic or m - r < axis.min or m + r > axis.max:
            note = f"the law comes within {WALLS:g} standard deviations of a wall of {axis.name}"
            return Prediction(value, False, note)
    return Prediction(value)


#: Name in a case file -> closed form, called with (problem, case, quantity).
PREDICTIONS: dict[str, Callable[[Any, Any, str], Prediction]] = {
    "boltzmann": _boltzmann,
    "driven-ring": _driven_ring,
    "kramers-relaxation": _kramers_relaxation,
    "ornstein-uhlenbeck": _ornstein_uhlenbeck,
    **ESCAPES,
    **QUADRATURES,
    **SGD_ESCAPES,
    **STATIONARY,
}
