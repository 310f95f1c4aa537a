"""Escape of SGD in any number of dimensions: s from the landscape, and what happens across."""

from __future__ import annotations

from contextlib import suppress
from math import exp, log, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import landscapes, noise, sets
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.critical import critical_points
from fokkerplanck.landscapes.descent_path import descent_path
from fokkerplanck.landscapes.newton import Box
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.regions import borders
from fokkerplanck.theory.density_diffusion import FrozenEscape, parabola_switch
from fokkerplanck.theory.eyring_kramers import over_paths
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.passage_quadrature import line_passage
from fokkerplanck.theory.sgd_escape import SgdEscape
from fokkerplanck.theory.sgd_path import along_path, climb_on_path

INFLECTION = 3**-0.5


class Valley:
    """``(u^2 - 1)^2 / 4 + sum_i k_i e^(r_i u^2) w_i^2 / 2`` in turned coordinates (u, w)."""

    def __init__(self, stiffness, growth, turn=None):
        self.k, self.r = np.array(stiffness, dtype=float), np.array(growth, dtype=float)
        self.turn = np.eye(1 + self.k.size) if turn is None else turn

    def _parts(self, points):
        y = np.asarray(points) @ self.turn
        u, w = y[..., 0], y[..., 1:]
        h = self.k * np.exp(self.r * u[..., None] ** 2)
        return u, w, h

    def loss(self, points):
        u, w, h = self._parts(points)
        return (u**2 - 1) ** 2 / 4 + 0.5 * (h * w**2).sum(-1)

    def gradient(self, points):
        u, w, h = self._parts(points)
        along = u**3 - u + u * (self.r * h * w**2).sum(-1)
        return np.concatenate([along[..., None], h * w], axis=-1) @ self.turn.T

    def hessian(self, points):
        u, w, h = self._parts(points)
        n = 1 + self.k.size
        out = np.zeros((*u.shape, n, n))
        bent = self.r * h * (1 + 2 * self.r * u[..., None] ** 2)
        out[..., 0, 0] = 3 * u**2 - 1 + (bent * w**2).sum(-1)
        out[..., 0, 1:] = out[..., 1:, 0] = 2 * self.r * u[..., None] * h * w
        out[..., range(1, n), range(1, n)] = h
        return self.turn @ out @ self.turn.T


def rotation(n, seed=2):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def test_switch_of_the_quartic_is_found_not_fitted():
    law = along_path(landscapes.quartic(), [-1.0], [0.0], 0.025)
    assert law.frozen.switch == pytest.approx(4 / 9, rel=1e-13)
    assert law.climb == pytest.approx(7 / 36 / 0.025, rel=1e-13)
    assert law.valid
    assert law.log_published == pytest.approx(log(14997.7406317), rel=1e-12)
    assert law.time(1.0) == pytest.approx(14997.7406317 / 2, rel=1e-11)


@pytest.mark.parametrize(("well", "top"), [(4.0, 1.0), (1.0, 4.0), (2.0, 1.0)])
def test_switch_of_matched_parabolas(well, top):
    given = landscapes.piecewise_quadratic(
        1, curvature=(well, 2.0), saddle_curvature=top, barrier=(1.0, 0.5)
    )
    law = along_path(given, [given.minima[0]], [0.0], 0.01)
    assert law.frozen.switch == pytest.approx(parabola_switch(well, top), rel=1e-12)
    assert law.climb == pytest.approx(1 / (0.01 * (well + top)) * (top / well + well / top))


def test_the_switch_is_where_the_frozen_model_has_it():
    given = landscapes.from_expression("x**4/4 - x**2/2 + x/10", 1)
    grid = Grid.line(-2, 2, 200)
    left, right, saddle = critical_points(given, grid)
    edges = borders(given, grid)
    for minimum, edge in ((left, edges[0]), (right, edges[1])):
        law = along_path(given, minimum.position, saddle.position, 0.01)
        found = (given.loss(edge[None]) - minimum.loss) / (saddle.loss - minimum.loss)
        assert law.frozen.switch == pytest.approx(float(found), rel=1e-12)
        process = LineProcess(
            lambda x: 0.01 * noise_at(given, grid, x),
            drift=lambda x: -given.gradient(x[:, None])[:, 0],
            breaks=edges.tolist(),
        )
        exact = process.climb(float(minimum.position[0]), float(saddle.position[0]))
        assert law.climb == pytest.approx(exact, rel=1e-11)


