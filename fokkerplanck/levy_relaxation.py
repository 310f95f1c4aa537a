"""Time scales under long jumps: the slowest modes of relaxation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.levy import Levy
from fokkerplanck.levy_refinement import UNKNOWN, left_over
from fokkerplanck.relaxation import MOST, Spectrum
from fokkerplanck.solvers.levy_chain import LineLevyChain
from fokkerplanck.solvers.levy_modes import LevyModes, levy_modes

if TYPE_CHECKING:
    from fokkerplanck.levy_plane import PlaneLevy

__all__ = ["levy_spectrum"]

Array = NDArray[np.float64]
#: Relative error of the slowest rate from which on none is given.
LARGEST_ERROR = 0.1
#: Frequencies below this part of the modulus are rounding.
STILL = 1e-9
#: Entries that differ by less, relatively, are equally large.
TIED = 1e-6


def levy_spectrum(problem: Levy | PlaneLevy, count: int = 4) -> Spectrum:
    r"""Slowest modes of relaxation, :math:`Q u = -\lambda u` and :math:`Q^T p = -\lambda p`.

    Without detailed balance eigenvalues may be complex, in pairs of opposite `frequencies`. Where
    no wall absorbs, the stationary mode is left out; where one does, the slowest mode is that of
    the quasi-stationary density.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    count : int
        How many modes, 1 to 50 and at most an eighth of the cells along an axis.

    Returns
    -------
    Spectrum
        Vectors are real parts at the nodes of the problem; `errors` are relative, from half and a
        quarter as many nodes along each axis, and rounding.

    Raises
    ------
    CaseError
        For another count.
    NumericalError
        When the iteration does not converge, or the slowest rate is uncertain by more than a tenth:
        a high barrier that few jumps cross.

    Notes
    -----
    Shift-and-invert Arnoldi on both sides (`fokkerplanck.solvers.levy_modes`); full matrices up to
    256 nodes. On a grid that stands for the whole line (``outside="stopped"``) the walls
    themselves change the modes by what they cut off, which `errors` do not see: compare a longer
    grid.
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_relaxation import plane_modes

        found = partial(plane_modes, problem)
    else:
        found = partial(_modes, problem)
    most = min(MOST, min(problem.grid.shape) // 8)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        msg = f"count is an integer from 1 to {most} here, got {count}"
        raise CaseError(msg, key="spectrum.count")
    fine, coarse = found(1, count), found(2, count + 2)
    away, near = _nearest(fine.values, coarse.values)
    try:
        rough = found(4, count + 2)
    except NumericalError:  # too few nodes for these modes
        off = UNKNOWN * away
    else:
        off = left_over(away, _nearest(coarse.values[near], rough.values)[0])
    size = np.abs(fine.values)  # 0 where all digits are lost
    errors = np.divide(off, size, out=np.full_like(size, np.inf), where=size > 0.0) + fine.errors
    if not errors[0] < LARGEST_ERROR or not fine.values.real[0] > 0.0:
        cells = " x ".join(map(str, problem.grid.shape))
        msg = (
            f"the slowest rate, {fine.values[0].real:.3g}, is uncertain by {errors[0]:.1e} on "
            f"{cells} nodes (rounding {fine.errors[0]:.1e}): take more cells, or more noise; few "
            "long jumps over a high barrier are beyond it"
        )
        raise NumericalError(msg)
    turning = np.abs(fine.values.imag) > STILL * np.abs(fine.values)
    rates, shape = fine.values.real, (-1, *problem.grid.shape)
    return Spectrum(
        problem.grid,
        rates,
        np.where(turning, fine.values.imag, 0.0),
        np.log10(np.maximum(rates, np.finfo(float).tiny)),
        np.array([_scaled(v) for v in fine.right]).reshape(shape),
        np.array([_scaled(v) for v in fine.left]).reshape(shape),
        errors,
        (fine.method,) * len(rates),
        "fractional",
    )


def _modes(problem: Levy, part: int, count: int) -> LevyModes:
    """Modes on a part of the cells, 1 / part."""
    cells = problem.grid.shape[0] // part
    nodes = problem.at(cells)
    size = 0.5 * nodes.generator.spacing * cells
    rate = (problem.scale / size) ** problem.alpha + problem.temperature / size**2
    chain = LineLevyChain(nodes.generator, problem.coarse(nodes).generator)
    return levy_modes(chain, count, rate)


def _nearest(
    values: NDArray[np.complex128], others: NDArray[np.complex128]
) -> tuple[Array, NDArray[np.int64]]:
    """Distances of values to the nearest of others, and which these are."""
    away = np.abs(values[:, None] - others[None, :])
    return np.asarray(away.min(axis=1)), np.asarray(away.argmin(axis=1))


def _scaled(vector: NDArray[np.complex128]) -> Array:
    """Real part, turned so that the first of the largest entries is 1."""
    size = np.abs(vector)
    return np.asarray(np.real(vector / vector[np.argmax(size > (1.0 - TIED) * size.max())]))
