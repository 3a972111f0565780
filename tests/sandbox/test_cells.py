"""Real cells: what a submission may use up, how it may end, and that nothing of it stays."""

import itertools
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from harness import DRIVER, QUICK, OneCell, descendants, processes_named, wait_until

from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import CellDied, CellTimeout, Host, HostLost
from aisys_cli.sandbox.profile import profile

TESTS = Path(__file__).parent.parent
_names = itertools.count(1)


@pytest.fixture
def name():
    """A process name that nothing else has."""
    return f"aisys-t-{next(_names)}"


@pytest.fixture(autouse=True)
def unharmed(host):
    """After each test the same host must still start a cell that works."""
    before = descendants(host._started.process.pid)
    yield
    one = OneCell(host, "def f(): return 'well'")
    assert isinstance(one.load(), wire.Loaded)
    assert one.value("f") == "well"
    one.close()
    assert wait_until(lambda: descendants(host._started.process.pid) <= before)


CALL_ME = """
import ctypes, os, resource, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)

def call_me(name):
    libc.prctl(15, name.encode(), 0, 0, 0)
"""


# -- answers -------------------------------------------------------------------


def test_calls_go_to_the_submission_and_come_back(in_cell):
    one = in_cell("def add(a, b):\n    print('adding')\n    return a + b")
    reply = one.ask("add", np.arange(2.0), 1.0)
    np.testing.assert_array_equal(reply.value, [1.0, 2.0])
    assert reply.output == "adding\n"
    assert one.value("add", "a", "b") == "ab"


def test_each_cell_starts_clean(in_cell):
    source = """
import builtins, numpy, os
def spoil():
    numpy.add = builtins.left = None
    open('/tmp/left', 'w').close()
    os.environ['LEFT'] = '1'
def look():
    return [numpy.add is None, hasattr(builtins, 'left'), os.listdir('/tmp'), 'LEFT' in os.environ]
"""
    first, second = in_cell(source), in_cell(source)
    first.value("spoil")
    assert first.value("look") == [True, True, ["left"], True]
    assert second.value("look") == [False, False, [], False]
    assert in_cell(source).value("look") == [False, False, [], False]


def test_unseeded_randomness_is_the_same_in_every_cell(in_cell):
    source = """
import random, numpy as np
def draw():
    return [random.random(), float(np.random.rand()), hash('text')]
"""
    assert in_cell(source).value("draw") == in_cell(source).value("draw")


def test_modules_of_one_submission_import_each_other(in_cell):
    files = {
        "s.py": "import part\nfrom pack import inner\ndef f(): return [part.X, inner.Y]",
        "part.py": "X = 1",
        "pack/__init__.py": "",
        "pack/inner.py": "Y = 2",
    }
    assert in_cell(files).value("f") == [1, 2]


def test_a_file_named_like_the_standard_library_is_not_taken_for_it(in_cell):
    files = {"s.py": "import random\ndef f(): return random.__file__", "random.py": "X = 1"}
    assert in_cell(files).value("f").endswith(f"/lib/python3.{sys.version_info[1]}/random.py")


def test_the_trace_names_the_functions_that_ran(in_cell):
    one = in_cell("def f(): return g()\n\n\ndef g(): return 1\n\n\ndef h(): pass")
    ran = one.ask("f", trace=True).ran
    assert [(frame.function, frame.line) for frame in ran] == [("f", 1), ("g", 4)]
    assert [frame.file for frame in ran] == ["s.py", "s.py"]


def test_an_exception_comes_with_the_students_lines_only(in_cell):
    one = in_cell("def f():\n    return g()\n\ndef g():\n    raise KeyError('x')")
    reply = one.ask("f")
    assert isinstance(reply, wire.Raised)
    assert reply.fault.type == "KeyError"
    assert [(f.line, f.text) for f in reply.fault.frames] == [
        (2, "return g()"),
        (5, "raise KeyError('x')"),
    ]


def test_an_exception_whose_text_cannot_be_made(in_cell):
    source = """
class Bad(Exception):
    def __str__(self):
        raise ValueError
def f():
    raise Bad
"""
    reply = in_cell(source).ask("f")
    assert (reply.fault.type, reply.fault.message) == ("Bad", "<ValueError in __str__>")


ODD_TEXTS = {
    "in an exception": "raise ValueError('\\ud800')",
    "in what is printed": "print('\\ud800')",
    "in what is returned": "return '\\ud800'",
}


