"""Files of paths of a network: what the comparison with the theory of momentum needs, no more.

HDF5. Attributes of the root say what network, data and versions; ``config`` is the text it was
made from. Each group ``/runs/K`` has the hyper-parameters as attributes and as datasets, with K
directions (top eigenvectors of the Hessian at the reference point, the mean of the weights over a
window before the path):

=====================================  ==========================================================
``curvature``, ``residual`` (K)        eigenvalues of the Hessian of the loss, ``|H v - h v|``
``covariance`` (K, K)                  of the gradient of a sample, along the directions
``total_noise``                        its trace over all weights
``noise_nodes``, ``noise_weights``     quadratures of ``tr[f(H) C]`` without the K directions
``density_nodes``, ``density_weights`` quadratures of ``tr f(H) / P``
``way_*``                              curvature, covariance, trace at points of the path
``way_nodes``, ``way_weights``         quadratures of ``tr[f(H) C]``, both averaged on the way
``path_*``                             block means of the path, see `PathStatistics`
``lags``, ``distances`` (b, m)         ``|theta_{k+n} - theta_k|^2``, means over blocks of origins
``looks`` (5, l)                       step, loss, ``|theta|^2``, virial about origin and zero
=====================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import DataError
from fokkerplanck.network_statistics import BLOCKS, PathStatistics
from fokkerplanck.provenance import versions
from fokkerplanck.recorded_file import opened, plain_attribute

__all__ = ["NetworkFile", "NetworkRun", "read_network", "write_network"]

Array = NDArray[np.float64]
FORMAT, FORMAT_VERSION = "fokkerplanck network paths", 1
#: attributes of a run
HOW = ("learning_rate", "momentum", "weight_decay", "batch_size", "samples", "steps", "draw")
#: datasets of a run beside ``path_*``, and how many axes they have
POINT = {
    "curvature": 1,
    "residual": 1,
    "covariance": 2,
    "gradient": 1,
    "weights_along": 1,
    "loss": 0,
    "norm": 0,
    "gradient_norm": 0,
    "total_noise": 0,
    "noise_nodes": 2,
    "noise_weights": 2,
    "density_nodes": 2,
    "density_weights": 2,
    "way_curvature": 2,
    "way_covariance": 3,
    "way_total_noise": 1,
    "way_nodes": 2,
    "way_weights": 2,
    "mean_loss": 0,
    "mean_norm": 0,
}
#: datasets whose precision a picture or an error sets
SINGLE = (
    *("path_correlation", "path_swirl", "path_circulation", "path_piece"),
    *("looks", "distances", "way_covariance", "noise_nodes", "noise_weights"),
    *("density_nodes", "density_weights", "way_nodes", "way_weights"),
)
#: numbers of a dataset that is not worth packing
SMALL = 200
PACKED = {"compression": "gzip", "compression_opts": 9, "shuffle": True}


@dataclass(frozen=True, eq=False)
class NetworkRun:
    """A path, what was measured at its reference point, and on the way.

    Parameters
    ----------
    name : str
    how : dict
        Hyper-parameters, number of samples, steps.
    point : dict of str to ndarray
        The datasets of `POINT`.
    path : PathStatistics
    lags : ndarray of int, shape (m,)
    distances : ndarray, shape (b, m)
    looks : ndarray, shape (5, l)
    """

    name: str
    how: dict[str, Any]
    point: dict[str, Array]
    path: PathStatistics
    lags: NDArray[np.int64]
    distances: Array
    looks: Array

    @classmethod
    def of(
        cls,
        name: str,
        how: Mapping[str, Any],
        point: Mapping[str, ArrayLike],
        path: PathStatistics,
        lags: ArrayLike,
        distances: ArrayLike,
        looks: ArrayLike,
        blocks: int = BLOCKS,
    ) -> NetworkRun:
        """Make it of distances from single origins, shape (o, m), NaN where there are none."""
        far = np.asarray(distances, dtype=np.float64)
        cut = np.array_split(far, min(blocks, len(far)))
        means = [[_mean(column) for column in part.T] for part in cut]
        arrays = {key: np.asarray(value, dtype=np.float64) for key, value in point.items()}
        lag = np.asarray(lags, dtype=np.int64)
        return cls(name, dict(how), arrays, path, lag, np.array(means), np.asarray(looks))

    @property
    def factor(self) -> float:
        """What the covariance of a sample is multiplied by to be that of a step.

        ``1 / B`` for batches drawn with replacement, else ``(N - B) / (B (N - 1))``. Noise of
        shuffled epochs has the second variance too, but steps that are not independent.
        """
        size, samples = float(self.how["batch_size"]), float(self.how["samples"])
        if self.how["draw"] == "replacement":
            return 1 / size
        return (samples - size) / (size * (samples - 1))


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """All paths of a file, and what they are of."""

    about: dict[str, Any]
    runs: tuple[NetworkRun, ...]


def write_network(path: str | Path, found: NetworkFile) -> None:
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
        part.replace(target)
    except OSError as error:
        msg = f"{target}: cannot be written ({error})"
        raise DataError(msg) from error


def read_network(path: str | Path) -> NetworkFile:
    """Read a file of `write_network`.

    Raises
    ------
    DataError
        When it cannot be read, is something else, or lacks something.
    """
    source = Path(path)
    with opened(source) as file:
        if file.attrs.get("format") != FORMAT:
            msg = f"{source}: is not a file of paths of a network, made by momentum_network.py"
            raise DataError(msg)
        if int(file.attrs["format_version"]) > FORMAT_VERSION:
            msg = (
                f"{source}: has format {file.attrs['format_version']}, "
                f"this version reads up to {FORMAT_VERSION}"
            )
            raise DataError(msg)
        about = {key: plain_attribute(value) for key, value in file.attrs.items()}
        groups = file.get("runs", {})
        if not len(groups):
            msg = f"{source}: has no runs"
            raise DataError(msg)
        runs = [_read_run(groups[str(k)], f"{source}: runs/{k}") for k in range(len(groups))]
    return NetworkFile(about, tuple(runs))


def _write_run(group: h5py.Group, run: NetworkRun) -> None:
    group.attrs["name"] = run.name
    for key, value in run.how.items():
        group.attrs[key] = value
    group.attrs["path_steps"] = run.path.steps
    path = {f"path_{key}": getattr(run.path, key) for key in PathStatistics.names()}
    rest = {"lags": run.lags, "distances": run.distances, "looks": run.looks}
    for key, value in {**run.point, **path, **rest}.items():
        array = np.asarray(value)
        if key == "path_phase":
            array = array.astype(np.uint16)
        elif key == "path_points":
            array = array.astype(np.float16)
        elif key in SINGLE:
            array = array.astype(np.float32)
        group.create_dataset(key, data=array, **(PACKED if array.size > SMALL else {}))


def _read_run(group: h5py.Group, where: str) -> NetworkRun:
    missing = [key for key in ("name", *HOW, "path_steps") if key not in group.attrs]
    names = [f"path_{key}" for key in PathStatistics.names()]
    missing += [key for key in (*POINT, *names, "lags", "distances", "looks") if key not in group]
    if missing:
        msg = f"{where} lacks {', '.join(missing)}"
        raise DataError(msg)
    arrays = {key: np.asarray(group[key][...]) for key in group}
    count = len(arrays["curvature"]) if arrays["curvature"].ndim else 0
    for key, axes in POINT.items():
        if arrays[key].ndim != axes or not np.isfinite(arrays[key]).all():
            msg = f"{where}/{key}: finite numbers with {axes} axes, has shape {arrays[key].shape}"
            raise DataError(msg)
    if arrays["covariance"].shape != (count, count) or arrays["path_position"].shape[1:] != (
        count,
    ):
        msg = f"{where}: curvature, covariance and path differ in the number of directions"
        raise DataError(msg)
    how = {key: plain_attribute(value) for key, value in group.attrs.items()}
    name, steps = str(how.pop("name")), int(how.pop("path_steps"))
    integers = {"lags", "phase"}
    parts: dict[str, Any] = {
        key: arrays[f"path_{key}"].astype(np.int64 if key in integers else np.float64)
        for key in PathStatistics.names()
    }
    path = PathStatistics(**parts, steps=steps)
    point = {key: arrays[key].astype(np.float64) for key in POINT}
    return NetworkRun(
        name,
        how,
        point,
        path,
        arrays["lags"].astype(np.int64),
        arrays["distances"].astype(np.float64),
        arrays["looks"].astype(np.float64),
    )


def _mean(values: Array) -> float:
    found = values[np.isfinite(values)]
    return float(found.mean()) if found.size else float("nan")
