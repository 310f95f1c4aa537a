"""What rows of FiPy share."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["march", "solved"]


def march(p: Any, right: Any, dt: float, sweeps: int, solver: Any) -> None:
    """Take implicit steps of `dt` to t = 1, each with several sweeps."""
    import fipy

    equation = fipy.TransientTerm() == right
    for _ in range(round(1.0 / dt)):
        p.updateOld()
        for _ in range(sweeps):
            equation.sweep(var=p, dt=dt, solver=solver)


def solved(equation: Any, variable: Any) -> None:
    """Solve a linear problem by LU on one BLAS thread."""
    import fipy
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        equation.solve(var=variable, solver=fipy.LinearLUSolver(tolerance=1e-12))
