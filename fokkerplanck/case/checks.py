"""Rules that join several tables of a case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from fokkerplanck.case.ensemble_tables import ensemble_mistakes
from fokkerplanck.case.levy_checks import components_mistakes, levy_mistakes
from fokkerplanck.case.messages import Mistake, nearest, show
from fokkerplanck.case.models import Case, DeltaStart, GaussianStart, StationaryStart, TimesTable
from fokkerplanck.case.passage_checks import passage_mistakes
from fokkerplanck.case.sgd_tables import changes_in_time, sgd_mistakes
from fokkerplanck.case.underdamped_checks import underdamped_mistakes

__all__ = ["RESULTS", "mistakes_in", "output_bytes"]

#: first parts of the quantities that `run` reports, and the table each one needs
RESULTS: dict[str, str | None] = {
    "dynamics": None,
    "mass_error": None,
    "minimum_density": None,
    "landscape": None,
    "noise": None,
    "sgd": None,
    "evolve": "evolve",
    "stationary": "stationary",
    "passage": "passage",
    "spectrum": "spectrum",
    "spectrum_modes": "spectrum",
    "rates": "rates",
    "selection": "selection",
    "quasi_stationary": "quasi_stationary",
    "wall_seconds": None,
}
#: tables that a case may have several of, and how each is called
NAMED: dict[str, Callable[[Any], str]] = {
    "passage": lambda table: table.name,
    "quasi_stationary": lambda table: table.label,
}
LARGEST_OUTPUT = 4 * 2**30
MOST_CELLS = 2**24
#: cells in v of underdamped motion where none are given
VELOCITIES = 128
ONLY_PLANE = ("mueller-brown",)
ONLY_LINE = ("tridiagonal",)


def mistakes_in(case: Case) -> list[Mistake]:
    """All that is wrong with a case whose tables are right one by one."""
    rules = {"heavy-tailed": HEAVY_TAILED, "underdamped": UNDERDAMPED}.get(case.motion, RULES)
    return [mistake for rule in rules for mistake in rule(case)]


def output_bytes(case: Case) -> int:
    """Size of the densities and currents of all snapshots, before compression."""
    times = case.evolve.times if case.evolve else ()
    snapshots = times.count if isinstance(times, TimesTable) else len(times)
    dim = case.dim + case.underdamped
    return 8 * _cells(case) * (1 + dim) * (snapshots + 1)


def _cells(case: Case) -> int:
    in_v = case.grid.v.cells if case.grid.v else VELOCITIES
    return prod(axis.cells for axis in case.grid.axes) * (in_v if case.underdamped else 1)


def _something_to_do(case: Case) -> Iterator[Mistake]:
    rates = (case.rates, case.selection)
    escape = (case.passage, case.spectrum, case.quasi_stationary, *rates)
    if not any(
        table is not None and table != () for table in (case.evolve, case.stationary, *escape)
    ):
        tables = "[evolve], [stationary], [[passage]], [spectrum], [rates], [selection] or "
        tables += "[[quasi_stationary]]"
        yield "evolve", f"nothing to compute: the case needs a table {tables}"
    if case.evolve is not None and case.initial is None:
        yield "initial", "missing table [initial]: [evolve] starts from a density"


def _size(case: Case) -> Iterator[Mistake]:
    if _cells(case) > MOST_CELLS:
        yield "grid", f"has {_cells(case):.3g} cells; at most {MOST_CELLS} are allowed"
    elif output_bytes(case) > LARGEST_OUTPUT:
        size = output_bytes(case) / 2**30
        limit = LARGEST_OUTPUT // 2**30
        yield (
            "evolve.times",
            f"the snapshots would take {size:.3g} GiB ({_cells(case)} cells, density and current "
            f"at each time); at most {limit} GiB are allowed: ask for fewer times or cells",
        )


def _velocities(case: Case) -> Iterator[Mistake]:
    if case.grid.v is not None:
        yield "grid.v", 'velocities need [dynamics] of kind "underdamped"; leave out v, or give y'


def _landscape(case: Case) -> Iterator[Mistake]:
    table = case.landscape
    if table.translate is not None:
        yield from _length(table.translate, case.dim, "landscape.translate")
    if case.dim == 2:
        return
    for key in ("shear", "rotate"):
        if getattr(table, key) is not None:
            yield f"landscape.{key}", "needs a plane, but the grid has no y"
    if table.kind in ONLY_PLANE:
        yield "landscape.kind", f"{show(table.kind)} is a landscape of x and y; give grid.y"


def _noise(case: Case) -> Iterator[Mistake]:
    if case.noise.kind == "tensor" and len(case.noise.D) != case.dim:
        n, m = len(case.noise.D), case.dim
        yield "noise.D", f"is {n} x {n}, but the grid is {m}-D and needs {m} x {m} entries"
    drift = case.dynamics.drift
    if not isinstance(drift, str) and len(drift.force) != case.dim:
        yield (
            "dynamics.drift.force",
            f"has {len(drift.force)} entries, but the grid is {case.dim}-D and needs {case.dim}",
        )


def _start(case: Case) -> Iterator[Mistake]:
    start = case.initial
    if isinstance(start, StationaryStart):
        yield from _absorbing(case, "initial.kind")
    if not isinstance(start, (GaussianStart, DeltaStart)):
        return
    yield from _length(start.mean, case.dim, "initial.mean")
    if len(start.mean) == case.dim:
        for k, axis in enumerate(case.grid.axes):
            if not axis.min <= start.mean[k] <= axis.max:
                yield (
                    f"initial.mean.{k}",
                    f"lies outside the grid [{axis.min}, {axis.max}], got {start.mean[k]}",
                )
    if isinstance(start, GaussianStart):
        if start.std is not None:
            yield from _length(start.std, case.dim, "initial.std")
        else:
            yield from _covariance(start.covariance or (), case.dim)


def _length(values: Sequence[float], dim: int, key: str) -> Iterator[Mistake]:
    if len(values) != dim:
        entries = "1 entry, for x" if dim == 1 else "2 entries, for x and y"
        yield key, f"needs {entries}, got {show(values)}"


def _covariance(rows: Sequence[Sequence[float]], dim: int) -> Iterator[Mistake]:
    key = "initial.covariance"
    if len(rows) != dim:
        yield key, f"needs {dim} x {dim} entries on this grid, got {show(rows)}"
        return
    matrix = np.array(rows)
    if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0):
        yield key, f"must be symmetric, got {show(rows)}"
        return
    eigenvalues = np.linalg.eigvalsh(matrix)
    if eigenvalues[0] <= 0:
        values = ", ".join(f"{v:.6g}" for v in eigenvalues)
        yield key, f"must be positive definite, got {show(rows)} with eigenvalues {values}"


def _moments(case: Case) -> Iterator[Mistake]:
    for key in ("points", "frequencies"):
        if case.stationary is not None and getattr(case.stationary, key) is not None:
            yield (
                f"stationary.{key}",
                "belong to overdamped motion: leave them out, the density is in the file",
            )


def _places(case: Case) -> Iterator[Mistake]:
    """Points and frequencies: of the right number of coordinates, and on the grid."""
    for key in ("points", "frequencies"):
        given = case.stationary and getattr(case.stationary, key)
        for k, place in enumerate(given or ()):
            where = (place,) if isinstance(place, float) else place
            if len(where) != case.dim:
                words = "a number" if case.dim == 1 else "a pair of numbers, for x and y"
                yield f"stationary.{key}.{k}", f"needs {words}, got {show(place)}"
            elif key == "points":
                yield from _on_grid(case, where, f"stationary.points.{k}")


def _on_grid(case: Case, point: Sequence[float], key: str) -> Iterator[Mistake]:
    for name, axis, c in zip("xy", case.grid.axes, point, strict=False):
        if not axis.min <= c <= axis.max:
            yield key, f"lies outside the grid, {name} from {axis.min:g} to {axis.max:g}, got {c:g}"


def _stationary(case: Case) -> Iterator[Mistake]:
    if case.stationary is not None:
        yield from _absorbing(case, "stationary")
        if changes_in_time(case):
            yield (
                "stationary",
                "does not exist under a noise that changes in time; remove noise.schedule or "
                "[stationary]",
            )


def _absorbing(case: Case, key: str) -> Iterator[Mistake]:
    walls = [w for axis in case.grid.axes for w in axis.walls]
    if "absorbing" in walls:
        yield key, "there is no stationary density where a wall absorbs; see grid.x.walls"


def _method(case: Case) -> Iterator[Mistake]:
    if case.evolve is None or case.evolve.method == "auto":
        return
    from fokkerplanck.solvers.evolve import METHODS

    method, known = case.evolve.method, dict.fromkeys(("auto", *METHODS, "ensemble"))
    if method not in known:
        yield (
            "evolve.method",
            f"unknown method {show(method)}{nearest(method, known)} (known: {', '.join(known)})",
        )
    elif method in ONLY_LINE and case.dim == 2:
        yield "evolve.method", f"{show(method)} needs a 1-D grid"


def _expectations(case: Case) -> Iterator[Mistake]:
    for k, expected in enumerate(case.expect):
        first = expected.quantity.split(".")[0]
        key = f"expect.{k}.quantity"
        if first not in RESULTS:
            known = ", ".join(RESULTS)
            yield key, f"unknown quantity {show(first)}{nearest(first, RESULTS)} (known: {known})"
        elif (table := RESULTS[first]) and not getattr(case, table):
            brackets = f"[[{table}]]" if table in NAMED else f"[{table}]"
            yield key, f"{show(expected.quantity)} needs a table {brackets}"
        elif first in NAMED:
            yield from _names_a_table(case, expected.quantity, key)


def _names_a_table(case: Case, quantity: str, key: str) -> Iterator[Mistake]:
    kind, _, rest = quantity.partition(".")
    names = [NAMED[kind](table) for table in getattr(case, kind)]
    if not any(rest == name or rest.startswith(f"{name}.") for name in names):
        given = rest.partition(".")[0]
        known = ", ".join(names)
        yield key, f"no {kind} is called {show(given)}{nearest(given, names)} (known: {known})"


RULES: tuple[Callable[[Case], Iterator[Mistake]], ...] = (
    _something_to_do,
    _size,
    _velocities,
    _landscape,
    _noise,
    components_mistakes,
    sgd_mistakes,
    _start,
    _places,
    _stationary,
    passage_mistakes,
    ensemble_mistakes,
    _method,
    _expectations,
)
#: the same for underdamped motion
UNDERDAMPED: tuple[Callable[[Case], Iterator[Mistake]], ...] = (
    _something_to_do,
    _size,
    _landscape,
    sgd_mistakes,
    _moments,
    underdamped_mistakes,
    _expectations,
)
#: the same for heavy-tailed noise
HEAVY_TAILED: tuple[Callable[[Case], Iterator[Mistake]], ...] = (
    _something_to_do,
    _size,
    _velocities,
    _landscape,
    sgd_mistakes,
    _start,
    _places,
    _stationary,
    passage_mistakes,
    ensemble_mistakes,
    levy_mistakes,
    _expectations,
)
