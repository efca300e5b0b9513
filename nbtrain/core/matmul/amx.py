"""A matrix product of float32 by Intel's tile registers (AMX), as LLVM functions.

They multiply bfloat16 numbers sixteen times as fast as vectors multiply float32 ones, and add in float32. Operands are
split (see `nbtrain.core.bfloat`), and the six largest of the nine products of their parts are added. Those left out,
middle * low, low * middle and low * low, are together less than a 2**-23rd of the whole.

In what order a sum is added depends on k alone, whatever the blocks, so how rows are cut changes no bit.
Parts and results that are subnormal in float32 count as zero. What is infinite, or rounds to that, becomes NaN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir

from .bfloat import BLOCK, DEPTH, LANES, LINE, STEP, way_of
from .panels import AGAIN, KEPT, TRANSPOSED
from .sizes import ALIGNMENT, AMX_LEFT_BYTES, AMX_RIGHT_BYTES, K_BLOCK
from .vectors import INT64, Emitter, Int

BYTE = ir.IntType(8)
TILES = 8
HIGH, MIDDLE, LOW = range(3)
# Parts of the left and the right operand that are multiplied, in an order in which neighbours share one.
PRODUCTS = ((LOW, HIGH), (MIDDLE, HIGH), (MIDDLE, MIDDLE), (HIGH, MIDDLE), (HIGH, LOW), (HIGH, HIGH))
KINDS = ((2, 2), (1, 2), (4, 1), (1, 1))  # blocks down and across that are made together


class Functions(NamedTuple):
    """What `emit_product` calls."""

    rows: Emitter
    columns: Emitter
    turned_rows: Emitter
    turned_columns: Emitter
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
    """Address of what makes every tile 16 rows of 64 bytes."""
    palette, line_bytes, rows = bytes([1, *bytes(15)]), LINE.to_bytes(2, "little"), bytes([LANES])
    content = palette + (line_bytes * TILES).ljust(32, b"\0") + (rows * TILES).ljust(16, b"\0")
    kind = ir.ArrayType(BYTE, len(content))
    found = ir.GlobalVariable(e.function.module, kind, "nbtrain_tiles")
    found.linkage, found.global_constant, found.align = "internal", True, ALIGNMENT
    found.initializer = ir.Constant(kind, bytearray(content))
    return Int(e.builder, e.builder.ptrtoint(found, INT64))


def emit_blocks(e: Emitter, copy: Emitter, kind: tuple[int, int]) -> None:
    """out = start + left right for `down` times `across` blocks of 16 by 16, or as many rows and columns as there are.

    `way`: bytes from the parts of 16 rows or columns to the next; `steps`: of 32 along k.
    """
    down, across = kind
    left, right, way, steps, start, start_row, start_column, out, out_row, rows, columns = e.arguments
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
        _multiply_step(e, kind, step.values, way)
        step.values = [address + STEP for address in step.values]
    goal, row = buffer.chosen(partial, out), buffer_row.chosen(partial, out_row)
    for tile, (r, c) in enumerate(places):
        _instruction(e, "tilestored64", tile, goal + row * (r * LANES) + c * LINE, row)
    with e.only_if(partial):
        e.call(copy, buffer, buffer_row, out, out_row, *size)
    e.end()


def _multiply_step(e: Emitter, kind: tuple[int, int], addresses: list[Int], way: Int) -> None:
    """Add the products of all parts of one step along k to the first tiles."""
    (down, across), (left, right) = kind, addresses
    free = range(down * across, TILES)
    rights, lefts = free[:across], free[across:]
    line = e.number(LINE)
    before: tuple[int | None, int | None] = (None, None)
    for parts in PRODUCTS:
        for c in range(across if parts[1] != before[1] else 0):
            _instruction(e, "tileloadd64", rights[c], right + way * c + parts[1] * BLOCK, line)
        for r in range(down):
            tile = lefts[r % len(lefts)]
            if parts[0] != before[0] or down > len(lefts):
                _instruction(e, "tileloadd64", tile, left + way * r + parts[0] * BLOCK, line)
            for c in range(across):
                _instruction(e, "tdpbf16ps", r * across + c, tile, rights[c])
        before = parts


def emit_product(e: Emitter, functions: Functions) -> None:
    """out = start + left right, as `panels.emit_product`: in parts of k, blocks of rows and groups of columns."""
    left, left_row, left_k, _, right, right_row, mode, workspace, *result = e.arguments
    start, start_row, start_column, out, out_row, rows, columns, size = result
    parts = (size + K_BLOCK - 1) // K_BLOCK
    k_block = ((size + parts - 1) // parts).rounded_up(DEPTH)
    longest = way_of(k_block)
    row_block, group = _sizes_of_blocks(e, longest)
    again, turned = mode.compared("==", AGAIN), mode.compared("==", TRANSPOSED)
    left_turned = left_k.compared("!=", e.size)
    in_blocks = e.builder.or_(again, mode.compared("==", KEPT))
    kept = e.builder.or_(row_block.compared("<", rows), in_blocks)  # the right operand is used for other rows, too
    right_at = workspace + (k_block + LANES) * LINE  # behind what is turned; there the next product finds it AGAIN
    left_at = right_at + columns.chosen(kept, columns.at_most(group)).rounded_up(LANES) // LANES * longest
    along = e.number(e.size).chosen(turned, right_row)
    across = right_row.chosen(turned, e.size)
    _instruction(e, "ldtilecfg", _configuration(e))
    with e.loop(0, size + k_block - 1, k_block, [start, start_row, start_column]) as part:
        length = (size - part.index).at_most(k_block)
        way = way_of(length)
        first, row, column = part.values
        with e.loop(0, rows + row_block - 1, row_block) as block:
            count = (rows - block.index).at_most(row_block)
            here = left + block.index * left_row + part.index * left_k
            operand = here, left_k.chosen(left_turned, left_row), left_at, count, length
            _emit_split(e, (functions.rows, functions.turned_rows), left_turned, operand, workspace)
            packs = e.builder.and_(block.index.compared("==", 0), e.builder.not_(again))
            with e.loop(0, columns + group - 1, group) as piece:
                wide = (columns - piece.index).at_most(group)
                there = right_at + (piece.index // LANES * way).chosen(kept, 0)
                with e.only_if(packs):
                    operand = right + part.index * along + piece.index * across, right_row, there, wide, length
                    _emit_split(e, (functions.columns, functions.turned_columns), turned, operand, workspace)
                begin = first + block.index * row + piece.index * column, row, column
                goal = out + block.index * out_row + piece.index * e.size, out_row
                _emit_blocks_of(e, functions, (left_at, there, way), begin, goal, (count, wide))
        part.values = [out, out_row, e.number(e.size)]
    _instruction(e, "tilerelease")
    e.end()


def _sizes_of_blocks(e: Emitter, way: Int) -> tuple[Int, Int]:
    """Rows of the left operand, and columns of the right one, whose parts are used together."""
    rows = (e.number(AMX_LEFT_BYTES) // way).at_least(1) * LANES
    return rows, (e.number(AMX_RIGHT_BYTES) // (way * 2)).at_least(1) * (2 * LANES)


def _emit_split(
    e: Emitter, functions: tuple[Emitter, Emitter], turned: Any, operand: tuple[Int, ...], scratch: Int
) -> None:
    """Split a part of an operand, as it lies or turned."""
    with e.builder.if_else(turned) as (one, other):
        with one:
            e.call(functions[1], *operand, scratch)
        with other:
            e.call(functions[0], *operand)


def _emit_blocks_of(
    e: Emitter, functions: Functions, operands: tuple[Int, ...], start: tuple[Int, ...], out: tuple[Int, Int], size: Any
) -> None:
    """All blocks of some rows and columns: down all rows with pairs of blocks across, then with what is left."""
    (left, right, way), (first, start_row, start_column), (rows, columns) = operands, start, size
    column, state = e.number(0), [right, first, out[0]]
    for across in (2, 1):
        with e.loop(column, columns + LANES - 1, across * LANES, state) as wide:
            there, begin, goal = wide.values
            row, below = e.number(0), [left, begin, goal]
            for down in [kind[0] for kind in KINDS if kind[1] == across]:
                with e.loop(row, rows + LANES - 1, down * LANES, below) as tall:
                    here, first, written = tall.values
                    operand = here, there, way, way // STEP, first, start_row, start_column, written, out[1]
                    e.call(functions.blocks[down, across], *operand, rows - tall.index, columns - wide.index)
                    high = down * LANES
                    tall.values = [here + way * down, first + start_row * high, written + out[1] * high]
                row, below = tall.index, tall.values
            step = across * LANES
            wide.values = [there + way * across, begin + start_column * step, goal + step * e.size]
        column, state = wide.index, wide.values
