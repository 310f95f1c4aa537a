"""Result files: layout, reading, refusal of damaged ones, survival of a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import tomllib
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.grid import Grid
from fokkerplanck.layout import Group, Header
from fokkerplanck.provenance import provenance
from fokkerplanck.store import part_path, read
from fokkerplanck.writer import Snapshot, Writer

LINE = Grid.line(-2.0, 2.0, 40, ["reflecting", "absorbing"])
PLANE = Grid.plane((-2.0, 2.0, 12), (0.0, 3.0, 10), ("periodic", "reflecting"))


def header(grid: Grid, planned: int = 3) -> Header:
    points = grid.points()
    tensor = np.broadcast_to(np.eye(grid.dim), (*grid.shape, grid.dim, grid.dim))
    return Header(
        grid=grid,
        title="A title with ünicode",
        loss=(points**2).sum(-1),
        diffusion=tensor,
        initial=np.ones(grid.shape) / 12,
        case_text='title = "x"\n',
        case_hash="abc",
        planned=planned,
        provenance=provenance(),
    )


def snapshot(grid: Grid, k: int) -> Snapshot:
    rng = np.random.default_rng(k)
    mass = rng.random(grid.shape)
    mass /= mass.sum()
    scalars = {
        "mass": float(mass.sum()),
        "minimum": float(mass.min()),
        "time_error": 1e-9 * k,
        "clipped": 0.0,
        "products": 10 * k,
        "solves": k,
        "method": "chebyshev",
    }
    current = rng.normal(size=(*grid.shape, grid.dim))
    return Snapshot(10.0**k, mass.ravel(), mass / grid.volume, current, scalars)


def written(path: Path, grid: Grid, count: int = 3) -> Path:
    stationary = Group(
        {
            "density": (np.ones(grid.shape), grid.names, "stationary density"),
            "current": (np.ones((*grid.shape, grid.dim)), (*grid.names, "component"), "current"),
        },
        {"entropy_production": 0.25},
    )
    with Writer(path, header(grid)) as writer:
        for k in range(count):
            writer.append(snapshot(grid, k))
        return writer.finish("complete", groups={"stationary": stationary}, summary="{}")


@pytest.mark.parametrize("grid", [LINE, PLANE], ids=["1-D", "2-D"])
def test_what_is_read_is_what_was_written(tmp_path: Path, grid: Grid) -> None:
    with read(written(tmp_path / "a.h5", grid)) as found:
        assert found.grid == grid
        assert found.title == "A title with ünicode"
        assert found.complete
        np.testing.assert_array_equal(found.times, [1.0, 10.0, 100.0])
        np.testing.assert_array_equal(found.loss, (grid.points() ** 2).sum(-1))
        assert found.diffusion.shape == (*grid.shape, grid.dim, grid.dim)
        for k in (0, 1, -1):
            expected = snapshot(grid, k % 3)
            np.testing.assert_array_equal(found.density(k), expected.density)
            np.testing.assert_array_equal(found.current(k), expected.current)
        assert found.stationary is not None
        assert found.stationary.entropy_production == 0.25
        assert found.index_of(10.0) == 1
        assert tomllib.loads(found.case_text) == {"title": "x"}
        assert found.provenance["versions"]["numpy"] == np.__version__
        assert found.provenance["start_time"].endswith("+00:00")
        with pytest.raises(CaseError, match="no snapshot at t = 5; this file has: 1, 10, 100"):
            found.index_of(5.0)
        with pytest.raises(CaseError, match="snapshot 3 does not exist"):
            found.density(3)


@pytest.mark.parametrize("grid", [LINE, PLANE], ids=["1-D", "2-D"])
def test_xarray_opens_every_group_with_named_coordinates(tmp_path: Path, grid: Grid) -> None:
    xarray = pytest.importorskip("xarray")
    path = written(tmp_path / "a.h5", grid)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            assert data.density.dims == ("time", *grid.names)
            assert data.current.dims == ("time", *grid.names, "component")
            assert data.diffusion.dims == (*grid.names, "row", "column")
            assert data.density.attrs["units"] == "1"
            assert data.attrs["Conventions"].startswith("CF-")
            assert "time" in data.encoding["unlimited_dims"]
            for axis in grid.axes:
                np.testing.assert_array_equal(data[axis.name], axis.centres)
            assert list(data.component.values) == list(grid.names)
            last = data.density.sel(time=100.0).values
        np.testing.assert_array_equal(last, snapshot(grid, 2).density)
        with xarray.open_dataset(path, engine="h5netcdf", group="stationary") as data:
            assert data.density.dims == grid.names
            np.testing.assert_array_equal(data.x, grid.axes[0].centres)
        with xarray.open_datatree(path, engine="h5netcdf") as tree:
            assert {"stationary", "case", "checkpoint"} <= set(tree.children)


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    writer = Writer(path, header(LINE))
    writer.append(snapshot(LINE, 0))
    assert not path.exists()
    with read(part_path(path)) as found:  # while it is being written
        assert found.times.size == 1
        assert not found.complete
    with pytest.raises(DataError, match=r"unfinished run left a\.h5\.part"):
        read(path)
    writer.finish("complete")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5"]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from tests.test_store import PLANE, Writer, header, snapshot
    import fokkerplanck.writer as module

    writer = Writer(Path(sys.argv[1]), header(PLANE))
    writer.append(snapshot(PLANE, 0))
    writer.append(snapshot(PLANE, 1))
    where = sys.argv[2]
    if where == "between":
        os.kill(os.getpid(), signal.SIGKILL)
    real = module.extend
    module.extend = lambda *a: os.kill(os.getpid(), signal.SIGKILL)  # before the time is written
    writer.append(snapshot(PLANE, 2))
"""


