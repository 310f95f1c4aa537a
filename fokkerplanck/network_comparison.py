"""A path of a network beside the limiting dynamics of heavy-ball SGD, number by number.

The theory is fed with measured curvature and noise, and with nothing of the path itself. It is
asked twice: with what was measured at one point, the mean of the weights over a window before the
path (``"point"``), as the theory says; and with the means of the same over points of the path
(``"way"``), which tells how much of a difference is due to a curvature and a noise that vary.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fokkerplanck.network_circulation import Circulation, circulation_of
from fokkerplanck.network_distances import Distances, Exponent, distances_of, exponents_of
from fokkerplanck.network_equipartition import Equipartition, equipartition_of
from fokkerplanck.network_modes import ModeRow, mode_rows
from fokkerplanck.network_run import NetworkFile, NetworkRun
from fokkerplanck.record import plain

__all__ = ["RunComparison", "compare_network", "compare_run"]


@dataclass(frozen=True)
class RunComparison:
    """All that is said of one path."""

    name: str
    how: dict[str, Any]
    modes: tuple[ModeRow, ...]
    equipartition: Equipartition
    distances: Distances
    exponents: tuple[Exponent, ...]
    circulation: Circulation | None
    loss: float
    norm_drift: float

    def to_dict(self) -> dict[str, Any]:
        """Numbers and words for JSON; nan becomes None."""
        found: dict[str, Any] = plain(asdict(self))
        return found


def compare_network(found: NetworkFile) -> tuple[RunComparison, ...]:
    """Compare every path of a file with the theory."""
    return tuple(compare_run(run) for run in found.runs)


def compare_run(run: NetworkRun) -> RunComparison:
    """Compare a path with the theory that is fed with its measured curvature and noise.

    Raises
    ------
    CaseError
        Where the theory has no stationary law: a direction that is not stiff, or diverges.
    """
    distances = distances_of(run)
    return RunComparison(
        name=run.name,
        how=run.how,
        modes=mode_rows(run),
        equipartition=equipartition_of(run),
        distances=distances,
        exponents=exponents_of(run, distances),
        circulation=circulation_of(run),
        loss=float(run.looks[1].mean()),
        norm_drift=_norm_drift(run),
    )


def _norm_drift(run: NetworkRun) -> float:
    """Relative change of ``|theta|^2`` between the two halves of the path."""
    norms = run.looks[2]
    half = len(norms) // 2
    return float(norms[half:].mean() / norms[:half].mean() - 1)
