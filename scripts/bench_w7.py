"""W7: mean time to leave (-1, 1) under alpha-stable jumps, alpha = 3/2, without drift.

``(-Delta)^(alpha / 2) T = 1`` inside, T = 0 outside; Getoor: ``(1 - x^2)^(alpha/2) / Gamma(1 +
alpha)``. FiPy, py-pde, fplanck, PyDDM and pychangcooper have no non-local operator.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import gamma, pi, sqrt

import numpy as np
from bench_core import OURS, Array, Metrics, Row, Task, floor

__all__ = ["rows"]

ALPHA = 1.5
LEVY = ("numpy", "scipy.sparse.linalg", "numba", "sympy", "fokkerplanck.levy_passage")
WITHOUT = ("FiPy", "py-pde", "fplanck", "PyDDM", "pychangcooper")
#: Of the Monte Carlo paths.
WALKERS, DT = 4000, 2e-3


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has few nodes only."""
    w, n = "W7 exit time, alpha = 1.5", 256 if quick else 2048
    linear, sparse = ("scipy.linalg",), ("scipy.sparse.linalg", "scipy.fft")
    out = [Row(w, OURS, lambda: ours(n), LEVY)]
    if not quick:
        out.append(Row(w, f"{OURS}, 16384 nodes", lambda: ours(16384), LEVY))
    out += [
        Row(w, f"Huang-Oberman by hand, dense, {n} nodes", lambda: dense(n), linear),
        Row(w, f"Huang-Oberman by hand, Levinson, {n} nodes", lambda: levinson(n), linear),
    ]
    if not quick:
        name = "Huang-Oberman by hand, FFT and CG, 16384 nodes"
        out.append(Row(w, name, lambda: fourier(16384), sparse))
    name = f"Monte Carlo, SciPy's levy_stable, {WALKERS} walkers, dt = {DT:g}"
    out.append(Row(w, name, monte_carlo, ("scipy.stats",)))
    return [*out, *(Row(w, p, cannot="cannot: no non-local operator") for p in WITHOUT)]


def exact(x: Array) -> Array:
    """Getoor's time."""
    return np.asarray((1 - x * x) ** (ALPHA / 2) / gamma(1 + ALPHA))


def _judge(found: tuple[Array, Array]) -> Metrics:
    """Errors at the centre, interpolated, and the largest, relative to the time at the centre."""
    from scipy.interpolate import BarycentricInterpolator

    x, t = found
    near = np.argsort(np.abs(x))[:6]
    middle = float(BarycentricInterpolator(x[near], t[near])(0.0))
    top = float(exact(np.zeros(1))[0])
    largest = float(np.abs(t - exact(x)).max()) / top
    return {"errors": {"centre": abs(middle / top - 1), "largest": largest}}


def ours(nodes: int) -> Task:
    """`levy_exit`: also from half as many nodes, which gives its error."""
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.levy import Levy
    from fokkerplanck.levy_passage import levy_exit

    flat = from_expression("0 * x", dim=1)
    grid = Grid.line(-1.0, 1.0, nodes, walls="absorbing")

    def call() -> tuple[Array, Array]:
        found = levy_exit(Levy(grid, flat, ALPHA, 1.0), 0.0)
        return grid.axes[0].centres, 10.0**found.log10_times

    return call, floor(_judge, 24.0 * nodes)


def weights(nodes: int) -> tuple[Array, Array]:
    """Return nodes, and the first column of Huang and Oberman's matrix with linear elements."""
    h = 2.0 / (nodes + 1)
    x = -1.0 + h * np.arange(1, nodes + 1)
    constant = ALPHA * 2 ** (ALPHA - 1) * gamma((ALPHA + 1) / 2) / (sqrt(pi) * gamma(1 - ALPHA / 2))
    f = np.arange(1, nodes + 2) ** (1 - ALPHA) / (ALPHA * (ALPHA - 1))
    w = np.empty(nodes)
    w[0] = 2 / (2 - ALPHA) + 2 / ALPHA
    w[1] = -(1 / (2 - ALPHA) + 1 / ALPHA + f[1] - f[0])
    w[2:] = -(f[2:-1] - 2 * f[1:-2] + f[:-3])
    return x, constant * h**-ALPHA * w


def _by_hand(nodes: int, solve: Callable[[Array, Array], Array]) -> Task:
    def call() -> tuple[Array, Array]:
        x, column = weights(nodes)
        return x, solve(column, np.ones(nodes))

    return call, _judge


def dense(nodes: int) -> Task:
    """Cholesky factorisation of the whole matrix."""
    from scipy.linalg import solve, toeplitz

    return _by_hand(nodes, lambda w, one: solve(toeplitz(w), one, assume_a="pos"))


def levinson(nodes: int) -> Task:
    """Levinson recursion."""
    from scipy.linalg import solve_toeplitz

    return _by_hand(nodes, lambda w, one: np.asarray(solve_toeplitz(w, one)))


def fourier(nodes: int) -> Task:
    """Conjugate gradients with products by FFT and Strang's circulant preconditioner."""
    from scipy.fft import irfft, rfft
    from scipy.sparse.linalg import LinearOperator, cg

    def solve(w: Array, one: Array) -> Array:
        n = w.size
        symbol = rfft(np.concatenate([w, [0.0], w[:0:-1]]))
        half = n // 2
        strang = rfft(np.concatenate([w[: half + 1], w[n - half - 1 : 0 : -1]])).real
        product = LinearOperator((n, n), lambda v: irfft(symbol * rfft(v, 2 * n), 2 * n)[:n])
        inverse = LinearOperator((n, n), lambda v: irfft(rfft(v) / strang, n))
        return np.asarray(cg(product, one, rtol=1e-12, M=inverse, maxiter=500)[0])

    return _by_hand(nodes, solve)


def monte_carlo() -> Task:
    """Paths from the centre, killed where a step ends outside."""
    from scipy.stats import levy_stable

    seeds = count()

    def call() -> float:
        draw = np.random.default_rng(next(seeds))
        x, total, step = np.zeros(WALKERS), 0.0, 0
        while x.size and step < 20 / DT:
            # E exp(ikX) = exp(-dt |k|^alpha)
            x = x + levy_stable.rvs(
                ALPHA, 0.0, scale=DT ** (1 / ALPHA), size=x.size, random_state=draw
            )
            total, step = total + x.size * DT, step + 1
            x = x[np.abs(x) < 1]
        return total / WALKERS

    top = float(exact(np.zeros(1))[0])
    return call, lambda t: {"errors": {"centre": abs(t / top - 1)}}
