"""Compiled walkers under alpha-stable noise: random numbers, flow of the drift, jumps, first hits.

Every walker has a clock and a stream of random numbers of its own, so that its path has the same
bits whichever thread takes it on, and wherever it was interrupted.
"""

# Everything that a cached kernel calls stands in this file, but for the words of llvm.py:
# numba does not notice edits of another file.
from __future__ import annotations

import math

import numpy as np
from numba import float64, int64, njit, uint64

from fokkerplanck.solvers.llvm import fma

__all__ = ["jump_walk_kernel", "stable_kernel", "streams_kernel"]

#: Fates of walkers that reach no target: still on the way, ended at an absorbing wall.
WALKING, LOST = -1, -2
#: What walls do: stop jumps, let none happen, or end walks.
STOPPED, SUPPRESSED, ABSORBING = 0, 1, 2
DISC, BOX, HALF_PLANE, LEVEL = 0, 1, 2, 3
#: A crossing between two steps is not looked into below the probability exp(-NEAR).
NEAR = 24.0
#: Change of the drift within a piece of its flow, of the drift, that is allowed.
BEND = 0.05
#: Drift over the time that a ball takes to be left, of its radius, that is allowed.
BENT = 0.02
#: Steps shorter than this part of the usual one, that rounding of times leaves, are not taken.
SLIVER = 1e-9

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(forceinline=True, error_model="numpy")
_part = njit(nogil=True, error_model="numpy")


# --- random numbers -------------------------------------------------------------------------------


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
def _word(s):
    """Draw a word from a stream, xoshiro256++."""
    a, b, c, d = s[0], s[1], s[2], s[3]
    word = _turn(a + d, uint64(23)) + a
    t = b << uint64(17)
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    s[0], s[1], s[2], s[3] = a, b, c ^ t, _turn(d, uint64(45))
    return word


@_part
def _uniform(s):
    """Draw from (0, 1), in steps of 2^-53."""
    return (float64(int64(_word(s) >> uint64(11))) + 0.5) * 2.0**-53


@_part
def _normals(s):
    """Two normals (Box and Muller)."""
    r = math.sqrt(-2.0 * math.log(_uniform(s)))
    angle = 2.0 * math.pi * _uniform(s)
    return r * math.cos(angle), r * math.sin(angle)


@_part
def _signed(s):
    """Draw a sign, and independent of it a number from (0, 1) in steps of 2^-52."""
    word = _word(s)
    u = (float64(int64(word >> uint64(12))) + 0.5) * 2.0**-52
    return (1.0 if word & uint64(1) else -1.0), u


@_part
def _stable(s, a):
    """Symmetric stable value (Chambers, Mallows and Stuck).

    X = tan(U) [sin(a U) / sin(U)] [cos((1 - a) U) / (E cos U)]^((1 - a) / a), with U given by its
    distance from the nearer of -pi/2 and pi/2, so that cos U is exact where it is small. Continuous
    at a = 1, where the power is 1.
    """
    sign, w = _signed(s)
    w *= 0.5 * math.pi  # |U| = pi/2 - w
    near = math.sin(w)
    value = math.sin(a * (0.5 * math.pi - w)) / near
    if a != 1.0:
        e = -math.log(_uniform(s))
        rest = math.cos((1.0 - a) * (0.5 * math.pi - w))
        value *= math.exp((1.0 - a) / a * math.log(rest / (e * near)))
    return sign * value


@_part
def _positive(s, b):
    """One-sided stable value of index b < 1, E exp(-k A) = exp(-k^b) (Kanter)."""
    half, w = _signed(s)
    w *= 0.5 * math.pi  # the angle, or its distance from pi
    angle = w if half > 0.0 else math.pi - w
    near = math.sin(w)
    e = -math.log(_uniform(s))
    rest = math.sin((1.0 - b) * angle) / e
    return math.sin(b * angle) / near * math.exp((1.0 - b) / b * math.log(rest / near))


@_part
def _ball(s, b):
    """Way that a walk from the centre of the unit ball ends beyond its surface: |y| - 1.

    1 / |y|^2 has the law Beta(b, 1 - b), b = alpha / 2, here by Joehnk's rejection: at least 3 of 4
    pairs are taken.
    """
    while True:
        x = math.exp(math.log(_uniform(s)) / b)
        y = math.exp(math.log(_uniform(s)) / (1.0 - b))
        if x + y <= 1.0 and x > 0.0:
            root = math.sqrt((x + y) / x)  # |y|, and |y| - 1 without cancellation
            return y / x / (1.0 + root)


