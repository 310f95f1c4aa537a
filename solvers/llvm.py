"""Words of the compiler that numba has no name for: fused products, bits, arrays on the stack.

They are one instruction each and hold no numerics, which is why kernels of several files may share
them.
"""

from __future__ import annotations

from typing import Any

import numba
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["bits", "carray", "fma", "from_bits", "integers", "reals", "sqrt", "words"]

# llvmlite, that numba stands on, has no types
ir: Any = cgutils.ir  # type: ignore[attr-defined]
code: Any = cgutils
pointer: Any = types.CPointer
DOUBLE, WORD = ir.DoubleType(), ir.IntType(64)


def _llvm(name: str, count: int) -> Any:
    """Signature and code of an LLVM function of `count` doubles."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(DOUBLE, [DOUBLE] * count)
        return builder.call(code.get_or_insert_function(builder.module, kind, name), args)

    return types.float64(*[types.float64] * count), generate


def _cast(to: Any) -> Any:
    return lambda _context, builder, _signature, args: builder.bitcast(args[0], to)


def _on_stack(count: Any, element: Any, of: Any) -> Any:
    if not isinstance(count, types.IntegerLiteral):
        return None

    def generate(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        place = code.alloca_once(builder, ir.ArrayType(of, count.literal_value))
        place.align = 64
        return builder.bitcast(place, of.as_pointer())

    return pointer(element)(count), generate


def _fma(_typing: Any, x: Any, y: Any, z: Any) -> Any:
    """X y + z, rounded once: the same bits whether a loop was vectorised or not."""
    return _llvm("llvm.fma.f64", 3)


def _sqrt(_typing: Any, x: Any) -> Any:
    """Square root without the test for negative numbers."""
    return _llvm("llvm.sqrt.f64", 1)


def _bits(_typing: Any, x: Any) -> Any:
    """Bits of a float64 as an int64."""
    return types.int64(types.float64), _cast(WORD)


def _from_bits(_typing: Any, x: Any) -> Any:
    """Float64 of the bits of an int64."""
    return types.float64(types.int64), _cast(DOUBLE)


def _reals(_typing: Any, count: Any) -> Any:
    """Pointer to `count` float64 on the stack; to be called once, with a constant."""
    return _on_stack(count, types.float64, DOUBLE)


def _words(_typing: Any, count: Any) -> Any:
    """Pointer to `count` uint64 on the stack."""
    return _on_stack(count, types.uint64, WORD)


def _integers(_typing: Any, count: Any) -> Any:
    """Pointer to `count` int64 on the stack."""
    return _on_stack(count, types.int64, WORD)


# Any: to a type checker these are their code
fma: Any = intrinsic(_fma)
sqrt: Any = intrinsic(_sqrt)
bits: Any = intrinsic(_bits)
from_bits: Any = intrinsic(_from_bits)
reals: Any = intrinsic(prefer_literal=True)(_reals)
words: Any = intrinsic(prefer_literal=True)(_words)
integers: Any = intrinsic(prefer_literal=True)(_integers)
carray: Any = numba.carray  # type: ignore[attr-defined]
