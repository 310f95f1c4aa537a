"""Walkers of in-plane SGD: real minibatches, and Gaussian noise of their mean and covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.sgd import diffusion_scale
from fokkerplanck.solvers.ensemble import Walk
from fokkerplanck.solvers.field_tables import LineTables, PlaneTables, line_tables, plane_tables
from fokkerplanck.solvers.gradient_table import GradientTable
from fokkerplanck.solvers.table_descent import TableDescent

__all__ = ["minibatches", "twin"]

Array = NDArray[np.float64]


def minibatches(
    table: GradientTable, learning_rate: float, batch_size: float, draw: str, seed: int
) -> TableDescent:
    """Descend by real minibatches; raises `CaseError` for what is out of range."""
    if batch_size != int(batch_size):
        msg = f"a real minibatch has a whole number of samples, got {batch_size}"
        raise CaseError(msg, key="batch_size")
    try:
        return TableDescent(table, learning_rate, int(batch_size), draw, seed)
    except ValueError as error:
        raise CaseError(str(error)) from None


def twin(
    fine: tuple[tuple[Array, ...], Array, Array],
    learning_rate: float,
    batch_size: float,
    size: float | None,
    seed: int,
) -> Walk:
    """Descend with Gaussian noise; in tables of its own, by cubics between finer nodes.

    Parameters
    ----------
    fine : tuple
        Axes, mean gradient and covariance at the nodes.
    learning_rate, batch_size : float
    size : float or None
        Number of samples, where no batch has one twice.
    seed : int
    """
    axes, mean, covariance = fine
    diffusion = diffusion_scale(learning_rate, batch_size, size, 0.0) * covariance
    tables: LineTables | PlaneTables
    if len(axes) == 2:
        tables = plane_tables(axes[0], axes[1], -mean, diffusion)
    else:
        from scipy.interpolate import CubicSpline

        f, d = -mean[:, 0], diffusion[:, 0, 0]
        slopes = [CubicSpline(axes[0], v)(axes[0], 1) for v in (f, d)]
        tables = line_tables(axes[0], f, slopes[0], d, slopes[1])
    return Walk(tables, learning_rate, seed=seed, discrete=True)
