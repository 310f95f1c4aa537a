"""Figures of density diffusion theory: how SGD leaves minima, and where the theory holds."""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi, sqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reproduce_axes import POINT, log_axis
from reproduce_claims import Claim, line

import fokkerplanck as fp
from fokkerplanck.landscapes import Landscape
from fokkerplanck.plot.style import WELLS, WIDTH, letter
from fokkerplanck.theory.density_diffusion import (
    FrozenEscape,
    floor_slope,
    inflection,
    loss_noise_log_time,
    switch_fraction,
    white_flatness_ratio,
)

__all__ = ["FIGURES"]

KAPPA = {"ito": 1.0, "stratonovich": 0.5, "hanggi-klimontovich": 0.0}
NAMES = {"ito": "Itô", "stratonovich": "Stratonovich", "hanggi-klimontovich": "Hänggi–Kl."}
MARKS = dict(zip(KAPPA, "os^", strict=True))
#: climb of the quartic well: s = 4/9 up to the inflection at H = 2, the rest at |H| = 1
QUARTIC_CLIMB = 7 / 36


def _log_rate(landscape: Landscape, noise: fp.noise.Noise, grid: fp.Grid, well: int = 0) -> float:
    """Logarithm of the rate at which a well is left for any other."""
    found = fp.rate_matrix(fp.Problem(grid, landscape, noise))
    return float(np.logaddexp.reduce(found.log10_rates[well] * log(10)))


def _quartic(k: float) -> tuple[Landscape, fp.Grid]:
    landscape = fp.landscapes.scaled(fp.landscapes.quartic(), length=k**-0.5)
    reach = 2.4 / sqrt(k)
    return landscape, fp.Grid.line(-reach, reach, 512)


def _families() -> dict[str, list[tuple[float, float, float]]]:
    """(k, eta, B) of the three families: one of them varies, the others stay."""
    return {
        "Hessian scale $k$": [(k, 0.02, 1.0) for k in np.linspace(0.6, 2.0, 8)],
        "batch size $B$": [(1.0, 0.04, float(b)) for b in range(1, 8)],
        "learning rate $\\eta$": [(1.0, eta, 4.0) for eta in 1 / np.linspace(7, 40, 8)],
    }


