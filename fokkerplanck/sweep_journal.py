"""The journal of a sweep: a line of JSON for every point, on the disk before it is reported.

``NAME.h5.part``: the header first, then the points in the order in which they were finished. A
last line that is torn by a kill counts as never written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.sweep_data import Header, Outcome, SweepResult
from fokkerplanck.writer import uninterrupted

__all__ = ["JOURNAL", "Journal", "check_same", "is_begun", "is_journal", "read_journal"]

#: how a journal is known to be one
JOURNAL = "fokkerplanck sweep journal"
VERSION = 1
#: what may not change between the parts of a sweep, and how it is called
SAME = {
    "keys": "the varied keys",
    "values": "the values of --vary",
    "zipped": "--zip",
    "points": "the case, or what --set says,",
    "data": "a data file",
    "versions": "a version of the software",
}


class Journal:
    """Append what became of each point; what is appended survives a kill.

    Parameters
    ----------
    path : Path
    header : Header
    keep : int
        Length of what is there already and stays; 0 begins anew.

    Raises
    ------
    DataError
        When it cannot be written, or another process is writing it.
    """

    def __init__(self, path: Path, header: Header, keep: int = 0) -> None:
        self.path = path
        try:
            self._file = path.open("r+b" if keep else "a+b")
        except OSError as error:
            raise self._problem(error) from error
        try:
            self._lock()
            self._file.truncate(keep)
            self._file.seek(keep)
            if not keep:
                self._write({"format": JOURNAL, "format_version": VERSION, **header.json()})
        except OSError as error:
            self._file.close()
            raise self._problem(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, index: int, outcome: Outcome) -> None:
        """Keep the outcome of a point."""
        try:
            with uninterrupted():
                self._write({"point": index, **outcome.json()})
        except OSError as error:
            raise self._problem(error) from error

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _lock(self) -> None:
        with suppress(ImportError):  # not on Windows
            import fcntl

            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _problem(self, error: OSError) -> DataError:
        if isinstance(error, DataError):
            return error
        if isinstance(error, BlockingIOError):
            return DataError(f"{self.path}: another process is at work on this sweep")
        return DataError(f"{self.path}: cannot be written ({error.strerror or error})")


def is_journal(path: Path) -> bool:
    """Tell whether a file begins as a journal does."""
    try:
        with path.open("rb") as file:
            return file.read(len(JOURNAL) + 13) == f'{{"format": "{JOURNAL}"'.encode()
    except OSError:
        return False


def is_begun(path: Path) -> bool:
    """Tell whether there is a file with a whole first line."""
    try:
        with path.open("rb") as file:
            return file.readline().endswith(b"\n")
    except FileNotFoundError:
        return False


def read_journal(path: Path) -> tuple[SweepResult, int]:
    """Read a journal, and say how many bytes of it are whole.

    Raises
    ------
    DataError
        When it is not one, or damaged before its end.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror or error})"
        raise DataError(msg) from None
    whole = raw.rfind(b"\n") + 1
    try:
        head, *rest = [json.loads(line) for line in raw[:whole].splitlines()]
        if head.get("format") != JOURNAL:
            msg = "is not the journal of a sweep"
            raise ValueError(msg)
        header = Header.of(head)
        outcomes = {r["point"]: Outcome(r["status"], r["message"], r["result"]) for r in rest}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{path}: cannot be read as the journal of a sweep ({error}); --force begins anew"
        raise DataError(msg) from None
    return SweepResult(header, outcomes, path), whole


def check_same(found: Header, header: Header, path: Path) -> None:
    """Refuse to go on with another sweep; names what is different.

    Raises
    ------
    CaseError
        When the keys, values, cases, data or versions are not those of the file.
    """
    changed = [k for k in SAME if getattr(found, k) != getattr(header, k)]
    if "points" in changed and {"keys", "values", "zipped"} & set(changed):
        changed.remove("points")  # it follows from them
    if changed:
        what = "; ".join(f"{SAME[k]} changed{_details(k, found, header)}" for k in changed)
        msg = f"cannot go on: {what}; --force begins anew"
        raise CaseError(msg, file=str(path))


def _details(name: str, found: Header, header: Header) -> str:
    old, new = getattr(found, name), getattr(header, name)
    if name == "keys":
        return f" from {', '.join(old)} to {', '.join(new)}"
    if isinstance(old, Mapping):
        changed = [k for k in {**old, **new} if old.get(k) != new.get(k)]
        return f" ({', '.join(f'{k} from {old.get(k)} to {new.get(k)}' for k in changed)})"[:300]
    return ""
