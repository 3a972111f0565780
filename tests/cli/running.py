"""Runs the real command: with pipes, and in a terminal of its own."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from harness import REFERENCE, clean_environment

RIGHT = REFERENCE
WRONG = REFERENCE.replace("return -a", "return a")  # 2.1, which is hidden
FLOAT32 = REFERENCE.replace("return xs * k", 'return (xs * k).astype("float32")')  # 2.2
UNWRITTEN = REFERENCE.replace("return a + b", "raise NotImplementedError")
SYNTAX = "def add(a, b:\n    return a + b\n"


def command(words, at):
    course = ["--course", str(at)] if at else []
    return [sys.executable, "-m", "aisys_cli", *course, *map(str, words)]


def run(*words, cwd, at, env=None, encoding="utf-8"):
    """The finished process; stdin is closed, stdout and stderr are pipes."""
    return subprocess.run(
        command(words, at),
        cwd=cwd,
        env=clean_environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding=encoding,
        timeout=120,
        check=False,
    )


def in_terminal(*words, cwd, at, keys=b"", env=None):
    """(all it wrote, exit code) of the command in a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = clean_environment(**{"TERM": "xterm", **(env or {})})
    process = subprocess.Popen(
        command(words, at),
        cwd=cwd,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, keys)
    written = b""
    while True:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:  # how Linux says that nobody has the other end any more
            break
        if not data:
            break
        written += data
    os.close(ours)
    return written.decode(), process.wait(timeout=60)


def without_times(text):
    """Without what another run, or another version of Hypothesis, may say differently."""
    return re.sub(r"after \d+ tries", "after N tries", re.sub(r"\d+\.\d+s\b", "N.Ns", text))


def write(folder, files):
    """{path: text} as files below the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder
