"""What a cell can see and reach: its disk, kernel, network. Everything here is tried for real."""

import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from harness import OneCell, wait_until

from aisys_cli.sandbox import landlock, launcher, wire
from aisys_cli.sandbox.client import Host
from aisys_cli.sandbox.launcher import find_bwrap
from aisys_cli.sandbox.probe import _SOURCE as SOURCE
from aisys_cli.sandbox.probe import probe
from aisys_cli.sandbox.profile import profile, site_entries

REPOSITORY = Path(__file__).resolve().parent.parent.parent

TRY = """
import ctypes, os, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)

def error_of(action):
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return ''
"""


# -- profiles --------------------------------------------------------------------


def test_the_numpy_profile_has_numpy_and_the_wire_and_no_more():
    names = {re.split(r"[-.]", path.name)[0] for path in site_entries(profile("numpy"))}
    assert names == {"numpy", "msgspec"}


def test_the_torch_profile_brings_what_torch_requires():
    names = {path.name for path in site_entries(profile("torch"))}
    assert {"torch", "numpy", "msgspec", "sympy", "networkx"} <= names
    assert not names & {"pytest", "_pytest", "hypothesis", "typer", "pip", "aisys_cli"}


# -- the command line ------------------------------------------------------------


@pytest.fixture(scope="module")
def command():
    return launcher._bwrap_command(profile("numpy"))


def bound(command):
    """(outside, inside) of every bind."""
    for i, word in enumerate(command):
        if word in ("--ro-bind", "--bind", "--dev-bind"):
            yield command[i + 1], command[i + 2]


def test_nothing_of_a_course_nor_of_the_grader_is_bound(command):
    paths = [Path(outside) for outside, _ in bound(command)]
    # The virtual environment may lie inside the repository; it is not the course's.
    ours = [p for p in paths if p.is_relative_to(REPOSITORY) and not p.is_relative_to(sys.prefix)]
    assert ours, "the wire must come from somewhere"
    names = {str(Path(path).relative_to(REPOSITORY)) for path in ours}
    inside = ("frames", "limits", "wire", "host", "cell", "confine", "seccomp", "__init__")
    inside += ("landlock", "comm", "links")  # the student's end of a parallel lab
    expected = {f"aisys_cli/sandbox/{name}.py" for name in inside} | {"aisys_cli/__init__.py"}
    assert names == expected


def test_no_folder_above_ours_is_bound(command):
    above = {Path(p) for p in (REPOSITORY, sys.prefix)}
    for outside, _ in bound(command):
        for path in above:
            assert not path.is_relative_to(outside), outside


def test_only_devices_and_the_user_limits_are_writable(command):
    writable = {command[i + 1] for i, word in enumerate(command) if word == "--bind"}
    assert writable == {"/proc/sys/user"}
    devices = {command[i + 1] for i, word in enumerate(command) if word == "--dev-bind"}
    assert devices == {f"/dev/{name}" for name in ("null", "full", "random", "urandom")}


def test_the_networks_are_shut_and_the_host_dies_with_us(command):
    wanted = {"--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"}
    assert wanted <= set(command)


def test_every_site_packages_below_what_is_bound_is_emptied(command):
    hidden = {command[i + 1] for i, word in enumerate(command) if word == "--tmpfs"}
    for outside, _ in bound(command):
        if Path(outside).is_dir() and Path(outside).name.startswith(("lib", "python")):
            for pattern in ("site-packages", "python*/site-packages", "python*/dist-packages"):
                for found in Path(outside).glob(pattern):
                    assert str(found) in hidden


def test_bubblewrap_starts_with_an_empty_environment(monkeypatch):
    monkeypatch.setenv("AISYS_COURSE_SECRET", "the-canary")
    host = Host(profile("numpy"), isolation="bwrap")
    host.wait_ready()
    for pid in (host._started.process.pid, *_below(host)):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"the-canary" not in environment
        assert b"AISYS" not in environment
    host.close()


