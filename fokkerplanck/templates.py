"""Case files to start from, one for each thing people do first."""

from __future__ import annotations

import difflib
from pathlib import Path

from fokkerplanck.errors import CaseError, DataError

__all__ = ["TEMPLATES", "listing", "template", "write_template"]

DOUBLE_WELL = """\
# Two wells on a line: how the left one empties over the barrier.
title = "Quartic double well under white noise"

[grid]
# walls: "reflecting", "absorbing", "periodic", or a pair such as ["reflecting", "absorbing"]
x = { min = -2.4, max = 2.4, cells = 512, walls = "reflecting" }

[landscape]                     # the loss L; its gradient and Hessian are derived from it
kind = "expression"
loss = "h * (x**2 - 1)**2"
parameters = { h = 0.25 }       # the height of the barrier

[noise]                         # dp/dt = div(p grad L) + T laplacian p
kind = "white"
temperature = 0.05

[initial]
kind = "gaussian"
mean = [-1.0]
std = [0.1]

[evolve]                        # densities and currents at these times
times = { start = 1e-2, stop = 1e6, count = 33, spacing = "log" }
tolerance = 1e-8                # L1 error of the time integration

[stationary]                    # the density that no longer changes

[[expect]]                      # checked by `run` and `verify`
quantity = "evolve.basin_masses.-1.0"
value = 0.5                     # equal wells share the mass at last
atol = 1e-6
"""

DOUBLE_WELL_2D = """\
# Two wells in the plane; the noise does not point along the valley.
title = "Double well in the plane under anisotropic noise"

[grid]                          # an axis y makes it 2-D
x = { min = -1.9, max = 1.9, cells = 160 }
y = { min = -1.7, max = 1.7, cells = 144 }

[landscape]
kind = "expression"
loss = "(x**2 - 1)**2 / 4 + (y - x/2)**2"

[noise]                         # a symmetric positive definite tensor: numbers or formulas
kind = "tensor"
D = [[0.06, 0.02], [0.02, 0.03]]
reading = "ito"                 # "ito", "stratonovich" or "hanggi-klimontovich"

[initial]
kind = "gaussian"
mean = [-1.0, -0.5]
std = [0.1, 0.1]

[evolve]
times = { start = 1e-1, stop = 1e5, count = 25, spacing = "log" }

[stationary]                    # this noise is no temperature: a current remains
"""

RING = """\
# A force that is no gradient drives a current around a ring.
title = "Driven ring"

[grid]
x = { min = 0.0, max = 6.283185307179586, cells = 256, walls = "periodic" }

[landscape]
kind = "expression"
loss = "0.5 * cos(x)"

[noise]
kind = "white"
temperature = 0.2

[dynamics]
kind = "overdamped"
drift = { force = ["0.4"] }     # added to -grad L

[initial]
kind = "gaussian"
mean = [3.141592653589793]
std = [0.3]

[evolve]
times = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]

[stationary]                    # its entropy production is force * current * length / temperature
"""

ORNSTEIN_UHLENBECK = """\
# A quadratic bowl: everything about it is known in closed form.
title = "Ornstein-Uhlenbeck process"

[grid]
x = { min = -4.0, max = 4.0, cells = 512 }

[landscape]
kind = "expression"
loss = "k * x**2 / 2"
parameters = { k = 1.0 }

[noise]
kind = "white"
temperature = 0.5

[initial]
kind = "gaussian"
mean = [1.0]
std = [0.3]

[evolve]
times = { start = 0.0, stop = 4.0, count = 17, spacing = "linear" }

[stationary]

[[expect]]
quantity = "stationary.covariance.0.0"
value = 0.5                     # temperature / k
rtol = 1e-3

[[expect]]
quantity = "evolve.mean.-1.0"
value = 0.01831563888873418     # exp(-k t)
rtol = 1e-3
"""

