"""A cell that tries to get out, for `aisys doctor`: the real sandbox, on this machine."""

from __future__ import annotations

from aisys_cli.errors import EnvironmentFault
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import CellDied, CellTimeout, Host, HostLost
from aisys_cli.sandbox.limits import Limits
from aisys_cli.sandbox.profile import profile

__all__ = ["probe"]

# Each function returns True when it got what it must not get.
_ATTEMPTS = """
import ctypes, os, socket

def opens(path, mode):
    try:
        open(path, mode).close()
        return True
    except OSError:
        return False

def write_outside_tmp():
    return any(opens(p, "w") for p in ("/x", "/etc/x", "/aisys/x", "/dev/x", "/usr/lib/x"))

def change_a_kernel_setting():
    return opens("/proc/sys/kernel/core_pattern", "w")

def see_other_processes():
    return bool(os.listdir("/proc"))

def reach_the_network():
    try:
        socket.create_connection(("127.0.0.1", 22), timeout=1)
        return True
    except ConnectionRefusedError:
        return False
    except OSError:
        return False

def import_torch():
    try:
        import torch
        return True
    except ImportError:
        return False

def make_a_user_namespace():
    return ctypes.CDLL(None).unshare(0x10000000) == 0

def make_uncounted_memory():
    return hasattr(os, "memfd_create") and ctypes.CDLL(None).memfd_create(b"x", 0) >= 0

ATTEMPTS = [write_outside_tmp, change_a_kernel_setting, see_other_processes,
            reach_the_network, import_torch, make_a_user_namespace, make_uncounted_memory]
"""
_DRIVER = b"""
def attempt(student):
    return [f.__name__ for f in student.ATTEMPTS if f()]
"""


def probe() -> list[str]:
    """What a cell could do and must not, in words; EnvironmentFault if none starts."""
    host = Host(profile("numpy"), isolation="bwrap")
    try:
        cell = host.spawn(Limits(), numbers=[1], seed=0)[0].cell()
        files = {"probe.py": _ATTEMPTS.encode()}
        cell.load(wire.Load(files, "probe", _DRIVER, []), seconds=10)
        reply = cell.call("attempt", (), seconds=10)
        cell.close()
    except (CellDied, CellTimeout, HostLost, wire.Malformed) as error:
        raise EnvironmentFault(f"a cell did not do its work: {error}") from None
    finally:
        host.close()
    if not isinstance(reply, wire.Returned) or not isinstance(reply.value, list):
        raise EnvironmentFault(f"a cell did not do its work: {reply}")
    return [str(name).replace("_", " ") for name in reply.value]
