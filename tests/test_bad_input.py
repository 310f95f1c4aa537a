"""Broken case files: exit status 2, one clear message that names the key or the cell, no
traceback, and a result that already exists is left as it was, even under --force."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest

from fokkerplanck.cli import main

LINE = """
title = "line"
[grid]
x = { min = -2.0, max = 2.0, cells = 32, walls = "reflecting" }
[landscape]
kind = "expression"
loss = "a * (x**2 - 1)**2"
parameters = { a = 0.25 }
[noise]
kind = "white"
temperature = 0.1
reading = "ito"
[initial]
kind = "gaussian"
mean = [-1.0]
std = [0.2]
[evolve]
times = { start = 0.1, stop = 1.0, count = 3, spacing = "log" }
tolerance = 1e-6
method = "auto"
[stationary]
[[expect]]
quantity = "mass_error"
value = 0.0
atol = 1e-9
"""

PLANE = """
[grid]
x = { min = -2.0, max = 2.0, cells = 12 }
y = { min = -1.0, max = 1.0, cells = 10 }
[landscape]
kind = "quartic"
[noise]
kind = "tensor"
D = [[0.1, 0.02], [0.02, 0.05]]
[initial]
kind = "gaussian"
mean = [-1.0, 0.0]
covariance = [[0.04, 0.0], [0.0, 0.04]]
[evolve]
times = [0.1, 0.2]
"""


ESCAPE = LINE.replace(
    "[[expect]]",
    """[spectrum]
count = 2
[[passage]]
name = "over"
from = { centre = [-1.0], radius = 0.1 }
to = { centre = [1.0], radius = 0.25 }
[[expect]]""",
)

PLANE_ESCAPE = (
    PLANE
    + """
