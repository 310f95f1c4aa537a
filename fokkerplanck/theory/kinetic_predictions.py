"""Closed forms by name for cases of underdamped motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.boltzmann import boltzmann_density
from fokkerplanck.theory.kinetic_escape_predictions import INERTIAL
from fokkerplanck.theory.linear import initial_moments, linear_process, snapshot_times
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.prediction import Prediction, entry, invalid, is_index, pick, unknown

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem
    from fokkerplanck.underdamped import Underdamped

__all__ = ["KINETIC"]

Array = NDArray[np.float64]
#: Walls nearer than this many standard deviations deform a normal law.
WALLS = 5.0
OU_QUANTITIES = (
    "stationary.mean.i",
    "stationary.covariance.i.j",
    "stationary.entropy_production",
    "evolve.mean.k.i",
    "evolve.covariance.k.i.j",
    "spectrum.k",
    "spectrum_modes.frequencies.k",
)


def _boltzmann(subject: tuple[Underdamped, Problem], case: Any, quantity: str) -> Prediction:
    """``exp(-(m v^2 / 2 + L) / T) / Z`` between the walls of x."""
    problem, limit = subject
    found = boltzmann_density(problem.landscape.loss, problem.temperature, problem.grid)
    known: dict[str, Callable[[], Any]] = {
        "mean": lambda: np.append(found.mean, 0.0),
        "covariance": lambda: np.diag([float(found.covariance[0, 0]), problem.speed**2]),
        "basin_masses": lambda: found.basin_masses(_labels(limit)),
        "entropy_production": lambda: 0.0,
        "irreversibility": lambda: 0.0,
    }
    return Prediction(pick(quantity, "boltzmann", "stationary", known))


def _labels(limit: Problem) -> NDArray[np.intp]:
    from fokkerplanck.landscapes.critical import basin_labels

    return np.asarray(basin_labels(limit.landscape, limit.grid)[0], dtype=np.intp)


def _ornstein_uhlenbeck(
    subject: tuple[Underdamped, Problem], case: Any, quantity: str
) -> Prediction:
    """Give the normal law in position and velocity of a quadratic loss: a damped oscillator."""
    process, fault = _oscillator(subject)
    if process is None:
        return invalid(fault)
    return _law(subject, process, case, quantity)


def _limiting_dynamics(
    subject: tuple[Underdamped, Problem], case: Any, quantity: str
) -> Prediction:
    """Give the same from the hyper-parameters of SGD with momentum, in a quadratic loss."""
    from fokkerplanck.theory.limiting_dynamics import LimitingDynamics

    problem, limit = subject
    sgd = limit.sgd
    if sgd is None:
        return invalid("needs hyper-parameters: a table [sgd]")
    process, fault = linear_process(limit)
    if process is None:
        return invalid(fault)
    curvature = float(process.rate[0, 0]) - sgd.weight_decay
    if curvature <= 0:
        return invalid("the loss is no well")
    # sigma^2 H is the variance of a sample's gradient, its batches drawn as they are
    noise = 2.0 * problem.friction * problem.temperature * sgd.batch_size / sgd.learning_rate
    found = LimitingDynamics(
        [curvature],
        sgd.learning_rate,
        sgd.momentum,
        sgd.batch_size,
        weight_decay=sgd.weight_decay,
        residual_variance=noise / curvature,
        centre=process.centre,
    )
    return _law(subject, found.process, case, quantity)


def _law(
    subject: tuple[Underdamped, Problem], process: OrnsteinUhlenbeck, case: Any, quantity: str
) -> Prediction:
    head, _, rest = quantity.partition(".")
    if head == "stationary":
        known: dict[str, Callable[[], Any]] = {
            "mean": lambda: process.centre,
            "covariance": lambda: process.stationary_covariance,
            # v is odd under time reversal, and the force is a gradient
            "entropy_production": lambda: 0.0,
        }
        value = pick(quantity, "ornstein-uhlenbeck", "stationary", known)
        return _inside(subject, value, process.centre, process.stationary_covariance)
    if head in ("spectrum", "spectrum_modes"):
        return _spectrum(subject, process, quantity)
    name, k, *indices = [*rest.split("."), ""]
    times = snapshot_times(case, subject[1].sgd)
    if head != "evolve" or name not in ("mean", "covariance") or not is_index(k, len(times)):
        raise unknown(quantity, "ornstein-uhlenbeck", OU_QUANTITIES)
    mean, covariance = _start(subject[0], process, case)
    time = float(times[int(k)])
    mean, covariance = process.mean(time, mean), process.covariance(time, covariance)
    chosen = mean if name == "mean" else covariance
    value = entry(chosen, indices[:-1], quantity, "ornstein-uhlenbeck", OU_QUANTITIES)
    return _inside(subject, value, mean, covariance)


def _oscillator(subject: tuple[Underdamped, Problem]) -> tuple[OrnsteinUhlenbeck | None, str]:
    """``d(x, v) = -A (x - mu, v) dt + sqrt(2 D) dW`` of a quadratic loss, or what is wrong."""
    problem, limit = subject
    process, fault = linear_process(limit)
    if process is None:
        return None, fault
    stiffness = float(process.rate[0, 0]) / problem.mass
    if stiffness <= 0:
        return None, "the loss is no well"
    rate = np.array([[0.0, -1.0], [stiffness, problem.rate]])
    noise = np.diag([0.0, problem.rate * problem.speed**2])
    return OrnsteinUhlenbeck(rate, noise, np.append(process.centre, 0.0)), ""


def _start(problem: Underdamped, process: OrnsteinUhlenbeck, case: Any) -> tuple[Array, Array]:
    """Moments of the start, with thermal velocities where it has none of its own."""
    if getattr(case.initial, "kind", None) == "stationary":
        return process.centre, process.stationary_covariance
    given = len(getattr(case.initial, "mean", (0, 0)))
    mean, covariance = initial_moments(case, given)
    if given == 1:
        thermal = np.diag([float(covariance[0, 0]), problem.speed**2])
        return np.append(mean, 0.0), thermal
    return mean, covariance


def _spectrum(
    subject: tuple[Underdamped, Problem], process: OrnsteinUhlenbeck, quantity: str
) -> Prediction:
    """Eigenvalues ``i l + j l*`` of the generator, l and l* those of A, slowest first."""
    parts = quantity.split(".")
    one, other = np.linalg.eigvals(process.rate)
    sums = np.array([i * one + j * other for i in range(60) for j in range(60) if i + j])
    order = np.lexsort((sums.imag, np.abs(sums.imag), np.round(sums.real / sums.real.min(), 9)))
    values = sums[order]
    wanted = {"spectrum": values.real, "spectrum_modes": values.imag}[parts[0]]
    index = parts[-1]
    sort = len(parts) == 2 if parts[0] == "spectrum" else parts[1:2] == ["frequencies"]
    if not (sort and is_index(index, 50)):
        raise unknown(quantity, "ornstein-uhlenbeck", OU_QUANTITIES)
    return Prediction(float(wanted[int(index)]))


def _inside(
    subject: tuple[Underdamped, Problem], value: float, mean: Array, covariance: Array
) -> Prediction:
    axis, reach = subject[0].grid.axes[0], WALLS * float(np.sqrt(max(covariance[0, 0], 0.0)))
    if axis.periodic or mean[0] - reach < axis.min or mean[0] + reach > axis.max:
        note = f"the law comes within {WALLS:g} standard deviations of a wall of x"
        return Prediction(value, False, note)
    return Prediction(value)


#: Name in a case file -> closed form, called with ((problem, limit), case, quantity).
KINETIC: dict[str, Callable[[Any, Any, str], Prediction]] = {
    **INERTIAL,
    "boltzmann": _boltzmann,
    "limiting-dynamics": _limiting_dynamics,
    "ornstein-uhlenbeck": _ornstein_uhlenbeck,
}
