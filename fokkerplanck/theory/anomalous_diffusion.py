"""Anomalous diffusion of SGD: how far it gets in flat directions, from the spectrum of the Hessian.

The mean squared displacement is a sum over modes, each of which stops at its own time; where there
are ever more modes towards zero curvature, ``rho(h) ~ h^-a``, the sum grows as a power of time that
is not 1 over all times between the fastest and the slowest mode.

References
----------
D. Kunin et al., arXiv 2107.09133, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.oscillator import oscillator, oscillator_lag
from fokkerplanck.theory.quadrature import panel_rule

__all__ = ["AnomalousDiffusion", "PowerLaw", "spectral_exponent"]

Array = NDArray[np.float64]
Noise = Literal["hessian", "isotropic"]
#: Panels for each factor e of the curvature, and Gauss-Legendre nodes in each.
PANELS, NODES = 0.5, 16
#: Curvatures that stand for "down to zero", as a part of the largest.
ZERO = 1e-280
#: Times are well inside of a window from this factor of its ends on.
INSIDE = 30.0


class PowerLaw(NamedTuple):
    """A power of time, and when it is one.

    Parameters
    ----------
    exponent : float
        c in ``MSD ~ t^c``.
    window : tuple of float
        Times between which it is seen, well inside of them.
    valid : bool
        Whether the window is wide enough to hold it.
    note : str
        Why it is not, or what happens there.
    """

    exponent: float
    window: tuple[float, float]
    valid: bool
    note: str


@dataclass(frozen=True, eq=False)
class AnomalousDiffusion:
    """Displacements of SGD whose Hessian has a given spectrum, in its stationary law.

    Parameters
    ----------
    curvatures : array_like, shape (n,)
        Eigenvalues h > 0 of the Hessian.
    learning_rate, momentum, batch_size, residual_variance : float
        eta, beta, B and ``sigma^2``; time is ``eta k``.
    noise : str
        ``"hessian"``: ``C = sigma^2 H``, every mode has the same variance; ``"isotropic"``: ``C =
        sigma^2``, its variance is in proportion to 1 / h.
    inertia : bool
        Whether steps have momentum in time; otherwise the overdamped limit, in which a mode
        relaxes at the rate ``h / (1 - beta)``.
    weights : array_like, shape (n,), optional
        How many modes each curvature stands for, 1 by default.

    Raises
    ------
    CaseError
        On curvatures that are not positive, or settings out of range.
    """

    curvatures: Array
    weights: Array
    learning_rate: float
    momentum: float
    batch_size: float
    residual_variance: float
    noise: Noise
    inertia: bool

    def __init__(
        self,
        curvatures: ArrayLike,
        learning_rate: float = 1.0,
        momentum: float = 0.0,
        batch_size: float = 1.0,
        *,
        residual_variance: float = 1.0,
        noise: Noise = "hessian",
        inertia: bool = True,
        weights: ArrayLike | None = None,
    ) -> None:
        h = np.atleast_1d(np.asarray(curvatures, dtype=np.float64))
        count = np.ones_like(h) if weights is None else np.asarray(weights, dtype=np.float64)
        if h.ndim != 1 or count.shape != h.shape or not (h > 0).all():
            msg = "curvatures are positive numbers, with as many weights"
            raise CaseError(msg)
        if noise not in ("hessian", "isotropic"):
            msg = f'the noise is "hessian" or "isotropic", got {noise!r:.40}'
            raise CaseError(msg)
        if not (learning_rate > 0 and 0 <= momentum < 1 and batch_size > 0):
            msg = "needs learning_rate > 0, momentum in [0, 1) and batch_size > 0, got "
            msg += f"{learning_rate}, {momentum}, {batch_size}"
            raise CaseError(msg)
        given = (h, count, learning_rate, momentum, batch_size, residual_variance, noise, inertia)
        for name, value in zip(self.__dataclass_fields__, given, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def from_density(
        cls, exponent: float, low: float = 0.0, high: float = 1.0, **settings: object
    ) -> AnomalousDiffusion:
        """Take a density ``rho(h) = h^-a`` of curvatures between two, by quadrature in ``ln h``.

        Parameters
        ----------
        exponent : float
            a.
        low, high : float
            0 <= low < high. Down to zero the displacement is finite for ``a < 2`` (noise
            "hessian") or ``a < 1`` ("isotropic").
        **settings
            Other arguments of `AnomalousDiffusion`.

        Raises
        ------
        CaseError
            On other limits, or a displacement that is infinite.
        """
        if not (0 <= low < high and np.isfinite(high)):
            msg = f"curvatures lie between 0 <= low < high, got {low} and {high}"
            raise CaseError(msg)
        largest = 2.0 if settings.get("noise", "hessian") == "hessian" else 1.0
        if low == 0 and exponent >= largest:
            msg = (
                f"with h^-{exponent:g} modes down to h = 0 the displacement is infinite (from "
                f"h^-{largest:g} on); give the smallest curvature"
            )
            raise CaseError(msg)
        begin, end = np.log(max(low, ZERO * high)), np.log(high)
        panels = int(np.ceil((end - begin) * PANELS)) + 1
        u, weights = (part.ravel() for part in panel_rule(begin, end, panels, NODES))
        h = np.exp(u)
        return cls(h, weights=weights * np.exp((1 - exponent) * u), **settings)  # type: ignore[arg-type]

    @property
    def variances(self) -> Array:
        """Stationary variance of each mode, shape (n,)."""
        scale = self.learning_rate * self.residual_variance
        scale /= 2 * self.batch_size * (1 - self.momentum)
        return np.asarray(scale / (self.curvatures if self.noise == "isotropic" else 1.0))

    @property
    def damping(self) -> float:
        """``g_k = (1 - beta) / (eta (1 + beta))``."""
        return (1 - self.momentum) / (self.learning_rate * (1 + self.momentum))

    def displacements(self, times: ArrayLike) -> Array:
        """Mean squared displacement summed over all modes, shape (times,)."""
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if self.inertia:
            lag = oscillator_lag(*self._oscillators, t)
        else:
            lag = -np.expm1(-np.multiply.outer(self._rates, t))
        return np.asarray(2 * (self.weights * self.variances) @ lag)

    def exponents(self, times: ArrayLike) -> Array:
        """Local exponents ``d ln MSD / d ln t``, shape (times,)."""
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if self.inertia:
            stiffness = self._oscillators[1]
            speed = stiffness[:, None] * oscillator(*self._oscillators, t).kicked
        else:
            speed = self._rates[:, None] * np.exp(-np.multiply.outer(self._rates, t))
        slope = 2 * (self.weights * self.variances) @ speed
        return np.asarray(t * slope / self.displacements(t))

    def prediction(self, exponent: float) -> PowerLaw:
        """Say which power a density ``h^-a`` makes, and in which times.

        With noise like the Hessian ``a - 1`` for 1 < a < 2, normal diffusion above and saturation
        below; with isotropic noise a for 0 < a < 1, the same above and below. Before ``1 / (2
        g_k)`` inertia makes it ballistic.

        Parameters
        ----------
        exponent : float
            a, such as from `spectral_exponent`.
        """
        c = exponent - 1 if self.noise == "hessian" else exponent
        rates = self._rates
        begin, end = 1 / float(rates.max()), 1 / float(rates.min())
        if self.inertia:
            begin = max(begin, 1 / (2 * self.damping))
        notes = []
        if c in (0.0, 1.0):
            notes.append("at the border the power has a logarithm beside it")
        if c <= 0:
            notes.append("the fast modes have most of the displacement: it saturates")
        if c >= 1:
            notes.append("the slowest modes have most of the displacement: normal diffusion")
        narrow = end < INSIDE**2 * begin
        if narrow:
            notes.append(f"the modes span times of {begin:.3g} to {end:.3g} only")
        valid = not narrow and c not in (0.0, 1.0)
        return PowerLaw(min(max(c, 0.0), 1.0), (begin, end), valid, "; ".join(notes))

    @property
    def _rates(self) -> Array:
        return np.asarray(self.curvatures / (1 - self.momentum))

    @property
    def _oscillators(self) -> tuple[Array, Array]:
        stiffness = 2 * self.curvatures / (self.learning_rate * (1 + self.momentum))
        return np.full_like(self.curvatures, self.damping), stiffness


def spectral_exponent(
    eigenvalues: ArrayLike, low: float | None = None, high: float | None = None
) -> tuple[float, float]:
    """Fit ``rho(h) ~ h^-a`` to eigenvalues between two curvatures, by maximum likelihood.

    The mean of ``ln h`` is that of the truncated power law.

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
    low, high : float, optional
        By default the smallest and the largest that are positive.

    Returns
    -------
    exponent, error : float
        a, and its standard error if eigenvalues were independent.

    Raises
    ------
    CaseError
        With fewer than three eigenvalues between the two.
    """
    from scipy.optimize import brentq

    h = np.asarray(eigenvalues, dtype=np.float64).ravel()
    h = h[h > 0]
    ends = (low or float(h.min(initial=np.inf)), high or float(h.max(initial=0.0)))
    h = h[(h >= ends[0]) & (h <= ends[1])]
    if h.size < 3 or not ends[0] < ends[1]:
        msg = f"needs three positive eigenvalues between {ends[0]:.4g} and {ends[1]:.4g}"
        raise CaseError(msg)
    width = float(np.log(ends[1] / ends[0]))
    mean = float(np.log(h / ends[0]).mean()) / width

    def place(z: float) -> float:
        # mean of x on (0, 1) with density e^(z x)
        return 0.5 + z / 12 - z**3 / 720 if abs(z) < 1e-2 else 1 / -np.expm1(-z) - 1 / z

    if not 0 < mean < 1:
        msg = "all eigenvalues are the same"
        raise CaseError(msg)
    reach = 4 / min(mean, 1 - mean)
    z = float(brentq(lambda z: place(z) - mean, -reach, reach, xtol=1e-13))
    spread = 1 / 12 - z * z / 240 if abs(z) < 1e-2 else 1 / z**2 - 0.25 / np.sinh(z / 2) ** 2
    return 1 - z / width, float(1 / (width * np.sqrt(h.size * spread)))
