"""Case files: what is accepted, how it is written out again, and what is built from it."""

from __future__ import annotations

import inspect
import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fokkerplanck import landscapes, noise, store
from fokkerplanck.case import Case, build, load_case, parse_case
from fokkerplanck.case.canonical import dumps
from fokkerplanck.case.landscape_tables import LandscapeTable
from fokkerplanck.case.messages import explain, show
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.solvers.fields import KAPPA

CASES = sorted((Path(__file__).parents[1] / "cases").rglob("*.toml"))

LINE = """
title = "line"
[grid]
x = { min = -2, max = 2, cells = 40 }
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.1
[initial]
kind = "gaussian"
mean = -1
std = 0.2
[evolve]
times = [0.5, 1]
"""
PLANE = LINE.replace("[landscape]", "y = { min = -1.5, max = 1.5, cells = 30 }\n[landscape]")
PLANE = PLANE.replace("mean = -1", "mean = [-1, 0]").replace("std = 0.2", "std = [0.2, 0.3]")


def changed(text: str, old: str, new: str) -> Case:
    assert old in text
    return parse_case(text.replace(old, new))


# ---------------------------------------------------------------- values and defaults


def test_defaults_are_written_out() -> None:
    case = parse_case(LINE)
    assert case.grid.x.walls == ("reflecting", "reflecting")
    assert (case.noise.reading, case.dynamics.kind, case.dynamics.drift) == (
        "ito",
        "overdamped",
        "gradient",
    )
    assert (case.evolve.tolerance, case.evolve.method, case.evolve.weight) == (
        1e-8,
        "auto",
        "fitted",
    )
    assert case.stationary is None
    written = tomllib.loads(case.text)
    assert written["evolve"]["method"] == "auto"
    assert "stationary" not in written


def test_a_lone_number_is_a_list_of_one() -> None:
    assert parse_case(LINE).initial.mean == (-1.0,)
    assert changed(LINE, "mean = -1", "mean = [-1.0]") == parse_case(LINE)


def test_one_wall_stands_for_both_sides() -> None:
    case = changed(LINE, "cells = 40", 'cells = 40, walls = "absorbing"')
    assert case.grid.x.walls == ("absorbing", "absorbing")


def test_a_case_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        parse_case(LINE).title = "other"
    with pytest.raises(ValidationError):
        parse_case(LINE).grid.x.cells = 3


def test_order_and_comments_do_not_matter_but_values_do() -> None:
    head, *tables = LINE.split("\n[")
    mixed = head + "".join(f"\n# a comment\n[{t}" for t in reversed(tables))
    assert parse_case(mixed).hash == parse_case(LINE).hash
    assert hash(parse_case(mixed)) == hash(parse_case(LINE))
    assert changed(LINE, "cells = 40", "cells = 41").hash != parse_case(LINE).hash
    assert changed(LINE, "temperature = 0.1", "temperature = 1e-1") == parse_case(LINE)


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_canonical_text_gives_the_same_case(path: Path) -> None:
    case = load_case(path)
    again = parse_case(case.text)
    assert again == case
    assert again.text == case.text
    assert len(case.hash) == 64


# ---------------------------------------------------------------- canonical text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_toml_writer_round_trip(data: dict[str, Any]) -> None:
    assert tomllib.loads(dumps(data)) == data


def test_toml_writer_is_canonical() -> None:
    assert dumps({"b": 1, "a": {"d": 2, "c": "é\n"}}) == 'b = 1\n\n[a]\nc = "é\\n"\nd = 2\n'
    with pytest.raises(TypeError, match="complex"):
        dumps({"a": 1j})


# ---------------------------------------------------------------- includes and overrides


def test_include_merges_tables_and_replaces_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "b.toml").write_text(
        LINE + '[[expect]]\nquantity = "mass_error"\nvalue = 0\natol = 1e-9\n'
    )
    (tmp_path / "c.toml").write_text(
        'include = "base/b.toml"\ntitle = "child"\n[grid]\nx = { cells = 64 }\n'
        '[initial]\nkind = "uniform"\n[evolve]\ntimes = [2.0]\n'
    )
    case = load_case(tmp_path / "c.toml")
    assert (case.title, case.grid.x.cells, case.grid.x.min) == ("child", 64, -2.0)
    assert case.initial.kind == "uniform"
    assert case.evolve.times == (2.0,)
    assert case.path == tmp_path / "c.toml"
    assert len(case.expect) == 1


