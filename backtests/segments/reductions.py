"""Sums over arrays whose order of additions is part of the definition.

Eight lanes, then the remainder, then the lanes. Letting the compiler reorder a sum makes its last bit depend on how the
surrounding code was compiled: whether a callee came from numba's cache is enough. A plain sum from left to right cannot
use vectors. These are written as vector instructions with fused multiply-adds, so that equal input gives equal bytes in
every process, at the speed of the reordered sum. The lanes are folded as ((0+4)+(2+6)) + ((1+5)+(3+7)); the remainder
is summed from left to right and added last. Every array is (N,), float64 and contiguous, and as long as the first;
nothing else compiles.
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

# (builder, one element of each array, the numbers, the sums so far) to the sums with that element.
Body = Callable[[Any, Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]


def _compiled(function: Callable[..., Any]) -> Any:
    # An intrinsic is called without the context that its definition takes.
    return intrinsic(function)


def _reduction(arrays: int, sums: int, body: Body) -> Callable[..., Any]:
    """Code of some sums over arrays, the first arguments; numbers follow them."""

    def codegen(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        pairs = zip(signature.args[:arrays], args[:arrays], strict=True)
        views = [context.make_array(kind)(context, builder, value=array) for kind, array in pairs]
        count = cgutils.unpack_tuple(builder, views[0].shape, 1)[0]
        numbers = args[arrays:]
        by_lanes = builder.and_(count, ir.Constant(count.type, -LANES))
        wide = [_cell(builder, _VECTOR) for _ in range(sums)]
        remainder = [_cell(builder, _SCALAR) for _ in range(sums)]

        def add(first: Any, last: Any, by: int, cells: Sequence[Any], operands: Sequence[Any]) -> None:
            step = ir.Constant(count.type, by)
            with cgutils.for_range_slice(builder, first, last, step, count.type) as (index, _):
                elements = [_load(builder, view.data, index, by) for view in views]
                after = body(builder, elements, operands, [builder.load(cell) for cell in cells])
                for cell, value in zip(cells, after, strict=True):
                    builder.store(value, cell)

        add(ir.Constant(count.type, 0), by_lanes, LANES, wide, [_spread(builder, number) for number in numbers])
        add(by_lanes, count, 1, remainder, numbers)
        results = [
            builder.fadd(_folded(builder, builder.load(lanes)), builder.load(last))
            for lanes, last in zip(wide, remainder, strict=True)
        ]
        return results[0] if sums == 1 else context.make_tuple(builder, signature.return_type, results)

    return codegen


def _cell(builder: Any, kind: Any) -> Any:
    cell = cgutils.alloca_once(builder, kind)
    builder.store(ir.Constant(kind, [0.0] * LANES if kind is _VECTOR else 0.0), cell)
    return cell


def _load(builder: Any, data: Any, index: Any, by: int) -> Any:
    pointer = builder.gep(data, [index], inbounds=True)
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


def _fused(builder: Any, value: Any, factor: Any, added: Any) -> Any:
    """The product of two operands plus a third one, rounded once."""
    name = f"llvm.fma.v{LANES}f64" if value.type == _VECTOR else "llvm.fma.f64"
    kind = ir.FunctionType(value.type, [value.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [value, factor, added])


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
def dot(_context: Any, array: Any, factor: Any) -> Any:
    """Sum of one array (N,) times another."""

    def body(builder: Any, elements: Any, _numbers: Any, so_far: Any) -> Any:
        return [_fused(builder, elements[0], elements[1], so_far[0])]

    return _signature((array, factor), 2, 1), _reduction(2, 1, body)


@_compiled
def dot_four(_context: Any, shared: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """Sums of one array times each of four others, bit for bit as `dot`.

    Args:
        shared: the array (N,) that is read once for all.
        first: the first of the four arrays (N,).
        second: the second one.
        third: the third one.
        fourth: the fourth one.
    """

    def body(builder: Any, elements: Any, _numbers: Any, so_far: Any) -> Any:
        return [_fused(builder, elements[0], elements[1 + number], so_far[number]) for number in range(4)]

    return _signature((shared, first, second, third, fourth), 5, 4), _reduction(5, 4, body)


@_compiled
def sums_of(_context: Any, values: Any, deductions: Any) -> Any:
    """Sum of values, of values less deductions, and of squares of negative values."""

    def body(builder: Any, elements: Any, _numbers: Any, so_far: Any) -> Any:
        value, deduction = elements
        zero = _zero(value)
        loss = builder.select(builder.fcmp_ordered("<", value, zero), value, zero)
        return [
            builder.fadd(so_far[0], value),
            builder.fadd(so_far[1], builder.fsub(value, deduction)),
            _fused(builder, loss, loss, so_far[2]),
        ]

    return _signature((values, deductions), 2, 3), _reduction(2, 3, body)


@_compiled
def squares_of(_context: Any, values: Any, deductions: Any, mean: Any, excess: Any) -> Any:
    """Sums of squared deviations of values and of values less deductions.

    Args:
        values: the values (N,).
        deductions: the deductions (N,).
        mean: mean of the values.
        excess: mean of values less deductions.
    """

    def body(builder: Any, elements: Any, numbers: Any, so_far: Any) -> Any:
        off = builder.fsub(elements[0], numbers[0])
        over = builder.fsub(builder.fsub(elements[0], elements[1]), numbers[1])
        return [_fused(builder, off, off, so_far[0]), _fused(builder, over, over, so_far[1])]

    return _signature((values, deductions, mean, excess), 2, 2), _reduction(2, 2, body)


@_compiled
def gaps_of(_context: Any, held: Any, units: Any, mark: Any, goal: Any, dust: Any) -> Any:
    """Sum of the gaps above `dust`, and of minus those below -`dust`.

    A gap is (goal x units - held) x mark.

    Args:
        held: shares held (N,).
        units: shares of the base portfolio (N,) for one unit of money.
        mark: last known prices (N,).
        goal: value of the base portfolios to hold, USD.
        dust: gaps up to this are ignored, USD.
    """

    def body(builder: Any, elements: Any, numbers: Any, so_far: Any) -> Any:
        lacking = builder.fsub(builder.fmul(numbers[0], elements[1]), elements[0])
        gap, zero = builder.fmul(lacking, elements[2]), _zero(elements[0])
        lowest = builder.fsub(zero, numbers[1])
        short = builder.select(builder.fcmp_ordered(">", gap, numbers[1]), gap, zero)
        over = builder.select(builder.fcmp_ordered("<", gap, lowest), gap, zero)
        return [builder.fadd(so_far[0], short), builder.fsub(so_far[1], over)]

    return _signature((held, units, mark, goal, dust), 3, 2), _reduction(3, 2, body)
