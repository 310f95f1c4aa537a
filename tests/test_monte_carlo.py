"""Densities against ensembles of paths: nothing is shared but the equation of motion."""

import numpy as np
import pytest

from fokkerplanck.density import evolve
from fokkerplanck.forces import function
from fokkerplanck.grid import Grid
from fokkerplanck.initial import gaussian
from fokkerplanck.landscapes import from_expression
from fokkerplanck.noise import tensor
from fokkerplanck.problem import Problem

READINGS = {"ito": 0.0, "stratonovich": 0.5, "hanggi-klimontovich": 1.0}
#: Directions of three noises whose strengths vary with the position: D is full and turns.
ALONG = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
LOSS = from_expression("(x**2 - 1)**2 / 4 + (y - 0.3*x)**2", dim=2)
START, SPREAD, TIME = (-0.6, 0.2), 0.25, 0.5


def strengths(points):
    """Of the three noises, shape (..., 3)."""
    x, y = points[..., 0], points[..., 1]
    along_x, along_y = 0.3 + 0.2 * np.sin(2 * x), 0.2 + 0.1 * np.cos(2 * x + y)
    return np.stack([along_x, along_y, 0.15 + 0.1 * np.sin(2 * y)], -1)


def diffusion(points):
    return np.einsum("...k,ki,kj->...ij", strengths(points), ALONG, ALONG)


def turning(points):
    """A force that is no gradient."""
    return 0.8 * np.stack([-points[..., 1], points[..., 0]], -1)


def paths(reading, count, steps, seed):
    """Ends of paths whose noise is taken at the start, middle or end of each step."""
    rng = np.random.default_rng(seed)
    z = np.array(START) + SPREAD * rng.standard_normal((count, 2))
    dt = TIME / steps
    for _ in range(steps):
        kick = rng.standard_normal((count, 3)) * np.sqrt(2 * dt)
        drift = (turning(z) - LOSS.gradient(z)) * dt
        noise = (np.sqrt(strengths(z)) * kick) @ ALONG
        if READINGS[reading]:
            where = z + READINGS[reading] * (drift + noise)
            noise = (np.sqrt(strengths(where)) * kick) @ ALONG
        z = z + drift + noise
    return z


def density(reading, cells=96):
    grid = Grid.plane((-4, 4, cells), (-4, 4, cells))
    problem = Problem(grid, LOSS, tensor(diffusion, reading=reading), function(turning))
    start = gaussian(grid, START, SPREAD)
    return grid, evolve(problem, start, [TIME], tolerance=1e-6).density[0]


def deviations(ends, grid, p):
    """Mean, second moments and occupied boxes, in standard errors of the paths."""
    points, mass = grid.points().reshape(-1, 2), p.ravel() * grid.volume
    observables = [
        *(lambda z, i=i: z[:, i] for i in (0, 1)),
        *(lambda z, i=i, j=j: z[:, i] * z[:, j] for i, j in ((0, 0), (0, 1), (1, 1))),
        *(
            lambda z, a=a, b=b: (np.floor(z[:, 0]) == a) & (np.floor(z[:, 1]) == b)
            for a in (-2, -1, 0, 1)
            for b in (-1, 0)
        ),
    ]
    out = []
    for observable in observables:
        sample = observable(ends).astype(float)
        error = sample.std() / np.sqrt(len(ends))
        out.append((sample.mean() - mass @ observable(points)) / error)
    return np.array(out)


@pytest.mark.parametrize("reading", READINGS)
def test_plane_with_turning_tensor(reading):
    z = deviations(paths(reading, 40_000, 100, seed=7), *density(reading))
    assert np.abs(z).max() < 4


def test_readings_are_told_apart():
    """The same paths contradict the other readings, so that the test above can fail."""
    ends = paths("ito", 40_000, 100, seed=8)
    for other in ("stratonovich", "hanggi-klimontovich"):
        assert np.abs(deviations(ends, *density(other))).max() > 10
