"""The figure of a network beside the theory of momentum: six panels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from matplotlib.ticker import NullFormatter
from reproduce_axes import POINT

from fokkerplanck.network_comparison import RunComparison
from fokkerplanck.network_modes import modes_of
from fokkerplanck.network_run import NetworkRun
from fokkerplanck.network_statistics import CELLS, REACH
from fokkerplanck.plot.style import WELLS, letter

__all__ = ["draw"]

#: late exponents: what the theory is fed with, marks, and whether they are filled
LATE_MARKS = (("way", "o", ""), ("absolute", "^", "full"))
#: consecutive steps of the path that are drawn in the phase plane
STEPS = 60


def draw(runs: Sequence[NetworkRun], found: Sequence[RunComparison]) -> Figure:
    """Draw phase plane, rotation, variances, spectrum, distances and exponents."""
    figure = Figure((7.0, 4.9), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    ratios = [run.how["learning_rate"] / run.how["batch_size"] for run in runs]
    chosen = int(np.argmin(ratios))
    _phase(axes[0], runs[chosen], found[chosen])
    _rotation(axes[1], runs[chosen])
    _variances(axes[2], found)
    _spectrum(axes[3], runs)
    _distances(axes[4], found)
    _exponents(axes[5], found)
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def _phase(ax: Axes, run: NetworkRun, found: RunComparison) -> None:
    """Histogram of the first direction, ellipses of the theory over it, a piece of the path."""
    row, path = found.modes[0], run.path
    sx, sv = np.sqrt(row.position.value), np.sqrt(row.velocity.value)
    edges = np.linspace(-REACH, REACH, CELLS + 1)
    ax.pcolormesh(edges * sx, edges * sv, path.phase[0].T, cmap="Greys", rasterized=True)
    for source, style in (("point", ":"), ("way", "-")):
        theory = row.predicted[source]
        for k in (1, 2, 3):
            size = 2 * k * np.sqrt(theory.position), 2 * k * np.sqrt(theory.velocity)
            ax.add_patch(Ellipse((0, 0), *size, fill=False, ec=WELLS[1], lw=0.9, ls=style))
    piece = path.piece[:STEPS, :, 0] - np.array([path.position[:, 0].mean(), 0.0])
    ax.plot(piece[:, 0], piece[:, 1], color=WELLS[0], lw=0.7, marker=".", ms=2.0, mew=0)
    for at in (0.3, 0.65):
        k = int(at * STEPS)
        ax.annotate(
            "",
            piece[k + 1],
            piece[k],
            arrowprops={"arrowstyle": "-|>", "color": WELLS[0], "lw": 0.7},
        )
    ax.set(xlim=(-REACH * sx, REACH * sx), ylim=(-REACH * sv, REACH * sv))
    ax.set_xlabel("position, first eigenvector")
    ax.set_ylabel("velocity")


def _rotation(ax: Axes, run: NetworkRun) -> None:
    """``<x(n) v(0)> - <v(n) x(0)>`` of some directions beside the theory."""
    count = len(run.point["curvature"])
    modes, smooth = modes_of(run, "point"), np.arange(1, 400)
    way = modes_of(run, "way")
    drawn = sorted({0, count // 4, count - 1})
    for colour, k in zip(WELLS, drawn, strict=False):
        speed = run.path.velocity_square[:, k].mean() - run.path.velocity[:, k].mean() ** 2
        found = run.path.swirl[:, :, k] / (speed * run.how["learning_rate"])
        error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
        ax.errorbar(run.path.lags, found.mean(axis=0), 1.96 * error, fmt="o", color=colour, ms=2.5)
        for theory, style in ((way, {"lw": 1.0}), (modes, {"lw": 0.6, "ls": ":"})):
            scale = theory.velocity[k] * run.how["learning_rate"]
            ax.plot(smooth, theory.turning(smooth)[:, k] / scale, color=colour, **style)
    ax.axhline(0, color="0.7", lw=0.5)
    ax.set_xscale("log")
    ax.set_xlim(0.9, 400)
    ax.set_xlabel("lag $n$, steps")
    ax.set_ylabel(r"$\langle x_n v_0 - v_n x_0\rangle\ /\ \eta\,\mathrm{var}\,v$")
    handles = [Line2D([], [], color=c, marker="o", ms=2.5, lw=1.0) for c in WELLS[: len(drawn)]]
    ax.legend(handles, [f"$h = {run.point['curvature'][k]:.3g}$" for k in drawn])


def _variances(ax: Axes, found: Sequence[RunComparison]) -> None:
    """Measured variances over predicted ones against the curvature; errors are a few per cent."""
    for colour, run in zip(WELLS, found, strict=False):
        for mark, name in (("o", "position"), ("s", "velocity")):
            measured = np.array([getattr(row, name).value for row in run.modes])
            for source, face in (("point", "none"), ("way", colour)):
                theory = np.array([getattr(row.predicted[source], name) for row in run.modes])
                h = [row.predicted[source].stiffness for row in run.modes]
                look = {"color": colour, "mfc": face, "ms": 2.6, "mew": 0.6}
                ax.plot(h, measured / theory, mark, **look)
    ax.axhline(1, color="k", lw=0.8)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = [t for t in (0.25, 0.5, 1, 2, 4) if ax.get_ylim()[0] < t < ax.get_ylim()[1]]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(r"stiffness $h + \lambda$")
    ax.set_ylabel("variance, measured / theory")
    handles = [
        Line2D([], [], color="0.3", marker=mark, mfc=face, ls="none", ms=3.0, mew=0.6)
        for mark in "os"
        for face in ("none", "0.3")
    ]
    names = ["$x$, at a point", "$x$, on the way", "$v$, at a point", "$v$, on the way"]
    ax.legend(handles, names, fontsize=6.5, handletextpad=0.1)


def _spectrum(ax: Axes, runs: Sequence[NetworkRun]) -> None:
    """Share of the gradient noise in directions stiffer than h."""
    for colour, run in zip(WELLS, runs, strict=False):
        nodes, weights = run.point["noise_nodes"].ravel(), run.point["noise_weights"].ravel()
        rest = float(run.point["total_noise"] - np.trace(run.point["covariance"]))
        h = np.concatenate([run.point["curvature"], nodes])
        c = np.concatenate([np.diag(run.point["covariance"]), rest * weights / weights.sum()])
        order = np.argsort(h)[::-1]
        share = np.cumsum(c[order]) / c.sum()
        inside = h[order] > 0
        ax.plot(h[order][inside], share[inside], color=colour, lw=1.0)
    ax.set_xscale("log")
    ax.set_xlim(left=1e-3)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("curvature $h$")
    ax.set_ylabel("share of the noise beyond $h$")


def _distances(ax: Axes, found: Sequence[RunComparison]) -> None:
    for colour, run in zip(WELLS, found, strict=False):
        d = run.distances
        ax.plot(d.lags, d.measured, "o", color=colour, ms=2.3)
        ax.plot(d.lags, d.predicted["way"], color=colour, lw=0.9)
        ax.plot(d.lags, d.predicted["absolute"], color=colour, lw=0.7, ls="--")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("steps $n$")
    ax.set_ylabel(r"$\langle|\theta_{k+n}-\theta_k|^2\rangle$")
    handles = [
        Line2D([], [], color="0.3", marker="o", ls="none", ms=2.3),
        Line2D([], [], color="0.3", lw=1.0),
        Line2D([], [], color="0.3", lw=0.8, ls="--"),
    ]
    ax.legend(handles, ["measured", "theory, $h < 0$ flat", "theory, $|h|$"])


def _exponents(ax: Axes, found: Sequence[RunComparison]) -> None:
    """Measured exponents against predicted ones, at early and late times."""
    for colour, run in zip(WELLS, found, strict=False):
        for k, e in enumerate(run.exponents):
            marks = (("way", "o", colour),) if k == 0 else LATE_MARKS
            for source, mark, face in marks:
                ax.errorbar(
                    e.predicted[source],
                    e.measured.value,
                    e.measured.half_width,
                    fmt=mark,
                    color=colour,
                    mfc=colour if face else "none",
                    lw=0.8,
                    ms=POINT["ms"],
                )
    low, high = 0.0, 2.1
    ax.plot((low, high), (low, high), color="k", lw=0.8)
    ax.set(xlim=(low, high), ylim=(low, high))
    ax.set_xlabel("exponent, theory on the way")
    ax.set_ylabel("exponent, measured")
    handles = [Line2D([], [], color=c, marker="s", ls="none", ms=3.0) for c in WELLS[: len(found)]]
    names = ax.legend(
        handles, [run.name for run in found], loc="upper left", fontsize=6.0, handletextpad=0.1
    )
    ax.add_artist(names)
    handles = [
        Line2D([], [], color="0.3", marker=mark, mfc=face, ls="none", ms=3.5)
        for mark, face in (("o", "0.3"), ("o", "none"), ("^", "0.3"))
    ]
    words = ["steps 1 to 4", "late, $h < 0$ flat", "late, $|h|$"]
    ax.legend(handles, words, loc="lower right", fontsize=6.0, handletextpad=0.1)
