"""A graph of values, as a picture has it; one, or two beside each other."""

from __future__ import annotations

import msgspec

__all__ = ["Graph", "Graphs", "Node"]


class Node(msgspec.Struct, frozen=True):
    """A value: `label` is what makes it, `lines` what is known of it, `inputs` the ids of the
    nodes that it is made of. `mark` is a word that says what became of it, and its colour."""

    id: str
    label: str
    inputs: list[str] = []
    lines: list[str] = []
    mark: str = ""


class Graph(msgspec.Struct, frozen=True):
    """Nodes in an order in which each stands after its inputs."""

    title: str
    nodes: list[Node]
    notes: list[str] = []

    def layers(self) -> list[list[Node]]:
        """The nodes by their longest way from a node without inputs."""
        depth: dict[str, int] = {}
        for node in self.nodes:
            above = [depth[one] for one in node.inputs if one in depth]
            depth[node.id] = max(above, default=-1) + 1
        found: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for node in self.nodes:
            found[depth[node.id]].append(node)
        return found


class Graphs(msgspec.Struct, frozen=True):
    """Graphs to be compared, such as before and after a pass."""

    title: str
    graphs: list[Graph]
    notes: list[str] = []
