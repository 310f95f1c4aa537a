"""Long jumps in the plane: rates, generator, exits, densities, evolution; closed forms."""

from __future__ import annotations

from math import gamma

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.levy_plane_density import plane_evolve_steps, steady_masses
from fokkerplanck.levy_plane_killed import KilledPlane, plane_system
from fokkerplanck.sets import Ball, Box, HalfPlane
from fokkerplanck.solvers.fractional import jump_rates, tail_rates
from fokkerplanck.solvers.fractional_plane import independent_rates, isotropic_rates
from fokkerplanck.solvers.levy_plane_generator import PlaneLevyGenerator

FLAT = fp.landscapes.from_expression("0 * x", dim=2)
BOWL = fp.landscapes.from_expression("x**2 / 2 + y**2 / 2", dim=2)
WELLS = fp.landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 / 2", dim=2)
KINDS = ("isotropic", "independent")
#: Fates of the four walls.
FATES = [
    (("stopped", "stopped"), ("stopped", "stopped")),
    (("suppressed", "suppressed"), ("suppressed", "suppressed")),
    (("killed", "stopped"), ("suppressed", "stopped")),
    (("killed", "killed"), ("stopped", "suppressed")),
]


def square(half, cells, loss, alpha, scale, temperature=0.0, walls="reflecting", **more):
    grid = fp.Grid.plane((-half, half, cells), (-half, half, cells), walls=walls)
    return fp.PlaneLevy(grid, loss, alpha, scale, temperature, **more)


def getoor(start, alpha):
    """Mean time to leave the unit disc."""
    away = 1.0 - np.sum(np.square(start))
    return away ** (alpha / 2) / (2**alpha * gamma(1 + alpha / 2) ** 2)


def random_generator(kind, fates, live=None, shape=(7, 9)):
    rng = np.random.default_rng(3)
    h = (0.3, 0.4)
    if kind == "isotropic":
        rates = isotropic_rates(1.3, 0.7, shape, h)
    else:
        rates = independent_rates(1.3, (0.7, 0.5), shape, h)
    nx, ny = shape
    drift = (3 * rng.normal(size=(nx + 1, ny)), rng.normal(size=(nx, ny + 1)))
    return PlaneLevyGenerator(drift, h, 1.3, (0.7, 0.7), 0.1, rates, fates, live)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 1.5, 1.999])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 1.3)])
def test_rates_seen_along_an_axis_are_those_of_a_line(alpha, spacing):
    """Sums over all jumps in y, single ones and those past lines, are exact at every offset."""
    nx, ny = 60, 40
    r = isotropic_rates(alpha, 1.0, (nx, ny), spacing)
    single = r.single[:, 0] + 2 * r.single[:, 1:].sum(axis=1) + 2 * r.past_y[:, -1]
    past = r.past_x[:, 0] + 2 * r.past_x[:, 1:].sum(axis=1) + 2 * r.past_both[:, -1]
    assert single[1:] == pytest.approx(jump_rates(alpha, nx, spacing[0])[1:], rel=1e-13)
    assert past == pytest.approx(tail_rates(alpha, nx, spacing[0]), rel=1e-13)
    # those that stay in their column count once more in the total
    total = single[0] + 2 * tail_rates(alpha, 1, spacing[0])[0]
    assert r.total == pytest.approx(total, rel=1e-13)
    assert r.single.min() == r.single[0, 0] == 0.0
    assert min(r.single.ravel()[1:].min(), r.past_both.min()) > 0


def test_rates_are_fourier_integrals():
    """On a torus of m cells images come in, like the distance to the power -2 - alpha."""
    alpha, m = 1.5, 1024
    r = isotropic_rates(alpha, 1.0, (4, 4), (1.0, 1.0))
    s = 4 * np.sin(np.pi * np.arange(m) / m) ** 2
    torus = np.fft.ifft2((s[:, None] + s) ** (alpha / 2)).real
    assert -torus[:4, :4].ravel()[1:] == pytest.approx(r.single.ravel()[1:], abs=3e-10)
    assert torus[0, 0] == pytest.approx(r.total, abs=3e-10)


