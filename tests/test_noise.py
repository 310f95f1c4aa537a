"""Noise models: exact tensors, the check that they are positive definite, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import sqrtm
from scipy.sparse.linalg import spsolve

from fokkerplanck import landscapes, noise
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.schedule import Schedule
from fokkerplanck.spd import absolute, check_spd

LINE = Grid.line(-2.4, 2.4, 60)
PLANE = Grid.plane((-1, 1, 8), (-2, 2, 10))
WELLS = landscapes.from_expression("(x**2 - 1)**2 / 4", 1)
VALLEY = landscapes.from_expression("(x**2 - 1)**2 / 4 + (y - x)**2 / 2", 2)


@pytest.mark.parametrize("grid", [LINE, PLANE])
def test_white_noise_is_the_temperature_in_every_direction(grid):
    d = noise.white(0.05).diffusion(WELLS, grid)
    assert d.shape == (*grid.shape, grid.dim, grid.dim)
    np.testing.assert_array_equal(d, np.broadcast_to(0.05 * np.eye(grid.dim), d.shape))


def test_readings():
    kappas = {r: noise.white(1.0, reading=r).kappa for r in noise.READINGS}
    assert kappas == {"ito": 1.0, "stratonovich": 0.5, "hanggi-klimontovich": 0.0}
    assert noise.white(1.0).reading == "ito"


def test_constant_tensor():
    given_ = [[0.1, 0.02], [0.02, 0.05]]
    model = noise.tensor(given_)
    np.testing.assert_array_equal(model.diffusion(VALLEY, PLANE)[3, 4], given_)
    assert "every reading" in model.assumption


def test_one_entry_will_do_on_a_line():
    a = noise.tensor("1 + x**2").diffusion(WELLS, LINE)
    b = noise.tensor([["1 + x**2"]]).diffusion(WELLS, LINE)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(a[:, 0, 0], 1 + LINE.points()[:, 0] ** 2, rtol=1e-15)


def test_tensor_of_expressions_and_a_function_agree():
    rows = [["1 + x**2", "c * x"], ["c * x", 2.0]]
    a = noise.tensor(rows, parameters={"c": 0.3}).diffusion(VALLEY, PLANE)

    def function(points):
        x = points[..., 0]
        return np.stack([np.stack([1 + x**2, 0.3 * x], -1), np.stack([0.3 * x, 2 + 0 * x], -1)], -1)

    model = noise.tensor(function, reading="stratonovich")
    np.testing.assert_allclose(a, model.diffusion(VALLEY, PLANE), rtol=1e-15)
    assert "stratonovich" in model.assumption


def test_tensor_that_is_not_positive_definite_names_cell_place_and_eigenvalues():
    with pytest.raises(CaseError) as error:
        noise.tensor([["1", "x"], ["x", "0.5"]]).diffusion(VALLEY, PLANE)
    text = str(error.value)
    # |x| > sqrt(1/2): the first such cell is (0, 0), at x = -0.875, y = -1.8
    low, high = np.linalg.eigvalsh([[1, -0.875], [-0.875, 0.5]])
    assert error.value.key == "noise.D"
    assert "not positive definite at cell (0, 0) (x = -0.875, y = -1.8)" in text
    assert f"eigenvalues {low:.6g}, {high:.6g}" in text
    assert "(20 of 80 cells)" in text


def test_check_names_the_very_cell():
    d = np.broadcast_to(np.eye(2), (8, 10, 2, 2)).copy()
    d[5, 7] = [[1, 1], [1, 1]]
    with pytest.raises(CaseError, match=r"at cell \(5, 7\)"):
        check_spd(d, PLANE)


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        ([[1, 0.1], [0.2, 1]], "is not symmetric"),
        ([[1, np.nan], [np.nan, 1]], "not finite"),
        ([[np.inf, 0], [0, 1]], "not finite"),
        ([[0, 0], [0, 1]], "is not positive definite"),
        ([[-1, 0], [0, -1]], "is not positive definite"),
        ([[1e-200, 1e-200], [1e-200, 1e-200]], "is not positive definite"),
    ],
)
def test_what_a_tensor_may_not_be(matrix, why):
    with pytest.raises(CaseError, match=why):
        noise.tensor(np.array(matrix, dtype=float)).diffusion(VALLEY, PLANE)


@settings(deadline=None, max_examples=50)
@given(st.floats(-300, 300), st.floats(-9, 9), st.floats(0, 180))
def test_check_accepts_every_positive_definite_tensor(exponent, contrast, degrees):
    angle = np.radians(degrees)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    # 290 is as far as the products that make the tensor go
    scale = 10.0 ** np.clip(exponent, -290, 290)
    d = turn @ np.diag([1.0, 10.0**contrast]) @ turn.T
    d = scale * (d + d.T) / 2
    check_spd(np.broadcast_to(d, (8, 10, 2, 2)), PLANE)


@settings(deadline=None, max_examples=50)
@given(arrays(float, (3,), elements=st.floats(-100, 100)), st.floats(1e-3, 10))
def test_absolute_is_the_root_of_square_plus_square(entries, floor):
    a, b, d = entries
    h = np.array([[a, b], [b, d]])
    out = absolute(h, floor)
    expected = sqrtm(h @ h + floor**2 * np.eye(2)).real
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    value, vector = np.linalg.eigh(h)
    by_hand = (vector * np.hypot(value, floor)) @ vector.T
    np.testing.assert_allclose(out, by_hand, rtol=0, atol=1e-12 * np.abs(by_hand).max())


def test_absolute_commutes_with_quarter_turns_exactly():
    h = np.array([[0.3, 0.7], [0.7, -2.1]])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(
        absolute(turn @ h @ turn.T, 0.1), turn @ absolute(h, 0.1) @ turn.T
    )


def test_absolute_noise_on_the_double_well():
    d = noise.hessian(0.1, 1, model="absolute", floor=0.5).diffusion(WELLS, LINE)
    h = 3 * LINE.points()[:, 0] ** 2 - 1
    np.testing.assert_allclose(d[:, 0, 0], 0.05 * np.sqrt(h**2 + 0.25), rtol=1e-14)


def test_absolute_noise_with_a_tilted_hessian():
    d = noise.hessian(0.1, 2, model="absolute", floor=0.2).diffusion(VALLEY, PLANE)
    h = VALLEY.hessian(PLANE.points())[2, 6]
    np.testing.assert_allclose(d[2, 6], 0.025 * sqrtm(h @ h + 0.04 * np.eye(2)), rtol=1e-12)


def test_dataset_size_shrinks_the_noise():
    kwargs = {"model": "absolute", "floor": 0.1}
    full = noise.hessian(0.1, 10, **kwargs).diffusion(WELLS, LINE)
    part = noise.hessian(0.1, 10, dataset_size=50, **kwargs).diffusion(WELLS, LINE)
    np.testing.assert_allclose(part, full * 40 / 49, rtol=1e-14)


@pytest.mark.parametrize("floor", [None, 0, 0.0])
def test_pointwise_modulus_without_floor_is_refused_with_the_reason(floor):
    with pytest.raises(CaseError, match="mean escape time is infinite") as error:
        noise.hessian(0.1, 1, model="absolute", floor=floor)
    assert error.value.key == "noise.floor"


def test_assumptions_name_what_results_depend_on():
    assert "floor = 0.1" in noise.hessian(0.1, 1, model="absolute", floor=0.1).assumption
    frozen = noise.hessian(0.1, 1, reading="hanggi-klimontovich")
    assert "hanggi-klimontovich" in frozen.assumption
    assert "frozen by region" in frozen.assumption
    assert "not used" in noise.hessian(0.1, 1, floor=0.1).assumption
    assert "0.05 I" in noise.white(0.05).assumption


def test_schedule_is_kept():
    schedule = Schedule.steps([1.0], [0.5])
    assert noise.white(1.0, schedule=schedule).factor(2.0) == 0.5
    assert noise.white(1.0).factor(2.0) == 1.0


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (lambda: noise.white(0.0), "noise.temperature"),
        (lambda: noise.white(float("inf")), "noise.temperature"),
        (lambda: noise.white(1.0, reading="Ito"), "noise.reading"),
        (lambda: noise.hessian(0.1, 1, model="literal"), "noise.model"),
        (lambda: noise.hessian(0.1, 1, model="absolute", floor=-1.0), "noise.floor"),
        (lambda: noise.hessian(-0.1, 1), "noise.learning_rate"),
        (lambda: noise.hessian(0.1, 0), "noise.batch_size"),
        (lambda: noise.hessian(0.1, 5, dataset_size=5), "noise.dataset_size"),
        (lambda: noise.tensor([1.0, 2.0]), "noise.D"),
        (lambda: noise.tensor([[1.0, None], [None, 1.0]]), "noise.D"),
        (lambda: noise.tensor([[1.0]]).diffusion(VALLEY, PLANE), "noise.D"),
        (lambda: noise.tensor([[1.0, 0], [0]]).diffusion(VALLEY, PLANE), "noise.D"),
        (lambda: noise.tensor(lambda p: p).diffusion(VALLEY, PLANE), "noise.D"),
        (lambda: noise.tensor([["1", "0"], ["0", "z"]]).diffusion(VALLEY, PLANE), "noise.D[1][1]"),
    ],
)
def test_bad_noise_is_refused(call, key):
    with pytest.raises(CaseError) as error:
        call()
    assert error.value.key == key


def mean_exit_time(problem, start, last):
    """Mean time from the cell at `start` until the cells from that at `last` on are reached."""
    q = problem.generator("midpoint").matrix.tocsr()
    n = problem.grid.cell_of([last])[0]
    time = spsolve(q[:n, :n].tocsc(), -np.ones(n))
    return time[problem.grid.cell_of([start])[0]]


@pytest.mark.parametrize(
    ("reading", "exact"),
    [
        ("ito", 0.5),
        ("stratonovich", np.pi / 4 - np.log(2) / 2),
        ("hanggi-klimontovich", np.arcsinh(1) ** 2 / 2),
    ],
)
def test_exit_time_tells_the_readings_apart(reading, exact):
    # f = -x, D = 1 + x^2, exit from (-1, 1) from 0
    grid = Grid.line(-1.0, 1.0, 401, "absorbing")
    loss = landscapes.from_expression("x**2 / 2", 1)
    problem = Problem(grid, loss, noise.tensor("1 + x**2", reading=reading))
    q = problem.generator("midpoint").matrix
    assert spsolve(q.tocsc(), -np.ones(401))[200] == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize(
    ("floor", "reading", "exact"),
    [
        (1.0, "ito", 276.47604759344),
        (1.0, "stratonovich", 339.87876787912),
        (1.0, "hanggi-klimontovich", 444.78824368261),
        (0.5, "ito", 3130.6956346682),
        (0.5, "hanggi-klimontovich", 5883.8042476826),
        (0.2, "ito", 144562.19372445),
    ],
)
def test_escape_time_with_absolute_noise(floor, reading, exact):
    # quartic double well, eb = 0.05: quadrature of the exact one-dimensional formula
    h = 4.8 / 960
    grid = Grid.line(-2.4 - h / 2, 2.4 + h / 2, 961)
    model = noise.hessian(0.1, 1, model="absolute", floor=floor, reading=reading)
    time = mean_exit_time(Problem(grid, WELLS, model), -1.0, 1.0)
    assert time == pytest.approx(exact, rel=2e-3)


def test_schedule_that_is_a_text_is_refused():
    with pytest.raises(CaseError, match=r"Schedule\.expression"):
        noise.white(0.2, schedule="exp(-t)")
