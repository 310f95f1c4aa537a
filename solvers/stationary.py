"""Stationary masses of a generator, right at any barrier height."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.reduction import Reduction

__all__ = ["equilibrium_mass", "log_equilibrium", "log_stationary", "stationary_mass"]

Array = NDArray[np.float64]

#: Largest mismatch of the log-weights around a closed loop that still counts as rounding.
LOOP_DEFECT = 1e-9
#: rates below this may be lost on the way
SMALLEST = 1e-290
#: Largest net flux out of a cell, of the largest throughput, that still counts as rounding.
LARGEST_RESIDUAL = 1e-9


def stationary_mass(generator: Generator) -> Array:
    """Solve ``Q.T P = 0`` for cell masses that sum to 1, shape (*shape,).

    Where detailed balance holds, the weights are the products of rate ratios along a tree of
    links and right to relative accuracy in every cell, 1e-300 of the peak included. Otherwise
    the chain is reduced to one anchor per metastable well, and the wells' weights come from an
    elimination without subtraction.

    Raises
    ------
    NumericalError
        If a wall absorbs, if cells do not communicate, or if the residual flux shows that the
        answer cannot be trusted.
    """
    return np.exp(log_stationary(generator)).reshape(generator.shape)


def log_stationary(generator: Generator) -> Array:
    """Natural logarithms of the stationary masses, shape (cells,); see `stationary_mass`."""
    if not generator.conservative:
        msg = "a wall absorbs, so all mass leaves in the end: there is no stationary density"
        raise NumericalError(msg)
    found = log_equilibrium(generator)
    return _log_driven(generator) if found is None else found


def equilibrium_mass(generator: Generator) -> Array | None:
    """Masses in detailed balance on every link, shape (cells,), or None where there are none."""
    found = log_equilibrium(generator)
    return None if found is None else np.exp(found)


def log_equilibrium(generator: Generator) -> Array | None:
    """Natural logarithms of the masses in detailed balance on every link, or None."""
    two_way = (generator.forward > 0) & (generator.backward > 0)
    tail, head = generator.tail[two_way], generator.head[two_way]
    climb = np.log(generator.backward[two_way]) - np.log(generator.forward[two_way])
    n = generator.cells
    link = np.arange(1, tail.size + 1)
    ends = (np.concatenate([tail, head]), np.concatenate([head, tail]))
    graph = coo_array((np.concatenate([link, -link]), ends), shape=(n, n)).tocsr()
    several = graph.nnz < 2 * tail.size  # two links between the same cells were added up
    if several:
        graph = coo_array((np.ones(2 * tail.size), ends), shape=(n, n)).tocsr()
    order, parent = breadth_first_order(graph, 0, directed=False)
    if order.size < n:
        return None
    if several:
        phi = _tree_search(order, parent, tail, head, climb, n)
    else:
        signed = np.asarray(graph[parent[order[1:]], order[1:]]).ravel()
        step = np.where(signed > 0, 1.0, -1.0) * climb[np.abs(signed) - 1]
        phi = _tree_sum_kernel(order, parent, np.concatenate([[0.0], step]), n)
    defect = np.abs(phi[head] - phi[tail] - climb)
    if defect.max(initial=0.0) > LOOP_DEFECT * max(1.0, float(np.abs(climb).max(initial=0.0))):
        return None
    if not _underflow(generator, phi[generator.head] - phi[generator.tail]).all():
        return None
    log_weight = phi.min() - phi
    return np.asarray(log_weight - np.log(np.exp(log_weight).sum()))


def _underflow(generator: Generator, climb: Array) -> NDArray[np.bool_]:
    """Whether links that lead one way only climb so far that the rate back is below all numbers."""
    up, down = generator.forward, generator.backward
    with np.errstate(divide="ignore"):
        steep = np.abs(climb) >= np.log(np.maximum(up, down)) - np.log(SMALLEST)
    one_way = (up > 0.0) != (down > 0.0)
    return np.asarray(~one_way | (steep & ((climb > 0.0) == (down > 0.0))))


def _tree_search(
    order: NDArray[np.int32],
    parent: NDArray[np.int32],
    tail: NDArray[np.int32],
    head: NDArray[np.int32],
    climb: Array,
    n: int,
) -> Array:
    """Sum climbs along the tree when some cells are joined by several links (tiny rings)."""
    step = {(int(a), int(b)): c for a, b, c in zip(tail, head, climb, strict=True)}
    step |= {(b, a): -c for (a, b), c in step.items()}
    steps = [0.0] + [step[int(parent[k]), int(k)] for k in order[1:]]
    return np.asarray(_tree_sum_kernel(order, parent, np.array(steps), n))


@njit(cache=True)
def _tree_sum_kernel(order, parent, step, n):  # type: ignore[no-untyped-def]
    """phi[k] = phi[parent of k] + step, along a breadth-first order."""
    phi = np.zeros(n)
    for k in range(1, order.size):
        phi[order[k]] = phi[parent[order[k]]] + step[k]
    return phi


def _log_driven(generator: Generator) -> Array:
    log_mass = Reduction(generator).stationary()
    mass = np.exp(log_mass)
    throughput = generator.exit_rate * mass
    residual = np.abs(generator.matrix.T @ mass).max() / throughput.max()
    if not residual <= LARGEST_RESIDUAL:
        msg = f"the stationary density leaves a residual flux of {residual:.1e} of the throughput"
        raise NumericalError(msg)
    return log_mass
