"""Passes over computational graphs: the contract is in the handout, aisys lab show.

A pass takes a Graph and returns (another Graph, whether it is another). It never writes to
what it was given.
"""

from __future__ import annotations

from graph_ir import Graph

# -- task 1 --------------------------------------------------------------------


def topological_order(graph: Graph) -> list[int]:
    """Ids, each after its args and effects as they stand; GraphError for what is no graph."""
    # TODO: task 1
    raise NotImplementedError


# -- tasks 2 to 4 --------------------------------------------------------------


def eliminate_dead_code(graph: Graph) -> tuple[Graph, bool]:
    """Only inputs, effects, outputs, and what they need."""
    # TODO: task 2
    raise NotImplementedError


def fold_constants(graph: Graph) -> tuple[Graph, bool]:
    """An operation on constants becomes a constant of the same id."""
    # TODO: task 3
    raise NotImplementedError


def eliminate_common_subexpressions(graph: Graph) -> tuple[Graph, bool]:
    """One node for each different expression."""
    # TODO: task 4
    raise NotImplementedError


# -- task 5 --------------------------------------------------------------------


def simplify(graph: Graph, fast_math: bool = False) -> tuple[Graph, bool]:
    """The handout's rules, until none applies to a live node."""
    # TODO: task 5
    raise NotImplementedError


# -- task 6 --------------------------------------------------------------------


def fuse_elementwise(graph: Graph) -> tuple[Graph, bool]:
    """Groups of elementwise nodes, of which one value leaves, become one node `fused`."""
    # TODO: task 6
    raise NotImplementedError


# -- task 7 --------------------------------------------------------------------

Buffer = tuple[int, int, int]  # first step, last step, bytes


def assign_buffers(graph: Graph, order: list[int]) -> tuple[dict[int, int], list[Buffer]]:
    """The buffer of each value, in place where that is legal; and the buffers.

    This one, best_fit and smallest are only called by your plan_memory: change them freely.
    """
    # TODO: task 7
    raise NotImplementedError


def best_fit(buffers: list[Buffer]) -> list[int]:
    """An offset for each buffer, in the order of their first steps."""
    # TODO: task 7
    raise NotImplementedError


def smallest(buffers: list[Buffer], offsets: list[int]) -> list[int]:
    """The offsets of a smallest arena, by search; `offsets` are some that are legal."""
    # TODO: task 7
    raise NotImplementedError


def plan_memory(graph: Graph, order: list[int]) -> dict[int, tuple[int, int]]:
    """(buffer, offset) of each value but inputs and constants."""
    # TODO: task 7
    raise NotImplementedError


# -- task 8 --------------------------------------------------------------------


def optimize(graph: Graph, fast_math: bool = False) -> tuple[Graph, bool]:
    """Tasks 2 to 5, again and again, until nothing changes."""
    # TODO: task 8
    raise NotImplementedError
