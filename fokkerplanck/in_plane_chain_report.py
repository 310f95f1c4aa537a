"""Table of exact times on the terminal."""

from __future__ import annotations

from math import log

from rich.table import Table

from fokkerplanck.confrontation import Confrontation
from fokkerplanck.in_plane_chain import ExactTime
from fokkerplanck.terminal import number, short, table

__all__ = ["chain_table"]


def chain_table(found: Confrontation) -> Table | None:
    """Exact mean steps beside those of walkers and of small noise; None in the plane."""
    rows = [(row, row.chain) for row in found.rows if row.chain is not None]
    if not rows:
        return None
    made = table(("rate", "right"), ("batch", "right"))
    for noise in ("SGD", "Gaussian"):
        for name in (f"{noise}, exact chain", "error", "z of walkers", "small noise", "exponent"):
            made.add_column(name, justify="right")
    made.add_column("leaps", justify="right")
    for row, chain in rows:
        made.add_row(
            *(f"{row.learning_rate:g}", f"{row.batch_size}"),
            *(*_time(chain.sgd), number(chain.exponent, 4)),
            *(*_time(chain.gaussian), number(chain.gaussian_exponent, 4)),
            "-" if chain.leaps is None else f"{100 * chain.leaps:.0f} %",
        )
    notes = dict.fromkeys(note for _, chain in rows for note in chain.notes)
    made.caption = "\n".join(notes) or None
    return made


def _time(found: ExactTime | None) -> tuple[str, str, str, str]:
    if found is None:
        return "-", "-", "-", "-"
    z = "-" if found.z is None else f"{found.z:+.1f}"
    return (
        number(found.mean_steps, 5),
        short(found.error),
        z,
        "-" if found.small_noise is None else f"1e{found.small_noise / log(10):.2f}",
    )
