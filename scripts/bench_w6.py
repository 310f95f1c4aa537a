"""W6: ensembles of Euler-Maruyama paths of a double well, on a line and in the plane.

20000 walkers, 1000 steps of 0.01, in double precision, on all threads: on a line
V = (x^2 - 1)^2 / 4 with D = 1/4; in the plane V = (x^2 - 1)^2 / 4 + y^2 / 2 + x y / 4.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from bench_core import OURS, Metrics, Row, Task, floor

__all__ = ["rows"]

WALKERS, STEPS, DT, D = 20000, 1000, 0.01, 0.25
COUPLING, LOW, HIGH, CELLS = 0.25, -4.0, 4.0, 256
WALK = ("numpy", "numba", "fokkerplanck.solvers.ensemble", "fokkerplanck.solvers.field_tables")
#: Makes the call that a seed is given to, from the dimension and the number of walkers.
Make = Callable[[int, int], Callable[[int], Any]]


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has a tenth of the walkers."""
    walkers = WALKERS // 10 if quick else WALKERS
    known: list[tuple[str, Make, tuple[str, ...]]] = [
        (OURS, ours, WALK),
        ("bare loop, Box-Muller", bare, ("numba",)),
        ("NumPy", vectorised, ("numpy",)),
        ("JAX, lax.scan", jax_scan, ("jax",)),
        ("diffrax, Euler", diffrax_euler, ("diffrax",)),
    ]
    out = []
    for dim, place in ((1, "on a line"), (2, "in the plane")):
        for name, make, needs in known:
            task = lambda make=make, dim=dim: _task(make, dim, walkers)  # noqa: E731
            out.append(Row(f"W6 {place}", name, task, needs))
    return out


def _task(make: Make, dim: int, walkers: int) -> Task:
    call, seeds = make(dim, walkers), count()

    def judge(x: Any) -> Metrics:
        return {"mean_square": float((x**2).mean()), "work": float(walkers * STEPS)}

    return lambda: call(next(seeds)), floor(judge, 0.0, walkers * STEPS * dim)


def ours(dim: int, walkers: int) -> Callable[[int], Any]:
    """Make the public call: tables, a walk, its snapshot at the end."""
    import numpy as np

    from fokkerplanck.solvers.ensemble import Walk
    from fokkerplanck.solvers.field_tables import FieldTables, line_tables, plane_tables

    x = np.linspace(LOW, HIGH, CELLS + 1)
    tables: FieldTables
    if dim == 1:
        tables = line_tables(x, x - x**3, 1 - 3 * x**2, D + 0 * x, 0 * x)
    else:
        a, b = np.meshgrid(x, x, indexing="ij")
        drift = np.stack([a - a**3 - COUPLING * b, -b - COUPLING * a], axis=-1)
        tables = plane_tables(x, x, drift, D * np.eye(2))
    starts = np.zeros((walkers, dim))

    def call(seed: int) -> Any:
        return next(Walk(tables, DT, seed=seed).snapshots(starts, [STEPS]))[1]

    return call


def bare(dim: int, walkers: int) -> Callable[[int], Any]:
    """Make a compiled loop as one writes it: xorshift, Box-Muller, the gradient in place."""
    import numba
    import numpy as np

    noise, dt, coupling = float(np.sqrt(2 * D * DT)), DT, COUPLING

    @numba.njit(parallel=True, fastmath=True)
    def walk(out: Any, steps: int, seed: int) -> None:
        for i in numba.prange(out.shape[0]):
            state = np.uint64(seed * 1_000_003 + i + 1) * np.uint64(0x9E3779B97F4A7C15)
            x = y = spare = 0.0
            for k in range(steps):
                if out.shape[1] == 1 and k % 2 == 1:
                    x += dt * (x - x * x * x) + noise * spare
                    continue
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                u = (np.float64(state >> np.uint64(11)) + 1.0) * 2.0**-53
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                angle = np.float64(state >> np.uint64(11)) * (2.0**-52 * np.pi)
                radius = np.sqrt(-2.0 * np.log(u))
                if out.shape[1] == 1:
                    x += dt * (x - x * x * x) + noise * radius * np.cos(angle)
                    spare = radius * np.sin(angle)
                else:
                    fx, fy = x - x * x * x - coupling * y, -y - coupling * x
                    x += dt * fx + noise * radius * np.cos(angle)
                    y += dt * fy + noise * radius * np.sin(angle)
            out[i, 0] = x
            if out.shape[1] == 2:
                out[i, 1] = y

    def call(seed: int) -> Any:
        out = np.empty((walkers, dim))
        walk(out, STEPS, seed)
        return out

    return call


