"""Gradients of single samples, from the file of a sampled landscape."""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck.errors import DataError

if TYPE_CHECKING:
    from fokkerplanck.landscapes.sampled import SampledLandscape
    from fokkerplanck.solvers.gradient_table import GradientTable

__all__ = ["DATASET", "read_table"]

#: Where files keep gradients(sample, x[, y], dim).
DATASET = "table/gradient"
#: Difference of moments in file and table, of the largest, that single precision leaves.
SAME = 1e-3


def read_table(path: str | PathLike[str], landscape: SampledLandscape) -> GradientTable:
    """Read and interpolate gradients of single samples on the lattice of a landscape.

    Raises
    ------
    DataError
        Without a table, for one of another shape, with values that are not finite, or whose mean
        and covariance are not the gradient and the covariance that the file holds.
    """
    from fokkerplanck.solvers.gradient_table import GradientTable

    h5py: Any = import_module("h5py")
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get(DATASET), h5py.Dataset):
                msg = f"no dataset {DATASET}(sample, x[, y], dim), the gradients of single samples;"
                msg += " sample the plane with its table"
                raise DataError(msg)
            gradients = np.asarray(file[DATASET][()], dtype=np.float32)
        _check_moments(gradients, landscape)
        return GradientTable.of(landscape.axes, gradients)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        msg = f"{path}: {error}"
        raise DataError(msg) from None


def _check_moments(gradients: np.ndarray, landscape: SampledLandscape) -> None:
    """Refuse a table that is not that of the landscape."""
    lattice = tuple(len(axis) for axis in landscape.axes)
    if gradients.shape[1:] != (*lattice, len(lattice)) or not np.isfinite(gradients).all():
        return  # said by the table itself
    mean = gradients.mean(axis=0, dtype=np.float64)
    pairs = [("gradient", landscape.gradient_samples, mean)]
    if landscape.covariance_samples is not None:
        found = np.empty(landscape.covariance_samples.shape)
        for index in range(lattice[0]):
            away = gradients[:, index] - mean[index]
            found[index] = np.einsum("s...i,s...j->...ij", away, away) / len(gradients)
        pairs.append(("covariance", landscape.covariance_samples, found))
    for name, stored, made in pairs:
        if stored is None:
            continue
        off = float(np.abs(stored - made).max() / max(np.abs(stored).max(), np.finfo(float).tiny))
        if off > SAME:
            msg = f"the {name} of the file and that of its table differ by {off:.1e} of the largest"
            raise DataError(msg)
