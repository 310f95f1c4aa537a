"""Laws of escape with inertia by name, for cases of underdamped motion."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import TYPE_CHECKING, Any

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.prediction import Prediction, invalid, passage_asked, unknown

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem
    from fokkerplanck.underdamped import Underdamped

__all__ = ["INERTIAL"]

#: what a law of escape knows of
KNOWN = ("spectrum.0", "passage.NAME.mean", "passage.NAME.log10_mean", "passage.NAME.rate")
LN10 = log(10.0)


def _law(name: str) -> Callable[[Any, Any, str], Prediction]:
    """Make the prediction of one law of `fokkerplanck.theory.klein_kramers`."""

    def predict(subject: tuple[Underdamped, Problem], case: Any, quantity: str) -> Prediction:
        from fokkerplanck.theory.klein_kramers import inertial_wells

        problem, _ = subject
        asked = passage_asked(case, quantity)
        if quantity != "spectrum.0" and (
            asked is None or asked[1] not in ("mean", "log10_mean", "rate")
        ):
            raise unknown(quantity, name, KNOWN)
        parts = problem.landscape, problem.grid, problem.rate, problem.temperature, problem.mass
        try:
            wells = inertial_wells(*parts)
            if asked is None:
                rate = wells.relaxation(name)
                log10 = rate.log_rate / LN10
            else:
                pair = _neighbours(wells, asked[0])
                if isinstance(pair, str):
                    return invalid(pair)
                rate = wells.rate(*pair, law=name)
                log10 = (1.0 if asked[1] == "rate" else -1.0) * rate.log_rate / LN10
        except CaseError as error:
            return invalid(str(error))
        value = log10 if asked is not None and asked[1] == "log10_mean" else 10.0**log10
        return Prediction(value, rate.valid, rate.note)

    return predict


def _neighbours(wells: Any, table: Any) -> tuple[int, int] | str:
    """Wells that a passage leads from and to, by position; or what it lacks."""
    places = [float(m.position[0]) for m in wells.minima]
    start = (table.from_.centre or (None,))[0]
    if start is None or not places:
        return "needs a passage from a point"
    here = min(range(len(places)), key=lambda k: abs(places[k] - start))
    held = [k for k, x in enumerate(places) if k != here and _holds(table.to, x)]
    near = [k for k in held if abs(k - here) == 1]
    return (here, near[0]) if near else "needs a passage that ends at the bottom of the next well"


def _holds(target: Any, x: float) -> bool:
    if target.centre is not None:
        return bool(abs(x - target.centre[0]) <= (target.radius or 0.0) + 1e-6)
    if target.box is not None:
        return bool(target.box[0][0] - 1e-6 <= x <= target.box[0][1] + 1e-6)
    if target.halfplane is not None:
        return bool(target.halfplane.normal[0] * x >= target.halfplane.offset - 1e-6)
    return False


#: Name in a case file -> closed form, called with ((problem, limit), case, quantity).
INERTIAL: dict[str, Callable[[Any, Any, str], Prediction]] = {
    name: _law(name)
    for name in ("energy-diffusion", "kramers-grote-hynes", "melnikov-meshkov", "transition-state")
}
