"""How tables and numbers look on a terminal."""

from __future__ import annotations

import math
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

__all__ = ["large", "number", "place", "plain_table", "short", "table"]


def table(*columns: tuple[str, Any]) -> Table:
    """Make a table with a rule under its head; each column has a name and a side."""
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for name, justify in columns:
        made.add_column(name, justify=justify, overflow="fold")
    return made


def plain_table() -> Table:
    """Make a table of names and values without a head."""
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    return made


def number(value: float | None, digits: int = 6) -> str:
    """Write a number; ``-`` where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def large(value: float | None, log10: float | None, digits: int = 6) -> str:
    """Write a number that may be beyond the range of floats, where only its logarithm is known."""
    if value or log10 is None:
        return number(value, digits)
    power = math.floor(log10)
    mantissa = f"{10 ** (log10 - power):.{digits - 1}f}"
    if mantissa.startswith("10"):  # rounded up
        mantissa, power = f"{1:.{digits - 1}f}", power + 1
    return f"{mantissa}e{power:+03d}"


def short(value: float | None) -> str:
    """Write an error: two digits, and a power of ten."""
    return "-" if value is None else f"{value:.1e}"


def place(point: Any) -> str:
    """Write a point: ``(-1, 0.25)``."""
    # rounding beside 1 is left out
    return f"({', '.join(f'{0.0 if abs(c) < 1e-14 else c:.4g}' for c in point)})"
