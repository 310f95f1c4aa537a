"""Rules that join the tables of a case of underdamped motion: what it needs and cannot have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fokkerplanck.case.messages import Mistake, show
from fokkerplanck.case.models import Case, DeltaStart, GaussianStart
from fokkerplanck.case.passage_tables import PassageTable
from fokkerplanck.case.set_tables import SetTable, set_mistakes

__all__ = ["underdamped_mistakes"]

#: tables that need overdamped motion, and what to do instead
ELSEWHERE = {
    "rates": "ask for [spectrum], whose slowest rate is the sum of both, or for a [[passage]] to "
    "the top of the barrier",
    "selection": "ask for [stationary], whose basin masses are the occupations",
    "quasi_stationary": "ask for a [[passage]] out of the well",
    "ensemble": "leave it out: densities and passage times are solved for",
}
#: noise that may be the same everywhere, with [sgd]
CONSTANT = ("white", "hessian", "covariance")
#: link weights are those of overdamped generators: only the default is let pass
WEIGHTS = {"evolve": "fitted", "stationary": "midpoint", "spectrum": "midpoint"}
FROM = "{ centre = [x] }, with thermal velocities, or { centre = [x, v] }"


def underdamped_mistakes(case: Case) -> Iterator[Mistake]:
    """All that a case of underdamped motion asks for and cannot have."""
    yield from _axes(case)
    yield from _parameters(case)
    for name, instead in ELSEWHERE.items():
        if getattr(case, name):
            yield name, f"needs overdamped dynamics: {instead}"
    yield from _methods(case)
    yield from _start(case)
    yield from _passages(case)


def _axes(case: Case) -> Iterator[Mistake]:
    if case.grid.y is not None:
        yield (
            "grid.y",
            "underdamped motion is solved on a line: the plane is that of position and velocity, "
            "grid.x and grid.v",
        )
    if "absorbing" in case.grid.x.walls:
        yield (
            "grid.x.walls",
            'walls reflect or are periodic in underdamped motion, got "absorbing"; for first '
            "passage through a point give a [[passage]] to it",
        )


def _parameters(case: Case) -> Iterator[Mistake]:
    friction, noise = getattr(case.dynamics, "friction", None), case.noise
    if friction is None and case.sgd is None:
        yield (
            "dynamics.friction",
            "missing key (a number > 0); or give a table [sgd] with a momentum, which has a "
            "friction of its own",
        )
    if friction is not None and case.sgd is not None:
        yield (
            "dynamics.friction",
            "momentum has a friction of its own, 1 - sgd.momentum: give friction or [sgd], one of "
            "the two",
        )
    if noise.reading != "ito":
        yield (
            "noise.reading",
            f'is "{noise.reading}", but noise on velocities is the same everywhere and all '
            'readings agree: expects "ito"',
        )
    if noise.schedule is not None:
        yield "noise.schedule", "needs overdamped dynamics: underdamped noise stays as it is"
    known = CONSTANT if case.sgd is not None else ("white",)
    if noise.kind not in known:
        words = " or ".join(f'"{kind}"' for kind in known)
        more = "" if case.sgd is not None else "; noise of SGD needs a table [sgd]"
        yield (
            "noise.kind",
            f"underdamped noise is one temperature: expects {words}, got {show(noise.kind)}{more}",
        )


def _methods(case: Case) -> Iterator[Mistake]:
    if case.evolve is not None and case.evolve.method != "auto":
        yield (
            "evolve.method",
            f'underdamped motion has one method: expects "auto", got {show(case.evolve.method)}',
        )
    for name, usual in WEIGHTS.items():
        weight = getattr(getattr(case, name), "weight", usual)
        if weight != usual:
            yield f"{name}.weight", _weightless(weight)


def _weightless(weight: str) -> str:
    return f"underdamped motion has no link weights: leave out {show(weight)}"


def _start(case: Case) -> Iterator[Mistake]:
    start = case.initial
    if not isinstance(start, (GaussianStart, DeltaStart)):
        return
    axes = [("x", case.grid.x), ("v", case.grid.v)]
    if len(start.mean) > 2:
        yield (
            "initial.mean",
            f"needs [x], with thermal velocities, or [x, v], got {_list(start.mean)}",
        )
        return
    for k, ((name, axis), c) in enumerate(zip(axes, start.mean, strict=False)):
        if axis is not None and not axis.min <= c <= axis.max:
            yield (
                f"initial.mean.{k}",
                f"lies outside the grid, {name} from {axis.min:g} to {axis.max:g}, got {c:g}",
            )
    if isinstance(start, GaussianStart):
        yield from _width(start)


def _width(start: GaussianStart) -> Iterator[Mistake]:
    n = len(start.mean)
    what = "1 entry, for x" if n == 1 else "2 entries, for x and v"
    if start.std is not None:
        if len(start.std) != n:
            yield "initial.std", f"needs {what}, as the mean, got {_list(start.std)}"
        return
    rows = start.covariance or ()
    if len(rows) != n:
        yield (
            "initial.covariance",
            f"needs {n} x {n} entries, as the mean has {n}, got {show(rows)}",
        )
        return
    matrix = np.array(rows)
    if not np.array_equal(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0:
        yield "initial.covariance", f"must be symmetric and positive definite, got {show(rows)}"


def _passages(case: Case) -> Iterator[Mistake]:
    names = [table.name for table in case.passage]
    for k, table in enumerate(case.passage):
        key = f"passage.{k}"
        if (first := names.index(table.name)) != k:
            yield f"{key}.name", f"{show(table.name)} is the name of passage {first} already"
        yield from _passage(case, table, key)


def _passage(case: Case, table: PassageTable, key: str) -> Iterator[Mistake]:
    yield from _from(case, table.from_, f"{key}.from")
    if isinstance(table.to, str):
        yield f"{key}.to", "no wall absorbs in underdamped motion: give a set of x that is reached"
    else:
        yield from set_mistakes(table.to, 1, f"{key}.to")
    if table.method == "ensemble":
        yield f"{key}.method", "needs overdamped dynamics: leave it out, the time is solved for"
    if table.reactive:
        yield f"{key}.reactive", "needs overdamped dynamics: leave it out"
    if table.weight != "midpoint":
        yield f"{key}.weight", _weightless(table.weight)


def _from(case: Case, table: SetTable, key: str) -> Iterator[Mistake]:
    if table.centre is None:
        yield key, f"underdamped passages start at a point: expects {FROM}"
    elif table.radius:
        yield f"{key}.radius", f"underdamped passages start at a point: expects {FROM}"
    elif len(table.centre) > 2:
        yield f"{key}.centre", f"expects {FROM}, got {_list(table.centre)}"


def _list(values: Sequence[float]) -> str:
    return show(list(values))