@pytest.mark.parametrize("where", ["between", "inside"])
def test_sigkill_loses_nothing_that_was_saved(tmp_path: Path, where: str) -> None:
    path = tmp_path / "a.h5"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path), where]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    with read(part_path(path)) as found:
        assert found.times.size == 2
        for k in (0, 1):
            np.testing.assert_array_equal(found.density(k), snapshot(PLANE, k).density)
        checkpoint = found.file["checkpoint/mass"][1]
    np.testing.assert_array_equal(checkpoint, snapshot(PLANE, 1).mass)


def test_resumed_writer_takes_over_the_snapshots(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", PLANE, count=2)
    writer = Writer(path, header(PLANE), read(path))
    assert writer.saved == 2
    with read(path) as untouched:
        assert untouched.times.size == 2
    writer.append(snapshot(PLANE, 2))
    writer.finish("complete")
    with read(path) as found:
        assert (found.passages, found.spectrum, found.rates) == ((), None, None)
        for k in range(3):
            np.testing.assert_array_equal(found.density(k), snapshot(PLANE, k).density)
        np.testing.assert_array_equal(found.file["products"][...], [0, 10, 20])


def test_two_writers_of_one_name_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    first = Writer(path, header(LINE))
    first.append(snapshot(LINE, 0))
    second = Writer(path, header(LINE))
    with pytest.raises(DataError, match="replaced by another run"):
        first.append(snapshot(LINE, 1))
    with pytest.raises(DataError, match="replaced by another run"):
        first.finish("complete")
    second.append(snapshot(LINE, 2))
    with read(second.finish("complete")) as found:
        np.testing.assert_array_equal(found.times, [100.0])


@pytest.mark.parametrize("cut", [0, 1, 8, 100, 0.3, 0.7, 0.99])
def test_truncated_file_is_refused(tmp_path: Path, cut: float) -> None:
    path = written(tmp_path / "a.h5", PLANE)
    whole = path.read_bytes()
    path.write_bytes(whole[: cut if isinstance(cut, int) else int(cut * len(whole))])
    with pytest.raises(DataError, match=r"not an HDF5 file|truncated or damaged"):
        read(path)


def test_damaged_data_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", PLANE)
    with h5py.File(path, "r") as file:
        place = file["density"].id.get_chunk_info(0).byte_offset
    raw = bytearray(path.read_bytes())
    raw[place : place + 200] = b"\xff" * 200
    path.write_bytes(bytes(raw))
    with read(path) as found, pytest.raises(DataError, match="truncated or damaged"):
        found.density(0)


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "missing.h5")
    with pytest.raises(DataError, match="is a directory"):
        read(tmp_path)
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(DataError, match="is not an HDF5 file"):
        read(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1.0
    with pytest.raises(DataError, match="not a result of this program"):
        read(tmp_path / "other.h5")
    path = written(tmp_path / "a.h5", LINE)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(DataError, match="has format 99; this version reads up to 2"):
        read(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 1
        del file["loss"]
    with read(path) as found, pytest.raises(DataError, match="no dataset 'loss'"):
        _ = found.loss


def test_unwritable_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing.*cannot be written \(No such file"):
        Writer(tmp_path / "missing" / "a.h5", header(LINE))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        Writer(tmp_path / "file" / "a.h5", header(LINE))


FULL = """
    import resource, sys
    from pathlib import Path
    from fokkerplanck.errors import DataError
    from tests.test_store import PLANE, Writer, header, snapshot

    writer = Writer(Path(sys.argv[1]), header(PLANE))
    size = writer.part.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300_000, size + 300_000))
    try:
        for k in range(100):
            writer.append(snapshot(PLANE, 0))
    except DataError as error:
        print(writer.saved, error)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
def test_full_disk_is_an_error_and_keeps_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    command = [sys.executable, "-c", textwrap.dedent(FULL), str(path)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    saved, message = done.stdout.split(maxsplit=1)
    assert 0 < int(saved) < 100
    assert "cannot be written" in message
    with read(part_path(path)) as found:
        assert found.times.size == int(saved)
        np.testing.assert_array_equal(found.density(-1), snapshot(PLANE, 0).density)
