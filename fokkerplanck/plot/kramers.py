"""The Kramers plot: passage times against the height of the barrier, with theory beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from fokkerplanck.plot.output import PICTURES, PRINT_DPI, check_output, save
from fokkerplanck.plot.style import WELLS, letter, number, styled

if TYPE_CHECKING:
    from fokkerplanck.barrier_sweep import BarrierSweep

__all__ = ["kramers_figure", "plot_kramers"]

Array = NDArray[np.float64]
#: measured, and what is left after the next order
COLOURS = (WELLS[0], WELLS[1])
#: barriers below which the law is not meant to hold
LEAST = 5.0
OUTSIDE = "0.93"
#: deviations below are not drawn
FLOOR = 1e-9


def kramers_figure(sweep: BarrierSweep) -> Figure:
    """Draw measured times over barrier / T with the law, and the relative deviation below.

    Parameters
    ----------
    sweep : BarrierSweep

    Returns
    -------
    Figure
        Panel (a): decimal logarithm of the mean time, measured and by the law. Panel (b): measured
        over predicted minus one, for the leading order and with the next one.
    """
    with styled():
        figure = Figure((3.5, 4.1), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.25, 1.0))
        _draw_times(sweep, upper)
        _draw_deviations(sweep, lower)
        for k, ax in enumerate((upper, lower)):
            letter(ax, k)
            ax.axvspan(0.0, LEAST, color=OUTSIDE, lw=0, zorder=0, label="outside its range")
        # right of the grey band, in which its own patch could not be seen
        upper.legend(loc="upper left", bbox_to_anchor=(1.2 * LEAST / sweep.ratios[-1], 1.0))
        return figure


def plot_kramers(
    sweep: BarrierSweep, output: str | Path, *, dpi: int = PRINT_DPI, force: bool = False
) -> Path:
    """Draw a sweep into a PNG or PDF file.

    Raises
    ------
    CaseError
        Another suffix.
    DataError
        The file exists and `force` is not given, or it cannot be written.
    """
    path = check_output(output, force=force, allowed=PICTURES)
    save(kramers_figure(sweep), path, dpi=dpi, title="Kramers plot")
    return path


def _draw_times(sweep: BarrierSweep, ax: Axes) -> None:
    x = np.linspace(0.0, 1.04 * sweep.ratios[-1], 200)
    ax.plot(x, np.interp(x, *_line(sweep)), color="0.35", lw=1.0, label=_law(sweep), zorder=1)
    ax.plot(sweep.ratios, sweep.log10_times, "o", ms=4.0, mew=0, color=COLOURS[0], label="solved")
    ax.set_xlim(0.0, x[-1])
    ax.set_ylim(bottom=0.0)
    ax.set_ylabel(r"$\log_{10}\,\tau$")
    note = f"$\\Delta L = {number(sweep.barrier, 4)}$\nfrom {sweep.start}\nto {sweep.target}"
    note = re.sub(r"-(?=\d)", "\u2212", note.replace(">=", "\u2265").replace("<=", "\u2264"))
    ax.text(0.97, 0.05, note, transform=ax.transAxes, ha="right", va="bottom", fontsize=7.5)


def _law(sweep: BarrierSweep) -> str:
    return "Kramers\u2019 law" if sweep.derived else "Eyring\u2013Kramers law"


def _line(sweep: BarrierSweep) -> tuple[Array, Array]:
    """Return two points of the law, which is a straight line over barrier / T."""
    slope = 1 / np.log(10.0)
    offset = float(sweep.log10_law[0] - slope * sweep.ratios[0])
    ends = np.array([0.0, 2.0 * sweep.ratios[-1]])
    return ends, offset + slope * ends


def _draw_deviations(sweep: BarrierSweep, ax: Axes) -> None:
    r = sweep.ratios
    x = np.geomspace(r[0], r[-1], 200)
    first, left = sweep.deviations, sweep.remainders
    c = sweep.correction
    source = "" if sweep.derived else ", fitted"
    label = rf"next order, ${number(c, 3)}\,T/\Delta L${source}"
    ax.plot(r, np.abs(first), "o", ms=4.0, mew=0, color=COLOURS[0], label=_law(sweep))
    ax.plot(x, abs(c) / x, color=COLOURS[0], lw=1.0, alpha=0.6, label=label)
    seen = np.abs(left) > np.maximum(FLOOR, sweep.errors)
    label = "law with its next order"
    ax.plot(r[seen], np.abs(left[seen]), "s", ms=3.6, mfc="none", color=COLOURS[1], label=label)
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(LogLocator(subs=[0.1 * k for k in range(2, 10)]))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(r"barrier over temperature, $\Delta L / T$")
    ax.set_ylabel(r"$|\tau / \tau_{\mathrm{theory}} - 1|$")
    ax.legend(loc="upper right", handlelength=1.4)
