"""Find the file an interrupted run left, and refuse one that belongs to another case."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.layout import SLOTS, Header, checkpoint_of
from fokkerplanck.store import StoredResult, part_path, read

if TYPE_CHECKING:
    from fokkerplanck.case import Case

__all__ = ["check_place", "checkpoint", "refuse_existing", "resumable"]

Array = NDArray[np.float64]
#: Parts of a case that may change: they do not enter what is stored already.
ESCAPE = ("passage", "spectrum", "rates", "quasi_stationary")
HARMLESS = ("title", "expect", "stationary", *ESCAPE)
#: Rounding allowed when a stored array is evaluated again, perhaps on another machine.
RTOL = 1e-9


def resumable(output: Path, case: Case, times: Array, header: Header) -> StoredResult | None:
    """Open the file to go on from: of ``NAME.part`` and ``NAME`` the one with more snapshots.

    Parameters
    ----------
    output : Path
        Final name of the result.
    case : Case
    times : ndarray
        Times of the case; those stored must be their beginning.
    header : Header
        Its arrays must be those stored: data files that a case names may change, too.

    Returns
    -------
    StoredResult or None
        None when there is neither file.

    Raises
    ------
    CaseError
        When the file belongs to another case: names what changed.
    DataError
        When it cannot be read.
    """
    best: StoredResult | None = None
    problem: Exception | None = None
    for path in (part_path(output), output):
        if not path.exists():
            continue
        try:
            found = read(path)
            _check_same(found, case, times, header)
        except (CaseError, DataError) as error:
            problem = problem or error
            continue
        if best is None or found.times.size > best.times.size:
            best = found
    if best is None and problem is not None:
        raise problem
    return best


def check_place(output: Path) -> None:
    """Raise `DataError` where no file can be, or something other than a file is."""
    if output.is_dir() or not output.name:
        msg = f"{output}: is a directory; give the name of a file"
        raise DataError(msg)
    if output.exists() and not output.is_file():
        msg = f"{output}: is not a regular file; give another name"
        raise DataError(msg)
    if not output.parent.is_dir():
        msg = f"{output}: cannot be written (no folder {output.parent})"
        raise DataError(msg)


def refuse_existing(output: Path) -> None:
    """Raise `DataError` if a result, or an unfinished one, has that name already."""
    part = part_path(output)
    if part.exists():
        msg = f"{part}: an unfinished run is there; --resume goes on with it, --force begins anew"
        raise DataError(msg)
    if output.exists():
        msg = f"{output}: exists already; --force replaces it, --resume goes on with it"
        raise DataError(msg)


def checkpoint(found: StoredResult) -> Array | None:
    """Read what the last snapshot left to go on from, bit for bit; None before the first.

    Cell masses, shape (cells,), or the modes of underdamped motion.
    """
    if not found.times.size:
        return None
    return np.asarray(checkpoint_of(found.file)[(found.times.size - 1) % SLOTS])


def _check_same(found: StoredResult, case: Case, times: Array, header: Header) -> None:
    before, after = (_relevant(tomllib.loads(text)) for text in (found.case_text, case.text))
    changes = list(_changes(before, after))
    if changes:
        msg = f"cannot go on, the case has changed: {'; '.join(changes)}"
        raise CaseError(msg, file=str(found.path))
    for name in ("loss", "diffusion", "initial"):
        old, new = getattr(found, name), getattr(header, name)
        if (old is None) != (new is None) or not (old is None or np.allclose(old, new, RTOL, 0.0)):
            msg = f"cannot go on, the {name} is not the one stored: a data file has changed"
            raise CaseError(msg, file=str(found.path))
    stored = found.times
    if stored.size > times.size or not np.allclose(stored, times[: stored.size], RTOL, 0.0):
        n = int(stored.size)
        msg = (
            f"cannot go on, evolve.times has changed: the {n} times stored, up to {stored[-1]:g}, "
            "must be the first ones; times can only be added at the end"
        )
        raise CaseError(msg, file=str(found.path))


def _relevant(case: dict[str, Any]) -> dict[str, Any]:
    """Leave out the walkers of a case whose density is solved for: they serve passages alone."""
    if case.get("evolve", {}).get("method") != "ensemble":
        case.pop("ensemble", None)
    return case


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = dict(_flat(old)), dict(_flat(new))
    for key in sorted(before.keys() | after.keys()):
        if key.split(".")[0] in HARMLESS or key.startswith("evolve.times"):
            continue
        if before.get(key) != after.get(key):
            yield f"{key} was {before.get(key, 'not given')}, is {after.get(key, 'not given')}"


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
