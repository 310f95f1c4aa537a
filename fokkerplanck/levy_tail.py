"""The tails beyond the walls of a grid that stands for the whole line: mass and moments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.laguerre import laggauss
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.levy import Levy
from fokkerplanck.solvers.fractional import jump_constant

__all__ = ["Tail", "mass_outside", "tails"]

Array = NDArray[np.float64]
#: Panels of the logarithm of the distance, and points in each.
PANELS, POINTS = 40, 8
#: ``e^-DECADES`` of the tail is left out.
DECADES = 28.0
#: Jumps shorter than this part of the way from the well to a wall spread like Gaussian noise there;
#: points of the integral over what they carry beyond; and how many nodes from the wall the density
#: is taken, where those that were stopped do not show.
SHORT, CARRIED, APART = 0.5, 16, 2
#: Where the power of a tail is read off, in lengths of the grid.
FAR = (1e4, 1e6)


@dataclass(frozen=True)
class Tail:
    """Stationary tail beyond one wall.

    Parameters
    ----------
    mass : float
    first, second : float
        Integrals of ``x p`` and ``x^2 p`` over it; inf in size where they do not exist.
    exponent : float
        b of ``p ~ |x|^-b`` far out; inf without jumps, or where the loss grows faster than powers.
    """

    mass: float
    first: float
    second: float
    exponent: float


def mass_outside(problem: Levy, density: Array | None = None, nodes: Array | None = None) -> float:
    """Stationary mass beyond both walls; see `tails`."""
    return sum(tail.mass for tail in tails(problem, density, nodes))


def tails(
    problem: Levy, density: Array | None = None, nodes: Array | None = None
) -> tuple[Tail, Tail]:
    r"""Stationary tails beyond the low and the high wall, where single jumps lead from the wells.

    What jumps beyond x comes back by drift, :math:`|L'(x)|\,p(x) = s^\alpha C_{1, \alpha} \int
    |x - y|^{-\alpha} p(y) dy / \alpha`, and the tail is the integral of p. Gaussian noise, and
    jumps shorter than r, half the way from the well to the wall, spread over it with :math:`D = T +
    s^\alpha C_{1, \alpha} r^{2 - \alpha} / (2 - \alpha)` and carry :math:`p e^{-(L - L_w) / D}`
    beyond, in proportion to the density at the wall.

    Parameters
    ----------
    problem : Levy
    density : ndarray, shape (n,), optional
        At the nodes; without it all mass is at the lowest node.
    nodes : ndarray, shape (n,), optional
        Those of the problem unless given.

    Raises
    ------
    CaseError
        Where the loss does not rise beyond the walls: nothing would bring walkers back.
    """
    axis, x = problem.grid.axes[0], problem.nodes if nodes is None else nodes
    lowest = int(np.argmin(problem.landscape.loss(x[:, None])))
    if density is None:
        places, masses = x[[lowest]], np.ones(1)
    else:
        places, masses = x, density / density.sum()
    ends = axis.min, axis.max
    low, high = (_beyond(problem, float(x[lowest]), wall, places, masses) for wall in ends)
    if density is None:
        return low, high
    rate = masses / (x[1] - x[0])
    near = _at_wall(rate), _at_wall(rate[::-1])
    return _carried(problem, low, ends[0], float(x[lowest]), near[0]), _carried(
        problem, high, ends[1], float(x[lowest]), near[1]
    )


def _at_wall(density: Array) -> float:
    """Density at the low wall, on a straight line through nodes some way from it."""
    first, second = density[APART : APART + 2]
    return float(np.clip(first + (APART + 0.5) * (first - second), 0.0, 2.0 * first))


def _carried(problem: Levy, tail: Tail, wall: float, well: float, density: float) -> Tail:
    """Add what short jumps and Gaussian noise carry beyond a wall."""
    alpha, side = problem.alpha, float(np.sign(wall - well))
    short = SHORT * abs(wall - well)
    spread = 1.0 if alpha == 2.0 else jump_constant(alpha) / (2.0 - alpha) * short ** (2.0 - alpha)
    d = problem.temperature + problem.scale**alpha * spread
    length = d / (side * float(problem.landscape.gradient(np.array([[wall]]))[0, 0]))
    u, weight = laggauss(CARRIED)
    x = np.append(wall, wall + side * length * u)
    with np.errstate(over="ignore", invalid="ignore"):
        loss = problem.landscape.loss(x[:, None])
        part = np.exp(np.minimum(u - (loss[1:] - loss[0]) / d, 0.0))
    masses = density * length * weight * np.where(np.isfinite(part), part, 0.0)
    return replace(
        tail,
        mass=tail.mass + float(masses.sum()),
        first=tail.first + float(masses @ x[1:]),
        second=tail.second + float(masses @ x[1:] ** 2),
    )


def _beyond(problem: Levy, well: float, wall: float, places: Array, masses: Array) -> Tail:
    alpha, side = problem.alpha, float(np.sign(wall - well))
    y, weight = leggauss(POINTS)
    width = DECADES / (alpha * PANELS)
    log = (width * (np.arange(PANELS)[:, None] + 0.5 * (y + 1.0))).ravel()
    weights = np.tile(0.5 * width * weight, PANELS)
    distance = np.abs(wall - well) * np.exp(log)
    x = well + side * distance
    with np.errstate(over="ignore"):
        try:
            slope = side * problem.landscape.gradient(x[:, None])[:, 0]
        except CaseError as error:
            msg = (
                "the loss is not known beyond the walls, where walkers are stopped, and so is not "
                f'how many are there: take outside="suppressed" for a box ({error})'
            )
            raise CaseError(msg, key="noise.outside") from None
    if not (slope > 0.0).all():
        at = float(x[~(slope > 0.0)][0])
        msg = (
            f"the loss does not rise outwards at x = {at:.6g}, beyond a wall where walkers are "
            'stopped; take a grid that reaches so far, or outside="suppressed" for a box'
        )
        raise CaseError(msg, key="grid.x")
    # single jumps; those from next to the wall are short, see `_carried`
    reach = np.maximum(np.abs(x[:, None] - places), SHORT * np.abs(wall - well)) ** -alpha @ masses
    p = problem.scale**alpha * jump_constant(alpha) / alpha * reach / slope
    inside, b = weights * distance * p, _exponent(problem, well, side)
    last = (distance * p)[-1]  # a power of the distance from here on
    first, second = (
        float(np.sum(inside * x**k) + last * x[-1] ** k / (b - 1 - k))
        if b > 1 + k
        else side**k * np.inf
        for k in (1, 2)
    )
    return Tail(float(np.sum(inside)), first, second, b)


def _exponent(problem: Levy, well: float, side: float) -> float:
    """Power of the tail: alpha, and that of the slope of the loss."""
    if problem.alpha == 2.0:
        return np.inf
    axis = problem.grid.axes[0]
    distance = (axis.max - axis.min) * np.array(FAR)
    with np.errstate(over="ignore"):
        slope = side * problem.landscape.gradient((well + side * distance)[:, None])[:, 0]
    if not np.isfinite(slope).all():
        return np.inf
    return problem.alpha + float(np.log(slope[1] / slope[0]) / np.log(FAR[1] / FAR[0]))
