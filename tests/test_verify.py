"""``verify``: which predictions are checked, how a wrong one is met, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fokkerplanck.cli import main
from fokkerplanck.errors import NumericalError
from fokkerplanck.verification import Entry, Row, deviation, from_log10, registry
from fokkerplanck.verification.registry import ENTRIES, chosen

#: entries of more than a second; `verify --all` has them, too
SLOW = {"D4", "D5", "I.18", "I.19", "I.20", "I.21", "I.23"}
SLOW |= {"I.29", "I.30", "I.31", "I.33", "I.36"}
KEYS = {
    *("case", "source", "name", "quantity", "computed", "predicted", "relative_error"),
    *("rtol", "atol", "tolerance", "prediction", "valid", "pass", "note"),
}


def ask(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["verify", *arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return left.value.code or 0, captured


#: statements about SGD outside of the list I
SECTIONS = ["C4", "C6", "C7", "C9", "C11", "D4", "D5", "E1", "E2", *(f"E{n}" for n in range(5, 10))]
SECTIONS += ["F2", "F3"]


def test_every_prediction_has_an_entry():
    wanted = range(1, 37)
    assert [entry.number for entry in ENTRIES] == [*(f"I.{n}" for n in wanted), *SECTIONS]


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.number not in SLOW], ids=lambda e: e.number
)
def test_predictions_hold(entry):
    failed = [row for row in entry.rows() if not row.passed]
    assert failed == []


@pytest.mark.slow
@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.number in SLOW], ids=lambda e: e.number)
def test_predictions_that_take_long_hold(entry):
    assert [row for row in entry.rows() if not row.passed] == []


def test_numbers_names_and_descriptions_are_unique():
    numbers = [entry.number for entry in ENTRIES]
    assert len(set(numbers)) == len(numbers)
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    assert all(entry.about for entry in ENTRIES)


def test_only_takes_numbers_whole_and_words_in_part():
    assert [e.number for e in chosen("I.2")] == ["I.2"]
    assert [e.number for e in chosen("22")] == ["I.22"]
    assert {e.number for e in chosen("entropy production")} == {"I.21", "I.22"}
    assert chosen(None) == ENTRIES
    assert chosen("nothing of the kind") == ()


def test_rows_are_judged_by_relative_or_absolute_error():
    row = Row("x", 1.0 + 1e-6, 1.0, 2e-6, "theory")
    assert row.passed
    assert row.relative_error == pytest.approx(1e-6)
    assert not Row("x", 1.0 + 3e-6, 1.0, 2e-6, "theory").passed
    assert deviation("x", 0.0, 0.0, "theory").passed
    assert not deviation("x", -1e-30, 0.0, "theory").passed
    assert not Row("x", float("nan"), 1.0, 1.0, "theory").passed
    assert not deviation("x", float("nan"), 1.0, "theory").passed
    assert not Row("x", None, 1.0, 1.0, "theory").passed


def test_logarithms_carry_numbers_of_any_size():
    row = from_log10("tau", 1000.0 + 1e-9, 1000.0, 1e-8, "theory")
    assert row.computed is None
    assert row.passed
    assert row.relative_error == pytest.approx(2.302585e-9, rel=1e-3)
    assert from_log10("tau", 2.0, 2.0, 1e-8, "theory").computed == pytest.approx(100.0)


def test_listing_computes_nothing(capsys, monkeypatch):
    def never():
        raise AssertionError

    entry = Entry("I.99", "a law", "something computed", never)
    monkeypatch.setattr(registry, "ENTRIES", (entry,))
    status, said = ask(capsys, "--list")
    assert status == 0
    assert "I.99" in said.out
    status, said = ask(capsys, "--list", "--json")
    expected = {"source": "I.99", "name": "a law", "about": "something computed"}
    assert json.loads(said.out) == {"predictions": [expected]}


def test_a_prediction_passes_and_its_json_has_all_keys(capsys):
    status, said = ask(capsys, "--only", "I.22", "--json")
    assert status == 0
    found = json.loads(said.out)
    assert (found["passed"], found["failed"]) == (6, 0)
    for row in found["results"]:
        assert set(row) == KEYS
        assert (row["case"], row["source"]) == (None, "I.22")
        assert row["relative_error"] <= row["tolerance"] == row["rtol"]
        assert row["valid"] is True


def test_a_wrong_closed_form_fails_with_status_4(capsys, monkeypatch):
    from fokkerplanck.verification import flows

    monkeypatch.setitem(flows.RING, "current", 0.0279465 * (1 + 1e-3))
    status, said = ask(capsys, "--only", "driven ring")
    assert status == 4
    assert "FAIL" in said.out
    assert "4 passed, 2 failed" in said.out
    status, said = ask(capsys, "--only", "driven ring", "--quiet")
    assert (status, said.out) == (4, "")


def test_a_wrong_solver_fails_with_status_4(capsys, monkeypatch):
    from fokkerplanck.verification import passages

    right = passages.quartic
    monkeypatch.setattr(passages, "quartic", lambda t: right(t * (1 + 1e-9)))
    status, said = ask(capsys, "--only", "I.6", "--json")
    assert status == 4
    rows = json.loads(said.out)["results"]
    # the time grows like e^(barrier/T), so the deepest barrier shows it most
    assert [row["pass"] for row in rows][-1] is False
    assert rows[-1]["relative_error"] == pytest.approx(600e-9, rel=1e-3)


def test_what_cannot_be_computed_ends_with_status_3(capsys, monkeypatch):
    def refused():
        yield Row("first", 1.0, 1.0, 1e-9, "theory")
        msg = "cannot vouch for the second"
        raise NumericalError(msg)

    def wrong():
        yield Row("number", 1.0, 2.0, 1e-9, "theory")

    entries = (Entry("I.98", "refused", "a", refused), Entry("I.99", "wrong", "b", wrong))
    monkeypatch.setattr(registry, "ENTRIES", entries)
    status, said = ask(capsys)
    assert status == 3
    assert "cannot vouch for the second" in said.out
    assert "1 passed, 2 failed" in said.out
    status, said = ask(capsys, "--json")
    results = json.loads(said.out)["results"]
    assert [row["pass"] for row in results] == [True, False, False]
    assert set(results[1]) == KEYS | {"error"}
    assert ask(capsys, "--only", "wrong")[0] == 4


CASE = """
title = "Equilibrium"
[grid]
x = { min = -4.0, max = 4.0, cells = 100 }
[landscape]
kind = "expression"
loss = "x**2 / 2"
[noise]
kind = "white"
temperature = 0.5
[stationary]
[[expect]]
quantity = "stationary.covariance.0.0"
value = 0.5
atol = 1e-3
"""


def test_all_is_every_prediction_and_the_folder_of_cases_if_there_is_one(
    capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    entry = Entry("I.99", "a law", "b", lambda: [Row("number", 1.0, 1.0, 1e-9, "theory")])
    monkeypatch.setattr(registry, "ENTRIES", (entry,))
    assert "1 passed, 0 failed" in ask(capsys, "--all")[1].out
    Path("cases").mkdir()
    Path("cases/bowl.toml").write_text(CASE)
    found = json.loads(ask(capsys, "--all", "--json")[1].out)
    assert [row["source"] for row in found["results"]] == ["I.99", "cases/bowl.toml"]
    assert found["results"][1]["name"] == "Equilibrium"
    assert found["results"][1]["tolerance"] == 1e-3
    assert set(found["results"][1]) == KEYS
    only = json.loads(ask(capsys, "--all", "--only", "covariance", "--json")[1].out)
    assert [row["source"] for row in only["results"]] == ["cases/bowl.toml"]
    alone = json.loads(ask(capsys, "cases/bowl.toml", "--json")[1].out)
    assert [row["source"] for row in alone["results"]] == ["cases/bowl.toml"]
