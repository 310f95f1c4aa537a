"""Statements about momentum: escape with inertia, the limiting dynamics of SGD, and its steps."""

from __future__ import annotations

from collections.abc import Iterator
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import landscapes
from fokkerplanck.grid import Grid
from fokkerplanck.regression import RegressionSGD
from fokkerplanck.solvers.threads import one_blas_thread
from fokkerplanck.theory.anomalous_diffusion import AnomalousDiffusion
from fokkerplanck.theory.depopulation import log_depopulation
from fokkerplanck.theory.klein_kramers import inertial_wells
from fokkerplanck.theory.limiting_dynamics import LimitingDynamics, equipartition_loss
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.regression_noise import gaussian_regression
from fokkerplanck.theory.tail_index import tail_index
from fokkerplanck.theory.three_factors import excess_loss, heavy_ball
from fokkerplanck.verification.kinetic import turnover
from fokkerplanck.verification.rows import Entry, Row, deviation

__all__ = ["ENTRIES"]

Array = NDArray[np.float64]
#: Slowest rate of the quartic well with inertia by temperature and friction (spectral in position
#: and velocity), that of the law of strong friction and of the law for all frictions over it, and
#: one unit of their last digit.
SPECTRAL = (
    (0.1, 1.0, 2.251921198361e-02, 1.014117, 0.994382, 1e-6),
    (0.1, 0.1, 1.322267e-02, 2.658300, 1.003173, 1e-6),
    (0.05, 100.0, 2.7759129816e-05, 1.0925, 1.0925, 1e-4),
    (0.05, 10.0, 2.7537195119e-04, 1.090671, 1.090671, 1e-6),
    (0.05, 1.0, 1.785350197622e-03, 1.049982, 1.049434, 1e-6),
    (0.05, 0.3, 2.2538278e-03, 1.158963, 1.057775, 1e-6),
    (0.05, 0.1, 1.49194e-03, 1.933904, 1.136622, 1e-5),
    (0.05, 0.03, 6.268e-04, 4.767, 1.231, 1e-3),
    (0.025, 1.0, 1.231625e-05, 1.02555, 1.02555, 1e-5),
    (0.025, 0.3, 1.7014e-05, 1.0345, 1.0249, 1e-4),
)
#: A setting of SGD whose numbers are known: learning rate, momentum, batch, curvature.
ETA, BETA, BATCH, CURVATURE = 0.1, 0.9, 32, 2.0
#: After steps, at curvature 0.01: mean squared displacement of the limit and of the steps.
DISPLACED = {
    1: (1.588375691353e-5, 1.645169781522e-5),
    20: (0.00353607679055, 0.00354339314908),
    1000: (0.0312495098405, 0.0312577355892),
}
#: Slope of the displacement from t = 1e4 to 2e4 for densities h^-a of curvatures up to 1, by a.
SLOPES = {1.3: 0.3138, 1.5: 0.5024, 1.8: 0.8001}
HESSIAN = np.array([[2.0, 0.5], [0.5, 1.0]])
MIXING = np.array([[0.3, -0.2], [-0.2, 0.9]])
MANY_DIGITS, EXACT = "closed form, many digits", "exact law of the steps"


def _heavy_ball() -> Iterator[Row]:
    from scipy.linalg import solve_discrete_lyapunov

    one, eta, beta = np.eye(2), ETA, BETA
    step = np.block([[one - eta * HESSIAN, eta * beta * one], [-HESSIAN, beta * one]])
    kick = np.vstack([eta * one, one])
    due = solve_discrete_lyapunov(step, kick @ MIXING @ kick.T, method="direct")
    found = heavy_ball(HESSIAN, MIXING, eta, beta)
    whole = np.block([[found.position, found.cross], [found.cross.T, found.velocity]])
    off = float(np.abs(whole - due).max() / np.abs(due).max())
    yield deviation("law of the steps, noise that mixes modes", off, 1e-12, "Lyapunov equation")
    yield from _batches()


