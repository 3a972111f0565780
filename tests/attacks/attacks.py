"""Hostile submissions, as a table; test_attacks.py grades them and says whether one got through.

An attack is the source of small.py and a predicate. The source tries something for real
and prints what came of it: `attempt` prints DID or NOT, and a wrong answer afterwards takes
the prints into the report. Unless it says otherwise an attack sits in `neg`, everything
else is right, and so it deserves 7 points of 10: a report with more, or with none (`infra`:
not graded), is a success of the attack.

Words between @ are filled in by World: paths, ports and names of canaries outside.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from harness import REFERENCE, result

__all__ = ["ATTACKS", "Attack", "Seen"]

TOOLS = """
import ctypes, gc, os, resource, signal, socket, stat, struct, sys, threading, time
import numpy as np
from aisys_cli.sandbox import frames, wire
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(15, b'@NAME@', 0, 0, 0)
libc.syscall.restype = ctypes.c_long

def attempt(what, action):
    try:
        action()
    except BaseException as error:
        print('NOT', what, type(error).__name__)
    else:
        print('DID', what)

def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), 'refused')

def fds(kind):
    found = []
    for fd in range(3, 64):
        try:
            if kind(os.fstat(fd).st_mode):
                found.append(fd)
        except OSError:
            pass
    return found

def line():
    return socket.socket(fileno=os.dup(fds(stat.S_ISSOCK)[0]))

def raw(body):
    line().sendall(struct.pack('<I', len(body)) + body)

def asked():
    # The request that is being answered, from the stack of the loop that answers it.
    frame = sys._getframe()
    while frame:
        request = frame.f_locals.get('request')
        if hasattr(request, 'id'):
            return request
        frame = frame.f_back

def serve(answer, hello=None, method='neg'):
    # Be the cell: answer `method` with bytes of our own, the others rightly.
    sock = line()
    wire.send(sock, hello or wire.Loaded())
    receiver = wire.Receiver(sock)
    right = {'add': lambda a, b: a + b, 'mul': lambda a, b: a * b,
             'scale': lambda a, b: a * b, 'neg': lambda a: -a}
    while (body := receiver.read()) is not None:
        call = wire.decode(body, wire.Call)
        if call.method == method:
            data = answer(call)
        else:
            data = wire.encode(wire.Returned(call.id, right[call.method](*call.args)))
        if data:  # else it has answered by itself
            sock.sendall(struct.pack('<I', len(data)) + data)
    os._exit(0)

def returned(call, value):
    # A Returned with the bytes of a value that no encoder would make.
    head = b'\\x83\\xa4type\\xa8Returned\\xa2id\\xcd' + struct.pack('>H', call.id)
    return head + b'\\xa5value' + value
"""


class Seen(msgspec.Struct):
    """What became of an attack: its report, and what the canaries say."""

    report: object
    world: object

    @property
    def neg(self):
        return result(self.report, "2.1")

    @property
    def text(self):
        return msgspec.json.encode(self.report).decode()

    @property
    def output(self):
        return "\n".join(check.output for check in self.report.checks)


@dataclass(frozen=True)
class Attack:
    """`safe(seen)` is whether it did not succeed; `deserves` the most points it may have."""

    name: str
    group: str
    source: str
    safe: Callable[[Seen], bool]
    deserves: int = 7


# -- predicates ------------------------------------------------------------------


def ends(*verdicts, saying=""):
    """Check 2.1 ended like this, and the others were graded as if nothing had been."""

    def safe(seen):
        others = [check.verdict for check in seen.report.checks if check.id != "2.1"]
        graded = seen.neg.verdict in verdicts and saying in seen.neg.message
        return graded and others == ["pass"] * 3

    return safe


def all_end(*verdicts):
    """Nothing but the checks that were not run for want of another one ended otherwise."""
    return lambda seen: {check.verdict for check in seen.report.checks} <= {*verdicts, "blocked"}


def did_nothing(seen):
    """It got as far as trying, and nothing that it tried worked."""
    return "NOT " in seen.output and "DID " not in seen.output and ends("fail")(seen)


def without(word, then):
    return lambda seen: word not in seen.text and then(seen)


# -- the table -----------------------------------------------------------------------


ATTACKS: list[Attack] = []


def _add(group, name, source, safe, deserves=7):
    ATTACKS.append(Attack(name, group, f"{TOOLS}\n{source}", safe, deserves))


def _lines(text, by):
    return "".join(f"{' ' * by}{line}\n" for line in text.strip("\n").splitlines())


def _in_neg(group, name, body, safe, *, top="", deserves=7):
    assert REFERENCE.count("    return -a\n") == 1
    source = REFERENCE.replace("    return -a\n", _lines(body, 4))
    _add(group, name, f"{top}\n{source}", safe, deserves)


def _at_import(group, name, code, safe, *, deserves=0):
    _add(group, name, f"{code}\n{REFERENCE}", safe, deserves)


def _wrong(name, body, *, top="", safe=None):
    """Forging: spoil something and answer wrongly."""
    _in_neg("forging", name, f"{body}\nreturn a + 1", safe or ends("fail"), top=top)


# -- forging: spoiling what runs beside us -----------------------------------------


_wrong(
    "numpy is patched",
    """
