"""Drift and diffusion on the faces between cells, for a discretisation by fluxes through faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.fields import Fields

__all__ = ["FaceFields", "face_fields"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FaceFields:
    r"""Coefficients of ``J = v p - D grad p`` on the faces of every axis, walls included.

    Each field is a tuple over axes a of arrays that are one longer than the grid along a. Between
    cell centres 1 and 2, across a face, the flux in a reading :math:`\kappa` is that of
    :math:`q = D_{aa}^\kappa p` with the conductivity :math:`D_{aa}^{1-\kappa}`. An exponential
    scheme has exactly this flux, also where D jumps, if it is given

    .. math:: D_f = \frac{2}{D_1^{\kappa-1} + D_2^{\kappa-1}}\,
       \frac{D_2^\kappa - D_1^\kappa}{\kappa \ln (D_2 / D_1)}, \qquad
       v = f - \kappa D_f \frac{\ln (D_2 / D_1)}{h}

    (the harmonic mean for kappa = 0, the logarithmic one for kappa = 1).

    Parameters
    ----------
    normal : tuple of ndarray
        :math:`D_f`.
    cross : tuple of ndarray
        ``D_xy``, means of the two cells; empty in one dimension.
    velocity : tuple of ndarray
        ``v_a`` as above, less ``kappa d_b D_ab`` in two dimensions. The loss enters as the
        difference of its cell values, so that an exponential scheme has the Boltzmann weight for
        its rest state.
    """

    normal: tuple[Array, ...]
    cross: tuple[Array, ...]
    velocity: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The two values that a face lies between, and their distance; axis of the face first."""

    low: Array
    high: Array
    distance: Array

    @classmethod
    def of(cls, fields: Fields, cells: Array, a: int, walls: Array | None = None) -> _Pairs:
        """Neighbours along `a`; next to a wall the value on it, given or extrapolated."""
        c = np.moveaxis(cells, a, 0)
        distance = np.full((c.shape[0] + 1, *(1,) * (c.ndim - 1)), fields.spacing[a])
        if fields.walls[a][0] == "periodic":
            return cls(np.concatenate([c[-1:], c]), np.concatenate([c, c[:1]]), distance)
        ends = _wall(c[0], c[1]), _wall(c[-1], c[-2])
        if walls is not None:
            w = np.moveaxis(walls, a, 0)
            ends = w[0], w[-1]
        distance[[0, -1]] /= 2
        low, high = np.concatenate([ends[0][None], c]), np.concatenate([c, ends[1][None]])
        return cls(low, high, distance)

    def mean(self) -> Array:
        return 0.5 * (self.low + self.high)

    def slope(self) -> Array:
        return (self.high - self.low) / self.distance


def face_fields(fields: Fields) -> FaceFields:
    """Evaluate the coefficients, to second order in the cell width where D is smooth."""
    parts = [_along(fields, a) for a in range(fields.dim)]
    normal, cross, velocity = zip(*parts, strict=True)
    return FaceFields(normal, cross if fields.dim == 2 else (), velocity)


def _along(fields: Fields, a: int) -> tuple[Array, Array, Array]:
    """Evaluate normal and cross diffusion and velocity on the faces of one axis."""
    kappa, d = fields.kappa, fields.diffusion
    at_faces = tuple(slice(0, None, 2) if b == a else slice(1, None, 2) for b in range(fields.dim))
    walls = fields.potential[at_faces]
    velocity = -_Pairs.of(fields, fields.cell_potential(), a, walls).slope()
    if fields.force is not None:
        velocity = velocity + np.moveaxis(fields.force[..., a][at_faces], a, 0)
    own = _Pairs.of(fields, d[..., a, a], a)
    normal = _conductance(own, kappa)
    velocity = velocity - kappa * normal * np.log(own.high / own.low) / own.distance
    cross = np.zeros_like(normal)
    if fields.dim == 2:
        mixed, b = d[..., 0, 1], 1 - a
        cross = _Pairs.of(fields, mixed, a).mean()
        across = _Pairs.of(fields, _derivative(fields, mixed, b), a)
        velocity = velocity - kappa * across.mean()
    return np.moveaxis(normal, 0, a), np.moveaxis(cross, 0, a), np.moveaxis(velocity, 0, a)


def _conductance(d: _Pairs, kappa: float) -> Array:
    """``D_f`` of `FaceFields`; the second factor is ``D_1^kappa (e^z - 1) / z``."""
    z = kappa * np.log(d.high / d.low)
    small = np.abs(z) < 1e-6
    ratio = np.where(small, 1 + z / 2, np.expm1(z) / np.where(small, 1.0, z))
    return np.asarray(2 * d.low**kappa * ratio / (d.low ** (kappa - 1) + d.high ** (kappa - 1)))


def _derivative(fields: Fields, cells: Array, b: int) -> Array:
    """Differentiate along `b` at cells, to second order up to the walls."""
    h = fields.spacing[b]
    if fields.walls[b][0] == "periodic":
        return (np.roll(cells, -1, b) - np.roll(cells, 1, b)) / (2 * h)
    return np.asarray(np.gradient(cells, h, axis=b, edge_order=2))


def _wall(outer: Array, inner: Array) -> Array:
    """Value on the wall from the two cells next to it: linear, if that has the same sign."""
    linear = 1.5 * outer - 0.5 * inner
    return np.where(linear * outer > 0.0, linear, outer)
