"""Stationary states of problems: entropy production of every reading, steep landscapes."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import forces
from fokkerplanck.solvers.fields import KAPPA

TENSOR = [["0.1 + 0.02 * x**2", "0.03"], ["0.03", "0.1"]]


def gaussian_problem(reading, n, turning=0.0):
    """Stationary density N(0, I) with current ``turning (-y, x) p``, by choice of the force."""
    kappa = KAPPA[reading]
    force = (
        f"-(0.1 + 0.02 * x**2) * x - 0.03 * y + {kappa} * 0.04 * x - {turning} * y",
        f"-0.03 * x - 0.1 * y + {turning} * x",
    )
    return fp.Problem(
        fp.Grid.plane((-6, 6, n), (-6, 6, n)),
        fp.landscapes.from_expression("0 * x", dim=2, parameters={}),
        fp.noise.tensor(TENSOR, reading=reading),
        forces.expressions(force, {}),
    )


@pytest.mark.parametrize("reading", KAPPA)
@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_no_current_is_no_entropy_production(reading, weight):
    """Full tensors that vary: terms of the reading that carry no current do not dissipate."""
    coarse, fine = (
        fp.stationary(gaussian_problem(reading, n, 0.0), weight).entropy_production
        for n in (24, 48)
    )
    assert 0 <= fine < 1e-6
    assert fine < coarse / 8


@pytest.mark.parametrize("reading", KAPPA)
def test_entropy_production_of_a_turning_gaussian(reading):
    r"""J = c (-y, x) p, so that the production is :math:`c^2 <v D^{-1} v>`, v = (-y, x)."""
    turning = 0.1
    problem = gaussian_problem(reading, 64, turning)
    found = fp.stationary(problem)
    x, y = (problem.grid.points()[..., k] for k in range(2))
    p = np.exp(-(x**2 + y**2) / 2) / (2 * np.pi)
    v = turning * np.stack([-y, x], axis=-1)
    force = np.linalg.solve(problem.diffusion(), v[..., None])[..., 0]
    exact = float(np.sum((v * force).sum(axis=-1) * p) * problem.grid.volume)
    assert found.entropy_production == pytest.approx(exact, rel=1e-2)
    again = fp.current(problem, found.density, weight=found.weight)
    assert again.entropy_production == pytest.approx(found.entropy_production, rel=1e-9)
    assert "..." not in repr((found, again))
    assert np.abs(found.current - v * p[..., None]).max() < 1e-2 * np.abs(v * p[..., None]).max()


def test_landscapes_too_steep_for_the_grid_keep_the_tame_weights():
    """Hessian noise on the Mueller-Brown surface: midpoint rates would grow like exp(climb/2)."""
    problem = fp.Problem(
        fp.Grid.plane((-1.6, 1.2, 48), (-0.4, 2.1, 48)),
        fp.landscapes.mueller_brown(),
        fp.noise.hessian(0.1, 1, model="absolute", floor=1.0),
    )
    asked, fitted = fp.stationary(problem, "midpoint"), fp.stationary(problem, "fitted")
    assert asked.weight == "fitted"
    assert asked.entropy_production == pytest.approx(fitted.entropy_production, rel=1e-9)


def test_a_grid_too_coarse_for_the_noise_is_told():
    """The mean climb tends to sqrt(2/pi) cell widths over the width of a well."""
    well = fp.landscapes.from_expression("2 * x**2", 1)
    climbs = []
    for cells in (12, 480, 960):
        problem = fp.Problem(fp.Grid.line(-2, 2, cells), well, fp.noise.white(0.02))
        climbs.append(fp.stationary(problem).mean_climb)
    assert climbs[0] > 10
    assert climbs[1] / climbs[2] == pytest.approx(2, rel=0.05)
    h, width = 4 / 960, np.sqrt(0.02 / 4)
    assert climbs[2] == pytest.approx(np.sqrt(2 / np.pi) * h / width, rel=0.05)
