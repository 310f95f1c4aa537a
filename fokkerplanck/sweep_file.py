"""Sweeps on disk: HDF5 with one dimension, the same bytes for the same results.

======================  =========================================================================
``point``               the dimension: index of the point
``KEY``                 for each varied key, such as ``noise.batch_size``: its value
``QUANTITY``            for each number of a run's JSON, such as ``passage.left to right.mean``:
                        its value, nan where there is none
``status``, ``message`` what became of the point: ``done``, ``failed`` or ``crashed``, and why
``result``              the JSON of the run as text
``case``, ``header``    canonical TOML of the case; JSON with the values of all axes and versions
attributes              ``title``, ``case_hash``, ``zip``; ``vary_keys`` and
                        ``vary_shape``: a column of a full grid is an array of this shape, in
                        this order of axes
======================  =========================================================================

Nothing in it says when, where or how fast it was computed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fokkerplanck.errors import DataError
from fokkerplanck.store import part_path
from fokkerplanck.sweep_data import Header, Outcome, SweepResult
from fokkerplanck.sweep_journal import is_journal, read_journal
from fokkerplanck.writer import uninterrupted

__all__ = ["FORMAT", "is_sweep", "read_sweep", "write_sweep"]

#: value of the root attribute ``format``
FORMAT = "fokkerplanck sweep"
FORMAT_VERSION = 1
LIBVER = ("v110", "v110")
TEXT = h5py.string_dtype()
OWN = ("status", "message", "result")


def is_sweep(path: str | Path) -> bool:
    """Tell whether a file is a sweep, or the journal of one."""
    path = Path(path)
    if is_journal(path):
        return True
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except OSError:
        return False


def read_sweep(path: str | Path) -> SweepResult:
    """Read a sweep, finished or not (``NAME.h5.part``).

    Raises
    ------
    DataError
        When the file is missing, damaged, or no sweep.
    """
    path = Path(path)
    if is_journal(path):
        return read_journal(path)[0]
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                msg = f"{path}: is not a sweep"
                raise DataError(msg)
            if (version := int(file.attrs["format_version"])) > FORMAT_VERSION:
                msg = f"{path}: has format {version}; this version reads up to {FORMAT_VERSION}"
                raise DataError(msg)
            header = Header.of(json.loads(file["header"].asstr()[()]))
            columns = [file[name].asstr()[()] for name in OWN]
    except DataError:
        raise
    except (OSError, KeyError, ValueError, TypeError) as error:
        hint = part_path(path)
        more = f"; {hint} holds an unfinished one" if hint.exists() else ""
        msg = f"{path}: cannot be read as a sweep ({error}){more}"
        raise DataError(msg) from None
    return SweepResult(header, dict(enumerate(map(_outcome, *columns))), path)


def write_sweep(result: SweepResult, path: Path) -> SweepResult:
    """Write a sweep; the file appears under its name when it is whole.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    new = path.with_name(path.name + ".part.new")
    try:
        with uninterrupted():
            with h5py.File(new, "w", libver=LIBVER, track_order=False) as file:
                _fill(file, result)
            with new.open("rb") as raw:
                os.fsync(raw.fileno())
            os.replace(new, path)
    except (OSError, RuntimeError) as error:
        new.unlink(missing_ok=True)
        msg = f"{path}: cannot be written ({error})"
        raise DataError(msg) from error
    return SweepResult(result.header, result.outcomes, path)


def _fill(file: Any, result: SweepResult) -> None:
    header, n = result.header, len(result)
    file.attrs["Conventions"] = "CF-1.11"
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["title"] = header.title
    file.attrs["case_hash"] = header.case_hash
    file.attrs["vary_keys"] = list(header.keys)
    file.attrs["vary_shape"] = list(header.shape)
    file.attrs["zip"] = int(header.zipped)
    point = file.create_dataset("point", data=np.arange(n, dtype=np.int64), track_times=False)
    point.make_scale("point")
    point.attrs["long_name"] = "index of the point"
    for key, values in result.varied.items():
        _column(file, key, values, "value of the varied key")
    for name, values in result.scalars.items():
        _column(file, name, values, "number of the result of the run")
    outcomes = [result.outcomes[k] for k in range(n)]
    about = "done, failed or crashed", "what went wrong", "JSON of the run"
    texts = [o.status for o in outcomes], [o.message for o in outcomes], map(_json, outcomes)
    for name, lines, what in zip(OWN, texts, about, strict=True):
        _column(file, name, np.array([*lines], dtype=object), what)
    for name, text in ("header", json.dumps(header.json())), ("case", header.case):
        # no attributes: those are limited to 64 kB
        file.create_dataset(name, data=text, dtype=TEXT, track_times=False)


def _column(file: Any, name: str, values: Any, about: str) -> None:
    if values.dtype == object:
        texts = [v if isinstance(v, str) else json.dumps(v) for v in values]
        made = file.create_dataset(name, data=texts, dtype=TEXT, track_times=False)
    else:
        made = file.create_dataset(name, data=values, track_times=False)
        made.attrs["units"] = "1"
    made.dims[0].attach_scale(file["point"])
    made.attrs["long_name"] = about


def _json(outcome: Outcome) -> str:
    return (
        ""
        if outcome.result is None
        else json.dumps(outcome.result, allow_nan=False, sort_keys=True)
    )


def _outcome(status: str, message: str, result: str) -> Outcome:
    return Outcome(str(status), str(message), json.loads(result) if result else None)
