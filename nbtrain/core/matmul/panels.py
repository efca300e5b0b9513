"""A whole product by tiles, and the packing of its operands, as LLVM functions.

A panel is as many columns of the right operand (k, columns) as a full tile has. The operand is used where it lies, or
packed so that a panel's rows follow each other: a part of k and a group of panels at a time, just before they are used.
Where the next product has the same right operand, all panels are kept for it: if k has one part only, no others are.
What remains of the columns, the edge, is always packed, as wide as the narrowest tile that holds it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .sizes import (
    ALIGNMENT,
    IN_PLACE_BYTES,
    IN_PLACE_GROUP_BYTES,
    IN_PLACE_K_BLOCK,
    LEFT_ROWS,
    PACK_BLOCK,
    STRIP_PADDING,
)
from .tilecode import Shape
from .vectors import Emitter, Int

IN_PLACE, PACKED, TRANSPOSED, KEPT, AGAIN = range(5)  # how a right operand is used; AGAIN: as the last one, KEPT
AS_IT_LIES, IN_STRIPS, SPREAD, SPLIT = range(4)  # how a left one is; SPLIT: both are


class Functions(NamedTuple):
    """What `emit_product` calls."""

    copy: Emitter
    pack: Emitter
    pack_transposed: Emitter
    strips: Emitter
    panels: dict[int, Emitter]  # by the width of a tile
    by_parts: Emitter | None  # the product of split operands, where there is one


class Right(NamedTuple):
    """The right operand where it lies, and how: its whole panels' columns, and the edge's columns when packed."""

    address: Int
    row: Int  # bytes from one row to the next, of the matrix as it lies
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
        turned, itemsize = self.mode.compared("==", TRANSPOSED), e.number(e.size)
        return itemsize.chosen(turned, self.row), self.row.chosen(turned, itemsize)


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


def emit_strips(e: Emitter, tiles: Shape, copy: Emitter) -> None:
    """Copy a block of a transposed left operand (k, rows) to strips of as many rows as a full tile has, k inside.

    Tiles then read one stream instead of lines far apart, whose distance may be a power of two: such fill few sets of a
    cache. A strip's vectors may reach beyond a row of it: what comes later writes over that, or it falls into the
    padding.
    """
    left, left_k, strips, strip, rows, size = e.arguments
    height, row = tiles.rows[0], tiles.rows[0] * e.size
    vectors = [first * e.size for first in range(0, height, tiles.lanes)]
    whole = (rows - len(vectors) * tiles.lanes).at_least(-height) + height  # of these all lanes can be read
    with e.loop(0, size + PACK_BLOCK - 1, PACK_BLOCK) as block:
        count, first = (size - block.index).at_most(PACK_BLOCK), left + block.index * left_k
        with e.loop(0, whole, height, [first, strips + block.index * row]) as part:
            source, goal = part.values
            with e.loop(0, count, 1, [source, goal]) as k:
                for vector in vectors:
                    e.store(e.load(k.values[0] + vector, e.vector(tiles.lanes)), k.values[1] + vector)
                k.values = [k.values[0] + left_k, k.values[1] + row]
            part.values = [source + row, goal + strip]
        with e.loop(part.index, rows + height - 1, height, part.values) as rest:
            source, goal = rest.values
            e.call(copy, source, left_k, goal, row, count, (rows - rest.index).at_most(height))
            rest.values = [source + row, goal + strip]
    e.end()


def emit_product(e: Emitter, tiles: Shape, functions: Functions) -> None:
    """out = start + left right, in parts of k, blocks of rows and groups of panels that fit the caches."""
    left, left_row, left_k, left_mode, address, right_row, mode, workspace, *result = e.arguments
    start, start_row, start_column, out, out_row, rows, columns, size = result
    if functions.by_parts:
        with e.only_if(left_mode.compared("==", SPLIT)):
            e.call(functions.by_parts, *e.arguments)
            e.end()
    whole = columns // tiles.width * tiles.width
    edge_columns = (columns - whole).rounded_up(sum(tiles.kinds[-1]))
    right = Right(address, right_row, size, columns, mode, whole, edge_columns)
    in_strips = left_mode.compared("==", IN_STRIPS)
    k_block, group = _blocks(e, tiles, right)
    row_block = (e.number(tiles.left_bytes) // (k_block * e.size)).at_least(LEFT_ROWS).rounded_up(tiles.rows[0])
    row_block = row_block.chosen(in_strips, rows.at_least(1))
    again = mode.compared("==", AGAIN)
    in_blocks = e.builder.or_(again, mode.compared("==", KEPT))
    kept = e.builder.or_(row_block.compared("<", rows), in_blocks)  # packed panels are used for other rows, too
    panels_at = (workspace + k_block * edge_columns * e.size).rounded_up(ALIGNMENT)
    left_at = (panels_at + whole.chosen(kept, group) * k_block * e.size).rounded_up(ALIGNMENT)
    shared = _start_edge(e, tiles, functions.copy, whole, (start, start_row, start_column, columns))
    with e.loop(0, size + k_block - 1, k_block, [start, start_row, start_column, shared]) as part:
        length = (size - part.index).at_most(k_block)
        with e.only_if(e.builder.not_(again)):
            _pack_edge(e, functions, right, (part.index, length), workspace)
        with e.loop(0, rows + row_block - 1, row_block) as block:
            count, goal = (rows - block.index).at_most(row_block), out + block.index * out_row
            first, row, column, edge = part.values
            begin = (first + block.index * row, row, column, edge + block.index * row)
            a = (left + block.index * left_row + part.index * left_k, left_row, left_k)
            a = _spread(e, functions.copy, a, left_at, (count, length), left_mode.compared("==", SPREAD))
            strips = _in_strips(e, tiles, functions.strips, a, left_at, (count, length), in_strips)
            as_it_is = e.builder.or_(again, right.mode.compared("==", IN_PLACE))
            packs = e.builder.and_(block.index.compared("==", 0), e.builder.not_(as_it_is))
            place = (panels_at, kept, packs, group)
            _emit_groups(e, tiles, functions, strips, (right, part.index, place), begin, (goal, out_row, count, length))
            goal = (goal + whole * e.size, out_row, count, length, columns - whole)
            for width, function in functions.panels.items():
                with e.only_if(edge_columns.compared("==", width)):
                    strip = a[1] * tiles.heights(width)[0]
                    edge_right = (workspace, edge_columns * e.size, 0)
                    e.call(function, *a, strip, *edge_right, begin[3], begin[1], 0, *goal)
        part.values = [out, out_row, e.number(e.size), out + whole * e.size]
    e.end()


def _blocks(e: Emitter, tiles: Shape, right: Right) -> tuple[Int, Int]:
    """Lengths of the parts of k, all but equal, and columns of a group of panels."""
    in_place = right.mode.compared("==", IN_PLACE)
    parts = (right.size + tiles.k_block - 1) // tiles.k_block
    k_block = ((right.size + parts - 1) // parts).at_least(1)
    large = e.builder.and_(in_place, (right.size * right.row).compared(">", IN_PLACE_BYTES))
    k_block = e.number(IN_PLACE_K_BLOCK).chosen(large, k_block)
    panel = k_block * (tiles.width * e.size)
    group = (e.number(IN_PLACE_GROUP_BYTES).chosen(large, tiles.group_bytes) // panel).at_least(1) * tiles.width
    return k_block, group.at_most(right.whole.at_least(tiles.width))


def _start_edge(e: Emitter, tiles: Shape, copy: Emitter, whole: Int, start: tuple[Int, ...]) -> Int:
    """Address of what the edge's sums start with; a row that all rows share is widened to the edge's width."""
    address, row, column, columns = start
    buffer, there = e.buffer(tiles.width), address + whole * column
    shared = e.builder.and_(row.compared("==", 0), column.compared("!=", 0))
    with e.only_if(shared):
        for first in range(0, tiles.width, tiles.lanes):
            e.store(e.zeros(tiles.lanes), buffer + first * e.size)
        e.call(copy, there, 0, buffer, 0, 1, columns - whole)
    return buffer.chosen(shared, there)


def _pack_edge(e: Emitter, functions: Functions, right: Right, part: tuple[Int, Int], goal: Int) -> None:
    """The columns beyond the whole panels, for a part (first, length) of k."""
    (first, length), columns, row = part, right.columns - right.whole, right.edge_columns * e.size
    source, turned = right.at(e, first, right.whole), right.mode.compared("==", TRANSPOSED)
    with e.only_if(columns.compared(">", 0)), e.builder.if_else(turned) as (transposed, plain):
        with transposed:
            e.call(functions.pack_transposed, source, right.row, goal, row, length, columns)
        with plain:
            # A row is followed by the next, so that more than its columns can be read; nothing follows the last ones.
            lacking = right.edge_columns - columns
            last = right.size - first - (lacking + right.columns - 1) // right.columns
            safe = length.at_most(last.at_least(0))
            e.call(functions.copy, source, right.row, goal, row, safe, right.edge_columns)
            e.call(functions.copy, source + safe * right.row, right.row, goal + safe * row, row, length - safe, columns)


def _spread(
    e: Emitter, copy: Emitter, left: tuple[Int, ...], place: Int, size: tuple[Int, Int], wanted: Any
) -> tuple[Int, ...]:
    """A block of a left operand (address, strides), copied to rows that are not as far apart, or where it lies."""
    (address, row, k), (count, length) = left, size
    near = length * e.size + STRIP_PADDING
    with e.only_if(wanted):
        e.call(copy, address, row, place, near, count, length)
    return place.chosen(wanted, address), near.chosen(wanted, row), k


def _in_strips(
    e: Emitter, tiles: Shape, strips: Emitter, left: tuple[Int, ...], place: Int, size: tuple[Int, Int], wanted: Any
) -> tuple[Int, ...]:
    """A block of a left operand, copied to strips or where it lies, with the way from tile to tile."""
    (address, row, k), (count, length), height = left, size, tiles.rows[0]
    strip = length * (height * e.size) + STRIP_PADDING
    with e.only_if(wanted):
        e.call(strips, address, k, place, strip, count, length)
    in_place = (address, row, k, row * height)
    in_strips = (place, e.number(e.size), e.number(height * e.size), strip)
    return tuple(a.chosen(wanted, b) for a, b in zip(in_strips, in_place, strict=True))


def _emit_groups(
    e: Emitter,
    tiles: Shape,
    functions: Functions,
    left: tuple[Int, ...],
    operand: tuple[Right, Int, tuple[Int, Any, Any, Int]],
    start: tuple[Int, ...],
    result: tuple[Int, ...],
) -> None:
    """Whole panels in groups, each packed when it is first used."""
    (right, k, (panels_at, kept, packs, group)), (out, out_row, rows, length) = operand, result
    row, in_place = tiles.width * e.size, right.mode.compared("==", IN_PLACE)
    turned = right.mode.compared("==", TRANSPOSED)
    with e.loop(0, right.whole + group - tiles.width, group) as part:
        count, source = (right.whole - part.index).at_most(group), right.at(e, k, part.index)
        there = panels_at + (part.index * length * e.size).chosen(kept, 0)
        with e.only_if(packs), e.builder.if_else(turned) as (transposed, plain):
            with transposed:
                e.call(functions.pack_transposed, source, right.row, there, row, length, count)
            with plain:
                e.call(functions.pack, source, right.row, there, length, count)
        panels = (
            source.chosen(in_place, there),
            right.row.chosen(in_place, row),
            e.number(row).chosen(in_place, length * row),
        )
        begin = (start[0] + part.index * start[2], start[1], start[2])
        e.call(
            functions.panels[tiles.width],
            *(*left, *panels, *begin, out + part.index * e.size, out_row, rows, length, count),
        )
