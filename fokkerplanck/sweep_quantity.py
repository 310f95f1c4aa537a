"""Which quantities of a run are times, which are rates, and where their logarithms are."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

__all__ = ["LN10", "Logarithm", "logarithm_of"]

LN10 = float(np.log(10.0))

RATE = re.compile(r"rates\.(log10_)?rates\.(\d+)\.(\d+)\Z")
MODE = re.compile(r"spectrum\.(\d+)\Z|spectrum_modes\.(log10_)rates\.(\d+)\Z")


@dataclass(frozen=True)
class Logarithm:
    """How the logarithm of a time is had from a quantity.

    Parameters
    ----------
    family : str
        The same for a time, its rate, and the decimal logarithms of both.
    sign : float
        -1 for rates: their logarithm is turned.
    decimal : bool
        Whether the quantity is a decimal logarithm itself.
    twin : str
        Dotted path of the decimal logarithm.
    label : str
        What it is the logarithm of, in words.
    """

    family: str
    sign: float
    decimal: bool
    twin: str
    label: str

    def of(self, value: float) -> float:
        """Return the natural logarithm, nan where there is none."""
        if self.decimal:
            return self.sign * LN10 * value
        return self.sign * float(np.log(value)) if value > 0 else float("nan")

    @property
    def text(self) -> str:
        """Name of the ordinate."""
        return f"{'-' if self.sign < 0 else ''}log {self.label}"


def logarithm_of(path: str) -> Logarithm:
    """Tell what the logarithm of a quantity is; anything unknown counts as a time."""
    if rate := RATE.match(path):
        i, j = rate[2], rate[3]
        twin, label = f"rates.log10_rates.{i}.{j}", f"rate from well {i} to {j}"
        return Logarithm(f"rates.{i}.{j}", -1.0, rate[1] is not None, twin, label)
    if mode := MODE.match(path):
        n = mode[1] or mode[3]
        twin, label = f"spectrum_modes.log10_rates.{n}", f"rate of mode {n}"
        return Logarithm(f"spectrum.{n}", -1.0, mode[2] is not None, twin, label)
    head, _, last = path.rpartition(".")
    bare = last.removeprefix("log10_")
    named = bool(head) and not bare.isdecimal()
    label = f"{bare} of {head.replace('.', ' ', 1)}" if named else path.replace(".", " ")
    if head.split(".")[0] == "passage" and bare == "rate":
        family = f"{head}.mean"  # its inverse
    else:
        family = f"{head}.{bare}"
    sign = -1.0 if bare == "rate" else 1.0
    return Logarithm(family, sign, bare != last, f"{head}.log10_{bare}", label)
