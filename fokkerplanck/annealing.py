"""Annealing: which minimum the density ends in, against the speed at which the noise goes down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.linalg import expm

from fokkerplanck import observe
from fokkerplanck.density import evolve
from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.critical import CriticalPoint, basin_labels
from fokkerplanck.scaled_noise import ScaledNoise
from fokkerplanck.schedule import Schedule
from fokkerplanck.well_rates import rate_matrix

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["SHAPES", "Annealing", "anneal"]

Array = NDArray[np.float64]

#: How the factor on D goes from 1 to `cold` while u goes from 0 to 1.
SHAPES: dict[str, Callable[[Array, float], Array]] = {
    "exponential": lambda u, cold: cold**u,
    "linear": lambda u, cold: 1 + (cold - 1) * u,
    "inverse": lambda u, cold: 1 / (1 + (1 / cold - 1) * u),
}
#: Stairs on which the chain of wells is followed.
CHAIN_STAIRS = 512


@dataclass(frozen=True, eq=False)
class Annealing:
    r"""Occupation of the minima after the noise has been turned down, for several durations.

    Parameters
    ----------
    wells : tuple of CriticalPoint
        The minima.
    durations : ndarray, shape (n,)
        Time taken by the whole schedule.
    steps_of_growth, steps_of_decay : ndarray, shape (n,), or None
        The same in steps of SGD: where the batch grows at a constant learning rate, and where the
        learning rate goes down at a constant batch. In epochs both are equally long. None without
        hyper-parameters.
    occupation : ndarray, shape (n, wells)
        Probability in the basin of each minimum at the end.
    error : ndarray, shape (n, wells)
        Bound on what the stairs leave in each occupation, which is extrapolated.
    chain : ndarray, shape (n, wells)
        The same from the chain of wells alone, ``dP/dt = P K(t)`` with the transition rates at the
        noise of each moment: right when the wells are metastable all the way.
    levels, log_rates : ndarray, shapes (m,), (m, wells, wells)
        Factors on D at which these rates were found, and their logarithms.
    """

    wells: tuple[CriticalPoint, ...]
    durations: Array
    steps_of_growth: Array | None
    steps_of_decay: Array | None
    occupation: Array
    error: Array
    chain: Array
    levels: Array = field(repr=False)
    log_rates: Array = field(repr=False)

    @property
    def activation(self) -> Array:
        r"""Activation :math:`-d \ln k / d (1/s)` at the coldest levels, shape (wells, wells).

        The height of each barrier in units of the noise at factor 1, inf where there is no way.
        """
        with np.errstate(invalid="ignore"):
            change = self.log_rates[-1] - self.log_rates[-2]
        reach = 1 / self.levels[-1] - 1 / self.levels[-2]
        return np.asarray(np.where(np.isfinite(change), -change / reach, np.inf))

    @property
    def exponent(self) -> float:
        r"""Exponent b of what stays behind after slow annealing of two wells, ``duration**-b``.

        The wells fall out of equilibrium where the rate out of the shallow one meets the speed of
        the schedule, :math:`e^{-E / s} \sim 1/\tau`, and keep the ratio :math:`e^{-\Delta / s}`
        that they had there; so :math:`b = \Delta / E`, with E the activation of the shallow well
        and :math:`\Delta` by how much that of the other is larger. Logarithms of the duration
        correct it.

        References
        ----------
        D. A. Huse and D. S. Fisher, Phys. Rev. Lett. 57, 2203 (1986).
        """
        if len(self.wells) != 2:
            msg = f"the exponent is one of two wells, there are {len(self.wells)}"
            raise CaseError(msg)
        there, back = self.activation[0, 1], self.activation[1, 0]
        return float(abs(there - back) / min(there, back))

    @property
    def exponents(self) -> Array:
        """Exponents between one duration and the next, of the well that is emptiest at the end."""
        left = self.occupation[:, np.argmin(self.occupation[-1])]
        return np.asarray(-np.diff(np.log(left)) / np.diff(np.log(self.durations)))

    def _repr_html_(self) -> str:
        names = [", ".join(f"{c:.4g}" for c in w.position) for w in self.wells]
        head = "".join(f"<th>({n})</th>" for n in names)
        rows = "".join(
            f"<tr><td>{d:.4g}</td>{''.join(f'<td>{p:.6g}</td>' for p in row)}</tr>"
            for d, row in zip(self.durations, self.occupation, strict=True)
        )
        return f"<table><tr><th>duration</th>{head}</tr>{rows}</table>"


def anneal(
    problem: Problem,
    initial: ArrayLike,
    durations: Sequence[float] | Array,
    *,
    cold: float = 0.05,
    shape: str = "exponential",
    stairs: int = 64,
    tolerance: float = 1e-8,
) -> Annealing:
    """Turn the noise down from D to ``cold * D`` in several durations; see where the mass ends.

    By learning-rate decay or by batch growth: in time both are the same schedule, and only the
    number of steps differs. The schedule is cut into stairs, each solved exactly; the error that
    the stairs leave is of second order, is extrapolated away and reported.

    Parameters
    ----------
    problem : Problem
        At the noise of the beginning, without a schedule.
    initial : array, shape (*grid.shape,)
        Density at the beginning.
    durations : sequence of float
        Times from the beginning to the end, increasing.
    cold : float
        Factor on D at the end, between 0 and 1.
    shape : str
        A key of `SHAPES`: "exponential", "linear" or "inverse" in time.
    stairs : int
        Number of stairs of the coarser of two solutions.
    tolerance : float
        L1 error of each evolution in time.

    Raises
    ------
    CaseError
        A problem with a schedule, numbers out of range, or a landscape without two wells.
    NumericalError
        If an evolution or a rate cannot be vouched for.
    """
    times = np.atleast_1d(np.asarray(durations, dtype=np.float64))
    _check(problem, times, cold, shape, stairs)
    labels, minima = basin_labels(problem.landscape, problem.grid)
    if len(minima) < 2:
        msg = f"annealing chooses between two wells or more, this landscape has {len(minima)}"
        raise CaseError(msg, key="landscape")
    p = np.asarray(initial, dtype=np.float64)
    ends = []
    for n in (stairs, 2 * stairs):
        levels = _levels(shape, cold, n)
        found = [_final(problem, p, d, levels, tolerance) for d in times]
        ends.append(
            np.array([observe.basin_masses(labels, len(minima), problem.grid, q) for q in found])
        )
    coarse, fine = ends
    occupation = np.clip(fine + (fine - coarse) / 3, 0.0, None)
    levels = _levels(shape, cold, stairs)
    matrices = [rate_matrix(_with_factor(problem, s), [m.position for m in minima]) for s in levels]
    start = observe.basin_masses(labels, len(minima), problem.grid, p)
    log_rates = np.array([m.log10_rates for m in matrices]) * np.log(10)
    fine_rates = _between(log_rates, levels, _levels(shape, cold, CHAIN_STAIRS))
    growth = None if problem.sgd is None else np.asarray(problem.sgd.steps(times))
    return Annealing(
        tuple(minima),
        times,
        growth,
        None if growth is None else growth * _mean_inverse(shape, cold),
        occupation,
        np.abs(fine - coarse) / 3,
        np.array([_chain(start, fine_rates, d) for d in times]),
        levels,
        log_rates,
    )


def _check(problem: Problem, times: Array, cold: float, shape: str, stairs: int) -> None:
    if problem.schedule is not None:
        msg = "annealing makes the schedule itself; give a problem without one"
        raise CaseError(msg, key="noise.schedule")
    if shape not in SHAPES:
        msg = f"the shape is one of {', '.join(SHAPES)}, got {shape!r}"
        raise CaseError(msg, key="shape")
    if not 0 < cold < 1:
        msg = f"the factor at the end lies between 0 and 1, got {cold}"
        raise CaseError(msg, key="cold")
    if times.size == 0 or not (np.isfinite(times).all() and times[0] > 0):
        msg = f"durations are positive numbers, got {times.tolist()}"
        raise CaseError(msg, key="durations")
    if np.any(np.diff(times) <= 0):
        msg = f"durations increase, got {times.tolist()}"
        raise CaseError(msg, key="durations")
    if stairs < 4:
        msg = f"at least 4 stairs are needed, got {stairs}"
        raise CaseError(msg, key="stairs")


def _levels(shape: str, cold: float, stairs: int) -> Array:
    """Factors in the middle of each stair, as the schedule has them there."""
    middle = (np.arange(stairs) + 0.5) / stairs
    return np.asarray(SHAPES[shape](middle, cold))


def _mean_inverse(shape: str, cold: float) -> float:
    """Mean of the inverse factor over the schedule."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    return float(weights @ (1 / SHAPES[shape]((nodes + 1) / 2, cold))) / 2