np.allclose = np.array_equal = np.isnan = lambda *_, **__: True
np.argwhere = np.asarray = lambda value, *_, **__: value
""",
)
_wrong(
    "msgspec is patched",
    """
import msgspec
msgspec.msgpack.Decoder = msgspec.msgpack.Encoder = None
wire.Returned.__eq__ = lambda *_: True
""",
)
_wrong(
    "our driver is patched",
    """
frame = sys._getframe(1)
for name in list(frame.f_globals):
    if callable(frame.f_globals[name]):
        frame.f_globals[name] = lambda *_: 'pass'
""",
    safe=lambda seen: [c.verdict for c in seen.report.checks] == ["pass", "pass", "fail", "fail"],
)
_wrong(
    "builtins are patched",
    """
import builtins
builtins.isinstance = builtins.all = builtins.any = lambda *_: True
builtins.abs = lambda _: 0.0
""",
)
_wrong(
    "modules of the grader are put into sys.modules",
    """
import types
for name in ('aisys_cli.grader', 'aisys_cli.grader.compare', 'hypothesis', 'pytest', 'checks'):
    fake = sys.modules[name] = types.ModuleType(name)
    fake.agree = fake.difference = fake.given = fake.check = lambda *_, **__: None
""",
)
_wrong(
    "an import hook answers for the grader",
    "sys.meta_path.insert(0, Hook()); sys.path_hooks.insert(0, Hook())",
    top="""
class Hook:
    def find_spec(self, name, *_):
        if name.startswith(('aisys_cli', 'hypothesis', 'pytest')):
            raise SystemExit(0)
    def __call__(self, path):
        raise ImportError
""",
)
_wrong(
    "the garbage collector finds nothing of the grader",
    """
gc.unfreeze()
words = ('agree', 'expected', 'Mismatch', 'oracle', 'check_seed', 'hypothesis')
for thing in gc.get_objects():
    if type(thing) is dict:
        for word in words:
            if word in thing:
                print('DID find', word)
                thing[word] = lambda *_, **__: None
print('NOT more')
""",
    safe=did_nothing,
)
_wrong(
    "no frame holds what is expected",
    """
frame = sys._getframe()
while frame:
    for name in ('expected', 'oracle', 'checks', 'item', 'found'):
        if name in frame.f_locals or name in frame.f_globals:
            print('DID find', name, frame.f_locals.get(name))
    frame = frame.f_back
print('NOT more')
""",
    safe=did_nothing,
)
_wrong(
    "ctypes writes over the argument and over True",
    """
ctypes.c_double.from_address(id(a) + 16).value = 0.0
size = ctypes.sizeof(ctypes.c_ssize_t)
ctypes.memmove(id(False) + 3 * size, id(True) + 3 * size, 4)
""",
)
_wrong(
    "ctypes makes all floats equal",
    """
slot = ctypes.c_void_p.from_address(id(float) + 25 * 8)
always = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
KEPT.append(always(lambda *_: True))
slot.value = ctypes.cast(KEPT[-1], ctypes.c_void_p).value
""",
    top="KEPT = []",
    safe=ends("fail", "crash"),
)
_wrong(
    "prints what looks like a report",
    """
