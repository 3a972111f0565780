"""A few of the attacks on a grader, for `aisys doctor`: the real sandbox, on this machine.

Those that only try to get at something share a cell and say themselves what they got, beside
a canary of ours that must stay as it is. Those that are to end a cell have one each, and what
is asked of is the sandbox: that the cell ended, within its limits, with all its processes.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from aisys_cli.errors import EnvironmentFault
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import Cell, CellDied, CellTimeout, Host, HostLost
from aisys_cli.sandbox.limits import Limits
from aisys_cli.sandbox.profile import profile

__all__ = ["COUNT", "probe"]

# Each function of the first table returns True when it got what it must not get.
_SOURCE = """
import ctypes, os, signal, socket, struct, threading, time
libc = ctypes.CDLL(None, use_errno=True)

def opens(path, mode):
    try:
        open(path, mode).close()
        return True
    except OSError:
        return False

def raises_nothing(action):
    try:
        action()
        return True
    except (OSError, ImportError, ValueError):
        return False

def write_outside_tmp(canary):
    return any(opens(p, "w") for p in (canary, "/x", "/etc/x", "/aisys/x", "/dev/x", "/usr/lib/x"))

def read_a_file_of_the_grader(canary):
    return opens(canary, "r")

def change_a_kernel_setting(canary):
    return opens("/proc/sys/kernel/core_pattern", "w")

def see_other_processes(canary):
    return bool(os.listdir("/proc"))

def signal_other_processes(canary):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pids = {os.getppid(), int(canary.rpartition(".")[2])} - {0}
    return any(raises_nothing(lambda: os.kill(pid, 0)) for pid in pids)

def read_the_environment(canary):
    return any(name.startswith("AISYS") or name == "PATH" for name in os.environ)

def reach_the_network(canary):
    try:
        socket.create_connection(("127.0.0.1", 22), timeout=1)
        return True
    except ConnectionRefusedError:
        return False
    except OSError:
        return False

def import_torch(canary):
    def load():
        import torch
    return raises_nothing(load)

def make_a_user_namespace(canary):
    return libc.unshare(0x10000000) == 0

def make_uncounted_memory(canary):
    return hasattr(os, "memfd_create") and libc.memfd_create(b"x", 0) >= 0

def trace_a_process(canary):
    return libc.ptrace(16, 1, 0, 0) == 0

def raise_its_own_limits(canary):
    import resource
    return raises_nothing(lambda: resource.setrlimit(resource.RLIMIT_DATA, (-1, -1)))

ATTEMPTS = [write_outside_tmp, read_a_file_of_the_grader, change_a_kernel_setting,
            see_other_processes, signal_other_processes, read_the_environment,
            reach_the_network, import_torch, make_a_user_namespace, make_uncounted_memory,
            trace_a_process, raise_its_own_limits]

def take_memory_without_end():
    kept = []
    while True:
        kept.append(bytearray(1 << 22))

def compute_for_ever():
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass

def start_processes_without_end():
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
        except OSError:
            time.sleep(0.01)

def answer_in_place_of_the_driver():
    end = b"\\x91\\x01"
    for fd in range(3, 64):
        try:
            os.write(fd, struct.pack("<I", len(end)) + end)
        except OSError:
            pass
    time.sleep(100)
"""
_DRIVER = b"""
def attempt(student, canary):
    return [f.__name__ for f in student.ATTEMPTS if f(canary)]

def ends(student, name, mark):
    student.libc.prctl(15, mark.encode(), 0, 0, 0)
    getattr(student, name)()
    return name
"""
_ENDINGS = (
    "take_memory_without_end",
    "compute_for_ever",
    "start_processes_without_end",
    "answer_in_place_of_the_driver",
)
_LIMITS = Limits(memory_mib=128, processes=16, call_seconds=0.3, submission_seconds=4.0)

COUNT = _SOURCE.count("(canary):") + len(_ENDINGS)


def probe(source: str = _SOURCE) -> list[str]:
    """What a cell could do and must not, in words; EnvironmentFault if none starts."""
    host = Host(profile("numpy"), isolation="bwrap")
    try:
        with tempfile.TemporaryDirectory(prefix="aisys-doctor-") as folder:
            canary = Path(folder, f"canary.{os.getpid()}")
            canary.write_text("untouched")
            got = _in_a_cell(host, 1, source, functools.partial(_attempts, str(canary)))
            if canary.read_text() != "untouched":
                got.append("change a file of the grader")
        for number, name in enumerate(_ENDINGS, 2):
            got += _in_a_cell(host, number, source, functools.partial(_ending, name))
        if _left():
            got.append("leave processes behind")
        if not host.alive:
            got.append("end the host of all cells")
    except (CellDied, CellTimeout, HostLost, wire.Malformed) as error:
        raise EnvironmentFault(f"a cell did not do its work: {error}") from None
    finally:
        host.close()
    return [name.replace("_", " ") for name in got]


def _in_a_cell(host: Host, number: int, source: str, use: Callable[[Cell], list[str]]) -> list[str]:
    cell = host.spawn(_LIMITS, numbers=[number], seed=0)[0].cell()
    try:
        cell.load(wire.Load({"probe.py": source.encode()}, "probe", _DRIVER, []), seconds=10)
        return use(cell)
    finally:
        cell.close()


def _attempts(canary: str, cell: Cell) -> list[str]:
    reply = cell.call("attempt", (canary,), seconds=10)
    if not isinstance(reply, wire.Returned) or not isinstance(reply.value, list):
        raise EnvironmentFault(f"a cell did not do its work: {reply}")
    return [str(name)[:100] for name in reply.value]


def _ending(name: str, cell: Cell) -> list[str]:
    try:
        reply = cell.call("ends", (name, _mark()), seconds=_LIMITS.call_seconds)
    except (CellDied, CellTimeout, wire.Malformed):
        return []
    return [] if isinstance(reply, wire.Raised) else [name]


def _mark() -> str:
    """What the processes that are to be ended are named; Linux keeps 15 characters."""
    return f"aisys-{os.getpid()}"


def _left() -> list[int]:
    """The processes of that name on this machine."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if Path("/proc", name, "comm").read_text().strip() == _mark():
                found.append(int(name))
        except OSError:  # it has just ended
            pass
    return found