def test_paths_of_an_included_file_start_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    text = LINE.replace('kind = "gaussian"\nmean = -1\nstd = 0.2', 'kind = "file"\nfile = "a.h5"')
    (tmp_path / "base" / "b.toml").write_text(text)
    (tmp_path / "c.toml").write_text('include = "base/b.toml"\n')
    assert Path(load_case(tmp_path / "c.toml").initial.file) == Path("base/a.h5")


def test_includes_may_not_go_round(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('include = "b.toml"\n')
    (tmp_path / "b.toml").write_text('include = "a.toml"\n')
    with pytest.raises(CaseError, match=r"a\.toml -> b\.toml -> a\.toml"):
        load_case(tmp_path / "a.toml")


def loaded(tmp_path: Path, *overrides: str, text: str = LINE) -> Case:
    (tmp_path / "case.toml").write_text(text)
    return load_case(tmp_path / "case.toml", overrides)


def test_overrides(tmp_path: Path) -> None:
    case = loaded(
        tmp_path,
        "grid.x.cells=64",
        "title=two words, and = signs",
        'noise.reading="stratonovich"',
        "evolve.times={start = 1, stop = 10, count = 4}",
        "initial.mean=[-0.5]",
        "stationary={}",
    )
    assert case.grid.x.cells == 64
    assert case.title == "two words, and = signs"
    assert case.noise.reading == "stratonovich"
    assert case.evolve.times.count == 4
    assert case.initial.mean == (-0.5,)
    assert case.stationary is not None


def test_override_of_a_list_entry_and_the_last_one_wins(tmp_path: Path) -> None:
    case = loaded(tmp_path, "initial.mean.0=-0.25", "grid.x.cells=8", "grid.x.cells=9", text=PLANE)
    assert case.initial.mean == (-0.25, 0.0)
    assert case.grid.x.cells == 9


def test_override_cannot_smuggle_in_other_keys(tmp_path: Path) -> None:
    case = loaded(tmp_path, "title=1\ntemperature = 5")
    assert case.title == "1\ntemperature = 5"
    assert case.noise.temperature == 0.1


def test_override_that_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"grid\.x\.cels.*did you mean \"cells\".*given by --set"):
        loaded(tmp_path, "grid.x.cels=16")


def test_path_in_an_override_starts_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    case = loaded(tmp_path, "initial={kind = 'file', file = 'x'}", "initial.file=a.h5")
    assert Path(case.initial.file) == Path("here/a.h5")


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder"):
        load_case(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        load_case(tmp_path / "nothing.toml")
    with pytest.raises(DataError, match="cannot be read"):
        load_case("a\0b")


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LINE.replace("\n", "\r\n").encode())
    assert load_case(path) == parse_case(LINE)


# ---------------------------------------------------------------- messages


def test_error_carries_file_key_and_message() -> None:
    with pytest.raises(CaseError) as caught:
        parse_case(LINE.replace("cells = 40", 'cells = "40"'), "cases/x.toml")
    error = caught.value
    assert (error.file, error.key) == ("cases/x.toml", "grid.x.cells")
    assert (
        str(error) == 'cases/x.toml: grid.x.cells: expects an integer, got "40" (a text in quotes)'
    )


def test_misspelt_key_is_one_mistake_not_two() -> None:
    with pytest.raises(CaseError) as caught:
        parse_case(LINE.replace("cells = 40", "cels = 40"), "x.toml")
    assert str(caught.value) == (
        'x.toml: grid.x.cels: unknown key; did you mean "cells"? (allowed: min, max, cells, walls)'
    )


def test_several_mistakes_are_listed_in_order() -> None:
    text = LINE.replace("cells = 40", "cells = 1").replace("0.1", "-0.1").replace("0.5, 1", "1, 1")
    with pytest.raises(CaseError) as caught:
        parse_case(text, "x.toml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "x.toml: 3 mistakes"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "grid.x.cells",
        "noise.temperature",
        "evolve.times",
    ]


