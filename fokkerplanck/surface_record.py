"""What outputs say of a sampled landscape: where it comes from, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import Landscape
    from fokkerplanck.landscapes.base import OnGrid
    from fokkerplanck.landscapes.leave_out import Estimate
    from fokkerplanck.landscapes.sampled import SampledLandscape

__all__ = ["box_grid", "path_share", "surface_json", "surface_of", "surface_of_file"]

Array = NDArray[np.float64]
#: errors of the loss above these parts of the barrier and of the noise are worth a caution
OF_BARRIER, OF_NOISE = 0.02, 0.1
#: so is an error of the covariance above this part of it
OF_COVARIANCE = 0.1
#: noise at a minimum below this part of that at the saddle: hardly anything leaves
FAINT = 0.01
#: a share of the path below this one is worth a caution
SHARE = 0.9
#: cells along an axis for critical points of a file that has no grid
FEWEST_CELLS, MOST_CELLS = 48, 128
TINY = float(np.finfo(np.float64).tiny)
#: attributes of the file that a result repeats
KEPT: tuple[str, ...] = ("share", "network", "data", "directions", "layout", "coordinates")
KEPT += ("anchors", "anchor_names", "trajectory_shares")
#: directions that hold their anchors whatever these are: no share of a path
THROUGH = "minima"


def surface_of(landscape: Landscape) -> SampledLandscape | None:
    """Find the samples below weight decay, turns and shifts; None for other landscapes."""
    from fokkerplanck.landscapes.sampled import SampledLandscape

    inner: Any = landscape
    while not isinstance(inner, SampledLandscape):
        inner = getattr(inner, "original", None)
        if inner is None:
            return None
    return inner


def surface_json(problem: OnGrid, wells: Mapping[str, Any]) -> dict[str, Any]:
    """Part "landscape.interpolation" of the JSON object of a run; None without samples.

    Parameters
    ----------
    problem : Problem or Levy
    wells : mapping
        Part "landscape": minima and saddles.
    """
    surface = surface_of(problem.landscape)
    if surface is None:
        return {"interpolation": None}
    noise = getattr(problem, "noise", None)  # long jumps have none of the kinds of `noise`
    floor = float(getattr(noise, "floor", None) or 0.0)
    measured = noise is not None and noise.kind == "covariance"
    measured = measured and getattr(noise, "entries", 0) is None
    found = _about(surface, wells, problem.landscape.bare, floor)
    error = found["loss"]
    found["relative_to_noise"] = None
    places = [p["position"] for kind in ("minima", "saddles") for p in wells[kind]]
    if error is not None and places and noise is not None:
        d = noise.at(problem.landscape, problem.grid, np.array(places))
        size = np.trace(d, axis1=-2, axis2=-1) / problem.grid.dim
        found["relative_to_noise"] = error["relevant"] / float(np.exp(np.log(size + TINY).mean()))
    found["floor"] = floor if measured else None
    found["cautions"] = _cautions(found, measured=measured)
    return {"interpolation": found}


def surface_of_file(path: str | Path) -> dict[str, Any]:
    """Return what ``info --json`` prints of a sampled landscape, complete or not.

    Raises
    ------
    DataError
        A file that cannot be read, or whose arrays do not fit together.
    """
    from fokkerplanck.landscapes import critical_points, load_sampled
    from fokkerplanck.landscapes.sampled import FEWEST
    from fokkerplanck.landscapes.surface_file import read_surface
    from fokkerplanck.record import critical_json

    raw = read_surface(path, FEWEST, complete=False)
    holes = [h for name in ("loss", "gradient", "covariance", "hessian") if (h := raw.holes(name))]
    finite = raw.loss[np.isfinite(raw.loss)]
    base: dict[str, Any] = {
        "file": str(path),
        "kind": "sampled landscape",
        "complete": not holes,
        "holes": holes,
        "attributes": raw.attributes,
        "datasets": [
            n for n in ("gradient", "covariance", "hessian") if getattr(raw, n) is not None
        ],
        "range": [float(finite.min()), float(finite.max())] if finite.size else None,
        "samples": list(raw.loss.shape),
        "box": [[float(a[0]), float(a[-1])] for a in raw.axes],
        "minima": [],
        "saddles": [],
        "interpolation": None,
    }
    if holes:
        return base
    surface = load_sampled(path)
    points = [
        critical_json(p) | {"kind": p.kind} for p in critical_points(surface, box_grid(surface))
    ]
    for name, kind in (("minima", "minimum"), ("saddles", "saddle")):
        base[name] = [
            {k: v for k, v in p.items() if k != "kind"} for p in points if p["kind"] == kind
        ]
    found = _about(surface, base, surface, 0.0)
    found["hessian_disagreement"] = _hessians(surface)
    found["cautions"] = _cautions(found, measured=True)
    return base | {"interpolation": found}


def path_share(about: Mapping[str, Any]) -> float | None:
    """Part of the squared displacement of training that the line or plane holds; None: unknown.

    The smallest, where several trainings are recorded. The share of anchors says nothing: a plane
    through three minima always holds all of them.
    """
    shares = about.get("trajectory_shares")
    if isinstance(shares, list) and shares:
        return float(min(shares))
    share = about.get("share")
    if about.get("directions") == THROUGH or not isinstance(share, float | int):
        return None
    return float(share)


def box_grid(surface: SampledLandscape, cells: int | None = None) -> Grid:
    """Make a grid over the whole box of the samples, finer than they are."""
    from fokkerplanck.grid import Axis, Grid

    axes = []
    for name, axis in zip("xy", surface.axes, strict=False):
        count = cells or min(max(2 * len(axis), FEWEST_CELLS), MOST_CELLS)
        axes.append(Axis(float(axis[0]), float(axis[-1]), count, name=name))
    return Grid(tuple(axes))


def _about(
    surface: SampledLandscape, wells: Mapping[str, Any], bare: Landscape, floor: float
) -> dict[str, Any]:
    """All that is known without a problem."""
    from fokkerplanck.landscapes.gradient_check import disagreement

    saddles = [p["loss"] for p in wells["saddles"]]
    minima = [p["loss"] for p in wells["minima"]]
    level = max(saddles, default=None)
    errors = surface.interpolation_error(np.inf if level is None else level)
    check, scores = disagreement(surface), surface.prediction_errors
    loss = errors["loss"]
    heights = [s - min(minima) for s in saddles] if minima else []
    real = [h for h in heights if loss is None or h > loss.relevant]
    barrier = min(real, default=None)
    relative = None if loss is None or not barrier else loss.relevant / barrier
    return {
        "file": surface.source,
        "attributes": {k: v for k, v in surface.attributes.items() if k in KEPT},
        "samples": list(surface.values.shape),
        "box": [[float(a[0]), float(a[-1])] for a in surface.axes],
        "method": surface.interpolation,
        "prediction_errors": None if scores is None else list(scores),
        "level": level,
        "barrier": barrier,
        "doubtful_saddles": len(heights) - len(real),
        **{name: _plain(found) for name, found in errors.items()},
        "relative_to_barrier": relative,
        "gradient_disagreement": None if check is None else check.json(),
        "covariance_problem": surface.covariance_problem,
        "noise": _noise(surface, wells, bare, floor, 0.0 if loss is None else loss.relevant),
    }


def _plain(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else found.json()


def _noise(
    surface: SampledLandscape,
    wells: Mapping[str, Any],
    bare: Landscape,
    floor: float,
    resolved: float,
) -> dict[str, Any] | None:
    """Size of the gradient noise at the minima, beside that at the lowest saddle."""
    if surface.covariance_samples is None or surface.covariance_problem is not None:
        return None
    smallest = float(np.linalg.eigvalsh(surface.covariance_samples)[..., 0].min())
    told: dict[str, Any] = {"smallest_eigenvalue": smallest, "minima": []}
    if not wells["saddles"]:
        return told
    bottom = min((p["loss"] for p in wells["minima"]), default=-np.inf)
    passes = [p for p in wells["saddles"] if p["loss"] - bottom > resolved] or wells["saddles"]
    saddle = min(passes, key=lambda p: p["loss"])
    try:
        at_saddle = _trace(bare, saddle["position"], floor)
        for p in wells["minima"]:
            size = _trace(bare, p["position"], floor)
            row = {"position": p["position"], "trace": size, "ratio": size / at_saddle}
            told["minima"].append(row)
    except CaseError:  # singular without a floor: the smallest eigenvalue says so
        return told
    return told | {"saddle": {"position": saddle["position"], "trace": at_saddle}}


def _trace(landscape: Landscape, place: Sequence[float], floor: float) -> float:
    return float(np.trace(landscape.covariance(np.array(place), floor)))


def _hessians(surface: SampledLandscape) -> float | None:
    """Root mean square difference of measured and derived Hessians, relative to the measured."""
    measured = surface.hessian_samples
    if measured is None or not measured.any():
        return None
    wrong = surface.hessian(surface.lattice) - measured
    return float(np.sqrt((wrong**2).mean() / (measured**2).mean()))


def _cautions(found: Mapping[str, Any], *, measured: bool) -> list[str]:
    """Say what a reader must know before numbers are believed."""
    told = []
    about = found["attributes"]
    share = path_share(about)
    if share is not None and share < SHARE:
        told.append(
            f"the line or plane holds {100 * share:.2g} % of the squared displacement of the "
            "weights: what happens outside of it is not described"
        )
    if about.get("layout") == "loss-landscape tool":
        told.append(f"coordinates are {about['coordinates']}")
    loss = found["loss"]
    if loss is None:
        told.append("too few samples (fewer than 7 along an axis) to estimate errors between them")
    else:
        told += _coarse(found, loss)
    if found["method"] == "values" and (scores := found["prediction_errors"]) is not None:
        told.append(
            "the measured gradients are not used: with them, losses of samples left out are "
            f"predicted to {scores[1]:.1e}, without to {scores[0]:.1e}"
        )
    return told + (_noisy(found) if measured else [])


def _coarse(found: Mapping[str, Any], loss: Mapping[str, Any]) -> list[str]:
    told, parts = [], []
    if count := found["doubtful_saddles"]:
        told.append(
            f"{count} of the saddles lie no higher above the lowest minimum than the loss is off "
            f"between the samples ({loss['relevant']:.2g}): those wells may not be there"
        )
    for key, most, of in (
        ("relative_to_barrier", OF_BARRIER, "the lowest barrier"),
        ("relative_to_noise", OF_NOISE, "the noise"),
    ):
        if (value := found.get(key)) is not None and value > most:
            parts.append(f"{value:.2g} of {of}")
    if not parts:
        return told
    upper = " at most" if loss["order"] is None else ""
    return [
        *told,
        f"between the samples the loss is off by {loss['relevant']:.2g}{upper}, "
        f"{' and '.join(parts)}: sample more densely",
    ]


def _noisy(found: Mapping[str, Any]) -> list[str]:
    told = []
    if (problem := found["covariance_problem"]) is not None:
        told.append(problem)
    error = found["covariance"]
    if error is not None and error["relative"] > OF_COVARIANCE:
        told.append(
            f"between the samples the covariance is off by up to {error['relative']:.2g} of its "
            "own size: sample more densely, or give a floor"
        )
    rows = (found["noise"] or {}).get("minima", [])
    for row in rows:
        if row["ratio"] < FAINT:
            place = ", ".join(f"{c:.3g}" for c in row["position"])
            told.append(
                f"the gradient noise all but vanishes at the minimum ({place}): "
                f"{row['ratio']:.1e} of that at the saddle; hardly anything leaves it"
            )
    return told
