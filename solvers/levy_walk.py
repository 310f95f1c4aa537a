"""Walkers under symmetric alpha-stable noise: steps cut at jumps, or fixed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma, rgamma

from fokkerplanck.solvers import levy_walk_kernels as k
from fokkerplanck.solvers.crew import available_threads, work
from fokkerplanck.solvers.field_tables import FieldTables, LineTables
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget, Target

__all__ = ["LevyHits", "LevyWalk", "jump_law", "stable_variates"]

Array = NDArray[np.float64]
Progress = Callable[[float], None]
WALLS = {"stopped": k.STOPPED, "suppressed": k.SUPPRESSED, "absorbing": k.ABSORBING}
#: Steps of one call of the kernel, some ten milliseconds.
PIECE = 200_000
#: Chunks of walkers for each thread.
CHUNKS = 8
#: Threshold of jumps over the distance to a target, at usual steps.
FINENESS = 0.1
#: Standard deviations of short jumps within a step that fit into the distance to a target: none of
#: them, taken as Brownian, meets it unseen.
SIGMAS = 6.0
#: Least threshold: of the shortest axis, and by the variance of jumps below over that of heat.
LEAST, COLD = 1e-9, 1e-3
#: Mean time in the largest ball that is left at once, in steps.
BALL = 0.1
#: Displacements below this part of the shortest axis do not matter.
SMALL = 1e-12


@dataclass(frozen=True)
class JumpLaw:
    """Rates of jumps of a stable motion with ``E exp(i k L) = exp(-t (scale |k|)^alpha)``.

    Parameters
    ----------
    rate : float
        A of the rate ``A delta^-alpha`` of jumps longer than delta.
    variance : float
        V of the variance ``V delta^(2 - alpha)`` of shorter ones, per time and axis.
    ball : float
        G of the mean time ``G r^alpha`` after which it leaves a ball from its centre; for
        independent axes it has none.
    """

    rate: float
    variance: float
    ball: float


def jump_law(alpha: float, scale: float, dim: int, *, independent: bool = False) -> JumpLaw:
    r"""Constants of the jump measure :math:`C_{n, \alpha} |y|^{-n - \alpha} dy`.

    .. math::

        C_{n, \alpha} = \frac{\alpha 2^{\alpha - 1} \Gamma((n + \alpha) / 2)}
            {\pi^{n / 2} \Gamma(1 - \alpha / 2)}, \quad
        A = \frac{s^\alpha C |S|}{\alpha}, \quad V = \frac{s^\alpha C |S|}{(2 - \alpha) n}, \quad
        G = \frac{\Gamma(n / 2)}{(2 s)^\alpha \Gamma(1 + \alpha / 2) \Gamma((n + \alpha) / 2)}

    with the surface :math:`|S|` of the unit ball in n dimensions.

    References
    ----------
    R. K. Getoor, Trans. Amer. Math. Soc. 101 (1961) 75 (G).
    """
    n = 1 if independent else dim
    # C / (2 - alpha), which is finite at 2
    part = alpha * 2.0 ** (alpha - 2.0) * gamma((n + alpha) / 2) * rgamma(2.0 - alpha / 2)
    part *= scale**alpha * np.pi ** (-n / 2) * (2.0 if n == 1 else 2.0 * np.pi)
    rate = part * (2.0 - alpha) / alpha * (dim if independent else 1)
    ball = gamma(n / 2) * rgamma(1 + alpha / 2) * rgamma((n + alpha) / 2) / (2 * scale) ** alpha
    return JumpLaw(float(rate), float(part / n), float(ball))


def stable_variates(
    seed: int, walkers: int, count: int, alpha: float, *, isotropic: bool = False
) -> Array:
    """Draw stable values, ``E exp(i k X) = exp(-|k|^alpha)``, from streams of walkers.

    Parameters
    ----------
    seed : int
    walkers, count : int
        How many streams, and values of each.
    alpha : float
        0 < alpha <= 2.
    isotropic : bool
        Pairs whose law is the same in all directions, instead of single numbers.

    Returns
    -------
    ndarray, shape (walkers, count), or (walkers, count, 2)

    References
    ----------
    J. M. Chambers, C. L. Mallows and B. W. Stuck, J. Am. Stat. Assoc. 71, 340 (1976); M. Kanter,
    Ann. Probab. 3, 697 (1975).
    """
    if not 0.0 < alpha <= 2.0:
        msg = f"the index of a stable law is above 0 and at most 2, got {alpha}"
        raise ValueError(msg)
    dim = 2 if isotropic else 1
    out = np.empty((walkers, count * dim))
    k.stable_kernel(_streams(seed, walkers), float(alpha), dim, out)
    return out.reshape(walkers, count, 2) if isotropic else out


@dataclass(frozen=True, eq=False)
class LevyHits:
    """First hits of walkers.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Of those that did not arrive, when their walks ended.
    where : ndarray, shape (m, dim)
        Where they landed: within the target where they jumped there, at its edge where they did
        not; beyond walls that absorb.
    shape : ndarray of int, shape (m,)
        Which shape of the target was met; -1 for those still on the way, -2 at absorbing walls.
    crept : ndarray of bool, shape (m,)
        Whether the target, or the wall, was met between jumps.
    """

    times: Array
    where: Array
    shape: NDArray[np.int64]
    crept: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LevyWalk:
    r"""Walkers of :math:`dX = f dt + \sqrt{2 T}\,dW + s\,dL^\alpha`.

    Parameters
    ----------
    tables : FieldTables
        The drift; their diffusion is not used.
    alpha : float
        0 < alpha <= 2.
    scale : float or (float, float)
        s > 0, with :math:`E e^{i k L_t} = e^{-t |k|^\alpha}`; of independent components perhaps a
        pair.
    temperature : float
        T.
    step : float
        Time of the longest step.
    walls : sequence of (str, str)
        Of each axis: ``"stopped"``, jumps beyond end at the wall; ``"suppressed"``, they do not
        occur; ``"absorbing"``.
    independent : bool
        Of the two components of the noise; otherwise it is isotropic.
    fineness : float
        Threshold of jumps over the distance to a target.
    fixed : bool
        Steps of fixed length with stable increments, which meet targets at their ends only.
    seed : int
        Of all streams; walker number k has its own.
    threads : int, optional
        All that the process may use. The result does not depend on it.

    Notes
    -----
    *Adapted steps.* Jumps longer than delta come one by one, at exponential times; those shorter
    make Gaussian noise of the same variance. Far from targets delta is such that about one jump
    comes in each step. Near a target at the distance d, delta is ``fineness d`` and the steps are
    short enough that the Gaussian noise stays within ``d / 6``: hardly ever does what stands for
    short jumps carry a walker over the edge, and where it lands is the law of long ones. In pure
    jumps near the target the largest ball without it is left at once, with the exact law of
    where (1 / |y|^2 is Beta(alpha / 2, 1 - alpha / 2)) and the mean of how long.
    A target may also be met between jumps, by drift or Gaussian noise, of which bridges tell.

    *Drift.* Its flow is followed by the midpoint rule in as many pieces as the tables ask for, half
    of it before the noise and half after: walkers that jump far out come back as they should.

    References
    ----------
    S. Asmussen and J. Rosinski, J. Appl. Probab. 38, 482 (2001): short jumps as Gaussian noise;
    R. M. Blumenthal, R. K. Getoor and D. B. Ray, Trans. Amer. Math. Soc. 99, 540 (1961): balls.
    """

    tables: FieldTables
    alpha: float
    scale: float | tuple[float, float]
    temperature: float
    step: float
    walls: Sequence[tuple[str, str]] = (("stopped", "stopped"),) * 2
    independent: bool = False
    fineness: float = FINENESS
    fixed: bool = False
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        good = 0.0 < self.alpha <= 2.0 and 0.0 < np.min(self.scale) <= np.max(self.scale) < np.inf
        good = good and 0.0 <= self.temperature < np.inf and 0.0 < self.step < np.inf
        if not (good and 0.0 < self.fineness <= 0.5):
            msg = (
                "needs 0 < alpha <= 2, a positive scale and step, a temperature of 0 or more and a "
                f"fineness up to 0.5, got {self.alpha}, {self.scale}, {self.step}, "
                f"{self.temperature} and {self.fineness}"
            )
            raise ValueError(msg)

    def snapshots(
        self, positions: Array, times: Sequence[float] | Array, progress: Progress | None = None
    ) -> Iterator[Array]:
        """Yield the positions (m, dim) at times, which increase; nan where walls absorbed."""
        herd = _Herd(self, self._points(positions), None)
        last = max(float(times[-1]), 1e-300)
        for time in times:
            herd.advance(float(time), progress, last)
            yield np.where(herd.fates[:, None] == k.WALKING, herd.where(), np.nan)

    def first_hits(
        self,
        starts: Array,
        target: Target | None,
        limit: float,
        progress: Progress | None = None,
    ) -> LevyHits:
        """When and where walkers first meet a target, or an absorbing wall.

        Parameters
        ----------
        starts : ndarray, shape (m, dim)
        target : LineTarget, PlaneTarget or None
            What reaches beyond an absorbing wall is met there, too.
        limit : float
            Time after which walkers are given up.
        progress : callable, optional
            Told the fraction of the walks that have ended.
        """
        if target is not None and target.dim != self.tables.dim:
            msg = f"the target has dimension {target.dim}, the walk {self.tables.dim}"
            raise ValueError(msg)
        herd = _Herd(self, self._points(starts), target)
        herd.advance(float(limit), progress)
        return LevyHits(herd.times, herd.where(), herd.fates, herd.crept)

    def _points(self, positions: Array) -> Array:
        points = np.array(positions, dtype=np.float64, ndmin=2)
        if points.shape[1:] != (self.tables.dim,) or not np.isfinite(points).all():
            msg = f"positions must be finite, of shape (m, {self.tables.dim}), got {points.shape}"
            raise ValueError(msg)
        lower, upper = np.atleast_1d(self.tables.lower), np.atleast_1d(self.tables.upper)
        if (points < lower).any() or (points > upper).any():
            msg = f"walkers must start between the walls, {lower} and {upper}"
            raise ValueError(msg)
        return points


class _Herd:
    """State of walkers, and what the kernel is told."""

    def __init__(self, walk: LevyWalk, points: Array, target: Target | None) -> None:
        self.threads = walk.threads or available_threads()
        self.dim, m = walk.tables.dim, len(points)
        self.places = np.zeros((m, 2))
        self.places[:, : self.dim] = points
        self.times, self.fates = np.zeros(m), np.full(m, k.WALKING, np.int64)
        self.crept = np.zeros(m, np.bool_)
        state = self.places, self.times, _streams(walk.seed, m), self.fates, self.crept
        self.told: tuple[Any, ...] = (state, *_fields(walk), *_rules(walk), _ends(walk, target))

    def advance(self, until: float, progress: Progress | None, last: float | None = None) -> None:
        """Take all to a time, or to their ends."""
        size = max(-(-len(self.times) // (CHUNKS * self.threads)), 1)
        firsts = range(0, len(self.times), size)

        def look() -> None:
            if progress is not None:
                ended = self.fates != k.WALKING
                progress(float(ended.mean() if last is None else (self.times / last).mean()))

        tasks = [partial(self._task, i, min(i + size, len(self.times)), until) for i in firsts]
        work(tasks, self.threads, look)

    def _task(self, first: int, end: int, until: float) -> Iterator[None]:
        while first < end:
            first = k.jump_walk_kernel((first, end), until, PIECE, *self.told)
            yield

    def where(self) -> Array:
        """Places, shape (m, dim)."""
        return self.places[:, : self.dim].copy()


def _streams(seed: int, walkers: int) -> NDArray[np.uint64]:
    words = np.empty((walkers, 4), np.uint64)
    k.streams_kernel(np.uint64(seed % 2**64), words)
    return words


def _fields(walk: LevyWalk) -> tuple[Any, Any]:
    """Lay out drift and walls; on a line the second axis is empty."""
    tables = walk.tables
    kinds = np.zeros(4, np.int64)
    for axis, pair in enumerate(walk.walls[: tables.dim]):
        if not set(pair) <= set(WALLS):
            msg = f"walls of each axis are two of {', '.join(WALLS)}, got {pair}"
            raise ValueError(msg)
        kinds[2 * axis : 2 * axis + 2] = [WALLS[w] for w in pair]
    small = SMALL * float(np.min(np.subtract(tables.upper, tables.lower)))
    line, plane, weights = np.zeros((1, 4)), np.zeros((4, 4, 2)), np.zeros((4, 4))
    low, high, inverse, cells = np.zeros(2), np.ones(2), np.ones(2), np.ones(2, np.int64)
    d = tables.dim
    low[:d], high[:d], cells[:d] = tables.lower, tables.upper, tables.cells
    inverse[:d] = 1.0 / np.atleast_1d(tables.spacing)
    if isinstance(tables, LineTables):
        line = tables.drift[: tables.cells]
    else:
        plane, weights = tables.drift, tables.weights
    numbers = [v for i in range(2) for v in (float(low[i]), float(inverse[i]), int(cells[i]))]
    walls = float(low[0]), float(high[0]), float(low[1]), float(high[1])
    return ((d, *numbers, small), line, plane, weights), (*walls, *kinds.tolist())


def _rules(walk: LevyWalk) -> tuple[Any, Any]:
    """Lay out the law of the noise, and how steps are taken."""
    alpha, d = float(walk.alpha), walk.tables.dim
    pair = np.broadcast_to(np.asarray(walk.scale, dtype=np.float64), 2)
    apart = walk.independent and d > 1
    scale = float(pair.max())
    law = jump_law(alpha, scale, d, independent=apart)
    parts = (pair / scale) ** alpha
    heat = np.full(2, 2.0 * walk.temperature)
    rate, variance = law.rate * (float(parts.mean()) if apart else 1.0), law.variance
    if alpha == 2.0 and not walk.fixed:
        heat, rate, variance = heat + 2.0 * pair**2, 0.0, 0.0
    shortest = float(np.min(np.subtract(walk.tables.upper, walk.tables.lower)))
    delta = (rate * walk.step) ** (1.0 / alpha) if rate > 0.0 else 0.0
    least = LEAST * shortest
    if rate > 0.0 and heat[0] > 0.0:
        least = max(least, min((COLD * heat[0] / variance) ** (1.0 / (2.0 - alpha)), delta))
    far = (rate * delta**-alpha, variance * delta ** (2.0 - alpha)) if delta > 0.0 else (0.0, 0.0)
    balls = heat[0] == 0.0 and alpha < 2.0 and not apart
    radius = (BALL * walk.step / law.ball) ** (1.0 / alpha) if balls else 0.0
    share = float(parts[0] / parts.sum())
    noise = (
        *(alpha, d, apart, *heat.tolist(), *pair.tolist(), rate, variance, law.ball),
        *(*parts.tolist(), share),
    )
    rules = (
        *(walk.fixed, float(walk.step), walk.step ** (1 / alpha) if walk.fixed else delta, *far),
        *(float(walk.fineness), least, SIGMAS**-2, radius),
    )
    return noise, rules


def _ends(walk: LevyWalk, target: Target | None) -> tuple[Any, ...]:
    """Targets and then absorbing walls as shapes, with their fates."""
    rows: list[Any] = []
    level, frame = np.zeros((0, 0)), (0.0, 0.0, 0.0, 0.0)
    if isinstance(target, LineTarget):
        rows += [(*_interval(a, b), fate) for fate, (a, b) in enumerate(target.intervals)]
    elif isinstance(target, PlaneTarget):
        rows += [(*shape, fate) for fate, shape in enumerate(target.shapes)]
        (left, foot), (dx, dy) = target.corner, target.spacing
        level, frame = target.level, (float(left), float(foot), float(dx), float(dy))
    low, high = np.atleast_1d(walk.tables.lower), np.atleast_1d(walk.tables.upper)
    for axis, pair in enumerate(walk.walls[: walk.tables.dim]):
        unit = np.eye(2)[axis]
        if pair[0] == "absorbing":
            rows.append((k.HALF_PLANE, *-unit, -low[axis], 0.0, k.LOST))
        if pair[1] == "absorbing":
            rows.append((k.HALF_PLANE, *unit, high[axis], 0.0, k.LOST))
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return np.ascontiguousarray(table[:, :5]), table[:, 5].astype(np.int64), level, frame


def _interval(a: float, b: float) -> tuple[float, ...]:
    """Return an interval of a line as a shape of the plane."""
    if b == np.inf:
        return k.HALF_PLANE, 1.0, 0.0, a, 0.0
    if a == -np.inf:
        return k.HALF_PLANE, -1.0, 0.0, -b, 0.0
    return k.BOX, a, b, -np.inf, np.inf
