"""Files of gradient noise of networks through training: numbers, and a sample to estimate anew.

HDF5. Attributes of the root say what network, data and versions; ``config`` is the text it was made
from. Each group ``/runs/K`` has hyper-parameters as attributes and as datasets, at T steps:

==================  ===============================================================================
``numbers`` (T, c)  at each step, columns as its attribute ``columns`` names them (`COLUMNS`)
``ladder``          (l, b, c): at some steps and batch sizes, `LADDER`; ``ladder_steps``
``fair`` (l, 3, 2)  pooled ``1/alpha`` of the recorded coordinates and its error: of the noise, of
                    Gaussian noise of its covariance, and of that with its medians
``samples_S``       (N, k) float16: gradients of single samples at step S along some coordinates,
                    without their mean, each over its standard deviation (attribute ``scale``)
==================  ===============================================================================

``/minibatches`` is noise of minibatches ready for ``fokkerplanck tail-index``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.provenance import versions
from fokkerplanck.recorded_file import opened, plain_attribute

__all__ = ["COLUMNS", "LADDER", "ROWS", "NoiseFile", "NoiseHistory", "as_row", "read_noise_file"]
__all__ += ["write_noise_file"]

Array = NDArray[np.float64]
FORMAT, FORMAT_VERSION = "fokkerplanck gradient noise", 1
#: Of a batch size: by blocks, by characteristic functions, share that is not Gaussian, scale.
ONE = ("block", "block_error", "alpha", "alpha_error", "spread", "rejected", "scale", "scale_error")
#: Columns of a ladder, at each of its batches.
LADDER = ("batch", *ONE, "kurtosis", "not_fitted")
#: Rows of the pooled estimate: the noise and its controls.
ROWS = ("published", "variances", "covariance", "shuffled")
#: Columns of the numbers of a step.
COLUMNS = (
    *("step", "loss", "accuracy", "gradient_norm", "total_noise"),
    *(f"{row}_{what}" for row in ROWS for what in ("inverse", "error")),
    *LADDER,
    *(f"quantile_{q}" for q in (5, 25, 50, 75, 95)),
)
#: Hyper-parameters of a run.
HOW = (
    *("depth", "width", "weights", "batch_size", "learning_rate", "samples", "label_noise"),
    *("data", "pooled_block", "minibatches"),
)
PACKED = {"compression": "gzip", "compression_opts": 9, "shuffle": True}


@dataclass(frozen=True, eq=False)
class NoiseHistory:
    """A training, and its noise on the way.

    Parameters
    ----------
    name : str
    how : dict
        Hyper-parameters, `HOW`.
    numbers : ndarray, shape (T, c)
        Columns are `COLUMNS`.
    ladder_steps : ndarray of int, shape (l,)
    ladder : ndarray, shape (l, b, d)
        Columns are `LADDER`.
    fair : ndarray, shape (l, 3, 2)
        See `fair_estimates`.
    samples : dict of int to ndarray, shape (N, k)
        Gradients of single samples over their standard deviations, by step.
    """

    name: str
    how: dict[str, Any]
    numbers: Array
    ladder_steps: NDArray[np.int64]
    ladder: Array
    fair: Array
    samples: dict[int, Array] = field(default_factory=dict)

    def column(self, name: str) -> Array:
        """Numbers of that name at all steps."""
        return np.asarray(self.numbers[:, COLUMNS.index(name)])

    def pooled(self, row: str) -> tuple[Array, Array]:
        """Pooled index at all steps and its error: of `ROWS`."""
        inverse, error = self.column(f"{row}_inverse"), self.column(f"{row}_error")
        return 1 / inverse, error / inverse**2

    def rungs(self, step: int) -> dict[str, Array]:
        """Ladder at a step, by column."""
        at = int(np.flatnonzero(self.ladder_steps == step)[0])
        return {name: self.ladder[at, :, k] for k, name in enumerate(LADDER)}


@dataclass(frozen=True, eq=False)
class NoiseFile:
    """All trainings of a file, and what they are of."""

    about: dict[str, Any]
    runs: tuple[NoiseHistory, ...]
    minibatches: Array | None = None

    def run(self, name: str) -> NoiseHistory:
        """Training of that name.

        Raises
        ------
        CaseError
            There is none.
        """
        for run in self.runs:
            if run.name == name:
                return run
        msg = f"no run {name!r}; there are {', '.join(run.name for run in self.runs)}"
        raise CaseError(msg)


def write_noise_file(path: str | Path, found: NoiseFile) -> None:
    """Write a file; one that is there is replaced when the new one is whole.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    try:
        with h5py.File(part, "w", libver=("v110", "v110")) as file:
            file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
            for key, value in {**found.about, "versions": str(versions())}.items():
                file.attrs[key] = value
            for k, run in enumerate(found.runs):
                _write_run(file.create_group(f"runs/{k}"), run)
            if found.minibatches is not None:
                _write_scaled(file, "minibatches", found.minibatches)
        part.replace(target)
    except OSError as error:
        msg = f"{target}: cannot be written ({error})"
        raise DataError(msg) from error


