"""Hostile ranks, as a table; test_ranks.py runs each among honest ranks, and says what came of it.

Rank 1 of three is the attacker: `attack(comm)` is called there, between two exchanges in which
all take part. It tries something for real; `attempt` notes DID or NOT, which is what rank 1
returns. The others return what they received, which must be right whenever a run ends well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from attacks import TOOLS

__all__ = ["ATTACKS", "RIGHT", "Attack", "Seen"]

HONEST = """
import torch

NOTES = []

def attempt(what, action):
    try:
        action()
    except BaseException as error:
        NOTES.append(f'NOT {what} {type(error).__name__}')
    else:
        NOTES.append(f'DID {what}')

def swap(comm, value):
    y = torch.zeros(1)
    right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    comm.sendrecv(torch.tensor([float(value)]), right, y, left)
    return y.item()

def line():
    # The line to the grader; what gloo has are sockets of another kind.
    for fd in fds(stat.S_ISSOCK):
        sock = socket.socket(fileno=os.dup(fd))
        if sock.family == socket.AF_UNIX:
            return sock

def enter(*ops, waits=(), sources=()):
    wire.send(line(), wire.Enter(list(ops), list(waits), list(sources)))

def op(number=99, kind='send', peer=0, dtype='uint8', shape=(1,), data=b'x', call='send', at=1):
    return wire.Op(number, kind, peer, 0, dtype, list(shape), data, call, 's.py', at, 'f')

def group_of(comm):
    # The process group of gloo, from what a link holds of it.
    for held in vars(vars(comm._link)['_group']).values():
        return held.__self__

def f(comm):
    first = swap(comm, comm.rank)
    attack(comm) if comm.rank == 1 else victim(comm)
    return [NOTES if comm.rank == 1 else None, first, swap(comm, 10 + comm.rank)]

def honest(comm):
    return swap(comm, comm.rank)

def victim(comm):
    pass
"""
RIGHT = [[2.0, 12.0], [0.0, 10.0], [1.0, 11.0]]


class Seen(msgspec.Struct):
    """How the run ended (`failure` is None if well), and a second one in the same world."""

    failure: object
    values: list
    again: object

    @property
    def notes(self):
        return self.values[1][0]

    @property
    def text(self):
        return "".join(msgspec.json.encode(one).decode() for one in (self.failure, self.again))


@dataclass(frozen=True)
class Attack:
    """`safe(seen)` is whether it did not succeed. `limits` are what it has of its own."""

    name: str
    gloo: bool
    source: str
    safe: Callable[[Seen], bool]
    limits: dict = field(default_factory=dict)


# -- predicates --------------------------------------------------------------------


def did_nothing(seen):
    """It got as far as trying, nothing of it worked, and nobody else noticed."""
    noted = bool(seen.values) and seen.notes and all(n.startswith("NOT ") for n in seen.notes)
    return seen.failure is None and bool(noted) and seen.again is None


def ends(*verdicts, saying=""):
    """The run ended like this, and it is rank 1 that is named, if anyone."""

    def safe(seen):
        if seen.failure is None:
            return "pass" in verdicts
        said = seen.failure.message
        blamed = not said.startswith(("rank 0:", "rank 2:"))
        return seen.failure.verdict in verdicts and saying in said and blamed

    return safe


def ends_by_anyone(*verdicts):
    """The run ended like this. A rank that is deceived may be the one that is named: the
    ranks of a world are one submission."""
    return lambda seen: (seen.failure.verdict if seen.failure else "pass") in verdicts


def ends_soon_or_later(*verdicts):
    """This run or the one after it ended like this: what comes unasked is seen when next asked."""

    def safe(seen):
        found = [one.verdict for one in (seen.failure, seen.again) if one is not None]
        return set(found) <= set(verdicts)

    return safe


INVALID = "the answer was not a valid reply"

# -- the table -----------------------------------------------------------------------


ATTACKS: list[Attack] = []


def _add(name, body, safe, *, worlds="metered gloo", top="", **limits):
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    source = f"{TOOLS.replace('@NAME@', 'aisys-rank')}\n{HONEST}\n{top}\n"
    source += f"def attack(comm):\n{lines}"
    for world in worlds.split():
        ATTACKS.append(Attack(f"{name}, {world}", world == "gloo", source, safe, limits))


# -- reaching other ranks --------------------------------------------------------------


_add(
    "the memory of other ranks",
    """
