"""The noise models: what `fokkerplanck.noise` makes."""

from fokkerplanck.noise_models.base import Noise
from fokkerplanck.noise_models.covariance import CovarianceNoise
from fokkerplanck.noise_models.entries import Entries, Entry, TensorFunction
from fokkerplanck.noise_models.given import TensorNoise, WhiteNoise
from fokkerplanck.noise_models.hessian import AbsoluteNoise, FrozenNoise
from fokkerplanck.noise_models.loss import LossNoise

__all__ = [
    "AbsoluteNoise",
    "CovarianceNoise",
    "Entries",
    "Entry",
    "FrozenNoise",
    "LossNoise",
    "Noise",
    "TensorFunction",
    "TensorNoise",
    "WhiteNoise",
]
