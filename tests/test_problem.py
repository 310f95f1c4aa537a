"""Problems: arrays on the grid, forces, schedules, periodic walls."""

import numpy as np
import pytest

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.schedule import Schedule
from fokkerplanck.solvers.assemble import assemble

PLANE = Grid.plane((-2, 2, 12), (-1, 1, 10))
VALLEY = landscapes.from_expression("(x**2 - 1)**2 / 4 + (y - x)**2 / 2", 2)


def test_fields_hold_the_landscape_on_the_half_lattice():
    fields = Problem(PLANE, VALLEY, noise.white(0.1)).fields()
    assert fields.potential.shape == (25, 21)
    assert fields.gradient.shape == (25, 21, 2)
    x, y = np.moveaxis(PLANE.half_points(), -1, 0)
    np.testing.assert_allclose(fields.potential, (x**2 - 1) ** 2 / 4 + (y - x) ** 2 / 2, atol=1e-14)
    np.testing.assert_allclose(fields.gradient[..., 1], y - x, atol=1e-14)
    np.testing.assert_allclose(fields.drift(), -fields.gradient)
    assert fields.walls == PLANE.walls
    assert fields.kappa == 1.0


def test_cell_arrays_are_those_at_the_centres():
    problem = Problem(PLANE, VALLEY, noise.tensor([[0.1, 0.02], [0.02, 0.05]]))
    np.testing.assert_allclose(problem.potential(), VALLEY.loss(PLANE.points()), atol=1e-14)
    assert problem.diffusion().shape == (12, 10, 2, 2)


def test_fields_are_evaluated_once_and_cannot_be_changed():
    problem = Problem(PLANE, VALLEY, noise.white(0.1), forces.expressions(["-y", "x"]))
    fields = problem.fields()
    assert problem.fields(3.0) is fields
    for array in (fields.potential, fields.gradient, fields.force, fields.diffusion):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_schedule_scales_the_diffusion_only():
    schedule = Schedule.steps([1.0, 2.0], [0.5, 0.25])
    problem = Problem(PLANE, VALLEY, noise.white(0.1, schedule=schedule))
    early, late = problem.fields(0.0), problem.fields(2.0)
    np.testing.assert_array_equal(late.diffusion, 0.25 * early.diffusion)
    assert late.potential is early.potential
    np.testing.assert_array_equal(problem.diffusion(1.5), 0.5 * early.diffusion)


def test_generator_follows_the_schedule():
    grid = Grid.line(-1, 1, 20)
    flat = landscapes.from_expression("0 * x", 1)
    schedule = Schedule.expression("1 / (1 + t)")
    problem = Problem(grid, flat, noise.white(0.3, schedule=schedule))
    rate = 0.3 / grid.volume**2
    np.testing.assert_allclose(problem.generator().forward, rate, rtol=1e-13)
    np.testing.assert_allclose(problem.generator(time=4.0).forward, rate / 5, rtol=1e-13)
    assert problem.generator("midpoint").weight == "midpoint"


def test_force_from_expressions_numbers_and_a_function():
    rotation = forces.expressions(["-w * y", "w * x"], {"w": 2.0})
    points = PLANE.half_points()
    by_function = forces.function(lambda p: np.stack([-2 * p[..., 1], 2 * p[..., 0]], -1))
    expected = np.stack([-2 * points[..., 1], 2 * points[..., 0]], -1)
    for force in (rotation, by_function):
        fields = Problem(PLANE, VALLEY, noise.white(0.1), force).fields()
        np.testing.assert_allclose(fields.force, expected, atol=1e-14)
        np.testing.assert_allclose(fields.drift(), expected - fields.gradient, atol=1e-14)
    np.testing.assert_array_equal(
        forces.expressions([0.5, "0"]).values(points, PLANE.names)[3, 4], [0.5, 0.0]
    )
    line = Grid.line(0, 1, 5)
    assert forces.expressions(0.5).values(line.half_points(), line.names).shape == (11, 1)


