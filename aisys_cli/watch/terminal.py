"""The terminal: single keys in, whole screens out, and everything put back at the end.

A screen is drawn on the terminal's alternate one, only the lines that differ are written, in
one piece: nothing flickers and nothing is left in the scrollback. Where that is not to be had,
or not wanted, `calm` is False and the caller prints line after line.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from rich.console import Console
from rich.text import Text

__all__ = ["Terminal", "keys_of"]

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"
# Shown at once by terminals that know it, ignored by the others.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_SPECIAL = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b": "back",
    "\r": "again",
    "\n": "again",
    " ": "page down",
    "b": "page up",
    "j": "down",
    "k": "up",
}
_TOKEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z~]|\x1bO[A-Z]|.", re.DOTALL)


def keys_of(data: str) -> list[str]:
    """The keys in what was read; sequences that mean nothing here are dropped."""
    tokens = _TOKEN.findall(data)
    keys = [_SPECIAL.get(token, token.lower()) for token in tokens]
    return [key for key in keys if key.isprintable()]


class Terminal:
    """A context manager; `clear` asks for a calm screen. Only for the main thread."""

    def __init__(self, *, clear: bool) -> None:
        self.has_keys = _is_terminal(sys.stdin) and _has_termios()
        known = os.environ.get("TERM", "") not in ("", "dumb")
        self.calm = clear and known and _is_terminal(sys.stdout)
        self.on_resize: Callable[[], None] = lambda: None
        self._shown: list[str] = []
        self._saved: Any = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Terminal:
        self._handle("SIGTERM", _end)
        self._handle("SIGHUP", _end)
        self._handle("SIGTSTP", self._suspend)
        self._handle("SIGWINCH", self._resized)
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _handle(self, name: str, handler: Callable[[int, FrameType | None], None]) -> None:
        number = getattr(signal, name, None)  # Windows has only some of them
        if number is not None and (self.has_keys or self.calm or name == "SIGTERM"):
            self._handlers[number] = signal.signal(number, handler)

    def _take(self) -> None:
        if self.has_keys:
            import termios
            import tty

            self._saved = termios.tcgetattr(0)
            tty.setcbreak(0, termios.TCSANOW)  # Ctrl-C and Ctrl-Z stay what they are
        if self.calm:
            self._write(_ENTER)
            self._shown = []

    def _give_back(self) -> None:
        if self.calm:
            try:
                self._write(_LEAVE)
            except OSError:
                pass  # the terminal is gone
        if self._saved is not None:
            import termios

            try:
                termios.tcsetattr(0, termios.TCSANOW, self._saved)
            except termios.error:
                pass
            self._saved = None

    def _suspend(self, *_: object) -> None:
        """Ctrl-Z: leave the terminal as it was to the shell, and come back with `fg`."""
        shown = self._shown
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self._paint(shown)

    def _resized(self, *_: object) -> None:
        self._shown = []
        if self.calm:
            self._write("\x1b[2J")
        self.on_resize()

    # -- out -------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        found = shutil.get_terminal_size((80, 24))
        return found.columns, found.lines

    def draw(self, lines: Sequence[Text]) -> None:
        """Show these lines and no others, cut to the terminal's size."""
        width, height = self.size
        self._paint([_as_ansi(line, width) for line in lines[:height]])

    def _paint(self, lines: list[str]) -> None:
        before = self._shown
        parts = []
        for number in range(max(len(lines), len(before))):
            new = lines[number] if number < len(lines) else ""
            if number >= len(before) or new != before[number]:
                parts.append(f"\x1b[{number + 1};1H{new}\x1b[K")
        self._shown = lines
        if parts:
            self._write(_BEGIN + "".join(parts) + _END)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    # -- in --------------------------------------------------------------------------

    def read_keys(self) -> list[str] | None:
        """The keys that were pressed; None when the terminal is gone."""
        try:
            data = os.read(0, 256)
        except OSError:
            return None
        return keys_of(data.decode(errors="replace")) if data else None


def _end(*_: object) -> None:
    raise SystemExit(143)


def _is_terminal(stream: Any) -> bool:
    return stream is not None and bool(stream.isatty())


def _has_termios() -> bool:
    import importlib.util

    return importlib.util.find_spec("termios") is not None


def _as_ansi(line: Text, width: int) -> str:
    """The line cut to the width; colours as the environment wants them."""
    line = line.copy()
    line.truncate(max(width - 1, 1), overflow="crop")
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, width=width + 1, highlight=False, markup=False, emoji=False
    )
    console.print(line, end="", soft_wrap=True)
    return out.getvalue()