@pytest.mark.parametrize("line", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_a_lone_surrogate_gets_an_answer(in_cell, line):
    reply = in_cell(f"def f():\n    {line}").ask("f")
    assert isinstance(reply, wire.Raised | wire.Returned | wire.Refused)
    if "raise" in line:
        assert reply.fault.type == "ValueError"
    if "print" in line:
        assert isinstance(reply, wire.Returned)


def test_a_lone_surrogate_printed_at_import(open_cell):
    assert isinstance(open_cell("print('\\ud800')").load(), wire.Loaded)


@pytest.mark.parametrize(
    ("source", "kind", "error", "line"),
    [
        ("x = 1\ndef f(:\n  pass", "syntax", "SyntaxError", 2),
        ("x = 1\n\traise", "syntax", "IndentationError", 2),
        ("import sys\nsys.exit(0)", "raised", "SystemExit", 2),
        ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt", 1),
        ("raise BaseException('no')", "raised", "BaseException", 1),
        ("def f():\n    f()\nf()", "raised", "RecursionError", 2),
        ("import torch", "raised", "ModuleNotFoundError", 1),
        ("import sqlite3", "forbidden", "ForbiddenImport", 1),
        ("x = '\0'", "syntax", "SyntaxError", 0),
        ("(" * 300 + ")" * 300, "syntax", "SyntaxError", 1),
    ],
)
def test_an_import_that_fails_says_how_and_where(open_cell, source, kind, error, line):
    reply = open_cell(source, forbid=["sqlite3"]).load()
    assert isinstance(reply, wire.LoadFailed)
    assert (reply.kind, reply.fault.type) == (kind, error)
    if line:
        assert reply.fault.frames[-1].line == line
        assert reply.fault.frames[-1].file == "s.py"


def test_a_name_that_the_submission_lacks(in_cell):
    reply = in_cell("x = 1").ask("missing")
    assert isinstance(reply, wire.Raised)
    assert reply.fault.type == "AttributeError"


# -- time ------------------------------------------------------------------------


LOOPS = {
    "in Python": "while True: pass",
    "in C": "sum(iter(int, 1))",
    "holding the interpreter lock": "2 ** (10 ** 9) % 7",
    "catching everything": """
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
    "deaf to signals": """
    for n in range(1, 65):
        try: signal.signal(n, signal.SIG_IGN)
        except (OSError, ValueError): pass
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True: pass
""",
    "in threads": """
    for _ in range(3):
        threading.Thread(target=lambda: sum(iter(int, 1))).start()
    time.sleep(1000)
""",
}


@pytest.mark.parametrize("body", LOOPS.values(), ids=LOOPS)
def test_a_loop_ends_at_its_limit_of_cpu_time(in_cell, body):
    one = in_cell(f"{CALL_ME}\ndef f():\n    {body}")
    with pytest.raises(CellTimeout) as caught:
        one.ask("f")
    assert caught.value.cpu >= QUICK.call_seconds
    assert caught.value.seconds == QUICK.call_seconds


def test_the_line_of_a_loop_is_seen(in_cell):
    one = in_cell("def f():\n    x = 0\n    while True:\n        x += 1")
    with pytest.raises(CellTimeout) as caught:
        one.ask("f")
    frame, times = caught.value.seen[0]
    assert (frame.file, frame.function) == ("s.py", "f")
    assert frame.line in (3, 4)
    assert times >= 1


def test_a_loop_at_import_ends_too(open_cell):
    with pytest.raises(CellTimeout):
        open_cell("while True: pass").load()


def test_sleeping_ends_at_three_times_the_limit(in_cell):
    one = in_cell("import time\ndef f():\n    time.sleep(10000)")
    with pytest.raises(CellTimeout) as caught:
        one.ask("f")
    assert caught.value.cpu < QUICK.call_seconds
    assert caught.value.wall >= 3 * QUICK.call_seconds
    assert caught.value.seen[0][0].line == 3


def test_cpu_seconds_add_up_over_calls(in_cell):
    source = """
import time
def f():
    end = time.process_time() + 0.1
    while time.process_time() < end: pass
"""
    one = in_cell(source)
    for _ in range(3):
        one.value("f", seconds=5.0)
    assert one.cell.used >= 0.3


# -- ends --------------------------------------------------------------------------


DEATHS = {
    "a segmentation fault": ("ctypes.string_at(0)", signal.SIGSEGV, None),
    "os._exit(0)": ("os._exit(0)", 0, 0),
    "os._exit(3)": ("os._exit(3)", 0, 3),
    "abort": ("os.abort()", None, None),
}


@pytest.mark.parametrize(("body", "number", "code"), DEATHS.values(), ids=DEATHS)
def test_a_cell_that_ends_says_how(in_cell, body, number, code):
    one = in_cell(f"{CALL_ME}\ndef f():\n    {body}")
    with pytest.raises(CellDied) as caught:
        one.ask("f", seconds=5.0)
    exited = caught.value.exited
    assert exited.reason == ""
    if number is None:
        assert exited.signal in (signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGBUS)
    else:
        assert exited.signal == number
    if code is not None:
        assert exited.code == code


def test_running_out_of_stack_is_a_death_or_an_error(in_cell):
    source = """
import sys
def f():
    sys.setrecursionlimit(10**9)
    x = []
    for _ in range(10**5):
        x = [x]
    return len(repr(x))
"""
    try:
        reply = in_cell(source).ask("f", seconds=5.0)
    except CellDied as died:
        assert died.exited.signal == signal.SIGSEGV
    else:
        assert isinstance(reply, wire.Raised)
        assert reply.fault.type in ("RecursionError", "MemoryError")


def test_the_line_of_a_segmentation_fault_is_known(in_cell):
    one = in_cell("import ctypes\n\ndef f():\n    ctypes.string_at(0)")
    with pytest.raises(CellDied) as caught:
        one.ask("f")
    assert (caught.value.where.file, caught.value.where.line) == ("s.py", 4)


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP", "SIGTERM", "SIGSEGV", "SIGPIPE"])
def test_signals_to_itself_do_no_harm(in_cell, number):
    one = in_cell(f"{CALL_ME}\ndef f():\n    os.kill(os.getpid(), signal.{number})\n    return 1")
    try:
        assert one.ask("f").id == 1
    except CellDied as died:
        assert died.exited.signal == getattr(signal, number)


def test_signals_to_everybody_reach_nobody_else(in_cell):
    bystander = in_cell("def f(): return 'here'")
    one = in_cell(f"{CALL_ME}\ndef f():\n    os.kill(-1, 9)\n    return 1")
    try:
        one.ask("f")
    except CellDied:
        pass
    assert bystander.value("f") == "here"


# -- memory --------------------------------------------------------------------------


def test_a_memory_error_is_raised_at_the_limit(in_cell):
    source = """
def f():
    kept = []
    while True:
        kept.append(bytearray(1 << 20))
"""
    reply = in_cell(source).ask("f", seconds=5.0)
    assert isinstance(reply, wire.Raised)
    assert reply.fault.type == "MemoryError"
    assert reply.fault.frames[-1].line == 5


def test_a_huge_numpy_array_is_a_memory_error(in_cell):
    reply = in_cell("import numpy as np\ndef f(): return np.ones(1 << 40)").ask("f")
    assert reply.fault.type.endswith("MemoryError")


def test_a_large_answer_is_refused_by_its_size(in_cell):
    reply = in_cell("import numpy as np\ndef f(): return np.ones(1 << 20)").ask("f", seconds=5.0)
    assert isinstance(reply, wire.Refused)
    assert "8388608 bytes" in reply.message


BOMBS = {
    "children that hold 50 MiB each": """
    for _ in range(8):
        if os.fork() == 0:
            kept = bytearray(50 << 20)
            time.sleep(1000)
    time.sleep(1000)
""",
    "orphans that hold 50 MiB each": """
    for _ in range(8):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                kept = bytearray(50 << 20)
                time.sleep(1000)
            os._exit(0)
    time.sleep(1000)
""",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_memory_of_all_processes_together_is_limited(in_cell, body):
    one = in_cell(f"{CALL_ME}\ndef f():\n{body}")
    with pytest.raises(CellDied) as caught:
        one.ask("f", seconds=10.0)
    assert caught.value.exited.reason == "memory"
    assert caught.value.exited.peak_mib > QUICK.memory_mib


UNCOUNTED = {
    "memfd_create": "os.memfd_create('x')",
    "a memory file by system call": "check(libc.memfd_create(b'x', 0))",
    "System V shared memory": "check(libc.shmget(0, 1 << 20, 0o1600))",
    "a POSIX queue": "check(libc.mq_open(b'/x', 0o102, 0o600, None))",
    "a shared mapping": "__import__('mmap').mmap(-1, 1 << 20)",
    "a file in /dev/shm": "open('/dev/shm/x', 'w')",
    "a named shared memory": "check(libc.shm_open(b'/x', 0o102, 0o600))",
}


@pytest.mark.parametrize("body", UNCOUNTED.values(), ids=UNCOUNTED)
def test_memory_that_nobody_counts_is_not_to_be_had(in_cell, body):
    source = f"""{CALL_ME}
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), 'refused')
def f():
    {body}