SGD = """\
# Stochastic gradient descent between a sharp and a flat minimum. Its noise follows the Hessian:
# D = learning_rate / (2 batch_size) |H|, and a step takes the time learning_rate.
title = "SGD between a sharp and a flat minimum"

[grid]
x = { min = -2.2, max = 2.8, cells = 512 }

[landscape]
kind = "expression"
loss = "(x**2 - 1)**2 * (1 - a * x) / 4"
parameters = { a = 0.3 }        # makes the left well sharper than the right one

[sgd]                           # scales the noise, counts steps and epochs
learning_rate = 0.03
batch_size = 1
dataset_size = 1000             # for epochs; also where batches are drawn without replacement
replacement = true              # false multiplies the noise by (N - B) / (N - 1)
momentum = 0.0                  # overdamped limit: time and noise / (1 - momentum)
weight_decay = 0.0              # adds lambda/2 |x|^2 to the loss, but not to the noise

[noise]
kind = "hessian"                # "covariance": C given or sampled; "loss": D = eta/B L H*
model = "frozen"                # |H| of each well and of the barrier; "absolute" takes sqrt(H^2
                                # + floor^2) pointwise and needs a floor, on which all depends
reading = "ito"                 # the reading that discrete steps obey
# schedule = { learning_rate = "0.03 / (1 + t/50)", batch_size = "1 + t/50" }   # of the time t

[initial]
kind = "gaussian"
mean = [-1.0]
std = [0.1]

[evolve]
times = { start = 1.0, stop = 1e4, count = 17, spacing = "log", unit = "epochs" }

[stationary]

[[passage]]                     # its mean is told in steps and epochs, too
name = "sharp to flat"
from = { centre = [-1.0] }
to = { centre = [1.0] }
"""

ESCAPE = """\
# How long it takes to leave a well on a line, and the time scales of what goes on meanwhile.
title = "Escape over a barrier"

[grid]
x = { min = -2.4, max = 2.4, cells = 512 }

[landscape]
kind = "quartic"                # barrier * ((x / half_width)^2 - 1)^2
barrier = 0.25

[noise]
kind = "white"
temperature = 0.025             # a barrier of ten temperatures; a hundred are no harder

[[passage]]                     # mean time, its variance and distribution, committor, rate
name = "left to right"
from = { centre = [-1.0] }      # a point, or a set, over which the start is averaged
to = { centre = [1.0] }         # { centre, radius }, { box = [[0.9, 2.4]] }, { basin = [1.0] },
                                # { halfplane = { normal = [1.0], offset = 0.9 } }, or "walls"

[spectrum]                      # the slowest modes, lambda_1 first: "spectrum.0" in expectations
count = 4

[rates]                         # between all wells

[[quasi_stationary]]            # the density in a well before it is left, and its exit rate
name = "left"
well = [-1.0]                   # the minimum nearest to it

[[expect]]
quantity = "passage.left to right.mean"
prediction = "kramers"
rtol = 0.05                     # Kramers' law is off by 3/2 temperature, here 3.75 %

[[expect]]
quantity = "passage.left to right.mean"
prediction = "passage-quadrature"
rtol = 1e-8

[[expect]]
quantity = "quasi_stationary.left.rate"
value = 1.9589272999730442e-5   # of equal wells it is lambda_1: the mode vanishes at the top
rtol = 1e-8
"""

ESCAPE_2D = """\
# How long it takes over a saddle in the plane, and which way: committor and reactive current.
title = "Escape over a saddle"

[grid]
x = { min = -2.0, max = 2.0, cells = 128 }
y = { min = -2.0, max = 2.0, cells = 128 }

[landscape]
kind = "expression"
loss = "(x**2 - 1)**2 / 4 + y**2 + x*y / 2"

[noise]
kind = "white"
temperature = 0.03

[[passage]]                     # one table for each; `run --refine` tells the error of the grid
name = "left to right"
from = { centre = [-1.06, 0.27], radius = 0.25 }
to = { centre = [1.06, -0.27], radius = 0.25 }   # or { box }, { halfplane }, { basin }, "walls"
survival = false                # true adds the distribution of the time

[spectrum]
count = 3

[rates]

[[expect]]
quantity = "rates.rates.0.1"
prediction = "eyring-kramers"
rtol = 0.06
"""

