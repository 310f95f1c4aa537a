"""Figures of heavy tails: heights and widths, exits, densities, where jumps land, tail indices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reproduce_axes import POINT, log_axis
from reproduce_claims import Claim, line

import fokkerplanck as fp
from fokkerplanck.levy_overshoot import LandingSide, LevyLanding
from fokkerplanck.plot.style import WELLS, WIDTH, letter
from fokkerplanck.solvers.fractional import jump_constant
from fokkerplanck.tail_index import block_estimate
from fokkerplanck.tail_index_controls import pooled_order
from fokkerplanck.theory.levy import (
    cauchy_double_well,
    cauchy_quartic,
    getoor_time,
    levy_exit_time,
    levy_landing_density,
    levy_transition_time,
)

__all__ = ["FIGURES"]

CASES = Path(__file__).parents[1] / "cases" / "heavy_tails"
HEIGHTS, WIDTHS = (5.0, 10.0, 20.0, 30.0), (1.0, 1.5, 2.0, 3.0)
INDICES = (1.0, 1.5, 2.0)
#: colours of the indices of this page, Gaussian noise in grey
COLOURS = {0.5: WELLS[3], 0.8: WELLS[3], 1.0: WELLS[0], 1.2: WELLS[2], 1.5: WELLS[1], 1.8: WELLS[4]}
GREY = "0.35"
#: theory G4: exact time over the law of small noise, a parabola left at -1 and 1
SMALL_NOISE = {
    1.5: {0.1: 0.9476, 0.03: 0.9915, 0.01: 0.9984, 0.003: 0.9997},
    1.2: {0.1: 0.9526, 0.03: 0.9885, 0.01: 0.9969, 0.003: 0.9993},
    0.8: {0.1: 0.9678, 0.03: 0.9868, 0.01: 0.9944, 0.003: 0.9978},
}


def height_and_width() -> tuple[Figure, list[Claim]]:
    """One sweep: times over a barrier against its height, and against the width of the well."""
    vary = {
        "noise.alpha": INDICES,
        "landscape.parameters.B": HEIGHTS,
        "landscape.parameters.a": WIDTHS,
    }
    found = fp.run_sweep(CASES / "height_and_width.toml", vary)
    shape = tuple(len(values) for values in vary.values())
    times = found.quantity("passage.across.log10_mean").reshape(shape)
    figure = Figure((WIDTH, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    claims: list[Claim] = []
    for k, alpha in enumerate(INDICES):
        gaussian = alpha == 2.0
        colour = GREY if gaussian else COLOURS[alpha]
        label = "Gaussian" if gaussian else rf"$\alpha = {alpha:g}$"
        mark = "s" if gaussian else "o"
        left.plot(HEIGHTS, times[k, :, 0], mark, color=colour, mfc="none", label=label, **POINT)
        wider = 10 ** (times[k, 2] - times[k, 2, 0])
        right.plot(WIDTHS, wider, mark, color=colour, mfc="none", label=label, **POINT)
        fine = np.linspace(HEIGHTS[0], HEIGHTS[-1], 50)
        left.plot(fine, [_law(alpha, b, 1.0) for b in fine], color=colour, lw=0.8)
        wide = np.geomspace(WIDTHS[0], WIDTHS[-1], 50)
        right.plot(wide, wide**alpha, color=colour, lw=0.8)
        claims += _of_heights(alpha, times[k])
    left.set_xlabel("height of the barrier, in units of $s^2$")
    left.set_ylabel(r"$\log_{10}$ mean time to the other well")
    left.legend(loc="upper left")
    log_axis(right, WIDTHS)
    right.set_yscale("log")
    right.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    right.minorticks_off()
    right.set_xlabel("distance $a$ of minimum and maximum, in units of $s$")
    right.set_ylabel("mean time over that at $a = 1$")
    for n, ax in enumerate((left, right)):
        letter(ax, n)
    return figure, claims


def _law(alpha: float, height: float, width: float) -> float:
    """Decimal logarithm of the time across: one jump, or Kramers' law."""
    if alpha < 2.0:
        return float(np.log10(levy_transition_time(-width, 0.0, alpha, 1.0)))
    # curvatures 8 B/a^2 and -4 B/a^2; to the basin it takes half of the time to the other bottom
    return float(height / log(10.0) + np.log10(np.pi * width**2 / (np.sqrt(32.0) * height)))


