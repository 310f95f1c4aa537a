"""Small generators with known answers, made by hand for the tests of the evolution."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from fokkerplanck.solvers.generator import Generator


def bernoulli(z):
    z = np.asarray(z, dtype=float)
    safe = np.where(np.abs(z) < 1e-6, 1.0, np.minimum(z, 700.0))
    return np.where(np.abs(z) < 1e-6, 1.0 - z / 2 + z**2 / 12, safe / np.expm1(safe))


def chain(potential, h, temperature, *, absorbing=(False, False), ring=False, force=0.0):
    """1-D generator with fitted rates D/h^2 B(dPhi), D = temperature."""
    v = np.asarray(potential, dtype=float)
    n = v.size
    tail = np.arange(n if ring else n - 1, dtype=np.int32)
    head = ((tail + 1) % n).astype(np.int32)
    climb = (v[head] - v[tail] - force * h) / temperature
    unit = temperature / h**2
    absorption = np.zeros(n)
    absorption[0] = 2 * unit * absorbing[0]
    absorption[-1] += 2 * unit * absorbing[1]
    return Generator(
        (n,),
        (h,),
        tail,
        head,
        np.ones((tail.size, 1), dtype=np.int32),
        unit * bernoulli(climb),
        unit * bernoulli(-climb),
        absorption,
    )


def centres(low, high, n):
    h = (high - low) / n
    return low + h * (np.arange(n) + 0.5), h


def gaussian_cells(low, high, n, mean, std):
    """Exact cell masses of a normal density."""
    edges = np.linspace(low, high, n + 1)
    return np.diff(0.5 * (1 + erf((edges - mean) / (std * np.sqrt(2)))))


def lattice(shape, rates, *, absorption=None, offsets=((0, 1), (1, 0), (1, 1))):
    """2-D generator with links along `offsets`; `rates(link count) -> (forward, backward)`."""
    index = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    tails, heads, steps = [], [], []
    for a, b in offsets:
        columns = slice(None, -b) if b > 0 else slice(-b, None)
        shifted = slice(b, None) if b > 0 else slice(None, b or None)
        columns = columns if b else slice(None)
        shifted = shifted if b else slice(None)
        tails.append(index[: shape[0] - a, columns].ravel())
        heads.append(index[a:, shifted].ravel())
        steps.append(np.tile(np.array([[a, b]], dtype=np.int32), (tails[-1].size, 1)))
    tail, head = np.concatenate(tails), np.concatenate(heads)
    forward, backward = rates(tail.size)
    out = np.zeros(index.size) if absorption is None else absorption
    return Generator(shape, (1.0, 1.0), tail, head, np.concatenate(steps), forward, backward, out)


def random_lattice(rng, shape, *, spread=1.0, absorbing=False, one_way=0.0):
    def rates(count):
        forward, backward = np.exp(spread * rng.normal(size=(2, count)))
        return forward, np.where(rng.random(count) < one_way, 0.0, backward)

    cells = int(np.prod(shape))
    out = rng.random(cells) * (rng.random(cells) < 0.2) if absorbing else None
    return lattice(shape, rates, absorption=out)


def random_chain(rng, n, *, spread=1.0, ring=False, absorbing=False):
    tail = np.arange(n if ring else n - 1, dtype=np.int32)
    forward, backward = np.exp(spread * rng.normal(size=(2, tail.size)))
    out = np.zeros(n)
    if absorbing:
        out[0], out[-1] = rng.random(2)
    return Generator(
        (n,),
        (1.0,),
        tail,
        ((tail + 1) % n).astype(np.int32),
        np.ones((tail.size, 1), dtype=np.int32),
        forward,
        backward,
        out,
    )


def product_wells(n, temperature):
    """2-D (x^2-1)^2/4 + y^2/2 on [-2, 2]^2 and its 1-D marginal in x."""
    x, h = centres(-2.0, 2.0, n)
    line = chain((x**2 - 1) ** 2 / 4, h, temperature)
    bowl = chain(x**2 / 2, h, temperature)
    i = np.arange(n, dtype=np.int32)

    def along_x(a):
        return (a[:, None] * n + i).ravel()

    def along_y(a):
        return (i[:, None] * n + a).ravel()

    links = line.tail.size * n
    offset = np.zeros((2 * links, 2), dtype=np.int32)
    offset[:links, 0] = 1
    offset[links:, 1] = 1
    plane = Generator(
        (n, n),
        (h, h),
        np.concatenate([along_x(line.tail), along_y(bowl.tail)]).astype(np.int32),
        np.concatenate([along_x(line.head), along_y(bowl.head)]).astype(np.int32),
        offset,
        np.concatenate([np.repeat(line.forward, n), np.tile(bowl.forward, n)]),
        np.concatenate([np.repeat(line.backward, n), np.tile(bowl.backward, n)]),
        np.zeros(n * n),
    )
    return plane, line, x
