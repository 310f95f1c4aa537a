"""Underdamped motion on a line: a problem in position and velocity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.solvers.kinetic import STEEPEST, Kinetic

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.sgd_settings import SGD

__all__ = ["MOST_MODES", "Underdamped"]

Array = NDArray[np.float64]
#: Velocities of the axis unless it is given: so many thermal ones to each side, in so many cells.
RANGE, CELLS = 6.0, 128
#: Modes where friction is as strong as the force, and the power of their ratio that others take.
FEWEST, POWER, MOST_CHOSEN = 48, 0.35, 240
LEAST_MODES, MOST_MODES = 4, 2000
#: Equilibrium mass beyond the velocity axis above which the axis is refused.
MOST_BEYOND = 1e-2
PERIODIC_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class Underdamped:
    r"""Motion with inertia, ``dx = v dt, m dv = (-L'(x) - z v) dt + sqrt(2 z T) dW``.

    With m = 1 the friction z is the rate g at which velocities relax. The stationary density is
    :math:`e^{-(m v^2 / 2 + L(x)) / T}`. SGD with momentum on a line is this too, see `momentum`.

    Parameters
    ----------
    grid : Grid
        The line of positions, 1-D; its walls reflect, (x, v) to (x, -v), or are periodic.
    landscape : Landscape
        The loss L, 1-D.
    friction, temperature, mass : float
        z > 0, T > 0 and m > 0.
    velocity : Axis, optional
        Cells in v on which densities are given; 128 from -6 to 6 thermal velocities unless given.
        What lies beyond is put into the outermost cells.
    modes : int, optional
        Number of Hermite modes in velocity; chosen from the friction unless given, more for less.

    Raises
    ------
    CaseError
        When grid or landscape are not 1-D, a wall absorbs (see `kinetic_first_passage` for that), a
        number is not positive and finite, or the velocity axis is too short for the temperature.
    """

    grid: Grid
    landscape: Landscape
    friction: float
    temperature: float
    mass: float = 1.0
    velocity: Axis | None = None
    modes: int | None = None

    def __post_init__(self) -> None:
        if self.grid.dim != 1 or self.landscape.dim != 1:
            msg = "underdamped motion is solved on a line: give a 1-D grid and a 1-D landscape"
            raise CaseError(msg, key="grid")
        for name, value in (("friction", self.friction), ("temperature", self.temperature)):
            _check_positive(name, value)
        _check_positive("mass", self.mass)
        if "absorbing" in self.grid.walls[0]:
            msg = (
                "walls of x reflect or are periodic here; for first passage through a point use "
                "kinetic_first_passage with that point as the target"
            )
            raise CaseError(msg, key="grid.x.walls")
        _check_modes(self.modes)
        _check_velocity(self.velocity_axis, self.speed)

    @classmethod
    def momentum(
        cls,
        grid: Grid,
        landscape: Landscape,
        sgd: SGD,
        covariance: float,
        *,
        velocity: Axis | None = None,
        modes: int | None = None,
    ) -> Underdamped:
        r"""SGD with momentum as motion with inertia, where gradient noise is the same everywhere.

        :math:`m = \eta (1 + \beta) / 2`, :math:`z = 1 - \beta`, :math:`T = \eta c / (2 B (1 -
        \beta))`; a step takes a time of :math:`\eta`.

        Parameters
        ----------
        sgd : SGD
            Learning rate, batch size and momentum.
        covariance : float
            Variance c of the gradient of one sample.
        """
        _check_positive("covariance", covariance)
        from fokkerplanck.landscapes.decay import decayed

        beta = sgd.momentum
        if sgd.scheduled:
            msg = "underdamped motion is solved at a constant learning rate and batch size"
            raise CaseError(msg, key="sgd")
        bare = landscape.bare is landscape
        return cls(
            grid,
            decayed(landscape, sgd.weight_decay) if bare else landscape,
            1.0 - beta,
            sgd.eb * covariance,
            mass=0.5 * sgd.learning_rate * (1.0 + beta),
            velocity=velocity,
            modes=modes,
        )

    @property
    def rate(self) -> float:
        """Rate g at which velocities relax, friction over mass."""
        return self.friction / self.mass

    @property
    def speed(self) -> float:
        """Thermal velocity, ``sqrt(T / m)``."""
        return float(np.sqrt(self.temperature / self.mass))

    @property
    def velocity_axis(self) -> Axis:
        """Axis of velocities that densities are given on."""
        if self.velocity is not None:
            return self.velocity
        return Axis(-RANGE * self.speed, RANGE * self.speed, CELLS, name="v")

    @cached_property
    def phase_grid(self) -> Grid:
        """Plane of the axes ``("x", "v")`` that densities live on, shape (cells, cells in v)."""
        return Grid((self.grid.axes[0], self.velocity_axis))

    @cached_property
    def frequency(self) -> float:
        r"""Typical frequency: :math:`\langle L'' / m \rangle^{1/2}` over the stationary density."""
        points = self.grid.points()
        loss, slope = self.landscape.loss(points), self.landscape.gradient(points)[..., 0]
        weight = np.exp(-(loss - loss.min()) / self.temperature)
        mean = float((slope**2 * weight).sum() / weight.sum())
        return float(np.sqrt(mean / (self.temperature * self.mass)))

    @property
    def mode_count(self) -> int:
        """Number of Hermite modes, as given or as chosen."""
        if self.modes is not None:
            return self.modes
        wanted = FEWEST * max(self.frequency / self.rate, 1.0) ** POWER
        return int(2 * np.ceil(min(wanted, MOST_CHOSEN) / 2))

    def operator(self, *, modes: int | None = None, cells: int | None = None) -> Kinetic:
        """Klein-Kramers operator of the problem, or one with other modes or cells."""
        if modes is None and cells is None:
            return self._operator
        axis = self.grid.axes[0]
        axis = Axis(axis.min, axis.max, cells or axis.cells, axis.walls, axis.name)
        points = axis.half_points[:, None]
        loss = np.asarray(self.landscape.loss(points), dtype=np.float64)
        bad = ~np.isfinite(loss)
        if bad.any():
            k = int(bad.argmax())
            msg = f"the loss is {loss[k]} at x = {points[k, 0]:.6g}; it must be finite on the grid"
            raise CaseError(msg, key="landscape")
        if axis.periodic and abs(loss[-1] - loss[0]) > PERIODIC_TOLERANCE * float(np.ptp(loss)):
            msg = (
                f"the axis is periodic, but the loss jumps by {loss[-1] - loss[0]:.6g} between x = "
                f"{axis.min:g} and {axis.max:g}; choose walls one period of the loss apart"
            )
            raise CaseError(msg, key="grid.x.walls")
        phi = loss / self.temperature
        return Kinetic(
            axis.spacing,
            phi[1::2],
            phi[::2],
            self.speed,
            self.rate,
            modes or self.mode_count,
            axis.periodic,
        )

    @cached_property
    def _operator(self) -> Kinetic:
        found = self.operator(modes=self.mode_count)
        if found.climb > STEEPEST / 2:
            msg = (
                f"{self.grid.axes[0].cells} cells are too coarse for the temperature: at "
                f"equilibrium L / T changes by {found.climb:.3g} from one cell to the next"
            )
            raise CaseError(msg, key="grid.x.cells")
        return found

    def _repr_html_(self) -> str:
        rows = {
            "landscape": self.landscape.name,
            "friction": f"{self.friction:g}",
            "temperature": f"{self.temperature:g}",
            "mass": f"{self.mass:g}",
            "modes in v": str(self.mode_count),
        }
        body = "".join(f"<tr><th>{k}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
        return f"{self.phase_grid._repr_html_()}<table>{body}</table>"


def _check_positive(name: str, value: float) -> None:
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if good and np.isfinite(value) and value > 0:
        return
    why = {
        "friction": "without friction nothing relaxes and no noise acts: for the motion of an "
        "isolated system integrate Newton's equations instead",
        "temperature": "at T = 0 densities stay points: follow paths instead",
        "mass": "without mass there is no velocity to follow: use an overdamped Problem",
    }.get(name, "it is a variance")
    msg = f"needs a positive finite number, got {value!r:.80}; {why}"
    raise CaseError(msg, key=f"dynamics.{name}")


def _check_modes(modes: int | None) -> None:
    if modes is None:
        return
    whole = isinstance(modes, int | np.integer) and not isinstance(modes, bool)
    if not whole or modes % 2 or not LEAST_MODES <= modes <= MOST_MODES:
        msg = f"needs an even number from {LEAST_MODES} to {MOST_MODES}, got {modes!r:.80}"
        raise CaseError(msg, key="dynamics.modes")


def _check_velocity(axis: Axis, speed: float) -> None:
    from scipy.special import ndtr

    beyond = float(ndtr(axis.min / speed) + ndtr(-axis.max / speed))
    if beyond > MOST_BEYOND:
        msg = (
            f"the velocity axis from {axis.min:g} to {axis.max:g} is too short for the "
            f"temperature: {beyond:.2g} of the stationary mass lies beyond; at a thermal velocity "
            f"of {speed:.3g} take at least -{4 * speed:.3g} to {4 * speed:.3g}"
        )
        raise CaseError(msg, key="grid.v")
