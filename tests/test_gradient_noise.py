"""Recording gradient noise of networks through training: files that are wrong; a small one made."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.projection.gradient_noise_config import load_gradient_noise
from fokkerplanck.tail_network_collect import Plan, collect_noise

TEXT = """
[data]
kind = "digits"
subset = { count = 96 }

[network]
width = 2

[gradient_noise]
learning_rate = 0.1
steps = [0, 3, 6]
coordinates = 8
minibatches = 8
draws = 2

[[run]]
name = "first"
batch_size = 8

[[run]]
name = "second"
network = { width = 4 }
batch_size = 16
learning_rate = 0.05
"""


def config(folder, old="", new=""):
    assert old in TEXT
    path = folder / "noise.toml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("[0, 3, 6]", "[0, 6, 3]", "gradient_noise", "steps rise from one to the next"),
        ("[0, 3, 6]", "[]", "gradient_noise.steps", ""),
        ("minibatches = 8", "minibatches = 9", "gradient_noise.minibatches", "8"),
        ("draws = 2", "draw = 2", "gradient_noise.draw", "draws"),
        ('"second"', '"first"', "", "another name for each run"),
        ("width = 2", 'norm = "batch"', "", "no sample has a gradient of its own"),
        ("batch_size = 8", "batch_size = 0", "run.0.batch_size", ""),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, old, new, key, words):
    with pytest.raises(CaseError) as caught:
        load_gradient_noise(config(tmp_path, old, new))
    assert key in str(caught.value)
    assert words in str(caught.value)


def test_what_a_run_does_not_say_is_that_of_the_file(tmp_path):
    found, _ = load_gradient_noise(config(tmp_path))
    first, second = found.run
    assert (found.rate_of(first), found.rate_of(second)) == (0.1, 0.05)
    assert (found.network_of(first).width, found.network_of(second).width) == (2, 4)
    assert found.initial_seed_of(first) == 0


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    pytest.importorskip("torch")
    from fokkerplanck.projection.gradient_noise import record_gradient_noise

    folder = tmp_path_factory.mktemp("noise")
    source = config(folder)
    found, _ = load_gradient_noise(source)
    return source, record_gradient_noise(found, source, folder / "noise.h5")


@pytest.mark.slow
def test_gradients_of_samples_are_those_of_batches(recorded):
    """Their mean is the slope of the loss, which the steps of SGD go down; they have no mean."""
    import torch

    from fokkerplanck.projection.command import dataset_of, model_of
    from fokkerplanck.projection.weights import cross_entropies, with_weights

    source, runs = recorded
    table, _ = load_gradient_noise(source)
    data = dataset_of(table.data, source.parent)
    with np.load(runs[1]["files"][6], allow_pickle=False) as file:
        model = with_weights(model_of(table.network_of(table.run[1]), data), file["weights"])
        batch = cross_entropies(model(torch.tensor(data.inputs)), torch.tensor(data.labels)).mean()
        batch.backward()
        slope = torch.cat([p.grad.ravel() for p in model.parameters()]).numpy()
        assert float(file["loss"]) == pytest.approx(batch.item(), rel=1e-5)
        assert file["mean"] == pytest.approx(slope[file["coordinates"]], abs=1e-6)
        assert float(file["gradient_norm"]) == pytest.approx(np.linalg.norm(slope), rel=1e-4)
        assert file["gradients"].shape == (96, 8)
        assert np.abs(file["gradients"].mean(axis=0)).max() < 1e-6
    with np.load(runs[1]["files"][0], allow_pickle=False) as file:
        assert float(file["loss"]) > batch.item()


@pytest.mark.slow
def test_an_interrupted_recording_goes_on(recorded):
    from fokkerplanck.projection.gradient_noise import record_gradient_noise

    source, runs = recorded
    table, _ = load_gradient_noise(source)
    last = runs[0]["files"][6]
    with np.load(last, allow_pickle=False) as file:
        before = {key: file[key] for key in file.files}
    last.unlink()
    record_gradient_noise(table, source, source.parent / "noise.h5", only=[0])
    with np.load(last, allow_pickle=False) as file:
        for key, value in before.items():
            assert np.array_equal(file[key], value), key


@pytest.mark.slow
def test_files_of_another_recording_are_refused(recorded):
    from fokkerplanck.projection.gradient_noise import record_gradient_noise

    source, _ = recorded
    output = source.parent / "noise.h5"
    other = source.parent / "other.toml"
    text = source.read_text().replace("learning_rate = 0.1", "learning_rate = 0.2")
    other.write_text(text, encoding="utf-8")
    with pytest.raises(CaseError, match="another recording: learning_rate changed"):
        record_gradient_noise(load_gradient_noise(other)[0], other, output)
    for change, words in (
        (("coordinates = 8", "coordinates = 9999"), "fewer than coordinates"),
        (("batch_size = 8", "batch_size = 97"), "larger than the data, 96 samples"),
    ):
        other.write_text(source.read_text().replace(*change), encoding="utf-8")
        with pytest.raises(CaseError, match=words):
            record_gradient_noise(load_gradient_noise(other)[0], other, output)
    with pytest.raises(CaseError, match="runs 0 to 1, not 2"):
        record_gradient_noise(load_gradient_noise(source)[0], source, output, only=[2])


@pytest.mark.slow
def test_noise_is_estimated_from_the_recording(recorded):
    _, runs = recorded
    plan = Plan(("first",), "second", (1, 8, 32, 96), (0, 6), (6,), ready_step=6)
    found = collect_noise(runs, {"title": "small"}, plan)
    first, second = found.runs
    assert list(first.column("step")) == [0, 3, 6]
    assert first.samples[6].shape == (96, 4)
    assert not second.samples
    assert found.minibatches is not None
    # no batch is as large as the data
    assert first.ladder.shape[:2] == (2, 3)
    # a batch of 32 of 96 is nearer to a normal law than a sample
    assert first.rungs(6)["alpha"][2] > first.rungs(6)["alpha"][0]