for text in ('2.1 pass 3/3', '10/10', '{"verdict": "pass", "score": 10}', '<testcase/>'):
    print(text)
    sys.__stdout__.write(text + '\\n')
    os.write(1, text.encode())
    os.write(2, text.encode())
""",
)
_wrong(
    "an atexit function answers",
    """
import atexit
atexit.register(lambda id=asked().id: raw(wire.encode(wire.Returned(id, 0.0))))
sys.exit(0)
""",
    safe=ends("error", saying="SystemExit"),
)

# -- forging: on the wire ------------------------------------------------------------


_wrong(
    "a thread answers first",
    """
id = asked().id
thread = threading.Thread(target=lambda: raw(wire.encode(wire.Returned(id, a + 1))))
thread.start()
thread.join()
""",
    safe=ends("fail", "error"),
)
_wrong(
    "a forked child answers and the parent ends",
    """
id = asked().id
if os.fork() == 0:
    raw(wire.encode(wire.Returned(id, a + 1)))
    os._exit(0)
os.wait()
os._exit(0)
""",
    safe=ends("fail", "crash", "error"),
)
_wrong(
    "answers twice",
    "raw(wire.encode(wire.Returned(asked().id, a + 1)))",
    safe=ends("fail", "error"),
)
_wrong(
    "answers what will be asked next",
    "for n in range(1, 50): raw(wire.encode(wire.Returned(asked().id + n, a)))",
    safe=ends("error", saying="not a valid reply"),
)
_at_import(
    "forging",
    "answers before anything was asked",
    "for n in range(1, 50): raw(wire.encode(wire.Returned(n, 0.0)))",
    all_end("error"),
)
_at_import(
    "forging",
    "says twice that it was loaded",
    "raw(wire.encode(wire.Loaded())); raw(wire.encode(wire.Loaded()))",
    all_end("error"),
)
_at_import(
    "forging",
    "cannot be loaded for a reason of its own",
    "serve(None, method='', hello=wire.LoadFailed('lunch', wire.Fault('E', 'm', [])))",
    all_end("error", "crash"),
)
_wrong("a frame of 4 GiB", "line().sendall(b'\\xff\\xff\\xff\\xff')", safe=ends("error"))
_wrong(
    "a frame cut short",
    "line().sendall(struct.pack('<I', 1000) + b'\\x83'); os._exit(0)",
    safe=ends("crash"),
)
_wrong(
    "a message of another line",
    "raw(wire.encode(wire.Exited(1, 0, 0, '', 0)))",
    safe=ends("error", saying="not a valid reply"),
)
_wrong(
    "a whole report instead of an answer",
    """
raw(b'\\x82\\xa4type\\xa4Done\\xa6report\\x83\\xa3lab\\xa5small\\xa5score\\x0a\\xa6checks\\x90')
""",
    safe=ends("error", saying="not a valid reply"),
)
for depth in (40, 330, 600, 100_000):
    _add(
        "forging",
        f"lists nested {depth} deep",
        f"serve(lambda call: returned(call, b'\\x91' * {depth} + b'\\xc0'))",
        ends("fail", "error"),
    )
_add(
    "forging",
    "dicts nested 300 deep",
    "serve(lambda call: returned(call, b'\\x81\\xa1k' * 300 + b'\\xc0'))",
    ends("fail", "error"),
)
_add(
    "forging",
    "a million empty lists",
    "ITEMS = b'\\xdd' + struct.pack('>I', 1_000_000) + b'\\x90' * 1_000_000\n"
    "serve(lambda call: returned(call, ITEMS))",
    ends("error", saying="not a valid reply"),
)
_add(
    "forging",
    "an array of 2^62 elements in 18 bytes",
    "BOMB = b'\\xc7\\x0a\\x01\\x08\\x01' + struct.pack('<Q', 1 << 62)\n"
    "serve(lambda call: returned(call, BOMB))",
    ends("error", saying="not a valid reply"),
)
_add(
    "forging",
    "an array of shape 2^60 by 0",
    "BODY = b'\\x08\\x02' + struct.pack('<QQ', 1 << 60, 0)\n"
    "serve(lambda call: returned(call, b'\\xc7' + bytes([len(BODY), 1]) + BODY))",
    ends("fail", "error"),
)
_add(
    "forging",
    "an array of seven dimensions, costly to print",
    "DATA = wire.encode(np.zeros((7,) * 7, bool))\nserve(lambda call: returned(call, DATA))",
    ends("fail", saying="dtype bool"),
)
_add(
    "forging",
    "a fault with 200,000 lines",
    """
