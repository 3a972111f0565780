"""Another command of aisys, run beside the loop: its output is read as it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from aisys_cli.report.records import clean

__all__ = ["Command"]

MOST = 100_000  # characters kept of what it prints


class Command:
    """`aisys WORDS` in `folder`; readable (fileno) when `read` has something to do.

    It may run the student's code without a sandbox, as `lab repro` does: in a session of its
    own, so that all of it can be ended.
    """

    def __init__(self, words: list[str], *, course: Path, language: str, folder: Path) -> None:
        self.line = f"aisys {' '.join(words)}"
        self._data = b""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "aisys_cli"),
                *("--course", str(course), "--lang", language, *words),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self) -> bool:
        """Read once; False when it has ended."""
        data = os.read(self.fileno(), 1 << 16)
        if len(self._data) < MOST:
            self._data += data
        if not data:
            self.end()
        return bool(data)

    @property
    def output(self) -> str:
        return clean(self._data.decode(errors="replace"), limit=MOST)

    def end(self) -> None:
        """End it, if it still runs, with all that it started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except OSError:
            pass  # it has ended
        self._process.wait()
        self._pipe.close()
