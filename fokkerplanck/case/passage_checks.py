"""Rules that join the tables on escape with the others of a case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fokkerplanck.case.messages import Mistake, show
from fokkerplanck.case.models import Case
from fokkerplanck.case.passage_tables import PassageTable
from fokkerplanck.case.set_tables import set_mistakes
from fokkerplanck.case.sgd_tables import changes_in_time

__all__ = ["passage_mistakes"]

#: what has no meaning under a noise that changes in time, and why
TIMELESS = {
    "passage": "a mean passage time would depend on the time of the start",
    "spectrum": "there are no modes that decay at fixed rates",
    "rates": "there are no rates that stay the same",
    "selection": "no law of the wells is kept",
    "quasi_stationary": "no density keeps its shape",
}


def passage_mistakes(case: Case) -> Iterator[Mistake]:
    """All that is wrong with the tables on escape beside the other tables."""
    if changes_in_time(case):
        for name, why in TIMELESS.items():
            if getattr(case, name):
                yield name, f"{why} under a noise that changes in time; remove noise.schedule"
    if case.rates is not None and _absorbs(case):
        yield "rates", "wells have no rates where a wall absorbs: all is lost; see grid.x.walls"
    yield from _same_names("passage", [table.name for table in case.passage])
    yield from _same_names("quasi_stationary", [table.label for table in case.quasi_stationary])
    for k, table in enumerate(case.passage):
        yield from _one(case, table, f"passage.{k}")
    for k, asked in enumerate(case.quasi_stationary):
        yield from _place(case, asked.well, f"quasi_stationary.{k}.well")


def _same_names(kind: str, names: Sequence[str]) -> Iterator[Mistake]:
    for k, name in enumerate(names):
        if (first := names.index(name)) != k:
            yield f"{kind}.{k}.name", f"{show(name)} is the name of {kind} {first} already"


def _place(case: Case, point: Sequence[float], key: str) -> Iterator[Mistake]:
    if len(point) != case.dim:
        entries = "1 entry, for x" if case.dim == 1 else "2 entries, for x and y"
        yield key, f"needs {entries}, got {show(point)}"
        return
    for name, axis, c in zip("xy", case.grid.axes, point, strict=False):
        if not axis.min <= c <= axis.max:
            yield key, f"lies outside the grid, {name} from {axis.min:g} to {axis.max:g}, got {c:g}"


def _one(case: Case, table: PassageTable, key: str) -> Iterator[Mistake]:
    yield from set_mistakes(table.from_, case.dim, f"{key}.from")
    if not isinstance(table.to, str):
        yield from set_mistakes(table.to, case.dim, f"{key}.to")
    elif not _absorbs(case):
        yield f"{key}.to", 'needs a wall that absorbs: give one walls = "absorbing", see grid.x'
    if table.reactive and _absorbs(case):
        yield (
            f"{key}.reactive",
            "there is no stationary density where a wall absorbs, so no reactive current",
        )
    if table.weight == "quadrature" and case.dim == 2:
        yield f"{key}.weight", f'{show(table.weight)} needs a 1-D grid; expects "midpoint"'


def _absorbs(case: Case) -> bool:
    return any("absorbing" in axis.walls for axis in case.grid.axes)