SCHEDULE = """\
# Cooling in steps: the noise is divided by ten twice, as by a learning-rate schedule.
title = "Double well, cooled in steps"

[grid]
x = { min = -2.4, max = 2.4, cells = 512 }

[landscape]
kind = "expression"
loss = "(x**2 - 1)**2 / 4 + 0.05 * x"

[noise]
kind = "white"
temperature = 0.2
schedule = { times = [50.0, 100.0], factor = [0.1, 0.01] }   # or { factor = "exp(-t/50)" }

[initial]
kind = "uniform"

[evolve]
times = [1.0, 10.0, 50.0, 60.0, 100.0, 150.0]
"""

PROJECT = """\
# The loss of three trained networks, and its gradient noise, on the plane through them:
#   fokkerplanck project plane.toml -o plane.h5
# It needs the extra [resnet] (torch, scikit-learn); what reads plane.h5 does not.
title = "Three networks on digits"

[data]
kind = "digits"                 # 1797 images; or "arrays" (file), "mnist", "cifar10" (folder)
label_noise = 0.2               # share of labels drawn anew: minima keep their noise
seed = 0

[network]                       # a residual network of depth 8, 14, 20, ...
depth = 8
width = 4
norm = "group"                  # "batch": with its running averages
activation = "silu"             # "relu" as published; "softplus"

[train]                         # or weights = ["a.npz", "b.npz", "c.npz"]
networks = 3                    # each from a seed of its own: 0, 1, 2; or seeds = [...]
learning_rate = 0.1
batch_size = 32
epochs = 20

[directions]                    # orthonormal: distances in the plane are those of weights
kind = "minima"                 # "pca" of a training, "random", "hessian" (with dim = 1 or 2)

[sample]                        # cells: points along an axis, both ends included
x = { cells = 25 }              # with min and max, or
y = { cells = 25 }              # about the networks
margin = 0.25                   # beyond them, relative to the widest range
hessian = true                  # takes four times as long as all the rest
table = true                    # gradients of each sample, for descent in the plane
"""

#: kind -> (one line, text)
UNDERDAMPED = """\
# Motion with inertia: position and velocity, a damped path over a barrier.
title = "Quartic double well with inertia"

[grid]
x = { min = -2.0, max = 2.0, cells = 128, walls = "reflecting" }   # or "periodic"
v = { min = -1.6, max = 1.6, cells = 96 }   # what is shown; six thermal velocities if left out

[landscape]
kind = "expression"
loss = "(x**2 - 1)**2 / 4"

[dynamics]                      # dx = v dt, dv = (-L'(x) - friction v) dt + noise
kind = "underdamped"
friction = 0.5                  # the mass is 1; or leave it out and give SGD with momentum:
# modes = 80                    # Hermite modes in v; chosen from the friction if left out

# [sgd]                         # mass = learning_rate (1 + momentum)/2, friction = 1 - momentum,
# learning_rate = 0.05          # a step takes the time of a learning rate; noise then of kind
# batch_size = 8                # "covariance" with covariance = [[c]]
# momentum = 0.9

[noise]                         # on the velocity: the stationary density is exp(-(v^2/2 + L)/T)
kind = "white"
temperature = 0.1

[initial]
kind = "gaussian"
mean = [-1.0, 0.0]              # x and v; with x alone velocities are thermal
std = [0.2, 0.3]

[evolve]
times = [0, 0.5, 1, 2, 3, 5, 10, 20, 40]

[stationary]

[spectrum]                      # rates and, where modes oscillate, frequencies
count = 3

[[passage]]                     # mean time at which x first comes to a set
name = "across"
from = { centre = [-1.0] }      # [x] with thermal velocities, or [x, v]
to = { centre = [1.0], radius = 0.2 }

[[expect]]
quantity = "stationary.covariance.0.0"
prediction = "boltzmann"
rtol = 1e-6

[[expect]]
quantity = "stationary.covariance.1.1"
value = 0.1                     # equipartition
rtol = 1e-9
"""

