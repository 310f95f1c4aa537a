"""Files that say what is projected: what is allowed in them, and what a mistake is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from fokkerplanck.cli import main
from fokkerplanck.errors import CaseError
from fokkerplanck.projection.config import Config, load_config
from fokkerplanck.templates import template

TEXT = template("project")


def load(tmp_path: Path, text: str, *overrides: str) -> Config:
    path = tmp_path / "plane.toml"
    path.write_text(text)
    return load_config(path, overrides)[0]


def test_the_template_is_a_file_to_start_from(tmp_path: Path) -> None:
    config = load(tmp_path, TEXT)
    assert config.train.starts == (0, 1, 2)
    assert config.directions.kind == "minima"
    assert [axis.cells for axis in config.sample.axes] == [25, 25]


def test_networks_from_files_and_seeds_of_choice(tmp_path: Path) -> None:
    begin, end = TEXT.index("networks = 3"), TEXT.index("[directions]")
    found = load(tmp_path, TEXT[:begin] + 'weights = ["a.npz", "b.npz", "c.npz"]\n' + TEXT[end:])
    assert found.train.count == 3
    assert load(tmp_path, TEXT, "train.seeds=[4, 7, 1]").train.starts == (4, 7, 1)


def test_the_canonical_text_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "plane.toml"
    path.write_text(TEXT)
    config, text = load_config(path, ["train.epochs=3"])
    assert load(tmp_path, text) == config
    assert config.train.epochs == 3


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ('"digits"  ', '"digit"  ', "data.kind", 'did you mean "digits"'),
        ("label_noise = 0.2", "label_noise = 2", "data.label_noise", "must be <= 1, got 2"),
        ("epochs = 20", "", "train", "needs weights, or epochs"),
        ("epochs = 20", 'epochs = 2\nweights = ["a"]', "train", "not both: batch_size, epochs"),
        ("networks = 3", "networks = 3\nseeds = [1]", "train", "as many seeds as networks"),
        ("networks = 3", "networks = 1", None, "need 2 or 3 networks, there are 1"),
        ("networks = 3", "networks = 2", None, "make a line: sample.y is too much"),
        ("[directions]", "[direction]", None, 'did you mean "directions"'),
        ('"minima"', '"random"', None, "random need min and max"),
        ('"minima"', '"pca"\nnetwork = 3', None, "the networks are 0 to 2"),
        ("x = { cells = 25 }", "x = { cells = 3 }", "sample.x.cells", "must be >= 4"),
        ("x = { cells = 25 }", "x = { cells = 9, min = 1 }", "sample.x", "min and max, or neither"),
        ("x = { cells = 25 }", "x = { cells = 9, min = 1, max = 0 }", "sample.x", "min < max"),
        ("x = { cells = 25 }", "", "sample.x", "missing key"),
        ("hessian = true", "hesian = true", "sample.hesian", 'did you mean "hessian"'),
        ('"silu"', '"elu"', "network.activation", '"silu", "softplus", "relu"'),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, key: str | None, message: str) -> None:
    assert old in TEXT
    with pytest.raises(CaseError) as error:
        load(tmp_path, TEXT.replace(old, new, 1))
    assert message in str(error.value)
    assert key is None or error.value.key == key
    assert "plane.toml" in str(error.value)


def test_mistakes_end_the_command_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plane.toml").write_text("")
    for words in (["plane.toml"], ["missing.toml"]):
        with pytest.raises(SystemExit) as left:
            main(["project", *words])
        assert left.value.code == 2
        assert capsys.readouterr().err.startswith(f"error: {words[0]}")
