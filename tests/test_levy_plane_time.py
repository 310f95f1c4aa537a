"""Long jumps in the plane in time: evolution, spectra, currents, and the solver beneath."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.special import j1

import fokkerplanck as fp
from fokkerplanck.errors import CaseError
from fokkerplanck.levy_density import LevyStep
from fokkerplanck.levy_plane_density import steady_masses
from fokkerplanck.levy_plane_killed import plane_system
from fokkerplanck.sets import Ball
from fokkerplanck.solvers.levy_plane_sweeps import Sweeps

FLAT = fp.landscapes.from_expression("0 * x", dim=2)
BOWL = fp.landscapes.from_expression("x**2 / 2 + y**2 / 2", dim=2)
WELLS = fp.landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 / 2", dim=2)
#: Kulczycki, Kwasnicki, Malecki and Stos (2010): alpha = 1 killed outside of (-1, 1).
INTERVAL = np.array([1.1577738836977, 2.7547547422])


def square(half, cells, loss, alpha, scale, temperature=0.0, walls="reflecting", **more):
    grid = fp.Grid.plane((-half, half, cells), (-half, half, cells), walls=walls)
    return fp.PlaneLevy(grid, loss, alpha, scale, temperature, **more)


def line_of(axis, text, alpha, scale, temperature, walls):
    """Columns of the generator on a line of the same cells, walls half a cell beyond the last."""
    grid = fp.Grid.plane((axis.min, axis.max, axis.cells), (0, 1, 16), walls=(walls, "reflecting"))
    loss = fp.landscapes.from_expression(text, dim=2)
    p = fp.PlaneLevy(grid, loss, alpha, (scale, 1e-9), temperature, components="independent")
    q = p.generator().dense().reshape(axis.cells, 16, axis.cells, 16)
    # sums over all ends along y of what starts in one row
    return q[:, 7].sum(axis=2).T


# -- solver -------------------------------------------------------------------------------------


def test_one_sweep_follows_the_drift():
    """Drift taken from upwind, whatever its strength, is inverted by the sweep along it."""
    n = 9
    down = sp.diags_array([1.0 + 5.0 * np.arange(n), -3.0 * np.ones(n - 1)], offsets=[0, -1])
    far = sp.diags_array([0.7 * np.ones(n - 2)], offsets=[-2], shape=(n, n))
    one = sp.csr_array(down + far)
    eye = sp.identity(n)
    for x in (one, one.T):
        for y in (one, one.T):
            matrix = sp.csr_array(sp.kron(x, eye) + sp.kron(eye, y))
            u = np.random.default_rng(4).normal(size=n * n)
            assert Sweeps(matrix, (n, n)).solve(matrix @ u) == pytest.approx(u, abs=1e-10)


@pytest.mark.slow
def test_unequal_amplitudes_are_solved_too():
    """Sweeps do badly where jumps along one axis are much stronger: elimination steps in."""
    p = square(1, 128, FLAT, 1.8, (1.0, 0.01), walls="absorbing", components="independent")
    system = plane_system(p, p.generator())
    assert isinstance(system._smoothers[0], Sweeps)
    u, _ = system.solve(np.ones((128, 128)))
    assert not isinstance(system._smoothers[0], Sweeps)
    assert p.generator().apply(u) == pytest.approx(-np.ones((128, 128)), abs=1e-5)


# -- evolution ----------------------------------------------------------------------------------


@pytest.mark.parametrize("walls", ["reflecting", "absorbing"])
def test_evolution_of_two_lines(walls):
    """Independent components in a separable loss: products of exponentials of lines."""
    grid = fp.Grid.plane((-3, 3, 40), (-2, 3, 36), walls=walls)
    p = fp.PlaneLevy(grid, WELLS, 1.3, (0.4, 0.7), 0.05, components="independent")
    texts = ("(x**2 - 1)**2 / 4", "x**2 / 2")
    lines = [
        line_of(axis, text, 1.3, s, 0.05, walls)
        for axis, text, s in zip(grid.axes, texts, (0.4, 0.7), strict=True)
    ]
    first, *found = fp.levy_evolve_steps(p, [-0.9, 0.4], [0.0, 0.05, 2.0], tolerance=1e-6)
    for step in found:
        x, y = (expm(step.time * q) for q in lines)
        exact = x @ first.mass @ y.T
        assert np.abs(step.mass - exact).sum() < step.error + 2.5 * step.clipped + 1e-11
        assert step.error < 1e-6
        assert step.solves > 0


def test_an_interrupted_run_goes_on_bit_for_bit():
    p = square(4, 20, WELLS, 1.4, 0.4)
    times = [0.01, 0.3, 5.0, 1e4]
    whole = list(fp.levy_evolve_steps(p, [1.0, 0.5], times))
    saved = whole[1]
    after = LevyStep(saved.time, saved.mass.copy(), saved.error, saved.clipped)
    rest = list(fp.levy_evolve_steps(p, [0.0, 0.0], times[2:], after=after))
    for a, b in zip(whole[2:], rest, strict=True):
        assert np.array_equal(a.mass, b.mass)
        assert (a.time, a.error, a.clipped, a.method) == (b.time, b.error, b.clipped, b.method)
    assert whole[-1].mass == pytest.approx(steady_masses(p)[0], abs=1e-10)
    with pytest.raises(CaseError, match=r"go on after 0\.3"):
        fp.levy_evolve_steps(p, [0.0, 0.0], [0.1], after=after)
    with pytest.raises(CaseError, match="mass"):
        fp.levy_evolve_steps(p, np.ones((20, 20)), [0.1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["isotropic", "independent"])
def test_ornstein_uhlenbeck_in_time(kind):
    """Characteristic functions in time and of the stationary state, to second order."""
    start, times = np.array([1.5, -0.5]), [0.05, 0.5, 3.0, 100.0]
    ways = [np.array([0.5, 0.0]), np.array([0.4, 0.4]), np.array([0.3, -0.8])]
    worst = []
    for n in (64, 128):
        p = square(16, n, BOWL, 1.5, 0.7, components=kind)
        centres = p.grid.points()
        path = fp.levy_evolve(p, start, times)
        assert path.mass == pytest.approx(np.ones(4), abs=1e-12)
        gaps = []
        for k in ways:
            size = 0.7**1.5 * np.linalg.norm(k) ** 1.5
            if kind == "independent":
                size = 0.7**1.5 * np.sum(np.abs(k) ** 1.5)
            for time, density in zip(times, path.density, strict=True):
                law = np.exp(1j * (k @ start) * np.exp(-time))
                law *= np.exp(-size * -np.expm1(-1.5 * time) / 1.5)
                found = (density * np.exp(1j * centres @ k)).sum() * p.grid.volume
                gaps.append(abs(found - law))
        worst.append(max(gaps))
    assert worst[1] < 6e-3
    assert worst[1] < 0.5 * worst[0]


@pytest.mark.slow
def test_five_decades_on_many_cells():
    """From a start a few cells wide to the stationary state, on 256 x 256 cells."""
    p = square(6, 256, WELLS, 1.5, 0.3)
    away = (p.grid.points() - [-1.0, 0.3]) / (3 * p.grid.spacing[0])
    start = np.exp(-0.5 * (away**2).sum(axis=-1))
    start /= start.sum() * p.grid.volume
    path = fp.levy_evolve(p, start, np.geomspace(1e-2, 1e3, 6), tolerance=1e-5)
    assert path.integration_error[-1] < 1e-5
    assert path.mass == pytest.approx(np.ones(6), abs=1e-12)
    assert np.abs(path.density[-1] * p.grid.volume - steady_masses(p)[0]).sum() < 1e-5
    # fronts on the way back from the walls undershoot, in the stationary state as well
    steady = steady_masses(p)[0]
    assert path.clipped[-1] - path.clipped[-2] == pytest.approx(-steady[steady < 0].sum(), rel=0.1)
    x = p.grid.points()[..., 0]
    left = (path.density * (x < 0)).sum(axis=(1, 2)) * p.grid.volume
    assert (np.diff(left) < 0).all()
    assert left[-1] == pytest.approx(0.5, abs=1e-5)


# -- spectra ------------------------------------------------------------------------------------


def test_rates_of_a_killed_square_are_sums():
    p = square(1, 32, FLAT, 1.0, 1.0, walls="absorbing", components="independent")
    found = fp.levy_spectrum(p, 3)
    exact = [2 * INTERVAL[0], INTERVAL.sum(), INTERVAL.sum()]
    gaps = np.abs(found.rates / exact - 1)
    assert gaps.max() < 1e-3
    assert (gaps[:1] < found.errors[:1]).all()
    assert found.numbers == (0, 1, 2)
    # left and right vectors of the two equal rates belong together
    gram = found.left.reshape(3, -1) @ found.right.reshape(3, -1).T
    size = np.sqrt(np.abs(np.outer(np.diag(gram), np.diag(gram))))
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-6 * size.max()
    with pytest.raises(CaseError, match="1 to 4"):
        fp.levy_spectrum(p, 5)


def test_iterated_modes_are_those_of_the_matrix():
    p = square(3, 28, WELLS, 1.2, 0.5, 0.05)
    found = fp.levy_spectrum(p, 2)
    assert found.methods[0] == "arnoldi"
    exact = np.sort(-np.linalg.eigvals(p.generator().dense()).real)
    assert found.rates == pytest.approx(exact[1:3], rel=1e-9)
    for rate, u, q in zip(found.rates, found.right, found.left, strict=True):
        assert p.generator().apply(u) == pytest.approx(-rate * u, abs=1e-7)
        assert p.generator().apply_transposed(q) == pytest.approx(-rate * q, abs=1e-7)


@pytest.mark.slow
def test_modes_of_ornstein_and_uhlenbeck():
    """Rates theta k, k + 1 of each, whatever alpha."""
    found = fp.levy_spectrum(square(10, 96, BOWL, 1.5, 0.6), 5)
    exact = np.array([1, 1, 2, 2, 2])
    assert found.rates == pytest.approx(exact, rel=0.04)
    assert (np.abs(found.rates / exact - 1) < found.errors).all()


# -- currents -----------------------------------------------------------------------------------


def cloud(p, width, at=(0.0, 0.0)):
    r2 = ((p.grid.points() - np.array(at)) ** 2).sum(axis=-1)
    return np.exp(-0.5 * r2 / width**2) / (2 * np.pi * width**2)


@pytest.mark.parametrize("kind", ["isotropic", "independent"])
@pytest.mark.parametrize("outside", ["stopped", "suppressed"])
def test_currents_carry_what_changes(kind, outside):
    p = square(3, 24, WELLS, 1.3, 0.5, 0.1, components=kind, outside=outside)
    density = cloud(p, 0.6, (0.3, -0.5))
    found = fp.levy_current(p, density)
    x, y = found.faces
    h = p.grid.spacing[0]
    lost = np.diff(x, axis=0) / h + np.diff(y, axis=1) / h
    assert lost == pytest.approx(-p.generator().apply_transposed(density), abs=1e-12)
    assert found.total == pytest.approx(found.drift + found.gaussian + found.jumps)
    slope = -p.landscape.gradient(p.grid.points()) * density[..., None]
    assert np.abs(found.drift - slope)[2:-2, 2:-2].max() < 0.1 * np.abs(slope).max()


@pytest.mark.parametrize("kind", ["isotropic", "independent"])
def test_currents_of_jumps_are_riesz_potentials(kind):
    """Closed forms of a Gaussian cloud in the whole plane, by one integral."""
    alpha, scale, width = 1.3, 0.7, 0.8
    p = square(8, 80, FLAT, alpha, scale, components=kind)
    found = fp.levy_current(p, cloud(p, width)).jumps
    i, j = 46, 43
    x, y = p.grid.points()[i, j]
    size = scale**alpha
    if kind == "isotropic":
        r = np.hypot(x, y)
        j_r, _ = quad(lambda k: k**alpha * np.exp(-0.5 * (width * k) ** 2) * j1(k * r), 0, 30)
        exact = size * j_r / (2 * np.pi) * np.array([x, y]) / r
    else:
        exact = []
        for at, other in ((x, y), (y, x)):
            along, _ = quad(
                lambda k, a=at: k ** (alpha - 1) * np.exp(-0.5 * (width * k) ** 2) * np.sin(k * a),
                0,
                30,
            )
            across = np.exp(-0.5 * (other / width) ** 2) / np.sqrt(2 * np.pi * width**2)
            exact.append(size * along / np.pi * across)
    assert found[i, j] == pytest.approx(exact, rel=0.02)


def test_currents_at_two_are_gaussian():
    jumps, gauss = square(2, 20, FLAT, 2.0, 0.5), square(2, 20, FLAT, 2.0, 1e-6, 0.25)
    density = cloud(jumps, 0.5)
    one, two = fp.levy_current(jumps, density), fp.levy_current(gauss, density)
    assert one.total == pytest.approx(two.total, abs=1e-10)


def test_no_current_flows_in_a_radial_stationary_density():
    p = square(10, 40, BOWL, 1.5, 0.8)
    found = fp.levy_current(p, fp.levy_stationary(p).density)
    inner = np.hypot(*np.moveaxis(p.grid.points(), -1, 0)) < 5
    size = np.abs(found.drift).max()
    assert np.abs(found.total[inner]).max() < 0.02 * size
    with pytest.raises(CaseError, match="finite density"):
        fp.levy_current(p, np.ones(3))


# -- passages -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_passages_on_ever_more_cells():
    means = [
        fp.levy_first_passage(square(6, n, WELLS, 1.5, 0.3), [-1.0, 0.0], Ball([1.0, 0.0], 0.5))
        for n in (128, 256, 512)
    ]
    changes = np.diff([m.mean for m in means])
    assert 3 < changes[0] / changes[1] < 6  # second order
    limit = means[2].mean + changes[1] / 3
    assert [abs(m.mean / limit - 1) < m.error for m in means] == [True] * 3
    assert means[2].error < 2e-3
