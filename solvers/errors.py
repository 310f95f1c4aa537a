"""The one failure a solver may raise when it cannot vouch for its answer."""

from __future__ import annotations


class NumericalError(ArithmeticError):
    """A solver could not reach its tolerance, or cannot vouch for its digits.

    Raised in place of returning a plausible wrong number; the command line turns it into
    exit status 3.
    """
