"""What a cell may use; the table `limits` of lab.toml, and part of a Spawn message."""

from __future__ import annotations

import msgspec

__all__ = ["BUSY_FACTOR", "MAX_RANKS", "WALL_FACTOR", "Limits"]

MAX_RANKS = 16  # of one world

# A request that waits instead of computing ends after this many times its limit. Time in
# which it was ready and the machine was busy does not count, up to the second factor.
WALL_FACTOR = 3.0
BUSY_FACTOR = 20.0


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Times are CPU seconds of the student's process: a busy machine changes no verdict.

    Memory is that of all processes of a cell together; files are those in its /tmp.
    """

    call_seconds: float = 5.0
    check_seconds: float = 30.0
    submission_seconds: float = 120.0
    memory_mib: int = 1024
    processes: int = 64
    open_files: int = 256
    file_mib: int = 16
    tmp_mib: int = 32
    reply_mib: int = 8
    source_kib: int = 1024
    output_kib: int = 8
