"""Sweeps as the papers draw them: logarithms of times against what they are exponential in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fokkerplanck.errors import CaseError
from fokkerplanck.plot.output import PICTURES, PRINT_DPI, check_output, save
from fokkerplanck.plot.style import SEQUENCE, WELLS, letter, number, plain, styled
from fokkerplanck.plot.sweep_map import map_figure
from fokkerplanck.plot.sweep_words import formula_label, log_label, series_label, slope_label
from fokkerplanck.sweep_data import SweepResult
from fokkerplanck.sweep_fit import Fit, default_quantities, fits_of

__all__ = ["WHAT", "plot_sweep", "sweep_figure"]

WHAT = ("lines", "map")
#: dashes of the predictions, in the order of the case
DASHES = ((0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (2, 1)))
#: most panels, and most series that the legend names one by one
MOST_PANELS, MOST_NAMED = 6, 8
PANEL = 3.4
#: lines of a legend within its panel, and the width of a longer one beside it
MOST_INSIDE, BESIDE = 4, 2.0
#: points of a series that need no smaller marks
CROWD = 40
#: differences of logarithms below are not drawn
VISIBLE = 1e-6


def plot_sweep(
    result: SweepResult,
    output: str | Path,
    *,
    quantities: Sequence[str] | None = None,
    against: str | None = None,
    scale: str | None = None,
    what: str | None = None,
    dpi: int = PRINT_DPI,
    force: bool = False,
) -> Path:
    """Draw a sweep into a PNG or PDF file; options as of `sweep_figure`.

    Raises
    ------
    CaseError
        Another suffix or `what`, a formula that cannot be, or nothing to draw.
    DataError
        The file exists and `force` is not given, or it cannot be written.
    """
    path = check_output(output, force=force, allowed=PICTURES)
    figure = sweep_figure(result, quantities=quantities, against=against, scale=scale, what=what)
    save(figure, path, dpi=dpi, title=result.title)
    return path


def sweep_figure(
    result: SweepResult,
    *,
    quantities: Sequence[str] | None = None,
    against: str | None = None,
    scale: str | None = None,
    what: str | None = None,
) -> Figure:
    """Draw a sweep and give back the figure.

    Parameters
    ----------
    result : SweepResult
    quantities : sequence of str, optional
        Dotted paths; by default the mean times of all passages.
    against, scale : str, optional
        Formulas, see `fokkerplanck.sweep_fit.fits`.
    what : str, optional
        ``"lines"``, the default: points, fitted lines, and dashed what is predicted. ``"map"``:
        a quantity over two varied keys.
    """
    if what not in (None, *WHAT):
        msg = f'of a sweep can be drawn: {", ".join(WHAT)}; got "{what}"'
        raise CaseError(msg, key="--what")
    if what == "map":
        with styled():
            return map_figure(result, list(quantities or default_quantities(result)))
    fitted = fits_of(result, quantities, against=against, scale=scale)
    if not fitted:
        msg = "there is no line to draw: no key with two different numbers and results"
        raise CaseError(msg, file=str(result.path) if result.path else None)
    with styled():
        return _lines_figure(fitted)


def _lines_figure(fitted: Sequence[Fit]) -> Figure:
    panels: dict[str, list[Fit]] = {}
    for fit in fitted:
        panels.setdefault(fit.ordinate, []).append(fit)
    shown = list(panels.items())[:MOST_PANELS]
    columns = len(shown) if len(shown) <= 3 else 2
    rows = -(-len(shown) // columns)
    compared = any(_deviations(members) for _, members in shown)
    height = 3.9 if compared else 2.9
    # the widest of legends that stand beside their panels
    beside = max(len(members) + len(members[0].lines) for _, members in shown) > MOST_INSIDE
    width = PANEL + (BESIDE if beside else 0.0)
    figure = Figure((width * columns + 0.2, height * rows), layout="constrained")
    places: Any = figure.subfigures(rows, columns, squeeze=False).ravel()
    for k, (place, (name, members)) in enumerate(zip(places, shown, strict=False)):
        upper = _panel(place, name, members)
        if len(shown) > 1:
            letter(upper, k)
    return figure


def _panel(place: Any, name: str, fitted: Sequence[Fit]) -> Axes:
    """Lines, and below them what is left when a law is taken off."""
    laws = list(dict.fromkeys(law for fit in fitted for law in fit.lines))
    if not (off := _deviations(fitted)):
        ax = place.subplots()
        _draw(ax, name, fitted, laws)
        ax.set_xlabel(formula_label(fitted[0].against))
        return ax  # type: ignore[no-any-return]
    upper, lower = place.subplots(2, 1, sharex=True, height_ratios=(2.2, 1.0))
    _draw(upper, name, fitted, laws)
    for k, fit in enumerate(fitted):
        for law in off:
            if law in fit.predicted:
                style: dict[str, Any] = {"ls": _dashes(law, laws), "color": _colour(k, len(fitted))}
                ms = 2.4 if len(fit.x) <= CROWD else 0.0
                lower.plot(fit.x, fit.y - fit.predicted[law], "o", ms=ms, mew=0, lw=1.0, **style)
    lower.axhline(0.0, color="0.6", lw=0.6, zorder=0)
    lower.set_ylabel(r"$\ln\,(\tau / \tau_{\mathrm{theory}})$")
    lower.set_xlabel(formula_label(fitted[0].against))
    return upper  # type: ignore[no-any-return]


def _deviations(fitted: Sequence[Fit]) -> list[str]:
    """Laws that can be told from what was solved."""
    found: dict[str, None] = {}
    for fit in fitted:
        for law, values in fit.predicted.items():
            if np.nanmax(np.abs(fit.y - values), initial=0.0) > VISIBLE:
                found[law] = None
    return list(found)


def _draw(ax: Axes, name: str, fitted: Sequence[Fit], laws: Sequence[str]) -> None:
    for k, fit in enumerate(fitted):
        colour = _colour(k, len(fitted))
        ends = np.array([fit.x[0], fit.x[-1]])
        ms = 3.6 if len(fit.x) <= CROWD else 1.8
        ax.plot(fit.x, fit.y, "o", ms=ms, mew=0, color=colour, zorder=3)
        through = (fit.x, fit.y) if fit.bent else (ends, fit.line.at(ends))
        ax.plot(*through, color=colour, lw=1.0, zorder=2)
        for law, values in fit.predicted.items():
            dark = "0.25" if len(fitted) == 1 else colour
            ax.plot(fit.x, values, color=dark, lw=1.0, ls=_dashes(law, laws), zorder=2.5)
    ax.set_ylabel(log_label(name))
    ax.margins(x=0.04)
    handles = _handles(fitted, laws)
    where: dict[str, Any] = {"loc": "best"}
    if len(handles) > MOST_INSIDE:
        where = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.02)}
    ax.legend(handles=handles, fontsize=7.0, handlelength=2.4, **where)


def _dashes(law: str, laws: Sequence[str]) -> Any:
    return DASHES[laws.index(law) % len(DASHES)]


def _handles(fitted: Sequence[Fit], laws: Sequence[str]) -> list[Any]:
    """Legend: each series with its slope, then each law with its slope or their range."""
    made: list[Any] = []
    few = len(fitted) <= MOST_NAMED
    chosen = range(len(fitted)) if few else np.linspace(0, len(fitted) - 1, 5).astype(int)
    for k in chosen:
        fit = fitted[k]
        name = series_label(fit.series) or "solved"
        colour = _colour(k, len(fitted))
        style = {"marker": "o", "ms": 3.6, "mew": 0, "lw": 1.0, "color": colour}
        slope = slope_label(fit.line.slope, fit.line.slope_error)
        label = name if fit.bent else f"{name}: slope ${slope}$"
        made.append(Line2D([], [], label=label, **style))
    if not few:
        made.append(Line2D([], [], ls="", label=f"{len(fitted)} series"))
    for j, law in enumerate(laws):
        slopes = [fit.lines[law].slope for fit in fitted if law in fit.lines]
        text = " to ".join(dict.fromkeys(f"${number(s, 4)}$" for s in (min(slopes), max(slopes))))
        style = {"ls": DASHES[j % len(DASHES)], "lw": 1.0, "color": "0.25"}
        label = plain(law) if fitted[0].bent else f"{plain(law)}: slope {text}"
        made.append(Line2D([], [], label=label, **style))
    return made


def _colour(k: int, count: int) -> Any:
    """Few series have colours that are told apart, many those of a sequence."""
    return WELLS[k] if count <= len(WELLS) else SEQUENCE(k / (count - 1))
