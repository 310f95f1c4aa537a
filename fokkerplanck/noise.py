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

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.noise_models import (
    AbsoluteNoise,
    Entry,
    FrozenNoise,
    Noise,
    TensorFunction,
    TensorNoise,
    WhiteNoise,
)
from fokkerplanck.schedule import Schedule
from fokkerplanck.sgd import diffusion_scale
from fokkerplanck.solvers.fields import KAPPA
from fokkerplanck.spd import check_spd

__all__ = [
    "READINGS",
    "AbsoluteNoise",
    "FrozenNoise",
    "Noise",
    "TensorNoise",
    "WhiteNoise",
    "check_spd",
    "hessian",
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
    entries = D if callable(D) else _rows(D)
    return TensorNoise(
        entries=entries, parameters=dict(parameters or {}), reading=reading, schedule=schedule
    )


def hessian(
    learning_rate: float,
    batch_size: float,
    *,
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
    eb = diffusion_scale(learning_rate, batch_size, dataset_size)
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


def _check_floor(floor: float | None) -> None:
    if floor is not None and not (np.isfinite(floor) and floor > 0):
        msg = f"the floor is a positive number, got {floor}"
        raise CaseError(msg, key="noise.floor")


def _rows(D: Entry | Sequence[Sequence[Entry]] | Array) -> tuple[tuple[Entry, ...], ...]:
    if isinstance(D, str):
        return ((D,),)
    if isinstance(D, int | float | np.number):
        return ((float(D),),)
    try:
        return tuple(tuple(e if isinstance(e, str) else float(e) for e in row) for row in D)
    except (TypeError, ValueError):
        msg = f"needs rows of numbers or expressions, such as [[0.1, 0.02], [0.02, 0.05]], got {D}"
        raise CaseError(msg, key="noise.D") from None