def _below(host):
    from harness import descendants

    return descendants(host._started.process.pid)


# -- environment and processes -----------------------------------------------------


def test_the_callers_environment_is_not_inside(monkeypatch, open_cell):
    monkeypatch.setenv("AISYS_COURSE_SECRET", "the-canary")
    host = Host(profile("numpy"), isolation="bwrap")
    source = f"""{TRY}
def look():
    held = [k for k in os.environ]
    return held, [error_of(lambda p=p: open(p)) for p in
                  ('/proc/1/environ', '/proc/self/environ', '/proc/2/environ')]
"""
    one = open_cell(source, at=host)
    one.load()
    names, files = one.value("look")
    assert set(names) <= {
        "HOME",
        "LC_ALL",
        "PWD",
        "PYTHONHASHSEED",
        "PYTHONPATH",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
    }
    assert files == ["FileNotFoundError"] * 3
    one.close()
    host.close()


def test_memory_of_the_host_holds_nothing_of_the_caller(in_cell):
    """No module of the grader, no path of a course, among what the host imported."""
    source = """
import sys
def look():
    return sorted(name for name in sys.modules if name.startswith('aisys_cli')), sys.path, sys.argv
"""
    modules, path, argv = in_cell(source).value("look")
    assert set(modules) <= {
        "aisys_cli",
        "aisys_cli.sandbox",
        "aisys_cli.sandbox.cell",
        "aisys_cli.sandbox.confine",
        "aisys_cli.sandbox.frames",
        "aisys_cli.sandbox.host",
        "aisys_cli.sandbox.landlock",
        "aisys_cli.sandbox.limits",
        "aisys_cli.sandbox.seccomp",
        "aisys_cli.sandbox.wire",
    }
    assert not [entry for entry in path if str(REPOSITORY) in entry or "site-packages" in entry]
    assert not [word for word in argv if str(REPOSITORY) in word]


def test_no_other_process_is_seen_or_reached(in_cell):
    source = f"""{TRY}
def look():
    seen = os.listdir('/proc')
    reached = []
    for pid in range(2, 5000):
        try:
            os.kill(pid, 0)
            reached.append(pid)
        except OSError:
            pass
    return [seen, reached, os.getpid(), os.getppid()]
"""
    assert in_cell(source).value("look", seconds=5.0) == [[], [], 1, 0]


@pytest.mark.skipif(os.getuid() != 0, reason="only a host that root starts changes its user")
def test_a_cell_that_root_starts_is_nobody(in_cell):
    source = f"""{TRY}
def look():
    return [list(os.getresuid()), list(os.getresgid()), os.getgroups(),
            [error_of(lambda: os.setuid(0)), error_of(lambda: os.setgid(0)),
             error_of(lambda: os.setgroups([0]))]]
"""
    uids, gids, groups, errors = in_cell(source).value("look")
    assert uids == gids == [65534] * 3
    assert 0 not in groups
    assert "" not in errors


def test_a_cell_has_no_capabilities(in_cell):
    source = f"""{TRY}
def look():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    return [list(data), sum(libc.prctl(23, n, 0, 0, 0) == 1 for n in range(64)),
            libc.prctl(39, 0, 0, 0, 0)]
"""
    capabilities, bounding, no_new_privileges = in_cell(source).value("look")
    assert capabilities == [0] * 6
    assert bounding == 0
    assert no_new_privileges == 1


# -- disk ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(host):
    """Every path on a cell's disk."""
    source = """
import os
def walk():
    found = []
    for parent, folders, files in os.walk('/'):
        folders[:] = [f for f in folders if f != '__pycache__']
        found += [os.path.join(parent, name) for name in folders]
        if not parent.startswith(('/usr/lib', '/root/', '/aisys/site')):
            found += [os.path.join(parent, name) for name in files]
    return '\\n'.join(found)
"""
    one = OneCell(host, source)
    one.load()
    paths = one.value("walk", seconds=30.0).splitlines()
    one.close()
    return paths


