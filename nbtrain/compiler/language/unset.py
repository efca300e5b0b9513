"""Variables that have no value on some way through a component's function: Python raises there, code takes anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numba.core import ir
from numba.core.analysis import compute_cfg_from_blocks


def unset_variable(function: Any) -> tuple[str, Any] | None:
    """Name and place of a variable that is used where it may have no value, or None.

    That a `for` loop runs at least once is taken for granted.

    Parameters
    ----------
    function
        Numba's representation of it.
    """
    for label, known in _set_before(function.blocks).items():
        for statement in function.blocks[label].body:
            for name in _used(statement):
                if name not in known and not name.startswith("$"):
                    return name.partition(".")[0], statement.loc
            known |= _assigned(statement)
    return None


def _set_before(blocks: dict[int, Any]) -> dict[int, set[str]]:
    """Names that have a value on every way to a block, for each that can be reached."""
    graph = compute_cfg_from_blocks(blocks)
    sets = {label: set().union(*map(_assigned, block.body)) for label, block in blocks.items()}
    every = set().union(*sets.values())
    after = dict.fromkeys(blocks, every)
    repeats = {  # by a loop's first block: its body, and the blocks from which it begins anew
        loop.header: (loop.body, [label for label, _ in graph.predecessors(loop.header) if label in loop.body])
        for loop in graph.loops().values()
    }

    def known_from(source: int, target: int) -> set[str]:
        """Names that have a value on the way from one block to the next."""
        body, ends = repeats.get(source, ((), ()))
        if target in body or not ends:
            return after[source]
        return after[source] | set.intersection(*(after[end] for end in ends))

    before: dict[int, set[str]] = {}
    changed = True
    while changed:
        changed = False
        for label in graph.topo_order():
            ways = [known_from(source, label) for source, _ in graph.predecessors(label)]
            known = set.intersection(*ways) if ways else set()
            changed |= known != before.get(label)
            before[label], after[label] = known, known | sets[label]
    return before


def _assigned(statement: Any) -> set[str]:
    return {statement.target.name} if isinstance(statement, ir.Assign) else set()


def _used(statement: Any) -> Iterator[str]:
    source = statement.value if isinstance(statement, ir.Assign) else statement
    variables = [source] if isinstance(source, ir.Var) else source.list_vars() if hasattr(source, "list_vars") else []
    return (variable.name for variable in variables)
