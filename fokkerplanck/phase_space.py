"""Densities in position and velocity: states that underdamped motion starts from and passes.

A `PhaseState` holds the Hermite modes of a density; `density` gives cell averages on the axes
``("x", "v")``, and the moments are those of the modes, exact to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.solvers.hermite import cell_averages, gaussian_modes, polynomials
from fokkerplanck.solvers.kinetic import Kinetic
from fokkerplanck.solvers.kinetic_cells import on_cells
from fokkerplanck.solvers.kinetic_start import Start, visible
from fokkerplanck.underdamped import Underdamped

__all__ = ["PhaseState", "phase_delta", "phase_gaussian", "phase_state", "phase_thermal"]

Array = NDArray[np.float64]
#: A start may lose this much of its mass where it is too rare for the weighted norm.
SPARED = 1e-12
#: Bases are tried from the temperature itself to so many times it, until the norm is this small.
HOTTEST, LARGEST_NORM = 4096.0, 1e4
#: Largest variance of velocities, in units of that of the basis: their modes fall off below 2.
MOST_VARIANCE = 1.6
#: Part of the mass in the highest mode from which on a start is refused.
MOST_UNRESOLVED = 1e-2
#: Widths of a start that stands for a point: in cells of x; part in the highest mode in v.
POINT_CELLS, POINT_TAIL = 1.5, 1e-3
LEAST_CELLS = 1.0
INSIDE = 0.999


@dataclass(frozen=True, eq=False)
class PhaseState:
    """Density in (x, v) as Hermite modes.

    Parameters
    ----------
    problem : Underdamped
    operator : Kinetic
        Dynamics in the basis of the modes, which may be hotter than the problem.
    even, odd : ndarray
        Symmetrised modes, see `fokkerplanck.solvers.kinetic`.
    text : str
        What it is, in a few words.
    """

    problem: Underdamped
    operator: Kinetic = field(repr=False)
    even: Array = field(repr=False)
    odd: Array = field(repr=False)
    text: str = "density"

    @property
    def grid(self) -> Grid:
        """Plane of x and v."""
        return self.problem.phase_grid

    def modes(self) -> Array:
        """Modes c_n as averages over cells of x, shape (modes, cells)."""
        return on_cells(self.operator, self.even, self.odd)

    def density(self) -> Array:
        """Cell averages of the density, shape (cells, cells in v); integrates to the mass."""
        return density_of_modes(self.problem, self.operator, self.modes())

    @property
    def mass(self) -> float:
        """Integral of the density."""
        return self.operator.mass(self.even)

    @property
    def mean(self) -> Array:
        """Mean of x and v, shape (2,)."""
        return self._moments()[0]

    @property
    def covariance(self) -> Array:
        """Covariance of x and v, shape (2, 2)."""
        return self._moments()[1]

    @property
    def top_mode(self) -> float:
        """L1 size of the two highest modes over the mass: whether velocities are resolved."""
        op = self.operator
        w_e, w_o = op.weights
        top = np.abs(w_e * self.even[-1]).sum() + np.abs(w_o * self.odd[-1]).sum()
        return float(top * op.spacing / abs(self.mass))

    def _moments(self) -> tuple[Array, Array]:
        op, axis = self.operator, self.problem.grid.axes[0]
        w_e, w_o = op.weights
        even, odd = w_e * self.even[:2] * op.spacing, w_o * self.odd[:1] * op.spacing
        x, f = axis.centres, axis.edges[:-1] if op.periodic else axis.edges[1:-1]
        total = float(even[0].sum())
        s = op.speed
        mean = np.array([float(x @ even[0]), s * float(odd[0].sum())]) / total
        xx = float((x - mean[0]) ** 2 @ even[0]) / total
        xv = s * float((f - mean[0]) @ odd[0]) / total
        vv = s * s * (1.0 + np.sqrt(2.0) * float(even[1].sum()) / total) - mean[1] ** 2
        return mean, np.array([[xx, xv], [xv, vv]])


def density_of_modes(problem: Underdamped, operator: Kinetic, modes: Array) -> Array:
    """Cell averages in (x, v) of modes that are averages over cells of x."""
    table = cell_averages(problem.velocity_axis.edges / operator.speed, modes.shape[0])
    return np.asarray(modes.T @ table / operator.speed)


def phase_gaussian(
    problem: Underdamped,
    mean: Sequence[float],
    std: Sequence[float] | None = None,
    *,
    covariance: ArrayLike | None = None,
) -> PhaseState:
    """Gaussian in (x, v), projected exactly.

    Parameters
    ----------
    problem : Underdamped
    mean : sequence of float, shape (2,)
        Position and velocity.
    std : sequence of float, shape (2,)
        Standard deviations of both, or a full `covariance` of shape (2, 2) instead.

    Raises
    ------
    CaseError
        When it is narrower than a cell, or so narrow or so fast in v that the modes of the
        problem do not hold it; the message says how many would.
    """
    m, cov = _two(mean, "mean"), _covariance(std, covariance)
    axis = problem.grid.axes[0]
    width, slope = float(np.sqrt(cov[0, 0])), float(cov[0, 1] / cov[0, 0])
    if width < LEAST_CELLS * axis.spacing:
        msg = (
            f"a standard deviation of {width:.3g} in x is below the cell width "
            f"{axis.spacing:.3g}: take more cells, or phase_delta for a start that is a point"
        )
        raise CaseError(msg, key="initial.std")
    rest = float(cov[1, 1] - cov[0, 1] ** 2 / cov[0, 0])

    def modes(op: Kinetic, x: Array) -> Array:
        away = x - m[0]
        if axis.periodic:
            length = axis.max - axis.min
            away = away - length * np.round(away / length)
        p = np.exp(-0.5 * (away / width) ** 2) / (width * np.sqrt(2.0 * np.pi))
        speed = (m[1] + slope * away) / op.speed
        return np.asarray(p * gaussian_modes(speed, rest / op.speed**2, op.modes))

    text = f"Gaussian around x = {m[0]:.4g}, v = {m[1]:.4g}"
    return _state(problem, modes, text, rest)


def phase_delta(problem: Underdamped, point: Sequence[float]) -> PhaseState:
    """Narrowest Gaussian around a point (x, v) that grid and modes resolve.

    It is 1.5 cells wide in x, and in v as wide as the number of modes asks for; `PhaseState.text`
    says how wide. Without friction of its own to blur it, a point cannot be told from that.
    """
    x, v = _two(point, "point")
    width = POINT_CELLS * problem.grid.axes[0].spacing
    tau = float(np.sqrt(1.0 - POINT_TAIL ** (2.0 / problem.mode_count))) * problem.speed
    found = phase_gaussian(problem, [x, v], [width, tau])
    text = f"point x = {x:.4g}, v = {v:.4g}, as a Gaussian {width:.3g} by {tau:.3g} wide"
    return PhaseState(problem, found.operator, found.even, found.odd, text)


def phase_thermal(problem: Underdamped, density: ArrayLike) -> PhaseState:
    """Density of positions, shape (cells,), with thermal velocities."""
    p = np.asarray(density, dtype=np.float64)
    if p.shape != problem.grid.shape or not (np.isfinite(p) & (p >= 0)).all() or not p.any():
        msg = f"a density of shape {problem.grid.shape} is needed, finite and not negative"
        raise CaseError(msg, key="initial")
    axis = problem.grid.axes[0]

    def modes(op: Kinetic, x: Array) -> Array:
        values = np.interp(x, axis.centres, p, period=(axis.max - axis.min) * axis.periodic or None)
        thermal = gaussian_modes(np.zeros(1), op.cold, op.modes)
        return thermal * (p if x.size == p.size and not axis.periodic else values)

    return _state(problem, modes, "thermal density", problem.speed**2)


def phase_state(problem: Underdamped, density: ArrayLike) -> PhaseState:
    """Project cell averages in (x, v), shape `problem.phase_grid.shape`, onto the modes.

    Raises
    ------
    CaseError
        When the shape is another, something is negative or not finite, or the modes do not hold
        it.
    """
    p = np.asarray(density, dtype=np.float64)
    shape = problem.phase_grid.shape
    if p.shape != shape:
        msg = f"a density of shape {shape} is needed, got {p.shape}"
        raise CaseError(msg, key="initial")
    if not (np.isfinite(p) & (p >= 0)).all() or not p.any():
        msg = "a density is finite and not negative, and has mass"
        raise CaseError(msg, key="initial")
    p = p / (p.sum() * problem.phase_grid.volume)
    axis, v = problem.grid.axes[0], problem.velocity_axis
    marginal = p.sum(axis=0) * axis.spacing * v.spacing
    mean = float(marginal @ v.centres)
    variance = float(marginal @ (v.centres - mean) ** 2)

    def modes(op: Kinetic, x: Array) -> Array:
        table = polynomials(v.centres / op.speed, op.modes) * v.spacing
        held = p @ table.T  # (cells, modes)
        if x.size == axis.cells and np.allclose(x, axis.centres):
            return np.asarray(held.T)
        return _between(held.T, axis.periodic)

    return _state(problem, modes, "density", variance)


def _between(values: Array, periodic: bool) -> Array:
    """Values at the live faces from those on cells, by cubic interpolation."""
    left = np.roll(values, 1, axis=1) if periodic else values[:, :-1]
    right = values if periodic else values[:, 1:]
    before = (
        np.roll(values, 2, axis=1)
        if periodic
        else np.concatenate([values[:, :1], values[:, :-2]], axis=1)
    )
    after = (
        np.roll(values, -1, axis=1)
        if periodic
        else np.concatenate([values[:, 2:], values[:, -1:]], axis=1)
    )
    return np.asarray((9.0 * (left + right) - before - after) / 16.0)


def _state(
    problem: Underdamped, modes: Callable[[Kinetic, Array], Array], text: str, variance: float
) -> PhaseState:
    """Project onto the coldest basis that holds a start."""
    axis = problem.grid.axes[0]
    op = problem.operator()
    faces = axis.edges[:-1] if op.periodic else axis.edges[1:-1]
    factor, best = 1.0, None
    while factor <= HOTTEST:
        warm = op if factor == 1.0 else op.heated(factor)
        if variance < MOST_VARIANCE * warm.speed**2:
            even, odd = modes(warm, axis.centres)[0::2], modes(warm, faces)[1::2]
            best = visible(warm, even, odd, SPARED)
            if best.norm < LARGEST_NORM:
                break
        factor *= 2.0
    if best is None or not best.norm < LARGEST_NORM:
        msg = (
            f"the start, {text}, is too hot or too far from equilibrium for any basis of "
            f"velocities up to {HOTTEST:g} temperatures: start nearer, or raise the temperature"
        )
        raise CaseError(msg, key="initial")
    return _checked(problem, best, text)


def _checked(problem: Underdamped, start: Start, text: str) -> PhaseState:
    total = start.mass
    if not total > INSIDE:
        msg = f"only {total:.6g} of the mass of the start lies inside the walls; {INSIDE} must"
        raise CaseError(msg, key="initial")
    state = PhaseState(problem, start.operator, start.even / total, start.odd / total, text)
    if state.top_mode > MOST_UNRESOLVED:
        msg = (
            f"the start, {text}, is too narrow or too fast in v for {problem.mode_count} Hermite "
            f"modes: the highest still hold {state.top_mode:.1e} of it; give more modes, or a "
            "wider start"
        )
        raise CaseError(msg, key="initial")
    return state


def _two(value: Sequence[float], what: str) -> Array:
    pair = np.asarray(value, dtype=np.float64)
    if pair.shape != (2,) or not np.isfinite(pair).all():
        msg = f"needs a position and a velocity, two finite numbers, got {value}"
        raise CaseError(msg, key=f"initial.{what}")
    return pair


def _covariance(std: Sequence[float] | None, covariance: ArrayLike | None) -> Array:
    if (std is None) == (covariance is None):
        msg = "needs std or covariance, and not both"
        raise CaseError(msg, key="initial")
    if std is not None:
        pair = _two(std, "std")
        if pair.min() <= 0:
            msg = f"standard deviations are positive, got {pair.tolist()}; a point is phase_delta"
            raise CaseError(msg, key="initial.std")
        return np.diag(pair**2)
    matrix = np.asarray(covariance, dtype=np.float64)
    good = matrix.shape == (2, 2) and np.isfinite(matrix).all() and matrix[0, 1] == matrix[1, 0]
    if not good or np.linalg.eigvalsh(matrix).min() <= 0:
        msg = f"needs a symmetric positive definite 2 x 2 matrix, got {matrix.tolist()}"
        raise CaseError(msg, key="initial.covariance")
    return matrix
