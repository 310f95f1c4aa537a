"""Minima selection: exact occupation and dwell times, beside the theory for that noise."""

from dataclasses import replace
from math import e, log, log10

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.critical import basin_labels
from fokkerplanck.observe import basin_masses
from fokkerplanck.schedule import Schedule
from fokkerplanck.selection import _connected, select_minima

#: minima of equal loss at -1 and 1, of curvatures 2 e and 2 / e
LOSS = fp.landscapes.from_expression("(x**2 - 1)**2 * exp(-x) / 4", 1)
GRID = fp.Grid.line(-2.0, 3.2, 512)


def selected(noise, landscape=LOSS, grid=GRID):
    return select_minima(fp.Problem(grid, landscape, noise))


def theory(found, name):
    return next(t for t in found.theories if t.name == name)


def test_white_noise_prefers_the_flat_minimum_by_a_power():
    found = selected(fp.noise.white(0.01))
    law = theory(found, "eyring-kramers")
    assert law.valid
    assert not theory(found, "density-diffusion").valid
    # Laplace: masses as 1 / sqrt(H), dwell times as 1 / sqrt(H) too, with errors of order T
    assert found.occupation[1] / found.occupation[0] == pytest.approx(e, rel=0.02)
    assert law.occupation[1] / law.occupation[0] == pytest.approx(e, rel=1e-12)
    assert found.log10_dwell_ratio == pytest.approx(log10(e), rel=0.03)
    np.testing.assert_allclose(found.log10_dwell, law.log10_dwell, atol=0.02)


def test_noise_of_sgd_prefers_it_exponentially():
    strengths = np.array([0.02, 0.01, 0.005])
    ratios, gaps = [], []
    for eb in strengths:
        found = selected(fp.noise.hessian(2 * eb, 1))
        law = theory(found, "density-diffusion")
        assert law.valid
        assert "not white" in theory(found, "eyring-kramers").note
        ratios.append(found.log10_dwell_ratio * log(10))
        gaps.append(np.abs(found.log10_dwell - law.log10_dwell).max())
    # errors of the law go down with the noise, to first order
    assert gaps[2] < 0.03
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.2)
    # ln of the ratio is linear in 1 / eb, its slope the difference of both climbs
    slope = np.diff(ratios)[-1] / np.diff(1 / strengths)[-1]
    climbs = law.strength * (law.log10_dwell + np.log10([2 * e, 2 / e]) - log10(2 * np.pi))
    assert slope == pytest.approx(np.diff(climbs)[0] * log(10), rel=2e-3)
    # and the two wells balance: masses as dwell times
    ratio = found.occupation[1] / found.occupation[0]
    assert log10(ratio) == pytest.approx(found.log10_dwell_ratio, abs=2e-3)


def test_exit_from_the_basin_takes_half_of_the_dwell_time():
    found = selected(fp.noise.white(0.01))
    np.testing.assert_allclose(found.log10_dwell - found.log10_exit, log10(2), atol=0.02)


@pytest.mark.slow
def test_styblinski_and_tang_in_the_plane():
    # x and y part: the corner of both shallow minima has the squared occupation of one
    noise, grid = fp.noise.white(3.0), fp.Grid.line(-4.4, 4.4, 96)
    # of the same cells as the plane, where x and y part exactly
    line = fp.stationary(fp.Problem(grid, fp.landscapes.styblinski_tang(1), noise)).density
    plane = fp.Grid.plane((-4.4, 4.4, 96), (-4.4, 4.4, 96))
    found = selected(noise, fp.landscapes.styblinski_tang(2), plane)
    labels, _ = basin_labels(fp.landscapes.styblinski_tang(1), grid)
    p, q = basin_masses(labels, 2, grid, line)
    np.testing.assert_allclose(found.occupation, [p * p, p * q, q * p, q * q], rtol=1e-6)
    # the flattest corner is the shallowest, and is left first: flat is not all
    assert found.log10_dwell_ratio < 0
    law = theory(found, "eyring-kramers")
    np.testing.assert_allclose(law.log10_dwell, found.log10_dwell, atol=0.05)