def noise_at(given, grid, x):
    return noise.hessian(2.0, 1).at(given, grid, x[:, None])[:, 0, 0]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_constant_valleys_of_any_dimension_are_a_line(n):
    turn = rotation(n)
    given = Valley(np.linspace(0.5, 3, n - 1), np.zeros(n - 1), turn)
    law = along_path(given, -turn[:, 0], 0.01 * turn[:, 0], 0.02)
    line = FrozenEscape(2.0, -1.0, 0.25, 0.02, 4 / 9)
    assert law.frozen.switch == pytest.approx(4 / 9, rel=1e-11)
    assert law.valid
    assert law.across == 0
    assert abs(law.direction @ turn[:, 0]) == pytest.approx(1, rel=1e-13)
    for kappa in (0.0, 0.5, 1.0):
        assert law.log_time(kappa) == pytest.approx(line.log_time(kappa), rel=1e-11)


def test_factors_of_several_directions_multiply():
    alone = [
        along_path(Valley([k], [r]), [-1.0, 0.0], [0.0, 0.0], 0.02).across
        for k, r in ((1.0, log(2.0)), (2.0, -log(2.0)))
    ]
    turn = rotation(3)
    both = Valley([1.0, 2.0], [log(2.0), -log(2.0)], turn)
    law = along_path(both, -turn[:, 0], np.zeros(3), 0.02)
    assert law.across == pytest.approx(sum(alone), rel=1e-5)
    assert law.valid


