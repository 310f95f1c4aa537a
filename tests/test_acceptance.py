"""What the program promises of Ornstein-Uhlenbeck problems, whose densities are Gaussians."""

import numpy as np
import pytest

from fokkerplanck.density import evolve
from fokkerplanck.grid import Grid
from fokkerplanck.initial import gaussian
from fokkerplanck.landscapes import from_expression
from fokkerplanck.noise import tensor, white
from fokkerplanck.problem import Problem
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from tests.fields import tensor as turned

BOWL = "(x**2 + y**2) / 2"
START, SPREAD = (1.0, 0.5), 0.1 * np.eye(2)


def bowl(ratio, cells, axes=(0, 1), signs=(1, 1)):
    """Isotropic bowl, D with principal axes at 30 degrees, at t = 1; or its mirror image."""
    grid = Grid.plane((-4, 4, cells), (-4, 4, cells))
    d = turned(0.5, 0.5 / ratio, np.pi / 6)[np.ix_(axes, axes)] * np.outer(signs, signs)
    mean = np.array(START)[list(axes)] * signs
    problem = Problem(grid, from_expression(BOWL, dim=2), tensor(d))
    found = evolve(problem, gaussian(grid, mean, covariance=SPREAD), [1.0], tolerance=1e-6)
    exact = OrnsteinUhlenbeck(np.eye(2), d).density_cells(grid, 1.0, mean, SPREAD)
    return found, float(np.abs(found.density[0] - exact).sum() * grid.volume)


@pytest.mark.parametrize(("ratio", "most"), [(10, 8e-4), (100, 5e-3)])
def test_bowl_with_tensor(ratio, most):
    found, error = bowl(ratio, 256)
    assert error <= most
    assert found.minimum_density >= 0
    assert found.mass_error <= 1e-12


def test_order_of_the_bowl():
    errors = np.array([bowl(10, cells)[1] for cells in (64, 128, 256)])
    assert np.log2(errors[:-1] / errors[1:]).min() >= 1.9


@pytest.mark.parametrize(
    ("axes", "signs"), [((1, 0), (1, 1)), ((0, 1), (-1, 1)), ((1, 0), (-1, 1))]
)
def test_turned_bowl(axes, signs):
    """Exchanging, mirroring or turning the problem by 90 degrees does so to its density."""
    first = bowl(10, 48)[0]
    second = bowl(10, 48, axes, signs)[0]
    expected = np.transpose(first.density[0], axes)
    for axis, sign in enumerate(signs):
        expected = expected if sign > 0 else np.flip(expected, axis)
    assert np.abs(second.density[0] - expected).sum() * first.grid.volume <= 1e-12


@pytest.mark.parametrize(("cells", "most"), [(256, 8e-4), (1024, 5e-5), (4096, 3e-6)])
def test_parabola(cells, most):
    """A narrow start at 2, D = 1/2, t = 1, on [-6, 6]."""
    grid = Grid.line(-6, 6, cells)
    problem = Problem(grid, from_expression("x**2 / 2", dim=1), white(0.5))
    found = evolve(problem, gaussian(grid, 2.0, 0.2), [1.0])
    exact = OrnsteinUhlenbeck(1.0, 0.5).density_cells(grid, 1.0, [2.0], [[0.04]])
    assert np.abs(found.density[0] - exact).sum() * grid.volume <= most
    assert found.minimum_density >= 0
    assert found.mass_error <= 1e-12
