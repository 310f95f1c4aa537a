"""What run, info and plot say of sampled landscapes."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from fokkerplanck import landscapes
from fokkerplanck.case import load_case
from fokkerplanck.cli import main
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.landscapes.surface_file import UNFINISHED, is_surface
from fokkerplanck.plot import figure_of
from fokkerplanck.plot.surface import noise_ellipses, relief_of_file, surface_figure
from fokkerplanck.run import run_case
from fokkerplanck.store import read
from fokkerplanck.surface_record import box_grid, path_share, surface_of, surface_of_file
from tests.plot_results import is_png

WELLS = landscapes.quartic(2, coupling=0.3)
ABOUT = {
    "network": "resnet8",
    "data": "digits",
    "directions": "principal components",
    "share": 0.43,
}
CASE = """
title = "Sampled"
[grid]
x = {{ min = -{reach}, max = {reach}, cells = 24 }}
y = {{ min = -1.3, max = 1.3, cells = 20 }}
[landscape]
kind = "sampled"
file = "plane.h5"
[noise]
kind = "{kind}"
{more}
[stationary]
"""


def noise(points: np.ndarray, faint: float) -> np.ndarray:
    """Noise that is small around the right well."""
    size = faint + 0.3 * ((points[..., 0] - 1) ** 2 + (points[..., 1] - 0.3) ** 2)
    return size[..., None, None] * np.array([[1.0, 0.3], [0.3, 0.5]])


def plane(path: Path, n: int = 17, faint: float = 0.05, **change: object) -> Path:
    x, y = np.linspace(-1.8, 1.8, n), np.linspace(-1.4, 1.4, n + 2)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    parts = {"x": x, "y": y, "loss": 0.3 + WELLS.loss(points), "covariance": noise(points, faint)}
    parts |= {"gradient": WELLS.gradient(points), "hessian": WELLS.hessian(points)}
    with h5py.File(path, "w") as file:
        file.update({k: v for k, v in (parts | change).items() if v is not None})
        file.attrs.update(ABOUT)
        file.attrs["anchors"] = [[-1.0, -0.3], [1.0, 0.3]]
        file.attrs["anchor_names"] = ["first", "second"]
    return path


def case(folder: Path, kind: str = "covariance", reach: float = 1.7) -> Path:
    more = {"white": "temperature = 0.05"}.get(kind, "learning_rate = 0.2\nbatch_size = 2")
    path = folder / "case.toml"
    path.write_text(CASE.format(kind=kind, more=more, reach=reach))
    return path


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_a_run_says_how_far_its_samples_go(tmp_path: Path, capsys) -> None:
    plane(tmp_path / "plane.h5", faint=1e-4)
    path = str(case(tmp_path))
    assert status("run", path, "-o", str(tmp_path / "out.h5"), "--json") == 0
    found = json.loads(capsys.readouterr().out)["landscape"]["interpolation"]
    assert found["method"] == "gradients"
    assert found["samples"] == [17, 19]
    assert found["box"] == [[-1.8, 1.8], [-1.4, 1.4]]
    assert found["attributes"]["share"] == 0.43
    assert found["loss"]["relevant"] < 1e-12  # a quartic is its own quintic spline
    assert found["relative_to_barrier"] < 1e-11
    assert found["relative_to_noise"] is not None
    assert found["barrier"] == pytest.approx(0.25)
    assert found["floor"] == 0.0
    right = found["noise"]["minima"][1]
    assert right["position"] == pytest.approx([1.0, 0.3], abs=1e-6)
    assert right["ratio"] < 1e-2
    told = " ".join(found["cautions"])
    assert "holds 43 % of the squared displacement" in told
    assert "noise all but vanishes at the minimum (1, 0.3)" in told
    assert status("run", path, "-o", str(tmp_path / "out.h5"), "--force") == 0
    text = capsys.readouterr().out
    assert "17 x 19 samples on [-1.8, 1.8] x [-1.4, 1.4]" in text
    assert "quintic spline" in text
    assert "caution" in text
    assert status("info", str(tmp_path / "out.h5")) == 0
    assert "17 x 19 samples" in capsys.readouterr().out


def test_coarse_samples_are_called_coarse(tmp_path: Path) -> None:
    x = np.linspace(-1.8, 1.8, 9)
    bumpy = landscapes.from_expression("(x**2 - 1)**2/4 + y**2/2 + cos(7*x)/20 + 1", 2)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    path = plane(tmp_path / "plane.h5", x=x, y=x, loss=bumpy.loss(points), gradient=None)
    with h5py.File(path, "a") as file:
        del file["covariance"], file["hessian"]
    result = run_case(load_case(case(tmp_path, "white")), tmp_path / "out.h5").json()
    told = " ".join(result["landscape"]["interpolation"]["cautions"])
    assert "between the samples the loss is off" in told
    assert "of the noise: sample more densely" in told
    assert result["landscape"]["interpolation"]["covariance"] is None


def test_other_landscapes_say_nothing(tmp_path: Path) -> None:
    assert surface_of(landscapes.rotated(WELLS, 30.0)) is None
    loaded = landscapes.load_sampled(plane(tmp_path / "plane.h5"))
    assert surface_of(landscapes.decayed(landscapes.rotated(loaded, 30.0), 0.1)) is loaded
    assert box_grid(loaded).shape == (48, 48)


def test_the_grid_is_independent_of_the_samples_and_inside_of_them(tmp_path: Path) -> None:
    plane(tmp_path / "plane.h5")
    fine = load_case(case(tmp_path), ["grid.x.cells=61", "grid.y.cells=7", "grid.x.max=0.123"])
    assert run_case(fine, tmp_path / "fine.h5").json()["grid"]["cells"] == [61, 7]
    with pytest.raises(CaseError, match=r"on \[-1\.8, 1\.8\] x \[-1\.4, 1\.4\] only.*plane\.h5"):
        run_case(load_case(case(tmp_path, reach=2.0)), tmp_path / "out.h5")


def test_info_shows_the_share_of_the_path_first(tmp_path: Path, capsys) -> None:
    path = str(plane(tmp_path / "plane.h5"))
    assert status("info", path) == 0
    text = capsys.readouterr().out
    assert 0 < text.index("43 % of the squared displacement lies in it") < text.index("samples")
    for word in ("resnet8", "digits", "error of loss", "error of covariance", "anchors"):
        assert word in text
    assert status("info", path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["complete"]
    assert [len(found[name]) for name in ("minima", "saddles")] == [2, 1]
    assert found["interpolation"]["hessian_disagreement"] < 1e-10
    assert found["interpolation"]["gradient_disagreement"]["relative"] < 0.01


def test_info_of_a_surface_of_the_tool(tmp_path: Path, capsys) -> None:
    x = np.linspace(-1, 1, 9)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        loss = (x**2)[:, None] + 2 * (x**2)[None, :] + 0.1
        file.update({"xcoordinates": x, "ycoordinates": x, "train_loss": loss.T})
        file["dir_file"] = "weights_xnorm=filter.h5"
    assert status("info", str(tmp_path / "t.h5")) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "not recorded: whether it represents the path is unknown" in text
    assert "multiples of the tool's directions" in text
    assert "weights_xnorm=filter.h5" in text
    found = surface_of_file(tmp_path / "t.h5")
    assert found["minima"][0]["curvatures"] == pytest.approx([2.0, 4.0])  # x along x


def test_a_plane_through_minima_says_nothing_by_holding_them() -> None:
    assert path_share({"directions": "minima", "share": 1.0}) is None
    assert path_share({"directions": "principal components", "share": 0.7}) == 0.7
    about = {"directions": "minima", "share": 1.0, "trajectory_shares": [0.3, 0.2]}
    assert path_share(about) == 0.2


def test_what_is_done_of_a_projection_is_shown(tmp_path: Path, capsys) -> None:
    path = tmp_path / "plane.h5.part"
    x, state = np.linspace(-1.0, 1.0, 7), np.ones(49, dtype="u1")
    state[40:] = 0
    with h5py.File(path, "w") as file:
        file.attrs["format"] = UNFINISHED
        file["header"] = json.dumps({"points": [list(x), list(x)]})
        file["points/loss"], file["points/state"] = np.arange(49.0), state
        file["points/gradient"] = np.ones((49, 2))
    assert is_surface(path)
    assert status("info", str(path)) == 0
    assert "not finite at 9 of 49 points" in " ".join(capsys.readouterr().out.split())
    relief = relief_of_file(path)
    assert np.isnan(relief.loss).sum() == 9
    assert relief.loss[1, 2] == 9.0
    assert status("plot", str(path), "-o", str(tmp_path / "part.png")) == 0
    with pytest.raises(DataError, match=r"40 of 49 points are done; go on with project --resume"):
        landscapes.load_sampled(path)


def test_bad_samples_end_with_status_2(tmp_path: Path, capsys) -> None:
    path = plane(tmp_path / "plane.h5")
    with h5py.File(path, "a") as file:
        file["covariance"][3, 4] = [[1.0, 2.0], [2.0, 1.0]]
    out = str(tmp_path / "out.h5")
    assert status("run", str(case(tmp_path)), "-o", out) == 2
    text = capsys.readouterr().err
    assert "plane.h5: the sampled covariance" in text
    assert "index (3, 4)" in text
    assert status("run", str(case(tmp_path, "white")), "-o", out, "--json") == 0  # loss is good
    capsys.readouterr()
    assert status("info", str(path)) == 0
    assert "not positive definite at index (3, 4)" in " ".join(capsys.readouterr().out.split())
    with h5py.File(path, "a") as file:
        file["loss"][3, 4] = np.nan
    assert status("run", str(case(tmp_path, "white")), "-o", out, "--force") == 2
    assert "loss is not finite at 1 of 323 points, at index (3, 4)" in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:3000])
    for command in (["run", str(case(tmp_path))], ["info", str(path)], ["plot", str(path)]):
        assert status(*command) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_figures_of_landscapes(tmp_path: Path) -> None:
    path = plane(tmp_path / "plane.h5")
    assert status("plot", str(path), "-o", str(tmp_path / "a.png"), "--dpi", "40") == 0
    assert is_png(tmp_path / "a.png")
    run_case(load_case(case(tmp_path)), tmp_path / "out.h5")
    with read(tmp_path / "out.h5") as result:
        figure = figure_of(result, what="landscape")
    words = {text.get_text() for text in figure.axes[0].texts}
    assert {"first", "second"} <= words
    x = np.linspace(-1, 1, 12)
    with h5py.File(tmp_path / "line.h5", "w") as file:
        file.update({"x": x, "loss": x**2, "covariance": (1 + x**2)[:, None, None]})
        file.attrs["anchors"] = [[0.0]]
    figure = surface_figure(relief_of_file(tmp_path / "line.h5"))
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss $L$", "noise $C$"]


def test_ellipses_are_those_of_the_noise(tmp_path: Path) -> None:
    relief = relief_of_file(plane(tmp_path / "plane.h5"))
    ax = surface_figure(relief).axes[0]
    turned = np.array([[2.0, 1.0], [1.0, 2.0]])  # 3 along (1, 1), 1 across
    field = np.tile(turned, (*relief.grid.shape, 1, 1))
    drawn, unit, larger = noise_ellipses(field, relief.grid, ax)
    assert unit == pytest.approx(np.sqrt(3.0))
    assert not larger
    np.testing.assert_allclose(np.mod(drawn.get_angles(), 180.0), 45.0)
    ratio = drawn.get_widths() / drawn.get_heights()
    np.testing.assert_allclose(ratio, np.sqrt(3.0))
    field[:2] *= 1e4  # a steep rim does not hide the rest
    drawn, unit, larger = noise_ellipses(field, relief.grid, ax)
    assert unit == pytest.approx(np.sqrt(3.0))
