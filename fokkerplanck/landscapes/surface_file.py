"""Files that hold a sampled loss: our own layout and that of the common loss-landscape tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck.errors import DataError
from fokkerplanck.landscapes.base import Array

__all__ = ["Surface", "is_surface", "read_surface"]

#: the loss-landscape tools mark a point that has not been computed by this value
UNFILLED = -1.0
#: datasets of our own layout besides coordinates and loss
EXTRA = ("gradient", "covariance", "hessian")
#: coordinates are distances between weights, losses are in nats: neither has a unit
UNITS = ("", "1", "dimensionless", "nat", "nats")
#: attributes that say how a file is built, not where it comes from
STRUCTURE = ("Conventions", "_NCProperties", "axes", "format", "format_version")
#: value of the attribute ``format`` of a projection while it goes on
UNFINISHED = "fokkerplanck plane, unfinished"
#: state of a point of it that is known and finite
DONE = 1


@dataclass(frozen=True, eq=False)
class Surface:
    """Values on a lattice as they were read.

    Parameters
    ----------
    axes : tuple of ndarray
    loss : ndarray, shape of the lattice
    gradient : ndarray, shape (*lattice, dim), optional
    covariance, hessian : ndarray, shape (*lattice, dim, dim), optional
    attributes : dict
        What the file says of itself.
    """

    axes: tuple[Array, ...]
    loss: Array
    gradient: Array | None = None
    covariance: Array | None = None
    hessian: Array | None = None
    attributes: dict[str, Any] = field(default_factory=dict)

    def problem(self, fewest: int, *, complete: bool = True) -> str | None:
        """Say what is wrong with the values, or None; holes are not if it need not be complete."""
        for name, axis in zip("xy", self.axes, strict=False):
            if axis.ndim != 1 or len(axis) < fewest:
                return f"{name} needs at least {fewest} points in one row, got shape {axis.shape}"
            if not np.isfinite(axis).all():
                return f"{name} is not a list of increasing finite coordinates: {_first(axis)}"
            if (bad := np.diff(axis) <= 0.0).any():
                k = int(bad.argmax())
                return (
                    f"{name} is not a list of increasing finite coordinates: "
                    f"{name}[{k}] = {axis[k]:g}, {name}[{k + 1}] = {axis[k + 1]:g}"
                )
        shape, dim = tuple(len(axis) for axis in self.axes), len(self.axes)
        square = (*shape, dim, dim)
        shapes = {"loss": shape, "gradient": (*shape, dim), "covariance": square, "hessian": square}
        for name, wanted in shapes.items():
            values = getattr(self, name)
            if values is not None and values.shape != wanted:
                return f"{name} has shape {values.shape}; the coordinates ask for {wanted}"
        holes = (self.holes(name) for name in shapes) if complete else ()
        return next((hole for hole in holes if hole), None)

    def holes(self, name: str = "loss") -> str | None:
        """Say at which points a dataset is not finite, and how many they are, or None."""
        values = getattr(self, name)
        if values is None or np.isfinite(values).all():
            return None
        bad = ~np.isfinite(values.reshape(*self.loss.shape, -1)).all(axis=-1)
        place = ", ".join(
            f"{n} = {axis[i]:g}"
            for n, axis, i in zip("xy", self.axes, np.argwhere(bad)[0], strict=False)
        )
        return (
            f"{name} is not finite at {int(bad.sum())} of {bad.size} points, at index "
            f"{_indices(bad)}; the first is {place}: sample them again, or leave out these rows"
        )


def is_surface(path: str | PathLike[str]) -> bool:
    """Tell whether a file is a sampled loss of either layout."""
    h5py: Any = import_module("h5py")

    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") == UNFINISHED or "xcoordinates" in file:
                return True
            return "x" in file and "loss" in file and "diffusion" not in file
    except OSError:
        return False


def read_surface(path: str | PathLike[str], fewest: int, *, complete: bool = True) -> Surface:
    """Read a sampled loss of either layout.

    Parameters
    ----------
    path : str or Path
    fewest : int
        Points that are needed along each axis.
    complete : bool
        Refuse points without a finite value.

    Raises
    ------
    DataError
        With the path, the dataset, and where in it.
    """
    h5py: Any = import_module("h5py")

    path = Path(path)
    if not path.is_file():
        msg = f"{path}: no such file" if not path.exists() else f"{path}: not a file"
        raise DataError(msg)
    try:
        with h5py.File(path, "r") as file:
            surface = _surface(file, complete)
    except DataError as error:
        msg = f"{path}: {error}"
        raise DataError(msg) from None
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        msg = f"{path}: not a readable HDF5 file with numbers, or truncated ({error})"
        raise DataError(msg) from None
    problem = surface.problem(fewest, complete=complete)
    if problem:
        msg = f"{path}: {problem}"
        raise DataError(msg)
    return surface


def _surface(file: Any, complete: bool) -> Surface:
    if file.attrs.get("format") == UNFINISHED:
        return _unfinished(file, complete)
    if "xcoordinates" in file:
        return _tool_surface(file, complete)
    names = ["x", "y"] if "y" in file else ["x"]
    missing = [name for name in [*names, "loss"] if name not in file]
    if missing:
        msg = (
            f"no dataset {' and '.join(missing)}; a sampled loss has x, y and loss, or "
            f"xcoordinates, ycoordinates and train_loss; this file has {sorted(file) or 'nothing'}"
        )
        raise DataError(msg)
    extra = {n: _array(file, n) if n in file else None for n in EXTRA}
    axes, attributes = tuple(_array(file, n) for n in names), _attributes(file)
    return Surface(axes, _array(file, "loss"), **extra, attributes=attributes)


def _unfinished(file: Any, complete: bool) -> Surface:
    """Points of a projection that are done; the others are nan."""
    points, state = file["points"], file["points/state"][...]
    done = state == DONE
    if complete:
        msg = (
            f"an unfinished projection: {int(done.sum())} of {done.size} points are done; go on "
            "with project --resume (info and plot show what there is)"
        )
        raise DataError(msg)
    axes = tuple(np.array(a, dtype=np.float64) for a in json.loads(file["header"][()])["points"])
    shape, parts = tuple(len(axis) for axis in axes), {}
    for name in ("loss", *EXTRA):
        if name in points:
            values = _array(points, name)
            values[~done] = np.nan
            parts[name] = values.reshape(*shape, *values.shape[1:])
    return Surface(axes, **parts, attributes={"points_done": int(done.sum())})


def _attributes(file: Any) -> dict[str, Any]:
    """Attributes of the root as plain values; text that is JSON is read as such."""
    found = {}
    for name, value in file.attrs.items():
        if name in STRUCTURE:
            continue
        value = value.tolist() if hasattr(value, "tolist") else value
        value = value.decode(errors="replace") if isinstance(value, bytes) else value
        if isinstance(value, str) and value[:1] in ("{", "["):
            with suppress(ValueError):
                value = json.loads(value)
        found[str(name)] = value
    return found


def _tool_surface(file: Mapping[str, Any], complete: bool) -> Surface:
    """Surface file of the loss-landscape tools.

    They fill the flat buffer of ``train_loss`` in the order of ``numpy.meshgrid(x, y)``, x
    fastest, whatever shape the dataset was given. Coordinates are multiples of two directions
    that are as long as the weights and need not be orthogonal, not distances.
    """
    names = ["xcoordinates", "ycoordinates"] if "ycoordinates" in file else ["xcoordinates"]
    if "train_loss" not in file:
        msg = f"no dataset train_loss beside xcoordinates; this file has {sorted(file)}"
        raise DataError(msg)
    axes = tuple(_array(file, name).ravel() for name in names)
    shape = tuple(len(axis) for axis in axes)
    loss = _array(file, "train_loss")
    if loss.size != np.prod(shape):
        msg = f"train_loss has {loss.size} values; the coordinates ask for {shape}"
        raise DataError(msg)
    loss = np.ascontiguousarray(loss.reshape(shape[::-1]).T)
    unfilled = loss == UNFILLED
    if not complete:
        loss[unfilled] = np.nan
    elif unfilled.any():
        msg = (
            f"{int(unfilled.sum())} of {loss.size} points have not been computed "
            f"(train_loss = -1), at index {_indices(unfilled)} of (x, y)"
        )
        raise DataError(msg)
    note = "multiples of the tool's directions: distances between weights only if those are "
    about = {"layout": "loss-landscape tool", "coordinates": f"{note}orthonormal"}
    if "dir_file" in file:
        given = file["dir_file"][()]
        about["directions"] = given.decode(errors="replace") if isinstance(given, bytes) else given
    return Surface(axes, loss, attributes=about)


def _array(file: Mapping[str, Any], name: str) -> Array:
    dataset = file[name]
    if not hasattr(dataset, "shape"):
        msg = f"{name} is a group, not a dataset"
        raise DataError(msg)
    units = dataset.attrs.get("units", "")
    if (given := units.decode() if isinstance(units, bytes) else str(units)) not in UNITS:
        msg = (
            f"{name} has the units {given!r}; nothing here has units: coordinates are distances "
            "between weights, losses are in nats. Convert it, and set its attribute units to 1"
        )
        raise DataError(msg)
    if dataset.dtype.kind not in "fiub":
        msg = f"{name} holds no numbers ({dataset.dtype})"
        raise DataError(msg)
    return np.array(dataset[()], dtype=np.float64)


def _first(axis: Array) -> str:
    return f"not finite at index {_indices(~np.isfinite(axis))}"


def _indices(bad: np.ndarray) -> str:
    places = np.argwhere(bad)
    shown = ", ".join(str(tuple(int(i) for i in place)) for place in places[:3])
    return shown + (f" and {len(places) - 3} more" if len(places) > 3 else "")
