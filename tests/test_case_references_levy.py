"""The numbers in ``[[expect]]`` of the cases of heavy-tailed noise, by means of their own: Jacobi
polynomials, in which the fractional Laplacian of an interval is diagonal, landing laws of jumps,
and characteristic functions on the whole line."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import BSpline
from scipy.linalg import eigh, expm, null_space
from scipy.special import eval_jacobi, gamma, roots_jacobi

from fokkerplanck.case import load_case
from fokkerplanck.sets import HalfPlane
from fokkerplanck.theory.levy_predictions import HEAVY_TAILED

CASES = Path(__file__).parents[1] / "cases" / "heavy_tails"
Values = dict[str, float]
MOMENTS = ("mean", "variance")


def getoor(alpha: float = 1.5, start: float = 0.5, count: int = 100) -> Values:
    """Moments and slowest rate of exits from (-1, 1): with the weight ``w = (1 - x^2)^(a/2)``,

    ``(-D)^(a/2) [w P_n] = Gamma(a + n + 1) / n! P_n``, P_n of Jacobi's indices a/2 and a/2.
    """
    n, half = np.arange(count), alpha / 2
    rates = gamma(alpha + n + 1) / gamma(n + 1)
    (y, w), (y2, w2) = (roots_jacobi(200, b, b) for b in (half, alpha))
    p, p2 = (np.array([eval_jacobi(k, half, half, x) for k in n]) for x in (y, y2))
    sizes = p**2 @ w
    there = (1 - start**2) ** half * np.array([eval_jacobi(k, half, half, start) for k in n])
    mean = there @ (p @ w / sizes / rates)
    square = there @ (p2 @ w2 * 2 / gamma(1 + alpha) / sizes / rates)  # of 2 T, T ~ w
    slowest = eigh((p * w) @ p.T * rates, (p2 * w2) @ p2.T, eigvals_only=True)[0]
    front = np.sin(np.pi * half) / np.pi * (1 - start**2) ** half

    def landed(reach: float) -> float:
        """Probability to land between the right end and a distance from it."""
        # u^4 is the distance: at index 3/2 the density is smooth in u
        share = quad(lambda u: 4 / ((2 + u**4) ** half * (1 + u**4 - start)), 0, reach**0.25)
        return float(front * share[0])

    right = landed(1e16)
    far = 0.030934  # half of the jumps over the right end
    assert landed(far) / right == pytest.approx(0.5, abs=1e-4)
    side = "passage.out.landing.sides.right wall"
    return {
        "passage.out.mean": mean,
        "passage.out.variance": square - mean**2,
        f"{side}.probability": right,
        f"{side}.overshoot.2": far,
        "spectrum.0": slowest,
    }


@cache
def waves(
    s: float = 0.25, width: float = 0.1, count: int = 420, end: float = 180.0, degree: int = 7
) -> tuple[float, float, float]:
    r"""Mass left of the top at t = 1, slowest rate, and stationary density there.

    For :math:`\phi = E e^{i k x}`, k > 0, :math:`\dot\phi = k (\phi''' + \phi' - s \phi)`, with
    phi = 1, its slope imaginary and its curvature real at 0: collocation by splines.
    """
    inner = np.linspace(0, end, count - degree + 1)
    knots = np.concatenate([[0] * degree, inner, [end] * degree])
    spline = BSpline(knots, np.eye(count), degree)
    k = np.array([knots[i + 1 : i + degree + 1].mean() for i in range(count)])[2:-1]
    values, q, w = spline(k), *np.polynomial.legendre.leggauss(4000)
    operator = k[:, None] * (spline.derivative(3)(k) + spline.derivative(1)(k) - s * values)
    q, w = 0.5 * end * (q + 1), 0.5 * end * w
    parts, rates = [], []
    for even in (True, False):
        second = spline.derivative(1 if even else 2)(0.0)
        ends = np.vstack([spline(0.0), second, spline(end)])
        fixed = np.linalg.lstsq(ends, np.array([float(even), 0, 0]), rcond=None)[0]
        free = null_space(ends)
        rate = np.linalg.solve(values @ free, operator @ free)
        steady = -np.linalg.solve(rate, np.linalg.solve(values @ free, operator @ fixed))
        begin = np.exp(-0.5 * width**2 * k**2) * (np.cos(k) if even else -np.sin(k))
        first = np.linalg.solve(values @ free, begin - values @ fixed)
        late = fixed + free @ (steady + expm(rate) @ (first - steady))
        parts.append((late, fixed + free @ steady))
        rates.append(np.linalg.eigvals(rate))
    left = 0.5 - w @ (spline(q) @ parts[1][0] / q) / np.pi
    at_top = w @ (spline(q) @ parts[0][1]) / np.pi
    # the mode is odd; spurious ones of the far end are complex
    real = rates[1].real[np.abs(rates[1].imag) < 1e-9 * np.abs(rates[1])]
    return float(left), float(-real[real < 0].max()), float(at_top)


def levy_double_well() -> Values:
    """Slowest rate, and masses in time; the rest are closed forms of poles."""
    left, rate, _ = waves()
    return {"evolve.basin_masses.3.0": left, "spectrum.0": rate}


def height_and_width() -> Values:
    """Passage over the top of a quartic by cells, all jumps between them counted whole.

    Jumps within a cell, and what the lattice misses of the second moment of longer ones, are
    Gaussian noise; errors are of first order in the cell, and two sizes give the limit.
    """
    rough, fine = _by_cells(800), _by_cells(1600)
    names = [f"passage.{way}.{key}" for way in ("across", "from the bottom") for key in MOMENTS]
    return dict(zip(names, (2 * fine - rough).tolist(), strict=True))


def _by_cells(n: int, alpha: float = 1.5, height: float = 20.0, reach: float = 4.0) -> np.ndarray:
    """Mean and variance of the time over 0 from the stationary law left of it, and from -1."""
    h = 2 * reach / n
    x = h * (np.arange(n) + 0.5) - reach
    front = gamma(1 + alpha) * np.sin(np.pi * alpha / 2) / np.pi / alpha
    k, near = np.arange(1, n), n // 8
    rates = front * ((h * (k - 0.5)) ** -alpha - (h * (k + 0.5)) ** -alpha)
    moment = alpha * front / (2 - alpha) * (h * (near + 0.5)) ** (2 - alpha)
    rates[0] += (moment - (rates[:near] * (h * k[:near]) ** 2).sum()) / h**2
    cells = np.arange(n)
    q = np.append(0.0, rates)[np.abs(cells[:, None] - cells)]
    beyond = front * (reach - x) ** -alpha  # stopped at the ends
    q[:, -1] += beyond
    q[:, 0] += beyond[::-1]
    face = x[:-1] + h / 2
    drift = -4 * height * face * (face**2 - 1) / h
    centred = np.abs(drift) / 2 < rates[0]
    q[cells[:-1], cells[1:]] += np.where(centred, drift / 2, drift.clip(0))
    q[cells[1:], cells[:-1]] -= np.where(centred, drift / 2, drift.clip(None, 0))
    np.fill_diagonal(q, 0)
    np.fill_diagonal(q, -q.sum(axis=1))
    balance = np.vstack((np.ones(n), q.T[1:]))
    left = x < 0
    start = np.linalg.solve(balance, (cells == 0).astype(float))[left]
    start /= start.sum()
    killed = -q[np.ix_(left, left)]
    times = np.linalg.solve(killed, np.ones(left.sum()))
    squares = np.linalg.solve(killed, 2 * times)
    moments = np.stack((times, squares))
    at = int(np.searchsorted(x[left], -1)) - 1  # on a face, half-way between two cells
    bottom = 0.5 * (moments[:, at] + moments[:, at + 1])
    means = np.stack((moments @ start, bottom))
    return np.stack((means[:, 0], means[:, 1] - means[:, 0] ** 2), axis=1).ravel()


def levy_plane() -> Values:
    """Each coordinate alone, on a line: both have Cauchy noise of the same scale."""
    import fokkerplanck as fp

    def wave(b: float) -> float:
        """E cos x of ``x^4 / 4 + b x^2 / 2``, from the poles of its density."""
        pole = next(r for r in np.roots([1.0, 0.0, -b, -0.5]) if r.imag > 0.0)
        p, q = -pole.real, pole.imag
        return float(np.exp(-p) * (np.cos(q) + p / q * np.sin(q)))

    loss = fp.landscapes.make("expression", 1, {"loss": "x**4/4 - x**2/2"})
    line = fp.Levy(fp.Grid.line(-10.0, 10.0, 2048), loss, 1.0, 0.5)
    across = fp.levy_first_passage(line, -1.0, HalfPlane([1.0], 0.5))
    left, rate, _ = waves(0.5, 0.3, end=90.0)
    return {
        "stationary.characteristic.real.0": wave(-1.0),
        "stationary.characteristic.real.1": wave(0.0),
        "evolve.basin_masses.2.0": left,
        "passage.across.mean": across.mean,
        "spectrum.0": rate,
    }


EXACT = (getoor, height_and_width, levy_double_well, levy_plane)
PARAMETERS = [
    pytest.param(height_and_width, 1e-4, marks=pytest.mark.slow),
    pytest.param(getoor, 1e-8),
    pytest.param(levy_double_well, 1e-5, marks=pytest.mark.slow),
    pytest.param(levy_plane, 1e-4, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("exact", "rtol"), PARAMETERS, ids=lambda f: getattr(f, "__name__", ""))
def test_expected_numbers_are_exact(exact: Callable[[], Values], rtol: float) -> None:
    values = exact()
    case = load_case(CASES / f"{exact.__name__}.toml")
    numbers = [(e.quantity, e.value) for e in case.expect if e.value is not None]
    assert numbers
    for quantity, value in numbers:
        assert value == pytest.approx(values[quantity], rel=rtol), quantity


def test_predicted_exits_are_those_of_jacobi_polynomials() -> None:
    from fokkerplanck.case.build_levy import levy

    case = load_case(CASES / "getoor.toml")
    subject, values = (levy(case), None), getoor()
    for expected in case.expect:
        if expected.prediction is not None:
            found = HEAVY_TAILED[expected.prediction](subject, case, expected.quantity)
            assert found.valid
            assert found.value == pytest.approx(values[expected.quantity], rel=2e-5)


def test_predicted_density_is_that_of_its_poles() -> None:
    """Pinned values of the roots of ``m^3 + m = 1/4``."""
    from fokkerplanck.case.build_levy import levy

    case = load_case(CASES / "levy_double_well.toml")
    subject = (levy(case), None)
    pinned = {
        "stationary.density_at.0": 0.0713554861520454,
        "stationary.density_at.1": 1.34459503088721,
        "stationary.covariance.0.0": 1.05604246777215,
    }
    for quantity, value in pinned.items():
        found = HEAVY_TAILED["cauchy-quartic"](subject, case, quantity)
        assert found.value == pytest.approx(value, rel=1e-12)
    p, q = 0.118366451932282, 1.02079961345462
    x = np.linspace(-400.0, 400.0, 2_000_001)
    density = 2 * p * (p**2 + q**2) / (np.pi * ((x - q) ** 2 + p**2) * ((x + q) ** 2 + p**2))
    wave = float((density * np.cos(x)).sum() * (x[1] - x[0]))
    found = HEAVY_TAILED["cauchy-quartic"](subject, case, "stationary.characteristic.real.0")
    assert found.value == pytest.approx(wave, abs=1e-8)
    half = HEAVY_TAILED["cauchy-quartic"](subject, case, "stationary.quartiles.2").value
    inside = float(density[np.abs(x) < half].sum() * (x[1] - x[0]))
    assert inside == pytest.approx(0.5, abs=1e-3)


@pytest.mark.slow
def test_density_at_the_top_by_characteristic_functions() -> None:
    assert waves()[2] == pytest.approx(0.0713554861520454, rel=1e-4)
