"""The inner loops of the matrix products as LLVM functions: each `emit_` fills one Emitter.

A tile of the result stays in registers while k runs. Every element of a result is one chain of fused multiply-adds
over k in its order, begun with an element of `start`, whatever the tile; only `dot` sums by lanes. Addresses and
strides are in bytes.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .sizes import K_BLOCK, LEFT_BYTES, PANELS_BYTES
from .vectors import Emitter, Int, target

DOT_TILE_ROWS = {1: 8, 2: 4, 3: 4}  # by columns: chains of additions enough to hide the latency of one
ROW_VECTORS = 8
OUTER_VECTORS = 4
NEAR_ROWS = 3  # rows that a processor reaches from one address, by a stride and its double


class Shape(NamedTuple):
    """The tiles of one dtype on the target."""

    lanes: int
    vectors: int  # side by side in a full tile
    rows: tuple[int, ...]  # heights, largest first, down to 1
    narrow_rows: tuple[int, ...]  # heights of tiles that are one vector wide
    k_block: int  # length of a panel's block that tiles of several rows use one after the other
    in_place_bytes: int  # a right operand up to this size is used in place
    panels_bytes: int  # packed panels that are used for all rows before the next ones
    left_bytes: int  # of a packed left operand, the block that is multiplied with one panel after the other

    @property
    def width(self) -> int:
        """Columns of a full tile, and so of a panel."""
        return self.lanes * self.vectors

    def heights(self, width: int) -> tuple[int, ...]:
        """Heights of the tiles of a width."""
        return self.rows if width > self.lanes else self.narrow_rows

    @property
    def kinds(self) -> list[tuple[int, ...]]:
        """Lanes of the vectors side by side in each width of tile, widest first, in equal steps."""
        kinds = [(self.lanes,) * vectors for vectors in range(self.vectors, 0, -1)]
        if self.vectors == 2 and self.lanes > 1:
            half = self.lanes // 2
            return [kinds[0], (self.lanes, half), kinds[1], (half,)]
        return kinds


@cache
def shape(dtype: np.dtype[Any]) -> Shape:
    """Tiles that fill the target's registers, and whose narrower ones still hide the latency of an addition."""
    vector_bytes, registers = target()
    lanes = vector_bytes // dtype.itemsize
    if registers == 16:
        return Shape(lanes, 2, (6, 4, 2, 1), (8, 4, 2, 1), 256, 1 << 14, 1 << 17, 1 << 17)
    if vector_bytes == 64:
        return Shape(lanes, 2, (12, 8, 4, 2, 1), (12, 8, 4, 2, 1), K_BLOCK, 1 << 15, PANELS_BYTES, LEFT_BYTES)
    return Shape(lanes, 4, (6, 4, 2, 1), (12, 4, 2, 1), 256, 1 << 14, 1 << 17, 1 << 17)


def _halves(size: int) -> list[int]:
    """size, size / 2, ..., 1 for a power of two."""
    return [1 << bit for bit in range(size.bit_length() - 1, -1, -1)]


def emit_copy(e: Emitter, lanes: int) -> None:
    """target[r, c] = source[r, c] for r < rows, c < columns."""
    source, source_row, goal, goal_row, rows, columns = e.arguments
    done = e.number(0)
    for step in _halves(2 * lanes):  # few columns at a time, so that one loop runs down all rows
        with e.loop(done, columns, step) as block:
            skip, kind = block.index * e.size, e.vector(min(step, lanes))
            with e.loop(0, rows, 1, [source + skip, goal + skip]) as row:
                here, there = row.values
                for first in range(0, step, min(step, lanes)):
                    e.store(e.load(here + first * e.size, kind), there + first * e.size)
                row.values = [here + source_row, there + goal_row]
        done = block.index
    e.end()


def emit_panels(e: Emitter, copy: Emitter, kind: tuple[int, ...], heights: tuple[int, ...]) -> None:
    """out[r, c] = start[r, c] + sum over k of left[r, k] * right[k, c], panel after panel for a tile's rows.

    So a row of the result is written in order, and panels stream through the cache. `left_panel` is the stride from one
    tile of the greatest height to the next. There are whole panels of sum(kind) columns, or fewer columns than that:
    then `right`, and `start` where all rows share one, can be read as far as sum(kind).
    """
    left, left_row, left_k, left_panel, *others = e.arguments
    right, right_k, right_panel, start, start_row, start_column, out, out_row, rows, size, columns = others
    width = sum(kind)
    partial = columns.compared("<", width)
    partial_start = e.builder.and_(partial, start_row.compared("!=", 0))
    buffer, buffer_row = e.buffer(heights[0] * width), e.number(width * e.size)
    with e.only_if(partial_start):
        for i in range(0, heights[0] * width, kind[-1]):  # subnormal numbers left on the stack would be slow
            e.store(e.zeros(kind[-1]), buffer + i * e.size)
    row, step = e.number(0), start_column * width
    for height in heights:
        end = rows
        if height == heights[0] and height + 2 == 2 * heights[1]:  # 4 + 4 rows take less time than 6 + 2
            rest = rows - rows // height * height
            two = e.builder.and_(rest.compared("==", 2), left_panel.compared("==", left_row * height))
            end = (rows - height).chosen(e.builder.and_(two, rows.compared(">", height)), rows)
        with e.loop(row, end, height, [left, start, out]) as tile:
            here, begin, goal = tile.values
            with e.loop(0, columns.at_least(width), width, [right, begin, goal]) as panel:
                there, begin, goal = panel.values
                with e.only_if(partial_start):
                    e.call(copy, begin, start_row, buffer, buffer_row, height, columns)
                source = (buffer.chosen(partial_start, begin), buffer_row.chosen(partial_start, start_row))
                operands = (here, left_row, left_k, there, right_k, size)
                target = (buffer.chosen(partial, goal), buffer_row.chosen(partial, out_row))
                _emit_tile(e, (kind, height), operands, source, target)
                with e.only_if(partial):
                    e.call(copy, buffer, buffer_row, goal, out_row, height, columns)
                panel.values = [there + right_panel, begin + step, goal + buffer_row]
            here, begin, goal = tile.values
            down = left_panel if height == heights[0] else left_row * height
            tile.values = [here + down, begin + start_row * height, goal + out_row * height]
        row, (left, start, out) = tile.index, tile.values
    e.end()


