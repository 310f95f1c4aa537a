"""Predictions that the solvers are checked against, each with the numbers side by side.

One module per family: `masses`, `passages`, `spectra`, `sgd`, `flows`, `laws`, `disc`, `descent`
`kinetic` and `momentum`. An `Entry` is one prediction; its rows are computed by the solvers and
judged against a closed form, a quadrature or a reference of many digits, never against another run.
"""

from __future__ import annotations

from fokkerplanck.verification.rows import Entry, Row, deviation, from_log10

__all__ = ["Entry", "Row", "deviation", "from_log10"]
