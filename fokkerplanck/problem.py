"""A problem: grid, landscape, noise and force, ready to be solved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.forces import Force
from fokkerplanck.grid import Grid
from fokkerplanck.half_lattice import HalfLattice
from fokkerplanck.noise import Noise, check_spd
from fokkerplanck.schedule import Schedule
from fokkerplanck.solvers.fields import Fields

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.sgd_settings import SGD
    from fokkerplanck.solvers.generator import Generator
    from fokkerplanck.solvers.links import Links

__all__ = ["Problem"]

Array = NDArray[np.float64]
#: What slopes are called in errors.
SLOPE = "gradient of the loss"
#: Relative mismatch across a periodic wall below which a loss counts as periodic.
PERIODIC_TOLERANCE = 1e-8
#: Strengths of the noise that differ by less are equal.
SAME_SCALE = 1e-12


@dataclass(frozen=True, eq=False)
class Problem:
    """Overdamped motion ``dx = (-grad L + F) dt + sqrt(2 D) dW`` on a grid.

    Everything that does not depend on time is evaluated once, on first use, and kept: in 2-D 3
    numbers per point of the half lattice, 1 where D is diagonal, 2 more with a force, and 4 per
    cell where D varies. At 512 x 512 cells that is 24 or 8 MiB, 16 MiB and 8 MiB; the links that
    generators are made on take 16 MiB more where D is a number, up to 60 MiB where it varies.

    Parameters
    ----------
    grid : Grid
    landscape : Landscape
        The loss L.
    noise : Noise
        The diffusion tensor D, its reading and its schedule.
    force : Force, optional
        Extra force F that is not a gradient.
    sgd : SGD, optional
        The hyper-parameters behind it: its clock counts steps and epochs, and its weight decay is
        added to the landscape here (once), whose ``bare`` is what the noise models see.

    Raises
    ------
    CaseError
        When the landscape and the grid differ in dimension, or the noise was made with other
        hyper-parameters than `sgd`; and from `fields`, when the loss is
        not periodic across a periodic wall, or anything is not finite or not positive definite.
    """

    grid: Grid
    landscape: Landscape
    noise: Noise
    force: Force | None = None
    sgd: SGD | None = None

    def __post_init__(self) -> None:
        if self.landscape.dim != self.grid.dim:
            msg = f"the landscape is {self.landscape.dim}-D, but the grid is {self.grid.dim}-D"
            raise CaseError(msg, key="landscape")
        if self.sgd is not None:
            _check_scale(self.noise, self.sgd)
            object.__setattr__(self, "landscape", _decayed(self.landscape, self.sgd))

    @property
    def schedule(self) -> Schedule | None:
        """Factor of time that multiplies D, None when nothing depends on time."""
        return self.noise.schedule

    def fields(self, time: float = 0.0) -> Fields:
        """Arrays that a generator is assembled from, at a time of the schedule.

        Arrays are shared between calls and read-only.
        """
        if self.schedule is None:
            return self._static
        factor = self.schedule.factor(time)
        return self._static.scaled(factor)

    def generator(self, weight: str = "fitted", time: float = 0.0) -> Generator:
        """Assemble the Markov generator with the given link weight, at a time of the schedule.

        Parameters
        ----------
        weight : str
            ``"fitted"`` (exponential fitting; transient densities) or ``"midpoint"`` (stationary
            fluxes, rates and passage times).
        time : float
            Time at which the schedule is evaluated.
        """
        from fokkerplanck.solvers.assemble import on_links

        factor = 1.0 if self.schedule is None else self.schedule.factor(time)
        return on_links(self.links(), self._static, weight, factor)

    def links(self) -> Links:
        """Links between cells that generators are made on, without the schedule."""
        return self._found_links

    def potential(self) -> Array:
        """Loss L at cell centres, shape (*shape,)."""
        return self._static.cell_potential()

    def diffusion(self, time: float = 0.0) -> Array:
        """Diffusion tensor D at cell centres, shape (*shape, dim, dim)."""
        return self.fields(time).diffusion

    def _repr_html_(self) -> str:
        force = "none" if self.force is None else "extra force"
        rows = {"landscape": self.landscape.name, "noise": self.noise.assumption, "force": force}
        if self.sgd is not None:
            rows["sgd"] = f"eb = {self.sgd.eb:g}, a step takes {self.sgd.step:g}"
        if self.schedule is not None:
            rows["schedule"] = self.schedule.text
        body = "".join(f"<tr><th>{k}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
        return f"{self.grid._repr_html_()}<table>{body}</table>"

    @cached_property
    def _found_links(self) -> Links:
        from fokkerplanck.solvers.assemble import find_links

        return find_links(self._static)

    @cached_property
    def _static(self) -> Fields:
        lattice, landscape, given = HalfLattice(self.grid), self.landscape, self.force
        loss = lattice.values(landscape.loss_on, "loss", elementwise=landscape.elementwise)
        _check_periodic(loss, self.grid, decays=landscape.bare is not landscape)
        gradient: Array | Callable[[], Array] = self._gradient
        if landscape.elementwise and self.noise.diagonal and self.grid.dim > 1:
            lattice.check(landscape.gradient_on, SLOPE)  # such links need values of the loss only
        else:
            gradient = self._gradient()
        force = None
        if given is not None:
            names, size = self.grid.names, (self.grid.dim,)
            force = lattice.values(
                lambda axes: given.values_on(axes, names),
                "force",
                size,
                elementwise=given.elementwise,
            )
        diffusion = self.noise.diffusion(landscape, self.grid)
        check_spd(diffusion, self.grid)
        return Fields(
            shape=self.grid.shape,
            spacing=self.grid.spacing,
            walls=self.grid.walls,
            diffusion=_frozen(diffusion),
            potential=_frozen(loss),
            gradient=gradient,  # type: ignore[arg-type]
            force=None if force is None else _frozen(force),
            kappa=self.noise.kappa,
        )

    def _gradient(self) -> Array:
        """Gradient of the loss on the half lattice."""
        return _frozen(
            HalfLattice(self.grid).values(
                self.landscape.gradient_on,
                SLOPE,
                (self.grid.dim,),
                elementwise=self.landscape.elementwise,
            )
        )


def _decayed(landscape: Landscape, sgd: SGD) -> Landscape:
    """Add the weight decay, unless the landscape has it already."""
    from fokkerplanck.landscapes.decay import Decayed, decayed

    if landscape.bare is landscape:
        return decayed(landscape, sgd.weight_decay)
    if isinstance(landscape, Decayed) and landscape.decay != sgd.weight_decay:
        msg = f"is {sgd.weight_decay:g}, but the landscape has a decay of {landscape.decay:g}"
        raise CaseError(msg, key="sgd.weight_decay")
    return landscape


def _check_scale(noise: Noise, sgd: SGD) -> None:
    """Refuse a noise whose strength is that of other hyper-parameters."""
    eb = getattr(noise, "eb", None)
    if eb is not None and abs(eb - sgd.eb) > SAME_SCALE * sgd.eb:
        msg = (
            f"the noise was made with eb = {eb:g}, but sgd gives {sgd.eb:g}: make it from the same "
            "hyper-parameters, as in noise.hessian(sgd=sgd)"
        )
        raise CaseError(msg, key="noise")


def _check_periodic(loss: Array, grid: Grid, *, decays: bool) -> None:
    span = float(np.ptp(loss))
    for k, axis in enumerate(grid.axes):
        if not axis.periodic:
            continue
        jump = np.abs(np.take(loss, -1, axis=k) - np.take(loss, 0, axis=k)).max()
        if jump > PERIODIC_TOLERANCE * span and decays:
            msg = (
                f"weight decay pulls to the origin, but the axis {axis.name} is periodic: from "
                f"{axis.min:g} to {axis.max:g} the loss with it jumps by {jump:.6g}; leave one out"
            )
            raise CaseError(msg, key="sgd.weight_decay")
        if jump > PERIODIC_TOLERANCE * span:
            msg = (
                f"the axis is periodic, but the loss jumps by {jump:.6g} between {axis.name} = "
                f"{axis.min:g} and {axis.max:g}; choose walls one period of the loss apart, and "
                "give a tilt as a force, not as part of the loss"
            )
            raise CaseError(msg, key=f"grid.{axis.name}.walls")


def _frozen(array: Array) -> Array:
    """Make it read-only; one tensor that is spread over all cells stays one."""
    spread = array.ndim > 2 and not any(array.strides[:-2])
    array = array if spread else np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
