"""What a run observes as it goes, and its JSON object at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import observe
from fokkerplanck.layout import Group
from fokkerplanck.sgd_record import clock_json

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes.base import OnGrid
    from fokkerplanck.landscapes.critical import CriticalPoint
    from fokkerplanck.problem import Problem
    from fokkerplanck.sgd_settings import SGD

__all__ = ["Record", "critical_json", "plain", "wells"]

Array = NDArray[np.float64]
#: per-snapshot observables: name -> (further dimensions, long name)
Observables = dict[str, tuple[tuple[str, ...], str]]
OBSERVED: Observables = {
    "mean": (("component",), "mean position"),
    "covariance": (("row", "column"), "covariance of the position"),
    "basin_masses": (("basin",), "probability in each basin of attraction"),
    "entropy": ((), "differential entropy"),
}


@dataclass
class Record:
    """Observables of the snapshots so far.

    Parameters
    ----------
    problem : Problem, or of another dynamics
        Gives the grid and the landscape.
    labels : ndarray of int, shape (*shape,)
        Basin of each cell, numbered as the minima of the landscape.
    count : int
        Number of basins, at least 1.
    sgd : SGD or None
        Clock of steps and epochs.
    """

    OBSERVED: ClassVar[Observables] = OBSERVED

    problem: OnGrid
    labels: NDArray[np.integer]
    count: int
    sgd: SGD | None = None
    times: list[float] = field(default_factory=list)
    scalars: list[Mapping[str, Any]] = field(default_factory=list)
    observed: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.observed = {name: [] for name in self.OBSERVED}

    @classmethod
    def of(cls, problem: Problem) -> Record:
        """Make an empty record."""
        from fokkerplanck.landscapes.critical import basin_labels

        labels, minima = basin_labels(problem.landscape, problem.grid)
        return cls(problem, labels, max(len(minima), 1), problem.sgd)

    def add(self, time: float, density: Array, scalars: Mapping[str, Any]) -> None:
        """Observe one snapshot; `scalars` are those of `fokkerplanck.layout.SCALARS`.

        Nothing is added before all is known: an interruption may come at any moment.
        """
        for name, value in self._observe(density).items():
            del self.observed[name][len(self.times) :]
            self.observed[name].append(value)
        self.scalars.append(scalars)
        self.times.append(time)

    def correct(self, k: int, better: Mapping[str, Array]) -> None:
        """Replace observables of snapshot k that are known better than from its cells."""
        for name, value in better.items():
            self.observed[name][k] = value.tolist()

    @property
    def grid(self) -> Grid:
        """Grid of the densities."""
        return self.problem.grid

    @property
    def mass_error(self) -> float | None:
        """Largest ``|mass - 1|``; where walls absorb, the largest growth of mass."""
        masses = np.array([s["mass"] for s in self.scalars])
        if not masses.size:
            return None
        if any("absorbing" in axis.walls for axis in self.grid.axes):
            return float(np.diff(masses, prepend=1.0).max(initial=0.0))
        return float(np.abs(masses - 1.0).max())

    @property
    def minimum(self) -> float | None:
        """Smallest density of all snapshots."""
        return min((float(s["minimum"]) for s in self.scalars), default=None)

    def evolve(self, weight: str) -> dict[str, Any]:
        """Part "evolve" of the JSON object."""
        methods = [str(s["method"]) for s in self.scalars]
        last = self.scalars[-1] if self.scalars else {}
        return {
            "times": self.times,
            **self.observed,
            **{k: [s[k] for s in self.scalars] for k in ("mass", "minimum")},
            "method": " + ".join(dict.fromkeys(methods)),
            "methods": methods,
            "weight": weight,
            **clock_json(self.sgd, self.times),
            "time_error": last.get("time_error"),
            "time_errors": [s["time_error"] for s in self.scalars],
            **{k: last.get(k) for k in ("clipped", "products", "solves")},
        }

    def stationary(self, found: Any) -> dict[str, Any]:
        """Part "stationary" of the JSON object, of a `Stationary`."""
        return {
            "entropy_production": found.entropy_production,
            "irreversibility": found.irreversibility,
            "residual": found.residual,
            "weight": found.weight,
            "mean_climb": found.mean_climb,
            "minimum": float(found.density.min()),
            **self._observe(found.density),
        }

    def group(self, saved: int) -> Group:
        """Group ``/observables`` of a file that holds so many snapshots."""
        n = min(len(self.times), saved)
        arrays = {}
        for name, (dims, long_name) in self.OBSERVED.items():
            values = np.array(self.observed[name][:n], dtype=np.float64)  # None becomes nan
            arrays[name] = (values, ("time", *dims), long_name)
        for name, values in clock_json(self.sgd, self.times[:n]).items():
            if values is not None:
                arrays[name] = (values, ("time",), f"{name} of SGD so far")
        return Group(arrays, {})

    def _observe(self, density: Array) -> dict[str, Any]:
        grid = self.grid
        masses = observe.basin_masses(self.labels, self.count, grid, density)
        return {
            "mean": observe.mean(grid, density).tolist(),
            "covariance": observe.covariance(grid, density).tolist(),
            "basin_masses": masses.tolist(),
            "entropy": observe.entropy(grid, density),
        }


def wells(problem: OnGrid) -> dict[str, Any]:
    """Part "landscape" of the JSON object: minima, in the order of the basins, and saddles."""
    from fokkerplanck.landscapes.critical import critical_points

    points = critical_points(problem.landscape, problem.grid)
    return {
        "minima": [critical_json(p) for p in points if p.kind == "minimum"],
        "saddles": [critical_json(p) for p in points if p.kind == "saddle"],
    }


def critical_json(point: CriticalPoint) -> dict[str, Any]:
    """Critical point as a part of the JSON object."""
    return {
        "position": point.position.tolist(),
        "loss": point.loss,
        "curvatures": point.eigenvalues.tolist(),
    }


def plain(value: Any) -> Any:
    """Python values that strict JSON can hold: arrays become lists, nan and infinity None."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