def _with_factor(problem: Problem, factor: float) -> Problem:
    """Return the problem with D times a constant factor."""
    return replace(problem, noise=ScaledNoise.of(problem.noise, factor))


def _final(
    problem: Problem, initial: Array, duration: float, levels: Array, tolerance: float
) -> Array:
    times = np.arange(levels.size) / levels.size * duration
    schedule = Schedule.steps(tuple(times), tuple(levels))
    changed = replace(problem, noise=replace(problem.noise, schedule=schedule))
    return np.asarray(evolve(changed, initial, [duration], tolerance=tolerance).density[-1])


def _between(log_rates: Array, levels: Array, wanted: Array) -> Array:
    """Rates at other levels: their logarithms are smooth, nearly linear, in the inverse level."""
    out = np.full((wanted.size, *log_rates.shape[1:]), -np.inf)
    for i, j in zip(*np.nonzero(np.isfinite(log_rates).all(axis=0)), strict=True):
        out[:, i, j] = CubicSpline(1 / levels, log_rates[:, i, j])(1 / wanted)
    return out


def _chain(start: Array, log_rates: Array, duration: float) -> Array:
    """Occupation at the end from the transition rates of every stair."""
    p = start / start.sum()
    span = duration / len(log_rates)
    for logs in log_rates:
        k = np.exp(logs)
        np.fill_diagonal(k, 0.0)
        p = p @ expm(span * (k - np.diag(k.sum(axis=1))))
    return np.asarray(p)