def test_packages_of_other_profiles_are_not_on_the_disk(seen):
    assert any(path.endswith("/numpy") for path in seen)  # so that the next lines say something
    names = {path.rpartition("/")[2] for path in seen}
    assert not names & {"torch", "hypothesis", "pytest", "_pytest", "typer", "rich", "jax"}


def test_no_site_packages_has_anything_in_it(seen):
    inside = [p for p in seen if re.search(r"/(site|dist)-packages/.", p)]
    assert inside == []


def test_nothing_of_a_course_is_on_the_disk(seen, course):
    for word in ("grading", "solutions", "checks.py", "lab.toml", course.name, "harness.py"):
        assert not [path for path in seen if f"/{word}" in path], word


def test_of_aisys_only_the_cell_is_on_the_disk(seen):
    ours = {path for path in seen if path.startswith("/aisys/src/")}
    assert {p for p in ours if p.endswith(".py")} == {
        "/aisys/src/aisys_cli/__init__.py",
        *(
            f"/aisys/src/aisys_cli/sandbox/{name}.py"
            for name in (
                "__init__",
                "frames",
                "limits",
                "wire",
                "host",
                "cell",
                "confine",
                "landlock",
                "seccomp",
                "comm",
                "links",
            )
        ),
    }


def test_no_home_and_no_configuration_is_on_the_disk(seen):
    private = ("/home/", "/var/", "/run/", "/mnt/", f"{Path.home()}/", f"{REPOSITORY}/")
    # An interpreter may be installed below a home: it, its library and the folders above them.
    python = (f"{sys.base_prefix}/lib", os.path.realpath(sys._base_executable))
    above = {str(folder) for path in python for folder in Path(path).parents}
    found = {p for p in seen if p.startswith(private) and not p.startswith(python)}
    assert found <= above
    assert {p for p in seen if p.startswith("/etc/")} <= {"/etc/ld.so.cache"}


def test_only_four_devices_are_there(seen):
    devices = {p for p in seen if p.startswith("/dev/")}
    assert devices == {f"/dev/{name}" for name in ("null", "full", "random", "urandom")}


def test_nothing_but_tmp_can_be_written(in_cell):
    source = f"""{TRY}
def look():
    made = []
    for parent, folders, files in os.walk('/'):
        if parent == '/':
            folders.remove('tmp')
        if len(made) > 20:
            break
        for path in [os.path.join(parent, 'x')]:
            try:
                open(path, 'w').close()
                made.append(path)
            except OSError:
                pass
        for name in files[:5]:
            path = os.path.join(parent, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                try:
                    open(path, 'r+b').close()
                    made.append(path)
                except OSError:
                    pass
        try:
            os.chmod(parent, 0o777)
            made.append('chmod ' + parent)
        except OSError:
            pass
    return made
"""
    assert in_cell(source).value("look", seconds=30.0) == []


KERNEL_FILES = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sysrq-trigger",
    "/proc/self/mem",
    "/proc/self/uid_map",
    "/proc/self/oom_score_adj",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/cgroup.procs",
    "/aisys/limits/user/max_user_namespaces",
    "/dev/mem",
    "/dev/kmsg",
    "/dev/tty",
    "/dev/shm/x",
)


def test_no_file_of_the_kernel_opens(in_cell):
    source = f"""{TRY}
def look(paths, mode):
    return [p for p in paths if not error_of(lambda: open(p, mode))]
"""
    one = in_cell(source)
    assert one.value("look", list(KERNEL_FILES), "w") == []
    assert one.value("look", list(KERNEL_FILES), "r") == []


