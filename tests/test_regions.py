"""The frozen noise model: who owns which cell, and the escape times that follow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import spsolve

from fokkerplanck import landscapes, noise
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.regions import convex_regions, find_regions

WELLS = landscapes.from_expression("(x**2 - 1)**2 / 4", 1)
INFLECTION = 1 / np.sqrt(3)
EB = 0.05


def frozen(landscape, grid):
    return noise.hessian(2 * EB, 1, model="frozen").diffusion(landscape, grid)


@pytest.mark.parametrize("cells", [101, 480, 1024])
def test_quartic_switches_at_the_inflection(cells):
    grid = Grid.line(-2.4, 2.4, cells)
    d = frozen(WELLS, grid)[:, 0, 0]
    x, half = np.abs(grid.points()[:, 0]), grid.volume / 2
    # curvature 2 at the minima, -1 at the saddle
    np.testing.assert_allclose(d[x > INFLECTION + half], 2 * EB, rtol=1e-9)
    np.testing.assert_allclose(d[x < INFLECTION - half], EB, rtol=1e-9)
    np.testing.assert_allclose(d, d[::-1], rtol=1e-12)


def test_cut_cell_has_the_harmonic_mean():
    grid = Grid.line(-2.4, 2.4, 101)
    d = frozen(WELLS, grid)[:, 0, 0]
    (k,) = grid.cell_of([INFLECTION])
    inner = (INFLECTION - grid.axes[0].edges[k]) / grid.volume
    assert d[k] == pytest.approx(1 / (inner / EB + (1 - inner) / (2 * EB)), rel=1e-3)


@pytest.mark.parametrize(
    ("reading", "exact"),
    [
        ("ito", 185.196021815018),
        ("stratonovich", 246.989571686058),
        ("hanggi-klimontovich", 334.647293507116),
    ],
)
def test_escape_time_with_frozen_noise(reading, exact):
    # exact: quadrature with D = 2 eb outside the inflections and eb inside, from -1 to 1
    h = 4.8 / 480
    grid = Grid.line(-2.4 - h / 2, 2.4 + h / 2, 481)
    problem = Problem(grid, WELLS, noise.hessian(2 * EB, 1, reading=reading))
    q = problem.generator("midpoint").matrix
    n = grid.cell_of([1.0])[0]
    time = spsolve(q[:n, :n].tocsc(), -np.ones(n))[grid.cell_of([-1.0])[0]]
    assert time == pytest.approx(exact, rel=3e-4)


@pytest.mark.parametrize(
    ("reading", "exact"),
    [
        ("ito", 64.5854652588),
        ("stratonovich", 98.8530005061),
        ("hanggi-klimontovich", 167.388071001),
    ],
)
def test_escape_from_a_parabola_over_a_parabola(reading, exact):
    # curvatures 4 and -1, barrier 1, eb = 1/4: from the minimum to the far joint, exactly
    loss = landscapes.piecewise_quadratic(dim=1, curvature=4.0, saddle_curvature=1.0, barrier=1.0)
    (start, _), (_, end) = loss.minima, loss.joints
    grid = Grid.line(start - 5.0, end, 1499, ("reflecting", "absorbing"))
    problem = Problem(grid, loss, noise.hessian(0.5, 1, reading=reading))
    time = spsolve(problem.generator("midpoint").matrix.tocsc(), -np.ones(1499))
    at_start = np.interp(start, grid.points()[:, 0], time)
    assert at_start == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize(
    ("reading", "exact"), [("ito", 185.196021815018), ("hanggi-klimontovich", 334.647293507116)]
)
def test_escape_time_in_the_plane_is_that_on_the_line_when_x_and_y_part(reading, exact):
    h = 4.8 / 160
    grid = Grid.plane((-2.4 - h / 2, 2.4 + h / 2, 161), (-0.8, 0.8, 16))
    loss = landscapes.from_expression("(x**2 - 1)**2 / 4 + 3 * y**2 / 2", 2)
    problem = Problem(grid, loss, noise.hessian(2 * EB, 1, reading=reading))
    q = problem.generator("midpoint").matrix
    n = grid.cell_of([1.0, 0.0])[0] * 16
    time = spsolve(q[:n, :n].tocsc(), -np.ones(n)).reshape(-1, 16)
    at = time[grid.cell_of([-1.0, 0.0])[0]]
    np.testing.assert_allclose(at, exact, rtol=2e-3)


def test_each_well_has_its_own_minimum():
    # curvatures at the minima -1.04668 and 0.94565 and at the saddle 0.10103 in between
    tilted = landscapes.from_expression("x**4 / 4 - x**2 / 2 + x / 10", 1)
    grid = Grid.line(-2.0, 2.0, 400)
    d = frozen(tilted, grid)[:, 0, 0] / EB
    at = {x: d[grid.cell_of([x])] for x in (-1.9, -0.7, 0.0, 0.7, 1.9)}
    assert at[-1.9] == at[-0.7] == pytest.approx(2.2866204069763, rel=1e-9)
    assert at[0.0] == pytest.approx(0.969378054792942, rel=1e-9)
    assert at[0.7] == at[1.9] == pytest.approx(1.68275764781665, rel=1e-9)


def test_single_well_is_one_region():
    bowl = landscapes.from_expression("x**2 + x*y + 3 * y**2", 2)
    grid = Grid.plane((-1, 1, 9), (-1, 1, 7))
    d = frozen(bowl, grid)
    np.testing.assert_allclose(
        d, np.broadcast_to(EB * np.array([[2.0, 1.0], [1.0, 6.0]]), d.shape), rtol=1e-12
    )


def test_saddle_has_the_modulus_of_its_matrix():
    valley = landscapes.from_expression("(x**2 - 1)**2 / 4 + (y - x)**2 / 2", 2)
    grid = Grid.plane((-2, 2, 41), (-2, 2, 41))
    h = np.array([[-1.0 + 1.0, -1.0], [-1.0, 1.0]])
    value, vector = np.linalg.eigh(h)
    modulus = (vector * np.abs(value)) @ vector.T
    d = frozen(valley, grid)
    np.testing.assert_allclose(d[20, 20], EB * modulus, rtol=1e-9)
    np.testing.assert_allclose(d[10, 10], EB * np.array([[3.0, -1.0], [-1.0, 1.0]]), rtol=1e-9)


def test_valley_whose_minimum_lies_beyond_the_walls_goes_to_the_nearest_minimum():
    # the right well of the quartic is cut off by the wall at 0.9
    grid = Grid.line(-2.0, 0.9, 290)
    d = frozen(WELLS, grid)[:, 0, 0]
    assert d[-1] == pytest.approx(2 * EB, rel=1e-9)
    assert d[grid.cell_of([0.0])] == pytest.approx(EB, rel=1e-9)


def test_region_that_closes_around_a_ring():
    # cos x on [-pi/2, 3 pi/2] has its minimum pi inside; shifted by pi it sits at the wall
    for shift, minimum in ((0.0, np.pi), (np.pi, 0.0)):
        ring = Grid.line(0.0, 2 * np.pi, 100, "periodic")
        loss = landscapes.from_expression("cos(x + s)", 1, {"s": shift})
        regions = find_regions(loss, ring)
        x = ring.points()[:, 0]
        owner = np.array([regions.points[k].kind for k in regions.owner])
        convex = np.cos(x - minimum) > 0
        assert (owner[convex] == "minimum").all()
        assert (owner[~convex] == "saddle").all()


def test_labels_join_across_periodic_walls_only():
    mask = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 0], [1, 0, 1]], dtype=bool)
    flat = convex_regions(mask, (False, False))
    assert len(np.unique(flat[mask])) == 4
    tube = convex_regions(mask, (True, False))
    assert tube[0, 0] == tube[3, 0] == tube[2, 0]
    assert tube[0, 2] == tube[3, 2] != tube[0, 0]
    torus = convex_regions(mask, (True, True))
    assert len(np.unique(torus[mask])) == 1
    for labels in (flat, tube, torus):
        np.testing.assert_array_equal(labels > 0, mask)


@pytest.mark.parametrize("text", ["(x**2 - 1)**2 / 4 + y**4", "x**2 + y**4"])
def test_flat_critical_point_is_refused_with_advice(text):
    flat = landscapes.from_expression(text, 2)
    with pytest.raises(CaseError, match='use model = "absolute" with a floor') as error:
        frozen(flat, Grid.plane((-2, 2, 40), (-1, 1, 21)))
    assert error.value.key == "noise.model"


def test_flat_minimum_on_a_line_is_refused():
    with pytest.raises(CaseError, match="minimum at"):
        frozen(landscapes.from_expression("x**4", 1), Grid.line(-1, 1, 21))


def test_landscape_without_critical_points_is_refused():
    with pytest.raises(CaseError, match="none found"):
        frozen(landscapes.from_expression("x", 1), Grid.line(0, 1, 10))


@settings(deadline=None, max_examples=10)
@given(st.floats(-0.15, 0.15), st.floats(0.3, 2.0), st.floats(-0.5, 0.5))
def test_quarter_turn_of_the_landscape_turns_the_tensor(tilt, stiffness, shear):
    text = "({x}**2 - 1)**2 / 4 + a * {x} + b * ({y} - c * {x})**2 / 2"
    parameters = {"a": tilt, "b": stiffness, "c": shear}
    grid = Grid.plane((-2, 2, 40), (-2, 2, 40))
    plain = landscapes.from_expression(text.format(x="x", y="y"), 2, parameters)
    # a quarter turn takes (x, y) to (-y, x): the old x is the new y, the old y the new -x
    turned = landscapes.from_expression(text.format(x="y", y="(-x)"), 2, parameters)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    d, dt = frozen(plain, grid), frozen(turned, grid)
    expected = turn @ np.swapaxes(d[:, ::-1], 0, 1) @ turn.T
    np.testing.assert_allclose(dt, expected, rtol=0, atol=1e-10 * np.abs(d).max())
