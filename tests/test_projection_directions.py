"""Lines and planes in the space of weights, and data sets from files; nothing here needs torch."""

from __future__ import annotations

import gzip
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.projection import (
    Dataset,
    Directions,
    arrays,
    cifar10,
    mnist,
    principal_components,
    random_filter_normalised,
    through_minima,
)

RNG = np.random.default_rng(5)
#: filters 3 of 2x2, biases of three, a dense layer of 2x3 and its biases
SHAPES = ((3, 1, 2, 2), (3,), (2, 3), (2,))
SIZE = 12 + 3 + 6 + 2


def orthonormal(axes):
    return np.abs(axes @ axes.T - np.eye(len(axes))).max() < 1e-12


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("apart", [1.0, 1e-3])
def test_minima_are_found_at_their_coordinates(count, apart):
    """At `apart` 1e-3 the three minima are close together, far from the origin of all weights."""
    minima = RNG.normal(size=(1, 5000)) * 10 + apart * RNG.normal(size=(count, 5000))
    found = through_minima(minima, names=[*"abc"[:count]])
    assert orthonormal(found.axes)
    np.testing.assert_allclose(found.weights(found.anchors), minima, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.origin, minima[0])
    between = np.linalg.norm(minima[:, None] - minima, axis=2)
    on_plane = np.linalg.norm(found.anchors[:, None] - found.anchors, axis=2)
    np.testing.assert_allclose(on_plane, between, rtol=1e-12)
    assert found.share == pytest.approx(1, abs=1e-12)
    assert found.anchors[1, 1:] == pytest.approx(0, abs=1e-12)


def test_nearly_parallel_ways_still_give_orthonormal_axes():
    way = RNG.normal(size=300)
    found = through_minima([0 * way, way, 2 * way + 1e-7 * RNG.normal(size=300)])
    assert orthonormal(found.axes)


@pytest.mark.parametrize(
    ("minima", "message"),
    [
        ([np.ones(4)], "got 1"),
        (np.eye(4), "got 4"),
        ([np.ones(4), np.ones(4)], "direction 0 is zero"),
        ([np.zeros(4), np.ones(4), 3 * np.ones(4)], "direction 1 lies in the span"),
        ([np.zeros(4), np.ones(5)], "of one length"),
        ([np.zeros(4), np.full(4, np.nan)], "finite"),
    ],
)
def test_minima_that_make_no_line_or_plane(minima, message):
    with pytest.raises(CaseError, match=message):
        through_minima(minima)


def test_distance_from_the_plane_completes_pythagoras():
    found = through_minima(RNG.normal(size=(3, 50)))
    others = RNG.normal(size=(7, 50))
    squares = np.sum(found.coordinates(others) ** 2, axis=1) + found.distances(others) ** 2
    np.testing.assert_allclose(squares, np.sum((others - found.origin) ** 2, axis=1), rtol=1e-12)
    inside = found.measured(found.weights(RNG.normal(size=(4, 2))))
    assert inside.share == pytest.approx(1, abs=1e-12)
    assert 0 < found.measured(others).share < 1


@pytest.mark.parametrize("centre", ["end", "mean"])
@pytest.mark.parametrize("dim", [1, 2])
def test_principal_components_are_those_of_the_singular_values(centre, dim):
    path = np.cumsum(RNG.normal(size=(30, 200)), axis=0)
    found = principal_components(path, dim, centre)
    apart = path - (path[-1] if centre == "end" else path.mean(axis=0))
    _, s, v = np.linalg.svd(apart, full_matrices=False)
    assert orthonormal(found.axes)
    assert found.share == pytest.approx((s[:dim] ** 2).sum() / (s**2).sum(), rel=1e-12)
    assert found.values == pytest.approx(s[:dim] ** 2 / (s**2).sum(), rel=1e-10)
    np.testing.assert_allclose(np.abs(np.sum(found.axes * v[:dim], axis=1)), 1, rtol=1e-10)
    assert (found.anchors[0] > 0).all()
    if centre == "end":
        np.testing.assert_allclose(found.weights(found.anchors[1]), path[-1], atol=1e-12)
        assert found.distances(path[-1]) == pytest.approx(0, abs=1e-12)


