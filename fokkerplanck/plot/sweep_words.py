"""How keys, formulas and quantities of a sweep are written beside axes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from fokkerplanck.plot.style import number, plain, shortened

__all__ = ["formula_label", "log_label", "quantity_label", "series_label", "slope_label"]

NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
LONGEST = 48


def formula_label(formula: str) -> str:
    """Return a formula with the last parts of its names, as words."""
    words = NAME.sub(lambda m: _short(m[0]), formula).replace("**", "^")
    return plain(re.sub(r"\s*\*\s*", " \u00b7 ", re.sub(r"\s*/\s*", " / ", words)))


def log_label(ordinate: str) -> str:
    """Name of a fitted logarithm; the time of a passage is tau."""
    head, found, name = ordinate.partition("log mean of passage ")
    if found:
        factor = formula_label(head.replace("log(", "ln("))
        return rf"{factor}$\ln\,\tau$, {plain(shortened(name, LONGEST))}"
    text = ordinate.replace("-log", "\u2212ln").replace("log", "ln").replace("_", " ")
    return plain(shortened(text, LONGEST))


def quantity_label(path: str) -> str:
    """Name of a quantity by its dotted path."""
    time = re.fullmatch(r"passage\.(.*)\.(log10_)?mean", path)
    if time is None:
        return plain(shortened(path, LONGEST))
    tau = r"$\log_{10}\,\tau$" if time[2] else r"$\tau$"
    return f"{tau}, {plain(shortened(time[1], LONGEST))}"


def series_label(series: Mapping[str, Any]) -> str:
    """Values of the keys that a series has in common."""
    parts = [f"{_short(key)} = {_value(v)}" for key, v in series.items()]
    return plain(shortened(", ".join(parts), LONGEST))


def slope_label(slope: float, error: float) -> str:
    """Write a slope with as many digits as its standard error warrants, as mathtext."""
    if not np.isfinite(error) or error <= 1e-12 * abs(slope):
        return number(slope, 4)
    digits = int(np.clip(np.floor(np.log10(abs(slope) / error)) + 2, 2, 6)) if slope else 2
    return rf"{number(slope, digits)} \pm {number(error, 1)}"


def _short(key: str) -> str:
    return key.rpartition(".")[2].replace("_", " ")


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
