"""Data sets as arrays: the samples over which losses and their gradients are taken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.projection.extra import needs_extra

__all__ = ["Dataset", "arrays", "batches", "digits", "images"]

#: largest grey value of scikit-learn's digits
DIGITS_WHITE = 16.0
#: names of inputs and labels in a file
KEYS = (("x", "y"), ("x_train", "y_train"))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and their labels, read-only.

    Parameters
    ----------
    inputs : array_like, shape (n, ...)
        Images as ``(n, channels, height, width)``; kept as float32.
    labels : array_like, shape (n,) or (n, ...)
        Whole numbers are kept as int64 (classes from 0 on), others as float32.
    name : str
    provenance : mapping
        Where the samples come from and what was done to them, texts and numbers.

    Raises
    ------
    CaseError
        For lengths that differ, no samples, or inputs that are not finite.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[Any]
    name: str = "data"
    provenance: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        inputs, labels = _inputs(self.inputs, self.name), np.asarray(self.labels)
        whole = labels.dtype.kind in "iub"
        labels = labels.astype(np.int64 if whole else np.float32)
        if inputs.ndim < 2 or labels.ndim < 1 or not len(labels) == len(inputs) > 0:
            msg = (
                f"{self.name}: inputs of shape (n, ...) and as many labels, "
                f"got {inputs.shape} and {labels.shape}"
            )
            raise CaseError(msg)
        if not np.isfinite(inputs).all() or not np.isfinite(labels).all():
            msg = f"{self.name}: inputs and labels must be finite numbers"
            raise CaseError(msg)
        if whole and labels.min() < 0:
            msg = f"{self.name}: classes count from 0, got the label {labels.min()}"
            raise CaseError(msg)
        for key, value in (("inputs", inputs), ("labels", labels)):
            value.flags.writeable = False
            object.__setattr__(self, key, value)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """Number of classes: one more than the largest label."""
        return int(self.labels.max()) + 1

    @cached_property
    def digest(self) -> str:
        """SHA-256 of inputs and labels: two data sets with the same one are the same."""
        found = hashlib.sha256(repr((self.inputs.shape, self.labels.dtype.str)).encode())
        found.update(self.inputs.tobytes())
        found.update(self.labels.tobytes())
        return found.hexdigest()

    def subset(self, count: int, seed: int = 0) -> Dataset:
        """Draw some of the samples without replacement; they stay in their order."""
        if not 0 < count <= len(self):
            msg = f"{self.name} has {len(self)} samples, cannot take {count}"
            raise CaseError(msg)
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        note = {"subset": f"{count} of {len(self)} samples, seed {seed}"}
        return replace(
            self,
            inputs=self.inputs[chosen],
            labels=self.labels[chosen],
            provenance={**self.provenance, **note},
        )


def digits(label_noise: float = 0.0, seed: int = 0) -> Dataset:
    """Handwritten digits that come with scikit-learn: 1797 images of 8x8 pixels, 10 classes.

    Parameters
    ----------
    label_noise : float
        Share of the samples, in [0, 1], whose label is drawn anew, evenly from all classes (so
        that a tenth of these keeps its own). Keeps gradient noise at the minima of small networks.
    seed : int
        Of the samples and labels drawn.
    """
    with needs_extra():
        from sklearn.datasets import load_digits

    if not 0 <= label_noise <= 1:
        msg = f"label_noise is a share between 0 and 1, got {label_noise}"
        raise CaseError(msg, key="data.label_noise")
    images, labels = load_digits(return_X_y=True)
    labels = labels.astype(np.int64)
    count = round(label_noise * len(labels))
    if count:
        rng = np.random.default_rng(seed)
        chosen = rng.permutation(len(labels))[:count]
        labels[chosen] = rng.integers(labels.max() + 1, size=count)
    provenance: dict[str, str | float] = {
        "source": f"scikit-learn {metadata.version('scikit-learn')}, load_digits",
        "inputs": "grey values scaled from 0..16 to -1..1",
    }
    if count:
        text = f"{count} of {len(labels)} drawn anew from all classes, seed {seed}"
        provenance |= {"labels": text, "label_noise": label_noise}
    scaled = (images / (DIGITS_WHITE / 2) - 1).reshape(-1, 1, 8, 8)
    return Dataset(scaled, labels, "digits", provenance)


def arrays(path: str | Path) -> Dataset:
    """Read a data set from ``.npz`` with the arrays ``x`` and ``y`` (or ``x_train, y_train``).

    Images are ``(n, height, width)``, ``(n, channels, height, width)``, or have their 1 or 3
    channels last. Grey values of type uint8 are scaled from 0..255 to -1..1, other numbers are
    taken as they are.

    Raises
    ------
    DataError
        When it cannot be read, or an array is missing.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            keys = next((k for k in KEYS if set(k) <= set(found.keys())), None)
            if keys is None:
                msg = f"{file}: needs the arrays x and y, has {', '.join(found) or 'none'}"
                raise DataError(msg)
            inputs, labels = (found[key] for key in keys)
    except DataError:
        raise
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile) as error:
        msg = f"{file}: cannot be read as arrays of numpy ({error})"
        raise DataError(msg) from error
    return images(inputs, labels, file.stem, str(file))


def images(inputs: NDArray[Any], labels: NDArray[Any], name: str, source: str) -> Dataset:
    """Make a data set of images as files hold them: bytes scaled, channels put first."""
    provenance: dict[str, str | float] = {"source": source}
    if inputs.dtype == np.uint8:
        inputs = inputs / np.float32(127.5) - np.float32(1)
        provenance["inputs"] = "grey values scaled from 0..255 to -1..1"
    if inputs.ndim == 3:
        inputs = inputs[:, None]
    elif inputs.ndim == 4 and inputs.shape[3] in (1, 3) and inputs.shape[1] not in (1, 3):
        inputs = np.moveaxis(inputs, 3, 1)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return Dataset(inputs, labels, name, provenance)


def batches(data: Dataset | Iterable[tuple[Any, Any]], size: int) -> Iterator[tuple[Any, Any]]:
    """Go through inputs and labels: slices of a data set, or what a loader gives."""
    if not isinstance(data, Dataset):
        yield from data
        return
    for begin in range(0, len(data), size):
        yield data.inputs[begin : begin + size], data.labels[begin : begin + size]


def _inputs(values: ArrayLike, name: str) -> NDArray[np.float32]:
    """Copy of the inputs as float32, contiguous."""
    try:
        return np.array(values, dtype=np.float32, order="C")
    except (TypeError, ValueError) as error:
        msg = f"{name}: inputs are an array of numbers ({error})"
        raise CaseError(msg) from error