LEVY = """\
# Heavy tails: descent with long jumps, for which no barrier is high.
title = "Double well under Cauchy noise"

[grid]                          # reflecting: the grid stands for the whole line (see outside)
x = { min = -6.0, max = 6.0, cells = 512, walls = "reflecting" }   # "absorbing" kills

[landscape]
kind = "expression"
loss = "x**4/4 - x**2/2"

[noise]                         # dx = -L' dt + scale dL, E exp(i w L_t) = exp(-t |w|^alpha)
kind = "levy"
alpha = 1.0                     # index of the tails, 0 < alpha <= 2; 1 is Cauchy, 2 Gaussian
scale = 0.25                    # or, with a table [sgd], sigma: the noise of one gradient
temperature = 0.0               # of Gaussian noise beside the jumps
outside = "stopped"             # jumps beyond reflecting walls end there; "suppressed": a box

[initial]
kind = "gaussian"
mean = [-1.0]
std = [0.1]

[evolve]
times = { start = 1e-2, stop = 1e2, count = 9, spacing = "log" }
tolerance = 1e-5                # L1 error of the time integration; that of the cells is reported

[stationary]                    # with the mass of the tails beyond the grid
points = [0.0, 1.0]             # density there: stationary.density_at
frequencies = [1.0]             # E exp(i k x), which exists where moments do not

[[passage]]                     # mean time, probability and place of landing
name = "across"
from = { centre = [-1.0] }
to = { basin = [1.0] }          # or "walls": the absorbing ones

[[expect]]
quantity = "stationary.density_at.0"
prediction = "cauchy-quartic"
rtol = 5e-3

[[expect]]
quantity = "stationary.interquartile_range"
prediction = "cauchy-quartic"
rtol = 1e-3
"""

TEMPLATES: dict[str, tuple[str, str]] = {
    "double-well": ("two wells on a line, white noise", DOUBLE_WELL),
    "double-well-2d": ("two wells in the plane, anisotropic noise", DOUBLE_WELL_2D),
    "escape": ("mean first-passage time and time scales on a line", ESCAPE),
    "escape-2d": ("passage over a saddle in the plane: time, committor, rates", ESCAPE_2D),
    "levy": ("heavy-tailed noise: long jumps, tails, first passages", LEVY),
    "ornstein-uhlenbeck": ("a quadratic bowl, with its closed forms", ORNSTEIN_UHLENBECK),
    "ring": ("a driven ring with a steady current", RING),
    "schedule": ("noise that is turned down in steps", SCHEDULE),
    "sgd": ("stochastic gradient descent: noise from the Hessian, time in steps", SGD),
    "underdamped": ("position and velocity: motion with inertia in a double well", UNDERDAMPED),
}

#: files that are no cases, in the same way
OTHERS: dict[str, tuple[str, str]] = {
    "project": ("for `project`: a plane through trained networks", PROJECT),
}


def listing() -> str:
    """Return the kinds, a line each."""
    return "\n".join(f"{kind:20s} {about}" for kind, (about, _) in _known().items())


def template(kind: str) -> str:
    """Return a commented case file.

    Raises
    ------
    CaseError
        For an unknown kind: lists the known ones.
    """
    known = _known()
    if kind not in known:
        close = difflib.get_close_matches(kind, known, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else "."
        msg = f'no template "{kind}"{hint} Known: {", ".join(known)}'
        raise CaseError(msg)
    return known[kind][1]


def _known() -> dict[str, tuple[str, str]]:
    return TEMPLATES | OTHERS


def write_template(kind: str, path: Path, *, force: bool = False) -> None:
    """Write a commented case file; `DataError` if it exists or cannot be written."""
    text = template(kind)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        msg = f"{path}: exists already; --force replaces it"
        raise DataError(msg) from None
    except OSError as error:
        msg = f"{path}: cannot be written ({error.strerror})"
        raise DataError(msg) from None
