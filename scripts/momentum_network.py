"""A real network under heavy-ball SGD beside the theory of its limiting dynamics.

    python scripts/momentum_network.py cases/momentum/network.h5 [-o FOLDER]
    python scripts/momentum_network.py --train scripts/resnet/momentum.toml NETWORK.h5 [--only 0,2]

The first compares, without torch: variances of position and velocity along the top eigenvectors of
the Hessian, rotation in phase space, equipartition, and the exponent of the squared distance, each
beside what theory makes of the measured curvature and gradient noise. Tables on the terminal, all
numbers in FOLDER/network.json, one figure. The second makes the file (extra ``[resnet]``); it goes
on from what is there, and ``--only`` makes some of the runs, so that several can go side by side.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from momentum_network_figure import draw
from rich.console import Console

from fokkerplanck.errors import FokkerPlanckError, exit_status
from fokkerplanck.network_comparison import compare_network
from fokkerplanck.network_report import balance_table, modes_table, travel_table
from fokkerplanck.network_run import read_network
from fokkerplanck.plot.style import styled


def main(arguments: list[str] | None = None) -> int:
    """Compare, or make the file; the status is that of the error, if there is one."""
    parser = argparse.ArgumentParser(description="Heavy-ball SGD of a network beside its theory.")
    parser.add_argument("file", type=Path, help="file of paths, NETWORK.h5")
    parser.add_argument("--train", type=Path, metavar="CONFIG", help="make the file")
    parser.add_argument("--only", help="with --train: the runs to make now, 0,2")
    parser.add_argument("-o", "--output", type=Path, default=Path("momentum"))
    given = parser.parse_args(arguments)
    try:
        if given.train is not None:
            return _train(given.train, given.file, given.only)
        _compare(given.file, given.output)
    except FokkerPlanckError as error:
        print(f"error: {error}", file=sys.stderr)
        return exit_status(error)
    return 0


def _compare(path: Path, folder: Path) -> None:
    """Print the tables, and keep the numbers and the figure."""
    found = read_network(path)
    runs = compare_network(found)
    console = Console(width=220)
    for run in runs:
        console.print(f"\n{run.name}")
        console.print(modes_table(run))
    for made in (balance_table(runs), travel_table(runs)):
        console.print("")
        console.print(made)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"file": path.name, "runs": [run.to_dict() for run in runs]}
    (folder / "network.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    with styled():
        figure = draw(found.runs, runs)
        for suffix in ("png", "pdf"):
            figure.savefig(folder / f"network.{suffix}", dpi=200)


def _train(config: Path, output: Path, only: str | None) -> int:
    from fokkerplanck.projection.extra import needs_extra

    with needs_extra():
        from fokkerplanck.projection.momentum import run_momentum
        from fokkerplanck.projection.momentum_config import load_momentum

    table, text = load_momentum(config)
    chosen = None if only is None else [int(k) for k in only.split(",")]
    output.parent.mkdir(parents=True, exist_ok=True)
    done = run_momentum(
        table,
        text,
        config,
        output,
        only=chosen,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(f"{output}: written" if done else f"{output}: other runs are still to be made")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
