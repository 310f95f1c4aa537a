"""Splines through values and gradients: quintic, three times continuously differentiable.

Measured on lattices of known losses and of small networks (root mean square error of the loss
between 25 x 25 samples; a spline through the values alone is cubic or quintic):

=====================  ========  ========  ============  ======================
loss                   cubic     quintic   with grad L   with grad L and Hessian
=====================  ========  ========  ============  ======================
sin, exp, cos          4.3e-05   9.8e-07   4.2e-08       1.4e-08
Müller-Brown / 100     1.2e-03   1.8e-04   4.8e-06       9.8e-07
softplus of a cubic    3.2e-03   3.7e-03   8.4e-05       1.7e-05
network with tanh      6.1e-07   1.6e-07   4.2e-09       .
network with ReLU      8.7e-05   1.1e-04   7.1e-05       .
ResNet, SiLU, 13 x 13  1.1e-02   1.5e-02   5.7e-03       .
ResNet, ReLU, 13 x 13  1.1e-02   1.4e-02   7.3e-03       .
=====================  ========  ========  ============  ======================

The last two have 4934 weights trained on 8 x 8 digits, on the plane through three minima that are
34 apart, losses from 0.2 to 3.8.

Values alone: a quintic spline gains where the samples resolve the loss well, and loses where they
do not, as on all planes with ReLU and on both ResNets, so `SampledLandscape` takes the cubic one.
Gradients gain a factor of 40 to 1000 where the samples resolve the loss, and 1.2 to 2 on ResNets
and ReLU networks. Measured Hessians would gain 3 to 5 more on smooth losses, but that of a ReLU
network at a point is not the second derivative of its loss on the scale of the samples (kinks
carry the rest), and they are what is dearest to compute: not used, only compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fokkerplanck.landscapes.base import Array

__all__ = ["GradientSpline"]

#: power coefficients on [0, 1], highest first, from f, f', f'' at 0 and at 1
QUINTIC = np.array(
    [
        [-6.0, -3.0, -0.5, 6.0, -3.0, 0.5],
        [15.0, 8.0, 1.5, -15.0, 7.0, -1.0],
        [-10.0, -6.0, -1.5, 10.0, -4.0, 0.5],
        [0.0, 0.0, 0.5, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


@dataclass(frozen=True, eq=False)
class GradientSpline:
    """Tensor-product quintic through L and its gradient at the points of a lattice.

    Second derivatives at the points follow from continuous third derivatives (and a fourth at
    the second and last but one point); the mixed derivative in the plane from splines of the
    gradient.

    Parameters
    ----------
    axes : tuple of ndarray
        Increasing coordinates along x (and y), at least four each.
    values : ndarray, shape (*lattice)
    gradient : ndarray, shape (*lattice, dim)
    """

    axes: tuple[Array, ...]
    values: Array = field(repr=False)
    gradient: Array = field(repr=False)

    def __call__(self, points: Array, order: tuple[int, ...]) -> Array:
        """Evaluate the derivative of that order along each axis at points (..., dim)."""
        rows = points.reshape(-1, len(self.axes))
        return np.asarray(self._polynomials(rows, nu=order).reshape(points.shape[:-1]))

    @cached_property
    def _polynomials(self) -> Any:
        from scipy.interpolate import NdPPoly

        # coordinates are copied: NdPPoly takes no read-only ones
        f, g = self.values, self.gradient
        if len(self.axes) == 1:
            (x,) = self.axes
            return NdPPoly(_pieces(x, _jet(x, f, g[..., 0])), (x.copy(),))
        x, y = self.axes
        along_y = _jet(y, f.T, g[..., 1].T)  # L, L_y, L_yy, indices swapped
        slopes = _jet(y, g[..., 0].T, _mixed(x, y, g).T)
        strips = [_pieces(x, _jet(x, a.T, b.T)) for a, b in zip(along_y, slopes, strict=True)]
        whole = _pieces(y, [np.moveaxis(strip, -1, 0) for strip in strips])
        return NdPPoly(np.ascontiguousarray(whole.transpose(2, 0, 3, 1)), (x.copy(), y.copy()))


def _mixed(x: Array, y: Array, gradient: Array) -> Array:
    """L_xy at the points: the mean of what both components of the gradient say."""
    from scipy.interpolate import make_interp_spline

    def slope(axis: Array, values: Array) -> Array:
        degree = 5 if len(axis) > 6 else 3
        return np.asarray(make_interp_spline(axis, values, k=degree)(axis, 1))

    return 0.5 * (slope(y, gradient[..., 0].T).T + slope(x, gradient[..., 1]))


def _jet(x: Array, f: Array, g: Array) -> list[Array]:
    """Return f, f', f'' at the points along the first axis."""
    return [f, g, _second(x, f, g)]


def _second(x: Array, f: Array, g: Array) -> Array:
    """Solve for f'': quintic pieces through f, f', f'' with continuous third derivatives."""
    from scipy.linalg import solve_banded

    n = len(x)
    h = np.diff(x)
    side = h.reshape(-1, *[1] * (f.ndim - 1))
    rise = (f[1:] - f[:-1]) / side
    # third derivative of a piece at its left and right end, without the terms in f''
    third = (
        (60.0 * rise - 36.0 * g[:-1] - 24.0 * g[1:]) / side**2,
        (60.0 * rise - 24.0 * g[:-1] - 36.0 * g[1:]) / side**2,
    )
    fourth = (
        (-360.0 * rise + 192.0 * g[:-1] + 168.0 * g[1:]) / side**3,
        (360.0 * rise - 168.0 * g[:-1] - 192.0 * g[1:]) / side**3,
    )
    band, right = np.zeros((5, n)), np.empty_like(f)  # band[2 + i - j, j] is the entry (i, j)
    band[3, :-2], band[1, 2:] = -3.0 / h[:-1], -3.0 / h[1:]
    band[2, 1:-1] = 9.0 / h[:-1] + 9.0 / h[1:]
    right[1:-1] = third[0][1:] - third[1][:-1]
    for row, i in ((0, 1), (n - 1, n - 2)):
        before, after = h[i - 1] ** -2, h[i] ** -2
        entries = (-24.0 * before, 36.0 * (before - after), 24.0 * after)
        for j, entry in zip((i - 1, i, i + 1), entries, strict=True):
            band[2 + row - j, j] = entry
        right[row] = fourth[0][i] - fourth[1][i - 1]
    solved = solve_banded((2, 2), band, right.reshape(n, -1))
    return np.asarray(solved.reshape(f.shape))


def _pieces(x: Array, jet: list[Array]) -> Array:
    """Power coefficients, shape (6, n - 1, ...), of the pieces through f, f', f''."""
    h = np.diff(x).reshape(-1, *[1] * (jet[0].ndim - 1))
    ends = [a[:-1] * h**k for k, a in enumerate(jet)] + [a[1:] * h**k for k, a in enumerate(jet)]
    powers = np.stack([h ** (5.0 - k) for k in range(6)])
    return np.asarray(np.tensordot(QUINTIC, np.stack(ends), axes=1) / powers)
