"""Statements of the theory of SGD by section: density diffusion, stationary laws, three factors."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log, sqrt

import numpy as np

from fokkerplanck import landscapes, noise, sets
from fokkerplanck.grid import Grid
from fokkerplanck.noise import Noise
from fokkerplanck.observe import covariance
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.refinement import refined
from fokkerplanck.steady_state import stationary
from fokkerplanck.theory.annealing import annealed_variance, scheduled_covariance
from fokkerplanck.theory.density_diffusion import (
    flatness_ratio,
    loss_noise_log_time,
    white_flatness_ratio,
)
from fokkerplanck.theory.sgd_path import along_path
from fokkerplanck.theory.three_factors import (
    continuous_excess_loss,
    discrete_covariance,
    discrete_excess_loss,
)
from fokkerplanck.theory.varying_noise import basin_log_ratio
from fokkerplanck.verification.passages import right_of
from fokkerplanck.verification.rows import Entry, Row
from fokkerplanck.verification.sgd import (
    KAPPA,
    MANY_DIGITS,
    READINGS,
    SHORT,
    frozen_time,
    parabola_time,
)

__all__ = ["ENTRIES"]

#: Mean times from -1 to 1 in the quartic well under ``D = eb sqrt(H^2 + floor^2)`` by floor, at
#: eb = 0.05 in the three readings and, in the Ito reading, to the saddle; and at eb = 0.025 in the
#: Ito and Hanggi-Klimontovich readings.
FLOORS = {
    1.0: (
        276.47604759344,
        339.87876787912,
        444.78824368261,
        135.606864167,
        18232.987337426,
        29127.779528016,
    ),
    0.5: (
        3130.6956346682,
        4082.6196084066,
        5883.8042476826,
        1562.54771353,
        2779433.3812442,
        5157245.9504126,
    ),
    0.2: (
        144562.19372445,
        192556.79496315,
        290620.42118257,
        72278.2402962,
        6346178698.7037,
        12576714613.357,
    ),
    0.1: (
        3032645.638421,
        4049965.9258014,
        6163292.8301664,
        1516319.95416,
        2822370268936.6,
        5654332431241.2,
    ),
    0.05: (
        65410084.688363,
        87399170.585698,
        133301639.6529,
        32705039.477,
        1.3164627581502e15,
        2.6447398336003e15,
    ),
    0.01: (
        8.334232856587e10,
        1.11375725695e11,
        1.69997155581870e11,
        4.16711642801e10,
        2.1390356917965e21,
        4.3011161798383e21,
    ),
}
#: The same in the three readings under noise ``c (L + 0.05)``, by c.
LOSS_NOISE = {
    1 / 16: (30259564162029.0, 12746101835635.0, 5374417965177.0),
    1 / 8: (17770019.545902, 7724583.446649, 3372072.6381983),
    1 / 4: (13383.397459291, 6207.1556467307, 2934.5190623071),
}
#: The same across parabolas of curvatures 4 and 1, a barrier of 1, at eb = 0.25.
STRONG = (64.5854652588, 98.8530005061, 167.388071001)
#: Of the rescaled quartic well, at eb = 0.025 in the Ito reading, by k.
RESCALED = {2.0: 92.5980109075092, 0.5: 36928177.7302921}
#: A well in the plane, and its SGD.
WELL = np.array([[2.0, 0.5], [0.5, 1.0]])
ETA, BATCH = 0.2, 16
MATRIX = "exact law of the steps"


def _quartic_time(given: Noise, target: float = 1.0) -> float:
    problem = Problem(Grid.line(-4.0, 4.0, 1024), landscapes.quartic(), given)
    return mean_first_passage(problem, [-1.0], right_of(target)).mean


def _flatness() -> Iterator[Row]:
    found = flatness_ratio(2.0, 8.0, 0.25, 0.025, 0.5)
    yield Row("SGD, ratio of times, H = 2 and 8", found, 6.520819, 1e-7, "fixed barrier")
    found = white_flatness_ratio(2.0, 8.0)
    yield Row("white noise, ratio of times, H = 2 and 8", found, 2.0, 1e-15, "fixed barrier")
    times = [_white_time(h, 0.0025) for h in (2.0, 8.0)]
    text = "white noise, solved, barrier / T = 100"
    yield Row(text, times[0] / times[1], 2.0, 1e-4, "Kramers")


def _white_time(well: float, temperature: float) -> float:
    """Time between parabolas of one curvature over a barrier of 1/4 and curvature 1."""
    given = landscapes.piecewise_quadratic(
        1, curvature=(well, well), saddle_curvature=1.0, barrier=(0.25, 0.25)
    )
    low, high = given.minima
    wall = high + 12 * sqrt(temperature)
    problem = Problem(Grid.line(-wall, wall, 1024), given, noise.white(temperature))
    return mean_first_passage(problem, [low], right_of(high)).mean


def _rescaled() -> Iterator[Row]:
    for k, exact in RESCALED.items():
        length = 1 / sqrt(k)
        steep = landscapes.scaled(landscapes.quartic(), length=length)
        found = frozen_time(0.025, "ito", landscape=steep, length=length)
        yield Row(f"time in L(sqrt(k) x), k = {k:g}", found, exact, 1e-11, MANY_DIGITS)


def _strong_noise() -> Iterator[Row]:
    for reading, exact in zip(READINGS, STRONG, strict=True):
        found = parabola_time(4, 1, 1, 0.25, reading)
        yield Row(f"parabolas 4, 1, eb = 0.25, {SHORT[reading]}", found, exact, 1e-9, MANY_DIGITS)


def _floors() -> Iterator[Row]:
    names = ("ito", "stratonovich", "hanggi-klimontovich", "ito")
    for floor, exact in FLOORS.items():
        ways = [(0.05, r, 1.0 if k < 3 else 0.0) for k, r in enumerate(names)]
        ways += [(0.025, r, 1.0) for r in ("ito", "hanggi-klimontovich")]
        for (eb, reading, target), value in zip(ways, exact, strict=True):
            given = noise.hessian(2 * eb, 1, model="absolute", floor=floor, reading=reading)
            end = "" if target else ", to the saddle"
            text = f"floor = {floor:g}, eb = {eb:g}, {SHORT[reading]}{end}"
            yield Row(text, _quartic_time(given, target), value, 1e-9, MANY_DIGITS)


def _loss_noise() -> Iterator[Row]:
    for c, times in LOSS_NOISE.items():
        for reading, exact in zip(READINGS, times, strict=True):
            found = _quartic_time(noise.loss(c, offset=0.05, reading=reading))
            text = f"c = {c:g}, {SHORT[reading]}"
            yield Row(text, found, exact, 1e-10, MANY_DIGITS)
            law = exp(loss_noise_log_time((2.0, -1.0), (0.05, 0.3), c, KAPPA[reading]))
            note = "a power law; what it leaves out is of order c"
            yield Row(f"{text}, power law", found, law, 1.1 * c, "Laplace", note=note)


def _across() -> Iterator[Row]:
    """Escape in a plane whose valley widens or narrows towards the saddle, over that on a line."""
    for well, top in ((2.0, 1.0), (1.0, 2.0)):
        given = landscapes.from_expression(
            "(x**2 - 1)**2/4 + k*exp(r*x**2)*y**2/2", 2, {"k": top, "r": log(well / top)}
        )
        ratios = [_plane_time(given, eb) / frozen_time(eb, "ito") for eb in (0.0125, 0.00625)]
        law = exp(along_path(given, [-1.0, 0.0], [0.0, 0.0], 1.0).across)
        text = f"time / that without y, curvature across {well:g} to {top:g}, eb to 0"
        found = 2 * ratios[1] - ratios[0]
        yield Row(text, found, law, 4e-3, "quasi-potential, second order across")


def _plane_time(given: landscapes.Landscape, eb: float) -> float:
    side = 7 * sqrt(eb)
    grid = Grid.plane((-1.8, 1.8, 320), (-side, side, 120))
    problem = Problem(grid, given, noise.hessian(2 * eb, 1))
    return mean_first_passage(problem, [-1.0, 0.0], sets.HalfPlane([1.0, 0.0], 1.0)).mean


def _stationary() -> Iterator[Row]:
    pinned = np.array([[0.007839721254355, 0.000435540069686], [0, 0.006968641114983]])
    found = discrete_covariance(WELL, WELL / BATCH, ETA)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        text = f"covariance {i}{j} of the steps"
        yield Row(text, float(found[i, j]), float(pinned[i, j]), 1e-12, MATRIX)
    eb = ETA / (2 * BATCH)
    given = landscapes.from_expression("x**2 + x*y/2 + y**2/2", 2)
    problem = Problem(
        Grid.plane((-0.6, 0.6, 120), (-0.6, 0.6, 120)), given, noise.tensor((eb * WELL).tolist())
    )
    # correlations vanish in the diffusion, so its covariance is told by any direction
    for direction, name in (((1.0, 0.0), "xx"), ((0.0, 1.0), "yy"), ((0.6, 0.8), "along (3, 4)")):
        e = np.array(direction)

        def variance(on: Problem, e: np.ndarray = e) -> float:
            return float(e @ covariance(on.grid, stationary(on).density) @ e)

        value = refined(variance, problem, levels=(0.5, 1.0)).extrapolated
        yield Row(f"variance {name} of the diffusion", value, eb, 1e-4, "eta/(2 B), whatever H")


def _annealing() -> Iterator[Row]:
    pinned = 0.0612437415061364
    found = annealed_variance(2.0, 1.0, 0.1, 3.0, 0.1)
    yield Row("variance at t = 2, closed form", found, pinned, 1e-13, MANY_DIGITS)
    found = float(scheduled_covariance(2.0, 1.0, lambda t: 0.1 * exp(-t / 3), 0.1)[0, 0])
    yield Row("variance at t = 2, by quadrature", found, pinned, 1e-13, MANY_DIGITS)


def _losses() -> Iterator[Row]:
    c = WELL / BATCH
    found = discrete_excess_loss(WELL, c, ETA)
    yield Row("E[L] - L0 of the steps", found, 0.0115418118466899, 1e-13, MATRIX)
    slow = continuous_excess_loss(WELL, c, ETA)
    note = f"of the steps it is {found / slow - 1:.0%} more: learning rate * curvature = 0.44"
    yield Row("E[L] - L0 of the diffusion", slow, 0.009375, 1e-14, "eta tr H / (4 B)", note=note)


def _basins() -> Iterator[Row]:
    given, t = landscapes.from_expression("x**4/4 - x**2/2 + x/10"), 1 / 20
    places = (-1.0466805318046, 0.945649273923591)
    (left, right) = (float(given.loss(np.array([x]))) for x in places)
    ends = [given.hessian(np.array([x])) for x in places]
    ratio = basin_log_ratio(ends[0], ends[1], (t, t), (left - right) / t, 1.0)
    law = 1 / (1 + exp(-ratio))
    yield Row("mass left, Laplace", law, 0.978991835018061, 1e-12, "closed form")
    saddle = 0.101031257881011
    # the saddle on an edge of cells
    grid = Grid.line(saddle - 3.0, saddle + 3.0, 1200)
    p = stationary(Problem(grid, given, noise.white(t))).density
    mass = float(p[:600].sum() * grid.spacing[0])
    yield Row("mass left of the saddle", mass, 0.977954192696704, 1e-5, MANY_DIGITS)
    note = "what the parabolas leave out"
    yield Row("mass left, over that of parabolas", mass, law, 2e-3, "Laplace", note=note)


ENTRIES = (
    Entry("C4", "flat minima at a fixed barrier", "SGD exponential, white noise not", _flatness),
    Entry("C6", "rescaled times", "times in L(sqrt(k) x) under frozen noise", _rescaled),
    Entry("C7", "strong frozen noise", "three readings where no law is near", _strong_noise),
    Entry("C9", "noise with a floor", "times under |H| with a floor, all readings", _floors),
    Entry("C11", "noise like the loss", "times under noise in proportion to the loss", _loss_noise),
    Entry("D4", "curvature across the path", "what a widening valley does to SGD", _across),
    Entry("E2", "covariance of SGD", "discrete and continuous, C = H, in the plane", _stationary),
    Entry("E9", "annealing", "variance while the noise decays, closed form", _annealing),
    Entry("F2", "expected loss of SGD", "discrete and continuous, C = H", _losses),
    Entry("F3", "basin ratio", "masses of two basins beside those of parabolas", _basins),
)
