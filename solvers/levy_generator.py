"""Generator of drift, Gaussian noise and long jumps on the nodes of a line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fokkerplanck.solvers.fractional import Toeplitz, jump_rates, tail_rates, wall_distance

__all__ = ["LevyGenerator", "Outside", "place_nodes", "upwind_share"]

Array = NDArray[np.float64]
Outside = Literal["killed", "stopped", "suppressed"]


def place_nodes(
    length: float,
    nodes: int,
    alpha: float,
    scale: float,
    temperature: float,
    drift: tuple[float, float],
    outside: tuple[Outside, Outside],
) -> tuple[float, tuple[float, float]]:
    """Spacing of nodes on a line, and distances of the outermost from its ends in cells.

    Half a cell where walkers stay inside; `wall_distance` where they are killed.

    Parameters
    ----------
    length : float
    nodes : int
    alpha, scale, temperature : float
    drift : (float, float)
        At the two ends.
    outside : (str, str)
        What happens beyond each end.
    """
    h = length / nodes
    jumps = float(scale**alpha * jump_rates(alpha, 2, h)[1])
    spread = jumps + temperature / h**2
    # at alpha = 2 both noises are the same second difference, and want the same place
    share = 1.0 if alpha == 2.0 else jumps / spread
    distances = []
    for f, fate in zip(drift, outside, strict=True):
        wind = float(upwind_share(np.array([f]), spread, h)[0])
        resolved = share * (1.0 - wind)
        distances.append(wall_distance(alpha, resolved) if fate == "killed" else 0.5)
    return length / (nodes - 1 + sum(distances)), (distances[0], distances[1])


def upwind_share(drift: Array, spread: float, spacing: float) -> Array:
    """Share of upwinding: 0 while rates taken from both sides are non-negative, 1 without noise.

    Parameters
    ----------
    drift : ndarray
    spread : float
        Rate of noise to one neighbour.
    spacing : float
    """
    strength = np.abs(drift) / (2.0 * spacing)
    return np.asarray(1.0 - spread / np.maximum(strength, spread))


@dataclass(frozen=True, eq=False)
class LevyGenerator:
    r"""Q with :math:`(Q u)_i \approx f u' + T u'' - s^\alpha (-\Delta)^{\alpha / 2} u` at node i.

    Parameters
    ----------
    drift : ndarray, shape (n + 1,)
        f half-way between neighbouring nodes, and half a cell outside of the outermost.
    spacing : float
        h.
    alpha, scale, temperature : float
        Index and amplitude s of the long jumps, T of the Gaussian noise.
    outside : (str, str)
        What happens to jumps beyond the outermost nodes, left and right: ``"killed"`` (absorbing
        walls), ``"stopped"`` (they end in the outermost node), ``"suppressed"`` (they do not
        occur).
    distances : (float, float)
        Of the outermost nodes from the ends, in cells.

    Notes
    -----
    Forward, :math:`Q^T` is the difference of fluxes :math:`f p` between nodes, with p there taken
    from both sides as long as all rates stay non-negative, and to second order from upwind, in
    part or wholly, where the drift is stronger than that. Mass is exact either way.
    """

    drift: Array
    spacing: float
    alpha: float
    scale: float
    temperature: float
    outside: tuple[Outside, Outside]
    distances: tuple[float, float] = (0.5, 0.5)

    @property
    def nodes(self) -> int:
        """Number of nodes n."""
        return len(self.drift) - 1

    def apply(self, u: Array) -> Array:
        """``Q u``: observables, shape (n,)."""
        out = self.jumps @ u + self.local @ u
        for end, rates in self._stopped():
            out += rates * u[end]
        return np.asarray(out)

    def apply_transposed(self, p: Array) -> Array:
        """``Q^T p``: densities or masses, shape (n,)."""
        out = self.jumps @ p + self._local_transposed @ p
        for end, rates in self._stopped():
            out[end] += rates @ p
        return np.asarray(out)

    def dense(self) -> Array:
        """Q itself, shape (n, n)."""
        matrix = self.jumps.dense() + self.local.toarray()
        for end, rates in self._stopped():
            matrix[:, end] += rates
        return np.asarray(matrix)

    def near(self, reach: int) -> Array:
        """Diagonals of Q up to `reach`, as LAPACK stores bands; shape (2 reach + 1, n)."""
        band = np.zeros((2 * reach + 1, self.nodes))
        for k in range(reach + 1):
            band[reach - k, k:] = self.jumps.first[k]
            band[reach + k, : self.nodes - k] = self.jumps.first[k]
        local = self.local.tocoo()
        np.add.at(band, (reach + local.row - local.col, local.col), local.data)
        return band

    @cached_property
    def jumps(self) -> Toeplitz:
        """Long jumps, and on the diagonal the rate of all of them, wherever they end."""
        rates = jump_rates(self.alpha, self.nodes, self.spacing)
        rates[0] = -2.0 * tail_rates(self.alpha, 1, self.spacing)[0]
        return Toeplitz(self.scale**self.alpha * rates)

    @cached_property
    def beyond(self) -> tuple[Array, Array]:
        """Rates of jumps beyond the outermost node, left and right; shape (n,) each."""
        left = self.scale**self.alpha * tail_rates(self.alpha, self.nodes, self.spacing)
        return left, left[::-1]

    @cached_property
    def local(self) -> sp.csr_array:
        """Drift and Gaussian noise between neighbours, and what becomes of the outermost."""
        diagonal = np.zeros(self.nodes)
        for rates, fate in zip(self.beyond, self.outside, strict=True):
            diagonal += rates if fate == "suppressed" else 0.0
        for side, fate in enumerate(self.outside):
            diagonal[-side] -= sum(self.wall_rates(side)) if fate == "killed" else 0.0
        flux = self._difference().T @ self.flux
        return sp.csr_array(flux.T + sp.diags_array(diagonal))

    @cached_property
    def _local_transposed(self) -> sp.csr_array:
        return sp.csr_array(self.local.T)

    def _stopped(self) -> list[tuple[int, Array]]:
        """Outermost nodes that jumps from everywhere end in, and their rates."""
        ends = zip((0, -1), self.beyond, self.outside, strict=True)
        return [(end, rates) for end, rates, fate in ends if fate == "stopped"]

    def _difference(self) -> sp.csr_array:
        """``(p_i - p_{i-1}) / h`` at the inner faces, shape (n - 1, n)."""
        ones = np.full(self.nodes - 1, 1.0 / self.spacing)
        return _beside_faces({0: -ones, 1: ones})

    @cached_property
    def flux(self) -> sp.csr_array:
        """Flux ``f p - T p'`` through the inner faces, shape (n - 1, n)."""
        f, wind = self.drift[1:-1], self.wind[1:-1]
        left = np.where(f > 0, 0.5 * (1.0 + wind), 0.5 * (1.0 - wind))
        slope = 0.5 * wind
        # p at the face is p_i + (1 - w)(p_{i+1} - p_i)/2 + w (p_i - p_{i-1})/2 where f > 0
        right = 1.0 - left
        from_left = np.where(f > 0, slope, 0.0)
        from_right = np.where(f < 0, slope, 0.0)
        from_left[:1] = from_right[-1:] = 0.0
        near = {0: f * (left + from_left), 1: f * (right + from_right)}
        far = {-1: -f * from_left, 2: -f * from_right}
        drift = _beside_faces(near | far)
        return sp.csr_array(drift - self.temperature * self._difference())

    @cached_property
    def wind(self) -> Array:
        """Share of upwinding at all faces."""
        spread = float(self.temperature / self.spacing**2 + self.jumps.first[1])
        return upwind_share(self.drift, spread, self.spacing)

    def wall_rates(self, side: int) -> tuple[float, float]:
        """Rates at which drift and Gaussian noise take the outermost node to an absorbing wall."""
        f, w = self.drift[-side], self.wind[-side]
        out = f if side else -f
        share = 0.5 * (1.0 + w) if out > 0 else 0.5 * (1.0 - w)
        theta, h = self.distances[side], self.spacing
        return float(out * share / h), float(self.temperature / (theta * h**2))


def _beside_faces(weights: dict[int, Array]) -> sp.csr_array:
    """Matrix of the inner faces: weights of nodes i + k, for the face right of node i."""
    faces = len(weights[0])
    rows, columns, values = [], [], []
    for k, weight in weights.items():
        i = np.arange(faces)
        kept = (i + k >= 0) & (i + k <= faces)
        rows.append(i[kept])
        columns.append(i[kept] + k)
        values.append(weight[kept])
    place = (np.concatenate(rows), np.concatenate(columns))
    return sp.csr_array(sp.coo_array((np.concatenate(values), place), shape=(faces, faces + 1)))