@_kernel
def streams_kernel(seed, words):
    """Make the streams of walkers 0, 1, ...: states of xoshiro256++, shape (walkers, 4)."""
    gamma = uint64(0x9E3779B97F4A7C15)
    for walker in range(words.shape[0]):
        base = _mix(_mix(uint64(seed) + gamma) ^ (uint64(walker) * gamma))
        for k in range(4):
            words[walker, k] = _mix(base + uint64(k + 1) * gamma)


@_kernel
def stable_kernel(words, alpha, dim, out):
    """Fill out[walker] with stable values: of single numbers, or isotropic pairs (dim = 2)."""
    for walker in range(out.shape[0]):
        s = words[walker]
        for k in range(0, out.shape[1], dim):
            if dim == 1:
                out[walker, k] = _stable(s, alpha)
            else:
                out[walker, k], out[walker, k + 1] = _isotropic(s, alpha)


@_part
def _isotropic(s, alpha):
    """Isotropic stable pair, sqrt(2 A) times normals with A one-sided of index alpha / 2."""
    a, b = _normals(s)
    size = math.sqrt(2.0 * _positive(s, 0.5 * alpha)) if alpha < 2.0 else math.sqrt(2.0)
    return size * a, size * b


# --- drift ----------------------------------------------------------------------------------------


@_part
def _cell(x, lower, inverse, cells):
    """Cell of x, and the place in it from 0 to 1; ends where x is beyond them."""
    t = (x - lower) * inverse
    t = min(max(t, 0.0), float64(cells))
    k = int64(min(t, cells - 0.5))
    return k, t - k


@_part
def _weight(t, weights, k):
    return fma(t, fma(t, fma(t, weights[k, 3], weights[k, 2]), weights[k, 1]), weights[k, 0])


@_part
def _drift(x, y, grid, line, plane, weights):
    """Drift by the tables: cubics of a line, or bicubic pieces of a plane."""
    dim, x_low, x_inverse, nx, y_low, y_inverse, ny, _ = grid
    i, t = _cell(x, x_low, x_inverse, nx)
    if dim == 1:
        f = fma(t, fma(t, fma(t, line[i, 3], line[i, 2]), line[i, 1]), line[i, 0])
        return f, 0.0
    j, w = _cell(y, y_low, y_inverse, ny)
    v0, v1 = _weight(w, weights, 0), _weight(w, weights, 1)
    v2, v3 = _weight(w, weights, 2), _weight(w, weights, 3)
    fx, fy = 0.0, 0.0
    for a in range(4):
        u = _weight(t, weights, a)
        k = i + a
        for part in range(2):
            row = v0 * plane[k, j, part] + v1 * plane[k, j + 1, part]
            row += v2 * plane[k, j + 2, part] + v3 * plane[k, j + 3, part]
            if part == 0:
                fx += u * row
            else:
                fy += u * row
    return fx, fy


@_part
def _flow(x, y, h, grid, line, plane, weights):
    """Where the drift alone leads in a time h: midpoint rule, in pieces where it changes fast.

    Long pieces that explicit steps would explode in, as at x = 1e4 under x' = -x^3, are cut until
    the drift changes by 1/20 within each.
    """
    small = grid[7]
    left, step = h, h
    while left > 0.0:
        fx, fy = _drift(x, y, grid, line, plane, weights)
        size = math.sqrt(fx * fx + fy * fy)
        step = min(step, left)
        while True:
            mx, my = fma(0.5 * step, fx, x), fma(0.5 * step, fy, y)
            gx, gy = _drift(mx, my, grid, line, plane, weights)
            bend = math.sqrt((gx - fx) ** 2 + (gy - fy) ** 2)
            if bend <= BEND * size or bend * step <= small:
                break
            step *= max(0.1, 0.8 * BEND * size / bend)
        x, y = fma(step, gx, x), fma(step, gy, y)
        left -= step
        step += step
    return x, y


# --- walls and targets ----------------------------------------------------------------------------


@_part
def _distance(x, y, k, shapes, level, frame):
    """Distance to a shape, negative inside, and its gradient."""
    kind = int64(shapes[k, 0])
    if kind == DISC:
        dx, dy = x - shapes[k, 1], y - shapes[k, 2]
        size = math.sqrt(dx * dx + dy * dy)
        scale = 1.0 / size if size > 0.0 else 0.0
        way = shapes[k, 4]  # -1: the outside of the disc
        return way * (size - shapes[k, 3]), way * dx * scale, way * dy * scale
    if kind == HALF_PLANE:
        return shapes[k, 3] - shapes[k, 1] * x - shapes[k, 2] * y, -shapes[k, 1], -shapes[k, 2]
    if kind == BOX:
        a, b, c, d = shapes[k, 1], shapes[k, 2], shapes[k, 3], shapes[k, 4]
        dx, gx = (a - x, -1.0) if x + x < a + b else (x - b, 1.0)
        dy, gy = (c - y, -1.0) if y + y < c + d else (y - d, 1.0)
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


