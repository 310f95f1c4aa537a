"""Sampled landscapes: an interpolant of the right order, and files that are what they should be."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes import critical_points, load_sampled, sampled


def lattice(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.linspace(-2.0, 2.0, n), np.linspace(-1.5, 1.5, n + 3)
    return x, y, np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)


SMOOTH = landscapes.from_expression("sin(2*x)*exp(y/2) + cos(x*y)", 2)


def test_nodes_are_reproduced() -> None:
    x, y, points = lattice(41)
    values = SMOOTH.loss(points)
    np.testing.assert_allclose(sampled(x, y, values).loss(points), values, rtol=0, atol=1e-14)
    line = sampled(x, None, values[:, 3])
    np.testing.assert_allclose(line.loss(x[:, np.newaxis]), values[:, 3], rtol=0, atol=1e-14)


@pytest.mark.parametrize(("name", "order"), [("loss", 4), ("gradient", 3), ("hessian", 2)])
def test_orders_of_accuracy(name: str, order: int) -> None:
    inside = np.random.default_rng(3).uniform(-1.2, 1.2, (4000, 2))
    errors = []
    for n in (40, 80, 160):
        x, y, points = lattice(n)
        spline = sampled(x, y, SMOOTH.loss(points))
        wrong = getattr(spline, name)(inside) - getattr(SMOOTH, name)(inside)
        errors.append(np.sqrt(np.mean(wrong**2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > order - 0.15).all()
    assert orders[-1] < order + 0.6


def test_uneven_points_are_allowed() -> None:
    x = np.sort(np.random.default_rng(0).uniform(-2, 2, 60))
    spline = sampled(x, None, x**3 - x)  # a cubic is its own spline
    points = np.linspace(x[0], x[-1], 100)[:, np.newaxis]
    np.testing.assert_allclose(spline.loss(points), points[:, 0] ** 3 - points[:, 0], atol=1e-12)
    np.testing.assert_allclose(spline.hessian(points)[:, 0, 0], 6.0 * points[:, 0], atol=1e-8)


def test_critical_points_of_samples() -> None:
    x, y, points = lattice(121)
    exact = landscapes.quartic(2, coupling=0.5)
    grid = Grid.plane((-1.9, 1.9, 90), (-1.4, 1.4, 70))
    found = critical_points(sampled(x, y, exact.loss(points)), grid)
    expected = critical_points(exact, grid)
    assert [p.kind for p in found] == [p.kind for p in expected]
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.position, two.position, atol=1e-6)
        assert one.loss == pytest.approx(two.loss, abs=1e-6)


def test_outside_of_the_samples_there_is_nothing() -> None:
    x, y, points = lattice(21)
    spline = sampled(x, y, SMOOTH.loss(points))
    with pytest.raises(CaseError, match=r"\[-2, 2\] x \[-1\.5, 1\.5\] only, asked for at \[2\.5"):
        spline.loss([[0.0, 0.0], [2.5, 0.0]])
    edge = np.array([2.0 * (1 + 1e-15), 1.5])  # rounding of a wall is forgiven
    assert float(spline.loss(edge)) == pytest.approx(float(SMOOTH.loss([2.0, 1.5])), abs=1e-14)


@pytest.mark.parametrize(
    ("x", "y", "loss", "message"),
    [
        ([0, 1, 2], None, [0, 1, 2], "at least 4"),
        ([0, 1, 1, 2], None, [0, 1, 2, 3], "increasing"),
        ([3, 2, 1, 0], None, [0, 1, 2, 3], "increasing"),
        ([0, 1, 2, np.nan], None, [0, 1, 2, 3], "increasing finite"),
        ([0, 1, 2, 3], None, [0, 1, np.nan, 3], r"index \(2,\)"),
        ([0, 1, 2, 3], [0, 1, 2, 3], np.zeros((4, 5)), r"shape \(4, 5\)"),
        ([[0, 1, 2, 3]], None, [0, 1, 2, 3], "in one row"),
    ],
)
def test_bad_arrays_are_refused(x: list, y: list | None, loss: object, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        sampled(x, y, loss)  # type: ignore[arg-type]


def write(path: Path, **datasets: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def test_own_files_are_read(tmp_path: Path) -> None:
    x, y, points = lattice(20)
    values = SMOOTH.loss(points)
    covariance = np.tile(np.eye(2), (*values.shape, 1, 1))
    path = write(
        tmp_path / "a.h5",
        x=x,
        y=y,
        loss=values,
        gradient=SMOOTH.gradient(points),
        covariance=covariance,
    )
    loaded = load_sampled(path)
    assert loaded.dim == 2
    assert loaded.source == str(path)
    np.testing.assert_allclose(loaded.loss(points), values, atol=1e-13)
    assert loaded.covariance_samples is not None
    np.testing.assert_array_equal(loaded.covariance_samples, covariance)
    line = load_sampled(write(tmp_path / "b.h5", x=x, loss=values[:, 0]))
    assert line.dim == 1
    made = landscapes.make("sampled", 2, {"file": str(path)}, rotate=90.0)
    assert float(made.loss([-0.3, 0.2])) == pytest.approx(float(loaded.loss([0.2, 0.3])), abs=1e-14)


def test_surface_files_are_filled_with_x_fastest(tmp_path: Path) -> None:
    # the tools fill the flat buffer in the order of numpy.meshgrid(x, y)
    x, y = np.linspace(-1.0, 1.0, 9), np.linspace(-0.5, 0.5, 6)
    mesh_x, mesh_y = np.meshgrid(x, y)
    buffer = -np.ones((len(x), len(y)))
    buffer.ravel()[:] = (1.0 + mesh_x + 10.0 * mesh_y**2).ravel()
    path = write(tmp_path / "s.h5", xcoordinates=x, ycoordinates=y, train_loss=buffer, dir_file="d")
    surface = load_sampled(path)
    assert float(surface.loss([0.5, -0.3])) == pytest.approx(1.0 + 0.5 + 0.9, rel=1e-12)
    line = load_sampled(write(tmp_path / "t.h5", xcoordinates=x, train_loss=x**2))
    assert float(line.loss([0.3])) == pytest.approx(0.09)


def test_unfinished_surfaces_say_what_is_missing(tmp_path: Path) -> None:
    x = np.linspace(-1.0, 1.0, 5)
    loss = np.ones((5, 5))
    loss.ravel()[7] = -1.0  # second row of y, third of x
    path = write(tmp_path / "s.h5", xcoordinates=x, ycoordinates=x, train_loss=loss)
    with pytest.raises(DataError, match=r"1 of 25 points.*\(2, 1\)"):
        load_sampled(path)


def test_bad_files_name_themselves(tmp_path: Path) -> None:
    x = np.linspace(-1.0, 1.0, 20)
    good = write(tmp_path / "good.h5", x=x, loss=x**2)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(good.read_bytes()[:700])
    text = tmp_path / "text.h5"
    text.write_text("x, y, loss")
    empty = tmp_path / "empty.h5"
    empty.touch()
    holes = x**2
    holes[4] = np.nan
    cases = {
        tmp_path / "none.h5": "no such file",
        tmp_path: "not a file",
        cut: "truncated",
        text: "not a readable HDF5 file",
        empty: "not a readable HDF5 file",
        write(tmp_path / "bare.h5", weights=x): "no dataset x and loss",
        write(tmp_path / "half.h5", xcoordinates=x): "train_loss",
        write(tmp_path / "holes.h5", x=x, loss=holes): r"index \(4,\)",
        write(tmp_path / "shape.h5", x=x, y=x, loss=holes): "shape",
        write(tmp_path / "words.h5", x=x, loss="abc"): "numbers",
        write(tmp_path / "size.h5", xcoordinates=x, ycoordinates=x, train_loss=x): "20 values",
        write(tmp_path / "cov.h5", x=x, loss=x, covariance=x): "covariance has shape",
    }
    with h5py.File(tmp_path / "group.h5", "w") as file:
        file.create_group("x")
        file["loss"] = x
    cases[tmp_path / "group.h5"] = "x is a group"
    for path, message in cases.items():
        with pytest.raises(DataError, match=message) as error:
            load_sampled(path)
        assert str(path) in str(error.value)


def test_the_grid_and_the_file_have_the_same_dimension(tmp_path: Path) -> None:
    x = np.linspace(-1.0, 1.0, 20)
    path = write(tmp_path / "line.h5", x=x, loss=x**2)
    with pytest.raises(CaseError, match="1 coordinates, the grid 2"):
        landscapes.make("sampled", 2, {"file": str(path)})
