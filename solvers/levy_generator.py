"""Generator of drift, Gaussian noise and long jumps on the nodes of a line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fokkerplanck.solvers.fractional import Toeplitz, jump_rates, tail_rates, wall_distance

__all__ = ["LevyGenerator", "Outside", "domain_spacing"]

Array = NDArray[np.float64]
Outside = Literal["killed", "stopped", "suppressed"]


def domain_spacing(length: float, nodes: int, alpha: float) -> float:
    """Spacing of nodes between two absorbing walls; the outermost are `wall_distance` away."""
    return length / (nodes - 1 + 2.0 * wall_distance(alpha))


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
    outside : str
        What happens to jumps beyond the outermost nodes: ``"killed"`` (absorbing walls),
        ``"stopped"`` (they end in the outermost node), ``"suppressed"`` (they do not occur).

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
    outside: Outside

    @property
    def nodes(self) -> int:
        """Number of nodes n."""
        return len(self.drift) - 1

    def apply(self, u: Array) -> Array:
        """``Q u``: observables, shape (n,)."""
        out = self.jumps @ u + self.local @ u
        if self.outside == "stopped":
            out += self.beyond * u[0] + self.beyond[::-1] * u[-1]
        return np.asarray(out)

    def apply_transposed(self, p: Array) -> Array:
        """``Q^T p``: densities or masses, shape (n,)."""
        out = self.jumps @ p + self.local.T @ p
        if self.outside == "stopped":
            out[0] += self.beyond @ p
            out[-1] += self.beyond[::-1] @ p
        return np.asarray(out)

    def dense(self) -> Array:
        """Q itself, shape (n, n)."""
        matrix = self.jumps.dense() + self.local.toarray()
        if self.outside == "stopped":
            matrix[:, 0] += self.beyond
            matrix[:, -1] += self.beyond[::-1]
        return np.asarray(matrix)

    def near(self, reach: int) -> Array:
        """Diagonals of Q up to `reach`, as LAPACK stores bands; shape (2 reach + 1, n)."""
        band = np.zeros((2 * reach + 1, self.nodes))
        for k in range(reach + 1):
            band[reach - k, k:] = self.jumps.first[k]
            band[reach + k, : self.nodes - k] = self.jumps.first[k]
        local = self.local.todia()
        for k, values in zip(local.offsets, local.data, strict=True):
            band[reach - k, : len(values)] += values
        return band

    @cached_property
    def jumps(self) -> Toeplitz:
        """Long jumps, and on the diagonal the rate of all of them, wherever they end."""
        rates = jump_rates(self.alpha, self.nodes, self.spacing)
        rates[0] = -2.0 * tail_rates(self.alpha, 1, self.spacing)[0]
        return Toeplitz(self.scale**self.alpha * rates)

    @cached_property
    def beyond(self) -> Array:
        """Rates of jumps that leave to the left, shape (n,); reversed, to the right."""
        return self.scale**self.alpha * tail_rates(self.alpha, self.nodes, self.spacing)

    @cached_property
    def local(self) -> sp.csr_array:
        """Drift and Gaussian noise between neighbours, and what suppressed jumps leave out."""
        q = self._difference().T @ self._flux()
        if self.outside == "suppressed":
            q = q.T + sp.diags_array(self.beyond + self.beyond[::-1])
        elif self.outside == "killed":
            q = q.T + self._to_walls()
        else:
            q = q.T
        return sp.csr_array(q)

    def _difference(self) -> sp.csr_array:
        """``(p_i - p_{i-1}) / h`` at the inner faces, shape (n - 1, n)."""
        n, h = self.nodes, self.spacing
        ones = np.ones(n - 1) / h
        return sp.csr_array(sp.diags_array([-ones, ones], offsets=[0, 1], shape=(n - 1, n)))

    def _flux(self) -> sp.csr_array:
        """Flux ``f p - T p'`` through the inner faces, shape (n - 1, n)."""
        n, f = self.nodes, self.drift[1:-1]
        wind = self.wind[1:-1]
        left = np.where(f > 0, 0.5 * (1.0 + wind), 0.5 * (1.0 - wind))
        slope = 0.5 * wind
        # p at the face is p_i + (1 - w)(p_{i+1} - p_i)/2 + w (p_i - p_{i-1})/2 where f > 0
        right = 1.0 - left
        from_left = np.where(f > 0, slope, 0.0)
        from_right = np.where(f < 0, slope, 0.0)
        from_left[:1] = from_right[-1:] = 0.0
        diagonals = [-from_left[1:], left + from_left, right + from_right, -from_right[:-1]]
        parts = [diagonals[0] * f[1:], diagonals[1] * f, diagonals[2] * f, diagonals[3] * f[:-1]]
        drift = sp.diags_array(parts, offsets=[-1, 0, 1, 2], shape=(n - 1, n))
        return sp.csr_array(drift - self.temperature * self._difference())

    @cached_property
    def wind(self) -> Array:
        """Share of upwinding at all faces: 0 where rates from both sides are non-negative."""
        h = self.spacing
        spread = self.temperature / h**2 + self.jumps.first[1]
        strength = np.abs(self.drift) / (2.0 * h)
        with np.errstate(divide="ignore"):
            return np.asarray(np.maximum(0.0, 1.0 - spread / np.maximum(strength, 1e-300)))

    def _to_walls(self) -> sp.dia_array:
        """Killing of the outermost nodes by drift and Gaussian noise; on the diagonal."""
        theta, h, t = wall_distance(self.alpha), self.spacing, self.temperature
        out = np.zeros((self.nodes, self.nodes)) if False else np.zeros(self.nodes)
        for end, side, f in ((0, 0, -self.drift[0]), (-1, -1, self.drift[-1])):
            w = self.wind[side]
            share = 0.5 * (1.0 + w) if f > 0 else 0.5 * (1.0 - w)
            out[end] -= f * share / h + 2.0 * t / (theta * (1.0 + theta) * h**2)
        return sp.diags_array(out)
