"""What a figure in the plane cuts off is empty, and what it keeps stays where it was."""

import numpy as np
import pytest

from fokkerplanck.grid import Grid
from fokkerplanck.plot.select import Shot
from fokkerplanck.plot.subject import Subject
from fokkerplanck.plot.wells import find_wells
from fokkerplanck.plot.window import crop
from tests.plot_results import normal


def subject(grid: Grid, mean: tuple[float, float] = (1.0, 1.0)) -> Subject:
    loss = ((grid.points() - np.array([1.5, 0.5])) ** 2).sum(axis=-1)
    states = (Shot(normal(grid, mean, 0.3), None, 1.0),)
    return Subject(grid, loss, find_wells(loss, grid), states, None, None, None)


def test_cut_keeps_the_mass_the_minima_and_every_place() -> None:
    whole = subject(Grid.plane((-5, 5, 200), (-4, 6, 100)))
    part = crop(whole)
    assert np.prod(part.grid.shape) < 0.2 * np.prod(whole.grid.shape)
    assert part.grid.spacing == pytest.approx(whole.grid.spacing, rel=1e-12)
    density, points = part.shots[0].density, part.grid.points()
    assert part.grid.integrate(density) == pytest.approx(1.0, abs=5e-3)
    assert part.loss == pytest.approx(((points - [1.5, 0.5]) ** 2).sum(axis=-1), abs=1e-12)
    peak = points[np.unravel_index(density.argmax(), density.shape)]
    assert np.abs(peak - 1.0).max() <= max(part.grid.spacing)
    for axis, place in zip(part.grid.axes, whole.wells.bottoms[0], strict=True):
        assert axis.min < place < axis.max


def test_logarithmic_figures_see_further() -> None:
    whole = subject(Grid.plane((-5, 5, 200), (-4, 6, 100)))
    linear, logarithmic = crop(whole).grid, crop(whole, log=True).grid
    for near, far in zip(linear.axes, logarithmic.axes, strict=True):
        assert far.min < near.min
        assert near.max < far.max


def test_axis_that_is_needed_or_periodic_stays_whole() -> None:
    narrow = subject(Grid.plane((-0.3, 2.3, 50), (-9, 11, 200), ("reflecting", "periodic")))
    assert crop(narrow).grid == narrow.grid