"""
    reply = in_cell(source).ask("f")
    assert isinstance(reply, wire.Raised), "it got it"
    assert reply.fault.type in ("PermissionError", "FileNotFoundError", "OSError")


# -- processes -----------------------------------------------------------------------


def test_a_fork_bomb_is_stopped_and_leaves_nothing(in_cell, name):
    source = f"""{CALL_ME}
def f(name):
    call_me(name)
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""
    one = in_cell(source)
    with pytest.raises((CellDied, CellTimeout, wire.Malformed)):
        one.ask("f", name, seconds=0.7)
    one.close()
    assert processes_named(name) == []


def test_the_number_of_processes_is_limited_from_the_first(in_cell):
    source = f"""{CALL_ME}
def f():
    started = 0
    try:
        while started < 1000:
            if os.fork() == 0:
                time.sleep(1000)
                os._exit(0)
            started += 1
    except BlockingIOError:
        pass
    return started
"""
    one = in_cell(source)
    try:
        assert one.value("f") <= QUICK.processes
    except CellDied as died:
        assert died.exited.reason == "processes"


def test_threads_count_as_processes(in_cell):
    source = f"""{CALL_ME}
def f():
    started = 0
    try:
        while started < 1000:
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    return started
"""
    assert in_cell(source).value("f") <= QUICK.processes


