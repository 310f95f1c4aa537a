"""Linear processes with velocities: currents that time reversal keeps, and those that dissipate.

Reversal keeps positions and turns velocities round, ``x -> eps x`` with ``eps_i = 1`` or -1. The
part of the drift that is even under it makes entropy, the odd part does not: a damped oscillator
in equilibrium circles in its phase space for ever and dissipates nothing.

References
----------
H. Risken, The Fokker-Planck Equation, section 6.4; R. E. Spinney and I. J. Ford, Phys. Rev. E 85
(2012) 051113.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.gaussian import gaussian_density

__all__ = ["TimeReversal"]

Array = NDArray[np.float64]
#: Relative size below which a noise is none, and a current without noise is rounding.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class TimeReversal:
    """The stationary current ``J = (f - D grad ln p) p`` of ``f = -A y``, in two parts.

    ``A_irr = (A + eps A eps) / 2`` and ``A_rev = (A - eps A eps) / 2``; then ``J_rev = -A_rev y p``
    and ``J_irr = -(A_irr - D S^-1) y p``.

    Parameters
    ----------
    rate, diffusion, covariance : array_like, shape (n, n)
        A, D and the stationary S.
    parities : array_like, shape (n,)
        eps: 1 for positions, -1 for velocities.

    Raises
    ------
    CaseError
        On parities that are not 1 or -1, or noise that is correlated between the two kinds.
    """

    rate: Array
    diffusion: Array
    covariance: Array
    parities: Array

    def __init__(
        self, rate: ArrayLike, diffusion: ArrayLike, covariance: ArrayLike, parities: ArrayLike
    ) -> None:
        a, d, s = (np.asarray(m, dtype=np.float64) for m in (rate, diffusion, covariance))
        signs = np.atleast_1d(np.asarray(parities, dtype=np.float64))
        if signs.shape != (len(a),) or not np.isin(signs, (-1.0, 1.0)).all():
            msg = f"parities are {len(a)} numbers 1 (kept) or -1 (turned round), got {signs!r:.80}"
            raise CaseError(msg)
        mixed = np.abs(d - signs[:, None] * d * signs).max()
        if mixed > ROUNDING * np.abs(d).max():
            msg = "noise that is correlated between variables of unlike parity is not reversible"
            raise CaseError(msg)
        for name, value in zip(self.__dataclass_fields__, (a, d, s, signs), strict=True):
            object.__setattr__(self, name, value)

    @property
    def reversible_rate(self) -> Array:
        """``A_rev``, shape (n, n): inertia and forces, for positions and velocities."""
        return np.asarray(0.5 * (self.rate - self.parities[:, None] * self.rate * self.parities))

    @property
    def irreversible_rate(self) -> Array:
        """``A_irr``, shape (n, n): friction, for positions and velocities."""
        return np.asarray(0.5 * (self.rate + self.parities[:, None] * self.rate * self.parities))

    @cached_property
    def imbalance(self) -> Array:
        """``A_irr S - D``, shape (n, n); zero where friction and noise balance everywhere."""
        return np.asarray(self.irreversible_rate @ self.covariance - self.diffusion)

    @cached_property
    def entropy_production(self) -> float:
        """Stationary entropy production ``int J_irr^T D^+ J_irr / p``, in units of k_B.

        ``tr(M^T D^+ M S^-1)`` with M the `imbalance`; infinite where a dissipative current flows
        in a direction without noise. Without velocities it is that of `OrnsteinUhlenbeck`.
        """
        values, axes = np.linalg.eigh(self.diffusion)
        noisy = values > ROUNDING * values[-1]
        parts = axes.T @ self.imbalance
        scale = np.abs(self.diffusion).max()
        if np.abs(parts[~noisy]).max(initial=0.0) > 1e3 * ROUNDING * scale:
            return float(np.inf)
        root = parts[noisy] / np.sqrt(values[noisy])[:, None]
        return float(np.sum(root * np.linalg.solve(self.covariance, root.T).T))

    def reversible_current(self, points: ArrayLike) -> Array:
        """``J_rev`` at points (..., n), measured from the centre."""
        return self._current(-self.reversible_rate, points)

    def irreversible_current(self, points: ArrayLike) -> Array:
        """``J_irr`` at points (..., n), measured from the centre."""
        velocity = np.asarray(-np.linalg.solve(self.covariance, self.imbalance.T).T)
        return self._current(velocity, points)

    def _current(self, velocity: NDArray[Any], points: ArrayLike) -> Array:
        y = np.asarray(points, dtype=np.float64)
        density = gaussian_density(y, np.zeros(len(self.parities)), self.covariance)
        return np.asarray(y @ velocity.T * density[..., None])
