"""Pictures of this lab, for `aisys lab draw`: a real run of your functions, message by message.

Every number that a rank puts in says where it comes from: its place in x in the upper bits, one
bit for the rank in the lower ones. Sums keep both, so what is in a message can be read off it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aisys_cli.draw import Exchange, Transfer
from aisys_cli.grader import Run, World

PLACE = 1 << 16


def ring(student: Any, *, p: int = 4, n: int = 8, rendezvous: bool = False) -> Exchange:
    """ring_all_reduce(x, comm) of n elements on p ranks."""
    return _all_reduce(student, "ring_all_reduce", p, n, rendezvous)


def halving_doubling(student: Any, *, p: int = 4, n: int = 8, rendezvous: bool = False) -> Exchange:
    """halving_doubling_all_reduce(x, comm) of n elements on p ranks."""
    return _all_reduce(student, "halving_doubling_all_reduce", p, n, rendezvous)


def reduce_scatter(student: Any, *, p: int = 4, n: int = 8, rendezvous: bool = False) -> Exchange:
    """reduce_scatter(x, comm) of n elements on p ranks."""
    return _all_reduce(student, "reduce_scatter", p, n, rendezvous)


def tree(student: Any, *, p: int = 8, n: int = 4, root: int = 0) -> Exchange:
    """broadcast(x, comm, root) of n elements on p ranks."""
    run = student.on(World(p)).broadcast([(_marked(n, rank), root) for rank in range(p)])
    return _picture(f"broadcast: p = {p}, n = {n}, root {root}", run, p, n)


PICTURES = {
    "ring": ring,
    "tree": tree,
    "halving-doubling": halving_doubling,
    "reduce-scatter": reduce_scatter,
}


def _all_reduce(student: Any, name: str, p: int, n: int, rendezvous: bool) -> Exchange:
    world = World(p, rendezvous=rendezvous)
    run = getattr(student.on(world), name)([(_marked(n, rank), "sum") for rank in range(p)])
    return _picture(f"{name}: p = {p}, n = {n}", run, p, n)


def _marked(n: int, rank: int) -> Any:
    return np.arange(1, n + 1, dtype=np.int64) * PLACE + (1 << rank)


def _picture(title: str, run: Run, p: int, n: int) -> Exchange:
    bounds = np.cumsum([0, *(len(one) for one in np.array_split(np.arange(n), p))])
    transfers = []
    for message in run.messages:
        label, kind, detail = _content(message, bounds)
        transfers.append(
            Transfer(
                message.src,
                message.dst,
                message.sent,
                message.arrived,
                label,
                kind,
                f"{message.src} to {message.dst}: {detail}",
                message.elements,
                message.nbytes,
                message.send_call,
                message.send_line,
            )
        )
    most = max((one.elements for one in run.sent), default=0)
    legend = "2(3)>1: chunk 2, 3 ranks' parts summed, to rank 1; e0-3: elements 0 to 3"
    counts = f"{len(run.messages)} messages, {run.steps} latency steps"
    notes = [legend, f"{counts}; at most {most} elements sent by one rank"]
    return Exchange(title, p, transfers, notes)


def _content(message: Any, bounds: Any) -> tuple[str, int, str]:
    """Label, colour and description of what a message carries."""
    values = np.frombuffer(message.data, np.int64) if message.dtype == "int64" else np.zeros(0)
    if not values.size:
        return "empty", 0, f"{message.elements} elements"
    ranks = [bit for bit in range(16) if int(values[0]) >> bit & 1]
    places = values // PLACE // max(1, len(ranks)) - 1
    first, last = int(places.min()), int(places.max())
    detail = f"elements {first} to {last}, the sum of the parts of ranks {ranks}"
    chunk = int(np.searchsorted(bounds, first, side="right")) - 1
    if (first, last + 1) == (bounds[chunk], bounds[chunk + 1]):
        name = str(chunk)
    elif last - first + 1 == bounds[-1]:
        name = "all"
    else:
        name = f"e{first}" if first == last else f"e{first}-{last}"
    return f"{name}({len(ranks)})", chunk, detail
