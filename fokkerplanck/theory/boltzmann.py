"""Stationary densities that are known: Boltzmann's, and every one without a current on a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.theory.quadrature import panel_rule

__all__ = [
    "Boltzmann",
    "LineDensity",
    "boltzmann_density",
    "laplace_masses",
    "quartic_partition",
    "zero_current_line",
]

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

#: Gauss-Legendre nodes per cell and axis.
NODES = {1: 8, 2: 4}


@dataclass(frozen=True, eq=False)
class Boltzmann:
    """The density ``exp(-L / T) / Z`` inside the walls of a grid.

    Parameters
    ----------
    grid : Grid
        Its cells are the panels of the quadrature.
    masses : ndarray, shape (*grid.shape,)
        Probability in each cell.
    mean, covariance : ndarray, shape (dim,) and (dim, dim)
        Moments (of the density, not of cell centres).
    log_partition : float
        ``ln Z``, ``Z = int exp(-L / T)`` over the box.
    """

    grid: Grid
    masses: Array
    mean: Array
    covariance: Array
    log_partition: float

    @property
    def density(self) -> Array:
        """Cell averages, shape (*grid.shape,)."""
        return np.asarray(self.masses / self.grid.volume)

    def basin_masses(self, labels: NDArray[np.intp]) -> Array:
        """Probability of each basin, given the basin number of every cell."""
        return np.asarray(np.bincount(labels.ravel(), self.masses.ravel()), dtype=np.float64)


def boltzmann_density(loss: Function, temperature: float, grid: Grid) -> Boltzmann:
    """Integrate the Boltzmann density over a grid by Gauss-Legendre in every cell.

    Parameters
    ----------
    loss : callable
        L at points of shape (..., dim), shape (...).
    temperature : float
        T > 0.
    grid : Grid
        The box, and panels narrow against the wells: the error is of order 8 (2-D) or 16 (1-D)
        in the spacing.

    Returns
    -------
    Boltzmann
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES[grid.dim])
    centres, dim = grid.points(), grid.dim
    lowest = float(loss(centres).min())
    masses = np.zeros(grid.shape)
    first, second = np.zeros(dim), np.zeros((dim, dim))
    for pick in product(range(len(nodes)), repeat=dim):
        points = centres + 0.5 * nodes[list(pick)] * np.array(grid.spacing)
        share = np.prod(weights[list(pick)] / 2) * grid.volume
        part = share * np.exp(-(loss(points) - lowest) / temperature)
        masses += part
        flat, x = part.ravel(), points.reshape(-1, dim)
        first += flat @ x
        second += (x * flat[:, None]).T @ x
    z = float(masses.sum())
    mean = first / z
    return Boltzmann(
        grid,
        masses / z,
        mean,
        second / z - np.outer(mean, mean),
        float(np.log(z) - lowest / temperature),
    )


def quartic_partition(temperature: float) -> float:
    """Partition function of the double well ``L = (x^2 - 1)^2 / 4`` on the whole line.

    ``Z = (pi / 2) e^{-a} [I_{-1/4}(a) + I_{1/4}(a)]``, ``a = 1 / (8 T)``.
    """
    from scipy.special import ive

    a = 1 / (8 * temperature)
    return float(0.5 * np.pi * (ive(-0.25, a) + ive(0.25, a)))


def laplace_masses(losses: Array, determinants: Array, temperature: float) -> Array:
    """Masses of basins with a normal law in each: ``p ~ e^{-L / T} / sqrt(det H)``.

    Parameters
    ----------
    losses, determinants : ndarray, shape (n,)
        Loss and determinant of the Hessian at every minimum.
    temperature : float
        T; the relative error is of order T over the barriers.
    """
    logs = -np.asarray(losses) / temperature - 0.5 * np.log(determinants)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, eq=False)
class LineDensity:
    """A density on a line at quadrature nodes.

    Parameters
    ----------
    points, weights, density : ndarray, shape (n,)
        Nodes, quadrature weights and values; ``weights @ density`` is 1.
    """

    points: Array
    weights: Array
    density: Array

    def expectation(self, function: Function) -> float:
        """Integral of `function` times the density."""
        return float((self.weights * self.density) @ function(self.points))

    def mass(self, low: float, high: float) -> float:
        """Probability between `low` and `high`, to the width of a panel."""
        inside = (self.points >= low) & (self.points < high)
        return float(self.weights[inside] @ self.density[inside])


def zero_current_line(
    drift: Function,
    diffusion: Function,
    low: float,
    high: float,
    *,
    kappa: float = 1.0,
    panels: int = 1000,
) -> LineDensity:
    """Stationary density of ``dx = f dt + sqrt(2 D) dW`` between reflecting walls.

    ``p = N D^-kappa exp(int f / D dx)``: kappa = 1 for the Ito reading, 1/2 for Stratonovich's and
    0 for Hanggi's and Klimontovich's.

    Parameters
    ----------
    drift, diffusion : callable
        f and D > 0 at points of shape (n,); jumps should fall between panels.
    low, high : float
        The walls.
    kappa : float
        Reading of the noise.
    panels : int
        Equal panels of 8 Gauss-Legendre nodes.

    References
    ----------
    H. Risken, The Fokker-Planck Equation, 2nd ed., section 5.2 (Stratonovich reading).
    """
    x, w = panel_rule(low, high, panels, NODES[1])
    d = diffusion(x.ravel()).reshape(x.shape)
    slope = drift(x.ravel()).reshape(x.shape) / d
    start = np.concatenate([[0.0], np.cumsum((slope * w).sum(axis=1))[:-1]])
    rise = _antiderivative(np.polynomial.legendre.leggauss(NODES[1])[0])
    exponent = start[:, None] + (high - low) / (2 * panels) * slope @ rise.T
    logs = (exponent - kappa * np.log(d)).ravel()
    p = np.exp(logs - logs.max())
    return LineDensity(x.ravel(), w.ravel(), p / (w.ravel() @ p))


def _antiderivative(nodes: Array) -> Array:
    """Matrix from values at Gauss-Legendre nodes to the integral from -1 up to each node."""
    legendre = np.polynomial.legendre
    coefficients = np.linalg.inv(legendre.legvander(nodes, len(nodes) - 1))
    integrated = legendre.legint(coefficients, lbnd=-1, axis=0)
    return np.asarray(legendre.legval(nodes, integrated).T)
