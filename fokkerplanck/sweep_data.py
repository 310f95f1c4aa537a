"""What a sweep found: the points, their quantities, and the closed forms beside them."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import expect
from fokkerplanck.errors import CaseError
from fokkerplanck.sweep_scalars import is_number, numbers_of

if TYPE_CHECKING:
    from fokkerplanck.sweep_fit import Fit

__all__ = ["STATUSES", "Header", "Outcome", "SweepResult"]

Array = NDArray[Any]

STATUSES = ("done", "failed", "crashed")
#: keys of a run's JSON that say where and how long, not what
OF_THE_MOMENT = ("case", "output", "wall_seconds")


@dataclass(frozen=True)
class Header:
    """What is known of a sweep before anything is computed.

    Parameters
    ----------
    title : str
    case : str
        Canonical TOML of the case that is varied.
    keys : tuple of str
        Dotted keys that are varied.
    values : tuple of tuple
        The values of each.
    zipped : bool
        Whether the points are these values side by side; otherwise they are the full grid, the
        last key running fastest.
    points : str
        Hash of the cases of all points.
    data : mapping of str to str
        Hashes of the data files that the cases name.
    versions : mapping of str to str
        Of what can change the numbers.
    """

    title: str
    case: str
    keys: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    zipped: bool
    points: str
    data: Mapping[str, str]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Header:
        """Make a header from its `json`."""
        lists = {"keys": tuple(data["keys"]), "values": tuple(map(tuple, data["values"]))}
        return cls(**{**{k: data[k] for k in cls.__dataclass_fields__}, **lists})

    def json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each key; of a zipped sweep, the number of points."""
        lengths = tuple(map(len, self.values))
        return lengths[:1] if self.zipped else lengths

    @property
    def count(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @property
    def case_hash(self) -> str:
        """SHA-256 of the case that is varied."""
        return hashlib.sha256(self.case.encode()).hexdigest()

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the values of every point, in order."""
        pair = zip(*self.values, strict=True) if self.zipped else itertools.product(*self.values)
        return list(pair)


@dataclass(frozen=True)
class Outcome:
    """What became of one point.

    Parameters
    ----------
    status : str
        ``"done"``; ``"failed"`` when the case or the numerics refused; ``"crashed"`` when the
        process died or met something unforeseen: ``--resume`` tries such a point again.
    message : str
        What went wrong; empty when nothing did.
    result : dict or None
        The JSON object of the run, without what changes from run to run.
    """

    status: str
    message: str = ""
    result: dict[str, Any] | None = None

    def json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"status": self.status, "message": self.message, "result": self.result}

    @classmethod
    def done(cls, summary: Mapping[str, Any]) -> Outcome:
        """Return the outcome of a run that went well."""
        return cls("done", "", {k: v for k, v in summary.items() if k not in OF_THE_MOMENT})


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A sweep, whole or as far as it has come.

    Parameters
    ----------
    header : Header
    outcomes : mapping of int to Outcome
        By index of the point.
    path : Path or None
        The file it is in.
    """

    header: Header
    outcomes: Mapping[int, Outcome] = field(repr=False)
    path: Path | None = None

    def __len__(self) -> int:
        return self.header.count

    @property
    def title(self) -> str:
        """Title of the case."""
        return self.header.title

    @cached_property
    def status(self) -> list[str]:
        """Status of every point; ``"missing"`` where it has not been reached."""
        absent = Outcome("missing")
        return [self.outcomes.get(k, absent).status for k in range(len(self))]

    @property
    def messages(self) -> dict[int, str]:
        """What went wrong, by index of the point."""
        return {k: o.message for k, o in sorted(self.outcomes.items()) if o.message}

    def tally(self) -> dict[str, int]:
        """Count the points of each status."""
        return {s: n for s in (*STATUSES, "missing") if (n := self.status.count(s))}

    @cached_property
    def varied(self) -> dict[str, Array]:
        """Value of every varied key at every point: numbers, or objects where they are none."""
        columns = zip(*self.header.rows(), strict=True)
        return {k: _column(c) for k, c in zip(self.header.keys, columns, strict=True)}

    @cached_property
    def scalars(self) -> dict[str, NDArray[np.float64]]:
        """Every number of every point's JSON, by its dotted path; nan where there is none.

        Predictions are ``expect.QUANTITY.PREDICTION``.
        """
        found: dict[str, NDArray[np.float64]] = {}
        for k in sorted(self.outcomes):
            for name, value in numbers_of(self.outcomes[k].result or {}):
                if name not in found:
                    found[name] = np.full(len(self), np.nan)
                found[name][k] = value
        return {name: found[name] for name in sorted(found) if name not in self.header.keys}

    @property
    def table(self) -> dict[str, Array]:
        """Varied keys, all quantities and the status, each an array over the points."""
        return {**self.varied, **self.scalars, "status": np.array(self.status)}

    def quantity(self, path: str) -> NDArray[np.float64]:
        """Return one number of every point, nan where there is none.

        Parameters
        ----------
        path : str
            Dotted path into the JSON of a run, negative indices included.

        Raises
        ------
        CaseError
            When no point has it.
        """
        if path in self.scalars:
            return self.scalars[path]
        found = np.full(len(self), np.nan)
        problem: CaseError | None = None
        known = False
        for k, outcome in self.outcomes.items():
            if outcome.result is None:
                continue
            try:
                value = expect.lookup(outcome.result, path, key="--quantity")
            except CaseError as error:
                problem = problem or error
                continue
            if value is not None and not is_number(value):
                msg = f'"{path}" is not one number'
                raise CaseError(msg, key="--quantity")
            known = True
            found[k] = np.nan if value is None else value
        if problem is not None and not known:
            raise problem
        return found

    def fit(
        self, quantity: str | None = None, against: str | None = None, scale: str | None = None
    ) -> tuple[Fit, ...]:
        """Fit straight lines to logarithms; see `fokkerplanck.sweep_fit.fits`."""
        from fokkerplanck.sweep_fit import fits

        return fits(self, quantity, against=against, scale=scale)

    def json(self, fitted: Sequence[Fit] = ()) -> dict[str, Any]:
        """Return the JSON object of ``fokkerplanck sweep``."""
        rows = self.header.rows()
        points = []
        for k, row in enumerate(rows):
            outcome = self.outcomes.get(k, Outcome("missing"))
            values = dict(zip(self.header.keys, row, strict=True))
            found = {n: None if np.isnan(c[k]) else float(c[k]) for n, c in self.scalars.items()}
            points.append(
                {
                    "values": values,
                    "status": outcome.status,
                    "message": outcome.message,
                    "quantities": found if outcome.status == "done" else {},
                }
            )
        return {
            "file": str(self.path) if self.path else None,
            "title": self.title,
            "vary": dict(zip(self.header.keys, map(list, self.header.values), strict=True)),
            "zip": self.header.zipped,
            "shape": list(self.header.shape),
            "tally": self.tally(),
            "points": points,
            "fits": [fit.json() for fit in fitted],
        }

    def _repr_html_(self) -> str:
        from html import escape

        tally = ", ".join(f"{n} {status}" for status, n in self.tally().items())
        shape = " x ".join(map(str, self.header.shape))
        lines = "".join(
            f"<tr><td>{escape(f.quantity)}</td><td>{escape(f.against)}</td>"
            f"<td>{f.line.slope:.6g}</td><td>{f.line.slope_error:.1g}</td></tr>"
            for f in self.fit()
        )
        head = "<tr><th>quantity</th><th>against</th><th>slope</th><th>&plusmn;</th></tr>"
        what = f"<p><b>{escape(self.title)}</b> {shape} points: {tally}</p>"
        return what + (f"<table>{head}{lines}</table>" if lines else "")


def _column(values: Sequence[Any]) -> Array:
    if all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return np.array(values, dtype=np.int64 if max(map(abs, values)) < 2**63 else np.float64)
    if all(is_number(v) and not isinstance(v, bool) for v in values):
        return np.array(values, dtype=np.float64)
    made = np.empty(len(values), dtype=object)
    made[:] = [list(v) if isinstance(v, (list, tuple)) else v for v in values]
    return made
