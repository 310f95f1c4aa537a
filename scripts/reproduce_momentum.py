"""Figures of momentum: escape at any friction, phase space, steps, anomalous diffusion."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reproduce_axes import POINT
from reproduce_claims import Claim, line

import fokkerplanck as fp
from fokkerplanck.plot.style import WELLS, WIDTH, density_map, letter
from fokkerplanck.theory import AnomalousDiffusion, LimitingDynamics, inertial_wells
from fokkerplanck.theory.gaussian import gaussian_cells
from fokkerplanck.theory.klein_kramers import LAWS

__all__ = ["FIGURES"]

#: lambda_1 of the quartic well, spectral, by temperature and friction (theory D5)
PINNED = {
    (0.05, 10.0): 2.7537195119e-04,
    (0.05, 1.0): 1.785350197622e-03,
    (0.05, 0.3): 2.2538278e-03,
    (0.05, 0.1): 1.49194e-03,
    (0.025, 1.0): 1.231625e-05,
}
#: the setting of theory E5: eta, beta, B and h
ETA, BETA, BATCH, H = 0.1, 0.9, 32, 2.0
STYLES = {
    "melnikov-meshkov": {"color": "0.25", "lw": 1.1},
    "kramers-grote-hynes": {"color": "0.55", "lw": 0.9, "ls": "--"},
    "energy-diffusion": {"color": "0.55", "lw": 0.9, "ls": ":"},
    "overdamped": {"color": "0.55", "lw": 0.9, "ls": "-."},
}
NAMES = {
    "melnikov-meshkov": "Mel'nikov–Meshkov",
    "kramers-grote-hynes": "Kramers–Grote–Hynes",
    "energy-diffusion": "energy diffusion",
    "overdamped": "overdamped",
}


def turnover() -> tuple[Figure, list[Claim]]:
    """Rates out of a quartic well over five decades of friction, beside all laws."""
    figure = Figure((WIDTH, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    claims: list[Claim] = []
    landscape, fine = fp.landscapes.quartic(), np.geomspace(6e-4, 2e2, 120)
    for colour, (temperature, cells) in zip(WELLS, ((0.05, 200), (0.025, 300)), strict=False):
        grid = fp.Grid.line(-2.2, 2.2, cells)
        wells = {g: inertial_wells(landscape, grid, g, temperature) for g in fine}
        laws = {n: np.exp([w.rate(0, 1, n).log_rate for w in wells.values()]) for n in LAWS}
        for name, style in STYLES.items():
            shown = laws[name] < 1.3 * laws["transition-state"]
            label = NAMES[name] if temperature == 0.05 else None
            left.plot(fine[shown], laws[name][shown], label=label, **style)
        problem = fp.Underdamped(grid, landscape, 1.0, temperature)
        curve = fp.rate_against_friction(problem, np.geomspace(1e-3, 1e2, 16))
        known = np.isfinite(curve.errors)
        g, k = curve.frictions[known], curve.rates[known, 0]
        text = f"solved, barrier {0.25 / temperature:g} $T$"
        left.plot(g, k, "o", color=colour, mfc="none", label=text, **POINT)
        due = np.exp(
            [inertial_wells(landscape, grid, f, temperature).rate(0, 1).log_rate for f in g]
        )
        right.errorbar(
            g, k / due, curve.errors[known] * k / due, fmt="o", color=colour, mfc="none", **POINT
        )
        claims += _of_turnover(problem, curve, temperature)
    right.axhline(1.0, color="0.25", lw=1.1)
    left.set_yscale("log")
    left.set_ylabel(r"rate $k$ out of a well")
    left.set_ylim(2e-10, 4e-3)  # room for names
    left.legend(loc="lower center", fontsize=7, ncols=2)
    right.set_ylabel("solved / Mel'nikov–Meshkov")
    for n, ax in enumerate((left, right)):
        ax.set_xscale("log")
        ax.set_xlabel(r"friction $\gamma$")
        letter(ax, n)
    return figure, claims


def _of_turnover(
    problem: fp.Underdamped, curve: fp.FrictionCurve, temperature: float
) -> list[Claim]:
    claims = []
    pinned = [(g, value) for (t, g), value in PINNED.items() if t == temperature]
    found = fp.rate_against_friction(problem, [g for g, _ in pinned], tolerance=1e-4)
    for (g, value), measured in zip(pinned, found.eigenvalues, strict=True):
        text = f"lambda_1, T = {temperature:g}, friction {g:g}"
        claims.append(Claim(text, measured, value, 5e-5 if g >= 1 else 1e-3, source="D5"))
    f, k = curve.frictions, curve.rates[:, 0]
    law = [
        inertial_wells(problem.landscape, problem.grid, g, temperature).rate(0, 1).log_rate
        for g in f
    ]
    for name, part in (("weak", slice(0, 4)), ("strong", slice(-4, None))):
        text = f"power of friction, {name}, T = {temperature:g}"
        measured = line(np.log(f[part]), np.log(k[part]))[0]
        due = line(np.log(f[part]), np.array(law)[part])[0]
        claims.append(Claim(text, measured, due, 0.02, source="Mel'nikov–Meshkov"))
    return claims


def phase_space() -> tuple[Figure, list[Claim]]:
    """Density of SGD with momentum over one oscillation, and its exact law."""
    figure = Figure((WIDTH, 2.6), layout="constrained")
    sgd = fp.SGD(ETA, BATCH, momentum=BETA)
    law = LimitingDynamics([H], ETA, BETA, BATCH)
    grid, v = fp.Grid.line(-2.2, 2.2, 256), fp.Axis(-6.0, 6.0, 256, name="v")
    landscape = fp.landscapes.from_expression("h * x**2 / 2", parameters={"h": H})
    problem = fp.Underdamped.momentum(grid, landscape, sgd, H, velocity=v)
    mean, spread = [1.0, 0.0], np.array([[0.02, 0.0], [0.0, 0.4]])
    start = fp.phase_gaussian(problem, mean, covariance=spread)
    period = 2 * np.pi / float(law.frequencies[0])
    times = period * np.array([0.25, 0.5, 0.75, 1.0])
    found = fp.kinetic_evolve(problem, start, times)
    claims, process = [], law.process
    axes = figure.subplots(1, 4, sharey=True)
    for ax, p, t in zip(axes, found.density, times, strict=True):
        exact = gaussian_cells(
            problem.phase_grid, process.mean(t, mean), process.covariance(t, spread)
        )
        error = float(np.abs(p - exact).sum() * problem.phase_grid.volume)
        claims.append(
            Claim(f"1 + L1 error, t = {t / period:g} periods", 1 + error, 1.0, 2e-3, source="E5")
        )
        _panel(ax, problem, p, law, mean, t)
        ax.set_title(f"$t = {t / period:g}\\,\\tau$")
    path = law.mean(times, [1.0])[0][:, 0]
    for t, m, due in zip(times, found.means[:, 0], path, strict=True):
        text = f"mean position, t = {t / period:g} periods"
        claims.append(Claim(text, m, due, 1e-3, source="E5"))
    claims.append(Claim("mass", 1 + found.mass_error, 1.0, 1e-12, source="-"))
    still = fp.kinetic_stationary(problem)
    turning = _stationary_current(problem, law)
    gap = float(np.abs(still.current - turning).sum() / np.abs(turning).sum())
    claims.append(Claim("1 + L1 error of the stationary current", 1 + gap, 1.0, 1e-2, source="E4"))
    axes[0].set_ylabel("$v$")
    for n, ax in enumerate(axes):
        letter(ax, n)
        ax.set_xlabel(r"$\theta$")
    return figure, claims


def _panel(
    ax: Axes,
    problem: fp.Underdamped,
    density: np.ndarray,
    law: LimitingDynamics,
    mean: list[float],
    time: float,
) -> None:
    x, v = problem.phase_grid.axes
    box = (x.min, x.max, v.min, v.max)
    ax.imshow(density.T, origin="lower", extent=box, aspect="auto", cmap=density_map())
    way = law.mean(np.linspace(0, time, 100), mean[:1], mean[1:])
    ax.plot(way[0][:, 0], way[1][:, 0], color="w", lw=0.8)
    ax.set_xlim(-1.6, 1.6)
    ax.set_ylim(-5.5, 5.5)


def _stationary_current(problem: fp.Underdamped, law: LimitingDynamics) -> np.ndarray:
    """``J = (v, -w^2 theta) p`` at cell centres."""
    points = problem.phase_grid.points()
    p = gaussian_cells(problem.phase_grid, np.zeros(2), law.covariance)
    velocity = np.stack([points[..., 1], -law.stiffness[0] * points[..., 0]], axis=-1)
    return np.asarray(velocity * p[..., None])


def steps() -> tuple[Figure, list[Claim]]:
    """Variances of SGD with momentum against the learning rate: walkers, steps and their limit."""
    figure = Figure((WIDTH, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    claims, rates = [], np.array([0.05, 0.1, 0.2, 0.4, 0.8])
    fine = np.linspace(0.01, 0.85, 80)
    for colour, beta in zip(WELLS, (0.0, 0.9), strict=False):
        measured = np.array([_walkers(eta, beta) for eta in rates])
        exact = [LimitingDynamics([H], eta, beta, BATCH).steps.stationary for eta in fine]
        limit = [LimitingDynamics([H], eta, beta, BATCH) for eta in fine]
        pairs = (
            (left, 0, [m.position[0, 0] for m in exact], [m.position_variances[0] for m in limit]),
            (right, 2, [m.velocity[0, 0] for m in exact], [m.velocity_variances[0] for m in limit]),
        )
        for ax, column, discrete, continuous in pairs:
            unit = fine if ax is left else 1.0
            ax.plot(
                fine,
                np.array(discrete) / unit,
                color=colour,
                lw=0.9,
                label=rf"steps, $\beta = {beta:g}$",
            )
            ax.plot(
                fine,
                np.array(continuous) / unit,
                color=colour,
                lw=0.9,
                ls="--",
                label="continuous limit",
            )
            scale = rates if ax is left else 1.0
            values, errors = measured[:, column] / scale, measured[:, column + 1] / scale
            ax.errorbar(rates, values, 3 * errors, fmt="o", color=colour, mfc="none", **POINT)
        for eta, row in zip(rates, measured, strict=True):
            if eta in (0.1, 0.8):
                due = LimitingDynamics([H], eta, beta, BATCH).steps.stationary
                text = f"variance of theta, eta = {eta:g}, beta = {beta:g}"
                claims.append(Claim(text, row[0], due.position[0, 0], 0.0, row[1], "E6"))
                text = f"variance of v, eta = {eta:g}, beta = {beta:g}"
                claims.append(Claim(text, row[2], due.velocity[0, 0], 0.0, row[3], "E6"))
    pinned = LimitingDynamics([H], ETA, BETA, BATCH)
    for name, value, due in (
        ("variance of theta, steps", pinned.steps.stationary.position[0, 0], 0.0164930555555556),
        ("variance of theta, limit", pinned.position_variances[0], 0.015625),
        ("their ratio", float(pinned.bias[0]), 0.947368421052632),
    ):
        claims.append(Claim(name, float(value), due, 1e-12, source="E4, E6"))
    left.set_ylabel(r"$\mathrm{var}\,\theta\,/\,\eta$")
    right.set_ylabel(r"$\mathrm{var}\,v$")
    right.set_yscale("log")
    left.set_yscale("log")
    left.legend(loc="center left", fontsize=7)
    for n, ax in enumerate((left, right)):
        ax.set_xlabel(r"learning rate $\eta$, curvature 2")
        letter(ax, n)
    return figure, claims


def _walkers(eta: float, beta: float, walkers: int = 40_000) -> tuple[float, float, float, float]:
    """Variances of position and velocity with their standard errors, additive noise."""
    noise = np.array([[H / BATCH]])
    runs = fp.RegressionSGD.additive([[H]], noise, eta, beta)
    settled = int(20 / min(1 - beta, eta * H / (1 - beta), 1.0)) + 50
    (snapshot,) = runs.sample(walkers, [settled], 0)
    _, _, c, error = snapshot.moments
    return c[0, 0], error[0, 0], c[1, 1], error[1, 1]


def anomalous() -> tuple[Figure, list[Claim]]:
    """Squared distances travelled for power-law spectra: powers of time."""
    figure = Figure((WIDTH, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    claims, times = [], np.geomspace(1e-1, 1e6, 71)
    for colour, (a, slope) in zip(
        WELLS, ((1.3, 0.3138), (1.5, 0.5024), (1.8, 0.8001)), strict=False
    ):
        law = AnomalousDiffusion.from_density(a, inertia=False)
        left.plot(times, law.displacements(times), color=colour, label=f"$a = {a:g}$")
        right.plot(times, law.exponents(times), color=colour)
        right.axhline(a - 1, color=colour, lw=0.7, ls=":")
        first, second = np.log(law.displacements([1e4, 2e4]))
        measured = float(second - first) / log(2)
        claims.append(
            Claim(f"slope at t = 1e4 to 2e4, a = {a:g}", measured, slope, 5e-4, source="E8")
        )
        late = float(law.exponents([1e8])[0])
        claims.append(Claim(f"slope at t = 1e8, a = {a:g}", late, a - 1, 0.01, source="I.28"))
    inert = AnomalousDiffusion.from_density(1.5, learning_rate=ETA, momentum=BETA)
    left.plot(
        times, inert.displacements(times), color="0.35", lw=0.9, ls="--", label="with momentum"
    )
    right.plot(times, inert.exponents(times), color="0.35", lw=0.9, ls="--")
    early = float(inert.exponents([1e-3])[0])
    claims.append(Claim("slope before 1 / (2 g), with momentum", early, 2.0, 1e-2, source="E8"))
    left.set_yscale("log")
    left.set_ylabel("mean squared distance")
    left.legend(loc="lower right")
    right.set_ylabel("its local power of $t$")
    for n, ax in enumerate((left, right)):
        ax.set_xscale("log")
        ax.set_xlabel("time $t$")
        letter(ax, n)
    return figure, claims


FIGURES: dict[str, Callable[[], tuple[Figure, list[Claim]]]] = {
    "turnover": turnover,
    "phase_space": phase_space,
    "steps": steps,
    "anomalous": anomalous,
}
