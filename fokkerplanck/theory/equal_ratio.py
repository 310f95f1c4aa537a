"""When runs of SGD are the same run: settings of equal noise, and how far that holds."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.sgd import check_learning_rate

__all__ = ["Equivalence", "Settings", "equivalent"]

#: Relative differences of noise below this are rounding.
ROUNDING = 1e-12
#: Learning rate times curvature, and batch over data set, up to which the diffusion stands for SGD.
SMALL = 0.1


class Settings(Protocol):
    """Hyper-parameters, such as those of `fokkerplanck.sgd_settings.SGD`."""

    @property
    def learning_rate(self) -> float:
        """Eta."""

    @property
    def batch_size(self) -> float:
        """B."""

    @property
    def momentum(self) -> float:
        """Heavy-ball beta."""

    @property
    def dataset_size(self) -> float | None:
        """N, where it is known."""

    @property
    def eb(self) -> float:
        """Factor in ``D = eb C``."""


class Equivalence(NamedTuple):
    """Whether two settings have the same diffusion, and what that leaves out.

    Parameters
    ----------
    equal : bool
        Whether ``D = eb C`` is the same; densities then are, in the time t.
    steps : float
        Number of steps of the second that take as long as one of the first.
    epochs : float
        The same for passes over the data: how much more of the data the second needs.
    valid : bool
        Whether both are described by their diffusion.
    note : str
        Why not; empty if they are.
    """

    equal: bool
    steps: float
    epochs: float
    valid: bool
    note: str


def equivalent(first: Settings, second: Settings, hessian: ArrayLike | None = None) -> Equivalence:
    """Compare two settings of SGD: only ``eb = eta / (2 B (1 - beta))`` enters the diffusion.

    Parameters
    ----------
    first, second : Settings
    hessian : array_like, shape (..., n, n), optional
        Curvatures met on the way; without them only the batches are judged.

    Raises
    ------
    CaseError
        When one of them diverges at these curvatures.

    References
    ----------
    S. Jastrzebski et al., arXiv 1711.04623.
    """
    equal = abs(second.eb / first.eb - 1) <= ROUNDING
    pace = [s.learning_rate / (1 - s.momentum) for s in (first, second)]
    steps = pace[0] / pace[1]
    notes = []
    for s in (first, second):
        name = f"learning rate {s.learning_rate:g}, batch {s.batch_size:g}"
        if hessian is not None:
            size = check_learning_rate(s.learning_rate, np.asarray(hessian), s.momentum)
            if size > SMALL:
                notes.append(f"{name}: learning rate * largest curvature = {size:.3g} is not small")
        if s.dataset_size is not None and s.batch_size > SMALL * s.dataset_size:
            share = s.batch_size / s.dataset_size
            notes.append(f"{name}: the batch is {share:.3g} of all samples, not few of them")
    epochs = steps * second.batch_size / first.batch_size
    return Equivalence(equal, steps, epochs, not notes, "; ".join(notes))