def _batches() -> Iterator[Row]:
    """Batches of samples with inputs of one size, whose noise is additive."""
    eta, beta, batch, h = 0.5, 0.5, 4, 1.0
    x = sqrt(h) * np.array([1.0, 1.0, -1.0, -1.0])[:, None]
    y = np.array([1.0, -1.0, 1.0, -1.0])
    *_, last = RegressionSGD.data(x, y, eta, batch, beta).sample(200_000, [40], 1)
    *_, covariance, error = last.moments
    d = 2 - eta * h / (1 + beta)
    c = h / batch
    due = np.array([[eta * c / (h * (1 - beta) * d), eta * c / ((1 - beta**2) * d)], [0.0, 0.0]])
    due[1, 1] = 2 * c / ((1 - beta**2) * d)
    for i, j, name in ((0, 0, "var theta"), (1, 1, "var v"), (0, 1, "cov theta, v")):
        note = f"standard error {float(error[i, j]) / due[i, j]:.2%}; 200 000 walkers"
        text = f"{name}, minibatches of 4"
        yield Row(text, float(covariance[i, j]), float(due[i, j]), 1e-2, EXACT, note=note)


def _equipartition() -> Iterator[Row]:
    for noise, name in ((HESSIAN / BATCH, "C = H"), (MIXING, "C that mixes modes")):
        found = heavy_ball(HESSIAN, noise, ETA, BETA)
        steps = equipartition_loss(ETA**2 * float(np.trace(found.velocity)), ETA, BETA)
        loss = excess_loss(HESSIAN, found.position)
        text = f"(1 + beta) E|step|^2 / (4 eta), {name}"
        yield Row(text, steps, loss, 1e-12, "E[L] - L0")


def _limiting() -> Iterator[Row]:
    found = LimitingDynamics(HESSIAN, ETA, BETA, BATCH, weight_decay=0.3, residual_variance=0.7)
    process = found.process
    s, scale = process.stationary_covariance, np.abs(found.covariance).max()
    off = float(np.abs(s - found.covariance).max() / scale)
    yield deviation("covariance of theta and v", off, 1e-12, "Lyapunov equation")
    heat = 0.7 * HESSIAN / found.sharpness
    zero = np.zeros((2, 2))
    due = np.block([[zero, -heat], [heat, zero]])
    off = float(np.abs(process.circulation - due).max() / np.abs(due).max())
    yield deviation("current matrix Q", off, 1e-11, "sigma^2 [[0, -H], [H, 0]] / K")
    made = process.under_reversal(found.parities).entropy_production
    text = "entropy production, C like H"
    yield deviation(text, made, 1e-20, "each mode in equilibrium")
    noise = process.diffusion.copy()
    noise[2:, 2:] = MIXING
    mixed = OrnsteinUhlenbeck(process.rate, noise)
    made = mixed.under_reversal(found.parities).entropy_production
    text, against = "entropy production, C that mixes modes", "spectra of the positions"
    yield Row(text, made, _by_spectrum(mixed), 1e-9, against)


def _by_spectrum(process: OrnsteinUhlenbeck) -> float:
    """``int dw / (4 pi) tr(F^-T F - 1)`` with the spectral density F of the positions."""
    n = process.dim // 2
    pull, friction = process.rate[n:, :n], process.rate[n:, n:]
    count = 2000
    angle = (np.arange(count) + 0.5) * np.pi / count - np.pi / 2
    # frequencies spread evenly in the angle, around those of the oscillators
    scale = sqrt(float(np.abs(pull).max()))
    w = scale * np.tan(angle)[:, None, None]
    g = np.linalg.inv(pull - w**2 * np.eye(n) + 1j * w * friction)
    f = g @ (2 * process.diffusion[n:, n:]) @ g.conj().swapaxes(1, 2)
    odd = np.trace(np.linalg.solve(f.swapaxes(1, 2), f), axis1=1, axis2=2).real - n
    return float((odd * scale / np.cos(angle) ** 2).sum() * np.pi / count / (4 * np.pi))


def _anomalous() -> Iterator[Row]:
    found = AnomalousDiffusion.from_density(1.5, learning_rate=ETA, momentum=BETA)
    for t in (1e4, 1e8):
        slope = float(found.exponents([t])[0])
        yield Row(f"slope of the displacement, h^-1.5, t = {t:g}", slope, 0.5, 1e-2, "a - 1")