@pytest.mark.parametrize(
    "force",
    [
        forces.expressions(["x"]),
        forces.expressions(["x", "y", "x"]),
        forces.expressions(["x", "z"]),
        forces.expressions(["x", "1 / (x - x)"]),
        forces.expressions(["x", float("nan")]),
        forces.function(lambda p: p[..., 0]),
        forces.function(lambda p: np.full_like(p, np.inf)),
    ],
)
def test_bad_forces_are_refused(force):
    with pytest.raises(CaseError) as error:
        Problem(PLANE, VALLEY, noise.white(0.1), force).fields()
    assert error.value.key.startswith("dynamics.drift.force")


def test_tilted_ring_takes_its_tilt_as_a_force():
    ring = Grid.line(0, 2 * np.pi, 40, "periodic")
    loss = landscapes.from_expression("cos(x)", 1)
    fields = Problem(ring, loss, noise.white(0.5), forces.expressions([0.5])).fields()
    np.testing.assert_array_equal(fields.force, np.full((81, 1), 0.5))


def test_loss_that_jumps_at_a_periodic_wall_is_refused():
    ring = Grid.line(0, 2 * np.pi, 40, "periodic")
    tilted = landscapes.from_expression("cos(x) - x / 2", 1)
    with pytest.raises(CaseError, match=r"loss jumps by 3\.14159 .* tilt as a force") as error:
        Problem(ring, tilted, noise.white(0.5)).fields()
    assert error.value.key == "grid.x.walls"


def test_only_the_periodic_axis_must_match():
    tube = Grid.plane((0, 1, 10), (0, 2 * np.pi, 10), ("reflecting", "periodic"))
    good = landscapes.from_expression("x**3 + sin(y)", 2)
    Problem(tube, good, noise.white(0.5)).fields()
    bad = landscapes.from_expression("x**3 + x * sin(y / 2) + y / 1000", 2)
    with pytest.raises(CaseError) as error:
        Problem(tube, bad, noise.white(0.5)).fields()
    assert error.value.key == "grid.y.walls"


def test_dimensions_must_agree():
    with pytest.raises(CaseError, match="landscape is 2-D, but the grid is 1-D"):
        Problem(Grid.line(0, 1, 5), VALLEY, noise.white(0.1))


def test_loss_that_is_not_finite_is_refused():
    with pytest.raises(CaseError, match="x = 0"):
        Problem(
            Grid.line(0, 1, 5), landscapes.from_expression("log(x)", 1), noise.white(1.0)
        ).fields()


def test_boltzmann_density_is_stationary_under_white_noise():
    problem = Problem(PLANE, VALLEY, noise.white(0.2))
    weight = np.exp(-problem.potential() / 0.2).ravel()
    generator = problem.generator()
    flux = np.abs(generator.flux(weight))
    assert flux.max() <= 1e-13 * (generator.forward * weight[generator.tail]).max()


def test_notebook_view_tells_the_assumption():
    schedule = Schedule.expression("where(t < 1, 1, 0.5)")
    html = Problem(PLANE, VALLEY, noise.white(0.2, schedule=schedule))._repr_html_()
    assert "White noise, D = 0.2 I" in html
    assert "t &lt; 1" in html


@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_scheduled_generators_are_those_of_the_scheduled_tensor(weight):
    """Rescaled links give the rates that an assembly from scratch gives, walls included."""
    walls = (("reflecting", "absorbing"), "reflecting")
    grid = Grid.plane((-2, 2, 12), (-2, 2, 14), walls)
    tensor = noise.tensor(
        [["0.3 + 0.1 * x", "0.1"], ["0.1", "0.2"]],
        reading="stratonovich",
        schedule=Schedule.expression("exp(-t / 3)"),
    )
    problem = Problem(grid, VALLEY, tensor)
    q, direct = problem.generator(weight, time=2.0), assemble(problem.fields(2.0), weight)
    assert q.forward == pytest.approx(direct.forward, rel=1e-12)
    assert q.backward == pytest.approx(direct.backward, rel=1e-12)
    assert q.absorption == pytest.approx(direct.absorption, rel=1e-12)
    assert q.absorption.any()
