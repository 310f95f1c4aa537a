"""Paths of a network beside theory: on a quadratic loss, where theory is exact; files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.network_comparison import compare_run
from fokkerplanck.network_modes import modes_of
from fokkerplanck.network_report import balance_table, modes_table, travel_table
from fokkerplanck.network_run import NetworkFile, read_network, write_network
from fokkerplanck.network_statistics import estimate, log_lags, reduce_path
from tests.network_paths import quadratic_run

#: errors of a mean of ten blocks are Student's: 4.8 of them have a chance of 1e-3
FAR = 4.8


@pytest.fixture(scope="module")
def run():
    return quadratic_run()


@pytest.fixture(scope="module")
def found(run):
    return compare_run(run)


def within(estimated, value):
    assert abs(estimated.value - value) < FAR * estimated.error, (estimated, value)


def test_variances_are_those_of_the_steps(found):
    for row in found.modes:
        theory = row.predicted["point"]
        within(row.position, theory.position)
        within(row.velocity, theory.velocity)
        within(row.turn, theory.turn)
        assert theory == row.predicted["way"]
    # the limit is excluded where eta h is not small: 0.79 of the variance of velocity
    stiff = found.modes[0]
    assert stiff.predicted["point"].limit_velocity < 0.8 * stiff.predicted["point"].velocity
    with pytest.raises(AssertionError):
        within(stiff.velocity, stiff.predicted["point"].limit_velocity)


def test_effective_numbers_are_the_true_ones(found):
    for row in found.modes:
        within(row.stiffness, row.predicted["point"].stiffness)
        within(row.noise, row.predicted["point"].noise)
        within(row.memory, 0.0)


def test_effective_stiffness_tells_a_wrong_curvature():
    """A path that feels half of the curvature that was measured: the theory fails, and says why."""
    other = compare_run(quadratic_run(curvature=0.5, seed=1))
    for row in other.modes:
        theory = row.predicted["point"]
        assert row.position.value > 1.5 * theory.position
        within(row.stiffness, 0.5 * (theory.stiffness - 0.004) + 0.004)
        within(row.noise, theory.noise)


def test_equipartition(found):
    e = found.equipartition
    for other in (e.excess, e.virial, e.virial_zero):
        assert abs(other.value / e.kinetic.value - 1) < 0.05
    assert abs(e.potential_along.value / e.kinetic_along.value - 1) < 0.05


def test_distances_and_exponents(found):
    d = found.distances
    within(d.size, d.predicted_size["point"])
    measured, half = np.array(d.measured), np.array(d.half_width)
    assert (np.abs(measured - d.predicted["point"]) < 2.5 * half).all()
    early, late = found.exponents
    assert early.predicted["point"] > 1.5  # ballistic
    assert 0.2 < late.predicted["point"] < 0.8  # neither free nor bound
    for e in (early, late):
        within(e.measured, e.predicted["point"])
    np.testing.assert_allclose(d.predicted["way"], d.predicted["point"], rtol=1e-12)
    assert d.flat == {"point": 0, "way": 0}


def test_rotation_and_circulation(run, found):
    """Rotation in a phase plane is kinematic; circulation between modes is what dissipates."""
    modes = modes_of(run, "point")
    theory, blocks = modes.turning(run.path.lags), run.path.swirl
    error = blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    assert (np.abs(blocks.mean(axis=0) - theory) < 6 * error).all()
    within(found.circulation.slope["point"], 1.0)
    assert found.circulation.slope["point"].error < 0.25
    assert found.circulation.largest["point"] > 0.05


def test_laws_are_normal(found):
    """Total variation of 40 000 correlated points in 2304 cells from their own law."""
    for row in found.modes:
        assert row.shape < 0.12
        assert row.law < 0.12
        assert abs(row.drift) < 0.5


def test_factor_of_a_batch(run):
    assert run.factor == pytest.approx(980 / (20 * 999), rel=1e-14)
    assert replace(run, how={**run.how, "draw": "replacement"}).factor == 1 / 20


def test_file_and_back(run, found, tmp_path):
    path = tmp_path / "network.h5"
    write_network(path, NetworkFile({"network": "a quadratic loss"}, (run, run)))
    back = read_network(path)
    assert back.about["network"] == "a quadratic loss"
    assert len(back.runs) == 2
    again = compare_run(back.runs[0])
    assert again.modes == found.modes
    for a, b in zip(again.exponents, found.exponents, strict=True):
        assert a.measured.value == pytest.approx(b.measured.value, rel=1e-5)
    json.dumps(again.to_dict(), allow_nan=False)
    for made in (modes_table(again), balance_table([again]), travel_table([again])):
        assert made.row_count in (1, 3)


def test_files_that_are_none(run, tmp_path):
    path = tmp_path / "network.h5"
    with pytest.raises(DataError, match="no such file"):
        read_network(path)
    path.write_text("something else")
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        read_network(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match="is not a file of paths of a network"):
        read_network(path)
    write_network(path, NetworkFile({}, (run,)))
    with h5py.File(path, "r+") as file:
        del file["runs/0/covariance"], file["runs/0"].attrs["momentum"]
    with pytest.raises(DataError, match="runs/0 lacks momentum, covariance"):
        read_network(path)
    write_network(path, NetworkFile({}, (run,)))
    with h5py.File(path, "r+") as file:
        file["runs/0/curvature"][1] = np.nan
    with pytest.raises(DataError, match=r"curvature: finite numbers with 1 axes"):
        read_network(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(DataError, match="has format 99"):
        read_network(path)
    write_network(path, NetworkFile({}, ()))
    with pytest.raises(DataError, match="has no runs"):
        read_network(path)


def test_paths_that_are_none():
    with pytest.raises(CaseError, match="n >= 1000"):
        reduce_path(np.zeros((100, 2)), np.zeros(99), 0.1, 0.9)
    with pytest.raises(CaseError, match="finite numbers"):
        reduce_path(np.full((2001, 2), np.nan), np.zeros(2000), 0.1, 0.9)


def test_the_shipped_file():
    """What its page says, of the path whose noise is largest."""
    path = Path(__file__).parents[1] / "cases" / "momentum" / "network.h5"
    assert path.stat().st_size < 600_000
    shipped = read_network(path)
    assert {"command", "config", "data_digest", "torch"} <= set(shipped.about)
    assert [run.how["draw"] for run in shipped.runs] == 4 * ["batches"] + ["epochs"]
    found = compare_run(shipped.runs[0])
    e = found.equipartition
    for virial in (e.virial, e.virial_zero):  # holds for every loss
        assert abs(virial.value - e.kinetic.value) < FAR * virial.error
    assert e.excess.value < 0.7 * e.kinetic.value  # holds for quadratic ones
    early, late = found.exponents
    assert abs(early.measured.value - early.predicted["way"]) < 0.02
    assert late.predicted["absolute"] < late.measured.value < 0.5 * late.predicted["way"]
    assert all(row.turn.value < -5 * row.turn.error for row in found.modes)
    ratios = [row.velocity.value / row.predicted["way"].velocity for row in found.modes]
    assert 0.8 < np.median(ratios) < 0.9


def test_means_of_blocks_and_lags():
    found = estimate([1.0, 2.0, 3.0, np.nan])
    assert found.value == 2.0
    assert found.error == pytest.approx(1 / np.sqrt(3))
    assert found.half_width == pytest.approx(4.30265 * found.error, rel=1e-5)
    assert np.isnan(estimate([1.0]).error)
    np.testing.assert_array_equal(log_lags(16, 5), [1, 2, 4, 8, 16])