def test_a_path_in_a_plane_is_held_whole():
    t = np.linspace(0, 3, 20)
    plane = np.linalg.qr(RNG.normal(size=(40, 2)))[0].T
    path = 7 + np.stack([np.cos(t), np.sin(t)], axis=1) @ plane
    found = principal_components(path.astype(np.float32))
    assert found.share == pytest.approx(1, abs=1e-10)
    assert principal_components(path, 1).share < 0.99


@pytest.mark.parametrize(("centre", "share"), [("end", "0.90"), ("mean", "0.76")])
def test_share_of_a_random_walk(centre, share):
    """What a share is to be compared with, in many dimensions: numbers of the note, sampled."""
    walk = np.cumsum(RNG.normal(size=(400, 8000)), axis=0)
    found = principal_components(walk, 2, centre)
    assert found.note.endswith(f"share {share}")
    assert found.share == pytest.approx(float(share), abs=0.015)


def test_random_directions_have_the_lengths_of_the_filters():
    flat = SimpleNamespace(shapes=SHAPES)
    weights = RNG.normal(size=SIZE)
    weights[4:8] = 0  # a filter that is zero stays so
    line = random_filter_normalised(flat, weights, 1, seed=3)
    raw = line.axes[0] * line.values[0]
    for begin, rows, end in ((0, 3, 12), (15, 2, 21)):
        norms = [np.linalg.norm(v[begin:end].reshape(rows, -1), axis=1) for v in (raw, weights)]
        np.testing.assert_allclose(norms[0], norms[1], rtol=1e-12, atol=1e-15)
    assert not raw[12:15].any()
    assert not raw[21:].any()
    assert "5 biases" in line.note
    np.testing.assert_allclose(line.weights(line.anchors[0]), weights)


def test_random_plane_is_orthonormal_reproducible_and_says_what_it_did():
    flat = SimpleNamespace(shapes=SHAPES)
    weights = RNG.normal(size=SIZE)
    plane, line = (random_filter_normalised(flat, weights, dim, seed=4) for dim in (2, 1))
    assert orthonormal(plane.axes)
    np.testing.assert_array_equal(plane.axes[0], line.axes[0])
    assert plane.values[0] == pytest.approx(plane.values[1], rel=1e-12)  # all filters as long
    assert "cosine" in plane.note
    assert plane.share is None
    other = random_filter_normalised(flat, weights, 2, seed=5)
    assert abs(plane.axes[0] @ other.axes[0]) < 0.9


def test_extent_holds_the_anchors():
    found = through_minima([[0, 0, 0.0], [4, 0, 0], [2, 3, 0]])
    assert found.extent(0.25) == ((-1, 5), (-1, 4))
    centre = Directions(np.zeros(3), np.eye(3)[:2], np.zeros((1, 2)), ("a",))
    with pytest.raises(CaseError, match="give the extent"):
        centre.extent()


def test_axes_that_are_not_orthonormal_are_refused():
    with pytest.raises(CaseError, match=r"orthonormal: scalar products are off by 5\.0e-01"):
        Directions(np.zeros(2), np.array([[1, 0], [0.5, 0.75**0.5]]), np.empty((0, 2)))
    with pytest.raises(CaseError, match="directions are an origin"):
        Directions(np.zeros(3), np.eye(2), np.empty((0, 2)))


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 1, 8, 8), (5, 8, 8, 3)])
def test_images_of_a_file(tmp_path, shape):
    grey = RNG.integers(256, size=shape).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=grey, y=np.arange(5)[:, None])
    found = arrays(tmp_path / "a.npz")
    assert found.inputs.shape == ((5, 3, 8, 8) if shape[-1] == 3 else (5, 1, 8, 8))
    assert found.inputs.min() >= -1
    assert found.inputs.max() <= 1
    assert found.inputs[0, 0, 1, 2] == pytest.approx(grey[0].reshape(8, 8, -1)[1, 2, 0] / 127.5 - 1)
    assert found.labels.tolist() == [0, 1, 2, 3, 4]
    assert found.name == "a"
    assert found.classes == 5


