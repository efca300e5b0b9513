"""A whole product by tiles, and the right operand in panels, as LLVM functions.

A panel is as many columns of the right operand (k, columns) as a full tile has. The operand is used where it lies, or
packed so that a panel's rows follow each other. What remains of the columns, the edge, is always packed, as wide as
the narrowest tile that holds it. The packed panels and then the edge fill the workspace from its beginning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .sizes import IN_PLACE_K_BLOCK, K_BLOCK, LEFT_BYTES, LEFT_PADDING, LEFT_ROWS, PACK_BLOCK
from .tilecode import Shape
from .vectors import Emitter, Int


class Layout(NamedTuple):
    """Where the right operand is: address, strides along k and from panel to panel; the edge, its stride along k."""

    address: Int
    k: Int
    panel: Int
    whole: Int  # columns in full panels
    edge: Int
    edge_k: Int


def layout(e: Emitter, tiles: Shape, operand: tuple[Int, ...], packed: Any) -> Layout:
    """Where a right operand (address, workspace, k, columns) is, packed or not."""
    address, workspace, k, columns = operand
    whole, panel_row = columns // tiles.width * tiles.width, e.number(tiles.width * e.size)
    return Layout(
        workspace.chosen(packed, address),
        panel_row.chosen(packed, columns * e.size),
        (panel_row * k).chosen(packed, panel_row),
        whole,
        (workspace + whole * k * e.size).chosen(packed, workspace),
        (columns - whole).rounded_up(sum(tiles.kinds[-1])) * e.size,
    )


def emit_pack(e: Emitter, tiles: Shape, copy: Emitter) -> None:
    """Fill the panels of a right operand that has to be packed, and its edge."""
    address, workspace, k, columns, packed = e.arguments
    right = layout(e, tiles, (address, workspace, k, columns), packed.compared("!=", 0))
    row = columns * e.size
    with e.loop(0, (k + PACK_BLOCK - 1).chosen(packed.compared("!=", 0), 0), PACK_BLOCK) as block:
        rows, source = (k - block.index).at_most(PACK_BLOCK), address + block.index * row
        there = right.address + block.index * right.k
        with e.loop(0, right.whole, tiles.width, [there]) as panel:
            e.call(copy, source + panel.index * e.size, row, panel.values[0], right.k, rows, tiles.width)
            panel.values = [panel.values[0] + right.panel]
    edge_columns = columns - right.whole
    with e.only_if(edge_columns.compared(">", 0)):
        # A row is followed by the next, so that more than its columns can be read; the last have nothing after them.
        lacking = right.edge_k // e.size - edge_columns
        safe = (k - (lacking + columns - 1) // columns).at_least(0)
        source, skip = address + right.whole * e.size, safe * right.edge_k
        e.call(copy, source, row, right.edge, right.edge_k, safe, right.edge_k // e.size)
        e.call(copy, source + safe * row, row, right.edge + skip, right.edge_k, k - safe, edge_columns)
    e.end()


def emit_pack_transposed(e: Emitter, tiles: Shape, transpose: Emitter) -> None:
    """Fill the panels of a right operand with the transpose of a matrix (columns, k)."""
    address, workspace, k, columns = e.arguments
    right = layout(e, tiles, (address, workspace, k, columns), e.number(1).compared("==", 1))
    with e.loop(0, columns + tiles.width - 1, tiles.width, [workspace]) as panel:
        full = panel.index.compared("<", right.whole)
        there, k_stride = panel.values[0], right.k.chosen(full, right.edge_k)
        # Vectors may reach beyond a narrow edge into the next row: what comes later writes over that.
        for first in range(tiles.width - tiles.lanes, -1, -tiles.lanes):
            rows = columns - panel.index - first
            with e.only_if(rows.compared(">", 0)):
                source = address + (panel.index + first) * k * e.size
                e.call(transpose, source, k * e.size, there + first * e.size, k_stride, rows, k)
        panel.values = [there + right.panel]
    e.end()


def emit_product(e: Emitter, tiles: Shape, copy: Emitter, panels: dict[int, Emitter]) -> None:
    """out = start + left right, in blocks of rows and of k that fit the caches.

    Blocks of the left operand are copied to `spare` unless that is 0: a transposed one whose rows lie a power of two
    apart would fill few sets of a cache.
    """
    left, left_row, left_k, spare, address, workspace, packed, *result = e.arguments
    start, start_row, start_column, out, out_row, rows, columns, size = result
    in_panels = packed.compared("!=", 0)
    right = layout(e, tiles, (address, workspace, size, columns), in_panels)
    start_edge = _start_edge(e, tiles, copy, right, (start, start_row, start_column, columns))
    k_block = (size + (size + K_BLOCK - 1) // K_BLOCK - 1) // ((size + K_BLOCK - 1) // K_BLOCK)
    large = (size * columns * e.size).chosen(in_panels, 0).compared(">", LEFT_BYTES)
    k_block = e.number(IN_PLACE_K_BLOCK).chosen(large, k_block)
    row_block = (e.number(LEFT_BYTES) // (k_block * e.size)).at_least(LEFT_ROWS)
    with e.loop(0, rows + row_block - 1, row_block) as block:
        count, goal = (rows - block.index).at_most(row_block), out + block.index * out_row
        skip = block.index * start_row
        begin = [start + skip, start_row, start_column, start_edge + skip]
        with e.loop(0, size + k_block - 1, k_block, begin) as part:
            length = (size - part.index).at_most(k_block)
            a = (left + block.index * left_row + part.index * left_k, left_row, left_k)
            a = _copied(e, copy, a, spare, (count, length))
            there = right._replace(
                address=right.address + part.index * right.k, edge=right.edge + part.index * right.edge_k
            )
            _emit_panels(e, tiles, panels, (a, there, part.values, (goal, out_row), (count, length, columns)))
            part.values = [goal, out_row, e.number(e.size), goal + right.whole * e.size]
    e.end()


def _start_edge(e: Emitter, tiles: Shape, copy: Emitter, right: Layout, start: tuple[Int, ...]) -> Int:
    """Address of what the edge's sums start with; a row that all rows share is widened to the edge's width."""
    address, row, column, columns = start
    buffer, there = e.buffer(tiles.width), address + right.whole * column
    shared = e.builder.and_(row.compared("==", 0), column.compared("!=", 0))
    with e.only_if(shared):
        for first in range(0, tiles.width, tiles.lanes):
            e.store(e.zeros(tiles.lanes), buffer + first * e.size)
        e.call(copy, there, 0, buffer, 0, 1, columns - right.whole)
    return buffer.chosen(shared, there)


def _copied(e: Emitter, copy: Emitter, left: tuple[Int, ...], spare: Int, size: tuple[Int, Int]) -> tuple[Int, ...]:
    """A block of a left operand (address, strides), transposed and so copied by its columns, unless spare is 0."""
    address, row, k = left
    count, length = size
    wanted, stride = spare.compared("!=", 0), count * e.size + LEFT_PADDING
    with e.only_if(wanted):
        e.call(copy, address, k, spare, stride, length, count)
    return spare.chosen(wanted, address), row, stride.chosen(wanted, k)


def _emit_panels(e: Emitter, tiles: Shape, panels: dict[int, Emitter], product: tuple[Any, ...]) -> None:
    """One panel after the other, then the edge."""
    left, right, (start, start_row, start_column, start_edge), (out, out_row), (rows, size, columns) = product
    with e.loop(0, right.whole, tiles.width, [right.address]) as panel:
        begin = (start + panel.index * start_column, start_row)
        goal = (out + panel.index * e.size, out_row, rows, size)
        e.call(panels[tiles.width], *left, panel.values[0], right.k, *begin, *goal, tiles.width)
        panel.values = [panel.values[0] + right.panel]
    goal = (out + right.whole * e.size, out_row, rows, size, columns - right.whole)
    for width, function in panels.items():
        with e.only_if(right.edge_k.compared("==", width * e.size)):
            e.call(function, *left, right.edge, right.edge_k, start_edge, start_row, *goal)
