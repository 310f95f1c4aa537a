"""Running cases: results, files, interruption and resumption, expectations, observables."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fokkerplanck import observe
from fokkerplanck.case import load_case
from fokkerplanck.errors import CaseError, DataError, NumericalError
from fokkerplanck.expect import lookup
from fokkerplanck.grid import Grid
from fokkerplanck.run import Interrupted, run_case
from fokkerplanck.store import part_path, read
from tests.interruptions import Stopped

ROOT = Path(__file__).parents[1]

CASE = """
title = "Two wells"
[grid]
x = { min = -2.2, max = 2.2, cells = 120 }
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.1
[initial]
kind = "gaussian"
mean = [-1.0]
std = [0.15]
[evolve]
times = [0.0, 0.1, 1.0, 10.0, 1e3, 1e5]
[stationary]
[[expect]]
quantity = "evolve.basin_masses.-1.0"
value = 0.5
atol = 1e-6
[[expect]]
quantity = "stationary.entropy_production"
value = 1.0
rtol = 0.1
"""
PLANE = CASE.replace("[landscape]", "y = { min = -1.5, max = 1.5, cells = 24 }\n[landscape]")
PLANE = PLANE.replace("[-1.0]", "[-1.0, 0.2]").replace("[0.15]", "[0.2, 0.2]")
PLANE = PLANE.replace("cells = 120", "cells = 30")
ABSORBING = CASE.replace("cells = 120 }", 'cells = 120, walls = ["absorbing", "reflecting"] }')
ABSORBING = ABSORBING.replace("0.1\n", "0.5\n").partition("[stationary]")[0]
SCHEDULED = CASE.replace(
    "temperature = 0.1", "temperature = 0.1\nschedule = { times = [5.0], factor = [0.5] }"
).partition("[stationary]")[0]


def case_file(folder: Path, text: str = CASE) -> Path:
    path = folder / "case.toml"
    path.write_text(text)
    return path


def densities(path: Path) -> np.ndarray:
    with read(path) as stored:
        return np.array([stored.density(k) for k in range(stored.times.size)])


def l1(a: np.ndarray, b: np.ndarray, volume: float) -> float:
    return float(np.abs(a - b).sum(axis=tuple(range(1, a.ndim))).max() * volume)


def test_a_run_keeps_what_its_case_asks_for(tmp_path: Path) -> None:
    output = tmp_path / "out.h5"
    result = run_case(load_case(case_file(tmp_path)), output)
    found = json.loads(json.dumps(result.json(), allow_nan=False))
    assert {"case", "output", "mass_error", "minimum_density", "passage", "spectrum"} <= set(found)
    assert found["mass_error"] < 1e-12
    assert found["minimum_density"] >= 0
    assert found["wall_seconds"] > 0
    left, right = found["landscape"]["minima"]
    assert left["position"] == pytest.approx([-1.0])
    assert right["curvatures"] == pytest.approx([2.0])
    assert found["evolve"]["mean"][0] == pytest.approx([-1.0], abs=1e-3)
    assert found["evolve"]["basin_masses"][-1] == pytest.approx([0.5, 0.5], abs=1e-6)
    # Boltzmann: masses of equal wells are equal, and there is no current
    assert found["stationary"]["basin_masses"] == pytest.approx([0.5, 0.5], abs=1e-12)
    assert found["stationary"]["entropy_production"] < 1e-20
    with read(output) as stored:
        assert stored.complete
        np.testing.assert_array_equal(stored.times, [0.0, 0.1, 1.0, 10.0, 1e3, 1e5])
        for k in range(6):
            assert stored.grid.integrate(stored.density(k)) == pytest.approx(1.0, abs=1e-12)
        x, boltzmann = stored.grid.axes[0].centres, np.exp(-stored.loss / 0.1)
        boltzmann /= stored.grid.integrate(boltzmann)
        assert stored.stationary is not None
        np.testing.assert_allclose(stored.stationary.density, boltzmann, rtol=1e-12)
        assert stored.loss == pytest.approx((x**2 - 1) ** 2 / 4)
        assert json.loads(stored.summary or "")["evolve"] == found["evolve"]
        # currents: the mean moves with their integral, dm/dt = int J
        drift = stored.grid.integrate(stored.current(0)[:, 0])
        mean = observe.mean(stored.grid, stored.density(0))
        later = observe.mean(stored.grid, stored.density(1))
        assert drift == pytest.approx((later - mean)[0] / 0.1, rel=0.3)


def test_failing_expectations_do_not_stop_a_run(tmp_path: Path) -> None:
    result = run_case(load_case(case_file(tmp_path)), tmp_path / "out.h5")
    first, second = result.json()["expect"]
    assert first["pass"]
    assert first["relative_error"] < 1e-6
    assert first["rtol"] is None
    assert not second["pass"]
    assert second["predicted"] == 1.0
    assert not result.passed
    assert "FAIL" in result._repr_html_()
    assert "mass error" in result._repr_html_()


def test_a_run_in_memory_gives_the_same_densities(tmp_path: Path) -> None:
    case = load_case(case_file(tmp_path))
    kept, stored = run_case(case), run_case(case, tmp_path / "out.h5")
    assert kept.output is None
    for k in range(-1, 6):
        np.testing.assert_array_equal(kept.density(k), stored.density(k))
    np.testing.assert_array_equal(kept.times, stored.times)
    with pytest.raises(CaseError, match="kept in memory"):
        kept.open()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case.toml", "out.h5"]


def test_a_case_without_evolution_has_a_stationary_density_only(tmp_path: Path) -> None:
    head, _, tail = CASE.partition("[initial]")
    case = load_case(case_file(tmp_path, head + "[stationary]"))
    assert "[[expect]]" in tail
    result = run_case(case, tmp_path / "out.h5")
    assert result.json()["evolve"] is None
    assert result.json()["mass_error"] is None
    with read(tmp_path / "out.h5") as stored:
        assert stored.times.size == 0
        assert stored.stationary is not None


@pytest.mark.parametrize("text", [CASE, PLANE, ABSORBING, SCHEDULED])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_resumed_run_equals_a_straight_one(tmp_path: Path, text: str, count: int) -> None:
    case = load_case(case_file(tmp_path, text))
    straight, broken = tmp_path / "straight.h5", tmp_path / "broken.h5"
    run_case(case, straight)
    with pytest.raises(Interrupted) as stopped:
        run_case(case, broken, progress=Stopped(count))  # type: ignore[arg-type]
    assert (stopped.value.path, stopped.value.saved, stopped.value.planned) == (broken, count, 6)
    assert not part_path(broken).exists()
    with read(broken) as stored:
        assert stored.times.size == count
        assert stored.attrs["status"] == "interrupted"
        volume = stored.grid.volume
    np.testing.assert_array_equal(densities(broken), densities(straight)[:count])
    result = run_case(case, broken, resume=True)
    assert l1(densities(broken), densities(straight), volume) <= 1e-12
    with read(straight) as a, read(broken) as b:
        assert b.complete
        for name in ("mass", "time_error", "products", "solves"):
            np.testing.assert_allclose(a.file[name][...], b.file[name][...], rtol=1e-9, atol=1e-14)
    assert result.json()["evolve"]["times"] == [0.0, 0.1, 1.0, 10.0, 1e3, 1e5]


def test_times_can_be_added_and_nothing_else_changed(tmp_path: Path) -> None:
    output = tmp_path / "out.h5"
    path = case_file(tmp_path)
    run_case(load_case(path), output)
    before = output.read_bytes()
    for override, what in [
        ("noise.temperature=0.2", r"noise\.temperature was 0\.1, is 0\.2"),
        ("grid.x.cells=60", r"grid\.x\.cells was 120, is 60"),
        ("evolve.tolerance=1e-6", r"evolve\.tolerance was 1e-08, is 1e-06"),
        ("evolve.times=[0.0, 0.2, 1.0, 10.0, 1e3, 1e5, 1e6]", "times can only be added"),
        ("evolve.times=[0.0, 0.1]", "times can only be added"),
    ]:
        with pytest.raises(CaseError, match=what):
            run_case(load_case(path, [override]), output, resume=True)
    assert output.read_bytes() == before
    longer = ["evolve.times=[0.0, 0.1, 1.0, 10.0, 1e3, 1e5, 1e6]", "title=longer"]
    case = load_case(path, longer)
    run_case(case, output, resume=True)
    run_case(case, tmp_path / "straight.h5")
    assert l1(densities(output), densities(tmp_path / "straight.h5"), 4.4 / 120) <= 1e-12
    with read(output) as stored:
        assert stored.title == "longer"


def test_resume_of_a_whole_run_changes_no_density(tmp_path: Path) -> None:
    case, output = load_case(case_file(tmp_path)), tmp_path / "out.h5"
    run_case(case, output)
    before = densities(output)
    run_case(case, output, resume=True)
    np.testing.assert_array_equal(densities(output), before)


def test_existing_files_are_safe(tmp_path: Path) -> None:
    case, output = load_case(case_file(tmp_path)), tmp_path / "out.h5"
    run_case(case, output)
    before = output.read_bytes()
    with pytest.raises(DataError, match=r"exists already; --force replaces it"):
        run_case(case, output)
    other = load_case(case_file(tmp_path), ["noise.temperature=0.3"])
    with pytest.raises(Interrupted) as stopped:
        run_case(other, output, force=True, progress=Stopped(2))  # type: ignore[arg-type]
    assert output.read_bytes() == before  # an unfinished run does not replace a whole one
    assert stopped.value.path == part_path(output)
    with pytest.raises(DataError, match="an unfinished run is there"):
        run_case(other, output)
    run_case(other, output, resume=True)
    assert not part_path(output).exists()
    with read(output) as stored:
        assert "temperature = 0.3" in stored.case_text
        assert stored.complete


def test_resume_refuses_what_is_not_a_result(tmp_path: Path) -> None:
    case, output = load_case(case_file(tmp_path)), tmp_path / "out.h5"
    output.write_text("my notes")
    with pytest.raises(DataError, match="is not an HDF5 file"):
        run_case(case, output, resume=True)
    assert output.read_text() == "my notes"
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="is a directory"):
        run_case(case, tmp_path / "folder")
    for place in (Path(), Path("/dev/null"), tmp_path / "missing" / "out.h5"):
        for options in ({}, {"force": True}, {"resume": True}):
            with pytest.raises(DataError, match=r"directory|regular file|cannot be written"):
                run_case(case, place, **options)


def test_resume_without_a_file_starts_anew(tmp_path: Path) -> None:
    run_case(load_case(case_file(tmp_path)), tmp_path / "out.h5", resume=True)
    with read(tmp_path / "out.h5") as stored:
        assert stored.complete


def test_a_numerical_failure_keeps_what_was_found(tmp_path: Path) -> None:
    case, output = load_case(case_file(tmp_path, ABSORBING)), tmp_path / "out.h5"
    failing = Stopped(4, NumericalError)
    with pytest.raises(NumericalError, match=r"4 of 6 snapshots\) is in .*out\.h5"):
        run_case(case, output, progress=failing)  # type: ignore[arg-type]
    with read(output) as stored:
        assert stored.attrs["status"] == "failed"
        assert stored.times.size == 4
        masses = stored.file["mass"][...]
    assert (np.diff(masses)[1:] < -1e-6).all()  # what reaches the absorbing wall is gone
    assert run_case(case, output, resume=True).json()["mass_error"] < 1e-15


SLOW = CASE.replace("cells = 120", "cells = 6000").replace(
    "[0.0, 0.1, 1.0, 10.0, 1e3, 1e5]",
    '{ start = 1e-3, stop = 1e5, count = 400, spacing = "log" }',
)


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_signals_leave_a_file_to_go_on_from(tmp_path: Path, number: signal.Signals) -> None:
    case, output = case_file(tmp_path, SLOW), tmp_path / "out.h5"
    command = [sys.executable, "-m", "fokkerplanck.cli", "run", str(case), "-o", str(output)]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    )
    saved = _wait_for_snapshots(part_path(output), process, least=5)
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -9
        left = part_path(output)
    else:
        assert process.returncode == 128 + number, message
        assert "--resume" in message
        assert "Traceback" not in message
        left = output
    with read(left) as stored:
        kept = stored.times.size
        first = stored.density(0)
        assert stored.grid.integrate(stored.density(kept - 1)) == pytest.approx(1.0, abs=1e-10)
    assert saved <= kept < 400
    shorter = load_case(case)
    with pytest.raises(Interrupted) as stopped:  # a few more
        run_case(shorter, output, resume=True, progress=Stopped(3))  # type: ignore[arg-type]
    assert stopped.value.saved == kept + 3
    with read(output) as stored:
        np.testing.assert_array_equal(stored.density(0), first)


def _hear_interrupts() -> None:
    """Undo what a shell does to programs in its background, which inherit a deaf ear to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for_snapshots(path: Path, process: subprocess.Popen[str], least: int) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists():
            with read(path) as stored:
                if (n := int(stored.times.size)) >= least:
                    return n
        time.sleep(0.02)
    pytest.fail(f"the run ended with {process.poll()} before it saved {least} snapshots")


