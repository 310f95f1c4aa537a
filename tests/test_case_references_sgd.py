"""The numbers in ``[[expect]]`` of the cases on SGD, computed again without the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import exp, log10
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.integrate import cumulative_simpson
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar

from fokkerplanck.case import load_case

CASES = Path(__file__).parents[1] / "cases"
Values = dict[str, float]
#: ends, drift and diffusion of a stretch on which both are smooth
Piece = tuple[float, float, Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]
POINTS = 100_001


class Line:
    """An Ito process on a line in pieces: integrals of D^-1 e^-Phi and e^Phi by Simpson's rule."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.x, self.mass, inverse = [], [], []
        climb = total = 0.0
        for a, b, drift, diffusion in pieces:
            x = np.linspace(a, b, POINTS)
            d = np.broadcast_to(diffusion(x), x.shape)
            phi = climb + cumulative_simpson(-drift(x) / d, x=x, initial=0.0)
            mass = total + cumulative_simpson(np.exp(-phi) / d, x=x, initial=0.0)
            self.x.append(x)
            self.mass.append(mass)
            inverse.append(np.exp(phi))
            climb, total = phi[-1], mass[-1]
        self.total, self.scale = total, inverse

    def share(self, x: float) -> float:
        """Stationary mass left of a point."""
        return float(np.interp(x, np.concatenate(self.x), np.concatenate(self.mass))) / self.total

    def moment(self, power: int) -> float:
        """Average of ``x**power``, by parts."""
        parts = [
            cumulative_simpson(power * x ** (power - 1) * m, x=x)[-1]
            for x, m in zip(self.x, self.mass, strict=True)
        ]
        return float(self.x[-1][-1] ** power - sum(parts) / self.total)

    def passage(self, start: float, end: float) -> float:
        """Mean time between two points, with a reflecting far end."""
        total = 0.0
        for x, s, mass in zip(self.x, self.scale, self.mass, strict=True):
            m = mass if start < end else self.total - mass
            inside = cumulative_simpson(s * m, x=x, initial=0.0)
            total += abs(np.interp(end, x, inside) - np.interp(start, x, inside))
        return float(total)


def frozen(
    landscape: Callable[[np.ndarray], np.ndarray], breaks: Sequence[tuple[float, float]], low: float
) -> Line:
    """Line with a drift, and one noise up to each of the (place, noise)."""
    ends = [low, *(place for place, _ in breaks)]
    return Line(
        [
            (a, b, landscape, lambda x, d=d: np.full_like(x, d))
            for a, b, (_, d) in zip(ends[:-1], ends[1:], breaks, strict=True)
        ]
    )


def quartic(x: np.ndarray) -> np.ndarray:
    return x - x**3


def split(points: Sequence[float], drift, diffusion) -> Line:
    """One process, cut at points of interest so that they are nodes."""
    return Line([(a, b, drift, diffusion) for a, b in pairwise(points)])


def frozen_escape() -> Values:
    c, eb = 3**-0.5, 0.025
    line = frozen(quartic, [(-1, 2 * eb), (-c, 2 * eb), (c, eb), (1, 2 * eb), (2.4, 2 * eb)], -2.4)
    time = line.passage(-1.0, 1.0)
    assert time == pytest.approx(8054.3116744369, rel=1e-10)
    return {
        "passage.to the other minimum.mean": time,
        "passage.to the other minimum.mean_steps": time / 0.05,
        "rates.rates.0.1": 1 / time,
    }


def sharp_and_flat_wells() -> Values:
    eb, (left, right) = 0.05, (-(2.5**0.5), 2.0)
    joints = left * 4 / 5, right / 2

    def drift(x: np.ndarray) -> np.ndarray:
        middle = (joints[0] + joints[1]) / 2
        inner = np.where(x < middle, -4.0 * (x - left), -(x - right))
        return np.where((x < joints[0]) | (x > joints[1]), inner, x)

    breaks = [(left, 4 * eb), (joints[0], 4 * eb), (0, eb), (joints[1], eb), (2, eb), (5.5, eb)]
    line = frozen(drift, breaks, -4.5)
    sharp, flat = line.passage(left, right), line.passage(right, left)
    return {
        "selection.occupation.0": line.share(0.0),
        "passage.out of the sharp well.mean": sharp,
        "passage.out of the flat well.mean": flat,
        "selection.log10_dwell_ratio": log10(flat / sharp),
    }


def loss_noise() -> Values:
    points = (-2.4, -1.0, 1.0, 2.4)
    line = split(points, quartic, lambda x: ((x**2 - 1) ** 2 / 4 + 0.05) / 8)
    return {
        "passage.to the other minimum.mean": line.passage(-1.0, 1.0),
        "stationary.covariance.0.0": line.moment(2),
    }


def absolute_floor() -> Values:
    points = (-3.6, -1.0, 0.0, 1.0, 3.6)
    line = split(points, quartic, lambda x: 0.05 * np.hypot(3 * x**2 - 1, 0.1))
    return {
        "passage.to the saddle.mean": line.passage(-1.0, 0.0),
        "passage.to the other minimum.mean": line.passage(-1.0, 1.0),
        "stationary.covariance.0.0": line.moment(2),
    }