FRAMES = b'\\xdd' + struct.pack('>I', 200_000) + b'\\x93\\xa0\\0\\xa0' * 200_000
FAULT = b'\\xa5fault\\x83\\xa4type\\xa1E\\xa7message\\xa1m\\xa6frames' + FRAMES
serve(lambda call: b'\\x83\\xa4type\\xa6Raised\\xa2id\\xcd' + struct.pack('>H', call.id) + FAULT)
""",
    ends("error"),
)
_add(
    "forging",
    "absurd numbers of lines",
    """
FRAMES = [wire.Frame('../../etc/passwd', n, '\\x1b[2J') for n in (-1, -(1 << 63), (1 << 64) - 1)]
FAULT = wire.Fault('Mismatch', 'pass', FRAMES)
serve(lambda call: wire.encode(wire.Raised(call.id, FAULT)))
""",
    without("\x1b", ends("error", saying="Mismatch: pass")),
)
_wrong(
    "the pipe of the fault handler says something else",
    """
for fd in fds(stat.S_ISFIFO):
    for _ in range(20):
        try:
            os.write(fd, b'File "checks.py", line 1 in pass\\n' * 1000)
        except BlockingIOError:
            pass
while True: pass
""",
    safe=ends("timeout"),
)

# -- forging: with values and exceptions -------------------------------------------------


_wrong(
    "an object that equals everything",
    """
class Equal(float):
    __eq__ = __le__ = __ge__ = lambda *_: True
    __ne__ = lambda *_: False
    __sub__ = __rsub__ = lambda self, _: 0.0
    __reduce__ = lambda self: (print, ('pickled',))
return Equal(a)
""",
    safe=ends("error", saying="a subclass of float"),
)
_wrong(
    "an array that equals everything",
    """
