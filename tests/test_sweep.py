"""Sweeps: values, points, outcomes, files, going on, and the command."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import fokkerplanck as fp
from fokkerplanck.cli import main
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.sweep import run_sweep
from fokkerplanck.sweep_copy import Copy
from fokkerplanck.sweep_dask import solve_with_dask
from fokkerplanck.sweep_data import Outcome
from fokkerplanck.sweep_file import is_sweep, read_sweep, write_sweep
from fokkerplanck.sweep_journal import Journal, read_journal
from fokkerplanck.sweep_points import Point, plan
from fokkerplanck.sweep_pool import solve_in_pool
from fokkerplanck.sweep_values import parse_vary
from fokkerplanck.sweep_worker import solve
from tests.sweeps import CASE, synthetic

T = "noise.temperature"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "well.toml").write_text(CASE)


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "well.toml", "--workers", "0", *arguments])
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("8,16,32", [8, 16, 32]),
        ("1e-3, 0.5", [1e-3, 0.5]),
        ("0:1:5", [0, 0.25, 0.5, 0.75, 1]),
        ("8:512:7:log", [8, 16, 32, 64, 128, 256, 512]),
        ("0.1:0.3:3", [0.1, 0.2, 0.3]),
        ("1.0:0.01:3:log", [1.0, 0.1, 0.01]),
        ("1,2,10:30:3", [1, 2, 10, 20, 30]),
        ("frozen,absolute", ["frozen", "absolute"]),
        ("[-1.0, 0.0],[1.0, 0.5]", [[-1.0, 0.0], [1.0, 0.5]]),
        ('"a,b",c', ["a,b", "c"]),
        ("true,false", [True, False]),
        ("a:b", ["a:b"]),
    ],
)
def test_values(text, values):
    found = parse_vary([f"some.key={text}"])["some.key"]
    assert found == values
    assert list(map(type, found)) == list(map(type, values)) or "0:1:5" in text


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["noise.temperature"], "expects KEY=VALUE"),
        (["=1"], "expects KEY=VALUE"),
        ([f"{T}=1", f"{T}=2"], "varied twice"),
        ([f"{T}=1,,2"], "an empty value"),
        ([f"{T}="], "an empty value"),
        ([f"{T}=1:2"], "FIRST:LAST:COUNT"),
        ([f"{T}=1:2:1"], "count from 2"),
        ([f"{T}=1:1:3"], "from one finite number to another"),
        ([f"{T}=0:1:3:log"], "two numbers > 0"),
        ([f"{T}=1:2:3:cubic"], "log or linear"),
    ],
)
def test_values_that_cannot_be_read(texts, message):
    with pytest.raises(CaseError, match=message):
        parse_vary(texts)


@pytest.mark.parametrize(
    ("vary", "options", "message"),
    [
        ({}, {}, "at least one key"),
        ({T: []}, {}, "no value"),
        ({T: [0.1, "warm"]}, {}, "of one sort"),
        ({T: [0.1, float("nan")]}, {}, "finite"),
        ({T: [0.1, 0.1]}, {}, "twice"),
        ({T: [0.1, 0.2], "grid.x.cells": [64]}, {"zipped": True}, "2 of noise.temperature, 1 of"),
        ({T: range(1, 1000), "grid.x.cells": range(3, 1000)}, {}, "at most 100000 points"),
        ({"noise.temprature": [0.1]}, {}, 'did you mean "temperature"'),
        ({T: [-0.1, -0.2]}, {}, "must be > 0"),
        ({"noise.temperature.x": [1]}, {}, "not a table"),
    ],
)
def test_sweeps_that_cannot_be_are_refused_before_anything_runs(vary, options, message):
    with pytest.raises(CaseError, match=message):
        run_sweep("well.toml", vary, "out.h5", workers=0, **options)
    assert not list(Path().glob("out*"))


def test_full_grid_runs_with_the_last_key_fastest():
    vary = {T: [0.05, 0.1], "grid.x.cells": [32, 64]}
    result = fp.run_sweep("well.toml", vary, workers=0)
    assert result.varied[T].tolist() == [0.05, 0.05, 0.1, 0.1]
    assert result.varied["grid.x.cells"].tolist() == [32, 64, 32, 64]
    alone = fp.load_case("well.toml", [f"{T}=0.1", "grid.x.cells=64"]).run()
    mean = alone.json()["passage"]["a"]["mean"]
    assert result.table["passage.a.mean"][3] == mean
    law = alone.json()["expect"][0]["predicted"]
    assert result.table["expect.passage.a.mean.kramers"][3] == law


def test_points_side_by_side():
    vary = {T: [0.05, 0.1], "grid.x.cells": [32, 64]}
    result = fp.run_sweep(fp.load_case("well.toml"), vary, workers=0, zipped=True)
    assert len(result) == 2
    assert result.scalars["grid.cells.0"].tolist() == [32, 64]


def test_points_that_fail_are_recorded_and_the_rest_go_on():
    # a negative temperature is no case, a grid of 3 cells none that can be solved for passages
    vary = {T: [0.05, -1.0], "grid.x.max": [2.2, 0.5]}
    result = run_sweep("well.toml", vary, "out.h5", workers=0)
    assert result.status == ["done", "failed", "failed", "failed"]
    assert "must be > 0" in result.messages[2]
    assert str(Path.cwd()) not in "".join(result.messages.values())
    again = read_sweep("out.h5")
    assert again.outcomes == result.outcomes
    assert np.isnan(again.table["passage.a.mean"][1:]).all()


def test_whatever_goes_wrong_in_a_point_is_its_outcome(monkeypatch):
    assert solve("grid = 3", None).status == "failed"

    def breaks(case):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("fokkerplanck.run.judge_case", breaks)
    assert solve(CASE, None) == Outcome("crashed", "ZeroDivisionError: by zero")

    def exhausts(case):
        raise MemoryError

    monkeypatch.setattr("fokkerplanck.run.judge_case", exhausts)
    assert solve(CASE, None).status == "crashed"
    assert "memory" in solve(CASE, None).message


def test_processes_find_what_this_one_finds(tmp_path):
    vary = {T: [0.05, 0.1, 0.2]}
    run_sweep("well.toml", vary, "pool.h5", workers=1)
    run_sweep("well.toml", vary, "here.h5", workers=0)
    assert Path("pool.h5").read_bytes() == Path("here.h5").read_bytes()


#: answers like a worker, and dies on some points
FRAIL = """
import json, os, sys
print("ready", flush=True)
for line in sys.stdin:
    text, path = json.loads(line)
    if text == "dies":
        os.kill(os.getpid(), 9)
    if text == "breaks":
        sys.exit("too bad")
    print(json.dumps({"status": "done", "message": "", "result": {"x": 1.0}}), flush=True)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_dies_takes_only_its_own_point(workers, monkeypatch):
    monkeypatch.setattr("fokkerplanck.sweep_pool.WORKER", ("-c", FRAIL))
    texts = ["a", "dies", "b", "breaks", "c", "dies"]
    found = dict(solve_in_pool([Point(k, t) for k, t in enumerate(texts)], None, workers))
    killed = Outcome("crashed", "the process was killed by SIGKILL (often: too little memory)")
    assert found[1] == found[5] == killed
    assert found[3] == Outcome("crashed", "the process ended with status 1: too bad")
    assert {found[k].status for k in (0, 2, 4)} == {"done"}


