"""Chains with absorbing sets inside the grid: links that a set cuts end on its boundary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.links import Links
from fokkerplanck.solvers.live_links import links_of, on_live
from fokkerplanck.solvers.weights import jump_weights

__all__ = ["Arms", "Cut", "Killed", "absorb"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int32]
Places = NDArray[np.int64]

#: Shortest arm that is kept: the rate along it would grow beyond all bounds.
SHORTEST = 1e-9


class Arms(NamedTuple):
    """Links that a set cuts on the way from one of their ends.

    Parameters
    ----------
    link : ndarray of int, shape (arms,)
        Numbers of the links, in order, each at most once.
    theta : ndarray, shape (arms,)
        Fraction of the link at which the set is entered.
    """

    link: Places
    theta: Array


@dataclass(frozen=True, eq=False)
class Cut:
    """How an absorbing set meets the cells and links of a grid.

    Parameters
    ----------
    inside : ndarray of bool, shape (cells,)
        Cells whose centre is in the set.
    forward, backward : Arms
        Links that enter the set from their tail, and from their head.
    """

    inside: Mask
    forward: Arms
    backward: Arms


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
    targets : int
        Number of sets.
    target, cell, rate : ndarray, shape (ends,)
        Rates into each set, and through the walls (as target `targets`), where there are any.
    """

    generator: Generator
    live: Mask
    targets: int
    target: Places
    cell: Places
    rate: Array

    @property
    def absorption(self) -> Array:
        """Rates into each set, and through the walls (last row), shape (targets + 1, cells)."""
        out = np.zeros((self.targets + 1, self.live.size))
        out[self.target, self.cell] = self.rate
        return out

    @property
    def log_absorption(self) -> Array:
        """Natural logarithms of `absorption`."""
        out = np.full((self.targets + 1, self.live.size), -np.inf)
        out[self.target, self.cell] = np.log(self.rate)
        return out


