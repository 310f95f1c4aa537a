"""Make the figures of a work on SGD anew: measured points, theory's lines, and a table of slopes.

    python scripts/reproduce.py WORK [-o FOLDER] [--only NAME] [--pages]

``ddt`` is density diffusion theory (Xie, Sato and Sugiyama, ICLR 2021), ``three-factors`` the three
factors influencing minima in SGD (Jastrzebski et al., 2017), ``momentum`` the limiting dynamics of
SGD with momentum (Kunin et al., 2021) and escape with inertia, ``heavy-tails`` descent under
alpha-stable noise (Simsekli, Sagun and Gurbuzbalaban, ICML 2019). Each figure comes as PNG and PDF;
all that is said of them in numbers goes to FOLDER/claims.md and claims.json. ``--pages`` also puts
small pictures where the pages of the cases show them, cases/WORK/figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import reproduce_ddt
import reproduce_heavy_tails
import reproduce_momentum
import reproduce_three_factors
from matplotlib.figure import Figure
from PIL import Image
from reproduce_claims import Claim, markdown

from fokkerplanck.plot.style import styled

WORKS: dict[str, dict[str, Callable[[], tuple[Figure, list[Claim]]]]] = {
    "ddt": reproduce_ddt.FIGURES,
    "three-factors": reproduce_three_factors.FIGURES,
    "momentum": reproduce_momentum.FIGURES,
    "heavy-tails": reproduce_heavy_tails.FIGURES,
}
CASES = Path(__file__).parents[1] / "cases"
#: size of the pictures on the pages, and their colours
SMALL, COLOURS = 0.65, 64


def main(arguments: list[str] | None = None) -> int:
    """Draw every figure of one work; the status is 1 when a claim does not hold."""
    parser = argparse.ArgumentParser(description="Make the figures of a work on SGD anew.")
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("-o", "--output", type=Path, help="folder; otherwise reproduced/WORK")
    parser.add_argument("--only", help="the figures with this in their name")
    parser.add_argument("--pages", action="store_true", help="also pictures for cases/WORK")
    given = parser.parse_args(arguments)
    folder: Path = given.output or Path("reproduced") / given.work
    figures = {n: f for n, f in WORKS[given.work].items() if not given.only or given.only in n}
    if not figures:
        parser.error(f"no figure with {given.only!r}; known: {', '.join(WORKS[given.work])}")
    folder.mkdir(parents=True, exist_ok=True)
    claims: dict[str, list[Claim]] = {}
    for name, draw in figures.items():
        begin = time.perf_counter()
        with styled():
            figure, claims[name] = draw()
            for suffix in ("png", "pdf"):
                figure.savefig(folder / f"{name}.{suffix}", dpi=200)
        if given.pages:
            reduce(folder / f"{name}.png", CASES / given.work.replace("-", "_") / "figures")
        print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    text = markdown(claims)
    (folder / "claims.md").write_text(text, encoding="utf-8")
    found = {name: [claim.json() for claim in rows] for name, rows in claims.items()}
    (folder / "claims.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(text)
    return int(not all(claim.holds for rows in claims.values() for claim in rows))


def reduce(picture: Path, folder: Path) -> None:
    """Make a small copy of a picture, in few colours."""
    folder.mkdir(exist_ok=True)
    with Image.open(picture) as image:
        size = (round(image.width * SMALL), round(image.height * SMALL))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    few = small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    few.save(folder / picture.name, optimize=True)


if __name__ == "__main__":
    raise SystemExit(main())