def _emit_tile(
    e: Emitter,
    tile: tuple[tuple[int, ...], int],
    operands: tuple[Int, ...],
    start: tuple[Int, Int],
    out: tuple[Int, Int],
) -> None:
    """A tile (lanes of its vectors, height) from `start` to `out`, which are addresses with strides of rows."""
    (kind, height), (left, left_row, left_k, right, right_k, size) = tile, operands
    columns = [sum(kind[:v]) * e.size for v in range(len(kind))]
    vectors = [(r, column, lanes) for r in range(height) for column, lanes in zip(columns, kind, strict=True)]
    sums = [e.load(start[0] + start[1] * r + column, e.vector(lanes)) for r, column, lanes in vectors]
    lefts = [left + left_row * r for r in range(0, height, NEAR_ROWS)]
    with e.loop(0, size, 1, [*sums, *lefts, right]) as k:
        sums, lefts, right_at = k.values[: len(vectors)], k.values[len(vectors) : -1], k.values[-1]
        values = [(c, lanes, e.load(right_at + c, e.vector(lanes))) for c, lanes in zip(columns, kind, strict=True)]
        products, old = [], iter(sums)
        for r in range(height):  # a factor at a time: all at once would not fit the registers
            factor = e.load(lefts[r // NEAR_ROWS] + left_row * (r % NEAR_ROWS), e.scalar)
            products += [e.fma(e.splat(factor, lanes), value, next(old)) for _, lanes, value in values]
        sums = products
        k.values = [*sums, *(e.opaque(at + left_k) for at in lefts), right_at + right_k]
    for (r, column, _), value in zip(vectors, k.values, strict=False):
        e.store(value, out[0] + out[1] * r + column)


def emit_row(e: Emitter, lanes: int, k_block: int) -> None:
    """out[c] = start[c] + sum over k of left[k] * right[k, c]; nothing is read beyond the columns.

    A wide `right` is read in blocks of rows, since it is used in place.
    """
    left, left_k, right, right_k, start, start_column, out, columns, size = e.arguments
    step = size.chosen(columns.compared("<=", ROW_VECTORS * lanes), k_block).at_least(1)
    with e.loop(0, size + step - 1, step, [start, start_column]) as block:
        a, b, length = left + block.index * left_k, right + block.index * right_k, (size - block.index).at_most(step)
        column = e.number(0)
        for count in _halves(ROW_VECTORS * lanes):
            with e.loop(column, columns, count) as tile:
                begin = block.values[0] + tile.index * block.values[1]
                at = tile.index * e.size
                _emit_row_tile(e, (count, min(count, lanes)), (a, left_k, b + at, right_k, length), begin, out + at)
            column = tile.index
        block.values = [out, e.number(e.size)]
    e.end()


def _emit_row_tile(e: Emitter, tile: tuple[int, int], operands: tuple[Int, ...], start: Int, out: Int) -> None:
    """Some elements of a row in vectors: `tile` is how many elements, and the lanes of a vector."""
    (count, lanes), (left, left_k, right, right_k, size) = tile, operands
    places = [i * e.size for i in range(0, count, lanes)]
    sums = [e.load(start + place, e.vector(lanes)) for place in places]
    with e.loop(0, size, 1, [*sums, left, right]) as k:
        *sums, left_at, right_at = k.values
        factor = e.splat(e.load(left_at, e.scalar), lanes)
        values = [e.load(right_at + place, e.vector(lanes)) for place in places]
        sums = [e.fma(factor, value, s) for value, s in zip(values, sums, strict=True)]
        k.values = [*sums, left_at + left_k, right_at + right_k]
    for place, value in zip(places, k.values, strict=False):
        e.store(value, out + place)


def emit_outer(e: Emitter, lanes: int) -> None:
    """out[r, c] = start[r, c] + left[r] * right[c]."""
    left, right, start, start_row, start_column, out, out_row, rows, columns = e.arguments
    column = e.number(0)
    for count in _halves(OUTER_VECTORS * lanes):
        kind, places = e.vector(min(count, lanes)), [i * e.size for i in range(0, count, min(count, lanes))]
        with e.loop(column, columns, count) as tile:
            skip = tile.index * e.size
            factors = [e.load(right + skip + place, kind) for place in places]
            with e.loop(0, rows, 1, [left, start + tile.index * start_column, out + skip]) as row:
                here, begin, goal = row.values
                factor = e.splat(e.load(here, e.scalar), kind.count)
                for place, value in zip(places, factors, strict=True):
                    e.store(e.fma(factor, value, e.load(begin + place, kind)), goal + place)
                row.values = [here + e.size, begin + start_row, goal + out_row]
        column = tile.index
    e.end()


def emit_dot(e: Emitter, lanes: int, columns: int) -> None:
    """out[r, c] = start[c] + left[r] . right[c]: sums in lanes, added up in a fixed tree, then the rest of k.

    The rows of the result follow each other.
    """
    left, left_row, right, right_column, start, out, rows, size = e.arguments
    begin = [e.load(start + c * e.size, e.scalar) for c in range(columns)]
    row = e.number(0)
    for height in (DOT_TILE_ROWS[columns], 1):
        with e.loop(row, rows, height) as tile:
            here = [left + (tile.index + r) * left_row for r in range(height)]
            there = [right + right_column * c for c in range(columns)]
            with e.loop(0, size, lanes, [e.zeros(lanes)] * (height * columns)) as k:
                k.values = _products(e, here, there, k.index, k.values)
            sums = [e.builder.fadd(begin[i % columns], value) for i, value in enumerate(_sums_of_lanes(e, k.values))]
            with e.loop(k.index, size, 1, sums) as rest:
                rest.values = _products(e, here, there, rest.index, rest.values)
            for i, value in enumerate(rest.values):
                e.store(value, out + (tile.index * columns + i) * e.size)
        row = tile.index
    e.end()


def _products(e: Emitter, rows: list[Int], columns: list[Int], k: Int, sums: list[Any]) -> list[Any]:
    """The sums, vectors or scalars, row by row, plus rows[k] * columns[k]."""
    at, kind, old = k * e.size, sums[0].type, iter(sums)
    factors, products = [e.load(column + at, kind) for column in columns], []
    for row in rows:
        value = e.load(row + at, kind)
        products += [e.fma(value, factor, next(old)) for factor in factors]
    return products


def _sums_of_lanes(e: Emitter, vectors: list[Any]) -> list[Any]:
    """The sum of each vector, always in the same tree: its halves are added until one lane is left."""
    if len(vectors) & (len(vectors) - 1):
        whole = 1 << len(vectors).bit_length() - 1
        return _sums_of_lanes(e, vectors[:whole]) + _sums_of_lanes(e, vectors[whole:])
    segment = vectors[0].type.count
    while segment > 1:
        half, together = segment // 2, len(vectors) > 1  # vectors that are added up side by side fill a register
        pairs = list(zip(vectors[::2], vectors[1::2], strict=True)) if together else [(vectors[0], vectors[0])]
        lanes = range(vectors[0].type.count * (2 if together else 1))
        low, high = ([i for i in lanes if (i % segment < half) == first] for first in (True, False))
        vectors = [e.builder.fadd(e.shuffle(x, y, low), e.shuffle(x, y, high)) for x, y in pairs]
        segment = half
    return [e.lane(vector, i) for vector in vectors for i in range(vector.type.count)]


def emit_transpose(e: Emitter, lanes: int) -> None:
    """target[c, r] = source[r, c] for c < columns and r < rows; for rows <= r < lanes the last row once more.

    Up to lanes - 1 rows more than `columns` of the target are written.
    """
    source, source_row, goal, goal_row, rows, columns = e.arguments
    offsets, done = [source_row * (rows - 1).at_most(r) for r in range(lanes)], e.number(0)
    for whole, last in ((True, columns), (False, columns + lanes - 1)):
        with e.loop(done, last, lanes) as block:
            addresses = [source + block.index * e.size + offset for offset in offsets]
            if whole:
                square = [e.load(address, e.vector(lanes)) for address in addresses]
            else:
                square = [e.load_some(address, columns - block.index, lanes) for address in addresses]
            for c, vector in enumerate(_transposed(e, square)):
                e.store(vector, goal + (block.index + c) * goal_row)
        done = block.index
    e.end()


def _transposed(e: Emitter, square: list[Any]) -> list[Any]:
    """As many vectors as lanes, transposed by swapping ever smaller blocks beside the diagonal."""
    lanes, rows = len(square), list(square)
    for half in _halves(lanes)[1:]:
        low = [k + (lanes - half if k & half else 0) for k in range(lanes)]
        high = [k + (lanes if k & half else half) for k in range(lanes)]
        for a in range(lanes):
            if not a & half:
                x, y = rows[a], rows[a + half]
                rows[a], rows[a + half] = e.shuffle(x, y, low), e.shuffle(x, y, high)
    return rows
