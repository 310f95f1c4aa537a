"""Tails of the gradient noise of a network through training: as published, and estimated rightly.

    python scripts/tail_network.py cases/heavy_tails/noise.h5 [--line LINE.h5] [-o FOLDER] [--pages]
    python scripts/tail_network.py --record scripts/resnet/gradient_noise.toml NOISE.h5 [--only 0,2]

The first makes, without torch, the tables and the figure of cases/heavy_tails/NETWORK.md: the
pooled index and its controls, indices per coordinate, their way with the size of batches and with
training, the estimates anew from the shipped sample, and escape on the line of two networks under a
stable law that is fitted to their noise. All numbers go to FOLDER/network.json; ``--pages`` renews
the picture beside the file. The second makes the file (extra ``[resnet]``); it goes on from what is
there, and ``--only`` makes some of the runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from reproduce import reduce
from rich.console import Console
from tail_network_figure import draw

from fokkerplanck.errors import FokkerPlanckError, exit_status
from fokkerplanck.in_plane import InPlane
from fokkerplanck.plot.style import styled
from fokkerplanck.tail_network_collect import Plan, collect_noise
from fokkerplanck.tail_network_file import NoiseFile, read_noise_file, write_noise_file
from fokkerplanck.tail_network_line import LineNoise, LineTimes, line_noise, line_times
from fokkerplanck.tail_network_report import (
    ladder_table,
    line_table,
    moments_table,
    phases_table,
    places_table,
    sample_table,
)
from fokkerplanck.tail_network_summary import ladder_of, moment_of, phases_of, sample_tails

#: steps of the table of moments, and of ladders
STEPS, LADDERS = (0, 64, 256, 1024, 4096), (0, 256, 4096)
#: runs of which ladders are printed and samples are shipped
SHIPPED = ("width 4, batch 32", "width 8, batch 32", "width 16, batch 32")
READY = "width 8, batch 32"
PLAN = Plan(SHIPPED, READY)
#: batch sizes that are drawn anew from the shipped samples
REDRAWN = (8, 32, 128)
#: where the line's first well is left, what is reached, and learning rates; other places
START, TARGET, RATES = -0.134, 9.192, (0.5, 1.0, 2.0, 2.5, 3.0, 4.0)
PLACES = (-1.3, START, 1.0, 2.5, 4.5, 6.0, TARGET)
#: batches of which the noise at the minimum is fitted, and how many are drawn
SIZES, DRAWN = (1, 8, 32, 128), 4096


def main(arguments: list[str] | None = None) -> int:
    """Make tables and figure, or the file; the status is that of the error, if there is one."""
    parser = argparse.ArgumentParser(description="Tails of gradient noise through training.")
    parser.add_argument("file", type=Path, help="file of noise, NOISE.h5")
    parser.add_argument("--line", type=Path, default=Path("cases/resnet/line.h5"))
    parser.add_argument("--record", type=Path, metavar="CONFIG", help="make the file")
    parser.add_argument("--only", help="with --record: the runs to record now, 0,2")
    parser.add_argument("-o", "--output", type=Path, default=Path("heavy_tails"))
    parser.add_argument("--pages", action="store_true", help="renew the picture of the page")
    given = parser.parse_args(arguments)
    try:
        if given.record is not None:
            return _record(given.record, given.file, given.only)
        _analyse(given.file, given.line, given.output)
        if given.pages:
            reduce(given.output / "network.png", given.file.parent / "figures")
    except FokkerPlanckError as error:
        print(f"error: {error}", file=sys.stderr)
        return exit_status(error)
    return 0


def _analyse(path: Path, line: Path, folder: Path) -> None:
    """Print the tables, and keep the numbers and the figure."""
    found = read_noise_file(path)
    console = Console(width=230)
    numbers = {"file": path.name, **_history(found, console), **_sample(found, console)}
    places, times = _line(line, console)
    numbers["line"] = {
        "places": [asdict(one) for one in places],
        "times": [asdict(one) for one in times],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    with styled():
        figure = draw(found, READY, times)
        for suffix in ("png", "pdf"):
            figure.savefig(folder / f"network.{suffix}", dpi=200)


def _history(found: NoiseFile, console: Console) -> dict[str, object]:
    moments = [moment_of(run, step) for run in found.runs for step in STEPS]
    console.print(moments_table(moments))
    ladders = {}
    for name in SHIPPED:
        for step in LADDERS:
            ladders[f"{name}, step {step}"] = rungs = ladder_of(found.run(name), step)
            console.print(f"\n{name}, step {step}")
            console.print(ladder_table(rungs))
    phases = [phases_of(run) for run in found.runs]
    console.print("")
    console.print(phases_table(phases))
    return {
        "moments": [asdict(one) for one in moments],
        "ladders": {key: [asdict(one) for one in rungs] for key, rungs in ladders.items()},
        "phases": [asdict(one) for one in phases],
    }


def _sample(found: NoiseFile, console: Console) -> dict[str, object]:
    """Draw batches of the shipped gradients, and estimate."""
    rows = []
    for name in SHIPPED:
        run = found.run(name)
        for step in PLAN.kept_steps:
            recorded = {rung.batch: rung.fitted for rung in ladder_of(run, step)}
            rows += [
                (name, step, sample_tails(run, step, batch), recorded.get(batch))
                for batch in REDRAWN
            ]
    console.print("")
    console.print(sample_table(rows))
    keys = ("block", "block_error", "alpha", "alpha_error")
    return {
        "sample": [
            {"run": name, "step": step, "batch": one.batch} | {k: getattr(one, k) for k in keys}
            for name, step, one, _ in rows
        ]
    }


def _line(path: Path, console: Console) -> tuple[list[LineNoise], list[LineTimes]]:
    """Fit stable laws along the line, and escape under that at the first minimum."""
    plane = InPlane.load(path)
    places = [line_noise(plane, x) for x in PLACES]
    places += [line_noise(plane, START, batch, DRAWN) for batch in SIZES[1:]]
    console.print("")
    console.print(places_table(places))
    noise = next(one for one in places if one.x == START)
    times = [line_times(plane, noise, TARGET, rate) for rate in RATES]
    console.print("")
    console.print(line_table(times))
    return places, times


def _record(config: Path, output: Path, only: str | None) -> int:
    from fokkerplanck.projection.extra import needs_extra

    with needs_extra():
        import torch

        from fokkerplanck.projection.gradient_noise import record_gradient_noise
        from fokkerplanck.projection.gradient_noise_config import load_gradient_noise
    from fokkerplanck.provenance import provenance

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    table, text = load_gradient_noise(config)
    output.parent.mkdir(parents=True, exist_ok=True)
    chosen = None if only is None else [int(k) for k in only.split(",")]
    recorded = record_gradient_noise(table, config, output, only=chosen, tell=tell)
    if len(recorded) < len(table.run):
        print(f"{output}: other runs are still to be recorded")
        return 0
    about = {
        "title": table.title,
        "command": f"python scripts/tail_network.py --record {config.name} {output.name}",
        "torch": str(torch.__version__),
        "git_revision": provenance()["git_revision"],
        "config": text,
    }
    write_noise_file(output, collect_noise(recorded, about, PLAN, tell))
    print(f"{output}: written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
