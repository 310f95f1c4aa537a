"""Links found by their cells, and those that are left of a chain when cells and links are lost."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.generator import Generator

__all__ = ["links_of", "on_live"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int32]
Places = NDArray[np.int64]


def links_of(cells: Mask, ends: Indices) -> Places:
    """Numbers of the links that have one of these cells at this end."""
    found = np.empty(_links_kernel(cells, ends, np.empty(0, dtype=np.int64)), dtype=np.int64)
    _links_kernel(cells, ends, found)
    return found


def on_live(
    generator: Generator,
    inside: Mask,
    out: tuple[Places, Array],
    back: tuple[Places, Array],
    absorption: Array,
) -> Generator:
    """Take cells and links out of a chain.

    Parameters
    ----------
    generator : Generator
    inside : ndarray of bool, shape (cells,)
        Cells that lose all rates out of them.
    out, back : tuple of ndarray
        Numbers of links, in order, and the factors of their rates from tail to head, and from
        head to tail.
    absorption : ndarray, shape (cells,)
        That of the new chain.

    Returns
    -------
    Generator
        Without the links that lead nowhere.
    """
    g, dim = generator, generator.offset.shape[1]
    given = (g.tail, g.head, g.offset, g.forward, g.backward, inside, *out, *back)

    def made(count: int) -> tuple[Indices, Indices, Indices, Array, Array]:
        ends = np.empty((2, count), dtype=np.int32)
        rates = np.empty((2, count))
        return ends[0], ends[1], np.empty((count, dim), dtype=np.int32), rates[0], rates[1]

    kept = made(_kept_kernel(*given, *made(0)))
    _kept_kernel(*given, *kept)
    return Generator(g.shape, g.spacing, *kept, absorption, g.weight)


@njit(cache=True, nogil=True)
def _links_kernel(cells, ends, found):  # type: ignore[no-untyped-def]
    """Put numbers of links whose end is marked into `found`, if that has places; count them."""
    count = 0
    for e in range(ends.size):
        if cells[ends[e]]:
            if found.size > 0:
                found[count] = e
            count += 1
    return count


@njit(cache=True, nogil=True)
def _kept_kernel(  # type: ignore[no-untyped-def]
    tail, head, offset, forward, backward, inside, link_out, factor_out, link_in, factor_in,
    tails, heads, offsets, out, into,
):  # fmt: skip
    """Put links that lead somewhere into the last five arrays, if these have places; count them."""
    count, p, q = 0, 0, 0
    for e in range(tail.size):
        up = 0.0 if inside[tail[e]] else forward[e]
        down = 0.0 if inside[head[e]] else backward[e]
        while p < link_out.size and link_out[p] == e:
            up *= factor_out[p]
            p += 1
        while q < link_in.size and link_in[q] == e:
            down *= factor_in[q]
            q += 1
        if up > 0.0 or down > 0.0:
            if tails.size > 0:
                tails[count], heads[count] = tail[e], head[e]
                for k in range(offset.shape[1]):
                    offsets[count, k] = offset[e, k]
                out[count], into[count] = up, down
            count += 1
    return count
