"""Generator of drift, Gaussian noise and long jumps on the cells of a plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fokkerplanck.solvers.fractional_plane import PlaneRates
from fokkerplanck.solvers.levy_generator import upwind_share
from fokkerplanck.solvers.levy_plane_jumps import PlaneFates, PlaneJumps

__all__ = ["PlaneLevyGenerator", "edge_killing"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: Misplacement of slanted edges at alpha = 2, over ``slant^2 (1 - slant)``: fitted to the edges of
#: a half-plane at 24 slopes to 2e-4 cells; it is proportional to alpha.
SLANTED = (0.175, -0.0985)
#: Cells around one whose jumps are part of the near matrix, along each axis.
NEAR = 1


def edge_killing(
    distance: Array,
    jumps: Array | float,
    gauss: Array | float,
    alpha: float,
    slant: Array | float = 0.0,
) -> tuple[Array, Array]:
    r"""Share of the outermost cell before an absorbing edge, and its rate of killing beyond jumps.

    On a half-line a chain of fractional differences that ends at one node has its edge
    :math:`(2 + \alpha) / 4` cells beyond. Killing at the rate :math:`(s / h)^\alpha (1 - \chi) /
    \chi` in that node moves the edge inwards by :math:`1 - \chi` cells, exactly: its harmonic
    function :math:`\Gamma(n + 1 + a) / n!`, :math:`a = \alpha / 2`, loses the multiple :math:`1 -
    \chi` of the Green function :math:`a \Gamma(n + a) / n!`.

    Parameters
    ----------
    distance : ndarray
        Of the node from the edge, in cells; negative for nodes beyond it.
    jumps, gauss : ndarray or float
        ``(s / h)^alpha`` and ``T / h^2``.
    alpha : float
    slant : ndarray or float
        Between 0 for edges along an axis and 1 for those along a diagonal, where the chain is one
        of whole layers and this is exact. Between them it would put the edge up to `SLANTED` cells
        too far in, as the five-point walk shows that is killed beyond lines of rational slopes.

    Returns
    -------
    ndarray
        Share chi: 1 where there is no killing, 0 where the node does not live.
    ndarray
        Rates; inf for the dead.
    """
    strength = np.asarray(jumps + gauss)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where(strength > 0.0, (alpha * jumps + 2.0 * gauss) / strength, 0.0)
        late = 0.5 * index * slant**2 * (1.0 - slant) * (SLANTED[0] + SLANTED[1] * slant)
        share = np.clip(distance + 0.5 - 0.25 * index + late, 0.0, 1.0)
        rate = np.where(share < 1.0, strength * (1.0 - share) / share, 0.0)
    return share, rate


@dataclass(frozen=True, eq=False)
class PlaneLevyGenerator:
    r"""Q with :math:`Q u \approx f \cdot \nabla u + T \Delta u + J u` in the cells of a plane.

    Parameters
    ----------
    drift : (ndarray, ndarray), shapes (nx + 1, ny) and (nx, ny + 1)
        Components of f in the middle of the faces across each axis, walls included.
    spacing : (float, float)
    alpha : float
    scale : (float, float)
        Amplitudes of the jumps along both axes, for the edges at walls.
    temperature : float
    rates : PlaneRates
    outside : PlaneFates
        What happens beyond the walls.
    live : ndarray of bool, shape (nx, ny), optional
        Cells outside of absorbing sets; all unless given.
    killing : ndarray, shape (nx, ny), optional
        Further rate of killing in live cells, none unless given.

    Notes
    -----
    Drift as on a line: fluxes between cells with densities taken from both sides as long as all
    rates stay non-negative, from upwind to second order, in part or wholly, where the drift is
    stronger. Mass is exact either way. Killing walls have their edge half a cell beyond the
    outermost centres, see `edge_killing`.
    """

    drift: tuple[Array, Array]
    spacing: tuple[float, float]
    alpha: float
    scale: tuple[float, float]
    temperature: float
    rates: PlaneRates
    outside: PlaneFates
    live: Mask | None = None
    killing: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along both axes."""
        nx, ny = self.rates.single.shape
        return nx, ny

    @property
    def conservative(self) -> bool:
        """Whether nobody is ever killed."""
        walls = "killed" in (*self.outside[0], *self.outside[1])
        return not walls and self.live is None and self.killing is None

    def apply(self, u: Array) -> Array:
        """``Q u``: observables, shape (nx, ny); 0 in dead cells, whose values do not count."""
        u = self._alive(u)
        out = self.jumps.apply(u) + (self.local @ u.ravel()).reshape(self.shape)
        return self._alive(out)

    def apply_transposed(self, p: Array) -> Array:
        """``Q^T p``: masses, shape (nx, ny)."""
        p = self._alive(p)
        out = self.jumps.apply_transposed(p) + (self._local_transposed @ p.ravel()).reshape(
            self.shape
        )
        return self._alive(out)

    def into(self, cells: Array) -> Array:
        """Rates from live cells into others, each counted with a weight; shape (nx, ny).

        Parameters
        ----------
        cells : ndarray, shape (nx, ny)
            Weights, 0 in live cells.
        """
        out = self.jumps.apply(cells) + (self.local @ cells.ravel()).reshape(self.shape)
        return self._alive(out)

    def dense(self) -> Array:
        """Q itself, shape (nx ny, nx ny); rows and columns of the dead are 0."""
        n = self.rates.single.size
        matrix = self.jumps.dense().reshape(n, n) + self.local.toarray()
        if self.live is not None:
            matrix *= self.live.ravel()
            matrix *= self.live.ravel()[:, None]
        return np.asarray(matrix)

    def near(self) -> sp.csr_array:
        """Sparse part of Q: drift, Gaussian noise, jumps over single cells; others as killing."""
        nx, ny = self.shape
        n = nx * ny
        number = np.arange(n).reshape(nx, ny)
        rows, columns, values = [], [], []
        for i in range(-NEAR, NEAR + 1):
            for j in range(-NEAR, NEAR + 1):
                rate = self.rates.single[abs(i), abs(j)]
                if rate == 0.0:
                    continue
                here = number[max(-i, 0) : nx - max(i, 0), max(-j, 0) : ny - max(j, 0)].ravel()
                rows.append(here)
                columns.append(here + i * ny + j)
                values.append(np.full(here.size, rate))
        place = (np.concatenate(rows), np.concatenate(columns))
        jumps = sp.coo_array((np.concatenate(values), place), shape=(n, n))
        diagonal = sp.diags_array(self.jumps.kept.ravel() - self.rates.total)
        matrix = sp.csr_array(self.local + jumps + diagonal)
        if self.live is not None:
            mask = sp.diags_array(self.live.ravel().astype(np.float64))
            matrix = sp.csr_array(mask @ matrix @ mask)
        return matrix

    @cached_property
    def jumps(self) -> PlaneJumps:
        """Long jumps."""
        return PlaneJumps(self.rates, self.outside)

    @cached_property
    def wind(self) -> tuple[Array, Array]:
        """Share of upwinding at the faces across each axis."""
        spread = (self.rates.single[1, 0], self.rates.single[0, 1])
        x, y = (
            upwind_share(f, float(self.temperature / h**2 + rate), h)
            for f, h, rate in zip(self.drift, self.spacing, spread, strict=True)
        )
        return x, y

    @cached_property
    def local(self) -> sp.csr_array:
        """Drift, Gaussian noise, killing at walls and otherwise; shape (nx ny, nx ny)."""
        diagonal = -self._to_walls()
        if self.killing is not None:
            diagonal -= self.killing
        flux = sp.csr_array(sp.diags_array(diagonal.ravel()))
        for axis in range(2):
            flux = flux + self._divergence(axis).T
        return sp.csr_array(flux)

    @cached_property
    def _local_transposed(self) -> sp.csr_array:
        return sp.csr_array(self.local.T)

    def _alive(self, u: Array) -> Array:
        return u if self.live is None else np.asarray(np.where(self.live, u, 0.0))

    def drift_flux(self, axis: int, p: Array) -> Array:
        """Flux of drift through the faces inside across an axis, which comes first in it."""
        p = np.moveaxis(p, axis, 0)
        out = np.zeros((len(p) - 1, *p.shape[1:]))
        faces = np.arange(len(out))
        for step, weight in self._drift_weights(axis).items():
            kept = (faces + step >= 0) & (faces + step < len(p))
            out[kept] += weight[kept] * p[faces[kept] + step]
        return out

    def _drift_weights(self, axis: int) -> dict[int, Array]:
        """Weights of the cells beside each face inside in the flux ``f p``, by their number."""
        f = np.moveaxis(self.drift[axis], axis, 0)[1:-1]
        wind = np.moveaxis(self.wind[axis], axis, 0)[1:-1]
        # p at the face is p_i + (1 - w)(p_{i+1} - p_i)/2 + w (p_i - p_{i-1})/2 where f > 0
        left = np.where(f > 0, 0.5 * (1.0 + wind), 0.5 * (1.0 - wind))
        far_left, far_right = np.where(f > 0, 0.5 * wind, 0.0), np.where(f < 0, 0.5 * wind, 0.0)
        far_left[0], far_right[-1] = 0.0, 0.0
        near = {0: f * (left + far_left), 1: f * (1.0 - left + far_right)}
        return near | {-1: -f * far_left, 2: -f * far_right}

    def _divergence(self, axis: int) -> sp.csr_array:
        """Minus the divergence of ``f p - T p'`` along an axis, acting on densities p."""
        h = self.spacing[axis]
        number = np.moveaxis(np.arange(self.rates.single.size).reshape(self.shape), axis, 0)
        weights = self._drift_weights(axis)
        noise = self.temperature / h
        weights[0], weights[1] = weights[0] + noise, weights[1] - noise
        rows, columns, values = [], [], []
        faces = np.arange(len(number) - 1)
        for step, weight in weights.items():
            kept = (faces + step >= 0) & (faces + step < len(number))
            from_ = number[faces[kept] + step].ravel()
            value = weight[kept].ravel() / h
            for side, sign in ((0, -1.0), (1, 1.0)):
                rows.append(number[faces[kept] + side].ravel())
                columns.append(from_)
                values.append(sign * value)
        n = self.rates.single.size
        place = (np.concatenate(rows), np.concatenate(columns))
        return sp.csr_array(sp.coo_array((np.concatenate(values), place), shape=(n, n)))

    def _to_walls(self) -> Array:
        """Rates of killing at walls: drift, Gaussian noise, and what puts their edge in place."""
        out = np.zeros(self.shape)
        for axis, fates in enumerate(self.outside):
            h, s = self.spacing[axis], self.scale[axis]
            jumps, gauss = (s / h) ** self.alpha, self.temperature / h**2
            for side, fate in enumerate(fates):
                if fate != "killed":
                    continue
                f = np.take(self.drift[axis], -side, axis=axis)
                w = np.take(self.wind[axis], -side, axis=axis)
                outwards = f if side else -f
                share = np.where(outwards > 0, 0.5 * (1.0 + w), 0.5 * (1.0 - w))
                # no layer is resolved where drift is stronger than jumps over single cells
                _, edge = edge_killing(np.full_like(f, 0.5), jumps * (1.0 - w), gauss, self.alpha)
                np.moveaxis(out, axis, 0)[-side] += outwards * share / h + gauss + edge
        return out
