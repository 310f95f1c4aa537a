"""Rules that join several tables of a case."""

from __future__ import annotations

from fokkerplanck.case.messages import Mistake
from fokkerplanck.case.models import Case

__all__ = ["mistakes_in"]


def mistakes_in(case: Case) -> list[Mistake]:
    """All that is wrong with a case whose tables are right one by one."""
    return []