@_part
def _nearest(x, y, shapes, level, frame):
    """Distance to the nearest target or absorbing wall."""
    least = np.inf
    for k in range(shapes.shape[0]):
        least = min(least, _distance(x, y, k, shapes, level, frame)[0])
    return least


@_part
def _inside(x, y, shapes, level, frame):
    """Which target or wall a point is in, the first of them; -1 for none."""
    for k in range(shapes.shape[0]):
        if _distance(x, y, k, shapes, level, frame)[0] <= 0.0:
            return k
    return -1


@_part
def _crossing(s, before, after, variance):
    """Fraction of the step at which a bridge first meets a wall, or 2 if it does not.

    The wall is `before` away at the start and `after` at the end (negative behind it). With f the
    fraction, f / (1 - f) is inverse Gaussian of mean before / |after| and shape
    before^2 / variance; without variance the way is straight.
    """
    if before <= 0.0:
        return 0.0
    if 2.0 * before * after > NEAR * variance:
        return 2.0
    mean = before / max(abs(after), 1e-9 * before)
    if variance <= 0.0:
        return mean / (1.0 + mean) if after <= 0.0 else 2.0
    climb = 2.0 * before * after / variance
    if climb > 0.0 and _uniform(s) >= math.exp(-climb):
        return 2.0
    z = _normals(s)[0]
    w = mean * variance * z * z / (2.0 * before * before)
    g = 1.0 + w + math.sqrt(w * (w + 2.0))
    ratio = mean / g if _uniform(s) * (1.0 + g) <= g else mean * g
    return ratio / (1.0 + ratio)


@_part
def _met(s, x, y, zx, zy, vx, vy, dim, shapes, level, frame):
    """Which shape a continuous move meets first, and when, as a fraction; 2 for none.

    On a line an interval is met at the edge that faces the start, however thin it is.
    """
    first, met = 2.0, -1
    for k in range(shapes.shape[0]):
        before, gx, gy = _distance(x, y, k, shapes, level, frame)
        after = _distance(zx, zy, k, shapes, level, frame)[0]
        if dim == 1 and before > 0.0 and int64(shapes[k, 0]) == BOX:
            after = shapes[k, 1] - zx if x < shapes[k, 1] else zx - shapes[k, 2]
        f = _crossing(s, before, after, vx * gx * gx + vy * gy * gy)
        if f < first:
            first, met = f, k
    return first, met


@_part
def _mirrored(x, low, high, at_low, at_high):
    """Place after a continuous move: mirrored at walls that do not absorb."""
    x = 2.0 * low - x if x < low and at_low != ABSORBING else x
    x = 2.0 * high - x if x > high and at_high != ABSORBING else x
    # beyond the mirror image: the step is longer than the grid
    x = max(x, low) if at_low != ABSORBING else x
    return min(x, high) if at_high != ABSORBING else x


@_part
def _clipped(x, low, high, at_low, at_high):
    """Place after the flow, or after a jump: at the wall, if that does not absorb."""
    x = low if x < low and at_low != ABSORBING else x
    return high if x > high and at_high != ABSORBING else x


@_part
def _landed(x, y, jx, jy, dim, box):
    """Place after a jump: there, at the wall, or where it was if the jump does not happen."""
    x_low, x_high, y_low, y_high, a, b, c, d = box
    zx, zy = x + jx, y + jy
    out = (zx < x_low and a == SUPPRESSED) or (zx > x_high and b == SUPPRESSED)
    if dim == 2:
        out |= (zy < y_low and c == SUPPRESSED) or (zy > y_high and d == SUPPRESSED)
    if out:
        return x, y
    zx = _clipped(zx, x_low, x_high, a, b)
    if dim == 2:
        zy = _clipped(zy, y_low, y_high, c, d)
    return zx, zy


@_part
def _drifted(x, y, h, grid, line, plane, weights, box):
    """Place after the flow, kept within walls that do not absorb."""
    x_low, x_high, y_low, y_high, a, b, c, d = box
    x, y = _flow(x, y, h, grid, line, plane, weights)
    x = _clipped(x, x_low, x_high, a, b)
    if grid[0] == 2:
        y = _clipped(y, y_low, y_high, c, d)
    return x, y


