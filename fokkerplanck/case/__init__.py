"""Case files: reading, checking, and building the problem they describe."""

from __future__ import annotations

from fokkerplanck.case import build
from fokkerplanck.case.load import Variants, load_case, load_variants, parse_case
from fokkerplanck.case.models import Case

__all__ = ["Case", "Variants", "build", "load_case", "load_variants", "parse_case"]
