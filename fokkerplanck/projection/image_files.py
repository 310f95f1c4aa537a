"""MNIST and CIFAR-10 from the files that their authors give out, if the user has them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import DataError
from fokkerplanck.projection.data import Dataset, images

__all__ = ["cifar10", "mnist"]

#: bytes of one sample in CIFAR-10's binary version: its class, then 3 x 32 x 32 pixels
RECORD = 1 + 3 * 32 * 32
#: first bytes of a file in the IDX format that holds bytes
IDX_BYTES = b"\x00\x00\x08"


def mnist(folder: str | Path, test: bool = False) -> Dataset:
    """Read MNIST, or a data set in its format: ``train-images-idx3-ubyte`` and so on, or ``.gz``.

    Parameters
    ----------
    folder : path
    test : bool
        The 10 000 samples for testing instead of the 60 000 others.

    Raises
    ------
    DataError
        When a file is missing, cut off, or something else.
    """
    place, part = Path(folder), "t10k" if test else "train"
    inputs = _idx(place, f"{part}-images-idx3-ubyte")
    labels = _idx(place, f"{part}-labels-idx1-ubyte")
    return images(inputs, labels, f"mnist {part}", str(place))


def cifar10(folder: str | Path, test: bool = False) -> Dataset:
    """Read CIFAR-10's binary version: ``data_batch_1.bin`` to ``data_batch_5.bin``.

    Parameters
    ----------
    folder : path
    test : bool
        ``test_batch.bin`` instead.

    Raises
    ------
    DataError
        When a file is missing or cut off.
    """
    place = Path(folder)
    names = ["test_batch.bin"] if test else [f"data_batch_{k}.bin" for k in range(1, 6)]
    records = np.concatenate([_records(place / name) for name in names])
    inputs = records[:, 1:].reshape(-1, 3, 32, 32)
    return images(inputs, records[:, 0], f"cifar10 {'test' if test else 'train'}", str(place))


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Array of a file in the IDX format: four bytes, lengths of the axes, values."""
    path = folder / name
    content = _content(path if path.exists() else path.with_name(f"{name}.gz"))
    axes = content[3] if content[:3] == IDX_BYTES and len(content) > 3 else 0
    shape = np.frombuffer(content[4 : 4 + 4 * axes], dtype=">u4")
    values = np.frombuffer(content, dtype=np.uint8)[4 + 4 * axes :]
    if not axes or values.size != np.prod(shape, dtype=np.int64):
        msg = f"{path}: is no whole file of bytes in the IDX format"
        raise DataError(msg)
    return values.reshape(shape)


def _records(path: Path) -> NDArray[np.uint8]:
    content = np.frombuffer(_content(path), dtype=np.uint8)
    if not content.size or content.size % RECORD:
        msg = f"{path}: is no whole file of CIFAR-10's binary version"
        raise DataError(msg)
    return content.reshape(-1, RECORD)


def _content(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read()
    except (OSError, EOFError) as error:
        msg = f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        raise DataError(msg) from error
