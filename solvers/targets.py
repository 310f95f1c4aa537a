"""Chains with absorbing sets inside the grid: links that a set cuts end on its boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.links import Links
from fokkerplanck.solvers.weights import jump_weights

__all__ = ["Cut", "Killed", "absorb"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int32]

#: Shortest arm that is kept: the rate along it would grow beyond all bounds.
SHORTEST = 1e-9


@dataclass(frozen=True, eq=False)
class Cut:
    """How an absorbing set meets the cells and links of a grid.

    Parameters
    ----------
    inside : ndarray of bool, shape (cells,)
        Cells whose centre is in the set.
    forward, backward : ndarray, shape (links,)
        Fraction of each link, from its tail and from its head, at which the set is entered;
        inf where it is not.
    """

    inside: Mask
    forward: Array
    backward: Array


@dataclass(frozen=True, eq=False)
class Killed:
    """A chain that ends when a set, or an absorbing wall, is met.

    Parameters
    ----------
    generator : Generator
        Rates between live cells; its absorption is the sum of all targets'. The cells inside
        the sets have neither links nor absorption.
    live : ndarray of bool, shape (cells,)
        Cells outside all sets.
    absorption : ndarray, shape (targets + 1, cells)
        Rates into each set, and through the walls (last row).
    """

    generator: Generator
    live: Mask
    absorption: Array


def absorb(
    generator: Generator, links: Links, strength: tuple[Array, Array], cuts: Sequence[Cut]
) -> Killed:
    r"""Make sets absorbing, with their boundaries where they are and not where cells end.

    A link that enters a set at a fraction theta of its length keeps the weight of that part,
    which is taken from the quadratic through the climbs of its two halves. Along a line with arms
    theta and theta' on both sides of a cell the rates are multiplied by
    :math:`2 / (\theta (\theta + \theta'))`, exact on quadratics, so that passage times converge
    with the square of the cell width.

    Parameters
    ----------
    generator : Generator
        Without the sets.
    links : Links
        The links that `generator` was made on, with climbs of the same noise strength.
    strength : tuple of ndarray, shape (links,)
        Rate of both directions of each link without arms and weight.
    cuts : sequence of Cut
        A link that meets several sets ends at the nearest.

    References
    ----------
    Shortley and Weller, J. Appl. Phys. 9, 334 (1938), for the arms.
    """
    cells = generator.cells
    inside = np.zeros(cells, dtype=np.bool_)
    for cut in cuts:
        inside |= cut.inside
    forward_set, forward = _nearest([c.forward for c in cuts])
    backward_set, backward = _nearest([c.backward for c in cuts])
    opposite = _Opposite(links, cells)
    keep_out, rate_out, end_out = _one_way(
        links.tail, links.arm_tail, forward, opposite.of_tails(backward), links.first, links.second,
        generator.weight,
    )  # fmt: skip
    keep_in, rate_in, end_in = _one_way(
        links.head, links.arm_head, backward, opposite.of_heads(forward), -links.second,
        -links.first, generator.weight,
    )  # fmt: skip
    absorption = np.zeros((len(cuts) + 1, cells))
    for which, cell, rate in (
        (forward_set, links.tail, strength[0] * rate_out),
        (backward_set, links.head, strength[1] * rate_in),
    ):
        flat = which.astype(np.int64) * cells + cell
        ends = which >= 0
        absorption += np.bincount(flat[ends], rate[ends], absorption.size).reshape(absorption.shape)
    absorption[-1] += _walls(generator, links, opposite, forward, backward)
    absorption[:, inside] = 0.0
    live = ~inside
    out = np.where(live[links.tail] & ~end_out, generator.forward * keep_out, 0.0)
    into = np.where(live[links.head] & ~end_in, generator.backward * keep_in, 0.0)
    return Killed(_on_live(generator, out, into, absorption.sum(axis=0)), live, absorption)


def _nearest(fractions: Sequence[Array]) -> tuple[NDArray[np.int8], Array]:
    """Which set each link meets first (-1: none), and where."""
    best = np.full(fractions[0].shape, np.inf)
    which = np.full(best.shape, -1, dtype=np.int8)
    for k, fraction in enumerate(fractions):
        nearer = fraction < best
        best[nearer], which[nearer] = fraction[nearer], k
    return which, np.maximum(best, SHORTEST)


def _one_way(
    cell: Indices, arm: Array, theta: Array, other: Array, first: Array, second: Array, weight: str
) -> tuple[Array, Array, Mask]:
    """One direction of all links: factor of those that stay, rate of those that end, and which.

    `other` is the length of the opposite arm where a set cuts it, nan where only walls do.
    """
    ends = np.isfinite(theta)
    before = 2.0 / arm - 1.0  # length of the opposite arm that is in the rates already
    after = np.where(np.isnan(other), before, other)
    keep = (1.0 + before) / (1.0 + after)
    rate = np.zeros(cell.size)
    t, a, b = theta[ends], first[ends], first[ends] + second[ends]
    half, whole = _climb(t / 2, a, b), _climb(t, a, b)
    part, _ = jump_weights(half, whole - half, weight)
    rate[ends] = 2.0 / (t * (t + after[ends])) * part
    return keep, rate, ends


def _climb(s: Array, half: Array, whole: Array) -> Array:
    """Quadratic in s through 0, `half` at 1/2 and `whole` at 1."""
    return s * ((4.0 * half - whole) + s * (2.0 * whole - 4.0 * half))


class _Opposite:
    """Finds the arm of a cell that points the other way."""

    def __init__(self, links: Links, cells: int) -> None:
        self.reach = int(max(np.abs(links.offset).max(initial=1), 1))
        self.tail = self._key(links.tail, links.offset)
        self.head = self._key(links.head, links.offset)
        self.cells = cells

    def _key(self, cell: Indices, offset: Indices) -> NDArray[np.int64]:
        key = cell.astype(np.int64)
        for component in offset.T:
            key = key * (2 * self.reach + 1) + component + self.reach
        return key

    def of_tails(self, backward: Array) -> Array:
        """Length of the arm of each link's tail that points away from the head."""
        return _look_up(self.tail, self.head, backward)

    def of_heads(self, forward: Array) -> Array:
        """Length of the arm of each link's head that points away from the tail."""
        return _look_up(self.head, self.tail, forward)

    def of_walls(self, links: Links, forward: Array, backward: Array) -> Array:
        """Length of the arm opposite to each arm that a wall cuts."""
        along = _look_up(self._key(links.wall_cell, links.wall_offset), self.head, backward)
        against = _look_up(self._key(links.wall_cell, -links.wall_offset), self.tail, forward)
        return np.where(np.isnan(along), against, along)


