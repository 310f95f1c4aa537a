"""Long jumps: exits, transitions, stationary densities, evolution, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import theory
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.theory.levy import jump_constant

FLAT = fp.landscapes.from_expression("0 * x", dim=1)
PARABOLA = fp.landscapes.from_expression("x**2 / 2", dim=1)
QUARTIC = fp.landscapes.from_expression("(x**2 - 1)**2 / 4", dim=1)
#: Index, scale, start, domain, and exact time over the law of weak noise.
EXITS = [
    *(
        (1.5, s, 1.0, r)
        for s, r in ((0.1, 0.9476), (0.03, 0.9915), (0.01, 0.9984), (0.003, 0.9997))
    ),
    *(
        (1.2, s, 1.0, r)
        for s, r in ((0.1, 0.9526), (0.03, 0.9885), (0.01, 0.9969), (0.003, 0.9993))
    ),
    *(
        (0.8, s, 1.0, r)
        for s, r in ((0.1, 0.9678), (0.03, 0.9868), (0.01, 0.9944), (0.003, 0.9978))
    ),
    *((1.2, s, 0.5, r) for s, r in ((0.01, 0.9948), (0.003, 0.9988))),
]


def line(low, high, cells, loss, alpha, scale, temperature=0.0, walls="reflecting", **more):
    grid = fp.Grid.line(low, high, cells, walls=walls)
    return fp.Levy(grid, loss, alpha, scale, temperature, **more)


def l1(found, density):
    return np.abs(found.density - density).sum() * (found.x[1] - found.x[0])


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.2, 1.5, 1.8])
def test_getoor(alpha):
    found = fp.levy_exit(line(-1, 1, 2048, FLAT, alpha, 1.0, walls="absorbing"), 0.5)
    error = abs(found.mean / float(theory.getoor_time(0.5, alpha)) - 1)
    assert error < 2e-7
    # half as many nodes are four times as wrong, that is three times as far away
    assert found.error / error == pytest.approx(3, rel=0.05)
    centre = (10 ** found.log10_times[1023:1025]).mean()
    assert centre == pytest.approx(float(theory.getoor_time(0.0, alpha)), rel=4e-7)


def test_scale_and_length_of_pure_jumps():
    found = fp.levy_exit(line(1, 4, 500, FLAT, 1.3, 0.2, walls="absorbing"), 2.0)
    exact = theory.getoor_time(0.5, 1.3, radius=1.5, scale=0.2)
    assert found.mean == pytest.approx(float(exact), rel=1e-5)


@pytest.mark.parametrize(("alpha", "scale", "left", "ratio"), EXITS)
def test_exit_from_a_parabola(alpha, scale, left, ratio):
    found = fp.levy_exit(line(-1, 1, 1023, PARABOLA, alpha, scale), 0.0, (-left, 1.0))
    law = theory.levy_exit_time(alpha, scale, left, 1.0)
    assert found.mean / law.value == pytest.approx(ratio, rel=5e-4)
    assert found.error < 1e-3
    if law.valid:
        assert ratio == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("alpha", "scale", "ratio"),
    [(1.5, 0.03, 0.9535), (1.5, 0.01, 0.9850), (1.2, 0.03, 0.9554), (1.2, 0.01, 0.9839)],
)
def test_exit_from_one_of_two_wells(alpha, scale, ratio):
    found = fp.levy_exit(line(-10, 0, 4096, QUARTIC, alpha, scale, walls="absorbing"), -1.0)
    law = theory.levy_transition_time(-1.0, 0.0, alpha, scale) / (1 + 9.0**-alpha)
    assert found.mean / law == pytest.approx(ratio, rel=1e-3)
    assert abs(found.mean / law / ratio - 1) < found.error + 5e-4


def test_transition_between_wells():
    """Jumps far to the left come back: the time is that of jumps to the right alone."""
    found = fp.levy_first_passage(
        line(-10, 10, 2048, QUARTIC, 1.5, 0.01), -1.0, fp.sets.Basin(1.0, QUARTIC)
    )
    law = theory.levy_transition_time(-1.0, 0.0, 1.5, 0.01)
    assert found.mean / law == pytest.approx(1, rel=0.02)
    back = fp.levy_first_passage(
        line(-10, 10, 2048, QUARTIC, 1.5, 0.01), 1.0, fp.sets.Basin(-1.0, QUARTIC)
    )
    assert back.mean == pytest.approx(found.mean, rel=1e-9)


def test_close_to_two_it_is_gaussian():
    """Against the generator of Gaussian noise, at alpha = 2 and near it, drift and all."""
    temperature = 0.15
    gauss = fp.mean_first_passage(
        fp.Problem(
            fp.Grid.line(-1.5, 0.5, 512, walls=("reflecting", "absorbing")),
            QUARTIC,
            fp.noise.white(temperature),
        ),
        [-1.0],
        "walls",
    ).mean
    walls = ("reflecting", "absorbing")
    times = [
        fp.levy_exit(
            line(-1.5, 0.5, 1000, QUARTIC, alpha, np.sqrt(temperature), walls=walls), -1.0
        ).mean
        for alpha in (2.0, 1.99, 1.98)
    ]
    assert times[0] == pytest.approx(gauss, rel=1e-4)
    assert abs(times[1] / times[0] - 1) < 0.05
    # the difference vanishes with 2 - alpha
    assert (times[2] - times[0]) / (times[1] - times[0]) == pytest.approx(2, rel=0.05)


def test_gaussian_noise_beside_jumps():
    """At alpha = 2 the two noises add up; below, exit times converge."""
    mixed = fp.levy_exit(line(-1, 1, 400, PARABOLA, 2.0, 0.4, 0.09, walls="absorbing"), 0.2)
    alone = fp.levy_exit(line(-1, 1, 400, PARABOLA, 2.0, 0.5, walls="absorbing"), 0.2)
    assert mixed.mean == pytest.approx(alone.mean, rel=1e-9)
    times = [
        fp.levy_exit(line(-1, 1, n, PARABOLA, 0.7, 0.5, 0.2, walls="absorbing"), 0.2).mean
        for n in (100, 200, 400)
    ]
    assert (times[0] - times[1]) / (times[1] - times[2]) > 3.3


@pytest.mark.parametrize(
    ("loss", "law", "scale"),
    [
        ("x**4 / 4", theory.cauchy_quartic, 1.0),
        ("x**4 / 4 - x**2 / 2", theory.cauchy_double_well, 1.0),
        ("x**4 / 4 - x**2 / 2", theory.cauchy_double_well, 0.25),
    ],
)
def test_cauchy_densities(loss, law, scale):
    loss = fp.landscapes.from_expression(loss, dim=1)
    found = fp.levy_stationary(line(-10, 10, 4096, loss, 1.0, scale))
    gap = l1(found, law(found.x, scale))
    assert gap < 1e-4
    assert gap < found.error + found.outside
    assert found.density.min() > 0
    # the tail beyond the walls is known without being on the grid
    far = np.geomspace(10, 1e5, 20001)
    assert found.outside == pytest.approx(2 * np.trapezoid(law(far, scale), far), rel=0.01)
    assert (found.density.sum() * (found.x[1] - found.x[0])) == pytest.approx(1 - found.outside)


def test_ornstein_uhlenbeck():
    found = fp.levy_stationary(line(-150, 150, 16384, PARABOLA, 1.5, 1.0))
    h = found.x[1] - found.x[0]
    for w in (0.3, 1.0, 2.0):
        law = complex(theory.levy_ou_characteristic(w, 1.5, 1.0)).real
        assert (found.density * np.cos(w * found.x)).sum() * h == pytest.approx(law, abs=2e-4)
    law = 0.513417119032592
    assert (found.density * np.cos(found.x)).sum() * h == pytest.approx(law, abs=1e-4)


def test_a_box_without_drift_is_filled_evenly():
    """Suppressed jumps are symmetric: the uniform density is stationary."""
    found = fp.levy_stationary(line(0, 2, 200, FLAT, 0.8, 1.0, outside="suppressed"))
    assert found.density == pytest.approx(np.full(200, 0.5), rel=1e-10)
    assert found.outside == 0


def test_evolution_of_an_ornstein_uhlenbeck_process():
    problem = line(-40, 40, 300, PARABOLA, 1.5, 1.0, outside="stopped")
    found = fp.levy_evolve(problem, 1.0, [0.5, 1.0])
    assert found.mass == pytest.approx([1, 1], abs=1e-11)
    assert found.density.min() > 0
    h = found.x[1] - found.x[0]
    for time, p in zip(found.times, found.density, strict=True):
        law = complex(theory.levy_ou_characteristic(1.0, 1.5, 1.0, time=time, start=1.0))
        assert (p * np.exp(1j * found.x)).sum() * h == pytest.approx(law, abs=5e-3)


def test_evolution_ends_in_the_stationary_density():
    problem = line(-6, 6, 160, QUARTIC, 1.2, 0.5)
    start = np.where(problem.nodes > 1, 1.0, 0.0)
    start /= start.sum() * 12 / 160
    path = fp.levy_evolve(problem, start, [0.0, 1000.0])
    assert path.density[0] == pytest.approx(start)
    steady = fp.levy_stationary(problem)
    assert path.density[1] * (1 - steady.outside) == pytest.approx(steady.density, abs=1e-9)


def test_survival_integrates_to_the_mean_exit_time():
    problem = line(-1, 1, 100, FLAT, 1.5, 1.0, walls="absorbing")
    times = np.linspace(0, 8, 121)
    at = float(problem.nodes[50])
    path = fp.levy_evolve(problem, at, times)
    mean = np.trapezoid(path.mass, times)
    assert mean == pytest.approx(fp.levy_exit(problem, at).mean, rel=2e-3)
    assert (np.diff(path.mass) < 0).all()


@pytest.mark.parametrize(
    ("alpha", "scale", "temperature", "message"),
    [
        (0.0, 1.0, 0.0, "above 0 and at most 2"),
        (2.5, 1.0, 0.0, "above 0 and at most 2"),
        (float("nan"), 1.0, 0.0, r"noise\.alpha.*finite number"),
        (1.5, 0.0, 0.0, r"noise\.scale.*positive"),
        (1.5, -1.0, 0.0, r"noise\.scale.*positive"),
        (1.5, float("nan"), 0.0, r"noise\.scale"),
        (1.5, 1.0, -0.1, "at least 0"),
    ],
)
def test_noise_is_checked(alpha, scale, temperature, message):
    with pytest.raises(CaseError, match=message):
        line(-1, 1, 100, PARABOLA, alpha, scale, temperature)


def test_bad_questions_are_refused():
    box = line(-2, 2, 100, QUARTIC, 1.5, 0.1)
    with pytest.raises(CaseError, match="nobody leaves"):
        fp.levy_exit(box, 0.0)
    with pytest.raises(CaseError, match="between the walls"):
        fp.levy_exit(box, 3.0, (-1.0, 1.0))
    with pytest.raises(CaseError, match="nothing is stationary"):
        fp.levy_stationary(line(-2, 2, 100, QUARTIC, 1.5, 0.1, walls="absorbing"))
    with pytest.raises(CaseError, match="does not rise outwards"):
        fp.levy_stationary(line(-2, 0.5, 100, QUARTIC, 1.5, 0.1))
    with pytest.raises(CaseError, match="periodic"):
        line(-2, 2, 100, QUARTIC, 1.5, 0.1, walls="periodic")
    with pytest.raises(CaseError, match="suppressed"):
        line(-2, 2, 100, QUARTIC, 1.5, 0.1, outside="bounced")
    basin = fp.sets.Basin(1.0, PARABOLA)
    with pytest.raises(CaseError, match="covers the grid"):
        fp.levy_first_passage(line(-2, 2, 100, PARABOLA, 1.5, 0.1), 0.0, basin)
    with pytest.raises(CaseError, match="increasing"):
        fp.levy_evolve(box, 0.0, [1.0, 0.5])
    with pytest.raises(CaseError, match="mass"):
        fp.levy_evolve(box, np.ones(100), [1.0])


def test_what_cannot_be_vouched_for_is_not_given():
    # a barrier of hundreds of temperatures at alpha = 2: no long jump helps
    with pytest.raises(NumericalError):
        fp.levy_exit(line(-3, 0, 400, QUARTIC, 2.0, 0.03, walls="absorbing"), -1.0)
    with pytest.raises(NumericalError, match="longer grid"):
        fp.levy_stationary(line(-1, 1, 100, PARABOLA, 1.0, 1.0))


@pytest.mark.slow
def test_many_nodes_take_little_time_and_memory():
    import time
    import tracemalloc

    tracemalloc.start()
    begin = time.process_time()
    problem = line(-10, 0, 1 << 16, QUARTIC, 1.5, 0.01, walls="absorbing")
    found = fp.levy_exit(problem, -1.0)
    law = 1.5 / jump_constant(1.5) * 0.01**-1.5 / (1 + 9.0**-1.5)
    assert found.mean / law == pytest.approx(0.98510, abs=1e-5)
    steady = fp.levy_stationary(line(-400, 400, 1 << 16, PARABOLA, 1.5, 1.0))
    assert steady.error < 1e-4
    assert time.process_time() - begin < 40
    assert tracemalloc.get_traced_memory()[1] < 2**30
    tracemalloc.stop()