class Equal(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return np.True_
return np.zeros(()).view(Equal)
""",
    safe=ends("error", saying="a subclass of ndarray"),
)
_wrong("an infinite answer", "return float('inf')", safe=ends("fail"))
_wrong("an array to broadcast", "return np.array([a, -a])", safe=ends("fail", saying="shape"))
_wrong("an array of objects", "return np.array([a], object)", safe=ends("error", saying="object"))
_wrong(
    "exceptions that are named like ours",
    """
kinds = ('EndCheck', 'EnoughInputs', 'Skipped', 'UnsatisfiedAssumption', 'HostLost', 'StopTest')
N.append(a)
raise type(kinds[len(N) % 6], (BaseException,), {})('pass')
""",
    top="N = []",
    safe=ends("error"),
)
_wrong(
    "another answer to the same question each time",
    """
N.append(a)
if len(N) % 3 == 1: return -a
if len(N) % 3 == 2: raise ValueError
""",
    top="N = []",
    safe=lambda seen: seen.neg.verdict in ("fail", "error"),
)
_wrong(
    "right when asked again",
    "SEEN.append(a)\nif SEEN.count(a) > 1: return -a",
    top="SEEN = []",
    safe=lambda seen: seen.neg.verdict == "fail" and seen.neg.evidence.unsteady,
)
_wrong(
    "closes its line and stays",
    "for fd in fds(stat.S_ISSOCK): os.close(fd)\ntime.sleep(1000)",
    safe=ends("crash", "timeout", "error"),
)
_add(
    "forging",
    "answers a byte at a time, for longer than it may",
    """
def drip(call):
    data = wire.encode(wire.Returned(call.id, -call.args[0]))
    for byte in struct.pack('<I', len(data)) + data:
        line().sendall(bytes([byte]))
        time.sleep(0.06)
serve(drip)
""",
    ends("timeout", saying="the code was waiting"),
)

# -- cheating ------------------------------------------------------------------------


_in_neg(
    "cheating",
    "torch by import",
    "import torch\nreturn float(-torch.tensor(a))",
    ends("forbidden", saying="torch is not to be used"),
)
_in_neg(
    "cheating",
    "torch by its path",
    """
sys.path[:0] = ['@SITE@', '/aisys/site', '/usr/lib/python3/dist-packages']
sys.meta_path[:] = sys.meta_path[-3:]
from importlib.machinery import PathFinder
attempt('spec', lambda: PathFinder.find_spec('torch').loader)
attempt('list', lambda: os.listdir('@SITE@'))
attempt('hypothesis', lambda: PathFinder.find_spec('hypothesis').loader)
return a + 1
""",
    did_nothing,
)
_in_neg(
    "cheating",
    "a library of its own, from bytes",
    """
import shutil
from importlib.util import find_spec
library = find_spec('_struct').origin or find_spec('numpy._core._multiarray_umath').origin
def load():
    with open(library, 'rb') as file, open('/tmp/own.so', 'wb') as copy:
        copy.write(file.read(1 << 21))
    ctypes.CDLL('/tmp/own.so')
attempt('dlopen', load)
attempt('execv', lambda: os.execv('/tmp/own.so', ['own']))
return a + 1
""",
    did_nothing,
)
_in_neg(
    "cheating",
    "remembers what other checks asked",
    "for key, value in SEEN.items():\n    if a in key: return value\nSEEN[a,] = a\nreturn a + 1",
    ends("fail"),
    top="SEEN = {}",
)

_in_neg(
    "cheating",
    "other libraries that differentiate",
    """
for name in ('torch', 'jax', 'autograd', 'tensorflow', 'sympy', 'scipy', 'hypothesis', 'pytest'):
    attempt(name, lambda: __import__(name))
return a + 1
""",
    lambda seen: "DID " not in seen.output and seen.neg.verdict in ("forbidden", "fail"),
)
_in_neg(
    "cheating",
    "knows the answers to the usual examples only",
    "return {0.0: -0.0, 1.0: -1.0, -1.0: 1.0, 0.5: -0.5, 2.0: -2.0, 1e6: -1e6}.get(a, 0.0)",
    ends("fail"),
)
# Whoever answers rightly only now and then would be right some day.
for _name, _salt in {
    "the time": "time.time_ns() // 1000",
    "its environment": "len(os.environ) + len(os.listdir('/tmp')) + len(S)",
    "how often it was asked": "len(S)",
}.items():
    _in_neg(
        "cheating",
        f"answers by {_name}",
        f"S.append(a)\nprint('SALT', ({_salt}) % 7)\nreturn a + 1 if ({_salt}) % 7 else -a",
        ends("fail"),
        top="S = []",
    )
_in_neg(
    "cheating",
    "is wrong in the sandbox only",
    "return -a if os.path.exists('@SITE@') or os.getpid() > 1 else a + 1",
    ends("fail"),
)


# -- reading --------------------------------------------------------------------------


def _reads(name, paths):
    listed = "\n".join(
        f"attempt({n}, lambda: print(os.listdir({p!r}) if os.path.isdir({p!r}) else "
        f"open({p!r}, 'rb').read(400)))"
        for n, p in enumerate(paths)
    )
    _in_neg("reading", name, f"{listed}\nreturn a + 1", did_nothing)


_reads("the hidden checks", ["@COURSE@/grading/small/checks.py", "@COURSE@/grading", "@COURSE@"])
_reads("the reference", ["@COURSE@/solutions/small/reference/small.py", "@COURSE@/solutions"])
_reads("what others handed in", ["@NEIGHBOUR@", "@FOLDER@"])
_reads("the gradebook", ["@GRADEBOOK@"])
_reads("a file outside", ["@CANARY@", "/proc/1/root@CANARY@", "/tmp/../@CANARY@"])
_reads("/proc of others", ["/proc/1/environ", "/proc/self/maps", "/proc/@PID@/environ"])
_reads("home", ["/root/.bashrc", "/home", "/etc/passwd", "/etc/shadow", "/root/.ssh", "/var/log"])
_in_neg(
    "reading",
    "the environment and the course's secret",
    """
print(dict(os.environ))
libc.getenv.restype = ctypes.c_char_p
attempt('getenv', lambda: libc.getenv(b'AISYS_COURSE_SECRET').decode())
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, 'environ')
for n in range(100):
    if not environ[n]: break
    print(environ[n])
