"""Base of every table of a case file, and the kinds of value they hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

__all__ = [
    "Count",
    "Entry",
    "EntryMatrix",
    "Expression",
    "FilePath",
    "Matrix",
    "Number",
    "Pair",
    "Parameters",
    "Positive",
    "PositivePair",
    "PositiveVector",
    "Table",
    "Vector",
    "is_tag",
    "refuse",
    "tag",
]


class Table(BaseModel):
    """A table of a case: immutable, every key known, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def refuse(message: str, **context: Any) -> NoReturn:
    """Refuse a value in a validator; the text reaches the user as it is, after file and key.

    Parameters
    ----------
    message : str
        What is allowed; ``{name}`` is filled from `context`.
    """
    kind: Literal["refused"] = "refused"
    raise PydanticCustomError(kind, message, context or None)


def tag(name: str) -> str:
    """Mark the name of a union's member, so that it is never taken for a key of the file."""
    return f"<{name}>"


def is_tag(name: str) -> bool:
    """Whether a part of a location was made by `tag`."""
    return name.startswith("<")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _fits_double(value: object) -> object:
    if isinstance(value, int) and value.bit_length() > 1023:
        refuse("expects a number below 1e308")
    return value


def _number_or_text(value: object) -> object:
    if not (_is_number(value) or isinstance(value, str)):
        refuse("expects a number or an expression in quotes")
    return value


def _not_blank(text: str) -> str:
    if not text.strip():
        refuse("expects an expression")
    return text


def _lone_number(value: object) -> object:
    return (value,) if _is_number(value) else value


def _lone_entry(value: object) -> object:
    return ((value,),) if _is_number(value) or isinstance(value, str) else value


def _square(rows: tuple[tuple[Any, ...], ...]) -> tuple[tuple[Any, ...], ...]:
    if not rows or any(len(row) != len(rows) for row in rows):
        refuse("expects a square matrix, a list of rows of equal length")
    return rows


def _no_nul(path: str) -> str:
    if not path or "\0" in path:
        refuse("expects the path of a file")
    return path


#: an integer or a float, never a truth value, a text, nan or inf
Number = Annotated[float, BeforeValidator(_fits_double)]
Positive = Annotated[float, BeforeValidator(_fits_double), Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=2**53)]
#: a formula; its syntax is checked where it is used
Expression = Annotated[str, AfterValidator(_not_blank)]
#: a number or a formula
Entry = Annotated[Number | Expression, BeforeValidator(_number_or_text)]
FilePath = Annotated[str, AfterValidator(_no_nul)]
#: one number per coordinate; a lone number stands for a list of one
Vector = Annotated[tuple[Number, ...], BeforeValidator(_lone_number), Field(min_length=1)]
PositiveVector = Annotated[tuple[Positive, ...], BeforeValidator(_lone_number), Field(min_length=1)]


def _two(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(values) != 2:
        refuse("expects a pair of numbers")
    return values


#: two numbers
Pair = Annotated[tuple[Number, ...], AfterValidator(_two)]
PositivePair = Annotated[tuple[Positive, ...], AfterValidator(_two)]
#: square matrix of numbers
Matrix = Annotated[
    tuple[tuple[Number, ...], ...], BeforeValidator(_lone_entry), AfterValidator(_square)
]
#: square matrix of numbers or formulas
EntryMatrix = Annotated[
    tuple[tuple[Entry, ...], ...], BeforeValidator(_lone_entry), AfterValidator(_square)
]
#: values of the names used in an expression
Parameters = dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Number]
