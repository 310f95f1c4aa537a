"""Linear regression by SGD with momentum: ensembles that draw their minibatches.

What the theory of SGD near a minimum says is checked against these: samples are real, nothing is
a diffusion. Positions and velocities ``v = (theta - theta_before) / eta`` of every walker are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.ensemble import whole_number
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.sampling import moments_with_errors

if TYPE_CHECKING:
    from fokkerplanck.theory.regression_noise import RegressionLaw

__all__ = ["Displacement", "RegressionSGD", "Snapshot", "displacement"]

Array = NDArray[np.float64]
Laws = Callable[[], "RegressionLaw"]
#: Walkers of one task; normals or products of one call of a kernel, some tens of milliseconds.
TOGETHER, PIECE = 256, 2_000_000


class Displacement(NamedTuple):
    """Mean squared displacement of each coordinate and its standard error, shape (n,)."""

    mean: Array
    error: Array


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All walkers after a number of steps.

    Parameters
    ----------
    steps : int
    position, velocity : ndarray, shape (walkers, n)
    """

    steps: int
    position: Array
    velocity: Array

    @property
    def moments(self) -> tuple[Array, Array, Array, Array]:
        """Mean of ``(theta, v)``, its standard error, covariance, standard error of each entry.

        Shapes (2 n,), (2 n,), (2 n, 2 n) and (2 n, 2 n).
        """
        return moments_with_errors(np.hstack([self.position, self.velocity]))


def displacement(first: Snapshot, second: Snapshot) -> Displacement:
    """Mean squared displacement between two snapshots of the same walkers."""
    squares = (second.position - first.position) ** 2
    return Displacement(squares.mean(axis=0), squares.std(axis=0, ddof=1) / len(squares) ** 0.5)


