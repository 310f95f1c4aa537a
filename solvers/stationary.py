"""Stationary masses of a generator, right at any barrier height."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.detailed_balance import log_equilibrium
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.reduction import Reduction

__all__ = ["equilibrium_mass", "log_stationary", "share_over", "stationary_mass"]

Array = NDArray[np.float64]

#: Largest net flux out of a cell, of the largest throughput, that still counts as rounding.
LARGEST_RESIDUAL = 1e-9


def stationary_mass(generator: Generator) -> Array:
    """Solve ``Q.T P = 0`` for cell masses that sum to 1, shape (*shape,).

    Where detailed balance holds, the weights are the products of rate ratios along a tree of
    links and right to relative accuracy in every cell, 1e-300 of the peak included. Otherwise
    the chain is reduced to one anchor per metastable well, and the wells' weights come from an
    elimination without subtraction.

    Raises
    ------
    NumericalError
        If a wall absorbs, if cells do not communicate, or if the residual flux shows that the
        answer cannot be trusted.
    """
    return np.exp(log_stationary(generator)).reshape(generator.shape)


def log_stationary(generator: Generator) -> Array:
    """Natural logarithms of the stationary masses, shape (cells,); see `stationary_mass`."""
    if not generator.conservative:
        msg = "a wall absorbs, so all mass leaves in the end: there is no stationary density"
        raise NumericalError(msg)
    found = log_equilibrium(generator)
    return _log_driven(generator) if found is None else found


def equilibrium_mass(generator: Generator) -> Array | None:
    """Masses in detailed balance on every link, shape (cells,), or None where there are none."""
    found = log_equilibrium(generator)
    return None if found is None else np.exp(found)


def share_over(generator: Generator, mass: Array, climb: Array, steep: float) -> float:
    """Share of all jumps that run over links that climb, or fall, by more than `steep`.

    Links that lead one way only do not count as steep.
    """
    over, all_jumps = _jumps_kernel(
        generator.tail, generator.head, generator.forward, generator.backward, mass, climb, steep
    )
    return float(over) / float(all_jumps) if all_jumps > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _jumps_kernel(tail, head, forward, backward, mass, climb, steep):  # type: ignore[no-untyped-def]
    """Jumps per time over links that climb by more than `steep`, and over all."""
    over = every = 0.0
    for e in range(tail.size):
        jumps = forward[e] * mass[tail[e]] + backward[e] * mass[head[e]]
        every += jumps
        if abs(climb[e]) > steep and math.isfinite(climb[e]):
            over += jumps
    return over, every


def _log_driven(generator: Generator) -> Array:
    log_mass = Reduction(generator).stationary()
    mass = np.exp(log_mass)
    throughput = generator.exit_rate * mass
    residual = np.abs(generator.matrix.T @ mass).max() / throughput.max()
    if not residual <= LARGEST_RESIDUAL:
        msg = f"the stationary density leaves a residual flux of {residual:.1e} of the throughput"
        raise NumericalError(msg)
    return log_mass