LINGERING = f"""{CALL_ME}
def linger(name):
    ready, done = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        call_me(name)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        os.write(done, b'x')
        while True:
            time.sleep(1)
    os.read(ready, 1)
    return 'left one behind'

def linger_and_exit(name):
    linger(name)
    os._exit(0)
"""


def test_a_process_in_its_own_session_does_not_outlive_the_cell(in_cell, name):
    one = in_cell(LINGERING)
    assert one.value("linger", name) == "left one behind"
    assert len(processes_named(name)) == 1  # so that the next line says something
    one.close()
    assert processes_named(name) == []


def test_nor_does_it_when_the_cell_ends_by_itself(in_cell, name):
    with pytest.raises(CellDied):
        in_cell(LINGERING).ask("linger_and_exit", name)
    assert wait_until(lambda: processes_named(name) == [])


def test_every_process_ends_with_the_host(name):
    host = Host(profile("numpy"), isolation="bwrap")
    one = OneCell(host, LINGERING)
    one.load()
    one.value("linger", name)
    pid = host._started.process.pid
    below = descendants(pid)
    assert len(below) >= 3  # the host, the cell, the one that lingers
    host._started.process.kill()
    assert wait_until(lambda: processes_named(name) == [])
    with pytest.raises((HostLost, CellDied)):
        OneCell(host, "x = 1").load()
    one.cell.forget()
    host.close()
    assert not host.alive


def test_a_module_that_is_loaded_already_can_be_forbidden(open_cell):
    """The host has loaded math and many others; a lab may still forbid them."""
    reply = open_cell("import decimal", forbid=["decimal"]).load()
    assert isinstance(reply, wire.LoadFailed)
    assert reply.kind == "forbidden"


def test_every_process_ends_with_the_grader(name, tmp_path):
    """A grader that is killed takes its host and cells with it."""
    script = tmp_path / "grader.py"
    script.write_text(f"""
import sys, time
sys.path.insert(0, {str(TESTS)!r})
from harness import OneCell
from aisys_cli.sandbox.client import Host
from aisys_cli.sandbox.profile import profile
host = Host(profile("numpy"), isolation="bwrap")
one = OneCell(host, {LINGERING!r})
one.load()
one.value("linger", {name!r})
print("ready", flush=True)
time.sleep(1000)
""")
    grader = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert grader.stdout.readline() == "ready\n"
    assert len(processes_named(name)) == 1
    grader.kill()
    grader.wait()
    grader.stdout.close()
    assert wait_until(lambda: processes_named(name) == [])


def test_limits_cannot_be_raised(in_cell):
    source = f"""{CALL_ME}
def f():
    got = []
    for what in ('CPU', 'DATA', 'NPROC', 'NOFILE', 'FSIZE', 'CORE', 'MEMLOCK'):
        kind = getattr(resource, 'RLIMIT_' + what)
        now = resource.getrlimit(kind)
        try:
            resource.setrlimit(kind, (now[1] + 1, now[1] + 1))
            got.append(what)
        except (ValueError, OSError):
            pass
    return got
"""
    assert in_cell(source).value("f") == []