def test_processes_that_do_not_start_are_an_error(monkeypatch):
    monkeypatch.setattr("fokkerplanck.sweep_pool.WORKER", ("-c", "raise SystemExit('no room')"))
    with pytest.raises(DataError, match="did not start: the process ended with status 1: no room"):
        list(solve_in_pool([Point(0, "a"), Point(1, "b")], None, 2))


@pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")
def test_a_copy_of_this_process_answers_and_dies_alone():
    def answer():
        for line in sys.stdin:
            print(len(line), len(os.listdir("/proc/self/fd")), os.getsid(0) == os.getpid())
            sys.stdout.flush()
            if line == "leave\n":
                raise ValueError("too bad")

    with tempfile.TemporaryFile() as errors, socket.socket():
        one, other = Copy(answer, errors), Copy(answer, errors)
        for copy in (one, other):
            copy.stdin.write("four\n")
            copy.stdin.flush()
            # nothing is open but three streams, and the list itself
            assert copy.stdout.readline().split() == ["5", "4", "True"]
        one.kill()
        assert one.wait() == -9
        assert other.poll() is None
        other.stdin.write("leave\n")
        other.stdin.flush()
        assert other.wait() == 1
        errors.seek(0)
        assert errors.read().decode().strip().endswith("ValueError: too bad")
        for copy in (one, other):
            copy.stdin.close()
            copy.stdout.close()


