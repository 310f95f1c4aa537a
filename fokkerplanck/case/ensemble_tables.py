"""The table [ensemble]: how many walkers, and what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from fokkerplanck.case.values import Positive, Table

if TYPE_CHECKING:
    from fokkerplanck.case.messages import Mistake
    from fokkerplanck.case.models import Case

__all__ = ["EnsembleTable", "PassageMethod", "ensemble_mistakes", "settings"]

#: most walkers: their positions take 16 bytes each
MOST = 10**8


def _automatic(value: object) -> object:
    return None if value == "auto" else value


#: how a passage is found; "auto" is left out, so that cases keep their canonical text
PassageMethod = Annotated[
    Literal["ensemble"] | None,
    BeforeValidator(_automatic),
    Field(description='"auto" (the Fokker-Planck equation) or "ensemble" (walkers)'),
]


class EnsembleTable(Table):
    """Walkers for every ``method = "ensemble"`` of the case."""

    walkers: int | None = Field(
        default=None,
        ge=2,
        le=MOST,
        description=f"an integer from 2 to {MOST:.0e}".replace("e+0", "e"),
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="an integer >= 0")
    step: Positive | None = Field(
        default=None, description="a number > 0: time of one step; chosen if left out"
    )
    dynamics: Literal["sde", "sgd"] = "sde"
    confidence: float = Field(default=0.95, gt=0, lt=1, description="a number between 0 and 1")


def settings(case: Case) -> EnsembleTable:
    """Return the table [ensemble] of a case, or its defaults."""
    return case.ensemble or EnsembleTable()


def ensemble_mistakes(case: Case) -> Iterator[Mistake]:
    """All that is wrong with methods "ensemble" beside the other tables."""
    sampled = [k for k, table in enumerate(case.passage) if table.method == "ensemble"]
    evolves = case.evolve is not None and case.evolve.method == "ensemble"
    if case.ensemble is not None and not (sampled or evolves):
        yield (
            "ensemble",
            'nothing uses it: give [evolve] or a [[passage]] method = "ensemble", or leave it out',
        )
    for k in sampled:
        if case.passage[k].reactive:
            yield (
                f"passage.{k}.reactive",
                'committor and current are found by method "auto", not by walkers; leave it out',
            )
