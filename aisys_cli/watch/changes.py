"""What changed in a few folders: events wake us up, and looking says what it was.

Editors save in many ways: in place, or into a new file that is renamed over the old one, by
way of a backup and some files of their own. So an event is only a reason to look, and what
counts is what is seen: names, times and sizes of the files that matter. Where no events come,
as on network disks, looking now and then finds the change all the same.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["Notifier", "Seen", "changed_at", "look"]

# Of each file: time of the last change in nanoseconds, size, inode (a rename gives another).
Seen = dict[str, tuple[int, int, int]]
_QUIET_MS, _LONGEST_MS, _AGAIN_MS = 30, 200, 1000


def look(paths: Iterable[Path]) -> Seen:
    """Those of the files that are there."""
    seen = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            continue
        seen[str(path)] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return seen


def changed_at(before: Seen, now: Seen, *, noticed: float) -> float:
    """When the newest change was made, in seconds since the epoch. `noticed` if no file says so
    or its clock is another one."""
    times = [entry[0] / 1e9 for path, entry in now.items() if before.get(path) != entry]
    newest = max(times, default=noticed)
    return newest if noticed - 60 < newest <= noticed else noticed


class Notifier(threading.Thread):
    """Calls `wake` after something happened in the folders; from a thread of its own."""

    def __init__(self, folders: Iterable[Path], wake: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._folders = list(folders)
        self._wake = wake
        self._stop_event = threading.Event()

    def stop(self) -> None:
        self._stop_event.set()

    def run(self) -> None:
        import watchfiles

        while not self._stop_event.is_set():
            there = [folder for folder in self._folders if folder.is_dir()]
            known = _identities(self._folders)
            try:
                for changes in watchfiles.watch(
                    *there,
                    watch_filter=None,
                    step=_QUIET_MS,
                    debounce=_LONGEST_MS,
                    rust_timeout=_AGAIN_MS,
                    yield_on_timeout=True,
                    stop_event=self._stop_event,
                    raise_interrupt=False,
                    recursive=False,
                ):
                    if changes:
                        self._wake()
                    if _identities(self._folders) != known:
                        break  # a folder went or came back: what we watch is not it any more
            # A folder that vanishes just now, or no watch to be had: looking goes on without.
            except (OSError, RuntimeError):
                self._stop_event.wait(1.0)
            self._wake()


def _identities(folders: Iterable[Path]) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for folder in folders:
        try:
            stat = os.stat(folder)
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_dev, stat.st_ino))
    return found
