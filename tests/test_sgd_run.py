"""What a run says about SGD: assumptions, steps and epochs, and the discrete steps beside."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from fokkerplanck import Grid, Problem, landscapes, noise
from fokkerplanck.case import build, load_case, parse_case
from fokkerplanck.cli import main
from fokkerplanck.errors import CaseError
from fokkerplanck.run import run_case
from fokkerplanck.sgd_record import sgd_json
from fokkerplanck.sgd_settings import SGD

CASE = """
[grid]
x = { min = -2.0, max = 2.0, cells = 48 }
[landscape]
kind = "quartic"
[sgd]
learning_rate = 0.1
batch_size = 8
dataset_size = 400
[noise]
kind = "hessian"
[initial]
kind = "gaussian"
mean = [-1.0]
std = [0.2]
[evolve]
times = [10, 50]
unit = "epochs"
[[passage]]
name = "over"
from = { centre = [-1.0] }
to = { centre = [1.0] }
"""
H = np.array([[2.0, 0.5], [0.5, 1.0]])


def bowl(sgd: SGD, covariance=None) -> Problem:
    """Quadratic well of Hessian H, whose gradients have the covariance H unless another."""
    grid = Grid.plane((-1.0, 1.0, 20), (-1.0, 1.0, 20))
    loss = landscapes.from_expression("x**2 + x*y/2 + y**2/2", 2)
    model = noise.covariance(H if covariance is None else covariance, sgd=sgd)
    return Problem(grid, loss, model, sgd=sgd)


def changed(*pairs: tuple[str, str]):
    text = CASE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return parse_case(text)


# the well in discrete steps


def test_well_of_discrete_steps_pinned():
    """theory.md E2 and F2."""
    found = sgd_json(bowl(SGD(0.2, 16)))
    (well,) = found["wells"]
    discrete = [[0.007839721254355, 0.000435540069686], [0.000435540069686, 0.006968641114983]]
    np.testing.assert_allclose(well["discrete_covariance"], discrete, rtol=1e-11)
    np.testing.assert_allclose(well["continuous_covariance"], 0.00625 * np.eye(2), atol=1e-16)
    assert well["discrete_excess_loss"] == pytest.approx(0.0115418118466899, rel=1e-13)
    assert well["continuous_excess_loss"] == pytest.approx(0.009375, rel=1e-13)
    assert found["eta_curvature"] == pytest.approx(0.2 * np.linalg.eigvalsh(H)[-1])
    assert not found["valid"]
    assert "0.0115418, 23.1% above the 0.009375" in found["note"]


def test_well_of_heavy_ball_steps():
    """theory.md E6, mode by mode: eta c / (h (1 - beta) d), d = 2 - eta h / (1 + beta)."""
    found = sgd_json(bowl(SGD(0.1, 32, momentum=0.9)))
    values, vectors = np.linalg.eigh(H)
    modes = 0.1 / (32 * 0.1 * (2 - 0.1 * values / 1.9))
    expected = (vectors * modes) @ vectors.T
    np.testing.assert_allclose(found["wells"][0]["discrete_covariance"], expected, rtol=1e-12)
    assert found["wells"][0]["oscillates"]
    assert "oscillate in the wells at (0, 0)" in found["note"]
    calm = sgd_json(bowl(SGD(0.001, 32, momentum=0.9)))
    assert not calm["wells"][0]["oscillates"]
    assert calm["valid"]


def test_well_of_steps_with_other_noise_by_iteration():
    c, eta = np.array([[1.0, -0.3], [-0.3, 0.5]]), 0.3
    (well,) = sgd_json(bowl(SGD(eta, 4, weight_decay=0.2), c))["wells"]
    a, s = np.eye(2) - eta * (H + 0.2 * np.eye(2)), np.zeros((2, 2))
    for _ in range(400):
        s = a @ s @ a.T + eta**2 * c / 4
    np.testing.assert_allclose(well["discrete_covariance"], s, rtol=1e-10)


def test_largest_learning_rate_of_a_schedule_counts():
    sgd = SGD(0.02, 16, learning_rate_of_t="0.02*(1 + t)")
    assert sgd_json(bowl(sgd))["valid"]
    late = sgd_json(bowl(sgd), [0.0, 9.0])
    assert late["eta_curvature"] == pytest.approx(0.2 * np.linalg.eigvalsh(H)[-1])
    with pytest.raises(CaseError, match="diverges"):
        sgd_json(bowl(sgd), [1e3])


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_steps_that_diverge_are_refused(beta):
    limit = 2 * (1 + beta) / np.linalg.eigvalsh(H)[-1]
    sgd_json(bowl(SGD(0.999 * limit, 16, momentum=beta)))
    with pytest.raises(CaseError, match=r"diverges in the well at .*below ") as error:
        sgd_json(bowl(SGD(1.001 * limit, 16, momentum=beta)))
    assert error.value.key == "sgd.learning_rate"


def test_steps_that_diverge_are_no_descent_where_only_the_noise_has_a_rate():
    text = CASE.replace("[noise]\n", "[noise]\nlearning_rate = 1.5\nbatch_size = 8\n")
    text = text[: text.index("[sgd]")] + text[text.index("[noise]") :]
    case = parse_case(text[: text.index("[initial]")] + "[stationary]")
    found = run_case(case).json()["sgd"]
    assert not found["valid"]
    assert "the diffusion stands for no descent" in found["note"]
    well = found["wells"][0]  # curvature 2 times 1.5
    assert well["discrete_excess_loss"] is None
    assert well["continuous_excess_loss"] == pytest.approx(1.5 * 2 / 4 / 8, rel=1e-12)


def test_without_hyper_parameters_or_wells():
    grid, white = Grid.line(-1.0, 1.0, 16), noise.white(0.1)
    assert sgd_json(Problem(grid, landscapes.quartic(), white)) is None
    slope = Problem(grid, landscapes.from_expression("x"), white, sgd=SGD(0.1, 8))
    found = sgd_json(slope)
    assert found["valid"] is None
    assert "noise is as given" in found["note"]
    flat = Problem(grid, landscapes.from_expression("x**4"), white, sgd=SGD(0.1, 8))
    assert all(w["discrete_covariance"] is None for w in sgd_json(flat)["wells"])


# runs


def test_run_counts_steps_and_epochs_and_states_its_noise(tmp_path):
    result = run_case(parse_case(CASE), tmp_path / "out.h5").json()
    json.dumps(result, allow_nan=False)
    evolve, passage = result["evolve"], result["passage"]["over"]
    np.testing.assert_allclose(evolve["times"], [50.0, 250.0])
    np.testing.assert_allclose(evolve["steps"], [500, 2500])
    np.testing.assert_allclose(evolve["epochs"], [10, 50])
    assert passage["mean_steps"] == pytest.approx(passage["mean"] / 0.1)
    assert passage["mean_epochs"] == pytest.approx(passage["mean"] / 5)
    assert result["noise"]["kind"] == "hessian"
    assert result["noise"]["reading"] == "ito"
    assert "frozen by region" in result["noise"]["assumption"]
    assert result["sgd"]["eb"] == pytest.approx(0.1 / 16)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["diffusion"].attrs["noise_reading"] == "ito"
        assert file["diffusion"].attrs["noise_assumption"] == result["noise"]["assumption"]
        np.testing.assert_allclose(file["observables/steps"], [500, 2500])
        assert json.loads(file["case/summary"][()])["sgd"] == result["sgd"]


def test_printed_summary_has_steps_and_cautions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.toml").write_text(CASE)
    with pytest.raises(SystemExit, match="0"):
        main(["run", "case.toml", "--set", "sgd.momentum=0.5"])
    said = " ".join(capsys.readouterr().out.split())
    for part in (
        "learning rate 0.1, batch size 8 of 400, momentum 0.5; a step takes 0.2",
        "(2500 steps, 50 epochs)",
        "caution",
        "overdamped limit",
        "excess loss",
    ):
        assert part in said
    with pytest.raises(SystemExit, match="0"):
        main(["info", "case.h5"])
    assert "frozen by region" in " ".join(capsys.readouterr().out.split())


def test_noise_alone_may_hold_the_hyper_parameters():
    old = changed(
        ("[sgd]\nlearning_rate = 0.1\nbatch_size = 8\ndataset_size = 400\n", ""),
        ('"hessian"', '"hessian"\nlearning_rate = 0.1\nbatch_size = 8\ndataset_size = 400'),
    )
    problem = build.problem(old)
    assert problem.sgd == SGD(0.1, 8, 400, replacement=False)
    same = changed(("dataset_size = 400", "dataset_size = 400\nreplacement = false"))
    np.testing.assert_array_equal(problem.diffusion(), build.problem(same).diffusion())
    np.testing.assert_array_equal(build.times(old), build.times(same))


@pytest.mark.parametrize("kind", ["white", "tensor"])
def test_given_noise_takes_clock_and_weight_decay(kind):
    given = 'kind = "white"\ntemperature = 0.1' if kind == "white" else 'kind = "tensor"\nD = 0.1'
    case = changed(('kind = "hessian"', given), ("= 400", "= 400\nweight_decay = 0.5"))
    problem = build.problem(case)
    assert np.ptp(problem.diffusion()) == 0
    assert problem.landscape.hessian([[1.0]])[0, 0, 0] == pytest.approx(2.5)
    np.testing.assert_allclose(build.times(case), [50.0, 250.0])


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ('kind = "covariance"\ncovariance = "1 + x**2"\nfloor = 0.1', "covariance"),
        ('kind = "loss"\noffset = 0.1', "loss"),
        ('kind = "loss"\nc = 0.1\nhessian = 2.0\noffset = 0.1', "loss"),
    ],
)
def test_other_noise_of_sgd_in_cases(table, kind):
    case = changed(('kind = "hessian"', table))
    assert parse_case(case.text) == case
    problem = build.problem(case)
    assert problem.noise.kind == kind
    x = problem.grid.points()[:, 0]
    loss = 0.25 * (x**2 - 1) ** 2 + 0.1
    wanted = (
        (1.1 + x**2) / 160 if kind == "covariance" else loss * (0.2 if "c =" in table else 0.025)
    )
    np.testing.assert_allclose(problem.diffusion()[:, 0, 0], wanted, rtol=1e-9)


RATES = '"hessian"\nschedule = { learning_rate = "0.1/(1 + t)", batch_size = "8/(1 + t)" }'


def test_a_kept_ratio_may_have_a_stationary_density_and_passages():
    kept = changed(('"hessian"', RATES), ("[[passage]]", "[stationary]\n[[passage]]"))
    found = run_case(kept)
    plain = run_case(changed(("[[passage]]", "[stationary]\n[[passage]]")))
    np.testing.assert_array_equal(found.stationary.density, plain.stationary.density)
    passage = found.json()["passage"]["over"]
    assert passage["mean"] == plain.json()["passage"]["over"]["mean"]
    assert passage["mean_steps"] is None  # not proportional to time
    # 50 epochs of 400 samples in batches of 8 / (1 + t) and steps of 0.1 / (1 + t)
    np.testing.assert_allclose(found.times, [50.0, 250.0], rtol=1e-12)
    np.testing.assert_allclose(found.json()["evolve"]["steps"][0], (50 + 1250) / 0.1, rtol=1e-12)
    with pytest.raises(CaseError, match="changes in time"):
        changed(
            ('"hessian"', RATES.replace("8/", "4*")), ("[[passage]]", "[stationary]\n[[passage]]")
        )


def test_mistakes_in_schedules_name_file_and_key(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(
        '[grid]\nx = { min = -2, max = 2, cells = 16 }\n[landscape]\nkind = "quartic"\n'
        "[sgd]\nlearning_rate = 0.1\nbatch_size = 1\n"
        '[noise]\nkind = "hessian"\nschedule = { learning_rate = "0.1*exp(t" }\n'
        '[initial]\nkind = "uniform"\n[evolve]\ntimes = [1, 100]\nunit = "steps"\n'
    )
    with pytest.raises(CaseError, match="never closed") as found:
        build.problem(load_case(path))
    assert str(found.value).startswith(f"{path}: noise.schedule.learning_rate: ")
    path.write_text(path.read_text().replace("exp(t", "exp(t)"))
    with pytest.raises(CaseError, match="never comes to") as found:
        build.times(load_case(path))
    assert str(found.value).startswith(f"{path}: noise.schedule: ")


def test_batches_larger_than_the_dataset_are_said():
    sgd = SGD(0.01, 8, dataset_size=4)
    problem = Problem(Grid.line(-2, 2, 16), landscapes.quartic(), noise.white(0.1), sgd=sgd)
    assert "more than once" in sgd_json(problem)["note"]


def test_weight_decay_is_not_periodic():
    loss = landscapes.from_expression("cos(x)", 1)
    grid = Grid.line(0, 2 * np.pi, 32, walls="periodic")
    sgd = SGD(0.01, 8, weight_decay=0.1)
    with pytest.raises(CaseError, match="pulls to the origin") as found:
        Problem(grid, loss, noise.white(0.1), sgd=sgd).fields()
    assert found.value.key == "sgd.weight_decay"
