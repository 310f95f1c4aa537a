"""How far two densities are apart, in every metric at once, with tolerances."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import distances
from fokkerplanck.compare_sampling import sampled_distances
from fokkerplanck.comparison import METRICS, Comparison, Snapshot
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.regrid import common_grid, regrid, regrid_vectors
from fokkerplanck.store import VELOCITY

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = [
    "METRICS",
    "Comparison",
    "Snapshot",
    "compare",
    "compare_files",
    "of_one_kind",
    "parse_tolerances",
    "snapshot",
]

Array = NDArray[np.float64]

#: Masses further apart than this are worth a note.
MASS_NOTE = 1e-9


def compare(
    a: Snapshot,
    b: Snapshot,
    *,
    tolerances: Mapping[str, float] | None = None,
    resolution: str = "coarser",
) -> Comparison:
    """Compare two densities.

    Parameters
    ----------
    a, b : Snapshot
        On grids of one dimension; of a density in (x, v) beside one in x, the velocities are
        summed over. On different grids both are first moved, keeping mass and
        positivity, to a common one (see `fokkerplanck.regrid.common_grid`).
    tolerances : mapping, optional
        Largest value that passes, by metric.
    resolution : str
        ``"coarser"`` or ``"finer"``: which grid is the common one.

    Returns
    -------
    Comparison
        Divergences, Wasserstein distances and moments are those of the normalised densities.

    Raises
    ------
    CaseError
        If the dimensions differ, a density has no mass, or a tolerance names no metric.
    """
    bounds = {_known(name): float(value) for name, value in (tolerances or {}).items()}
    a, b, notes = of_one_kind(a, b)
    grids = a.grid, b.grid
    a, b, more = _on_one_grid(a, b, resolution)
    notes += more
    pair = a.density, b.density, a.grid
    away = distances.wasserstein_pair(*pair)
    metrics: dict[str, float | None] = {
        "tv": distances.total_variation(*pair),
        "l1": distances.l1(*pair),
        "l2": distances.l2(*pair),
        "kl": distances.kl(*pair),
        "kl_reverse": distances.kl(b.density, a.density, a.grid),
        "hellinger": distances.hellinger(*pair),
        "w1": away[0].value,
        "w2": away[1].value,
    }
    found = Comparison(
        metrics,
        errors={f"w{k}": d.error for k, d in zip((1, 2), away, strict=True) if d.error},
        notes=tuple(notes),
        tolerances=bounds,
        labels=(a.label or "a", b.label or "b"),
        times=(a.time, b.time),
        sampling=sampled_distances(a, b, moved=any(g != a.grid for g in grids)),
    )
    for add in (_moments, _basins, _masses, _currents):
        found = add(found, a, b)
    return _finite(found)


def compare_files(
    first: str | Path,
    second: str | Path,
    *,
    at: float | str | None = None,
    tolerances: Mapping[str, float] | None = None,
    resolution: str = "coarser",
) -> Comparison:
    """Compare a snapshot of each of two result files.

    Parameters
    ----------
    first, second : str or Path
        Results of ``run``.
    at : float or str, optional
        A time that both files hold, or ``"stationary"``; the last snapshot of each if left out
        (the stationary density where a file has no snapshots).
    tolerances, resolution
        As for `compare`.

    Raises
    ------
    CaseError
        If a file holds no such snapshot; the message lists its times.
    DataError
        If a file cannot be read.
    """
    from fokkerplanck.store import read

    for name in tolerances or {}:
        _known(name)
    with read(first) as a, read(second) as b:
        return compare(
            snapshot(a, at), snapshot(b, at), tolerances=tolerances, resolution=resolution
        )


def snapshot(result: StoredResult, at: float | str | None = None) -> Snapshot:
    """Take one snapshot out of an open result; `at` as for `compare_files`."""
    common = {"grid": result.grid, "loss": result.relief, "label": str(result.path)}
    if at == "stationary" or (at is None and result.times.size == 0):
        held = result.stationary
        if held is None:
            msg = "no stationary density in this file"
            if at is None:
                msg = "holds no density to compare: the case needs [evolve] or [stationary]"
            raise CaseError(msg, file=str(result.path))
        return Snapshot(density=held.density, current=held.current, **common)  # type: ignore[arg-type]
    k = -1 if at is None else result.index_of(_time(at))
    time, walkers = float(result.times[k]), result.walkers
    seed = None if walkers is None else _seed(result)
    drawn = {"walkers": walkers, "seed": seed, **common}
    return Snapshot(density=result.density(k), current=result.current(k), time=time, **drawn)  # type: ignore[arg-type]


def _seed(result: StoredResult) -> int:
    """Seed of an ensemble, from its case."""
    return int(tomllib.loads(result.case_text).get("ensemble", {}).get("seed", 0))


def parse_tolerances(items: Sequence[str]) -> dict[str, float]:
    """Read ``metric=value`` pairs of the command line; `CaseError` on what is not one."""
    out = {}
    for item in items:
        name, equals, text = item.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (equals and value >= 0):
            msg = f"expects METRIC=VALUE with a value >= 0, got {item!r}"
            raise CaseError(msg, key="--tol")
        out[_known(name.strip())] = value
    return out


def _known(name: str) -> str:
    if name in METRICS:
        return name
    near = difflib.get_close_matches(name.lower(), METRICS, n=1, cutoff=0.0)
    msg = f"unknown metric {name!r}; did you mean {near[0]!r}? Known: {', '.join(METRICS)}"
    raise CaseError(msg, key="--tol")


def _time(at: float | str) -> float:
    try:
        return float(at)
    except ValueError:
        msg = f'expects a time or "stationary", got {at!r}'
        raise CaseError(msg, key="--at") from None


def of_one_kind(a: Snapshot, b: Snapshot) -> tuple[Snapshot, Snapshot, list[str]]:
    """Sum over the velocities of one snapshot where the other has none."""
    names = a.grid.names, b.grid.names
    if names[0] == names[1] or VELOCITY not in (names[0][-1], names[1][-1]):
        return a, b, []
    plane = next(s for s in (a, b) if s.grid.names[-1] == VELOCITY)
    other = b if plane is a else a
    if other.grid.dim != 1:
        msg = (
            f"a density in {' and '.join(plane.grid.names)} and one in "
            f"{' and '.join(other.grid.names)} have no common ground; densities in x and v can be "
            "compared with each other, or with one in x"
        )
        raise CaseError(msg, file=other.label or None)
    note = (
        f"{'a' if plane is a else 'b'} is in x and v: summed over v; without inertia time runs "
        "faster, t there is friction times t here"
    )
    pair = tuple(_marginal(s) if s is plane else s for s in (a, b))
    return *pair, [note]  # type: ignore[return-value]


def _marginal(s: Snapshot) -> Snapshot:
    """Density and current in x of a snapshot in (x, v)."""
    h = s.grid.spacing[1]
    # of the energy of a place the least is its loss, up to a constant
    loss = None if s.loss is None else s.loss.min(axis=1)
    current = None if s.current is None else s.current[..., :1].sum(axis=1) * h
    grid, density = Grid(s.grid.axes[:1]), s.density.sum(axis=1) * h
    return replace(s, grid=grid, density=density, current=current, loss=loss)


def _on_one_grid(a: Snapshot, b: Snapshot, resolution: str) -> tuple[Snapshot, Snapshot, list[str]]:
    grid = common_grid(a.grid, b.grid, resolution)
    notes = []
    if a.grid.shape != b.grid.shape or grid.shape != a.grid.shape:
        sizes = [" x ".join(map(str, g.shape)) for g in (a.grid, b.grid, grid)]
        notes.append(f"grids of {sizes[0]} and {sizes[1]} cells, compared on {sizes[2]}")
    return _moved(a, grid), _moved(b, grid), notes


def _moved(s: Snapshot, grid: Grid) -> Snapshot:
    if s.grid == grid:
        return s
    current = None if s.current is None else regrid_vectors(s.current, s.grid, grid)
    density = regrid(s.density, s.grid, grid).density
    # basins are those of the loss on its own grid; they are moved as parts of the density
    return replace(s, grid=grid, density=density, current=current, loss=_moved_loss(s, grid))


def _moved_loss(s: Snapshot, grid: Grid) -> Array | None:
    """Loss at the new centres, where the old grid covers them all."""
    if s.loss is None:
        return None
    inside = all(
        old.min <= new.centres[0] and new.centres[-1] <= old.max
        for old, new in zip(s.grid.axes, grid.axes, strict=True)
    )
    if not inside:
        return None
    from scipy.interpolate import RegularGridInterpolator

    axes = [axis.centres for axis in s.grid.axes]
    at = RegularGridInterpolator(axes, s.loss, bounds_error=False, fill_value=None)
    return np.asarray(at(grid.points()))


def _moments(found: Comparison, a: Snapshot, b: Snapshot) -> Comparison:
    (ma, sa), (mb, sb) = (_mean_covariance(s) for s in (a, b))
    details = {"mean": (ma - mb).tolist(), "covariance": (sa - sb).tolist()}
    sizes = {"mean": float(np.linalg.norm(ma - mb)), "covariance": float(np.linalg.norm(sa - sb))}
    return _with(found, sizes, details)


def _mean_covariance(s: Snapshot) -> tuple[Array, Array]:
    mass = distances.masses(s.density, s.grid).ravel()
    x = s.grid.points().reshape(-1, s.grid.dim)
    mean = mass @ x
    y = x - mean
    return mean, (y * mass[:, None]).T @ y


def _basins(found: Comparison, a: Snapshot, b: Snapshot) -> Comparison:
    loss = a.loss if a.loss is not None else b.loss
    if loss is None:
        return _with(found, {"basin_masses": None}, note="no loss known: no basins to compare")
    from fokkerplanck.landscapes.critical import basins

    labels, _ = basins(loss, tuple(axis.periodic for axis in a.grid.axes))
    pa, pb = (
        np.bincount(labels.ravel(), distances.masses(s.density, s.grid).ravel()) for s in (a, b)
    )
    details = {"basin_masses": {"a": pa.tolist(), "b": pb.tolist()}}
    return _with(found, {"basin_masses": float(np.abs(pa - pb).max())}, details)


def _masses(found: Comparison, a: Snapshot, b: Snapshot) -> Comparison:
    difference = abs(a.grid.integrate(a.density) - b.grid.integrate(b.density))
    note = "masses differ; KL, Hellinger, Wasserstein and moments are of normalised densities"
    return _with(found, {"mass": difference}, note=note if difference > MASS_NOTE else None)


def _currents(found: Comparison, a: Snapshot, b: Snapshot) -> Comparison:
    if a.current is None or b.current is None:
        none: dict[str, float | None] = {
            "max_current_difference": None,
            "relative_current_difference": None,
        }
        return _with(found, none, note="currents are not known for both")
    most = _largest(a.current - b.current)
    scale = max(_largest(a.current), _largest(b.current))
    ratio = most / scale if scale > 0 else 0.0
    return _with(found, {"max_current_difference": most, "relative_current_difference": ratio})


def _largest(vectors: Array) -> float:
    return float(np.sqrt((vectors**2).sum(axis=-1)).max())


def _with(
    found: Comparison,
    metrics: Mapping[str, float | None],
    details: Mapping[str, Any] | None = None,
    note: str | None = None,
) -> Comparison:
    return replace(
        found,
        metrics={**found.metrics, **metrics},
        details={**found.details, **(details or {})},
        notes=(*found.notes, *([note] if note else [])),
    )


def _finite(found: Comparison) -> Comparison:
    """JSON knows no infinity: None and a note."""
    endless = [name for name, v in found.metrics.items() if v is not None and not math.isfinite(v)]
    metrics = {name: None if name in endless else v for name, v in found.metrics.items()}
    notes = [
        f"{name} is infinite: one density has mass where the other has none" for name in endless
    ]
    return replace(found, metrics=metrics, notes=(*found.notes, *notes))