def _slopes() -> Iterator[Row]:
    for a, due in SLOPES.items():
        found = AnomalousDiffusion.from_density(a, inertia=False).displacements([1e4, 2e4])
        slope = float(np.log2(found[1] / found[0]))
        yield Row(f"slope from t = 1e4 to 2e4, h^-{a:g}", slope, due, 2e-4, MANY_DIGITS)
        note = "what is left of faster modes at that time"
        yield Row(f"slope, h^-{a:g}", slope, a - 1, 0.05, "a - 1", note=note)
    flat = AnomalousDiffusion.from_density(0.5, noise="isotropic", inertia=False)
    slope = float(flat.exponents([1e6])[0])
    yield Row("slope, isotropic noise, h^-0.5", slope, 0.5, 1e-3, "a")


def _inertial() -> Iterator[Row]:
    line, quartic = Grid.line(-2.4, 2.4, 512), landscapes.quartic()
    action = inertial_wells(quartic, line, 1.0, 0.05).escapes[0, 1].actions[0]
    yield Row("action of the quartic well at its barrier", action, 4 / 3, 1e-13, "4/3")
    for d in (1.0, 10.0):
        due = -sum(erfc(sqrt(n * d) / 2) / n for n in range(1, int(160 / d) + 2))
        text = f"ln A, loss {d:g} in a round trip"
        yield Row(text, log_depopulation(d), due, 1e-12, "sum of error functions")
    for t, g, slowest, strong, bridging, unit in SPECTRAL:
        wells = inertial_wells(quartic, line, g, t)
        for law, due, name in (
            ("kramers-grote-hynes", strong, "Kramers-Grote-Hynes"),
            ("melnikov-meshkov", bridging, "Mel'nikov-Meshkov"),
        ):
            rate = wells.relaxation(law)
            text = f"{name} / k, T = {t:g}, friction {g:g}"
            ratio, off = rate.rate / slowest, unit / due
            yield Row(text, ratio, due, off, "spectral", valid=rate.valid, note=rate.note)
    yield from turnover()


def _linear() -> Iterator[Row]:
    process = OrnsteinUhlenbeck([[2.0, -1.0], [1.5, 1.0]], [[1.0, 0.3], [0.3, 0.5]])
    s = process.covariances([0.7])[0]
    known = {
        "covariance 00 at t = 0.7": (s[0, 0], 0.499670729076217),
        "covariance 01 at t = 0.7": (s[0, 1], 0.060923926983161),
        "covariance 11 at t = 0.7": (s[1, 1], 0.305967214682122),
        "Q_01": (process.circulation[0, 1], -0.566666666666667),
        "entropy production": (process.entropy_production, 2.34959349593496),
        "displacement at t = 0.7": (process.displacements([0.7])[0], 1.44763375442851),
    }
    for name, (found, due) in known.items():
        yield Row(name, float(found), due, 1e-12, MANY_DIGITS)
    yield deviation("120 variables, covariance at t = 1.3", _large(120), 1e-11, "exponential")


