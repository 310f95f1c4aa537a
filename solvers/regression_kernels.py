"""Compiled steps of linear regression by SGD with momentum, on minibatches that are drawn.

Every walker has a stream of random numbers of its own, by its number, so that its path has the
same bits in every block and thread.
"""

# Everything that a cached kernel calls stands in this file: numba does not notice edits of another.
from __future__ import annotations

import math

import numpy as np
from numba import float64, int64, njit, uint64

__all__ = [
    "additive_steps_kernel",
    "data_steps_kernel",
    "gaussian_steps_kernel",
    "normals_kernel",
    "streams_kernel",
]

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(forceinline=True, error_model="numpy")


@_inline
def _mix(z):
    """Finaliser of splitmix64: a bijection of 64-bit words."""
    z = (z ^ (z >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> uint64(27))) * uint64(0x94D049BB133111EB)
    return z ^ (z >> uint64(31))


@_inline
def _turn(x, k):
    return (x << k) | (x >> (uint64(64) - k))


@_inline
def _next(a, b, c, d):
    """One step of xoshiro256++: the word and the four words of the new state."""
    word = _turn(a + d, uint64(23)) + a
    t = b << uint64(17)
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    return word, a, b, c ^ t, _turn(d, uint64(45))


@_inline
def _fill(s, z):
    """Fill z, of even length, with normals (Box and Muller)."""
    a, b, c, d = s[0], s[1], s[2], s[3]
    for k in range(0, z.shape[0], 2):
        first, a, b, c, d = _next(a, b, c, d)
        second, a, b, c, d = _next(a, b, c, d)
        u = (float64(int64(first >> uint64(11))) + 0.5) * 2.0**-53
        v = (float64(int64(second >> uint64(11))) + 0.5) * 2.0**-53
        r, angle = math.sqrt(-2.0 * math.log(u)), 2.0 * math.pi * v
        z[k], z[k + 1] = r * math.cos(angle), r * math.sin(angle)
    s[0], s[1], s[2], s[3] = a, b, c, d


@_inline
def _below(s, n):
    """Whole number from 0 to n - 1, even up to n / 2^32."""
    word, s[0], s[1], s[2], s[3] = _next(s[0], s[1], s[2], s[3])
    return int64(((word >> uint64(32)) * uint64(n)) >> uint64(32))


@_inline
def _move(x, v, g, eta, beta, decay):
    """Step v' = beta v - (g + decay x), x' = x + eta v'."""
    for k in range(x.shape[0]):
        v[k] = beta * v[k] - (g[k] + decay * x[k])
        x[k] += eta * v[k]


@_kernel
def streams_kernel(seed, first, streams):
    """streams[k] = the four words that walker first + k begins with; shape (walkers, 4)."""
    gamma = uint64(0x9E3779B97F4A7C15)
    for i in range(streams.shape[0]):
        base = _mix(_mix(uint64(seed) + gamma) ^ (uint64(first + i) * gamma))
        for k in range(4):
            streams[i, k] = _mix(base + uint64(k + 1) * gamma)


@_kernel
def normals_kernel(streams, out):
    """out[k] = the next normals of stream k; shape (walkers, even)."""
    for i in range(out.shape[0]):
        _fill(streams[i], out[i])


@_kernel
def gaussian_steps_kernel(x, v, streams, steps, roots, sigma, rules):
    """Step by g = (1/B) sum x_i (x_i . theta - sigma e_i), x_i = roots z_i, fresh in every step.

    Parameters
    ----------
    x, v : ndarray, shape (walkers, n)
        Positions, measured from the optimum in the frame of H, and velocities; moved in place.
    streams : ndarray of uint64, shape (walkers, 4)
    steps : int
    roots : ndarray, shape (n,)
        Square roots of the eigenvalues of H.
    sigma : float
        Standard deviation of the residuals.
    rules : tuple
        eta, beta, weight decay, B; place of the optimum, shape (n,).
    """
    eta, beta, decay, batch, optimum = rules
    n = x.shape[1]
    g = np.empty(n)
    z = np.empty((n + 2) // 2 * 2)
    for i in range(x.shape[0]):
        for _ in range(steps):
            g[:] = 0.0
            for _ in range(batch):
                _fill(streams[i], z)
                e = -sigma * z[n]
                for k in range(n):
                    z[k] *= roots[k]
                    e += z[k] * x[i, k]
                for k in range(n):
                    g[k] += z[k] * e
            for k in range(n):
                g[k] = g[k] / batch + decay * optimum[k]
            _move(x[i], v[i], g, eta, beta, decay)


@_kernel
def additive_steps_kernel(x, v, streams, steps, curvatures, root, rules):
    """Step by g = H theta + R z, R R^T = C / B: noise that is the same in all places.

    In the frame of H; curvatures of shape (n,), root R of shape (n, n), the rest as in
    `gaussian_steps_kernel`.
    """
    eta, beta, decay, _, optimum = rules
    n = x.shape[1]
    g = np.empty(n)
    z = np.empty((n + 1) // 2 * 2)
    for i in range(x.shape[0]):
        for _ in range(steps):
            _fill(streams[i], z)
            for k in range(n):
                g[k] = curvatures[k] * x[i, k] + decay * optimum[k]
                for j in range(n):
                    g[k] += root[k, j] * z[j]
            _move(x[i], v[i], g, eta, beta, decay)


@_kernel
def data_steps_kernel(x, v, streams, steps, inputs, targets, replaced, rules):
    """Step by g = (1/B) sum x_i (x_i . theta - y_i) over a batch of rows drawn in every step.

    Parameters
    ----------
    x, v, streams, steps, rules
        As in `gaussian_steps_kernel`; positions as they are.
    inputs, targets : ndarray, shape (N, n), (N,)
    replaced : bool
        Whether a row may be twice in one batch. Without, by a shuffle (Fisher-Yates) that is
        undone after every step, so that a path depends on its own stream alone.
    """
    eta, beta, decay, batch, _ = rules
    count, n = inputs.shape
    g = np.empty(n)
    order = np.arange(count)
    places = np.empty(batch, np.int64)
    for i in range(x.shape[0]):
        for _ in range(steps):
            g[:] = 0.0
            for b in range(batch):
                if replaced:
                    row = _below(streams[i], count)
                else:
                    other = b + _below(streams[i], count - b)
                    row = order[other]
                    order[other], order[b] = order[b], row
                    places[b] = other
                e = -targets[row]
                for k in range(n):
                    e += inputs[row, k] * x[i, k]
                for k in range(n):
                    g[k] += inputs[row, k] * e
            if not replaced:
                for b in range(batch - 1, -1, -1):
                    other = places[b]
                    order[b], order[other] = order[other], order[b]
            for k in range(n):
                g[k] /= batch
            _move(x[i], v[i], g, eta, beta, decay)