@_part
def _diffused(s, x, y, vx, vy, dim, box):
    """Place after Gaussian noise, mirrored at walls."""
    x_low, x_high, y_low, y_high, a, b, c, d = box
    if vx + vy <= 0.0:
        return x, y
    u, v = _normals(s)
    x = _mirrored(fma(math.sqrt(vx), u, x), x_low, x_high, a, b)
    if dim == 2:
        y = _mirrored(fma(math.sqrt(vy), v, y), y_low, y_high, c, d)
    return x, y


# --- steps ----------------------------------------------------------------------------------------


@_part
def _way(s, size, dim, apart, share):
    """Jump of a given size: to either side, along an axis (`share` for x), or anywhere."""
    sign, u = _signed(s)
    if dim == 1:
        return sign * size, 0.0
    if apart:
        return (sign * size, 0.0) if u < share else (0.0, sign * size)
    angle = 2.0 * math.pi * u
    return sign * size * math.cos(angle), sign * size * math.sin(angle)


@_part
def _room(x, y, dim, box):
    """Distance to the nearest wall that does not absorb."""
    x_low, x_high, y_low, y_high, a, b, c, d = box
    room = np.inf
    room = x - x_low if a != ABSORBING else room
    room = min(room, x_high - x) if b != ABSORBING else room
    if dim == 2:
        room = min(room, y - y_low) if c != ABSORBING else room
        room = min(room, y_high - y) if d != ABSORBING else room
    return room


@_kernel
def jump_walk_kernel(span, until, budget, state, fields, box, law, rules, ends):
    r"""Move walkers, one after another, each to its end or to a time.

    Adapted steps: jumps longer than delta come at exponential times; the shorter ones and the
    Gaussian noise make a Brownian motion with the drift's flow split around it, on which bridges
    tell of targets. Near a target delta and the step shrink with the distance; where a ball that
    touches it is left within a part of a step, that is done at once, by its exact law.

    Fixed steps: the flow of half a step, a stable increment, the flow of another half; targets are
    met at ends of steps only.

    Parameters
    ----------
    span : tuple
        First and last walker.
    until : float
        Time at which walkers are left.
    budget : int
        Steps of this call at most, about.
    state : tuple
        Places (m, 2), times (m,), streams (m, 4), fates (m,), whether the target was met between
        jumps (m,), changed in place.
    fields : tuple
        Numbers of the tables (dimension; of each axis its lower end, cells over length, cells; what
        is small); cubics of a line (cells, 4); control values of a plane (nx + 3, ny + 3, 2), their
        weights.
    box : tuple
        Lower and upper walls of both axes, kinds of the walls.
    law : tuple
        alpha, dimension, whether axes are independent; 2 T of both axes, scales of both; A, V and
        G of the rate A delta^-alpha of jumps above delta, the variance V delta^(2 - alpha) of those
        below per time and axis, and the mean time G r^alpha in a ball; what part of V both axes
        have, and what part of A the first has.
    rules : tuple
        Whether steps are fixed; longest step; delta and its rate and variance far from targets (of
        fixed steps h^(1 / alpha) instead of delta);
        delta over the distance, least delta; square of the distance over the variance of short
        jumps within a step; radius of the largest ball.
    ends : tuple
        Shapes (k, 5) of targets and absorbing walls, fates (k,), level, its corner and spacings.

    Returns
    -------
    int
        The walker to go on from.
    """
    places, times, streams, fates, crept = state
    grid, line, plane, weights = fields
    shapes, marks, level, frame = ends
    fixed, longest = rules[0], rules[1]
    left = budget
    walker = span[0]
    while walker < span[1]:
        s = streams[walker]
        x, y, t = places[walker, 0], places[walker, 1], times[walker]
        while fates[walker] == WALKING and until - t > SLIVER * longest and left > 0:
            left -= 1
            if fixed:
                h = min(longest, until - t)
                x, y = _fixed_step(
                    s, x, y, h, grid, line, plane, weights, box, law, longest, rules[2]
                )
                t += h
                k = _inside(x, y, shapes, level, frame)
                if k >= 0:
                    fates[walker] = marks[k]
            else:
                rest = until - t
                x, y, h, k, continuous = _adapted_step(
                    s, x, y, rest, grid, line, plane, weights, box, law, rules, shapes, level, frame
                )
                t += h
                if k >= 0:
                    fates[walker] = marks[k]
                    crept[walker] = continuous
        places[walker, 0], places[walker, 1], times[walker] = x, y, t
        if fates[walker] == WALKING and until - t > SLIVER * longest:
            return walker
        walker += 1
    return walker


