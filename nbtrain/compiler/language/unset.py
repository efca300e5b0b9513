"""Finds variables that may be used before they are assigned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numba.core import ir
from numba.core.analysis import compute_cfg_from_blocks


def unset_variable(function: Any) -> tuple[str, Any] | None:
    """Name and place of the first use of a variable that may not have been assigned, or None.

    Conditions are not followed: a path counts even if it is never taken. A `for` loop is taken to run at least once.

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
    """Names that are assigned on every path to a block, for each block that can be reached."""
    graph = compute_cfg_from_blocks(blocks)
    sets = {label: set().union(*map(_assigned, block.body)) for label, block in blocks.items()}
    every = set().union(*sets.values())
    after = dict.fromkeys(blocks, every)
    for_loops = {  # by a loop's first block: its body, and the blocks from which it begins again
        loop.header: (loop.body, [label for label, _ in graph.predecessors(loop.header) if label in loop.body])
        for loop in graph.loops().values()
        if any(map(_is_next, blocks[loop.header].body))
    }

    def known_from(source: int, target: int) -> set[str]:
        """Names that are assigned on the way from one block to the next."""
        body, ends = for_loops.get(source, ((), ()))
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


def _is_next(statement: Any) -> bool:
    """Whether it takes the next item of a `for` loop; a `while` may begin with a block that leaves it, too."""
    value = getattr(statement, "value", None)
    return isinstance(value, ir.Expr) and value.op == "iternext"


def _assigned(statement: Any) -> set[str]:
    return {statement.target.name} if isinstance(statement, ir.Assign) else set()


def _used(statement: Any) -> Iterator[str]:
    source = statement.value if isinstance(statement, ir.Assign) else statement
    variables = [source] if isinstance(source, ir.Var) else source.list_vars() if hasattr(source, "list_vars") else []
    return (variable.name for variable in variables)
