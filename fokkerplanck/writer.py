"""Write a result file so that no crash, kill or full disk costs what was saved.

Four rules do it:

1. *A file appears under its own name only when it is whole.* While a run goes on it is
   ``NAME.part``; anything that is not an append is made in ``NAME.part.new``, closed, and renamed.
2. *Appends use HDF5's single-writer-multiple-reader mode*, which orders its writes so that the
   file on disk is readable at every instant, also after SIGKILL.
3. *The time of a snapshot is written last*, after a flush of its data: the length of ``time``
   counts what is saved. The checkpoint uses two slots in turn, so that one is always whole.
4. *Space on the disk is reserved before HDF5 is told to write*: a full disk is an error message,
   where HDF5 itself would leave an unreadable file.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import DataError
from fokkerplanck.layout import (
    Group,
    Header,
    append_row,
    copy_snapshots,
    extend,
    lay_out,
    write_group,
)
from fokkerplanck.store import StoredResult, part_path

__all__ = ["Snapshot", "Writer", "reserve", "uninterrupted"]

Array = NDArray[np.float64]

#: HDF5 1.10 format: the oldest that has single-writer-multiple-reader mode.
LIBVER = ("v110", "v110")
#: Bytes kept free for the bookkeeping of HDF5 at each write.
SLACK = 1 << 18
#: Signals that are held back while a file is being changed.
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One row of the result: density and current at a time, and how they were found.

    Parameters
    ----------
    time : float
    mass : ndarray, shape (cells,)
        Cell masses, kept bit for bit in the checkpoint; of underdamped motion the modes.
    density : ndarray, shape (*shape,)
    current : ndarray, shape (*shape, dim), or None
        None for an ensemble.
    scalars : mapping
        A value for each of `fokkerplanck.layout.SCALARS`, or `KINETIC_SCALARS`.
    error : ndarray, shape (*shape,), or None
        Standard error of the density of an ensemble.
    jump_current : ndarray, shape (*shape, dim), or None
        Part of the current that jumps far, under heavy-tailed noise.
    """

    time: float
    mass: Array
    density: Array
    current: Array | None
    scalars: Mapping[str, float | int | str]
    error: Array | None = None
    jump_current: Array | None = None

    @property
    def fields(self) -> dict[str, Array | None]:
        """Arrays on the grid by the names of their datasets."""
        return {
            "density": self.density,
            "current": self.current,
            "density_error": self.error,
            "jump_current": self.jump_current,
        }

    @property
    def nbytes(self) -> int:
        """Size of the arrays."""
        arrays = (self.mass, *self.fields.values())
        return sum(a.nbytes for a in arrays if a is not None)


class Writer:
    """The file of a run while it goes on.

    Parameters
    ----------
    path : Path
        Final name of the result.
    header : Header
        What is known at the start.
    resume_from : StoredResult, optional
        Its snapshots are copied first; it is closed.

    Raises
    ------
    DataError
        When the place cannot be written to, or the disk is full.
    """

    def __init__(self, path: Path, header: Header, resume_from: StoredResult | None = None) -> None:
        self.path = path
        self.part = part_path(path)
        self._new = self.part.with_name(self.part.name + ".new")
        self.saved = 0
        self._finished: Path | None = None
        with _writing(self._new):
            reserve(self._new, header.nbytes + (resume_from.nbytes if resume_from else 0))
            with h5py.File(self._new, "w", libver=LIBVER, locking="best-effort") as file:
                lay_out(file, header)
                if resume_from is not None:
                    self.saved = copy_snapshots(resume_from, file)
                    resume_from.close()
            os.replace(self._new, self.part)
            self._file: Any = h5py.File(self.part, "r+", libver=LIBVER, locking="best-effort")
            self._file.swmr_mode = True
            self._identity = self.part.stat().st_ino

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, snapshot: Snapshot) -> None:
        """Save one snapshot; when this returns it survives a kill."""
        s, k = snapshot, self.saved
        with uninterrupted(), _writing(self.part):
            self._check_ours()
            reserve(self.part, s.nbytes, self._end)
            append_row(self._file, k, s.mass, s.fields, s.scalars)
            self._file.flush()
            reserve(self.part, 0, self._end)
            extend(self._file["time"], k, s.time)
            self._file.flush()
            self.saved = k + 1

    @property
    def intact(self) -> bool:
        """Whether ``NAME.part`` is still the file of this run."""
        return self.part.exists() and self.part.stat().st_ino == self._identity

    def _check_ours(self) -> None:
        """Stop when another run was begun with the same name and took its place."""
        if not self.intact:
            msg = f"{self.part}: was removed or replaced by another run while this one went on"
            raise DataError(msg)

    @property
    def _end(self) -> int:
        """Size of the file as HDF5 sees it, without the reserve."""
        return int(self._file.id.get_filesize())

    def close(self) -> None:
        """Close ``NAME.part``: from here on any HDF5 program can read it."""
        if self._file:
            with _writing(self.part):
                self._file.close()

    def finish(
        self,
        status: str,
        *,
        groups: Mapping[str, Group] | None = None,
        summary: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        replace: bool = True,
    ) -> Path:
        """Add what is known at the end and give the file its name.

        Parameters
        ----------
        status : str
            ``"complete"``, ``"interrupted"`` or ``"failed"``.
        groups : mapping of str to Group, optional
            Further groups, such as ``stationary``.
        summary : str, optional
            The JSON of the run.
        attributes : mapping, optional
            Added to those of ``/case``.
        replace : bool
            False leaves the file as ``NAME.part``, so that an older ``NAME`` stays.

        Returns
        -------
        Path
            Where the file is.
        """
        if self._finished is not None:
            return self._finished
        self.close()
        self._check_ours()
        target = self.path if replace else self.part
        with uninterrupted(), _writing(self._new):
            shutil.copyfile(self.part, self._new)
            text = 4 * len(summary or "")
            reserve(self._new, text + sum(g.nbytes for g in (groups or {}).values()))
            with h5py.File(self._new, "r+", libver=LIBVER, locking="best-effort") as file:
                file.attrs["status"] = status
                file["case"].attrs.update(attributes or {})
                if summary is not None:
                    file["case/summary"] = summary
                for name, group in (groups or {}).items():
                    write_group(file, name, group)
            _sync(self._new)
            os.replace(self._new, target)
            self._finished = target
            if target != self.part:
                self.part.unlink()
        return target


def reserve(path: Path, more: int, end: int | None = None) -> None:
    """Make room for `more` bytes and HDF5's bookkeeping after `end`, or after all there is.

    HDF5 fills the reserve, and cuts off what is left when the file is finished. Raises `OSError`
    when the disk is full.
    """
    more += SLACK
    with path.open("ab") as file:
        size = os.fstat(file.fileno()).st_size
        if not hasattr(os, "posix_fallocate"):  # macOS, Windows
            if shutil.disk_usage(path.parent).free < more:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return
        try:
            os.posix_fallocate(file.fileno(), size if end is None else end, more)
        except OSError:
            file.truncate(size)
            raise


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM while a file is being changed; they are raised on leaving."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[Any] = []
    handlers = {s: signal.getsignal(s) for s in INTERRUPTS}
    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for arguments in held[:1]:
            handlers[arguments[0]](*arguments)  # type: ignore[operator, misc]


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what h5py and the system raise into one clear error."""
    try:
        yield
    except DataError:
        raise
    except (OSError, RuntimeError) as error:
        if path.suffix == ".new":
            with suppress(OSError):
                path.unlink()
        number = getattr(error, "errno", None)
        msg = f"{path}: cannot be written ({os.strerror(number) if number else error})"
        raise DataError(msg) from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
