"""Makes Python on Linux look like another system, as far as aisys asks; a sitecustomize.py.

AISYS_TEST_SYSTEM names it: Darwin or Windows. What the standard library itself needs is imported
first; only what aisys would find missing there is taken away. The answer of
platform.system() is for aisys alone.
"""

import asyncio  # noqa: F401
import ctypes
import multiprocessing  # noqa: F401
import os
import pathlib  # noqa: F401
import platform
import shutil  # noqa: F401
import signal
import socket
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401

NAME = os.environ["AISYS_TEST_SYSTEM"]
LINUX = {
    os: (
        "sched_getaffinity",
        "sched_setaffinity",
        "pidfd_open",
        "memfd_create",
        "unshare",
        "setns",
    ),
    signal: ("pidfd_send_signal",),
}
UNIX = {
    os: (
        *(
            "fork",
            "forkpty",
            "setsid",
            "getuid",
            "geteuid",
            "getgid",
            "getegid",
            "killpg",
            "getpgid",
        ),
        *("wait", "waitid", "wait3", "wait4", "set_blocking", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH"),
        *("O_CLOEXEC", "O_DIRECTORY", "fchmod", "chown", "mkfifo", "mknod", "setpriority", "nice"),
    ),
    signal: (
        "SIGKILL",
        "SIGSTOP",
        "SIGUSR1",
        "SIGCHLD",
        "SIGPIPE",
        "SIGALRM",
        "setitimer",
        "SIGTSTP",
    ),
    socket: ("AF_UNIX",),
}
MODULES = ("fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog")


def take_away(table):
    for module, names in table.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)


class Missing:
    def find_spec(self, name, path=None, target=None):
        del path, target
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def system():
    """To aisys the other system; other packages would look for what is not here."""
    asks = sys._getframe(1).f_globals.get("__name__", "")
    return NAME if asks.startswith("aisys_cli") else "Linux"


platform.system = system
take_away(LINUX)
if NAME == "Windows":
    pair = socket.socketpair
    socket.socketpair = lambda: pair(1)  # there it is made of two TCP sockets
    take_away(UNIX)
    for module in MODULES:
        sys.modules.pop(module, None)
    sys.meta_path.insert(0, Missing())

    class NoLibc(ctypes.CDLL):
        def __init__(self, name, *args, **options):
            if name is None:
                raise TypeError("LoadLibrary() argument 1 must be str, not None")
            super().__init__(name, *args, **options)

    ctypes.CDLL = NoLibc
