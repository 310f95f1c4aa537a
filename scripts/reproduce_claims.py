"""What is said of a figure in numbers: measured beside predicted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Claim", "line", "markdown"]


@dataclass(frozen=True)
class Claim:
    """One number beside its prediction.

    Parameters
    ----------
    about : str
    measured, predicted : float
    tolerance : float
        Largest relative difference; of a sampled number, in addition to three standard errors.
    standard_error : float
        Of the measured number, 0 where it is not sampled.
    source : str
        Where the prediction comes from.
    """

    about: str
    measured: float
    predicted: float
    tolerance: float
    standard_error: float = 0.0
    source: str = ""

    @property
    def difference(self) -> float:
        """Relative to the prediction."""
        return self.measured / self.predicted - 1

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance and three standard errors."""
        room = self.tolerance * abs(self.predicted) + 3 * self.standard_error
        return bool(abs(self.measured - self.predicted) <= room)

    def json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "difference": self.difference, "holds": self.holds}


def line(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Slope and intercept of the straight line nearest to points."""
    slope, intercept = np.polyfit(np.asarray(x, float), np.asarray(y, float), 1)
    return float(slope), float(intercept)


def markdown(claims: dict[str, list[Claim]]) -> str:
    """Tables of all claims, one for each figure."""
    parts = []
    for name, rows in claims.items():
        head = "| claim | measured | predicted | difference | allowed | source | |"
        lines = [f"## {name}", "", head, "|---|---|---|---|---|---|---|"]
        for c in rows:
            error = f" ± {c.standard_error:.2g}" if c.standard_error else ""
            allowed = f"{c.tolerance:.1g}" + (" + 3 s.e." if c.standard_error else "")
            lines.append(
                f"| {c.about} | {c.measured:.8g}{error} | {c.predicted:.8g} | "
                f"{c.difference:+.1e} | {allowed} | {c.source} | "
                f"{'holds' if c.holds else 'FAILS'} |"
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