def test_tmp_is_private_and_bounded(in_cell):
    source = f"""{TRY}
def fill():
    written = 0
    try:
        for n in range(100):
            with open(f'/tmp/{{n}}', 'wb', buffering=0) as file:
                for _ in range(3):
                    written += file.write(bytes(1 << 20))
    except OSError as error:
        return [written, error.strerror]

def one_file():
    with open('/tmp/one', 'wb', buffering=0) as file:
        written = 0
        try:
            while written < 100 << 20:
                written += file.write(bytes(1 << 20))
        except OSError as error:
            return [written, error.strerror]

def inodes():
    made = 0
    try:
        while made < 100_000:
            os.mkdir(f'/tmp/d{{made}}')
            made += 1
    except OSError as error:
        return [made, error.strerror]
"""
    written, why = in_cell(source).value("fill")
    assert why == "No space left on device"
    assert 5 << 20 < written <= 8 << 20
    assert in_cell(source).value("one_file") == [4 << 20, "File too large"]
    made, why = in_cell(source).value("inodes")
    assert why == "No space left on device"
    assert made < 5000
    assert not Path("/tmp/d0").exists()


def test_nothing_in_tmp_can_be_run(in_cell):
    source = """
import os
def f():
    with open('/tmp/run', 'w') as file:
        file.write('#!/bin/sh\\n')
    os.chmod('/tmp/run', 0o755)
    try:
        os.execv('/tmp/run', ['run'])
    except OSError as error:
        return error.strerror
"""
    assert in_cell(source).value("f") == "Permission denied"


# -- network -----------------------------------------------------------------------


@pytest.fixture
def listeners(tmp_path):
    """One listener of each kind, outside."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        udp.bind(("127.0.0.1", 0))
        abstract.bind(f"\0aisys-test-{os.getpid()}")
        named.bind(str(tmp_path / "socket"))
        for one in (tcp, abstract, named):
            one.listen()
            one.settimeout(0)
        udp.settimeout(0)
        yield {"tcp": tcp, "udp": udp, "abstract": abstract, "named": named}


def test_no_listener_outside_is_reached(in_cell, listeners):
    source = f"""{TRY}
def reach(tcp, udp, abstract, named):
    def to(family, address, kind=socket.SOCK_STREAM):
        with socket.socket(family, kind) as sock:
            sock.settimeout(1)
            sock.connect(address)
            sock.send(b'hello')
    return [
        error_of(lambda: to(socket.AF_INET, ('127.0.0.1', tcp))),
        error_of(lambda: to(socket.AF_INET, ('127.0.0.1', udp), socket.SOCK_DGRAM)),
        error_of(lambda: to(socket.AF_INET6, ('::1', tcp))),
        error_of(lambda: to(socket.AF_UNIX, '\\0' + abstract)),
        error_of(lambda: to(socket.AF_UNIX, named)),
        error_of(lambda: socket.getaddrinfo('example.org', 80)),
        error_of(lambda: to(socket.AF_INET, ('1.1.1.1', 53), socket.SOCK_DGRAM)),
    ]
"""
    errors = in_cell(source).value(
        "reach",
        listeners["tcp"].getsockname()[1],
        listeners["udp"].getsockname()[1],
        listeners["abstract"].getsockname()[1:].decode(),
        listeners["named"].getsockname(),
        seconds=5.0,
    )
    assert "" not in errors, errors
    for name in ("tcp", "abstract", "named"):
        with pytest.raises(BlockingIOError):
            listeners[name].accept()
    with pytest.raises(BlockingIOError):
        listeners["udp"].recv(10)


def test_a_listener_inside_is_not_reached_from_outside_or_another_cell(in_cell):
    source = f"""{TRY}
def listen():
    global kept
    kept = [socket.socket(socket.AF_UNIX), socket.socket()]
    kept[0].bind('\\0aisys-inside')
    kept[0].listen()
    return error_of(lambda: kept[1].bind(('127.0.0.1', 45678)))

def reach():
    return error_of(lambda: socket.socket(socket.AF_UNIX).connect('\\0aisys-inside'))
