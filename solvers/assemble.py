"""From drift and diffusion on a grid to the Markov generator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.links import Links, line_links, plane_links
from fokkerplanck.solvers.pieces import all_finite, in_pieces
from fokkerplanck.solvers.weights import WEIGHTS, jump_weights

__all__ = ["assemble", "find_links", "link_strength", "on_links"]

Array = NDArray[np.float64]


def assemble(fields: Fields, weight: str = "fitted") -> Generator:
    r"""Assemble the generator of an overdamped problem.

    Every cell's tensor is decomposed as :math:`D_i = \sum_e \rho_e(x_i)\, l_e l_e^T` with
    :math:`\rho_e \ge 0` along lattice links; the rate of a jump is
    ``R_e * w(dPhi)``, with :math:`d\Phi = -\int D^{-1} f \cdot dl` along the link. The reading of
    the noise is where R is taken: the starting cell (Ito), a symmetric mean of both ends
    (Hanggi-Klimontovich), or one square root of each (Stratonovich). No derivative of D enters.
    For a constant isotropic D the climbs add up to the difference of the cell values of the loss,
    whatever lies between, so the Boltzmann weight is stationary to rounding.

    Parameters
    ----------
    fields : Fields
        Drift, diffusion, walls and reading.
    weight : str
        ``"fitted"`` or ``"midpoint"``, see `fokkerplanck.solvers.weights`.

    Returns
    -------
    Generator
        Rates are never negative and rows sum to minus the absorption rate, for any input.

    Raises
    ------
    ValueError
        Unknown weight, or a tensor that is not positive definite.
    NumericalError
        A rate overflows, or the anisotropy asks for jumps longer than the grid.
    """
    return on_links(find_links(fields), fields, weight)


def find_links(fields: Fields) -> Links:
    """Find the links of a problem: all of the assembly that takes time."""
    return line_links(fields) if fields.dim == 1 else plane_links(fields)


def on_links(links: Links, fields: Fields, weight: str, factor: float = 1.0) -> Generator:
    """Make the generator on links that were found before, with D multiplied by `factor`.

    Strengths are multiplied and climbs divided by it; see `assemble` for the rest.
    """
    if weight not in WEIGHTS:
        msg = f"unknown link weight {weight!r}; known: {', '.join(WEIGHTS)}"
        raise ValueError(msg)
    same = factor == 1.0
    first, second = links.first, links.second
    climbs = (first, second) if same else (first / factor, second / factor)
    forward, backward = jump_weights(*climbs, weight)
    strength = link_strength(links, fields.kappa)
    half = links.wall_climb / (2 * factor)
    out, _ = jump_weights(half, half, weight)
    cells = int(np.prod(fields.shape))
    lost = np.bincount(links.wall_cell, factor * links.wall_rate * out, cells)
    absorption: Array = lost.astype(np.float64)
    ways = ((forward, strength[0], links.arm_tail), (backward, strength[1], links.arm_head))
    bare = not any(links.arm_tail.strides)  # no arm is cut: all factors are 1

    def piece(low: int, high: int) -> None:
        part = slice(low, high)
        for rate, rho, arm in ways:
            scale = rho[part] if same else factor * rho[part]
            rate[part] *= scale if bare else scale * arm[part]
            _check(rate[part], weight)

    in_pieces(piece, forward.size)
    _check(absorption, weight)
    return Generator(
        fields.shape,
        fields.spacing,
        links.tail,
        links.head,
        links.offset,
        forward,
        backward,
        absorption,
        weight,
    )


def link_strength(links: Links, kappa: float) -> tuple[Array, Array]:
    """R of both directions, ``rho_i^kappa * mean(rho_i^(1-kappa), rho_j^(1-kappa))``.

    The rates of jumps are R times a weight, and times an arm where a wall is near.
    """
    i, j = links.rho_tail, links.rho_head
    if kappa == 1.0:
        return i, j
    a, b = i ** (1 - kappa), j ** (1 - kappa)
    total = a + b
    # Along an axis of diagonal tensors the flux is one-dimensional, and the harmonic mean is
    # right even where D jumps; elsewhere a decomposition may start or end with rho = 0, which
    # only the arithmetic mean treats consistently.
    mean = np.where(links.harmonic, 2 * a * b / np.where(total > 0, total, 1.0), total / 2)
    return i**kappa * mean, j**kappa * mean


def _check(rates: Array, weight: str) -> None:
    if not all_finite(rates):
        msg = (
            f"a jump rate overflows with the {weight!r} link weight: a link climbs by "
            "more than 700 times the noise strength; refine the grid or use weight = 'fitted'"
        )
        raise NumericalError(msg)
