"""What the machine can do, measured in the same run: the floors of all rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["limits"]

#: Doubles in each array of the triad: far beyond the cache.
LENGTH = 16_000_000
NORMALS = 4_000_000
FFT = 2**20
REPEATS = 7


def limits() -> dict[str, float]:
    """Bandwidth in bytes, normals and transforms per second; medians of seven.

    ``triad_1`` and ``triad`` are of one and of all threads, counting three arrays; ``normals`` is
    the best of NumPy's generator, one for each thread, and a compiled Box-Muller loop.
    """
    from fokkerplanck.solvers.crew import available_threads

    threads = available_threads()
    found = {"threads": float(threads)}
    found["triad_1"], found["triad"] = _triad(1), _triad(threads)
    found["normals_numpy_1"], found["normals_numpy"] = _numpy_normals(1), _numpy_normals(threads)
    found["normals_box_muller"] = _box_muller(threads)
    found["normals"] = max(found["normals_numpy"], found["normals_box_muller"])
    x = np.random.default_rng(1).random(FFT)
    found["fft_per_s"] = FFT / _median(lambda: np.fft.rfft(x))
    return found


def _median(call: Callable[[], Any]) -> float:
    call()
    spent = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def _triad(threads: int) -> float:
    import numba

    @numba.njit(parallel=True)
    def triad(a: Any, b: Any, c: Any) -> None:
        for i in numba.prange(a.size):
            a[i] = b[i] + 3.0 * c[i]

    a, b, c = np.zeros(LENGTH), np.ones(LENGTH), np.ones(LENGTH)
    numba.set_num_threads(threads)
    return 3 * a.nbytes / _median(lambda: triad(a, b, c))


def _numpy_normals(threads: int) -> float:
    draw = [np.random.default_rng(k) for k in range(threads)]
    block = np.empty((threads, NORMALS // threads))
    with ThreadPoolExecutor(threads) as pool:

        def call() -> None:
            list(pool.map(lambda k: draw[k].standard_normal(out=block[k]), range(threads)))

        return block.size / _median(call)


def _box_muller(threads: int) -> float:
    import numba

    @numba.njit(parallel=True, fastmath=True)
    def fill(out: Any) -> None:
        for i in numba.prange(out.shape[0]):
            state = np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
            for k in range(0, out.shape[1], 2):
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                u = (np.float64(state >> np.uint64(11)) + 1.0) * 2.0**-53
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                angle = np.float64(state >> np.uint64(11)) * (2.0**-52 * np.pi)
                radius = np.sqrt(-2.0 * np.log(u))
                out[i, k] = radius * np.cos(angle)
                out[i, k + 1] = radius * np.sin(angle)

    numba.set_num_threads(threads)
    out = np.empty((4000, NORMALS // 4000))
    return out.size / _median(lambda: fill(out))
