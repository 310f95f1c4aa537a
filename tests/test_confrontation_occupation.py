"""Stationary densities and survival curves of in-plane SGD beside the Fokker-Planck equation."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from fokkerplanck import sets
from fokkerplanck.confrontation import confrontation
from fokkerplanck.confrontation_density import Occupied
from fokkerplanck.confrontation_occupation import occupation
from fokkerplanck.confrontation_plain import plain
from fokkerplanck.confrontation_report import density_table, occupation_table
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_sample import InPlaneSample
from fokkerplanck.landscapes.critical import critical_points
from fokkerplanck.occupation import log_occupation_on_line
from tests.tables import double_well, plane_well, quadratics, write

BEYOND = sets.HalfPlane([1.0], 1.0)
OTHERS = ("stratonovich", "hanggi-klimontovich")


@pytest.fixture(scope="module")
def strong(tmp_path_factory):
    return InPlane.load(double_well(tmp_path_factory.mktemp("strong") / "line.h5", noise=8.0))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A quarter of the learning rate and twice the gradients: the same equation, smaller steps."""
    return InPlane.load(double_well(tmp_path_factory.mktemp("small") / "line.h5", noise=16.0))


@pytest.fixture(scope="module")
def found(small):
    return occupation(small, 0.003125, 1, 1000, seed=3)


