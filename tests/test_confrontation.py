"""The confrontation on synthetic planes: rows, ratios, the law, tables and JSON."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from fokkerplanck import sets
from fokkerplanck.confrontation import confrontation
from fokkerplanck.confrontation_report import confrontation_table, reasons_table
from fokkerplanck.confrontation_row import Ratio
from fokkerplanck.errors import CaseError
from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_chain_report import chain_table
from tests.tables import double_well, plane_well

BEYOND = sets.HalfPlane([1.0], 1.0)


def printed(table):
    console = Console(width=250, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    strong = double_well(tmp_path_factory.mktemp("strong") / "line.h5", noise=8.0)
    told = []
    line = InPlane.load(strong)
    settings = [(0.0125, 1), (0.025, 2)]
    made = confrontation(line, settings, -1.0, BEYOND, 800, stationary=False, progress=told.append)
    assert told == sorted(told)
    return made


def test_small_steps_confirm_ito(found):
    for row in found.rows:
        assert abs(row.ratios["sgd"].value - 1) < 0.12
        assert abs(row.ratios["other_gaussian"].value - 1) < 0.12
        assert abs(row.fokker_planck["stratonovich"].z_sgd) > 5
        assert row.fokker_planck["hanggi-klimontovich"].z_sgd > 10
        assert row.law.shape < 0.04
        # within an epoch the noise takes itself back
        assert row.epochs is None
        assert "their mean is above" in row.notes[0]
    first, second = found.rows
    assert (first.other_sgd.learning_rate, first.other_sgd.batch_size) == (0.025, 2)
    assert (second.other_sgd.learning_rate, second.other_sgd.batch_size) == (0.0125, 1)
    assert first.other_gaussian.batch_size == 0.5
    low, high = first.sgd.interval
    assert low < first.sgd.mean_steps < high
    assert high - low == pytest.approx(2 * 1.961 * first.sgd.standard_error, rel=1e-3)


def test_the_same_seed_gives_the_same_rows(found):
    line = InPlane.load(found.source)
    settings = [{"learning_rate": 0.0125, "batch_size": 1}]
    again = confrontation(line, settings, -1.0, BEYOND, 800, stationary=False)
    assert again.rows[0].to_dict() == found.rows[0].to_dict()


def test_tables_and_json(found):
    text = printed(confrontation_table(found)) + printed(reasons_table(found))
    for word in ("in-plane SGD", "Gaussian twin", "Ito", "H.-K.", "epochs / SGD", "0.0125"):
        assert word in text
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["samples"] == 40
    assert data["rows"][0]["fokker_planck"]["ito"]["mean_steps"] > 0
    assert data["rows"][1]["sgd"]["draw"] == "replacement"
    exact = printed(chain_table(found))
    for word in ("SGD, exact chain", "small noise", "leaps"):
        assert word in exact
    assert data["rows"][0]["chain"]["gaussian"]["mean_steps"] > 0


def test_exact_chains_beside_walkers(found):
    for row in found.rows:
        assert not row.chain.notes
        for time in (row.chain.sgd, row.chain.gaussian):
            assert abs(time.z) < 3.5
            assert time.error < 2e-3
        # the exponent of the diffusion: the integral of 2 L' / C
        x, w = np.polynomial.legendre.leggauss(40)
        x = (x - 1) / 2
        climb = (w * (x**3 - x) / (8 * (1 + 0.3 * x)) ** 2).sum()
        assert row.chain.gaussian_exponent == pytest.approx(climb, rel=1e-4)


def test_ratios_have_intervals_of_their_level():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        a, b = rng.exponential(2.0, 300), rng.exponential(1.0, 300)
        pairs = [(x.mean(), x.std() / np.sqrt(300)) for x in (a, b)]
        ratio = Ratio.of(*pairs, 0.9)
        inside += ratio.low <= 2.0 <= ratio.high
    assert 0.85 < inside / 400 < 0.95


def test_settings_that_are_refused(found):
    line = InPlane.load(found.source)
    for settings in ([], [(0.1, 1.5)], [(-1, 1)], [{"learning_rate": 0.1}], [(0.1,)]):
        with pytest.raises(CaseError, match="setting"):
            confrontation(line, settings, -1.0, BEYOND, 10)


def test_epochs_that_escape(tmp_path):
    line = InPlane.load(double_well(tmp_path / "line.h5", samples=400))
    (row,) = confrontation(line, [(0.2, 1)], -1.0, BEYOND, 300, stationary=False).rows
    assert row.epochs.draw == "epochs"
    assert row.ratios["epochs"].value == pytest.approx(row.epochs.mean_time / row.sgd.mean_time)
    assert not row.notes


@pytest.mark.slow
def test_a_plane(tmp_path):
    plane = InPlane.load(plane_well(tmp_path / "plane.h5"))
    made = confrontation(plane, [(0.1, 1)], [-1.0, 0.0], sets.Ball([1.0, 0.0], 0.4), 1500)
    (row,) = made.rows
    assert abs(row.fokker_planck["ito"].z_sgd) < 4
    assert row.law.shape < 0.05
