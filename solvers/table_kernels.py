"""Compiled steps of descent whose gradients are looked up, sample by sample, in a table.

Blocks of lanes are laid out as in `walk_kernels`, so that `herds` moves both. Every walker has a
stream of its own, and a shuffle of its own where samples are not replaced, both by its number:
its path has the same bits in every lane, block and thread.
"""

# Everything that a cached kernel calls stands in this file: numba does not notice edits of another.
from __future__ import annotations

import math

import numpy as np
from numba import float64, int32, int64, njit, uint64

__all__ = ["BATCHES", "EPOCHS", "REPLACED", "line_table_kernel", "plane_table_kernel"]

#: Layout of a block, as in `walk_kernels` (a test holds them together).
LANES = 256
STREAM, NUMBER, BORN = 0, 4, 5
X, Y = 0, 1
CLOCK, LIVE, NEXT, STOP = 0, 1, 2, 3
WALKING = -1
DISC, BOX, HALF_PLANE = 0, 1, 2
#: How the samples of a batch are drawn: each from all; a batch from all; an epoch from all.
REPLACED, BATCHES, EPOCHS = 0, 1, 2

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(forceinline=True, error_model="numpy")
_rare = njit(nogil=True, error_model="numpy")


# --- random samples -------------------------------------------------------------------------------


@_inline
def _mix(z):
    """Finaliser of splitmix64: a bijection of 64-bit words."""
    z = (z ^ (z >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> uint64(27))) * uint64(0x94D049BB133111EB)
    return z ^ (z >> uint64(31))


@_inline
def _turn(x, k):
    return (x << k) | (x >> (uint64(64) - k))


@_inline
def _word(s, i):
    """Draw a word from the stream of lane i, xoshiro256++."""
    a, b, c, d = s[0, i], s[1, i], s[2, i], s[3, i]
    word = _turn(a + d, uint64(23)) + a
    t = b << uint64(17)
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    s[0, i], s[1, i], s[2, i], s[3, i] = a, b, c ^ t, _turn(d, uint64(45))
    return word


@_inline
def _below(half, n):
    """Whole number from 0 to n - 1 from 32 random bits, even up to n / 2^32."""
    return int64((half * uint64(n)) >> uint64(32))


@_inline
def _draw(s, i, chosen, batch, samples, mode, order, place):
    """Choose the samples of the next batch of lane i.

    Without replacement by a shuffle (Fisher-Yates) that starts from wherever the last one ended;
    an epoch has as many whole batches as there is room for.
    """
    low = uint64(0xFFFFFFFF)
    if mode == REPLACED:
        for b in range(0, batch, 2):
            word = _word(s, i)
            chosen[b] = _below(word >> uint64(32), samples)
            if b + 1 < batch:
                chosen[b + 1] = _below(word & low, samples)
        return
    first = np.int64(0)
    if mode == EPOCHS:
        first = np.int64(place[0])
        if first + batch > samples:
            first = np.int64(0)
        place[0] = int32(first + batch)
    for b in range(batch):
        here = first + b
        other = here + _below(_word(s, i) >> uint64(32), samples - here)
        sample = order[other]
        order[other] = order[here]
        order[here] = sample
        chosen[b] = sample


# --- blocks ---------------------------------------------------------------------------------------


@_rare
def _birth(s, r, number, born, i, walker, clock, starts, seed, orders, places):
    """Put a walker into lane i."""
    number[i], born[i] = walker, clock
    gamma = uint64(0x9E3779B97F4A7C15)
    base = _mix(_mix(seed + gamma) ^ (uint64(walker) * gamma))
    for k in range(4):
        s[k, i] = _mix(base + uint64(k + 1) * gamma)
    r[X, i] = starts[walker, 0]
    r[Y, i] = starts[walker, starts.shape[1] - 1]
    if orders.shape[1] > 0:
        places[walker] = 0
        for k in range(orders.shape[1]):
            orders[walker, k] = k


@_rare
def _refill(s, r, number, born, n, count, walkers, orders, places):
    """Give free lanes the next walkers, or close the gaps; the number of lanes in use."""
    queue, starts, seed = walkers
    i = int64(0)
    while i < n:
        if number[i] >= 0:
            i += 1
        elif count[NEXT] < count[STOP]:
            walker = queue[count[NEXT]]
            count[NEXT] += 1
            count[LIVE] += 1
            _birth(s, r, number, born, i, walker, count[CLOCK], starts, seed, orders, places)
            i += 1
        else:
            n -= 1
            if i < n:
                for k in range(4):
                    s[k, i] = s[k, n]
                r[X, i], r[Y, i] = r[X, n], r[Y, n]
                number[i], born[i] = number[n], born[n]
                number[n] = -1
    return n