"""
    one, other = in_cell(source), in_cell(source)
    one.value("listen")
    assert one.value("reach") == ""  # so that the next lines say something
    assert other.value("reach") == "ConnectionRefusedError"
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(ConnectionRefusedError):
        sock.connect("\0aisys-inside")


@pytest.mark.parametrize("family", [16, 17, 38, 40, 44])
def test_other_families_of_sockets_are_refused(in_cell, family):
    """netlink, packet, alg, vsock, xdp."""
    source = f"{TRY}\ndef f(n): return error_of(lambda: socket.socket(n, socket.SOCK_DGRAM))"
    assert in_cell(source).value("f", family) == "OSError"


# -- system calls ---------------------------------------------------------------------


X86_64 = {
    "ptrace": 101,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "chroot": 161,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "io_uring_setup": 425,
    "memfd_create": 319,
    "memfd_secret": 447,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "pidfd_getfd": 438,
    "keyctl": 250,
    "add_key": 248,
    "open_by_handle_at": 304,
    "init_module": 175,
    "finit_module": 313,
    "kexec_load": 246,
    "reboot": 169,
    "syslog": 103,
    "personality": 135,
    "shmget": 29,
    "msgget": 68,
    "semget": 64,
    "mq_open": 240,
    "fsopen": 430,
    "open_tree": 428,
    "inotify_init1": 294,
    "swapon": 167,
    "acct": 163,
}
on_x86_64 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the numbers below are those of x86_64"
)


@on_x86_64
def test_dangerous_system_calls_are_refused(in_cell):
    source = f"""{TRY}
def call(numbers):
    found = {{}}
    for name, number in numbers.items():
        ctypes.set_errno(0)
        found[name] = [libc.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()]
    return found
"""
    found = in_cell(source).value("call", X86_64)
    assert found == {name: [-1, 1] for name in X86_64}  # EPERM


@on_x86_64
def test_clone_makes_no_namespaces_and_clone3_is_unknown(in_cell):
    source = f"""{TRY}
