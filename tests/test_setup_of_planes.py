"""Setting up planes: one tensor for all cells, pieces, slopes that are not needed, clusters."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.solvers import pieces
from fokkerplanck.solvers.assemble import find_links, on_links
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.joints import _clusters_kernel
from tests.fields import tensor

LOSS = landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 + sin(x * y)", 2)
WALLS = [("reflecting", "absorbing"), ("absorbing", ("reflecting", "absorbing")), "periodic"]


def problem(d, walls=("reflecting", "absorbing"), cells=40):
    """A driven problem; on periodic axes the loss is periodic, too."""
    loss = landscapes.from_expression("cos(pi * x) + sin(2 * pi * y)", 2)
    loss = loss if walls == "periodic" else LOSS
    grid = Grid.plane((-2, 2, cells), (-1, 2, cells + 3), walls)
    return Problem(grid, loss, noise.tensor(d), forces.expressions(["-y", "x / 2"]))


@pytest.mark.parametrize("walls", WALLS)
@pytest.mark.parametrize(
    "d", [np.diag([0.3, 0.3]), np.diag([0.3, 0.02]), tensor(0.5, 0.02, 0.4), tensor(1, 3e-3, 0.7)]
)
def test_one_tensor_for_all_cells_has_the_links_of_as_many_tensors(d, walls):
    """Cells at walls, links that a wall cuts and those of clusters, too, to the last bit."""
    one = problem(d, walls).fields()
    many = Fields(
        one.shape, one.spacing, one.walls, np.array(one.diffusion), one.potential, one.gradient,
        one.force,
    )  # fmt: skip
    assert one.tensor is not None
    assert many.tensor is None
    found, expected = find_links(one), find_links(many)
    for name in found.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


@pytest.mark.parametrize("d", [tensor(0.5, 0.02, 0.4), [["0.3 + x**2 / 9", 0.1], [0.1, "0.4"]]])
def test_results_are_the_same_for_any_number_of_threads(d, monkeypatch):
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(pieces, "available_threads", lambda threads=threads: threads)
        made = problem(d, cells=260)
        links = made.links()
        rates = [on_links(links, made.fields(), w) for w in ("fitted", "midpoint")]
        found.append([*vars(links).values(), *(r for g in rates for r in (g.forward, g.backward))])
    for one, several in zip(*found, strict=True):
        np.testing.assert_array_equal(one, several)


def test_of_several_failures_that_of_the_first_piece_is_told():
    def task(low, high):
        if low >= 30:
            msg = f"from {low} to {high}"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="from 30 to 40"):
        pieces.in_pieces(task, 1000, 10)


def test_finite_numbers_whose_sum_overflows_are_finite():
    assert pieces.all_finite(np.full(10, 1e308))
    for bad in (np.inf, -np.inf, np.nan):
        assert not pieces.all_finite(np.array([1.0, bad, 2.0]))
    assert not pieces.all_finite(np.array([np.inf, -np.inf]))


@pytest.mark.parametrize("d", [0.1, 0.2])
def test_slopes_are_evaluated_when_they_are_asked_for(d):
    grid = Grid.plane((-2, 2, 12), (-1, 2, 15))
    fields = Problem(grid, LOSS, noise.white(d)).fields()
    assert "gradient" not in vars(fields)  # links along the axes do without
    np.testing.assert_array_equal(fields.gradient, LOSS.gradient(grid.half_points()))
    assert fields.gradient is fields.gradient
    twice = fields.scaled(2.0)
    np.testing.assert_array_equal(twice.diffusion, 2.0 * fields.diffusion)
    assert twice.gradient is fields.gradient


def test_slopes_that_are_not_finite_are_refused_even_where_no_link_needs_them():
    loss = landscapes.from_expression("(x**2)**0.3 + y**2", 2)
    with pytest.raises(CaseError, match=r"not finite at x = 0, y = -1") as error:
        Problem(Grid.plane((-1, 1, 10), (-1, 1, 10)), loss, noise.white(0.1)).fields()
    assert error.value.key == "landscape.loss"


@pytest.mark.parametrize(
    "landscape",
    [
        LOSS,
        landscapes.from_expression("x", 2),
        landscapes.from_expression("0 * x + 2", 2),
        landscapes.from_expression("where(x < y, exp(x), exp(y)) + atan2(y + 3, x + 3)", 2),
        landscapes.decayed(LOSS, 0.3),
        landscapes.rotated(LOSS, 20),
        landscapes.quartic(2, coupling=0.3),
        landscapes.mueller_brown(),
    ],
)
def test_values_on_axes_are_those_at_the_points(landscape):
    grid = Grid.plane((-2, 2, 9), (-1, 2, 6))
    axes, points = [a.half_points for a in grid.axes], grid.half_points()
    np.testing.assert_array_equal(landscape.loss_on(axes), landscape.loss(points))
    np.testing.assert_array_equal(landscape.gradient_on(axes), landscape.gradient(points))


@pytest.mark.parametrize("links", [0, 30, 60, 120])
def test_clusters_are_those_of_a_graph_search(links):
    rng = np.random.default_rng(links)
    tail, head = rng.integers(0, 100, (2, links)).astype(np.int32)
    label = np.arange(100, dtype=np.int32)
    count = _clusters_kernel(tail, head, label)
    graph = coo_array((np.ones(links), (tail, head)), shape=(100, 100))
    expected, other = connected_components(graph, directed=False)
    assert count == expected == np.unique(label).size
    assert np.unique(label + 100 * other).size == expected
