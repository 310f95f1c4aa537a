"""The tables of the README, made of results: each stands between two markers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_core import OURS
from bench_tables import FITTED_FROM, exponents, line, seconds

__all__ = ["TABLES", "ReadmeTable", "growth", "rewrite", "tables"]

Result = dict[str, Any]
README = Path(__file__).resolve().parent.parent / "README.md"
BOLD = f"**{OURS}**"


@dataclass(frozen=True)
class ReadmeTable:
    """One table.

    Parameters
    ----------
    mark : str
        It stands between ``<!-- bench MARK -->`` and ``<!-- end -->``.
    head : tuple of str
        Titles of all columns after the first.
    rows : tuple of (str, str, str)
        What a row is called in the README, its group and its name in the benchmark.
    entries : callable
        Entries of a row but the last, which is the time: of ours in seconds, of others over ours.
    """

    mark: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, str, str], ...]
    entries: Callable[[Result], list[str]]


def _errors(*labels: str) -> Callable[[Result], list[str]]:
    return lambda r: [_error(r["errors"].get(label)) for label in labels]


def _error(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    if not value:
        return "< 1e-16"
    return "0" if value < -0.5 else f"{abs(value):.0e}".replace("e-0", "e-").replace("e+0", "e+")


def _density(r: Result) -> list[str]:
    low = f"{r['minimum']:.0e}".replace("e-0", "e-").replace("0e+00", "0")
    return [f"{r['l1']:.1e}".replace("e-0", "e-"), low]


def _speeds(r: Result) -> list[str]:
    return [f"{r['per_s'] / 1e6:.0f}", f"{r['first_s']:.1f} s"]


W1, W2, W3, W4 = "W1 4096 cells", "W2 512 cells, passage", "W3 256^2, r = 10", "W4 512^2"
LU = "SciPy LU of our matrix"
TABLES = (
    ReadmeTable(
        "W4",
        ("5", "20", "30", "100", "500", "time"),
        (
            (BOLD, W4, OURS),
            ("SciPy's LU of the same matrix, that alone", W4, LU),
            ("the same, best ordering, no pivoting", W4, f"{LU}, MMD, no pivoting"),
            ("midpoint rates and staircase disc in SciPy", W4, "SciPy by hand, staircase, MMD"),
            ("the same by multigrid (pyamg)", W4, "pyamg, staircase"),
            ("FiPy, self-adjoint form, at 256 × 256", "W4 256^2", "FiPy, self-adjoint form, LU"),
        ),
        _errors("b = 5", "b = 20", "b = 30", "b = 100", "b = 500"),
    ),
    ReadmeTable(
        "W2",
        ("5", "20", "40", "100", "600", "time"),
        (
            (BOLD, W2, OURS),
            ("double integral of theory by hand, Simpson", W2, "SciPy quadrature by hand"),
            ("tridiagonal LU in SciPy, midpoint rates", W2, "SciPy tridiagonal, midpoint"),
            (
                "tridiagonal LU in SciPy, Scharfetter–Gummel",
                W2,
                "SciPy tridiagonal, Scharfetter-Gummel",
            ),
            ("FiPy, self-adjoint form", W2, "FiPy, self-adjoint form, LU"),
        ),
        _errors("b = 5", "b = 20", "b = 40", "b = 100", "b = 600"),
    ),
    ReadmeTable(
        "W1",
        ("L1 error", "smallest density / peak", "time"),
        (
            (BOLD, W1, OURS),
            ("Crank–Nicolson in SciPy, 1000 steps", W1, "SciPy CN, 1000 steps"),
            ("FiPy, Crank–Nicolson by hand, dt = 0.01", W1, "FiPy CN by hand, dt = 0.01"),
            ("FiPy, implicit Euler, dt = 0.01", W1, "FiPy BE, dt = 0.01"),
            ("py-pde, LSODA", W1, "py-pde, LSODA"),
            ("fplanck", W1, "fplanck"),
            ("PyDDM, dt = 0.001", W1, "PyDDM implicit, dt = 0.001"),
            ("pychangcooper, dt = 0.001", W1, "pychangcooper BE, dt = 0.001"),
        ),
        _density,
    ),
    ReadmeTable(
        "W3",
        ("L1 error", "smallest density / peak", "time"),
        (
            (BOLD, W3, OURS),
            ("Crank–Nicolson in SciPy, 9 points, LU", W3, "SciPy CN, 9 points, LU, 50 steps"),
            ("compiled Runge–Kutta, 9 points", W3, "compiled RK4, 9 points, 1 thread"),
            ("FiPy, Crank–Nicolson by hand, dt = 0.02", W3, "FiPy CN by hand, dt = 0.02, 3 sweeps"),
            ("FiPy, implicit Euler, dt = 0.02", W3, "FiPy BE, dt = 0.02, 3 sweeps"),
            ("py-pde, RK45", W3, "py-pde, RK45 adaptive"),
        ),
        _density,
    ),
    *(
        ReadmeTable(
            mark,
            ("million steps per second", "first call", "time"),
            (
                (f"{BOLD}, any landscape and noise", group, OURS),
                ("a bare compiled loop, this landscape only", group, "bare loop, Box-Muller"),
                ("JAX, `lax.scan`", group, "JAX, lax.scan"),
                ("NumPy", group, "NumPy"),
                ("diffrax, Euler", group, "diffrax, Euler"),
            ),
            _speeds,
        )
        for mark, group in (("W6 line", "W6 on a line"), ("W6 plane", "W6 in the plane"))
    ),
)

#: Rows of the table of growth: what they are called, series and name in the benchmark.
SERIES = (
    (f"{BOLD}, passage over 50 T", "W5 passage", OURS),
    ("staircase, SciPy's LU, 50 T", "W5 passage", "SciPy by hand, staircase, MMD"),
    ("staircase, pyamg, 10 T", "W5 passage", "pyamg, staircase, a barrier it can do"),
    (f"{BOLD}, evolution to t = 1", "W5 evolution", OURS),
    ("SciPy's Crank–Nicolson", "W5 evolution", "SciPy CN, 9 points, LU, 50 steps"),
)


def tables(results: list[Result]) -> dict[str, str]:
    """Markdown of each table that the results have our row of, by its mark."""
    found = {(r["group"], r["name"]): r for r in results if "note" not in r}
    out = {}
    for table in TABLES:
        members = [
            (title, found[group, name], found.get((group, OURS)))
            for title, group, name in table.rows
            if (group, name) in found
        ]
        if members and members[0][1]["name"] == OURS:
            head = ["", *table.head]
            lines = [line(head), line(["---"] * len(head))]
            lines += [line([t, *table.entries(r), _time(r, own)]) for t, r, own in members]
            out[table.mark] = "\n".join(lines)
    if grown := growth(results):
        out["W5"] = grown
    return out


def _time(result: Result, own: Result | None) -> str:
    spent = seconds(result) or 0.0
    if result["name"] == OURS:
        return _seconds(spent)
    ratio = spent / ((own and seconds(own)) or 1.0)
    return f"× {ratio:.2g}" if ratio < 99.5 else f"× {float(f'{ratio:.2g}'):.0f}"


def _seconds(spent: float) -> str:
    if spent < 0.1:
        return f"{1e3 * spent:.2g} ms"
    return f"{spent:.2g} s" if spent < 99.5 else f"{spent:.0f} s"


def growth(results: list[Result]) -> str:
    """Time and memory against the size of the grid, with the powers of the number of cells."""
    known = {
        (r["series"], r["name"], r["cells"]): r
        for r in results
        if r.get("series") and "note" not in r and seconds(r)
    }
    powers = {(r["group"], r["name"].rsplit(", ", 1)[0]): r["errors"] for r in exponents(results)}
    sizes = sorted({cells for _, _, cells in known if cells >= FITTED_FROM})
    lines = []
    for title, series, name in SERIES:
        entries = [_growing(known.get((series, name, cells))) for cells in sizes]
        power = powers.get((f"{series}, power of the cells", name), {}).get("time")
        if any(entries):
            lines.append(line([title, *entries, f"{power:.2f}" if power else ""]))
    if not lines or BOLD not in lines[0]:
        return ""
    head = ["", *(f"{math.isqrt(cells)}²" for cells in sizes), "power"]
    return "\n".join([line(head), line(["---"] * len(head)), *lines])


def _growing(result: Result | None) -> str:
    if result is None:
        return ""
    return f"{_seconds(seconds(result) or 0.0)}, {result['memory_mb'] / 1024:.1f} GiB"


def rewrite(results: list[Result], path: Path = README) -> list[str]:
    """Put the tables between their markers; return the marks of those that were written."""
    text = path.read_text(encoding="utf-8")
    done = []
    for mark, table in tables(results).items():
        begin, end = f"<!-- bench {mark} -->\n", "<!-- end -->"
        if begin not in text:
            continue
        before, rest = text.split(begin, 1)
        _, after = rest.split(end, 1)
        text = f"{before}{begin}\n{table}\n\n{end}{after}"
        done.append(mark)
    path.write_text(text, encoding="utf-8")
    return done
