"""All that is asked about the tails of an array of noise, and what may be concluded."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.tail_index import (
    BlockEstimate,
    block_estimate,
    block_logs,
    checked_block,
    checked_values,
    default_block,
)
from fokkerplanck.tail_index_controls import Control, controls, pooled_order
from fokkerplanck.tail_index_fit import GoodnessOfFit, goodness_of_fit
from fokkerplanck.tail_index_regression import StableFit, fit_stable
from fokkerplanck.tail_index_scan import BlockScan, block_scan

__all__ = ["TailStudy", "study_tails"]

Array = NDArray[np.float64]
#: Most coordinates that are fitted one by one, at even distances.
FITTED = 64
#: Surrogates of each kind: most, fewest, and values drawn for them in all.
DRAWS, FEWEST_DRAWS, DRAWN = 20, 5, 40_000_000


@dataclass(frozen=True, eq=False, slots=True)
class TailStudy:
    """Estimates of an array of noise and their controls.

    Parameters
    ----------
    values : ndarray, shape (samples, coordinates)
    left_out : int
        Coordinates that were constant or held zeros.
    coordinate : BlockEstimate
        Blocks over samples, ``1/alpha`` averaged over the coordinates.
    each : ndarray, shape (coordinates,)
        ``1/alpha`` of every coordinate.
    pooled : BlockEstimate
        All values in one row, blocks over neighbouring coordinates: the public procedure, which
        reads unequal scales as heavy tails.
    controls : tuple of Control
    scan, pooled_scan : BlockScan
        Of coordinates, and of the row.
    fits : tuple of StableFit
        Characteristic-function fits of single coordinates.
    not_fitted : int
        Coordinates that no stable law could be fitted to.
    goodness : GoodnessOfFit or None
        None where no stable law fits at all.
    off_centre : float
        Median over coordinates of ``|mean| / (its standard error)``; 0.67 for centred noise.
    centred : bool
        Whether the median of each coordinate was subtracted.
    seed : int
    """

    values: Array
    left_out: int
    coordinate: BlockEstimate
    each: Array
    pooled: BlockEstimate
    controls: tuple[Control, ...]
    scan: BlockScan
    pooled_scan: BlockScan
    fits: tuple[StableFit, ...]
    not_fitted: int
    goodness: GoodnessOfFit | None
    off_centre: float
    centred: bool
    seed: int

    @property
    def coordinates(self) -> int:
        """Number of coordinates that are used."""
        return int(self.values.shape[1])

    @property
    def due_spread(self) -> float:
        """Standard deviation that coordinates of one index would have, each by its own error."""
        return self.coordinate.error * sqrt(self.coordinates)

    @property
    def spread(self) -> float:
        """Standard deviation of the index over coordinates (of ``1/alpha``, in units of alpha)."""
        if len(self.each) < 2:
            return 0.0
        return self.coordinate.alpha**2 * float(self.each.std(ddof=1))

    @property
    def fitted(self) -> tuple[float, float, float] | None:
        """Mean index of the single fits, its error if they are independent, their spread."""
        if not self.fits:
            return None
        alpha = np.array([fit.alpha for fit in self.fits])
        stated = np.array([fit.alpha_error for fit in self.fits])
        spread = float(alpha.std(ddof=1)) if len(alpha) > 1 else 0.0
        return float(alpha.mean()), float(np.sqrt((stated**2).sum())) / len(alpha), spread

    def control(self, name: str) -> Control | None:
        """Return the control of that name, None where it was not made."""
        return next((one for one in self.controls if one.name == name), None)


def study_tails(
    values: ArrayLike,
    block: int | None = None,
    *,
    draws: int = 99,
    skip: bool = False,
    centre: bool = False,
    seed: int = 0,
) -> TailStudy:
    """Estimate tail indices of noise, per coordinate and pooled, with controls of the pooled one.

    Parameters
    ----------
    values : array_like, shape (samples,) or (samples, coordinates)
        Noise around 0.
    block : int, optional
        K1; otherwise the root of the number of samples.
    draws : int
        Simulated samples of the goodness of fit.
    skip : bool
        Leave out coordinates that are constant or hold exact zeros, instead of refusing them.
    centre : bool
        Subtract the median of every coordinate first.
    seed : int
        Of surrogates and simulated samples.

    Raises
    ------
    CaseError
        The values are not such an array: NaN, constant, exact zeros, too few; or a number is out
        of range.
    """
    x, left_out = _usable(checked_values(values), skip=skip)
    if centre:
        x = x - _middle(x)
    k1 = default_block(len(x)) if block is None else checked_block(block, len(x))
    rng = np.random.default_rng(seed)
    surrogate_draws = int(np.clip(DRAWN // x.size, FEWEST_DRAWS, DRAWS))
    fits = _fits(x)
    return TailStudy(
        values=x,
        left_out=left_out,
        coordinate=block_estimate(x, k1),
        each=block_logs(x, k1).mean(axis=0) / np.log(k1),
        pooled=block_estimate(pooled_order(x), k1),
        controls=controls(x, k1, surrogate_draws, rng),
        scan=block_scan(x),
        pooled_scan=block_scan(pooled_order(x)),
        fits=tuple(fit for fit in fits if fit is not None),
        not_fitted=fits.count(None),
        goodness=_goodness(x, draws, rng),
        off_centre=_off_centre(x),
        centred=centre,
        seed=seed,
    )


def _middle(x: Array) -> Array:
    """Median of every coordinate, between two values: what is left is never exactly 0.

    It is not half way, either: what is left would add up to 0 where the two are neighbours.
    """
    upper = len(x) // 2
    low, high = np.partition(x, (upper - 1, upper), axis=0)[upper - 1 : upper + 1]
    return np.asarray(low + 0.4 * (high - low))


def _usable(x: Array, *, skip: bool) -> tuple[Array, int]:
    constant, zeros = np.ptp(x, axis=0) == 0, (x == 0).any(axis=0)
    bad = constant | zeros
    if not bad.any():
        return x, 0
    if skip and not bad.all():
        return x[:, ~bad], int(bad.sum())
    k = int(np.argmax(constant if constant.any() else zeros))
    what = f"coordinate {k} is constant ({x[0, k]:g})"
    if not constant.any():
        what = f"coordinate {k} holds exact zeros ({int((x[:, k] == 0).sum())} of {len(x)})"
    msg = f"{what}, {int(bad.sum())} of {len(bad)} coordinates are constant or hold zeros: such "
    msg += "values have no tail index" + ("" if skip else "; --skip leaves such coordinates out")
    raise CaseError(msg)


def _fits(x: Array) -> list[StableFit | None]:
    at = np.linspace(0, x.shape[1] - 1, min(x.shape[1], FITTED)).astype(int)
    return [_fit(x[:, k]) for k in at]


def _fit(column: Array) -> StableFit | None:
    try:
        return fit_stable(column)
    except (CaseError, NumericalError):
        return None


def _goodness(x: Array, draws: int, rng: np.random.Generator) -> GoodnessOfFit | None:
    try:
        return goodness_of_fit(x, draws, rng)
    except NumericalError:
        return None


def _off_centre(x: Array) -> float:
    deviation = x.std(axis=0, ddof=1) / len(x) ** 0.5
    return float(np.median(np.abs(x.mean(axis=0)) / deviation))
