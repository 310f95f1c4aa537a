"""What may be concluded from tail indices and their controls, in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from fokkerplanck.tail_index_study import TailStudy

__all__ = ["OUTCOMES", "Verdict", "off_centre", "verdict_of"]

#: Standard errors by which something is below 2, or elsewhere.
SURE = 3.0
#: A fit is rejected at this p-value.
REJECTED = 0.01
#: Median of ``|mean| / error`` from which on noise is off its centre: also of one coordinate.
OFF_CENTRE = 3.0
OUTCOMES = {
    "off centre": "no verdict: blocks read a drift as heavy tails, subtract it first",
    "gaussian": "no evidence of heavy tails",
    "scales": "no evidence of heavy tails: unequal scales look like them in the pooled estimate",
    "dependence": "no evidence of heavy tails: dependent neighbours look like them when pooled",
    "undecided": "undecided: pooled values are below their controls, but there are too few samples "
    "to see it in single coordinates",
    "finite": "not Gaussian, yet lighter than any stable law: the index climbs with the blocks",
    "other": "not Gaussian, and not stable either: no stable law fits",
    "some": "some coordinates have heavy tails, others have not: estimate them apart",
    "stable": "heavy tails, as a stable law has them",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Conclusions.

    Parameters
    ----------
    outcome : str
        A key of `OUTCOMES`.
    pooled_survives : bool
        Whether the pooled index is below 2, and below those of all Gaussian surrogates.
    below_two : bool
        Whether single coordinates are.
    words : str
    """

    outcome: str
    pooled_survives: bool
    below_two: bool
    words: str


def verdict_of(study: TailStudy) -> Verdict:
    """Conclude: first whether the pooled index survives its controls, then what coordinates say.

    Coordinates are below 2 where the block estimate is by three of the larger of its standard
    errors, or where the mean of the single fits is by three errors of one fit, as if coordinates
    depended on each other entirely. They are lighter than stable where the local index of long
    blocks is larger than that of blocks of 8 by three errors, and of another law where the stable
    one is rejected at 1 %. Noise whose means are three errors off 0 gets no verdict.
    """
    low, survives = _pooled_low(study), _survives(study)
    below = _below_two(study)
    outcome = _of_coordinates(study) if below else _of_pooled(study, low=low, survives=survives)
    if off_centre(study):
        outcome = "off centre"
    return Verdict(outcome, survives, below, _words(study, outcome, low=low, survives=survives))


def off_centre(study: TailStudy) -> bool:
    """Whether means of coordinates are too far from 0 for blocks of noise."""
    return study.off_centre > OFF_CENTRE


def _pooled_low(study: TailStudy) -> bool:
    pooled = study.pooled
    return 2 - pooled.alpha > SURE * max(pooled.error, pooled.spread_error)


def _survives(study: TailStudy) -> bool:
    gaussian = [one for one in study.controls if one.name.startswith("gaussian")]
    return _pooled_low(study) and all(one.above(study.pooled.alpha) for one in gaussian)


def _below_two(study: TailStudy) -> bool:
    one = study.coordinate
    if 2 - one.alpha > SURE * max(one.error, one.spread_error):
        return True
    if study.fitted is None:
        return False
    single = sum(fit.alpha_error for fit in study.fits) / len(study.fits)
    return 2 - study.fitted[0] > SURE * single


def _of_coordinates(study: TailStudy) -> str:
    near, far = study.scan.shortest, study.scan.longest
    if near is not None and far is not None and far[1] - near[1] > SURE * hypot(near[2], far[2]):
        return "finite"
    good = study.goodness
    # the spread of a common index is known to its own sampling error, and to the delta method
    if study.spread > study.due_spread * (1.1 + SURE / (2 * study.coordinates) ** 0.5):
        return "some"
    rejected = good is None or good.p_value <= max(REJECTED, 1 / (good.draws + 1))
    return "other" if rejected else "stable"


def _of_pooled(study: TailStudy, *, low: bool, survives: bool) -> str:
    if not low:
        return "gaussian"
    if survives:
        return "undecided"
    variances = study.control("gaussian variances")
    if variances is not None and variances.above(study.pooled.alpha):
        return "dependence"
    return "scales"


def _words(study: TailStudy, outcome: str, *, low: bool, survives: bool) -> str:
    one = study.coordinate
    error = max(one.error, one.spread_error)
    single = f"{one.alpha:.3f} ± {_digits(error)} by blocks"
    if study.fitted is not None:
        single += f", {study.fitted[0]:.3f} by characteristic functions"
    single = f"per coordinate {single}"
    if study.coordinates == 1:
        parts = [single.replace("per coordinate", "alpha")]
    else:
        parts = [_pooled_words(study, low=low, survives=survives), single]
    parts += [_law_words(study, outcome)] if _below_two(study) else []
    if off_centre(study):
        parts.append(f"means are {study.off_centre:.2g} standard errors from 0")
    return f"{'; '.join(parts)}. {OUTCOMES[outcome][0].upper()}{OUTCOMES[outcome][1:]}."


def _pooled_words(study: TailStudy, *, low: bool, survives: bool) -> str:
    pooled = f"pooled alpha {study.pooled.alpha:.3f}"
    if not low:
        return f"{pooled}, not below 2"
    gaussian = [one for one in study.controls if one.name.startswith("gaussian")]
    # the plainest of those that explain it; otherwise the nearest
    explaining = [one for one in gaussian if not one.above(study.pooled.alpha)]
    lowest = explaining[0] if explaining else min(gaussian, key=lambda one: one.alpha)
    what = lowest.name.removeprefix("gaussian ")
    number = f"{lowest.alpha:.3f} ± {_digits(lowest.spread)}"
    if survives:
        return f"{pooled}, below the {number} of Gaussian coordinates with the same {what}"
    return f"{pooled}, but Gaussian coordinates with the same {what} give {number}"


def _digits(error: float) -> str:
    """Write an error as many digits after the point as the index beside it."""
    return f"{max(error, 1e-3):.3f}"


def _law_words(study: TailStudy, outcome: str) -> str:
    near, far = study.scan.shortest, study.scan.longest
    if outcome == "finite" and near is not None and far is not None:
        text = f"sums of {near[0]} have {near[1]:.3f} ± {_digits(near[2])}, of {far[0]} "
        return text + f"{far[1]:.3f} ± {_digits(far[2])} locally"
    if study.goodness is None:
        return "no stable law can be fitted"
    return (
        f"p = {study.goodness.p_value:.2g} for a stable law with alpha "
        f"{study.goodness.fit.alpha:.3f}"
    )
