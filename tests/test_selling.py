"""The Selling decomposition: exact, non-negative, covariant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.solvers.selling import selling_decomposition
from tests.fields import tensor
from tests.strategies import tensors


def rebuild(offsets, rho, spacing):
    links = offsets * np.array(spacing)
    return np.einsum("ck,cki,ckj->cij", rho, links, links)


@settings(deadline=None, max_examples=100)
@given(tensors(largest_ratio=1e4), st.floats(0.1, 10))
def test_decomposition_is_exact_and_non_negative(d, stretch):
    spacing = (0.1, 0.1 * stretch)
    offsets, rho = selling_decomposition(d[None], spacing)
    assert (rho >= 0).all()
    assert np.abs(rebuild(offsets, rho, spacing)[0] - d).max() <= 1e-12 * np.abs(d).max()


@pytest.mark.parametrize(("ratio", "reach"), [(1, 1), (10, 2), (100, 3), (1000, 7)])
def test_reach_grows_like_the_square_root_of_the_anisotropy(ratio, reach):
    angles = np.linspace(0, np.pi, 181)
    d = np.array([tensor(1.0, 1 / ratio, a) for a in angles])
    offsets, rho = selling_decomposition(d, (1.0, 1.0))
    used = np.abs(offsets).max(axis=2) * (rho > 1e-12)
    assert np.median(used.max(axis=1)) <= reach


def test_isotropic_tensor_needs_axis_links_only():
    offsets, rho = selling_decomposition(np.eye(2)[None] * 0.3, (0.5, 0.25))
    links = {tuple(e): r for e, r in zip(offsets[0].tolist(), rho[0], strict=True) if r > 0}
    assert links == pytest.approx({(1, 0): 0.3 / 0.25, (0, 1): 0.3 / 0.0625})


@settings(deadline=None, max_examples=50)
@given(tensors())
def test_turning_the_tensor_by_90_degrees_turns_the_links(d):
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    first = selling_decomposition(d[None], (0.2, 0.2))
    second = selling_decomposition((turn @ d @ turn.T)[None], (0.2, 0.2))
    turned = first[0][0] @ turn.T
    strength = {
        frozenset([tuple(e), tuple(-e)]): r for e, r in zip(turned, first[1][0], strict=True)
    }
    for e, r in zip(second[0][0], second[1][0], strict=True):
        if r > 1e-9 * second[1].max():
            assert strength[frozenset([tuple(e), tuple(-e)])] == pytest.approx(r, rel=1e-8)


def test_a_hopeless_anisotropy_is_refused():
    d = tensor(1.0, 1e-14, 1e-5)
    with pytest.raises(ValueError, match="too anisotropic"):
        selling_decomposition(d[None], (1.0, 1.0))
