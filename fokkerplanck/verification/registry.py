"""All predictions by number, and the running of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from fokkerplanck.errors import NumericalError
from fokkerplanck.verification import (
    descent,
    disc,
    flows,
    kinetic,
    laws,
    levy,
    masses,
    momentum,
    passages,
    sgd,
    spectra,
    tails,
)
from fokkerplanck.verification.rows import Entry

__all__ = ["ENTRIES", "check_predictions", "chosen"]


FAMILIES = (
    *(masses, passages, spectra, sgd, flows, laws, disc, descent),
    *(kinetic, momentum, levy, tails),
)


def _place(entry: Entry) -> tuple[bool, str, int]:
    """Where a number stands: the list I first, then sections by letter."""
    letter, number = entry.number[0], entry.number[1:].removeprefix(".")
    return letter != "I", letter, int(number)


#: Every prediction that is checked: those of the list I, which solvers must meet, and statements of
#: other sections, by number.
ENTRIES: tuple[Entry, ...] = tuple(
    sorted((entry for family in FAMILIES for entry in family.ENTRIES), key=_place)
)


def chosen(only: str | None) -> tuple[Entry, ...]:
    """Return the entries that `only` names: by number, else by words of name or description."""
    if only is None:
        return ENTRIES
    return tuple(entry for entry in ENTRIES if entry.matches(only))


def check_predictions(entries: Sequence[Entry], *, tell: bool = False) -> list[dict[str, Any]]:
    """Compute and judge predictions.

    Parameters
    ----------
    entries : sequence of Entry
    tell : bool
        Name each on stderr as it is begun, if that is a terminal.

    Returns
    -------
    list of dict
        Rows as ``verify --json`` prints them; an entry that a solver refused to answer has one
        row with an ``error``.
    """
    found: list[dict[str, Any]] = []
    for entry in entries:
        if tell and sys.stderr.isatty():
            print(f"{entry.number} {entry.name} ...", file=sys.stderr)
        found += _check(entry)
    return found


def _check(entry: Entry) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    try:
        rows.extend(row.json(entry) for row in entry.rows())
    except NumericalError as error:
        rows.append(entry.unsolved(str(error)))
    return rows