def three_families() -> tuple[Figure, list[Claim]]:
    """-ln(rate) + ln k against 1/(k eta/B): one line for SGD; a power of k for white noise."""
    figure = Figure((WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    claims, everything = [], []
    for colour, (name, points) in zip(WELLS, _families().items(), strict=False):
        x = [b / (k * eta) for k, eta, b in points]
        y = []
        for k, eta, b in points:
            landscape, grid = _quartic(k)
            y.append(log(k) - _log_rate(landscape, fp.noise.hessian(eta, b), grid))
        everything += list(zip(x, y, strict=True))
        left.plot(x, y, MARKS["ito"], color=colour, mfc="none", label=name, **POINT)
        slope = line(x, y)[0]
        claims.append(
            Claim(f"slope, {name}", slope, 2 * QUARTIC_CLIMB, 0.01, source="2 Phi_ab eb = 7/18")
        )
    x, y = np.array(sorted(everything)).T
    slope, intercept = line(x, y)
    left.plot(x, slope * x + intercept, color="0.35", lw=0.8, zorder=0)
    spread = float(np.ptp(y - slope * x - intercept))
    claims.append(Claim("slope, all", slope, 2 * QUARTIC_CLIMB, 0.01, source="2 Phi_ab eb"))
    claims.append(Claim("1 + spread about one line", 1 + spread, 1.0, 0.1, source="C6"))
    left.set_xlabel(r"$B / (k\,\eta)$")
    left.set_ylabel(r"$-\ln\gamma + \ln k$")
    left.legend(loc="upper left", title="SGD, $D = \\eta |H| / 2B$ frozen, Itô")
    claims += _power_law(right)
    for k, ax in enumerate((left, right)):
        letter(ax, k)
    return figure, claims


def _power_law(ax: Axes) -> list[Claim]:
    scales = np.geomspace(0.25, 8.0, 9)
    claims = []
    for colour, temperature in zip(WELLS, (0.05, 0.025), strict=False):
        rates = []
        for k in scales:
            landscape, grid = _quartic(float(k))
            rates.append(_log_rate(landscape, fp.noise.white(temperature), grid))
        label = f"white noise, $D = {temperature:g}$"
        ax.plot(scales, np.array(rates) - rates[3], "o", color=colour, label=label, **POINT)
        slope = line(np.log(scales), rates)[0]
        claims.append(Claim(f"power of k, D = {temperature:g}", slope, 1.0, 1e-8, source="C6"))
    eb = 0.025
    rates = []
    for k in scales[2:]:
        landscape, grid = _quartic(float(k))
        rates.append(_log_rate(landscape, fp.noise.hessian(2 * eb, 1), grid))
    ax.plot(scales[2:], np.array(rates) - rates[1], "s", color="k", mfc="none", **POINT)
    ax.plot([], [], "ks", mfc="none", label="SGD, $\\eta/2B = 0.025$", **POINT)
    ax.plot(
        scales, np.log(scales / scales[3]), color="0.35", lw=0.8, zorder=0, label=r"$\propto k$"
    )
    log_axis(ax, (0.25, 0.5, 1, 2, 4, 8))
    ax.set_xlabel("Hessian scale $k$")
    ax.set_ylabel(r"$\ln \gamma(k) - \ln \gamma(k_0)$")
    ax.legend(loc="upper left")
    return claims


def readings() -> tuple[Figure, list[Claim]]:
    """Time over the published law against the climb: the prefactor depends on the reading."""
    figure = Figure((WIDTH, 2.7), layout="constrained")
    claims = []
    cases = (("Quartic well", _smooth), ("Matched parabolas", _parabolas))
    for k, (ax, (name, case)) in enumerate(zip(figure.subplots(1, 2), cases, strict=True)):
        for colour, reading in zip(WELLS, KAPPA, strict=False):
            strengths = np.array([0.05, 0.025, 0.0125, 0.00625, 0.003125])
            found = [case(float(eb), reading) for eb in strengths]
            climbs = np.array([law.climb for _, law in found])
            ratios = np.array([np.exp(time - law.log_published) for time, law in found])
            ax.plot(climbs, ratios, MARKS[reading], color=colour, label=NAMES[reading], **POINT)
            due = np.exp(found[-1][1].log_time(KAPPA[reading]) - found[-1][1].log_published)
            ax.axhline(due, color=colour, lw=0.8)
            limit = 2 * ratios[-1] - ratios[-2]  # corrections are of first order in eb
            about = f"{name}: time / published law, {NAMES[reading]}, eb to 0"
            claims.append(Claim(about, limit, due, 0.01, source="C7"))
        log_axis(ax, (5, 10, 20, 50, 100))
        ax.set_xlabel(r"climb $\Phi_{ab}$")
        ax.set_ylim(0.0, 1.2)
        ax.set_title(name)
        letter(ax, k)
    figure.axes[0].set_ylabel(r"$\tau \,/\, (2\pi |H_b|^{-1} e^{\Phi_{ab}})$")
    figure.axes[0].legend(loc="lower right", ncols=3, columnspacing=0.8, handletextpad=0.1)
    return figure, claims


def _smooth(eb: float, reading: str) -> tuple[float, FrozenEscape]:
    """Find the logarithm of the time between the minima of the quartic well, and its law."""
    landscape, grid = _quartic(1.0)
    c = inflection(lambda x: 3 * x * x - 1, -1.0, 0.0)
    s = switch_fraction(0.0, (c * c - 1) ** 2 / 4, 0.25)
    law = FrozenEscape(well=2.0, top=-1.0, barrier=0.25, eb=eb, switch=s)
    return -_log_rate(landscape, fp.noise.hessian(2 * eb, 1, reading=reading), grid), law


def _parabolas(eb: float, reading: str) -> tuple[float, FrozenEscape]:
    """Find the logarithm of the time out of the sharp of two parabolas, and its law."""
    return _sharp_well(4.0, eb / 2, reading)


def _sharp_well(
    curvature: float, eb: float, reading: str = "ito", barrier: float = 0.25
) -> tuple[float, FrozenEscape]:
    """Leave a parabola of some curvature for another of curvature 1, over a top of -1."""
    landscape = fp.landscapes.piecewise_quadratic(
        1, curvature=(curvature, 1.0), saddle_curvature=1.0, barrier=(barrier, barrier)
    )
    law = FrozenEscape(well=curvature, top=-1.0, barrier=barrier, eb=eb, switch=1 / (1 + curvature))
    noise = fp.noise.hessian(2 * eb, 1, reading=reading)
    return -_log_rate(landscape, noise, _parabola_grid(landscape)), law


def _parabola_grid(landscape: Landscape) -> fp.Grid:
    low, high = landscape.minima  # type: ignore[attr-defined]
    return fp.Grid.line(2.6 * low, 2.6 * high, 512)


def sharpness() -> tuple[Figure, list[Claim]]:
    """Dwell time against the sharpness of a well, SGD and white noise, barrier and top fixed.

    Hollow points: a leg of the climb is below 3, so that the law of two temperatures is not meant
    to hold.
    """
    figure = Figure((WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    curvatures = np.geomspace(0.5, 8.0, 11)
    claims = []
    for colour, eb in zip(WELLS, (0.02, 0.01, 0.005), strict=False):
        found = [_sharp_well(float(h), eb, barrier=1.0) for h in curvatures]
        y = np.array([time for time, _ in found])
        law = np.array([theory.log_time(1.0) for _, theory in found])
        holds = np.array([min(_legs(theory)) >= 3 for _, theory in found])
        left.plot(1 / curvatures[holds], y[holds], "o", color=colour, **POINT)
        left.plot(1 / curvatures[~holds], y[~holds], "o", color=colour, mfc="none", **POINT)
        left.plot(1 / curvatures, law, color=colour, lw=0.8, label=rf"$\eta/2B = {eb:g}$")
        ratio = np.exp(y - law)[holds]
        worst = float(ratio[np.abs(ratio - 1).argmax()])
        about = f"time / law where both legs are above 3, worst, eb = {eb:g}"
        claims.append(Claim(about, worst, 1.0, 0.05, source="C7, s from the landscape"))
    left.set_xlabel("$1/H_a$")
    left.set_ylabel(r"$\ln\tau$")
    left.legend(loc="upper left", title="SGD, frozen, Itô")
    for colour, temperature in zip(WELLS, (0.05, 0.025, 0.0125), strict=False):
        times = np.array([_white_well(float(h), temperature) for h in curvatures])
        right.plot(
            curvatures, times - times[2], "o", color=colour, label=f"$D = {temperature:g}$", **POINT
        )
    slope = line(np.log(curvatures), times)[0]
    claims.append(Claim("power of H_a, white noise, D = 0.0125", slope, -0.5, 0.01, source="C4"))
    due = [log(white_flatness_ratio(float(h), float(curvatures[2]))) for h in curvatures]
    right.plot(curvatures, due, color="0.35", lw=0.8, zorder=0, label=r"$\propto H_a^{-1/2}$")
    log_axis(right, (0.5, 1, 2, 4, 8))
    right.set_xlabel("$H_a$")
    right.set_ylabel(r"$\ln\tau(H_a) - \ln\tau(H_0)$")
    right.legend(loc="upper right", title="white noise")
    for k, ax in enumerate((left, right)):
        letter(ax, k)
    return figure, claims


def _legs(law: FrozenEscape) -> tuple[float, float]:
    """Climb made at the noise of the well, and the rest."""
    first = law.barrier * law.switch / (law.well * law.eb)
    return first, law.climb - first


def _white_well(curvature: float, temperature: float) -> float:
    landscape = fp.landscapes.piecewise_quadratic(
        1, curvature=(curvature, 1.0), saddle_curvature=1.0, barrier=(0.25, 0.25)
    )
    return -_log_rate(landscape, fp.noise.white(temperature), _parabola_grid(landscape))


def literal_hessian() -> tuple[Figure, list[Claim]]:
    """Time against the floor of D = eb sqrt(H^2 + floor^2): no limit where the floor goes to 0."""
    figure = Figure((3.4, 2.7), layout="constrained")
    ax = figure.subplots()
    landscape, grid = _quartic(1.0)
    floors = np.geomspace(1.0, 0.003, 14)
    claims = []
    slope = floor_slope(2 / (3 * sqrt(3.0)), -6 / sqrt(3.0))
    for colour, eb in zip(WELLS, (0.05, 0.025), strict=False):
        y = [
            -_log_rate(landscape, fp.noise.hessian(2 * eb, 1, model="absolute", floor=f), grid)
            for f in floors
        ]
        ax.plot(1 / floors, y, "o", color=colour, label=rf"$\eta/2B = {eb:g}$", **POINT)
        small = floors <= 0.1
        measured, start = line(np.log(1 / floors[small]), np.array(y)[small])
        ax.plot(1 / floors, start + measured * np.log(1 / floors), color=colour, lw=0.8, zorder=0)
        claims.append(
            Claim(
                f"d ln time / d ln(1/floor), eb = {eb:g}", measured, slope / eb, 5e-3, source="C9"
            )
        )
    log_axis(ax, (1, 10, 100))
    ax.set_xlabel(r"$1/\epsilon$")
    ax.set_ylabel(r"$\ln\tau$")
    ax.legend(loc="upper left", title=r"$D = \frac{\eta}{2B}\sqrt{H^2 + \epsilon^2}$, Itô")
    return figure, claims


def loss_noise() -> tuple[Figure, list[Claim]]:
    """Time against 1/c under D = c L: a power of the losses at saddle and minimum."""
    figure = Figure((3.4, 2.7), layout="constrained")
    ax = figure.subplots()
    low, high = 0.05, 0.3
    landscape = fp.landscapes.from_expression(f"(x**2 - 1)**2 / 4 + {low}", 1)
    grid = fp.Grid.line(-2.4, 2.4, 512)
    strengths = 1 / np.linspace(4, 40, 10)
    claims = []
    for colour, (reading, kappa) in zip(WELLS, KAPPA.items(), strict=False):
        y = []
        for c in strengths:
            noise = fp.noise.tensor(f"{float(c)!r} * ((x**2 - 1)**2 / 4 + {low})", reading=reading)
            y.append(-_log_rate(landscape, noise, grid))
        law = [loss_noise_log_time((2.0, -1.0), (low, high), float(c), kappa) for c in strengths]
        ax.plot(1 / strengths, y, MARKS[reading], color=colour, label=NAMES[reading], **POINT)
        ax.plot(1 / strengths, law, color=colour, lw=0.8)
        about = f"d ln time / d (1/c), {NAMES[reading]}"
        slope = line(1 / strengths[-4:], y[-4:])[0]
        claims.append(Claim(about, slope, log(high / low), 1e-3, source="C11: ln(L_b / L_a)"))
        ratio = 2 * np.exp(y[-1] - law[-1]) - np.exp(y[4] - law[4])  # 1/c: 40 and 20
        claims.append(
            Claim(f"time / law, {NAMES[reading]}, c to 0", ratio, 1.0, 5e-3, source="C11")
        )
    ax.set_xlabel("$1/c = B/(\\eta H^*)$")
    ax.set_ylabel(r"$\ln\tau$")
    ax.legend(loc="upper left", title="$D = c\\,L$, $L_a = 0.05$, $L_b = 0.3$")
    return figure, claims


#: minima, saddle between them, and curvatures of Styblinski and Tang's loss of one coordinate
ST_LEFT, ST_RIGHT, ST_SADDLE = -2.90353402777118, 2.74680277099084, 0.15673125678034
ST_CURVATURES = (29.2695527763376, -15.8526118788883)


def styblinski_tang() -> tuple[Figure, list[Claim]]:
    """Styblinski and Tang's loss in the plane: escape from the shallow corner, SGD and white."""
    figure = Figure((WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    loss = fp.landscapes.styblinski_tang(1).loss
    values = {n: float(loss(np.array([x]))) for n, x in
              {"a": ST_RIGHT, "b": ST_SADDLE, "c": sqrt(8 / 3)}.items()}  # fmt: skip
    barrier, s = values["b"] - values["a"], switch_fraction(*(values[n] for n in "acb"))
    claims = []
    strengths = 1 / np.linspace(8, 20, 7)
    y = [_corner(fp.noise.hessian(2 * float(eb), 1)) for eb in strengths]
    line_y = [_edge(fp.noise.hessian(2 * float(eb), 1)) for eb in strengths]
    well, top = ST_CURVATURES
    laws = [FrozenEscape(well, top, barrier, float(eb), s) for eb in strengths]
    left.plot(1 / strengths, y, "o", color=WELLS[0], label="two coordinates", **POINT)
    left.plot(1 / strengths, line_y, "s", color=WELLS[1], mfc="none", label="one", **POINT)
    left.plot(1 / strengths, [law.log_time(1.0) - log(2) for law in laws], color="0.35", lw=0.8)
    left.set_xlabel(r"$2B/\eta$")
    left.set_ylabel(r"$\ln\tau$")
    left.legend(loc="upper left", title="SGD, frozen, Itô")
    slope = line(1 / strengths, y)[0]
    climb = laws[0].climb * laws[0].eb
    claims.append(Claim("slope, SGD", slope, climb, 0.01, source="Phi_ab eb"))
    ratio = float(np.exp(line_y[-1] - y[-1]))
    claims.append(Claim("time of one / of two, weakest noise", ratio, 2.0, 1e-3, source="two ways"))
    temperatures = barrier / np.linspace(6, 20, 8)
    white = [_corner(fp.noise.white(float(t))) for t in temperatures]
    right.plot(1 / temperatures, white, "o", color=WELLS[0], **POINT)
    law = log(2 * pi / sqrt(-well * top)) - log(2) + barrier / temperatures
    right.plot(1 / temperatures, law, color="0.35", lw=0.8, zorder=0)
    claims.append(
        Claim(
            "slope, white noise",
            line(1 / temperatures[3:], white[3:])[0],
            barrier,
            0.01,
            source="Delta L",
        )
    )
    time = 2 * np.exp(_corner(fp.noise.white(3.0)))
    claims.append(
        Claim(
            "time right to left, one coordinate, D = 3",
            time,
            1370.4918046467,
            2e-3,
            source="B10, passage",
        )
    )
    for ax in (left, right):
        ax.set_ylim(bottom=0)
    right.set_xlabel("$1/D$")
    right.set_ylabel(r"$\ln\tau$")
    for k, ax in enumerate((left, right)):
        letter(ax, k)
    return figure, claims


def _corner(noise: fp.noise.Noise) -> float:
    """Logarithm of the time out of the shallowest corner in the plane."""
    grid = fp.Grid.plane((-4.4, 4.4, 192), (-4.4, 4.4, 192))
    found = fp.rate_matrix(fp.Problem(grid, fp.landscapes.styblinski_tang(2), noise))
    corner = next(k for k, w in enumerate(found.wells) if (w.position > 0).all())
    return -float(np.logaddexp.reduce(found.log10_rates[corner] * log(10)))


def _edge(noise: fp.noise.Noise) -> float:
    """Logarithm of the time out of the shallow well of one coordinate."""
    grid = fp.Grid.line(-4.4, 4.4, 512)
    return -_log_rate(fp.landscapes.styblinski_tang(1), noise, grid, 1)


def descent() -> tuple[Figure, list[Claim]]:
    """Escape time of descent itself against its learning rate, at the same D: it obeys Ito."""
    figure = Figure((3.4, 2.7), layout="constrained")
    ax = figure.subplots()
    landscape = fp.landscapes.piecewise_quadratic(
        1, curvature=(4.0, 4.0), saddle_curvature=1.0, barrier=(1.0, 1.0)
    )
    low, joint = landscape.minima[0], landscape.joints[1]
    grid, target = fp.Grid.line(-4.5, 4.5, 512), fp.sets.HalfPlane((1.0,), joint)
    text = f"where(abs(x) > {joint!r}, 1.0, 0.25)"  # eb |H| at eb = 1/4
    exact = {}
    for colour, reading in zip(WELLS, KAPPA, strict=False):
        problem = fp.Problem(grid, landscape, fp.noise.tensor(text, reading=reading))
        exact[reading] = fp.mean_first_passage(problem, [low], target).mean
        ax.axhline(exact[reading], color=colour, lw=0.9, label=f"{NAMES[reading]}, solved")
    rates = np.array([0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005])
    times, errors = [], []
    for rate in rates:
        sgd = fp.SGD(float(rate), 1)
        problem = fp.Problem(grid, landscape, fp.noise.tensor(text), sgd=sgd)
        found = fp.sample_passage(problem, [low], target, walkers=4000, dynamics="sgd")
        times.append(found.mean)
        errors.append(found.standard_error)
    ax.errorbar(rates, times, errors, fmt="o", color="k", ms=3.5, lw=0.8, label="descent")
    log_axis(ax, (0.0005, 0.002, 0.01, 0.05))
    ax.set_ylim(0, 190)
    ax.set_xlabel(r"learning rate $\eta$, at $\eta/2B$ fixed")
    ax.set_ylabel(r"mean escape time $\tau$")
    ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.7))
    # what is left is the step: the noise switches, and arrivals count, at steps only
    least = float(times[-1])
    claims = [
        Claim(
            "descent, eta = 0.0005 / Ito",
            least / exact["ito"],
            1.0,
            0.03,
            errors[-1] / exact["ito"],
            "C7",
        )
    ]
    other = exact["stratonovich"]
    due, error = exact["ito"] / other, errors[-1] / other
    claims.append(Claim("the same / Stratonovich (not 1)", least / other, due, 0.03, error, "C7"))
    return figure, claims


FIGURES: dict[str, Callable[[], tuple[Figure, list[Claim]]]] = {
    "three_families": three_families,
    "readings": readings,
    "sharpness": sharpness,
    "literal_hessian": literal_hessian,
    "loss_noise": loss_noise,
    "styblinski_tang": styblinski_tang,
    "descent": descent,
}
