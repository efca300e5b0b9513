"""A whole product by tiles, and the packing of its operands, as LLVM functions.

A panel is as many columns of the right operand (k, columns) as a full tile has. The operand is used in place, or packed
so that a panel's rows follow each other: a block of k and a block of columns at a time, just before they are used. If
the next product has the same right operand, all panels are kept for it; k then has one block only. The columns beyond
the last whole panel, the edge, are always packed, as wide as the narrowest tile that holds them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .sizes import (
    ALIGNMENT,
    IN_PLACE_BYTES,
    IN_PLACE_K_BLOCK,
    IN_PLACE_PANELS_BYTES,
    LEFT_ROWS,
    PACK_BLOCK,
    PANEL_PADDING,
)
from .tilecode import Shape
from .vectors import Emitter, Int

IN_PLACE, PACKED, TRANSPOSED, KEPT, AGAIN = range(5)  # how a right operand is used; AGAIN: as the last one, KEPT
AS_IT_IS, IN_PANELS, SPREAD, SPLIT = range(4)  # how a left one is used; SPLIT: both are split, for AMX


class Functions(NamedTuple):
    """What `emit_product` calls."""

    copy: Emitter
    pack: Emitter
    pack_transposed: Emitter
    pack_left: Emitter
    panels: dict[int, Emitter]  # by the width of a tile
    amx: Emitter | None  # the product of split operands, if there is one


class Right(NamedTuple):
    """The right operand: where it is, how it is used, the columns of its whole panels, those of the packed edge."""

    address: Int
    row: Int  # bytes from one row to the next, of the matrix as it is
    size: Int
    columns: Int
    mode: Int
    whole: Int
    edge_columns: Int

    def at(self, e: Emitter, k: Int, column: Int | int) -> Int:
        """Address of an element (k, column)."""
        along, across = self.strides(e)
        return self.address + k * along + across * column

    def strides(self, e: Emitter) -> tuple[Int, Int]:
        """Bytes along k and across the columns."""
        is_transposed, itemsize = self.mode.compared("==", TRANSPOSED), e.number(e.size)
        return itemsize.chosen(is_transposed, self.row), self.row.chosen(is_transposed, itemsize)


def emit_pack(e: Emitter, tiles: Shape, copy: Emitter) -> None:
    """Fill whole panels, one after the other, from a matrix (k, columns)."""
    source, source_row, goal, k, columns = e.arguments
    row = tiles.width * e.size
    with e.loop(0, k + PACK_BLOCK - 1, PACK_BLOCK) as block:
        rows, here = (k - block.index).at_most(PACK_BLOCK), source + block.index * source_row
        with e.loop(0, columns, tiles.width, [here, goal + block.index * row]) as panel:
            here, there = panel.values
            e.call(copy, here, source_row, there, row, rows, tiles.width)
            panel.values = [here + row, there + k * row]
    e.end()


def emit_pack_transposed(e: Emitter, tiles: Shape, transpose: Emitter) -> None:
    """Fill panels, the last of them perhaps not whole, with the transpose of a matrix (columns, k)."""
    source, source_row, goal, goal_row, k, columns = e.arguments
    with e.loop(0, columns + tiles.width - 1, tiles.width, [source, goal]) as panel:
        here, there = panel.values
        # Vectors may reach beyond a narrow edge into the next row: what comes later writes over that.
        for first in range(tiles.width - tiles.lanes, -1, -tiles.lanes):
            rows = columns - panel.index - first
            with e.only_if(rows.compared(">", 0)):
                e.call(transpose, here + source_row * first, source_row, there + first * e.size, goal_row, rows, k)
        panel.values = [here + source_row * tiles.width, there + goal_row * k]
    e.end()


def emit_pack_left(e: Emitter, tiles: Shape, copy: Emitter) -> None:
    """Copy a block of a transposed left operand (k, rows) to panels of as many rows as a full tile has.

    Tiles then read one stream instead of lines far apart, whose distance may be a power of two: these would fill few
    sets of a cache. Vectors may write beyond a row of a panel: later ones overwrite that, or it is padding.
    """
    left, left_k, panels, panel_stride, rows, size = e.arguments
    height, row = tiles.rows[0], tiles.rows[0] * e.size
    vectors = [first * e.size for first in range(0, height, tiles.lanes)]
    whole = (rows - len(vectors) * tiles.lanes).at_least(-height) + height  # of these all lanes can be read
    with e.loop(0, size + PACK_BLOCK - 1, PACK_BLOCK) as block:
        count, first = (size - block.index).at_most(PACK_BLOCK), left + block.index * left_k
        with e.loop(0, whole, height, [first, panels + block.index * row]) as panel:
            source, goal = panel.values
            with e.loop(0, count, 1, [source, goal]) as k:
                for vector in vectors:
                    e.store(e.load(k.values[0] + vector, e.vector(tiles.lanes)), k.values[1] + vector)
                k.values = [k.values[0] + left_k, k.values[1] + row]
            panel.values = [source + row, goal + panel_stride]
        with e.loop(panel.index, rows + height - 1, height, panel.values) as rest:
            source, goal = rest.values
            e.call(copy, source, left_k, goal, row, count, (rows - rest.index).at_most(height))
            rest.values = [source + row, goal + panel_stride]
    e.end()


def emit_product(e: Emitter, tiles: Shape, functions: Functions) -> None:
    """out = start + left right, in blocks of k, of rows and of columns that fit the caches."""
    left, left_row, left_k, left_mode, address, right_row, mode, workspace, *result = e.arguments
    start, start_row, start_column, out, out_row, rows, columns, size = result
    if functions.amx:
        with e.only_if(left_mode.compared("==", SPLIT)):
            e.call(functions.amx, *e.arguments)
            e.end()
    whole = columns // tiles.width * tiles.width
    edge_columns = (columns - whole).rounded_up(sum(tiles.kinds[-1]))
    right = Right(address, right_row, size, columns, mode, whole, edge_columns)
    left_in_panels = left_mode.compared("==", IN_PANELS)
    k_block, column_block = _blocks(e, tiles, right)
    row_block = (e.number(tiles.left_bytes) // (k_block * e.size)).at_least(LEFT_ROWS).rounded_up(tiles.rows[0])
    row_block = row_block.chosen(left_in_panels, rows.at_least(1))
    again = mode.compared("==", AGAIN)
    in_blocks = e.builder.or_(again, mode.compared("==", KEPT))
    kept = e.builder.or_(row_block.compared("<", rows), in_blocks)  # packed panels are used for other rows, too
    panels_at = (workspace + k_block * edge_columns * e.size).rounded_up(ALIGNMENT)
    left_at = (panels_at + whole.chosen(kept, column_block) * k_block * e.size).rounded_up(ALIGNMENT)
    shared = _start_edge(e, tiles, functions.copy, whole, (start, start_row, start_column, columns))
    with e.loop(0, size + k_block - 1, k_block, [start, start_row, start_column, shared]) as k:
        length = (size - k.index).at_most(k_block)
        with e.only_if(e.builder.not_(again)):
            _pack_edge(e, functions, right, (k.index, length), workspace)
        with e.loop(0, rows + row_block - 1, row_block) as block:
            count, goal = (rows - block.index).at_most(row_block), out + block.index * out_row
            first, row, column, edge = k.values
            begin = (first + block.index * row, row, column, edge + block.index * row)
            a = (left + block.index * left_row + k.index * left_k, left_row, left_k)
            a = _spread(e, functions.copy, a, left_at, (count, length), left_mode.compared("==", SPREAD))
            operand = _in_panels(e, tiles, functions.pack_left, a, left_at, (count, length), left_in_panels)
            no_packing = e.builder.or_(again, right.mode.compared("==", IN_PLACE))
            packs = e.builder.and_(block.index.compared("==", 0), e.builder.not_(no_packing))
            target = (goal, out_row, count, length)
            place = (panels_at, kept, packs, column_block)
            _emit_column_blocks(e, tiles, functions, operand, (right, k.index, place), begin, target)
            goal = (goal + whole * e.size, out_row, count, length, columns - whole)
            for width, function in functions.panels.items():
                with e.only_if(edge_columns.compared("==", width)):
                    panel_stride = a[1] * tiles.heights(width)[0]
                    edge_right = (workspace, edge_columns * e.size, 0)
                    e.call(function, *a, panel_stride, *edge_right, begin[3], begin[1], 0, *goal)
        k.values = [out, out_row, e.number(e.size), out + whole * e.size]
    e.end()


def _blocks(e: Emitter, tiles: Shape, right: Right) -> tuple[Int, Int]:
    """Lengths of the blocks of k, all nearly equal, and of a block of columns: some whole panels."""
    in_place = right.mode.compared("==", IN_PLACE)
    blocks = (right.size + tiles.k_block - 1) // tiles.k_block
    k_block = ((right.size + blocks - 1) // blocks).at_least(1)
    large = e.builder.and_(in_place, (right.size * right.row).compared(">", IN_PLACE_BYTES))
    k_block = e.number(IN_PLACE_K_BLOCK).chosen(large, k_block)
    panel = k_block * (tiles.width * e.size)
    panels = (e.number(IN_PLACE_PANELS_BYTES).chosen(large, tiles.panels_bytes) // panel).at_least(1)
    return k_block, (panels * tiles.width).at_most(right.whole.at_least(tiles.width))


def _start_edge(e: Emitter, tiles: Shape, copy: Emitter, whole: Int, start: tuple[Int, ...]) -> Int:
    """Address where the edge's sums start; a row that all rows share is widened to the edge's width."""
    address, row, column, columns = start
    buffer, there = e.buffer(tiles.width), address + whole * column
    shared = e.builder.and_(row.compared("==", 0), column.compared("!=", 0))
    with e.only_if(shared):
        for first in range(0, tiles.width, tiles.lanes):
            e.store(e.zeros(tiles.lanes), buffer + first * e.size)
        e.call(copy, there, 0, buffer, 0, 1, columns - whole)
    return buffer.chosen(shared, there)


def _pack_edge(e: Emitter, functions: Functions, right: Right, k: tuple[Int, Int], goal: Int) -> None:
    """The columns beyond the whole panels, for a block (first, length) of k."""
    (first, length), columns, row = k, right.columns - right.whole, right.edge_columns * e.size
    source, is_transposed = right.at(e, first, right.whole), right.mode.compared("==", TRANSPOSED)
    with e.only_if(columns.compared(">", 0)), e.builder.if_else(is_transposed) as (transposed, plain):
        with transposed:
            e.call(functions.pack_transposed, source, right.row, goal, row, length, columns)
        with plain:
            # More than a row's columns can be read where another row follows; nothing follows the last ones.
            lacking = right.edge_columns - columns
            last = right.size - first - (lacking + right.columns - 1) // right.columns
            safe = length.at_most(last.at_least(0))
            e.call(functions.copy, source, right.row, goal, row, safe, right.edge_columns)
            e.call(functions.copy, source + safe * right.row, right.row, goal + safe * row, row, length - safe, columns)


def _spread(
    e: Emitter, copy: Emitter, left: tuple[Int, ...], place: Int, size: tuple[Int, Int], wanted: Any
) -> tuple[Int, ...]:
    """A block of a left operand (address, strides), copied to rows that are closer together, or as it is."""
    (address, row, k), (count, length) = left, size
    near = length * e.size + PANEL_PADDING
    with e.only_if(wanted):
        e.call(copy, address, row, place, near, count, length)
    return place.chosen(wanted, address), near.chosen(wanted, row), k


def _in_panels(
    e: Emitter, tiles: Shape, copy: Emitter, left: tuple[Int, ...], place: Int, size: tuple[Int, Int], wanted: Any
) -> tuple[Int, ...]:
    """A block of a left operand, copied to panels or as it is, with the stride from tile to tile."""
    (address, row, k), (count, length), height = left, size, tiles.rows[0]
    panel_stride = length * (height * e.size) + PANEL_PADDING
    with e.only_if(wanted):
        e.call(copy, address, k, place, panel_stride, count, length)
    in_place = (address, row, k, row * height)
    in_panels = (place, e.number(e.size), e.number(height * e.size), panel_stride)
    return tuple(a.chosen(wanted, b) for a, b in zip(in_panels, in_place, strict=True))


def _emit_column_blocks(
    e: Emitter,
    tiles: Shape,
    functions: Functions,
    left: tuple[Int, ...],
    operand: tuple[Right, Int, tuple[Int, Any, Any, Int]],
    start: tuple[Int, ...],
    result: tuple[Int, ...],
) -> None:
    """Whole panels, a block of columns at a time, each packed when it is first used."""
    (right, k, (panels_at, kept, packs, column_block)), (out, out_row, rows, length) = operand, result
    row, in_place = tiles.width * e.size, right.mode.compared("==", IN_PLACE)
    is_transposed = right.mode.compared("==", TRANSPOSED)
    with e.loop(0, right.whole + column_block - tiles.width, column_block) as block:
        count, source = (right.whole - block.index).at_most(column_block), right.at(e, k, block.index)
        there = panels_at + (block.index * length * e.size).chosen(kept, 0)
        with e.only_if(packs), e.builder.if_else(is_transposed) as (transposed, plain):
            with transposed:
                e.call(functions.pack_transposed, source, right.row, there, row, length, count)
            with plain:
                e.call(functions.pack, source, right.row, there, length, count)
        panels = (
            source.chosen(in_place, there),
            right.row.chosen(in_place, row),
            e.number(row).chosen(in_place, length * row),
        )
        begin = (start[0] + block.index * start[2], start[1], start[2])
        e.call(
            functions.panels[tiles.width],
            *(*left, *panels, *begin, out + block.index * e.size, out_row, rows, length, count),
        )