def _of_heights(alpha: float, times: np.ndarray) -> list[Claim]:
    rise = line(HEIGHTS, times[:, 0] * log(10.0))[0]
    power = line(np.log(WIDTHS), times[2] * log(10.0))[0]
    last = times[-1, 0] - _law(alpha, HEIGHTS[-1], 1.0)
    if alpha == 2.0:
        b = np.array(HEIGHTS)
        due = line(b, [_law(2.0, h, 1.0) * log(10.0) for h in b])[0]
        return [
            Claim("d ln time / d height, Gaussian", rise, due, 0.02, source="Kramers"),
            Claim("power of the width, Gaussian", power, 2.0, 1e-6, source="scaling"),
            Claim("time over the law, height 30, Gaussian", 10**last, 1.0, 0.02, source="Kramers"),
        ]
    name = f"alpha = {alpha:g}"
    return [
        Claim(f"1 + d ln time / d height, {name}", 1 + rise, 1.0, 0.01, source="one jump"),
        Claim(f"power of the width, {name}", power, alpha, 0.05, source="one jump"),
        Claim(f"time over the law, height 30, {name}", 10**last, 1.0, 0.08, source="G5"),
    ]


def exits() -> tuple[Figure, list[Claim]]:
    """Draw times out of an interval: without drift, and in a parabola under weak noise."""
    figure = Figure((WIDTH, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, _getoor(left) + _weak(right)


def _getoor(ax: Axes) -> list[Claim]:
    flat = fp.landscapes.from_expression("0 * x")
    counts = np.array([256, 512, 1024, 2048, 4096])
    claims = []
    for alpha in (0.5, 1.0, 1.2, 1.5, 1.8):
        due = float(getoor_time(0.31, alpha))
        errors = []
        for n in counts:
            grid = fp.Grid.line(-1.0, 1.0, int(n), walls="absorbing")
            errors.append(abs(fp.levy_exit(fp.Levy(grid, flat, alpha, 1.0), 0.31).mean / due - 1))
        label = rf"$\alpha = {alpha:g}$"
        ax.plot(counts, errors, "o-", color=COLOURS[alpha], mfc="none", lw=0.6, label=label, ms=3.5)
        order = -line(np.log(counts[:-1]), np.log(errors[:-1]))[0]
        claims.append(Claim(f"order, alpha = {alpha:g}", order, 2.0, 0.1, source="G3"))
        text = f"1 + error at 2048 nodes, alpha = {alpha:g}"
        claims.append(Claim(text, 1 + errors[-2], 1.0, 2e-7, source="G3"))
    ax.plot(counts, 0.5 * counts**-2.0, color=GREY, lw=0.8, ls="--", label=r"$\propto n^{-2}$")
    ax.set_yscale("log")
    log_axis(ax, counts)
    ax.set_xlabel("nodes $n$")
    ax.set_ylabel("error of Getoor's time")
    ax.legend(loc="lower left", ncols=2, fontsize=7)
    letter(ax, 0)
    return claims


def _weak(ax: Axes) -> list[Claim]:
    parabola = fp.landscapes.from_expression("x**2 / 2")
    problem = fp.Levy(fp.Grid.line(-1.0, 1.0, 2047), parabola, 1.0, 1.0)
    claims = []
    for alpha, pinned in SMALL_NOISE.items():
        scales = np.geomspace(0.002, 0.3, 12)
        for normalisation, style in (("stable", "o-"), ("bare", "o:")):
            ratios = [_over_law(problem, alpha, s, normalisation) for s in scales]
            known = normalisation == "stable"
            ax.plot(
                scales,
                ratios,
                style,
                color=COLOURS[alpha],
                mfc="none",
                lw=0.8,
                ms=3.5,
                label=rf"$\alpha = {alpha:g}$" if known else None,
            )
        for scale, due in pinned.items():
            ratio = _over_law(problem, alpha, scale, "stable")
            text = f"time over the law, alpha = {alpha:g}, scale {scale:g}"
            claims.append(Claim(text, ratio, due, 5e-4, source="G4"))
        bare = _over_law(problem, alpha, 0.003, "bare") * jump_constant(alpha)
        text = f"time over the law of bare jumps times C, alpha = {alpha:g}, scale 0.003"
        claims.append(Claim(text, bare, pinned[0.003], 5e-4, source="G1, G4"))
    ax.axhline(1.0, color=GREY, lw=0.8)
    ax.set_yscale("log")
    ax.set_yticks([0.5, 1, 2, 3, 4], ["0.5", "1", "2", "3", "4"])
    ax.minorticks_off()
    ax.set_ylim(0.45, 5.5)
    log_axis(ax, (0.003, 0.01, 0.03, 0.1, 0.3))
    ax.set_xlabel("scale $s$ of the noise")
    ax.set_ylabel("time / law of weak noise")
    ax.text(0.0022, 2.05, "dotted: with jumps of measure $|y|^{-1-\\alpha}$", fontsize=7)
    ax.legend(loc="lower left", ncols=3, fontsize=7)
    letter(ax, 1)
    return claims


def _over_law(problem: fp.Levy, alpha: float, scale: float, normalisation: str) -> float:
    exact = fp.levy_exit(replace(problem, alpha=alpha, scale=scale), 0.0, (-1.0, 1.0)).mean
    return exact / levy_exit_time(alpha, scale, 1.0, 1.0, normalisation=normalisation).value


def densities() -> tuple[Figure, list[Claim]]:
    """Stationary densities: two peaks over one well, and tails that are powers."""
    figure = Figure((WIDTH, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    claims: list[Claim] = []
    single = fp.landscapes.from_expression("x**4 / 4")
    double = fp.landscapes.from_expression("x**4 / 4 - x**2 / 2")
    grid = fp.Grid.line(-20.0, 20.0, 8192)
    shown = np.abs(grid.points()[:, 0]) < 3.0
    laws = (
        (single, cauchy_quartic, 1.0, "$x^4/4$, $s = 1$", WELLS[0]),
        (double, cauchy_double_well, 1.0, "$x^4/4 - x^2/2$, $s = 1$", WELLS[1]),
        (double, cauchy_double_well, 0.25, "$x^4/4 - x^2/2$, $s = 1/4$", WELLS[2]),
    )
    for loss, law, scale, label, colour in laws:
        found = fp.levy_stationary(fp.Levy(grid, loss, 1.0, scale))
        x = found.x
        left.plot(x[shown], found.density[shown], color=colour, label=label)
        few = np.linspace(-2.9, 2.9, 30)
        left.plot(few, law(few, scale), "o", color=colour, mfc="none", ms=3)
        gap = float(np.abs(found.density - law(x, scale)).sum() * (x[1] - x[0]))
        claims.append(Claim(f"1 + L1 error, {label}", 1 + gap, 1.0, 1e-4, source="G7"))
    left.set_xlabel("$x$")
    left.set_ylabel("stationary density, $\\alpha = 1$")
    left.set_ylim(0.0, 1.9)
    left.legend(loc="upper center", fontsize=7)
    wide = fp.Grid.line(-100.0, 100.0, 32768)
    for alpha in (0.8, 1.2, 1.5, 1.8):
        found = fp.levy_stationary(fp.Levy(wide, double, alpha, 1.0))
        far = (found.x > 0.3) & (found.x < 60.0)
        right.plot(
            found.x[far], found.density[far], color=COLOURS[alpha], label=rf"$\alpha = {alpha:g}$"
        )
        tail = np.geomspace(4.0, 60.0, 20)
        due = jump_constant(alpha) / alpha * tail ** -(alpha + 3.0)
        right.plot(tail, due, "--", color=COLOURS[alpha], lw=0.7)
        part = (found.x > 15.0) & (found.x < 40.0)
        power = line(np.log(found.x[part]), np.log(found.density[part]))[0]
        claims.append(
            Claim(f"power of the tail, alpha = {alpha:g}", power, -(alpha + 3), 0.01, source="G7")
        )
    gaussian = np.geomspace(0.3, 3.5, 200)
    boltzmann = np.exp(-(gaussian**4) / 4 + gaussian**2 / 2)
    z = np.trapezoid(np.exp(-(found.x**4) / 4 + found.x**2 / 2), found.x)
    right.plot(gaussian, boltzmann / z, color=GREY, label="Gaussian")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_ylim(1e-10, 2.0)
    right.set_xlabel("$x$")
    right.set_ylabel("stationary density, $s = 1$")
    right.legend(loc="lower left", fontsize=7)
    for n, ax in enumerate((left, right)):
        letter(ax, n)
    return figure, claims


def landing() -> tuple[Figure, list[Claim]]:
    """Where jumps out of an interval land, beside the exact law of Blumenthal, Getoor and Ray."""
    figure = Figure((WIDTH, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    flat = fp.landscapes.from_expression("0 * x")
    parabola = fp.landscapes.from_expression("2 * x**2")
    grid = fp.Grid.line(-1.0, 1.0, 4096, walls="absorbing")
    claims = []
    for alpha in (0.5, 1.0, 1.5, 1.8):
        colour, text = COLOURS[alpha], rf"$\alpha = {alpha:g}$"
        side = _right(fp.levy_landing(fp.Levy(grid, flat, alpha, 1.0), 0.3))
        due = levy_landing_density(side.points, alpha, start=0.3)
        far = side.points - 1.0
        left.plot(far[::2], side.density[::2], "o", color=colour, mfc="none", ms=3)
        left.plot(far, due, color=colour, lw=0.8, label=text)
        gap = float(np.abs(side.density / due - 1).max())
        about = f"1 + largest error of the landing density, alpha = {alpha:g}"
        claims.append(Claim(about, 1 + gap, 1.0, 1e-3, source="Blumenthal-Getoor-Ray"))
        side = _right(fp.levy_landing(fp.Levy(grid, parabola, alpha, 0.05), 0.0))
        right.plot(far, side.density, color=colour, label=text)
        one = 0.5 * alpha * side.points ** (-1.0 - alpha)
        right.plot(far, one, "--", color=colour, lw=0.7)
        middle = float(np.interp(1.0, far, side.density / one))
        about = f"landing density at 2 over that of one jump, alpha = {alpha:g}"
        claims.append(Claim(about, middle, 1.0, 0.05, source="one jump"))
    for n, ax in enumerate((left, right)):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("distance beyond the edge at 1")
        letter(ax, n)
    left.set_ylabel("density of the landing point")
    left.legend(loc="lower left", fontsize=7)
    return figure, claims


def _right(found: LevyLanding) -> LandingSide:
    return next(side for side in found.sides if side.name == "right wall")


def pooled_indices() -> tuple[Figure, list[Claim]]:
    """Show what the pooled estimate reads on Gaussian coordinates of unequal scales."""
    figure = Figure((0.55 * WIDTH, 2.8), layout="constrained")
    ax = figure.subplots()
    rng = np.random.default_rng(8)
    spreads, block = np.linspace(0.0, 2.0, 9), 100
    pooled, alone, claims = [], [], []
    for spread in spreads:
        scales = np.exp(spread * rng.standard_normal(10_000))
        x = scales * rng.standard_normal((100, 10_000))
        pooled.append(block_estimate(pooled_order(x), block))
        alone.append(block_estimate(x, 10))
    for spread, due in ((0.5, 1.8071), (1.0, 1.4194), (2.0, 0.8612)):
        one = pooled[int(np.argmin(np.abs(spreads - spread)))]
        text = f"pooled index, log-sd {spread:g}"
        claims.append(Claim(text, one.alpha, due, 0.0, one.spread_error, "G8, quadrature"))
    ax.plot(spreads, [e.alpha for e in pooled], "o", color=WELLS[0], mfc="none", label="pooled")
    ax.plot(spreads, [e.alpha for e in alone], "s", color=WELLS[1], mfc="none", label="each alone")
    fine = np.linspace(0.0, 2.0, 60)
    first = 1.0 / (0.5 + fine**2 / log(block))
    ax.plot(fine, first, "--", color=GREY, lw=0.8, label=r"$1/(1/2 + \sigma^2/\ln K_1)$")
    ax.axhline(2.0, color=GREY, lw=0.8)
    ax.set_xlabel(r"log-sd $\sigma$ of the scales of Gaussian coordinates")
    ax.set_ylabel("estimated index")
    ax.set_ylim(0.5, 2.2)
    ax.legend(loc="lower left")
    return figure, claims


FIGURES: dict[str, Callable[[], tuple[Figure, list[Claim]]]] = {
    "height_and_width": height_and_width,
    "exits": exits,
    "densities": densities,
    "landing": landing,
    "pooled_indices": pooled_indices,
}
