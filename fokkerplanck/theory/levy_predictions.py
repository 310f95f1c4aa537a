"""Closed forms by name for cases of heavy-tailed noise."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pi
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

from fokkerplanck.tail_index_stable import StableLaw
from fokkerplanck.theory.levy import levy_ou_scale
from fokkerplanck.theory.levy_escape_predictions import LEVY_ESCAPES
from fokkerplanck.theory.levy_plane_predictions import plane_levy_ou
from fokkerplanck.theory.linear import initial_moments, snapshot_times
from fokkerplanck.theory.prediction import Prediction, entry, invalid, is_index, pick, unknown

if TYPE_CHECKING:
    from fokkerplanck.levy import Levy
    from fokkerplanck.sgd_settings import SGD

    Subject = tuple[Levy, SGD | None]

__all__ = ["HEAVY_TAILED"]

Array = NDArray[np.float64]
#: A drift this close to a polynomial, relative to its largest value, is one.
ROUNDING = 1e-9
#: Laws wider than this part of the way to a wall feel it.
WIDE = 0.1


def _levy_ou(subject: Subject, case: Any, quantity: str) -> Prediction:
    """Stable law in a parabola: stationary, and its median in time."""
    problem, sgd = subject
    found = _parabola(problem)
    if isinstance(found, str):
        return invalid(found)
    curvature, centre = found
    if quantity.startswith("evolve.median."):
        times, k = snapshot_times(case, sgd), quantity.removeprefix("evolve.median.")
        if not is_index(k, len(times)):
            raise unknown(quantity, "levy-ou", OU)
        start = float(initial_moments(case, 1)[0][0])
        value = centre + (start - centre) * np.exp(-curvature * float(times[int(k)]))
        return _seen(problem, centre, curvature, float(value))
    law = StableLaw(problem.alpha, levy_ou_scale(problem.alpha, problem.scale, curvature))
    if problem.temperature > 0.0 and not quantity.startswith("stationary.characteristic"):
        return invalid("the law beside Gaussian noise is known by its characteristic function")
    w = _asked(case, "frequencies")
    wave = law.characteristic(w) * np.exp(-0.5 * problem.temperature / curvature * w**2)
    known = _symmetric(
        centre,
        {
            "characteristic": lambda: {
                "real": wave * np.cos(w * centre),
                "imaginary": wave * np.sin(w * centre),
            },
            "density_at": lambda: [
                _stable_density(law, x - centre) for x in _asked(case, "points")
            ],
            "tail_exponents": lambda: [1.0 + problem.alpha] * 2,
        },
        lambda: float(brentq(lambda x: float(law.tail(x)) - 0.5, 0.0, 1e3 * law.scale)),
    )
    return _seen(problem, centre, curvature, _pick(quantity, "levy-ou", known))


OU = (
    "stationary.characteristic.real.k",
    "stationary.characteristic.imaginary.k",
    *(f"stationary.{name}" for name in ("density_at.k", "median", "quartiles.i")),
    *(f"stationary.{name}" for name in ("interquartile_range", "tail_exponents.i")),
    "evolve.median.k",
)


def _cauchy_quartic(subject: Subject, case: Any, quantity: str) -> Prediction:
    r"""Stationary law of Cauchy noise in ``c x^4 / 4 + b x^2 / 2``: exact.

    .. math:: p = \frac{2 P (P^2 + Q^2)}{\pi ((x - Q)^2 + P^2)((x + Q)^2 + P^2)}

    with the complex roots :math:`-P \pm i Q` of :math:`c m^3 - b m = s`; see
    `fokkerplanck.theory.levy.cauchy_double_well`.
    """
    problem = subject[0]
    if problem.alpha != 1.0 or problem.temperature > 0.0 or set(problem.fates) != {"stopped"}:
        return invalid('needs alpha = 1, no Gaussian noise, and walls where jumps are "stopped"')
    c, b, off = _odd_cubic(problem)
    roots = np.roots([c, 0.0, -b, -problem.scale]) if c > 0.0 and off < ROUNDING else np.zeros(0)
    pair = roots[roots.imag > 0.0]
    if len(pair) != 1:
        return invalid("needs a loss c x^4/4 + b x^2/2 with c > 0 and no strong parabola in it")
    p, q = float(-pair[0].real), float(pair[0].imag)
    size = p**2 + q**2

    def density(x: Any) -> Any:
        return 2 * p * size / (pi * ((x - q) ** 2 + p**2) * ((x + q) ** 2 + p**2))

    w = np.abs(_asked(case, "frequencies"))
    known = _symmetric(
        0.0,
        {
            "mean": lambda: [0.0],
            "covariance": lambda: [[size]],
            "characteristic": lambda: {
                "real": np.exp(-p * w) * (np.cos(q * w) + p / q * np.sin(q * w)),
                "imaginary": 0.0 * w,
            },
            "density_at": lambda: density(_asked(case, "points")),
            "tail_exponents": lambda: [4.0, 4.0],
        },
        lambda: float(
            brentq(lambda x: quad(density, 0.0, x, limit=200)[0] - 0.25, 0.0, 10.0 * size**0.5 + p)
        ),
    )
    return Prediction(_pick(quantity, "cauchy-quartic", known))


def _symmetric(
    centre: float, known: dict[str, Callable[[], Any]], quartile: Callable[[], float]
) -> dict[str, Callable[[], Any]]:
    """Add median and quartiles of a law with a centre."""
    return known | {
        "median": lambda: centre,
        "quartiles": lambda: centre + np.array([-1.0, 0.0, 1.0]) * quartile(),
        "interquartile_range": lambda: 2.0 * quartile(),
    }


def _pick(quantity: str, name: str, known: dict[str, Callable[[], Any]]) -> float:
    """Evaluate a quantity; those of the characteristic function have two parts."""
    parts = quantity.split(".")
    if parts[:2] != ["stationary", "characteristic"]:
        return pick(quantity, name, "stationary", known)
    both = known["characteristic"]()
    listed = [f"stationary.characteristic.{part}.k" for part in both]
    if len(parts) != 4 or parts[2] not in both:
        raise unknown(quantity, name, listed)
    return entry(both[parts[2]], parts[3:], quantity, name, listed)


def _asked(case: Any, name: str) -> Array:
    """Points or frequencies that [stationary] names."""
    return np.array(getattr(case.stationary, name, None) or (), dtype=np.float64)


def _parabola(problem: Levy) -> tuple[float, float] | str:
    """Curvature and centre of a quadratic loss; or what is wrong with it."""
    x = problem.nodes
    slope = problem.landscape.gradient(x[:, None])[:, 0]
    k, shift = (float(c) for c in np.polyfit(x, slope, 1))
    if k <= 0.0 or np.abs(k * x + shift - slope).max() > ROUNDING * np.abs(slope).max():
        return "needs a quadratic loss"
    if set(problem.fates) != {"stopped"}:
        return 'needs walls where jumps are "stopped", which stand for the whole line'
    return k, -shift / k


def _odd_cubic(problem: Levy) -> tuple[float, float, float]:
    """Coefficients of x^3 and x in the slope of the loss, and how far it is another."""
    x = problem.nodes
    slope = problem.landscape.gradient(x[:, None])[:, 0]
    powers = np.column_stack([x**3, x])
    found = np.linalg.lstsq(powers, slope, rcond=None)[0]
    off = np.abs(powers @ found - slope).max() / max(np.abs(slope).max(), 1e-300)
    return float(found[0]), float(found[1]), float(off)


def _stable_density(law: StableLaw, x: float) -> float:
    """Density of a stable law at x: the integral over its characteristic function."""
    end = 40.0 ** (1.0 / law.alpha) / law.scale  # e^-40 of it is left
    found = quad(
        lambda w: np.exp(-((law.scale * w) ** law.alpha)), 0.0, end, weight="cos", wvar=x, limit=400
    )
    return float(found[0]) / pi


def _seen(problem: Levy, centre: float, curvature: float, value: float) -> Prediction:
    """Mark a value where walls are near."""
    axis = problem.grid.axes[0]
    nearest = min(axis.max - centre, centre - axis.min)
    part = levy_ou_scale(problem.alpha, problem.scale, curvature) / nearest
    part = part if nearest > 0.0 else inf
    if part > WIDE:
        return Prediction(value, False, f"the law is {part:.2g} of the way to a wall wide")
    return Prediction(value)


def _on_line(formula: Callable[[Any, Any, str], Prediction]) -> Callable[..., Prediction]:
    """Say of a plane that a law is of a line."""

    def known(subject: Subject, case: Any, quantity: str) -> Prediction:
        if subject[0].grid.dim == 2:
            return invalid("is a law of a line")
        return formula(subject, case, quantity)

    return known


def _parabolic(subject: Subject, case: Any, quantity: str) -> Prediction:
    """Laws in a parabola, on a line or in the plane."""
    problem: Any = subject[0]
    if problem.grid.dim == 2:
        return plane_levy_ou(problem, case, quantity)
    return _levy_ou(subject, case, quantity)


#: Name in a case file -> closed form, called with ((problem, sgd), case, quantity).
HEAVY_TAILED: dict[str, Callable[[Any, Any, str], Prediction]] = {
    "cauchy-quartic": _on_line(_cauchy_quartic),
    "levy-ou": _parabolic,
    **{name: _on_line(formula) for name, formula in LEVY_ESCAPES.items()},
}
