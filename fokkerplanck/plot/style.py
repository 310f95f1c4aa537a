"""One look for all figures: fonts, sizes, colours, and how numbers are written."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

__all__ = [
    "DIFFERENCE",
    "SEQUENCE",
    "STEPS",
    "STYLE",
    "WELLS",
    "WIDTH",
    "density_map",
    "large_number",
    "letter",
    "new_axes",
    "number",
    "plain",
    "shortened",
    "styled",
    "time_label",
]

#: distances of ticks that readers can count in
STEPS = (1, 2, 2.5, 5, 10)
#: width of a figure over two columns of a journal, inches
WIDTH = 7.0

#: passed to ``matplotlib.rc_context``; the fonts come with matplotlib, type 42 keeps text in PDF
STYLE: dict[str, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.6,
    "axes.unicode_minus": True,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.7,
    "ytick.minor.size": 1.7,
    "lines.linewidth": 1.2,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.dpi": 100.0,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.wspace": 0.03,
    "figure.constrained_layout.hspace": 0.03,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "image.interpolation": "antialiased",
}

#: from early to late; the pale end of viridis is cut, it vanishes on white paper
SEQUENCE: Colormap = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.9, 256)), "sequence")
#: differences and signed currents, always centred at zero
DIFFERENCE: Colormap = colormaps["RdBu_r"]
#: wells of the landscape, told apart in colour blindness too (Okabe and Ito)
WELLS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def styled(**more: Any) -> AbstractContextManager[None]:
    """Draw in the one style, whatever the user's own settings are; `more` overrides it."""
    settings: Any = {**STYLE, **{name.replace("__", "."): value for name, value in more.items()}}
    return mpl.rc_context(settings)


def density_map() -> Colormap:
    """Colour map of densities: viridis, with everything below a floor in its darkest colour."""
    colours = colormaps["viridis"]
    return colours.with_extremes(under=colours(0), bad=colours(0))


def new_axes(ax: Axes | None, width: float = 3.4, height: float = 2.6) -> Axes:
    """Give back `ax`, or the only axes of a new figure that pyplot knows nothing of."""
    return ax if ax is not None else Figure((width, height), layout="constrained").add_subplot()


def letter(ax: Axes, index: int) -> None:
    """Write (a), (b), ... inside the top left corner of a panel's title line."""
    shift = ScaledTranslation(0.0, 3.5 / 72, ax.figure.dpi_scale_trans)
    where = ax.transAxes + shift
    ax.text(0.0, 1.0, f"({chr(97 + index)})", transform=where, va="bottom", ha="left")


def number(value: float, digits: int = 3) -> str:
    r"""Write a number as mathtext without dollars: ``0.25``, ``3.2\times10^{-7}``."""
    if value == 0 or not np.isfinite(value):
        return {0.0: "0", np.inf: r"\infty", -np.inf: r"-\infty"}.get(value, r"\mathrm{nan}")
    mantissa, power = (part for part in f"{value:.{digits - 1}e}".split("e"))
    if -3 <= int(power) < 4:
        return f"{float(f'{mantissa}e{power}'):.12g}"
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    times = {"1": "", "-1": "-"}.get(mantissa, rf"{mantissa}\times")
    return f"{times}10^{{{int(power)}}}"


def large_number(log10: float, digits: int = 3) -> str:
    """Write a number as mathtext that may be too large for a float, from its logarithm."""
    if -300 < log10 < 300 or not np.isfinite(log10):
        return number(float(10.0**log10), digits)
    power = int(np.floor(log10))
    return rf"{10 ** (log10 - power):.{digits - 1}f}\times10^{{{power}}}"


def plain(text: str) -> str:
    """Text of a user as it is: dollars in it begin no formula."""
    return text.replace("$", r"\$")


def shortened(text: str, most: int) -> str:
    """Cut a text that is longer than a number of letters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def time_label(time: float | None, digits: int = 2) -> str:
    """Label of a snapshot: ``t = 10^3``, or ``stationary`` when there is no time."""
    return "stationary" if time is None else f"$t = {number(time, digits)}$"
