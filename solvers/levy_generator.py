"""Generator of drift, Gaussian noise and long jumps on the nodes of a line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fokkerplanck.solvers.fractional import Toeplitz, jump_rates, tail_rates
from fokkerplanck.solvers.levy_edges import edge_killing, edge_layer

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

    Half a cell where walkers stay inside; where they are killed, what `edge_layer` finds: times
    then converge with the square of the cell in spite of their singularity at the wall.

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
    spread = scale**alpha * float(jump_rates(alpha, 2, h)[1]) + temperature / h**2
    distances = []
    for f, fate in zip(drift, outside, strict=True):
        wind = float(upwind_share(np.array([f]), spread, h)[0])
        layer = edge_layer(alpha, (scale / h) ** alpha, temperature / h**2, abs(f) / h, wind)
        distances.append(layer[0] if fate == "killed" else 0.5)
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
        flux = self._difference().T @ self.flux
        out = sp.csr_array(flux.T + sp.diags_array(diagonal))
        for side in (0, 1):
            # what the flux through the wall takes, it takes from the outermost node
            total, end = self.wall_rates(side).sum(axis=0), (self.nodes - 1) * side
            rows = np.flatnonzero(total)
            place = (rows, np.full(len(rows), end))
            out = out - sp.csr_array(sp.coo_array((total[rows], place), shape=out.shape))
        return sp.csr_array(out)

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
        # nobody is beyond an absorbing wall; beyond others nothing is known
        from_left[:1] *= self.outside[0] == "killed"
        from_right[-1:] *= self.outside[1] == "killed"
        near = {0: f * (left + from_left), 1: f * (right + from_right)}
        far = {-1: -f * from_left, 2: -f * from_right}
        drift = _beside_faces(near | far)
        return sp.csr_array(drift - self.temperature * self._difference())

    @cached_property
    def wind(self) -> Array:
        """Share of upwinding at all faces."""
        spread = float(self.temperature / self.spacing**2 + self.jumps.first[1])
        return upwind_share(self.drift, spread, self.spacing)

    def layer(self, face: int) -> tuple[float, float]:
        """Find the `edge_layer` of killing beyond a face."""
        h, wind = self.spacing, float(self.wind[face])
        jumps, gauss = (self.scale / h) ** self.alpha, self.temperature / h**2
        return edge_layer(self.alpha, jumps, gauss, abs(float(self.drift[face])) / h, wind)

    def wall_rates(self, side: int) -> Array:
        """Rates to an absorbing wall of drift, Gaussian noise, and killing beside it for jumps.

        Shape (3, n); 0 where the wall does not absorb. Jumps beyond it are in `beyond`.
        """
        rates = np.zeros((3, self.nodes))
        if self.outside[side] != "killed":
            return rates
        face = self.nodes * side
        out = float(self.drift[face]) * (2 * side - 1) / self.spacing
        w = float(self.wind[face])
        end, before = (self.nodes - 1, self.nodes - 2) if side else (0, 1)
        # the flux of inner faces, with nobody beyond
        rates[0, end] = out * (0.5 + w if out > 0 else 0.5 * (1.0 - w))
        rates[0, before] -= 0.5 * w * max(out, 0.0)
        rates[1, end] = self.temperature / self.spacing**2
        rates[:, end] += self.edge_rates(face, 2 * side - 1, self.distances[side])
        return rates

    def edge_rates(self, face: int, side: int, distance: float) -> Array:
        """Killing in the last node before a face that moves the edge there to a distance.

        Shape (3,): it is shared by drift, Gaussian noise and jumps as what leads over the face is.
        `side` is 1 where the killed are right of the face, -1 where left.
        """
        out = max(side * float(self.drift[face]), 0.0) / self.spacing
        drift = out * (0.5 + float(self.wind[face]))
        gauss, jumps = self.temperature / self.spacing**2, -0.5 * float(self.jumps.first[0])
        shares = np.array([drift, gauss, jumps]) / (drift + gauss + jumps)
        return np.asarray(shares * edge_killing(distance, self.layer(face)))

    @property
    def kills(self) -> bool:
        """Whether walkers are killed anywhere."""
        return "killed" in self.outside


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
