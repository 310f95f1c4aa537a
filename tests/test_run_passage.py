"""Passages, spectra, rates, exits of wells of cases: numbers, files, interruption, tables."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from fokkerplanck.case import load_case, parse_case
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.report import print_info, print_run
from fokkerplanck.run import Interrupted, run_case
from fokkerplanck.store import read

LINE = """
title = "Two wells"
[grid]
x = { min = -2.4, max = 2.4, cells = 256 }
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.05
[spectrum]
count = 3
[[passage]]
name = "there"
from = { centre = -1 }
to = { centre = 1 }
[[passage]]
name = "back 1.0"
from = { centre = 1 }
to = { centre = -1 }
survival = false
[rates]
[[expect]]
quantity = "passage.there.mean"
value = 729.67069194232279880
rtol = 1e-8
[[expect]]
quantity = "passage.back 1.0.log10_mean"
value = 2.8631268967
atol = 1e-8
[[expect]]
quantity = "spectrum.0"
value = 0.0027761406365727255
rtol = 1e-8
[[expect]]
quantity = "rates.rates.0.1"
value = 0.00138807
rtol = 0.02
[[quasi_stationary]]
name = "left"
well = -0.8
[[quasi_stationary]]
well = 1.0
[[expect]]
quantity = "quasi_stationary.left.rate"
value = 0.0027761406365727255
rtol = 1e-8
"""
PLANE = """
title = "To a disc"
[grid]
x = { min = -2.0, max = 2.0, cells = 64 }
y = { min = -1.8, max = 1.8, cells = 60 }
[landscape]
kind = "expression"
loss = "(x**2 - 1)**2 / 4 + y**2 + x*y / 2"
[noise]
kind = "white"
temperature = 0.031640625
[spectrum]
count = 2
[[passage]]
name = "to the disc"
from = { centre = [-1.0606601717798212, 0.2651650429449553] }
to = { centre = [1.0606601717798212, -0.2651650429449553], radius = 0.25 }
"""
FACTS = {"mean", "log10_mean", "variance", "log10_variance", "rate", "log10_rate", "probability"}
FACTS |= {"error", "anchors", "jumps", "weight", "from", "to", "reactive", "survival", "refined"}


def case_file(folder: Path, text: str = LINE) -> Path:
    path = folder / "case.toml"
    path.write_text(text)
    return path


class StopAt:
    """Progress that raises when a part is begun, as Ctrl-C or a failure does."""

    def __init__(self, what: str, error: BaseException) -> None:
        self.what, self.error = what, error

    def advance(self, t: float, mass_error: float | None) -> None:
        pass

    def tell(self, what: str) -> None:
        if what.startswith(self.what):
            raise self.error


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("line")
    run_case(load_case(case_file(folder)), folder / "out.h5")
    return folder / "out.h5"


def summary(path: Path) -> dict:
    with read(path) as stored:
        return json.loads(stored.summary or "")


def test_json_of_a_line_holds_what_was_asked_for(line: Path) -> None:
    found = summary(line)
    assert list(found["passage"]) == ["there", "back 1.0"]
    there, back = found["passage"].values()
    assert set(there) >= FACTS
    assert [row["pass"] for row in found["expect"]] == [True] * 5
    # a passage of this length is exponential up to the time of a single crossing
    assert there["variance"] == pytest.approx(there["mean"] ** 2, rel=0.02)
    assert there["rate"] == pytest.approx(1 / there["mean"], rel=1e-12)
    assert there["error"] < 1e-8
    assert (there["from"], there["to"]) == ("point (-1)", "point (1)")
    # between two points every return consists of one way there and one back
    returns = there["mean"] + back["mean"]
    assert 1 / there["reactive"]["flux"] == pytest.approx(returns, rel=1e-8)
    assert there["reactive"]["population"] == pytest.approx(0.5, rel=1e-8)
    assert back["survival"] is None
    assert there["refined"] is None
    curve = there["survival"]
    times, alive = np.array(curve["times"]), np.array(curve["survival"])
    assert np.all(np.diff(alive) <= 1e-12)
    late = (times > 50) & (alive > 1e-2)
    law = np.exp(-times[late] / there["mean"])
    np.testing.assert_allclose(alive[late], law, rtol=0.03)
    assert len(found["spectrum"]) == 3
    assert found["spectrum"] == sorted(found["spectrum"])
    assert found["spectrum_modes"]["time_scales"][0] == pytest.approx(1 / found["spectrum"][0])
    rates = found["rates"]
    assert rates["wells"] == [[pytest.approx(-1.0)], [pytest.approx(1.0)]]
    assert rates["rates"][0][0] == 0.0
    assert rates["log10_rates"][0][0] is None
    assert rates["populations"] == pytest.approx([0.5, 0.5])
    assert found["spectrum_modes"]["numbers"] == [1, 2, 3]  # 0 is the stationary mode


def test_wells_are_left_from_their_quasi_stationary_densities(line: Path) -> None:
    """theory.md B4: by symmetry the exit rate is the slowest rate of relaxation."""
    found = summary(line)["quasi_stationary"]
    assert list(found) == ["left", "1"]
    left = found["left"]
    assert left["rate"] == pytest.approx(0.0027761406365727255, rel=1e-8)
    assert left["mean_exit_time"] == pytest.approx(1 / left["rate"], rel=1e-14)
    assert (left["minimum"], found["1"]["minimum"]) == ([pytest.approx(-1)], [pytest.approx(1)])
    assert left["error"] < 1e-8
    with read(line) as stored:
        assert list(stored.quasi_stationary) == ["left", "1"]
        well, other = stored.quasi_stationary.values()
        x = stored.grid.axes[0].centres
        np.testing.assert_array_equal(well.well, x < 0)
        assert stored.grid.integrate(well.density) == pytest.approx(1.0, rel=1e-12)
        assert not well.density[x > 0].any()
        np.testing.assert_allclose(other.density, well.density[::-1], atol=1e-9)
        # before it is left the mass shrinks as a whole: the slowest mode on that side
        mode = np.abs(stored.spectrum.left[0]) * (x < 0)
        mode /= stored.grid.integrate(mode)
        np.testing.assert_allclose(well.density, mode, atol=1e-6)
        assert well.facts["rate"] == left["rate"]


def test_file_holds_the_fields_of_a_line(line: Path) -> None:
    with read(line) as stored:
        assert stored.complete
        assert stored.passages == ("there", "back 1.0")
        there, back = map(stored.passage, stored.passages)
        x = stored.grid.axes[0].centres
        assert there.committor is not None
        # theory.md B2: the committor is a ratio of integrals of exp(L/T)
        fine = np.linspace(-1.0, 1.0, 20001)
        weight = np.exp((fine**2 - 1) ** 2 / 4 / 0.05)
        integral = np.concatenate([[0.0], np.cumsum(0.5 * (weight[1:] + weight[:-1]))])
        exact = np.interp(x, fine, integral / integral[-1])
        np.testing.assert_allclose(there.committor, exact, atol=1e-6)
        np.testing.assert_allclose(there.committor_backward, 1 - exact, atol=1e-6)
        inside = np.abs(x) < 0.9
        np.testing.assert_allclose(there.current[inside, 0], 1.0, rtol=1e-6)
        assert back.survival is None
        assert there.facts["mean"] == pytest.approx(729.67069194232, rel=1e-8)
        assert 10 ** there.log10_time[x < -0.9].max() == pytest.approx(729.7, rel=0.01)
        assert there.source.sum() == 1.0
        assert there.facts["from"] == "point (-1)"
        assert stored.spectrum is not None
        assert stored.spectrum.right.shape == (3, 256)
        slow = stored.spectrum.right[0]
        slow = slow * np.sign(slow[-1])
        # the slowest mode is the committor, stretched from -1 to 1
        np.testing.assert_allclose(slow, 2 * exact - 1, atol=0.02)
        assert stored.rates is not None
        assert stored.rates.wells.shape == (2, 1)
        with pytest.raises(CaseError, match=r'no passage "over"; this file has: "there", "back'):
            stored.passage("over")


def test_xarray_opens_the_groups(line: Path) -> None:
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(line, engine="h5netcdf", group="passage/there") as data:
        assert data.committor.dims == ("x",)
        assert data.reactive_current.dims == ("x", "component")
        assert data.survival.dims == ("passage_time",)
        assert data.passage_time.values[0] > 0
        assert data.attrs["to"] == "point (1)"
    with xarray.open_dataset(line, engine="h5netcdf", group="spectrum") as data:
        assert data.right.dims == ("mode", "x")
    with xarray.open_dataset(line, engine="h5netcdf", group="rates") as data:
        assert data.rate.dims == ("well", "to_well")
    with xarray.open_dataset(line, engine="h5netcdf", group="quasi_stationary/left") as data:
        assert data.density.dims == data.well.dims == ("x",)
        assert data.attrs["minimum"] == pytest.approx(-1.0)


def test_tables_fit_and_say_all(
    line: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_run(summary(line))
    text = capsys.readouterr().out
    for word in (
        "there",
        "729.67",
        "point (-1)",
        "mode",
        "360.2",
        "rates from well",
        "quasi-stationary",
        "pass",
    ):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80
    with read(line) as stored:
        print_info(stored)
    text = capsys.readouterr().out
    assert "spectrum/right" in text
    assert max(map(len, text.splitlines())) <= 80


def test_passage_to_a_disc_in_the_plane(tmp_path: Path) -> None:
    """Two independent solutions agree on the time to 6e-8, see cases/escape_disc_2d.toml."""
    result = run_case(load_case(case_file(tmp_path, PLANE)), tmp_path / "out.h5", refine=True)
    found = result.json()["passage"]["to the disc"]
    assert found["mean"] == pytest.approx(94558.889, rel=5e-5)
    assert found["survival"] is None  # on a line only, unless asked for
    refined = found["refined"]["mean"]
    assert refined["cells"] == [[32, 30], [64, 60], [128, 120]]
    assert refined["values"][1] == pytest.approx(found["mean"], rel=1e-12)
    assert refined["extrapolated"] == pytest.approx(94558.889, rel=5e-6)
    modes = result.json()["spectrum_modes"]
    assert len(modes["refined"]) == 2
    # the disc holds a share of its well: escapes into the well arrive
    assert result.json()["spectrum"][0] == pytest.approx(2 / 94558.889, rel=1e-3)
    with result.open() as stored:
        way = stored.passage("to the disc")
        share = stored.grid.integrate(way.target)
        assert share == pytest.approx(math.pi * 0.25**2, rel=1e-3)
        assert way.source.sum() == 1.0
        # per unit of flux: one unit crosses any line between the sets
        crossing = way.current[stored.grid.shape[0] // 2, :, 0].sum() * stored.grid.spacing[1]
        assert crossing == pytest.approx(1.0, rel=1e-2)
        assert way.committor.min() >= 0.0
        assert way.committor.max() <= 1.0


def test_overrides_reach_into_passages(tmp_path: Path) -> None:
    path = case_file(tmp_path, PLANE)
    case = load_case(path, ["passage.0.to.radius=0.4", "spectrum.count=1", "passage.0.name=near"])
    assert (case.passage[0].to.radius, case.passage[0].name) == (0.4, "near")
    assert case.passage[0].from_.centre == (-1.0606601717798212, 0.2651650429449553)
    assert parse_case(case.text) == case
    near, far = run_case(case).json(), run_case(load_case(path, ["spectrum.count=1"])).json()
    assert near["passage"]["near"]["mean"] < far["passage"]["to the disc"]["mean"]


def test_texts_of_cases_without_passages_have_not_changed() -> None:
    """Results of earlier versions can be resumed: their hashes still hold."""
    text = LINE.partition("[spectrum]")[0] + "[stationary]\n"
    written = parse_case(text).text
    for word in ("passage", "spectrum", "rates", "quasi_stationary"):
        assert word not in written


def test_what_is_beyond_floats_is_null_and_its_logarithm_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = LINE.partition("[rates]")[0].replace("0.05", "0.0003").replace("256", "512")
    text += "[[quasi_stationary]]\nwell = -1\n"
    text += '[[expect]]\nquantity = "passage.there.mean"\nvalue = 1.0\nrtol = 1.0\n'
    result = run_case(load_case(case_file(tmp_path, text)), tmp_path / "out.h5")
    there = json.loads(json.dumps(result.json(), allow_nan=False))["passage"]["there"]
    assert there["mean"] is None
    # theory.md B5, Kramers with its next order: 1 + 3/2 T
    law = math.log10(2 * math.pi / math.sqrt(2)) + 0.25 / 0.0003 / math.log(10)
    law += math.log10(1 + 1.5 * 0.0003)
    assert there["survival"] is None  # no times to draw it over
    assert there["log10_mean"] == pytest.approx(law, abs=1e-6)
    (row,) = result.json()["expect"]
    assert not row["pass"]
    assert "log10_mean" in row["note"]
    with read(tmp_path / "out.h5") as stored:
        assert stored.passage("there").facts["mean"] == math.inf
    print_run(result.json())
    well = result.json()["quasi_stationary"]["-1"]
    assert well["rate"] == 0.0
    assert well["mean_exit_time"] is None
    # the exit is to the top, twice as often as across
    assert well["log10_mean_exit_time"] == pytest.approx(law - math.log10(2), abs=1e-6)
    assert "e+362" in capsys.readouterr().out


def test_walls_are_a_target(tmp_path: Path) -> None:
    """theory.md B7: drift 1, D = 1/4, reflecting at 0, absorbing at 1, from 0.3."""
    text = """
        [grid]
        x = { min = 0, max = 1, cells = 64, walls = ["reflecting", "absorbing"] }
        [landscape]
        kind = "expression"
        loss = "-x"
        [noise]
        kind = "white"
        temperature = 0.25
        [[passage]]
        name = "out"
        from = { centre = 0.3 }
        to = "walls"
    """
    found = run_case(parse_case(text)).json()["passage"]["out"]
    assert found["mean"] == pytest.approx(0.629280356744133, rel=1e-8)
    assert found["reactive"] is None
    assert found["to"] == "walls"


def test_wells_of_the_plane_are_left_like_those_of_a_line(tmp_path: Path) -> None:
    """theory.md B4 and B6 at T = 1/8, with a parabola across; and what the error promises."""
    text = """
        [grid]
        x = { min = -2.4, max = 2.4, cells = 96 }
        y = { min = -1.6, max = 1.6, cells = 48 }
        [landscape]
        kind = "expression"
        loss = "(x**2 - 1)**2 / 4 + y**2"
        [noise]
        kind = "white"
        temperature = 0.125
        [[quasi_stationary]]
        name = "right"
        well = [0.8, 0.1]
    """
    result = run_case(parse_case(text), tmp_path / "out.h5")
    found = result.json()["quasi_stationary"]["right"]
    assert found["minimum"] == pytest.approx([1.0, 0.0], abs=1e-9)
    off = abs(found["rate"] / 0.056818325252162417387 - 1)
    assert off < min(1e-3, 3 * found["error"])
    with result.open() as stored:
        (right,) = stored.quasi_stationary.values()
        x, y = np.moveaxis(stored.grid.points(), -1, 0)
        np.testing.assert_allclose(right.well, x > 0, atol=1e-9)
        assert stored.grid.integrate(right.density * y**2) == pytest.approx(0.0625, rel=2e-3)
        assert not right.density[x < 0].any()


def test_what_is_left_of_an_interrupted_run_says_which_wells(tmp_path: Path) -> None:
    stop = StopAt("quasi-stationary density 1", KeyboardInterrupt())
    with pytest.raises(Interrupted, match="1 of 2 quasi-stationary densities"):
        run_case(load_case(case_file(tmp_path)), tmp_path / "out.h5", progress=stop)  # type: ignore[arg-type]
    with read(tmp_path / "out.h5") as stored:
        assert list(stored.quasi_stationary) == ["left"]


def test_only_well_is_left_through_absorbing_walls() -> None:
    """Free diffusion but for a flat bowl: cos(pi x / 2) decays at D pi^2 / 4."""
    text = """
        [grid]
        x = { min = -1, max = 1, cells = 64, walls = "absorbing" }
        [landscape]
        kind = "expression"
        loss = "1e-9 * x**2"
        [noise]
        kind = "white"
        temperature = 0.25
        [spectrum]
        count = 1
        [[quasi_stationary]]
        name = "bowl"
        well = 0
    """
    result = run_case(parse_case(text))
    found = result.json()
    assert found["quasi_stationary"]["bowl"]["rate"] == pytest.approx(math.pi**2 / 16, rel=1e-7)
    assert found["spectrum"][0] == pytest.approx(math.pi**2 / 16, rel=1e-7)
    assert found["spectrum_modes"]["numbers"] == [0]  # nothing is stationary
    x = np.linspace(-1, 1, 129)[1::2]
    density = result.quasi_stationary["bowl"].density
    np.testing.assert_allclose(density, math.pi / 4 * np.cos(math.pi * x / 2), rtol=1e-3)


def test_what_was_found_is_at_hand() -> None:
    result = run_case(parse_case(LINE))
    found = result.json()
    assert {name: p.mean for name, p in result.passages.items()} == {
        name: p["mean"] for name, p in found["passage"].items()
    }
    assert result.reactive["there"].flux == found["passage"]["there"]["reactive"]["flux"]
    assert list(result.survival) == ["there"]
    assert result.spectrum.rates.tolist() == found["spectrum"]
    assert result.rates.rates.tolist() == found["rates"]["rates"]
    assert result.quasi_stationary["left"].rate == found["quasi_stationary"]["left"]["rate"]
    little = run_case(parse_case(LINE.partition("[spectrum]")[0] + "[stationary]\n"))
    assert (little.spectrum, little.rates) == (None, None)
    assert little.passages == little.reactive == little.quasi_stationary == {}


def test_walls_that_are_no_target_take_their_share(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """theory.md B7, drift 1 and D = 1/4 between 0 and 1, from 0.3: 0.71 leave at 1."""
    text = """
        [grid]
        x = { min = 0, max = 1.5, cells = 96, walls = ["absorbing", "reflecting"] }
        [landscape]
        kind = "expression"
        loss = "-x"
        [noise]
        kind = "white"
        temperature = 0.25
        [[passage]]
        name = "up"
        from = { centre = 0.3 }
        to = { centre = 1 }
    """
    result = run_case(parse_case(text))
    found = result.json()["passage"]["up"]
    assert found["probability"] == pytest.approx(0.711843659500443, rel=1e-8)
    assert found["mean"] < 0.7 / 0.711843659500443
    print_run(result.json())
    assert "probability" in capsys.readouterr().out
    assert "mean time, up" in result._repr_html_()


@pytest.mark.parametrize(
    ("part", "left"), [("passage back", 1), ("spectrum", 2), ("passage back 1.0: reactive", 2)]
)
def test_what_was_found_before_an_interruption_is_in_the_file(
    tmp_path: Path, part: str, left: int
) -> None:
    case, output = load_case(case_file(tmp_path)), tmp_path / "out.h5"
    stop = StopAt(part, KeyboardInterrupt())
    with pytest.raises(Interrupted, match=f"{left} of 2 passages"):
        run_case(case, output, progress=stop)  # type: ignore[arg-type]
    with read(output) as stored:
        assert stored.attrs["status"] == "interrupted"
        assert len(stored.passages) == left
        assert stored.passage("there").facts["mean"] == pytest.approx(729.67069194, rel=1e-8)
        assert stored.spectrum is None
    assert run_case(case, output, resume=True).passed
    with read(output) as stored:
        assert stored.complete
        assert len(stored.passages) == 2


def test_a_part_that_fails_leaves_the_earlier_ones(tmp_path: Path) -> None:
    case, output = load_case(case_file(tmp_path)), tmp_path / "out.h5"
    stop = StopAt("spectrum", NumericalError("modes are not to be trusted"))
    with pytest.raises(NumericalError, match=r"2 of 2 passages\) is in .*out\.h5"):
        run_case(case, output, progress=stop)  # type: ignore[arg-type]
    with read(output) as stored:
        assert stored.attrs["status"] == "failed"
        assert stored.passages == ("there", "back 1.0")


def test_passages_may_be_added_to_a_finished_evolution(tmp_path: Path) -> None:
    head, _, tail = LINE.partition("[spectrum]")
    evolve = '[initial]\nkind = "uniform"\n[evolve]\ntimes = [1.0]\n'
    output = tmp_path / "out.h5"
    run_case(load_case(case_file(tmp_path, head + evolve)), output)
    with read(output) as stored:
        assert (stored.passages, stored.spectrum, stored.rates) == ((), None, None)
        before = stored.density(0)
    case = load_case(case_file(tmp_path, head + evolve + "[spectrum]" + tail))
    run_case(case, output, resume=True)
    with read(output) as stored:
        assert len(stored.passages) == 2
        np.testing.assert_array_equal(stored.density(0), before)


def test_basins_and_half_planes_are_ends(tmp_path: Path) -> None:
    """Into the basin of the right minimum is to the top of the barrier: half of the time."""
    text = (
        LINE.partition("[spectrum]")[0]
        + """
        [[passage]]
        name = "basin"
        from = { basin = -0.7 }
        to = { basin = 0.8 }
        [[passage]]
        name = "edge"
        from = { box = [-2.4, 0.0] }
        to = { centre = 0.0 }
        [[passage]]
        name = "half"
        from = { box = [-2.4, 0.0] }
        to = { halfplane = { normal = 1, offset = 0 } }
    """
    )
    basin, edge, half = run_case(parse_case(text)).json()["passage"].values()
    assert basin["mean"] == pytest.approx(361.9, rel=0.02)  # from -1: 361.90
    assert half["mean"] == pytest.approx(basin["mean"], rel=1e-6)
    assert edge["mean"] == pytest.approx(half["mean"], rel=1e-6)
    assert edge["reactive"] is None
    assert basin["reactive"] is None  # the sets touch: a diffusion crosses infinitely often
