"""Arrays of noise from .npy, .npz and HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, DataError

__all__ = ["read_noise"]

Array = NDArray[np.float64]
NUMPY, HDF5 = (".npy", ".npz"), (".h5", ".hdf5", ".hdf", ".nc")


def read_noise(file: str | Path, dataset: str | None = None, axis: int = 0) -> Array:
    """Read an array as (samples, coordinates).

    Parameters
    ----------
    file : path
    dataset : str, optional
        Which of several arrays of an .npz or HDF5 file.
    axis : int
        Along which samples, or minibatches, are; all other axes are coordinates.

    Raises
    ------
    DataError
        There is no such file, or it cannot be read.
    CaseError
        The dataset is not in it or not named where there are several, the array is not one of real
        numbers, or has no such axis.
    """
    path = Path(file)
    if path.suffix.lower() not in NUMPY + HDF5:
        msg = f"{path}: noise is read from {', '.join(NUMPY + HDF5)}, not from "
        raise CaseError(msg + (f"`{path.suffix}`" if path.suffix else "a file without a suffix"))
    if not path.is_file():
        msg = f"{path}: there is no such file"
        raise DataError(msg)
    reader = _from_numpy if path.suffix.lower() in NUMPY else _from_hdf5
    found = np.asarray(reader(path, dataset))
    if found.dtype.kind not in "iuf":
        msg = f"{path}: an array of real numbers is needed, found dtype {found.dtype}"
        raise CaseError(msg)
    if not -found.ndim <= axis < found.ndim:
        msg = f"{path}: the array has shape {found.shape}, and no axis {axis} of samples"
        raise CaseError(msg)
    found = np.moveaxis(found, axis, 0)
    return found.reshape(len(found), -1 if found.size else 0).astype(np.float64)


def _from_numpy(path: Path, dataset: str | None) -> Any:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            _chosen(path, [""], dataset)
            return found
        with found as file:
            return file[_chosen(path, sorted(file.keys()), dataset)]
    except CaseError:
        raise
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        msg = f"{path}: not an array that NumPy can read safely ({error})"
        raise DataError(msg) from error


def _from_hdf5(path: Path, dataset: str | None) -> Any:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            names: list[str] = []
            file.visititems(
                lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
            )
            return file[_chosen(path, names, dataset)][()]
    except OSError as error:
        msg = f"{path}: not an HDF5 file that can be read ({error})"
        raise DataError(msg) from error


def _chosen(path: Path, names: list[str], dataset: str | None) -> str:
    if dataset is None and len(names) == 1:
        return names[0]
    wanted = (dataset or "").strip("/")
    if dataset is not None and wanted in names and wanted:
        return wanted
    if names == [""]:
        msg = f"{path}: an .npy file holds one array without a name; leave out --dataset {dataset}"
        raise CaseError(msg)
    listed = ", ".join(names[:20]) or "none"
    what = "several datasets, choose one by --dataset" if dataset is None else f"no `{dataset}`"
    msg = f"{path}: {what}; it holds {listed}"
    raise CaseError(msg)
