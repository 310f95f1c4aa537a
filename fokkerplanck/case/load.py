"""Read a case file: TOML, includes, overrides, validation."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fokkerplanck.case.canonical import dumps
from fokkerplanck.case.checks import mistakes_in
from fokkerplanck.case.messages import Mistake, explain, joined
from fokkerplanck.case.models import Case
from fokkerplanck.case.overrides import apply_overrides, put_values
from fokkerplanck.errors import CaseError, DataError

__all__ = ["Variants", "load_case", "load_table", "load_variants", "parse_case"]

T = TypeVar("T", bound=BaseModel)

LARGEST_FILE = 4 * 2**20
DEEPEST_INCLUDE = 16


def load_case(path: str | Path, overrides: Sequence[str] = ()) -> Case:
    """Read and check a case file.

    Parameters
    ----------
    path : str or Path
        A TOML file. ``include = "base.toml"`` at its top takes everything from another file
        (its path from this file's folder) and lets this one change single keys.
    overrides : sequence of str
        ``"key=value"`` with a dotted key (``grid.x.cells=64``, ``expect.0.rtol=0.1``) and a TOML
        value; what is not TOML is taken as text. Paths in overrides start from the current folder.

    Returns
    -------
    Case
        Frozen and validated.

    Raises
    ------
    CaseError
        For anything wrong with the case: file, key, what was given and what is allowed.
    DataError
        If a file cannot be read.
    """
    path = Path(path)
    data = _read_with_includes(path, ())
    changed = apply_overrides(data, overrides, folder=path.parent, file=str(path))
    return _validated(data, path, dict.fromkeys(changed, "--set"))


def load_table(
    path: str | Path, kind: type[T], overrides: Sequence[str] = (), *, needs: str = "tables"
) -> tuple[T, str]:
    """Read a file that is no case, with the same messages: its tables, and its canonical text.

    Parameters
    ----------
    path : str or Path
        A TOML file; paths in it and in overrides start from its folder.
    kind : type
        Model of the whole file.
    overrides : sequence of str
        As in `load_case`.
    needs : str
        What a file needs at least, for the message on an empty one.
    """
    path = Path(path)
    data = _parsed(_read_text(path), str(path), needs)
    changed = apply_overrides(data, overrides, folder=path.parent, file=str(path))
    try:
        return kind.model_validate(_frozen(data)), dumps(data)
    except ValidationError as error:
        found = explain(error.errors(include_url=False), kind)
        raise _case_error(found, path, dict.fromkeys(changed, "--set")) from None


def load_variants(path: str | Path, overrides: Sequence[str] = ()) -> Variants:
    """Read a case file of which several variants are to be made; as `load_case` but unchecked."""
    path = Path(path)
    data = _read_with_includes(path, ())
    changed = apply_overrides(data, overrides, folder=path.parent, file=str(path))
    return Variants(data, path, dict.fromkeys(changed, "--set"))


@dataclass(frozen=True)
class Variants:
    """A case as it was read, of which each variant changes some keys and is checked by itself.

    Parameters
    ----------
    data : dict
        Parsed TOML.
    path : Path or None
        The file it comes from.
    changed : mapping of str to str
        Keys that were set already, and the option that did it: named in messages.
    """

    data: dict[str, Any]
    path: Path | None
    changed: Mapping[str, str]

    @classmethod
    def of(cls, case: Case) -> Variants:
        """Make variants of a case that is loaded."""
        return cls(tomllib.loads(case.text), case.path, {})

    @property
    def text(self) -> str:
        """Canonical TOML of what was read."""
        return dumps(self.data)

    def case(self, values: Mapping[str, Any], option: str = "--vary") -> Case:
        """Return the case with `values` at their dotted keys; raises `CaseError` if it is wrong."""
        data = deepcopy(self.data)
        folder = self.path.parent if self.path else Path()
        file = str(self.path) if self.path else None
        put_values(data, values, folder=folder, file=file, option=option)
        return _validated(data, self.path, {**self.changed, **dict.fromkeys(values, option)})


def parse_case(text: str, path: str | Path | None = None) -> Case:
    """Make a case from TOML text, such as the canonical text kept in a result.

    Parameters
    ----------
    text : str
        A whole case; ``include`` needs `path`.
    path : str or Path, optional
        File the text comes from: names it in messages, and paths start from its folder.
    """
    path = None if path is None else Path(path)
    return _validated(_parsed(text, str(path or "case")), path, {})


def _validated(data: dict[str, Any], path: Path | None, changed: Mapping[str, str]) -> Case:
    try:
        case = Case.model_validate(_frozen(data))
    except ValidationError as error:
        found = explain(error.errors(include_url=False), Case)
        raise _case_error(found, path, changed) from None
    case._path = path
    if found := mistakes_in(case):
        raise _case_error(found, path, changed)
    return case


def _case_error(
    found: Sequence[Mistake], path: Path | None, changed: Mapping[str, str]
) -> CaseError:
    file = str(path) if path else None
    marked = [
        (key, f"{message} (given by {changed[key]})" if key in changed else message)
        for key, message in found
    ]
    if len(marked) > 1:
        return CaseError(joined(marked), file=file)
    return CaseError(marked[0][1], file=file, key=marked[0][0])


def _read_with_includes(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    real = Path(os.path.abspath(path))
    if real in seen or len(seen) >= DEEPEST_INCLUDE:
        chain = " -> ".join(p.name for p in (*seen, real))
        msg = f"includes itself or goes too deep: {chain}"
        raise CaseError(msg, file=str(path), key="include")
    data = _parsed(_read_text(path), str(path))
    base = data.pop("include", None)
    if base is None:
        return data
    if not isinstance(base, str) or not base:
        msg = "expects the path of a case file in quotes"
        raise CaseError(msg, file=str(path), key="include")
    try:
        inherited = _read_with_includes(path.parent / base, (*seen, real))
    except DataError as error:
        msg = f"{path}: include: {error}"
        raise DataError(msg) from None
    _move_paths(inherited, (path.parent / base).parent, path.parent)
    return _merged(inherited, data)


def _read_text(path: Path) -> str:
    try:
        if path.is_dir():
            msg = f"{path}: is a folder; a case is a TOML file"
            raise DataError(msg)
        if path.stat().st_size > LARGEST_FILE:
            msg = f"{path}: has {path.stat().st_size} bytes; a case has at most {LARGEST_FILE}"
            raise DataError(msg)
        raw = path.read_bytes()
    except DataError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{path}: cannot be read ({reason})"
        raise DataError(msg) from None
    if raw.startswith(b"\x89HDF"):
        msg = "is an HDF5 file, perhaps a result; a case is a TOML file"
        raise CaseError(msg, file=str(path))
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 text (byte {error.start}); a case is a TOML file"
        raise CaseError(msg, file=str(path)) from None


def _parsed(
    text: str, file: str, needs: str = "a case needs at least [grid], [landscape] and [noise]"
) -> dict[str, Any]:
    if not text.strip():
        msg = f"is empty; {needs}"
        raise CaseError(msg, file=file)
    try:
        return tomllib.loads(text)
    except RecursionError:
        msg = "is nested too deeply"
        raise CaseError(msg, file=file) from None
    except tomllib.TOMLDecodeError as error:
        msg = f"is not valid TOML: {error}"
        raise CaseError(msg, file=file) from None
    except ValueError:
        msg = "is not valid TOML: it holds an integer of thousands of digits or an impossible date"
        raise CaseError(msg, file=file) from None


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key; a table of another kind, like any value, replaces."""
    result = dict(base)
    for key, value in over.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and _same_kind(old, value):
            value = _merged(old, value)
        result[key] = value
    return result


def _same_kind(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return bool(new.get("kind", old.get("kind")) == old.get("kind"))


def _move_paths(data: dict[str, Any], old: Path, new: Path) -> None:
    """Let the paths of an included file start from the including one's folder."""
    for table in ("landscape", "initial"):
        inner = data.get(table)
        if isinstance(inner, dict) and isinstance(inner.get("file"), str):
            inner["file"] = os.path.relpath(old / inner["file"], new)


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(entry) for entry in value)
    if isinstance(value, dict):
        return {key: _frozen(entry) for key, entry in value.items()}
    return value
