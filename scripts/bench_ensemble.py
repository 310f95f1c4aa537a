"""Throughput of ensembles: this program, JAX, diffrax and a bare compiled loop.

``python scripts/bench_ensemble.py --peers PYTHON`` runs every row in a fresh process, those of JAX
and diffrax with the interpreter PYTHON (of an environment with ``pip install jax diffrax``), and
prints a Markdown table. All take 20000 walkers by Euler-Maruyama at dt = 0.01 in float64, random
numbers included, on all threads: on a line V = (x^2 - 1)^2 / 4 with D = 1/4; in the plane
V = (x^2 - 1)^2 / 4 + y^2 / 2 + x y / 4. M steps/s are millions of walker-steps per second, one step
in the plane being two normals; the median of the warm calls, which the rows take in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

WALKERS, STEPS, DT, D = 20000, 1000, 0.01, 0.25
COUPLING, LOW, HIGH, CELLS = 0.25, -4.0, 4.0, 256
#: Calls of a row after the first one.
WARM = 5
MARK = "BENCH-RESULT "
#: Rows: name, dimension, whether a peer's interpreter runs it.
ROWS = {
    "fokkerplanck": False,
    "bare loop, Box-Muller": False,
    "JAX lax.scan": True,
    "diffrax Euler": True,
}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has jax and diffrax")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each row (default 3)")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--dim", type=int, default=0, help="1 or 2; both by default")
    options = parser.parse_args()
    if options.row:
        print(MARK + json.dumps(measure(RUNS[options.row](options.dim))))
        return
    for dim in (options.dim,) if options.dim else (1, 2):
        print(f"\n### {'a line' if dim == 1 else 'the plane'}\n")
        print("| | M steps/s | slowest and fastest | first s | mean x^2 | ours over it |")
        print("| --- | --- | --- | --- | --- | --- |")
        found = rounds(options, dim)
        ours = found.get("fokkerplanck")
        for name, runs in found.items():
            print(line(name, runs, ours))


def rounds(options: argparse.Namespace, dim: int) -> dict[str, list[dict[str, Any]]]:
    """Run all rows in turns, so that what else the machine does hits all alike."""
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(options.rounds):
        for name, peer in ROWS.items():
            interpreter = options.peers if peer else sys.executable
            if interpreter is None:
                print(f"skipped: {name} (give --peers)", file=sys.stderr)
                continue
            command = [interpreter, __file__, "--row", name, "--dim", str(dim)]
            environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            marked = [r for r in done.stdout.splitlines() if r.startswith(MARK)]
            if not marked:
                print(f"failed: {name}: {done.stderr.strip()[-300:]}", file=sys.stderr)
                continue
            found.setdefault(name, []).append(json.loads(marked[0].removeprefix(MARK)))
    return found


def line(name: str, runs: list[dict[str, Any]], ours: list[dict[str, Any]] | None) -> str:
    """One row of the table."""
    speeds = [s for r in runs for s in r["speeds"]]
    speed = statistics.median(speeds)
    first = statistics.median(r["first_s"] for r in runs)
    square = statistics.mean(r["square"] for r in runs)
    own = statistics.median(s for r in ours for s in r["speeds"]) if ours else float("nan")
    spread = f"{min(speeds):.0f}–{max(speeds):.0f}"
    return f"| {name} | {speed:.0f} | {spread} | {first:.2f} | {square:.4f} | {own / speed:.2f} |"


def measure(call: Callable[[int], Any]) -> dict[str, Any]:
    """Time one row in this process: the first call, then the warm ones, each with a new seed."""
    speeds: list[float] = []
    first = 0.0
    square = []
    for seed in range(1 + WARM):
        begin = time.perf_counter()
        x = call(seed)
        seconds = time.perf_counter() - begin
        square.append(float((x**2).mean()))
        if seed:
            speeds.append(WALKERS * STEPS / seconds / 1e6)
        else:
            first = seconds
    return {"first_s": first, "speeds": speeds, "square": statistics.mean(square)}


def ours(dim: int) -> Callable[[int], Any]:
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
    starts = np.zeros((WALKERS, dim))

    def call(seed: int) -> Any:
        return next(Walk(tables, DT, seed=seed).snapshots(starts, [STEPS]))[1]

    return call


def bare(dim: int) -> Callable[[int], Any]:
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
        out = np.empty((WALKERS, dim))
        walk(out, STEPS, seed)
        return out

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


def jax_scan(dim: int) -> Callable[[int], Any]:
    """Make JAX's fused scan, one block of normals per step."""
    import jax
    import jax.numpy as jnp

    drift, noise = drift_of_peers(dim), float((2 * D * DT) ** 0.5)

    @jax.jit
    def walk(key: Any) -> Any:
        def step(x: Any, k: Any) -> Any:
            z = jax.random.normal(k, x.shape, dtype=jnp.float64)
            return x + DT * drift(x) + noise * z, None

        start = jnp.zeros((WALKERS, dim), dtype=jnp.float64)
        return jax.lax.scan(step, start, jax.random.split(key, STEPS))[0]

    return lambda seed: walk(jax.random.PRNGKey(seed)).block_until_ready()


def diffrax_euler(dim: int) -> Callable[[int], Any]:
    """Make diffrax's Euler over all walkers, with its fastest noise and no gradients."""
    import diffrax
    import jax
    import jax.numpy as jnp
    import lineax

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
        jax.random.split(jax.random.PRNGKey(seed), WALKERS)
    ).block_until_ready()


RUNS = {
    "fokkerplanck": ours,
    "bare loop, Box-Muller": bare,
    "JAX lax.scan": jax_scan,
    "diffrax Euler": diffrax_euler,
}


if __name__ == "__main__":
    main()
