"""Untrusted text to a checked syntax tree: only arithmetic, known names and known functions.

Nothing here evaluates anything: Python's own parser makes the tree, every node of it must be on
the list, and its size is limited before anybody looks at it again.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from fokkerplanck.errors import CaseError

__all__ = ["CONSTANTS", "FUNCTIONS", "checked_tree"]

#: name -> (fewest, most) arguments
FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("exp", "log", "ln", "sqrt", "sin", "cos", "tan", "asin", "acos"), (1, 1)),
    **dict.fromkeys(("atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"), (1, 1)),
    **dict.fromkeys(("erf", "erfc", "abs", "sign", "heaviside"), (1, 1)),
    "atan2": (2, 2),
    "min": (2, 8),
    "max": (2, 8),
    "where": (3, 3),
}
CONSTANTS = ("pi", "e")
MAX_LENGTH = 4000
MAX_NODES = 800
MAX_DEPTH = 150
MAX_NESTING = 16

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_REFUSED: tuple[tuple[tuple[type[ast.AST], ...], str], ...] = (
    ((ast.BitXor,), "'^' is not a power; write **"),
    ((ast.Attribute,), "attributes (a dot after a name) are not allowed"),
    ((ast.Subscript,), "subscripts are not allowed"),
    ((ast.Lambda,), "lambda is not allowed"),
    ((ast.IfExp,), "if-else is not allowed; write where(x < 0, a, b)"),
    ((ast.Compare,), "comparisons are allowed only as the first argument of where"),
    ((ast.FloorDiv, ast.Mod), "// and % are not allowed"),
    ((ast.JoinedStr,), "strings are not allowed"),
    ((ast.NamedExpr,), "assignments are not allowed"),
    ((ast.Starred, ast.keyword), "starred and keyword arguments are not allowed"),
    ((ast.BoolOp, ast.Not), "and, or and not are not allowed; nest where"),
    ((ast.List, ast.Tuple, ast.Set, ast.Dict), "lists, tuples, sets and dicts are not allowed"),
    (
        (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
        "comprehensions are not allowed",
    ),
)


def checked_tree(
    text: str, names: Sequence[str], parameters: Mapping[str, float], key: str | None
) -> ast.expr:
    """Syntax tree of `text` in which every node is allowed.

    Raises
    ------
    CaseError
        Text that is no expression, too long, too deep, or uses anything but numbers, `names`,
        `parameters`, ``pi``, ``e``, ``+ - * / **`` and the listed functions.
    """
    tree = _parsed(text, key)
    _check_size(tree, key)
    for node, parent in _nodes(tree):
        _check_node(node, parent, (*names, *parameters), key)
    return tree


def _parsed(text: str, key: str | None) -> ast.expr:
    if not text.strip():
        msg = "the expression is empty"
        raise CaseError(msg, key=key)
    if len(text) > MAX_LENGTH:
        msg = f"the expression has {len(text)} characters; at most {MAX_LENGTH} are allowed"
        raise CaseError(msg, key=key)
    if "#" in text:
        msg = "comments are not allowed in an expression"
        raise CaseError(msg, key=key)
    line = " ".join(text.split())  # a formula may go over several lines
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # '1if' and the like: refused below in any case
            return ast.parse(line, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        msg = f"{_short(text)} is not an expression: {reason}"
        raise CaseError(msg, key=key) from None


def _check_size(tree: ast.expr, key: str | None) -> None:
    count, stack = 0, [(tree, 1, 0)]
    while stack:
        node, depth, nesting = stack.pop()
        count += 1
        # each of these multiplies the size of the derivatives, sums and products only add to it
        curved = isinstance(node, ast.Call) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.Div)
        )
        nesting += curved
        if count > MAX_NODES or depth > MAX_DEPTH or nesting > MAX_NESTING:
            msg = (
                f"the expression is too large: at most {MAX_NODES} parts, {MAX_DEPTH} levels, "
                f"and {MAX_NESTING} nested functions, powers and quotients are allowed"
            )
            raise CaseError(msg, key=key)
        children = (c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))
        stack.extend((child, depth + 1, nesting) for child in children)


def _nodes(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    stack: list[tuple[ast.AST, ast.AST | None]] = [(tree, None)]
    while stack:
        node, parent = stack.pop()
        yield node, parent
        stack.extend((child, node) for child in ast.iter_child_nodes(node))


def _check_node(
    node: ast.AST, parent: ast.AST | None, names: Iterable[str], key: str | None
) -> None:
    match node:
        case ast.expr_context() | ast.UAdd() | ast.USub() | ast.UnaryOp(op=ast.UAdd() | ast.USub()):
            return
        case ast.operator() if isinstance(node, _OPERATORS):
            return
        case ast.BinOp() | ast.cmpop():
            return
        case ast.Constant(value=value) if type(value) in (int, float):
            return
        case ast.Call(func=ast.Name(), keywords=[]):
            _check_call(node, key)
            return
        case ast.Name(id=name):
            if not (isinstance(parent, ast.Call) and parent.func is node):
                _check_name(name, names, key)
            return
        case ast.Compare(ops=[op]) if isinstance(op, _COMPARISONS) and _is_condition(node, parent):
            return
    raise CaseError(_refusal(node), key=key)


def _is_condition(node: ast.AST, parent: ast.AST | None) -> bool:
    return (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Name)
        and parent.func.id == "where"
        and parent.args[0] is node
    )


def _check_call(node: ast.Call, key: str | None) -> None:
    assert isinstance(node.func, ast.Name)
    name, count = node.func.id, len(node.args)
    if name not in FUNCTIONS:
        msg = f"unknown function {name!r:.60}{_nearest(name, FUNCTIONS)}; known functions: "
        raise CaseError(msg + ", ".join(FUNCTIONS), key=key)
    low, high = FUNCTIONS[name]
    if not low <= count <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        msg = f"{name} takes {wanted} argument{'s' if high > 1 else ''}, got {count}"
        raise CaseError(msg, key=key)
    if name == "where" and not isinstance(node.args[0], ast.Compare):
        msg = "the first argument of where is a comparison, as in where(x < 0, a, b)"
        raise CaseError(msg, key=key)


def _check_name(name: str, names: Iterable[str], key: str | None) -> None:
    known = [*names, *CONSTANTS]
    if name in known:
        return
    if name in FUNCTIONS:
        msg = f"the function {name} is used without its argument; write {name}(...)"
        raise CaseError(msg, key=key)
    msg = f"unknown name {name!r:.60}{_nearest(name, [*known, *FUNCTIONS])}; known names: "
    raise CaseError(msg + ", ".join(known), key=key)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name[:60], list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _refusal(node: ast.AST) -> str:
    for kinds, reason in _REFUSED:
        if isinstance(node, kinds):
            return reason
    match node:
        case ast.Constant(value=value):
            return f"{_short(repr(value))} is not a real number"
        case ast.Call():
            return "only the listed functions can be called, by their plain names"
    return f"{type(node).__name__} is not allowed in an expression; use + - * / ** and functions"


def _short(text: str) -> str:
    text = text if text.startswith(("'", '"')) else repr(text)
    return text if len(text) <= 80 else f"{text[:76]}..."
