"""What the program's process does to itself before it is the program."""

from __future__ import annotations

import os
import sys

from sandbox.warden import limits, tree
from sandbox.warden.say import tell
from sandbox.warden.signals import signals

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

CANNOT = 126


def become(
    plan: dict[str, Any],
    backend: ModuleType,
    folder: str,
    user: int | None,
    warden: tuple[int, int, int],
) -> None:
    """Confine this process and execute the command; without one, return confined.

    ``warden`` is its process id, where it hears the number of our listener, and where we hear that
    it has it.
    """
    try:
        _confined(plan, backend, folder, user, warden)
    except OSError as error:
        tell(f"cannot be set up ({backend.NAME}): {error}")
        os._exit(CANNOT)
    if plan["command"]:
        tell(f"{plan['command'][0]} did not start")
        os._exit(CANNOT)


def _confined(
    plan: dict[str, Any],
    backend: ModuleType,
    folder: str,
    user: int | None,
    warden: tuple[int, int, int],
) -> None:
    parent, say, go = warden
    os.setsid()
    _no_other_descriptors({say, go, *plan["kept"]})
    for descriptor in plan["kept"]:
        os.set_inheritable(descriptor, True)
    if user is not None:
        _as(user, plan, folder)
    limits.impose(plan["limits"], backend.SPARE)
    os.umask(0o077)
    os.chdir(folder)
    home = {"HOME": folder, "TMPDIR": folder}
    plan["environment"] = home | plan["environment"]
    if plan["command"]:
        for number in (signals.SIGPIPE, signals.SIGXFSZ):  # Python ignores them
            signals.signal(number, signals.SIG_DFL)
    tree.die_with(parent, signals.SIGKILL)
    if sys.platform == "linux":
        _questions_to_the_warden(say, go)
    os.close(say)
    os.close(go)
    backend.enter(plan, folder)


def _no_other_descriptors(kept: set[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for name in os.listdir("/dev/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                continue  # that by which we list


def _as(user: int, plan: dict[str, Any], folder: str) -> None:
    """Give up root; first, open the way to what the program may read."""
    from sandbox.linux import kernel, root  # noqa: PLC0415 (there is none elsewhere)

    try:
        kernel.own_mounts()
    except PermissionError:  # root of a container that may not mount: what is open is open
        pass
    else:
        root.let_in([*plan["readable"], folder])
        options = f"mode=0700,uid={user},gid={user},size={plan['limits']['scratch']},nr_inodes=4096"
        kernel.mount_tmpfs(folder, options)
    root.give_up(user)


def _questions_to_the_warden(say: int, go: int) -> None:
    from sandbox.linux import filters, kernel  # noqa: PLC0415

    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    listener = filters.install(filters.asking(), listening=True)
    os.write(say, str(listener).encode())
    if not os.read(go, 1):
        raise OSError("the warden does not answer")
    os.close(listener)