def _look_up(wanted: NDArray[np.int64], keys: NDArray[np.int64], theta: Array) -> Array:
    """Theta of the cut arms with the wanted keys; nan for those that no set cuts."""
    cut = np.flatnonzero(np.isfinite(theta))
    found = np.full(wanted.size, np.nan)
    if not cut.size:
        return found
    order = cut[np.argsort(keys[cut])]
    known = keys[order]
    at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    hit = known[at] == wanted
    found[hit] = theta[order[at[hit]]]
    return found


def _walls(
    generator: Generator, links: Links, opposite: _Opposite, forward: Array, backward: Array
) -> Array:
    """Rates through the walls, where a set cuts the opposite arm rescaled."""
    if not links.wall_cell.size:
        return generator.absorption
    other = opposite.of_walls(links, forward, backward)
    cut = np.isfinite(other)
    if not cut.any():
        return generator.absorption
    half = links.wall_climb / 2
    weight, _ = jump_weights(half, half, generator.weight)
    before = links.wall_rate * weight
    # generator.absorption = sum of `before` times the factor of the noise strength, cell by cell
    total = np.bincount(links.wall_cell, before, generator.cells)
    theta = links.wall_theta
    factor = np.where(cut, (theta + 1.0) / (theta + np.where(cut, other, 1.0)), 1.0)
    changed = np.bincount(links.wall_cell, before * factor, generator.cells)
    share = np.divide(changed, total, out=np.ones_like(total), where=total > 0)
    return np.asarray(generator.absorption * share)


def _on_live(generator: Generator, out: Array, into: Array, absorption: Array) -> Generator:
    kept = (out > 0) | (into > 0)
    return Generator(
        generator.shape,
        generator.spacing,
        generator.tail[kept],
        generator.head[kept],
        generator.offset[kept],
        out[kept],
        into[kept],
        absorption,
        generator.weight,
    )
