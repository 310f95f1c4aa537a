"""The normals of walkers: their law, their streams, their digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fokkerplanck.solvers.normals import normals

WORD = 2**64 - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def words(seed, walker, count):
    """Words of a walker's xoshiro256++, in whole numbers of Python."""
    gamma = 0x9E3779B97F4A7C15
    base = mix(mix((seed + gamma) & WORD) ^ (walker * gamma & WORD))
    a, b, c, d = (mix((base + (k + 1) * gamma) & WORD) for k in range(4))

    def turn(x, k):
        return (x << k | x >> (64 - k)) & WORD

    for _ in range(count):
        yield (turn((a + d) & WORD, 23) + a) & WORD
        t = (b << 17) & WORD
        c, d = c ^ a, d ^ b
        b, a = b ^ c, a ^ d
        c, d = c ^ t, turn(d, 45)


def test_digits_are_those_of_box_muller_in_long_numbers():
    found = normals(5, 3, 400, first=1000)
    for k, stream in enumerate(found):
        w = np.array(list(words(5, 1000 + k, 400)), dtype=object)
        u = np.array([int(v) >> 11 for v in w[::2]], dtype=np.longdouble)
        radius = np.sqrt(-2 * np.log((u + 1) / np.longdouble(2) ** 53))
        v = np.array([int(x) for x in w[1::2]], dtype=object)
        low = np.array([((x << 2 & WORD) ^ 2**63) - 2**63 for x in v], dtype=object)
        quarter = np.array([x >> 11 for x in low], dtype=np.longdouble) / np.longdouble(2) ** 53
        angle = quarter * np.arccos(np.longdouble(-1)) / 2
        sign = np.array([-1.0 if x >> 63 else 1.0 for x in v])
        swap = np.array([bool(x >> 62 & 1) for x in v])
        parts = np.cos(angle), np.sin(angle)
        first = sign * radius * np.where(swap, parts[1], parts[0])
        second = sign * radius * np.where(swap, parts[0], parts[1])
        # a few units in the last place, each relative to the number itself
        np.testing.assert_allclose(stream[::2], first.astype(float), rtol=1.2e-15)
        np.testing.assert_allclose(stream[1::2], second.astype(float), rtol=1.2e-15)


def test_law_of_a_million():
    z = normals(1, 2000, 500).ravel()
    n = z.size
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs((z**power).mean() - moment) < 4 * np.sqrt(variance / n), power
    assert stats.kstest(z, "norm").pvalue > 1e-3


@pytest.mark.parametrize("seed", [0, 1])
def test_streams_of_neighbours_and_of_later_times_are_unrelated(seed):
    z = normals(seed, 1000, 1000)
    pairs = {
        "walkers": z[1:] * z[:-1],
        "steps": z[:, 1:] * z[:, :-1],
        "the two of a pair": z[:, ::2] * z[:, 1::2],
        "squares of a pair": (z[:, ::2] ** 2 - 1) * (z[:, 1::2] ** 2 - 1) / 2,
        "squares of walkers": (z[1:] ** 2 - 1) * (z[:-1] ** 2 - 1) / 2,
        "neighbouring seeds": z * normals(seed + 1, 1000, 1000),
    }
    for name, product in pairs.items():
        assert abs(product.mean()) < 4 * np.sqrt((product**2).mean() / product.size), name


def test_a_stream_is_the_same_however_it_is_asked_for():
    whole = normals(9, 700, 10)
    assert np.array_equal(whole, normals(9, 700, 10))
    assert np.array_equal(whole[300:], normals(9, 400, 10, first=300))
    assert np.array_equal(whole[:, :7], normals(9, 700, 7))
    assert not np.isin(whole, normals(10, 700, 10)).any()


@pytest.mark.slow
def test_tails_of_a_hundred_million():
    beyond = np.zeros(6)
    count = 0
    for k in range(25):
        z = np.abs(normals(2, 4000, 1000, first=4000 * k))
        beyond += [(z > s).sum() for s in range(1, 7)]
        count += z.size
    expected = 2 * stats.norm.sf(np.arange(1, 7)) * count
    # 6 sigma: 0.2 expected; a Poisson number below 4 with probability 1 - 6e-5
    assert (np.abs(beyond - expected)[:5] < 4 * np.sqrt(expected[:5])).all(), (beyond, expected)
    assert beyond[5] < 4
