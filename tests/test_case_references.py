"""The numbers in ``[[expect]]`` of the cases, computed again by means that share nothing with the
package: quadrature, matrix equations, and spectral expansions of the continuous problem."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, linalg, optimize, sparse
from scipy.sparse import linalg as sparse_linalg

from fokkerplanck.case import build, load_case
from fokkerplanck.case.build_levy import levy, levy_start
from tests.capacity import three_wells
from tests.elements import between_three_networks, descent_of_a_training
from tests.test_case_references_levy import EXACT as EXACT_LEVY
from tests.test_case_references_momentum import EXACT as EXACT_MOMENTUM
from tests.test_case_references_sgd import EXACT as EXACT_SGD

CASES = Path(__file__).parents[1] / "cases"
Values = dict[str, float]
Function = Callable[[np.ndarray], np.ndarray]


def trapezoid(f: Function, low: float, high: float, n: int = 20001) -> float:
    """Integral of a function that vanishes smoothly at both ends: exact to rounding."""
    x = np.linspace(low, high, n)
    return float(f(x).sum() * (x[1] - x[0]))


def moments(p: Function, low: float, high: float) -> tuple[float, float]:
    """Mean and variance of an unnormalised density."""
    z = trapezoid(p, low, high)
    mean = trapezoid(lambda x: x * p(x), low, high) / z
    return mean, trapezoid(lambda x: (x - mean) ** 2 * p(x), low, high) / z


def relaxation(
    potential: Function,
    slope: Function,
    curvature: Function,
    temperature: float,
    span: tuple[float, float],
    start: tuple[float, float],
    n: int = 180,
) -> Callable[[float, Function], float]:
    """Averages at time t in one dimension, from the eigenfunctions of the Schroedinger operator.

    With p = exp(-V/2T) phi, dphi/dt = -(-T d2/dx2 + V'^2/4T - V''/2) phi; the second derivative
    is exact for functions of limited bandwidth on equally spaced points (sinc basis).
    """
    x, h = np.linspace(*span, n, retstep=True)
    k = np.arange(n)[:, None] - np.arange(n)[None, :]
    away = np.where(k == 0, 1, k)
    second = np.where(k == 0, np.pi**2 / 3, 2 * (-1.0) ** away / away**2) / h**2
    well = np.diag(slope(x) ** 2 / (4 * temperature) - curvature(x) / 2)
    rates, modes = np.linalg.eigh(temperature * second + well)
    root = np.exp(-(potential(x) - potential(x).min()) / (2 * temperature))
    mean, std = start
    density = np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi))
    amplitudes = modes.T @ (density / root)

    def average(t: float, observable: Function) -> float:
        p = root * (modes @ (amplitudes * np.exp(-rates * t)))
        return float(observable(x) @ p / p.sum())

    return average


def quartic(x: np.ndarray) -> np.ndarray:
    return (x**2 - 1) ** 2 / 4


def double_well_1d() -> Values:
    at = relaxation(
        quartic, lambda x: x**3 - x, lambda x: 3 * x**2 - 1, 0.05, (-2.2, 2.2), (-1, 0.1)
    )
    _, variance = moments(lambda x: np.exp(-quartic(x) / 0.05), -2.4, 2.4)
    return {
        "stationary.covariance.0.0": variance,
        "stationary.entropy_production": 0.0,
        "evolve.mean.8.0": at(1.0, lambda x: x),
        "evolve.mean.20.0": at(1000.0, lambda x: x),
        "evolve.basin_masses.-1.1": 0.5,
    }


def passage_time(temperature: float) -> float:
    """Mean passage time -1 -> 1 of the quartic well, (Z/T) int_0^1 exp(V/T) dx."""
    z = trapezoid(lambda x: np.exp(-quartic(x) / temperature), -2.4, 2.4)
    up, _ = integrate.quad(lambda x: np.exp(quartic(x) / temperature), 0, 1, epsrel=1e-12)
    return z * up / temperature


def deep_double_well_1d() -> Values:
    assert passage_time(0.0125) == pytest.approx(2198644401.4082888762, rel=1e-11)
    rate = 2 / passage_time(1 / 120)
    _, variance = moments(lambda x: np.exp(-quartic(x) * 120), -2.0, 2.0)
    return {
        "evolve.basin_masses.23.1": -np.expm1(-rate * 1e8) / 2,
        "evolve.basin_masses.31.1": -np.expm1(-rate * 1e12) / 2,
        "evolve.basin_masses.34.1": -np.expm1(-rate * 10**13.5) / 2,
        "evolve.basin_masses.-1.1": 0.5,
        "stationary.covariance.0.0": variance,
    }


def tilted_double_well() -> Values:
    def v(x: np.ndarray) -> np.ndarray:
        return x**4 / 4 - x**2 / 2 + x / 10

    def p(x: np.ndarray) -> np.ndarray:
        return np.exp(-20 * (v(x) + 0.36))

    left, saddle, right = np.sort(np.roots([1, 0, -1, 0.1]).real)
    mean, variance = moments(p, -2.4, 2.4)
    parts = [integrate.quad(p, *ends, epsrel=1e-12)[0] for ends in ((-2.4, saddle), (saddle, 2.4))]
    at = relaxation(
        v, lambda x: x**3 - x + 0.1, lambda x: 3 * x**2 - 1, 0.05, (-2.3, 2.2), (0.95, 0.15)
    )
    return {
        "landscape.minima.0.position.0": left,
        "landscape.minima.1.position.0": right,
        "landscape.saddles.0.position.0": saddle,
        "landscape.saddles.0.loss": float(v(saddle)),
        "stationary.mean.0": mean,
        "stationary.covariance.0.0": variance,
        "stationary.basin_masses.0": parts[0] / sum(parts),
        "evolve.mean.4.0": at(1.0, lambda x: x),
        "evolve.mean.12.0": at(100.0, lambda x: x),
    }


def ornstein_uhlenbeck_1d() -> Values:
    values = {"stationary.covariance.0.0": 0.5, "stationary.entropy_production": 0.0}
    for k, t in enumerate([0.25, 0.5, 1.0, 2.0, 4.0]):
        if t <= 1:
            values[f"evolve.mean.{k}.0"] = 2 * np.exp(-t)
            values[f"evolve.covariance.{k}.0.0"] = 0.5 + (0.04 - 0.5) * np.exp(-2 * t)
    return values


def ornstein_uhlenbeck_2d() -> Values:
    a, d = np.array([[2, -1], [1.5, 1]]), np.array([[1, 0.3], [0.3, 0.5]])
    s = linalg.solve_continuous_lyapunov(a, 2 * d)
    decay = linalg.expm(-0.7 * a)
    mean = decay @ [1, 0.5]
    at = s + decay @ (0.09 * np.eye(2) - s) @ decay.T
    return {
        "stationary.covariance.0.0": s[0, 0],
        "stationary.covariance.0.1": s[0, 1],
        "stationary.covariance.1.1": s[1, 1],
        "stationary.entropy_production": np.trace(a.T @ np.linalg.solve(d, a @ s)) - np.trace(a),
        "evolve.mean.3.0": mean[0],
        "evolve.mean.3.1": mean[1],
        "evolve.covariance.3.0.0": at[0, 0],
        "evolve.covariance.3.0.1": at[0, 1],
        "evolve.covariance.3.1.1": at[1, 1],
    }


def turned(first: float, second: float, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    r = np.array([[c, -s], [s, c]])
    return r @ np.diag([first, second]) @ r.T


def anisotropic_ou_2d() -> Values:
    d = turned(0.5, 0.05, 30)
    s = d * -np.expm1(-2) + 0.1 * np.exp(-2) * np.eye(2)
    return {
        "evolve.mean.-1.0": np.exp(-1),
        "evolve.mean.-1.1": 0.5 * np.exp(-1),
        "evolve.covariance.-1.0.0": s[0, 0],
        "evolve.covariance.-1.0.1": s[0, 1],
        "evolve.covariance.-1.1.1": s[1, 1],
    }


def driven_ring() -> Values:
    """Stratonovich's current, and the stationary density p(x) ~ e^{-U/D} int_x^{x+2pi} e^{U/D}."""
    d = force = 0.5

    def u(x: np.ndarray) -> np.ndarray:
        return np.cos(x) - force * x

    x = np.linspace(0, 2 * np.pi, 257)[:-1]
    inner = [
        integrate.quad(lambda y: np.exp(u(y) / d), a, a + 2 * np.pi, epsrel=1e-12)[0] for a in x
    ]
    p = np.exp(-u(x) / d) * inner
    total = p.mean() * 2 * np.pi
    current = d * -np.expm1(-2 * np.pi * force / d) / total
    assert current == pytest.approx(0.027946558545, rel=1e-10)
    # the mean of x over one period, by the Fourier series of the periodic p
    modes = np.fft.rfft(p) / p.size * 2 * np.pi / total
    k = np.arange(1, 100)
    mean = np.pi - 2 * np.sum(modes[1:100].imag * -1 / k)
    return {
        "stationary.entropy_production": force * 2 * np.pi * current / d,
        "stationary.mean.0": mean,
        "evolve.mean.-1.0": mean,  # 50 relaxation times later
    }


def rotated_anisotropy() -> Values:
    _, along = moments(lambda x: np.exp(-quartic(x) / 0.05), -2.4, 2.4)
    s = turned(along, 0.005, 25)
    at = relaxation(
        quartic, lambda x: x**3 - x, lambda x: 3 * x**2 - 1, 0.05, (-2.2, 2.2), (-1, 0.1)
    )
    return {
        "stationary.covariance.0.0": s[0, 0],
        "stationary.covariance.0.1": s[0, 1],
        "stationary.covariance.1.1": s[1, 1],
        "stationary.entropy_production": 0.0,
        "evolve.mean.12.0": at(100.0, lambda x: x) * np.cos(np.radians(25)),
        "evolve.mean.12.1": at(100.0, lambda x: x) * np.sin(np.radians(25)),
    }


def sharp_and_flat() -> Values:
    """p = exp(-Phi)/D between the inflections, where D jumps and Phi is continuous."""

    def loss(x: np.ndarray) -> np.ndarray:
        return (x**2 - 1) ** 2 * np.exp(-x) / 4

    def curvature(x: float) -> float:
        return (x**4 - 8 * x**3 + 10 * x**2 + 8 * x - 3) * np.exp(-x) / 4

    saddle = 2 - np.sqrt(5)
    a = optimize.brentq(curvature, -1, saddle)
    b = optimize.brentq(curvature, saddle, 1)
    c = optimize.brentq(curvature, 1.2, 3)
    far = 2 + np.sqrt(5)  # a maximum beyond the wall, which the grid does not hold
    assert far > 3.2
    curvatures = [2 * np.e, -curvature(saddle), 2 / np.e, -curvature(saddle)]
    pieces = list(pairwise([-2.0, a, b, c, 3.2]))
    phi, weights, firsts, split = 0.0, [], [], []
    for (low, high), h in zip(pieces, curvatures, strict=True):
        d, ground = 0.05 * h, float(loss(np.array(low)))

        def p(x: float, d: float = d, ground: float = ground, phi: float = phi) -> float:
            return float(np.exp(-phi - (loss(np.array(x)) - ground) / d) / d)

        cuts = [low, saddle, high] if low < saddle < high else [low, high]
        parts = [integrate.quad(p, *ends, epsrel=1e-12, limit=200)[0] for ends in pairwise(cuts)]
        first = integrate.quad(lambda x, p=p: x * p(x), low, high, epsrel=1e-12, limit=200)[0]
        split.append(parts)
        weights.append(sum(parts))
        firsts.append(first)
        phi += (float(loss(np.array(high))) - ground) / d
    total = sum(weights)
    return {
        "stationary.mean.0": sum(firsts) / total,
        "stationary.basin_masses.0": (weights[0] + split[1][0]) / total,
        "landscape.saddles.0.position.0": saddle,
        "landscape.minima.0.curvatures.0": 2 * np.e,
        "landscape.minima.1.curvatures.0": 2 / np.e,
    }


MUELLER_BROWN = (  # amplitude, a, b, c, x0, y0
    (-200, -1, 0, -10, 1, 0),
    (-100, -1, 0, -10, 0, 0.5),
    (-170, -6.5, 11, -6.5, -0.5, 1.5),
    (15, 0.7, 0.6, 0.7, -1, 1),
)


def mueller_brown() -> Values:
    x, y = np.meshgrid(*(np.linspace(-2.3, 1.9, 1401), np.linspace(-1.3, 2.9, 1401)), indexing="ij")
    v = sum(
        amplitude * np.exp(a * (x - p) ** 2 + b * (x - p) * (y - q) + c * (y - q) ** 2)
        for amplitude, a, b, c, p, q in MUELLER_BROWN
    )
    w = np.exp(-(v + 147) / 15)
    w /= w.sum()
    mx, my = (w * x).sum(), (w * y).sum()
    return {
        "landscape.minima.0.loss": -146.69951720995402,
        "landscape.minima.0.position.0": -0.55822363,
        "landscape.minima.0.position.1": 1.44172584,
        "landscape.saddles.0.loss": -40.66484351,
        "stationary.mean.0": mx,
        "stationary.entropy_production": 0.0,
        "stationary.mean.1": my,
        "stationary.covariance.0.0": (w * (x - mx) ** 2).sum(),
        "stationary.covariance.0.1": (w * (x - mx) * (y - my)).sum(),
        "stationary.covariance.1.1": (w * (y - my) ** 2).sum(),
    }


TENSOR = np.array([[0.10, -0.03], [-0.03, 0.04]])


def galerkin(
    n: int, m: int, scale: float, tensor: np.ndarray = TENSOR
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Generator of `double_well_2d`, and the points and spacing of its sinc functions.

    The basis is sinc functions in x times Hermite functions of z = y - x, in which the potential
    is V(x) + z^2/2 and the drift (-(x^3 - x) + z, (x^3 - x) - 2 z).
    """
    d = np.array([[1, 0], [-1, 1]]) @ tensor @ np.array([[1, -1], [0, 1]])
    x, h = np.linspace(-2.15, 2.15, n, retstep=True)
    k = np.arange(n)[:, None] - np.arange(n)[None, :]
    away = np.where(k == 0, 1, k)
    first = np.where(k == 0, 0, (-1.0) ** away / away) / h
    second = -np.where(k == 0, np.pi**2 / 3, 2 * (-1.0) ** away / away**2) / h**2
    up = np.diag(np.sqrt(np.arange(1, m)), -1)
    z, slope = scale * (up + up.T), -up / scale
    pull, one_x, one_z = np.diag(x**3 - x), np.eye(n), np.eye(m)
    q = np.kron(first @ pull, one_z) - np.kron(first, z) - np.kron(pull, slope)
    q += 2 * np.kron(one_x, slope @ z) + d[0, 0] * np.kron(second, one_z)
    q += 2 * d[0, 1] * np.kron(first, slope) + d[1, 1] * np.kron(one_x, slope @ slope)
    return q, x, h


def double_well_2d() -> Values:
    """Stationary moments; for constant D the entropy production is <f.D^-1 f> + <div f>."""
    n, m, scale = 60, 40, 0.5
    q, x, h = galerkin(n, m, scale)
    total = np.kron(np.ones(n), np.eye(m)[0]) * h
    p = np.linalg.solve(q + np.outer(total, total), total)
    p = (p / (total @ p)).reshape(n, m) * h
    flat, tilt, wide = p[:, 0], scale * p[:, 1], scale**2 * (p[:, 0] + np.sqrt(2) * p[:, 2])
    xx, xz, zz = x**2 @ flat, x @ tilt, wide.sum()
    force = x**3 - x
    cross = force @ tilt - zz
    ff = np.array([[force**2 @ flat - 2 * force @ tilt + zz, cross], [cross, zz]])
    return {
        "stationary.covariance.0.0": xx,
        "stationary.covariance.0.1": xx + xz,
        "stationary.covariance.1.1": xx + 2 * xz + zz,
        "stationary.entropy_production": np.sum(np.linalg.inv(TENSOR) * ff) - (3 * xx - 1 + 1) - 1,
    }


def double_well_2d_means() -> Values:
    """Mean x at t = 1 and 100, from N((-1, -1), 0.02 I)."""
    n, m, scale = 48, 30, 0.5
    q, x, _ = galerkin(n, m, scale)
    z, dz = np.linspace(-2, 2, 4001, retstep=True)
    start = np.exp(-((x[:, None] + 1) ** 2 + (z + x[:, None] + 1) ** 2) / 0.04) / (0.04 * np.pi)
    hermite = [np.ones_like(z), z / scale]
    for k in range(1, m - 1):
        hermite.append((z / scale * hermite[k] - np.sqrt(k) * hermite[k - 1]) / np.sqrt(k + 1))
    rates, modes = np.linalg.eig(q)
    amplitudes = np.linalg.solve(modes, (start @ np.array(hermite).T * dz).ravel() + 0j)

    def mean(t: float) -> float:
        p = (modes @ (amplitudes * np.exp(rates * t))).real.reshape(n, m)[:, 0]
        return float(x @ p / p.sum())

    return {"evolve.mean.4.0": mean(1.0), "evolve.mean.12.0": mean(100.0)}


def nonreversible_2d() -> Values:
    """Slowest rate and moments of `galerkin` under D = diag(0.06, 0.04)."""
    n, m, scale, shift = 80, 30, 0.5, 1e-3
    q, x, h = galerkin(n, m, scale, np.diag([0.06, 0.04]))
    factors = linalg.lu_factor(q + shift * np.eye(n * m))
    inverse = sparse_linalg.LinearOperator(
        q.shape, matvec=lambda b: linalg.lu_solve(factors, b), dtype=float
    )
    near = sparse_linalg.eigs(inverse, k=3, v0=np.ones(n * m), return_eigenvectors=False)
    rates = np.sort(shift - 1 / near.real)
    total = np.kron(np.ones(n), np.eye(m)[0]) * h
    p = np.linalg.solve(q + np.outer(total, total), total)
    p = (p / (total @ p)).reshape(n, m) * h
    flat, tilt, wide = p[:, 0], scale * p[:, 1], scale**2 * (p[:, 0] + np.sqrt(2) * p[:, 2])
    xx, xz, zz = x**2 @ flat, x @ tilt, wide.sum()
    return {
        "spectrum.0": float(rates[1]),
        "stationary.covariance.0.0": xx,
        "stationary.covariance.0.1": xx + xz,
        "stationary.covariance.1.1": xx + 2 * xz + zz,
    }


def escape_quartic() -> Values:
    """Passage times as double integrals; the rate is that of the half line with its end absorbing.

    The slowest mode is odd, so it solves L u = -lambda u on x < 0 with u(0) = 0; at this barrier
    inverse iteration gains a factor of 1e9 per step.
    """
    t = 0.0125
    x = np.linspace(-2.2, 0.0, 200_001)
    weight, inverse = np.exp(-quartic(x) / t), np.exp(quartic(x) / t)

    def solved(source: np.ndarray) -> np.ndarray:
        inner = integrate.cumulative_simpson(weight * source, x=x, initial=0)
        outer = integrate.cumulative_simpson(inverse * inner, x=x, initial=0)
        return (outer[-1] - outer) / t

    start = int(np.abs(x + 1).argmin())
    time = solved(np.ones_like(x))
    mode = time / time[start]
    rate = float(mode[start] / solved(mode)[start])
    return {
        "passage.to the top.mean": float(time[start]),
        "passage.to the right.mean": passage_time(t),
        "spectrum.0": rate,
        "quasi_stationary.left.rate": rate,
    }


def escape_disc_2d(n: int = 160) -> Values:
    """Five-point scheme with weights at the middle of the links, and a disc made of whole cells."""
    x = (np.arange(n) + 0.5) * (4 / n) - 2
    edge = np.arange(1, n) * (4 / n) - 2

    def v(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x**2 - 1) ** 2 / 4 + y**2 + x * y / 2

    t, h = 0.031640625, 4 / n
    number = np.arange(n * n).reshape(n, n)
    cell = v(x[:, None], x[None, :])
    pairs = [
        (number[:-1], number[1:], v(edge[:, None], x[None, :])),
        (number[:, :-1], number[:, 1:], v(x[:, None], edge[None, :])),
    ]
    q = sparse.csc_array((n * n, n * n))
    for a, b, middle in pairs:
        i, j, m = a.ravel(), b.ravel(), middle.ravel()
        ahead, back = (t / h**2 * np.exp((cell.ravel()[k] - m) / t) for k in (i, j))
        rows, columns = np.concatenate([i, j, i, j]), np.concatenate([j, i, i, j])
        values = np.concatenate([ahead, back, -ahead, -back])
        q += sparse.csc_array((values, (rows, columns)), shape=q.shape)
    goal = np.sqrt(9 / 8) * np.array([1, -0.25])
    outside = (x[:, None] - goal[0]) ** 2 + (x[None, :] - goal[1]) ** 2 > 0.25**2
    keep = outside.ravel()
    times = sparse_linalg.spsolve(
        q[keep][:, keep], -np.ones(keep.sum()), permc_spec="MMD_AT_PLUS_A"
    )
    start = np.zeros(n * n)
    start[keep] = times
    i, j = (int(np.abs(x - c).argmin()) for c in -goal)
    return {"passage.to the disc.mean": float(start[number[i, j]])}


def expected(name: str) -> list[tuple[str, float]]:
    """Numbers, not predictions, that a case expects."""
    (path,) = CASES.rglob(f"{name}.toml")
    case = load_case(path)
    return [(e.quantity, e.value) for e in case.expect if e.value is not None]


EXACT = (
    double_well_1d,
    deep_double_well_1d,
    tilted_double_well,
    ornstein_uhlenbeck_1d,
    ornstein_uhlenbeck_2d,
    anisotropic_ou_2d,
    driven_ring,
    rotated_anisotropy,
    sharp_and_flat,
    mueller_brown,
    nonreversible_2d,
    escape_quartic,
)
ALWAYS_ZERO = ("mass_error", "minimum_density")


@pytest.mark.parametrize("exact", EXACT, ids=lambda f: f.__name__)
def test_expected_numbers_are_exact(exact: Callable[[], Values]) -> None:
    values = exact()
    for quantity, value in expected(exact.__name__):
        if quantity not in ALWAYS_ZERO:
            assert value == pytest.approx(values[quantity], rel=2e-7, abs=1e-16), quantity


def test_expected_numbers_of_the_double_well_in_the_plane() -> None:
    values = double_well_2d()
    gap = values["stationary.covariance.1.1"] - values["stationary.covariance.0.1"]
    assert gap == pytest.approx(TENSOR[1, 1], abs=1e-6)  # an exact identity
    for quantity, value in expected("double_well_2d"):
        if quantity in values:
            assert value == pytest.approx(values[quantity], rel=2e-5), quantity


def test_expected_time_to_the_disc() -> None:
    """A plain solve of a plain scheme: its disc of whole cells is a few in 1e5 off."""
    ((quantity, value), *_) = expected("escape_disc_2d")
    assert value == pytest.approx(escape_disc_2d()[quantity], rel=1e-4)


def test_expected_times_between_three_wells() -> None:
    values = three_wells()
    for quantity, value in expected("three_wells"):
        assert value == pytest.approx(values[quantity], rel=5e-7), quantity


def plane_escape() -> Values:
    return between_three_networks(CASES / "resnet" / "plane.h5")


def plane_isotropic() -> Values:
    return between_three_networks(CASES / "resnet" / "plane.h5", even=0.0313)


def trajectory_descent() -> Values:
    return descent_of_a_training(CASES / "resnet" / "trajectory.h5")


NETWORKS = (plane_escape, plane_isotropic, trajectory_descent)


@pytest.mark.slow
@pytest.mark.parametrize("exact", NETWORKS, ids=lambda f: f.__name__)
def test_expected_numbers_on_planes_of_networks(exact: Callable[[], Values]) -> None:
    values = exact()
    given = dict(expected(exact.__name__))
    assert {q for q in given if q in values} == set(given)
    for quantity, value in given.items():
        assert value == pytest.approx(values[quantity], rel=1e-6), quantity


@pytest.mark.slow
def test_expected_means_of_the_double_well_in_the_plane() -> None:
    expectations = dict(expected("double_well_2d"))
    for quantity, value in double_well_2d_means().items():
        assert expectations[quantity] == pytest.approx(value, rel=3e-4), quantity


@pytest.mark.parametrize("path", sorted(CASES.rglob("*.toml")), ids=lambda p: p.stem)
def test_every_case_is_a_page_of_the_gallery(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    case = load_case(path)
    assert case.title
    assert len(case.expect) >= 4
    known = (*EXACT, *EXACT_SGD, *EXACT_MOMENTUM, double_well_2d, escape_disc_2d, three_wells)
    known = (*known, *NETWORKS, *EXACT_LEVY)
    names = {f.__name__ for f in known} | {"network_line"}  # its own: test_tail_network_line.py
    assert path.stem in names
    if case.evolve and case.heavy_tailed:
        assert levy_start(case, levy(case)).min() >= 0
    elif case.evolve and not case.underdamped:
        assert build.initial(case, build.problem(case)).min() >= 0
