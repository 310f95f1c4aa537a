"""Figures of the three factors: what learning rate, batch size and noise make of the minima."""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reproduce_axes import POINT, log_axis
from reproduce_claims import Claim, line

import fokkerplanck as fp
from fokkerplanck.plot.style import WELLS, WIDTH, letter
from fokkerplanck.theory.three_factors import (
    continuous_excess_loss,
    discrete_covariance,
    discrete_excess_loss,
    excess_loss,
)
from fokkerplanck.theory.varying_noise import basin_log_ratio

__all__ = ["FIGURES"]

#: two minima of equal loss, the left one sharper by e^2
SHARP_AND_FLAT = "(x**2 - 1)**2 * exp(-x) / 4"


def equal_ratio() -> tuple[Figure, list[Claim]]:
    """Densities of three (eta, B) of the same ratio, by the equation and by descent itself."""
    figure = Figure((WIDTH, 2.7), layout="constrained")
    claims, solved = [], []
    grid = fp.Grid.line(-2.2, 2.2, 110)
    start, times, walkers = [1.0], [2.0, 10.0, 50.0], 50_000
    axes = figure.subplots(1, 3, sharey=True)
    for colour, (eta, batch) in zip(WELLS, ((0.0025, 1), (0.01, 4), (0.64, 256)), strict=False):
        sgd = fp.SGD(eta, batch)
        noise = fp.noise.covariance(80.0, sgd=sgd)
        problem = fp.Problem(grid, fp.landscapes.tilted(), noise, sgd=sgd)
        initial = fp.initial.gaussian(grid, start, [0.1])
        solved.append(fp.evolve(problem, initial, times).density)
        found = fp.sample_densities(problem, initial, times, walkers=walkers, dynamics="sgd")
        x = grid.axes[0].centres
        for ax, p, q, t in zip(axes, solved[-1], found.density, found.times, strict=True):
            ax.plot(x[::3], q[::3], "o", color=colour, mfc="none", ms=2.5, mew=0.6, zorder=2)
            if colour == WELLS[0]:
                ax.set_title(f"$t = {t:g}$")
                ax.plot(x, p, color="0.35", lw=1.0, zorder=1)
        gap = float(np.abs(found.density[-1] - solved[-1][-1]).sum() * grid.volume)
        expected = float(found.sampling_error[-1])
        if eta < 0.1:
            about = f"L1(descent, equation) / sampling error, eta = {eta:g}, t = {times[-1]:g}"
            claims.append(Claim(about, gap / expected, 1.0, 0.2, source="F1"))
        axes[0].plot([], [], "o", color=colour, mfc="none", label=f"$\\eta = {eta:g}, B = {batch}$")
    for density in solved[1:]:
        same = float(np.abs(density - solved[0]).max())
        claims.append(
            Claim("1 + largest difference of densities", 1 + same, 1.0, 1e-12, source="F1")
        )
    for k, ax in enumerate(axes):
        letter(ax, k)
        ax.set_xlabel("$x$")
    axes[0].set_ylabel("density")
    axes[0].legend(loc="upper left")
    return figure, claims


def expected_loss() -> tuple[Figure, list[Claim]]:
    """Excess loss in a parabola against eta/B: F2 and its discrete correction."""
    figure = Figure((3.4, 2.7), layout="constrained")
    ax = figure.subplots()
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])
    text = "x**2 + x*y/2 + y**2/2"
    claims = []
    for colour, batch in zip(WELLS, (2, 16), strict=False):
        rates = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.6])
        discrete = [discrete_excess_loss(hessian, hessian / batch, eta) for eta in rates]
        fine = np.linspace(0.005, 0.65, 60)
        law = [discrete_excess_loss(hessian, hessian / batch, eta) for eta in fine]
        ax.plot(fine / batch, law, color=colour, lw=0.9, label=f"discrete, $B = {batch}$")
        measured = []
        for eta, due in zip(rates, discrete, strict=True):
            value, error = _sampled_excess(text, hessian, float(eta), batch)
            measured.append(value)
            if eta in (0.02, 0.2, 0.6):
                about = f"excess loss of descent, eta = {eta:g}, B = {batch}"
                claims.append(Claim(about, value, due, 0.0, error, source="F2, exact discrete"))
        ax.plot(rates / batch, measured, "o", color=colour, mfc="none", **POINT)
    ratio = np.array([0.001, 0.3])
    continuous = [continuous_excess_loss(hessian, hessian, r) for r in ratio]
    ax.plot(
        ratio, continuous, color="0.35", ls="--", lw=0.9, label=r"$\frac{\eta}{4B}\,\mathrm{tr}\,H$"
    )
    eta, batch = 0.2, 16
    pair = [
        f(hessian, hessian / batch, eta) for f in (discrete_excess_loss, continuous_excess_loss)
    ]
    claims.append(Claim("F2, exact discrete", pair[0], 0.0115418118466899, 1e-12, source="F2"))
    claims.append(Claim("F2, continuous", pair[1], 0.009375, 1e-12, source="F2"))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(r"$\eta/B$")
    ax.set_ylabel(r"$E[L] - L_0$")
    ax.legend(loc="upper left")
    return figure, claims