def absorb(
    generator: Generator,
    links: Links,
    strength: Callable[[Places], tuple[Array, Array]],
    cuts: Sequence[Cut],
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
    strength : callable
        From numbers of links to the rates of both directions without arms and weight.
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
    out = _Way(links, cells, [c.forward for c in cuts], forth=True)
    back = _Way(links, cells, [c.backward for c in cuts], forth=False)
    opposite = out.opposite(back), back.opposite(out)
    ends = [
        out.ends(opposite[0], strength, generator.weight),
        back.ends(opposite[1], strength, generator.weight),
    ]
    walls = np.flatnonzero(generator.absorption)
    ends.append((np.full(walls.size, len(cuts)), walls, _walls(generator, links, out, back)[walls]))
    target, cell, rate = _added_up(ends, inside)
    absorption = np.zeros(cells)
    np.add.at(absorption, cell, rate)  # target after target
    factors = out.factors(opposite[0]), back.factors(opposite[1])
    kept = on_live(generator, inside, *factors, absorption)
    return Killed(kept, ~inside, len(cuts), target, cell, rate)


class _Way:
    """One direction of all links: which of them are cut, where, and by which set.

    Parameters
    ----------
    links : Links
    cells : int
    arms : sequence of Arms
        Of each set.
    forth : bool
        From tail to head, or back.
    """

    def __init__(self, links: Links, cells: int, arms: Sequence[Arms], *, forth: bool) -> None:
        self.links, self.cells, self.forth = links, cells, forth
        self.cell = links.tail if forth else links.head
        self.arm = links.arm_tail if forth else links.arm_head
        link = np.concatenate([a.link for a in arms])
        theta = np.concatenate([a.theta for a in arms])
        which = np.repeat(np.arange(len(arms)), [a.link.size for a in arms])
        order = np.lexsort((which, theta, link))
        nearest = order[np.diff(link[order], prepend=-1) > 0]
        self.link, self.which = link[nearest], which[nearest]
        self.theta = np.maximum(theta[nearest], SHORTEST)
        self.keys = _keys(links, self.cell[self.link], links.offset[self.link])

    def opposite(self, other: _Way) -> tuple[Places, Array]:
        """Links whose arm on the other side of the cell is cut, and the lengths of those arms."""
        near = np.zeros(self.cells, dtype=np.bool_)
        near[other.cell[other.link]] = True
        link = links_of(near, self.cell)
        at, hit = _look_up(_keys(self.links, self.cell[link], self.links.offset[link]), other.keys)
        return link[hit], other.theta[at[hit]]

    def factors(self, opposite: tuple[Places, Array]) -> tuple[Places, Array]:
        """Factors of the rates of some links, in order: 0 of those that are cut."""
        shorter, length = opposite
        link = np.concatenate([shorter, self.link])
        factor = 2.0 / self.arm[shorter] / (1.0 + length)
        factor = np.concatenate([factor, np.zeros(self.link.size)])
        order = np.argsort(link)
        return link[order], factor[order]

    def ends(
        self,
        opposite: tuple[Places, Array],
        strength: Callable[[Places], tuple[Array, Array]],
        weight: str,
    ) -> tuple[Places, Places, Array]:
        """Set, cell and rate of each link that is cut."""
        link, t = self.link, self.theta
        shorter, length = opposite
        after = 2.0 / self.arm[link] - 1.0  # the opposite arm that is in the rates already
        at, hit = _look_up(link, shorter)
        after[hit] = length[at[hit]]
        first, second = self.links.first[link], self.links.second[link]
        a, b = (first, first + second) if self.forth else (-second, -second - first)
        half, whole = _climb(t / 2, a, b), _climb(t, a, b)
        part, _ = jump_weights(half, whole - half, weight)
        rate = strength(link)[0 if self.forth else 1] * (2.0 / (t * (t + after)) * part)
        return self.which, self.cell[link].astype(np.int64), rate


def _climb(s: Array, half: Array, whole: Array) -> Array:
    """Quadratic in s through 0, `half` at 1/2 and `whole` at 1."""
    return s * ((4.0 * half - whole) + s * (2.0 * whole - 4.0 * half))


def _keys(links: Links, cell: Indices, offset: Indices) -> Places:
    """One number for each pair of a cell and a lattice vector."""
    reach = int(max(links.offset.max(initial=1), -links.offset.min(initial=-1)))
    key = cell.astype(np.int64)
    for component in offset.T:
        key = key * (2 * reach + 1) + component + reach
    return key


def _look_up(wanted: Places, keys: Places) -> tuple[Places, Mask]:
    """Where wanted keys stand among all keys, and whether they do."""
    if not keys.size:
        return np.zeros(wanted.size, dtype=np.int64), np.zeros(wanted.size, dtype=np.bool_)
    order = np.argsort(keys)
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), keys.size - 1)]
    return at, keys[at] == wanted


def _walls(generator: Generator, links: Links, out: _Way, back: _Way) -> Array:
    """Rates through the walls, where a set cuts the opposite arm rescaled."""
    if not links.wall_cell.size:
        return generator.absorption
    other = np.full(links.wall_cell.size, np.nan)
    for way, offset in ((out, -links.wall_offset), (back, links.wall_offset)):
        at, hit = _look_up(_keys(links, links.wall_cell, offset), way.keys)
        other[hit] = way.theta[at[hit]]
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


def _added_up(
    ends: Sequence[tuple[Places, Places, Array]], inside: Mask
) -> tuple[Places, Places, Array]:
    """Sum up the rates of each target and cell, without cells inside sets; in order."""
    flat = np.concatenate([which * inside.size + cell for which, cell, _ in ends])
    found, place = np.unique(flat, return_inverse=True)
    rate, first = np.zeros(found.size), 0
    for _, _, rates in ends:
        rate += np.bincount(place[first : first + rates.size], rates, found.size)
        first += rates.size
    target, cell = np.divmod(found, inside.size)
    kept = (rate > 0.0) & ~inside[cell]
    return target[kept], cell[kept], rate[kept]
