"""Picture and movie files are what their names say; what cannot be drawn is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.grid import Grid
from fokkerplanck.plot import figure_of, plot_result
from fokkerplanck.store import StoredResult
from tests.plot_results import is_png, plane_file, wells_file, write


@pytest.fixture
def wells(tmp_path: Path) -> StoredResult:
    return wells_file(tmp_path / "wells.h5")


@pytest.fixture
def plane(tmp_path: Path) -> StoredResult:
    return plane_file(tmp_path / "plane.h5")


def test_picture_files(wells: StoredResult, plane: StoredResult, tmp_path: Path) -> None:
    small = plot_result(plane, tmp_path / "a.png", dpi=50, at=0.6)
    large = plot_result(plane, tmp_path / "b.PNG", dpi=100, at=0.6)
    with Image.open(small) as a, Image.open(large) as b:
        assert a.format == b.format == "PNG"
        assert b.width == pytest.approx(2 * a.width, abs=4)
        assert a.text["Title"] == "turning $ α"
        assert np.ptp(np.asarray(a.convert("L"))) > 200
    pdf = plot_result(wells, tmp_path / "c.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert b"/FontFile2" in pdf or b"/Type42" in pdf
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".h5") == [
        "a.png",
        "b.PNG",
        "c.pdf",
    ]


def test_same_result_gives_the_same_file(wells: StoredResult, tmp_path: Path) -> None:
    for suffix in (".png", ".pdf"):
        names = [tmp_path / f"{k}{suffix}" for k in "ab"]
        files = [plot_result(wells, name, dpi=40, what="stationary") for name in names]
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("options", [{}, pytest.param({"log": True}, marks=pytest.mark.slow)])
def test_movie_has_a_frame_for_every_time(
    wells: StoredResult, plane: StoredResult, tmp_path: Path, options: dict[str, bool]
) -> None:
    for result in (wells, plane):
        seen: list[tuple[int, int]] = []
        n = len(result.times)
        out = plot_result(
            result,
            tmp_path / f"{result.grid.dim}.gif",
            dpi=40,
            progress=lambda done, total, seen=seen: seen.append((done, total)),
            **options,
        )
        assert seen == [(k + 1, n) for k in range(n)]
        with Image.open(out) as movie:
            assert movie.format == "GIF"
            assert movie.n_frames == n
            frames = []
            for k in range(n):
                movie.seek(k)
                frames.append(np.asarray(movie.convert("L"), dtype=float))
        assert all(np.abs(a - b).max() > 50 for a, b in pairwise(frames))


def test_interrupted_movie_leaves_nothing(plane: StoredResult, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plot_result(plane, tmp_path / "m.gif", dpi=40, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["plane.h5"]


def test_mp4_without_ffmpeg_says_how_to_get_it(
    plane: StoredResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(DataError, match="pip install imageio-ffmpeg"):
        plot_result(plane, tmp_path / "m.mp4")


@pytest.mark.parametrize("dpi", [pytest.param(40, marks=pytest.mark.slow), 41])
def test_mp4(plane: StoredResult, tmp_path: Path, dpi: int) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.importorskip("imageio_ffmpeg")
    # an odd number of pixels is padded: the codec wants even ones
    out = plot_result(plane, tmp_path / f"{dpi}.mp4", dpi=dpi)
    assert out.read_bytes()[4:8] == b"ftyp"


def test_only_known_suffixes(wells: StoredResult, tmp_path: Path) -> None:
    for name in ("a.svg", "a.h5", "a", "a.png.exe"):
        with pytest.raises(CaseError, match=r"\.png, \.pdf, \.gif, \.mp4"):
            plot_result(wells, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["wells.h5"]


def test_existing_file_is_not_touched(wells: StoredResult, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    out.write_text("mine")
    with pytest.raises(DataError, match="--force"):
        plot_result(wells, out)
    assert out.read_text() == "mine"
    plot_result(wells, out, dpi=40, force=True, at=10.0)
    assert is_png(out)
    with pytest.raises(DataError, match="does not exist"):
        plot_result(wells, tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"what": "colour"}, "density, current, stationary"),
        ({"at": 3.0}, "no snapshot"),
        ({"at": float("nan")}, "no snapshot"),
        ({"at": 10.0, "what": "stationary"}, "has no time"),
    ],
)
def test_bad_options(wells: StoredResult, options: dict[str, object], message: str) -> None:
    with pytest.raises(CaseError, match=message):
        figure_of(wells, **options)


def test_what_a_result_lacks_is_said(plane: StoredResult, tmp_path: Path) -> None:
    grid, state = plane.grid, (plane.density(0), plane.current(0))
    one = write(tmp_path / "one.h5", grid, plane.loss, [1.0], [state])
    with pytest.raises(CaseError, match=r"\[stationary\]"):
        figure_of(one, what="stationary")
    with pytest.raises(CaseError, match="at least two times"):
        plot_result(one, tmp_path / "one.gif")
    with pytest.raises(CaseError, match="leave out --at"):
        plot_result(plane, tmp_path / "one.gif", at=0.6)
    none = write(tmp_path / "none.h5", grid, plane.loss, [], [])
    with pytest.raises(CaseError, match="nothing to plot"):
        figure_of(none)


@pytest.mark.parametrize("log", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("dim", [1, 2])
def test_degenerate_results_are_drawn(tmp_path: Path, dim: int, log: bool) -> None:
    grid = Grid.line(0.0, 1.0, 5) if dim == 1 else Grid.plane((0.0, 1.0, 5), (0.0, 40.0, 3))
    flat, zero = np.zeros(grid.shape), np.zeros((*grid.shape, dim))
    delta = flat.copy()
    delta[(2,) * dim if dim == 1 else (2, 1)] = 1 / grid.volume
    even = np.full(grid.shape, 1 / (grid.volume * delta.size))
    results = [
        write(tmp_path / "a.h5", grid, flat, [0.0], [(delta, zero)]),
        write(tmp_path / "b.h5", grid, flat, [0.0, 1.0], [(delta, zero), (flat, zero)]),
        write(tmp_path / "c.h5", grid, flat, [], [], (even, zero)),
        write(tmp_path / "d.h5", grid, flat, [0.0, 1e-3, 1e16], [(delta, zero)] * 3, (even, zero)),
    ]
    for k, result in enumerate(results):
        out = plot_result(result, tmp_path / f"{k}.png", dpi=40, log=log)
        assert is_png(out)


def test_user_settings_and_pyplot_are_left_alone(wells: StoredResult, tmp_path: Path) -> None:
    code = (
        "import sys, matplotlib as mpl\n"
        "mpl.rcParams['font.size'] = 31\n"
        "from fokkerplanck.plot import plot_result\n"
        "from fokkerplanck.store import read\n"
        "plot_result(read(sys.argv[1]), sys.argv[2], dpi=40, at=10.0)\n"
        "assert mpl.rcParams['font.size'] == 31\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    wells.close()
    out = tmp_path / "s.png"
    command = [sys.executable, "-W", "error", "-c", code, str(wells.path), str(out)]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    subprocess.run(command, check=True, env=environment, timeout=120)
    assert out.exists()
