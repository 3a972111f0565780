"""What turns a fork of the host into a cell: namespaces, an empty disk, limits.

Called between fork and the first byte of student code, while single-threaded. Linux
only in full; elsewhere (`namespaces=False`) a cell is a process with the limits that
the system has.

    host -- fork --> keeper: unshare(user, mount, pid, ipc, net, uts), id maps
                       \\-- fork --> cell, pid 1 of its namespace: tmpfs over /tmp and
                                    /proc, no capabilities, rlimits, Landlock, seccomp
                     the keeper exits at once; the host, a subreaper, inherits the cell

The ranks of a gloo world are cells like any other but for their network: a keeper makes
one namespace with a loopback device and then a keeper of each cell.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import resource
import signal
import socket
import struct

from aisys_cli.sandbox import USER_LIMIT, landlock, seccomp
from aisys_cli.sandbox.limits import Limits

__all__ = [
    "become_subreaper",
    "data_bytes",
    "libc",
    "limit",
    "private_view",
    "shared_loopback",
    "unshare",
]

_NEWNS, _NEWUTS, _NEWIPC = 0x00020000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_RDONLY = 2, 4, 8, 1
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SUBREAPER = 4, 24, 36
_CAP_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *args: object) -> None:
    if getattr(libc, name)(*args):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{args!r:.60}: {os.strerror(number)}")


def become_subreaper() -> None:
    """Orphans of this process's children become its own children."""
    if platform.system() == "Linux":
        _call("prctl", _PR_SET_SUBREAPER, 1, 0, 0, 0)


def unshare(*, network: bool = True) -> None:
    """New user, mount, pid, ipc and uts namespaces, and a network one unless the caller's
    is to be kept; same ids inside as outside."""
    _enter_new(_NEWUSER | _NEWNS | _NEWPID | _NEWIPC | _NEWUTS | (_NEWNET if network else 0))


def shared_loopback() -> None:
    """A new network namespace with nothing but a working loopback device, for the cells
    that are forked from here."""
    _enter_new(_NEWUSER | _NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sH14x", b"lo", 0x1)  # struct ifreq with IFF_UP
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


def _enter_new(namespaces: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    # A process that changed its user does not own its /proc files until it says so.
    _call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
    _call("unshare", namespaces)
    _call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def private_view(limits: Limits) -> None:
    """A private /tmp of `tmp_mib`, an empty /proc, no further namespaces, no powers."""
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    options = f"size={limits.tmp_mib}m,nr_inodes=4096,mode=0700".encode()
    _call("mount", b"tmpfs", b"/tmp", b"tmpfs", flags, options)
    try:
        with open(USER_LIMIT, "w") as file:
            file.write("0")
    except OSError:  # no such sysctl here; the seccomp filter refuses the calls as well
        pass
    for path in (b"/aisys/limits", b"/proc"):
        _call("mount", b"tmpfs", path, b"tmpfs", flags | _MS_RDONLY, b"size=4k")
    os.chdir("/tmp")  # noqa: S108
    _drop_capabilities()
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _drop_capabilities() -> None:
    for capability in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # past the last one this kernel knows
    header = _CapHeader(_CAP_VERSION_3, 0)
    _call("capset", ctypes.byref(header), (ctypes.c_uint32 * 6)())


def limit(
    limits: Limits,
    *,
    keep: tuple[int, ...],
    namespaces: bool,
    network: bool,
    shared: int,
    refuse: bytes,
) -> None:
    """rlimits, a Landlock domain, a seccomp filter, no descriptors but `keep` and 0, 1, 2.

    `network`: TCP is needed. `shared`: bytes of private memory that were there before, see
    data_bytes. `refuse` is the filter's code; b"" on a machine for which there is none.
    """
    _close_all_but(keep)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    cpu = int(limits.submission_seconds) + 1
    mib = 1 << 20
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": cpu,
        "RLIMIT_FSIZE": limits.file_mib * mib,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_DATA": shared + limits.memory_mib * mib,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        # Counted for the user as a whole, whom as an ordinary user the grader is as well.
        "RLIMIT_SIGPENDING": 256,
    }
    if namespaces:
        # Counted for each user namespace since Linux 5.14: this cell's processes alone.
        wanted["RLIMIT_NPROC"] = limits.processes
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            _set_limit(kind, value)
    landlock.restrict(writable="/tmp", network=network)  # noqa: S108 - the cell's own
    if refuse:
        seccomp.install(libc, refuse)


def _set_limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def data_bytes() -> int:
    """Private writable memory of this process now; to be asked while there is a /proc."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def _close_all_but(keep: tuple[int, ...]) -> None:
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 1 << 16)
