"""Files of projections: points one by one while it goes on, a sampled landscape when it is whole.

Of the finished file, dimensionless, axis order ``(x, y)``:

======================  =========================================================================
``/``                   ``x``, ``y``, ``component``, ``row``, ``column``; ``loss(x, y)``,
                        ``gradient(x, y, component)``, ``covariance(x, y, row, column)`` of the
                        per-sample gradients with denominator n, ``hessian(x, y, row, column)``;
                        attributes: the entries of `Header.about`, versions, and if there are
                        such points ``not_finite``, their number, and where they are
``/table``              ``gradient(sample, x, y, component)``: of each sample, single precision
``/weights``            ``anchors(anchor, weight)``: weights of the networks, if they are kept
``/config``             the text it was made from; ``header``: JSON of all it depends on
======================  =========================================================================

Nothing in it says when, where or how fast it was computed: the same input gives the same bytes.

While it goes on, ``NAME.part`` has a row for each point in ``/points`` and its ``state`` (0 to be
done, 1 done, 2 done and not finite), which is written after the row is on the disk: a kill costs
the point in work. All its space is taken at the start, so that writing a row moves nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.layout import PACKED
from fokkerplanck.store import part_path
from fokkerplanck.writer import uninterrupted

__all__ = [
    "DONE",
    "FORMAT",
    "HOLE",
    "Header",
    "PartFile",
    "places",
    "read_header",
    "same",
    "write_plane",
]

Array = NDArray[np.float64]

FORMAT = "fokkerplanck plane"
UNFINISHED = f"{FORMAT}, unfinished"
FORMAT_VERSION = 1
LIBVER = ("v110", "v110")
TEXT = h5py.string_dtype()
#: states of a point
TODO, DONE, HOLE = 0, 1, 2
#: numbers of the table that are put in order at a time
BLOCK = 1 << 24
#: points named in a message or an attribute
NAMED = 3


@dataclass(frozen=True, eq=False)
class Header:
    """What a projection is of.

    Parameters
    ----------
    axes : tuple of ndarray
        Coordinates of the points along x, and y.
    samples : int
        Their number n.
    hessian, table : bool
        What is computed besides loss, gradient and covariance.
    depends : mapping of str to JSON values
        All that the numbers depend on; may not change between the parts of a projection.
    about : mapping of str to values
        Attributes of the finished file.
    config : str
        Text it was made from.
    weights : ndarray, shape (m, P), optional
        Of the networks at the anchors, to be kept.
    """

    axes: tuple[Array, ...]
    samples: int
    hessian: bool
    table: bool
    depends: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    weights: Array | None = None

    @property
    def dim(self) -> int:
        """1 for a line, 2 for a plane."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the lattice."""
        return tuple(len(axis) for axis in self.axes)

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    def coordinates(self, k: int) -> Array:
        """Of point k, counted with the last axis fastest; shape (dim,)."""
        places = np.unravel_index(k, self.shape)
        return np.array([axis[i] for axis, i in zip(self.axes, places, strict=True)])

    @property
    def text(self) -> str:
        """All that the numbers depend on, as JSON."""
        axes = [[float(c) for c in axis] for axis in self.axes]
        parts = {"hessian": self.hessian, "table": self.table, "points": axes}
        return json.dumps({**parts, **self.depends}, sort_keys=True)

    @property
    def rows(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape of a row, and type, of what each point has."""
        dim = self.dim
        rows: dict[str, tuple[tuple[int, ...], str]] = {
            "loss": ((), "f8"),
            "gradient": ((dim,), "f8"),
            "covariance": ((dim, dim), "f8"),
        }
        if self.hessian:
            rows["hessian"] = (dim, dim), "f8"
        if self.table:
            rows["table"] = (self.samples, dim), "f4"
        return rows

    @property
    def nbytes(self) -> int:
        """Size of all rows."""
        return len(self) * sum(
            int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in self.rows.values()
        )


class PartFile:
    """The points of a projection while it goes on.

    Parameters
    ----------
    path : Path
        Name of the finished file.
    header : Header
    resume : bool
        Go on with what is there.

    Raises
    ------
    DataError
        When it cannot be read or written, or another process is at work on it.
    CaseError
        When what is there is of another projection.
    """

    def __init__(self, path: Path, header: Header, *, resume: bool = False) -> None:
        self.path, self.header = part_path(path), header
        with _writing(self.path):
            if not (resume and self.path.exists()):
                _refuse_locked(self.path)
                self._begin()
            self._file: Any = h5py.File(self.path, "r+")
        self._identity = self.path.stat().st_ino
        try:
            self._check()
            self._rows = {name: self._file["points"][name] for name in header.rows}
            self._state = self._file["points/state"]
            self.state: NDArray[np.uint8] = self._state[...]
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _writing(self.path):
            self._file.close()

    @property
    def holes(self) -> list[int]:
        """Points that are done and not finite."""
        return [int(k) for k in np.flatnonzero(self.state == HOLE)]

    @property
    def left(self) -> list[int]:
        """Points to be done."""
        return [int(k) for k in np.flatnonzero(self.state == TODO)]

    def add(self, k: int, values: Mapping[str, Any], *, finite: bool) -> None:
        """Keep a point; when this returns it survives a kill."""
        with uninterrupted(), _writing(self.path):
            self._check_ours()
            for name, data in self._rows.items():
                data[k] = values[name]
            self._flush()
            self.state[k] = self._state[k] = DONE if finite else HOLE
            self._flush()

    def array(self, name: str) -> Array:
        """Return what is known of all points, shape (*lattice, ...); NaN where nothing is."""
        values = self._rows[name][...]
        values[self.state == TODO] = np.nan
        return np.asarray(values.reshape(*self.header.shape, *values.shape[1:]))

    def table(self, begin: int, end: int) -> NDArray[np.float32]:
        """Gradients of some samples at all points, shape (samples, *lattice, dim)."""
        values = np.moveaxis(self._rows["table"][:, begin:end], 1, 0)
        return np.asarray(values.reshape(len(values), *self.header.shape, self.header.dim))

    def _begin(self) -> None:
        new = self.path.with_name(self.path.name + ".new")
        with _writing(new), uninterrupted():
            with h5py.File(new, "w") as file:  # oldest format: one that a kill leaves open to all
                file.attrs.update(format=UNFINISHED, format_version=FORMAT_VERSION)
                _text(file, "header", self.header.text)
                points = file.create_group("points")
                for name, (shape, kind) in self.header.rows.items():
                    _reserved(points, name, (len(self.header), *shape), kind)
                _reserved(points, "state", (len(self.header),), "u1")
            _sync(new)
            os.replace(new, self.path)

    def _check(self) -> None:
        try:
            found = _header_of(self._file, UNFINISHED)
        except (KeyError, ValueError) as error:
            msg = f"{self.path}: is no unfinished projection ({error}); --force begins anew"
            raise DataError(msg) from None
        _check_same(found, json.loads(self.header.text), self.path)

    def _check_ours(self) -> None:
        """Stop when another projection was begun with the same name and took its place."""
        if not (self.path.exists() and self.path.stat().st_ino == self._identity):
            msg = f"{self.path}: was removed or replaced while this projection went on"
            raise DataError(msg)

    def _flush(self) -> None:
        self._file.flush()
        with suppress(OSError):
            os.fsync(self._file.id.get_vfd_handle())


def read_header(path: Path) -> dict[str, Any] | None:
    """All that a finished file depends on; None where there is no such file."""
    try:
        with h5py.File(path, "r") as file:
            return _header_of(file, FORMAT)
    except (OSError, KeyError, ValueError):
        return None


def same(path: Path, header: Header) -> bool:
    """Tell whether a file is that projection, finished."""
    return bool(read_header(path) == json.loads(header.text))


def write_plane(path: Path, part: PartFile) -> Path:
    """Write the finished file from all points; the unfinished one is left as it is.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    new = part.path.with_name(part.path.name + ".new")
    with _writing(new), uninterrupted():
        with h5py.File(new, "w", libver=LIBVER) as file:
            _fill(file, part)
        _sync(new)
        os.replace(new, path)
    return path


def places(header: Header, points: Sequence[int]) -> str:
    """Name points by index and coordinates, the first ones."""
    named = []
    for k in points[:NAMED]:
        index = tuple(int(i) for i in np.unravel_index(k, header.shape))
        where = ", ".join(f"{c:.6g}" for c in header.coordinates(k))
        named.append(f"{index} at ({where})")
    more = len(points) - NAMED
    return "; ".join(named) + (f"; and {more} more" if more > 0 else "")


def _fill(file: Any, part: PartFile) -> None:
    header = part.header
    names = ("x", "y")[: header.dim]
    file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION, Conventions="CF-1.11")
    file.attrs["axes"] = list(names)
    for key, value in header.about.items():
        file.attrs[key] = value
    if part.holes:
        file.attrs["not_finite"] = len(part.holes)
        file.attrs["not_finite_points"] = places(header, part.holes)
    for name, axis in zip(names, header.axes, strict=True):
        scale = _dataset(file, name, axis, (), f"{name}: distance between weights")
        scale.make_scale(name)
    for name in ("component", "row", "column"):
        made = file.create_dataset(name, data=list(names), dtype=TEXT, track_times=False)
        made.make_scale(name)
        made.attrs["long_name"] = f"{name}: name of the axis"
    for name, (inner, about) in FIELDS.items():
        if name in header.rows:
            _dataset(file, name, part.array(name), (*names, *inner), about)
    if header.table:
        _write_table(file, part, names)
    if header.weights is not None:
        group = file.create_group("weights")
        group.create_dataset("anchors", data=header.weights, track_times=False, **PACKED)
        group["anchors"].attrs["long_name"] = "weights of the networks at the anchors"
    _text(file, "config", header.config)
    _text(file, "header", header.text)