def test_open_files_are_limited(in_cell):
    source = """
def f():
    kept = []
    try:
        while len(kept) < 1000:
            kept.append(open('/dev/null'))
    except OSError:
        pass
    return len(kept)
"""
    assert in_cell(source).value("f") < QUICK.open_files


# -- output ------------------------------------------------------------------------


FLOODS = {
    "print": "for _ in range(1024): print('x' * (1 << 20))",
    "many small prints": "for _ in range(100_000): print('x')",
    "sys.stderr": "sys.stderr.write('x' * (100 << 20))",
    "file descriptor 1": "for _ in range(1024): os.write(1, b'x' * (1 << 20))",
    "the real stdout": "sys.__stdout__.write('x' * (64 << 20))",
}


@pytest.mark.parametrize("body", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("when", ["at import", "in a call"])
def test_a_flood_of_output_is_cut(open_cell, body, when):
    limits = msgspec.structs.replace(QUICK, memory_mib=512)
    source = f"import os, sys\ndef f():\n    {body}\n    return 1"
    if when == "at import":
        reply = open_cell(f"{source}\nf()", limits=limits).load(seconds=10.0)
        assert isinstance(reply, wire.Loaded)
    else:
        one = open_cell(source, limits=limits)
        one.load()
        reply = one.ask("f", seconds=10.0)
        assert reply.value == 1
    assert len(reply.output) <= (QUICK.output_kib << 10) + 60


REPLACED = (
    "sys.stdout = None",
    "sys.stdout = 7",
    "sys.stdout.close()",
    "del sys.stdout",
    "sys.stdout.write = None",
    "for fd in (0, 1, 2): os.close(fd)",
)


@pytest.mark.parametrize("body", REPLACED)
def test_replacing_stdout_harms_nobody(in_cell, body):
    reply = in_cell(f"import os, sys\ndef f():\n    {body}\n    return 1").ask("f")
    assert isinstance(reply, wire.Returned)
    assert reply.value == 1


# -- the wire, from inside -------------------------------------------------------------


ON_THE_WIRE = """
import os, socket, stat, struct, sys
from aisys_cli.sandbox import wire

def line():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                return socket.socket(fileno=os.dup(fd))
        except OSError:
            pass

def raw(data):
    line().sendall(data)

def say(message):
    wire.send(line(), message)

def honest():
    return 1

def twice():
    say(wire.Returned(1, 'forged'))
    return 'mine'

def early():
    say(wire.Returned(2, 'forged'))
    return 'mine'

def wrong_id():
    say(wire.Returned(77, 'forged'))

def garbage():
    raw(struct.pack('<I', 5) + b'hello')

def another_message():
    say(wire.Loaded('forged'))

def huge_length():
    raw(b'\\xff\\xff\\xff\\xff')

def cut_short():
    raw(struct.pack('<I', 100) + b'only this')
    os._exit(0)

def endless():
    sock = line()
    while True:
        sock.sendall(b'\\0' * 65536)

def closed():
    line().shutdown(socket.SHUT_RDWR)

def bad_array():
    say_bytes = wire.encode(wire.Returned(1, None)).replace(
        b'value\\xc0', b'value\\xc7\\x0a\\x01\\x08\\x01' + struct.pack('<Q', 1 << 62))
    raw(struct.pack('<I', len(say_bytes)) + say_bytes)
"""


def test_an_answer_given_twice_spoils_only_the_next_call(in_cell):
    one = in_cell(ON_THE_WIRE)
    assert one.value("twice") == "forged"
    with pytest.raises((wire.Malformed, CellDied)):
        one.ask("honest")


def test_an_answer_given_early_is_not_taken_for_the_next(in_cell):
    one = in_cell(ON_THE_WIRE)
    with pytest.raises((wire.Malformed, CellDied)):
        one.ask("early")


@pytest.mark.parametrize("how", ["wrong_id", "garbage", "another_message", "bad_array"])
def test_what_is_no_answer_is_malformed(in_cell, how):
    with pytest.raises(wire.Malformed):
        in_cell(ON_THE_WIRE).ask(how)


def test_a_length_over_the_limit_is_malformed_before_it_is_read(in_cell):
    with pytest.raises(wire.Malformed, match="4294967295 bytes; the limit is"):
        in_cell(ON_THE_WIRE).ask("huge_length")


def test_an_answer_cut_short_is_a_death(in_cell):
    with pytest.raises(CellDied):
        in_cell(ON_THE_WIRE).ask("cut_short")


def test_an_endless_answer_is_stopped(in_cell):
    with pytest.raises((wire.Malformed, CellTimeout)):
        in_cell(ON_THE_WIRE).ask("endless")


def test_a_closed_line_is_a_death(in_cell):
    with pytest.raises(CellDied):
        in_cell(ON_THE_WIRE).ask("closed")


SPOILED = {
    "wire.encode": "wire.encode = lambda message: b'forged'",
    "msgspec": "import msgspec; msgspec.msgpack.Encoder = None; wire._ENCODER = None",
    "numpy": "import numpy as np; np.asarray = np.frombuffer = np.ndarray = None",
    "plain": "from aisys_cli.sandbox import cell; cell.plain = lambda value, **_: object()",
    "the request": "wire.decode = lambda data, kind: wire.Call(1, 'run', ['other'])",
    "the driver": "sys._getframe(1).f_globals['run'] = lambda *_: 'forged'",
    "the frames": "from aisys_cli.sandbox import frames; frames.send = lambda *_: None",
}


@pytest.mark.parametrize("body", SPOILED.values(), ids=SPOILED)
def test_spoiling_our_code_in_the_cell_spoils_its_own_answers_only(in_cell, body):
    source = f"{ON_THE_WIRE}\ndef f():\n    {body}\n    return 'mine'\ndef other(): return 'other'"
    one = in_cell(source)
    for _ in range(2):
        try:
            reply = one.ask("f")
        except (wire.Malformed, CellDied, CellTimeout):
            return
        assert isinstance(reply, wire.Returned | wire.Raised | wire.Refused)
        assert getattr(reply, "value", "mine") in ("mine", "forged", "other")


def test_the_driver_of_a_submission_is_not_used(in_cell):
    files = {"s.py": "def f(): return 'mine'", "driver.py": "def run(*_): return 'forged'"}
    assert in_cell(files).value("f") == "mine"


# -- process isolation -------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain_host():
    started = Host(profile("numpy"), isolation="process")
    started.wait_ready()
    yield started
    started.close()


def test_without_namespaces_calls_limits_and_deaths_are_the_same(open_cell, plain_host):
    one = open_cell("def f(): return 1\ndef g():\n    while True: pass", at=plain_host)
    one.load()
    assert one.value("f") == 1
    with pytest.raises(CellTimeout):
        one.ask("g")
    one = open_cell("import ctypes\ndef f(): ctypes.string_at(0)", at=plain_host)
    one.load()
    with pytest.raises(CellDied) as caught:
        one.ask("f")
    assert caught.value.exited.signal == signal.SIGSEGV


def test_without_namespaces_no_process_outlives_its_cell_either(open_cell, plain_host, name):
    one = open_cell(LINGERING, at=plain_host)
    one.load()
    assert one.value("linger", name) == "left one behind"
    assert len(processes_named(name)) == 1
    one.close()
    assert wait_until(lambda: processes_named(name) == [])


def test_without_namespaces_one_cell_that_ends_leaves_the_others_alone(open_cell, plain_host):
    kept = open_cell(LINGERING.replace("linger(", "keep("), at=plain_host)
    kept.load()
    gone = open_cell("x = 1", at=plain_host)
    gone.load()
    gone.close()
    opened = open_cell("def f(): return 1", at=plain_host)
    opened.load()
    assert opened.value("f") == 1


# -- torch -----------------------------------------------------------------------------


def test_the_torch_profile_has_torch_with_one_thread(open_cell):
    host = Host(profile("torch"), isolation="bwrap")
    versions = host.wait_ready().versions
    assert set(versions) == {"python", "numpy", "msgspec", "torch"}
    source = """
import os, torch
def f():
    x = torch.ones(300, 300, dtype=torch.float64, requires_grad=True)
    (x @ x).sum().backward()
    return [torch.get_num_threads(), float(x.grad[0, 0])]
"""
    limits = msgspec.structs.replace(QUICK, memory_mib=512)
    one = OneCell(host, source, limits=limits, driver=DRIVER)
    assert isinstance(one.load(seconds=20.0), wire.Loaded)
    assert one.value("f", seconds=20.0) == [1, 600.0]
    one.close()
    host.close()
