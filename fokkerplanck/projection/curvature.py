"""Directions of largest curvature: eigenvectors of the Hessian, which is never formed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor
from torch.func import grad, jvp

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.projection.data import Dataset, batches
from fokkerplanck.projection.directions import Directions, orthonormalise
from fokkerplanck.projection.weights import Flat

__all__ = ["Eigenvectors", "hessian_product", "top_eigenvectors", "top_hessian"]

Array = NDArray[np.float64]


def top_hessian(
    flat: Flat,
    weights: ArrayLike,
    data: Dataset | Iterable[tuple[Any, Any]],
    dim: int = 2,
    *,
    tolerance: float = 1e-6,
    most_products: int = 1000,
    batch: int = 512,
    seed: int = 0,
    name: str = "centre",
) -> Directions:
    """Line or plane along the eigenvectors of the Hessian with the largest eigenvalues.

    Found by the Lanczos method (ARPACK) from Hessian-vector products over all of the data.

    Parameters
    ----------
    flat : Flat
    weights : array_like, shape (P,)
        Where; they are the origin.
    data : Dataset or iterable of batches
        The mean of their losses is differentiated. An iterable is gone through once and kept.
    dim : int
        1 or 2.
    tolerance : float
        Of the eigenvalues, relative.
    most_products : int
        Hessian-vector products after which it gives up.
    seed : int
        Of the vector to begin with.

    Returns
    -------
    Directions
        `values` are the eigenvalues, the largest first; signs of the axes are such that the
        largest entry is positive.

    Raises
    ------
    NumericalError
        When it does not converge, or the loss has no finite derivatives there.
    """
    centre = np.array(weights, dtype=np.float64)
    if dim not in (1, 2) or flat.size <= dim:
        msg = f"dim is 1 or 2 and below the number of weights, {flat.size}; got {dim}"
        raise CaseError(msg, key="directions.dim")
    product = hessian_product(flat, centre, data, batch)
    found = top_eigenvectors(
        product, flat.size, dim, tolerance=tolerance, most_products=most_products, seed=seed
    )
    axes, values, left, done = found.axes, found.values, found.residuals, found.products
    note = (
        f"eigenvalues {', '.join(f'{v:.6g}' for v in values)}; "
        f"|H v - lambda v| {', '.join(f'{r:.1e}' for r in left)}; {done} products"
    )
    return Directions(
        centre,
        axes,
        np.zeros((1, dim)),
        (name,),
        kind="top Hessian eigenvectors",
        note=note,
        values=tuple(float(v) for v in values),
    )


@dataclass(frozen=True, eq=False)
class Eigenvectors:
    """Eigenvectors of the largest eigenvalues.

    Parameters
    ----------
    values : ndarray, shape (k,)
        The largest first.
    axes : ndarray, shape (k, P)
        Orthonormal; signs are such that the largest entry is positive.
    residuals : ndarray, shape (k,)
        ``|H v - lambda v|``.
    products : int
        Products with vectors that it took.
    """

    values: Array
    axes: Array
    residuals: Array
    products: int


def top_eigenvectors(
    product: Callable[[Array], Array],
    size: int,
    count: int,
    *,
    tolerance: float = 1e-6,
    most_products: int = 1000,
    seed: int = 0,
) -> Eigenvectors:
    """Eigenvectors of a symmetric matrix of which only products with vectors are known.

    Raises
    ------
    CaseError
        For a number of vectors that is not from 1 to ``size - 1``.
    NumericalError
        When ARPACK does not converge, or a product is not finite.
    """
    if not 1 <= count < size:
        msg = f"eigenvectors: a number from 1 to {size - 1}, got {count}"
        raise CaseError(msg)
    done = 0

    def counted(vector: Array) -> Array:
        nonlocal done
        done += 1
        found = product(vector)
        if done > most_products or not np.isfinite(found).all():
            what = "do not converge" if done > most_products else "are not finite"
            msg = f"eigenvectors of the Hessian {what}, after {done} products with vectors"
            raise NumericalError(msg)
        return found

    operator = LinearOperator((size, size), matvec=counted, dtype=np.float64)
    begin = np.random.default_rng(seed).standard_normal(size)
    try:
        values, vectors = eigsh(operator, k=count, which="LA", v0=begin, tol=tolerance)
    except ArpackNoConvergence as error:
        msg = f"eigenvectors of the Hessian do not converge: {error}"
        raise NumericalError(msg) from error
    axes = orthonormalise(vectors.T[::-1])
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.sign(axes[np.arange(count), largest])[:, None]
    values = values[::-1]
    left = [np.linalg.norm(product(a) - v * a) for a, v in zip(axes, values, strict=True)]
    return Eigenvectors(values, axes, np.array(left), done)


def hessian_product(
    flat: Flat,
    weights: ArrayLike,
    data: Dataset | Iterable[tuple[Any, Any]],
    batch: int = 512,
) -> Callable[[Array], Array]:
    """Make the function that multiplies vectors (P,) by the Hessian of the mean loss.

    The derivative along the vector of the gradient: forward over reverse differentiation.
    """
    theta = flat.tensor(weights)
    parts = list(batches(data, batch))
    samples = sum(len(labels) for _, labels in parts)

    def times(vector: Array) -> Array:
        direction = flat.tensor(np.ravel(vector))
        total = torch.zeros_like(theta)
        for inputs, labels in parts:

            def loss(at: Tensor, inputs: Any = inputs, labels: Any = labels) -> Tensor:
                return flat.loss_vector(at, inputs, labels).sum()

            total += jvp(grad(loss), (theta,), (direction,))[1]
        return np.asarray((total / samples).cpu().numpy())

    return times
