"""Run every case and draw its figure into cases/gallery (the pictures of README and gallery).

    python scripts/gallery.py [CASE ...]

Pictures are reduced to 256 well chosen colours, which keeps the folder small.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from fokkerplanck.case import load_case
from fokkerplanck.plot import plot_result
from fokkerplanck.run import run_case
from fokkerplanck.store import read

CASES = Path(__file__).parents[1] / "cases"
GALLERY = CASES / "gallery"
DPI = 130
NONE = Image.Dither.NONE
#: Cases whose densities are drawn with logarithmic colours: they are about tails.
LOGARITHMIC = ("levy_plane",)


def draw(case: Path, folder: Path) -> None:
    """Run one case in `folder` and put its figure into the gallery."""
    result, picture = folder / f"{case.stem}.h5", folder / f"{case.stem}.png"
    run_case(load_case(case), result)
    with read(result) as stored:
        plot_result(stored, picture, dpi=DPI, log=case.stem in LOGARITHMIC)
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=NONE)
        few.save(GALLERY / picture.name, optimize=True)


def main(names: list[str]) -> None:
    """Draw the named cases, or all of them."""
    wanted = {Path(name).stem for name in names}
    cases = [p for p in sorted(CASES.rglob("*.toml")) if not wanted or p.stem in wanted]
    GALLERY.mkdir(exist_ok=True)
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            draw(case, Path(folder))
        size = (GALLERY / f"{case.stem}.png").stat().st_size
        print(f"{case.stem}.png  {size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
