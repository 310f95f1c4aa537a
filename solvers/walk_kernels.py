"""Compiled loops of walkers: random numbers, a step on a line, a step in the plane, first hits.

A block of `LANES` walkers lives in arrays on the stack, so that the compiler sees that they do not
overlap and turns each loop over lanes into vector instructions. No fast-math: products that are
fused say so (`fma`), hence a walker's path has the same bits in every lane, block and thread.
"""

# Everything that a cached kernel calls stands in this file, but for the words of llvm.py:
# numba does not notice edits of another file.
from __future__ import annotations

import math

import numpy as np
from numba import float64, int64, njit, uint64

from fokkerplanck.solvers.llvm import bits, carray, fma, from_bits, integers, reals, sqrt, words

__all__ = ["LANES", "fill_normals_kernel", "line_walk_kernel", "plane_walk_kernel"]

#: Walkers of a block: about 20 kB of state, so that it stays in the first-level cache.
LANES = 256
#: Rows of a block: of its integers, its numbers and its counters.
STREAM, NUMBER, BORN, INTEGERS = 0, 4, 5, 6
X, Y, P, PY, SPARE, KEPT = 0, 1, 2, 3, 4, 5
TO_X, TO_Y, D, DXY, DYY, NEARNESS, Z, REALS = 5, 6, 7, 8, 9, 10, 11, 12
CLOCK, LIVE, NEXT, STOP, COUNTERS = 0, 1, 2, 3, 4
STATES, NUMBERS = 4 * LANES, REALS * LANES
#: Fates of walkers that reach no target: still on the way, ended at an absorbing wall.
WALKING, LOST = -1, -2
REFLECTING, ABSORBING, PERIODIC = 0, 1, 2
DISC, BOX, HALF_PLANE, LEVEL = 0, 1, 2, 3
#: A crossing between two steps is not looked into below the probability exp(-NEAR).
NEAR = 24.0

_kernel = njit(cache=True, nogil=True, error_model="numpy")
#: Loops over lanes: they must stand where the arrays are, to become vector instructions.
_inline = njit(forceinline=True, error_model="numpy")
#: What happens to single lanes, now and then.
_rare = njit(nogil=True, error_model="numpy")
_SIGN, _SQRT_HALF = int64(-(2**63)), int64(0x3FE6A09E667F3BCD)


# --- random numbers -----------------------------------------------------------------------------


@_inline
def _mix(z):
    """Finaliser of splitmix64: a bijection of 64-bit words."""
    z = (z ^ (z >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> uint64(27))) * uint64(0x94D049BB133111EB)
    return z ^ (z >> uint64(31))


@_inline
def _seed(s, i, seed, walker):
    """State of xoshiro256++ in lane i from the seed and the walker's number."""
    gamma = uint64(0x9E3779B97F4A7C15)
    base = _mix(_mix(seed + gamma) ^ (uint64(walker) * gamma))
    for k in range(4):
        s[k * LANES + i] = _mix(base + uint64(k + 1) * gamma)


@_inline
def _turn(x, k):
    return (x << k) | (x >> (uint64(64) - k))


@_inline
def _next(a, b, c, d):
    """One step of xoshiro256++: the word and the four words of the new state."""
    word = _turn(a + d, uint64(23)) + a
    t = b << uint64(17)
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    return word, a, b, c ^ t, _turn(d, uint64(45))


@_inline
def _word(s, i):
    """Draw a word from the stream of lane i."""
    word, s[i], s[LANES + i], s[2 * LANES + i], s[3 * LANES + i] = _next(
        s[i], s[LANES + i], s[2 * LANES + i], s[3 * LANES + i]
    )
    return word


@_inline
def _uniform(s, i):
    """Draw from (0, 1), in steps of 2^-53, from the stream of lane i."""
    return (float64(int64(_word(s, i) >> uint64(11))) + 0.5) * 2.0**-53