@dataclass(frozen=True, eq=False)
class RegressionSGD:
    """Steps ``v <- beta v - (g + lambda theta)``, ``theta <- theta + eta v`` of a regression.

    Made by `gaussian`, `data` or `additive`, which say where the gradient g comes from.

    Parameters
    ----------
    dim : int
        Number of coordinates.
    law : callable
        The exact stationary moments, from theory; raises `CaseError` where they diverge.
    """

    dim: int
    law: Laws
    _run: Callable[..., None]
    _frame: Array
    _origin: Array
    _cost: int

    @classmethod
    def gaussian(
        cls,
        H: ArrayLike,
        learning_rate: float,
        batch_size: int,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        residual_variance: float = 1.0,
        optimum: ArrayLike | None = None,
    ) -> RegressionSGD:
        """Fresh samples ``x ~ N(0, H)``, ``y = x.w + e`` in every batch.

        Parameters
        ----------
        H : array_like, shape (n, n) or (n,)
            Covariance of the inputs, which is the Hessian; or its eigenvalues.
        learning_rate, momentum, weight_decay : float
            eta, beta and lambda.
        batch_size : int
            B.
        residual_variance : float
            ``sigma^2``, the variance of e.
        optimum : array_like, shape (n,), optional
            w, by default the origin.

        Raises
        ------
        CaseError
            On numbers out of range.
        """
        values, axes, w = _modes(H, optimum)
        if values[0] < 0 or not (np.isfinite(residual_variance) and residual_variance >= 0):
            msg = "H is a covariance and residual_variance a number >= 0, got "
            msg += f"an eigenvalue {values[0]:g} and {residual_variance}"
            raise CaseError(msg)
        rules = _rules(learning_rate, momentum, weight_decay, batch_size, axes.T @ w)
        given = (np.sqrt(values), float(residual_variance) ** 0.5, rules)

        def run(x: Array, v: Array, streams: Any, steps: int) -> None:
            from fokkerplanck.solvers.regression_kernels import gaussian_steps_kernel

            gaussian_steps_kernel(x, v, streams, steps, *given)

        def law() -> RegressionLaw:
            from fokkerplanck.theory.regression_noise import gaussian_regression

            return gaussian_regression(
                (axes * values) @ axes.T,
                learning_rate,
                batch_size,
                momentum,
                weight_decay=weight_decay,
                residual_variance=residual_variance,
                optimum=w,
            )

        return cls(len(values), law, run, axes, w, 20 * int(batch_size) * (len(values) + 1))

    @classmethod
    def data(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        learning_rate: float,
        batch_size: int,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        replacement: bool = True,
    ) -> RegressionSGD:
        """Batches of given data, drawn anew in every step.

        Parameters
        ----------
        X, y : array_like, shape (N, n) and (N,)
            The loss is ``|X theta - y|^2 / 2 N``.
        learning_rate, batch_size, momentum, weight_decay
            As in `gaussian`.
        replacement : bool
            Whether a sample may be twice in one batch.

        Raises
        ------
        CaseError
            On other shapes, numbers out of range, or a batch larger than the data without
            replacement.
        """
        x, target = np.array(X, dtype=np.float64, order="C"), np.array(y, dtype=np.float64)
        if x.ndim != 2 or target.shape != x.shape[:1] or not x.size:
            msg = f"data are X (N, n) and y (N,), got shapes {x.shape} and {target.shape}"
            raise CaseError(msg)
        n = x.shape[1]
        rules = _rules(learning_rate, momentum, weight_decay, batch_size, np.zeros(n))
        if not replacement and batch_size > len(x):
            msg = f"a batch of {batch_size} without replacement needs as many samples, got {len(x)}"
            raise CaseError(msg, key="sgd.batch_size")

        def run(at: Array, v: Array, streams: Any, steps: int) -> None:
            from fokkerplanck.solvers.regression_kernels import data_steps_kernel

            data_steps_kernel(at, v, streams, steps, x, target, replacement, rules)

        def law() -> RegressionLaw:
            from fokkerplanck.theory.regression_noise import data_regression

            return data_regression(
                x,
                target,
                learning_rate,
                batch_size,
                momentum,
                weight_decay=weight_decay,
                replacement=replacement,
            )

        return cls(n, law, run, np.eye(n), np.zeros(n), 3 * int(batch_size) * (n + 4))

    @classmethod
    def additive(
        cls, H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float = 0.0
    ) -> RegressionSGD:
        """Gradients ``H theta`` with normal noise of covariance ``C / B``, the same everywhere.

        What is left of a regression where steps are small; any C, and no batches in it.

        Parameters
        ----------
        H, C_over_B : array_like, shape (n, n)
        learning_rate, momentum : float

        Raises
        ------
        CaseError
            On numbers out of range, or a C that is not positive semi-definite.
        """
        values, axes, w = _modes(H, None)
        noise = axes.T @ np.atleast_2d(np.asarray(C_over_B, dtype=np.float64)) @ axes
        sizes, sides = np.linalg.eigh(noise)
        if sizes[0] < -1e-12 * abs(sizes[-1]):
            msg = f"the noise covariance is positive semi-definite, got an eigenvalue {sizes[0]:g}"
            raise CaseError(msg)
        root = np.ascontiguousarray(sides * np.sqrt(np.maximum(sizes, 0.0)))
        rules = _rules(learning_rate, momentum, 0.0, 1, w)

        def run(x: Array, v: Array, streams: Any, steps: int) -> None:
            from fokkerplanck.solvers.regression_kernels import additive_steps_kernel

            additive_steps_kernel(x, v, streams, steps, values, root, rules)

        def law() -> RegressionLaw:
            from fokkerplanck.theory.regression_noise import RegressionLaw
            from fokkerplanck.theory.three_factors import heavy_ball

            c = np.atleast_2d(np.asarray(C_over_B, dtype=np.float64))
            h = (axes * values) @ axes.T
            return RegressionLaw(w, heavy_ball(h, c, learning_rate, momentum), c)

        n = len(values)
        return cls(n, law, run, axes, w, n * (20 + n))

    def sample(
        self,
        walkers: int,
        steps: Iterable[int],
        seed: int,
        *,
        start: ArrayLike | None = None,
        velocity: ArrayLike | None = None,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Iterator[Snapshot]:
        """Let independent walkers take steps.

        Parameters
        ----------
        walkers : int
        steps : iterable of int
            Numbers of steps after which all are looked at, increasing from 0 on.
        seed : int
            Walker k has a stream of its own, made from both; the result does not depend on the
            threads.
        start, velocity : array_like, shape (n,) or (walkers, n), optional
            By default at the optimum (for data, the origin) and at rest.
        threads : int, optional
            All that the process may use.
        progress : callable, optional
            Told the fraction done, about ten times a second.

        Yields
        ------
        Snapshot

        Raises
        ------
        CaseError
            On numbers that are not whole or do not increase, or other shapes.
        NumericalError
            When walkers run away.
        """
        from fokkerplanck.solvers.crew import available_threads, work
        from fokkerplanck.solvers.regression_kernels import streams_kernel

        count = whole_number(walkers, "walkers", 1)
        wanted = [whole_number(n, "steps", 0) for n in steps]
        if any(b <= a for a, b in zip([-1, *wanted], wanted, strict=False)):
            msg = f"steps are whole numbers that increase from 0 on, got {wanted}"
            raise CaseError(msg)
        x = (self._begin(start, count, self._origin) - self._origin) @ self._frame
        v = self._begin(velocity, count, np.zeros(self.dim)) @ self._frame
        streams = np.empty((count, 4), np.uint64)
        streams_kernel(np.uint64(seed % 2**64), 0, streams)
        parts = [slice(i, min(i + TOGETHER, count)) for i in range(0, count, TOGETHER)]
        now, done = 0, [0]

        def task(part: slice, until: int) -> Callable[[], Iterator[None]]:
            def pieces() -> Iterator[None]:
                piece = max(PIECE // (TOGETHER * self._cost), 1)
                left = until - now
                while left:
                    taken = min(piece, left)
                    self._run(x[part], v[part], streams[part], taken)
                    left -= taken
                    done[0] += taken
                    yield

            return pieces

        def look() -> None:
            if progress is not None:
                progress(done[0] / max(len(parts) * wanted[-1], 1))

        for n in wanted:
            if n > now:
                work([task(p, n) for p in parts], threads or available_threads(), look)
            now = n
            if not (np.isfinite(x).all() and np.isfinite(v).all()):
                msg = f"walkers are beyond all numbers after {n} steps: the steps diverge, as they "
                msg += "do from learning_rate * curvature = 2 (1 + momentum) on at the latest"
                raise NumericalError(msg)
            yield Snapshot(n, self._origin + x @ self._frame.T, v @ self._frame.T)

    def _begin(self, given: ArrayLike | None, walkers: int, usual: Array) -> Array:
        at = usual if given is None else np.asarray(given, dtype=np.float64)
        if at.shape not in ((self.dim,), (walkers, self.dim)) or not np.isfinite(at).all():
            msg = f"a start has shape ({self.dim},) or ({walkers}, {self.dim}), got {at.shape}"
            raise CaseError(msg)
        return np.array(np.broadcast_to(at, (walkers, self.dim)), order="C")


def _modes(H: ArrayLike, optimum: ArrayLike | None) -> tuple[Array, Array, Array]:
    h = np.atleast_1d(np.asarray(H, dtype=np.float64))
    square = h.ndim == 2 and h.shape[0] == h.shape[1]
    if not (h.ndim == 1 or (square and np.allclose(h, h.T, rtol=1e-12, atol=0))):
        msg = f"H is a symmetric matrix or its eigenvalues, got shape {h.shape}"
        raise CaseError(msg)
    values, axes = (h, np.eye(len(h))) if h.ndim == 1 else np.linalg.eigh(h)
    w = np.zeros(len(values)) if optimum is None else np.atleast_1d(np.asarray(optimum, float))
    if w.shape != values.shape:
        msg = f"the optimum has {len(values)} coordinates, got {w.shape}"
        raise CaseError(msg)
    return np.array(values), np.array(axes), w


def _rules(
    learning_rate: float, momentum: float, weight_decay: float, batch_size: int, optimum: Array
) -> tuple[float, float, float, int, Array]:
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        msg = f"learning_rate is a positive number, got {learning_rate}"
        raise CaseError(msg, key="sgd.learning_rate")
    if not 0 <= momentum < 1:
        msg = f"momentum lies in [0, 1), got {momentum}"
        raise CaseError(msg, key="sgd.momentum")
    if not (np.isfinite(weight_decay) and weight_decay >= 0):
        msg = f"weight_decay is a number >= 0, got {weight_decay}"
        raise CaseError(msg, key="sgd.weight_decay")
    if batch_size != int(batch_size) or batch_size < 1:
        msg = f"batch_size is a whole number >= 1, got {batch_size}"
        raise CaseError(msg, key="sgd.batch_size")
    numbers = float(learning_rate), float(momentum), float(weight_decay)
    return *numbers, int(batch_size), np.ascontiguousarray(optimum)
