"""Time scales of underdamped motion: the slowest modes, those that oscillate included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import MINIMUM_CELLS
from fokkerplanck.phase_space import density_of_modes
from fokkerplanck.relaxation import MOST, Spectrum
from fokkerplanck.solvers.kinetic import Kinetic
from fokkerplanck.solvers.kinetic_cells import on_cells
from fokkerplanck.solvers.kinetic_modes import KineticModes, kinetic_modes, zero_eigenvalue
from fokkerplanck.underdamped import LEAST_MODES, Underdamped

__all__ = ["KineticSpectrum", "kinetic_spectrum"]

Array = NDArray[np.float64]
#: Cells and modes, over those of the problem, that errors are estimated from; order in the cells.
COARSER, ORDER = 0.75, 4
#: Relative errors above which a mode is not given.
LARGEST_ERROR = 0.1


@dataclass(frozen=True, eq=False)
class KineticSpectrum(Spectrum):
    """Slowest modes of underdamped motion; fields of `Spectrum`, on the plane of x and v.

    Modes that oscillate come in pairs of opposite `frequencies`. `errors` are those of the
    discretisation, from runs with three quarters of the cells and of the modes in v.

    Parameters
    ----------
    zero : float
        Size of the eigenvalue that should be 0, that of equilibrium.
    modes : int
        Hermite modes in v.
    """

    zero: float
    modes: int


def kinetic_spectrum(
    problem: Underdamped, count: int = 4, *, frequencies: Sequence[float] | None = None
) -> KineticSpectrum:
    r"""Slowest modes of the Klein-Kramers operator, :math:`L p = -(\lambda \mp i \omega) p`.

    Parameters
    ----------
    problem : Underdamped
    count : int
        How many, 1 to 50; equilibrium is not counted.
    frequencies : sequence of float, optional
        Around which modes are searched; unless given, around 0 and the typical frequency of the
        problem. A slow mode whose frequency is far from all of them is missed.

    Raises
    ------
    CaseError
        For another count.
    NumericalError
        If a mode cannot be vouched for: give more modes or cells.

    References
    ----------
    H. Risken, *The Fokker-Planck Equation*, sections 10.3 and 11.
    """
    if not 1 <= count <= MOST:
        msg = f"count is an integer from 1 to {MOST}, got {count}"
        raise CaseError(msg, key="spectrum.count")
    around = [0.0, problem.frequency] if frequencies is None else list(frequencies)
    shifts = [1e-3 * min(problem.rate, problem.frequency) + 1j * w for w in around]
    op = problem.operator()
    found = kinetic_modes(op, count, shifts)
    errors = np.maximum(found.errors, _differences(problem, found, shifts))
    if errors[0] > LARGEST_ERROR:
        msg = (
            f"the slowest mode, {found.values[0].real:.4g}, is uncertain by {errors[0]:.1e}: use "
            f"more cells than {op.count}, or more Hermite modes than {op.modes}"
        )
        raise NumericalError(msg)
    rates, turning = found.values.real, np.abs(found.values.imag) > 1e-9 * np.abs(found.values)
    right = np.array([_density(problem, op, found, k, -1.0) for k in range(len(rates))])
    v = problem.velocity_axis.centres / problem.speed
    weight = np.outer(op.weights[0] ** 2, np.exp(-0.5 * v**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        right = np.where(weight > 1e-200, right / weight, 0.0)
    return KineticSpectrum(
        problem.phase_grid,
        rates,
        np.where(turning, found.values.imag, 0.0),
        np.log10(rates),
        np.array([_scaled(r) for r in right]),
        np.array([_scaled(_density(problem, op, found, k, 1.0)) for k in range(len(rates))]),
        errors,
        ("hermite",) * len(rates),
        "hermite",
        zero_eigenvalue(op),
        op.modes,
    )


def _differences(problem: Underdamped, found: KineticModes, shifts: Sequence[complex]) -> Array:
    """Relative errors by runs with fewer cells and with fewer modes."""
    cells, modes = problem.grid.shape[0], problem.mode_count
    fewer = max(int(COARSER * cells), MINIMUM_CELLS)
    less = max(2 * int(COARSER * modes / 2), LEAST_MODES)
    share = 1.0 / ((cells / fewer) ** ORDER - 1.0)
    count = len(found.values) + 2
    coarse = kinetic_modes(problem.operator(modes=modes, cells=fewer), count, shifts)
    low = kinetic_modes(problem.operator(modes=less, cells=cells), count, shifts)
    return share * _nearest(found, coarse) + _nearest(found, low)


def _nearest(found: KineticModes, other: KineticModes) -> Array:
    away = np.abs(found.values[:, None] - other.values[None, :]).min(axis=1)
    return np.asarray(away / np.abs(found.values))


def _density(problem: Underdamped, op: Kinetic, found: KineticModes, k: int, sign: float) -> Array:
    even, odd = np.real(found.even[k]), sign * np.real(found.odd[k])
    return density_of_modes(problem, op, on_cells(op, even, odd))


def _scaled(values: Array) -> Array:
    return np.asarray(values / values.flat[np.argmax(np.abs(values))])
