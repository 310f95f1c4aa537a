"""From a trained network to a sampled landscape: the loss and its noise on a line or a plane.

The networks need the extra ``[resnet]`` (torch, scikit-learn); directions and data sets do not.
Names are imported on first use, so that importing this package imports none of that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fokkerplanck.projection.extra import needs_extra

if TYPE_CHECKING:
    from fokkerplanck.projection.command import run_project as run_project
    from fokkerplanck.projection.curvature import top_hessian as top_hessian
    from fokkerplanck.projection.data import Dataset as Dataset
    from fokkerplanck.projection.data import arrays as arrays
    from fokkerplanck.projection.data import digits as digits
    from fokkerplanck.projection.directions import Directions as Directions
    from fokkerplanck.projection.directions import principal_components as principal_components
    from fokkerplanck.projection.directions import (
        random_filter_normalised as random_filter_normalised,
    )
    from fokkerplanck.projection.directions import through_minima as through_minima
    from fokkerplanck.projection.image_files import cifar10 as cifar10
    from fokkerplanck.projection.image_files import mnist as mnist
    from fokkerplanck.projection.momentum import run_momentum as run_momentum
    from fokkerplanck.projection.networks import resnet as resnet
    from fokkerplanck.projection.sample import project as project
    from fokkerplanck.projection.training import Training as Training
    from fokkerplanck.projection.training import read_training as read_training
    from fokkerplanck.projection.training import train as train
    from fokkerplanck.projection.trajectory import Trajectory as Trajectory
    from fokkerplanck.projection.trajectory import record as record
    from fokkerplanck.projection.weights import Flat as Flat
    from fokkerplanck.projection.weights import flatten as flatten
    from fokkerplanck.projection.weights import with_weights as with_weights

#: public name -> module that defines it
_HOME = {
    "Dataset": "data",
    "arrays": "data",
    "digits": "data",
    "Directions": "directions",
    "principal_components": "directions",
    "random_filter_normalised": "directions",
    "through_minima": "directions",
    "top_hessian": "curvature",
    "project": "sample",
    "run_project": "command",
    "run_momentum": "momentum",
    "Trajectory": "trajectory",
    "record": "trajectory",
    "cifar10": "image_files",
    "mnist": "image_files",
    "resnet": "networks",
    "Training": "training",
    "read_training": "training",
    "train": "training",
    "Flat": "weights",
    "flatten": "weights",
    "with_weights": "weights",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    with needs_extra():
        value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
