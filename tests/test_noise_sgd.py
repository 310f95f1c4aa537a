"""Noise of SGD: from covariances, from the loss itself, and under weight decay."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fokkerplanck import Grid, Problem, evolve, initial, landscapes, noise, stationary
from fokkerplanck.errors import CaseError
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.sgd_settings import SGD

LINE = Grid.line(-2.0, 2.0, 64)
PLANE = Grid.plane((-1.0, 1.0, 12), (-1.0, 1.0, 14))
QUARTIC = landscapes.quartic()


def turning(points: np.ndarray, small: float = 0.05) -> np.ndarray:
    """Smooth covariance whose axes turn: the smaller eigenvalue is about `small`."""
    x, y = points[..., 0], points[..., 1]
    c, s = np.cos(1.5 * x + y), np.sin(1.5 * x + y)
    a, b = 1 + 0.5 * np.sin(2 * x + y), small * (1 + 0.5 * np.cos(x - y))
    xx, xy, yy = a * c * c + b * s * s, (a - b) * c * s, a * s * s + b * c * c
    return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)


def surface(tmp_path, count: int = 33, covariance=turning):
    x = np.linspace(-1.0, 1.0, count)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    with h5py.File(tmp_path / "surface.h5", "w") as file:
        file.update({"x": x, "y": x, "loss": 0.1 + (points**2).sum(axis=-1)})
        if covariance is not None:
            file["covariance"] = covariance(points)
    return landscapes.load_sampled(tmp_path / "surface.h5")


# weight decay


@pytest.mark.parametrize(
    "model",
    [
        noise.hessian(0.1, 8),
        noise.hessian(0.1, 8, model="absolute", floor=0.3),
        noise.loss(0.1, offset=0.1),
        noise.loss(learning_rate=0.1, batch_size=8, offset=0.1),
    ],
)
def test_weight_decay_moves_the_drift_and_not_the_noise(model):
    x = LINE.half_points()
    problem = Problem(LINE, QUARTIC, model, sgd=SGD(0.1, 8, weight_decay=0.2))
    assert problem.landscape.bare is QUARTIC
    np.testing.assert_allclose(
        problem.fields().potential, QUARTIC.loss(x) + 0.1 * x[..., 0] ** 2, rtol=1e-15
    )
    np.testing.assert_allclose(
        problem.landscape.gradient(x), QUARTIC.gradient(x) + 0.2 * x, rtol=1e-14, atol=1e-15
    )
    np.testing.assert_allclose(problem.landscape.hessian(x), QUARTIC.hessian(x) + 0.2, rtol=1e-14)
    np.testing.assert_array_equal(problem.diffusion(), model.diffusion(QUARTIC, LINE))
    again = Problem(problem.grid, problem.landscape, model, sgd=problem.sgd)
    assert again.landscape is problem.landscape
    with pytest.raises(CaseError, match=r"is 0.1, but the landscape has a decay of 0.2"):
        Problem(problem.grid, problem.landscape, model, sgd=SGD(0.1, 8, weight_decay=0.1))


def test_weight_decay_under_a_turn():
    turned = landscapes.rotated(landscapes.decayed(landscapes.quartic(2), 0.3), 30.0)
    bare = landscapes.rotated(landscapes.quartic(2), 30.0)
    points = PLANE.points()
    np.testing.assert_allclose(turned.bare.hessian(points), bare.hessian(points), rtol=1e-14)
    assert landscapes.decayed(bare, 0.0) is bare
    with pytest.raises(CaseError, match=">= 0"):
        landscapes.decayed(bare, -1.0)


def test_stationary_variance_of_a_parabola_with_weight_decay_and_momentum():
    """theory.md E4: eta h / (2 B (1 - beta) (h + lambda))."""
    sgd = SGD(0.1, 2, momentum=0.5, weight_decay=0.5)
    parabola = landscapes.from_expression("x**2")  # h = 2
    problem = Problem(Grid.line(-2.5, 2.5, 200), parabola, noise.covariance(2.0, sgd=sgd), sgd=sgd)
    density = stationary(problem).density
    x = problem.grid.points()[:, 0]
    assert problem.grid.integrate(density * x**2) == pytest.approx(0.05 * 2 / 2.5, rel=1e-4)


# the same ratio of learning rate and batch size


def test_equal_ratios_have_equal_densities():
    start, times = initial.gaussian(LINE, [-1.0], [0.2]), [0.5, 20.0]
    found = [
        evolve(Problem(LINE, QUARTIC, noise.hessian(sgd=sgd), sgd=sgd), start, times).density
        for sgd in (SGD(0.1, 1), SGD(0.3, 3), SGD(0.7, 7))
    ]
    assert np.abs(found[1] - found[0]).max() <= 1e-12
    assert np.abs(found[2] - found[0]).max() <= 1e-12


def test_a_schedule_that_keeps_the_ratio_changes_no_bit():
    start, times = initial.gaussian(LINE, [-1.0], [0.2]), [0.5, 20.0]
    plain = SGD(0.1, 8)
    kept = SGD(0.1, 8, learning_rate_of_t="0.1/(1 + t)", batch_size_of_t="8/(1 + t)")
    problems = [Problem(LINE, QUARTIC, noise.hessian(sgd=s), sgd=s) for s in (plain, kept)]
    first, second = (evolve(p, start, times).density for p in problems)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(*(stationary(p).density for p in problems))
    # the steps are another matter
    assert kept.steps(20.0) == pytest.approx((20 + 200) / 0.1)


# noise that goes with the loss


@pytest.mark.parametrize(
    ("c", "means"),
    [
        (1 / 16, (30259564162029.0, 12746101835635.0, 5374417965177.0)),
        (1 / 8, (17770019.545902, 7724583.446649, 3372072.6381983)),
        (1 / 4, (13383.397459291, 6207.1556467307, 2934.5190623071)),
    ],
)
def test_passage_times_under_noise_of_the_loss(c, means):
    """theory.md C11."""
    well = landscapes.from_expression("(x**2 - 1)**2 / 4")
    sgd = SGD(2 * c, 2)
    for reading, mean in zip(("ito", "stratonovich", "hanggi-klimontovich"), means, strict=True):
        problem = Problem(
            Grid.line(-6.0, 2.4, 256),
            well,
            noise.loss(sgd=sgd, hessian=1.0, offset=0.05, reading=reading),
            sgd=sgd,
        )
        found = mean_first_passage(problem, [-1.0], [1.0])
        assert found.mean == pytest.approx(mean, rel=1e-12)


def test_matrix_of_the_noise_of_the_loss():
    bowl = landscapes.from_expression("1 + x**2 + 2*y**2 + x*y/2", 2)
    loss = bowl.loss(PLANE.points())[..., None, None]
    h = np.array([[2.0, 0.5], [0.5, 4.0]])
    d = noise.loss(learning_rate=0.1, batch_size=4).diffusion(bowl, PLANE)
    np.testing.assert_allclose(d, 0.025 * loss * h, rtol=1e-10)
    np.testing.assert_allclose(noise.loss(0.2).diffusion(bowl, PLANE), 0.2 * loss * np.eye(2))
    d = noise.loss(0.2, hessian=3.0).diffusion(bowl, PLANE)
    np.testing.assert_allclose(d, 0.6 * loss * np.eye(2))
    with pytest.raises(CaseError, match="2 x 2 entries"):
        noise.loss(0.2, hessian=np.eye(3)).diffusion(bowl, PLANE)
    with pytest.raises(CaseError, match="not positive definite"):
        noise.loss(0.2, hessian=[[1.0, 2.0], [2.0, 1.0]]).diffusion(bowl, PLANE)


@pytest.mark.parametrize("offset", [0.0, -0.01])
def test_noise_of_a_loss_that_vanishes_is_refused(offset):
    with pytest.raises(CaseError, match=r"at x = -?1.*noise.offset .*above 0 ") as error:
        noise.loss(0.1, offset=offset).diffusion(QUARTIC, LINE)
    assert error.value.key == "noise.offset"


# covariances


def test_covariance_noise_is_tensor_noise_times_eb():
    rows = [["1 + x**2", "0.1*x*y"], ["0.1*x*y", "2 - y**2"]]
    bowl = landscapes.from_expression("x**2 + y**2", 2)
    sgd = SGD(0.1, 8, 100, replacement=False, momentum=0.5)
    d = noise.covariance(rows, sgd=sgd).diffusion(bowl, PLANE)
    np.testing.assert_array_equal(d, sgd.eb * noise.tensor(rows).diffusion(bowl, PLANE))
    floored = noise.covariance(rows, sgd=sgd, floor=0.5).diffusion(bowl, PLANE)
    np.testing.assert_allclose(floored, d + 0.5 * sgd.eb * np.eye(2), rtol=1e-13)
    with pytest.raises(CaseError, match=r"noise.covariance: the diffusion tensor is not symmetric"):
        noise.covariance([[1.0, 0.1], [0.2, 1.0]], 0.1, 8).diffusion(bowl, PLANE)


def test_isotropic_covariance_has_the_trace_and_no_shape():
    bowl = landscapes.from_expression("x**2 + 2*y**2", dim=2)
    rows = [["2 + x**2", "x/4"], ["x/4", "1 + y**2"]]
    whole = noise.covariance(rows, 0.1, 8).diffusion(bowl, PLANE)
    even = noise.covariance(rows, 0.1, 8, isotropic=True)
    d = even.diffusion(bowl, PLANE)
    np.testing.assert_allclose(np.trace(d, axis1=-2, axis2=-1), np.trace(whole, axis1=-2, axis2=-1))
    np.testing.assert_array_equal(d[..., 0, 0], d[..., 1, 1])
    assert not d[..., 0, 1].any()
    assert "isotropic one of the same trace" in even.assumption
    with pytest.raises(CaseError, match="not positive definite"):  # which the trace alone is
        noise.covariance([[1, 2], [2, 1]], 0.1, 8, isotropic=True).diffusion(bowl, PLANE)


def test_sampled_covariances_are_interpolated_to_fourth_order(tmp_path):
    points = np.random.default_rng(1).uniform(-0.9, 0.9, (500, 2))
    errors = []
    for count in (17, 33, 65):
        found = surface(tmp_path, count).covariance(points)
        assert np.linalg.eigvalsh(found).min() > 0
        errors.append(np.abs(found - turning(points)).max())
    assert errors[0] < 2e-3
    assert min(np.log2(errors[0] / errors[1]), np.log2(errors[1] / errors[2])) > 3.3


def test_nearly_singular_covariances_stay_positive(tmp_path):
    """Ratio 1e5 on a coarse lattice, where splines of the entries turn negative."""
    sampled = surface(tmp_path, 9, lambda p: turning(p, 1e-5))
    points = np.random.default_rng(2).uniform(-1, 1, (2000, 2))
    assert np.linalg.eigvalsh(sampled.covariance(points)).min() > 0


def test_sampled_covariance_of_a_turned_and_moved_surface(tmp_path):
    sampled = surface(tmp_path)
    moved = landscapes.translated(landscapes.rotated(sampled, 30.0), [0.1, -0.2])
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    turn = np.array([[c, -s], [s, c]])
    points = np.random.default_rng(3).uniform(-0.6, 0.6, (50, 2))
    there = points @ turn.T + [0.1, -0.2]
    np.testing.assert_allclose(
        moved.covariance(there), turn @ sampled.covariance(points) @ turn.T, rtol=1e-12
    )
    model = noise.covariance(learning_rate=0.1, batch_size=8)
    d = model.diffusion(landscapes.decayed(sampled, 0.1), PLANE)
    np.testing.assert_allclose(d, 0.1 / 16 * sampled.covariance(PLANE.points()), rtol=1e-14)
    assert "measured" in model.assumption


def test_what_is_wrong_with_a_sampled_covariance_is_said(tmp_path):
    model = noise.covariance(learning_rate=0.1, batch_size=8)
    with pytest.raises(CaseError, match="no dataset covariance"):
        model.diffusion(surface(tmp_path, covariance=None), PLANE)
    with pytest.raises(CaseError, match="of kind quartic holds no covariance"):
        model.diffusion(landscapes.quartic(2), PLANE)
    singular = surface(tmp_path, 5, lambda p: turning(p, 0.0))
    with pytest.raises(CaseError, match=r"not positive definite at index .*noise.floor"):
        model.diffusion(singular, PLANE)
    floored = noise.covariance(learning_rate=0.1, batch_size=8, floor=0.1)
    assert np.linalg.eigvalsh(floored.diffusion(singular, PLANE)).min() > 0.05 * 0.1 / 16
    skew = surface(tmp_path, 5, lambda p: turning(p) + np.array([[0, 0.1], [0, 0]]))
    with pytest.raises(CaseError, match=r"not symmetric at index \(0, 0\) \(x = -1, y = -1\)"):
        model.diffusion(skew, PLANE)
