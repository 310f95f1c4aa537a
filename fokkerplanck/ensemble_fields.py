"""Drift and noise of a problem as tables that walkers look up, and how exact the tables are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.noise import FrozenNoise

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.field_tables import FieldTables

__all__ = ["EnsembleFields", "ensemble_fields"]

Array = NDArray[np.float64]
#: Mean error of tables that is aimed at on a line and in the plane, and the largest allowed.
TOLERANCE, PLANE_TOLERANCE, LARGEST = 1e-6, 1e-4, 1e-2
#: Fewest and most intervals of a line, and of each axis of a plane.
LINE, PLANE = (512, 2**14), (64, 512)
#: Part of a cell over which derivatives are taken where no formula gives them, and the part of
#: that by which values next to a jump are taken aside.
NUDGE, TINY = 1e-3, 1e-6
#: Nodes nearer to a jump than this part of an interval are moved there.
ROUNDING = 1e-7
#: Places at which tables are compared with formulas.
PLACES = 4000


@dataclass(frozen=True, eq=False)
class EnsembleFields:
    """Drift and diffusion at the nodes of a table.

    Parameters
    ----------
    axes : tuple of ndarray
        Nodes along each axis, from wall to wall; on a line places where D jumps stand twice.
    drift : ndarray, shape (*nodes, dim)
        That of the Ito equation in the plane; on a line f itself, and the kernel knows the reading.
    drift_slope : ndarray, shape (nodes,), or None
        df/dx on a line.
    diffusion : ndarray, shape (*nodes, dim, dim), in the plane (dim, dim) where it is constant
    diffusion_slope : ndarray, shape (nodes,), or None
        dD/dx on a line, one-sided next to jumps.
    periodic : tuple of bool
    smooth : bool
        Whether drift and diffusion have no jumps in the plane.
    """

    axes: tuple[Array, ...]
    drift: Array = field(repr=False)
    drift_slope: Array | None = field(repr=False)
    diffusion: Array = field(repr=False)
    diffusion_slope: Array | None = field(repr=False)
    periodic: tuple[bool, ...]
    smooth: bool = True

    @property
    def constant(self) -> bool:
        """Whether D is the same everywhere."""
        return self.diffusion.ndim == 2 or bool(np.ptp(self.diffusion) == 0.0)

    def for_step(self, step: float, factor: float = 1.0) -> EnsembleFields:
        r"""Change drift and constant noise so that Euler's steps are of weak order two.

        With the Jacobian J of the drift, a step h and the numbers
        :math:`\hat f = (1 - hJ/2 + h^2J^2/12)^{-1} f + (h/2)\, D : \nabla\nabla f` and
        :math:`\hat D = M D M^T, M = (1 - hJ/2)^{-1}`, the first two moments of a step are right to
        the order h^2. The rational forms keep drifts stable and tensors positive far from the
        wells, too.

        Parameters
        ----------
        step : float
            h.
        factor : float
            Of time, by which D will be multiplied.

        References
        ----------
        Kloeden and Platen, *Numerical Solution of Stochastic Differential Equations* (1992),
        section 14.2: the moments; the rational forms are those of local linearisation.
        """
        if not self.constant:
            return self
        dim = len(self.axes)
        noise = self.diffusion.reshape(-1, dim, dim)[0]
        jacobian = np.stack([_gradient(self.drift[..., i], self.axes) for i in range(dim)], axis=-2)
        one, hj = np.eye(dim), step * jacobian
        bend = np.linalg.inv(one - hj / 2 + hj @ hj / 12)
        drift: Array = (bend @ self.drift[..., None])[..., 0]
        for i in range(dim):
            for j in range(dim):
                second = _gradient(jacobian[..., i, j], self.axes) @ noise[:, j]
                drift[..., i] += factor * step / 2 * second
        bent = np.linalg.inv(one - hj / 2)
        moved: Array = bent @ noise @ np.swapaxes(bent, -1, -2)
        if dim > 1:
            return replace(self, drift=drift, diffusion=moved)
        slopes = _gradient(drift[:, 0], self.axes)[:, 0], _gradient(moved[:, 0, 0], self.axes)[:, 0]
        return replace(
            self, drift=drift, drift_slope=slopes[0], diffusion=moved, diffusion_slope=slopes[1]
        )

    def tables(self, factor: float = 1.0) -> FieldTables:
        """Make the tables, with D multiplied by a factor of time."""
        from fokkerplanck.solvers.field_tables import line_tables, plane_tables

        noise = factor * self.diffusion
        if self.drift_slope is not None and self.diffusion_slope is not None:
            slope = factor * self.diffusion_slope
            drift = self.drift[:, 0], self.drift_slope
            return line_tables(self.axes[0], *drift, noise[:, 0, 0], slope)
        x, y = self.axes
        wraps = self.periodic[0], self.periodic[1]
        return plane_tables(x, y, self.drift, noise, smooth=self.smooth, periodic=wraps)


def ensemble_fields(problem: Problem, kappa: float) -> EnsembleFields:
    """Evaluate drift and noise of a problem for its walkers, with as many nodes as it takes.

    Parameters
    ----------
    problem : Problem
    kappa : float
        Reading of the noise that walkers follow: 1 for descent whatever the problem says.

    Raises
    ------
    CaseError
        For noise that jumps in the plane in another reading than Ito's.
    NumericalError
        Where no table of the largest size is exact to 1 %.
    """
    line = problem.grid.dim == 1
    fewest, most = LINE if line else PLANE
    count = fewest
    while count < min(max(problem.grid.shape), most):
        count *= 2
    while True:
        made = _line(problem, count) if line else _plane(problem, count, kappa)
        error = _error(made, problem)
        if error <= (TOLERANCE if line else PLANE_TOLERANCE) or 2 * count > most:
            break
        count *= 2
    if error > LARGEST:
        msg = (
            f"drift and noise change too fast for tables of {count} intervals: between their nodes "
            f"they are off by {error:.1e}; take a smaller grid"
        )
        raise NumericalError(msg)
    return made


def _gradient(values: Array, axes: tuple[Array, ...]) -> Array:
    """Differences of values at nodes, shape (*nodes, dim)."""
    parts = np.gradient(values, *axes)
    return np.stack(parts if isinstance(parts, (list, tuple)) else [parts], axis=-1)


def _line(problem: Problem, count: int) -> EnsembleFields:
    axis = problem.grid.axes[0]
    even = np.linspace(axis.min, axis.max, count + 1)
    h = axis.spacing * NUDGE
    breaks = problem.noise.breaks(problem.landscape, problem.grid)
    breaks = breaks[(breaks > axis.min) & (breaks < axis.max)]
    near = np.abs(even[:, None] - breaks).min(axis=1, initial=np.inf) < ROUNDING * (
        even[1] - even[0]
    )
    x = np.sort(np.concatenate([even[~near], breaks, breaks]))
    # values on either side of a break, derivatives from within
    side = np.zeros(x.size)
    doubled = np.flatnonzero(np.diff(x) == 0)
    side[doubled], side[doubled + 1] = -1.0, 1.0
    side[0], side[-1] = 1.0, -1.0
    at = x + side * TINY * h
    points = at[:, None]
    drift, slope = _drift(problem, points), -problem.landscape.hessian(points)[:, 0, 0]
    low, high = (np.clip(x + (side + s) * h / 2, axis.min, axis.max) for s in (-1, 1))
    low, high = np.where(side > 0, at, low), np.where(side < 0, at, high)
    if problem.force is not None:
        forces = [problem.force.values(v[:, None], problem.grid.names)[:, 0] for v in (low, high)]
        slope = slope + (forces[1] - forces[0]) / (high - low)
    noise = [_noise(problem, v[:, None]) for v in (at, low, high)]
    change = (noise[2] - noise[1])[:, 0, 0] / (high - low)
    return EnsembleFields((x,), drift, slope, noise[0], change, (axis.periodic,))


def _plane(problem: Problem, count: int, kappa: float) -> EnsembleFields:
    grid = problem.grid
    x, y = (np.linspace(a.min, a.max, count + 1) for a in grid.axes)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    drift, noise = _drift(problem, points), _noise(problem, points)
    same = bool(np.ptp(noise.reshape(-1, 4), axis=0).max() == 0.0)
    jumps = isinstance(problem.noise, FrozenNoise)
    if kappa < 1.0 and not same:
        if jumps:
            msg = (
                "paths in the plane cannot follow noise that jumps in this reading: take "
                'reading = "ito", or solve the Fokker-Planck equation (method = "auto")'
            )
            raise CaseError(msg, key="noise.reading")
        drift = drift + (1.0 - kappa) * _divergence(problem, points)
    periodic = tuple(a.periodic for a in grid.axes)
    if same:
        noise = noise[0, 0]
    return EnsembleFields((x, y), drift, None, noise, None, periodic, not jumps)


def _drift(problem: Problem, points: Array) -> Array:
    drift = -problem.landscape.gradient(points)
    if problem.force is not None:
        drift = drift + problem.force.values(points, problem.grid.names)
    return np.asarray(drift)


def _noise(problem: Problem, points: Array) -> Array:
    return problem.noise.at(problem.landscape, problem.grid, points)


def _divergence(problem: Problem, points: Array) -> Array:
    """Evaluate ``sum_j d_j D_ij`` by central differences, one-sided at the walls."""
    total = np.zeros_like(points)
    for j, axis in enumerate(problem.grid.axes):
        low, high = points.copy(), points.copy()
        h = axis.spacing * NUDGE
        low[..., j] = np.clip(points[..., j] - h, axis.min, axis.max)
        high[..., j] = np.clip(points[..., j] + h, axis.min, axis.max)
        change = _noise(problem, high)[..., j] - _noise(problem, low)[..., j]
        total += change / (high - low)[..., j, None]
    return total


def _error(made: EnsembleFields, problem: Problem) -> float:
    """Mean error of drift and noise at random places, over their size there."""
    rng = np.random.default_rng(0)
    grid, tables = problem.grid, made.tables()
    place = rng.random((PLACES, grid.dim))
    lower = np.array([a.min for a in grid.axes])
    points = lower + place * np.array([a.max - a.min for a in grid.axes])
    drift, noise = tables.values(points[:, 0] if grid.dim == 1 else points)
    exact = _noise(problem, points)
    off = np.abs(noise.reshape(exact.shape) - exact).max(axis=(1, 2))
    errors = [float((off / np.abs(exact).max(axis=(1, 2))).mean())]
    if made.diffusion.ndim == 2 or made.drift_slope is not None or problem.noise.kappa == 1.0:
        f = _drift(problem, points)
        size = np.linalg.norm(f, axis=1)
        off = np.linalg.norm(drift.reshape(f.shape) - f, axis=1)
        errors.append(float((off / np.maximum(size, np.median(size))).mean()))
    return max(errors)
