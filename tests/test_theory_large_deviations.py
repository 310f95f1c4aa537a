"""Roots of generating functions against closed forms; the law of small noise against the chain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_chain import InPlaneChain
from fokkerplanck.solvers.cramer import cramer_root
from fokkerplanck.theory.cumulants import NormalCumulants, SampleCumulants
from fokkerplanck.theory.large_deviations import chain_escape
from tests.tables import double_well

LINE = Path(__file__).parents[1] / "cases/resnet/line.h5"


def normal_samples(n):
    from scipy.stats import norm

    z = norm.ppf((np.arange(n) + 0.5) / n)
    return z / z.std()


def test_two_points_have_the_root_of_the_gambler():
    # p of 1 down and q of 1 up: q e^theta + p e^-theta = 1
    for down, up in ((3, 2), (2, 3), (99, 1)):
        g = np.r_[np.ones(down), -np.ones(up)]
        assert cramer_root(g)[0] == pytest.approx(np.log(down / up), rel=1e-13)
    # units of the gradient, and those of its inverse
    g = np.r_[np.ones(3), -np.ones(2)]
    assert cramer_root(7 * g)[0] == pytest.approx(np.log(1.5) / 7, rel=1e-13)


def test_a_normal_law_has_the_root_of_the_diffusion():
    z = normal_samples(40_001)
    for mean, deviation in ((0.1, 0.4), (-0.3, 1.0)):
        found = cramer_root(mean + deviation * z)[0]
        assert found == pytest.approx(2 * mean / deviation**2, rel=4e-3)


def test_exponential_tails():
    # downhill by d, uphill by exponential jumps of rate 1: e^(-theta d) / (1 - theta) = 1
    from scipy.optimize import brentq

    d, n = 1.2, 100_000
    jumps = -np.log1p(-(np.arange(n) + 0.5) / n)
    exact = brentq(lambda t: -t * d - np.log1p(-t), 1e-3, 1 - 1e-12)
    assert cramer_root(d - jumps)[0] == pytest.approx(exact, rel=2e-3)


def test_where_no_sample_opposes_the_mean_there_is_no_root():
    found = cramer_root([[1.0, 2.0, 0.5], [-1.0, -2.0, -0.5], [1.0, -1.0, 0.0]])
    assert found.tolist() == [np.inf, -np.inf, 0.0]


def test_roots_next_to_a_vanishing_mean_keep_their_digits():
    g = np.random.default_rng(0).normal(size=1000) ** 3
    g -= g.mean()
    third, square = (g**3).mean(), (g**2).mean()
    for mean in (1e-3, 1e-5, 1e-7):
        first = 2 * mean / square
        second = first + first**2 * third / (3 * square)
        assert cramer_root(g + mean)[0] == pytest.approx(second, rel=5e3 * mean**2 + 1e-8)


@pytest.fixture(scope="module")
def skewed():
    """Double well with skewed noise that depends on the place, as functions of x."""
    tilt = np.random.default_rng(3).gumbel(size=300)
    tilt = (tilt - tilt.mean()) / tilt.std()

    def gradients(x):
        x = np.asarray(x)[:, None]
        return x**3 - x + (1 + 0.3 * x) * tilt

    return gradients


BREAKS = np.linspace(-2, 2, 33)


def test_the_normal_exponent_is_that_of_the_diffusion(skewed):
    def moments(x):
        g = skewed(x)
        return g.mean(axis=1), g.var(axis=1)

    found = chain_escape(NormalCumulants(moments), -1.0, 1.0, BREAKS)
    x, w = np.polynomial.legendre.leggauss(60)
    x = (x - 1) / 2
    exact = (w * (x**3 - x) / (1 + 0.3 * x) ** 2).sum()
    assert (found.minimum, found.top) == pytest.approx((-1.0, 0.0), abs=1e-10)
    assert found.exponent == pytest.approx(exact, rel=1e-10)
    assert found.curvatures == pytest.approx((2 * 2 / 0.7**2, -2.0), rel=1e-7)
    # without further cumulants, jumps that come one by one turn the Ito density C^-1: ln K = -ln C
    assert found.turn + 2 * np.log(0.7) == pytest.approx(0.0, abs=1e-7)


def test_skewness_moves_the_exponent_and_its_mirror_the_other_way(skewed):
    there = chain_escape(SampleCumulants(skewed), -1.0, 1.0, BREAKS)
    # turned with its line, the landscape is the same, and so is everything else
    turned = chain_escape(SampleCumulants(lambda x: -skewed(-x)), 1.0, -1.0, BREAKS)
    assert (turned.exponent, turned.turn, turned.steps) == pytest.approx(
        (there.exponent, there.turn, there.steps), rel=1e-8
    )
    assert (turned.minimum, turned.top) == pytest.approx((-there.minimum, -there.top), abs=1e-10)
    other = chain_escape(
        SampleCumulants(lambda x: 2 * skewed(x).mean(1)[:, None] - skewed(x)), -1.0, 1.0, BREAKS
    )
    assert there.exponent > 1.05 * other.exponent


def test_the_chain_tends_to_its_law_at_small_noise(tmp_path):
    """The exact time over the law of small noise is 1 + O(eta / B), for both kinds of noise."""
    plane = InPlane.load(double_well(tmp_path / "line.h5", noise=1.0, samples=60))
    chain = InPlaneChain(plane, -1.0, 1.0)
    for noise in ("minibatch", "gaussian"):
        law = chain.small_noise(noise)
        off = [
            np.log(chain.time(eta, 1, noise).mean_steps) - law.log_steps(eta, 1)
            for eta in (0.04, 0.02)
        ]
        assert abs(off[1]) < 0.01
        assert np.log2(off[0] / off[1]) == pytest.approx(1.0, abs=0.25)


def test_batches_share_the_exponent_not_the_prefactor(tmp_path):
    plane = InPlane.load(double_well(tmp_path / "line.h5", noise=1.0, samples=60))
    chain = InPlaneChain(plane, -1.0, 1.0)
    law = chain.small_noise()
    off = []
    for ratio in (0.04, 0.02):
        one, two = (chain.time(ratio * b, b).mean_steps * b for b in (1, 2))
        off.append(np.log(two / one))
    # ln tau is law + O(eta / B)
    assert 2 * off[1] - off[0] == pytest.approx(law.steps, rel=0.05)


def test_slopes_of_a_real_network():
    """At small noise its own noise climbs more slowly than Gaussian noise of its variance."""
    chain = InPlaneChain(InPlane.load(LINE), -0.134, 9.192)
    real, normal = (chain.small_noise(noise) for noise in ("minibatch", "gaussian"))
    assert (real.exponent, normal.exponent) == pytest.approx((20.501, 14.289), abs=2e-3)
    assert (real.minimum, real.top) == pytest.approx((-0.134, 4.503), abs=2e-3)
    found = chain.time(0.5, 1, "gaussian").mean_steps
    assert np.log(found) == pytest.approx(normal.log_steps(0.5, 1), abs=0.012)
    # at larger rates it leaps, from behind the minimum; only where it cannot, it is slower
    shares = [chain.leaps(rate, 1, (real.minimum, real.top)) for rate in (2.0, 1.0)]
    assert shares[0] > 0.7
    assert shares[1] < 0.01


@pytest.mark.slow
def test_the_slope_of_a_real_networks_own_noise():
    chain = InPlaneChain(InPlane.load(LINE), -0.134, 9.192)
    law = chain.small_noise()
    off = [np.log(chain.time(eta, 1).mean_steps) - law.log_steps(eta, 1) for eta in (0.3, 0.15)]
    assert off[0] / off[1] == pytest.approx(2.0, abs=0.5)
    assert abs(off[1]) < 0.25


@pytest.mark.slow
def test_own_noise_of_a_real_network_is_faster_at_large_rates_and_slower_at_small_ones():
    chain = InPlaneChain(InPlane.load(LINE), -0.134, 9.192)
    ratios = {
        eta: chain.time(eta, 1).mean_steps / chain.time(eta, 1, "gaussian").mean_steps
        for eta in (2.0, 1.0, 0.5)
    }
    assert ratios[2.0] == pytest.approx(0.109, rel=0.02)
    assert 0.005 < ratios[1.0] < 0.02
    assert ratios[0.5] > 1e4


def test_what_is_refused(skewed):
    with pytest.raises(CaseError, match="minimum"):
        chain_escape(SampleCumulants(skewed), -1.0, -0.5, BREAKS)
    silent = SampleCumulants(lambda x: (x**3 - x)[:, None] * np.ones(3))
    with pytest.raises(CaseError, match="uphill"):
        chain_escape(silent, -1.0, 1.0, BREAKS)
    downhill = SampleCumulants(lambda x: np.ones_like(x)[:, None] * np.array([-3.0, 1.0]))
    with pytest.raises(CaseError, match="no climb"):
        chain_escape(downhill, -1.0, 1.0, BREAKS)
