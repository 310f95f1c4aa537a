"""Turned and mirrored problems in the plane have turned and mirrored answers."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import forces

TURN, MIRROR = np.array([[0, -1], [1, 0]]), np.array([[-1, 0], [0, 1]])
SYMMETRIES = {
    "quarter turn": TURN,
    "half turn": TURN @ TURN,
    "three quarters": TURN.T,
    "mirror x": MIRROR,
    "mirror y": -MIRROR,
    "diagonal": TURN @ MIRROR,
}
HALF = (1.5, 1.2)  # a box with sides of different length and number of cells
CELLS = (26, 20)
LOSS = "(x**2 - 1)**2 / 4 + 0.6 * (y - x / 2)**2 + 0.1 * x * y**2 + 0.05 * x"
TENSOR = (("0.30 + 0.05 * x**2", "0.12 + 0.03 * sin(y)"), ("0.12 + 0.03 * sin(y)", "0.12"))
FORCE = ("0.4 * y", "-0.7 * x + 0.1")
WALLS = (("reflecting", "reflecting"), ("reflecting", "reflecting"))
LEAKING = (("absorbing", "reflecting"), ("reflecting", "reflecting"))


def moved(text, m):
    """Replace (x, y) in a formula by ``m.T (x, y)``."""
    x, y = (f"({m[0, k]} * x + {m[1, k]} * y)" for k in range(2))
    return text.replace("exp", "EXP").replace("x", "X").replace("y", y).replace("X", x)


def combined(terms):
    return " + ".join(f"{c} * ({text})" for c, text in terms if c)


def moved_tensor(m):
    return [
        [
            combined(
                (int(m[i, k] * m[j, n]), moved(TENSOR[k][n], m)) for k in range(2) for n in range(2)
            )
            for j in range(2)
        ]
        for i in range(2)
    ]


def moved_walls(walls, m):
    out = []
    for i in range(2):
        k = int(np.flatnonzero(m[i])[0])
        out.append(walls[k] if m[i, k] > 0 else walls[k][::-1])
    return tuple(out)


def made(m, reading, walls):
    size = [HALF[int(np.flatnonzero(m[i])[0])] for i in range(2)]
    cells = [CELLS[int(np.flatnonzero(m[i])[0])] for i in range(2)]
    axes = [(-h, h, n) for h, n in zip(size, cells, strict=True)]
    force = [combined((int(m[i, k]), moved(FORCE[k], m)) for k in range(2)) for i in range(2)]
    return fp.Problem(
        fp.Grid.plane(*axes, moved_walls(walls, m)),
        fp.landscapes.from_expression(moved(LOSS, m), dim=2, parameters={}),
        fp.noise.tensor(moved_tensor(m), reading=reading),
        forces.expressions(force, {}),
    )


def carried(values, m):
    """Values on the original cells, at the cells where `m` takes them."""
    swapped = bool(m[0, 1])
    out = np.swapaxes(values, 0, 1) if swapped else values
    flips = tuple(i for i in range(2) if m[i].sum() < 0)
    return np.flip(out, flips)


def answers(m, reading, walls, method):
    problem = made(m, reading, walls)
    mean = m @ np.array([-0.7, 0.2])
    spread = m @ np.array([[0.03, 0.01], [0.01, 0.02]]) @ m.T
    start = fp.initial.gaussian(problem.grid, mean, covariance=spread)
    path = fp.evolve(problem, start, [0.3, 2.0], method=method)
    final = fp.stationary(problem) if walls is WALLS else None
    return path, final


@pytest.mark.parametrize("name", SYMMETRIES)
@pytest.mark.parametrize("reading", ["ito", "stratonovich", "hanggi-klimontovich"])
def test_densities_and_currents_move_with_the_problem(name, reading):
    m = SYMMETRIES[name]
    path, final = answers(np.eye(2, dtype=int), reading, WALLS, "auto")
    there, finally_there = answers(m, reading, WALLS, "auto")
    for before, after in zip(path.density, there.density, strict=True):
        assert np.abs(after - carried(before, m)).max() < 1e-12 * before.max()
    peak = final.density.max()
    assert np.abs(finally_there.density - carried(final.density, m)).max() < 1e-12 * peak
    current = carried(final.current, m) @ m.T
    assert np.abs(finally_there.current - current).max() < 1e-12 * peak
    assert np.abs(current).max() > 1e-3  # there is something to turn
    assert finally_there.entropy_production == pytest.approx(final.entropy_production, rel=1e-10)


@pytest.mark.parametrize("method", ["chebyshev", "uniformisation", "rational"])
def test_an_absorbing_side_moves_with_the_problem(method):
    path, _ = answers(np.eye(2, dtype=int), "ito", LEAKING, method)
    there, _ = answers(TURN, "ito", LEAKING, method)
    for before, after in zip(path.density, there.density, strict=True):
        assert np.abs(after - carried(before, TURN)).max() < 1e-12 * before.max()
    left = path.density[-1].sum() / path.density[0].sum()
    assert 0.01 < left < 0.99