def test_absorbing_walls_leave_the_quasi_stationary_law():
    grid = fp.Grid.line(-2.0, 3.2, 512, ("absorbing", "reflecting"))
    found = selected(fp.noise.white(0.05), grid=grid)
    assert found.law == "quasi-stationary"
    assert found.log10_dwell is None
    assert found.log10_dwell_ratio is None
    assert found.occupation.sum() == pytest.approx(1.0)
    # a wall far from the wells drains so slowly that the law is the stationary one
    np.testing.assert_allclose(
        found.occupation, selected(fp.noise.white(0.05)).occupation, rtol=1e-3
    )


def test_json_is_plain_and_the_table_names_the_wells():
    found = selected(fp.noise.white(0.05))
    plain = found.json()
    assert plain["theories"]["eyring-kramers"]["valid"]
    assert plain["log_determinants"] == pytest.approx([log(2 * e), log(2 / e)])
    assert "(-1)" in found._repr_html_()


def test_refuses_one_well_and_schedules():
    bowl = fp.landscapes.from_expression("x**2", 1)
    with pytest.raises(CaseError, match="two minima"):
        selected(fp.noise.white(0.1), bowl)
    changing = replace(fp.noise.white(0.1), schedule=Schedule.expression("exp(-t)"))
    with pytest.raises(CaseError, match="changes in time"):
        selected(changing)


CASE = """
[grid]
x = { min = -2.0, max = 3.2, cells = 256 }
[landscape]
kind = "expression"
loss = "(x**2 - 1)**2 * exp(-x) / 4"
[noise]
kind = "hessian"
learning_rate = 0.04
batch_size = 1
[selection]
[[expect]]
quantity = "selection.occupation.0"
value = 5.857e-5
rtol = 1e-3
"""


def test_case_asks_for_it(tmp_path, capsys):
    from fokkerplanck.case import parse_case
    from fokkerplanck.report import print_run

    case = parse_case(CASE)
    result = case.run(tmp_path / "a.h5")
    assert result.passed
    found = selected(fp.noise.hessian(0.04, 1), grid=fp.Grid.line(-2.0, 3.2, 256))
    assert result.json()["selection"] == found.json()
    print_run(result.json())
    shown = capsys.readouterr().out
    assert "density-diffusion" in shown
    assert "not white" in shown
    changed = CASE.replace("[selection]", "schedule = { times = [1], factor = [0.5] }\n[selection]")
    with pytest.raises(CaseError, match="selection"):
        parse_case(changed)


def test_wells_of_equal_sharpness_have_no_ratio():
    # the force makes one well deeper, which has nothing to do with their curvatures
    found = select_minima(
        fp.Problem(
            fp.Grid.line(-2.0, 2.0, 64),
            fp.landscapes.quartic(),
            fp.noise.white(0.1),
            fp.forces.expressions(["0.1"]),
        )
    )
    assert np.ptp(found.log10_dwell) > 0.5
    assert found.log10_dwell_ratio is None


def test_theories_without_curvatures_have_no_numbers():
    landscape = fp.landscapes.from_expression("(x**2 - 1)**4 / 4", 1)
    found = select_minima(fp.Problem(fp.Grid.line(-2.0, 2.0, 64), landscape, fp.noise.white(0.2)))
    assert found.occupation == pytest.approx([0.5, 0.5])
    for law in found.theories:
        assert "without curvature" in law.note
        assert np.isnan(law.log10_dwell).all()


def test_wells_without_a_saddle_between_them():
    assert _connected(3, [(0, 1), (2, 1)])
    assert not _connected(3, [(0, 1)])


def test_occupation_on_a_line_knows_no_cells():
    # parabolas of curvatures 4 and 1, saddle -1, barriers 1, noise that jumps at the inflections
    landscape = fp.landscapes.piecewise_quadratic()
    grid = fp.Grid.line(-4.5, 5.5, 64)
    found = select_minima(fp.Problem(grid, landscape, fp.noise.hessian(0.1, 1)))
    assert found.occupation[0] == pytest.approx(0.01264256397594, rel=1e-11)
    # wells of a tenth of a cell: masses are as dwell times
    found = select_minima(fp.Problem(grid, landscape, fp.noise.hessian(0.01, 1)))
    assert log10(found.occupation[0]) == pytest.approx(-found.log10_dwell_ratio, rel=1e-12)