#: dataset -> (dimensions after those of the lattice, long name)
FIELDS: dict[str, tuple[tuple[str, ...], str]] = {
    "loss": ((), "mean loss over the samples"),
    "gradient": (("component",), "gradient of the loss"),
    "covariance": (("row", "column"), "covariance of the per-sample gradients, denominator n"),
    "hessian": (("row", "column"), "Hessian of the loss, almost everywhere"),
}


def _write_table(file: Any, part: PartFile, names: tuple[str, ...]) -> None:
    """Bring rows of points into the order of samples, some samples at a time."""
    header = part.header
    group = file.create_group("table")
    sample = group.create_dataset("sample", data=np.arange(header.samples), track_times=False)
    sample.make_scale("sample")
    shape = (header.samples, *header.shape, header.dim)
    chunks = (1, *shape[1:]) if np.prod(shape[1:]) < BLOCK // 16 else True
    data = group.create_dataset("gradient", shape, "f4", chunks=chunks, track_times=False, **PACKED)
    data.attrs.update(units="1", long_name="gradient of each sample's loss")
    for k, scale in enumerate((sample, *(file[n] for n in (*names, "component")))):
        data.dims[k].attach_scale(scale)
    step = max(1, BLOCK // int(np.prod(shape[1:])))
    for begin in range(0, header.samples, step):
        data[begin : begin + step] = part.table(begin, begin + step)


def _dataset(file: Any, name: str, values: Any, dims: tuple[str, ...], about: str) -> Any:
    data = file.create_dataset(name, data=values, track_times=False, **PACKED)
    data.attrs.update(units="1", long_name=about)
    for k, dim in enumerate(dims):
        data.dims[k].attach_scale(file[dim])
    return data


def _reserved(group: Any, name: str, shape: tuple[int, ...], kind: str) -> None:
    """Make a dataset whose space is taken at once, in one piece."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.CONTIGUOUS)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_obj_track_times(False)
    space = h5py.h5s.create_simple(shape)
    type_ = h5py.h5t.py_create(np.dtype(kind), logical=True)
    h5py.h5d.create(group.id, name.encode(), type_, space, dcpl=plan)


def _text(file: Any, name: str, text: str) -> None:
    # no attribute: those are limited to 64 kB
    file.create_dataset(name, data=text, dtype=TEXT, track_times=False)


def _header_of(file: Any, wanted: str) -> dict[str, Any]:
    if (given := file.attrs.get("format")) != wanted:
        msg = f"format is {given!r}"
        raise ValueError(msg)
    if int(file.attrs["format_version"]) > FORMAT_VERSION:
        msg = "it was made by a later version"
        raise ValueError(msg)
    found: dict[str, Any] = json.loads(file["header"].asstr()[()])
    return found


def _check_same(found: Mapping[str, Any], header: Mapping[str, Any], path: Path) -> None:
    changed = [k for k in {**header, **found} if found.get(k) != header.get(k)]
    if changed:
        details = (f"{k}{_change(found.get(k), header.get(k))}" for k in changed)
        msg = f"cannot go on, other than before: {'; '.join(details)}; --force begins anew"
        raise CaseError(msg, file=str(path))


def _change(old: object, new: object) -> str:
    if isinstance(old, str | int | float) and isinstance(new, str | int | float):
        return f" ({str(old)[:40]}, now {str(new)[:40]})"
    return ""


@contextmanager
def _writing(path: Path) -> Any:
    """Turn what h5py and the system raise into one clear error."""
    try:
        yield
    except DataError:
        raise
    except BlockingIOError:
        msg = f"{path}: another process is at work on it"
        raise DataError(msg) from None
    except (OSError, RuntimeError) as error:
        if path.suffix == ".new":
            with suppress(OSError):
                path.unlink()
        number = getattr(error, "errno", None)
        what = os.strerror(number) if number else str(error)
        msg = f"{path}: cannot be read or written ({what})"
        raise DataError(msg) from error


def _refuse_locked(path: Path) -> None:
    """Raise what `h5py` does when another process is writing a file."""
    try:
        h5py.File(path, "r+").close()
    except BlockingIOError:
        raise
    except OSError:  # none, or a damaged one
        return


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
