"""Predictions of where SGD stays: covariances in a well, masses of two; steps and diffusion."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.case_line import line_process
from fokkerplanck.theory.discrete_steps import after_steps
from fokkerplanck.theory.linear import initial_moments, linear_process, snapshot_times
from fokkerplanck.theory.prediction import Prediction, entry, invalid, is_index, unknown
from fokkerplanck.theory.three_factors import continuous_covariance, discrete_covariance
from fokkerplanck.theory.varying_noise import basin_log_ratio

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["STATIONARY"]

Array = NDArray[np.float64]
#: Learning rate times curvature up to which the diffusion stands for the steps.
SMALL = 0.1
#: Depth of both wells, in units of the noise, from which on their masses are those of parabolas.
LEAST_CLIMB = 5.0
DISCRETE = ("stationary.covariance.i.j", "evolve.mean.k.i", "evolve.covariance.k.i.j")
FACTORS = ("stationary.covariance.i.j", "stationary.basin_masses.j")


class _Well(NamedTuple):
    """One quadratic well and the SGD in it."""

    hessian: Array
    noise: Array  # C / B
    learning_rate: float
    momentum: float
    centre: Array


def _discrete(problem: Problem, case: Any, quantity: str) -> Prediction:
    """SGD itself in a quadratic well: its stationary covariance, and its law after steps."""
    parts = quantity.split(".")
    stationary = parts[:2] == ["stationary", "covariance"]
    times = snapshot_times(case, problem.sgd) if not stationary else np.empty(0)
    evolves = len(parts) > 2 and parts[0] == "evolve" and parts[1] in ("mean", "covariance")
    if not stationary and not (evolves and is_index(parts[2], len(times))):
        raise unknown(quantity, "discrete-sgd", DISCRETE)
    well = _well(problem)
    if isinstance(well, str):
        return invalid(well)
    h, c, eta, beta = well[:4]
    try:
        if stationary:
            found = discrete_covariance(h, c, eta, beta)
            return Prediction(entry(found, parts[2:], quantity, "discrete-sgd", DISCRETE))
        mean, spread = initial_moments(case, problem.grid.dim)
        time = float(times[int(parts[2])])
        steps = round(time * (1 - beta) / eta)
        law = after_steps(steps, h, c, eta, beta, mean=mean, covariance=spread, centre=well.centre)
    except CaseError as error:
        return invalid(str(error))
    value = entry(getattr(law, parts[1]), parts[3:], quantity, "discrete-sgd", DISCRETE)
    if abs(steps * eta / (1 - beta) - time) > 1e-9 * time:
        return Prediction(value, False, f"t = {time:g} is not after a whole number of steps")
    return Prediction(value)


def _three_factors(problem: Problem, case: Any, quantity: str) -> Prediction:
    """Say as the diffusion does: covariance in a quadratic well, masses of two basins."""
    parts = quantity.split(".")
    if parts[:2] == ["stationary", "covariance"]:
        well = _well(problem)
        if isinstance(well, str):
            return invalid(well)
        try:
            found = continuous_covariance(*well[:4])
        except CaseError as error:
            return invalid(str(error))
        value = entry(found, parts[2:], quantity, "three-factors", FACTORS)
        size = well.learning_rate * float(np.linalg.eigvalsh(well.hessian)[-1])
        if size > SMALL:
            exact = discrete_covariance(*well[:4])
            off = float(np.abs(found - exact).max() / np.abs(exact).max())
            note = (
                f"learning rate * curvature = {size:.3g}: the steps themselves differ by {off:.2g}"
            )
            return Prediction(value, False, note)
        return Prediction(value)
    masses = len(parts) == 3 and parts[:2] == ["stationary", "basin_masses"]
    if not (masses and is_index(parts[2], 2)):
        raise unknown(quantity, "three-factors", FACTORS)
    return _masses(problem, int(parts[2]) % 2)


def _well(problem: Problem) -> _Well | str:
    """Read a quadratic well and its hyper-parameters off a problem; or say what is missing."""
    sgd = getattr(problem, "sgd", None)
    if sgd is None:
        return "needs hyper-parameters: a table [sgd]"
    process, fault = linear_process(problem)
    if process is None:
        return fault
    h = process.rate
    if np.abs(h - h.T).max() > 1e-9 * np.abs(h).max():
        return "needs a drift that is a gradient"
    h = 0.5 * (h + h.T)
    noise = 2 * process.diffusion * (1 - sgd.momentum) / sgd.learning_rate
    return _Well(h, noise, sgd.learning_rate, sgd.momentum, process.centre)


def _masses(problem: Problem, k: int) -> Prediction:
    """Mass of one of two basins: parabolas in both, exact climbs between them on a line."""
    from fokkerplanck.theory.wells import find_wells

    if problem.schedule is not None or any(
        wall == "absorbing" for pair in problem.grid.walls for wall in pair
    ):
        return invalid("needs walls that reflect and noise that stays")
    wells = find_wells(problem.landscape, problem.grid)
    if len(wells.minima) != 2 or not wells.ways:
        return invalid("needs exactly two minima and a saddle that connects them")
    first, second = wells.minima
    points = np.array([first.position, second.position, wells.ways[0][0].position])
    d = problem.noise.at(problem.landscape, problem.grid, points)
    if problem.grid.dim == 1:
        process = line_process(problem)
        if isinstance(process, str) or problem.grid.axes[0].periodic:
            return invalid(process if isinstance(process, str) else "needs a line with walls")
        a, b, top = points[:, 0].tolist()
        climbs = process.climb(a, top), process.climb(b, top)
    else:
        field, t = problem.diffusion(), float(d[0, 0, 0])
        if np.abs(field - t * np.eye(problem.grid.dim)).max() > 1e-12 * t or problem.force:
            return invalid("in the plane it needs white noise: else p is no function of the loss")
        tops = min(saddle.loss for saddle, *_ in wells.ways)
        climbs = ((tops - first.loss) / t, (tops - second.loss) / t)
    ends = float(d[0, 0, 0]), float(d[1, 0, 0])
    hessians = first.hessian, second.hessian
    ratio = basin_log_ratio(*hessians, ends, climbs[1] - climbs[0], problem.noise.kappa)
    value = 1 / (1 + exp(-ratio if k == 0 else ratio))
    if min(climbs) < LEAST_CLIMB:
        return Prediction(value, False, f"a climb of {min(climbs):.3g} is below {LEAST_CLIMB:g}")
    return Prediction(value)


#: Name in a case file -> closed form, called with (problem, case, quantity).
STATIONARY: dict[str, Callable[[Any, Any, str], Prediction]] = {
    "discrete-sgd": _discrete,
    "three-factors": _three_factors,
}