def call():
    found = []
    for flag in (0x80, 0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000,
                 0x40000000):
        pid = libc.syscall(56, flag | 17, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        found.append([pid, ctypes.get_errno()])
    return [found, libc.syscall(435, 0, 0), ctypes.get_errno()]
"""
    found, clone3, error = in_cell(source).value("call")
    assert found == [[-1, 1]] * 8
    assert (clone3, error) == (-1, 38)  # ENOSYS


@on_x86_64
def test_the_same_calls_by_other_numbers_are_refused(in_cell):
    """x32: the numbers with bit 30 set. int 0x80 would be another architecture."""
    source = f"""{TRY}
def call():
    return [libc.syscall(0x40000000 | n, 0, 0, 0) for n in (39, 101, 56, 272)]
"""
    assert in_cell(source).value("call") == [-1] * 4


def test_what_python_needs_still_works(in_cell):
    source = """
import os, subprocess, tempfile, threading
def f():
    got = []
    thread = threading.Thread(target=lambda: got.append('thread'))
    thread.start()
    thread.join()
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    got.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    with tempfile.TemporaryFile() as file:
        file.write(b'x')
    return got
"""
    assert in_cell(source).value("f") == ["thread", 7]


def test_the_probe_of_doctor_finds_no_way_out():
    assert probe() == []


def test_the_probe_of_doctor_notices_what_succeeds():
    source = SOURCE.replace("return bool(os.listdir", "return not bool(os.listdir")
    source = source.replace("    while True:\n        pass\n", "    return 1\n")
    assert probe(source) == ["see other processes", "compute for ever"]


def test_a_host_that_cannot_start_says_why(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(launcher, "find_bwrap", lambda: str(fake))
    from aisys_cli.errors import EnvironmentFault

    host = Host(profile("numpy"), isolation="bwrap")
    with pytest.raises(EnvironmentFault, match=r"uid map: Permission denied \(bwrap exit 1\)") as e:
        host.wait_ready()
    assert "--isolation process" in e.value.remedy
    host.close()


def test_bubblewrap_on_path_comes_first(monkeypatch, tmp_path):
    assert find_bwrap() is not None
    own = tmp_path / "bwrap"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_bwrap() == str(own)


def test_no_stray_descriptor_reaches_the_cell(in_cell):
    """Only 0, 1, 2, the wire, the trace pipe, and what the cell opened itself."""
    source = """
import os, stat
def f():
    kinds = []
    for fd in range(256):
        try:
            kinds.append(stat.S_IFMT(os.fstat(fd).st_mode))
        except OSError:
            pass
    return [kinds.count(kind) for kind in (stat.S_IFSOCK, stat.S_IFIFO, stat.S_IFREG, stat.S_IFDIR)]
"""
    assert in_cell(source).value("f") == [1, 1, 0, 0]


def test_an_ordinary_user_may_not_look_into_the_cells(host, in_cell):
    """A cell is not dumpable: another cell's user cannot read its memory through /proc."""
    one = in_cell("def f(): return 1")
    assert one.value("f") == 1
    pid = one.cell._pid
    if os.getuid() != 0:
        pytest.skip("needs root to become the cells' user")
    script = f"open('/proc/{pid}/mem', 'rb')"
    tried = subprocess.run(
        ["/usr/bin/env", "python3", "-c", script],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert wait_until(lambda: tried.returncode == 1)
    assert "PermissionError" in tried.stderr or "Permission denied" in tried.stderr


def test_replies_are_bounded_by_the_labs_limit(in_cell):
    reply = in_cell("def f(): return 'x' * (2 << 20)").ask("f", seconds=5.0)
    assert isinstance(reply, wire.Refused)
    assert "1048576 is the most a reply may hold" in reply.message


# -- Landlock ---------------------------------------------------------------------------

needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
ALONE = """
import ctypes, os, signal, socket, subprocess, sys
from aisys_cli.sandbox import landlock
tmp, outside, port, network = sys.argv[1:]
landlock.restrict(writable=tmp, network=network == "network")

def error_of(action):
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return ""

def connect():
    socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()

def rename():
    os.mkdir(tmp + "/d")
    open(tmp + "/new", "w").close()
    os.rename(tmp + "/new", tmp + "/d/new")
    os.truncate(tmp + "/d/new", 5)

print(error_of(lambda: open(outside).close()), error_of(lambda: open(outside, "a").close()),
      error_of(lambda: os.truncate(outside, 0)), error_of(lambda: os.unlink(outside)),
      error_of(rename), error_of(lambda: open("/dev/null", "w").close()),
      error_of(lambda: subprocess.run([sys.executable, "-c", ""])),
      error_of(connect), error_of(lambda: os.kill(os.getppid(), 0)), sep=",")
"""


@needs_landlock
@pytest.mark.parametrize("network", ["network", ""])
def test_landlock_by_itself_refuses_without_any_namespace(tmp_path, network):
    outside, tmp = tmp_path / "outside", tmp_path / "tmp"
    outside.write_text("kept")
    tmp.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        words = [sys.executable, "-c", ALONE, str(tmp), str(outside), port, network]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    refused = "PermissionError"
    tcp = "" if network or landlock.abi() < 4 else refused
    signals = refused if landlock.abi() >= 6 else ""
    truncated = refused if landlock.abi() >= 3 else ""
    expected = ["", refused, truncated, refused, "", "", refused, tcp, signals]
    assert said.split(",") == expected
    assert truncated == "" or outside.read_text() == "kept"


def test_without_landlock_nothing_is_done(monkeypatch):
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    landlock.restrict(writable="/nowhere", network=False)


@needs_landlock
def test_a_landlock_that_refuses_is_no_silence():
    with pytest.raises(OSError, match="Landlock, system call 446"):
        landlock._checked(446, -1, 0)


@needs_landlock
def test_a_cell_is_in_a_domain_of_its_own(in_cell):
    source = f"""{TRY}
def f():
    ruleset = libc.syscall(444, (ctypes.c_uint64 * 1)(2), ctypes.c_long(8), 0)
    # Sixteen domains may be stacked: with one of ours there is room for fifteen more.
    return sum(libc.syscall(446, ruleset, 0) == 0 for _ in range(20))
"""
    assert in_cell(source).value("f") == 15
