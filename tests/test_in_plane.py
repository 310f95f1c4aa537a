"""In-plane SGD: its file, its Gaussian twin, its passages beside those of Fokker-Planck."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck import sets
from fokkerplanck.ensemble import stream
from fokkerplanck.errors import CaseError, DataError, NumericalError
from fokkerplanck.in_plane import InPlane
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.solvers.normals import normals
from fokkerplanck.steady_state import stationary
from tests.tables import double_well, plane_well, quadratics, write

BEYOND = sets.HalfPlane([1.0], 1.0)


@pytest.fixture(scope="module")
def well(tmp_path_factory):
    return InPlane.load(double_well(tmp_path_factory.mktemp("well") / "line.h5"))


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    return InPlane.load(plane_well(tmp_path_factory.mktemp("plane") / "plane.h5"))


def twin_path(plane, starts, eta, batch, seed, steps):
    """Descent with Gaussian noise as a plain loop, moments straight from the table."""
    x = starts.copy()
    z = normals(stream(seed, 1), len(x), steps * plane.dim + steps % 2)
    for k in range(steps):
        mean, covariance = plane.table.moments(x)
        root = np.linalg.cholesky(covariance / batch)
        here = z[:, plane.dim * k : plane.dim * (k + 1)]
        x = x - eta * mean + eta * np.einsum("nij,nj->ni", root, here)
    return x


def test_the_twin_has_the_moments_of_the_table(well, plane):
    for it, start in ((well, [-1.0]), (plane, [-1.0, 0.2])):
        found = it.histogram(start, 0.1, 8, [6], walkers=40, seed=3, noise="gaussian")
        expected = twin_path(it, np.tile(start, (40, 1)), 0.1, 8, 3, 6)
        np.testing.assert_allclose(found.positions[0], expected, atol=1e-5)


def test_the_twin_is_the_descent_of_the_problem(tmp_path, well):
    """As `sample_passage` of the problem with dynamics sgd, whose C is interpolated otherwise."""
    from fokkerplanck.sampled_passage import sample_passage

    twin = well.escape(-1.0, BEYOND, 0.1, 1, walkers=3000, seed=1, noise="gaussian")
    other = sample_passage(well.problem(0.1, 1), -1.0, BEYOND, walkers=3000, dynamics="sgd")
    assert abs(twin.mean - other.mean) < 4 * np.hypot(twin.standard_error, other.standard_error)
    few = InPlane.load(double_well(tmp_path / "few.h5", samples=6))
    part = few.escape(-1.0, BEYOND, 0.4, 4, 500, 1, "gaussian", "batches")
    same = few.escape(-1.0, BEYOND, 0.4, 10, 500, 2, "gaussian")  # (N - B) / (N - 1) = 4 / 10
    assert "no sample twice in a batch" in part.note
    assert abs(part.mean - same.mean) < 4 * np.hypot(part.standard_error, same.standard_error)


def test_small_steps_are_the_fokker_planck_equation(tmp_path, well):
    exact = mean_first_passage(well.problem(0.0125, 0.25), -1.0, BEYOND)
    twin = well.escape(-1.0, BEYOND, 0.0125, 0.25, walkers=2000, noise="gaussian")
    # walkers are seen after whole steps only, which makes them late by some of sqrt(eta)
    assert abs(twin.mean / exact.mean - 1) < 4 * twin.standard_error / twin.mean + 0.02
    strong = InPlane.load(double_well(tmp_path / "strong.h5", noise=8.0))
    exact = mean_first_passage(strong.problem(0.0125, 1), -1.0, BEYOND)
    real = strong.escape(-1.0, BEYOND, 0.0125, 1, walkers=3000)
    assert abs(real.mean / exact.mean - 1) < 4 * real.standard_error / real.mean + 0.03
    assert real.noise == "minibatch"
    assert real.touches is not None
    assert real.mean_steps == pytest.approx(real.mean / 0.0125)


def test_passages_in_the_plane(plane):
    target = sets.Ball([1.0, 0.0], 0.4)
    exact = mean_first_passage(plane.problem(0.2, 1), [-1.0, 0.0], target)
    real = plane.escape([-1.0, 0.0], target, 0.2, 1, walkers=600)
    twin = plane.escape([-1.0, 0.0], target, 0.2, 1, walkers=600, noise="gaussian")
    for found in (real, twin):
        assert abs(found.mean / exact.mean - 1) < 4 * found.standard_error / found.mean + 0.2
    again = plane.escape([-1.0, 0.0], target, 0.2, 1, walkers=600)
    np.testing.assert_array_equal(real.times, again.times)


def test_histograms_are_the_stationary_density(well):
    grid = well.grid(32)
    found = well.histogram(sets.Box([(-2.0, 2.0)]), 0.1, 1, range(200, 1200, 50), walkers=2000)
    density, error = found.density(grid)
    exact = stationary(well.problem(0.1, 1, cells=32)).density
    assert density.sum() * grid.volume == pytest.approx(1.0)
    assert np.abs(density - exact).sum() * grid.volume < 0.12
    assert (error[density > 0] > 0).all()
    share, deviation = found.occupation([sets.HalfPlane([-1.0], 0.0), BEYOND], grid)
    left = (exact[:16]).sum() * grid.volume
    assert abs(share[0] - left) < 4 * deviation[0] + 0.05
    mean, covariance = found.moments()
    assert mean.shape == (1,)
    assert covariance.shape == (1, 1)


def test_interpolation_is_told(tmp_path, well, plane):
    for it in (well, plane):
        told = it.interpolation
        assert max(told.sample, told.mean, told.covariance) < 1e-3
        assert told.drift < 0.02
    small = InPlane.load(quadratics(tmp_path / "a.h5", points=6)[0])
    assert np.isnan(small.interpolation.sample)
    assert small.interpolation.drift < 1e-6


def test_what_is_refused(tmp_path, well):
    for change, message in [
        ({"table/gradient": None}, "no dataset table/gradient"),
        ({"table/gradient": np.zeros((5, 8, 1))}, "the table has shape"),
        ({"table/gradient": np.full((5, 9, 1), np.nan)}, "not finite at"),
        ({"table/gradient": np.ones((5, 9, 1))}, "the gradient of the file and that of its table"),
        ({"table/gradient": np.array([b"a"])}, "bad.h5: "),
    ]:
        x = np.linspace(-1, 1, 9)
        g = np.stack([x + k for k in range(5)])[..., None]
        with pytest.raises(DataError, match=message):
            InPlane.load(write(tmp_path / "bad.h5", (x,), x**2, g, **change))
        (tmp_path / "bad.h5").unlink()
    with pytest.raises(CaseError, match="noise is one of"):
        well.escape(-1.0, BEYOND, 0.1, 1, noise="white")
    with pytest.raises(CaseError, match="knows no epochs"):
        well.escape(-1.0, BEYOND, 0.1, 1, noise="gaussian", draw="epochs")
    with pytest.raises(CaseError, match="whole number"):
        well.escape(-1.0, BEYOND, 0.1, 0.5)
    with pytest.raises(CaseError, match="no wall of the grid is absorbing"):
        well.escape(-1.0, "walls", 0.1, 1)
    with pytest.raises(CaseError, match="lies in the target"):
        well.escape(1.5, BEYOND, 0.1, 1)
    with pytest.raises(NumericalError, match="give most_steps"):
        well.escape(-1.0, BEYOND, 0.005, 1)
    with pytest.raises(NumericalError, match="none of 10 walkers"):
        well.escape(-1.0, BEYOND, 0.01, 1, walkers=10, most_steps=5)
    few = well.escape(-1.0, BEYOND, 0.2, 1, walkers=400, most_steps=60)
    assert few.censored
    assert "exponential law" in few.note
