"""The figure of tail indices: over coordinates, against the length of blocks, and the tail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import erfc

from fokkerplanck.plot.output import PICTURES, PRINT_DPI, check_output, save
from fokkerplanck.plot.style import WELLS, WIDTH, letter, new_axes, styled
from fokkerplanck.tail_index_fit import standardised, thinned
from fokkerplanck.tail_index_regression import empirical_modulus
from fokkerplanck.tail_index_scan import BlockScan
from fokkerplanck.tail_index_study import TailStudy

__all__ = ["coordinate_histogram", "modulus_plot", "plot_tails", "scan_plot", "tail_plot"]

Array = NDArray[np.float64]
BLUE, RED, GREEN, PINK, ORANGE, SKY = WELLS
GREY = "0.45"
#: name of a control -> label, colour and dashes
CONTROLS = {
    "shuffled": ("shuffled", ORANGE, (0, (1, 1))),
    "gaussian variances": ("Gaussian, same variances", GREEN, (0, (4, 1.5))),
    "gaussian medians": ("Gaussian, same medians", PINK, (0, (4, 1.5, 1, 1.5))),
    "gaussian covariance": ("Gaussian, same covariance", SKY, (0, (2, 1))),
}
#: Indices that are drawn, largest error that is, and values whose tail is.
RANGE, UNKNOWN, DRAWN = (0.5, 3.0), 0.5, 400_000
#: Largest value, in medians, that makes a long tail.
LONG = 50.0
#: Median of ``|X|`` of a standard normal X.
NORMAL_MEDIAN = 0.6744897501960817


def plot_tails(
    study: TailStudy, output: str | Path, *, force: bool = False, dpi: int = PRINT_DPI
) -> Figure:
    """Draw a study into a PNG or PDF.

    Raises
    ------
    CaseError, DataError
        As `check_output` has them.
    """
    path = check_output(output, force=force, allowed=PICTURES)
    with styled():
        figure = Figure((WIDTH, 2.75), layout="constrained")
        axes = figure.subplots(1, 3)
        if study.coordinates > 1:
            coordinate_histogram(study, axes[0])
        else:
            modulus_plot(study, axes[0])
        scan_plot(study, axes[1])
        tail_plot(study, axes[2])
        for k, ax in enumerate(axes):
            letter(ax, k)
    save(figure, path, dpi=dpi, title="Tail index")
    return figure


def coordinate_histogram(study: TailStudy, ax: Axes | None = None) -> Axes:
    """Draw how indices scatter over coordinates, and how those of one index would."""
    ax = new_axes(ax)
    alpha = study.coordinate.alpha
    edges = np.linspace(*RANGE, 41)
    inverse = study.each[study.each > 0]
    counted, _ = np.histogram(1 / inverse, edges)
    width = edges[1] - edges[0]
    ax.stairs(counted / (len(study.each) * width), edges, fill=True, color=BLUE, alpha=0.3)
    x = np.linspace(*RANGE, 300)
    sd = study.due_spread / alpha**2
    # 1/alpha is normal, alpha is not
    normal = np.exp(-((1 / x - 1 / alpha) ** 2) / (2 * sd**2)) / (np.sqrt(2 * np.pi) * sd * x**2)
    ax.plot(x, normal, color=BLUE, label="one index for all")
    # lines end below the legend
    top = 0.68
    ax.axvline(alpha, 0, top, color=BLUE, linestyle=(0, (4, 1.5)), label="coordinates")
    ax.axvline(study.pooled.alpha, 0, top, color=RED, label="pooled")
    ax.axvline(2.0, 0, top, color="black", linewidth=0.6)
    ax.set(xlim=RANGE, xlabel=r"tail index $\alpha$ of a coordinate", ylabel="density")
    ax.set_ylim(0, ax.get_ylim()[1] / top)
    ax.legend(loc="upper right", fontsize=7.0)
    return ax


def modulus_plot(study: TailStudy, ax: Axes | None = None) -> Axes:
    """Draw the double logarithm of the empirical characteristic function, whose slope is alpha."""
    ax = new_axes(ax)
    x = thinned(study.values, DRAWN).ravel()
    scale = study.fits[0].scale if study.fits else float(np.median(np.abs(x)))
    u = 0.05 * np.arange(1, 41)
    square = np.clip(empirical_modulus(x, 0.05 / scale, len(u)), None, 1 - 1e-15)
    ax.plot(u, -np.log(square) / 2, "o", color=BLUE, markersize=2.5, label="noise")
    if study.fits:
        alpha = study.fits[0].alpha
        ax.plot(u, u**alpha, color=RED, label=rf"stable, $\alpha = {alpha:.3f}$")
    middle = float(np.median(np.abs(x))) / NORMAL_MEDIAN / scale
    ax.plot(u, (u * middle) ** 2 / 2, color=GREY, linestyle=(0, (4, 1.5)), label="Gaussian")
    ax.set(xscale="log", yscale="log", xlabel="frequency × scale", ylabel=r"$-\ln|\varphi|$")
    ax.legend(loc="upper left", fontsize=7.0)
    return ax


def scan_plot(study: TailStudy, ax: Axes | None = None) -> Axes:
    """Draw indices against the length of blocks: coordinates, pooled, and the controls."""
    ax = new_axes(ax)
    if study.coordinates > 1:
        _scan(ax, study.pooled_scan, "pooled", RED, "-")
    for control in study.controls:
        label, colour, dashes = CONTROLS[control.name]
        _scan(ax, control.scan, label, colour, dashes)
    _scan(ax, study.scan, "coordinates" if study.coordinates > 1 else "noise", BLUE, "-")
    ax.axhline(2.0, color="black", linewidth=0.6)
    ax.axvline(study.coordinate.block, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    ax.set(xscale="log", xlabel="block length $K_1$", ylabel=r"tail index $\alpha$")
    low, high = max(ax.get_ylim()[0], 0.0), min(ax.get_ylim()[1], 3.0)
    ax.set_ylim(low - 0.75 * (high - low), high)
    # the room of the legend has no scale
    ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])
    ax.legend(loc="lower right", fontsize=6.5, ncols=1, labelspacing=0.2)
    return ax


def _scan(ax: Axes, scan: BlockScan, label: str, colour: str, dashes: Any) -> None:
    known = np.isfinite(scan.alpha) & (scan.error < UNKNOWN)
    k1, alpha, error = scan.block[known], scan.alpha[known], scan.error[known]
    ax.fill_between(k1, alpha - error, alpha + error, color=colour, alpha=0.2, linewidth=0)
    ax.plot(k1, alpha, color=colour, linestyle=dashes, label=label)


def tail_plot(study: TailStudy, ax: Axes | None = None) -> Axes:
    """Draw how often scaled values exceed a size, beside the fitted stable law and the normal."""
    ax = new_axes(ax)
    x = np.sort(np.abs(standardised(thinned(study.values, DRAWN))).ravel())
    n = len(x)
    # every value of the tail, and as many of the rest as can be told apart
    shown = np.unique(n - np.geomspace(1, n, 400).astype(int))
    ax.plot(x[shown], (n - shown) / n, color=BLUE, linewidth=0, marker=".", markersize=3)
    ax.plot([], [], ".", color=BLUE, label="noise")
    size = np.geomspace(0.1, x[-1] * 1.5, 300)
    if study.goodness is not None:
        law = study.goodness.fit.law
        ax.plot(size, law.tail(size), color=RED, label=rf"stable, $\alpha = {law.alpha:.3f}$")
    normal = erfc(size * NORMAL_MEDIAN / np.sqrt(2))
    ax.plot(size, normal, color=GREY, linestyle=(0, (4, 1.5)), label="Gaussian")
    ax.set(xscale="log", yscale="log", ylim=(0.3 / n, 2), xlim=(0.1, size[-1]))
    ax.set(xlabel=r"$x$ / median of $|x|$", ylabel=r"chance that $|X| > x$")
    # beside the curves: short tails leave room on the left only
    ax.legend(loc="lower left" if size[-1] < LONG else "upper right", fontsize=7.0)
    return ax
