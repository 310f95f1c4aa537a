r"""In-plane SGD on a line as the Markov chain that it is: passage times without sampling.

:math:`T(x) = 1 + \mathrm E\,T(x - \eta\,B^{-1}\sum_{i \in \text{batch}} g_i(x))` off the target and
0 on it, and the same for the second moment. T is interpolated between nodes, so that what is
solved is a chain on the nodes; its matrix is a band, as jumps are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.solvers.band_chain import BandChain
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.gradient_table import GradientTable
from fokkerplanck.solvers.step_laws import (
    Atoms,
    batch_atoms,
    cubic_weights,
    normal_atoms,
    sample_atoms,
)

__all__ = ["NOISES", "ChainTime", "MinibatchChain"]

Array = NDArray[np.float64]
NOISES = ("minibatch", "gaussian")
#: Nodes in a standard deviation of a step and in a distance of the table's points, to begin with.
IN_STEP, IN_CELL = 3, 1
#: Nodes at least in a distance on which chances change by a factor e.
IN_FACTOR = 1
#: Points of a distance of the table's points at which the smallest step is looked for.
FINE = 4
#: Doublings of the nodes; numbers in a band.
DOUBLINGS, LARGEST = 4, 60_000_000
TOLERANCE = 1e-3
#: Missing probability that counts as rounding and quadrature.
WHOLE = 1e-8
#: Distance from a node, in their spacing, at which a place is taken for it.
ON = 1e-10
#: Sizes of T, in logarithms, up to which floats are good.
HUGE = 1e290


@dataclass(frozen=True)
class ChainTime:
    """Moments of a first-passage time, in steps.

    Parameters
    ----------
    mean, variance : float
    error : float
        Relative, of the mean: its change when the nodes are half as many.
    nodes : int
    """

    mean: float
    variance: float
    error: float
    nodes: int


@dataclass(frozen=True, eq=False)
class MinibatchChain:
    r"""First passages of :math:`x' = x - \eta\,B^{-1}\sum_{i \in \text{batch}} g_i(x)` on a line.

    Parameters
    ----------
    table : GradientTable
        Gradients of the samples, on a line.
    learning_rate : float
        eta.
    batch_size : float
        B, each sample of a batch drawn from all; whole for real minibatches.
    edge : float
        The target is all that lies beyond, seen from where a walk starts.
    noise : str
        ``"minibatch"``: the law of the samples; ``"gaussian"``: the normal one of the same mean
        and variance.
    within : (float, float), optional
        Positions from which steps have that law; from all others they are Gaussian.
    points : int
        Nodes that T is interpolated from: 4 (cubics) or 2, whose weights are never negative.

    Notes
    -----
    Steps over the edge of the table are mirrored there, as walkers are. Between nodes a distance h
    apart, cubics are wrong by h^4 where T is smooth. It is not quite: it jumps at the target, and
    with real minibatches by a share 1/N of that at every place from which a sample's gradient
    leads to it. So the error is measured, by nodes half as many, and not assumed.
    """

    table: GradientTable
    learning_rate: float
    batch_size: float
    edge: float
    noise: str = "minibatch"
    within: tuple[float, float] | None = None
    points: int = 4

    def __post_init__(self) -> None:
        eta, batch = self.learning_rate, self.batch_size
        if not (np.isfinite(eta) and eta > 0 and np.isfinite(batch) and batch > 0):
            msg = f"learning rate and batch size are positive, got {eta} and {batch}"
            raise ValueError(msg)
        if self.noise not in NOISES or (self.noise == "minibatch" and batch != int(batch)):
            msg = f"noise is one of {', '.join(NOISES)}, and real minibatches have a whole number "
            msg += f"of samples; got {self.noise!r} and {batch}"
            raise ValueError(msg)
        if self.table.dim != 1 or self.points not in (2, 4):
            msg = f"a chain is solved on a line, between 2 or 4 nodes; got {self.table.dim} "
            msg += f"dimensions and {self.points} nodes"
            raise ValueError(msg)

    def time(
        self,
        starts: ArrayLike,
        weights: ArrayLike | None = None,
        tolerance: float = TOLERANCE,
    ) -> ChainTime:
        """Count steps until the target is reached, with nodes doubled until that is known well.

        Parameters
        ----------
        starts : array_like, shape (m,)
            On one side of the target.
        weights : array_like, shape (m,), optional
            Probabilities of the starts; equal ones if left out.
        tolerance : float
            Relative error of the mean.

        Raises
        ------
        ValueError
            Starts off the table, in the target, or on both sides of it.
        NumericalError
            If the error stays larger, or times are too long for floats.
        """
        x = np.atleast_1d(np.asarray(starts, dtype=np.float64))
        count = self.fewest(x)
        before, error = self.moments(x, count, weights), np.inf
        for _ in range(DOUBLINGS):
            count *= 2
            found = self.moments(x, count, weights)
            error = abs(before[0] / found[0] - 1)
            if error <= tolerance:
                return ChainTime(found[0], found[1], error, count + 1)
            before = found
        msg = f"the mean time still changes by {error:.1e} of itself from {count // 2} to {count} "
        msg += f"nodes, more than {tolerance:.1e}: {found[0]:.6g} steps"
        raise NumericalError(msg)

    def fewest(self, starts: Array) -> int:
        """Return the number of intervals to begin with."""
        line = self._line(starts)
        x = np.linspace(line.lower, line.edge, FINE * len(self.table.axes[0]))
        g = self._gradients(line.sign * x)
        eta, batch, variance = self.learning_rate, self.batch_size, g.var(axis=1)
        step = eta * float(np.sqrt(variance.min() / batch))
        h = min(step / IN_STEP, self.table.spacing[0] / IN_CELL)
        if not h > 0:
            msg = "where all samples have the same gradient there is no noise, and no chain"
            raise NumericalError(msg)
        # chances fall uphill by a factor e within eta C / 2 g B, which matters on the way only
        way = x >= (line.sign * starts).min()
        steep = float(np.abs(2 * g.mean(axis=1) / variance)[way].max(initial=0.0)) * batch / eta
        h = min(h, 1.0 / (IN_FACTOR * steep) if steep > 0 else h)
        return max(8, int(np.ceil((line.edge - line.lower) / h)))

    def moments(
        self, starts: Array, intervals: int, weights: ArrayLike | None = None
    ) -> tuple[float, float]:
        """Mean and variance of the time with a given number of intervals between nodes."""
        line = self._line(starts)
        nodes = np.linspace(line.lower, line.edge, intervals + 1)
        first, second = self._solved(line, nodes)
        w = np.full(len(starts), 1 / len(starts)) if weights is None else np.asarray(weights)
        share = w / w.sum()
        at, weight = _stencils((line.sign * starts - line.lower) / line.spacing(nodes), nodes, 4)
        mean, square = (float(share @ (v[at] * weight).sum(axis=1)) for v in (first, second))
        if not 0 < mean < HUGE:
            msg = f"a mean time of {mean:.3g} steps: beyond what floats hold, or not resolved"
            raise NumericalError(msg)
        # of an exponential law, the square of the mean; as a difference of the scaled moments
        return mean, (square / mean - mean) * mean

    def leap_share(self, starts: ArrayLike, place: float, intervals: int | None = None) -> float:
        """Probability that the step which reaches the target comes from before a place.

        Parameters
        ----------
        starts : array_like, shape (m,)
        place : float
        intervals : int, optional
            Between nodes; four times the fewest if left out.
        """
        x = np.atleast_1d(np.asarray(starts, dtype=np.float64))
        line = self._line(x)
        nodes = np.linspace(line.lower, line.edge, (intervals or 4 * self.fewest(x)) + 1)
        band, left, absorbed = self._band(line, nodes)
        behind = np.where(nodes < line.sign * place, absorbed, 0.0)
        share = BandChain(band, left, absorbed).solve(behind)
        at, weight = _stencils((line.sign * x - line.lower) / line.spacing(nodes), nodes, 4)
        return float((share[at] * weight).sum(axis=1).mean())

    def _solved(self, line: _Line, nodes: Array) -> tuple[Array, Array]:
        band, left, absorbed = self._band(line, nodes)
        chain = BandChain(band, left, absorbed)
        first = chain.solve(np.ones(len(nodes)))
        size = float(first.max())
        # E t^2 = 1 + 2 P T + P E t^2, and P T = T - 1
        return first, size * chain.solve((2 * first - 1) / size)

    def _band(self, line: _Line, nodes: Array) -> tuple[Array, int, Array]:
        atoms = self._atoms(line, nodes)
        y = line.folded(atoms.places)
        row = np.repeat(np.arange(len(nodes)), np.diff(atoms.first))
        total = np.bincount(row, atoms.probabilities, len(nodes))
        if np.abs(total - 1).max() > WHOLE:
            msg = f"probabilities of a step sum to {total[np.abs(total - 1).argmax()]:.9f}"
            raise NumericalError(msg)
        live = y < line.edge
        t = (y[live] - line.lower) / line.spacing(nodes)
        # on a node but for rounding: weights of rounding, negative ones too, would be grown by a
        # walk that goes from node to node
        whole = np.rint(t)
        t = np.where(np.abs(t - whole) < ON, whole, t)
        start = _first_node(t, nodes, self.points)
        off = start - row[live]
        left, right = max(0, -int(off.min())), max(0, int(off.max())) + self.points - 1
        if len(nodes) * (left + right + 1) > LARGEST:
            msg = f"{len(nodes)} nodes that jumps of up to {left + right} of them join need more "
            raise NumericalError(msg + "memory than a chain is given: take a larger learning rate")
        band = np.zeros((len(nodes), left + right + 1))
        _fill_kernel(
            band, left, row[live], start, t - start, atoms.probabilities[live], self.points
        )
        absorbed = np.bincount(row[~live], atoms.probabilities[~live], len(nodes))
        return band, left, np.asarray(absorbed, dtype=np.float64)

    def _atoms(self, line: _Line, nodes: Array) -> Atoms:
        x = line.sign * nodes
        g = line.sign * self._gradients(x)
        lattice = line.lower, line.spacing(nodes)
        eta, batch = self.learning_rate, self.batch_size
        normal = real = None
        if self.noise == "gaussian" or self.within is not None:
            deviation = eta / np.sqrt(batch) * g.std(axis=1)
            normal = normal_atoms(nodes, -eta * g.mean(axis=1), deviation, lattice)
        if self.noise == "minibatch" and batch == 1:
            real = sample_atoms(nodes, g, eta)
        elif self.noise == "minibatch":
            real = batch_atoms(nodes, g, eta, int(batch), lattice)
        if real is None or normal is None:
            law = real or normal
            assert law is not None
            return law
        low, high = self.within or (-np.inf, np.inf)
        return real.where((x >= low) & (x <= high), normal)

    def _gradients(self, x: Array) -> Array:
        return self.table.at(x[:, None])[:, :, 0]

    def _line(self, starts: Array) -> _Line:
        lower, upper = self.table.lower[0], self.table.upper[0]
        if not (starts >= lower).all() or not (starts <= upper).all():
            msg = f"walks start on the table, between {lower:.6g} and {upper:.6g}; got {starts}"
            raise ValueError(msg)
        if (starts < self.edge).all():
            return _Line(lower, min(self.edge, upper), upper, 1.0)
        if (starts > self.edge).all():
            return _Line(-upper, -max(self.edge, lower), -lower, -1.0)
        msg = f"walks start on one side of the target, which begins at {self.edge:.6g}"
        raise ValueError(msg)


@dataclass(frozen=True)
class _Line:
    """The way to a target, turned so that it goes up: ends of the table, edge of the target."""

    lower: float
    edge: float
    upper: float
    sign: float

    def spacing(self, nodes: Array) -> float:
        """Distance of nodes."""
        return (self.edge - self.lower) / (len(nodes) - 1)

    def folded(self, y: Array) -> Array:
        """Mirror places beyond the table at its ends; images that are beyond it again go there."""
        y = np.where(
            y > self.upper, 2 * self.upper - y, np.where(y < self.lower, 2 * self.lower - y, y)
        )
        return np.clip(y, self.lower, self.upper)


def _first_node(t: Array, nodes: Array, points: int) -> NDArray[np.int64]:
    """First of the nodes that a place t, in distances of nodes, is interpolated from."""
    return np.clip(np.floor(t).astype(np.int64) - (points // 2 - 1), 0, len(nodes) - points)


def _stencils(t: Array, nodes: Array, points: int) -> tuple[NDArray[np.int64], Array]:
    """Nodes (m, 4) around places, and their weights."""
    start = _first_node(t, nodes, points)
    return start[:, None] + np.arange(points), cubic_weights(t - start - 1)


@njit(cache=True)
def _fill_kernel(band, left, row, start, place, probability, points):  # type: ignore[no-untyped-def]
    """Add ``p w_r(t)`` to node start + r, with Lagrange's weights w of 2 or 4 nodes at 0, 1, ..."""
    for k in range(row.size):
        i, p, t = row[k], probability[k], place[k]
        at = start[k] - i + left
        if points == 2:
            band[i, at] += p * (1.0 - t)
            band[i, at + 1] += p * t
            continue
        u, v, w = t - 1.0, t - 2.0, t - 3.0
        band[i, at] -= p * u * v * w / 6.0
        band[i, at + 1] += p * t * v * w / 2.0
        band[i, at + 2] -= p * t * u * w / 2.0
        band[i, at + 3] += p * t * u * v / 6.0