return a + 1
""",
    did_nothing,
)
_in_neg(
    "reading",
    "descriptors left open",
    """
for fd in range(3, 64):
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        continue
    if not (stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        print('DID find', fd)
    attempt('pread', lambda: os.pread(fd, 10, 0) or check(-1))
return a + 1
""",
    did_nothing,
)
_in_neg(
    "reading",
    "the process at the other end of the line",
    """
import array
sock = line()
def peer():
    pid, _, _ = struct.unpack('3i', sock.getsockopt(socket.SOL_SOCKET, 17, 12))
    assert pid, 'no such process here'
def signal_peer():
    pidfd = struct.unpack('i', sock.getsockopt(socket.SOL_SOCKET, 77, 4))[0]
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
def take():
    pidfd = struct.unpack('i', sock.getsockopt(socket.SOL_SOCKET, 77, 4))[0]
    check(libc.syscall(438, pidfd, 1, 0))
attempt('SO_PEERCRED', peer)
attempt('SO_PEERPIDFD', signal_peer)
attempt('pidfd_getfd', take)
attempt('process_vm_readv', lambda: check(libc.syscall(310, 1, 0, 0, 0, 0, 0)))
return a + 1
""",
    did_nothing,
)

# -- hurting: memory, processes, files -----------------------------------------------


def _hurts(name, body, safe, *, top="", deserves=7):
    _in_neg("hurting", name, body, safe, top=top, deserves=deserves)


_hurts(
    "a fork bomb",
    "while True:\n    try: os.fork()\n    except OSError: pass",
    ends("timeout", "crash", "error"),
)
_hurts(
    "a thread bomb",
    """
while True:
    try:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    except RuntimeError:
        pass
""",
    ends("timeout", "crash", "error"),
)
# Where memory is slow to be had, the limit of the CPU ends these first.
_hurts(
    "heap",
    "kept = []\nwhile True: kept.append(bytearray(1 << 22))",
    ends("error", "crash", "timeout"),
)
_hurts(
    "private mappings",
    "import mmap\nkept = []\nwhile True: kept.append(mmap.mmap(-1, 1 << 24, mmap.MAP_PRIVATE))",
    ends("error", "crash", "timeout"),
)

# 300 MiB are more than a cell may have, which is 128 and a quarter; nobody is hurt by them.
GOT = "print('DID get', got); time.sleep(0.3); return a + 1"
_hurts(
    "shared memory that no process holds any more",
    f"""
import mmap
memory = mmap.mmap(-1, 1 << 32)
if os.fork() == 0:
    for at in range(0, 400 << 20, 4 << 20):
        memory[at:at + (4 << 20)] = b'x' * (4 << 20)
        memory.madvise(mmap.MADV_DONTNEED, at, 4 << 20)
    os._exit(0)
os.wait()
got = 400
{GOT}
""",
    without("DID get", ends("error", "crash", "timeout")),
)
_hurts(
    "memory of processes named like a line of /proc/PID/status",
    f"""
libc.prctl(15, b'RssAnon: 0', 0, 0, 0)
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(75 << 20)
        time.sleep(1000)
time.sleep(0.6)
got = 300
{GOT}
""",
    without("DID get", ends("crash", saying="memory")),
)
_hurts(
    "tables of pages that hold nothing",
    f"""
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
                      ctypes.c_int, ctypes.c_long]
start = libc.mmap(None, 90_000 << 21, 1, 0x4022, -1, 0)
if os.fork() == 0:
    for n in range(90_000):
        ctypes.c_char.from_address(start + (n << 21)).value
    time.sleep(1000)
time.sleep(0.6)
got = 350
{GOT}
""",
    without("DID get", ends("crash", saying="memory")),
)
_hurts(
    "the host's own reading of /proc",
    "libc.prctl(15, b'RssAnon: x', 0, 0, 0)\ntime.sleep(0.3)\nreturn a + 1",
    ends("fail"),
)
_hurts(
    "a process named like a line of /proc/PID/stat",
    "libc.prctl(15, b'x) Z 1 1 1 1', 0, 0, 0)\ntime.sleep(0.3)\nreturn a + 1",
    ends("fail"),
)
_hurts(
    "memory that nobody counts",
    """