def test_values_are_shown_as_in_the_file_and_shortened() -> None:
    assert show(True) == "true"
    assert show({"a": (1, "b\n")}) == '{ a = [1, "b\\n"] }'
    assert "bits" in show(10**5000)
    assert len(show("x" * 10**6)) < 100


def test_every_error_of_pydantic_has_words() -> None:
    """Whatever is put in the place of any value, no message speaks of pydantic's own matters."""
    data = tomllib.loads(PLANE)
    junk: tuple[Any, ...] = (None, 3, "three", True, (), ("a",), {}, {"a": 1}, float("nan"), 1j)
    for path in _paths(data):
        for value in junk:
            mutated = _replaced(data, path, value)
            try:
                Case.model_validate(mutated)
            except ValidationError as error:
                for key, message in explain(error.errors(), Case):
                    assert key.split(".")[0] in data
                    words = f"{key} {message}".lower()
                    assert not re.search(r"input|pydantic|validat|<\w+>", words)


def _paths(data: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(data, dict):
        return [at]
    inner = [path for key in data for path in _paths(data[key], (*at, key))]
    return [at, *inner] if at else inner


def _replaced(data: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    return {
        k: _replaced(v, path[1:], value) if k == path[0] else _tuples(v) for k, v in data.items()
    }


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(v) for v in value)
    return {k: _tuples(v) for k, v in value.items()} if isinstance(value, dict) else value


def test_a_schema_for_editors_can_be_made() -> None:
    schema = Case.model_json_schema()
    assert set(schema["required"]) == {"grid", "landscape", "noise"}


# ---------------------------------------------------------------- building


def test_grid_and_times() -> None:
    case = changed(PLANE, "cells = 40 }", 'cells = 40, walls = ["absorbing", "reflecting"] }')
    space = build.grid(case)
    assert space.shape == (40, 30)
    assert space.walls == (("absorbing", "reflecting"), ("reflecting", "reflecting"))
    assert build.times(case).tolist() == [0.5, 1.0]


def test_spacings_of_times() -> None:
    log = changed(LINE, "[0.5, 1]", '{ start = 1e-3, stop = 1e16, count = 39, spacing = "log" }')
    times = build.times(log)
    assert (times[0], times[-1], times.size) == (1e-3, 1e16, 39)
    np.testing.assert_allclose(np.diff(np.log10(times)), 0.5, rtol=1e-12)
    even = changed(LINE, "[0.5, 1]", "{ start = 0, stop = 2, count = 5 }")
    np.testing.assert_allclose(build.times(even), [0, 0.5, 1, 1.5, 2])
    stationary_only = LINE.replace("[evolve]\ntimes = [0.5, 1]", "[stationary]")
    assert build.times(parse_case(stationary_only)).size == 0


def test_every_kind_of_landscape_is_known_with_the_keys_of_its_maker() -> None:
    tables = {
        t.model_fields["kind"].annotation: t for t in typing.get_args(LandscapeTable)[0].__args__
    }
    tables = {typing.get_args(kind)[0]: table for kind, table in tables.items()}
    assert set(tables) == set(landscapes.KINDS)
    for kind, table in tables.items():
        keys = set(table.model_fields) - {"kind", "hessian_scale", "rotate", "shear", "translate"}
        wanted = inspect.signature(landscapes.KINDS[kind]).parameters
        assert keys == set(wanted) - {"dim", "key"}, kind


def test_readings_are_those_of_the_noise() -> None:
    for reading in KAPPA:
        case = changed(LINE, "temperature = 0.1", f'temperature = 0.1\nreading = "{reading}"')
        assert build.problem(case).noise.kappa == KAPPA[reading]


def test_scale_of_the_hessian_leaves_the_barriers() -> None:
    text = PLANE.replace("[noise]", "barrier = 0.5\nhessian_scale = 4.0\nrotate = 90\n[noise]")
    scaled = build.problem(parse_case(text)).landscape
    plain = landscapes.quartic(dim=2, barrier=0.5)
    point, there = np.array([0.3, 0.2]), np.array([0.4, -0.6])  # a quarter turn back, twice as far
    assert scaled.loss(point) == pytest.approx(plain.loss(there), rel=1e-14)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    wanted = 4 * turn @ plain.hessian(there) @ turn.T
    np.testing.assert_allclose(scaled.hessian(point), wanted, rtol=1e-13, atol=1e-13)


def test_landscape_is_sheared_then_turned_then_moved() -> None:
    moves = "shear = 0.5\nrotate = 90\ntranslate = [0.1, -0.2]"
    text = PLANE.replace("[noise]", f"barrier = 0.5\n{moves}\n[noise]")
    problem = build.problem(parse_case(text))
    plain = landscapes.quartic(dim=2, barrier=0.5)
    point = np.array([0.3, 0.7])
    u, v = point - [0.1, -0.2]
    u, v = v, -u  # back by a quarter turn
    expected = plain.loss(np.array([u - 0.5 * v, v]))
    assert problem.landscape.loss(point) == pytest.approx(expected, rel=1e-12)


def test_noise_of_each_kind() -> None:
    points = build.problem(parse_case(PLANE)).grid.points()
    tensor = 'kind = "tensor"\nD = [["a + x**2", 0.01], [0.01, "a"]]\nparameters = { a = 0.1 }'
    d = build.problem(changed(PLANE, 'kind = "white"\ntemperature = 0.1', tensor)).diffusion()
    np.testing.assert_allclose(d[..., 0, 0], 0.1 + points[..., 0] ** 2)
    np.testing.assert_allclose(d[..., 0, 1], 0.01)
    hessian = (
        'kind = "hessian"\nlearning_rate = 0.2\nbatch_size = 4\nmodel = "absolute"\nfloor = 0.5'
    )
    built = build.problem(changed(PLANE, 'kind = "white"\ntemperature = 0.1', hessian))
    direct = noise.hessian(0.2, 4, model="absolute", floor=0.5)
    np.testing.assert_array_equal(built.diffusion(), direct.diffusion(built.landscape, built.grid))


def test_a_number_is_a_tensor_on_a_line() -> None:
    for d in ("0.1", '"0.1"', "[[0.1]]", '[["0.1"]]'):
        case = changed(LINE, 'kind = "white"\ntemperature = 0.1', f'kind = "tensor"\nD = {d}')
        np.testing.assert_array_equal(build.problem(case).diffusion(), np.full((40, 1, 1), 0.1))


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ('"1 + t"', 3.0),
        ('{ factor = "a * t", parameters = { a = 0.25 } }', 0.5),
        ("{ times = [1.0, 3.0], factor = [0.5, 0.1] }", 0.5),
    ],
)
def test_schedules_at_time_two(schedule: str, factor: float) -> None:
    text = LINE.replace("[0.5, 1]", "[2.0]")
    if "a * t" in schedule:
        schedule = schedule.replace("a * t", "a * t + 1 - heaviside(t - 1)")
    case = changed(text, "temperature = 0.1", f"temperature = 0.1\nschedule = {schedule}")
    assert build.problem(case).diffusion(2.0)[0, 0, 0] == pytest.approx(0.1 * factor)


