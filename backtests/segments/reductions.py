"""Sums over arrays whose order of additions is part of the definition: eight lanes, then the rest, then the lanes.

Letting the compiler reorder a sum makes its last bit depend on how the surrounding code was compiled: whether a callee
came from numba's cache is enough. A plain sum from left to right cannot use vectors. These are written as vector
instructions with fused multiply-adds, so that equal input gives equal bytes in every process, at the speed of the
reordered sum. The lanes are folded as ((0+4)+(2+6)) + ((1+5)+(3+7)); what is left over is summed from left to right and
added last. Every array is (N,), float64 and contiguous, and as long as the first; nothing else compiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.extending import intrinsic

LANES = 8
_SCALAR = ir.DoubleType()
_VECTOR = ir.VectorType(_SCALAR, LANES)
_INDEX = ir.IntType(32)

# (builder, one element of each array, the numbers given, the sums so far) to the sums with that element.
Body = Callable[[Any, Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]


def _compiled(function: Callable[..., Any]) -> Any:
    # An intrinsic is called without the context that its definition takes.
    return intrinsic(function)


def _reduction(arrays: int, sums: int, body: Body) -> Callable[..., Any]:
    """Code of `sums` sums over `arrays` arrays, given first; numbers follow them."""

    def codegen(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        given = zip(signature.args[:arrays], args[:arrays], strict=True)
        views = [context.make_array(kind)(context, builder, value=each) for kind, each in given]
        count = cgutils.unpack_tuple(builder, views[0].shape, 1)[0]
        numbers = args[arrays:]
        whole = builder.and_(count, ir.Constant(count.type, -LANES))
        wide = [_cell(builder, _VECTOR) for _ in range(sums)]
        rest = [_cell(builder, _SCALAR) for _ in range(sums)]

        def add(first: Any, last: Any, by: int, cells: Sequence[Any], words: Sequence[Any]) -> None:
            step = ir.Constant(count.type, by)
            with cgutils.for_range_slice(builder, first, last, step, count.type) as (place, _):
                one = [_load(builder, view.data, place, by) for view in views]
                after = body(builder, one, words, [builder.load(cell) for cell in cells])
                for cell, value in zip(cells, after, strict=True):
                    builder.store(value, cell)

        add(ir.Constant(count.type, 0), whole, LANES, wide, [_spread(builder, each) for each in numbers])
        add(whole, count, 1, rest, numbers)
        found = [
            builder.fadd(_folded(builder, builder.load(lanes)), builder.load(last))
            for lanes, last in zip(wide, rest, strict=True)
        ]
        return found[0] if sums == 1 else context.make_tuple(builder, signature.return_type, found)

    return codegen


def _cell(builder: Any, kind: Any) -> Any:
    cell = cgutils.alloca_once(builder, kind)
    builder.store(ir.Constant(kind, [0.0] * LANES if kind is _VECTOR else 0.0), cell)
    return cell


def _load(builder: Any, data: Any, place: Any, by: int) -> Any:
    pointer = builder.gep(data, [place], inbounds=True)
    if by == LANES:
        pointer = builder.bitcast(pointer, _VECTOR.as_pointer())
    return builder.load(pointer, align=8)


def _spread(builder: Any, number: Any) -> Any:
    lanes = ir.Constant(_VECTOR, ir.Undefined)
    for lane in range(LANES):
        lanes = builder.insert_element(lanes, number, ir.Constant(_INDEX, lane))
    return lanes


def _folded(builder: Any, lanes: Any) -> Any:
    parts = [builder.extract_element(lanes, ir.Constant(_INDEX, lane)) for lane in range(LANES)]
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [builder.fadd(parts[lane], parts[lane + half]) for lane in range(half)]
    return parts[0]


def _fused(builder: Any, one: Any, two: Any, added: Any) -> Any:
    """One times two, plus what is added, rounded once."""
    name = f"llvm.fma.v{LANES}f64" if one.type == _VECTOR else "llvm.fma.f64"
    kind = ir.FunctionType(one.type, [one.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [one, two, added])


def _zero(like: Any) -> Any:
    return ir.Constant(like.type, [0.0] * LANES if like.type == _VECTOR else 0.0)


def _signature(kinds: Sequence[Any], arrays: int, sums: int) -> Any:
    for kind in kinds[:arrays]:
        if not (
            isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C" and kind.dtype == types.float64
        ):
            raise errors.TypingError(
                f"sums in lanes are over contiguous arrays of float64 of one dimension, got {kind}"
            )
    numbers = [types.float64] * (len(kinds) - arrays)
    return (types.float64 if sums == 1 else types.UniTuple(types.float64, sums))(*kinds[:arrays], *numbers)


@_compiled
def dot(_context: Any, one: Any, two: Any) -> Any:
    """Sum of one times two."""

    def body(builder: Any, each: Any, _numbers: Any, so_far: Any) -> Any:
        return [_fused(builder, each[0], each[1], so_far[0])]

    return _signature((one, two), 2, 1), _reduction(2, 1, body)


@_compiled
def dot_four(_context: Any, one: Any, two: Any, three: Any, four: Any, five: Any) -> Any:
    """Sums of the first times each of the four others, bit for bit as `dot`; the first is read once for all."""

    def body(builder: Any, each: Any, _numbers: Any, so_far: Any) -> Any:
        return [_fused(builder, each[0], each[1 + place], so_far[place]) for place in range(4)]

    return _signature((one, two, three, four, five), 5, 4), _reduction(5, 4, body)


@_compiled
def sums_of(_context: Any, values: Any, others: Any) -> Any:
    """Sum of the values, of values less others, and of the squares of negative values."""

    def body(builder: Any, each: Any, _numbers: Any, so_far: Any) -> Any:
        value, other = each
        zero = _zero(value)
        loss = builder.select(builder.fcmp_ordered("<", value, zero), value, zero)
        return [
            builder.fadd(so_far[0], value),
            builder.fadd(so_far[1], builder.fsub(value, other)),
            _fused(builder, loss, loss, so_far[2]),
        ]

    return _signature((values, others), 2, 3), _reduction(2, 3, body)


@_compiled
def squares_of(_context: Any, values: Any, others: Any, mean: Any, excess: Any) -> Any:
    """Sum of the squares of values less `mean`, and of values less others less `excess`."""

    def body(builder: Any, each: Any, numbers: Any, so_far: Any) -> Any:
        off = builder.fsub(each[0], numbers[0])
        over = builder.fsub(builder.fsub(each[0], each[1]), numbers[1])
        return [_fused(builder, off, off, so_far[0]), _fused(builder, over, over, so_far[1])]

    return _signature((values, others, mean, excess), 2, 2), _reduction(2, 2, body)


@_compiled
def gaps_of(_context: Any, held: Any, units: Any, mark: Any, goal: Any, dust: Any) -> Any:
    """With gap = (goal x units - held) x mark: sum of the gaps above `dust`, and of minus those below -`dust`."""

    def body(builder: Any, each: Any, numbers: Any, so_far: Any) -> Any:
        wanted = builder.fsub(builder.fmul(numbers[0], each[1]), each[0])
        gap, zero = builder.fmul(wanted, each[2]), _zero(each[0])
        least = builder.fsub(zero, numbers[1])
        short = builder.select(builder.fcmp_ordered(">", gap, numbers[1]), gap, zero)
        over = builder.select(builder.fcmp_ordered("<", gap, least), gap, zero)
        return [builder.fadd(so_far[0], short), builder.fsub(so_far[1], over)]

    return _signature((held, units, mark, goal, dust), 3, 2), _reduction(3, 2, body)