@_rare
def _end(number, r, i, time, fate, count, times, places, fates):
    """Write down where, when and how the walk in lane i ended; its lane is free then."""
    walker = number[i]
    number[i] = -1
    count[LIVE] -= 1
    times[walker], fates[walker] = time, fate
    places[walker, places.shape[1] - 1] = r[Y, i]
    places[walker, 0] = r[X, i]


@_rare
def _give_up(r, number, born, n, most, count, out):
    """End the walks that have taken `most` steps; time at which the oldest other one began."""
    first = int64(2**62)
    for i in range(n):
        if number[i] >= 0:
            if count[CLOCK] - born[i] >= most:
                _end(number, r, i, float64(most), WALKING, count, out[0], out[1], out[2])
            else:
                first = min(first, born[i])
    return first


@_inline
def _cell(x, lower, inverse, cells):
    """Cell of x, and the place in it from 0 to 1; nan counts as the lower end."""
    t = (x - lower) * inverse
    t = t if t > 0.0 else 0.0
    k = np.int64(t if t < cells - 0.5 else cells - 0.5)
    return k, t - k


@_inline
def _weights(t):
    """Values of the four cubic B-splines at the place t of a cell."""
    u = 1.0 - t
    return (
        u * u * u * (1.0 / 6.0),
        (4.0 + t * t * (3.0 * t - 6.0)) * (1.0 / 6.0),
        (4.0 + u * u * (3.0 * u - 6.0)) * (1.0 / 6.0),
        t * t * t * (1.0 / 6.0),
    )


@_inline
def _folded(x, low, high):
    """Mirror image of x at the end it is beyond; the other end if the image is beyond that."""
    y = 2.0 * high - x if x > high else x
    y = 2.0 * low - x if x < low else y
    y = y if y > low else low
    return y if y < high else high


# --- a line ---------------------------------------------------------------------------------------


@_kernel
def line_table_kernel(ints, reals, counts, times, walkers, fields, rules, ends, shuffles, out):
    """X' = X - eta mean over a batch of g_i(X), reflected at the ends of the table.

    Parameters
    ----------
    ints, reals, counts : ndarray
        Blocks, changed in place; see `walk_kernels.line_walk_kernel`.
    times : tuple
        Clock at which to stop, most steps of a walk, most steps of this call, and whether to stop
        as soon as lanes are free and the block's queue is empty.
    walkers : tuple
        Queue of walkers' numbers, starts (walkers, 1), seed.
    fields : tuple
        Lower and upper end, points per length, and B-spline coefficients of each sample's gradient
        (samples, cells + 3), single precision.
    rules : tuple
        eta, batch, how samples are drawn.
    ends : ndarray, shape (k, 2)
        Intervals at which walks end, after whole steps.
    shuffles : tuple
        Each walker's order of samples (walkers, samples), or (walkers, 0) where samples are
        replaced; its place in the epoch (walkers,).
    out : tuple
        Time in steps, place and fate of every walker, and how often it met an end of the table.
    """
    until, most, budget, hungry = times
    lower, upper, inverse, table = fields
    eta, batch, mode = rules
    orders, epochs = shuffles
    samples, cells, scale = table.shape[0], table.shape[1] - 3, -eta / batch
    chosen = np.empty(batch, np.int64)
    for block in range(ints.shape[0]):
        count, r = counts[block], reals[block]
        s = ints[block, STREAM : STREAM + 4].view(np.uint64)
        number, born = ints[block, NUMBER], ints[block, BORN]
        n, deadline, stop = int64(LANES), int64(0), min(until, count[CLOCK] + budget)
        while count[CLOCK] < stop:
            if count[LIVE] < n:
                n = _refill(s, r, number, born, n, count, walkers, orders, epochs)
                if n == 0 or (hungry and n < LANES):
                    break
            for i in range(n):
                walker = number[i]
                _draw(s, i, chosen, batch, samples, mode, orders[walker], epochs[walker:])
                x = r[X, i]
                k, t = _cell(x, lower, inverse, cells)
                a, b, c, d = 0.0, 0.0, 0.0, 0.0
                for m in range(batch):
                    row = table[chosen[m]]
                    a += row[k]
                    b += row[k + 1]
                    c += row[k + 2]
                    d += row[k + 3]
                u, v, w, z = _weights(t)
                x += scale * (a * u + b * v + (c * w + d * z))
                if not (x >= lower and x <= upper):
                    x = _folded(x, lower, upper)
                    out[3][walker] += 1
                r[X, i] = x
                for e in range(ends.shape[0]):
                    if x >= ends[e, 0] and x <= ends[e, 1] and number[i] >= 0:
                        time = float64(count[CLOCK] + 1 - born[i])
                        _end(number, r, i, time, e, count, out[0], out[1], out[2])
            count[CLOCK] += 1
            if count[CLOCK] >= deadline:
                deadline = _give_up(r, number, born, n, most, count, out) + most


