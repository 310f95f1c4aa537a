"""The figure of gradient noise through training: six panels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from reproduce_axes import log_axis

from fokkerplanck.plot.style import SEQUENCE, WELLS, WIDTH, letter
from fokkerplanck.tail_network_file import NoiseFile, NoiseHistory
from fokkerplanck.tail_network_line import LineTimes
from fokkerplanck.tail_network_summary import ladder_of

__all__ = ["draw"]

BLUE, RED, GREEN, PINK, ORANGE, SKY = WELLS
GREY = "0.45"
#: colours of batch sizes, marks of widths, and steps of the ladders
BATCH = {8: RED, 32: BLUE, 128: GREEN}
WIDTHS = {4: "o", 8: "s", 16: "^"}
LADDERS = (0, 64, 256, 4096)


def draw(found: NoiseFile, name: str, times: Sequence[LineTimes]) -> Figure:
    """Draw one run, all runs beside their controls, batches, and escape on the line."""
    figure = Figure((WIDTH, 4.7), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    run, nine = found.run(name), _nine(found)
    _history(axes[0], run)
    _against_control(axes[1], nine)
    _against_coordinates(axes[2], nine)
    _through_training(axes[3], nine)
    _ladders(axes[4], run)
    _escape(axes[5], times)
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def _nine(found: NoiseFile) -> list[NoiseHistory]:
    """Choose runs of one depth and clean labels, the first of each setting."""
    chosen = {}
    for run in found.runs:
        if run.how["depth"] == 8 and run.how["label_noise"] == 0:
            chosen.setdefault((run.how["width"], run.how["batch_size"]), run)
    return list(chosen.values())


def _history(ax: Axes, run: NoiseHistory) -> None:
    """Pooled index, its controls, coordinates, and accuracy."""
    t = _steps(run)
    ax.fill_between(
        t, run.column("quantile_5"), run.column("quantile_95"), color=BLUE, alpha=0.15, lw=0
    )
    ax.plot(t, run.column("alpha"), color=BLUE)
    drawn = (("variances", GREEN, (0, (4, 1.5))), ("covariance", SKY, (0, (2, 1))))
    for row, colour, dashes in (*drawn, ("published", RED, "-")):
        alpha, error = run.pooled(row)
        ax.fill_between(t, alpha - error, alpha + error, color=colour, alpha=0.25, lw=0)
        ax.plot(t, alpha, color=colour, ls=dashes)
    ax.axhline(2.0, color="black", lw=0.6)
    _training_axis(ax)
    ax.set(ylim=(0.6, 2.95), ylabel=r"tail index $\alpha$")
    ax.set_yticks([1.0, 1.5, 2.0])
    other = ax.twinx()
    other.plot(t, run.column("accuracy"), color=GREY, lw=0.8, ls=(0, (1, 1)))
    other.set(ylim=(-0.05, 3.6), yticks=[])
    handles = [
        Line2D([], [], color=RED, label="pooled, as published"),
        Line2D([], [], color=SKY, ls=(0, (2, 1)), label="Gaussian, same covariance"),
        Line2D([], [], color=GREEN, ls=(0, (4, 1.5)), label="Gaussian, same variances"),
        Line2D([], [], color=BLUE, label="per coordinate"),
        Line2D([], [], color=GREY, lw=0.8, ls=(0, (1, 1)), label="accuracy, 0 to 1"),
    ]
    ax.legend(handles=handles, fontsize=6.5, loc="upper left", labelspacing=0.2)


def _against_control(ax: Axes, runs: Sequence[NoiseHistory]) -> None:
    """Pooled index over that of Gaussian noise of the same covariance."""
    for run in runs:
        (x, dx), (y, dy) = run.pooled("covariance"), run.pooled("published")
        ax.errorbar(x, y, dy, dx, **_look(run), ls="none", ms=2.6, elinewidth=0.5)
    low, high = 1.14, 1.64
    ax.plot([low, high], [low, high], color="black", lw=0.6)
    ax.text(1.275, 1.285, "all explained", fontsize=7.0, rotation=45, ha="left", va="bottom")
    ax.set(xlim=(low, high), ylim=(low, high))
    ax.set_xlabel(r"$\alpha$ of Gaussian noise, pooled")
    ax.set_ylabel(r"$\alpha$ as published")
    ax.set_xticks([1.2, 1.3, 1.4, 1.5, 1.6])
    ax.set_yticks([1.2, 1.3, 1.4, 1.5, 1.6])
    _keys(ax, "upper left")


def _against_coordinates(ax: Axes, runs: Sequence[NoiseHistory]) -> None:
    """Pooled index over that of single coordinates."""
    for run in runs:
        alpha, error = run.pooled("published")
        ax.errorbar(
            run.column("alpha"), alpha, error, **_look(run), ls="none", ms=2.6, elinewidth=0.5
        )
    ax.plot([0.5, 2.1], [0.5, 2.1], color="black", lw=0.6)
    ax.axvline(2.0, color="black", lw=0.6, ls=(0, (1, 2)))
    ax.set(xlim=(0.5, 2.1), ylim=(0.5, 2.1), xlabel=r"$\alpha$ per coordinate")
    ax.set_ylabel(r"$\alpha$ as published")


def _through_training(ax: Axes, runs: Sequence[NoiseHistory]) -> None:
    """Index per coordinate of all runs."""
    lines = {4: "-", 8: (0, (4, 1.5)), 16: (0, (1, 1))}
    for run in runs:
        colour, dashes = BATCH[run.how["batch_size"]], lines[run.how["width"]]
        ax.plot(_steps(run), run.column("alpha"), color=colour, ls=dashes, lw=1.0)
    ax.axhline(2.0, color="black", lw=0.6)
    handles = [Line2D([], [], color=c, label=f"batch {b}") for b, c in BATCH.items()]
    handles += [Line2D([], [], color=GREY, ls=d, label=f"width {w}") for w, d in lines.items()]
    _training_axis(ax)
    ax.set(ylim=(0.4, 2.1), ylabel=r"$\alpha$ per coordinate")
    ax.legend(handles=handles, fontsize=6.5, loc="lower left", labelspacing=0.2)


def _ladders(ax: Axes, run: NoiseHistory) -> None:
    """Index against the batch: coordinates, and how scales fall from one size to the next."""
    for k, step in enumerate(LADDERS):
        rungs, colour = ladder_of(run, step), SEQUENCE(k / (len(LADDERS) - 1))
        b = np.array([r.batch for r in rungs])
        alpha, error = np.array([r.fitted for r in rungs]).T
        ax.errorbar(b, alpha, error, color=colour, marker="o", ms=2.8, elinewidth=0.6, lw=1.0)
        ax.plot([], [], color=colour, label=f"step {step}")
        index = np.array([r.scaling for r in rungs[:-1] if r.scaling is not None])
        middle = np.sqrt(b[1:] * b[:-1])
        ax.errorbar(
            middle, index[:, 0], index[:, 1], color=colour, marker="D", ms=3.0, ls="none",
            mfc="none", mew=0.7, elinewidth=0.6,
        )  # fmt: skip
    ax.axhline(2.0, color="black", lw=0.6)
    ax.plot([], [], "D", color=GREY, mfc="none", ms=3.0, label="from scales")
    log_axis(ax, [1, 8, 32, 128, 512])
    ax.set(ylim=(0.4, 2.2), xlabel="batch size $B$", ylabel=r"$\alpha$ per coordinate")
    ax.legend(fontsize=6.5, loc="lower right", labelspacing=0.2)


def _escape(ax: Axes, times: Sequence[LineTimes]) -> None:
    """Draw steps out of a well of the line of two networks."""
    x = np.array([1 / one.learning_rate for one in times])
    rows = (
        ("gaussian", GREY, "o", "Gaussian, constant"),
        ("ito", SKY, "s", "Gaussian, Itô"),
        ("sgd", BLUE, "D", "SGD, exact"),
    )
    for name, colour, mark, label in rows:
        y = [getattr(one, name) for one in times]
        ax.plot(x, y, color=colour, marker=mark, ms=3.0, lw=1.0, label=label)
    y, dy = np.array([(one.levy, one.levy_error) for one in times]).T
    ax.errorbar(x, y, dy, color=RED, marker="^", ms=3.0, lw=1.0, elinewidth=0.6, label="stable law")
    ax.set(yscale="log", ylim=(10, 1e40), xlabel=r"$1 / \eta$", ylabel="steps to escape")
    ax.set_yticks([1e2, 1e10, 1e20, 1e30])
    ax.legend(fontsize=6.5, loc="upper left", labelspacing=0.2)


def _steps(run: NoiseHistory) -> np.ndarray:
    """Place steps on a logarithmic axis, the beginning at one half."""
    return np.maximum(run.column("step"), 0.5)


def _training_axis(ax: Axes) -> None:
    log_axis(ax, [0.5, 1, 10, 100, 1000])
    ax.set_xticks([0.5, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
    ax.set(xlim=(0.45, 4600), xlabel="step")


def _look(run: NoiseHistory) -> dict[str, object]:
    mark = WIDTHS[run.how["width"]]
    return {"color": BATCH[run.how["batch_size"]], "marker": mark, "mfc": "none", "mew": 0.6}


def _keys(ax: Axes, where: str) -> None:
    style = {"ls": "none", "ms": 3.0, "mfc": "none", "mew": 0.6}
    handles = [Line2D([], [], color=c, lw=1.2, label=f"batch {b}") for b, c in BATCH.items()]
    handles += [
        Line2D([], [], color=GREY, marker=m, label=f"width {w}", **style) for w, m in WIDTHS.items()
    ]
    ax.legend(handles=handles, fontsize=6.5, loc=where, labelspacing=0.2)