def test_files_that_are_no_data_set(tmp_path):
    np.savez(tmp_path / "keys.npz", x=np.zeros((2, 3)))
    np.savez(tmp_path / "objects.npz", x=np.array([{}, {}]), y=np.arange(2))
    np.savez(tmp_path / "whole.npz", x=np.zeros((9, 64)), y=np.arange(9))
    (tmp_path / "half.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:900])
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match="needs the arrays x and y, has x"):
        arrays(tmp_path / "keys.npz")
    for name in ("objects.npz", "half.npz", "one.npy", "text.npz", "missing.npz"):
        with pytest.raises(DataError, match=f"{name}: cannot be read"):
            arrays(tmp_path / name)
    for labels in (np.arange(3), np.array([0, -1]), np.array([0, np.nan])):
        with pytest.raises(CaseError, match="data: "):
            Dataset(np.zeros((2, 3)), labels)


def test_a_data_set_is_known_by_its_digest_and_keeps_its_arrays():
    inputs = RNG.normal(size=(6, 4))
    one, two = Dataset(inputs, np.arange(6)), Dataset(inputs, np.arange(6)[::-1])
    assert one.digest == Dataset(inputs.copy(), np.arange(6)).digest != two.digest
    with pytest.raises(ValueError, match="read-only"):
        one.inputs[0] = 0
    part = one.subset(4, seed=1)
    assert len(part) == 4
    np.testing.assert_array_equal(part.inputs, one.inputs[part.labels])
    assert "4 of 6" in part.provenance["subset"]


def test_mnist_and_cifar_as_their_authors_give_them(tmp_path):
    grey = RNG.integers(256, size=(3, 28, 28)).astype(np.uint8)
    head = b"\x00\x00\x08\x03" + np.array([3, 28, 28], dtype=">u4").tobytes()
    (tmp_path / "train-images-idx3-ubyte").write_bytes(head + grey.tobytes())
    labels = b"\x00\x00\x08\x01" + np.array([3], dtype=">u4").tobytes() + bytes([1, 2, 9])
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    found = mnist(tmp_path)
    assert found.inputs.shape == (3, 1, 28, 28)
    np.testing.assert_allclose(found.inputs[:, 0], grey / 127.5 - 1, atol=1e-6)
    assert found.labels.tolist() == [1, 2, 9]
    records = RNG.integers(256, size=(2, 3073)).astype(np.uint8)
    records[:, 0] = 7, 8
    (tmp_path / "test_batch.bin").write_bytes(records.tobytes())
    found = cifar10(tmp_path, test=True)
    assert found.labels.tolist() == [7, 8]
    assert found.inputs[1, 2, 0, 3] == pytest.approx(records[1, 1 + 2048 + 3] / 127.5 - 1)
    (tmp_path / "test_batch.bin").write_bytes(records.tobytes()[:-1])
    (tmp_path / "train-images-idx3-ubyte").write_bytes(head + grey.tobytes()[:-1])
    for read in (mnist, lambda folder: cifar10(folder, test=True)):
        with pytest.raises(DataError, match="no whole file"):
            read(tmp_path)
    with pytest.raises(DataError, match="No such file"):
        cifar10(tmp_path)


def test_networks_without_the_extra_say_what_is_missing():
    script = (
        "import sys; sys.modules |= {'torch': None, 'sklearn': None}\n"
        "import fokkerplanck.projection as p\n"
        "for use in (lambda: p.resnet, lambda: p.digits()):\n"
        "    try: use()\n"
        "    except Exception as error: print(type(error).__name__, error)"
    )
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    for line, name in zip(out.stdout.splitlines(), ("torch", "sklearn"), strict=True):
        assert line.startswith(f"CaseError needs {name}, which is not installed: pip install")
