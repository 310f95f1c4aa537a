"""Rules that join the tables of a case of heavy-tailed noise: what it needs and cannot have."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fokkerplanck.case.messages import Mistake, show
from fokkerplanck.case.models import Case
from fokkerplanck.case.noise_tables import LevyNoise
from fokkerplanck.case.passage_tables import PassageTable

__all__ = ["components_mistakes", "levy_mistakes"]

#: fewest cells on a line and along an axis of a plane, copies of the bounds in `fokkerplanck.levy`
#: and `levy_plane`, which are heavier; most that were tried, in the plane of all
FEWEST, MOST = (32, 16), (65_536, 2**20)
#: what is not solved for in the plane
ONLY_LINE = ("rates", "quasi_stationary")
#: link weights are those of Gaussian noise: only the default is let pass
WEIGHTS = {"evolve": "fitted", "stationary": "midpoint", "spectrum": "midpoint"}


def levy_mistakes(case: Case) -> Iterator[Mistake]:
    """All that a case of heavy-tailed noise asks for and cannot have."""
    yield from _axes(case)
    yield from components_mistakes(case)
    yield from _motion(case)
    yield from _strength(case)
    yield from _methods(case)
    for k, table in enumerate(case.passage):
        yield from _passage(table, f"passage.{k}", case.dim)


def components_mistakes(case: Case) -> Iterator[Mistake]:
    """Find components and scales that do not fit the grid or each other; also at alpha = 2."""
    noise = case.noise
    if not isinstance(noise, LevyNoise):
        return
    if case.dim == 1 and noise.components is not None:
        yield "noise.components", "belong to the plane: leave them out, or give grid.y"
    if isinstance(noise.scale, tuple):
        if case.dim == 1:
            yield "noise.scale", f"expects a number on a line, got {show(noise.scale)}"
        elif noise.components != "independent":
            yield (
                "noise.scale",
                'a pair belongs to components = "independent"; isotropic noise has one number, got '
                f"{show(noise.scale)}",
            )


def _axes(case: Case) -> Iterator[Mistake]:
    fewest, most = FEWEST[case.dim - 1], MOST[case.dim - 1]
    cells = [axis.cells for axis in case.grid.axes]
    for name, axis in zip("xy", case.grid.axes, strict=False):
        if "periodic" in axis.walls:
            yield (
                f"grid.{name}.walls",
                "walls reflect or absorb under heavy-tailed noise, got periodic ones: a jump goes "
                "round a ring any number of times",
            )
        if axis.cells < fewest:
            yield (
                f"grid.{name}.cells",
                f"must be >= {fewest} under heavy-tailed noise, got {axis.cells}",
            )
    if prod(cells) > most:
        key = "grid.x.cells" if case.dim == 1 else "grid"
        words = "must be" if case.dim == 1 else "cells in all must be"
        yield key, f"{words} <= {most} under heavy-tailed noise, got {prod(cells)}"


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
    if case.evolve is not None and case.evolve.method not in ("auto", "ensemble"):
        yield (
            "evolve.method",
            'heavy-tailed noise is solved for or sampled: expects "auto" or "ensemble", got '
            f"{show(case.evolve.method)}",
        )
    for name in ONLY_LINE if case.dim == 2 else ():
        if getattr(case, name):
            yield name, "not solved for in the plane under heavy-tailed noise: leave it out"
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


def _passage(table: PassageTable, key: str, dim: int) -> Iterator[Mistake]:
    if table.reactive:
        yield (
            f"{key}.reactive",
            "a jump has no path, and so no reactive current: leave it out; committor and landing "
            "are found where they exist",
        )
    if table.weight != "midpoint":
        yield f"{key}.weight", _weightless(table.weight)
    if dim == 2 and table.survival and table.method != "ensemble":
        yield (
            f"{key}.survival",
            "the distribution of the time is not solved for in the plane under heavy-tailed noise: "
            'leave it out, or take method = "ensemble"',
        )
