"""Loads and stores of some of the 16 numbers of a vector: those whose bit is set in a mask.

    load_where(mask, x, i, v)       x[i + l] for each l whose bit is 1 in `mask`, else v[l]
    store_where(mask, x, i, v)      write v[l] to x[i + l] for each l whose bit is 1

Numbers whose bit is 0 are not touched: they may lie beyond the ends of the array. They cost
nothing either, so the zero padding around an image need not exist in memory. Bit l stands for
position l; bits beyond the sixteenth are ignored. See vector.py for the other operations.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minidl_kernels.numba.vector import _VECTOR, LANES, _address, _vector, intrinsic

_BITS = ir.VectorType(ir.IntType(1), LANES)
_ALIGNMENT = ir.Constant(ir.IntType(32), 4)  # bytes: that of a single number


@intrinsic
def load_where(_typing: Any, mask: Any, x: Any, _i: Any, _otherwise: Any) -> Any:
    """x[i + l] where bit l of the mask is 1, otherwise[l] elsewhere."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[1], args[1], args[2])
        shape = ir.FunctionType(_VECTOR, [place.type, ir.IntType(32), _BITS, _VECTOR])
        function = cgutils.get_or_insert_function(
            builder.module, shape, "llvm.masked.load.v16f32.p0v16f32"
        )
        return builder.call(function, [place, _ALIGNMENT, _bits(builder, args[0]), args[3]])

    return _vector(mask, x, types.intp, _vector), generate


@intrinsic
def store_where(_typing: Any, mask: Any, x: Any, _i: Any, _v: Any) -> Any:
    """Write v[l] to x[i + l] where bit l of the mask is 1."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[1], args[1], args[2])
        shape = ir.FunctionType(ir.VoidType(), [_VECTOR, place.type, ir.IntType(32), _BITS])
        function = cgutils.get_or_insert_function(
            builder.module, shape, "llvm.masked.store.v16f32.p0v16f32"
        )
        builder.call(function, [args[3], place, _ALIGNMENT, _bits(builder, args[0])])
        return context.get_dummy_value()

    return types.void(mask, x, types.intp, _vector), generate


def _bits(builder: Any, mask: Any) -> Any:
    """The lowest 16 bits of an integer as 16 truths."""
    return builder.bitcast(builder.trunc(mask, ir.IntType(LANES)), _BITS)