[[passage]]
name = "over"
from = { centre = [-1.0, 0.0], radius = 0.3 }
to = { halfplane = { normal = [1.0, 0.0], offset = 0.5 } }
"""
)


class Broken(NamedTuple):
    """A mutation of a good case, and what its message must contain."""

    name: str
    old: str
    new: str
    says: tuple[str, ...]
    base: str = LINE


def line(name: str, old: str, new: str, *says: str) -> Broken:
    return Broken(name, old, new, says)


def plane(name: str, old: str, new: str, *says: str) -> Broken:
    return Broken(name, old, new, says, PLANE)


def sgd(name: str, noise: str, table: str, *says: str) -> Broken:
    """Put a noise and a table [sgd] into the line."""
    given = f"{noise}\n[sgd]\n{table}" if table else noise
    return Broken(name, WHITE + '\nreading = "ito"', given, says)


def escape(name: str, old: str, new: str, *says: str) -> Broken:
    return Broken(name, old, new, says, ESCAPE)


def plane_escape(name: str, old: str, new: str, *says: str) -> Broken:
    return Broken(name, old, new, says, PLANE_ESCAPE)


def loss(name: str, formula: str, *says: str) -> Broken:
    return line(name, '"a * (x**2 - 1)**2"', f'"{formula}"', "landscape.loss", *says)


WHITE = 'kind = "white"\ntemperature = 0.1'
HESSIAN = 'kind = "hessian"'
RATES = "learning_rate = 0.1\nbatch_size = 8"
TIMES = '{ start = 0.1, stop = 1.0, count = 3, spacing = "log" }'
START = 'kind = "gaussian"\nmean = [-1.0]\nstd = [0.2]'
TO = "to = { centre = [1.0], radius = 0.25 }"
WELL = "[[quasi_stationary]]\nwell = "
EXPECT = 'quantity = "mass_error"\nvalue = 0.0\natol = 1e-9'

BROKEN = [
    # keys
    line("misspelt key", "cells", "cels", "grid.x.cels", 'did you mean "cells"', "min, max, cells"),
    line("unknown key", 'title = "line"', "colour = 3", "colour", "unknown key", "landscape"),
    line("misspelt table", "[stationary]", "[stationry]", "stationry", '"stationary"'),
    line(
        "unknown axis", "[landscape]", "z = { min = 0, max = 1, cells = 8 }\n[landscape]", "grid.z"
    ),
    line("key of another kind", "temperature = 0.1", "temperature = 0.1\nD = 1", "noise.D"),
    line("missing key", "temperature = 0.1", "", "noise.temperature", "missing"),
    line("missing cells", ", cells = 32", "", "grid.x.cells", "missing"),
    line("missing kind", 'kind = "white"\n', "", "noise.kind", "white, tensor, hessian"),
    line(
        "missing grid",
        '[grid]\nx = { min = -2.0, max = 2.0, cells = 32, walls = "reflecting" }',
        "",
        "grid",
        "missing table [grid]",
    ),
    line("missing noise", f'[noise]\n{WHITE}\nreading = "ito"', "", "missing table [noise]"),
    line("missing initial", f"[initial]\n{START}", "", "initial", "starts from a density"),
    line("key twice", "temperature = 0.1", "temperature = 0.1\ntemperature = 0.2", "TOML", "line"),
    # types
    line(
        "text for a number",
        "temperature = 0.1",
        'temperature = "0.1"',
        "noise.temperature",
        "number",
        '"0.1"',
    ),
    line("truth value for a number", "min = -2.0", "min = true", "grid.x.min", "number", "true"),
    line("fraction of a cell", "cells = 32", "cells = 32.5", "grid.x.cells", "integer", "32.5"),
    line("date for a number", "min = -2.0", "min = 1979-05-27", "grid.x.min", "1979-05-27"),
    line("number for a title", '"line"', "7", "title", "text", "7"),
    line("number for a table", f"[initial]\n{START}", "", "initial", "table")._replace(
        old='title = "line"', new="initial = 3", base=LINE.replace(f"[initial]\n{START}", "")
    ),
    line("table for a list", "[[expect]]", "[expect]", "expect", "[[expect]]"),
    line("text for a list", "mean = [-1.0]", 'mean = "left"', "initial.mean", "left"),
    line("number for a loss", '"a * (x**2 - 1)**2"', "3", "landscape.loss", "text"),
    # numbers
    line("nan", "max = 2.0", "max = nan", "grid.x.max", "finite", "nan"),
    line("inf", "temperature = 0.1", "temperature = inf", "noise.temperature", "finite", "inf"),
    line("huge integer", "temperature = 0.1", f"temperature = 1{'0' * 400}", "noise.temperature"),
    line("endless integer", "temperature = 0.1", f"temperature = {'9' * 5000}", "TOML", "integer"),
    line("min above max", "min = -2.0", "min = 3.0", "grid.x", "min < max", "3.0"),
    line("min equals max", "min = -2.0", "min = 2.0", "grid.x", "min < max"),
    line("one cell", "cells = 32", "cells = 1", "grid.x.cells", ">= 3", "got 1"),
    line("negative cells", "cells = 32", "cells = -5", "grid.x.cells", "-5"),
    line("too many cells", "cells = 32", "cells = 1000000000", "grid", "1e+09 cells"),
    line("zero temperature", "temperature = 0.1", "temperature = 0", "noise.temperature", "> 0"),
    line("zero tolerance", "tolerance = 1e-6", "tolerance = 0.0", "evolve.tolerance", "1e-11"),
    line("tiny tolerance", "tolerance = 1e-6", "tolerance = 1e-14", "evolve.tolerance", "1e-11"),
    line("huge tolerance", "tolerance = 1e-6", "tolerance = 5.0", "evolve.tolerance", "0.1"),
    line("parameter is nan", "a = 0.25", "a = nan", "landscape.parameters.a", "finite"),
    # choices
    line("unknown wall", '"reflecting"', '"reflectng"', "grid.x.walls", '"absorbing"', "reflectng"),
    line("one periodic wall", '"reflecting"', '["periodic", "reflecting"]', "grid.x", "periodic"),
    line(
        "three walls", '"reflecting"', '["reflecting", "reflecting", "absorbing"]', "grid.x.walls"
    ),
    line("unknown noise", '"white"', '"whyte"', "noise.kind", 'did you mean "white"'),
    line("unknown landscape", '"expression"', '"quartc"', "landscape.kind", '"quartic"', "known"),
    line("unknown reading", '"ito"', '"strat"', "noise.reading", '"stratonovich"'),
    line("unknown method", '"auto"', '"chebishev"', "evolve.method", 'did you mean "chebyshev"'),
    line("unknown start", 'kind = "gaussian"', 'kind = "gausian"', "initial.kind", "gaussian"),
    line("unknown spacing", '"log"', '"logarithmic"', "evolve.times.spacing", '"log"'),
    line("jumps without a scale", WHITE, 'kind = "levy"\nalpha = 1.5', "noise", "scale"),
    line(
        "inertia without friction",
        "[stationary]",
        '[dynamics]\nkind = "underdamped"\n[stationary]',
        "dynamics.friction",
        "missing key",
    ),
    # times
    line("times that go back", TIMES, "[1.0, 0.5]", "evolve.times", "increase"),
    line("time twice", TIMES, "[0.5, 0.5]", "evolve.times", "increase"),
    line("negative time", TIMES, "[-1.0, 0.5]", "evolve.times", ">= 0"),
    line("no times", TIMES, "[]", "evolve.times", "at least 1"),
    line("start above stop", "start = 0.1", "start = 2.0", "evolve.times", "start < stop"),
    line("logarithm of zero", "start = 0.1", "start = 0.0", "evolve.times", "start > 0"),
    line("one time in a range", "count = 3", "count = 1", "evolve.times.count", ">= 2"),
    line("endless times", "count = 3", "count = 1000000000", "evolve.times.count", "100000"),
    Broken(
        "too much output",
        "count = 3",
        "count = 100000",
        ("evolve.times", "GiB"),
        LINE.replace("cells = 32", "cells = 100000"),
    ),
    # the start
    line("mean outside", "mean = [-1.0]", "mean = [5.0]", "initial.mean.0", "outside", "5.0"),
    line("mean too long", "mean = [-1.0]", "mean = [-1.0, 0.0]", "initial.mean", "needs 1"),
    line("no width", "std = [0.2]", "", "initial", "std or covariance"),
    line("both widths", "std = [0.2]", "std = [0.2]\ncovariance = [[0.04]]", "initial", "either"),
    line("negative width", "std = [0.2]", "std = [-0.2]", "initial.std.0", "> 0"),
    line("wider than the grid", "std = [0.2]", "std = [9.0]", "initial", "inside"),
    line("delta outside", START, 'kind = "delta"\nmean = [-7.0]', "initial.mean.0", "outside"),
    plane("mean too short", "mean = [-1.0, 0.0]", "mean = [-1.0]", "initial.mean", "needs 2"),
    plane(
        "covariance not positive",
        "[[0.04, 0.0], [0.0, 0.04]]",
        "[[1.0, 2.0], [2.0, 1.0]]",
        "initial.covariance",
        "positive definite",
        "-1",
    ),
    plane(
        "covariance not symmetric",
        "[[0.04, 0.0], [0.0, 0.04]]",
        "[[1.0, 0.5], [0.4, 1.0]]",
        "initial.covariance",
        "symmetric",
    ),
    line(
        "missing result to start from",
        START,
        'kind = "file"\nfile = "none.h5"',
        "initial.file",
        "none.h5",
    ),
    line(
        "truncated result to start from",
        START,
        'kind = "file"\nfile = "cut.h5"',
        "initial.file",
        "cut.h5",
    ),
    line("text to start from", START, 'kind = "file"\nfile = "text.h5"', "initial.file", "text.h5"),
    # noise
    plane("tensor of a line", "[[0.1, 0.02], [0.02, 0.05]]", "0.1", "noise.D", "1 x 1", "2 x 2"),
    plane("ragged tensor", "[[0.1, 0.02], [0.02, 0.05]]", "[[0.1, 0.02], [0.02]]", "noise.D"),
    plane("tensor not positive", "0.05]]", "0.001]]", "noise.D", "cell (0, 0)", "eigenvalues"),
    plane("tensor not symmetric", "[0.02, 0.05]", "[0.03, 0.05]", "noise.D", "symmetric", "cell"),
    plane("tensor turns negative", "0.05]]", '"0.05 - 0.06*x"]]', "noise.D", "cell (", "x = "),
    plane("tensor of an unknown name", "0.05]]", '"0.05 * q"]]', "noise.D.1.1", "q"),
    line(
        "batch of nothing",
        WHITE,
        'kind = "hessian"\nlearning_rate = 0.1\nbatch_size = 0',
        "noise.batch_size",
        ">= 1",
    ),
    line(
        "no floor",
        WHITE,
        'kind = "hessian"\nlearning_rate = 0.1\nbatch_size = 1\nmodel = "absolute"',
        "noise.floor",
        "infinite",
    ),
    # hyper-parameters
    sgd("sgd alone", HESSIAN, "momentum = 0.9", "sgd.learning_rate", "sgd.batch_size", "missing"),
    sgd("no hyper-parameters", HESSIAN, "", "noise.learning_rate", "noise.batch_size", "[sgd]"),
    sgd(
        "two learning rates",
        HESSIAN + "\nlearning_rate = 0.2",
        RATES,
        "noise.learning_rate",
        "0.2",
        "sgd.learning_rate is 0.1",
    ),
    sgd(
        "size of the data in two readings",
        HESSIAN + "\ndataset_size = 100",
        RATES + "\ndataset_size = 100",
        "noise.dataset_size",
        "sgd.replacement",
    ),
    sgd("drawn from nowhere", HESSIAN, RATES + "\nreplacement = false", "sgd", "dataset_size"),
    sgd(
        "full batches",
        HESSIAN,
        RATES + "\nreplacement = false\ndataset_size = 8",
        "sgd",
        "batches of 8",
        "batch_size < dataset_size",
    ),
    sgd("momentum of one", HESSIAN, RATES + "\nmomentum = 1", "sgd.momentum", "< 1", "got 1"),
    sgd("negative decay", HESSIAN, RATES + "\nweight_decay = -1", "sgd.weight_decay", ">= 0"),
    sgd("unknown key of sgd", HESSIAN, RATES + "\nlr = 1", "sgd.lr", "unknown key", "momentum"),
    sgd("steps that diverge", HESSIAN, RATES.replace("0.1", "1.0"), "sgd.learning_rate", "below 1"),
    sgd("loss that vanishes", 'kind = "loss"', RATES, "noise.offset", "x = -1", "above 0"),
    sgd("no covariance", 'kind = "covariance"', RATES, "noise.covariance", "holds no covariance"),
    sgd(
        "covariance that turns negative",
        'kind = "covariance"\ncovariance = "x"',
        RATES,
        "noise.covariance",
        "cell (0,)",
    ),
    sgd(
        "rates of given noise",
        WHITE + '\nschedule = { learning_rate = "0.1/(1 + t)" }',
        RATES,
        "noise.schedule",
        "give noise of kind white a factor",
    )._replace(base=LINE.replace("[stationary]", "")),
    line(
        "epochs of white noise", "times = {", 'unit = "epochs"\ntimes = {', "evolve.unit", "[sgd]"
    ),
    line("unknown unit", "times = {", 'unit = "weeks"\ntimes = {', "evolve.unit", '"steps"'),
    sgd(
        "epochs of nothing",
        HESSIAN,
        RATES,
        "evolve.unit",
        "sgd.dataset_size",
    )._replace(base=LINE.replace("times = {", 'unit = "epochs"\ntimes = {')),
    line(
        "unequal schedule",
        "temperature = 0.1",
        "temperature = 0.1\nschedule = { times = [1, 2], factor = [0.5] }",
        "noise.schedule",
        "as many",
    ),
    line("schedule turns negative", "[stationary]", "", "noise.schedule", "positive")._replace(
        old="temperature = 0.1",
        new='temperature = 0.1\nschedule = "1 - 2*t"',
        base=LINE.replace("[stationary]", ""),
    ),
    line(
        "stationary under a schedule",
        "temperature = 0.1",
        'temperature = 0.1\nschedule = "exp(-t)"',
        "stationary",
        "schedule",
    ),
    line(
        "stationary behind absorbing walls", '"reflecting"', '"absorbing"', "stationary", "absorb"
    ),
    # landscapes and forces
    line(
        "plane landscape on a line",
        'kind = "expression"\nloss = "a * (x**2 - 1)**2"\nparameters = { a = 0.25 }',
        'kind = "mueller-brown"',
        "landscape.kind",
        "grid.y",
    ),
    line("turned line", "parameters =", "rotate = 30\nparameters =", "landscape.rotate", "plane"),
    line(
        "jump at a periodic wall", '"reflecting"', '"periodic"', "grid.x.walls", "periodic"
    )._replace(
        old='"a * (x**2 - 1)**2"', new='"a * x"', base=LINE.replace('"reflecting"', '"periodic"')
    ),
    line(
        "missing samples",
        'kind = "expression"\nloss = "a * (x**2 - 1)**2"\nparameters = { a = 0.25 }',
        'kind = "sampled"\nfile = "none.h5"',
        "landscape.file",
        "none.h5",
    ),
    line(
        "truncated samples",
        'kind = "expression"\nloss = "a * (x**2 - 1)**2"\nparameters = { a = 0.25 }',
        'kind = "sampled"\nfile = "cut.h5"',
        "landscape.file",
        "cut.h5",
    ),
    line(
        "force too long",
        "[stationary]",
        '[dynamics]\ndrift = { force = ["x", "1"] }',
        "dynamics.drift.force",
        "needs 1",
    ),
    line(
        "unknown drift",
        "[stationary]",
        '[dynamics]\ndrift = "downhill"',
        "dynamics.drift",
        '"gradient"',
    ),
    # expressions
    loss("name that is not there", "x**2 + q", "q"),
    loss("y on a line", "x**2 + y**2", "y"),
    loss("open bracket", "(x**2 - 1"),
    loss("blank", "   "),
    loss("attribute", "x.__class__.__mro__", "attribute"),
    loss("import", "__import__('os').system('touch /tmp/pwned')"),
    loss("unknown call", "open(x)", "open"),
    loss("eval", "eval(x)", "eval"),
    loss("lambda", "(lambda: x)()"),
    loss("subscript", "x[0]", "subscript"),
    loss("comprehension", "[x for x in (1,)]"),
    loss("tower of powers", "9**9**9**9"),
    loss("large power", "x**100000", "exponent"),
    loss("parentheses", "(" * 50_000 + "x" + ")" * 50_000, "characters"),
    loss("long sum", "+".join(["x"] * 40_000)),
    loss("caret", "x^2", "**"),
    loss("singular", "1 / x"),
    loss("not real", "sqrt(x)"),
    loss("statement", "x = 3"),
    line("parameter shadows x", "a = 0.25", "a = 0.25, x = 1.0", "landscape.loss", "'x'"),
    # passages, spectra, rates
    escape("passage without a name", 'name = "over"\n', "", "passage.0.name", "missing"),
    escape("slash in a name", '"over"', '"a/b"', "passage.0.name", "/"),
    escape("dot for a name", '"over"', '".."', "passage.0.name"),
    escape("empty name", '"over"', '""', "passage.0.name", "empty"),
    escape(
        "name twice",
        "[[expect]]",
        f"[[passage]]{ESCAPE.partition('[[passage]]')[2].partition('[[expect]]')[0]}[[expect]]",
        "passage.1.name",
        "already",
    ),
    escape("one passage", "[[passage]]", "[passage]", "passage", "[[passage]]"),
    escape("from misspelt", "from =", "frm =", "passage.0.frm", 'did you mean "from"'),
    escape("no way out", TO, "", "passage.0.to", "missing", "halfplane", "walls"),
    escape("no way in", "from = { centre = [-1.0], radius = 0.1 }", "", "passage.0.from"),
    escape("number for a set", TO, "to = 1.0", "passage.0.to", "halfplane", "1.0"),
    escape("walls misspelt", TO, 'to = "wals"', "passage.0.to", 'did you mean "walls"'),
    escape("walls that reflect", TO, 'to = "walls"', "passage.0.to", "absorbs"),
    escape("unknown set", TO, "to = { disc = [1.0] }", "passage.0.to.disc", "halfplane"),
    escape("two sets in one", TO, "to = { centre = 1, box = [[0, 1]] }", "passage.0.to", "one of"),
    escape("no set", TO, "to = { }", "passage.0.to", "one of", "basin"),
    escape("radius alone", TO, "to = { radius = 1 }", "passage.0.to", "centre"),
    escape("negative radius", "radius = 0.25", "radius = -1", "passage.0.to.radius", ">= 0"),
    escape("box turned over", TO, "to = { box = [[2, 1]] }", "passage.0.to", "low < high"),
    escape("half-plane of nothing", TO, "to = { halfplane = { offset = 1 } }", "normal", "missing"),
    escape(
        "half-plane without side", TO, "to = { halfplane = { normal = 0, offset = 1 } }", "zero"
    ),
    escape("set of the plane", "[1.0]", "[1.0, 0.0]", "passage.0.to.centre", "needs 1"),
    escape("set outside", "[1.0]", "[7.0]", "passage.0.to", "outside"),
    escape("start outside", "[-1.0], radius", "[-7.0], radius", "passage.0.from", "outside"),
    escape("from where it ends", TO, "to = { box = [[-1.5, 1.0]] }", "passage.0.from", "inside"),
    escape(
        "start is the end", "centre = [1.0], radius = 0.25", "centre = [-1.0], radius = 0.1", "same"
    ),
    escape("quadrature of text", TO, f'{TO}\nweight = "exact"', "passage.0.weight", '"quadrature"'),
    escape("number for a choice", TO, f"{TO}\nsurvival = 1", "passage.0.survival", "true or false"),
    escape("no modes", "count = 2", "count = 0", "spectrum.count", ">= 1"),
    escape("too many modes", "count = 2", "count = 51", "spectrum.count", "50"),
    escape("half a mode", "count = 2", "count = 2.5", "spectrum.count", "integer"),
    escape("cores of nothing", "[spectrum]", "[rates]\nradius = 0\n[spectrum]", "rates.radius"),
    escape(
        "escape under a schedule",
        "[stationary]",
        'noise.schedule = "exp(-t)"',
        "passage",
        "spectrum",
        "time",
    )._replace(
        old="temperature = 0.1",
        new='temperature = 0.1\nschedule = "exp(-t)"',
        base=ESCAPE.replace("[stationary]", ""),
    ),
    escape("rates behind absorbing walls", "[stationary]", "[rates]", "rates", "absorb")._replace(
        base=ESCAPE.replace('"reflecting"', '"absorbing"')
    ),
    escape(
        "reactive current out of the walls",
        TO,
        f"{TO}\nreactive = true",
        "passage.0.reactive",
        "absorb",
    )._replace(base=ESCAPE.replace('"reflecting"', '"absorbing"').replace("[stationary]", "")),
    escape(
        "reactive current of sets that touch",
        f"from = {{ centre = [-1.0], radius = 0.1 }}\n{TO}",
        "from = { box = [-2, 0] }\nto = { box = [0, 2] }\nreactive = true",
        "passage.0.reactive",
        "touch",
    ),
    escape("rates of a lone well", "[spectrum]", "[rates]\n[spectrum]", "rates", "minima")._replace(
        base=ESCAPE.replace("a * (x**2 - 1)**2", "a * x**2")
    ),
    escape(
        "well twice", "[spectrum]", f"{WELL}[-1.0]\n{WELL}[-1.0]\n[spectrum]", '"-1"', "already"
    ),
    escape("well of the plane", "[spectrum]", f"{WELL}[-1, 0]\n[spectrum]", "0.well", "1 entry"),
    escape("well outside", "[spectrum]", f"{WELL}-7\n[spectrum]", "stationary.0.well", "outside"),
    escape(
        "no well", "[spectrum]", "[[quasi_stationary]]\n[spectrum]", "0.well", "nearest minimum"
    ),
    escape("slash in a well", "[spectrum]", f'{WELL}-1\nname = "a/b"\n[spectrum]', "0.name", "/"),
    escape(
        "one table of wells", "[spectrum]", "[quasi_stationary]\nwell = -1\n[spectrum]", "[[quasi_"
    ),
    escape(
        "lone well", "[spectrum]", f"{WELL}0\n[spectrum]", "quasi_stationary", "two minima"
    )._replace(base=ESCAPE.replace("a * (x**2 - 1)**2", "a * x**2")),
    escape(
        "well under a schedule", "[stationary]", f"{WELL}-1", "quasi_stationary", "shape"
    )._replace(base=ESCAPE.replace("temperature = 0.1", 'temperature = 0.1\nschedule = "exp(-t)"')),
    escape(
        "expectation of another well",
        EXPECT,
        'quantity = "quasi_stationary.lft.rate"\nvalue = 1.0\nrtol = 0.1',
        "expect.0.quantity",
        "lft",
        "left",
    )._replace(base=ESCAPE.replace("[spectrum]", f'{WELL}-1\nname = "left"\n[spectrum]')),
    plane_escape(
        "point to reach",
        "{ halfplane = { normal = [1.0, 0.0], offset = 0.5 } }",
        "{ centre = [1.0, 0.0] }",
        "passage.0.to",
        "radius > 0",
    ),
    plane_escape("half-plane of a line", "[1.0, 0.0], offset", "[1.0], offset", "halfplane.normal"),
    plane_escape(
        "box of a line",
        "{ centre = [-1.0, 0.0], radius = 0.3 }",
        "{ box = [[-1, 0]] }",
        "passage.0.from.box",
        "2 entries",
    ),
    plane_escape(
        "quadrature in the plane",
        'name = "over"',
        'name = "over"\nweight = "quadrature"',
        "passage.0.weight",
        "1-D",
    ),
    plane_escape("far half-plane", "offset = 0.5", "offset = 9.0", "passage.0.to"),
    # expectations
    escape(
        "expectation of another passage",
        EXPECT,
        'quantity = "passage.ovr.mean"\nvalue = 1.0\nrtol = 0.1',
        "expect.0.quantity",
        "over",
    ),
    line("unknown quantity", '"mass_error"', '"mas_error"', "expect.0.quantity", '"mass_error"'),
    line("expectation without tolerance", "atol = 1e-9", "", "expect.0", "rtol or atol"),
    line("expectation of nothing", "value = 0.0\n", "", "expect.0", "value or prediction"),
    line(
        "unknown prediction",
        "value = 0.0",
        'prediction = "boltzman"',
        "expect.0.prediction",
        "boltzmann",
    ),
    line(
        "expectation of what is not computed",
        EXPECT,
        'quantity = "passage.a.mean"\nvalue = 1.0\nrtol = 0.1',
        "expect.0.quantity",
        "passage",
    ),
    # TOML
    line("no equals sign", "temperature = 0.1", "temperature 0.1", "TOML", "line"),
    line("open text", '"ito"', '"ito', "TOML", "line"),
    line("deep nesting", '"line"', "[" * 50_000, "nested"),
    line("nothing to do", "[stationary]", "", "nothing to compute")._replace(
        old=f'[evolve]\ntimes = {TIMES}\ntolerance = 1e-6\nmethod = "auto"\n',
        new="",
        base=LINE.replace("[stationary]", ""),
    ),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current folder with an old result and some broken data files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out.h5").write_bytes(b"precious")
    (tmp_path / "text.h5").write_text("not HDF5 at all")
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file["x"] = np.linspace(-2, 2, 400)
        file["loss"] = np.linspace(-2, 2, 400) ** 2
    whole = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def status_of(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return stop.value.code


def check(err: str, *says: str) -> None:
    """One message: short, without a traceback, with all that it must say."""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert len(err) < 1500
    for part in says:
        assert part in err


def test_the_bases_are_good(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k, text in enumerate((LINE, PLANE, ESCAPE, PLANE_ESCAPE)):
        Path("case.toml").write_text(text)
        assert status_of("run", "case.toml", "-o", f"good{k}.h5", "--quiet") == 0


def test_there_are_enough_of_them() -> None:
    assert len({b.name for b in BROKEN}) == len(BROKEN) >= 100


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: b.name.replace(" ", "-"))
def test_broken_case(broken: Broken, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert broken.old in broken.base, "the mutation does nothing"
    Path("case.toml").write_text(broken.base.replace(broken.old, broken.new, 1))
    before = sorted(os.listdir())
    assert status_of("run", "case.toml", "-o", "out.h5", "--force") == 2
    captured = capsys.readouterr()
    check(captured.err, "case.toml", *broken.says)
    assert captured.out == ""
    assert Path("out.h5").read_bytes() == b"precious"
    assert sorted(os.listdir()) == before


FILES = {
    "missing": (None, "cannot be read"),
    "empty": (b"", "empty"),
    "comment only": (b"# nothing\n", "missing table [grid]"),
    "binary": (bytes(range(256)), "not UTF-8"),
    "nul bytes": (LINE.encode() + b"\0", "TOML"),
    "utf-16": (LINE.encode("utf-16"), "not UTF-8"),
    "huge": (b"#" * 5_000_000, "at most"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "JSON": (b'{"grid": 1}', "TOML"),
    "includes itself": (b'include = "case.toml"', "include"),
    "includes nothing": (b'include = "none.toml"', "none.toml"),
    "include is a number": (b"include = 3", "include"),
}


@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES)
def test_file_that_is_no_case(
    content: bytes | None, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path("case.toml").write_bytes(content)
    assert status_of("run", "case.toml", "-o", "out.h5", "--force") == 2
    check(capsys.readouterr().err, "case.toml", says)
    assert Path("out.h5").read_bytes() == b"precious"


def test_folder_instead_of_a_case(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("case.toml").mkdir()
    assert status_of("run", "case.toml") == 2
    check(capsys.readouterr().err, "case.toml", "folder")


OVERRIDES = {
    "no equals sign": ("grid.x.cells", "key=value"),
    "no key": ("=3", "key=value"),
    "empty part": ("grid..cells=3", "key=value"),
    "misspelt": ("grid.x.cels=16", 'did you mean "cells"'),
    "wrong type": ("grid.x.cells=many", "grid.x.cells"),
    "into a value": ("title.x=3", "not a table"),
    "beyond a list": ("expect.7.atol=1", "expect.7.atol"),
    "name for an index": ("expect.first.atol=1", "index"),
    "unknown kind": ("noise.kind=pink", "noise.kind"),
    "hostile": ("landscape.loss=__import__('os')", "landscape.loss"),
    "deep": (f"title={'[' * 50_000}", "nested"),
}


@pytest.mark.parametrize(("override", "says"), OVERRIDES.values(), ids=OVERRIDES)
def test_broken_override(
    override: str, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("case.toml").write_text(LINE)
    assert status_of("run", "case.toml", "-o", "out.h5", "--force", "--set", override) == 2
    check(capsys.readouterr().err, says)
    assert Path("out.h5").read_bytes() == b"precious"


def test_existing_result_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("case.toml").write_text(LINE)
    assert status_of("run", "case.toml", "-o", "out.h5") == 2
    check(capsys.readouterr().err, "out.h5", "--force")
    assert Path("out.h5").read_bytes() == b"precious"


@pytest.mark.parametrize("output", ["nowhere/out.h5", "case.toml", "."])
def test_output_that_cannot_be_written(
    output: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("case.toml").write_text(LINE)
    assert status_of("run", "case.toml", "-o", output, "--force") == 2
    check(capsys.readouterr().err, output)
    assert Path("case.toml").read_text() == LINE


def test_all_mistakes_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = LINE.replace("cells = 32", 'cells = "32"').replace("std = [0.2]", "std = [0.0]")
    Path("case.toml").write_text(text.replace('"ito"', '"itto"'))
    assert status_of("run", "case.toml") == 2
    err = capsys.readouterr().err
    check(err, "3 mistakes", "grid.x.cells", "initial.std.0", "noise.reading")
    assert len(err.strip().splitlines()) == 4


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("cells = 32", "cells = true", "grid.x.cells"),
        ('"a * (x**2 - 1)**2"', "\"__import__('os').getcwd()\"", "landscape.loss"),
        pytest.param(
            '"a * (x**2 - 1)**2"', '"9**9**9**9"', "landscape.loss", marks=pytest.mark.slow
        ),
    ],
    ids=["type", "import", "power"],
)
def test_as_a_real_command(old: str, new: str, says: str, folder: Path) -> None:
    Path("case.toml").write_text(LINE.replace(old, new))
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "fokkerplanck.cli", "run", "case.toml", "-o", "out.h5"]
    done = subprocess.run(
        [*command, "--force", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    check(done.stderr, "case.toml", says)
    assert Path("out.h5").read_bytes() == b"precious"
