"""Base of every table of a case file, and the kinds of value they hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

__all__ = [
    "Count",
    "Entry",
    "EntryMatrix",
    "Expression",
    "Matrix",
    "Number",
    "Parameters",
    "Positive",
    "PositiveVector",
    "Table",
    "Vector",
    "refuse",
]


class Table(BaseModel):
    """A table of a case: immutable, every key known, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def refuse(message: str, **context: Any) -> PydanticCustomError:
    """Error of a validator; its text reaches the user as it is, after file and key.

    Parameters
    ----------
    message : str
        What is allowed; braces are filled from `context`.
    """
    return PydanticCustomError("refused", message, context or None)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number_or_text(value: object) -> object:
    if not (_is_number(value) or isinstance(value, str)):
        raise refuse("expects a number or an expression in quotes")
    return value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise refuse("expects an expression, got an empty text")
    return text


def _lone_number(value: object) -> object:
    return (value,) if _is_number(value) else value


def _lone_entry(value: object) -> object:
    return ((value,),) if _is_number(value) or isinstance(value, str) else value


def _square(rows: tuple[tuple[Any, ...], ...]) -> tuple[tuple[Any, ...], ...]:
    if not rows or any(len(row) != len(rows) for row in rows):
        raise refuse("expects a square matrix, a list of rows of equal length")
    return rows


#: an integer or a float, never a truth value, a text, nan or inf
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
#: a formula; its syntax is checked by `fokkerplanck.landscapes.expression`
Expression = Annotated[str, AfterValidator(_not_blank)]
#: a number or a formula
Entry = Annotated[Number | Expression, BeforeValidator(_number_or_text)]
#: one number per coordinate; a lone number stands for a list of one
Vector = Annotated[tuple[Number, ...], BeforeValidator(_lone_number), Field(min_length=1)]
PositiveVector = Annotated[
    tuple[Positive, ...], BeforeValidator(_lone_number), Field(min_length=1)
]
#: square matrix of numbers
Matrix = Annotated[
    tuple[tuple[Number, ...], ...], BeforeValidator(_lone_entry), AfterValidator(_square)
]
#: square matrix of numbers or formulas
EntryMatrix = Annotated[
    tuple[tuple[Entry, ...], ...], BeforeValidator(_lone_entry), AfterValidator(_square)
]
#: values of the names used in an expression
Parameters = dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")], Number]