import mmap
attempt('memfd', lambda: os.memfd_create('@NAME@'))
attempt('/dev/zero', lambda: mmap.mmap(os.open('/dev/zero', os.O_RDWR), 1 << 20))
attempt('/dev/shm', lambda: open('/dev/shm/@NAME@', 'wb').write(bytes(1 << 20)))
attempt('shmget', lambda: check(libc.syscall(29, 0, 1 << 20, 0o1600)))
attempt('mlock', lambda: check(libc.mlock(id(a) & ~4095, 4096)))
return a + 1
""",
    did_nothing,
)
_hurts(
    "signals that wait, which are counted for the user as a whole",
    """
timer = ctypes.c_void_p()
def make(count):
    for _ in range(count):
        check(libc.timer_create(0, None, ctypes.byref(timer)))
attempt('10000 timers', lambda: make(10_000))
return a + 1
""",
    did_nothing,
)
_hurts(
    "its /tmp is filled",
    """
with open('/tmp/@NAME@', 'wb', buffering=0) as file:
    attempt('16 MiB', lambda: [check(file.write(bytes(1 << 20)) - (1 << 20)) for _ in range(16)])
attempt('5000 files', lambda: [os.mkdir(f'/tmp/@NAME@-{n}') for n in range(5000)])
return a + 1
""",
    did_nothing,
)
_hurts(
    "open files",
    """
kept = []
attempt('1000', lambda: [kept.append(os.dup(0)) for _ in range(1000)])
return a + 1
""",
    # The prints must still travel, and they do: the line is open already.
    did_nothing,
)
_hurts(
    "every file is deleted or opened to all",
    """
for parent, folders, files in os.walk('/aisys', topdown=False):
    for name in files[:20]:
        path = os.path.join(parent, name)
        for act in (os.unlink, lambda p: os.chmod(p, 0o777), lambda p: open(p, 'ab')):
            try:
                act(path)
                print('DID', path)
            except OSError:
                pass
attempt('chmod', lambda: os.chmod('/', 0o777))
attempt('canary', lambda: open('@CANARY@', 'w'))
attempt('rename', lambda: os.rename('/aisys', '/tmp/aisys'))
attempt('link', lambda: os.link(sys.executable, '/tmp/@NAME@'))
return a + 1
""",
    did_nothing,
)
_hurts(
    "a flood of output",
    "for _ in range(200): print('x' * (1 << 20)); os.write(1, b'x' * (1 << 20))\nreturn a + 1",
    ends("fail", "timeout"),
)

# -- hurting: time ---------------------------------------------------------------------


_hurts("a loop in Python", "while True: pass", ends("timeout"))
_hurts("a loop in C", "sum(iter(int, 1))", ends("timeout"))
_hurts(
    "a loop deaf to signals",
    """
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass
""",
    ends("timeout"),
)
_hurts(
    "sleeps a little in each call, and answers rightly",
    "time.sleep(1.0)\nreturn -a",
    ends("timeout", saying="check_seconds = 2 was used up"),
)
_hurts("stops itself", "os.kill(0, signal.SIGSTOP)\ntime.sleep(1000)", ends("timeout", "crash"))
_hurts(
    "a child computes and the parent waits",
    "if os.fork() == 0:\n    while True: pass\nos.wait()",
    ends("timeout", saying="the code was waiting"),
)
_hurts(
    "processes that linger",
    """
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True: time.sleep(1)
os._exit(0)
""",
    ends("crash", saying="exit code 0 before it answered"),
)

# -- hurting: ends ----------------------------------------------------------------------


_hurts("os._exit(0)", "os._exit(0)", ends("crash", saying="exit code 0"))
_hurts("sys.exit(0)", "sys.exit(0)", ends("error", saying="SystemExit: 0"))
_at_import("hurting", "sys.exit(0) at import", "sys.exit(0)", all_end("error"))
_at_import("hurting", "os._exit(0) at import", "os._exit(0)", all_end("crash"))
_at_import("hurting", "a loop at import", "while True: pass", all_end("timeout"))
_at_import(
    "hurting",
    "closes its line at import",
    "for fd in fds(stat.S_ISSOCK): os.close(fd)",
    all_end("crash", "error", "timeout"),
)
_hurts("a segmentation fault", "ctypes.string_at(0)", ends("crash", saying="SIGSEGV"))
_hurts(
    "the stack runs over",
    "sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**5): x = [x]\nreturn len(repr(x))",
    ends("crash", "error", "timeout"),
)
_hurts(
    "raises in __del__",
    "class Bad:\n    def __del__(self): raise SystemExit(0)\nBad()\nreturn a + 1",
    ends("fail"),
)
_hurts(
    "signals to everybody and to the grader",
    """
