"""The points of a sweep: which there are, their cases, and what tells one sweep from another."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fokkerplanck import expect
from fokkerplanck.case import Case, Variants
from fokkerplanck.errors import CaseError
from fokkerplanck.provenance import versions
from fokkerplanck.sweep_data import Header
from fokkerplanck.sweep_values import check_values

__all__ = ["Plan", "Point", "plan"]

MOST_POINTS = 100_000
#: tables of a case that may name a file
WITH_FILES = ("landscape", "initial", "noise")


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Parameters
    ----------
    index : int
    text : str
        Canonical text of its case; empty when there is none.
    mistake : str
        Why its case is not valid; empty when it is.
    """

    index: int
    text: str
    mistake: str = ""


@dataclass(frozen=True)
class Plan:
    """All points of a sweep, checked before anything is computed.

    Parameters
    ----------
    header : Header
        What the file says besides the results.
    points : tuple of Point
    path : Path or None
        File of the case: paths of data files start from its folder.
    """

    header: Header
    points: tuple[Point, ...]
    path: Path | None

    @cached_property
    def absolute(self) -> str | None:
        """The case's path as a process in any folder understands it."""
        return None if self.path is None else str(self.path.absolute())


def plan(variants: Variants, vary: Mapping[str, Sequence[Any]], *, zipped: bool = False) -> Plan:
    """Make and check the case of every point.

    Parameters
    ----------
    variants : Variants
        The case that is varied.
    vary : mapping of str to sequence
        Values of each key, such as ``{"noise.batch_size": [8, 16, 32]}``.
    zipped : bool
        The k-th point has the k-th value of every key; otherwise the points are the full grid,
        the last key running fastest.

    Raises
    ------
    CaseError
        For values that cannot be, or when no point is a valid case: the message of the first.
    """
    lists = {key: [_plain(v) for v in values] for key, values in vary.items()}
    check_values(lists)
    rows = _rows(lists, zipped)
    points: list[Point] = []
    first: CaseError | None = None
    title, files = "", set()
    for k, row in enumerate(rows):
        values = dict(zip(lists, row, strict=True))
        try:
            case = variants.case(values)
            expect.check(case)
        except CaseError as error:
            first = first or error
            points.append(Point(k, "", short(error, variants.path)))
        else:
            title = title or case.title
            files |= set(_files(case))
            points.append(Point(k, case.text))
    if first is not None and all(p.mistake for p in points):
        raise first
    header = Header(
        title=title,
        case=variants.text,
        keys=tuple(lists),
        values=tuple(tuple(v) for v in lists.values()),
        zipped=zipped,
        points=_digest(p.text for p in points),
        data={name: _file_digest(name, variants.path) for name in sorted(files)},
        versions=versions(),
    )
    return Plan(header, tuple(points), variants.path)


def short(error: Exception, path: Path | None) -> str:
    """Return a message without the name of the case file and its folder."""
    if isinstance(error, CaseError):
        return f"{error.key}: {error.message}" if error.key else error.message
    text = str(error) or type(error).__name__
    return text if path is None else text.replace(f"{path.absolute().parent}/", "")


def _rows(vary: Mapping[str, list[Any]], zipped: bool) -> list[tuple[Any, ...]]:
    lengths = {key: len(values) for key, values in vary.items()}
    if zipped and len(set(lengths.values())) > 1:
        counts = ", ".join(f"{n} of {key}" for key, n in lengths.items())
        msg = f"--zip needs as many values of every key, got {counts}"
        raise CaseError(msg)
    count = min(lengths.values()) if zipped else math.prod(lengths.values())
    if count > MOST_POINTS:
        msg = f"a sweep has at most {MOST_POINTS} points, these would be {count}"
        raise CaseError(msg)
    lists = vary.values()
    rows = list(zip(*lists, strict=True) if zipped else itertools.product(*lists))
    seen: set[str] = set()
    for row in rows:
        if (text := json.dumps(row)) in seen:
            what = ", ".join(f"{key} = {v}" for key, v in zip(vary, row, strict=True))
            msg = f"--vary gives the point {what} twice"
            raise CaseError(msg)
        seen.add(text)
    return rows


def _plain(value: Any) -> Any:
    """Numbers of numpy as those of Python, tuples as lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _digest(texts: Iterable[str]) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(hashlib.sha256(text.encode()).digest())
    return found.hexdigest()


def _files(case: Case) -> list[str]:
    """Return the data files that a case names."""
    tables = (getattr(case, name, None) for name in WITH_FILES)
    names = (getattr(table, "file", None) for table in tables)
    return [str(name) for name in names if name is not None]


def _file_digest(name: str, path: Path | None) -> str:
    place = (path.parent if path else Path()) / name
    try:
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # the points that need it will say so
        return "missing"
