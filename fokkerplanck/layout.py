"""Which datasets a result file has: netCDF dimension scales, names, units, compression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.store import FORMAT, FORMAT_VERSION, OPEN, VELOCITY, StoredResult

__all__ = [
    "KINETIC_SCALARS",
    "LEVY_SCALARS",
    "SCALARS",
    "SLOTS",
    "Group",
    "Header",
    "append_row",
    "checkpoint_of",
    "copy_snapshots",
    "extend",
    "lay_out",
    "write_group",
]

Array = NDArray[np.float64]

#: gzip level; higher ones cost several times more and save a few per cent on densities.
PACKED = {"shuffle": True, "compression": "gzip", "compression_opts": 1}
CHUNK_OF_TIMES = 256
#: checkpoints kept in turn, so that one is always whole
SLOTS = 2
#: per-snapshot scalars: dataset -> (dtype, long name)
SCALARS = {
    "mass": ("f8", "total probability in the grid"),
    "minimum": ("f8", "smallest value of the density"),
    "time_error": ("f8", "accumulated L1 error of time integration"),
    "clipped": ("f8", "probability set to zero where rounding made it negative"),
    "products": ("i8", "matrix-vector products so far"),
    "solves": ("i8", "linear solves so far"),
    "method": ("S24", "time integration method of this step"),
}
#: the same of underdamped motion
KINETIC_SCALARS = {
    **{name: SCALARS[name] for name in ("mass", "minimum", "time_error", "method")},
    "mean_x": ("f8", "mean position, from the modes"),
    "mean_v": ("f8", "mean velocity, from the modes"),
    "covariance_xx": ("f8", "variance of the position, from the modes"),
    "covariance_xv": ("f8", "covariance of position and velocity, from the modes"),
    "covariance_vv": ("f8", "variance of the velocity, from the modes"),
    "entropy_production": ("f8", "entropy production of the irreversible current"),
    "wall_mass": ("f8", "mass in the two outermost cells of x at each wall"),
    "beyond": ("f8", "mass in the outermost cells of v, which hold all beyond"),
    "top_mode": ("f8", "L1 size of the two highest Hermite modes"),
}
#: the same of heavy-tailed noise
LEVY_SCALARS = {
    **{name: SCALARS[name] for name in ("mass", "minimum", "time_error", "clipped")},
    **{name: SCALARS[name] for name in ("solves", "method")},
    "grid_error": ("f8", "L1 change of the density from half as many nodes"),
    "wall_mass": ("f8", "mass in the outermost cells, at which jumps beyond the walls stop"),
}
#: what the checkpoint is called, and what it holds
CHECKPOINTS = {
    "mass": "cell masses; snapshot k is in slot k modulo 2",
    "modes": "symmetrised modes and clock; snapshot k is in slot k modulo 2",
}


@dataclass(frozen=True, eq=False)
class Header:
    """What is known before the first snapshot.

    Parameters
    ----------
    grid : Grid
    title : str
    loss : ndarray, shape (*shape,)
        Or along the first axes only, where it is the same along the others.
    diffusion : ndarray, shape (*shape, dim, dim)
        Or one matrix where it is the same everywhere.
    initial : ndarray, shape (*shape,), or None
        Density at the start.
    case_text, case_hash : str
        Canonical TOML of the case and its hash.
    planned : int
        Number of snapshots the run will have.
    provenance : mapping
        Attributes of ``/case``; the item ``versions`` becomes a group of its own.
    walkers : int, optional
        Of an ensemble: its densities have standard errors and no currents.
    noise : mapping of str to str
        Attributes of ``diffusion``: where it comes from, how it is read, what it assumes.
    scalars : mapping
        Datasets with one number per snapshot: type and long name.
    modes : int, optional
        Of underdamped motion: length of the checkpoint, which holds modes instead of masses.
    jumps : bool
        Of heavy-tailed noise: the current has a part that jumps.
    energy : ndarray, shape (*shape,), or None
        Of underdamped motion: kinetic energy and loss.
    dynamics : mapping
        Attributes of the file: friction, mass and the like of underdamped motion, index and scale
        of heavy tails.
    """

    grid: Grid
    title: str
    loss: Array
    diffusion: Array
    initial: Array | None
    case_text: str
    case_hash: str
    planned: int
    provenance: Mapping[str, Any]
    walkers: int | None = None
    noise: Mapping[str, str] = field(default_factory=dict)
    scalars: Mapping[str, tuple[str, str]] = field(default_factory=lambda: SCALARS)
    jumps: bool = False
    modes: int | None = None
    energy: Array | None = None
    dynamics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """Oldest format that can hold it: older programs go on reading what they can."""
        return 1 if self.modes is None else FORMAT_VERSION

    @property
    def nbytes(self) -> int:
        """Size of the arrays, the checkpoint included."""
        arrays = (self.loss, self.diffusion, self.initial, self.energy)
        kept = sum(a.nbytes for a in arrays if a is not None)
        each = 8 * (self.modes or int(np.prod(self.grid.shape)))
        return kept + (SLOTS + 1) * each + 4 * len(self.case_text)


@dataclass(frozen=True, eq=False)
class Group:
    """A group to be written: arrays with their dimensions and long names, and attributes.

    Parameters
    ----------
    arrays : mapping of str to (ndarray, tuple of str, str)
        name -> (values, names of the dimensions, long name). Dimensions of the root keep their
        coordinates, others count from 0.
    attributes : mapping
        Attributes of the group.
    coordinates : mapping of str to (ndarray, str)
        Dimensions of the group that have values of their own, and their long names.
    """

    arrays: Mapping[str, tuple[Any, tuple[str, ...], str]]
    attributes: Mapping[str, Any]
    coordinates: Mapping[str, tuple[Any, str]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Size of the arrays."""
        return sum(np.asarray(values).nbytes for values, _, _ in self.arrays.values())


