"""Masses in detailed balance on every link."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.generator import Generator

__all__ = ["link_climbs", "log_equilibrium", "unbalanced"]

Array = NDArray[np.float64]

#: Largest mismatch of the log-weights around a closed loop that still counts as rounding.
LOOP_DEFECT = 1e-9
#: rates below this may be lost on the way
SMALLEST = 1e-290
#: Times that links are gone through in the order they have.
SWEEPS = 16


def log_equilibrium(generator: Generator, climb: Array | None = None) -> Array | None:
    """Natural logarithms of the masses in detailed balance on every link, or None.

    Parameters
    ----------
    generator : Generator
    climb : ndarray, shape (links,), optional
        `link_climbs` of it, where they are known.
    """
    if climb is None:
        climb = link_climbs(generator)
    tail, head = generator.tail, generator.head
    phi = np.full(generator.cells, np.nan)
    phi[0] = 0.0
    unknown, going_on = _spread_kernel(tail, head, climb, phi, SWEEPS)
    if going_on:  # links in no order
        order = np.argsort(np.minimum(tail, head))
        unknown, _ = _spread_kernel(tail[order], head[order], climb[order], phi, generator.cells)
    if unknown:
        return None
    defect, largest = _defect_kernel(tail, head, climb, phi)
    if defect > LOOP_DEFECT * max(1.0, largest):
        return None
    one_way = np.flatnonzero(np.isinf(climb))
    if one_way.size and not _underflow(generator, phi, one_way).all():
        return None
    log_weight = np.subtract(phi.min(), phi, out=phi)
    log_weight -= np.log(np.exp(log_weight).sum())
    return np.asarray(log_weight)


def link_climbs(generator: Generator) -> Array:
    """Ln of the rate back over the rate forth, shape (links,): what a link climbs by, over T.

    Infinite where there is no way up, or down; nan on links that cannot be passed.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        climb = np.log(generator.backward)
        climb -= np.log(generator.forward)
    return climb


def unbalanced(generator: Generator, log_mass: Array, defect: float) -> NDArray[np.int64]:
    """Links over which given ln masses are off detailed balance by more than `defect`."""
    climb = link_climbs(generator)
    with np.errstate(invalid="ignore"):
        climb += log_mass[generator.head]
        climb -= log_mass[generator.tail]
        np.abs(climb, out=climb)
        return np.flatnonzero(~(climb <= defect))


def _underflow(generator: Generator, phi: Array, links: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether links that lead one way only climb so far that the rate back is below all numbers."""
    up, down = generator.forward[links], generator.backward[links]
    climb = phi[generator.head[links]] - phi[generator.tail[links]]
    steep = np.abs(climb) >= np.log(np.maximum(up, down)) - np.log(SMALLEST)
    return np.asarray(steep & ((climb > 0.0) == (down > 0.0)))


@njit(cache=True, nogil=True)
def _spread_kernel(tail, head, climb, phi, sweeps):  # type: ignore[no-untyped-def]
    """Add climbs to phi from cell to cell, nan where it is not known yet.

    Links are gone through forth and back in turn. They mostly stand in the order of their cells,
    so that once or twice is enough. Returns how many cells are not known, and whether more sweeps
    would find some.
    """
    unknown = 0
    for k in range(phi.size):
        unknown += math.isnan(phi[k])
    count, found, back = tail.size, 1, False
    for _ in range(sweeps):
        if unknown == 0 or found == 0:
            break
        found = 0
        for k in range(count):
            e = count - 1 - k if back else k
            i, j = tail[e], head[e]
            if math.isfinite(climb[e]) and math.isnan(phi[i]) != math.isnan(phi[j]):
                if math.isnan(phi[j]):
                    phi[j] = phi[i] + climb[e]
                else:
                    phi[i] = phi[j] - climb[e]
                found += 1
        unknown -= found
        back = not back
    return unknown, unknown > 0 and found > 0


@njit(cache=True, nogil=True)
def _defect_kernel(tail, head, climb, phi):  # type: ignore[no-untyped-def]
    """Largest mismatch of phi on a link that leads both ways, and the largest climb of those."""
    defect = largest = 0.0
    for e in range(tail.size):
        if math.isfinite(climb[e]):
            defect = max(defect, abs(phi[head[e]] - phi[tail[e]] - climb[e]))
            largest = max(largest, abs(climb[e]))
    return defect, largest