def _sampled_excess(
    text: str, hessian: np.ndarray, eta: float, batch: int, walkers: int = 400_000
) -> tuple[float, float]:
    """Mean excess loss of descent after many steps, and its standard error."""
    width = 8 * sqrt(np.linalg.eigvalsh(discrete_covariance(hessian, hessian / batch, eta))[-1])
    grid = fp.Grid.plane((-width, width, 64), (-width, width, 64))
    sgd = fp.SGD(eta, batch)
    noise = fp.noise.covariance(hessian, sgd=sgd)
    problem = fp.Problem(grid, fp.landscapes.from_expression(text, 2), noise, sgd=sgd)
    found = fp.sample_densities(problem, [0.0, 0.0], [12.0], walkers=walkers, dynamics="sgd")
    value = excess_loss(hessian, found.covariance[-1])
    # x.H x / 2 of a Gaussian has the variance tr(H S H S) / 2
    hs = hessian @ found.covariance[-1]
    return value, sqrt(float(np.trace(hs @ hs)) / 2 / walkers)


def basin_ratio() -> tuple[Figure, list[Claim]]:
    """Share of the sharp minimum against eta/B: noise C = I by Laplace, C = |H| and others."""
    figure = Figure((WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    claims = []
    ratios = np.geomspace(0.01, 0.3, 12)
    grid = fp.Grid.line(-2.4, 2.4, 512)
    curvatures, losses = (
        (2.2866204069763, 1.68275764781665),
        (-0.352386073800036, -0.152639441773785),
    )
    logs, laws = [], []
    for ratio in ratios:
        noise = fp.noise.covariance(1.0, sgd=fp.SGD(float(ratio), 1))
        masses = fp.select_minima(fp.Problem(grid, fp.landscapes.tilted(), noise)).occupation
        logs.append(log(masses[0] / masses[1]))
        d = ratio / 2
        laws.append(basin_log_ratio(*curvatures, (d, d), (losses[0] - losses[1]) / d, 1.0))
    left.plot(1 / ratios, logs, "o", color=WELLS[0], label="solved", **POINT)
    left.plot(1 / ratios, laws, color="0.35", lw=0.9, label="Laplace")
    left.set_xlabel(r"$B/\eta$")
    left.set_ylabel(r"$\ln(p_A/p_B)$")
    left.legend(loc="upper left", title="$C = I$, deep (A) and shallow (B)")
    slope = line(1 / ratios[:5], logs[:5])[0]
    claims.append(Claim("slope over B/eta", slope, 2 * (losses[1] - losses[0]), 1e-3, source="F3"))
    claims.append(
        Claim(
            "p_A/p_B over Laplace, eta/B = 0.01",
            float(np.exp(logs[0] - laws[0])),
            1.0,
            0.01,
            source="F3",
        )
    )
    claims += _sharp_share(right)
    for k, ax in enumerate((left, right)):
        letter(ax, k)
    return figure, claims


def _sharp_share(ax: Axes) -> list[Claim]:
    grid = fp.Grid.line(-2.2, 3.4, 512)
    landscape = fp.landscapes.from_expression(SHARP_AND_FLAT, 1)
    strengths = np.geomspace(0.02, 0.3, 9)
    sharp, flat = 2 * np.e, 2 / np.e
    mean = (sharp + flat) / 2
    kinds: dict[str, Callable[[float], fp.noise.Noise]] = {
        "white, $D = \\eta \\bar H/2B$": lambda r: fp.noise.white(r / 2 * mean),
        "frozen $|H|$": lambda r: fp.noise.hessian(r, 1),
        "$\\sqrt{H^2 + \\epsilon^2}$, $\\epsilon = 1$": lambda r: fp.noise.hessian(
            r, 1, model="absolute", floor=1.0
        ),
        "$2(L + 0.1)H^*$": lambda r: fp.noise.loss(c=r * mean, offset=0.1),
    }
    claims = []
    for colour, (name, make) in zip(WELLS, kinds.items(), strict=False):
        found = [fp.select_minima(fp.Problem(grid, landscape, make(float(r)))) for r in strengths]
        y = [log(f.occupation[0] / f.occupation[1]) for f in found]
        ax.plot(strengths, y, "o-", color=colour, lw=0.8, ms=3.5, label=name)
        if name.startswith("frozen"):
            law = [next(t for t in f.theories if t.name == "density-diffusion") for f in found]
            due = [log(t.occupation[0] / t.occupation[1]) for t in law]
            ax.plot(strengths, due, color="0.35", ls="--", lw=0.9, label="its theory, C7")
            claims.append(
                Claim(
                    "ln(p_sharp/p_flat), frozen, eta/B = 0.02", y[0], due[0], 0.02, source="F4, C7"
                )
            )
        if name.startswith("white"):
            claims.append(
                Claim(
                    "p_sharp/p_flat, white, eta/B = 0.02",
                    float(np.exp(y[0])),
                    sqrt(flat / sharp),
                    0.1,
                    source="F3, Laplace",
                )
            )
    log_axis(ax, (0.02, 0.05, 0.1, 0.2))
    ax.set_xlabel(r"$\eta/B$")
    ax.set_ylabel(r"$\ln(p_{\mathrm{sharp}}/p_{\mathrm{flat}})$")
    ax.legend(loc="lower right", title="equal losses")
    return claims


def annealing() -> tuple[Figure, list[Claim]]:
    """Draw what annealing leaves in the shallow well, against the time that it takes."""
    figure = Figure((WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    grid = fp.Grid.line(-2.4, 2.4, 512)
    sgd = fp.SGD(0.1, 1)
    noise = fp.noise.covariance(2.0, sgd=sgd)
    problem = fp.Problem(grid, fp.landscapes.tilted(), noise, sgd=sgd)
    start = fp.initial.gaussian(grid, [1.0], [0.1])
    durations = np.geomspace(1e1, 1e8, 15)
    found = fp.anneal(problem, start, durations, cold=0.05)
    left.plot(durations, found.occupation[:, 1], "o", color=WELLS[0], label="solved", **POINT)
    left.plot(durations, found.chain[:, 1], color="0.35", lw=0.9, label="chain of two wells")
    last = found.occupation[-1, 1] * (durations / durations[-1]) ** -found.exponent
    left.plot(
        durations[8:],
        last[8:],
        color=WELLS[1],
        ls="--",
        lw=0.9,
        label=r"$\tau^{-\Delta L/\Delta E}$",
    )
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xlabel(r"duration $\tau$")
    left.set_ylabel("left in the shallow well")
    left.legend(loc="lower left")
    depth = (0.352386073800036 - 0.152639441773785) / (0.00502551557382098 + 0.152639441773785)
    claims = [Claim("exponent from rates", found.exponent, depth, 2e-3, source="Huse and Fisher")]
    late = found.chain[8:, 1] / found.occupation[8:, 1]
    claims.append(
        Claim(
            "chain / solved, tau >= 1e5, worst",
            float(late[np.abs(late - 1).argmax()]),
            1.0,
            0.03,
            source="two wells",
        )
    )
    growth, decay = found.steps_of_growth, found.steps_of_decay
    right.plot(
        growth, found.occupation[:, 1], "o-", color=WELLS[0], lw=0.8, label="batch grows", ms=3.5
    )
    right.plot(
        decay,
        found.occupation[:, 1],
        "s-",
        color=WELLS[1],
        lw=0.8,
        label="learning rate decays",
        ms=3.5,
        mfc="none",
    )
    claims.append(
        Claim(
            "steps of decay / steps of growth",
            float(decay[0] / growth[0]),
            19 / log(20),
            1e-9,
            source="mean of 1/factor",
        )
    )
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("steps")
    right.legend(loc="lower left")
    for k, ax in enumerate((left, right)):
        letter(ax, k)
    return figure, claims


FIGURES: dict[str, Callable[[], tuple[Figure, list[Claim]]]] = {
    "equal_ratio": equal_ratio,
    "expected_loss": expected_loss,
    "basin_ratio": basin_ratio,
    "annealing": annealing,
}
