"""Slow modes of a metastable chain, and what is left of a density long after the fast ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.chain_modes import column, in_many_digits, spread_bits
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.reduction import Reduction
from fokkerplanck.solvers.small_chain import SmallChain

__all__ = ["AnchorModes", "metastable"]

Array = NDArray[np.float64]

#: An anchor whose well is left within this many relaxation times of the rest is none.
SHALLOW = 20.0
#: Terms of the series in (relaxation time x eigenvalue), and the largest value that they are for.
TERMS, CONVERGENT = 8, 0.05
#: Powers of e by which fast modes may be larger than the density at the start.
MARGIN = 5.0
#: Bits beyond those that the spread of the time scales takes.
GUARD = 160
#: Relative size of an imaginary part that is rounding of the digits carried.
REAL = 1e-20


def metastable(reduction: Reduction) -> Reduction:
    """Reduce a chain again without the anchors of wells that are left at once."""
    while reduction.anchors.size:
        deep = reduction.deep(SHALLOW)
        if deep.all():
            break
        fewer = Reduction(reduction.generator, reduction.live, reduction.anchors[deep])
        if fewer.anchors.size >= reduction.anchors.size:  # those left out are needed
            break
        reduction = fewer
    return reduction


@dataclass(eq=False)
class AnchorModes:
    r"""Modes of a chain that are slow beside the relaxation within its wells.

    With R the inverse of minus the generator among all cells but the anchors, an eigenvalue of -Q
    and its vector on the anchors obey :math:`S(\lambda) u = 0`,

    .. math:: S(\lambda) = G + \lambda M_0 + \lambda^2 M_1 + \dots, \quad
        M_0 = 1 + Q_{AR} R^2 Q_{RA}, \quad M_k = Q_{AR} R^{k+2} Q_{RA},

    where G is the generator of the anchor chain. All sums have terms of one sign, and the small
    problem is solved in as many digits as its time scales are apart, so that an eigenvalue of
    1e-100 is as exact as one of 1e-1.

    Parameters
    ----------
    reduction : Reduction
        With anchors in metastable wells only, see `metastable`.

    Attributes
    ----------
    values : list of mpmath numbers
        Eigenvalues lambda of -Q, slowest first, those with lambda x relaxation time < 0.05;
        the 0 of a conservative chain included.
    """

    reduction: Reduction

    def __post_init__(self) -> None:
        self._left_out = 0.0  # longest time scale that is not in `values`, in relaxation times
        self.values, self._right, self._left = self._solve()

    @property
    def count(self) -> int:
        """Number of slow modes."""
        return len(self.values)

    def error(self, k: int) -> float:
        """Relative error of eigenvalue k to be expected: rounding, and what the series leaves."""
        pace = float(abs(self.values[k])) * self.reduction.relaxation
        return max(self.reduction.error, pace ** (TERMS - 1))

    def log_rate(self, k: int) -> float:
        """Ln of the real part of eigenvalue k, also where it is below the range of floats."""
        import mpmath as mp

        return float(mp.log(mp.re(self.values[k])))

    def right(self, k: int) -> NDArray[Any]:
        """Eigenfunction of mode k on all cells, largest modulus 1."""
        x = _floats(self._right[k])
        lam = _number(self.values[k])
        hits = self._series[0] @ x
        for j in range(1, TERMS):
            hits = hits + lam**j * (self._series[j] @ x)
        return self._spread_out(x, hits)

    def left(self, k: int) -> NDArray[Any]:
        """Eigen-density of mode k (cell masses), largest modulus 1."""
        y = _floats(self._left[k])
        lam = _number(self.values[k])
        power = self.reduction.back(y @ self.reduction.leaving)
        masses = power
        for j in range(1, TERMS):
            power = self.reduction.back(power)
            masses = masses + lam**j * power
        return self._spread_out(y, masses)

    def evolve(self, mass: Array, t: float) -> Array:
        """Cell masses at a time by which all but the slow modes have died out.

        Right to relative accuracy in every well, however little of the mass is in it.
        """
        import mpmath as mp

        r = self.reduction
        if not r.anchors.size:
            return np.zeros(r.generator.cells)
        with mp.workprec(self._bits):
            start = [mp.mpf(float(p)) for p in mass[r.anchors]]
            moments = [[mp.mpf(float(c)) for c in mass[r.rest] @ h] for h in self._series]
            pushes: list[list[Any]] = [[mp.mpf(0)] * r.anchors.size for _ in range(TERMS)]
            for k, lam in enumerate(self.values):
                x, y = self._right[k], self._left[k]
                amount = mp.mpf(0)
                for a in range(r.anchors.size):
                    seen = mp.fsum(lam**j * m[a] for j, m in enumerate(moments))
                    amount += x[a] * (start[a] + seen)
                amount *= mp.exp(-lam * mp.mpf(t)) / self._norm(k)
                for j in range(TERMS):
                    for a in range(r.anchors.size):
                        pushes[j][a] += amount * lam**j * y[a]
            at = np.array([[float(mp.re(p)) for p in row] for row in pushes])
        out = np.zeros(r.generator.cells)
        out[r.anchors] = at[0]
        # y_rest = sum_j R.T^(j+1) Q_ar.T (-d/dt)^j P_anchors
        masses = np.zeros(r.rest.size)
        for row in at[::-1]:
            masses = r.back(row @ r.leaving + masses)
        out[r.rest] = masses
        return out

    def settled(self, tolerance: float) -> float:
        """Time after which all other modes are below `tolerance`, per unit mass.

        Away from the anchors the chance to have met none yet falls by e every ``e * relaxation``
        (Markov's inequality); modes of the anchors that are too fast for the series decay at
        least at 0.05 / relaxation.
        """
        slowest = max(math.e, self._left_out) * self.reduction.relaxation
        return float(slowest * (np.log(1.0 / tolerance) + MARGIN))

    # ------------------------------------------------------------------

    @cached_property
    def _series(self) -> list[Array]:
        """``R^(j+1) Q_ra``, shape (rest, anchors): hitting probabilities, then their integrals."""
        found = [self.reduction.hits]
        for _ in range(TERMS - 1):
            found.append(self.reduction.forward(found[-1]))
        return found

    @cached_property
    def _masses(self) -> list[Array]:
        m = [np.asarray(self.reduction.leaving @ h) for h in self._series[1:]]
        m[0] = m[0] + np.eye(m[0].shape[0])
        return m

    @cached_property
    def _bits(self) -> int:
        chain = self.reduction.chain
        weight = np.diag(self._masses[0])
        bits = spread_bits(SmallChain(chain.rates / weight[:, None], chain.absorption / weight))
        # the entries of a left vector differ as the weights of the wells do, by ratios of rates
        log = chain.rates.log()
        seen = log[np.isfinite(log)]
        return GUARD + bits + int(np.ptp(seen) / np.log(2.0) if seen.size else 0.0)

    def _solve(self) -> tuple[list[Any], list[Any], list[Any]]:
        import mpmath as mp

        if self.reduction.anchors.size == 0:
            return [], [], []
        with mp.workprec(self._bits):
            g = in_many_digits(self.reduction.chain)
            zero = self.reduction.generator.conservative
            values, right, left = _pencil(g, [mp.matrix(self._masses[0].tolist())])
            order = sorted(range(len(values)), key=lambda k: mp.re(values[k]))
            found: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
            for place, k in enumerate(order):
                lam = mp.mpf(0) if zero and place == 0 else values[k]
                x, y = right[k], left[k]
                if zero and place == 0:  # known without subtraction
                    y = list(column(self.reduction.chain.stationary()))
                pace = float(mp.re(lam) * self.reduction.relaxation)
                if pace > CONVERGENT:
                    self._left_out = max(self._left_out, 1.0 / pace)
                    continue
                if lam:
                    lam, x, y = self._polished(g, lam, x, y)
                if abs(mp.im(lam)) <= REAL * abs(lam):
                    lam, x, y = mp.re(lam), _real(x), _real(y)
                for part, item in zip(found, (lam, x, y), strict=True):
                    part.append(item)
        return found

    def _polished(self, g: Any, lam: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        """Take the higher terms of S(lambda) into account, by fixed-point iteration."""
        import mpmath as mp

        for _ in range(ROUNDS):
            m = mp.matrix(len(x), len(x))
            for j, part in enumerate(self._masses):
                m += lam**j * mp.matrix(part.tolist())
            values, right, left = _pencil(g, [m])
            k = min(range(len(values)), key=lambda i: abs(values[i] - lam))
            change = abs(values[k] - lam) / abs(lam)
            lam, x, y = values[k], right[k], left[k]
            if change < SETTLED:
                return lam, x, y
        msg = "a slow mode does not separate from the relaxation within the wells"
        raise NumericalError(msg)

    def _norm(self, k: int) -> Any:
        """``y.T S'(lambda) x``."""
        import mpmath as mp

        x, y, lam = self._right[k], self._left[k], self.values[k]
        total = mp.mpf(0)
        for j, part in enumerate(self._masses):
            m = mp.matrix(part.tolist())
            total += (
                (j + 1)
                * lam**j
                * mp.fsum(y[a] * m[a, b] * x[b] for a in range(len(y)) for b in range(len(x)))
            )
        return total

    def _spread_out(self, anchors: NDArray[Any], rest: NDArray[Any]) -> NDArray[Any]:
        out = np.zeros(self.reduction.generator.cells, dtype=np.result_type(anchors, rest))
        out[self.reduction.anchors] = anchors
        out[self.reduction.rest] = rest
        return np.asarray(out / out[np.argmax(np.abs(out))])


#: Fixed-point rounds for one eigenvalue, and the relative change that ends them.
ROUNDS, SETTLED = 12, 1e-14


def _pencil(g: Any, masses: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Solve ``(G + lambda M) x = 0``: eigenvalues, right and left vectors, as lists."""
    import mpmath as mp

    inverse = masses[0] ** -1
    values, left, right = mp.eig(inverse * (-g), left=True, right=True)
    n = g.rows
    rights = [[right[i, k] for i in range(n)] for k in range(n)]
    lefts = [list(left[k, :] * inverse) for k in range(n)]
    return list(values), rights, lefts


def _real(vector: Any) -> list[Any]:
    """Turn a vector of a real eigenvalue by its phase, so that it is real."""
    import mpmath as mp

    top = max(vector, key=abs)
    return [mp.re(v / top) for v in vector]


def _floats(vector: Any) -> NDArray[Any]:
    top = max(vector, key=abs)
    out = np.array([complex(v / top) for v in vector])
    return out if np.abs(out.imag).max() > REAL else out.real


def _number(value: Any) -> Any:
    import mpmath as mp

    return complex(value) if mp.im(value) else float(mp.re(value))
