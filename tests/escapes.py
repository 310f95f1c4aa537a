"""Problems of escape with known answers, for the tests of passage, transitions and spectra."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
from scipy.special import ive

from fokkerplanck import landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.killed_chain import killed_chains
from fokkerplanck.landscapes.transform import rotated
from fokkerplanck.problem import Problem
from fokkerplanck.sets import Ball, PointSet
from fokkerplanck.theory import LineProcess
from tests.fields import rotation

FLAT = landscapes.from_expression(0.0, 2)
#: Minima +-1, barrier 1/4.
QUARTIC = landscapes.quartic()
#: The coupled double well: V = (x^2 - 1)^2 / 4 + y^2 + x y / 2.
COUPLED = landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 + x*y / 2", 2)
COUPLED_BARRIER = 0.31640625
COUPLED_MINIMUM = (1.125**0.5, -(1.125**0.5) / 4)


@dataclass(frozen=True)
class Outside(PointSet):
    """Everything outside of an open disc around the origin."""

    radius: float = 1.0
    dim: int = 2
    text: str = "outside of a disc"

    def contains(self, points, grid):
        return (np.asarray(points, dtype=float) ** 2).sum(axis=-1) >= self.radius**2

    def shares(self, grid):
        return 1.0 - Ball((0.0, 0.0), self.radius).shares(grid)

    def representative(self):
        return None

    def _first(self, start, end, grid):
        way = end - start
        a, b = (way**2).sum(axis=1), (start * way).sum(axis=1)
        c = (start**2).sum(axis=1) - self.radius**2
        return (-b + np.sqrt(np.maximum(b * b - a * c, 0.0))) / a


def square(extent, cells, walls="reflecting"):
    """Grid around the origin, `cells` one number or two."""
    nx, ny = (cells, cells) if np.ndim(cells) == 0 else cells
    return Grid.plane((-extent, extent, nx), (-extent, extent, ny), walls)


def mean_times(problem, *sets, weight="midpoint"):
    """Mean times to the first of all sets and absorbing walls, nan inside; and the chain."""
    chain = killed_chains(problem, sets, weight=weight)[-1]
    log_times = chain.on_grid(chain.solve(np.zeros(chain.live.size)), np.nan)
    return np.exp(log_times), chain


def coupled(cells, barrier):
    """The coupled well at a barrier in units of the temperature."""
    return Problem(square(2.0, cells), COUPLED, noise.white(COUPLED_BARRIER / barrier))


def quartic_line(cells, temperature, extent=2.4, **kwargs):
    """The quartic on a line."""
    return Problem(Grid.line(-extent, extent, cells, **kwargs), QUARTIC, noise.white(temperature))


def quartic_process(temperature):
    """The quartic for quadratures."""
    return LineProcess(temperature, loss=lambda x: (x**2 - 1) ** 2 / 4)


def quartic_log_time(barrier):
    """Ln of the mean time from -1 to 1: (Z / D) int_0^1 e^{V / D}, without its exponential."""
    t = 0.25 / barrier
    a = 1 / (8 * t)
    z = pi / 2 * (ive(-0.25, a) + ive(0.25, a))
    x, w = np.polynomial.legendre.leggauss(400)
    reach = min(14 * np.sqrt(t), 1.0)
    x, w = reach / 2 * (x + 1), reach / 2 * w
    return barrier + log(z / t * (w @ np.exp(((x**2 - 1) ** 2 - 1) / (4 * t))))


def turned_wells(cells, degrees, barrier, anisotropy, extent=2.0):
    """Quartic along one axis, a bowl with less noise across, turned together; and that axis.

    Along the axis everything is one-dimensional.
    """
    temperature = 0.25 / barrier
    wells = landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 / 2", 2)
    r = rotation(np.radians(degrees))
    d = r @ np.diag([temperature, temperature / anisotropy]) @ r.T
    return Problem(square(extent, cells), rotated(wells, degrees), noise.tensor(d)), r[:, 0]


def eyring_kramers_log_time(barrier):
    """Ln of the leading law for the passage between the minima of the coupled well."""

    def determinant(x):
        return (3 * x * x - 1) * 2.0 - 0.25

    saddle = np.array([[-1.0, 0.5], [0.5, 2.0]])
    down = -np.linalg.eigvalsh(saddle)[0]
    ratio = -determinant(0.0) / determinant(COUPLED_MINIMUM[0])
    return barrier + log(2 * np.pi / down) + 0.5 * log(ratio)
