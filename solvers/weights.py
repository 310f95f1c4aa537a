"""Link weights: how the rate of a jump depends on the climb along its link."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["WEIGHTS", "bernoulli", "jump_weights"]

Array = NDArray[np.float64]

#: ``fitted``: exponential fitting, tame on steep slopes, for transient densities.
#: ``midpoint``: potential at the middle of the link, close to fourth order for passage times,
#: rates and stationary fluxes, but stiff where a link climbs by more than about 2.
WEIGHTS = ("fitted", "midpoint")


def bernoulli(z: Array) -> Array:
    """Bernoulli function ``B(z) = z / (e^z - 1)``, without cancellation or overflow."""
    z = np.asarray(z, dtype=np.float64)
    small = np.abs(z) < 1e-5
    with np.errstate(over="ignore"):
        value = z / np.expm1(np.where(small, 1.0, z))
    return np.where(small, 1 - z / 2 + z * z / 12, value)


def jump_weights(first: Array, second: Array, total: Array, weight: str) -> tuple[Array, Array]:
    """Weights of the jumps up and down links whose two halves climb by `first` and `second`.

    Parameters
    ----------
    first, second, total : ndarray, shape (links,)
        Climb of ``Phi = -int D^-1 f . dl`` from tail to middle, from middle to head, and from
        tail to head (their sum, but exact where cell values give it).
    weight : str
        ``"fitted"``: ``B(total), B(-total)``. ``"midpoint"``: ``exp(-first), exp(second)``.

    Returns
    -------
    forward, backward : ndarray, shape (links,)
        Their ratio is ``exp(-total)`` either way.

    References
    ----------
    Scharfetter and Gummel, IEEE Trans. Electron Devices 16, 64 (1969); Wang, Peskin and Elston,
    J. Theor. Biol. 221, 491 (2003).
    """
    if weight == "fitted":
        return bernoulli(total), bernoulli(-total)
    if weight == "midpoint":
        with np.errstate(over="ignore"):
            return np.exp(-first), np.exp(second)
    msg = f"unknown link weight {weight!r}; known: {', '.join(WEIGHTS)}"
    raise ValueError(msg)
