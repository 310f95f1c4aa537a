"""SGD of a real network on a sampled line or plane, beside Fokker-Planck: one table, one figure.

    python scripts/confront.py LINE.h5 --from 0 --to 9 --rates 2,3,4 [--radius 1] [--batch 1]

LINE.h5 comes from ``fokkerplanck project`` with ``table = true``. Every measured time stands beside
the prediction of the diffusion with the measured covariance, in three readings; beside those of
walkers whose noise is Gaussian with the same covariance; at another learning rate of the same
ratio; and of batches that are shuffled epochs. What differs, and why, can be read off.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from confront_chain import chain_curves, draw_chain, without_table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reproduce_axes import POINT, log_axis
from rich.console import Console

from fokkerplanck.confrontation import Confrontation, confrontation
from fokkerplanck.confrontation_report import confrontation_table, reasons_table
from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_chain_report import chain_table
from fokkerplanck.plot.style import WELLS, letter, styled
from fokkerplanck.sets import Ball

READINGS = {"ito": "Itô", "stratonovich": "Stratonovich", "hanggi-klimontovich": "Hänggi–Kl."}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the tables, and keep them with the figure."""
    parser = argparse.ArgumentParser(description="SGD of a network beside Fokker-Planck.")
    parser.add_argument("plane", type=Path, help="file of `fokkerplanck project`")
    parser.add_argument("--from", dest="start", required=True, help="point: 0 or 0,0")
    parser.add_argument("--to", dest="target", required=True, help="point: 9 or 9,0")
    parser.add_argument("--radius", type=float, help="of the target, which is a point without")
    parser.add_argument("--rates", default="2,3,4", help="learning rates")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--walkers", type=int, default=1000)
    parser.add_argument("-o", "--output", type=Path, default=Path("confrontation"))
    parser.add_argument(
        "--down-to", type=float, help="on a line: exact chains down to this rate (chain.png)"
    )
    given = parser.parse_args(arguments)
    plane = InPlane.load(given.plane)
    settings = [(float(rate), given.batch) for rate in given.rates.split(",")]
    start, point = ([float(c) for c in text.split(",")] for text in (given.start, given.target))
    target = point if given.radius is None else Ball(point, given.radius)
    found = confrontation(plane, settings, start, target, walkers=given.walkers)
    console = Console(width=170)
    console.print(confrontation_table(found))
    console.print(reasons_table(found))
    if plane.dim == 1:
        console.print(chain_table(found))
    given.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.to_dict(), indent=1)
    (given.output / "confrontation.json").write_text(text, encoding="utf-8")
    with styled():
        figure = draw(plane, found)
        for suffix in ("png", "pdf"):
            figure.savefig(given.output / f"confrontation.{suffix}", dpi=200)
    if plane.dim == 1 and given.down_to is not None:
        rates = [rate for rate, _ in settings]
        curves = chain_curves(plane, (start, target), (max(rates), given.down_to), given.batch)
        without = without_table(plane, (start, target), sorted(rates), given.batch)
        text = json.dumps({"curves": curves.to_dict(), "without": without}, indent=1)
        (given.output / "chain.json").write_text(text, encoding="utf-8")
        with styled():
            draw_chain(curves, found).savefig(given.output / "chain.png", dpi=200)


def draw(plane: InPlane, found: Confrontation) -> Figure:
    """Draw loss and noise on a line, and times against the learning rate."""
    line = plane.dim == 1
    figure = Figure((7.0 if line else 3.4, 2.9), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, 2 if line else 1)))
    if line:
        _landscape(plane, axes[0])
    _times(found, axes[-1])
    for k, ax in enumerate(axes):
        letter(ax, k)
    return figure


def _landscape(plane: InPlane, ax: Axes) -> None:
    problem = plane.problem(1.0, 1)
    x = problem.grid.axes[0].centres
    ax.plot(x, problem.potential(), color="0.2", label="loss")
    ax.plot(
        x, 2 * problem.diffusion()[:, 0, 0], color=WELLS[1], label="gradient variance of a sample"
    )
    ax.set_xlabel("distance of weights along the line")
    ax.set_ylim(bottom=0)
    ax.legend(loc="center right")


def _times(found: Confrontation, ax: Axes) -> None:
    rates = np.array([row.learning_rate for row in found.rows])
    for colour, (reading, name) in zip(WELLS, READINGS.items(), strict=False):
        steps = [row.fokker_planck[reading].mean_steps for row in found.rows]
        ax.plot(rates, steps, color=colour, lw=1.0, label=f"Fokker–Planck, {name}")
    for mark, label, rows in (
        ("ko", "SGD", [row.sgd for row in found.rows]),
        ("ks", "the same, Gaussian noise", [row.gaussian for row in found.rows]),
    ):
        measured = [(r.mean_steps, r.standard_error) for r in rows if r is not None]
        mean, error = np.array(measured).T
        face = "k" if mark == "ko" else "none"
        ax.errorbar(
            rates, mean, 1.96 * error, fmt=mark, mfc=face, lw=0.8, ms=POINT["ms"], label=label
        )
    log_axis(ax, rates.tolist())
    ax.set_yscale("log")
    ax.set_xlabel(f"learning rate, batches of {found.rows[0].batch_size:g}")
    ax.set_ylabel("mean escape time, steps")
    ax.legend(loc="best")


if __name__ == "__main__":
    main()
