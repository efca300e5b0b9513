"""A matrix product of float32 by Intel's tile registers (AMX), as LLVM functions.

They multiply bfloat16 numbers sixteen times as fast as vectors multiply float32 ones, and add in float32. Operands are
split into terms (see `bfloat`), and the six largest of the nine products of terms are added. The three left out,
middle * low, low * middle and low * low, are together less than a 2**-23rd of the whole.

The order in which a sum is added depends on k alone, so how rows are shared changes no bit.
Terms and results that are subnormal in float32 count as zero. Numbers that are or round to infinity become NaN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir

from .bfloat import BLOCK, DEPTH, LANES, LINE, STEP, stride_of
from .panels import AGAIN, KEPT, TRANSPOSED
from .sizes import ALIGNMENT, AMX_LEFT_BYTES, AMX_RIGHT_BYTES, K_BLOCK
from .vectors import INT64, Emitter, Int

BYTE: Any = ir.IntType(8)
TILES = 8
HIGH, MIDDLE, LOW = range(3)
# Terms of the left and the right operand that are multiplied, in an order in which neighbours share one.
PRODUCTS = ((LOW, HIGH), (MIDDLE, HIGH), (MIDDLE, MIDDLE), (HIGH, MIDDLE), (HIGH, LOW), (HIGH, HIGH))
KINDS = ((2, 2), (1, 2), (4, 1), (1, 1))  # blocks down and across that are made together


class Functions(NamedTuple):
    """What `emit_product` calls."""

    rows: Emitter
    columns: Emitter
    transposed_rows: Emitter
    transposed_columns: Emitter
    blocks: dict[tuple[int, int], Emitter]


def _instruction(e: Emitter, name: str, *arguments: int | Int) -> None:
    """An instruction of AMX: its tiles are int; of two Int, the first is an address and the second a stride."""
    values: list[Any] = []
    for argument in arguments:
        if isinstance(argument, int):
            values.append(ir.Constant(BYTE, argument))
        elif values and isinstance(values[-1].type, ir.PointerType):
            values.append(argument.value)
        else:
            values.append(e.builder.inttoptr(argument.value, BYTE.as_pointer()))
    module, name = e.function.module, f"llvm.x86.{name}"
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [value.type for value in values]), name)
    e.builder.call(function, values)


def _configuration(e: Emitter) -> Int:
    """Address of the tile configuration: 16 rows of 64 bytes."""
    palette, line_bytes, rows = bytes([1, *bytes(15)]), LINE.to_bytes(2, "little"), bytes([LANES])
    content = palette + (line_bytes * TILES).ljust(32, b"\0") + (rows * TILES).ljust(16, b"\0")
    kind = ir.ArrayType(BYTE, len(content))
    found = ir.GlobalVariable(e.function.module, kind, "nbtrain_tiles")
    found.linkage, found.global_constant, found.align = "internal", True, ALIGNMENT
    found.initializer = ir.Constant(kind, bytearray(content))
    return Int(e.builder, e.builder.ptrtoint(found, INT64))


def emit_blocks(e: Emitter, copy: Emitter, kind: tuple[int, int]) -> None:
    """out = start + left right for `down` times `across` blocks of 16 by 16, or as many rows and columns as there are.

    `stride`: bytes from the terms of 16 rows or columns to the next; `steps`: of 32 along k.
    """
    down, across = kind
    left, right, stride, steps, start, start_row, start_column, out, out_row, rows, columns = e.arguments
    size = rows.at_most(down * LANES), columns.at_most(across * LANES)
    partial = e.builder.or_(size[0].compared("<", down * LANES), size[1].compared("<", across * LANES))
    buffer, buffer_row = e.buffer(down * across * LANES * LANES), e.number(across * LINE)
    with e.only_if(partial):
        e.call(copy, start, start_row, buffer, buffer_row, *size)
    base, row = buffer.chosen(partial, start), buffer_row.chosen(partial, start_row)
    column = e.number(e.size).chosen(partial, start_column)
    places = [(r, c) for r in range(down) for c in range(across)]
    for tile, (r, c) in enumerate(places):
        _instruction(e, "tileloadd64", tile, base + row * (r * LANES) + column * (c * LANES), row)
    with e.loop(0, steps, 1, [left, right]) as step:
        _multiply_step(e, kind, step.values, stride)
        step.values = [address + STEP for address in step.values]
    goal, row = buffer.chosen(partial, out), buffer_row.chosen(partial, out_row)
    for tile, (r, c) in enumerate(places):
        _instruction(e, "tilestored64", tile, goal + row * (r * LANES) + c * LINE, row)
    with e.only_if(partial):
        e.call(copy, buffer, buffer_row, out, out_row, *size)
    e.end()


def _multiply_step(e: Emitter, kind: tuple[int, int], addresses: list[Int], stride: Int) -> None:
    """Add the products of all terms of one step along k to the first tiles."""
    (down, across), (left, right) = kind, addresses
    free = range(down * across, TILES)
    rights, lefts = free[:across], free[across:]
    line = e.number(LINE)
    before: tuple[int | None, int | None] = (None, None)
    for terms in PRODUCTS:
        for c in range(across if terms[1] != before[1] else 0):
            _instruction(e, "tileloadd64", rights[c], right + stride * c + terms[1] * BLOCK, line)
        for r in range(down):
            tile = lefts[r % len(lefts)]
            if terms[0] != before[0] or down > len(lefts):
                _instruction(e, "tileloadd64", tile, left + stride * r + terms[0] * BLOCK, line)
            for c in range(across):
                _instruction(e, "tdpbf16ps", r * across + c, tile, rights[c])
        before = terms


def emit_product(e: Emitter, functions: Functions) -> None:
    """out = start + left right, as `panels.emit_product`: in blocks of k, of rows and of columns."""
    left, left_row, left_k, _, right, right_row, mode, workspace, *result = e.arguments
    start, start_row, start_column, out, out_row, rows, columns, size = result
    k_blocks = (size + K_BLOCK - 1) // K_BLOCK
    k_block = ((size + k_blocks - 1) // k_blocks).rounded_up(DEPTH)
    longest = stride_of(k_block)
    row_block, column_block = _sizes_of_blocks(e, longest)
    again, transposed = mode.compared("==", AGAIN), mode.compared("==", TRANSPOSED)
    left_transposed = left_k.compared("!=", e.size)
    in_blocks = e.builder.or_(again, mode.compared("==", KEPT))
    kept = e.builder.or_(row_block.compared("<", rows), in_blocks)  # the right operand is used for other rows, too
    right_at = workspace + (k_block + LANES) * LINE  # behind the transposed one; the next product finds it there: AGAIN
    left_at = right_at + columns.chosen(kept, columns.at_most(column_block)).rounded_up(LANES) // LANES * longest
    along = e.number(e.size).chosen(transposed, right_row)
    across = right_row.chosen(transposed, e.size)
    _instruction(e, "ldtilecfg", _configuration(e))
    with e.loop(0, size + k_block - 1, k_block, [start, start_row, start_column]) as k:
        length = (size - k.index).at_most(k_block)
        stride = stride_of(length)
        first, row, column = k.values
        with e.loop(0, rows + row_block - 1, row_block) as block:
            count = (rows - block.index).at_most(row_block)
            here = left + block.index * left_row + k.index * left_k
            operand = here, left_k.chosen(left_transposed, left_row), left_at, count, length
            _emit_split(e, (functions.rows, functions.transposed_rows), left_transposed, operand, workspace)
            packs = e.builder.and_(block.index.compared("==", 0), e.builder.not_(again))
            with e.loop(0, columns + column_block - 1, column_block) as side:
                wide = (columns - side.index).at_most(column_block)
                there = right_at + (side.index // LANES * stride).chosen(kept, 0)
                with e.only_if(packs):
                    operand = right + k.index * along + side.index * across, right_row, there, wide, length
                    _emit_split(e, (functions.columns, functions.transposed_columns), transposed, operand, workspace)
                begin = first + block.index * row + side.index * column, row, column
                goal = out + block.index * out_row + side.index * e.size, out_row
                _emit_blocks_of(e, functions, (left_at, there, stride), begin, goal, (count, wide))
        k.values = [out, out_row, e.number(e.size)]
    _instruction(e, "tilerelease")
    e.end()


def _sizes_of_blocks(e: Emitter, stride: Int) -> tuple[Int, Int]:
    """Rows of the left operand, and columns of the right one, that are used together."""
    rows = (e.number(AMX_LEFT_BYTES) // stride).at_least(1) * LANES
    return rows, (e.number(AMX_RIGHT_BYTES) // (stride * 2)).at_least(1) * (2 * LANES)


def _emit_split(
    e: Emitter, functions: tuple[Emitter, Emitter], transposed: Any, operand: tuple[Int, ...], scratch: Int
) -> None:
    """Split a block of an operand, as it is or transposed."""
    with e.builder.if_else(transposed) as (one, other):
        with one:
            e.call(functions[1], *operand, scratch)
        with other:
            e.call(functions[0], *operand)


def _emit_blocks_of(
    e: Emitter, functions: Functions, operands: tuple[Int, ...], start: tuple[Int, ...], out: tuple[Int, Int], size: Any
) -> None:
    """All blocks of some rows and columns: down all rows with pairs of blocks across, then with what is left."""
    (left, right, stride), (first, start_row, start_column), (rows, columns) = operands, start, size
    column, state = e.number(0), [right, first, out[0]]
    for across in (2, 1):
        with e.loop(column, columns + LANES - 1, across * LANES, state) as wide:
            there, begin, goal = wide.values
            row, below = e.number(0), [left, begin, goal]
            for down in [kind[0] for kind in KINDS if kind[1] == across]:
                with e.loop(row, rows + LANES - 1, down * LANES, below) as tall:
                    here, first, written = tall.values
                    operand = here, there, stride, stride // STEP, first, start_row, start_column, written, out[1]
                    e.call(functions.blocks[down, across], *operand, rows - tall.index, columns - wide.index)
                    high = down * LANES
                    tall.values = [here + stride * down, first + start_row * high, written + out[1] * high]
                row, below = tall.index, tall.values
            step = across * LANES
            wide.values = [there + stride * across, begin + start_column * step, goal + step * e.size]
        column, state = wide.index, wide.values
