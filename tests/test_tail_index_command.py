"""``tail-index``: files, tables, JSON, figures, and bad input with status 2 and one message."""

from __future__ import annotations

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from fokkerplanck.cli import main

SAMPLES, COORDINATES = 100, 6


@pytest.fixture
def noise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    x = np.random.default_rng(1).standard_normal((SAMPLES, COORDINATES))
    x *= np.exp(np.arange(COORDINATES))
    np.save("noise.npy", x)
    return x


def ask(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["tail-index", *arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return left.value.code or 0, said


def test_table_ends_with_a_verdict(capsys, noise):
    status, said = ask(capsys, "noise.npy", "--draws", "19")
    assert (status, said.err) == (0, "")
    assert "coordinates, sums over blocks" in said.out
    assert "Gaussian, same covariance" in said.out
    assert "verdict" in said.out


def test_json_is_one_object(capsys, noise):
    status, said = ask(capsys, "noise.npy", "--json", "--draws", "19", "--block", "8")
    assert (status, said.err) == (0, "")
    found = json.loads(said.out)
    assert (found["samples"], found["coordinates"]) == (SAMPLES, COORDINATES)
    assert found["per_coordinate"]["block"] == found["pooled"]["block"] == 8
    assert found["per_coordinate"]["blocks"] == 12
    assert {"shuffled", "gaussian_variances", "gaussian_medians"} < set(found["controls"])
    assert set(found["verdict"]) == {"outcome", "pooled_survives", "below_two", "words"}
    scan = found["pooled"]["scan"]
    assert scan["block"] == [2, 4, 8, 16, 32, 64]
    assert len(scan["alpha"]) == len(scan["error"]) == 6
    assert found["goodness_of_fit"]["draws"] == 19


def test_axes_and_files_give_the_same_numbers(capsys, noise):
    np.save("turned.npy", np.moveaxis(noise.reshape(SAMPLES, 2, 3), 0, 2))
    np.savez("many.npz", a=noise, b=noise[:70])
    np.savez("one.npz", a=noise.astype(np.float64))
    with h5py.File("noise.h5", "w") as file:
        file["layer/gradient"] = noise
        file["time"] = np.arange(5)
    asked = [
        ["noise.npy"],
        ["turned.npy", "--axis", "2"],
        ["turned.npy", "--axis", "-1"],
        ["many.npz", "--dataset", "a"],
        ["one.npz"],
        ["noise.h5", "--dataset", "/layer/gradient"],
    ]
    found = [json.loads(ask(capsys, *a, "--json", "--draws", "19")[1].out) for a in asked]
    for one in found:
        one.pop("file")
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("columns", [COORDINATES, 1])
def test_figure_is_drawn(capsys, noise, columns):
    np.save("some.npy", noise[:, :columns])
    status, said = ask(capsys, "some.npy", "-o", "tails.png", "--json", "--draws", "19")
    assert status == 0, said.err
    assert json.loads(said.out)["figure"] == "tails.png"
    with open("tails.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    status, said = ask(capsys, "some.npy", "-o", "tails.png", "--draws", "19")
    assert status == 2
    assert "--force" in said.err


def spoiled(noise, kind):
    x = noise.copy()
    if kind == "nan":
        x[3, 2] = np.nan
    elif kind == "constant":
        x[:, 4] = 1.0
    elif kind == "zeros":
        x[5, 1] = 0.0
    elif kind == "short":
        x = x[:20]
    elif kind == "text":
        return np.array([["a", "b"]] * 100)
    elif kind == "complex":
        return x + 1j
    elif kind == "number":
        return np.array(3.0)
    elif kind == "empty":
        return np.zeros((100, 0))
    return x


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("nan", (), "not finite, the first at sample 3, coordinate 2"),
        ("constant", (), "coordinate 4 is constant (1), 1 of 6"),
        ("zeros", (), "coordinate 1 holds exact zeros (1 of 100)"),
        ("short", (), "20 samples of 6 coordinates: at least 64"),
        ("empty", (), "100 samples of 0 coordinates"),
        ("text", (), "real numbers is needed, found dtype <U1"),
        ("complex", (), "found dtype complex128"),
        ("number", (), "shape (), and no axis 0"),
        ("good", ("--axis", "2"), "no axis 2 of samples"),
        ("good", ("--dataset", "a"), "one array without a name"),
        ("good", ("--block", "1"), "allowed are 2 to 12"),
        ("good", ("--block", "50"), "allowed are 2 to 12"),
        ("good", ("--draws", "3"), "at least 19"),
        ("good", ("-o", "tails.gif"), ".png, .pdf"),
    ],
)
def test_bad_input_ends_with_status_2(capsys, noise, kind, options, said):
    np.save("bad.npy", spoiled(noise, kind))
    status, found = ask(capsys, "bad.npy", *options, "--json")
    assert (status, found.out) == (2, "")
    assert found.err.startswith("error: ")
    assert found.err.count("\n") == 1
    assert said in found.err


def test_bad_files_end_with_status_2(capsys, noise):
    np.savez("many.npz", a=noise, b=noise)
    np.save("objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with h5py.File("groups.h5", "w") as file:
        file.create_group("layer")
    for name in ("broken.npy", "broken.npz", "broken.h5", "noise.csv"):
        with open(name, "w") as file:
            file.write("1,2,3")
    for arguments, words in (
        (["many.npz"], "several datasets, choose one by --dataset; it holds a, b"),
        (["many.npz", "--dataset", "c"], "no `c`; it holds a, b"),
        (["groups.h5", "--dataset", "layer"], "no `layer`; it holds none"),
        (["objects.npy"], "not an array that NumPy can read"),
        (["broken.npy"], "not an array that NumPy can read"),
        (["broken.npz"], "not an array that NumPy can read"),
        (["broken.h5"], "not an HDF5 file"),
        (["noise.csv"], "not from `.csv`"),
        (["nowhere.npy"], "there is no such file"),
    ):
        status, said = ask(capsys, *arguments)
        assert (status, said.out) == (2, ""), arguments
        assert words in said.err.replace("\n", " ")


def test_help_imports_nothing_heavy():
    code = "import sys\nfrom fokkerplanck.cli import main\ntry: main(['tail-index', '--help'])\n"
    code += "except SystemExit: pass\nprint(sorted({'numpy', 'scipy', 'h5py'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip().endswith("[]")
