r"""Slowest mode between reflecting walls, with velocities resolved at w = 0.

At low friction the mode changes from one well to the other in a thin layer around the separatrix,
which passes the saddle at w = 0: half-range functions see it there with far fewer of them than
it takes Hermite modes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.kinetic_elements import DEGREE, Elements
from fokkerplanck.solvers.kinetic_elimination import Walled

__all__ = ["slowest_between_walls"]

Array = NDArray[np.float64]
#: Inverse iterations, and the relative change after which they end.
MOST_ITERATIONS, STILL = 200, 1e-12


def slowest_between_walls(elements: Elements, begin: Array, shift: float) -> float:
    """Eigenvalue of the slowest mode that does not oscillate, apart from equilibrium.

    Parameters
    ----------
    elements : Elements
        Neither wall absorbs.
    begin : ndarray, shape (nodes,)
        Observable that is like the mode.
    shift : float
        Positive, and small against the rates of the wells.

    Raises
    ------
    NumericalError
        If the iteration does not settle.
    """
    system = Walled(elements, shift)
    constant = elements.node_scale / np.linalg.norm(elements.node_scale)
    e = np.zeros((elements.nodes.size, elements.velocity.count))
    e[:, 0] = begin * constant
    o = np.zeros((elements.count, DEGREE, elements.velocity.count - 1))
    value = np.inf
    for _ in range(MOST_ITERATIONS):
        e[:, 0] -= constant * (constant @ e[:, 0])
        e2, o2, _ = system.solve(e, o)
        e2[:, 0] -= constant * (constant @ e2[:, 0])
        before = value
        # left vectors have the sign of odd parts changed: the error of the quotient is squared
        square = (e2 * e2).sum() - (o2 * o2).sum()
        value = float(((e2 * e).sum() - (o2 * o).sum()) / square) - shift
        size = np.sqrt((e2**2).sum() + (o2**2).sum())
        e, o = e2 / size, o2 / size
        if abs(value - before) <= STILL * abs(value):
            return value
    msg = f"the slowest mode did not settle: {value:.6g} after {MOST_ITERATIONS} iterations"
    raise NumericalError(msg)
