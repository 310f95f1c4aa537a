"""What sampling alone would put between two densities, and whether they agree within that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.comparison import Snapshot
from fokkerplanck.sampling import Agreement, chi_squared, expected_distances

__all__ = ["SampledDistances", "sampled_distances"]


@dataclass(frozen=True, eq=False)
class SampledDistances:
    """Distances that are expected of samples of one law, and a test of that.

    Parameters
    ----------
    walkers : pair of int or None
        Of both densities; None for one that was solved for.
    expected : dict
        Metric -> what sampling alone is expected to give.
    test : Agreement
        Pearson's chi-squared test of the counts in cells.
    note : str
        What the test does not know.
    """

    walkers: tuple[int | None, int | None]
    expected: Mapping[str, float]
    test: Agreement
    note: str

    def json(self) -> dict[str, Any]:
        """Part "sampling" of the JSON object."""
        finite = math.isfinite(self.test.statistic)
        return {
            "walkers": list(self.walkers),
            "expected": dict(self.expected),
            "chi_squared": self.test.statistic if finite else None,
            "degrees_of_freedom": self.test.freedom,
            "p": self.test.p,
            "agrees": self.test.agrees,
            "note": self.note,
        }

    def lines(self) -> list[str]:
        """Lines for a terminal."""
        shown = ", ".join(f"{name} {value:.3g}" for name, value in self.expected.items())
        test = f"chi-squared {self.test.statistic:.5g}, {self.test.freedom} degrees of freedom"
        lines = [f"sampling alone would give: {shown}", f"{self.test.text} ({test})"]
        return [*lines, *([f"note: {self.note}"] if self.note else [])]


def sampled_distances(a: Snapshot, b: Snapshot, *, moved: bool) -> SampledDistances | None:
    """Find what sampling gives; None where neither density is sampled.

    Parameters
    ----------
    a, b : Snapshot
        On one grid.
    moved : bool
        Whether one was moved to that grid, which no longer keeps counts.
    """
    walkers = a.walkers, b.walkers
    if walkers == (None, None):
        return None
    weights = [float(n or 0) if a.walkers and b.walkers else float(not n) for n in walkers]
    common = (weights[0] * a.density + weights[1] * b.density) / sum(weights)
    volume = a.grid.volume
    test = chi_squared(a.density * volume, b.density * volume, walkers)
    notes = []
    if moved:
        notes.append("counts were moved to another grid: the test is approximate")
    if a.walkers and b.walkers and a.seed == b.seed:
        notes.append("both ensembles have the same seed: their walkers may be alike")
    expected = expected_distances(np.asarray(common), a.grid, walkers)
    return SampledDistances(walkers, expected, test, "; ".join(notes))
