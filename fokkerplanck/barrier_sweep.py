"""Passage times over a sweep of temperatures, beside the law of Kramers, Eyring and Langer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes import Barrier, CriticalPoint, barrier, critical_points
from fokkerplanck.noise import WhiteNoise
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.sets import Ball, HalfPlane, PointSet
from fokkerplanck.theory.eyring_kramers import LEAST_BARRIER, eyring_kramers
from fokkerplanck.theory.kramers import kramers_correction

__all__ = ["RATIOS", "BarrierSweep", "quartic_sweep", "sweep_barriers"]

Array = NDArray[np.float64]

#: Barriers over the temperature that are swept.
RATIOS = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 40.0, 55.0, 75.0, 100.0)
#: Radius of the target around the other minimum, as a part of the distance of the minima.
TARGET = 0.12
#: Step of differences of the curvature, as a part of the distance of minimum and saddle.
STEP = 1e-3
LN10 = log(10.0)


@dataclass(frozen=True, eq=False)
class BarrierSweep:
    """Mean passage times at several temperatures, measured and predicted.

    Parameters
    ----------
    ratios : ndarray, shape (n,)
        Barrier over temperature.
    log10_times : ndarray, shape (n,)
        Decimal logarithms of the computed mean times.
    errors : ndarray, shape (n,)
        Relative errors that the solver expects.
    log10_law : ndarray, shape (n,)
        The same of the law ``2 pi / |lambda_-| sqrt(|det H_s| / det H_a) e^{barrier / T}``.
    correction : float
        c of the next order, ``1 + c T / barrier``.
    derived : bool
        Whether c comes from derivatives of the loss (on a line) and not from a fit.
    barrier : float
        Its height.
    start, target : str
        What they are, in words.
    """

    ratios: Array
    log10_times: Array = field(repr=False)
    errors: Array = field(repr=False)
    log10_law: Array = field(repr=False)
    correction: float
    derived: bool
    barrier: float
    start: str
    target: str

    @property
    def deviations(self) -> Array:
        """Computed time over the law, minus one, shape (n,)."""
        return np.asarray(np.expm1((self.log10_times - self.log10_law) * LN10))

    @property
    def remainders(self) -> Array:
        """Computed time over the law with its next order, minus one, shape (n,)."""
        return (1 + self.deviations) / (1 + self.correction / self.ratios) - 1

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Whether the law is meant to hold, shape (n,)."""
        return np.asarray(self.ratios >= LEAST_BARRIER)

    def json(self) -> dict[str, Any]:
        """Return the numbers as plain lists, one entry per temperature."""
        lists = {
            "barrier_over_temperature": self.ratios,
            "log10_time": self.log10_times,
            "log10_law": self.log10_law,
            "deviation": self.deviations,
            "remainder": self.remainders,
            "error": self.errors,
        }
        return {
            "from": self.start,
            "to": self.target,
            "barrier": self.barrier,
            "correction": self.correction,
            **{name: values.tolist() for name, values in lists.items()},
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{r:g}</td><td>{t:.8g}</td><td>{d:.3e}</td></tr>"
            for r, t, d in zip(self.ratios, self.log10_times, self.deviations, strict=True)
        )
        head = "<tr><th>barrier / T</th><th>log10 time</th><th>over the law - 1</th></tr>"
        return f"<p>from {self.start} to {self.target}</p><table>{head}{rows}</table>"