@pytest.mark.parametrize(
    ("well", "top"), [(1.0, 2.0), pytest.param(2.0, 1.0, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "reading", ["ito", pytest.param("hanggi-klimontovich", marks=pytest.mark.slow)]
)
def test_changing_curvature_across_against_the_plane(well, top, reading):
    growth = log(well / top)
    given = landscapes.from_expression(
        "(x**2 - 1)**2/4 + k*exp(r*x**2)*y**2/2", 2, parameters={"k": top, "r": growth}
    )
    ratios = []
    for eb in (0.0125, 0.00625):
        side = 7 * eb**0.5
        grid = Grid.plane((-1.8, 1.8, 320), (-side, side, 120))
        problem = Problem(grid, given, noise.hessian(2 * eb, 1, reading=reading))
        plane = mean_first_passage(problem, [-1.0, 0.0], sets.HalfPlane([1.0, 0.0], 1.0)).mean
        line = LineProcess(
            lambda x, eb=eb: eb * np.where(3 * x * x > 1, 2.0, 1.0),
            drift=lambda x: x - x**3,
            kappa=problem.noise.kappa,
            breaks=[-INFLECTION, INFLECTION],
        )
        ratios.append(plane / line_passage(line, -1.0, 1.0).mean)
    law = along_path(given, [-1.0, 0.0], [0.0, 0.0], 0.00625)
    # the rest is linear in eb
    assert 2 * ratios[1] - ratios[0] == pytest.approx(exp(law.across), rel=4e-3)
    assert law.valid
    # without that factor the law is off by a third
    assert abs(exp(law.across) - 1) > 0.3


def test_hessians_alone_say_when_a_factor_is_missing():
    law = SgdEscape.of(np.diag([2.0, 1.0]), np.diag([-1.0, 1.0]), 0.25, 0.025, 4 / 9)
    assert law.valid
    assert law.log_published == pytest.approx(log(2 * pi) + law.climb, rel=1e-14)
    differ = SgdEscape.of(np.diag([2.0, 4.0]), np.diag([-1.0, 1.0]), 0.25, 0.025, 4 / 9)
    assert "depends on the path" in differ.note
    turn = rotation(2)
    crossed = SgdEscape.of(
        turn @ np.diag([2.0, 1.0]) @ turn.T, np.diag([-1.0, 1.0]), 0.25, 0.025, 4 / 9
    )
    assert "quasi-potential" in crossed.note
    low = SgdEscape.of(2.0, -1.0, 0.25, 0.05, 4 / 9)
    assert "below 5" in low.note
    assert not low.valid


def test_climb_of_any_noise_on_the_path():
    turn = rotation(3)
    given = Valley([1.0, 2.0], [0.0, 0.0], turn)
    path = descent_path(given, -turn[:, 0], np.zeros(3))

    def frozen(points):
        u = points @ turn[:, 0]
        along = np.where(3 * u**2 > 1, 2.0, 1.0)[:, None, None]
        e = turn[:, 0]
        return along * np.outer(e, e) + np.eye(3) - np.outer(e, e)

    assert climb_on_path(given, path, frozen) == pytest.approx(7 / 36, rel=1e-4)
    white = climb_on_path(given, path, lambda x: np.broadcast_to(0.1 * np.eye(3), (len(x), 3, 3)))
    assert white == pytest.approx(2.5, rel=1e-9)
    # up a bent path noise has to be white for the climb to be that of the loss
    bent = landscapes.mueller_brown()
    way = descent_path(bent, [-0.558, 1.442], [-0.822, 0.624])
    assert way.bend > 0.05
    climb = climb_on_path(bent, way, lambda x: np.broadcast_to(np.eye(2), (len(x), 2, 2)))
    ends = bent.loss(np.array([way.minimum, way.saddle]))
    assert climb == pytest.approx(float(ends[1] - ends[0]), rel=1e-9)


def test_two_ways_out_add():
    law = along_path(landscapes.quartic(), [-1.0], [0.0], 0.025)
    both = over_paths([law.rate(1.0), law.rate(1.0)])
    assert both.time == pytest.approx(law.time(1.0) / 2, rel=1e-14)


def test_a_bent_path_is_followed_but_the_law_is_not_valid():
    given = landscapes.mueller_brown()
    grid = Grid.plane((-1.5, 1.2, 60), (-0.3, 2.0, 60))
    points = critical_points(given, grid)
    minima = [p for p in points if p.kind == "minimum"]
    saddles = [p for p in points if p.kind == "saddle"]
    laws = []
    for minimum in minima:
        for saddle in saddles:
            with suppress(CaseError):  # where the one does not lead to the other
                laws.append(along_path(given, minimum.position, saddle.position, 1e-3))
    assert len(laws) == 4  # two saddles, both sides of each
    assert all("share" in law.note and 0 < law.frozen.switch < 1 for law in laws)


def test_around_a_ring():
    wave = landscapes.from_expression("cos(x)", 1)
    grid = Grid.line(0, 2 * pi, 60, "periodic")
    box = Box.around(grid)
    law = along_path(wave, [pi], [0.0], 0.01, box=box)
    assert law.frozen.switch == pytest.approx(0.5, rel=1e-12)
    # the same over the image of the saddle
    far = along_path(wave, [pi], [2 * pi], 0.01, box=box)
    assert far.climb == pytest.approx(law.climb, rel=1e-12)


@pytest.mark.parametrize(
    ("minimum", "saddle", "said"),
    [
        ([0.0], [-1.0], "no minimum"),
        ([-1.0], [1.0], "no saddle"),
        ([-1.0], [-0.5], "no critical point"),
    ],
)
def test_points_of_another_kind_are_refused(minimum, saddle, said):
    with pytest.raises(CaseError, match=said):
        along_path(landscapes.quartic(), minimum, saddle, 0.01)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(0.2, 5), st.floats(0, 1))
def test_axes_do_not_matter_and_curvatures_rescale(n, seed, k, kappa):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(n, n)))[0]
    across = rng.uniform(0.3, 3, n - 1)
    well, top, s = rng.uniform(0.5, 4), -rng.uniform(0.5, 4), rng.uniform(0, 1)
    ends = [turn @ np.diag([h, *across]) @ turn.T for h in (well, top)]
    law = SgdEscape.of(*ends, 1.0, 0.01, s)
    line = FrozenEscape(well, top, 1.0, 0.01, s)
    assert law.valid
    assert law.log_time(kappa) == pytest.approx(line.log_time(kappa), rel=1e-9)
    # L(sqrt(k) x): gamma(k, eb) = k gamma(1, k eb)
    steep = SgdEscape.of(*(k * h for h in ends), 1.0, 0.01, s)
    same = SgdEscape.of(*ends, 1.0, 0.01 * k, s)
    assert steep.log_time(kappa) == pytest.approx(same.log_time(kappa) - log(k), rel=1e-9)
