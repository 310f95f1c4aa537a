"""Ensembles: independent walkers of a problem, as paths or as steps of descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.ensemble_fields import EnsembleFields, ensemble_fields
from fokkerplanck.ensemble_plan import ROUNDING, Leg, Plan
from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.ensemble import Walk

__all__ = ["Ensemble", "stream", "whole_number"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What walkers of a problem look up, and how they step.

    Parameters
    ----------
    problem : Problem
    plan : Plan
        Dynamics and step.
    """

    problem: Problem
    plan: Plan

    @classmethod
    def of(cls, problem: Problem, dynamics: str = "sde", step: float | None = None) -> Ensemble:
        """Choose the step; raises `CaseError` where that cannot be."""
        return cls(problem, Plan.of(problem, dynamics, step))

    @cached_property
    def fields(self) -> EnsembleFields:
        """Drift and noise at the nodes of the tables."""
        return ensemble_fields(self.problem, self.plan.kappa)

    def walk(self, step: float, factor: float, seed: int) -> Walk:
        """Make the walk with a step and a factor on D; its noise is that of the seed."""
        from fokkerplanck.solvers.ensemble import Walk

        fields = self.fields
        if self.plan.dynamics == "sde":
            fields = fields.for_step(step, factor)
        return Walk(
            tables=fields.tables(factor),
            step=step,
            kappa=self.plan.kappa if self.problem.grid.dim == 1 else 1.0,
            walls=self.problem.grid.walls,
            momentum=self.plan.momentum,
            seed=seed,
            discrete=self.plan.dynamics == "sgd",
        )

    def follow(
        self, starts: Array, legs: Sequence[Leg], seed: int, *, longer: int = 1
    ) -> Iterator[tuple[float, Array]]:
        """Yield times that were asked for, and the positions (walkers, dim) reached.

        Parameters
        ----------
        starts : ndarray, shape (walkers, dim)
        legs : sequence of Leg
        seed : int
        longer : int
            1, or 2 for steps of twice the length with noise of their own.
        """
        x = starts
        for number, part in enumerate(_runs(legs)):
            first = _first(part)
            walk = self.walk(first.step * longer, first.factor, stream(seed, longer, number))
            ends = np.cumsum([leg.steps for leg in part]) // longer
            moved = walk.snapshots(x, np.unique(ends[ends > 0]))
            at = 0
            for leg, end in zip(part, ends, strict=True):
                while at < end:
                    at, x = next(moved)
                if leg.output:
                    yield leg.end, x

    def states(
        self, starts: Array, steps: Sequence[int], seed: int
    ) -> Iterator[tuple[int, Array, Array]]:
        """Yield numbers of steps of descent with momentum, positions and velocities after them.

        The clock of the problem is the overdamped one, ``t = eta k / (1 - beta)`` after k steps;
        velocities are ``(x - x_before) / eta``.

        Parameters
        ----------
        starts : ndarray, shape (walkers, dim)
            At rest.
        steps : sequence of int
            Increasing, from 0 on.
        seed : int

        Raises
        ------
        CaseError
            For other dynamics, or without momentum.
        """
        if self.plan.dynamics != "sgd" or not self.plan.momentum:
            msg = 'velocities are those of dynamics "sgd" with a momentum'
            raise CaseError(msg, key="ensemble.dynamics")
        walk = self.walk(self.plan.step, 1.0, stream(seed, 1, 0))
        yield from walk.states(starts, steps)


def stream(seed: int, *which: int) -> int:
    """Return a seed for one of several independent parts of a run."""
    words = np.random.SeedSequence([seed, *which]).generate_state(2, np.uint32)
    return int(words[0]) << 31 | int(words[1]) >> 1


def whole_number(value: int, name: str, least: int) -> int:
    """Raise `CaseError` unless a number is whole and large enough."""
    if isinstance(value, bool) or int(value) != value or value < least:
        msg = f"{name} is a whole number >= {least}, got {value!r}"
        raise CaseError(msg, key=f"ensemble.{name}")
    return int(value)


def _runs(legs: Sequence[Leg]) -> Iterator[list[Leg]]:
    """Group neighbouring legs of the same step and noise, which are one walk."""
    part: list[Leg] = []
    for leg in legs:
        if leg.steps and part and not _alike(_first(part), leg):
            yield part
            part = []
        part.append(leg)
    if part:
        yield part


def _first(part: Sequence[Leg]) -> Leg:
    """Return the first leg that takes steps, if one does."""
    return next((leg for leg in part if leg.steps), part[0])


def _alike(a: Leg, b: Leg) -> bool:
    same = abs(a.step - b.step) <= ROUNDING * b.step and a.factor == b.factor
    return same or not a.steps
