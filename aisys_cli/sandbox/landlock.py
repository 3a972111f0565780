"""A Landlock domain: what a cell may do to files, TCP and other processes, whatever it finds.

The namespaces, the read-only disk and the system call filter refuse the same by other means.
This layer stays when one of them has a hole, and where there are no namespaces it is the only
one of its kind. A kernel without Landlock (before 5.13, or not switched on) goes without.
See landlock(7) and linux/landlock.h for the numbers.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct

__all__ = ["abi", "restrict"]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # on every architecture
_VERSION, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE, _TRUNCATE, _REFER = 0b11 << 4, 1 << 14, 1 << 13
_MAKE_DIR, _MAKE_REG, _MAKE_FIFO, _MAKE_SYM = 1 << 7, 1 << 8, 1 << 10, 1 << 12
# Since a version of the interface: so many rights on files, of which the lowest is to execute.
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_READ = _READ_FILE | _READ_DIR
_CHANGE = _WRITE_FILE | _REMOVE | _TRUNCATE | _REFER
_MAKE = _MAKE_DIR | _MAKE_REG | _MAKE_FIFO | _MAKE_SYM
_TCP = 0b11  # bind, connect; since 4
_SCOPES = 0b11  # abstract sockets and signals of others; since 6


def abi() -> int:
    """The version of the interface that this kernel has; 0 if it has none."""
    if platform.system() != "Linux":
        return 0
    return max(0, _syscall(_CREATE_RULESET, None, 0, _VERSION))


def restrict(*, writable: str, network: bool) -> None:
    """For this thread and its children, for good: read anything, execute nothing, change files
    beneath `writable` only; without `network` no TCP; no signal and no abstract socket to
    others. OSError if the kernel has Landlock and refuses."""
    version = abi()
    if not version:
        return
    handled = (1 << max(n for since, n in _RIGHTS.items() if since <= version)) - 1
    tcp = _TCP if version >= 4 and not network else 0
    scopes = _SCOPES if version >= 6 else 0
    size = 8 if version < 4 else 16 if version < 6 else 24
    attributes = struct.pack("=QQQ", handled, tcp, scopes)[:size]
    ruleset = _checked(_CREATE_RULESET, attributes, size, 0)
    try:
        _allow(ruleset, "/", _READ & handled)
        _allow(ruleset, "/dev", (_READ | _WRITE_FILE) & handled)
        _allow(ruleset, writable, (_READ | _CHANGE | _MAKE) & handled)
        if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError("no_new_privs refused")
        _checked(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, folder: str, rights: int) -> None:
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        _checked(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


def _checked(call: int, *arguments: int | bytes) -> int:
    result = _syscall(call, *arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock, system call {call}: {os.strerror(number)}")
    return result


def _syscall(*arguments: int | bytes | None) -> int:
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return int(_libc().syscall(*words))


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc
