"""The benchmark: its rows, what it makes of results, and that it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
WORKLOADS = tuple(f"bench_w{k}" for k in range(1, 10))


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return lambda name: import_module(name)


def all_rows(scripts, quick):
    return [row for name in WORKLOADS for row in scripts(name).rows(quick)]


def test_every_problem_has_a_row_of_ours_and_each_row_its_own_name(scripts):
    ours = scripts("bench_core").OURS
    for quick in (False, True):
        rows = all_rows(scripts, quick)
        assert len({r.key for r in rows}) == len(rows)
        assert {r.group for r in rows if r.name == ours} == {r.group for r in rows}


def test_the_tables_of_the_readme_are_made_of_rows_that_are_there(scripts):
    readme = scripts("bench_readme")
    known = {(r.group, r.name) for r in all_rows(scripts, False)}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for table in readme.TABLES:
        assert f"<!-- bench {table.mark} -->" in text
        for _, group, name in table.rows:
            assert (group, name) in known
    series = {(r.series, r.name) for r in all_rows(scripts, False)}
    assert "<!-- bench W5 -->" in text
    for _, group, name in readme.SERIES:
        assert (group, name) in series


def test_tables_are_put_between_their_marks_and_nothing_else_changes(scripts, tmp_path):
    readme = scripts("bench_readme")
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- bench W1 -->\nold\n<!-- end -->\nafter\n")
    result = {"group": "W1 4096 cells", "l1": 2e-6, "minimum": 4e-23}
    ours = result | {"name": "fokkerplanck", "warm_s": 2e-3, "first_s": 1.0}
    other = result | {"name": "SciPy CN, 1000 steps", "warm_s": 0.05, "first_s": 0.05}
    for _ in range(2):
        assert readme.rewrite([ours, other], page) == ["W1"]
        lines = page.read_text().split("\n")
        assert lines[0] == "before"
        assert lines[-2] == "after"
        assert "| **fokkerplanck** | 2.0e-6 | 4e-23 | 2 ms |" in lines
        assert "| Crank–Nicolson in SciPy, 1000 steps | 2.0e-6 | 4e-23 | × 25 |" in lines
        assert "old" not in lines


def test_growth_is_told_with_its_power(scripts):
    results = [
        {
            "group": f"W5 passage {m}^2",
            "name": "fokkerplanck",
            "series": "W5 passage",
            "cells": m * m,
            "warm_s": 1e-9 * m**2.2,
            "memory_mb": 2.0**-10 * m**2,
        }
        for m in (256, 512, 1024)
    ]
    table = scripts("bench_readme").growth(results).split("\n")
    assert table[0] == "|  | 512² | 1024² | power |"
    assert table[2].endswith("| 0.91 ms, 0.2 GiB | 4.2 ms, 1.0 GiB | 1.10 |")


def test_ratios_floors_and_powers(scripts):
    tables = scripts("bench_tables")
    results = [
        {
            "group": f"W5 {m}",
            "name": name,
            "series": "W5",
            "cells": m * m,
            "warm_s": seconds * m**3,
            "memory_mb": 2.0 * m**2,
            "floor_bytes": 10.0 * m**2,
        }
        for m in (256, 512, 1024, 2048)
        for name, seconds in (("fokkerplanck", 1e-9), ("other", 3e-9))
    ]
    machine = {"triad": 1e10, "normals": 1e8}
    found = tables.compared(results, machine)
    assert [r.get("times_ours") for r in found[:2]] == [None, pytest.approx(3.0)]
    assert found[0]["times_floor"] == pytest.approx(1e-9 * 256**3 / (10.0 * 256**2 / 1e10))
    powers = tables.exponents(found)
    assert len(powers) == 2
    for row in powers:
        assert row["errors"] == pytest.approx({"time": 1.5, "memory": 1.0})
        assert "512^2 to 2048^2" in row["name"]


def test_peers_solve_the_same_problems(scripts):
    # hand-written peers are only worth their time if they converge to the same answer
    w1, w3, w7 = (scripts(f"bench_w{k}") for k in (1, 3, 7))
    errors = []
    for cells in (128, 256):
        call, judge = w1.scipy_line(cells, 500)
        errors.append(judge(call())["l1"])
    assert 3.5 < errors[0] / errors[1] < 4.5
    call, judge = w3.scipy_plane(48, 1.0)
    assert judge(call())["l1"] < 0.02
    x, column = w7.weights(127)
    for make in (w7.dense, w7.levinson):
        call, judge = make(127)
        assert judge(call())["errors"]["centre"] < 0.02
    call, judge = w7.fourier(128)
    assert judge(call())["errors"]["largest"] < 0.02
    # rows of the infinite matrix sum to zero, so those of a part are positive
    assert column[0] + 2 * column[1:64].sum() > 0
    assert (np.diff(column[1:]) > 0).all()
    assert x[0] == pytest.approx(-1 + 1 / 64)


@pytest.mark.slow
def test_a_part_of_it_runs(tmp_path):
    kept = tmp_path / "kept.json"
    only = [
        word
        for part in ("W1", "W2", "W7 exit time, alpha = 1.5: fokk")
        for word in ("--only", part)
    ]
    words = ["--quick", *only, "--json", "--patience", "1", "--save"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bench.py", *words, kept],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert json.loads(kept.read_text()) == found
    assert found["machine"]["triad"] > 1e8
    rows = {(r["group"], r["name"]): r for r in found["rows"]}
    ours = rows["W1 256 cells", "fokkerplanck"]
    assert ours["l1"] < 1e-3
    assert ours["mass_error"] < 1e-12
    assert ours["times_floor"] > 1
    passage = rows["W2 128 cells, passage", "fokkerplanck"]["errors"]
    assert max(map(abs, passage.values())) < 1e-9
    assert not any("failed" in r.get("note", "") for r in found["rows"])
