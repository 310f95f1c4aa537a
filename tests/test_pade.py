"""Rational approximations that may be repeated: order, damping, stability."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck.solvers.pade import pade


def apply(z, degree):
    poles, residues = pade(degree)
    upper = (residues / (z[:, None] - poles)).sum(axis=1)
    return upper + (residues.conj() / (z[:, None] - poles.conj())).sum(axis=1)


@pytest.mark.parametrize("degree", [2, 4, 6])
def test_order_and_stability(degree):
    y = np.geomspace(1e-3, 1e4, 400)
    assert np.abs(apply(1j * y, degree)).max() <= 1 + 1e-9
    assert np.abs(apply(np.array([1e9 + 0j, -1e9]), degree)).max() < 1e-7
    assert apply(np.array([0j]), degree)[0] == pytest.approx(1.0, abs=1e-11)
    errors = [np.abs(apply(np.array([z]), degree) - np.exp(z))[0] for z in (1.0j, 2.0j)]
    assert np.log2(errors[1] / errors[0]) == pytest.approx(2 * degree, abs=0.5)
