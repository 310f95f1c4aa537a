"""The multigrid solver against a factorisation, entry by entry, and what it proves of itself."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck.passage import mean_first_passage
from fokkerplanck.plane_chain import PlaneChain
from fokkerplanck.sets import Ball
from fokkerplanck.solvers import multigrid_kernels as kernels
from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.multigrid import hierarchy, padded, right_hand_sides
from fokkerplanck.solvers.multigrid_rows import strips
from fokkerplanck.solvers.plane_solver import ACCEPTED, PlaneSolver, suits
from fokkerplanck.solvers.reduction import Reduction
from fokkerplanck.solvers.rest_solver import RestSolver
from tests.escapes import COUPLED_MINIMUM, coupled
from tests.fields import plane, plane_fields, tensor

RIGHT = np.array(COUPLED_MINIMUM)
#: from 200 000 cells on; its kernels take a while to compile
pytestmark = pytest.mark.slow

DISC = Ball(RIGHT, 0.25)


def driven(seed, cells=40, walls="absorbing", strength=6.0):
    """A chain with a turning tensor, a random landscape and a force that is no gradient."""
    rng = np.random.default_rng(seed)
    grid = plane(1.0, cells, (walls, "reflecting"))
    a, b, c, d = strength * rng.normal(size=4)
    centre = grid.points()
    angle = rng.normal() + centre[..., 0] * centre[..., 1]
    turned = np.array([[tensor(1.0, 0.4, v) for v in row] for row in angle])
    return assemble(
        plane_fields(
            grid,
            turned,
            lambda x, y: a * x * y + b * np.sin(2 * x + y),
            lambda x, y: (a * y + 2 * b * np.cos(2 * x + y), a * x + b * np.cos(2 * x + y)),
            lambda x, y: (c * y, d * x),
        )
    )


def sources(n, seed):
    """Right-hand sides: everywhere, random with gaps, and a point."""
    rng = np.random.default_rng(seed)
    point = np.zeros(n)
    point[n // 3] = 1.0
    return np.stack([np.ones(n), rng.random(n) * (rng.random(n) < 0.3), point], axis=1)


def both(generator, removed=()):
    """The two solvers of a chain without some cells."""
    kept = np.ones(generator.cells, dtype=bool)
    kept[list(removed)] = False
    plane_solver = PlaneSolver(generator, kept)
    return plane_solver, RestSolver(generator, np.flatnonzero(kept), 0.0, "lu")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("trans", ["N", "T"])
def test_driven_chains_entry_by_entry(seed, trans):
    generator = driven(seed)
    fast, sure = both(generator, [7, 900])
    b = sources(generator.cells - 2, seed)
    found, right = fast.solve(b, trans), sure.solve(b, trans)
    assert np.abs(found / right - 1).max() < fast.error + 1e-11
    assert fast.error < ACCEPTED


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 14))
@pytest.mark.parametrize("cells", [33, 64])
def test_many_driven_chains(seed, cells):
    """Right within the stated error; refused only where mass stays long in wells without anchor."""
    generator = driven(seed, cells, strength=3.0 + 2 * seed)
    fast, sure = both(generator, [seed, cells**2 // 2])
    for trans in ("N", "T"):
        b = sources(generator.cells - 2, seed)
        try:
            found, right = fast.solve(b, trans), sure.solve(b, trans)
        except NumericalError:
            assert sure.jumps().max() > 2e6
            continue
        large = right > 1e-280
        assert np.abs(found[large] / right[large] - 1).max() < fast.error + 1e-9


def test_levels_are_chains():
    """On every level rates are not negative, and at most all of the jumps end."""
    kept = np.ones(1600, dtype=bool)
    kept[[5, 811]] = False
    for level in PlaneSolver(driven(3), kept).levels:
        assert level.stencil.min() >= 0.0
        assert level.stencil.sum(axis=0).max() <= 1 + 1e-13


def test_diffusion_is_the_same_on_every_level():
    """A smooth function has those right-hand sides on coarse cells that its fine ones give."""
    n = 127
    stencil = np.zeros((4, n + 2, n + 2))
    stencil[:, 1:-1, 1:-1] = 0.25
    stencil[0, :, 1] = stencil[1, :, n] = stencil[2, 1] = stencil[3, n] = 0.0
    levels = hierarchy(stencil)
    wave = np.sin(np.pi * np.arange(n + 2) / (n + 1))
    u = np.outer(wave, wave)
    b = np.zeros_like(u)
    kernels.product(stencil, u, b, 1, n + 1)
    for level, side in zip(levels[1:3], right_hand_sides(levels, b)[1:3], strict=True):
        u = padded(u[1:-1:2, 1:-1:2])
        own = np.zeros_like(u)
        kernels.product(level.stencil, u, own, 1, len(u) - 1)
        centre = len(u) // 2
        assert own[centre, centre] == pytest.approx(side[centre, centre], rel=0.05)


@pytest.mark.parametrize("ways", [4, 8])
@pytest.mark.parametrize("cells", [(37, 50), (64, 31)])
def test_coarse_chains_absorb_what_is_absorbed(ways, cells):
    """What is met on the way between coarse cells, killing included, is what they lose.

    So an answer that is the same everywhere, which takes longest to build up, is corrected at once.
    """
    rng = np.random.default_rng(ways)
    inner = np.zeros(np.add(cells, 2))
    inner[1:-1, 1:-1] = 1.0
    stencil = rng.random((ways, *inner.shape)) * inner
    for k, (x, y) in enumerate(kernels.WAYS[:ways]):  # none leads off the grid
        stencil[k] *= np.roll(inner, (-x, -y), (0, 1))
    total = stencil.sum(axis=0)
    stencil /= np.where(total > 0, total, 1.0) * (1.0 + 0.1 * rng.random(inner.shape))
    fine, coarse = hierarchy(stencil)[:2]
    lost, own = np.zeros_like(inner), coarse.zeros()
    kernels.product(stencil, inner, lost, 1, cells[0] + 1)
    side = right_hand_sides([fine, coarse], lost)[1]
    one = padded(np.ones(coarse.shape))
    kernels.product(coarse.stencil, one, own, 1, coarse.shape[0] + 1)
    assert (lost[1:-1, 1:-1] > 0).any()
    assert own == pytest.approx(side, abs=1e-13)


def test_same_bits_for_any_number_of_threads(monkeypatch):
    generator = driven(1, 400, strength=3.0)
    kept = np.ones(generator.cells, dtype=bool)
    kept[80000] = False
    assert len(strips(400, 400)) > 1
    answers = []
    for threads in "12":
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        answers.append(PlaneSolver(generator, kept).solve(np.ones(generator.cells - 1)))
    assert np.array_equal(*answers)


@pytest.mark.parametrize("barrier", [10, 300])
def test_coupled_well_as_by_a_factorisation(barrier):
    chain = PlaneChain(coupled(80, barrier), [DISC], "midpoint")
    one = np.zeros(chain.generator.cells)
    answers = []
    for method in ("lu", "multigrid"):
        reduction = Reduction(chain.generator, chain.live, method=method)
        first = reduction.solve(one)
        answers.append([first[chain.live], reduction.solve(first)[chain.live]])
        assert reduction.error < ACCEPTED
    assert np.abs(np.subtract(*answers)).max() < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("barrier", [10, 50, 100, 300])
def test_coupled_well_to_the_same_digits(barrier):
    chain = PlaneChain(coupled(256, barrier), [DISC], "midpoint")
    one = np.zeros(chain.generator.cells)
    right, found = (Reduction(chain.generator, chain.live, method=m) for m in ("lu", "multigrid"))
    away = found.solve(one)[chain.live] - right.solve(one)[chain.live]
    assert np.abs(away).max() < 1e-9
    spent, exact = (r.solve_transposed(one)[chain.live] for r in (found, right))
    large = exact > exact.max() - 600
    assert np.abs(spent - exact)[large].max() < 1e-8


@pytest.mark.slow
def test_cycles_grow_slowly_with_the_grid():
    cycles = []
    for cells in (128, 256, 512):
        chain = PlaneChain(coupled(cells, 50), [DISC], "midpoint")
        reduction = Reduction(chain.generator, chain.live, method="multigrid")
        assert reduction.hits.min() >= 0
        cycles.append(reduction._inner._plane.cycles)
    # the error aimed at takes more digits where jumps are more: as their number, 16 times
    assert max(cycles) < 2.5 * min(cycles)


@pytest.mark.slow
def test_large_plane():
    found = mean_first_passage(coupled(1024, 10), -RIGHT, DISC)
    assert found.mean == pytest.approx(94558.889, rel=1e-6)
    assert found.jumps > 1e4


def test_where_it_does_not_suit():
    periodic = assemble(plane_fields(plane(1.0, 12, "periodic"), np.eye(2)))
    long = assemble(plane_fields(plane(1.0, 24, "absorbing"), tensor(1.0, 0.01, 0.4)))
    assert not suits(periodic)
    assert long.reach > 1
    assert not suits(long)
    solver = RestSolver(long, np.arange(long.cells), 0.0, "multigrid")
    assert solver.method == "lu"
    one = np.ones(long.cells)
    assert solver.solve(one) == pytest.approx(RestSolver(long, solver.rest, 0.0, "lu").solve(one))


def test_chain_that_never_ends_is_refused():
    closed = assemble(plane_fields(plane(1.0, 20), np.eye(2)))
    with pytest.raises(NumericalError, match="proves no error"):
        PlaneSolver(closed, np.ones(400, dtype=bool)).solve(np.ones(400))


def test_unknown_method():
    with pytest.raises(ValueError, match="known: auto, lu, multigrid"):
        Reduction(driven(0, 12), method="magic")
