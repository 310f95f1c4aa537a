"""Lines and planes in the space of weights, with orthonormal axes.

Distances on them are distances between weights, so that drift and diffusion have the same metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError

__all__ = [
    "Directions",
    "orthonormalise",
    "principal_components",
    "random_filter_normalised",
    "through_minima",
]

Array = NDArray[np.float64]
#: scalar products of axes may be off by rounding only
ORTHONORMAL = 1e-12
#: what is left of a vector beside the axes before it, relative to it, when they span it
DEPENDENT = 1e-9


@dataclass(frozen=True, eq=False)
class Directions:
    """A line or a plane in the space of P weights.

    Parameters
    ----------
    origin : ndarray, shape (P,)
        Weights at the coordinates zero.
    axes : ndarray, shape (dim, P)
        Orthonormal; dim is 1 or 2.
    anchors : ndarray, shape (m, dim)
        Coordinates of weight vectors that the line or plane was made from.
    names : tuple of str
        Of the anchors.
    share : float or None
        Part of the squared displacement of anchors, or of a trajectory, from the origin that the
        line or plane holds; None where nothing was given to measure it by. With a small share,
        the loss on the plane is not the loss along the path.
    kind : str
    note : str
        How it was made, in words: what normalisation did, what a share is to be compared with.
    values : tuple of float
        Numbers that belong to the axes: lengths of one unit of the published tool, eigenvalues of
        the Hessian, shares of single components.

    Raises
    ------
    CaseError
        When the axes are not orthonormal, or shapes do not match.
    """

    origin: Array
    axes: Array
    anchors: Array
    names: tuple[str, ...] = ()
    share: float | None = None
    kind: str = "given"
    note: str = ""
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for key in ("origin", "axes", "anchors"):
            value = np.array(getattr(self, key), dtype=np.float64)
            value.flags.writeable = False
            object.__setattr__(self, key, value)
        shapes = self.origin.shape, self.axes.shape, self.anchors.shape
        if (
            self.origin.ndim != 1
            or self.axes.ndim != 2
            or self.axes.shape != (self.dim, self.origin.size)
            or self.anchors.shape != (len(self.names), self.dim)
            or self.dim not in (1, 2)
        ):
            msg = (
                "directions are an origin (P,), one or two axes (dim, P), and anchors (m, dim) "
                f"with m names; got {shapes} and {len(self.names)} names"
            )
            raise CaseError(msg)
        error = np.abs(self.axes @ self.axes.T - np.eye(self.dim)).max()
        if not error <= ORTHONORMAL:
            msg = f"the axes must be orthonormal: scalar products are off by {error:.1e}"
            raise CaseError(msg)

    @property
    def dim(self) -> int:
        """1 for a line, 2 for a plane."""
        return len(self.axes)

    def weights(self, coordinates: ArrayLike) -> Array:
        """Weights at coordinates, shape (..., dim) -> (..., P)."""
        return np.asarray(self.origin + np.asarray(coordinates, dtype=np.float64) @ self.axes)

    def coordinates(self, weights: ArrayLike) -> Array:
        """Coordinates of the nearest points of the line or plane, shape (..., P) -> (..., dim)."""
        return np.asarray((np.asarray(weights, dtype=np.float64) - self.origin) @ self.axes.T)

    def distances(self, weights: ArrayLike) -> Array:
        """Distances of weights from the line or plane, shape (..., P) -> (...)."""
        apart = np.asarray(weights, dtype=np.float64) - self.weights(self.coordinates(weights))
        return np.asarray(np.linalg.norm(apart, axis=-1))

    def share_of(self, weights: ArrayLike) -> float:
        """Part of the squared displacement of weights (k, P) from the origin that is held."""
        apart = np.asarray(weights, dtype=np.float64) - self.origin
        whole = float(np.sum(apart**2))
        held = float(np.sum((apart @ self.axes.T) ** 2))
        return min(1.0, held / whole) if whole else 1.0

    def measured(self, trajectory: ArrayLike) -> Directions:
        """Return the same with the share of a trajectory, shape (k, P)."""
        note = f"{self.note}; share: of the trajectory's squared displacement from the origin"
        return replace(self, share=self.share_of(trajectory), note=note.removeprefix("; "))

    def extent(self, margin: float = 0.25) -> tuple[tuple[float, float], ...]:
        """Range of each coordinate: all anchors, with a margin relative to the widest range."""
        if not len(self.anchors):
            msg = "without anchors the extent must be given"
            raise CaseError(msg, key="extent")
        low, high = self.anchors.min(axis=0), self.anchors.max(axis=0)
        room = margin * float((high - low).max())
        if not room > 0:
            msg = "anchors that are one point, or no margin, leave no range: give the extent"
            raise CaseError(msg, key="extent")
        return tuple((float(a - room), float(b + room)) for a, b in zip(low, high, strict=True))


def through_minima(minima: Sequence[ArrayLike], names: Sequence[str] | None = None) -> Directions:
    """Line through two weight vectors, or plane through three; the first one is the origin.

    The first axis leads to the second minimum; the second axis is what is orthogonal to it of the
    way to the third (Gram-Schmidt).

    Raises
    ------
    CaseError
        For another number of minima, different lengths, equal minima or three on one line.
    """
    points = _vectors(minima, "minima")
    if len(points) not in (2, 3):
        msg = f"two minima make a line and three a plane, got {len(points)}"
        raise CaseError(msg, key="directions.minima")
    axes = orthonormalise(points[1:] - points[0])
    anchors = (points - points[0]) @ axes.T
    found = tuple(names or (f"minimum {k}" for k in range(len(points))))
    ways = ", ".join(
        f"{a} to {b}: {np.linalg.norm(points[j] - points[i]):.6g}"
        for i, a in enumerate(found)
        for j, b in enumerate(found)
        if i < j
    )
    directions = Directions(
        points[0], axes, anchors, found, kind="minima", note=f"distances {ways}"
    )
    return replace(directions, share=directions.share_of(points))


def principal_components(
    trajectory: ArrayLike, dim: int = 2, centre: str = "end", names: Sequence[str] | None = None
) -> Directions:
    r"""Line or plane that holds most of a trajectory's squared displacement.

    Parameters
    ----------
    trajectory : array_like, shape (k, P)
    dim : int
        1 or 2.
    centre : str
        The origin, from which displacements are counted: ``"end"``, the last weights (Li et al.,
        2018), or ``"mean"``, as in statistics.
    names : sequence of str, optional
        Of the anchors, the first and the last weights.

    Notes
    -----
    A high share says little by itself. A random walk in many dimensions has shares
    :math:`6 / (\pi k)^2` of its variance about the mean in the k-th component, 0.76 in the first
    two (Antognini & Sohl-Dickstein, 2018), and :math:`8 / ((2 k - 1) \pi)^2` of the squared
    displacement from its end, 0.90 in the first two. Both are in the note.

    References
    ----------
    H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, *Visualizing the loss landscape of neural
    nets*, NeurIPS 2018. J. Antognini, J. Sohl-Dickstein, *PCA of high dimensional random walks
    with comparison to neural network training*, NeurIPS 2018.
    """
    path = _vectors(trajectory, "trajectory")
    if centre not in ("end", "mean"):
        msg = f"centre is end or mean, got {centre!r}"
        raise CaseError(msg, key="directions.centre")
    if dim not in (1, 2) or len(path) <= dim:
        msg = f"{dim} principal components of {len(path)} weight vectors: 1 or 2, fewer than those"
        raise CaseError(msg, key="directions.dim")
    origin = path[-1] if centre == "end" else path.mean(axis=0)
    apart = path - origin
    # eigenvectors of the small matrix of scalar products: k vectors of P weights, k << P
    squares, mixtures = np.linalg.eigh(apart @ apart.T)
    squares, mixtures = squares[::-1], mixtures[:, ::-1]
    axes = orthonormalise(mixtures[:, :dim].T @ apart)
    axes *= np.where((path[0] - origin) @ axes.T < 0, -1.0, 1.0)[:, None]  # signs: any, but fixed
    k = np.arange(1, dim + 1)
    walk = 8 / ((2 * k - 1) * np.pi) ** 2 if centre == "end" else 6 / (np.pi * k) ** 2
    ends = path[[0, -1]]
    anchors = (ends - origin) @ axes.T
    found = tuple(names or ("start", "end"))
    note = f"{len(path)} weight vectors, origin: {centre}; a random walk would have the share "
    directions = Directions(
        origin, axes, anchors, found, kind="principal components", note=f"{note}{walk.sum():.2f}"
    )
    shares = tuple(float(s) for s in squares[:dim] / squares.sum())
    return replace(directions, share=directions.share_of(path), values=shares)


class Layout(Protocol):
    """What `random_filter_normalised` must know of a network; `Flat` has it."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the parameters, in the order of the vector."""


