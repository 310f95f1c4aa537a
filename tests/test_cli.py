"""The command line as a user meets it: output, exit status, messages, no traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from fokkerplanck import __version__
from fokkerplanck.case import load_case
from fokkerplanck.cli import main, spread
from fokkerplanck.progress import Progress, fraction_done
from fokkerplanck.run import run_case
from fokkerplanck.store import read
from fokkerplanck.templates import TEMPLATES

ROOT = Path(__file__).parents[1]

CASE = """
title = "A bowl [1/2]"
[grid]
x = { min = -4.0, max = 4.0, cells = 100 }
[landscape]
kind = "expression"
loss = "x**2 / 2"
[noise]
kind = "white"
temperature = 0.5
[initial]
kind = "gaussian"
mean = [1.0]
std = [0.5]
[evolve]
times = [0.5, 1.0]
[stationary]
[[expect]]
quantity = "stationary.covariance.0.0"
value = 0.5
rtol = 1e-3
[[expect]]
quantity = "evolve.mean.-1.0"
prediction = "ornstein-uhlenbeck"
rtol = 1e-2
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "bowl.toml").write_text(CASE)


class Outcome:
    """Exit status and output of a command, run in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        captured = capsys.readouterr()
        self.status = left.value.code or 0
        self.out, self.err = captured.out, captured.err
        assert "Traceback" not in self.err


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What python does in a process of its own."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=60
    )


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert Outcome(capsys, "--version").out.strip() == f"fokkerplanck {__version__}"
    for arguments in [("--help",), ("run", "--help"), ("verify", "--help")]:
        done = Outcome(capsys, *arguments)
        assert done.status == 0
        assert max(map(len, done.out.splitlines())) <= 80
    for command in ("run", "compare", "verify", "plot", "info", "new"):
        assert command in Outcome(capsys, "--help").out


def test_run_writes_a_file_and_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    done = Outcome(capsys, "run", "bowl.toml")
    assert done.status == 0
    assert done.err == ""
    for text in ("A bowl [1/2]", "bowl.h5", "100 cells", "mass error", "pass", "stationary mass"):
        assert text in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    with read("bowl.h5") as stored:
        assert stored.complete
        assert stored.provenance["platform"]


def test_json_is_one_strict_object_and_nothing_else_is_said_or_imported() -> None:
    code = (
        "import sys\nfrom fokkerplanck.cli import main\n"
        "try:\n    main(['run', 'bowl.toml', '--json', '-o', 'a.h5'])\n"
        "finally:\n    print({'matplotlib', 'xarray', 'fipy'} & set(sys.modules), file=sys.stderr)"
    )
    done = process("-c", code)
    assert done.returncode == 0
    assert done.stderr == "set()\n"

    def refuse(text: str) -> None:
        pytest.fail(f"{text} is not JSON")

    found = json.loads(done.stdout, parse_constant=refuse)
    assert found["output"] == "a.h5"
    assert [row["pass"] for row in found["expect"]] == [True, True]
    row = set(found["expect"][0])
    assert {"quantity", "computed", "predicted", "relative_error", "rtol", "valid", "pass"} <= row
    assert found["passage"] == {}
    assert found["spectrum"] == []


def test_set_changes_the_case(capsys: pytest.CaptureFixture[str]) -> None:
    words = "run bowl.toml --json --set grid.x.cells=50 noise.temperature=0.25 --set title=B"
    found = json.loads(Outcome(capsys, *words.split()).out)
    assert found["grid"]["cells"] == [50]
    assert found["title"] == "B"
    assert not found["expect"][0]["pass"]  # the status is 0 all the same


def test_options_of_several_values_are_spread() -> None:
    assert spread(["--set", "a=1", "b=2", "case"]) == ["--set", "a=1", "--set", "b=2", "case"]
    assert spread(["a", "--tol", "tv=1", "-o", "x=y"]) == ["a", "--tol", "tv=1", "-o", "x=y"]
    assert spread(["--set", "case.toml"]) == ["--set", "case.toml"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run missing.toml", "missing.toml"),
        ("run bowl.toml --set grid.x.cellz=5", "cellz"),
        ("run bowl.toml --set noise.temperature=-1", "noise.temperature"),
        ("run bowl.toml --set landscape.loss=__import__('os')", "landscape.loss"),
        ("run bowl.toml -o missing/a.h5", "missing/a.h5"),
        ("run bowl.toml -o .", "is a directory"),
        ("run bowl.toml -o bowl.toml --force", "the case file itself"),
        ("run bowl.toml --set expect.0.quantity=nothing", "expect.0.quantity"),
        ("run bowl.toml --set expect.0.quantity=evolve.means.0", "has times, mean, covariance"),
        ("run", "Missing argument"),
        ("run bowl.toml --nonsense", "--nonsense"),
        ("fly", "fly"),
        ("info missing.h5", "no such file"),
        ("info bowl.toml", "is not an HDF5 file"),
        ("info", "needs a FILE"),
        ("plot missing.h5", "no such file"),
        ("compare missing.h5 missing.h5", "no such file"),
        ("verify --only nothing", "nothing"),
        ("verify --list --only nothing", "nothing"),
        ("verify cases", "has no case files"),
        ("verify missing.toml", "missing.toml"),
        ("verify bowl.toml --only nothing", "nothing"),
        ("new rung", 'did you mean "ring"'),
        ("new ring -o missing/a.toml", "missing/a.toml"),
        ("new ring -o bowl.toml", "exists already"),
    ],
)
def test_mistakes_end_with_status_2_and_one_message(
    capsys: pytest.CaptureFixture[str], command: str, message: str
) -> None:
    done = Outcome(capsys, *command.split())
    assert done.status == 2
    assert message in done.err
    assert done.out == ""
    assert Path("bowl.toml").read_text() == CASE


def test_existing_results_stay_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    assert Outcome(capsys, "run", "bowl.toml").status == 0
    before = Path("bowl.h5").read_bytes()
    done = Outcome(capsys, "run", "bowl.toml")
    assert done.status == 2
    assert "--force" in done.err
    assert Path("bowl.h5").read_bytes() == before
    assert Outcome(capsys, "run", "bowl.toml", "--force", "--quiet").out == ""
    assert Path("bowl.h5").read_bytes() != before  # other times of day
    assert Outcome(capsys, "run", "bowl.toml", "--resume").status == 0


def test_compare_passes_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    Outcome(capsys, "run", "bowl.toml", "-o", "a.h5")
    Outcome(capsys, "run", "bowl.toml", "-o", "b.h5", "--set", "noise.temperature=0.6")
    same = Outcome(capsys, "compare", "a.h5", "a.h5", "--tol", "tv=0", "w2=1e-9", "--json")
    assert same.status == 0
    assert json.loads(same.out)["tv"] == 0
    other = Outcome(capsys, "compare", "a.h5", "b.h5", "--at", "0.5", "--tol", "tv=1e-3", "--json")
    assert other.status == 4
    found = json.loads(other.out)
    assert found["failed"] == ["tv"]
    assert found["tv"] > 1e-3
    assert "FAIL" in Outcome(capsys, "compare", "a.h5", "b.h5", "--tol", "tv=1e-3").out
    assert Outcome(capsys, "compare", "a.h5", "b.h5", "--tol", "size=1").status == 2
    assert "0.5, 1" in Outcome(capsys, "compare", "a.h5", "b.h5", "--at", "7").err


def test_verify_judges_cases(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    done = Outcome(capsys, "verify", "bowl.toml")
    assert done.status == 0
    assert "2 passed, 0 failed" in done.out
    assert not list(tmp_path.glob("*.h5"))
    (tmp_path / "cases").mkdir()
    wrong = CASE.replace("value = 0.5", "value = 0.6")
    (tmp_path / "cases" / "wrong.toml").write_text(wrong)
    done = Outcome(capsys, "verify", "bowl.toml", "cases", "--json")
    assert done.status == 4
    found = json.loads(done.out)
    assert (found["passed"], found["failed"]) == (3, 1)
    assert {Path(row["case"]).name for row in found["results"]} == {"bowl.toml", "wrong.toml"}
    one = json.loads(Outcome(capsys, "verify", "cases", "--only", "ornstein", "--json").out)
    assert [row["prediction"] for row in one["results"]] == ["ornstein-uhlenbeck"]


def test_info_says_what_a_file_holds(capsys: pytest.CaptureFixture[str]) -> None:
    Outcome(capsys, "run", "bowl.toml")
    text = Outcome(capsys, "info", "bowl.h5").out
    for word in ("A bowl [1/2]", "complete", "density", "numpy", "temperature = 0.5", "0.5, 1"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80
    found = json.loads(Outcome(capsys, "info", "bowl.h5", "--json").out)
    assert found["times"] == [0.5, 1.0]
    assert found["datasets"]["density"].startswith("(time, x)")
    assert found["provenance"]["versions"]["fokkerplanck"] == __version__
    assert "Risken" in Outcome(capsys, "info", "--cite").out


def test_plot_draws_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Outcome(capsys, "run", "bowl.toml")
    done = Outcome(capsys, "plot", "bowl.h5")
    assert done.status == 0
    assert Path("bowl.png").read_bytes().startswith(b"\x89PNG")
    assert Outcome(capsys, "plot", "bowl.h5").status == 2  # it exists now
    assert Outcome(capsys, "plot", "bowl.h5", "-o", "a.xyz").status == 2
    assert Outcome(capsys, "plot", "bowl.h5", "bowl.h5", "-o", "two.pdf").status == 0


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_templates_are_cases_that_run(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert kind in Outcome(capsys, "new").out
    assert Outcome(capsys, "new", kind, "-o", "new.toml").status == 0
    assert Path("new.toml").read_text() == Outcome(capsys, "new", kind).out
    small = ["grid.x.cells=48"]
    if kind == "levy":  # where wells are a cell wide its times are refused
        small = ["grid.x.cells=192"]
    if "y = {" in TEMPLATES[kind][1]:
        small = ["grid.x.cells=24", "grid.y.cells=24"]
    if "[evolve]" in TEMPLATES[kind][1] and len(small) > 1:
        small.append("evolve.times=[0.1, 1.0]")
    found = Outcome(capsys, "run", "new.toml", "--json", "--set", *small)
    assert found.status == 0, found.err
    result = json.loads(found.out)
    if result["evolve"]:
        assert result["mass_error"] < 1e-10
        # Hermite modes are not kept positive
        least = -1e-4 if kind == "underdamped" else 0.0
        assert result["minimum_density"] >= least
    else:
        assert result["passage"]["left to right"]["mean"] > 1e3


def test_expectations_of_templates_hold(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ("double-well", "ornstein-uhlenbeck", "escape", "escape-2d")
    for kind in kinds:
        Outcome(capsys, "new", kind, "-o", f"{kind}.toml")
    done = Outcome(capsys, "verify", *(f"{kind}.toml" for kind in kinds))
    assert done.status == 0, done.out


def test_a_reader_that_goes_away_is_no_error() -> None:
    run_case(load_case("bowl.toml"), "bowl.h5")
    command = f"{sys.executable} -m fokkerplanck.cli info bowl.h5 --json | head -c 1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout == "{"
    assert done.stderr == ""


def test_help_and_version_import_no_numerics() -> None:
    heavy = "{'numpy', 'h5py', 'numba', 'scipy', 'sympy', 'pydantic', 'matplotlib'}"
    code = f"import fokkerplanck.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(np.array([1.0, 2.0])) as progress:
        progress.advance(1.0, 1e-16)
    assert capsys.readouterr() == ("", "")


def test_progress_counts_decades_or_time() -> None:
    decades = np.geomspace(1e-2, 1e6, 9)
    fractions = [fraction_done(decades, t) for t in decades]
    np.testing.assert_allclose(fractions, np.arange(1, 10) / 9)
    even = np.linspace(0.0, 10.0, 6)
    np.testing.assert_allclose([fraction_done(even, t) for t in even], even / 10)
    assert fraction_done(np.array([5.0]), 5.0) == 1.0


def test_a_terminal_is_told_of_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with Progress(np.array([1.0])):
        assert numba.njit(lambda x: x + 1)(1) == 2
    assert "compiling kernels" in shown.getvalue()
    before = len(shown.getvalue())
    assert numba.njit(lambda x: x + 2)(1) == 3  # nobody listens any more
    with Progress(np.array([1.0]), quiet=True):
        assert numba.njit(lambda x: x + 3)(1) == 4
    assert len(shown.getvalue()) == before
