"""All that descends from a process, found and ended.

A subreaper inherits the orphans of its descendants, so that nothing gets out of its tree.  What is
stopped cannot fork any more: with a limit to their number, all are stopped in the end, and killed.
"""

import os
import sys
import time

from sandbox.warden.signals import signals

PATIENCE = 5.0  # seconds to end everything
DEAD = frozenset("ZX")  # states of what ended
HEADLESS = "headless"  # our word for a process of which only the first thread ended


def inherit_orphans() -> None:
    """Be the parent of whoever below us loses its own."""
    if sys.platform == "linux":
        from sandbox.linux import kernel  # noqa: PLC0415 (there is none elsewhere)

        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, number: int) -> None:
    """Get this signal when the parent dies."""
    if sys.platform == "linux":
        from sandbox.linux import kernel  # noqa: PLC0415

        kernel.die_with(parent, number)


def descendants(ancestor: int) -> dict[int, str]:
    """The state of each process below, by process id; the dead that nobody reaped are left out.

    A process whose first thread ended shows a dead one's state while its other threads go on.
    """
    if sys.platform == "darwin":
        return {}
    children: dict[int, list[tuple[int, str]]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            found = parent_and_state(name)
            if found is not None:
                children.setdefault(found[0], []).append((int(name), found[1]))
    below: dict[int, str] = {}
    new = [ancestor]
    while new:
        for pid, state in children.get(new.pop(), ()):
            new.append(pid)
            if state not in DEAD:
                below[pid] = state
    return below


def end() -> None:
    """Kill all our descendants, and reap those that are our children."""
    until = time.monotonic() + PATIENCE
    stopped: set[int] = set()
    while not childless() and time.monotonic() < until:
        below = descendants(os.getpid())
        new = below.keys() - stopped
        for pid in new or below.keys():
            send(pid, signals.SIGSTOP if new else signals.SIGKILL)
        stopped |= new
        if not new:
            time.sleep(0.001)
    if not childless():  # in vain, if we were too slow; but in no case later
        for pid in descendants(os.getpid()):
            send(pid, signals.SIGKILL)
        reap()


def childless() -> bool:
    """Whether, once the dead are reaped, we have no child; then we have no descendant either."""
    reap()
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def reap() -> dict[int, int]:
    """How each child ended that did, by process id."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def memory(ancestor: int) -> int:
    """Bytes of memory that all descendants hold."""
    pages = 0
    for pid, state in descendants(ancestor).items():
        try:
            if state == HEADLESS:  # its memory is seen by way of the threads that live
                threads = os.listdir(f"/proc/{pid}/task")
                pages += max(_pages(f"{pid}/task/{thread}") for thread in threads)
            else:
                pages += _pages(str(pid))
        except (OSError, ValueError, IndexError):
            continue  # gone meanwhile
    return pages * os.sysconf("SC_PAGESIZE")


def _pages(thread: str) -> int:
    with open(f"/proc/{thread}/statm", encoding="ascii") as file:
        return int(file.read().split()[1])


def parent_and_state(pid: str) -> tuple[int, str] | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        state, parent, threads = fields[0], int(fields[1]), int(fields[17])
    except (OSError, ValueError, IndexError):
        return None
    return parent, HEADLESS if state in DEAD and threads > 1 else state


def send(pid: int, number: int) -> None:
    """Send a signal, if it still is there and ours."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
