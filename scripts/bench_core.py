"""What a benchmark row is, the problems that all programs solve, and their exact answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Bowl", "Metrics", "Parabola", "Row", "Sweep", "Task", "judge"]

Array = NDArray[np.float64]
Metrics = dict[str, Any]
#: What is timed, and what is said about its result.
Task = tuple[Callable[[], Any], Callable[[Any], Metrics]]


@dataclass(frozen=True)
class Sweep:
    """One problem with several values of a parameter, all of about the same cost.

    Parameters
    ----------
    ready : sequence of callable
        For each value: makes what is not timed, and returns what is.
    judge : callable
        What is said about the list of results.
    """

    ready: Sequence[Callable[[], Callable[[], Any]]]
    judge: Callable[[Any], Metrics]


@dataclass(frozen=True)
class Row:
    """One program on one problem, to be run in a process of its own.

    Parameters
    ----------
    group : str
        The problem; rows of a group are compared with each other.
    name : str
        The program and its settings.
    prepare : callable
        Returns the `Task` or `Sweep`; not timed, and imports nothing that is not in `needs`.
    needs : tuple of str
        Modules imported before anything is measured; the row is skipped where one is missing.
    cannot : str
        Why the program does not solve this problem; nothing is run then.
    """

    group: str
    name: str
    prepare: Callable[[], Task | Sweep] | None = None
    needs: tuple[str, ...] = ()
    cannot: str = ""

    @property
    def key(self) -> str:
        """What the command line calls it."""
        return f"{self.group}: {self.name}"


@dataclass(frozen=True)
class Parabola:
    """W1: ``dX = -X dt + dW`` (D = 1/2) from N(2, 0.04) to t = 1, on [-6, 6]."""

    cells: int
    diffusion: float = 0.5
    low: float = -6.0
    high: float = 6.0

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return (self.high - self.low) / self.cells

    @property
    def edges(self) -> Array:
        """Cell edges, shape (cells + 1,)."""
        return np.linspace(self.low, self.high, self.cells + 1)

    def start(self) -> Array:
        """Cell averages of the initial density, shape (cells,)."""
        return self._normal(2.0, 0.2)

    def exact(self) -> Array:
        """Cell averages of the density at t = 1."""
        decay = np.exp(-1.0)
        variance = 0.04 * decay**2 + self.diffusion * (1 - decay**2)
        return self._normal(2.0 * decay, np.sqrt(variance))

    def _normal(self, mean: float, std: float) -> Array:
        from scipy.special import ndtr

        # upper tails, because the mean lies to the right of most cells
        return np.diff(ndtr((self.edges - mean) / std)) / self.spacing


@dataclass(frozen=True)
class Bowl:
    """W3: ``f = -x``, D = R(30 deg) diag(1/2, 1/(2r)) R^T, N((1, 1/2), 0.1 I), t = 1, [-4, 4]^2.

    With `swirl` w the drift is ``-x + w (-y, x)``: it has a current at rest.
    """

    cells: int
    ratio: float
    swirl: float = 0.0
    half: float = 4.0

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return 2 * self.half / self.cells

    @property
    def edges(self) -> Array:
        """Cell edges along either axis."""
        return np.linspace(-self.half, self.half, self.cells + 1)

    @property
    def centres(self) -> Array:
        """Cell centres along either axis."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def tensor(self) -> Array:
        """D."""
        c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
        r = np.array([[c, -s], [s, c]])
        return np.asarray(r @ np.diag([0.5, 0.5 / self.ratio]) @ r.T)

    def start(self) -> Array:
        """Cell averages of the initial density, shape (cells, cells)."""
        return self._normal(np.array([1.0, 0.5]), 0.1 * np.eye(2))

    def exact(self) -> Array:
        """Cell averages of the density at t = 1, without swirl."""
        decay = np.exp(-1.0)
        covariance = 0.1 * decay**2 * np.eye(2) + self.tensor * (1 - decay**2)
        return self._normal(np.array([1.0, 0.5]) * decay, covariance)

    def at_rest(self) -> Array:
        """Cell averages of the stationary density, with swirl."""
        from scipy.linalg import solve_continuous_lyapunov

        rate = np.array([[1.0, self.swirl], [-self.swirl, 1.0]])
        covariance = solve_continuous_lyapunov(rate, 2 * self.tensor)
        return self._normal(np.zeros(2), covariance)

    def _normal(self, mean: Array, covariance: Array) -> Array:
        """By Gauss-Legendre quadrature with 8 x 8 points in each cell."""
        node, weight = np.polynomial.legendre.leggauss(8)
        x = (self.centres[:, None] + 0.5 * self.spacing * node).ravel()
        inverse = np.linalg.inv(covariance)
        dx, dy = x[:, None] - mean[0], x[None, :] - mean[1]
        exponent = inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2
        p = np.exp(-0.5 * exponent) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
        n, m = self.cells, node.size
        return np.einsum("iajb,a,b->ij", p.reshape(n, m, n, m), weight / 2, weight / 2)


def judge(p: Array, exact: Array, volume: float, mass: float = 1.0) -> Metrics:
    """L1 error, smallest value over the peak, and mass error of a density."""
    p = np.asarray(p, dtype=np.float64)
    return {
        "l1": float(np.abs(p - exact).sum() * volume),
        "minimum": float(p.min() / p.max()),
        "mass_error": float(abs(p.sum() * volume - mass)),
    }