def styblinski_tang() -> Values:
    low, high = -2.903534027771177, 2.746802770990837
    c, eb = (8 / 3) ** 0.5, 0.0625

    def curvature(x: float) -> float:
        return 6 * x * x - 16

    a, b, top = (eb * abs(curvature(x)) for x in (low, high, 0.15673125678034))
    breaks = [(low, a), (-c, a), (c, top), (high, b), (4.4, b)]
    line = frozen(lambda x: -(4 * x**3 - 32 * x + 5) / 2, breaks, -4.4)
    down = 1 / line.passage(high, low)
    return {
        "rates.rates.3.1": down,
        "rates.rates.3.2": down,
        "rates.rates.1.0": down,
        "rates.log10_rates.0.1": -log10(line.passage(low, high)),
    }


def gradient_noise() -> Values:
    low, high, top = -1.0466805318046, 0.945649273923591, 0.101031257881011
    line = split(
        (-2.4, low, top, high, 2.4), lambda x: x - x**3 - 0.1, lambda x: np.full_like(x, 0.05)
    )
    share = line.share(top)
    return {
        "passage.deep to shallow.mean": line.passage(low, high),
        "passage.shallow to deep.mean_steps": line.passage(high, low) / 0.04,
        "stationary.basin_masses.0": share,
        "evolve.basin_masses.-1.0": share,
    }


def batch_growth() -> Values:
    def variance(t: float) -> float:
        return 0.1 * exp(-2 * t) + 0.2 * (exp(-t / 3) - exp(-2 * t)) / (2 - 1 / 3)

    return {
        "evolve.covariance.2.0.0": variance(2.0),
        "evolve.covariance.3.0.0": variance(4.0),
        "evolve.steps.2": 2.0 / 0.2,
        "evolve.epochs.2": 3 * (exp(2 / 3) - 1) / 0.2 / 100,
    }


def descent_in_a_bowl() -> Values:
    # iterate the covariance of a step until it stays the same
    h, eta, batch = np.array([[2.0, 0.5], [0.5, 1.0]]), 0.2, 16
    step, s = np.eye(2) - eta * h, np.zeros((2, 2))
    for _ in range(600):
        s = step @ s @ step.T + eta**2 * h / batch
    names = {"0.0": s[0, 0], "0.1": s[0, 1], "1.1": s[1, 1]}
    return {f"evolve.covariance.3.{name}": value for name, value in names.items()}


def descent_escape() -> Values:
    points = (-3.6, -1.0, 1.0, 3.6)
    line = split(points, quartic, lambda x: 0.05 * np.hypot(3 * x**2 - 1, 1.0))
    time = line.passage(-1.0, 1.0)
    return {
        "passage.diffusion.mean": time,
        "passage.descent.mean": time,
        "passage.descent.mean_steps": time / 0.01,
    }


RATE, FIRST, SECOND = 2.5, -0.134, 9.192


def between_networks(constant: float | None = None) -> tuple[Line, float]:
    """The line through two networks under measured noise, or the same everywhere; its saddle."""
    with h5py.File(CASES / "resnet" / "line.h5") as file:
        x, loss, c = (file[name][...].ravel() for name in ("x", "loss", "covariance"))
    slope = CubicSpline(x, loss).derivative()
    variance = CubicSpline(x, c if constant is None else np.full_like(c, constant))
    top = float(minimize_scalar(lambda u: -CubicSpline(x, loss)(u), (4.0, 4.5, 5.0)).x)
    points = (-2.7, FIRST, top, SECOND, 11.7)
    return split(points, lambda u: -slope(u), lambda u: RATE / 2 * variance(u)), top


def line_escape() -> Values:
    line, top = between_networks()
    return {
        "passage.first to second.mean_steps": line.passage(FIRST, SECOND) / RATE,
        "passage.second to first.mean_steps": line.passage(SECOND, FIRST) / RATE,
        "stationary.basin_masses.0": line.share(top),
    }


def line_isotropic() -> Values:
    line, top = between_networks(0.0479)
    return {
        "passage.first to second.mean_steps": line.passage(FIRST, SECOND) / RATE,
        "stationary.basin_masses.0": line.share(top),
        "selection.occupation.0": line.share(top),
    }


EXACT = (
    absolute_floor,
    batch_growth,
    descent_escape,
    descent_in_a_bowl,
    frozen_escape,
    gradient_noise,
    line_escape,
    line_isotropic,
    loss_noise,
    sharp_and_flat_wells,
    styblinski_tang,
)


@pytest.mark.parametrize("exact", EXACT, ids=lambda f: f.__name__)
def test_expected_numbers_are_exact(exact: Callable[[], Values]) -> None:
    values = exact()
    (path,) = CASES.rglob(f"{exact.__name__}.toml")
    expected = [e for e in load_case(path).expect if e.value is not None]
    assert {e.quantity for e in expected} == set(values)
    for e in expected:
        assert e.value == pytest.approx(values[e.quantity], rel=3e-9), e.quantity
