"""SGD of a real network on a sampled line or plane, beside Fokker-Planck: tables, one figure.

    python scripts/confront.py LINE.h5 --from 0 --to 9 --rates 2,3,4 [--radius 1] [--batch 1]

LINE.h5 comes from ``fokkerplanck project`` with ``table = true``. Every measured time stands beside
the prediction of the diffusion with the measured covariance, in three readings; beside those of
walkers whose noise is Gaussian with the same covariance; at another learning rate of the same
ratio; and of batches that are shuffled epochs. What differs, and why, can be read off. So does the
density after a long time, with the share of each well.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from confront_chain import chain_curves, draw_chain, without_table
from confront_figure import draw
from rich.console import Console

from fokkerplanck.confrontation import Confrontation, confrontation
from fokkerplanck.confrontation_report import (
    confrontation_table,
    density_table,
    occupation_table,
    reasons_table,
)
from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_chain_report import chain_table
from fokkerplanck.plot.style import styled
from fokkerplanck.sets import Ball, as_set


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
    parser.add_argument("--draw", type=float, help="learning rate of densities and survival")
    parser.add_argument("-o", "--output", type=Path, default=Path("confrontation"))
    parser.add_argument(
        "--down-to", type=float, help="on a line: exact chains down to this rate (chain.png)"
    )
    given = parser.parse_args(arguments)
    plane = InPlane.load(given.plane)
    rates = [float(rate) for rate in given.rates.split(",")]
    start, point = ([float(c) for c in text.split(",")] for text in (given.start, given.target))
    target = point if given.radius is None else Ball(point, given.radius)
    settings = [(rate, given.batch) for rate in rates]
    found = confrontation(plane, settings, start, target, walkers=given.walkers)
    _tell(found)
    if plane.dim == 1:
        Console(width=190).print(chain_table(found))
    given.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.to_dict(), indent=1)
    (given.output / "confrontation.json").write_text(text, encoding="utf-8")
    with styled():
        drawn = given.draw or rates[len(rates) // 2]
        figure = draw(plane, found, drawn, as_set(target))
        for suffix in ("png", "pdf"):
            figure.savefig(given.output / f"confrontation.{suffix}", dpi=200)
    if plane.dim == 1 and given.down_to is not None:
        curves = chain_curves(plane, (start, target), (max(rates), given.down_to), given.batch)
        without = without_table(plane, (start, target), sorted(rates), given.batch)
        text = json.dumps({"curves": curves.to_dict(), "without": without}, indent=1)
        (given.output / "chain.json").write_text(text, encoding="utf-8")
        with styled():
            draw_chain(curves, found).savefig(given.output / "chain.png", dpi=200)


def _tell(found: Confrontation) -> None:
    console = Console(width=190)
    for table in (confrontation_table, reasons_table, occupation_table, density_table):
        console.print(table(found))
    for row in found.rows:
        for note in row.notes:
            console.print(f"rate {row.learning_rate:g}: {note}")


if __name__ == "__main__":
    main()
