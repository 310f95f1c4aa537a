"""Sets that absorb: links cut where the boundary is; exact on quadratics, else second order."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.killed_chain import killed_chains
from fokkerplanck.landscapes.transform import rotated
from fokkerplanck.problem import Problem
from fokkerplanck.sets import Ball, Box, HalfPlane
from fokkerplanck.theory import line_passage
from fokkerplanck.theory.passage_forms import disc_exit_time
from tests.escapes import FLAT, Outside, mean_times, quartic_process, square, turned_wells
from tests.fields import tensor

WEIGHTS = ("fitted", "midpoint")


def turning(points):
    """Tensor of trace 1 whose axes and ratio change from place to place, up to 1 : 49."""
    x, y = points[..., 0], points[..., 1]
    angle, share = 1.5 * x + y, 0.9 + 0.08 * np.sin(3 * x)
    c, s = np.cos(angle), np.sin(angle)
    cross = (2 * share - 1) * c * s
    return np.stack(
        [
            np.stack([share * c**2 + (1 - share) * s**2, cross], axis=-1),
            np.stack([cross, share * s**2 + (1 - share) * c**2], axis=-1),
        ],
        axis=-2,
    )


def stirring(points):
    """Force around the origin, stronger on the right."""
    x, y = points[..., 0], points[..., 1]
    return (1 + x)[..., None] * np.stack([-y, x], axis=-1)


def disc_error(cells, *, stirred, weight="midpoint"):
    """Largest error of the mean time to leave the unit disc, over that from the centre."""
    reach = 1.0 + 10.0 / cells  # links do not reach over the set to the walls
    grid = Grid.plane((-reach - 0.07, reach, cells), (-reach, reach + 0.02, cells + 5))
    force = forces.function(stirring) if stirred else None
    problem = Problem(grid, FLAT, noise.tensor(turning), force)
    times, _ = mean_times(problem, Outside(), weight=weight)
    radius = np.linalg.norm(grid.points(), axis=-1)
    live = np.isfinite(times)
    assert live.sum() > 0.25 * live.size
    exact = [disc_exit_time(1.0, r, 1.0) for r in radius[live]]
    return np.abs(times[live] - exact).max() / 0.5


@pytest.mark.parametrize("cells", [17, 40, 96])
def test_exit_from_a_disc_is_exact_without_drift(cells):
    """Axes that turn, ratios up to 49, Selling links that change from cell to cell."""
    assert disc_error(cells, stirred=False) < 1e-12


@pytest.mark.parametrize("weight", WEIGHTS)
def test_exit_from_a_disc_is_second_order_with_drift(weight):
    errors = [disc_error(n, stirred=True, weight=weight) for n in (40, 80, 160)]
    assert errors[-1] < 3e-3
    assert np.log2(errors[0] / errors[-1]) / 2 > 1.8


def strip(cells, d, walls="reflecting"):
    """Plane that closes upon itself in y, wider than links are long on the far side of sets."""
    low = 0.0 if walls[0] == "absorbing" else -0.3
    high = 1.0 if walls[1] == "absorbing" else 1.3
    grid = Grid.plane((low, high, cells), (0.0, 0.7, 12), (walls, "periodic"))
    return Problem(grid, FLAT, noise.tensor(d))


@given(
    st.floats(0.0, 0.95),
    st.floats(0.002, 0.9),
    st.floats(0, pi),
    st.floats(1, 40),
    st.sampled_from(["box", "half"]),
)
@settings(max_examples=60, deadline=None)
def test_exit_from_a_strip_is_exact(low, width, angle, ratio, kind):
    """T = (x - a)(b - x) / (2 D_xx), even where both sets cut the arms of the same cell."""
    high = min(low + width, 1.0)
    d = 0.3 * tensor(1.0, 1.0 / ratio, angle)
    problem = strip(41, d)
    sets = {
        "box": [Box([(-1.0, low), (-1.0, 2.0)]), Box([(high, 2.0), (-1.0, 2.0)])],
        "half": [HalfPlane([-1.0, 0.0], -low), HalfPlane([1.0, 0.0], high)],
    }[kind]
    x = problem.grid.axes[0].centres
    inside = (x > low) & (x < high)
    assume(inside.any() and min(abs(x - low).min(), abs(x - high).min()) > 1e-6)
    times, chain = mean_times(problem, *sets)
    exact = (x - low) * (high - x) / (2 * d[0, 0])
    found = times[inside]
    assert np.abs(found / exact[inside, None] - 1).max() < 1e-11
    share = np.exp(chain.on_grid(chain.solve(chain.log_absorption[1]), [-np.inf, 0.0]))
    linear = np.clip((x - low) / (high - low), 0, 1)
    assert np.abs(share - linear[:, None]).max() < 1e-12


@given(st.floats(0.02, 0.97), st.floats(0, pi), st.floats(1, 40), st.booleans())
@settings(max_examples=40, deadline=None)
def test_wall_and_set_around_the_same_cell_are_exact(high, angle, ratio, mirrored):
    """The wall cuts one arm of a cell, or links that jump over several, the set the other."""
    d = 0.3 * tensor(1.0, 1.0 / ratio, angle)
    walls = ("reflecting", "absorbing") if mirrored else ("absorbing", "reflecting")
    problem = strip(31, d, walls)
    part = Box([(-1.0, 1 - high), (-1.0, 2.0)]) if mirrored else Box([(high, 2.0), (-1.0, 2.0)])
    x = problem.grid.axes[0].centres
    depth = 1 - x if mirrored else x
    inside = depth < high
    assume(inside.any() and abs(depth - high).min() > 1e-6)
    times, chain = mean_times(problem, part)
    exact = (depth * (high - depth) / (2 * d[0, 0]))[inside, None]
    assert np.abs(times[inside] / exact - 1).max() < 1e-11
    share = np.exp(chain.on_grid(chain.solve(chain.log_absorption[-1]), -np.inf))
    assert np.abs(share[inside] - (1 - depth / high)[inside, None]).max() < 1e-12


def test_a_boundary_through_centres_of_cells():
    """Arms of nearly no length: the answer does not depend on which side a centre is."""
    problem = strip(32, 0.3 * tensor(1.0, 0.1, 0.4))
    x = problem.grid.axes[0].centres
    sides = []
    for shift in (-1e-14, 0.0, 1e-14):
        low, high = x[5] + shift, x[20] - shift
        times, _ = mean_times(problem, HalfPlane([-1.0, 0.0], -low), HalfPlane([1.0, 0.0], high))
        sides.append(times[6:20])
    assert sides[0] == pytest.approx(sides[1], rel=1e-9)
    assert sides[2] == pytest.approx(sides[1], rel=1e-9)


def torsion(x, y, a, b, terms=60):
    """Mean time to leave 0 < x < a, 0 < y < b with D = 1: (d_xx + d_yy) T = -1."""
    total = x * (a - x) / 2
    for n in range(1, 2 * terms, 2):
        k = n * pi / a
        total = total - 4 * a**2 / (n * pi) ** 3 * np.sin(k * x) * (
            np.exp(-k * (b - y)) + np.exp(-k * y)
        ) / (1 + np.exp(-k * b))
    return total


def test_torsion_of_the_square():
    assert torsion(0.5, 0.5, 1.0, 1.0) == pytest.approx(0.0736713532814, rel=1e-11)


@pytest.mark.parametrize(("degrees", "ratio"), [(0, 1), (33, 1), (33, 9), (-20, 30)])
def test_turned_rectangle_is_second_order(degrees, ratio):
    """Four half-planes whose corners cut the same cells; the tensor turns with them."""
    angle = np.radians(degrees)
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    half = np.array([0.61, 0.47])
    d = axes.T @ np.diag([1.0, 1.0 / ratio]) @ axes
    sets = [HalfPlane(s * e, h) for e, h in zip(axes, half, strict=True) for s in (1, -1)]
    errors = []
    for cells in (30, 60, 120):
        problem = Problem(square(0.9, (cells, cells + 3)), FLAT, noise.tensor(d))
        times, chain = mean_times(problem, *sets)
        along = problem.grid.points() @ axes.T + half
        stretch = np.sqrt([1.0, ratio])
        x, y = np.moveaxis(along * stretch, -1, 0)
        live = np.isfinite(times)
        exact = torsion(x[live], y[live], *(2 * half * stretch))
        errors.append(np.abs(times[live] - exact).max() / exact.max())
        ends = [chain.solve(row) for row in chain.log_absorption[:-1]]
        whole = np.logaddexp.reduce(ends)[chain.live]
        assert np.abs(whole).max() < 1e-11  # all end in one of the four
    assert errors[-1] < 2e-3
    assert np.log2(errors[0] / errors[2]) / 2 > 1.65


@pytest.mark.parametrize("wind", [0.0, 2.0])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_passage_to_a_ball_is_second_order(weight, wind):
    """dx = -k x + w x_perp: from r0 to the disc of radius R in ln(r0 / R) / k, for any noise."""
    k, radius = 1.5, 0.4
    loss = landscapes.from_expression("k*(x**2 + y**2)/2", 2, parameters={"k": k})
    force = forces.function(lambda p: wind * np.stack([-p[..., 1], p[..., 0]], axis=-1))
    errors = []
    for cells in (40, 80, 160):
        problem = Problem(square(2.0, (cells, cells - 7)), loss, noise.white(0.1), force)
        times, _ = mean_times(problem, Ball((0.0, 0.0), radius), weight=weight)
        r = np.linalg.norm(problem.grid.points(), axis=-1)
        near = np.isfinite(times) & (r < 1.2)
        errors.append(np.abs(times - np.log(r / radius) / k)[near].max())
    assert errors[-1] < 1e-2
    assert np.log2(errors[0] / errors[2]) / 2 > 1.9


def test_passage_to_a_turned_half_plane_is_second_order():
    """Through a long-linked full tensor; the exact answer is that of a line."""
    offset = 0.35
    exact = [line_passage(quartic_process(0.0625), x, offset).mean for x in (-1.0, 0.0, 0.2)]
    errors = []
    for cells in (32, 64, 128):
        problem, axis = turned_wells(cells, 25.0, 4.0, 8.0)
        chain = killed_chains(problem, [HalfPlane(axis, offset)])[0]
        log_times = chain.solve(np.zeros(chain.live.size))
        found = np.exp([chain.at(log_times, Ball(x * axis)) for x in (-1.0, 0.0, 0.2)])
        errors.append(np.abs(found / exact - 1).max())
    assert errors[-1] < 2e-3
    assert np.log2(errors[0] / errors[2]) / 2 > 1.8


def segments(generator):
    """Ends of all links that can be passed, as points."""
    h = np.asarray(generator.spacing)
    tail = np.stack(np.unravel_index(generator.tail, generator.shape), axis=-1) * h
    return tail, tail + generator.offset * h


@pytest.mark.parametrize("angle", [0.35, 1.1, 2.3])
def test_long_links_do_not_jump_through_corners(angle):
    d = tensor(1.0, 1 / 60, angle)
    grid = Grid.plane((0.0, 1.0, 37), (0.0, 1.0, 41))
    problem = Problem(grid, FLAT, noise.tensor(0.1 * d))
    part = Box([(0.31, 0.52), (0.43, 0.47)])
    chain = killed_chains(problem, [part])[0]
    before = problem.generator("midpoint")
    corner = np.array([axis.min + axis.spacing / 2 for axis in grid.axes])

    def meets(generator):
        start, end = (part + corner for part in segments(generator))
        return np.isfinite(part.entry(start, end, grid))

    crossing = meets(before) & ~part.contains(grid.points(), grid).ravel()[before.tail]
    crossing &= ~part.contains(grid.points(), grid).ravel()[before.head]
    assert crossing.sum() > 5  # links that jump over a corner, or over the whole set
    assert not meets(chain.killed.generator).any()
    # both of their ends are absorbed instead
    for cell in (before.tail[crossing], before.head[crossing]):
        assert (chain.killed.absorption[0, cell] > 0).all()


def test_what_is_met_first_absorbs():
    """One set behind, or partly in, another along the same link."""
    problem = strip(31, 0.3 * tensor(1.0, 0.05, 0.5))
    sets = [Box([(0.6, 0.65), (-1.0, 2.0)]), Box([(0.62, 2.0), (-1.0, 2.0)])]
    for order in (sets, sets[::-1]):
        chain = killed_chains(problem, order)[0]
        first = order.index(sets[0])
        assert chain.killed.absorption[first].sum() > 0
        assert chain.killed.absorption[1 - first].sum() == 0


def shear_wells():
    return landscapes.from_expression("(x**2 - 1)**2/4 + (y - x/3)**2/2 + x/20 + y/30", 2)


def quarter_turned(times, quarter):
    """Field of a problem turned anticlockwise by quarters."""
    return np.rot90(times, quarter)  # axes are (x, y): x grows downwards


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_turned_by_a_quarter(quarter):
    """A full tensor, three kinds of sets and a force, all turned: the same to rounding."""
    d = 0.08 * tensor(1.0, 0.08, 0.5)
    r = np.array([[0, -1], [1, 0]])
    turn = np.linalg.matrix_power(r, quarter)

    def problem(t):
        return Problem(
            square(1.8, 36),
            rotated(shear_wells(), 90.0 * (quarter if t is turn else 0)),
            noise.tensor(t @ d @ t.T),
            forces.function(lambda p: 0.1 * np.stack([-p[..., 1], p[..., 0]], axis=-1)),
        )

    def sets(t):
        corners = np.array([[-1.5, 1.0], [-1.2, 1.33]]) @ t.T
        box = Box(list(zip(corners.min(axis=0), corners.max(axis=0), strict=True)))
        return [Ball(t @ [0.9, 0.4], 0.31), box, HalfPlane(t @ [0.3, -1.0], 1.3)]

    plain, chain = mean_times(problem(np.eye(2, dtype=int)), *sets(np.eye(2, dtype=int)))
    turned, other = mean_times(problem(turn), *sets(turn))
    back = np.rot90(turned, -quarter, axes=(0, 1))
    assert (np.isnan(back) == np.isnan(plain)).all()
    assert np.nanmax(np.abs(back / plain - 1)) < 1e-12
    for k in range(3):
        a, b = (np.exp(c.on_grid(c.solve(c.log_absorption[k]), 0.0)) for c in (chain, other))
        assert np.abs(np.rot90(b, -quarter) - a).max() < 1e-12


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored(axis):
    d = 0.08 * tensor(1.0, 0.08, 0.5)
    sign = np.where(np.arange(2) == axis, -1.0, 1.0)
    loss = "({0}**2 - 1)**2/4 + ({1} - {0}/3)**2/2 + {0}/20 + {1}/30"
    names = ["(-x)" if axis == 0 else "x", "(-y)" if axis == 1 else "y"]

    def times(mirror):
        s = sign if mirror else np.ones(2)
        text = loss.format(*(names if mirror else ["x", "y"]))
        problem = Problem(
            square(1.8, 36),
            landscapes.from_expression(text, 2),
            noise.tensor(d * np.outer(s, s)),
        )
        found, _ = mean_times(problem, Ball(s * [0.9, 0.4], 0.31), HalfPlane(s * [0.3, -1.0], 1.3))
        return found

    plain, turned = times(False), np.flip(times(True), axis)
    assert (np.isnan(turned) == np.isnan(plain)).all()
    assert np.nanmax(np.abs(turned / plain - 1)) < 1e-12


def test_images_of_a_ball_on_a_torus():
    """A ball over the seam is the ball in the middle, shifted."""
    grid = Grid.plane((0.0, 1.0, 24), (0.0, 1.0, 24), ("periodic", "periodic"))
    problem = Problem(grid, FLAT, noise.tensor(tensor(1.0, 0.05, 0.6)))
    middle, _ = mean_times(problem, Ball((0.5, 0.5), 0.2))
    seam, _ = mean_times(problem, Ball((0.0, 0.0), 0.2))
    shifted = np.roll(seam, (12, 12), (0, 1))
    assert (np.isnan(shifted) == np.isnan(middle)).all()
    assert np.nanmax(np.abs(shifted / middle - 1)) < 1e-12
