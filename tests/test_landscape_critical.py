"""Critical points, barriers and basins: pinned positions, any landscape, and degenerate ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes import barrier, basin_labels, basins, critical_points

LINE = Grid.line(-2.4, 2.4, 200)
PLANE = Grid.plane((-2.4, 2.4, 96), (-2.0, 2.0, 80))
MUELLER_BROWN = Grid.plane((-1.6, 1.3, 100), (-0.4, 2.1, 90))


def close(found: object, expected: object) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)  # type: ignore[arg-type]


def table(points) -> list[tuple[float, float, float]]:  # type: ignore[no-untyped-def]
    return [(float(p.position[0]), p.loss, float(p.hessian[0, 0])) for p in points]


def test_quartic() -> None:
    points = critical_points(landscapes.quartic(), LINE)
    assert [p.kind for p in points] == ["minimum", "minimum", "saddle"]
    close(table(points), [(-1.0, 0.0, 2.0), (1.0, 0.0, 2.0), (0.0, 0.25, -1.0)])
    close(barrier(landscapes.quartic(), LINE, points[0], points[1]).height, 0.25)


def test_tilted_double_well() -> None:
    landscape = landscapes.tilted(1, 0.1)
    points = critical_points(landscape, LINE)
    expected = [
        (-1.0466805318046, -0.352386073800036, 2.2866204069763),
        (0.945649273923591, -0.152639441773785, 1.68275764781665),
        (0.101031257881011, 0.00502551557382098, -0.969378054792942),
    ]
    close(table(points), expected)
    found = barrier(landscape, LINE, [-1.0], [1.0])
    close(found.height, 0.00502551557382098 + 0.352386073800036)
    close(found.reverse, 0.00502551557382098 + 0.152639441773785)


def test_styblinski_tang() -> None:
    landscape, grid = landscapes.styblinski_tang(1), Grid.line(-5.0, 5.0, 64)
    expected = [
        (-2.90353402777118, -39.1661657037714, 34.5830591025507),
        (2.74680277099084, -25.0294466552839, 29.2695527763376),
        (0.15673125678034, 0.195612359055358, -15.8526118788883),
    ]
    close(table(critical_points(landscape, grid)), expected)
    found = barrier(landscape, grid, [-2.9], [2.7])
    close((found.height, found.reverse), (39.3617780628268, 25.2250590143393))


def test_styblinski_tang_in_the_plane_is_the_sum_of_lines() -> None:
    landscape, grid = landscapes.styblinski_tang(2), Grid.plane((-5, 5, 60), (-5, 5, 50))
    points = critical_points(landscape, grid)
    kinds = [p.kind for p in points]
    assert [kinds.count(k) for k in ("minimum", "saddle", "maximum")] == [4, 4, 1]
    # the way from the deepest to the shallowest well goes over two saddles; the higher counts
    found = barrier(landscape, grid, (-2.9, -2.9), (2.7, 2.7))
    close(found.saddle.loss, 0.195612359055358 - 25.0294466552839)
    close(found.height, 0.195612359055358 - 25.0294466552839 + 2.0 * 39.1661657037714)


def test_mueller_brown() -> None:
    landscape = landscapes.mueller_brown()
    points = critical_points(landscape, MUELLER_BROWN)
    assert [p.kind for p in points] == ["minimum"] * 3 + ["saddle"] * 2
    found = sorted(p.loss for p in points)
    np.testing.assert_allclose(
        found, [-146.6995, -108.1667, -80.7678, -72.2489, -40.6648], atol=5e-5
    )
    deep, middle, right = points[0], points[1], points[2]
    assert barrier(landscape, MUELLER_BROWN, deep, right).saddle.loss == pytest.approx(-40.66484351)
    assert barrier(landscape, MUELLER_BROWN, middle, right).saddle.loss == pytest.approx(
        -72.24894011
    )


@settings(deadline=None, max_examples=6)
@given(degrees=st.floats(0.0, 360.0), shear=st.floats(-0.6, 0.6))
def test_turning_and_shearing_change_no_critical_loss(degrees: float, shear: float) -> None:
    original = landscapes.mueller_brown(scale=0.1)
    moved = landscapes.rotated(landscapes.sheared(original, shear), degrees)
    box = Grid.plane((-3.0, 3.0, 120), (-3.0, 3.0, 120))
    one, two = critical_points(original, box), critical_points(moved, box)
    assert [p.kind for p in one] == [p.kind for p in two]
    np.testing.assert_allclose(
        sorted(p.loss for p in one), sorted(p.loss for p in two), rtol=1e-12, atol=1e-12
    )
    deepest = min((p for p in two if p.kind == "minimum"), key=lambda p: p.loss)
    other = max((p for p in two if p.kind == "minimum"), key=lambda p: p.loss)
    assert barrier(moved, box, deepest, other).height == pytest.approx(
        0.1 * (146.69951720995 - 40.66484350866), rel=1e-9
    )


@settings(deadline=None, max_examples=20)
@given(
    curvature=st.tuples(st.floats(0.3, 30), st.floats(0.3, 30)),
    top=st.floats(0.3, 30),
    height=st.tuples(st.floats(0.2, 2), st.floats(0.2, 2)),
)
def test_piecewise_wells_are_found(
    curvature: tuple[float, float], top: float, height: tuple[float, float]
) -> None:
    landscape = landscapes.piecewise_quadratic(1, curvature, top, height)
    low, high = landscape.minima
    grid = Grid.line(1.5 * low, 1.5 * high, 64)
    points = critical_points(landscape, grid)
    assert [p.kind for p in points] == ["minimum", "minimum", "saddle"]
    close([float(p.position[0]) for p in points], [low, high, 0.0])
    found = barrier(landscape, grid, [low], [high])
    close((found.height, found.reverse), height)


def test_narrow_slanting_valley() -> None:
    # curvature ratio 1000, 33 degrees off the grid: the cells alone show dozens of minima
    landscape = landscapes.rotated(landscapes.quartic(2, stiffness=2000.0), 33.0)
    points = critical_points(landscape, PLANE)
    assert [p.kind for p in points] == ["minimum", "minimum", "saddle"]
    loss = landscape.loss(PLANE.points())
    assert len(basins(loss, (False, False), PLANE.spacing)[1]) > 4
    labels, minima = basin_labels(landscape, PLANE)
    assert len(minima) == 2
    along = PLANE.points() @ [np.cos(np.deg2rad(33.0)), np.sin(np.deg2rad(33.0))]
    # eight directions of descent cannot follow a valley wall exactly, but that is where no mass is
    weight = np.exp(-loss / 0.05)
    wrong = (labels != (along > 0.0)) & (np.abs(along) > 0.1)
    assert weight[wrong].sum() < 1e-6 * weight.sum()
    close(barrier(landscape, PLANE, (-1, -1), (1, 1)).height, 0.25)


def test_periodic_plane() -> None:
    landscape = landscapes.from_expression("cos(x) + cos(y)", 2)
    grid = Grid.plane((0.0, 2 * np.pi, 40), (0.0, 2 * np.pi, 50), "periodic")
    points = critical_points(landscape, grid)
    assert [p.kind for p in points] == ["minimum", "saddle", "saddle", "maximum"]
    labels, minima = basins(landscape.loss(grid.points()), (True, True))
    assert len(minima) == 1
    assert not labels.any()


def test_ring_has_one_minimum_and_one_top() -> None:
    points = critical_points(
        landscapes.from_expression("cos(x)"), Grid.line(0.0, 2 * np.pi, 64, "periodic")
    )
    assert [p.kind for p in points] == ["minimum", "saddle"]
    close([float(p.position[0]) for p in points], [np.pi, 0.0])


def test_basin_across_the_seam_is_one() -> None:
    x = (np.arange(60) + 0.5) * 2 * np.pi / 60
    labels, minima = basins(np.cos(2 * (x - 1.5)), (True,))
    assert len(minima) == 2
    split, more = basins(np.cos(2 * (x - 1.5)), (False,))
    assert len(more) == 3
    assert labels[0] == labels[-1]
    assert split[0] != split[-1]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), wraps=st.tuples(st.booleans(), st.booleans()))
def test_basins_follow_steepest_descent(seed: int, wraps: tuple[bool, bool]) -> None:
    loss = np.random.default_rng(seed).normal(size=(7, 6))
    labels, minima = basins(loss, wraps)
    for start in np.ndindex(*loss.shape):
        cell = start
        while True:  # walk by hand
            best, slope = cell, 0.0
            for step in np.ndindex(3, 3):
                there = [c + s - 1 for c, s in zip(cell, step, strict=True)]
                if any(
                    not w and not 0 <= t < n
                    for t, n, w in zip(there, loss.shape, wraps, strict=True)
                ):
                    continue
                near = tuple(t % n for t, n in zip(there, loss.shape, strict=True))
                length = np.hypot(step[0] - 1, step[1] - 1)
                if length and (loss[cell] - loss[near]) / length > slope:
                    best, slope = near, (loss[cell] - loss[near]) / length
            if best == cell:
                break
            cell = best
        assert minima[labels[start]] == cell


@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 10**6))
def test_barriers_of_random_landscapes_are_min_max_paths(seed: int) -> None:
    # three random waves on a torus; the reference floods the grid level by level
    rng = np.random.default_rng(seed)
    a, b, c = rng.uniform(0.5, 1.0, 3)
    text = f"{a}*cos(x) + {b}*cos(2*y + 1) + {c}*cos(2*x + y + 2)"
    landscape = landscapes.from_expression(text, 2)
    grid = Grid.plane((0.0, 2 * np.pi, 80), (0.0, 2 * np.pi, 80), "periodic")
    minima = [p for p in critical_points(landscape, grid) if p.kind == "minimum"]
    if len(minima) < 2:
        return
    start, end = minima[0], minima[-1]
    loss = np.tile(landscape.loss(grid.points()), (3, 3))  # the torus, unrolled
    low, high = max(start.loss, end.loss), float(loss.max())
    cells = [grid.cell_of([float(v) for v in m.position]) for m in (start, end)]
    for _ in range(12):
        level = 0.5 * (low + high)
        flooded = label(loss <= level, np.ones((3, 3)))[0]
        first = {
            flooded[cells[0][0] + i * 80, cells[0][1] + j * 80] for i in range(3) for j in range(3)
        }
        second = {
            flooded[cells[1][0] + i * 80, cells[1][1] + j * 80] for i in range(3) for j in range(3)
        }
        joined = bool((first & second) - {0})
        low, high = (low, level) if joined else (level, high)
    found = barrier(landscape, grid, start, end)
    assert found.saddle.loss == pytest.approx(high, abs=1e-2)


def test_basin_labels_number_the_minima() -> None:
    labels, minima = basin_labels(landscapes.mueller_brown(), MUELLER_BROWN)
    for k, minimum in enumerate(minima):
        assert labels[MUELLER_BROWN.cell_of([float(c) for c in minimum.position])] == k
    assert set(np.unique(labels)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("text", "grid", "kinds"),
    [
        ("1.0", LINE, []),
        ("0*x", PLANE, []),
        ("x", LINE, []),
        ("x**3", LINE, []),
        ("x**4", LINE, ["minimum"]),
        ("-x**4", LINE, ["saddle"]),
        ("y**2", PLANE, ["minimum"]),
        ("-y**2", PLANE, ["maximum"]),
        ("(x + y)**2", PLANE, ["minimum"]),
        ("(x**2 + y**2 - 1)**2", PLANE, ["minimum", "maximum"]),
        ("x**4 + y**4", PLANE, ["minimum"]),
        ("x**4 - y**4", PLANE, ["saddle"]),
        ("x**2*y**2", PLANE, ["minimum"]),
        ("-exp(-50*x**2)", Grid.line(-20.0, 20.0, 100), ["minimum"]),
        ("abs(x)", LINE, []),
    ],
)
def test_degenerate_landscapes_give_what_there_is(text: str, grid: Grid, kinds: list[str]) -> None:
    landscape = landscapes.from_expression(text, grid.dim)
    assert [p.kind for p in critical_points(landscape, grid)] == kinds
    labels, minima = basin_labels(landscape, grid)
    assert labels.shape == grid.shape
    assert len(minima) == kinds.count("minimum")


def test_flat_cells_and_rounding_make_no_basins() -> None:
    assert basins(np.zeros((30, 40)), (False, False))[1] == [(0, 0)]
    noise = 1.0 + 1e-15 * np.random.default_rng(0).normal(size=(30, 40))
    assert len(basins(noise, (False, True))[1]) == 1
    x = np.linspace(-2.0, 2.0, 400)
    plateau = np.maximum((x**2 - 1.0) ** 2, 0.04)  # two flat floors
    assert len(basins(plateau, (False,))[1]) == 2


def test_there_is_no_barrier_between_one_minimum_and_itself() -> None:
    with pytest.raises(CaseError, match="between two minima"):
        barrier(landscapes.quartic(), LINE, [-1.0], [-0.9])
    with pytest.raises(CaseError, match="has 1 in the grid"):
        barrier(landscapes.from_expression("x**2"), LINE, [-1.0], [1.0])
    with pytest.raises(CaseError, match="1 coordinates"):
        barrier(landscapes.quartic(), LINE, [-1.0, 0.0], [1.0, 0.0])


def test_a_saddle_outside_of_the_box_connects_nothing() -> None:
    # two wells joined only round the outside of the strip |y| < 0.3
    landscape = landscapes.from_expression(
        "(x**2 - 1)**2 + exp(-5*x**2)*(1 - (y - 1)**2)*4 + (y**2)", 2
    )
    strip = Grid.plane((-1.8, 1.8, 80), (-0.3, 0.3, 20))
    with pytest.raises(CaseError, match=r"no saddle in the grid|has . in the grid"):
        barrier(landscape, strip, (-1.0, 0.0), (1.0, 0.0))


def test_dimensions_must_agree() -> None:
    with pytest.raises(CaseError, match="2 coordinates, the grid 1"):
        critical_points(landscapes.quartic(2), LINE)


def test_results_show_themselves() -> None:
    (point, *_) = critical_points(landscapes.quartic(), LINE)
    assert "minimum" in point._repr_html_()
