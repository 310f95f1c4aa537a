r"""Escape on a sampled line under stable noise that is fitted to the network's own.

The model of Simsekli, Sagun and Gurbuzbalaban (ICML 2019),

.. math:: dw = -L'(w)\,dt + \eta^{(\alpha - 1) / \alpha} \sigma\, dL^\alpha_t, \qquad t = \eta k,

with index and scale of the gradient noise at the minimum that is left, beside Gaussian noise of the
same variance, the Fokker-Planck equation with the variance of every place, and SGD itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_chain import InPlaneChain
from fokkerplanck.landscapes.critical import critical_points
from fokkerplanck.levy import Levy
from fokkerplanck.levy_passage import levy_exit
from fokkerplanck.noise import white
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.tail_index_fit import goodness_of_fit
from fokkerplanck.tail_index_regression import fit_stable
from fokkerplanck.tail_index_stable import StableLaw

__all__ = ["LineNoise", "LineTimes", "amplitude", "line_noise", "line_times"]

Array = NDArray[np.float64]
#: Cells of the line that is left.
CELLS = 1024
#: Walkers with stable steps, and points at which they look the slope up.
WALKERS, POINTS = 2000, 8192
#: Simulated samples of the test of the law.
DRAWS = 199


@dataclass(frozen=True, slots=True)
class LineNoise:
    """Noise of minibatches along the line at a place.

    Parameters
    ----------
    x : float
    batch : int
    alpha, alpha_error, scale, scale_error : float
        Of the stable law, by characteristic functions.
    deviation : float
        Standard deviation of the gradient of a sample.
    largest : float
        What the sample that pushes most up the axis pushes with.
    p_value : float
        Of the stable law, by simulated samples.
    """

    x: float
    batch: int
    alpha: float
    alpha_error: float
    scale: float
    scale_error: float
    deviation: float
    largest: float
    p_value: float


@dataclass(frozen=True, slots=True)
class LineTimes:
    """Mean number of steps to leave a well, in four models and by SGD itself.

    Parameters
    ----------
    learning_rate : float
    scale : float
        Amplitude of the stable noise of the continuous model.
    leap : float
        Push of a sample that takes one step over the top.
    chance : float
        That a step of the fitted law does: about one over the time.
    levy, levy_error : float
        Under that noise; standard error from those of alpha and sigma.
    walk, walk_error : float
        Of walkers that take steps of descent with that noise, ``-eta L' + eta sigma S``; standard
        error.
    gaussian : float
        Under Gaussian noise of the variance at the minimum, the same everywhere.
    ito : float
        Under the Fokker-Planck equation with the variance of every place.
    sgd, sgd_error : float
        By the chain of minibatches of one, exact; the error is relative.
    """

    learning_rate: float
    scale: float
    leap: float
    chance: float
    levy: float
    levy_error: float
    walk: float
    walk_error: float
    gaussian: float
    ito: float
    sgd: float
    sgd_error: float


def amplitude(alpha: float, scale: float, learning_rate: float) -> float:
    """``s = eta^((alpha - 1) / alpha) sigma`` of the continuous model."""
    return float(learning_rate ** ((alpha - 1) / alpha) * scale)


def line_noise(
    plane: InPlane, x: float, batch: int = 1, draws: int = 0, seed: int = 0
) -> LineNoise:
    """Fit a stable law to the noise of minibatches along the line at a place.

    Parameters
    ----------
    plane : InPlane
        A line with the gradients of single samples.
    x : float
    batch : int
        Batches with replacement; at 1 the samples themselves are fitted, each once.
    draws : int
        Of batches larger than one.
    """
    gradients = plane.table.at(np.array([[x]]))[0, :, 0]
    centred = gradients - gradients.mean()
    noise = centred
    if batch > 1:
        rng = np.random.default_rng([seed, batch])
        noise = centred[rng.integers(len(centred), size=(draws, batch))].mean(axis=1)
    fit, good = fit_stable(noise), goodness_of_fit(noise, DRAWS, np.random.default_rng(seed))
    return LineNoise(
        *(float(x), batch, fit.alpha, fit.alpha_error, fit.scale, fit.scale_error),
        *(float(centred.std()), float(-gradients.min()), good.p_value),
    )


def line_times(
    plane: InPlane, noise: LineNoise, target: float, learning_rate: float, cells: int = CELLS
) -> LineTimes:
    """Mean numbers of steps from the place of the noise to beyond the target, batches of one.

    Jumps over the outer end of the line stop there.

    Raises
    ------
    CaseError
        There is no barrier on the way.
    NumericalError
        A time is not found well enough.
    """
    eta = learning_rate

    low = float(plane.table.axes[0][0])
    line = Grid.line(low, target, cells, walls=("reflecting", "absorbing"))

    def levy(alpha: float, scale: float) -> float:
        problem = Levy(line, plane.landscape, alpha, amplitude(alpha, scale, eta))
        return levy_exit(problem, noise.x).mean / eta

    mean = levy(noise.alpha, noise.scale)
    # by the derivatives, as if the two errors were independent
    off = (
        levy(noise.alpha + noise.alpha_error, noise.scale) - mean,
        levy(noise.alpha, noise.scale + noise.scale_error) - mean,
    )
    leap = (_top(plane, noise.x, target) - noise.x) / eta
    chance = float(StableLaw(noise.alpha, noise.scale).tail(np.array([leap]))[0]) / 2
    constant = Problem(plane.grid(cells), plane.landscape, white(eta * noise.deviation**2 / 2))
    measured = plane.problem(eta, 1.0, cells=cells)
    chain = InPlaneChain(plane, noise.x, target).time(eta, 1)
    walk = _walk(plane, noise, target, eta)
    return LineTimes(
        learning_rate=eta,
        scale=amplitude(noise.alpha, noise.scale, eta),
        leap=leap,
        chance=chance,
        levy=mean,
        levy_error=hypot(*off),
        walk=float(walk.mean()),
        walk_error=float(walk.std(ddof=1)) / len(walk) ** 0.5,
        gaussian=mean_first_passage(constant, noise.x, target).mean / eta,
        ito=mean_first_passage(measured, noise.x, target).mean / eta,
        sgd=chain.mean_steps,
        sgd_error=chain.error,
    )


def _walk(plane: InPlane, noise: LineNoise, target: float, learning_rate: float) -> Array:
    """Numbers of steps of walkers with stable steps, until they are beyond the target."""
    low, high = (f(plane.table.axes[0]) for f in (min, max))
    x = np.linspace(low, high, POINTS)
    slope = plane.landscape.gradient(x[:, None])[:, 0]
    law, rng = StableLaw(noise.alpha, noise.scale), np.random.default_rng(0)
    at, taken, k = np.full(WALKERS, noise.x), np.zeros(WALKERS), 0
    alive = np.arange(WALKERS)
    while len(alive):
        k += 1
        at = at + learning_rate * (law.sample(at.shape, rng) - np.interp(at, x, slope))
        there = at > target
        taken[alive[there]] = k
        alive, at = alive[~there], np.maximum(at[~there], low)
    return taken


def _top(plane: InPlane, start: float, target: float) -> float:
    """Highest maximum of the loss on the way."""
    found = critical_points(plane.landscape, plane.grid(CELLS))
    tops = [c for c in found if c.kind != "minimum" and start < c.position[0] < target]
    if not tops:
        msg = f"there is no maximum of the loss between {start:.6g} and {target:.6g}"
        raise CaseError(msg)
    return float(max(tops, key=lambda c: c.loss).position[0])
