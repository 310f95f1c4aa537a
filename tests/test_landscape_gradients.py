"""Sampled landscapes that know their gradients: orders, the choice, the errors they state."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.landscapes import load_sampled
from fokkerplanck.landscapes.gradient_check import disagreement
from fokkerplanck.landscapes.sampled import SampledLandscape
from fokkerplanck.landscapes.surface_file import is_surface, read_surface

SMOOTH = landscapes.from_expression("sin(2*x)*exp(y/2) + cos(x*y)", 2)
LINE = landscapes.from_expression("sin(2*x)*exp(x/2)")
NAMES = ("loss", "gradient", "hessian")


def lattice(n: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    axes = np.linspace(-2.0, 2.0, n), np.linspace(-1.5, 1.5, n + 2)
    return axes, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def plane(n: int, *, gradient: bool = True, **more) -> SampledLandscape:
    axes, points = lattice(n)
    slope = SMOOTH.gradient(points) if gradient else None
    return SampledLandscape(axes, SMOOTH.loss(points), slope, **more)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def turning(points: np.ndarray) -> np.ndarray:
    x, y = points[..., 0], points[..., 1]
    c, s = np.cos(x + y / 2), np.sin(x + y / 2)
    a, b = 1 + 0.5 * np.sin(x), 0.05 * (1 + 0.5 * np.cos(x - y))
    xx, xy, yy = a * c * c + b * s * s, (a - b) * c * s, a * s * s + b * c * c
    return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)


@pytest.mark.parametrize(("name", "order"), [("loss", 6), ("gradient", 5), ("hessian", 4)])
@pytest.mark.parametrize("dim", [1, 2])
def test_orders_with_gradients(name: str, order: int, dim: int) -> None:
    errors = []
    for n in (20, 40, 80):
        (x, y), points = lattice(n)
        truth, axes, at = (LINE, (x,), x[:, None]) if dim == 1 else (SMOOTH, (x, y), points)
        inside = np.random.default_rng(3).uniform(-1.2, 1.2, (1000, dim))
        spline = SampledLandscape(axes, truth.loss(at), truth.gradient(at))
        assert spline.interpolation == "gradients"
        np.testing.assert_allclose(spline.loss(at), truth.loss(at), atol=1e-13)
        np.testing.assert_allclose(spline.gradient(at), truth.gradient(at), atol=1e-11)
        errors.append(rms(getattr(spline, name)(inside) - getattr(truth, name)(inside)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > order - 0.35).all()
    assert errors[0] < 1e-4


def test_third_derivatives_are_continuous_on_uneven_points() -> None:
    x = np.cumsum(np.random.default_rng(0).uniform(0.05, 0.2, 30)) - 2
    spline = SampledLandscape((x,), LINE.loss(x[:, None]), LINE.gradient(x[:, None]))
    for sign in (-1, 1):
        near = x[1:-1, None] + sign * 1e-9
        np.testing.assert_allclose(spline.hessian(near), LINE.hessian(near), atol=2e-3)
    jump = [spline._spline(x[1:-1, None] + s * 1e-10, (3,)) for s in (-1, 1)]
    np.testing.assert_allclose(jump[0], jump[1], atol=1e-4)


def test_gradients_are_worth_having() -> None:
    inside = np.random.default_rng(1).uniform(-1.4, 1.4, (1000, 2))
    truth = SMOOTH.loss(inside)
    errors = [rms(plane(25, gradient=g).loss(inside) - truth) for g in (False, True)]
    assert errors[1] < errors[0] / 200


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("n", [17, 25, 41])
def test_stated_errors_are_those_there_are(n: int, gradient: bool) -> None:
    spline = plane(n, gradient=gradient, covariance_samples=turning(lattice(n)[1]))
    stated = spline.interpolation_error()
    points = np.random.default_rng(1).uniform((-2, -1.5), (2, 1.5), (3000, 2))
    for name in (*NAMES, "covariance"):
        true = turning(points) if name == "covariance" else getattr(SMOOTH, name)(points)
        wrong = (getattr(spline, name)(points) - true).reshape(len(points), -1)
        wrong = np.linalg.norm(wrong, axis=-1)
        found = stated[name]
        assert found is not None
        assert found.order is not None
        assert 0.4 * rms(wrong) < found.rms < 15 * rms(wrong), name
        assert 0.3 * wrong.max() < found.largest < 15 * wrong.max(), name
    assert np.linalg.eigvalsh(spline.covariance(points)).min() > 0


def test_errors_where_it_matters_and_with_few_samples() -> None:
    steep = landscapes.from_expression("x**2 + exp(3*x)", 1)
    x = np.linspace(-2, 3, 25)
    found = SampledLandscape((x,), steep.loss(x[:, None])).interpolation_error(4.0)["loss"]
    assert found is not None
    assert found.relevant < 0.05 * found.largest
    assert found.position[0] > 2
    few = plane(9).interpolation_error()["loss"]
    assert few is not None
    assert few.order is None  # not scaled: an upper figure
    assert plane(5).interpolation_error()["loss"] is None
    assert plane(5).interpolation == "values"


def test_gradients_that_are_not_those_of_the_loss_are_left_alone() -> None:
    axes, points = lattice(17)
    noisy = SMOOTH.gradient(points) + np.random.default_rng(0).normal(size=(*points.shape,))
    spline = SampledLandscape(axes, SMOOTH.loss(points), noisy)
    assert spline.interpolation == "values"
    values, gradients = spline.prediction_errors or (0, 0)
    assert gradients > 3 * values
    np.testing.assert_array_equal(spline.loss(points), plane(17, gradient=False).loss(points))


def test_gradients_are_compared_with_the_loss() -> None:
    axes, points = lattice(25)
    good = disagreement(plane(25))
    assert good is not None
    assert good.relative < 2e-3
    bad = SMOOTH.gradient(points)
    bad[4, 7, 1] += 0.5
    found = disagreement(SampledLandscape(axes, SMOOTH.loss(points), bad))
    assert found is not None
    assert found.position == (axes[0][4], axes[1][7])
    assert found.largest == pytest.approx(0.5, rel=0.05)
    assert disagreement(plane(25, gradient=False)) is None


def write(path: Path, n: int = 9, **change) -> Path:
    (x, y), points = lattice(n)
    parts = {"x": x, "y": y, "loss": SMOOTH.loss(points), "gradient": SMOOTH.gradient(points)}
    parts |= {"covariance": turning(points), "hessian": SMOOTH.hessian(points)}
    with h5py.File(path, "w") as file:
        for name, value in (parts | change).items():
            if value is not None:
                file[name] = value
    return path


def nan_at(values: np.ndarray, *places) -> np.ndarray:
    out = values.copy()
    for place in places:
        out[place] = np.nan
    return out


(X, Y), POINTS = lattice(9)
SWAPPED = X.copy()
SWAPPED[[2, 3]] = X[[3, 2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": None}, "no dataset loss"),
        ({"x": None}, "no dataset x"),
        ({"loss": SMOOTH.loss(POINTS).T}, r"loss has shape \(11, 9\); .* \(9, 11\)"),
        ({"gradient": SMOOTH.loss(POINTS)}, r"gradient has shape"),
        ({"hessian": SMOOTH.gradient(POINTS)}, r"hessian has shape"),
        (
            {"loss": nan_at(SMOOTH.loss(POINTS), (1, 2), (3, 4), (3, 5), (8, 8))},
            r"loss is not finite at 4 of 99 points, at index \(1, 2\), \(3, 4\), \(3, 5\) and 1 "
            r"more; the first is x = -1.5, y = -0.9",
        ),
        ({"gradient": nan_at(SMOOTH.gradient(POINTS), (0, 1, 1))}, r"gradient .* 1 of 99 points"),
        ({"x": SWAPPED}, r"x is not .* increasing .*: x\[2\] = -0.5, x\[3\] = -1"),
        ({"y": nan_at(Y, 2)}, r"y is not .*: not finite at index \(2,\)"),
        ({"gradient": -SMOOTH.gradient(POINTS)}, "along x is -1.* times the slope"),
        ({"gradient": 14.0 * SMOOTH.gradient(POINTS)}, "along x is 14.* times .*other units"),
        ({"x": X + 0j}, "holds no numbers"),
    ],
)
def test_one_message_for_what_is_wrong(tmp_path: Path, change: dict, message: str) -> None:
    path = write(tmp_path / "bad.h5", **change)
    with pytest.raises(DataError, match=message) as error:
        load_sampled(path)
    assert str(error.value).startswith(f"{path}: ")


def test_units_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "units.h5")
    with h5py.File(path, "a") as file:
        file["x"].attrs["units"] = "1"
    load_sampled(path)
    with h5py.File(path, "a") as file:
        file["y"].attrs["units"] = "cm"
    with pytest.raises(DataError, match=r"y has the units 'cm'"):
        load_sampled(path)


def test_a_covariance_that_is_none(tmp_path: Path) -> None:
    bad = turning(POINTS)
    bad[2, 3] = [[1.0, 2.0], [2.0, 1.0]]
    loaded = load_sampled(write(tmp_path / "c.h5", covariance=bad))
    loaded.loss([0.0, 0.0])  # the loss is usable
    assert loaded.interpolation_error()["covariance"] is None
    match = r"c\.h5: the sampled covariance .* not positive definite at index \(2, 3\) \(x = -1, "
    with pytest.raises(CaseError, match=match):
        loaded.covariance([[0.0, 0.0]])


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, part: float) -> None:
    data = write(tmp_path / "whole.h5", 17).read_bytes()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(data[: int(part * len(data))])
    with pytest.raises(DataError, match=r"cut\.h5: not a readable HDF5 file"):
        load_sampled(cut)


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file.attrs.update({"network": "resnet8", "share": 0.25, "anchors": [[0.0, 1.0]]})
        file.attrs["data"] = json.dumps({"name": "digits"})
    loaded = load_sampled(path)
    expected = {"network": "resnet8", "share": 0.25, "anchors": [[0.0, 1.0]]}
    assert loaded.attributes == expected | {"data": {"name": "digits"}}
    assert loaded.hessian_samples is not None


def test_holes_are_read_where_they_may_be(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", loss=nan_at(SMOOTH.loss(POINTS), (1, 2)), gradient=None)
    surface = read_surface(path, 4, complete=False)
    assert surface.holes() is not None
    assert is_surface(path)
    tool = tmp_path / "t.h5"
    with h5py.File(tool, "w") as file:
        loss = np.ones((5, 6))
        loss.ravel()[7] = -1.0
        file.update({"xcoordinates": X[:5], "ycoordinates": Y[:6], "train_loss": loss})
    assert is_surface(tool)
    assert np.argwhere(np.isnan(read_surface(tool, 4, complete=False).loss)).tolist() == [[2, 1]]
    assert not is_surface(tmp_path / "none.h5")