def test_schedule_of_learning_rate_and_batch_size() -> None:
    hessian = (
        'kind = "hessian"\nlearning_rate = 0.2\nbatch_size = 4\nmodel = "absolute"\nfloor = 0.5\n'
        'schedule = { learning_rate = "0.2 / (1 + t)", batch_size = "4 + 4*t" }'
    )
    problem = build.problem(changed(LINE, 'kind = "white"\ntemperature = 0.1', hessian))
    ratio = problem.diffusion(1.0) / problem.diffusion(0.0)
    np.testing.assert_allclose(ratio, 0.25)
    white = 'temperature = 0.1\nschedule = { learning_rate = "1 / (1 + t)" }'
    with pytest.raises(CaseError, match="belong to hessian noise"):
        build.problem(changed(LINE, "temperature = 0.1", white))


def test_force_is_added() -> None:
    force = '[dynamics]\ndrift = { force = ["-w*y", "w*x"], parameters = { w = 2 } }\n[noise]'
    problem = build.problem(changed(PLANE, "[noise]", force))
    values = problem.force.values(np.array([0.5, 0.25]), ("x", "y"))
    assert values.tolist() == [-0.5, 1.0]
    numbers = build.problem(
        changed(LINE, "[noise]", "[dynamics]\ndrift = { force = [1] }\n[noise]")
    )
    assert numbers.force.values(np.array([0.5]), ("x",)).tolist() == [1.0]


