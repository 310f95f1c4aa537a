"""Two snapshots, and the table of distances between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid

if TYPE_CHECKING:
    from fokkerplanck.compare_sampling import SampledDistances

__all__ = ["METRICS", "Comparison", "Snapshot"]

Array = NDArray[np.float64]

#: Name in JSON and on the command line -> what it is.
METRICS = {
    "tv": "total variation",
    "l1": "L1",
    "l2": "L2",
    "kl": "KL(a|b)",
    "kl_reverse": "KL(b|a)",
    "hellinger": "Hellinger",
    "w1": "Wasserstein 1",
    "w2": "Wasserstein 2",
    "mean": "difference of means",
    "covariance": "difference of covariances (Frobenius)",
    "basin_masses": "largest difference of a basin mass",
    "mass": "difference of masses",
    "max_current_difference": "largest difference of currents",
    "relative_current_difference": "the same, over the largest current",
}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One density, and what is known beside it.

    Parameters
    ----------
    grid : Grid
        Its grid.
    density : ndarray, shape (*shape,)
        Density per volume.
    current : ndarray, shape (*shape, dim), optional
        Probability current at cell centres.
    loss : ndarray, shape (*shape,), optional
        The loss at cell centres, whose basins are compared.
    time : float, optional
        When; None for a stationary density.
    label : str
        Where it comes from.
    walkers, seed : int, optional
        Of an ensemble; None for a density that was solved for.
    """

    grid: Grid
    density: Array
    current: Array | None = None
    loss: Array | None = None
    time: float | None = None
    label: str = ""
    walkers: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if np.shape(self.density) != self.grid.shape:
            msg = f"a density on this grid has shape {self.grid.shape}, got {self.density.shape}"
            raise CaseError(msg)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Distances between two snapshots.

    Parameters
    ----------
    metrics : dict
        Name (see `METRICS`) -> value; None where there is none, as `notes` says.
    errors : dict
        Name -> absolute error of the value, for the few that are not exact.
    notes : tuple of str
        What a reader must know beside the numbers.
    details : dict
        Vectors and matrices behind the scalar metrics.
    tolerances : dict
        Name -> largest value that passes.
    labels, times : tuple
        Where the two come from, and when.
    sampling : SampledDistances or None
        What sampling alone would give, where at least one is an ensemble.
    """

    metrics: dict[str, float | None]
    errors: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    tolerances: dict[str, float] = field(default_factory=dict)
    labels: tuple[str, str] = ("a", "b")
    times: tuple[float | None, float | None] = (None, None)
    sampling: SampledDistances | None = None

    @property
    def failed(self) -> tuple[str, ...]:
        """Metrics beyond their tolerance; one without a value cannot pass."""
        return tuple(
            name for name, most in self.tolerances.items() if not _within(self.metrics[name], most)
        )

    @property
    def passed(self) -> bool:
        """Whether all tolerances are met."""
        return not self.failed

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Table rows: name, meaning, value, tolerance, verdict."""
        return [
            (
                name,
                METRICS[name],
                _number(value, self.errors.get(name)),
                f"{self.tolerances[name]:g}" if name in self.tolerances else "",
                ("FAIL" if name in self.failed else "pass") if name in self.tolerances else "",
            )
            for name, value in self.metrics.items()
        ]

    def table(self) -> str:
        """Plain text table, for a terminal."""
        header = ("metric", "meaning", "value", "tolerance", "")
        rows = [header, *self.rows()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        names = [f"{n}: {_described(*pair)}" for n, pair in zip("ab", self._ends(), strict=True)]
        sampled = [] if self.sampling is None else ["", *self.sampling.lines()]
        return "\n".join([*names, "", *lines, *(f"note: {n}" for n in self.notes), *sampled])

    def json(self) -> dict[str, Any]:
        """Metric names to numbers (null where infinite or unknown), then the rest."""
        return {
            **self.metrics,
            "errors": self.errors,
            "details": self.details,
            "notes": list(self.notes),
            "tolerances": self.tolerances,
            "failed": list(self.failed),
            "passed": self.passed,
            "labels": list(self.labels),
            "times": list(self.times),
            "sampling": None if self.sampling is None else self.sampling.json(),
        }

    def _ends(self) -> list[tuple[str, float | None]]:
        return list(zip(self.labels, self.times, strict=True))

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in self.rows()
        )
        head = "<tr><th>metric</th><th>meaning</th><th>value</th><th>tolerance</th><th></th></tr>"
        said = self.notes if self.sampling is None else (*self.notes, *self.sampling.lines())
        notes = "".join(f"<p>{note}</p>" for note in said)
        return f"<table>{head}{body}</table>{notes}"


def _within(value: float | None, most: float) -> bool:
    return value is not None and value <= most


def _number(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" + (f" ± {error:.1g}" if error else "")


def _described(label: str, time: float | None) -> str:
    return f"{label}, stationary" if time is None else f"{label} at t = {time:g}"