def test_observables_of_known_densities() -> None:
    grid = Grid.plane((-6.0, 6.0, 120), (-6.0, 6.0, 140))
    cov = np.array([[0.5, 0.2], [0.2, 0.3]])
    away = grid.points() - [0.4, -0.3]
    q = np.einsum("...i,ij,...j", away, np.linalg.inv(cov), away)
    p = np.exp(-q / 2) / (2 * math.pi * math.sqrt(np.linalg.det(cov)))
    np.testing.assert_allclose(observe.mean(grid, p), [0.4, -0.3], atol=1e-12)
    np.testing.assert_allclose(observe.covariance(grid, p), cov, atol=1e-12)
    assert observe.entropy(grid, p) == pytest.approx(
        1 + math.log(2 * math.pi) + math.log(np.linalg.det(cov)) / 2, rel=1e-12
    )
    # two normal laws of one covariance: KL = m C^-1 m / 2
    away = grid.points()
    q = np.einsum("...i,ij,...j", away, np.linalg.inv(cov), away)
    other = np.exp(-q / 2) / (2 * math.pi * math.sqrt(np.linalg.det(cov)))
    m = np.array([0.4, -0.3])
    assert observe.relative_entropy(grid, p, other) == pytest.approx(
        m @ np.linalg.inv(cov) @ m / 2, rel=1e-9
    )
    assert observe.relative_entropy(grid, p, np.zeros_like(p)) == math.inf
    assert np.isnan(observe.mean(grid, np.zeros_like(p))).all()


