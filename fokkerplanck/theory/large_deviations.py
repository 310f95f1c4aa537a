r"""Escape of discrete SGD on a line at small noise: the exponent of the chain, and its prefactor.

A step is :math:`x' = x - \varepsilon \sum_{b=1}^{B} g_b(x)`, :math:`\varepsilon = \eta/B`, with B
independent gradients. Its law is not that of a diffusion, and neither is what it does in the long
run: to climb against the mean gradient takes many rare draws, and how rare they are is a matter of
the whole law of g. With :math:`\pi \sim K e^{-\Phi/\varepsilon}` in :math:`\pi = \pi P`, the
leading order says :math:`(\mathrm E\,e^{-\Phi' g})^B = 1`: the slope of the quasi-potential is
the root :math:`\theta \ne 0` of

.. math:: h(x, \theta) = \ln \mathrm E\,e^{-\theta g(x)} = 0, \qquad \Phi(x) = \int^x \theta\,dx ,

whatever B. It has the sign of the mean gradient. As cumulants go,
:math:`\theta = 2 \bar g / C + \theta^2 \kappa_3 / 3 C - ...` with the variance C about the mean and
the third cumulant; to leave the series after the second one is the Fokker-Planck equation with
:math:`D = \eta C / 2B`, and exact for normal g. (The series of the moments left there would have
:math:`\mathrm E g^2 = C + \bar g^2` for C: wrong at second order in :math:`\bar g / \sqrt C`.)

The next order says

.. math:: \frac{K'}{K} = -\frac{h_{px} + \frac12 h_{pp} \Phi''}{h_p} + \frac B2 h_p \Phi'' ,

all of it on the root, where :math:`\Phi'' = -h_x / h_p`; the last term is what the steps not being
small adds, at any :math:`\varepsilon`. Near the top steps are small beside the layer
:math:`\sqrt\varepsilon` in which the density turns, so the flux there is that of a diffusion, and

.. math:: \tau = \frac{4 \pi}{\eta\, C_b \sqrt{\Phi''_a |\Phi''_b|}}\,\frac{K_a}{K_b}\,
    e^{(\Phi_b - \Phi_a) / \varepsilon} \quad\text{steps.}

References
----------
Freidlin and Wentzell, Random Perturbations of Dynamical Systems, ch. 5 (random walks); Knessl,
Matkowsky, Schuss and Tier, SIAM J. Appl. Math. 45, 1006 (1985) (Markov jump processes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, pi

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.cumulants import Cumulants

__all__ = ["ChainEscape", "chain_escape"]

Array = NDArray[np.float64]
#: Gauss-Legendre nodes of a panel, and places in it at which the mean gradient may change sign.
NODES, PLACES = 6, 8
#: Distance of the zero of the mean gradient that is looked for, of the range.
CLOSE = 1e-13
#: Distance from a zero at which a border is taken for it, of the range.
NEXT = 1e-6
#: A wall, in units of all climbs together.
TALL = 100.0


@dataclass(frozen=True)
class ChainEscape:
    """Escape of a chain on a line at small noise.

    Parameters
    ----------
    minimum, top : float
        a and b, where the quasi-potential is lowest and highest on the worst climb.
    exponent : float
        ``Phi_b - Phi_a``: the time grows as exp(exponent * B / eta).
    curvatures : (float, float)
        ``Phi''`` at a and at b.
    variance : float
        C at b, of the gradient of one sample.
    turn, steps : float
        ``ln(K_a / K_b)`` is ``turn + B * steps``: of jumps that come one by one, and of batches.
    """

    minimum: float
    top: float
    exponent: float
    curvatures: tuple[float, float]
    variance: float
    turn: float
    steps: float

    def log_steps(self, learning_rate: float, batch_size: float) -> float:
        """Natural logarithm of the mean number of steps to far beyond the top.

        Holds where ``exponent * B / eta`` is large and single steps are short beside the way to
        the top: not where a sample's gradient times the learning rate leaps over the barrier.
        """
        a, b = self.curvatures
        flux = log(4 * pi / (learning_rate * self.variance)) - 0.5 * log(a * -b)
        rise = self.exponent * batch_size / learning_rate
        return flux + self.turn + batch_size * self.steps + rise


def chain_escape(
    law: Cumulants, start: float, target: float, breaks: Sequence[float] | Array
) -> ChainEscape:
    """Find the worst climb between two points, and the law of escape over it.

    Parameters
    ----------
    law : Cumulants
        Of the gradient of one sample.
    start, target : float
    breaks : array_like, shape (n,)
        Ascending points between which the law is smooth; the first (or the last, where the target
        is below the start) is where the line ends behind the start.

    Raises
    ------
    CaseError
        If there is no climb, if it does not lead from a minimum over a top before the target, or
        if no sample ever points uphill.
    """
    sign = 1.0 if target > start else -1.0
    points = np.sort(sign * np.asarray(breaks, dtype=np.float64))
    zeros = _zeros(law, sign, points[points < sign * target], sign * target)
    ends = np.r_[points[points < sign * target], sign * target]
    # a zero takes the place of what it falls on, but for rounding
    apart = (np.abs(ends[:, None] - zeros) > NEXT * (ends[-1] - ends[0])).all(axis=1)
    borders = np.unique(np.r_[ends[apart], zeros])
    t, w = np.polynomial.legendre.leggauss(NODES)
    width = np.diff(borders)
    x = borders[:-1, None] + width[:, None] * (1 + t) / 2
    jet = law.tilted((sign * x).ravel())
    # where no sample points uphill is a wall: behind the start it does no harm
    walls = np.asarray(~np.isfinite(jet.theta.reshape(x.shape)).all(axis=1))
    theta = np.where(np.isfinite(jet.theta), jet.theta, 0.0)

    def integrals(values: Array) -> Array:
        return np.asarray((values.reshape(x.shape) * w).sum(axis=1) * width / 2)

    rise = sign * integrals(theta)
    tall = 1.0 + TALL * np.abs(rise).sum()
    mean = sign * integrals(-jet.p)
    low, high = _climb(np.where(walls, tall * np.sign(mean), rise), borders, sign * start)
    a, b = borders[low], borders[high]
    if walls[low:high].any():
        msg = f"no sample points uphill next to {sign * borders[low:high][walls[low:high]][0]:.6g}:"
        raise CaseError(msg + " small steps never climb there")
    if a not in zeros or b not in zeros:
        msg = f"the worst climb from {start:.6g} to {target:.6g} goes from {sign * a:.6g} to "
        msg += f"{sign * b:.6g}: not from a minimum of the loss over a top before the target"
        raise CaseError(msg)
    bend = -jet.x / jet.p
    turn = integrals((jet.px + jet.pp * bend / 2) / jet.p)[low:high].sum()
    steps = integrals(-jet.p * bend / 2)[low:high].sum()
    # Phi'' is 2 g' / C where g = 0: of the tilted law nothing but that is left there
    at = _slopes(law, sign * np.array([a, b]))
    variance = law.moments(sign * np.array([b]))[1][0]
    return ChainEscape(
        minimum=float(sign * a),
        top=float(sign * b),
        exponent=float(rise[low:high].sum()),
        curvatures=(float(at[0]), float(at[1])),
        variance=float(variance),
        turn=float(sign * turn),
        steps=float(sign * steps),
    )


def _climb(rise: Array, borders: Array, start: float) -> tuple[int, int]:
    """Lowest and highest point of the worst climb that ends beyond the start."""
    phi = np.r_[0.0, np.cumsum(rise)]
    lowest = np.minimum.accumulate(phi)
    climbs = np.where(borders > start, phi - lowest, -np.inf)
    high = int(np.argmax(climbs))
    if not climbs[high] > 0:
        msg = "there is no climb on the way: nothing to escape from"
        raise CaseError(msg)
    return int(np.argmin(phi[: high + 1])), high


def _zeros(law: Cumulants, sign: float, points: Array, target: float) -> Array:
    """Where the mean gradient changes sign, in the turned coordinate."""
    from scipy.optimize import brentq

    ends = np.r_[points, target]
    fine = np.unique(np.concatenate([np.linspace(*pair, PLACES + 1) for pair in pairwise(ends)]))

    def mean(z: float) -> float:
        return float(law.moments(np.array([sign * z]))[0][0])

    values = law.moments(sign * fine)[0]
    change = np.flatnonzero(values[1:] * values[:-1] < 0)
    span = fine[-1] - fine[0]
    found = [brentq(mean, fine[k], fine[k + 1], xtol=CLOSE * span) for k in change]
    return np.array([*found, *fine[values == 0]])


def _slopes(law: Cumulants, x: Array) -> Array:
    """Return ``2 g' / C`` at zeros of the mean gradient."""
    from fokkerplanck.theory.cumulants import NEAR

    above, below = (law.moments(x + d)[0] for d in (NEAR, -NEAR))
    return np.asarray((above - below) / NEAR / law.moments(x)[1])
