"""Random Markov chains for the tests, and their exact answers in many digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np

from fokkerplanck.solvers.scaled import Scaled


def exact(x):
    """The numbers of a float array or a `Scaled`, without rounding, as a flat list."""
    s = Scaled.of(x)
    pairs = zip(s.mantissa.ravel(), s.exponent.ravel(), strict=True)
    return [mp.ldexp(mp.mpf(float(m)), int(e)) for m, e in pairs]


def largest_error(x, truth):
    """Largest relative error of any entry; entries that are 0 must be 0."""
    worst = 0.0
    for got, true in zip(exact(x), truth, strict=True):
        worst = max(worst, float(abs(got / true - 1)) if true else (1.0 if got else 0.0))
    return worst


def minus_generator(rates, absorption):
    """-Q as an mpmath matrix of the current precision."""
    n = len(Scaled.of(rates))
    a, d = exact(rates), exact(absorption)
    m = mp.matrix(n, n)
    for i in range(n):
        row = [a[i * n + j] for j in range(n) if j != i]
        for j in range(n):
            m[i, j] = -a[i * n + j]
        m[i, i] = d[i] + mp.fsum(row)
    return m


def digits(rates, absorption):
    """Decimal digits that a plain elimination loses at most, and a hundred more."""
    log = np.concatenate([Scaled.of(rates).log10().ravel(), Scaled.of(absorption).log10()])
    log = log[np.isfinite(log)]
    return 100 + int((log.max() - log.min()) * (len(Scaled.of(rates)) + 1))


def random_rates(rng, n, spread, *, filled=1.0):
    """Rates 10**(-spread..spread); a cycle joins all states, other links exist with `filled`."""
    a = 10.0 ** rng.uniform(-spread, spread, (n, n))
    link = rng.random((n, n)) < filled
    order = rng.permutation(n)
    link[order, np.roll(order, 1)] = True
    return np.where(link & ~np.eye(n, dtype=bool), a, 0.0)


def reversible_rates(rng, n, spread, *, filled=1.0):
    """Exactly reversible: powers of two a_ij = c_ij / p_i within 10**(-spread..spread)."""
    reach = int(spread / 2 / np.log10(2.0))
    c = np.tril(rng.integers(-reach, reach, (n, n), endpoint=True), -1)
    p = rng.integers(-reach, reach, n, endpoint=True)
    order = rng.permutation(n)
    link = rng.random((n, n)) < filled
    link[order[1:], order[:-1]] = True
    link |= link.T
    return np.where(link & ~np.eye(n, dtype=bool), 2.0 ** (c + c.T - p[:, None]), 0.0)
