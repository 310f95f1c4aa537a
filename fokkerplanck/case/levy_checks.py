"""Rules that join the tables of a case of heavy-tailed noise: what it needs and cannot have."""

from __future__ import annotations

from collections.abc import Iterator

from fokkerplanck.case.messages import Mistake, show
from fokkerplanck.case.models import Case
from fokkerplanck.case.noise_tables import LevyNoise
from fokkerplanck.case.passage_tables import PassageTable

__all__ = ["levy_mistakes"]

#: fewest cells, a copy of the bound in `fokkerplanck.levy`, which is heavier; most that were tried
FEWEST, MOST = 32, 65_536
#: link weights are those of Gaussian noise: only the default is let pass
WEIGHTS = {"evolve": "fitted", "stationary": "midpoint", "spectrum": "midpoint"}


def levy_mistakes(case: Case) -> Iterator[Mistake]:
    """All that a case of heavy-tailed noise asks for and cannot have."""
    yield from _axes(case)
    yield from _motion(case)
    yield from _strength(case)
    yield from _methods(case)
    yield from _places(case)
    for k, table in enumerate(case.passage):
        yield from _passage(table, f"passage.{k}")


def _axes(case: Case) -> Iterator[Mistake]:
    axis = case.grid.x
    if case.grid.y is not None:
        yield "grid.y", "heavy-tailed noise is solved for on a line in cases: leave out y"
    if "periodic" in axis.walls:
        yield (
            "grid.x.walls",
            "walls reflect or absorb under heavy-tailed noise, got periodic ones: a jump goes "
            "round a ring any number of times",
        )
    if axis.cells < FEWEST:
        yield "grid.x.cells", f"must be >= {FEWEST} under heavy-tailed noise, got {axis.cells}"
    elif axis.cells > MOST:
        yield "grid.x.cells", f"must be <= {MOST} under heavy-tailed noise, got {axis.cells}"


def _motion(case: Case) -> Iterator[Mistake]:
    noise = case.noise
    if case.underdamped:
        yield (
            "dynamics.kind",
            'heavy-tailed noise needs "overdamped" dynamics: jumps of the velocity are not solved '
            "for",
        )
    elif not isinstance(case.dynamics.drift, str):
        yield "dynamics.drift", 'heavy-tailed noise needs "gradient": no force beside the loss'
    if noise.reading != "ito":
        yield (
            "noise.reading",
            f'is "{noise.reading}", but heavy-tailed noise is the same everywhere and all '
            'readings agree: expects "ito"',
        )
    if noise.schedule is not None:
        yield "noise.schedule", "heavy-tailed noise stays as it is: leave out the schedule"
    if case.sgd is not None and case.sgd.momentum:
        yield (
            "sgd.momentum",
            f"must be 0 under heavy-tailed noise, got {case.sgd.momentum:g}: what momentum makes "
            "of its jumps is not solved for",
        )


def _strength(case: Case) -> Iterator[Mistake]:
    noise = case.noise
    if isinstance(noise, LevyNoise) and noise.sigma is not None and case.sgd is None:
        yield "noise.sigma", "needs the learning rate: give a table [sgd], or scale instead"


def _methods(case: Case) -> Iterator[Mistake]:
    if case.evolve is not None and case.evolve.method == "ensemble":
        yield (
            "evolve.method",
            "walkers under heavy-tailed noise are followed in a [[passage]] only: leave it out, "
            "the density is solved for",
        )
    elif case.evolve is not None and case.evolve.method != "auto":
        yield (
            "evolve.method",
            f'heavy-tailed noise has one method: expects "auto", got {show(case.evolve.method)}',
        )
    if case.ensemble is not None and case.ensemble.dynamics != "sde":
        yield (
            "ensemble.dynamics",
            f'heavy-tailed walkers follow the equation: expects "sde", got '
            f"{show(case.ensemble.dynamics)}",
        )
    if case.selection is not None:
        yield (
            "selection",
            "its theories are those of Gaussian noise: ask for [stationary] and [rates]",
        )
    for name, usual in WEIGHTS.items():
        weight = getattr(getattr(case, name), "weight", usual)
        if weight != usual:
            yield f"{name}.weight", _weightless(weight)


def _weightless(weight: str) -> str:
    return f"heavy-tailed noise has no link weights: leave out {show(weight)}"


def _places(case: Case) -> Iterator[Mistake]:
    axis = case.grid.x
    for k, x in enumerate((case.stationary and case.stationary.points) or ()):
        if not axis.min <= x <= axis.max:
            yield (
                f"stationary.points.{k}",
                f"lies outside the grid, x from {axis.min:g} to {axis.max:g}, got {x:g}",
            )


def _passage(table: PassageTable, key: str) -> Iterator[Mistake]:
    if table.reactive:
        yield (
            f"{key}.reactive",
            "a jump has no path, and so no reactive current: leave it out; committor and landing "
            "are found where they exist",
        )
    if table.weight != "midpoint":
        yield f"{key}.weight", _weightless(table.weight)