def test_lookup_follows_dotted_paths() -> None:
    data = {"a": {"left to right.mean": 1.5, "left": {"x": 2}}, "list": [[1, 2], [3, 4]], "n": None}
    assert lookup(data, "a.left to right.mean") == 1.5
    assert lookup(data, "a.left.x") == 2
    assert lookup(data, "list.-1.0") == 3
    for path, message in [
        ("b", r'no quantity "b": the result has a, list, n'),
        ("a.right", r'"a" has left to right\.mean, left'),
        ("list.2", r'"list" is a list of 2, with indices -2 \.\.\. 1'),
        ("list.x", r'"list" is a list of 2'),
        ("n.x", r'"n" was not computed'),
        ("a.left.x.y", r'"a\.left\.x" is a single value'),
    ]:
        with pytest.raises(CaseError, match=message):
            lookup(data, path)


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        ("stationary.nothing", r"no quantity.*entropy_production"),
        ("evolve.mean", r"is a list of 6, with indices -6 \.\.\. 5; an expectation needs one"),
        ("evolve.method", "is the text"),
    ],
)
def test_expectations_of_what_is_not_there(tmp_path: Path, quantity: str, message: str) -> None:
    text = CASE.replace("stationary.entropy_production", quantity)
    with pytest.raises(CaseError, match=message) as raised:
        run_case(load_case(case_file(tmp_path, text)), tmp_path / "out.h5")
    assert raised.value.key == "expect.1.quantity"
    with read(tmp_path / "out.h5") as stored:  # what was computed is kept all the same
        assert stored.times.size == 6


def test_mistaken_expectations_are_found_before_the_work(tmp_path: Path) -> None:
    head = CASE.replace("[stationary]\n", "")
    with pytest.raises(CaseError, match=r"needs a table \[stationary\]"):
        run_case(load_case(case_file(tmp_path, head)), tmp_path / "out.h5")
    text = CASE.replace("value = 1.0", 'prediction = "guess"')
    with pytest.raises(CaseError, match=r'no prediction "guess"; known: .*ornstein'):
        run_case(load_case(case_file(tmp_path, text)), tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


def test_an_expectation_beyond_the_last_time_fails_but_does_not_stop_the_run(tmp_path):
    """Fewer times than the case had, by --set: the run is whole, the row says why it fails."""
    text = (ROOT / "cases" / "double_well_1d.toml").read_text()
    case = tmp_path / "case.toml"
    case.write_text(text)
    result = run_case(load_case(case, ["evolve.times=[0.1]"]), None)
    rows = {row["quantity"]: row for row in result.json()["expect"]}
    row = rows["evolve.mean.20.0"]
    assert row["computed"] is None
    assert not row["pass"]
    assert "indices" in row["note"]
    assert rows["stationary.covariance.0.0"]["pass"]