def vectorised(dim: int, walkers: int) -> Callable[[int], Any]:
    """Make NumPy's loop over steps, all walkers at once, in place."""
    import numpy as np

    noise = float(np.sqrt(2 * D * DT))

    def call(seed: int) -> Any:
        draw = np.random.default_rng(seed)
        x, z = np.zeros((dim, walkers)), np.empty((dim, walkers))
        for _ in range(STEPS):
            draw.standard_normal(out=z)
            z *= noise
            a = x[0]
            z[0] += DT * (a - a * a * a)
            if dim == 2:
                z[0] -= DT * COUPLING * x[1]
                z[1] -= DT * (x[1] + COUPLING * a)
            x += z
        return x

    return call


def drift_of_peers(dim: int) -> Callable[[Any], Any]:
    """Write the drift in JAX, of one walker."""
    import jax.numpy as jnp

    def drift(x: Any) -> Any:
        if dim == 1:
            return x - x * x * x
        a, b = x[..., 0], x[..., 1]
        return jnp.stack([a - a * a * a - COUPLING * b, -b - COUPLING * a], axis=-1)

    return drift


def jax_scan(dim: int, walkers: int) -> Callable[[int], Any]:
    """Make JAX's fused scan, one block of normals per step."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    drift, noise = drift_of_peers(dim), float((2 * D * DT) ** 0.5)

    @jax.jit
    def walk(key: Any) -> Any:
        def step(x: Any, k: Any) -> Any:
            z = jax.random.normal(k, x.shape, dtype=jnp.float64)
            return x + DT * drift(x) + noise * z, None

        start = jnp.zeros((walkers, dim), dtype=jnp.float64)
        return jax.lax.scan(step, start, jax.random.split(key, STEPS))[0]

    return lambda seed: walk(jax.random.PRNGKey(seed)).block_until_ready()


def diffrax_euler(dim: int, walkers: int) -> Callable[[int], Any]:
    """Make diffrax's Euler over all walkers, with its fastest noise and no gradients."""
    import diffrax
    import jax
    import jax.numpy as jnp
    import lineax

    jax.config.update("jax_enable_x64", True)
    drift, noise = drift_of_peers(dim), float((2 * D) ** 0.5)

    shape = () if dim == 1 else (dim,)  # a scalar spares diffrax a product of matrices
    amplitude = noise if dim == 1 else lineax.DiagonalLinearOperator(jnp.full(dim, noise))

    def one(key: Any) -> Any:
        path = diffrax.UnsafeBrownianPath(shape=shape, key=key)
        terms = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, x, args: drift(x)),
            diffrax.ControlTerm(lambda t, x, args: amplitude, path),
        )
        solution = diffrax.diffeqsolve(
            terms,
            diffrax.Euler(),
            t0=0.0,
            t1=STEPS * DT,
            dt0=DT,
            y0=jnp.zeros(shape),
            max_steps=STEPS + 2,
            adjoint=diffrax.ForwardMode(),
        )
        return solution.ys[0]

    walk = jax.jit(jax.vmap(one))
    return lambda seed: walk(
        jax.random.split(jax.random.PRNGKey(seed), walkers)
    ).block_until_ready()
