"""A rational approximation of exp on the negative half line, with an embedded error estimate.

``exp(z) = 2 Re sum_j c_j / (z - theta_j)`` with nine conjugate pairs of poles: the
Caratheodory-Fejer approximation of type (18, 18) [1]_, poles computed with 50 digits, residues
fitted by least squares on ``[-inf, 0]`` and at 0. It is right to 5e-18 there (to rounding, that
is), keeps constants exactly (``r(0) = 1``: mass) and vanishes at infinity. A second set of
residues leaves out the outermost pair; it is right to 8e-12. Where the density is so far from
equilibrium that the pseudospectrum reaches the poles, both go wrong, and differently: their
difference is an error estimate that costs no further solve. It holds for real spectra, that is
under detailed balance: oscillating modes beyond the poles are damped by both alike, and need
the comparison of one step with two (`fokkerplanck.solvers.stepping.doubled`).

References
----------
.. [1] L. N. Trefethen, J. A. C. Weideman, T. Schmelzer, "Talbot quadratures and rational
   approximations", BIT 46 (2006) 653, section 4. M. Pusa, Nucl. Sci. Eng. 182 (2016) 297.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EMBEDDED",
    "POLES",
    "RESIDUES",
    "ROUNDING",
    "STRICTEST",
    "l1_error",
    "scalar_exponential",
]

Complex = NDArray[np.complex128]

#: Rounding of the sum over poles, as a fraction of the mass in L1.
ROUNDING = 1e-13
#: The estimate is reliable below this, so looser tolerances are tightened to it.
STRICTEST = 1e-6

# fmt: off
POLES: Complex = np.array([
    -12.827371941475864 + 21.933244586819551j,
    -6.9005242076372012 + 18.798069529192709j,
    -2.7306864433404134 + 16.020445952021243j,
    0.41562358283567931 + 13.405983681198939j,
    2.8233466379975821 + 10.883997832668510j,
    4.6381521974451616 + 8.4193941173790857j,
    5.9438662630599942 + 5.9914987302654044j,
    6.7906767975772290 + 3.5865162826860032j,
    7.2074478642817615 + 1.1941593471475366j,
])
RESIDUES: Complex = np.array([
    0.0000016688777299212790 + 0.0000030744192928017030j,
    -0.00050476509141504126 - 0.00075273723556123303j,
    0.014992583645375725 + 0.043993300236059930j,
    0.080471054580462709 - 0.90175922698272056j,
    -4.8312927496025477 + 7.2512698565188314j,
    43.058045637377645 - 20.281555668567073j,
    -159.05344516531316 - 20.056903681770304j,
    268.03710014834190 + 226.36122984768755j,
    -147.30536841281598 - 493.49610741707369j,
])
EMBEDDED: Complex = np.array([
    0.0j,
    -0.00046197513808492135 - 0.00077815233379355174j,
    0.015123453801028353 + 0.044284228934787107j,
    0.079239098155259945 - 0.90144140665373318j,
    -4.8315086793035939 + 7.2476732873384262j,
    43.065752544404229 - 20.280487580822154j,
    -159.05780419546337 - 20.044239960856621j,
    268.02065199092894 + 226.35186192416106j,
    -147.29099222901714 - 493.51327686680464j,
])
# fmt: on


def scalar_exponential(z: NDArray[np.float64], residues: Complex = RESIDUES) -> NDArray[np.float64]:
    """Approximate exp(z) for real z <= 0, elementwise: what the solvers apply to a spectrum."""
    terms = residues / (np.asarray(z, dtype=np.float64)[..., None] - POLES)
    return np.asarray(2.0 * terms.real.sum(axis=-1))


def l1_error(difference: NDArray[np.float64], mass: NDArray[np.float64]) -> float:
    """L1 error of one step, from the difference that the two sets of residues make.

    The true error falls faster than the difference. On delta starts far up steep wells and on
    slopes with and without absorbing ends it was below 2e-3 of the difference where that is
    1e-9 of the mass, 0.01 at 1e-8, 0.1 at 1e-7, and up to 4 times as large above 1e-6. The
    estimate is the difference times ``(difference / 1e-6)^(2/3)``, at least a hundredth and at
    most all of it; steps with a difference above 1e-6 are never accepted.
    """
    size, total = float(np.abs(difference).sum()), float(np.abs(mass).sum())
    relative = size / total if total > 0.0 else 0.0
    trust = min(1.0, max(0.01, (relative / STRICTEST) ** (2.0 / 3.0)))
    return float(size * trust + ROUNDING * total)
