"""Files that hold a sampled loss: our own layout and that of the common loss-landscape tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck.errors import DataError
from fokkerplanck.landscapes.base import Array

__all__ = ["Surface", "read_surface"]

#: the loss-landscape tools mark a point that has not been computed by this value
UNFILLED = -1.0


@dataclass(frozen=True, eq=False)
class Surface:
    """Values on a lattice as they were read.

    Parameters
    ----------
    axes : tuple of ndarray
    loss : ndarray, shape of the lattice
    gradient : ndarray, shape (*lattice, dim), optional
    covariance : ndarray, shape (*lattice, dim, dim), optional
    """

    axes: tuple[Array, ...]
    loss: Array
    gradient: Array | None = None
    covariance: Array | None = None

    def problem(self, fewest: int) -> str | None:
        """Say what is wrong with the values, or None."""
        for name, axis in zip("xy", self.axes, strict=False):
            if axis.ndim != 1 or len(axis) < fewest:
                return f"{name} needs at least {fewest} points in one row, got shape {axis.shape}"
            if not np.isfinite(axis).all() or not (np.diff(axis) > 0.0).all():
                return f"{name} is not a list of increasing finite coordinates"
        shape, dim = tuple(len(axis) for axis in self.axes), len(self.axes)
        parts = {
            "loss": (self.loss, shape),
            "gradient": (self.gradient, (*shape, dim)),
            "covariance": (self.covariance, (*shape, dim, dim)),
        }
        for name, (values, wanted) in parts.items():
            if values is not None and values.shape != wanted:
                return f"{name} has shape {values.shape}; the coordinates ask for {wanted}"
            if values is not None and not np.isfinite(values).all():
                where = _indices(~np.isfinite(values))
                return f"{name} is not finite at index {where}"
        return None


def read_surface(path: str | PathLike[str], fewest: int) -> Surface:
    """Read a sampled loss of either layout; raises `DataError` with the path."""
    h5py: Any = import_module("h5py")

    path = Path(path)
    if not path.is_file():
        msg = f"{path}: no such file" if not path.exists() else f"{path}: not a file"
        raise DataError(msg)
    try:
        with h5py.File(path, "r") as file:
            surface = _surface(file)
    except DataError as error:
        msg = f"{path}: {error}"
        raise DataError(msg) from None
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        msg = f"{path}: not a readable HDF5 file with numbers, or truncated ({error})"
        raise DataError(msg) from None
    problem = surface.problem(fewest)
    if problem:
        msg = f"{path}: {problem}"
        raise DataError(msg)
    return surface


def _surface(file: Mapping[str, Any]) -> Surface:
    if "xcoordinates" in file:
        return _tool_surface(file)
    names = ["x", "y"] if "y" in file else ["x"]
    missing = [name for name in [*names, "loss"] if name not in file]
    if missing:
        msg = (
            f"no dataset {' and '.join(missing)}; a sampled loss has x, y and loss, or "
            f"xcoordinates, ycoordinates and train_loss; this file has {sorted(file) or 'nothing'}"
        )
        raise DataError(msg)
    extra = (_array(file, n) if n in file else None for n in ("gradient", "covariance"))
    return Surface(tuple(_array(file, n) for n in names), _array(file, "loss"), *extra)


def _tool_surface(file: Mapping[str, Any]) -> Surface:
    """Surface file of the loss-landscape tools.

    They fill the flat buffer of ``train_loss`` in the order of ``numpy.meshgrid(x, y)``, x
    fastest, whatever shape the dataset was given.
    """
    names = ["xcoordinates", "ycoordinates"] if "ycoordinates" in file else ["xcoordinates"]
    if "train_loss" not in file:
        msg = "no dataset train_loss beside xcoordinates"
        raise DataError(msg)
    axes = tuple(_array(file, name).ravel() for name in names)
    shape = tuple(len(axis) for axis in axes)
    loss = _array(file, "train_loss")
    if loss.size != np.prod(shape):
        msg = f"train_loss has {loss.size} values; the coordinates ask for {shape}"
        raise DataError(msg)
    loss = np.ascontiguousarray(loss.reshape(shape[::-1]).T)
    unfilled = loss == UNFILLED
    if unfilled.any():
        msg = (
            f"{int(unfilled.sum())} of {loss.size} points have not been computed "
            f"(train_loss = -1), at index {_indices(unfilled)} of (x, y)"
        )
        raise DataError(msg)
    return Surface(axes, loss)


def _array(file: Mapping[str, Any], name: str) -> Array:
    dataset = file[name]
    if not hasattr(dataset, "shape"):
        msg = f"{name} is a group, not a dataset"
        raise DataError(msg)
    return np.array(dataset[()], dtype=np.float64)


def _indices(bad: np.ndarray) -> str:
    places = np.argwhere(bad)
    shown = ", ".join(str(tuple(int(i) for i in place)) for place in places[:3])
    return shown + (f" and {len(places) - 3} more" if len(places) > 3 else "")
