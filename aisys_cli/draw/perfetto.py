"""Pictures in the Trace Event Format, which chrome://tracing and ui.perfetto.dev open.

A thread for each rank. Of an Exchange, a slice for each message at its sender and at its receiver,
joined by a flow; of a Gantt, a slice for each bar. One step or tick is shown as one millisecond:
the format has only time.
"""

from __future__ import annotations

import json
from typing import Any

from aisys_cli.draw.exchange import Exchange, Transfer
from aisys_cli.draw.gantt import Gantt

__all__ = ["exchange_json", "gantt_json"]

_STEP = 1000  # microseconds


def exchange_json(picture: Exchange) -> str:
    """The JSON object, with the events in order of time."""
    events: list[dict[str, Any]] = [_named("process_name", 0, picture.title)]
    for rank in range(picture.size):
        events.append(_named("thread_name", rank, f"rank {rank}"))
    for number, one in enumerate(picture.transfers, 1):
        events += _events(one, number)
    return _document(picture.title, events)


def gantt_json(picture: Gantt) -> str:
    """The JSON object, with the events in order of time."""
    events = [_named("process_name", 0, picture.title)]
    events += [_named("thread_name", lane, name) for lane, name in enumerate(picture.lanes)]
    for bar in picture.bars:
        kind = picture.kinds[bar.kind] if bar.kind < len(picture.kinds) else "bar"
        event = {"ph": "X", "cat": kind, "name": bar.label, "pid": 0, "tid": bar.lane}
        span = {"ts": bar.start * _STEP, "dur": (bar.end - bar.start) * _STEP}
        events.append({**event, **span, "args": {"what": bar.detail or bar.label}})
    return _document(picture.title, events)


def _document(title: str, events: list[dict[str, Any]]) -> str:
    document = {
        "traceEvents": sorted(events, key=lambda event: event["ts"]),
        "displayTimeUnit": "ms",
        "otherData": {"title": title},
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _named(kind: str, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": 0, "tid": thread, "ts": 0, "args": {"name": name}}


def _events(one: Transfer, number: int) -> list[dict[str, Any]]:
    facts = {"what": one.detail or one.label, "elements": one.elements, "bytes": one.nbytes}
    facts |= {"call": one.call, "line": one.line}
    # Half a step each: a rank can send and receive in one step, slices must not overlap.
    sent = {"ts": (one.sent - 1) * _STEP, "dur": _STEP // 2 - 10, "tid": one.src}
    taken = {"ts": one.arrived * _STEP - _STEP // 2, "dur": _STEP // 2 - 10, "tid": one.dst}
    slice_ = {"ph": "X", "cat": "message", "pid": 0, "args": facts}
    flow = {"name": "message", "cat": "message", "id": number, "pid": 0}
    return [
        {**slice_, **sent, "name": f"send {one.label} to {one.dst}"},
        {**flow, "ph": "s", "tid": one.src, "ts": sent["ts"] + 1},
        {**slice_, **taken, "name": f"receive {one.label} from {one.src}"},
        {**flow, "ph": "f", "bp": "e", "tid": one.dst, "ts": taken["ts"] + 1},
    ]
