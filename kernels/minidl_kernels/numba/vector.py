"""Vectors of 16 float32 numbers: values that a compiled kernel holds in the processor's registers.

A loop over neighbouring numbers becomes vector instructions by itself, but the compiler will not
keep sums in registers across an outer loop: it loads and stores them anew for every tap. With these
few operations a kernel says outright which numbers stay where.

    load(x, i)              the numbers x[i], x[i + 1], … x[i + 15]
    store(x, i, v)          write them back
    splat(a)                16 times the number a
    multiply_add(a, b, c)   a · b + c, number by number, rounded once
    fence()                 no instruction; no load moves across it

They are worth having where the processor has 32 registers of 16 numbers (AVX-512). Elsewhere WIDE
is False, and the kernels use plain loops. MINIDL_VECTORS=0 says so too (kernels compiled before are
kept on disk and not affected).

Numba caches a kernel by the file it stands in: after a change of this file delete the caches.
"""

import os
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.extending import models, register_model

intrinsic: Any = extending.intrinsic  # its type knows nothing of the first, hidden argument

LANES = 16
WIDE = bool(llvm.get_host_cpu_features().get("avx512f")) and os.environ.get("MINIDL_VECTORS") != "0"

_VECTOR = ir.VectorType(ir.FloatType(), LANES)


class _Vector(types.Type):
    """The type of a vector in compiled code."""

    def __init__(self) -> None:
        super().__init__(name="vector of 16 float32")


_vector = _Vector()


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    """In LLVM it is <16 x float>."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, _VECTOR)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """The address of array[index], as that of a vector; it need not be aligned to 64 bytes."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@intrinsic
def load(_typing: Any, x: Any, _i: Any) -> Any:
    """x[i], x[i + 1], … x[i + 15] of a contiguous float32 array; nobody checks the bounds."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(_address(context, builder, signature.args[0], args[0], args[1]))
        value.align = 4
        return value

    return _vector(x, types.intp), generate


@intrinsic
def store(_typing: Any, x: Any, _i: Any, _v: Any) -> Any:
    """Write a vector to x[i], x[i + 1], … x[i + 15]; nobody checks the bounds."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], place).align = 4
        return context.get_dummy_value()

    return types.void(x, types.intp, _vector), generate


@intrinsic
def splat(_typing: Any, _a: Any) -> Any:
    """The number a, 16 times."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        nothing = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(nothing, args[0], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, nothing, everywhere)

    return _vector(types.float32), generate


@intrinsic
def multiply_add(_typing: Any, _a: Any, _b: Any, _c: Any) -> Any:
    """a · b + c, number by number."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        shape = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        return builder.call(
            cgutils.get_or_insert_function(builder.module, shape, "llvm.fma.v16f32"), args
        )

    return _vector(_vector, _vector, _vector), generate


@intrinsic
def fence(_typing: Any) -> Any:
    """No instruction. Without it the compiler loads many taps ahead and runs out of registers."""

    def generate(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        nothing = ir.FunctionType(ir.VoidType(), [])
        builder.asm(nothing, "", "~{memory}", [], side_effect=True)
        return context.get_dummy_value()

    return types.void(), generate