def test_starts() -> None:
    starts = {
        'kind = "uniform"': lambda p: np.full(40, 0.25),
        'kind = "delta"\nmean = [0.05]': lambda p: (np.arange(40) == 20) * 10.0,
    }
    for text, expected in starts.items():
        case = changed(LINE, 'kind = "gaussian"\nmean = -1\nstd = 0.2', text)
        problem = build.problem(case)
        np.testing.assert_allclose(build.initial(case, problem), expected(problem), atol=1e-9)
    case = parse_case(PLANE)
    problem = build.problem(case)
    density = build.initial(case, problem)
    assert problem.grid.integrate(density) == pytest.approx(1, rel=1e-14)
    mean = [problem.grid.integrate(density * problem.grid.points()[..., k]) for k in (0, 1)]
    assert mean == pytest.approx([-1, 0], abs=1e-6)


def test_start_from_the_stationary_density() -> None:
    case = changed(LINE, 'kind = "gaussian"\nmean = -1\nstd = 0.2', 'kind = "stationary"')
    problem = build.problem(case)
    boltzmann = np.exp(-problem.potential() / 0.1)
    boltzmann /= problem.grid.integrate(boltzmann)
    np.testing.assert_allclose(build.initial(case, problem), boltzmann, rtol=1e-10)


def test_missing_start() -> None:
    text = LINE.replace('[initial]\nkind = "gaussian"\nmean = -1\nstd = 0.2', "")
    case = parse_case(text.replace("[evolve]\ntimes = [0.5, 1]", "[stationary]"))
    with pytest.raises(CaseError, match=r"missing table \[initial\]"):
        build.initial(case, build.problem(case))


def test_start_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "first.toml").write_text(LINE)
    load_case(tmp_path / "first.toml").run(tmp_path / "first.h5")
    with store.read(tmp_path / "first.h5") as result:
        kept = [result.density(0), result.density(1)]
    monkeypatch.chdir(tmp_path.parent)  # paths start from the case's folder, not from here
    for at, index in (("", 1), ("at = 0.5", 0)):
        start = f'kind = "file"\nfile = "first.h5"\n{at}'
        text = LINE.replace('kind = "gaussian"\nmean = -1\nstd = 0.2', start)
        case = loaded(tmp_path, text=text)
        density = build.initial(case, build.problem(case))
        np.testing.assert_allclose(density, kept[index], rtol=1e-12)


def second(tmp_path: Path, start: str, grid: str) -> np.ndarray:
    text = LINE.replace('kind = "gaussian"\nmean = -1\nstd = 0.2', start)
    case = loaded(tmp_path, text=text.replace("min = -2, max = 2, cells = 40", grid))
    return build.initial(case, build.problem(case))


def test_start_from_a_file_on_another_grid(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(LINE)
    load_case(tmp_path / "first.toml").run(tmp_path / "first.h5")
    with store.read(tmp_path / "first.h5") as result:
        kept = result.density(1)
    start = 'kind = "file"\nfile = "first.h5"'
    half = second(tmp_path, start, "min = -2, max = 2, cells = 20")
    np.testing.assert_allclose(half, kept.reshape(20, 2).mean(axis=1), rtol=1e-12)
    wide = second(tmp_path, start, "min = -3, max = 2, cells = 50")
    np.testing.assert_allclose(wide[10:], kept, rtol=1e-12)
    with pytest.raises(CaseError, match=r"initial\.file.*lies inside this grid"):
        second(tmp_path, start, "min = 0.5, max = 2, cells = 30")
    with pytest.raises(CaseError, match="no snapshot at t = 7"):
        second(tmp_path, f"{start}\nat = 7", "min = -2, max = 2, cells = 40")


def test_start_from_a_file_of_another_dimension(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(LINE)
    load_case(tmp_path / "first.toml").run(tmp_path / "first.h5")
    start = 'kind = "file"\nfile = "first.h5"'
    case = loaded(
        tmp_path,
        text=PLANE.replace('kind = "gaussian"\nmean = [-1, 0]\nstd = [0.2, 0.3]', start),
    )
    with pytest.raises(CaseError, match="is 1-D, but the grid is 2-D"):
        build.initial(case, build.problem(case))
