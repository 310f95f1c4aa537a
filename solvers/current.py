"""Probability currents and entropy production from the net fluxes along links."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator

__all__ = ["cell_current", "current_of_fluxes", "divergence", "entropy_production"]

Array = NDArray[np.float64]


def cell_current(generator: Generator, mass: Array) -> Array:
    """Probability current density J at cell centres, shape (*shape, dim).

    Every link carries its net flux over its whole length; half of it belongs to either end, so
    that the volume integral of J is exactly the rate of change of the mean position.
    Flux into an absorbing wall is not part of it.
    """
    return current_of_fluxes(generator, generator.flux(mass))


def current_of_fluxes(generator: Generator, flux: Array) -> Array:
    """Turn net fluxes on links into current densities at cell centres, (*shape, dim)."""
    moved = 0.5 * flux[:, None] * generator.link_vectors()
    current = np.stack(
        [
            np.bincount(generator.tail, component, generator.cells)
            + np.bincount(generator.head, component, generator.cells)
            for component in moved.T
        ],
        axis=-1,
    )
    return np.asarray(current.reshape(*generator.shape, -1) / generator.volume)


def divergence(generator: Generator, mass: Array) -> Array:
    """Net outflow of every cell by volume, absorption included, shape (*shape,): ``-dp/dt``."""
    flux = generator.flux(mass)
    out = np.bincount(generator.tail, flux, generator.cells).astype(np.float64)
    out -= np.bincount(generator.head, flux, generator.cells)
    out += generator.absorption * np.asarray(mass).ravel()
    return np.asarray(out.reshape(generator.shape) / generator.volume)


def entropy_production(generator: Generator, mass: Array, fields: Fields) -> float:
    r"""Entropy production rate :math:`\sum (a - b) \ln(a / b) \ge 0` over links.

    a and b are the two one-way fluxes of a link. In the continuum limit it is
    :math:`\int J \cdot D^{-1} J / p`, and that is what is taken where the sum would be another
    thing: where a link can be passed one way only (Ito tensors whose decomposition changes from
    cell to cell), and for full tensors that vary under another reading than
    Hanggi-Klimontovich. Their terms ``kappa d_j(D_ij p)`` are spread over more links than axes:
    circulations around elementary triangles remain, carry no current, and do not dissipate.

    References
    ----------
    Schnakenberg, Rev. Mod. Phys. 48, 571 (1976), equation 7.6.
    """
    one_way = ((generator.forward == 0) != (generator.backward == 0)).any()
    if one_way or _spreads_the_reading(fields):
        return _continuum_production(generator, mass, fields)
    p = np.asarray(mass, dtype=np.float64).ravel()
    a = generator.forward * p[generator.tail]
    b = generator.backward * p[generator.head]
    both = (a > 0) & (b > 0)
    return float(np.sum((a[both] - b[both]) * np.log(a[both] / b[both])))


def _spreads_the_reading(fields: Fields) -> bool:
    if fields.kappa == 0.0 or fields.dim == 1 or not fields.diffusion[..., 0, 1].any():
        return False
    return bool((fields.diffusion != fields.diffusion[(0,) * fields.dim]).any())


def _continuum_production(generator: Generator, mass: Array, fields: Fields) -> float:
    current, p = cell_current(generator, mass), np.reshape(mass, generator.shape)
    force = np.linalg.solve(fields.diffusion, current[..., None])[..., 0]
    power = np.einsum("...i,...i->...", current, force)
    return float(np.sum(power[p > 0] / p[p > 0]) * generator.volume**2)
