"""The untrusted side, and the trusted ends of the lines to it.

Theory of operation
-------------------
    grader (trusted)                      launcher.py, client.py
      | control: Spawn, Kill / Spawned, Exited        one socketpair a host
    host (ours, inside bubblewrap)        host.py
      | fork, new namespaces, limits      confine.py
    cell (the submission)                 cell.py
      wire: Load, Call / Loaded, Returned, ...        one socketpair a cell, to the grader

A host is a Python process that bubblewrap started on a nearly empty disk with the
packages of one profile imported. It never runs student code: it forks cells, reaps
them, and watches their memory. A cell has one line out, its wire. Modules named in
INSIDE are all of aisys that a host can see.
"""

# Where the launcher binds /proc/sys/user writable: opened for writing by a process with
# CAP_SYS_RESOURCE in its own user namespace only, that is by a cell before it drops it.
USER_LIMIT = "/aisys/limits/user/max_user_namespaces"

INSIDE = (
    *("frames.py", "limits.py", "wire.py", "host.py", "cell.py", "confine.py", "seccomp.py"),
    *("landlock.py", "comm.py", "links.py"),
)