def test_survival_curves_are_left_out_unless_they_are_wanted():
    text = CASE.replace("survival = false\n", "")
    assert solve(text, None).result["passage"]["a"]["survival"] is None
    assert solve(text.replace("reactive", "survival = true\nreactive"), None).result["passage"][
        "a"
    ]["survival"]
    more = '[[expect]]\nquantity = "passage.a.survival.error"\nvalue = 0.0\natol = 1e-6\n'
    (_, row) = solve(text + more, None).result["expect"]
    assert row["pass"]


def test_an_iterator_that_is_closed_ends_its_processes(monkeypatch):
    monkeypatch.setattr("fokkerplanck.sweep_pool.WORKER", ("-c", FRAIL))
    before = threading.active_count()
    found = solve_in_pool([Point(k, "a") for k in range(1000)], None, 2)
    next(found)
    found.close()
    assert threading.active_count() == before


def test_file_opens_with_xarray():
    vary = {T: [0.05, 0.1], "noise.reading": ["ito", "stratonovich"]}
    result = run_sweep("well.toml", vary, "out.h5", workers=0)
    with xr.open_dataset("out.h5", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"point": 4}
        assert data["noise.reading"].values.tolist() == ["ito", "stratonovich"] * 2
        assert data["passage.a.mean"].values.tolist() == result.table["passage.a.mean"].tolist()
        shape, keys = data.attrs["vary_shape"], list(data.attrs["vary_keys"])
        assert keys == list(vary)
        assert data[T].values.reshape(shape)[:, 0].tolist() == [0.05, 0.1]
        assert json.loads(str(data["result"].values[0]))["passage"]["a"]["mean"] > 0
        assert 'kind = "quartic"' in str(data["case"].values)


def test_interrupted_sweep_goes_on_to_the_same_bytes(monkeypatch):
    vary = {T: [0.05, 0.1, 0.2, 0.4]}
    run_sweep("well.toml", vary, "whole.h5", workers=0)
    real, left = solve, [2]

    def stops(text, path):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(text, path)

    monkeypatch.setattr("fokkerplanck.sweep_worker.solve", stops)
    with pytest.raises(KeyboardInterrupt, match="2 of 4 points") as stop:
        run_sweep("well.toml", vary, "out.h5", workers=0)
    assert stop.value.path == Path("out.h5.part")
    part = read_sweep("out.h5.part")
    assert part.tally() == {"done": 2, "missing": 2}
    assert is_sweep("out.h5.part")
    assert len(part.fit()[0].points) == 2
    with pytest.raises(DataError, match="--resume goes on"):
        run_sweep("well.toml", vary, "out.h5", workers=0)
    with pytest.raises(CaseError, match="values of --vary changed"):
        run_sweep("well.toml", {T: [0.05, 0.1]}, "out.h5", workers=0, resume=True)
    with pytest.raises(CaseError, match=r"keys changed from noise\.temperature to grid\.x\.cells"):
        run_sweep("well.toml", {"grid.x.cells": [32]}, "out.h5", workers=0, resume=True)
    Path("well.toml").write_text(CASE.replace("64", "65"))
    with pytest.raises(CaseError, match="the case, or what --set says, changed"):
        run_sweep("well.toml", vary, "out.h5", workers=0, resume=True)
    Path("well.toml").write_text(CASE)
    left[0] = 2  # no more than what is left
    run_sweep("well.toml", vary, "out.h5", workers=0, resume=True)
    assert Path("out.h5").read_bytes() == Path("whole.h5").read_bytes()


def test_a_header_torn_by_a_kill_begins_anew():
    Path("out.h5.part").write_text('{"format": "fokkerplanck sweep jou')
    assert run_sweep("well.toml", {T: [0.1]}, "out.h5", workers=0, resume=True).status == ["done"]


def test_the_unfinished_file_of_a_run_is_left_alone():
    Path("out.h5.part").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match="cannot be read as the journal"):
        run_sweep("well.toml", {T: [0.1]}, "out.h5", workers=0, resume=True)
    assert Path("out.h5.part").read_bytes() == b"\x89HDF\r\n\x1a\n"


def test_crashed_points_are_tried_again_and_failed_ones_are_not(monkeypatch):
    asked = []
    fate = {"0.05": Outcome("done", "", {"x": 1.0}), "0.1": Outcome("crashed", "was killed")}

    def answers(text, path):
        t = text.partition("temperature = ")[2].split("\n")[0]
        asked.append(t)
        return fate.get(t, Outcome("failed", "no"))

    monkeypatch.setattr("fokkerplanck.sweep_worker.solve", answers)
    vary = {T: [0.05, 0.1, 0.2]}
    result = run_sweep("well.toml", vary, "out.h5", workers=0)
    assert result.status == ["done", "crashed", "failed"]
    assert asked == ["0.05", "0.1", "0.2", "0.1"]  # once more at the end, alone
    fate["0.1"] = fate["0.05"]
    result = run_sweep("well.toml", vary, "out.h5", workers=0, resume=True)
    assert result.status == ["done", "done", "failed"]
    assert asked[4:] == ["0.1"]


