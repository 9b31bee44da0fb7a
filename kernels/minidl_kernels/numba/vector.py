"""Vectors of 16 float32 numbers: values that a compiled kernel holds in the processor's registers.

A loop over neighbouring numbers becomes vector instructions by itself, but the compiler will not
keep sums in registers across an outer loop: it loads and stores them anew for every tap. With these
few operations a kernel says outright which numbers stay where.

    load(x, i)              the numbers x[i], x[i + 1], … x[i + 15]
    store(x, i, v)          write them back
    splat(a)                16 times the number a
    load_first(x, i, n)     the same for the first n numbers; zeros stand for the rest
    store_first(x, i, v, n)
    a + b, a - b            number by number
    multiply_add(a, b, c)   a · b + c, number by number, rounded once
    evens(a, b), odds       deal the numbers of two vectors one by one to two others
    zip_first(a, b), zip_last       the way back
    load_row(x, i, row)     as many neighbouring vectors as the tuple `row` has, as a tuple
    store_row(x, i, row)    write them back
    add_row(s, a, row)      s + a · row, vector by vector, each rounded once
    fence()                 no instruction; no load moves across it
    fetch(x, i)             bring x[i] and its neighbours into the cache meanwhile, or do nothing

They are worth having where the processor has 32 registers of 16 numbers (AVX-512). Elsewhere WIDE
is False, and the kernels use plain loops. MINIDL_VECTORS=0 says so too (kernels compiled before are
kept on disk and not affected).

Numba caches a kernel by the file it stands in: after a change of this file delete the caches.
"""

import operator
import os
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, extending, types
from numba.core import cgutils
from numba.extending import models, register_model

intrinsic: Any = extending.intrinsic  # its type knows nothing of the first, hidden argument

LANES = 16
WIDE = (
    bool(llvm.get_host_cpu_features().get("avx512f"))
    and os.environ.get("MINIDL_VECTORS") != "0"
    and not vars(config)["DISABLE_JIT"]  # stepped through in Python, there are no registers
)

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
        return _everywhere(builder, args[0])

    return _vector(types.float32), generate


def _everywhere(builder: Any, number: Any) -> Any:
    """A vector that holds a number in all its lanes."""
    nothing = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, lanes)


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
def load_row(_typing: Any, x: Any, _i: Any, row: Any) -> Any:
    """As many neighbouring vectors as the tuple `row` has, from x[i] on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = []
        for k in range(row.count):
            place = builder.add(args[1], ir.Constant(args[1].type, k * LANES))
            values.append(builder.load(_address(context, builder, x, args[0], place)))
            values[-1].align = 4
        return context.make_tuple(builder, row, values)

    return row(x, types.intp, row), generate


@intrinsic
def store_row(_typing: Any, x: Any, _i: Any, row: Any) -> Any:
    """Write the vectors of a tuple side by side, from x[i] on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for k, value in enumerate(cgutils.unpack_tuple(builder, args[2])):
            place = builder.add(args[1], ir.Constant(args[1].type, k * LANES))
            builder.store(value, _address(context, builder, x, args[0], place)).align = 4
        return context.get_dummy_value()

    return types.void(x, types.intp, row), generate


@intrinsic
def add_row(_typing: Any, s: Any, _a: Any, row: Any) -> Any:
    """s + a · row for a vector a: vector by vector, number by number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shape = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        fma = cgutils.get_or_insert_function(builder.module, shape, "llvm.fma.v16f32")
        sums, values = (cgutils.unpack_tuple(builder, args[k]) for k in (0, 2))
        pairs = zip(sums, values, strict=True)
        return context.make_tuple(
            builder, s, [builder.call(fma, [args[1], v, t]) for t, v in pairs]
        )

    return s(s, _vector, row), generate


@intrinsic
def add_products(_typing: Any, s: Any, q: Any, _k: Any, row: Any) -> Any:
    """s[o, c] + q[k + o] · row[c]; the tuple s holds rows like `row`, one after the other."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shape = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        fma = cgutils.get_or_insert_function(builder.module, shape, "llvm.fma.v16f32")
        data = context.make_array(q)(context, builder, args[1]).data
        sums, values = (cgutils.unpack_tuple(builder, args[k]) for k in (0, 3))
        added: list[Any] = []
        for o in range(s.count // row.count):
            place = builder.add(args[2], ir.Constant(args[2].type, o))
            factor = _everywhere(builder, builder.load(builder.gep(data, [place])))
            for value in values:
                added.append(builder.call(fma, [factor, value, sums[len(added)]]))
        return context.make_tuple(builder, s, added)

    return s(s, q, types.intp, row), generate


@intrinsic
def add_rows(_typing: Any, x: Any, _i: Any, _step: Any, s: Any, row: Any) -> Any:
    """x[i + o · step + c] += s[o, c] for the rows of s, each like `row`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = args[1]
        for k, value in enumerate(cgutils.unpack_tuple(builder, args[3])):
            if k and k % row.count == 0:
                start = builder.add(start, args[2])
            offset = ir.Constant(start.type, k % row.count * LANES)
            place = _address(context, builder, x, args[0], builder.add(start, offset))
            before = builder.load(place)
            before.align = 4
            builder.store(builder.fadd(before, value), place).align = 4
        return context.get_dummy_value()

    return types.void(x, types.intp, types.intp, s, row), generate


@intrinsic
def fence(_typing: Any) -> Any:
    """No instruction. Without it the compiler loads many taps ahead and runs out of registers."""

    def generate(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        nothing = ir.FunctionType(ir.VoidType(), [])
        builder.asm(nothing, "", "~{memory}", [], side_effect=True)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def fetch(_typing: Any, x: Any, _i: Any) -> Any:
    """Ask for the 64 bytes around x[i], which will be wanted soon; x need not reach so far."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = ir.IntType(32)
        place = builder.gep(
            context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]]
        )
        address = builder.bitcast(place, ir.IntType(8).as_pointer())
        shape = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0i8")
        # To be read, not written; into the second cache; a number, not an instruction.
        builder.call(function, [address, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(x, types.intp), generate


@intrinsic
def load_first(_typing: Any, x: Any, _i: Any, _count: Any) -> Any:
    """x[i], … x[i + count − 1], and zeros behind; count may be anything, 0 or less for none.

    What is not loaded is not touched: it may lie beyond the end of the array.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], args[0], args[1])
        zeros = ir.Constant(_VECTOR, [0.0] * LANES)
        return _load_masked(builder, address, _first(builder, args[2]), zeros)

    return _vector(x, types.intp, types.intp), generate


@intrinsic
def load_some(_typing: Any, x: Any, _i: Any, _bits: Any, _otherwise: Any) -> Any:
    """x[i + k] where bit k of `bits` is set, and otherwise[k] elsewhere, for k = 0, … 15.

    What is not loaded is not touched: it may lie outside the array.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], args[0], args[1])
        return _load_masked(builder, address, _mask(builder, args[2]), args[3])

    return _vector(x, types.intp, types.intp, _vector), generate