@_inline
def _pair(u, v):
    """Box-Muller: sqrt(-2 ln U) (cos, sin)(2 pi V) of two words, to 4e-16 of the largest part.

    U = (k + 1) 2^-53 for k = 0, ..., 2^53 - 1, so the normals end at 8.57.
    """
    # ln U = e ln 2 + ln m, with m in [sqrt(1/2), sqrt 2) and ln m = 2 artanh((m - 1) / (m + 1))
    word = bits(float64(int64(u >> uint64(11)) + 1))
    e = (word - _SQRT_HALF) >> 52
    f = from_bits(word - (e << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    a = fma(z, 0.14616449685043406, 0.15331721600556042)
    a = fma(z, a, 0.18182889125261723)
    a = fma(z, a, 0.2222221113479508)
    a = fma(z, a, 0.28571428625975487)
    a = fma(z, a, 0.39999999999899505)
    a = fma(z, a, 0.666666666666667)
    k = float64(e - 53)
    log = fma(k, 1.90821492927058770002e-10, (s * z) * a)
    log = fma(k, 6.93147180369123816490e-01, fma(2.0, s, log))
    # the angle: a sign, a swap of the two parts, and w in [-1/2, 1/2) quarter turns
    r = from_bits(bits(sqrt(-2.0 * log)) ^ (int64(v) & _SIGN))
    w = float64(int64(v << uint64(2)) >> 11) * 2.0**-53
    y = w * w
    sin = fma(y, -6.627624938992472e-10, 5.691927850489633e-08)
    sin = fma(y, sin, -3.598842717144858e-06)
    sin = fma(y, sin, 0.0001604411847266723)
    sin = fma(y, sin, -0.004681754135314827)
    sin = fma(y, sin, 0.07969262624616692)
    sin = fma(y, sin, -0.6459640975062463)
    sin = w * fma(y, sin, 1.5707963267948966)
    cos = fma(y, -6.321256869628588e-09, 4.710609726757823e-07)
    cos = fma(y, cos, -2.520203677046026e-05)
    cos = fma(y, cos, 0.0009192602741831558)
    cos = fma(y, cos, -0.02086348076331121)
    cos = fma(y, cos, 0.2536695079010467)
    cos = fma(y, cos, -1.2337005501361697)
    cos = fma(y, cos, 1.0)
    swap = (v & uint64(2**62)) != uint64(0)
    return r * (sin if swap else cos), r * (cos if swap else sin)


@_inline
def _normals(s, r, n):
    """Two normals for each of the first n lanes, in the rows Z and SPARE."""
    for i in range(n):
        a, b, c, d = s[i], s[LANES + i], s[2 * LANES + i], s[3 * LANES + i]
        u, a, b, c, d = _next(a, b, c, d)
        v, a, b, c, d = _next(a, b, c, d)
        s[i], s[LANES + i], s[2 * LANES + i], s[3 * LANES + i] = a, b, c, d
        r[Z * LANES + i], r[SPARE * LANES + i] = _pair(u, v)


@_rare
def _normal(s, i):
    """One normal from the stream of lane i."""
    u = _word(s, i)
    return _pair(u, _word(s, i))[0]


@_kernel
def fill_normals_kernel(seed, first, out):
    """out[k] = the first normals of walker first + k; out has shape (walkers, even)."""
    s = carray(words(STATES), STATES)
    r = carray(reals(NUMBERS), NUMBERS)
    for begin in range(0, out.shape[0], LANES):
        n = min(LANES, out.shape[0] - begin)
        for i in range(LANES):
            _seed(s, i, uint64(seed), first + begin + i)
        for k in range(0, out.shape[1], 2):
            _normals(s, r, LANES)
            for i in range(n):
                out[begin + i, k] = r[Z * LANES + i]
                out[begin + i, k + 1] = r[SPARE * LANES + i]


# --- blocks: filling lanes, ending walks ----------------------------------------------------------


@_rare
def _move(s, r, number, born, i, j):
    """Lane j takes the place of lane i."""
    for k in range(4):
        s[k * LANES + i] = s[k * LANES + j]
    for k in range(REALS):
        r[k * LANES + i] = r[k * LANES + j]
    number[i], born[i] = number[j], born[j]
    number[j] = -1


@_rare
def _refill(s, r, number, born, n, count, queue, starts, seed):
    """Give free lanes the next walkers, or close the gaps; the number of lanes in use."""
    i = int64(0)
    while i < n:
        if number[i] >= 0:
            i += 1
        elif count[NEXT] < count[STOP]:
            walker = queue[count[NEXT]]
            count[NEXT] += 1
            count[LIVE] += 1
            number[i], born[i] = walker, count[CLOCK]
            _seed(s, i, seed, walker)
            for k in range(REALS):
                r[k * LANES + i] = 0.0
            r[X * LANES + i] = starts[walker, 0]
            r[Y * LANES + i] = starts[walker, starts.shape[1] - 1]
            i += 1
        else:
            n -= 1
            if i < n:
                _move(s, r, number, born, i, n)
    return n


@_rare
def _enter(s, r, number, born, ints, reals, count):
    """Copy a block to the stack."""
    for k in range(4):
        for i in range(LANES):
            s[k * LANES + i] = uint64(ints[STREAM + k, i])
    for k in range(KEPT):
        for i in range(LANES):
            r[k * LANES + i] = reals[k, i]
    for i in range(LANES):
        number[i] = ints[NUMBER, i]
        born[i] = ints[BORN, i]


@_rare
def _leave(s, r, number, born, ints, reals):
    """Copy a block back."""
    for k in range(4):
        for i in range(LANES):
            ints[STREAM + k, i] = int64(s[k * LANES + i])
    for k in range(KEPT):
        for i in range(LANES):
            reals[k, i] = r[k * LANES + i]
    for i in range(LANES):
        ints[NUMBER, i] = number[i]
        ints[BORN, i] = born[i]


@_rare
def _end(number, i, time, where_x, where_y, fate, count, times, places, fates):
    """Write down where, when and how the walk in lane i ended; its lane is free then."""
    walker = number[i]
    number[i] = -1
    count[LIVE] -= 1
    times[walker], fates[walker] = time, fate
    places[walker, places.shape[1] - 1] = where_y
    places[walker, 0] = where_x


@_rare
def _give_up(r, number, born, n, most, count, times, places, fates):
    """End the walks that have taken `most` steps."""
    for i in range(n):
        if number[i] >= 0 and count[CLOCK] - born[i] >= most:
            x, y = r[X * LANES + i], r[Y * LANES + i]
            _end(number, i, float64(most), x, y, int64(WALKING), count, times, places, fates)


@_rare
def _oldest(number, born, n):
    """Time at which the oldest walk began."""
    first = int64(2**62)
    for i in range(n):
        if number[i] >= 0:
            first = min(first, born[i])
    return first


@_rare
def _crossing(s, i, before, after, variance):
    """Fraction of the step at which a bridge first meets a wall, or 2 if it does not.

    The wall is `before` away at the start and `after` at the end (negative behind it);
    `variance` is that of the step. Exact for a Brownian bridge: with f the fraction, f / (1 - f)
    is inverse Gaussian of mean before / |after| and shape before^2 / variance.
    """
    if before <= 0.0:
        return 0.0
    climb = 2.0 * before * after / variance
    if climb > NEAR or (climb > 0.0 and _uniform(s, i) >= math.exp(-climb)):
        return 2.0
    mean = before / max(abs(after), 1e-9 * before)
    z = _normal(s, i)
    w = mean * variance * z * z / (2.0 * before * before)
    g = 1.0 + w + math.sqrt(w * (w + 2.0))
    small = _uniform(s, i) * (1.0 + g) <= g
    ratio = mean / g if small else mean * g
    return ratio / (1.0 + ratio)


# --- a line ---------------------------------------------------------------------------------------


@_inline
def _cubic(t, table, row):
    return fma(t, fma(t, fma(t, table[row, 3], table[row, 2]), table[row, 1]), table[row, 0])


@_inline
def _cell(x, lower, inverse, cells):
    """Cell of x, and the place in it from 0 to 1; nan counts as the lower end."""
    t = (x - lower) * inverse
    t = t if t > 0.0 else 0.0
    k = np.int32(t if t < cells - 0.5 else cells - 0.5)
    return np.uint64(np.uint32(k)), t - k


@_inline
def _line_step(r, n, lower, inverse, cells, drift, diffusion, cut, constant, dt):
    """TO_X = x + f dt + sqrt(2 D dt) z, before walls; row D keeps D."""
    if constant >= 0.0:
        amplitude = math.sqrt(2.0 * constant * dt)
        for i in range(n):
            x = r[X * LANES + i]
            k, t = _cell(x, lower, inverse, cells)
            r[TO_X * LANES + i] = fma(amplitude, r[Z * LANES + i], fma(dt, _cubic(t, drift, k), x))
            r[D * LANES + i] = constant
        return
    for i in range(n):
        x = r[X * LANES + i]
        k, t = _cell(x, lower, inverse, cells)
        row = k + (np.uint64(cells) if x >= cut[k] else np.uint64(0))
        d = _cubic(t, diffusion, row)
        d = d if d > 0.0 else 0.0
        noise = sqrt(2.0 * dt * d) * r[Z * LANES + i]
        r[TO_X * LANES + i] = x + fma(dt, _cubic(t, drift, row), noise)
        r[D * LANES + i] = d


@_inline
def _momentum(r, n, beta, here, new, momentum):
    """Heavy-ball: p' = beta p + (1 - beta) (y - x), y = x + p', from a plain step."""
    for i in range(n):
        x = r[here * LANES + i]
        p = fma(beta, r[momentum * LANES + i], (1.0 - beta) * (r[new * LANES + i] - x))
        r[momentum * LANES + i] = p
        r[new * LANES + i] = x + p


@_inline
def _folded(x, low, high, at_low, at_high):
    """Place of x after the walls: reflected, or taken round."""
    if at_low == PERIODIC:
        return x - (high - low) * math.floor((x - low) / (high - low))
    x = 2.0 * low - x if x < low and at_low == REFLECTING else x
    x = 2.0 * high - x if x > high and at_high == REFLECTING else x
    x = x if x > low else low  # beyond the mirror image: the step is longer than the grid
    return x if x < high else high


@_inline
def _walls(r, n, new, low, high, at_low, at_high, beta, momentum):
    """Take the row `new` to the right side of the walls; momentum is mirrored too."""
    if beta > 0.0 and at_low != PERIODIC:
        for i in range(n):
            x = r[new * LANES + i]
            r[momentum * LANES + i] *= -1.0 if x < low or x > high else 1.0
    for i in range(n):
        r[new * LANES + i] = _folded(r[new * LANES + i], low, high, at_low, at_high)


@_inline
def _line_near(r, n, dt, intervals, breaks):
    """Whether a step may have met an interval or a break: negative in the row NEARNESS."""
    for i in range(n):
        r[NEARNESS * LANES + i] = 1.0
    for k in range(intervals.shape[0]):
        a, b = intervals[k, 0], intervals[k, 1]
        reach = -1.0 if intervals[k, 4] > 0.0 else NEAR * dt
        for i in range(n):
            x, y = r[X * LANES + i], r[TO_X * LANES + i]
            near = -1.0 if y >= a and y <= b else 1.0
            if reach > 0.0:
                bound = reach * r[D * LANES + i]
                near = -1.0 if (a - x) * (a - y) < bound or (x - b) * (y - b) < bound else near
            r[NEARNESS * LANES + i] = min(near, r[NEARNESS * LANES + i])
    for k in range(breaks.shape[0]):
        at = breaks[k, 0]
        for i in range(n):
            x, y = r[X * LANES + i], r[TO_X * LANES + i]
            near = (x - at) * (y - at) - NEAR * dt * r[D * LANES + i]
            r[NEARNESS * LANES + i] = min(near, r[NEARNESS * LANES + i])
    found = int64(0)
    for i in range(n):
        found |= int64(1) if r[NEARNESS * LANES + i] < 0.0 else int64(0)
    return found != 0


@_rare
def _line_event(s, r, i, number, born, fields, rules, ends, count, out):
    """End the walk of lane i if its step meets an interval; carry it over a break that it meets."""
    lower, upper, breaks = fields[0], fields[1], fields[8]
    dt, _, _, at_low, at_high = rules
    intervals, marks = ends
    times, places, fates = out
    before, after, d = r[X * LANES + i], r[TO_X * LANES + i], r[D * LANES + i]
    first, place, fate = 2.0, after, int64(WALKING)
    # of the intervals on either side only the nearest can be the first
    above, below = -1, -1
    for k in range(intervals.shape[0]):
        a, b = intervals[k, 0], intervals[k, 1]
        if intervals[k, 4] > 0.0:
            if after >= a and after <= b:
                first, fate, place = 1.0, marks[k], _folded(after, lower, upper, at_low, at_high)
        elif before < a:
            above = k if above < 0 or a < intervals[above, 0] else above
        else:
            below = k if below < 0 or b > intervals[below, 1] else below
    if above >= 0:
        level = intervals[above, 0]
        f = _crossing(s, i, level - before, level - after, 2.0 * d * dt)
        if f < first:
            first, fate, place = f, marks[above], intervals[above, 2]
    if below >= 0:
        level = intervals[below, 1]
        f = _crossing(s, i, before - level, after - level, 2.0 * d * dt)
        if f < first:
            first, fate, place = f, marks[below], intervals[below, 3]
    if first <= 1.0:
        time = float64(count[CLOCK] - born[i]) + first
        _end(number, i, time, place, place, fate, count, times, places, fates)
    else:
        _line_break(s, r, i, before, after, d, dt, breaks)


@_rare
def _line_break(s, r, i, before, after, d, dt, breaks):
    """From the first break on that the step meets: skew Brownian motion with the drift of its side.

    A row of breaks: where, sqrt(2 D) below and above, drift below and above, probability of above.
    """
    first, k = 2.0, 0
    for j in range(breaks.shape[0]):
        way = 1.0 if before > breaks[j, 0] or (before == breaks[j, 0] and after > before) else -1.0
        f = _crossing(
            s, i, way * (before - breaks[j, 0]), way * (after - breaks[j, 0]), 2.0 * d * dt
        )
        if f < first:
            first, k = f, j
    if first > 1.0:
        return
    left = (1.0 - first) * dt
    size = abs(_normal(s, i)) * math.sqrt(left)
    if _uniform(s, i) < breaks[k, 5]:
        r[TO_X * LANES + i] = breaks[k, 0] + fma(breaks[k, 2], size, breaks[k, 4] * left)
    else:
        r[TO_X * LANES + i] = breaks[k, 0] - fma(breaks[k, 1], size, -breaks[k, 3] * left)


@_kernel
def line_walk_kernel(ints, reals_, counts, times_, walkers, fields, rules, ends, out):
    """Move blocks of walkers on a line.

    X' = walls(X + f(X) dt + sqrt(2 D(X) dt) N), with bridges at the ends of intervals and skew
    Brownian motion at breaks (not for discrete walks).

    Parameters
    ----------
    ints, reals_, counts : ndarray, shapes (blocks, INTEGERS or KEPT, LANES), (blocks, COUNTERS)
        The blocks, changed in place.
    times_ : tuple
        Clock at which to stop, most steps of a walk, most steps of this call, and whether to stop
        as soon as lanes are free and the block's queue is empty.
    walkers : tuple
        Queue of walkers' numbers, starts (walkers, 1), seed.
    fields : tuple
        Lower and upper wall, cells over length, cells, cubics of the drift and of D (2 cells, 4):
        of each cell below and then above its cut; cuts (cells,), constant D or -1, breaks.
    rules : tuple
        dt, momentum, whether the walk is discrete, kinds of the two walls.
    ends : tuple
        Intervals at which walks end, (k, 5): from, to, where a walk that meets either is (they may
        be mirror images), and 1 for those that are met after whole steps only; fates (k,).
    out : tuple
        Time in steps, place and fate of every walker.
    """
    s = carray(words(STATES), STATES)
    r = carray(reals(NUMBERS), NUMBERS)
    number, born = carray(integers(LANES), LANES), carray(integers(LANES), LANES)
    until, most, budget, hungry = times_
    queue, starts, seed = walkers
    times, places, fates = out
    lower, upper, inverse, cells, drift, diffusion, cut, constant, breaks = fields
    dt, beta, discrete, at_low, at_high = rules
    eventful = ends[0].shape[0] > 0 or breaks.shape[0] > 0
    for block in range(ints.shape[0]):
        count = counts[block]
        _enter(s, r, number, born, ints[block], reals_[block], count)
        n, deadline, stop = number.shape[0], int64(0), min(until, count[CLOCK] + budget)
        while count[CLOCK] < stop:
            if count[CLOCK] % 2 == 0:
                if count[LIVE] < n:
                    n = _refill(s, r, number, born, n, count, queue, starts, seed)
                if n == 0 or (hungry and n < LANES):
                    break
                _normals(s, r, (n + 7) // 8 * 8)
            else:
                for i in range(LANES):
                    r[Z * LANES + i] = r[SPARE * LANES + i]
            m = (n + 7) // 8 * 8
            _line_step(r, m, lower, inverse, cells, drift, diffusion, cut, constant, dt)
            if beta > 0.0:
                _momentum(r, m, beta, X, TO_X, P)
            for walls_now in (discrete, not discrete):
                if walls_now:
                    _walls(r, m, TO_X, lower, upper, at_low, at_high, beta, P)
                elif eventful and _line_near(r, m, dt, ends[0], breaks):
                    for i in range(n):
                        if r[NEARNESS * LANES + i] < 0.0 and number[i] >= 0:
                            _line_event(s, r, i, number, born, fields, rules, ends, count, out)
            for i in range(m):
                r[X * LANES + i] = r[TO_X * LANES + i]
            count[CLOCK] += 1
            if count[CLOCK] >= deadline:
                _give_up(r, number, born, n, most, count, times, places, fates)
                deadline = _oldest(number, born, n) + most
        _leave(s, r, number, born, ints[block], reals_[block])


# --- the plane ------------------------------------------------------------------------------------


@_inline
def _weight(t, weights, k):
    return fma(t, fma(t, fma(t, weights[k, 3], weights[k, 2]), weights[k, 1]), weights[k, 0])


@_inline
def _patch(table, i, j, part, u, v):
    """Sum over 4 x 4 control values of one part of a field."""
    total = 0.0
    for a in range(4):
        row = 0.0
        for b in range(4):
            row = fma(v[b], table[i + np.uint64(a), j + np.uint64(b), part], row)
        total = fma(u[a], row, total)
    return total


@_inline
def _four(t, weights):
    return (
        _weight(t, weights, 0),
        _weight(t, weights, 1),
        _weight(t, weights, 2),
        _weight(t, weights, 3),
    )


@_inline
def _plane_step(r, n, fields, dt):
    """Row TO = place + f dt + S N with S lower triangular and S S^T = 2 D dt; rows D keep D."""
    low, _, inverse, cells, drift, diffusion, weights = fields
    varies = diffusion.shape[0] > 1
    dxx, dxy, dyy = diffusion[0, 0, 0], diffusion[0, 0, 1], diffusion[0, 0, 2]
    for k in range(n):
        x, y = r[X * LANES + k], r[Y * LANES + k]
        i, t = _cell(x, low[0], inverse[0], cells[0])
        j, w = _cell(y, low[1], inverse[1], cells[1])
        u, v = _four(t, weights), _four(w, weights)
        if varies:
            dxx = _patch(diffusion, i, j, 0, u, v)
            dxy = _patch(diffusion, i, j, 1, u, v)
            dyy = _patch(diffusion, i, j, 2, u, v)
        r[D * LANES + k], r[DXY * LANES + k], r[DYY * LANES + k] = dxx, dxy, dyy
        r[TO_X * LANES + k] = fma(dt, _patch(drift, i, j, 0, u, v), x)
        r[TO_Y * LANES + k] = fma(dt, _patch(drift, i, j, 1, u, v), y)
    for k in range(n):
        dxx, dxy, dyy = r[D * LANES + k], r[DXY * LANES + k], r[DYY * LANES + k]
        dxx = dxx if dxx > 0.0 else 0.0
        sxx = sqrt(2.0 * dt * dxx)
        sxy = 2.0 * dt * dxy / (sxx if sxx > 0.0 else 1.0)
        rest = fma(-sxy, sxy, 2.0 * dt * dyy)
        syy = sqrt(rest if rest > 0.0 else 0.0)
        z, zz = r[Z * LANES + k], r[SPARE * LANES + k]
        r[TO_X * LANES + k] = fma(sxx, z, r[TO_X * LANES + k])
        r[TO_Y * LANES + k] = fma(sxy, z, fma(syy, zz, r[TO_Y * LANES + k]))


@_inline
def _slip(r, n, low, high, at, new, side, own):
    """Mirror along D n: what goes over a reflecting wall moves the other coordinate too."""
    if at[0] == PERIODIC:
        return
    left = low if at[0] == REFLECTING else -np.inf
    right = high if at[1] == REFLECTING else np.inf
    for k in range(n):
        x = r[new * LANES + k]
        over = x - left if x < left else 0.0
        over = x - right if x > right else over
        d = r[own * LANES + k]
        share = r[DXY * LANES + k] / (d if d > 0.0 else 1.0)
        r[side * LANES + k] -= 2.0 * over * share


@_rare
def _distance(x, y, shape, level, frame):
    """Distance to a shape, negative inside, and its gradient."""
    kind = int64(shape[0])
    if kind == DISC:
        dx, dy = x - shape[1], y - shape[2]
        size = math.sqrt(dx * dx + dy * dy)
        scale = 1.0 / size if size > 0.0 else 0.0
        way = shape[4]  # -1: the outside of the disc
        return way * (size - shape[3]), way * dx * scale, way * dy * scale
    if kind == HALF_PLANE:
        return shape[3] - shape[1] * x - shape[2] * y, -shape[1], -shape[2]
    if kind == BOX:
        dx, gx = (shape[1] - x, -1.0) if x + x < shape[1] + shape[2] else (x - shape[2], 1.0)
        dy, gy = (shape[3] - y, -1.0) if y + y < shape[3] + shape[4] else (y - shape[4], 1.0)
        if dx > 0.0 and dy > 0.0:
            size = math.sqrt(dx * dx + dy * dy)
            return size, gx * dx / size, gy * dy / size
        return (dx, gx, 0.0) if dx > dy else (dy, 0.0, gy)
    u = (x - frame[0]) / frame[2]
    v = (y - frame[1]) / frame[3]
    i = min(max(int64(math.floor(u)), 0), level.shape[0] - 2)
    j = min(max(int64(math.floor(v)), 0), level.shape[1] - 2)
    u = min(max(u - i, 0.0), 1.0)
    v = min(max(v - j, 0.0), 1.0)
    a, b, c, d = level[i, j], level[i + 1, j], level[i, j + 1], level[i + 1, j + 1]
    gx = ((b - a) * (1.0 - v) + (d - c) * v) / frame[2]
    gy = ((c - a) * (1.0 - u) + (d - b) * u) / frame[3]
    size = math.sqrt(gx * gx + gy * gy)
    size = size if size > 0.0 else 1.0
    value = a * (1.0 - u) * (1.0 - v) + b * u * (1.0 - v) + c * (1.0 - u) * v + d * u * v
    return value, gx / size, gy / size


@_inline
def _plane_near(r, n, dt, shapes, level, frame):
    """Whether a step may have met a shape: negative in the row NEARNESS."""
    for i in range(n):
        r[NEARNESS * LANES + i] = 1.0
    for k in range(shapes.shape[0]):
        sharp = shapes[k, 5] > 0.0
        for i in range(n):
            x, y = r[TO_X * LANES + i], r[TO_Y * LANES + i]
            after = _distance(x, y, shapes[k], level, frame)[0]
            near = after
            if not sharp and after > 0.0:
                x, y = r[X * LANES + i], r[Y * LANES + i]
                before = _distance(x, y, shapes[k], level, frame)[0]
                bound = r[D * LANES + i] + r[DYY * LANES + i]
                near = before * after - NEAR * dt * bound
            r[NEARNESS * LANES + i] = min(near, r[NEARNESS * LANES + i])
    found = int64(0)
    for i in range(n):
        found |= int64(1) if r[NEARNESS * LANES + i] <= 0.0 else int64(0)
    return found != 0


@_rare
def _plane_event(s, r, i, number, born, fields, rules, ends, count, out):
    """End the walk of lane i if its step meets a shape."""
    low, high = fields[0], fields[1]
    dt, _, _, at_x, at_y = rules
    shapes, marks, level, frame = ends
    times, places, fates = out
    x, y = r[X * LANES + i], r[Y * LANES + i]
    xx, yy = r[TO_X * LANES + i], r[TO_Y * LANES + i]
    first, fate, met = 2.0, int64(WALKING), 0
    for k in range(shapes.shape[0]):
        after = _distance(xx, yy, shapes[k], level, frame)[0]
        if shapes[k, 5] > 0.0:
            f = 1.0 if after <= 0.0 else 2.0
        else:
            before, gx, gy = _distance(x, y, shapes[k], level, frame)
            d = r[D * LANES + i] * gx * gx + r[DYY * LANES + i] * gy * gy
            d += 2.0 * r[DXY * LANES + i] * gx * gy
            f = _crossing(s, i, before, after, 2.0 * max(d, 0.0) * dt)
        if f < first:
            first, fate, met = f, marks[k], k
    if first <= 1.0:
        time = float64(count[CLOCK] - born[i]) + first
        px, py = x + first * (xx - x), y + first * (yy - y)
        if shapes[met, 5] <= 0.0:  # from the straight way to the border
            far, gx, gy = _distance(px, py, shapes[met], level, frame)
            px, py = px - far * gx, py - far * gy
        px = _folded(px, low[0], high[0], at_x[0], at_x[1])
        py = _folded(py, low[1], high[1], at_y[0], at_y[1])
        _end(number, i, time, px, py, fate, count, times, places, fates)


@_inline
def _plane_bounds(r, n, fields, rules):
    """Take the rows TO to the right side of the walls."""
    low, high = fields[0], fields[1]
    _, beta, _, at_x, at_y = rules
    _slip(r, n, low[0], high[0], at_x, TO_X, TO_Y, D)
    _slip(r, n, low[1], high[1], at_y, TO_Y, TO_X, DYY)
    _walls(r, n, TO_X, low[0], high[0], at_x[0], at_x[1], beta, P)
    _walls(r, n, TO_Y, low[1], high[1], at_y[0], at_y[1], beta, PY)


@_kernel
def plane_walk_kernel(ints, reals_, counts, times_, walkers, fields, rules, ends, out):
    """Move blocks of walkers in the plane; what `line_walk_kernel` is on a line.

    Parameters
    ----------
    ints, reals_, counts, times_, walkers, out
        As on a line.
    fields : tuple
        Lower and upper walls, cells over lengths, cells (pairs each), control values of the drift
        and of Dxx, Dxy, Dyy, weights (4, 4).
    rules : tuple
        dt, momentum, whether the walk is discrete, kinds of the walls of both axes.
    ends : tuple
        Shapes (k, 6) as in `PlaneTarget`, with 1 for those that are met after whole steps only;
        fates (k,); level; its corner and spacings.
    """
    s = carray(words(STATES), STATES)
    r = carray(reals(NUMBERS), NUMBERS)
    number, born = carray(integers(LANES), LANES), carray(integers(LANES), LANES)
    until, most, budget, hungry = times_
    queue, starts, seed = walkers
    times, places, fates = out
    dt, beta, discrete, _, _ = rules
    eventful = ends[0].shape[0] > 0
    for block in range(ints.shape[0]):
        count = counts[block]
        _enter(s, r, number, born, ints[block], reals_[block], count)
        n, deadline, stop = number.shape[0], int64(0), min(until, count[CLOCK] + budget)
        while count[CLOCK] < stop:
            if count[LIVE] < n:
                n = _refill(s, r, number, born, n, count, queue, starts, seed)
            if n == 0 or (hungry and n < LANES):
                break
            _normals(s, r, (n + 7) // 8 * 8)
            m = (n + 7) // 8 * 8
            _plane_step(r, m, fields, dt)
            if beta > 0.0:
                _momentum(r, m, beta, X, TO_X, P)
                _momentum(r, m, beta, Y, TO_Y, PY)
            for walls_now in (discrete, not discrete):
                if walls_now:
                    _plane_bounds(r, m, fields, rules)
                elif eventful and _plane_near(r, m, dt, ends[0], ends[2], ends[3]):
                    for i in range(n):
                        if r[NEARNESS * LANES + i] <= 0.0 and number[i] >= 0:
                            _plane_event(s, r, i, number, born, fields, rules, ends, count, out)
            for i in range(m):
                r[X * LANES + i] = r[TO_X * LANES + i]
                r[Y * LANES + i] = r[TO_Y * LANES + i]
            count[CLOCK] += 1
            if count[CLOCK] >= deadline:
                _give_up(r, number, born, n, most, count, times, places, fates)
                deadline = _oldest(number, born, n) + most
        _leave(s, r, number, born, ints[block], reals_[block])