def random_filter_normalised(
    flat: Layout, weights: ArrayLike, dim: int = 2, seed: int = 0, name: str = "centre"
) -> Directions:
    """Random directions, each filter as long as the network's own; then made orthonormal.

    Every filter (row of a weight tensor along its first axis) of a Gaussian vector is scaled to
    the norm of that filter of the weights; biases and parameters of norms, which have one axis,
    are zero. That is what the published tool does. Its two directions are not orthogonal and as
    long as the weights; here they are made orthonormal, and `values` are the lengths that one unit
    of the published tool's coordinates has.

    References
    ----------
    H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, *Visualizing the loss landscape of neural
    nets*, NeurIPS 2018, section 4.
    """
    centre = np.asarray(weights, dtype=np.float64)
    sizes = [int(np.prod(shape)) for shape in flat.shapes]
    if centre.shape != (sum(sizes),):
        msg = f"the network has {sum(sizes)} weights, got an array of shape {centre.shape}"
        raise CaseError(msg)
    if dim not in (1, 2):
        msg = f"dim is 1 or 2, got {dim}"
        raise CaseError(msg, key="directions.dim")
    raw = np.random.default_rng(seed).standard_normal((dim, centre.size))
    begin = 0
    for shape, size in zip(flat.shapes, sizes, strict=True):
        part = slice(begin, begin + size)
        begin += size
        if len(shape) < 2:
            raw[:, part] = 0.0
            continue
        filters = raw[:, part].reshape(dim, shape[0], -1)
        wanted = np.linalg.norm(centre[part].reshape(shape[0], -1), axis=1)
        raw[:, part] = (filters * (wanted / np.linalg.norm(filters, axis=2))[..., None]).reshape(
            dim, size
        )
    lengths = np.linalg.norm(raw, axis=1)
    left_out = sum(size for shape, size in zip(flat.shapes, sizes, strict=True) if len(shape) < 2)
    note = f"seed {seed}; {left_out} biases and parameters of norms stay as they are"
    if dim == 2:
        cosine = float(raw[0] @ raw[1] / lengths.prod())
        note += f"; cosine of the two directions before they were made orthogonal: {cosine:.3g}"
    return Directions(
        centre,
        orthonormalise(raw),
        np.zeros((1, dim)),
        (name,),
        kind="random, filter-normalised",
        note=note,
        values=tuple(float(length) for length in lengths),
    )


def orthonormalise(vectors: ArrayLike) -> Array:
    """Orthonormal axes of the same span, the first along the first vector (Gram-Schmidt, twice).

    Raises
    ------
    CaseError
        When a vector is zero, or in the span of those before it.
    """
    axes = np.array(vectors, dtype=np.float64)
    for k, vector in enumerate(axes):
        length = np.linalg.norm(vector)
        for _ in range(2):
            vector -= axes[:k].T @ (axes[:k] @ vector)
        rest = np.linalg.norm(vector)
        if not rest > DEPENDENT * length:
            what = "is zero" if not length > 0 else "lies in the span of those before it"
            msg = f"direction {k} {what}: no line or plane"
            raise CaseError(msg)
        vector /= rest
        vector -= axes[:k].T @ (axes[:k] @ vector)
        vector /= np.linalg.norm(vector)
    return axes


def _vectors(values: ArrayLike | Sequence[ArrayLike], what: str) -> Array:
    """Weight vectors as an array of shape (k, P), finite."""
    try:
        vectors = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"{what} are weight vectors of one length ({error})"
        raise CaseError(msg) from error
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        msg = f"{what} are finite weight vectors, shape (k, P); got {vectors.shape}"
        raise CaseError(msg)
    return vectors
