"""Float32 operands of products as sums of three bfloat16 terms, in the order that AMX reads, as LLVM functions.

A bfloat16 number has the eight leading bits of a float32 one. With high = round(x), middle = truncate(x - high) and
low = x - high - middle, all differences exact, x = high + middle + low: three times eight bits are float32's 24 (Henry,
Tang and Heinecke, "Leveraging the bfloat16 artificial intelligence datatype for higher-precision computations", 2019).

A block is what one tile of AMX holds: 16 lines of 64 bytes, that is of 16 pairs of bfloat16 numbers. A pair belongs to
two steps of k that are 16 apart. An operand becomes blocks of its high, middle and low terms, one after the other, for
32 steps of k after the other, for 16 rows or columns after the other. Beyond its edges they hold zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir

from .sizes import AMX_DEPTH, AMX_LANES, AMX_TERMS
from .vectors import INT32, Emitter, Int

LANES, DEPTH, TERMS = AMX_LANES, AMX_DEPTH, AMX_TERMS
LINE = 64  # bytes
BLOCK = LANES * LINE
STEP = TERMS * BLOCK  # bytes of all terms of a block
INT_VECTOR: Any = ir.VectorType(INT32, LANES)


def emit_split_rows(e: Emitter) -> None:
    """Blocks of a left operand (rows, k) whose rows follow each other: each line belongs to one row."""
    source, source_row, goal, rows, k = e.arguments
    kind, half = e.vector(LANES), LANES * e.size
    with e.loop(0, rows + LANES - 1, LANES, [source, goal]) as panel:
        here, there = panel.values
        count = (rows - panel.index).at_most(LANES)
        with e.loop(0, k, DEPTH, [here, there]) as step:
            _split_rows(e, step.values, source_row, count, lambda at: [e.load(at, kind), e.load(at + half, kind)])
            step.values = [step.values[0] + 2 * half, step.values[1] + STEP]
        left = k - step.index

        def edge(at: Int) -> list[Any]:
            return [e.load_some(at, left, LANES), e.load_some(at + half, left - LANES, LANES)]

        with e.only_if(left.compared(">", 0)):
            _split_rows(e, step.values, source_row, count, edge)
        panel.values = [here + source_row * LANES, there + stride_of(k)]
    e.end()


def _split_rows(
    e: Emitter, addresses: list[Int], source_row: Int, count: Int, read: Callable[[Int], list[Any]]
) -> None:
    """The lines of a block and its terms, for as many rows as there are; `read` gives two vectors of a row."""
    with e.loop(0, count, 1, addresses) as row:
        at, line = row.values
        _store_terms(e, _paired(e, *read(at)), line)
        row.values = [at + source_row, line + LINE]
    _store_zeros(e, row.values[1], count)


def _store_zeros(e: Emitter, line: Int, count: Int) -> None:
    """The lines of a block behind the first `count` ones."""
    with e.loop(count, e.number(LANES), 1, [line]) as rest:
        _store_terms(e, [_splat_bits(0)] * TERMS, rest.values[0])
        rest.values = [rest.values[0] + LINE]


def emit_split_columns(e: Emitter) -> None:
    """Blocks of a right operand (k, columns) whose rows follow each other: a line belongs to steps of k."""
    source, source_row, goal, columns, k = e.arguments
    stride, column, state = stride_of(k), e.number(0), [source, goal]
    for width in (2, 1):  # blocks side by side, so that neighbouring cache lines are read together
        with e.loop(column, columns.rounded_up(LANES), width * LANES, state) as panel:
            here, there = panel.values
            some = (columns - panel.index).at_most(width * LANES)
            whole = k.chosen(some.compared("==", width * LANES), 0)
            with e.loop(0, whole, DEPTH, [here, there]) as step:
                places = (source_row, stride, width)
                _split_columns(e, step.values, places, lambda row, at, block: e.load(at, e.vector(LANES)))
                step.values = [step.values[0] + source_row * DEPTH, step.values[1] + STEP]
            with e.loop(step.index, k.rounded_up(DEPTH), DEPTH, step.values) as step:
                read = partial(_read_edge, e, k - step.index, some, here)
                _split_columns(e, step.values, places, read)
                step.values = [step.values[0] + source_row * DEPTH, step.values[1] + STEP]
            panel.values = [here + width * LINE, there + stride * width]
        column, state = panel.index, panel.values
    e.end()


def _read_edge(e: Emitter, rows: Int, columns: Int, valid: Int, row: Int, at: Int, block: int) -> Any:
    """A vector of a row that may lack columns, or not be there: then zeros, and a `valid` address all the same."""
    exists = rows.compared(">", row)
    return e.load_some(at.chosen(exists, valid), (columns - block * LANES).chosen(exists, 0), LANES)


def _split_columns(e: Emitter, addresses: list[Int], places: tuple[Int, Int, int], read: Callable[..., Any]) -> None:
    """The lines of `width` blocks and their terms; `read` gives a vector of a row (its number, its address, block)."""
    source_row, stride, width = places
    with e.loop(0, e.number(LANES), 1, addresses) as line:
        at, place = line.values
        for block in range(width):
            here = at + block * LINE
            both = [read(line.index + skip, here + source_row * skip, block) for skip in (0, LANES)]
            _store_terms(e, _paired(e, *both), place + stride * block)
        line.values = [at + source_row, place + LINE]


def emit_split_transposed(e: Emitter, transpose: Emitter, split: Emitter, along_k: bool) -> None:
    """Blocks of the transpose of a matrix, 16 of its rows or columns after the other.

    `along_k`: the matrix has k along its rows, so that its transpose is a right operand; else it is a left one.
    """
    source, source_row, goal, count, k, scratch = e.arguments
    stride = stride_of(k)
    row = e.number(LINE) if along_k else k.rounded_up(LANES) * e.size + LINE
    down = source_row * LANES if along_k else e.number(LINE)
    with e.loop(0, count + LANES - 1, LANES, [source, goal]) as block:
        (here, there), some = block.values, (count - block.index).at_most(LANES)
        if along_k:
            e.call(transpose, here, source_row, scratch, row, some, k)
        else:
            with e.loop(0, k + LANES - 1, LANES, [here, scratch]) as step:
                at, place = step.values
                e.call(transpose, at, source_row, place, row, (k - step.index).at_most(LANES), some)
                step.values = [at + source_row * LANES, place + LINE]
        e.call(split, scratch, row, there, some, k)
        block.values = [here + down, there + stride]
    e.end()


def stride_of(k: Int) -> Int:
    """Bytes from the blocks of 16 rows or columns to the next ones, for k steps."""
    return (k + DEPTH - 1) // DEPTH * STEP


def _store_terms(e: Emitter, terms: list[Any], line: Int) -> None:
    """Write a line of each term's block."""
    for index, value in enumerate(terms):
        e.store(value, line + index * BLOCK)


def _paired(e: Emitter, first: Any, second: Any) -> list[Any]:
    """The terms of two vectors, those of the first one in the lower halves."""
    b, kind = e.builder, first.type
    upper, half, places = (_splat_bits(n) for n in (0xFFFF0000, 0x8000, 16))
    terms: list[Any] = []
    for rounds in (True, False, False):
        low, high = (b.bitcast(x, INT_VECTOR) for x in (first, second))
        low, high = (b.and_(b.add(bits, half) if rounds else bits, upper) for bits in (low, high))
        terms.append(b.or_(b.lshr(low, places), high))
        first, second = (b.fsub(x, b.bitcast(bits, kind)) for x, bits in ((first, low), (second, high)))
    return terms


def _splat_bits(number: int) -> Any:
    """A vector of equal integers."""
    return ir.Constant(INT_VECTOR, [number] * LANES)
