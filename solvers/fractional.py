"""Fractional centred differences on a line: the rates of long jumps, and their products by FFT."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

__all__ = [
    "Toeplitz",
    "difference_weights",
    "jump_constant",
    "jump_rates",
    "tail_rates",
]

Array = NDArray[np.float64]


def jump_constant(alpha: float) -> float:
    r"""C of the jump measure :math:`C |y|^{-1 - \alpha} dy` of a Levy motion of unit scale.

    .. math:: C_{1, \alpha} = \Gamma(1 + \alpha) \sin(\pi \alpha / 2) / \pi

    belongs to :math:`E e^{i w L_t} = e^{-t |w|^\alpha}` and vanishes at alpha = 2.
    """
    return float(gamma(1.0 + alpha) * np.sin(0.5 * np.pi * (2.0 - alpha)) / np.pi)


def difference_weights(alpha: float, count: int) -> Array:
    r"""Weights of the fractional centred difference of order alpha.

    .. math::

        (-\Delta)^{\alpha / 2} u(x_i) \approx h^{-\alpha} \sum_k g_{|k|} u(x_{i + k}), \qquad
        g_0 = \frac{\Gamma(\alpha + 1)}{\Gamma(\alpha / 2 + 1)^2}, \quad
        g_{k + 1} = g_k \Bigl(1 - \frac{\alpha + 1}{\alpha / 2 + k + 1}\Bigr)

    Parameters
    ----------
    alpha : float
        0 < alpha <= 2; at 2 they are 2, -1, 0, 0, ...
    count : int
        How many.

    Returns
    -------
    ndarray, shape (count,)
        Only the first is positive, and ``g_0 + 2 (g_1 + g_2 + ...) = 0``.

    References
    ----------
    M. D. Ortigueira, Int. J. Math. Math. Sci. (2006) 48391; C. Celik and M. Duman, J. Comput.
    Phys. 231 (2012) 1743.
    """
    k = np.arange(count - 1)
    ratios = (k - 0.5 * alpha) / (k + 1.0 + 0.5 * alpha)
    first = gamma(alpha + 1.0) / gamma(0.5 * alpha + 1.0) ** 2
    return np.asarray(first * np.concatenate(([1.0], np.cumprod(ratios))))


def jump_rates(alpha: float, count: int, spacing: float) -> Array:
    """Rates of jumps over 0, 1, ..., count - 1 cells to one side; the first is 0.

    ``-g_k / h^alpha``, those of a Levy motion of unit scale.
    """
    rates = -difference_weights(alpha, count) * spacing**-alpha
    rates[0] = 0.0
    return np.asarray(rates)


def tail_rates(alpha: float, count: int, spacing: float) -> Array:
    r"""Rates of all jumps over at least 1, 2, ..., count cells to one side; shape (count,).

    The sum telescopes: :math:`\sum_{k \ge m} |g_k| = |g_m| (m + \alpha / 2) / \alpha`, so that
    nothing cancels and nothing is cut off.
    """
    m = np.arange(1, count + 1)
    return np.asarray(jump_rates(alpha, count + 1, spacing)[1:] * (m + 0.5 * alpha) / alpha)


@dataclass(frozen=True, eq=False)
class Toeplitz:
    """Symmetric Toeplitz matrix, applied in ``n log n`` operations.

    Parameters
    ----------
    first : ndarray, shape (n,)
        Its first column.
    """

    first: Array
    _symbol: NDArray[np.complex128] = field(init=False, repr=False)
    _length: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from scipy.fft import next_fast_len, rfft

        n = len(self.first)
        length = int(next_fast_len(2 * n - 1, real=True))
        circle = np.zeros(length)
        circle[:n] = self.first
        circle[length - n + 1 :] = self.first[:0:-1]
        object.__setattr__(self, "_symbol", rfft(circle))
        object.__setattr__(self, "_length", length)

    def __matmul__(self, u: Array) -> Array:
        from scipy.fft import irfft, rfft

        product = self._symbol * rfft(u, self._length)
        return np.asarray(irfft(product, self._length)[: len(self.first)])

    def dense(self) -> Array:
        """Return the whole matrix, shape (n, n)."""
        k = np.arange(len(self.first))
        return np.asarray(self.first[np.abs(k[:, None] - k)])