for pid in range(2, 12):
    attempt(f'/proc/{pid}/mem', lambda: open(f'/proc/{pid}/mem', 'rb').read(1))
    attempt(f'process_vm_readv {pid}', lambda: check(libc.syscall(310, pid, 0, 0, 0, 0, 0)))
    attempt(f'ptrace {pid}', lambda: check(libc.ptrace(16, pid, 0, 0)))
attempt('/proc', lambda: os.listdir('/proc')[0])
attempt('pidfd_getfd', lambda: check(libc.syscall(438, os.pidfd_open(1), 3, 0)))
""",
    did_nothing,
)
_add(
    "signals to other ranks",
    """
for pid in range(2, 60):  # a thread of its own has no pidfd
    attempt(f'{pid}', lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGKILL))
attempt('all', lambda: os.kill(-1, signal.SIGKILL))
attempt('parent', lambda: os.kill(os.getppid() or 1 << 21, signal.SIGKILL))
""",
    did_nothing,
)
_add(
    "files as a channel",
    """
for place in ('/tmp', '/dev/shm', '/var/tmp', '/', '/dev', '/run', '/aisys', '/proc', '/sys'):
    attempt(place, lambda: open(f'{place}/from-rank-0').read())
""",
    did_nothing,
    top="""
def victim(comm):
    for place in ('/tmp', '/dev/shm', '/var/tmp', '/', '/dev', '/run', '/aisys', '/proc', '/sys'):
        try:
            with open(f'{place}/from-rank-0', 'w') as file:
                file.write('here')
        except OSError:
            pass
""",
)
_add(
    "memory as a channel",
    """
import mmap
attempt('shm_open', lambda: check(libc.shm_open(b'/x', 0o102, 0o600)))
attempt('shmget', lambda: check(libc.syscall(29, 77, 1 << 20, 0o1666)))
attempt('msgget', lambda: check(libc.syscall(68, 77, 0o1666)))
attempt('memfd', lambda: os.memfd_create('x'))
attempt('share_memory_', lambda: torch.ones(3).share_memory_())
attempt('mmap', lambda: mmap.mmap(-1, 1 << 12))
""",
    did_nothing,
)
_add(
    "sockets as a channel",
    """
