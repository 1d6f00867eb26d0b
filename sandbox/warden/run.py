"""Start a program in a sandbox, watch it, and end all of it when anybody ends.

Two processes: the outer one is what the launcher sees, the inner one the program's parent.  Each
inherits the orphans of what is below and notices the death of the other, and so no single SIGKILL,
to the launcher or to either of them, leaves anything running.
"""

from __future__ import annotations

import os
import sys

from sandbox import backends
from sandbox.warden import scratch, tree
from sandbox.warden.say import tell
from sandbox.warden.signals import signals
from sandbox.warden.watch import Watch

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from typing import Any

    Plan = dict[str, Any]

FAILED = 126  # exit code: the sandbox could not be set up, and nothing was run
FORWARDED = (signals.SIGTERM, signals.SIGINT, signals.SIGHUP)


def run(plan: Plan, tie: int | None = None) -> int | None:
    """The program's exit code, once all of it is gone; ``tie`` closes when the launcher ends.

    Without a command in the plan, it returns None in a new process that is confined.
    """
    outer = os.getpid()
    user = _user()
    folder = scratch.make(plan["temporary"], user)
    if plan["sha256"] is not None:
        from sandbox.warden import copied  # noqa: PLC0415 (seldom)

        if wrong := copied.program(plan, user):
            tell(wrong)
            _remove(plan, folder)
            return FAILED
    tree.inherit_orphans()
    inner = os.fork()
    if inner == 0:
        code = _inner(plan, tie, folder, user, outer)
        if code is None:
            return None
        os._exit(code)
    for number in FORWARDED:
        signals.signal(number, lambda number, _: _forward(inner, number))
    _, status = os.waitpid(inner, 0)
    tree.end()
    _remove(plan, folder)
    return exit_code(status)


def _user() -> int | None:
    """Whom to become, if we are root."""
    if os.getuid() != 0 or sys.platform != "linux":
        return None
    from sandbox.linux import root  # noqa: PLC0415 (there is none elsewhere)

    return root.some_user()


def exit_code(status: int) -> int:
    """As shells have it: 128 + n for one that signal n ended."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _forward(inner: int, number: int) -> None:
    try:
        os.kill(inner, number)
    except ProcessLookupError:
        return


def _inner(plan: Plan, tie: int | None, folder: str, user: int | None, outer: int) -> int | None:
    os.setsid()  # what is sent to the outer one's group is for it to pass on
    watch = Watch(plan, tie, folder, outer)
    try:
        if not watch.start(backends.BY_NAME[plan["backend"]], user):
            return None
        return watch.until_it_ends()
    except OSError as error:
        tell(f"cannot be set up: {error}")
        return FAILED
    finally:
        if os.getpid() == watch.pid:
            watch.end()
            _remove(plan, folder)  # the outer one may be dead


def _remove(plan: Plan, folder: str) -> None:
    for path in (folder, plan.get("copied")):
        if path is not None:
            scratch.remove(path)
