"""Modes of a start, with what is too rare for the weighted norm left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.kinetic import Kinetic

__all__ = ["Start", "cooled", "visible"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Start:
    """Symmetrised modes of a start in the basis of an operator, its mass and weighted norm."""

    operator: Kinetic
    even: Array = field(repr=False)
    odd: Array = field(repr=False)
    mass: float
    norm: float


def visible(operator: Kinetic, even: Array, odd: Array, spared: float) -> Start:
    r"""Symmetrise modes c_n; where :math:`|p / p_s|` is largest, leave out `spared` of the L1 norm.

    The tail of a broad start far up a slope has no mass to speak of, but a norm beyond floats.

    Parameters
    ----------
    operator : Kinetic
    even, odd : ndarray
        Modes at cells and at live faces, shapes `Kinetic.even_shape` and `Kinetic.odd_shape`.
    spared : float
        L1 norm that may go.
    """
    w_e, w_o = operator.weights
    h = operator.spacing
    size_e, size_o = (np.sqrt((c * c).sum(axis=0)) for c in (even, odd))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = np.concatenate([_ratio(size_e, w_e), _ratio(size_o, w_o)])
    size = np.concatenate([size_e, size_o]) * h
    order = np.argsort(-ratio, kind="stable")
    gone = np.cumsum(size[order])
    keep = np.ones(size.size, dtype=bool)
    keep[order[gone <= spared]] = False
    keep &= np.isfinite(ratio)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        psi_e = np.where(keep[: size_e.size], even / w_e, 0.0)
        psi_o = np.where(keep[size_e.size :], odd / w_o, 0.0)
        lost = float(size[~keep].sum())
        norm = operator.norm(psi_e, psi_o)
    bad = lost > 2.0 * spared or not np.isfinite(norm)
    return Start(operator, psi_e, psi_o, operator.mass(psi_e), np.inf if bad else norm)


def _ratio(size: Array, weight: Array) -> Array:
    return np.where(size == 0.0, 0.0, size / weight**2)


def cooled(operator: Kinetic, even: Array, odd: Array, factor: float, spared: float) -> Start:
    r"""Modes in a basis that is `factor` times colder.

    :math:`h_n(r w) = \sum_{m \le n} C_{nm} h_m(w)` with r the square root of the factor, so that
    modes up to n need no others: where the colder basis holds the density, nothing is lost.
    """
    table = _scaled_hermite(float(np.sqrt(factor)), operator.modes)
    w_e, w_o = operator.weights
    return visible(
        operator.heated(1.0 / factor),
        table[0::2, 0::2] @ (w_e * even),
        table[1::2, 1::2] @ (w_o * odd),
        spared,
    )


def _scaled_hermite(r: float, modes: int) -> Array:
    """Matrix C, by the three-term recurrence of h_n applied to vectors of coefficients."""
    root = np.sqrt(np.arange(modes + 1.0))
    out = np.zeros((modes, modes))
    out[0, 0] = 1.0
    before = np.zeros(modes)
    for n in range(modes - 1):
        times_w = np.zeros(modes)
        times_w[1:] = root[1:modes] * out[n, :-1]
        times_w[:-1] += root[1:modes] * out[n, 1:]
        out[n + 1] = (r * times_w - root[n] * before) / root[n + 1]
        before = out[n]
    return out