def lay_out(file: Any, header: Header) -> None:
    """Make every dataset a run appends to, and write what is known at the start."""
    grid, dims = header.grid, header.grid.names
    file.attrs.update(format=FORMAT, format_version=header.version, Conventions="CF-1.11")
    file.attrs.update(title=header.title, status="running", planned=header.planned)
    file.attrs["axes"] = list(dims)
    file.attrs.update(header.dynamics)
    _coordinates(file, grid)
    _extendable(file, "time", None, "f8", "time")
    file["time"].make_scale("time")
    _extendable(file, "density", dims, "f8", "probability density")
    if header.walkers is None:
        _extendable(file, "current", (*dims, "component"), "f8", "probability current")
    else:
        file.attrs["walkers"] = header.walkers
        _extendable(file, "density_error", dims, "f8", "standard error of the density, by sampling")
    if header.jumps:
        dims_of_jumps = (*dims, "component")
        _extendable(file, "jump_current", dims_of_jumps, "f8", "part of the current that jumps")
    for name, (dtype, long_name) in header.scalars.items():
        _extendable(file, name, (), dtype, long_name)
    _constant(file, "loss", header.loss, dims[: header.loss.ndim], "loss landscape")
    along = (*dims[: header.diffusion.ndim - 2], "row", "column")
    _constant(file, "diffusion", header.diffusion, along, "diffusion tensor")
    if header.energy is not None:
        _constant(file, "energy", header.energy, dims, "kinetic energy and loss")
    file["diffusion"].attrs.update(header.noise)
    if header.initial is not None:
        _constant(file, "initial", header.initial, dims, "density at the start")
    _write_case(file.create_group("case"), header)
    name, size = (
        ("mass", int(np.prod(grid.shape))) if header.modes is None else ("modes", header.modes)
    )
    _write_checkpoint(file.create_group("checkpoint"), name, size)


def append_row(
    file: Any,
    k: int,
    kept: Array,
    fields: Mapping[str, Array | None],
    scalars: Mapping[str, Any],
) -> None:
    """Write snapshot `k`, all but its time; `fields` that are None are left out."""
    checkpoint_of(file)[k % SLOTS] = kept
    for name, values in fields.items():
        if values is not None:
            extend(file[name], k, values)
    for name, value in scalars.items():
        extend(file[name], k, value)


def checkpoint_of(file: Any) -> Any:
    """Dataset that holds, bit for bit, what a run goes on from."""
    group = file["checkpoint"]
    return group[next(name for name in CHECKPOINTS if name in group)]


def extend(data: Any, k: int, value: Any) -> None:
    """Write row `k` of a dataset, the last one."""
    data.resize(k + 1, axis=0)
    data[k] = value


