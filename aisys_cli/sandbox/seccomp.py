"""The system calls a cell may not make, as a seccomp filter in classic BPF.

Namespaces hide the machine from a cell; this takes away calls that make memory which
no limit counts (memfd, System V shared memory), that reach into other processes, that
build further namespaces, or that talk to parts of the kernel no lab needs. A refused
call returns EPERM. clone3 returns ENOSYS, so that libc falls back to clone, whose flags
a filter can read. See seccomp(2) and linux/filter.h for the numbers.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

__all__ = ["every_cell", "install", "no_sockets", "supported"]

# name: (x86_64, aarch64); None where the architecture has no such call.
_REFUSED: dict[str, tuple[int, int | None]] = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "fanotify_init": (300, 262),
    "inotify_init1": (294, 26),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "personality": (135, 92),
    "modify_ldt": (154, None),
}
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_SOCKET = (41, 198)
_CONNECTING = ((42, 203), (43, 202), (288, 242), (49, 200), (50, 201))  # connect ... listen
_FCNTL = (72, 25)
_MMAP = (9, 222)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_CLONE_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag, time namespaces too
_F_SETLEASE, _F_NOTIFY = 1024, 1026
# Shared memory without a file stays when no process has it in its tables, where none sees it.
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
# Linux's numbers: the module socket has those of the system that it is on.
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_FAMILIES = (_UNIX, _INET, _INET6)

_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARG0, _ARG1, _ARG3 = 0, 4, 16, 24, 40  # offsets in struct seccomp_data
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2


def supported() -> bool:
    """Whether this is Linux, and its system call numbers on this machine are known here."""
    return platform.system() == "Linux" and platform.machine() in _ARCHITECTURES


def _program(machine: str, families: tuple[int, ...]) -> bytes:
    column, audit_arch = _ARCHITECTURES[machine]
    code: list[tuple[int, int, int, int]] = []

    def op(kind: int, k: int, *, yes: int = 0, no: int = 0) -> None:
        code.append((kind, yes, no, k))

    def refuse(number: int) -> None:
        op(_RET, _ERRNO | number)

    op(_LOAD, _ARCH)
    op(_JEQ, audit_arch, yes=1)
    op(_RET, _KILL)
    op(_LOAD, _NR)
    op(_JGE, 0x40000000, no=1)  # x32 calls: the same kernel by other numbers
    refuse(errno.EPERM)
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            op(_JEQ, number, no=1)
            refuse(errno.EPERM)
    op(_JEQ, _CLONE3[column], no=1)
    refuse(errno.ENOSYS)
    op(_JEQ, _CLONE[column], no=3)
    op(_LOAD, _ARG0)
    op(_JSET, _CLONE_NAMESPACES, yes=0, no=1)
    refuse(errno.EPERM)
    op(_LOAD, _NR)
    op(_JEQ, _FCNTL[column], no=4)
    op(_LOAD, _ARG1)
    op(_JEQ, _F_SETLEASE, yes=1)
    op(_JEQ, _F_NOTIFY, no=1)
    refuse(errno.EPERM)
    op(_LOAD, _NR)
    op(_JEQ, _MMAP[column], no=5)
    op(_LOAD, _ARG3)
    op(_JSET, _MAP_ANONYMOUS, no=2)
    op(_JSET, _MAP_SHARED, no=1)
    refuse(errno.EPERM)
    op(_LOAD, _NR)
    op(_JEQ, _SOCKET[column], no=len(families) + 2)
    op(_LOAD, _ARG0)
    for left, family in zip(range(len(families), 0, -1), families, strict=True):
        op(_JEQ, family, yes=left)
    refuse(errno.EAFNOSUPPORT)
    op(_RET, _ALLOW)
    return b"".join(struct.pack("<HBBI", *line) for line in code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def every_cell(*, netlink: bool = False) -> bytes:
    """The filter that every cell has. `netlink`: gloo asks the kernel for its addresses."""
    families = (*_FAMILIES, _NETLINK) if netlink else _FAMILIES
    return _program(platform.machine(), families)


def no_sockets() -> bytes:
    """A further filter for the ranks of a gloo world, once they are connected: no new
    socket, so that what connects the ranks is what the lab gave them."""
    column, audit_arch = _ARCHITECTURES[platform.machine()]
    lines = [(_LOAD, 0, 0, _ARCH), (_JEQ, 1, 0, audit_arch), (_RET, 0, 0, _KILL)]
    lines.append((_LOAD, 0, 0, _NR))
    for numbers in (_SOCKET, *_CONNECTING):
        lines += [(_JEQ, 0, 1, numbers[column]), (_RET, 0, 0, _ERRNO | errno.EPERM)]
    lines.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def install(libc: ctypes.CDLL, code: bytes) -> None:
    """Give this thread and its children a filter, for good. OSError on failure."""
    memory = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(memory))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs refused")
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp filter refused")
