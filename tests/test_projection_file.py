"""Files of projections, without networks: kills, holes, refusals, the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.landscapes.surface_file import read_surface
from fokkerplanck.projection.plane_file import Header, PartFile, places, same, write_plane

AXES = np.linspace(0.0, 1.0, 5), np.linspace(-1.0, 1.0, 4)
HEADER = Header(
    AXES,
    samples=7,
    hessian=True,
    table=True,
    depends={"network": "n", "batch": 8, "versions": {"torch": "2"}},
    about={"network": "a", "share": 0.5, "anchor_names": ["a", "b"], "anchors": np.eye(2)},
    config="[data]",
    weights=np.ones((2, 3)),
)


def values(k: int, loss: float = 1.0) -> dict[str, Any]:
    """Numbers of point k."""
    rng = np.random.default_rng(k)
    table = rng.normal(size=(7, 2))
    return {
        "loss": loss + k,
        "gradient": table.mean(axis=0),
        "covariance": np.cov(table.T, bias=True),
        "hessian": np.eye(2) * k,
        "table": table,
    }


def fill(path: Path, header: Header = HEADER, most: int = 99, resume: bool = False) -> PartFile:
    with PartFile(path, header, resume=resume) as part:
        for k in part.left[:most]:
            part.add(k, values(k), finite=True)
        if not part.left:
            write_plane(path, part)
    return part


def test_a_finished_file_is_a_landscape_and_always_the_same(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    fill(whole)
    fill(parts, most=3)
    assert not parts.exists()
    fill(parts, most=4, resume=True)
    fill(parts, resume=True)
    assert parts.read_bytes() == whole.read_bytes()
    assert same(whole, HEADER)
    surface = read_surface(whole, 4)
    assert surface.loss[2, 3] == 1.0 + 2 * 4 + 3
    np.testing.assert_array_equal(surface.gradient[2, 3], values(11)["gradient"])
    np.testing.assert_array_equal(surface.hessian[2, 3], values(11)["hessian"])
    assert surface.attributes["share"] == 0.5
    with h5py.File(whole) as file:
        table = file["table/gradient"]
        assert table.shape == (7, 5, 4, 2)
        assert table.dtype == np.float32
        np.testing.assert_array_equal(table[:, 2, 3], values(11)["table"].astype(np.float32))
        np.testing.assert_array_equal(file["weights/anchors"], np.ones((2, 3)))
        assert [dim.keys()[0] for dim in table.dims] == ["sample", "x", "y", "component"]


def test_a_line_has_no_y(tmp_path: Path) -> None:
    header = replace(HEADER, axes=AXES[:1], hessian=False, table=False, weights=None)
    with PartFile(tmp_path / "line.h5", header) as part:
        for k in part.left:
            row = {"loss": 1.0, "gradient": [2.0], "covariance": [[3.0]]}
            part.add(k, row, finite=True)
        write_plane(tmp_path / "line.h5", part)
    surface = read_surface(tmp_path / "line.h5", 4)
    assert surface.covariance.shape == (5, 1, 1)
    with h5py.File(tmp_path / "line.h5") as file:
        assert "y" not in file
        assert "hessian" not in file


def test_holes_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "plane.h5"
    with PartFile(path, HEADER) as part:
        for k in part.left:
            part.add(k, values(k, np.nan if k in (6, 7) else 0.0), finite=k not in (6, 7))
        assert part.holes == [6, 7]
        write_plane(path, part)
    with h5py.File(path) as file:
        assert file.attrs["not_finite"] == 2
        assert file.attrs["not_finite_points"] == places(HEADER, [6, 7])
        assert "(1, 2) at (0.25, 0.333333)" in file.attrs["not_finite_points"]
    with pytest.raises(DataError, match="loss is not finite"):
        read_surface(path, 4)
    assert np.isnan(read_surface(path, 4, complete=False).loss[1, 2])


def test_points_that_are_not_done_are_nan(tmp_path: Path) -> None:
    with PartFile(tmp_path / "plane.h5", HEADER) as part:
        part.add(3, values(3), finite=True)
        loss = part.array("loss")
        assert np.isnan(loss).sum() == 19
        assert loss[0, 3] == 4.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hessian": False}, "hessian"),
        ({"axes": (AXES[0], AXES[1] * 2)}, "points"),
        ({"depends": {**HEADER.depends, "batch": 9}}, r"batch \(8, now 9\)"),
        ({"depends": {**HEADER.depends, "network": "m"}}, r"network \(n, now m\)"),
    ],
)
def test_another_projection_does_not_go_on(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "plane.h5"
    fill(path, most=2)
    with pytest.raises(CaseError, match=message):
        PartFile(path, replace(HEADER, **change), resume=True)
    assert len(fill(path, most=0, resume=True).left) == 18


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path, part = tmp_path / "plane.h5", tmp_path / "plane.h5.part"
    part.write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"plane\.h5\.part: cannot be read"):
        PartFile(path, HEADER, resume=True)
    with h5py.File(part, "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match="no unfinished projection"):
        PartFile(path, HEADER, resume=True)
    with pytest.raises(DataError, match="cannot be read or written"):
        PartFile(tmp_path / "nowhere" / "plane.h5", HEADER)
    assert not same(part, HEADER)


PREAMBLE = """
import os, signal, sys
sys.path[:0] = [sys.argv[2], os.path.join(sys.argv[2], "tests")]
from pathlib import Path
from test_projection_file import HEADER, PartFile, values
"""
SECOND = """
for resume in (True, False):
    try:
        PartFile(Path(sys.argv[1]), HEADER, resume=resume)
    except OSError as error:
        print(error)
"""
KILLED = """
with PartFile(Path(sys.argv[1]), HEADER) as part:
    for k in range(6):
        part.add(k, values(k), finite=True)
    part._rows["loss"][6] = 99.0  # the point in work
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def process(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PREAMBLE + code, str(path), str(Path(__file__).parents[1])]
    return subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plane.h5"
    with PartFile(path, HEADER) as part:
        done = process(SECOND, path)
        assert done.stdout.count("plane.h5.part: another process is at work on it") == 2
        part.add(0, values(0), finite=True)
        part.path.unlink()
        with pytest.raises(DataError, match="removed or replaced"):
            part.add(1, values(1), finite=True)


def test_a_kill_costs_the_point_in_work(tmp_path: Path) -> None:
    path, whole = tmp_path / "plane.h5", tmp_path / "whole.h5"
    assert process(KILLED, path).returncode == -signal.SIGKILL
    with PartFile(path, HEADER, resume=True) as part:
        assert part.left[0] == 6
    fill(path, resume=True)
    fill(whole)
    assert path.read_bytes() == whole.read_bytes()