# --- the plane ------------------------------------------------------------------------------------


@_inline
def _inside(x, y, shape, level, frame):
    """Whether a point is in a shape."""
    kind = int64(shape[0])
    if kind == DISC:
        dx, dy = x - shape[1], y - shape[2]
        return shape[4] * (math.sqrt(dx * dx + dy * dy) - shape[3]) <= 0.0
    if kind == HALF_PLANE:
        return shape[1] * x + shape[2] * y >= shape[3]
    if kind == BOX:
        return shape[1] <= x and x <= shape[2] and shape[3] <= y and y <= shape[4]
    u, v = (x - frame[0]) / frame[2], (y - frame[1]) / frame[3]
    i = min(max(int64(math.floor(u)), 0), level.shape[0] - 2)
    j = min(max(int64(math.floor(v)), 0), level.shape[1] - 2)
    u, v = min(max(u - i, 0.0), 1.0), min(max(v - j, 0.0), 1.0)
    below = level[i, j] * (1.0 - u) + level[i + 1, j] * u
    above = level[i, j + 1] * (1.0 - u) + level[i + 1, j + 1] * u
    return below * (1.0 - v) + above * v <= 0.0


@_kernel
def plane_table_kernel(ints, reals, counts, times, walkers, fields, rules, ends, shuffles, out):
    """X' = X - eta mean over a batch of g_i(X) in the plane, reflected at the table's edge.

    As `line_table_kernel`, with ends and points per length of both axes, coefficients (samples,
    cells of x + 3, cells of y + 3, 2), and ends: shapes (k, 5), level, frame of `PlaneTarget`.
    """
    until, most, budget, hungry = times
    low, high, inverse, table = fields
    eta, batch, mode = rules
    shapes, level, frame = ends
    orders, epochs = shuffles
    samples, nx, ny = table.shape[0], table.shape[1] - 3, table.shape[2] - 3
    scale = -eta / batch
    chosen = np.empty(batch, np.int64)
    for block in range(ints.shape[0]):
        count, r = counts[block], reals[block]
        s = ints[block, STREAM : STREAM + 4].view(np.uint64)
        number, born = ints[block, NUMBER], ints[block, BORN]
        n, deadline, stop = int64(LANES), int64(0), min(until, count[CLOCK] + budget)
        while count[CLOCK] < stop:
            if count[LIVE] < n:
                n = _refill(s, r, number, born, n, count, walkers, orders, epochs)
                if n == 0 or (hungry and n < LANES):
                    break
            for i in range(n):
                walker = number[i]
                _draw(s, i, chosen, batch, samples, mode, orders[walker], epochs[walker:])
                x, y = r[X, i], r[Y, i]
                j, t = _cell(x, low[0], inverse[0], nx)
                k, w = _cell(y, low[1], inverse[1], ny)
                u, v = _weights(t), _weights(w)
                gx, gy = 0.0, 0.0
                for m in range(batch):
                    patch = table[chosen[m]]
                    for a in range(4):
                        row = patch[j + a]
                        fx = (v[0] * row[k, 0] + v[1] * row[k + 1, 0]) + (
                            v[2] * row[k + 2, 0] + v[3] * row[k + 3, 0]
                        )
                        fy = (v[0] * row[k, 1] + v[1] * row[k + 1, 1]) + (
                            v[2] * row[k + 2, 1] + v[3] * row[k + 3, 1]
                        )
                        gx += u[a] * fx
                        gy += u[a] * fy
                x += scale * gx
                y += scale * gy
                if not (x >= low[0] and x <= high[0] and y >= low[1] and y <= high[1]):
                    x, y = _folded(x, low[0], high[0]), _folded(y, low[1], high[1])
                    out[3][walker] += 1
                r[X, i], r[Y, i] = x, y
                for e in range(shapes.shape[0]):
                    if number[i] >= 0 and _inside(x, y, shapes[e], level, frame):
                        time = float64(count[CLOCK] + 1 - born[i])
                        _end(number, r, i, time, e, count, out[0], out[1], out[2])
            count[CLOCK] += 1
            if count[CLOCK] >= deadline:
                deadline = _give_up(r, number, born, n, most, count, out) + most
