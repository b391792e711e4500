"""Become an unprivileged server that dies with its parent; run as a script, before any other import.

`python -I -S launch.py PARENT_PID UID GID SIGNAL PROGRAM [ARGUMENT ...]`; UID -1 keeps the user.
A script and not `preexec_fn`, because Python code between fork and exec can deadlock in a process with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop privileges, ask the kernel for SIGNAL at the parent's death, and turn into PROGRAM."""
    parent, uid, gid, death_signal = (int(word) for word in sys.argv[1:5])
    program = sys.argv[5:]
    if uid >= 0:
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it. The parent may have died before this line: look again.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            return
    os.execv(program[0], program)  # noqa: S606  (no shell is wanted; the caller names the program)


if __name__ == "__main__":
    main()
