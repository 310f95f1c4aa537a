"""How escape times of a network grow at small noise: exact chains, walkers, and what leaps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from reproduce_axes import POINT

from fokkerplanck.confrontation import Confrontation
from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_chain import InPlaneChain
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.plot.style import WELLS, letter
from fokkerplanck.theory.large_deviations import ChainEscape

__all__ = ["Curves", "chain_curves", "draw_chain", "without_table"]

Array = NDArray[np.float64]
#: Learning rates of the curves, and numbers of samples that are left out.
RATES, LEFT_OUT = 13, (0, 1, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class Curves:
    """Exact mean steps at learning rates, as natural logarithms.

    Parameters
    ----------
    rates : list of float
    real, gaussian, ito : list of float
        The network's own noise, Gaussian noise of its variance, the Ito equation.
    behind, climb : list of float
        Own noise only at places before the minimum; only between minimum and top; else Gaussian.
    laws : tuple of ChainEscape
        Of small noise, own and Gaussian.
    """

    rates: list[float]
    real: list[float]
    gaussian: list[float]
    ito: list[float]
    behind: list[float]
    climb: list[float]
    laws: tuple[ChainEscape, ChainEscape]
    batch: int

    def to_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return asdict(self)


def chain_curves(
    plane: InPlane, ends: tuple[Any, Any], rates: tuple[float, float], batch: int
) -> Curves:
    """Solve the chains from the largest of two learning rates down to the smallest."""
    chain = InPlaneChain(plane, *ends)
    laws = chain.small_noise(), chain.small_noise("gaussian")
    low, top = sorted((laws[0].minimum, laws[0].top))
    turned = laws[0].top < laws[0].minimum
    behind = (top, np.inf) if turned else (-np.inf, low)
    found: dict[str, list[float]] = {}
    eta = [float(1 / v) for v in np.linspace(1 / rates[0], 1 / rates[1], RATES)]
    for rate in eta:
        problem = plane.problem(rate, batch)
        for name, steps in {
            "real": chain.time(rate, batch, tolerance=3e-3).mean_steps,
            "gaussian": chain.time(rate, batch, "gaussian", tolerance=3e-3).mean_steps,
            "ito": mean_first_passage(problem, *ends).mean / rate,
            # laws that change at a point make T jump there: first order, and enough to see
            "behind": chain.time(rate, batch, within=behind, tolerance=2e-2).mean_steps,
            "climb": chain.time(rate, batch, within=(low, top), tolerance=2e-2).mean_steps,
        }.items():
            found.setdefault(name, []).append(float(np.log(steps)))
    return Curves(eta, **found, laws=laws, batch=batch)


def without_table(
    plane: InPlane, ends: tuple[Any, Any], rates: list[float], batch: int
) -> list[dict[str, Any]]:
    """Exact steps and exponents without the samples with the largest gradients on the way.

    The other samples are moved so that the mean gradient stays: the loss is the same.
    """
    chain = InPlaneChain(plane, *ends)
    table = plane.table
    g = table.at(table.axes[0][:, None])[:, :, 0]
    order = np.argsort(-np.abs(g - g.mean(axis=1, keepdims=True)).max(axis=0))
    rows = []
    for k in LEFT_OUT:
        rest = table.without(order[:k])
        exponents = [chain.small_noise(n, rest).exponent for n in ("minibatch", "gaussian")]
        steps = [chain.time(r, batch, table=rest, tolerance=3e-3).mean_steps for r in rates]
        rows.append({"left_out": k, "exponents": exponents, "steps": steps})
    return rows


def draw_chain(curves: Curves, found: Confrontation) -> Figure:
    """Draw times against the inverse of the learning rate, and what the samples' own law does."""
    figure = Figure((7.0, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    _growth(curves, found, left)
    _parts(curves, right)
    for k, ax in enumerate((left, right)):
        letter(ax, k)
    return figure


def _growth(curves: Curves, found: Confrontation, ax: Axes) -> None:
    x = 1 / np.array(curves.rates)
    digits = np.log(10)
    names = "own noise, chain", "Gaussian noise, chain"
    for law, steps, colour, name in zip(
        curves.laws, (curves.real, curves.gaussian), WELLS, names, strict=False
    ):
        ax.plot(x, np.array(steps) / digits, color=colour, label=name)
        small = [law.log_steps(r, curves.batch) / digits for r in curves.rates]
        ax.plot(
            x,
            small,
            color=colour,
            ls="--",
            lw=0.8,
            label=f"small noise, $\\Phi={law.exponent:.1f}$",
        )
    ax.plot(x, np.array(curves.ito) / digits, color="k", ls=":", label="Itô equation")
    for mark, face, which in (("ko", "k", "sgd"), ("ks", "none", "gaussian")):
        rows = [getattr(row, which) for row in found.rows]
        where = [1 / row.learning_rate for row in rows]
        mean = np.array([row.mean_steps for row in rows])
        error = np.array([1.96 * row.standard_error for row in rows])
        spread = error / mean / digits
        label = "walkers" if which == "sgd" else "walkers, Gaussian noise"
        ax.errorbar(
            where, np.log10(mean), spread, fmt=mark, mfc=face, lw=0.8, ms=POINT["ms"], label=label
        )
    ax.set_xlabel("1 / learning rate")
    ax.set_ylabel("mean escape time, log$_{10}$ of steps")
    # room above for the legend
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.legend(loc="upper left")


def _parts(curves: Curves, ax: Axes) -> None:
    x = 1 / np.array(curves.rates)
    base = np.array(curves.gaussian)
    for name, steps, colour in (
        ("only behind the minimum", curves.behind, WELLS[3]),
        ("only on the climb", curves.climb, WELLS[2]),
        ("everywhere", curves.real, WELLS[0]),
    ):
        ax.plot(x, (np.array(steps) - base) / np.log(10), color=colour, label=name)
    ax.axhline(0, color="0.6", lw=0.6)
    ax.set_xlabel("1 / learning rate")
    ax.set_ylabel("log$_{10}$ of the time over that of Gaussian noise")
    ax.legend(loc="upper left", title="own noise")
