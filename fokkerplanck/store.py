"""Results on disk: HDF5 with netCDF dimension scales, opened here lazily and read-only.

Layout, all dimensionless, axis order ``(time, x, y)``:

======================  =========================================================================
``/``                   ``time`` (unlimited), ``x``, ``y``, ``component``, ``row``, ``column``;
                        ``density(time, x, y)``, ``current(time, x, y, component)``,
                        ``loss(x, y)``, ``diffusion(x, y, row, column)``, ``initial(x, y)``;
                        per time: ``mass``, ``minimum``, ``time_error``, ``clipped``,
                        ``products``, ``solves``, ``method``; of an ensemble the attribute
                        ``walkers`` and ``density_error(time, x, y)``, and no ``current``
``/stationary``         ``density(x, y)``, ``current(x, y, component)``
``/observables``        ``mean``, ``covariance``, ``basin_mass`` and more, per time
``/passage/NAME``       ``log10_time(x, y)``, ``source(x, y)``, ``target(x, y)``,
                        ``committor(x, y)``, ``committor_backward(x, y)``,
                        ``reactive_current(x, y, component)``, ``survival(passage_time)``;
                        its numbers are attributes
``/spectrum``           ``rate(mode)``, ``frequency(mode)``, ``log10_rate(mode)``,
                        ``error(mode)``, ``right(mode, x, y)``, ``left(mode, x, y)``
``/rates``              ``rate(well, to_well)``, ``log10_rate(well, to_well)``,
                        ``population(well)``, ``position(well, component)``
``/case``               ``text`` (canonical TOML), ``summary`` (the JSON of ``run``), provenance
``/checkpoint``         the last cell masses, bit for bit, in two slots used in turn
heavy-tailed noise      ``jump_current(time, x, component)``, the part of the current that jumps
                        far; the attributes ``alpha``, ``scale``, ``temperature`` (also the one
                        of ``diffusion``), ``outside``; ``/stationary`` without current, with the
                        mass ``outside`` of the grid and its tails as attributes; see
                        `fokkerplanck.layout.LEVY_SCALARS`
underdamped motion      axes ``x`` and ``v``; ``loss(x)``, ``energy(x, v)``, ``diffusion(row,
                        column)``; per time moments, ``entropy_production`` and what is barely
                        resolved, see `fokkerplanck.layout.KINETIC_SCALARS`; the attributes
                        ``friction``, ``mass``, ``temperature``, ``modes``; in ``/stationary``
                        ``reversible`` and ``irreversible``; ``/checkpoint`` holds modes
======================  =========================================================================

While a run goes on the file is called ``NAME.part``; what was written before a crash or a kill
can be read from it, and ``run --resume`` goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.stored_escape import (
    StoredPassage,
    StoredQuasiStationary,
    StoredRates,
    StoredSpectrum,
)

__all__ = ["FORMAT", "FORMAT_VERSION", "StoredResult", "StoredStationary", "part_path", "read"]

Array = NDArray[np.float64]

#: Value of the root attribute ``format``: how a file is known to be ours.
FORMAT = "fokkerplanck result"
#: Raised by one when a reader of the old layout would misread the new one.
FORMAT_VERSION = 2
#: Name of the axis of velocities, and what stands for its walls: it has none.
VELOCITY, OPEN = "v", "none"


def read(path: str | Path) -> StoredResult:
    """Open a result file.

    Parameters
    ----------
    path : str or Path
        A file written by ``run``, finished or not (``NAME.h5.part``).

    Returns
    -------
    StoredResult
        Close it, or use it in a ``with`` statement.

    Raises
    ------
    DataError
        When the file is missing, damaged, or not a result of this program.
    """
    path = Path(path)
    handle = _open(path)
    try:
        _check_format(handle, path)
        return StoredResult(path, handle)
    except BaseException:
        handle.close()
        raise


def part_path(path: str | Path) -> Path:
    """Name of the file while the run goes on: ``NAME.part`` beside it."""
    path = Path(path)
    return path.with_name(path.name + ".part")


@dataclass(frozen=True, eq=False)
class StoredStationary:
    """Stationary density and current of a stored result.

    Parameters
    ----------
    density : ndarray, shape (*shape,)
        Stationary density.
    current : ndarray, shape (*shape, dim), or None
        Its probability current at cell centres; None under heavy-tailed noise.
    entropy_production : float
        Schnakenberg sum over links, per unit time; nan under heavy-tailed noise.
    reversible, irreversible : ndarray, shape (*shape, dim), or None
        Parts of the current of underdamped motion.
    """

    density: Array
    current: Array | None
    entropy_production: float
    reversible: Array | None = None
    irreversible: Array | None = None


@dataclass(frozen=True, eq=False)
class StoredResult:
    """A result file, read piece by piece when asked.

    Parameters
    ----------
    path : Path
        Where it is.
    file : h5py.File
        The open handle, for what has no name here.
    """

    path: Path
    file: Any = field(repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self.file.close()

    @cached_property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the root group, as plain Python values."""
        with _reading(self.path):
            return {k: _plain(v) for k, v in self.file.attrs.items()}

    @property
    def title(self) -> str:
        """Title of the case."""
        return str(self.attrs.get("title", ""))

    @property
    def complete(self) -> bool:
        """Whether the run reached its end."""
        return self.attrs.get("status") == "complete"

    @property
    def nbytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size

    @cached_property
    def grid(self) -> Grid:
        """The grid of cells."""
        with _reading(self.path):
            names = [_text(n) for n in self.file.attrs["axes"]]
            return Grid(tuple(_axis(self.file[name], name) for name in names))

    @cached_property
    def times(self) -> Array:
        """Times of the snapshots, shape (n,)."""
        return self._array("time")

    @cached_property
    def loss(self) -> Array:
        """The loss at cell centres, shape (*shape,); of underdamped motion along x alone."""
        return self._array("loss")

    @cached_property
    def diffusion(self) -> Array:
        """Diffusion tensor at cell centres, shape (*shape, dim, dim), or one for all of them."""
        return self._array("diffusion")

    @property
    def underdamped(self) -> bool:
        """Whether densities are those of position and velocity."""
        return self.grid.names[-1] == VELOCITY

    @property
    def heavy_tailed(self) -> bool:
        """Whether walkers jump far."""
        return "alpha" in self.attrs

    @cached_property
    def energy(self) -> Array | None:
        """Kinetic energy and loss at cell centres of underdamped motion, shape (*shape,)."""
        return self._array("energy") if "energy" in self.file else None

    @property
    def relief(self) -> Array:
        """What wells and contours are those of: the energy of underdamped motion, or the loss."""
        return self.loss if self.energy is None else self.energy

    @cached_property
    def initial(self) -> Array | None:
        """Density at the start, shape (*shape,), if the case has one."""
        return self._array("initial") if "initial" in self.file else None

    def density(self, k: int) -> Array:
        """Density of snapshot `k` (negative counts from the end), shape (*shape,)."""
        return self._array("density", self._snapshot(k))

    def current(self, k: int) -> Array | None:
        """Probability current of snapshot `k` at cell centres, shape (*shape, dim)."""
        if "current" not in self.file:
            return None
        return self._array("current", self._snapshot(k))

    @property
    def walkers(self) -> int | None:
        """Number of walkers of an ensemble; None where the density was solved for."""
        walkers = self.attrs.get("walkers")
        return None if walkers is None else int(walkers)

    def density_error(self, k: int) -> Array | None:
        """Return the standard error, by sampling, of density `k`; None without walkers."""
        if "density_error" not in self.file:
            return None
        return self._array("density_error", self._snapshot(k))

    def index_of(self, time: float) -> int:
        """Index of the snapshot at `time`, to 1e-9 relative; `CaseError` when there is none."""
        times = self.times
        if times.size:
            k = int(np.argmin(np.abs(times - time)))
            if abs(times[k] - time) <= 1e-9 * max(abs(time), abs(times[k])):
                return k
        known = ", ".join(f"{t:.10g}" for t in times) if times.size else "none"
        msg = f"no snapshot at t = {time:g}; this file has: {known}"
        raise CaseError(msg, file=str(self.path), key="time")

    @cached_property
    def stationary(self) -> StoredStationary | None:
        """Stationary density and current, if they were computed."""
        if "stationary" not in self.file:
            return None
        with _reading(self.path):
            group = self.file["stationary"]
            return StoredStationary(
                group["density"][...],
                group["current"][...] if "current" in group else None,
                float(group.attrs.get("entropy_production", np.nan)),
                *(group[n][...] if n in group else None for n in ("reversible", "irreversible")),
            )

    @cached_property
    def passages(self) -> tuple[str, ...]:
        """Names of the passages that were computed, in the order of the case."""
        if "passage" not in self.file:
            return ()
        with _reading(self.path):
            group = self.file["passage"]
            return tuple(sorted(group, key=lambda name: int(group[name].attrs["index"])))

    def passage(self, name: str) -> StoredPassage:
        """Read the passage of that name; `CaseError` when there is none."""
        if name not in self.passages:
            known = ", ".join(f'"{n}"' for n in self.passages) or "none"
            msg = f'no passage "{name}"; this file has: {known}'
            raise CaseError(msg, file=str(self.path), key="passage")
        with _reading(self.path):
            group = self.file["passage"][name]
            facts = {k: _plain(v) for k, v in group.attrs.items()}
            return StoredPassage.of(name, group, facts)

    @cached_property
    def spectrum(self) -> StoredSpectrum | None:
        """Slowest modes, if they were computed."""
        with _reading(self.path):
            return StoredSpectrum.of(self.file["spectrum"]) if "spectrum" in self.file else None

    @cached_property
    def rates(self) -> StoredRates | None:
        """Rates between the wells, if they were computed."""
        with _reading(self.path):
            return StoredRates.of(self.file["rates"]) if "rates" in self.file else None

    @cached_property
    def quasi_stationary(self) -> dict[str, StoredQuasiStationary]:
        """Densities of wells before they are left, by name, in the order of the case."""
        if "quasi_stationary" not in self.file:
            return {}
        made = []
        with _reading(self.path):
            for name, group in self.file["quasi_stationary"].items():
                facts = {k: _plain(v) for k, v in group.attrs.items()}
                arrays = group["density"][...], group["well"][...]
                made.append(StoredQuasiStationary(name, facts, *arrays))
        return {q.name: q for q in sorted(made, key=lambda q: int(q.facts["index"]))}

    @cached_property
    def case_text(self) -> str:
        """The case as canonical TOML."""
        with _reading(self.path):
            return _text(self.file["case/text"][()])

    @cached_property
    def summary(self) -> str | None:
        """What ``run --json`` printed, if the run ended."""
        with _reading(self.path):
            return _text(self.file["case/summary"][()]) if "case/summary" in self.file else None

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Who made it, with what and when: the attributes of ``/case`` and its ``versions``."""
        with _reading(self.path):
            case = self.file["case"]
            out = {k: _plain(v) for k, v in case.attrs.items()}
            if "versions" in case:
                out["versions"] = {k: _plain(v) for k, v in case["versions"].attrs.items()}
            return out

    def _snapshot(self, k: int) -> int:
        n = self.times.size
        if not -n <= k < n:
            msg = f"snapshot {k} does not exist: the file has {n}"
            raise CaseError(msg, file=str(self.path))
        return k % n

    def _array(self, name: str, index: Any = ...) -> Array:
        with _reading(self.path):
            if name not in self.file:
                msg = f"{self.path}: has no dataset {name!r}"
                raise DataError(msg)
            return np.asarray(self.file[name][index], dtype=np.float64)

    def _repr_html_(self) -> str:
        last = f"{self.times[-1]:g}" if self.times.size else "-"
        rows = (
            ("file", self.path),
            ("title", self.title),
            ("grid", " x ".join(map(str, self.grid.shape))),
            ("snapshots", f"{self.times.size}, last at t = {last}"),
            ("stationary", "yes" if "stationary" in self.file else "no"),
            ("status", self.attrs.get("status", "")),
        )
        return (
            "<table>" + "".join(f"<tr><th>{k}</th><td>{v}</td></tr>" for k, v in rows) + "</table>"
        )


def _open(path: Path) -> Any:
    if not path.exists():
        msg = f"{path}: no such file"
        if part_path(path).exists():
            msg += f"; an unfinished run left {part_path(path).name} (go on with run --resume)"
        raise DataError(msg)
    if path.is_dir():
        msg = f"{path}: is a directory, not a result file"
        raise DataError(msg)
    with _reading(path):
        if not h5py.is_hdf5(path):
            msg = f"{path}: is not an HDF5 file"
            raise DataError(msg)
        return h5py.File(path, "r", locking="best-effort", swmr=_in_writing(path))


def _in_writing(path: Path) -> bool:
    """Whether a run is writing the file, or was killed: only then it needs the shared mode.

    Shared mode retries damaged metadata for hours, so a file cut short must not get there.
    See "Superblock version 3" in the HDF5 file format specification: version, flags, end of file.
    """
    with path.open("rb") as file:
        head = file.read(36)
    if len(head) < 36 or head[8] != 3 or not head[11] & 1:
        return False
    end = int.from_bytes(head[28:36], "little")
    if path.stat().st_size < end:
        msg = f"{path}: is truncated or damaged ({path.stat().st_size} of {end} bytes)"
        raise DataError(msg)
    return True


def _check_format(handle: Any, path: Path) -> None:
    with _reading(path):
        kind = _text(handle.attrs.get("format", ""))
        if kind != FORMAT:
            msg = f"{path}: is HDF5 but not a result of this program"
            if kind.startswith("fokkerplanck "):  # a sweep
                msg = f"{path}: is a {kind.split()[1]} of many runs, not the result of one"
            raise DataError(msg)
        version = int(handle.attrs.get("format_version", 0))
        if version > FORMAT_VERSION:
            msg = f"{path}: has format {version}; this version reads up to {FORMAT_VERSION}"
            raise DataError(msg)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what h5py raises on damaged or unreadable files into one clear error."""
    try:
        yield
    except (DataError, CaseError):
        raise
    except PermissionError as error:
        msg = f"{path}: permission denied"
        raise DataError(msg) from error
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        msg = f"{path}: is truncated or damaged ({error})"
        raise DataError(msg) from error


def _axis(scale: Any, name: str) -> Axis:
    attrs = scale.attrs
    walls = (_text(attrs["wall_low"]), _text(attrs["wall_high"]))
    if walls == (OPEN, OPEN):
        walls = ("reflecting", "reflecting")
    low, high = float(attrs["lower"]), float(attrs["upper"])
    return Axis(low, high, int(scale.shape[0]), walls, name)  # type: ignore[arg-type]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value