def test_close_to_two_they_are_the_five_point_ones():
    near, five = (isotropic_rates(a, 1.0, (5, 5), (1.0, 1.0)) for a in (2.0 - 1e-9, 2.0))
    assert near.single == pytest.approx(five.single, abs=3e-9)
    assert five.single[1, 0] == five.single[0, 1] == 1.0
    assert near.total == pytest.approx(4.0, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fates", FATES)
def test_products_are_those_of_a_markov_generator(kind, fates):
    rng = np.random.default_rng(1)
    live = rng.random((7, 9)) > 0.2
    u = rng.normal(size=(7, 9))
    for mask in (None, live):
        g = random_generator(kind, fates, mask)
        q = g.dense()
        assert g.apply(u).ravel() == pytest.approx(q @ u.ravel(), abs=1e-12)
        assert g.apply_transposed(u).ravel() == pytest.approx(q.T @ u.ravel(), abs=1e-12)
        rows = q.sum(axis=1)
        if g.conservative:
            assert rows == pytest.approx(np.zeros(63), abs=1e-12)
        else:
            assert rows.min() < -0.1
    jumps = g.jumps.dense().reshape(63, 63)
    assert (jumps - np.diag(np.diag(jumps))).min() >= 0
    assert jumps.sum(axis=1).max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_the_sparse_part_is_part_of_the_generator(kind):
    g = random_generator(kind, FATES[0])
    near, whole = g.near().toarray(), g.dense()
    i, j = np.divmod(np.arange(63), 9)
    beside = (np.abs(i[:, None] - i) <= 1) & (np.abs(j[:, None] - j) <= 1)
    # stopping walls take jumps from everywhere, so look at cells inside
    inner = (i > 0) & (i < 6) & (j > 0) & (j < 8)
    both = beside & inner[:, None] & inner
    assert near[both] == pytest.approx(whole[both], abs=1e-12)


@pytest.mark.parametrize("alpha", [0.6, 1.5])
def test_exit_from_a_strip(alpha):
    """Jumps beyond the other walls are clamped there, and x moves as on a line."""
    errors = []
    for n in (16, 32):
        grid = fp.Grid.plane((-1, 1, n), (0, 2, 16), walls=("absorbing", "reflecting"))
        p = fp.PlaneLevy(grid, FLAT, alpha, 1.0)
        times, _ = plane_system(p, p.generator()).solve(np.ones(grid.shape))
        x = grid.axes[0].centres
        exact = (1 - x**2) ** (alpha / 2) / gamma(1 + alpha)
        assert times == pytest.approx(np.repeat(times[:, :1], 16, axis=1), rel=1e-9)
        errors.append(np.abs(times[:, 5] / exact - 1)[n // 4 : n // 2].max())
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] > 3.5


@pytest.mark.parametrize("alpha", [0.5, 1.5, 1.9])
def test_getoor_in_a_disc(alpha):
    p = square(1.1, 32, FLAT, alpha, 1.0)
    found = fp.levy_exit(p, [0.3, 0.2], Ball([0.0, 0.0], 1.0))
    error = abs(found.mean / getoor([0.3, 0.2], alpha) - 1)
    assert error < 1.5e-3
    assert error < found.error


@pytest.mark.slow
def test_lines_and_diagonals_are_edges_of_second_order():
    """A square that is turned by 45 degrees, and the same one cut by the walls of the grid."""
    times = []
    for n in (24, 48):
        turned = square(1.05, n, FLAT, 1.2, 1.0)
        sides = [
            HalfPlane([np.cos(a), np.sin(a)], 0.7) for a in np.pi * (0.25 + 0.5 * np.arange(4))
        ]
        chain = KilledPlane(replace_walls(turned), sides)
        u, _ = chain.system.solve(np.where(chain.live, 1.0, 0.0))
        times.append(u[n // 2 - 1 : n // 2 + 1, n // 2 - 1 : n // 2 + 1].mean())
    upright = square(0.7, 48, FLAT, 1.2, 1.0, walls="absorbing")
    exact = fp.levy_exit(upright, [0.0, 0.0])
    assert times[1] == pytest.approx(exact.mean, rel=2e-3)
    assert abs(times[1] / exact.mean - 1) < 0.5 * abs(times[0] / exact.mean - 1)


def replace_walls(p):
    half = p.grid.axes[0].max
    return square(half, p.grid.shape[0], p.landscape, p.alpha, p.scale, walls="absorbing")


@pytest.mark.parametrize("shape", [(20, 24), (40, 36)])
def test_product_of_two_lines(shape):
    """Independent components in a separable loss: cell by cell that of two lines."""
    loss = fp.landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 / 2", dim=2)
    grid = fp.Grid.plane((-4, 4, shape[0]), (-3, 5, shape[1]))
    p = fp.PlaneLevy(grid, loss, 1.3, (0.4, 0.7), 0.05, components="independent")
    mass, _ = steady_masses(p)
    lines = []
    for axis, text, s in zip(grid.axes, ("(x**2 - 1)**2 / 4", "x**2 / 2"), (0.4, 0.7), strict=True):
        line = fp.Grid.line(axis.min, axis.max, axis.cells)
        one = fp.landscapes.from_expression(text, dim=1)
        # 32 cells are the fewest that a problem on a line is given; its nodes may be fewer
        levy = fp.Levy(fp.Grid.line(axis.min, axis.max, 32), one, 1.3, s, 0.05)
        nodes = levy.at(axis.cells)
        assert nodes.x == pytest.approx(line.axes[0].centres)
        q = nodes.generator.dense()
        q[:, -1] = 1.0
        lines.append(np.linalg.solve(q.T, np.eye(axis.cells)[-1]))
    assert mass == pytest.approx(np.outer(*lines), abs=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_ornstein_uhlenbeck(kind):
    p = square(15, 48, BOWL, 1.5, 1.0, components=kind)
    found = fp.levy_stationary(p)
    v = p.grid.volume
    for k in ([0.5, 0.0], [0.4, 0.4]):
        size = np.linalg.norm(k) ** 1.5 if kind == "isotropic" else np.sum(np.abs(k) ** 1.5)
        law = np.exp(-size / 1.5)
        mean = (found.density * np.cos(p.grid.points() @ np.array(k))).sum() * v
        assert mean == pytest.approx(law, abs=0.012)
    turned = np.rot90(found.density)
    assert found.density == pytest.approx(turned, abs=1e-9)
    assert found.density.sum() * v == pytest.approx(1 - found.outside)


def test_exit_from_a_grid_of_many_cells():
    """Walls alone absorb, and the equations are solved on a chain of grids."""
    fine, rough = (square(1, n, FLAT, 1.0, 1.0, walls="absorbing") for n in (40, 20))
    found = fp.levy_exit(fine, [0.1, 0.2])
    assert abs(fp.levy_exit(rough, [0.1, 0.2]).mean / found.mean - 1) < 2 * found.error
    # between those of the discs inside and around
    assert getoor([0.1, 0.2], 1.0) < found.mean < np.sqrt(2)


def test_tails_of_independent_components_are_those_of_lines():
    found = fp.levy_stationary(square(15, 48, BOWL, 1.5, 1.0, components="independent"))
    line = fp.Levy(
        fp.Grid.line(-15, 15, 256), fp.landscapes.from_expression("x**2 / 2", dim=1), 1.5, 1.0
    )
    assert found.outside == pytest.approx(2 * fp.levy_stationary(line).outside, rel=0.02)
    # who is outside was carried there, and stays for 1 / alpha on the mean: ln r falls with time
    assert found.outside == pytest.approx(found.escape_rate / 1.5, rel=0.15)


@pytest.mark.slow
def test_at_two_it_is_gaussian():
    """Mean passage into a ball, against the solver of Gaussian noise."""
    loss = fp.landscapes.from_expression("x**2 / 2 + y**2", dim=2)
    grid = fp.Grid.plane((-2, 2, 96), (-2, 2, 96))
    target = Ball([1.0, 0.5], 0.4)
    gauss = fp.mean_first_passage(
        fp.Problem(grid, loss, fp.noise.white(0.25)), [-0.5, 0.0], target
    ).mean
    found = fp.levy_first_passage(fp.PlaneLevy(grid, loss, 2.0, 0.5), [-0.5, 0.0], target)
    assert found.mean == pytest.approx(gauss, rel=5e-3)
    assert abs(found.mean / gauss - 1) < found.error
    mixed = fp.PlaneLevy(grid, loss, 2.0, 0.3, 0.16)
    assert fp.levy_first_passage(mixed, [-0.5, 0.0], target).mean == pytest.approx(found.mean)


def test_evolution_is_the_exponential():
    p = square(4, 16, WELLS, 1.5, 0.5)
    times = [0.3, 200.0]
    first, *found = plane_evolve_steps(p, [0.9, -0.7], [0.0, *times], tolerance=1e-6)
    q = p.generator().dense().T
    for step in found:
        away = np.abs(expm(step.time * q) @ first.mass.ravel() - step.mass.ravel()).sum()
        assert away < step.error + 2.5 * step.clipped + 1e-11
        assert step.error < 1e-6
        assert step.mass.sum() == pytest.approx(1, abs=1e-13)
    steady, _ = steady_masses(p)
    assert found[-1].mass == pytest.approx(steady, abs=1e-9)


@pytest.mark.slow
def test_survival_of_independent_components_factorises():
    p = square(1, 16, FLAT, 1.4, 0.6, walls="absorbing", components="independent")
    found = fp.levy_evolve(p, [0.0, 0.0], [0.2, 0.6])
    half = fp.Grid.plane((-1, 1, 16), (-1, 1, 16), walls=("absorbing", "reflecting"))
    one = fp.levy_evolve(
        fp.PlaneLevy(half, FLAT, 1.4, 0.6, components="independent"), [0.0, 0.0], [0.2, 0.6]
    )
    assert found.mass == pytest.approx(one.mass**2, rel=1e-6)
    line = fp.Levy(
        fp.Grid.line(-1, 1, 128, walls="absorbing"),
        fp.landscapes.from_expression("0 * x", dim=1),
        1.4,
        0.6,
    )
    law = fp.levy_evolve(line, 0.0, [0.2, 0.6]).mass
    assert found.mass == pytest.approx(law**2, rel=0.02)


def test_committor_between_wells():
    p = square(3, 24, WELLS, 1.5, 0.4)
    a, b = Ball([-1.0, 0.0], 0.5), Ball([1.0, 0.0], 0.5)
    forth, back = fp.levy_committor(p, a, b), fp.levy_committor(p, b, a)
    assert forth.forward + back.forward == pytest.approx(np.ones((24, 24)), abs=1e-8)
    assert forth.forward == pytest.approx(back.forward[::-1], abs=1e-8)


def test_walls_compete_with_a_target():
    """Probabilities of ending in one or the other sum to 1."""
    p = square(3, 24, WELLS, 1.5, 0.4, walls="absorbing")
    chain = KilledPlane(p, [Ball([1.0, 0.0], 0.5)])
    hit, _ = chain.system.solve(chain.absorption(0))
    killed = -chain.generator.apply(np.ones((24, 24))) - chain.absorption(0)
    lost, _ = chain.system.solve(np.where(chain.live, killed, 0.0))
    assert (hit + lost)[chain.live] == pytest.approx(1, abs=1e-9)
    fine = square(3, 32, WELLS, 1.5, 0.4, walls="absorbing")
    found = fp.levy_first_passage(fine, [-1.0, 0.0], Ball([1.0, 0.0], 0.5))
    assert 0.1 < found.probability < 0.99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 0.0}, "above 0 and at most 2"),
        ({"alpha": float("nan")}, r"noise\.alpha.*finite"),
        ({"scale": -1.0}, r"noise\.scale.*positive"),
        ({"scale": (1.0, 2.0)}, "independent"),
        ({"scale": (1.0, 0.0), "components": "independent"}, r"noise\.scale.*positive"),
        ({"temperature": -1.0}, "at least 0"),
        ({"components": "radial"}, "isotropic"),
        ({"outside": "bounced"}, "suppressed"),
        ({"walls": "periodic"}, "periodic"),
        ({"cells": 8}, "at least 16"),
    ],
)
def test_bad_problems_are_refused(change, message):
    given = {"half": 2, "cells": 20, "loss": BOWL, "alpha": 1.5, "scale": 1.0} | change
    with pytest.raises(CaseError, match=message):
        square(**given)


def test_bad_questions_are_refused():
    p = square(2, 20, WELLS, 1.5, 0.3)
    with pytest.raises(CaseError, match="nobody leaves"):
        fp.levy_exit(p, [0.0, 0.0])
    with pytest.raises(CaseError, match="lies in the target"):
        fp.levy_first_passage(p, [1.0, 0.0], Ball([1.0, 0.0], 0.5))
    with pytest.raises(CaseError, match="outside"):
        fp.levy_exit(p, [1.5, 0.0], Box([(-1, 1), (-1, 1)]))
    with pytest.raises(CaseError, match="never hits"):
        fp.levy_first_passage(p, [1.0, 0.0], Ball([-1.0, 0.0]))
    with pytest.raises(CaseError, match="overlap"):
        fp.levy_committor(p, Ball([0.0, 0.0], 0.5), Ball([0.3, 0.0], 0.5))
    with pytest.raises(CaseError, match="nothing is stationary"):
        fp.levy_stationary(square(2, 20, WELLS, 1.5, 0.3, walls="absorbing"))
    with pytest.raises(CaseError, match="does not lead back"):
        fp.levy_stationary(square(2, 20, FLAT, 1.5, 0.3))
    with pytest.raises(CaseError, match="increasing"):
        fp.levy_evolve(p, [0.0, 0.0], [1.0, 0.5])
    with pytest.raises(NumericalError, match="larger grid"):
        fp.levy_stationary(square(2, 20, BOWL, 1.0, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 1.9, 2.0])
def test_getoor_converges_with_the_square_of_the_cell(alpha):
    centre = np.array([0.0313, -0.047])
    errors, cells = [], [24, 48, 96, 192]
    for n in cells:
        p = square(1.13, n, FLAT, alpha, 1.0, walls="absorbing")
        chain = KilledPlane(p, [Ball(centre, 1.0)], inverted=True)
        u, _ = chain.system.solve(np.where(chain.live, 1.0, 0.0))
        r2 = np.sum((p.grid.points() - centre) ** 2, axis=-1)
        inner = r2 < 0.6
        exact = (1 - r2[inner]) ** (alpha / 2) / (2**alpha * gamma(1 + alpha / 2) ** 2)
        errors.append(np.abs(u[inner] / exact - 1).mean())
    assert errors[-1] < 1e-4
    assert np.polyfit(np.log(cells), np.log(errors), 1)[0] < -1.5


@pytest.mark.slow
def test_characteristic_function_on_many_cells():
    """Of second order in the cells where it turns fast; elsewhere what lies outside is as large."""
    gaps = []
    for n in (128, 256):
        p = square(20, n, BOWL, 1.5, 1.0)
        found = fp.levy_stationary(p)
        for k in ([0.4, 0.4], [0.5, 0.0], [0.8, -0.6]):
            mean = (found.density * np.cos(p.grid.points() @ np.array(k))).sum() * p.grid.volume
            gaps.append(abs(mean - np.exp(-(np.linalg.norm(k) ** 1.5) / 1.5)))
        assert max(gaps[-3:]) < min(found.outside + found.error, 3.5e-3)
    assert gaps[5] < 0.4 * gaps[2]