def _load_masked(builder: Any, address: Any, mask: Any, otherwise: Any) -> Any:
    """The vector at an address where the mask is true, `otherwise` where it is false."""
    shape = ir.FunctionType(_VECTOR, [address.type, ir.IntType(32), mask.type, _VECTOR])
    name = "llvm.masked.load.v16f32.p0v16f32"
    function = cgutils.get_or_insert_function(builder.module, shape, name)
    return builder.call(function, [address, ir.Constant(ir.IntType(32), 4), mask, otherwise])


@intrinsic
def store_first(_typing: Any, x: Any, _i: Any, _v: Any, _count: Any) -> Any:
    """Write the first `count` numbers of a vector to x[i], … x[i + count − 1]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], args[0], args[1])
        mask = _first(builder, args[3])
        shape = ir.FunctionType(
            ir.VoidType(), [_VECTOR, _VECTOR.as_pointer(), ir.IntType(32), mask.type]
        )
        function = cgutils.get_or_insert_function(
            builder.module, shape, "llvm.masked.store.v16f32.p0v16f32"
        )
        builder.call(function, [args[2], address, ir.Constant(ir.IntType(32), 4), mask])
        return context.get_dummy_value()

    return types.void(x, types.intp, _vector, types.intp), generate


def _first(builder: Any, count: Any) -> Any:
    """The mask that is true for the first `count` of 16 numbers."""
    none, all_of_them, one = (ir.Constant(count.type, n) for n in (0, LANES, 1))
    count = builder.select(builder.icmp_signed("<", count, none), none, count)
    count = builder.select(builder.icmp_signed("<", count, all_of_them), count, all_of_them)
    return _mask(builder, builder.sub(builder.shl(one, count), one))  # so many ones


def _mask(builder: Any, bits: Any) -> Any:
    """The mask whose lane k is bit k of an integer."""
    short = builder.trunc(bits, ir.IntType(LANES))
    return builder.bitcast(short, ir.VectorType(ir.IntType(1), LANES))


def _shuffle(lanes: list[int], says: str) -> Any:
    """An operation that picks 16 of the 32 numbers of two vectors."""

    def shuffle(_typing: Any, _a: Any, _b: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            picked = ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes)
            return builder.shuffle_vector(args[0], args[1], picked)

        return _vector(_vector, _vector), generate

    shuffle.__doc__ = says
    return intrinsic(shuffle)


evens = _shuffle(list(range(0, 32, 2)), "a[0], a[2], … a[14], b[0], … b[14].")
odds = _shuffle(list(range(1, 32, 2)), "a[1], a[3], … a[15], b[1], … b[15].")
zip_first = _shuffle(
    [lane for k in range(8) for lane in (k, k + 16)], "a[0], b[0], a[1], b[1], … a[7], b[7]."
)
zip_last = _shuffle(
    [lane for k in range(8, 16) for lane in (k, k + 16)], "a[8], b[8], … a[15], b[15]."
)
last_half = _shuffle(list(range(8, 24)), "a[8], a[9], … a[15], b[0], b[1], … b[7].")


@intrinsic
def _plus(_typing: Any, _a: Any, _b: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fadd(*args)

    return _vector(_vector, _vector), generate


@intrinsic
def _minus(_typing: Any, _a: Any, _b: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fsub(*args)

    return _vector(_vector, _vector), generate


@extending.overload(operator.add)
def _add(a, b):
    if a is _vector and b is _vector:
        return lambda a, b: _plus(a, b)
    return None


@extending.overload(operator.sub)
def _subtract(a, b):
    if a is _vector and b is _vector:
        return lambda a, b: _minus(a, b)
    return None
