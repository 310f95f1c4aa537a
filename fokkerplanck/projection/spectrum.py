"""Noise and curvature of a network at a point of its weights: what theories of SGD are fed with.

The gradients of single samples give the covariance C of the gradient noise. The Hessian H is known
by its products with vectors: Lanczos' method gives Gauss' quadrature of any function of it,

    g^T f(H) g  =  sum_j w_j f(h_j)      (exact for polynomials up to degree 2 m - 1),

so that with random g of covariance C the mean of the right side is ``tr[f(H) C]``, and with g
uniform on the sphere it is the density of eigenvalues (stochastic Lanczos quadrature).

References
----------
G. H. Golub and G. Meurant, *Matrices, moments and quadrature*, 1994; B. Ghorbani, S. Krishnan and
Y. Xiao, *An investigation into neural net optimization via Hessian eigenvalue density*, ICML 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor
from torch.func import grad, vmap

from fokkerplanck.projection.data import Dataset, batches
from fokkerplanck.projection.weights import Flat

__all__ = ["Quadrature", "lanczos_quadrature", "noise_quadrature", "sample_gradients"]

Array = NDArray[np.float64]
#: of the first norm, below which a Krylov space has come to its end
BREAKDOWN = 1e-10


class Quadrature(NamedTuple):
    """Nodes and weights, shape (m,): ``g^T f(H) g = sum_j weights_j f(nodes_j)``."""

    nodes: Array
    weights: Array


def sample_gradients(
    flat: Flat, weights: ArrayLike, data: Dataset, batch: int = 128
) -> NDArray[np.float64]:
    """Gradient of the loss of each sample, shape (N, P)."""
    theta = flat.tensor(weights)

    def one(at: Tensor, image: Tensor, label: Tensor) -> Tensor:
        return flat.loss_vector(at, image[None], label[None])[0]

    each = vmap(grad(one), in_dims=(None, 0, 0))
    parts = []
    for x, y in batches(data, batch):
        images = torch.tensor(x, dtype=torch.float64, device=flat.device)
        parts.append(each(theta, images, torch.tensor(y, device=flat.device)).cpu().numpy())
    return np.concatenate(parts)


def lanczos_quadrature(
    product: Callable[[Array], Array],
    start: Array,
    steps: int,
    deflated: Array | None = None,
) -> Quadrature:
    """Gauss' quadrature of the spectrum of a symmetric matrix as a vector sees it.

    Every vector is made orthogonal to all before it, twice, so that no eigenvalue comes again as a
    ghost.

    Parameters
    ----------
    product : callable
        Multiplies vectors (P,) by H.
    start : ndarray, shape (P,)
        g.
    steps : int
        Products with vectors; fewer where the space ends before.
    deflated : ndarray, shape (k, P), optional
        Eigenvectors that are left out: of `start` and of all that follows.
    """
    fixed = np.empty((0, len(start))) if deflated is None else deflated
    basis = np.empty((len(fixed) + steps, len(start)))
    basis[: len(fixed)] = fixed
    vector = _free(start, fixed)
    size = float(np.linalg.norm(vector))
    if size <= BREAKDOWN * float(np.linalg.norm(start)):
        return Quadrature(np.zeros(1), np.zeros(1))
    diagonal: list[float] = []
    beside: list[float] = []
    vector = vector / size
    for k in range(len(fixed), len(fixed) + steps):
        basis[k] = vector
        image = product(vector)
        diagonal.append(float(vector @ image))
        image = _free(image, basis[: k + 1])
        length = float(np.linalg.norm(image))
        if length <= BREAKDOWN * max(map(abs, diagonal)):
            break
        beside.append(length)
        vector = image / length
    values, vectors = eigh_tridiagonal(diagonal, beside[: len(diagonal) - 1])
    return Quadrature(np.asarray(values), np.asarray(size**2 * vectors[0] ** 2, dtype=np.float64))


def noise_quadrature(
    product: Callable[[Array], Array],
    gradients: Array,
    probes: int,
    steps: int,
    deflated: Array | None = None,
    seed: int = 0,
) -> list[Quadrature]:
    """Quadratures whose mean is ``tr[f(H) C]``, C the covariance of the rows of `gradients`.

    A probe is ``g = sum_n z_n (grad_n - mean) / sqrt(N)`` with signs z at random. Along `deflated`
    eigenvectors, where most of the noise may be, the trace is known: the probes have the rest.
    """
    rng = np.random.default_rng(seed)
    centred = gradients - gradients.mean(axis=0)
    signs = rng.choice([-1.0, 1.0], size=(probes, len(centred)))
    starts = signs @ centred / np.sqrt(len(centred))
    return [lanczos_quadrature(product, start, steps, deflated) for start in starts]


def _free(vector: Array, of: Array) -> Array:
    """Take out the parts along orthonormal rows, twice: once leaves rounding in it."""
    for _ in range(2):
        vector = vector - of.T @ (of @ vector)
    return vector
