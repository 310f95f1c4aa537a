"""Noise models: each gives the diffusion tensor D on the cells of a grid, and says what it assumes.

Noise enters as ``dx = f dt + sqrt(2 D(x)) dW``. Where D varies, that line needs a *reading*:

- ``"ito"`` (kappa = 1, the default): the noise of a step is taken at its start, as discrete
  stochastic gradient descent does;
- ``"stratonovich"`` (kappa = 1/2);
- ``"hanggi-klimontovich"`` (kappa = 0; anti-Ito, isothermal).

The probability current is ``J_i = f_i p - sum_j [kappa d_j(D_ij p) + (1 - kappa) D_ij d_j p]``. In
one dimension this is the usual Stratonovich equation at kappa = 1/2. In more dimensions that
equation depends on which square root of 2 D multiplies dW, and the current above is the one of
roots whose columns keep their directions: with Selling's decomposition ``D = sum_e rho_e e e^T``
over fixed lattice vectors e, the columns ``sqrt(2 rho_e(x)) e``. For ``D = d(x) I`` it is the
ordinary one. Where D is constant all readings agree.

References
----------
.. [1] N. G. van Kampen, "Ito versus Stratonovich", J. Stat. Phys. 24 (1981), 175-187.
.. [2] P. Hanggi and H. Thomas, Phys. Rep. 88 (1982), 207-319, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.noise_models import (
    AbsoluteNoise,
    CovarianceNoise,
    Entries,
    Entry,
    FrozenNoise,
    LossNoise,
    Noise,
    TensorFunction,
    TensorNoise,
    WhiteNoise,
)
from fokkerplanck.noise_models.entries import rows_of
from fokkerplanck.schedule import Schedule
from fokkerplanck.sgd import diffusion_scale
from fokkerplanck.sgd_settings import SGD
from fokkerplanck.solvers.fields import KAPPA
from fokkerplanck.spd import check_spd

__all__ = [
    "READINGS",
    "AbsoluteNoise",
    "CovarianceNoise",
    "FrozenNoise",
    "LossNoise",
    "Noise",
    "TensorNoise",
    "WhiteNoise",
    "check_spd",
    "covariance",
    "hessian",
    "loss",
    "tensor",
    "white",
]

Array = NDArray[np.float64]
#: The readings of the noise, in words.
READINGS = tuple(KAPPA)


def white(
    temperature: float, *, reading: str = "ito", schedule: Schedule | None = None
) -> WhiteNoise:
    """White noise, ``D = temperature I`` (stochastic gradient Langevin dynamics).

    Raises
    ------
    CaseError
        When the temperature is not positive, or the reading unknown.
    """
    return WhiteNoise(temperature=float(temperature), reading=reading, schedule=schedule)


def tensor(
    D: Entry | Sequence[Sequence[Entry]] | Array | TensorFunction,
    *,
    parameters: Mapping[str, float] | None = None,
    reading: str = "ito",
    schedule: Schedule | None = None,
) -> TensorNoise:
    """Diffusion tensor from numbers, expressions of the coordinates, or a function.

    Parameters
    ----------
    D : number, str, nested sequence of them, or callable
        Rows of the symmetric matrix (in 1-D a single entry will do), or a vectorised function
        from points (..., dim) to tensors (..., dim, dim).
    parameters : mapping, optional
        Names used in the expressions.
    reading, schedule
        See `Noise`: one of the three readings above, and a factor of time.

    Raises
    ------
    CaseError
        When the reading is unknown; and from ``diffusion``, when the size does not fit the grid,
        an expression is not allowed, or D is not symmetric positive definite.
    """
    entries = _entries(D, parameters, "noise.D")
    return TensorNoise(entries=entries, reading=reading, schedule=schedule)


def hessian(
    learning_rate: float | None = None,
    batch_size: float | None = None,
    *,
    sgd: SGD | None = None,
    model: str = "frozen",
    floor: float | None = None,
    dataset_size: float | None = None,
    reading: str = "ito",
    schedule: Schedule | None = None,
) -> FrozenNoise | AbsoluteNoise:
    """Noise of SGD whose gradient covariance is the Hessian, ``D = eb g(H)``.

    Parameters
    ----------
    learning_rate, batch_size : float
        eta and B; ``eb = eta / (2 B)``.
    sgd : SGD
        All hyper-parameters at once, instead: momentum and schedules count, too.
    model : str
        ``"frozen"``: |H| of one critical point in each region, see `regions.find_regions`.
        ``"absolute"``: ``sqrt(H^2 + floor^2)`` (matrix function) at every point.
    floor : float, optional
        Positive curvature added in quadrature by the absolute model, which needs it; the frozen
        model makes no use of it, and says so.
    dataset_size : float, optional
        N, when batches are drawn without replacement: multiplies by ``(N - B) / (N - 1)``.
    reading, schedule
        See `Noise`: one of the three readings above, and a factor of time.

    Raises
    ------
    CaseError
        Unknown model or reading, numbers out of range, or an absolute model without a positive
        floor: where the curvature along the climb changes sign, D would vanish while the drift
        still points back, and no escape would ever happen (the mean passage time is infinite).

    References
    ----------
    .. [1] Z. Xie, I. Sato and M. Sugiyama, "A diffusion theory for deep learning dynamics",
       ICLR 2021 (the frozen model).
    """
    eb, schedule = _scale(learning_rate, batch_size, dataset_size, sgd, schedule)
    if model == "frozen":
        _check_floor(floor)
        return FrozenNoise(eb=eb, unused_floor=floor, reading=reading, schedule=schedule)
    if model != "absolute":
        msg = f"the model is one of frozen, absolute, got {model!r}"
        raise CaseError(msg, key="noise.model")
    if floor is None or floor == 0:
        msg = (
            "the absolute model needs a floor > 0: with D = eb |H| taken literally the noise "
            "vanishes at every inflection point while the drift there still points back to the "
            "minimum, so that the mean escape time is infinite; choose a floor and quote it with "
            'the result, or use model = "frozen"'
        )
        raise CaseError(msg, key="noise.floor")
    _check_floor(floor)
    return AbsoluteNoise(eb=eb, floor=floor, reading=reading, schedule=schedule)


def covariance(
    C: Entry | Sequence[Sequence[Entry]] | Array | TensorFunction | None = None,
    learning_rate: float | None = None,
    batch_size: float | None = None,
    *,
    sgd: SGD | None = None,
    dataset_size: float | None = None,
    floor: float | None = None,
    isotropic: bool = False,
    parameters: Mapping[str, float] | None = None,
    reading: str = "ito",
    schedule: Schedule | None = None,
) -> CovarianceNoise:
    """Noise of SGD of a known gradient covariance, ``D = eb (C + floor I)``.

    Parameters
    ----------
    C : number, str, nested sequence of them, or callable, optional
        Covariance of the gradient of one sample, as D of `tensor`; that of the landscape (a
        sampled file) when left out.
    floor : float, optional
        Positive number added to the diagonal of C; of a sampled one where it was measured.
    isotropic : bool
        Replace C at every point by the isotropic matrix of the same trace: the same noise in all,
        none of its shape.
    learning_rate, batch_size, sgd, dataset_size
        As for `hessian`.
    parameters : mapping, optional
        Names used in the expressions.
    reading, schedule
        See `Noise`: one of the three readings above, and a factor of time.

    Raises
    ------
    CaseError
        Numbers out of range; and from ``diffusion``, where C is not symmetric positive definite.
    """
    eb, schedule = _scale(learning_rate, batch_size, dataset_size, sgd, schedule)
    _check_floor(floor)
    entries = None if C is None else _entries(C, parameters, "noise.covariance")
    return CovarianceNoise(
        eb=eb,
        entries=entries,
        floor=floor or 0.0,
        isotropic=isotropic,
        reading=reading,
        schedule=schedule,
    )


def loss(
    c: float | None = None,
    *,
    learning_rate: float | None = None,
    batch_size: float | None = None,
    sgd: SGD | None = None,
    dataset_size: float | None = None,
    hessian: float | Sequence[Sequence[float]] | Array | None = None,
    offset: float = 0.0,
    reading: str = "ito",
    schedule: Schedule | None = None,
) -> LossNoise:
    """Noise of SGD on a squared loss, which goes with the loss: ``D = c (L + offset) H*``.

    The covariance of the gradient of one sample is ``2 L H*`` where residuals are independent of
    what multiplies them, so that plain SGD has ``c = eta / B``. Escape over a barrier then takes a
    power of the loss, ``(L_b / L_a)^(1/c + kappa - 1/2)``, instead of an exponential.

    Parameters
    ----------
    c : float, optional
        Positive number; from the hyper-parameters when left out.
    learning_rate, batch_size, sgd, dataset_size
        As for `hessian`.
    hessian : number or matrix, optional
        H*. Left out, it is 1 where c is given, and the Hessian of the lowest minimum of the bare
        loss where hyper-parameters are.
    offset : float
        Added to L, which must be positive with it.
    reading, schedule
        See `Noise`: one of the three readings above, and a factor of time.

    Raises
    ------
    CaseError
        Both or neither of c and hyper-parameters; and from ``diffusion``, where the loss is not
        positive.

    References
    ----------
    .. [1] T. Mori, L. Ziyin, K. Liu and M. Ueda, "Power-law escape rate of SGD", ICML 2022.
    """
    if not np.isfinite(offset):
        msg = f"the offset is a finite number, got {offset}"
        raise CaseError(msg, key="noise.offset")
    rows = None if hessian is None else rows_of(hessian, "noise.hessian")
    matrix = None if rows is None else tuple(tuple(float(e) for e in row) for row in rows)
    made: dict[str, Any] = {"hessian": matrix, "offset": float(offset), "reading": reading}
    if c is None:
        eb, schedule = _scale(learning_rate, batch_size, dataset_size, sgd, schedule)
        return LossNoise(eb=eb, schedule=schedule, **made)
    if (learning_rate, batch_size, sgd, dataset_size) != (None,) * 4:
        msg = "give either c or the hyper-parameters that it comes from, not both"
        raise CaseError(msg, key="noise.c")
    if not (np.isfinite(c) and c > 0):
        msg = f"c is a positive number, got {c}"
        raise CaseError(msg, key="noise.c")
    return LossNoise(c=float(c), schedule=schedule, **made)


def _scale(
    learning_rate: float | None,
    batch_size: float | None,
    dataset_size: float | None,
    sgd: SGD | None,
    schedule: Schedule | None,
) -> tuple[float, Schedule | None]:
    """Return eb, and the schedule of the noise."""
    if sgd is None:
        if learning_rate is None or batch_size is None:
            name = "learning_rate" if learning_rate is None else "batch_size"
            msg = f"needs {name}, or all hyper-parameters as sgd"
            raise CaseError(msg, key=f"noise.{name}")
        return diffusion_scale(learning_rate, batch_size, dataset_size), schedule
    if (learning_rate, batch_size, dataset_size) != (None,) * 3:
        msg = "give either sgd or learning_rate, batch_size and dataset_size, not both"
        raise CaseError(msg, key="noise.learning_rate")
    if schedule is None:
        return sgd.eb, sgd.schedule
    if sgd.scheduled:
        msg = "give either a factor of time or learning rates and batch sizes of time, not both"
        raise CaseError(msg, key="noise.schedule")
    return sgd.eb, schedule


def _entries(
    matrix: Entry | Sequence[Sequence[Entry]] | Array | TensorFunction,
    parameters: Mapping[str, float] | None,
    key: str,
) -> Entries:
    given = matrix if callable(matrix) else rows_of(matrix, key)
    return Entries(given, dict(parameters or {}), key)


def _check_floor(floor: float | None) -> None:
    if floor is not None and not (np.isfinite(floor) and floor > 0):
        msg = f"the floor is a positive number, got {floor}"
        raise CaseError(msg, key="noise.floor")
