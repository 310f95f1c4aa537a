"""How an ensemble moves through time: its dynamics, its step, and the legs between outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["DYNAMICS", "ROUNDING", "Leg", "Plan", "fastest_rate"]

Array = NDArray[np.float64]
#: What walkers do: paths of the stochastic equation, or the steps of descent themselves.
DYNAMICS = ("sde", "sgd")
#: Default step of paths, as a part of the shortest relaxation time at most: of weak order two,
#: where the noise is the same everywhere, and of order one.
SHARE, SHORT = 0.02, 0.01
#: Largest standard deviation of its noise, as a part of the shortest axis.
SPREAD = 0.02
#: Steps above this part of the shortest relaxation time are refused for paths.
LONGEST = 0.5
#: Largest change of the logarithm of a smooth schedule within one leg.
CHANGE = 0.02
#: Parts into which it is cut at least.
LEAST_PARTS = 8
#: Climbs above the highest saddle, in units of the noise, that set the shortest relaxation time.
ABOVE = 1.0
#: Times nearer to a multiple of the step of descent than this part of a step are that multiple.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Leg:
    """Equal steps from one time to another under constant noise.

    Parameters
    ----------
    begin, end : float
    steps : int
        0 between times that fall on the same step of descent.
    step : float
        Length of a step in time.
    factor : float
        What the schedule multiplies D by.
    output : bool
        Whether its end is a time that was asked for.
    """

    begin: float
    end: float
    steps: int
    step: float
    factor: float
    output: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """Which dynamics, with which step.

    Parameters
    ----------
    problem : Problem
    dynamics : str
        ``"sde"`` or ``"sgd"``.
    step : float
        Time of one step at most; for descent that of one iteration.
    momentum : float
        Heavy-ball beta of descent, 0 for paths.
    note : str
        What is done, for outputs.
    """

    problem: Problem
    dynamics: str
    step: float
    momentum: float
    note: str

    @classmethod
    def of(cls, problem: Problem, dynamics: str = "sde", step: float | None = None) -> Plan:
        """Choose the step where none is given.

        Raises
        ------
        CaseError
            For unknown dynamics, steps that are too long or not positive, and descent without a
            learning rate.
        """
        if dynamics not in DYNAMICS:
            msg = f"the dynamics are one of {', '.join(DYNAMICS)}, got {dynamics!r}"
            raise CaseError(msg, key="ensemble.dynamics")
        if step is not None and not (np.isfinite(step) and step > 0):
            msg = f"the step is a positive number, got {step}"
            raise CaseError(msg, key="ensemble.step")
        return _descent(problem, step) if dynamics == "sgd" else _paths(problem, step)

    @property
    def kappa(self) -> float:
        """Reading of the noise: that of the problem for paths, Ito for descent."""
        return 1.0 if self.dynamics == "sgd" else self.problem.noise.kappa

    def legs(self, times: Sequence[float] | Array, start: float = 0.0) -> tuple[Leg, ...]:
        """Cut the way to the times, increasing and none before `start`, into legs."""
        made, now, taken = [], float(start), self._steps(float(start))
        for time in np.asarray(times, dtype=np.float64):
            ends = [*self._pieces(now, float(time)), float(time)]
            for k, end in enumerate(ends):
                last = k == len(ends) - 1
                if self.dynamics == "sgd":
                    leg, taken = self._descent_leg(now, end, taken, output=last)
                else:
                    leg = self._path_leg(now, end, output=last)
                made.append(leg)
                now = leg.end
        return tuple(made)

    def _path_leg(self, begin: float, end: float, *, output: bool) -> Leg:
        # an even number, so that a companion can take half as many
        steps = 2 * ceil((end - begin) / (2 * self.step) * (1 - ROUNDING))
        step = (end - begin) / steps if steps else self.step
        return Leg(begin, end, steps, step, self._factor(begin, end), output)

    def _descent_leg(
        self, begin: float, end: float, taken: int, *, output: bool
    ) -> tuple[Leg, int]:
        total = max(self._steps(end), taken)
        steps = total - taken
        if not steps:
            return Leg(begin, begin, 0, self.step, 1.0, output), total
        reached = self._time(total)
        step = (reached - begin) / steps if self._changes else self.step
        return Leg(begin, reached, steps, step, self._factor(begin, reached), output), total

    def _steps(self, time: float) -> int:
        """Count the iterations whose time is nearest; paths have none."""
        if self.dynamics != "sgd":
            return 0
        steps = _settings(self.problem).steps(time) if self._changes else time / self.step
        return round(float(steps))

    def _time(self, steps: int) -> float:
        return float(_settings(self.problem).time(steps)) if self._changes else steps * self.step

    @property
    def _changes(self) -> bool:
        """Whether the learning rate does."""
        settings = _settings(self.problem)
        return self.dynamics == "sgd" and bool(settings and settings.learning_rate_of_t)

    def _factor(self, begin: float, end: float) -> float:
        schedule = self.problem.schedule
        return 1.0 if schedule is None else schedule.factor((begin + end) / 2)

    def _pieces(self, begin: float, end: float) -> Iterator[float]:
        """List the times between two at which noise and learning rate are taken anew."""
        schedule = self.problem.schedule
        if end <= begin or (schedule is None and not self._changes):
            return
        breaks = [] if schedule is None else [t for t in schedule.breakpoints if begin < t < end]
        constant = not self._changes and (schedule is None or schedule.piecewise_constant)
        whole = [begin, *breaks, end]
        for low, high in pairwise(whole):
            n = 1 if constant else self._even(low, high)
            yield from np.linspace(low, high, n + 1)[1:-1].tolist()
            if high < end:
                yield high

    def _even(self, low: float, high: float) -> int:
        """Count equal parts in each of which schedules hardly change."""
        most, parts = max(1, ceil((high - low) / self.step)), 1
        while parts < most:
            # within the piece: at its end a schedule may jump
            edges = low + (high - low) * np.linspace(0.0, 1.0 - 1e-12, parts + 1)
            change = np.abs(np.diff([self._logs(t) for t in edges], axis=0)).max()
            # a schedule that comes back within one part would be missed by its ends alone
            if parts >= LEAST_PARTS and change <= CHANGE:
                break
            parts *= 2
        return min(parts, most)

    def _logs(self, time: float) -> tuple[float, float]:
        rate = float(_settings(self.problem).learning_rate_at(time)) if self._changes else 1.0
        return log(self._factor(time, time)), log(rate)


def fastest_rate(problem: Problem) -> float:
    """Return the largest rate at which the drift brings paths together or apart.

    The largest norm of its Jacobian over the cells that paths visit: those no higher than the
    highest saddle and a little above, or all where there is no saddle.
    """
    from fokkerplanck.landscapes.critical import critical_points

    fields, grid = problem.fields(), problem.grid
    drift = fields.drift()
    centres = (slice(1, None, 2),) * grid.dim
    half = [h / 2 for h in grid.spacing]
    columns = [
        np.gradient(drift[..., i], *half, axis=tuple(range(grid.dim))) for i in range(grid.dim)
    ]
    rows = [[c] if grid.dim == 1 else list(c) for c in columns]
    jacobian = np.stack([np.stack([part[centres] for part in row], -1) for row in rows], -2)
    size = np.linalg.norm(jacobian, ord=2, axis=(-2, -1))
    loss = fields.cell_potential()
    points = critical_points(problem.landscape, grid)
    tops = [p.loss for p in points if p.kind == "saddle"]
    if not tops:
        inside = loss <= np.quantile(loss, 0.5)
        return float(size[inside].max())
    noise = float(np.median(np.trace(fields.diffusion, axis1=-2, axis2=-1))) / grid.dim
    return float(size[loss <= max(tops) + ABOVE * noise].max())


def _paths(problem: Problem, step: float | None) -> Plan:
    rate, longest = fastest_rate(problem), _spreading_time(problem)
    noise = problem.fields().diffusion.reshape(-1, problem.grid.dim**2)
    order, share = ("one", SHORT) if np.ptp(noise, axis=0).any() else ("two", SHARE)
    if step is None:
        step = min(share / rate, longest) if rate > 0 else longest
    elif step * rate > LONGEST:
        chosen = min(share / rate, longest)
        msg = (
            f"a step of {step:g} is too long for paths: the drift relaxes within {1 / rate:.3g}; "
            f"take at most {LONGEST / rate:.3g}, or leave it out for {chosen:.3g}"
        )
        raise CaseError(msg, key="ensemble.step")
    part = f"{step * rate:.2g} of the shortest relaxation time" if rate > 0 else "without drift"
    reading = problem.noise.reading
    return Plan(problem, "sde", step, 0.0, f"paths ({reading}) of weak order {order}, step {part}")


def _spreading_time(problem: Problem) -> float:
    """Time in which noise spreads over a small part of the shortest axis."""
    shortest = min(axis.max - axis.min for axis in problem.grid.axes)
    noise = np.trace(problem.fields().diffusion, axis1=-2, axis2=-1).max() / problem.grid.dim
    return float((SPREAD * shortest) ** 2 / (2 * noise))


def _descent(problem: Problem, step: float | None) -> Plan:
    settings = _settings(problem)
    if settings is None and step is None:
        msg = (
            'dynamics "sgd" takes the steps of descent themselves and needs their length: give '
            "the table [sgd] with a learning_rate, or ensemble.step, the time of one step"
        )
        raise CaseError(msg, key="ensemble.dynamics")
    momentum = 0.0
    if settings is not None:
        momentum = float(settings.momentum)
        if step is not None and abs(log(step / settings.step)) > ROUNDING:
            msg = (
                f"the step of descent is {settings.step:g}, set by the learning rate; got {step:g}"
            )
            raise CaseError(msg, key="ensemble.step")
        step = float(settings.step)
    assert step is not None
    varies = problem.schedule is not None or bool(settings and settings.learning_rate_of_t)
    if momentum and varies:
        msg = "descent with momentum is not sampled under a noise that changes in time"
        raise CaseError(msg, key="sgd.momentum")
    note = "steps of descent, with the noise of their start (Ito)"
    if problem.noise.kappa != 1.0:
        note += f", whatever the reading of the case ({problem.noise.reading})"
    if momentum:
        note += f", heavy ball {momentum:g}"
    return Plan(problem, "sgd", step, momentum, note)


def _settings(problem: Problem) -> Any:
    """Hyper-parameters of descent, where the problem has them."""
    return getattr(problem, "sgd", None)
