"""What a check of a prediction is made of: entries, and rows of numbers side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Entry", "Row", "deviation", "from_log10"]

#: Exponents above overflow a double.
LARGEST = 308.0


@dataclass(frozen=True)
class Row:
    """A computed number beside the predicted one.

    Parameters
    ----------
    quantity : str
        What is computed, and where.
    computed, predicted : float
        From the solvers, and from theory; None in place of a number that overflows.
    tolerance : float
        Largest error at which the row passes: relative, or absolute where `absolute`.
    against : str
        Where the prediction comes from: a formula, a quadrature, a spectral reference.
    absolute : bool
        Whether the absolute difference is judged (a prediction of zero).
    valid : bool
        Whether the formula is meant to hold here; a law for high barriers is not at low ones,
        and then the tolerance allows for what it leaves out.
    note : str
        Why it is not, or what else a reader should know.
    error : float, optional
        Relative error, where it is known better than from the two numbers.
    """

    quantity: str
    computed: float | None
    predicted: float | None
    tolerance: float
    against: str
    absolute: bool = False
    valid: bool = True
    note: str = ""
    error: float | None = None

    @property
    def relative_error(self) -> float | None:
        """``|computed - predicted| / |predicted|``, None where the prediction is zero."""
        if self.error is not None:
            return self.error
        if not self.predicted or self.computed is None:
            return None
        return abs(self.computed - self.predicted) / abs(self.predicted)

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; never for nan."""
        if self.absolute:
            known = self.computed is not None and self.predicted is not None
            return known and abs(self.computed - self.predicted) <= self.tolerance  # type: ignore[operator]
        error = self.relative_error
        return error is not None and error <= self.tolerance

    def json(self, entry: Entry) -> dict[str, Any]:
        """Return the row as ``verify --json`` prints it; keys as those of an expectation."""
        kind = "atol" if self.absolute else "rtol"
        return {
            "case": None,
            "source": entry.number,
            "name": entry.name,
            "quantity": self.quantity,
            "computed": _finite(self.computed),
            "predicted": _finite(self.predicted),
            "relative_error": _finite(self.relative_error),
            "rtol": None,
            "atol": None,
            kind: self.tolerance,
            "tolerance": self.tolerance,
            "prediction": self.against,
            "valid": self.valid,
            "pass": self.passed,
            "note": self.note,
        }


@dataclass(frozen=True)
class Entry:
    """A prediction to be checked.

    Parameters
    ----------
    number : str
        Its number in the list of predictions, ``"I.6"``.
    name : str
        A few words.
    about : str
        What is computed and what it is compared with, for ``verify --list``.
    rows : callable
        Solves, and gives the rows.
    """

    number: str
    name: str
    about: str
    rows: Callable[[], Iterable[Row]]

    def matches(self, words: str) -> bool:
        """Whether `words` is the number, or part of the name or of the description."""
        low = words.lower()
        if low in (self.number.lower(), self.number.lower().removeprefix("i.")):
            return True
        return low in self.name.lower() or low in self.about.lower()

    def unsolved(self, error: str) -> dict[str, Any]:
        """Return the row, in JSON, of a prediction that a solver refused to answer."""
        row = Row(self.about, None, None, 0.0, "", valid=False)
        return row.json(self) | {"prediction": None, "pass": False, "error": error}


def deviation(quantity: str, computed: float, tolerance: float, against: str, **more: Any) -> Row:
    """Make a row of something that should vanish: a distance, a loss of mass."""
    return Row(quantity, computed, 0.0, tolerance, against, absolute=True, **more)


def from_log10(
    quantity: str, computed: float, predicted: float, tolerance: float, against: str, **more: Any
) -> Row:
    """Make a row of two numbers given by their decimal logarithms, whatever their size."""
    error = abs(math.expm1((computed - predicted) * math.log(10)))
    numbers = [10**v if v < LARGEST else None for v in (computed, predicted)]
    return Row(quantity, numbers[0], numbers[1], tolerance, against, error=error, **more)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