@_part
def _fixed_step(s, x, y, h, grid, line, plane, weights, box, law, usual, amplitude):
    """Flow, increment, flow; `amplitude` is that of a usual step."""
    alpha, dim, apart = law[0], law[1], law[2]
    if h != usual:
        amplitude = h ** (1.0 / alpha)
    x, y = _drifted(x, y, 0.5 * h, grid, line, plane, weights, box)
    x, y = _diffused(s, x, y, law[3] * h, law[4] * h, dim, box)
    jy = 0.0
    if dim == 1:
        jx = _stable(s, alpha)
    elif apart:
        jx, jy = _stable(s, alpha), _stable(s, alpha)
    else:
        jx, jy = _isotropic(s, alpha)
    jx, jy = amplitude * law[5] * jx, amplitude * law[6] * jy
    x, y = _landed(x, y, jx, jy, dim, box)
    return _drifted(x, y, 0.5 * h, grid, line, plane, weights, box)


@_part
def _adapted_step(s, x, y, left, grid, line, plane, weights, box, law, rules, shapes, level, frame):
    """One step; returns the place, its time, the shape met or -1, and whether between jumps."""
    alpha, dim, apart, front, width, ball = law[0], law[1], law[2], law[7], law[8], law[9]
    _, longest, delta, rate, variance, part, least, within, radius = rules
    near = _nearest(x, y, shapes, level, frame)
    if near <= 0.0:
        return x, y, 0.0, _inside(x, y, shapes, level, frame), True
    if near < radius and near < _room(x, y, dim, box):
        time = ball * near**alpha
        fx, fy = _drift(x, y, grid, line, plane, weights)
        if math.sqrt(fx * fx + fy * fy) * time <= BENT * near and time < left:
            return _ball_step(
                s, x, y, time, grid, line, plane, weights, box, law, shapes, level, frame
            )
    h = min(longest, left)
    if front > 0.0 and part * near < delta:
        delta = max(part * near, least)
        power = delta**-alpha
        rate, variance = front * power, width * delta * delta * power
        reach = delta / part
        h = min(h, within * reach * reach / variance)
    jumps = False
    if front > 0.0:
        wait = -math.log(_uniform(s)) / rate
        jumps = wait < h
        h = min(wait, h)
    vx, vy = (law[10] * variance + law[3]) * h, (law[11] * variance + law[4]) * h
    zx, zy = _drifted(x, y, 0.5 * h, grid, line, plane, weights, box)
    zx, zy = _diffused(s, zx, zy, vx, vy, dim, box)
    zx, zy = _drifted(zx, zy, 0.5 * h, grid, line, plane, weights, box)
    # a bridge that ends at least so far from all targets does not meet them
    clear = near - math.sqrt((zx - x) ** 2 + (zy - y) ** 2)
    if clear <= 0.0 or 2.0 * near * clear <= NEAR * max(vx, vy):
        first, k = _met(s, x, y, zx, zy, vx, vy, dim, shapes, level, frame)
        if first <= 1.0:
            px, py = x + first * (zx - x), y + first * (zy - y)
            far, gx, gy = _distance(px, py, k, shapes, level, frame)
            if dim == 1 and int64(shapes[k, 0]) == BOX:
                px = shapes[k, 1] if x < shapes[k, 1] else shapes[k, 2]
                far = 0.0
            return px - far * gx, py - far * gy, first * h, k, True
    if not jumps:
        return zx, zy, h, -1, False
    size = delta * math.exp(-math.log(_uniform(s)) / alpha)
    jx, jy = _way(s, size, dim, apart, law[12])
    zx, zy = _landed(zx, zy, jx, jy, dim, box)
    return zx, zy, h, _inside(zx, zy, shapes, level, frame), False


@_part
def _ball_step(s, x, y, time, grid, line, plane, weights, box, law, shapes, level, frame):
    """Leave the largest ball that touches no target but from within; the drift is split around."""
    dim = law[1]
    x, y = _drifted(x, y, 0.5 * time, grid, line, plane, weights, box)
    r = _nearest(x, y, shapes, level, frame)
    if r <= 0.0:
        return x, y, 0.5 * time, _inside(x, y, shapes, level, frame), True
    jx, jy = _way(s, r + r * _ball(s, 0.5 * law[0]), dim, False, 1.0)
    x, y = _landed(x, y, jx, jy, dim, box)
    k = _inside(x, y, shapes, level, frame)
    if k < 0:
        x, y = _drifted(x, y, 0.5 * time, grid, line, plane, weights, box)
    return x, y, time, k, False