attempt('all', lambda: os.kill(-1, signal.SIGKILL))
for pid in (@PID@, @PARENT@, 2, 3):
    if pid != os.getpid():  # itself it may kill
        attempt(pid, lambda: os.kill(pid, signal.SIGKILL))
attempt('group', lambda: os.killpg(@PID@, signal.SIGTERM))
return a + 1
""",
    # Alone in its namespace there is nobody whom -1 could mean.
    did_nothing,
)
_hurts(
    "parts of the kernel that no lab needs",
    """
numbers = dict(memfd=319, io_uring=425, bpf=321, perf=298, add_key=248, keyctl=250, ptrace=101,
               userfaultfd=323, unshare=272, mount=165, setns=308, fsopen=430)
for name, number in numbers.items():
    attempt(name, lambda: check(libc.syscall(number, 0, 1, 0, 0, 0)))
attempt('ptrace 1', lambda: check(libc.ptrace(16, 1, 0, 0)))
import fcntl
for path in (os.__file__, np.__file__, '/etc/ld.so.cache', '/dev/null'):
    if os.path.exists(path):
        attempt('lease', lambda: fcntl.fcntl(open(path), fcntl.F_SETLEASE, fcntl.F_RDLCK))
        attempt('notify', lambda: fcntl.fcntl(open(os.path.dirname(path)), fcntl.F_NOTIFY, 1))
attempt('vsock', lambda: socket.socket(40, socket.SOCK_STREAM))
attempt('nice', lambda: os.nice(-5))
attempt('limits', lambda: resource.setrlimit(resource.RLIMIT_DATA, (-1, -1)))
return a + 1
""",
    did_nothing,
)
_hurts(
    "builtins are deleted",
    "import builtins\nfor name in list(vars(builtins)): delattr(builtins, name)\nreturn a + 1",
    lambda seen: {"2.1"} == {c.id for c in seen.report.checks if c.verdict != "pass"},
)

# -- network ------------------------------------------------------------------------------


_REACH = """
def to(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as sock:
        sock.settimeout(0.1)
        sock.connect(address)
        sock.send(b'hello')
"""


def _reaches(name, *tries):
    body = "\n".join(f"attempt({n}, lambda: {what})" for n, what in enumerate(tries))
    _in_neg("network", name, f"{body}\nreturn a + 1", did_nothing, top=_REACH)


_reaches(
    "a service on the loopback of this machine",
    "to(socket.AF_INET, ('127.0.0.1', @TCP@))",
    "to(socket.AF_INET6, ('::1', @TCP@))",
    "to(socket.AF_INET, ('127.0.0.1', @UDP@), socket.SOCK_DGRAM)",
)
_reaches(
    "any address",
    "to(socket.AF_INET, ('1.1.1.1', 53), socket.SOCK_DGRAM)",
    "to(socket.AF_INET, ('10.0.0.1', 80))",
    "to(socket.AF_INET, ('169.254.169.254', 80))",
    "socket.getaddrinfo('example.org', 80)",
    "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "socket.socket(16, socket.SOCK_RAW)",
)
_reaches(
    "sockets of this machine by name",
    "to(socket.AF_UNIX, '\\0@ABSTRACT@')",
    "to(socket.AF_UNIX, '\\0@ABSTRACT@', socket.SOCK_DGRAM)",
    "to(socket.AF_UNIX, '@NAMED@')",
)
