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


def _eliminated(rates, absorption):
    """Rates and totals of a chain whose states 0, 1, ... are watched no more, one after another."""
    n = len(rates)
    a, d = [exact(row) for row in rates], exact(absorption)
    total = [mp.mpf(0)] * n
    for k in range(n):
        a[k][k] = mp.mpf(0)
        total[k] = d[k] + mp.fsum(a[k][k + 1 :])
        for i in range(k + 1, n):
            if a[i][k]:
                f = a[i][k] / total[k]
                d[i] += f * d[k]
                a[i][k + 1 :] = [
                    u + f * v for u, v in zip(a[i][k + 1 :], a[k][k + 1 :], strict=True)
                ]
                a[i][i] = mp.mpf(0)
    return a, total


def exact_solves(rates, absorption, b):
    """``(-Q)^-1 b`` and ``(-Q.T)^-1 b`` in the digits of the context, without subtraction."""
    n = len(rates)
    a, total = _eliminated(rates, absorption)
    x, y = exact(b), exact(b)
    for k in range(n):
        for i in range(k + 1, n):
            x[i] += a[i][k] / total[k] * x[k]
            y[i] += a[k][i] / total[k] * y[k]
    for k in reversed(range(n)):
        x[k] = (x[k] + mp.fdot(a[k][k + 1 :], x[k + 1 :])) / total[k]
        y[k] = (y[k] + mp.fdot([a[i][k] for i in range(k + 1, n)], y[k + 1 :])) / total[k]
    return x, y


def exact_stationary(rates):
    """Stationary probabilities: times spent between two visits to the first state."""
    n = len(rates)
    if n == 1:
        return [mp.mpf(1)]
    _, y = exact_solves(rates[1:, 1:], rates[1:, 0], rates[0, 1:])
    whole = 1 + mp.fsum(y)
    return [1 / whole] + [x / whole for x in y]