def read_noise_file(path: str | Path) -> NoiseFile:
    """Read a file of `write_noise_file`.

    Raises
    ------
    DataError
        When it cannot be read, is something else, or lacks something.
    """
    source = Path(path)
    with opened(source) as file:
        if file.attrs.get("format") != FORMAT:
            msg = f"{source}: is not a file of gradient noise, made by tail_network.py"
            raise DataError(msg)
        if int(file.attrs["format_version"]) > FORMAT_VERSION:
            msg = f"{source}: has format {file.attrs['format_version']}, this version reads up to "
            raise DataError(msg + str(FORMAT_VERSION))
        about = {key: plain_attribute(value) for key, value in file.attrs.items()}
        groups = file.get("runs", {})
        runs = [_read_run(groups[str(k)], f"{source}: runs/{k}") for k in range(len(groups))]
        if not runs:
            msg = f"{source}: has no runs"
            raise DataError(msg)
        batches = file["minibatches"][...].astype(float) if "minibatches" in file else None
    return NoiseFile(about, tuple(runs), batches)


def _write_run(group: h5py.Group, run: NoiseHistory) -> None:
    group.attrs["name"] = run.name
    for key, value in run.how.items():
        group.attrs[key] = value
    table = group.create_dataset("numbers", data=run.numbers.astype(np.float32), **PACKED)
    table.attrs["columns"] = list(COLUMNS)
    ladder = group.create_dataset("ladder", data=run.ladder.astype(np.float32), **PACKED)
    ladder.attrs["columns"] = list(LADDER)
    group.create_dataset("ladder_steps", data=run.ladder_steps)
    group.create_dataset("fair", data=run.fair)
    for step, values in run.samples.items():
        _write_scaled(group, f"samples_{step}", values)


def _write_scaled(group: h5py.Group, name: str, values: Array) -> None:
    """Write columns over their standard deviations, in half precision: indices know no scale."""
    scale = np.sqrt((values**2).mean(axis=0))
    data = group.create_dataset(name, data=(values / scale).astype(np.float16), **PACKED)
    data.attrs["scale"] = scale.astype(np.float32)


def _read_run(group: h5py.Group, where: str) -> NoiseHistory:
    missing = [key for key in ("name", *HOW) if key not in group.attrs]
    missing += [key for key in ("numbers", "ladder", "ladder_steps", "fair") if key not in group]
    if missing:
        msg = f"{where} lacks {', '.join(missing)}"
        raise DataError(msg)
    tables = {"numbers": COLUMNS, "ladder": LADDER}
    for key, columns in tables.items():
        if tuple(group[key].attrs["columns"]) != columns:
            msg = f"{where}/{key}: columns are {', '.join(columns)}"
            raise DataError(msg)
    how = {key: plain_attribute(value) for key, value in group.attrs.items()}
    return NoiseHistory(
        str(how.pop("name")),
        how,
        group["numbers"][...].astype(np.float64),
        group["ladder_steps"][...].astype(np.int64),
        group["ladder"][...].astype(np.float64),
        group["fair"][...].astype(np.float64),
        {
            int(key.removeprefix("samples_")): group[key][...].astype(np.float64)
            for key in group
            if key.startswith("samples_")
        },
    )


def as_row(values: Mapping[str, Any], columns: tuple[str, ...]) -> Array:
    """Values by name as a row of a table."""
    return np.array([float(values[name]) for name in columns])