def to(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as sock:
        sock.settimeout(0.2)
        sock.connect(address)
        sock.send(b'x')
attempt('abstract', lambda: to(socket.AF_UNIX, '\\0from-rank-0'))
attempt('tcp', lambda: to(socket.AF_INET, ('127.0.0.1', 20000)))
attempt('udp', lambda: to(socket.AF_INET, ('127.0.0.1', 20000), socket.SOCK_DGRAM))
attempt('tcp6', lambda: to(socket.AF_INET6, ('::1', 20000)))
""",
    did_nothing,
    top="""
KEPT = []

def victim(comm):
    for family, address in ((socket.AF_UNIX, '\\0from-rank-0'), (socket.AF_INET, ('', 20000))):
        try:
            KEPT.append(socket.socket(family))
            KEPT[-1].bind(address)
            KEPT[-1].listen()
        except OSError:
            pass
""",
)

# -- forged records --------------------------------------------------------------------


FORGED = {
    "a dtype of no tensor": "enter(op(dtype='object'))",
    "a dtype that is a program": "enter(op(dtype='import os; os._exit(0)'))",
    "a send to itself": "enter(op(peer=1))",
    "a receive from itself": "enter(op(kind='recv', peer=1), waits=[99])",
    "a peer past the last": "enter(op(peer=3))",
    "a peer far past the last": "enter(op(peer=1 << 62))",
    "a send to peer -1": "enter(op(peer=-1))",
    "a peer of -2": "enter(op(kind='recv', peer=-2))",
    "a peer of -2**63": "enter(op(peer=-(1 << 63)))",
    "a number twice": "enter(op(), op())",
}
FORGED_METERED = {
    "fewer bytes than elements": "enter(op(shape=[5]))",
    "more bytes than elements": "enter(op(data=bytes(1000)))",
    "a huge shape": "enter(op(shape=[1 << 62] * 8))",
    "a shape whose product wraps": "enter(op(shape=[1 << 32, 1 << 32, 16]))",
}
for name, body in FORGED.items():
    _add(name, body, ends("error", saying=INVALID))
for name, body in FORGED_METERED.items():
    _add(name, body, ends("error", saying=INVALID), worlds="metered")
NO_RECORDS = {
    "nine dimensions": "enter(op(shape=[1] * 9))",
    "a negative dimension": "enter(op(shape=[-1]))",
    "an unknown kind": "enter(op(kind='steal'))",
    "a peer that is a text": "enter(op(peer='0'))",
    "a Proceed": "raw(wire.encode(wire.Proceed([wire.Arrived(1, 0, b'x')])))",
    "a Stop": "raw(wire.encode(wire.Stop()))",
    "a Joined": "raw(wire.encode(wire.Joined(1)))",
    "no message": "raw(b'hello')",
    "a frame of 4 GiB": "line().sendall(b'\\xff\\xff\\xff\\xff')",
}
for name, body in NO_RECORDS.items():
    _add(name, body, ends("error", saying=INVALID))
_add(
    "waits twice for one operation",
    "enter(op(kind='recv'), waits=[99, 99, 99]); enter(waits=[99]); time.sleep(0.2)",
    ends("error", "deadlock", "timeout"),
)
_add(
    "waits for what was never started",
    "enter(waits=[5000, -1, 1 << 62]); time.sleep(0.2)",
    ends("error", "deadlock", "timeout", "pass"),
    worlds="metered",
)
_add(
    "a huge shape to receive",
    "enter(op(kind='recv', shape=[(1 << 64) - 1] * 8), op(98, peer=2), waits=[99])",
    ends("error", "deadlock", "timeout"),
)
_add(
    "hostile text for a call",
    "enter(op(peer=0, call='\\x1b[2J\\u202e' * 100_000, at=1 << 62)); time.sleep(0.1)",
    lambda seen: (
        seen.failure is not None
        and len(seen.text) < 20_000
        and not {"\\u001b", "\x1b", "\u202e"} & set(_pieces(seen.text))
    ),
    top="""
def victim(comm):
    if comm.rank == 0:
        comm.recv(torch.zeros(5), 1)
""",
)
_add(
    "sources that nobody asked for",
    "enter(sources=[(1, 2), (99, -1), (1, 1 << 62), (-5, 0)] * 10)",
    ends("error", "pass"),
)


def _pieces(text):
    yield from text
    for start in range(len(text) - 5):
        if text[start] == "\\":
            yield text[start : start + 6]


# -- floods ----------------------------------------------------------------------------


_add(
    "a flood of empty records",
    "while True: enter()",
    ends("error", "timeout", saying=""),
)
_add(
    "a flood of sources",
    "for _ in range(25): enter(sources=[(99, 0)] * 25_000)",
    ends("error", "timeout", "crash"),
)
_add(
    "a flood of records after the end of the run",
    """
try:
    comm.recv(torch.zeros(1), 0, tag=7)
except BaseException:
    while True:
        enter()
""",
    ends("error", "timeout"),
    top="""
def victim(comm):
    comm.recv(torch.zeros(1), 1, tag=7)
""",
    worlds="metered",
    submission_seconds=10.0,
)
_add(
    "a flood of messages that nobody receives",
    """
x = torch.ones(1 << 20, dtype=torch.uint8)
for _ in range(700):
    comm.isend(x, 0, tag=9)
    comm._sending.clear()
    comm._finish()
""",
    ends("error", "timeout", "crash"),
    worlds="metered",
    call_seconds=3.0,
)
_add(
    "a flood of large records in gloo",
    "for n in range(700): enter(op(1000 + n, data=bytes(1 << 20)))",
    ends("error", "timeout", "crash"),
    worlds="gloo",
    call_seconds=3.0,
)
_add(
    "more operations than one frame may hold",
    "enter(*[op(n) for n in range(1000, 31_000)])",
    ends("error", "timeout", "crash", saying=""),
)

# -- order of words --------------------------------------------------------------------


_add(
    "answers and goes on",
    "wire.send(line(), wire.Returned(asked().id, 'forged'))",
    ends_soon_or_later("error", "deadlock", "crash"),
)
_add(
    "answers many times",
    "for n in range(50): wire.send(line(), wire.Returned(n, 'forged'))",
    ends_soon_or_later("error", "deadlock", "crash"),
)
_add(
    "a thread that answers the next run",
    """
def later(sock=line()):
    time.sleep(0.05)
    wire.send(sock, wire.Returned(1, 'forged'))
threading.Thread(target=later).start()
""",
    ends_soon_or_later("error", "deadlock", "crash"),
)
_add(
    "threads left behind that use comm",
    """
def use():
    for _ in range(200):
        try:
            comm.isend(torch.ones(1), 0, tag=5).wait()
        except BaseException:
            pass
for _ in range(3):
    threading.Thread(target=use, daemon=True).start()
""",
    ends_soon_or_later("error", "deadlock", "crash", "timeout"),
)
_add(
    "a thread left behind that computes",
    "threading.Thread(target=lambda: sum(iter(int, 1)), daemon=True).start()",
    ends_soon_or_later("timeout"),
)
_add(
    "a child that goes on as the rank",
    "if os.fork() == 0:\n    swap(comm, 66)\n    os._exit(0)",
    ends_soon_or_later("error", "deadlock", "crash", "timeout"),
)
_add(
    "a comm kept from an earlier run",
    "OLD.append(comm)\nswap(OLD[0], 11) if len(OLD) > 1 else None",
    ends_soon_or_later("error", "deadlock", "timeout", "crash"),
    top="OLD = []",
    worlds="metered",
)
_add(
    "goes on without being told to",
    """
def go_on(ops, waits):
    enter(*ops)
    return [wire.Arrived(number, 0, bytes(4)) for number in waits]
comm._link.enter = go_on
""",
    ends("error", "deadlock", "crash", "pass"),
    worlds="metered",
)
_add(
    "does not read what it is told",
    """
enter(op(kind='recv', peer=0, shape=[2 << 20], data=b''), waits=[99])
time.sleep(1000)
""",
    ends("timeout"),
    top="""
def victim(comm):
    if comm.rank == 0:
        comm.send(torch.ones(2 << 20, dtype=torch.uint8), 1)
""",
    worlds="metered",
    call_seconds=0.2,
    reply_mib=4,
)
_add(
    "reads what it is told so slowly that it takes longer than it may",
    """
enter(op(kind='recv', peer=0, shape=[2 << 20], data=b''), waits=[99])
sock = line()
for _ in range(8):
    time.sleep(0.7)
    sock.recv(300_000)
try:
    while sock.recv(1 << 20, socket.MSG_DONTWAIT):
        pass
except BlockingIOError:
    pass
""",
    ends("timeout"),
    top="""
def victim(comm):
    if comm.rank == 0:
        comm.send(torch.ones(2 << 20, dtype=torch.uint8), 1)
""",
    worlds="metered",
    call_seconds=0.2,
    reply_mib=4,
)
_add(
    "closes all that it has",
    "for fd in range(256):\n    try: os.close(fd)\n    except OSError: pass",
    ends("crash", "error", "timeout"),
)

# -- gloo itself -----------------------------------------------------------------------


_add(
    "a record of a message that is never sent",
    "enter(op(5000, shape=[3], data=b''))",
    ends_by_anyone("error", "deadlock", "timeout", "crash"),
    top="""
def victim(comm):
    if comm.rank == 0:
        comm.recv(torch.zeros(3, dtype=torch.uint8), 1)
""",
    worlds="gloo",
)
_add(
    "closes what connects it to the others",
    """
for fd in fds(stat.S_ISSOCK):
    sock = socket.socket(fileno=os.dup(fd))
    if sock.family == socket.AF_INET:
        sock.shutdown(socket.SHUT_RDWR)
    sock.detach()
""",
    ends_by_anyone("error", "deadlock", "timeout", "crash"),
    worlds="gloo",
)
_add(
    "writes into the sockets of gloo",
    """
for fd in fds(stat.S_ISSOCK):
    sock = socket.socket(fileno=os.dup(fd))
    if sock.family == socket.AF_INET:
        try:
            sock.send(bytes(range(64)) * 64, socket.MSG_DONTWAIT)
        except OSError:
            pass
    sock.detach()
""",
    ends_by_anyone("error", "deadlock", "timeout", "crash", "pass"),
    worlds="gloo",
)
_COLLECTIVE = """
def reduce_with(function, *before):
    x = torch.ones(1)
    work = function(*before, [x])
    getattr(work, 'wait', lambda: None)()
    assert x.item() != 1.0, 'nothing was reduced'
"""
_add(
    "the collectives of gloo by name",
    """
group = group_of(comm)
for kind in (type(group), *type(group).__mro__):
    for name in ('allreduce', 'allgather', 'broadcast', 'reduce', 'alltoall', 'gather', 'scatter',
                 'reduce_scatter', '_allgather_base', '_reduce_scatter_base', 'monitored_barrier',
                 'all_reduce', 'allreduce_coalesced', 'allgather_coalesced'):
        attempt(f'{kind.__name__}.{name}', lambda: getattr(kind, name))
        attempt(f'group.{name}', lambda: getattr(group, name))
""",
    did_nothing,
    worlds="gloo",
)
_add(
    "the collectives of gloo through torch.ops.c10d",
    """
group = group_of(comm)
import torch.distributed as dist
for name in ('allreduce_', 'broadcast_', 'allgather_', 'reduce_', 'alltoall_', 'barrier'):
    function = getattr(torch.ops.c10d, name)
    attempt(name, lambda: function([torch.ones(1)], group, dist.ReduceOp.SUM, None, False, -1))
    attempt(name, lambda: function([torch.ones(1)], group))
for name in ('all_reduce', 'all_gather_into_tensor', 'broadcast'):
    function = getattr(torch.ops._c10d_functional, name)
    attempt(name, lambda: function(torch.ones(1), 'sum', ''))
    attempt(name, lambda: function(torch.ones(1), 'sum', '0'))
attempt('register', lambda: dist.ProcessGroup(1, 3)._register_backend(
    torch.device('cpu'), dist.ProcessGroup.BackendType.GLOO, group))
attempt('wrapper', lambda: torch._C._distributed_c10d._ProcessGroupWrapper(group, group).allreduce)
attempt('world', lambda: dist.group.WORLD.size())
attempt('all_reduce', lambda: dist.all_reduce(torch.ones(1)))
""",
    did_nothing,
    worlds="gloo",
)
_add(
    "the collectives of gloo from the garbage collector",
    """
group = group_of(comm)
gc.unfreeze()
words = ('allreduce', 'allgather', 'broadcast', 'alltoall', 'all_reduce', 'reduce_scatter')
found = []
kinds = (type(len), type(swap), type(str.join), type(group.send.__func__))
for thing in gc.get_objects():
    if isinstance(thing, kinds) and thing.__name__ in words:
        found.append(thing)
for thing in found:
    def use():
        x = torch.ones(1)
        thing(group, [x]).wait()
    attempt(f'{thing!r:.60}', use)
attempt('none found', lambda: check(-1))
""",
    did_nothing,
    worlds="gloo",
    call_seconds=10.0,
)
_add(
    "a second group over the same store",
    """
import torch.distributed as dist
from torch._C import _distributed_c10d as c10d
stores = [one for one in gc.get_objects() if isinstance(one, c10d.Store)]
for store in [*stores, c10d.HashStore()]:
    def make():
        options = c10d.ProcessGroupGloo._Options()
        options._devices = [c10d.ProcessGroupGloo.create_device(hostname='127.0.0.1')]
        c10d.ProcessGroupGloo(store, comm.rank, comm.size, options)
    attempt(repr(store)[:30], make)
attempt('store', lambda: c10d.TCPStore('127.0.0.1', 0, 1, True, wait_for_workers=False))
""",
    did_nothing,
    worlds="gloo",
)
_add(
    "a socket from a thread of gloo",
    """
group = group_of(comm)
def from_there(future):
    NOTES.append(f'in {threading.get_native_id() != os.getpid()}')
    for family in (socket.AF_INET, socket.AF_UNIX):
        attempt(f'socket {family}', lambda: socket.socket(family).close())
y = torch.zeros(1, dtype=torch.uint8)
work = group.recv([y], 0, 77)
attempt('then', lambda: work.get_future().then(from_there) and check(-1))
comm.barrier()
work.wait()
time.sleep(0.1)
NOTES[:] = [note for note in NOTES if not note.startswith('in ')]
""",
    did_nothing,
    worlds="gloo",
    top="""
def victim(comm):
    comm.barrier()
    if comm.rank == 0:
        group_of(comm).send([torch.ones(1, dtype=torch.uint8)], 1, 77).wait()
""",
)
