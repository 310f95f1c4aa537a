"""Probability currents under long jumps in the plane."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dctn, idctn

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.levy_plane import PlaneLevy
from fokkerplanck.solvers.fractional_plane import independent_rates
from fokkerplanck.solvers.levy_plane_generator import PlaneLevyGenerator
from fokkerplanck.solvers.levy_plane_jumps import PlaneJumps

__all__ = ["PlaneLevyCurrent", "plane_current"]

Array = NDArray[np.float64]
Faces = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class PlaneLevyCurrent:
    """Probability current, density of flux, in a plane under long jumps.

    Parameters
    ----------
    grid : Grid
    total : ndarray, shape (nx, ny, 2)
        At the centres: means over opposite faces.
    drift, gaussian, jumps : ndarray, shape (nx, ny, 2)
        Its parts: ``-p grad L``, ``-T grad p`` and that of the jumps, see `plane_current`.
    faces : (ndarray, ndarray), shapes (nx + 1, ny) and (nx, ny + 1)
        The total current through the faces across each axis. Its divergence is exactly what the
        density loses, but for what is killed.
    """

    grid: Grid = field(repr=False)
    total: Array = field(repr=False)
    drift: Array = field(repr=False)
    gaussian: Array = field(repr=False)
    jumps: Array = field(repr=False)
    faces: Faces = field(repr=False)


def plane_current(problem: PlaneLevy, density: ArrayLike) -> PlaneLevyCurrent:
    r"""Return the current of drift, Gaussian noise, and jumps that run straight to where they end.

    .. math::

        J = -p \nabla L - T \nabla p - \begin{cases} s^\alpha \nabla (-\Delta)^{\alpha / 2 - 1} p
        & \text{isotropic} \\ \bigl( s_i^\alpha \partial_i (-\partial_i^2)^{\alpha / 2 - 1} p
        \bigr)_i & \text{independent} \end{cases}

    A jump over y that passes x counts as flux y there: the current of the jumps is :math:`\int
    \nu(dy)\, y \int_0^1 p(x - \theta y) d\theta`, of the symbol :math:`-i k |k|^{\alpha - 2}` by
    isotropy. So it has no curl, and its divergence determines it. Jumps of independent components
    run along rows and columns.

    Parameters
    ----------
    problem : PlaneLevy
    density : array_like, shape (nx, ny)

    Raises
    ------
    CaseError
        When there is not one finite value per cell.

    Notes
    -----
    Within walls the isotropic part is the current without curl that does not pass the walls and
    whose divergence is what jumps between cells do, exactly (a Poisson equation, by cosine
    transforms). It is that of the whole plane but for jumps to and from beyond the walls. What
    absorbing walls kill is no part of the current, but for drift and Gaussian noise through them.
    """
    p = np.asarray(density, dtype=np.float64)
    if p.shape != problem.grid.shape or not np.isfinite(p).all():
        msg = f"needs a finite density in the {problem.grid.shape} cells, got shape {p.shape}"
        raise CaseError(msg, key="density")
    g = problem.generator()
    parts = [_drift(g, p), _gaussian(g, p), _jumps(problem, g, p)]
    drift, gaussian, jumps = (_at_centres(*faces) for faces in parts)
    x, y = (np.sum([faces[axis] for faces in parts], axis=0) for axis in range(2))
    return PlaneLevyCurrent(problem.grid, drift + gaussian + jumps, drift, gaussian, jumps, (x, y))


def _drift(g: PlaneLevyGenerator, p: Array) -> Faces:
    out = []
    for axis in range(2):
        flux = np.moveaxis(np.zeros_like(g.drift[axis]), axis, 0)
        flux[1:-1] = g.drift_flux(axis, p)
        f, wind, q = (np.moveaxis(a, axis, 0) for a in (g.drift[axis], g.wind[axis], p))
        for side, fate in enumerate(g.outside[axis]):
            if fate == "killed":
                outwards = f[-side] if side else -f[-side]
                share = np.where(outwards > 0, 0.5 * (1.0 + wind[-side]), 0.5 * (1.0 - wind[-side]))
                flux[-side] = f[-side] * share * q[-side]
        out.append(np.moveaxis(flux, 0, axis))
    return out[0], out[1]


def _gaussian(g: PlaneLevyGenerator, p: Array) -> Faces:
    out = []
    for axis, h in enumerate(g.spacing):
        flux = np.moveaxis(np.zeros_like(g.drift[axis]), axis, 0)
        q = np.moveaxis(p, axis, 0)
        flux[1:-1] = -g.temperature * np.diff(q, axis=0) / h
        for side, fate in enumerate(g.outside[axis]):
            if fate == "killed":
                flux[-side] = (2 * side - 1) * g.temperature * q[-side] / h
        out.append(np.moveaxis(flux, 0, axis))
    return out[0], out[1]


def _jumps(problem: PlaneLevy, g: PlaneLevyGenerator, p: Array) -> Faces:
    if problem.components == "isotropic":
        return _without_curl(_moved(g.jumps, p), g.spacing)
    (sx, sy), (nx, ny) = problem.scales, g.shape
    scales = ((sx, 0.0), (0.0, sy))
    moved = [
        _moved(PlaneJumps(independent_rates(g.alpha, s, (nx, ny), g.spacing), g.outside), p)
        for s in scales
    ]
    x = np.zeros_like(g.drift[0])
    y = np.zeros_like(g.drift[1])
    x[1:-1] = -g.spacing[0] * np.cumsum(moved[0], axis=0)[:-1]
    y[:, 1:-1] = -g.spacing[1] * np.cumsum(moved[1], axis=1)[:, :-1]
    return x, y


def _moved(jumps: PlaneJumps, p: Array) -> Array:
    """Change of a density by jumps from cell to cell, without those that kill; its sum is 0."""
    killed = -jumps.apply(np.ones(jumps.shape))
    return np.asarray(jumps.apply_transposed(p) + killed * p)


def _without_curl(change: Array, spacing: tuple[float, float]) -> Faces:
    """Minus the gradient of the potential whose Laplacian is `change`; none through the walls."""
    shape, (hx, hy) = change.shape, spacing
    kx, ky = (
        (2.0 / h * np.sin(0.5 * np.pi * np.arange(n) / n)) ** 2
        for n, h in zip(shape, spacing, strict=True)
    )
    symbol = kx[:, None] + ky
    symbol[0, 0] = 1.0
    transform = -dctn(change, type=2) / symbol
    transform[0, 0] = 0.0
    potential = idctn(transform, type=2)
    x, y = np.zeros((shape[0] + 1, shape[1])), np.zeros((shape[0], shape[1] + 1))
    x[1:-1] = -np.diff(potential, axis=0) / hx
    y[:, 1:-1] = -np.diff(potential, axis=1) / hy
    return x, y


def _at_centres(x: Array, y: Array) -> Array:
    return np.stack((0.5 * (x[1:] + x[:-1]), 0.5 * (y[:, 1:] + y[:, :-1])), axis=-1)
