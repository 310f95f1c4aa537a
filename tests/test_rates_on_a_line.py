"""Rates between three wells or more on a line or ring, where only neighbours are connected."""

import numpy as np
import pytest

import fokkerplanck as fp

LINE = fp.Grid.line(-1.8, 1.8, 64)
RING = fp.Grid.line(0.0, 2 * np.pi, 64, walls="periodic")


@pytest.mark.parametrize(
    ("grid", "loss", "apart"),
    [
        (LINE, "8 * x**2 * (x**2 - 1)**2 * (1 + x / 4)", [(0, 2)]),
        (RING, "cos(4 * x) + 0.2 * sin(x)", [(0, 2), (1, 3)]),
        (RING, "cos(3 * x) + 0.2 * sin(x)", []),
    ],
)
def test_the_chain_of_wells_has_the_passage_times_of_the_whole(grid, loss, apart):
    problem = fp.Problem(grid, fp.landscapes.from_expression(loss, 1), fp.noise.white(0.2))
    found = fp.rate_matrix(problem)
    n = len(found.wells)
    assert [(i, j) for i, j in zip(*np.where(found.rates == 0), strict=True) if i < j] == apart
    flux = found.populations[:, None] * found.rates
    np.testing.assert_allclose(flux, flux.T, rtol=1e-11)  # detailed balance
    times = found.passage_times()
    for i, j in np.ndindex(n, n):
        if i != j:
            end = fp.sets.Ball(found.wells[j].position, radius=0.0)
            exact = fp.mean_first_passage(problem, found.wells[i].position, end).mean
            assert times[i, j] == pytest.approx(exact, rel=1e-11)


def test_selection_among_three_wells_on_a_line():
    loss = fp.landscapes.from_expression("8 * x**2 * (x**2 - 1)**2", 1)
    problem = fp.Problem(LINE, loss, fp.noise.white(0.2))
    found = fp.select_minima(problem)
    x = np.linspace(-1.8, 1.8, 36_001)
    weight = np.exp(-loss.loss(x[:, None]) / 0.2)
    inside = np.abs(x) < 1 / np.sqrt(3)
    share = weight[inside].sum() / weight.sum()
    assert found.occupation[1] == pytest.approx(share, rel=1e-3)
    assert found.occupation[0] == pytest.approx(found.occupation[2], rel=1e-11)
    assert found.log10_dwell[0] == pytest.approx(found.log10_dwell[2], rel=1e-9)