def sweep_barriers(
    problem: Problem,
    start: PointSet | None = None,
    target: PointSet | None = None,
    *,
    ratios: Sequence[float] = RATIOS,
) -> BarrierSweep:
    """Scale the temperature of a problem and compute a passage time at each.

    Parameters
    ----------
    problem : Problem
        White noise without force or schedule; its own temperature does not matter.
    start, target : PointSet, optional
        In two wells; by default the two minima of the landscape (in the plane, the target is a
        small disc).
    ratios : sequence of float
        Barriers over the temperature.

    Raises
    ------
    CaseError
        Other noise, a force, no two minima, or none between which the passage leads.
    NumericalError
        When a passage time cannot be vouched for.
    """
    if not isinstance(problem.noise, WhiteNoise) or problem.schedule or problem.force is not None:
        msg = "a sweep of barriers needs white noise, without a schedule or a force"
        raise CaseError(msg, key="noise")
    if start is None or target is None:
        start, target = _minima(problem)
    hill = _barrier(problem, start, target)
    found, laws = [], []
    for ratio in ratios:
        temperature = hill.height / ratio
        noise = dataclasses.replace(problem.noise, temperature=temperature)
        at = dataclasses.replace(problem, noise=noise)
        found.append(mean_first_passage(at, start, target))
        laws.append(eyring_kramers(hill.start, hill.saddle, temperature).log_time / LN10)
    sweep = BarrierSweep(
        np.array(ratios, dtype=np.float64),
        np.array([p.log10_mean for p in found]),
        np.array([p.error for p in found]),
        np.array(laws),
        0.0,
        problem.grid.dim == 1,
        hill.height,
        found[0].start,
        found[0].target,
    )
    correction = _derived(problem, hill) if sweep.derived else _fitted(sweep)
    return dataclasses.replace(sweep, correction=correction)


def quartic_sweep() -> BarrierSweep:
    """Sweep the quartic well ``(x^2 - 1)^2 / 4``, from -1 to 1."""
    from fokkerplanck import landscapes, noise
    from fokkerplanck.grid import Grid

    problem = Problem(Grid.line(-2.4, 2.4, 1024), landscapes.quartic(), noise.white(1.0))
    return sweep_barriers(problem)


def _minima(problem: Problem) -> tuple[PointSet, PointSet]:
    """First minimum, and what a path meets at the second."""
    points = critical_points(problem.landscape, problem.grid)
    minima = [p.position for p in points if p.kind == "minimum"]
    if len(minima) != 2:
        msg = f"a sweep needs two minima or a [[passage]]; there are {len(minima)} minima"
        raise CaseError(msg, key="landscape")
    a, b = minima
    if problem.grid.dim == 1:
        side = 1.0 if b[0] > a[0] else -1.0
        return Ball(a), HalfPlane((side,), side * float(b[0]))
    return Ball(a), Ball(b, TARGET * float(np.linalg.norm(b - a)))


def _barrier(problem: Problem, start: PointSet, target: PointSet) -> Barrier:
    """Lowest barrier from the well of the start to a minimum in the target."""
    points = critical_points(problem.landscape, problem.grid)
    minima = [p for p in points if p.kind == "minimum"]
    held = [p for p in minima if bool(target.contains(p.position, problem.grid))]
    place = start.representative()
    if place is None or not held:
        msg = f"no minimum lies in the {target.text}, or none of the {start.text} can be named"
        raise CaseError(msg, key="passage")
    ways = [barrier(problem.landscape, problem.grid, place, end) for end in held]
    return min(ways, key=lambda way: way.height)


def _derived(problem: Problem, hill: Barrier) -> float:
    """Coefficient of T / barrier on a line, from derivatives at both ends of the climb."""
    step = STEP * float(np.abs(hill.saddle.position - hill.start.position)[0])
    ends = [_derivatives(problem, point, step) for point in (hill.start, hill.saddle)]
    return kramers_correction(*ends) * hill.height


def _derivatives(problem: Problem, point: CriticalPoint, step: float) -> tuple[float, float, float]:
    """Second to fourth derivative, the last two as differences of exact curvatures."""
    x = point.position[0] + step * np.array([-1.0, 0.0, 1.0])
    low, here, high = problem.landscape.hessian(x[:, None])[:, 0, 0]
    third, fourth = (high - low) / (2 * step), (high - 2 * here + low) / step**2
    return float(here), float(third), float(fourth)


def _fitted(sweep: BarrierSweep) -> float:
    """Coefficient in the plane, from the two deepest barriers: c + e T / barrier through both."""
    r = sweep.ratios[-2:]
    slopes = sweep.deviations[-2:] * r
    return float((slopes[1] * r[1] - slopes[0] * r[0]) / (r[1] - r[0]))