def copy_snapshots(old: StoredResult, file: Any) -> int:
    """Take over all snapshots of an older file; returns how many."""
    n = int(old.times.size)
    fields = ("density", "current", "jump_current", "density_error")
    for name in dict.fromkeys((*fields, *SCALARS, *KINETIC_SCALARS, *LEVY_SCALARS)):
        if name not in file:
            continue
        file[name].resize(n, axis=0)
        for k in range(n):
            file[name][k] = old.file[name][k]
    checkpoint_of(file)[...] = checkpoint_of(old.file)[...]
    file["time"].resize(n, axis=0)
    file["time"][...] = old.times
    return n


def write_group(file: Any, name: str, content: Group) -> None:
    """Write a group with scales of its own, so that it also opens alone."""
    group = file.create_group(name)
    group.attrs.update(content.attributes)
    for dim, (values, long_name) in content.coordinates.items():
        scale = group.create_dataset(dim, data=np.asarray(values))
        scale.make_scale(dim)
        scale.attrs.update(units="1", long_name=long_name)
    for values, dims, _ in content.arrays.values():
        for dim, size in zip(dims, np.shape(values), strict=True):
            if dim not in group:
                _scale_like(file, group, dim, size)
    for key, (values, dims, long_name) in content.arrays.items():
        _constant(group, key, values, dims, long_name)


def _coordinates(group: Any, grid: Grid) -> None:
    for axis in grid.axes:
        scale = group.create_dataset(axis.name, data=axis.centres)
        scale.make_scale(axis.name)
        scale.attrs.update(units="1", long_name=f"{axis.name}, cell centres")
        scale.attrs.update(lower=axis.min, upper=axis.max)
        low, high = axis.walls if axis.name != VELOCITY else (OPEN, OPEN)
        scale.attrs.update(wall_low=low, wall_high=high)
    for name in ("component", "row", "column"):
        data = group.create_dataset(name, data=list(grid.names), dtype=h5py.string_dtype())
        data.make_scale(name)
        data.attrs["long_name"] = f"{name}: name of the axis"


def _scale_like(file: Any, group: Any, dim: str, size: int) -> None:
    """Make a scale in a group: that of the root where it has one, else 0, 1, 2, ..."""
    if dim not in file:
        group.create_dataset(dim, data=np.arange(size)).make_scale(dim)
        return
    model = file[dim]
    scale = group.create_dataset(dim, data=model[...], dtype=model.dtype)
    scale.make_scale(dim)
    for key in ("units", "long_name"):
        if key in model.attrs:
            scale.attrs[key] = model.attrs[key]


def _extendable(
    file: Any, name: str, dims: tuple[str, ...] | None, dtype: str, long_name: str
) -> None:
    """Make a dataset that grows with time; `dims` are the others, None for time itself."""
    inner = tuple(len(file[d]) for d in dims or ())
    data = file.create_dataset(
        name,
        shape=(0, *inner),
        maxshape=(None, *inner),
        chunks=(1, *inner) if inner else (CHUNK_OF_TIMES,),
        dtype=dtype,
        **(PACKED if inner else {}),
    )
    _describe(file, data, () if dims is None else ("time", *dims), long_name)


def _constant(group: Any, name: str, values: Any, dims: tuple[str, ...], long_name: str) -> None:
    values = np.asarray(values)
    data = group.create_dataset(name, data=values, **(PACKED if values.size > 1 else {}))
    _describe(group, data, dims, long_name)


def _describe(group: Any, data: Any, dims: tuple[str, ...], long_name: str) -> None:
    if data.dtype.kind in "if":
        data.attrs["units"] = "1"
    data.attrs["long_name"] = long_name
    for k, dim in enumerate(dims):
        data.dims[k].attach_scale(group[dim])


def _write_case(case: Any, header: Header) -> None:
    case["text"] = header.case_text
    case.attrs["hash"] = header.case_hash
    for key, value in header.provenance.items():
        if key == "versions":
            case.create_group("versions").attrs.update(value)
        else:
            case.attrs[key] = value


def _write_checkpoint(group: Any, name: str, size: int) -> None:
    item = "cell" if name == "mass" else "item"
    for dim, length in (("slot", SLOTS), (item, size)):
        group.create_dataset(dim, data=np.arange(length), **PACKED).make_scale(dim)
    data = group.create_dataset(name, shape=(SLOTS, size), dtype="f8")
    _describe(group, data, ("slot", item), CHECKPOINTS[name])
