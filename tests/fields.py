"""Small problems as `Fields`, for tests of the numerics."""

from __future__ import annotations

import numpy as np

from fokkerplanck.grid import Grid
from fokkerplanck.solvers.fields import Fields


def line_fields(grid, diffusion, potential=None, force=None, kappa=1.0):
    """Fields on a line from functions of x; the gradient is not used in one dimension."""
    x = grid.half_points()[:, 0]
    cells = grid.axes[0].centres
    d = np.broadcast_to(diffusion(cells) if callable(diffusion) else diffusion, cells.shape)
    u = np.zeros_like(x) if potential is None else potential(x)
    f = None if force is None else np.broadcast_to(force(x), x.shape)[:, None]
    return Fields(
        grid.shape, grid.spacing, grid.walls, d[:, None, None] * 1.0, u, np.zeros((x.size, 1)), f,
        kappa,
    )  # fmt: skip


def plane_fields(grid, diffusion, potential=None, gradient=None, force=None, kappa=1.0):
    """Fields on a plane; `diffusion` is one tensor or an array over cells."""
    half = grid.half_points()
    x, y = half[..., 0], half[..., 1]
    u = np.zeros_like(x) if potential is None else potential(x, y)
    g = np.zeros_like(half) if gradient is None else np.stack(gradient(x, y), axis=-1)
    f = None if force is None else np.stack(force(x, y), axis=-1)
    d = np.array(np.broadcast_to(diffusion, (*grid.shape, 2, 2)), dtype=float)
    return Fields(grid.shape, grid.spacing, grid.walls, d, u, g, f, kappa)


def rotation(angle):
    """Matrix that turns by `angle` (radians)."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def tensor(large, small, angle):
    """Tensor with two eigenvalues, the first one's axis turned by `angle`."""
    r = rotation(angle)
    return r @ np.diag([large, small]) @ r.T


def quartic(x):
    """Quartic double well with minima at -1 and 1 and barrier 1/4."""
    return (x**2 - 1) ** 2 / 4


def line(low, high, cells, walls="reflecting"):
    """Shorthand for a 1-D grid."""
    return Grid.line(low, high, cells, walls)


def plane(extent, cells, walls="reflecting"):
    """Square grid around the origin."""
    return Grid.plane((-extent, extent, cells), (-extent, extent, cells), walls)
