"""Escape of SGD over a saddle in any number of dimensions, its noise frozen as the Hessian.

Density diffusion theory takes ``D = eb |H|`` at the minimum a for a part s of the climb, and at
the saddle b for the rest. Along the direction e over the saddle that is a line with two
temperatures, see `density_diffusion.FrozenEscape`; every direction across has the variance eb at
both ends, so that no determinants appear. Two conditions go unsaid in the publication: e is an
axis of the Hessians (else detailed balance fails and the climb is a quasi-potential), and the
curvatures across stay what they are all along. If these change, the noise does not follow them
and the time has a factor more, which `sgd_path.along_path` computes.

Under white noise the law is `eyring_kramers`.

References
----------
Z. Xie, I. Sato and M. Sugiyama, "A diffusion theory for deep learning dynamics", ICLR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.density_diffusion import LEAST_CLIMB, FrozenEscape
from fokkerplanck.theory.eyring_kramers import EscapeRate, high_enough

__all__ = ["SgdEscape"]

Array = NDArray[np.float64]
#: Mismatch of axes or curvatures, relative to the Hessians, that is more than rounding.
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class SgdEscape:
    """Escape over one saddle; see `of`.

    Parameters
    ----------
    frozen : FrozenEscape
        The law on the line through the saddle.
    direction : ndarray, shape (n,)
        e, the axis of the saddle that leads down.
    across : float
        Logarithm of the factor that changing curvatures across the path give the time.
    faults : tuple of str
        Why the law does not hold, apart from a low climb.
    """

    frozen: FrozenEscape
    direction: Array
    across: float = 0.0
    faults: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        H_a: ArrayLike,
        H_b: ArrayLike,
        barrier: float,
        eb: float,
        switch: float,
        *,
        across: float | None = None,
    ) -> SgdEscape:
        """Take the law from the Hessians at minimum and saddle.

        Parameters
        ----------
        H_a, H_b : array_like, shape (n, n)
            Hessians at the minimum and at the saddle; numbers on a line.
        barrier, eb, switch : float
            ``L(b) - L(a)``, ``eta / (2 B)`` and s, as in `FrozenEscape`.
        across : float, optional
            Known logarithm of the factor of changing curvatures. By default none is meant to be,
            and it counts as a fault when the curvatures across differ.

        Raises
        ------
        CaseError
            When the one is no minimum or the other has not just one direction down.
        """
        well, top = (np.atleast_2d(np.asarray(h, dtype=np.float64)) for h in (H_a, H_b))
        if well.shape != top.shape or well.shape[0] != well.shape[1]:
            msg = f"Hessians of shapes {well.shape} and {top.shape} do not fit together"
            raise CaseError(msg)
        if np.linalg.eigvalsh(well)[0] <= 0:
            msg = "an escape starts at a minimum: its Hessian must be positive definite"
            raise CaseError(msg)
        values, vectors = np.linalg.eigh(top)
        if not (values[0] < 0 and (values[1:] > 0).all()):
            msg = "an escape passes a saddle: its Hessian must have one negative eigenvalue"
            raise CaseError(msg)
        e = vectors[:, 0]
        frozen = FrozenEscape(float(e @ well @ e), float(values[0]), barrier, eb, switch)
        faults = _mismatch(well, top, vectors, across is not None)
        return cls(frozen, e, across or 0.0, faults)

    @property
    def climb(self) -> float:
        """``Phi_ab = (Delta L / eb) (s / H_ae + (1 - s) / |H_be|)``."""
        return self.frozen.climb

    def log_time(self, kappa: float) -> float:
        """Logarithm of ``2 pi / (H_ae^kappa |H_be|^(1 - kappa)) e^(Phi_ab + across)``.

        The reading kappa is 1 for Ito, which SGD obeys, 1/2 for Stratonovich, 0 for Hanggi and
        Klimontovich.
        """
        return self.frozen.log_time(kappa) + self.across

    def time(self, kappa: float) -> float:
        """Mean time to the far side of the saddle."""
        log_time = self.log_time(kappa)
        return exp(log_time) if log_time < 709.7 else inf

    @property
    def log_published(self) -> float:
        """Logarithm of the time as published, ``2 pi / |H_be| e^Phi_ab``."""
        return self.frozen.log_published

    def rate(self, kappa: float) -> EscapeRate:
        """Rate of escape; those of several paths are added by `over_paths`."""
        return EscapeRate(-self.log_time(kappa), self.climb)

    @property
    def valid(self) -> bool:
        """Whether nothing speaks against the law."""
        return not self.note

    @property
    def note(self) -> str:
        """Why it is not valid; empty if it is."""
        low = (
            ()
            if high_enough(self.climb)
            else (f"Phi_ab = {self.climb:.3g} is below {LEAST_CLIMB:g}",)
        )
        return "; ".join((*low, *self.faults))


def _mismatch(well: Array, top: Array, vectors: Array, known: bool) -> tuple[str, ...]:
    """Say what keeps the law on a line from being that in all dimensions."""
    size = np.abs(np.linalg.eigvalsh(well)).max()
    turned = vectors.T @ well @ vectors
    if np.abs(turned[0, 1:]).max(initial=0.0) > ROUNDING * size:
        return (
            "the direction over the saddle is no axis of the Hessian at the minimum: noise and "
            "curvature share no axes, detailed balance fails, and the climb is a quasi-potential",
        )
    other = turned[1:, 1:] - (vectors.T @ top @ vectors)[1:, 1:]
    if not known and np.abs(other).max(initial=0.0) > ROUNDING * size:
        return (
            "the curvatures across the path differ at minimum and saddle, which frozen noise does "
            "not follow: the time has another factor that depends on the path",
        )
    return ()
