"""Escape from wells: the problems W2 and W4, their exact answers, and what is said of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import expm1, isfinite, log, pi, sqrt
from typing import Any, ClassVar

import numpy as np
from bench_core import Array, Sweep

__all__ = ["CoupledWells", "DoubleWell", "densities", "lagrange", "passages"]


@dataclass(frozen=True)
class DoubleWell:
    """W2: loss (x^2 - 1)^2 / 4, barrier 1/4, at T = 1/4 over `barrier`; from -1 to +1."""

    cells: int
    barrier: float
    low: float = -2.4
    high: float = 2.4

    #: Mean passage times: by quadrature in 40 digits, the last in 30.
    EXACT: ClassVar = {
        2: 41.034280268736711806,
        5: 729.67069194232279882,
        10: 102108.36545716983696,
        20: 2198644401.4082888762,
        40: 1055900868237102311.4,
        100: 1.1988319200419483535e44,
        600: 1.6773585257598393286e261,
    }  # fmt: skip

    @property
    def temperature(self) -> float:
        """D."""
        return 0.25 / self.barrier

    def climb(self, x: Array) -> Array:
        """Loss over T."""
        return np.asarray((x * x - 1) ** 2 / (4 * self.temperature))

    @classmethod
    def cut(cls, cells: int, barrier: float) -> DoubleWell:
        """Return the well from where it is 40 T deep to +1, which is all that a passage needs."""
        depth = min(40 * 0.25 / barrier, 5.0)
        return cls(cells, barrier, -sqrt(1 + 2 * sqrt(depth)), 1.0)

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return (self.high - self.low) / self.cells

    @property
    def edges(self) -> Array:
        """Cell edges."""
        return np.linspace(self.low, self.high, self.cells + 1)

    def exact(self) -> Array:
        """Cell averages of the stationary density."""
        node, weight = np.polynomial.legendre.leggauss(8)
        centres = (self.edges[1:] + self.edges[:-1]) / 2
        p = np.exp(-self.climb(centres[:, None] + self.spacing / 2 * node)) @ (weight / 2)
        return np.asarray(p / (p.sum() * self.spacing))


@dataclass(frozen=True)
class CoupledWells:
    """W4: loss (x^2 - 1)^2 / 4 + y^2 + x y / 2 on [-2, 2]^2, T = 0.31640625 / barrier.

    From the left minimum to a disc of radius 1/4 around the right one.
    """

    cells: int
    barrier: float
    half: float = 2.0
    radius: float = 0.25

    LOSS = "(x**2 - 1)**2 / 4 + y**2 + x*y / 2"
    START = (-1.0606601717798212, 0.2651650429449553)
    #: By extrapolation of two discretisations; they agree to 1e-6 and better.
    KNOWN: ClassVar = {5: 674.57678, 10: 94558.889, 20: 2.03479128e9, 30: 4.4504225e13}
    BARRIERS = (*KNOWN, 100, 500)

    @property
    def temperature(self) -> float:
        """D."""
        return 0.31640625 / self.barrier

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return 2 * self.half / self.cells

    @property
    def centres(self) -> Array:
        """Cell centres along either axis."""
        return np.asarray((np.arange(self.cells) + 0.5) * self.spacing - self.half)

    @property
    def target(self) -> tuple[float, float]:
        """Centre of the disc."""
        return (-self.START[0], -self.START[1])

    @property
    def log_exact(self) -> float:
        """Ln of the mean passage time; beyond the table Eyring-Kramers times 1 + 0.40 / barrier."""
        if self.barrier in self.KNOWN:
            return log(self.KNOWN[self.barrier])
        # Hessians: [[2.375, 0.5], [0.5, 2]] at the minima, [[-1, 0.5], [0.5, 2]] at the saddle
        downhill = (sqrt(10.0) - 1) / 2
        prefactor = 2 * pi / downhill * sqrt(2.25 / 4.5)
        return log(prefactor * (1 + 0.40 / self.barrier)) + self.barrier

    def climb(self, x: Array, y: Array) -> Array:
        """Loss over T."""
        return np.asarray(((x * x - 1) ** 2 / 4 + y * y + x * y / 2) / self.temperature)

    def inside(self, x: Array, y: Array) -> Any:
        """Whether points are in the disc."""
        return (x - self.target[0]) ** 2 + (y - self.target[1]) ** 2 <= self.radius**2

    def at_start(self, values: Array) -> float:
        """Values of cells, shape (cells, cells), interpolated at the start."""
        for c in reversed(self.START):
            places, weights = lagrange((c + self.half) / self.spacing - 0.5)
            values = values[..., places] @ weights
        return float(values)


def lagrange(place: float) -> tuple[Any, Array]:
    """Four neighbours of a place between whole numbers, and the weights of the cubic there."""
    near = int(np.floor(place)) + np.arange(-1, 3)
    weights = [
        np.prod([(place - b) / (a - b) for b in near if b != a]) for a in near
    ]  # fmt: skip
    return slice(int(near[0]), int(near[-1]) + 1), np.array(weights)


def passages(exact: dict[float, float], ready: Callable[[float], Callable[[], float]]) -> Sweep:
    """Sweep over barriers of a mean passage time; `exact` are logarithms of it.

    Errors are relative and signed; words where there is no number to compare.
    """

    def judge(found: Sequence[float]) -> dict[str, Any]:
        pairs = zip(exact.items(), found, strict=True)
        return {"errors": {f"b = {b:g}": _error(t, right) for (b, right), t in pairs}}

    return Sweep(tuple(lambda b=b: ready(b) for b in exact), judge)


def densities(
    cells: int, barriers: Sequence[float], ready: Callable[[DoubleWell], Callable[[], Array]]
) -> Sweep:
    """Sweep over barriers of the stationary density; errors are L1 against cell averages."""
    wells = [DoubleWell(cells, b) for b in barriers]

    def judge(found: Sequence[Array]) -> dict[str, Any]:
        errors = {}
        for well, p in zip(wells, found, strict=True):
            error = float(np.abs(p - well.exact()).sum() * well.spacing)
            errors[f"b = {well.barrier:g}"] = error if isfinite(error) else "singular"
        return {"errors": errors}

    return Sweep(tuple(lambda w=w: ready(w) for w in wells), judge)


def _error(time: float, log_exact: float) -> float | str:
    if not isfinite(time):
        return "singular"
    return expm1(log(time) - log_exact) if time > 0 else "negative"