def test_a_data_file_that_changes_is_another_sweep(monkeypatch):
    header = plan(fp.case.load_variants("well.toml"), {T: [0.1]}).header
    other = type(header)(**{**header.json(), "data": {"surface.h5": "ab"}})
    with Journal(Path("out.h5.part"), other):
        pass
    with pytest.raises(CaseError, match=r"a data file changed \(surface.h5 from ab to None\)"):
        run_sweep("well.toml", {T: [0.1]}, "out.h5", workers=0, resume=True)


def test_journal_drops_a_torn_line_and_refuses_damage(tmp_path):
    result = synthetic({T: [0.1, 0.2]}, lambda t: 1 / t)
    path = Path("a.h5.part")
    with Journal(path, result.header) as journal:
        journal.add(0, result.outcomes[0])
        with pytest.raises(DataError, match="another process"):
            Journal(path, result.header)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"point": 1, "sta')
    found, length = read_journal(path)
    assert length == len(whole)
    assert found.outcomes == {0: result.outcomes[0]}
    path.write_bytes(whole[:-9] + b"\n" + whole)
    with pytest.raises(DataError, match="cannot be read as the journal"):
        read_journal(path)


def test_the_same_results_give_the_same_bytes_in_any_order(tmp_path):
    result = synthetic({T: [0.1, 0.2], "noise.model": ["a", "b"]}, lambda t, m: 1 / t)
    turned = type(result)(result.header, dict(reversed(result.outcomes.items())))
    write_sweep(result, Path("a.h5"))
    write_sweep(turned, Path("b.h5"))
    assert Path("a.h5").read_bytes() == Path("b.h5").read_bytes()
    assert read_sweep("a.h5").outcomes == result.outcomes


def test_command_prints_points_and_slopes(capsys):
    assert command("--vary", f"{T}=0.02,0.03,0.05", "-o", "out.h5") == 0
    out = capsys.readouterr().out
    assert "log mean of passage a" in out
    assert "1/noise.temperature" in out
    assert "kramers" in out
    assert "A well [1/2]" in out


def test_command_gives_one_json_object(capsys):
    assert command("--vary", f"{T}=0.02,0.03,-1", "--set", "grid.x.cells=48", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == "well_sweep.h5"
    assert [p["status"] for p in found["points"]] == ["done", "done", "failed"]
    assert found["points"][2]["values"] == {T: -1}
    assert found["points"][0]["quantities"]["grid.cells.0"] == 48
    # the barrier, 1/4, but for how few are turned back so far behind the top
    assert found["fits"][0]["predicted"]["kramers"]["slope"] == pytest.approx(0.25, rel=1e-8)
    assert found["tally"] == {"done": 2, "failed": 1}


def test_command_fails_when_every_point_does(capsys):
    status = command("--vary", f"{T}=0.02,0.03", "--set", "passage.0.to.centre=[2.5]")
    assert status in (2, 3)
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "varies at least one key"),
        (("--vary", f"{T}=0.1", "-o", "well.toml"), "the case file itself"),
        (("--vary", f"{T}=0.1", "--scheduler", "tcp://127.0.0.1:1"), "--workers is for this"),
    ],
)
def test_command_refuses(arguments, message, capsys):
    assert command(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("address", ["foo", "tcp://", "127.0.0.1", "tcp://a b:1"])
def test_what_is_no_address_is_refused_at_once(address):
    with pytest.raises(CaseError, match="expects tcp://HOST:PORT"):
        next(solve_with_dask([], None, address))


def test_info_tells_what_a_sweep_holds(capsys):
    write_sweep(synthetic({T: [0.1, 0.2, 0.4]}, lambda t: 1 / t, missing=[1]), Path("a.h5"))
    with pytest.raises(SystemExit):
        main(["info", "a.h5"])
    out = capsys.readouterr().out
    with pytest.raises(DataError, match="is a sweep of many runs"):
        fp.read("a.h5")
    assert "2 done, 1 failed" in out
    assert "passage.a.mean" in out
    with pytest.raises(SystemExit):
        main(["info", "a.h5", "--json"])
    assert json.loads(capsys.readouterr().out)["shape"] == [3]