def test_small_steps_have_the_ito_density_and_no_other(found):
    assert not found.notes
    assert found.moments * (found.window // found.moments) == found.window
    assert found.burn_in == int(np.ceil(5 * found.relaxation))
    for one in (found.sgd, found.gaussian, found.other_gaussian):
        assert one.settled
        assert np.abs(one.z["ito"]).max() < 3.5
        assert one.l1["ito"] < one.sampling_bound
        assert 0.0 < one.sampling < one.sampling_bound < 0.05
        for reading in OTHERS:
            assert np.abs(one.z[reading]).min() > 10
            assert one.l1[reading] > 5 * one.sampling_bound
        assert sum(one.occupation) == pytest.approx(1.0)
        for (low, high), share in zip(one.interval, one.occupation, strict=True):
            assert low < share < high
        ito = found.fokker_planck["ito"]
        assert abs(one.mean[0] - ito.mean[0]) < 4 * one.mean_error[0]
        assert abs(one.covariance[0][0] - ito.covariance[0][0]) < 4 * one.covariance_error[0][0]
        assert one.density.sum() * found.grid.volume == pytest.approx(1.0)


def test_occupations_of_the_equation_are_those_of_quadrature(small, found):
    problem = small.problem(0.003125, 1)
    minima = [p for p in critical_points(small.landscape, problem.grid) if p.kind == "minimum"]
    exact = np.exp(log_occupation_on_line(problem, minima))
    law = found.fokker_planck["ito"]
    np.testing.assert_allclose(law.occupation, exact, atol=1e-5)
    np.testing.assert_allclose([w[0] for w in found.wells], [-1, 1], atol=1e-6)


def test_sampling_alone_is_what_it_says():
    """Walkers of a known law are as far from it as is said, at the level that is said."""
    grid, rng = Grid.line(0.0, 1.0, 20), np.random.default_rng(5)
    groups = np.repeat([0, 1], 80)
    p = np.linspace(1.0, 3.0, 20)
    p /= p.sum()
    below, l1, alone, agree = 0, [], [], []
    for seed in range(150):
        # of two moments each; a walker stays in its cell or is drawn anew
        first, second = rng.choice(20, (2, 160), p=p)
        second = np.where(rng.random(160) < 0.5, first, second)
        x = (np.stack([first, second])[..., None] + 0.5) / 20
        sample = InPlaneSample(np.arange(2), x, 1.0)
        wells = [sets.HalfPlane([-1.0], -0.5), sets.HalfPlane([1.0], 0.5)]
        made = Occupied.of("minibatch", sample, groups, wells, {}, grid, 0.9, seed)
        l1.append(np.abs(made.density / 20 - p).sum())
        alone.append(made.sampling)
        agree.append(made.agreement)
        below += l1[-1] <= made.sampling_bound
    assert np.mean(alone) == pytest.approx(np.mean(l1), rel=0.04)
    assert 0.84 < below / 150 < 0.96
    # the probability that both groups agree is evenly distributed
    assert 0.4 < np.mean(agree) < 0.6
    assert 0.02 < np.mean(np.array(agree) < 0.1) < 0.18


def test_walkers_that_remember_their_start_are_told(strong, monkeypatch):
    from fokkerplanck import confrontation_occupation

    monkeypatch.setattr(confrontation_occupation, "BURN_IN", 0.05)
    monkeypatch.setattr(confrontation_occupation, "WINDOW", 0.1)
    early = occupation(strong, 0.0125, 1, 400)
    assert not early.sgd.settled
    assert "walkers from different minima occupy the wells differently" in early.notes[0]


def test_one_well_has_all(tmp_path):
    one = InPlane.load(quadratics(tmp_path / "a.h5", points=13)[0])
    told = []
    made = occupation(one, 0.1, 1, 300, progress=told.append)
    assert told == sorted(told)
    for kind in (made.sgd, made.gaussian):
        assert kind.occupation == (1.0,)
        assert kind.interval[0][1] == pytest.approx(1.0)
        assert 0.98 < kind.interval[0][0] < 1.0
        assert kind.agreement == 1.0


def test_rows_with_densities_and_survival(strong):
    told = []
    made = confrontation(strong, [(0.025, 2)], -1.0, BEYOND, 400, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    (row,) = made.rows
    curves, ito = row.survival, row.fokker_planck["ito"]
    steps, share = np.array(curves.steps), np.array(curves.sgd.survival)
    assert (np.diff(steps) > 0).all()
    assert (np.diff(share) <= 0).all()
    # the mean is the sum of the survival
    area = steps[0] + ((share[1:] + share[:-1]) / 2 * np.diff(steps)).sum()
    assert area == pytest.approx(row.sgd.mean_steps, rel=0.02)
    law = np.array(curves.fokker_planck)
    area = steps[0] + ((law[1:] + law[:-1]) / 2 * np.diff(steps)).sum()
    assert area == pytest.approx(ito.mean_steps, rel=0.02)
    # Kolmogorov's band of 95 % around 400 walkers
    assert curves.sgd.band == pytest.approx(1.358 / np.sqrt(400), rel=0.02)
    assert np.abs(share - law).max() < curves.sgd.band + 0.05
    np.testing.assert_allclose(
        curves.gaussian.exponential, np.exp(-steps / row.gaussian.mean_steps), rtol=1e-12
    )
    data = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    kept = data["rows"][0]["occupation"]
    assert kept["sgd"]["occupation"] == list(row.occupation.sgd.occupation)
    assert "density" not in kept["sgd"]
    assert "grid" not in kept
    assert len(data["rows"][0]["survival"]["steps"]) == len(steps) <= 101
    console = Console(width=300, file=io.StringIO())
    console.print(occupation_table(made), density_table(made))
    for word in (
        "Gaussian twin",
        "z twin",
        "H.-K.",
        "starts agree",
        "sampling, 95 %",
        "twin, half rate",
    ):
        assert word in console.file.getvalue()


def test_a_row_says_where_the_stationary_density_is_too_far(tmp_path):
    weak = InPlane.load(double_well(tmp_path / "weak.h5", noise=0.5))
    near = sets.HalfPlane([1.0], -0.95)
    (row,) = confrontation(weak, [(0.05, 1)], -1.0, near, 40).rows
    assert row.occupation is None
    assert "no stationary density: the slowest relaxation takes" in row.notes[-1]


def test_survival_counts_walkers_given_up_as_late(strong):
    from fokkerplanck.confrontation_survival import SurvivalCurve

    passage = strong.escape(-1.0, BEYOND, 0.0125, 1, walkers=400, most_steps=300)
    assert passage.censored
    steps = np.array([1.0, 100.0, 300.0, 301.0])
    curve = SurvivalCurve.of(passage, steps, 0.9)
    counted = [(passage.times > n * 0.0125 * (1 + 1e-9)).sum() for n in steps[:3]]
    expected = (np.array(counted) + passage.censored) / 400
    np.testing.assert_allclose(curve.survival[:3], expected)
    assert np.isnan(curve.survival[3])


def test_the_same_seed_gives_the_same_densities(strong):
    first, second = (occupation(strong, 0.05, 2, 40, seed=1) for _ in range(2))
    assert plain(first) == plain(second)
    np.testing.assert_array_equal(first.sgd.density, second.sgd.density)
    other = occupation(strong, 0.05, 2, 40, seed=2)
    assert plain(other.sgd) != plain(first.sgd)


def test_what_is_refused(tmp_path, strong):
    with pytest.raises(CaseError, match="start at 2 minima, two at each"):
        occupation(strong, 0.0125, 1, 3)
    with pytest.raises(CaseError, match="whole number"):
        occupation(strong, 0.0125, 1, 1)
    with pytest.raises(CaseError, match="confidence"):
        occupation(strong, 0.0125, 1, confidence=1.0)
    with pytest.raises(CaseError, match="whole number of samples"):
        occupation(strong, 0.0125, 1.5, 100)
    weak = InPlane.load(double_well(tmp_path / "weak.h5", noise=0.5))
    with pytest.raises(NumericalError, match="hours to reach the stationary density"):
        occupation(weak, 0.05, 1)
    slope = np.linspace(-1, 1, 9)
    path = write(
        tmp_path / "slope.h5", (slope,), slope, np.ones((5, 9, 1)) + np.arange(5)[:, None, None] - 2
    )
    with pytest.raises(CaseError, match="no minimum between the edges"):
        occupation(InPlane.load(path), 0.05, 1)


@pytest.mark.slow
def test_shorter_steps_tend_to_the_ito_density_in_the_plane(tmp_path):
    """Rate over 16, gradients times 4: the same equation, steps a sixteenth as long."""
    off = []
    for rate, noise in ((0.2, 1.5), (0.0125, 6.0)):
        plane = InPlane.load(plane_well(tmp_path / f"{noise}.h5", noise=noise))
        made = occupation(plane, rate, 1, 600)
        assert made.gaussian.settled
        assert made.sgd.settled
        off.append(made.gaussian.l1["ito"] - made.gaussian.sampling)
    assert off[0] > 0.1
    assert off[1] < off[0] / 5
    for one in (made.sgd, made.gaussian, made.other_gaussian):
        assert one.l1["ito"] < 1.3 * one.sampling_bound
        assert np.abs(one.z["ito"]).max() < 3.5
        assert one.l1["hanggi-klimontovich"] > one.sampling_bound