@one_blas_thread
def _large(n: int) -> float:
    """Error of the covariance of n variables, half of them without noise."""
    from scipy.linalg import expm

    rng = np.random.default_rng(1)
    a = rng.normal(size=(n, n)) / sqrt(n) + 1.6 * np.eye(n)
    root = rng.normal(size=(n, n // 2)) / sqrt(n)
    process = OrnsteinUhlenbeck(a, root @ root.T)
    found = process.covariances([0.2, 1.3], np.eye(n))[1]
    decay, s = expm(-1.3 * a), process.stationary_covariance
    due = s + decay @ (np.eye(n) - s) @ decay.T
    return float(np.abs(found - due).max() / np.abs(due).max())


def _oscillation() -> Iterator[Row]:
    found = LimitingDynamics([CURVATURE], ETA, BETA, BATCH)
    decayed = LimitingDynamics([CURVATURE], ETA, BETA, BATCH, weight_decay=0.5)
    known = {
        "damping": (found.damping, 0.526315789473684),
        "frequency": (found.frequencies[0], 4.55802844097073),
        "threshold of oscillation": (found.threshold, 0.0263157894736842),
        "var theta": (found.position_variances[0], 0.015625),
        "var v": (found.velocity_variances[0], 0.328947368421053),
        "displacement at t = 1.3": (found.displacements([1.3])[0, 0], 0.0171203222869310),
        "var theta, weight decay 0.5": (decayed.position_variances[0], 0.0125),
        "var v, weight decay 0.5": (decayed.velocity_variances[0], 0.328947368421053),
    }
    for name, (value, due) in known.items():
        yield Row(name, float(value), due, 1e-13, MANY_DIGITS)
    t = np.linspace(0.0, 30.0, 40)
    for h, name in ((0.02, "overdamped"), (found.threshold, "critical"), (2.0, "oscillating")):
        mode = LimitingDynamics([h], ETA, BETA, BATCH)
        x, v = mode.mean(t, [1.0], [0.3])
        paths = mode.process.means(t, [1.0, 0.3])
        off = float(np.abs(np.hstack([x, v]) - paths).max())
        yield deviation(f"mean paths, {name}", off, 1e-12, "exponential of the matrix")


def _steps() -> Iterator[Row]:
    found = LimitingDynamics([CURVATURE], ETA, BETA, BATCH)
    law = found.steps.stationary
    known = {
        "var theta of the steps": (law.position[0, 0], 0.0164930555555556),
        "var v of the steps": (law.velocity[0, 0], 0.347222222222222),
        "cov theta, v of the steps": (law.cross[0, 0], 0.0173611111111111),
        "limit over steps": (found.bias[0], 0.947368421052632),
    }
    for name, (value, due) in known.items():
        yield Row(name, float(value), due, 1e-13, MANY_DIGITS)
    slow = LimitingDynamics([0.01], ETA, BETA, BATCH)
    for n, (limit, steps) in DISPLACED.items():
        value = float(slow.displacements([n * ETA])[0, 0])
        yield Row(f"displacement after {n} steps, limit", value, limit, 3e-12, MANY_DIGITS)
        value = float(slow.steps.displacements([n])[0, 0])
        yield Row(f"displacement after {n} steps", value, steps, 3e-12, MANY_DIGITS)


def _multiplicative() -> Iterator[Row]:
    due = 0.048387096774194
    found = float(gaussian_regression([1.0], 0.3, 4).moments.position[0, 0])
    yield Row("var theta, noise of the curvature", found, due, 1e-12, MANY_DIGITS)
    *_, last = RegressionSGD.gaussian([1.0], 0.3, 4).sample(48_000, [40], 1)
    *_, covariance, error = last.moments
    note = f"standard error {float(error[0, 0]) / due:.2%}; 48 000 walkers"
    yield Row(
        "var theta, fresh minibatches of 4", float(covariance[0, 0]), due, 3e-2, EXACT, note=note
    )
    index = tail_index(2 / (1 + 2 / 4), 1.0, 4)
    yield Row("tail index where the variance ends", index, 2.0, 1e-11, "Kesten")


ENTRIES = (
    Entry("I.25", "discrete heavy ball", "law of the steps, and of minibatches drawn", _heavy_ball),
    Entry("I.26", "equipartition", "loss from the length of the steps", _equipartition),
    Entry("I.27", "limiting dynamics", "stationary law, current and dissipation", _limiting),
    Entry("I.28", "anomalous exponent", "power of the displacement, modes like h^-1.5", _anomalous),
    Entry("D5", "escape with inertia", "laws for all frictions beside spectral rates", _inertial),
    Entry("E1", "linear process", "many times at once, in two and in 120 variables", _linear),
    Entry("E5", "oscillation", "damping, frequency, variances, paths in all regimes", _oscillation),
    Entry("E6", "steps of the heavy ball", "exact moments and displacements", _steps),
    Entry("E7", "multiplicative noise", "regression with the noise it has", _multiplicative),
    Entry("E8", "anomalous diffusion", "slopes of the displacement, three spectra", _slopes),
)
