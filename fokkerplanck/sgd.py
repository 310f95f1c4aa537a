"""The dictionary between stochastic gradient descent and its diffusion approximation.

Steps ``theta <- theta - eta grad L + eta xi`` with gradient noise of covariance ``C / B`` (C that
of one sample, B the batch size) obey, to weak order one in the learning rate eta, the Ito equation

    d theta = -grad L dt + sqrt(2 D) dW,    D = eta C / (2 B),    t = eta k after k steps

(Li, Tai and E, JMLR 20, 2019; Mandt, Hoffman and Blei, JMLR 18, 2017, Eq. 5). Heavy-ball momentum
beta multiplies both the clock and D by ``1 / (1 - beta)``. Near a minimum of a well-specified log
likelihood C equals the Hessian H, so that ``D = eb H`` with ``eb = eta / (2 B)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError

__all__ = [
    "OrnsteinUhlenbeck",
    "check_learning_rate",
    "diffusion_scale",
    "embedding",
    "epochs_to_steps",
    "stationary_variance",
    "steps_to_epochs",
    "steps_to_time",
    "time_to_steps",
]

Array = NDArray[np.float64]


def diffusion_scale(
    learning_rate: float,
    batch_size: float,
    dataset_size: float | None = None,
    momentum: float = 0.0,
) -> float:
    """Factor ``eb`` in ``D = eb C``: ``eta / (2 B)`` for plain SGD with replacement.

    Parameters
    ----------
    learning_rate, batch_size : float
        eta > 0 and B > 0.
    dataset_size : float, optional
        Number N of samples when batches are drawn *without* replacement, which multiplies the
        noise by ``(N - B) / (N - 1)``; infinite (with replacement) when left out.
    momentum : float
        Heavy-ball beta in [0, 1), in the overdamped limit: multiplies by ``1 / (1 - beta)``.

    Raises
    ------
    CaseError
        When an argument is outside its range, or ``B >= N`` (full batches carry no noise).
    """
    _positive("learning_rate", learning_rate)
    _positive("batch_size", batch_size)
    eb = learning_rate / (2 * batch_size) / _slowness(momentum)
    if dataset_size is None:
        return eb
    _positive("dataset_size", dataset_size)
    if dataset_size <= batch_size:
        msg = (
            f"batches of {batch_size:g} drawn without replacement from {dataset_size:g} samples "
            "carry no noise; dataset_size must exceed batch_size"
        )
        raise CaseError(msg, key="noise.dataset_size")
    return eb * (dataset_size - batch_size) / (dataset_size - 1)


def steps_to_time(steps: float, learning_rate: float, momentum: float = 0.0) -> float:
    """Time ``t = eta k / (1 - beta)`` after `steps` iterations."""
    _positive("learning_rate", learning_rate)
    return learning_rate * steps / _slowness(momentum)


def time_to_steps(time: float, learning_rate: float, momentum: float = 0.0) -> float:
    """Return the number of iterations ``k = t (1 - beta) / eta`` that take `time`; not rounded."""
    _positive("learning_rate", learning_rate)
    return time * _slowness(momentum) / learning_rate


def steps_to_epochs(steps: float, batch_size: float, dataset_size: float) -> float:
    """Return the passes over the data, ``k B / N``."""
    _positive("batch_size", batch_size)
    _positive("dataset_size", dataset_size)
    return steps * batch_size / dataset_size


def epochs_to_steps(epochs: float, batch_size: float, dataset_size: float) -> float:
    """Return the iterations in `epochs` passes over the data, ``k = epochs N / B``; not rounded."""
    _positive("batch_size", batch_size)
    _positive("dataset_size", dataset_size)
    return epochs * dataset_size / batch_size


def check_learning_rate(learning_rate: float, hessian: Array, momentum: float = 0.0) -> float:
    """Return ``eta lambda_max(H)``, the relative error that the diffusion approximation makes.

    The diffusion approximation needs it well below 1. The discrete iteration itself is unstable
    from ``2 (1 + beta)`` on (Polyak, 1964), where no stationary density exists at all.

    Parameters
    ----------
    learning_rate : float
        eta > 0.
    hessian : array_like, shape (..., dim, dim)
        One or many Hessians; the largest eigenvalue of all counts. A number is taken as 1-D.
    momentum : float
        Heavy-ball beta in [0, 1).

    Raises
    ------
    CaseError
        When gradient descent itself diverges, ``eta lambda_max >= 2 (1 + beta)``.
    """
    _positive("learning_rate", learning_rate)
    _slowness(momentum)
    h = np.asarray(hessian, dtype=np.float64)
    top = float(np.linalg.eigvalsh(h.reshape(1, 1) if h.ndim == 0 else h).max())
    if learning_rate * top >= 2 * (1 + momentum):
        msg = (
            f"the iteration diverges: learning_rate * largest curvature = "
            f"{learning_rate:g} * {top:g} = {learning_rate * top:g}, and gradient descent is "
            f"stable only below 2 (1 + momentum) = {2 * (1 + momentum):g}"
        )
        raise CaseError(msg, key="noise.learning_rate")
    return learning_rate * top


@dataclass(frozen=True, slots=True)
class OrnsteinUhlenbeck:
    """Linear process ``dx = -rate x dt + sqrt(2 diffusion) dW``."""

    rate: float
    diffusion: float

    @property
    def variance(self) -> float:
        """Stationary variance ``diffusion / rate``."""
        return self.diffusion / self.rate


def embedding(learning_rate: float, curvature: float, variance: float) -> OrnsteinUhlenbeck:
    """Ornstein-Uhlenbeck process that SGD on a 1-D parabola samples *exactly* at ``t = eta k``.

    For ``x <- x - eta (h x) + eta xi`` with Gaussian xi of variance c, matching the mean and the
    covariance of one step gives, with ``a = 1 - eta h``,

        rate = -ln(a) / eta,    2 diffusion = 2 rate eta^2 c / (1 - a^2)

    which is free of the O(eta h) error of the diffusion approximation.

    Parameters
    ----------
    learning_rate, curvature, variance : float
        eta, h and c (the noise variance of one *step's* gradient, C / B), with ``0 < eta h < 1``;
        from ``eta h = 1`` on the iterates alternate in sign and no diffusion has their law.

    Raises
    ------
    CaseError
        When ``eta h`` is not between 0 and 1.
    """
    step = _parabola(learning_rate, curvature, variance)
    if step >= 1:
        msg = f"no diffusion has the law of SGD for learning_rate * curvature = {step:g} >= 1"
        raise CaseError(msg, key="learning_rate")
    rate = -np.log1p(-step) / learning_rate
    # 1 - (1 - s)^2 = s (2 - s) without cancellation
    diffusion = rate * learning_rate**2 * variance / (step * (2 - step))
    return OrnsteinUhlenbeck(float(rate), float(diffusion))


def stationary_variance(learning_rate: float, curvature: float, variance: float) -> float:
    """Exact stationary variance ``eta c / (h (2 - eta h))`` of SGD on a 1-D parabola.

    Parameters as in `embedding`, but any stable step is allowed.

    Raises
    ------
    CaseError
        When ``eta h >= 2``: the iteration diverges.
    """
    step = _parabola(learning_rate, curvature, variance)
    if step >= 2:
        msg = f"the iteration diverges: learning_rate * curvature = {step:g} >= 2"
        raise CaseError(msg, key="learning_rate")
    return learning_rate * variance / (curvature * (2 - step))


def _parabola(learning_rate: float, curvature: float, variance: float) -> float:
    _positive("learning_rate", learning_rate)
    _positive("curvature", curvature)
    _positive("variance", variance)
    return learning_rate * curvature


def _positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        msg = f"{name} is a positive number, got {value}"
        raise CaseError(msg, key=f"noise.{name}")


def _slowness(momentum: float) -> float:
    if not 0 <= momentum < 1:
        msg = f"momentum lies in [0, 1), got {momentum}"
        raise CaseError(msg, key="sgd.momentum")
    return 1 - momentum
