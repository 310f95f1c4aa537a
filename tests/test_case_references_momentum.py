"""The numbers in ``[[expect]]`` of the cases of underdamped motion, by means of their own: sinc
functions in x, eigenfunctions of the oscillator in v, and matrix exponentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm, solve_continuous_lyapunov
from scipy.sparse.linalg import eigs, expm_multiply
from scipy.special import roots_hermitenorm

from fokkerplanck.case import build, load_case
from fokkerplanck.case.build_underdamped import phase_start, underdamped

CASES = Path(__file__).parents[1] / "cases" / "momentum"
Values = dict[str, float]


def quartic(x: np.ndarray) -> np.ndarray:
    return (x**2 - 1) ** 2 / 4


class Galerkin:
    """Klein and Kramers for the quartic well, m = 1, in ``psi = c e^(L / 2T)``.

    ``psi_n' = -s sqrt(n) (d - f) psi_(n-1) - s sqrt(n + 1) (d + f) psi_(n+1) - g n psi_n`` with
    the thermal velocity s and f = -L'/(2T); the derivative d is exact for limited bandwidth.
    """

    def __init__(
        self, temperature: float, friction: float, n: int, modes: int, reach: float
    ) -> None:
        x, h = np.linspace(-reach, reach, n, retstep=True)
        k = np.arange(n)[:, None] - np.arange(n)[None, :]
        d = np.where(k == 0, 0.0, (-1.0) ** k / np.where(k == 0, 1, k)) / h
        slope = np.diag((x**3 - x) / (2 * temperature))
        s = np.sqrt(temperature)
        root = sp.diags_array(np.sqrt(np.arange(1.0, modes)), offsets=-1)
        self.matrix = sp.csc_array(
            -s * sp.kron(root, d + slope)
            - s * sp.kron(root.T, d - slope)
            - friction * sp.kron(sp.diags_array(np.arange(float(modes))), sp.eye_array(n))
        )
        self.x, self.h, self.modes, self.temperature = x, h, modes, temperature
        self.root = np.exp(-(quartic(x)) / (2 * temperature))

    def slowest(self, count: int) -> np.ndarray:
        values = eigs(self.matrix, count + 1, sigma=1e-3, return_eigenvectors=False)
        return np.sort(-values.real)[1:]

    def start(self, mean: float, std: tuple[float, float]) -> np.ndarray:
        """A Gaussian at rest: its modes by quadrature over v."""
        s = np.sqrt(self.temperature)
        w, weight = roots_hermitenorm(120)
        w = w * std[1] / s
        weight = weight / weight.sum()
        h = np.empty((self.modes, w.size))
        h[0], h[1] = 1.0, w
        for n in range(1, self.modes - 1):
            h[n + 1] = (w * h[n] - np.sqrt(n) * h[n - 1]) / np.sqrt(n + 1)
        p = np.exp(-0.5 * ((self.x - mean) / std[0]) ** 2) / (std[0] * np.sqrt(2 * np.pi))
        return np.outer(h @ weight, p / self.root).ravel()

    def moments(self, psi: np.ndarray) -> dict[str, float]:
        c = psi.reshape(self.modes, -1) * self.root
        mass = c[0].sum() * self.h
        node, weight = np.polynomial.legendre.leggauss(200)
        node, weight = (node + 1) * self.x[-1] / 2, weight * self.x[-1] / 2
        right = weight @ np.sinc((node[:, None] - self.x) / self.h) @ c[0]
        return {
            "x": float(self.x @ c[0] * self.h / mass),
            "v": float(np.sqrt(self.temperature) * c[1].sum() * self.h / mass),
            "right": float(right / mass),
        }


def variance(temperature: float) -> float:
    x = np.linspace(-2.0, 2.0, 4001)
    p = np.exp(-quartic(x) / temperature)
    return float((x**2 * p).sum() / p.sum())


def kramers_turnover() -> Values:
    rates = Galerkin(0.05, 1.0, 121, 40, 2.1).slowest(2)
    return {
        "spectrum.0": rates[0],
        "spectrum.1": rates[1],
        "stationary.covariance.0.0": variance(0.05),
        "stationary.covariance.1.1": 0.05,
        "passage.across.mean": 2 / rates[0],
    }


def damped_double_well() -> Values:
    well = Galerkin(0.05, 0.3, 141, 90, 2.1)
    psi = well.start(-1.5, (0.1, 0.2))
    early = well.moments(expm_multiply(well.matrix * 2.0, psi))
    at5 = well.moments(expm_multiply(well.matrix * 5.0, psi))
    return {
        "spectrum.0": well.slowest(1)[0],
        "stationary.covariance.1.1": 0.05,
        "evolve.mean.4.0": early["x"],
        "evolve.mean.4.1": early["v"],
        "evolve.mean.8.0": at5["x"],
        "evolve.basin_masses.8.1": at5["right"],
    }


def oscillating_well() -> Values:
    eta, beta, batch, h, c = 0.1, 0.9, 32, 2.0, 2.0
    rate = 2 / (eta * (1 + beta))
    drift = np.array([[0.0, -1.0], [rate * h, rate * (1 - beta)]])
    noise = np.diag([0.0, rate**2 * eta * c / batch])
    s = solve_continuous_lyapunov(drift, noise)
    turned = expm(-drift * 2.0)
    values = np.linalg.eigvals(drift)
    return {
        "stationary.covariance.0.0": s[0, 0],
        "stationary.covariance.1.1": s[1, 1],
        "stationary.irreversibility": 0.0,
        "evolve.mean.10.0": (turned @ [-0.7, 0.0])[0],
        "evolve.covariance.10.0.0": (s + turned @ (np.diag([0.01, 0.25]) - s) @ turned.T)[0, 0],
        "spectrum.0": values.real[0],
        "spectrum_modes.frequencies.1": abs(values.imag[0]),
    }


EXACT = (oscillating_well, kramers_turnover, damped_double_well)
#: its matrix exponentials take a while
PARAMETERS = [pytest.param(f, marks=[pytest.mark.slow] * (f is EXACT[2])) for f in EXACT]


@pytest.mark.parametrize("exact", PARAMETERS, ids=lambda f: f.__name__)
def test_expected_numbers_are_exact(exact: Callable[[], Values]) -> None:
    values = exact()
    case = load_case(CASES / f"{exact.__name__}.toml")
    numbers = [(e.quantity, e.value) for e in case.expect if e.value is not None]
    assert numbers
    for quantity, value in numbers:
        assert value == pytest.approx(values[quantity], rel=1e-6, abs=1e-9), quantity


@pytest.mark.parametrize("exact", EXACT, ids=lambda f: f.__name__)
def test_starts_hold_one_unit_of_mass(exact: Callable[[], Values]) -> None:
    case = load_case(CASES / f"{exact.__name__}.toml")
    if case.evolve:
        start = phase_start(case, underdamped(case, build.problem(case)))
        assert start.mass == pytest.approx(1.0, abs=1e-12)
